"""What a watch needs of the visit before it."""

from __future__ import annotations

from typing import TypeVar

from netcompliance.judge.shape import shaped
from netcompliance.judge.watch import IDENTITY
from netcompliance.model import Observation

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
            tcp = shaped(seen)
            if tcp.get("task") == "tenant" and tcp.get("host") == host and "address" in tcp:
                _add(self.addresses, tcp["address"])
        elif kind == "registry":
            hop = shaped(seen)
            if (
                hop.get("task") == "registry"
                and hop.get("step") in ("config", "layer")
                and hop.get("url", "").startswith("https://")
                and {"host", "port"} <= hop.keys()
            ):
                _add(self.layers, (hop["host"], hop["port"]))


def _add(places: set[_Place], place: _Place) -> None:
    if len(places) < PLACES:
        places.add(place)
