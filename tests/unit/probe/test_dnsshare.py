"""A nameserver that is silent to queries with EDNS0 and answers without: a series of them tells a refusal from loss."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import dns.message
import dns.rrset
import pytest

from netcompliance.probe.onhost import dnsshare, nameservers
from netcompliance.probe.onhost import main as program
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import Output, Visit
from tests.support.nameserver import nameserver

NAME = "tenant.test."
LIMITS = {"dns": 0.3, "dns_late": 0.6, "dns_share": 12, "dns_pace": 0.002, "dns_calm": 0.002}


QUERY, PLAIN = (dns.message.make_query(NAME, "A", use_edns=edns) for edns in (0, None))


def answer_to(query: dns.message.Message) -> bytes:
    reply = dns.message.make_response(query)
    reply.answer.append(dns.rrset.from_text(NAME, 60, "IN", "A", "192.0.2.7"))
    return reply.to_wire()


def losing(is_lost: Callable[[int], bool]) -> Callable[[bytes], Iterator[bytes]]:
    """What a nameserver answers that loses queries with EDNS0. `is_lost`: whether that of this number is."""
    numbers = itertools.count(1)

    def answers(wire: bytes) -> Iterator[bytes]:
        query = dns.message.from_wire(wire)
        if query.edns < 0 or not is_lost(next(numbers)):
            yield answer_to(query)

    return answers


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[dict[str, Any]]]:
    """Ask the nameserver at this port; what was seen of its share."""
    monkeypatch.setattr(nameservers, "read_text", lambda path: "nameserver 127.0.0.1\n")
    monkeypatch.setattr(nameservers, "PROMPT", 5.0)  # a busy machine is no slow nameserver
    monkeypatch.setattr(dnsshare, "PATIENCE", 0.8)
    wire, plain = (base64.b64encode(query.to_wire()).decode() for query in (QUERY, PLAIN))
    query = {"name": NAME.rstrip("."), "rdtype": "A", "wire": wire, "plain": plain}

    def ask(port: int) -> list[dict[str, Any]]:
        lines: list[str] = []
        task = {"kind": "nameservers", "queries": [query], "port": port}
        plan = {"agent": "test/1", "deadline": 20.0, "limits": LIMITS, "tasks": [task]}
        program.run(Visit(plan, Output(lines.append), (None, None), Trust(None)))
        return [seen for seen in map(json.loads, lines) if seen["kind"] == "dns-share"]

    return ask


def test_where_some_are_answered_it_was_loss(ask: Callable[[int], list[dict[str, Any]]]) -> None:
    with nameserver(losing(lambda number: number <= 3 or number % 3 == 0)) as port:
        first, calm = ask(port)
    assert (first["sent"], first["answered"], first["addresses"]) == (12, 8, ["192.0.2.7"])
    assert (calm["sent"], calm["answered"]) == (12, 8)


def test_where_tcp_is_answered_and_udp_at_times_it_was_loss(ask: Callable[[int], list[dict[str, Any]]]) -> None:
    with nameserver(losing(lambda number: number <= 3 or number % 3 == 0), answer_to(QUERY)) as port:
        first, calm = ask(port)
    assert (first["answered"], calm["answered"]) == (8, 8)


def test_where_none_is_answered_once_is_enough(ask: Callable[[int], list[dict[str, Any]]]) -> None:
    with nameserver(losing(lambda number: True)) as port:
        (seen,) = ask(port)
    assert (seen["sent"], seen["answered"], seen["lost"]) == (12, 0, 12)


def test_where_each_is_answered_there_is_one_series(ask: Callable[[int], list[dict[str, Any]]]) -> None:
    with nameserver(losing(lambda number: False)) as port:
        (seen,) = ask(port)
    assert (seen["sent"], seen["answered"]) == (12, 12)
