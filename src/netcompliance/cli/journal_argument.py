"""The journal that somebody names: a file, a run's directory, or standard input (`-`).

A journal is read more than once, so what comes through a pipe is copied to a temporary file first, bounded.
"""

from __future__ import annotations

import argparse
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from netcompliance.config.validation import BadInput
from netcompliance.journal import JOURNAL
from netcompliance.journal.reader import BadJournal

STDIN = "-"
LIMIT = 1 << 32
"""Bytes that are taken from a pipe."""
_BLOCK = 1 << 20


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the argument JOURNAL."""
    parser.add_argument(
        "journal", metavar="JOURNAL", help="journal.jsonl, the directory of a run, or - (standard input)"
    )


@contextmanager
def journal(named: str) -> Iterator[Path]:
    """A file that can be read again and again. Raises `BadInput`; what is wrong in it names what was typed."""
    path = Path(named)
    if named == STDIN:
        with _copied(sys.stdin.buffer, "standard input") as copy, _called(copy, "standard input"):
            yield copy
    elif path.is_dir():
        yield within(path)
    elif path.exists() and stat.S_ISFIFO(path.stat().st_mode):
        with path.open("rb") as pipe, _copied(pipe, named) as copy, _called(copy, named):
            yield copy
    else:
        yield path


def within(directory: Path) -> Path:
    """The journal in a run's directory. Raises `BadInput`."""
    path = directory / JOURNAL
    if not path.exists():
        raise BadInput(f"{directory}: a directory without a {JOURNAL}: name the directory of one run")
    return path


@contextmanager
def _copied(stream: BinaryIO, name: str) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(prefix="netcompliance-") as copy:
        try:
            size = 0
            while block := stream.read(_BLOCK):
                size += len(block)
                if size > LIMIT:
                    raise BadInput(f"{name}: more than {LIMIT >> 30} GiB: name a file")
                copy.write(block)
            copy.flush()
        except OSError as error:
            raise BadInput(f"{name}: {error.strerror or error}") from None
        yield Path(copy.name)


@contextmanager
def _called(copy: Path, name: str) -> Iterator[None]:
    """In what is said of the copy it bears the name of what was typed."""
    try:
        yield
    except BadJournal as problem:
        raise BadJournal(str(problem).replace(str(copy), name)) from None
