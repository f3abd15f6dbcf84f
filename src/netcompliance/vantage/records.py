"""The records that a probe sends: a closed list of kinds, each with its fields and their types.

Theory. What a host sends is data of a stranger. Before anything else here sees a record it passes through this list: a
kind that is not on it, or a field that is not what it must be, is no record of a probe's, and the host has erred.
Fields that are not listed are left out, and so are those of the controller (`type`, `vantage`, `connection`).
A field may be missing, or null: judges understand that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Shape = Callable[[Any], Any]
"""The value as it is taken over. Raises `Wrong`."""


class Wrong(Exception):
    """A value is not what it must be."""


LARGEST = 10**13 - 1
"""No number is larger: it is exact everywhere, and judges take it (`judge.shape`)."""
MOMENTS = 1e11
"""Seconds since the epoch: no clock is that far off."""
LONGEST = 1e7
"""Seconds: nothing takes longer."""
PLACE = 400
"""Characters of a path's name."""
WORD = 80
"""Characters of a name of ours."""
PATHS = 512
"""Paths of a watch: more than every address that is watched, in each layer. Each has one open run at most."""


def text(value: Any) -> str:
    """Text of any length: a line has a limit. Half of a pair of surrogates cannot be written down: it is a `?`."""
    if not isinstance(value, str):
        raise Wrong
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def word(value: Any) -> str:
    """A name of ours."""
    if len(text(value)) > WORD:
        raise Wrong
    return text(value)


def place(value: Any) -> str:
    """An address, a name or a URL: no longer than one may be."""
    if len(text(value)) > PLACE:
        raise Wrong
    return text(value)


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Wrong
    return value


