"""A comparison as data: for `--json`, and the record that the later run's journal keeps of it, to and fro (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from netcompliance.change.compare import Change, Compared, Comparison, Outcome, Side, codes, word
from netcompliance.change.drift import Drift
from netcompliance.journal import decode
from netcompliance.journal.decode import DecodeError, Key
from netcompliance.journal.reader import BadJournal, moment
from netcompliance.model import Basis, Case, DriftKind, Level, Requirement, Result, Verdict
from netcompliance.results import CaseStatus, Entry


def in_journal(comparison: Comparison) -> dict[str, Any]:
    """With which run it was compared, and what came of it: with this run's own verdicts, all that is told of it."""
    return {
        "baseline": {**_named(comparison.before), "overall": comparison.before.overall or ""},
        "outcome": comparison.outcome,
        "counts": comparison.counts,
        "lost_vantages": comparison.lost_vantages,
        "asked": {name: list(pair) for name, pair in comparison.asked.items()},
        "regressed": [dict(zip(_KEY, each.key, strict=True)) for each in comparison.of(Change.REGRESSED)],
        "changed": _changed(comparison),
        "drift": that_fit(comparison.drifts),
    }


def recalled(record: Mapping[str, Any], after: Side, forbidden: Iterable[DriftKind]) -> Comparison:
    """The comparison that a journal keeps of its run, `after`, with the cases that changed. Raises `BadJournal`.

    Journals that do not say how these stood before have those that regressed.
    """
    try:
        return _recalled(record, after, frozenset(forbidden))
    except (AttributeError, DecodeError, KeyError, TypeError, ValueError):
        raise BadJournal(f"{after.path}: its comparison does not say what came of it") from None


def _recalled(record: Mapping[str, Any], after: Side, forbidden: frozenset[DriftKind]) -> Comparison:
    baseline = record["baseline"]
    before = {key: _before({"verdict": Result.PASS}, key, after) for key in map(_key, record["regressed"])}
    before |= {(key := _key(each)): _before(each["before"], key, after) for each in record.get("changed", ())}
    return Comparison(
        before=Side(
            run=str(baseline["run"]),
            sha256=str(baseline["sha256"]),
            tenant=after.tenant,
            endpoint=after.endpoint,
            started=str(baseline["started"]),
            began=moment(baseline["started"]) or after.began,
            overall=str(baseline.get("overall", "")),
            path="",
            entries={key: entry for key, entry in before.items() if entry},
        ),
        after=after,
        cases=tuple(Compared(key=key, before=was, after=after.entries.get(key)) for key, was in before.items()),
        drifts=tuple(_drift_of(each) for each in record["drift"]),
        asked={str(name): (str(was), str(now)) for name, (was, now) in record.get("asked", {}).items()},
        lost_vantages=tuple(map(str, record.get("lost_vantages", ()))),
        counts={name: int(record["counts"].get(name, 0)) for name in (*map(str, Change), "drift")},
        outcome=Outcome(record["outcome"]),
        forbidden=forbidden,
    )


def _key(record: Mapping[str, Any]) -> Key:
    requirement, target, vantage = map(str, decode.key(record))
    return requirement, target, vantage


CHANGED_SIZE = 1 << 20
"""Bytes of JSON that the cases that changed may have in a journal's line; `counts` has the number of all."""


def _changed(comparison: Comparison) -> list[dict[str, Any]]:
    """How those cases stood before that changed, the worst first, as many as there is room for."""
    listed: list[dict[str, Any]] = []
    size = 0
    for each in (each for change in Change if change is not Change.SAME for each in comparison.of(change)):
        told = {
            **dict(zip(_KEY, each.key, strict=True)),
            "before": {name: value for name, value in _ended(each.before).items() if value},
        }
        size += len(json.dumps(told))
        if size > CHANGED_SIZE:
            break
        listed.append(told)
    return listed


def _before(record: Mapping[str, Any], key: Key, after: Side) -> Entry | None:
    """How a case stood before. What it asks is as it is asked now."""
    if record["verdict"] == word(None):
        return None
    requirement, target, vantage = key
    now = after.entries.get(key)
    of = now.case if now else Case(requirement=requirement, target=target, vantage=vantage, host="")
    return Entry(
        case=of,
        requirement=now.requirement if now else _unasked(requirement),
        verdict=None if record["verdict"] == word(CaseStatus.NO_VERDICT) else _verdict(record, of),
    )


def _verdict(record: Mapping[str, Any], of: Case) -> Verdict:
    parted = (text.partition(" ") for text in record.get("findings", ()))
    findings = [{"code": code, "subject": subject, "detail": ""} for code, _, subject in parted]
    return decode.verdict({**record, "findings": findings}, of)


def _unasked(requirement: str) -> Requirement:
    """One that is not planned any more: of it only the name is known."""
    return Requirement(id=requirement, says="", level=Level.MUST, basis=Basis.DERIVED, source="")


def _drift_of(record: Mapping[str, Any]) -> Drift:
    return Drift(
        kind=DriftKind(record["kind"]),
        vantage=str(record["vantage"]),
        subject=str(record["subject"]),
        before=tuple(map(str, record["before"])),
        after=tuple(map(str, record["after"])),
    )


DRIFT_SIZE = 1 << 19
"""Bytes of JSON that the drift may have in a journal's line, whatever hosts said; `counts` has the number of all."""


def that_fit(drifts: Iterable[Drift]) -> list[dict[str, Any]]:
    """As many as there is room for; then the first of each kind without its values, since kinds decide the outcome."""
    listed, kinds, size = [], set(), 0
    for each in drifts:
        told = drifted(each)
        size += len(json.dumps(told))
        if size <= DRIFT_SIZE:
            listed.append(told)
        elif each.kind not in kinds:
            listed.append({**told, "before": [], "after": []})
        kinds.add(each.kind)
    return listed


def whole(comparison: Comparison) -> dict[str, Any]:
    """Everything, every case included."""
    return {
        "tenant": comparison.after.tenant,
        "endpoint": comparison.after.endpoint,
        "before": {**_named(comparison.before), "overall": comparison.before.overall, "path": comparison.before.path},
        "after": {**_named(comparison.after), "overall": comparison.after.overall, "path": comparison.after.path},
        "outcome": comparison.outcome,
        "counts": comparison.counts,
        "lost_vantages": comparison.lost_vantages,
        "asked_differently": {name: list(pair) for name, pair in comparison.asked.items()},
        "drift": [drifted(each) for each in comparison.drifts],
        "cases": [_case(each) for each in comparison.cases],
    }


_KEY = ("requirement", "target", "vantage")


def _named(side: Side) -> dict[str, Any]:
    return {"run": side.run, "sha256": side.sha256, "started": side.started}


def drifted(change: Drift) -> dict[str, Any]:
    """One drift."""
    return {
        "kind": change.kind,
        "vantage": change.vantage,
        "subject": change.subject,
        "before": list(change.before),
        "after": list(change.after),
    }


def _case(case: Compared) -> dict[str, Any]:
    return {
        **dict(zip(_KEY, case.key, strict=True)),
        "change": case.change,
        "accepted": case.accepted,
        "level": case.latest.requirement.level,
        "before": _ended(case.before),
        "after": _ended(case.after),
    }


def _ended(entry: Entry | None) -> dict[str, Any]:
    texts = entry.texts if entry else {}
    return {
        "verdict": word(entry.status if entry else None),
        "findings": list(codes(entry)),
        **{name: texts.get(name, "") for name in ("saw", "reason")},
    }
