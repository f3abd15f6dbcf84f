"""The watch of one run, put together: what is heard is written down, shown and, at the end, judged.

Rules
* The journal gets what stays: each run when it has ended, and what is open every `SNAPSHOT` seconds, so that hours of a
  quiet watch are a few lines. What is judged is what is in the journal.
* Whoever was not visited is not watched.
* Nobody watches on when it cannot be written down: that is raised by `tick`, since all else is about one host alone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from netcompliance.journal.redact import Redactor
from netcompliance.journal.writer import Journal, JournalWriteError
from netcompliance.judge import are_too_large, judge_vantage
from netcompliance.judge.shape import shaped
from netcompliance.judge.watch import Watched, how, watched
from netcompliance.model import HERE, Case, Observation, Requirement, Settings, Verdict
from netcompliance.vantage.errors import CouldNotLook, not_judged, too_large

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


class Watching:
    """Listens to the watch (`vantage.watch.Listener`)."""

    def __init__(
        self, settings: Settings, journal: Journal | None, redactor: Redactor, screen: Screen | None = None
    ) -> None:
        self.troubles: dict[str, CouldNotLook] = {}
        self._settings = settings
        self._journal = journal
        self._redactor = redactor
        self._screen = screen
        self._runs: dict[str, dict[int, Observation]] = {}
        self._others: dict[str, list[Observation]] = {}
        self._snapshot = time.monotonic() + SNAPSHOT
        self._unwritten: JournalWriteError | None = None

    def record(self, vantage: str, record: Mapping[str, Any]) -> None:
        """Keep it; write down what has ended."""
        record = self._redactor.value({**record, "vantage": vantage})
        if record["what"] == "run":
            closed = not record.get("open")
            known = self._runs.setdefault(vantage, {})
            again = known.get(record["run"])
            known[record["run"]] = record
            self._show(vantage, record)
            if closed or again is not None:
                self._write(record)
            return
        self._others.setdefault(vantage, []).append(record)
        self._write(record)

    def alive(self, vantage: str, runs: Sequence[Mapping[str, Any]]) -> None:
        """Show how far the open runs are; now and then, write it down."""
        late = time.monotonic() > self._snapshot
        for run in runs:
            record = self._redactor.value({**run, "vantage": vantage})
            self._runs.setdefault(vantage, {})[run["run"]] = record
            self._show(vantage, record)
            if late:
                self._write(record)
        if late:
            self._snapshot = time.monotonic() + SNAPSHOT

    def connection(self, vantage: str, text: str) -> None:
        """Show it."""
        if self._screen:
            self._screen.connection(vantage, text)

    def unwatched(self, vantage: str, problem: CouldNotLook) -> None:
        """No watch began there."""
        self.troubles[vantage] = problem
        self.connection(vantage, problem.cause)

    def tick(self) -> None:
        """Show that time passes. Raises `JournalWriteError`."""
        if self._unwritten:
            raise self._unwritten
        if self._screen:
            self._screen.tick()

    def seen(self) -> dict[str, Watched]:
        """What each vantage saw."""
        seen = {}
        for vantage in sorted(self._others):
            with self._own_risk(vantage):
                seen[vantage] = watched(self.records(vantage), self._settings.host)
        return seen

    def records(self, vantage: str) -> list[Observation]:
        """Everything that was heard from there."""
        return [*self._others.get(vantage, ()), *self._runs.get(vantage, {}).values()]

    def verdicts(
        self,
        requirements: Mapping[str, Requirement],
        cases: Iterable[Case],
        who: Mapping[str, Sequence[Observation]],
        today: date,
    ) -> dict[Case, Verdict]:
        """The verdicts on these cases. `who` are the observations that say who looked, by vantage."""
        by_vantage: dict[str, list[Case]] = {}
        for case in cases:
            by_vantage.setdefault(case.vantage, []).append(case)
        found: dict[Case, Verdict] = {}
        for vantage, some in by_vantage.items():
            seen = [*who.get(vantage, ()), *self.records(vantage)]
            with self._own_risk(vantage):
                given = judge_vantage(requirements, some, seen, (), self._settings, today)
                if are_too_large(given.values()):
                    raise too_large()
                found |= given
        return found

    @contextlib.contextmanager
    def _own_risk(self, vantage: str) -> Iterator[None]:
        """What a visited host said is read here: where that cannot be done, the host is in trouble."""
        try:
            yield
        except CouldNotLook as refused:
            self.unwatched(vantage, refused)
        except Exception as defect:
            if vantage == HERE:
                raise
            self.unwatched(vantage, not_judged(defect))

    def _show(self, vantage: str, run: Observation) -> None:
        if self._screen:
            seen = shaped(run)
            self._screen.sample(vantage, seen, how(seen, self._settings.host))

    def _write(self, record: Mapping[str, Any]) -> None:
        if self._journal is None:
            return
        try:
            self._journal.observation(record)
        except JournalWriteError as problem:
            self._unwritten = self._unwritten or problem
