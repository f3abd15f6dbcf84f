"""GET, over redirects, as a registry's client does it, with an observation for every hop.

Rules
* GET and never HEAD: a registry answers HEAD of a blob itself, and then the CDN was never seen.
* A token goes to the registry's own host and, after redirects, to its subdomains, as Go sends it; once a redirect has
  led elsewhere, it goes nowhere any more.
* At most a few requests at once per host, on connections that are used again, as a container runtime does.
* What may pass by itself is asked for again, a few times, from the beginning (`retries`).
* Whoever pulls is a Go program: an answer whose head Go refuses is none.
"""

import base64
import time
from typing import Any, Callable, Dict, NamedTuple, Optional, Set, Tuple

from netcompliance.probe.onhost import endpoint, http1, urls
from netcompliance.probe.onhost.connections import Connections, Lease
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.names import addresses_of
from netcompliance.probe.onhost.requests import authority
from netcompliance.probe.onhost.retries import Retries
from netcompliance.probe.onhost.tls import TlsStream
from netcompliance.probe.onhost.transfers import Patience, Transfer
from netcompliance.probe.onhost.transports import Nearest, Transport, Tunnelled
from netcompliance.probe.onhost.urls import Url
from netcompliance.probe.onhost.visit import Visit

REDIRECTS = (301, 302, 303, 307, 308)
SHOWN = 4096
LOCATIONS = ("location", "content-location", "link", "refresh")
UNTRUSTED = (("tls", "VERIFY"), ("tls", "SSL"))
HIDDEN_HEADERS = ("set-cookie", "authorization", "proxy-authorization")


Origin = Tuple[str, int]
Kept = Tuple[Transport, TlsStream]
Describe = Callable[[http1.Answer], Dict[str, Any]]


def nothing_more(_: http1.Answer) -> Dict[str, Any]:
    """Adds no fields."""
    return {}


class FetchSpec(NamedTuple):
    """What is to be fetched, and how much of it."""

    step: str
    image: Optional[str]
    read: int
    shown: int = SHOWN
    whole: bool = True
    digest: Optional[str] = None
    size: Optional[int] = None
    accept: str = "*/*"
    method: str = "GET"
    token: Optional[str] = None
    secret: bool = False
    """The body may hold a token."""
    span: Optional[Tuple[int, int]] = None
    """First and last byte that are wanted, where not all of it is."""
    patient: bool = False
    """A large body: read for a while, and its silences counted."""


class End(NamedTuple):
    """Where a chain of redirects ended, and how."""

    answer: http1.Answer
    url: Url
    failure: Optional[Failure]


