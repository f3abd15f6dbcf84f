"""The host's trust store, read as the agent (a Go program) reads it, and TLS contexts made of it.

Rules
* One bundle file and all default directories make the store: every file in a directory counts, hashed or not.
  SSL_CERT_FILE replaces the bundle, SSL_CERT_DIR (colon separated) the directories; each leaves the other as it is.
* Go reads CERTIFICATE blocks without headers, skips blocks that are broken, and takes no certificate with a negative
  serial number. Whatever is in the store is an anchor: a root, an intermediate, or a server's own certificate.
* A plan may add authorities for the length of a visit; the host's store is never changed.
* Verifying contexts offer Go's cipher suites in TLS 1.2 and later, and take the keys that Go takes: RSA from 1024 bits.
  The identifying context accepts everything: its only use is to find out who answers, and no secret is ever sent over
  it.
"""

import base64
import binascii
import os
import re
import ssl
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Go looks for a bundle, in its order: the first that can be read counts."""
DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")
"""Where Go looks for single files, besides."""
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
)
"""Go's default suites for TLS 1.2, in its order, by OpenSSL's names."""
GO_STRENGTH = ":@SECLEVEL=1"
"""OpenSSL's level that takes RSA keys from 1024 bits and refuses MD5, as Go does."""
LEGACY_SERVER_CONNECT = 0x4
"""SSL_OP_LEGACY_SERVER_CONNECT, for which Python before 3.12 has no name: a server of TLS 1.2 that knows nothing of
secure renegotiation (RFC 5746) is taken, as Go takes it. OpenSSL 3 does not do so by itself."""
PARTIAL_CHAIN = 0x80000
"""X509_V_FLAG_PARTIAL_CHAIN: a chain may end at anything that is trusted."""
BLOCK = re.compile(b"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\\s]+)-----END CERTIFICATE-----")
FILE_LIMIT = 1 << 23
FILES_LIMIT = 4096
NOTHING = "no file or directory of certificates"
INTEGER, VERSION = 0x02, 0xA0
"""DER tags at the beginning of a certificate."""


class Store(NamedTuple):
    """A trust store: where it was found, its certificates in DER, and PEM that a plan adds."""

    source: str
    certificates: List[bytes]
    extra: Optional[str]


class Trust:
    """The contexts of a visit."""

    def __init__(self, extra: Optional[str]) -> None:
        self.store = find_store(os.environ, extra)
        self.verifying = verifying_context(self.store)

    def summary(self) -> Dict[str, Any]:
        """The `trust` field of the host's observation."""
        return {"source": self.store.source, "certificates": len(self.store.certificates)}


def find_store(environment: Any, extra: Optional[str]) -> Store:
    """The store that this environment leads to. Its source names what was set, and else what gave certificates."""
    found: Dict[bytes, Optional[bytes]] = {}
    sources = [_bundle(environment.get("SSL_CERT_FILE"), found)]
    named = environment.get("SSL_CERT_DIR")
    seen = set()
    for directory in named.split(":") if named else DIRECTORIES:
        before = len(found)
        for path in _files(directory):
            place = os.path.realpath(path)
            if place not in seen:
                seen.add(place)
                _add(path, found)
        if named or len(found) > before:
            sources.append("SSL_CERT_DIR=" + directory if named else directory)
    certificates = list(dict.fromkeys(filter(None, found.values())))
    return Store(" ".join(filter(None, sources)) or NOTHING, certificates, extra)


def _bundle(named: Optional[str], found: Dict[bytes, Optional[bytes]]) -> Optional[str]:
    for path in [named] if named else BUNDLES:
        if _add(path, found):
            return "SSL_CERT_FILE=" + path if named else path
    return "SSL_CERT_FILE=%s (cannot be read)" % named if named else None


def _files(directory: str) -> List[str]:
    try:
        return sorted(os.path.join(directory, name) for name in os.listdir(directory))[:FILES_LIMIT]
    except OSError:
        return []


def _add(path: str, found: Dict[bytes, Optional[bytes]]) -> bool:
    """Take the blocks of one file and what each is worth; false if it cannot be read."""
    try:
        with open(path, "rb") as file:
            text = file.read(FILE_LIMIT)
    except OSError:
        return False
    for block in BLOCK.findall(text):
        if block not in found:
            found[block] = _certificate(block)
    return True


def _certificate(block: bytes) -> Optional[bytes]:
    try:
        certificate = base64.b64decode(block)
    except binascii.Error:
        return None
    return certificate if _readable(certificate) else None


def _readable(certificate: bytes) -> bool:
    """Is it a certificate whose serial number is not negative?"""
    try:
        tag, rest = _enter(_enter(certificate)[1])
        if tag == VERSION:
            rest = rest[5:]
        return rest[0] == INTEGER and rest[2] < 0x80
    except IndexError:
        return False


def _enter(data: bytes) -> Tuple[int, bytes]:
    """Behind the head of a DER value: what the first value in it begins with, and the contents."""
    contents = data[2 + (data[1] & 0x7F if data[1] & 0x80 else 0) :]
    return contents[0], contents


def verifying_context(store: Store) -> ssl.SSLContext:
    """A context that verifies chain and name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if hasattr(ssl, "TLSVersion"):
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # novm: guarded
    else:
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    if hasattr(context, "hostname_checks_common_name"):
        context.hostname_checks_common_name = False  # novm: guarded
    context.options |= LEGACY_SERVER_CONNECT
    context.verify_flags |= PARTIAL_CHAIN
    _offer(context, CIPHERS, GO_STRENGTH)
    context.set_alpn_protocols(["http/1.1"])
    _load(context, store.certificates)
    if store.extra:
        context.load_verify_locations(cadata=store.extra)
    return context


def identifying_context(*, readable: bool = False, protocols: Tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
    """A context that accepts anybody. `readable`: no TLS 1.3, whose certificates are hidden from the wire."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= LEGACY_SERVER_CONNECT
    context.set_alpn_protocols(list(protocols))
    _offer(context, "ALL", ":@SECLEVEL=0")
    if hasattr(ssl, "TLSVersion"):
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED  # novm: guarded
        if readable:
            context.maximum_version = ssl.TLSVersion.TLSv1_2  # novm: guarded
    elif readable:
        context.options |= getattr(ssl, "OP_NO_TLSv1_3", 0)
    return context


def _offer(context: ssl.SSLContext, ciphers: str, strength: str) -> None:
    """Set cipher suites and strength; an OpenSSL before 1.1.0 knows no levels."""
    try:
        context.set_ciphers(ciphers + strength)
    except ssl.SSLError:
        context.set_ciphers(ciphers)


def _load(context: ssl.SSLContext, certificates: List[bytes]) -> None:
    """Trust these, all at once; where OpenSSL stumbles over one, one by one without it."""
    if not certificates:
        return
    try:
        context.load_verify_locations(cadata=b"".join(certificates))
    except ssl.SSLError:
        for certificate in certificates:
            try:
                context.load_verify_locations(cadata=certificate)
            except ssl.SSLError:
                continue
