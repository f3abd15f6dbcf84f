"""DNS-01 … DNS-06: what the resolver's answers, odd or plain, are taken for."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance.model import Result, Waiver
from tests.unit.judge.records import (
    ADDRESS6,
    ADDRESSES,
    EVERY,
    HOST,
    SERVERS,
    Record,
    certificate,
    chain,
    dns_answer,
    error,
    exchanges,
    go_query,
    public_answer,
    resolve_to,
    tcp,
    tls,
)
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import (
    added,
    altered,
    changed,
    exchange,
    healthy,
    proxied,
    settings,
    unresolved,
    verdict_of,
    without,
)

FIRST, SECOND = SERVERS
NO_ROUTE = "it is not known whether the host uses a proxy for this name"
PROXIED = "the host uses an explicit proxy, which resolves the name itself"
BARE = {"kind": "resolve", "purpose": "bare"}


def asked(records: list[Record], *answers: Record) -> list[Record]:
    """The world in which the configured nameservers said only this."""
    return [*without(records, kind="dns"), *exchange(list(answers))]


def all_say(rcode: str) -> list[Record]:
    return [dns_answer(server, t, rcode=rcode) for server in SERVERS for t in ("A", "AAAA")]


def silent(server: str) -> list[Record]:
    return [dns_answer(server, t, transport=over, lost="TIMEOUT") for t in ("A", "AAAA") for over in ("udp", "tcp")]


def fine(server: str) -> list[Record]:
    return [dns_answer(server, "A", *ADDRESSES), dns_answer(server, "AAAA", ADDRESS6)]


def empty(server: str) -> list[Record]:
    return [dns_answer(server, "A"), dns_answer(server, "AAAA")]


def truncated(server: str, over_tcp: Record) -> list[Record]:
    return [dns_answer(server, "A", truncated=True), over_tcp]


RESOLUTION = {
    "nxdomain": row(asked(unresolved(), *all_say("NXDOMAIN")), {"DNS-01": "dns.nxdomain"}),
    "servfail": row(asked(unresolved(-3), *all_say("SERVFAIL")), {"DNS-01": "dns.servfail"}),
    "refused": row(asked(unresolved(-3), *all_say("REFUSED")), {"DNS-01": "dns.refused"}),
    "another rcode": row(asked(unresolved(-3), *all_say("NOTIMP")), {"DNS-01": "dns.servfail"}),
    "no data": row(asked(unresolved(-5), *empty(FIRST), *empty(SECOND)), {"DNS-01": "dns.no-data"}),
    "nobody answers": row(asked(unresolved(-3), *silent(FIRST), *silent(SECOND)), {"DNS-01": "dns.timeout"}),
    "a definite no beats a failure": row(
        asked(unresolved(), *all_say("SERVFAIL")[:2], *all_say("NXDOMAIN")[2:]), {"DNS-01": "dns.nxdomain"}
    ),
    "a failure beats silence": row(
        asked(unresolved(-3), *silent(FIRST), *all_say("SERVFAIL")[2:]),
        {"DNS-01": "dns.servfail", "DNS-03": "dns.nameserver-dead"},
    ),
    "a refusal beats silence": row(
        asked(unresolved(-3), *silent(FIRST), *all_say("REFUSED")[2:]),
        {"DNS-01": "dns.refused", "DNS-03": "dns.nameserver-dead"},
    ),
    "truncated, and TCP is dropped": row(
        asked(
            unresolved(-3),
            *(a for s in SERVERS for a in truncated(s, dns_answer(s, transport="tcp", lost="TIMEOUT"))),
        ),
        {"DNS-01": "dns.timeout"},
        because={"DNS-03": "no nameserver answers: see DNS-01"},
    ),
    "no server over UDP": row(
        asked(
            unresolved(-3),
            *(dns_answer(s, lost="TIMEOUT") for s in SERVERS),
            *(dns_answer(s, "A", *ADDRESSES, transport="tcp") for s in SERVERS),
        ),
        {"DNS-01": "dns.timeout"},
        unchecked="DNS-03",
    ),
    "bytes that are no DNS": row(
        asked(unresolved(-3), *({**dns_answer(s), "response": "AAAA"} for s in SERVERS)), {"DNS-01": "dns.servfail"}
    ),
    "getaddrinfo alone says no such name": row(asked(unresolved(-2)), {"DNS-01": "dns.nxdomain"}, unchecked="DNS-03"),
    "getaddrinfo on BSD": row(asked(unresolved(8)), {"DNS-01": "dns.nxdomain"}),
    "getaddrinfo alone says no data": row(asked(unresolved(-5)), {"DNS-01": "dns.no-data"}),
    "getaddrinfo gives up at once": row(asked(unresolved(-3, 0.9)), {"DNS-01": "dns.servfail"}),
    "getaddrinfo gives up after a while": row(asked(unresolved(-3, 1.0)), {"DNS-01": "dns.timeout"}),
    "getaddrinfo does not come back": row(
        altered(asked(unresolved()), BARE, error=error("TIMEOUT", "resolve"), seconds=0.0), {"DNS-01": "dns.timeout"}
    ),
    "a look-up that was cut off is no failure": row(
        without(healthy(), **BARE), because={"DNS-01": "the look-up did not come to an end"}
    ),
    "a look-up that broke here is no failure": row(
        changed(BARE, addresses=[], error=error("EXCEPTION", "resolve")), unchecked="DNS-01"
    ),
    "no route, no verdict": row(
        without(unresolved(), kind="route", host=HOST),
        unchecked="PRX-01",
        because=dict.fromkeys(("DNS-01", "DNS-03"), NO_ROUTE),
    ),
    "proxied": row(
        proxied(),
        because=dict.fromkeys(("DNS-01", "DNS-02", "DNS-03", "DNS-04", "DNS-05", "DNS-06"), PROXIED),
        settings=settings(allow_list=()),
    ),
}


@each(RESOLUTION)
def test_resolution(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("records", "detail"),
    [
        (asked(unresolved(), *all_say("NXDOMAIN")), "10.30.0.53 says NXDOMAIN; 10.30.0.54 says NXDOMAIN"),
        (asked(unresolved(), *silent(FIRST)), "10.30.0.53 does not answer ([TIMEOUT])"),
        (asked(unresolved(), *empty(FIRST)), "10.30.0.53 answers without any address"),
        (
            asked(unresolved(), *truncated(FIRST, dns_answer(FIRST, transport="tcp", lost="EOF"))),
            "10.30.0.53 truncates its answer over UDP and does not answer over TCP",
        ),
        (asked(unresolved(-2)), "getaddrinfo: [GAI]"),
        (altered(asked(unresolved()), BARE, error=None), "getaddrinfo: no address"),
    ],
)
def test_what_the_resolver_did_is_told(records: list[Record], detail: str) -> None:
    assert verdict_of("DNS-01", records).saw == detail


def test_the_failing_server_is_named_for_the_remedy_and_the_command() -> None:
    verdict = verdict_of("DNS-01", asked(unresolved(), *all_say("NXDOMAIN")))
    assert verdict.findings[0].values["server"] == "10.30.0.53, 10.30.0.54"
    assert verdict.reproduce == f"dig +short @10.30.0.53 {HOST}"
    without_servers = verdict_of("DNS-01", asked(unresolved()))
    assert without_servers.findings[0].values["server"] == "10.30.0.53, 10.30.0.54"
    assert without_servers.reproduce == f"dig +short {HOST}"
    unknown = verdict_of("DNS-01", altered(asked(unresolved()), {"kind": "host"}, nameservers=[]))
    assert unknown.findings[0].values["server"] == "the host's resolver"


# --- DNS-02: whose address is it? ------------------------------------------------------------------------------------


def answered_with(*addresses: str, reached: bool = False, **worlds: Any) -> list[Record]:
    """The world in which the host's resolver gives these addresses, and nobody behind them proves to be the tenant."""
    gone = ("tcp", "tls", "http", "dns")
    records = [r for r in healthy() if not (r["kind"] in gone and r.get("task", "tenant") == "tenant")]
    records = altered(altered(records, {"kind": "sockets"}, connections=[], own=[]), {"kind": "syn"}, seen=[])
    records = [
        {**r, "addresses": list(addresses)} if r["kind"] == "resolve" and r.get("purpose") in ("bare", "rooted") else r
        for r in records
    ]
    told = [dns_answer(s, "A", *(a for a in addresses if ":" not in a)) for s in SERVERS]
    tried = [tcp(a, error=None if reached else error("TIMEOUT")) for a in addresses]
    return [*records, *exchange([*told, *tried, *worlds.get("more", ())])]


