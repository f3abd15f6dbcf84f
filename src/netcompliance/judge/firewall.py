"""What a host's firewall lets in by source address, out of nftables' JSON or iptables-save's text.

Theory. Only rules that name a source count: one that lets everybody in says nothing about the tenant. A rule lets in
if it is in an input chain, or in a chain that one jumps to, accepts, and is not limited to packets of connections that
exist already. Neither the order of rules nor sets filled at run time outside the ruleset are followed, so a rule that
another one shadows is reported too: it is to be removed all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, TypeAlias

from netcompliance.judge.evidence import listed, parsed_address

WIDEST = {4: 8, 6: 16}
"""A rule for a block this wide or wider names no tenant; it is a rule for everybody."""

Place: TypeAlias = tuple[str, str, str]
"""Family, table, and name of a chain or set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A rule that accepts new connections by source."""

    rule: str
    sources: tuple[str, ...]


def openings(tool: str, text: str) -> list[Opening]:
    """The openings in a ruleset as this tool prints it."""
    return list(_nft(text) if tool == "nft" else _iptables(text))


def names(block: str, address: str) -> bool:
    """Does a rule's source name this address, as one of few and not as one of all?"""
    ip = parsed_address(address)
    first, mark, last = block.partition("-")
    try:
        if mark:
            low, high = parsed_address(first), parsed_address(last)
            return bool(
                ip and low and high and low.version == high.version == ip.version and int(low) <= int(ip) <= int(high)
            )
        net = ip_network(block, strict=False)
    except ValueError:
        return False
    return ip is not None and net.version == ip.version and net.prefixlen > WIDEST[net.version] and ip in net


def _reached(roots: Iterable[Any], jumps: Iterable[tuple[Any, Any]]) -> set[Any]:
    """The input chains, and the chains that they jump to."""
    onward: dict[Any, list[Any]] = {}
    for chain, target in jumps:
        onward.setdefault(chain, []).append(target)
    reached: set[Any] = set()
    pending = list(roots)
    while pending:
        chain = pending.pop()
        if chain not in reached:
            reached.add(chain)
            pending += onward.get(chain, [])
    return reached


# --- nftables, as `nft -j list ruleset` prints it --------------------------------------------------------------------


def _nft(text: str) -> Iterator[Opening]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    listed_objects = document.get("nftables") if isinstance(document, dict) else None
    objects = [pair for item in _list(listed_objects) for pair in _dict(item).items() if isinstance(pair[1], dict)]
    sets = {_place(body, "name"): body.get("elem") for kind, body in objects if kind in ("set", "map")}
    inputs = [_place(body, "name") for kind, body in objects if kind == "chain" and body.get("hook") == "input"]
    rules = [
        (_place(body, "chain"), [_dict(e) for e in _list(body.get("expr"))]) for kind, body in objects if kind == "rule"
    ]
    jumps = [
        ((*where[:2], where[2]), (*where[:2], str(_dict(expression.get(verb)).get("target"))))
        for where, expressions in rules
        for expression in expressions
        for verb in ("jump", "goto")
        if verb in expression
    ]
    reached = _reached(inputs, jumps)
    for where, expressions in rules:
        sources = tuple(s for e in expressions for s in _sources(e, sets, where))
        plain = any("accept" in expression for expression in expressions)
        by_map = any("vmap" in expression for expression in expressions)
        if sources and where in reached and (plain or by_map) and not any(map(_replies_only, expressions)):
            yield Opening(rule=f"{where[2]}: source {listed(sources, 3)} accept", sources=sources)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _place(body: Mapping[str, Any], name: str) -> Place:
    return str(body.get("family")), str(body.get("table")), str(body.get(name))


def _replies_only(expression: dict[str, Any]) -> bool:
    """Does the expression limit its rule to packets of connections that exist already?"""
    match = _dict(expression.get("match"))
    if _dict(_dict(match.get("left")).get("ct")).get("key") != "state":
        return False
    return ("new" in _leaves(match.get("right"), {}, ("", "", ""))) == (match.get("op") == "!=")


def _sources(expression: dict[str, Any], sets: Mapping[Place, Any], where: Place) -> Iterator[str]:
    """The blocks that an expression wants the source to be in, or accepts by a verdict map."""
    match, verdicts = _dict(expression.get("match")), _dict(expression.get("vmap"))
    if match.get("op") in ("==", "in") and _is_source(match.get("left")):
        yield from _leaves(match.get("right"), sets, where)
    if _is_source(verdicts.get("key")):
        pairs = (_list(pair) for pair in _list(_dict(verdicts.get("data")).get("set")))
        for pair in pairs:
            if len(pair) == 2 and "accept" in _dict(pair[1]):
                yield from _leaves(pair[0], sets, where)


def _is_source(left: Any) -> bool:
    return _dict(_dict(left).get("payload")).get("field") == "saddr"


def _leaves(value: Any, sets: Mapping[Place, Any], where: Place) -> list[str]:
    """The words in a right-hand side: addresses, prefixes, ranges or states, through sets and their elements."""
    found: list[str] = []
    pending, followed = [value], set[str]()
    while pending:
        item = pending.pop()
        if isinstance(item, str) and item.startswith("@"):
            if item not in followed:
                followed.add(item)
                pending.append(sets.get((where[0], where[1], item[1:])))
        elif isinstance(item, str):
            found.append(item)
        elif isinstance(item, list):
            pending += reversed(item)
        elif isinstance(item, dict) and "prefix" in item:
            prefix = _dict(item["prefix"])
            found.append(f"{prefix.get('addr')}/{prefix.get('len')}")
        elif isinstance(item, dict) and "range" in item:
            found.append("-".join(str(end) for end in _list(item["range"])))
        elif isinstance(item, dict):
            pending += [item[key] for key in ("set", "elem", "val") if key in item]
    return found


# --- iptables, as iptables-save prints it ----------------------------------------------------------------------------

RULE = re.compile(r"-A (?P<chain>\S+) (?P<rest>.*)")
TARGET = re.compile(r"-[jg] (\S+)")
SOURCE = re.compile(r"(?<!! )-s (\S+)|(?<!! )--src-range (\S+)")
STATE = re.compile(r"(! )?--(?:ct)?state (\S+)")


def _iptables(text: str) -> Iterator[Opening]:
    rules = [(rule["chain"], rule["rest"]) for line in _filter_table(text) if (rule := RULE.match(line))]
    jumps = [(chain, target[1]) for chain, rest in rules if (target := TARGET.search(rest))]
    reached = _reached(["INPUT"], jumps)
    for chain, rest in rules:
        source, state, target = SOURCE.search(rest), STATE.search(rest), TARGET.search(rest)
        replies_only = state is not None and ("NEW" in state[2].split(",")) == bool(state[1])
        if chain in reached and source and target and target[1] == "ACCEPT" and not replies_only:
            yield Opening(rule=f"-A {chain} {rest}", sources=(source[1] or source[2],))


def _filter_table(text: str) -> Iterator[str]:
    """The lines of the table that decides; what is said before any table counts too."""
    table = "*filter"
    for line in text.splitlines():
        if line.startswith("*"):
            table = line.strip()
        elif table == "*filter":
            yield line
