"""TLS over any stream, by hand over memory buffers, so that every byte of the handshake is ours to see.

The size of the ClientHello, the peer's first bytes when they are no TLS, and the chain it sent, verified or not, are
what distinguishes an inspecting device from a broken server.
"""

import base64
import ssl
import time
from typing import Any, Callable, Dict, Optional, Tuple

from netcompliance.probe.onhost import chain
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import CHUNK, Stream

RECORDS = 65536
"""Bytes that are made into records at once."""
SHOWN = 256
KEPT = 65536
"""Bytes of the peer's first flight that are kept to read its chain from."""
CALLBACK = "_msg_callback"
"""Where Python (3.8 and later) tells of each message that OpenSSL reads, decrypted. Without it, nobody knows what comes
after the handshake."""
AFTERWARDS = "netcompliance_afterwards"
HANDSHAKE, INNER = 22, 257
"""Kinds of what is told: a message of the handshake's, and the true kind of an encrypted record."""
FINISHED, HELLO_REQUEST = 20, 0
TLS_1_3 = 0x304
DATA = b"\x17"
MOST_USELESS = 16
"""Messages in a row that bring no data, after which Go ends a connection (crypto/tls, maxUselessRecords)."""


class Afterwards:
    """What comes after the handshake, and what Go says to it."""

    def __init__(self) -> None:
        self.refused: Optional[str] = None
        self._over = False
        self._useless = 0

    def read(self, version: int, kind: int, message: int, data: bytes) -> None:
        """One message of the peer's."""
        if kind == INNER and data == DATA:
            self._useless = 0
        if kind != HANDSHAKE:
            return
        if self._over and message == HELLO_REQUEST:
            self.refused = self.refused or "tls: no renegotiation"
        elif self._over and version == TLS_1_3:
            self._useless += 1
            if self._useless > MOST_USELESS:
                self.refused = self.refused or "tls: too many non-advancing records"
        self._over = self._over or message == FINISHED


def _on_message(secured: Any, direction: str, version: int, kind: int, message: int, data: bytes) -> None:
    afterwards = getattr(secured, AFTERWARDS, None)
    if afterwards is not None and direction == "read":
        afterwards.read(version, kind, message, data)


class TlsStream(Stream):
    """TLS as a client, over a lower stream."""

    def __init__(self, lower: Stream, context: ssl.SSLContext, host: str) -> None:
        super().__init__()
        self._lower = lower
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        if getattr(context, CALLBACK, _on_message) is None:
            setattr(context, CALLBACK, _on_message)
        self.secured = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._afterwards = Afterwards()
        setattr(self.secured, AFTERWARDS, self._afterwards)
        self._unsent = b""
        self._credit = 0
        self.hello_bytes = 0
        self.received = b""

    @property
    def refused(self) -> Optional[str]:
        return self._afterwards.refused

    def handshake(self, deadline: Deadline) -> None:
        """Shake hands, or raise what stopped it."""
        while True:
            try:
                self.secured.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(deadline)
            except ssl.SSLError:
                self._say_goodbye()
                raise
            else:
                self._flush(deadline)
                return
            data = self._lower.recv(deadline, "tls")
            if not data:
                raise Failure("tls", "EOF", "closed by the peer during the handshake")
            if len(self.received) < KEPT:
                self.received += data
            self._incoming.write(data)

    def arrived(self) -> Optional[bytes]:
        while True:
            try:
                return self.secured.read(CHUNK)
            except ssl.SSLWantReadError:
                data = self._lower.take()
                if data is None:
                    return None
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def wait(self, deadline: Deadline, phase: str) -> None:
        self._lower.wait(deadline, phase)

    def push(self, data: bytes, deadline: Deadline, phase: str) -> int:
        if not self._unsent:
            self._credit = self.secured.write(data[:RECORDS])
            self._unsent = self._outgoing.read()
        while self._unsent:
            sent = self._lower.push(self._unsent, deadline, phase)
            if not sent and self.heard():
                return 0
            self._unsent = self._unsent[sent:]
        return self._credit

    def listen_no_more(self) -> None:
        self._lower.listen_no_more()

    def unacknowledged(self) -> Optional[int]:
        return self._lower.unacknowledged()

    def close(self) -> None:
        self._lower.close()

    def give_up(self) -> None:
        self._lower.give_up()

    def _flush(self, deadline: Deadline) -> None:
        data = self._outgoing.read()
        if not self.hello_bytes:
            self.hello_bytes = len(data)
        if data:
            self._lower.send(data, deadline, "tls")

    def _say_goodbye(self) -> None:
        """Send the alert that OpenSSL has prepared; the peer's log should say why we left."""
        try:
            self._flush(Deadline(0.2))
        except (OSError, Failure):
            return


def secure(
    open_lower: Callable[[], Stream], context: ssl.SSLContext, host: str, seconds: float
) -> Tuple[Optional[TlsStream], Dict[str, Any]]:
    """Open a stream and shake hands on it. The facts are fields of a `tls` observation; or they hold `error`."""
    facts: Dict[str, Any] = {
        "verified": False, "version": None, "cipher": None, "alpn": None, "chain": [], "received": None,
        "hello_bytes": None, "at": time.time(), "error": None,
    }  # fmt: skip
    clock = time.monotonic()
    lower: Optional[Stream] = None
    stream: Optional[TlsStream] = None
    try:
        lower = open_lower()
        stream = TlsStream(lower, context, host)
        stream.handshake(Deadline(seconds))
        cipher = stream.secured.cipher()
        facts["verified"] = context.verify_mode == ssl.CERT_REQUIRED
        facts["version"] = stream.secured.version()
        facts["cipher"] = cipher[0] if cipher else None
        facts["alpn"] = stream.secured.selected_alpn_protocol()
        facts["chain"] = _encoded(chain.chain_of(stream.secured, stream.received))
    except Exception as error:
        facts["error"] = failure_from(error, "tls").record()
        if lower is not None:
            lower.close()
    facts["seconds"] = time.monotonic() - clock
    if stream is not None:
        facts["hello_bytes"] = stream.hello_bytes
        if facts["error"] is not None:
            facts["received"] = base64.b64encode(stream.received[:SHOWN]).decode("ascii")
            facts["chain"] = _encoded(chain.read_from_wire(stream.received))
    return (stream if facts["error"] is None else None), facts


def _encoded(certificates: Any) -> Any:
    return [base64.b64encode(certificate).decode("ascii") for certificate in certificates]
