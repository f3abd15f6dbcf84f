"""What is seen of connections: TCP, proxies, TLS, and the certificates in it."""

from __future__ import annotations

from netcompliance.observations.kinds import Seen
from netcompliance.observations.record import Record, many, maybe, one, part
from netcompliance.observations.values import (
    BASE64,
    CERTIFICATES,
    COUNT,
    FINGERPRINT,
    FLAG,
    HEADERS,
    LINE,
    NAME,
    PLACE,
    PORT,
    SECONDS,
    SHA256,
    STATUS,
    WORD,
    Type,
    row,
    several,
    words,
)


class Tcp(Seen, kind="tcp", per="address", needs="port error"):
    """A connection to it."""

    source: tuple[str, int] | None = maybe(row(NAME, PORT), "`[address, port]`")
    syns: int | None = maybe(COUNT, "sent, if known")
    ports: int | None = one(COUNT, "how many source ports it was tried from")
    family: int | None = maybe(Type(COUNT.admit, COUNT.decode, {"enum": [4, 6]}), "4, 6")
    full: bool | None = one(
        FLAG, "`false` where nothing but this connection was tried: more addresses than are looked at"
    )


class Tried(Record):
    """Some connections."""

    tries: int | None = one(COUNT)
    opened: int | None = one(COUNT)
    carried: int | None = one(COUNT)
    repeated: int | None = one(COUNT)


class Answers(Record):
    """What those that opened got."""

    got: int | None = one(COUNT, "one")
    calm: tuple[int, int] | None = one(row(COUNT, COUNT), "`[opened, answered]`")
    slowest: float | None = one(SECONDS, "seconds")


class Shares(
    Seen,
    kind="shares",
    per="address of the tenant, or the explicit proxy (`address` `null`, `via`)",
    needs="host address port tries opened unopened again calm error",
):
    """Many connections one after the other, each from a port of its own, which sends a ClientHello once it is open and
    is closed with the first byte that comes; of a proxy, CONNECTs in place of connections."""

    tries: int | None = one(COUNT)
    opened: int | None = one(COUNT, "of a proxy: how many were granted")
    carried: int | None = maybe(
        COUNT, "of a proxy, in `calm`, too: in how many of these a byte came back to a ClientHello"
    )
    fastest: float | None = maybe(SECONDS, "seconds to open")
    median: float | None = maybe(SECONDS, "likewise")
    repeated: int | None = one(COUNT, "SYNs sent again before these opened")
    unopened: tuple[tuple[int, str, int], ...] = many(
        several(row(PORT, WORD, COUNT)),
        "`[port, error, SYNs]` of the others; of a proxy `[status or 0, error, 1]`",
    )
    late: int | None = one(COUNT, "tries begun after the first that did not open")
    opened_late: int | None = one(COUNT, "those of them that opened")
    again: tuple[tuple[int, str, int], ...] = many(
        several(row(PORT, WORD, COUNT)),
        'some of `unopened` tried again later from the same ports: `[port, error or "", SYNs]`',
    )
    calm: Tried | None = maybe(
        part(Tried),
        "slow tries from new ports beside those, or `null`; of a proxy those that were asked slowly after any was not "
        "granted",
    )
    single: Tried | None = maybe(
        part(Tried), "the same of some at a time of their own, where hardly any of those opened"
    )
    answers: Answers | None = maybe(part(Answers), "of those that opened; `null` where no ClientHello was sent")
    hung: tuple[tuple[int, str], ...] = many(
        several(row(PORT, WORD)), "`[port, error]` of those that opened and got none"
    )
    hung_again: tuple[tuple[int, str], ...] = many(
        several(row(PORT, WORD)), 'some of these tried again from the same ports: `[port, error or ""]`'
    )


