"""How fast is it from many hosts? Real OpenSSH servers in the lab, everything on this machine, ratios of one run.

    python bench/hosts             50 hosts: against plain ssh, a Python over ssh, and a usual testinfra suite
    python bench/hosts 200         the same with another number (up to 250)
    python bench/hosts --dead      one host of them accepts and never speaks: what does it add?

Hosts, the servers of the lab's internet (the real daemons) and the controller share this machine's processors, so the
floor is what the same number of logins costs here, as many at once: `ssh HOST true`, and `ssh HOST python3 -c 'import
json, socket, ssl'` for any probe that installs nothing. The usual suite (`usual.py`) visits hosts one after the other,
as pytest-testinfra does; it is run on few of them and counted per host.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

CHECKOUT = Path(__file__).resolve().parents[2]
AT_ONCE = 32
RUNS = 3
USUAL_HOSTS = 2
QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
PYTHON = "python3 -c 'import json, socket, ssl'"
SILENT = "ssh://silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured run: seconds, and megabytes of the largest process where there is one."""

    wall: float
    megabytes: float = 0.0


def main() -> None:
    """Measure inside the lab; started outside of it, enter it first."""
    parser = argparse.ArgumentParser(prog="python bench/hosts", description=__doc__.partition("\n")[0])
    parser.add_argument("hosts", type=int, nargs="?", default=50)
    parser.add_argument("--dead", action="store_true")
    parser.add_argument(
        "--runs", type=int, default=RUNS, help=f"how often each is run; the median counts (default: {RUNS})"
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        (_dead if asked.dead else _compare)(asked.hosts, asked.runs)
        return
    lab = [sys.executable, "-m", "lab", "run", "--servers=real", f"--nodes={asked.hosts}", "--cast", "--"]
    flags = [f"--runs={asked.runs}", *(["--dead"] if asked.dead else []), "--inside"]
    inside = [sys.executable, __file__, str(asked.hosts), *flags]
    sys.exit(subprocess.call([*lab, *inside], cwd=CHECKOUT, env=_environment()))


def _compare(hosts: int, runs: int) -> None:
    names = [f"node-{number}" for number in range(1, hosts + 1)]
    candidates: dict[str, Callable[[], Figure]] = {
        "ssh HOST true": lambda: _logins(names, "true"),
        f"ssh HOST {PYTHON}": lambda: _logins(names, PYTHON),
        "pytest --tenant=acme --hosts=…": lambda: _suite([f"ssh://{name}" for name in names]),
    }
    figures = {name: [run() for run in [candidate] * runs] for name, candidate in candidates.items()}
    usual = _usual([f"ssh://{name}" for name in names[:USUAL_HOSTS]])
    walls = {name: median(figure.wall for figure in some) for name, some in figures.items()}
    _, floor, suite = walls.values()
    print(f"{hosts} hosts, {AT_ONCE} at once, median of {runs}, {os.cpu_count()} processors\n")
    for name, some in figures.items():
        print(f"{name:<56}{walls[name]:8.2f} s   ({min(f.wall for f in some):.2f} … {max(f.wall for f in some):.2f})")
    per_host = usual.wall / USUAL_HOSTS
    print(
        f"{f'usual pytest-testinfra suite, {USUAL_HOSTS} hosts':<56}{usual.wall:8.2f} s   {per_host:.2f} s per host\n"
    )
    print(f"suite : Python over ssh        {suite / floor:6.2f}")
    print(f"suite : plain ssh              {suite / walls['ssh HOST true']:6.2f}")
    print(f"usual suite, per host : suite  {per_host / (suite / hosts):6.1f}")
    print(
        f"peak memory of the suite       {max(f.megabytes for f in figures['pytest --tenant=acme --hosts=…']):6.0f} MB"
    )


def _dead(hosts: int, runs: int) -> None:
    names = [f"ssh://node-{number}" for number in range(1, hosts + 1)]
    without = [_suite(names).wall for _ in range(runs)]
    with_one = [_suite([*names[:-1], SILENT]).wall for _ in range(runs)]
    print(f"{hosts} hosts, all alive                 {median(without):6.2f} s   (median of {runs})")
    print(f"{hosts} hosts, one of them never speaks  {median(with_one):6.2f} s")
    print(f"it adds                            {median(with_one) - median(without):6.2f} s")


def _logins(names: Sequence[str], command: str) -> Figure:
    def login(name: str) -> None:
        subprocess.run(["ssh", "-o", "BatchMode=yes", name, command], check=True, stdin=subprocess.DEVNULL)

    begin = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(login, names))
    return Figure(wall=time.monotonic() - begin)


def _suite(vantages: Sequence[str]) -> Figure:
    with tempfile.TemporaryDirectory() as reports:
        options = ["--tenant=acme", f"--hosts={','.join(vantages)}", f"--report-dir={reports}"]
        return _process([sys.executable, "-m", "pytest", *QUIET, *options], CHECKOUT)


def _usual(vantages: Sequence[str]) -> Figure:
    """The usual suite, where it finds nothing of ours."""
    suite = str(Path(__file__).parent / "usual.py")
    command = [sys.executable, "-m", "pytest", *QUIET, "-p", "no:netcompliance.plugin", "-c", os.devnull]
    return _process([*command, f"--rootdir={Path(suite).parent}", f"--hosts={','.join(vantages)}", suite], Path("/"))


def _process(argv: Sequence[str], cwd: Path) -> Figure:
    begin = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(argv, cwd=cwd, env=_environment(), stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            output.seek(0)
            raise SystemExit(f"{' '.join(argv)}: exit code {process.returncode}\n{output.read().decode()}")
    return Figure(wall=time.monotonic() - begin, megabytes=usage.ru_maxrss / 1024)


def _environment() -> dict[str, str]:
    """As people have it: compiled modules are kept."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(CHECKOUT / "src")}


if __name__ == "__main__":
    main()
