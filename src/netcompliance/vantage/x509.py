"""What the peers' certificate chains are, and what they lead to: public authorities, declared ones, or nobody known.

Theory. "Verified with the host's trust store" does not say that TLS ends at the service: an interception whose
authority the host trusts verifies too. So each chain is built again here, by signatures, up to the public roots that
certifi carries. Time plays no part in it: validity is listed, and judged elsewhere against clocks. A server need not
send its root, and may send certificates in any order or too many; any path counts.
"""

from __future__ import annotations

import base64
import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from netcompliance.model import Observation

PEM_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
DEPTH = 8
NAMES = 64
TEXT = 200

Anchor = tuple[str | None, str | None]


def read_chains(observations: Iterable[Observation], reader: Reader) -> list[dict[str, Any]]:
    """A `chain` observation for each distinct leaf and host."""
    longest: dict[tuple[str, str], list[str]] = {}
    for seen in observations:
        chain = seen.get("chain")
        if seen.get("kind") == "tls" and isinstance(chain, list) and chain:
            key = (str(chain[0]), str(seen.get("host")))
            if len(chain) > len(longest.get(key, ())):
                longest[key] = [str(item) for item in chain]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return [found for (_, host), chain in longest.items() if (found := reader.read(chain, host))]


class Reader:
    """Knows the roots, public and declared (`declared`: fingerprints; `authorities`: PEM bundles), and what it read."""

    def __init__(self, declared: Sequence[str] = (), authorities: Sequence[bytes] = ()) -> None:
        self._known: dict[tuple[str, tuple[str, ...]], dict[str, Any] | None] = {}
        self._declared = {fingerprint.lower().replace(":", "") for fingerprint in declared}
        self._authorities = [cert for pem in authorities for cert in _load_pem(pem)]
        self._declared.update(_sha256(cert) for cert in self._authorities)

    def read(self, chain: Sequence[str], host: str) -> dict[str, Any] | None:
        """One chain, leaf first, in base64; None if its leaf is no certificate."""
        key = (host, tuple(chain))
        if key not in self._known:
            self._known[key] = self._read(chain, host)
        return self._known[key]

    def _read(self, chain: Sequence[str], host: str) -> dict[str, Any] | None:
        certificates = [cert for item in chain if (cert := _load_der(item))]
        if not certificates:
            return None
        anchor, name = self._anchor(certificates)
        return {
            "kind": "chain",
            "sha256": hashlib.sha256(base64.b64decode(chain[0])).hexdigest(),
            "host": host,
            "covers": covers(certificates[0], host),
            "certificates": [_described(cert) for cert in certificates],
            "anchor": anchor,
            "anchor_name": name,
            "public_issuer": _organisation(certificates[0].issuer) in _public_organisations(),
        }

    def _anchor(self, certificates: Sequence[x509.Certificate]) -> Anchor:
        """Where the leaf leads. A declared authority counts first: then its owner wants to read along."""
        paths = list(self._paths(certificates))
        for path in paths:
            for cert in path:
                if _sha256(cert) in self._declared:
                    return "declared", _named(cert.subject)
        for path in paths:
            for cert in path:
                if _sha256(cert) in _public_roots():
                    return "public", _named(cert.subject)
        return None, None

    def _paths(self, certificates: Sequence[x509.Certificate]) -> Iterator[list[x509.Certificate]]:
        """Every way up from the leaf by signatures, as far as issuers are known."""
        pending = [[certificates[0]]]
        while pending:
            path = pending.pop()
            last = path[-1]
            issuers = [
                cert
                for cert in [*certificates[1:], *self._authorities, *_roots_named(last.issuer.public_bytes())]
                if cert not in path and cert.subject == last.issuer and _signed(last, cert)
            ]
            if not issuers or len(path) >= DEPTH:
                yield path
            else:
                pending += [[*path, issuer] for issuer in dict.fromkeys(issuers)]


