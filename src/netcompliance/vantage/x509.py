"""What the peers' certificate chains are, and what they lead to: public authorities, declared ones, or nobody known.

Theory. "Verified with the host's trust store" does not say that TLS ends at the service: an interception whose
authority the host trusts verifies too. So each chain is built again here, by signatures, up to the public roots that
certifi carries. Time plays no part in it: validity is listed, and judged elsewhere against clocks. A server need not
send its root, and may send certificates in any order or too many; any path counts.

Names and constraints are read by hand (`gocertificate`), since a library may stumble over an extension that nobody
needs. A leaf that cannot be read leads nowhere: no other certificate takes its place. What a Go client makes of each
chain as it was sent, with what the host's store has for it, stands beside it (`goverify`).
"""

from __future__ import annotations

import base64
import hashlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from netcompliance.model import Observation
from netcompliance.vantage.der import Malformed
from netcompliance.vantage.effort import Effort, Exhausted
from netcompliance.vantage.gocertificate import LARGEST_EXPONENT, parse
from netcompliance.vantage.goextensions import Certificate
from netcompliance.vantage.goverify import Judgement, covers, judged

PEM_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
DEPTH = 8
NAMES = 64
TEXT = 200

UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises over certificates that it does not understand; few of these have an ancestor in common."""
CERTIFICATES = 64
"""Of one chain that are looked at."""
WAYS = 512
"""Up from a leaf that are tried."""
SENT = 16
"""Different chains with the same leaf that are told."""


@dataclass(kw_only=True)
class _Sent:
    """A chain as it was sent, and when."""

    chain: list[str]
    at: float | None


@dataclass(kw_only=True)
class _Seen:
    """What was seen with one leaf."""

    sent: dict[str, _Sent] = field(default_factory=dict)

    def add(self, chain: list[str], at: float | None) -> None:
        """Once more; the last moment counts, so that an expired certificate is not taken for a good one."""
        digest = chain_digest(chain)
        if digest in self.sent or len(self.sent) < SENT:
            known = self.sent.setdefault(digest, _Sent(chain=chain, at=at))
            known.at = at if known.at is None else max(known.at, at or known.at)

    @property
    def longest(self) -> list[str]:
        """The chain that tells most."""
        return max((each.chain for each in self.sent.values()), key=len)


def read_chains(observations: Iterable[Observation], reader: Reader) -> list[dict[str, Any]]:
    """A `chain` observation for each distinct leaf and host. Chains that cost more than they may (`effort`) are not
    told, as if they had not been seen."""
    leaves: dict[tuple[str, str], _Seen] = {}
    trusted = _Trusted()
    for seen in observations:
        chain = seen.get("chain")
        if seen.get("kind") == "tls" and isinstance(chain, list) and chain:
            items = [str(item) for item in chain]
            leaves.setdefault((items[0], str(seen.get("host"))), _Seen()).add(items, _end_of(seen))
            trusted.add(seen)
    found: list[dict[str, Any]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        visit = _Visit(reader, trusted)
        for (_, host), each in leaves.items():
            with suppress(Exhausted):
                found.append(visit.reading(each, host))
    return found


def _moment_of(at: float | None) -> datetime | None:
    """A moment that a host told; `None` if it is none."""
    try:
        return None if at is None else datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _end_of(seen: Observation) -> float | None:
    """When the handshake was over."""
    at, seconds = seen.get("at"), seen.get("seconds")
    if not isinstance(at, (int, float)):
        return None
    return float(at) + (float(seconds) if isinstance(seconds, (int, float)) else 0.0)


class _Trusted:
    """What the host's stores have for its chains, in base64."""

    def __init__(self) -> None:
        self._known = False
        """Did anybody say what is in the store?"""
        self._anchors: set[str] = set()
        """In the store as the agent reads it."""
        self._agent_only: set[str] = set()
        self._system_only: set[str] = set()

    def add(self, seen: Observation) -> None:
        """What a handshake told of them."""
        if isinstance(seen.get("anchors"), list):
            self._known = True
            self._anchors.update(map(str, seen["anchors"]))
            self._agent_only.update(map(str, seen.get("agent_only") or ()))
            self._system_only.update(map(str, seen.get("system_only") or ()))

    def agents(self) -> list[bytes] | None:
        """What the agent trusts; `None` if that is not known."""
        return [_decoded(each) for each in sorted(self._anchors)] if self._known else None

    def systems(self) -> list[bytes] | None:
        """What the system's tools trust; `None` if they trust what the agent does."""
        if not (self._agent_only or self._system_only):
            return None
        anchors = {each: _decoded(each) for each in self._anchors}
        both = {each for each, der in anchors.items() if hashlib.sha256(der).hexdigest() not in self._agent_only}
        return [_decoded(each) for each in sorted(both | self._system_only)]


