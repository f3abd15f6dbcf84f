"""Connections to one peer that are used again, and as few of them as serve.

A TCP and a TLS handshake cost both sides more than most of our requests. So whoever wants a connection while all are in
use waits as long as opening one took last; only if none has become free by then, another is opened. A peer that is slow
to answer, or hangs, thus gets some more connections, one after the other; a quick one keeps a single one.

Rules
* At most `most` at once. A peer that keeps all of them waiting for `patience` seconds is not spared any longer.
* A connection that was kept may have been closed by the peer meanwhile: whoever lends one must be ready for that.
"""

import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional

from netcompliance.probe.onhost.limits import Deadline


class Lease:
    """One connection in use: `kept`, or a new one if that is None. What `kept` is at the end is lent again."""

    def __init__(self, connections: "Connections", kept: Any) -> None:
        self.kept = kept
        self._connections = connections
        self._opening: Optional[float] = None if kept is not None else time.monotonic()

    def opened(self) -> None:
        """The new one is open, or could not be opened."""
        if self._opening is not None:
            self._connections.opened(time.monotonic() - self._opening)
            self._opening = None


class Connections:
    """The open connections to one peer; after so many `uses`, if it is known how many, all are closed."""

    def __init__(self, most: int, patience: float, uses: Optional[int] = None, took: float = 0.0) -> None:
        self._most = most
        self._patience = patience
        self._uses = uses
        self._change = threading.Condition()
        self._idle: List[Any] = []
        self._busy = 0
        self._opening = 0
        """How many are being opened."""
        self._took = took
        """Seconds that opening took last."""

    def add(self, kept: Any, seconds: float) -> None:
        """Here is one that is open already, which took so many seconds."""
        with self._change:
            self._idle.append(kept)
            self._took = seconds
            self._change.notify()

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """One to use, once it is known which."""
        with self._change:
            self._wait()
            self._busy += 1
            lease = Lease(self, self._idle.pop() if self._idle else None)
            if lease.kept is None:
                self._opening += 1
            self._change.notify()
        try:
            yield lease
        finally:
            lease.opened()
            with self._change:
                self._busy -= 1
                if lease.kept is not None:
                    self._idle.append(lease.kept)
                self._change.notify()
                self._count()

    def opened(self, seconds: float) -> None:
        """Whoever was opening one has come to an end, after so long."""
        with self._change:
            self._took = seconds
            self._opening -= 1
            self._change.notify()

    def _count(self) -> None:
        if self._uses is not None:
            self._uses -= 1
            while self._uses <= 0 and self._idle:
                self._idle.pop().close()

    def _wait(self) -> None:
        """Until one is idle, or another may be opened."""
        longest = Deadline(self._patience)
        enough = Deadline(self._took)
        while not self._idle and self._busy and longest.left() > 0:
            may_open = self._busy < self._most and not self._opening
            if may_open and enough.left() <= 0:
                return
            self._change.wait(min(enough.left(), longest.left()) if may_open else longest.left())
