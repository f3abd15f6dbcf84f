"""Many short connections to one address, each from a port of its own: does a share of them get lost, or hang?

Theory of operation
* What looks like one way may be several: links of equal cost, firewalls of a cluster, queues. Which one a connection
  takes depends on its ports, and stays. TRIES ports miss one way in sixteen with a chance of 1 %: (15/16) ** 72.
* Three things look alike at first: a way that swallows its share (always the same ports), loss (any packet), and a
  limit on new connections (ours, since they are many at once). So where any try did not open at once, those that did
  not are tried again from the same ports after a pause, and slowly, beside tries from new ports.
* A SYN that the kernel repeats takes the same way. Only another port is another try.

* A device that lets TCP open and has one bad leg behind shows only to what is sent. So each connection that opens sends
  a ClientHello, which is answered at little cost (`keyless-hello`), and is closed with the first byte of any answer.

Rules
* Tries are paced, with few under way.
* An address that answers nothing is not tried any further once the first of the tries has had its time.
"""

import errno
import os
import select
import socket
import time
from typing import Any, Dict, List, Optional, Tuple

from netcompliance.probe.onhost.dial import begin, free_at_close, syns_sent
from netcompliance.probe.onhost.visit import Visit

TRIES = 72
PLENTY = ((8, TRIES), (16, 24))
"""So many addresses get so many tries; the number of all is bounded."""
FEW = 4
PACE = 0.01
PATIENCE = 2.3
"""Seconds for a try in a row: the kernel repeats its SYN after one second."""
AT_ONCE = 24
"""Tries under way, at most."""
PAUSE = 0.5
CALM = 8
"""How many of those that did not open are tried again, and how many new ones beside them."""
CALM_PACE = 0.2
CALM_PATIENCE = 1.2
SLOWER = 2
"""Where answers take long, these tries are given so many times as long as the slowest of them took."""
SINGLE = 3
SINGLE_PACE = 1.0
MORE_ROUNDS = 4
MOST_ROUNDS = 16
UNLIKELY = 1e-3
"""Where many packets get lost, there are more rounds, until loss explains as few silent ports as this."""
MORE_PATIENCE = 0.7
SUSPICIOUS = 2
"""So many repeated SYNs are worth a second look."""


class Try:
    """One connection: from which port, and what came of it. `hello` is what it sends once it is open."""

    __slots__ = ("begun", "error", "hello", "opening", "port", "seconds", "silence", "syns", "waited")

    def __init__(self, port: int, hello: bytes) -> None:
        self.port = port
        self.hello = hello
        self.opening: Optional[socket.socket] = None
        self.begun = time.monotonic()
        self.seconds = 0.0
        self.syns: Optional[int] = None
        self.error: Optional[str] = None
        """Why it did not open."""
        self.silence: Optional[str] = None
        """Why it opened and got no byte of an answer."""
        self.waited = 0.0
        """Seconds from its opening to the answer, or to its end."""

    def begin(self, address: str, port: int) -> bool:
        """Send the SYN; is it still under way?"""
        try:
            self.opening, waiting = begin(address, port, source_port=self.port)
            self.port = int(self.opening.getsockname()[1])
        except OSError as error:
            self.error = _name(error.errno or 0)
            return False
        return waiting or not self.heard()

    def heard(self) -> bool:
        """There is something to see: has it come to its end?"""
        assert self.opening is not None
        if self.syns is not None:
            self.end(None)
            return True
        code = self.opening.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code or not self.hello:
            self.end(_name(code) if code else None)
            return True
        self._opened()
        try:
            self.opening.send(self.hello)
        except OSError as error:
            self.end(_name(error.errno or 0))
            return True
        return False

    def _opened(self) -> None:
        assert self.opening is not None
        self.seconds = time.monotonic() - self.begun
        self.syns = syns_sent(self.opening) or 1

    def end(self, error: Optional[str]) -> None:
        """It is over, by this error or with an answer."""
        assert self.opening is not None
        if self.syns is not None:
            self.waited = time.monotonic() - self.begun - self.seconds
            self.silence = error or self._nothing()
            if self.silence:
                free_at_close(self.opening)
        else:
            self.error = error
            self.seconds = time.monotonic() - self.begun
            self.syns = syns_sent(self.opening)
        self.opening.close()

    def _nothing(self) -> Optional[str]:
        """Why there is no byte to read, if there is none."""
        assert self.opening is not None
        try:
            return None if self.opening.recv(1 << 14) else "EOF"
        except OSError as error:
            return _name(error.errno or 0)


