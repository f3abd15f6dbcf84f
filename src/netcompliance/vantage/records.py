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
WORD = 80
"""Characters of a name of ours."""
PLACE = 400
"""Characters of a path's name."""
NAME = 1 << 10
"""Characters of a name or an address: one of the DNS has at most 1,004 as it is printed."""
SENTENCE = 1 << 12
"""Characters of a reason or a remedy, and of a file's name."""
LINE = 1 << 18
"""Characters of what peers and users wrote, such as a URL: an environment variable has no more, nor a line of HTTP that
is kept, nor a manifest."""
PATHS = 512
"""Paths of a watch: more than every address that is watched, in each layer. Each has one open run at most."""


def text(value: Any) -> str:
    """Contents, such as a body or a file, as many as a record has room for: no verdict repeats them. Half of a pair of
    surrogates cannot be written down: it is a `?`."""
    if not isinstance(value, str):
        raise Wrong
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def no_longer(most: int) -> Shape:
    """Text of so many characters at most."""

    def shape(value: Any) -> str:
        if len(text(value)) > most:
            raise Wrong
        return text(value)

    return shape


word = no_longer(WORD)
place = no_longer(PLACE)
name = no_longer(NAME)
sentence = no_longer(SENTENCE)
line = no_longer(LINE)


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
        return {line(its): item(each) for its, each in value.items()}

    return shape


NAMES: dict[str, str] = {}
"""The names of all fields, each there once."""


def table(fields: Mapping[str, Shape]) -> Shape:
    """An object with these fields; others are left out."""
    NAMES.update((field, field) for field in fields if field not in NAMES)

    def shape(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Wrong
        return {NAMES[field]: maybe(fields[field])(each) for field, each in value.items() if field in fields}

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
    NAMES.update((field, field) for field in listed.split() if field not in NAMES)
    return dict.fromkeys(listed.split(), shape)


COUNT = whole(0, LARGEST)
PORT = whole(0, 65535)
STATUS = whole(0, 999)
SECONDS = number(-1.0, LONGEST)
MOMENT = number(0.0, MOMENTS)
LINES = several(line)
CERTIFICATES = several(text)
ADDRESSES = several(name, 4096)
"""No answer of the DNS holds more: a message has at most 65,535 bytes, and an A record takes 16."""
HEADERS = several(row(line, line))
LAYER = one_of("dns", "tcp", "tls", "http", "registry")
ERROR = table(
    {
        **_each(word, "phase name"),
        "text": sentence,
        "code": either(whole(-LARGEST, LARGEST), word),
        "reason": sentence,
        "icmp": table({"type": COUNT, "code": COUNT, "from": name, "own": flag}),
    }
)
TRIED = table(_each(COUNT, "tries opened carried repeated"))
UNOPENED = several(row(PORT, word, COUNT))
QUERY = table(
    {
        **_each(word, "rdtype transport"),
        **_each(name, "name server"),
        "response": text,
        **_each(COUNT, "attempt strays"),
        **_each(flag, "again truncated"),
        "seconds": SECONDS,
        "error": ERROR,
    }
)
RESOLVER = table(
    {
        **_each(LINES, "servers search"),
        **_each(COUNT, "ndots timeout attempts"),
        **_each(flag, "rotate single_request use_tcp trust_ad readable"),
    }
)
SETTING = table(
    {
        "names": LINES,
        "pac": flag,
        **_each(line, "agent trouble agent_takes agent_place curl_takes curl_place meant character"),
    }
)

ALL: Mapping[str, Shape] = {
    "task": word,
    **_each(name, "host address"),
    "via": line,
    "port": PORT,
    "at": MOMENT,
    "seconds": SECONDS,
    "error": ERROR,
}
"""Fields that any kind may have."""

VISIT: Mapping[str, Mapping[str, Shape]] = {
    "host": {
        **_each(name, "hostname machine platform user source_address source_address6"),
        **_each(sentence, "system python openssl interpreter system_trust"),
        "resolv_conf": text,
        **_each(LINES, "nameservers search options hosts_entries"),
        **_each(flag, "container kubernetes runtime"),
        "uid": COUNT,
        "proxies": names(line),
        "trust": table({"source": line, "certificates": COUNT}),
        "pod": names(maybe(sentence)),
        "key": table({"from": line}),
    },
    "route": {
        **_each(line, "proxy source no_proxy"),
        "readings": table(_each(flag, "go curl python")),
        "setting": SETTING,
    },
    "resolve": {"purpose": word, **_each(name, "name canonical"), "addresses": ADDRESSES},
    "go-resolve": {
        "order": line,
        **_each(LINES, "hosts names ignored"),
        "resolver": RESOLVER,
        "queries": several(QUERY),
    },
    "dns": {
        **_each(word, "transport rdtype rcode"),
        **_each(name, "server name"),
        **_each(text, "query response"),
        **_each(COUNT, "attempts strays"),
        "edns": flag,
        "took": SECONDS,
        "addresses": ADDRESSES,
    },
    "dns-share": {
        "rdtype": word,
        **_each(name, "server name"),
        **_each(COUNT, "sent answered empty lost newest"),
        "results": several(row(word, COUNT)),
        **_each(SECONDS, "pace slowest"),
        "addresses": ADDRESSES,
    },
    "tcp": {
        **_each(COUNT, "family syns ports"),
        "full": flag,
        "source": row(name, PORT),
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
        **_each(word, "declared phase"),
        **_each(name, "target proxy_address"),
        **_each(line, "reason go_refuses"),
        **_each(text, "body received"),
        **_each(flag, "other_scheme login series"),
        "status": STATUS,
        "headers": HEADERS,
    },
    "proxy-address": {
        **_each(word, "declared phase"),
        "proxy_address": name,
        **_each(line, "reason go_refuses"),
        "status": STATUS,
    },
    "tls": {
        "purpose": word,
        **_each(name, "version cipher alpn"),
        "received": text,
        "verified": flag,
        **_each(COUNT, "hello_bytes mss"),
        **_each(CERTIFICATES, "chain anchors agent_only system_only"),
    },
    "http2": {
        **_each(word, "method alpn"),
        **_each(flag, "settings replied"),
        "status": STATUS,
    },
    "http": {
        **_each(word, "purpose caller method"),
        **_each(name, "without"),
        **_each(line, "path reason version go_refuses"),
        "body": text,
        **_each(flag, "verified body_complete shared_way"),
        **_each(COUNT, "body_bytes request_bytes sent_bytes unacknowledged_bytes alone_bytes"),
        **_each(SECONDS, "idle alone_seconds first_byte"),
        "status": STATUS,
        "headers": HEADERS,
    },
    "registry": {
        **_each(word, "step sha256"),
        **_each(name, "image wanted"),
        **_each(line, "digest url redirected_to media_type"),
        "body": text,
        **_each(COUNT, "attempt hop body_bytes size"),
        **_each(flag, "complete authorized token"),
        "range": row(COUNT, COUNT),
        "status": STATUS,
        "headers": HEADERS,
        **_each(SECONDS, "first_byte opening"),
        "platforms": LINES,
    },
    "sockets": {
        "samples": COUNT,
        "listening": several(row(name, PORT)),
        "connections": several(row(name, PORT, name, PORT, word)),
        "own": several(PORT),
    },
    "syn": {"seen": several(row(name, PORT, name, PORT, COUNT)), "own": flag},
    "firewall": {"tool": word, "rules": text},
    "unseen": {"what": word, **_each(sentence, "reason remedy")},
    "fault": {},
    "probe": {
        "finished": flag,
        "unfinished": LINES,
        "records": COUNT,
        "with": word,
        "tools": LINES,
    },
}
"""Kind → its own fields, for what a visit may send."""

ANSWER = table(
    {
        **_each(COUNT, "rcode"),
        "status": STATUS,
        **_each(flag, "addresses private"),
        **_each(line, "version issuer type location keys"),
    }
)
SHOWED = table({"status": STATUS, "headers": HEADERS, "body": text, "body_complete": flag, "chain": CERTIFICATES})

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
    "unwatched": {"layer": LAYER, **_each(sentence, "reason remedy")},
    "alive": {
        "open": several(row(COUNT, MOMENT, COUNT, COUNT, SECONDS), PATHS),
        "cpu": SECONDS,
        **_each(COUNT, "pid dropped"),
    },
    "gone": {"text": sentence},
    "end": {"why": word, "cpu": SECONDS, "memory": COUNT},
}
"""Word → its own fields, for what a watch may send."""
WATCH = "watch"
LAST_WORD = "probe"
"""Kind of the record with which a visit ends, and which says what looked."""
BY_SHELL = "sh"
NEVER_BY_SHELL = frozenset({"go-resolve", "dns-share", "exchanges", "http2", "syn", "proxy-address"})
"""Kinds that a shell does not see."""
AGENT_HELLO = "agent-hello"
"""The purpose of a handshake that no shell can make."""
WATCH_FIELDS: Mapping[str, Shape] = {"what": word, "seq": COUNT}
NAMES.update({field: field for group in (ALL, WATCH_FIELDS, *VISIT.values(), *WORDS.values()) for field in group})
NEEDED = {
    "begin": ("at",),
    "run": ("run", "layer", "path", "every", "from", "to", "samples", "failed"),
    "unwatched": ("layer",),
    "alive": ("open",),
    "end": ("at", "why"),
}
"""Fields without which a word says nothing."""


