"""What a run knows of the network underneath its verdicts: addresses, certificates, ways, times (pure).

Rules
* Observations are looked at one by one and forgotten; what is kept is bounded, however long the journal is.
* Observations are hostile: a field of the wrong type is missing.
* A fact is a set of texts, because one run may see several: an answer per address, a redirect per layer.
* Nothing seen is no fact. It is not the same as "there is none", and nothing is compared with it.
* Only the tenant's own addresses count: the documentation allows it by address, and registries and their CDNs by name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from netcompliance.journal.reader import tenants_host
from netcompliance.model import DriftKind, Observation
from netcompliance.observations import Dns, Http, Registry, Resolve, Route, Seen, Tcp, Tls, decode

MOST_VALUES = 200
"""Values of one fact that are kept."""
MOST_FACTS = 100_000
"""Facts and paths of one run that are kept: those of some thousand hosts."""
MOST_SAMPLES = 1000
"""Times of one path that are kept."""
DIRECT = "direct"
"""The way of a host that is reached without a proxy."""
CDN = "CDN hosts"
COMPARED = frozenset(its.kind for its in (Resolve, Dns, Route, Tcp, Tls, Http, Registry))
"""Kinds of which something is kept."""


Key = tuple[DriftKind, str, str]
"""(kind, vantage, subject)"""
Path = tuple[str, str, str]
"""(vantage, layer, host)"""

_IDENTITY: Mapping[str, str] = {
    "hostname": "host name",
    "source_address": "source address",
    "source_address6": "IPv6 source address",
    "platform": "platform",
    "vantage_kind": "kind",
    "trust": "trust store",
    "python": "looked with",
    "openssl": "OpenSSL",
    "pod": "pod",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is compared underneath the verdicts."""

    known: Mapping[Key, frozenset[str]] = field(default_factory=dict)
    seconds: Mapping[Path, tuple[float, ...]] = field(default_factory=dict)
    """How long each exchange of a path took that came to an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What tells one certificate from another."""

    issuer: str
    sha256: str
    key: str


class Gathering:
    """The facts of a run, as its journal is read."""

    def __init__(self) -> None:
        self.known: dict[Key, set[str]] = {}
        self.seconds: dict[Path, list[float]] = {}
        self._tenant = ""

    def facts(self, vantages: Iterable[Observation]) -> Facts:
        """All of them. `vantages` are the journal's records of who looked."""
        for record in vantages:
            self._identity(record)
        return Facts(
            known={key: frozenset(values) for key, values in self.known.items() if values},
            seconds={path: tuple(times) for path, times in self.seconds.items()},
        )

    def _identity(self, record: Observation) -> None:
        vantage = _text(record.get("id"))
        for name, told in _IDENTITY.items():
            self._know(DriftKind.VANTAGE, vantage, told, _flat(record.get(name)))
        for name in ("nameservers", "search", "options"):
            self._know(DriftKind.RESOLVERS, vantage, name, " ".join(_texts(record.get(name))))

    def observe(self, header: Observation, observation: Observation) -> None:
        """One observation (`reader.Observe`)."""
        self._tenant = tenants_host(header)
        vantage = _text(observation.get("vantage"))
        if _text(observation.get("kind")) not in COMPARED:
            return
        match decode(observation):
            case Resolve() as seen:
                self._resolve(seen, vantage)
            case Dns() as seen:
                self._took(vantage, "DNS", seen, seen.seconds)
            case Route() as seen:
                self._know(DriftKind.WAY, vantage, seen.host or "", seen.proxy or DIRECT)
            case Tcp() as seen:
                self._took(vantage, "TCP", seen, seen.seconds)
            case Tls() as seen:
                self._tls(seen, vantage)
            case Http(purpose="receiver" | "path" | "sibling") as seen:
                self._took(vantage, "HTTP", seen, seen.first_byte)
            case Registry() as seen:
                self._registry(seen, vantage)

    def _know(self, topic: DriftKind, vantage: str, subject: str, *values: str) -> None:
        if len(self.known) >= MOST_FACTS:
            return
        kept = self.known.setdefault((topic, vantage, subject), set())
        kept.update(_text(value) for value in values[: MOST_VALUES - len(kept)] if value)

    def _took(self, vantage: str, layer: str, seen: Seen, took: float | None) -> None:
        if seen.error is not None or seen.task == "control" or took is None or len(self.seconds) >= MOST_FACTS:
            return
        asked = seen.host or (seen.server if isinstance(seen, Dns) else None)
        times = self.seconds.setdefault((vantage, layer, CDN if seen.task == "cdn" else _text(asked)), [])
        if 0 <= took < 3600 and len(times) < MOST_SAMPLES:
            times.append(took)

    def _resolve(self, seen: Resolve, vantage: str) -> None:
        if seen.host == self._tenant and seen.purpose == "bare":
            self._know(DriftKind.ADDRESSES, vantage, self._tenant, *seen.addresses[:MOST_VALUES])
            self._know(DriftKind.ALIAS, vantage, self._tenant, seen.canonical or "")

    def _tls(self, seen: Tls, vantage: str) -> None:
        if seen.purpose not in ("verify", "verify-again", "identify"):
            return
        host = seen.host or ""
        self._know(DriftKind.TLS_VERSION, vantage, host, seen.version or "")
        shown = leaf(seen.chain[0]) if seen.chain else None
        if shown:
            self._know(DriftKind.ISSUER, vantage, host, shown.issuer)
            self._know(DriftKind.KEY, vantage, host, shown.key)
            self._know(DriftKind.CERTIFICATE, vantage, host, shown.sha256)
        if seen.purpose == "verify":
            self._took(vantage, "TLS", seen, seen.seconds)

    def _registry(self, seen: Registry, vantage: str) -> None:
        if seen.hop == 0 and seen.step in ("ping", "token", "manifest"):
            self._took(vantage, "HTTP", seen, seen.first_byte)
        if seen.step in ("config", "layer") and seen.redirected_to:
            self._know(DriftKind.REDIRECTS, vantage, seen.host or "", _host_of(seen.redirected_to))
        if seen.step == "manifest" and seen.status == 200 and seen.sha256 and seen.complete:
            self._know(DriftKind.DIGEST, vantage, _text(seen.image), f"sha256:{seen.sha256}")


@lru_cache(maxsize=256)
def leaf(encoded: str) -> Leaf | None:
    """What tells this certificate (DER, base64) from others; None if it cannot be read."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        der = base64.b64decode(encoded, validate=True)
        read = x509.load_der_x509_certificate(der)
        spki = read.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        issuer = read.issuer.rfc4514_string()
    except (binascii.Error, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return Leaf(issuer=issuer[:300], sha256=hashlib.sha256(der).hexdigest(), key=hashlib.sha256(spki).hexdigest())


def _text(value: Any) -> str:
    return value[:500] if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)):
        return []
    return [each for each in value[:MOST_VALUES] if isinstance(each, str)]


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in sorted(value.items()) if isinstance(each, (str, int)))[:500]
    return _text(value)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url[:500]).hostname or ""
    except ValueError:
        return ""
