"""The words of the project as types: requirement, case, observation, finding, verdict, settings.

Rules
* Plain frozen data. Nothing here does I/O, reads a clock or imports anything of ours but the list of findings.
* An observation is a JSON object as the probe wrote it. It is kept as a mapping, because the journal must give back in
  ten years what was seen, including fields that a later reader does not know; who judges reads it as its type
  (`observations`).
* All times are UTC, RFC 3339 in the journal and seconds since the epoch inside observations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from netcompliance.findings import Code

Observation: TypeAlias = Mapping[str, Any]

DOCUMENTED_PATH = "/receiver/stsAgent"
RECEIVER_PATHS = ("/intake", "/api/v1/series", "/api/v1/collector", "/api/v1/connections", "/logs/k8s", "/rbac/scope")
"""Under the documented path: what the parts of the agent call, each possibly another back end."""
DEFAULT_DOMAIN = "app.stackstate.io"
DEFAULT_REGISTRY = "quay.io"
HERE = "local"
"""The vantage that is this machine. It is also the workstation."""


class DriftKind(StrEnum):
    """The closed list of what can change underneath the verdicts. A profile names these words."""

    ADDRESSES = "addresses"
    """Of the tenant."""
    ALIAS = "alias"
    """The canonical name behind the tenant's."""
    RESOLVERS = "resolvers"
    """Nameservers, search domains and options of a vantage."""
    WAY = "way"
    """Direct, or through which proxy."""
    ISSUER = "issuer"
    """Who issued the certificate that a host shows."""
    KEY = "key"
    """The public key in it."""
    CERTIFICATE = "certificate"
    """The certificate, renewed with the same key."""
    TLS_VERSION = "tls-version"
    REDIRECTS = "redirects"
    """Hosts to which a registry sends for its layers."""
    DIGEST = "digest"
    """Of an image's manifest or index."""
    VANTAGE = "vantage"
    """Who looked: host name, source addresses, trust store, what was looked with."""
    SLOWER = "slower"
    """A path takes longer, by more than noise."""
    CAUSE = "cause"
    """A case is unmet before and after, for another reason."""


class Level(StrEnum):
    """How much a requirement weighs."""

    MUST = "must"
    """Unmet, the agent does not install or does not report."""
    SHOULD = "should"
    """Unmet, it works today, in part or not for long: a warning, unless the run is strict."""


class Basis(StrEnum):
    """Why a requirement is in the catalogue."""

    DOCUMENTED = "documented"
    """The published page asks for it."""
    DERIVED = "derived"
    """It follows from how the agent, its registry or its proxy work."""