def at_control(address: str) -> Record:
    return resolve_to("control", "nc-y.app.stackstate.io.", address)


def somebody_elses(address: str) -> list[Record]:
    """A server at that address whose certificate is for another name."""
    lost = error("VERIFY", "tls", code=62)
    other = [certificate(names=["portal.example"])]
    return [
        tls(address, verified=False, error=lost, chain=["b3RoZXI="]),
        tls(address, "identify", verified=False, chain=["b3RoZXI="]),
        chain(b"other", covers=False, certificates=other),
    ]


ELSEWHERE = "93.184.216.34"
PRIVATE = "10.9.9.9"

OWNERSHIP = {
    "the tenant's, though nobody answers TCP": row(
        without(altered(healthy(), {"kind": "tcp", "task": "tenant"}, error=error("TIMEOUT")), kind="tls"),
        {"HTTPS-01": "tcp.filtered", "HTTPS-07": "path.ipv6-dead"},
        unchecked="REG-05",
    ),
    "sinkhole 0.0.0.0": row(answered_with("0.0.0.0"), {"DNS-02": "dns.sinkhole"}),
    "sinkhole loopback": row(answered_with("127.0.0.1"), {"DNS-02": "dns.sinkhole"}),
    "sinkhole ::": row(answered_with("::"), {"DNS-02": "dns.sinkhole"}),
    "sinkhole ::1": row(answered_with("::1"), {"DNS-02": "dns.sinkhole"}),
    "sinkhole of a vendor": row(answered_with("146.112.61.106"), {"DNS-02": "dns.sinkhole"}),
    "sinkhole of a vendor, mapped to IPv6": row(answered_with("::ffff:146.112.61.106"), {"DNS-02": "dns.sinkhole"}),
    "sinkhole of a gateway": row(answered_with("162.159.36.12"), {"DNS-02": "dns.sinkhole"}),
    "private": row(answered_with(PRIVATE), {"DNS-02": "dns.private-address"}),
    "one of two private": row(
        [*answered_with(PRIVATE, ADDRESSES[0]), *exchange([tls(ADDRESSES[0])])], {"DNS-02": "dns.private-address"}
    ),
    "private, by the second nameserver only, which is not in use": row(
        [
            *without(healthy(), kind="dns", server=SECOND),
            *exchange([dns_answer(SECOND, "A", PRIVATE), tcp(PRIVATE, "failover", error=error("TIMEOUT"))]),
        ],
        {"DNS-03": "dns.nameservers-differ"},
    ),
    "private, by the second of two nameservers that are asked by turns": row(
        altered(
            [
                *without(healthy(), kind="dns", server=SECOND),
                *exchange([dns_answer(SECOND, "A", PRIVATE)]),
            ],
            {"kind": "go-resolve"},
            resolver={"servers": list(SERVERS), "rotate": True},
            queries=[go_query(s, t, *ADDRESSES if t == "A" else (ADDRESS6,)) for s in SERVERS for t in ("A", "AAAA")],
        ),
        {"DNS-02": "dns.private-address"},
    ),
    "rewritten": row(
        answered_with(ELSEWHERE, more=[at_control(ELSEWHERE)]),
        {"DNS-02": "dns.rewritten"},
    ),
    "rewritten to a private address": row(
        answered_with(PRIVATE, more=[at_control(PRIVATE)]), {"DNS-02": "dns.rewritten"}
    ),
    "a wildcard of the service's own zone is no rewriting": row(
        answered_with(*ADDRESSES, more=[at_control(a) for a in ADDRESSES]), {"HTTPS-01": "tcp.filtered"}
    ),
    "search domain": row(
        altered(
            without(
                answered_with(ELSEWHERE, more=[resolve_to("search", f"{HOST}.corp.example.", ELSEWHERE)]), kind="dns"
            ),
            {"kind": "resolve", "purpose": "rooted"},
            addresses=list(ADDRESSES),
        ),
        {"DNS-02": "dns.search-domain"},
    ),
    "a search domain that has the same address is no trouble": row(
        added(resolve_to("search", f"{HOST}.corp.example.", *ADDRESSES))
    ),
    "in the hosts file": row(
        altered(
            altered(without(answered_with(ELSEWHERE), kind="dns"), {"purpose": "rooted"}, addresses=list(ADDRESSES)),
            {"kind": "host"},
            hosts_entries=[f"{ELSEWHERE} {HOST}"],
        ),
        {"DNS-02": "dns.hosts-file"},
    ),
    "in the hosts file, as a sinkhole": row(
        altered(
            changed({"kind": "resolve", "purpose": "bare"}, addresses=["127.0.0.1"]),
            {"kind": "host"},
            hosts_entries=[f"127.0.0.1 {HOST}"],
        ),
        {"DNS-02": "dns.hosts-file"},
    ),
    "in the hosts file, rightly": row(changed({"kind": "host"}, hosts_entries=[f"{ADDRESSES[0]} {HOST}"])),
    "somebody else's public address": row(
        answered_with(ELSEWHERE, reached=True, more=somebody_elses(ELSEWHERE)), {"DNS-02": "dns.disagrees"}
    ),
    "a public address that speaks no TLS": row(
        answered_with(
            ELSEWHERE,
            reached=True,
            more=[tls(ELSEWHERE, verified=False, chain=[], received="SFRUUC8xLjE=", error=error("SSL", "tls"))],
        ),
        {"DNS-02": "dns.disagrees"},
    ),
    "somebody else's certificate at the tenant's address is not the DNS's fault": row(
        answered_with(ADDRESSES[0], reached=True, more=somebody_elses(ADDRESSES[0])), {"HTTPS-02": "tls.wrong-name"}
    ),
    "somebody else, and no public view": row(
        without(answered_with(ELSEWHERE, reached=True, more=somebody_elses(ELSEWHERE)), kind="public-dns"),
        {"HTTPS-02": "tls.wrong-name"},
    ),
    "intercepted at another address is not the DNS's fault": row(
        answered_with(
            ELSEWHERE,
            reached=True,
            more=[
                tls(ELSEWHERE, chain=["bWl0bQ=="]),
                chain(b"mitm", anchor=None, anchor_name=None, public_issuer=False),
            ],
        ),
        {"HTTPS-03": "tls.intercepted", "DNS-04": "dns.disagrees"},
        unchecked="RCV-01",
    ),
    "private, but the service is behind it": row(
        [
            *answered_with(PRIVATE, reached=True, more=[tls(PRIVATE), tls(PRIVATE, "agent-hello")]),
        ],
        {"DNS-04": "dns.disagrees"},
        unchecked="RCV-01",
    ),
    "unproved, and no name that nobody has was looked up": row(
        without(answered_with(*ADDRESSES), purpose="control"), unchecked="DNS-02 HTTPS-01"
    ),
    "unproved, and the search domain was not looked up": row(
        altered(answered_with(*ADDRESSES), {"kind": "host"}, search=["corp.example"]),
        because={"DNS-02": "no search look-up came to an end, and TLS proved nothing"},
    ),
    "unproved, and little was looked up": row(
        without(without(answered_with(*ADDRESSES), purpose="control"), purpose="rooted"),
        because={"DNS-02": "no rooted, control look-up came to an end, and TLS proved nothing"},
    ),
    "unproved, and not looked up with its final dot": row(
        without(answered_with(*ADDRESSES), purpose="rooted"), unchecked="DNS-02"
    ),
    "proved, whatever was not looked up": row(without(without(healthy(), purpose="control"), purpose="rooted")),
}


