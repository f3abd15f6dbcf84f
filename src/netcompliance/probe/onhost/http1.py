"""HTTP/1.1 as a client: one request, one answer, bounded in every direction.

Rules
* Heads are read up to what Go reads, and what is long in them is kept in part; the body is read up to a bound and kept
  up to a smaller one; nothing is decompressed.
* Any number of interim answers (1xx) may come before the answer, but none before a tunnel: so it is with Go.
* An answer may come before the request is sent whole; then sending stops and the answer is read.
* What was read before a failure is kept: a status without its body is still a status.
"""

import hashlib
import re
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

from netcompliance.probe.onhost import gohttp
from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import Stream

CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
LINE_END = re.compile(rb"\r?\n")
LINE_LIMIT = 4096
ENDLESS = 1 << 20
"""Bytes of a head that was still going on when the time was over: it would have gone on beyond Go's limit, too."""
LINE_KEPT = 65536
"""Bytes of a header line that are kept."""
HARMLESS = bytes(set(range(256)) - set(range(32)) - {127})
"""What Go does not look for in the rest of a line."""
SHOWN = 256
HEADERS_SHOWN = 4096
"""Characters of headers that are shown, at most. A peer may send as many as it likes."""
LOOK_AGAIN = 0.5
LOOK_SOON = 0.02
"""Seconds after which a waiting upload is looked at again: has more of it been acknowledged?"""
PIECE = 32768
GO_BUFFER = 4096
"""Bytes that Go reads at once."""
TIMED_OUT = 408
"""The status by which a peer takes leave of a connection on which no request came."""

Headers = List[Tuple[str, str]]


def request_head(method: str, target: str, headers: Headers) -> bytes:
    """The bytes of a request's head. Anything that would end a line early is a programming error of the caller."""
    lines = ["{} {} HTTP/1.1".format(method, target)]
    lines.extend("{}: {}".format(name, value) for name, value in headers)
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line end inside a request")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


