"""One HTTP request on a stream, as an observation."""

import base64
import json
import time
from typing import Any, Dict, Optional

from netcompliance.probe.onhost import http1
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.visit import Visit
from netcompliance.probe.onhost.ways import Way

KEY_HEADER = "sts-api-key"
BODY_TYPE = ("Content-Type", "application/json")


def authority(host: str, port: int) -> str:
    """The Host header's value."""
    return host if port == 443 else "%s:%d" % (host, port)


def head_of(visit: Visit, host: str, port: int, request: Dict[str, Any], length: int, key: Optional[str]) -> bytes:
    """The bytes before the body."""
    headers = [
        ("Host", authority(host, port)),
        ("User-Agent", visit.plan["agent"]),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    if request["method"] != "GET":
        headers.extend([BODY_TYPE, ("Content-Length", str(length))])
    if key is not None:
        headers.append((KEY_HEADER, key))
    return http1.request_head(request["method"], request["path"], headers)


def body_of(request: Dict[str, Any]) -> bytes:
    """The request's body: as given, or a JSON document of the wanted size."""
    size = request.get("body_bytes")
    if size is None:
        return str(request.get("body", "")).encode("utf-8")
    frame = len(json.dumps({"netcompliance": ""}))
    return json.dumps({"netcompliance": "x" * max(0, size - frame)}).encode("ascii")


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
        verified: bool = False, failure: Optional[Failure] = None,
    ) -> http1.Answer:  # fmt: skip
        """Send one request, or report that there was no stream for it. What came back."""
        visit = self.visit
        at = time.time()
        clock = time.monotonic()
        answer = http1.Answer(visit.limits["body_kept"], visit.limits["body_read"])
        body = body_of(request)
        seconds = visit.limits["upload" if "body_bytes" in request else "exchange"]
        error = failure.record() if failure is not None else None
        unacknowledged: Optional[int] = None
        if stream is not None:
            key = visit.key if request.get("key") and verified else None
            try:
                head = head_of(visit, self.host, self.port, request, len(body), key)
                http1.exchange(stream, head, body, answer, visit.limits, Deadline(seconds))
            except Exception as problem:
                error = failure_from(problem, "head" if answer.status is None else "body").record()
                unacknowledged = stream.unacknowledged()
            stream.close()
        visit.emit(
            "http", self.task, purpose=request["purpose"], verified=verified, method=request["method"],
            path=request["path"], status=answer.status, reason=answer.reason, version=answer.version,
            headers=answer.headers, body=base64.b64encode(answer.body).decode("ascii"), body_bytes=answer.body_bytes,
            body_complete=answer.complete, request_bytes=len(body), sent_bytes=answer.sent_bytes,
            unacknowledged_bytes=unacknowledged, first_byte=answer.first_byte, at=at,
            seconds=time.monotonic() - clock, error=error, **self.fields(way)
        )  # fmt: skip
        return answer
