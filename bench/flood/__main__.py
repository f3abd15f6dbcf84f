"""How much memory does a run take whatever its hosts send? 50 hosts that flood, without the lab and without a network.

    python bench/flood                 every kind of flood, in a visit and in a watch
    python bench/flood deep held       these kinds only
    python bench/flood --hosts 200     with another number of hosts

The suite runs as it is, in a network namespace of its own with nothing in it; `ssh` is a program of this bench that
takes the place of a host and floods (`stranger.py`). What counts is the most that the suite's process ever had (VmHWM).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stranger import FLOODS

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
LIMIT = 300
"""Megabytes."""
QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
WATCH = ("--watch=10s", "--every=1s")


def main() -> None:
    """Run what was asked for; exit code 1 if the limit was passed."""
    parser = argparse.ArgumentParser(prog="python bench/flood", description=__doc__.partition("\n")[0])
    parser.add_argument("floods", nargs="*", choices=[*FLOODS, []], default=[])
    parser.add_argument("--hosts", type=int, default=50)
    asked = parser.parse_args()
    worst = 0.0
    print(f"{asked.hosts} hosts, each floods\n{'flood':<10}{'in a visit':>24}{'in a watch':>24}")
    for flood in asked.floods or FLOODS:
        cells = [_run(flood, asked.hosts, watching=watching) for watching in (False, True)]
        worst = max(worst, *(megabytes for megabytes, _ in cells))
        print(f"{flood:<10}" + "".join(f"{mb:>12.0f} MB {seconds:>6.1f} s" for mb, seconds in cells), flush=True)
    print(f"\nat most {worst:.0f} MB of {LIMIT}")
    sys.exit(worst > LIMIT)


def _run(flood: str, hosts: int, *, watching: bool) -> tuple[float, float]:
    """Megabytes at most, and seconds."""
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory, "ssh")
        when = "watch" if watching else "visit"
        call = f"import stranger\nstranger.main({flood!r}, {when!r})\n"
        program.write_text(f"#!{sys.executable} -ISB\nimport sys\nsys.path[:0] = [{str(HERE)!r}]\n{call}")
        program.chmod(0o755)
        named = ",".join(f"ssh://stranger-{number}" for number in range(1, hosts + 1))
        command = [sys.executable, "-m", "pytest", "--tenant=acme", f"--hosts={named}", f"--report-dir={directory}/r"]
        environment = {
            **os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "PYTHONPATH": str(CHECKOUT / "src"),
        }  # fmt: skip
        begin = time.monotonic()
        suite = subprocess.Popen(
            ["unshare", "--net", *command, *QUIET, *(WATCH if watching else [])],
            cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert suite.stdout
        os.set_blocking(suite.stdout.fileno(), False)
        megabytes, output = 0.0, b""
        while suite.poll() is None:
            megabytes = max(megabytes, _megabytes(suite.pid))
            output = (output + (suite.stdout.read() or b""))[-4096:]
            time.sleep(0.1)
        suite.stdout.close()
        if suite.returncode not in (0, 1):
            sys.exit(output.decode(errors="replace"))
        return megabytes, time.monotonic() - begin


def _megabytes(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return max((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmHWM")), default=0.0)


main()
