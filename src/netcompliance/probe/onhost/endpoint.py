"""A host, looked at address by address: TCP, TLS, and the requests of the plan.

Theory of operation
* Each address is a line of its own: connect, verify, ask, on as few connections as serve. What is asked at one
  address only goes to the first that verifies. An upload has a connection of its own.
* Where the certificate does not verify, a second connection finds out who answers; requests on it carry no key. Of the
  tenant, one before it tries again: where a share of the connections leads to another server, all else is asked there.
* The agent's own ClientHello is sent beside the real handshake, with ALPN and without, to see what it gets. Hosts of
  images and charts get that of whoever fetches these.
* Once it verified, a request is made over HTTP/2, if the peer agrees to that, as parts of the agent do.
* Where the peer is silent, the same is tried again with small segments, beside the first attempt and without waiting
  for its end: an answer to small segments alone is a path MTU black hole.
* Behind an explicit proxy there is one line, through it, and the host's own name is neither resolved nor connected to.
"""

import base64
import functools
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Set

from netcompliance.probe.onhost import chain, exchanges, firstflight, golookup, http2, shares, tls
from netcompliance.probe.onhost.asking import Asker
from netcompliance.probe.onhost.names import resolve
from netcompliance.probe.onhost.payloads import Payloads
from netcompliance.probe.onhost.requests import Target, authority, body_of
from netcompliance.probe.onhost.route import Proxy
from netcompliance.probe.onhost.servername import for_host
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.transports import SMALL_MSS, Direct, Transport, Tunnelled
from netcompliance.probe.onhost.trust import identifying_context
from netcompliance.probe.onhost.visit import Visit

ANSWERED_WITH_TLS = ("VERIFY", "SSL")
"""Failures after which it is worth asking who answered."""
AGENT_HELLO = "agent-hello"
KEYLESS_HELLO = "keyless-hello"
VERIFY_AGAIN = "verify-again"
PLAIN_HELLO = "plain-hello"
PLAIN_TRIES = 3
"""After the first that was not answered: a share of all connections may be lost."""
SERVED = b"\x16"
"""The first byte of an answer that is a handshake."""
SMALLER = {"verify": "small-mss"}
"""Purposes of a handshake that is tried again with small segments, and of that second one."""
SOON = 1.5
"""Seconds within which an answer that is no silence has come: TCP asks again after one."""
HTTP2_TRIES = 2
POSTS_OVER_HTTP2 = "logs"
"""The part of the agent whose request is sent over HTTP/2, with a key that is none."""
UNVERIFIED = ("receiver", "sibling")
"""Purposes that are also asked of a peer whose certificate does not verify."""

Request = Dict[str, Any]
Verified = Callable[[Transport, tls.TlsStream, float], None]
"""Is given the transport and the stream on which a host verified first, and the seconds that it took to open."""


def start(visit: Visit, task: Dict[str, Any], verified: Optional[Verified] = None) -> None:
    """Begin with one host. `verified` is told where it verified first, and owns that stream."""
    Endpoint(visit, task, verified).start()


def look_at(visit: Visit, task: str, host: str, port: int, address: str) -> None:
    """One address of a host, apart from all others: connect and verify, and ask nothing."""
    way = Direct(visit, task, host, port, address)
    visit.spawn(task, Endpoint(visit, {"id": task, "host": host, "port": port}).look, way)


def greet(visit: Visit, task: str, host: str, port: int, way: Transport) -> None:
    """Send a host the ClientHello of whoever fetches from it, over this transport, and ask nothing."""
    visit.spawn(task, Endpoint(visit, {"id": task, "host": host, "port": port}).greet, way)


