"""What rules let out: whatever could decide counts or is refused, and nothing is passed over because it is strange."""

from __future__ import annotations

import time

import pytest

from netcompliance.firewall_rules import egress, iptables_save, nft_json, nft_text
from netcompliance.firewall_rules.blocks import both
from netcompliance.firewall_rules.rules import RulesError, Ruleset
from netcompliance.model import Approved

NET = "34.250.11.0/24"


def entries(ruleset: Ruleset) -> tuple[Approved, ...]:
    return egress.entries(ruleset, {"https": 443}.get)


def told(ruleset: Ruleset) -> list[str]:
    """Each entry as `[!]blocks services`."""
    return [
        f"{'' if entry.allows else '!'}{','.join(entry.blocks)} "
        + ",".join(f"{s.protocol}/{s.first}-{s.last}" for s in entry.services or ())
        for entry in entries(ruleset)
    ]


def nft(*rules: str, policy: str = "accept", more: str = "") -> Ruleset:
    """Rules of a chain that decides about what leaves, in a table with some more."""
    head = f"type filter hook output priority 0; policy {policy};"
    return nft_text.parsed("\n".join(["table inet f {", more, "chain out {", head, *rules, "}", "}", ""]))


def objects(*expressions: dict[str, object], policy: str = "accept", **more: object) -> Ruleset:
    """Likewise, of one rule as JSON."""
    place = {"family": "inet", "table": "f"}
    chain = {"chain": {**place, "name": "out", "type": "filter", "hook": "output", "policy": policy}}
    return nft_json.parsed({"nftables": [chain, {"rule": {**place, "chain": "out", "expr": [*expressions]}, **more}]})


def save(*lines: str, output: str = "ACCEPT", forward: str = "ACCEPT") -> Ruleset:
    text = ["*filter", f":FORWARD {forward} [0:0]", f":OUTPUT {output} [0:0]", *lines, "COMMIT", ""]
    return iptables_save.parsed("\n".join(text))


def save4(*lines: str, **policies: str) -> Ruleset:
    """Likewise, with an address by which it is known to be of IPv4."""
    return save(*lines, "-A INPUT -s 10.0.0.0/8 -j ACCEPT", **policies)


EVERYWHERE = "0.0.0.0/0,::/0 any/0-65535"
EVERYWHERE4 = "0.0.0.0/0 any/0-65535"
DADDR = {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "1.1.1.1"}}
VMAP = {
    "vmap": {
        "key": {"payload": {"protocol": "ip", "field": "daddr"}},
        "data": {"set": [[{"prefix": {"addr": "34.250.11.0", "len": 24}}, {"drop": None}]]},
    }
}
SCTP = {"match": {"op": "==", "left": {"payload": {"protocol": "sctp", "field": "dport"}}, "right": 443}}

