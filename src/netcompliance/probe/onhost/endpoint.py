"""A host, looked at address by address: TCP, TLS, and the requests of the plan.

Theory of operation
* Each address is a line of its own: connect, verify, ask, on as few connections as serve. What is asked at one
  address only goes to the first that verifies. An upload has a connection of its own.
* Where the certificate does not verify, a second connection finds out who answers; requests on it carry no key.
* Where the peer is silent, the same is tried again with small segments, beside the first attempt and without waiting
  for its end: an answer to small segments alone is a path MTU black hole.
* Behind an explicit proxy there is one line, through it, and the host's own name is neither resolved nor connected to.
"""

import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from netcompliance.probe.onhost import chain, tls
from netcompliance.probe.onhost.connections import Connections
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.http1 import Answer
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.names import resolve
from netcompliance.probe.onhost.requests import Target
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.trust import identifying_context
from netcompliance.probe.onhost.visit import Visit
from netcompliance.probe.onhost.ways import SMALL_MSS, Direct, Tunnelled, Way

SMALL_UPLOAD = 1000
ANSWERED_WITH_TLS = ("VERIFY", "SSL")
"""Failures after which it is worth asking who answered."""
SMALLER = {"verify": "small-mss", "large-hello": "large-hello-small-mss"}
"""Purposes of a handshake that is tried again with small segments, and of that second one."""
UNVERIFIED = ("receiver", "sibling")
"""Purposes that are also asked of a peer whose certificate does not verify."""

Request = Dict[str, Any]
Verified = Callable[[Way, tls.TlsStream, float], None]
"""Is given the way and the stream on which a host verified first, and the seconds that it took to open."""


def start(visit: Visit, task: Dict[str, Any], verified: Optional[Verified] = None) -> None:
    """Begin with one host. `verified` is told where it verified first, and owns that stream."""
    Endpoint(visit, task, verified).start()


