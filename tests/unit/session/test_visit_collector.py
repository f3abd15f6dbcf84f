"""What one visited host sent costs no other host its verdicts, whatever it brings about here."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from netcompliance import catalogue, judge
from netcompliance.journal.redact import Redactor
from netcompliance.journal.writer import Journal, JournalWriteError
from netcompliance.judge.watch import IDENTITY
from netcompliance.model import HERE, Case, Settings, Verdict, Watch
from netcompliance.probe.onhost.limits import DEFAULTS
from netcompliance.report.watching import Screen
from netcompliance.session import watch_collector
from netcompliance.session.visit_collector import PLACES, Looking, Who
from netcompliance.session.watch_collector import Watching
from netcompliance.vantage.errors import CouldNotLook
from netcompliance.vantage.records import decoded
from netcompliance.vantage.visit import State
from tests.unit.judge.records import error, tcp
from tests.unit.judge.world import healthy

TODAY = date(2026, 12, 1)
EVIL, GOOD = "ssh://evil", "ssh://good"


def of(vantage: str) -> list[dict[str, Any]]:
    return [{**record, "vantage": vantage} for record in healthy()]


def looking(*vantages: str) -> Looking:
    settings = Settings(tenant="acme", images=(), source_images=(), images_from="test")
    known = catalogue.load()
    cases = catalogue.expand(known, settings, vantages)
    required = {each.id: each for each in known.requirements}
    return Looking(
        settings, cases, cases, required, TODAY, hosts=(), key=None, redactor=Redactor(()), journal=None, display=None
    )


def test_a_watch_knows_who_serves_layers() -> None:
    who = Who()
    layer = {"kind": "registry", "task": "registry", "step": "layer", "port": 443}
    who.add({**layer, "url": "https://cdn02.quay.io/a", "host": "cdn02.quay.io"}, "acme.app.stackstate.io")
    who.add({**layer, "url": "http://cache.corp/a", "host": "cache.corp", "port": 80}, "acme.app.stackstate.io")
    who.add({**layer, "url": "https://else/a", "host": "else", "task": "source"}, "acme.app.stackstate.io")
    who.add({**layer, "url": "https://quay.io/v2/", "host": "quay.io", "step": "ping"}, "acme.app.stackstate.io")
    assert who.layers == {("cdn02.quay.io", 443)}


def test_what_is_kept_for_a_watch_has_an_end() -> None:
    who, host = Who(), "acme.app.stackstate.io"
    layer = {"kind": "registry", "task": "registry", "step": "layer", "port": 443, "url": "https://x/a"}
    for number in range(2 * PLACES):
        who.add({**layer, "host": f"cdn-{number}"}, host)
        who.add({"kind": "tcp", "task": "tenant", "host": host, "address": f"2001:db8::{number:x}"}, host)
    assert (len(who.layers), len(who.addresses)) == (PLACES, PLACES)


def test_a_watch_takes_no_null_for_a_place() -> None:
    who = Who()
    layer = {"kind": "registry", "task": "registry", "step": "layer", "url": "https://x/a", "host": "x", "port": 443}
    for field in layer:
        who.add({**layer, field: None}, "acme.app.stackstate.io")
    who.add(
        {"kind": "tcp", "task": "tenant", "host": "acme.app.stackstate.io", "address": None}, "acme.app.stackstate.io"
    )
    who.add({"kind": "tcp", "task": "tenant", "host": None, "address": "192.0.2.1"}, "acme.app.stackstate.io")
    assert (who.layers, who.addresses, who.kept) == (set(), set(), [])


def test_what_is_shown_of_a_visit_holds_no_secret_over_two_lines() -> None:
    shown: list[str] = []

    class Shown:
        def state(self, _vantage: str, _state: State, text: str = "") -> None:
            shown.append(text)

    one = looking(GOOD)
    one._redactor, one._display = Redactor(["Zq7kPv93LmXw20TdBr5s"]), Shown()  # type: ignore[assignment]
    one.state(GOOD, State.FAILED, "no way: Zq7kPv93\r\nLmXw20TdBr5s")
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
    monkeypatch.setattr(watch_collector, "judge_vantage", judged)


@pytest.mark.usefixtures("evil")
def test_a_host_that_cannot_be_judged_is_in_trouble_and_no_other() -> None:
    run = looking(EVIL, GOOD)
    for vantage in (EVIL, GOOD):
        for record in of(vantage):
            run.observation(record)
        run.ended(vantage, None)
    assert list(run.troubles) == [EVIL]
    assert "RecursionError in test_visit_collector.py, line" in run.troubles[EVIL].cause
    assert {case.vantage for case in run.verdicts} == {GOOD}
    assert "a defect in netcompliance" in run.troubles[EVIL].cause


def test_what_is_written_down_is_not_held_and_judged_as_it_is_written(tmp_path: Path) -> None:
    told = []
    for journal in (None, Journal(tmp_path / "journal.jsonl", Redactor())):
        run = looking(GOOD, EVIL)
        run._journal = journal
        for record in of(GOOD):
            run.observation(record)
        run.observation({**of(EVIL)[0], "body": "x" * 100_000})
        assert bool(run._seen) is (journal is None)
        run.ended(GOOD, None)
        run.ended(EVIL, CouldNotLook("gone", "look for it"))
        told.append(run.verdicts)
        assert not run._seen
        assert not run._places
    assert told[0] == told[1]


def _unanswered(vantage: str, number: int) -> list[dict[str, Any]]:
    """A host on which the name has so many addresses, and none of them answers."""
    names = [f"34.250.{each // 256}.{each % 256}" for each in range(number)]
    kept = [r for r in of(vantage) if r["kind"] not in ("tcp", "shares", "tls", "exchanges", "http", "http2")]
    named = ("bare", "rooted")
    told = [{**record, "addresses": names} if record.get("purpose") in named else record for record in kept]
    return [*told, *({**tcp(name, error=error("TIMEOUT"), syns=3), "vantage": vantage} for name in names)]


def test_verdicts_that_no_honest_host_has_are_its_error_and_no_other_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, run = looking(GOOD, EVIL), looking(GOOD, EVIL)
    for each in (alone, run):
        each._settings = replace(each._settings, allow_list=("203.0.113.1",))
    monkeypatch.setattr(judge, "VERDICTS_SIZE", 50_000)
    for record in _unanswered(EVIL, 300):
        run.observation(record)
    run.ended(EVIL, None)
    for each in (run, alone):
        for record in of(GOOD):
            each.observation(record)
        each.ended(GOOD, None)
    assert list(run.troubles) == [EVIL]
    assert "more than the verdicts on one host can hold" in run.troubles[EVIL].cause
    assert run.verdicts == alone.verdicts


def test_the_most_that_an_honest_host_has_of_verdicts_is_a_quarter_of_what_it_may() -> None:
    """As many addresses as a probe knows, none of which answers and none of which is approved."""
    run = looking(GOOD)
    run._settings = replace(run._settings, allow_list=("203.0.113.1",))
    for record in _unanswered(GOOD, int(DEFAULTS["addresses_known"])):
        run.observation(record)
    run.ended(GOOD, None)
    found = {case.requirement: len(verdict.findings) for case, verdict in run.verdicts.items()}
    assert DEFAULTS["addresses_known"] <= found["HTTPS-01"] <= found["DNS-05"]
    assert 4 * sum(map(judge._weight, run.verdicts.values())) <= judge.VERDICTS_SIZE
    written = [Redactor(["Zq7kPv93LmXw20TdBr5s"]).verdict(verdict) for verdict in run.verdicts.values()]
    assert sum(map(judge._weight, written)) == sum(map(judge._weight, run.verdicts.values())), "shared words stay so"


@pytest.mark.usefixtures("evil")
def test_what_is_wrong_with_this_machines_own_evidence_keeps_its_traceback() -> None:
    run = looking(HERE)
    run.observation(of(HERE)[0])
    with pytest.raises(RecursionError):
        run.ended(HERE, None)


ASKED = Watch(duration=10.0, every=0.1, rarely=1.0, criteria=())
RUN = {
    "kind": "watch", "what": "run", "run": 1, "layer": "http", "path": "192.0.2.1:443", "every": 0.1,
    "from": 1e9, "to": 1e9, "samples": 1, "failed": 0,
}  # fmt: skip


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
def test_null_in_a_watch_is_shown_as_if_it_were_not_there(fields: dict[str, Any]) -> None:
    record = decoded({**RUN, **fields}, of_watch=True)
    screen = Screen(lambda text: None, lambda: 0.0, duration=10.0, terminal=True, width=80)
    listening = Watching(Settings(tenant="acme", watch=ASKED), None, Redactor(()), screen)
    listening.record(EVIL, record)
    listening.alive(EVIL, [record])
    assert listening.troubles == {}


def test_a_watch_that_cannot_be_written_down_ends_when_time_passes() -> None:
    """Until then all that is told is about one host, and would be its trouble alone."""

    class Full:
        def observation(self, seen: Any) -> None:
            raise JournalWriteError("No space left on device")

    listening = Watching(Settings(tenant="acme", watch=ASKED), Full(), Redactor(()))  # type: ignore[arg-type]
    listening.record(GOOD, RUN)
    with pytest.raises(JournalWriteError, match="No space left"):
        listening.tick()


@pytest.mark.usefixtures("evil")
def test_a_watch_that_cannot_be_judged_is_its_hosts_trouble() -> None:
    settings = Settings(tenant="acme", images=(), source_images=(), images_from="test", watch=ASKED)
    known = catalogue.load()
    cases = [case for case in catalogue.expand(known, settings, (EVIL, GOOD)) if case.requirement == "WATCH-01"]
    listening = Watching(settings, None, Redactor(()))
    for vantage in (EVIL, GOOD):
        listening.record(vantage, {"type": "observation", "kind": "watch", "what": "begin", "planned": 10.0})
    who = {vantage: [each for each in of(vantage) if each["kind"] in IDENTITY] for vantage in (EVIL, GOOD)}
    given = listening.verdicts({each.id: each for each in known.requirements}, cases, who, TODAY)
    assert {case.vantage for case in given} == {GOOD}
    assert list(listening.troubles) == [EVIL]


def test_verdicts_on_a_watch_have_the_same_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(tenant="acme", images=(), source_images=(), images_from="test", watch=ASKED)
    known = catalogue.load()
    cases = [case for case in catalogue.expand(known, settings, (EVIL, GOOD)) if case.requirement == "WATCH-01"]
    listening = Watching(settings, None, Redactor(()))
    for vantage in (EVIL, GOOD):
        listening.record(vantage, {"type": "observation", "kind": "watch", "what": "begin", "planned": 10.0})
    who = {vantage: [each for each in of(vantage) if each["kind"] in IDENTITY] for vantage in (EVIL, GOOD)}
    judged = watch_collector.judge_vantage

    def talkative(*given: Any, **more: Any) -> dict[Case, Verdict]:
        found = judged(*given, **more)
        own = {case: replace(each, saw="x" * (judge.VERDICTS_SIZE + 1)) for case, each in found.items()}
        return own if any(case.vantage == EVIL for case in found) else found

    monkeypatch.setattr(watch_collector, "judge_vantage", talkative)
    given = listening.verdicts({each.id: each for each in known.requirements}, cases, who, TODAY)
    assert {case.vantage for case in given} == {GOOD}
    assert "more than the verdicts on one host can hold" in listening.troubles[EVIL].cause
