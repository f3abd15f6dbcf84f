"""Two runs of one tenant compared, case by case (pure).

Theory. A case stands in one of three ways: it is met (`pass`), unmet (`fail`, `waived`) or it has no answer
(`notapplicable`, `notchecked`, planned without a verdict, not planned at all). Where it stood and where it stands now
make one of five changes (`TABLE`). Words within one way differ only in why.

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
from typing import Any

from netcompliance.change import drift
from netcompliance.change.drift import Drift
from netcompliance.change.facts import Facts
from netcompliance.journal import decode
from netcompliance.journal.decode import Key
from netcompliance.model import DriftKind, Result


class Word(StrEnum):
    """How a case ended: a verdict, or why there is none."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    WAIVED = "waived"
    NOTAPPLICABLE = "notapplicable"
    NOTCHECKED = "notchecked"
    NO_VERDICT = "no-verdict"
    """Planned, but nobody could look, or the run was interrupted."""
    NOT_PLANNED = "not-planned"


class Stand(StrEnum):
    """What a word comes to."""

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


STANDS: Mapping[Word, Stand] = {
    Word.PASS: Stand.MET,
    Word.FAIL: Stand.UNMET,
    Word.WAIVED: Stand.UNMET,
    Word.NOTAPPLICABLE: Stand.UNANSWERED,
    Word.NOTCHECKED: Stand.UNANSWERED,
    Word.NO_VERDICT: Stand.UNANSWERED,
    Word.NOT_PLANNED: Stand.UNANSWERED,
}

TABLE: Mapping[tuple[Stand, Stand], Change] = {
    (Stand.MET, Stand.MET): Change.SAME,
    (Stand.MET, Stand.UNMET): Change.REGRESSED,
    (Stand.MET, Stand.UNANSWERED): Change.NO_LONGER_CHECKED,
    (Stand.UNMET, Stand.MET): Change.FIXED,
    (Stand.UNMET, Stand.UNMET): Change.SAME,
    (Stand.UNMET, Stand.UNANSWERED): Change.NO_LONGER_CHECKED,
    (Stand.UNANSWERED, Stand.MET): Change.NEWLY_CHECKED,
    (Stand.UNANSWERED, Stand.UNMET): Change.NEWLY_CHECKED,
    (Stand.UNANSWERED, Stand.UNANSWERED): Change.SAME,
}

_LOST = frozenset({Word.NOTCHECKED, Word.NO_VERDICT})
"""Asked, and left without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a run says of one case."""

    word: Word
    host: str = ""
    level: str = ""
    says: str = ""
    codes: tuple[str, ...] = ()
    """Of the findings, with their subjects: `tcp.filtered 203.0.113.7`."""
    saw: str = ""
    means: str = ""
    fix: str = ""
    ask: str = ""
    reason: str = ""
    reproduce: str = ""


