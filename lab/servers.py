"""What the servers of the lab's small internet are asked to do: answers, and the apps that give them.

Right by default: an app without arguments that differ from its defaults does what the real service does. What it does
wrong is a field of the app, or a `Rule` in front of it. All of it is frozen data (see `lab.world`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A DNS record set. The name may begin with `*.`; no values means the name exists without this type."""

    name: str
    type: str
    values: tuple[str, ...]
    ttl: int = 60


class ResponseFault(StrEnum):
    """What is wrong with how the bytes of an HTTP answer travel; nothing with `PLAIN`."""

    PLAIN = "plain"
    STALL = "stall"
    """The request is read and never answered."""
    CLOSE = "close"
    """FIN instead of an answer."""
    RESET = "reset"
    """RST instead of an answer."""
    DRIP = "drip"
    """One byte a second."""
    ENDLESS_HEADERS = "endless-headers"
    ENDLESS_BODY = "endless-body"
    """Chunked, for ever, as fast as the peer reads."""
    HUGE_JSON = "huge-json"
    """A JSON document of 100 MB, Content-Length and all."""
    CUT = "cut"
    """So many bytes (`Reply.limit`, else half) of the promised body, then FIN."""
    HOLD = "hold"
    """So many bytes of the body, then silence."""
    SLOW = "slow"
    """So many bytes of the body a second."""
    GARBAGE = "garbage"
    """Bytes that are no HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer. `{host}` and `{path}` in header values are those of the request."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html; charset=utf-8"),)
    body: bytes = b""
    delay: float = 0.0
    """Seconds before the first byte."""
    manner: ResponseFault = ResponseFault.PLAIN
    lines: tuple[str, ...] = ()
    """Lines that stand among the headers as they are."""
    limit: int = 0
    """Bytes, where the manner counts some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An answer given instead of the app's own, to the requests that match."""

    reply: Reply | None = None
    """None: the app answers, after `delay`."""
    manner: ResponseFault = ResponseFault.PLAIN
    """How the app's own answer travels, if it is larger than `limit`."""
    limit: int = 0
    """Bytes, where the manner counts some."""
    times: int = 0
    """Only the first so many requests for each path. 0: all."""
    methods: tuple[str, ...] = ()
    """Empty: all."""
    path: str = "*"
    """`fnmatch` pattern against the path without its query."""
    larger_than: int = -1
    """Only requests whose body is larger than so many bytes."""
    delay: float = 0.0
    """Seconds before the app is asked."""
    without_authorization: bool = False
    """Only requests without an Authorization header."""
    header: str = ""
    """`fnmatch` pattern against `name: value`, the name as it is written or in lower case: only requests that have
    such a header."""
    query: str = ""
    """`fnmatch` pattern against the query: only requests whose query matches."""
    without_key: str = ""
    """Only requests that do not carry this key, in whichever way it may travel."""
    interim: bool = False
    """A 103 goes before the app's own answer, as a CDN sends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """The tenant: receiver under /receiver/stsAgent and /otel/v1, web UI on every other path."""

    key: str
    refuses_with: int = 403


class Blobs(StrEnum):
    """How a registry gives a layer."""

    REDIRECT = "redirect"
    """302 to a CDN host."""
    RELATIVE = "relative"
    """302 with a relative Location on the registry itself."""
    ITSELF = "itself"


class Tokens(StrEnum):
    """What a registry asks for."""

    REQUIRED = "required"
    """401 with a Bearer challenge; anonymous tokens are given for the scope asked."""
    NONE = "none"
    """No token at all: /v2/ is 200."""
    BASIC = "basic"
    """401 with a Basic challenge: needs credentials."""
    DENIED = "denied"
    """A Bearer challenge, but the token server refuses every scope with 401."""
    WRONG_SCOPE = "wrong-scope"
    """Tokens are given, but for nothing: manifests stay 401."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """An OCI registry (distribution-spec v1) holding the world's images."""

    service: str
    """The registry's own name, as in its Bearer challenge."""
    prefixes: tuple[str, ...] = ("",)
    """Where the images lie: `quay/` makes `quay/stackstate/...`."""
    tokens: Tokens = Tokens.REQUIRED
    token_field: str = "token"  # noqa: S105 - the name of a JSON field
    blobs: Blobs = Blobs.REDIRECT
    cdn: tuple[str, ...] = ()
    """Hosts that blobs are redirected to."""
    missing: tuple[str, ...] = ()
    """`repository:tag` (without prefix, `fnmatch`) that are not there."""
    platforms: tuple[str, ...] = ("linux/amd64", "linux/arm64")
    """Platforms held. One only: the tag names a single manifest, no index (what docker save/load leaves)."""
    rebuilt: tuple[str, ...] = ()
    """Repositories (`fnmatch`) whose content differs from the source's: other digests under the same tag."""
    corrupt: tuple[str, ...] = ()
    """Repositories (`fnmatch`) whose layers arrive with a flipped byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdn:
    """Serves blobs to signed URLs and does not answer HEAD."""

    corrupt: bool = False
    """The last byte is another."""
    corrupt_middle: bool = False
    """A byte in the middle is another, in everything that is large."""
    ranges: int = 206
    """Status of answers to a Range request: 200 ignores it, 206 gives the part, all else refuses."""
    refuses_authorization: bool = False
    """400 to requests that carry Authorization, as S3 does. CloudFront ignores it, and clients in Go do send it to
    subdomains of the registry; the log says who did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    """The Helm chart repository."""

    archives: str = ""
    """Where the index says that archives are; empty: beside it. `https://host/path/`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doh:
    """A public DNS resolver over HTTPS (RFC 8484, GET and POST, at /dns-query)."""

    overrides: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """The same answer to every request: block pages, portals, anything that is not the service."""

    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An explicit forward proxy speaking CONNECT."""

    denies: tuple[str, ...] = ()
    """`fnmatch` patterns of `host:port` answered 403."""
    needs_login: bool = False
    """407 without Proxy-Authorization."""
    login: str = "agent:lab-proxy-password"
    refuses_agents: tuple[str, ...] = ()
    """`fnmatch` patterns of the User-Agent of a CONNECT that is answered 403."""
    reply: Reply | None = None
    """Given to every CONNECT instead of an answer of its own."""
    sometimes: tuple[str, ...] = ()
    """`fnmatch` patterns of `host:port` of which some CONNECTs are answered 403."""
    every: int = 3
    """Which of them: every third."""
    silent: bool = False
    """Whether those get no answer at all."""
    delay: float = 0.0
    """Seconds before CONNECT is granted."""
    grants_with: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n"
    """What it says then, in one piece."""
    tunnel: ResponseFault = ResponseFault.PLAIN
    """CLOSE, RESET or STALL: what becomes of a tunnel that was granted."""
    rules: str = ""
    """Lines of squid.conf that say what is granted, and nothing else is. Empty: everything that is not denied."""
    bumps: tuple[str, ...] = ()
    """`fnmatch` patterns of `host:port` whose TLS is terminated with the device CA and opened again behind it."""


App = Receiver | Registry | Cdn | Charts | Doh | Fixed | Proxy
