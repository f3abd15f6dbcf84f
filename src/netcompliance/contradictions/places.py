"""Was anything looked at that nobody asked for? (pure)

Theory. A visit looks at what settings and plan name: the tenant, its images and their registries, the hosts of image
layers. What else is there was asked for by other settings, or by a plan of which cases are gone.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcompliance.journal.decode import Record
from netcompliance.journal.reader import SavedRun, tenants_host

MOST = 1 << 12
"""Names that are remembered of each sort."""
SHOWN = 4
TENANT, CDN, REGISTRY, SOURCE = "tenant", "cdn", "registry", "source"
CONNECTIONS = frozenset({"tcp", "shares", "tls", "exchanges", "http2", "http"})
"""Kinds of which the host is the one that was connected to."""


class Places:
    """What was looked at, as the observations go by."""

    def __init__(self) -> None:
        self._images: dict[str, set[str]] = {REGISTRY: set(), SOURCE: set()}
        """By the task in which they were asked for."""
        self._tenants: set[str] = set()
        self._layers: set[str] = set()

    def add(self, header: Record, record: Record) -> None:
        """One observation."""
        task, host, image = record.get("task"), record.get("host"), record.get("image")
        if record["kind"] == "registry" and task in (REGISTRY, SOURCE) and isinstance(image, str) and image:
            _add(self._images[task], image)
        elif record["kind"] not in CONNECTIONS:
            return
        elif task == TENANT and isinstance(host, str) and host != tenants_host(header):
            _add(self._tenants, host)
        elif task == CDN and isinstance(host, str):
            _add(self._layers, host)

    def problems(self, saved: SavedRun) -> Iterator[str]:
        """What nobody asked for. Raises `BadJournal`."""
        settings = saved.settings
        hosts = {case.host for case, _ in saved.plan}
        for what, asked in (
            ("the images", self._images[REGISTRY] - set(map(str, settings.images))),
            ("the images", self._images[SOURCE] - set(map(str, settings.source_images))),
            ("the tenants", self._tenants),
            ("the hosts of layers", self._layers - hosts),
        ):
            if asked:
                shown = ", ".join(sorted(asked)[:SHOWN])
                more = f" and {len(asked) - SHOWN} more" if len(asked) > SHOWN else ""
                yield f"{what} {shown}{more} were looked at, and neither settings nor plan name them"


def _add(names: set[str], name: str) -> None:
    if len(names) < MOST:
        names.add(name)
