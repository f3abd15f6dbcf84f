"""What a vantage has to be able to reach, as far as it was seen there: the flows that a firewall must let out (pure).

Theory. Every connection is opened by the host (OUT-01), so a need is a destination: a name, the addresses that this
host would use for it, a port. What a host reaches through an explicit proxy is needed of the proxy, and the proxy
itself is needed of the firewall; `via` keeps the two apart.

Rules
* Addresses come from the host's own look-ups. The public view of the tenant adds to them only where it is the same
  view, one address at least in common: it then shows more of a set that rotates.
* IPv6 is needed only by a host that has it, or where a name has nothing else.
* Hosts of image layers are those that the registry redirected to, and, for quay.io, those that its operator publishes.
* A resolver on the host itself is no flow through a network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from netcompliance.catalogue import QUAY_CDN
from netcompliance.judge.evidence import Evidence, parsed_address, without_port
from netcompliance.judge.identity import kind_of
from netcompliance.judge.nameservers import given_addresses, public_addresses
from netcompliance.model import DEFAULT_REGISTRY, HERE, Kind, RegistryMode, Settings
from netcompliance.observations import Chart, Dns, Host, Proxy, PublicDns, Registry, Resolve, Seen

HTTPS = 443
DNS = 53


class Purpose(StrEnum):
    """What a connection is for."""

    TENANT = "data to the receiver"
    RESOLVER = "names"
    REGISTRY = "images: registry"
    LAYERS = "images: layers, where the registry redirects to"
    CDN = "images: layers, hosts that quay.io publishes"
    CHART = "chart repository"
    PROXY = "proxy"
    SOURCE = "check: images at their source, compared with one's own registry"
    PUBLIC_DNS = "check: the public view of the DNS"


REQUIREMENTS: Mapping[Purpose, tuple[str, ...]] = {
    Purpose.TENANT: ("HTTPS-01",),
    Purpose.RESOLVER: ("DNS-03", "DNS-01"),
    Purpose.REGISTRY: ("REG-01",),
    Purpose.LAYERS: ("REG-04",),
    Purpose.CDN: ("REG-05",),
    Purpose.CHART: ("HELM-01",),
    Purpose.PROXY: ("PRX-01",),
    Purpose.SOURCE: ("REG-06",),
    Purpose.PUBLIC_DNS: ("DNS-04",),
}
"""Purpose → the requirements that ask for it. The first says whether it is documented or derived."""

CHECKS = frozenset({Purpose.SOURCE, Purpose.PUBLIC_DNS})
"""What only the suite itself needs, neither installation nor agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One destination that a vantage has to reach."""

    purpose: Purpose
    name: str
    """Empty for a resolver, which is known by its address only."""
    addresses: Mapping[str, float]
    """Address → when it was seen last, in seconds since the epoch."""
    port: int = HTTPS
    protocols: tuple[str, ...] = ("tcp",)
    via: str | None = None
    """The explicit proxy that is asked for it; None: the host connects itself."""


def needs(vantage: str, evidence: Evidence, settings: Settings) -> list[Need]:
    """Everything that the vantage needs, in the order in which an agent comes to be installed and to run."""
    found = list(_destinations(vantage, evidence, settings))
    found += _proxies(evidence, found)
    return [*_resolvers(evidence, found), *found]


def asked_on_itself(evidence: Evidence) -> list[str]:
    """Resolvers on the host itself: whom those ask cannot be seen."""
    return [server for server in (evidence.vantage.nameservers or ()) if _is_local(server)]


def _destinations(vantage: str, evidence: Evidence, settings: Settings) -> Iterator[Need]:
    tenant = settings.host
    if evidence.route(tenant):
        yield _need(Purpose.TENANT, tenant, evidence, _tenants(evidence, tenant))
    if kind_of(vantage, evidence.vantage, settings.vantage_kinds) not in (Kind.POD, Kind.CONTAINER):
        yield from _images(evidence, settings)
    if vantage == HERE:
        yield from _chart(evidence, settings)
        yield from _public_dns(evidence, settings)


def _tenants(evidence: Evidence, host: str) -> dict[str, float]:
    own = _looked_up(evidence, host) | dict.fromkeys(given_addresses(evidence, host), _when(evidence.all(Dns)))
    public = dict.fromkeys(public_addresses(evidence, host), _when(evidence.all(PublicDns)))
    return {**public, **own} if own.keys() & public.keys() else own


def _images(evidence: Evidence, settings: Settings) -> Iterator[Need]:
    registry, port = _host_and_port(settings.registry)
    if evidence.route(registry):
        yield _need(Purpose.REGISTRY, registry, evidence, _looked_up(evidence, registry), port)
        yield from _hops(evidence, "registry", {registry})
    if settings.registry == DEFAULT_REGISTRY and settings.registry_mode is RegistryMode.DIRECT:
        for host in QUAY_CDN:
            if evidence.route(host):
                yield _need(Purpose.CDN, host, evidence, _looked_up(evidence, host))
    sources = {image.registry for image in settings.source_images} - {settings.registry}
    for source in sorted(sources if settings.registry_mode is not RegistryMode.DIRECT else ()):
        host, port = _host_and_port(source)
        if evidence.route(host):
            yield _need(Purpose.SOURCE, host, evidence, _looked_up(evidence, host), port)


def _hops(evidence: Evidence, task: str, known: set[str]) -> Iterator[Need]:
    """The hosts other than the registry on the way to tokens and layers."""
    seen: dict[tuple[str, int], list[Seen]] = {}
    for each in evidence.all(Registry, task=task):
        host, port = _of_url(each.url or "")
        if host and host not in known:
            seen.setdefault((host, port), []).append(each)
    for (host, port), hops in sorted(seen.items()):
        addresses = {**_looked_up(evidence, host), **_stamped(hops)}
        via = next((hop.via for hop in hops if hop.via), evidence.proxy_for(host))
        yield Need(purpose=Purpose.LAYERS, name=host, addresses=_usable(evidence, addresses), port=port, via=via)


def _chart(evidence: Evidence, settings: Settings) -> Iterator[Need]:
    """The repository; and where it keeps the chart's archive elsewhere, that host too."""
    parts = urlsplit(settings.chart_repository)
    host = parts.hostname or ""
    if not evidence.route(host):
        return
    need = _need(Purpose.CHART, host, evidence, _looked_up(evidence, host), parts.port or HTTPS)
    yield need
    for seen in evidence.all(Chart, step="archive"):
        other, port = _of_url(seen.url or "")
        if other and other != host:
            addresses = _usable(evidence, _stamped([seen]))
            yield Need(purpose=Purpose.CHART, name=other, addresses=addresses, port=port, via=need.via)


