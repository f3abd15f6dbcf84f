"""A control connection: a child process that is spoken to as long as it speaks.

Unlike a visit (`child`) it has no end of its own: what limits it is silence. Its standard input stays open, since what
stands there is how the other side knows that somebody listens.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from netcompliance.vantage.child import CHUNK, Child, OnRecord

SILENCE = 30.0
"""Seconds without a word after which the connection counts as lost. A watcher speaks every second."""


class Line(Child):
    """A watcher or a collector as a process."""

    def __init__(self, command: Sequence[str], parcel: bytes, environment: Mapping[str, str] | None = None) -> None:
        """Start it. Raises `OSError` if the command cannot be started."""
        super().__init__(command, parcel, SILENCE, environment)
        self.heard = time.time()
        """When it last said something."""

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
        try:
            record: Any = json.loads(line) if line.startswith(b"{") else None
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            return self._ignore(line)
        if not self.begun and record.get("netcompliance") != "probe":
            return self._ignore(line)
        self._limit = time.monotonic() + SILENCE
        self.heard = time.time()
        if not self.begun:
            self.begun = True
            return True
        self.ended = self.ended or record.get("what") == "end"
        on_record(record)
        return True
