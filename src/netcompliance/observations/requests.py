"""What is seen of requests: to the tenant, to registries, to the chart's repository."""

from __future__ import annotations

from netcompliance.observations.kinds import Seen
from netcompliance.observations.record import many, maybe, one
from netcompliance.observations.values import (
    BASE64,
    COUNT,
    FLAG,
    HEADERS,
    LINE,
    LINES,
    NAME,
    SECONDS,
    STATUS,
    WORD,
    Type,
    row,
    words,
)


class Http(Seen, kind="http", per="request", needs="host purpose method path status error"):
    """A request to the tenant; `error` is also that of a connection or handshake made for this request alone."""

    purpose: str | None = one(
        words(
            *("receiver", "sibling", "agent", "path", "post-sibling", "variant", "key", "wrong-key", "small-upload"),
            *("upload", "upload-small-mss"),
        ),
        "`receiver`, `sibling`, `agent`, `path`, `post-sibling`, `variant`, `key`, `wrong-key`, `upload`, "
        "`upload-small-mss`; once `small-upload`",
    )
    caller: str | None = maybe(
        words("main", "process", "logs", "rbac"),
        "the part of the agent whose request it is: `main`, `process`, `logs`, `rbac`; `null` for a plain one",
    )
    without: str | None = maybe(
        Type(NAME.admit, NAME.decode, words("user-agent", "query", "key", "type", "encoding", "plain").schema),
        "of a `variant`: the property that was made neutral, or `plain` for all",
    )
    verified: bool | None = one(FLAG)
    method: str | None = one(WORD)
    path: str | None = one(LINE)
    status: int | None = maybe(STATUS)
    reason: str | None = maybe(LINE)
    version: str | None = maybe(LINE)
    headers: tuple[tuple[str, str], ...] = many(HEADERS, "list of pairs, ≤ 64 KiB")
    go_refuses: str | None = maybe(LINE, "why Go's HTTP client refuses this head, or `null`; also of `proxy`")
    body: str | None = maybe(BASE64, "first 16 KiB")
    body_bytes: int | None = maybe(COUNT)
    body_complete: bool | None = maybe(FLAG)
    request_bytes: int | None = maybe(COUNT, "size of the request's body")
    sent_bytes: int | None = maybe(COUNT, "of it")
    unacknowledged_bytes: int | None = maybe(COUNT, "after a failure: still in the host's send queue")
    first_byte: float | None = maybe(SECONDS, "seconds")
    idle: float | None = maybe(SECONDS, "of an upload that took long: seconds since bytes were acknowledged last")
    shared_way: bool | None = maybe(FLAG, "of one that took long: whether uploads to other addresses went on since")
    alone_bytes: int | None = maybe(COUNT, "how much of it was acknowledged while no other upload was under way")
    alone_seconds: float | None = maybe(SECONDS, "in how long")


class Registry(Seen, kind="registry", per="request hop", needs="step error"):
    """A request of a pull."""

    step: str | None = one(
        words("ping", "token", "manifest", "head", "platform", "config", "layer"),
        "`ping`, `token`, `manifest`, `head` (the manifest by HEAD, of the first image), `platform`, `config`, `layer`",
    )
    image: str | None = maybe(NAME)
    digest: str | None = maybe(LINE, "expected")
    attempt: int | None = maybe(COUNT, "0, 1, …: asked again after 408, 429, 5xx or a cut")
    range: tuple[int, int] | None = maybe(row(COUNT, COUNT), "first and last byte asked for, or `null`")
    hop: int | None = maybe(COUNT, "0, 1, …")
    url: str | None = maybe(LINE, "query values cut, as in the headers")
    redirected_to: str | None = maybe(LINE, "url, query values cut, or `null`")
    status: int | None = maybe(STATUS)
    headers: tuple[tuple[str, str], ...] = many(HEADERS, null=True)
    first_byte: float | None = maybe(SECONDS, "seconds")
    media_type: str | None = maybe(LINE)
    body: str | None = maybe(BASE64, "manifests up to 256 KiB; others first 4 KiB; not for tokens")
    body_bytes: int | None = maybe(COUNT)
    complete: bool | None = maybe(FLAG)
    sha256: str | None = maybe(WORD)
    size: int | None = maybe(COUNT, "promised")
    authorized: bool | None = maybe(FLAG, "bool")
    opening: float | None = maybe(SECONDS, "seconds until there was a connection")
    token: bool | None = maybe(FLAG, "only step `token`: was one in the answer")
    wanted: str | None = maybe(NAME, "only `platform`: the host's platform")
    platforms: tuple[str, ...] = many(
        LINES,
        "those the index lists; for a single manifest the one that its config names, in a `platform` record of its own",
        null=True,
    )


class Chart(Seen, kind="chart", per="workstation", needs="url step error"):
    """A request of `helm repo add`; `address` is `null` through a proxy."""

    url: str | None = one(LINE)
    asked: str | None = maybe(LINE, "the URL asked last, redirects included")
    headers: tuple[tuple[str, str], ...] = many(HEADERS, "of an answer from status 400 on: its type", null=True)
    body: str | None = maybe(BASE64, "of such an answer: its first 4 KiB")
    step: str | None = one(words("index", "archive"))
    status: int | None = maybe(STATUS)
    versions: tuple[str, ...] = many(LINES, "of the chart in the index", null=True)
    archive: str | None = maybe(LINE, "url")
    body_bytes: int | None = maybe(COUNT)
