"""Certificates as no honest library makes them: every field can be wrong, and the signature is right all the same."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AT = dt.datetime(2026, 9, 21, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
SHA256_RSA, SHA1_RSA, MD5_RSA = "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.5", "1.2.840.113549.1.1.4"
SHA256_EC, SHA1_EC, SHA384_EC = "1.2.840.10045.4.3.2", "1.2.840.10045.4.1", "1.2.840.10045.4.3.3"
PSS = "1.2.840.113549.1.1.10"
ED25519, ED448 = "1.3.101.112", "1.3.101.113"
SERVER, CLIENT, ANY = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"
DIGESTS: dict[str, hashes.HashAlgorithm] = {
    SHA256_RSA: hashes.SHA256(),
    SHA1_RSA: hashes.SHA1(),
    MD5_RSA: hashes.MD5(),
    SHA256_EC: hashes.SHA256(),
    SHA1_EC: hashes.SHA1(),
    SHA384_EC: hashes.SHA384(),
    PSS: hashes.SHA256(),
}


def tlv(tag: int, *values: bytes) -> bytes:
    """A value in DER."""
    body = b"".join(values)
    size = len(body)
    if size < 128:
        return bytes((tag, size)) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + body


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    body = b""
    for number in (first * 40 + second, *rest):
        digits = bytes((number & 0x7F,))
        while number := number >> 7:
            digits = bytes((0x80 | number & 0x7F,)) + digits
        body += digits
    return tlv(6, body)


def integer(number: int) -> bytes:
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def name(text: str, tag: int = 12) -> bytes:
    """A distinguished name of one common name."""
    return tlv(0x30, tlv(0x31, tlv(0x30, oid("2.5.4.3"), tlv(tag, text.encode())))) if text else tlv(0x30)


def moment(at: dt.datetime) -> bytes:
    if at.year < 2050:
        return tlv(23, at.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(24, at.strftime("%Y%m%d%H%M%SZ").encode())


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    return tlv(0x30, oid(dotted), b"\x01\x01\xff" if critical else b"", tlv(4, value))


def names(*given: str) -> bytes:
    """A subjectAltName; `@` and `:` in a name make it an address of mail or a URI."""
    parts = []
    for each in given:
        try:
            parts.append(tlv(0x87, ipaddress.ip_address(each).packed))
        except ValueError:
            kind = 0x81 if "@" in each else 0x86 if ":" in each else 0x82
            parts.append(tlv(kind, each.encode("latin-1")))
    return extension("2.5.29.17", tlv(0x30, *parts))


def basic(length: int | None = None, *, ca: bool = True) -> bytes:
    value = tlv(0x30, b"\x01\x01\xff" if ca else b"", b"" if length is None else integer(length))
    return extension("2.5.29.19", value, critical=True)


def usages(*dotted: str) -> bytes:
    return extension("2.5.29.37", tlv(0x30, *(oid(each) for each in dotted)))


def key_usage(*bits: int, critical: bool = True) -> bytes:
    value = sum(0x8000 >> bit for bit in bits).to_bytes(2, "big").rstrip(b"\0") or b"\0"
    unused = 8 * len(value) - 1 - max(bits)
    return extension("2.5.29.15", tlv(3, bytes((unused,)), value), critical=critical)


def constraints(permitted: tuple[bytes, ...] = (), excluded: tuple[bytes, ...] = (), *, critical: bool = True) -> bytes:
    value = [
        tlv(0xA0 + at, *(tlv(0x30, each) for each in those)) for at, those in enumerate((permitted, excluded)) if those
    ]
    return extension("2.5.29.30", tlv(0x30, *value), critical=critical)


def dns(text: str) -> bytes:
    return tlv(0x82, text.encode())


def ip_range(network: str) -> bytes:
    found = ipaddress.ip_network(network)
    return tlv(0x87, found.network_address.packed, found.netmask.packed)


def policies(*dotted: str) -> bytes:
    return extension("2.5.29.32", tlv(0x30, *(tlv(0x30, oid(each)) for each in dotted)))


def new_key(kind: str = "p256") -> Any:
    """A private key: a curve, `rsaBITS`, `dsa`, `ed25519`, `ed448`."""
    curves = {"p224": ec.SECP224R1, "p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}
    if kind in curves or kind == "k256":
        return ec.generate_private_key(curves.get(kind, ec.SECP256K1)())
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind == "dsa":
        return dsa.generate_private_key(2048)
    return ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ed448.Ed448PrivateKey.generate()


@dataclass(frozen=True, kw_only=True)
class Made:
    """A certificate in DER, with its key and its name."""

    der: bytes
    key: Any
    subject: bytes
    spki: bytes = field(repr=False)


def _algorithm(key: Any, chosen: str | None) -> tuple[str, bytes]:
    if chosen is None:
        kinds = ((rsa.RSAPrivateKey, SHA256_RSA), (ed25519.Ed25519PrivateKey, ED25519), (ed448.Ed448PrivateKey, ED448))
        chosen = next((dotted for kind, dotted in kinds if isinstance(key, kind)), SHA256_EC)
    if chosen == PSS:
        digest = tlv(0x30, oid("2.16.840.1.101.3.4.2.1"), b"\x05\0")
        mask = tlv(0x30, oid("1.2.840.113549.1.1.8"), digest)
        return chosen, tlv(0x30, oid(PSS), tlv(0x30, tlv(0xA0, digest), tlv(0xA1, mask), tlv(0xA2, integer(32))))
    return chosen, tlv(0x30, oid(chosen), b"\x05\0" if chosen.startswith("1.2.840.113549") else b"")


def _sign(key: Any, chosen: str, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        padded = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if chosen == PSS else padding.PKCS1v15()
        return key.sign(data, padded, DIGESTS[chosen])
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(DIGESTS.get(chosen, hashes.SHA256())))
    signed: bytes = key.sign(data)
    return signed


def make(
    subject: str | bytes,
    issuer: Made | None = None,
    *extensions: bytes,
    key: str = "p256",
    algorithm: str | None = None,
    inner: bytes | None = None,
    serial: bytes = b"\x01\x23",
    version: int = 3,
    days: tuple[float, float] = (-30, 60),
    validity: bytes | None = None,
    spki: bytes | None = None,
    tail: bytes = b"",
) -> Made:
    """A certificate; without an issuer, signed by itself. `serial`, `validity`, `spki` and `inner` are DER as it is."""
    own = new_key(key)
    signer = issuer.key if issuer else own
    chosen, outer = _algorithm(signer, algorithm)
    whom = subject if isinstance(subject, bytes) else name(subject)
    info = spki or own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    tbs = tlv(
        0x30,
        tlv(0xA0, integer(version - 1)) if version > 1 else b"",
        tlv(2, serial),
        inner or outer,
        issuer.subject if issuer else whom,
        validity or tlv(0x30, *(moment(AT + each * DAY) for each in days)),
        whom,
        info,
        tlv(0xA3, tlv(0x30, *extensions)) if extensions else b"",
    )
    signature = tlv(3, b"\0", _sign(signer, chosen, tbs))
    return Made(der=tlv(0x30, tbs, outer, signature) + tail, key=own, subject=whom, spki=info)
