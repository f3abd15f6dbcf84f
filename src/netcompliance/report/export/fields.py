"""Fields of a journal's records, read strictly: what is not as it must be is `FieldError`, and texts come out clean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

from netcompliance.explain import printable

Word = TypeVar("Word", bound=StrEnum)
Record: TypeAlias = Mapping[str, Any]

SHORT = 1000
"""Characters of a text that is surely not too long. Nearly all are shorter and ASCII, and are not read one by one."""


class FieldError(Exception):
    """A record is not as it must be. The text says which, and how."""


def needed(record: Record, field: str) -> str:
    """A text that must be there."""
    text = optional(record, field)
    if not text:
        raise FieldError(f"a {_kind(record)} without {field}")
    return text


def optional(record: Record, field: str) -> str:
    """A text without what a terminal or an editor would obey, on one line; empty if there is none."""
    value = record.get(field)
    if not isinstance(value, str):
        return ""
    clean = value.isascii() and value.isprintable() and len(value) <= SHORT
    return (value if clean else printable(value)).strip()


def matching(pattern: re.Pattern[str], record: Record, field: str) -> str:
    """A text of a certain form."""
    text = needed(record, field)
    if not pattern.fullmatch(text):
        raise FieldError(f"{field} of a {_kind(record)} cannot be {text!r}")
    return text


def word(words: type[Word], record: Record, field: str) -> Word:
    """A word of a closed list."""
    text = needed(record, field)
    if text not in list(words):
        raise FieldError(f"{field} of a {_kind(record)} cannot be {text!r}")
    return words(text)


def moment(record: Record, field: str) -> datetime:
    """A time with a zone, in UTC."""
    at = None
    with suppress(ValueError):
        at = datetime.fromisoformat(needed(record, field))
    if at is None or at.tzinfo is None or not 1970 <= at.year < 9999:
        raise FieldError(f"{field} of a {_kind(record)} is no time with a zone")
    return at.astimezone(UTC)


def day(record: Record, field: str) -> str:
    """A date."""
    text = needed(record, field)
    try:
        midnight_after(text)
    except (ValueError, OverflowError):
        raise FieldError(f"{field} of a waiver cannot be {text!r}") from None
    return text


def midnight_after(day: str) -> datetime:
    """When a day of UTC ends."""
    return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)


def _kind(record: Record) -> str:
    kind = record.get("type")
    return printable(kind, 40) if isinstance(kind, str) else "record"
