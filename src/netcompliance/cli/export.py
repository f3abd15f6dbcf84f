"""`netcompliance export`: a journal in another format."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from netcompliance.cli import journal_argument

HELP = "write a journal in another format: JUnit, XCCDF, OSCAL, in-toto, Prometheus, CSV, Markdown"


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
    from netcompliance.config.validation import BadInput
    from netcompliance.journal.reader import read
    from netcompliance.report.export import NotRepresentable, render

    exports.known(arguments.format, "--format")
    try:
        with journal_argument.journal(arguments.journal) as path:
            output = Path(arguments.output) if arguments.output is not None else None
            if output and output.exists() and path.exists() and output.samefile(path):
                raise BadInput("--output is the journal itself")
            saved = read(path)
            content = render(arguments.format, saved)
        if output is None:
            sys.stdout.buffer.write(content)
        else:
            exports.write(output, [content])
    except NotRepresentable as lacking:
        raise BadInput(f"{arguments.format} has no word for {lacking}") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BadInput(f"{arguments.output or 'standard output'}: {error.strerror or error}") from None
    if saved.footer is None:
        print(f"netcompliance export: {arguments.journal}: the run has no end and is no evidence", file=sys.stderr)
        return 1
    return 0
