"""What a field can hold: how it is admitted from a host, how it is decoded for the judges, and what the schema says.

Theory. A field is read twice. What a host sends is data of a stranger: a value that is not what it must be is that
host's error (`admit` raises `FieldError`). A journal comes from another machine, perhaps from another year, and a judge
would need a check before every use: a value that is not of its type is taken for missing (`decode` yields `None`),
which every judge must understand anyway. Both, and the published JSON Schema, are one declaration here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")

Check = Callable[[Any], Any]
"""The value as it is taken over. Raises `FieldError`."""


class FieldError(Exception):
    """A value is not what it must be."""


class Type(Generic[T]):
    """What a field can hold."""

    __slots__ = ("admit", "decode", "of", "schema")

    def __init__(
        self, admit: Check, decode: Callable[[Any], T | None], schema: Mapping[str, Any], of: Any = None
    ) -> None:
        self.admit = admit
        """The value as it is taken over from a host. Raises `FieldError`."""
        self.decode = decode
        """The value as judges may rely on it, `None` if it is not of this type."""
        self.schema = schema
        self.of = of
        """The kind of record that it holds, if it holds any."""


LARGEST = 10**13 - 1
"""No number is larger: it is exact everywhere; what is would overflow somewhere."""
MOMENTS = 1e11
"""Seconds since the epoch: no clock is that far off."""
LONGEST = 1e7
"""Seconds: nothing takes longer."""
WORD_MOST = 80
"""Characters of a name of ours."""
PATH_MOST = 400
"""Characters of a path's name."""
NAME_MOST = 1 << 10
"""Characters of a name or an address: one of the DNS has at most 1,004 as it is printed."""
SENTENCE_MOST = 1 << 12
"""Characters of a reason or a remedy, and of a file's name."""
LINE_MOST = 1 << 18
"""Characters of what peers and users wrote, such as a URL: an environment variable has no more, nor a line of HTTP that
is kept, nor a manifest."""
PATHS = 512
"""Paths of a watch: more than every address that is watched, in each layer. Each has one open run at most."""
ADDRESSES_MOST = 4096
"""No answer of the DNS holds more: a message has at most 65,535 bytes, and an A record takes 16."""


def admit_text(value: Any) -> str:
    """Contents, such as a body or a file, as many as a record has room for: no verdict repeats them. Half of a pair of
    surrogates cannot be written down: it is a `?`."""
    if not isinstance(value, str):
        raise FieldError
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def decode_text(value: Any) -> str | None:
    """Text that can be encoded."""
    if not isinstance(value, str):
        return None
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _no_longer(most: int) -> Check:
    def admit(value: Any) -> str:
        if len(admit_text(value)) > most:
            raise FieldError
        return admit_text(value)

    return admit


def _text(most: int, decode: Callable[[Any], str | None] = decode_text, **schema: Any) -> Type[str]:
    """Text of so many characters at most."""
    return Type(_no_longer(most), decode, {"type": "string", **schema})


def _in_form(form: str) -> Callable[[Any], str | None]:
    fits = re.compile(form).fullmatch
    return lambda value: value if isinstance(value, str) and fits(value) else None


WORD = _text(WORD_MOST)
ERRNO = _text(WORD_MOST, pattern="^[A-Z0-9]+$")
RCODE = _text(WORD_MOST, pattern="^[A-Z]+$")
SHA256 = _text(WORD_MOST, pattern="^[0-9a-f]{64}$")
PATH = _text(PATH_MOST)
NAME = _text(NAME_MOST)
SENTENCE = _text(SENTENCE_MOST)
EXCERPT = _text(SENTENCE_MOST, maxLength=300)
LINE = _text(LINE_MOST)
TEXT: Type[str] = Type(admit_text, decode_text, {"type": "string"})
BASE64: Type[str] = Type(admit_text, decode_text, {"type": "string", "contentEncoding": "base64"})
FINGERPRINT: Type[str] = Type(admit_text, decode_text, {"type": "string", "pattern": "^[0-9a-f]{64}$"})
_PLACE = r"(?!-)[A-Za-z0-9._:%\[\]-]{1,255}"
PLACE = _text(NAME_MOST, _in_form(_PLACE))
"""A name or an address, with a port or a zone at most. It stands in commands that a person may paste, so nothing that a
shell reads otherwise is one."""
PLACE_OF_LINE = _text(LINE_MOST, _in_form(_PLACE))
"""The same, where users or peers wrote it."""
SERVER = _text(NAME_MOST, _in_form(rf"{_PLACE}|https?://[A-Za-z0-9._:%\[\]/-]{{1,255}}"))
"""A nameserver: an address, or the URL of one that is asked over HTTPS."""
SERVER_OF_LINE = Type(LINE.admit, SERVER.decode, SERVER.schema)
PROXY = _text(LINE_MOST, _in_form(r"|[A-Za-z][A-Za-z0-9+.-]{0,15}://[A-Za-z0-9._:%\[\]-]{1,255}"))
"""A proxy's URL, without user information and path; empty for none."""