class Result(StrEnum):
    """The closed list of verdicts, in XCCDF's words. "Could not look" is none of them: it is an error."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    NOTAPPLICABLE = "notapplicable"
    NOTCHECKED = "notchecked"
    WAIVED = "waived"


class Kind(StrEnum):
    """What a vantage is, which decides what can be asked of it."""

    WORKSTATION = "workstation"
    """This machine, where helm is run."""
    NODE = "node"
    """A machine, where a container runtime pulls images."""
    POD = "pod"
    CONTAINER = "container"
    """A container that is no pod."""


class AskedFrom(StrEnum):
    """Where a requirement makes sense."""

    ANYWHERE = "anywhere"
    NODE = "node"
    """What a node does for its pods: of a pod or a container it is not asked."""
    WORKSTATION = "workstation"
    """What does not depend on the host: asked once, here."""


class RegistryMode(StrEnum):
    """Which of the page's three ways of getting images is in use."""

    DIRECT = "direct"
    PROXY = "proxy"
    COPY = "copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing the documentation asks, as the catalogue states it."""

    id: str
    says: str
    level: Level
    basis: Basis
    source: str
    """Heading of the published page, or what it is derived from."""
    requires: tuple[str, ...] = ()
    targets: str = "tenant"
    """What it is asked of: a key of `catalogue.TARGETS`."""
    when: str = "always"
    """When it is asked at all: a key of `catalogue.CONDITIONS`."""
    asked_from: AskedFrom = AskedFrom.ANYWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A container image as a chart names it: `registry/repository:tag` or `…@digest`."""

    registry: str
    repository: str
    reference: str
    """A tag, or a digest `sha256:…`."""
    digest: str | None = None
    """The digest that a pinned list promises for the tag."""

    def __str__(self) -> str:
        mark = "@" if ":" in self.reference else ":"
        return f"{self.registry}/{self.repository}{mark}{self.reference}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyReading:
    """What Go makes of a proxy's URL that it does not take as it is meant. Nothing here holds a part of a login."""

    agent: str
    """`drops` (it connects directly) or `misreads` (it dials another host, or a port that is none)."""
    agent_place: str | None = None
    """The host and port that it dials, where that is no part of a login."""
    trouble: str = ""
    character: str | None = None
    """The kind of character that has to be encoded."""
    meant: str | None = None
    """The URL that a person means, without user information."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenProxy:
    """A proxy that a part of the agent is given, where the others have another."""

    where: str
    url: str | None = None
    """Without user information; None where it stands in a place that is not read, such as a Secret."""
    reading: ProxyReading | None = None
    """None where the agent takes the proxy as it is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartValues:
    """What the chart's values say about registry, endpoint and proxy. Nothing else of the values is kept: they hold
    keys."""

    file: str
    url: str | None = None
    proxy: str | None = None
    """Without user information."""
    proxy_reading: ProxyReading | None = None
    """None where the agent takes the proxy as it is meant."""
    more_proxies: tuple[GivenProxy, ...] = ()
    """Every other one that a part of the agent is given, each once."""
    problems: tuple[tuple[str, str], ...] = ()
    """(where, what is wrong) for each setting with which images would not come from the declared registry."""
    unproxied: tuple[tuple[str, str], ...] = ()
    """(where, what it is) for each part that connects to the service and is given no proxy, though others are."""
    lines: tuple[tuple[str, int], ...] = ()
    """(where, line of the file), as far as lines are known."""

    def place(self, where: str) -> str:
        """File and line of a setting."""
        line = dict(self.lines).get(where)
        return f"{self.file}:{line}" if line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Ports of a protocol."""

    protocol: str
    """`tcp`, `udp`, …; `any` for all."""
    first: int = 0
    last: int = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """One entry of an approved allow-list. Of several that fit a connection the first decides."""

    text: str
    """As it is written there: an address, a block, a range, a name."""
    blocks: tuple[str, ...] = ()
    """The addresses, as CIDR blocks; empty for a name."""
    services: tuple[Service, ...] | None = None
    """None: the list speaks of addresses only."""
    sources: tuple[str, ...] = ()
    """Blocks for which it is meant; empty: for everybody."""
    allows: bool = True
    only: int | None = None
    """The version of IP of which its rules are: they say nothing of the other. None: of both."""
    for_pods: bool = False
    """It is a policy of pods, which sees neither images being pulled nor a node's own resolvers."""
    where: str = ""
    """File and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """An accepted failure. It names who accepts it, why, and until when (a UTC date, inclusive)."""

    requirement: str
    target: str = "*"
    vantage: str = "*"
    owner: str
    reason: str
    expires: str


def plain_url(url: str) -> str:
    """The URL without differences that make none: case of scheme and host, and a port 443 that is written out."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{authority.lower().removesuffix(':443')}{slash}{path}"


