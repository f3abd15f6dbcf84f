"""Two runs of one tenant compared, case by case (pure).

Theory. A run answers a case in one of three ways: it is met (`pass`), unmet (`fail`, `waived`) or it has no answer
(`notapplicable`, `notchecked`, planned without a verdict, not planned at all). The answer before and the answer now
make one of five changes (`TABLE`).

Rules
* A case is its requirement, target and vantage. Nothing else of two runs need be alike, neither catalogue nor options.
* Met before and without an answer now is "no longer checked", never "same".
* A regression is one whatever its level: the network could meet it before. A waiver that covers it makes it accepted,
  not unseen.
* The comparison is undetermined where something was met before and could not be answered now, or where nobody looked
  from a vantage at all. What is not asked any more from one that still is (other catalogue, other images) is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from netcompliance.change import drift
from netcompliance.change.drift import Drift
from netcompliance.change.facts import Facts
from netcompliance.journal.decode import Key
from netcompliance.model import DriftKind, Result
from netcompliance.results import CaseStatus, Entry


class Answer(StrEnum):
    """What a run says of a case, in short."""

    MET = "met"
    UNMET = "unmet"
    UNANSWERED = "unanswered"


class Change(StrEnum):
    """What became of a case. The worst first."""

    REGRESSED = "regressed"
    NO_LONGER_CHECKED = "no-longer-checked"
    NEWLY_CHECKED = "newly-checked"
    FIXED = "fixed"
    SAME = "same"


class Outcome(StrEnum):
    """One word for a comparison."""

    REGRESSED = "regressed"
    DRIFTED = "drifted"
    """Nothing regressed, but something changed that was asked not to."""
    UNDETERMINED = "undetermined"
    UNHARMED = "unharmed"
    """Everything that was met and is still asked is met."""


ANSWERS: Mapping[Result | None, Answer] = {
    Result.PASS: Answer.MET,
    Result.FAIL: Answer.UNMET,
    Result.WAIVED: Answer.UNMET,
    Result.NOTAPPLICABLE: Answer.UNANSWERED,
    Result.NOTCHECKED: Answer.UNANSWERED,
    None: Answer.UNANSWERED,
}

TABLE: Mapping[tuple[Answer, Answer], Change] = {
    (Answer.MET, Answer.MET): Change.SAME,
    (Answer.MET, Answer.UNMET): Change.REGRESSED,
    (Answer.MET, Answer.UNANSWERED): Change.NO_LONGER_CHECKED,
    (Answer.UNMET, Answer.MET): Change.FIXED,
    (Answer.UNMET, Answer.UNMET): Change.SAME,
    (Answer.UNMET, Answer.UNANSWERED): Change.NO_LONGER_CHECKED,
    (Answer.UNANSWERED, Answer.MET): Change.NEWLY_CHECKED,
    (Answer.UNANSWERED, Answer.UNMET): Change.NEWLY_CHECKED,
    (Answer.UNANSWERED, Answer.UNANSWERED): Change.SAME,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One run, as far as it is compared."""

    run: str
    sha256: str
    tenant: str
    endpoint: str
    started: str
    """As in the journal: UTC, RFC 3339."""
    began: datetime
    """The same."""
    overall: str | None
    path: str
    entries: Mapping[Key, Entry]
    """Every planned case and what became of it, in the order of the plan."""
    facts: Facts = field(default_factory=Facts)
    made_with: Mapping[str, str] = field(default_factory=dict)
    """Tool, catalogue and settings that say what was asked: name → value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One case in both runs; None where it was not planned."""

    key: Key
    before: Entry | None
    after: Entry | None

    @property
    def change(self) -> Change:
        """What became of it."""
        return TABLE[answer(self.before), answer(self.after)]

    @property
    def accepted(self) -> bool:
        """Unmet now, and somebody answers for that."""
        return _result(self.after) is Result.WAIVED

    @property
    def newly_unmet(self) -> bool:
        """Asked for the first time, and unmet: no regression, and not to be overlooked."""
        return self.change is Change.NEWLY_CHECKED and _result(self.after) is Result.FAIL

    @property
    def lost(self) -> bool:
        """Met before, asked again, and without an answer now."""
        return (
            answer(self.before) is Answer.MET
            and self.after is not None
            and _result(self.after) in (Result.NOTCHECKED, None)
        )

    @property
    def latest(self) -> Entry:
        """As it was asked last."""
        asked = self.after or self.before
        assert asked
        return asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that differs between two runs."""

    before: Side
    after: Side
    cases: tuple[Compared, ...]
    """Those of both runs; where a journal gives the comparison back, those that changed."""
    drifts: tuple[Drift, ...]
    asked: Mapping[str, tuple[str, str]]
    """What was asked differently: name → (before, after)."""
    lost_vantages: tuple[str, ...]
    """Vantages of the earlier run from which nobody was to look now."""
    counts: Mapping[str, int]
    """Cases by change, and how much drift there is."""
    outcome: Outcome
    """One word."""
    forbidden: frozenset[DriftKind] = frozenset()
    """Drift of these kinds counts as failure."""

    def of(self, change: Change) -> list[Compared]:
        """The cases of this change, in order."""
        return [each for each in self.cases if each.change is change]

    @property
    def regressions(self) -> list[Compared]:
        """What was met before and is unmet now, and nobody accepts that."""
        return _regressions(self.cases)

    @property
    def forbidden_drifts(self) -> list[Drift]:
        """What changed underneath that was asked not to."""
        return [each for each in self.drifts if each.kind in self.forbidden]

    @property
    def lost(self) -> list[Compared]:
        """What was met before and was left without an answer."""
        return _lost(self.cases, self.lost_vantages)

    def drift_of(self, case: Compared) -> list[Drift]:
        """What else changed for the same host, as seen from the same vantage."""
        return [d for d in self.drifts if d.vantage == case.key[2] and _concerns(d, case)]


def compare(before: Side, after: Side, forbidden: Iterable[DriftKind] = ()) -> Comparison:
    """The later run held against the earlier one."""
    keys = dict.fromkeys((*after.entries, *before.entries))
    cases = tuple(Compared(key=key, before=before.entries.get(key), after=after.entries.get(key)) for key in keys)
    names = sorted(before.made_with.keys() | after.made_with.keys())
    pairs = {name: (before.made_with.get(name, ""), after.made_with.get(name, "")) for name in names}
    gone = tuple(sorted(_vantages(before) - _vantages(after)))
    drifts = (*drift.between(before.facts, after.facts), *_other_causes(cases))
    tally = Counter(each.change for each in cases)
    kinds = frozenset(forbidden)
    return Comparison(
        before=before,
        after=after,
        cases=cases,
        drifts=drifts,
        asked={name: pair for name, pair in pairs.items() if pair[0] != pair[1]},
        lost_vantages=gone,
        counts={**{str(change): tally[change] for change in Change}, "drift": len(drifts)},
        outcome=_outcome(cases, gone, drifted=any(each.kind in kinds for each in drifts)),
        forbidden=kinds,
    )


def answer(entry: Entry | None) -> Answer:
    """What a run says of a case."""
    return ANSWERS[_result(entry)]


def word(status: CaseStatus | None) -> str:
    """How a case ended, for a program: its verdict; `no-verdict`, if nobody could look or the run was interrupted."""
    return (status.result or "no-verdict") if status else "not-planned"


def codes(entry: Entry | None) -> tuple[str, ...]:
    """Of the findings, with their subjects: `tcp.filtered 203.0.113.7`."""
    found = entry.verdict.findings if entry and entry.verdict else ()
    return tuple(sorted({f"{each.code} {each.subject}".strip() for each in found}))


def _result(entry: Entry | None) -> Result | None:
    return entry.status.result if entry else None


def _outcome(cases: Sequence[Compared], gone: Sequence[str], *, drifted: bool) -> Outcome:
    if _regressions(cases):
        return Outcome.REGRESSED
    if _lost(cases, gone) or not any(each.before and each.after for each in cases):
        return Outcome.UNDETERMINED
    return Outcome.DRIFTED if drifted else Outcome.UNHARMED


def _regressions(cases: Iterable[Compared]) -> list[Compared]:
    return [each for each in cases if each.change is Change.REGRESSED and not each.accepted]


def _lost(cases: Iterable[Compared], gone: Sequence[str]) -> list[Compared]:
    missing = set(gone)
    return [each for each in cases if each.lost or (answer(each.before) is Answer.MET and each.key[2] in missing)]


def _vantages(side: Side) -> set[str]:
    return {vantage for _, _, vantage in side.entries}


def _other_causes(cases: Sequence[Compared]) -> Iterator[Drift]:
    for case in cases:
        before, after = codes(case.before), codes(case.after)
        if answer(case.before) is answer(case.after) is Answer.UNMET and before != after:
            requirement, target, vantage = case.key
            yield Drift(
                kind=DriftKind.CAUSE,
                vantage=vantage,
                subject=f"{requirement} {target}",
                before=before,
                after=after,
            )


def _concerns(change: Drift, case: Compared) -> bool:
    if change.kind in (DriftKind.RESOLVERS, DriftKind.VANTAGE):
        return True
    host = case.latest.case.host
    return bool(host) and change.kind is not DriftKind.CAUSE and host in change.subject.split()