READ = {
    "a drop behind a mark": (
        nft(f"ip daddr {NET} meta mark set 0x1 drop"),
        [f"!{NET} any/0-65535", EVERYWHERE],
    ),
    "a drop behind a mark that is computed": (
        nft(f"ip daddr {NET} meta mark set ct mark and 0xff or (0x1) drop"),
        [f"!{NET} any/0-65535", EVERYWHERE],
    ),
    "a drop behind a mark out of a map": (
        nft(f"ip daddr {NET} meta mark set ip saddr map {{ 1.1.1.1 : 1, 2.2.2.2 : 2 }} drop"),
        [f"!{NET} any/0-65535", EVERYWHERE],
    ),
    "a drop behind a counter by name": (
        nft(f'ip daddr {NET} counter name "blocked" drop', more="counter blocked {\n}"),
        [f"!{NET} any/0-65535", EVERYWHERE],
    ),
    "a drop behind a log of many words": (
        nft(f'ip daddr {NET} log prefix "x" group 2 snaplen 10 queue-threshold 3 flags tcp sequence,options drop'),
        [f"!{NET} any/0-65535", EVERYWHERE],
    ),
    "a drop behind a set that grows": (
        nft(f"ip daddr {NET} add @s {{ ip saddr timeout 10s }} drop", more="set s {\ntype ipv4_addr\n}"),
        [f"!{NET} any/0-65535", EVERYWHERE],
    ),
    "the state in bits": (nft("ct state 0x8 drop"), [f"!{EVERYWHERE}", EVERYWHERE]),
    "SYNs dropped": (nft("tcp flags syn / fin,syn,rst,ack drop"), ["!0.0.0.0/0,::/0 tcp/0-65535", EVERYWHERE]),
    "SYNs dropped by their mask": (
        nft("tcp flags & (fin | syn | rst | ack) == syn drop"),
        ["!0.0.0.0/0,::/0 tcp/0-65535", EVERYWHERE],
    ),
    "what has any of these flags dropped": (
        nft("tcp flags { syn, ack } drop"),
        ["!0.0.0.0/0,::/0 tcp/0-65535", EVERYWHERE],
    ),
    "all but SYNs dropped": (nft("tcp flags != syn drop", "tcp flags ! syn,fin drop"), [EVERYWHERE]),
    "SYNs dropped by iptables": (
        save4("-A OUTPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j REJECT --reject-with tcp-reset"),
        ["!0.0.0.0/0 tcp/0-65535", EVERYWHERE4],
    ),
    "all but SYNs dropped by iptables": (save4("-A OUTPUT -p tcp ! --syn -j DROP"), [EVERYWHERE4, EVERYWHERE4]),
    "one version of IP": (
        nft("meta nfproto ipv6 tcp dport 443 accept", policy="drop"),
        ["::/0 tcp/443-443"],
    ),
    "a header of one version of IP": (nft("ip protocol tcp accept", policy="drop"), ["0.0.0.0/0 tcp/0-65535"]),
    "sources of one version of IP": (nft("ip saddr 10.0.0.0/8 accept", policy="drop"), ["0.0.0.0/0 any/0-65535"]),
    "two versions of IP in one rule": (
        nft("meta nfproto ipv4 ip6 daddr 2a05::/64 accept", "ip daddr 1.1.1.1 accept", policy="drop"),
        ["1.1.1.1/32 any/0-65535"],
    ),
    "ports of another protocol": (objects(SCTP, {"accept": None}), ["0.0.0.0/0,::/0 sctp/443-443", EVERYWHERE]),
    "a chain that translates": (
        nft(
            f"ip daddr {NET} accept",
            policy="drop",
            more='chain nat {\ntype nat hook postrouting priority 100\noifname "eth0" masquerade\n}',
        ),
        [f"{NET} any/0-65535"],
    ),
    "a chain that decides by what nobody here reads": (
        nft("ip daddr 1.1.1.1 accept", policy="drop", more="chain in {\ntype filter hook input priority 0\nfoo bar\n}"),
        ["1.1.1.1/32 any/0-65535"],
    ),
    "a goto to a chain that decides": (
        nft("goto a", "ip daddr 9.9.9.9 accept", policy="drop", more="chain a {\nip daddr 1.1.1.1 accept\ndrop\n}"),
        ["1.1.1.1/32 any/0-65535", f"!{EVERYWHERE}", "9.9.9.9/32 any/0-65535"],
    ),
    "ICMP by its type": (
        save("-A OUTPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT", "-A OUTPUT -d 1.1.1.1 -j ACCEPT", output="DROP"),
        ["1.1.1.1/32 any/0-65535"],
    ),
    "a rule for the loopback by what is not computed": (
        save("-A OUTPUT ! -s 127.0.0.0/8 -d 127.0.0.0/8 -j DROP", "-A OUTPUT -d 1.1.1.1 -j ACCEPT", output="DROP"),
        ["1.1.1.1/32 any/0-65535"],
    ),
    "a chain that lets everything through, and by a mark": (
        save("-A FORWARD -m mark --mark 1 -j ACCEPT", "-A OUTPUT -d 1.1.1.1 -j ACCEPT", output="DROP"),
        ["1.1.1.1/32 any/0-65535"],
    ),
    "nothing passes through, and everything leaves": (save4(forward="DROP"), [EVERYWHERE4]),
    "nothing leaves but by a chain that lets it pass through": (
        save("-A FORWARD -d 1.1.1.1 -j ACCEPT", forward="DROP", output="DROP"),
        ["1.1.1.1/32 any/0-65535"],
    ),
    "iptables -S": (
        iptables_save.parsed("-P OUTPUT DROP\n-N X\n-A OUTPUT -d 1.1.1.1/32 -j X\n-A X -p tcp -j ACCEPT\n"),
        ["1.1.1.1/32 tcp/0-65535"],
    ),
    "iptables for one version of each rule": (
        save("-4 -A OUTPUT -p tcp --dport 443 -j ACCEPT", "-6 -A OUTPUT -d 2a05::1 -j ACCEPT", output="DROP"),
        ["0.0.0.0/0 tcp/443-443", "2a05::1/128 any/0-65535"],
    ),
    "iptables for one version of each rule, behind the chain": (
        save(
            "-A OUTPUT -4 -p tcp --dport 443 -j ACCEPT", "-A OUTPUT --ipv6 -p tcp --dport 80 -j ACCEPT", output="DROP"
        ),
        ["0.0.0.0/0 tcp/443-443", "::/0 tcp/80-80"],
    ),
    "ip6tables-save by its head": (
        iptables_save.parsed("# Generated by ip6tables-save v1\n*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -j ACCEPT\n"),
        ["::/0 any/0-65535"],
    ),
    "ip6tables-save by its addresses": (
        save("-A OUTPUT -p tcp --dport 443 -j ACCEPT", "-A OUTPUT -d 2a05::1 -j DROP", output="DROP"),
        ["::/0 tcp/443-443", "!2a05::1/128 any/0-65535"],
    ),
    "both dumps": (
        iptables_save.parsed(
            "# Generated by iptables-save v1\n*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -d 1.1.1.1 -j ACCEPT\nCOMMIT\n"
            "# Generated by ip6tables-save v1\n*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -d 2a05::1 -j ACCEPT\nCOMMIT\n"
        ),
        ["1.1.1.1/32 any/0-65535", "2a05::1/128 any/0-65535"],
    ),
    "a rule that JSON inserts": (
        nft_json.parsed(
            {
                "nftables": [
                    {how: {"rule": {"family": "ip", "table": "f", "chain": "x", "expr": [DADDR, {verdict: None}]}}}
                    for how, verdict in (("add", "accept"), ("insert", "drop"))
                ]
            }
        ),
        ["!1.1.1.1/32 any/0-65535", "1.1.1.1/32 any/0-65535"],
    ),
}


