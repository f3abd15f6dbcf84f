"""nftables as people write it and as `nft list ruleset` prints it (pure).

Read are tables, chains, sets, `define`, and `add` and `insert` of those. What only changes a running firewall (flush,
delete) is passed over, and so are a rule's words that limit neither destination, source nor port.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netcompliance.approved.ruleset import Chain, Match, Place, Rule
from netcompliance.inputs import BadInput, printable

_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\\\n|\n|#[^\n]*|==|!=|[{};,=]|[^\s{};,="#]+|.', re.DOTALL)
_FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")
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
_IMPLIES = {"tcp": "tcp", "udp": "udp"}
_INTERFACES = ("iifname", "oifname", "iif", "oif")
_REMARKS = {"comment": 1, "prefix": 1, "level": 1, "group": 1, "packets": 1, "bytes": 1, "burst": 2, "flags": 1}
"""Words of statements that decide nothing → how many words follow."""
_PLAIN = frozenset({"counter", "log", "notrack"})
_BLOCKS = frozenset(
    {"table", "chain", "set", "map", "flowtable", "counter", "quota", "limit", "ct", "secmark", "synproxy"}
)
_OPERATORS = ("==", "!=", "eq", "ne")
VERDICTS = {"accept": "accept", "drop": "drop", "reject": "drop", "return": "return"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    text: str
    line: int


def read(text: str, origin: str) -> dict[Place, Chain]:
    """The chains of the file. Raises `BadInput` with the line of what cannot be read."""
    return _Reader(text, origin).chains()


class _Reader:
    def __init__(self, text: str, origin: str) -> None:
        self._origin = origin
        self._words = list(_words(text))
        self._at = 0
        self._chains: dict[Place, Chain] = {}
        self._sets: dict[tuple[str, str, str], list[tuple[str, ...]]] = {}
        self._defined: dict[str, list[tuple[str, ...]]] = {}

    def chains(self) -> dict[Place, Chain]:
        self._collect_sets()
        while word := self._next():
            match word.text:
                case ";":
                    continue
                case "define" | "flush" | "delete" | "destroy" | "list" | "reset":
                    self._skip_statement()
                case "add" | "create" | "insert" | "replace":
                    continue
                case "table":
                    self._table()
                case "chain":
                    self._chain(*self._address())
                case "rule":
                    place = self._address()
                    self._rule(self._place(*place, word), self._statement())
                case "set" | "map" | "element" | "counter" | "quota" | "limit":
                    self._skip_statement()
                case _:
                    raise self._bad(word, f"{word.text!r} begins no statement that is known here")
        return self._chains

    # --- names of things -------------------------------------------------------------------------------------------

    def _address(self) -> Place:
        family = "ip"
        if (word := self._peek()) and word.text in _FAMILIES:
            family = self._next_text()
        return family, self._next_text(), self._next_text()

    def _table(self) -> None:
        family = "ip"
        if (word := self._peek()) and word.text in _FAMILIES:
            family = self._next_text()
        name = self._next_text()
        if not self._take("{"):
            return
        while word := self._next():
            if word.text == "}":
                return
            if word.text == ";":
                continue
            if word.text == "chain":
                self._chain(family, name, self._next_text())
            else:
                self._skip_statement()
        raise BadInput(f"{self._origin}: a table without its closing brace")

    def _place(self, family: str, table: str, chain: str, word: _Word) -> Chain:
        version = {"ip": 4, "ip6": 6}.get(family)
        return self._chains.setdefault((family, table, chain), Chain(where=self._where(word), version=version))

    def _chain(self, family: str, table: str, name: str) -> None:
        opening = self._peek()
        chain = self._place(family, table, name, opening or _Word(text="", line=1))
        if not self._take("{"):
            return
        while word := self._peek():
            if word.text in ("}", ";"):
                self._at += 1
                if word.text == "}":
                    return
                continue
            statement = self._statement()
            if statement and statement[0].text == "type":
                words = [each.text for each in statement]
                chain.kind, chain.hook = words[1], words[words.index("hook") + 1] if "hook" in words else ""
            elif statement and statement[0].text == "policy":
                chain.policy = statement[-1].text
                chain.where = self._where(statement[0])
            elif statement and statement[0].text not in ("comment", "devices", "flags"):
                self._rule(chain, statement)
        raise BadInput(f"{self._origin}: a chain without its closing brace")

    # --- sets and variables ----------------------------------------------------------------------------------------

    def _collect_sets(self) -> None:
        """Sets may stand behind the rules that use them, so they are read first."""
        family, table = "ip", ""
        for index, word in enumerate(self._words):
            after = self._words[index + 1 : index + 4]
            if word.text == "define" and len(after) > 2:
                self._defined[after[0].text] = self._values_at(index + 3)
            elif word.text == "table" and len(after) > 1:
                has_family = after[0].text in _FAMILIES
                family, table = (after[0].text, after[1].text) if has_family else ("ip", after[0].text)
            elif word.text == "set" and after and self._after(index + 2) == "{":
                self._sets[family, table, after[0].text] = self._elements(index + 3)

    def _after(self, index: int) -> str:
        return self._words[index].text if index < len(self._words) else ""

    def _elements(self, index: int) -> list[tuple[str, ...]]:
        depth = 1
        while depth and index < len(self._words):
            text = self._words[index].text
            depth += {"{": 1, "}": -1}.get(text, 0)
            if text == "elements" and self._after(index + 1) == "=":
                return self._values_at(index + 2)
            index += 1
        return []

    def _values_at(self, index: int) -> list[tuple[str, ...]]:
        before, self._at = self._at, index
        try:
            return self._values(None)
        finally:
            self._at = before

    def _values(self, place: tuple[str, str] | None) -> list[tuple[str, ...]]:
        """A value, or the values in braces, each a concatenation of one part or more."""
        word = self._next()
        if word is None:
            raise BadInput(f"{self._origin}: it ends where a value should be")
        if word.text.startswith("@"):
            name = word.text[1:]
            known = [
                some for (family, table, key), some in self._sets.items() if key == name and place == (family, table)
            ]
            if not known:
                raise self._bad(word, f"the set {word.text} is not in this file")
            return known[0]
        if word.text.startswith("$"):
            if word.text[1:] not in self._defined:
                raise self._bad(word, f"{word.text} is not defined in this file")
            return self._defined[word.text[1:]]
        if word.text != "{":
            return [self._concatenated(word)]
        found: list[tuple[str, ...]] = []
        while word := self._next():
            if word.text == "}":
                return found
            if word.text in (",", "\n", ";"):
                continue
            if word.text.startswith(("$", "@")):
                self._at -= 1
                found += self._values(place)
                continue
            found.append(self._concatenated(word))
            self._skip_remarks()
        raise BadInput(f"{self._origin}: a set without its closing brace")

    def _concatenated(self, word: _Word) -> tuple[str, ...]:
        parts = [word.text.strip('"')]
        while (after := self._peek()) and after.text in (".", "-"):
            self._at += 1
            joined = self._next_text().strip('"')
            if after.text == "-":
                parts[-1] = f"{parts[-1]}-{joined}"
            else:
                parts.append(joined)
        return tuple(parts)

    def _skip_remarks(self) -> None:
        """What an element says besides: timeouts, comments, counters."""
        while (word := self._peek()) and word.text not in (",", "}"):
            if word.text == ":":
                raise self._bad(word, "maps are not followed here")
            self._at += 1

    # --- rules -----------------------------------------------------------------------------------------------------

    def _rule(self, chain: Chain, statement: Sequence[_Word]) -> None:
        if not statement:
            return
        table = next(place for place, known in self._chains.items() if known is chain)[:2]
        inner = _Reader("", self._origin)
        inner._words, inner._sets, inner._defined = list(statement), self._sets, self._defined
        chain.rules.append(inner.rule(self._where(statement[0]), (table[0], table[1])))

    def rule(self, where: str, table: tuple[str, str]) -> Rule:
        """The whole of this reader's words as one rule."""
        matches: list[Match] = []
        verdict, target = "", ""
        while word := self._next():
            text = word.text
            if text in VERDICTS:
                verdict = VERDICTS[text]
                if text == "reject":
                    self._at = len(self._words)
            elif text in ("jump", "goto"):
                verdict, target = "jump", self._next_text()
            elif text == "limit":
                self._skip_limit()
            elif text in _PLAIN or text in ("position", "handle", "index", "continue"):
                self._at += text in ("position", "handle", "index")
            elif text in _REMARKS:
                self._at += _REMARKS[text]
            elif text in _INTERFACES or (text == "meta" and self._ahead() in _INTERFACES):
                matches += self._interface(text, table)
            elif text == "meta" and self._ahead() == "nfproto":
                self._at += 2
            elif text == "tcp" and self._ahead() == "flags":
                self._skip_flags()
            else:
                matches += self._match(word, table)
        return Rule(where=where, matches=tuple(matches), verdict=verdict, target=target)

    def _interface(self, text: str, table: tuple[str, str]) -> list[Match]:
        name = self._next_text() if text == "meta" else text
        negated = self._operator()
        values = self._values(table)
        is_loopback = name.startswith("o") and values == [("lo",)]
        return [Match(fields=("loopback",), negated=negated)] if is_loopback else []

    def _match(self, word: _Word, table: tuple[str, str]) -> list[Match]:
        names, implied, begin = [], [], self._at - 1
        while True:
            key = (word.text, self._next_text())
            names.append(_FIELDS.get(key, " ".join(key)))
            if key[0] in _IMPLIES:
                implied.append(Match(fields=("protocol",), values=((_IMPLIES[key[0]],),)))
            after = self._peek()
            if after is None or after.text != ".":
                break
            self._at += 1
            word = self._next() or word
        if (after := self._peek()) and after.text in ("vmap", "map"):
            raise self._bad(after, "maps are not followed here")
        negated = self._operator()
        values = self._values(table) if self._peek() else []
        if self._peek() and names == ["state"]:
            values += self._listed(table)
        text = " ".join(each.text for each in self._words[begin : self._at])
        return [*implied, Match(fields=tuple(names), values=tuple(values), negated=negated, text=printable(text, 80))]

    def _listed(self, table: tuple[str, str]) -> list[tuple[str, ...]]:
        """`established,related` without braces."""
        found = []
        while (word := self._peek()) and word.text == ",":
            self._at += 1
            found += self._values(table)
        return found

    def _operator(self) -> bool:
        word = self._peek()
        if word and word.text in _OPERATORS:
            self._at += 1
            return word.text in ("!=", "ne")
        return False

    def _skip_limit(self) -> None:
        while (word := self._peek()) and (
            word.text in ("rate", "over", "burst") or "/" in word.text or word.text.isdigit()
        ):
            self._at += 1
        if (word := self._peek()) and word.text in ("packets", "bytes", "kbytes", "mbytes"):
            self._at += 1

    def _skip_flags(self) -> None:
        while (word := self._peek()) and word.text not in (*VERDICTS, "jump", "goto", "counter", "ct"):
            self._at += 1

    # --- words -----------------------------------------------------------------------------------------------------

    def _statement(self) -> list[_Word]:
        """The words up to the end of the statement; braces keep it open."""
        found: list[_Word] = []
        depth = 0
        while word := self._peek():
            if depth == 0 and word.text in (";", "}"):
                break
            depth += {"{": 1, "}": -1}.get(word.text, 0)
            self._at += 1
            if word.text != ";":
                found.append(word)
        return found

    def _skip_statement(self) -> None:
        self._statement()

    def _peek(self) -> _Word | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def _ahead(self) -> str:
        return self._after(self._at)

    def _next(self) -> _Word | None:
        word = self._peek()
        self._at += 1
        return word

    def _next_text(self) -> str:
        word = self._next()
        if word is None:
            last = self._words[-1].line if self._words else 1
            raise BadInput(f"{self._origin}:{last}: it ends too early")
        return word.text

    def _take(self, text: str) -> bool:
        word = self._peek()
        if word and word.text == text:
            self._at += 1
            return True
        return False

    def _where(self, word: _Word) -> str:
        return f"{self._origin}:{word.line}"

    def _bad(self, word: _Word, text: str) -> BadInput:
        return BadInput(f"{self._where(word)}: {text}")


def _words(text: str) -> Iterator[_Word]:
    """The words. The end of a line ends a statement; within the braces of a set of values it is nothing."""
    line, blocks = 1, [True]
    statement: list[str] = []
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word == "{":
            head = next((word for word in statement if word not in ("add", "create")), "")
            blocks.append(blocks[-1] and head in _BLOCKS)
        elif word == "}" and len(blocks) > 1:
            blocks.pop()
        if word == "\n" and blocks[-1]:
            yield _Word(text=";", line=line)
            statement = []
        elif not (word.isspace() or word.startswith("#") or word == "\\\n"):
            yield _Word(text=word, line=line)
            statement = [] if word in ("{", "}", ";") else [*statement, word]
        line += word.count("\n")
