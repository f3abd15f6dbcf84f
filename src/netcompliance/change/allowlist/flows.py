"""Flows: which source has to reach which destination, merged over tenants, vantages and journals (pure).

Rules
* Whatever stands in a flow was checked: names are host names, addresses are addresses, so that every format may write
  them down as they are. Vantages are people's words, and each format quotes them by its own rules.
* Where a vantage's look-up of the tenant failed or led elsewhere (DNS-01, DNS-02), its addresses are not the tenant's
  and are not asked for; a note says so. Notes say too what could not be known.
* Every flow is opened by its source. Nothing is asked for in the other direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from netcompliance.catalogue import Catalogue
from netcompliance.config.validation import BadInput, host_name, printable
from netcompliance.judge.destinations import CHECKS, REQUIREMENTS, Need, Purpose, asked_on_itself, needs
from netcompliance.judge.evidence import Evidence, parsed_address
from netcompliance.judge.identity import kind_of
from netcompliance.model import HERE, Basis, Kind, Observation, Settings
from netcompliance.observations import Registry

DIRECTION = "outbound"
DRIFT = (
    "Addresses are those that were seen at the dates given. The documentation promises no stable addresses: allow "
    "names where the device knows names, and audit the list with --allow-list before and after every change."
)
TRANSLATED = (
    "its own address is not what a firewall sees unless it is routed; else give the network of its nodes with --source."
)
LEFT_OUT = "such addresses are left out, though the host has one of its own."
_NAMES_OF_THE_TENANT = frozenset({"DNS-01", "DNS-02"})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Source:
    """Who opens a flow."""

    vantage: str
    kind: Kind
    addresses: tuple[str, ...]
    """What the firewall sees it come from: addresses and networks as was given, else the vantage's own, one for each
    version of IP. Behind address translation others arrive."""

    @property
    def name(self) -> str:
        """The host's own name, without how this suite reached it."""
        return "this host" if self.vantage == HERE else bare_name(self.vantage)

    @property
    def host(self) -> str:
        """Name and kind, for people: `node-1 (node)`."""
        return f"{self.name} ({self.kind})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What one source has to reach."""

    source: Source
    tenants: tuple[str, ...]
    """The tenants' names for which it is needed."""
    name: str
    """Empty for a resolver."""
    addresses: Mapping[str, datetime]
    """Address → when it was seen last. Empty behind a proxy, and where none was seen."""
    port: int
    protocols: tuple[str, ...]
    purpose: Purpose
    requirements: tuple[str, ...]
    basis: Basis
    via: str | None
    """The proxy that is asked for it; the source itself then needs the proxy only."""

    @property
    def destination(self) -> str:
        """Its name, else its address."""
        return self.name or next(iter(self.addresses), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one run saw from one vantage."""

    vantage: str
    settings: Settings
    observations: Sequence[Observation]
    """With the public view of the DNS, whoever asked for it."""
    failed: frozenset[str] = frozenset()
    """Requirements that were not met there."""
    trouble: str = ""
    """Why it could not be visited, or not to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """Everything that is asked for."""

    tenants: tuple[str, ...]
    flows: tuple[Flow, ...]
    notes: tuple[str, ...]
    """What a reader has to know besides, each a sentence."""
    incomplete: bool = False
    """Something that is needed is missing, and a note says what."""
    doubtful: bool = False
    """Something that is needed may not have been seen, so nothing that is approved can be called superfluous."""
    against: str = ""
    """The approved list of which this is what is missing; empty: this is everything."""
    against_pods: bool = False
    """The approved list is policies of pods, which are isolated by them already."""
    surplus: tuple[str, ...] = ()
    """Entries of the approved list that can go, each with its place there."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """Each once, sorted."""
        return tuple(sorted({flow.source for flow in self.flows}))

    def direct(self, *kinds: Kind) -> tuple[Flow, ...]:
        """The flows that a packet filter sees, of sources of these kinds or of all."""
        return tuple(flow for flow in self.flows if not flow.via and (not kinds or flow.source.kind in kinds))


def bare_name(vantage: str) -> str:
    """`node-1` of `ssh://me@node-1:22?timeout=5`."""
    return vantage.rpartition("://")[2].partition("?")[0].rpartition("@")[2]


def derive(
    looks: Iterable[Looked],
    catalogue: Catalogue,
    *,
    checks: bool = False,
    sources: Callable[[str], tuple[str, ...]] = lambda _: (),
) -> AllowList:
    """The allow-list of all that was looked at. Raises `BadInput`.

    `checks`: with what only the suite needs. `sources`: the networks that somebody gave for a vantage.
    """
    flows: dict[tuple[object, ...], Flow] = {}
    notes: list[str] = []
    doubts: list[str] = []
    tenants: list[str] = []
    incomplete = False
    for look in looks:
        incomplete |= bool(look.trouble)
        tenants.append(host_name(look.settings.host, "the tenant of a journal"))
        evidence = Evidence(look.observations)
        given = sources(look.vantage)
        source = _source(look, evidence, given)
        found = [need for need in needs(look.vantage, evidence, look.settings) if checks or need.purpose not in CHECKS]
        doubts += _unknown(look, evidence, source, found)
        if source.kind in (Kind.POD, Kind.CONTAINER) and not given:
            notes.append(f"{source.host}: {TRANSLATED}")
        lost = _versions(_source(look, evidence, ()).addresses) - _versions(source.addresses)
        notes += (f"{source.host}: --source gives no network of IPv{version}: {LEFT_OUT}" for version in sorted(lost))
        for need in found:
            flow = _flow(replace(need, addresses={}) if _is_untrue(need, look) else need, look, source, catalogue)
            if flow is not None:
                key = (flow.source, flow.destination, flow.port, flow.protocols, flow.via)
                flows[key] = _merged(flows[key], flow) if key in flows else flow
    if HERE not in {flow.source.vantage for flow in flows.values() if flow.purpose is Purpose.CHART}:
        doubts.append("The chart repository was not looked at: whoever runs helm needs it too.")
    notes += _of_pods(flows.values())
    return AllowList(
        tenants=tuple(dict.fromkeys(tenants)),
        flows=tuple(sorted(flows.values(), key=_order)),
        notes=tuple(dict.fromkeys([*doubts, *notes])),
        doubtful=bool(doubts) or any(flow.name and not flow.addresses and not flow.via for flow in flows.values()),
        incomplete=incomplete or any(_is_addressless(flow) for flow in flows.values()),
    )


def _is_untrue(need: Need, look: Looked) -> bool:
    """Did the tenant's name lead to somebody else?"""
    return need.purpose is Purpose.TENANT and not need.via and bool(look.failed & _NAMES_OF_THE_TENANT)


def _is_addressless(flow: Flow) -> bool:
    return flow.purpose is Purpose.TENANT and not flow.via and not flow.addresses


def _unknown(look: Looked, evidence: Evidence, source: Source, found: Iterable[Need]) -> Iterator[str]:
    """What could not be seen, or is not believed, in sentences."""
    who = source.host
    if look.trouble:
        yield f"{who} was not seen, or not whole: {printable(look.trouble)}."
    for server in asked_on_itself(evidence):
        yield (
            f"{who} asks the resolver {server} on itself: whom that one asks was not seen. UDP and TCP port 53 to those"
            " have to be allowed."
        )
    if Purpose.REGISTRY in {need.purpose for need in found} and not _followed_layers(evidence):
        yield (
            f"{who}: no image layer was seen to arrive, so hosts that {printable(look.settings.registry)} redirects to "
            "may be missing. Look again once the registry is open."
        )
    if any(_is_untrue(need, look) for need in found):
        failed = ", ".join(sorted(look.failed & _NAMES_OF_THE_TENANT))
        yield f"{who}: {failed} failed, so what {look.settings.host} resolves to there is not asked for."


def _of_pods(flows: Iterable[Flow]) -> Iterator[str]:
    """Resolvers that pods alone ask: hardly ever something that a firewall sees."""
    asked: dict[str, set[Kind]] = {}
    for flow in flows:
        if flow.purpose is Purpose.RESOLVER:
            asked.setdefault(flow.destination, set()).add(flow.source.kind)
    for server, kinds in asked.items():
        if kinds == {Kind.POD}:
            yield f"{server} is asked by pods only: if it is the cluster's own DNS service, no firewall sees it."


def _flow(need: Need, look: Looked, source: Source, catalogue: Catalogue) -> Flow | None:
    """The flow, `None` where a journal names something that is no name."""
    try:
        literal = not need.name or need.name in need.addresses
        name = "" if literal else host_name(need.name, "")
        seen = {str(ip): _moment(at) for text, at in need.addresses.items() if (ip := parsed_address(text))}
        addresses = _reachable(seen, source)
        via = printable(need.via) if need.via else None
    except (BadInput, ValueError):
        return None
    if not 0 < need.port < 65536:
        return None
    requirements = REQUIREMENTS[need.purpose]
    return Flow(
        source=source,
        tenants=(look.settings.host,),
        name=name,
        addresses={address: addresses[address] for address in sorted(addresses, key=_numerically)},
        port=need.port,
        protocols=need.protocols,
        purpose=need.purpose,
        requirements=requirements,
        basis=catalogue[requirements[0]].basis,
        via=via,
    )


def _reachable(addresses: Mapping[str, datetime], source: Source) -> Mapping[str, datetime]:
    """Those of the versions of IP that the source has; all where it has none of them."""
    versions = _versions(source.addresses)
    return {address: at for address, at in addresses.items() if _versions([address]) <= versions} or addresses


def _versions(addresses: Iterable[str]) -> set[int]:
    return {ip_network(address).version for address in addresses}


def _source(look: Looked, evidence: Evidence, given: tuple[str, ...]) -> Source:
    told = (evidence.vantage.source_address, evidence.vantage.source_address6)
    return Source(
        vantage=printable(look.vantage),
        kind=kind_of(look.vantage, evidence.vantage, look.settings.vantage_kinds),
        addresses=given or tuple(str(ip) for address in told if (ip := parsed_address(address))),
    )


def _followed_layers(evidence: Evidence) -> bool:
    return any(seen.complete and seen.status == 200 for seen in evidence.all(Registry, step="layer"))


def _merged(one: Flow, other: Flow) -> Flow:
    """The same flow, seen twice. What is documented once is documented."""
    latest = {
        address: max(flow.addresses[address] for flow in (one, other) if address in flow.addresses)
        for address in sorted(one.addresses.keys() | other.addresses.keys(), key=_numerically)
    }
    return replace(
        one,
        tenants=tuple(dict.fromkeys([*one.tenants, *other.tenants])),
        addresses=latest,
        requirements=tuple(dict.fromkeys([*one.requirements, *other.requirements])),
        basis=min(one.basis, other.basis, key=list(Basis).index),
    )


def _order(flow: Flow) -> tuple[object, ...]:
    return (list(Purpose).index(flow.purpose), flow.destination, flow.port, flow.source, flow.via or "")


def _moment(at: float) -> datetime:
    """A time of a journal; one that no calendar has is the beginning of all."""
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _numerically(address: str) -> tuple[int, int]:
    ip = ip_address(address)
    return ip.version, int(ip)


def day(moment: datetime) -> str:
    """The date of a sighting."""
    return moment.date().isoformat()
