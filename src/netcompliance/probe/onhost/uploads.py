"""Growing payloads to one address: which size arrives, and at what rate.

Theory of operation
* Sizes grow, each is tried once the one before was answered. What ends the row is the finding's size.
* Large ones of different addresses share the way out of the host. So one address goes first, alone, and the others
  follow when it is through, when it has shown its rate for `ALONE` seconds, or when it has come to a standstill.
* A standstill is `STILL` seconds without an acknowledgement. Beside others it proves nothing: where a device polices
  the rate, they may have had all of it. So it is tried once more when they are over, with nothing else under way.
* Whether a standstill is a matter of the segments' size is found out alone, too: the same size in small segments; if
  they pass, in full ones and in small ones again.
* All of it ends `uploads` seconds after the first one began, and the tries alone `AGAIN` seconds later at most. What
  was under way then shows a rate, not a fault.
"""

import struct
import threading
import time
import zlib
from typing import Any, Dict, NamedTuple, Optional, Set, Tuple

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
AGAIN = 8.0
"""Seconds more for tries without others."""
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
    """Whose large uploads are under way, in one visit to one host. A row is what is sent to one address."""

    def __init__(self, seconds: float) -> None:
        self.deadline = Deadline(seconds)
        self._last = Deadline(seconds + AGAIN)
        self._free = threading.Event()
        self._change = threading.Condition()
        self._under_way: Set[object] = set()
        self._moved: Dict[object, float] = {}
        """When an upload of each row was seen to go on last."""

    def wait(self) -> None:
        """Until the first row lets the others go; only as long as that can take, for it may be connecting in vain."""
        self._free.wait(min(2 * ALONE, self.deadline.left()))

    def free(self) -> None:
        """The others may go."""
        self._free.set()

    def begin(self, row: object) -> None:
        """Its uploads begin."""
        with self._change:
            self._under_way.add(row)

    def end(self, row: object) -> None:
        """It is through."""
        with self._change:
            self._under_way.discard(row)
            self._change.notify_all()

    def moved(self, row: object) -> None:
        """An upload of this row goes on."""
        with self._change:
            self._moved[row] = time.monotonic()

    def others_moved(self, row: object, since: float) -> bool:
        """Has another row had the way since then?"""
        with self._change:
            return any(at > since for each, at in self._moved.items() if each is not row)

    def begin_alone(self, row: object) -> bool:
        """Let all others come to their ends, and begin this row anew then. False: there is no time left."""
        self.end(row)
        with self._change:
            while self._under_way:
                if self._last.left() < LEAST:
                    return False
                self._change.wait(self._last.left())
            self._under_way.add(row)
        return True


class Followed:
    """An upload under way: how far it has come."""

    def __init__(self, asking: Asking, stream: Stream, row: "Uploads") -> None:
        self.alone: Optional[Tuple[int, float]] = None
        self.gave_up = False
        self._asking = asking
        self._stream = stream
        self._row = row
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
                if far > self._far >= 0:
                    self._row.turns.moved(self._row)
                self._far, self._moved = far, now
            self._others(now)
            sending = far < self._asking.answer.sent_bytes or far < self._asking.length
            if sending and now - self._moved > self._row.patience:
                self.gave_up = True
                self._stream.give_up()
                return
            if self._over.wait(LOOK_AGAIN):
                return

    def _others(self, now: float) -> None:
        """While nothing else is under way: note the rate, and let the others go when it is known."""
        if not self._row.alone:
            return
        if now - self._clock > ALONE:
            self.alone = (max(0, self._far), now - self._clock)
        if self.alone is not None or now - self._moved > STUCK:
            self._row.let_others_go()

    def acknowledged(self) -> int:
        """Bytes of the body that have arrived."""
        return max(0, self._asking.answer.sent_bytes - (self._stream.unacknowledged() or 0))

    def end(self) -> Dict[str, Any]:
        """How it went, as fields of the observation. `shared_way`: others went on since this one did last."""
        self._over.set()
        alone_bytes, alone_seconds = self.alone or (None, None)
        fields: Dict[str, Any] = {"alone_bytes": alone_bytes, "alone_seconds": alone_seconds}
        if self._far >= 0:
            fields["idle"] = time.monotonic() - self._moved
            fields["shared_way"] = self._row.turns.others_moved(self._row, self._moved)
        return fields


