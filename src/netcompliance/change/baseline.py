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

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from netcompliance.change import compare, facts
from netcompliance.change.compare import Side
from netcompliance.conclusion import Overall
from netcompliance.inputs import BadInput
from netcompliance.report import saved
from netcompliance.report.saved import BadJournal, Saved

LATEST = "latest"
MOST_TOLD = 3
"""Runs that were passed over and are named where there is no baseline."""
JOURNAL = "journal.jsonl"
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
        read = saved.read(journal)
        problem = _unfit(read)
        if problem:
            raise BadInput(f"{journal}: {problem}")
        return unfinished(read)
    except BadJournal as error:
        raise BadInput(str(error)) from None


def unfinished(read: Saved) -> Side:
    """A journal as a side, also while its run goes on. Raises `BadJournal`."""
    header = read.header
    settings = _mapping(header.get("settings"))
    tenant = f"{settings.get('tenant')}.{settings.get('domain')}"
    return Side(
        run=str(header.get("run", "")),
        sha256=read.sha256,
        tenant=str(header.get("tenant", "")),
        endpoint=str(header.get("endpoint", "")),
        started=_moment(read),
        overall=str(read.footer.get("overall")) if read.footer else None,
        path=str(read.path),
        states=compare.states(read.cases, read.verdicts),
        facts=facts.gather(read.observations(), read.vantages, tenant),
        made_with=_made_with(header, settings),
    )


def check(before: Side, after: Side) -> None:
    """Refuse two sides that prove nothing together. Raises `BadInput`."""
    if before.sha256 == after.sha256 or (before.run and before.run == after.run):
        raise BadInput(f"{before.path} is the same run as {after.path}: a run compared with itself shows nothing")
    check_baseline(before, after.tenant, after.endpoint, datetime.fromisoformat(after.started))


def check_baseline(before: Side, tenant: str, endpoint: str, started: datetime) -> None:
    """Refuse a baseline that is none for a run of this tenant that begins at `started`. Raises `BadInput`."""
    if before.tenant != tenant:
        raise BadInput(f"{before.path} is a run of the tenant {before.tenant}, not of {tenant}")
    if before.endpoint != endpoint:
        raise BadInput(f"{before.path} is a run against {before.endpoint}, not against {endpoint}")
    if datetime.fromisoformat(before.started) >= started:
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
        if missing := sorted(set(vantages) - {vantage for _, _, vantage in found.states}):
            passed_over.append(f"{name}: nobody looked from {', '.join(missing)}")
            continue
        return Found(side=found, passed_over=tuple(passed_over))
    why = f"; passed over: {'; '.join(passed_over[:MOST_TOLD])}" if passed_over else ""
    if passed_over[MOST_TOLD:]:
        why += f" and {len(passed_over) - MOST_TOLD} more"
    raise BadInput(f"no run of {tenant} in {below} to compare with; make one without --baseline, or name one{why}")


def intact(path: Path) -> bool:
    """Whether the footer's digest is that of all bytes before it, and nothing follows it."""
    digest, last = hashlib.sha256(), b""
    with path.open("rb") as file:
        for line in iter(lambda: file.readline(saved.LINE_LIMIT), b""):
            digest.update(last)
            last = line
    try:
        footer = json.loads(last)
    except (ValueError, RecursionError):
        return False
    return isinstance(footer, dict) and footer.get("type") == "footer" and footer.get("sha256") == digest.hexdigest()


def _unfit(read: Saved) -> str | None:
    if read.footer is None:
        return "it has no footer: the run was cut off, and is no evidence"
    if not intact(read.path):
        return "it was changed after it was written: the footer's sha256 is not that of the lines before it"
    return None


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
        at = _read_moment(header.get("started"))
        if at and at < started and header.get("endpoint") == endpoint:
            begun.append((at, journal))
    return (journal for _, journal in sorted(begun, reverse=True))


def _header(path: Path) -> Mapping[str, Any]:
    try:
        return next(saved.records(path), {})
    except BadJournal:
        return {}


def _made_with(header: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, str]:
    tool = _mapping(header.get("tool"))
    known = {
        "tool": f"{tool.get('name', '')} {tool.get('version', '')}".strip(),
        "catalogue": f"{header.get('catalogue', '')} ({str(header.get('catalogue_sha256', ''))[:12]})",
    }
    return known | {name: _told(settings.get(name)) for name in _ASKED}


def _told(value: Any) -> str:
    return "" if value is None else str(value)[:300]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(read: Saved) -> str:
    text = read.header.get("started")
    if _read_moment(text) is None:
        raise BadJournal(f"{read.path}: its header does not say when the run began")
    return str(text)


def _read_moment(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else None
