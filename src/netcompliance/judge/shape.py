"""Observations as the judges may rely on them: each field has its type, or it is not there.

Theory. A journal comes from another machine, perhaps from another year, and what is in it came from strangers. Judges
would need a check before every use, and one would be forgotten. So an observation passes through here first: a field
that is not of its type is taken for missing, which every judge must understand anyway. Fields that no judge reads are
left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Shape = Callable[[Any], Any]
"""The value as it should be, `None` if it is not."""

LARGEST = 1e13
"""No number in an observation is larger; what is would overflow somewhere."""


def text(value: Any) -> str | None:
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


def whole(value: Any) -> int | None:
    """A whole number; true and false are none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST else None


def number(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, float) and abs(value) < LARGEST:
        return value
    return None if (count := whole(value)) is None else float(count)


def status(value: Any) -> int | None:
    """An HTTP status: three digits."""
    count = whole(value)
    return count if count is not None and 100 <= count <= 999 else None


def flag(value: Any) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def anything(value: Any) -> Any:
    """What is only looked at for being there."""
    return value


def several(shape: Shape) -> Shape:
    """A list, without the items that are not of this shape."""

    def items(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return None
        return [shaped for item in value if (shaped := shape(item)) is not None]

    return items


def row(*shapes: Shape) -> Shape:
    """The beginning of a list: as many values as there are shapes, none missing."""

    def values(value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) < len(shapes):
            return None
        shaped = tuple(shape(item) for shape, item in zip(shapes, value, strict=False))
        return None if None in shaped else shaped

    return values


def table(fields: Mapping[str, Shape]) -> Shape:
    """An object with these fields, each of its shape or missing."""

    def values(value: Any) -> Any:
        if not isinstance(value, (dict, Mapping)):
            return None
        return {
            name: shaped
            for name, given in value.items()
            if (shape := fields.get(name)) and (shaped := shape(given)) is not None
        }

    return values


def keys(value: Any) -> Any:
    """The names in an object."""
    return [name for name in value if isinstance(name, str)] if isinstance(value, (Mapping, list)) else None


def _each(shape: Shape, names: str) -> Iterable[tuple[str, Shape]]:
    return ((name, shape) for name in names.split())


ERROR = table(
    {
        **dict(_each(text, "phase name text reason")),
        "code": whole,
        "icmp": table({"type": whole, "code": whole, "from": text}),
    }
)


def error(value: Any) -> Any:
    """An error. What is there and is no object is an error all the same, of an unknown kind."""
    return ERROR(value) or ({} if value is not None else None)


CERTIFICATE = table(
    {**dict(_each(text, "subject issuer not_before not_after")), "names": several(text), "self_signed": flag}
)
READINGS = table(dict(_each(flag, "go curl python")))

FIELDS: Mapping[str, Shape] = {
    **dict(_each(text, "kind task host address via hostname platform source_address source_address6 proxy no_proxy")),
    **dict(
        _each(text, "name purpose server transport rdtype response declared phase body received version method path")
    ),
    **dict(_each(text, "step image digest url redirected_to media_type sha256 tool rules anchor anchor_name wanted")),
    **dict(_each(text, "with connection proxy_address what reason remedy rcode")),
    **dict(_each(flag, "kubernetes runtime")),
    **dict(_each(whole, "hop port body_bytes sent_bytes request_bytes size hello_bytes samples syns")),
    **dict(_each(number, "at seconds first_byte")),
    **dict(
        _each(
            flag,
            "finished verified complete body_complete token covers public_issuer other_scheme",
        )
    ),
    **dict(_each(several(text), "nameservers search hosts_entries addresses chain platforms versions")),
    **dict(_each(text, "what layer why")),
    **dict(_each(whole, "run failed")),
    **dict(_each(flag, "open mixed")),
    **dict(_each(number, "from to every planned lost back heard")),
    "answer": table({"rcode": whole, "addresses": flag, "private": flag, "status": status, "type": text}),
    "showed": table(
        {
            "status": status,
            "headers": several(row(text, text)),
            "body": text,
            "body_complete": flag,
            "chain": several(text),
        }
    ),
    "status": status,
    "source": anything,
    "error": error,
    "errors": keys,
    "readings": READINGS,
    "trust": table({"source": text}),
    "headers": several(row(text, text)),
    "certificates": several(CERTIFICATE),
    "listening": several(row(text, whole)),
    "connections": several(row(text, whole, text, whole)),
    "seen": several(row(text, whole, text, whole, whole)),
}
OWN: Mapping[str, Shape] = {"sockets": several(whole), "syn": flag}
"""`own` is our ports in the table of connections, and a plain yes or no for what was seen on the wire."""

_SHAPED = table(FIELDS)


def shaped(observation: Mapping[str, Any]) -> dict[str, Any]:
    """The observation as the judges may rely on it."""
    seen: dict[str, Any] = _SHAPED(observation)
    own = OWN.get(seen.get("kind", ""), anything)(observation.get("own"))
    return {**seen, "own": own} if own is not None else seen
