"""A server that speaks HTTP/2 as far as a GET goes, and fails at a POST (`lab.world.Http2`)."""

from __future__ import annotations

import socket
import struct

from lab.world import Http2

_HEADERS, _RESET, _SETTINGS, _PING = 1, 3, 4, 6
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_INITIAL_WINDOW, _HTTP_1_1_REQUIRED = 4, 13
_REFUSAL = b'{"_type":"Unauthorized","message":"API key is missing or invalid"}'
_FIELDS = b"\x08\x03403\x0f\x10\x10application/json"
"""In HPACK (RFC 7541): status 403, and the type."""


def serve(connection: socket.socket, manner: Http2) -> None:
    """Refuse each GET as the receiver does, until the peer goes."""
    stream = connection.makefile("rb")
    stream.read(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
    window = 0 if manner is Http2.NO_WINDOW else 65535
    connection.sendall(_frame(_SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW, window)))
    while len(head := stream.read(9)) == 9:
        kind, flags, number = head[3], head[4], int.from_bytes(head[5:], "big")
        body = stream.read(int.from_bytes(head[:3], "big"))
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            connection.sendall(_frame(kind, _ACK, 0, body if kind == _PING else b""))
        elif kind == _HEADERS and flags & _END_STREAM:
            answer = _frame(_HEADERS, _END_HEADERS, number, _FIELDS) + _frame(0, _END_STREAM, number, _REFUSAL)
            connection.sendall(answer)
        elif kind == _HEADERS and manner is Http2.RESETS_POSTS:
            connection.sendall(_frame(_RESET, 0, number, struct.pack(">I", _HTTP_1_1_REQUIRED)))


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body
