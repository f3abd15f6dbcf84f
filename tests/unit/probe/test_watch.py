"""The watcher on the host: samples to runs, probes against real sockets, and a watch that outlives its connection."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import queue
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netcompliance.probe import bundle
from netcompliance.probe.onhost import connect_sampler, https_sampler, proofs, spool, streaks
from netcompliance.probe.onhost.dial import dial
from netcompliance.probe.onhost.route import Proxy
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import Output, Visit
from netcompliance.vantage import gohello
from tests.support.peers import Handler, Server, answer, authority, leaf, serving, silent

DROP = {"phase": "tcp", "name": "TIMEOUT", "text": "no answer"}
RESET = {"phase": "tcp", "name": "ECONNREFUSED", "text": "refused"}
Record = dict[str, Any]


@pytest.fixture
def told() -> list[Record]:
    return []


@pytest.fixture
def path(told: list[Record]) -> streaks.Streaks:
    fields = {"layer": "tcp", "path": "x", "every": 0.1}
    return streaks.Streaks(lambda record: told.append(dict(record)), itertools.count(1), fields, 1.0)


def closed(told: list[Record]) -> list[Record]:
    return [record for record in told if not record["open"]]


def test_equal_samples_are_one_run(path: streaks.Streaks, told: list[Record]) -> None:
    for number in range(100):
        path.add(number / 10, None, None)
    assert [(record["run"], record["open"]) for record in told] == [(1, True)]
    path.close()
    (run,) = closed(told)
    assert (run["from"], run["to"], run["samples"], run["failed"]) == (0.0, 9.9, 100, 0)


def test_samples_that_fail_are_one_run_however_they_fail(path: streaks.Streaks, told: list[Record]) -> None:
    for number, error in enumerate([None, DROP, RESET, DROP, None]):
        path.add(number / 10, error, None)
    path.close()
    assert [(run["failed"], run.get("errors")) for run in closed(told)] == [
        (0, None),
        (3, {"TIMEOUT": 2, "ECONNREFUSED": 1}),
        (0, None),
    ]


def test_a_different_answer_is_another_run(path: streaks.Streaks, told: list[Record]) -> None:
    for number, status in enumerate([403, 403, 200]):
        path.add(number / 10, None, {"status": status})
    path.close()
    assert [run["samples"] for run in closed(told)] == [2, 1]


def test_a_pause_ends_a_run(path: streaks.Streaks, told: list[Record]) -> None:
    for at in (0.0, 0.1, 5.0):
        path.add(at, None, None)
    path.close()
    assert [(run["from"], run["to"]) for run in closed(told)] == [(0.0, 0.1), (5.0, 5.0)]


def test_what_changes_all_the_time_is_told_in_few_words(path: streaks.Streaks, told: list[Record]) -> None:
    for number in range(6000):
        path.add(number / 10, DROP if number % 2 else None, None)
    path.close()
    assert len(told) < 2 * 10 * (streaks.MOST + 2 * 60 / streaks.MIXED_FOR + 1)
    assert any(run["mixed"] for run in told)
    assert sum(run["samples"] for run in closed(told)) == 6000
    assert sum(run["failed"] for run in closed(told)) == 3000


@pytest.fixture
def engine() -> Iterator[connect_sampler.Engine]:
    engine = connect_sampler.Engine(0.02, lambda moment: moment)
    yield engine
    engine.close()


Samples = list[tuple[float, Record | None, Record | None, float]]


def turn_until(engine: connect_sampler.Engine, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        engine.turn(0.05)


def test_connections_open_and_are_refused(engine: connect_sampler.Engine) -> None:
    samples: Samples = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        engine.add(connect_sampler.TcpPath("127.0.0.1", port, lambda *sample: samples.append(sample)))
        turn_until(engine, lambda: len(samples) >= 3)
        assert [error for _, error, _, _ in samples[:3]] == [None] * 3
    turn_until(engine, lambda: bool(samples[-1][1]))
    assert samples[-1][1] is not None
    assert samples[-1][1]["name"] == "ECONNREFUSED"
    moments = [at for at, *_ in samples]
    assert moments == sorted(moments)


def test_a_nameserver_answers_or_does_not(engine: connect_sampler.Engine) -> None:
    samples: Samples = []
    query = b"\0\0\1\0\0\1\0\0\0\0\0\0\4acme\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        speaks = threading.Event()
        speaks.set()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    message, sender = server.recvfrom(512)
                    answer = message[:2] + b"\x81\x83" + message[4:]
                    server.sendto(b"\xff\xff" + answer[2:], sender)
                    if speaks.is_set():
                        server.sendto(answer, sender)

        threading.Thread(target=serve, daemon=True).start()
        engine.add(nameserver(server.getsockname()[1], query, samples, lambda _: True))
        turn_until(engine, lambda: len(samples) >= 2)
        assert samples[1][1:3] == (None, {"rcode": 3, "addresses": False, "private": False})
        speaks.clear()
        turn_until(engine, lambda: bool(samples[-1][1]))
        assert samples[-1][1] is not None
        assert samples[-1][1]["name"] == "TIMEOUT"


def nameserver(
    port: int,
    query: bytes,
    samples: Samples,
    proved: Callable[[list[str]], bool | None],
    *,
    needs_address: bool = True,
    whole: Callable[[bytes], bool | None] = lambda _: True,
) -> connect_sampler.DnsPath:
    tell = lambda *sample: samples.append(sample)  # noqa: E731 - its type is that of the samples
    return connect_sampler.DnsPath("127.0.0.1", port, [query], tell, proved, whole, needs_address=needs_address)


@pytest.mark.parametrize(("over_tcp", "private"), [(True, False), (False, True)])
@pytest.mark.parametrize("needs_address", [True, False])
def test_a_truncated_answer_is_worth_what_comes_over_tcp(
    engine: connect_sampler.Engine, over_tcp: bool, private: bool, needs_address: bool
) -> None:
    samples: Samples = []
    question = b"\4acme\0\0\1\0\1"
    with answering_udp(b"\x83\x80\0\1\0\0\0\0\0\0" + question) as port:
        query = b"\0\0\1\0\0\1\0\0\0\0\0\0" + question
        path = nameserver(port, query, samples, lambda _: False, needs_address=needs_address, whole=lambda _: over_tcp)
        engine.add(path)
        turn_until(engine, lambda: bool(samples))
    expected = {"rcode": 0, "addresses": True, "private": private} if needs_address else {"private": private}
    assert samples[0][1:3] == (None, expected)


def test_beside_the_name_itself_any_answer_will_do_that_leads_nowhere_else(engine: connect_sampler.Engine) -> None:
    samples: Samples = []
    question = b"\4acme\0\0\x1c\0\1"
    with answering_udp(b"\x81\x83\0\1\0\0\0\0\0\0" + question) as port:
        query = b"\0\0\1\0\0\1\0\0\0\0\0\0" + question
        engine.add(nameserver(port, query, samples, lambda found: not found, needs_address=False))
        turn_until(engine, lambda: bool(samples))
    assert samples[0][1:3] == (None, {"private": False})


@contextlib.contextmanager
def answering_udp(behind_the_id: bytes) -> Iterator[int]:
    """A nameserver that answers every query with this."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    message, sender = server.recvfrom(512)
                    server.sendto(message[:2] + behind_the_id, sender)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize(("proved", "private"), [(True, False), (False, True), (None, True)])
