"""What the system's own tools trust, beside what the agent trusts.

OpenSSL and curl read one bundle (CURL_CA_BUNDLE, SSL_CERT_FILE, else the distribution's), trusted certificates in its
blocks, and of directories (SSL_CERT_DIR, else OpenSSL's) the files that are named by a hash. Go reads other files
(`trust`), so a certificate may be trusted by one of them alone. Nothing is read before somebody asks, and no directory
while the bundle answers.
"""

import base64
import binascii
import os
import re
import ssl
from typing import Any, Dict, List, Optional, Set

from netcompliance.probe.onhost.trust import BUNDLES, DIRECTORIES, FILE_LIMIT, FILES_LIMIT

BLOCK = re.compile(
    b"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\\s]+)-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)
HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+\Z")


class SystemStore:
    """The store that this environment leads the system's tools to."""

    def __init__(self, environment: Any) -> None:
        paths = ssl.get_default_verify_paths()
        named = environment.get("CURL_CA_BUNDLE") or environment.get("SSL_CERT_FILE")
        default = next((path for path in BUNDLES if os.path.exists(path)), paths.openssl_cafile)
        self._file = named or default
        self._directories = (environment.get("SSL_CERT_DIR") or paths.openssl_capath).split(":")
        self._in_file: Optional[Set[bytes]] = None
        self._in_directory: Optional[Set[bytes]] = None
        self.source = " ".join([self._file] + self._directories)

    def lacks(self, certificate: bytes) -> bool:
        """Do the system's tools not trust this one?"""
        return certificate not in self._bundle() and certificate not in self._hashed()

    def beyond(self, agents: List[bytes]) -> List[bytes]:
        """What is trusted by the system's tools alone."""
        found = set(self._bundle())
        places = [os.path.realpath(place) for place in DIRECTORIES]
        if any(os.path.realpath(directory) not in places for directory in self._directories):
            found |= self._hashed()
        return sorted(found.difference(agents))

    def _bundle(self) -> Set[bytes]:
        if self._in_file is None:
            self._in_file = set(_certificates(self._file))
        return self._in_file

    def _hashed(self) -> Set[bytes]:
        if self._in_directory is None:
            found = (_certificates(path) for directory in self._directories for path in _hashed_files(directory))
            self._in_directory = {certificate for each in found for certificate in each}
        return self._in_directory


def _hashed_files(directory: str) -> List[str]:
    try:
        names = sorted(name for name in os.listdir(directory) if HASHED.match(name))
    except OSError:
        return []
    return [os.path.join(directory, name) for name in names[:FILES_LIMIT]]


def _certificates(path: str) -> List[bytes]:
    try:
        with open(path, "rb") as file:
            text = file.read(FILE_LIMIT)
    except OSError:
        return []
    found: Dict[bytes, None] = {}
    for block in BLOCK.findall(text):
        try:
            data = base64.b64decode(block)
        except binascii.Error:
            continue
        found[data[: _length(data)]] = None
    return list(found)


def _length(data: bytes) -> int:
    """Of the certificate; behind a trusted one stands for what it is trusted."""
    if len(data) < 2 or not data[1] & 0x80:
        return len(data)
    head = 2 + (data[1] & 0x7F)
    return head + int.from_bytes(data[2:head], "big")
