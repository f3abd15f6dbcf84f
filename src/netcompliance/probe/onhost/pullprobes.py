"""Probes of what serves images: a registry down to a manifest, and the hosts of its layers.

A probe is one sample, from its begin to its end. Of a registry it asks the token server, wherever that is, for a token
for the first image, and at once, with the token of the probe before, for the manifest, as a container runtime does.
Where the image cannot be had without a login, only the first endpoint is asked. A host of layers is asked for nothing
in particular: that it answers, and who. Beside each connection one sends the ClientHello of container runtimes, and is
closed when it is answered.
"""

import base64
import time
from typing import Any, Callable, Dict, List, Optional, Set, Tuple
from urllib.parse import quote, urlencode

from netcompliance.probe.onhost import http1, manifests, urls
from netcompliance.probe.onhost.failures import Failure, failure_from, timed_out
from netcompliance.probe.onhost.fetch import REDIRECTS
from netcompliance.probe.onhost.https_sampler import (
    BODY,
    Probes,
    Record,
    Samples,
    beside,
    issuer_of,
    padded,
    said_by,
    seen_in,
)
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.registry import TOKEN_BYTES, token_in
from netcompliance.probe.onhost.requests import authority
from netcompliance.probe.onhost.servername import for_host
from netcompliance.probe.onhost.tls import TlsStream
from netcompliance.probe.onhost.transports import Transport
from netcompliance.probe.onhost.urls import Url

WHOLE = "whole"
OUT_OF_ORDER = 500
OPEN, LOGIN = 200, 401

Place = Tuple[str, int]
WayTo = Callable[[str, int], Transport]


