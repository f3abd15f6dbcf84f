"""Some more connections to a host, each with a handshake and one small request: does a share of them hang after all, or
get something else than the others?

Theory of operation
* A device that looks into connections may lose them later than at the ClientHello (`shares`): when the handshake is
  over and the first request passes. That shows to whole exchanges alone, and each costs the service a signature. So
  `TRIES` are shared among the addresses of a host that are of the same version of IP, enough to meet one bad leg in
  sixteen with a chance of 99 %, but each address gets `FEWEST` at least.
* One of several servers behind the address may be broken or another. So what most of them answer is the usual, by
  status and type, and what gets another answer is as doubtful as what gets none.
* What is doubtful is tried again from the same source port, after a pause and beside others from new ports: one
  after the other where connections are cut, since the peer may limit how many there are at once. A server may be chosen
  without regard to ports: where answers differ, there are more of those others.
* Who limits the rate of requests is left alone as soon as it says so: nothing more is tried then.
* A port whose handshake does not verify twice is used once more, to find out who is there: `SHARE`, `SHARE_IDENTIFY`.
"""

import re
import select
import socket
import threading
import time
from collections import Counter
from typing import Any, Dict, List, Optional, Tuple

from netcompliance.probe.onhost import chain, tls
from netcompliance.probe.onhost.dial import begin, free_at_close
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.requests import head_of
from netcompliance.probe.onhost.streams import TcpStream
from netcompliance.probe.onhost.trust import identifying_context
from netcompliance.probe.onhost.visit import Visit

TRIES = 72
FEWEST = 12
LANES = 4
"""Exchanges with one address at once."""
PATIENCE = 2.5
"""Seconds for each of the steps: to open, to shake hands, to get the first byte, and the rest of the head."""
LONGEST = 5.0
"""Seconds in which exchanges begin."""
PAUSE = 0.5
AGAIN = 8
"""How many of the doubtful are tried again, and how many new ones beside them,"""
BESIDE = 32
"""and how many where answers differ."""
THROTTLED = "429"
HEAD = 16384
"""Bytes of an answer's head that are read."""
SHARE, SHARE_IDENTIFY = "share", "share-identify"
"""Purposes of handshakes from a port that does not verify: as the others, and with whoever is there."""

STATUS = re.compile(rb"HTTP/1\.[01] (\d\d\d)[^\n]*\n")
TYPE = re.compile(rb"\ncontent-type:[ \t]*([\w.+/-]{0,60})", re.IGNORECASE)
HEAD_END = re.compile(rb"\n\r?\n")

Outcome = Tuple[int, str, str, str]
"""Source port, phase and name of the error, both empty for an answer, and which kind of answer it is."""


def kind_in(data: bytes) -> Optional[str]:
    """Status and type of the answer that begins so; empty if it is no HTTP, `None` while its head is not whole."""
    while True:
        end, status = HEAD_END.search(data), STATUS.match(data)
        if end is None:
            return None
        if status is None:
            return ""
        if status.group(1)[:1] != b"1":
            kind = TYPE.search(data, 0, end.end())
            return (status.group(1) + b" " + (kind.group(1).lower() if kind else b"")).decode("ascii").strip()
        data = data[end.end() :]


