"""One HTTP request on a stream, as an observation."""

import base64
import time
from typing import Any, Dict, Optional

from netcompliance.probe.onhost import gohttp, http1
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.transports import Transport
from netcompliance.probe.onhost.visit import Visit

KEY_HEADER = "Sts-Api-Key"
"""As Go writes it on the wire."""
BODY_TYPE = ("Content-Type", "application/json")
BRIEF = 65536
"""Bytes of a head that are read of a host that has sent one without end: ten megabytes of each would take the visit."""
REFUSALS = (401, 403)
"""What a receiver may say before it has read a body."""


def authority(host: str, port: int) -> str:
    """The Host header's value."""
    return host if port == 443 else "%s:%d" % (host, port)


def head_of(
    visit: Visit, host: str, port: int, request: Dict[str, Any], length: int, key: Optional[str], *, keep: bool = False
) -> bytes:
    """The bytes before the body. `keep`: the connection is wanted again.

    A request that has headers of its own has no others but those that HTTP needs, in the order in which Go sends them.
    """
    headers = [("Host", authority(host, port))]
    own: Optional[Dict[str, str]] = request.get("headers")
    if own is None:
        headers.extend([("User-Agent", visit.plan["agent"]), ("Accept", "*/*")])
        if request["method"] != "GET":
            headers.extend([BODY_TYPE, ("Content-Length", str(length))])
    else:
        if key is not None:
            own = dict(own, **{KEY_HEADER: key})
        headers.append(("User-Agent", own["User-Agent"]))
        if request["method"] != "GET":
            headers.append(("Content-Length", str(length)))
        headers.extend((name, own[name]) for name in sorted(own) if name != "User-Agent")
    headers.append(("Accept-Encoding", "identity"))
    if not keep:
        headers.append(("Connection", "close"))
    if key is not None and own is None:
        headers.append((KEY_HEADER, key))
    query = request.get("query")
    return http1.request_head(request["method"], request["path"] + ("?" + query if query else ""), headers)


def body_of(request: Dict[str, Any]) -> bytes:
    """The request's body: as given in text, in base64 (`content`), or as bytes."""
    if "bytes" in request:
        return bytes(request["bytes"])
    if "content" in request:
        return base64.b64decode(request["content"])
    return str(request.get("body", "")).encode("utf-8")


class Target:
    """The peer of a request: how its observations name it."""

    def __init__(self, visit: Visit, task: str, host: str, port: int) -> None:
        self.visit = visit
        self.task = task
        self.host = host
        self.port = port
        self.head_limit = gohttp.MOST
        """Bytes of a head that are read; fewer once one of this host's did not end."""

    def fields(self, way: Transport) -> Dict[str, Any]:
        """The shared fields."""
        return {"host": self.host, "address": way.address, "port": self.port, "via": way.via}

    def ask(
        self, way: Transport, stream: Optional[Stream], request: Dict[str, Any], *,
        verified: bool = False, failure: Optional[Failure] = None, keep: bool = False,
    ) -> http1.Answer:  # fmt: skip
        """Send one request, or report that there was no stream for it. What came back.

        `keep`: a stream whose answer is reusable stays open.
        """
        asking = Asking(self, way, request, verified=verified)
        if stream is not None:
            failure = asking.send(stream, keep=keep)
        asking.report(failure)
        return asking.answer

    def ask_again(self, way: Transport, stream: Stream, request: Dict[str, Any]) -> Optional[http1.Answer]:
        """The same on a verified stream that was kept; None, and no report, if the peer has closed it meanwhile."""
        asking = Asking(self, way, request, verified=True)
        failure = asking.send(stream, keep=True)
        if asking.answer.never_came(failure):
            return None
        asking.report(failure)
        return asking.answer


class Asking:
    """One request on its way. With `patience` in the request, so many seconds bound the wait for its answer. A large
    one has `seconds` for all of it, and a standstill of `stall` ends it."""

    def __init__(self, target: Target, way: Transport, request: Dict[str, Any], *, verified: bool) -> None:
        self._target = target
        self._way = way
        self._request = request
        self._verified = verified
        self._at = time.time()
        self._clock = time.monotonic()
        self._body = body_of(request)
        self.length = len(self._body)
        self._unacknowledged: Optional[int] = None
        self.answer = http1.Answer(target.visit.limits["body_kept"], target.visit.limits["body_read"])

    def send(self, stream: Stream, *, keep: bool) -> Optional[Failure]:
        """Send it and read the answer. The failure, if it failed."""
        request, visit, answer = self._request, self._target.visit, self.answer
        key = visit.key if request.get("key") and self._verified else None
        limits = dict(visit.limits, head=self._target.head_limit)
        seconds = request.get("seconds", limits["exchange"])
        if "patience" in request:
            limits = dict(limits, first_byte=request["patience"], stall=request["patience"])
            seconds = min(seconds, request["patience"])
        elif "seconds" not in request:
            limits = dict(limits, stall=limits["first_byte"])
        failure: Optional[Failure] = None
        try:
            head = head_of(visit, self._target.host, self._target.port, request, len(self._body), key, keep=keep)
            deadline = Deadline(seconds)
            http1.exchange(stream, head, self._body, answer, limits, deadline)
            if "seconds" in request and answer.cut and answer.status in REFUSALS:
                self._send_rest(stream, limits["stall"], deadline)
        except Exception as problem:
            failure = failure_from(problem, "head" if answer.status is None else "body")
            if (failure.phase, failure.name) == ("head", "LIMIT"):
                self._target.head_limit = BRIEF
            self._unacknowledged = stream.unacknowledged()
        if not (keep and answer.reusable):
            stream.close()
        return failure

    def _send_rest(self, stream: Stream, stall: float, deadline: Deadline) -> None:
        """What the answer did not wait for. A peer that does not want it may end the connection."""
        try:
            http1.send_rest(stream, self._body, self.answer, stall, deadline)
        except Exception as problem:
            raise failure_from(problem, "send") from None
        finally:
            self._unacknowledged = stream.unacknowledged()

    def report(self, failure: Optional[Failure], **more: Any) -> None:
        """The observation, with more fields."""
        answer, request = self.answer, self._request
        self._target.visit.emit(
            "http", self._target.task, purpose=request["purpose"], verified=self._verified, method=request["method"],
            path=request["path"], status=answer.status, reason=answer.reason, version=answer.version,
            headers=answer.shown_headers, go_refuses=answer.refused,
            body=base64.b64encode(answer.body).decode("ascii"), body_bytes=answer.body_bytes,
            body_complete=answer.complete, request_bytes=len(self._body), sent_bytes=answer.sent_bytes,
            unacknowledged_bytes=self._unacknowledged, first_byte=answer.first_byte, at=self._at,
            seconds=time.monotonic() - self._clock, error=failure.record() if failure is not None else None,
            caller=request.get("caller"), without=request.get("without"), **dict(self._target.fields(self._way), **more)
        )  # fmt: skip
