"""Things that happen by themselves: visitors who connect, and what listens on the host."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from lab.embedded import sockets
from lab.world import Visitor

_PATIENCE = 0.3


def visit(visitor: Visitor) -> None:
    """Connect for ever, from a thread."""
    threading.Thread(target=_visit, args=(visitor,), daemon=True).start()


def _visit(visitor: Visitor) -> None:
    while True:
        with contextlib.suppress(OSError), socket.socket(sockets.family_of(visitor.source)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.bind((visitor.source, visitor.source_port))
            connection.settimeout(_PATIENCE)
            connection.connect((visitor.to, visitor.port))
            if visitor.stays:
                sockets.hold(connection, seconds=3600.0)
        time.sleep(visitor.every)


def listen_on_host(port: int, acceptor: sockets.Acceptor) -> None:
    """Accept and say nothing, on every address of the host."""
    acceptor.add(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True), sockets.hold)