class Fetcher:
    """The client of one registry."""

    def __init__(self, visit: Visit, task: str, origin: Origin, way: Transport) -> None:
        """`origin` is the registry's host and port, `way` the transport to it."""
        self._visit = visit
        self._task = task
        self._origin = origin
        self._way = way
        self._local = way.address is not None and urls.forbidden(way.address)

    def add(self, stream: TlsStream, seconds: float) -> None:
        """A stream that is open to the registry already, which took so many seconds."""
        self._connections(*self._origin).add((self._way, stream), seconds)

    def get(self, url: Url, wish: FetchSpec, describe: Describe = nothing_more) -> Optional[http1.Answer]:
        """The answer at the end of the redirects; None if there was none. `describe` adds to the observations."""
        end = self.fetch(url, wish, describe)
        return end.answer if end.failure is None else None

    def fetch(self, url: Url, wish: FetchSpec, describe: Describe = nothing_more) -> End:
        """The same with how it ended, after as many tries as `retries` grants."""
        attempt = 0
        while True:
            end = self._follow(url, wish, attempt, describe)
            retries = self._retries(end.url)
            if not retries.grants(end.answer, end.failure, attempt, self._visit.deadline):
                return end
            attempt += 1

    def _follow(self, url: Url, wish: FetchSpec, attempt: int, describe: Describe) -> End:
        seen: Set[Url] = set()
        hop = 0
        while True:
            seen.add(url)
            if not self._shows_token(url):
                wish = wish._replace(token=None)
            self._retries(url).wait()
            answer, following, failure = self._hop(url, wish, attempt, hop, seen, describe)
            if following is None or failure is not None:
                return End(answer, url, failure)
            url = following
            hop += 1

    def _retries(self, url: Url) -> Retries:
        shared: Retries = self._visit.shared(("retries", url.host, url.port), lambda: Retries(self._visit.limits))
        return shared

    def realm(self, text: str) -> Url:
        """The URL of a token server."""
        return urls.parse(text, local=self._local)

    def _hop(
        self, url: Url, wish: FetchSpec, attempt: int, hop: int, seen: Set[Url], describe: Describe
    ) -> Tuple[http1.Answer, Optional[Url], Optional[Failure]]:
        answer = self._answer_to(wish)
        own = self._owns(url)
        way: Optional[Transport] = None
        location, following, failure = None, None, None
        with self._connections(url.host, url.port).lease() as lease:
            at = time.time()
            clock = time.monotonic()
            try:
                way = lease.kept[0] if lease.kept is not None else self._way_to(url)
                self._exchange(url, wish, way, lease, answer)
                location = answer.header("location") if answer.status in REDIRECTS else None
                if answer.refused is not None:
                    failure = Failure("head", "MALFORMED", answer.refused)
                elif location is not None:
                    following = self._following(url, location, hop, seen)
                elif wish.whole and not answer.complete:
                    failure = Failure("body", "LIMIT", "more than %d bytes" % wish.read)
            except Exception as error:
                failure = failure_from(error, "head" if answer.status is None else "body")
        hidden = wish.secret and (answer.status or 0) < 400
        record = {
            "step": wish.step, "image": wish.image, "digest": wish.digest, "attempt": attempt, "hop": hop,
            "range": None if wish.span is None else list(wish.span), "url": url.shown,
            "host": url.host, "port": url.port,
            "address": way.address if way else None, "via": way.via if way else None,
            "redirected_to": None if location is None else urls.shown(urls.absolute(url, location)),
            "status": answer.status, "headers": _harmless(answer.shown_headers), "media_type": _media_type(answer),
            "body": None if hidden else _body_excerpt(answer, wish), "body_bytes": answer.body_bytes,
            "complete": answer.complete, "sha256": answer.sha256, "size": wish.size,
            "authorized": wish.token is not None, "first_byte": answer.first_byte, "at": at,
            "opening": None if answer.begun is None else answer.begun - clock,
            "seconds": time.monotonic() - clock, "error": failure.record() if failure else None,
        }  # fmt: skip
        record.update(describe(answer))
        self._visit.emit("registry", self._task, **record)
        if way is not None and answer.status is not None and not own and not self._is_planned(url.host):
            if self._visit.first("greet", self._task, url.host, url.port):
                endpoint.greet(self._visit, self._task, url.host, url.port, way)
        if failure is not None and not own and (failure.phase, failure.name) in UNTRUSTED:
            self._identify(url)
        return answer, following, failure

    def _identify(self, url: Url) -> None:
        """Who is it that answers there with a certificate that does not verify? Once, unless the plan asks anyhow."""
        if not self._is_planned(url.host) and self._visit.first("identify", self._task, url.host, url.port):
            endpoint.start(self._visit, {"id": self._task, "host": url.host, "port": url.port})

    def _is_planned(self, host: str) -> bool:
        """Does a task of the plan look at this host anyhow?"""
        return any(host in task.get("hosts", ()) for task in self._visit.plan["tasks"])

    def _answer_to(self, wish: FetchSpec) -> http1.Answer:
        limits = self._visit.limits
        if not wish.patient:
            return http1.Answer(wish.read, wish.read)
        patience = Patience(limits["pull"], limits["layer_silence"], limits["layer_seconds"])
        return Transfer(wish.read, wish.shown, patience)

    def _connections(self, host: str, port: int) -> Connections:
        limits = self._visit.limits
        shared: Connections = self._visit.shared(
            ("connections", host, port), lambda: Connections(limits["registry_parallel"], limits["hedge"])
        )
        return shared

    def _following(self, url: Url, location: str, hop: int, seen: Set[Url]) -> Url:
        following = urls.parse(urls.absolute(url, location), local=self._local)
        if following in seen:
            raise Failure("redirect", "REDIRECT", "redirected in a circle")
        if hop >= self._visit.limits["redirects"]:
            raise Failure("redirect", "REDIRECT", "more than %d redirects" % hop)
        return following

    def _way_to(self, url: Url) -> Transport:
        if self._owns(url):
            return self._way
        route = self._visit.route(self._task, url.host, url.port)
        if route.proxy is not None:
            return Tunnelled(self._visit, self._task, url.host, url.port, route.proxy)
        addresses = addresses_of(self._visit, self._task, url.host)
        if not self._local and any(urls.forbidden(address) for address in addresses):
            raise Failure("redirect", "REDIRECT", "%s has the address %s" % (url.host, addresses[0]))
        return Nearest(self._visit, url.port, addresses)

    def _exchange(self, url: Url, wish: FetchSpec, way: Transport, lease: Lease, answer: http1.Answer) -> None:
        headers = [
            ("Host", authority(url.host, url.port)),
            ("User-Agent", self._visit.plan["agent"]),
            ("Accept", wish.accept),
            ("Accept-Encoding", "identity"),
        ]
        if wish.token is not None:
            headers.append(("Authorization", "Bearer " + wish.token))
        if wish.span is not None:
            headers.append(("Range", "bytes=%d-%d" % wish.span))
        head = http1.request_head(wish.method, url.target, headers)
        kept, lease.kept = lease.kept, None
        if kept is not None and self._asked_again(kept, head, lease, answer):
            return
        stream = TlsStream(way.open(), self._visit.trust.verifying, url.host)
        try:
            stream.handshake(Deadline(self._visit.limits["tls"]))
        except Exception as error:
            stream.close()
            raise failure_from(error, "tls") from error
        lease.opened()
        self._ask((way, stream), head, lease, answer)

    def _asked_again(self, kept: Kept, head: bytes, lease: Lease, answer: http1.Answer) -> bool:
        """Did a connection that was kept serve once more? The peer may have closed it meanwhile."""
        failed: Optional[Exception] = None
        try:
            self._ask(kept, head, lease, answer)
        except Exception as error:
            failed = error
        if answer.never_came(failure_from(failed, "head") if failed is not None else None):
            answer.forget()
            return False
        if failed is not None:
            raise failed
        return True

    def _ask(self, kept: Kept, head: bytes, lease: Lease, answer: http1.Answer) -> None:
        limits, (_, stream) = self._visit.limits, kept
        limits = dict(limits, first_byte=limits["pull_first_byte"])
        deadline = Deadline(limits["pull"])
        if isinstance(answer, Transfer):
            answer.patience.begin()
            deadline = answer.patience
        try:
            http1.exchange(stream, head, b"", answer, limits, deadline)
        finally:
            if answer.reusable:
                lease.kept = kept
            else:
                stream.close()

    def _owns(self, url: Url) -> bool:
        """Is this the registry itself?"""
        return (url.host, url.port) == self._origin

    def _shows_token(self, url: Url) -> bool:
        """Is this the registry's host, or a subdomain of it, at any port? `net/http` asks the same."""
        registry = self._origin[0]
        return url.host == registry or (":" not in url.host and url.host.endswith("." + registry))


def _body_excerpt(answer: http1.Answer, wish: FetchSpec) -> str:
    length = wish.shown if answer.status == 200 else SHOWN
    return base64.b64encode(answer.body[:length]).decode("ascii")


def _harmless(headers: http1.Headers) -> http1.Headers:
    """Without what identifies somebody; of a location, which may be signed, the query values are cut."""
    kept = [(name, value) for name, value in headers if name.lower() not in HIDDEN_HEADERS]
    return [(name, urls.shown(value) if name.lower() in LOCATIONS else value) for name, value in kept]


def _media_type(answer: http1.Answer) -> Optional[str]:
    return (answer.header("content-type") or "").partition(";")[0].strip().lower() or None