class Exchanges:
    """Those with one address."""

    def __init__(self, visit: Visit, task: str, host: str, port: int, address: str) -> None:
        self._visit = visit
        self._task = task
        self._host = host
        self._port = port
        self._address = address
        self._lock = threading.Lock()
        self._slowest = 0.0
        self._kinds: Dict[str, int] = {}
        self._limited = False
        """Has the peer said that these are too many requests?"""

    def look(self, request: Dict[str, Any]) -> None:
        """The `exchanges` observation."""
        at, clock = time.time(), time.monotonic()
        head = head_of(self._visit, self._host, self._port, request, 0, None)
        of_its_version = ((":" in each) == (":" in self._address) for each in self._visit.book.known(self._host))
        known = sum(of_its_version) or 1
        first = self._side_by_side([0] * max(FEWEST, -(-TRIES // known)), head, LANES)
        stuck = [each for each in first if each[1]]
        kinds = Counter(kind for _, _, _, kind in first if kind)
        usual = max(sorted(kinds), key=lambda kind: kinds[kind]) if kinds else ""
        odd = [each for each in first if each[3] not in ("", usual)]
        again: List[Outcome] = []
        calm: List[Outcome] = []
        doubtful = sorted(stuck + odd)
        if doubtful and len(doubtful) < len(first) and not self._limited:
            time.sleep(PAUSE)
            few = min(AGAIN, len(doubtful))
            ports = [doubtful[place * len(doubtful) // few][0] for place in range(few)]
            lanes = 2 * AGAIN if any(each[2] == "TIMEOUT" for each in stuck) else 1
            in_turn = [port for each in ports for port in (each, 0)] + [0] * ((BESIDE if odd else AGAIN) - few)
            tried = self._side_by_side(in_turn, head, lanes)
            again = [each for each in tried if each[0] in ports]
            calm = [each for each in tried if each[0] not in ports]
        others = [port for port, _, _, _ in odd]
        self._visit.emit(
            "exchanges", self._task, host=self._host, address=self._address, port=self._port, via=None, at=at,
            seconds=time.monotonic() - clock, tries=len(first), answered=len(first) - len(stuck),
            slowest=self._slowest, stuck=[list(each[:3]) for each in stuck],
            stuck_again=[list(each[:3]) for each in again if each[0] not in others],
            beside=[len(calm), sum(not each[1] for each in calm)], usual=usual,
            odd=[[port, kind] for port, _, _, kind in odd],
            odd_again=[[port, kind or name] for port, _, name, kind in again if port in others],
            beside_odd=[[port, kind] for port, _, _, kind in calm if kind not in ("", usual)], error=None,
        )  # fmt: skip
        self._identify([port for port, phase, name, _ in again if (phase, name) == ("tls", "VERIFY")])

    def _identify(self, ports: List[int]) -> None:
        """Who is there, where a share does not verify: by the first of these ports that is free and does not again."""
        for port in ports:
            if self._shake(SHARE, self._visit.trust.verifying, port) == "VERIFY":
                self._shake(SHARE_IDENTIFY, identifying_context(readable=chain.ON_THE_WIRE), port)
                return

    def _shake(self, purpose: str, context: Any, port: int) -> str:
        """A reported handshake from this port. The name of its error."""

        def opened() -> TcpStream:
            connection = _open(self._address, self._port, port)
            if connection is None:
                raise Failure("tcp", "EADDRNOTAVAIL", "the port is not free")
            free_at_close(connection)
            self._visit.owns(port, 0.0)
            return TcpStream(connection)

        stream, facts = tls.secure(opened, context, self._host, PATIENCE)
        if stream is not None:
            stream.close()
        if facts["chain"]:
            facts.update(self._visit.anchors.unsent(facts["chain"]))
        self._visit.emit(
            "tls", self._task, purpose=purpose, mss=None, host=self._host, address=self._address, port=self._port,
            via=None, **facts
        )  # fmt: skip
        return str((facts["error"] or {}).get("name", ""))

    def _side_by_side(self, ports: List[int], head: bytes, lanes: int) -> List[Outcome]:
        """An exchange from each of these source ports (0: whichever the kernel gives), as far as there is time."""
        left = list(ports)
        done: List[Outcome] = []
        deadline = Deadline(LONGEST)
        over = threading.Condition(self._lock)
        running = [min(lanes, len(left))]

        def lane() -> None:
            try:
                while True:
                    with over:
                        if not left or deadline.left() <= 0 or self._limited:
                            return
                        port = left.pop(0)
                    outcome = self._exchange(port, head)
                    if outcome is not None:
                        with over:
                            done.append(outcome)
            finally:
                with over:
                    running[0] -= 1
                    over.notify_all()

        for _ in range(running[0]):
            self._visit.background(lane)
        with over:
            over.wait_for(lambda: not running[0], LONGEST + 4 * PATIENCE + 1)
            return sorted(done)

    def _exchange(self, port: int, head: bytes) -> Optional[Outcome]:
        """One exchange; `None` if there was no connection for it."""
        opened = _open(self._address, self._port, port)
        if opened is None:
            return None
        clock = time.monotonic()
        port = int(opened.getsockname()[1])
        self._visit.owns(port, 0.0)
        lower = TcpStream(opened)
        phase = "tls"
        try:
            stream = tls.TlsStream(lower, self._visit.trust.verifying, self._host)
            stream.handshake(Deadline(PATIENCE))
            phase = "head"
            stream.send(head, Deadline(PATIENCE), "send")
            data = stream.recv(Deadline(PATIENCE), "head")
            if not data:
                return port, phase, "EOF", ""
            took = time.monotonic() - clock
            kind = _kind_of(stream, data)
            if self._differs(kind):
                free_at_close(opened)
        except Exception as error:
            free_at_close(opened)
            return port, phase, failure_from(error, phase).name, ""
        finally:
            lower.close()
        with self._lock:
            self._slowest = max(self._slowest, took)
        return port, "", "", kind

    def _differs(self, kind: str) -> bool:
        """Is this another kind than most so far? Then its port may be wanted again."""
        with self._lock:
            self._limited = self._limited or kind.startswith(THROTTLED)
            self._kinds[kind] = self._kinds.get(kind, 0) + 1
            return kind != max(self._kinds, key=self._kinds.__getitem__)


def _kind_of(stream: tls.TlsStream, data: bytes) -> str:
    """Which kind of answer it is that begins so; empty if that is not known."""
    deadline = Deadline(PATIENCE)
    try:
        while True:
            kind = kind_in(data)
            more = stream.recv(deadline, "head") if kind is None and len(data) < HEAD else b""
            if not more:
                return kind or ""
            data += more
    except Exception:
        return ""


def _open(address: str, port: int, source: int) -> Optional[socket.socket]:
    """A connection from this source port (0: any); `None` if it did not open."""
    try:
        opening, under_way = begin(address, port, source_port=source)
    except OSError:
        return None
    poller = select.poll()
    poller.register(opening, select.POLLOUT)
    silent = under_way and not poller.poll(PATIENCE * 1000)
    if silent or opening.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        opening.close()
        return None
    return opening
