"""What stands in a certificate, and its extensions as Go reads them (crypto/x509/parser.go, Go 1.24 to 1.26)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from netcompliance.probe.onhost import gourl
from netcompliance.probe.onhost.gourl import GoUrl
from netcompliance.vantage.der import BOOLEAN, CONSTRUCTED, CONTEXT, INTEGER, OCTET_STRING, OID, Der, Malformed, each_of
from netcompliance.vantage.gonames import domain_is_valid, is_address, mailbox

KEY_USAGE, ALT_NAME, BASIC, CONSTRAINTS = "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30"
CRL_POINTS, POLICIES, MAPPINGS, AUTHORITY_KEY = "2.5.29.31", "2.5.29.32", "2.5.29.33", "2.5.29.35"
POLICY_CONSTRAINTS, EXTENDED_USAGE, SUBJECT_KEY, INHIBIT_ANY = "2.5.29.36", "2.5.29.37", "2.5.29.14", "2.5.29.54"
INFORMATION_ACCESS = "1.3.6.1.5.5.7.1.1"
EMAIL_NAME, DNS_NAME, URI_NAME, IP_NAME = CONTEXT | 1, CONTEXT | 2, CONTEXT | 6, CONTEXT | 7
NEVER_CRITICAL = (AUTHORITY_KEY, SUBJECT_KEY, INFORMATION_ACCESS)
CERT_SIGN = 5
"""The bit of the key usage that lets a key sign certificates."""


class Refused(Exception):
    """Go does not take it. `rule` is one of a closed list, `why` says it in words."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(rule, why)
        self.rule = rule
        self.why = why


@dataclass(slots=True, kw_only=True)
class Subtrees:
    """Names that an authority is restricted to, or may not certify."""

    dns: list[str] = field(default_factory=list)
    ranges: list[tuple[bytes, bytes]] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    """Addresses of mail, or the domains of such."""
    uris: list[str] = field(default_factory=list)
    """Domains."""


