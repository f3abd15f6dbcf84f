"""Which destinations the rules of a packet filter let new connections out to, as the entries of an allow-list.

Theory. The chain that decides about what passes through (forward) or leaves the machine (output) is walked rule by
rule, into the chains that it jumps to. What a rule demands on the way down is demanded of all below it. An accept is an
entry that allows, a drop or reject one that does not; the first that fits decides, and in the end the policy. A file
without such a chain is a part of a ruleset: all its chains are walked that none of them jumps to.

Rates are passed over: an accept with a rate lets connections out, a drop does not keep them in. Which interface leads
where, only the machine knows: what a rule says of one that connections leave by could decide about anything. The one
that they come by is passed over where their source is named too, and all rules name the same. A rule that no first
packet of a connection meets opens none, and one that is neither for TCP nor for UDP is none of the audit's. Whatever
else is not computed with could decide about anything, and the rule is refused. So is what may be of either version of
IP; what is of one alone says nothing of the other.

The kernel is the judge of this one, too: `tests/acceptance/test_outbound_kernel.py` sends connections out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from netcompliance.firewall_rules.blocks import (
    ANYWHERE,
    Blocks,
    ServicePort,
    blocks,
    both,
    covers_half,
    networks,
    ports,
    protocol,
    services,
)
from netcompliance.firewall_rules.rules import MAPS, Chain, Match, Place, Rule, RulesError, Ruleset
from netcompliance.firewall_rules.vocabulary import INTERFACES, LOOPBACK, PLAIN, PORTED, RATE, REPLIES, Effect
from netcompliance.model import Approved, Service

HOOKS = ("forward", "output")
EARLIER = ("ingress", "prerouting")
"""Hooks in front of `forward`, where a rule may drop what never gets there,"""
LATER = ("postrouting", "egress")
"""and those behind both, where it still may."""
EITHER = (
    "neither an address nor the first line says whether this is of iptables or ip6tables: hand in the whole of what "
    "iptables-save or ip6tables-save prints"
)
DEEPEST = 32
MOST_ENTRIES = 20_000
MOST_STEPS = 100_000
"""So many rules and blocks are followed; those of a chain count as often as it is jumped to."""
_DECIDING = (Effect.ACCEPT, Effect.DROP, Effect.RETURN, Effect.JUMP, Effect.GOTO, Effect.QUEUE, Effect.DIVERT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Demand:
    """What has been asked of a packet so far; None: nothing."""

    sources: Blocks | None = None
    targets: tuple[tuple[str, Blocks], ...] | None = None
    """(as written, blocks) of each destination."""
    services: tuple[Service, ...] | None = None


def entries(ruleset: Ruleset, service_port: ServicePort) -> tuple[Approved, ...]:
    """The entries that the rules come to, each with its place. Raises `RulesError`."""
    for where, text in ruleset.doubts:
        raise RulesError(where, text)
    walk = _Walk(ruleset.chains, service_port)
    found: list[Approved] = []
    unsure = ""
    for place, chain in _roots(ruleset.chains):
        before = len(found)
        for entry in walk.entries(place, _Demand()):
            found.append(entry)
            if len(found) > MOST_ENTRIES:
                raise RulesError("", f"more than {MOST_ENTRIES} entries")
        if chain.hook and chain.policy == "accept":
            found += _entries(chain.where, _Demand(), chain, allows=True, otherwise="policy accept")
        if chain.guessed and any(entry.allows for entry in found[before:]):
            unsure = unsure or chain.where
    if unsure:
        raise RulesError(unsure, EITHER)
    if not any(entry.allows for entry in found):
        raise RulesError("", "no rule in it lets a connection out")
    return tuple(found)


def _roots(chains: Mapping[Place, Chain]) -> list[tuple[Place, Chain]]:
    """The chains that decide. Raises `RulesError` where several do."""
    hooked = [(place, chain) for place, chain in chains.items() if chain.kind != "nat"]
    deciding = {
        hook: [(place, chain) for place, chain in hooked if chain.hook == hook and _decides(chains, place)]
        for hook in (*EARLIER, *HOOKS, *LATER)
    }
    shut = [chain for _, chain in hooked if chain.policy == "drop" and not chain.rules]
    for hook in HOOKS:
        if not deciding[hook]:
            continue
        versions = [chain.version for chain in (*(chain for _, chain in deciding[hook]), *shut) if chain.hook == hook]
        if len(versions) != len(set(versions)) or (len(versions) > 1 and None in versions):
            raise RulesError("", f"several chains decide about {hook}; hand in the one with the allow-list")
    if deciding["forward"] and deciding["output"]:
        raise RulesError("", "forward and output both decide; hand in the one with the allow-list")
    found = deciding["forward"] or deciding["output"]
    if found:
        _check_others(chains, [chain for hook in _beside(found) for _, chain in deciding[hook]])
        return found
    if any(chain.hook in HOOKS for _, chain in hooked):
        opened = {*HOOKS} - {chain.hook for chain in shut}
        return [(place, chain) for place, chain in hooked if chain.hook in opened and chain.policy == "accept"]
    jumped = {(*place[:2], rule.target) for place, chain in chains.items() for rule in chain.rules if rule.target}
    return [(place, chain) for place, chain in hooked if place not in jumped and not chain.hook]


def _beside(found: Sequence[tuple[Place, Chain]]) -> tuple[str, ...]:
    """The hooks that what these chains decide about passes, too."""
    return (*(EARLIER if found[0][1].hook == "forward" else ()), *LATER)


def _check_others(chains: Mapping[Place, Chain], deciding: Iterable[Chain]) -> None:
    """Raises `RulesError` where another chain decides, or one that translates addresses drops."""
    dropping = (
        chain for place, chain in chains.items() if chain.kind == "nat" and chain.hook and _drops(chains, place)
    )
    for chain in (*deciding, *dropping):
        raise RulesError(chain.where, f"a chain at {chain.hook} decides, too; hand in the one with the allow-list")


def _decides(chains: Mapping[Place, Chain], root: Place) -> bool:
    """Does something that the chain lets out depend on its rules?"""
    if chains[root].policy == "drop":
        return bool(chains[root].rules) or chains[root].hook not in HOOKS
    waiting, seen = [root], set[Place]()
    while waiting:
        place = waiting.pop()
        if place in seen or place not in chains:
            continue
        seen.add(place)
        for rule in chains[place].rules:
            if _begins(rule) is False or any(match.fields == (RATE,) for match in rule.matches):
                continue
            if rule.does(Effect.DROP, Effect.QUEUE) or rule.unknown or rule.doubt:
                return True
            waiting += [(*place[:2], rule.target)] if rule.target else []
    return False


def _drops(chains: Mapping[Place, Chain], root: Place) -> bool:
    """Does a chain that translates addresses drop something, or a chain that it jumps to?"""
    waiting, seen = [root], set[Place]()
    while waiting:
        place = waiting.pop()
        if place in seen or place not in chains:
            continue
        seen.add(place)
        if chains[place].policy == "drop" or any(rule.does(Effect.DROP) for rule in chains[place].rules):
            return True
        waiting += [(*place[:2], rule.target) for rule in chains[place].rules if rule.target]
    return False


class _Walk:
    def __init__(self, chains: Mapping[Place, Chain], service_port: ServicePort) -> None:
        self._chains = chains
        self._service_port = service_port
        self._steps = 0
        self._inside: Match | None = None
        """The interface by which the connections come, once a rule has named it."""

    def entries(self, place: Place, demand: _Demand, depth: int = 0) -> Iterator[Approved]:
        chain = self._chains[place]
        if depth > DEEPEST:
            raise RulesError(chain.where, "chains jump to each other without end")
        for number, rule in enumerate(chain.rules, start=1):
            self._count(1)
            here = self._demanded(rule, demand)
            if rule.does(Effect.RETURN) and here:
                if not rule.matches:
                    return
                raise RulesError(rule.where, "a conditional return is not followed here; list what is let out")
            for each in here:
                if rule.target:
                    target = (*place[:2], rule.target)
                    if target not in self._chains:
                        raise RulesError(rule.where, f"the chain {rule.target} is not in this file")
                    yield from self.entries(target, each, depth + 1)
                    if rule.does(Effect.GOTO) and number < len(chain.rules) and not self._always_decides(target):
                        raise RulesError(rule.where, "a goto is not followed here if its chain may not decide")
                else:
                    yield from _entries(rule.where, each, chain, allows=rule.does(Effect.ACCEPT))

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise RulesError("", "more rules than can be followed")

    def _both(self, groups: Sequence[Blocks], others: Blocks) -> list[Blocks]:
        self._count(sum(map(len, groups)) + len(others))
        return both(groups, others)

    def _always_decides(self, place: Place) -> bool:
        """Does the chain decide about whatever comes?"""
        for rule in self._chains[place].rules:
            if not rule.matches and rule.does(Effect.ACCEPT, Effect.DROP, Effect.RETURN):
                return not rule.does(Effect.RETURN)
        return False

    def _demanded(self, rule: Rule, demand: _Demand) -> list[_Demand]:
        """What a rule that decides asks on top of `demand`: alternatives, none where it decides nothing here."""
        begins = _begins(rule)
        if begins is False or not (rule.does(*_DECIDING) or rule.unknown or rule.doubt or rule.mapped):
            return []
        if rule.doubt:
            raise RulesError(rule.where, rule.doubt)
        if begins is None and rule.does(Effect.ACCEPT):
            return []
        alternatives = [demand]
        for match in rule.matches:
            if not _is_passed_over(match) and _is_computed(match):
                options = _columns(match)
                alternatives = [
                    each
                    for one in alternatives
                    for option in options
                    if (each := self._narrowed(one, option, rule.where))
                ]
        if not alternatives or (rule.does(Effect.DROP) and any(match.fields == (RATE,) for match in rule.matches)):
            return []
        reason = _why_not(rule) or self._other_interface(rule, alternatives)
        if not reason:
            return alternatives
        if any(map(_concerns_us, alternatives)):
            raise RulesError(rule.where, reason)
        return []

    def _other_interface(self, rule: Rule, alternatives: Sequence[_Demand]) -> str:
        """Why it is not known that the connections come by the rule's interface; empty if it is, or if it has none."""
        found = next((match for match in rule.matches if match.fields == ("iif",) and not _is_of_loopback(match)), None)
        if found is None:
            return ""
        self._inside = self._inside or found
        by_source = all(each.sources and not covers_half(each.sources) for each in alternatives)
        return "" if by_source and found == self._inside and not found.doubt else _of_interface(found)

    def _narrowed(self, demand: _Demand, option: Mapping[str, tuple[str, ...]], where: str) -> _Demand | None:
        for name, words in option.items():
            try:
                narrowed = self._narrowed_by(demand, name, words)
            except ValueError as error:
                raise RulesError(where, str(error)) from None
            if narrowed is None:
                return None
            demand = narrowed
        return demand

    def _narrowed_by(self, demand: _Demand, name: str, words: tuple[str, ...]) -> _Demand | None:
        if name == "saddr":
            wanted = tuple(block for word in words for block in _blocks(word))
            sources = wanted if demand.sources is None else self._both([wanted], demand.sources)[0]
            return replace(demand, sources=sources) if sources else None
        if name in ("daddr", "version"):
            targets: tuple[tuple[str, Blocks], ...]
            if name == "version":
                targets = tuple(("any address", (net,)) for v, net in ANYWHERE.items() if str(v) in words)
            else:
                targets = tuple((word, _blocks(word)) for word in words)
            if demand.targets is not None:
                known, others = (demand.targets, targets) if name == "version" else (targets, demand.targets)
                above = tuple(block for _, some in others for block in some)
                kept = self._both([some for _, some in known], above)
                targets = tuple((text, some) for (text, _), some in zip(known, kept, strict=True) if some)
            return replace(demand, targets=targets) if targets else None
        found = self._services(demand.services, name, words)
        return replace(demand, services=found) if found else None

    def _services(
        self, known: tuple[Service, ...] | None, name: str, words: tuple[str, ...]
    ) -> tuple[Service, ...] | None:
        if name == "protocol":
            asked = [protocol(word) for word in words]
            if known is None or any(each.protocol == "any" for each in known):
                some = [(each.first, each.last) for each in known] if known else None
                return services(asked, some)
            return tuple(each for each in known if each.protocol in asked or "any" in asked)
        wanted = [ports(word, self._service_port) for word in words]
        if known is None:
            return services(sorted(PORTED), wanted)
        by_name = dict.fromkeys(each.protocol for each in known)
        protocols = [each for name in by_name for each in (sorted(PORTED) if name == "any" else (name,))]
        spans = [
            (max(first, each.first), min(last, each.last))
            for first, last in wanted
            for each in known
            if max(first, each.first) <= min(last, each.last)
        ]
        return services(protocols, list(dict.fromkeys(spans))) if spans else None