def test_an_answer_counts_when_its_addresses_have_proved_themselves_or_its_time_is_over(
    engine: connect_sampler.Engine, monkeypatch: pytest.MonkeyPatch, proved: bool | None, private: bool
) -> None:
    monkeypatch.setattr(connect_sampler, "PATIENCE", 0.3)
    samples: Samples = []
    asked: list[list[str]] = []
    question = b"\4acme\0\0\1\0\1"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\x09"

    def holds(addresses: list[str]) -> bool | None:
        asked.append(addresses)
        return proved if len(asked) > 1 else None

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    message, sender = server.recvfrom(512)
                    server.sendto(message[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question + record, sender)

        threading.Thread(target=serve, daemon=True).start()
        query = b"\0\0\1\0\0\1\0\0\0\0\0\0" + question
        engine.add(nameserver(server.getsockname()[1], query, samples, holds))
        turn_until(engine, lambda: bool(samples))
    assert samples[0][1:3] == (None, {"rcode": 0, "addresses": True, "private": private})
    assert asked[:2] == [["192.0.2.9"]] * 2


def test_an_address_is_proved_when_it_is_given_and_again_after_a_while() -> None:
    answers: queue.SimpleQueue[bool | None] = queue.SimpleQueue()
    proved = proofs.Proofs(lambda address: address == "192.0.2.1", lambda _: answers.get(), 0.0)
    assert proved.hold(["192.0.2.1"]) is True
    assert proved.hold(["192.0.2.1", "192.0.2.9"]) is None
    for given, expected in ((None, True), (False, False), (None, False), (True, True)):
        answers.put(given)
        wait_for(lambda expected=expected: answers.empty() and proved.hold(["192.0.2.9"]) is expected)  # type: ignore[misc]
    assert proved.hold([f"192.0.2.{number}" for number in range(20, 40)]) is None
    for _ in range(40):
        answers.put(True)


def test_of_addresses_without_end_none_is_the_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "MOST", 3)
    proved = proofs.Proofs(lambda _: False, lambda _: True, 600.0)
    given = [f"192.0.2.{number}" for number in range(4)]
    assert proved.hold(given) is False
    wait_for(lambda: proved.hold(given[:3]) is True)


