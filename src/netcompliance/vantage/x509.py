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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from netcompliance.model import Observation
from netcompliance.vantage.gocertificate import parse
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
MOST = 1 << 13
"""Signatures and certificates that are looked at for one visit: ten times what an honest one shows. Chains behind these
are not told, as if they had not been seen."""


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
    """A `chain` observation for each distinct leaf and host."""
    leaves: dict[tuple[str, str], _Seen] = {}
    trusted = _Trusted()
    for seen in observations:
        chain = seen.get("chain")
        if seen.get("kind") == "tls" and isinstance(chain, list) and chain:
            items = [str(item) for item in chain]
            leaves.setdefault((items[0], str(seen.get("host"))), _Seen()).add(items, _end_of(seen))
            trusted.add(seen)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: list[dict[str, Any]] = []
        before = reader.spent
        for (_, host), each in leaves.items():
            if reader.spent - before > MOST:
                return found
            read = reader.read(each.longest, host)
            if read is not None:
                judgements = [reader.judge(digest, sent, host, trusted) for digest, sent in each.sent.items()]
                found.append({**read, "judged": judgements})
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
        self.anchors: set[str] | None = None
        """In the store as the agent reads it; `None` if nobody said."""
        self._agent_only: set[str] = set()
        self._system_only: set[str] = set()

    def add(self, seen: Observation) -> None:
        """What a handshake told of them."""
        if isinstance(seen.get("anchors"), list):
            self.anchors = {*(self.anchors or ()), *map(str, seen["anchors"])}
            self._agent_only.update(map(str, seen.get("agent_only") or ()))
            self._system_only.update(map(str, seen.get("system_only") or ()))

    @property
    def differ(self) -> bool:
        """Do the system's tools trust others than the agent does?"""
        return bool(self.anchors is not None and (self._agent_only or self._system_only))

    @property
    def systems(self) -> set[str]:
        """What the system's tools trust."""
        agents = self.anchors or set()
        both = {each for each in agents if hashlib.sha256(_decoded(each)).hexdigest() not in self._agent_only}
        return both | self._system_only

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from another."""
        anchors = None if self.anchors is None else frozenset(self.anchors)
        return anchors, frozenset(self._agent_only), frozenset(self._system_only)


def _judged(sent: _Sent, host: str, anchors: Iterable[str] | None) -> Judgement:
    at = _moment_of(sent.at)
    if len(sent.chain) > CERTIFICATES:
        return Judgement(takes=None)
    trusted = None if anchors is None else [_decoded(anchor) for anchor in sorted(anchors)]
    return judged([_decoded(item) for item in sent.chain], host, trusted, at)


def chain_digest(chain: Sequence[str]) -> str:
    """SHA-256 over all certificates of a chain, in base64, in their order."""
    return hashlib.sha256(b"".join(map(_decoded, chain))).hexdigest()


class Reader:
    """Knows the roots, public and declared (`declared`: fingerprints; `authorities`: PEM bundles), and what it read."""

    def __init__(self, declared: Sequence[str] = (), authorities: Sequence[bytes] = ()) -> None:
        self._known: dict[tuple[str, tuple[str, ...]], dict[str, Any] | None] = {}
        self._judged: dict[tuple[object, ...], dict[str, Any]] = {}
        self.spent = 0
        """Signatures and certificates that were looked at."""
        self._declared = {fingerprint.lower().replace(":", "") for fingerprint in declared}
        declared_too = [cert for pem in authorities for cert in _load_pem(pem)]
        self._authorities = list(filter(None, map(_loaded, declared_too)))
        self._declared.update(map(_sha256, declared_too))

    def read(self, chain: Sequence[str], host: str) -> dict[str, Any] | None:
        """One chain, leaf first, in base64; None if its leaf is not even bytes."""
        key = (host, tuple(chain))
        if key not in self._known:
            self._known[key] = self._read(chain, host)
        return self._known[key]

    def judge(self, digest: str, sent: _Sent, host: str, trusted: _Trusted) -> dict[str, Any]:
        """What Go makes of a chain as it was sent, what it would with the system's store, and where it leads."""
        key = (host, digest, sent.at, trusted.key)
        if key not in self._judged:
            self.spent += len(sent.chain) + 2 * len(trusted.anchors or ())
            found = _judged(sent, host, trusted.anchors)
            told: dict[str, Any] = {
                "takes": found.takes,
                "rule": found.rule,
                "why": found.why,
                "subject": found.subject[:TEXT],
            }
            if trusted.differ:
                systems = trusted.systems
                self.spent += len(sent.chain) + 2 * len(systems)
                others = _judged(sent, host, systems)
                told["curl"] = None if others.takes is found.takes else others.takes
            told["minds"] = list(found.minds) or None
            whole = self.read(sent.chain, host) or {}
            known = {name: value for name, value in told.items() if value not in (None, "")}
            self._judged[key] = {"sent": digest, "anchor": whole.get("anchor"), **known}
        return self._judged[key]

    def _read(self, chain: Sequence[str], host: str) -> dict[str, Any] | None:
        leaf = _load_der(chain[0])
        others = [_load_der(item) for item in chain[1:CERTIFICATES]]
        certificates = [leaf, *filter(None, others)] if leaf else []
        path = self._best_path(certificates) if leaf else []
        return {
            "kind": "chain",
            "sha256": hashlib.sha256(_decoded(chain[0])).hexdigest(),
            "host": host,
            "covers": bool(leaf and covers(leaf.read, host)),
            "certificates": [_described(cert, on_path=not path or cert in path) for cert in certificates],
            "anchor": self._anchor_of(path[-1]) if path else None,
            "anchor_name": _named(path[-1].cert.subject) if path else None,
            "public_issuer": bool(leaf and _organisation(leaf.cert.issuer) in _public_organisations()),
            "unreadable": sum(each is None for each in (leaf, *others)),
        }

    def _anchor_of(self, cert: _Loaded) -> str | None:
        if cert.sha256 in self._declared:
            return "declared"
        return "public" if cert.sha256 in _public_roots() else None

    def _best_path(self, certificates: Sequence[_Loaded]) -> list[_Loaded]:
        """The shortest way from the leaf to an anchor. A declared authority counts first: then its owner wants to read
        along."""
        known = [
            path[: at + 1] for path in self._paths(certificates) for at, c in enumerate(path) if self._anchor_of(c)
        ]
        return min(known, key=lambda path: (self._anchor_of(path[-1]) != "declared", len(path)), default=[])

    def _paths(self, certificates: Sequence[_Loaded]) -> Iterator[list[_Loaded]]:
        """Every way up from the leaf by signatures, as far as issuers are known."""
        checked: dict[tuple[_Loaded, _Loaded], bool] = {}

        def signed(loaded: _Loaded, issuer: _Loaded) -> bool:
            if (loaded, issuer) not in checked:
                self.spent += 1
                checked[loaded, issuer] = _signed(loaded, issuer)
            return checked[loaded, issuer]

        pending = [[certificates[0]]]
        for _ in range(WAYS):
            if not pending:
                return
            path = pending.pop()
            last = path[-1]
            issuers = [
                issuer
                for issuer in [*certificates[1:], *self._authorities, *_roots_named(last.cert.issuer)]
                if issuer is not None
                if issuer not in path and issuer.cert.subject == last.cert.issuer and signed(last, issuer)
            ]
            if not issuers or len(path) >= DEPTH:
                yield path
            else:
                pending += [[*path, issuer] for issuer in dict.fromkeys(issuers)]