class Answer:
    """What came back, as far as it came."""

    def __init__(self, body_kept: int, body_read: int) -> None:
        self._kept = body_kept
        self._read = body_read
        self.forget()

    def forget(self) -> None:
        """Begin again: nothing has come yet."""
        self.version: Optional[str] = None
        self.status: Optional[int] = None
        self.reason: Optional[str] = None
        self.headers: Headers = []
        self.body = b""
        self.body_bytes = 0
        self.complete = False
        self.more = False
        """Whether something came after its end."""
        self.begun: Optional[float] = None
        """When its request was begun, by the monotonic clock."""
        self.first_byte: Optional[float] = None
        self.sent_bytes = 0
        self.received = b""
        self.refused: Optional[str] = None
        """Why Go refuses it."""
        self.head = gohttp.Head()
        self.unasked = False
        """Whether the peer had spoken, or closed, before anything of the request was sent."""
        self.cut = False
        """Whether it came before the request was sent to its end."""
        self._hash = hashlib.sha256()

    def header(self, name: str) -> Optional[str]:
        """The first header of this name."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    @property
    def shown_headers(self) -> Headers:
        """The headers, as far as they are worth being written down."""
        shown: Headers = []
        left = HEADERS_SHOWN
        for name, value in self.headers:
            left -= len(name) + len(value)
            if left < 0:
                break
            shown.append((name, value))
        return shown

    @property
    def sha256(self) -> Optional[str]:
        """Of the whole body; None unless all of it was read."""
        return self._hash.hexdigest() if self.complete else None

    @property
    def reusable(self) -> bool:
        """May the connection carry another request?"""
        asked_to_close = "close" in (self.header("connection") or "").lower()
        over = self.unasked or self.cut or self.status == TIMED_OUT or asked_to_close
        return self.complete and not self.more and self.version == "1.1" and not over

    def never_came(self, failure: Optional[Failure]) -> bool:
        """Is this no more than what became of a connection that was kept? The peer had closed it, or had said something
        on it that nobody asked for, as a proxy says that it waited long enough: Go closes it then, and asks on another.
        Silence is an answer."""
        if self.unasked or self.status == TIMED_OUT:
            return True
        if failure is None:
            return False
        unreadable = self.status is None and (failure.phase, failure.name) == ("head", "PROTOCOL")
        return unreadable or (self.first_byte is None and failure.name != "TIMEOUT")

    def add(self, data: bytes) -> bool:
        """Take some of the body; False when enough was read."""
        data = data[: self._read - self.body_bytes]
        self.body += data[: max(0, self._kept - self.body_bytes)]
        self.body_bytes += len(data)
        self._hash.update(data)
        return self.body_bytes < self._read


def exchange(
    stream: Stream, head: bytes, body: bytes, answer: Answer, limits: Dict[str, Any], deadline: Deadline
) -> None:
    """Send a request and read its answer into `answer`."""
    try:
        reader = _ask(stream, head, body, answer, limits, deadline)
        for data in _body(reader, head, answer):
            if not answer.add(data):
                return
        answer.complete = True
        answer.more = bool(reader.data)
    finally:
        answer.refused = stream.refused or answer.refused


def send_rest(stream: Stream, body: bytes, answer: Answer, stall: float, deadline: Deadline) -> None:
    """Send what is left of a body that was answered early, and wait until it has arrived.

    A peer that has closed its side may read on, as nginx does. Raises what ends it: a standstill, or a reset.
    """
    stream.listen_no_more()
    rest = memoryview(body)[answer.sent_bytes :]
    while rest:
        rest = rest[stream.push(bytes(rest[:PIECE]), deadline.within(stall), "send") :]
        answer.sent_bytes = len(body) - len(rest)
    queued, silence = stream.unacknowledged(), deadline.within(stall)
    while queued:
        silence.check("send")
        time.sleep(LOOK_SOON)
        before, queued = queued, stream.unacknowledged()
        if queued != before:
            silence = deadline.within(stall)
    stream.heard()  # raises what a reset left: then nothing more has arrived


def connect(stream: Stream, head: bytes, answer: Answer, limits: Dict[str, Any], deadline: Deadline) -> bool:
    """Send a CONNECT. True if it was granted: then the stream is the tunnel. Go takes 200 alone for granted.

    Such an answer has no body, whatever its head says. What arrived with the head is lost, as it is to Go, which reads
    by a buffer that it throws away; what comes later is the tunnel's.
    """
    reader = _ask(stream, head, b"", answer, limits, deadline, tunnel=True)
    if answer.status is not None and 200 <= answer.status < 300:
        return answer.status == 200 and answer.refused is None
    for data in _body(reader, head, answer):
        if not answer.add(data):
            break
    return False


def _ask(
    stream: Stream,
    head: bytes,
    body: bytes,
    answer: Answer,
    limits: Dict[str, Any],
    deadline: Deadline,
    *,
    tunnel: bool = False,
) -> "_Reader":
    started = answer.begun = time.monotonic()
    _send(stream, head, body, answer, limits["stall"], deadline)
    if answer.sent_bytes == len(body):
        started = time.monotonic()
    reader = _Reader(stream, deadline, GO_BUFFER if tunnel else None)
    _await_answer(reader, limits["stall"] if body else limits["first_byte"])
    answer.first_byte = time.monotonic() - started
    answer.received = reader.data[:SHOWN]
    if body:
        reader.deadline = deadline.within(limits["stall"])
    left = limits.get("head", gohttp.MOST)
    while True:
        left -= _read_head(reader, answer, left)
        if tunnel or answer.status is None or answer.status >= 200 or answer.status in (*range(100), 101):
            return reader


def _await_answer(reader: "_Reader", patience: float) -> None:
    """Wait for the first bytes: so long, and as much longer as the peer still acknowledges what was sent."""
    silence = Deadline(patience)
    queued = reader.stream.unacknowledged()
    while True:
        try:
            spoken = reader.more(reader.deadline.within(min(LOOK_AGAIN, silence.left())), "head")
            break
        except Failure as failure:
            if failure.name != "TIMEOUT" or reader.deadline.left() <= 0:
                raise
            before, queued = queued, reader.stream.unacknowledged()
            if before and queued is not None and queued < before:
                silence = Deadline(patience)
            elif silence.left() <= 0:
                raise
    if not spoken:
        raise Failure("head", "EOF", "closed by the peer before an answer")


def _send(stream: Stream, head: bytes, body: bytes, answer: Answer, stall: float, deadline: Deadline) -> None:
    rest = memoryview(head + body)
    while rest:
        sent = stream.push(bytes(rest[:PIECE]), deadline.within(stall), "send")
        if not sent and stream.heard():
            answer.unasked = len(rest) == len(head) + len(body)
            answer.cut = True
            return
        rest = rest[sent:]
        answer.sent_bytes = max(0, len(body) - len(rest))


class _Reader:
    """A buffer in front of a stream. `most`: bytes that it takes at once; the rest stays in the stream."""

    def __init__(self, stream: Stream, deadline: Deadline, most: Optional[int] = None) -> None:
        self.stream = stream
        self.deadline = deadline
        self.data = b""
        self._most = most

    def more(self, deadline: Deadline, phase: str) -> bool:
        received = self.stream.recv(deadline, phase)
        if self._most is not None:
            self.stream.unread(received[self._most :])
            received = received[: self._most]
        self.data += received
        return bool(received)

    def cut(self, length: int) -> bytes:
        piece, self.data = self.data[:length], self.data[length:]
        return piece

    def head_line(self, most: int) -> Tuple[Optional[bytes], int]:
        """The next line of a head, without its end, and its length; None instead of the line if it is longer than that.

        Of a long line the beginning is kept, and of the rest what Go refuses.
        """
        kept, length = bytearray(), 0
        while True:
            self.deadline.check("head")
            end = self.data.find(b"\n") + 1
            piece = self.cut(end or len(self.data))
            length += len(piece)
            if length > most:
                return None, length
            if end:
                piece = piece[:-1]
            kept += piece if len(kept) < LINE_KEPT else piece.translate(None, HARMLESS)
            if end:
                return bytes(kept[:-1] if kept.endswith(b"\r") else kept), length
            if not self.more(self.deadline, "head"):
                raise Failure("head", "EOF", "closed by the peer within the headers")

    def line(self, pattern: Any, phase: str) -> Any:
        """A match of the pattern, which ends in a line end, at the start of the buffer."""
        while True:
            if b"\n" in self.data:
                match = pattern.match(self.data)
                if match is None:
                    raise Failure(phase, "PROTOCOL", repr(self.data[:80]))
                self.cut(match.end())
                return match
            if len(self.data) > LINE_LIMIT:
                raise Failure(phase, "PROTOCOL", repr(self.data[:80]))
            if not self.more(self.deadline, phase):
                raise Failure(phase, "EOF", "closed by the peer before the answer was complete")


def _read_head(reader: _Reader, answer: Answer, most: int) -> int:
    """Read one head, of at most so many bytes. How many it had."""
    head = gohttp.Head()
    while len(reader.data) < 5 and b"HTTP/".startswith(reader.data) and reader.more(reader.deadline, "head"):
        pass
    if reader.data and not reader.data.startswith(b"HTTP/"):
        raise Failure("head", "PROTOCOL", repr(reader.data[:80]))
    line, length = reader.head_line(most)
    if line is None:
        raise Failure("head", "LIMIT", "more than %d bytes of headers" % most)
    if not head.begin(line):
        raise Failure("head", "PROTOCOL", repr(line[:80]))
    while True:
        try:
            line, taken = reader.head_line(most - length)
        except Failure as failure:
            if failure.name != "TIMEOUT" or length < ENDLESS:
                raise
            line, taken = None, 0
        length += taken
        if line is None:
            head.too_long(length)
            _keep(head, answer)
            raise Failure("head", "LIMIT", "more than %d bytes of headers" % most)
        if head.take(line):
            break
    _keep(head, answer)
    return length


def _keep(head: gohttp.Head, answer: Answer) -> None:
    answer.version, answer.status, answer.reason = head.version, head.status, head.reason
    answer.headers = head.headers
    answer.refused = answer.refused or head.refused
    answer.head = head


def _body(reader: _Reader, head: bytes, answer: Answer) -> Iterator[bytes]:
    if head.startswith(b"HEAD ") or answer.status in (101, 204, 304):
        return iter(())
    if answer.head.chunked:
        return _chunked(reader, answer)
    length = answer.head.length
    if length is None:
        return _until_closed(reader)
    if not length.isdigit() or len(length) > 18:
        raise Failure("head", "PROTOCOL", "Content-Length: " + length.decode("latin-1")[:SHOWN])
    return _sized(reader, int(length))


def _sized(reader: _Reader, length: int) -> Iterator[bytes]:
    while length > 0:
        if not reader.data and not reader.more(reader.deadline, "body"):
            raise Failure("body", "EOF", "closed by the peer %d bytes before the end" % length)
        reader.deadline.check("body")
        piece = reader.cut(length)
        length -= len(piece)
        yield piece


def _until_closed(reader: _Reader) -> Iterator[bytes]:
    while reader.data or reader.more(reader.deadline, "body"):
        reader.deadline.check("body")
        yield reader.cut(len(reader.data))


def _chunked(reader: _Reader, answer: Answer) -> Iterator[bytes]:
    while True:
        line = reader.line(CHUNK_SIZE, "body")
        if line.group(0)[:1].isspace() or not line.group(0).endswith(b"\r\n"):
            answer.refused = answer.refused or "invalid line in chunked encoding"
        size = int(line.group(1), 16)
        if size == 0:
            break
        for piece in _sized(reader, size):
            yield piece
        if reader.line(LINE_END, "body").group(0) != b"\r\n":
            answer.refused = answer.refused or "malformed chunked encoding"
    while reader.line(re.compile(rb"([^\n]*?)\r?\n"), "body").group(1):
        reader.deadline.check("body")