class PullProbes(Probes):
    """Those of one host. `image` in the target: the one whose manifest is asked for."""

    layers = (WHOLE,)

    def __init__(self, *arguments: Any, way_to: WayTo, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._way_to = way_to
        wire = (self._visit.plan.get("fetchers_hellos") or {}).get("agent-hello")
        self._hello = base64.b64decode(wire) if wire else None
        self._image: Optional[Record] = self._target.get("image")
        self._challenge: Optional[manifests.Challenge] = None
        self._local = False
        """Is the host on this machine? Then it may send us to others that are."""
        self._usual: Set[str] = set()
        """Who issued the certificates where all was well."""
        self._last: Optional[str] = None
        """The last token."""
        self._asked = False
        """Is it known how the registry wants to be asked?"""
        self._had = False
        """Was the manifest ever had? Then not to get it is an interruption."""

    def samples(self, number: int, begun: float) -> Samples:
        """The one."""
        patience = self._stages[WHOLE].patience(self._visit.limits["exchange"])
        self._reached(WHOLE, number, begun)
        walk, failure, answer = _Walk(self._connected, Deadline(patience)), None, None
        try:
            answer = self._answer(walk)
        except Exception as problem:
            failure, self._asked = self._told(failure_from(problem, "head"), walk.issuers), False
        walk.close()
        took = time.monotonic() - begun
        if failure is None and took > patience:
            failure = timed_out("head", "it was answered after %.1f s" % took).record()
        if failure is not None or answer is None:
            sample = (
                failure,
                None,
                self._unverified_leaf(self._target["host"], failure or {}),
                self._usually(WHOLE, took),
            )
            yield WHOLE, begun, sample
            return
        self._shown = None
        self._usual = self._usual or set(walk.issuers)
        said = said_by(answer) or {}
        if not self._is_registry:
            said = {"status": said["status"]}
        said["issuer"] = " + ".join(dict.fromkeys(walk.issuers))[:200]
        yield WHOLE, begun, (None, said, seen_in(answer), took)

    def _told(self, failure: Failure, issuers: List[str]) -> Record:
        """What went wrong: first of all, that somebody else was asked."""
        others = [issuer for issuer in issuers if self._usual and issuer not in self._usual]
        if others:
            return Failure("tls", "ISSUER", "the certificate is issued by " + others[0]).record()
        return failure.record()

    @property
    def _is_registry(self) -> bool:
        return bool(self._target["request"]["path"] == "/v2/")

    def _answer(self, walk: "_Walk") -> http1.Answer:
        """The manifest's, or that of the one endpoint that is asked. Raises what is an interruption."""
        image, pinged, answer, trouble = self._image, None, None, None
        first = Url(self._target["host"], self._target["port"], self._target["request"]["path"])
        if image is None:
            return self._get(walk, first, large=True)
        if self._asked:
            beside_it = _Walk(self._connected, walk.deadline)
            try:
                (token, trouble), answer = beside(
                    lambda: self._token(beside_it, image), lambda: self._manifest(walk, first, image)
                )
            finally:
                beside_it.close()
                walk.issuers += beside_it.issuers
            renewed, self._last = token != self._last, token
            if answer.status == LOGIN and trouble is None and renewed:
                answer = self._manifest(walk, first, image)
        else:
            pinged = self._get(walk, first, large=True)
            if pinged.status not in (OPEN, LOGIN):
                return pinged
            self._challenge, self._asked = manifests.bearer(pinged.headers), True
            self._last, trouble = self._token(walk, image)
            answer = self._manifest(walk, first, image) if trouble is None else None
        if trouble is None and answer is not None and answer.status == OPEN:
            self._had = True
            return answer
        self._asked = False
        status = int((trouble or "0").split()[0]) or (answer.status if answer else 0) or 0
        if self._had or status >= OUT_OF_ORDER:
            raise Failure("head", "STATUS", trouble or "%d to HEAD of the manifest" % status)
        return pinged or self._get(walk, first, large=True)

    def _manifest(self, walk: "_Walk", first: Url, image: Record) -> http1.Answer:
        place = quote(image["repository"], safe="/"), quote(image["reference"], safe=":")
        return self._get(walk, first._replace(target="/v2/%s/manifests/%s" % place), method="HEAD", large=True)

    def _token(self, walk: "_Walk", image: Record) -> Tuple[Optional[str], Optional[str]]:
        """A token, if one is wanted; or how its server answered instead."""
        if self._challenge is None:
            return None, None
        wanted = {"scope": "repository:%s:pull" % image["repository"]}
        if "service" in self._challenge.parameters:
            wanted["service"] = self._challenge.parameters["service"]
        realm = self._challenge.parameters["realm"]
        query = ("&" if "?" in realm else "?") + urlencode(wanted, safe=":/")
        answer = self._get(walk, urls.parse(realm + query, local=self._local), read=TOKEN_BYTES)
        if answer.status != OPEN:
            return None, "%s to the request for a token" % answer.status
        token = token_in(answer)
        if token is None:
            raise Failure("body", "PROTOCOL", "there is no token in the answer")
        return token, None

    def _get(
        self, walk: "_Walk", url: Url, *, method: str = "GET", read: int = BODY * 4, large: bool = False
    ) -> http1.Answer:  # fmt: skip
        """The answer at the end of the redirects."""
        for _ in range(int(self._visit.limits["redirects"]) + 1):
            headers = [
                ("Host", authority(url.host, url.port)), ("User-Agent", self._visit.plan["agent"]),
                ("Accept", manifests.ACCEPT if method == "HEAD" else "*/*"), ("Accept-Encoding", "identity"),
            ]  # fmt: skip
            own = self._target["host"]
            if method == "HEAD" and self._last is not None and (url.host == own or url.host.endswith("." + own)):
                headers.append(("Authorization", "Bearer " + self._last))
            head = http1.request_head(method, url.target, headers)
            answer = http1.Answer(read, read)
            walk.ask(url, padded(head, self._target["request"]) if large else head, answer, self._visit.limits)
            location = answer.header("location") if answer.status in REDIRECTS else None
            if location is None or not self._is_registry:
                return answer
            url = urls.parse(urls.absolute(url, location), local=self._local)
        raise Failure("redirect", "REDIRECT", "too many redirects")

    def _connected(self, place: Place, deadline: Deadline) -> TlsStream:
        """A verified connection, after one that was greeted as a container runtime greets."""
        host, port = place
        way = self._way_to(host, port)
        seconds = min(self._visit.limits["tls"], deadline.left())
        hello = for_host(self._hello, host) if self._hello else None
        stream, facts = self._secured(way.open, hello, host, seconds)
        if stream is None:
            error = facts["error"]
            raise Failure(error["phase"], error["name"], error["text"], error.get("code"), error.get("reason"))
        if place == (self._target["host"], self._target["port"]):
            self._local = way.address is not None and urls.forbidden(way.address)
        return stream


class _Walk:
    """The connections of one probe."""

    def __init__(self, opener: Any, deadline: Deadline) -> None:
        self._opener = opener
        self.deadline = deadline
        self._kept: Dict[Place, TlsStream] = {}
        self.issuers: List[str] = []

    def ask(self, url: Url, head: bytes, answer: http1.Answer, limits: Record) -> None:
        """One request, on a connection that was kept if there is one. Raises what stopped it."""
        place = (url.host, url.port)
        kept = self._kept.pop(place, None)
        if kept is not None:
            failed: Optional[Exception] = None
            try:
                self._exchange(place, kept, head, answer, limits)
            except Exception as problem:
                failed = problem
            if not answer.never_came(failure_from(failed, "head") if failed is not None else None):
                if failed is not None:
                    raise failed
                return
            answer.forget()
        stream = self._opener(place, self.deadline)
        self.issuers.append(issuer_of(stream))
        self._exchange(place, stream, head, answer, limits)

    def _exchange(self, place: Place, stream: TlsStream, head: bytes, answer: http1.Answer, limits: Record) -> None:
        try:
            http1.exchange(stream, head, b"", answer, limits, self.deadline)
        finally:
            if answer.reusable:
                self._kept[place] = stream
            else:
                stream.close()

    def close(self) -> None:
        """Nothing more is asked."""
        for stream in self._kept.values():
            stream.close()
