"""Dear probes, a few a minute, each in a thread: what a service would notice if they came often.

A probe of the receiver is one new connection to one address: TCP, a verified handshake, a GET without a key. It gives a
sample of the layer `tls` and one of the layer `http`. A probe of the registry asks its first endpoint.

Rules
* One probe of a path at a time, `rarely` apart, and `RECHECK` apart while it fails, so that its end is known.
* A handshake that fails by the certificate is followed by one that asks who it is, once for each failure that is new.
* A connection that does not open is the business of the layer `tcp`, where the path has one (`has_tcp`): it knows
  better for how long.
* No key, no body, no second request.
"""

import base64
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from netcompliance.probe.onhost import http1, tls
from netcompliance.probe.onhost.failures import failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.requests import head_of
from netcompliance.probe.onhost.trust import identifying_context
from netcompliance.probe.onhost.visit import Visit
from netcompliance.probe.onhost.ways import Way

Record = Dict[str, Any]
Tell = Callable[[str, float, Optional[Record], Optional[Record], Optional[Record]], None]
"""Layer, moment, error, answer, and what was seen beside it."""

RECHECK = 1.0
"""Seconds between two probes of a path that fails."""
BODY = 2048
HEADERS = (
    "content-type", "www-authenticate", "location", "server", "retry-after", "proxy-authenticate",
    "docker-distribution-api-version", "x-squid-error", "date",
)  # fmt: skip
"""What is kept of an answer's headers."""


class Probes:
    """The dear probes of one path, on and on. `wall` gives the time of day of a moment."""

    def __init__(
        self,
        visit: Visit,
        target: Record,
        way: Callable[[], Way],
        tell: Tell,
        rarely: float,
        wall: Callable[[float], float],
        *,
        has_tcp: bool,
    ) -> None:
        self._visit = visit
        self._target = target
        self._way = way
        self._tell = tell
        self._rarely = rarely
        self._wall = wall
        self._has_tcp = has_tcp
        self._shown: Optional[str] = None

    def run(self, stopped: threading.Event, delay: float) -> None:
        """Probe until it is stopped."""
        stopped.wait(delay)
        while not stopped.is_set():
            begun = time.monotonic()
            try:
                works = self._probe(self._wall(begun))
            except Exception as error:
                self._tell("http", self._wall(begun), failure_from(error, "run").record(), None, None)
                works = False
            stopped.wait(max(0.1, (self._rarely if works else min(RECHECK, self._rarely)) - (time.monotonic() - begun)))

    def _probe(self, at: float) -> bool:
        host, limits = self._target["host"], self._visit.limits
        stream, facts = tls.secure(self._way().open, self._visit.trust.verifying, host, limits["tls"])
        error = facts["error"]
        if error is None:
            self._shown = None
            self._tell("tls", at, None, {"version": facts["version"]}, None)
        elif not (self._has_tcp and error["phase"] == "tcp"):
            self._tell("tls", at, error, None, self._who(host, error))
        if stream is None:
            return False
        answer = http1.Answer(BODY, BODY * 4)
        failure: Optional[Record] = None
        try:
            head = head_of(self._visit, host, self._target["port"], self._target["request"], 0, None)
            http1.exchange(stream, head, b"", answer, limits, Deadline(limits["exchange"]))
        except Exception as problem:
            failure = failure_from(problem, "head" if answer.status is None else "body").record()
        stream.close()
        self._tell("http", at, failure, _said(answer), _seen(answer))
        return failure is None

    def _who(self, host: str, error: Record) -> Optional[Record]:
        """The leaf of whoever answers with a certificate that does not verify."""
        if error["name"] not in ("VERIFY", "SSL") or error["text"] == self._shown:
            return None
        self._shown = error["text"]
        stream, facts = tls.secure(self._way().open, identifying_context(), host, self._visit.limits["tls"])
        if stream is not None:
            stream.close()
        return {"chain": facts["chain"][:1]} if facts["chain"] else None


def _said(answer: http1.Answer) -> Optional[Record]:
    """What is the same whenever the same one answers."""
    if answer.status is None:
        return None
    kind = (answer.header("content-type") or "").split(";")[0].strip().lower()
    return {
        "status": answer.status,
        "type": kind[:80],
        "location": (answer.header("location") or "").split("?")[0][:120],
    }


def _seen(answer: http1.Answer) -> Optional[Record]:
    """The answer, as far as it is needed to tell whose it is."""
    if answer.status is None:
        return None
    headers: List[List[str]] = [[name, value[:200]] for name, value in answer.headers if name.lower() in HEADERS]
    return {
        "status": answer.status, "headers": headers, "body": base64.b64encode(answer.body).decode("ascii"),
        "body_complete": answer.complete,
    }  # fmt: skip
