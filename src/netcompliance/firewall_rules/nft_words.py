"""The words of nftables' language, and a place among them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netcompliance.firewall_rules.rules import RulesError

_TOKEN = re.compile(
    r'"(?:\\.|[^"\\\n])*"|\\\n|\n|(?P<comment>#(?!\s*xt_)[^\n]*)|[=!<>]=|<<|>>|[{};,=()|&^]|[^\s{};,="#()|&^]+|.',
    re.DOTALL,
)
"""`# xt_…` is how older versions print what they do not understand."""
_BLOCKS = frozenset(
    {"table", "chain", "set", "map", "flowtable", "counter", "quota", "limit", "ct", "secmark", "synproxy"}
)
"""What a statement begins with whose braces hold statements, not values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word and its line."""

    text: str
    line: int


def words(text: str) -> Iterator[Word]:
    """The words. The end of a line ends a statement; within the braces of a set of values it is nothing."""
    line, blocks, head = 1, [True], ""
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word == "{":
            blocks.append(blocks[-1] and head in _BLOCKS)
        elif word == "}" and len(blocks) > 1:
            blocks.pop()
        if word == "\n" and blocks[-1]:
            yield Word(text=";", line=line)
            head = ""
        elif not (word.isspace() or match["comment"] or word == "\\\n"):
            yield Word(text=word, line=line)
            head = "" if word in ("{", "}", ";") else word if head in ("", "add", "create") else head
        line += word.count("\n")


class Cursor:
    """A place among words. What is asked for and is not there cannot be followed."""

    def __init__(self, some: Sequence[Word], at: int = 0) -> None:
        self.words = some
        self.at = at

    def peek(self, further: int = 0) -> str:
        """The text of a word to come; empty at the end."""
        index = self.at + further
        return self.words[index].text if index < len(self.words) else ""

    def next(self) -> Word | None:
        """The word here; the place behind it."""
        word = self.words[self.at] if self.at < len(self.words) else None
        self.at += word is not None
        return word

    def text(self) -> str:
        """Likewise, of a word that must be there. Raises `RulesError`."""
        word = self.next()
        if word is None:
            raise self.bad("it ends too early")
        return word.text

    def take(self, *texts: str) -> str:
        """The word here if it is one of these, else nothing."""
        return self.text() if self.peek() and self.peek() in texts else ""

    def skip(self, count: int) -> None:
        """Pass over so many words."""
        self.at = min(self.at + count, len(self.words))

    def statement(self) -> list[Word]:
        """The words up to the end of the statement; braces keep it open."""
        found: list[Word] = []
        depth = 0
        while self.peek() and not (depth == 0 and self.peek() in (";", "}")):
            depth += {"{": 1, "}": -1}.get(self.peek(), 0)
            word = self.next()
            if word and word.text != ";":
                found.append(word)
        return found

    def group(self) -> list[Word]:
        """The words in the braces that begin here, or one word without them."""
        if not self.take("{"):
            word = self.next()
            return [word] if word else []
        found: list[Word] = []
        depth = 1
        while word := self.next():
            depth += {"{": 1, "}": -1}.get(word.text, 0)
            if depth == 0:
                return found
            found.append(word)
        raise self.bad("it ends too early")

    @property
    def where(self) -> str:
        """The line of the word before this place, the last one that was looked at."""
        before = self.words[max(0, min(self.at, len(self.words)) - 1)] if self.words else None
        return f":{before.line if before else 1}"

    def bad(self, text: str) -> RulesError:
        """What is wrong with that word."""
        return RulesError(self.where, text)
