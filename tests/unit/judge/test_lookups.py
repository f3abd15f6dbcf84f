"""The agent's own look-ups: what stops them (DNS-01), what slows or loses them (DNS-09), and whose addresses count."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance.judge.nameservers import read
from netcompliance.observations import Dns
from tests.unit.judge.records import (
    ADDRESS6,
    ADDRESSES,
    HOST,
    SERVERS,
    Record,
    dns_answer,
    error,
    go_query,
    go_resolve,
    tcp,
)
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import altered, exchange, healthy, unresolved, verdict_of, without

FIRST, SECOND = SERVERS
TYPES = ("A", "AAAA")
NOBODYS = "34.250.11.99"


def looked_up(*queries: Record, records: list[Record] | None = None, **resolver: Any) -> list[Record]:
    """The world in which the agent's look-up went so."""
    kept = without(records or healthy(), kind="go-resolve")
    return [*kept, *exchange([go_resolve(*queries, **resolver)])]


def fine(server: str, **fields: Any) -> list[Record]:
    return [go_query(server, "A", *ADDRESSES, **fields), go_query(server, "AAAA", ADDRESS6, **fields)]


def silent(server: str, types: tuple[str, ...] = TYPES) -> list[Record]:
    return [go_query(server, t, lost="TIMEOUT", again=again) for t in types for again in (False, True)]


def answered(records: list[Record], *answers: Record) -> list[Record]:
    return [*without(records, kind="dns"), *exchange(list(answers))]


def refusing(rcode: str = "", plain: bool = True) -> list[Record]:
    """Nameservers that do not take EDNS0."""
    wrong = {"rcode": rcode} if rcode else {"lost": "TIMEOUT"}
    queries = [go_query(s, t, **wrong) for s in SERVERS for t in TYPES]
    told = [dns_answer(s, t, **wrong) for s in SERVERS for t in TYPES]
    without_it = [{**dns_answer(s, "A", *ADDRESSES), "edns": False} for s in SERVERS] if plain else []
    return answered(looked_up(*queries), *told, *without_it)


def share(server: str, bad: int, pace: float, **fields: Any) -> Record:
    counted = {"results": [], "empty": 0, "lost": bad, **fields}
    series = {"kind": "dns-share", "server": server, "name": HOST, "rdtype": "A", "sent": 90, "answered": 90 - bad}
    return {**series, "pace": pace, "addresses": list(ADDRESSES), "error": None, **counted}


def lossy(server: str, *bad: int, **fields: Any) -> list[Record]:
    return [
        *without(healthy(), kind="dns-share", server=server),
        *exchange([share(server, n, pace, **fields) for n, pace in zip(bad, (0.006, 0.055), strict=False)]),
    ]


def silent_once(records: list[Record]) -> list[Record]:
    """The first server says nothing to a query with EDNS0, over UDP or TCP, and answers the same without."""
    return answered(
        records,
        *(dns_answer(FIRST, lost="TIMEOUT", transport=transport) for transport in ("udp", "tcp")),
        dns_answer(FIRST, "AAAA", ADDRESS6),
        {**dns_answer(FIRST, "A", *ADDRESSES), "edns": False},
        *(dns_answer(SECOND, t, *(ADDRESSES if t == "A" else (ADDRESS6,))) for t in TYPES),
    )


NXDOMAIN_EVERYWHERE = [
    {**r, "addresses": [], "error": error("GAI", "resolve", code=-2)}
    if r["kind"] == "resolve" and r.get("purpose") == "host"
    else r
    for r in unresolved()
]

