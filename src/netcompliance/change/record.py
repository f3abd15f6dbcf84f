"""A comparison as data: for `--json`, and the record that the later run's journal keeps of it (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from netcompliance.change.compare import Change, Compared, Comparison, Side, codes, word
from netcompliance.change.drift import Drift
from netcompliance.results import Entry


def in_journal(comparison: Comparison) -> dict[str, Any]:
    """With which run it was compared, and what came of it."""
    return {
        "baseline": _named(comparison.before),
        "outcome": comparison.outcome,
        "counts": comparison.counts,
        "regressed": [dict(zip(_KEY, each.key, strict=True)) for each in comparison.of(Change.REGRESSED)],
        "drift": that_fit(comparison.drifts),
    }


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
