"""What comes after a TLS handshake, and what Go says to it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

import pytest

from netcompliance.probe.onhost import tls
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import TcpStream
from netcompliance.probe.onhost.trust import identifying_context
from tests.support.peers import authority, leaf

USELESS = "tls: too many non-advancing records"
RENEGOTIATION = "tls: no renegotiation"
TLS_1_2, DATA = 0x303, (257, 23, b"\x17")
TICKET, FINISHED, WISH = ((22, message, b"") for message in (4, 20, 0))


@pytest.mark.parametrize(("tickets", "refused"), [(2, None), (16, None), (17, USELESS)])
def test_go_takes_so_many_session_tickets_before_data(tmp_path: Path, tickets: int, refused: str | None) -> None:
    issued = leaf(authority("Test CA"), "acme.example")
    file = tmp_path / "leaf.pem"
    file.write_bytes(issued.key_pem + issued.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.num_tickets = tickets
    near, far = socket.socketpair()

    def serve() -> None:
        with contextlib.suppress(OSError), context.wrap_socket(far, server_side=True) as speaking:
            speaking.sendall(b"answer")
            speaking.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with near:
        stream = tls.TlsStream(TcpStream(near), identifying_context(), "acme.example")
        stream.handshake(Deadline(5))
        assert stream.recv(Deadline(5), "head") == b"answer"
        assert stream.refused == refused
    thread.join(5)


@pytest.mark.parametrize(
    ("version", "messages", "refused"),
    [
        (tls.TLS_1_3, [FINISHED, *[TICKET] * 16, DATA, *[TICKET] * 16], None),
        (tls.TLS_1_3, [FINISHED, DATA, *[TICKET] * 17, DATA], USELESS),
        (TLS_1_2, [TICKET, FINISHED, DATA], None),
        (TLS_1_2, [WISH, FINISHED, DATA], None),
        (TLS_1_2, [FINISHED, DATA, WISH], RENEGOTIATION),
    ],
)
def test_what_comes_after_the_handshake_counts(
    version: int, messages: list[tuple[int, int, bytes]], refused: str | None
) -> None:
    afterwards = tls.Afterwards()
    for message in messages:
        afterwards.read(version, *message)
    assert afterwards.refused == refused
