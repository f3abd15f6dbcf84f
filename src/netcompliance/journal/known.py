"""Known secrets, found in a text however they are written there, and where a text was cut within one.

Theory. What a peer sends back of a secret is written as the peer likes: in URLs, HTML, CSS, JSON or a program's string
(octal, hexadecimal), in base64, base32 or hex, in other letters, over several lines; and what is kept of a text is
limited, and may end within the secret. So a secret is a row of letters, each with all of its writings (`_writings`),
and between two of them a line may end. Patterns of that kind are slow. A text is therefore first made bare: its letters
and digits alone, escapes undone. Where that does not hold the bare beginning or end of a secret, no pattern fits, and
none is even made.

Rules
* Letters in another case are the same secret if it can still be told from a word then, and in base64 they are another.
* A part of a secret is hidden where something ends or begins (the text, or what is left out of it, `...`), if that part
  alone can be told from a word.
* What this takes grows with the text alone, whoever wrote it.
* What no network device does is not looked for: base85, letters from the last to the first, lists of decimal numbers,
  ciphers, compression. (`docs/decisions/redact-then-judge.md`)
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from html.entities import html5
from typing import NamedTuple

HIDDEN = "***"
DISTINCT = 8
"""Letters of a secret, at least, that is no word: where letters, digits and other signs are mixed."""
DISTINCT_OF_ONE_KIND = 16
"""Likewise where all are small letters, or all are digits."""
DISTINCT_WITH_SIGNS = 6
"""Likewise with signs that are in no name."""
CUT = 40
"""Characters of a text, at least, of which something may have been cut off: names and addresses are shorter."""
_IN_NAMES = " .:-_/"
_ADDRESS = re.compile(r"[0-9a-f]*[.:][0-9a-f.:]*")
_LEAST_LETTERS = 6
"""Fewer letters of base64 stand in other words by chance."""
_LEAST_BARE = 3
"""Likewise of a bare text, where patterns decide afterwards."""
_BREAK = (
    r"(?:=?(?:[\r\n\0\u00ad\u200b]|\xc2\xad|\xe2\x80\x8b|\\{1,4}[rn]|%(?:25){0,3}0[aAdD]|&#(?:1[03]|[xX]0?[aAdD]);"
    r"|(?i:</?w?br[ /]{0,2}>|&shy;|&ZeroWidthSpace;|&#(?:173|8203|xad|x200b);)){1,4}[ \t]{0,16})?"
)
"""What may stand between two letters: the end of a line, or a place where a page lets one end, written somehow."""
_TAG = re.compile(r"(?i)</?w?br[ /]{0,2}>|&(?:shy|ZeroWidthSpace|#(?:173|8203|xad|x200b));")
_QUOTED = re.compile(r"=[2-7][0-9A-Fa-f]")
"""A letter in quoted-printable."""
_ESCAPED = re.compile(
    r"(?i)(?:%(?:25){0,3}|=)([0-9a-f]{2})|\\{1,4}(?:u00([0-9a-f]{2})|x([0-9a-f]{2})|[rn])"
    r"|&(?:amp;){0,3}(?:#(?:x0{0,5}([0-9a-f]{1,2})|0{0,5}([0-9]{2,3}));?|[a-z]{2,24};)"
)
_OCTAL = re.compile(r"\\{1,4}(?P<octal>[0-3][0-7]{2})")
_CSS = re.compile(r"(?i)\\{1,4}(?:0{4}(?P<six>[0-9a-f]{2})|0{0,3}(?P<hex>[0-9a-f]{2})(?![0-9a-f])) ?")
"""Escapes that could be others, too: a text is read once by each."""
_OX = re.compile(r"(?i)(?:\b|\\)0?x(?=[0-9a-f]{2}(?![0-9a-z]))")
_UNCLEAR = re.compile(r"[%&\\=<]|[^\x00-\x7f]+")
"""Letters of a secret that are read as an escape, or that a bare text has not."""
_OTHERS = bytes(byte for byte in range(256) if not (chr(byte).isalnum() and byte < 128))
_ENDS = re.compile(
    r"(?i)((?:%(?:25){0,3}[0-9a-f]?|\\{1,4}(?:u[0-9a-f]{0,3}|x[0-9a-f]?)?|&(?:amp;){0,2}(?:#?x?[0-9a-f]{0,6})?)?)"
    r"(?:\W{0,4}\Z|[^\w.…]{0,3}(?:\.\.\.|…))"
)
"""The end of a text or of a part of it, which may have been cut within an escape, and closing signs."""
_BEGINS = re.compile(r"\A|\.\.\.|…")
"""Likewise the beginning; opening signs are up to `_OPENING`."""
_OPENING = 4
_LONGEST = 32
"""Signs that one letter takes, at most."""


def is_distinct(secret: str) -> bool:
    """Whether a secret can be told from words, numbers and addresses: long enough, and of several kinds of letters."""
    if _ADDRESS.fullmatch(secret):
        return False
    kinds = {"a" if c.islower() else "A" if c.isupper() else "0" if c.isdigit() else "-" for c in secret}
    if any(not c.isalnum() and c not in _IN_NAMES for c in secret):
        return len(secret) >= DISTINCT_WITH_SIGNS
    return len(secret) >= (DISTINCT if len(kinds) > 1 else DISTINCT_OF_ONE_KIND)


class Known:
    """Secrets that can be told from words."""

    def __init__(self, secrets: Iterable[str], corpus: str) -> None:
        """`corpus` is a text, casefolded, that none of them stands in."""
        self._forms = [form for secret in sorted(secrets, key=len, reverse=True) for form in _forms(secret, corpus)]
        self._begins = dict.fromkeys(form.begin for form in self._forms)
        self._all = dict.fromkeys(needle for form in self._forms for needle in (form.begin, form.end))
        self._shortest = min(map(len, self._all), default=0)

    def hidden(self, text: str) -> str:
        """The text without any of them."""
        bare = _bare(text)
        if len(bare) < self._shortest:
            return text
        whole = _TAG.sub("", text) if "<" in text or "&" in text else text
        if "%" in text or "&" in text or "\\" in text or _QUOTED.search(text):
            bare += " " + _bare(_ESCAPED.sub(_undone, whole))
        if "\\" in text:
            bare += " " + _bare(_ESCAPED.sub(_undone, _OCTAL.sub(lambda found: chr(int(found["octal"], 8)), whole)))
            bare += " " + _bare(
                _ESCAPED.sub(_undone, _CSS.sub(lambda found: chr(int(found["six"] or found["hex"], 16)), whole))
            )
        if "0x" in text or "0X" in text:
            bare += " " + _bare(_OX.sub("", text))
        if whole != text:
            bare += " " + _bare(whole)
        needles = {needle for needle in (self._begins if len(text) < CUT else self._all) if needle in bare}
        if needles:
            for form in self._forms:
                if form.begin in needles or form.end in needles:
                    text = form.hidden(text)
        return text


class _Form:
    """One way in which a secret comes back, as a row of letters."""

    def __init__(self, letters: Sequence[str], begin: int, end: int, writings: Callable[[str], str]) -> None:
        """Of so many letters at its begin, or at its end, the secret can be told."""
        self._letters = letters
        self._begin = begin
        self._end = end
        self._writings = writings
        self.begin = _needle(letters[:begin])
        self.end = _needle(letters[len(letters) - end :])
        """What a bare text holds if it holds the begin or the end of the secret."""

    def hidden(self, text: str) -> str:
        """The text without the secret."""
        text = self._whole.sub(HIDDEN, text)
        if len(text) < CUT:
            return text
        kept, at = [], 0
        for start, end in sorted([*self._begun(text), *self._ended(text)]):
            kept += [text[at:start], HIDDEN]
            at = max(at, end)
        return "".join((*kept, text[at:]))

    def _begun(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a text ends after the beginning of the secret."""
        for found in self._head.finditer(text):
            number, at = self._follow(text, found.end(), self._begin)
            if number < len(self._letters) and (ends := _ENDS.match(text, at)):
                yield found.start(), ends.end(1)

    def _ended(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a text begins before the end of the secret."""
        begins = [found.end() for found in _BEGINS.finditer(text)]
        at = 0
        for found in self._tail.finditer(text):
            while at + 1 < len(begins) and begins[at + 1] <= found.start():
                at += 1
            if found.start() - begins[at] > _LONGEST * len(self._letters):
                continue
            whole, firsts = (len(self._letters), found.end()), range(1, len(self._letters) - self._end + 1)
            for start in range(begins[at], min(begins[at] + _OPENING, found.start()) + 1):
                if any(self._follow(text, start, first) == whole for first in firsts):
                    yield start, found.end()
                    break
                if text[start].isalnum():
                    break

    def _follow(self, text: str, at: int, number: int) -> tuple[int, int]:
        """The number of the first letter, from `number` on, that the text does not have from `at` on; and where."""
        while number < len(self._letters) and (found := self._each(self._letters[number]).match(text, at)):
            number, at = number + 1, found.end()
        return number, at

    def _each(self, letter: str) -> re.Pattern[str]:
        return _compiled(_BREAK + self._writings(letter))

    def _row(self, letters: Sequence[str]) -> re.Pattern[str]:
        return re.compile(_BREAK.join(map(self._writings, letters)))

    @functools.cached_property
    def _whole(self) -> re.Pattern[str]:
        return self._row(self._letters)

    @functools.cached_property
    def _head(self) -> re.Pattern[str]:
        return self._row(self._letters[: self._begin])

    @functools.cached_property
    def _tail(self) -> re.Pattern[str]:
        return self._row(self._letters[len(self._letters) - self._end :])


class _Base(NamedTuple):
    """An encoding that takes so many bytes together, as letters of so many bits each."""

    group: int
    bits: int
    encode: Callable[[bytes], bytes]
    writings: Callable[[str], str]

    def part(self, data: bytes, before: int) -> str:
        """The letters that depend on the data alone, behind so many bytes of a group."""
        letters = self.encode(bytes(before) + data).decode("ascii")
        return letters[-(-before * 8 // self.bits) : (before + len(data)) * 8 // self.bits]

    def forms(self, data: bytes, first: bytes, last: bytes) -> Iterator[_Form]:
        """One for each place within a group where the data may begin; by its first bytes or its last it is told."""
        for before in range(self.group):
            part = self.part(data, before)
            head = len(self.part(first, before))
            tail = len(self.part(last, (before + len(data) - len(last)) % self.group))
            if len(part) >= _LEAST_LETTERS:
                yield _Form(part, max(head, _LEAST_LETTERS), max(tail, _LEAST_LETTERS), self.writings)


def _forms(secret: str, corpus: str) -> Iterator[_Form]:
    """The ways in which a secret can come back: as it is, encoded, and within something longer that was."""
    either_case = is_distinct(secret.lower())

    def is_told(part: str) -> bool:
        return is_distinct(part.lower() if either_case else part) and part.casefold() not in corpus

    size = len(secret)
    begin = next((length for length in range(1, size) if is_told(secret[:length])), size)
    end = next((length for length in range(1, size) if is_told(secret[-length:])), size)
    written = functools.partial(_writings, either_case=either_case)
    yield _Form(secret, begin, end, written)
    parts = secret, secret[:begin], secret[-end:]
    data, first, last = (each.encode("utf-8", "replace") for each in parts)
    yield _Form([f"{byte:02x}" for byte in data], len(first), len(last), _hexadecimal)
    for base, coding in (
        (_Base(3, 6, base64.b64encode, _in_base64), "utf-8"),
        (_Base(5, 5, base64.b32encode, _in_base32), "utf-8"),
        *((_Base(3, 6, base64.b64encode, _in_base64), each) for each in ("latin-1", "utf-16-le", "utf-16-be")),
    ):
        coded = [each.encode(coding, "replace") for each in parts]
        if coding == "utf-8" or coded[0] != data:
            yield from base.forms(coded[0], coded[1], coded[2])


@functools.cache
def _writings(letter: str, *, either_case: bool) -> str:
    """A pattern for one letter: itself, and the ways in which it is escaped; once more, where that is done twice."""
    ways = []
    for each in dict.fromkeys((letter, letter.lower(), letter.upper()) if either_case else (letter,)):
        if len(each) != 1:
            continue  # `ß` in capitals
        in_url = "".join(f"(?:%(?:25){{0,3}}|=){byte:02x}" for byte in each.encode("utf-8", "replace"))
        units = re.findall("....", each.encode("utf-16-be", "surrogatepass").hex())
        in_json = "".join(rf"\\{{1,4}}u{unit}" for unit in units)
        in_html = rf"&(?:amp;){{0,2}}#(?:0{{0,5}}{ord(each)}|x0{{0,5}}{ord(each):x});?"
        in_bytes = [rf"\\{{1,4}}x{ord(each):02x}"] if ord(each) < 256 else []
        in_bytes.append("".join(rf"\\{{1,4}}{byte:03o}" for byte in each.encode("utf-8", "replace")))
        in_bytes.append(rf"\\{{1,4}}0{{0,4}}{ord(each):x} ?")
        named = [f"&(?:amp;){{0,2}}{name}" for name, meant in html5.items() if meant == each and name.endswith(";")]
        ways += [f"(?i:{'|'.join((in_url, in_json, in_html, *in_bytes, *named))})"]
        if not each.isascii():
            ways.append(re.escape(each.encode("utf-8", "replace").decode("latin-1")))
        ways += [("" if each.isalnum() else r"\\{0,4}") + re.escape(each), *([r"\+"] if each == " " else [])]
    return f"(?:{'|'.join(ways)})"


def _hexadecimal(pair: str) -> str:
    return rf"(?:(?<=[0-9a-fA-F])[ :,;-]{{0,2}})?(?i:\\?0?x)?(?i:{pair})"


def _in_base32(letter: str) -> str:
    return f"(?i:{letter})"


def _in_base64(letter: str) -> str:
    """Also as it is in URLs, and escaped there."""
    return "|".join(_writings(each, either_case=False) for each in {"+": "+-", "/": "/_"}.get(letter, letter)).join(
        ("(?:", ")")
    )


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _needle(letters: Sequence[str]) -> str:
    """What a bare text surely holds if it holds these letters, in any writing; empty if that says too little."""
    longest = max(map(_bare, _UNCLEAR.split("".join(letters))), key=len)
    return longest if len(longest) >= _LEAST_BARE else ""


def _bare(text: str) -> str:
    """The letters and digits of a text, small."""
    return text.encode("utf-8", "replace").lower().translate(None, _OTHERS).decode("ascii")


def _undone(escaped: re.Match[str]) -> str:
    """What an escape stands for, if that is a letter or a digit."""
    *hexadecimal, decimal = escaped.groups()
    number = int(decimal) if decimal else int(next(filter(None, hexadecimal), "0"), 16)
    return chr(number)
