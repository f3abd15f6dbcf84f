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
from tests.support.peers import authority, leaf

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
        (told,) = http2.look(opened, "acme.example", [ASKED], 5.0)
        return told


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


POSTED = http2.post("acme.example", "/logs", {"User-Agent": "agent/1", "sts-api-key": "none"}, b"x" * 40)
REFUSED = b"\x48\x03403"
Frame = tuple[int, int, int, bytes]


def converse(
    context: ssl.SSLContext, window: int, to_post: tuple[Frame, ...] = (), asked: tuple[http2.Asked, ...] = ()
) -> tuple[list[Frame], list[dict[str, Any]]]:
    """Speak with a peer that gives this window and answers each request once it has all of it. What it read, and what
    came of it."""
    near, far = socket.socketpair()
    read: list[Frame] = []

    def serve() -> None:
        with contextlib.suppress(OSError), context.wrap_socket(far, server_side=True) as speaking:
            stream = speaking.makefile("rb")
            assert stream.read(24) == http2.PREFACE
            speaking.sendall(frames((4, 0, 0, struct.pack(">HI", 4, window))))
            while len(head := stream.read(9)) == 9:
                kind, flags, number = head[3], head[4], int.from_bytes(head[5:], "big")
                read.append((kind, flags, number, stream.read(int.from_bytes(head[:3], "big"))))
                if kind == 1 and not flags & 1:
                    speaking.sendall(frames(*to_post))
                elif kind in (0, 1) and flags & 1:
                    speaking.sendall(frames((1, 4, number, REFUSED), (0, 1, number, b"{}")))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with near, far:
        told = http2.look(lambda: TcpStream(near), "acme.example", asked or (ASKED, POSTED), 5.0)
        thread.join(5)
    return read, told


def test_the_requests_are_what_http2_wants(context: ssl.SSLContext) -> None:
    read, told = converse(context, 65535)
    assert [(facts["method"], facts["status"], facts["error"]) for facts in told] == [
        ("GET", 403, None),
        ("POST", 403, None),
    ]
    requests = [frame[:3] for frame in read if frame[0] != 4]
    assert read[0] == (4, 0, 0, http2.NO_PUSH)
    assert requests == [(1, 5, 1), (1, 4, 3), (0, 1, 3)]
    assert read[-1][3] == POSTED.body
    assert b"\x0bsts-api-key\x04none" in POSTED.fields


def test_a_body_goes_as_far_as_the_window_does(context: ssl.SSLContext) -> None:
    read, told = converse(context, 16, ((8, 0, 3, struct.pack(">I", 24)),))
    assert [len(body) for kind, _, _, body in read if kind == 0] == [16, 24]
    assert told[-1]["status"] == 403


@pytest.mark.parametrize("asked", [(ASKED, POSTED), (POSTED,)], ids=["behind a GET", "alone"])
def test_a_window_that_stays_shut_is_told(
    context: ssl.SSLContext, asked: tuple[http2.Asked, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2, "PATIENCE", 0.5)
    _, told = converse(context, 0, asked=asked)
    last = told[-1]
    assert (last["method"], last["settings"], last["replied"]) == ("POST", True, False)
    assert (last["error"]["phase"], last["error"]["name"]) == ("http2", "WINDOW")


def test_a_post_that_is_reset_is_told(context: ssl.SSLContext) -> None:
    _, told = converse(context, 65535, ((3, 0, 3, struct.pack(">I", 13)),))
    assert [(facts["replied"], (facts["error"] or {}).get("name")) for facts in told] == [
        (True, None),
        (False, "RESET"),
    ]
