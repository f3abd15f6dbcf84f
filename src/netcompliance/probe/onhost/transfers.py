"""A body that is large: read for so long at most, and its silences counted from the last byte.

A slow transfer is not a failure: it is read until the time is over, and what came by then tells its rate. One that
stops is: nothing came for `silence` seconds.
"""

import time

from netcompliance.probe.onhost.http1 import Answer
from netcompliance.probe.onhost.limits import Deadline


class Patience(Deadline):
    """A deadline for the head, and then one that every byte puts off."""

    __slots__ = ("_enough", "_head", "_seconds", "_silence")

    def __init__(self, head: float, silence: float, enough: float) -> None:
        super().__init__(head)
        self._head = head
        self._silence = silence
        self._seconds = enough
        self._enough = 0.0

    def begin(self) -> None:
        """The request is sent now."""
        now = time.monotonic()
        self._end = now + self._head
        self._enough = now + self._seconds

    def heard(self) -> bool:
        """Bytes have come. Is there time for more?"""
        now = time.monotonic()
        self._end = now + self._silence
        return now < self._enough


class Transfer(Answer):
    """An answer whose body is read with patience."""

    def __init__(self, read: int, kept: int, patience: Patience) -> None:
        super().__init__(kept, read)
        self.patience = patience

    def add(self, data: bytes) -> bool:
        in_time = self.patience.heard()
        return super().add(data) and in_time
