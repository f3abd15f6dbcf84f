"""`netcompliance report DIR`: the run's `report.html`, made again from its journal, the same to the byte.

A page that is there already and is another one stays: it is evidence, as another release made it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from netcompliance.cli import journal_argument
from netcompliance.config.validation import BadInput

HELP = "make the HTML report of a run again from its journal"
STDOUT = "-"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    journal_argument.add(parser)
    parser.add_argument(
        "--output", metavar="FILE", help="put it there (default: report.html beside the journal); - is standard output"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write it. 0: it is there; 1: it is there, but the run has no end and is no evidence."""
    from netcompliance import exports, pages
    from netcompliance.explain import printable
    from netcompliance.journal import reader

    named = Path(arguments.journal)
    if arguments.output is None and arguments.journal == journal_argument.STDIN:
        raise BadInput("standard input is in no directory: say with --output where to put it")
    output = Path(arguments.output or (named if named.is_dir() else named.parent) / pages.NAME)
    with journal_argument.journal(arguments.journal) as path:
        if output.exists() and path.exists() and output.samefile(path):
            raise BadInput("--output is the journal itself")
        read = reader.read(path)
        content = pages.page(read)
        if arguments.output == STDOUT:
            sys.stdout.buffer.writelines(content)
        elif arguments.output is None and os.path.lexists(output):
            if not _is(output, content):
                raise BadInput(f"{output} is there and is another page: say with --output where to put this one")
            print(f"the same as is there: {printable(output)}", file=sys.stderr)
        else:
            try:
                exports.write(output, content)
            except OSError as error:
                raise BadInput(f"{output}: {error.strerror or error}") from None
            print(f"written: {printable(output)}", file=sys.stderr)
    if read.footer is None:
        print(f"netcompliance report: {arguments.journal}: the run has no end and is no evidence", file=sys.stderr)
        return 1
    return 0


def _is(path: Path, content: Iterable[bytes]) -> bool:
    """Whether this is in the file. Raises `BadInput`."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as there:
            return all(there.read(len(piece)) == piece for piece in content) and not there.read(1)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
