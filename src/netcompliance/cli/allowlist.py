"""`netcompliance allowlist`: what a network team is asked for, from the journals of runs.

A directory stands for the newest journal below it, so that a live run is `pytest --tenant=acme`, and then
`netcompliance allowlist reports/acme`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from netcompliance.config.validation import BadInput
from netcompliance.journal import JOURNAL

HELP = "write the allow-list request that follows from runs: a ticket, or a firewall's own rules"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from netcompliance.change.allowlist.formats import FORMATS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    listed = "\n".join(f"  {name:<19}{each.about}" for name, each in FORMATS.items())
    parser.epilog = (
        f"formats:\n{listed}\n\nexit code: 0 written; 1 written, but something that is needed could not be asked for; "
        "4 nothing written"
    )
    parser.add_argument(
        "journals", nargs="+", type=Path, metavar="JOURNAL", help="a journal, or a directory: the newest below it"
    )
    parser.add_argument("--format", choices=tuple(FORMATS), default="markdown", metavar="FORMAT", help="see below")
    parser.add_argument("--output", metavar="FILE", help="put it there whole, or not at all (default: standard output)")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="APPROVED",
        help="only what this approved list lacks, and what of it can go; anything that --allow-list reads",
    )
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="[HOST=]NETWORK",
        help="the network that the firewall sees a host (or every host) come from, in place of its own address",
    )
    parser.add_argument(
        "--with-checks",
        action="store_true",
        help="also what only the suite needs: one public resolver (DNS-04), the source of a copied registry (REG-06)",
    )
    ticket = parser.add_argument_group("in the ticket")
    ticket.add_argument("--requester", default="", metavar="WHO", help="who asks for it")
    ticket.add_argument("--justification", default="", metavar="TEXT", help="what for, in your words")
    ticket.add_argument("--expires", default="", metavar="DATE", help="until when it is needed, YYYY-MM-DD")


def run(arguments: argparse.Namespace) -> int:
    """Write the list; 1 where something that is needed could not be asked for."""
    from netcompliance.change.allowlist import formats
    from netcompliance.change.allowlist.head import UNREAD
    from netcompliance.change.allowlist.request import Ticket

    ticket = Ticket(
        requester=_line(arguments.requester, "--requester"),
        justification=_line(arguments.justification, "--justification"),
        expires=_date(arguments.expires),
    )
    allowed = _allowed(arguments)
    text = formats.text(arguments.format, allowed, ticket)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        _put(Path(arguments.output), text, arguments)
    notes = [*allowed.notes]
    if formats.FORMATS[arguments.format].checked is formats.GRAMMAR:
        notes.append(UNREAD)
    if allowed.against and not allowed.flows:
        notes.append(f"nothing is missing of {allowed.against}; {len(allowed.surplus) or 'no'} entries can go")
    for note in notes:
        print(f"netcompliance allowlist: {note}", file=sys.stderr)
    return 1 if allowed.incomplete else 0


def _allowed(arguments: argparse.Namespace) -> Any:
    """What is asked for. Raises `BadInput`."""
    from netcompliance import catalogue
    from netcompliance.change.allowlist import against, sources
    from netcompliance.change.allowlist.flows import derive
    from netcompliance.config.allow_list import reading

    given = sources.parsed(arguments.source)
    entries = reading.read(arguments.against) if arguments.against else ()
    looks = [look for path in arguments.journals for look in _looks(_newest(path))]
    sources.check(given, [look.vantage for look in looks])
    allowed = derive(
        looks,
        catalogue.load(),
        checks=arguments.with_checks,
        sources=lambda vantage: sources.of(given, vantage),
    )
    if not allowed.flows:
        raise BadInput(f"{arguments.journals[0]}: nobody could look, so there is nothing to ask for")
    return against.missing(allowed, entries, str(arguments.against)) if arguments.against else allowed


def _line(text: str, option: str) -> str:
    if text and (not text.isprintable() or not text.strip()):
        raise BadInput(f"{option} {text!r}: one line of text")
    return text.strip()


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise BadInput(f"--expires {text!r}: a date such as 2027-06-30") from None


def _put(path: Path, text: str, arguments: argparse.Namespace) -> None:
    """Whole or not at all; never over what was read. Raises `BadInput`."""
    from netcompliance.exports import write

    read = [_newest(each) for each in arguments.journals] + ([arguments.against] if arguments.against else [])
    try:
        if path.exists() and any(path.samefile(each) for each in read):
            raise BadInput(f"--output {path}: that is what was read")
        write(path, [text.encode()])
    except OSError as error:
        raise BadInput(f"--output {path}: {error.strerror or error}") from None


def _newest(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = max(path.rglob(JOURNAL), key=lambda each: each.parent.name, default=None)
    if found is None:
        raise BadInput(f"{path}: no {JOURNAL} below it")
    return found


def _looks(path: Path) -> Iterator[Any]:
    from netcompliance.change.allowlist.flows import Looked
    from netcompliance.journal import reader
    from netcompliance.judge import SHARED
    from netcompliance.model import HERE

    seen: dict[str, list[Mapping[str, Any]]] = {}
    public = []

    def observe(_: Mapping[str, Any], observation: Mapping[str, Any]) -> None:
        seen.setdefault(observation["vantage"], []).append(observation)
        if observation["kind"] in SHARED:
            public.append(observation)

    journal = reader.read(path, complete=True, observe=observe)
    troubles = {str(vantage.get("id")): str(vantage.get("error") or "") for vantage in journal.vantages}
    refused: dict[str, list[Mapping[str, Any]]] = {vantage: [] for vantage, trouble in troubles.items() if trouble}
    for vantage, observations in (seen | refused).items():
        elsewhere = public if vantage != HERE else []
        yield Looked(
            vantage=vantage,
            settings=journal.settings,
            observations=[*observations, *elsewhere],
            failed=frozenset(
                str(verdict.get("requirement"))
                for verdict in journal.verdicts
                if (verdict.get("vantage"), verdict.get("verdict")) == (vantage, "fail")
            ),
            trouble=troubles.get(vantage, ""),
        )
