"""One tenant's run from its first line to its last: each step is written to the journal as it happens.

Rules
* The planned population is in the journal before anything is looked at.
* Looking happens at most once, for several runs together (`visit_all`). That nobody could look from a vantage is an
  error (`CouldNotLook`, for each of its cases that asks), never a verdict; other vantages do not suffer from it.
* A verdict is written when its test asks for it, so what was deselected or interrupted stays without one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from netcompliance import provenance, results
from netcompliance.journal import JOURNAL
from netcompliance.journal.writer import Journal, JournalWriteError
from netcompliance.judge.watch import REQUIREMENT
from netcompliance.judge.watch import Watched as WatchedPaths
from netcompliance.model import Case, Verdict
from netcompliance.results import Entry, Overall
from netcompliance.session import phases
from netcompliance.session.phases import Broken, Opened, Phase, Visited, Watched, unwritten
from netcompliance.session.plan import Plan
from netcompliance.session.visit_collector import Display, Look, VisitCollector
from netcompliance.session.watch_collector import Screen, WatchCollector
from netcompliance.vantage.errors import CouldNotLook

ERROR = 500
"""Characters of an error that the footer keeps: there may be one for each of many vantages, and it is one line."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Closed:
    """What a run left."""

    plan: Plan
    directory: Path
    journal: Path
    is_whole: bool
    """Whether the journal came to its end."""
    entries: tuple[Entry, ...]
    """Every planned case and what became of it, in the order of the plan."""
    overall: Overall
    """One word. A run whose journal has no end is none that was completed."""
    watched: Mapping[str, WatchedPaths]
    """What each vantage saw in the watch."""

    @property
    def watch_entries(self) -> list[Entry]:
        """The entries of the watch."""
        return [entry for entry in self.entries if self.plan.is_watched(entry.case)]


