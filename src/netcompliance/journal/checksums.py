"""`SHA256SUMS`: the digests of all files of a run's directory, as `sha256sum --check` reads them.

Rules
* It is written last, when journal and reports are whole, so it names everything that belongs to the evidence.
* It is what is signed: one signature covers all files.
* Names are plain names in the same directory. Whatever else a sums file says is `BadSums`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

NAME = "SHA256SUMS"
SIGNATURE = f"{NAME}.sig"
"""Beside it, where it is signed."""
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9][A-Za-z0-9._-]{0,254})")
LARGEST = 1 << 30
"""Bytes: more than a run leaves in any file, and in all of them together."""
_SIZE_LIMIT = 1 << 20
_BLOCK = 1 << 20


class BadSums(Exception):
    """This is no list of sums, or it names what cannot be read. The text says why, in one line."""


def write(directory: Path) -> Path:
    """Sum up all files of a directory."""
    names = sorted(path.name for path in directory.iterdir() if _is_ours(path.name) and path.is_file())
    text = "".join(f"{sha256(directory / name)}  {name}\n" for name in names)
    path = directory / NAME
    with path.open("x", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return path


def read(directory: Path) -> Mapping[str, str]:
    """Name → digest. Raises `BadSums`, and `FileNotFoundError` where there is no such file."""
    data = bytes_of(directory)
    lines = [_LINE.fullmatch(line) for line in data.decode("utf-8", "replace").removesuffix("\n").split("\n")]
    if len(data) > _SIZE_LIMIT or not data.endswith(b"\n") or not all(lines):
        raise BadSums(f"{NAME} is no list of digests and names")
    listed = [(found[2], found[1]) for found in lines if found]
    if len(dict(listed)) != len(listed):
        raise BadSums(f"{NAME} names a file twice")
    return dict(listed)


def bytes_of(directory: Path) -> bytes:
    """The list as it is there, and a little more than it may have. Raises `BadSums` and `FileNotFoundError`."""
    with regular(directory / NAME).open("rb") as file:
        return file.read(_SIZE_LIMIT + 1)


def total_size(directory: Path, names: Iterable[str]) -> int:
    """Bytes of all these files, as far as they are there."""
    return sum(path.stat().st_size for name in names if (path := directory / name).is_file())


def unlisted(directory: Path, listed: Mapping[str, str]) -> list[str]:
    """Files of the directory that the sums do not cover."""
    return sorted(path.name for path in directory.iterdir() if path.name not in {*listed, NAME, SIGNATURE})


def sha256(path: Path) -> str:
    """Of a file. Raises `BadSums` where it is none, and `FileNotFoundError`."""
    with regular(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def holds(path: Path, text: str) -> bool:
    """Whether a file has the text in it, read in bounded memory."""
    wanted = text.encode("ascii")
    kept = b""
    with regular(path).open("rb") as file:
        while block := file.read(_BLOCK):
            if wanted in kept + block:
                return True
            kept = block[-len(wanted) :]
    return False


def _is_ours(name: str) -> bool:
    return not name.startswith(NAME) and bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", name))


def regular(path: Path) -> Path:
    """The path, if it leads to a file here: no link to elsewhere, and nothing that never ends. Raises `BadSums`."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise BadSums(f"{path.name} is no regular file")
    if path.exists() and path.stat().st_size > LARGEST:
        raise BadSums(f"{path.name} is larger than {LARGEST >> 30} GiB: no run leaves such a file")
    return path