def words(*choices: str) -> Type[str]:
    """One of these words in a journal of today. An older or newer one may have others."""
    return Type(WORD.admit, decode_text, {"enum": list(choices)})


def one_of(*choices: str) -> Type[str]:
    """One of these words, and a host says no other."""

    def admit(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise FieldError
        return value

    return Type(admit, decode_text, {"enum": list(choices)})


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise FieldError
    return value


FLAG: Type[bool] = Type(_flag, lambda value: value if isinstance(value, bool) else None, {"type": "boolean"})


def _admit_whole(least: int, most: int) -> Check:
    def admit(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise FieldError
        return value

    return admit


def decode_whole(value: Any) -> int | None:
    """A whole number; true and false are none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST else None


def decode_number(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, float) and abs(value) <= LARGEST:
        return value
    return None if (count := decode_whole(value)) is None else float(count)


def _decode_status(value: Any) -> int | None:
    return count if (count := decode_whole(value)) is not None and 100 <= count <= 999 else None


def _number(least: float, most: float) -> Type[float]:
    """A number in this range."""

    def admit(value: Any) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
            raise FieldError
        return value

    return Type(admit, decode_number, {"type": "number"})


COUNT: Type[int] = Type(_admit_whole(0, LARGEST), decode_whole, {"type": "integer"})
PORT: Type[int] = Type(_admit_whole(0, 65535), decode_whole, {"type": "integer"})
STATUS: Type[int] = Type(_admit_whole(0, 999), _decode_status, {"type": "integer"})
"""Of HTTP: judges know three digits."""
SECONDS = _number(-1.0, LONGEST)
MOMENT = _number(0.0, MOMENTS)


def _admit_code(value: Any) -> Any:
    return WORD.admit(value) if isinstance(value, str) else _admit_whole(-LARGEST, LARGEST)(value)


CODE: Type[int] = Type(_admit_code, decode_whole, {"type": ["integer", "string"]})
"""A number, or a word of another tool, which no judge knows."""


def several(item: Type[T], most: int | None = None) -> Type[tuple[T, ...]]:
    """A list, decoded without the items that are not of this type; admitted with so many items at most."""

    def admit(value: Any) -> list[Any]:
        if not isinstance(value, list) or (most is not None and len(value) > most):
            raise FieldError
        return [item.admit(each) for each in value]

    def decode(value: Any) -> tuple[T, ...] | None:
        if not isinstance(value, (list, tuple)):
            return None
        return tuple([decoded for each in value if (decoded := item.decode(each)) is not None])

    return Type(admit, decode, {"type": "array", "items": item.schema}, item.of)


@overload
def row(one: Type[A], two: Type[B], /) -> Type[tuple[A, B]]: ...
@overload
def row(one: Type[A], two: Type[B], three: Type[C], /) -> Type[tuple[A, B, C]]: ...
@overload
def row(one: Type[A], two: Type[B], three: Type[C], four: Type[D], /) -> Type[tuple[A, B, C, D]]: ...
@overload
def row(one: Type[A], two: Type[B], three: Type[C], four: Type[D], five: Type[E], /) -> Type[tuple[A, B, C, D, E]]: ...
def row(*items: Type[Any]) -> Type[Any]:
    """A list of so many values; what stands behind them is left out where it is decoded."""
    schemas = [item.schema for item in items]

    def admit(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) != len(items):
            raise FieldError
        return [item.admit(each) for item, each in zip(items, value, strict=True)]

    def decode(value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) < len(items):
            return None
        decoded = tuple([item.decode(each) for item, each in zip(items, value, strict=False)])
        return None if None in decoded else decoded

    return Type(admit, decode, {"type": "array", "prefixItems": schemas, "minItems": len(items)})


def named(item: Type[T], *, null: bool = False) -> Type[Mapping[str, T]]:
    """An object whose names are not ours."""

    def admit(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise FieldError
        return {LINE.admit(its): None if null and each is None else item.admit(each) for its, each in value.items()}

    def decode(value: Any) -> Mapping[str, T] | None:
        if not isinstance(value, Mapping):
            return None
        return {its: found for its, each in value.items() if (found := item.decode(each)) is not None}

    return Type(admit, decode, {"type": "object", "additionalProperties": item.schema})


def _decode_names(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, (Mapping, list, tuple)):
        return None
    return tuple([name for name in value if isinstance(name, str)])


HOW_OFTEN: Type[tuple[str, ...]] = Type(named(COUNT).admit, _decode_names, named(COUNT).schema)
"""How often each name came, of which judges know the names."""
ADDRESSES = several(PLACE, ADDRESSES_MOST)
LINES = several(LINE)
PLACES = several(PLACE_OF_LINE)
CERTIFICATES = several(BASE64)
HEADERS = several(row(LINE, LINE))
