"""The same rules by whichever tool shows them: the real tools load a ruleset, and print it in each of their ways."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcompliance.firewall_rules import egress, iptables_save, nft_json, nft_text
from netcompliance.firewall_rules.rules import Rule, Ruleset

pytestmark = pytest.mark.lab

NFT = """\
table inet f {
    counter blocked {
    }
    set grows {
        type ipv4_addr; flags dynamic,timeout
    }
    set friends {
        type ipv4_addr; flags interval
        elements = { 1.1.1.1, 2.2.2.0/24, 3.3.3.3-3.3.3.9 }
    }
    set pairs {
        type ipv4_addr . inet_service; flags interval
        elements = { 1.1.1.1 . 443, 2.2.2.0/24 . 80-90 }
    }
    chain sub {
    }
    chain out {
        type filter hook output priority 0; policy drop;
        %s
    }
    chain early {
        type filter hook prerouting priority -150
        fib saddr . iif oif missing drop
        tcp dport 80 tproxy ip to 127.0.0.1:50080 meta mark set 1 accept
        ip saddr 1.1.1.1 notrack
    }
    chain to {
        type nat hook prerouting priority -100
        tcp dport 81 dnat ip to 10.0.0.1:80
        tcp dport 80 redirect to :8080
        dnat ip to ip saddr map { 1.2.3.4 : 10.0.0.1 }
    }
    chain from {
        type nat hook postrouting priority 100; policy accept
        oifname "eth0" masquerade random,persistent
        ip saddr 10.0.0.0/8 snat ip to 1.2.3.4
    }
}
"""
ADDRESSES = (
    "ip daddr 1.1.1.1",
    "ip daddr 1.1.0.0/16",
    "ip daddr 1.1.1.1-1.1.1.9",
    "ip daddr { 1.1.1.1, 2.2.2.0/24, 3.3.3.3-3.3.3.9 }",
    "ip daddr @friends",
    "ip daddr != 1.1.1.1",
    "ip saddr != { 1.1.1.1, 2.2.2.0-2.2.2.77 }",
    "ip saddr 10.0.0.0/8",
    "ip saddr & 255.255.0.255 == 10.0.0.1",
    "ip daddr @grows",
    "meta nfproto ipv4",
    "@nh,96,32 0x22fa0b15",
    "ip6 daddr 2a05::/64",
    "ip dscp cs1",
    "fib daddr type local",
    "",
)
PORTS = (
    "tcp dport 443",
    "udp dport { 53, 5353-5359 }",
    "tcp dport > 1023",
    "tcp sport 1",
    "tcp flags syn",
    "tcp flags == syn",
    "tcp flags != syn",
    "tcp flags { syn, ack }",
    "tcp flags ! fin,rst",
    "tcp flags == syn|ack",
    "tcp flags & (fin | syn | rst | ack) == syn",
    "tcp flags & (fin | syn) == 0",
    "tcp flags & syn == 0",
    "sctp dport 443",
    "meta l4proto { tcp, udp } th dport 53",
    "meta l4proto != tcp",
    "",
)
STATES = (
    "ct state new",
    "ct state != new",
    "ct state established,related",
    "ct state { established, new }",
    "ct state 0x8",
    "ct state == new",
    "ct state ! new",
    "ct state ! established,related",
    "ct state != new,established",
    "ct state == new,established",
    "ct state != { new, established }",
    "ct state & new == new",
    "ct direction reply",
    "ct status dnat",
    "ct original ip saddr 1.2.3.4",
    "ct mark 0x1",
    "",
)
OTHERS = (
    'oifname "lo"',
    'oifname { "lo", "eth0" }',
    "oif lo",
    "meta skuid { 0, 1000-1005 }",
    "meta mark & 0xff == 0x1",
    'meta hour "08:00"-"17:00"',
    "meta pkttype multicast",
    "limit rate over 10/second burst 5 packets",
    "limit rate 10 mbytes/second",
    "quota over 10 mbytes",
    "ct count over 10",
    "",
)
STATEMENTS = (
    "counter",
    'counter name "blocked"',
    'log prefix "x accept" level info flags all',
    'log prefix "x" group 2 snaplen 10 queue-threshold 3',
    "log flags tcp sequence,options",
    "meta mark set 0x1",
    "meta mark set ct mark and 0xff or 0x1",
    "meta nftrace set 1",
    "add @grows { ip saddr timeout 10s }",
    "",
)
VERDICTS = (
    "accept",
    "drop",
    "reject",
    "reject with icmpx admin-prohibited",
    "return",
    "continue",
    "jump sub",
    "goto sub",
    'accept comment "drop; { really }"',
    "",
)
ALONE = (
    "ip daddr . tcp dport @pairs accept",
    "ip daddr . tcp dport { 1.1.1.1 . 443, 2.2.2.0/24 . 80-90 } accept",
    "meta l4proto tcp reject with tcp reset",
    "icmp type { echo-request, echo-reply } accept",
    "ip protocol { tcp, udp } accept",
    "ip6 nexthdr tcp accept",
    "tcp option maxseg size set 1400",
    "ip dscp set cs1 accept",
    "exthdr frag exists drop",
    "notrack",
)


def printed(commands: str, **files: str) -> str:
    """What the commands print, in a network namespace of their own."""
    script = "".join(f"{name}=$(cat <<'END'\n{text}\nEND\n)\n" for name, text in files.items())
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-e", "-c", f"PATH=$PATH:/usr/sbin:/sbin\n{script}{commands}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_nft(rules: str) -> tuple[Ruleset, Ruleset]:
    """A ruleset as nft prints it: as text, and as JSON."""
    load = 'echo "$rules" | nft -f -\n'
    text = printed(f"{load}nft list ruleset\necho --\nnft -j list ruleset", rules=rules)
    words, _, document = text.partition("\n--\n")
    return nft_text.parsed(words), nft_json.parsed(json.loads(document))


def rules_of(ruleset: Ruleset) -> list[tuple[Rule, str]]:
    """Each rule, with how it is written, which is shown where two differ."""
    return [(rule, rule.text) for chain in ruleset.chains.values() for rule in chain.rules]


def same(one: Ruleset, other: Ruleset) -> None:
    for (left, text), (right, _) in zip(rules_of(one), rules_of(other), strict=True):
        assert left == right, text
    assert one == other


PROTOCOLS = ("tcp", "udp", "sctp", "th", "l4proto")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(
            st.tuples(*map(st.sampled_from, (ADDRESSES, PORTS, STATES, OTHERS, STATEMENTS, VERDICTS))).map(" ".join),
            st.sampled_from(ALONE),
        ).filter(str.strip),
        min_size=1,
        max_size=40,
    )
)
def test_nft_as_text_and_as_json(rules: list[str]) -> None:
    text, document = by_nft(NFT % "\n        ".join(rules))
    same(text, document)


@pytest.mark.parametrize("fragment", [f for f in (*ADDRESSES, *PORTS, *STATES, *OTHERS, *STATEMENTS, *ALONE) if f])
def test_each_word_of_nft(fragment: str) -> None:
    verdict = "" if fragment in ALONE else " drop"
    text, document = by_nft(NFT % f"{fragment}{verdict}")
    same(text, document)
    (rule,) = text.chains["inet", "f", "out"].rules
    assert rule.matches or rule.statements
    assert bool(verdict) == (rule.statements[-1:] == ("drop",)) or fragment in ALONE


IPTABLES = """\
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080
-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE
COMMIT
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -s 1.1.1.1/32 -j CT --notrack
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:agents - [0:0]
-A INPUT -s 1.2.3.4/32 -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT ! -s 1.2.3.4/32 -m addrtype --dst-type LOCAL -j RETURN
-A INPUT -m iprange --src-range 1.1.1.1-1.1.1.9 -g agents
-A FORWARD -m conntrack ! --ctstate NEW -j ACCEPT
-A FORWARD -d 18.66.102.99/32 -j DROP
-A FORWARD -d 18.66.102.98/32 -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP
-A FORWARD -s 10.20.0.0/24 -i lan -j agents
-A FORWARD -m limit --limit 5/min -j LOG --log-prefix "denied -j ACCEPT "
-A FORWARD -j REJECT --reject-with icmp-port-unreachable
-A agents -d 34.250.11.21/32 -p tcp -m tcp --dport 443 -m comment --comment "the tenant's \\"-d 8.8.8.8\\"" -j ACCEPT
-A agents -d 18.66.102.0/24 -p tcp -m multiport --dports 80,440:450 -j ACCEPT
-A agents -p udp -m iprange --dst-range 10.30.0.53-10.30.0.54 -m udp --dport 53 -j ACCEPT
COMMIT
"""


@pytest.fixture
def lock(tmp_path: Path) -> str:
    """Whoever is root in a namespace alone may not write the system's lock."""
    return f"export XTABLES_LOCKFILE={tmp_path}/lock\n"


def test_iptables_by_either_kernel_interface(lock: str) -> None:
    """And as it was written: what iptables-save prints is what was restored, with words in their usual order."""
    legacy, by_nf_tables = (
        iptables_save.parsed(printed(f'{lock}echo "$rules" | {tool}-restore\n{tool}-save', rules=IPTABLES))
        for tool in ("iptables-legacy", "iptables-nft")
    )
    written = iptables_save.parsed(IPTABLES)
    assert {place: chain for place, chain in legacy.chains.items() if place in written.chains} == written.chains
    same(
        Ruleset(chains={place: legacy.chains[place] for place in written.chains}),
        Ruleset(chains={place: by_nf_tables.chains[place] for place in written.chains}),
    )


def test_what_is_let_out_is_the_same_by_iptables_and_by_nft(lock: str) -> None:
    text = printed(f'{lock}echo "$rules" | iptables-nft-restore\nnft list table ip filter', rules=IPTABLES)
    by_nft, by_iptables = (
        [(entry.blocks, entry.services, entry.sources, entry.allows) for entry in egress.entries(ruleset, {}.get)]
        for ruleset in (nft_text.parsed(text), iptables_save.parsed(IPTABLES))
    )
    assert by_nft == by_iptables
