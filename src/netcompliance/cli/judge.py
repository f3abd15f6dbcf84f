"""A journal judged again, offline: which verdicts come out in another way now?"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netcompliance.cli import journal_argument, output
from netcompliance.config.validation import BadInput, read_text

if TYPE_CHECKING:
    from netcompliance.catalogue import Catalogue
    from netcompliance.rejudge import Change, Rejudged

HELP = "judge a journal again from its observations; exit code 1 if a verdict comes out in another way"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare arguments."""
    journal_argument.add(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--pinned",
        action="store_true",
        help="by the requirements that the journal states (so too if its catalogue is of another version)",
    )
    which.add_argument("--catalogue", metavar="FILE", help="by these requirements (default: this version's)")
    parser.add_argument("--today", metavar="DATE", help="the UTC date by which waivers expire (default: the run's own)")
    output.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge again."""
    from netcompliance.journal import reader
    from netcompliance.rejudge import rejudge, run_date

    catalogue = _catalogue(arguments.catalogue)
    today = _date(arguments.today) if arguments.today else None
    with journal_argument.journal(arguments.journal) as path:
        read = reader.read(path, complete=True)
        today = today or run_date(read)
        pinned = arguments.pinned or (arguments.catalogue is None and read.catalogue != catalogue.version)
        again = rejudge(read, catalogue, today, pinned=pinned)
    changes = [change for change in again.changes if change.is_decisive]
    same = not changes and not again.dropped
    if arguments.json:
        output.write_json(
            {
                "run": read.header.get("run"),
                "today": today.isoformat(),
                "catalogue": {
                    "then": {"version": read.header.get("catalogue"), "sha256": read.header["catalogue_sha256"]},
                    "now": None if pinned else {"version": catalogue.version, "sha256": catalogue.sha256},
                },
                "overall": {"then": read.overall, "now": again.overall},
                "changes": [_change_record(change) for change in changes],
                "unjudged": again.unjudged,
                "dropped": again.dropped,
                "unasked": again.unasked,
            }
        )
        return 0 if same else 1
    for change in changes:
        print(*output.labelled("changed", _sentence(change), room=9, indent=0), sep="\n")
    for label, text in _notes(again, read.header["catalogue_sha256"], catalogue, pinned=pinned):
        print(*output.labelled(label, text, room=9, indent=0), sep="\n")
    print(f"{len(again.entries)} cases judged again, as of {today}: {len(changes)} came out in another way")
    print(f"overall: {read.overall} then, {again.overall} now")
    return 0 if same else 1


def _notes(again: Rejudged, sha256: str, catalogue: Catalogue, *, pinned: bool) -> list[tuple[str, str]]:
    notes = []
    if sha256 != catalogue.sha256:
        own = f"the journal's own requirements, of version {again.version}"
        by = own if pinned else f"catalogue {catalogue.version} ({catalogue.sha256[:12]}…)"
        notes.append(("note", f"written with another catalogue ({sha256[:12]}…), judged by {by}"))
    if again.unjudged:
        notes.append(("note", f"no judge here for {', '.join(again.unjudged)}"))
    if again.dropped:
        notes.append(("note", f"no longer required: {', '.join(again.dropped)}"))
    if again.unasked:
        notes.append(("note", f"not asked then: {', '.join(again.unasked)}"))
    return notes


def _sentence(change: Change) -> str:
    now = change.after["verdict"] if change.after else "not judged"
    codes = ", ".join(found["code"] for found in change.after["findings"]) if change.after else ""
    level = f", now {change.after['level']}" if change.after and "level" in change.fields else ""
    reason = (change.after or {}).get("reason") or codes
    return f"{change.case}: {change.before['verdict']} then, {now} now{level}{f' ({reason})' if reason else ''}"


def _change_record(change: Change) -> dict[str, Any]:
    return {
        "requirement": change.case.requirement,
        "target": change.case.target,
        "vantage": change.case.vantage,
        "then": {name: change.before.get(name) for name in ("level", "verdict", "findings", "reason")},
        "now": change.after and {name: change.after[name] for name in ("level", "verdict", "findings", "reason")},
    }


def _catalogue(named: str | None) -> Catalogue:
    from netcompliance.catalogue import CatalogueError, load

    if named is None:
        return load()
    try:
        return load(read_text(Path(named), "catalogue"))
    except CatalogueError as error:
        raise BadInput(f"--catalogue {named}: {error}") from None


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--today {text!r}: a date is 2027-01-31") from None
