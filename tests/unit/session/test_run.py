"""A run is in one phase at a time, and each says what can be had of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from netcompliance.journal.reader import read
from netcompliance.journal.writer import JournalWriteError
from netcompliance.model import Result
from netcompliance.results import CaseStatus, Overall
from netcompliance.session.phases import Broken, Opened, Visited, Watched
from netcompliance.session.run import Run, visit_all
from netcompliance.vantage.errors import CouldNotLook
from netcompliance.vantage.visit import TenantVisit
from tests.unit.session.plans import EVIL, GOOD, WATCHED, of, plan

LATER = datetime(2026, 12, 1, 1, tzinfo=UTC)
Begun = Callable[..., Run]


@pytest.fixture
def begun(tmp_path: Path) -> Begun:
    """A run whose journal is begun, from these vantages."""

    def begun(*vantages: str, **more: Any) -> Run:
        directory = tmp_path / str(len(list(tmp_path.iterdir())))
        directory.mkdir()
        return Run(plan(*vantages, **more), directory)

    return begun


def see(visits: Sequence[TenantVisit]) -> None:
    """The right world from everywhere, but from `EVIL`, where nobody could look."""
    for visit in visits:
        for vantage in sorted({case.vantage for case in visit.cases}):
            for record in of(vantage) if vantage != EVIL else ():
                visit.watcher.observation(record)
            visit.watcher.ended(vantage, CouldNotLook("gone", "look for it") if vantage == EVIL else None)


def test_all_are_visited_at_once_and_each_verdict_is_written_once(begun: Begun) -> None:
    runs = [begun(GOOD), begun(GOOD, EVIL)]
    assert {type(run.phase) for run in runs} == {Opened}
    visit_all(see, runs)
    assert {type(run.phase) for run in runs} == {Visited}
    run = runs[1]
    good, evil = (next(case for case in run.plan.cases if case.vantage == vantage) for vantage in (GOOD, EVIL))
    assert run.given(good) is None
    assert run.verdict(good) is run.verdict(good)
    with pytest.raises(CouldNotLook, match="gone; look for it"):
        run.verdict(evil)
    closed = run.close(LATER)
    assert closed.is_whole
    statuses = {entry.case: entry.status for entry in closed.entries}
    assert statuses[evil] is CaseStatus.ERROR
    others = {status for case, status in statuses.items() if case.vantage == GOOD and case != good}
    assert others == {CaseStatus.NO_VERDICT}
    saved = read(closed.journal)
    assert [each.case for each in saved.entries if each.verdict] == [good]


def test_what_an_interrupt_left_of_a_visit_counts(begun: Begun) -> None:
    def interrupted(visits: Sequence[TenantVisit]) -> None:
        see(visits)
        raise KeyboardInterrupt

    run = begun(GOOD)
    with pytest.raises(KeyboardInterrupt):
        visit_all(interrupted, [run])
    assert run.verdict(run.plan.cases[0]).result is Result.PASS


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (JournalWriteError("No space left on device"), "the journal cannot be written: No space left on device"),
        (ZeroDivisionError("x"), "a defect in netcompliance (ZeroDivisionError)"),
    ],
)
def test_of_a_broken_run_nothing_counts_and_it_says_why(begun: Begun, error: Exception, words: str) -> None:
    def broken(visits: Sequence[TenantVisit]) -> None:
        see(visits)
        raise error

    run = begun(GOOD)
    with contextlib.suppress(ZeroDivisionError):
        visit_all(broken, [run])
    assert isinstance(run.phase, Broken)
    assert isinstance(run.phase.before, Visited)
    for case in run.plan.cases:
        with pytest.raises(CouldNotLook) as refused:
            run.verdict(case)
        assert refused.value.cause == words
    closed = run.close(LATER)
    assert closed.overall is Overall.UNDETERMINED
    assert {entry.status for entry in closed.entries} == {CaseStatus.ERROR}
    assert words in closed.journal.read_text().splitlines()[-1]


def test_a_verdict_that_cannot_be_written_breaks_the_run(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(GOOD)
    visit_all(see, [run])
    first, second, *_ = run.plan.cases
    run.verdict(first)

    def full(*_: Any) -> None:
        raise JournalWriteError("No space left on device")

    monkeypatch.setattr(run.journal, "verdict", full)
    for case in (second, first):
        with pytest.raises(CouldNotLook, match="No space left"):
            run.verdict(case)
    assert run.close(LATER).overall is Overall.UNDETERMINED


@pytest.mark.parametrize("end", [None, KeyboardInterrupt, JournalWriteError("No space left on device")])
def test_the_watch_comes_once_after_the_visit(begun: Begun, end: Any) -> None:
    asked = []

    def watch(_settings: Any, basis: Any, listener: Any) -> None:
        asked.append(sorted(basis))
        listener.record(GOOD, {"type": "observation", "kind": "watch", "what": "begin", "at": 1e9, "planned": 10.0})
        if end:
            raise end

    run = begun(GOOD, EVIL, settings=WATCHED, watch_hosts=watch)
    visit_all(see, [run])
    watched = next(case for case in run.plan.cases if run.plan.is_watched(case) and case.vantage == GOOD)
    other = next(case for case in run.plan.cases if not run.plan.is_watched(case) and case.vantage == GOOD)
    run.verdict(other)
    assert asked == []
    try:
        run.verdict(watched)
    except (KeyboardInterrupt, CouldNotLook):
        assert end
    else:
        assert not end
    assert asked == [[GOOD]]
    assert isinstance(run.phase, Broken if isinstance(end, JournalWriteError) else Watched)
    if end:
        with pytest.raises(CouldNotLook):
            run.verdict(watched)
    assert asked == [[GOOD]], "nobody watches twice"
    assert list(run.close(LATER).watched) == [GOOD]
