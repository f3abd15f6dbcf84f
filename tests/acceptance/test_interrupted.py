"""Real runs that are ended in the middle of their visits: what they saw is kept, what they did not judge is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netcompliance.cli.main import main
from netcompliance.journal import reader

pytestmark = pytest.mark.lab

WORLD = "one-address-dropped"
"""A visit takes 5 s here, most of which is waiting for packets that do not come."""
LONGEST = 90.0


class Run:
    """A run of the suite in the lab that has seen something and is not over."""

    def __init__(self, checkout: Path, reports: Path) -> None:
        suite = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tenant=acme", f"--report-dir={reports}"]
        inside = [sys.executable, str(checkout / "tests" / "acceptance" / "signalled.py"), str(reports / "signal")]
        self.reports = reports
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab", "run", "--scenario", WORLD, "--", *inside, *suite],
            cwd=checkout,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "STS_"))},
        )

    @property
    def journal(self) -> Path:
        """Where it is, once it is."""
        return next(self.reports.glob("acme/*/journal.jsonl"), self.reports / "none")

    def wait_until_it_saw_something(self) -> None:
        """Some observations are there, and no verdict."""
        end = time.monotonic() + LONGEST
        while time.monotonic() < end and self._process.poll() is None:
            if self.journal.exists() and self.journal.read_bytes().count(b'"type":"observation"') > 20:
                return
            time.sleep(0.02)
        raise AssertionError(f"nothing was seen: {self._process.communicate()[0]}")

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send the signal to pytest itself, and wait for all to end."""
        asked = self.reports / "asked"
        asked.write_text(str(int(number)))
        asked.rename(self.reports / "signal")
        told, _ = self._process.communicate(timeout=LONGEST)
        return self._process.returncode, told

    def kill(self) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def begun(checkout: Path, tmp_path: Path):
    """A run in the middle of its visits."""
    run = Run(checkout, tmp_path)
    try:
        run.wait_until_it_saw_something()
        yield run
    finally:
        run.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_ends_in_order(
    begun: Run, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = begun.journal.read_bytes()
    code, told = begun.end(number)
    assert code == pytest.ExitCode.INTERRUPTED, told
    assert begun.journal.read_bytes().startswith(seen)
    read = reader.read(begun.journal, complete=True)
    assert read.footer
    assert read.footer["overall"] == read.overall == "undetermined"
    assert read.footer["counts"]["error"] == len(read.cases) == len(read.entries)
    assert "acme: undetermined" in told
    assert main(["show", str(begun.journal)]) == 1
    assert f"{len(read.cases)} without a verdict" in capsys.readouterr().out
    assert main(["verify", str(begun.journal.parent)]) == 0
    assert f"note  plan       {len(read.cases)} of {len(read.cases)} planned cases have no" in capsys.readouterr().out


def test_a_killed_run_keeps_what_it_saw_and_is_no_evidence(begun: Run, capsys: pytest.CaptureFixture[str]) -> None:
    seen = begun.journal.read_bytes()
    code, told = begun.end(signal.SIGKILL)
    assert code == 128 + signal.SIGKILL, told
    assert begun.journal.read_bytes().startswith(seen)
    read = reader.read(begun.journal)
    assert (read.footer, read.overall) == (None, "undetermined")
    assert len(list(read.observations())) > 20
    assert main(["show", str(begun.journal)]) == 1
    shown = capsys.readouterr()
    assert "undetermined" in shown.out
    assert "cut off" in shown.err
    assert main(["judge", str(begun.journal)]) == 4
    assert main(["verify", str(begun.journal.parent)]) == 1