VISIBLE = 1.0
"""Seconds: in a quiet time an interruption as long as this must be seen, where nothing is said of its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What is accepted of the paths of one layer during a watch, in seconds; `None`: not asked."""

    layer: str
    max_outage: float | None = None
    """No interruption is longer."""
    max_total: float | None = None
    """All interruptions of a path together are no longer."""
    quiet_after: float | None = None
    """There is none in so many seconds at the end."""

    @property
    def visible(self) -> float:
        """Seconds: quiet is what has no interruption as long as this. Shorter ones than are accepted are not sought."""
        return min(self.quiet_after or 0.0, VISIBLE if self.max_outage is None else self.max_outage)

    @property
    def needed(self) -> float | None:
        """The shortest interruption that must be seen, in seconds; `None` if nothing is asked."""
        limits = [limit for limit in (self.max_outage, self.max_total) if limit is not None]
        return min([*limits, *([self.visible] if self.quiet_after is not None else [])], default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A watch, as it was asked for: how long, how often (all in seconds), and what is accepted."""

    duration: float
    every: float
    """Between two DNS queries, or two TCP connections, of a path."""
    rarely: float
    """Between two probes that a service notices (a handshake with a request)."""
    seldom: float | None = None
    """Between two requests to the registry; `None`: as seldom as `SELDOM` says."""
    criteria: tuple[Criteria, ...]
    """One for each layer."""

    def pace(self, layer: str) -> float:
        """Seconds between two probes of a path of this layer."""
        if layer in ("dns", "tcp"):
            return self.every
        if layer != "registry":
            return self.rarely
        return SELDOM * self.rarely if self.seldom is None else self.seldom

    @property
    def beyond(self) -> float:
        """Seconds for which, after the planned end, an interruption's end is still waited for."""
        limits = [limit for each in self.criteria for limit in (each.max_outage, each.max_total) if limit is not None]
        return min(max(limits, default=0.0) + BEYOND, BEYOND_MOST) if limits else 0.0

    @property
    def calls_at_once(self) -> int:
        """POSTs of the agent's that each probe of the receiver makes, in turn, beside its GET."""
        return max(1, min(len(RECEIVER_PATHS), int(self.rarely * REQUESTS) - 1))

    @property
    def turn(self) -> float:
        """Seconds from one POST to the next of the same call."""
        return math.ceil(len(RECEIVER_PATHS) / self.calls_at_once) * self.rarely

    def criteria_of(self, layer: str) -> Criteria | None:
        """What is accepted there."""
        return next((each for each in self.criteria if each.layer == layer), None)


REQUESTS = 4
"""A second, of one host to one address."""
BEYOND = 2.0
"""Seconds that a watch may last longer than what is accepted, where something is interrupted at its end,"""
BEYOND_MOST = 30.0
"""but not more than so many."""
SELDOM = 6
"""The registry is asked so many times as rarely as the receiver, at most."""
TRIES = 16
"""Of so many connections one fails with 99 % if one of four routes is lost: so many are made, where that is possible,
in the shortest interruption that must be seen."""
LAYERS = ("dns", "tcp", "tls", "http", "registry")
"""What a watch looks at, the lowest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a run was told, after options and profile were put together. Written to the journal's header."""

    tenant: str
    domain: str = DEFAULT_DOMAIN
    registry: str = DEFAULT_REGISTRY
    """Host, with a port if it is not 443."""
    registry_prefix: str = ""
    """What stands before `stackstate/…` in one's own registry, without slashes at its ends."""
    registry_mode: RegistryMode = RegistryMode.DIRECT
    source_visible: bool = True
    """False where the profile says that the source registry cannot be seen from here, so a copy cannot be compared."""
    images: tuple[Image, ...] = ()
    """Where they are pulled from in this setting: already rewritten to one's own registry."""
    source_images: tuple[Image, ...] = ()
    """The same images, in the same order, at their source."""
    images_from: str = ""
    allow_list: tuple[str, ...] | None = None
    """Approved addresses, CIDR blocks and names; None if no list was handed in."""
    approved: tuple[Approved, ...] = ()
    """The same with ports, sources and the lines on which they stand, in the order of the list."""
    proxy: str | None = None
    """An explicit proxy's URL without its user information; None: the host's own environment decides."""
    no_proxy: str | None = None
    agent_url: str | None = None
    """The URL the agent is configured with, if it is known."""
    values: ChartValues | None = None
    interception: tuple[str, ...] = ()
    """SHA-256 (hex) of the certificates of declared interception authorities."""
    interception_files: tuple[str, ...] = ()
    """The files (PEM, on this machine) in which those certificates are."""
    key_declared: bool = False
    """True where an API key was found, so the receiver can be asked whether it accepts it. The key itself is never
    here."""
    key_env: str = "STS_API_KEY"
    """The environment variable that may hold the key; the agent's own chart uses this one."""
    key_file: str | None = None
    """The file that holds the key, where the profile names one; it goes before the variable."""
    chart_repository: str = "https://helm.stackstate.io"
    chart: str = "suse-observability-agent"
    public_dns: tuple[str, ...] = ("https://dns.google/dns-query", "https://cloudflare-dns.com/dns-query")
    strict: bool = False
    level: Level | None = None
    """Only requirements of this level were asked for, and those that they rest on; None: all."""
    waivers: tuple[Waiver, ...] = ()
    fail_on_drift: tuple[DriftKind, ...] = ()
    """Changes underneath the verdicts that fail a comparison with a baseline."""
    watch: Watch | None = None
    """The watch through a change window; `None`: none was asked for."""
    vantage_kinds: tuple[tuple[str, Kind], ...] = ()
    """(pattern of vantages, kind) where the profile declares it; the first that fits counts."""

    @property
    def host(self) -> str:
        """The tenant's name."""
        return f"{self.tenant}.{self.domain}"

    @property
    def endpoint(self) -> str:
        """The documented URL of the receiver."""
        return f"https://{self.host}{DOCUMENTED_PATH}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """`--hosts` and its companions, as typed (pytest-testinfra's names)."""

    hosts: str | None = field(default=None, repr=False)
    """May hold passwords."""
    connection: str | None = None
    ssh_config: str | None = None
    ssh_identity_file: str | None = None
    ssh_extra_args: str | None = field(default=None, repr=False)
    """Likewise."""
    sudo: bool = False
    sudo_user: str | None = None
    ansible_inventory: str | None = None
    force_ansible: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A requirement bound to a target and a vantage."""

    requirement: str
    target: str
    vantage: str
    host: str
    """The peer it concerns: tenant, registry, CDN host. Prerequisites are looked up among cases of the same host."""

    def __str__(self) -> str:
        return f"{self.requirement} {self.target} from {self.vantage}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an observation means, from the closed list of codes, and for which subject."""

    code: Code
    subject: str
    """One address, one redirect host, one layer: what is known only after looking."""
    detail: str
    """What was seen, in a sentence part that ends up after `saw`."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Words for the placeholders of the code's remedy, such as the issuer's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was decided about one case, and why."""

    case: Case
    result: Result
    findings: tuple[Finding, ...] = ()
    saw: str = ""
    """What was observed, also where the verdict is pass: an auditor reads it."""
    reason: str = ""
    """Why it was not applicable, not checked or waived."""
    reproduce: str = ""
    """A command that shows the same to a person with a shell."""
    told: Mapping[str, str] = field(default_factory=dict)
    """`means`, `fix` and `ask` as a journal recorded them; empty where they have not been told yet."""
