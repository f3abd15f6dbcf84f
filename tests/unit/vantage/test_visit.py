"""Looking: what is told, from which vantage, that one host's trouble is nobody else's, and that an end is an end."""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from netcompliance import catalogue
from netcompliance.model import HERE, Case, Observation, Settings
from netcompliance.vantage import visit, workstation, x509
from netcompliance.vantage.errors import CouldNotLook
from netcompliance.vantage.hosts import Host
from netcompliance.vantage.visit import State, TenantVisit
from tests.support.peers import authority, leaf

SETTINGS = Settings(tenant="acme")
ROOT = authority("Root")
CHAIN = [base64.b64encode(leaf(ROOT, SETTINGS.host).der).decode()]
SENTINEL = {"netcompliance": "probe", "schema": 1}
END = {"kind": "probe"}


class Told:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []
        self.states: dict[str, list[State]] = {}
        self.problems: dict[str, CouldNotLook | None] = {}
        self.ticks = 0

    def observation(self, observation: Observation) -> None:
        assert observation["vantage"] not in self.problems
        self.observations.append(observation)

    def state(self, vantage: str, state: State, text: str = "") -> None:
        self.states.setdefault(vantage, []).append(state)

    def ended(self, vantage: str, problem: CouldNotLook | None) -> None:
        self.problems[vantage] = problem

    def tick(self) -> None:
        self.ticks += 1

    def kinds(self, vantage: str) -> list[str]:
        return [seen["kind"] for seen in self.observations if seen["vantage"] == vantage]


def scripted(vantage: str, *records: dict[str, Any], before: str = "", after: str = "") -> Host:
    """A host whose visit is a small program instead of a connection."""
    lines = "".join(f"print({json.dumps(record)!r}, flush=True)\n" for record in records)
    return Host(vantage=vantage, backend="ssh", carrier=(sys.executable, "-I", "-S", "-c", f"{before}\n{lines}{after}"))


Look = Callable[..., Told]


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Look:
    """Look from scripted hosts, with a scripted workstation."""

    def look(
        hosts: Sequence[Host], *jobs: Callable[[Any], None], told: Told | None = None, at_once: int = 32, **more: Any
    ) -> Told:
        told = told or Told()
        cases: tuple[Case, ...] = catalogue.expand(catalogue.load(), SETTINGS, [host.vantage for host in hosts])
        monkeypatch.setattr(workstation, "jobs", lambda settings, wanted, agent: jobs)
        visit.look(
            [visit.TenantVisit(settings=SETTINGS, cases=cases, hosts=hosts, watcher=told, **more)], at_once=at_once
        )
        return told

    return look


def test_everything_is_told_under_its_vantages_name_and_chains_come_last(look: Look) -> None:
    tls = {"kind": "tls", "host": SETTINGS.host, "chain": CHAIN}
    hosts = [scripted("ssh://a", SENTINEL, tls, END), scripted("ssh://b", SENTINEL, {"kind": "host"}, END)]
    told = look(hosts, lambda tell: tell({"kind": "chart"}))
    assert told.kinds("ssh://a") == ["tls", "probe", "chain"]
    assert told.kinds("ssh://b") == ["host", "probe"]
    assert told.kinds("local") == ["chart"]
    assert told.problems == {"ssh://a": None, "ssh://b": None}
    assert told.states["ssh://a"] == [State.REACHING, State.LOOKING, State.DONE]


def test_a_host_is_told_with_the_connection_that_reached_it(look: Look) -> None:
    told = look([scripted("ansible://a", SENTINEL, {"kind": "host", "hostname": "a"}, END)])
    assert [seen["connection"] for seen in told.observations if seen["kind"] == "host"] == ["ssh"]


def test_one_hosts_trouble_is_nobody_elses(look: Look) -> None:
    hosts = [
        scripted("ssh://gone", after="import sys; sys.exit('ssh: Could not resolve hostname gone: Name unknown')"),
        scripted("ssh://fine", SENTINEL, END),
        Host(vantage="podman://box", backend="podman", carrier=("/nonexistent/podman",)),
        scripted("ssh://cut", SENTINEL, {"kind": "host"}),
    ]
    told = look(hosts)
    causes = {vantage: problem.cause if problem else None for vantage, problem in told.problems.items()}
    assert causes == {
        "ssh://fine": None,
        "ssh://gone": "the workstation cannot resolve the host's name gone",
        "podman://box": "/nonexistent/podman is not installed on this machine",
        "ssh://cut": "the probe's output arrived cut or damaged",
    }
    assert told.states["ssh://gone"][-1] is State.FAILED


