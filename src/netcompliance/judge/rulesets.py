"""What the rules of a host's firewall come down to, whichever tool shows them: steps, and the sources they are for.

Theory. A source is a list of conditions that must all hold, each a list of blocks of which one must hold: a rule's own,
and those of the jumps that lead to it. They name an address if all of them hold for it and at least one of them is
narrow; a block as wide as `WIDEST` names nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network, summarize_address_range
from typing import Any, TypeAlias

from netcompliance.judge.evidence import parsed_address

MOST = 1 << 20
"""So many blocks of rules are followed, through sets and jumps. More of them would cost other hosts time."""
WIDEST = {4: 8, 6: 16}
"""A rule for a block this wide or wider names no tenant; it is a rule for everybody."""
BITS = {4: 32, 6: 128}

Blocks: TypeAlias = tuple[str, ...]
Network: TypeAlias = IPv4Network | IPv6Network


class TooMuch(Exception):
    """There are more blocks in the rules than are followed."""


class Budget:
    """What may still be followed of one ruleset."""

    def __init__(self) -> None:
        self._left = MOST

    def spent(self, *conditions: Blocks) -> Blocks:
        """The first of them; all count. Raises `TooMuch`."""
        self._left -= sum(map(len, conditions)) + len(conditions)
        if self._left < 0:
            raise TooMuch
        return conditions[0] if conditions else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A rule, as far as it matters: where it leads for whom."""

    rule: str
    sources: tuple[Blocks, ...] = ()
    """Conditions on the source that must all hold."""
    accepts: bool = False
    returns: bool = False
    """It leaves the chain: what follows there, such as a drop, is spared."""
    against: bool = False
    """It drops or rejects."""
    diverts: bool = False
    """Before the input chain: it sends the packet to another port or address."""
    untracks: bool = False
    """Before the input chain: it takes the packet out of connection tracking."""
    goes: tuple[tuple[Any, tuple[Blocks, ...]], ...] = ()
    """Chains that it leads to, each with more conditions on the source."""
    understood: bool = True
    but: Blocks = ()
    """Sources for which it does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A rule that accepts new connections by source, or that may."""

    rule: str
    conditions: tuple[Blocks, ...] = ()
    """On the source, all of which must hold; of a doubt none if they are not known."""
    unless: Blocks = ()
    """Of a doubt: nearly all sources, against which it is."""

    @property
    def sources(self) -> Blocks:
        """The blocks that it is for."""
        return tuple(dict.fromkeys(block for blocks in self.conditions for block in blocks))

    @property
    def size(self) -> int:
        """How many blocks an address is held against."""
        return 1 + len(self.unless) + sum(map(len, self.conditions))

    def is_for(self, address: str) -> bool:
        """Does it let in this address, as one of few?"""
        return all(any(contains(block, address) for block in blocks) for blocks in self.conditions) and any(
            names(block, address) for blocks in self.conditions for block in blocks
        )

    def may_be_for(self, address: str) -> bool:
        """Of a doubt: may it let in this address, and not all others?"""
        if self.unless:
            versions = {net.version for block in self.unless for net in networks(block)}
            ip = _address(address)
            return bool(ip and ip.version in versions and not any(contains(block, address) for block in self.unless))
        return not self.conditions or self.is_for(address)


@lru_cache(1 << 16)
def networks(block: str) -> tuple[Network, ...]:
    """An address, block or range as networks; none if it is no such thing."""
    first, mark, last = block.partition("-")
    try:
        if not mark:
            return (ip_network(block, strict=False),)
        low, high = parsed_address(first), parsed_address(last)
        if low is None or high is None or low.version != high.version or int(low) > int(high):
            return ()
        return tuple(summarize_address_range(low, high))
    except (ValueError, TypeError):
        return ()


_address = lru_cache(1 << 12)(parsed_address)


def contains(block: str, address: str) -> bool:
    """Is the address in the block? `*` is every source."""
    ip = _address(address)
    return block == "*" or any(ip is not None and net.version == ip.version and ip in net for net in networks(block))


def names(block: str, address: str) -> bool:
    """Does a rule's source name this address, as one of few and not as one of all?"""
    return block != "*" and contains(block, address) and not _is_wide(networks(block))


def _is_wide(nets: tuple[Network, ...]) -> bool:
    return any(sum(net.num_addresses for net in nets) >> (BITS[v] - WIDEST[v]) for v in {net.version for net in nets})


def covers_half(blocks: Iterable[str]) -> bool:
    """Are the blocks half of all addresses, or more? What is then left out may be one address alone."""
    size = {4: 0, 6: 0}
    for block in blocks:
        for net in networks(block):
            size[net.version] += net.num_addresses
    return any(number >> (BITS[version] - 1) for version, number in size.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """Rules by chain, and where packets that come in begin."""

    steps: dict[Any, list[Step]]
    inputs: list[Any]
    """The chains of the input hook."""
    early: list[Any]
    """Those of hooks before it."""
    doubt: str = ""
    """Why it is not known what the rules are; empty if it is known."""
