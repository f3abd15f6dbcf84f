"""Addresses, ranges and ports as rules write them, brought down to networks and numbers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterable, Iterator
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)
from typing import TypeAlias

from netcompliance.model import Service

Blocks: TypeAlias = tuple[str, ...]
Network: TypeAlias = IPv4Network | IPv6Network
ServicePort: TypeAlias = Callable[[str], int | None]
"""The port of a service by its name."""

ANYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
WIDEST = {4: 8, 6: 16}
"""A rule for a block this wide or wider names no tenant; it is a rule for everybody."""
_BITS = {4: 32, 6: 128}
_Bits: TypeAlias = tuple[int, int, int]
"""Version, length, and the bits of a block's prefix."""
_ALL_PORTS = (0, 65535)
_NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "ipv6-icmp": "icmpv6", "132": "sctp", "0": "any"}


@lru_cache(1 << 12)
def address(text: str) -> IPv4Address | IPv6Address | None:
    """An address without its zone, `None` if it is none."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


@lru_cache(1 << 16)
def networks(block: str) -> tuple[Network, ...]:
    """`address`, `address/length`, `address/mask` or `first-last` as networks; none if it is no such thing."""
    first, mark, last = block.partition("-")
    try:
        if not mark:
            return (ip_network(block, strict=False),)
        low, high = address(first.strip()), address(last.strip())
        if low is None or high is None or low.version != high.version or int(low) > int(high):
            return ()
        return tuple(summarize_address_range(low, high))
    except (ValueError, TypeError):
        return ()


def blocks(text: str) -> Blocks:
    """Likewise, as CIDR blocks. Raises `ValueError`."""
    found = networks(text)
    if not found:
        raise ValueError(f"{text!r} is no address, block or range")
    return tuple(map(str, found))


def both(groups: Iterable[Blocks], others: Iterable[str]) -> list[Blocks]:
    """Of each group, the blocks that are in it and in one of the others."""
    here = [_by_bits(group) for group in groups]
    there, every = _by_bits(others), {bits for group in here for bits in group}
    inside: dict[_Bits, list[str]] = {}
    for bits, block in there.items():
        for outer in _around(bits, every):
            inside.setdefault(outer, []).append(block)
    return [
        tuple(
            dict.fromkeys(
                each
                for bits, block in group.items()
                for each in ([block] if any(_around(bits, there)) else []) + inside.get(bits, [])
            )
        )
        for group in here
    ]


def _by_bits(blocks: Iterable[str]) -> dict[_Bits, str]:
    return {_bits(net): str(net) for block in blocks for net in networks(block)}


def _bits(net: Network) -> _Bits:
    return net.version, net.prefixlen, int(net.network_address) >> (net.max_prefixlen - net.prefixlen)


def _around(bits: _Bits, blocks: Container[_Bits]) -> Iterator[_Bits]:
    """Those of the blocks in which one of so many bits is."""
    version, length, number = bits
    wider = ((version, each, number >> (length - each)) for each in range(length + 1))
    return (each for each in wider if each in blocks)


def contains(block: str, text: str) -> bool:
    """Is the address in the block? `*` is every source."""
    ip = address(text)
    return block == "*" or any(ip is not None and net.version == ip.version and ip in net for net in networks(block))


def names(block: str, text: str) -> bool:
    """Does a rule's source name this address, as one of few and not as one of all?"""
    return block != "*" and contains(block, text) and not _is_wide(networks(block))


def _is_wide(nets: tuple[Network, ...]) -> bool:
    return any(sum(net.num_addresses for net in nets) >> (_BITS[v] - WIDEST[v]) for v in {net.version for net in nets})


def meet_narrowly(conditions: Iterable[Blocks], text: str) -> bool:
    """Are the blocks with this address wide one by one, and all of them together not?"""
    ip = address(text)
    if ip is None:
        return False
    low, high = 0, (1 << _BITS[ip.version]) - 1
    for some in conditions:
        around = [networks(block) for block in some if block != "*" and contains(block, text)]
        if around:
            low = max(low, min(int(nets[0][0]) for nets in around))
            high = min(high, max(int(nets[-1][-1]) for nets in around))
    return not (high - low + 1) >> (_BITS[ip.version] - WIDEST[ip.version])


def covers_half(some: Iterable[str], of: Iterable[Blocks] = ()) -> bool:
    """Are the blocks half of all addresses that meet the conditions `of`, or more? What is then left out may be one
    address alone."""
    size, left = _sizes(some), {version: 1 << bits for version, bits in _BITS.items()}
    for condition in of:
        if "*" not in condition:
            left = {version: min(left[version], number) for version, number in _sizes(condition).items()}
    return any(number and number * 2 >= left[version] for version, number in size.items())


def _sizes(some: Iterable[str]) -> dict[int, int]:
    size = dict.fromkeys(_BITS, 0)
    for block in some:
        for net in networks(block):
            size[net.version] += net.num_addresses
    return size


def without(some: Iterable[str], holes: Iterable[str]) -> Iterator[str]:
    """The blocks without those of the holes that are narrower than they, as sets with exceptions have it."""
    cut = sorted(
        {net for block in holes for net in networks(block)},
        key=lambda net: (net.version, int(net[0]), net.prefixlen),
    )
    begins = [(net.version, int(net[0])) for net in cut]
    for net in (net for block in some for net in networks(block)):
        first, last, address_of = int(net[0]), int(net[-1]), type(net[0])
        inside = cut[bisect_left(begins, (net.version, first)) : bisect_right(begins, (net.version, last))]
        for hole in inside:
            if hole.prefixlen > net.prefixlen and int(hole[-1]) >= first:
                if int(hole[0]) > first:
                    yield from map(str, summarize_address_range(address_of(first), address_of(int(hole[0]) - 1)))
                first = int(hole[-1]) + 1
        if first <= last:
            yield from map(str, summarize_address_range(address_of(first), address_of(last)))


def ports(text: str, service_port: ServicePort) -> tuple[int, int]:
    """`443`, `https`, `1000-2000` or `1000:2000`. Raises `ValueError`."""
    first, _, last = text.replace(":", "-").partition("-")
    ends = _port(first.strip(), service_port), _port((last or first).strip(), service_port)
    if not 0 <= ends[0] <= ends[1] <= 65535:
        raise ValueError(f"{text!r} are no ports")
    return ends


def _port(text: str, service_port: ServicePort) -> int:
    if text.isascii() and text.isdigit() and len(text) < 6:
        return int(text)
    port = service_port(text)
    if port is None:
        raise ValueError(f"{text!r} is no port")
    return port


def protocol(text: str) -> str:
    """A protocol by its usual name."""
    return _NUMBERS.get(text.lower(), "any" if text.lower() == "all" else text.lower())


def services(protocols: Iterable[str], some: Iterable[tuple[int, int]] | None) -> tuple[Service, ...]:
    """Every protocol with every range of ports; all of them where nothing limits them."""
    return tuple(
        Service(protocol=each, first=first, last=last)
        for each in protocols
        for first, last in (some if some is not None else [_ALL_PORTS])
    )
