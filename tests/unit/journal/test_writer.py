"""The journal's writer: whole lines or none, and only by the process that began it."""

from __future__ import annotations

import errno
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from netcompliance.journal import reader, writer
from netcompliance.journal.redact import Redactor
from netcompliance.journal.writer import LINE_LIMIT, VALUES_LIMIT, Journal, JournalWriteError
from netcompliance.model import Approved
from tests.support import journals

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
        assert reader.read(journal.path).counted["observation"] == number
    assert journal.sha256 == reader.read(journal.path).sha256


def test_what_was_written_is_read_back_from_where_it_stands(journal: Journal):
    seen = [{"vantage": "local", "kind": "http", "body": text, "number": 1.5} for text in ("a", "ñ\n", "\ud800", "b")]
    places = [journal.observation(each)[1] for each in seen]
    told = [{"type": "observation", **each} for each in seen]
    told[2]["body"] = "?"
    assert list(journal.read(places)) == told
    assert list(journal.read(reversed(places[1:3]))) == [told[2], told[1]]
    assert [r for r in reader.records(journal.path) if r["type"] == "observation"] == [
        {**each, "link": link["link"]} for each, link in zip(told, list(reader.records(journal.path))[1:], strict=True)
    ]
    journal.path.write_bytes(b"x" * 1000)
    with pytest.raises(JournalWriteError, match="it cannot be read back"):
        list(journal.read(places))


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
        with pytest.raises(JournalWriteError, match="No space left on device"):
            journal.observation(SEEN)
    monkeypatch.undo()
    with pytest.raises(JournalWriteError, match="No space left on device"):
        journal.footer([], journals.STARTED)
    read = reader.read(journal.path)
    assert (read.counted["observation"], read.footer) == (1, None)
    assert journal.path.read_bytes().endswith(b"}\n")


def test_a_fork_does_not_write(journal: Journal):
    child = os.fork()
    if not child:
        try:
            journal.observation(SEEN)
        except JournalWriteError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    journal.observation(SEEN)
    assert reader.read(journal.path).counted["observation"] == 1


def test_nothing_follows_the_footer(journal: Journal):
    journal.footer([], journals.STARTED)
    with pytest.raises(JournalWriteError):
        journal.observation(SEEN)
    assert reader.read(journal.path, complete=True).footer


def interrupting(at: int) -> Callable[..., Any]:
    """A trace that ends the writer, as a signal would, at the so manieth line of its code."""
    left = at

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename != writer.__file__:
            return None
        if event == "line":
            left -= 1
            if not left:
                raise KeyboardInterrupt
        return trace

    return trace


def ended_at_any_line(tmp_path: Path, act: Callable[[Journal], None]) -> Iterator[tuple[Journal, bool]]:
    """A journal for each line of the writer's code at which a signal ended `act`, and one where none did."""
    for at in itertools.count(1):
        journal = Journal(tmp_path / f"{at}.jsonl", Redactor())
        journal.header("0123456789abcdef", journals.STARTED, journals.SETTINGS, journals.HEAD)
        traced, interrupted = sys.gettrace(), False
        sys.settrace(interrupting(at))
        try:
            act(journal)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            sys.settrace(traced)
        yield journal, interrupted
        if not interrupted:
            return


def see(journal: Journal) -> None:
    journal.observation(SEEN)


def test_a_signal_at_any_point_breaks_no_chain(tmp_path: Path):
    points, counted = 0, set()
    for journal, interrupted in ended_at_any_line(tmp_path, see):
        points += interrupted
        journal.observation(SEEN)
        journal.footer([], journals.STARTED)
        counted.add(reader.read(journal.path, complete=True).counted["observation"])
    assert points > 10
    assert counted == {1, 2}, "it was written, or it was not"


def test_a_signal_in_the_footer_leaves_one(tmp_path: Path):
    points = 0
    for journal, interrupted in ended_at_any_line(tmp_path, lambda journal: journal.footer([], journals.STARTED)):
        points += interrupted
        if not journal.ended:
            journal.footer([], journals.STARTED)
        assert reader.read(journal.path, complete=True).footer
    assert points > 10


@pytest.mark.parametrize("part", [0, 10, 10_000])
def test_a_signal_within_a_write_leaves_no_half_line(journal: Journal, monkeypatch: pytest.MonkeyPatch, part: int):
    write = os.write

    def interrupted(file: int, data: bytes) -> int:
        write(file, data[:part])
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.observation(SEEN)
    monkeypatch.setattr(os, "write", write)
    journal.observation(SEEN)
    journal.footer([], journals.STARTED)
    assert reader.read(journal.path, complete=True).counted["observation"] == (2 if part == 10_000 else 1)


def test_an_existing_journal_is_never_written_over(journal: Journal):
    with pytest.raises(FileExistsError):
        Journal(journal.path, Redactor())


def test_no_line_is_written_that_cannot_be_read(tmp_path: Path):
    for text in ("x" * LINE_LIMIT, "," * (VALUES_LIMIT + 1)):
        path = tmp_path / str(len(text))
        journal = Journal(path, Redactor())
        journal.observation({"vantage": "local", "kind": "tcp", "text": "before"})
        with pytest.raises(JournalWriteError, match="more than a journal can hold"):
            journal.observation({"vantage": "local", "kind": "tcp", "text": text})
        journal.close()
        assert path.read_bytes().count(b"\n") == 1


def test_a_long_list_is_written_and_recalled(tmp_path: Path):
    entries = tuple(
        Approved(text=f"10.0.{n >> 8}.{n & 255}", blocks=(f"10.0.{n >> 8}.{n & 255}/32",)) for n in range(13000)
    )
    settings = replace(journals.SETTINGS, approved=entries, allow_list=tuple(sorted(entry.text for entry in entries)))
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, Redactor())
    journal.header("0123456789abcdef", journals.STARTED, settings, journals.HEAD)
    journal.close()
    assert reader.read(path).settings == settings
