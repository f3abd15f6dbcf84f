"""DER, read as strictly as Go's cryptobyte reads it, for certificates that no library of ours has to like.

Every length is minimal and inside its container, tags are of one byte. What deviates is `Malformed`; nothing here reads
beyond what it was given.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 1, 2, 3, 4, 5, 6
UTC_TIME, GENERALIZED_TIME = 23, 24
SEQUENCE, SET = 0x30, 0x31
CONTEXT, CONSTRUCTED = 0x80, 0x20
OFFSET = re.compile(r"[+-](?:[01][0-9]|2[0-4])[0-5][0-9]")


class Malformed(ValueError):
    """These bytes are not the DER that was asked for."""


class Der:
    """Values one after another."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return self._position < len(self._data)

    @property
    def next_tag(self) -> int | None:
        """The tag of the next value, `None` behind the last one."""
        return self._data[self._position] if self else None

    def element(self, tag: int | None = None) -> bytes:
        """The next value with its head."""
        head, end = self._measure(tag)
        value = self._data[self._position : end]
        assert head <= len(value)
        self._position = end
        return value

    def contents(self, tag: int | None = None) -> bytes:
        """The next value without its head."""
        head, end = self._measure(tag)
        value = self._data[self._position + head : end]
        self._position = end
        return value

    def inside(self, tag: int = SEQUENCE) -> Der:
        """The values in the next value."""
        return Der(self.contents(tag))

    def optional(self, tag: int) -> bytes | None:
        """The contents of the next value if it has this tag."""
        return self.contents(tag) if self.next_tag == tag else None

    def integer(self, tag: int = INTEGER) -> int:
        """A whole number, encoded as shortly as possible."""
        value = self.contents(tag)
        if not value or (
            len(value) > 1 and ((value[0] == 0 and value[1] < 0x80) or (value[0] == 0xFF and value[1] >= 0x80))
        ):
            raise Malformed("integer")
        return int.from_bytes(value, "big", signed=True)

    def boolean(self) -> bool:
        """True or false."""
        value = self.contents(BOOLEAN)
        if value not in (b"\x00", b"\xff"):
            raise Malformed("boolean")
        return value == b"\xff"

    def oid(self) -> str:
        """An object identifier in its dotted form."""
        return dotted(self.contents(OID))

    def bits(self) -> bytes:
        """A bit string, moved to the right so that unused bits are gone."""
        unused, data = self._bit_string()
        return data if not unused else (int.from_bytes(data, "big") >> unused).to_bytes(len(data), "big")

    def flags(self) -> list[bool]:
        """A bit string, bit by bit from the left."""
        _, data = self._bit_string()
        return [bool(byte & (0x80 >> bit)) for byte in data for bit in range(8)]

    def _bit_string(self) -> tuple[int, bytes]:
        """How many of the last bits are unused, which are zeros, and the bytes."""
        value = self.contents(BIT_STRING)
        unused, data = (value[0], value[1:]) if value else (8, b"")
        if unused > 7 or (not data and unused) or (data and data[-1] & ((1 << unused) - 1)):
            raise Malformed("bit string")
        return unused, data

    def time(self) -> datetime:
        """A moment; a year that cannot be told becomes the first."""
        tag = self.next_tag
        if tag not in (UTC_TIME, GENERALIZED_TIME):
            raise Malformed("time")
        return _moment(self.contents(tag), of_this_century=tag == UTC_TIME)

    def _measure(self, tag: int | None) -> tuple[int, int]:
        """How long the head of the next value is, and where the value ends."""
        data, at = self._data, self._position
        if len(data) < at + 2 or data[at] & 0x1F == 0x1F or (tag is not None and data[at] != tag):
            raise Malformed("tag")
        head, length = 2, data[at + 1]
        if length & 0x80:
            size = length & 0x7F
            head += size
            length = int.from_bytes(data[at + 2 : at + head], "big")
            if not 0 < size <= 4 or len(data) < at + head or length < 128 or length >> (8 * (size - 1)) == 0:
                raise Malformed("length")
        if len(data) < at + head + length:
            raise Malformed("length")
        return head, at + head + length


def each_of(values: Der) -> list[bytes]:
    """All values that are left, with their heads."""
    found = []
    while values:
        found.append(values.element())
    return found


def dotted(value: bytes) -> str:
    """An object identifier in its dotted form."""
    parts: list[int] = []
    number = size = 0
    for byte in value:
        if (size == 0 and byte == 0x80) or size == 5 or number >= 1 << 24:
            raise Malformed("object identifier")
        number, size = number << 7 | byte & 0x7F, size + 1
        if byte < 0x80:
            parts.append(number)
            number = size = 0
    if size or not parts:
        raise Malformed("object identifier")
    first = min(parts[0] // 40, 2)
    return ".".join(str(part) for part in (first, parts[0] - 40 * first, *parts[1:]))


def _moment(value: bytes, *, of_this_century: bool) -> datetime:
    try:
        text = value.decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed("time") from error
    body, offset = (text[:-1], "+0000") if text.endswith("Z") else (text[:-5], text[-5:])
    if text.endswith(("+0000", "-0000")):
        raise Malformed("time")
    years = 2 if of_this_century else 4
    digits = body[years:]
    wanted = (10, 8) if of_this_century else (10,)
    if not (body.isdigit() and len(digits) in wanted and OFFSET.fullmatch(offset)):
        raise Malformed("time")
    year = int(body[:years])
    if of_this_century:
        year += 1900 if year >= 50 else 2000
    month, day, hour, minute = (int(digits[at : at + 2]) for at in range(0, 8, 2))
    away = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5]))
    try:
        moment = datetime(max(year, 1), month, day, hour, minute, int(digits[8:10] or 0), tzinfo=UTC)
    except ValueError as error:
        raise Malformed("time") from error
    try:
        return moment - (away if offset[0] == "+" else -away)
    except OverflowError:
        return moment
