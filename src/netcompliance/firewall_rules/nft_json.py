"""nftables as `nft -j list ruleset` prints it. It has no lines, so a rule's place is its chain and handle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from netcompliance.firewall_rules import vocabulary
from netcompliance.firewall_rules.rules import Builder, Match, Place, Rule, Ruleset, Values
from netcompliance.firewall_rules.vocabulary import Effect, NotKnown

DEEPEST = 64
"""Nothing that nft prints is nested deeper."""
UNREADABLE = "nft's list of rules cannot be read"
LONGEST = 200
"""Characters of a rule, as it is shown."""
_BY_IPTABLES = frozenset({"xt", "match", "counter", "log", "limit", "accept", "drop", "return", "jump", "goto"})


def parsed(document: Any) -> Ruleset:
    """The ruleset; what is no such document has one doubt and no chain."""
    every = document.get("nftables") if isinstance(document, dict) and not _is_deep(document) else None
    if not isinstance(every, list):
        return Ruleset(chains={}, doubts=(("", UNREADABLE),))
    return _Reader(every).ruleset()


def _is_deep(value: Any) -> bool:
    """Is it nested deeper than anything that nft prints? What looks into it goes down level by level."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
        ]
        if not level:
            return False
    return True


class _Reader:
    def __init__(self, every: list[Any]) -> None:
        self._objects = [found for item in every for found in _unwrapped(_dict(item))]
        self._sets = {
            _place(body, "name"): _list(body.get("elem")) for _, kind, body in self._objects if kind in ("set", "map")
        }
        for place in [place for _, kind, body in self._objects if kind == "rule" for place in _filled(body)]:
            self._sets.pop(place, None)
        self._resolved: dict[tuple[Place, tuple[str, ...]], Values] = {}

    def ruleset(self) -> Ruleset:
        built = Builder()
        for how, kind, body in self._objects:
            place = _place(body, "name" if kind == "chain" else "chain")
            where = f": chain {place[2]}"
            if kind == "chain":
                said = {"hook": body.get("hook", ""), "kind": body.get("type", "filter")}
                said["policy"] = body.get("policy", "accept")
                built.chain(place, where, **{name: str(value) for name, value in said.items()})
            elif kind == "rule":
                where = f"{where}, rule {body.get('handle', built.count(place) + 1)}"
                built.add(place, where, self._rules(body, place, where), first=how == "insert")
        return built.ruleset()

    def _rules(self, body: Mapping[str, Any], place: Place, where: str) -> Iterator[Rule]:
        """The rule itself, or one for each element of its verdict map."""
        expressions = [_dict(each) for each in _list(body.get("expr"))]
        matches: list[Match] = []
        statements: list[str] = []
        target, vmap = "", None
        for word, detail in (pair for each in expressions for pair in each.items()):
            if word == "match":
                matches += self._match(_dict(detail), place)
            elif word in ("limit", "quota"):
                matches.append(Match(fields=(vocabulary.RATE if word == "limit" else word,), text=word))
            elif word == "vmap":
                vmap = _dict(detail)
            elif word == "xt" and _dict(detail).get("type") == "match":
                name = str(_dict(detail).get("name"))
                matches += [Match(fields=(f"xt {name}",))] if name != "comment" else []
            else:
                statements.append(_statement(word, detail))
                target = str(_dict(detail).get("target")) if word in ("jump", "goto") else target
        rule = Rule(
            where=where,
            text=f"{place[2]}: {json.dumps(expressions)[:LONGEST]}",
            matches=tuple(matches),
            statements=tuple(statements),
            target=target,
            foreign=not all(map(_is_of_iptables, expressions)),
        )
        if vmap is None or statements:
            yield rule
        if vmap is None:
            return
        rule = replace(rule, text=f"{place[2]}: verdict map", statements=(), mapped=True)
        fields, implied = _fields(vmap.get("key"))
        data = vmap.get("data")
        if isinstance(data, str) and (*place[:2], data.removeprefix("@")) not in self._sets:
            text = f"{rule.text} {data.removeprefix('@')}"
            yield replace(rule, text=text, doubt=f"the map {data} is not in this file")
            return
        pairs = self._sets[(*place[:2], data.removeprefix("@"))] if isinstance(data, str) else _dict(data).get("set")
        for pair in map(_list, _list(pairs)):
            if len(pair) == 2 and isinstance(pair[1], dict):
                verdict = next(iter(pair[1]), "")
                yield replace(
                    rule,
                    matches=(*matches, *implied, self._matched(fields, "==", pair[0], place, " . ".join(fields))),
                    statements=(verdict,),
                    target=str(_dict(pair[1][verdict]).get("target")) if verdict in ("jump", "goto") else "",
                )

    def _match(self, detail: Mapping[str, Any], place: Place) -> list[Match]:
        left, op = detail.get("left"), str(detail.get("op"))
        mask = next((_list(body)[1:2] for word, body in _dict(left).items() if word == "&"), [])
        inner = _list(_dict(left)["&"])[:1] if mask else [left]
        fields, implied = _fields(inner[0] if inner else None)
        text = " . ".join(fields)
        if fields == ("tcp flags",):
            flags = _flags(op, mask, detail.get("right"))
            found = (
                Match(fields=("first packet",), values=flags)
                if flags is not None
                else Match(fields=fields, doubt="flags that are not followed here", text=text)
            )
        else:
            known = self._matched(fields, op, detail.get("right"), place, text)
            found = known if not mask else Match(fields=fields, op=known.op, masked=True, text=text)
        return [*implied, found]

    def _matched(self, fields: tuple[str, ...], op: str, right: Any, place: Place, text: str) -> Match:
        if not vocabulary.COMPUTED.intersection(fields):
            return Match(fields=fields, op=vocabulary.operator_of(op, fields), text=text)
        joint = "|" if "|" in _dict(right) else "," if len(_list(right)) > 1 else ""
        op = vocabulary.operator_of(op, fields, joint)
        try:
            values = self._values(right if op else None, fields, place)
        except NotKnown as unknown:
            return Match(fields=fields, op=op, doubt=str(unknown), text=text)
        doubt = vocabulary.why_unknown(fields)
        return Match(fields=fields, op=op, values=() if doubt else values, doubt=doubt, text=text)

    def _values(self, value: Any, fields: tuple[str, ...], place: Place) -> Values:
        found: list[tuple[str, ...]] = []
        followed = set[str]()
        pending = [value]
        while pending:
            item = pending.pop()
            if isinstance(item, str) and item.startswith("@"):
                named = (*place[:2], item[1:])
                if named not in self._sets:
                    raise NotKnown(f"the set {item} is not in this file")
                if item == value:
                    return self._set(named, fields, place)
                if item not in followed:
                    followed.add(item)
                    pending += reversed(self._sets[named])
            elif isinstance(item, list):
                pending += reversed(item)
            elif isinstance(item, dict) and isinstance(item.get("set"), list):
                pending.append(item["set"])
            elif isinstance(item, dict) and "elem" in item:
                pending.append(_dict(item["elem"]).get("val"))
            else:
                parts = _dict(item).get("concat")
                found += vocabulary.canonical(fields, [*map(_leaf, parts if isinstance(parts, list) else [item])])
        return tuple(found)

    def _set(self, named: Place, fields: tuple[str, ...], place: Place) -> Values:
        """Of a set by name, which many rules may have."""
        key = (named, fields)
        if key not in self._resolved:
            elements = [each for each in self._sets[named] if each != f"@{named[2]}"]
            self._resolved[key] = self._values(elements, fields, place)
        return self._resolved[key]


