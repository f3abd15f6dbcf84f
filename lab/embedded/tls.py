"""The server side of TLS, with the misbehaviour of `lab.world.Tls`.

The ClientHello is looked at before it is read (MSG_PEEK), so whatever is decided, OpenSSL still sees all of it.
"""

from __future__ import annotations

import socket
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path

from lab.embedded import sockets
from lab.world import Hello, Key, Tls

_HANDSHAKE_RECORD = 22
_PEEK = 65536
_ALERT_HEAD = b"\x15\x03\x03\x00\x02\x02"
"""Of a fatal alert in TLS 1.2."""
_BANNER = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello:
    """What is known of a ClientHello: its size with record headers, and the name asked for."""

    size: int
    name: str | None
    message: bytes = b""


def server_context(tls: Tls, certificate: Path) -> ssl.SSLContext:
    """A context that serves `certificate` in the versions of `tls`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    lowest, highest = (ssl.TLSVersion[name] for name in tls.versions)
    if tls.ciphers or tls.key is not Key.P256 or lowest < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers(f"{tls.ciphers or 'ALL'}:@SECLEVEL=0")
    context.load_cert_chain(certificate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = lowest
        context.maximum_version = highest
    context.num_tickets = tls.tickets
    if tls.protocols:
        context.set_alpn_protocols(list(tls.protocols))
    if tls.wants_certificate:
        context.load_verify_locations(certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def peek_hello(connection: socket.socket) -> ClientHello | None:
    """Wait for a whole ClientHello and describe it; None if the peer's first bytes are no TLS."""
    try:
        return _peek_hello(connection)
    finally:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def _peek_hello(connection: socket.socket) -> ClientHello | None:
    wanted = 5
    while True:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wanted)
        seen = connection.recv(_PEEK, socket.MSG_PEEK)
        if not seen or seen[0] != _HANDSHAKE_RECORD:
            return None
        if len(seen) < wanted:
            return None
        message, size = _handshake_bytes(seen)
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            return ClientHello(size=size, name=_server_name(message), message=message)
        wanted = size if size > len(seen) else len(seen) + 1


def _handshake_bytes(seen: bytes) -> tuple[bytes, int]:
    """Join the records seen; the second value is where the last of them ends, or will end."""
    message, position = b"", 0
    while position + 5 <= len(seen) and seen[position] == _HANDSHAKE_RECORD:
        end = position + 5 + int.from_bytes(seen[position + 3 : position + 5], "big")
        message += seen[position + 5 : end]
        position = end
    return message, position


def _server_name(message: bytes) -> str | None:
    """The server_name extension of a ClientHello (RFC 8446 §4.1.2, RFC 6066 §3)."""
    position = 4 + 2 + 32
    position += 1 + message[position]
    position += 2 + int.from_bytes(message[position : position + 2], "big")
    position += 1 + message[position]
    position += 2
    while position + 4 <= len(message):
        kind = int.from_bytes(message[position : position + 2], "big")
        length = int.from_bytes(message[position + 2 : position + 4], "big")
        if kind == 0:
            return message[position + 9 : position + 4 + length].decode("ascii", "replace")
        position += 4 + length
    return None


def misbehave(connection: socket.socket, hello: Hello, alert: int = 0) -> None:
    """Do to the connection what `hello` says; it is over afterwards."""
    if hello is Hello.RESET:
        sockets.reset(connection)
    elif hello is Hello.CLOSE:
        sockets.finish(connection)
    elif hello is Hello.ALERT:
        connection.sendall(_ALERT_HEAD + bytes((alert,)))
        sockets.finish(connection)
    elif hello is Hello.BANNER:
        connection.sendall(_BANNER)
        sockets.hold(connection)
    else:
        sockets.hold(connection)
