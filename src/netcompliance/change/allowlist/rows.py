"""What a firewall team reads and types: one row for each purpose, with all its names and source networks (pure).

Rules
* A row is as narrow as its flows: destinations that different hosts need stand in different rows. Only the hosts of
  image layers are one row for all that pull, those that were met and those that quay.io publishes: which of them a host
  is led to is chance, and the row is the same tomorrow.
* Addresses are folded into networks where that is exact, and never else.
* The name of a rule or object is the same for the same content, is made of characters that every device takes, begins
  with a letter, and is cut to what the device takes without two becoming one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network

from netcompliance.change.allowlist.flows import AllowList, Flow, Source, day
from netcompliance.judge.destinations import Purpose
from netcompliance.model import Basis

PREFIX = "stackstate"
WORDS: Mapping[Purpose, str] = {
    Purpose.TENANT: "receiver",
    Purpose.RESOLVER: "dns",
    Purpose.REGISTRY: "registry",
    Purpose.LAYERS: "layers",
    Purpose.CDN: "layers",
    Purpose.CHART: "chart",
    Purpose.PROXY: "proxy",
    Purpose.SOURCE: "source",
    Purpose.PUBLIC_DNS: "public-dns",
}
"""Purpose → the word for it in the name of a rule."""
_LAYERS = "images: layers"
_BY_CHANCE = (Purpose.LAYERS, Purpose.CDN)
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One name with its addresses, or addresses alone."""

    name: str
    addresses: Mapping[str, datetime]
    """Address → when it was seen last."""

    @property
    def seen(self) -> str:
        """The date of the last sighting; empty if none."""
        return day(max(self.addresses.values())) if self.addresses else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What some hosts need for one purpose, on one port."""

    rule: str
    """Its name, without a prefix: `receiver`, `dns-2`."""
    purpose: Purpose
    """The first, of those that are put together."""
    about: str
    """The purpose in words."""
    port: int
    protocols: tuple[str, ...]
    via: str | None
    sources: tuple[Source, ...]
    destinations: tuple[Destination, ...]
    requirements: tuple[str, ...]
    basis: Basis

    @property
    def networks(self) -> tuple[str, ...]:
        """Where it is asked from, in the versions of IP of what is asked for; empty if that is not known of all."""
        nets = [net for source in self.sources for net in source.addresses]
        seen = {ip_address(address).version for each in self.destinations for address in each.addresses}
        fitting = [net for net in nets if ip_network(net).version in seen]
        return folded(fitting or nets) if all(source.addresses for source in self.sources) else ()

    @property
    def remark(self) -> str:
        """Purpose, reason and date, in characters that every device takes."""
        words = f"{self.about} - {' '.join(self.requirements)}"
        return f"{words} - seen {self.seen}" if self.seen else words

    @property
    def seen(self) -> str:
        """The date of the last sighting; empty if none."""
        return max((each.seen for each in self.destinations), default="")


def rows(flows: Iterable[Flow]) -> list[Row]:
    """In the order of the flows."""
    same: dict[tuple[object, ...], list[Flow]] = {}
    for flow in flows:
        same.setdefault((WORDS[flow.purpose], flow.destination, flow.port, flow.protocols, flow.via), []).append(flow)
    together: dict[tuple[object, ...], list[list[Flow]]] = {}
    for some in same.values():
        first = some[0]
        is_chance = first.purpose in _BY_CHANCE
        asked_from = () if is_chance else tuple(sorted({flow.source for flow in some}))
        key = (WORDS[first.purpose], first.port, first.protocols, first.via, asked_from)
        together.setdefault(key, []).append(some)
    counted: dict[str, int] = {}
    return [_row(some, counted) for some in together.values()]


def _row(some: list[list[Flow]], counted: dict[str, int]) -> Row:
    every = [flow for same in some for flow in same]
    first = every[0]
    word = WORDS[first.purpose]
    number = counted[word] = counted.get(word, 0) + 1
    return Row(
        rule=word if number == 1 else f"{word}-{number}",
        purpose=first.purpose,
        about=_LAYERS if first.purpose in _BY_CHANCE else first.purpose,
        port=first.port,
        protocols=first.protocols,
        via=first.via,
        sources=tuple(sorted({flow.source for flow in every})),
        destinations=tuple(_destination(same) for same in some),
        requirements=tuple(dict.fromkeys(each for flow in every for each in flow.requirements)),
        basis=min((flow.basis for flow in every), key=list(Basis).index),
    )


def _destination(same: list[Flow]) -> Destination:
    addresses: dict[str, datetime] = {}
    for flow in same:
        for address, seen in flow.addresses.items():
            addresses[address] = max(seen, addresses.get(address, seen))
    return Destination(name=same[0].name, addresses=addresses)


def folded(nets: Iterable[str]) -> tuple[str, ...]:
    """Addresses and networks as the fewest that hold the same addresses; one address without a length."""
    return tuple(short(net) for net in networks(nets))


def networks(nets: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    """Likewise, as networks, IPv4 first."""
    every = [ip_network(net) for net in nets]
    return [
        *collapse_addresses([net for net in every if isinstance(net, IPv4Network)]),
        *collapse_addresses([net for net in every if isinstance(net, IPv6Network)]),
    ]


def holds(block: str, addresses: Iterable[str]) -> bool:
    """Is one of the addresses in the block?"""
    net = ip_network(block)
    return any(ip_address(address) in net for address in addresses)


def short(net: IPv4Network | IPv6Network) -> str:
    """The network; one address without a length."""
    return str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)


def of_version(nets: Iterable[str], version: int) -> list[str]:
    """Those of this version of IP."""
    return [net for net in nets if ip_network(net).version == version]


def prefix(allowed: AllowList) -> str:
    """How the names of rules begin: with the tenants. What is added to an approved list takes no name of it."""
    tenants = [tenant.partition(".")[0] for tenant in allowed.tenants]
    return "-".join([PREFIX, *tenants]) + addition(allowed)


def addition(allowed: AllowList) -> str:
    """How the name of what is added to an approved list ends, so that it replaces nothing of it; else empty."""
    if not allowed.against:
        return ""
    content = repr([(flow.destination, flow.port, sorted(flow.addresses)) for flow in allowed.flows])
    return f"-add-{_digest(content)[:4]}"


def identifier(parts: Sequence[str], most: int) -> str:
    """The parts as one name of at most so many characters: letters, digits, `.`, `_`, `-`, and a letter first."""
    text = _UNFIT.sub("-", "-".join(part for part in parts if part)).strip("-.")
    if not text[:1].isalpha():
        text = f"{PREFIX}-{text}"
    if len(text) <= most:
        return text
    digest = _digest(text)[:8]
    return f"{text[: most - 9].rstrip('-._')}-{digest}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