def test_a_host_speaks_of_itself_alone(look: Look) -> None:
    forged = {"kind": "tcp", "vantage": "ssh://fine", "type": "verdict", "error": {"name": "TIMEOUT"}}
    public = {"kind": "public-dns", "vantage": "local"}
    hosts = [
        scripted("ssh://evil", SENTINEL, forged, END),
        scripted("ssh://worse", SENTINEL, public, END),
        scripted("ssh://fine", SENTINEL, END),
    ]
    told = look(hosts)
    assert (told.kinds("ssh://fine"), told.kinds("local"), told.kinds("ssh://worse")) == (["probe"], [], [])
    assert told.kinds("ssh://evil") == ["tcp", "probe"]
    assert all("type" not in seen for seen in told.observations)
    problem = told.problems.pop("ssh://worse")
    assert problem is not None
    assert problem.cause == "the host sent what no probe sends: a record of the kind 'public-dns'"
    assert set(told.problems.values()) == {None}


def test_what_goes_wrong_with_what_one_host_said_is_its_own_error_alone(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Falls(Told):
        def observation(self, observation: Observation) -> None:
            if observation["vantage"] == "ssh://evil":
                raise TypeError
            super().observation(observation)

    def unreadable(*_: object) -> None:
        raise ValueError

    tls = {"kind": "tls", "host": SETTINGS.host, "chain": CHAIN}
    evil, fine = scripted("ssh://evil", SENTINEL, tls, END), scripted("ssh://fine", SENTINEL, END)
    by_who_is_told = look([evil, fine], told=Falls())
    monkeypatch.setattr(x509, "read_chains", lambda seen, reader: unreadable() if seen else [])
    for told, error in ((by_who_is_told, "TypeError"), (look([evil, fine]), "ValueError")):
        assert told.problems["ssh://fine"] is None
        problem = told.problems["ssh://evil"]
        assert problem is not None
        assert f"a defect in netcompliance ({error} in test_visit.py" in problem.cause
        assert told.states["ssh://evil"][-1] is State.FAILED


def test_a_host_that_says_too_much_is_its_own_error_alone(look: Look) -> None:
    evil = scripted("ssh://evil", SENTINEL, after='while True: print(\'{"kind": "tcp"}\')')
    told = look([evil, scripted("ssh://fine", SENTINEL, END)])
    assert told.problems.pop("ssh://fine") is None
    (problem,) = told.problems.values()
    assert problem is not None
    assert problem.cause == "the host sent what no probe sends: more records of the kind 'tcp' than a probe says"


def test_no_tenants_key_is_in_a_carriers_environment(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STS_API_KEY", "KEY_ACME", "KEY_BETA"):
        monkeypatch.setenv(name, "secret-key-0123")
    says = "import json, os; print(json.dumps({'kind': 'host', 'options': sorted(os.environ)}))"
    host = scripted("ssh://a", SENTINEL, after=f'{says}; print(\'{{"kind": "probe"}}\')')
    told = look([replace(host, keys=frozenset({"KEY_ACME", "KEY_BETA"}))])
    (seen,) = [each for each in told.observations if each["kind"] == "host"]
    assert "PATH" in seen["options"]
    assert {"STS_API_KEY", "KEY_ACME", "KEY_BETA"}.isdisjoint(seen["options"])


def test_the_probe_on_this_machine_gets_its_own_tenants_key_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    class Refusing:
        def __init__(self, _command: object, _parcel: object, _deadline: object, environment: Any, *_: object) -> None:
            given.append(environment)
            raise OSError

    monkeypatch.setattr(visit, "ProbeProcess", Refusing)
    monkeypatch.setattr("netcompliance.vantage.workstation.jobs", lambda *_: [])
    for name in ("STS_API_KEY", "KEY_ACME", "KEY_BETA"):
        monkeypatch.setenv(name, "secret-key-0123")
    host = Host(vantage=HERE, keys=frozenset({"KEY_ACME", "KEY_BETA"}))
    settings = replace(SETTINGS, key_env="KEY_ACME")
    visit.look([TenantVisit(settings=settings, cases=(), hosts=[host], watcher=Told(), key="x")], at_once=1)
    assert {name for name in given[0] if "KEY" in name} == {"KEY_ACME"}
    assert given[0]["PATH"] == os.environ["PATH"]


def test_a_host_that_never_speaks_delays_no_other(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netcompliance.vantage.probe_process.SPEAK", 1.0)
    silent = scripted("ssh://silent", after="import time; time.sleep(600)")
    told = look([silent, *(scripted(f"ssh://n{n}", SENTINEL, END) for n in range(3))], at_once=2)
    assert told.problems.pop("ssh://silent") is not None
    assert list(told.problems.values()) == [None] * 3
    assert list(told.states)[-1] == "ssh://n2"


def test_work_for_one_host_makes_no_other_late(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy(Told):
        def observation(self, observation: Observation) -> None:
            super().observation(observation)
            if observation["kind"] == "host":
                time.sleep(3)

    monkeypatch.setattr("netcompliance.vantage.probe_process.SPEAK", 2.0)
    dear = scripted("ssh://dear", SENTINEL, {"kind": "host"}, END)
    others = [scripted(f"ssh://n{n}", SENTINEL, END, before="import time; time.sleep(1)") for n in range(3)]
    assert set(look([dear, *others], told=Busy()).problems.values()) == {None}


def test_no_more_visits_than_allowed_are_under_way(look: Look) -> None:
    class Counting(Told):
        most = under_way = 0

        def state(self, vantage: str, state: State, text: str = "") -> None:
            self.under_way += {State.REACHING: 1, State.DONE: -1}.get(state, 0)
            self.most = max(self.most, self.under_way)

    told = Counting()
    look([scripted(f"ssh://n{n}", SENTINEL, END) for n in range(7)], told=told, at_once=3)
    assert (told.most, len(told.problems)) == (3, 7)


def test_several_tenants_are_looked_for_together_and_each_is_told_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(Told):
        most = under_way = 0

        def state(self, vantage: str, state: State, text: str = "") -> None:
            super().state(vantage, state, text)
            Counting.under_way += {State.REACHING: 1, State.DONE: -1}.get(state, 0)
            Counting.most = max(Counting.most, Counting.under_way)

    monkeypatch.setattr(
        workstation,
        "jobs",
        lambda settings, wanted, agent: [lambda tell: tell({"kind": "chart", "of": settings.tenant})],
    )
    told = {f"t{number}": Counting() for number in range(visit.SAME_HOST + 3)}
    visits = []
    for tenant, watcher in told.items():
        settings = replace(SETTINGS, tenant=tenant)
        hosts = [scripted("ssh://a", SENTINEL, {"kind": "host", "user": tenant}, END)]
        cases = catalogue.expand(catalogue.load(), settings, ["ssh://a"])
        visits.append(TenantVisit(settings=settings, cases=cases, hosts=hosts, watcher=watcher))
    visit.look(visits, at_once=32)
    for tenant, watcher in told.items():
        assert [seen["user"] for seen in watcher.observations if seen["kind"] == "host"] == [tenant]
        assert [seen["of"] for seen in watcher.observations if seen["kind"] == "chart"] == [tenant]
        assert watcher.problems == {"ssh://a": None}
    assert Counting.most == visit.SAME_HOST


def test_a_vantage_ends_when_the_workstations_view_is_complete(look: Look) -> None:
    ended = threading.Event()

    class Watching(Told):
        def state(self, vantage: str, state: State, text: str = "") -> None:
            if state is State.DONE:
                ended.set()

        def ended(self, vantage: str, problem: CouldNotLook | None) -> None:
            assert "public-dns" in self.kinds("local")
            super().ended(vantage, problem)

    def late(tell: Any) -> None:
        ended.wait(5)
        tell({"kind": "public-dns"})

    assert look([scripted("ssh://a", SENTINEL, END)], late, told=Watching()).problems == {"ssh://a": None}


def test_after_an_interrupt_nothing_is_told_and_no_child_is_left(look: Look) -> None:
    go, gone = threading.Event(), threading.Event()

    class Interrupted(Told):
        def observation(self, observation: Observation) -> None:
            super().observation(observation)
            raise KeyboardInterrupt

    def late(tell: Any) -> None:
        go.wait(5)
        tell({"kind": "chart"})
        gone.set()

    told = Interrupted()
    with pytest.raises(KeyboardInterrupt) as interrupt:
        look([scripted("ssh://a", SENTINEL, {"kind": "host"}, after="import time; time.sleep(600)")], late, told=told)
    assert interrupt.traceback[-1].name == "look"
    go.set()
    assert gone.wait(5)
    assert [seen["kind"] for seen in told.observations] == ["host"]


def test_a_defect_of_the_workstations_side_is_raised(look: Look) -> None:
    def broken(tell: Any) -> None:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError, match="a defect"):
        look([scripted("ssh://a", SENTINEL, END)], broken)


def test_the_key_goes_over_standard_input_and_into_no_argument(look: Look) -> None:
    reads = "import sys, json; sys.stdin.readline(); line = json.loads(sys.stdin.readline()[1:])"
    tells = "print(json.dumps({'kind': 'host', 'user': line['key'], 'options': sys.argv}), flush=True)\n"
    host = scripted("ssh://a", SENTINEL, before=reads, after=f'{tells}print(\'{{"kind": "probe"}}\')')
    (seen, _) = look([host], key="a-secret-key").observations
    assert seen["user"] == "a-secret-key"
    assert "a-secret-key" not in json.dumps(seen["options"])


def test_no_host_sends_a_line_that_no_journal_holds(look: Look) -> None:
    """Commas and brackets in a text count there, too; who cannot write ends the run of all hosts."""
    from netcompliance.journal.writer import VALUES_LIMIT, values_in

    for mark in ",[{":
        says = f"print(json.dumps({{'kind': 'http', 'body': {mark!r} * 600_000}}), flush=True)"
        evil = scripted("ssh://evil", SENTINEL, before="import json", after=f"{says}\nprint({json.dumps(END)!r})")
        told = look([evil, scripted("ssh://fine", SENTINEL, END)])
        assert told.problems["ssh://fine"] is None
        problem = told.problems["ssh://evil"]
        assert problem is not None
        assert "more than a probe says" in problem.cause
        assert all(values_in(json.dumps(seen).encode()) < VALUES_LIMIT for seen in told.observations)
