"""Many CONNECTs to one host, each closed at once: does the proxy refuse a share of them, or leave it unanswered?

Theory of operation
* What looks like one proxy may be several. TRIES connections miss one node in sixteen with a chance of 0.3 %.
* Many CONNECTs in a row may meet a limit that no agent meets. So where any is not granted, as many are tried again as
  miss a share of that size with a chance of 0.5 %, and slowly.
* A proxy that takes long for the first CONNECT is not asked often.
* A tunnel that is granted may lead nowhere. So a ClientHello goes through it, which is answered at little cost, and it
  is closed with the first byte of any answer.

Rules
* At most AT_ONCE CONNECTs are under way, and none is begun after its series is over.
* What is neither granted nor refused within its patience counts as unanswered.
"""

import math
import threading
import time
from typing import Any, Dict, List

from netcompliance.probe.onhost import tunnel
from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.route import Proxy
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.visit import Visit

TRIES = 90
FEW = 6
SLOW = 1.0
"""Seconds for a CONNECT, from which on only FEW are tried."""
PACE = 0.015
CALM_PACE = 0.05
AT_ONCE = 24
BEGINNING = 3.0
"""Seconds after which none of the first series is begun any more."""
SETTLED = 1.0
"""Seconds after the last was begun, in which a quick proxy has answered."""
PAUSE = 0.5
PATIENCE = 7.0
WHOLE = 9.0
"""Seconds for both series together."""
CALM = (8, 83)
MISSED = 0.005
SHOWN = 3
"""So many kinds of refusals are shown, each once."""

Facts = Dict[str, Any]


class Series:
    """Some CONNECTs, begun one after the other."""

    def __init__(self, visit: Visit, task: str, proxy: Proxy, host: str, port: int, hello: bytes) -> None:
        self._visit = visit
        self._hello = hello
        self._where = (task, proxy, host, port)
        self._change = threading.Condition()
        self._under_way = 0
        self.begun = 0
        self.granted: List[float] = []
        """Seconds that each took."""
        self.carried = 0
        """Tunnels in which something came back."""
        self.failed: List[Facts] = []

    @property
    def open(self) -> int:
        """How many have not been granted so far, or have carried nothing."""
        return self.begun - self.carried

    def begin(self, count: int, pace: float, until: float, end: float) -> None:
        """Begin so many, unless it gets too late for it; each has until `end`, and its patience at most."""
        due = time.monotonic()
        for _ in range(count):
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due + pace, time.monotonic())
            with self._change:
                self._change.wait_for(lambda: self._under_way < AT_ONCE, max(0.0, until - time.monotonic()))
                if self._under_way >= AT_ONCE or time.monotonic() >= until:
                    return
                self._under_way += 1
                self.begun += 1
            self._visit.spawn(self._where[0], self._ask, min(PATIENCE, end - time.monotonic()))

    def wait(self, seconds: float) -> None:
        """Until all have ended, or so long."""
        with self._change:
            self._change.wait_for(lambda: not self._under_way, max(0.0, seconds))

    def _ask(self, seconds: float) -> None:
        task, proxy, host, port = self._where
        deadline = Deadline(seconds)
        stream, facts = tunnel.connect(self._visit, task, proxy, host, port, seconds)
        carried = stream is not None and self._carries(stream, deadline)
        with self._change:
            self.carried += carried
            self._under_way -= 1
            if stream is not None:
                self.granted.append(facts["seconds"])
            else:
                self.failed.append(facts)
            self._change.notify_all()

    def _carries(self, stream: Stream, deadline: Deadline) -> bool:
        """Does anything come back through a tunnel? It is closed then."""
        try:
            if not self._hello:
                return True
            stream.send(self._hello, deadline, "tls")
            return bool(stream.recv(deadline, "tls"))
        except (Failure, OSError):
            return False
        finally:
            stream.close()


def look(visit: Visit, task: str, proxy: Proxy, host: str, port: int, took: float, hello: bytes = b"") -> None:
    """The `shares` observation of the way through the proxy, whose first CONNECT took so many seconds."""
    at, clock = time.time(), time.monotonic()
    end = clock + WHOLE
    first, calm = (Series(visit, task, proxy, host, port, hello) for _ in range(2))
    first.begin(FEW if took >= SLOW else TRIES, PACE, clock + BEGINNING, end)
    first.wait(SETTLED if took < SLOW else end - time.monotonic())
    if first.open and took < SLOW:
        time.sleep(PAUSE)
        calm.begin(enough(first.open / first.begun), CALM_PACE, end - 2 * SETTLED, end)
    first.wait(end - time.monotonic())
    calm.wait(end - time.monotonic())
    for facts in _kinds(first.failed + calm.failed):
        visit.emit("proxy", task, host=host, port=port, address=None, via=proxy.url, series=True, **facts)
    seconds = sorted(first.granted)
    visit.emit(
        "shares", task, host=host, address=None, port=port, via=proxy.url, at=at, seconds=time.monotonic() - clock,
        tries=first.begun, opened=len(first.granted), carried=first.carried if hello else None,
        late=0, opened_late=0, repeated=0,
        fastest=seconds[0] if seconds else None, median=seconds[len(seconds) // 2] if seconds else None,
        unopened=[[facts["status"] or 0, facts["error"]["name"], 1] for facts in first.failed], again=[],
        calm=_calm(calm) if calm.begun else None, single=None,
        error=None,
    )  # fmt: skip


def _calm(series: Series) -> Dict[str, int]:
    granted = len(series.granted)
    return {"tries": series.begun, "opened": granted, "carried": series.carried, "repeated": 0}


def enough(share: float) -> int:
    """So many tries miss a share of this size with a chance of MISSED."""
    least, most = CALM
    return most if share <= 0 else max(least, min(most, math.ceil(math.log(MISSED) / math.log(1 - min(share, 0.99)))))


def _kinds(failed: List[Facts]) -> List[Facts]:
    """The first failure of each kind."""
    found: Dict[Any, Facts] = {}
    for facts in failed:
        found.setdefault((facts["status"], facts["error"]["name"]), facts)
    return list(found.values())[:SHOWN]