@each(OWNERSHIP)
def test_ownership(case: Row) -> None:
    case.check()


def test_the_resolver_is_named_for_the_remedy() -> None:
    names = ("sinkhole 0.0.0.0", "private", "rewritten", "search domain", "somebody else's public address")
    for name in names:
        assert verdict_of("DNS-02", OWNERSHIP[name].records).findings[0].values["server"] == "10.30.0.53, 10.30.0.54"


def test_an_address_that_only_the_rooted_name_has_counts() -> None:
    records = altered(healthy(), {"purpose": "rooted"}, addresses=[*EVERY, "10.9.9.9"])
    row(records, {"DNS-02": "dns.private-address"}).check()
    moved = altered(healthy(), {"purpose": "rooted"}, addresses=[*EVERY, "34.250.11.40"])
    moved += exchange([tcp("34.250.11.40"), tls("34.250.11.40", chain=["b2xk"])])
    given = settings(allow_list=EVERY)
    assert [f.subject for f in verdict_of("DNS-05", moved, given).findings] == ["34.250.11.40"]
    assert [f.subject for f in verdict_of("DNS-04", moved).findings] == ["34.250.11.40"]


def test_the_wildcard_and_the_hosts_file_are_named() -> None:
    found = verdict_of("DNS-02", OWNERSHIP["search domain"].records).findings[0]
    assert found.values["wildcard"] == f"{HOST}.corp.example."
    assert f"with a final dot it is {ADDRESSES[0]}, {ADDRESSES[1]}" in found.detail
    by_file = verdict_of("DNS-02", OWNERSHIP["in the hosts file"].records).findings[0]
    assert by_file.values["line"] == f"{ELSEWHERE} {HOST}"
    assert "hosts file" in by_file.detail


