"""From a `Site` to listening sockets: TLS, then HTTP, the site's rules in front of its app."""

from __future__ import annotations

import fnmatch
import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import replace

from lab.embedded import http, http2, sockets, tls
from lab.embedded.apps import Answer, ChartsApp, DohApp, FixedApp, ReceiverApp, key_of
from lab.embedded.http import Request
from lab.embedded.log import Log, header_fields
from lab.embedded.proxy import ProxyServer
from lab.embedded.registry import CdnApp, RegistryApp, Store
from lab.names import Names
from lab.pki import Pki
from lab.servers import Cdn, Charts, Doh, Fixed, Proxy, Receiver, Registry, Reply, ResponseFault, Rule
from lab.world import Hello, Http2, Site, World

_EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </static/js/main.js>; rel=preload\r\n\r\n"


def answer_of(site: Site, world: World, store: Store) -> Answer:
    """The function that answers a site's requests."""
    match site.app:
        case Receiver() as app:
            return ReceiverApp(app=app)
        case Registry() as app:
            return RegistryApp(app, world, store)
        case Cdn() as app:
            return CdnApp(app, store)
        case Charts() as app:
            return ChartsApp(app=app, world=world)
        case Doh() as app:
            return DohApp(names=Names(world.records, app.overrides))
        case Fixed() as app:
            return FixedApp(app=app)
        case Proxy():
            raise TypeError("a proxy answers no requests of its own")


def _has_header(request: Request, pattern: str) -> bool:
    written = (f"{as_it_is}: {value}" for name, value in request.headers for as_it_is in (name, name.lower()))
    return any(fnmatch.fnmatchcase(line, pattern) for line in written)


class SiteServer:
    """One site of the world."""

    def __init__(self, site: Site, world: World, store: Store, pki: Pki, log: Log) -> None:
        self._site = site
        self._log = log
        self._clock_offset = world.clock_offset
        self._asked: Counter[tuple[Rule, str]] = Counter()
        self._lock = threading.Lock()
        self._context = tls.server_context(site.tls, pki.leaf(site)) if site.tls else None
        if isinstance(site.app, Proxy):
            self._serve = ProxyServer(site, site.app, Names(world.records), pki, log).serve
        else:
            self._answer = answer_of(site, world, store)
            self._serve = self._serve_http

    def start(self, acceptor: sockets.Acceptor) -> None:
        """Listen on every address."""
        for address in self._site.addresses if self._site.listens else ():
            acceptor.add(sockets.stream_listener(address, self._site.port), self._connected)

    def _connected(self, connection: socket.socket) -> None:
        self._log.write("tcp", **self._ends(connection))
        if self._context is None or self._site.tls is None:
            self._serve(connection)
            return
        settings = self._site.tls
        if settings.hello is Hello.BANNER:
            tls.misbehave(connection, settings.hello)
            return
        hello = tls.peek_hello(connection)
        if hello is None:
            sockets.finish(connection)
            return
        self._log.write("tls", sni=hello.name, hello_bytes=hello.size, **self._ends(connection))
        fate = settings.large_hello if 0 < settings.hello_limit < hello.size else settings.hello
        if settings.refuses and bytes.fromhex(settings.refuses) in hello.message:
            fate = Hello.ALERT
        if settings.needs and bytes.fromhex(settings.needs) not in hello.message:
            fate = Hello.RESET
        if fate is not Hello.ANSWER:
            tls.misbehave(connection, fate, settings.alert)
            return
        time.sleep(settings.delay)
        with self._context.wrap_socket(connection, server_side=True) as secure:
            if settings.http2 is not Http2.NOT_SPOKEN and secure.selected_alpn_protocol() == "h2":
                http2.serve(secure, settings.http2)
            else:
                self._serve(secure)

    def _serve_http(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        alive = True
        while alive:
            try:
                request = http.read_request(stream)
            except http.BadRequest:
                request = Request(method="-", target="-", headers=[])
                self._send(connection, request, Reply(status=400, body=b"<html><body>Bad Request</body></html>"))
                return
            if request is None:
                return
            self._log_request(connection, request)
            alive = self._exchange(connection, stream, request)

    def _exchange(self, connection: socket.socket, stream: http.Readable, request: Request) -> bool:
        if (request.header("expect") or "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        early = self._rule(request, request.length or 0, sized=True)
        if early and early.reply:
            self._send(connection, request, early.reply)
            return False
        body = http.read_body(stream, request)
        rule = self._rule(request, len(body), sized=False)
        if rule and rule.delay:
            time.sleep(rule.delay)
        if rule and rule.interim:
            connection.sendall(_EARLY_HINTS)
        if rule and rule.reply:
            reply = rule.reply
        else:
            reply = self._answer(request, body)
            self._log_delivery(request, reply)
        if rule and rule.reply is None and rule.manner is not ResponseFault.PLAIN and len(reply.body) > rule.limit:
            reply = replace(reply, manner=rule.manner, limit=rule.limit)
        if self._site.closes_connections or not request.keeps_alive or reply.manner is not ResponseFault.PLAIN:
            self._send(connection, request, reply)
            return False
        alive = http.send(connection, request, reply, self._clock_offset, close=False)
        if self._site.takes_leave:
            self._send(connection, request, Reply(status=408, headers=()))
            return False
        return alive

    def _send(self, connection: socket.socket, request: Request, reply: Reply) -> None:
        """The last answer of a connection."""
        http.send(connection, request, reply, self._clock_offset, close=True)
        if reply.manner is ResponseFault.PLAIN:
            sockets.finish(connection)

    def _rule(self, request: Request, size: int, *, sized: bool) -> Rule | None:
        for rule in self._site.rules:
            if (
                (rule.larger_than >= 0) is sized
                and size > rule.larger_than
                and (not rule.methods or request.method in rule.methods)
                and fnmatch.fnmatchcase(request.path, rule.path)
                and not (rule.without_authorization and request.header("authorization"))
                and (not rule.header or _has_header(request, rule.header))
                and (not rule.query or fnmatch.fnmatchcase(request.target.partition("?")[2], rule.query))
                and not (rule.without_key and key_of(request) == rule.without_key)
                and self._counts(rule, request.path)
            ):
                return rule
        return None

    def _counts(self, rule: Rule, path: str) -> bool:
        """Is this one of the first requests for the path, which alone the rule is for?"""
        if not rule.times:
            return True
        with self._lock:
            self._asked[rule, path] += 1
            return self._asked[rule, path] <= rule.times

    def _ends(self, connection: socket.socket) -> dict[str, object]:
        return {
            "site": self._site.name,
            "from": list(connection.getpeername()[:2]),
            "to": list(connection.getsockname()[:2]),
        }

    def _log_delivery(self, request: Request, reply: Reply) -> None:
        """Write down that the app itself, and nothing in front of it, took what a client marked with X-Delivery."""
        delivery = request.header("x-delivery")
        if delivery and isinstance(self._site.app, Receiver) and request.method == "POST" and reply.status < 300:
            self._log.write("delivered", site=self._site.name, delivery=delivery, bytes=request.length)

    def _log_request(self, connection: socket.socket, request: Request) -> None:
        self._log.write(
            "http",
            method=request.method,
            path=request.target.partition("?")[0],
            query=sorted(request.query),
            tls=connection.version() if isinstance(connection, ssl.SSLSocket) else None,
            **self._ends(connection),
            **header_fields(request.headers),
        )
