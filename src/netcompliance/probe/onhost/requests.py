"""One HTTP request on a stream, as an observation."""

import base64
import time
from typing import Any, Dict, Optional

from netcompliance.probe.onhost import http1
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.visit import Visit
from netcompliance.probe.onhost.ways import Way

KEY_HEADER = "sts-api-key"
FRAME = (b'{"netcompliance": "', b'"}')
BODY_TYPE = ("Content-Type", "application/json")


def authority(host: str, port: int) -> str:
    """The Host header's value."""
    return host if port == 443 else "%s:%d" % (host, port)


def head_of(
    visit: Visit, host: str, port: int, request: Dict[str, Any], length: int, key: Optional[str], *, keep: bool = False
) -> bytes:
    """The bytes before the body. `keep`: the connection is wanted again."""
    headers = [
        ("Host", authority(host, port)),
        ("User-Agent", visit.plan["agent"]),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
    ]
    if not keep:
        headers.append(("Connection", "close"))
    if request["method"] != "GET":
        headers.extend([BODY_TYPE, ("Content-Length", str(length))])
    if key is not None:
        headers.append((KEY_HEADER, key))
    return http1.request_head(request["method"], request["path"], headers)


def body_of(request: Dict[str, Any]) -> bytes:
    """The request's body: as given, or a JSON document of the wanted size, which is not less than its frame."""
    size: Optional[int] = request.get("body_bytes")
    if size is None:
        return str(request.get("body", "")).encode("utf-8")
    return FRAME[0] + b"x" * (size - len(FRAME[0]) - len(FRAME[1])) + FRAME[1]


class Target:
    """The peer of a request: how its observations name it."""

    def __init__(self, visit: Visit, task: str, host: str, port: int) -> None:
        self.visit = visit
        self.task = task
        self.host = host
        self.port = port

    def fields(self, way: Way) -> Dict[str, Any]:
        """The shared fields."""
        return {"host": self.host, "address": way.address, "port": self.port, "via": way.via}

    def ask(
        self, way: Way, stream: Optional[Stream], request: Dict[str, Any], *,
        verified: bool = False, failure: Optional[Failure] = None, keep: bool = False,
    ) -> http1.Answer:  # fmt: skip
        """Send one request, or report that there was no stream for it. What came back.

        `keep`: a stream whose answer is reusable stays open.
        """
        asking = _Asking(self, way, request, verified=verified)
        if stream is not None:
            failure = asking.send(stream, keep=keep)
        asking.report(failure)
        return asking.answer

    def ask_again(self, way: Way, stream: Stream, request: Dict[str, Any]) -> Optional[http1.Answer]:
        """The same on a verified stream that was kept; None, and no report, if the peer has closed it meanwhile."""
        asking = _Asking(self, way, request, verified=True)
        failure = asking.send(stream, keep=True)
        if failure is not None and asking.answer.never_came(failure):
            return None
        asking.report(failure)
        return asking.answer


class _Asking:
    """One request on its way."""

    def __init__(self, target: Target, way: Way, request: Dict[str, Any], *, verified: bool) -> None:
        self._target = target
        self._way = way
        self._request = request
        self._verified = verified
        self._at = time.time()
        self._clock = time.monotonic()
        self._body = body_of(request)
        self._unacknowledged: Optional[int] = None
        self.answer = http1.Answer(target.visit.limits["body_kept"], target.visit.limits["body_read"])

    def send(self, stream: Stream, *, keep: bool) -> Optional[Failure]:
        """Send it and read the answer. The failure, if it failed."""
        request, visit, answer = self._request, self._target.visit, self.answer
        key = visit.key if request.get("key") and self._verified else None
        seconds = visit.limits["upload" if "body_bytes" in request else "exchange"]
        failure: Optional[Failure] = None
        try:
            head = head_of(visit, self._target.host, self._target.port, request, len(self._body), key, keep=keep)
            http1.exchange(stream, head, self._body, answer, visit.limits, Deadline(seconds))
        except Exception as problem:
            failure = failure_from(problem, "head" if answer.status is None else "body")
            self._unacknowledged = stream.unacknowledged()
        if not (keep and answer.reusable):
            stream.close()
        return failure

    def report(self, failure: Optional[Failure]) -> None:
        """The observation."""
        answer, request = self.answer, self._request
        self._target.visit.emit(
            "http", self._target.task, purpose=request["purpose"], verified=self._verified, method=request["method"],
            path=request["path"], status=answer.status, reason=answer.reason, version=answer.version,
            headers=answer.headers, body=base64.b64encode(answer.body).decode("ascii"), body_bytes=answer.body_bytes,
            body_complete=answer.complete, request_bytes=len(self._body), sent_bytes=answer.sent_bytes,
            unacknowledged_bytes=self._unacknowledged, first_byte=answer.first_byte, at=self._at,
            seconds=time.monotonic() - self._clock, error=failure.record() if failure is not None else None,
            **self._target.fields(self._way)
        )  # fmt: skip
