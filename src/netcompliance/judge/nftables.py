"""nftables' rules as `nft -j list ruleset` prints them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from netcompliance.judge.evidence import listed
from netcompliance.judge.rulesets import Blocks, Budget, Ruleset, Step

Place: TypeAlias = tuple[str, str, str]
"""Family, table, and name of a chain or set."""
Expressions: TypeAlias = list[dict[str, Any]]

REPLIES = frozenset({"established", "related", "invalid"})
METAS = frozenset(
    {
        "iif", "iifname", "oif", "oifname", "iiftype", "oiftype", "iifgroup", "l4proto", "nfproto", "protocol",
        "pkttype", "length", "skuid", "skgid", "time", "day", "hour",
    }
)  # fmt: skip
CONNTRACK = frozenset(
    {"state", "status", "direction", "expiration", "helper", "l3proto", "protocol", "proto-src", "proto-dst"}
)
STATEMENTS = frozenset(
    {
        "accept", "drop", "reject", "return", "jump", "goto", "vmap", "match", "counter", "log", "limit", "quota",
        "comment", "mangle", "notrack", "set", "map", "last", "dnat", "redirect", "tproxy", "masquerade", "snat",
    }
)  # fmt: skip
BITWISE = ("&", "|", "^", "<<", ">>")
FIELDS = ("payload", "exthdr", "tcp option", "fib", "meta", "ct", "concat", *BITWISE)
DIVERSIONS = ("dnat", "redirect", "tproxy")
DEEPEST = 64
"""Nothing that nft prints is nested deeper."""
UNREADABLE = "nft's list of rules cannot be read"


def parsed(text: str, elsewhere: frozenset[str] = frozenset(), budget: Budget | None = None) -> Ruleset:
    """A ruleset, without the tables `elsewhere` (family and name), which iptables-save shows. Raises `TooMuch`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if _is_deep(document):
        document = None
    every = document.get("nftables") if isinstance(document, dict) else None
    objects = [pair for item in _list(every) for pair in _dict(item).items() if isinstance(pair[1], dict)]
    sets = {_place(body, "name"): body.get("elem") or [] for kind, body in objects if kind in ("set", "map")}
    rules = [body for kind, body in objects if kind == "rule"]
    filled = _filled(rules)
    sets = {place: elements for place, elements in sets.items() if place not in filled}
    chains = [body for kind, body in objects if kind == "chain"]
    budget = budget or Budget()
    steps: dict[Any, list[Step]] = {}
    for body in rules:
        if f"{body.get('family')} {body.get('table')}" in elsewhere:
            continue
        where = _place(body, "chain")
        expressions = [_dict(e) for e in _list(body.get("expr"))]
        if not any(map(_replies_only, expressions)):
            steps.setdefault(where, []).extend(_steps(expressions, sets, where, budget))
    return Ruleset(
        steps=steps,
        inputs=[_place(body, "name") for body in chains if body.get("hook") == "input"],
        early=[_place(body, "name") for body in chains if body.get("hook") == "prerouting"],
        doubt="" if isinstance(every, list) else UNREADABLE,
    )


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


def _filled(rules: Iterable[dict[str, Any]]) -> set[Place]:
    """The sets that rules themselves add to: what is in them is not known before the packet that is added has come."""
    return {
        (*_place(body, "chain")[:2], str(_dict(expression.get("set")).get("set")).removeprefix("@"))
        for body in rules
        for expression in map(_dict, _list(body.get("expr")))
        if "set" in expression
    }


def _steps(expressions: Expressions, sets: Mapping[Place, Any], where: Place, budget: Budget) -> Iterator[Step]:
    """The rule itself, and one step for each verdict of a map."""
    own = tuple(budget.spent(blocks) for e in expressions if (blocks := _sources(e, sets, where)) is not None)
    but = tuple(s for e in expressions for s in budget.spent(_sources(e, sets, where, "!=") or ()))
    understood = all(_understood(e, sets, where) for e in expressions)

    def does(*verbs: str) -> bool:
        return any(verb in e for e in expressions for verb in verbs)

    accepts = does("accept", "queue")
    flat = [block for blocks in own for block in blocks]
    yield Step(
        rule=f"{where[2]}: source {listed(flat, 3)} accept" if flat and accepts else _in_words(expressions, where),
        sources=own,
        accepts=accepts,
        returns=does("return"),
        against=does("drop", "reject"),
        diverts=does(*DIVERSIONS),
        untracks=does("notrack"),
        goes=tuple((_target(where, e[verb]), ()) for e in expressions for verb in ("jump", "goto") if verb in e),
        understood=understood and not does("queue"),
        but=but,
    )
    for expression in expressions:
        if "vmap" in expression:
            yield from _verdicts(_dict(expression["vmap"]), own, sets, where, budget, understood=understood)


def _verdicts(
    vmap: dict[str, Any],
    own: tuple[Blocks, ...],
    sets: Mapping[Place, Any],
    where: Place,
    budget: Budget,
    *,
    understood: bool,
) -> Iterator[Step]:
    key, data = vmap.get("key"), vmap.get("data")
    named = data[1:] if isinstance(data, str) and data.startswith("@") else None
    pairs = sets.get((where[0], where[1], named)) if named else _dict(data).get("set")
    by_state = _dict(_dict(key).get("ct")).get("key") == "state"
    if pairs is None:
        yield Step(rule=f"{where[2]}: verdict map {named}", accepts=True, understood=False)
    part = _source_part(key)
    for pair in map(_list, _list(pairs)):
        if len(pair) != 2 or (by_state and _all_replies(pair[0])):
            continue
        verdict = _dict(pair[1])
        more = (tuple(_leaves(pair[0], sets, where, part)),) if part is not None else ()
        target = next((_target(where, verdict[verb]) for verb in ("jump", "goto") if verb in verdict), None)
        flat = [block for blocks in (*own, *more) for block in blocks]
        budget.spent(tuple(flat))
        does = next(iter(verdict), "nothing")
        yield Step(
            rule=f"{where[2]}: source {listed(flat, 3)} {does}" if flat else f"{where[2]}: verdict map",
            sources=(*own, *more),
            accepts="accept" in verdict or "queue" in verdict,
            returns="return" in verdict or "continue" in verdict,
            against="drop" in verdict,
            goes=((target, ()),) if target else (),
            understood=understood and "queue" not in verdict,
        )


