"""`docs/change-window.md`, run as it is written: every command, in one shell, in one lab."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from netcompliance.change import baseline

pytestmark = pytest.mark.lab

DOCUMENT = "docs/change-window.md"
INTERRUPTION = Path(__file__).with_name("interruption.py")
LONGEST = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What was left of the window."""

    directory: Path
    commands: list[tuple[str, int]]
    """Each command with its exit code."""
    output: str

    def runs(self) -> list[Path]:
        """The runs, the first one first."""
        return sorted((self.directory / "reports" / "acme").iterdir())


def commands(checkout: Path) -> list[str]:
    """Every line of every shell block."""
    text = (checkout / DOCUMENT).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def night(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The document as one script. After each command its exit code is written down, and nothing else is added."""
    directory = tmp_path_factory.mktemp("window")
    lines = commands(checkout)
    script = "".join(f"{line}\necho $? >> codes\n" for line in lines)
    ran = subprocess.run(
        [sys.executable, "-m", "lab", "run", "--", sys.executable, str(INTERRUPTION), str(directory), script],
        cwd=checkout,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST,
        check=False,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "STS_", "COV"))},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "WINDOW": "15s",
        },
    )
    codes = (directory / "codes").read_text().split() if (directory / "codes").exists() else []
    assert len(codes) == len(lines), ran.stdout
    return Night(directory=directory, commands=list(zip(lines, map(int, codes), strict=True)), output=ran.stdout)


def test_every_command_ends_well(night: Night) -> None:
    assert [line for line, code in night.commands if code] == [], night.output
    asked = {line.split()[1] for line, _ in night.commands if line.startswith("netcompliance ")}
    assert asked == {"allowlist", "compare", "export", "history", "verify"}


def test_the_window_left_its_runs_and_files(night: Night) -> None:
    assert len(night.runs()) == 4
    for run in night.runs():
        assert baseline.side(run).overall == "satisfied"
        assert (run / "report.html").is_file()
    redirected = {match for line, _ in night.commands for match in re.findall(r"(?:> |--html )(\S+)", line)}
    assert redirected
    assert {name for name in redirected if not (night.directory / name).stat().st_size} == set()


def test_the_morning_is_compared_with_the_evening(night: Night) -> None:
    evening, morning = night.runs()[1], night.runs()[-1]
    journal = (morning / "journal.jsonl").read_text()
    assert '"outcome":"unharmed"' in journal
    assert baseline.side(evening).sha256 in journal
    assert "acme: nothing that was met before is unmet now" in night.output


def test_the_interruption_was_seen_and_accepted(night: Night) -> None:
    assert (night.directory / "interrupted").exists()