def _why_not(rule: Rule) -> str:
    """Why the rule cannot be computed with; empty if it can."""
    if rule.mapped:
        return MAPS
    strange = next((match for match in rule.matches if not _is_passed_over(match) and not _is_computed(match)), None)
    strange = strange or next((match for match in rule.matches if _begins_by(match) is None), None)
    if strange and strange.doubt:
        return strange.doubt
    if strange and strange.fields[0] in INTERFACES:
        return _of_interface(strange)
    opaque = rule.unknown or (rule.statements[-1] if rule.does(Effect.QUEUE, Effect.DIVERT) else "")
    text = (strange.text or " ".join(strange.fields)) if strange else opaque
    return f"cannot tell what {text if len(text) <= 80 else f'{text[:79]}…'!r} leaves" if text else ""


def _of_interface(match: Match) -> str:
    says = match.text or " ".join([*match.fields, match.op, *(value[0] for value in match.values)])
    return f"only the machine knows which interface leads where: leave out {says!r}, or the rule"


def _entries(
    where: str, demand: _Demand, chain: Chain, *, allows: bool, otherwise: str = "any address"
) -> Iterator[Approved]:
    """One for each destination of a rule."""
    sources = {net.version for block in demand.sources or () for net in networks(block)} or {4, 6}
    every = tuple(net for v, net in ANYWHERE.items() if chain.version in (None, v) and v in sources)
    for text, some in demand.targets or ((otherwise, every),):
        yield Approved(
            text=text,
            blocks=some,
            services=demand.services or services(["any"], None),
            sources=demand.sources or (),
            allows=allows,
            only=chain.version,
            where=where,
        )


