"""Looking for one run: what is done with what is seen.

Rules
* What is seen is written down at once, and not held: the journal has it. A vantage is judged as soon as it is complete,
  by what is read back of it, so that one is in memory at a time, however many are under way.
* The verdicts stay until the end of the run: where those on one host are too large, that is its error.
* Nobody looks on when it cannot be written down.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol, TypeVar

from netcompliance.journal.redact import Redactor
from netcompliance.journal.writer import Journal, JournalWriteError
from netcompliance.judge import SHARED
from netcompliance.judge.shape import shaped
from netcompliance.judge.watch import IDENTITY
from netcompliance.model import HERE, Case, Observation, Requirement, Settings, Verdict
from netcompliance.vantage.errors import CouldNotLook, not_judged, too_large
from netcompliance.vantage.visit import Errand, State

if TYPE_CHECKING:
    from netcompliance.vantage.hosts import Host

_Place = TypeVar("_Place")
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


PLACES = 512
"""Addresses, and hosts of layers, that a watch is told of at most: a probe knows no more (`probe.onhost.limits`)."""


class Who:
    """What a watch needs of a visit: who looked, which addresses the tenant has there, and who serves image layers."""

    def __init__(self) -> None:
        self.kept: list[Observation] = []
        self.addresses: set[str] = set()
        self.layers: set[tuple[str, int]] = set()
        """Hosts and ports to which the registry redirected."""

    def add(self, seen: Observation, host: str) -> None:
        """One observation of the visit."""
        kind = seen.get("kind")
        if kind in IDENTITY:
            self.kept.append(seen)
        elif kind == "tcp":
            tcp = shaped(seen)
            if tcp.get("task") == "tenant" and tcp.get("host") == host and "address" in tcp:
                _add(self.addresses, tcp["address"])
        elif kind == "registry":
            hop = shaped(seen)
            if (
                hop.get("task") == "registry"
                and hop.get("step") in ("config", "layer")
                and hop.get("url", "").startswith("https://")
                and {"host", "port"} <= hop.keys()
            ):
                _add(self.layers, (hop["host"], hop["port"]))


def _add(places: set[_Place], place: _Place) -> None:
    if len(places) < PLACES:
        places.add(place)


class Looking:
    """What is done with what is seen: written down at once, judged when a vantage is complete, and then forgotten."""

    def __init__(
        self,
        settings: Settings,
        cases: Sequence[Case],
        judged: Iterable[Case],
        requirements: Mapping[str, Requirement],
        today: date,
        *,
        hosts: Sequence[Host],
        key: str | None,
        redactor: Redactor,
        journal: Journal | None,
        display: Display | None,
    ) -> None:
        self.errand = Errand(settings=settings, cases=cases, hosts=hosts, watcher=self, key=key)
        self.verdicts: dict[Case, Verdict] = {}
        """Of the cases that are to be `judged`."""
        self.troubles: dict[str, CouldNotLook] = {}
        self.who: dict[str, Who] = {}
        self._settings = settings
        self._requirements = requirements
        self._today = today
        self._redactor = redactor
        self._journal = journal
        self._display = display
        self._cases: dict[str, list[Case]] = {}
        for case in judged:
            self._cases.setdefault(case.vantage, []).append(case)
        self._places: dict[str, array[int]] = {}
        """Where the journal has what was seen at a vantage,"""
        self._seen: dict[str, list[Observation]] = {}
        """and what was seen there, where there is no journal."""
        self._public: list[Observation] = []
        self._unwritten: JournalWriteError | None = None

    def observation(self, seen: Observation) -> None:
        """Write it down. It is judged as it is written: judging again gives the same."""
        try:
            observation = self._written(seen)
        except JournalWriteError as problem:
            # This may be another thread than the one that looks.
            self._unwritten = problem
            return
        if self._settings.watch is not None:
            self.who.setdefault(str(observation["vantage"]), Who()).add(observation, self._settings.host)
        if observation.get("kind") in SHARED:
            self._public.append(observation)

    def _written(self, seen: Observation) -> Observation:
        vantage = str(seen["vantage"])
        if self._journal is None:
            self._seen.setdefault(vantage, []).append(self._redactor.value(seen))
            return self._seen[vantage][-1]
        observation, place = self._journal.observation(seen)
        self._places.setdefault(vantage, array("Q")).append(place)
        return observation

    def state(self, vantage: str, state: State, text: str = "") -> None:
        """Show it."""
        if self._display:
            self._display.state(vantage, state, self._redactor.text(text))

    def tick(self) -> None:
        """Show that time passes."""
        self._go_on()
        if self._display:
            self._display.tick()

    def ended(self, vantage: str, problem: CouldNotLook | None) -> None:
        """Judge the vantage, or note why nobody could look.

        What a visited host sent costs no other host its verdicts: where it cannot be judged, that is the host's error.
        """
        self._go_on()
        seen, safe = self._seen.pop(vantage, []), self._redactor.text
        if self._journal:
            seen = list(self._journal.read(self._places.pop(vantage, ())))
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
            problem = self.troubles[vantage] = CouldNotLook(safe(problem.cause), safe(problem.remedy))
        error = f"{problem.cause}; {problem.remedy}" if problem else None
        if self._journal:
            self._journal.vantage(vantage, known, error)

    def _judge(self, vantage: str, seen: Sequence[Observation], problem: CouldNotLook | None) -> Observation:
        """Who looked; with the verdicts taken down, unless there was a problem."""
        from netcompliance.judge import are_too_large, identity, judge_vantage

        known = identity(vantage, seen, self._settings) if seen else {}
        if problem is None:
            cases = self._cases.get(vantage, ())
            given = judge_vantage(self._requirements, cases, seen, self._public, self._settings, self._today)
            if are_too_large(given.values()):
                raise too_large()
            self.verdicts |= given
        return known

    def over(self) -> None:
        """Nothing more will be seen."""
        if self._display:
            self._display.over()

    def _go_on(self) -> None:
        """Nobody need look on if it cannot be written down: raises `JournalWriteError`."""
        if self._unwritten:
            raise self._unwritten


def unwritten(problem: JournalWriteError) -> CouldNotLook:
    """What is not written down is no evidence: as if nobody had looked."""
    return CouldNotLook(f"the journal cannot be written: {problem}", "make room for reports, and run again")
