"""The audit of rules against the kernel: they are loaded, connections are tried, and what the audit says is what opens.

Two network namespaces and a cable. The host has the rules, and connects to addresses at the other end. What the audit
refuses to read is no answer, and it must not refuse what it says it reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st
from namespaces import Place, cabled, connected

from netcompliance.firewall_rules import egress, iptables_save, nft_json, nft_text
from netcompliance.firewall_rules.rules import RulesError, Ruleset

pytestmark = pytest.mark.lab

HOST, HOST6 = "10.20.0.4", "fd20::4"
TENANT, OTHER, TENANT6 = "34.250.11.21", "1.1.1.1", "2a05:d018:11::21"
TRIES = [(HOST, TENANT, 443), (HOST, TENANT, 80), (HOST, OTHER, 443), (HOST6, TENANT6, 443)]
BUSY = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
"""To find a smaller example each one would have to be tried, which takes minutes."""


@pytest.fixture(scope="module")
def host() -> Iterator[Place]:
    with cabled((HOST, HOST6), (TENANT, OTHER, TENANT6), (443, 80), listens=1) as (host, _):
        yield host


def allowed(ruleset: Ruleset) -> tuple[bool, ...] | None:
    """What the audit says of each connection; `None` if the rules are refused."""
    try:
        entries = egress.entries(ruleset, {"https": 443}.get)
    except RulesError as error:
        return (False,) * len(TRIES) if "no rule in it lets a connection out" in str(error) else None

    def lets_out(source: str, target: str, port: int) -> bool:
        for entry in entries:
            if any(ip_address(target) in ip_network(block) for block in entry.blocks) and (
                not entry.sources or any(ip_address(source) in ip_network(block) for block in entry.sources)
            ):
                for service in entry.services or ():
                    if service.protocol in ("tcp", "any") and service.first <= port <= service.last:
                        return entry.allows
        return False

    return tuple(lets_out(*each) for each in TRIES)


ADDRESSES = (
    f"ip daddr {TENANT}",
    f"ip daddr {{ {TENANT}, 10.0.0.0/8 }}",
    "ip daddr 34.250.11.0-34.250.11.99",
    f"ip daddr . tcp dport {{ {TENANT} . 443 }}",
    "ip daddr @s",
    f"ip6 daddr {TENANT6}",
    "meta nfproto ipv4",
    "ip saddr 10.20.0.0/16",
    "ip saddr 10.99.0.0/16",
    f"ip daddr != {TENANT}",
    "meta skuid 0",
)
SERVICES = (
    "tcp dport 443",
    "tcp dport { 80, 8000-9000 }",
    "tcp dport https",
    "udp dport 443",
    "meta l4proto { tcp, udp } th dport 443",
    "sctp dport 443",
    "ip protocol tcp",
    "tcp dport > 100",
    "tcp flags syn",
    "tcp flags & (fin | syn | rst | ack) == syn",
    "tcp flags ! syn",
    "tcp flags == ack",
)
STATES = (
    "ct state new",
    "ct state established,related",
    "ct state != new",
    "ct state ! established,related",
    "ct state != established,related",
    "ct state != new,established",
    "ct state 0x8",
    "ct state { new, untracked }",
    "ct direction reply",
)
STATEMENTS = (
    "meta mark set 0x1",
    "counter",
    'log prefix "accept "',
    'counter name "c"',
)
MATCHES = st.tuples(*(st.sampled_from([*some, "", ""]) for some in (ADDRESSES, SERVICES, STATES, STATEMENTS))).map(
    " ".join
)
VERDICTS = st.sampled_from(["accept", "accept", "drop", "reject", "jump sub", "goto sub", "return", "", "continue"])
RULES = st.lists(st.tuples(MATCHES, VERDICTS).map(lambda pair: " ".join(pair).strip()).filter(bool), max_size=4)
NFT = """\
table inet f {{
counter c {{
}}
set s {{
type ipv4_addr; flags interval
elements = {{ {tenant}, 9.9.9.0/24 }}
}}
chain sub {{
{sub}
}}
chain out {{
type filter hook output priority 0; policy {policy};
icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
ct state established accept
{out}
}}
}}
"""


@pytest.mark.parametrize("verdict", ["accept", "drop"])
@pytest.mark.parametrize("match", [*ADDRESSES, *SERVICES, *STATES, *STATEMENTS])
def test_each_match_of_nft_lets_out_what_the_audit_says(host: Place, match: str, verdict: str) -> None:
    policy = "drop" if verdict == "accept" else "accept"
    text = NFT.format(tenant=TENANT, policy=policy, out=f"{match} {verdict}", sub="")
    host.run("nft", "-f", "-", text=f"flush ruleset\n{text}")
    told = allowed(nft_text.parsed(text))
    if told is not None:
        assert connected(host, TRIES, told) == told


@BUSY
@given(RULES, RULES, st.sampled_from(["accept", "drop"]))
def test_nft_lets_out_what_the_audit_says(host: Place, out: list[str], sub: list[str], policy: str) -> None:
    below = [each for each in sub if not each.endswith(" sub")]
    text = NFT.format(tenant=TENANT, policy=policy, out="\n".join(out), sub="\n".join(below))
    told = allowed(nft_text.parsed(text))
    try:
        host.run("nft", "-f", "-", text=f"flush ruleset\n{text}")
    except AssertionError:  # such as: conflicting protocols
        reject()
    assert allowed(nft_json.parsed(json.loads(host.run("nft", "-j", "list", "ruleset")))) == told
    if told is not None:
        assert connected(host, TRIES, told) == told


OPTIONS = st.tuples(
    st.sampled_from(
        [
            f"-d {TENANT}",
            "-d 34.250.11.0/255.255.255.0",
            "-m iprange --dst-range 34.250.11.0-34.250.11.99",
            "-s 10.20.0.0/16",
            "-s 10.99.0.0/16",
            f"! -d {TENANT}",
            "-m owner --uid-owner 0",
            "",
            "",
        ]
    ),
    st.sampled_from(
        [
            "-p tcp --dport 443",
            "-p tcp -m multiport --dports 80,8000:9000",
            "-p tcp --syn",
            "-p tcp ! --syn",
            "-p tcp --tcp-flags ALL SYN",
            "-p tcp --tcp-flags SYN,ACK SYN,ACK",
            "-p udp --dport 443",
            "-p icmp -m icmp --icmp-type 8",
            "",
            "",
        ]
    ),
    st.sampled_from(
        [
            "-m conntrack --ctstate NEW",
            "-m conntrack --ctstate RELATED,ESTABLISHED",
            "-m conntrack ! --ctstate RELATED,ESTABLISHED",
            "-m state --state UNTRACKED,ESTABLISHED",
            "-m conntrack --ctdir REPLY",
            "",
            "",
        ]
    ),
).map(" ".join)
TARGETS = st.sampled_from(["-j ACCEPT", "-j ACCEPT", "-j DROP", "-j REJECT", "-j SUB", "-g SUB", "-j RETURN", "-j LOG"])
LINES = st.lists(st.tuples(OPTIONS, TARGETS).map(" ".join), max_size=4)
ESTABLISHED = "-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"


@BUSY
@given(LINES, LINES, st.sampled_from(["ACCEPT", "DROP"]))
def test_iptables_lets_out_what_the_audit_says(host: Place, out: list[str], sub: list[str], policy: str) -> None:
    """A dump of IPv4 says nothing of IPv6, so nothing of that is approved."""
    lines = [*(f"-A OUTPUT {each}" for each in out), *(f"-A SUB {each}" for each in sub if not each.endswith(" SUB"))]
    head = "# Generated by iptables-save v1.8.9"
    text = "\n".join([head, "*filter", f":OUTPUT {policy} [0:0]", ":SUB - [0:0]", ESTABLISHED, *lines, "COMMIT", ""])
    host.run("nft", "flush", "ruleset")
    host.run("iptables-nft-restore", text=text)
    told = allowed(iptables_save.parsed(text))
    assert allowed(iptables_save.parsed(host.run("iptables-nft-save"))) == told
    if told is not None:
        assert not told[-1]
        assert connected(host, TRIES[:-1], told[:-1]) == told[:-1]
