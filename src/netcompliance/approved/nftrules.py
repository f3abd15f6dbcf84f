"""One rule of nftables: what it wants of a packet, and what becomes of it (pure)."""

from __future__ import annotations

from netcompliance.approved.nftwords import Cursor, Word
from netcompliance.approved.ruleset import SOMETIMES, Match, Rule
from netcompliance.inputs import printable

Values = list[tuple[str, ...]]
"""Each a concatenation of one part or more."""

_FIELDS = {
    ("ip", "saddr"): "saddr",
    ("ip6", "saddr"): "saddr",
    ("ip", "daddr"): "daddr",
    ("ip6", "daddr"): "daddr",
    ("tcp", "dport"): "dport",
    ("udp", "dport"): "dport",
    ("th", "dport"): "dport",
    ("ip", "protocol"): "protocol",
    ("ip6", "nexthdr"): "protocol",
    ("meta", "l4proto"): "protocol",
    ("ct", "state"): "state",
}
_PORTED = ("tcp", "udp")
_INTERFACES = ("iifname", "oifname", "iif", "oif")
_REMARKS = {
    "comment": 1, "prefix": 1, "level": 1, "group": 1, "packets": 1, "bytes": 1, "flags": 1,
    "position": 1, "handle": 1, "index": 1, "counter": 0, "log": 0, "notrack": 0, "continue": 0,
}  # fmt: skip
"""Words that limit nothing → how many words follow them."""
_RATE = ("rate", "over", "burst", "packets", "bytes", "kbytes", "mbytes")
VERDICTS = {"accept": "accept", "drop": "drop", "reject": "drop", "return": "return"}


class Names:
    """What a file gives names to: sets of its tables, and variables."""

    def __init__(self) -> None:
        self.sets: dict[tuple[str, str, str], Values] = {}
        self.variables: dict[str, Values] = {}

    def values(self, cursor: Cursor, table: tuple[str, str]) -> Values:
        """A value, or the values in braces."""
        text = cursor.text()
        if text.startswith("@"):
            return _known(self.sets.get((*table, text[1:])), cursor, f"the set {text} is not in this file")
        if text.startswith("$"):
            return _known(self.variables.get(text[1:]), cursor, f"{text} is not defined in this file")
        if text != "{":
            return [_concatenated(text, cursor)]
        found: Values = []
        while not cursor.take("}"):
            if cursor.peek().startswith(("$", "@")):
                found += self.values(cursor, table)
            elif not cursor.take(",", ";"):
                found.append(_concatenated(cursor.text(), cursor))
                _skip_remarks(cursor)
        return found


def read(statement: list[Word], origin: str, names: Names, table: tuple[str, str]) -> Rule:
    """The statement as a rule of that table. Raises `BadInput`."""
    cursor = Cursor(statement, origin)
    matches: list[Match] = []
    verdict, target = "", ""
    while cursor.peek():
        text = cursor.text()
        if text in VERDICTS:
            verdict = VERDICTS[text]
            if text == "reject":
                break
        elif text in ("jump", "goto"):
            verdict, target = "jump", cursor.text()
        elif text == "limit" or (text == "tcp" and cursor.peek() == "flags"):
            _skip_condition(cursor)
            matches.append(SOMETIMES)
        elif text in _REMARKS:
            cursor.skip(_REMARKS[text])
        elif text in _INTERFACES or (text == "meta" and cursor.peek() in _INTERFACES):
            matches += _interface(text, cursor, names, table)
        elif text == "meta" and cursor.take("nfproto"):
            cursor.skip(1)
        else:
            matches += _match(text, cursor, names, table)
    return Rule(where=f"{origin}:{statement[0].line}", matches=tuple(matches), verdict=verdict, target=target)


def _interface(text: str, cursor: Cursor, names: Names, table: tuple[str, str]) -> list[Match]:
    name = cursor.text() if text == "meta" else text
    negated = _operator(cursor)
    is_loopback = names.values(cursor, table) == [("lo",)] and name.startswith("o")
    return [Match(fields=("loopback",), negated=negated)] if is_loopback else []


def _match(first: str, cursor: Cursor, names: Names, table: tuple[str, str]) -> list[Match]:
    """Fields, joined by dots, then values. A port's protocol is wanted too."""
    begin = cursor.at - 1
    keys = [(first, cursor.text())]
    while cursor.take("."):
        keys.append((cursor.text(), cursor.text()))
    if cursor.peek() in ("vmap", "map"):
        raise cursor.bad("maps are not followed here")
    negated = _operator(cursor)
    values = names.values(cursor, table) if cursor.peek() else []
    while cursor.take(","):
        values += names.values(cursor, table)
    text = " ".join(word.text for word in cursor.words[begin : cursor.at])
    fields = tuple(_FIELDS.get(key, " ".join(key)) for key in keys)
    implied = [Match(fields=("protocol",), values=((name,),)) for name, _ in keys if name in _PORTED]
    return [*implied, Match(fields=fields, values=tuple(values), negated=negated, text=printable(text, 80))]


def _operator(cursor: Cursor) -> bool:
    """Whether what follows is what must not be."""
    return cursor.take("==", "!=", "eq", "ne") in ("!=", "ne")


def _known(values: Values | None, cursor: Cursor, otherwise: str) -> Values:
    if values is None:
        raise cursor.bad(otherwise)
    return values


def _concatenated(text: str, cursor: Cursor) -> tuple[str, ...]:
    parts = [text.strip('"')]
    while joint := cursor.take(".", "-"):
        part = cursor.text().strip('"')
        parts = [*parts[:-1], f"{parts[-1]}-{part}"] if joint == "-" else [*parts, part]
    return tuple(parts)


def _skip_remarks(cursor: Cursor) -> None:
    """What an element says besides: timeouts, comments, counters."""
    while cursor.peek() not in (",", "}", ""):
        if cursor.text() == ":":
            raise cursor.bad("maps are not followed here")


def _skip_condition(cursor: Cursor) -> None:
    """A rate, or flags of TCP, up to the next word that means something."""
    if cursor.take("flags"):
        while cursor.peek() and cursor.peek() not in (*VERDICTS, "jump", "goto", *_REMARKS, "ct", "ip", "ip6", "tcp"):
            cursor.skip(1)
    while cursor.peek() in _RATE or "/" in cursor.peek() or cursor.peek().isdigit():
        cursor.skip(1)
