"""Who a vantage is: what it said of itself, what kind it is, and how far its clock is off (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from statistics import median
from typing import Any

from netcompliance.judge.evidence import TENANT, Evidence, clock_offset
from netcompliance.model import HERE, Kind, Observation, Settings
from netcompliance.observations import Host, Http

IDENTITY = (
    "hostname", "pod", "system", "machine", "platform", "user", "source_address", "source_address6", "nameservers",
    "search", "options", "proxies", "trust", "python", "interpreter", "openssl", "container", "runtime", "connection",
)  # fmt: skip
"""Fields of the `host` observation that say who looked."""
DERIVED = ("vantage_kind", "clock_offset")
"""What else is said of a vantage."""

PODS = ("kubectl", "openshift")
CONTAINERS = ("docker", "podman")


def kind_of(vantage: str, host: Host, declared: Iterable[tuple[str, Kind]]) -> Kind:
    """What a vantage is: as the profile declares, else by how it is reached and what its `host` observation shows.

    A container that has a container runtime of its own is a node (as those of kind and k3d are), and so is one that
    people log in to.
    """
    for pattern, kind in declared:
        if fnmatchcase(vantage, pattern):
            return kind
    scheme = host.connection or vantage.partition("://")[0]
    if scheme in PODS or host.kubernetes:
        return Kind.POD
    if vantage == HERE:
        return Kind.WORKSTATION
    return Kind.CONTAINER if scheme in CONTAINERS and not host.runtime else Kind.NODE


def identity(vantage: str, observations: Sequence[Observation], settings: Settings) -> Mapping[str, Any]:
    """For journal and report. `clock_offset` is in seconds, ahead of the receiver's clock; `None` if unknown."""
    host = next((seen for seen in observations if seen.get("kind") == "host"), {})
    evidence = Evidence(seen for seen in observations if seen.get("kind") in ("host", "http"))
    answers = evidence.all(Http, task=TENANT, host=settings.host, purpose="receiver")
    offsets = [offset for seen in answers if (offset := clock_offset(seen)) is not None]
    return {
        **{name: host[name] for name in IDENTITY if name in host},
        "vantage_kind": kind_of(vantage, evidence.vantage, settings.vantage_kinds),
        "clock_offset": round(median(offsets), 1) if offsets else None,
    }
