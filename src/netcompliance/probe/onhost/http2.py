"""One GET over HTTP/2, as bytes: does a peer that agreed to h2 in the handshake speak it?

Theory. Some of the agent's parts use Go's default transport, which offers h2; a peer that agrees is spoken to in
HTTP/2, and Go never goes back to HTTP/1.1. The preface, SETTINGS and the request are sent at once, as
Go does it. The peer's first frame must be SETTINGS (RFC 9113, section 3.4), whatever the request needs. The status is
read where it is readable without the tables of HPACK (RFC 7541), which it is with every common server.
"""

import struct
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from netcompliance.probe.onhost import tls
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.trust import identifying_context

PROTOCOLS = ("h2", "http/1.1")
AGREED = "h2"
PATIENCE = 4.0
"""Seconds for the answer. SETTINGS come at once, whatever the answer takes."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, GOAWAY, CONTINUATION = 0, 1, 3, 4, 7, 9
ACK, END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32
NO_PUSH = struct.pack(">HI", 2, 0)
LARGEST = 16384
"""Bytes of a frame that a peer may send to one that has not said otherwise."""
MOST_FRAMES = 64
SHOWN = 64
_METHOD, _HTTPS, _PATH, _AUTHORITY, _USER_AGENT = b"\x82", b"\x87", b"\x04", b"\x01", b"\x0f\x2b"
_STATUSES = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
"""The static table's whole fields."""
_STATUS_NAMES = frozenset(form + index for form in (0x00, 0x10, 0x40) for index in range(8, 15))
"""A literal whose name is one of the static table's `:status`: as it is, never indexed, indexed."""
_DIGITS = {format(n, "05b"): str(n) for n in range(3)}
_DIGITS.update({format(n + 22, "06b"): str(n) for n in range(3, 10)})
"""The Huffman code's digits."""


def look(open_lower: Callable[[], Stream], host: str, asked: bytes, seconds: float) -> Dict[str, Any]:
    """Shake hands with h2 on offer, and ask over it if the peer agrees. The fields of an `http2` observation."""
    facts: Dict[str, Any] = {
        "alpn": None, "settings": False, "replied": False, "status": None, "at": time.time(), "error": None,
    }  # fmt: skip
    clock = time.monotonic()
    lower: Optional[Stream] = None
    try:
        lower = open_lower()
        stream = tls.TlsStream(lower, identifying_context(protocols=PROTOCOLS), host)
        stream.handshake(Deadline(seconds))
        facts["alpn"] = stream.secured.selected_alpn_protocol()
        if facts["alpn"] == AGREED:
            _get(stream, asked, Deadline(PATIENCE), facts)
    except Exception as error:
        facts["error"] = failure_from(error, "http2" if facts["alpn"] else "tls").record()
    if lower is not None:
        lower.close()
    facts["seconds"] = time.monotonic() - clock
    return facts


def request(authority: str, target: str, agent: str) -> bytes:
    """All that the client sends."""
    fields = _METHOD + _HTTPS + _literal(_AUTHORITY, authority) + _literal(_PATH, target) + _literal(_USER_AGENT, agent)
    return PREFACE + _frame(SETTINGS, 0, 0, NO_PUSH) + _frame(HEADERS, END_STREAM | END_HEADERS, 1, fields)


def _get(stream: Stream, asked: bytes, deadline: Deadline, facts: Dict[str, Any]) -> None:
    """Send the request and read until its answer begins; how far it came goes into the facts.

    Raises `Failure` if the peer ends it, or does not speak HTTP/2.
    """
    stream.send(asked, deadline, "http2")
    reader = _Frames(stream, deadline)
    block: List[bytes] = []
    for _ in range(MOST_FRAMES):
        kind, flags, number, body = reader.frame()
        if not facts["settings"]:
            if kind != SETTINGS or flags & ACK:
                raise Failure("http2", "PROTOCOL", "the first frame is of type %d, not SETTINGS" % kind)
            facts["settings"] = True
        if kind == SETTINGS and not flags & ACK:
            stream.send(_frame(SETTINGS, ACK, 0, b""), deadline, "http2")
        elif kind == GOAWAY and (len(body) < 8 or struct.unpack(">I", body[:4])[0] & 0x7FFFFFFF < 1):
            raise Failure("http2", "EOF", "GOAWAY with error code %d" % _code(body[4:8]))
        elif kind == RESET and number == 1:
            raise Failure("http2", "RESET", "RST_STREAM with error code %d" % _code(body[:4]))
        elif kind in (HEADERS, CONTINUATION) and number == 1:
            block.append(_fragment(body, flags) if kind == HEADERS else body)
            if flags & END_HEADERS:
                status = _status(b"".join(block))
                block = []
                if status is None or status >= 200:
                    facts["replied"], facts["status"] = True, status
                    return
    raise Failure("http2", "LIMIT", "%d frames without an answer" % MOST_FRAMES)


class _Frames:
    """Frames from a stream."""

    def __init__(self, stream: Stream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self._data = b""

    def frame(self) -> Tuple[int, int, int, bytes]:
        """Type, flags, stream and contents of the next one."""
        head = self._take(9)
        length = int.from_bytes(head[:3], "big")
        if length > LARGEST:
            raise Failure("http2", "PROTOCOL", repr((head + self._data)[:SHOWN]))
        return head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, self._take(length)

    def _take(self, length: int) -> bytes:
        while len(self._data) < length:
            received = self._stream.recv(self._deadline, "http2")
            if not received:
                raise Failure("http2", "EOF", "closed by the peer without an answer")
            self._data += received
        taken, self._data = self._data[:length], self._data[length:]
        return taken


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


def _literal(name: bytes, value: str) -> bytes:
    text = value.encode("latin-1", "replace")
    return name + _integer(len(text), 7) + text


def _integer(value: int, bits: int) -> bytes:
    """RFC 7541, section 5.1."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((value,))
    value -= most
    coded = [most]
    while value >= 128:
        coded.append(value % 128 + 128)
        value //= 128
    return bytes(coded + [value])


def _fragment(body: bytes, flags: int) -> bytes:
    """What a HEADERS frame holds of the fields."""
    padding = 0
    if flags & PADDED:
        padding, body = body[0] if body else 0, body[1:]
    if flags & PRIORITY:
        body = body[5:]
    return body[: len(body) - padding] if padding else body


def _status(block: bytes) -> Optional[int]:
    """The status, which is the first field; None if it is not written in one of the usual ways."""
    while block and block[0] & 0xE0 == 0x20:
        cut = 1
        if block[0] & 0x1F == 0x1F:
            while cut < len(block) and block[cut] & 0x80:
                cut += 1
            cut += 1
        block = block[cut:]
    if len(block) < 3 or block[0] not in _STATUS_NAMES:
        return _STATUSES.get(block[0]) if block else None
    value = block[2 : 2 + (block[1] & 0x7F)]
    digits = _huffman(value) if block[1] & 0x80 else value.decode("latin-1")
    return int(digits) if len(digits) == 3 and digits.isdigit() else None


def _huffman(coded: bytes) -> str:
    """Digits; what is none ends it."""
    bits = "".join(format(byte, "08b") for byte in coded)
    found = ""
    while True:
        code = next((bits[:size] for size in (5, 6) if bits[:size] in _DIGITS), None)
        if code is None:
            return found
        found += _DIGITS[code]
        bits = bits[len(code) :]


def _code(field: bytes) -> int:
    return int.from_bytes(field, "big")
