"""iptables' rules as `iptables-save` prints them, and the sets of `ipset save`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from netcompliance.judge.rulesets import MOST, Blocks, Budget, Ruleset, Step

RULE = re.compile(r"-A (?P<chain>\S+) (?P<rest>.*)")
TARGET = re.compile(r"(?:^| )-[jg] (\S+)")
SOURCE = re.compile(r"(! )?(?:(?<!\S)-s|--src-range|--ctorigsrc|--ctrepldst) (\S+)")
STATE = re.compile(r"(! )?--(?:ct)?state (\S+)")
DIRECTION = re.compile(r"(! )?--ctdir (\S+)")
SET = re.compile(r"(! )?--match-set (\S+) (\S+)")
FILLS = re.compile(r"--add-set (\S+)")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*("|\\?\Z)')
"""A text to its closing quote, which iptables-save never leaves out, or to the end."""
COMMENT = re.compile(r"--(?:comment|log-prefix|nflog-prefix) (?:\"\"|\S+)")
MODULE = re.compile(r"-m (\S+)")
REPLIES = frozenset({"established", "related", "invalid"})
MATCHES = frozenset(
    {
        "tcp", "udp", "sctp", "icmp", "icmp6", "ipv6-icmp", "conntrack", "state", "comment", "limit", "hashlimit",
        "multiport", "addrtype", "pkttype", "iprange", "set",
    }
)  # fmt: skip
QUEUES = ("NFQUEUE", "QUEUE")
EARLY = {"nat": ("PREROUTING",), "raw": ("PREROUTING",), "mangle": ("PREROUTING",)}
"""Chains of other tables that packets pass before the input chain."""
DIVERSIONS = ("DNAT", "REDIRECT", "TPROXY", "NETMAP")
LONGEST = 200
"""Characters of a rule that cannot be read, as it is shown."""


def parsed(text: str, ipsets: Mapping[str, Blocks], budget: Budget | None = None) -> Ruleset:
    """A ruleset as this tool prints it. A set that rules themselves add to is not known before its packets come.

    Raises `TooMuch`.
    """
    filled = set(FILLS.findall(text))
    ipsets = {name: elements for name, elements in ipsets.items() if name not in filled}
    budget = budget or Budget()
    steps: dict[Any, list[Step]] = {}
    for table, line in _lines(text):
        rule = RULE.match(line)
        step = _step(rule["chain"], rule["rest"], ipsets, table, budget) if rule else None
        if rule and step:
            steps.setdefault((table, rule["chain"]), []).append(step)
    early = [(table, chain) for table, chains in EARLY.items() for chain in chains]
    return Ruleset(steps=steps, inputs=[("filter", "INPUT")], early=early)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line with its table; what is said before any table belongs to the one that decides."""
    table = "filter"
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        else:
            yield table, line


def _step(chain: str, rest: str, ipsets: Mapping[str, Blocks], table: str, budget: Budget) -> Step | None:
    """A rule; `None` for one about replies, or without a target."""
    plain = COMMENT.sub("", QUOTED.sub(r'"\1', rest))
    shown = f"-A {chain} {rest}" if table == "filter" else f"-t {table} -A {chain} {rest}"
    if plain.count('"') % 2:
        return Step(rule=shown[:LONGEST], accepts=True, understood=False)
    target = TARGET.search(plain)
    if not target or any(map(_about_replies, STATE.finditer(plain))) or any(map(_reply, DIRECTION.finditer(plain))):
        return None
    sources: list[Blocks] = []
    but: list[str] = []
    understood = MATCHES.issuperset(MODULE.findall(plain)) and target[1] not in QUEUES
    for negated, blocks in ((bool(found[1]), (found[2],)) for found in SOURCE.finditer(plain)):
        but += blocks if negated else ()
        sources += [] if negated else [blocks]
    for found in SET.finditer(plain):
        dimensions = found[3].split(",")
        if "src" not in dimensions:
            continue
        contents = ipsets.get(found[2])
        if contents is None or dimensions[0] != "src":
            understood = False
        elif found[1]:
            but += budget.spent(contents)
        else:
            sources.append(budget.spent(contents))
    budget.spent(tuple(but))
    return Step(
        rule=shown,
        sources=tuple(sources),
        accepts=target[1] in ("ACCEPT", *QUEUES),
        returns=target[1] == "RETURN",
        against=target[1] in ("DROP", "REJECT"),
        diverts=target[1] in DIVERSIONS,
        untracks=target[1] == "NOTRACK" or (target[1] == "CT" and "--notrack" in plain),
        goes=(((table, target[1]), ()),),
        understood=understood,
        but=tuple(but),
    )


def _about_replies(state: re.Match[str]) -> bool:
    states = {name.lower() for name in state[2].split(",")}
    return "new" in states if state[1] else REPLIES.issuperset(states)


def _reply(direction: re.Match[str]) -> bool:
    return (direction[2].upper() == "REPLY") != bool(direction[1])


def ipsets_in(text: str) -> dict[str, Blocks]:
    """The sets in what `ipset save` prints, by name; those that cannot be understood are left out.

    A set of sets has what these have, unless that is too much. Where a set cuts addresses to a length, its elements are
    blocks of it.
    """
    found: dict[str, list[str]] = {}
    masks: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 3 or words[0] not in ("create", "add"):
            continue
        name, first = words[1], words[2].split(",")[0]
        if words[0] == "create":
            found.setdefault(name, [])
            masks[name] = words[words.index("netmask") + 1] if "netmask" in words[:-1] else ""
            if "bitmask" in words or words[2] == "hash:mac":
                del found[name]
        elif name in found and "nomatch" not in words:
            found[name].append(f"{first}/{masks[name]}" if masks.get(name) and "/" not in first else first)
    left, whole = MOST, dict[str, Blocks]()
    for name, elements in found.items():
        members = dict.fromkeys(elements)
        left -= sum(len(found.get(each, (each,))) for each in members)
        if left >= 0:
            whole[name] = tuple(element for each in members for element in found.get(each, (each,)))
    return whole
