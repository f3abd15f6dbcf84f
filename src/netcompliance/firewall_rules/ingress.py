"""What a host's firewall lets in by source address.

Theory. Only rules that name a source count: one that lets everybody in says nothing about the tenant. A rule lets in
if it is in an input chain, or in one that is jumped to from there, accepts, and is not limited to packets of
connections that exist already, by itself or by a jump. A jump for some sources lets in what its chain accepts. One that
diverts some sources before the input chain lets them in as well. The order of rules is not followed, so a rule that
another one shadows is reported too: it is to be removed all the same. Chains before the input chain, and those of
iptables' other tables beside it, let in as it does where they drop anything.

A source is a list of conditions that must all hold, each a list of blocks of which one must hold: a rule's own, and
those of the jumps that lead to it. They name an address if all of them hold for it, and one of them is narrow, or all
of them together.

Whom nobody lets in by name may be let in all the same, since all others are kept out: dropped, sent elsewhere, put
before a program, or changed so that another rule drops them. So such a rule is a doubt where it is for all but some,
for nearly all, or for what is not understood.

Rules
* A rule that may let in by anything that is not understood (a mark, a set whose content is not known, a queue, a return
  for some, a verdict for all but some) is a doubt, and with a doubt nothing passes.
* The kernel is the judge of this one: `tests/acceptance/test_inbound_kernel.py` sends connections in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from netcompliance.firewall_rules import iptables_save, nft_json
from netcompliance.firewall_rules.blocks import Blocks, address, contains, covers_half, meet_narrowly, names, networks
from netcompliance.firewall_rules.rules import Match, Place, Rule, Ruleset
from netcompliance.firewall_rules.vocabulary import (
    KNOWN_BEFORE,
    LOOPBACK,
    MARK_BY_SOURCE,
    MARKS,
    REPLIES,
    SOURCES,
    Effect,
    is_known,
)

MOST = 1 << 20
"""So many blocks of rules are followed, through sets and jumps. More of them would cost other hosts time."""
PLACES = 50_000
"""So many chains, each with its sources, are followed."""
EARLY = ("ingress", "prerouting")
"""Hooks that packets pass before the input chain."""
BEYOND = "more rules than can be followed"
_SHOWN = 3
_KEEPS_OUT = (Effect.DIVERT, Effect.QUEUE, Effect.UNTRACK, Effect.ALTER)
"""Effects on some by which others alone may be let in, beside those that drop."""


class TooMuch(Exception):
    """There are more blocks in the rules than are followed."""


class Budget:
    """What may still be followed of one host's rulesets."""

    def __init__(self) -> None:
        self._left = MOST

    def spend(self, count: int) -> None:
        """So many blocks more are followed. Raises `TooMuch`."""
        self._left -= count
        if self._left < 0:
            raise TooMuch


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A rule that accepts new connections by source, or that may."""

    rule: str
    conditions: tuple[Blocks, ...] = ()
    """On the source, all of which must hold; of a doubt none if they are not known."""
    unless: Blocks = ()
    """Of a doubt: nearly all sources, for which it does not hold."""

    @property
    def sources(self) -> Blocks:
        """The blocks that it is for."""
        return tuple(dict.fromkeys(block for blocks in self.conditions for block in blocks))

    @property
    def size(self) -> int:
        """How many blocks an address is held against."""
        return 1 + len(self.unless) + sum(map(len, self.conditions))

    def is_for(self, text: str) -> bool:
        """Does it let in this address, as one of few?"""
        return self._holds_for(text) and (
            any(names(block, text) for blocks in self.conditions for block in blocks)
            or meet_narrowly(self.conditions, text)
        )

    def _holds_for(self, text: str) -> bool:
        return all(any(contains(block, text) for block in blocks) for blocks in self.conditions)

    def may_be_for(self, text: str) -> bool:
        """Of a doubt: may it let in this address, and not all others?"""
        if self.unless:
            versions = {net.version for block in self.unless for net in networks(block)}
            ip = address(text)
            left = ip and ip.version in versions and not any(contains(block, text) for block in self.unless)
            return bool(left) and self._holds_for(text)
        return not self.conditions or self.is_for(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a ruleset lets in, and what in it is not understood."""

    openings: tuple[Opening, ...]
    doubts: tuple[Opening, ...]

    @property
    def size(self) -> int:
        """How many blocks each address is held against."""
        return sum(each.size for each in (*self.openings, *self.doubts))


