"""Check Point: a shell script of `mgmt_cli` commands (pure).

After Check Point's Management API reference: a domain's name begins with a dot, and a domain is a destination of a rule
but no member of a group; the port of a predefined service is a warning, which has to be ignored. Everything is
published, or nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.objects import Rule, Thing, every, once, rules, services

_LONGEST = 63


def script(allowed: AllowList) -> Iterator[str]:
    """For sh, on the management server."""
    some = rules(allowed, _LONGEST)
    yield "# sh FILE, on the management server. LAYER names the layer that gets the rules on top (Network)."
    yield "# Install the policy after that."
    yield "# A gateway looks names up itself: let it ask the resolvers that the hosts ask."
    yield "set -eu"
    yield ': "${LAYER:=Network}"'
    yield "session=$(mktemp)"
    yield 'trap \'mgmt_cli discard -s "$session"; mgmt_cli logout -s "$session"; rm -f "$session"\' EXIT'
    yield 'mgmt_cli login -r true >"$session"'
    for thing in once(every(some)):
        yield _command(*_object(thing), "comments", thing.remark)
    for name, protocol, port in services(some):
        yield _command("add", f"service-{protocol}", "name", name, "port", str(port), "ignore-warnings", "true")
    for rule in some:
        yield _rule(rule)
    yield 'mgmt_cli publish -s "$session"'


def _identity(thing: Thing) -> str:
    """What it is called there: a domain by itself, whatever the version of IP."""
    return f".{thing.name}" if thing.name else thing.id


def _object(thing: Thing) -> Iterable[str]:
    if thing.name:
        return "add", "dns-domain", "name", _identity(thing), "is-sub-domain", "false"
    assert thing.network is not None
    address, length = str(thing.network).split("/")
    if thing.is_host:
        return "add", "host", "name", thing.id, "ip-address", address
    return "add", "network", "name", thing.id, "subnet", address, "mask-length", length


def _rule(rule: Rule) -> str:
    sources = [thing.id for thing in rule.sources] or ["Any"]
    destinations = [_identity(thing) for thing in once(rule.destinations)]
    names = [name for name, _, _ in rule.services()]
    listed = [
        word
        for field, values in (("source", sources), ("destination", destinations), ("service", names))
        for number, value in enumerate(values, 1)
        for word in (f"{field}.{number}", value)
    ]
    last = ("action", "Accept", "track.type", "Log", "comments", rule.remark)
    return _command("add", "access-rule", "layer", '"$LAYER"', "position", "top", "name", rule.id, *listed, *last)


def _command(*words: str) -> str:
    quoted = (word if word == '"$LAYER"' else shlex.quote(word) for word in words)
    return f'mgmt_cli {" ".join(quoted)} -s "$session"'
