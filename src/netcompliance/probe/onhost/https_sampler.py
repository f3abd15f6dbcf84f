"""Handshakes and requests, each in a thread: what a service would notice if they came as often as connections.

What one of them asks is `receiverprobes`' and `pullprobes`' business: it gives samples of one layer or of several, each
of which counts for a moment of its own.

Rules
* Probes begin `rarely` apart, also while others still wait. After one that failed, or was answered otherwise than the
  last, the next comes at once, and then `SOONER` times as often, but at least each second, until `CALM` in a row were
  alike: then both ends are known.
* An answer that comes `PATIENCE` seconds later than twice the usual time is none: what was lost was sent again, so the
  path did not work when it was asked.
* A handshake that fails by the certificate is followed by one that asks who it is, once for each failure that is new.
* What this machine was too busy or too poor for says nothing of the path.
"""

import base64
import json
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from netcompliance.probe.onhost import firstflight, http1, tls
from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.tls import TlsStream
from netcompliance.probe.onhost.transports import Transport
from netcompliance.probe.onhost.trust import identifying_context
from netcompliance.probe.onhost.visit import Visit

Record = Dict[str, Any]
Tell = Callable[[str, float, Optional[Record], Optional[Record], Optional[Record], float], None]
"""Layer, moment, error, answer, what was seen beside it, and seconds that it took."""

Sample = Tuple[Optional[Record], Optional[Record], Optional[Record], float]
Samples = Iterator[Tuple[str, float, Sample]]
"""Layer, moment and sample."""

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
HANDSHAKE, ALERT = b"\x16", b"\x15"
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
    """The handshakes and requests of one path, on and on. `wall` gives the time of day of a moment.

    `skip` is called where a layer has no sample; `stalled` says whether this machine was too busy since a moment.
    """

    layers: Sequence[str] = ()
    """Of which a probe may give a sample each."""

    def __init__(
        self,
        visit: Visit,
        target: Record,
        way: Callable[[], Transport],
        tell: Tell,
        rarely: float,
        wall: Callable[[float], float],
        *,
        skip: Callable[[str], None],
        stalled: Callable[[float], bool],
    ) -> None:
        self._visit = visit
        self._target = target
        self._way = way
        self._rarely = rarely
        self._wall = wall
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

        self._stages = {layer: Stage(teller(layer)) for layer in self.layers}

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
            for layer, at, sample in self.samples(number, begun):
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

    def samples(self, number: int, begun: float) -> Samples:
        """One probe: what it samples, one layer after the other."""
        raise NotImplementedError

    def _reached(self, layer: str, number: int, at: float) -> None:
        """The probe's sample of this layer counts from this moment."""
        with self._lock:
            self._stages[layer].reached(number, self._wall(at))

    def _secured(
        self, opener: Callable[[], Stream], hello: Optional[bytes], host: str, patience: float
    ) -> Tuple[Optional[TlsStream], Record]:  # fmt: skip
        """A verified connection, and beside it one that is greeted as Go programs greet: neither without the other."""

        def greet() -> Optional[Record]:
            return _greeted(opener, hello, patience) if hello is not None else None

        def shake() -> Any:
            return tls.secure(opener, self._visit.trust.verifying, host, patience)

        refused, (stream, facts) = beside(greet, shake)
        if refused is not None and facts["error"] is None:
            stream.close()
            stream, facts = None, dict(facts, error=refused)
        return stream, facts

    def _usually(self, layer: str, took: float) -> float:
        usual = self._stages[layer].usual
        return took if usual is None else min(took, usual)

    def _unverified_leaf(self, host: str, error: Record) -> Optional[Record]:
        """The leaf of whoever answers with a certificate that does not verify."""
        if error["name"] not in ("VERIFY", "SSL") or error["text"] == self._shown:
            return None
        self._shown = error["text"]
        stream, facts = tls.secure(self._way().open, identifying_context(), host, self._visit.limits["tls"])
        if stream is not None:
            stream.close()
        return {"chain": facts["chain"][:1]} if facts["chain"] else None


def beside(first: Callable[[], Any], second: Callable[[], Any]) -> Tuple[Any, Any]:
    """What both come to, done at once. Raises what the second raised, else what the first did."""
    ended: List[Any] = []

    def run() -> None:
        try:
            ended.append((first(), None))
        except Exception as error:
            ended.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    result = second()
    thread.join()
    value, error = ended[0]
    if error is not None:
        raise error
    return value, result


def _greeted(opener: Callable[[], Stream], hello: bytes, patience: float) -> Optional[Record]:
    """Send a ClientHello as bytes. What was wrong with what came back; `None` if a handshake went on."""
    facts = firstflight.send(opener, hello, patience)
    if facts["error"] is not None:
        error: Record = facts["error"]
        return error
    first = base64.b64decode(facts["received"])[:1]
    if first == HANDSHAKE:
        return None
    if first == ALERT:
        return Failure("tls", "ALERT", "the agent's own ClientHello is refused").record()
    return Failure("tls", "SSL", "the agent's own ClientHello is answered by something else than TLS").record()


def padded(head: bytes, request: Record) -> bytes:
    """The head made larger than one packet, so that it is noticed if only small ones pass."""
    pad = int(request.get("pad", 0))
    return head[:-2] + b"X-Padding: " + b"x" * pad + b"\r\n\r\n" if pad else head


def said_by(answer: http1.Answer) -> Optional[Record]:
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


def issuer_of(stream: Any) -> str:
    """Who issued the certificate: the same whichever of a service's own was shown."""
    issuer = {name: value for part in (stream.secured.getpeercert() or {}).get("issuer", ()) for name, value in part}
    whose = issuer.get("organizationName") or issuer.get("commonName") or ""
    return whose[:200]


def seen_in(answer: http1.Answer) -> Optional[Record]:
    """The answer, as far as it is needed to tell whose it is."""
    if answer.status is None:
        return None
    headers: List[List[str]] = [[name, value[:200]] for name, value in answer.headers if name.lower() in HEADERS]
    return {
        "status": answer.status, "headers": headers, "body": base64.b64encode(answer.body).decode("ascii"),
        "body_complete": answer.complete,
    }  # fmt: skip
