"""A saved run as formats tell it: every planned case with what became of it, and never more good than is proven (pure).

Rules
* The planned cases are the measure. A case without a verdict is told as well: `error` where nobody could look,
  `unknown` where it was never asked.
* A journal without its footer proves nothing good. There a failure stays a failure; whatever else was decided is
  `unknown`.
* The word over the run is the worse of what its footer says and what its cases come to.
* A journal that contradicts itself is `BadJournal`: two verdicts on a case, a verdict on a case that nobody planned.
* Each text is on one line, without what a terminal or an editor would obey.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from netcompliance import results
from netcompliance.catalogue import covers
from netcompliance.explain import printable
from netcompliance.journal import decode
from netcompliance.journal.decode import DecodeError, Record
from netcompliance.journal.reader import SavedRun, moment
from netcompliance.model import Basis, Case, Finding, Requirement, Result, Waiver
from netcompliance.results import CaseStatus, Entry, Overall

FOREVER = 1e12
"""Seconds. No clock is further off."""
WORDS = (*map(str, Result), "error", "unknown")
"""What became of a case: its verdict, or why there is none."""
_SHORT = 1000
"""Characters of a text that is surely not too long. Nearly all are shorter and ASCII, and are not read one by one."""
_REQUIREMENT = re.compile(r"[A-Za-z][A-Za-z0-9.-]{0,63}")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORST_FIRST = (Overall.UNDETERMINED, Overall.NOT_SATISFIED, Overall.SATISFIED)
_CUT_OFF = "the run was cut off, so its journal is no evidence"
_NEVER_ASKED = "deselected or interrupted"


class NotRepresentable(Exception):
    """The format has no word for this run. The text says for what, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A planned case and what became of it."""

    entry: Entry
    """Its verdict is missing where it is no evidence."""
    saw: str = ""
    means: str = ""
    fix: str = ""
    ask: str = ""
    reason: str = ""
    """Why it was not applicable, not checked or waived, or why there is no verdict."""
    reproduce: str = ""
    waiver: Waiver | None = None
    """Of a waived case, if it was in force."""

    @property
    def case(self) -> Case:
        """Where it was asked."""
        return self.entry.case

    @property
    def requirement(self) -> Requirement:
        """What was asked."""
        return self.entry.requirement

    @property
    def status(self) -> CaseStatus:
        """How it ended, for a reader."""
        return self.entry.status

    @property
    def word(self) -> str:
        """How it ended, for a program: one of `WORDS`."""
        return self.status.result or ("error" if self.status is CaseStatus.ERROR else "unknown")

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of its verdict."""
        return self.entry.verdict.findings if self.entry.verdict else ()

    @property
    def name(self) -> str:
        """Requirement, target and vantage: the same in every run, and of one case only."""
        return str(self.case)

    @property
    def waived_until(self) -> datetime | None:
        """When its waiver ends: with its last day, which is UTC's."""
        return _midnight_after(self.waiver.expires) if self.waiver else None

    @property
    def codes(self) -> tuple[str, ...]:
        """The findings' codes, each once."""
        return tuple(dict.fromkeys(str(found.code) for found in self.findings))

    @property
    def paragraph(self) -> tuple[tuple[str, str], ...]:
        """(label, text) as a person reads it, without what is empty."""
        unmet = self.status.result in (Result.FAIL, Result.WAIVED)
        derived = self.requirement.basis is Basis.DERIVED
        origin = (
            f"{self.requirement.source} (derived)" if derived else f"Network configuration, {self.requirement.source}"
        )
        told = (
            ("required", self.requirement.says),
            ("saw", self.saw),
            ("means", self.means if unmet else ""),
            ("fix", self.fix if unmet else ""),
            ("ask", self.ask if unmet else ""),
            ("because", self.reason),
            ("source", origin),
            ("reproduce", self.reproduce),
        )
        return tuple((label, text) for label, text in told if text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A vantage, with what is known of it."""

    id: str
    error: str
    """Why it could not be visited to its end; empty if it was, or if the run ended before."""
    visited: bool
    clock_offset: float | None
    """Seconds ahead of the service's clock."""
    facts: Mapping[str, str]
    """Host name, kind, source address and platform, as far as they are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRun:
    """A run, told."""

    id: str
    tenant: str
    endpoint: str
    domain_name: str
    """The tenant's host name."""
    started: datetime
    finished: datetime | None
    """None: the journal has no footer."""
    tool: str
    version: str
    catalogue: str
    catalogue_sha256: str
    settings_sha256: str
    """Of the settings as JSON with sorted keys and no white space."""
    journal_sha256: str
    overall: Overall
    rows: tuple[Row, ...]
    """In the order of the plan."""
    places: tuple[Place, ...]
    """Sorted; every vantage of a planned case."""


def exported(saved: SavedRun) -> ExportedRun:
    """Everything that formats tell. Raises `BadJournal`."""
    return saved.fitting(lambda: _exported(saved))


def _exported(saved: SavedRun) -> ExportedRun:
    header, footer = saved.header, saved.footer
    rows = tuple(_rows(saved))
    concluded = results.overall([row.entry for row in rows])
    said = decode.overall(footer) if footer else Overall.UNDETERMINED
    tenant, endpoint = _text(header, "tenant"), _text(header, "endpoint")
    _needed("header", tenant=tenant, endpoint=endpoint)
    records = {_cleaned(record["id"]): record for record in saved.vantages}
    return ExportedRun(
        id=_matching(_RUN, header.get("run"), "run of a header"),
        tenant=tenant,
        endpoint=endpoint,
        domain_name=endpoint.removeprefix("https://").partition("/")[0],
        started=saved.started,
        finished=_finished(footer) if footer else None,
        tool=_text(header["tool"], "name") or "netcompliance",
        version=_text(header["tool"], "version"),
        catalogue=printable(header.get("catalogue", ""), 40),
        catalogue_sha256=_matching(_SHA256, header["catalogue_sha256"], "catalogue_sha256 of a header"),
        settings_sha256=hashlib.sha256(_canonical(header["settings"])).hexdigest(),
        journal_sha256=saved.sha256,
        overall=min(concluded, said, key=_WORST_FIRST.index),
        rows=rows,
        places=tuple(_place(name, records.get(name)) for name in sorted({row.case.vantage for row in rows})),
    )


def _finished(footer: Record) -> datetime:
    at = moment(footer["finished"])
    if at is None:
        raise DecodeError("finished of a footer is no time with a zone")
    return at


def _rows(saved: SavedRun) -> Iterator[Row]:
    entries: tuple[Entry, ...] = _cleaned(saved.entries_as_written)
    waivers: tuple[Waiver, ...] = _cleaned(decode.waivers(saved.header["settings"]))
    for waiver in waivers:
        _needed("waiver", requirement=waiver.requirement, owner=waiver.owner, reason=waiver.reason)
    in_force = [waiver for waiver in waivers if _midnight_after(waiver.expires) > saved.started]
    planned, judged = set(map(decode.key, saved.cases)), set()
    for record in saved.verdicts:
        key = decode.key(record)
        if key in judged or key not in planned:
            what = "two verdicts on" if key in judged else "a verdict on what was not planned:"
            raise DecodeError(f"{what} {' '.join(map(printable, key))}")
        judged.add(key)
    told: set[tuple[str, str, str]] = set()
    for entry in entries:
        name = (entry.case.requirement, entry.case.target, entry.case.vantage)
        if name in told:
            raise DecodeError(f"planned twice: {' '.join(name)}")
        told.add(name)
        yield _row(entry, in_force, complete=saved.footer is not None)


def _row(entry: Entry, waivers: Iterable[Waiver], *, complete: bool) -> Row:
    case, verdict = entry.case, entry.verdict
    _matching(_REQUIREMENT, case.requirement, "requirement of a case")
    _needed("case", target=case.target, vantage=case.vantage, says=entry.requirement.says)
    if verdict is None:
        return Row(entry=entry, reason=entry.trouble or (_NEVER_ASKED if complete else _CUT_OFF))
    if not complete and verdict.result is not Result.FAIL:
        unproven = replace(entry, verdict=None, trouble=None)
        return Row(entry=unproven, reason=f"{_CUT_OFF}; it says {verdict.result}")
    fitting = (each for each in waivers if verdict.result is Result.WAIVED and covers(each, case))
    return Row(entry=entry, waiver=next(fitting, None), **entry.texts)


def _place(name: str, record: Record | None) -> Place:
    known = record or {}
    error, offset = _text(known, "error"), known.get("clock_offset")
    if not isinstance(offset, (int, float)) or isinstance(offset, bool) or not abs(offset) < FOREVER:
        offset = None
    facts = {label: _text(known, label) for label in ("hostname", "vantage_kind", "source_address", "platform")}
    return Place(
        id=name,
        error=error,
        visited=record is not None and not error,
        clock_offset=None if offset is None else float(offset),
        facts={label: text for label, text in facts.items() if text},
    )


def _midnight_after(day: str) -> datetime:
    """When a day of UTC ends. Raises `DecodeError`."""
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise DecodeError(f"expires of a waiver cannot be {day!r}") from None


def _matching(pattern: re.Pattern[str], text: object, what: str) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise DecodeError(f"{what} cannot be {str(text)[:_SHORT]!r}")
    return text


def _needed(what: str, **texts: str) -> None:
    for name, text in texts.items():
        if not text:
            raise DecodeError(f"a {what} without {name}")


def _text(record: Record, name: str) -> str:
    """A text that is not needed; empty if there is none."""
    text = record.get(name)
    return str(_cleaned(text)) if isinstance(text, str) else ""


def _cleaned(value: Any) -> Any:
    """The same with texts on one line each, without what a terminal or an editor would obey."""
    if isinstance(value, StrEnum):
        return value
    if isinstance(value, str):
        plain = value.isascii() and value.isprintable() and len(value) <= _SHORT
        return type(value)((value if plain else printable(value)).strip())
    if isinstance(value, tuple):
        return tuple(map(_cleaned, value))
    if isinstance(value, Mapping):
        return {name: _cleaned(each) for name, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _cleaned(getattr(value, each.name)) for each in fields(value)})
    return value


def _canonical(settings: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(settings, sort_keys=True, separators=(",", ":")).encode("ascii")
    except RecursionError:
        raise DecodeError("settings are nested too deeply") from None
