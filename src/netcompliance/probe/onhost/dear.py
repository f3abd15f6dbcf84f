"""Dear probes, each in a thread: what a service would notice if they came as often as cheap ones.

A probe of the receiver is one new connection to one address: TCP, a verified handshake, a GET without a key that is
larger than a packet. It gives a sample of the layer `tls`, which counts from the moment in which the connection was
open (through a proxy: from its begin, for the tunnel is a part of it), and one of the layer `http`, from the moment in
which the request was sent. A probe of the registry asks its first endpoint, and is one sample. So is one of a host of
layers, which is asked nothing: its sample is the verified handshake.

Rules
* Probes begin `rarely` apart, also while others still wait. After one that failed, or was answered otherwise than the
  last, the next comes at once, and then `SOONER` times as often, but at least each second, until `CALM` in a row were
  alike: then both ends are known.
* An answer that comes `PATIENCE` seconds later than twice the usual time is none: what was lost was sent again, so the
  path did not work when it was asked.
* A handshake that fails by the certificate is followed by one that asks who it is, once for each failure that is new.
* A connection that does not open is the business of the layer `tcp`, where the path has one (`has_tcp`): it knows
  better for how long. The layers above have no sample then, and say so; likewise `http` where the handshake failed.
* What this machine was too busy or too poor for says nothing of the path.
* No key, no body, no second request.
"""

import base64
import json
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from netcompliance.probe.onhost import http1, tls
from netcompliance.probe.onhost.failures import failure_from, timed_out
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.requests import head_of
from netcompliance.probe.onhost.trust import identifying_context
from netcompliance.probe.onhost.visit import Visit
from netcompliance.probe.onhost.ways import Way

Record = Dict[str, Any]
Tell = Callable[[str, float, Optional[Record], Optional[Record], Optional[Record], float], None]
"""Layer, moment, error, answer, what was seen beside it, and seconds that it took."""

RECHECK = 1.0
"""Seconds between two probes of a path that fails, at most."""
SOONER = 2
AT_ONCE = 0.1
CALM = 12
PATIENCE = 0.7
USUAL = 2.0
OPEN_MOST = 16
"""Probes of one path under way at once."""
OWN_FAULTS = ("EXCEPTION", "UNSUPPORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL")
BODY = 2048
HEADERS = (
    "content-type", "www-authenticate", "location", "server", "retry-after", "proxy-authenticate",
    "docker-distribution-api-version", "x-squid-error", "date",
)  # fmt: skip
"""What is kept of an answer's headers."""


class Stage:
    """The samples of one layer, handed on in the order of their moments, whichever is known first."""

    def __init__(self, tell: Callable[[float, Optional[Tuple[Any, ...]]], None]) -> None:
        self._tell = tell
        self._waiting: Dict[int, Optional[float]] = {}
        """Probes under way, and the moment of their sample if it has come."""
        self._known: List[Tuple[float, int, Optional[Tuple[Any, ...]]]] = []
        self._said: Optional[Record] = None
        self.usual: Optional[float] = None

    def expect(self, number: int) -> None:
        """A probe has begun."""
        self._waiting[number] = None

    def reached(self, number: int, at: float) -> None:
        """Its sample counts from now."""
        self._waiting[number] = at

    def end(self, number: int, at: float, sample: Optional[Tuple[Any, ...]]) -> None:
        """It has ended like this; `None`: it says nothing."""
        self._waiting.pop(number, None)
        self._known.append((at, number, sample))
        self._known.sort(key=lambda each: each[:2])
        first = min([moment for moment in self._waiting.values() if moment is not None] or [float("inf")])
        while self._known and self._known[0][0] <= first:
            moment, _, outcome = self._known.pop(0)
            self._tell(moment, outcome)

    def patience(self, most: float) -> float:
        """Seconds after which an answer is too late."""
        return most if self.usual is None else min(most, PATIENCE + USUAL * self.usual)

    def same(self, answer: Optional[Record]) -> bool:
        """Is it answered as the last one was?"""
        was, self._said = self._said, answer
        return was is None or was == answer

    def took(self, seconds: float) -> None:
        """A good one took so long."""
        self.usual = seconds if self.usual is None else self.usual + (seconds - self.usual) / 8