# --- DNS-03: each nameserver -----------------------------------------------------------------------------------------

NAMESERVERS = {
    "one is dead": row(asked(healthy(), *fine(FIRST), *silent(SECOND)), {"DNS-03": "dns.nameserver-dead"}),
    "one answers over TCP alone": row(
        asked(
            healthy(),
            *fine(FIRST),
            dns_answer(SECOND, lost="TIMEOUT"),
            dns_answer(SECOND, "A", *ADDRESSES, transport="tcp"),
        ),
        {"DNS-03": "dns.timeout"},
    ),
    "one truncates and is silent over TCP": row(
        asked(healthy(), *fine(FIRST), *truncated(SECOND, dns_answer(SECOND, transport="tcp", lost="TIMEOUT"))),
        {"DNS-03": "dns.timeout"},
    ),
    "one truncates and answers over TCP": row(
        asked(healthy(), *fine(FIRST), *truncated(SECOND, dns_answer(SECOND, "A", *ADDRESSES, transport="tcp")))
    ),
    "one refuses": row(asked(healthy(), *fine(FIRST), dns_answer(SECOND, rcode="REFUSED")), {"DNS-03": "dns.refused"}),
    "one has no such name": row(
        asked(healthy(), *fine(FIRST), dns_answer(SECOND, rcode="NXDOMAIN")), {"DNS-03": "dns.nxdomain"}
    ),
    "one has no addresses": row(asked(healthy(), *fine(FIRST), *empty(SECOND)), {"DNS-03": "dns.no-data"}),
    "one has IPv6 addresses only": row(
        asked(healthy(), *fine(FIRST), dns_answer(SECOND), dns_answer(SECOND, "AAAA", ADDRESS6))
    ),
    "one answers over TCP alone, and is the only one that knows": row(
        asked(
            healthy(),
            dns_answer(FIRST, rcode="NXDOMAIN"),
            dns_answer(SECOND, lost="TIMEOUT"),
            dns_answer(SECOND, "A", *ADDRESSES, transport="tcp"),
        ),
        {"DNS-03": "dns.nxdomain dns.timeout"},
    ),
    "the name was asked for with its final dot": row(
        [
            {**r, "name": f"{HOST}."} if r["kind"] in ("dns", "public-dns") else r
            for r in asked(healthy(), *fine(FIRST), *silent(SECOND))
        ],
        {"DNS-03": "dns.nameserver-dead"},
    ),
    "another name was asked for": row(
        asked(healthy(), *fine(FIRST), *fine(SECOND), {**dns_answer(SECOND, lost="TIMEOUT"), "name": "quay.io"})
    ),
    "none knows a name that the hosts file has": row(asked(healthy(), *all_say("NXDOMAIN"))),
    "all are dead, and the hosts file has the name": row(
        asked(healthy(), *silent(FIRST), *silent(SECOND)), {"DNS-03": "dns.nameserver-dead"}
    ),
    "one was not asked": row(asked(healthy(), *fine(FIRST)), because={"DNS-03": f"{SECOND} was not asked"}),
    "one was asked for IPv6 addresses alone": row(
        asked(healthy(), *fine(FIRST), dns_answer(SECOND, "AAAA", ADDRESS6)), unchecked="DNS-03"
    ),
    "none is configured": row(asked(healthy()), because={"DNS-03": "no nameserver is configured where it can be read"}),
}


