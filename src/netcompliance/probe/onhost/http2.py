"""A GET and a small POST over HTTP/2, as bytes: does a peer that agreed to h2 in the handshake speak it?

Theory. Some of the agent's parts use Go's default transport, which offers h2; a peer that agrees is spoken to in
HTTP/2, and Go never goes back to HTTP/1.1. The preface, SETTINGS and the request are sent at once, as
Go does it. The peer's first frame must be SETTINGS (RFC 9113, section 3.4), whatever the request needs. The status is
read where it is readable without the tables of HPACK (RFC 7541), which it is with every common server. What these
parts send are POSTs, so one follows on the same connection; its body waits for the window that the peer gives.
"""

import struct
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

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
DATA, HEADERS, RESET, SETTINGS, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 7, 8, 9
INITIAL_WINDOW, USUAL_WINDOW = 4, 65535
ACK, END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32
NO_PUSH = struct.pack(">HI", 2, 0)
LARGEST = 16384
"""Bytes of a frame that a peer may send to one that has not said otherwise."""
MOST_FRAMES = 64
"""Frames, but those with data, that are read for one answer."""
MOST_FIELDS = 65536
SHOWN = 64
_METHODS = {"GET": b"\x82", "POST": b"\x83"}
_HTTPS, _PATH, _AUTHORITY, _USER_AGENT, _NEW = b"\x87", b"\x04", b"\x01", b"\x0f\x2b", b"\x00"
_STATUSES = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
"""The static table's whole fields."""
_STATUS_NAMES = frozenset(form + index for form in (0x00, 0x10, 0x40) for index in range(8, 15))
"""A literal whose name is one of the static table's `:status`: as it is, never indexed, indexed."""
_DIGITS = {format(n, "05b"): str(n) for n in range(3)}
_DIGITS.update({format(n + 22, "06b"): str(n) for n in range(3, 10)})
"""The Huffman code's digits."""


class Asked(NamedTuple):
    """One request: its method, the block of its fields, and its body."""

    method: str
    fields: bytes
    body: bytes


def look(open_lower: Callable[[], Stream], host: str, asked: Sequence[Asked], seconds: float) -> List[Dict[str, Any]]:
    """Shake hands with h2 on offer, and ask one after the other if the peer agrees, until one is not answered.

    The fields of an `http2` observation for each that was asked, and for the first in any case.
    """
    told = [_facts(asked[0])]
    clock = time.monotonic()
    lower: Optional[Stream] = None
    try:
        lower = open_lower()
        stream = tls.TlsStream(lower, identifying_context(protocols=PROTOCOLS), host)
        stream.handshake(Deadline(seconds))
        told[0]["alpn"] = stream.secured.selected_alpn_protocol()
        if told[0]["alpn"] == AGREED:
            connection = _Connection(stream)
            connection.ask(asked[0], told[0])
            for each in asked[1:]:
                told[-1]["seconds"] = time.monotonic() - clock
                clock = time.monotonic()
                told.append(dict(_facts(each), alpn=AGREED, settings=True))
                connection.ask(each, told[-1])
    except Exception as error:
        told[-1]["error"] = failure_from(error, "http2" if told[-1]["alpn"] else "tls").record()
    if lower is not None:
        lower.close()
    told[-1]["seconds"] = time.monotonic() - clock
    return told


def _facts(asked: Asked) -> Dict[str, Any]:
    return {
        "method": asked.method, "alpn": None, "settings": False, "replied": False, "status": None, "at": time.time(),
        "error": None,
    }  # fmt: skip


def request(authority: str, target: str, agent: str) -> Asked:
    """A GET as any client makes it."""
    return Asked("GET", _head("GET", authority, target) + _literal(_USER_AGENT, agent), b"")


def post(authority: str, target: str, headers: Dict[str, str], body: bytes) -> Asked:
    """A POST with these headers."""
    named = dict(headers, **{"content-length": str(len(body))})
    fields = [_literal(_NEW + _literal(b"", name.lower()), value) for name, value in sorted(named.items())]
    return Asked("POST", _head("POST", authority, target) + b"".join(fields), body)


def _head(method: str, authority: str, target: str) -> bytes:
    return _METHODS[method] + _HTTPS + _literal(_AUTHORITY, authority) + _literal(_PATH, target)


