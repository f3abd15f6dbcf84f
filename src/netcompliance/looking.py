"""Looking, for one run or for several together, and what is done with what is seen.

Rules
* What is seen is written down at once. A vantage is judged as soon as it is complete, and its observations are then
  forgotten: the journal has them.
* Nobody looks on when it cannot be written down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import filterfalse
from typing import TYPE_CHECKING, Protocol

from netcompliance.judge import SHARED
from netcompliance.judge.watch import IDENTITY
from netcompliance.model import Case, Observation, Verdict
from netcompliance.report.journal import Journal, Unwritten
from netcompliance.vantage.errors import CouldNotLook
from netcompliance.vantage.visit import Errand, State

if TYPE_CHECKING:
    from netcompliance.run import Run
    from netcompliance.vantage.hosts import Host

Look = Callable[[Sequence[Errand]], None]
"""Sees everything that the errands need, and tells their watchers."""


class Display(Protocol):
    """Somebody who is shown how visits go on."""

    def state(self, vantage: str, state: State, text: str = "") -> None:
        """A visit went on."""

    def tick(self) -> None:
        """Some time has passed."""

    def over(self) -> None:
        """There is no more to come."""


def together(look: Look, runs: Sequence[Run]) -> None:
    """Look for all of these, once, and leave with each what came of it. Raises what is a defect of ours."""
    lookings = [run.begin_looking() for run in runs]
    defect: CouldNotLook | None = None
    try:
        look([looking.errand for looking in lookings])
        for looking in lookings:
            looking.tick()
    except Unwritten as problem:
        defect = unwritten(problem)
    except Exception as error:
        remedy = "see the traceback of the first case"
        defect = CouldNotLook(f"a defect in netcompliance ({type(error).__name__})", remedy)
        raise
    finally:
        for run, looking in zip(runs, lookings, strict=True):
            looking.over()
            run.looked(looking, defect)


class Who:
    """What a watch needs of a visit: who looked, and which addresses the tenant has there."""

    def __init__(self) -> None:
        self.kept: list[Observation] = []
        self.addresses: set[str] = set()
        self.by_shell = False

    def add(self, seen: Observation, host: str) -> None:
        """One observation of the visit."""
        if seen.get("kind") in IDENTITY:
            self.kept.append(seen)
            self.by_shell = self.by_shell or seen.get("with") == "sh"
        elif seen.get("kind") == "tcp" and seen.get("task") == "tenant" and seen.get("host") == host:
            self.addresses.add(str(seen.get("address")))


class Looking:
    """What is done with what is seen: written down at once, judged when a vantage is complete, and then forgotten."""

    def __init__(self, run: Run, journal: Journal | None, *, hosts: Sequence[Host], key: str | None) -> None:
        self.errand = Errand(settings=run.settings, cases=run.cases, hosts=hosts, watcher=self, key=key)
        self.verdicts: dict[Case, Verdict] = {}
        self.troubles: dict[str, CouldNotLook] = {}
        self.who: dict[str, Who] = {}
        self._run = run
        self._journal = journal
        self._display = run.display
        self._requirements = {requirement.id: requirement for requirement in run.catalogue.requirements}
        self._cases: dict[str, list[Case]] = {}
        for case in run.cases if run.settings.watch is None else filterfalse(run.is_watched, run.cases):
            self._cases.setdefault(case.vantage, []).append(case)
        self._seen: dict[str, list[Observation]] = {}
        self._public: list[Observation] = []
        self._unwritten: Unwritten | None = None

    def observation(self, seen: Observation) -> None:
        """Write it down, and keep it as it is written until its vantage is judged: judging again gives the same."""
        try:
            observation = self._journal.observation(seen) if self._journal else self._run.redactor.value(seen)
        except Unwritten as problem:
            # This may be another thread than the one that looks.
            self._unwritten = problem
            return
        self._seen.setdefault(str(observation["vantage"]), []).append(observation)
        if self._run.settings.watch is not None:
            self.who.setdefault(str(observation["vantage"]), Who()).add(observation, self._run.settings.host)
        if observation.get("kind") in SHARED:
            self._public.append(observation)

    def state(self, vantage: str, state: State, text: str = "") -> None:
        """Show it."""
        if self._display:
            self._display.state(vantage, state, text)

    def tick(self) -> None:
        """Show that time passes."""
        self._go_on()
        if self._display:
            self._display.tick()

    def ended(self, vantage: str, problem: CouldNotLook | None) -> None:
        """Judge the vantage, or note why nobody could look."""
        self._go_on()
        from netcompliance.judge import identity, judge_vantage

        seen, settings, safe = self._seen.pop(vantage, []), self._run.settings, self._run.redactor.text
        if problem is None:
            self.verdicts |= judge_vantage(
                self._requirements, self._cases.get(vantage, ()), seen, self._public, settings, self._run.started.date()
            )
        else:
            problem = self.troubles[vantage] = CouldNotLook(safe(problem.cause), safe(problem.remedy))
        known = identity(vantage, seen, settings) if seen else {}
        error = f"{problem.cause}; {problem.remedy}" if problem else None
        self._run.identities[vantage] = {**known, **({"error": error} if error else {})}
        if self._journal:
            self._journal.vantage(vantage, known, error)

    def over(self) -> None:
        """Nothing more will be seen."""
        if self._display:
            self._display.over()

    def _go_on(self) -> None:
        """Nobody need look on if it cannot be written down: raises `Unwritten`."""
        if self._unwritten:
            raise self._unwritten


def unwritten(problem: Unwritten) -> CouldNotLook:
    """What is not written down is no evidence: as if nobody had looked."""
    return CouldNotLook(f"the journal cannot be written: {problem}", "make room for reports, and run again")
