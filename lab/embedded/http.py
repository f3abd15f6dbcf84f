"""HTTP/1.1 as a server speaks it, and the ways in which `lab.servers.Reply` departs from it.

Bodies are read and thrown away: only their size matters. A reply that depends on the size of the request is given from
Content-Length alone, before the body is read, as proxies do; the rest of the body is then swallowed.
"""

from __future__ import annotations

import email.utils
import io
import socket
import time
import urllib.parse
from dataclasses import dataclass
from typing import Protocol

from lab.embedded import sockets
from lab.servers import Reply, ResponseFault

_MAX_LINE = 65536
_MAX_HEADERS = 256
_HUGE = 100_000_000
_REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Time-out",
    411: "Length Required",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    511: "Network Authentication Required",
}


class Readable(Protocol):
    """What is needed of a stream."""

    def readline(self, size: int, /) -> bytes:
        """Read up to the end of a line, `size` bytes at most."""

    def read(self, size: int, /) -> bytes | None:
        """Read at most `size` bytes."""


class BadRequest(Exception):
    """The peer's bytes are no HTTP request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The head of a request."""

    method: str
    target: str
    headers: list[tuple[str, str]]

    @property
    def path(self) -> str:
        """The path, decoded, without its query."""
        return urllib.parse.unquote(self.target.split("?")[0])

    @property
    def query(self) -> dict[str, list[str]]:
        """The decoded query."""
        return urllib.parse.parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def length(self) -> int | None:
        """Content-Length; None where the body is chunked or there is none."""
        value = self.header("content-length")
        return int(value) if value and value.isdigit() else None

    @property
    def chunked(self) -> bool:
        """Whether the body is chunked."""
        return "chunked" in (self.header("transfer-encoding") or "").lower()

    @property
    def keeps_alive(self) -> bool:
        """Whether the peer wants to go on with this connection."""
        return (self.header("connection") or "").lower() != "close"


def read_request(stream: Readable) -> Request | None:
    """Read a request head; None at the end of the connection."""
    first = stream.readline(_MAX_LINE)
    if not first:
        return None
    parts = first.decode("latin-1").split()
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequest
    headers: list[tuple[str, str]] = []
    while (line := stream.readline(_MAX_LINE).decode("latin-1").rstrip("\r\n")) and len(headers) < _MAX_HEADERS:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequest
        headers.append((name, value.strip()))
    return Request(method=parts[0], target=parts[1], headers=headers)


def read_body(stream: Readable, request: Request) -> bytes:
    """Read the body. Its first 64 KiB are given back, the rest is counted out and forgotten."""
    kept = io.BytesIO()
    if request.chunked:
        while size := int(stream.readline(_MAX_LINE).split(b";")[0], 16):
            _swallow(stream, size, kept)
            stream.readline(_MAX_LINE)
        while stream.readline(_MAX_LINE).strip():
            pass
    else:
        _swallow(stream, request.length or 0, kept)
    return kept.getvalue()


def _swallow(stream: Readable, size: int, kept: io.BytesIO) -> None:
    while size:
        piece = stream.read(min(size, 65536))
        if not piece:
            raise ConnectionError("the body ended early")
        kept.write(piece[: max(0, 65536 - kept.tell())])
        size -= len(piece)


def send(connection: socket.socket, request: Request, reply: Reply, clock_offset: float, *, close: bool) -> bool:
    """Answer a request. False when the connection is over."""
    if reply.delay:
        time.sleep(reply.delay)
    head = _head(request, reply, clock_offset, close=close)
    body = b"" if request.method == "HEAD" else reply.body
    if reply.manner is ResponseFault.PLAIN:
        connection.sendall(head + body)
        return not close
    if reply.manner in _COUNTING:
        _COUNTING[reply.manner](connection, head, body, reply.limit)
    else:
        _MANNERS[reply.manner](connection, head, body)
    return False


def _head(request: Request, reply: Reply, clock_offset: float, *, close: bool) -> bytes:
    reason = _REASONS.get(reply.status, "Unknown")
    names = {name.lower() for name, _ in reply.headers}
    lines = [f"HTTP/1.1 {reply.status} {reason}"]
    if "date" not in names:
        lines.append(f"Date: {email.utils.formatdate(time.time() + clock_offset, usegmt=True)}")
    if reply.manner is ResponseFault.ENDLESS_BODY:
        lines.append("Transfer-Encoding: chunked")
    elif "content-length" not in names:
        lines.append(f"Content-Length: {_HUGE if reply.manner is ResponseFault.HUGE_JSON else len(reply.body)}")
    lines.append(f"Connection: {'close' if close else 'keep-alive'}")
    host = request.header("host") or ""
    for name, value in reply.headers:
        lines.append(f"{name}: {value.replace('{host}', host).replace('{path}', request.target)}")
    lines.extend(reply.lines)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _stall(connection: socket.socket, _head: bytes, _body: bytes) -> None:
    sockets.hold(connection)


def _close(connection: socket.socket, _head: bytes, _body: bytes) -> None:
    sockets.finish(connection)


def _reset(connection: socket.socket, _head: bytes, _body: bytes) -> None:
    sockets.reset(connection)


def _drip(connection: socket.socket, head: bytes, body: bytes) -> None:
    for byte in head + body:
        connection.sendall(bytes((byte,)))
        time.sleep(1.0)


def _endless_headers(connection: socket.socket, head: bytes, _body: bytes) -> None:
    connection.sendall(head[:-2])
    lines = (b"X-Padding: " + b"a" * 16_000 + b"\r\n") * 4
    while True:
        connection.sendall(lines)
        time.sleep(0.01)  # or this program has no time left for its other peers


def _endless_body(connection: socket.socket, head: bytes, _body: bytes) -> None:
    connection.sendall(head)
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    while True:
        connection.sendall(chunk)


def _huge_json(connection: socket.socket, head: bytes, _body: bytes) -> None:
    opening, closing = b'{"a": "', b'"}'
    connection.sendall(head + opening)
    left = _HUGE - len(opening) - len(closing)
    while left:
        piece = min(left, 65536)
        connection.sendall(b"a" * piece)
        left -= piece
    connection.sendall(closing)


def _cut(connection: socket.socket, head: bytes, body: bytes, limit: int) -> None:
    connection.sendall(head + body[: limit or len(body) // 2])
    sockets.finish(connection)


def _hold(connection: socket.socket, head: bytes, body: bytes, limit: int) -> None:
    connection.sendall(head + body[:limit])
    sockets.hold(connection)


def _slow(connection: socket.socket, head: bytes, body: bytes, limit: int) -> None:
    connection.sendall(head)
    piece = max(1, limit // 10)
    for start in range(0, len(body), piece):
        connection.sendall(body[start : start + piece])
        time.sleep(0.1)
    sockets.finish(connection)


def _garbage(connection: socket.socket, _head: bytes, _body: bytes) -> None:
    connection.sendall(bytes(range(256)) * 4)
    sockets.finish(connection)


_MANNERS = {
    ResponseFault.STALL: _stall,
    ResponseFault.CLOSE: _close,
    ResponseFault.RESET: _reset,
    ResponseFault.DRIP: _drip,
    ResponseFault.ENDLESS_HEADERS: _endless_headers,
    ResponseFault.ENDLESS_BODY: _endless_body,
    ResponseFault.HUGE_JSON: _huge_json,
    ResponseFault.GARBAGE: _garbage,
}
_COUNTING = {ResponseFault.CUT: _cut, ResponseFault.HOLD: _hold, ResponseFault.SLOW: _slow}
