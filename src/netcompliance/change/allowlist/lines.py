"""What packet filters are told: one line for each destination address, sources put together (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from netcompliance.change.allowlist.flows import AllowList, Flow, day
from netcompliance.change.allowlist.rows import folded, of_version
from netcompliance.model import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One destination address and port."""

    name: str
    """Empty for a resolver."""
    address: str
    version: int
    seen: datetime
    protocols: tuple[str, ...]
    port: int
    sources: tuple[str, ...]
    """Addresses and networks of this version of IP; empty if one of the sources has none that is known."""
    requirements: tuple[str, ...]
    purpose: str

    @property
    def remark(self) -> str:
        """Name, reason and date, in characters that every format bears."""
        words = (self.name or "resolver", ",".join(self.requirements), f"seen {day(self.seen)}")
        return " ".join(words)


def lines(allowed: AllowList, *kinds: Kind) -> list[Line]:
    """The lines for the sources of these kinds, or of all, in the order of the flows."""
    together: dict[tuple[str, int, tuple[str, ...]], list[Flow]] = {}
    for flow in allowed.direct(*kinds):
        for address in flow.addresses:
            together.setdefault((address, flow.port, flow.protocols), []).append(flow)
    return [_line(address, flows) for (address, _, _), flows in together.items()]


def slug(text: str) -> str:
    """A word for identifiers."""
    return "".join(char if char.isalnum() else "_" for char in text.lower()).strip("_")


def by_name(some: Iterable[Line]) -> Mapping[tuple[str, int, int, tuple[str, ...], tuple[str, ...]], list[Line]]:
    """Lines that differ in their address only, for formats that list addresses."""
    found: dict[tuple[str, int, int, tuple[str, ...], tuple[str, ...]], list[Line]] = {}
    for line in some:
        found.setdefault((line.name, line.version, line.port, line.protocols, line.sources), []).append(line)
    return found


def _line(address: str, flows: list[Flow]) -> Line:
    version = ip_address(address).version
    known = [of_version(flow.source.addresses, version) for flow in flows]
    sources = folded(net for each in known for net in each) if all(known) else ()
    return Line(
        name=next((flow.name for flow in flows if flow.name), ""),
        address=address,
        version=version,
        seen=max(flow.addresses[address] for flow in flows),
        protocols=flows[0].protocols,
        port=flows[0].port,
        sources=sources,
        requirements=tuple(dict.fromkeys(each for flow in flows for each in flow.requirements)),
        purpose=flows[0].purpose,
    )
