"""FortiGate: a script of CLI commands (pure).

After Fortinet's CLI reference of FortiOS 7: names of addresses, groups and services have 79 characters, of policies 35.
A policy holds both versions of IP; the objects and groups of IPv6 are kept apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.objects import Rule, Thing, every, mask, rules, services

_LONGEST, _LONGEST_POLICY = 79, 35
_VERSIONS = {4: "", 6: "6"}


def commands(allowed: AllowList) -> Iterator[str]:
    """With names."""
    some = rules(allowed, _LONGEST, _LONGEST_POLICY)
    yield "# Interfaces are any: narrow them, and move the policies before those that deny. A FortiGate looks names up"
    yield "# itself: let it ask the resolvers that the hosts ask."
    for version, suffix in _VERSIONS.items():
        things = [thing for thing in every(some) if thing.version == version]
        yield from _config(f"firewall address{suffix}", (_address(thing) for thing in things))
    for version, suffix in _VERSIONS.items():
        groups = [group for rule in some for group in _groups(rule, version)]
        yield from _config(f"firewall addrgrp{suffix}", groups)
    yield from _config(
        "firewall service custom",
        ((_quoted(name), [f"set {protocol}-portrange {port}"]) for name, protocol, port in services(some)),
    )
    yield from _config("firewall policy", (("0", list(_policy(rule))) for rule in some))


def _config(table: str, entries: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    """Nothing where there are no entries."""
    found = list(entries)
    if found:
        yield f"config {table}"
        for name, settings in found:
            yield f"    edit {name}"
            yield from (f"        {setting}" for setting in settings)
            yield "    next"
        yield "end"


def _address(thing: Thing) -> tuple[str, list[str]]:
    if thing.name:
        value = ["set type fqdn", f"set fqdn {_quoted(thing.name)}"]
    elif thing.version == 6:
        value = [f"set ip6 {thing.network}"]
    else:
        assert thing.network is not None
        value = [f"set subnet {mask(thing.network)}"]
    return _quoted(thing.id), [*value, f"set comment {_quoted(thing.remark)}"]


def _groups(rule: Rule, version: int) -> Iterator[tuple[str, list[str]]]:
    if not any(thing.version == version for thing in rule.destinations):
        return
    for place, things in (("from", rule.sources), ("to", rule.destinations)):
        members = [_quoted(thing.id) for thing in things if thing.version == version]
        if members:
            yield _group(rule, place, version), [f"set member {' '.join(members)}"]


def _group(rule: Rule, place: str, version: int) -> str:
    return _quoted(f"{rule.id}-{place}{_VERSIONS[version]}")


def _policy(rule: Rule) -> Iterator[str]:
    yield f"set name {_quoted(rule.id)}"
    yield 'set srcintf "any"'
    yield 'set dstintf "any"'
    yield "set action accept"
    for version, suffix in _VERSIONS.items():
        if any(thing.version == version for thing in rule.destinations):
            is_known = any(thing.version == version for thing in rule.sources)
            yield f"set srcaddr{suffix} {_group(rule, 'from', version) if is_known else _quoted('all')}"
            yield f"set dstaddr{suffix} {_group(rule, 'to', version)}"
    yield 'set schedule "always"'
    yield f"set service {' '.join(_quoted(name) for name, _, _ in rule.services())}"
    yield "set logtraffic all"
    yield f"set comments {_quoted(rule.remark)}"


def _quoted(text: str) -> str:
    return f'"{text}"'