def never_by_shell(record: Mapping[str, Any]) -> str:
    """What in a visit's record only a probe in Python can have seen; empty if there is nothing."""
    kind = record["kind"]
    if kind == "host" and record.get("python"):
        return "Python's version"
    if kind == "tls" and record.get("purpose") == AGENT_HELLO:
        return AGENT_HELLO
    return kind if kind in NEVER_BY_SHELL else ""


def decoded(record: Mapping[str, Any], *, of_watch: bool) -> dict[str, Any]:
    """The record with the fields of its kind alone. Raises `Wrong`, which says what is wrong."""
    kind = record.get("kind")
    if not isinstance(kind, str) or not kind or len(kind) > WORD:
        raise Wrong("a record without a kind")
    if of_watch:
        what = record.get("what")
        if kind != WATCH or not isinstance(what, str) or what not in WORDS:
            raise Wrong(f"a record of the kind {kind[:WORD]!r} in a watch")
        of, own = f"watch {what}", {**WATCH_FIELDS, **WORDS[what]}
        missing = [field for field in NEEDED.get(what, ()) if record.get(field) is None]
        if missing:
            raise Wrong(f"a {of!r} record without {missing[0]!r}")
    elif kind not in VISIT:
        raise Wrong(f"a record of the kind {kind!r}")
    else:
        of, own = kind, dict(VISIT[kind])
    taken: dict[str, Any] = {"kind": kind}
    for field, value in record.items():
        shape = own.get(field) or ALL.get(field)
        if shape is None:
            continue
        try:
            taken[NAMES[field]] = maybe(shape)(value)
        except Wrong:
            raise Wrong(f"a {of!r} record whose {field!r} is not valid") from None
    return taken
