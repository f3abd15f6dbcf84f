"""A control connection: a child process that is spoken to as long as it speaks.

Unlike a visit (`probe_process`) it has no end of its own: what limits it is silence. Its standard input stays open,
since what stands there is how the other side knows that somebody listens.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from netcompliance.vantage.admission import Admission
from netcompliance.vantage.probe_process import CHUNK, OnRecord, ProbeProcess, record_of

SILENCE = 30.0
"""Seconds without a word after which the connection counts as lost. A watcher speaks every second."""
OFTEN = 0.2
"""Seconds: how far the open runs are is shown no more often; a watcher says so every second, and each word replaces the
last."""
MANY = 200
"""So many words in a row may come more often than that: far more than wait in a connection that stood still for as long
as a watcher waits for an answer."""
LONGEST_WORD = 1 << 16
"""Bytes of such a word, which is not kept: twice as many as one takes with all open runs that there may be."""


class ControlConnection(ProbeProcess):
    """A watcher or a collector as a process."""

    def __init__(
        self,
        command: Sequence[str],
        parcel: bytes,
        environment: Mapping[str, str] | None = None,
        admission: Admission | None = None,
    ) -> None:
        """Start it. `admission` is the watch's, over all of its connections. Raises `OSError` if the command cannot be
        started."""
        super().__init__(command, parcel, SILENCE, environment, admission)
        self.heard = time.time()
        """When it last said something."""
        self._shown = 0.0
        self._passed_over = 0

    def feed(self) -> bool:
        """Send some of what is to be sent; False if there is nothing more for now."""
        try:
            self._parcel = self._parcel[os.write(self.stdin.fileno(), self._parcel[:CHUNK]) :]
        except BlockingIOError:
            return True
        except OSError:
            self._parcel = self._parcel[:0]
        return bool(self._parcel)

    def say(self, word: str) -> None:
        """A line to the other side, after what still waits. A line that cannot go now goes with the next one."""
        self._parcel = memoryview(bytes(self._parcel) + word.encode() + b"\n")
        self.feed()

    def _take(self, line: bytes, on_record: OnRecord) -> bool:
        record = record_of(line)
        if record is None:
            return self._ignore(line)
        if not self.begun and record.get("netcompliance") != "probe":
            return self._ignore(line)
        self._limit = time.monotonic() + SILENCE
        self.heard = time.time()
        if not self.begun:
            self.begun = True
            return True
        self.ended = self.ended or record.get("what") == "end"
        if record.get("what") != "alive":
            return self._admit(line, record, on_record)
        often = self.heard - self._shown < OFTEN
        self._passed_over += often
        if self._passed_over > MANY or len(line) > LONGEST_WORD:
            self._why, self._detail = "too-much", "more words on how far it is than a probe says"
            return False
        if often:
            return True
        self._passed_over = max(0, self._passed_over - 1)
        self._shown = self.heard
        return self._admit(line, record, on_record, kept=False)