class Probes:
    """The dear probes of one path, on and on. `wall` gives the time of day of a moment.

    `skip` is called where a layer has no sample; `stalled` says whether this machine was too busy since a moment.
    """

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
        skip: Callable[[str], None],
        stalled: Callable[[float], bool],
        whole: bool = False,
    ) -> None:
        self._visit = visit
        self._target = target
        self._way = way
        self._rarely = rarely
        self._wall = wall
        self._has_tcp = has_tcp
        self._whole = whole
        """A probe is one sample, from its begin to its end."""
        self._shown: Optional[str] = None
        self._stalled = stalled
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._trouble = 0
        """Probes that are still to come sooner than usual."""
        self._begun = 0
        self._open: Dict[int, float] = {}
        """Probes under way, and when each began."""

        def teller(layer: str) -> Callable[[float, Optional[Tuple[Any, ...]]], None]:
            def hand_on(at: float, sample: Optional[Tuple[Any, ...]]) -> None:
                if sample is None:
                    skip(layer)
                else:
                    tell(layer, at, *sample)

            return hand_on

        self._stages = {layer: Stage(teller(layer)) for layer in (("http",) if whole else ("tls", "http"))}

    @property
    def busy(self) -> bool:
        """Is any probe under way?"""
        return bool(self._open)

    def waits(self, moment: float) -> bool:
        """Is any probe under way that began before this moment?"""
        with self._lock:
            return any(begun < moment for begun in self._open.values())

    def run(self, stopped: threading.Event, delay: float) -> None:
        """Probe until it is stopped."""
        due = time.monotonic() + delay
        while not stopped.is_set():
            if self._wake.wait(max(0.0, min(RECHECK, due - time.monotonic()))):
                self._wake.clear()
                due = min(due, time.monotonic() + AT_ONCE)
            if stopped.is_set() or time.monotonic() < due:
                continue
            pace = min(RECHECK, self._rarely / SOONER) if self._trouble > 0 else self._rarely
            due = max(due + pace, time.monotonic())
            self._trouble = max(0, self._trouble - 1)
            if len(self._open) < OPEN_MOST:
                with self._lock:
                    self._begun += 1
                    self._open[self._begun] = time.monotonic()
                    for stage in self._stages.values():
                        stage.expect(self._begun)
                threading.Thread(target=self._one, args=(self._begun,), daemon=True).start()

    def _one(self, number: int) -> None:
        begun = time.monotonic()
        left = dict(self._stages)
        try:
            for layer, at, sample in self._probe(number, begun):
                del left[layer]
                self._end(layer, number, at, sample)
        except Exception:
            self._trouble = CALM  # a defect of the probe's own is no sample, and what is not sampled is unknown
        for layer in left:
            self._end(layer, number, time.monotonic(), None)
        with self._lock:
            del self._open[number]

    def _end(self, layer: str, number: int, at: float, sample: Optional[Tuple[Any, ...]]) -> None:
        """Hand it on, unless it is this machine's own fault."""
        error = sample[0] if sample else None
        if error is not None and error["name"] in OWN_FAULTS:
            sample = None
        if error is not None and error["name"] == "TIMEOUT" and self._stalled(at):
            sample = None
        with self._lock:
            self._stages[layer].end(number, self._wall(at), sample)
            stage = self._stages[layer]
            if sample is not None and error is None and stage.same(sample[1]):
                stage.took(sample[3])
                return
            wake = self._trouble == 0
            self._trouble = CALM
        if wake:
            self._wake.set()

    def _probe(self, number: int, begun: float) -> Any:
        """Layer, moment and sample, one after the other."""
        host, limits, stages = self._target["host"], self._visit.limits, self._stages
        opened = [begun]

        def opener() -> Any:
            lower = self._way().open()
            if self._has_tcp:
                opened[0] = time.monotonic()
                with self._lock:
                    stages["tls"].reached(number, self._wall(opened[0]))
            return lower

        if self._whole or not self._has_tcp:
            stages["http" if self._whole else "tls"].reached(number, self._wall(begun))
        patience = limits["tls"] if self._whole else stages["tls"].patience(limits["tls"])
        stream, facts = tls.secure(opener, self._visit.trust.verifying, host, patience)
        error = facts["error"]
        took = time.monotonic() - opened[0]
        if error is None and stream is not None and not self._whole and took > patience:
            stream.close()
            stream, error = None, timed_out("tls", "it was opened after %.1f s" % took).record()
        if error is None:
            self._shown = None
            if not self._whole:
                yield "tls", opened[0], (None, _shown_by(stream, facts), None, took)
        elif self._whole:
            yield "http", begun, (error, None, self._who(host, error), self._usually("http", took))
        elif not (self._has_tcp and error["phase"] == "tcp"):
            yield "tls", opened[0], (error, None, self._who(host, error), self._usually("tls", took))
        if stream is None:
            return
        if "request" not in self._target:
            stream.close()
            yield "http", begun, (None, _shown_by(stream, facts), None, took)
            return
        answer = http1.Answer(BODY, BODY * 4)
        failure: Optional[Record] = None
        asked = begun if self._whole else time.monotonic()
        patience = stages["http"].patience(limits["exchange"])
        if not self._whole:
            with self._lock:
                stages["http"].reached(number, self._wall(asked))
        try:
            head = head_of(self._visit, host, self._target["port"], self._target["request"], 0, None)
            http1.exchange(stream, self._padded(head), b"", answer, limits, Deadline(patience))
        except Exception as problem:
            failure = failure_from(problem, "head" if answer.status is None else "body").record()
        stream.close()
        took = time.monotonic() - asked
        if failure is None and took > patience:
            failure = timed_out("head", "it was answered after %.1f s" % took).record()
        said = None if failure is not None and failure["name"] == "TIMEOUT" else _said(answer)
        yield "http", asked, (failure, said, _seen(answer), took if failure is None else self._usually("http", took))

    def _usually(self, layer: str, took: float) -> float:
        usual = self._stages[layer].usual
        return took if usual is None else min(took, usual)

    def _padded(self, head: bytes) -> bytes:
        """Larger than one packet, so that it is noticed if only small ones pass."""
        pad = int(self._target["request"].get("pad", 0))
        return head[:-2] + b"X-Padding: " + b"x" * pad + b"\r\n\r\n" if pad else head

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
        "keys": _keys(answer.body),
    }


def _keys(body: bytes) -> str:
    """The names in a JSON object: what its author calls things, whatever the values are."""
    try:
        found = json.loads(body.decode("utf-8"))
    except ValueError:
        return ""
    return ",".join(sorted(found))[:120] if isinstance(found, dict) else ""


def _shown_by(stream: Any, facts: Record) -> Record:
    """What is the same whichever of a service's own certificates was shown: version, and who issued it."""
    issuer = {name: value for part in (stream.secured.getpeercert() or {}).get("issuer", ()) for name, value in part}
    whose = issuer.get("organizationName") or issuer.get("commonName") or ""
    return {"version": facts["version"], "issuer": whose[:200]}


def _seen(answer: http1.Answer) -> Optional[Record]:
    """The answer, as far as it is needed to tell whose it is."""
    if answer.status is None:
        return None
    headers: List[List[str]] = [[name, value[:200]] for name, value in answer.headers if name.lower() in HEADERS]
    return {
        "status": answer.status, "headers": headers, "body": base64.b64encode(answer.body).decode("ascii"),
        "body_complete": answer.complete,
    }  # fmt: skip
