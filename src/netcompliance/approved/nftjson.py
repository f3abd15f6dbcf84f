"""nftables as `nft -j list ruleset` prints it (pure). It has no lines, so an entry says its rule's handle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from netcompliance.approved.ruleset import SOMETIMES, Chain, Match, Place, Rule
from netcompliance.inputs import BadInput, printable

_FIELDS = {"saddr": "saddr", "daddr": "daddr", "dport": "dport", "protocol": "protocol", "nexthdr": "protocol"}
_META = {"l4proto": "protocol", "nfproto": "family", "iifname": "in", "iif": "in", "oifname": "out", "oif": "out"}
_PASSED_OVER = frozenset({"counter", "log", "comment", "mangle", "quota", "notrack", "xt-comment"})
_VERDICTS = {"accept": "accept", "drop": "drop", "reject": "drop", "return": "return"}
_PORTED = ("tcp", "udp")


def read(document: Any, origin: str) -> dict[Place, Chain]:
    """The chains of the document. Raises `BadInput`."""
    objects = document.get("nftables") if isinstance(document, Mapping) else None
    if not isinstance(objects, list):
        raise BadInput(f"{origin}: JSON, but not nft's")
    pairs = [pair for item in objects if isinstance(item, Mapping) for pair in _unwrapped(item)]
    sets = {_place(body, "name"): body.get("elem", []) for kind, body in pairs if kind == "set"}
    chains: dict[Place, Chain] = {}
    for kind, body in pairs:
        if kind == "chain":
            place = _place(body, "name")
            chains[place] = Chain(
                where=f"{origin}: chain {printable(place[2])}",
                hook=str(body.get("hook", "")),
                kind=str(body.get("type", "filter")),
                policy=str(body.get("policy", "accept")),
                version={"ip": 4, "ip6": 6}.get(place[0]),
            )
    for kind, body in pairs:
        place = _place(body, "chain")
        if kind == "rule" and place in chains:
            chains[place].rules.append(_rule(body, chains[place], sets, place))
    return chains


def _place(body: Mapping[str, Any], name: str) -> Place:
    return str(body.get("family")), str(body.get("table")), str(body.get(name))


def _unwrapped(item: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """`{"add": {"rule": …}}` is how a file for `nft -j -f` says it."""
    for kind, body in item.items():
        if isinstance(body, Mapping):
            yield from _unwrapped(body) if kind in ("add", "insert", "create") else [(kind, body)]


def _rule(body: Mapping[str, Any], chain: Chain, sets: Mapping[Place, Any], place: Place) -> Rule:
    where = f"{chain.where}, rule {body.get('handle', len(chain.rules) + 1)}"
    matches: list[Match] = []
    verdict, target = "", ""
    expressions = body.get("expr")
    for expression in expressions if isinstance(expressions, list) else []:
        for word, detail in expression.items() if isinstance(expression, Mapping) else ():
            if word in _VERDICTS:
                verdict = _VERDICTS[word]
            elif word in ("jump", "goto") and isinstance(detail, Mapping):
                verdict, target = "jump", str(detail.get("target"))
            elif word == "match" and isinstance(detail, Mapping):
                matches += _match(detail, sets, place, where)
            elif word == "limit":
                matches.append(SOMETIMES)
            elif word not in _PASSED_OVER:
                matches.append(Match(fields=(word,), text=word))
    return Rule(where=where, matches=tuple(matches), verdict=verdict, target=target)


def _match(detail: Mapping[str, Any], sets: Mapping[Place, Any], place: Place, where: str) -> list[Match]:
    left = detail.get("left")
    concatenated = left.get("concat") if isinstance(left, Mapping) else None
    parts = concatenated if isinstance(concatenated, list) else [left]
    names = [_field(part) for part in parts]
    implied = [
        Match(fields=("protocol",), values=((protocol,),)) for part in parts if (protocol := _protocol(part)) in _PORTED
    ]
    negated = detail.get("op") == "!="
    values = tuple(_values(detail.get("right"), sets, place, where))
    if names in (["in"], ["family"]):
        return []
    if names == ["tcp flags"]:
        return [SOMETIMES]
    if names == ["out"]:
        return [Match(fields=("loopback",), negated=negated)] if values == (("lo",),) else []
    return [*implied, Match(fields=tuple(names), values=values, negated=negated, text=" . ".join(names))]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _field(part: Any) -> str:
    part = _mapping(part)
    payload, meta, ct = (_mapping(part.get(kind)) for kind in ("payload", "meta", "ct"))
    if payload:
        field = str(payload.get("field"))
        return "tcp flags" if field == "flags" else _FIELDS.get(field, field)
    if meta:
        return _META.get(str(meta.get("key")), str(meta.get("key")))
    return "state" if ct.get("key") == "state" else next(iter(part), "?")


def _protocol(part: Any) -> str:
    return str(_mapping(_mapping(part).get("payload")).get("protocol", ""))


def _values(value: Any, sets: Mapping[Place, Any], place: Place, where: str) -> Iterator[tuple[str, ...]]:
    if isinstance(value, str) and value.startswith("@"):
        key = (*place[:2], value[1:])
        if key not in sets:
            raise BadInput(f"{where}: the set {printable(value)} is not in this file")
        yield from _values({"set": sets[key]}, {}, place, where)
    elif isinstance(value, Mapping) and isinstance(value.get("set"), list):
        for item in value["set"]:
            yield from _values(item, {}, place, where)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, {}, place, where)
    elif isinstance(value, Mapping) and isinstance(value.get("concat"), list):
        yield tuple(_leaf(item, where) for item in value["concat"])
    elif isinstance(value, Mapping) and "elem" in value:
        yield from _values(value["elem"].get("val") if isinstance(value["elem"], Mapping) else None, {}, place, where)
    else:
        yield (_leaf(value, where),)


def _leaf(value: Any, where: str) -> str:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Mapping) and isinstance(value.get("prefix"), Mapping):
        return f"{value['prefix'].get('addr')}/{value['prefix'].get('len')}"
    if isinstance(value, Mapping) and isinstance(value.get("range"), list):
        return "-".join(str(end) for end in value["range"])
    raise BadInput(f"{where}: a value that is not followed here")