class Endpoint:
    """One host and port."""

    def __init__(self, visit: Visit, task: Dict[str, Any], verified: Optional[Verified] = None) -> None:
        self._visit = visit
        self._task: str = task["id"]
        self._host: str = task["host"]
        self._port: int = task["port"]
        self._requests: List[Request] = task.get("requests", [])
        self._upload: Optional[Dict[str, Any]] = task.get("upload")
        self._shares: bool = task.get("shares", False)
        self._lookup: bool = task.get("lookup", False)
        self._refused: Set[Optional[str]] = set()
        """Addresses at which the first connection did not open."""
        self._hellos = _hellos_for(visit, task)
        self._keyless = self._hellos.pop(KEYLESS_HELLO, b"")
        self._told = verified
        self._target = Target(visit, self._task, self._host, self._port)
        self._asker = Asker(visit, self._task, self._target)

    def start(self) -> None:
        """Through the proxy, or at each address as it becomes known: look."""
        route = self._visit.route(self._task, self._host, self._port)
        if route.proxy is not None:
            way = Tunnelled(self._visit, self._task, self._host, self._port, route.proxy)
            self._visit.spawn(self._task, self.look, way)
            self._look_up(route.proxy)
            return
        self._visit.book.watch(self._host, self._at)
        if self._lookup:
            golookup.start(self._visit, self._host, golookup.PORT)
        if self._host not in self._visit.resolved_by_plan:
            self._visit.spawn(self._task, resolve, self._visit, self._task, self._host, "host")

    def _look_up(self, proxy: Proxy) -> None:
        """The proxy's own name, as the agent looks it up; once."""
        is_name = proxy.trouble is None and ":" not in proxy.host and not proxy.host.replace(".", "").isdigit()
        if is_name and self._visit.first("look-up", proxy.host):
            golookup.start(self._visit, proxy.host, golookup.PORT)

    def _at(self, address: str) -> None:
        """Look at an address; where there are too many, only connect to the rest."""
        visit, place = self._visit, (self._task, self._host, self._port, address)
        beyond = visit.count("addresses", self._host, self._port) > visit.limits["addresses"]
        if beyond:
            visit.spawn(self._task, functools.partial(shares.look, hello=self._keyless, alone=True), visit, *place)
            return
        visit.spawn(self._task, self.look, Direct(visit, *place))
        if self._shares:
            visit.spawn(self._task, self._count_shares, *place)

    def _count_shares(self, *place: Any) -> None:
        """Many connections, unless the first of all was refused: a router says so only so often, and once is enough."""
        ended = self._visit.shared(("ended", *place), threading.Event)
        if ended.wait(SOON) and place[3] in self._refused:
            return
        shares.look(self._visit, *place, hello=self._keyless)

    def look(self, way: Transport) -> None:
        """Over one transport to the host."""
        clock = time.monotonic()
        lower = way.open_reported()
        if self._shares:
            if lower is None:
                self._refused.add(way.address)
            self._visit.shared(("ended", self._task, self._host, self._port, way.address), threading.Event).set()
        if lower is None:
            return
        opened = lower
        if self._shares and isinstance(way, Tunnelled):
            self._visit.spawn(self._task, way.ask_often, time.monotonic() - clock, self._keyless)
            self._visit.spawn(self._task, way.ask_at_each)
        if self._hellos:
            self._visit.spawn(self._task, self.greet, way)
        if PLAIN_HELLO in self._hellos:
            self._visit.spawn(self._task, self._plain_hello, way)
        stream, error = self._shake(way, "verify", self._visit.trust.verifying, lambda: opened)
        if stream is not None:
            self._go_on(way, stream, time.monotonic() - clock)
        elif error["name"] in ANSWERED_WITH_TLS and not self._verifies_again(way):
            self._identify(way)

    def _verifies_again(self, way: Transport) -> bool:
        """Does a second connection of many to the same address verify? Then that one goes on."""
        if not self._shares or way.via is not None:
            return False
        clock = time.monotonic()
        stream, _ = self._shake(way, VERIFY_AGAIN, self._visit.trust.verifying, way.open)
        if stream is not None:
            self._go_on(way, stream, time.monotonic() - clock)
        return stream is not None

    def _shake(self, way: Transport, purpose: str, context: Any, lower: Callable[[], Stream]) -> Any:
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

    def _shake_small(self, way: Transport, purpose: str, context: Any) -> None:
        stream, facts = tls.secure(way.open_small, context, self._host, self._visit.limits["tls_small"])
        self._report(way, purpose, dict(facts, mss=SMALL_MSS))
        if stream is not None:
            stream.close()

    def _report(self, way: Transport, purpose: str, facts: Dict[str, Any]) -> None:
        if facts.get("chain"):
            facts = dict(facts, **self._visit.anchors.unsent(facts["chain"]))
        self._visit.emit("tls", self._task, purpose=purpose, **dict({"mss": None}, **facts), **self._target.fields(way))

    def _identify(self, way: Transport) -> None:
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

    def _ask_unverified(self, way: Transport, request: Request) -> None:
        stream, failure = self._asker.connect(way.open, identifying_context())
        self._target.ask(way, stream, request, failure=failure)

    def _go_on(self, way: Transport, stream: tls.TlsStream, took: float) -> None:
        """The certificate verified: ask everything that the plan has for this address."""
        spawn, task = self._visit.spawn, self._task
        if chain.ON_THE_WIRE:
            spawn(task, self._read_chain, way)
        if self._told is not None and self._visit.first("verified", self._host, self._port):
            self._told(way, stream, took)
            return
        receiver = [request for request in self._requests if request["purpose"] == "receiver"]
        if receiver and self._hellos:
            spawn(task, self._speak_http2, way, receiver[0])
        if self._shares and way.address is not None and receiver:
            look = exchanges.Exchanges(self._visit, task, self._host, self._port, way.address).look
            spawn(task, look, receiver[0])
        possible = [request for request in self._requests if self._visit.key is not None or not request.get("key")]
        requests = [request for request in possible if request["at"] == "each"]
        if (self._requests or self._upload) and self._visit.first("one", self._host, self._port):
            requests.extend(request for request in possible if request["at"] == "one")
        Payloads(self._asker, way, requests, self._upload).send(stream, took)

    def _read_chain(self, way: Transport) -> None:
        """Where the interpreter gives only the leaf: once more, with a TLS version that shows the chain."""
        stream, _ = self._shake(way, "identify", identifying_context(readable=True), way.open)
        if stream is not None:
            stream.close()

    def _speak_http2(self, way: Transport, request: Request) -> None:
        """This request and what the logs agent posts, over HTTP/2 if the peer agrees to that.

        Each once more, on another connection, if it failed.
        """
        place = authority(self._host, self._port)
        left = [http2.request(place, request["path"], self._visit.plan["agent"])]
        left += [
            http2.post(place, each["path"], each["headers"], body_of(each))
            for each in self._requests
            if each.get("caller") == POSTS_OVER_HTTP2
        ]
        failed = 0
        while left and failed < HTTP2_TRIES:
            told = http2.look(way.open, self._host, left, self._visit.limits["tls"])
            for facts in told:
                self._visit.emit("http2", self._task, **dict(facts, **self._target.fields(way)))
            if told[0]["alpn"] != http2.AGREED:
                return
            answered = sum(facts["replied"] for facts in told)
            failed = 1 if answered else failed + 1
            left = left[answered:]

    def greet(self, way: Transport) -> None:
        """The agent's own ClientHello; where it gets nothing or an alert, others that differ from it in one thing."""
        hedge = self._visit.limits["hedge"]
        with self._visit.pool.unless_done(self._task, hedge, self._other_hellos, way):
            facts = self._send_hello(way, AGENT_HELLO, way.open, self._visit.limits["tls"])
        if not _is_served(facts):
            self._other_hellos(way)

    def _plain_hello(self, way: Transport) -> None:
        """The ClientHello of those that name no protocol; if it is not answered, some more."""
        facts = self._send_hello(way, PLAIN_HELLO, way.open, self._visit.limits["tls"])
        if _is_served(facts):
            return
        for _ in range(PLAIN_TRIES):
            seconds = self._visit.limits["tls_small"]
            self._visit.spawn(self._task, self._send_hello, way, PLAIN_HELLO, way.open, seconds)

    def _other_hellos(self, way: Transport) -> None:
        if not self._visit.first("hellos", self._task, self._host, way.address):
            return
        seconds, spawn = self._visit.limits["tls_small"], self._visit.spawn
        spawn(self._task, self._send_hello, way, AGENT_HELLO + "-again", way.open, seconds)
        for name in self._hellos:
            if name not in (AGENT_HELLO, PLAIN_HELLO):
                spawn(self._task, self._send_hello, way, name, way.open, seconds)
        if way.via is None:
            spawn(self._task, self._send_hello, way, AGENT_HELLO + "-small-mss", way.open_small, seconds)

    def _send_hello(
        self, way: Transport, purpose: str, open_lower: Callable[[], Stream], seconds: float
    ) -> Dict[str, Any]:
        facts = firstflight.send(open_lower, self._hellos.get(purpose, self._hellos[AGENT_HELLO]), seconds)
        self._report(way, purpose, facts)
        return facts


def _hellos_for(visit: Visit, task: Dict[str, Any]) -> Dict[str, bytes]:
    """Those of the plan for this task; else those of whoever fetches, made for its host."""
    if "hellos" in task:
        return {name: base64.b64decode(wire) for name, wire in task["hellos"].items()}
    fetchers: Dict[str, str] = visit.plan.get("fetchers_hellos") or {}
    return {name: for_host(base64.b64decode(wire), task["host"]) for name, wire in fetchers.items()}


def _is_served(facts: Dict[str, Any]) -> bool:
    """Did this ClientHello get a handshake's answer?"""
    return facts["error"] is None and base64.b64decode(facts["received"])[:1] == SERVED