@pytest.mark.parametrize(("name", "holds"), [("localhost", True), ("acme.example", False)])
def test_the_tenant_is_where_a_handshake_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, holds: bool
) -> None:
    ca = authority("Root")
    (tmp_path / "ca.pem").write_bytes(ca.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    visit = Visit({"deadline": 9.0, "tasks": []}, Output(lambda _: None), (None, None), Trust(None))
    with serving(silent, tmp_path, (leaf(ca, name),)) as server:
        assert proofs.is_tenant(visit, "localhost", server.port, "127.0.0.1") is holds
    assert proofs.is_tenant(visit, "localhost", server.port, "127.0.0.1") is False


@pytest.mark.parametrize(
    ("status", "issuers", "holds"),
    [("403 Forbidden", {"Test"}, True), ("503 Unavailable", {"Test"}, False), ("403 Forbidden", {"Other"}, False)],
)
def test_the_tenant_is_served_and_shows_a_certificate_of_the_same_organisation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, issuers: set[str], holds: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "store.pem"))
    request = {"method": "GET", "path": "/"}
    with a_peer(tmp_path, answer(status)) as server:
        visit = Visit({"deadline": 9.0, "tasks": [], "agent": "x"}, Output(lambda _: None), (None, None), Trust(None))
        assert proofs.is_tenant(visit, "localhost", server.port, "127.0.0.1", request, issuers) is holds
        monkeypatch.setattr(proofs.tunnel, "connect", lambda *_: dial("127.0.0.1", server.port, 5.0))
        led = proofs.leads_on(
            visit, Proxy("http", "p", 3128, None), "localhost", server.port, "192.0.2.9", request, issuers
        )
        assert led is holds, "what a proxy leads to has to prove the same"


def test_a_path_that_fails_or_waits_is_probed_more_often_unless_most_do() -> None:
    engine = connect_sampler.Engine(0.1, lambda moment: moment)
    paths = [connect_sampler.TcpPath("127.0.0.1", 1, lambda *_: None) for _ in range(connect_sampler.SOONER_MOST + 1)]
    for path in paths:
        path.saved, path.counted = 0.0, 10.0
        engine.add(path)
    assert engine._pace(paths[0], 10.0) == 0.1
    paths[0].under_way.append(connect_sampler.Sample(0.0, 9.85))
    assert engine._pace(paths[0], 10.0) == 0.1 / connect_sampler.SOONER
    paths[0].usual, paths[0].volley = 0.1, 0
    assert engine._pace(paths[0], 10.0) == 0.1
    paths[0].failing = True
    assert engine._pace(paths[0], 10.0) == 0.1 / connect_sampler.SOONER
    for path in paths:
        path.failing = True
    assert engine._pace(paths[0], 10.0) == 0.1
    engine.close()


def test_after_a_failure_comes_a_volley_that_was_saved_for() -> None:
    engine = connect_sampler.Engine(0.1, lambda moment: moment)
    path = connect_sampler.TcpPath("127.0.0.1", 1, lambda *_: None)
    engine.add(path)
    now = path.counted
    for _ in range(3):
        path.alarm(connect_sampler.Sample(0.0, now))
        path.volley = min(path.volley, 30)
        for _ in range(30):
            engine._pace(path, now)
    assert path.saved < 1
    path.alarm(connect_sampler.Sample(0.0, now))
    assert engine._pace(path, now) == 0.1 / connect_sampler.SOONER
    assert engine._pace(path, now + 1.0) == connect_sampler.QUICK
    engine.close()


