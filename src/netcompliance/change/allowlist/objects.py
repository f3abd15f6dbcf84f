"""Objects and rules of firewalls that know names: what their formats have in common (pure).

Such a device has an object for each name or network, puts them into a rule, and looks the names up itself. Nothing that
people called a host or a tenant's network gets into it: names were checked, remarks are of this program's own words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.rows import PREFIX, Destination, Row, identifier, networks, prefix, rows, short


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One object of addresses: a name, or a network."""

    id: str
    version: int
    name: str = ""
    network: IPv4Network | IPv6Network | None = None
    remark: str = ""

    @property
    def is_host(self) -> bool:
        """Is it one address?"""
        return self.network is not None and self.network.prefixlen == self.network.max_prefixlen


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is let out."""

    id: str
    remark: str
    port: int
    protocols: tuple[str, ...]
    sources: tuple[Thing, ...]
    """Empty: not known of all, so from anywhere."""
    destinations: tuple[Thing, ...]
    """A name stands there once for each version of IP that it is needed in."""

    def services(self) -> list[tuple[str, str, int]]:
        """Id, protocol and port of each service."""
        return [(f"{PREFIX}-{protocol}-{self.port}", protocol, self.port) for protocol in self.protocols]


def rules(allowed: AllowList, most: int, longest_rule: int | None = None) -> list[Rule]:
    """What the firewall itself has to let out. `most`: characters of an id, `longest_rule`: of a rule's, if fewer."""
    start = prefix(allowed)
    return [_rule(row, start, most, longest_rule or most) for row in rows(allowed.direct())]


def every(some: Iterable[Rule]) -> list[Thing]:
    """Each object once."""
    return list(dict.fromkeys(thing for rule in some for thing in (*rule.sources, *rule.destinations)))


def once(some: Iterable[Thing]) -> list[Thing]:
    """Each name and network once, for devices on which a name is of both versions of IP."""
    found: dict[object, Thing] = {}
    for thing in some:
        found.setdefault(thing.name or thing.network, thing)
    return list(found.values())


def services(some: Iterable[Rule]) -> list[tuple[str, str, int]]:
    """Each service once."""
    return list(dict.fromkeys(service for rule in some for service in rule.services()))


def _rule(row: Row, start: str, most: int, longest: int) -> Rule:
    sources = tuple(_network(net, most, "source") for net in networks(row.networks))
    origins: set[int] = {thing.version for thing in sources} or {4, 6}
    things = [thing for each in row.destinations for thing in _things(each, most, origins)]
    return Rule(
        id=identifier([start, row.rule], longest),
        remark=row.remark,
        port=row.port,
        protocols=row.protocols,
        sources=sources,
        destinations=tuple(things),
    )


def _things(each: Destination, most: int, origins: set[int]) -> list[Thing]:
    """A name in the versions of IP that it was seen in; IPv4 where it was not seen."""
    if not each.name:
        return [_network(net, most, f"seen {each.seen}") for net in networks(each.addresses)]
    versions: set[int] = {int(ip_address(address).version) for address in each.addresses} or {min(origins)}
    return [
        Thing(
            id=identifier([PREFIX, each.name], most - 2) + ("_6" if version == 6 else ""),
            version=version,
            name=each.name,
            remark=f"seen {each.seen}" if each.seen else "no address was seen",
        )
        for version in sorted(versions & origins or versions)
    ]


def _network(net: IPv4Network | IPv6Network, most: int, remark: str) -> Thing:
    text = short(net).replace("/", "_").replace(":", "-")
    return Thing(id=identifier([PREFIX, text], most), version=net.version, network=net, remark=remark)


def mask(net: IPv4Network | IPv6Network) -> str:
    """`10.20.0.0 255.255.255.0`."""
    return f"{net.network_address} {ip_network(net).netmask}"