def _in_words(expressions: Expressions, where: Place) -> str:
    return f"{where[2]}: {json.dumps(expressions)[:200]}"


def _target(where: Place, verdict: Any) -> Place:
    return (where[0], where[1], str(_dict(verdict).get("target")))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _place(body: Mapping[str, Any], name: str) -> Place:
    return str(body.get("family")), str(body.get("table")), str(body.get(name))


def _replies_only(expression: dict[str, Any]) -> bool:
    """Does the expression limit its rule to packets of connections that exist already?"""
    match = _dict(expression.get("match"))
    key, right = _dict(_dict(match.get("left")).get("ct")).get("key"), match.get("right")
    if key == "direction":
        return (match.get("op"), right) in (("==", "reply"), ("!=", "original"))
    if key != "state":
        return False
    if match.get("op") == "!=":
        return "new" in _leaves(right, {}, ("", "", ""))
    return match.get("op") in ("==", "in") and _all_replies(right)


def _all_replies(states: Any) -> bool:
    names, numbers = _leaves(states, {}, ("", "", "")), "[0-9]"
    return bool(names) and REPLIES.issuperset(names) and not re.search(numbers, json.dumps(states))


def _understood(expression: dict[str, Any], sets: Mapping[Place, Any], where: Place) -> bool:
    if not STATEMENTS.issuperset(expression):
        return False
    if any(verb in expression and _mentions_source(expression[verb]) for verb in DIVERSIONS):
        return False
    if "vmap" in expression:
        key = _dict(expression["vmap"]).get("key")
        return _readable(key) and (not _mentions_source(key) or _source_part(key) is not None)
    match = _dict(expression.get("match"))
    if not match:
        return True
    right, left = match.get("right"), match.get("left")
    if _is_unknown(right, sets, where):
        return False
    by_source = _source_part(left) is not None and match.get("op") in ("==", "in", "!=")
    return _readable(left) and (by_source or not _mentions_source(left))


def _readable(left: Any) -> bool:
    """Is it a field whose meaning is known?"""
    if isinstance(left, list):
        return all(map(_readable, left))
    if not isinstance(left, dict):
        return True
    for what, body in left.items():
        key = _dict(body).get("key")
        known = {"meta": key in METAS, "ct": key in CONNTRACK, "payload": "base" not in _dict(body)}.get(what, True)
        if what not in FIELDS or not known:
            return False
        if what in ("concat", *BITWISE) and not _readable(body):
            return False
    return True


def _sources(expression: dict[str, Any], sets: Mapping[Place, Any], where: Place, *ops: str) -> Blocks | None:
    """The blocks that an expression wants the source to be in (or with `!=`, not to be in); `None` if it does not."""
    match = _dict(expression.get("match"))
    part = _source_part(match.get("left"))
    right = match.get("right")
    if part is None or match.get("op") not in (ops or ("==", "in")) or _is_unknown(right, sets, where):
        return None
    return tuple(_leaves(right, sets, where, part))


def _is_unknown(right: Any, sets: Mapping[Place, Any], where: Place) -> bool:
    """Is it a set whose content is not known?"""
    return isinstance(right, str) and right.startswith("@") and (where[0], where[1], right[1:]) not in sets


def _source_part(left: Any) -> int | None:
    """Which of several fields is the source address, 0 where it stands alone; `None` if none is."""
    fields = _list(_dict(left).get("concat")) or [left]
    for number, each in enumerate(fields):
        payload = _dict(_dict(each).get("payload"))
        if payload.get("field") == "saddr" and payload.get("protocol") in ("ip", "ip6"):
            return number
    return None


def _mentions_source(left: Any) -> bool:
    text = json.dumps(left)
    return '"saddr"' in text and ('"ip"' in text or '"ip6"' in text or '"payload"' not in text)


def _leaves(value: Any, sets: Mapping[Place, Any], where: Place, part: int = 0) -> list[str]:
    """The words in a right-hand side: addresses, prefixes, ranges or states, through sets and their elements.

    Of several fields, those of the one in place `part`.
    """
    found: list[str] = []
    pending, followed = [value], set[str]()
    while pending:
        item = pending.pop()
        if isinstance(item, str) and item.startswith("@"):
            if item not in followed:
                followed.add(item)
                pending.append(sets.get((where[0], where[1], item[1:])))
        elif isinstance(item, str):
            found.append(item)
        elif isinstance(item, list):
            pending += reversed(item)
        elif isinstance(item, dict) and "prefix" in item:
            prefix = _dict(item["prefix"])
            found.append(f"{prefix.get('addr')}/{prefix.get('len')}")
        elif isinstance(item, dict) and "range" in item:
            found.append("-".join(str(end) for end in _list(item["range"])))
        elif isinstance(item, dict) and "concat" in item:
            pending += _list(item["concat"])[part : part + 1]
        elif isinstance(item, dict):
            pending += [item[key] for key in ("set", "elem", "val") if key in item]
    return found
