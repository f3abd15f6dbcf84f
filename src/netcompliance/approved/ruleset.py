"""What the rules of a packet filter come to: which destinations they let new connections out to (pure).

Theory. The chain that decides about what passes through (forward) or leaves the machine (output) is walked rule by
rule, into the chains that it jumps to. What a rule demands on the way down is demanded of all below it. An accept is an
entry that allows, a drop or reject one that does not; the first that fits decides, and in the end the policy. A file
without such a chain is a part of a ruleset: all its chains are walked that none of them jumps to.

Interfaces, counters and logs are passed over: which interface leads where, only the machine knows. So are rates and
flags: an accept with one lets connections out, a drop does not keep them in. A rule for packets of connections that
exist already opens none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import TypeAlias

from netcompliance.approved.blocks import ANYWHERE, blocks, ports, protocol, services
from netcompliance.inputs import BadInput
from netcompliance.model import Approved, Service

Place: TypeAlias = tuple[str, str, str]
"""Family, table and chain."""
HOOKS = ("forward", "output")
DEEPEST = 32
MOST_ENTRIES = 20_000
PORTED = ("tcp", "udp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a rule wants of a packet: some fields, together, to have one of these values."""

    fields: tuple[str, ...]
    """`saddr`, `daddr`, `dport`, `protocol`, `state`, `loopback`; anything else is not understood."""
    values: tuple[tuple[str, ...], ...] = ()
    negated: bool = False
    text: str = ""
    """As it is written."""


SOMETIMES = Match(fields=("sometimes",))
"""What only some packets of a connection are, by their rate or their flags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule."""

    where: str
    matches: tuple[Match, ...]
    verdict: str
    """`accept`, `drop`, `jump`, `return`, or empty for a rule that decides nothing."""
    target: str = ""
    """The chain that a jump leads to."""


@dataclass(slots=True, kw_only=True)
class Chain:
    """Rules in their order."""

    where: str
    hook: str = ""
    kind: str = "filter"
    policy: str = "accept"
    version: int | None = None
    """4 or 6 where the chain sees one version of IP only."""
    rules: list[Rule] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Demand:
    """What has been asked of a packet so far; None: nothing."""

    sources: tuple[str, ...] | None = None
    targets: tuple[tuple[str, tuple[str, ...]], ...] | None = None
    """(as written, blocks) of each destination."""
    services: tuple[Service, ...] | None = None


def entries(chains: Mapping[Place, Chain], origin: str) -> tuple[Approved, ...]:
    """The entries that the chains come to. Raises `BadInput`."""
    found: list[Approved] = []
    for place, chain in _roots(chains, origin):
        for entry in _walk(chains, place, _Demand(), 0):
            found.append(entry)
            if len(found) > MOST_ENTRIES:
                raise BadInput(f"{origin}: more than {MOST_ENTRIES} entries")
        if chain.hook and chain.policy == "accept":
            found += _entries(chain.where, _Demand(), chain, allows=True, otherwise="policy accept")
    if not any(entry.allows for entry in found):
        raise BadInput(f"{origin}: no rule in it lets a connection out")
    return tuple(found)


def _roots(chains: Mapping[Place, Chain], origin: str) -> list[tuple[Place, Chain]]:
    for hook in HOOKS:
        hooked = [(p, c) for p, c in chains.items() if c.hook == hook and c.kind == "filter"]
        deciding = [(p, c) for p, c in hooked if c.policy == "drop" or _decides(chains, p)]
        versions = [chain.version for _, chain in deciding]
        if len(versions) != len(set(versions)) or (len(versions) > 1 and None in versions):
            raise BadInput(f"{origin}: several chains decide about {hook}; hand in the one with the allow-list")
        if deciding:
            return deciding
    if any(chain.hook in HOOKS for chain in chains.values()):
        return [(p, c) for p, c in chains.items() if c.hook in HOOKS]
    jumped = {(*place[:2], rule.target) for place, chain in chains.items() for rule in chain.rules if rule.target}
    return [(place, chain) for place, chain in chains.items() if place not in jumped and not chain.hook]


def _decides(chains: Mapping[Place, Chain], root: Place) -> bool:
    """Is there a verdict on new connections in the chain or below it?"""
    waiting, seen = [root], set[Place]()
    while waiting:
        place = waiting.pop()
        if place in seen or place not in chains:
            continue
        seen.add(place)
        for rule in chains[place].rules:
            if rule.verdict in ("accept", "drop") and _may_be_new(rule):
                return True
            waiting += [(*place[:2], rule.target)] if rule.target else []
    return False