class _Connection:
    """HTTP/2 from its preface on."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._reader = _Frames(stream)
        self._number = -1
        self._settings = False
        self._initial = self._window = USUAL_WINDOW
        self._own_window = 0
        """What the peer has added for the stream in use, or taken."""

    def ask(self, asked: Asked, facts: Dict[str, Any]) -> None:
        """Send the request and read until its answer begins; how far it came goes into the facts.

        Raises `Failure` if the peer ends it, or does not speak HTTP/2, or has no window for the body.
        """
        deadline = Deadline(PATIENCE)
        begun = self._number > 0
        self._number += 2
        self._own_window = 0
        flags = END_HEADERS | (0 if asked.body else END_STREAM)
        head = _frame(HEADERS, flags, self._number, asked.fields)
        if not begun:
            head = PREFACE + _frame(SETTINGS, 0, 0, NO_PUSH) + head
        self._write(head, deadline)
        left = self._send(asked.body, deadline) if self._settings else asked.body
        try:
            for _ in range(MOST_FRAMES):
                if self._next(facts, deadline):
                    return
                left = self._send(left, deadline)
        except Failure as failure:
            if left and facts["settings"] and failure.name == "TIMEOUT":
                raise Failure("http2", "WINDOW", "no window for %d bytes of a body" % len(left)) from None
            raise
        raise Failure("http2", "LIMIT", "%d frames without an answer" % MOST_FRAMES)

    def _send(self, body: bytes, deadline: Deadline) -> bytes:
        """As much of the body as the peer has a window for. The rest."""
        size = min(len(body), self._window, self._initial + self._own_window, LARGEST)
        if size <= 0:
            return body
        self._window -= size
        self._own_window -= size
        flags = END_STREAM if size == len(body) else 0
        self._write(_frame(DATA, flags, self._number, body[:size]), deadline)
        return body[size:]

    def _write(self, data: bytes, deadline: Deadline) -> None:
        """Send all, and keep what the peer says meanwhile; it may speak at any time."""
        while data:
            sent = self._stream.push(data, deadline, "http2")
            if not sent and self._stream.heard() and not self._reader.keep():
                return
            data = data[sent:]

    def _next(self, facts: Dict[str, Any], deadline: Deadline) -> bool:
        """Read what is no data. Has the answer begun?"""
        kind, flags, number, body = self._reader.frame(deadline)
        while kind == DATA and self._settings:
            kind, flags, number, body = self._reader.frame(deadline)
        if not self._settings and (kind != SETTINGS or flags & ACK):
            raise Failure("http2", "PROTOCOL", "the first frame is of type %d, not SETTINGS" % kind)
        self._settings = facts["settings"] = True
        if kind == SETTINGS and not flags & ACK:
            self._take_settings(body)
            self._write(_frame(SETTINGS, ACK, 0, b""), deadline)
        elif kind == WINDOW_UPDATE and number in (0, self._number):
            more = _code(body[:4]) & 0x7FFFFFFF
            self._window += more if number == 0 else 0
            self._own_window += more if number else 0
        elif kind == GOAWAY and (len(body) < 8 or _code(body[:4]) & 0x7FFFFFFF < self._number):
            raise Failure("http2", "EOF", "GOAWAY with error code %d" % _code(body[4:8]))
        elif kind == RESET and number == self._number:
            raise Failure("http2", "RESET", "RST_STREAM with error code %d" % _code(body[:4]))
        elif kind == HEADERS:
            block = _fragment(body, flags)
            while not flags & END_HEADERS:
                kind, flags, _, body = self._reader.frame(deadline)
                if kind != CONTINUATION or len(block) > MOST_FIELDS:
                    raise Failure("http2", "PROTOCOL", "fields that do not end")
                block += body
            status = _status(block)
            if number == self._number and (status is None or status >= 200):
                facts["replied"], facts["status"] = True, status
                return True
        return False

    def _take_settings(self, body: bytes) -> None:
        for place in range(0, len(body) - 5, 6):
            name, value = struct.unpack(">HI", body[place : place + 6])
            if name == INITIAL_WINDOW:
                self._initial = value


class _Frames:
    """Frames from a stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._data = b""

    def frame(self, deadline: Deadline) -> Tuple[int, int, int, bytes]:
        """Type, flags, stream and contents of the next one."""
        head = self._take(9, deadline)
        length = int.from_bytes(head[:3], "big")
        if length > LARGEST:
            raise Failure("http2", "PROTOCOL", repr((head + self._data)[:SHOWN]))
        return head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, self._take(length, deadline)

    def keep(self) -> bool:
        """Take what has arrived. False at the end of the stream."""
        arrived = self._stream.take()
        self._data += arrived or b""
        return arrived != b""

    def _take(self, length: int, deadline: Deadline) -> bytes:
        while len(self._data) < length:
            received = self._stream.recv(deadline, "http2")
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
