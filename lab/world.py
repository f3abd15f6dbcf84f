"""The lab's small internet, as data.

Theory. A `World` says everything that is true in the lab: which machines there are, which names and addresses,
what every server answers and with which certificate, what the router's firewall does, what the host under test is
configured with. It is frozen and holds no behaviour: a *backend* plays it (`lab.embedded` with small Python servers,
others with real daemons), and a *scenario* is a pure function from one world to another.

Rules
* Right by default, broken by name: every field's default is what a healthy network does. `lab.healthy.RIGHT` is the
  world in which every requirement is met.
* A server is a `Site`: some addresses of one machine, one port, perhaps TLS, one `App`. To break one of a site's
  addresses only, split the site (`only=` in `lab.changes`).
* What a server does wrong is a `Rule` in front of its app (HTTP), a field of `Tls` (handshake), a `DnsFault`
  (resolver) or a line of nft in `Firewall` (everything below).
* `Record`s are the truth about names. A resolver that tells something else has `overrides`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from lab.servers import App, Record, Rule


class Machine(StrEnum):
    """A network namespace. They are joined by veths through the router."""

    HOST = "host"
    """Where COMMAND runs: the vantage under test. 10.20.0.4, fd20::4."""
    ROUTER = "router"
    """nftables between all the others."""
    INTERNET = "internet"
    """Every server of the Internet, one namespace with many addresses."""
    CORP = "corp"
    """The company's own servers: resolvers, proxy, registry."""


class Authority(StrEnum):
    """Who signs a certificate."""

    PUBLIC = "public"
    """The lab's public root, through an intermediate. Trusted by everybody, also by certifi."""
    CORPORATE = "corporate"
    """The company's own CA. In the host's trust store when `Host.trusts` says so, never in certifi."""
    DEVICE = "device"
    """The CA of a TLS-inspecting appliance (O=Acme Firewall Inc, CN=Acme TLS Inspection CA)."""
    UNKNOWN = "unknown"
    """A private CA nobody has heard of, with nothing in its name that says interception."""
    ITSELF = "itself"
    """Self-signed leaf."""


class Hello(StrEnum):
    """What happens to a ClientHello."""

    ANSWER = "answer"
    RESET = "reset"
    """RST, as an SNI filter does."""
    STALL = "stall"
    """The connection stays open and silent."""
    CLOSE = "close"
    """FIN without a byte."""
    BANNER = "banner"
    """The server speaks first (an SSH banner)."""
    ALERT = "alert"
    """The fatal alert `Tls.alert`."""


class Key(StrEnum):
    """What key is in a certificate."""

    P256 = "p256"
    P224 = "p224"
    RSA2048 = "rsa2048"
    RSA1024 = "rsa1024"
    ED25519 = "ed25519"
    ED448 = "ed448"


class Flaw(StrEnum):
    """What is wrong in the form of a certificate."""

    NONE = ""
    NEGATIVE_SERIAL = "negative-serial"
    COMMON_NAME_ONLY = "common-name-only"


class Http2(StrEnum):
    """What a server does that agreed to HTTP/2."""

    NOT_SPOKEN = "not-spoken"
    """It speaks HTTP/1.1."""
    NO_WINDOW = "no-window"
    """It answers a GET, and never takes a byte of a body."""
    RESETS_POSTS = "resets-posts"
    """It answers a GET, and resets what has a body, with HTTP_1_1_REQUIRED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How a site does TLS."""

    authority: Authority = Authority.PUBLIC
    names: tuple[str, ...] = ()
    """Names in the certificate; empty: those of the site."""
    valid_days: tuple[int, int] = (-30, 60)
    """notBefore and notAfter, in days from now."""
    full_chain: bool = True
    """False: the leaf is served without its intermediate."""
    versions: tuple[str, str] = ("TLSv1_2", "TLSv1_3")
    """Lowest and highest version spoken, named as in `ssl.TLSVersion`."""
    hello: Hello = Hello.ANSWER
    hello_limit: int = 0
    """Bytes; a ClientHello larger than this meets `large_hello`. 0: no limit."""
    large_hello: Hello = Hello.STALL
    delay: float = 0.0
    """Seconds before the ClientHello is answered."""
    alert: int = 40
    """Number of the alert that `Hello.ALERT` sends."""
    refuses: str = ""
    """A ClientHello that holds these bytes, in hexadecimal, meets `Tls.alert`. Empty: none."""
    needs: str = ""
    """A ClientHello that does not hold these bytes is reset. Empty: none is."""
    ciphers: str = ""
    """Cipher suites of TLS 1.2, by OpenSSL's names. Empty: its default."""
    key: Key = Key.P256
    flaw: Flaw = Flaw.NONE
    protocols: tuple[str, ...] = ()
    """What the server agrees to by ALPN, whatever it speaks. Empty: it does not know ALPN."""
    http2: Http2 = Http2.NOT_SPOKEN
    """What follows where h2 was agreed to."""
    wants_certificate: bool = False
    """The server demands a client certificate."""
    tickets: int = 2
    """Session tickets that follow a handshake of TLS 1.3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One server: some addresses, one port."""

    name: str
    """What the log calls it."""
    hosts: tuple[str, ...]
    addresses: tuple[str, ...]
    app: App
    port: int = 443
    machine: Machine = Machine.INTERNET
    tls: Tls | None = Tls()
    """None: plain HTTP."""
    rules: tuple[Rule, ...] = ()
    listens: bool = True
    """False: the address exists and nothing listens; a SYN meets RST."""
    closes_connections: bool = False
    """No keep-alive: `Connection: close` after every answer."""
    takes_leave: bool = False
    """After every answer on a connection that is to be kept, a 408 that nobody asked for, and the end."""