@pytest.mark.parametrize(("ruleset", "wanted"), READ.values(), ids=READ)
def test_what_decides_counts(ruleset: Ruleset, wanted: list[str]) -> None:
    assert told(ruleset) == wanted


LISTED = f"table inet f {{ chain fwd {{ type filter hook forward priority 0; policy drop; ip daddr {NET} accept; }} }}"
FORWARDED = f"*filter\n:FORWARD DROP [0:0]\n-A FORWARD -d {NET} -j ACCEPT\nCOMMIT\n"


def beside(*others: str) -> Ruleset:
    """The allow-list, and what else is in the file."""
    return nft_text.parsed("\n".join([LISTED, *others, ""]))


def at(kind: str, hook: str, *rules: str, policy: str = "accept") -> str:
    return (
        f"table inet other {{ chain c {{ type {kind} hook {hook} priority -50; policy {policy}; {' '.join(rules)} }} }}"
    )


REFUSED = {
    "a drop in front of what is forwarded": (
        beside(at("filter", "prerouting", "ip daddr 1.1.1.1 drop;")),
        "prerouting",
    ),
    "a drop as it comes in": (beside(at("filter", "ingress", "drop;")), "ingress"),
    "all is dropped in front": (beside(at("filter", "prerouting", policy="drop")), "a chain at prerouting decides"),
    "raw drops of iptables": (
        iptables_save.parsed(f"*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d {NET} -j DROP\nCOMMIT\n{FORWARDED}"),
        "a chain at prerouting decides",
    ),
    "nothing passes another chain": (beside(at("filter", "forward", policy="drop")), "several chains decide"),
    "nothing passes the security table": (
        iptables_save.parsed(f"*security\n:FORWARD DROP [0:0]\nCOMMIT\n{FORWARDED}"),
        "several chains decide",
    ),
    "nothing passes beside what is open": (
        nft_text.parsed(at("filter", "forward", policy="drop") + "\n" + at("filter", "forward").replace("other", "o")),
        "no rule in it lets a connection out",
    ),
    "one that translates drops": (beside(at("nat", "prerouting", "ip daddr 1.1.1.1 drop;")), "a chain at prerouting"),
    "one that translates drops all": (beside(at("nat", "postrouting", policy="drop")), "a chain at postrouting"),
    "a state that is not new": (nft("ct state established,related,untracked accept", policy="drop"), "no rule in it"),
    "a state that is not new, of iptables": (
        save("-A OUTPUT -m state --state RELATED,ESTABLISHED,UNTRACKED -j ACCEPT", output="DROP"),
        "no rule in it",
    ),
    "a state that some new connections have": (
        save("-A OUTPUT -m conntrack --ctstate DNAT -j DROP"),
        ":4: cannot tell what '--ctstate DNAT' leaves",
    ),
    "a set before a drop": (
        save("-A OUTPUT -m set --match-set blocked dst -j DROP"),
        ":4: cannot tell what '--match-set blocked' leaves",
    ),
    "an owner before a drop": (
        save("-A OUTPUT -p tcp -m owner --uid-owner 0 -j DROP"),
        ":4: cannot tell what '--uid-owner 0' leaves",
    ),
    "a module without options before a drop": (
        save("-A OUTPUT -m socket -j DROP"),
        ":4: cannot tell what '-m socket' leaves",
    ),
    "a mark before a drop": (nft("meta mark 0x1 drop"), ":5: cannot tell what 'meta mark 0x1' leaves"),
    "a port of the host before a drop": (nft("tcp sport 1 drop"), ":5: cannot tell what 'tcp sport 1' leaves"),
    "a comparison": (nft("tcp dport > 1023 accept"), ":5: cannot tell what 'tcp dport > 1023' leaves"),
    "a state by its mask": (nft("ct state & new == new drop"), ":5: cannot tell what 'ct state & new == new' leaves"),
    "a quota before a drop": (nft("quota over 10 mbytes drop"), ":5: cannot tell what 'quota' leaves"),
    "a quota in JSON": (objects(DADDR, {"quota": {"val": 1}}, {"accept": None}), "rule 1: cannot tell what 'quota'"),
    "a queue": (nft("queue num 1"), ":5: cannot tell what 'queue' leaves"),
    "a queue of iptables": (save("-A OUTPUT -j NFQUEUE --queue-num 1"), ":4: cannot tell what 'queue' leaves"),
    "a statement that nobody here knows": (nft("synproxy mss 1460 accept"), ":5: cannot tell what 'synproxy' leaves"),
    "what an older nft could not print": (
        nft("ip daddr 1.1.1.1 # xt_owner counter packets 0 bytes 0 drop"),
        ":5: cannot tell what '#' leaves",
    ),
    "a verdict map": (nft("ip daddr vmap { 1.1.1.1 : drop }"), ":5: maps are not followed here"),
    "a verdict map in JSON": (objects(VMAP), ": chain out, rule 1: maps are not followed here"),
    "a verdict map in JSON that is not there": (
        objects({"vmap": {**VMAP["vmap"], "data": "@gone"}}),
        "rule 1: the map @gone is not in this file",
    ),
    "a set that rules fill": (
        nft("add @s { ip daddr }", "ip daddr @s accept", more="set s {\ntype ipv4_addr\nelements = { 1.1.1.1 }\n}"),
        ":9: the set @s is not in this file",
    ),
    "a chain that is not there": (nft("jump gone"), ":5: the chain gone is not in this file"),
    "a chain of iptables that is not there": (save("-A OUTPUT -j SYNPROXY"), ":4: the chain SYNPROXY is not in"),
    "a goto to a chain that may not decide": (
        nft("goto a", "accept", policy="drop", more="chain a {\nip daddr 1.1.1.1 accept\n}"),
        ":7: a goto is not followed here if its chain may not decide",
    ),
    "two chains that decide": (
        save("-A FORWARD -j ACCEPT", "-A OUTPUT -d 10.0.0.0/8 -j ACCEPT", output="DROP", forward="DROP"),
        ": forward and output both decide",
    ),
    "another table that decides, too": (
        iptables_save.parsed(
            "*mangle\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 1.1.1.1 -j DROP\nCOMMIT\n"
            "*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -j ACCEPT\nCOMMIT\n"
        ),
        ": several chains decide about output",
    ),
    "a chain behind that decides, too": (
        nft(
            "accept", policy="drop", more="chain p {\ntype filter hook postrouting priority 0\nip daddr 1.1.1.1 drop\n}"
        ),
        ": a chain at postrouting decides, too",
    ),
    "an interface before a return": (
        nft('oifname "eth0" return', "drop"),
        ":5: only the machine knows which interface",
    ),
    "an interface that connections leave by": (
        nft(f'oifname "tun0" ip daddr {NET} accept', policy="drop"),
        """leave out 'oifname "tun0"'""",
    ),
    "an interface before a drop": (nft(f'oif != "eth0" ip daddr {NET} drop'), ":5: only the machine knows"),
    "interfaces and the loopback": (nft('oifname { "lo", "eth0" } accept', policy="drop"), ":5: only the machine"),
    "an interface of iptables": (save(f"-A OUTPUT -o tun0 -d {NET} -j ACCEPT", output="DROP"), "leave out '-o tun0'"),
    "an interface of iptables before a drop": (save(f"-A OUTPUT ! -o eth+ -d {NET} -j DROP"), "leave out '! -o eth+'"),
    "an interface before a jump": (
        save("-A OUTPUT -o tun0 -j A", f"-A A -d {NET} -j ACCEPT", output="DROP"),
        ":4: only the machine knows",
    ),
    "an interface and a set of pairs": (
        nft(f'oifname . ip daddr {{ "tun0" . {NET} }} accept', policy="drop"),
        ":5: only the machine knows",
    ),
    "an interface without a source": (
        save(f"-A FORWARD -i guests -d {NET} -j ACCEPT", forward="DROP"),
        "leave out '-i guests'",
    ),
    "two interfaces of one source": (
        save(
            f"-A FORWARD -i guests -s 10.0.0.0/8 -d {NET} -j DROP",
            f"-A FORWARD -i lan -s 10.0.0.0/8 -d {NET} -j ACCEPT",
            forward="DROP",
        ),
        ":5: only the machine knows",
    ),
    "an interface of JSON": (
        objects(
            {"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "tun0"}},
            DADDR,
            {"accept": None},
            policy="drop",
        ),
        "leave out 'oif'",
    ),
    "a share of all connections": (
        save(f"-A OUTPUT -d {NET} -m statistic --mode random --probability 0.5 -j ACCEPT", output="DROP"),
        ":4: cannot tell what '--probability 0.5' leaves",
    ),
    "a share of all connections before a drop": (
        save(f"-A OUTPUT -d {NET} -m statistic --mode nth --every 2 --packet 0 -j DROP"),
        ":4: cannot tell what '--every 2' leaves",
    ),
    "a set of destinations before a drop": (
        save("-A OUTPUT -m set --match-set foes dst -j DROP", f"-A OUTPUT -d {NET} -j ACCEPT", output="DROP"),
        ":4: cannot tell what '--match-set foes' leaves",
    ),
    "a set of pairs before a drop": (
        save("-A OUTPUT -m set --match-set foes dst,dst -j REJECT", f"-A OUTPUT -d {NET} -j ACCEPT", output="DROP"),
        ":4: cannot tell what '--match-set foes' leaves",
    ),
    "a set of destinations before a jump": (
        save("-A OUTPUT -m set ! --match-set friends dst -g A", "-A A -j DROP", f"-A OUTPUT -d {NET} -j ACCEPT"),
        ":4: cannot tell what '! --match-set friends' leaves",
    ),
    **{
        f"either version of IP, {name}": (iptables_save.parsed(text), "of iptables or ip6tables")
        for name, text in {
            "a dump without its head": "*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -p tcp -m tcp --dport 443 -j ACCEPT\n",
            "a policy": "*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p udp -j DROP\n",
            "without a table": "-P OUTPUT DROP\n-A OUTPUT -p tcp -m tcp --dport 443 -j ACCEPT\n",
        }.items()
    },
    "no line of iptables-save": (save("-A OUTPUT -j ACCEPT", "nonsense"), ":5: no line of iptables-save"),
}


@pytest.mark.parametrize(("ruleset", "cause"), REFUSED.values(), ids=REFUSED)
def test_what_may_decide_and_is_not_understood_is_refused(ruleset: Ruleset, cause: str) -> None:
    with pytest.raises(RulesError) as caught:
        entries(ruleset)
    assert cause in str(caught.value)


def test_chains_without_end_cost_no_time() -> None:
    """Each of thirty chains jumps twice to the next."""
    jumps = [f"-A c{n} -j c{n + 1}" for n in range(30) for _ in range(2)]
    begun = time.thread_time()
    with pytest.raises(RulesError, match="more rules than can be followed"):
        entries(save("-A OUTPUT -j c0", *jumps, "-A c30 -j LOG", output="DROP"))
    assert time.thread_time() - begun < 10


def test_large_sets_in_chains_cost_no_time_that_grows_with_their_square() -> None:
    blocks = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(10_000)]
    sets = f"set s {{\ntype ipv4_addr\nelements = {{ {', '.join(blocks)} }}\n}}\nchain a {{\nip daddr @s accept\n}}"
    begun = time.thread_time()
    found = entries(nft("ip daddr @s jump a", policy="drop", more=sets))
    assert [entry.text for entry in found] == blocks
    assert time.thread_time() - begun < 10


