"""A ClientHello sent as bytes, and the first that comes back: a ServerHello, an alert, silence, or a cut.

Nobody goes on from there: the connection is closed. Up to TLS 1.2 the peer's certificates are in its first flight, in
clear.
"""

import base64
import time
from typing import Any, Callable, Dict, Optional

from netcompliance.probe.onhost import chain
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import Stream

SHOWN = 1536
"""A ServerHello with a post-quantum key share, and what is behind it."""
MOST = 65536
HANDSHAKE, SERVER_HELLO_DONE = 22, 14
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""What a ServerHello that asks for another key share has instead of a random value."""


def send(open_lower: Callable[[], Stream], hello: bytes, seconds: float) -> Dict[str, Any]:
    """The fields of a `tls` observation."""
    facts: Dict[str, Any] = {
        "verified": False, "version": None, "cipher": None, "alpn": None, "hello_bytes": len(hello), "at": time.time(),
        "error": None, "mss": None,
    }  # fmt: skip
    clock = time.monotonic()
    received = b""
    lower: Optional[Stream] = None
    try:
        lower = open_lower()
        deadline = Deadline(seconds)
        lower.send(hello, deadline, "tls")
        while not _enough(received):
            data = lower.recv(deadline, "tls")
            if not data:
                facts["error"] = Failure("tls", "EOF", "closed by the peer after the ClientHello").record()
                break
            received += data
    except Exception as error:
        facts["error"] = failure_from(error, "tls").record()
    if lower is not None:
        lower.close()
    facts["seconds"] = time.monotonic() - clock
    facts["received"] = base64.b64encode(received[:SHOWN]).decode("ascii")
    facts["chain"] = [base64.b64encode(der).decode("ascii") for der in chain.read_from_wire(received)]
    return facts


def _enough(received: bytes) -> bool:
    """Is more of no use: no TLS, an alert, the end of the flight in clear?"""
    if len(received) >= MOST or RETRY in received[:128]:
        return True
    rest, messages = received, b""
    while len(rest) >= 5 and rest[0] == HANDSHAKE:
        length = int.from_bytes(rest[3:5], "big")
        messages += rest[5 : 5 + length]
        rest = rest[5 + length :]
    if rest and rest[0] != HANDSHAKE:
        return len(rest) >= 7 or bool(messages)
    while len(messages) >= 4:
        if messages[0] == SERVER_HELLO_DONE:
            return True
        messages = messages[4 + int.from_bytes(messages[1:4], "big") :]
    return False
