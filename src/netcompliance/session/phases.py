"""The phases of a run whose journal is begun, each with what there is in it.

Opened ──► Visited ──► Watched          Broken, from any of them; what a run leaves at its end is `run.Closed`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from netcompliance.judge.watch import REQUIREMENT
from netcompliance.judge.watch import Watched as WatchedPaths
from netcompliance.model import Case, Verdict
from netcompliance.session.watch_basis import WatchBasis
from netcompliance.vantage.errors import CouldNotLook


@dataclass(frozen=True, slots=True)
class Opened:
    """The journal has its header and every planned case. Nobody has looked."""

    def verdict(self, _case: Case) -> Verdict | None:
        """None yet."""
        return None

    def problem(self, _case: Case) -> CouldNotLook | None:
        """None yet."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visited:
    """Every vantage was visited, as far as it came."""

    verdicts: Mapping[Case, Verdict]
    problems: Mapping[str, CouldNotLook]
    """Why nobody could look, by vantage."""
    basis: Mapping[str, WatchBasis]
    """What a watch needs of the visit, by vantage; empty where there is to be none."""

    def verdict(self, case: Case) -> Verdict | None:
        """The verdict on the case, if there is one."""
        return self.verdicts.get(case)

    def problem(self, case: Case) -> CouldNotLook | None:
        """Why nobody could look from the case's vantage, if that is so."""
        return self.problems.get(case.vantage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The watch is over, as far as it came."""

    visited: Visited
    verdicts: Mapping[Case, Verdict] = field(default_factory=dict)
    """On the cases of the watch alone."""
    problems: Mapping[str, CouldNotLook] = field(default_factory=dict)
    """Why nobody watched, by vantage."""
    seen: Mapping[str, WatchedPaths] = field(default_factory=dict)
    """What each vantage saw."""

    def verdict(self, case: Case) -> Verdict | None:
        """The verdict on the case, if there is one."""
        return self.verdicts.get(case) or self.visited.verdict(case)

    def problem(self, case: Case) -> CouldNotLook | None:
        """Why nobody could look from the case's vantage, or watch, if that is so."""
        unwatched = self.problems.get(case.vantage) if case.requirement == REQUIREMENT else None
        return self.visited.problem(case) or unwatched


@dataclass(frozen=True, slots=True)
class Broken:
    """The journal cannot be written any more, or there is a defect of ours: nothing more comes, and nothing counts."""

    before: Opened | Visited | Watched
    """How far the run had come."""
    cause: CouldNotLook

    def verdict(self, _case: Case) -> Verdict | None:
        """What cannot be written down is no evidence."""
        return None

    def problem(self, _case: Case) -> CouldNotLook | None:
        """The same for every case."""
        return self.cause


Phase: TypeAlias = Opened | Visited | Watched | Broken


def watched(phase: Phase) -> Watched | None:
    """The watch, if the run has come so far, whatever came after it."""
    reached = phase.before if isinstance(phase, Broken) else phase
    return reached if isinstance(reached, Watched) else None


def unwritten(problem: Exception) -> CouldNotLook:
    """What is not written down is no evidence: as if nobody had looked."""
    return CouldNotLook(f"the journal cannot be written: {problem}", "make room for reports, and run again")
