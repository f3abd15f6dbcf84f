"""Rules that let somebody in by source, as nft and iptables-save print them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from netcompliance.firewall_rules.blocks import names, without
from netcompliance.firewall_rules.ingress import openings, read
from netcompliance.firewall_rules.iptables_save import chains_in, ipsets_in
from tests.unit.judge.world import firewall_rules

TENANT = "34.250.11.21"
ACCEPT = {"accept": None}


def source(right: Any, op: str = "==", protocol: str = "ip") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"payload": {"protocol": protocol, "field": "saddr"}}, "right": right}}


def destination(right: Any) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": right}}


def state(right: Any, op: str = "in") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"ct": {"key": "state"}}, "right": right}}


def vmap(*pairs: list[Any]) -> dict[str, Any]:
    return {"vmap": {"key": {"payload": {"protocol": "ip", "field": "saddr"}}, "data": {"set": list(pairs)}}}


def rule(*expressions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"expr": list(expressions), **fields}


def jump(to: str, verb: str = "jump", **fields: Any) -> dict[str, Any]:
    return rule({verb: {"target": to}}, **fields)


PREFIX = {"prefix": {"addr": "34.250.11.0", "len": 24}}
RANGE = {"range": ["34.250.11.20", "34.250.11.30"]}
IN_SET = source("@allowed")

NFT = {
    "address": ([rule(source(TENANT), ACCEPT)], [TENANT]),
    "prefix": ([rule(source(PREFIX), ACCEPT)], ["34.250.11.0/24"]),
    "range": ([rule(source(RANGE), ACCEPT)], ["34.250.11.20-34.250.11.30"]),
    "anonymous set": ([rule(source({"set": [TENANT, PREFIX]}), ACCEPT)], [TENANT, "34.250.11.0/24"]),
    "listed": ([rule(source([TENANT, "1.2.3.4"], "in"), ACCEPT)], [TENANT, "1.2.3.4"]),
    "set with time limits": ([rule(source({"set": [{"elem": {"val": TENANT, "timeout": 60}}]}), ACCEPT)], [TENANT]),
    "source and more": ([rule(source(TENANT), destination("10.0.0.1"), ACCEPT)], [TENANT]),
    "verdict map": ([rule(vmap([TENANT, ACCEPT], ["1.2.3.4", {"drop": None}]))], [TENANT]),
    "verdict map that accepts nobody": ([rule(vmap([TENANT, {"drop": None}]))], []),
    "verdict map of nonsense": ([rule(vmap([TENANT], TENANT, [TENANT, ACCEPT, 1]))], []),  # type: ignore[arg-type]
    "in a chain that is jumped to": ([jump("sub"), rule(source(TENANT), ACCEPT, chain="sub")], [TENANT]),
    "in a chain that is gone to": ([jump("sub", "goto"), rule(source(TENANT), ACCEPT, chain="sub")], [TENANT]),
    "two jumps away": (
        [jump("a"), jump("b", chain="a"), rule(source(TENANT), ACCEPT, chain="b")],
        [TENANT],
    ),
    "chains in a circle": ([jump("a"), jump("in", chain="a"), rule(source(TENANT), ACCEPT, chain="a")], [TENANT]),
    "in a chain that nobody jumps to": ([rule(source(TENANT), ACCEPT, chain="sub")], []),
    "in another table's chain of that name": ([jump("sub"), rule(source(TENANT), ACCEPT, chain="sub", table="g")], []),
    "dropped": ([rule(source(TENANT), {"drop": None})], []),
    "everybody but the tenant": ([rule(source(TENANT, "!="), ACCEPT)], []),
    "to the tenant": ([rule(destination(TENANT), ACCEPT)], []),
    "everybody": ([rule(ACCEPT)], []),
    "replies": ([rule(source(TENANT), state(["established", "related"]), ACCEPT)], []),
    "replies in a set": ([rule(source(TENANT), state({"set": ["established", "related"]}), ACCEPT)], []),
    "replies by one word": ([rule(source(TENANT), state("established", "=="), ACCEPT)], []),
    "not new": ([rule(source(TENANT), state("new", "!="), ACCEPT)], []),
    "new": ([rule(source(TENANT), state(["new", "established"]), ACCEPT)], [TENANT]),
    "new in a set": ([rule(source(TENANT), state({"set": ["new", "established"]}), ACCEPT)], [TENANT]),
    "not invalid": ([rule(source(TENANT), state("invalid", "!="), ACCEPT)], [TENANT]),
    "another match of conntrack": (
        [rule(source(TENANT), {"match": {"op": "==", "left": {"ct": {"key": "mark"}}, "right": 1}}, ACCEPT)],
        [TENANT],
    ),
}


@pytest.mark.parametrize(("rules", "sources"), NFT.values(), ids=NFT)
def test_nft(rules: list[dict[str, Any]], sources: list[str]) -> None:
    assert [s for opening in openings("nft", firewall_rules(*rules)) for s in opening.sources] == sources


def test_nft_named_sets() -> None:
    allowed = {"name": "allowed", "elem": [TENANT, PREFIX]}
    text = firewall_rules(rule(IN_SET, ACCEPT), sets=[allowed])
    assert [opening.sources for opening in openings("nft", text)] == [(TENANT, "34.250.11.0/24")]
    assert openings("nft", firewall_rules(rule(IN_SET, ACCEPT))) == []
    circle = {"name": "allowed", "elem": ["@allowed", TENANT]}
    assert openings("nft", firewall_rules(rule(IN_SET, ACCEPT), sets=[circle]))[0].sources == (TENANT,)
    foreign = {**allowed, "table": "other"}
    assert openings("nft", firewall_rules(rule(IN_SET, ACCEPT), sets=[foreign])) == []


def test_the_rule_in_words() -> None:
    (opening,) = openings("nft", firewall_rules(rule(source([f"10.0.0.{n}" for n in range(5)], "in"), ACCEPT)))
    assert opening.rule == "in: source 10.0.0.0, 10.0.0.1, 10.0.0.2 and 2 more accept"


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "{}", '{"nftables": 1}', '{"nftables": [1, {"rule": 2}]}', "[" * 100_000]
)
def test_nft_nonsense(text: str) -> None:
    assert openings("nft", text) == []


def test_nft_odd_types() -> None:
    odd = [{"rule": {"family": [], "chain": {}, "expr": [1, {"jump": 2}, {"match": 3}, {"vmap": 4}]}}]
    odd += [{"chain": {"hook": "input", "name": []}}, {"set": {"elem": {"prefix": 1}}}]
    assert openings("nft", json.dumps({"nftables": odd})) == []
    strange = firewall_rules(
        rule(source({"prefix": 1}), ACCEPT), rule(source({"range": 1}), ACCEPT), rule(source(7), ACCEPT)
    )
    assert not any(names(s, TENANT) for opening in openings("nft", strange) for s in opening.sources)


IPTABLES = {
    "address": ("-A INPUT -s 34.250.11.21/32 -p tcp -m tcp --dport 22 -j ACCEPT", ["34.250.11.21/32"]),
    "range": ("-A INPUT -m iprange --src-range 34.250.11.1-34.250.11.9 -j ACCEPT", ["34.250.11.1-34.250.11.9"]),
    "jumped to": ("-A INPUT -j SUB\n-A SUB -s 1.2.3.4/32 -j ACCEPT", ["1.2.3.4/32"]),
    "gone to": ("-A INPUT -g SUB\n-A SUB -s 1.2.3.4/32 -j ACCEPT", ["1.2.3.4/32"]),
    "listed before its jump": ("-A B -s 1.2.3.4/32 -j ACCEPT\n-A A -j B\n-A INPUT -j A", ["1.2.3.4/32"]),
    "not jumped to": ("-A SUB -s 1.2.3.4/32 -j ACCEPT", []),
    "forwarded": ("-A FORWARD -s 1.2.3.4/32 -j ACCEPT", []),
    "not from": ("-A INPUT ! -s 1.2.3.4/32 -j ACCEPT", []),
    "not from a range": ("-A INPUT -m iprange ! --src-range 1.2.3.4-1.2.3.9 -j ACCEPT", []),
    "dropped": ("-A INPUT -s 1.2.3.4/32 -j DROP", []),
    "accepted by a chain of that sort of name": ("-A INPUT -s 1.2.3.4/32 -j ACCEPTED", []),
    "everybody": ("-A INPUT -j ACCEPT", []),
    "replies": ("-A INPUT -s 1.2.3.4/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", []),
    "replies in old words": ("-A INPUT -s 1.2.3.4/32 -m state --state ESTABLISHED -j ACCEPT", []),
    "not new": ("-A INPUT -s 1.2.3.4/32 -m conntrack ! --ctstate NEW -j ACCEPT", []),
    "new": ("-A INPUT -s 1.2.3.4/32 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT", ["1.2.3.4/32"]),
    "not invalid": ("-A INPUT -s 1.2.3.4/32 -m conntrack ! --ctstate INVALID -j ACCEPT", ["1.2.3.4/32"]),
    "in another table": ("*nat\n-A INPUT -s 1.2.3.4/32 -j ACCEPT\nCOMMIT", []),
    "in the filter table, after another": (
        "*nat\n:X\nCOMMIT\n*filter\n-A INPUT -s 1.2.3.4/32 -j ACCEPT",
        ["1.2.3.4/32"],
    ),
    "a comment": ("# -A INPUT -s 1.2.3.4/32 -j ACCEPT", []),
    "nothing": ("", []),
}


@pytest.mark.parametrize("tool", ["iptables", "ip6tables"])
@pytest.mark.parametrize(("text", "sources"), IPTABLES.values(), ids=IPTABLES)
def test_iptables(tool: str, text: str, sources: list[str]) -> None:
    assert [s for opening in openings(tool, text) for s in opening.sources] == sources


def test_the_iptables_rule_is_told_as_it_is() -> None:
    assert openings("iptables", IPTABLES["address"][0])[0].rule == IPTABLES["address"][0]


def test_many_rules_take_no_time_that_grows_with_their_square() -> None:
    """A Kubernetes node has tens of thousands."""
    chained = "\n".join(f"-A C{n} -j C{n + 1}" for n in range(20_000))
    text = f"-A INPUT -j C0\n{chained}\n-A C20000 -s 1.2.3.4/32 -j ACCEPT"
    assert len(openings("iptables", text)) == 1


DOUBTFUL = {
    "a value that nobody here reads": ("nft", firewall_rules(rule(source({"map": 1}), ACCEPT))),
    "an element of a set that nobody here reads": (
        "nft",
        firewall_rules(rule(IN_SET, ACCEPT), sets=[{"name": "allowed", "elem": [{"what": TENANT}]}]),
    ),
    "states that are compared as a whole": (
        "nft",
        firewall_rules(rule(state({"|": ["new", "established"]}, "!="), ACCEPT)),
    ),
    "a statement that nobody here knows": ("nft", firewall_rules(rule({"synproxy": None}))),
    "a chain that is not there": ("nft", firewall_rules(jump("gone"))),
    "a map that is not there, for the tenant": (
        "nft",
        firewall_rules(rule(source(TENANT), {"vmap": {"key": {"meta": {"key": "l4proto"}}, "data": "@gone"}})),
    ),
    "a divert by what nobody here knows, before the input": (
        "nft",
        firewall_rules()
        .replace("input", "prerouting")
        .replace(
            "[{",
            '[{"rule": {"family": "inet", "table": "f", "chain": "in", "expr": [{"xt": {"type": "target"}}]}}, {',
            1,
        ),
    ),
    "a target that nobody here knows": ("iptables", "-A INPUT -j SYNPROXY"),
    "a line that nobody here knows": ("iptables", "-A INPUT -j ACCEPT\nnonsense"),
    "an option without its value": ("iptables", "-A INPUT -s"),
    "a module without options": ("iptables", "-A INPUT -m socket -j ACCEPT"),
}


@pytest.mark.parametrize(("tool", "text"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_is_not_understood_is_a_doubt(tool: str, text: str) -> None:
    reading = read(tool, text)
    assert any(doubt.may_be_for(TENANT) for doubt in reading.doubts)
    assert reading.openings == ()


CLEAR = {
    "all but the tenant, of iptables": ("iptables", f"-A INPUT ! -s {TENANT}/32 -j ACCEPT"),
    "a log of all but the tenant": ("iptables", f"-A INPUT ! -s {TENANT}/32 -j LOG"),
    "what begins no connection": ("iptables", f"-A INPUT -s {TENANT}/32 -p tcp ! --syn -j ACCEPT"),
    "what begins no connection, of nft": (
        "nft",
        firewall_rules(
            rule(
                source(TENANT),
                {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "flags"}}, "right": "ack"}},
                ACCEPT,
            )
        ),
    ),
    "none of these states": ("nft", firewall_rules(rule(source(TENANT), state(["new", "untracked"], "!"), ACCEPT))),
    "a chain that translates": (
        "nft",
        firewall_rules(rule(source(TENANT), ACCEPT))
        .replace('"hook": "input"', '"hook": "input", "type": "nat"')
        .replace('"policy": "drop"', '"policy": "accept"'),
    ),
    "a comment of iptables in nftables": (
        "nft",
        firewall_rules(rule({"xt": {"type": "match", "name": "comment"}}, ACCEPT)),
    ),
}


@pytest.mark.parametrize(("tool", "text"), CLEAR.values(), ids=CLEAR)
def test_what_lets_nobody_in_by_source_is_no_doubt(tool: str, text: str) -> None:
    reading = read(tool, text)
    assert (reading.openings, reading.doubts) == ((), ())


def test_a_rule_with_its_counters_is_a_rule() -> None:
    (opening,) = openings("iptables", f"*filter\n[1:60] -A INPUT -s {TENANT}/32 -j ACCEPT\nCOMMIT")
    assert opening.rule == f"-A INPUT -s {TENANT}/32 -j ACCEPT"


def test_what_a_verdict_maps_rule_does_besides_it_does_for_all() -> None:
    untracked = rule(
        {"notrack": None}, {"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": []}}}, source(TENANT)
    )
    reading = read("nft", firewall_rules(untracked).replace('"hook": "input"', '"hook": "prerouting"'))
    assert [doubt.may_be_for(TENANT) for doubt in reading.doubts] == [True]


@pytest.mark.parametrize(
    ("block", "address", "named"),
    [
        ("34.250.11.21", TENANT, True),
        ("34.250.11.21/32", TENANT, True),
        ("34.250.11.0/24", TENANT, True),
        ("34.250.11.99/24", TENANT, True),
        ("34.0.0.0/9", TENANT, False),
        ("34.128.0.0/9", "34.250.11.21", True),
        ("34.0.0.0/8", TENANT, False),
        ("0.0.0.0/0", TENANT, False),
        ("34.250.12.0/24", TENANT, False),
        ("34.250.11.1-34.250.11.21", TENANT, True),
        ("34.250.11.21-34.250.11.30", TENANT, True),
        ("34.250.11.22-34.250.11.30", TENANT, False),
        ("34.250.11.1-34.250.11.20", TENANT, False),
        ("34.250.11.1-2a05::1", TENANT, False),
        ("2a05::1-2a05::9", TENANT, False),
        ("34.250.11.1-", TENANT, False),
        ("2a05:d018:11::/48", "2a05:d018:11::21", True),
        ("2a05:8000::/17", "2a05:d018:11::21", True),
        ("2a05::/16", "2a05:d018:11::21", False),
        ("2a05:d018:11::/48", TENANT, False),
        ("eth0", TENANT, False),
        ("34.250.11.21", "nobody", False),
    ],
)
def test_names(block: str, address: str, named: bool) -> None:
    assert names(block, address) is named


UNCLEAR = {
    "a goto by source": ":A - [0:0]\n-A INPUT -s 34.250.11.21/32 -g A\n-A INPUT -j DROP",
    "a goto by source to a chain that drops some": "-A INPUT -s 34.250.11.21/32 -g A\n-A A -p udp -j DROP",
    "dropped in front, but for the tenant": "*raw\n-A PREROUTING ! -s 34.250.11.21/32 -j DROP",
    "all but nearly everybody": "-A INPUT -m set ! --match-set around src -j ACCEPT",
    "dropped by several rules": "-A INPUT -s 128.0.0.0/2 -j DROP\n-A INPUT -s 192.0.0.0/2 -j DROP\n"
    "-A INPUT -s 64.0.0.0/2 -j DROP",
    "dropped but for a mark": "-A INPUT -m mark ! --mark 0x7 -j DROP",
    "dropped by a set with an exception": "-A INPUT -m set --match-set all src -j DROP",
}
SETS = """\
create around hash:net
add around 0.0.0.0/1
add around 128.0.0.0/1
add around 34.250.11.21 nomatch
create all hash:net
add all 0.0.0.0/1
add all 128.0.0.0/1
add all 34.250.11.21 nomatch
"""


@pytest.mark.parametrize("text", UNCLEAR.values(), ids=UNCLEAR)
def test_what_may_let_the_tenant_alone_in_is_a_doubt(text: str) -> None:
    reading = read("iptables", text, ipsets_in(SETS))
    assert not any(opening.is_for(TENANT) for opening in reading.openings)
    assert any(doubt.may_be_for(TENANT) for doubt in reading.doubts)


SPARING = {
    "a goto to a chain that drops": "-A INPUT -s 34.250.11.21/32 -g A\n-A A -m comment --comment x -j REJECT",
    "a goto for everybody": ":A - [0:0]\n-A INPUT -g A\n-A INPUT -j DROP",
    "accepted in front, where nobody is dropped": "*raw\n-A PREROUTING -s 34.250.11.21/32 -j ACCEPT",
    "dropped for a mark": "-A INPUT -m mark --mark 0x8000/0x8000 -j DROP",
    "all but replies dropped": "-A INPUT -m conntrack ! --ctstate ESTABLISHED -j DROP",
    "a little dropped by several rules": "-A INPUT -s 10.0.0.0/8 -j DROP\n-A INPUT -s 224.0.0.0/3 -j DROP",
}


@pytest.mark.parametrize("text", SPARING.values(), ids=SPARING)
def test_what_spares_nobody_by_source_is_no_doubt(text: str) -> None:
    reading = read("iptables", text)
    assert not any(each.is_for(TENANT) or each.may_be_for(TENANT) for each in (*reading.openings, *reading.doubts))


@pytest.mark.parametrize(("table", "chain"), [("mangle", "INPUT"), ("security", "INPUT"), ("raw", "PREROUTING")])
def test_a_chain_beside_the_input_chain_lets_in_where_it_drops(table: str, chain: str) -> None:
    accept = f"-A {chain} -s {TENANT}/32 -j ACCEPT"
    assert openings("iptables", f"*{table}\n:{chain} DROP [0:0]\n{accept}")
    assert openings("iptables", f"*{table}\n:{chain} ACCEPT [0:0]\n{accept}\n-A {chain} -j DROP")
    assert not openings("iptables", f"*{table}\n:{chain} ACCEPT [0:0]\n{accept}")


def test_two_wide_sources_that_meet_at_one_address() -> None:
    (opening,) = openings(
        "nft", firewall_rules(rule(source("0.0.0.0/1"), source({"range": [TENANT, "200.0.0.0"]}), ACCEPT))
    )
    assert not opening.is_for(TENANT)
    below = source({"range": ["0.0.0.1", TENANT]})
    (opening,) = openings("nft", firewall_rules(rule(below, source({"range": [TENANT, "200.0.0.0"]}), ACCEPT)))
    assert opening.is_for(TENANT)
    assert not opening.is_for("34.250.11.22")


def test_what_iptables_shows_wrongly_is_read_as_nft_shows_it() -> None:
    own, chains = rule(source("1.2.3.4"), ACCEPT), frozenset({"inet f in"})
    assert not read("nft", firewall_rules(own), elsewhere=chains).openings
    for foreign in (source({"set": [TENANT]}), source(RANGE), source("@allowed"), vmap([TENANT, ACCEPT])):
        text = firewall_rules(own, rule(foreign, ACCEPT), sets=[{"name": "allowed", "elem": [TENANT]}])
        assert any(opening.is_for(TENANT) for opening in read("nft", text, elsewhere=chains).openings)
    assert read("nft", firewall_rules(own), elsewhere=frozenset({"inet f other"})).openings


def test_a_target_of_iptables_that_nft_does_not_know_is_a_doubt_for_its_source() -> None:
    target = {"xt": {"type": "target", "name": "DNAT"}}
    reading = read("nft", firewall_rules(rule(source(TENANT), target), rule(source("1.2.3.4"), ACCEPT)))
    assert [doubt.may_be_for(TENANT) for doubt in reading.doubts] == [True]


def test_the_chains_that_iptables_save_prints() -> None:
    assert [*chains_in("*raw\n:PREROUTING DROP [0:0]\n:A - [0:0]\n-A A -j DROP\nCOMMIT\n:\n")] == [
        "raw PREROUTING",
        "raw A",
    ]


def test_ipsets_with_exceptions_remarks_and_other_members() -> None:
    text = """\