def _public_dns(evidence: Evidence, settings: Settings) -> Iterator[Need]:
    """The first public resolver that answered: one is enough. Whoever resolves nothing itself compares nothing."""
    if evidence.proxy_for(settings.host):
        return
    for url in settings.public_dns:
        answered = [seen for seen in evidence.all(PublicDns, server=url) if seen.response]
        host, port = _of_url(url)
        if answered and host:
            addresses = _usable(evidence, _stamped(answered))
            yield Need(purpose=Purpose.PUBLIC_DNS, name=host, addresses=addresses, port=port)
            return


def _proxies(evidence: Evidence, found: Iterable[Need]) -> Iterator[Need]:
    for url in dict.fromkeys(need.via for need in found if need.via):
        host, port = _of_url(url)
        tunnels = [seen for seen in evidence.all(Proxy) if seen.via == url]
        addresses = {
            **_looked_up(evidence, host),
            **{seen.proxy_address: seen.at or 0.0 for seen in tunnels if seen.proxy_address},
        }
        if parsed_address(host):
            addresses = {host: _when(tunnels)}
        if host:
            yield Need(purpose=Purpose.PROXY, name=host, addresses=_usable(evidence, addresses), port=port)


def _resolvers(evidence: Evidence, found: Iterable[Need]) -> Iterator[Need]:
    """UDP, and TCP for answers that do not fit. A host that resolves nothing itself needs none."""
    if not any(need.name and not need.via and not parsed_address(need.name) for need in found):
        return
    asked = dict.fromkeys([*(evidence.vantage.nameservers or ()), *(_servers(evidence))])
    when = _when([*evidence.all(Dns), *evidence.all(Host)])
    for server in asked:
        if parsed_address(server) and not _is_local(server):
            yield Need(purpose=Purpose.RESOLVER, name="", addresses={server: when}, port=DNS, protocols=("udp", "tcp"))


def _servers(evidence: Evidence) -> list[str]:
    return [seen.server for seen in evidence.all(Dns) if seen.server]


def _need(purpose: Purpose, name: str, evidence: Evidence, addresses: dict[str, float], port: int = HTTPS) -> Need:
    via = evidence.proxy_for(name)
    kept = {} if via else _usable(evidence, addresses)
    return Need(purpose=purpose, name=name, addresses=kept, port=port, via=via)


def _usable(evidence: Evidence, addresses: dict[str, float]) -> dict[str, float]:
    versions = {address: ip.version for address in addresses if (ip := parsed_address(address))}
    both = evidence.vantage.source_address6 or 4 not in versions.values()
    return {a: when for a, when in addresses.items() if a in versions and (both or versions[a] == 4)}


def _looked_up(evidence: Evidence, host: str) -> dict[str, float]:
    seen = [
        each
        for each in evidence.all(Resolve, host=host)
        if each.purpose in ("bare", "rooted", "host") and each.addresses
    ]
    return {address: each.at or 0.0 for each in seen for address in each.addresses}


def _stamped(seen: Iterable[Seen]) -> dict[str, float]:
    return {each.address: each.at or 0.0 for each in seen if each.address}


def _when(seen: Iterable[Seen]) -> float:
    return max((each.at or 0.0 for each in seen), default=0.0)


def _is_local(server: str) -> bool:
    ip = parsed_address(server)
    return bool(ip and (ip.is_loopback or ip.is_unspecified))


def _host_and_port(registry: str) -> tuple[str, int]:
    host = without_port(registry)
    return host, int(registry[len(host) + 1 :] or HTTPS)


def _of_url(url: str) -> tuple[str, int]:
    """Host and port of a URL; no host where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", 0
    return parts.hostname or "", port or (80 if parts.scheme == "http" else HTTPS)
