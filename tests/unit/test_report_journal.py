"""The journal's writer: whole lines or none, and only by the process that began it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from netcompliance.report import saved
from netcompliance.report.journal import Journal, Unwritten
from netcompliance.report.redact import Redactor
from tests.fakes import journals

SEEN = {"vantage": "local", "kind": "host", "text": "x" * 1000}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """One that has begun."""
    journal = Journal(tmp_path / "journal.jsonl", Redactor())
    journal.header("0", journals.STARTED, journals.SETTINGS, journals.HEAD)
    return journal


def test_each_record_is_in_the_file_when_it_is_made(journal: Journal):
    for number in range(1, 4):
        journal.observation(SEEN)
        assert saved.read(journal.path).counted["observation"] == number
    assert journal.sha256 == saved.read(journal.path).sha256


def test_what_does_not_fit_on_the_disk_leaves_no_half_line(journal: Journal, monkeypatch: pytest.MonkeyPatch):
    journal.observation(SEEN)
    write, room = os.write, 500

    def nearly_full(file: int, data: memoryview) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written, room = write(file, data[:room]), 0
        return written

    monkeypatch.setattr("os.write", nearly_full)
    for _ in range(2):
        with pytest.raises(Unwritten, match="No space left on device"):
            journal.observation(SEEN)
    monkeypatch.undo()
    with pytest.raises(Unwritten, match="No space left on device"):
        journal.footer([], journals.STARTED)
    read = saved.read(journal.path)
    assert (read.counted["observation"], read.footer) == (1, None)
    assert journal.path.read_bytes().endswith(b"}\n")


def test_a_fork_does_not_write(journal: Journal):
    child = os.fork()
    if not child:
        try:
            journal.observation(SEEN)
        except Unwritten:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    journal.observation(SEEN)
    assert saved.read(journal.path).counted["observation"] == 1


def test_nothing_follows_the_footer(journal: Journal):
    journal.footer([], journals.STARTED)
    with pytest.raises(Unwritten):
        journal.observation(SEEN)
    assert saved.read(journal.path, complete=True).footer


def test_an_existing_journal_is_never_written_over(journal: Journal):
    with pytest.raises(FileExistsError):
        Journal(journal.path, Redactor())
