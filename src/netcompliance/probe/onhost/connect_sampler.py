"""TCP connections and DNS queries, many a second, in one thread that waits for none of them.

Theory. A probe is a new connection (or a new query) that is begun at a known moment and given a short time. It is up if
it was answered within that time: less than the second after which the kernel sends a lost SYN again, so an answer to
the second SYN is none. Probes overlap: the next one begins while the last still waits. So the moment at which a path
broke and the moment at which it worked again are known to the distance of two probes, whatever broke it.

Rules
* The outcomes of a path are handed on in the order in which its probes began.
* While probes of a path fail, or wait longer than they usually do, the next ones begin sooner: the end of an outage is
  then known as well as its beginning.
* After a probe that failed, or was answered otherwise than the last, comes a volley (`VOLLEY`, as far as the path has
  saved for it): it tells a lost packet from a share of all connections that is lost, which needs many tries.
* An answer of a nameserver counts when it is known what it is worth, or when its time is over.
* Nothing is caught up: a moment that was missed, since this machine was busy, is missed.
"""

import errno
import itertools
import os
import select
import socket
import struct
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional

from netcompliance.probe.onhost import dnsmessage
from netcompliance.probe.onhost.dial import icmp_error, listen_for_icmp, socket_address
from netcompliance.probe.onhost.failures import Failure, failure_from, timed_out

Record = Dict[str, Any]
Proved = Callable[[List[str]], Optional[bool]]
"""Is the tenant at all of these addresses? `None`: it is not known yet."""
Whole = Callable[[bytes], Optional[bool]]
"""Does what comes over TCP to this question lead to the tenant? `None`: it is not known yet."""
Tell = Callable[[float, Optional[Record], Optional[Record], float], None]
"""Moment, error, answer, and seconds that it took (that an answer usually takes, where there was none)."""

PATIENCE = 0.9
"""Seconds that a probe waits: a SYN that is lost is sent again after one second."""
SOONER = 2
"""Probes of a path that fails begin so many times as often,"""
SOONER_MOST = 16
"""as long as no more paths than this fail."""
VOLLEY = 40
"""Probes after one that failed, `QUICK` seconds apart: if one of eight connections is lost, one of so many fails."""
QUICK = 0.02
SAVED = 60.0
"""Quick probes that a path may have saved for,"""
SAVES = 4.0
"""and how many it saves in a second: not more, over time, come from it."""
USUAL = 3
"""A probe that waits so many times as long as usual is taken for one that fails,"""
ALARM = 0.04
"""but not before so many seconds."""
STALL = 0.4
OPEN_MOST = 800
"""Probes under way at once, over all paths."""
RETRANSMITS = 100
"""Offset of tcpi_total_retrans in struct tcp_info."""
LATE = 0.5
"""Seconds after which it is looked at whether an answer was one to the first SYN."""
OWN_FAULTS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
"""This host's own limits: such a probe says nothing of the path."""


