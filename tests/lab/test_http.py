"""HTTP as the lab's servers speak it."""

from __future__ import annotations

import io
import socket
import threading

import pytest

from lab.embedded import http
from lab.embedded.http import Request
from lab.servers import Reply, ResponseFault


def parse(wire: bytes) -> tuple[Request | None, bytes]:
    stream = io.BytesIO(wire)
    asked = http.read_request(stream)
    return asked, http.read_body(stream, asked) if asked else b""


def test_a_request_with_a_body() -> None:
    asked, body = parse(b"POST /a%20b?x=1&y HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
    assert asked is not None
    assert (asked.method, asked.path, asked.query) == ("POST", "/a b", {"x": ["1"], "y": [""]})
    assert asked.header("HOST") == "h"
    assert body == b"hello"


def test_a_chunked_body() -> None:
    asked, body = parse(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
    assert body == b"abcde"
    assert asked is not None
    assert asked.chunked


def test_the_end_of_a_connection_is_no_request() -> None:
    assert http.read_request(io.BytesIO(b"")) is None


@pytest.mark.parametrize(
    "wire", [b"\x16\x03\x01\r\n", b"GET /\r\n\r\n", b"GET / SMTP/1.0\r\n", b"GET / HTTP/1.1\r\nx\r\n"]
)
def test_what_is_no_request(wire: bytes) -> None:
    with pytest.raises(http.BadRequest):
        http.read_request(io.BytesIO(wire))


def test_a_body_that_ends_early_ends_the_connection() -> None:
    with pytest.raises(ConnectionError):
        parse(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhello")


def sent(reply: Reply, method: str = "GET", limit: int = 1_000_000) -> tuple[bytes, bool]:
    """What a client receives, at most `limit` bytes, and whether the server closed."""
    here, there = socket.socketpair()
    here.settimeout(5)

    def serve() -> None:
        asked = Request(method=method, target="/p", headers=[("Host", "h.example")])
        try:
            with there:
                http.send(there, asked, reply, 0.0, close=True)
        except OSError:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    received = b""
    with here:
        try:
            while len(received) < limit and (piece := here.recv(65536)):
                received += piece
            closed = len(received) < limit
        except ConnectionResetError:
            closed = True
    thread.join(5)
    assert not thread.is_alive()
    return received, closed


def test_a_plain_answer() -> None:
    reply = Reply(status=302, headers=(("Location", "http://portal/?{host}{path}"),), body=b"moved")
    received, _ = sent(reply)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 302 Found\r\nDate: ")
    assert b"Location: http://portal/?h.example/p" in head
    assert b"Content-Length: 5" in head
    assert body == b"moved"


def test_an_answer_to_head_has_no_body() -> None:
    assert sent(Reply(body=b"x" * 10), "HEAD")[0].endswith(b"\r\n\r\n")


def test_endless_headers_never_reach_a_body() -> None:
    received, closed = sent(Reply(manner=ResponseFault.ENDLESS_HEADERS))
    assert not closed
    assert b"\r\n\r\n" not in received


def test_an_endless_body_is_chunked_and_goes_on() -> None:
    received, closed = sent(Reply(manner=ResponseFault.ENDLESS_BODY))
    assert not closed
    assert b"Transfer-Encoding: chunked" in received


def test_a_huge_answer_promises_100_mb() -> None:
    received, closed = sent(Reply(manner=ResponseFault.HUGE_JSON))
    assert not closed
    assert b"Content-Length: 100000000\r\n" in received


def test_a_cut_answer_stops_half_way() -> None:
    received, closed = sent(Reply(manner=ResponseFault.CUT, body=b"x" * 100))
    assert closed
    assert received.partition(b"\r\n\r\n")[2] == b"x" * 50
    assert b"Content-Length: 100" in received


@pytest.mark.parametrize("manner", [ResponseFault.CLOSE, ResponseFault.RESET])
def test_no_answer_at_all(manner: ResponseFault) -> None:
    assert sent(Reply(manner=manner)) == (b"", True)


def test_garbage_is_no_http() -> None:
    received, closed = sent(Reply(manner=ResponseFault.GARBAGE))
    assert closed
    assert not received.startswith(b"HTTP/")


def test_every_manner_but_the_plain_one_has_a_function() -> None:
    assert {*http._MANNERS, *http._COUNTING} == set(ResponseFault) - {ResponseFault.PLAIN}