def test_a_mixed_run_begins_and_ends_with_what_failed(path: streaks.Streaks, told: list[Record]) -> None:
    for number in range(100):
        path.add(number / 50, DROP if number % 2 else None, None)
    for number in range(100, 200):
        path.add(number / 50, None, None)
    path.close()
    ended = sorted(closed(told), key=lambda run: run["from"])
    mixed, calm = ended[-3:-1] if len(ended[-1:]) and ended[-2]["mixed"] is False else ended[-2:]
    assert (mixed["mixed"], mixed["to"], calm["mixed"], calm["from"]) == (True, 1.98, False, 2.0)
    assert sum(run["samples"] for run in ended) == 200
    assert sum(run["failed"] for run in ended) == 50


def test_a_run_tells_what_could_have_gone_unseen(path: streaks.Streaks, told: list[Record]) -> None:
    for at, took in ((0.0, 0.05), (0.1, 0.05), (0.6, 0.2), (0.7, 0.05)):
        path.add(at, None, None, None, took)
    path.close()
    (run,) = closed(told)
    assert run["took"] == 0.05
    assert run["gap"] == pytest.approx(0.7)


def test_a_run_tells_how_far_apart_samples_were_where_they_came_most_rarely(
    path: streaks.Streaks, told: list[Record]
) -> None:
    at = 0.0
    for distance, samples, error in ((0.1, 100, None), (0.1, 70, DROP), (0.3, 70, None), (0.1, 100, None)):
        for _ in range(samples):
            path.add(at, error, None)
            at += distance
    path.close()
    assert [run["pace"] for run in closed(told)] == pytest.approx([0.1, 0.1, 0.3])


def test_a_late_sample_hardly_changes_the_pace(path: streaks.Streaks, told: list[Record]) -> None:
    for number in range(100):
        path.add(0.1 * number + (0.8 if number > 50 else 0.0), None, None)
    path.close()
    (run,) = closed(told)
    assert run["pace"] < 0.1 * 1.25


def test_too_few_samples_have_no_pace(path: streaks.Streaks, told: list[Record]) -> None:
    for number in range(streaks.ROW):
        path.add(0.1 * number, None, None)
    path.close()
    assert "pace" not in closed(told)[0]


def test_a_path_is_unsettled_while_it_is_interrupted_and_a_little_longer(path: streaks.Streaks) -> None:
    path.add(0.0, None, None)
    assert not path.unsettled(0.1, 5.0)
    path.add(10.0, DROP, None)
    assert path.unsettled(10.1, 5.0)
    assert not path.unsettled(15.1, 5.0)
    path.add(10.5, None, None)
    assert path.unsettled(10.6, 5.0)
    assert not path.unsettled(13.0, 5.0)


def test_a_path_that_is_answered_otherwise_is_unsettled(path: streaks.Streaks) -> None:
    path.add(0.0, None, {"rcode": 0})
    path.add(0.5, None, {"rcode": 2})
    assert path.unsettled(4.0, 5.0)


def test_samples_of_a_layer_are_told_in_order_whichever_is_known_first() -> None:
    seen: list[tuple[float, Any]] = []
    stage = https_sampler.Stage(lambda at, sample: seen.append((at, sample)))
    for number in (1, 2, 3):
        stage.expect(number)
    stage.reached(1, 1.0)
    stage.reached(2, 2.0)
    stage.end(2, 2.0, ("two",))
    stage.end(3, 2.5, None)
    assert seen == []
    stage.end(1, 1.0, ("one",))
    assert seen == [(1.0, ("one",)), (2.0, ("two",)), (2.5, None)]


# --- the whole program, as a host runs it ----------------------------------------------------------------------------


def a_plan(identity: str, seconds: float, port: int) -> Record:
    return {
        "schema": 1, "agent": "test/1", "deadline": seconds + 60, "limits": {"connect": 0.5, "tls": 0.5}, "proxy": None,
        "trust": None, "tasks": [],
        "watch": {
            "id": identity, "seconds": seconds, "every": 0.05, "rarely": 60.0, "seldom": 60.0, "host": "localhost",
            "port": port, "addresses": ["127.0.0.1"], "query": "AAABAAABAAAAAAAABGFjbWUAAAEAAQ==",
            "dns_port": port, "request": {"method": "GET", "path": "/"},
        },
    }  # fmt: skip