def openings(tool: str, text: str) -> list[Opening]:
    """The openings in a ruleset as this tool prints it."""
    return list(read(tool, text).openings)


def read(
    tool: str,
    text: str,
    ipsets: Mapping[str, Blocks] | None = None,
    elsewhere: frozenset[str] = frozenset(),
    budget: Budget | None = None,
) -> Reading:
    """A ruleset as this tool prints it.

    `ipsets` are the contents of sets outside it, `elsewhere` the chains (family, table and
    name) of nftables that another tool shows, `budget` is for all rulesets of one host.
    """
    is_nft = tool == "nft"
    ruleset = nft_json.parsed(_document(text)) if is_nft else iptables_save.parsed(text, ipsets)
    walk = _Walk(ruleset, elsewhere if is_nft else frozenset(), budget or Budget(), in_words=is_nft)
    try:
        walk.follow()
    except TooMuch:
        return walk.reading(BEYOND)
    return walk.reading()


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A rule, as far as it matters: whom it is for, and whom not."""

    rule: Rule
    told: str
    sources: tuple[Blocks, ...]
    """Conditions on the source that must all hold."""
    but: Blocks
    """Sources for which it does not hold."""
    understood: bool
    target: Place | None

    @property
    def accepts(self) -> bool:
        """It lets in, or a program may."""
        return self.rule.does(Effect.ACCEPT, Effect.QUEUE)

    @property
    def ends(self) -> bool:
        """It drops or rejects whatever comes as far."""
        return self.rule.does(Effect.DROP) and not (self.rule.matches or self.is_strange)

    @property
    def is_strange(self) -> bool:
        """It may do anything."""
        return bool(self.rule.doubt or self.rule.unknown)

    @property
    def is_inverted(self) -> bool:
        """It is for all packets but some, or for those beyond a bound, and it is not known which these are."""
        return any(match.op != "==" and not _is_clear(match) for match in self.rule.matches)

    @property
    def is_by_mark(self) -> bool:
        """Is what is not understood of it a mark alone?"""
        unclear = [match for match in self.rule.matches if not _is_clear(match)]
        return not self.is_strange and all(MARKS.issuperset(match.fields) for match in unclear)

    @property
    def returns(self) -> bool:
        """It leaves the chain, or the map: what follows there, such as a drop, is spared."""
        return self.rule.does(Effect.RETURN) or (self.rule.mapped and self.rule.does(Effect.CONTINUE))


class _Walk:
    """Follows chains and those that they lead to, for the sources and with the doubts that they lead there."""

    def __init__(self, ruleset: Ruleset, elsewhere: frozenset[str], budget: Budget, *, in_words: bool) -> None:
        shown = _tables_of_tools(ruleset, elsewhere)
        self._chains = {place: chain for place, chain in ruleset.chains.items() if place[:2] not in shown}
        self._ruleset = ruleset
        self._budget = budget
        self._in_words = in_words
        self._alters = (Effect.ALTER, *([Effect.MARK] if _drops_by_mark(ruleset) else []))
        """Effects that other rules may look at."""
        self._steps: dict[Place, list[_Step]] = {}
        self._opened: dict[tuple[str, tuple[Blocks, ...]], Opening] = {}
        self._doubts: dict[tuple[str, tuple[Blocks, ...], Blocks], Opening] = {}

    def reading(self, doubt: str = "") -> Reading:
        """What was found, with one doubt about all of it."""
        every = [
            *([doubt] if doubt else []),
            *(f"{where.replace(':', 'line ')}: {text}" if where else text for where, text in self._ruleset.doubts),
        ]
        doubts = [Opening(rule=each) for each in every]
        return Reading(openings=tuple(self._opened.values()), doubts=(*doubts, *self._doubts.values()))

    def follow(self) -> None:
        """All chains that packets pass on their way in. Raises `TooMuch`."""
        hooked = [(place, each) for place, each in self._chains.items() if each.hook in (*EARLY, "input")]
        for place, each in hooked:
            if each.hook in EARLY:
                self._follow(place, early=True)
            is_input = (each.hook, each.kind) == ("input", "filter")
            if is_input or self._drops(place):
                self._follow(place, early=False)

    def _drops(self, root: Place) -> bool:
        """Does the chain, or one that it leads to, drop anything?"""
        pending, seen = [root], {root}
        while pending:
            steps = self._steps_of(pending.pop())
            if any(step.rule.does(Effect.DROP) for step in steps):
                return True
            there = {step.target for step in steps if step.target} - seen
            seen |= there
            pending += there
        return self._chains[root].policy == "drop"

    def _follow(self, root: Place, *, early: bool) -> None:
        pending: list[tuple[Place, tuple[Blocks, ...], str]] = [(root, (), "")]
        seen = set(pending)
        dropped: dict[Blocks, None] = {}
        while pending:
            place, inherited, doubt = pending.pop()
            for step in self._steps_of(place):
                self._budget.spend(1 + sum(1 + len(each) for each in (*inherited, *step.sources)))
                conditions = tuple(dict.fromkeys((*inherited, *step.sources)))
                doubtful = doubt or ("" if step.understood else step.told)
                (self._early if early else self._input)(step, conditions, doubtful)
                by_what = doubt if step.is_by_mark else doubtful
                self._kept_out(step, conditions, by_what, early=early)
                if step.rule.does(Effect.DROP) and len(conditions) == 1 and not early:
                    dropped[conditions[0]] = None
                if step.target is None:
                    continue
                if step.target not in self._chains:
                    self._doubt(step.told, conditions)
                    continue
                onward = (step.target, conditions, doubtful)
                if onward not in seen:
                    if len(seen) >= PLACES:
                        self._doubt("more chains than can be followed")
                        return
                    seen.add(onward)
                    pending.append(onward)
        every = tuple(chain.from_iterable(dropped))
        self._budget.spend(1 + len(every))
        if len(dropped) > 1 and covers_half(every):
            self._doubt(f"{len(dropped)} rules that drop most of all addresses", unless=every)

    def _steps_of(self, place: Place) -> list[_Step]:
        if place not in self._steps:
            rules = self._chains[place].rules if place in self._chains else ()
            self._steps[place] = [
                self._step(rule, place) for rule in rules if not any(map(_opens_nothing, rule.matches))
            ]
        return self._steps[place]

    def _step(self, rule: Rule, place: Place) -> _Step:
        sources: list[Blocks] = []
        but: list[str] = []
        for match in rule.matches:
            side = next((number for number, field in enumerate(match.fields) if field in SOURCES), None)
            if side is not None and match.op in ("==", "!=") and not match.doubt and not match.masked:
                self._budget.spend(1 + len(match.values))
                some = match.values if match.op == "!=" else [v for v in match.values if not _is_late(match.fields, v)]
                blocks = tuple(dict.fromkeys(value[side] for value in some))
                but += blocks if match.op == "!=" else ()
                sources += [blocks] if match.op == "==" else []
        told = rule.text
        flat = dict.fromkeys(block for blocks in sources for block in blocks)
        verdict = rule.statements[-1] if rule.mapped and rule.statements else "accept"
        if self._in_words and flat and (rule.mapped or rule.does(Effect.ACCEPT, Effect.QUEUE)):
            more = f" and {len(flat) - _SHOWN} more" if len(flat) > _SHOWN else ""
            told = f"{place[2]}: source {', '.join([*flat][:_SHOWN])}{more} {verdict}"
        return _Step(
            rule=rule,
            told=told,
            sources=tuple(sources),
            but=tuple(but),
            understood=not (rule.doubt or rule.unknown or rule.does(Effect.QUEUE))
            and all(map(_is_clear, rule.matches)),
            target=(*place[:2], rule.target) if rule.target else None,
        )

    def _early(self, step: _Step, conditions: tuple[Blocks, ...], doubtful: str) -> None:
        if step.rule.does(Effect.DIVERT) and conditions:
            self._open(step.told, conditions)
        elif (step.rule.does(Effect.DIVERT) and doubtful) or step.is_strange:
            self._doubt(doubtful or step.told)
        if step.rule.does(Effect.UNTRACK, *self._alters) and (conditions or doubtful):
            self._doubt(step.told, conditions)

    def _input(self, step: _Step, conditions: tuple[Blocks, ...], doubtful: str) -> None:
        alters = step.rule.does(*self._alters)
        spares = step.returns or self._spares(step)
        if step.accepts and conditions:
            self._open(step.told, conditions)
        elif (step.accepts or spares or step.is_strange) and doubtful:
            self._doubt(doubtful)
        elif (spares or alters) and conditions:
            self._doubt(step.told, conditions)
        if step.but and spares:
            self._doubt(step.told, (step.but,))
        if step.but and (step.accepts or spares or step.target) and covers_half(step.but, conditions):
            self._doubt(step.told, conditions, unless=step.but)

    def _kept_out(self, step: _Step, conditions: tuple[Blocks, ...], doubtful: str, *, early: bool) -> None:
        """Are those kept out whom this one is for, and thereby others let in?"""
        keeps_out = step.rule.does(*_KEEPS_OUT, *self._alters, *([] if early else [Effect.DROP]))
        if step.but and (keeps_out or step.target):
            self._doubt(step.told, (step.but,))
        if not keeps_out:
            return
        if MARK_BY_SOURCE in step.rule.statements:
            self._doubt(step.told)
        if step.is_inverted:
            self._doubt(step.told, conditions)
        if all(map(covers_half, conditions)):
            if doubtful:
                self._doubt(doubtful)
            for each in conditions:
                self._doubt(step.told, unless=each)

    def _spares(self, step: _Step) -> bool:
        """Does it go to a chain that may come to no verdict, so that what follows here is spared?"""
        return step.rule.does(Effect.GOTO) and not (
            step.target and any(other.ends for other in self._steps_of(step.target))
        )

    def _open(self, rule: str, conditions: tuple[Blocks, ...]) -> None:
        self._opened.setdefault((rule, conditions), Opening(rule=rule, conditions=conditions))

    def _doubt(self, rule: str, conditions: tuple[Blocks, ...] = (), unless: Blocks = ()) -> None:
        self._doubts.setdefault((rule, conditions, unless), Opening(rule=rule, conditions=conditions, unless=unless))


def _tables_of_tools(ruleset: Ruleset, elsewhere: frozenset[str]) -> set[tuple[str, str]]:
    """The tables that another tool shows as they are: all of their chains, and nothing but what is its own."""
    return {place[:2] for place in ruleset.chains} - {
        place[:2]
        for place, each in ruleset.chains.items()
        if " ".join(place) not in elsewhere or any(rule.foreign for rule in each.rules)
    }


def _drops_by_mark(ruleset: Ruleset) -> bool:
    """Is there a rule that drops what has a mark?"""
    rules = chain.from_iterable(each.rules for each in ruleset.chains.values())
    return any(rule.does(Effect.DROP) and any(MARKS.intersection(m.fields) for m in rule.matches) for rule in rules)


def _is_clear(match: Match) -> bool:
    """Is it known what it matches, and whom, if it asks for the source?"""
    by_source = SOURCES.intersection(match.fields)
    return all(map(is_known, match.fields)) and not (
        match.doubt or (by_source and (match.masked or match.op not in ("==", "!=")))
    )


def _opens_nothing(match: Match) -> bool:
    """Does it limit its rule to what opens no connection from a network, such as packets of those that exist?"""
    words = {value[0] for value in match.values}
    if match.doubt or match.masked or match.op not in ("==", "!="):
        return False
    if match.op == "==" and len(match.fields) > 1:
        return bool(match.values) and all(_is_late(match.fields, value) for value in match.values)
    match match.fields:
        case ("state",):
            return "new" in words if match.op == "!=" else bool(words) and words <= REPLIES
        case ("status",) | ("iif",):
            return match.op == "==" and bool(words) and all(_is_late(match.fields, (word,)) for word in words)
        case ("direction",):
            return words == {"reply" if match.op == "==" else "original"}
        case ("first packet",):
            return not words
    return False


_LATE = {"state": REPLIES, "status": KNOWN_BEFORE, "direction": {"reply"}, "iif": {LOOPBACK}}


def _is_late(fields: tuple[str, ...], value: tuple[str, ...]) -> bool:
    """Has no first packet of a connection from a network these parts?"""
    return any(part in _LATE.get(field, ()) for field, part in zip(fields, value, strict=True))