def _unwrapped(item: Mapping[str, Any], how: str = "") -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(how it is added, kind, body). `{"add": {"rule": …}}` is how a file for `nft -j -f` says it."""
    for kind, body in item.items():
        if isinstance(body, dict):
            yield from _unwrapped(body, kind) if kind in ("add", "insert", "create") else [(how, kind, body)]


def _filled(body: Mapping[str, Any]) -> Iterator[Place]:
    """The sets that a rule adds to: what is in them is not known before the packet that is added has come."""
    for expression in map(_dict, _list(body.get("expr"))):
        if "set" in expression:
            yield (*_place(body, "chain")[:2], str(_dict(expression["set"]).get("set")).removeprefix("@"))


def _statement(word: str, detail: Any) -> str:
    """Its name."""
    if word == "xt" and "name" in _dict(detail):
        return vocabulary.of_xt(str(detail["name"]))
    if word == "mangle":
        by_source = '"saddr"' in json.dumps(_dict(detail).get("value"))
        return vocabulary.setting(_words(_dict(detail).get("key")), by_source=by_source)
    by_source = vocabulary.STATEMENTS.get(word) is Effect.DIVERT and "saddr" in json.dumps(detail)
    return f"{word} by source" if by_source else word


def _is_of_iptables(expression: Mapping[str, Any]) -> bool:
    """May iptables itself have written this?"""
    detail = _dict(expression.get("match"))
    left, right = json.dumps(detail.get("left")), detail.get("right")
    plain = isinstance(right, (str, int)) and not str(right).startswith("@")
    by_source = '"saddr"' in left or '"base"' in left
    return _BY_IPTABLES.issuperset(expression) and (
        not by_source or (detail.get("op") in ("==", "!=") and (plain or "prefix" in _dict(right)))
    )


def _fields(left: Any) -> tuple[tuple[str, ...], list[Match]]:
    """The names of what stands left of a comparison, and what these imply."""
    parts = _dict(left).get("concat")
    words = [_words(part) for part in (parts if isinstance(parts, list) else [left])]
    implied = dict.fromkeys(found for each in words if (found := vocabulary.implied_by(each)))
    return (
        tuple(map(vocabulary.field_of, words)),
        [Match(fields=(field,), values=((value,),)) for field, value in implied],
    )


def _words(part: Any) -> str:
    """A field as nft's text has it."""
    part = _dict(part)
    kind = next(iter(part), "?")
    body = _dict(part.get(kind))
    if kind == "payload" and "base" not in body:
        return f"{body.get('protocol')} {body.get('field')}"
    if kind in ("meta", "ct"):
        return " ".join(str(each) for each in (kind, body.get("dir"), body.get("key")) if each is not None)
    return "raw payload" if kind == "payload" else str(kind)


def _flags(op: str, mask: list[Any], right: Any) -> Values | None:
    """Of a comparison of TCP's flags: which first packets fit."""
    several = _dict(right).get("set")
    values = [_joined(each) for each in (several if isinstance(several, list) else [right])]
    return vocabulary.first_packets(op, _joined(mask[0]) if mask else "", tuple(values))


def _joined(value: Any) -> str:
    several = value.get("|") if isinstance(value, dict) else value
    return ",".join(map(str, several)) if isinstance(several, list) else str(value)


def _leaf(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("prefix"), dict):
        return f"{value['prefix'].get('addr')}/{value['prefix'].get('len')}"
    if isinstance(value, dict) and isinstance(value.get("range"), list):
        return "-".join(map(str, value["range"]))
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise NotKnown
    return str(value)


def _place(body: Mapping[str, Any], name: str) -> Place:
    return str(body.get("family")), str(body.get("table")), str(body.get(name))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
