"""Growing payloads to one address: which size arrives, and at what rate.

Theory of operation
* Sizes grow, each is tried once the one before was answered. What ends the row is the finding's size.
* Large ones of different addresses share the way out of the host. So one address goes first, alone, and the others
  follow when it is through, when it has shown its rate for `ALONE` seconds, or when it has come to a standstill.
* A standstill is `STILL` seconds without an acknowledgement. Whether it is a matter of the segments' size is found out
  with nothing else under way: the same size in small segments; if they pass, in full ones and in small ones again.
* All of it ends `uploads` seconds after the first one began. What was under way then shows a rate, not a fault.
"""

import struct
import threading
import time
import zlib
from typing import Any, Dict, Optional, Tuple

from netcompliance.probe.onhost.asking import Asker
from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.http1 import Answer
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.requests import Asking
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.visit import Visit
from netcompliance.probe.onhost.ways import Way

LARGE = 100_000
"""Bytes from which on payloads of different addresses are not sent at the same time."""
ALONE = 3.0
LOOKED_AT = 0.7
"""Seconds after which an upload is followed closely."""
STILL = 2.5
LOOK_AGAIN = 0.2
STUCK = 1.0
"""Seconds without an acknowledgement after which nobody need wait for an upload: it takes nothing from others."""
SLOW_ANSWER = 1.0
"""Seconds for the smallest payload from which on only the largest follows."""
TOO_SLOW_AN_ANSWER = 5.0
"""Seconds for it from which on none follows: a large one would take as long again, and say the same."""
LEAST = 1.0
"""Seconds that must be left for another try."""
STORED = 65535

Request = Dict[str, Any]


