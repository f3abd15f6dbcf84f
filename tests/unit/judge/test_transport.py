"""Connections: who refused, who stayed silent, and which version of IP a name is judged by."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance.judge.transport import path_name, tcp_trouble, unfinished, usable, version_in_use, version_of
from netcompliance.observations import Tcp
from tests.unit.judge.records import ADDRESS6, ADDRESSES, EVERY, HOST, error, tcp
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import altered, changed, exchange, healthy, proxied, verdict_of, without

FIRST, SECOND = ADDRESSES
PROXIED = "the host reaches the service through an explicit proxy, not directly"
TENANT = {"kind": "tcp", "task": "tenant"}
AT_FIRST = {**TENANT, "address": FIRST}
AT_SECOND = {**TENANT, "address": SECOND}
AT_6 = {**TENANT, "address": ADDRESS6}
CONTROL = {"kind": "tcp", "task": "control"}


def fails(name: str, seconds: float = 0.01, **more: object) -> dict[str, object]:
    return {"error": error(name, **more), "seconds": seconds}


NO_IPV4 = altered(altered(healthy(), AT_FIRST, **fails("ENETUNREACH")), AT_SECOND, **fails("EADDRNOTAVAIL"))

PORTS = {
    "refused everywhere": row(changed(TENANT, **fails("ECONNREFUSED")), {"HTTPS-01": "tcp.refused"}),
    "reset at once": row(changed(TENANT, **fails("ECONNRESET")), {"HTTPS-01": "tcp.refused"}),
    "aborted": row(changed(AT_FIRST, **fails("ECONNABORTED")), {"HTTPS-01": "tcp.refused"}),
    "dropped": row(
        changed(TENANT, **fails("TIMEOUT", 5.0)), {"HTTPS-01": "tcp.filtered", "HTTPS-07": "path.ipv6-dead"}
    ),
    "dropped, by the system's own time limit": row(
        altered(changed(AT_FIRST, **fails("ETIMEDOUT", 5.0)), AT_SECOND, **fails("ETIMEDOUT", 5.0)),
        {"HTTPS-01": "tcp.filtered"},
    ),
    "one of two dropped": row(changed(AT_SECOND, **fails("TIMEOUT")), {"HTTPS-01": "tcp.partly-filtered"}),
    "one of two refused": row(changed(AT_SECOND, **fails("ECONNREFUSED")), {"HTTPS-01": "tcp.refused"}),
    "prohibited": row(changed(AT_SECOND, **fails("EHOSTUNREACH", 1.04)), {"HTTPS-01": "tcp.unreachable"}),
    "prohibited, in a router's words": row(
        changed(AT_SECOND, error=error("EHOSTUNREACH", icmp={"type": 3, "code": 10, "from": "10.0.0.1"}), seconds=0.1),
        {"HTTPS-01": "tcp.unreachable"},
    ),
    "in circles": row(
        changed(AT_SECOND, error=error("EHOSTUNREACH", icmp={"type": 11, "code": 0, "from": "10.0.0.1"}), seconds=0.1),
        {"HTTPS-01": "tcp.loop"},
    ),
    "a dead gateway": row(
        changed(AT_SECOND, error=error("EHOSTUNREACH", icmp={"type": 3, "code": 1, "own": True}), seconds=3.1),
        {"HTTPS-01": "host.no-route"},
    ),
    "no route": row(changed(AT_SECOND, **fails("EHOSTUNREACH")), {"HTTPS-01": "host.no-route"}),
    "a rule of the host's own": row(changed(AT_SECOND, **fails("EPERM")), {"HTTPS-01": "host.no-route"}),
    "no address to send from": row(changed(AT_SECOND, **fails("EADDRNOTAVAIL")), {"HTTPS-01": "host.no-route"}),
    "no way out for anything": row(
        altered(changed({"kind": "tcp"}, **fails("ENETUNREACH")), {"kind": "shares"}, opened=0),
        {"HTTPS-01": "host.no-route"},
    ),
    "no permission": row(changed(AT_SECOND, **fails("EACCES")), {"HTTPS-01": "tcp.unreachable"}),
    "an error without a name is ours": row(changed(AT_SECOND, error={"text": "?"}), unchecked="HTTPS-01"),
    "an error that is no object is an error": row(changed(AT_SECOND, error="lost"), unchecked="HTTPS-01"),
    "a fault of ours is no refusal": row(changed(AT_SECOND, **fails("EMFILE")), unchecked="HTTPS-01"),
    "the host has no files left": row(
        changed(TENANT, **fails("EMFILE")),
        unchecked="HTTPS-07",
        because={
            "HTTPS-01": (
                "no connection to any address came to an end; this host ran out of its limit of open files (EMFILE)"
            )
        },
    ),
    "an address that was not tried": row(without(healthy(), **AT_SECOND), unchecked="HTTPS-01"),
    "no address was tried": row(
        without(healthy(), **TENANT),
        unchecked="HTTPS-07",
        because={"HTTPS-01": "no connection to any address came to an end"},
    ),
    "an address that only a nameserver gave was not tried": row(
        [
            {**r, "addresses": [FIRST]} if r["kind"] == "resolve" and r["host"] == HOST and r["addresses"] else r
            for r in without(healthy(), **AT_SECOND)
        ],
        unchecked="HTTPS-01",
    ),
    "an address that the rooted name alone has was not tried": row(
        [
            {**r, "addresses": [FIRST]} if r["kind"] == "resolve" and r.get("purpose") == "bare" else r
            for r in without(without(healthy(), **AT_SECOND), kind="dns")
        ],
        unchecked="HTTPS-01 DNS-03",
    ),
    "behind a proxy": row(proxied(), because=dict.fromkeys(("HTTPS-01", "HTTPS-07", "OUT-01"), PROXIED)),
}

IPV6 = {
    "IPv6 refuses": row(changed(AT_6, **fails("ECONNREFUSED"))),
    "IPv6 has no route": row(changed(AT_6, **fails("ENETUNREACH"))),
    "IPv6 is prohibited after a moment": row(changed(AT_6, **fails("EHOSTUNREACH", 2.0))),
    "IPv6 is unreachable after a while": row(
        changed(AT_6, **fails("EHOSTUNREACH", 2.1)), {"HTTPS-07": "path.ipv6-dead"}
    ),
    "IPv6 opens slowly": row(changed(AT_6, seconds=4.0)),
    "IPv6 is dropped": row(changed(AT_6, **fails("TIMEOUT", 5.0)), {"HTTPS-07": "path.ipv6-dead"}),
    "IPv6 is dropped, by the system": row(changed(AT_6, **fails("ETIMEDOUT", 1.0)), {"HTTPS-07": "path.ipv6-dead"}),
    "IPv6 was not tried": row(
        without(healthy(), **AT_6),
        because={"HTTPS-07": f"the attempt to connect at {ADDRESS6} did not come to an end"},
    ),
    "the name has no IPv6 address": row(
        [
            {**r, "addresses": list(ADDRESSES)} if r["kind"] == "resolve" and r["host"] == HOST else r
            for r in healthy()
            if ADDRESS6 not in (r.get("address"), r.get("rdtype")) and r.get("rdtype") != "AAAA"
        ],
        because={"HTTPS-07": "the tenant's name has no IPv6 address"},
    ),
    "IPv6 alone, and it opens": row(
        NO_IPV4, because={"HTTPS-07": "IPv6 is the only way to the tenant from here: HTTPS-01 judges it"}
    ),
    "IPv6 alone, and it is dropped": row(
        altered(NO_IPV4, AT_6, **fails("TIMEOUT")), {"HTTPS-01": "tcp.filtered"}, unchecked="HTTPS-02"
    ),
    "IPv4 was not tried, so IPv6 proves nothing": row(
        without(without(healthy(), **AT_FIRST), **AT_SECOND), unchecked="HTTPS-01"
    ),
    "one IPv4 address is tried, so IPv4 is the way": row(
        changed(AT_FIRST, **fails("ENETUNREACH")), {"HTTPS-01": "host.no-route"}
    ),
}

SILENT = {"verified": False, "chain": [], "error": error("TIMEOUT", "tls")}
HANDSHAKE = {"kind": "tls", "task": "tenant", "purpose": "verify"}
ANYTHING_OPENS = altered(healthy(), CONTROL, error=None, seconds=0.01)

CONTROLS = {
    "everything opens, and nobody is behind": row(
        altered(ANYTHING_OPENS, HANDSHAKE, **SILENT), {"HTTPS-01": "tcp.accepts-anything"}
    ),
    "everything opens and is cut": row(
        altered(ANYTHING_OPENS, HANDSHAKE, **{**SILENT, "error": error("ECONNRESET", "tls")}),
        {"HTTPS-01": "tcp.accepts-anything"},
    ),
    "everything opens, and the service is behind": row(ANYTHING_OPENS),
    "everything opens, and somebody answers": row(
        altered(ANYTHING_OPENS, HANDSHAKE, **{**SILENT, "received": "SFRUUC8xLjE="}), {"HTTPS-02": "tls.not-tls"}
    ),
    "everything opens, and TLS was not tried": row(without(ANYTHING_OPENS, **HANDSHAKE), unchecked="HTTPS-02"),
    "nobody behind, and no control": row(
        without(changed(HANDSHAKE, **SILENT), **CONTROL),
        because={"HTTPS-01": "no address that cannot exist was tried, and nobody answered TLS"},
    ),
    "nobody behind, and the control stays closed": row(changed(HANDSHAKE, **SILENT), {"HTTPS-02": "tls.stalled"}),
    "no control, and TLS proves the addresses": row(without(healthy(), **CONTROL)),
}


@each(PORTS, IPV6, CONTROLS)
def test_connections(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("fields", "others", "detail"),
    [
        (fails("ECONNREFUSED", 0.012), (), "192.0.2.7 refused after 12 ms"),
        (
            {"error": error("ECONNREFUSED", icmp={"type": 3, "code": 3, "from": "10.0.0.1"}), "seconds": 1.0},
            (),
            "192.0.2.7 refused after 1.0 s, by ICMP type 3 code 3 from 10.0.0.1",
        ),
        (fails("EHOSTUNREACH", 1.04), (), "192.0.2.7 [EHOSTUNREACH] after 1.0 s"),
        ({"error": {"name": "EHOSTUNREACH"}, "seconds": 0.5}, (), "192.0.2.7 EHOSTUNREACH after 500 ms"),
        (fails("TIMEOUT", 5.0), (), "no answer to SYN in 5.0 s from 192.0.2.7"),
        ({**fails("TIMEOUT", 5.0), "syns": 1}, (), "no answer to SYN in 5.0 s from 192.0.2.7"),
        ({**fails("TIMEOUT", 5.0), "syns": 3}, (), "no answer to 3 SYNs in 5.0 s from 192.0.2.7"),
        (fails("TIMEOUT", 5.0), ("192.0.2.8",), "no answer to SYN in 5.0 s from 192.0.2.7; 192.0.2.8 opened"),
        (fails("TIMEOUT", 0.9996), (), "no answer to SYN in 1000 ms from 192.0.2.7"),
    ],
)
def test_how_it_failed_is_told(fields: dict[str, object], others: tuple[str, ...], detail: str) -> None:
    trouble = tcp_trouble(tried("192.0.2.7", **fields), HOST, others)
    assert trouble is not None
    assert (trouble.detail, trouble.subject) == (detail, "192.0.2.7")


def test_each_closed_address_is_a_subject() -> None:
    verdict = verdict_of("HTTPS-01", changed(TENANT, **fails("TIMEOUT")))
    assert [found.subject for found in verdict.findings] == list(ADDRESSES)
    assert verdict.reproduce == f"nc -vz -w 5 {FIRST} 443"


def test_what_opened_is_told_with_its_control() -> None:
    assert verdict_of("HTTPS-01", healthy()).saw == f"{FIRST}, {SECOND} opened in 10 ms; a TEST-NET address did not"
    assert verdict_of("HTTPS-01", ANYTHING_OPENS).saw.endswith(
        "a TEST-NET address opened too, so only TLS proves these"
    )
    assert verdict_of("HTTPS-01", without(healthy(), **CONTROL)).saw.endswith("; no other address was tried")
    slowest = changed(AT_SECOND, seconds=1.5)
    assert "opened in 1.5 s" in verdict_of("HTTPS-01", slowest).saw
    assert verdict_of("HTTPS-07", healthy()).saw == f"{ADDRESS6} opened"
    assert verdict_of("HTTPS-07", changed(AT_6, **fails("ECONNREFUSED"))).saw == f"{ADDRESS6} failed at once"


def test_the_addresses_that_cannot_exist_are_named() -> None:
    records = altered(ANYTHING_OPENS, HANDSHAKE, **SILENT)
    first = verdict_of("HTTPS-01", records).findings[0]
    assert first.subject == FIRST
    assert first.detail == f"192.0.2.1, which cannot exist, opened too, and at {FIRST} nobody answered TLS"


def test_the_dead_ipv6_address_is_named() -> None:
    (dead,) = verdict_of("HTTPS-07", changed(AT_6, **fails("TIMEOUT", 5.0))).findings
    assert (dead.subject, dead.detail) == (ADDRESS6, f"no connection to {ADDRESS6} in 5.0 s (TIMEOUT)")


def test_another_tasks_connections_say_nothing() -> None:
    elsewhere = tcp(ADDRESS6, task="registry", error=error("TIMEOUT"))
    row([*healthy(), *exchange([elsewhere])]).check()
    row([*healthy(), *exchange([tcp(SECOND, task="registry", error=error("TIMEOUT"))])]).check()


def test_why_nothing_can_pass_is_told() -> None:
    missing = verdict_of("HTTPS-01", without(healthy(), **AT_SECOND))
    assert missing.reason == f"the attempt to connect at {SECOND} did not come to an end"


def tried(address: str, **fields: Any) -> Tcp:
    seen = Tcp.decode(tcp(address, **fields))
    assert seen is not None
    return seen


def test_the_version_in_use() -> None:
    stuck = [tried(FIRST, error=error("ENETUNREACH")), tried(SECOND, error=error("EAFNOSUPPORT"))]
    assert version_in_use([*stuck, tried(ADDRESS6)]) == 6
    assert version_in_use(stuck) == 4
    assert version_in_use([tried(ADDRESS6)]) == 6
    assert version_in_use([tried("nonsense")]) == 4
    assert version_in_use([stuck[0], tried(SECOND, error=error("TIMEOUT")), tried(ADDRESS6)]) == 4
    assert [seen.address for seen in usable(map(tried, EVERY))] == list(ADDRESSES)


def test_words() -> None:
    assert (version_of(FIRST), version_of(ADDRESS6), version_of("fe80::1%eth0"), version_of(None)) == (4, 6, 6, 0)
    assert path_name(None, HOST) == f"{HOST} through the proxy"
    assert path_name(FIRST, HOST) == FIRST
    assert unfinished([], "the look-up") == ""
    assert unfinished([None, FIRST], "the look-up") == f"the look-up at the proxy, {FIRST} did not come to an end"
