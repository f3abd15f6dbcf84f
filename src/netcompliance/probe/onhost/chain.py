"""The certificates a peer sent, leaf first, as DER.

Python gives them away since 3.10; before, only for verified leaves. There, the Certificate message is read off the
wire, where TLS up to 1.2 shows it.
"""

import ssl
import sys
from typing import Any, List, Optional

ON_THE_WIRE = sys.version_info < (3, 10)
"""Must this interpreter read chains off the wire?"""
HANDSHAKE_RECORD = 22
CERTIFICATE_MESSAGE = 11


def chain_of(secured: Any, received: bytes) -> List[bytes]:
    """All certificates where they can be had; else the leaf alone; else none. `received`: the peer's first bytes."""
    method = _method(secured)
    if method is not None:
        return [_der(item) for item in method() or ()]
    seen = read_from_wire(received)
    if seen:
        return seen
    leaf = secured.getpeercert(binary_form=True)
    return [leaf] if leaf else []


def read_from_wire(received: bytes) -> List[bytes]:
    """The certificates in a server's first flight in clear; none if it is not in clear or not whole."""
    messages = _handshake_messages(received)
    while len(messages) >= 4:
        length = int.from_bytes(messages[1:4], "big")
        body = messages[4 : 4 + length]
        if len(body) < length:
            return []
        if messages[0] == CERTIFICATE_MESSAGE:
            return _certificates(body)
        messages = messages[4 + length :]
    return []


def _handshake_messages(received: bytes) -> bytes:
    messages = b""
    while len(received) >= 5 and received[0] == HANDSHAKE_RECORD:
        length = int.from_bytes(received[3:5], "big")
        messages += received[5 : 5 + length]
        received = received[5 + length :]
    return messages


def _certificates(body: bytes) -> List[bytes]:
    found = []
    rest = body[3:]
    while len(rest) > 3:
        length = int.from_bytes(rest[:3], "big")
        if length == 0 or len(rest) < 3 + length:
            break
        found.append(rest[3 : 3 + length])
        rest = rest[3 + length :]
    return found


def _der(item: Any) -> bytes:
    """Bytes since Python 3.13, an object before."""
    return item if isinstance(item, bytes) else ssl.PEM_cert_to_DER_cert(item.public_bytes())


def _method(secured: Any) -> Optional[Any]:
    public = getattr(secured, "get_unverified_chain", None)
    return public or getattr(getattr(secured, "_sslobj", None), "get_unverified_chain", None)