def _walk(chains: Mapping[Place, Chain], place: Place, demand: _Demand, depth: int) -> Iterator[Approved]:
    chain = chains.get(place)
    if chain is None:
        return
    if depth > DEEPEST:
        raise BadInput(f"{chain.where}: chains jump to each other without end")
    for rule in chain.rules:
        if not rule.verdict or not _may_be_new(rule):
            continue
        here = _demanded(rule, demand)
        if here is None:
            continue
        if rule.verdict == "return":
            if not rule.matches:
                return
            raise BadInput(f"{rule.where}: a conditional return is not followed here; list what is let out")
        for each in here:
            if rule.verdict == "jump":
                yield from _walk(chains, (*place[:2], rule.target), each, depth + 1)
            else:
                yield from _entries(rule.where, each, chain, allows=rule.verdict == "accept")


def _entries(
    where: str, demand: _Demand, chain: Chain, *, allows: bool, otherwise: str = "any address"
) -> Iterator[Approved]:
    """One for each destination of a rule."""
    every = tuple(net for version, net in ANYWHERE.items() if chain.version in (None, version))
    for text, some in demand.targets or ((otherwise, every),):
        yield Approved(
            text=text,
            blocks=some,
            services=demand.services or services(["any"], None),
            sources=demand.sources or (),
            allows=allows,
            where=where,
        )


def _may_be_new(rule: Rule) -> bool:
    """Could the rule's packet be the first of a connection through a network?"""
    for match in rule.matches:
        words = {value[0].lower() for value in match.values if value}
        if match.fields == ("state",) and (bool(words & {"new", "untracked"}) == match.negated):
            return False
        if match.fields == ("loopback",) and not match.negated:
            return False
    return True


def _demanded(rule: Rule, demand: _Demand) -> list[_Demand] | None:
    """What the rule asks on top of `demand`: alternatives, `None` where nothing can fit both."""
    alternatives = [demand]
    for match in rule.matches:
        if match is SOMETIMES and rule.verdict == "drop":
            return None
        if match is SOMETIMES or match.fields in (("state",), ("loopback",)):
            continue
        strange = match.negated or not set(match.fields) <= {"saddr", "daddr", "dport", "protocol"}
        if strange:
            if rule.verdict == "drop" and not match.negated:
                return None
            raise BadInput(f"{rule.where}: cannot tell what {match.text or ' '.join(match.fields)!r} leaves")
        options = _columns(match)
        alternatives = [
            each for one in alternatives for option in options if (each := _narrowed(one, option, rule.where))
        ]
    return alternatives or None


def _columns(match: Match) -> Sequence[Mapping[str, tuple[str, ...]]]:
    """A match of one field is one option with all its values; of several fields, one option for each value."""
    if len(match.fields) == 1:
        return [{match.fields[0]: tuple(value[0] for value in match.values)}]
    return [{name: (part,) for name, part in zip(match.fields, value, strict=False)} for value in match.values]


def _narrowed(demand: _Demand, option: Mapping[str, tuple[str, ...]], where: str) -> _Demand | None:
    for name, words in option.items():
        if name == "saddr":
            wanted = tuple(block for word in words for block in blocks(word, where))
            kept = wanted if demand.sources is None else _both(demand.sources, wanted)
            if not kept:
                return None
            demand = replace(demand, sources=kept)
        elif name == "daddr":
            targets = tuple((word, blocks(word, where)) for word in words)
            if demand.targets is not None:
                above = tuple(block for _, some in demand.targets for block in some)
                targets = tuple((text, kept) for text, some in targets if (kept := _both(above, some)))
            if not targets:
                return None
            demand = replace(demand, targets=targets)
        else:
            narrowed = _services(demand.services, name, words, where)
            if not narrowed:
                return None
            demand = replace(demand, services=narrowed)
    return demand


def _services(
    known: tuple[Service, ...] | None, name: str, words: Iterable[str], where: str
) -> tuple[Service, ...] | None:
    if name == "protocol":
        asked = [protocol(word) for word in words]
        if known is None or any(each.protocol == "any" for each in known):
            some = [(each.first, each.last) for each in known] if known else None
            return services(asked, some)
        return tuple(each for each in known if each.protocol in asked or "any" in asked)
    wanted = [ports(word, where) for word in words]
    if known is None:
        return services(PORTED, wanted)
    names = dict.fromkeys(each.protocol for each in known)
    protocols = [each for name in names for each in (PORTED if name == "any" else (name,))]
    spans = [
        (max(first, each.first), min(last, each.last))
        for first, last in wanted
        for each in known
        if max(first, each.first) <= min(last, each.last)
    ]
    return services(protocols, list(dict.fromkeys(spans))) if spans else None


def _both(some: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """The blocks that are in one of each."""
    nets = [ip_network(block) for block in others]
    found: dict[str, None] = {}
    for block in some:
        net = ip_network(block)
        for other in nets:
            if net.version == other.version and net.overlaps(other):
                found[str(net if net.prefixlen >= other.prefixlen else other)] = None
    return tuple(found)