@each(NAMESERVERS)
def test_nameservers(case: Row) -> None:
    case.check()


def test_the_dead_nameserver_is_the_subject() -> None:
    verdict = verdict_of("DNS-03", NAMESERVERS["one is dead"].records)
    assert [found.subject for found in verdict.findings] == [SECOND]
    assert verdict.reproduce == f"dig @{SECOND} {HOST}"


# --- DNS-04: the public view -----------------------------------------------------------------------------------------


def public(*answers: Record, records: list[Record] | None = None) -> list[Record]:
    return [*without(records or healthy(), kind="public-dns"), *exchange(list(answers))]


UNPROVED = answered_with(ELSEWHERE, reached=True, more=[tls(ELSEWHERE, chain=["b2xk"]), exchanges(ELSEWHERE)])

UNLOOKED = "DNS-04 HTTPS-03 HTTPS-05 OUT-01 RCV-01"

PUBLIC_VIEW = {
    "rotating addresses that prove to be the service's": row(public(public_answer("A", "34.250.11.99"))),
    "another address, which proved nothing": row(UNPROVED, {"DNS-04": "dns.disagrees"}, unchecked="HTTPS-03"),
    "no such name in public": row(
        public(public_answer("A", rcode="NXDOMAIN"), records=UNPROVED),
        {"DNS-04": "dns.disagrees"},
        unchecked="HTTPS-03",
    ),
    "nobody in public answered": row(
        public({**public_answer("A"), "response": None, "error": error("TIMEOUT")}), unchecked="DNS-04"
    ),
    "public resolvers failed": row(public(public_answer("A", rcode="SERVFAIL"), records=UNPROVED), unchecked=UNLOOKED),
    "public resolvers were not asked": row(
        without(healthy(), kind="public-dns"),
        because={"DNS-04": "no public resolver could be asked over HTTPS from here"},
    ),
    "only IPv6 was answered in public": row(
        public(public_answer("AAAA", ADDRESS6), records=UNPROVED), unchecked=UNLOOKED
    ),
}


