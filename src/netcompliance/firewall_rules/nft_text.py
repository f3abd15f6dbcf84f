"""nftables as people write it and as `nft list ruleset` prints it.

Read are tables, chains, sets, maps, `define`, and `add` and `insert` of those. What only changes a running firewall
(flush, delete) is passed over in front of the rules, and refused where it takes back what was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netcompliance.firewall_rules import vocabulary
from netcompliance.firewall_rules.nft_words import Cursor, Word, words
from netcompliance.firewall_rules.rules import MAPS, Builder, Match, Place, Rule, RulesError, Ruleset, Values
from netcompliance.firewall_rules.vocabulary import Effect, NotKnown

_FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")
_PASSED_OVER = (
    "define", "list", "reset", "set", "map", "element", "counter", "quota", "limit",
    "ct", "flowtable", "secmark", "synproxy",
)  # fmt: skip
_NO_RULES = ("comment", "devices", "flags")
_BARE = ("iif", "oif", "iifname", "oifname", "iiftype", "oiftype", "iifgroup", "oifgroup", "skuid", "skgid", "mark")
"""Keys of `meta` that stand without it."""
_OPERATORS = {"eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">="}
_OPERATORS |= {each: each for each in ("==", "!=", "<", ">", "<=", ">=", "!")}
_BITWISE = ("&", "|", "^", "<<", ">>", "and", "or", "xor")
_DETAILS = {
    "counter": {"packets": 1, "bytes": 1, "name": 1},
    "log": {"prefix": 1, "level": 1, "group": 1, "snaplen": 1, "queue-threshold": 1, "flags": 1},
    "last": {"used": 1},
    "limit": {"name": 1, "rate": 0, "over": 0, "burst": 2},
    "quota": {"name": 1, "over": 0, "until": 0, "used": 2},
}
"""Statement → its words, and how many follow each."""
_REST = ("reject", "queue", "dnat", "snat", "masquerade", "redirect", "tproxy", "dup")
"""Statements whose words are passed over, up to the next that may stand behind them."""
_BEHIND = ("accept", "drop", "return", "comment", "counter", "log", "meta")


def parsed(text: str) -> Ruleset:
    """The ruleset. Raises `RulesError` where its blocks have no end, or no beginning that is known."""
    return _Reader(list(words(text))).ruleset()


class _Reader:
    def __init__(self, some: list[Word]) -> None:
        self._cursor = Cursor(some)
        self._names = _Names(some)
        self._built = Builder()

    def ruleset(self) -> Ruleset:
        cursor, inserted = self._cursor, False
        while word := cursor.next():
            match word.text:
                case ";":
                    inserted = False
                case "add" | "create" | "insert" | "replace":
                    inserted = word.text == "insert"
                case "table":
                    self._table(_family(cursor), cursor.text())
                case "chain":
                    self._chain((_family(cursor), cursor.text(), cursor.text()))
                case "rule":
                    self._rule((_family(cursor), cursor.text(), cursor.text()), first=inserted)
                case "flush" | "delete" | "destroy":
                    self._take_back(word.text, [each.text for each in cursor.statement()])
                case text if text in _PASSED_OVER:
                    cursor.statement()
                case _:
                    raise cursor.bad(f"{word.text!r} begins no statement that is known here")
        return self._built.ruleset()

    def _take_back(self, verb: str, named: list[str]) -> None:
        """Nothing, unless what was read is taken back: raises `RulesError`."""
        what, *names = named or [""]
        family = names.pop(0) if names and names[0] in _FAMILIES else "ip"
        table = names[0] if names and what != "ruleset" else ""
        if what in ("element", "rule") or self._built.has_rules(family, table):
            text = f"{verb} {what} takes back what stands before it; hand in what `nft list ruleset` prints"
            raise self._cursor.bad(text)

    def _table(self, family: str, name: str) -> None:
        cursor = self._cursor
        if not cursor.take("{"):
            return
        while not cursor.take("}"):
            if not cursor.peek():
                raise RulesError("", "a table without its closing brace")
            if cursor.take("chain"):
                self._chain((family, name, cursor.text()))
            elif not cursor.take(";"):
                cursor.statement()

    def _chain(self, place: Place) -> None:
        cursor = self._cursor
        self._built.chain(place, cursor.where)
        if not cursor.take("{"):
            return
        while not cursor.take("}"):
            if not cursor.peek():
                raise RulesError("", "a chain without its closing brace")
            if cursor.take(";"):
                continue
            if cursor.peek() == "type":
                says = [word.text for word in cursor.statement()]
                if not says[1:]:
                    raise RulesError("", "a chain's type without its name")
                hook = says[says.index("hook") + 1] if "hook" in says[:-1] else ""
                self._built.chain(place, cursor.where, kind=says[1], hook=hook)
            elif cursor.peek() == "policy":
                policy = cursor.statement()[-1].text
                self._built.chain(place, cursor.where, policy=policy, where=cursor.where)
            elif cursor.peek() in _NO_RULES:
                cursor.statement()
            else:
                self._rule(place)

    def _rule(self, place: Place, *, first: bool = False) -> None:
        statement = self._cursor.statement()
        if statement:
            rule = _RuleReader(statement, self._names, place[:2]).rule()
            self._built.add(place, self._cursor.where, [rule], first=first)


def _family(cursor: Cursor) -> str:
    return cursor.take(*_FAMILIES) or "ip"


class _Names:
    """What a file gives names to: its variables, and the elements of its sets."""

    def __init__(self, some: list[Word]) -> None:
        self.variables: dict[str, list[Word]] = {}
        self.elements: dict[Place, list[Word]] = {}
        self._resolved: dict[tuple[Place, tuple[str, ...]], Values] = {}
        filled: set[Place] = set()
        table = ("ip", "")
        for index, word in enumerate(some):
            cursor = Cursor(some, index + 1)
            if word.text == "define":
                name = cursor.text()
                if cursor.take("="):
                    self.variables[name] = cursor.statement()
            elif word.text == "table":
                table = (_family(cursor), cursor.text())
            elif word.text == "set" and cursor.peek(1) == "{":
                name = cursor.text()
                body = Cursor(cursor.statement())
                while body.peek() and not (body.take("elements") and body.take("=")):
                    body.skip(1)
                self.elements[*table, name] = body.group()
            elif word.text in ("add", "update") and cursor.peek().startswith("@"):
                filled.add((*table, cursor.text().removeprefix("@")))
        for place in filled:
            self.elements.pop(place, None)

    def set_values(self, place: Place, fields: tuple[str, ...]) -> Values:
        """Of a set, which many rules may have. Raises `NotKnown`."""
        key = (place, fields)
        if place not in self.elements:
            raise NotKnown(f"the set @{place[2]} is not in this file")
        if key not in self._resolved:
            self._resolved[key] = tuple(self._elements(Cursor(self.elements[place]), fields, place[:2], 0))
        return self._resolved[key]

    def values(self, cursor: Cursor, fields: tuple[str, ...], table: tuple[str, str], depth: int = 0) -> Values:
        """A value, or the values in braces, or behind a name. Raises `NotKnown`."""
        text = cursor.peek()
        if text.startswith("@"):
            return self.set_values((*table, cursor.text()[1:]), fields)
        if text.startswith("$"):
            name = cursor.text()[1:]
            if name not in self.variables or depth > 8:
                raise NotKnown(f"${name} is not defined in this file")
            return self.values(Cursor(self.variables[name]), fields, table, depth + 1)
        if text == "{":
            return tuple(self._elements(Cursor(cursor.group()), fields, table, depth))
        return _value(cursor, fields)

    def _elements(
        self, cursor: Cursor, fields: tuple[str, ...], table: tuple[str, str], depth: int
    ) -> Iterator[tuple[str, ...]]:
        while cursor.peek():
            if cursor.take(",", ";"):
                continue
            yield from self.values(cursor, fields, table, depth)
            while cursor.peek() not in (",", ""):  # what an element says besides: timeouts, comments, counters
                if cursor.text() == ":":
                    raise NotKnown(MAPS)


def _value(cursor: Cursor, fields: tuple[str, ...]) -> Values:
    """A value as it stands there: parts with dots between them, ranges with dashes."""
    parts = [cursor.text().strip('"')]
    while joint := cursor.take(".", "-"):
        part = cursor.text().strip('"')
        parts = [*parts[:-1], f"{parts[-1]}-{part}"] if joint == "-" else [*parts, part]
    return vocabulary.canonical(fields, parts)


class _RuleReader:
    """One statement of a chain."""

    def __init__(self, statement: list[Word], names: _Names, table: tuple[str, str]) -> None:
        self._cursor = Cursor(statement)
        self._names = names
        self._table = table
        self._matches: list[Match] = []
        self._statements: list[str] = []
        self._target = ""
        self._doubt = ""

    def rule(self) -> Rule:
        """The rule, with all that stands in it up to what is not understood."""
        cursor = self._cursor
        try:
            while cursor.peek():
                if not (self._statement() or self._matched()):
                    self._statements.append(cursor.text())
                    break
        except (RulesError, NotKnown) as error:
            self._doubt = str(error) if isinstance(error, NotKnown) else error.text
        return Rule(
            where=f":{cursor.words[0].line}",
            text=" ".join(word.text for word in cursor.words),
            matches=tuple(self._matches),
            statements=tuple(self._statements),
            target=self._target,
            doubt=self._doubt,
        )

    def _statement(self) -> bool:
        """Is a statement read here?"""
        cursor = self._cursor
        word = cursor.peek()
        if word in _DETAILS:
            cursor.skip(1)
            self._details(word)
            if word in ("limit", "quota"):
                self._matches.append(Match(fields=(vocabulary.RATE if word == "limit" else word,), text=word))
            else:
                self._statements.append(word)
        elif word in ("comment", "position", "handle", "index"):
            cursor.skip(2)
        elif word in ("add", "update") and cursor.peek(1).startswith("@"):
            cursor.skip(2)
            cursor.group()
            self._statements.append("set")
        elif word == "flow" and cursor.peek(1) in ("add", "offload"):
            cursor.skip(3)
            self._statements.append(word)
        elif word == "ct" and cursor.peek(1) == "count":
            cursor.skip(2)
            cursor.take("over")
            cursor.skip(1)
            self._statements.append("ct count")
        elif word in _REST:
            cursor.skip(1)
            passed = self._passed_over()
            diverts = vocabulary.STATEMENTS[word] is Effect.DIVERT
            self._statements.append(f"{word} by source" if diverts and "saddr" in passed else word)
        elif word in ("jump", "goto"):
            cursor.skip(1)
            self._target = cursor.text()
            self._statements.append(word)
        elif word in ("accept", "drop", "return", "continue", "notrack"):
            cursor.skip(1)
            self._statements.append(word)
        else:
            return False
        return True

    def _details(self, word: str) -> None:
        """The words that belong to a statement."""
        cursor, counts = self._cursor, _DETAILS[word]
        while (text := cursor.peek()) in counts or "/" in text or text.isdigit() or text.endswith("bytes"):
            cursor.skip(1 + counts.get(text, 0))
            while word == "log" and text == "flags" and cursor.take(","):
                cursor.skip(1)
            if word == "log" and text == "flags" and cursor.peek() in ("sequence", "options"):
                cursor.skip(1)
                while cursor.take(","):
                    cursor.skip(1)

    def _passed_over(self) -> list[str]:
        """The words up to the next that may stand behind a statement."""
        passed = []
        while self._cursor.peek() and self._cursor.peek() not in _BEHIND:
            passed.append(self._cursor.text())
        return passed

    def _matched(self) -> bool:
        """Is a match read here, or something that begins like one?"""
        cursor = self._cursor
        begin = cursor.at
        names = [self._field()]
        while names[-1] and cursor.take("."):
            names.append(self._field())
        if not all(names):
            cursor.at = begin
            return False
        fields = tuple(map(vocabulary.field_of, names))
        if cursor.take("set"):
            begin = cursor.at
            self._expression()
            by_source = any(word.text == "saddr" for word in cursor.words[begin : cursor.at])
            effect = vocabulary.setting(names[0], by_source=by_source)
            self._statements.append("ct helper" if names == ["ct helper"] else effect)
            return True
        implied = dict.fromkeys(found for each in names if (found := vocabulary.implied_by(each)))
        self._matches += [Match(fields=(each,), values=((value,),)) for each, value in implied]
        if cursor.peek() in ("vmap", "map"):
            raise NotKnown(MAPS)
        match = self._flags() if names == ["tcp flags"] else self._compared(fields)
        self._matches.append(replace(match, text=" ".join(word.text for word in cursor.words[begin : cursor.at])))
        return True

    def _compared(self, fields: tuple[str, ...]) -> Match:
        cursor = self._cursor
        masked = cursor.peek() in _BITWISE
        while cursor.peek() and masked and cursor.peek() not in _OPERATORS:
            cursor.skip(1)
        op = _OPERATORS.get(cursor.peek(), "")
        if masked and not op:
            raise NotKnown
        cursor.skip(1 if op else 0)
        if masked or not vocabulary.COMPUTED.intersection(fields):
            self._skip_value()
            return Match(fields=fields, op=vocabulary.operator_of(op, fields), masked=masked)
        values: Values = ()
        doubt, joint = "", ""
        going_on = bool(cursor.peek())
        while going_on:
            try:
                values += self._names.values(cursor, fields, self._table)
            except NotKnown as unknown:
                doubt = str(unknown)
            going_on = bool(found := cursor.take(",", "|"))
            joint = found or joint
        op = vocabulary.operator_of(op, fields, joint)
        doubt = vocabulary.why_unknown(fields) or doubt or ("" if op else str(NotKnown()))
        return Match(fields=fields, op=op, values=() if doubt else values, doubt=doubt)

    def _flags(self) -> Match:
        """TCP's flags: `syn`, `syn / fin,syn`, `& (fin|syn) == syn`, `{ syn, ack }`."""
        cursor = self._cursor
        mask = self._some_flags() if cursor.take("&", "and") else ""
        op = _OPERATORS.get(cursor.peek(), "")
        cursor.skip(1 if op else 0)
        if cursor.peek() == "{":
            values = [word.text for word in cursor.group() if word.text != ","]
            op = op or "=="
        else:
            values = [self._some_flags()]
        if cursor.take("/"):
            mask, op = self._some_flags(), op or "=="
        found = vocabulary.first_packets(op or "in", mask, tuple(values))
        if found is None:
            return Match(fields=("tcp flags",), doubt="flags that are not followed here")
        return Match(fields=("first packet",), values=found)

    def _some_flags(self) -> str:
        cursor = self._cursor
        in_brackets = bool(cursor.take("("))
        found = [cursor.text()]
        while cursor.take(",", "|"):
            found.append(cursor.text())
        if in_brackets and not cursor.take(")"):
            raise cursor.bad("a bracket without its partner")
        return ",".join(found)

    def _field(self) -> str:
        """The name of a field, with what belongs to it; empty if none stands here."""
        cursor = self._cursor
        word = cursor.peek()
        if word in _BARE:
            return f"meta {cursor.text()}"
        if word in vocabulary.HEADERS or word == "meta":
            cursor.skip(1)
            name = f"{word} {cursor.text()}"
            cursor.skip(2 if name == "tcp option" else 0)
            return name
        if word == "ct" and cursor.peek(1) != "count":
            cursor.skip(1)
            side = cursor.take("original", "reply")
            family = cursor.take("ip", "ip6") if side else ""
            return " ".join(each for each in (word, side, family, cursor.text()) if each)
        if word == "fib":
            cursor.skip(2)
            while cursor.take("."):
                cursor.skip(1)
            cursor.skip(1)
            return word
        if word.startswith("@") and cursor.peek(1) == ",":
            cursor.skip(5)
            return "raw payload"
        if word == "exthdr":
            cursor.skip(2)
            return word
        return ""

    def _skip_value(self) -> None:
        cursor = self._cursor
        while True:
            if cursor.peek() == "{":
                cursor.group()
            else:
                cursor.skip(1)
            if not cursor.take(".", "-", ",", "|"):
                return

    def _expression(self) -> None:
        """What a field is set to."""
        cursor = self._cursor
        while cursor.peek():
            while cursor.take("("):
                pass
            if not self._field():
                cursor.skip(1)
            while cursor.take(")"):
                pass
            if cursor.take("map"):
                self._skip_value()
            if not cursor.take(*_BITWISE, ".", ","):
                return
