"""Which answers of a registry are asked for again, when and how often: as a container runtime does it.

Rules
* Tried again is what may pass by itself: 408, 429, 500, 502, 503, 504, and a connection that was cut. Silence is not:
  it has cost its time already.
* `Retry-After` is obeyed, in seconds or as a date by the peer's own clock, unless it asks for more than a visit has.
* What one request is asked to wait, all requests to that host wait; a host is asked again so many times in a visit.
"""

import threading
import time
from email.utils import mktime_tz, parsedate_tz
from typing import Any, Dict, Optional

from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.http1 import Answer
from netcompliance.probe.onhost.limits import Deadline

STATUSES = (408, 429, 500, 502, 503, 504)
CUT = ("EOF", "ECONNRESET", "ECONNABORTED", "EPIPE")
AFTER_CONNECTING = ("tls", "send", "head", "body")
FIRST_PAUSE = 0.3
"""Seconds before the second try, if the peer names none; twice as long before each further one."""


def may_pass(answer: Answer, failure: Optional[Failure]) -> bool:
    """Is this what a moment later may be right?"""
    if failure is not None:
        return failure.name in CUT and failure.phase in AFTER_CONNECTING
    return answer.status in STATUSES


def asked_pause(answer: Answer) -> Optional[float]:
    """Seconds by `Retry-After`; None if it says nothing that can be read."""
    text = (answer.header("retry-after") or "").strip()
    if text.isdigit() and len(text) < 9:
        return float(text)
    then, now = _moment(text), _moment(answer.header("date") or "")
    if then is None:
        return None
    return max(0.0, then - (time.time() if now is None else now))


def _moment(text: str) -> Optional[float]:
    parts = parsedate_tz(text)
    try:
        return float(mktime_tz(parts)) if parts is not None else None
    except (ValueError, OverflowError):
        return None


class Retries:
    """What one host has left, and until when it wants to be left alone."""

    def __init__(self, limits: Dict[str, Any]) -> None:
        self._most: int = limits["retries"]
        self._longest: float = limits["retry_after"]
        self._left: int = limits["retries_per_host"]
        self._until = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Until the host wants to be asked again."""
        time.sleep(max(0.0, self._until - time.monotonic()))

    def grants(self, answer: Answer, failure: Optional[Failure], attempt: int, deadline: Deadline) -> bool:
        """May it be asked once more, after a pause? `attempt` counts from 0."""
        pause = FIRST_PAUSE * 2**attempt
        asked = asked_pause(answer)
        if asked is not None:
            pause = max(pause, asked)
        if attempt >= self._most or pause > min(self._longest, deadline.left()) or not may_pass(answer, failure):
            return False
        with self._lock:
            if self._left <= 0:
                return False
            self._left -= 1
            self._until = max(self._until, time.monotonic() + pause)
        return True
