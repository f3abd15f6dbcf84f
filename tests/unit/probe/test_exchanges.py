"""Whole exchanges with one address: which get a first byte, which get another answer than most or another certificate,
and what is done with those."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netcompliance.probe.onhost import exchanges
from netcompliance.probe.onhost.exchanges import kind_in
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import Output, Visit
from netcompliance.vantage.records import decoded
from tests.support.peers import Handler, answer, authority, leaf, serving, silent

HERE = "127.0.0.1"
REQUEST = {"purpose": "receiver", "method": "GET", "path": "/features"}


OTHERWISE = answer("503 Service Unavailable", b"<html></html>", "Content-Type: text/html; charset=utf-8")


class Peer:
    """Answers requests, but not from so many source ports after the first `sound`, which get `instead`."""

    def __init__(self, hangs: int, instead: Handler = silent, sound: int = 0, times: int = 1 << 30) -> None:
        self.hanging: list[int] = []
        self._hangs = hangs
        self._instead = instead
        self._sound = sound
        self._times = times

    def __call__(self, head: bytes, connection: socket.socket) -> None:
        port = connection.getpeername()[1]
        self._sound -= 1
        if len(self.hanging) < self._hangs and port not in self.hanging and self._sound < 0:
            self.hanging.append(port)
        self._times -= port in self.hanging
        odd = port in self.hanging and self._times >= 0
        (self._instead if odd else answer("403 Forbidden", b"{}", "Content-Type: application/json"))(head, connection)


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(exchanges, "TRIES", 8)
    monkeypatch.setattr(exchanges, "FEWEST", 8)
    monkeypatch.setattr(exchanges, "PATIENCE", 1.0)
    monkeypatch.setattr(exchanges, "LONGEST", 30.0)
    monkeypatch.setattr(exchanges, "PAUSE", 0.0)

    def look(peer: Peer, shows_other: Callable[[int], bool] = lambda _: False) -> dict[str, Any]:
        """What is seen, and the handshakes beside it; to some ports a certificate is shown that has expired."""
        root = authority("Root")
        store = tmp_path / "store.pem"
        store.write_bytes(root.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(store))
        lines: list[str] = []
        plan = {"deadline": 20.0, "tasks": [], "agent": "test/1"}
        visit = Visit(plan, Output(lines.append), (None, None), Trust(None))
        old = leaf(root, "localhost", days=(-9, -3))
        with serving(peer, tmp_path, (leaf(root, "localhost"),), other=(old,), shows_other=shows_other) as server:
            exchanges.Exchanges(visit, "tenant", "localhost", server.port, HERE).look(REQUEST)
        seen, *handshakes = (decoded(json.loads(line), of_watch=False) for line in lines)
        return {**seen, "handshakes": handshakes, "old": old.der}

    return look


def test_all_are_answered(looked: Any) -> None:
    seen = looked(Peer(0))
    assert (seen["kind"], seen["tries"], seen["answered"]) == ("exchanges", 8, 8)
    assert (seen["stuck"], seen["stuck_again"], seen["beside"]) == ([], [], [0, 0])
    assert seen["slowest"] > 0


def test_ports_that_hang_are_tried_again_beside_others(looked: Any) -> None:
    peer = Peer(2)
    seen = looked(peer)
    assert sorted(port for port, _, _ in seen["stuck"]) == sorted(peer.hanging)
    assert {(phase, name) for _, phase, name in seen["stuck"]} == {("head", "TIMEOUT")}
    again = {port: name for port, _, name in seen["stuck_again"]}
    assert set(again) <= set(peer.hanging), "others may take a port meanwhile"
    assert set(again.values()) <= {"TIMEOUT"}
    assert seen["beside"] == [exchanges.AGAIN, exchanges.AGAIN], "new ports are answered"


def test_where_nobody_is_answered_nothing_is_tried_again(looked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "PATIENCE", 0.2)
    seen = looked(Peer(99))
    assert (seen["answered"], seen["stuck_again"]) == (0, [])


def test_ports_that_get_another_answer_are_tried_again_beside_others(looked: Any) -> None:
    peer = Peer(2, OTHERWISE, sound=2)
    seen = looked(peer)
    assert (seen["answered"], seen["stuck"], seen["usual"]) == (8, [], "403 application/json")
    assert seen["odd"] == [[port, "503 text/html"] for port in sorted(peer.hanging)]
    assert seen["odd_again"]
    assert all(each in seen["odd"] for each in seen["odd_again"])
    assert (seen["beside"], seen["beside_odd"]) == ([exchanges.BESIDE, exchanges.BESIDE], [])


def test_nothing_more_is_tried_where_the_peer_limits_requests(looked: Any) -> None:
    peer = Peer(99, answer("429 Too Many Requests", b"", "Content-Type: text/plain"), sound=3)
    seen = looked(peer)
    assert seen["tries"] <= 3 + exchanges.LANES
    assert {kind for _, kind in seen["odd"]} <= {"429 text/plain", "403 application/json"}
    assert (seen["odd_again"], seen["beside"]) == ([], [0, 0])


def test_an_error_that_was_momentary_is_over_when_tried_again(looked: Any) -> None:
    seen = looked(Peer(2, OTHERWISE, sound=2, times=2))
    assert {kind for _, kind in seen["odd"]} == {"503 text/html"}
    assert {kind for _, kind in seen["odd_again"]} == {"403 application/json"}


def test_who_shows_a_share_another_certificate_is_found_out_from_one_of_its_ports(looked: Any) -> None:
    shown: list[int] = []

    def first_two(port: int) -> bool:
        if len(shown) < 2:
            shown.append(port)
        return port in shown

    seen = looked(Peer(0), first_two)
    assert seen["stuck"] == [[port, "tls", "VERIFY"] for port in sorted(shown)]
    assert {name for _, _, name in seen["stuck_again"]} == {"VERIFY"}
    share, identify = seen["handshakes"]
    assert (share["purpose"], share["error"]["name"], share["error"]["code"]) == ("share", "VERIFY", 10)
    assert (identify["purpose"], identify["verified"]) == ("share-identify", False)
    assert base64.b64decode(identify["chain"][0]) == seen["old"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n\r\n{}", "403 application/json"),
        (b"HTTP/1.1 503 \r\nDate: x\r\ncontent-type:Text/HTML; charset=utf-8\r\n\r\n", "503 text/html"),
        (b"HTTP/1.1 204 No Content\n\nContent-Type: of/the-body\n\n", "204"),
        (b"HTTP/1.1 103 Early\r\nContent-Type: a/b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "200"),
        (b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text", None),
        (b"SSH-2.0\r\n\r\n", ""),
    ],
)
def test_an_answers_kind_is_its_status_and_type(data: bytes, kind: str | None) -> None:
    assert kind_in(data) == kind