@each(PUBLIC_VIEW)
def test_public_view(case: Row) -> None:
    case.check()


# --- DNS-05 … DNS-07: the allow-list -------------------------------------------------------------------------------

HERE4 = altered(healthy(), {"kind": "host"}, source_address6=None)

ALLOW_LISTS = {
    "all addresses": row(healthy(), settings=settings(allow_list=EVERY)),
    "a block": row(
        healthy(),
        {"DNS-07": "dns.wide-allow-list"},
        settings=settings(allow_list=("34.250.11.0/24", "2a05:d018:11::/48")),
    ),
    "the name": row(healthy(), settings=settings(allow_list=(f"{HOST.upper()}.",))),
    "one missing": row(
        healthy(), {"DNS-05": "dns.not-allow-listed"}, settings=settings(allow_list=(ADDRESSES[0], ADDRESS6))
    ),
    "IPv6 missing, and the host has IPv6": row(
        healthy(), {"DNS-05": "dns.not-allow-listed"}, settings=settings(allow_list=ADDRESSES)
    ),
    "IPv6 missing, and the host has none": row(HERE4, settings=settings(allow_list=ADDRESSES)),
    "an address that only a nameserver gave": row(
        [*healthy(), *exchange([dns_answer(FIRST, "A", "34.250.11.23")])],
        {"DNS-05": "dns.not-allow-listed"},
        settings=settings(allow_list=EVERY),
    ),
    "stale": row(
        healthy(), {"DNS-06": "dns.stale-allow-list"}, settings=settings(allow_list=(*EVERY, "198.18.0.0/24"))
    ),
    "another peer's address": row(healthy(), settings=settings(allow_list=(*EVERY, "3.216.1.10"))),
    "another peer's block": row(
        healthy(), {"DNS-07": "dns.wide-allow-list"}, settings=settings(allow_list=(*EVERY, "13.32.9.0/24"))
    ),
    "an address of a control is nobody's": row(
        healthy(), {"DNS-06": "dns.stale-allow-list"}, settings=settings(allow_list=(*EVERY, "192.0.2.1"))
    ),
    "an address that only the public has": row(
        public(public_answer("A", *ADDRESSES, "34.250.11.30"), public_answer("AAAA", ADDRESS6)),
        settings=settings(allow_list=(*EVERY, "34.250.11.30")),
    ),
    "a registry's address that was walked to": row(
        [{**r, "address": "52.216.1.1"} if r.get("step") == "layer" else r for r in healthy()],
        settings=settings(allow_list=(*EVERY, "52.216.1.1")),
    ),
    "another name": row(healthy(), settings=settings(allow_list=(*EVERY, "quay.io"))),
    "empty": row(healthy(), {"DNS-05": "dns.not-allow-listed"}, settings=settings(allow_list=())),
}


