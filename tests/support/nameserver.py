"""A nameserver on loopback that says what it is told to."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator

import dns.exception

PATIENCE = 2.0
"""Seconds in which whoever asked over TCP has read the answer."""


@contextlib.contextmanager
def nameserver(datagrams: Callable[[bytes], Iterable[bytes]], stream: bytes | None = None) -> Iterator[int]:
    """Its port on 127.0.0.1. It answers over UDP with these, and over TCP with `stream` (`None`: with an end).

    What is no whole query is not answered.
    """
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket(type=socket.SOCK_DGRAM) as asked:
        port = listening.getsockname()[1]
        asked.bind(("127.0.0.1", port))

        def serve() -> None:
            while not stopped.is_set():
                for ready in select.select([asked, listening], [], [], 0.05)[0]:
                    with contextlib.suppress(OSError, dns.exception.DNSException):
                        if ready is listening:
                            _answer(listening.accept()[0], stream)
                            continue
                        query, peer = asked.recvfrom(4096)
                        for datagram in datagrams(query):
                            asked.sendto(datagram, peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield port
        finally:
            stopped.set()
            thread.join(5)


def _answer(connection: socket.socket, stream: bytes | None) -> None:
    with connection:
        connection.settimeout(PATIENCE)
        connection.recv(4096)
        if stream is not None:
            connection.sendall(struct.pack("!H", len(stream)) + stream)
            connection.recv(1)