NOT_PLANNED = State(word=Word.NOT_PLANNED)


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
    states: Mapping[Key, State]
    facts: Facts = field(default_factory=Facts)
    made_with: Mapping[str, str] = field(default_factory=dict)
    """Tool, catalogue and settings that say what was asked: name → value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One case in both runs."""

    key: Key
    before: State
    after: State

    @property
    def change(self) -> Change:
        """What became of it."""
        return TABLE[STANDS[self.before.word], STANDS[self.after.word]]

    @property
    def accepted(self) -> bool:
        """Unmet now, and somebody answers for that."""
        return self.after.word is Word.WAIVED

    @property
    def newly_unmet(self) -> bool:
        """Asked for the first time, and unmet: no regression, and not to be overlooked."""
        return self.change is Change.NEWLY_CHECKED and self.after.word is Word.FAIL

    @property
    def lost(self) -> bool:
        """Met before, asked again, and without an answer now."""
        return self.before.word is Word.PASS and self.after.word in _LOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that differs between two runs."""

    before: Side
    after: Side
    cases: tuple[Compared, ...]
    drifts: tuple[Drift, ...]
    asked: Mapping[str, tuple[str, str]]
    """What was asked differently: name → (before, after)."""
    forbidden: frozenset[DriftKind] = frozenset()
    """Drift of these kinds counts as failure."""

    def of(self, change: Change) -> list[Compared]:
        """The cases of this change, in order."""
        return [each for each in self.cases if each.change is change]

    @property
    def regressions(self) -> list[Compared]:
        """What was met before and is unmet now, and nobody accepts that."""
        return [each for each in self.of(Change.REGRESSED) if not each.accepted]

    @property
    def forbidden_drifts(self) -> list[Drift]:
        """What changed underneath that was asked not to."""
        return [each for each in self.drifts if each.kind in self.forbidden]

    @property
    def lost_vantages(self) -> list[str]:
        """Vantages of the earlier run from which nobody was to look now."""
        return sorted(_vantages(self.before) - _vantages(self.after))

    @property
    def lost(self) -> list[Compared]:
        """What was met before and was left without an answer."""
        gone = set(self.lost_vantages)
        return [c for c in self.cases if c.lost or (c.before.word is Word.PASS and c.key[2] in gone)]

    @property
    def outcome(self) -> Outcome:
        """One word."""
        if self.regressions:
            return Outcome.REGRESSED
        if self.lost or not any(_in_both(each) for each in self.cases):
            return Outcome.UNDETERMINED
        return Outcome.DRIFTED if self.forbidden_drifts else Outcome.UNHARMED

    @property
    def counts(self) -> dict[str, int]:
        """Cases by change, and how much drift there is."""
        tally = Counter(each.change for each in self.cases)
        return {**{str(change): tally[change] for change in Change}, "drift": len(self.drifts)}

    def underneath(self, case: Compared) -> list[Drift]:
        """What else changed for the same host, as seen from the same vantage."""
        return [d for d in self.drifts if d.vantage == case.key[2] and _concerns(d, case)]


def compare(before: Side, after: Side, forbidden: Iterable[DriftKind] = ()) -> Comparison:
    """The later run held against the earlier one."""
    keys = [*after.states, *(key for key in before.states if key not in after.states)]
    cases = tuple(
        Compared(key=key, before=before.states.get(key, NOT_PLANNED), after=after.states.get(key, NOT_PLANNED))
        for key in keys
    )
    names = sorted(before.made_with.keys() | after.made_with.keys())
    pairs = {name: (before.made_with.get(name, ""), after.made_with.get(name, "")) for name in names}
    return Comparison(
        before=before,
        after=after,
        cases=cases,
        drifts=(*drift.between(before.facts, after.facts), *_other_causes(cases)),
        asked={name: pair for name, pair in pairs.items() if pair[0] != pair[1]},
        forbidden=frozenset(forbidden),
    )


def states(cases: Iterable[Mapping[str, Any]], verdicts: Iterable[Mapping[str, Any]]) -> dict[Key, State]:
    """Every planned case of a journal, with what became of it."""
    given = {decode.key(record): record for record in verdicts}
    return {decode.key(planned): _state(planned, given.get(decode.key(planned), {})) for planned in cases}


def _state(planned: Mapping[str, Any], verdict: Mapping[str, Any]) -> State:
    word = verdict.get("verdict")
    return State(
        word=Word(word) if word in list(Result) else Word.NO_VERDICT,
        host=str(planned.get("host", "")),
        level=str(planned.get("level", "")),
        says=str(planned.get("says", "")),
        codes=tuple(sorted({f"{each.get('code', '')} {each.get('subject', '')}".strip() for each in _found(verdict)})),
        **{name: str(verdict.get(name) or "") for name in ("saw", "means", "fix", "ask", "reason", "reproduce")},
    )


def _found(verdict: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = verdict.get("findings")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _vantages(side: Side) -> set[str]:
    return {vantage for _, _, vantage in side.states}


def _in_both(case: Compared) -> bool:
    return Word.NOT_PLANNED not in (case.before.word, case.after.word)


def _other_causes(cases: Sequence[Compared]) -> Iterator[Drift]:
    for case in cases:
        if case.before.word is case.after.word is Word.FAIL and case.before.codes != case.after.codes:
            requirement, target, vantage = case.key
            yield Drift(
                kind=DriftKind.CAUSE,
                vantage=vantage,
                subject=f"{requirement} {target}",
                before=case.before.codes,
                after=case.after.codes,
            )


def _concerns(change: Drift, case: Compared) -> bool:
    if change.kind in (DriftKind.RESOLVERS, DriftKind.VANTAGE):
        return True
    host = case.after.host or case.before.host
    return bool(host) and change.kind is not DriftKind.CAUSE and host in change.subject.split()
