"""`netcompliance compare BEFORE AFTER`: what a change did to the network."""

from __future__ import annotations

import argparse

from netcompliance.cli import output

HELP = "hold a run against an earlier one: regressed, fixed, the same, and what changed underneath"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare arguments."""
    parser.add_argument("before", metavar="BEFORE", help="journal, or directory of the run, from before the change")
    parser.add_argument("after", metavar="AFTER", help="the same from after it")
    parser.add_argument(
        "--fail-on-drift", action="store_true", help="exit code 1 too if anything changed underneath the verdicts"
    )
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="everything, every case included, as JSON")
    formats.add_argument("--markdown", action="store_true", help="for a ticket")


def run(arguments: argparse.Namespace) -> int:
    """Compare. 0: nothing that was met before is unmet now; 1: something is, or cannot be answered."""
    from pathlib import Path

    from netcompliance.change import baseline, markdown, record, text
    from netcompliance.change.compare import Outcome, compare
    from netcompliance.journal.redact import Redactor
    from netcompliance.model import DriftKind

    before, after = baseline.side(Path(arguments.before)), baseline.side(Path(arguments.after))
    baseline.check(before, after)
    comparison = compare(before, after, DriftKind if arguments.fail_on_drift else ())
    redactor = Redactor()
    if arguments.json:
        output.write_json(redactor.value(record.whole(comparison)))
    elif arguments.markdown:
        for line in markdown.lines(comparison):
            print(redactor.text(line))
    else:
        output.write_lines(text.lines(comparison, redactor, output.width()))
    return 0 if comparison.outcome is Outcome.UNHARMED else 1
