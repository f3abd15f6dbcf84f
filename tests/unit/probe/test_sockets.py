"""The table of connections: that our own connections are in a sample is made certain, not hoped for."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from netcompliance.probe.onhost import sockets
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.sockets import Sampler
from netcompliance.probe.onhost.transports import Direct
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import Output, Visit

HOST, HERE = "peer.example", "127.0.0.1"
AT_ONCE = struct.pack("ii", 1, 0)


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Visit:
    """A visit to which loopback is a tenant."""
    lines: list[str] = []
    made = Visit({"deadline": 5.0, "tasks": []}, Output(lines.append), (None, None), Trust(None))
    monkeypatch.setattr(made, "others", lambda _hosts: {HERE})
    made.lines = lines  # type: ignore[attr-defined]
    return made


@pytest.fixture
def port() -> Iterator[int]:
    """A peer that resets each connection as soon as it has heard something."""
    with socket.create_server((HERE, 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    accepted, _ = listening.accept()
                except OSError:
                    return
                accepted.recv(1)
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                accepted.close()

        threading.Thread(target=serve, daemon=True).start()
        yield int(listening.getsockname()[1])


def observed(visit: Visit) -> dict[str, Any]:
    return next(json.loads(line) for line in visit.lines if '"sockets"' in line)  # type: ignore[attr-defined]


def test_a_connection_that_its_owner_has_closed_is_still_in_the_last_sample(visit: Visit) -> None:
    with socket.create_server((HERE, 0)) as listening:
        visit.hold_first([HOST])
        sampler = Sampler(visit, [HOST])
        Direct(visit, "tenant", HOST, listening.getsockname()[1], HERE).open().close()
        sampler.finish()
    assert observed(visit)["own"]
    assert not visit.held_connections


def test_where_the_peer_ended_them_all_another_is_opened_for_the_sample(visit: Visit, port: int) -> None:
    visit.hold_first([HOST])
    sampler = Sampler(visit, [HOST])
    stream = Direct(visit, "tenant", HOST, port, HERE).open()
    stream.send(b"?", Deadline(5.0), "head")
    with pytest.raises(ConnectionResetError):
        stream.recv(Deadline(5.0), "head")
    stream.close()
    accepting = socket.create_server((HERE, 0))
    with accepting:
        visit.hold(HOST, HERE, accepting.getsockname()[1], socket.socket)
        sampler.finish()
    assert observed(visit)["own"]


def test_a_table_that_is_not_there_is_an_error(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "TABLES", ("/proc/net/no-such-table", "/proc/net/tcp6"))
    Sampler(visit, [HOST]).finish()
    assert observed(visit)["error"]["name"] == "ENOENT"
