"""Palo Alto: `set` commands for PAN-OS, and an external dynamic list of addresses (pure).

After Palo Alto's documentation of the CLI and of external dynamic lists: names of objects and rules have 63 characters;
`set` adds to a list; a line of a dynamic list is an address or a network, a space and a comment; no line is a comment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.head import UNREAD
from netcompliance.change.allowlist.objects import Rule, Thing, every, once, rules, services
from netcompliance.change.allowlist.rows import folded, holds, rows

_LONGEST = 63


def commands(allowed: AllowList) -> Iterator[str]:
    """For configuration mode, with names."""
    some = rules(allowed, _LONGEST)
    yield "# For configuration mode. Lines that begin with # are for people: leave them out. Zones are any: narrow"
    yield "# them, and move the rules before those that deny. A firewall looks names up itself: let it ask the hosts'"
    yield "# resolvers."
    for thing in once(every(some)):
        yield f"set address {thing.id} {_value(thing)}"
        yield f'set address {thing.id} description "{thing.remark}"'
    for name, protocol, port in services(some):
        yield f"set service {name} protocol {protocol} port {port}"
    for rule in some:
        yield from _rule(rule)


def _value(thing: Thing) -> str:
    return f"fqdn {thing.name}" if thing.name else f"ip-netmask {thing.network}"


def _rule(rule: Rule) -> Iterator[str]:
    start = f"set rulebase security rules {rule.id}"
    sources = _members(thing.id for thing in rule.sources) if rule.sources else "any"
    yield f"{start} from any to any source {sources}"
    yield f"{start} destination {_members(thing.id for thing in once(rule.destinations))}"
    yield f"{start} application any service {_members(name for name, _, _ in rule.services())} action allow"
    yield f'{start} description "{rule.remark}"'


def _members(names: Iterable[str]) -> str:
    return f"[ {' '.join(names)} ]"


def dynamic_list(allowed: AllowList) -> Iterator[str]:
    """Addresses, folded where that is exact. It says nothing of ports: the rule that uses it does."""
    note = f" {UNREAD}"
    told: set[str] = set()
    for row in rows(allowed.direct()):
        for net in folded(address for each in row.destinations for address in each.addresses):
            names = [each.name for each in row.destinations if each.name and holds(net, each.addresses)]
            if net not in told:
                told.add(net)
                ports = f"{'+'.join(row.protocols)} {row.port}"
                yield f"{net} {' '.join(names) or 'resolver'} {ports} seen {row.seen}{note}"
                note = ""
