"""What one visited host sent costs no other host its verdicts, whatever it brings about here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netcompliance import judge
from netcompliance.journal.redact import Redactor
from netcompliance.journal.writer import Journal, JournalWriteError
from netcompliance.model import HERE, Case, Verdict
from netcompliance.probe.onhost.limits import DEFAULTS
from netcompliance.session.plan import Plan
from netcompliance.session.visit_collector import VisitCollector
from netcompliance.vantage.errors import CouldNotLook
from netcompliance.vantage.visit import State
from tests.unit.judge.records import error, tcp
from tests.unit.session.plans import EVIL, GOOD, SETTINGS, of, plan

Collecting = Callable[..., VisitCollector]


@pytest.fixture
def collecting(tmp_path: Path) -> Collecting:
    """A collector for these vantages, with a journal of its own."""

    def collecting(*vantages: str, **more: Any) -> VisitCollector:
        wanted: Plan = plan(*vantages, **more)
        number = len(list(tmp_path.iterdir()))
        return VisitCollector(wanted, Journal(tmp_path / f"{number}.jsonl", wanted.redactor))

    return collecting


def test_what_is_shown_of_a_visit_holds_no_secret_over_two_lines(tmp_path: Path) -> None:
    shown: list[str] = []

    class Shown:
        def state(self, _vantage: str, _state: State, text: str = "") -> None:
            shown.append(text)

        def tick(self) -> None:
            """Not asked."""

        def over(self) -> None:
            """Likewise."""

    one = plan(GOOD, secrets=("Zq7kPv93LmXw20TdBr5s",))
    journal = Journal(tmp_path / "journal.jsonl", one.redactor)
    VisitCollector(one, journal, Shown()).state(GOOD, State.FAILED, "no way: Zq7kPv93\r\nLmXw20TdBr5s")
    assert shown == ["no way: ***"]


@pytest.fixture
def evil(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that some host's observations bring to fall."""
    honest = judge.judge_vantage

    def judged(required: Any, cases: Any, seen: Any, *rest: Any, **more: Any) -> dict[Case, Verdict]:
        if any(each.get("vantage") in (EVIL, HERE) for each in seen):
            raise RecursionError
        return honest(required, cases, seen, *rest, **more)

    monkeypatch.setattr(judge, "judge_vantage", judged)


@pytest.mark.usefixtures("evil")
def test_a_host_that_cannot_be_judged_is_in_trouble_and_no_other(collecting: Collecting) -> None:
    run = collecting(EVIL, GOOD)
    for vantage in (EVIL, GOOD):
        for record in of(vantage):
            run.observation(record)
        run.ended(vantage, None)
    visited = run.result()
    assert list(visited.problems) == [EVIL]
    assert "RecursionError in test_visit_collector.py, line" in visited.problems[EVIL].cause
    assert {case.vantage for case in visited.verdicts} == {GOOD}
    assert "a defect in netcompliance" in visited.problems[EVIL].cause


FOREIGN = {"kind": "tcp", "task": "tenant", "host": "other.app.stackstate.io", "address": "192.0.2.7", "port": 443}
UNASKED = {"kind": "registry", "task": "registry", "image": "quay.io/somebody/else:1"}
FALSE = {"kind": "registry", "body": "e30=", "body_bytes": 2, "complete": True, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (FOREIGN, "the tenants other.app.stackstate.io were looked at"),
        (UNASKED, "the images quay.io/somebody/else:1 were looked at"),
        (FALSE, "a registry's answer is not what its digest says"),
    ],
)
def test_what_would_make_the_evidence_contradict_itself_is_its_hosts_error(
    collecting: Collecting, said: dict[str, Any], words: str
) -> None:
    run = collecting(EVIL, GOOD)
    for vantage in (EVIL, GOOD):
        for record in [*of(vantage), *([{**said, "vantage": EVIL}] if vantage == EVIL else [])]:
            run.observation(record)
        run.ended(vantage, None)
    visited = run.result()
    assert list(visited.problems) == [EVIL]
    assert words in visited.problems[EVIL].cause
    assert {case.vantage for case in visited.verdicts} == {GOOD}


