"""A journal of a gigabyte is refused in one line, within a process that may have half of one."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.fakes import journals

HEADER, CASE, *_ = journals.of_schema_1().splitlines(keepends=True)
GIGABYTE = 1 << 30
MEMORY = 768 << 20
"""Bytes of address space: twice of what is needed, and less than the file."""


def one_line(file: BinaryIO) -> None:
    """A line that never ends. The file is sparse."""
    file.truncate(GIGABYTE)


def many_cases(file: BinaryIO) -> None:
    """More planned cases than are kept, and behind them nothing but zeros."""
    record = json.loads(CASE)
    lines = [json.dumps(record | {"target": f"t{number}"}).encode() + b"\n" for number in range(1000)]
    for _ in range(250):
        file.write(b"".join(lines))
    file.truncate(GIGABYTE)


def many_observations(file: BinaryIO) -> None:
    """A visit that saw more than one can, at a vantage that did not end it."""
    values = b'{"type":"observation","vantage":"local","kind":"x","values":[' + b"[]," * 80_000 + b"0]}\n"
    for _ in range(40):
        file.write(values)
    file.truncate(GIGABYTE)


@pytest.mark.parametrize(
    ("fill", "action", "told"),
    [
        (one_line, "show", "line 2 is longer than 4 MiB"),
        (one_line, "verify", "line 2 is longer than 4 MiB"),
        (many_cases, "show", "more cases and verdicts than are read here"),
        (many_observations, "show", "line 42 is longer than 4 MiB"),
        (many_observations, "judge", "line 42 is longer than 4 MiB"),
    ],
)
def test_a_gigabyte_does_not_fill_the_memory(tmp_path: Path, fill: Callable[[BinaryIO], None], action: str, told: str):
    path = tmp_path / "journal.jsonl"
    with path.open("wb") as file:
        file.write(HEADER)
        fill(file)
    done = subprocess.run(
        [sys.executable, "-m", "netcompliance.cli", action, str(path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    path.unlink()
    assert (done.returncode, done.stdout) == (4, "")
    (line,) = done.stderr.splitlines()
    assert told in line


def test_more_observations_than_a_run_makes_are_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from netcompliance import again, catalogue
    from netcompliance.report import saved

    path = tmp_path / "journal.jsonl"
    path.write_bytes(journals.of_schema_1())
    read = saved.read(path)
    monkeypatch.setattr(again, "HELD_LIMIT", 50_000)
    with pytest.raises(saved.BadJournal, match=r"line \d+: more observations than one run makes"):
        again.judge_again(read, catalogue.load(), again.run_date(read), pinned=True)
