"""Growing payloads to one address: which size arrives, and at what rate.

Theory of operation
* Sizes grow, each is tried once the one before was answered. What ends the row is the finding's size.
* Large ones of different addresses share the way out of the host. So one address goes first, alone, and the others
  follow when it is through, when its largest has shown an ample rate for `ALONE` seconds, or any for twice as long, or
  when it has come to a standstill.
* A standstill is `STILL` seconds without an acknowledgement. Beside others it proves nothing: where a device polices
  the rate, they may have had all of it. So it is tried once more when they are over, with nothing else under way.
* Whether a standstill is a matter of the segments' size is found out alone, too: the same size in small segments; if
  they pass, in full ones and in small ones again.
* All of it ends `uploads` seconds after the first one began. At most `MORE` seconds later end what is tried alone, in
  small segments, or for the first time, as each row comes to its largest size. Under way then: a rate, not a fault.
"""

import struct
import threading
import time
import zlib
from typing import Any, Dict, NamedTuple, Optional, Set, Tuple

from netcompliance.probe.onhost.asking import Asker
from netcompliance.probe.onhost.failures import timed_out
from netcompliance.probe.onhost.http1 import Answer
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.requests import Asking
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.transports import Transport
from netcompliance.probe.onhost.visit import Visit

LARGE = 100_000
"""Bytes from which on payloads of different addresses are not sent at the same time."""
ALONE = 3.0
"""Seconds over which a rate is measured."""
WITHIN = 20.0
"""Seconds in which the agent wants an upload to be through."""
AMPLE = 1.5
"""So many times the rate that suffices leaves no doubt, whatever bursts a device lets pass."""
LOOKED_AT = 0.7
"""Seconds after which an upload is followed closely."""
STILL = 2.5
LOOK_AGAIN = 0.2
SLOW_ANSWER = 1.0
"""Seconds for the smallest payload from which on only the largest follows."""
TOO_SLOW_AN_ANSWER = 5.0
"""Seconds for it from which on none follows: a large one would take as long again, and say the same."""
LEAST = 1.0
"""Seconds that must be left for another try."""
MORE = 8.0
"""Seconds more for what else would not be tried."""
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
        self.last = Deadline(seconds + MORE)
        self._free = threading.Event()
        self._change = threading.Condition()
        self._under_way: Set[object] = set()
        self._moved: Dict[object, float] = {}
        """When an upload of each row was seen to go on last."""

    def wait(self) -> None:
        """Until the first row lets the others go, or the time for all is over."""
        self._free.wait(self.deadline.left())

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
                if self.last.left() < LEAST:
                    return False
                self._change.wait(self.last.left())
            self._under_way.add(row)
        return True


class Followed:
    """An upload under way: how far it has come."""

    def __init__(self, asking: Asking, stream: Stream, row: "Uploads", deadline: Deadline) -> None:
        self.alone: Optional[Tuple[int, float]] = None
        self.still = False
        """It has come to a standstill."""
        self.given_up = False
        self._deadline = deadline
        self._asking = asking
        self._stream = stream
        self._row = row
        self._clock = time.monotonic()
        self._moved = self._clock
        self._far = -1
        """How far it had come at the last look; negative before the first."""
        self._over = threading.Event()

    def follow(self) -> None:
        """Look at it until it is over; give it up when it has come to a standstill, or goes on after its time."""
        while True:
            now = time.monotonic()
            far = self.acknowledged()
            goes_on = far > self._far >= 0
            if goes_on:
                self._row.turns.moved(self._row)
            if far != self._far:
                self._far, self._moved = far, now
            self._measure(now)
            sending = far < self._asking.answer.sent_bytes or far < self._asking.length
            self.still = sending and now - self._moved > self._row.patience
            if self.still or (sending and goes_on and self._deadline.left() <= 0):
                self.given_up = True
                self._row.let_others_go()
                self._stream.give_up()
                return
            if self._over.wait(LOOK_AGAIN):
                return

    def _measure(self, now: float) -> None:
        """While nothing else is under way, of the largest: the rate so far. Let the others go when it is known."""
        took = now - self._clock
        if not self._row.alone or self._asking.length < self._row.largest or took < ALONE:
            return
        self.alone = (max(0, self._far), took)
        if self._far / took * WITHIN > AMPLE * self._asking.length or took > 2 * ALONE:
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

    def __init__(self, asker: Asker, way: Transport, upload: Request, small: Optional[Answer]) -> None:
        self._asker = asker
        self._visit: Visit = asker.visit
        self._way = way
        self._upload = upload
        took = small.first_byte if small is not None and small.first_byte is not None else 0.0
        self._sizes = upload["sizes"]
        if took >= SLOW_ANSWER:
            self._sizes = self._sizes[-1:] if took < TOO_SLOW_AN_ANSWER else []
        self.largest: int = upload["sizes"][-1]
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
        if self.turns.deadline.left() < LEAST and size != self._sizes[-1]:
            return stream, True
        left = self._left()
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
        small = self._try("upload-small-mss", None, size, self._left()).answer
        if small.status is None or self._left() < LEAST:
            return None
        full = self._try("upload", None, size, self._left()).answer
        if full.status is None and self._left() >= LEAST:
            self._try("upload-small-mss", None, size, self._left())
        return full

    def _left(self) -> float:
        """Seconds for the next try: until the time for all is over, then as long as shows whether it goes on."""
        left = self.turns.deadline.left()
        return left if left >= LEAST else min(self.patience + LEAST, self.turns.last.left())

    def _try(self, purpose: str, stream: Optional[Stream], size: int, seconds: float) -> Tried:
        """One upload."""
        content = self._visit.shared(("document", size), lambda: document(size))
        most = min(seconds + self._visit.limits["stall"], self.turns.last.left() + self.patience)
        request = dict(self._upload, purpose=purpose, bytes=content, seconds=most)
        if stream is not None:
            tried = self._on(stream, request, seconds)
            if tried is not None:
                return tried
        stream, failure = self._asker.connect(self._way.open_small if purpose == "upload-small-mss" else self._way.open)
        if stream is None:
            asking = Asking(self._asker.target, self._way, request, verified=True)
            asking.report(failure)
            return Tried(None, asking.answer)
        tried = self._on(stream, request, seconds, fresh=True)
        assert tried is not None
        return tried

    def _on(self, stream: Stream, request: Request, seconds: float, *, fresh: bool = False) -> Optional[Tried]:
        """Nothing, and no report, if the peer had closed a stream that was kept."""
        asking = Asking(self._asker.target, self._way, request, verified=True)
        followed = Followed(asking, stream, self, Deadline(seconds))
        with self._visit.pool.unless_done(self._asker.task, LOOKED_AT, followed.follow):
            failure = asking.send(stream, keep=True)
        fields = followed.end()
        still = followed.still and asking.answer.status is None
        if failure is not None and followed.given_up:
            failure = timed_out("send", "no acknowledgement for %.1f s" % STILL if followed.still else "")
        elif not fresh and asking.answer.never_came(failure) and self.turns.deadline.left() >= LEAST:
            return None
        asking.report(failure, **fields)
        return Tried(stream if asking.answer.reusable else None, asking.answer, still, bool(fields.get("shared_way")))
