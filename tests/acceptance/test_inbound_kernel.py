"""OUT-02 against the kernel: rules are loaded, connections are sent in, and nothing that came in is called shut.

Two network namespaces, a cable, and a port that listens. Somebody connects from the tenant's address and from one that
nobody has to do with. Where the tenant's alone comes in, the rules open something to it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from namespaces import LONG, Place, cabled, connected, inside

from netcompliance.firewall_rules.ingress import read
from netcompliance.judge.evidence import Evidence
from netcompliance.judge.outbound import nothing_comes_in
from netcompliance.model import Case, Result, Settings
from netcompliance.probe.onhost import firewall
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import Output, Visit

pytestmark = pytest.mark.lab

TENANT, STRANGER, HOST = "34.250.11.21", "34.250.11.99", "10.20.0.4"
TENANT6, STRANGER6, HOST6 = "2a05:d018:11::21", "2a05:d018:11::99", "fd20::4"
PORT, OTHER_PORT = 8126, 22
CASE = Case(requirement="OUT-02", vantage="local", target="acme", host="acme.app.stackstate.io")
IN, OUT = True, False
HOOKS = {
    "filter": ["INPUT"],
    "security": ["INPUT"],
    "mangle": ["PREROUTING", "INPUT"],
    "raw": ["PREROUTING"],
    "nat": ["PREROUTING"],
}
"""Table → its chains that packets pass on their way in."""


@dataclass(frozen=True)
class Rules:
    """A ruleset by the commands that load it, and whom it lets in."""

    commands: tuple[tuple[str, str], ...]
    """Tool and what it reads."""
    tenant: bool
    stranger: bool
    result: Result
    version: int = 4


def nft(text: str, tenant: bool, stranger: bool, result: Result, version: int = 4) -> Rules:
    return Rules((("nft -f -", text.replace("} }", "}\n}") + "\n"),), tenant, stranger, result, version)


def chain(rules: str, tenant: bool, stranger: bool, result: Result, *, policy: str = "drop", more: str = "") -> Rules:
    """Rules of an input chain, in a table with some more."""
    hook = f"chain in {{ type filter hook input priority 0; policy {policy}; {rules}\n }}"
    return nft(f"table inet f {{\n{more}\n{hook}\n}}\n", tenant, stranger, result)


def legacy(text: str, tenant: bool, stranger: bool, result: Result, *before: tuple[str, str]) -> Rules:
    return Rules((*before, ("iptables-legacy-restore", text)), tenant, stranger, result)


def table(rules: str, policy: str = "DROP", name: str = "filter") -> str:
    return f"*{name}\n:{'INPUT' if name == 'filter' else 'PREROUTING'} {policy} [0:0]\n{rules}\nCOMMIT\n"


def hooked(rules: str, policy: str, name: str, hook: str) -> str:
    """Rules of a built-in chain of iptables, in a table beside the filter's."""
    return f"*{name}\n:{hook} {policy} [0:0]\n{rules}\nCOMMIT\n"


def mixed(text: str, *more: str) -> Rules:
    """A table of iptables' into which nft has put rules that let the tenant in."""
    return Rules((("iptables-nft-restore", text), *(("nft -f -", f"{line}\n") for line in more)), IN, OUT, FAIL)


def compat(text: str, tenant: bool, stranger: bool, result: Result) -> Rules:
    return Rules((("iptables-nft-restore", text),), tenant, stranger, result)


FAIL, PASS, NOTCHECKED = Result.FAIL, Result.PASS, Result.NOTCHECKED
DOCKER = """\
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 9000 -j DNAT --to-destination 172.17.0.2:9000
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 9000 -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
"""
KUBE_PROXY = """\
*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-SVC-1 - [0:0]
:KUBE-SEP-1 - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-SVC-1
-A KUBE-SVC-1 ! -s 10.244.0.0/16 -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-MARK-MASQ
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-SVC-1 -m comment --comment "default/kubernetes:https -> 10.0.0.1:6443" -j KUBE-SEP-1
-A KUBE-SEP-1 -s 10.0.0.1/32 -m comment --comment "default/kubernetes:https" -j KUBE-MARK-MASQ
-A KUBE-SEP-1 -p tcp -m comment --comment "default/kubernetes:https" -m tcp -j DNAT --to-destination 10.0.0.1:6443
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:KUBE-FIREWALL - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A INPUT -j KUBE-FIREWALL
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
COMMIT
"""  # noqa: E501
IN_TENANT = f"-A INPUT -s {TENANT}/32 -p tcp -m tcp --dport {PORT} -j ACCEPT"
HALVES = "{ 0.0.0.0-34.250.11.20, 34.250.11.22-255.255.255.255 }"

