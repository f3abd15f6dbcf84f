"""Approved lists in every form: what an entry approves, on which line; and one line for what cannot be read."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcompliance.config.allow_list import reading
from netcompliance.config.validation import BadInput
from netcompliance.model import Approved

Read = Callable[[str], tuple[Approved, ...]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """What is read in a file with this text; entries say its lines as `:N`."""

    def read(text: str) -> tuple[Approved, ...]:
        path = tmp_path / "list"
        path.write_text(text, encoding="utf-8")
        return reading.read(path)

    return read


def short(entry: Approved) -> str:
    """An entry as `text services from sources`, with `!` in front of one that does not allow."""
    services = [f"{s.protocol}/{s.first}" + (f"-{s.last}" if s.last != s.first else "") for s in entry.services or ()]
    sources = [f"from {','.join(entry.sources)}"] if entry.sources else []
    return " ".join([("" if entry.allows else "!") + entry.text, *services, *sources])


def told(entries: tuple[Approved, ...]) -> list[str]:
    """Entries in short, behind their lines."""
    return [f"{entry.where.rpartition(':')[2]} {short(entry)}" for entry in entries]


# --- plain lists -----------------------------------------------------------------------------------------------------


def test_a_plain_list_says_nothing_of_ports(read: Read) -> None:
    entries = read("# ours\n34.250.11.22  # second\n\nquay.io\n10.0.0.0/8\n2a05::1\n")
    assert told(entries) == ["2 34.250.11.22", "4 quay.io", "5 10.0.0.0/8", "6 2a05::1"]
    assert [entry.blocks for entry in entries] == [("34.250.11.22/32",), (), ("10.0.0.0/8",), ("2a05::1/128",)]
    assert {entry.services for entry in entries} == {None}


# --- nftables --------------------------------------------------------------------------------------------------------

NFT = """\
#!/usr/sbin/nft -f
flush ruleset
define tenant = { 34.250.11.21, 34.250.11.22 }
define web = https
table inet filter {
    set resolvers {
        type ipv4_addr
        elements = { 10.30.0.53,
                     10.30.0.54 comment "second" }
    }
    set cdn {
        type ipv4_addr . inet_service; flags interval;
        elements = { 18.66.102.0/24 . 443, 18.66.103.1 . 8443 }
    }
    chain input {
        type filter hook input priority 0; policy drop;
        ip saddr 1.2.3.4 tcp dport 22 accept
    }
    chain agents {
        ip daddr $tenant tcp dport $web counter packets 0 bytes 0 accept comment "tenant; { really }"
        ip daddr @resolvers meta l4proto { tcp, udp } th dport 53 accept
        ip daddr . tcp dport @cdn accept
        ip daddr 34.225.41.113-34.225.41.114 tcp dport { 80, 440-450 } ct state new limit rate 9/second accept
        ip6 daddr 2a05:d018:11::/64 accept
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        oifname "lo" accept
        ip daddr 18.66.102.99 drop
        iifname "lan" ip saddr 10.20.0.0/24 jump agents
        ip saddr 10.99.0.0/16 ip daddr 1.1.1.1 accept
        log prefix "denied: " counter reject with icmpx admin-prohibited
    }
}
"""
NFT_TOLD = [
    "31 !18.66.102.99 any/0-65535",
    "20 34.250.11.21 tcp/443 from 10.20.0.0/24",
    "20 34.250.11.22 tcp/443 from 10.20.0.0/24",
    "21 10.30.0.53 tcp/53 udp/53 from 10.20.0.0/24",
    "21 10.30.0.54 tcp/53 udp/53 from 10.20.0.0/24",
    "22 18.66.102.0/24 tcp/443 from 10.20.0.0/24",
    "22 18.66.103.1 tcp/8443 from 10.20.0.0/24",
    "23 34.225.41.113-34.225.41.114 tcp/80 tcp/440-450 from 10.20.0.0/24",
    "24 2a05:d018:11::/64 any/0-65535 from 10.20.0.0/24",
    "33 1.1.1.1 any/0-65535 from 10.99.0.0/16",
    "34 !any address any/0-65535",
]


def test_nftables_as_people_write_it(read: Read) -> None:
    assert told(read(NFT)) == NFT_TOLD


@pytest.mark.lab
def test_nftables_as_nft_itself_prints_it(read: Read, tmp_path: Path) -> None:
    """The real tool reads the same file, and both ways in which it prints it come to the same entries."""
    file = tmp_path / "rules.nft"
    file.write_text(NFT)
    for options in ([], ["-j"]):
        command = f"nft -f {file} && nft {' '.join(options)} list ruleset"
        printed = subprocess.run(
            ["unshare", "-rn", "sh", "-c", command], capture_output=True, text=True, check=True
        ).stdout
        assert [short(entry) for entry in read(printed)] == [line.partition(" ")[2] for line in NFT_TOLD]


def test_a_part_of_a_ruleset_is_walked_from_its_own_top(read: Read) -> None:
    rules = "table ip filter {\n chain a {\n  jump b\n }\n chain b {\n  ip daddr 1.1.1.1 tcp dport 443 accept\n }\n}\n"
    assert told(read(rules)) == ["6 1.1.1.1 tcp/443"]


def test_rules_may_be_added_one_by_one(read: Read) -> None:
    rules = (
        "add table inet f\nadd chain inet f out { type filter hook output priority 0; policy drop; }\n"
        "add rule inet f out ip daddr { 1.1.1.1, 1.1.1.2 } udp dport domain accept\n"
    )
    assert told(read(rules)) == ["3 1.1.1.1 udp/53", "3 1.1.1.2 udp/53"]


def test_what_only_some_packets_meet_keeps_no_connection_in(read: Read) -> None:
    rules = (
        "table inet f {\n chain x {\n"
        "  limit rate over 10/second burst 5 packets drop\n  tcp flags & (fin|syn) == 0 drop\n"
        "  tcp flags syn ip daddr 1.1.1.1 tcp dport 443 accept\n }\n}\n"
    )
    assert told(read(rules)) == ["5 1.1.1.1 tcp/443"]
    tables = (
        "*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -m limit --limit 1/s -j DROP\n"
        "-A OUTPUT -p tcp --tcp-flags ALL NONE -j DROP\n-A OUTPUT -d 1.1.1.1 -p tcp --syn --dport 443 -j ACCEPT\n"
    )
    assert told(read(tables)) == ["5 1.1.1.1 tcp/443"]


def test_a_rule_that_is_inserted_comes_first(read: Read) -> None:
    rules = "add rule inet f x ip daddr 1.1.1.1 accept\ninsert rule inet f x ip daddr 1.1.1.1 drop\n"
    assert told(read(rules)) == ["2 !1.1.1.1 any/0-65535", "1 1.1.1.1 any/0-65535"]
    tables = "*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -d 1.1.1.1 -j ACCEPT\n-I OUTPUT -d 1.1.1.2 -j ACCEPT\n"
    assert told(read(tables)) == ["4 1.1.1.2 any/0-65535", "3 1.1.1.1 any/0-65535"]


def test_a_policy_that_accepts_approves_everything(read: Read) -> None:
    rules = (
        "table inet f {\n chain out {\n  type filter hook output priority 0\n  policy accept\n"
        "  ip daddr 1.1.1.1 drop\n }\n}\n"
    )
    assert told(read(rules)) == ["5 !1.1.1.1 any/0-65535", "4 policy accept any/0-65535"]


def test_ports_without_an_address_approve_every_address(read: Read) -> None:
    (entry,) = read("table inet f {\n chain x {\n  tcp dport 443 accept\n }\n}\n")
    assert entry.blocks == ("0.0.0.0/0", "::/0")


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("ip daddr @gone accept", "the set @gone is not in this file"),
        ("ip daddr $gone accept", "$gone is not defined in this file"),
        ("ip daddr != 1.1.1.1 accept", "cannot tell what 'ip daddr != 1.1.1.1' leaves"),
        ("ip daddr 1.1.1.1 tcp sport 1 accept", "cannot tell what 'tcp sport 1' leaves"),
        ("ip daddr 1.1.1.999 accept", "'1.1.1.999' is no address, block or range"),
        ("ip daddr 1.1.1.1 tcp dport nosuchport accept", "'nosuchport' is no port"),
        ("ip daddr 1.1.1.1 tcp dport 70000 accept", "'70000' are no ports"),
        ("ip daddr 1.1.1.1 tcp dport vmap { 443 : accept }", "maps are not followed"),
        ("ip saddr 1.1.1.1 return", "a conditional return is not followed"),
    ],
)
def test_a_rule_that_is_understood_in_part_is_refused_with_its_line(read: Read, line: str, cause: str) -> None:
    with pytest.raises(BadInput, match=r"list:4: ") as caught:
        read(f"table inet f {{\n chain x {{\n  ip daddr 9.9.9.9 accept\n  {line}\n }}\n}}\n")
    assert cause in str(caught.value)


@pytest.mark.parametrize(
    "rules",
    [
        "table inet f {\n chain x {\n  ip daddr 9.9.9.9 drop\n }\n}\n",
        "table inet f {\n chain x {\n",
        "table inet f {\n chain x {\n  ip daddr { 1.1.1.1\n",
        "table inet f {\n chain x {\n  ip daddr",
        "table inet f {\n chain x {\n  type ; ip daddr 9.9.9.9 accept\n }\n}\n",
        "table inet f {\n chain x {\n  type",
        "table ip f {\n chain a {\n  jump b\n }\n chain b {\n  jump a\n }\n chain c {\n  jump a\n }\n}\n",
    ],
)
def test_rules_that_approve_nothing_or_have_no_end_are_refused(read: Read, rules: str) -> None:
    with pytest.raises(BadInput, match=r"^allow-list .*list"):
        read(rules)


WORDS = (
    "table inet f",
    "chain x",
    "ip daddr",
    "tcp dport",
    "accept",
    "jump x",
    "1.1.1.1",
    "443",
    "set x",
    "elements =",
    "add",
)


@given(st.lists(st.sampled_from([*WORDS, *'{};,=.-!@$"#\n'])).map(" ".join))
def test_whatever_stands_there_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_text(f"table inet f {{\nchain x {{\n{text}", encoding="utf-8")
    with suppress(BadInput):
        assert all(entry.where for entry in reading.read(path))


# --- nft's JSON ------------------------------------------------------------------------------------------------------


def match(left: object, right: object, op: str = "==") -> dict[str, object]:
    return {"match": {"op": op, "left": left, "right": right}}


DADDR = {"payload": {"protocol": "ip", "field": "daddr"}}
DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}


def ruleset(*expressions: dict[str, object], sets: tuple[dict[str, object], ...] = ()) -> str:
    place = {"family": "inet", "table": "f"}
    chain = {"chain": {**place, "name": "out", "type": "filter", "hook": "output", "policy": "drop"}}
    rule = {"rule": {**place, "chain": "out", "handle": 7, "expr": list(expressions)}}
    return json.dumps({"nftables": [chain, *({"set": {**place, **each}} for each in sets), rule]})


def test_nfts_json_names_chain_and_handle(read: Read) -> None:
    (entry,) = read(
        ruleset(match(DADDR, {"prefix": {"addr": "1.2.0.0", "len": 16}}), match(DPORT, 443), {"accept": None})
    )
    assert (entry.text, entry.blocks) == ("1.2.0.0/16", ("1.2.0.0/16",))
    assert entry.where.endswith("list: chain out, rule 7")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("{", "allow-list"),
        ("{}", "JSON, but not nft's"),
        ('{"nftables": []}', "no rule in it"),
        (ruleset(match(DADDR, "@gone"), {"accept": None}), "rule 7: the set @gone is not in this file"),
        (ruleset(match(DADDR, "1.1.1.1", "!="), {"accept": None}), "rule 7: cannot tell"),
        (ruleset(match(DADDR, {"map": 1}), {"accept": None}), "rule 7: a value that is not followed"),
        (ruleset({"xt": {}}, match(DADDR, "1.1.1.1"), {"accept": None}), "rule 7: cannot tell what 'xt' leaves"),
        ("[" * 100_000, "allow-list"),
    ],
)
def test_json_that_cannot_be_read(read: Read, text: str, cause: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(text)
    assert cause in str(caught.value)


# --- iptables-save ---------------------------------------------------------------------------------------------------

IPTABLES = """\
# Generated by iptables-save
*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -d 9.9.9.9/32 -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:agents - [0:0]
-A INPUT -s 1.2.3.4/32 -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
[3:180] -A FORWARD -d 18.66.102.99/32 -j DROP
-A FORWARD -s 10.20.0.0/24 -i lan -j agents
-A FORWARD -j LOG --log-prefix "denied: "
-A FORWARD -j REJECT --reject-with icmp-port-unreachable
-A agents -d 34.250.11.21/32 -p tcp -m tcp --dport 443 -m comment --comment "the tenant -d 8.8.8.8" -j ACCEPT
-A agents -d 18.66.102.0/24 -p tcp -m multiport --dports 80,440:450 -j ACCEPT
-A agents -p udp -m iprange --dst-range 10.30.0.53-10.30.0.54 -m udp --dport 53 -j ACCEPT
COMMIT
"""


def test_iptables_save(read: Read) -> None:
    assert told(read(IPTABLES)) == [
        "12 !18.66.102.99/32 any/0-65535",
        "16 34.250.11.21/32 tcp/443 from 10.20.0.0/24",
        "17 18.66.102.0/24 tcp/80 tcp/440-450 from 10.20.0.0/24",
        "18 10.30.0.53-10.30.0.54 udp/53 from 10.20.0.0/24",
        "15 !any address any/0-65535",
    ]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("-A OUTPUT -d 1.1.1.999 -j ACCEPT", "no address"),
        ("-A OUTPUT ! -d 1.1.1.1 -j ACCEPT", "cannot tell what '! -d 1.1.1.1' leaves"),
        ("-A OUTPUT -m set --match-set gone dst -j ACCEPT", "cannot tell what '--match-set gone' leaves"),
        ('-A OUTPUT -d 1.1.1.1 -m comment --comment "x -j ACCEPT', "a quotation mark"),
        ("-A OUTPUT -d", "-d without a value"),
        ("nonsense", "no line of iptables-save"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_with_its_number(read: Read, line: str, cause: str) -> None:
    with pytest.raises(BadInput, match=r"list:4: ") as caught:
        read(f"*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -d 9.9.9.9/32 -j ACCEPT\n{line}\nCOMMIT\n")
    assert cause in str(caught.value)


# --- what decides otherwise than it seems ----------------------------------------------------------------------------


def nft_output(rules: str, more: str = "", policy: str = "drop") -> str:
    hook = f"chain out {{\n type filter hook output priority 0; policy {policy};\n {rules}\n}}"
    return f"table inet f {{\n{more}\n{hook}\n}}\n"


REFUSED = {
    "a goto by address that comes back to nothing": nft_output(
        "ip daddr 1.1.1.1 goto some\ntcp dport 443 accept", "chain some {\n udp dport 53 accept\n}"
    ),
    "the same of iptables": "-A OUTPUT -d 1.1.1.1 -g SOME\n-A OUTPUT -p tcp --dport 443 -j ACCEPT\n"
    "-A SOME -p udp -j ACCEPT\n",
    "a program decides": nft_output("ip daddr 1.1.1.1 queue num 0\ntcp dport 443 accept"),
    "a program decides, by iptables": "-A OUTPUT -j NFQUEUE --queue-num 0\n-A OUTPUT -j ACCEPT\n",
    "forward and output both decide": ":FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\n-A FORWARD -j ACCEPT\n"
    "-A OUTPUT -d 1.1.1.1 -j ACCEPT\n",
    "two filter tables": "*filter\n:OUTPUT DROP [0:0]\nCOMMIT\n*filter\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n",
    "chains that lead to each other over and over": "-A OUTPUT -j C0\n"
    + "".join(f"-A C{n} -j C{n + 1}\n" * 2 for n in range(30)),
    "a verdict map in JSON": ruleset({"vmap": {"key": DADDR, "data": {"set": [["1.1.1.1", {"drop": None}]]}}}),
    "an address is set": nft_output("ip daddr set 1.1.1.1\ntcp dport 443 accept"),
    "an address is set in JSON": ruleset({"mangle": {"key": DADDR, "value": "1.1.1.1"}}, {"accept": None}),
    "a version of IP by its number": nft_output("meta protocol != 0x0800 accept"),
    "a chain that is gone to and returns": nft_output(
        "ip daddr 1.1.1.1 goto some\ntcp dport 443 accept", "chain some {\n udp dport 53 accept\n return\n drop\n}"
    ),
    "a target of iptables in JSON": ruleset(match(DADDR, "1.1.1.1"), {"xt": {"type": "target", "name": "REJECT"}}),
    "a comparison in JSON": ruleset(match(DADDR, "1.1.1.1", ">"), {"accept": None}),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_followed_is_refused(read: Read, text: str) -> None:
    with pytest.raises(BadInput, match=r"^allow-list .*list"):
        read(text)


FAMILY = {"meta": {"key": "nfproto"}}
ONE_VERSION = {
    "nft": (nft_output("meta nfproto ipv6 accept"), "::/0"),
    "nft, negated": (nft_output("meta nfproto != ipv6 accept"), "0.0.0.0/0"),
    "nft's JSON": (ruleset(match(FAMILY, "ipv6"), {"accept": None}), "::/0"),
    "nft's JSON, negated": (ruleset(match(FAMILY, "ipv6", "!="), {"accept": None}), "0.0.0.0/0"),
    "iptables": (":OUTPUT DROP [0:0]\n-6 -A OUTPUT -p tcp --dport 443 -j ACCEPT\n", "::/0"),
    "iptables, behind the chain": (":OUTPUT DROP [0:0]\n-A OUTPUT -4 -p tcp --dport 443 -j ACCEPT\n", "0.0.0.0/0"),
}


@pytest.mark.parametrize(("text", "blocks"), ONE_VERSION.values(), ids=ONE_VERSION)
def test_a_rule_for_one_version_of_ip_approves_no_other(read: Read, text: str, blocks: str) -> None:
    assert [entry.blocks for entry in read(text) if entry.allows] == [(blocks,)]


def test_a_goto_that_decides_or_comes_last_is_followed(read: Read) -> None:
    decided = nft_output(
        "ip daddr 1.1.1.1 goto some\ntcp dport 443 accept", "chain some {\n tcp dport 80 accept\n drop\n}"
    )
    assert told(read(decided))[0].endswith("1.1.1.1 tcp/80")
    last = nft_output("ip daddr 1.1.1.1 goto some", "chain some {\n tcp dport 80 accept\n}")
    assert told(read(last))[0].endswith("1.1.1.1 tcp/80")


def test_a_port_of_another_protocol_is_not_one_of_tcp(read: Read) -> None:
    sctp = {"payload": {"protocol": "sctp", "field": "dport"}}
    (entry,) = read(ruleset(match(sctp, 443), {"accept": None}))
    assert {service.protocol for service in entry.services or ()} == {"sctp"}


# --- NetworkPolicy ---------------------------------------------------------------------------------------------------

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: agent}
spec:
  podSelector: {}
  egress:
    - to:
        - namespaceSelector: {}
      ports: [{port: 53, protocol: UDP}]
    - to:
        - ipBlock:
            cidr: 34.250.11.20/30
            except:
              - 34.250.11.20/32
        - ipBlock: {cidr: "2a05::/64"}
      ports:
        - port: 443
        - {port: 8000, endPort: 8010, protocol: TCP}
"""


