"""The summary that a run ended with, again, from its journal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from netcompliance.cli import journal_argument, output

if TYPE_CHECKING:
    from netcompliance.journal.reader import SavedRun

HELP = "show the summary of a journal again; exit code 1 if the run is not satisfied"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare arguments."""
    journal_argument.add(parser)
    output.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show."""
    from netcompliance.journal import reader
    from netcompliance.journal.redact import Redactor
    from netcompliance.report import terminal
    from netcompliance.results import Overall

    with journal_argument.journal(arguments.journal) as path:
        read = reader.read(path)
    entries, settings, whole = read.entries, read.settings, read.footer is not None
    if arguments.json:
        output.write_json(_document(read))
    else:
        print(*_head(read), sep="\n")
        output.write_lines(terminal.lines(settings, entries, {}, Redactor(), output.width(), whole=whole))
    if not whole:
        print("netcompliance show: the journal is cut off: it has no footer, so it is no evidence", file=sys.stderr)
    return 0 if read.overall is Overall.SATISFIED else 1


def _head(read: SavedRun) -> Iterator[str]:
    """Who looked at what, from where, when, and with what."""
    header, footer = read.header, read.footer or {}
    made_with = f"netcompliance {header['tool'].get('version')}, catalogue {header.get('catalogue')}"
    rows = [
        ("tenant", f"{header['tenant']}, {header['endpoint']}"),
        ("run", f"{header['started']} to {footer.get('finished', 'an unknown end')}, {made_with}"),
    ]
    for vantage in read.vantages:
        told = ", ".join(str(vantage[name]) for name in ("hostname", "source_address", "platform") if vantage.get(name))
        rows.append(("from", f"{vantage['id']}{f': {told}' if told else ''}"))
    for label, text in rows:
        yield from output.labelled(label, text, room=9, indent=0)
    yield ""


def _document(read: SavedRun) -> dict[str, Any]:
    from netcompliance.results import counts

    taken = ("requirement", "level", "basis", "target", "vantage", "host", "says", "source")
    told = ("verdict", "findings", "saw", "means", "fix", "ask", "reason", "reproduce")
    verdicts = {(r["requirement"], r["target"], r["vantage"]): r for r in read.verdicts}
    return {
        "run": read.header.get("run"),
        "tenant": read.header["tenant"],
        "endpoint": read.header["endpoint"],
        "started": read.header["started"],
        "finished": read.footer["finished"] if read.footer else None,
        "complete": read.footer is not None,
        "overall": read.overall,
        "counts": counts(read.entries),
        "sha256": read.sha256,
        "cases": [
            {
                **{name: record.get(name) for name in taken},
                "standing": entry.status,
                "trouble": entry.trouble,
                **{
                    name: verdicts.get((entry.case.requirement, entry.case.target, entry.case.vantage), {}).get(name)
                    for name in told
                },
            }
            for record, entry in zip(read.cases, read.entries, strict=True)
        ],
    }
