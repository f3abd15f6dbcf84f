"""What all own tests share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
FAKES = Path(__file__).resolve().parent / "support"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A pytest process of the suites that has ended."""

    code: int
    out: str
    err: str
    reports: Path

    def directory(self, tenant: str = "acme") -> Path:
        """The one report directory of a tenant."""
        (found,) = (self.reports / tenant).iterdir()
        return found

    def journal(self, tenant: str = "acme") -> list[dict[str, Any]]:
        """The journal's records."""
        text = (self.directory(tenant) / "journal.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def page(self, tenant: str = "acme") -> str:
        """The HTML report."""
        return (self.directory(tenant) / "report.html").read_text(encoding="utf-8")


RunSuites = Callable[..., Ended]


def pytest_configure() -> None:
    """What tests start must be able to be interrupted, also where we are in the background (`… &`, `nohup`)."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the working copy."""
    return CHECKOUT


@pytest.fixture
def run_suites(tmp_path: Path) -> RunSuites:
    """Runs the suites from the checkout, with a scripted network where a script is given."""

    def run(
        *arguments: str,
        script: Mapping[str, Any] | None = None,
        tenant: Sequence[str] = ("acme",),
        env: Mapping[str, str] | None = None,
        report_dir: str | None = None,
    ) -> Ended:
        reports = tmp_path / "reports"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:hypothesispytest",
            "-p",
            "no:anyio",
            *(f"--tenant={name}" for name in tenant),
        ]
        if report_dir != "":
            command.append(f"--report-dir={report_dir or reports}")
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COLUMNS", "STS_", "NO_COLOR"))}
        environ |= {"COLUMNS": "80", "PYTHONPATH": f"{CHECKOUT / 'src'}:{FAKES}", **(env or {})}
        if script is not None:
            told = tmp_path / "script.json"
            told.write_text(json.dumps(script), encoding="utf-8")
            command += ["-p", "scripted"]
            environ["NETCOMPLIANCE_SCRIPT"] = str(told)
        done = subprocess.run(
            [*command, *arguments], cwd=CHECKOUT, env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        return Ended(code=done.returncode, out=done.stdout, err=done.stderr, reports=reports)

    return run