class Sample:
    """One probe under way."""

    __slots__ = ("alarmed", "answer", "asked", "at", "begun", "done", "error", "heard", "mark", "socket", "took")

    def __init__(self, at: float, begun: float) -> None:
        self.at = at
        self.begun = begun
        self.socket: Optional[socket.socket] = None
        self.done = False
        self.error: Optional[Record] = None
        self.answer: Optional[Record] = None
        self.mark = b""
        """By which its answer is known,"""
        self.asked = b""
        """and what was asked."""
        self.heard: Optional[bytes] = None
        """Its answer, as long as it is not known what that is worth."""
        self.took = 0.0
        self.alarmed = False
        """A volley was begun for it."""

    def end(self, error: Optional[Record], answer: Optional[Record] = None) -> None:
        """It has ended like this."""
        self.done, self.error, self.answer = True, error, answer
        self.took = self.took or time.monotonic() - self.begun
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class Path:
    """One path that is probed: `begin` starts a probe, `finish` looks what became of it."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.due = 0.0
        self.under_way: Deque[Sample] = deque()
        self.heard: List[Sample] = []
        """Those that were answered, and of whose answers it is not known what they are worth."""
        self.failing = False
        self.said: Optional[Record] = None
        """The last answer."""
        self.volley = 0
        """Probes that are to come quickly."""
        self.saved = SAVED
        self.counted = time.monotonic()
        self.usual: Optional[float] = None
        """Seconds that an answer usually takes."""

    def begin(self, sample: Sample) -> bool:
        """Start it; True if it is still under way."""
        raise NotImplementedError

    def finish(self, sample: Sample) -> None:
        """Its socket has something to say."""
        raise NotImplementedError

    def decide(self, sample: Sample, *, now: bool = False) -> None:
        """End one that was answered, if it is known what that is worth, or in any case `now`."""

    def hand_on(self) -> None:
        """Tell outcomes, in order."""
        while self.under_way and self.under_way[0].done:
            sample = self.under_way.popleft()
            self.failing = sample.error is not None
            usual = sample.took if self.usual is None else self.usual
            if self.failing or (self.said is not None and sample.answer != self.said):
                self.alarm(sample)
            if not self.failing:
                self.said = sample.answer
            self.tell(sample.at, sample.error, sample.answer, min(sample.took, usual) if self.failing else sample.took)

    def alarm(self, sample: Sample) -> None:
        """Something is wrong with this one: many are to follow it, once."""
        if not sample.alarmed:
            sample.alarmed = True
            self.volley = VOLLEY

    def quick(self, now: float) -> bool:
        """May the next probe come quickly? It is paid for."""
        self.saved = min(SAVED, self.saved + SAVES * (now - self.counted))
        self.counted = now
        if self.volley <= 0 or self.saved < 1:
            return False
        self.volley -= 1
        self.saved -= 1
        return True


class TcpPath(Path):
    """Connecting to one address."""

    def __init__(self, address: str, port: int, tell: Tell) -> None:
        super().__init__(tell)
        self._family, self._target = socket_address(address, port)

    def begin(self, sample: Sample) -> bool:
        opening = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sample.socket = opening
        listen_for_icmp(opening)
        outcome = opening.connect_ex(self._target)
        if outcome == errno.EINPROGRESS:
            return True
        sample.end(_failed(outcome) if outcome else None)
        return False

    def finish(self, sample: Sample) -> None:
        opened = sample.socket
        if opened is None:
            return
        code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        icmp = icmp_error(opened) if code or not _is_connected(opened) else None
        if code or icmp:
            sample.end(_failed(code or _errno_of(icmp), icmp))
        elif _is_connected(opened):
            repeated = time.monotonic() - sample.begun > LATE and _retransmits(opened)
            sample.end(timed_out("tcp", "no answer to the first SYN").record() if repeated else None)


class DnsPath(Path):
    """Asking one nameserver these questions in turn, without asking again.

    `whole` says what a truncated answer to a question is worth. Unless it `needs_address`, any answer will do that does
    not lead elsewhere: its samples say no more than that.
    """

    def __init__(
        self, server: str, port: int, wires: List[bytes], tell: Tell, proved: Proved, whole: Whole, *,
        needs_address: bool,
    ) -> None:  # fmt: skip
        super().__init__(tell)
        self._family, self._target = socket_address(server, port)
        self._wires = itertools.cycle(wires)
        self._proved = proved
        self._whole = whole
        self._needs_address = needs_address

    def begin(self, sample: Sample) -> bool:
        asking = socket.socket(self._family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sample.socket = asking
        listen_for_icmp(asking)
        asking.connect(self._target)
        sample.mark, sample.asked = os.urandom(2), next(self._wires)
        asking.send(sample.mark + sample.asked[2:])
        return True

    def finish(self, sample: Sample) -> None:
        asking = sample.socket
        if asking is None or sample.heard is not None:
            return
        try:
            message = asking.recv(4096)
        except (BlockingIOError, InterruptedError):
            icmp = icmp_error(asking)
            if icmp:
                sample.end(_failed(_errno_of(icmp), icmp, "udp"))
            return
        except OSError as error:
            failure = failure_from(error, "udp")
            failure.icmp = icmp_error(asking)
            sample.end(failure.record())
            return
        if dnsmessage.answers(sample.mark, message):
            sample.heard, sample.took = message, time.monotonic() - sample.begun
            self.heard.append(sample)
            self.decide(sample)

    def decide(self, sample: Sample, *, now: bool = False) -> None:
        """What an answer says, without what may differ between two right ones."""
        message = sample.heard
        if message is None or sample.done:
            return
        found = dnsmessage.addresses(message)
        truncated = dnsmessage.truncated(message)
        proved = self._whole(sample.asked) if truncated else self._proved(found)
        if proved is None and not now:
            return
        self.heard.remove(sample)
        sample.heard = None
        sample.end(None, self._said(message, addresses=bool(found) or truncated, private=not proved))

    def _said(self, message: bytes, *, addresses: bool, private: bool) -> Record:
        if not self._needs_address:
            return {"private": private and addresses}
        rcode = struct.unpack_from("!H", message, 2)[0] & dnsmessage.RCODE
        return {"rcode": rcode, "addresses": addresses, "private": private}


def _is_connected(opened: socket.socket) -> bool:
    try:
        opened.getpeername()
    except OSError:
        return False
    return True


def _retransmits(opened: socket.socket) -> int:
    """SYNs that were sent again, as far as the kernel tells."""
    try:
        info = opened.getsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_INFO", 11), 192)
    except OSError:
        return 0
    return int(struct.unpack_from("=I", info, RETRANSMITS)[0]) if len(info) >= RETRANSMITS + 4 else 0


def _failed(code: int, icmp: Optional[Record] = None, phase: str = "tcp") -> Record:
    return Failure(phase, errno.errorcode.get(code, "E%d" % code), os.strerror(code), icmp=icmp).record()


def _errno_of(icmp: Optional[Record]) -> int:
    """What the kernel would say of an ICMP error, had it not met the socket while it was in use."""
    kind, code = (icmp or {}).get("type"), (icmp or {}).get("code")
    prohibited = (kind, code) in ((3, 9), (3, 10), (3, 13), (1, 1))
    return (
        errno.ECONNREFUSED if (kind, code) in ((3, 3), (1, 4)) else errno.EACCES if prohibited else errno.EHOSTUNREACH
    )


class Engine:
    """Begins the probes of all paths when they are due, and ends them."""

    def __init__(self, every: float, wall: Callable[[float], float]) -> None:
        self._every = every
        self._wall = wall
        self._paths: List[Path] = []
        self._epoll = select.epoll()
        self._open: Dict[int, Any] = {}
        self.stalled = 0.0
        """When this machine was last so busy that a probe began `STALL` seconds too late."""

    def add(self, path: Path) -> None:
        """One more path. Paths begin one after the other within the distance of two probes."""
        phase = (len(self._paths) * 0.381966) % 1.0
        path.due = time.monotonic() + phase * self._every
        self._paths.append(path)

    @property
    def busy(self) -> bool:
        """Is any probe under way?"""
        return bool(self._open)

    def waits(self, moment: float) -> bool:
        """Is the outcome of any probe still unknown that began before this moment?"""
        return any(path.under_way and path.under_way[0].begun < moment for path in self._paths)

    def last(self) -> None:
        """No probe begins any more."""
        for path in self._paths:
            path.due = float("inf")

    def turn(self, longest: float) -> None:
        """Do what is due, and wait for what comes first: an answer, the next probe, or so many seconds."""
        now = time.monotonic()
        if min([path.due for path in self._paths] or [now]) < now - STALL:
            self.stalled = now
        for path in self._paths:
            if path.due <= now:
                self._begin(path)
        now = time.monotonic()
        next_due = min([path.due for path in self._paths] or [now + longest])
        for number, _ in self._epoll.poll(max(0.0, min(longest, next_due - now)), 256):
            path, sample = self._open.get(number, (None, None))
            if path is not None:
                path.finish(sample)
                if sample.done:
                    self._ended(number, path, sample)
        for path in self._paths:
            for sample in list(path.heard):
                number = sample.socket.fileno() if sample.socket is not None else -1
                path.decide(sample)
                if sample.done:
                    self._ended(number, path, sample)
        self._expire()

    def close(self) -> None:
        """Nothing is under way any more. What was is not told: it might have been answered yet."""
        for _, sample in self._open.values():
            sample.end(None)
        self._open.clear()
        self._epoll.close()

    def _begin(self, path: Path) -> None:
        now = time.monotonic()
        pace = self._pace(path, now)
        path.due = max(path.due + pace, now)
        if len(self._open) >= OPEN_MOST:
            return
        begun = time.monotonic()
        sample = Sample(self._wall(begun), begun)
        path.under_way.append(sample)
        try:
            waits = path.begin(sample)
        except Exception as error:
            sample.end(failure_from(error, "tcp").record())
            waits = False
            if isinstance(error, OSError) and error.errno in OWN_FAULTS:
                path.under_way.remove(sample)
        if not waits or sample.socket is None:
            path.hand_on()
            return
        number = sample.socket.fileno()
        self._open[number] = (path, sample)
        self._epoll.register(number, select.EPOLLIN if isinstance(path, DnsPath) else select.EPOLLOUT)

    def _pace(self, path: Path, now: float) -> float:
        oldest = path.under_way[0] if path.under_way else None
        usual = self._every if path.usual is None else max(ALARM, USUAL * path.usual)
        if oldest is not None and now - oldest.begun > usual:
            path.alarm(oldest)
        in_trouble = path.failing or (oldest is not None and now - oldest.begun > usual)
        if (in_trouble or path.volley) and sum(other.failing for other in self._paths) <= SOONER_MOST:
            if path.quick(now):
                return min(QUICK, self._every / SOONER)
            path.volley = max(0, path.volley - 1)
            return self._every / SOONER
        return self._every

    def _ended(self, number: int, path: Path, sample: Sample) -> None:
        del self._open[number]
        if sample.error is None:
            path.usual = sample.took if path.usual is None else path.usual + (sample.took - path.usual) / 8
        path.hand_on()

    def _expire(self) -> None:
        end = time.monotonic() - PATIENCE
        for path in self._paths:
            if not path.under_way or path.under_way[0].begun > end:
                continue
            for sample in path.under_way:
                if sample.begun > end:
                    break
                if sample.done or sample.socket is None:
                    continue
                number = sample.socket.fileno()
                path.finish(sample)
                path.decide(sample, now=True)
                if not sample.done:
                    icmp = icmp_error(sample.socket) if sample.socket is not None else None
                    sample.end(_failed(_errno_of(icmp), icmp) if icmp else timed_out("tcp").record())
                self._open.pop(number, None)
            path.hand_on()