def whole(least: int, most: int) -> Shape:
    """A whole number in this range."""

    def shape(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Wrong
        return value

    return shape


def number(least: float, most: float) -> Shape:
    """A number in this range."""

    def shape(value: Any) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
            raise Wrong
        return value

    return shape


def several(item: Shape, most: int | None = None) -> Shape:
    """A list; of so many items at most, if that is said."""

    def shape(value: Any) -> list[Any]:
        if not isinstance(value, list) or (most is not None and len(value) > most):
            raise Wrong
        return [item(each) for each in value]

    return shape


def row(*items: Shape) -> Shape:
    """A list of so many values."""

    def shape(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) != len(items):
            raise Wrong
        return [item(each) for item, each in zip(items, value, strict=True)]

    return shape


def names(item: Shape) -> Shape:
    """An object whose names are not ours."""

    def shape(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Wrong
        return {text(name): item(each) for name, each in value.items()}

    return shape


NAMES: dict[str, str] = {}
"""The names of all fields, each there once."""


def table(fields: Mapping[str, Shape]) -> Shape:
    """An object with these fields; others are left out."""
    NAMES.update((name, name) for name in fields if name not in NAMES)

    def shape(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Wrong
        return {NAMES[name]: maybe(fields[name])(each) for name, each in value.items() if name in fields}

    return shape


def maybe(shape: Shape) -> Shape:
    """That, or null."""
    return lambda value: None if value is None else shape(value)


def one_of(*values: str) -> Shape:
    """One of these words."""

    def shape(value: Any) -> str:
        if not isinstance(value, str) or value not in values:
            raise Wrong
        return value

    return shape


def either(*shapes: Shape) -> Shape:
    """The first of these that fits."""

    def shape(value: Any) -> Any:
        for each in shapes:
            try:
                return each(value)
            except Wrong:
                continue
        raise Wrong

    return shape


def _each(shape: Shape, listed: str) -> dict[str, Shape]:
    NAMES.update((name, name) for name in listed.split() if name not in NAMES)
    return dict.fromkeys(listed.split(), shape)


COUNT = whole(0, LARGEST)
PORT = whole(0, 65535)
STATUS = whole(0, 999)
SECONDS = number(-1.0, LONGEST)
MOMENT = number(0.0, MOMENTS)
TEXTS = several(text)
ADDRESSES = several(text, 4096)
"""No answer of the DNS holds more: a message has at most 65,535 bytes, and an A record takes 16."""
HEADERS = several(row(text, text))
LAYER = one_of("dns", "tcp", "tls", "http", "registry")
ERROR = table(
    {
        **_each(word, "phase name"),
        "text": text,
        "code": either(whole(-LARGEST, LARGEST), text),
        "reason": text,
        "icmp": table({"type": COUNT, "code": COUNT, "from": text, "own": flag}),
    }
)
TRIED = table(_each(COUNT, "tries opened carried repeated"))
UNOPENED = several(row(PORT, word, COUNT))
QUERY = table(
    {
        **_each(text, "name rdtype server transport response"),
        **_each(COUNT, "attempt strays"),
        **_each(flag, "again truncated"),
        "seconds": SECONDS,
        "error": ERROR,
    }
)
RESOLVER = table(
    {
        **_each(TEXTS, "servers search"),
        **_each(COUNT, "ndots timeout attempts"),
        **_each(flag, "rotate single_request use_tcp trust_ad readable"),
    }
)
SETTING = table(
    {
        "names": TEXTS,
        "pac": flag,
        **_each(text, "agent trouble agent_takes agent_place curl_takes curl_place meant character"),
    }
)

ALL: Mapping[str, Shape] = {
    **_each(text, "task host address via"),
    "port": PORT,
    "at": MOMENT,
    "seconds": SECONDS,
    "error": ERROR,
}
"""Fields that any kind may have."""

VISIT: Mapping[str, Mapping[str, Shape]] = {
    "host": {
        **_each(
            text, "hostname system machine platform python openssl user resolv_conf source_address source_address6"
        ),
        **_each(text, "interpreter system_trust"),
        **_each(TEXTS, "nameservers search options hosts_entries"),
        **_each(flag, "container kubernetes runtime"),
        "uid": COUNT,
        "proxies": names(text),
        "trust": table({"source": text, "certificates": COUNT}),
        "pod": names(maybe(text)),
        "key": table({"from": text}),
    },
    "route": {
        **_each(text, "proxy source no_proxy"),
        "readings": table(_each(flag, "go curl python")),
        "setting": SETTING,
    },
    "resolve": {**_each(text, "name purpose canonical"), "addresses": ADDRESSES},
    "go-resolve": {
        "order": text,
        **_each(TEXTS, "hosts names ignored"),
        "resolver": RESOLVER,
        "queries": several(QUERY),
    },
    "dns": {
        **_each(text, "server transport name rdtype query response rcode"),
        **_each(COUNT, "attempts strays"),
        "edns": flag,
        "took": SECONDS,
        "addresses": ADDRESSES,
    },
    "dns-share": {
        **_each(text, "server name rdtype"),
        **_each(COUNT, "sent answered empty lost newest"),
        "results": several(row(word, COUNT)),
        **_each(SECONDS, "pace slowest"),
        "addresses": ADDRESSES,
    },
    "tcp": {
        **_each(COUNT, "family syns ports"),
        "full": flag,
        "source": row(text, PORT),
    },
    "shares": {
        **_each(COUNT, "tries opened carried late opened_late repeated"),
        **_each(SECONDS, "fastest median"),
        **_each(UNOPENED, "unopened again"),
        **_each(TRIED, "calm single"),
        "answers": table({"got": COUNT, "calm": row(COUNT, COUNT), "slowest": SECONDS}),
        **_each(several(row(PORT, word)), "hung hung_again"),
    },
    "exchanges": {
        **_each(COUNT, "tries answered"),
        "slowest": SECONDS,
        **_each(several(row(PORT, word, word)), "stuck stuck_again"),
        "beside": row(COUNT, COUNT),
        "usual": word,
        **_each(several(row(PORT, word)), "odd odd_again beside_odd"),
    },
    "proxy": {
        **_each(text, "target declared phase proxy_address reason body go_refuses received"),
        **_each(flag, "other_scheme login series"),
        "status": STATUS,
        "headers": HEADERS,
    },
    "proxy-address": {
        **_each(text, "declared phase proxy_address reason go_refuses"),
        "status": STATUS,
    },
    "tls": {
        **_each(text, "purpose version cipher alpn received"),
        "verified": flag,
        **_each(COUNT, "hello_bytes mss"),
        **_each(TEXTS, "chain anchors agent_only system_only"),
    },
    "http2": {
        **_each(word, "method alpn"),
        **_each(flag, "settings replied"),
        "status": STATUS,
    },
    "http": {
        **_each(text, "purpose caller without method path reason version go_refuses body"),
        **_each(flag, "verified body_complete"),
        **_each(COUNT, "body_bytes request_bytes sent_bytes unacknowledged_bytes alone_bytes"),
        **_each(SECONDS, "idle alone_seconds first_byte"),
        "status": STATUS,
        "headers": HEADERS,
    },
    "registry": {
        **_each(text, "step image digest url redirected_to media_type body sha256 wanted"),
        **_each(COUNT, "attempt hop body_bytes size"),
        **_each(flag, "complete authorized token"),
        "range": row(COUNT, COUNT),
        "status": STATUS,
        "headers": HEADERS,
        **_each(SECONDS, "first_byte opening"),
        "platforms": TEXTS,
    },
    "sockets": {
        "samples": COUNT,
        "listening": several(row(text, PORT)),
        "connections": several(row(text, PORT, text, PORT, word)),
        "own": several(PORT),
    },
    "syn": {"seen": several(row(text, PORT, text, PORT, COUNT)), "own": flag},
    "firewall": _each(text, "tool rules"),
    "unseen": _each(text, "what reason remedy"),
    "fault": {},
    "probe": {
        "finished": flag,
        "unfinished": TEXTS,
        "records": COUNT,
        "with": word,
        "tools": TEXTS,
    },
}
"""Kind → its own fields, for what a visit may send."""

ANSWER = table(
    {
        **_each(COUNT, "rcode"),
        "status": STATUS,
        **_each(flag, "addresses private"),
        **_each(text, "version issuer type location keys"),
    }
)
SHOWED = table({"status": STATUS, "headers": HEADERS, "body": text, "body_complete": flag, "chain": TEXTS})

WORDS: Mapping[str, Mapping[str, Shape]] = {
    "begin": {**_each(COUNT, "pid"), "id": word, "with": word, **_each(SECONDS, "planned every rarely seldom")},
    "run": {
        **_each(COUNT, "run samples failed"),
        "layer": LAYER,
        "path": place,
        **_each(flag, "open mixed"),
        **_each(SECONDS, "every took gap pace"),
        **_each(MOMENT, "from to since"),
        "errors": names(COUNT),
        "answer": ANSWER,
        "showed": SHOWED,
    },
    "unwatched": {"layer": LAYER, **_each(text, "reason remedy")},
    "alive": {
        "open": several(row(COUNT, MOMENT, COUNT, COUNT, SECONDS), PATHS),
        "cpu": SECONDS,
        **_each(COUNT, "pid dropped"),
    },
    "gone": {"text": text},
    "end": {"why": word, "cpu": SECONDS, "memory": COUNT},
}
"""Word → its own fields, for what a watch may send."""
WATCH = "watch"
WATCH_FIELDS: Mapping[str, Shape] = {"what": word, "seq": COUNT}
NAMES.update({name: name for group in (ALL, WATCH_FIELDS, *VISIT.values(), *WORDS.values()) for name in group})
NEEDED = {
    "begin": ("at",),
    "run": ("run", "layer", "path", "every", "from", "to", "samples", "failed"),
    "unwatched": ("layer",),
    "alive": ("open",),
    "end": ("at", "why"),
}
"""Fields without which a word says nothing."""


def decoded(record: Mapping[str, Any], *, of_watch: bool) -> dict[str, Any]:
    """The record with the fields of its kind alone. Raises `Wrong`, which says what is wrong."""
    kind = record.get("kind")
    if not isinstance(kind, str) or not kind or len(kind) > WORD:
        raise Wrong("a record without a kind")
    if of_watch:
        what = record.get("what")
        if kind != WATCH or not isinstance(what, str) or what not in WORDS:
            raise Wrong(f"a record of the kind {kind[:WORD]!r} in a watch")
        name, own = f"watch {what}", {**WATCH_FIELDS, **WORDS[what]}
        missing = [field for field in NEEDED.get(what, ()) if record.get(field) is None]
        if missing:
            raise Wrong(f"a {name!r} record without {missing[0]!r}")
    elif kind not in VISIT:
        raise Wrong(f"a record of the kind {kind!r}")
    else:
        name, own = kind, dict(VISIT[kind])
    taken: dict[str, Any] = {"kind": kind}
    for field, value in record.items():
        shape = own.get(field) or ALL.get(field)
        if shape is None:
            continue
        try:
            taken[NAMES[field]] = maybe(shape)(value)
        except Wrong:
            raise Wrong(f"a {name!r} record whose {field!r} is not valid") from None
    return taken