def document(size: int) -> bytes:
    """A compressed JSON document of so many bytes: what a stream of stored blocks holds, so nothing is to be gained."""
    blocks = -(-max(1, size - 6) // (STORED + 5))
    text = b'{"netcompliance": "' + b"x" * max(0, size - 27 - 5 * blocks) + b'"}'
    parts = [b"\x78\x01"]
    for start in range(0, len(text), STORED):
        piece = text[start : start + STORED]
        last = 1 if start + STORED >= len(text) else 0
        parts.append(struct.pack("<BHH", last, len(piece), len(piece) ^ 0xFFFF))
        parts.append(piece)
    parts.append(struct.pack(">I", zlib.adler32(text) & 0xFFFFFFFF))
    return b"".join(parts)


class Turns:
    """Whose large uploads are under way, in one visit to one host."""

    def __init__(self, seconds: float) -> None:
        self.deadline = Deadline(seconds)
        self._free = threading.Event()

    def wait(self) -> None:
        """Until the first one lets the others go."""
        self._free.wait(min(ALONE + LOOKED_AT, self.deadline.left()))

    def free(self) -> None:
        """The others may go."""
        self._free.set()


class Followed:
    """An upload under way: how far it has come."""

    def __init__(self, asking: Asking, stream: Stream, turns: Optional[Turns], took: float) -> None:
        """`took`: the seconds that the answer to a small one took, which the peer may take before it reads on."""
        self._patience = STILL + took
        self.alone: Optional[Tuple[int, float]] = None
        self.gave_up = False
        self._asking = asking
        self._stream = stream
        self._turns = turns
        self._clock = time.monotonic()
        self._moved = self._clock
        self._far = -1
        """How far it had come at the last look; negative before the first."""
        self._over = threading.Event()

    def follow(self) -> None:
        """Look at it until it is over; give it up when it has come to a standstill."""
        while True:
            now = time.monotonic()
            far = self.acknowledged()
            if far != self._far:
                self._far, self._moved = far, now
            self._others(now)
            sending = far < self._asking.answer.sent_bytes or far < self._asking.length
            if sending and now - self._moved > self._patience:
                self.gave_up = True
                self._stream.give_up()
                return
            if self._over.wait(LOOK_AGAIN):
                return

    def _others(self, now: float) -> None:
        if self._turns is None:
            return
        if now - self._clock > ALONE:
            self.alone = (max(0, self._far), now - self._clock)
        if self.alone is not None or now - self._moved > STUCK:
            self._turns.free()
            self._turns = None

    def acknowledged(self) -> int:
        """Bytes of the body that have arrived."""
        return max(0, self._asking.answer.sent_bytes - (self._stream.unacknowledged() or 0))

    def end(self) -> Dict[str, Any]:
        """How it went, as fields of the observation."""
        self._over.set()
        alone = self.alone or (None, None)
        idle = None if self._far < 0 else time.monotonic() - self._moved
        return {"idle": idle, "alone_bytes": alone[0], "alone_seconds": alone[1]}


class Uploads:
    """The payloads to one address."""

    def __init__(self, asker: Asker, way: Way, upload: Request, small: Optional[Answer]) -> None:
        self._asker = asker
        self._visit: Visit = asker.visit
        self._way = way
        self._upload = upload
        self._took = small.first_byte if small is not None and small.first_byte is not None else 0.0
        host = asker.target.host
        self._turns: Turns = self._visit.shared(("uploads", host), lambda: Turns(self._visit.limits["uploads"]))
        self._first: Optional[bool] = None
        self._name = ("first-upload", host)

    def send(self, stream: Optional[Stream]) -> None:
        """Send growing payloads as long as they are answered, the first one on this stream."""
        sizes = self._upload["sizes"]
        if self._took >= SLOW_ANSWER:
            sizes = sizes[-1:] if self._took < TOO_SLOW_AN_ANSWER else []
        try:
            for size in sizes:
                if size >= LARGE and self._first is None:
                    self._first = self._visit.first(*self._name)
                    if not self._first:
                        self._turns.wait()
                stream, done = self._grow(stream, size)
                if not done:
                    return
        finally:
            if self._first:
                self._turns.free()
            if stream is not None:
                stream.close()

    def _grow(self, stream: Optional[Stream], size: int) -> Tuple[Optional[Stream], bool]:
        if self._turns.deadline.left() < LEAST:
            return stream, False
        stream, answer, still = self._try("upload", stream, size)
        if still and self._way.via is None:
            answer = self._in_small_segments(size) or answer
        return (stream if answer.reusable else None), answer.status is not None and answer.status != 413

    def _in_small_segments(self, size: int) -> Optional[Answer]:
        """Small and, if that is answered, full and small again. The answer to the full one, if there was one."""
        _, small, _ = self._try("upload-small-mss", None, size)
        if small.status is None or self._turns.deadline.left() < LEAST:
            return None
        _, full, _ = self._try("upload", None, size)
        if full.status is None and self._turns.deadline.left() >= LEAST:
            self._try("upload-small-mss", None, size)
        return full

    def _try(self, purpose: str, stream: Optional[Stream], size: int) -> Tuple[Optional[Stream], Answer, bool]:
        """One upload. What can be used again, the answer, and whether it came to a standstill."""
        content = self._visit.shared(("document", size), lambda: document(size))
        request = dict(self._upload, purpose=purpose, bytes=content, seconds=self._turns.deadline.left())
        if stream is not None:
            kept, answer, still = self._on(stream, request)
            if answer is not None:
                return kept, answer, still
        stream, failure = self._asker.connect(self._way.open_small if purpose == "upload-small-mss" else self._way.open)
        if stream is None:
            asking = Asking(self._asker.target, self._way, request, verified=True)
            asking.report(failure)
            return None, asking.answer, False
        kept, answer, still = self._on(stream, request, fresh=True)
        assert answer is not None
        return kept, answer, still

    def _on(
        self, stream: Stream, request: Request, *, fresh: bool = False
    ) -> Tuple[Optional[Stream], Optional[Answer], bool]:
        """No answer, and no report, if the peer had closed a stream that was kept."""
        asking = Asking(self._asker.target, self._way, request, verified=True)
        followed = Followed(asking, stream, self._turns if self._first else None, self._took)
        with self._visit.pool.unless_done(self._asker.task, LOOKED_AT, followed.follow):
            failure = asking.send(stream, keep=True)
        fields = followed.end()
        if failure is not None and followed.gave_up:
            failure = Failure("send", "TIMEOUT", "no acknowledgement for %.1f s" % STILL)
        elif not fresh and asking.answer.never_came(failure) and self._turns.deadline.left() >= LEAST:
            return None, None, False
        asking.report(failure, **fields)
        return (stream if asking.answer.reusable else None), asking.answer, followed.gave_up
