"""The sums of a directory are those of its files, whoever reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from netcompliance.journal import checksums
from netcompliance.journal.checksums import BadSums


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """One with sums."""
    (tmp_path / "journal.jsonl").write_text("x")
    (tmp_path / "report.html").write_text("y")
    checksums.write(tmp_path)
    return tmp_path


def is_sound(directory: Path) -> bool:
    """Whether all files are there and as they were."""
    try:
        listed = checksums.read(directory)
        return len(listed) == 2 and all(checksums.sha256(directory / name) == digest for name, digest in listed.items())
    except (BadSums, OSError):
        return False


def test_every_changed_byte_is_found(directory: Path):
    assert is_sound(directory)
    path = directory / checksums.NAME
    whole = path.read_bytes()
    for place in range(len(whole)):
        for flipped in (1, 0x80):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ flipped]) + whole[place + 1 :])
            assert not is_sound(directory), (place, flipped)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert not is_sound(directory)


@pytest.mark.parametrize("name", ["../passwd", "/etc/passwd", "a/b", ".hidden", "", "-", "a\x00b"])
def test_names_lead_nowhere_else(tmp_path: Path, name: str):
    (tmp_path / checksums.NAME).write_text(f"{'0' * 64}  {name}\n")
    with pytest.raises(BadSums):
        checksums.read(tmp_path)


def test_a_text_is_found_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checksums, "_BLOCK", 64)
    path = tmp_path / "page"
    for place in range(200):
        path.write_text("x" * place + "f" * 64 + "x" * 50)
        assert checksums.holds(path, "f" * 64)
        path.write_text("x" * place + "f" * 63 + "x" * 50)
        assert not checksums.holds(path, "f" * 64)


def test_sums_are_written_once(directory: Path):
    with pytest.raises(FileExistsError):
        checksums.write(directory)