class DnsManner(StrEnum):
    """What a resolver does with a question."""

    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    SILENT = "silent"
    GARBAGE = "garbage"
    """Bytes that are no DNS message."""
    WRONG_ID = "wrong-id"
    """A right answer under a wrong message id."""
    TRUNCATE = "truncate"
    """TC over UDP, the whole answer over TCP."""
    SUBSET = "subset"
    """All addresses but one, another one every time, as load balancing does. (The order always changes.)"""
    SINGLE = "single"
    """One address, another one every time."""
    FLIP = "flip"
    """Every other question is answered with NXDOMAIN."""
    ANSWER = "answer"
    """The right answer (used with a delay)."""
    FORMERR = "formerr"
    BADVERS = "badvers"
    HEADER = "header"
    """FORMERR in a bare header, without the question."""
    LAME = "lame"
    """No error, no answer, no recursion: a referral to nowhere."""
    OVERSIZED = "oversized"
    """The right answer with so much behind it that no datagram of 1,232 bytes holds it, sent as one all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsFault:
    """What a resolver does to the questions that match; the first match counts."""

    manner: DnsManner
    names: str = "*"
    types: tuple[str, ...] = ()
    transports: tuple[str, ...] = ("udp", "tcp")
    delay: float = 0.0
    edns: bool | None = None
    """Only questions with (True) or without (False) EDNS0."""
    every: int = 1
    """Only every n-th of the questions that match."""
    extended: tuple[int, str] | None = None
    """An extended DNS error that the answer carries: info code and text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """A recursive name server on port 53, UDP and TCP."""

    addresses: tuple[str, ...]
    machine: Machine = Machine.CORP
    overrides: tuple[Record, ...] = ()
    faults: tuple[DnsFault, ...] = ()
    rewrites_to: tuple[str, ...] = ()
    """Addresses given for names that do not exist."""
    listens: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """The router: a stateful forward chain in which the host may open anything and nothing may come in.

    Rules are nft statements put in front of the healthy ones. Addresses nobody has die silently.
    """

    forward: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    """Of the router itself: its ICMP errors."""
    prerouting: tuple[str, ...] = ()
    """nat, before routing."""
    allowed: str = ""
    """Rules of the chain `netcompliance`, nftables or iptables-save: what the hosts may open, and nothing else. Empty:
    they may open anything."""
    internet_mtu: int = 1500
    """Of the way from the router to the Internet; the way back always takes 1500."""
    round_trip: float = 0.0
    """Seconds that the way between the router and the Internet takes, there and back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """Another firewall for a while, once a watch has begun (`lab.interruptions`)."""

    after: float
    """Seconds after the watch's first request."""
    seconds: float
    firewall: Firewall


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """How the machine under test is set up."""

    nameservers: tuple[str, ...]
    search: tuple[str, ...] = ()
    resolver_options: tuple[str, ...] = ("timeout:2", "attempts:2")
    etc_hosts: tuple[str, ...] = ()
    trusts: tuple[Authority, ...] = (Authority.PUBLIC, Authority.CORPORATE)
    """The system trust store. certifi holds the public root alone."""
    environment: tuple[tuple[str, str], ...] = ()
    """Proxy and TLS variables of COMMAND; those not named here are unset. `{lab}` is the lab's directory."""
    firewall: tuple[str, ...] = ()
    """nft rules in front of the host's own input chain (established and loopback in, all else dropped)."""
    has_firewall: bool = True
    ipv6: bool = True
    routes: bool = True
    """False: the host has addresses and no default route."""
    listens: tuple[int, ...] = ()
    """TCP ports on which something listens on the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who opens a TCP connection again and again while COMMAND runs."""

    machine: Machine
    source: str
    to: str
    port: int
    source_port: int = 0
    every: float = 0.1
    stays: bool = False
    """The connection is kept open instead of closed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that the chart pulls."""

    repository: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart in the chart repository."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that the lab writes into its directory before COMMAND starts."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that is true in the lab."""

    host: Host
    sites: tuple[Site, ...]
    records: tuple[Record, ...]
    resolvers: tuple[Resolver, ...]
    firewall: Firewall = field(default_factory=Firewall)
    images: tuple[Image, ...] = ()
    charts: tuple[Chart, ...] = ()
    visitors: tuple[Visitor, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    """In order of time."""
    files: tuple[File, ...] = ()
    clock_offset: float = 0.0
    """Seconds by which the servers' clocks are ahead of the host's."""