class Tried(NamedTuple):
    """What became of one upload."""

    stream: Optional[Stream]
    """What can be used again."""
    answer: Answer
    still: bool = False
    """It came to a standstill."""
    shared_way: bool = False
    """Others went on meanwhile."""


class Uploads:
    """The payloads to one address: a row."""

    def __init__(self, asker: Asker, way: Way, upload: Request, small: Optional[Answer]) -> None:
        self._asker = asker
        self._visit: Visit = asker.visit
        self._way = way
        self._upload = upload
        took = small.first_byte if small is not None and small.first_byte is not None else 0.0
        self._sizes = upload["sizes"]
        if took >= SLOW_ANSWER:
            self._sizes = self._sizes[-1:] if took < TOO_SLOW_AN_ANSWER else []
        self.patience = STILL + took
        """Seconds for a standstill: the peer may take as long as for a small one before it reads on."""
        host = asker.target.host
        self.turns: Turns = self._visit.shared(("uploads", host), lambda: Turns(self._visit.limits["uploads"]))
        self._name = ("first-upload", host)
        self.alone = False
        """No other row is under way."""

    def let_others_go(self) -> None:
        """From now on, this row is one of several."""
        if self.alone:
            self.alone = False
            self.turns.free()

    def send(self, stream: Optional[Stream]) -> None:
        """Send growing payloads as long as they are answered, the first one on this stream."""
        begun = False
        try:
            for size in self._sizes:
                if size >= LARGE and not begun:
                    begun = True
                    self.alone = self._visit.first(*self._name)
                    if not self.alone:
                        self.turns.wait()
                    self.turns.begin(self)
                stream, done = self._grow(stream, size)
                if not done:
                    return
        finally:
            self.let_others_go()
            self.turns.end(self)
            if stream is not None:
                stream.close()

    def _grow(self, stream: Optional[Stream], size: int) -> Tuple[Optional[Stream], bool]:
        left = self.turns.deadline.left()
        if left < LEAST:
            return stream, False
        tried = self._try("upload", stream, size, left)
        if tried.still and tried.shared_way and self.turns.begin_alone(self):
            self.alone = True
            tried = self._try("upload", None, size, self.patience + LEAST)
        answer = tried.answer
        if tried.still and not tried.shared_way and self._way.via is None:
            answer = self._in_small_segments(size) or answer
        return (tried.stream if answer.reusable else None), answer.status is not None and answer.status != 413

    def _in_small_segments(self, size: int) -> Optional[Answer]:
        """Small and, if that is answered, full and small again. The answer to the full one, if there was one."""
        small = self._try("upload-small-mss", None, size, self.turns.deadline.left()).answer
        if small.status is None or self.turns.deadline.left() < LEAST:
            return None
        full = self._try("upload", None, size, self.turns.deadline.left()).answer
        if full.status is None and self.turns.deadline.left() >= LEAST:
            self._try("upload-small-mss", None, size, self.turns.deadline.left())
        return full

    def _try(self, purpose: str, stream: Optional[Stream], size: int, seconds: float) -> Tried:
        """One upload."""
        content = self._visit.shared(("document", size), lambda: document(size))
        request = dict(self._upload, purpose=purpose, bytes=content, seconds=seconds)
        if stream is not None:
            tried = self._on(stream, request)
            if tried is not None:
                return tried
        stream, failure = self._asker.connect(self._way.open_small if purpose == "upload-small-mss" else self._way.open)
        if stream is None:
            asking = Asking(self._asker.target, self._way, request, verified=True)
            asking.report(failure)
            return Tried(None, asking.answer)
        tried = self._on(stream, request, fresh=True)
        assert tried is not None
        return tried

    def _on(self, stream: Stream, request: Request, *, fresh: bool = False) -> Optional[Tried]:
        """Nothing, and no report, if the peer had closed a stream that was kept."""
        asking = Asking(self._asker.target, self._way, request, verified=True)
        followed = Followed(asking, stream, self)
        with self._visit.pool.unless_done(self._asker.task, LOOKED_AT, followed.follow):
            failure = asking.send(stream, keep=True)
        fields = followed.end()
        if failure is not None and followed.gave_up:
            failure = Failure("send", "TIMEOUT", "no acknowledgement for %.1f s" % STILL)
        elif not fresh and asking.answer.never_came(failure) and self.turns.deadline.left() >= LEAST:
            return None
        asking.report(failure, **fields)
        return Tried(
            stream if asking.answer.reusable else None, asking.answer, followed.gave_up, bool(fields.get("shared_way"))
        )
