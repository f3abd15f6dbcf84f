"""Observations as the judges may rely on them: each field has its type, or it is not there.

Theory. A journal comes from another machine, perhaps from another year, and what is in it came from strangers. Judges
would need a check before every use, and one would be forgotten. So an observation passes through here first: a field
that is not of its type is taken for missing, which every judge must understand anyway. Fields that no judge reads are
left behind.
"""

from __future__ import annotations

import re
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


_PLACE = re.compile(r"[A-Za-z0-9._:%\[\]-]{1,255}")
_URL = re.compile(r"https?://[A-Za-z0-9._:%\[\]/-]{1,255}")
_PROXY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,15}://[A-Za-z0-9._:%\[\]-]{1,255}")


def place(value: Any) -> str | None:
    """A name or an address, with a port or a zone at most. It stands in commands that a person may paste, so nothing
    that a shell reads otherwise is one."""
    return value if isinstance(value, str) and _PLACE.fullmatch(value) and value[0] != "-" else None


def proxy(value: Any) -> str | None:
    """A proxy's URL, without user information and path; empty for none."""
    return value if isinstance(value, str) and (not value or _PROXY.fullmatch(value)) else None


def server(value: Any) -> str | None:
    """A nameserver: an address, or the URL of one that is asked over HTTPS."""
    return value if place(value) or (isinstance(value, str) and _URL.fullmatch(value)) else None


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
        "icmp": table({"type": whole, "code": whole, "from": text, "own": flag}),
    }
)


def error(value: Any) -> Any:
    """An error. What is there and is no object is an error all the same, of an unknown kind."""
    return ERROR(value) or ({} if value is not None else None)


CERTIFICATE = table(
    {
        **dict(_each(text, "subject issuer not_before not_after")),
        "names": several(text),
        **dict(_each(flag, "self_signed on_path")),
        "aia": several(text),
    }
)
JUDGED = table(
    {
        **dict(_each(text, "sent anchor rule why subject")),
        **dict(_each(flag, "takes curl")),
        "minds": several(whole),
    }
)
TRIED = table(dict(_each(whole, "tries opened carried repeated")))
QUERY = table(
    {
        **dict(_each(text, "name rdtype transport response")),
        "server": server,
        **dict(_each(flag, "again truncated")),
        "attempt": whole,
        "seconds": number,
        "error": error,
    }
)
RESOLVER = table(
    {
        "servers": several(server),
        "search": several(text),
        **dict(_each(whole, "ndots timeout attempts")),
        **dict(_each(flag, "rotate single_request use_tcp trust_ad readable")),
    }
)
READINGS = table(dict(_each(flag, "go curl python")))
SETTING = table(
    {
        **dict(_each(text, "agent trouble agent_takes curl_takes character")),
        **dict(_each(place, "agent_place curl_place")),
        "meant": proxy,
        "names": several(text),
        "pac": flag,
    }
)

FIELDS: Mapping[str, Shape] = {
    **dict(_each(text, "kind task hostname platform no_proxy")),
    **dict(_each(place, "host address proxy_address source_address source_address6")),
    "proxy": proxy,
    "via": proxy,
    "server": server,
    **dict(_each(text, "name purpose transport rdtype response declared phase body received version method path")),
    **dict(
        _each(text, "step image digest url asked redirected_to media_type sha256 tool rules anchor anchor_name wanted")
    ),
    **dict(_each(text, "with connection what reason remedy rcode go_refuses canonical caller without cipher")),
    **dict(_each(flag, "kubernetes runtime edns")),
    **dict(_each(whole, "sent answered empty newest")),
    **dict(_each(number, "took pace slowest")),
    "results": several(row(text, whole)),
    **dict(_each(whole, "hop attempt port body_bytes sent_bytes request_bytes size hello_bytes samples syns ports")),
    **dict(_each(whole, "unacknowledged_bytes alone_bytes")),
    **dict(_each(number, "at seconds first_byte idle alone_seconds opening")),
    **dict(
        _each(
            flag,
            "finished verified complete body_complete token covers public_issuer other_scheme login series shared_way",
        )
    ),
    **dict(_each(several(text), "search hosts_entries chain platforms versions")),
    **dict(_each(several(place), "nameservers addresses")),
    **dict(_each(text, "what layer why")),
    **dict(_each(whole, "run failed")),
    **dict(_each(flag, "open mixed")),
    "alpn": text,
    **dict(_each(number, "from to every planned lost back heard seldom since took gap pace")),
    **dict(_each(whole, "tries opened carried late opened_late repeated")),
    **dict(_each(number, "fastest median")),
    "full": flag,
    "unopened": several(row(whole, text, whole)),
    "again": several(row(whole, text, whole)),
    "calm": TRIED,
    "single": TRIED,
    "answers": table({"got": whole, "calm": row(whole, whole), "slowest": number}),
    **dict(_each(several(row(whole, text)), "hung hung_again")),
    **dict(_each(several(row(whole, text, text)), "stuck stuck_again")),
    "beside": row(whole, whole),
    "usual": text,
    **dict(_each(several(row(whole, text)), "odd odd_again beside_odd")),
    "answer": table(
        {
            "rcode": whole,
            "addresses": flag,
            "private": flag,
            "status": status,
            "type": text,
            "keys": text,
            "issuer": text,
        }
    ),
    "showed": table(
        {
            "status": status,
            "headers": several(row(text, text)),
            "body": text,
            "body_complete": flag,
            "chain": several(text),
        }
    ),
    **dict(_each(several(text), "names options")),
    "hosts": several(place),
    "order": text,
    "ignored": several(text),
    "resolver": RESOLVER,
    "queries": several(QUERY),
    "status": status,
    **dict(_each(flag, "settings replied")),
    "source": anything,
    "error": error,
    "errors": keys,
    "readings": READINGS,
    "range": row(whole, whole),
    "trust": table({"source": text, "certificates": whole}),
    "system_trust": text,
    "setting": SETTING,
    "headers": several(row(text, text)),
    "certificates": several(CERTIFICATE),
    "judged": several(JUDGED),
    "unreadable": whole,
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
