"""What is done with what a watch tells: it is written down, shown and, at the end, judged.

Rules
* The journal gets what stays: each run when it has ended, and what is open every `SNAPSHOT` seconds, so that hours of a
  quiet watch are a few lines. What is judged is what is in the journal: it is read back, one vantage at a time, and not
  held until then.
* Whoever was not visited is not watched.
* Nobody watches on when it cannot be written down: that is raised by `tick`, since all else is about one host alone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from netcompliance.journal.writer import Journal, JournalWriteError
from netcompliance.judge import are_too_large, judge_vantage
from netcompliance.judge.watch import Watched as WatchedPaths
from netcompliance.judge.watch import how, watched
from netcompliance.model import HERE, Case, Observation, Verdict
from netcompliance.observations import Run, decode
from netcompliance.session.phases import Visited, Watched, unwritten
from netcompliance.session.plan import Plan
from netcompliance.session.watch_basis import WatchBasis
from netcompliance.vantage.errors import CouldNotLook, contradictory, not_judged, too_large

SNAPSHOT = 300.0
"""Seconds after which the journal is told again of runs that are still open."""


class Screen(Protocol):
    """Who is shown the watch."""

    def sample(self, vantage: str, run: Observation, how: str) -> None:
        """How far a run is, and what is wrong in it."""

    def connection(self, vantage: str, text: str) -> None:
        """The connection to a watcher; empty if it is there."""

    def tick(self) -> None:
        """Some time has passed."""

    def over(self) -> None:
        """There is no more to come."""


class WatchCollector:
    """Listens to the watch (`vantage.watch.Listener`). `result` says what came of it."""

    def __init__(self, plan: Plan, journal: Journal, screen: Screen | None = None) -> None:
        from netcompliance.contradictions import header_of
        from netcompliance.contradictions.watches import Watches

        self._plan = plan
        self._journal = journal
        self._screen = screen
        self._problems: dict[str, CouldNotLook] = {}
        self._runs: dict[str, dict[int, Observation | int | None]] = {}
        """The last word on each run, or where the journal has it; None if nothing was written down yet."""
        self._others: dict[str, list[Observation | int]] = {}
        self._snapshot = time.monotonic() + SNAPSHOT
        self._unwritten: JournalWriteError | None = None
        self._header = header_of(plan.settings)
        self._fits = Watches()
        """What was written down, as far as it can contradict itself."""

    def record(self, vantage: str, record: Mapping[str, Any]) -> None:
        """Keep it; write down what has ended."""
        record = self._plan.redactor.value({**record, "vantage": vantage})
        if record["what"] == "run":
            known, number = self._runs.setdefault(vantage, {}), record["run"]
            self._show(vantage, record)
            begins = record.get("open") and number not in known
            known[number] = None if begins else self._written(record)
            return
        self._others.setdefault(vantage, []).append(self._written(record))

    def alive(self, vantage: str, runs: Sequence[Mapping[str, Any]]) -> None:
        """Show how far the open runs are; now and then, write it down."""
        late = time.monotonic() > self._snapshot
        for run in runs:
            record = self._plan.redactor.value({**run, "vantage": vantage})
            self._show(vantage, record)
            if late:
                self._runs.setdefault(vantage, {})[run["run"]] = self._written(record)
        if late:
            self._snapshot = time.monotonic() + SNAPSHOT

    def connection(self, vantage: str, text: str) -> None:
        """Show it."""
        if self._screen:
            self._screen.connection(vantage, text)

    def unwatched(self, vantage: str, problem: CouldNotLook) -> None:
        """No watch began there."""
        self._problems[vantage] = problem
        self.connection(vantage, problem.cause)

    def tick(self) -> None:
        """Show that time passes. Raises `JournalWriteError`."""
        if self._unwritten:
            raise self._unwritten
        if self._screen:
            self._screen.tick()

    def over(self) -> None:
        """Nothing more will be heard."""
        if self._screen:
            self._screen.over()

    def result(self, visited: Visited) -> Watched:
        """What came of it, as far as it came, with the verdicts on the cases of the watch."""
        seen = self.seen()
        given = self._verdicts(visited)
        return Watched(visited=visited, verdicts=given, problems=self._problems, seen=seen)

    def seen(self) -> dict[str, WatchedPaths]:
        """What each vantage saw."""
        seen = {}
        for vantage in sorted(self._others):
            with self._own_risk(vantage):
                seen[vantage] = watched(self._records(vantage), self._plan.settings.host)
        return seen

    def _records(self, vantage: str) -> list[Observation]:
        """Everything that was heard from there. Raises `JournalWriteError` where it cannot be read back."""
        heard = [*self._others.get(vantage, ()), *self._runs.get(vantage, {}).values()]
        places = [each for each in heard if isinstance(each, int)]
        again = iter(self._journal.read(places))
        return [next(again) if isinstance(each, int) else each for each in heard if each is not None]

    def _verdicts(self, visited: Visited) -> dict[Case, Verdict]:
        """On all of whom somebody could have watched."""
        plan = self._plan
        cases = [case for case in plan.cases if plan.is_watched(case) and not visited.problem(case)]
        found: dict[Case, Verdict] = {}
        for vantage in dict.fromkeys(case.vantage for case in cases):
            some = [case for case in cases if case.vantage == vantage]
            basis = visited.basis.get(vantage)
            with self._own_risk(vantage):
                heard = self._records(vantage)
                self._check(vantage, basis)
                seen = [*(basis.identity if basis else ()), *heard]
                given = judge_vantage(plan.requirements, some, seen, (), plan.settings, plan.today)
                if are_too_large(given.values()):
                    raise too_large()
                found |= given
        return plan.settled(found, cases)

    def _check(self, vantage: str, basis: WatchBasis | None) -> None:
        """Raises `CouldNotLook` where what a visited host said does not fit itself, or the visit before."""
        if vantage == HERE:
            return
        settings = self._plan.settings
        for record in basis.records(settings.host) if basis else ():
            self._fits.add(self._header, {**record, "vantage": vantage})
        if odd := next(self._fits.problems_of(vantage, settings), ""):
            raise contradictory(f"in its watch {odd}")

    @contextlib.contextmanager
    def _own_risk(self, vantage: str) -> Iterator[None]:
        """What a visited host said is read here: where that cannot be done, the host is in trouble."""
        try:
            yield
        except CouldNotLook as refused:
            self.unwatched(vantage, refused)
        except JournalWriteError as lost:
            self.unwatched(vantage, unwritten(lost))
        except Exception as defect:
            if vantage == HERE:
                raise
            self.unwatched(vantage, not_judged(defect))

    def _show(self, vantage: str, run: Observation) -> None:
        if self._screen:
            seen = decode(run)
            if isinstance(seen, Run):
                self._screen.sample(vantage, run, how(seen, self._plan.settings.host))

    def _written(self, record: Observation) -> Observation | int:
        """Where the journal has it; the record itself where it cannot be written down."""
        self._fits.add(self._header, record)
        try:
            return self._journal.observation(record)[1]
        except JournalWriteError as problem:
            self._unwritten = self._unwritten or problem
        return record
