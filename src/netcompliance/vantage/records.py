"""The records that a probe sends: a closed list of kinds, each with its fields and their types (`observations`).

Theory. What a host sends is data of a stranger. Before anything else here sees a record it passes through this list: a
kind that is not on it, or a field that is not what it must be, is no record of a probe's, and the host has erred.
Fields that are not listed are left out, and so are those of the controller (`type`, `vantage`, `connection`).
A field may be missing, or null: judges understand that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from netcompliance.observations import SENT, VISIT, Record, Watch
from netcompliance.observations.values import WORD_MOST, FieldError


def _names(of: type[Record]) -> Iterator[str]:
    for name, field in of.FIELDS.items():
        if field.by_host:
            yield name
            if field.type.of is not None:
                yield from _names(field.type.of)


NAMES = frozenset(name for its in (*VISIT.values(), *SENT.values()) for name in _names(its))
"""The names of all fields, each there once."""
LAST_WORD = "probe"
"""Kind of the record with which a visit ends, and which says what looked."""
BY_SHELL = "sh"
NEVER_BY_SHELL = frozenset({"go-resolve", "dns-share", "exchanges", "http2", "syn", "proxy-address"})
"""Kinds that a shell does not see."""
AGENT_HELLO = "agent-hello"
"""The purpose of a handshake that no shell can make."""


def never_by_shell(record: Mapping[str, Any]) -> str:
    """What in a visit's record only a probe in Python can have seen; empty if there is nothing."""
    kind = record["kind"]
    if kind == "host" and record.get("python"):
        return "Python's version"
    if kind == "tls" and record.get("purpose") == AGENT_HELLO:
        return AGENT_HELLO
    return kind if kind in NEVER_BY_SHELL else ""


def decoded(record: Mapping[str, Any], *, of_watch: bool) -> dict[str, Any]:
    """The record with the fields of its kind alone. Raises `FieldError`, which says what is wrong."""
    kind = record.get("kind")
    if not isinstance(kind, str) or not kind or len(kind) > WORD_MOST:
        raise FieldError("a record without a kind")
    if of_watch:
        what = record.get("what")
        if kind != Watch.kind or not isinstance(what, str) or what not in SENT:
            raise FieldError(f"a record of the kind {kind!r} in a watch")
        of, needed, known = f"watch {what}", SENT[what].NEEDED, SENT[what].ADMIT
        missing = [field for field in needed if record.get(field) is None]
        if missing:
            raise FieldError(f"a {of!r} record without {missing[0]!r}")
    elif kind not in VISIT:
        raise FieldError(f"a record of the kind {kind!r}")
    else:
        of, known = kind, VISIT[kind].ADMIT
    taken: dict[str, Any] = {"kind": kind}
    for field, value in record.items():
        if field not in known:
            continue
        name, admit = known[field]
        try:
            taken[name] = None if value is None else admit(value)
        except FieldError:
            raise FieldError(f"a {of!r} record whose {field!r} is not valid") from None
    return taken
