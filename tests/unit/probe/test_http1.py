"""The probe's HTTP client against scripted bytes: what it makes of them, and where it stops."""

from __future__ import annotations

import contextlib
import hashlib
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
        self.silent = silent
        self._speaks_after = speaks_after

    def arrived(self) -> bytes | None:
        if len(self.sent) < self._speaks_after:
            return None
        if self.pieces:
            return self.pieces.pop(0)
        return None if self.silent else b""

    def wait(self, deadline: Deadline, phase: str) -> None:
        raise timed_out(phase)

    def push(self, data: bytes, deadline: Deadline, phase: str) -> int:
        if self._speaks_after and len(self.sent) >= self._speaks_after:
            return 0
        self.sent += data
        return len(data)

    def listen_no_more(self) -> None:
        self._speaks_after = 0

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


def test_as_many_interim_answers_as_come_are_passed_over() -> None:
    answer = ask(Script(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 40 + ANSWERS["sized"][0]))
    assert (answer.status, answer.body, answer.header("link")) == (200, b"hello", None)


def test_what_go_refuses_in_an_interim_answer_is_not_forgotten() -> None:
    answer = ask(Script(b"HTTP/1.1 103 Early Hints\r\nno colon\r\n\r\n" + ANSWERS["sized"][0]))
    assert (answer.status, answer.refused) == (200, "malformed MIME header: missing colon: no colon")


def test_a_megabyte_of_headers_is_read_and_kept_in_part() -> None:
    many = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 500) for number in range(2000))
    answer = ask(Script(b"HTTP/1.1 200 OK\r\nA: 1\r\n", many, b"Content-Length: 5\r\n\r\nhello"))
    assert (answer.status, answer.body, answer.refused, answer.headers[0]) == (200, b"hello", None, ("A", "1"))
    assert sum(len(value) for _, value in answer.headers) < 300_000


@pytest.mark.parametrize(("rest", "refused"), [(b"y", None), (b"\x01", "invalid character in header X")])
def test_a_header_of_a_megabyte_is_read_to_its_end(rest: bytes, refused: str | None) -> None:
    pieces = [b"y" * 50_000] * 20
    answer = ask(Script(b"HTTP/1.1 200 OK\r\nX: ", *pieces, rest, b"y\r\nContent-Length: 5\r\n\r\nhello"))
    assert (answer.status, answer.body, answer.refused) == (200, b"hello", refused)
    assert len(answer.headers[0][1]) < 200_000


