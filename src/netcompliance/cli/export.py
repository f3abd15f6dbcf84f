"""`netcompliance export`: a journal in another format."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HELP = "write a journal in another format: JUnit, XCCDF, OSCAL, in-toto, Prometheus, CSV, Markdown"
CHUNK = 1 << 20


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from netcompliance.report.export import FORMATS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    listed = "\n".join(f"  {name:<11} {each.about}" for name, each in FORMATS.items())
    parser.epilog = (
        f"formats:\n{listed}\n\nexit code: 0 written; 1 written, but the run has no end and is no evidence; "
        "4 nothing written"
    )
    parser.add_argument("--format", required=True, metavar="FORMAT", help="one of those below")
    parser.add_argument("--output", metavar="FILE", help="put it there whole, or not at all (default: standard output)")
    parser.add_argument(
        "journal", metavar="JOURNAL", help="journal.jsonl, a directory with one, or - for standard input"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write it."""
    from netcompliance import exports
    from netcompliance.inputs import BadInput
    from netcompliance.report.export import NoWordFor, render
    from netcompliance.report.saved import BadJournal, read

    exports.known(arguments.format, "--format")
    try:
        with _file(arguments.journal) as path:
            saved = read(path)
            content = render(arguments.format, saved)
        if arguments.output is None:
            sys.stdout.buffer.write(content)
        else:
            exports.write(Path(arguments.output), content)
    except BadJournal as error:
        raise BadInput(str(error)) from None
    except NoWordFor as lacking:
        raise BadInput(f"{arguments.format} has no word for {lacking}") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BadInput(f"{arguments.output or 'standard output'}: {error.strerror or error}") from None
    if saved.footer is None:
        print(f"netcompliance export: {arguments.journal}: the run has no end and is no evidence", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _file(journal: str) -> Iterator[Path]:
    """The journal as a file. It is read twice, so standard input is kept until then."""
    if journal != "-":
        path = Path(journal)
        yield path / "journal.jsonl" if path.is_dir() else path
        return
    with tempfile.TemporaryDirectory(prefix="netcompliance-") as directory:
        path = Path(directory, "standard input")
        with path.open("wb") as file:
            while chunk := sys.stdin.buffer.read(CHUNK):
                file.write(chunk)
        yield path
