"""How fast is it? Whole processes, timed by the operating system's own accounting.

    python bench/speed.py healthy      a complete run in the healthy small internet (bound: 2 s, 150 MB)
    python bench/speed.py scenarios    every scenario, the lab's start included (bound: 12 s each)
    python bench/speed.py import       what loading the plugin costs a pytest that has no use for it (bound: 30 ms)
    python bench/speed.py lab          the lab's own start and end, around `true` (bound: 3 s)

Each prints the command, and minimum, median and maximum of wall time, processor time and peak memory of the largest
process. Run it on a quiet machine; compare only figures of one run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

CHECKOUT = Path(__file__).resolve().parent.parent
LAB = [sys.executable, "-m", "lab", "run"]
SUITE = [sys.executable, "-m", "pytest", "-q", "--tenant=acme"]
RUNS = 7
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPATH": str(CHECKOUT / "src"),
}
"""As people have it: compiled modules are kept. The path is for the parts that run outside the checkout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One finished process."""

    wall: float
    cpu: float
    megabytes: float
    code: int


def measure(argv: Sequence[str], cwd: Path = CHECKOUT) -> Figure:
    """Run a command to its end, its output thrown away."""
    begin = time.monotonic()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(argv, cwd=cwd, env=ENVIRONMENT, **quiet) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Figure(
        wall=time.monotonic() - begin,
        cpu=usage.ru_utime + usage.ru_stime,
        megabytes=usage.ru_maxrss / 1024,
        code=process.returncode,
    )


def table(name: str, figures: Sequence[Figure]) -> None:
    """One command's figures."""
    codes = sorted({figure.code for figure in figures})
    print(f"{name}: {len(figures)} runs, exit codes {codes}")
    for label, values in (
        ("wall s", [f.wall for f in figures]),
        ("cpu s", [f.cpu for f in figures]),
        ("peak MB", [f.megabytes for f in figures]),
    ):
        print(f"  {label:8} min {min(values):7.2f}  median {median(values):7.2f}  max {max(values):7.2f}")


def inside() -> None:
    """The part of `healthy` that runs within the lab, so that the lab's own start is not counted."""
    with tempfile.TemporaryDirectory() as reports:
        command = [*SUITE, f"--report-dir={reports}"]
        measure(command)
        table("pytest --tenant=acme", [measure(command) for _ in range(RUNS)])


def healthy() -> None:
    """A complete healthy run."""
    subprocess.run([*LAB, "--", sys.executable, str(Path(__file__)), "inside"], cwd=CHECKOUT, check=True)


def scenarios() -> None:
    """Every scenario once, slowest first."""
    listing = subprocess.run([*LAB[:-1], "scenarios"], cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    names = [line.split()[0] for line in listing.splitlines() if line[:1].strip()]
    with tempfile.TemporaryDirectory() as reports:
        rows = [(measure([*LAB, "--scenario", name, "--", *SUITE, f"--report-dir={reports}"]), name) for name in names]
    for figure, name in sorted(rows, key=lambda row: -row[0].wall):
        print(f"{figure.wall:6.2f} s  {figure.megabytes:5.0f} MB  exit {figure.code}  {name}")
    walls = [figure.wall for figure, _ in rows]
    print(f"{len(rows)} scenarios: median {median(walls):.2f} s, slowest {max(walls):.2f} s")


def plugin_import() -> None:
    """pytest in an empty directory, with the plugin and without, in turn."""
    with tempfile.TemporaryDirectory() as empty:
        base = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p"]
        pairs = [
            (
                measure([*base, "netcompliance.plugin"], Path(empty)),
                measure([*base, "no:netcompliance.plugin"], Path(empty)),
            )
            for _ in range(3 * RUNS)
        ]
    extra = [1000 * (with_it.wall - without.wall) for with_it, without in pairs]
    print(
        f"plugin without --tenant: median {median(extra):.0f} ms more, in {len(extra)} pairs of `pytest --collect-only`"
    )


def lab_alone() -> None:
    """The lab around a command that does nothing."""
    table("python -m lab run -- true", [measure([*LAB, "--", "true"]) for _ in range(RUNS)])


PARTS = {"healthy": healthy, "scenarios": scenarios, "import": plugin_import, "lab": lab_alone, "inside": inside}

if __name__ == "__main__":
    wanted = sys.argv[1:] or ["lab", "import", "healthy", "scenarios"]
    if unknown := [name for name in wanted if name not in PARTS]:
        sys.exit(f"speed.py: unknown part {unknown[0]!r}; there are: {', '.join(PARTS)}")
    for part in wanted:
        PARTS[part]()
