"""HTTP/1.1 as a client: one request, one answer, bounded in every direction.

Rules
* The head is at most 64 KiB, the body is read up to a bound and kept up to a smaller one; nothing is decompressed.
* An answer may come before the request is sent whole; then sending stops and the answer is read.
* What was read before a failure is kept: a status without its body is still a status.
"""

import hashlib
import re
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import Stream

STATUS_LINE = re.compile(rb"HTTP/(\d\.\d) (\d{3})(?: ([^\r\n]*))?\r?\n")
HEAD_END = re.compile(rb"\r?\n\r?\n")
CHUNK_SIZE = re.compile(rb"\s*([0-9A-Fa-f]{1,15})\s*(?:;[^\r\n]*)?\r?\n")
LINE_LIMIT = 4096
INTERIM_LIMIT = 8
SHOWN = 256
LOOK_AGAIN = 0.5
"""Seconds after which a waiting upload is looked at again: has more of it been acknowledged?"""
PIECE = 32768

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
        self.version: Optional[str] = None
        self.status: Optional[int] = None
        self.reason: Optional[str] = None
        self.headers: Headers = []
        self.body = b""
        self.body_bytes = 0
        self.complete = False
        self.more = False
        """Whether something came after its end."""
        self.first_byte: Optional[float] = None
        self.sent_bytes = 0
        self.received = b""
        self._kept = body_kept
        self._read = body_read
        self._hash = hashlib.sha256()

    def header(self, name: str) -> Optional[str]:
        """The first header of this name."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    @property
    def sha256(self) -> Optional[str]:
        """Of the whole body; None unless all of it was read."""
        return self._hash.hexdigest() if self.complete else None

    @property
    def reusable(self) -> bool:
        """May the connection carry another request?"""
        asked_to_close = "close" in (self.header("connection") or "").lower()
        return self.complete and not self.more and self.version == "1.1" and not asked_to_close

    def never_came(self, failure: Failure) -> bool:
        """Had the peer closed a connection that was kept, and has this failed for that? Silence is an answer."""
        return self.first_byte is None and failure.name != "TIMEOUT"

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
    reader = _ask(stream, head, body, answer, limits, deadline)
    for data in _body(reader, head, answer):
        if not answer.add(data):
            return
    answer.complete = True
    answer.more = bool(reader.data)


def connect(stream: Stream, head: bytes, answer: Answer, limits: Dict[str, Any], deadline: Deadline) -> bool:
    """Send a CONNECT. True if it was granted: then the stream is the tunnel."""
    reader = _ask(stream, head, b"", answer, limits, deadline)
    if answer.status is not None and 200 <= answer.status < 300:
        stream.unread(reader.data)
        return True
    for data in _body(reader, head, answer):
        if not answer.add(data):
            break
    return False


def _ask(
    stream: Stream, head: bytes, body: bytes, answer: Answer, limits: Dict[str, Any], deadline: Deadline
) -> "_Reader":
    started = time.monotonic()
    _send(stream, head, body, answer, limits["stall"], deadline)
    if answer.sent_bytes == len(body):
        started = time.monotonic()
    reader = _Reader(stream, deadline)
    _await_answer(reader, limits["stall"] if body else limits["first_byte"])
    answer.first_byte = time.monotonic() - started
    answer.received = reader.data[:SHOWN]
    if body:
        reader.deadline = deadline.within(limits["stall"])
    for _ in range(INTERIM_LIMIT):
        _read_head(reader, answer, limits["head_bytes"])
        if answer.status is not None and (answer.status >= 200 or answer.status == 101):
            return reader
    raise Failure("head", "LIMIT", "more than %d interim answers" % INTERIM_LIMIT)


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
            return
        rest = rest[sent:]
        answer.sent_bytes = max(0, len(body) - len(rest))


class _Reader:
    """A buffer in front of a stream."""

    def __init__(self, stream: Stream, deadline: Deadline) -> None:
        self.stream = stream
        self.deadline = deadline
        self.data = b""

    def more(self, deadline: Deadline, phase: str) -> bool:
        received = self.stream.recv(deadline, phase)
        self.data += received
        return bool(received)

    def cut(self, length: int) -> bytes:
        piece, self.data = self.data[:length], self.data[length:]
        return piece

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


def _read_head(reader: _Reader, answer: Answer, limit: int) -> None:
    while True:
        if not b"HTTP/"[: len(reader.data)].startswith(reader.data[:5]):
            raise Failure("head", "PROTOCOL", repr(reader.data[:80]))
        match = HEAD_END.search(reader.data)
        if match is not None and match.end() <= limit:
            break
        if len(reader.data) > limit:
            _parse_head(reader.data[:limit], answer)
            raise Failure("head", "LIMIT", "more than %d bytes of headers" % limit)
        if not reader.more(reader.deadline, "head"):
            raise Failure("head", "EOF", "closed by the peer within the headers")
    _parse_head(reader.cut(match.end()), answer)


def _parse_head(data: bytes, answer: Answer) -> None:
    match = STATUS_LINE.match(data)
    if match is None:
        raise Failure("head", "PROTOCOL", repr(data[:80]))
    answer.version = match.group(1).decode("ascii")
    answer.status = int(match.group(2))
    answer.reason = (match.group(3) or b"").decode("latin-1").strip()
    answer.headers = []
    for raw in data[match.end() :].decode("latin-1").split("\n"):
        line = raw.rstrip("\r")
        if line[:1] in (" ", "\t") and answer.headers:
            name, value = answer.headers[-1]
            answer.headers[-1] = (name, value + " " + line.strip())
        elif ":" in line:
            name, _, value = line.partition(":")
            answer.headers.append((name.strip(), value.strip()))


def _body(reader: _Reader, head: bytes, answer: Answer) -> Iterator[bytes]:
    length = answer.header("content-length")
    if head.startswith(b"HEAD ") or answer.status in (101, 204, 304):
        return iter(())
    if "chunked" in (answer.header("transfer-encoding") or "").lower():
        return _chunked(reader)
    if length is None:
        return _until_closed(reader)
    if not length.isdigit() or len(length) > 18:
        raise Failure("head", "PROTOCOL", "Content-Length: " + length)
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


def _chunked(reader: _Reader) -> Iterator[bytes]:
    while True:
        size = int(reader.line(CHUNK_SIZE, "body").group(1), 16)
        if size == 0:
            break
        for piece in _sized(reader, size):
            yield piece
        reader.line(re.compile(rb"\r?\n"), "body")
    while reader.line(re.compile(rb"([^\n]*?)\r?\n"), "body").group(1):
        reader.deadline.check("body")
