"""A server's certificates, verified as a Go client verifies them (crypto/x509/verify.go, crypto/tls; Go 1.24 to 1.26).

Theory. OpenSSL's verdict is not the agent's. Go reads names from the subjectAltName alone, takes no SHA-1 and no MD5
below a root, no RSA key under 1,024 bits in a handshake or a signature, no unknown critical extension, and enforces
names and usages down the whole chain; on the other hand it tries every path that there is, trusts whatever lies in the
store, and does not look at the key usage of a server. All that is needed for it is what the server sent and what the
host's store has under the names of the issuers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from ipaddress import ip_address

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from netcompliance.vantage.der import Der, Malformed
from netcompliance.vantage.effort import Effort
from netcompliance.vantage.gocertificate import EC, ED25519, LARGE_EXPONENT, LARGEST_EXPONENT, RSA, named
from netcompliance.vantage.goconstraints import Fault, check_constraints
from netcompliance.vantage.goextensions import ALT_NAME, KEY_USAGE, Certificate
from netcompliance.vantage.gonames import is_hostname, same_address

SERVER, ANY_USAGE, COMMON_NAME = "1.3.6.1.5.5.7.3.1", "2.5.29.37.0", "2.5.4.3"
SMALLEST_RSA, LARGEST_RSA = 1024, 8192
EXPIRED, NOT_YET_VALID, PURPOSE = 10, 9, 26
"""OpenSSL's numbers."""
HANDSHAKE_BITS = (0, 2, 4)
"""Signatures, encryption of keys, agreement on keys."""
MOST_CHECKS = 100
"""Signatures that Go checks for one server."""
SHA1, MD5 = "SHA-1", "MD5"
SIGNATURES: dict[str, tuple[str, str | hashes.HashAlgorithm | None]] = {
    "1.2.840.113549.1.1.4": (RSA, MD5),
    "1.2.840.113549.1.1.5": (RSA, SHA1),
    "1.3.14.3.2.29": (RSA, SHA1),
    "1.2.840.113549.1.1.11": (RSA, hashes.SHA256()),
    "1.2.840.113549.1.1.12": (RSA, hashes.SHA384()),
    "1.2.840.113549.1.1.13": (RSA, hashes.SHA512()),
    "1.2.840.10045.4.1": (EC, SHA1),
    "1.2.840.10045.4.3.2": (EC, hashes.SHA256()),
    "1.2.840.10045.4.3.3": (EC, hashes.SHA384()),
    "1.2.840.10045.4.3.4": (EC, hashes.SHA512()),
    "1.2.840.10040.4.3": ("DSA", SHA1),
    ED25519: (ED25519, None),
}
PSS = "1.2.840.113549.1.1.10"
PSS_HASHES: tuple[tuple[str, hashes.HashAlgorithm], ...] = (
    ("01", hashes.SHA256()),
    ("02", hashes.SHA384()),
    ("03", hashes.SHA512()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a Go client makes of it. `takes` is `None` where the host's store is not known and nothing else decides."""

    takes: bool | None
    rule: str = ""
    why: str = ""
    subject: str = ""
    """Of the certificate that is meant."""
    minds: tuple[int, ...] = ()
    """Verify errors that OpenSSL may have with what Go takes."""


def judged(
    chain: Sequence[bytes],
    host: str,
    anchors: Sequence[bytes] | None,
    at: datetime | None,
    effort: Effort | None = None,
) -> Judgement:
    """A server's certificates, leaf first. `anchors` are those in the host's store that have an issuer's name, or are
    among the chain; `None` if they are not known. Raises `Exhausted`."""
    effort = effort or Effort()
    effort.spend(10 * (len(chain) + len(anchors or ())))
    try:
        certificates = [_sent(der, effort) for der in chain]
        leaf = certificates[0]
        effort.spend(len(leaf.raw) // 8)
        _check_leaf(leaf, host, at)
        if anchors is None:
            _check_signature_kind(leaf)
            _check_usage([leaf])
        else:
            _check_chains(leaf, certificates[1:], list(_readable(anchors, effort)), at, effort)
        _check_key(leaf)
    except Fault as fault:
        return Judgement(takes=False, rule=fault.rule, why=fault.why, subject=_subject(fault.certificate))
    if anchors is None:
        return Judgement(takes=None)
    return Judgement(takes=True, minds=_openssl_minds(certificates, list(_readable(anchors, effort)), at))


def _openssl_minds(sent: list[Certificate], anchors: list[Certificate], at: datetime | None) -> tuple[int, ...]:
    """OpenSSL tries one way and not every one, and looks at how a server's key may be used."""
    issuers = {each.issuer for each in sent}
    every = [*sent, *(each for each in anchors if each.subject in issuers)]
    found = {
        EXPIRED: at is not None and any(at > each.end for each in every),
        NOT_YET_VALID: at is not None and any(at < each.begin for each in every),
        PURPOSE: any(each.usages and SERVER not in each.usages for each in every) or not _may_serve(sent[0]),
    }
    return tuple(number for number, there in found.items() if there)


def _may_serve(leaf: Certificate) -> bool:
    """Does its key usage, if there is one, allow for a handshake?"""
    value = leaf.value(KEY_USAGE)
    if value is None:
        return True
    flags = Der(value).flags()
    return any(flags[bit : bit + 1] == [True] for bit in HANDSHAKE_BITS)


def _subject(certificate: Certificate | None) -> str:
    attributes = named(certificate.subject) if certificate else {}
    return attributes.get(COMMON_NAME) or next(iter(attributes.values()), "")


def _sent(der: bytes, effort: Effort) -> Certificate:
    try:
        certificate = effort.parsed(der)
    except Malformed as error:
        raise Fault("malformed", "a certificate that is not valid DER") from error
    if certificate.refused is not None:
        raise Fault(certificate.refused.rule, certificate.refused.why, certificate)
    if certificate.key_kind == RSA and _bits(certificate) > LARGEST_RSA:
        raise Fault("key-too-large", f"an RSA key of {_bits(certificate)} bits", certificate)
    return certificate


def _readable(ders: Iterable[bytes], effort: Effort) -> Iterator[Certificate]:
    """Go skips what it cannot read in the store."""
    for der in ders:
        try:
            certificate = effort.parsed(der)
        except Malformed:
            continue
        if certificate.refused is None:
            yield certificate


def _bits(certificate: Certificate) -> int:
    key = certificate.key
    return key.key_size if isinstance(key, rsa.RSAPublicKey) else 0


def _check_key(leaf: Certificate) -> None:
    """Does Go verify a handshake that is signed with this key?"""
    if leaf.key_kind not in (RSA, EC, ED25519):
        raise Fault("unsupported-key", "a key of a kind that Go does not have in TLS", leaf)
    if leaf.exponent > LARGEST_EXPONENT:
        raise Fault("unsupported-key", LARGE_EXPONENT, leaf)
    if leaf.key_kind == RSA and _bits(leaf) < SMALLEST_RSA:
        raise Fault("key-too-small", f"an RSA key of {_bits(leaf) or 'too few'} bits", leaf)


def _check_leaf(leaf: Certificate, host: str, at: datetime | None) -> None:
    _check_valid(leaf, [], at)
    if not covers(leaf, host):
        if not leaf.has(ALT_NAME) and named(leaf.subject).get(COMMON_NAME):
            raise Fault("no-alt-name", "it names its host in the common name (CN) only", leaf)
        raise Fault("wrong-name", "it is for another name", leaf)


def _check_valid(
    certificate: Certificate, below: Sequence[Certificate], at: datetime | None, *, sent: bool = False
) -> None:
    """Critical extensions, time and length of the path. `sent`: it is an issuer that the server sent."""
    if certificate.unknown_critical:
        named_so = ", ".join(certificate.unknown_critical)
        raise Fault("critical-extension", f"a critical extension that Go does not know ({named_so})", certificate)
    if at is not None and not certificate.begin <= at <= certificate.end:
        rule = "not-yet-valid" if at < certificate.begin else "expired"
        raise Fault(rule, "it is out of its time", certificate)
    if sent and not (certificate.basic and certificate.ca):
        raise Fault("not-an-authority", "its issuer is not an authority", certificate)
    if certificate.basic and 0 <= certificate.path_length < len(below) - 1:
        raise Fault("path-length", f"its authority allows {certificate.path_length} authorities below it", certificate)


def _check_signature_kind(certificate: Certificate) -> None:
    _, how = _signature_of(certificate)
    if isinstance(how, str) and certificate.issuer != certificate.subject:
        raise Fault("weak-signature", f"a signature with {how}", certificate)


def _signature_of(certificate: Certificate) -> tuple[str, str | hashes.HashAlgorithm | None]:
    """The kind of key that made it, and the digest. Raises `Fault` for what Go does not know."""
    oid, parameters = certificate.algorithm
    if oid == PSS:
        digest = _pss_digest(parameters)
        if digest is not None:
            return PSS, digest
    elif oid in SIGNATURES and not (oid == ED25519 and parameters):
        return SIGNATURES[oid]
    raise Fault("unsupported-signature", "a signature of a kind that Go does not have", certificate)


def _pss_digest(parameters: bytes) -> hashes.HashAlgorithm | None:
    """Go takes three sets of parameters: the same digest twice, a salt of its length. NULLs may be left out."""
    text = parameters.hex().replace("0500", "")
    for number, digest in PSS_HASHES:
        oid = f"06096086480165030402{number}"
        if text.count(oid) == 2 and text.endswith(f"a2030201{digest.digest_size:02x}"):
            return digest
    return None


def _check_signed(certificate: Certificate, issuer: Certificate, effort: Effort) -> None:
    """Did the issuer sign it, as far as Go can tell?"""
    if (issuer.version == 3 and not issuer.basic) or (issuer.basic and not issuer.ca) or not issuer.may_sign:
        raise Fault("not-an-authority", "its issuer is not allowed to sign certificates", issuer)
    kind, digest = _signature_of(certificate)
    if isinstance(digest, str):
        raise Fault("weak-signature", f"a signature with {digest}", certificate)
    if issuer.exponent > LARGEST_EXPONENT:
        raise Fault("unsupported-key", LARGE_EXPONENT, issuer)
    if 0 < _bits(issuer) < SMALLEST_RSA and kind in (RSA, PSS):
        raise Fault("key-too-small", f"an authority with an RSA key of {_bits(issuer)} bits", issuer)
    verify = _verifier(certificate, issuer.key, kind, digest)
    if verify is None:
        raise Fault("unsupported-signature", "a signature of a kind that Go does not have", certificate)
    if not effort.signed("go", certificate, issuer, verify):
        raise Fault("another-key", "an authority of the same name has another key", issuer)


def _verifier(
    certificate: Certificate, key: object, kind: str, digest: hashes.HashAlgorithm | None
) -> Callable[[], bool] | None:
    """How a signature of this kind is verified with a key; `None` if it is not one of this key's."""
    done = (certificate.signature, certificate.tbs)
    check: Callable[[], None]
    if isinstance(key, rsa.RSAPublicKey) and kind in (RSA, PSS) and digest is not None:
        salted = padding.PSS(padding.MGF1(digest), digest.digest_size)
        check = partial(key.verify, *done, salted if kind == PSS else padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and kind == EC and digest is not None:
        check = partial(key.verify, *done, ec.ECDSA(digest))
    elif isinstance(key, ed25519.Ed25519PublicKey) and kind == ED25519:
        check = partial(key.verify, *done)
    else:
        return None

    def verify() -> bool:
        try:
            check()
        except (InvalidSignature, ValueError, UnsupportedAlgorithm):
            return False
        return True

    return verify


def _check_chains(
    leaf: Certificate, sent: list[Certificate], anchors: list[Certificate], at: datetime | None, effort: Effort
) -> None:
    """Is there a way up that holds? The first thing that was in the way is told if there is none."""
    search = _Search(sent, anchors, at, effort)
    paths = [[leaf]] if any(anchor.raw == leaf.raw for anchor in anchors) else list(search.paths([leaf]))
    if not paths:
        raise search.hint or Fault("unknown-authority", "its authority is not in the trust store", leaf)
    faults = []
    for path in paths:
        effort.spend(sum(20 + len(each.usages) // 16 for each in path))
        try:
            _check_policies(path)
            _check_usage(path)
            check_constraints(path, effort.spend)
        except Fault as fault:
            faults.append(fault)
        else:
            return
    raise faults[0]


class _Search:
    """Ways from a certificate up to the store."""

    def __init__(
        self, sent: list[Certificate], anchors: list[Certificate], at: datetime | None, effort: Effort
    ) -> None:
        self._sent = sent
        self._anchors = anchors
        self._at = at
        self._effort = effort
        self._checks = 0
        self.hint: Fault | None = None
        """What was wrong with the first issuer that came into question."""

    def paths(self, path: list[Certificate]) -> Iterator[list[Certificate]]:
        """Every way up from the last certificate of `path`."""
        last = path[-1]
        self._effort.spend((len(self._anchors) + len(self._sent)) * (3 + len(path) // 8))
        for pool, is_anchor in ((self._anchors, True), (self._sent, False)):
            for issuer in sorted(pool, key=lambda each: _unlikely(each, last)):
                if issuer.subject != last.issuer or issuer.key is None or _is_in(issuer, path):
                    continue
                self._checks += 1
                if self._checks > MOST_CHECKS:
                    return
                try:
                    _check_signed(last, issuer, self._effort)
                    _check_valid(issuer, path, self._at, sent=not is_anchor)
                except Fault as fault:
                    self.hint = self.hint or fault
                    continue
                if is_anchor:
                    yield [*path, issuer]
                else:
                    yield from self.paths([*path, issuer])


def _unlikely(issuer: Certificate, certificate: Certificate) -> int:
    """By key identifiers, how unlikely it is that this one signed; Go begins with the likely ones."""
    theirs, wanted = issuer.subject_key, certificate.authority_key
    return 0 if theirs == wanted else 1 if not theirs or not wanted else 2


def _is_in(certificate: Certificate, path: Sequence[Certificate]) -> bool:
    return any(certificate.identity == each.identity for each in path)


def _check_usage(path: Sequence[Certificate]) -> None:
    for certificate in reversed(path):
        usages = certificate.usages
        if usages and ANY_USAGE not in usages and SERVER not in usages:
            raise Fault("usage", "its extended key usage does not include TLS servers (serverAuth)", certificate)


def _check_policies(path: Sequence[Certificate]) -> None:
    """An authority may demand that all below it name a policy. (Mapped policies are taken as they are.)"""
    explicit, known = len(path), True
    for certificate in reversed(path[:-1]):
        known = known and bool(certificate.policies)
        if explicit == 0 and not known:
            raise Fault("policies", "it names no policy, and its authority demands one", certificate)
        if certificate.issuer != certificate.subject:
            explicit = max(explicit - 1, 0)
        if certificate.explicit_policy is not None:
            explicit = min(explicit, certificate.explicit_policy)
    if explicit == 0 and not known:
        raise Fault("policies", "it names no policy, and its authority demands one", path[0])


def covers(leaf: Certificate, host: str) -> bool:
    """Is the certificate for this host? Names by subjectAltName alone; a wildcard stands for the leftmost label."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        pass
    else:
        return any(same_address(each, address.packed) for each in leaf.addresses)
    wanted = host.lower()
    labels = wanted.removesuffix(".").split(".")
    named_so = is_hostname(wanted.removesuffix("."))
    for name in leaf.names:
        if named_so and is_hostname(name, pattern=True):
            parts = name.lower().split(".")
            if len(parts) == len(labels) and parts[1:] == labels[1:] and parts[0] in ("*", labels[0]):
                return True
        elif name.lower() == wanted and wanted not in ("", "."):
            return True
    return False