TRANSFERS = {
    "chunked": (b"1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello", False),
    "a line end at the beginning of a chunk": (
        b"1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n\r\nhello\r\n0\r\n\r\n", b"\r\nhello", False,
    ),
    "chunked and sized": (
        b"1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"hello", False,
    ),
    "sized twice alike": (b"1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "sized twice": (b"1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", b"hello", True),
    "chunked under HTTP/1.0": (
        b"1.0 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nok", b"ok", False,
    ),
    "chunks with bare line feeds": (
        b"1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", b"hello", True,
    ),
    "chunks without a carriage return": (
        b"1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n", b"hello", True,
    ),
    "gzip, chunked": (
        b"1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello", True,
    ),
    "several blanks": (b"1.1   200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "HTTP/2": (b"2 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
    "a header of another name": (b"1.1 200 OK\r\nContent-Length : 2\r\n\r\nhello", b"hello", False),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFERS)
def test_bodies_are_read_as_go_reads_them(name: str) -> None:
    wire, body, refused = TRANSFERS[name]
    answer = ask(Script(b"HTTP/" + wire))
    assert (answer.body, bool(answer.refused)) == (body, refused)


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
    "endless headers": (
        Script(b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"y" * 60_000 + b"\r\n"] * 180), "head", "LIMIT", 200,
    ),
    "headers that go on when the time is over": (
        Script(b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"y" * 60_000 + b"\r\n"] * 20, silent=True), "head", "LIMIT", 200,
    ),
    "an endless header": (Script(b"HTTP/1.1 200 OK\r\n", *[b"y" * 60_000] * 180), "head", "LIMIT", 200),
    "endless interim answers": (
        Script(*[b"HTTP/1.1 102 Wait\r\nX: " + b"y" * 60_000 + b"\r\n\r\n"] * 180), "head", "LIMIT", 102,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_an_answer_that_ends_badly_says_where_and_keeps_what_came(name: str) -> None:
    stream, phase, what, status = ENDS[name]
    answer = http1.Answer(100, 1000)
    with pytest.raises(Failure) as caught:
        http1.exchange(
            stream,
            b"GET / HTTP/1.1\r\n\r\n",
            b"",
            answer,
            with_defaults({}),
            Deadline(0.5 if stream.silent else 5),
        )
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


def test_what_an_early_answer_did_not_wait_for_is_sent_when_it_is_asked_for() -> None:
    refusal = b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"
    stream = Script(refusal, silent=True, speaks_after=20_000)
    body = bytes(number % 251 for number in range(300_000))
    answer = ask(stream, method="POST", body=body)
    assert (answer.status, answer.cut, answer.reusable) == (403, True, False)
    http1.send_rest(stream, body, answer, 1.0, Deadline(5))
    assert (answer.sent_bytes, answer.reusable) == (len(body), False)
    assert stream.sent.endswith(b"\r\n\r\n" + body)


def test_a_line_end_cannot_be_smuggled_into_a_request() -> None:
    with pytest.raises(ValueError, match="line end"):
        http1.request_head("GET", "/\r\nX: y", [("Host", "h")])


@pytest.mark.parametrize(
    ("pieces", "first"),
    [
        ((b"HTTP/1.1 200 OK\r\n\r\n", b"first"), b"first"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"first"), b"first"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok"), b"ok"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"first"), b"first"),
        ((b"HTTP/1.1 200 OK\r\nX: ", b"y\r\n\r\nok", b"first"), b"first"),
        ((b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000,), b"x" * (5000 + 19 - http1.GO_BUFFER)),
    ],
    ids=["nothing", "a body", "a late body", "chunks", "in two pieces", "more than Go reads"],
)
def test_a_tunnel_begins_behind_what_came_with_the_proxys_answer(pieces: tuple[bytes, ...], first: bytes) -> None:
    """As in Go, which throws away what it has read beyond the head, and reads no body."""
    stream = Script(*pieces)
    answer = http1.Answer(100, 100)
    assert http1.connect(stream, b"CONNECT h:443 HTTP/1.1\r\n\r\n", answer, with_defaults({}), Deadline(5))
    assert stream.recv(Deadline(1), "tls") == first


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
    ],
)
def test_a_tunnel_is_granted_by_a_first_answer_of_200_that_go_takes(wire: bytes) -> None:
    answer = http1.Answer(100, 100)
    assert not http1.connect(Script(wire), b"CONNECT h:443 HTTP/1.1\r\n\r\n", answer, with_defaults({}), Deadline(5))


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_whatever_bytes_come_it_ends_in_an_answer_or_a_failure(pieces: list[bytes]) -> None:
    answer = http1.Answer(50, 100)
    stream = Script(b"HTTP/1.1 ", *filter(None, pieces))
    with contextlib.suppress(Failure):
        http1.exchange(stream, b"GET / HTTP/1.1\r\n\r\n", b"", answer, with_defaults({}), Deadline(5))
    assert len(answer.body) <= 50
    assert answer.body_bytes <= 100


@pytest.mark.parametrize(
    ("stream", "unasked"),
    [
        (Script(b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), True),
        (Script(b"0\r\n\r\n"), True),
        (Script(), True),
        (Script(silent=True), False),
        (Script(b"HTTP/1.1 200 OK\r\nContent-Le"), False),
    ],
    ids=["a line end", "a last chunk", "closed", "silent", "cut within the head"],
)
def test_what_a_kept_connection_held_already_is_no_answer(stream: Script, unasked: bool) -> None:
    answer = http1.Answer(100, 1000)
    with pytest.raises(Failure) as caught:
        http1.exchange(stream, b"GET / HTTP/1.1\r\n\r\n", b"", answer, with_defaults({}), Deadline(0.2))
    assert answer.never_came(caught.value) is unasked


LEAVE = b"HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\n\r\n"
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


class Spoken(Script):
    """Its peer had said something before it was asked."""

    def push(self, data: bytes, deadline: Deadline, phase: str) -> int:
        return 0


@pytest.mark.parametrize(
    ("stream", "came"),
    [(Spoken(LEAVE), False), (Spoken(REFUSAL), False), (Script(LEAVE), False), (Script(REFUSAL), True)],
    ids=["leave taken before", "said before", "leave taken meanwhile", "an answer"],
)
def test_leave_that_a_peer_took_and_what_it_said_unasked_are_no_answers(stream: Script, came: bool) -> None:
    answer = ask(stream)
    assert answer.never_came(None) is not came
    assert answer.reusable is came


def test_an_answer_to_what_was_sent_in_part_was_asked_for() -> None:
    answer = ask(Script(REFUSAL, speaks_after=1), method="POST", body=b"x" * 100_000)
    assert not answer.never_came(None)


def test_what_is_asked_again_begins_again() -> None:
    answer = http1.Answer(100, 1000)
    late, right = (b"HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\n" % status for status in (b"408 Time-out", b"200 OK"))
    for wire in (late + b"no", right + b"ok"):
        answer.forget()
        http1.exchange(Script(wire), b"GET / HTTP/1.1\r\n\r\n", b"", answer, with_defaults({}), Deadline(5))
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.sha256 == hashlib.sha256(b"ok").hexdigest()