def test_what_is_written_down_is_not_held_and_judged_as_it_is_written(collecting: Collecting) -> None:
    run = collecting(GOOD, EVIL, secrets=("Zq7kPv93LmXw20TdBr5s",))
    held: list[str] = []
    judge_as_it_is = judge.judge_vantage

    for record in of(GOOD):
        run.observation({**record, "note": "from Zq7kPv93LmXw20TdBr5s"})
    run.observation({**of(EVIL)[0], "body": "x" * 100_000})
    with pytest.MonkeyPatch.context() as patch:

        def judged(required: Any, cases: Any, seen: Any, *rest: Any) -> dict[Case, Verdict]:
            held.extend(str(each["note"]) for each in seen)
            return judge_as_it_is(required, cases, seen, *rest)

        patch.setattr(judge, "judge_vantage", judged)
        run.ended(GOOD, None)
    run.ended(EVIL, CouldNotLook("gone", "look for it"))
    assert set(held) == {"from ***"}
    assert not run._places
    visited = run.result()
    assert {case.vantage for case in visited.verdicts} == {GOOD}
    assert not run.result().verdicts, "they are held once"


def _unanswered(vantage: str, number: int) -> list[dict[str, Any]]:
    """A host on which the name has so many addresses, and none of them answers."""
    names = [f"34.250.{each // 256}.{each % 256}" for each in range(number)]
    kept = [r for r in of(vantage) if r["kind"] not in ("tcp", "shares", "tls", "exchanges", "http", "http2")]
    named = ("bare", "rooted")
    told = [{**record, "addresses": names} if record.get("purpose") in named else record for record in kept]
    return [*told, *({**tcp(name, error=error("TIMEOUT"), syns=3), "vantage": vantage} for name in names)]


def test_verdicts_that_no_honest_host_has_are_its_error_and_no_other_changes(
    collecting: Collecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = replace(SETTINGS, allow_list=("203.0.113.1",))
    alone, run = collecting(GOOD, EVIL, settings=listed), collecting(GOOD, EVIL, settings=listed)
    monkeypatch.setattr(judge, "VERDICTS_SIZE", 50_000)
    for record in _unanswered(EVIL, 300):
        run.observation(record)
    run.ended(EVIL, None)
    for each in (run, alone):
        for record in of(GOOD):
            each.observation(record)
        each.ended(GOOD, None)
    visited = run.result()
    assert list(visited.problems) == [EVIL]
    assert "more than the verdicts on one host can hold" in visited.problems[EVIL].cause
    assert visited.verdicts == alone.result().verdicts


def test_the_most_that_an_honest_host_has_of_verdicts_is_a_quarter_of_what_it_may(collecting: Collecting) -> None:
    """As many addresses as a probe knows, none of which answers and none of which is approved."""
    run = collecting(GOOD, settings=replace(SETTINGS, allow_list=("203.0.113.1",)))
    for record in _unanswered(GOOD, int(DEFAULTS["addresses_known"])):
        run.observation(record)
    run.ended(GOOD, None)
    given = run.result().verdicts
    found = {case.requirement: len(verdict.findings) for case, verdict in given.items()}
    assert DEFAULTS["addresses_known"] <= found["HTTPS-01"] <= found["DNS-05"]
    assert 4 * sum(map(judge._weight, given.values())) <= judge.VERDICTS_SIZE
    written = [Redactor(["Zq7kPv93LmXw20TdBr5s"]).verdict(verdict) for verdict in given.values()]
    assert sum(map(judge._weight, written)) == sum(map(judge._weight, given.values())), "shared words stay so"


@pytest.mark.usefixtures("evil")
def test_what_is_wrong_with_this_machines_own_evidence_keeps_its_traceback(collecting: Collecting) -> None:
    run = collecting(HERE)
    run.observation(of(HERE)[0])
    with pytest.raises(RecursionError):
        run.ended(HERE, None)


def test_nobody_looks_on_when_it_cannot_be_written_down() -> None:
    class Full:
        def observation(self, seen: Any) -> None:
            raise JournalWriteError("No space left on device")

    run = VisitCollector(plan(GOOD), Full())  # type: ignore[arg-type]
    run.observation(of(GOOD)[0])
    for goes_on in (run.tick, lambda: run.ended(GOOD, None)):
        with pytest.raises(JournalWriteError, match="No space left"):
            goes_on()