def test_a_network_policy(read: Read) -> None:
    entries = read(POLICY)
    assert told(entries) == [
        "12 34.250.11.20/30 except 34.250.11.20/32 tcp/443 tcp/8000-8010",
        "15 2a05::/64 tcp/443 tcp/8000-8010",
    ]
    assert set(entries[0].blocks) == {"34.250.11.21/32", "34.250.11.22/31"}


def test_a_rule_without_peers_approves_every_address(read: Read) -> None:
    (entry,) = read("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec:\n  egress:\n    - {}\n")
    assert entry.blocks == ("0.0.0.0/0", "::/0")
    assert [each.protocol for each in entry.services or ()] == ["any"]


def test_a_list_as_kubectl_prints_it_in_json(read: Read) -> None:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "spec": {"egress": [{"to": [{"ipBlock": {"cidr": "1.1.1.1/32"}}]}]},
    }
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [policy, policy]}, indent=1)
    assert [entry.text for entry in read(text)] == ["1.1.1.1/32", "1.1.1.1/32"]


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ("34.250.11.20/30", "34.250.11.20/40", 12, "no address, block or range"),
        ("cidr: 34.250.11.20/30", "cidr: [a]", 12, "an ipBlock without its cidr"),
        ("- 34.250.11.20/32", "- nonsense", 14, "no address, block or range"),
        ("port: 443", "port: https", 17, "a port by name"),
        ("endPort: 8010", "endPort: 7000", 18, "no ports"),
        ("kind: NetworkPolicy", "kind: CiliumNetworkPolicy", 2, "NetworkPolicy is"),
        ("podSelector: {}", "podSelector: {", 7, "allow-list"),
        ("  egress:\n    - to:\n", "  egress: 3\n  x:\n    - to:\n", 6, "expected a list"),
    ],
)
def test_a_policy_that_cannot_be_read_is_refused_with_its_line(
    read: Read, old: str, new: str, line: int, cause: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read(POLICY.replace(old, new, 1))
    assert cause in str(caught.value)
    assert f":{line}: " in str(caught.value)


@pytest.mark.parametrize("hole", ["34.250.11.20/30", "34.250.11.0/24"])
def test_an_exception_that_is_as_wide_as_its_block_leaves_nothing_of_it(read: Read, hole: str) -> None:
    first, _ = read(POLICY.replace("- 34.250.11.20/32", f"- {hole}"))
    assert first.blocks == ()


def test_many_exceptions_of_a_policy_take_no_time_that_grows_with_their_square(read: Read) -> None:
    holes = [f"{a}.{b}.1.1/32" for a in range(1, 101) for b in range(100)]
    before = POLICY.partition("        - ipBlock:")[0]
    (entry,) = read(f"{before}        - ipBlock: {{cidr: 0.0.0.0/0, except: {holes}}}\n")
    assert "1.0.1.1/32" not in entry.blocks
    assert len(entry.blocks) > len(holes)


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "line"), [(b"1.1.1.1\nnonsense here\n", ":2"), (b"# nothing\n", ""), (b"\xff\xfe\x00", ""), (b"", "")]
)
def test_a_bad_list_names_file_and_line(tmp_path: Path, data: bytes, line: str) -> None:
    path = tmp_path / "allow"
    path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        reading.read(path)
    assert f"allow-list {path}{line}" in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(BadInput, match="allow-list"):
            reading.read(path)


def test_nft_is_there() -> None:
    assert shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