class Run:
    """A run whose journal is begun, the phase that it is in, and the verdicts that were asked for."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        """Begin the journal in a new directory: header and every planned case. Raises `JournalWriteError`."""
        self.plan = plan
        self.directory = directory
        self.phase: Phase = Opened()
        self.display: Display | None = None
        """Who is shown how the visits go on."""
        self.screen: Screen | None = None
        """Who is shown how the watch goes on."""
        self._given: dict[Case, Verdict] = {}
        self.journal = Journal(directory / JOURNAL, plan.redactor)
        self.journal.header(secrets.token_hex(8), plan.started, plan.settings, _head(plan))
        for case in plan.cases:
            self.journal.case(case, plan.catalogue[case.requirement])
        self.journal.planned()

    def verdict(self, case: Case) -> Verdict:
        """The case's verdict, written down. Raises `CouldNotLook` where there can be none. The first case of the watch
        that is asked for makes the watch."""
        if self.plan.is_watched(case) and isinstance(self.phase, Visited):
            self._watch(self.phase)
        problem = self.phase.problem(case)
        if problem:
            raise CouldNotLook(problem.cause, problem.remedy)
        verdict = self.phase.verdict(case)
        if verdict is None:
            raise CouldNotLook(f"the visit of {case.vantage} did not end", "run again, and look at the journal's end")
        if case not in self._given:
            try:
                self.journal.verdict(verdict, self.plan.catalogue[case.requirement])
            except JournalWriteError as lost:
                raise self._broken(lost) from None
        self._given[case] = verdict
        return verdict

    def given(self, case: Case) -> Verdict | None:
        """The case's verdict, if it was asked for and there is one."""
        return self._given.get(case)

    def close(self, at: datetime) -> Closed:
        """Write the footer. The run is over, however it ended."""
        baseline = self.plan.baseline
        try:
            if baseline and (compared := baseline.record(self.journal.path)):
                self.journal.comparison(compared)
            self.journal.footer(self._entries(), at, list(self._errors()))
        except JournalWriteError as lost:
            self._broken(lost)
        self.journal.close()
        entries, watch = self._entries(), phases.watched(self.phase)
        return Closed(
            plan=self.plan,
            directory=self.directory,
            journal=self.journal.path,
            is_whole=self.journal.ended,
            entries=entries,
            overall=Overall.UNDETERMINED if isinstance(self.phase, Broken) else results.overall(entries),
            watched=watch.seen if watch else {},
        )

    def _watch(self, visited: Visited) -> None:
        """The watch, once, after everything else was seen."""
        collector = WatchCollector(self.plan, self.journal, self.screen)
        watched = {case.vantage for case in self.plan.cases if self.plan.is_watched(case) and not visited.problem(case)}
        basis = {vantage: visited.basis[vantage] for vantage in sorted(watched & visited.basis.keys())}
        lost: JournalWriteError | None = None
        try:
            if self.plan.watch_hosts and basis:
                self.plan.watch_hosts(self.plan.settings, basis, collector)
                collector.tick()
        except JournalWriteError as problem:
            lost = problem
        except BaseException:
            collector.over()
            self.phase = Watched(visited=visited, seen=collector.seen())
            raise
        collector.over()
        self.phase = collector.result(visited)
        if lost:
            self._broken(lost)

    def _broken(self, lost: JournalWriteError) -> CouldNotLook:
        """From now on nothing can be written down; of several reasons the first counts."""
        if not isinstance(self.phase, Broken):
            self.phase = Broken(self.phase, unwritten(lost))
        return self.phase.cause

    def _entries(self) -> tuple[Entry, ...]:
        return tuple(
            Entry(
                case=case,
                requirement=self.plan.catalogue[case.requirement],
                verdict=self._given.get(case),
                trouble=_in_words(problem) if (problem := self.phase.problem(case)) else None,
                strict=self.plan.settings.strict,
            )
            for case in self.plan.cases
        )

    def _errors(self) -> Iterator[dict[str, str]]:
        """Why there are cases without a verdict, where no vantage's record says it."""
        if isinstance(self.phase, Broken):
            yield {"error": self._safe(self.phase.cause)}
        watch = phases.watched(self.phase)
        for vantage, problem in watch.problems.items() if watch else ():
            yield {"requirement": REQUIREMENT, "vantage": vantage, "error": self._safe(problem)}

    def _safe(self, problem: CouldNotLook) -> str:
        return self.plan.redactor.text(_in_words(problem))[:ERROR]


def visit_all(look: Look, runs: Sequence[Run]) -> None:
    """Look for all of these, once: each is `Visited` then, or `Broken`. Raises what is a defect of ours."""
    collectors = [VisitCollector(run.plan, run.journal, run.display) for run in runs]
    cause: CouldNotLook | None = None
    try:
        look([collector.visit for collector in collectors])
        for collector in collectors:
            collector.tick()
    except JournalWriteError as problem:
        cause = unwritten(problem)
    except Exception as error:
        remedy = "see the traceback of the first case"
        cause = CouldNotLook(f"a defect in netcompliance ({type(error).__name__})", remedy)
        raise
    finally:
        for run, collector in zip(runs, collectors, strict=True):
            visited = collector.result()
            run.phase = Broken(visited, cause) if cause else visited


def new_directory(root: Path, tenant: str, at: datetime) -> Path:
    """`root/<tenant>/<UTC>`, made. A second run within the second gets a number."""
    base = root / tenant
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    base.mkdir(parents=True, exist_ok=True)
    for name in (stamp, *(f"{stamp}-{number}" for number in range(2, 100))):
        try:
            (base / name).mkdir()
        except FileExistsError:
            continue
        return base / name
    raise FileExistsError(f"{base / stamp}: a hundred runs in one second")


def _head(plan: Plan) -> Mapping[str, Any]:
    """With what the run is made, and from where."""
    return {
        "tool": provenance.tool(),
        "by": provenance.by(),
        "catalogue": plan.catalogue.version,
        "catalogue_sha256": plan.catalogue.sha256,
        **({"signer": plan.signer} if plan.signer else {}),
        "vantages": plan.vantages,
    }


def _in_words(problem: CouldNotLook) -> str:
    return f"{problem.cause}; {problem.remedy}"
