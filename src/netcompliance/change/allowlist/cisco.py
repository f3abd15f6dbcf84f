"""Cisco ASA: objects, object groups and the lines of an access list (pure).

After Cisco's CLI configuration guide of ASA 9: names have 64 characters, remarks 100; one object holds a name for one
version of IP; objects and groups share their names. An access list ends with a deny, so its lines go into the one that
is bound.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.objects import Rule, Thing, every, mask, rules

_LONGEST, _LONGEST_REMARK = 64, 100
_LIST = "stackstate-agent-egress"


def commands(allowed: AllowList) -> Iterator[str]:
    """With names; the device looks them up itself."""
    some = rules(allowed, _LONGEST, _LONGEST - len("-from"))
    yield f"! Put the lines of the access list {_LIST} into the one that is bound to the inside: it ends with a deny."
    yield "! Names need `dns domain-lookup` and a `dns server-group` with the resolvers that the hosts ask."
    for thing in every(some):
        yield f"object network {thing.id}"
        yield f" {_value(thing)}"
        yield f" description {thing.remark}"
    for rule in some:
        yield from _groups(rule)
    for rule in some:
        origin = f"object-group {rule.id}-from" if rule.sources else "any"
        yield f"access-list {_LIST} remark {f'{rule.id}: {rule.remark}'[:_LONGEST_REMARK]}"
        yield f"access-list {_LIST} extended permit object-group {rule.id}-svc {origin} object-group {rule.id}-to"


def _value(thing: Thing) -> str:
    if thing.name:
        return f"fqdn v{thing.version} {thing.name}"
    assert thing.network is not None
    if thing.is_host:
        return f"host {thing.network.network_address}"
    return f"subnet {thing.network if thing.version == 6 else mask(thing.network)}"


def _groups(rule: Rule) -> Iterator[str]:
    for place, things in (("from", rule.sources), ("to", rule.destinations)):
        if things:
            yield f"object-group network {rule.id}-{place}"
            yield from (f" network-object object {thing.id}" for thing in things)
    yield f"object-group service {rule.id}-svc"
    yield from (f" service-object {protocol} destination eq {rule.port}" for protocol in rule.protocols)
