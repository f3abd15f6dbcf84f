"""What these tests share.

They need a real API server: they are not collected unless `python tests/kubernetes` started one and says where it is.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import socketserver
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

collect_ignore_glob = [] if "KUBECONFIG_UNDER_TEST" in os.environ else ["test_*.py"]

TROUBLES = Path(__file__).with_name("troubles.toml")
API = ("127.0.0.1", 6443)
HANDFUL = 60_000
"""Bytes from the API server after which a visit has begun and is far from its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A pod that cannot be visited; the fields are those of troubles.toml."""

    host: str
    kubectl: str
    says: str
    cause: str


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `trouble` is run with each."""
    if "trouble" in metafunc.fixturenames:
        rows = tomllib.loads(TROUBLES.read_text(encoding="utf-8"))
        metafunc.parametrize("trouble", [Trouble(**row) for row in rows.values()], ids=list(rows))


class Relay(socketserver.ThreadingTCPServer):
    """Stands between kubectl and the API server, and after so many bytes from there carries nothing any more."""

    def __init__(self, allowed: int) -> None:
        super().__init__((API[0], 0), _Connection)
        self.left = allowed
        self.was_cut = threading.Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Connection(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        client = self.request
        with socket.create_connection(API) as server, contextlib.suppress(ConnectionError):
            while not self.server.was_cut.is_set():
                for source in select.select([client, server], [], [], 0.1)[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    self.server.left -= len(data) if source is server else 0
                    if self.server.left < 0:
                        self.server.was_cut.set()
                        return
                    (client if source is server else server).sendall(data)


@pytest.fixture
def cutting_relay() -> Iterator[Relay]:
    """A way to the API server that breaks off in the middle of a visit."""
    with Relay(HANDFUL) as relay:
        serving = threading.Thread(target=relay.serve_forever)
        serving.start()
        yield relay
        relay.was_cut.set()
        relay.shutdown()
        serving.join()
