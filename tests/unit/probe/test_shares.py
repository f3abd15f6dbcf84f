"""Many short connections to one address: how many open, and what is done with those that do not."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from netcompliance.probe.onhost import shares
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import Output, Visit

HERE = "127.0.0.1"


def looked(port: int, *, alone: bool = False, hello: bytes = b"") -> list[dict[str, Any]]:
    lines: list[str] = []
    visit = Visit({"deadline": 9.0, "tasks": []}, Output(lines.append), (None, None), Trust(None))
    shares.look(visit, "tenant", "peer.example", port, HERE, alone=alone, hello=hello)
    return [json.loads(line) for line in lines]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "PLENTY", ((8, 12),))


def test_all_open_and_nothing_is_tried_again(short: None) -> None:
    with socket.create_server((HERE, 0), backlog=100) as listening:
        (seen,) = looked(listening.getsockname()[1])
    assert (seen["tries"], seen["opened"], seen["unopened"], seen["again"]) == (12, 12, [], [])
    assert seen["fastest"] <= seen["median"]


def test_where_nothing_listens_all_are_refused_and_none_is_tried_again(short: None) -> None:
    with socket.socket() as unused:
        unused.bind((HERE, 0))
        (seen,) = looked(unused.getsockname()[1])
    assert seen["opened"] == 0
    assert {name for _, name, _ in seen["unopened"]} == {"ECONNREFUSED"}
    assert seen["again"] == []


def test_an_address_that_is_only_connected_to_has_a_tcp_observation(short: None) -> None:
    with socket.create_server((HERE, 0), backlog=100) as listening:
        first, _ = looked(listening.getsockname()[1], alone=True)
    assert (first["kind"], first["full"], first["error"]) == ("tcp", False, None)


def test_a_full_queue_is_tried_again_from_the_same_ports(short: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "PATIENCE", 0.3)
    monkeypatch.setattr(shares, "PAUSE", 0.0)
    monkeypatch.setattr(shares, "CALM_PATIENCE", 0.2)
    monkeypatch.setattr(shares, "CALM_PACE", 0.01)
    monkeypatch.setattr(shares, "SINGLE_PACE", 0.1)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        listening.bind((HERE, 0))
        listening.listen(2)
        (seen,) = looked(listening.getsockname()[1])
    assert 0 < seen["opened"] < 12
    assert {port for port, _, _ in seen["again"]} <= {port for port, _, _ in seen["unopened"]}
    assert seen["single"]["tries"] == shares.SINGLE


@contextmanager
def answering(silent: Callable[[int], bool]) -> Iterator[int]:
    """A peer that answers what is sent to it, but not to some source ports. Its port."""
    kept = []
    with socket.create_server((HERE, 0), backlog=100) as listening:

        def serve() -> None:
            while True:
                try:
                    opened, (_, port) = listening.accept()
                except OSError:
                    return
                kept.append(opened)
                if not silent(port):
                    opened.send(b"\x16")

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
        serving.join()
    for opened in kept:
        opened.close()


def test_every_connection_is_answered(short: None) -> None:
    with answering(lambda port: False) as port:
        (seen,) = looked(port, hello=b"hello")
    assert (seen["opened"], seen["hung"], seen["hung_again"]) == (12, [], [])
    assert seen["answers"]["got"] == 12


def test_ports_that_hang_are_tried_again(short: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "PATIENCE", 0.5)
    monkeypatch.setattr(shares, "PAUSE", 0.0)
    monkeypatch.setattr(shares, "CALM_PATIENCE", 0.5)
    monkeypatch.setattr(shares, "CALM_PACE", 0.01)
    hanging: list[int] = []

    def silent(port: int) -> bool:
        if len(hanging) < 2:
            hanging.append(port)
        return port in hanging

    with answering(silent) as port:
        (seen,) = looked(port, hello=b"hello")
    assert sorted(port for port, _ in seen["hung"]) == sorted(hanging)
    assert sorted(port for port, _ in seen["hung_again"]) == sorted(hanging)
    assert {name for _, name in seen["hung_again"]} <= {"TIMEOUT", "EADDRINUSE"}, "others may take a port meanwhile"
    assert seen["answers"]["calm"][0] == seen["answers"]["calm"][1] > 0
    assert seen["unopened"] == seen["again"] == []