def _name(code: int) -> str:
    return errno.errorcode.get(code, "E%d" % code)


def look(
    visit: Visit, task: str, host: str, port: int, address: str, *, hello: bytes = b"", alone: bool = False
) -> None:
    """The `shares` observation of an address; `alone` if nothing else is done there, with a `tcp` observation too."""
    at, clock = time.time(), time.monotonic()
    look = Look(visit, address, port, hello)
    first = look.round([0] * _tries(visit, host), PACE, PATIENCE)
    if alone:
        _report_one(visit, task, host, port, address, at, first)
    opened = [each for each in first if each.error is None]
    failed = [each for each in first if each.error is not None]
    hung = [each for each in opened if each.silence]
    if len(hung) == len(opened):
        hung = []
    answered = opened or visit.has_reached(address, port)
    again: List[Try] = []
    calm: List[Try] = []
    single: List[Try] = []
    if answered and (failed or hung or sum((each.syns or 1) - 1 for each in opened) >= SUSPICIOUS):
        time.sleep(PAUSE)
        longest = max([each.waited for each in opened if not each.silence] or [0.0])
        again, calm = look.calmly(failed, hung, max(CALM_PATIENCE, SLOWER * longest))
        if sum(each.error is None for each in calm) * 4 <= len(calm):
            time.sleep(PAUSE)
            single = look.round([0] * SINGLE, SINGLE_PACE, SINGLE_PACE)
        elif _repeated(opened + [each for each in calm if each.error is None]):
            look.insist(again, _lost(first, again, calm))
    late = [each for each in first if failed and each.begun > failed[0].begun]
    took = sorted(each.seconds for each in opened)
    were_hung = {each.port for each in hung}
    visit.emit(
        "shares", task, host=host, address=address, port=port, via=None, at=at, seconds=time.monotonic() - clock,
        tries=len(first), opened=len(opened), late=len(late), opened_late=sum(each.error is None for each in late),
        fastest=took[0] if took else None, median=took[len(took) // 2] if took else None,
        repeated=_repeated(opened), unopened=[[each.port, each.error, each.syns or 1] for each in failed],
        again=[[each.port, each.error or "", each.syns or 1] for each in again if each.port not in were_hung],
        calm=_sum(calm), single=_sum(single), answers=_answers(opened, calm) if hello else None,
        hung=[[each.port, each.silence] for each in opened if each.silence],
        hung_again=[[each.port, each.silence or each.error or ""] for each in again if each.port in were_hung],
        error=None,
    )  # fmt: skip


def _answers(opened: List[Try], calm: List[Try]) -> Dict[str, Any]:
    """How many got one, how many of the slow ones beside those that are tried again, and the seconds of the last."""
    answered = [each for each in opened if not each.silence]
    calmly = [each for each in calm if each.error is None]
    return {
        "got": len(answered), "calm": [len(calmly), sum(not each.silence for each in calmly)],
        "slowest": max([each.waited for each in answered] or [0.0]),
    }  # fmt: skip


def _tries(visit: Visit, host: str) -> int:
    number = visit.count("shares", host)
    return next((tries for most, tries in PLENTY if number <= most), FEW)


def _repeated(opened: List[Try]) -> int:
    """SYNs that had to be sent again before these opened."""
    return sum((each.syns or 1) - 1 for each in opened)


def _lost(first: List[Try], again: List[Try], calm: List[Try]) -> float:
    """The share of SYNs that got no answer, of ports that opened sooner or later."""
    opened = [each for each in first + again + calm if each.error is None]
    later = {each.port for each in again if each.error is None}
    in_vain = _repeated(opened) + sum(each.syns or 1 for each in first if each.error is not None and each.port in later)
    return in_vain / float(in_vain + len(opened) or 1)


class Look:
    """Tries of connections to one address."""

    def __init__(self, visit: Visit, address: str, port: int, hello: bytes) -> None:
        self._visit = visit
        self._address = address
        self._port = port
        self._hello = hello

    def calmly(self, failed: List[Try], hung: List[Try], patience: float) -> Tuple[List[Try], List[Try]]:
        """What failed, from the same ports once more, and as many new ones; slowly."""
        most = CALM // 2 if failed and hung else CALM
        chosen = _some(failed, most) + _some(hung, most)
        ports = [port for each in chosen for port in (each.port, 0)] + [0] * (CALM - len(chosen))
        tried = self.round(ports, CALM_PACE, patience)
        same = {each.port for each in chosen}
        return [each for each in tried if each.port in same], [each for each in tried if each.port not in same]

    def insist(self, again: List[Try], lost: float) -> None:
        """What did not open the second time either, from the same port some more times. `lost`: the share of SYNs."""
        for number in range(MOST_ROUNDS):
            still = {each.port: each for each in again if each.error}
            if number >= MORE_ROUNDS and all(TRIES * lost ** (each.syns or 1) < UNLIKELY for each in still.values()):
                return
            for more in self.round(sorted(still), PACE, MORE_PATIENCE):
                still[more.port].error = more.error
                still[more.port].syns = (still[more.port].syns or 1) + (more.syns or 1)

    def round(self, ports: List[int], pace: float, patience: float) -> List[Try]:
        """A try from each of these source ports (0: whichever the kernel gives), in the order of their beginning.

        In a row, none is begun any more once one has been given up.
        """
        tries: List[Try] = []
        under_way: Dict[int, Try] = {}
        poller = select.poll()
        waiting = list(ports)
        due = time.monotonic()
        while waiting or under_way:
            now = time.monotonic()
            if waiting and due <= now and len(under_way) < AT_ONCE:
                due = max(due + pace, now)
                one = Try(waiting.pop(0), self._hello)
                tries.append(one)
                if one.begin(self._address, self._port) and one.opening is not None:
                    under_way[one.opening.fileno()] = one
                    poller.register(one.opening, select.POLLOUT if one.syns is None else select.POLLIN)
                elif one.error is None:
                    self._visit.tries_from(one.port)
                continue
            oldest = min([one.begun + one.seconds for one in under_way.values()] or [now]) + patience
            soon = min(due, oldest) if waiting and len(under_way) < AT_ONCE else oldest
            for number, _ in poller.poll(max(0.0, soon - now) * 1000 + 0.5):
                one = under_way[number]
                self._visit.tries_from(one.port)
                if one.heard():
                    del under_way[number]
                    poller.unregister(number)
                else:
                    poller.modify(number, select.POLLIN)
            now = time.monotonic()
            for number in [number for number, one in under_way.items() if one.begun + one.seconds + patience <= now]:
                one = under_way.pop(number)
                poller.unregister(number)
                one.end("TIMEOUT")
                if pace == PACE and not any(ports):
                    waiting = []
        return tries


def _some(tries: List[Try], most: int) -> List[Try]:
    """Of many, so many that stand for all."""
    few = min(most, len(tries))
    return [tries[place * len(tries) // few] for place in range(few)]


def _sum(tries: List[Try]) -> Optional[Dict[str, int]]:
    opened = [each for each in tries if each.error is None]
    return {"tries": len(tries), "opened": len(opened), "repeated": _repeated(opened)} if tries else None


def _report_one(visit: Visit, task: str, host: str, port: int, address: str, at: float, tries: List[Try]) -> None:
    """The `tcp` observation of an address at which nothing else is done: the best of its tries."""
    best = next((each for each in tries if each.error is None), tries[0])
    failure: Optional[Dict[str, Any]] = None
    if best.error is not None:
        number = getattr(errno, best.error, 0)
        failure = {
            "phase": "tcp",
            "name": best.error,
            "text": os.strerror(number) if number else "no answer to the SYN",
        }
    visit.emit(
        "tcp", task, host=host, via=None, address=address, port=port, source=None, syns=best.syns, at=at,
        ports=len(tries), family=6 if ":" in address else 4, seconds=best.seconds, full=False, error=failure,
    )  # fmt: skip
