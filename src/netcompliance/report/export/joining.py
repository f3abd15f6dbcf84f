"""A saved journal as what formats tell: each planned case, joined with what became of it (pure).

Rules
* The planned cases are the measure. A case without a verdict is told as well: `error` where nobody could look,
  `unknown` where it was never asked.
* A journal without its footer proves nothing good. There a failure stays a failure; whatever else was decided is
  `unknown`.
* The word over the run is the worse of what its footer says and what its cases come to.
* A journal that contradicts itself is `BadJournal`: two verdicts on a case, a verdict on a case that nobody planned.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from netcompliance import results
from netcompliance.catalogue import covers
from netcompliance.explain import printable
from netcompliance.journal import decode
from netcompliance.journal.reader import BadJournal, SavedRun
from netcompliance.model import Basis, Case, Level, Requirement, Result, Verdict, Waiver
from netcompliance.report.export.fields import (
    FieldError,
    Record,
    day,
    matching,
    midnight_after,
    moment,
    needed,
    optional,
    word,
)
from netcompliance.report.export.population import Outcome, Place, Population, Row, Told
from netcompliance.results import Overall

FOREVER = 1e12
"""Seconds. No clock is further off."""
_REQUIREMENT = re.compile(r"[A-Za-z][A-Za-z0-9.-]{0,63}")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORST_FIRST = (Overall.UNDETERMINED, Overall.NOT_SATISFIED, Overall.SATISFIED)
_CUT_OFF = "the run was cut off, so its journal is no evidence"
_NEVER_ASKED = "deselected or interrupted"


def population(saved: SavedRun) -> Population:
    """Everything that formats tell. Raises `BadJournal`."""
    try:
        return _population(saved)
    except FieldError as wrong:
        raise BadJournal(f"{saved.path}: {printable(wrong)}") from None


def _population(saved: SavedRun) -> Population:
    header, footer = saved.header, saved.footer
    settings = header.get("settings")
    settings = settings if isinstance(settings, Mapping) else {}
    tool = header.get("tool")
    tool = tool if isinstance(tool, Mapping) else {}
    records = {needed(record, "id"): record for record in saved.vantages}
    rows = _rows(saved, records, settings)
    concluded = results.overall([row.entry for row in rows])
    said = word(Overall, footer, "overall") if footer else Overall.UNDETERMINED
    endpoint = needed(header, "endpoint")
    return Population(
        run=matching(_RUN, header, "run"),
        tenant=needed(header, "tenant"),
        endpoint=endpoint,
        domain_name=endpoint.removeprefix("https://").partition("/")[0],
        started=moment(header, "started"),
        finished=moment(footer, "finished") if footer else None,
        tool=optional(tool, "name") or "netcompliance",
        version=optional(tool, "version"),
        catalogue=printable(header.get("catalogue", ""), 40),
        catalogue_sha256=matching(_SHA256, header, "catalogue_sha256"),
        settings_sha256=hashlib.sha256(_canonical(settings)).hexdigest(),
        journal_sha256=saved.sha256,
        overall=min(concluded, said, key=_WORST_FIRST.index),
        rows=rows,
        places=tuple(_place(name, records.get(name)) for name in sorted({row.case.vantage for row in rows})),
    )


def _rows(saved: SavedRun, places: Mapping[str, Record], settings: Mapping[str, Any]) -> tuple[Row, ...]:
    verdicts: dict[tuple[str, str, str], Record] = {}
    for record in saved.verdicts:
        key = _key(record)
        if key in verdicts:
            raise FieldError(f"two verdicts on {' '.join(key)}")
        verdicts[key] = record
    waivers = _waivers(settings, moment(saved.header, "started"))
    rows: dict[tuple[str, str, str], Row] = {}
    for record in saved.cases:
        key = _key(record)
        if key in rows:
            raise FieldError(f"planned twice: {' '.join(key)}")
        verdict, place = verdicts.pop(key, None), places.get(key[2])
        strict = settings.get("strict") is True
        rows[key] = _row(record, verdict, place, waivers, strict=strict, complete=saved.footer is not None)
    if verdicts:
        raise FieldError(f"a verdict on what was not planned: {' '.join(next(iter(verdicts)))}")
    return tuple(rows.values())


def _row(
    record: Record,
    verdict: Record | None,
    place: Record | None,
    waivers: Iterable[Waiver],
    *,
    strict: bool,
    complete: bool,
) -> Row:
    name, target, vantage = _key(record)
    case = Case(requirement=name, target=target, vantage=vantage, host=optional(record, "host"))
    requirement = Requirement(
        id=name,
        says=needed(record, "says"),
        level=word(Level, record, "level"),
        basis=word(Basis, record, "basis"),
        source=optional(record, "source"),
    )
    if verdict is None:
        error = optional(place or {}, "error")
        outcome = Outcome.ERROR if error else Outcome.UNKNOWN
        reason = error or (_NEVER_ASKED if complete else _CUT_OFF)
        return Row(case=case, requirement=requirement, outcome=outcome, strict=strict, reason=reason)
    result = word(Result, verdict, "verdict")
    if not complete and result is not Result.FAIL:
        reason = f"{_CUT_OFF}; it says {result}"
        return Row(case=case, requirement=requirement, outcome=Outcome.UNKNOWN, strict=strict, reason=reason)
    fitting = (each for each in waivers if result is Result.WAIVED and covers(each, case))
    return Row(
        case=case,
        requirement=requirement,
        outcome=Outcome(result),
        strict=strict,
        findings=_findings(verdict),
        saw=optional(verdict, "saw"),
        means=optional(verdict, "means"),
        fix=optional(verdict, "fix"),
        ask=optional(verdict, "ask"),
        reason=optional(verdict, "reason"),
        reproduce=optional(verdict, "reproduce"),
        waiver=next(fitting, None),
        decided=_decided(verdict, case),
    )


def _decided(verdict: Record, case: Case) -> Verdict | None:
    try:
        return decode.verdict(verdict, case)
    except decode.DecodeError:
        return None


def _place(name: str, record: Record | None) -> Place:
    known = record or {}
    error, offset = optional(known, "error"), known.get("clock_offset")
    if not isinstance(offset, (int, float)) or isinstance(offset, bool) or not abs(offset) < FOREVER:
        offset = None
    facts = {label: optional(known, label) for label in ("hostname", "vantage_kind", "source_address", "platform")}
    return Place(
        id=name,
        error=error,
        visited=record is not None and not error,
        clock_offset=None if offset is None else float(offset),
        facts={label: text for label, text in facts.items() if text},
    )


def _findings(verdict: Record) -> tuple[Told, ...]:
    listed = verdict.get("findings")
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        raise FieldError("a verdict without a list of findings")
    return tuple(
        Told(code=needed(each, "code"), subject=optional(each, "subject"), detail=optional(each, "detail"))
        for each in listed
    )


def _waivers(settings: Mapping[str, Any], at: datetime) -> tuple[Waiver, ...]:
    """Those that had not expired."""
    listed = settings.get("waivers")
    if not isinstance(listed, list):
        return ()
    return tuple(
        Waiver(
            requirement=needed(each, "requirement"),
            target=optional(each, "target") or "*",
            vantage=optional(each, "vantage") or "*",
            owner=needed(each, "owner"),
            reason=needed(each, "reason"),
            expires=day(each, "expires"),
        )
        for each in listed
        if isinstance(each, Mapping) and midnight_after(day(each, "expires")) > at
    )


def _key(record: Record) -> tuple[str, str, str]:
    return matching(_REQUIREMENT, record, "requirement"), needed(record, "target"), needed(record, "vantage")


def _canonical(settings: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(settings, sort_keys=True, separators=(",", ":")).encode("ascii")
    except RecursionError:
        raise FieldError("settings are nested too deeply") from None
