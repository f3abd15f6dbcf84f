"""Which formats a journal is exported to, and the files they end up in.

Rules
* What was asked for is checked before a run begins: `BadInput`, one line.
* A file is there whole or not at all: it is written under another name beside its place, and then put there.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from netcompliance.config.validation import BadInput, hide_login
from netcompliance.journal.reader import BadJournal, SavedRun, read
from netcompliance.report.export import FORMATS, NotRepresentable, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A format, and where to."""

    format: str
    file: Path | None = None
    """None: beside the journal."""


def wanted(options: Sequence[str], tenants: int, here: Path) -> tuple[Wanted, ...]:
    """What `--export FORMAT[=FILE]` asks for, as often as it was typed. Raises `BadInput`; writes nothing."""
    asked = []
    for option in options:
        name, equals, file = option.partition("=")
        known(name, "--export")
        if not equals:
            asked.append(Wanted(format=name))
            continue
        if tenants > 1:
            raise BadInput(f"--export {option!r}: one file for {tenants} tenants; leave the file out")
        path = here / file
        if not file or path.is_dir() or not path.parent.is_dir():
            raise BadInput(f"--export {option!r}: not a file in a directory that is there")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise BadInput(f"--export {option!r}: {path.parent} cannot be written")
        asked.append(Wanted(format=name, file=path))
    files = [_real(each.file) if each.file else each.format for each in asked]
    if len(set(files)) < len(files):
        raise BadInput("--export: the same file twice")
    return tuple(asked)


def known(name: str, what: str) -> None:
    """Refuse a format that there is not."""
    if name not in FORMATS:
        raise BadInput(f"{what} {hide_login(name)!r}: it is one of {', '.join(FORMATS)}")


def export(journal: Path, wanted: Sequence[Wanted]) -> list[str]:
    """Write all that was asked for. Gives a line for each that could not be."""
    try:
        saved = read(journal)
        return [problem for each in wanted if (problem := _export(saved, each))]
    except BadJournal as error:
        return [str(error)]


def place(asked: Wanted, journal: Path) -> Path:
    """Where it ends up."""
    return asked.file or journal.with_name(FORMATS[asked.format].file)


def _export(saved: SavedRun, asked: Wanted) -> str | None:
    file = place(asked, saved.path)
    try:
        write(file, [render(asked.format, saved)])
    except NotRepresentable as lacking:
        return f"{asked.format} has no word for {lacking}"
    except OSError as error:
        return f"{file}: {error.strerror or error}"
    return None


def write(path: Path, content: Iterable[bytes]) -> None:
    """Put the content there at once, when its last piece has come. Where a device or a pipe is, it is written to.

    Raises `OSError`.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as there:
            there.writelines(content)
        return
    place = _real(path)
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _mode(place))
        Path(name).replace(place)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _real(path: Path) -> Path:
    """Where links lead to; a link to itself leads nowhere else."""
    return Path(os.path.realpath(path))


def _mode(place: Path) -> int:
    """As the file had it before, or as any new file has it: others are to read it, a collector for one."""
    if place.exists():
        return place.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