def chain_digest(chain: Sequence[str]) -> str:
    """SHA-256 over all certificates of a chain, in base64, in their order."""
    return hashlib.sha256(b"".join(map(_decoded, chain))).hexdigest()


class Reader:
    """Knows the roots, public and declared (`declared`: fingerprints; `authorities`: PEM bundles)."""

    def __init__(self, declared: Sequence[str] = (), authorities: Sequence[bytes] = ()) -> None:
        self._declared = {fingerprint.lower().replace(":", "") for fingerprint in declared}
        declared_too = [cert for pem in authorities for cert in _load_pem(pem)]
        self.authorities = list(filter(None, map(_loaded, declared_too)))
        self._declared.update(map(_sha256, declared_too))

    def anchor_of(self, cert: _Loaded) -> str | None:
        """What kind of root it is, if it is one."""
        if cert.sha256 in self._declared:
            return "declared"
        return "public" if cert.sha256 in _public_roots() else None


class _Visit:
    """The chains of one visit, and what was done for them."""

    def __init__(self, reader: Reader, trusted: _Trusted) -> None:
        self._reader = reader
        self._agents, self._systems = trusted.agents(), trusted.systems()
        self._effort = Effort()
        self._loaded: dict[str, _Loaded | None] = {}
        self._described: dict[str, dict[str, Any]] = {}
        with suppress(Exhausted):
            for der in [*(self._agents or ()), *(self._systems or ())]:
                with suppress(Malformed):
                    self._effort.parsed(der)

    def reading(self, seen: _Seen, host: str) -> dict[str, Any]:
        """What was seen with one leaf. Raises `Exhausted`."""
        self._effort.begin()
        read = self._read(seen.longest, host)
        return {**read, "judged": [self._judge(digest, sent, host) for digest, sent in seen.sent.items()]}

    def _judge(self, digest: str, sent: _Sent, host: str) -> dict[str, Any]:
        """What Go makes of a chain as it was sent, what it would with the system's store, and where it leads."""
        found = self._judged(sent, host, self._agents)
        told: dict[str, Any] = {
            "takes": found.takes,
            "rule": found.rule,
            "why": found.why,
            "subject": found.subject[:TEXT],
        }
        if self._systems is not None:
            others = self._judged(sent, host, self._systems)
            told["curl"] = None if others.takes is found.takes else others.takes
        told["minds"] = list(found.minds) or None
        known = {name: value for name, value in told.items() if value not in (None, "")}
        path = self._best_path(self._certificates(sent.chain)[0])
        return {"sent": digest, "anchor": self._reader.anchor_of(path[-1]) if path else None, **known}

    def _judged(self, sent: _Sent, host: str, anchors: Sequence[bytes] | None) -> Judgement:
        if len(sent.chain) > CERTIFICATES:
            return Judgement(takes=None)
        return judged([_decoded(item) for item in sent.chain], host, anchors, _moment_of(sent.at), self._effort)

    def _read(self, chain: Sequence[str], host: str) -> dict[str, Any]:
        """One chain, leaf first, in base64."""
        certificates, unreadable = self._certificates(chain)
        leaf = certificates[0] if certificates else None
        path = self._best_path(certificates)
        return {
            "kind": "chain",
            "sha256": hashlib.sha256(_decoded(chain[0])).hexdigest(),
            "host": host,
            "covers": bool(leaf and covers(leaf.read, host)),
            "certificates": [{**self._describe(cert), "on_path": not path or cert in path} for cert in certificates],
            "anchor": self._reader.anchor_of(path[-1]) if path else None,
            "anchor_name": _named(path[-1].cert.subject) if path else None,
            "public_issuer": bool(leaf and _organisation(leaf.cert.issuer) in _public_organisations()),
            "unreadable": unreadable,
        }

    def _certificates(self, chain: Sequence[str]) -> tuple[list[_Loaded], int]:
        """Those of a chain that can be read, unless the leaf cannot be, and how many cannot."""
        every = [self._load(item) for item in chain[:CERTIFICATES]]
        return [each for each in every if each] if every[0] else [], sum(each is None for each in every)

    def _load(self, text: str) -> _Loaded | None:
        if text not in self._loaded:
            self._effort.spend(100 + len(text) // 8)
            self._loaded[text] = _load_der(text, self._effort.parsed)
        self._effort.spend(1 + len(text) // 64)
        return self._loaded[text]

    def _describe(self, loaded: _Loaded) -> dict[str, Any]:
        if loaded.sha256 not in self._described:
            self._effort.spend(100 + len(loaded.read.raw))
            cert = loaded.cert
            self._described[loaded.sha256] = {
                "subject": _named(cert.subject),
                "issuer": _named(cert.issuer),
                "names": _names(loaded.read)[:NAMES],
                "not_before": _moment(loaded.read.begin),
                "not_after": _moment(loaded.read.end),
                "sha256": loaded.sha256,
                "self_signed": cert.subject == cert.issuer and self._signed(loaded, loaded),
                "ca": _is_authority(loaded),
                "aia": _aia(cert),
            }
        return self._described[loaded.sha256]

    def _signed(self, loaded: _Loaded, issuer: _Loaded) -> bool:
        """Did the issuer sign this certificate?"""
        if issuer.read.exponent > LARGEST_EXPONENT:
            return False
        return self._effort.signed("library", loaded.read, issuer.read, partial(_verified, loaded, issuer))

    def _best_path(self, certificates: Sequence[_Loaded]) -> list[_Loaded]:
        """The shortest way from the leaf to an anchor. A declared authority counts first: then its owner wants to read
        along."""
        if not certificates:
            return []
        anchor_of = self._reader.anchor_of
        known = [path[: at + 1] for path in self._paths(certificates) for at, c in enumerate(path) if anchor_of(c)]
        return min(known, key=lambda path: (anchor_of(path[-1]) != "declared", len(path)), default=[])

    def _paths(self, certificates: Sequence[_Loaded]) -> Iterator[list[_Loaded]]:
        """Every way up from the leaf by signatures, as far as issuers are known."""
        pending = [[certificates[0]]]
        for _ in range(WAYS):
            if not pending:
                return
            path = pending.pop()
            last = path[-1]
            candidates = [*certificates[1:], *self._reader.authorities, *_roots_named(last.read.issuer)]
            self._effort.spend(10 + 6 * len(candidates))
            passed = {each.sha256 for each in path}
            issuers = [
                issuer
                for issuer in candidates
                if issuer.read.subject == last.read.issuer and issuer.sha256 not in passed
                if _is_authority(issuer) and self._signed(last, issuer)
            ]
            if not issuers or len(path) >= DEPTH:
                yield path
            else:
                pending += [[*path, issuer] for issuer in dict.fromkeys(issuers)]


def fingerprints(pem: bytes) -> list[str]:
    """SHA-256 of each certificate in a PEM file."""
    return [_sha256(cert) for cert in _load_pem(pem)]


def _names(cert: Certificate) -> list[str]:
    return [*(name[:TEXT] for name in cert.names), *(str(ip_address(address)) for address in cert.addresses)]


def _aia(cert: x509.Certificate) -> list[str]:
    """Where the certificate says that its issuer can be fetched. Nobody does that here."""
    try:
        extension = cert.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except UNREADABLE:
        return []
    return [
        str(access.access_location.value)[:TEXT]
        for access in extension
        if access.access_method == AuthorityInformationAccessOID.CA_ISSUERS
    ]


def _is_authority(loaded: _Loaded) -> bool:
    return loaded.read.basic and loaded.read.ca


def _verified(loaded: _Loaded, issuer: _Loaded) -> bool:
    try:
        loaded.cert.verify_directly_issued_by(issuer.cert)
    except UNREADABLE:
        return False
    return True


def _named(name: x509.Name) -> str:
    """A name as people write it: CN=…, O=…"""
    try:
        return name.rfc4514_string()[:TEXT]
    except UNREADABLE:
        return "unreadable"


def _organisation(name: x509.Name) -> str:
    try:
        attributes = name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    except UNREADABLE:
        return ""
    return str(attributes[0].value).strip().lower() if attributes else ""


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sha256(cert: x509.Certificate) -> str:
    return hashlib.sha256(cert.public_bytes(Encoding.DER)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """A certificate as a library holds it, and as it was read by hand."""

    cert: x509.Certificate = field(compare=False)
    read: Certificate = field(compare=False)
    sha256: str
    """The fingerprint."""


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""


def _load_der(text: str, parsed: Callable[[bytes], Certificate]) -> _Loaded | None:
    try:
        return _loaded(x509.load_der_x509_certificate(_decoded(text)), parsed)
    except UNREADABLE:
        return None


def _loaded(cert: x509.Certificate, parsed: Callable[[bytes], Certificate] = parse) -> _Loaded | None:
    try:
        cert.subject, cert.issuer  # noqa: B018 - parsed on access
        der = cert.public_bytes(Encoding.DER)
        return _Loaded(cert=cert, read=parsed(der), sha256=hashlib.sha256(der).hexdigest())
    except UNREADABLE:
        return None


def _load_pem(pem: bytes) -> list[x509.Certificate]:
    """One by one: a bundle may hold old certificates that are no longer accepted, and they spoil no others."""
    found = []
    for block in PEM_BLOCK.findall(pem):
        with suppress(*UNREADABLE):
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


def _roots_named(subject: bytes) -> list[_Loaded]:
    return list(filter(None, map(_root, _by_subject().get(subject, ()))))


_root = cache(_loaded)


@cache
def _public_organisations() -> frozenset[str]:
    return frozenset(filter(None, (_organisation(cert.subject) for cert in _public())))
