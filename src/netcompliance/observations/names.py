"""What is seen of the DNS."""

from __future__ import annotations

from netcompliance.observations.kinds import ERROR, Error, Seen
from netcompliance.observations.record import Record, many, maybe, one, part
from netcompliance.observations.values import (
    ADDRESSES,
    BASE64,
    COUNT,
    FLAG,
    LINE,
    LINES,
    NAME,
    PLACES,
    RCODE,
    SECONDS,
    SERVER,
    SERVER_OF_LINE,
    STATUS,
    WORD,
    Type,
    row,
    several,
    words,
)


class Resolve(
    Seen,
    kind="resolve",
    per="name (`host` is always the target that the look-up is about, also for rooted, search and control names)",
    needs="name purpose addresses error",
):
    """A look-up by the host's own resolver."""

    name: str | None = one(NAME)
    purpose: str | None = one(words("bare", "rooted", "search", "control", "host"))
    addresses: tuple[str, ...] = many(ADDRESSES)
    canonical: str | None = maybe(NAME)


class Dns(Seen, kind="dns", per="nameserver × query × transport", needs="server transport name rdtype response error"):
    """A query to a configured nameserver."""

    server: str | None = one(SERVER)
    transport: str | None = one(words("udp", "tcp"))
    name: str | None = one(NAME)
    rdtype: str | None = one(WORD)
    query: str | None = maybe(BASE64)
    response: str | None = maybe(BASE64, "base64 or `null`")
    attempts: int | None = one(COUNT)
    strays: int | None = one(COUNT, "datagrams that were no answer to our query")
    edns: bool | None = one(FLAG, "false: asked once more without EDNS0, since no address came with it")
    took: float | None = maybe(SECONDS, "seconds since the datagram that was answered")
    rcode: str | None = one(
        RCODE,
        "like `addresses` only where a tool of the host read the answer and its bytes are not known: then "
        "`response` is `null`",
    )
    addresses: tuple[str, ...] = many(ADDRESSES)


class Resolver(Record):
    """Resolv.conf as Go reads it."""

    servers: tuple[str, ...] = many(
        Type(LINES.admit, several(SERVER_OF_LINE).decode, {**LINES.schema, "minItems": 1, "maxItems": 3})
    )
    search: tuple[str, ...] = many(LINES)
    ndots: int | None = one(COUNT)
    timeout: int | None = one(COUNT)
    attempts: int | None = one(COUNT)
    rotate: bool | None = one(FLAG)
    single_request: bool | None = one(FLAG)
    use_tcp: bool | None = one(FLAG)
    trust_ad: bool | None = one(FLAG)
    readable: bool | None = one(FLAG)


class Query(Record, needs="name rdtype server attempt again transport seconds response error"):
    """One exchange."""

    name: str | None = one(NAME)
    rdtype: str | None = one(words("A", "AAAA"))
    server: str | None = one(SERVER)
    attempt: int | None = one(COUNT, "round, from 0")
    again: bool | None = one(
        FLAG, "true: asked once more beside one that stayed without an answer, which Go does not do"
    )
    transport: str | None = one(words("udp", "tcp"))
    truncated: bool | None = one(FLAG)
    strays: int | None = one(COUNT)
    seconds: float | None = maybe(SECONDS, "`null`: not over")
    response: str | None = maybe(BASE64)
    error: Error | None = maybe(ERROR)


class GoResolve(Seen, kind="go-resolve", per="name", needs="host order hosts names resolver queries"):
    """The look-up as the agent's own resolver (Go's) makes it."""

    order: str | None = one(
        Type(LINE.admit, LINE.decode, words("files,dns", "dns,files", "files", "dns").schema),
        "`files,dns`, by nsswitch.conf",
    )
    hosts: tuple[str, ...] = many(PLACES, "addresses in the hosts file")
    names: tuple[str, ...] = many(LINES, "asked one after the other, with the final dot")
    resolver: Resolver | None = one(part(Resolver), "resolv.conf as Go reads it")
    ignored: tuple[str, ...] | None = one(
        LINES, "what stands there as a nameserver and is none to Go: no address, or the fourth and more"
    )
    queries: tuple[Query, ...] = many(several(part(Query)), "list of exchanges")


class DnsShare(
    Seen,
    kind="dns-share",
    per="nameserver × series",
    needs="server name rdtype sent answered empty lost results pace",
):
    """A series of queries for one name, each datagram from a source port of its own."""

    server: str | None = one(SERVER)
    name: str | None = one(NAME)
    rdtype: str | None = one(WORD)
    sent: int | None = one(COUNT)
    answered: int | None = one(COUNT, "with an address")
    empty: int | None = one(COUNT, "no error, no address")
    results: tuple[tuple[str, int], ...] = many(
        several(row(WORD, COUNT)), "list of result code or `refused`, and how many"
    )
    lost: int | None = one(COUNT, "no answer in 1.5 s")
    pace: float | None = one(
        SECONDS, "seconds between queries; a second, slower series follows where not all were answered"
    )
    slowest: float | None = one(SECONDS, "seconds")
    addresses: tuple[str, ...] = many(ADDRESSES, "all that were given")
    newest: int | None = one(COUNT, "how many answers had come when one last gave a new address")


class PublicDns(Seen, kind="public-dns", per="public resolver × type", needs="server name rdtype response error"):
    """By the workstation; `address` is `null` through a proxy."""

    server: str | None = one(SERVER)
    name: str | None = one(NAME)
    rdtype: str | None = one(WORD)
    status: int | None = maybe(STATUS, "of the HTTP answer")
    response: str | None = maybe(BASE64)
