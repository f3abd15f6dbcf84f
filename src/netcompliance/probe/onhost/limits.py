"""How long and how much: every bound of the probe in one table, each of which a plan may change."""

import time
from typing import Any, Dict

from netcompliance.probe.onhost.failures import timed_out

DEFAULTS: Dict[str, float] = {
    "connect": 5.0,
    "control": 0.5,  # something that accepts every SYN does so at once
    "tls": 5.0,
    "first_byte": 7.0,
    "exchange": 9.0,
    "upload": 20.0,
    "stall": 6.0,  # without an acknowledgement, and until an answer to an upload is complete
    "hedge": 2.0,  # after so long a silence, the second way is tried beside the first
    "dns": 1.5,
    "dns_attempts": 2,
    "resolve": 8.0,
    "resolve_most": 14.0,  # while a configured nameserver is known to answer
    "watch": 0.7,  # at least so long, attempts to connect are listened for
    "run": 3.0,
    "threads": 128,
    "addresses": 24,
    "nameservers": 6,
    "parallel": 16,  # connections to one address, if it is slow to answer
    "registry_parallel": 4,
    "redirects": 5,
    "head_bytes": 65536,
    "body_kept": 16384,
    "body_read": 1048576,
    "manifest_bytes": 262144,
    "config_bytes": 1048576,
    "layer_bytes": 4194304,
    "layer_glance": 65536,
}


def with_defaults(changed: Dict[str, Any]) -> Dict[str, Any]:
    """The limits in force."""
    limits: Dict[str, Any] = dict(DEFAULTS)
    limits.update(changed)
    return limits


class Deadline:
    """A moment after which an exchange is over."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())

    def check(self, phase: str) -> float:
        """Seconds left; a failure of this phase if there are none."""
        left = self.left()
        if left <= 0:
            raise timed_out(phase)
        return left

    def within(self, seconds: float) -> "Deadline":
        """A deadline after so many seconds, or this one if it comes earlier."""
        return Deadline(min(seconds, self.left()))
