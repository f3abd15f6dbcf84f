"""How much memory does a run take whatever its hosts send? 50 hosts that flood, without the lab and without a network.

    python bench/flood                 every kind of flood: in a visit, in a visit of a slow machine, in a watch
    python bench/flood deep held       these kinds only
    python bench/flood --hosts 200     with another number of hosts
    python bench/flood --when visit    in a visit alone

The suite runs as it is, in a network namespace of its own with nothing in it; `ssh` is a program of this bench that
takes the place of a host and floods (`stranger.py`). What counts is the most that the suite's process ever had (VmHWM),
from its first import to its report. On a slow machine it is held up again and again, and the hosts are not.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stranger import CLAIMS, FLOODS

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
LIMIT = 300
"""Megabytes."""
QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
WATCH = ("--watch=10s", "--every=1s")
WHEN = ("visit", "slow", "watch")
STOPPED, RUNNING = 0.4, 0.1
"""Seconds that a slow machine does nothing, and something."""
CONTROLLERS = ("chain", "public-dns", "chart")
"""What no host says."""


def main() -> None:
    """Run what was asked for; exit code 1 if the limit was passed."""
    parser = argparse.ArgumentParser(prog="python bench/flood", description=__doc__.partition("\n")[0])
    parser.add_argument("floods", nargs="*", choices=[*FLOODS, *CLAIMS, []], default=[])
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--when", choices=WHEN, action="append")
    asked = parser.parse_args()
    worst = 0.0
    when = asked.when or WHEN
    print(f"{asked.hosts} hosts, each floods\n{'flood':<12}{''.join(f'{each:>26}' for each in when)}")
    for flood in asked.floods or (*FLOODS, *CLAIMS):
        print(f"{flood:<12}", end="", flush=True)
        for each in when:
            if flood in CLAIMS and each == "watch":
                print(f"{'-':>26}", end="", flush=True)
                continue
            megabytes, seconds, told = _run(flood, asked.hosts, each)
            worst = max(worst, megabytes)
            print(f"{megabytes:>10.0f} MB {seconds:>5.0f} s {told:>5}", end="", flush=True)
        print()
    print(f"\nat most {worst:.0f} MB of {LIMIT}")
    sys.exit(worst > LIMIT)


def _run(flood: str, hosts: int, when: str) -> tuple[float, float, str]:
    """Megabytes at most, seconds, and how many verdicts came of it."""
    with tempfile.TemporaryDirectory() as directory:
        program, world = Path(directory, "ssh"), Path(directory, "world.json")
        world.write_text(json.dumps(_usual()))
        flooded = "watch" if when == "watch" else "visit"
        call = f"import stranger\nstranger.main({flood!r}, {flooded!r}, {str(world)!r}, {hosts})\n"
        paths = [str(HERE), str(CHECKOUT / "src")]
        program.write_text(f"#!{sys.executable} -ISB\nimport sys\nsys.path[:0] = {paths!r}\n{call}")
        program.chmod(0o755)
        approved = Path(directory, "approved")
        approved.write_text("198.51.100.7\n")
        named = ",".join(f"ssh://stranger-{number}" for number in range(1, hosts + 1))
        command = [sys.executable, "-m", "pytest", "--tenant=acme", f"--hosts={named}", f"--report-dir={directory}/r"]
        command += [f"--allow-list={approved}"]
        environment = {
            **os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "PYTHONPATH": str(CHECKOUT / "src"),
        }  # fmt: skip
        begin = time.monotonic()
        suite = subprocess.Popen(
            ["unshare", "--net", *command, *QUIET, *(WATCH if when == "watch" else [])],
            cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert suite.stdout
        os.set_blocking(suite.stdout.fileno(), False)
        megabytes, output = 0.0, b""
        while suite.poll() is None:
            megabytes = max(megabytes, _megabytes(suite.pid))
            output = (output + (suite.stdout.read() or b""))[-4096:]
            if when == "slow":
                suite.send_signal(signal.SIGSTOP)
                time.sleep(STOPPED)
                suite.send_signal(signal.SIGCONT)
            time.sleep(RUNNING)
        suite.stdout.close()
        if suite.returncode not in (0, 1):
            sys.exit(output.decode(errors="replace"))
        seconds = time.monotonic() - begin
        (journal,) = Path(directory, "r").glob("*/*/journal.jsonl")
        with journal.open("rb") as lines:
            verdicts = sum(b'"type":"verdict"' in line[:40] for line in lines)
        return megabytes, seconds, str(verdicts)


def _usual() -> list[dict[str, object]]:
    """What a host says of a right world."""
    sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "src")]
    from tests.unit.judge.world import healthy

    seen = [record for record in healthy() if record["kind"] not in (*CONTROLLERS, "probe")]
    return [{name: value for name, value in record.items() if name not in ("type", "vantage")} for record in seen]


def _megabytes(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return max((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmHWM")), default=0.0)


main()
