"""What is done with what a visit of one tenant's hosts tells.

Rules
* What is seen is written down at once, and not held: the journal has it. A vantage is judged as soon as it is complete,
  by what is read back of it, so that one is in memory at a time, however many are under way.
* The verdicts stay until the end of the run: where those on one host are too large, that is its error.
* Nobody looks on when it cannot be written down.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Protocol

from netcompliance.journal.writer import Journal, JournalWriteError
from netcompliance.judge import SHARED
from netcompliance.model import HERE, Case, Observation, Verdict
from netcompliance.session.phases import Visited
from netcompliance.session.plan import Plan
from netcompliance.session.watch_basis import WatchBasis
from netcompliance.vantage.errors import CouldNotLook, contradictory, not_judged, too_large
from netcompliance.vantage.visit import State, TenantVisit

Look = Callable[[Sequence[TenantVisit]], None]
"""Makes all these visits, and tells their watchers."""


class Display(Protocol):
    """Somebody who is shown how visits go on."""

    def state(self, vantage: str, state: State, text: str = "") -> None:
        """A visit went on."""

    def tick(self) -> None:
        """Some time has passed."""

    def over(self) -> None:
        """There is no more to come."""


class VisitCollector:
    """Takes what is seen (`vantage.visit.Watcher`): written down at once, judged when a vantage is complete, and then
    forgotten. `result` says what came of it."""

    def __init__(self, plan: Plan, journal: Journal, display: Display | None = None) -> None:
        self.visit = TenantVisit(
            settings=plan.settings, cases=plan.cases, hosts=plan.hosts, watcher=self, key=plan.config.key
        )
        self._plan = plan
        self._journal = journal
        self._display = display
        self._verdicts: dict[Case, Verdict] = {}
        self._problems: dict[str, CouldNotLook] = {}
        self._basis: dict[str, WatchBasis] = {}
        self._cases: dict[str, list[Case]] = {}
        """What is judged of a vantage when its visit has ended: the cases of the watch come later."""
        for case in plan.cases:
            if not plan.is_watched(case):
                self._cases.setdefault(case.vantage, []).append(case)
        self._places: dict[str, array[int]] = {}
        """Where the journal has what was seen at a vantage."""
        self._public: list[Observation] = []
        self._unwritten: JournalWriteError | None = None

    def observation(self, seen: Observation) -> None:
        """Write it down. It is judged as it is written: judging again gives the same."""
        try:
            observation, place = self._journal.observation(seen)
        except JournalWriteError as problem:
            # This may be another thread than the one that looks.
            self._unwritten = problem
            return
        vantage, settings = str(seen["vantage"]), self._plan.settings
        self._places.setdefault(vantage, array("Q")).append(place)
        if settings.watch is not None:
            self._basis.setdefault(vantage, WatchBasis()).add(observation, settings.host)
        if observation.get("kind") in SHARED:
            self._public.append(observation)

    def state(self, vantage: str, state: State, text: str = "") -> None:
        """Show it."""
        if self._display:
            self._display.state(vantage, state, self._plan.redactor.text(text))

    def tick(self) -> None:
        """Show that time passes. Raises `JournalWriteError`: nobody need look on if it cannot be written down."""
        self._go_on()
        if self._display:
            self._display.tick()

    def ended(self, vantage: str, problem: CouldNotLook | None) -> None:
        """Judge the vantage, or note why nobody could look. Raises `JournalWriteError`.

        What a visited host sent costs no other host its verdicts: where it cannot be judged, that is the host's error.
        """
        self._go_on()
        seen, safe = list(self._journal.read(self._places.pop(vantage, ()))), self._plan.redactor.text
        known: Observation = {}
        try:
            known = self._judge(vantage, seen, problem)
        except CouldNotLook as refused:
            problem = refused
        except Exception as defect:
            if vantage == HERE:
                raise
            problem = not_judged(defect)
        if problem is not None:
            problem = self._problems[vantage] = CouldNotLook(safe(problem.cause), safe(problem.remedy))
        self._journal.vantage(vantage, known, f"{problem.cause}; {problem.remedy}" if problem else None)

    def result(self) -> Visited:
        """What came of it, as far as it came. Nothing more will be seen, and nothing of it is held here."""
        if self._display:
            self._display.over()
        verdicts, self._verdicts = self._verdicts, {}
        return Visited(
            verdicts=self._plan.settled(verdicts, self._plan.cases), problems=self._problems, basis=self._basis
        )

    def _judge(self, vantage: str, seen: Sequence[Observation], problem: CouldNotLook | None) -> Observation:
        """Who looked; with the verdicts taken down, unless there was a problem."""
        from netcompliance.contradictions import of_a_visit
        from netcompliance.judge import are_too_large, identity, judge_vantage

        plan = self._plan
        known = identity(vantage, seen, plan.settings) if seen else {}
        if problem is None:
            if vantage != HERE and (odd := of_a_visit(plan.settings, {case.host for case in plan.cases}, seen)):
                raise contradictory(odd)
            cases = self._cases.get(vantage, ())
            given = judge_vantage(plan.requirements, cases, seen, self._public, plan.settings, plan.today)
            if are_too_large(given.values()):
                raise too_large()
            self._verdicts |= given
        return known

    def _go_on(self) -> None:
        if self._unwritten:
            raise self._unwritten