COMING = {
    "new addresses to the last answer": row(lossy(FIRST, 0, newest=88), unchecked="HTTPS-01"),
    "all addresses known after a while": row(lossy(FIRST, 0, newest=40)),
    "few answers, all new": row(lossy(FIRST, 0, newest=20, answered=20), unchecked="DNS-09"),
}
LOOKUPS = {
    "silence to EDNS0 by chance, of which a series shows a share": row(
        silent_once(lossy(FIRST, 30, 30)), {"DNS-09": "dns.lossy"}
    ),
    "silence over UDP by chance, and an answer over TCP": row(
        answered(
            lossy(FIRST, 30, 30),
            dns_answer(FIRST, lost="TIMEOUT"),
            dns_answer(FIRST, "A", *ADDRESSES, transport="tcp"),
            dns_answer(FIRST, "AAAA", ADDRESS6),
            *(dns_answer(SECOND, t, *(ADDRESSES if t == "A" else (ADDRESS6,))) for t in TYPES),
        ),
        {"DNS-09": "dns.lossy"},
    ),
    "silence to EDNS0, in a series too": row(
        silent_once(lossy(FIRST, 90, addresses=[])), {"DNS-03": "dns.edns-refused"}
    ),
    "FORMERR to EDNS0": row(refusing("FORMERR"), {"DNS-01": "dns.edns-refused"}),
    "silence to EDNS0": row(refusing(), {"DNS-01": "dns.edns-refused"}),
    "one SERVFAIL, and an answer without EDNS0": row(
        answered(
            healthy(),
            dns_answer(FIRST, rcode="SERVFAIL"),
            dns_answer(FIRST, "AAAA", ADDRESS6),
            {**dns_answer(FIRST, "A", *ADDRESSES), "edns": False},
            *(dns_answer(SECOND, t, *(ADDRESSES if t == "A" else (ADDRESS6,))) for t in TYPES),
        ),
        unchecked="DNS-03",
    ),
    "SERVFAIL with and without EDNS0": row(refusing("SERVFAIL", plain=False), {"DNS-01": "dns.agent-cannot-resolve"}),
    "AAAA unanswered": row(
        looked_up(*(q for s in SERVERS for q in (fine(s)[0], *silent(s, ("AAAA",)))), timeout=2), {"DNS-09": "dns.slow"}
    ),
    "as long as the agent waits for a request": row(
        looked_up(*(q for s in SERVERS for q in (fine(s)[0], *silent(s, ("AAAA",))))), {"DNS-01": "dns.slow"}
    ),
    "longer than the agent waits for a request": row(
        looked_up(*(q for s in SERVERS for q in (fine(s)[0], *silent(s, ("AAAA",)))), timeout=10),
        {"DNS-01": "dns.slow"},
    ),
    "the first takes four seconds": row(looked_up(*fine(FIRST, seconds=4.0)), {"DNS-09": "dns.slow"}),
    "the first takes one second": row(looked_up(*fine(FIRST, seconds=1.0))),
    "the first takes four seconds once, and none when it is asked again": row(
        looked_up(*fine(FIRST, seconds=4.0), *fine(FIRST, seconds=0.02, again=True))
    ),
    "the first takes four seconds, and three when it is asked again": row(
        looked_up(*fine(FIRST, seconds=4.0), *fine(FIRST, seconds=3.0, again=True)), {"DNS-09": "dns.slow"}
    ),
    "the second takes half a second, and what the first loses takes the rest": row(
        looked_up(
            *(go_query(FIRST, t, rcode="SERVFAIL", seconds=1.2) for t in TYPES),
            *fine(SECOND, seconds=0.5),
            records=lossy(FIRST, 30, 29, lost=0, results=[["2", 30]]),
        ),
        {"DNS-09": "dns.lossy"},
    ),
    "slower than the agent waits": row(
        answered(
            looked_up(*(q for s in SERVERS for q in silent(s)), timeout=2),
            *({**dns_answer(s, "A", *ADDRESSES), "took": 4.0} for s in SERVERS),
        ),
        {"DNS-01": "dns.slow"},
    ),
    "one datagram was lost, and its repetition was answered": row(
        looked_up(go_query(FIRST, "A", lost="TIMEOUT"), *fine(FIRST, again=True), *fine(SECOND))
    ),
    "in the hosts file alone": row(
        looked_up(*(go_query(s, t, rcode="NXDOMAIN") for s in SERVERS for t in TYPES), hosts=list(ADDRESSES)),
        {"DNS-01": "dns.hosts-file-only"},
    ),
    "in the hosts file and in the DNS": row(looked_up(hosts=[ADDRESSES[0]])),
    "the second of two by turns is silent": row(
        looked_up(*fine(FIRST), *silent(SECOND), rotate=True), {"DNS-09": "dns.slow"}
    ),
    "every third query is lost": row(lossy(FIRST, 30, 30), {"DNS-09": "dns.lossy"}),
    "every third query gets SERVFAIL": row(lossy(SECOND, 30, 29, lost=0, results=[["2", 30]]), {"DNS-09": "dns.lossy"}),
    "only the fast series lost some": row(lossy(FIRST, 30, 0)),
    "one of each series was lost": row(lossy(FIRST, 1, 1)),
    "the second gives an address that nobody has": row(
        [
            *healthy(),
            *exchange(
                [dns_answer(SECOND, "A", "34.250.11.99"), tcp("34.250.11.99", "failover", error=error("TIMEOUT"))]
            ),
        ],
        {"DNS-03": "dns.nameservers-differ"},
    ),
    "nothing outside is known": row(NXDOMAIN_EVERYWHERE, {"DNS-01": "dns.no-outside"}),
    "no query leaves the host": row(
        answered(unresolved(-3), *(dns_answer(s, t, lost="ENETUNREACH") for s in SERVERS for t in TYPES)),
        {"DNS-01": "host.no-route"},
    ),
    "no network beyond the router": row(
        answered(
            unresolved(-3),
            *(
                {**dns_answer(s), "response": None, "error": error("ENETUNREACH", "udp", icmp={"type": 3, "code": 0})}
                for s in SERVERS
            ),
        ),
        {"DNS-01": "dns.timeout"},
    ),
}


