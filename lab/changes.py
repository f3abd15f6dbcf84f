"""Changes: small pure functions from a world to a world that differs in one thing.

Each function here takes what is to be different and gives a `Change`. Sites are named as in `lab.healthy`; `only`
restricts a change to some of a site's addresses by splitting the site.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lab import healthy
from lab.scenario import Change
from lab.servers import Record, Rule
from lab.world import DnsFault, DnsManner, File, Firewall, Interruption, Site, Tls, Visitor, World


def site(name: str, *, only: Sequence[str] = (), **fields: Any) -> Change:
    """Replace fields of the site `name`, at the addresses `only` or at all of them."""
    return _edit_site(name, only, lambda old: replace(old, **fields))


def tls(name: str, *, only: Sequence[str] = (), **fields: Any) -> Change:
    """Replace fields of a site's TLS."""
    return _edit_site(name, only, lambda old: replace(old, tls=replace(old.tls or Tls(), **fields)))


def app(name: str, **fields: Any) -> Change:
    """Replace fields of a site's app."""
    return _edit_site(name, (), lambda old: replace(old, app=replace(old.app, **fields)))


def rules(name: str, *new: Rule, only: Sequence[str] = ()) -> Change:
    """Put rules in front of a site's app."""
    return _edit_site(name, only, lambda old: replace(old, rules=new + old.rules))


def add_site(new: Site) -> Change:
    """Add a server."""
    return lambda world: replace(world, sites=(*world.sites, new))


def record(name: str, kind: str, *values: str) -> Change:
    """Replace or add a record set: the truth itself changes, for every resolver. An alias has no other records."""
    new = Record(name=name, type=kind, values=values)

    def change(world: World) -> World:
        kept = tuple(old for old in world.records if old.name != name or kind not in (old.type, "CNAME"))
        return replace(world, records=(*kept, new))

    return change


def resolver(*addresses: str, **fields: Any) -> Change:
    """Replace fields of the resolvers at `addresses`."""

    def change(world: World) -> World:
        changed = tuple(
            replace(old, **fields) if set(old.addresses) & set(addresses) else old for old in world.resolvers
        )
        return replace(world, resolvers=changed)

    return change


def corporate_dns(**fields: Any) -> Change:
    """Replace fields of both corporate resolvers."""
    return resolver(*healthy.RESOLVERS, **fields)


def fault(manner: str, names: str = f"*{healthy.TENANT}*", **fields: Any) -> Change:
    """Both corporate resolvers do `manner` to questions about `names`."""
    return corporate_dns(faults=(DnsFault(manner=DnsManner(manner), names=names, **fields),))


def corporate_answer(name: str, v4: Sequence[str], v6: Sequence[str] = ()) -> Change:
    """Both corporate resolvers answer `name` with these addresses instead of the true ones."""
    return corporate_dns(overrides=instead(name, v4, v6))


def instead(name: str, v4: Sequence[str], v6: Sequence[str] = ()) -> tuple[Record, ...]:
    """Overrides that give `name` these addresses and no others."""
    return (
        Record(name=name, type="A", values=tuple(v4)),
        Record(name=name, type="AAAA", values=tuple(v6)),
    )


def host(**fields: Any) -> Change:
    """Replace fields of the host."""
    return lambda world: replace(world, host=replace(world.host, **fields))


def environment(**variables: str) -> Change:
    """Set variables of COMMAND."""
    return lambda world: replace(
        world, host=replace(world.host, environment=(*world.host.environment, *variables.items()))
    )


def forward(*statements: str) -> Change:
    """Put nft statements in front of the router's forward chain."""
    return _edit_firewall(lambda old: replace(old, forward=statements + old.forward))


def firewall(**fields: Any) -> Change:
    """Replace fields of the router's firewall."""
    return _edit_firewall(lambda old: replace(old, **fields))


def interruption(after: float, seconds: float, **fields: Any) -> Change:
    """While a watch looks, replace fields of the router's firewall for some seconds."""

    def change(world: World) -> World:
        new = Interruption(after=after, seconds=seconds, firewall=replace(world.firewall, **fields))
        return replace(world, interruptions=(*world.interruptions, new))

    return change


def file(name: str, text: str) -> Change:
    """Write a file into the lab's directory."""
    return lambda world: replace(world, files=(*world.files, File(name=name, text=text)))


def visitor(new: Visitor) -> Change:
    """Let somebody connect again and again."""
    return lambda world: replace(world, visitors=(*world.visitors, new))


def clock(seconds: float) -> Change:
    """The servers' clocks are ahead by `seconds`."""
    return lambda world: replace(world, clock_offset=seconds)


def set_of(addresses: Sequence[str]) -> str:
    """An nft set of addresses."""
    return "{ " + ", ".join(addresses) + " }"


def to(addresses: Sequence[str], verdict: str, port: int = 443) -> tuple[str, ...]:
    """nft statements that give TCP to `addresses` a verdict, for the IP versions that occur."""
    families = {
        "ip": [address for address in addresses if ":" not in address],
        "ip6": [address for address in addresses if ":" in address],
    }
    return tuple(
        f"{family} daddr {set_of(some)} tcp dport {port} {verdict}" for family, some in families.items() if some
    )


def _edit_site(name: str, only: Sequence[str], edit: Callable[[Site], Site]) -> Change:
    def change(world: World) -> World:
        if name not in {each.name for each in world.sites}:
            raise KeyError(name)
        sites: list[Site] = []
        for each in world.sites:
            sites += _edited(each, only, edit) if each.name == name else [each]
        return replace(world, sites=tuple(sites))

    return change


def _edited(old: Site, only: Sequence[str], edit: Callable[[Site], Site]) -> list[Site]:
    inside = tuple(address for address in old.addresses if not only or address in only)
    outside = tuple(address for address in old.addresses if address not in inside)
    halves = [edit(replace(old, addresses=inside))] if inside else []
    return [*halves, replace(old, addresses=outside)] if outside else halves


def _edit_firewall(edit: Callable[[Firewall], Firewall]) -> Change:
    return lambda world: replace(world, firewall=edit(world.firewall))
