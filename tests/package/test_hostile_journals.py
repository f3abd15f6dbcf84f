"""A journal of a gigabyte is refused in one line, within a process that may have half of one."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.support import journals

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
    file.writelines(json.dumps(record | {"target": f"{number:06}" * 100}).encode() + b"\n" for number in range(300_000))
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
        (many_observations, "report", "line 42 is longer than 4 MiB"),
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
    from netcompliance import catalogue, rejudge
    from netcompliance.journal import reader

    path = tmp_path / "journal.jsonl"
    path.write_bytes(journals.of_schema_1())
    read = reader.read(path)
    monkeypatch.setattr(rejudge, "HELD_LIMIT", 50_000)
    with pytest.raises(reader.BadJournal, match=r"line \d+: more observations than one run makes"):
        rejudge.rejudge(read, catalogue.load(), rejudge.run_date(read), pinned=True)


def test_what_was_seen_of_many_hosts_at_once_is_held_of_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """However many were visited side by side, none makes the evidence of the others unreadable."""
    from netcompliance import catalogue, rejudge
    from netcompliance.journal import reader
    from netcompliance.journal.redact import Redactor
    from netcompliance.journal.writer import Journal

    journal = Journal(tmp_path / "journal.jsonl", Redactor())
    journal.header("0123456789abcdef", journals.STARTED, journals.SETTINGS, journals.HEAD)
    hosts = [f"ssh://node-{number}" for number in range(1, 11)]
    for number in range(3):
        for host in hosts:
            journal.observation({"vantage": host, "kind": "http", "body": "x" * 20_000, "number": number})
    for host in hosts:
        journal.vantage(host, {})
    journal.footer([], journals.STARTED)
    read = reader.read(journal.path)
    held: list[int] = []
    monkeypatch.setattr(rejudge, "judge_vantage", lambda *given, **_: held.append(len(given[2])) or {})
    monkeypatch.setattr(rejudge, "HELD_LIMIT", 80_000)
    rejudge.rejudge(read, catalogue.load(), rejudge.run_date(read), pinned=True)
    assert held == [3] * len(hosts)
    monkeypatch.setattr(rejudge, "HELD_LIMIT", 50_000)
    with pytest.raises(reader.BadJournal, match="more observations than one run makes"):
        rejudge.rejudge(read, catalogue.load(), rejudge.run_date(read), pinned=True)


def test_of_the_records_of_a_run_of_a_watch_the_last_is_held():
    from netcompliance import rejudge

    some, places, weight = [], {}, 0
    for number in range(100):
        for run in (1, 2):
            weight += rejudge._hold(some, {"what": "run", "run": run, "samples": number}, 100 + number, places)
    assert [(each["run"], each["samples"]) for each in some] == [(1, 99), (2, 99)]
    assert weight == 2 * 199


def test_commas_in_a_text_weigh_as_much_as_other_letters():
    from netcompliance.journal import reader

    assert reader._weight({"body": "," * 100_000}) == reader._weight({"body": "x" * 100_000}) < 110_000
    assert reader._weight({"names": ["x"] * 100_000}) > 4_000_000


@pytest.mark.parametrize("error", [None, "the host sent what no probe sends"])
def test_what_a_host_said_that_was_not_visited_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str | None
):
    from netcompliance import catalogue, rejudge
    from netcompliance.journal import reader

    lines = [json.loads(line) for line in journals.of_schema_1().splitlines()]
    first = next(number for number, record in enumerate(lines) if record["type"] == "observation")
    flood = {"type": "observation", "vantage": "ssh://evil", "kind": "http", "body": "x" * 2_000_000}
    lines[first:first] = [flood, {"type": "vantage", "id": "ssh://evil", **({"error": error} if error else {})}]
    path = tmp_path / "journal.jsonl"
    body = b"".join(json.dumps(record).encode() + b"\n" for record in lines[:-1])
    footer = {**lines[-1], "sha256": hashlib.sha256(body).hexdigest()}
    path.write_bytes(body + json.dumps(footer).encode() + b"\n")
    monkeypatch.setattr(rejudge, "HELD_LIMIT", 1 << 20)
    read = reader.read(path)
    if error:
        assert rejudge.rejudge(read, catalogue.load(), rejudge.run_date(read), pinned=True)
        return
    with pytest.raises(reader.BadJournal, match="more observations than one run makes"):
        rejudge.rejudge(read, catalogue.load(), rejudge.run_date(read), pinned=True)
