"""Probes of the receiver: handshakes as the agent makes them, a GET, and what the agent posts.

A probe is two new connections to one address, at once. One sends the agent's own ClientHello, and is closed when it is
answered; on the other a handshake must verify. Both together are a sample of the layer `tls`, which counts from the
moment in which the first was open (through a proxy: from its begin, for the tunnel is a part of it). On the second a
GET without a key, larger than a packet, is a sample of the layer `http`; and some of the agent's POSTs, in turn, with a
key that no tenant has, are one of their own (`post`).

Rules
* A connection that does not open is the business of the layer `tcp`, where the path has one (`has_tcp`): it knows
  better for how long. The layers above have no sample then, and say so; likewise `http` where the handshake failed.
* With that key nothing is delivered: a POST is good if it is answered as the same one was at first. From 500 on, and at
  a limit of requests, it is out of order.
"""

import base64
import time
from typing import Any, Dict, List, Optional

from netcompliance.probe.onhost import http1, tls
from netcompliance.probe.onhost.failures import Failure, failure_from, timed_out
from netcompliance.probe.onhost.https_sampler import (
    BODY,
    Probes,
    Record,
    Sample,
    Samples,
    issuer_of,
    padded,
    said_by,
    seen_in,
)
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.requests import body_of, head_of
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.tls import TlsStream

OUT_OF_ORDER, THROTTLED = 500, 429


class ReceiverProbes(Probes):
    """Those of one address of the tenant, or of the way through a proxy."""

    layers = ("tls", "http", "post")

    def __init__(self, *arguments: Any, has_tcp: bool, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._has_tcp = has_tcp
        hellos: Dict[str, str] = self._target.get("hellos") or {}
        self._hellos = [base64.b64decode(hellos[name]) for name in sorted(hellos)]
        self._calls: List[Record] = self._target.get("calls") or []
        self._at_once = int(self._target.get("calls_at_once", 1))
        self._first: Dict[str, Record] = {}
        """How each call was answered first."""

    def samples(self, number: int, begun: float) -> Samples:
        """Of `tls`, and where the handshake verified, of `http` and `post`."""
        limits = self._visit.limits
        opened: List[float] = []

        def opener() -> Stream:
            lower = self._way().open()
            opened.append(time.monotonic() if self._has_tcp else begun)
            if len(opened) == 1:
                self._reached("tls", number, opened[0])
            return lower

        patience = self._stages["tls"].patience(limits["tls"])
        if not self._has_tcp:
            self._reached("tls", number, begun)
        hello = self._hellos[number % len(self._hellos)] if self._hellos else None
        stream, facts = self._secured(opener, hello, self._target["host"], patience)
        error = facts["error"]
        at = opened[0] if opened else begun
        took = time.monotonic() - at
        if error is None and stream is not None and took > patience:
            stream.close()
            stream, error = None, timed_out("tls", "it was opened after %.1f s" % took).record()
        if stream is not None:
            self._shown = None
            yield "tls", at, (None, {"version": facts["version"], "issuer": issuer_of(stream)}, None, took)
            yield from self._requests(number, stream)
        elif error is not None and not (self._has_tcp and error["phase"] == "tcp"):
            yield (
                "tls",
                at,
                (error, None, self._unverified_leaf(self._target["host"], error), self._usually("tls", took)),
            )

    def _requests(self, number: int, stream: TlsStream) -> Samples:
        limits, request, keep = self._visit.limits, self._target["request"], bool(self._calls)
        patience = self._stages["http"].patience(limits["exchange"])
        answer, failure = http1.Answer(BODY, BODY * 4), None
        asked = time.monotonic()
        self._reached("http", number, asked)
        try:
            head = head_of(self._visit, self._target["host"], self._target["port"], request, 0, None, keep=keep)
            http1.exchange(stream, padded(head, request), b"", answer, limits, Deadline(patience))
        except Exception as problem:
            failure = failure_from(problem, "head" if answer.status is None else "body").record()
        took = time.monotonic() - asked
        kept: Optional[TlsStream] = stream
        if failure is not None or not (keep and answer.reusable):
            stream.close()
            kept = None
        if failure is None and took > patience:
            failure = timed_out("head", "it was answered after %.1f s" % took).record()
        said = None if failure is not None and failure["name"] == "TIMEOUT" else said_by(answer)
        yield "http", asked, (failure, said, seen_in(answer), took if failure is None else self._usually("http", took))
        if self._calls:
            posted = time.monotonic()
            self._reached("post", number, posted)
            sample = self._post(number, kept, posted)
            if sample is not None:
                yield "post", posted, sample

    def _post(self, number: int, stream: Optional[TlsStream], posted: float) -> Optional[Sample]:
        """The next of the agent's POSTs, one after the other. `None` where no connection for them was had."""
        patience = self._stages["post"].patience(self._visit.limits["exchange"])
        deadline, error = Deadline(patience), None
        count = min(self._at_once, len(self._calls))
        for turn in range(count):
            call = self._calls[(number * count + turn) % len(self._calls)]
            answer = http1.Answer(BODY, BODY * 4)
            failure = self._ask(stream, call, answer, deadline) if stream is not None else None
            if stream is None or answer.never_came(failure):
                answer = http1.Answer(BODY, BODY * 4)
                opener = lambda: self._way().open()  # noqa: E731, PLW0108 - a way is made for each
                stream, facts = tls.secure(opener, self._visit.trust.verifying, self._target["host"], patience)
                if stream is None:
                    return None
                failure = self._ask(stream, call, answer, deadline)
            if failure is not None or not answer.reusable:
                stream.close()
                stream = None
            error = failure.record() if failure is not None else self._unlike(call, answer)
            if error is not None:
                break
        if stream is not None:
            stream.close()
        took = time.monotonic() - posted
        if error is None and took > patience:
            error = timed_out("head", "it was answered after %.1f s" % took).record()
        return error, None, None, took if error is None else self._usually("post", took)

    def _ask(self, stream: Stream, call: Record, answer: http1.Answer, deadline: Deadline) -> Optional[Failure]:
        body = body_of(call)
        try:
            head = head_of(self._visit, self._target["host"], self._target["port"], call, len(body), None, keep=True)
            http1.exchange(stream, head, body, answer, self._visit.limits, deadline)
        except Exception as problem:
            return failure_from(problem, "head" if answer.status is None else "body")
        return None

    def _unlike(self, call: Record, answer: http1.Answer) -> Optional[Record]:
        """What is wrong with the answer to a call; `None` if it is what it was at first."""
        said, status, path = said_by(answer) or {}, answer.status or 0, call["path"]
        if status >= OUT_OF_ORDER or status == THROTTLED:
            return Failure("head", "STATUS", "%d to POST %s" % (status, path)).record()
        with self._lock:
            first = self._first.setdefault(path, said)
        if said != first:
            return Failure("head", "OTHER", "%d to POST %s, otherwise than at first" % (status, path)).record()
        return None
