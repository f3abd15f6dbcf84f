"""Certificates as Go's parser reads them (crypto/x509/parser.go, Go 1.24 to 1.26), and what it refuses in them.

Theory. A Go client parses every certificate that a server sends, and gives up if one of them breaks a rule of DER or of
RFC 5280 that OpenSSL lets pass: a negative serial number, an extension that comes twice, an unknown curve. So here a
certificate is read as far as it can be, and beside its fields stands the first thing that Go takes offence at.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial

from netcompliance.vantage.der import CONSTRUCTED, CONTEXT, NULL, OID, SEQUENCE, SET, Der, Malformed, dotted, each_of
from netcompliance.vantage.goextensions import Certificate, Refused, checked, read_extensions

RSA, DSA, EC = "1.2.840.113549.1.1.1", "1.2.840.10040.4.1", "1.2.840.10045.2.1"
ED25519, X25519 = "1.3.101.112", "1.3.101.110"
CURVES = {"1.3.132.0.33": 57, "1.2.840.10045.3.1.7": 65, "1.3.132.0.34": 97, "1.3.132.0.35": 133}
"""Curves that Go knows, and the length of their points."""
LARGEST_EXPONENT = (1 << 31) - 1
"""With which Go verifies a signature of RSA; it parses up to 63 bits."""
LARGE_EXPONENT = "an RSA key with a public exponent of more than 31 bits"
UTF8, NUMERIC, PRINTABLE, T61, IA5, BMP = 12, 18, 19, 20, 22, 30
PRINTABLE_TEXT = re.compile(rb"[A-Za-z0-9'()*+,./:=?& -]*")
NUMERIC_TEXT = re.compile(rb"[0-9 ]*")


def parse(der: bytes) -> Certificate:
    """The certificate. Raises `Malformed` if its frame cannot be read at all."""
    outer = Der(der)
    raw = outer.element(SEQUENCE)
    whole = Der(raw).inside()
    tbs = whole.element(SEQUENCE)
    inside = Der(tbs).inside()
    given = inside.optional(CONTEXT | CONSTRUCTED)
    version = 1 + (Der(given).integer() if given is not None else 0)
    serial = inside.integer()
    inner, algorithm = inside.contents(SEQUENCE), whole.contents(SEQUENCE)
    issuer = inside.element(SEQUENCE)
    validity = inside.inside()
    begin, end = validity.time(), validity.time()
    subject, spki = inside.element(SEQUENCE), inside.element(SEQUENCE)
    found = Certificate(
        raw=raw,
        tbs=tbs,
        version=version,
        issuer=issuer,
        subject=subject,
        begin=begin,
        end=end,
        algorithm=_algorithm(algorithm),
        signature=whole.bits(),
        spki=spki,
        key_kind=_algorithm(Der(spki).inside().contents(SEQUENCE))[0],
    )
    if not 1 <= version <= 3:
        found.refuse("malformed", "invalid version")
    if serial < 0:
        found.refuse("negative-serial", "negative serial number")
    if inner != algorithm:
        found.refuse("malformed", "inner and outer signature algorithm identifiers don't match")
    for name in (issuer, subject):
        checked(found, "malformed", "invalid name", partial(_check_name, name))
    checked(found, "malformed", "invalid public key", lambda: _check_key(found))
    if version == 3:
        read_extensions(found, inside)
    if outer:
        found.refuse("malformed", "trailing data")
    return found


def _algorithm(contents: bytes) -> tuple[str, bytes]:
    values = Der(contents)
    return values.oid(), values.element() if values else b""


def _check_name(name: bytes) -> None:
    for part in each_of(Der(name).inside()):
        attributes = Der(part).inside(SET)
        while attributes:
            attribute = attributes.inside()
            attribute.oid()
            tag = attribute.next_tag
            _check_text(tag, attribute.contents())


def _check_text(tag: int | None, value: bytes) -> None:
    """The strings that Go takes, as strictly as it takes them."""
    if tag == T61:
        return
    if tag == UTF8:
        value.decode("utf-8")
    elif tag == IA5:
        value.decode("ascii")
    elif tag == BMP:
        value.decode("utf-16-be")
    elif tag not in (PRINTABLE, NUMERIC):
        raise Refused("malformed", "a name of an unsupported string type")
    elif not (PRINTABLE_TEXT if tag == PRINTABLE else NUMERIC_TEXT).fullmatch(value):
        raise Refused("malformed", "a name with characters that its string type does not have")


def _check_key(certificate: Certificate) -> None:
    info = Der(certificate.spki).inside()
    kind, parameters = _algorithm(info.contents(SEQUENCE))
    data = info.bits()
    if kind == RSA:
        if parameters != bytes((NULL, 0)):
            raise Refused("unsupported-key", "an RSA key without NULL parameters")
        numbers = Der(data).inside()
        modulus, exponent = numbers.integer(), numbers.integer()
        if modulus <= 0 or exponent <= 0:
            raise Refused("unsupported-key", "an RSA key with a negative number")
        if exponent >= 1 << 63:
            raise Refused("unsupported-key", LARGE_EXPONENT)
    elif kind == EC:
        size = CURVES.get(Der(parameters).oid())
        if size is None:
            raise Refused("unsupported-key", "a key on an elliptic curve that Go does not have")
        if len(data) != size or data[0] != 4 or certificate.key is None:
            raise Refused("unsupported-key", "an invalid point on an elliptic curve")
    elif kind in (ED25519, X25519):
        if parameters or len(data) != 32:
            raise Refused("unsupported-key", "an invalid key on Curve25519")
    elif kind == DSA:
        numbers = Der(parameters).inside()
        if min(Der(data).integer(), *(numbers.integer() for _ in range(3))) <= 0:
            raise Refused("unsupported-key", "an invalid DSA key")


def named(name: bytes) -> dict[str, str]:
    """The attributes of a name by their object identifiers; what cannot be read is left out."""
    found: dict[str, str] = {}
    with suppress(Malformed):
        for part in each_of(Der(name).inside()):
            for each in each_of(Der(part).inside(SET)):
                attribute = Der(each).inside()
                oid = dotted(attribute.contents(OID))
                found[oid] = attribute.contents().decode("utf-8", "replace")
    return found
