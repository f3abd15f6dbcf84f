"""The lab's certificates: a public root with an intermediate, a corporate CA, an inspecting device's CA.

Keys are EC P-256, made anew for every run. Each leaf lies in the lab's directory as one PEM file, key first, then the
chain as served; leaves of the public authority carry AIA as real ones do. Roots lie there too, as AUTHORITY-root.pem.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from lab.world import Authority, Flaw, Key, Site, Tls

_SUBJECTS = {
    Authority.PUBLIC: ("Small Internet Trust Services", "Small Internet Public Root"),
    Authority.CORPORATE: ("Example Corp", "Example Corp Internal CA"),
    Authority.DEVICE: ("Acme Firewall Inc", "Acme TLS Inspection CA"),
    Authority.UNKNOWN: ("Somebody", "Private CA 7"),
}
_INTERMEDIATE = ("Small Internet Trust Services", "Small Internet Server CA E1")
_ROOT_DAYS = (-3650, 3650)


def _name(organisation: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signer:
    """A CA certificate, its key, and what a server sends between leaf and root."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    sent: tuple[x509.Certificate, ...] = ()


class Pki:
    """Makes certificates under `directory`. `now` is the time the servers believe in."""

    def __init__(self, directory: Path, now: dt.datetime) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._now = now
        self._roots = {authority: self._ca(*names) for authority, names in _SUBJECTS.items()}
        intermediate = self._ca(*_INTERMEDIATE, parent=self._roots[Authority.PUBLIC])
        self._signers = dict(self._roots) | {
            Authority.PUBLIC: _Signer(
                certificate=intermediate.certificate, key=intermediate.key, sent=(intermediate.certificate,)
            )
        }
        self._leaves: dict[tuple[str, Tls], Path] = {}
        for authority in self._roots:
            (directory / f"{authority}-root.pem").write_text(self.root_pem([authority]))

    def root_pem(self, authorities: Iterable[Authority]) -> str:
        """The roots of `authorities`, one PEM after another."""
        return "".join(_pem(self._roots[authority].certificate).decode() for authority in authorities)

    def roots(self, authorities: Iterable[Authority]) -> tuple[x509.Certificate, ...]:
        """The root certificates of `authorities`."""
        return tuple(self._roots[authority].certificate for authority in authorities)

    def ca_files(self, authority: Authority) -> tuple[Path, Path]:
        """Certificate and key of the CA that signs leaves for `authority`, as two PEM files."""
        signer = self._signers[authority]
        certificate = self._directory / f"{authority}-ca.pem"
        key = self._directory / f"{authority}-ca.key"
        certificate.write_bytes(_pem(signer.certificate))
        key.write_bytes(_key_pem(signer.key))
        return certificate, key

    def leaf(self, site: Site) -> Path:
        """The PEM file (key, then chain as served) with which `site` does TLS."""
        tls = site.tls
        assert tls is not None, site.name
        return self.issue(site.name, tls, site.hosts)

    def issue(self, label: str, tls: Tls, hosts: tuple[str, ...]) -> Path:
        """As `leaf`, for anyone: a proxy that makes certificates on the way."""
        path = self._leaves.get((label, tls))
        if path is None:
            path = self._directory / f"{label}-{len(self._leaves)}.pem"
            path.write_bytes(self._make_leaf(tls, tls.names or hosts))
            self._leaves[label, tls] = path
        return path

    def _make_leaf(self, tls: Tls, names: tuple[str, ...]) -> bytes:
        key = _new_key(tls.key)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        signer = self._signers.get(tls.authority)
        issuer = signer.certificate.subject if signer else subject
        signing_key = signer.key if signer else key
        builder = (
            self._builder(subject, issuer, key.public_key(), tls.valid_days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
        )
        if tls.flaw is not Flaw.COMMON_NAME_ONLY:
            alternatives = x509.SubjectAlternativeName([_san(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        if tls.authority is Authority.PUBLIC:
            builder = builder.add_extension(_aia(), critical=False)
        leaf = builder.sign(signing_key, None if signing_key is key and _is_edwards(key) else hashes.SHA256())
        if tls.flaw is Flaw.NEGATIVE_SERIAL:
            assert isinstance(signing_key, ec.EllipticCurvePrivateKey), tls.authority
            leaf = _with_negative_serial(leaf, signing_key)
        sent = signer.sent if signer and tls.full_chain else ()
        return _key_pem(key) + b"".join(_pem(certificate) for certificate in (leaf, *sent))

    def _ca(self, organisation: str, common_name: str, parent: _Signer | None = None) -> _Signer:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(organisation, common_name)
        issuer, signing_key = (parent.certificate.subject, parent.key) if parent else (subject, key)
        certificate = (
            self._builder(subject, issuer, key.public_key(), _ROOT_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0 if parent else None), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
            .sign(signing_key, hashes.SHA256())
        )
        return _Signer(certificate=certificate, key=key)

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: _PublicKey, days: tuple[int, int]
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now + dt.timedelta(days=days[0]))
            .not_valid_after(self._now + dt.timedelta(days=days[1]))
        )


def _with_negative_serial(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """The same but for the sign of its serial number, signed again."""
    number = certificate.serial_number.to_bytes(20, "big").lstrip(b"\0")
    number = number if number[0] < 0x80 else b"\0" + number
    head = bytes((0x02, len(number)))
    tbs = certificate.tbs_certificate_bytes.replace(head + number, head + b"\x81" + number[1:], 1)
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    signature = key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    body = tbs + algorithm + bytes((0x03, len(signature) + 1, 0)) + signature
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_der_x509_certificate(b"\x30\x82" + len(body).to_bytes(2, "big") + body)


_PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
_PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey


def _new_key(kind: Key) -> _PrivateKey:
    match kind:
        case Key.P224:
            return ec.generate_private_key(ec.SECP224R1())
        case Key.RSA2048 | Key.RSA1024:
            return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))
        case Key.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case Key.ED448:
            return ed448.Ed448PrivateKey.generate()
        case Key.P256:
            return ec.generate_private_key(ec.SECP256R1())


def _is_edwards(key: _PrivateKey) -> bool:
    return isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))


def subject_hash(certificate: x509.Certificate) -> str:
    """OpenSSL's name of a CA in a hashed directory: SHA-1 over the canonical subject, first four bytes reversed."""
    canonical = b""
    for attribute in certificate.subject:
        text = " ".join(str(attribute.value).lower().split()).encode()
        oid = _der(0x06, _oid_body(attribute.oid.dotted_string))
        canonical += _der(0x31, _der(0x30, oid + _der(0x0C, text)))
    digest = hashlib.sha1(canonical, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _der(tag: int, body: bytes) -> bytes:
    assert len(body) < 128, "long DER lengths do not occur in the lab's names"
    return bytes((tag, len(body))) + body


def _oid_body(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    assert all(part < 128 for part in rest), dotted
    return bytes((first * 40 + second, *rest))


def _aia() -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS,
                x509.UniformResourceIdentifier("http://e1.trust.example/e1.crt"),
            )
        ]
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: _PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
