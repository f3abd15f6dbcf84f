"""DNS-05 … DNS-08: is what the network team approved what is needed: all of it, nothing that is gone, nothing more?

Theory. An entry approves addresses, or a name, perhaps for some ports and sources only. The first entry that fits a
connection decides about it, as in a firewall. An entry whose sources are not this host is none of its business. A list
that says nothing of ports approves addresses, and its width is theirs alone. Rules of one version of IP say nothing of
the other: what is needed of that is not checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from netcompliance.findings import Code
from netcompliance.judge.destinations import CHECKS, HTTPS, Purpose, needs
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    decided,
    finding,
    listed,
    notapplicable,
    notchecked,
    parsed_address,
    passed,
)
from netcompliance.judge.judges import NAMES, judges
from netcompliance.judge.nameservers import given_addresses, public_addresses
from netcompliance.model import HERE, Approved, Case, Settings
from netcompliance.observations import Chart, PublicDns, Registry, Tcp

PROXIED = "the host uses an explicit proxy, which resolves the name itself"
HUGE = 10**9

Needed = dict[str, set[tuple[str, int]]]
"""Address → (protocol, port) that are needed there."""


@judges("DNS-05", observes=NAMES)
def allow_listed(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-05. An IPv6 address counts only where the host has IPv6, or where there is no other."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    entries = _entries(evidence, settings)
    named = [entry for entry in entries if entry.text.lower().rstrip(".") == case.host and _serves(entry, "tcp", HTTPS)]
    if named:
        return passed(f"the allow-list names {case.host}{_at(named[0])}")
    addresses = _tenants_addresses(case, evidence)
    found = [
        finding(Code.DNS_NOT_ALLOW_LISTED, address, f"{address} is not in the allow-list{why}")
        for address in addresses
        if _speaks_of(settings, address) and (why := _why_not(entries, address)) is not None
    ]
    return decided(
        found,
        f"{listed(addresses)} in the allow-list",
        f"dig +short {case.host}",
        missing=_unspoken(settings, addresses) if addresses else "no address of the tenant is known here",
    )


@judges("DNS-06", observes=NAMES)
def allow_list_is_current(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-06. Entries for peers other than the tenant are theirs: whatever was connected to is in use.

    While the address of a peer is not known, nobody can say that an entry is not its.
    """
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    addresses = _tenants_addresses(case, evidence)
    if not addresses:
        return notchecked("no address of the tenant is known here")
    in_use = _in_use(case, evidence, settings)
    found = [
        finding(Code.DNS_STALE_ALLOW_LIST, entry.text, f"{entry.text} is no address of {case.host}{_at(entry)}")
        for entry in _entries(evidence, settings)
        if entry.allows and entry.blocks and not _inside(entry, in_use)
    ]
    unknown = _unresolved(evidence, settings)
    if found and unknown:
        return notchecked(f"{found[0].subject} is no address that was seen here, but those of {unknown} are not known")
    return decided(found, "every entry is in use", f"dig +short {case.host}")


