"""The history of a tenant over many runs: addresses, issuers and verdicts, and when they changed (pure).

Rules
* One history per endpoint; runs are ordered by when they began.
* What a run saw is the union over its vantages; a requirement ended as the worst of its cases did.
* Runs that changed nothing are counted, not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from netcompliance.change.compare import word
from netcompliance.explain import printable
from netcompliance.results import CaseStatus

UNMET = (CaseStatus.FAIL, CaseStatus.WAIVED)
UNANSWERED = (CaseStatus.ERROR, CaseStatus.NO_VERDICT, CaseStatus.NOTCHECKED)

Statuses = tuple[tuple[str, CaseStatus], ...]
"""(requirement, the worst of its cases), sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run of the past."""

    path: str
    run: str
    tenant: str
    endpoint: str
    started: datetime
    overall: str
    addresses: frozenset[str]
    issuers: frozenset[str]
    statuses: Statuses
    vantages: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that was seen in some runs: an address, an issuer."""

    value: str
    runs: int
    first: datetime
    last: datetime
    gone_since: datetime | None
    """The first run after the last one that saw it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All runs against one endpoint, the oldest first."""

    endpoint: str
    tenant: str
    runs: tuple[PastRun, ...]

    def spans(self, of: Callable[[PastRun], Iterable[str]]) -> list[Span]:
        """What `of` gives, with when it was seen, in order of appearance. A run that saw nothing says nothing of it."""
        seen: dict[str, list[int]] = {}
        for number, run in enumerate(self.runs):
            for value in sorted(of(run)):
                seen.setdefault(value, []).append(number)
        telling = [number for number, run in enumerate(self.runs) if of(run)]
        return [
            Span(
                value=value,
                runs=len(numbers),
                first=self.runs[numbers[0]].started,
                last=self.runs[numbers[-1]].started,
                gone_since=next((self.runs[number].started for number in telling if number > numbers[-1]), None),
            )
            for value, numbers in seen.items()
        ]

    def requirements(self) -> list[str]:
        """Every requirement that any run asked, sorted."""
        return sorted({name for run in self.runs for name, _ in run.statuses})

    def changes(self) -> Iterator[tuple[PastRun, list[str]]]:
        """Each run with what it changed against the run before; the first one against nothing."""
        before: PastRun | None = None
        addresses: frozenset[str] = frozenset()
        issuers: frozenset[str] = frozenset()
        for run in self.runs:
            if before is None:
                yield run, ["first run"]
            else:
                yield (
                    run,
                    [
                        *_difference("address", addresses, run.addresses),
                        *_difference("issuer", issuers, run.issuers),
                        *_words(dict(before.statuses), dict(run.statuses)),
                    ],
                )
            before = run
            addresses, issuers = run.addresses or addresses, run.issuers or issuers


def histories(runs: Iterable[PastRun]) -> list[History]:
    """One per endpoint, sorted."""
    groups: dict[str, list[PastRun]] = {}
    for run in runs:
        groups.setdefault(run.endpoint, []).append(run)
    return [
        History(
            endpoint=endpoint, tenant=some[0].tenant, runs=tuple(sorted(some, key=lambda run: (run.started, run.run)))
        )
        for endpoint, some in sorted(groups.items())
    ]


def lines(history: History) -> Iterator[str]:
    """The table for terminals."""
    runs = history.runs
    number = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    yield f"{printable(history.endpoint)}: {number}, {when(runs[0].started)} … {when(runs[-1].started)}"
    yield ""
    rows = [("when (UTC)", "overall", "addresses", "issuers", "changed since the run before")]
    quiet = 0
    for run, changed in history.changes():
        if not changed and run is not runs[-1]:
            quiet += 1
            continue
        rows += [(f"… {quiet} without a change", "", "", "", "")] if quiet else []
        quiet = 0
        counted = str(len(run.addresses)), str(len(run.issuers))
        first, *others = changed or ["nothing"]
        rows.append((when(run.started), run.overall, *counted, first))
        rows += [("", "", "", "", other) for other in others]
    yield from _table(rows)
    for title, of in FACTS.items():
        spans = history.spans(of)
        if spans:
            yield ""
            yield from _table([(title, "first seen", "last seen", "runs"), *(_span(span, len(runs)) for span in spans)])
    unmet = _ever_unmet(history)
    if unmet:
        yield ""
        yield from _table([("unmet in some run", "runs", "last unmet", "now"), *unmet])


