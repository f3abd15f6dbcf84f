"""Was anything looked at that nobody asked for? (pure)

Theory. A visit looks at what settings and plan name: the tenant, its images and their registries, the hosts of image
layers. What else is there was asked for by other settings, or by a plan of which cases are gone.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from netcompliance.journal.decode import Record
from netcompliance.journal.reader import tenants_host
from netcompliance.model import Settings

MOST = 1 << 16
"""Names that are remembered of all vantages."""
SHOWN = 4
TENANT, CDN, REGISTRY, SOURCE = "tenant", "cdn", "registry", "source"
CONNECTIONS = frozenset({"tcp", "shares", "tls", "exchanges", "http2", "http"})
"""Kinds of which the host is the one that was connected to."""


class Places:
    """What was looked at, as the observations go by."""

    def __init__(self) -> None:
        self._named: set[tuple[str, str, str]] = set()
        """What is named, what it is called, and from where it was seen."""

    def add(self, header: Record, record: Record) -> None:
        """One observation."""
        task, host, image = record.get("task"), record.get("host"), record.get("image")
        if record["kind"] == "registry" and task in (REGISTRY, SOURCE) and isinstance(image, str) and image:
            self._add(task, image, record)
        elif record["kind"] not in CONNECTIONS:
            return
        elif task in (TENANT, CDN) and isinstance(host, str) and (task == CDN or host != tenants_host(header)):
            self._add(task, host, record)

    def problems(self, settings: Settings, hosts: set[str], unused: Container[str] = ()) -> Iterator[str]:
        """What nobody asked for. `hosts` are those of the cases; what was seen from vantages that are `unused` decides
        nothing."""
        for what, task, asked in (
            ("the images", REGISTRY, set(map(str, settings.images))),
            ("the images", SOURCE, set(map(str, settings.source_images))),
            ("the tenants", TENANT, set()),
            ("the hosts of layers", CDN, hosts),
        ):
            named = {name for its, name, vantage in self._named if its == task and vantage not in unused}
            if foreign := sorted(named - asked):
                more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
                yield (
                    f"{what} {', '.join(foreign[:SHOWN])}{more} were looked at, and neither settings nor plan name them"
                )

    def _add(self, task: str, name: str, record: Record) -> None:
        if len(self._named) < MOST:
            self._named.add((task, name, record["vantage"]))
