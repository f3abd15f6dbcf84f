"""What the host's trust store has for the chains that peers send: the certificates under the names of their issuers.

With these, and the chain, anybody can say what a client that is not OpenSSL makes of it. Names are compared byte by
byte, as Go does. Where the system's own tools trust others, that is told, too. Each certificate is told once.
"""

import base64
import hashlib
import threading
from typing import Dict, List, Optional, Set, Tuple

from netcompliance.probe.onhost.systemstore import SystemStore
from netcompliance.probe.onhost.trust import BLOCK, Store

MOST = 64
"""Certificates that are told in a visit, at most."""


class Anchors:
    """Those of one store, and of the system's."""

    def __init__(self, store: Store, system: SystemStore) -> None:
        self._store = store
        self._system = system
        self._lock = threading.Lock()
        self._by_subject: Optional[Dict[bytes, List[bytes]]] = None
        self._others: Dict[bytes, List[bytes]] = {}
        self._told: Set[bytes] = set()

    def unsent(self, chain: List[str]) -> Dict[str, List[str]]:
        """What there is for a chain in base64 that no earlier call gave, as fields of an observation: `anchors`, in
        base64; `agent_only`, the fingerprints of those that the system lacks, unless the plan added them; and
        `system_only`, in base64."""
        with self._lock:
            if self._by_subject is None:
                own = self._own()
                self._by_subject = _by_subject(own)
                self._others = _by_subject(self._system.beyond(own))
            issuers = [names[0] for names in map(names_of, map(base64.b64decode, chain)) if names]
            anchors = self._fresh(self._by_subject, issuers)
            others = self._fresh(self._others, issuers)
            fields = {"anchors": [_text(each) for each in anchors]}
            installed = [each for each in anchors if each in self._store.certificates]
            lacking = [hashlib.sha256(each).hexdigest() for each in installed if self._system.lacks(each)]
            if lacking:
                fields["agent_only"] = lacking
            if others:
                fields["system_only"] = [_text(each) for each in others]
            return fields

    def _own(self) -> List[bytes]:
        added = (self._store.extra or "").encode("ascii", "replace")
        return self._store.certificates + [base64.b64decode(block) for block in BLOCK.findall(added)]

    def _fresh(self, known: Dict[bytes, List[bytes]], issuers: List[bytes]) -> List[bytes]:
        fresh = []
        for candidate in (candidate for issuer in issuers for candidate in known.get(issuer, [])):
            if candidate not in self._told and len(self._told) < MOST:
                self._told.add(candidate)
                fresh.append(candidate)
        return fresh


def _text(certificate: bytes) -> str:
    return base64.b64encode(certificate).decode("ascii")


def _by_subject(certificates: List[bytes]) -> Dict[bytes, List[bytes]]:
    found: Dict[bytes, List[bytes]] = {}
    for certificate in certificates:
        names = names_of(certificate)
        if names:
            found.setdefault(names[1], []).append(certificate)
    return found


def names_of(certificate: bytes) -> Optional[Tuple[bytes, bytes]]:
    """Issuer and subject of a certificate, in DER; none if it cannot be read."""
    try:
        position = _end_of_head(certificate, _end_of_head(certificate, 0))
        if certificate[position] == 0xA0:
            position = _end(certificate, position)
        for _ in range(2):
            position = _end(certificate, position)
        issuer = _end(certificate, position)
        validity = _end(certificate, issuer)
        subject = _end(certificate, validity)
    except IndexError:
        return None
    return certificate[position:issuer], certificate[validity:subject]


def _end_of_head(data: bytes, position: int) -> int:
    return position + 2 + (data[position + 1] & 0x7F if data[position + 1] & 0x80 else 0)


def _end(data: bytes, position: int) -> int:
    """Where the value that begins here ends."""
    head = _end_of_head(data, position)
    length = data[position + 1]
    return head + (int.from_bytes(data[position + 2 : head], "big") if length & 0x80 else length)