@dataclass(kw_only=True)
class Certificate:
    """What stands in a certificate."""

    raw: bytes
    tbs: bytes
    version: int
    issuer: bytes
    subject: bytes
    begin: datetime
    end: datetime
    algorithm: tuple[str, bytes]
    """Of the signature: its object identifier, and its parameters in DER."""
    signature: bytes
    spki: bytes
    key_kind: str
    extensions: list[tuple[str, bool, bytes]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    addresses: list[bytes] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    uris: list[GoUrl] = field(default_factory=list)
    basic: bool = False
    """Are there basic constraints?"""
    ca: bool = False
    path_length: int = -1
    may_sign: bool = True
    usages: list[str] = field(default_factory=list)
    subject_key: bytes = b""
    authority_key: bytes = b""
    permitted: Subtrees = field(default_factory=Subtrees)
    excluded: Subtrees = field(default_factory=Subtrees)
    policies: list[str] = field(default_factory=list)
    explicit_policy: int | None = None
    unknown_critical: list[str] = field(default_factory=list)
    refused: Refused | None = None
    """What Go's parser does not take in it."""

    def has(self, extension: str) -> bool:
        """Is this extension there?"""
        return extension in self._values

    def value(self, extension: str) -> bytes | None:
        """The extension's contents."""
        return self._values.get(extension)

    @cached_property
    def _values(self) -> dict[str, bytes]:
        return {name: value for name, _, value in self.extensions}

    @cached_property
    def identity(self) -> tuple[bytes, bytes, bytes | None]:
        """What makes it the same as another one on a path."""
        return self.subject, self.spki, self.value(ALT_NAME)

    @cached_property
    def key(self) -> object:
        """The public key, `None` if it is of a kind that nobody here knows."""
        try:
            return load_der_public_key(self.spki)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return None

    @cached_property
    def exponent(self) -> int:
        """The public exponent of an RSA key, 0 for others."""
        return self.key.public_numbers().e if isinstance(self.key, RSAPublicKey) else 0

    def refuse(self, rule: str, why: str) -> None:
        """Go takes offence at this; the first offence counts."""
        self.refused = self.refused or Refused(rule, why)


def checked(certificate: Certificate, rule: str, why: str, read: Callable[[], object]) -> None:
    """Read, and let Go take offence at what cannot be read."""
    try:
        read()
    except Refused as refused:
        certificate.refuse(refused.rule, refused.why)
    except (Malformed, ValueError):
        certificate.refuse(rule, why)


def read_extensions(certificate: Certificate, inside: Der) -> None:
    """Read those of version 3, which are all that is left."""

    def read() -> None:
        seen: set[str] = set()
        for number in (1, 2):
            inside.optional(CONTEXT | number)
        contents = inside.optional(CONTEXT | CONSTRUCTED | 3)
        if contents is None:
            return
        for each in each_of(Der(contents).inside()):
            extension = Der(each).inside()
            name = extension.oid()
            critical = extension.next_tag == BOOLEAN and extension.boolean()
            if name in seen:
                certificate.refuse("duplicate-extension", f"the extension {name} comes twice")
                continue
            seen.add(name)
            certificate.extensions.append((name, critical, extension.contents(OCTET_STRING)))

    checked(certificate, "malformed", "malformed extensions", read)
    for name, critical, value in certificate.extensions:
        reader = READERS.get(name)
        known = reader is not None
        if critical and name in NEVER_CRITICAL:
            certificate.refuse("malformed", f"the extension {name} is marked critical")
        if reader is not None:
            try:
                known = reader(certificate, value) is not False
            except Refused as refused:
                certificate.refuse(refused.rule, refused.why)
            except (Malformed, ValueError):
                certificate.refuse("malformed", f"invalid contents of the extension {name}")
        if critical and not known:
            certificate.unknown_critical.append(name)


def _usage(certificate: Certificate, value: bytes) -> None:
    flags = Der(value).flags()
    certificate.may_sign = not any(flags[:9]) or flags[CERT_SIGN : CERT_SIGN + 1] == [True]


def _basic(certificate: Certificate, value: bytes) -> None:
    inside = Der(value).inside()
    ca = inside.next_tag == BOOLEAN and inside.boolean()
    length = inside.integer() if inside.next_tag == INTEGER else None
    if length is not None and not 0 <= length < 1 << 63:
        raise Malformed("basic constraints")
    certificate.basic, certificate.ca, certificate.path_length = True, ca, -1 if length is None else length


def _alt_names(certificate: Certificate, value: bytes) -> bool:
    names = Der(value).inside()
    while names:
        tag = names.next_tag
        data = names.contents()
        if tag == DNS_NAME:
            certificate.names.append(_ascii(data))
        elif tag == IP_NAME:
            if len(data) not in (4, 16):
                raise Refused("malformed", f"an IP address of {len(data)} bytes among its names")
            certificate.addresses.append(data)
        elif tag == EMAIL_NAME:
            certificate.emails.append(_ascii(data))
        elif tag == URI_NAME:
            certificate.uris.append(_uri(_ascii(data)))
    return bool(certificate.names or certificate.addresses or certificate.emails or certificate.uris)


def _uri(text: str) -> GoUrl:
    try:
        uri = gourl.parse(text)
    except gourl.Unparsable as error:
        raise Refused("malformed", f"a URI among its names with {error}") from error
    if not domain_is_valid(uri.host):
        raise Refused("malformed", "a URI among its names with an invalid domain")
    return uri


def _ascii(data: bytes) -> str:
    return data.decode("ascii")


def _name_constraints(certificate: Certificate, value: bytes) -> bool:
    outer = Der(value)
    inside = outer.inside()
    both = [inside.optional(CONTEXT | CONSTRUCTED | number) for number in (0, 1)]
    if outer or inside or not any(both):
        raise Refused("malformed", "invalid name constraints")
    known = True
    for subtrees, contents in zip((certificate.permitted, certificate.excluded), both, strict=True):
        for each in each_of(Der(contents or b"")):
            base = Der(each).inside()
            tag = base.next_tag
            known = _constraint(subtrees, tag, base.contents()) and known
    return known


def _constraint(subtrees: Subtrees, tag: int | None, data: bytes) -> bool:
    """Take one name; false if it is of a kind that Go does not know."""
    if tag == IP_NAME:
        half = len(data) // 2
        bits = "".join(f"{byte:08b}" for byte in data[half:])
        if len(data) not in (8, 32) or "01" in bits:
            raise Refused("malformed", "an invalid range of addresses in its name constraints")
        subtrees.ranges.append((data[:half], data[half:]))
    elif tag == DNS_NAME:
        name = _ascii(data)
        if not domain_is_valid(name, constraint=True):
            raise Refused("malformed", "an invalid domain in its name constraints")
        subtrees.dns.append(name)
    elif tag == EMAIL_NAME:
        text = _ascii(data)
        if mailbox(text) is None if "@" in text else not domain_is_valid(text, constraint=True):
            raise Refused("malformed", "an invalid address of mail in its name constraints")
        subtrees.emails.append(text)
    elif tag == URI_NAME:
        text = _ascii(data)
        if is_address(text) or not domain_is_valid(text, constraint=True):
            raise Refused("malformed", "an invalid domain of URIs in its name constraints")
        subtrees.uris.append(text)
    else:
        return False
    return True


def _crl_points(_certificate: Certificate, value: bytes) -> None:
    for each in each_of(Der(value).inside()):
        point = Der(each).inside().optional(CONTEXT | CONSTRUCTED)
        if point is None:
            continue
        names = Der(point).inside(CONTEXT | CONSTRUCTED)
        while names.next_tag == URI_NAME:
            names.contents()


def _authority_key(certificate: Certificate, value: bytes) -> None:
    certificate.authority_key = Der(value).inside().optional(CONTEXT) or b""


def _subject_key(certificate: Certificate, value: bytes) -> None:
    certificate.subject_key = Der(value).contents(OCTET_STRING)


def _extended_usage(certificate: Certificate, value: bytes) -> None:
    usages = Der(value).inside()
    while usages:
        certificate.usages.append(usages.oid())


def _policies(certificate: Certificate, value: bytes) -> None:
    policies = [Der(each).inside().contents(OID) for each in each_of(Der(value).inside())]
    if len(set(policies)) < len(policies) or any(not policy or policy[-1] & 0x80 for policy in policies):
        raise Malformed("policies")
    certificate.policies += [policy.hex() for policy in policies]


def _mappings(_certificate: Certificate, value: bytes) -> None:
    for each in each_of(Der(value).inside()):
        pair = Der(each).inside()
        pair.contents(OID)
        pair.contents(OID)


def _policy_constraints(certificate: Certificate, value: bytes) -> None:
    inside = Der(value).inside()
    if inside.next_tag == CONTEXT:
        certificate.explicit_policy = inside.integer(CONTEXT)
    if inside.next_tag == CONTEXT | 1:
        inside.integer(CONTEXT | 1)


def _inhibit_any(_certificate: Certificate, value: bytes) -> None:
    Der(value).integer()


def _information_access(_certificate: Certificate, value: bytes) -> None:
    for each in each_of(Der(value).inside()):
        access = Der(each).inside()
        access.oid()
        if access.next_tag == URI_NAME:
            access.contents()


READERS: dict[str, Callable[[Certificate, bytes], bool | None]] = {
    KEY_USAGE: _usage,
    BASIC: _basic,
    ALT_NAME: _alt_names,
    CONSTRAINTS: _name_constraints,
    CRL_POINTS: _crl_points,
    AUTHORITY_KEY: _authority_key,
    POLICY_CONSTRAINTS: _policy_constraints,
    EXTENDED_USAGE: _extended_usage,
    SUBJECT_KEY: _subject_key,
    POLICIES: _policies,
    MAPPINGS: _mappings,
    INHIBIT_ANY: _inhibit_any,
    INFORMATION_ACCESS: _information_access,
}
"""What Go knows to read; each raises, or says `False` where Go does not understand all of it."""
