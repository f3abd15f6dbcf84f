"""The model: matches, rules, chains and rulesets, the same whichever tool shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from netcompliance.firewall_rules.vocabulary import STATEMENTS, Effect, is_known

Place: TypeAlias = tuple[str, str, str]
"""Family, table, and name of a chain or set."""
Values: TypeAlias = tuple[tuple[str, ...], ...]
"""Alternatives, each with one part for each field of its match."""

MAPS = "maps are not followed here"


class RulesError(Exception):
    """The rules cannot be followed. The text begins with the place: `:12: …`, or `: …` for the whole file."""

    def __init__(self, where: str, text: str) -> None:
        super().__init__(f"{where}: {text}")
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a rule wants of a packet: some fields, together, to have one of these values."""

    fields: tuple[str, ...]
    """As `vocabulary` names them; other names are not understood."""
    values: Values = ()
    """Only of fields that are computed with."""
    op: str = "=="
    masked: bool = False
    """Only some bits of the field are compared."""
    doubt: str = ""
    """Why the values are not known; empty if they are."""
    text: str = field(default="", compare=False)
    """As it is written, if it is."""

    @property
    def is_exact(self) -> bool:
        """Is one of the values what is wanted, no more and no less?"""
        return self.op == "==" and not self.masked and not self.doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, or one element of a verdict map."""

    where: str = field(compare=False)
    """`:12`, or `: chain in, rule 7`."""
    text: str = field(compare=False)
    matches: tuple[Match, ...] = ()
    statements: tuple[str, ...] = ()
    """In their order, as `vocabulary` names them; other names are not understood."""
    target: str = ""
    """The chain that a jump leads to."""
    mapped: bool = False
    """It is an element of a verdict map, of which exactly one fits a packet."""
    foreign: bool = field(default=False, compare=False)
    """Of nft's JSON: iptables has not written this, and shows it without something, or as something else."""
    doubt: str = ""
    """Why the rule cannot be read; empty if it can."""

    def does(self, *effects: Effect) -> bool:
        """Has it one of these effects?"""
        return any(STATEMENTS.get(each) in effects for each in self.statements)

    @property
    def unknown(self) -> str:
        """The first statement that is not understood; empty if there is none."""
        return next((each for each in self.statements if each not in STATEMENTS), "")

    @property
    def unknown_field(self) -> str:
        """Likewise of what it matches."""
        return next((each for match in self.matches for each in match.fields if not is_known(each)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Rules in their order."""

    where: str = field(compare=False)
    hook: str = ""
    kind: str = "filter"
    """`filter`, `nat` or `route`; of iptables also its other tables."""
    policy: str = "accept"
    version: int | None = None
    """4 or 6 where the chain sees one version of IP only."""
    guessed: bool = False
    """Nothing says which version that is."""
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """Chains by place, in the order in which they are first named."""

    chains: Mapping[Place, Chain]
    doubts: tuple[tuple[str, str], ...] = ()
    """(place, reason) of all that belongs to no rule and cannot be read."""


class Builder:
    """A ruleset while it is read."""

    def __init__(self) -> None:
        self._chains: dict[Place, Chain] = {}
        self._rules: dict[Place, list[Rule]] = {}

    def chain(self, place: Place, where: str, /, **known: Any) -> None:
        """This chain is there; `known` are fields of it."""
        chain = self._chains.get(place) or Chain(where=where, version={"ip": 4, "ip6": 6}.get(place[0]))
        self._chains[place] = replace(chain, **known)

    def add(self, place: Place, where: str, rules: Iterable[Rule], *, first: bool = False) -> None:
        """Rules for a chain, behind those that it has, or before them."""
        self.chain(place, where)
        here = self._rules.setdefault(place, [])
        here[0 if first else len(here) :] = [*rules, *(here if first else ())]

    def count(self, place: Place) -> int:
        """How many rules the chain has so far."""
        return len(self._rules.get(place, ()))

    def has_rules(self, family: str, table: str) -> bool:
        """Whether a chain of the table has rules so far; of any table, if it is not named."""
        return any(rules and (not table or place[:2] == (family, table)) for place, rules in self._rules.items())

    def ruleset(self, *doubts: tuple[str, str]) -> Ruleset:
        """What was read."""
        chains = {p: replace(chain, rules=tuple(self._rules.get(p, ()))) for p, chain in self._chains.items()}
        return Ruleset(chains=chains, doubts=doubts)