CASES = {
    "no rules": Rules((), IN, IN, PASS),
    "everybody dropped": chain("", OUT, OUT, PASS),
    "a rule": chain(f"ip saddr {TENANT} tcp dport {PORT} accept", IN, OUT, FAIL),
    "a rule for everybody": chain(f"tcp dport {PORT} accept", IN, IN, PASS),
    "a named set": chain(
        "ip saddr @s accept", IN, OUT, FAIL, more=f"set s {{ type ipv4_addr; elements = {{ {TENANT} }}; }}"
    ),
    "an interval set": chain(
        "ip saddr @s accept",
        IN,
        OUT,
        FAIL,
        more="set s { type ipv4_addr; flags interval; elements = { 34.250.11.16/29 }; }",
    ),
    "a set of others": chain(
        "ip saddr @s accept", OUT, OUT, PASS, more="set s { type ipv4_addr; elements = { 1.2.3.4 }; }"
    ),
    "a set that a rule fills": chain(
        f"ip saddr {TENANT} add @s {{ ip saddr }}\nip saddr @s accept",
        IN,
        OUT,
        NOTCHECKED,
        more="set s { type ipv4_addr; flags dynamic; }",
    ),
    "an empty set": chain("ip saddr @s accept", OUT, OUT, PASS, more="set s { type ipv4_addr; }"),
    "a set of pairs": chain(
        "ip saddr . tcp dport @s accept",
        IN,
        OUT,
        FAIL,
        more=f"set s {{ type ipv4_addr . inet_service; elements = {{ {TENANT} . {PORT} }}; }}",
    ),
    "a set of pairs, port first": chain(f"tcp dport . ip saddr {{ {PORT} . {TENANT} }} accept", IN, OUT, FAIL),
    "a verdict map": chain(f"ip saddr vmap {{ {TENANT} : accept }}", IN, OUT, FAIL),
    "a verdict map by name": chain(
        "ip saddr vmap @m",
        IN,
        OUT,
        FAIL,
        more=f"map m {{ type ipv4_addr : verdict; elements = {{ {TENANT} : accept }}; }}",
    ),
    "a verdict map that jumps": chain(
        f"ip saddr vmap {{ {TENANT} : jump sub }}", IN, OUT, FAIL, more="chain sub { accept; }"
    ),
    "a verdict map that spares": chain(
        f"ip saddr vmap {{ {TENANT} : return, * : drop }}", IN, OUT, NOTCHECKED, policy="accept"
    ),
    "a verdict map that goes on": chain(
        f"ip saddr vmap {{ {TENANT} : continue, * : drop }}", IN, OUT, NOTCHECKED, policy="accept"
    ),
    "a verdict map of ports": chain(f"ip saddr {TENANT} tcp dport vmap {{ {PORT} : accept, 9 : drop }}", IN, OUT, FAIL),
    "a map of states": chain(
        "ct state vmap { established : accept, related : accept, new : jump fresh }",
        IN,
        OUT,
        FAIL,
        more=f"chain fresh {{ ip saddr {TENANT} accept; }}",
    ),
    "a jump": chain("jump sub", IN, OUT, FAIL, more=f"chain sub {{ ip saddr {TENANT} accept; }}"),
    "a goto": chain(f"ip saddr {TENANT} goto sub", IN, OUT, FAIL, more="chain sub { accept; }"),
    "a jump by source to a wide source": chain(
        f"ip saddr {TENANT} jump sub", IN, OUT, FAIL, more="chain sub { ip saddr 32.0.0.0/3 accept; }"
    ),
    "a jump by source to a hardware address": chain(
        f"ip saddr {TENANT} jump sub", IN, OUT, FAIL, more="chain sub { ether saddr 02:00:00:00:00:01 accept; }"
    ),
    "a jump by source to another source": chain(
        f"ip saddr {TENANT} jump sub", OUT, OUT, PASS, more="chain sub { ip saddr 1.2.3.4 accept; }"
    ),
    "a jump for all but the tenant": chain(
        f"ip saddr != {TENANT} jump sub", IN, OUT, NOTCHECKED, policy="accept", more="chain sub { drop; }"
    ),
    "a return before a drop": chain(
        "jump sub", IN, OUT, NOTCHECKED, policy="accept", more=f"chain sub {{ ip saddr {TENANT} return; drop; }}"
    ),
    "all but the tenant dropped": chain(f"ip saddr != {TENANT} drop", IN, OUT, NOTCHECKED, policy="accept"),
    "both halves around the tenant dropped": chain(f"ip saddr {HALVES} drop", IN, OUT, NOTCHECKED, policy="accept"),
    "bogons dropped": chain(
        "ip saddr { 0.0.0.0/8, 10.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3 } drop", IN, IN, PASS, policy="accept"
    ),
    "a comparison": chain("ip saddr > 34.250.11.20 ip saddr < 34.250.11.22 accept", IN, OUT, NOTCHECKED),
    "a masked source": chain("ip saddr & 255.255.255.254 == 34.250.11.20 accept", IN, OUT, FAIL),
    "a raw payload": chain("@nh,96,32 0x22fa0b15 accept", IN, OUT, NOTCHECKED),
    "a mark by source": nft(
        f"""table inet f {{
            chain early {{ type filter hook prerouting priority -150; ip saddr {TENANT} meta mark set 7; }}
            chain in {{ type filter hook input priority 0; policy drop; meta mark 7 accept; }} }}""",
        IN,
        OUT,
        NOTCHECKED,
    ),
    "another port by source": nft(
        f"""table inet f {{
            chain early {{ type nat hook prerouting priority -100;
                ip saddr {TENANT} tcp dport {PORT} redirect to :{OTHER_PORT}; }}
            chain in {{ type filter hook input priority 0; policy drop; ct status dnat accept; }} }}""",
        IN,
        OUT,
        FAIL,
    ),
    "untracked by source": nft(
        f"""table inet f {{
            chain early {{ type filter hook prerouting priority -300; ip saddr {TENANT} notrack; }}
            chain out {{ type filter hook output priority -300; ip daddr {TENANT} notrack; }}
            chain in {{ type filter hook input priority 0; policy drop; ct state untracked accept; }} }}""",
        IN,
        OUT,
        NOTCHECKED,
    ),
    "an interface": chain(f'iifname "cable" ip saddr {TENANT} accept', IN, OUT, FAIL),
    "another interface": chain('iifname "other" ip saddr 1.2.3.4 accept', OUT, OUT, PASS),
    "states as numbers": chain(f"ct state & 0x8 == 0x8 ip saddr {TENANT} accept", IN, OUT, FAIL),
    "replies alone": chain(f"ct state established,related ip saddr {TENANT} accept", OUT, OUT, PASS),
    "none of these states": chain(f"ct state ! new,untracked ip saddr {TENANT} accept", OUT, OUT, PASS),
    "states that are compared as a whole": chain(
        f"ct state != new,established ip saddr {TENANT} accept", IN, OUT, FAIL
    ),
    "all packets but a plain first": chain(f"tcp flags != syn ip saddr {TENANT} accept", OUT, OUT, FAIL),
    "all packets but the first": chain(
        f"tcp flags & (fin | syn | rst | ack) != syn ip saddr {TENANT} accept", OUT, OUT, PASS
    ),
    "a first packet by its flags": chain(
        f"tcp flags & (fin | syn | rst | ack) == syn ip saddr {TENANT} accept", IN, OUT, FAIL
    ),
    "a connection's first direction": chain(f"ct original ip saddr {TENANT} accept", IN, OUT, NOTCHECKED),
    "replies by direction": chain(f"ct direction reply ip saddr {TENANT} accept", OUT, OUT, PASS),
    "a limit": chain(f"ip saddr {TENANT} limit rate 100/second accept", IN, OUT, FAIL),
    "a fib lookup": chain("fib daddr type local tcp dport 8126 accept", IN, IN, PASS),
    "one chain accepts and another drops": nft(
        f"""table inet f {{ chain in {{ type filter hook input priority 0; ip saddr {TENANT} accept; }}
            chain in2 {{ type filter hook input priority 10; policy drop; }} }}""",
        OUT,
        OUT,
        FAIL,
    ),
    "family ip": nft(
        f"table ip f {{ chain in {{ type filter hook input priority 0; policy drop; ip saddr {TENANT} accept; }} }}",
        IN,
        OUT,
        FAIL,
    ),
    "family ip6": nft(
        f"""table ip6 f {{ chain in {{ type filter hook input priority 0; policy drop;
            icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept; ip6 saddr {TENANT6} accept; }} }}""",
        IN,
        OUT,
        FAIL,
        6,
    ),
    "inet, IPv6 by a map": nft(
        f"""table inet f {{ chain in {{ type filter hook input priority 0; policy drop;
            meta l4proto ipv6-icmp accept; ip6 saddr vmap {{ {TENANT6} : accept }}; }} }}""",
        IN,
        OUT,
        FAIL,
        6,
    ),
    "legacy": legacy(table(IN_TENANT), IN, OUT, FAIL),
    "legacy, user chains": legacy(
        table(f":A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A A -g B\n-A B -s {TENANT} -j ACCEPT"), IN, OUT, FAIL
    ),
    "legacy, a range": legacy(
        table("-A INPUT -m iprange --src-range 34.250.11.20-34.250.11.22 -j ACCEPT"), IN, OUT, FAIL
    ),
    "legacy, the connection's source": legacy(
        table(f"-A INPUT -m conntrack --ctorigsrc {TENANT} -j ACCEPT"), IN, OUT, FAIL
    ),
    "legacy, a return before a drop": legacy(
        table(f":A - [0:0]\n-A INPUT -j A\n-A A -s {TENANT} -j RETURN\n-A A -j DROP", "ACCEPT"), IN, OUT, NOTCHECKED
    ),
    "legacy, a wide source and a narrow one": legacy(
        table(f":A - [0:0]\n-A INPUT -s 32.0.0.0/3 -j A\n-A A -m conntrack --ctorigsrc {TENANT} -j ACCEPT"),
        IN,
        OUT,
        FAIL,
    ),
    "legacy, a comment that looks like a state": legacy(
        table(f'-A INPUT -s {TENANT} -m comment --comment "x\\" -m state --state ESTABLISHED " -j ACCEPT'),
        IN,
        OUT,
        FAIL,
    ),
    "legacy, all but the tenant dropped": legacy(
        table(f"-A INPUT ! -s {TENANT} -j DROP", "ACCEPT"), IN, OUT, NOTCHECKED
    ),
    "legacy, a mark by source": legacy(
        table(f"-A PREROUTING -s {TENANT} -j MARK --set-mark 7", "ACCEPT", "mangle")
        + table("-A INPUT -m mark --mark 7 -j ACCEPT"),
        IN,
        OUT,
        NOTCHECKED,
    ),
    "legacy, another port by source": legacy(
        table(f"-A PREROUTING -s {TENANT} -p tcp --dport {PORT} -j REDIRECT --to-ports {OTHER_PORT}", "ACCEPT", "nat")
        + table("-A INPUT -m conntrack --ctstate DNAT -j ACCEPT"),
        IN,
        OUT,
        FAIL,
    ),
    "legacy, all packets but the first": legacy(
        table(f"-A INPUT -s {TENANT} -p tcp ! --syn -j ACCEPT"), OUT, OUT, PASS
    ),
    "legacy, all but the tenant": legacy(table(f"-A INPUT ! -s {TENANT} -j ACCEPT"), OUT, IN, PASS),
    "legacy, replies": legacy(
        table(f"-A INPUT -s {TENANT} -m conntrack --ctstate ESTABLISHED -j ACCEPT"), OUT, OUT, PASS
    ),
    "an ipset": legacy(
        table("-A INPUT -m set --match-set friends src -j ACCEPT"),
        IN,
        OUT,
        FAIL,
        ("ipset restore", f"create friends hash:ip\nadd friends {TENANT}\n"),
    ),
    "an ipset that a rule fills": legacy(
        table(f"-A INPUT -s {TENANT} -j SET --add-set friends src\n-A INPUT -m set --match-set friends src -j ACCEPT"),
        IN,
        OUT,
        NOTCHECKED,
        ("ipset restore", "create friends hash:ip\n"),
    ),
    "an ipset of sets": legacy(
        table("-A INPUT -m set --match-set all src -j ACCEPT"),
        IN,
        OUT,
        FAIL,
        ("ipset restore", f"create friends hash:ip\nadd friends {TENANT}\ncreate all list:set\nadd all friends\n"),
    ),
    "an ipset of blocks by mask": legacy(
        table("-A INPUT -m set --match-set friends src -j ACCEPT"),
        IN,
        OUT,
        FAIL,
        ("ipset restore", f"create friends hash:ip netmask 27\nadd friends {TENANT}\n"),
    ),
    "two ipsets, the destination's first": legacy(
        table("-A INPUT -m set --match-set mine dst -m set --match-set friends src -j ACCEPT"),
        IN,
        OUT,
        FAIL,
        ("ipset restore", f"create friends hash:ip\nadd friends {TENANT}\ncreate mine hash:ip\nadd mine {HOST}\n"),
    ),
    "compat": compat(table(IN_TENANT), IN, OUT, FAIL),
    "compat, a range": compat(
        table("-A INPUT -m iprange --src-range 34.250.11.20-34.250.11.22 -j ACCEPT"), IN, OUT, FAIL
    ),
    "compat, replies with a remark": compat(
        table('-A INPUT -m comment --comment "replies" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'),
        OUT,
        OUT,
        PASS,
    ),
    "a goto that ends nowhere": chain(
        f"ip saddr {TENANT} goto sub\ndrop", IN, OUT, NOTCHECKED, policy="accept", more="chain sub { counter; }"
    ),
    "a goto by a verdict map": chain(
        f"ip saddr vmap {{ {TENANT} : goto sub }}\ndrop",
        IN,
        OUT,
        NOTCHECKED,
        policy="accept",
        more="chain sub { counter; }",
    ),
    "a goto past the rest of a chain": chain(
        "jump sub",
        IN,
        OUT,
        NOTCHECKED,
        policy="accept",
        more=f"chain end {{ counter; }}\nchain sub {{ ip saddr {TENANT} goto end; drop; }}",
    ),
    "a goto that drops": chain(
        f"ip saddr {TENANT} goto sub", OUT, IN, PASS, policy="accept", more="chain sub { counter drop; }"
    ),
    "all but the tenant dropped early": nft(
        f"table inet f {{ chain early {{ type filter hook prerouting priority -300; ip saddr != {TENANT} drop; }} }}",
        IN,
        OUT,
        NOTCHECKED,
    ),
    "the tenant accepted early": nft(
        f"""table inet f {{ chain early {{
            type filter hook prerouting priority -300; policy drop; ip saddr {TENANT} accept; }} }}""",
        IN,
        OUT,
        FAIL,
    ),
    "the tenant accepted early, where nobody is dropped": nft(
        f"table inet f {{ chain early {{ type filter hook prerouting priority -300; ip saddr {TENANT} accept; }} }}",
        IN,
        IN,
        PASS,
    ),
    "the tenant accepted at the device": nft(
        f"""table netdev n {{ chain c {{ type filter hook ingress device "cable" priority 0; policy drop;
            ether type arp accept; ip saddr {TENANT} accept; }} }}""",
        IN,
        OUT,
        FAIL,
    ),
    "all but nearly everybody": chain(f"ip saddr != {HALVES} accept", IN, OUT, NOTCHECKED),
    "a wide block but for nearly all of it": chain(
        f"ip saddr 32.0.0.0/3 ip saddr != {HALVES} accept", IN, OUT, NOTCHECKED
    ),
    "two wide ranges that meet": chain(
        f"ip saddr 0.0.0.0-{TENANT} ip saddr {TENANT}-255.255.255.255 accept", IN, OUT, FAIL
    ),
    "dropped rule by rule": chain(
        """ip saddr 0.0.0.0-34.250.11.20 drop
           ip saddr 34.250.11.22-140.0.0.0 drop
           ip saddr 140.0.0.1-255.255.255.255 drop""",
        IN,
        OUT,
        NOTCHECKED,
        policy="accept",
    ),
    "dropped beyond bounds": chain(
        f"ip saddr > {TENANT} drop\nip saddr < {TENANT} drop", IN, OUT, NOTCHECKED, policy="accept"
    ),
    "dropped by a raw payload": chain("@nh,96,32 != 0x22fa0b15 drop", IN, OUT, NOTCHECKED, policy="accept"),
    "dropped but for a mark": nft(
        f"""table inet f {{
            chain early {{ type filter hook prerouting priority -150; ip saddr {TENANT} meta mark set 7; }}
            chain in {{ type filter hook input priority 0; policy accept; meta mark != 7 drop; }} }}""",
        IN,
        OUT,
        NOTCHECKED,
    ),
    "legacy, dropped by bytes": legacy(
        table('-A INPUT -m u32 ! --u32 "12=0x22fa0b15" -j DROP', "ACCEPT"), IN, OUT, NOTCHECKED
    ),
    "accepted by a chain that translates": nft(
        f"table ip n {{ chain in {{ type nat hook input priority 100; ip saddr {TENANT} accept; }} }}", IN, IN, PASS
    ),
    "a field by source": nft(
        f"""table inet f {{
            chain early {{ type filter hook prerouting priority -150; ip saddr {TENANT} ip dscp set 46; }}
            chain in {{ type filter hook input priority 0; policy drop; ip dscp 46 accept; }} }}""",
        IN,
        OUT,
        NOTCHECKED,
    ),
    "legacy, a goto that ends nowhere": legacy(
        table(f":A - [0:0]\n-A INPUT -s {TENANT} -g A\n-A INPUT -j DROP", "ACCEPT"), IN, OUT, NOTCHECKED
    ),
    "legacy, a goto that drops": legacy(
        table(f":A - [0:0]\n-A INPUT -s {TENANT} -g A\n-A A -j DROP", "ACCEPT"), OUT, IN, PASS
    ),
    **{
        f"legacy, {name} {hook} accepts": legacy(
            hooked(f"-A {hook} -s {TENANT} -j ACCEPT", "DROP", name, hook), IN, OUT, FAIL
        )
        for name, hook in (("mangle", "INPUT"), ("security", "INPUT"), ("mangle", "PREROUTING"), ("raw", "PREROUTING"))
    },
    "legacy, all but the tenant dropped early": legacy(
        hooked(f"-A PREROUTING ! -s {TENANT} -j DROP", "ACCEPT", "raw", "PREROUTING"), IN, OUT, NOTCHECKED
    ),
    "an ipset with an exception": legacy(
        table("-A INPUT -m set --match-set all src -j DROP", "ACCEPT"),
        IN,
        OUT,
        NOTCHECKED,
        ("ipset restore", f"create all hash:net\nadd all 0.0.0.0/1\nadd all 128.0.0.0/1\nadd all {TENANT} nomatch\n"),
    ),
    "an ipset of ports": legacy(
        table(f"-A INPUT -s {TENANT} -p tcp -m set --match-set high src -j ACCEPT"),
        IN,
        OUT,
        FAIL,
        ("ipset restore", "create high bitmap:port range 1024-65535\nadd high 1024-65535\n"),
    ),
    "an ipset with a remark": legacy(
        table("-A INPUT -m set --match-set friends src -j ACCEPT"),
        IN,
        OUT,
        FAIL,
        ("ipset restore", f'create friends hash:ip comment\nadd friends {TENANT} comment "no nomatch here"\n'),
    ),
    "compat, mangle INPUT accepts": compat(
        hooked(f"-A INPUT -s {TENANT} -j ACCEPT", "DROP", "mangle", "INPUT"), IN, OUT, FAIL
    ),
    "compat, and a set of nft's": mixed(table(""), f"add rule ip filter INPUT ip saddr {{ {TENANT}, 1.2.3.4 }} accept"),
    "compat, and a range of nft's": mixed(
        table(""), "add rule ip filter INPUT ip saddr 34.250.11.20-34.250.11.22 accept"
    ),
    "compat, and a verdict map of nft's": mixed(
        table(":A - [0:0]\n-A A -j ACCEPT"), f"add rule ip filter INPUT ip saddr vmap {{ {TENANT} : jump A }}"
    ),
    "compat, and a chain of nft's": mixed(
        table("", "ACCEPT"),
        "add chain ip filter more { type filter hook input priority 10; policy drop; }",
        f"add rule ip filter more ip saddr {TENANT} accept",
    ),
    # --- fields that stand together
    "replies by a map of pairs": chain(
        f"ct state . ip saddr vmap {{ established . {TENANT} : accept }}", OUT, OUT, PASS
    ),
    "replies by a map of pairs, address first": chain(
        f"ip saddr . ct state vmap {{ {TENANT} . established : accept, {TENANT} . related : accept }}", OUT, OUT, PASS
    ),
    "replies by a set of pairs": chain(f"ct state . ip saddr {{ established . {TENANT} }} accept", OUT, OUT, PASS),
    "replies by a named map of triples": chain(
        "ct state . ip saddr . tcp dport vmap @m",
        OUT,
        OUT,
        PASS,
        more=f"""map m {{ typeof ct state . ip saddr . tcp dport : verdict
            elements = {{ established . {TENANT} . {PORT} : accept }}; }}""",
    ),
    "a map of pairs with a new one": chain(
        f"ct state . ip saddr vmap {{ established . 1.2.3.4 : accept, new . {TENANT} : accept }}", IN, OUT, FAIL
    ),
    "a map of pairs that drops new ones": chain(
        f"ct state . ip saddr vmap {{ new . {TENANT} : drop, established . {TENANT} : accept }}", OUT, OUT, PASS
    ),
    "a map of pairs that jumps": chain(
        f"ct state . ip saddr vmap {{ established . {TENANT} : jump sub }}",
        OUT,
        OUT,
        PASS,
        more="chain sub { accept; }",
    ),
    "a map of directions": chain(f"ct direction . ip saddr vmap {{ reply . {TENANT} : accept }}", OUT, OUT, PASS),
    "a set of pairs with flags": chain(f"tcp flags . ip saddr {{ ack . {TENANT} }} accept", OUT, OUT, NOTCHECKED),
    "the loopback by a map of pairs": chain(f'iifname . ip saddr vmap {{ "lo" . {TENANT} : accept }}', OUT, OUT, PASS),
    "a device by a map of pairs": chain(f'iifname . ip saddr vmap {{ "cable" . {TENANT} : accept }}', IN, OUT, FAIL),
    "the loopback": chain(f'iifname "lo" ip saddr {TENANT} accept', OUT, OUT, PASS),
    "all but the loopback": chain(f'iifname != "lo" ip saddr {TENANT} accept', IN, OUT, FAIL),
    "all but a set of pairs dropped": chain(
        f"ip saddr . ct state != {{ {TENANT} . new }} drop", IN, OUT, NOTCHECKED, policy="accept"
    ),
    "all but pairs of replies dropped": chain(
        f"ip saddr . ct state != {{ {TENANT} . established }} drop", OUT, OUT, NOTCHECKED, policy="accept"
    ),
    "nearly all dropped by a map of pairs": chain(
        """ip saddr . meta l4proto vmap { 0.0.0.0-34.250.11.20 . tcp : drop,
            34.250.11.22-255.255.255.255 . tcp : drop }""",
        IN,
        OUT,
        NOTCHECKED,
        policy="accept",
    ),
    "a map of ports and sources that spares": chain(
        f"ip saddr . tcp dport vmap {{ {TENANT} . {PORT} : return }}\ndrop", IN, OUT, NOTCHECKED, policy="accept"
    ),
    "replies by their status": chain(f"ct status seen-reply ip saddr {TENANT} accept", OUT, OUT, PASS),
    "assured by their status": chain(f"ct status assured,confirmed ip saddr {TENANT} accept", OUT, OUT, PASS),
    "not assured by their status": chain(f"ct status ! assured ip saddr {TENANT} accept", IN, OUT, FAIL),
    "legacy, replies by their status": legacy(
        table(f"-A INPUT -s {TENANT} -m conntrack --ctstatus ASSURED -j ACCEPT"), OUT, OUT, PASS
    ),
    "legacy, the loopback": legacy(table(f"-A INPUT -i lo -s {TENANT} -j ACCEPT"), OUT, OUT, PASS),
    # --- drops by what is not known
    "dropped by a set that a rule fills": chain(
        f"ip saddr != {TENANT} add @s {{ ip saddr }}\nip saddr @s drop",
        IN,
        OUT,
        NOTCHECKED,
        policy="accept",
        more="set s { type ipv4_addr; flags dynamic; }",
    ),
    "dropped by a mark": nft(
        f"""table inet f {{
            chain early {{ type filter hook prerouting priority -150; ip saddr != {TENANT} meta mark set 7; }}
            chain in {{ type filter hook input priority 0; policy accept; meta mark 7 drop; }} }}""",
        IN,
        OUT,
        NOTCHECKED,
    ),
    "dropped by a field by source": nft(
        f"""table inet f {{
            chain early {{ type filter hook prerouting priority -150; ip saddr != {TENANT} ip dscp set 46; }}
            chain in {{ type filter hook input priority 0; policy accept; ip dscp 46 drop; }} }}""",
        IN,
        OUT,
        NOTCHECKED,
    ),
    "dropped by raw bytes": chain(
        "@nh,96,32 0x0-0x22fa0b14 drop\n@nh,96,32 0x22fa0b16-0xffffffff drop", IN, OUT, NOTCHECKED, policy="accept"
    ),
    "legacy, dropped by an ipset that a rule fills": legacy(
        table(
            f"-A INPUT ! -s {TENANT} -j SET --add-set foes src\n-A INPUT -m set --match-set foes src -j DROP", "ACCEPT"
        ),
        IN,
        OUT,
        NOTCHECKED,
        ("ipset restore", "create foes hash:ip\n"),
    ),
    "legacy, dropped by the bytes of others": legacy(
        table('-A INPUT -m u32 --u32 "12=0x0:0x22fa0b14,0x22fa0b16:0xffffffff" -j DROP', "ACCEPT"), IN, OUT, NOTCHECKED
    ),
    "legacy, dropped by a mark": legacy(
        table(f"-A PREROUTING ! -s {TENANT} -j MARK --set-mark 7", "ACCEPT", "mangle")
        + table("-A INPUT -m mark --mark 7 -j DROP", "ACCEPT"),
        IN,
        OUT,
        NOTCHECKED,
    ),
    "legacy, dropped by the mark of connections": legacy(
        table(f"-A PREROUTING ! -s {TENANT} -j CONNMARK --set-mark 7", "ACCEPT", "mangle")
        + table("-A INPUT -m connmark --mark 7 -j DROP", "ACCEPT"),
        IN,
        OUT,
        NOTCHECKED,
    ),
    "legacy, all but the tenant diverted": legacy(
        table(f"-A PREROUTING ! -s {TENANT} -p tcp --dport {PORT} -j REDIRECT --to-ports 9", "ACCEPT", "nat"),
        IN,
        OUT,
        NOTCHECKED,
    ),
    "all but the tenant diverted": nft(
        f"""table ip f {{ chain early {{ type nat hook prerouting priority -100;
            ip saddr != {TENANT} tcp dport {PORT} redirect to :9; }} }}""",
        IN,
        OUT,
        NOTCHECKED,
    ),
    "nearly all diverted": nft(
        f"""table ip f {{ chain early {{ type nat hook prerouting priority -100;
            ip saddr {HALVES} tcp dport {PORT} redirect to :9; }} }}""",
        IN,
        OUT,
        NOTCHECKED,
    ),
    "legacy, all but the tenant to a queue": legacy(
        table(f"-A INPUT ! -s {TENANT} -j NFQUEUE --queue-num 3", "ACCEPT"), IN, OUT, NOTCHECKED
    ),
    "legacy, all but the tenant to a queue early": legacy(
        hooked(f"-A PREROUTING ! -s {TENANT} -j NFQUEUE --queue-num 3", "ACCEPT", "mangle", "PREROUTING"),
        IN,
        OUT,
        NOTCHECKED,
    ),
    "legacy, all but the tenant to a proxy": legacy(
        hooked(f"-A PREROUTING ! -s {TENANT} -p tcp -j TPROXY --on-port 9", "ACCEPT", "mangle", "PREROUTING"),
        IN,
        OUT,
        NOTCHECKED,
    ),
    "a jump of nearly all to a drop": chain(
        f"ip saddr {HALVES} jump sub", IN, OUT, NOTCHECKED, policy="accept", more="chain sub { drop; }"
    ),
    "a jump of all to a drop of nearly all": chain(
        "ip saddr 0.0.0.0/0 jump sub",
        IN,
        OUT,
        NOTCHECKED,
        policy="accept",
        more=f"chain sub {{ ip saddr {HALVES} drop; }}",
    ),
    "legacy, a jump of all but the tenant to another port": legacy(
        table(
            f":A - [0:0]\n-A PREROUTING ! -s {TENANT} -p tcp -j A\n-A A -p tcp -j REDIRECT --to-ports 9",
            "ACCEPT",
            "nat",
        ),
        IN,
        OUT,
        NOTCHECKED,
    ),
    "all marked but the tenant": nft(
        f"""table inet f {{
            chain early {{ type filter hook prerouting priority -150; meta mark set 7
                ip saddr {TENANT} meta mark set 0; }}
            chain in {{ type filter hook input priority 0; policy accept; meta mark 7 drop; }} }}""",
        IN,
        OUT,
        NOTCHECKED,
    ),
    "marks out of a map of sources": nft(
        f"""table ip f {{
            chain early {{ type filter hook prerouting priority -150
                meta mark set ip saddr map {{ {TENANT} : 1, {STRANGER} : 7 }}; }}
            chain in {{ type filter hook input priority 0; policy accept; meta mark 7 drop; }} }}""",
        IN,
        OUT,
        NOTCHECKED,
    ),
    "marks out of a map of sources that nobody looks at": nft(
        f"""table ip f {{ chain early {{ type filter hook prerouting priority -150
            meta mark set ip saddr map {{ {TENANT} : 1, {STRANGER} : 7 }}; }} }}""",
        IN,
        IN,
        PASS,
    ),
    "marks by chance": legacy(
        table("-A PREROUTING -m statistic --mode random --probability 0.5 -j MARK --set-mark 8", "ACCEPT", "mangle")
        + table("-A INPUT -m mark --mark 0x7/0x7 -j DROP", "ACCEPT"),
        IN,
        IN,
        PASS,
    ),
    "a drop of others by what is not known": chain("ip saddr 1.2.3.4 meta mark 7 drop", IN, IN, PASS, policy="accept"),
    "a drop by what a packet is": chain("ip ttl < 2 drop\nip6 hoplimit < 2 drop", IN, IN, PASS, policy="accept"),
    "legacy, a drop by what a packet is": legacy(
        table("-A INPUT -m ttl --ttl-lt 2 -j DROP\n-A INPUT -m rpfilter --invert -j DROP", "ACCEPT", "raw").replace(
            "INPUT", "PREROUTING"
        ),
        IN,
        IN,
        PASS,
    ),
    "legacy, a queue by source": legacy(
        table(f"-A INPUT -s {TENANT} -j NFQUEUE --queue-num 3 --queue-bypass"), IN, OUT, FAIL
    ),
    "docker": compat(DOCKER, IN, IN, PASS),
    "kube-proxy": compat(KUBE_PROXY, IN, IN, PASS),
    "kube-proxy, legacy": legacy(KUBE_PROXY, IN, IN, PASS),
    "kube-proxy and a rule": compat(
        KUBE_PROXY.replace(":INPUT ACCEPT", ":INPUT DROP").replace("-A INPUT -j", f"{IN_TENANT}\n-A INPUT -j"),
        IN,
        OUT,
        FAIL,
    ),
}


