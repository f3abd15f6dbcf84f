"""How long and how much: every bound of the probe in one table, each of which a plan may change."""

import resource
import time
from typing import Any, Dict

from netcompliance.probe.onhost.failures import timed_out

DEFAULTS: Dict[str, float] = {
    "connect": 5.0,
    "control": 0.5,  # something that accepts every SYN does so at once
    "tls": 10.0,  # as the agent waits for a handshake
    "tls_small": 5.0,  # for the one in small segments, beside it
    "first_byte": 10.0,  # of an answer to a small request; the agent waits longer, and a visit should not
    "exchange": 11.0,
    "pull_first_byte": 7.0,  # of a registry's answer
    "pull": 9.0,
    "uploads": 9.0,  # all of them, to all addresses of a host
    "variants": 24,
    "stall": 6.0,  # without an acknowledgement, and until an answer to an upload is complete
    "hedge": 2.0,  # after so long a silence, the second way is tried beside the first
    "dns": 1.0,  # before the next datagram is sent
    "dns_attempts": 3,
    "dns_late": 3.5,  # after the last one: a nameserver that is slow is not dead
    "dns_share": 90,  # queries of a series: with 90, a share of 1 in 16 is missed once in 300 times
    "dns_pace": 0.006,
    "dns_calm": 0.055,  # between the queries of a second series, so slow that no limit of a resolver's is met
    "resolve": 8.0,
    "resolve_most": 11.0,  # while a configured nameserver is known to answer
    "watch": 0.7,  # at least so long, attempts to connect are listened for
    "run": 3.0,
    "tunnel": 11.0,  # until a proxy has answered a CONNECT; the agent waits as long as for a whole request
    "threads": 128,
    "addresses": 24,  # of a name are looked at; to the rest it is only connected
    "addresses_known": 512,
    "nameservers": 3,  # the C library and Go read no more
    "parallel": 16,  # connections to one address, if it is slow to answer
    "registry_parallel": 4,
    "redirects": 5,
    "body_kept": 8192,
    "body_read": 1048576,
    "manifest_bytes": 262144,
    "config_bytes": 1048576,
    "layer_bytes": 67108864,  # of the largest layer at each host that serves layers
    "layer_seconds": 6.0,  # for which that one is read
    "layer_silence": 4.0,  # without a byte, a transfer has stopped
    "layer_small": 262144,  # a layer that is no larger is read whole at once
    "layer_unranged": 4194304,  # of a layer at a server that gives no parts
    "layer_glance": 65536,  # of the beginning, the middle and the end
    "retries": 2,
    "retry_after": 5.0,  # longer than this nobody waits
    "retries_per_host": 48,
}

MANY_FILES = 2048


def allow_many_files() -> None:
    """Have as many open as this user may, and are useful. Go programs do it as they start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(MANY_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return


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
