"""What a watch needs of the visit before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from netcompliance.judge.watch import IDENTITY
from netcompliance.model import Observation
from netcompliance.observations import Registry, Tcp

_Place = TypeVar("_Place")
PLACES = 512
"""Addresses, and hosts of layers, that a watch is told of at most: a probe knows no more (`probe.onhost.limits`)."""


class WatchBasis:
    """Who looked from a vantage, which addresses the tenant has there, and who serves image layers."""

    def __init__(self) -> None:
        self.identity: list[Observation] = []
        self.addresses: set[str] = set()
        self.layers: set[tuple[str, int]] = set()
        """Hosts and ports to which the registry redirected."""

    def add(self, seen: Observation, host: str) -> None:
        """One observation of the visit."""
        kind = seen.get("kind")
        if kind in IDENTITY:
            self.identity.append(seen)
        elif kind == "tcp":
            tcp = Tcp.decode(seen)
            if tcp and tcp.task == "tenant" and tcp.host == host and tcp.address is not None:
                _add(self.addresses, tcp.address)
        elif kind == "registry":
            hop = Registry.decode(seen)
            of_layer = hop is not None and hop.task == "registry" and hop.step in ("config", "layer")
            if hop and of_layer and (hop.url or "").startswith("https://") and hop.host and hop.port is not None:
                _add(self.layers, (hop.host, hop.port))

    def records(self, host: str) -> Iterator[Observation]:
        """The same as observations of the visit."""
        yield from self.identity
        yield from ({"kind": "tcp", "task": "tenant", "host": host, "address": each} for each in self.addresses)
        for name, port in self.layers:
            layer = {"kind": "registry", "task": "registry", "step": "layer", "url": "https://"}
            yield {**layer, "host": name, "port": port}


def _add(places: set[_Place], place: _Place) -> None:
    if len(places) < PLACES:
        places.add(place)