def covers(leaf: x509.Certificate, host: str) -> bool:
    """Is the certificate for this host? Names by subjectAltName alone; a wildcard stands for one label."""
    host = host.lower().rstrip(".")
    for name in (name.lower().rstrip(".") for name in _names(leaf)):
        if name == host or (name.startswith("*.") and "." in host and host.split(".", 1)[1] == name[2:]):
            return True
    return False


def fingerprints(pem: bytes) -> list[str]:
    """SHA-256 of each certificate in a PEM file."""
    return [_sha256(cert) for cert in _load_pem(pem)]


def _described(cert: x509.Certificate) -> dict[str, Any]:
    return {
        "subject": _named(cert.subject),
        "issuer": _named(cert.issuer),
        "names": _names(cert)[:NAMES],
        "not_before": _moment(cert.not_valid_before_utc),
        "not_after": _moment(cert.not_valid_after_utc),
        "sha256": _sha256(cert),
        "self_signed": cert.subject == cert.issuer and _signed(cert, cert, as_authority=False),
        "ca": _is_authority(cert),
        "aia": _aia(cert),
    }


def _names(cert: x509.Certificate) -> list[str]:
    try:
        extension = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return []
    return [
        *(str(name)[:TEXT] for name in extension.get_values_for_type(x509.DNSName)),
        *(str(address) for address in extension.get_values_for_type(x509.IPAddress)),
    ]


def _aia(cert: x509.Certificate) -> list[str]:
    """Where the certificate says that its issuer can be fetched. Nobody does that here."""
    try:
        extension = cert.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return []
    return [
        str(access.access_location.value)[:TEXT]
        for access in extension
        if access.access_method == AuthorityInformationAccessOID.CA_ISSUERS
    ]


def _is_authority(cert: x509.Certificate) -> bool:
    try:
        return cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return False


def _signed(cert: x509.Certificate, issuer: x509.Certificate, *, as_authority: bool = True) -> bool:
    """Did the issuer sign this certificate, and may it?"""
    if as_authority and not _is_authority(issuer):
        return False
    try:
        cert.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _named(name: x509.Name) -> str:
    """A name as people write it: CN=…, O=…"""
    try:
        return name.rfc4514_string()[:TEXT]
    except ValueError:
        return "unreadable"


def _organisation(name: x509.Name) -> str:
    attributes = name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(attributes[0].value).strip().lower() if attributes else ""


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sha256(cert: x509.Certificate) -> str:
    return hashlib.sha256(cert.public_bytes(Encoding.DER)).hexdigest()


def _load_der(text: str) -> x509.Certificate | None:
    try:
        cert = x509.load_der_x509_certificate(base64.b64decode(text))
        cert.subject, cert.issuer, cert.extensions  # noqa: B018 - parsed on access; what cannot be read is left out
    except ValueError:
        return None
    return cert


def _load_pem(pem: bytes) -> list[x509.Certificate]:
    """One by one: a bundle may hold old certificates that are no longer accepted, and they spoil no others."""
    found = []
    for block in PEM_BLOCK.findall(pem):
        with suppress(ValueError):
            found.append(x509.load_pem_x509_certificate(block))
    return found


@cache
def _public() -> list[x509.Certificate]:
    return _load_pem(Path(certifi.where()).read_bytes())


@cache
def _public_roots() -> frozenset[str]:
    return frozenset(_sha256(cert) for cert in _public())


@cache
def _by_subject() -> Mapping[bytes, list[x509.Certificate]]:
    found: dict[bytes, list[x509.Certificate]] = {}
    for cert in _public():
        found.setdefault(cert.subject.public_bytes(), []).append(cert)
    return found


def _roots_named(subject: bytes) -> list[x509.Certificate]:
    return _by_subject().get(subject, [])


@cache
def _public_organisations() -> frozenset[str]:
    return frozenset(filter(None, (_organisation(cert.subject) for cert in _public())))
