"""Which run is compared with which: reads journals as sides of a comparison, and refuses what would prove nothing.

Rules
* A side is a complete journal that is as it was written: with its footer, whose digest covers every byte before it.
* Refused, each in one line: the same run twice (by run id, by digest), another tenant or endpoint, a baseline that
  did not begin before the run.
* `latest` is the newest complete run of the tenant before this one, from all of its vantages. Journals that are
  incomplete or were edited, undetermined runs, and runs from elsewhere are passed over, each with a word: what has no
  verdict in the baseline cannot regress, so it would hide what a run before it can show. Whoever names one gets it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from netcompliance.change.compare import Side
from netcompliance.change.facts import Facts, Gathering
from netcompliance.config.validation import BadInput
from netcompliance.journal import JOURNAL, reader
from netcompliance.journal.reader import BadJournal, SavedRun, moment
from netcompliance.results import Overall

LATEST = "latest"
MOST_TOLD = 3
"""Runs that were passed over and are named where there is no baseline."""
_ASKED = ("registry", "registry_prefix", "registry_mode", "images_from", "proxy", "no_proxy", "strict")
"""Settings that change what is asked, or of whom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A baseline, and what was passed over to find it."""

    side: Side
    passed_over: tuple[str, ...] = ()


def side(path: Path) -> Side:
    """A complete journal, or the one in a run's directory. Raises `BadInput`."""
    journal = _journal_in(path)
    try:
        found = unfinished(journal)
    except BadJournal as error:
        raise BadInput(str(error)) from None
    if found.overall is None:
        raise BadInput(f"{journal}: it has no footer: the run was cut off, and is no evidence")
    return found


def unfinished(journal: Path) -> Side:
    """A journal as a side, also while its run goes on. Raises `BadJournal`."""
    gathering = Gathering()
    read = reader.read(journal, observe=gathering.observe)
    return side_of(read, gathering.facts(read.vantages))


def side_of(read: SavedRun, facts: Facts | None = None) -> Side:
    """A saved run as a side; its verdicts alone, without `facts`. Raises `BadJournal`."""
    header = read.header
    return Side(
        run=str(header.get("run", "")),
        sha256=read.sha256,
        tenant=header["tenant"],
        endpoint=header["endpoint"],
        started=header["started"],
        began=read.started,
        overall=str(read.footer.get("overall")) if read.footer else None,
        path=str(read.path),
        entries={(e.case.requirement, e.case.target, e.case.vantage): e for e in read.entries_as_written},
        facts=facts or Facts(),
        made_with=_made_with(header),
    )


def check(before: Side, after: Side) -> None:
    """Refuse two sides that prove nothing together. Raises `BadInput`."""
    if before.sha256 == after.sha256 or (before.run and before.run == after.run):
        raise BadInput(f"{before.path} is the same run as {after.path}: a run compared with itself shows nothing")
    check_baseline(before, after.tenant, after.endpoint, after.began)


def check_baseline(before: Side, tenant: str, endpoint: str, started: datetime) -> None:
    """Refuse a baseline that is none for a run of this tenant that begins at `started`. Raises `BadInput`."""
    if before.tenant != tenant:
        raise BadInput(f"{before.path} is a run of the tenant {before.tenant}, not of {tenant}")
    if before.endpoint != endpoint:
        raise BadInput(f"{before.path} is a run against {before.endpoint}, not against {endpoint}")
    if before.began >= started:
        raise BadInput(f"{before.path} began at {before.started}, not before the run that it is to be a baseline of")


def find(
    asked: str, reports: Path, tenant: str, endpoint: str, started: datetime, vantages: Collection[str] = ()
) -> Found:
    """The baseline that was asked for: a path, or `latest` below `reports`/<tenant>. Raises `BadInput`.

    `vantages` are those of the run that it is to be a baseline of.
    """
    if asked != LATEST:
        named = side(Path(asked))
        check_baseline(named, tenant, endpoint, started)
        return Found(side=named)
    passed_over: list[str] = []
    below = reports / tenant
    for journal in _newest_first(below, endpoint, started):
        name = journal.parent.name
        try:
            found = side(journal)
        except BadInput as error:
            passed_over.append(f"{name}: {str(error).removeprefix(f'{journal}: ')}")
            continue
        if found.overall == Overall.UNDETERMINED:
            passed_over.append(f"{name}: undetermined")
            continue
        if missing := sorted(set(vantages) - {vantage for _, _, vantage in found.entries}):
            passed_over.append(f"{name}: nobody looked from {', '.join(missing)}")
            continue
        return Found(side=found, passed_over=tuple(passed_over))
    why = f"; passed over: {'; '.join(passed_over[:MOST_TOLD])}" if passed_over else ""
    if passed_over[MOST_TOLD:]:
        why += f" and {len(passed_over) - MOST_TOLD} more"
    raise BadInput(f"no run of {tenant} in {below} to compare with; make one without --baseline, or name one{why}")


def _journal_in(path: Path) -> Path:
    if not path.is_dir():
        return path
    if not (path / JOURNAL).is_file():
        raise BadInput(f"{path}: there is no {JOURNAL} in it; name the directory of one run, or its journal")
    return path / JOURNAL


def _newest_first(below: Path, endpoint: str, started: datetime) -> Iterator[Path]:
    begun = []
    for journal in below.glob(f"*/{JOURNAL}"):
        header = _header(journal)
        at = moment(header.get("started"))
        if at and at < started and header.get("endpoint") == endpoint:
            begun.append((at, journal))
    return (journal for _, journal in sorted(begun, reverse=True))


def _header(path: Path) -> Mapping[str, Any]:
    try:
        return next(reader.records(path), {})
    except BadJournal:
        return {}


def _made_with(header: Mapping[str, Any]) -> dict[str, str]:
    tool, settings = header["tool"], header["settings"]
    known = {
        "tool": f"{tool.get('name', '')} {tool.get('version', '')}".strip(),
        "catalogue": f"{header.get('catalogue', '')} ({str(header.get('catalogue_sha256', ''))[:12]})",
    }
    return known | {name: _as_text(settings.get(name)) for name in _ASKED}


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)[:300]
