"""What a scenario is: one named way in which the world is broken, and what the suite must then say.

`change` is a pure function from the healthy world to the broken one. `find` maps a requirement to the finding codes
that its failing verdicts hold, all together: these must appear, and every other code of every other requirement must
not. An empty `find` means that nothing is wrong, although it may look so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lab.world import World

Change = Callable[[World], World]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One row."""

    name: str
    broken: str
    """What is broken, in one sentence part."""
    change: Change
    find: Mapping[str, frozenset[str]] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    """Added to pytest's. `{lab}` is the lab's directory."""


def finds(**codes: str) -> dict[str, frozenset[str]]:
    """`finds(DNS_01="dns.nxdomain")`: requirement ids with an underscore, codes separated by spaces."""
    return {requirement.replace("_", "-"): frozenset(text.split()) for requirement, text in codes.items()}


def both(*changes: Change) -> Change:
    """One change after the other."""

    def change(world: World) -> World:
        for each in changes:
            world = each(world)
        return world

    return change


def unchanged(world: World) -> World:
    """The healthy world."""
    return world