FACTS: Mapping[str, Callable[[PastRun], Iterable[str]]] = {
    "address": lambda run: run.addresses,
    "issuer": lambda run: run.issuers,
}
"""What spans are kept of."""


def as_json(history: History) -> dict[str, Any]:
    """Everything of one history."""
    return {
        "tenant": history.tenant,
        "endpoint": history.endpoint,
        "runs": [
            {
                "run": run.run,
                "started": stamp(run.started),
                "overall": run.overall,
                "vantages": sorted(run.vantages),
                "addresses": sorted(run.addresses),
                "issuers": sorted(run.issuers),
                "verdicts": {name: word(status) for name, status in run.statuses},
                "changes": changed,
                "journal": run.path,
            }
            for run, changed in history.changes()
        ],
        **{
            f"{title}es" if title == "address" else f"{title}s": [
                {
                    "value": span.value,
                    "runs": span.runs,
                    "first": stamp(span.first),
                    "last": stamp(span.last),
                    "gone_since": stamp(span.gone_since) if span.gone_since else None,
                }
                for span in history.spans(of)
            ]
            for title, of in FACTS.items()
        },
    }


COLUMNS = ("endpoint", "started", "run", "overall", "addresses", "issuers", "unmet", "unanswered", "changes", "journal")


def rows(history: History) -> Iterator[tuple[str, ...]]:
    """One row per run, for CSV. No cell begins with what a spreadsheet would calculate."""
    for run, changed in history.changes():
        cells = (
            run.endpoint,
            stamp(run.started),
            run.run,
            run.overall,
            " ".join(sorted(run.addresses)),
            "; ".join(sorted(run.issuers)),
            " ".join(name for name, status in run.statuses if status in UNMET),
            " ".join(name for name, status in run.statuses if status in UNANSWERED),
            "; ".join(changed),
            run.path,
        )
        yield tuple(f"'{cell}" if cell[:1] in tuple("=+-@\t\r") and cell else cell for cell in map(printable, cells))


def when(moment: datetime) -> str:
    """A time for people, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def stamp(moment: datetime) -> str:
    """A time for machines."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _difference(what: str, before: frozenset[str], now: frozenset[str]) -> list[str]:
    """What came and went. A run that saw none says nothing of them."""
    if not now or not before:
        return []
    came, went = sorted(now - before), sorted(before - now)
    return [f"{what} + {value}" for value in came] + [f"{what} − {value}" for value in went]


def _words(before: Mapping[str, CaseStatus], now: Mapping[str, CaseStatus]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for name in sorted(before.keys() | now.keys()):
        was, is_now = word(before.get(name)), word(now.get(name))
        if was != is_now:
            groups.setdefault(f"{was} → {is_now}", []).append(name)
    return [f"{change}: {', '.join(names)}" for change, names in groups.items()]


def _span(span: Span, runs: int) -> tuple[str, ...]:
    gone = f", not since {when(span.gone_since)}" if span.gone_since else ""
    return span.value, when(span.first), when(span.last), f"{span.runs} of {runs}{gone}"


def _ever_unmet(history: History) -> list[tuple[str, ...]]:
    told: list[tuple[str, ...]] = []
    for name in history.requirements():
        unmet = [run for run in history.runs if dict(run.statuses).get(name) in UNMET]
        if unmet:
            now = word(dict(history.runs[-1].statuses).get(name))
            told.append((name, f"{len(unmet)} of {len(history.runs)}", when(unmet[-1].started), now))
    return told


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    clean = [tuple(printable(cell) for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in clean) for column in range(len(clean[0]))]
    for row in clean:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
