"""What is heard of a watch is shown, written down and judged; what a host said is its own risk."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netcompliance import judge
from netcompliance.journal.writer import Journal, JournalWriteError
from netcompliance.judge.watch import IDENTITY
from netcompliance.model import Case, Verdict
from netcompliance.report.watching import Screen
from netcompliance.session import watch_collector
from netcompliance.session.phases import Visited
from netcompliance.session.watch_basis import WatchBasis
from netcompliance.session.watch_collector import WatchCollector
from netcompliance.vantage.records import decoded
from tests.unit.session.plans import EVIL, GOOD, WATCHED, of, plan

RUN = {
    "kind": "watch", "what": "run", "run": 1, "layer": "http", "path": "192.0.2.1:443", "every": 0.1,
    "from": 1e9, "to": 1e9, "samples": 1, "failed": 0,
}  # fmt: skip


def visited(*vantages: str) -> Visited:
    """A visit before the watch, from these."""
    basis = {vantage: WatchBasis() for vantage in vantages}
    for vantage, each in basis.items():
        for record in of(vantage):
            if record["kind"] in IDENTITY:
                each.add(record, WATCHED.host)
    return Visited(verdicts={}, problems={}, basis=basis)


@pytest.fixture
def listening(tmp_path: Path) -> Callable[..., WatchCollector]:
    """A collector of a watch from two hosts, with a journal."""

    def listening(screen: Screen | None = None) -> WatchCollector:
        wanted = plan(EVIL, GOOD, settings=WATCHED)
        return WatchCollector(wanted, Journal(tmp_path / "journal.jsonl", wanted.redactor), screen)

    return listening


@pytest.mark.parametrize(
    "fields",
    [
        {"showed": None},
        {"showed": {"status": None, "headers": None, "body": None}},
        {"layer": "registry", "showed": {"status": None}},
        {"layer": "registry", "answer": {"issuer": None}, "showed": {"headers": None}},
        {"layer": "dns", "answer": {"rcode": None}},
        {"layer": "dns", "answer": None},
        {"error": {"name": "X"}, "errors": None},
        {"error": {"name": None, "phase": None, "icmp": None}, "errors": {}},
        {"mixed": None, "open": None, "since": None, "took": None, "gap": None},
    ],
)
def test_null_in_a_watch_is_shown_as_if_it_were_not_there(
    listening: Callable[..., WatchCollector], fields: dict[str, Any]
) -> None:
    record = decoded({**RUN, **fields}, of_watch=True)
    screen = Screen(lambda text: None, lambda: 0.0, duration=10.0, terminal=True, width=80)
    collector = listening(screen)
    collector.record(EVIL, record)
    collector.alive(EVIL, [record])
    assert collector.result(visited()).problems == {}


def test_a_watch_that_cannot_be_written_down_ends_when_time_passes() -> None:
    """Until then all that is told is about one host, and would be its trouble alone."""

    class Full:
        def observation(self, seen: Any) -> None:
            raise JournalWriteError("No space left on device")

    listening = WatchCollector(plan(GOOD, settings=WATCHED), Full())  # type: ignore[arg-type]
    listening.record(GOOD, RUN)
    with pytest.raises(JournalWriteError, match="No space left"):
        listening.tick()


def test_what_was_heard_of_a_watch_is_read_back_and_not_held(
    listening: Callable[..., WatchCollector], tmp_path: Path
) -> None:
    collector = listening()
    collector.record(GOOD, {"kind": "watch", "what": "begin", "at": 1e9, "planned": 10.0})
    tracemalloc.start()
    for number in range(50):
        shown = {**RUN, "run": number, "showed": {"body": f"{number}" * 50_000}}
        collector.record(GOOD, {**shown, "open": True})
        collector.alive(GOOD, [{**shown, "open": True, "samples": 2}])
        if number:
            collector.record(GOOD, {**shown, "samples": 3, "open": number == 1})
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 500_000
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    runs = [line for line in lines if line.get("what") == "run"]
    assert [(run["run"], run["samples"], run["open"]) for run in runs[:2]] == [(1, 3, True), (2, 3, False)]
    assert len(runs) == 49, "of one that began nothing counts that is not in the journal"
    (tmp_path / "journal.jsonl").unlink()
    came = collector.result(visited(GOOD))
    assert came.verdicts == {}
    assert "cannot be read back" in came.problems[GOOD].cause


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[dict[Case, Verdict]], dict[Case, Verdict]]], None]:
    """Has this made of what is judged of one of the hosts."""
    honest = judge.judge_vantage

    def spoil(spoilt: Callable[[dict[Case, Verdict]], dict[Case, Verdict]]) -> None:
        def judged(*given: Any, **more: Any) -> dict[Case, Verdict]:
            found = honest(*given, **more)
            return spoilt(found) if any(case.vantage == EVIL for case in found) else found

        monkeypatch.setattr(watch_collector, "judge_vantage", judged)

    return spoil


def _fall(_found: dict[Case, Verdict]) -> dict[Case, Verdict]:
    raise RecursionError


def _talk(found: dict[Case, Verdict]) -> dict[Case, Verdict]:
    return {case: replace(each, saw="x" * (judge.VERDICTS_SIZE + 1)) for case, each in found.items()}


@pytest.mark.parametrize(
    ("spoils", "words"),
    [(_fall, "a defect in netcompliance (RecursionError"), (_talk, "more than the verdicts on one host can hold")],
)
def test_what_cannot_be_judged_of_a_watch_is_its_hosts_trouble(
    listening: Callable[..., WatchCollector], spoilt: Any, spoils: Any, words: str
) -> None:
    spoilt(spoils)
    collector = listening()
    for vantage in (EVIL, GOOD):
        collector.record(vantage, {"type": "observation", "kind": "watch", "what": "begin", "at": 1e9, "planned": 10.0})
    found = collector.result(visited(EVIL, GOOD))
    assert {case.vantage for case in found.verdicts} == {GOOD}
    assert list(found.problems) == [EVIL]
    assert words in found.problems[EVIL].cause


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"what": "begin", "at": 1e9, "planned": 10.0}, "it began twice"),
        ({**RUN, "every": 1.0, "to": 9e8}, "ended before it began"),
        ({**RUN, "every": 1.0, "from": 9e8}, "something was sampled before it began"),
    ],
)
def test_a_watch_that_contradicts_itself_is_its_hosts_trouble(
    listening: Callable[..., WatchCollector], said: dict[str, Any], words: str
) -> None:
    collector = listening()
    for vantage in (EVIL, GOOD):
        collector.record(vantage, {"kind": "watch", "what": "begin", "at": 1e9, "planned": 10.0})
    collector.record(EVIL, {"kind": "watch", **said})
    collector.record(EVIL, {**RUN, "run": 2, "every": 1.0})
    found = collector.result(visited(EVIL, GOOD))
    assert list(found.problems) == [EVIL]
    assert words in found.problems[EVIL].cause
    assert {case.vantage for case in found.verdicts} == {GOOD}
