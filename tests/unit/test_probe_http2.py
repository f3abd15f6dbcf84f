"""A request over HTTP/2, to peers that speak it, and to those that only agree to it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netcompliance.probe.onhost import http2
from netcompliance.probe.onhost.streams import TcpStream
from tests.fakes.peers import authority, leaf

ASKED = http2.request("acme.example", f"/features?{'x' * 300}", "agent/1")
SETTINGS = (4, 0, 0, struct.pack(">HI", 4, 65536))


def frames(*given: tuple[int, int, int, bytes]) -> bytes:
    return b"".join(
        struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body
        for kind, flags, stream, body in given
    )


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    issued = leaf(authority("Test CA"), "acme.example")
    file = Path(tmp_path_factory.mktemp("http2"), "leaf.pem")
    file.write_bytes(issued.key_pem + issued.pem)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(file)
    made.set_alpn_protocols(["h2"])
    return made


@contextlib.contextmanager
def peer(context: ssl.SSLContext, said: bytes) -> Iterator[Callable[[], TcpStream]]:
    """Reads a request, says this, and closes."""
    near, far = socket.socketpair()

    def serve() -> None:
        with contextlib.suppress(OSError), context.wrap_socket(far, server_side=True) as speaking:
            speaking.recv(65536)
            speaking.sendall(said)
            speaking.unwrap()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with near, far:
        yield lambda: TcpStream(near)
    thread.join(5)


def look(context: ssl.SSLContext, said: bytes) -> dict[str, Any]:
    with peer(context, said) as opened:
        return http2.look(opened, "acme.example", ASKED, 5.0)


@pytest.mark.parametrize(
    ("block", "status"),
    [
        (b"\x88", 200),
        (b"\x8d", 404),
        (b"\x48\x03403", 403),
        (b"\x4e\x82\x68\x19", None),
        (b"\x4e\x83\x68\x0c\xff", 403),
        (b"\x20\x3f\xe1\x1f\x8c", 400),
        (b"\xbe", None),
        (b"", None),
    ],
)
def test_the_status_is_read_where_it_is_readable(context: ssl.SSLContext, block: bytes, status: int | None) -> None:
    facts = look(context, frames(SETTINGS, (4, 1, 0, b""), (1, 4, 1, block)))
    assert (facts["alpn"], facts["settings"], facts["replied"], facts["error"]) == ("h2", True, True, None)
    assert facts["status"] == status


def test_interim_answers_padding_and_continuations_are_read_over(context: ssl.SSLContext) -> None:
    interim = (1, 4, 1, b"\x48\x03103")
    padded = (1, 8 | 32, 1, b"\x02" + bytes(5) + b"\x48\x034" + b"\0\0")
    facts = look(context, frames(SETTINGS, interim, (8, 0, 0, bytes(4)), padded, (9, 4, 1, b"04")))
    assert (facts["status"], facts["error"]) == (404, None)


@pytest.mark.parametrize(
    ("said", "begun", "name"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", False, "PROTOCOL"),
        (frames((1, 4, 1, b"\x88")), False, "PROTOCOL"),
        (frames(SETTINGS), True, "EOF"),
        (frames(SETTINGS, (7, 0, 0, struct.pack(">II", 0, 13))), True, "EOF"),
        (frames(SETTINGS, (3, 0, 1, struct.pack(">I", 7))), True, "RESET"),
        (frames(SETTINGS, *[(6, 1, 0, bytes(8))] * 100), True, "LIMIT"),
        (b"", False, "EOF"),
    ],
    ids=["HTTP/1.1", "no settings", "settings alone", "goaway", "reset", "pings without end", "nothing"],
)
def test_what_is_no_http2_is_told(context: ssl.SSLContext, said: bytes, begun: bool, name: str) -> None:
    facts = look(context, said)
    assert (facts["alpn"], facts["settings"], facts["replied"]) == ("h2", begun, False)
    assert (facts["error"]["phase"], facts["error"]["name"]) == ("http2", name)


def test_the_request_is_what_http2_wants() -> None:
    rest = ASKED.removeprefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert rest.startswith(b"\x00\x00\x06\x04\x00" + bytes(4))
    head = rest[15:24]
    assert (int.from_bytes(head[:3], "big"), head[3], head[4]) == (len(rest) - 24, 1, 5)
