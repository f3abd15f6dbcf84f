"""OUT-01 and OUT-02: who opened what, and what is let in."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.unit.judge.records import ADDRESSES, EVERY, HOST, Record, dns_answer, error, public_answer
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import (
    added,
    altered,
    changed,
    exchange,
    firewall_rules,
    healthy,
    proxied,
    unresolved,
    verdict_of,
    without,
)

FIRST = ADDRESSES[0]
ME = "10.20.0.4"
NO_PROOF = "inconclusive: the host's connection table did not show even our own open connection (/proc/net/tcp hidden?)"
SOCKETS, SYN, FIREWALL = {"kind": "sockets"}, {"kind": "syn"}, {"kind": "firewall", "tool": "nft"}
OURS = [ME, 40000, FIRST, 443, "ESTABLISHED"]
FROM = {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": FIRST}}


def table(*connections: list[Any], **fields: Any) -> list[Record]:
    return changed(SOCKETS, connections=[OURS, *connections], **fields)


CONNECTIONS = {
    "somebody connects to a port of ours": row(
        table([ME, 8126, FIRST, 51000, "ESTABLISHED"]), {"OUT-01": "outbound.inbound-seen"}
    ),
    "somebody connects from port 443": row(
        table([ME, 8126, FIRST, 443, "SYN_RECV"]), {"OUT-01": "outbound.inbound-seen"}
    ),
    "another port of theirs": row(table([ME, 40001, FIRST, 8443, "ESTABLISHED"]), {"OUT-01": "outbound.other-port"}),
    "both": row(
        table([ME, 8126, FIRST, 51000, ""], [ME, 40001, FIRST, 22, ""]),
        {"OUT-01": "outbound.inbound-seen outbound.other-port"},
    ),
    "another peer's affair": row(table([ME, 8126, "198.18.0.1", 51000, ""], [ME, 40001, "198.18.0.1", 22, ""])),
    "another address of theirs": row(table([ME, 8126, EVERY[1], 51000, ""]), {"OUT-01": "outbound.inbound-seen"}),
    "our own port, though somebody listens on it": row(changed(SOCKETS, listening=[["0.0.0.0", 40000]])),
    "not even our own were seen": row(changed(SOCKETS, connections=[], own=[]), because={"OUT-01": NO_PROOF}),
    "our own ports without a connection": row(changed(SOCKETS, connections=[]), unchecked="OUT-01"),
    "a connection that is not ours": row(changed(SOCKETS, own=[]), unchecked="OUT-01"),
    "not our own, but somebody else's": row(
        changed(SOCKETS, connections=[[ME, 8126, FIRST, 51000, ""]], own=[]), {"OUT-01": "outbound.inbound-seen"}
    ),
    "the table could not be read": row(changed(SOCKETS, error=error("EACCES", "file")), unchecked="OUT-01"),
    "the table was not read": row(
        without(healthy(), **SOCKETS),
        because={
            "OUT-01": "the host's connection table could not be read",
            "OUT-02": "the look at the table of connections did not come to an end",
        },
    ),
    "through the proxy": row(
        proxied(), because={"OUT-01": "the host reaches the service through an explicit proxy, not directly"}
    ),
    "rows that make no sense": row(
        changed(SOCKETS, connections=[OURS, None, [], [1, 2, 3, 4], "x"], listening=[["x"]])
    ),
}


def heard(*attempts: list[Any], **fields: Any) -> list[Record]:
    return changed(SYN, seen=list(attempts), **fields)


def rules(*rules: dict[str, Any], **more: Any) -> list[Record]:
    return changed(FIREWALL, rules=firewall_rules(*rules, **more))


DENIED = error("EACCES", "file")
NONE = error("UNSUPPORTED", "run", text="nft is not installed")
OPEN = {"expr": [FROM, {"accept": None}]}
NOBODY = without(without(healthy(), **SYN), **FIREWALL)


def legacy(text: str, *more: Record) -> list[Record]:
    """Rules that nft does not show."""
    return added({"kind": "firewall", "tool": "iptables-legacy", "rules": text, "error": None}, *more)


KERNEL = {"kind": "firewall", "tool": "kernel"}


def kernel(tables: str) -> Record:
    """The tables that the kernel says it has."""
    return {"type": "observation", "vantage": "local", **KERNEL, "rules": tables, "error": None}


def beside(tables: str | None, **fields: Any) -> list[Record]:
    """The right world, and these tables in the kernel."""
    return changed(KERNEL, rules=tables, **fields)


IPSET = {"kind": "firewall", "tool": "ipset", "error": None}
BY_SET = "-A INPUT -m set --match-set friends src -j ACCEPT"
MARKED = {"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 5}}
BY_MAP = {"vmap": {"key": FROM["match"]["left"], "data": "@friends"}}
ALL_BUT = {"match": {**FROM["match"], "op": "!="}}

UNDERSTOOD = {
    "rules of the older iptables": row(
        legacy(f"-A INPUT -s {FIRST}/32 -j ACCEPT"), {"OUT-02": "outbound.inbound-allowed"}
    ),
    "through an ipset": row(
        legacy(BY_SET, {**IPSET, "rules": f"create friends hash:ip family inet\nadd friends {FIRST}"}),
        {"OUT-02": "outbound.inbound-allowed"},
    ),
    "an ipset of others": row(legacy(BY_SET, {**IPSET, "rules": "create friends hash:ip\nadd friends 10.1.1.1"})),
    "an ipset of which nothing is known": row(legacy(BY_SET), unchecked="OUT-02"),
    "a jump for the tenant": row(
        legacy(f"-A INPUT -s {FIRST}/32 -j SUB\n-A SUB -p tcp -m tcp --dport 22 -j ACCEPT"),
        {"OUT-02": "outbound.inbound-allowed"},
    ),
    "a chain that only replies reach": row(
        legacy(f"-A INPUT -m conntrack --ctstate ESTABLISHED -j SUB\n-A SUB -s {FIRST}/32 -j ACCEPT")
    ),
    "all but the tenant are sent away": row(
        legacy(f"-A INPUT ! -s {FIRST}/32 -j RETURN\n-A INPUT -j ACCEPT"), unchecked="OUT-02"
    ),
    "a mark": row(rules({"expr": [MARKED, {"accept": None}]}), unchecked="OUT-02"),
    "a mark that is dropped": row(rules({"expr": [MARKED, {"drop": None}]})),
    "a verdict map that is not there": row(rules({"expr": [BY_MAP]}), unchecked="OUT-02"),
    "a verdict map by name": row(
        rules({"expr": [BY_MAP]}, sets=[{"name": "friends", "elem": [[FIRST, {"accept": None}]]}]),
        {"OUT-02": "outbound.inbound-allowed"},
    ),
    "all but the tenant are dropped": row(rules({"expr": [ALL_BUT, {"drop": None}]}), unchecked="OUT-02"),
    "a queue": row(rules({"expr": [{"queue": {"num": 1}}]}), unchecked="OUT-02"),
    "a kernel whose tables are shown": row(beside("nft inet f\nnft ip nat")),
    "a kernel without tables": row(beside("")),
    "a kernel that does not say": row(beside(None, error=error("EPERM", "run"))),
    "a kernel with tables of the older iptables, which no tool shows": row(
        beside("iptables filter\nnft inet f"),
        because={"OUT-02": "no tool here shows rules that the kernel has: iptables filter"},
    ),
    "a kernel with tables of the older iptables": row(legacy("*filter\nCOMMIT", kernel("iptables filter"))),
    "a kernel whose nftables iptables alone shows": row(
        [
            *without(without(healthy(), **KERNEL), **FIREWALL),
            *exchange(
                [
                    kernel("nft inet f\nnft ip filter"),
                    {**IPSET, "tool": "iptables", "rules": "# Generated by iptables-save v1.8.9 (nf_tables)\n*filter"},
                ]
            ),
        ],
        because={"OUT-02": "no tool here shows rules that the kernel has: nft inet f"},
    ),
    "a return for the tenant": row(
        legacy(f"-A INPUT -j SUB\n-A SUB -s {FIRST}/32 -j RETURN\n-A SUB -j DROP"), unchecked="OUT-02"
    ),
    "an ipset by its second dimension": row(
        legacy(
            BY_SET.replace("src", "dst,src"),
            {**IPSET, "rules": f"create friends hash:net,net\nadd friends 10.0.0.1,{FIRST}"},
        ),
        unchecked="OUT-02",
    ),
    "rules that a tool could not read": row(
        added({"kind": "firewall", "tool": "ip6tables", "rules": None, "error": error("UNSUPPORTED", "run")}),
        unchecked="OUT-02",
    ),
}

ATTEMPTS = {
    "an attempt": row(heard([FIRST, 51000, ME, 22, 3]), {"OUT-02": "outbound.inbound-seen"}),
    "an attempt, though our own were not heard": row(
        heard([FIRST, 51000, ME, 22, 3], own=False), {"OUT-02": "outbound.inbound-seen"}
    ),
    "an attempt that was accepted is told once": row(
        altered(
            heard([FIRST, 51000, ME, 8126, 1]),
            SOCKETS,
            connections=[OURS, [ME, 8126, FIRST, 51000, "ESTABLISHED"]],
        ),
        {"OUT-01": "outbound.inbound-seen"},
    ),
    "another attempt than the accepted one": row(
        altered(heard([FIRST, 51000, ME, 22, 1]), SOCKETS, connections=[OURS, [ME, 8126, FIRST, 51000, ""]]),
        {"OUT-01": "outbound.inbound-seen", "OUT-02": "outbound.inbound-seen"},
    ),
    "somebody else's attempt": row(heard(["198.18.0.1", 51000, ME, 22, 3])),
    "our own attempts": row(heard([ME, 40000, FIRST, 443, 1])),
    "what a broken listener heard is nothing": row(heard([FIRST, 51000, ME, 22, 3], error=error("UNSUPPORTED", "run"))),
    "a rule for the tenant": row(rules(OPEN), {"OUT-02": "outbound.inbound-allowed"}),
    "rules that could not be read": row(
        altered(rules(OPEN), FIREWALL, error=error("UNSUPPORTED", "run")), unchecked="OUT-02"
    ),
    "an attempt and a rule": row(
        [*rules(OPEN), *exchange([{"kind": "syn", "seen": [[FIRST, 1, ME, 22, 1]], "own": True}])],
        {"OUT-02": "outbound.inbound-seen outbound.inbound-allowed"},
    ),
    "the firewall alone was read": row(
        altered(altered(healthy(), SYN, own=False, error=DENIED), SOCKETS, error=DENIED), unchecked="OUT-01"
    ),
    "the wire alone was watched": row(
        altered(altered(healthy(), FIREWALL, error=NONE), SOCKETS, error=DENIED), unchecked="OUT-01"
    ),
    "nobody tried to watch the wire": row(
        without(healthy(), **SYN), because={"OUT-02": "the look for incoming SYNs did not come to an end"}
    ),
    "nobody read the firewall": row(
        without(healthy(), kind="firewall"),
        because={"OUT-02": "the host's firewall was not read with kernel, nft, iptables, ip6tables"},
    ),
    "the kernel was not asked for its tables": row(
        without(healthy(), **KERNEL), because={"OUT-02": "the host's firewall was not read with kernel"}
    ),
    "the table alone was read": row(NOBODY, unchecked="OUT-02"),
    "the table alone was read, and nobody listens": row(altered(NOBODY, SOCKETS, listening=[]), unchecked="OUT-02"),
    "the table alone was read, and holds no connection of ours": row(
        altered(NOBODY, SOCKETS, own=[], connections=[]), unchecked="OUT-01 OUT-02"
    ),
    "the table alone was read, and held nothing at all": row(
        altered(NOBODY, SOCKETS, own=[], connections=[], listening=[]), unchecked="OUT-01 OUT-02"
    ),
    "the table alone could not be read": row(
        altered(NOBODY, SOCKETS, error=error("EACCES")), unchecked="OUT-01 OUT-02"
    ),
    "nobody could look": row(
        without(NOBODY, **SOCKETS),
        unchecked="OUT-01",
        because={"OUT-02": "neither incoming packets nor the host's firewall could be read"},
    ),
    "nobody heard our own, and nothing else was read": row(
        without(without(heard(own=False), **FIREWALL), **SOCKETS), unchecked="OUT-01 OUT-02"
    ),
    "no address is known": row(
        without(without([r for r in unresolved() if r["kind"] != "dns"], kind="public-dns"), kind="chain"),
        {"DNS-01": "dns.nxdomain"},
        because={"OUT-02": "no address of the tenant is known here"},
    ),
    "no address is known behind the proxy": row(
        without(proxied(), kind="public-dns"),
        because={"OUT-02": "the host uses an explicit proxy, and the tenant's addresses are not known here"},
    ),
    "an attempt from an address that only the public has, behind the proxy": row(
        [*proxied(), *exchange([{"kind": "syn", "seen": [[FIRST, 51000, ME, 22, 3]], "own": True}])],
        {"OUT-02": "outbound.inbound-seen"},
    ),
}


@each(CONNECTIONS, UNDERSTOOD, ATTEMPTS)
def test_outbound(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("requirement", "records", "saw"),
    [
        ("OUT-01", healthy(), "1 connections in 3 samples, all opened by the host to port 443"),
        (
            "OUT-01",
            CONNECTIONS["somebody connects to a port of ours"].records,
            f"{FIRST} opened a connection from port 51000 to {ME} port 8126",
        ),
        ("OUT-01", CONNECTIONS["another port of theirs"].records, f"{ME} has a connection to {FIRST} port 8443"),
        ("OUT-02", healthy(), "no SYN came from the tenant's addresses; no rule of nft lets them in"),
        ("OUT-02", ATTEMPTS["an attempt"].records, f"3 SYNs came from {FIRST} to {ME} port 22"),
        (
            "OUT-02",
            rules(OPEN),
            f"nft accepts incoming packets from {FIRST}: in: source {FIRST} accept",
        ),
    ],
)
def test_what_was_seen_is_told(requirement: str, records: list[Record], saw: str) -> None:
    assert verdict_of(requirement, records).saw == saw


def test_subjects_and_remedies() -> None:
    port = verdict_of("OUT-01", CONNECTIONS["another port of theirs"].records).findings[0]
    assert port.subject == f"{FIRST}:8443"
    rule = verdict_of("OUT-02", rules(OPEN)).findings[0]
    assert (rule.subject, rule.values["rule"]) == (FIRST, f"in: source {FIRST} accept")


@pytest.mark.parametrize(
    "known",
    [
        {"kind": "tcp", "task": "tenant", "host": HOST, "address": "34.250.11.99", "error": None},
        {"kind": "resolve", "host": HOST, "name": f"{HOST}.", "purpose": "rooted", "addresses": ["34.250.11.99"]},
        {"kind": "resolve", "host": HOST, "name": HOST, "purpose": "bare", "addresses": ["34.250.11.99"]},
        dns_answer("10.30.0.53", "A", "34.250.11.99"),
        public_answer("A", "34.250.11.99"),
    ],
    ids=["tried", "rooted", "bare", "told by a nameserver", "told in public"],
)
def test_an_address_is_the_tenants_by_whoever_says_so(known: Record) -> None:
    knock = {"kind": "syn", "seen": [["34.250.11.99", 51000, ME, 22, 1]], "own": True}
    assert verdict_of("OUT-02", [*healthy(), *exchange([knock])]).findings == ()
    (found,) = verdict_of("OUT-02", [*healthy(), *exchange([knock, known])]).findings
    assert found.subject == "34.250.11.99"


def test_connections_are_counted() -> None:
    several = table([ME, 40001, FIRST, 443, ""], [ME, 40002, EVERY[1], 443, ""])
    assert verdict_of("OUT-01", several).saw.startswith("3 connections in 3 samples")
    assert verdict_of("OUT-02", several).reproduce == "nft list ruleset"


def test_a_rule_that_two_tools_show_is_told_once() -> None:
    text = f"*filter\n-A INPUT -s {FIRST}/32 -j ACCEPT\n"
    both = [
        *added({"kind": "firewall", "tool": "iptables", "rules": text}),
        *exchange([{"kind": "firewall", "tool": "ip6tables", "rules": text}]),
    ]
    assert len(verdict_of("OUT-02", both).findings) == 1


def test_the_command_names_an_address() -> None:
    assert verdict_of("OUT-01", healthy()).reproduce == f"ss -tn dst {min(EVERY)}"
    assert HOST not in verdict_of("OUT-01", healthy()).reproduce


MANY = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(20_000)]
NESTED = '{"concat":[' * 200 + "]}" * 200
ENDLESS = {
    "fields within fields": [
        *changed(
            FIREWALL,
            rules='{"nftables":[{"rule":{"family":"inet","table":"f","chain":"in","expr":'
            f'[{{"match":{{"op":"==","left":{NESTED},"right":1}}}},{{"accept":null}}]}}}}]}}',
        )
    ],
    "a set in many rules": rules(
        *([{"expr": [{"match": {**FROM["match"], "right": "@many"}}, {"accept": None}]}] * 1000),
        sets=[{"name": "many", "elem": MANY}],
    ),
    "a set of many rules of iptables": legacy(
        "".join(f"-A INPUT -p tcp --dport {n} -m set --match-set many src -j ACCEPT\n" for n in range(1000)),
        {**IPSET, "rules": "create many hash:ip\n" + "".join(f"add many {each}\n" for each in MANY)},
    ),
    "sets of sets": legacy(
        "-A INPUT -m set --match-set last src -j ACCEPT\n",
        {
            **IPSET,
            "rules": "create many hash:ip\n"
            + "".join(f"add many {each}\n" for each in MANY)
            + "".join(f"create s{n} list:set\nadd s{n} many\n" for n in range(20_000))
            + "create last list:set\nadd last many\n",
        },
    ),
    "many rules and many addresses": [
        *legacy("".join(f"-A INPUT -s {each} -j ACCEPT\n" for each in MANY)),
        *exchange(
            [
                {"kind": "tcp", "task": "tenant", "host": HOST, "address": f"52.1.{n >> 8}.{n & 255}", "error": None}
                for n in range(500)
            ]
        ),
    ],
    "a quote that is not closed": legacy("-A INPUT -j ACCEPT " + '\\"' * 200_001),
}


@pytest.mark.parametrize("records", ENDLESS.values(), ids=ENDLESS)
def test_rules_without_end_cost_no_time_and_prove_nothing(records: list[Record]) -> None:
    begun = time.thread_time()
    assert verdict_of("OUT-02", records).result == "notchecked"
    assert time.thread_time() - begun < 10
