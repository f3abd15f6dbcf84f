"""What is asked of the observations of one vantage."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance.judge.evidence import (
    Evidence,
    clock_offset,
    decided,
    decoded,
    duration,
    error_name,
    error_of,
    error_text,
    header,
    listed,
    parsed_address,
    seconds,
    without_port,
)
from netcompliance.model import Result
from netcompliance.observations import KINDS, Error, Host, Http, Tcp, Tls
from tests.unit.judge.records import HOST, NOW, chain, error, tcp, tls


def seen(number: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "tcp",
        "task": "tenant",
        "host": "a.example",
        "address": f"10.0.{number >> 8}.{number & 255}",
        **more,
    }


def test_what_is_asked_of_an_address_is_all_that_was_seen_there_in_its_order() -> None:
    those = [seen(2), seen(1, port=443), seen(1, port=80), seen(1, task="control"), {"kind": "tcp", "port": 5}]
    evidence = Evidence(those)
    assert [each.port for each in evidence.all(Tcp, address="10.0.0.1", task="tenant")] == [443, 80]
    assert evidence.one(Tcp, address=None) == Tcp(port=5)
    assert evidence.all(Tls, address="10.0.0.1") == evidence.all(Tcp, address="10.0.0.3") == []
    assert len(evidence.all(Tcp)) == 5


def test_asking_of_each_address_looks_at_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def get(seen: Tcp, name: str) -> Any:
        looked.extend([name] if name in Tcp.FIELDS else [])
        return object.__getattribute__(seen, name)

    evidence = Evidence([seen(number) for number in range(500)])
    monkeypatch.setattr(Tcp, "__getattribute__", get)
    looked.clear()
    for number in range(500):
        assert evidence.one(Tcp, task="tenant", host="a.example", address=seen(number)["address"])
    assert len(looked) <= 500 * 3


def test_exchanges_that_ended_by_our_own_fault_were_not_made() -> None:
    ours = [
        tcp("1.1.1.1", error=error(name))
        for name in ("EXCEPTION", "UNSUPPORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM")
    ]
    assert Evidence(ours).all(Tcp) == []
    assert len(Evidence([tcp("1.1.1.1", error=error("TIMEOUT")), tcp("1.1.1.2")]).all(Tcp)) == 2
    for kind in ("resolve", "dns", "tcp", "proxy", "tls", "http", "registry", "chart"):
        assert Evidence([{"kind": kind, "error": error("EXCEPTION")}]).one(KINDS[kind]) is None
    for kind in ("sockets", "syn", "firewall", "public-dns"):
        assert Evidence([{"kind": kind, "error": error("EXCEPTION")}]).one(KINDS[kind]) is not None


def test_questions_to_the_evidence() -> None:
    evidence = Evidence([tcp("1.1.1.1"), tcp("1.1.1.2"), {"kind": "route", "host": "r.example", "proxy": "http://p:1"}])
    assert [seen.address for seen in evidence.all(Tcp, task="tenant")] == ["1.1.1.1", "1.1.1.2"]
    first = evidence.one(Tcp)
    assert first is not None
    assert first.address == "1.1.1.1"
    assert evidence.one(Tcp, address="1.1.1.3") is None
    assert evidence.proxy_for("r.example:5000") == "http://p:1"
    assert evidence.proxy_for("other") is None
    assert Evidence([{"kind": "route", "host": "r", "proxy": ""}]).proxy_for("r") is None
    assert evidence.vantage == Host()


def test_addresses_by_purpose_sorted() -> None:
    def look(purpose: str, *addresses: str, host: str = HOST) -> dict[str, Any]:
        return {"kind": "resolve", "host": host, "purpose": purpose, "addresses": list(addresses)}

    evidence = Evidence(
        [look("rooted", "1.1.1.2"), look("bare", "1.1.1.1", "x", "1.1.1.2"), look("bare", "9.9.9.9", host="o")]
    )
    assert evidence.resolved(HOST, "bare") == ["1.1.1.1", "1.1.1.2"]
    assert evidence.resolved(HOST, "bare", "rooted") == ["1.1.1.1", "1.1.1.2"]


def test_the_chain_of_a_handshake() -> None:
    evidence = Evidence([chain(b"leaf"), tls("1.1.1.1"), tls("1.1.1.2", chain=[]), tls("1.1.1.3", chain=["b3RoZXI="])])
    known = evidence.chain(evidence.handshake(HOST, "1.1.1.1", "verify"), HOST)
    assert known is not None
    assert evidence.chain(evidence.handshake(HOST, "1.1.1.1", "verify"), "other") is None
    assert evidence.chain(evidence.handshake(HOST, "1.1.1.2", "verify"), HOST) is None
    assert evidence.chain(evidence.handshake(HOST, "1.1.1.3", "verify"), HOST) is None
    assert evidence.chain(None, HOST) is None


@pytest.mark.parametrize(
    ("handshake", "of_chain", "service"),
    [
        ({}, {}, True),
        ({}, {"anchor": "declared"}, True),
        ({"verified": False}, {}, False),
        ({}, {"anchor": None}, False),
        ({}, {"covers": False}, False),
        ({"chain": []}, {}, False),
    ],
)
def test_who_is_the_service(handshake: dict[str, Any], of_chain: dict[str, Any], service: bool) -> None:
    evidence = Evidence([tls("1.1.1.1", **handshake), chain(b"leaf", **of_chain)])
    assert evidence.is_service(HOST, "1.1.1.1") is service
    assert evidence.is_service(HOST, "1.1.1.2") is False


def test_errors() -> None:
    assert [error_name(seen) for seen in (None, Tcp(), Tcp(error=Error()), Tcp(error=Error(name="EOF")))] == [
        None,
        None,
        "EXCEPTION",
        "EOF",
    ]
    assert [error_text(seen) for seen in (None, Tcp(error=Error()), Tcp(error=Error(text="x")))] == ["", "", "x"]
    assert error_of(Tcp(error=Error(code=0))).code == 0
    assert error_of(None) == error_of(Tcp()) == Error()


def test_bytes() -> None:
    assert decoded("bGVhZg==") == b"leaf"
    assert [decoded(text) for text in ("", "%", "bGVhZg", "é")] == [b""] * 4
    assert decoded(None) == b""


def test_numbers_and_lists_for_people() -> None:
    assert [duration(value) for value in (0, 0.0124, 0.9994, 1, 4.96)] == ["0 ms", "12 ms", "999 ms", "1.0 s", "5.0 s"]
    assert listed(["a", "b", "a"]) == "a, b"
    assert listed("abcdef") == "a, b, c, d, e, f"
    assert listed("abcdefg") == "a, b, c, d, e, f and 1 more"
    assert listed("abc", 1) == "a and 2 more"
    assert listed([]) == ""
    assert (seconds(Tcp(seconds=2.0)), seconds(Tcp())) == (2.0, 0.0)


def test_headers() -> None:
    seen = Http(headers=(("Age", "1"), ("AGE", "2")))
    assert (header(seen, "age"), header(seen, "Via"), header(None, "age")) == ("1", "", "")


@pytest.mark.parametrize(
    ("text", "name"),
    [("quay.io", "quay.io"), ("r.example:5000", "r.example"), (":5000", ":5000"), ("a:b", "a:b")],
)
def test_a_name_without_its_port(text: str, name: str) -> None:
    assert without_port(text) == name


def test_addresses() -> None:
    assert str(parsed_address("fe80::1%eth0")) == "fe80::1"
    assert [parsed_address(text) for text in (None, "", "x", 7)] == [None, None, None, None]


DATE = "Mon, 21 Sep 2026 14:13:20 GMT"


@pytest.mark.parametrize(
    ("headers", "seen", "offset"),
    [
        ([("Date", DATE)], {}, 0.0),
        ([("Date", DATE)], {"seconds": 2.5}, 2.5),
        ([("Date", DATE), ("Age", "100")], {}, -100.0),
        ([("Date", DATE), ("Age", "-1")], {}, 0.0),
        ([("Date", DATE), ("Age", "²")], {}, 0.0),
        ([("Date", DATE.replace("GMT", "-0000"))], {}, 0.0),
        ([("Date", DATE.replace("GMT", "+0200"))], {}, 7200.0),
        ([("Date", "")], {}, None),
        ([("Date", "Mon, 99 Sep 2026 14:13:20 GMT")], {}, None),
        ([], {}, None),
    ],
)
def test_the_clock_by_a_date(headers: list[tuple[str, str]], seen: dict[str, Any], offset: float | None) -> None:
    assert clock_offset(Http(at=NOW, headers=tuple(headers), **seen)) == offset
    assert clock_offset(Http(headers=tuple(headers))) is None


def test_what_is_missing_matters_only_where_nothing_was_found() -> None:
    assert decided([], "fine").result is Result.PASS
    assert decided([], "fine", missing="a part").result is Result.NOTCHECKED
    assert decided([], "fine", missing="a part").reason == "a part"