@each(COMING, LOOKUPS)
def test_lookups(case: Row) -> None:
    case.check()


def test_the_share_and_the_seconds_are_told() -> None:
    told = verdict_of("DNS-09", lossy(SECOND, 30, 29, lost=0, results=[["2", 30]])).saw
    assert told == f"59 of 180 queries to {SECOND} got SERVFAIL"
    slow = verdict_of("DNS-09", LOOKUPS["AAAA unanswered"].records).saw
    assert slow.startswith(f"a look-up takes the agent 8 s: {FIRST} does not answer AAAA queries within 2 s")


def test_of_several_tries_the_best_is_told() -> None:
    records = looked_up(*fine(FIRST, seconds=4.0), *fine(FIRST, seconds=3.0, again=True))
    saw = verdict_of("DNS-09", records).saw
    assert saw.startswith(f"a look-up takes the agent 3 s: {FIRST} answers A queries after 3 s")


def test_what_the_agent_reads_otherwise_in_resolv_conf_is_told() -> None:
    four = altered(healthy(), {"kind": "host"}, nameservers=[*SERVERS, "10.30.0.55", "10.30.0.56"])
    third = [dns_answer("10.30.0.55", t, *(ADDRESSES if t == "A" else (ADDRESS6,))) for t in TYPES]
    records = looked_up(records=[*four, *exchange(third)], servers=[*SERVERS, "10.30.0.55"])
    assert verdict_of("DNS-03", records).saw.endswith("answered; 10.30.0.56 is never asked: only three count")
    octal = altered(healthy(), {"kind": "host"}, nameservers=[*SERVERS, "010.30.0.55"])
    told = [{**answer, "server": "010.30.0.55"} for answer in third]
    saw = verdict_of("DNS-03", [*octal, *exchange(told)]).saw
    assert saw.endswith("; the agent ignores 010.30.0.55 in resolv.conf: not a valid address")


def test_names_are_told_once() -> None:
    assert verdict_of("DNS-01", NXDOMAIN_EVERYWHERE).saw.startswith(f"{FIRST}, {SECOND} say that {HOST}, cdn.quay.io, ")


def test_a_search_list_is_gone_through_in_go_s_order() -> None:
    names = [f"{HOST}.svc.cluster.local.", f"{HOST}."]
    queries = [
        *(go_query(FIRST, t, rcode="NXDOMAIN", name=names[0], seconds=1.0) for t in TYPES),
        *fine(FIRST, name=names[1], seconds=1.0),
    ]
    row(looked_up(*queries, names=names), {"DNS-09": "dns.slow"}).check()
    assert altered(healthy(), {"kind": "go-resolve"})


@pytest.mark.parametrize(("server", "policy"), [("9.9.9.9", True), ("10.30.0.53", False)])
def test_quad9_says_by_a_flag_that_it_blocks(server: str, policy: bool) -> None:
    """Its answers to other names offer recursion; of another server the missing flag says nothing."""
    seen = Dns.decode(dns_answer(server, rcode="NXDOMAIN"))
    assert seen is not None
    assert bool(read(seen).policy) is policy
