"""The host's trust store, found as the agent (a Go program) finds it, and TLS contexts made of it.

Rules
* SSL_CERT_FILE and SSL_CERT_DIR come first; then the first bundle file that distributions use; then OpenSSL's own idea.
* A plan may add authorities for the length of a visit; the host's store is never changed.
* Verifying contexts ask for TLS 1.2 or later, since the agent does. The identifying context accepts everything: its
  only use is to find out who answers, and no secret is ever sent over it.
"""

import glob
import os
import ssl
from typing import Any, Dict, List, NamedTuple, Optional

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Go looks, in its order."""
PADDING = ["netcompliance-%s-%d" % ("x" * 180, number) for number in range(9)]
"""Protocol names nobody speaks, which make a ClientHello larger than one segment of 1500 bytes."""
MARK = b"-----BEGIN CERTIFICATE-----"


class Store(NamedTuple):
    """A trust store: where it was found, and its PEM files."""

    source: str
    files: List[str]
    extra: Optional[str]


class Trust:
    """The three contexts of a visit."""

    def __init__(self, extra: Optional[str]) -> None:
        self.store = find_store(os.environ, extra)
        self.verifying = verifying_context(self.store, [])
        self.large = verifying_context(self.store, PADDING)

    def summary(self) -> Dict[str, Any]:
        """The `trust` field of the host's observation."""
        return {"source": self.store.source, "certificates": self.verifying.cert_store_stats()["x509_ca"]}


def find_store(environment: Any, extra: Optional[str]) -> Store:
    """The store that this environment leads to."""
    files: List[str] = []
    sources: List[str] = []
    named = environment.get("SSL_CERT_FILE")
    if named:
        files.append(named)
        sources.append("SSL_CERT_FILE=" + named)
    for directory in filter(None, environment.get("SSL_CERT_DIR", "").split(":")):
        files.extend(sorted(glob.glob(os.path.join(glob.escape(directory), "*"))))
        sources.append("SSL_CERT_DIR=" + directory)
    if not sources:
        for path in BUNDLES:
            if os.path.exists(path):
                files.append(path)
                sources.append(path)
                break
    return Store(" ".join(sources) or "OpenSSL's default", files, extra)


def verifying_context(store: Store, protocols: List[str]) -> ssl.SSLContext:
    """A context that verifies chain and name, and offers these protocols after HTTP/1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if hasattr(ssl, "TLSVersion"):
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # novm: guarded
    else:
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    if hasattr(context, "hostname_checks_common_name"):
        context.hostname_checks_common_name = False  # novm: guarded
    context.set_alpn_protocols(["http/1.1"] + protocols)
    if not store.files:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    for path in store.files:
        _load(context, path)
    if store.extra:
        context.load_verify_locations(cadata=store.extra)
    return context


def identifying_context(*, readable: bool = False) -> ssl.SSLContext:
    """A context that accepts anybody. `readable`: no TLS 1.3, whose certificates are hidden from the wire."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.set_ciphers("ALL:@SECLEVEL=0")
    except ssl.SSLError:
        context.set_ciphers("ALL")
    if hasattr(ssl, "TLSVersion"):
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED  # novm: guarded
        if readable:
            context.maximum_version = ssl.TLSVersion.TLSv1_2  # novm: guarded
    elif readable:
        context.options |= getattr(ssl, "OP_NO_TLSv1_3", 0)
    return context


def _load(context: ssl.SSLContext, path: str) -> None:
    """Load one PEM file; a file that holds none, or cannot be read, adds nothing, as with the agent."""
    try:
        with open(path, "rb") as file:
            if MARK in file.read(1 << 23):
                context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError):
        return