@judges("DNS-07", observes=NAMES)
def allow_list_is_narrow(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-07. An entry that is not in use at all is stale, and not wide besides."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    if not _tenants_addresses(case, evidence):
        return notchecked("no address of the tenant is known here")
    in_use = _in_use(case, evidence, settings)
    found = []
    for entry in _entries(evidence, settings):
        used = _inside(entry, in_use)
        excess = _excess(entry, used) if entry.allows and used else ""
        if excess:
            enough = listed(sorted(used, key=lambda address: ip_address(address).packed), 3)
            needed = f"; {enough} is in use" if len(entry.blocks) > 1 or "/" in entry.text else ""
            detail = f"{entry.text} opens {excess} more than needed{_at(entry)}{needed}"
            found.append(finding(Code.DNS_WIDE_ALLOW_LIST, entry.text, detail))
    return decided(found, "every entry is as narrow as can be", f"dig +short {case.host}")


@judges("DNS-08", observes=NAMES)
def others_allow_listed(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-08. Also behind a proxy, which is then what has to be listed."""
    entries = _entries(evidence, settings)
    needed = [
        (need, address, protocol)
        for need in needs(case.vantage, evidence, settings)
        if need.purpose not in (Purpose.TENANT, *CHECKS)
        for address in need.addresses
        for protocol in need.protocols
    ]
    found = []
    for need, address, protocol in needed:
        named = any(entry.text.lower() == need.name and _serves(entry, protocol, need.port) for entry in entries)
        if (
            not named
            and _speaks_of(settings, address)
            and (why := _why_not(entries, address, protocol, need.port)) is not None
        ):
            subject = f"{address} {protocol}/{need.port}"
            detail = f"{subject} ({need.name or 'resolver'}) is not in the allow-list{why}"
            found.append(finding(Code.DNS_PEER_NOT_ALLOW_LISTED, subject, detail))
    names = listed(dict.fromkeys(need.name or "resolvers" for need, _, _ in needed))
    unspoken = _unspoken(settings, (address for _, address, _ in needed))
    return decided(
        found, f"{names} in the allow-list", missing=unspoken if needed else "nothing else was looked at from here"
    )


def _entries(evidence: Evidence, settings: Settings) -> list[Approved]:
    """The entries that are meant for this host; an older journal has them as plain text."""
    told = settings.approved or tuple(_from_text(text) for text in settings.allow_list or ())
    own = [evidence.vantage.source_address, evidence.vantage.source_address6]
    sources = [ip for address in own if (ip := parsed_address(address))]
    return [entry for entry in told if not entry.sources or not sources or _any_in(sources, entry.sources)]


def _speaks_of(settings: Settings, address: str) -> bool:
    """Is there an entry that could be about addresses of this version of IP?"""
    ip = parsed_address(address)
    return ip is None or not settings.approved or any(entry.only in (None, ip.version) for entry in settings.approved)


def _unspoken(settings: Settings, addresses: Iterable[str]) -> str:
    """What the list says nothing of; empty if of all it does."""
    silent = [address for address in addresses if not _speaks_of(settings, address)]
    return f"the rules of the allow-list are of another version of IP than {listed(silent)}" if silent else ""


def _from_text(text: str) -> Approved:
    try:
        return Approved(text=text, blocks=(str(ip_network(text, strict=False)),))
    except ValueError:
        return Approved(text=text)


def _why_not(entries: Sequence[Approved], address: str, protocol: str = "tcp", port: int = HTTPS) -> str | None:
    """Why a connection to the address and port is not approved; `None` if it is."""
    near = [entry for entry in entries if _inside(entry, {address: set()})]
    deciding = next((entry for entry in near if _serves(entry, protocol, port)), None)
    if deciding is not None:
        return None if deciding.allows else f", and is dropped{_at(deciding)}"
    other = next((entry for entry in near if entry.allows), None)
    return f" for {protocol}/{port}, only for {_services(other)}{_at(other)}" if other else ""


def _tenants_addresses(case: Case, evidence: Evidence) -> list[str]:
    every = dict.fromkeys([*evidence.resolved(case.host, "bare", "rooted"), *given_addresses(evidence, case.host)])
    known = [(address, ip.version) for address in every if (ip := parsed_address(address))]
    both = evidence.vantage.source_address6 or not any(version == 4 for _, version in known)
    return [address for address, version in known if both or version == 4]


def _in_use(case: Case, evidence: Evidence, settings: Settings) -> Needed:
    """Every address that this host has to do with, and what of it is needed where that is known."""
    seen = [
        *_tenants_addresses(case, evidence),
        *public_addresses(evidence, case.host),
        *(each.address or "" for each in evidence.all(Tcp) if each.task not in (TENANT, "control")),
        *(each.address or "" for each in evidence.all(Registry)),
        *(each.address or "" for each in [*evidence.all(Chart), *evidence.all(PublicDns)]),
    ]
    found: Needed = {str(ip): set() for address in seen if (ip := parsed_address(address))}
    for need in needs(HERE, evidence, settings):
        for address in need.addresses:
            if ip := parsed_address(address):
                found.setdefault(str(ip), set()).update((each, need.port) for each in need.protocols)
    return found


def _unresolved(evidence: Evidence, settings: Settings) -> str:
    """The peers that are connected to directly, and of which no address is known."""
    found = needs(HERE, evidence, settings)
    return listed(need.name for need in found if need.name and not need.via and not need.addresses)


def _inside(entry: Approved, in_use: Needed) -> Needed:
    return {address: services for address, services in in_use.items() if _any_in([ip_address(address)], entry.blocks)}


def _any_in(addresses: Iterable[IPv4Address | IPv6Address], blocks: tuple[str, ...]) -> bool:
    return any(address in net for address in addresses for net in _networks(blocks) if net.version == address.version)


@lru_cache(maxsize=4096)
def _networks(blocks: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """The blocks that are some: a journal may say anything."""
    found = []
    for block in blocks:
        with suppress(ValueError):
            found.append(ip_network(block, strict=False))
    return tuple(found)


def _serves(entry: Approved, protocol: str, port: int) -> bool:
    return entry.services is None or any(
        each.protocol in ("any", protocol) and each.first <= port <= each.last for each in entry.services
    )


def _excess(entry: Approved, used: Needed) -> str:
    """How much more the entry approves than the addresses need; empty if nothing."""
    addresses = sum(net.num_addresses for net in _networks(entry.blocks)) - len(used)
    needed = set().union(*used.values()) or {("tcp", HTTPS)}
    ports = _excess_ports(entry, needed)
    words = [f"{_count(addresses)} address{'es' if addresses > 1 else ''}" if addresses else "", ports]
    return " and ".join(word for word in words if word)


def _excess_ports(entry: Approved, needed: set[tuple[str, int]]) -> str:
    if entry.services is None:
        return ""
    if any(each.protocol == "any" for each in entry.services):
        return f"every port of every protocol ({65536 - len(needed)} of TCP)"
    opened = sum(each.last - each.first + 1 for each in entry.services)
    excess = opened - sum(_serves(entry, protocol, port) for protocol, port in needed)
    return f"{excess} port{'s' if excess > 1 else ''}" if excess > 0 else ""


def _services(entry: Approved) -> str:
    spans = entry.services or ()
    return listed(
        f"{each.protocol}/{each.first}" + (f"-{each.last}" if each.last != each.first else "") for each in spans
    )


def _count(number: int) -> str:
    return str(number) if number < HUGE else f"about 2^{number.bit_length() - 1}"


def _at(entry: Approved) -> str:
    return f" ({entry.where})" if entry.where else ""
