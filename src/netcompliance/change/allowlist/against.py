"""What an approved list lacks, and what of it can go (pure).

Rules
* A connection is approved if the first entry that fits it allows it, from each of its source networks. An entry that
  speaks of sources approves nothing for a host whose address is not known.
* A name on the list approves its connections, whatever their addresses.
* A policy of pods says nothing of what nodes and workstations need, and a firewall's list nothing of what is asked of a
  proxy, unless it names it.
* Nothing can go while something that is needed may not have been seen. What is wider than needed is not said to go:
  DNS-07 says how far it is too wide.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from netcompliance.change.allowlist.flows import AllowList, Flow
from netcompliance.change.allowlist.kubernetes import for_pods
from netcompliance.config.validation import printable
from netcompliance.model import Approved

Network = IPv4Network | IPv6Network
UNSURE = "What can go is not said: something that is needed may not have been seen."
NOT_COMPARED = "Not compared: {}, of which the approved list says nothing."


def missing(allowed: AllowList, entries: Sequence[Approved], origin: str) -> AllowList:
    """Only what the entries do not approve, with what of them can go."""
    compared, left_out = _comparable(allowed, entries)
    near = _near(compared, entries)
    notes = list(allowed.notes)
    if left_out:
        notes.append(NOT_COMPARED.format(left_out))
    if allowed.doubtful:
        notes.append(UNSURE)
    return replace(
        allowed,
        flows=tuple(rest for flow in compared for rest in _unapproved(flow, near)),
        notes=tuple(notes),
        against=printable(origin),
        against_pods=_is_of_pods(entries),
        surplus=() if allowed.doubtful else tuple(_superfluous(compared, entries, near)),
    )


def _comparable(allowed: AllowList, entries: Sequence[Approved]) -> tuple[list[Flow], str]:
    """The flows that such a list is about, and what is not among them."""
    if _is_of_pods(entries):
        return for_pods(allowed), "what nodes and workstations need"
    named = {_name(entry) for entry in entries}
    known = [flow for flow in allowed.flows if not flow.via or flow.name in named]
    return known, "what proxies have to grant" if len(known) < len(allowed.flows) else ""


def _near(flows: Sequence[Flow], entries: Sequence[Approved]) -> list[Approved]:
    """The entries with a name or an address that is needed. A list may be long; what is needed is short."""
    names = {flow.name for flow in flows if flow.name}
    addresses = {ip_address(address) for flow in flows for address in flow.addresses}
    targets = {version: sorted(int(each) for each in addresses if each.version == version) for version in (4, 6)}

    def has_target(net: Network) -> bool:
        some = targets[net.version]
        place = bisect_left(some, int(net[0]))
        return place < len(some) and some[place] <= int(net[-1])

    return [
        entry
        for entry in entries
        if (any(has_target(ip_network(block)) for block in entry.blocks) if entry.blocks else _name(entry) in names)
    ]


def _is_of_pods(entries: Sequence[Approved]) -> bool:
    return bool(entries) and all(entry.for_pods for entry in entries)


def _unapproved(flow: Flow, entries: Sequence[Approved]) -> Iterator[Flow]:
    """The flow's protocols and addresses that are not approved."""
    lacking = [protocol for protocol in flow.protocols if not _is_named(flow, protocol, entries)]
    if not flow.addresses:
        if lacking:
            yield replace(flow, protocols=tuple(lacking))
        return
    together: dict[tuple[str, ...], list[str]] = {}
    for address in flow.addresses:
        protocols = tuple(each for each in lacking if not _is_approved(flow, address, each, entries))
        if protocols:
            together.setdefault(protocols, []).append(address)
    for protocols, addresses in together.items():
        yield replace(flow, protocols=protocols, addresses={each: flow.addresses[each] for each in addresses})


def _is_named(flow: Flow, protocol: str, entries: Sequence[Approved]) -> bool:
    return bool(flow.name) and any(
        _name(entry) == flow.name
        and entry.allows
        and _serves(entry, protocol, flow.port)
        and all(_is_source(entry, net) for net in _origins(flow))
        for entry in entries
    )


def _is_approved(flow: Flow, address: str, protocol: str, entries: Sequence[Approved]) -> bool:
    target = ip_network(address)
    origins = [net for net in _origins(flow) if net is None or net.version == target.version] or [None]
    return all(_is_let_out(net, target, protocol, flow.port, entries) for net in origins)


def _is_let_out(origin: Network | None, target: Network, protocol: str, port: int, entries: Sequence[Approved]) -> bool:
    for entry in entries:
        if not _serves(entry, protocol, port) or not _holds(entry.blocks, target):
            continue
        if not entry.allows and _touches(entry.sources, origin):
            return False
        if entry.allows and _is_source(entry, origin):
            return True
    return False


def _superfluous(flows: Sequence[Flow], entries: Sequence[Approved], near: Sequence[Approved]) -> Iterator[str]:
    used = {id(entry) for entry in near if not entry.blocks or any(_uses(flow, entry) for flow in flows)}
    origins = {net for flow in flows for net in _origins(flow)}
    for entry in entries:
        is_used = id(entry) in used
        if entry.allows and not is_used and _is_ours(entry, origins):
            yield printable(f"{entry.text} ({entry.where})" if entry.where else entry.text)


def _uses(flow: Flow, entry: Approved) -> bool:
    return any(_serves(entry, each, flow.port) for each in flow.protocols) and any(
        _holds(entry.blocks, ip_network(address)) for address in flow.addresses
    )


def _is_ours(entry: Approved, origins: Iterable[Network | None]) -> bool:
    """Is it for a host that was looked from? An entry for others is none of this request's business."""
    return any(_touches(entry.sources, net) for net in origins)


def _origins(flow: Flow) -> list[Network | None]:
    """The networks it comes from; `None` where that is not known."""
    return [ip_network(net) for net in flow.source.addresses] or [None]


def _is_source(entry: Approved, origin: Network | None) -> bool:
    return not entry.sources or (origin is not None and _holds(entry.sources, origin))


def _touches(blocks: Sequence[str], origin: Network | None) -> bool:
    return not blocks or origin is None or any(origin.overlaps(net) for net in _nets(blocks, origin.version))


def _holds(blocks: Sequence[str], net: Network) -> bool:
    """Is the network in one of the blocks?"""
    return any(net.subnet_of(each) for each in _nets(blocks, net.version))  # type: ignore[arg-type]


def _nets(blocks: Sequence[str], version: int) -> Iterator[Network]:
    return (net for net in map(ip_network, blocks) if net.version == version)


def _serves(entry: Approved, protocol: str, port: int) -> bool:
    return entry.services is None or any(
        each.protocol in ("any", protocol) and each.first <= port <= each.last for each in entry.services
    )


def _name(entry: Approved) -> str:
    return "" if entry.blocks else entry.text.lower().rstrip(".")