def test_blocks_that_are_in_both() -> None:
    some = ("10.0.0.0/8", "1.1.1.1/32", "2a05::/16", "9.9.9.9/32")
    others = ["10.1.0.0/16", "10.2.2.2/32", "0.0.0.0/5", "2a05::1/128", "9.9.9.9/32"]
    assert both([some, (), some[1:]], others) == [
        ("10.1.0.0/16", "10.2.2.2/32", "1.1.1.1/32", "2a05::1/128", "9.9.9.9/32"),
        (),
        ("1.1.1.1/32", "2a05::1/128", "9.9.9.9/32"),
    ]


HEAD6 = "# Generated by ip6tables-save v1.8.9 on Mon Nov 30 21:00:00 2026\n"
OF_6 = "*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -p tcp -m tcp --dport 443 -j ACCEPT\nCOMMIT\n"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (HEAD6 + OF_6, 6),
        (OF_6.replace("-A", "-A OUTPUT -p ipv6-icmp -j ACCEPT\n-A", 1), 6),
        (OF_6.replace("-A", "-A INPUT -m rt --rt-type 0 -j DROP\n-A", 1), 6),
        (OF_6.replace("-A", "-A INPUT -j REJECT --reject-with icmp6-port-unreachable\n-A", 1), 6),
        (OF_6.replace("-p tcp", "-s fd00::/8 -p tcp"), 6),
        (OF_6.replace("-A", "-A INPUT -p icmp -j ACCEPT\n-A", 1), 4),
        (OF_6.replace("-A", "-A INPUT -j REJECT --reject-with icmp-port-unreachable\n-A", 1), 4),
        (OF_6.replace("-p tcp", "-d 34.250.11.21 -p tcp"), 4),
    ],
)
def test_a_dump_of_one_version_of_ip_says_nothing_of_the_other(text: str, version: int) -> None:
    found = entries(iptables_save.parsed(text))
    assert {entry.only for entry in found} == {version}
    assert all((":" in block) == (version == 6) for entry in found for block in entry.blocks)


def test_what_both_versions_of_ip_pass_says_something_of_both() -> None:
    assert {entry.only for entry in entries(nft(f"ip daddr {NET} accept", policy="drop"))} == {None}


@pytest.mark.parametrize(
    "undone",
    ["flush chain inet f fwd", "delete table inet f", "flush ruleset", "delete element inet g s { 1.1.1.1 }"],
)
def test_what_takes_back_what_was_read_is_refused(undone: str) -> None:
    with pytest.raises(RulesError, match=f"{' '.join(undone.split()[:2])} takes back"):
        beside(undone)


def test_what_comes_before_the_rules_and_what_translates_takes_nothing_back() -> None:
    before = ["flush ruleset", "table inet f", "delete table inet f", "flush chain inet f fwd"]
    translating = at("nat", "prerouting", "tcp dport 8080 dnat ip to 172.17.0.2;")
    alone = told(nft_text.parsed(LISTED + "\n"))
    assert told(nft_text.parsed("\n".join([*before, LISTED, "flush table inet g", translating, ""]))) == alone
