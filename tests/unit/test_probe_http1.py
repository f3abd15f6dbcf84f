"""The probe's HTTP client against scripted bytes: what it makes of them, and where it stops."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcompliance.probe.onhost import http1
from netcompliance.probe.onhost.failures import Failure, timed_out
from netcompliance.probe.onhost.limits import Deadline, with_defaults
from netcompliance.probe.onhost.streams import Stream


class Script(Stream):
    """Gives the pieces one after the other; then it is closed, or silent. `speaks_after`: bytes it takes before."""

    def __init__(self, *pieces: bytes, silent: bool = False, speaks_after: int = 0) -> None:
        super().__init__()
        self.pieces = list(pieces)
        self.sent = b""
        self._silent = silent
        self._speaks_after = speaks_after

    def arrived(self) -> bytes | None:
        if len(self.sent) < self._speaks_after:
            return None
        if self.pieces:
            return self.pieces.pop(0)
        return None if self._silent else b""

    def wait(self, deadline: Deadline, phase: str) -> None:
        raise timed_out(phase)

    def push(self, data: bytes, deadline: Deadline, phase: str) -> int:
        if self._speaks_after and len(self.sent) >= self._speaks_after:
            return 0
        self.sent += data
        return len(data)

    def unacknowledged(self) -> int | None:
        return None

    def close(self) -> None:
        self.pieces = []


def ask(stream: Script, *, method: str = "GET", body: bytes = b"", read: int = 1000, **limits: Any) -> http1.Answer:
    answer = http1.Answer(100, read)
    head = http1.request_head(method, "/", [("Host", "h")])
    http1.exchange(stream, head, body, answer, with_defaults(limits), Deadline(5))
    return answer


ANSWERS = {
    "sized": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloEXTRA", 200, b"hello"),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n",
        200,
        b"hello",
    ),
    "until closed": (b"HTTP/1.0 404 Not Found\r\n\r\nhello", 404, b"hello"),
    "interim first": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nhello", 403, b"hello"),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 200, b"hello"),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b""),
    "no content": (b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", 204, b""),
}


@pytest.mark.parametrize("piece", [1, 7, 10_000])
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read_whole_however_it_is_cut_into_packets(name: str, piece: int) -> None:
    wire, status, body = ANSWERS[name]
    answer = ask(Script(*(wire[at : at + piece] for at in range(0, len(wire), piece))))
    assert (answer.status, answer.body, answer.complete) == (status, body, True)


def test_headers_keep_their_order_and_folded_lines_are_joined() -> None:
    answer = ask(Script(b"HTTP/1.1 200 OK\r\nB: 1\r\nA: 2\r\n  and more\r\nB: 3\r\nContent-Length: 0\r\n\r\n"))
    assert answer.headers == [("B", "1"), ("A", "2 and more"), ("B", "3"), ("Content-Length", "0")]


ENDS = {
    "nothing": (Script(), "head", "EOF", None),
    "silence": (Script(silent=True), "head", "TIMEOUT", None),
    "an SSH server": (Script(b"SSH-2.0-x\r\n"), "head", "PROTOCOL", None),
    "HTTP of no kind": (Script(b"HTTP/1.1 abc\r\n\r\n"), "head", "PROTOCOL", None),
    "closed within the head": (Script(b"HTTP/1.1 200 OK\r\nA: b\r\n"), "head", "EOF", None),
    "a cut body": (Script(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel"), "body", "EOF", 200),
    "a stalled body": (Script(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", silent=True), "body", "TIMEOUT", 200),
    "a length that is none": (Script(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "head", "PROTOCOL", 200),
    "a chunk size that is none": (
        Script(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), "body", "PROTOCOL", 200,
    ),
    "endless headers": (Script(b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"y" * 1000 + b"\r\n"] * 90), "head", "LIMIT", 200),
    "endless interim answers": (Script(*[b"HTTP/1.1 102 Wait\r\n\r\n"] * 50), "head", "LIMIT", 102),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_an_answer_that_ends_badly_says_where_and_keeps_what_came(name: str) -> None:
    stream, phase, what, status = ENDS[name]
    answer = http1.Answer(100, 1000)
    with pytest.raises(Failure) as caught:
        http1.exchange(stream, b"GET / HTTP/1.1\r\n\r\n", b"", answer, with_defaults({}), Deadline(5))
    assert (caught.value.phase, caught.value.name, answer.status) == (phase, what, status)
    assert not answer.complete


def test_an_endless_body_is_read_up_to_the_bound_and_kept_up_to_a_smaller_one() -> None:
    stream = Script(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 300] * 1000)
    answer = ask(stream)
    assert (answer.body_bytes, len(answer.body), answer.complete, answer.sha256) == (1000, 100, False, None)
    assert len(stream.pieces) > 900


def test_an_answer_that_comes_while_the_request_is_still_being_sent_is_not_lost() -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
    stream = Script(refusal, speaks_after=20_000)
    answer = ask(stream, method="POST", body=b"x" * 300_000)
    assert (answer.status, answer.complete) == (413, True)
    assert 0 < answer.sent_bytes < 300_000
    assert len(stream.sent) < 60_000


def test_a_line_end_cannot_be_smuggled_into_a_request() -> None:
    with pytest.raises(ValueError, match="line end"):
        http1.request_head("GET", "/\r\nX: y", [("Host", "h")])


def test_a_tunnel_begins_right_behind_the_proxys_answer() -> None:
    stream = Script(b"HTTP/1.1 200 Connection established\r\n\r\nfirst bytes")
    answer = http1.Answer(100, 100)
    assert http1.connect(stream, b"CONNECT h:443 HTTP/1.1\r\n\r\n", answer, with_defaults({}), Deadline(5))
    assert stream.recv(Deadline(1), "tls") == b"first bytes"


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_whatever_bytes_come_it_ends_in_an_answer_or_a_failure(pieces: list[bytes]) -> None:
    answer = http1.Answer(50, 100)
    stream = Script(b"HTTP/1.1 ", *filter(None, pieces))
    with contextlib.suppress(Failure):
        http1.exchange(stream, b"GET / HTTP/1.1\r\n\r\n", b"", answer, with_defaults({}), Deadline(5))
    assert len(answer.body) <= 50
    assert answer.body_bytes <= 100
