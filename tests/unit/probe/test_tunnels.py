"""Many CONNECTs: which share of them a proxy grants, and what only our own haste costs."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from netcompliance.probe.onhost import tunnels
from netcompliance.probe.onhost.route import Proxy
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import Output, Visit
from tests.support.peers import answer, serving

Seen = list[dict[str, Any]]
GRANTED = answer("200 Connection established")
REFUSED = answer("403 Forbidden", b"no")


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here minds many at once."""
    monkeypatch.setattr(tunnels, "PACE", 0.001)
    monkeypatch.setattr(tunnels, "CALM_PACE", 0.001)
    monkeypatch.setattr(tunnels, "PAUSE", 0.0)


def look(handler: Callable[[bytes, socket.socket], None], took: float = 0.0, hello: bytes = b"") -> Seen:
    """What is said of a proxy that answers so."""
    lines: Seen = []
    output = Output(lambda text: lines.extend(map(json.loads, text.splitlines())))
    with serving(handler) as peer:
        visit = Visit({"tasks": [], "deadline": 20.0, "agent": "test/1"}, output, (None, None), Trust(None))
        proxy = Proxy("http", "127.0.0.1", peer.port, None)
        tunnels.look(visit, "tenant", proxy, "tenant.example", 443, took, hello)
    return lines


def series(seen: Seen) -> dict[str, Any]:
    (found,) = [record for record in seen if record["kind"] == "shares"]
    return found


def test_a_proxy_that_grants_all_is_asked_once_each() -> None:
    seen = look(GRANTED)
    found = series(seen)
    assert (found["tries"], found["opened"], found["calm"], found["unopened"]) == (
        tunnels.TRIES,
        tunnels.TRIES,
        None,
        [],
    )
    assert [record["kind"] for record in seen if record["kind"] != "resolve"] == ["shares"]


def test_a_share_that_is_refused_is_seen_in_slow_ones_too() -> None:
    count = itertools.count(1)

    def choosy(head: bytes, connection: socket.socket) -> None:
        (GRANTED if next(count) % 4 else REFUSED)(head, connection)

    seen = look(choosy)
    found = series(seen)
    assert found["opened"] == pytest.approx(tunnels.TRIES * 3 / 4, abs=1)
    assert found["calm"]["opened"] < found["calm"]["tries"]
    (shown,) = [record for record in seen if record["kind"] == "proxy"]
    assert (shown["status"], shown["series"]) == (403, True)


def test_a_limit_on_bursts_is_not_met_by_slow_ones() -> None:
    count = itertools.count(1)

    def limited(head: bytes, connection: socket.socket) -> None:
        (REFUSED if 40 < next(count) <= tunnels.TRIES else GRANTED)(head, connection)

    found = series(look(limited))
    assert found["opened"] == 40
    assert found["calm"]["opened"] == found["calm"]["tries"] >= tunnels.CALM[0]


def test_a_slow_proxy_is_asked_a_few_times() -> None:
    assert series(look(GRANTED, took=tunnels.SLOW))["tries"] == tunnels.FEW


def test_silence_is_unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "PATIENCE", 0.5)
    count = itertools.count(1)

    def silent(head: bytes, connection: socket.socket) -> None:
        if next(count) % 8:
            GRANTED(head, connection)
        else:
            connection.settimeout(10)
            connection.recv(1)

    found = series(look(silent))
    assert {name for _, name, _ in found["unopened"]} == {"TIMEOUT"}
    assert found["calm"]["opened"] < found["calm"]["tries"]


@pytest.mark.parametrize("every", [4, 1000])
def test_a_tunnel_that_carries_nothing_is_counted(every: int) -> None:
    count = itertools.count(1)

    def hollow(head: bytes, connection: socket.socket) -> None:
        GRANTED(head, connection)
        if next(count) % every and connection.recv(100) == b"hello":
            connection.sendall(b"x")

    found = series(look(hollow, hello=b"hello"))
    assert found["opened"] == tunnels.TRIES
    if every > tunnels.TRIES:
        assert (found["carried"], found["calm"]) == (tunnels.TRIES, None)
    else:
        assert found["carried"] == pytest.approx(tunnels.TRIES * 3 / 4, abs=1)
        assert found["calm"]["carried"] < found["calm"]["opened"]


def test_as_many_are_tried_again_as_show_the_same_share() -> None:
    for share in (1 / 16, 1 / 8, 1 / 3, 1.0):
        count = tunnels.enough(share)
        assert tunnels.CALM[0] <= count <= tunnels.CALM[1]
        assert (1 - share) ** count <= tunnels.MISSED
    assert (15 / 16) ** tunnels.TRIES < 0.0031