create blocks hash:net comment
add blocks 10.0.0.0/30 comment "this is nomatch for it"
add blocks 10.0.0.0/31 nomatch
create ports bitmap:port range 1-9
add ports 1
create pairs hash:net,port
add pairs 10.0.0.0/8,tcp:1
add pairs 10.0.0.0/9,tcp:1 nomatch
create every list:set
add every blocks
create some list:set
add some ports
"""
    assert ipsets_in(text) == {"blocks": ("10.0.0.2/31",), "every": ("10.0.0.2/31",)}


def test_of_a_block_within_an_exception_nothing_is_cut_out() -> None:
    blocks = ["10.0.0.0/14", "10.1.2.0/24", "10.1.0.0/16", "2a05::/127"]
    assert [*without(blocks, ["10.1.0.0/16", "10.1.2.0/25", "10.0.0.0/15", "2a05::1"])] == [
        "10.2.0.0/15",
        "10.1.2.128/25",
        "10.1.0.0/23",
        "10.1.2.128/25",
        "10.1.3.0/24",
        "10.1.4.0/22",
        "10.1.8.0/21",
        "10.1.16.0/20",
        "10.1.32.0/19",
        "10.1.64.0/18",
        "10.1.128.0/17",
        "2a05::/128",
    ]


@pytest.mark.parametrize("hook", ["prerouting", "input"])
@pytest.mark.parametrize(
    ("key", "doubts"), [({"payload": {"protocol": "ip", "field": "dscp"}}, [True]), ({"meta": {"key": "mark"}}, [])]
)
def test_what_is_set_by_source_is_a_doubt_if_it_can_be_looked_at(
    key: dict[str, Any], doubts: list[bool], hook: str
) -> None:
    text = firewall_rules(rule(source(TENANT), {"mangle": {"key": key, "value": 46}}))
    reading = read("nft", text.replace('"input", "policy": "drop"', f'"{hook}", "policy": "accept"'))
    assert [doubt.may_be_for(TENANT) for doubt in reading.doubts] == doubts


@pytest.mark.parametrize(("target", "doubts"), [("LOG", []), ("MARK", []), ("CT", [True]), ("TPROXY", [True])])
def test_a_target_of_iptables_before_the_input_chain_as_nft_shows_it(target: str, doubts: list[bool]) -> None:
    text = firewall_rules(rule(source(TENANT), {"xt": {"type": "target", "name": target}}))
    reading = read("nft", text.replace('"hook": "input"', '"hook": "prerouting"'))
    assert [doubt.may_be_for(TENANT) for doubt in reading.doubts] == doubts
    assert reading.openings == ()


@pytest.mark.parametrize(("hook", "policy"), [("input", "drop"), ("prerouting", "accept")])
def test_a_chain_that_translates_may_drop_as_well(hook: str, policy: str) -> None:
    chain = {"family": "ip", "table": "n", "name": "c", "type": "nat", "hook": hook, "prio": 0, "policy": policy}
    lines = [[source(TENANT), ACCEPT], *([[{"drop": None}]] if policy == "accept" else [])]
    rules = [{"rule": {"family": "ip", "table": "n", "chain": "c", "expr": expr}} for expr in lines]
    found = read("nft", json.dumps({"nftables": [{"chain": chain}, *rules]}))
    assert [s for opening in found.openings for s in opening.sources] == [TENANT]