def fingerprints(pem: bytes) -> list[str]:
    """SHA-256 of each certificate in a PEM file."""
    return [_sha256(cert) for cert in _load_pem(pem)]


def _described(loaded: _Loaded, *, on_path: bool) -> dict[str, Any]:
    cert = loaded.cert
    return {
        "subject": _named(cert.subject),
        "issuer": _named(cert.issuer),
        "names": _names(loaded.read)[:NAMES],
        "not_before": _moment(loaded.read.begin),
        "not_after": _moment(loaded.read.end),
        "sha256": loaded.sha256,
        "self_signed": cert.subject == cert.issuer and _signed(loaded, loaded, as_authority=False),
        "ca": _is_authority(loaded),
        "aia": _aia(cert),
        "on_path": on_path,
    }


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


def _signed(loaded: _Loaded, issuer: _Loaded, *, as_authority: bool = True) -> bool:
    """Did the issuer sign this certificate, and may it?"""
    if as_authority and not _is_authority(issuer):
        return False
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

    cert: x509.Certificate
    read: Certificate = field(compare=False)

    @property
    def sha256(self) -> str:
        """The fingerprint."""
        return _sha256(self.cert)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""


def _load_der(text: str) -> _Loaded | None:
    try:
        return _loaded(x509.load_der_x509_certificate(_decoded(text)))
    except UNREADABLE:
        return None


def _loaded(cert: x509.Certificate) -> _Loaded | None:
    try:
        cert.subject, cert.issuer  # noqa: B018 - parsed on access
        return _Loaded(cert=cert, read=parse(cert.public_bytes(Encoding.DER)))
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


def _roots_named(subject: x509.Name) -> list[_Loaded | None]:
    try:
        return [_loaded(cert) for cert in _by_subject().get(subject.public_bytes(), ())]
    except UNREADABLE:
        return []


@cache
def _public_organisations() -> frozenset[str]:
    return frozenset(filter(None, (_organisation(cert.subject) for cert in _public())))
