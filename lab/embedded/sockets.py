"""Listening sockets and what is done to connections below TLS and HTTP."""

from __future__ import annotations

import contextlib
import ipaddress
import selectors
import socket
import ssl
import struct
import threading
from collections.abc import Callable

Handler = Callable[[socket.socket], None]

IDLE = 60.0
"""Seconds after which a server gives up on a silent peer, as servers do."""
_BACKLOG = 256
FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
"""Level and option by which an address may be bound that is not there yet (Linux)."""


def family_of(address: str) -> socket.AddressFamily:
    """AF_INET or AF_INET6."""
    return socket.AF_INET if ipaddress.ip_address(address).version == 4 else socket.AF_INET6


def bind(serving: socket.socket, address: str, port: int) -> None:
    """Bind to an address of this machine, also if the kernel is not yet done with giving it to its interface."""
    serving.setsockopt(*FREEBIND[serving.family], 1)
    serving.bind((address, port))


def stream_listener(address: str, port: int) -> socket.socket:
    """A listening TCP socket on one address."""
    listener = socket.socket(family_of(address), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bind(listener, address, port)
    listener.listen(_BACKLOG)
    return listener


class Acceptor:
    """Accepts on many sockets in one thread and hands each connection to a thread of its own."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def add(self, listener: socket.socket, handle: Handler) -> None:
        """Serve `listener` with `handle`, which need not close the connection."""
        listener.settimeout(0)
        self._selector.register(listener, selectors.EVENT_READ, handle)

    def run(self) -> None:
        """Accept for ever."""
        while True:
            for key, _ in self._selector.select():
                assert isinstance(key.fileobj, socket.socket)
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    connection, _ = key.fileobj.accept()
                    connection.settimeout(IDLE)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=_serve, args=(key.data, connection), daemon=True).start()


def _serve(handle: Handler, connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        handle(connection)


def reset(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def finish(connection: socket.socket, seconds: float = 2.0) -> None:
    """Close with FIN: send ours, then read what still comes, since unread bytes would turn it into RST."""
    with contextlib.suppress(OSError):
        if isinstance(connection, ssl.SSLSocket):
            connection.settimeout(seconds)
            connection.unwrap()
        connection.shutdown(socket.SHUT_WR)
        hold(connection, seconds)
    connection.close()


def hold(connection: socket.socket, seconds: float = IDLE) -> None:
    """Say nothing until the peer goes away."""
    connection.settimeout(seconds)
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass
