"""What every observation has, and what kinds hold in common.

Theory. An observation holds no opinion: it is what a probe saw, raw. Bytes are base64, `seconds` are durations, `at` is
a moment by the vantage's own clock. Each kind is a class, and each of its fields is declared there once, with what it
means: from that follow what a host may say (`vantage/records.py`), what reaches the judges (`decode`), the JSON Schema
and the tables in docs/journal.md (`python docs/generate.py` writes both).
"""

from __future__ import annotations

from typing import Any, ClassVar

from netcompliance.observations.record import Record, maybe, one, part
from netcompliance.observations.values import (
    CODE,
    COUNT,
    ERRNO,
    EXCERPT,
    FLAG,
    MOMENT,
    NAME,
    PLACE,
    PORT,
    PROXY,
    SECONDS,
    SENTENCE,
    WORD,
    Type,
    words,
)


class Icmp(Record, needs="type code"):
    """An ICMP error that was received."""

    type: int | None = one(COUNT)
    code: int | None = one(COUNT)
    from_: str | None = maybe(NAME)
    own: bool | None = one(FLAG, "from this host itself")


class Error(Record, needs="phase name text"):
    """Why an exchange ended before its end."""

    phase: str | None = one(
        words("resolve", "udp", "tcp", "proxy", "tls", "http2", "send", "head", "body", "redirect", "file", "run"),
        "where it ended: `resolve` `udp` `tcp` `proxy` `tls` `http2` `send` `head` `body` `redirect` `file` `run`",
    )
    name: str | None = one(
        ERRNO,
        "an errno name (`ECONNREFUSED`, `EHOSTUNREACH`, …), or `TIMEOUT` (our deadline passed), `EOF` (closed by the "
        "peer), `VERIFY` (certificate), `SSL` (other TLS), `GAI` (getaddrinfo), `PROTOCOL` (bytes that are no HTTP), "
        "`MALFORMED` (a head that Go refuses), `LIMIT` (more than we read), `REDIRECT` (a redirect we do not "
        "follow), `STATUS` (proxy said no), `UNSUPPORTED` (this interpreter or host can't), `EXCEPTION`",
    )
    text: str | None = one(EXCERPT, "the raw error text, at most 300 characters")
    code: int | None = maybe(CODE, "number where there is one: getaddrinfo's, OpenSSL's verify code")
    reason: str | None = maybe(
        SENTENCE,
        "OpenSSL's reason (`CERTIFICATE_VERIFY_FAILED`, `WRONG_VERSION_NUMBER`, `TLSV1_ALERT_PROTOCOL_VERSION`, …)",
    )
    icmp: Icmp | None = maybe(part(Icmp), "where an ICMP error was received")


def _decode_error(value: Any) -> Error:
    """What is there and is no object is an error all the same, of an unknown kind."""
    return Error.decode(value) or Error()


ERROR = Type(Error.admit, _decode_error, {"$ref": "#/$defs/error"}, Error)


class Seen(Record, needs="type vantage kind"):
    """An observation, of whatever kind."""

    kind: ClassVar[str] = ""
    per: ClassVar[str] = ""
    """Of what there is one each, for the page about the journal."""

    task: str | None = maybe(
        WORD,
        "id of the plan's task: `tenant`, `control`, `registry`, `source`, `cdn`, `chart`, `dns`, `host`, `outbound`",
    )
    host: str | None = maybe(PLACE, "the name asked for")
    address: str | None = maybe(PLACE)
    port: int | None = maybe(PORT)
    via: str | None = maybe(PROXY, "`null` for direct, else the proxy's URL without user information")
    at: float | None = one(MOMENT)
    seconds: float | None = maybe(SECONDS)
    error: Error | None = maybe(ERROR)

    def __init_subclass__(cls, *, kind: str = "", per: str = "", needs: str = "") -> None:
        super().__init_subclass__(needs=needs)
        cls.kind, cls.per = kind or cls.kind, per
