"""A nameserver that is silent to queries with EDNS0 and answers without: a series of them tells a refusal from loss."""

from __future__ import annotations

import base64
import contextlib
import json
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import dns.message
import dns.rrset
import pytest

from netcompliance.probe.onhost import dnsshare, nameservers
from netcompliance.probe.onhost import main as program
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import Output, Visit

NAME = "tenant.test."
LIMITS = {"dns": 0.3, "dns_late": 0.6, "dns_share": 12, "dns_pace": 0.002, "dns_calm": 0.002}


@contextlib.contextmanager
def nameserver(is_lost: Callable[[int], bool], *, by_tcp: bool = False) -> Iterator[int]:
    """One on 127.0.0.1. `is_lost`: whether the datagram of this number with EDNS0 is; over TCP, all or none are."""
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket(type=socket.SOCK_DGRAM) as asked:
        port = listening.getsockname()[1]
        asked.bind(("127.0.0.1", port))

        def serve() -> None:
            number = 0
            while not stopped.is_set():
                ready = select.select([asked, *([listening] if by_tcp else [])], [], [], 0.05)[0]
                if listening in ready:
                    with listening.accept()[0] as connection:
                        answer = _answer(dns.message.from_wire(connection.recv(4096)[2:]))
                        connection.sendall(struct.pack("!H", len(answer)) + answer)
                if asked not in ready:
                    continue
                wire, peer = asked.recvfrom(4096)
                query = dns.message.from_wire(wire)
                number += query.edns >= 0
                if query.edns < 0 or not is_lost(number):
                    asked.sendto(_answer(query), peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield port
        finally:
            stopped.set()
            thread.join(5)


def _answer(query: dns.message.Message) -> bytes:
    reply = dns.message.make_response(query)
    reply.answer.append(dns.rrset.from_text(NAME, 60, "IN", "A", "192.0.2.7"))
    return reply.to_wire()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[dict[str, Any]]]:
    """Ask the nameserver at this port; what was seen of its share."""
    monkeypatch.setattr(nameservers, "read_text", lambda path: "nameserver 127.0.0.1\n")
    monkeypatch.setattr(nameservers, "PROMPT", 5.0)  # a busy machine is no slow nameserver
    monkeypatch.setattr(dnsshare, "PATIENCE", 0.8)
    wire, plain = (
        base64.b64encode(dns.message.make_query(NAME, "A", use_edns=edns).to_wire()).decode() for edns in (0, None)
    )
    query = {"name": NAME.rstrip("."), "rdtype": "A", "wire": wire, "plain": plain}

    def ask(port: int) -> list[dict[str, Any]]:
        lines: list[str] = []
        task = {"kind": "nameservers", "queries": [query], "port": port}
        plan = {"agent": "test/1", "deadline": 20.0, "limits": LIMITS, "tasks": [task]}
        program.run(Visit(plan, Output(lines.append), (None, None), Trust(None)))
        return [seen for seen in map(json.loads, lines) if seen["kind"] == "dns-share"]

    return ask


def test_where_some_are_answered_it_was_loss(ask: Callable[[int], list[dict[str, Any]]]) -> None:
    with nameserver(lambda number: number <= 3 or number % 3 == 0) as port:
        first, calm = ask(port)
    assert (first["sent"], first["answered"], first["addresses"]) == (12, 8, ["192.0.2.7"])
    assert (calm["sent"], calm["answered"]) == (12, 8)


def test_where_tcp_is_answered_and_udp_at_times_it_was_loss(ask: Callable[[int], list[dict[str, Any]]]) -> None:
    with nameserver(lambda number: number <= 3 or number % 3 == 0, by_tcp=True) as port:
        first, calm = ask(port)
    assert (first["answered"], calm["answered"]) == (8, 8)


def test_where_none_is_answered_once_is_enough(ask: Callable[[int], list[dict[str, Any]]]) -> None:
    with nameserver(lambda number: True) as port:
        (seen,) = ask(port)
    assert (seen["sent"], seen["answered"], seen["lost"]) == (12, 0, 12)


def test_where_each_is_answered_there_is_one_series(ask: Callable[[int], list[dict[str, Any]]]) -> None:
    with nameserver(lambda number: False) as port:
        (seen,) = ask(port)
    assert (seen["sent"], seen["answered"]) == (12, 12)