class Exchanges(
    Seen,
    kind="exchanges",
    per="address of the tenant",
    needs="host address port tries answered stuck stuck_again beside error",
):
    """Some connections, each from a port of its own, with a handshake and one small request."""

    tries: int | None = one(COUNT)
    answered: int | None = one(COUNT, "with a first byte")
    slowest: float | None = one(SECONDS, "seconds from the opening to it")
    stuck: tuple[tuple[int, str, str], ...] = many(
        several(row(PORT, WORD, WORD)), "`[port, phase, error]` of the others"
    )
    stuck_again: tuple[tuple[int, str, str], ...] = many(
        several(row(PORT, WORD, WORD)),
        "some of these tried again from the same ports, likewise; empty words for an answer",
    )
    beside: tuple[int, int] | None = one(row(COUNT, COUNT), "`[tried, answered]` of those from new ports beside them")
    usual: str | None = one(WORD, "status and type of most answers")
    odd: tuple[tuple[int, str], ...] = many(
        several(row(PORT, WORD)), "`[port, status and type]` of the others whose head was readable"
    )
    odd_again: tuple[tuple[int, str], ...] = many(
        several(row(PORT, WORD)),
        "some of these tried again from the same ports: `[port, status and type or error]`",
    )
    beside_odd: tuple[tuple[int, str], ...] = many(
        several(row(PORT, WORD)), "those of the new ports beside them that got another answer than the usual"
    )


_PHASE = words("resolve", "tcp", "tls", "connect", "open")


class Proxy(Seen, kind="proxy", per="CONNECT", needs="target declared error"):
    """What the proxy made of it."""

    target: str | None = one(NAME)
    declared: str | None = one(WORD, "scheme")
    phase: str | None = one(_PHASE, "that was reached: `resolve`, `tcp`, `tls`, `connect`, `open`")
    proxy_address: str | None = maybe(PLACE)
    status: int | None = maybe(STATUS)
    reason: str | None = maybe(LINE)
    headers: tuple[tuple[str, str], ...] = many(HEADERS)
    body: str | None = maybe(BASE64)
    go_refuses: str | None = maybe(LINE)
    other_scheme: bool | None = maybe(FLAG, "only after a failure: does the other scheme answer: `true`/`false`/`null`")
    received: str | None = maybe(BASE64, "first bytes if it was no HTTP")
    login: bool | None = one(FLAG, "bool: a user name and password were sent")
    series: bool | None = one(
        FLAG, "`true` for a failure of many CONNECTs (`shares`), of which each kind is shown once"
    )


class ProxyAddress(Seen, kind="proxy-address", per="address of the proxy", needs="host proxy_address declared error"):
    """Where the proxy's name has several addresses: a CONNECT to the tenant at each of them, as in `proxy`."""

    proxy_address: str | None = one(PLACE)
    declared: str | None = one(WORD)
    phase: str | None = one(_PHASE)
    status: int | None = maybe(STATUS)
    reason: str | None = maybe(LINE)
    go_refuses: str | None = maybe(LINE)


class Tls(Seen, kind="tls", per="handshake", needs="host purpose verified chain error"):
    """A handshake with a peer, or bytes as one sends them."""

    purpose: str | None = one(
        words(
            *("verify", "verify-again", "identify", "share", "share-identify", "large-hello", "large-hello-small-mss"),
            *("small-mss", "plain-hello", "agent-hello", "agent-hello-again", "agent-hello-small-mss"),
            *("classic-hello", "http1-hello", "named-hello"),
        ),
        "`verify`, `verify-again` on a second connection to the tenant where that fails, `identify`; `share` and "
        "`share-identify`: the same from a port of `exchanges` that does not verify, `small-mss`; bytes as a Go "
        "program sends them: `plain-hello` without ALPN, `agent-hello`, `agent-hello-again`, "
        "`agent-hello-small-mss`, `classic-hello` without a post-quantum key, `http1-hello` without h2; to registry, "
        "token server and hosts of layers and charts `agent-hello` and those after it are a container runtime's and "
        "Helm's, without ALPN, and `named-hello` is the same with it; by a shell, and in older journals, "
        "`large-hello`, `large-hello-small-mss`",
    )
    verified: bool | None = one(FLAG, "bool")
    version: str | None = maybe(NAME)
    cipher: str | None = maybe(NAME)
    alpn: str | None = maybe(NAME)
    hello_bytes: int | None = maybe(COUNT)
    mss: int | None = maybe(COUNT)
    chain: tuple[str, ...] = many(CERTIFICATES, "DER, leaf first; may be the leaf alone")
    anchors: tuple[str, ...] = many(
        CERTIFICATES,
        "DER; what the host's trust store has under the names of the issuers in the chain, each certificate once in "
        "a visit",
    )
    agent_only: tuple[str, ...] = many(
        several(FINGERPRINT), "SHA-256 of those that OpenSSL and curl do not trust, since they read other files"
    )
    system_only: tuple[str, ...] = many(CERTIFICATES, "DER; those that only OpenSSL and curl trust")
    received: str | None = maybe(
        BASE64, "first ≤ 256 bytes from the peer if the handshake failed; ≤ 1,536 of the answer to bytes"
    )


