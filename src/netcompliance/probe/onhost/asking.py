"""Requests to one host over verified TLS, on as few connections as serve.

While answers come quickly, all requests to an address go one after the other over one connection. As soon as one keeps
us waiting, those that are left go side by side.
"""

import threading
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence, Tuple

from netcompliance.probe.onhost import tls
from netcompliance.probe.onhost.connections import Connections
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.http1 import Answer
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.requests import Target
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.transports import Transport
from netcompliance.probe.onhost.visit import Visit

QUICK = 0.3
"""Seconds for an answer. Whoever takes longer is asked several things at once."""
LOOKS = 4
"""So many times as long, all answers may take."""

Request = Dict[str, Any]
Noted = Callable[[Request, Answer], None]


class Asker:
    """Who asks one host."""

    def __init__(self, visit: Visit, task: str, target: Target) -> None:
        self.visit = visit
        self.task = task
        self.target = target

    def connect(
        self, open_lower: Callable[[], Stream], context: Any = None
    ) -> Tuple[Optional[tls.TlsStream], Optional[Failure]]:
        """An unreported stream, verified unless there is another context; or the failure that the request reports."""
        lower: Optional[Stream] = None
        try:
            lower = open_lower()
            stream = tls.TlsStream(lower, context or self.visit.trust.verifying, self.target.host)
            stream.handshake(Deadline(self.visit.limits["tls"]))
        except Exception as error:
            if lower is not None:
                lower.close()
            return None, failure_from(error, "tls")
        return stream, None

    def on(self, way: Transport, stream: Optional[Stream], request: Request) -> Tuple[Optional[Stream], Answer]:
        """Ask on this stream, or on a new one if there is none or the peer has closed it. What can be used again."""
        answer = self.target.ask_again(way, stream, request) if stream is not None else None
        if answer is None:
            stream, failure = self.connect(way.open)
            answer = self.target.ask(way, stream, request, verified=True, failure=failure, keep=True)
        return (stream if answer.reusable else None), answer

    def side_by_side(self, way: Transport, connections: Connections, requests: Sequence[Request], noted: Noted) -> None:
        """Ask all of them at once, as far as the connections allow."""
        for request in requests:
            self.visit.spawn(self.task, self._on_kept, way, connections, request, noted)

    def _on_kept(self, way: Transport, connections: Connections, request: Request, noted: Noted) -> None:
        with connections.lease() as lease:
            answer = self.target.ask_again(way, lease.kept, request) if lease.kept is not None else None
            if answer is None:
                stream, failure = self.connect(way.open)
                lease.opened()
                answer = self.target.ask(way, stream, request, verified=True, failure=failure, keep=True)
                lease.kept = stream
            lease.kept = lease.kept if answer.reusable else None
        noted(request, answer)


class Round:
    """Some requests to one address. `noted` is told each answer, by whichever thread has it."""

    def __init__(self, asker: Asker, way: Transport, requests: Sequence[Request], noted: Noted) -> None:
        self._asker = asker
        self._way = way
        self._left: Deque[Request] = deque(requests)
        self._noted = noted
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._answered = 0
        self.hurried = False
        """Whether the peer was too slow to be asked one thing after the other."""

    def ask(self, stream: Optional[Stream], took: float) -> Optional[Stream]:
        """Ask, beginning on this stream, whose opening took so long. What can be used again when all is answered."""
        self._asker.visit.spawn(self._asker.task, self._hurry, took)
        try:
            while True:
                request = self._next()
                if request is None:
                    return stream
                stream, answer = self._asker.on(self._way, stream, request)
                self._answered += 1
                self._noted(request, answer)
        finally:
            self._over.set()

    def _next(self) -> Optional[Request]:
        with self._lock:
            return self._left.popleft() if self._left else None

    def _hurry(self, took: float) -> None:
        """Wait until all is over, or until an answer takes too long."""
        before = -1
        for _ in range(LOOKS):
            if self._over.wait(QUICK) or self._answered == before:
                break
            before = self._answered
        with self._lock:
            rest: List[Request] = list(self._left)
            self._left.clear()
            self.hurried = self.hurried or not self._over.is_set()
        if rest:
            limits = self._asker.visit.limits
            connections = Connections(limits["parallel"], limits["hedge"], len(rest), took)
            self._asker.side_by_side(self._way, connections, rest, self._noted)