@each(ALLOW_LISTS)
def test_allow_lists(case: Row) -> None:
    case.check()


def test_a_name_of_ipv6_addresses_alone_is_held_against_the_list_wherever_one_looks_from() -> None:
    only6 = [
        {**r, "addresses": [ADDRESS6]} if r["kind"] == "resolve" and r["host"] == HOST and r["addresses"] else r
        for r in without(HERE4, kind="dns")
    ]
    verdict = verdict_of("DNS-05", only6, settings(allow_list=ADDRESSES))
    assert [found.subject for found in verdict.findings] == [ADDRESS6]


def test_without_an_address_nothing_is_in_the_list_and_nothing_stale() -> None:
    """DNS-01 is waived, so these are judged although the name has no address."""
    accepted = Waiver(requirement="DNS-01", owner="o", reason="r", expires="2030-01-01")
    lost = settings(allow_list=EVERY, waivers=(accepted,))
    for requirement in ("DNS-05", "DNS-06"):
        verdict = verdict_of(requirement, asked(unresolved(), *all_say("NXDOMAIN")), lost)
        assert (verdict.result, verdict.reason) == (Result.NOTCHECKED, "no address of the tenant is known here")


def test_each_address_and_entry_is_a_finding_of_its_own() -> None:
    verdict = verdict_of("DNS-05", healthy(), settings(allow_list=("198.18.0.1", "198.18.0.2")))
    assert [found.subject for found in verdict.findings] == list(EVERY)
    stale = verdict_of("DNS-06", healthy(), settings(allow_list=(*EVERY, "198.18.0.1", "198.18.0.2")))
    assert [found.subject for found in stale.findings] == ["198.18.0.1", "198.18.0.2"]


def test_what_passes_is_told_too() -> None:
    assert verdict_of("DNS-01", healthy()).saw == f"{HOST} is {', '.join(EVERY)}"
    assert verdict_of("DNS-02", healthy()).saw == f"{HOST} is {', '.join(EVERY)}, bare and rooted"
    assert verdict_of("DNS-03", healthy()).saw == f"{FIRST}, {SECOND} answered"
    assert set(EVERY) == set(verdict_of("DNS-04", healthy()).saw.removeprefix("the public DNS says ").split(", "))
    listed = settings(allow_list=EVERY)
    assert verdict_of("DNS-05", healthy(), listed).saw == f"{', '.join(EVERY)} in the allow-list"
    current = verdict_of("DNS-06", healthy(), listed)
    assert (current.result, current.saw) == (Result.PASS, "every entry is in use")
    assert verdict_of("DNS-01", healthy()).reproduce == f"getent ahosts {HOST}"