class Http2(Seen, kind="http2", per="address of the tenant", needs="host alpn settings replied status error"):
    """A request over HTTP/2 on a connection of its own, if the peer agreed to that, and what the logs agent posts on
    the same; each once more, on another connection, if it agreed and the first failed."""

    method: str | None = one(words("GET", "POST"), "none: `GET`")
    alpn: str | None = maybe(WORD, "what it agreed to; `null`: nothing")
    settings: bool | None = one(FLAG, "bool: its first frame was right")
    replied: bool | None = one(FLAG, "bool")
    status: int | None = maybe(STATUS, "`null` also where it was not readable")


class Certificate(Record):
    """What was read in one."""

    subject: str | None = one(NAME)
    issuer: str | None = one(NAME)
    names: tuple[str, ...] = many(several(NAME))
    not_before: str | None = one(WORD)
    not_after: str | None = one(WORD)
    sha256: str | None = one(SHA256)
    self_signed: bool | None = one(FLAG)
    ca: bool | None = one(FLAG)
    aia: tuple[str, ...] = many(several(LINE))
    on_path: bool | None = one(FLAG, "it is needed on the shortest way to the anchor, or nothing leads to one")


class ChainJudged(Record, needs="sent"):
    """What is made of one chain as it was sent."""

    sent: str | None = one(SHA256, "SHA-256 over its certificates")
    anchor: str | None = maybe(words("public", "declared"), "what that chain leads to")
    takes: bool | None = one(FLAG, "bool; missing where the store is not known")
    curl: bool | None = one(
        FLAG, "bool; whether a client that trusts what OpenSSL and curl trust takes it, if that differs"
    )
    minds: tuple[int, ...] = many(
        several(COUNT), "the numbers of verify errors that OpenSSL may have with what Go takes"
    )
    rule: str | None = one(WORD, "which one it breaks")
    why: str | None = one(LINE)
    subject: str | None = one(NAME, "of the certificate that is meant")


class Chain(Seen, kind="chain", per="distinct leaf × host", needs="sha256 host covers certificates anchor"):
    """By the controller, read from the DER."""

    sha256: str | None = one(SHA256, "leaf")
    covers: bool | None = one(FLAG, "bool")
    certificates: tuple[Certificate, ...] = many(several(part(Certificate)), "list, leaf first")
    anchor: str | None = maybe(words("public", "declared"), "`public`, `declared`, `null`")
    anchor_name: str | None = maybe(NAME)
    public_issuer: bool | None = one(FLAG, "the issuer's organisation is one of a public root's")
    unreadable: int | None = one(
        Type(COUNT.admit, COUNT.decode, {"type": "integer", "minimum": 0}),
        "how many of the certificates could not be read; without a readable leaf `certificates` is empty",
    )
    judged: tuple[ChainJudged, ...] = many(
        several(part(ChainJudged)),
        "list, for each chain with this leaf as it was sent: what a Go client with the host's trust store makes of it",
    )