def _blocks(word: str) -> Blocks:
    return tuple(ANYWHERE.values()) if word == "*" else blocks(word)


def _begins(rule: Rule) -> bool | None:
    """Is the rule for the first packet of a connection through a network? `None` if only for some of these."""
    found = [_begins_by(match) for match in rule.matches]
    return False if False in found else None if None in found else True


def _begins_by(match: Match) -> bool | None:
    words = {value[0] for value in match.values}
    negated = match.op == "!="
    if match.doubt or match.masked:
        return True
    match match.fields:
        case ("state",):
            if "new" in words:
                return not negated
            return True if negated else (False if words <= REPLIES else None)
        case ("direction",) if words in ({"reply"}, {"original"}):
            return ("original" in words) != negated
        case ("first packet",):
            return PLAIN in words
        case ("oif",) | ("iif",) if _is_of_loopback(match):
            return negated
    return True


def _is_passed_over(match: Match) -> bool:
    """Is it told by `_begins` or `_other_interface` what comes of it, or does it make no difference?"""
    return (
        match.fields in ((RATE,), ("iif",))
        or _is_of_loopback(match)
        or (match.fields in (("state",), ("direction",), ("first packet",)) and not match.doubt and not match.masked)
    )


def _is_of_loopback(match: Match) -> bool:
    """Does it say whether the packet passes the loopback, and nothing more?"""
    is_one = len(match.fields) == 1 and match.fields[0] in INTERFACES and match.op in ("==", "!=")
    return is_one and not match.doubt and match.values == ((LOOPBACK,),)


def _is_computed(match: Match) -> bool:
    if match.fields == ("version",) and match.op == "!=":
        return not (match.masked or match.doubt)
    return match.is_exact and set(match.fields) <= {"saddr", "daddr", "dport", "protocol", "version"}


def _columns(match: Match) -> Sequence[Mapping[str, tuple[str, ...]]]:
    """A match of one field is one option with all its values; of several fields, one option for each value.

    Where it says what must not be, that is a version of IP.
    """
    if match.op == "!=":
        return [{"version": tuple(str(v) for v in ANYWHERE if (str(v),) not in match.values)}]
    if len(match.fields) == 1:
        return [{match.fields[0]: tuple(value[0] for value in match.values)}]
    return [dict(zip(match.fields, ((part,) for part in value), strict=True)) for value in match.values]


def _concerns_us(demand: _Demand) -> bool:
    """Could it be a connection through a network, by TCP or UDP?"""
    by_us = demand.services is None or any(each.protocol in ("any", *PORTED) for each in demand.services)
    return by_us and (
        demand.targets is None
        or not all(net.is_loopback for _, some in demand.targets for block in some for net in networks(block))
    )