class Endpoint:
    """One host and port."""

    def __init__(self, visit: Visit, task: Dict[str, Any], verified: Optional[Verified] = None) -> None:
        self._visit = visit
        self._task: str = task["id"]
        self._host: str = task["host"]
        self._port: int = task["port"]
        self._requests: List[Request] = task.get("requests", [])
        self._upload: Optional[Dict[str, Any]] = task.get("upload")
        self._large: bool = task.get("large_hello", False)
        self._told = verified
        self._small_took: Optional[float] = None
        self._target = Target(visit, self._task, self._host, self._port)

    def start(self) -> None:
        """Find the way, or the ways, and look."""
        route = self._visit.route(self._task, self._host, self._port)
        if route.proxy is not None:
            way = Tunnelled(self._visit, self._task, self._host, self._port, route.proxy)
            self._visit.spawn(self._task, self._look, way)
            return
        self._visit.book.watch(self._host, self._at)
        if self._host not in self._visit.resolved_by_plan:
            self._visit.spawn(self._task, resolve, self._visit, self._task, self._host, "host")

    def _at(self, address: str) -> None:
        self._visit.spawn(self._task, self._look, Direct(self._visit, self._task, self._host, self._port, address))

    def _look(self, way: Way) -> None:
        clock = time.monotonic()
        lower = way.open_reported()
        if lower is None:
            return
        opened = lower
        stream, error = self._shake(way, "verify", self._visit.trust.verifying, lambda: opened)
        if stream is not None:
            self._go_on(way, stream, time.monotonic() - clock)
        elif error["name"] in ANSWERED_WITH_TLS:
            self._identify(way)

    def _shake(self, way: Way, purpose: str, context: Any, lower: Callable[[], Stream]) -> Any:
        """A reported handshake; with small segments beside it where the peer stays silent."""
        small = SMALLER.get(purpose)
        seconds = self._visit.limits["tls"]
        if small is None or way.via is not None:
            stream, facts = tls.secure(lower, context, self._host, seconds)
        else:
            hedge = self._visit.limits["hedge"]
            with self._visit.pool.unless_done(self._task, hedge, self._shake_small, way, small, context):
                stream, facts = tls.secure(lower, context, self._host, seconds)
        self._report(way, purpose, facts)
        return stream, facts["error"]

    def _shake_small(self, way: Way, purpose: str, context: Any) -> None:
        stream, facts = tls.secure(way.open_small, context, self._host, self._visit.limits["tls"])
        self._report(way, purpose, dict(facts, mss=SMALL_MSS))
        if stream is not None:
            stream.close()

    def _report(self, way: Way, purpose: str, facts: Dict[str, Any]) -> None:
        self._visit.emit("tls", self._task, purpose=purpose, **dict({"mss": None}, **facts), **self._target.fields(way))

    def _identify(self, way: Way) -> None:
        stream, _ = self._shake(way, "identify", identifying_context(readable=chain.ON_THE_WIRE), way.open)
        if stream is None and chain.ON_THE_WIRE:
            stream, _ = self._shake(way, "identify", identifying_context(), way.open)
        if stream is None:
            return
        wanted = [request for request in self._requests if request["purpose"] in UNVERIFIED]
        for request in wanted[1:]:
            self._visit.spawn(self._task, self._ask_unverified, way, request)
        if wanted:
            self._target.ask(way, stream, wanted[0])
        else:
            stream.close()

    def _ask_unverified(self, way: Way, request: Request) -> None:
        stream, failure = self._connect(way.open, identifying_context())
        self._target.ask(way, stream, request, failure=failure)

    def _go_on(self, way: Way, stream: tls.TlsStream, took: float) -> None:
        """The certificate verified: ask everything that the plan has for this address."""
        spawn, task = self._visit.spawn, self._task
        if chain.ON_THE_WIRE:
            spawn(task, self._read_chain, way)
        if self._told is not None and self._visit.first("verified", self._host, self._port):
            self._told(way, stream, took)
            return
        possible = [request for request in self._requests if self._visit.key is not None or not request.get("key")]
        requests = [request for request in possible if request["at"] == "each"]
        if self._visit.first("one", self._host, self._port):
            requests.extend(request for request in possible if request["at"] == "one")
            if self._upload is not None:
                spawn(task, self._uploads, way, self._upload)
        if self._large:
            spawn(task, self._large_hello, way)
        if not requests:
            stream.close()
            return
        limits = self._visit.limits
        connections = Connections(limits["parallel"], limits["hedge"], len(requests))
        connections.add(stream, took)
        self._ask_on_kept(way, connections, *requests)

    def _read_chain(self, way: Way) -> None:
        """Where the interpreter gives only the leaf: once more, with a TLS version that shows the chain."""
        stream, _ = self._shake(way, "identify", identifying_context(readable=True), way.open)
        if stream is not None:
            stream.close()

    def _large_hello(self, way: Way) -> None:
        stream, error = self._shake(way, "large-hello", self._visit.trust.large, way.open)
        if stream is not None:
            stream.close()
        elif error["name"] != "TIMEOUT" and way.via is None:
            self._shake_small(way, "large-hello-small-mss", self._visit.trust.large)

    def _ask_on_kept(self, way: Way, connections: Connections, request: Request, *others: Request) -> None:
        """Ask, and all others once this one has its connection."""
        with connections.lease() as lease:
            for other in others:
                self._visit.spawn(self._task, self._ask_on_kept, way, connections, other)
            stream, answer = lease.kept, None
            if stream is not None:
                answer = self._target.ask_again(way, stream, request)
            if answer is None:
                stream, failure = self._connect(way.open, self._visit.trust.verifying)
                lease.opened()
                answer = self._target.ask(way, stream, request, verified=True, failure=failure, keep=True)
            lease.kept = stream if answer.reusable else None

    def _ask(self, way: Way, request: Request, open_lower: Callable[[], Stream]) -> Answer:
        stream, failure = self._connect(open_lower, self._visit.trust.verifying)
        return self._target.ask(way, stream, request, verified=True, failure=failure)

    def _connect(
        self, open_lower: Callable[[], Stream], context: Any
    ) -> Tuple[Optional[tls.TlsStream], Optional[Failure]]:
        """An unreported stream for one request, or the failure that the request then reports."""
        lower: Optional[Stream] = None
        try:
            lower = open_lower()
            stream = tls.TlsStream(lower, context, self._host)
            stream.handshake(Deadline(self._visit.limits["tls"]))
        except Exception as error:
            if lower is not None:
                lower.close()
            return None, failure_from(error, "tls")
        return stream, None

    def _uploads(self, way: Way, upload: Dict[str, Any]) -> None:
        """A small upload as the control; beside it growing ones, each only if the one before came through.

        Silence after the time that the small one took is a matter of size: the same is tried in small segments.
        """
        request: Request = {"purpose": "upload", "method": "POST", "path": upload["path"]}
        self._visit.spawn(self._task, self._control_upload, way, dict(request, purpose="small-upload"))
        for size in upload["sizes"]:
            full = dict(request, body_bytes=size)
            patience = self._visit.limits["hedge"] + (self._small_took or 0.0)
            with self._visit.pool.unless_done(self._task, patience, self._upload_small_mss, way, full):
                answer = self._ask(way, full, way.open)
            if not answer.complete or answer.status == 413 or answer.sent_bytes < size:
                if answer.status is None:
                    self._upload_small_mss(way, full)
                return

    def _control_upload(self, way: Way, request: Request) -> None:
        answer = self._ask(way, dict(request, body_bytes=SMALL_UPLOAD), way.open)
        self._small_took = answer.first_byte

    def _upload_small_mss(self, way: Way, request: Request) -> None:
        """Once, beside a stalled upload or after it; never where a small upload is not answered either."""
        if way.via is None and self._small_took is not None and self._visit.first("upload-small-mss", self._host):
            self._ask(way, dict(request, purpose="upload-small-mss"), way.open_small)