@pytest.fixture(scope="module")
def places() -> Iterator[list[Place]]:
    """The host, and whoever knocks."""
    with cabled((HOST, HOST6), (TENANT, STRANGER, TENANT6, STRANGER6), (PORT, OTHER_PORT), listens=0) as places:
        yield places


def comes_in(knocker: Place, rules: Rules) -> tuple[bool, ...]:
    """Do connections from the tenant's address and from a stranger's open?"""
    sources, target = ((TENANT, STRANGER), HOST) if rules.version == 4 else ((TENANT6, STRANGER6), HOST6)
    return connected(knocker, [(source, target, PORT) for source in sources], (rules.tenant, rules.stranger))


def observed(host: Place) -> list[dict[str, Any]]:
    """The rules as the probe reads them there."""
    lines: list[str] = []
    visit = Visit({"deadline": 9.0, "tasks": []}, Output(lines.append), (None, None), Trust(None))
    with inside(host):
        for tool in firewall.TOOLS:
            firewall.report(visit, tool)
    return [json.loads(line) for line in lines]


def clear(host: Place) -> None:
    host.run("nft", "flush", "ruleset")
    names = host.run("cat", "/proc/net/ip_tables_names").split()
    for name in names:
        for hook in HOOKS[name]:
            host.run("iptables-legacy", "-t", name, "-P", hook, "ACCEPT")
        host.run("iptables-legacy", "-t", name, "-F")
        host.run("iptables-legacy", "-t", name, "-X")
    end = time.monotonic() + LONG
    while names and shutil.which("ipset"):
        with suppress(AssertionError):
            host.run("ipset", "flush")
            host.run("ipset", "destroy")
            return
        assert time.monotonic() < end, "the sets are still in use"
        time.sleep(0.01)


@pytest.mark.parametrize("name", CASES)
def test_what_comes_in_is_never_called_shut(places: list[Place], name: str) -> None:
    host, knocker = places
    rules = CASES[name]
    clear(host)
    for command, text in rules.commands:
        host.run(*command.split(), text=text)
    came = comes_in(knocker, rules)
    assert came == (rules.tenant, rules.stranger), "the kernel"
    outcome = nothing_comes_in(CASE, evidence(observed(host), rules.version), SETTINGS)
    assert outcome.result is rules.result, outcome.reason or outcome.saw
    assert outcome.result is not PASS or came != (IN, OUT)


SETTINGS = Settings(tenant="acme", images=(), source_images=(), images_from="test")


def evidence(rules: list[dict[str, Any]], version: int) -> Evidence:
    """Rules as they were read, and a wire that was watched."""
    tenant = TENANT if version == 4 else TENANT6
    tcp = {"kind": "tcp", "task": "tenant", "host": CASE.host, "address": tenant, "port": 443, "error": None}
    return Evidence([tcp, {"kind": "syn", "task": "outbound", "own": True, "seen": [], "error": None}, *rules])


def test_a_tool_that_is_broken_is_no_reading() -> None:
    assert read("nft", "").doubts
