"""Whole exchanges with one address: which get a first byte, and what is done with those that do not."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from netcompliance.probe.onhost import exchanges
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import Output, Visit
from tests.fakes.peers import answer, authority, leaf, serving, silent

HERE = "127.0.0.1"
REQUEST = {"purpose": "receiver", "method": "GET", "path": "/features"}


class Peer:
    """Answers requests, but not from the first so many source ports."""

    def __init__(self, hangs: int) -> None:
        self.hanging: list[int] = []
        self._hangs = hangs

    def __call__(self, head: bytes, connection: socket.socket) -> None:
        port = connection.getpeername()[1]
        if len(self.hanging) < self._hangs and port not in self.hanging:
            self.hanging.append(port)
        (silent if port in self.hanging else answer("403 Forbidden", b"{}"))(head, connection)


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(exchanges, "TRIES", 8)
    monkeypatch.setattr(exchanges, "FEWEST", 8)
    monkeypatch.setattr(exchanges, "PATIENCE", 2.0)
    monkeypatch.setattr(exchanges, "LONGEST", 30.0)
    monkeypatch.setattr(exchanges, "PAUSE", 0.0)

    def look(peer: Peer) -> dict[str, Any]:
        root = authority("Root")
        store = tmp_path / "store.pem"
        store.write_bytes(root.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(store))
        lines: list[str] = []
        plan = {"deadline": 20.0, "tasks": [], "agent": "test/1"}
        visit = Visit(plan, Output(lines.append), (None, None), Trust(None))
        with serving(peer, tmp_path, (leaf(root, "localhost"),)) as server:
            exchanges.Exchanges(visit, "tenant", "localhost", server.port, HERE).look(REQUEST)
        (seen,) = map(json.loads, lines)
        assert isinstance(seen, dict)
        return seen

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


def test_where_nobody_is_answered_nothing_is_tried_again(looked: Any) -> None:
    seen = looked(Peer(99))
    assert (seen["answered"], seen["stuck_again"]) == (0, [])
