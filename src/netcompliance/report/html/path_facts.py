"""The few raw facts of a vantage that stand beside the picture of its path (pure, and bounded)."""

from __future__ import annotations

from dataclasses import dataclass, field

from netcompliance.model import Observation

ADDRESSES = 16
"""Addresses that are remembered."""


@dataclass(slots=True, kw_only=True)
class PathFacts:
    """What was seen on the way to the tenant. No opinion: an error's name, a version, a status."""

    addresses: list[str] = field(default_factory=list)
    """As the host's own resolver gave them, sorted: resolvers rotate them."""
    tcp: dict[str, str] = field(default_factory=dict)
    tls: dict[str, str] = field(default_factory=dict)
    http: dict[str, str] = field(default_factory=dict)
    proxy: str = ""
    """The explicit proxy that the way to the tenant takes."""

    def look(self, seen: Observation, host: str) -> None:
        """Remember what belongs here."""
        if seen.get("host") != host:
            return
        kind, address = seen.get("kind"), str(seen.get("address") or seen.get("via") or "")
        if kind == "resolve" and seen.get("purpose") == "bare":
            self._add(seen.get("addresses"))
        elif kind == "route" and isinstance(seen.get("proxy"), str):
            self.proxy = str(seen["proxy"])
        elif seen.get("task") != "tenant" or len(self.tcp) + len(self.tls) + len(self.http) > 3 * ADDRESSES:
            return
        elif kind == "tcp":
            self.tcp.setdefault(address, _error(seen) or "open")
        elif kind == "tls" and seen.get("purpose") == "verify":
            self.tls.setdefault(address, _error(seen) or str(seen.get("version") or ""))
        elif kind == "http" and seen.get("purpose") == "receiver":
            self.http.setdefault(address, _error(seen) or str(seen.get("status") or ""))

    def _add(self, addresses: object) -> None:
        for address in addresses if isinstance(addresses, (list, tuple)) else ():
            if str(address) not in self.addresses and len(self.addresses) < ADDRESSES:
                self.addresses.append(str(address))
        self.addresses.sort(key=_by_family)


def _by_family(address: str) -> tuple[bool, int, str]:
    """IPv4 first, numbers as numbers as far as their length tells."""
    return ":" in address, len(address), address


def _error(seen: Observation) -> str:
    error = seen.get("error")
    return str(error.get("name") or "error") if isinstance(error, dict) else ""
