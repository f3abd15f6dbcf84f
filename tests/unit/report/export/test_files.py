"""Exports as files: there whole or not at all, for others to read, and never in place of a device."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from netcompliance import exports
from netcompliance.config.validation import BadInput
from netcompliance.exports import Wanted
from tests.unit.report.export.journals import mixed, written


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def listed(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_one_that_others_can_read(tmp_path: Path, umask: None) -> None:
    exports.write(tmp_path / "x.prom", [b"new"])
    assert (listed(tmp_path), mode(tmp_path / "x.prom")) == (["x.prom"], 0o644)


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "x.prom"
    path.write_bytes(b"old")
    path.chmod(0o640)
    exports.write(path, [b"new"])
    assert (path.read_bytes(), mode(path)) == (b"new", 0o640)


def test_whoever_has_the_old_file_open_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        exports.write(path, [b"new"])
        assert reader.read() == b"old"


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        exports.write(path, [b"new"])
    assert (listed(tmp_path), path.read_bytes()) == (["x"], b"old")


def test_what_does_not_come_to_its_end_is_not_put_there(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"):
        exports.write(path, pieces())
    assert (listed(tmp_path), path.read_bytes()) == (["x"], b"old")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/file")
    exports.write(tmp_path / "link", [b"one"])
    exports.write(tmp_path / "link", [b"two"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").read_bytes() == b"two"


def test_a_link_to_itself_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert exports.wanted(["csv=loop"], 1, tmp_path) == (Wanted(format="csv", file=tmp_path / "loop"),)
    exports.write(tmp_path / "loop", [b"new"])
    assert (tmp_path / "loop").read_bytes() == b"new"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    exports.write(pipe, [b"con", b"tent"])
    reader.join(10)
    assert (read, stat.S_ISFIFO(pipe.stat().st_mode)) == ([b"content"], True)


def test_each_format_lands_beside_the_journal_or_where_it_was_asked_for(tmp_path: Path) -> None:
    journal, elsewhere = written(tmp_path, mixed()), tmp_path / "x.csv"
    asked = [Wanted(format="junit"), Wanted(format="csv", file=elsewhere)]
    assert exports.export(journal, asked) == []
    assert listed(tmp_path) == ["journal.jsonl", "junit.xml", "x.csv"]


def test_one_that_fails_does_not_keep_the_others_from_being_written(tmp_path: Path) -> None:
    journal = written(tmp_path, mixed()[:-1])
    gone = Wanted(format="csv", file=tmp_path / "gone" / "x")
    problems = exports.export(journal, [Wanted(format="xccdf"), gone, Wanted(format="junit")])
    assert problems == [
        "xccdf has no word for a run without an end: the journal has no footer",
        f"{gone.file}: No such file or directory",
    ]
    assert listed(tmp_path) == ["journal.jsonl", "junit.xml"]


def test_what_is_asked_for_is_read(tmp_path: Path) -> None:
    assert exports.wanted(["junit", "csv=x=y.csv"], 1, tmp_path) == (
        Wanted(format="junit"),
        Wanted(format="csv", file=tmp_path / "x=y.csv"),
    )
    assert exports.wanted(["junit"], 2, tmp_path) == (Wanted(format="junit"),)


def test_a_file_in_a_directory_that_cannot_be_written_is_refused_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    with pytest.raises(BadInput, match="cannot be written"):
        exports.wanted(["csv=x"], 1, tmp_path)
