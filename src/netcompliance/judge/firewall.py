"""What a host's firewall lets in by source address, out of nftables' JSON or iptables-save's text.

Theory. Only rules that name a source count: one that lets everybody in says nothing about the tenant. A rule lets in
if it is in an input chain, or in one that is jumped to from there, accepts, and is not limited to packets of
connections that exist already, by itself or by a jump. A jump for some sources lets in what its chain accepts. One that
diverts some sources before the input chain lets them in as well. The order of rules is not followed, so a rule that
another one shadows is reported too: it is to be removed all the same.

Rules
* What is understood is a closed list: these matches, these statements. A rule that may let in by anything else (a mark,
  a set whose content is not known, a queue, a return for some, a verdict for all but some) is a doubt, and with a doubt
  nothing passes.
* The kernel is the judge of this one: `tests/acceptance/test_inbound_kernel.py` sends connections in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netcompliance.judge import iptables, nftables
from netcompliance.judge.iptables import ipsets_in
from netcompliance.judge.rulesets import Blocks, Budget, Opening, Ruleset, Step, TooMuch, covers_half, names

__all__ = ["Budget", "Opening", "Reading", "ipsets_in", "names", "openings", "read"]

PLACES = 50_000
"""So many chains, each with its sources, are followed."""
BEYOND = "more rules than can be followed"


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

    `ipsets` are the contents of sets outside it, `elsewhere` the tables (family and name)
    of nftables that another tool shows, `budget` is for all rulesets of one host.
    """
    budget = budget or Budget()
    try:
        if tool == "nft":
            ruleset = nftables.parsed(text, elsewhere, budget)
        else:
            ruleset = iptables.parsed(text, ipsets or {}, budget)
    except TooMuch:
        ruleset = Ruleset(steps={}, inputs=[], early=[], doubt=BEYOND)
    walk = _Walk(ruleset.steps, budget)
    try:
        for root in ruleset.early:
            walk.follow(root, early=True)
        for root in ruleset.inputs:
            walk.follow(root, early=False)
    except TooMuch:
        return walk.reading(BEYOND)
    return walk.reading(ruleset.doubt)


class _Walk:
    """Follows chains and those that they lead to, for the sources and with the doubts that they lead there."""

    def __init__(self, steps: Mapping[Any, list[Step]], budget: Budget) -> None:
        self._steps = steps
        self._budget = budget
        self._opened: dict[tuple[str, tuple[Blocks, ...]], Opening] = {}
        self._doubts: dict[tuple[str, tuple[Blocks, ...]], Opening] = {}

    def reading(self, doubt: str) -> Reading:
        """What was found, with one doubt about all of it."""
        doubts = (Opening(rule=doubt),) if doubt else ()
        return Reading(openings=tuple(self._opened.values()), doubts=(*doubts, *self._doubts.values()))

    def follow(self, root: Any, *, early: bool) -> None:
        """One chain of a hook; `early` if it comes before the input chain."""
        pending: list[tuple[Any, tuple[Blocks, ...], str]] = [(root, (), "")]
        seen = set(pending)
        while pending:
            chain, inherited, doubt = pending.pop()
            for step in self._steps.get(chain, ()):
                self._budget.spent((), *inherited, *step.sources)
                conditions = tuple(dict.fromkeys((*inherited, *step.sources)))
                doubtful = doubt or ("" if step.understood else step.rule)
                (self._early if early else self._input)(step, conditions, doubtful)
                for target, more in step.goes:
                    place = (target, tuple(dict.fromkeys((*conditions, *more))), doubtful)
                    if place not in seen:
                        if len(seen) >= PLACES:
                            self._doubt("more chains than can be followed")
                            return
                        seen.add(place)
                        pending.append(place)

    def _early(self, step: Step, conditions: tuple[Blocks, ...], doubtful: str) -> None:
        if step.diverts and conditions:
            self._open(step.rule, conditions)
        elif step.diverts and doubtful:
            self._doubt(doubtful)
        if step.untracks and (conditions or doubtful):
            self._doubt(step.rule, conditions)

    def _input(self, step: Step, conditions: tuple[Blocks, ...], doubtful: str) -> None:
        if step.accepts and conditions:
            self._open(step.rule, conditions)
        elif (step.accepts or step.returns) and doubtful:
            self._doubt(doubtful)
        elif step.returns and conditions:
            self._doubt(step.rule, conditions)
        if step.but and (step.against or step.returns or step.goes):
            self._doubt(step.rule, (step.but,))
        if step.against and len(step.sources) == 1 and covers_half(step.sources[0]):
            self._doubt(step.rule, unless=step.sources[0])

    def _open(self, rule: str, conditions: tuple[Blocks, ...]) -> None:
        self._opened.setdefault((rule, conditions), Opening(rule=rule, conditions=conditions))

    def _doubt(self, rule: str, conditions: tuple[Blocks, ...] = (), unless: Blocks = ()) -> None:
        self._doubts.setdefault((rule, conditions), Opening(rule=rule, conditions=conditions, unless=unless))