class Host:
    """A watcher or a collector, as the controller has it."""

    def __init__(self, plan: Record, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *bundle.arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(directory), "SSL_CERT_FILE": str(directory / "store.pem")},
        )
        self.say(bundle.for_python(plan).decode().rstrip())

    def say(self, word: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(word.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self, what: str) -> Record:
        """The next record of this kind."""
        assert self.process.stdout
        for line in self.process.stdout:
            record: Record = json.loads(line) if line.startswith(b"{") else {}
            if record.get("what") == what:
                return record
        raise AssertionError(f"it ended without {what}")

    def hear_run(self, layer: str = "tcp", **fields: Any) -> Record:
        """The next run of this layer with these fields, or with such that a function says yes to."""
        while True:
            run = self.hear("run")
            asked = [
                want(run.get(name, "")) if callable(want) else run.get(name) == want for name, want in fields.items()
            ]
            if run["layer"] == layer and all(asked):
                return run

    def hang_up(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            stream.close()


def wait_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Callable[[Record], Host]]:
    started: list[Host] = []

    def start(plan: Record) -> Host:
        started.append(Host(plan, tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
        with contextlib.suppress(OSError, AssertionError):
            each.hang_up()


def test_a_watch_that_is_listened_to_writes_nothing(host: Any, port: int, tmp_path: Path) -> None:
    watcher = host(a_plan("quiet", 0.5, port))
    assert watcher.hear("begin")["planned"] == 0.5
    end = watcher.hear("end")
    assert end["why"] == "planned"
    watcher.say(f"ack {end['seq']}")
    assert watcher.process.wait(20) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_probe_that_ends_after_the_watch_says_nothing_more(host: Any, port: int, tmp_path: Path) -> None:
    """The peer accepts and is silent, so the handshake of the first moment ends half a second after the watch does."""
    plan = a_plan("late", 0.2, port)
    plan["limits"]["tls"] = 1.7
    watcher = host(plan)
    end = watcher.hear("end")
    time.sleep(1.0)
    watcher.say(f"ack {end['seq']}")
    assert watcher.process.wait(10) == 0
    assert list(tmp_path.iterdir()) == []


def closed_at_the_end(seconds: float, beyond: float) -> tuple[Record, socket.socket]:
    """The plan of a watch whose peer is there at its beginning, and the peer."""
    listening = socket.create_server(("127.0.0.1", 0))
    plan = a_plan("beyond", seconds, listening.getsockname()[1])
    plan["watch"]["beyond"] = beyond
    return plan, listening


def test_what_is_interrupted_at_the_end_is_watched_until_it_is_not(host: Any) -> None:
    plan, listening = closed_at_the_end(1.0, 3.0)
    with listening:
        watcher = host(plan)
        watcher.hear_run(failed=0)
    began = time.time()
    watcher.hear_run(failed=1)
    time.sleep(1.0)
    with socket.create_server(("127.0.0.1", plan["watch"]["port"]), backlog=500):
        again = watcher.hear_run(failed=0, open=True)
        end = watcher.hear("end")
    assert again["from"] >= began + 1.0
    assert (end["why"], end["seconds"] > 3.0) == ("planned", True)


def test_what_stays_interrupted_is_watched_for_as_long_as_is_accepted(host: Any) -> None:
    plan, listening = closed_at_the_end(0.2, 2.0)
    with listening:
        watcher = host(plan)
        watcher.hear_run(failed=0)
    last = watcher.hear_run(open=False, error=lambda error: error is not None)
    assert last["to"] - last["from"] >= 1.75
    assert watcher.hear("end")["why"] == "planned"


@contextlib.contextmanager
def a_peer(tmp_path: Path, handle: Handler) -> Iterator[Server]:
    """Somebody whom the host under test trusts."""
    ca = authority("Root")
    (tmp_path / "store.pem").write_bytes(ca.pem)
    with serving(handle, tmp_path, (leaf(ca, "localhost"),)) as server:
        yield server


def by_path(answers: dict[str, Handler]) -> Handler:
    """The answer to what a request's line contains; the first that fits."""

    def handle(head: bytes, connection: socket.socket) -> None:
        line = head.partition(b"\r\n")[0].decode()
        next(each for word, each in answers.items() if word in line)(head, connection)

    return handle


JSON = "Content-Type: application/json"
REFUSED = answer("403 Forbidden", b'{"error":"key"}', JSON)
UNAVAILABLE = answer("503 Service Unavailable", b"{}", JSON)
MANIFEST = "Content-Type: application/vnd.oci.image.index.v1+json"
WITHIN = {"connect": 5.0, "tls": 10.0, "first_byte": 10.0, "exchange": 20.0, "resolve": 5.0}


def asking(name: str, port: int, server: Server, **more: Any) -> Record:
    """The plan of a watch that often asks this server."""
    plan = a_plan(name, 600.0, port)
    plan["limits"] = WITHIN
    plan["watch"].update(seldom=0.3, **more)
    for each in ("registry", "layers"):
        if each in more:
            where = {"host": "localhost", "port": server.port, "request": {"method": "GET", "path": "/"}}
            plan["watch"][each] = {**where, **more[each]} if each == "registry" else [where]
    return plan


def test_a_host_of_layers_is_asked_whether_it_answers(host: Any, port: int, tmp_path: Path) -> None:
    answers = {"": answer("403 Forbidden")}
    with a_peer(tmp_path, by_path(answers)) as server:
        watcher = host(asking("layers", port, server, layers=[]))
        up = watcher.hear_run("registry")
        answers[""] = UNAVAILABLE
        out_of_order = watcher.hear_run("registry", answer=lambda answer: answer and answer["status"] == 503)
    down = watcher.hear_run("registry", failed=1)
    assert (up["path"], up["failed"], up["answer"]) == (
        f"localhost:{server.port}", 0, {"status": 403, "issuer": "Test"},
    )  # fmt: skip
    assert out_of_order["path"] == down["path"] == up["path"]
    assert down["error"]["phase"] == "tcp"


def test_of_a_registry_a_token_and_a_manifest_are_asked_for(host: Any, port: int, tmp_path: Path) -> None:
    answers: dict[str, Handler] = {}
    with a_peer(tmp_path, by_path(answers)) as server:
        challenge = f'WWW-Authenticate: Bearer realm="https://localhost:{server.port}/token",service="x"'
        answers.update(
            {"/token": answer("200 OK", b'{"token":"t"}', JSON), "HEAD": answer("200 OK", b"", MANIFEST)},
            **{"/v2/": answer("401 Unauthorized", b"", challenge)},
        )
        image = {"repository": "stackstate/agent", "reference": "1"}
        registry = {"request": {"method": "GET", "path": "/v2/"}, "image": image}
        watcher = host(asking("registry", port, server, registry=registry))
        up = watcher.hear_run("registry")
        answers["/token"] = UNAVAILABLE
        no_token = watcher.hear_run("registry", failed=1)
        answers["/token"] = answer("200 OK", b'{"token":"t"}', JSON)
        watcher.hear_run("registry", failed=0, open=True)
        answers["HEAD"] = answer("404 Not Found")
        no_manifest = watcher.hear_run("registry", failed=1)
    assert (up["answer"]["status"], up["answer"]["issuer"]) == (200, "Test")
    assert any("HEAD /v2/stackstate/agent/manifests/1" in head and "Bearer t" in head for head in server.heads)
    assert no_token["error"]["text"].startswith("503 to the request for a token")
    assert no_manifest["error"]["text"].startswith("404 to HEAD")


def test_where_a_login_is_wanted_the_first_endpoint_is_watched(host: Any, port: int, tmp_path: Path) -> None:
    challenge = 'WWW-Authenticate: Basic realm="x"'
    with a_peer(tmp_path, answer("401 Unauthorized", b"", challenge)) as server:
        image = {"repository": "stackstate/agent", "reference": "1"}
        registry = {"request": {"method": "GET", "path": "/v2/"}, "image": image}
        watcher = host(asking("login", port, server, registry=registry))
        run = watcher.hear_run("registry")
    assert (run["failed"], run["answer"]["status"]) == (0, 401)


def test_the_agents_posts_are_made_in_turn_and_compared(host: Any, tmp_path: Path) -> None:
    answers: dict[str, Handler] = {"GET": REFUSED, "/one": REFUSED, "/two": answer("404 Not Found")}
    with a_peer(tmp_path, by_path(answers)) as server:
        call = {"method": "POST", "content": "e30=", "headers": {"User-Agent": "Go", "Sts-Api-Key": "no key"}}
        calls = [{**call, "path": "/one"}, {**call, "path": "/two"}]
        plan = asking("posts", server.port, server, calls=calls)
        plan["watch"]["rarely"] = 0.3
        watcher = host(plan)
        wait_for(lambda: sum("POST" in head for head in server.heads) >= 4)
        up = watcher.hear_run("http", path=lambda path: path.endswith(" POST"))
        answers["/two"] = UNAVAILABLE
        down = watcher.hear_run("http", path=up["path"], failed=1)
        answers["/two"] = REFUSED
        other = watcher.hear_run("http", path=up["path"], errors=lambda errors: "OTHER" in errors)
    assert (up["failed"], up["path"]) == (0, f"127.0.0.1:{server.port} POST")
    assert down["error"]["text"] == "503 to POST /two"
    assert other["errors"]["OTHER"] > 0
    assert {head.partition(" ")[0] for head in server.heads} == {"GET", "POST"}


def test_a_handshake_counts_only_if_the_agents_own_hello_is_answered(host: Any, tmp_path: Path) -> None:
    with a_peer(tmp_path, REFUSED) as server:
        good = base64.b64encode(gohello.client_hello("localhost", "ab")).decode()
        for name, hello, failed in (
            ("good", good, 0),
            ("bad", base64.b64encode(b"GET / HTTP/1.0\r\n\r\n").decode(), 1),
        ):
            plan = asking(name, server.port, server, hellos={"agent-hello": hello})
            run = host(plan).hear_run("tls")
            assert (run["path"], run["failed"]) == (f"127.0.0.1:{server.port}", failed)


def test_it_stops_when_it_is_told_to(host: Any, port: int) -> None:
    watcher = host(a_plan("stop", 600.0, port))
    watcher.hear("alive")
    watcher.say("stop")
    assert watcher.hear("end")["why"] == "stopped"


def test_a_lost_watch_goes_on_and_is_collected_and_leaves_nothing(host: Any, port: int, tmp_path: Path) -> None:
    watcher = host(a_plan("lost", 600.0, port))
    have = watcher.hear("run")["seq"]
    watcher.hang_up()
    place = tmp_path / "netcompliance-watch-lost"
    wait_for((place / "state").exists)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in place.iterdir()} == {0o600}
    collector = host({"schema": 1, "tasks": [], "collect": {"id": "lost", "after": have}})
    assert collector.hear("alive")["open"]
    collector.say("stop")
    end = collector.hear("end")
    assert (end["why"], end["seq"] > have) == ("stopped", True)
    collector.say("done")
    assert collector.process.wait(20) == 0
    assert watcher.process.wait(20) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_lost_watch_that_is_terminated_leaves_nothing(host: Any, port: int, tmp_path: Path) -> None:
    watcher = host(a_plan("term", 600.0, port))
    watcher.hear("begin")
    watcher.hang_up()
    wait_for((tmp_path / "netcompliance-watch-term").exists)
    watcher.process.send_signal(signal.SIGHUP)
    watcher.process.send_signal(signal.SIGTERM)
    assert watcher.process.wait(20) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_watcher_left_is_collected_and_removed(host: Any, port: int, tmp_path: Path) -> None:
    watcher = host(a_plan("kill", 600.0, port))
    watcher.hear("begin")
    watcher.hang_up()
    wait_for((tmp_path / "netcompliance-watch-kill" / "state").exists)
    watcher.process.kill()
    watcher.process.wait()
    collector = host({"schema": 1, "tasks": [], "collect": {"id": "kill", "after": 0}})
    assert collector.hear("begin")["id"] == "kill"
    assert "killed" in collector.hear("gone")["text"]
    collector.say("done")
    assert collector.process.wait(20) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_directory_that_others_can_enter_is_no_spool(
    tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    place = tmp_path / "netcompliance-watch-open"
    place.mkdir()
    place.chmod(mode)
    assert spool.directory_of("open") is None
    place.chmod(0o700)
    assert spool.directory_of("open") == str(place)
    (tmp_path / "netcompliance-watch-link").symlink_to(place)
    assert spool.directory_of("link") is None


def test_a_spool_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(spool, "MOST", 1000)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    reading, writing = os.pipe()
    ours = spool.Spool("full", writing)
    ours.lose()
    for number in range(100):
        ours.say({"what": "run", "run": number})
    ours.mention({"what": "alive"})
    place = tmp_path / "netcompliance-watch-full"
    assert (place / "spool").stat().st_size <= 1000
    assert json.loads((place / "state").read_text())["dropped"] > 0
    ours.clean()
    assert list(tmp_path.iterdir()) == []
    os.close(reading)
    os.close(writing)
