"""What a run comes to: a status for each planned case, counts, and one word over all (pure).

Rules
* Skipped is never passed, and what was planned and has no verdict is never forgotten: such a run is `undetermined`.
* An unmet *should* stays a failure of its case; it weighs on the whole only in a strict run.
* A *must* that was not checked, while nothing failed that explains it, leaves the run `undetermined`.
* A *must* that failed makes the run `not-satisfied`, also where the rest was not looked at (`-x`, a host in trouble).
  Under version 1 of the catalogue such a run was `undetermined`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from netcompliance.model import Case, Level, Requirement, Result, Verdict


class Overall(StrEnum):
    """One word for a run."""

    SATISFIED = "satisfied"
    NOT_SATISFIED = "not-satisfied"
    UNDETERMINED = "undetermined"


class CaseStatus(StrEnum):
    """How a planned case ended, or why it did not: the one list of it. The worst first."""

    FAIL = "FAIL"
    ERROR = "ERROR"
    """Could not look."""
    NO_VERDICT = "no verdict"
    """Planned, and never came to a verdict: deselected or interrupted."""
    UNMET_SHOULD = "unmet"
    """A failed *should* in a run that is not strict."""
    NOTCHECKED = "not checked"
    WAIVED = "waived"
    PASS = "pass"  # noqa: S105 - a status, not a password
    NOTAPPLICABLE = "n/a"

    @property
    def result(self) -> Result | None:
        """The verdict behind it; None where there is none."""
        return Result.FAIL if self is CaseStatus.UNMET_SHOULD else Result.__members__.get(self.name)


RANK: Mapping[CaseStatus, int] = {status: rank for rank, status in enumerate(CaseStatus)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A planned case and what became of it."""

    case: Case
    requirement: Requirement
    verdict: Verdict | None = None
    trouble: str | None = None
    """Why nobody could look, if that is so."""
    strict: bool = False

    @property
    def status(self) -> CaseStatus:
        """How it ended."""
        if self.verdict is None:
            return CaseStatus.NO_VERDICT if self.trouble is None else CaseStatus.ERROR
        if self.verdict.result is not Result.FAIL:
            return CaseStatus[self.verdict.result.name]
        weighs = self.strict or self.requirement.level is Level.MUST
        return CaseStatus.FAIL if weighs else CaseStatus.UNMET_SHOULD

    @property
    def texts(self) -> Mapping[str, str]:
        """`saw`, `reason` and `reproduce`; of a saved run `means`, `fix` and `ask` too. Empty without a verdict."""
        given = self.verdict
        return {"saw": given.saw, **given.told, "reason": given.reason, "reproduce": given.reproduce} if given else {}


def overall(entries: Sequence[Entry], catalogue: int = 2) -> Overall:
    """The word over all entries, under this version of the catalogue. No entries at all say nothing."""
    statuses = {entry.status for entry in entries}
    unseen = not statuses or bool(statuses & {CaseStatus.ERROR, CaseStatus.NO_VERDICT})
    if CaseStatus.FAIL in statuses and not (unseen and catalogue == 1):
        return Overall.NOT_SATISFIED
    if unseen:
        return Overall.UNDETERMINED
    if any(e.status is CaseStatus.NOTCHECKED and e.requirement.level is Level.MUST for e in entries):
        return Overall.UNDETERMINED
    return Overall.SATISFIED


def counts(entries: Iterable[Entry]) -> dict[str, int]:
    """How often each verdict was given; `error` counts cases without one, `unmet-should` is a part of `fail`."""
    tally = Counter[str](dict.fromkeys((*Result, "error", "unmet-should"), 0))
    for entry in entries:
        tally[entry.verdict.result if entry.verdict else "error"] += 1
        tally["unmet-should"] += entry.status is CaseStatus.UNMET_SHOULD
    return {str(word): number for word, number in tally.items()}
