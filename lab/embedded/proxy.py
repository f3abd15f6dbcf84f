"""A forward proxy that speaks CONNECT, and may open the TLS that goes through it.

Names are resolved from the world's own records: a proxy has its own view of the DNS, not its clients'.
"""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import ipaddress
import itertools
import select
import socket
import ssl
import time

from lab.embedded import http, sockets, tls
from lab.embedded.http import Request
from lab.embedded.log import Log, header_fields
from lab.names import Names
from lab.pki import Pki
from lab.servers import Proxy, Reply, ResponseFault
from lab.world import Authority, Site, Tls

_CONNECT_TIMEOUT = 10.0
_LOGIN_PAGE = b"<html><head><title>407</title></head><body>Cache access denied: authentication required</body></html>"
_DENIED_PAGE = b"<html><head><title>403</title></head><body>Access denied by corporate policy</body></html>"
_ERROR_PAGE = b"<html><head><title>502</title></head><body>The destination cannot be reached</body></html>"
_QUOTA_PAGE = b"<html><head><title>403</title></head><body>Connection limit of this client reached</body></html>"
_ENDS = {ResponseFault.CLOSE: sockets.finish, ResponseFault.RESET: sockets.reset, ResponseFault.STALL: sockets.hold}


class ProxyServer:
    """Serves the connections of one proxy site."""

    def __init__(self, site: Site, app: Proxy, names: Names, pki: Pki, log: Log) -> None:
        self._site = site
        self._app = app
        self._names = names
        self._pki = pki
        self._log = log
        self._asked = itertools.count(1)

    def serve(self, connection: socket.socket) -> None:
        """Read one request and become a tunnel, or refuse. `connection` may be TLS already."""
        try:
            request = http.read_request(_unbuffered(connection))
        except http.BadRequest:
            request = Request(method="-", target="-", headers=[])
        if request is None:
            return
        reply, upstream = self._decide(request)
        self._log.write(
            "connect",
            site=self._site.name,
            target=request.target,
            method=request.method,
            status=reply.status,
            **{"from": list(connection.getpeername()[:2])},
            **header_fields(request.headers),
        )
        if upstream is None and not reply.status:
            sockets.hold(connection)
            return
        if upstream is None:
            http.send(connection, request, reply, 0.0, close=True)
            sockets.finish(connection)
            return
        with upstream:
            time.sleep(self._app.delay)
            connection.sendall(self._app.grants_with)
            if self._app.tunnel in _ENDS:
                _ENDS[self._app.tunnel](connection)
            elif _matches(request.target, self._app.bumps):
                self._bump(connection, upstream, request.target.rpartition(":")[0])
            else:
                _relay(connection, upstream)
                sockets.finish(connection)

    def _decide(self, request: Request) -> tuple[Reply, socket.socket | None]:
        if request.method != "CONNECT":
            return _page(400, b"<html><body>Bad Request</body></html>"), None
        if self._app.reply is not None:
            return self._app.reply, None
        if self._app.needs_login and not self._logged_in(request):
            return _page(407, _LOGIN_PAGE, ("Proxy-Authenticate", 'Basic realm="Example Corp proxy"')), None
        refused = _matches(request.header("user-agent") or "", self._app.refuses_agents)
        if refused or _matches(request.target, self._app.denies):
            return _page(403, _DENIED_PAGE), None
        if _matches(request.target, self._app.sometimes) and next(self._asked) % self._app.every == 0:
            return _page(0 if self._app.silent else 403, _QUOTA_PAGE), None
        host, _, port = request.target.rpartition(":")
        for address in self._addresses(host.strip("[]")):
            with contextlib.suppress(OSError):
                return Reply(), socket.create_connection((address, int(port)), timeout=_CONNECT_TIMEOUT)
        return _page(502, _ERROR_PAGE), None

    def _logged_in(self, request: Request) -> bool:
        expected = base64.b64encode(self._app.login.encode()).decode()
        return request.header("proxy-authorization") == f"Basic {expected}"

    def _addresses(self, host: str) -> tuple[str, ...]:
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            answer = self._names.look_up(host, "A")
            return answer.records[-1].values if answer.positive else ()

    def _bump(self, connection: socket.socket, upstream: socket.socket, host: str) -> None:
        hello = tls.peek_hello(connection)
        name = (hello.name if hello else None) or host
        settings = Tls(authority=Authority.DEVICE)
        certificate = self._pki.issue(f"bumped-{name}", settings, (name,))
        outer = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        outer.check_hostname = False
        outer.verify_mode = ssl.CERT_NONE
        with (
            tls.server_context(settings, certificate).wrap_socket(connection, server_side=True) as inside,
            outer.wrap_socket(upstream, server_hostname=name) as outside,
        ):
            _relay(inside, outside)


def _matches(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


def _unbuffered(connection: socket.socket) -> http.Readable:
    """What follows the request belongs to the tunnel, so nothing may be read ahead."""
    return connection.makefile("rb", buffering=0)


def _page(status: int, body: bytes, *headers: tuple[str, str]) -> Reply:
    server = (("Server", "squid/5.7"), ("Via", "1.1 proxy.corp.example (squid/5.7)"))
    return Reply(status=status, headers=(("Content-Type", "text/html"), *server, *headers), body=body)


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side is done."""
    peers = {one: other, other: one}
    while True:
        decrypted = [side for side in peers if isinstance(side, ssl.SSLSocket) and side.pending()]
        ready = decrypted or select.select(list(peers), [], [], sockets.IDLE)[0]
        for side in ready:
            data = _received(side)
            if data == b"":
                return
            if data:
                peers[side].sendall(data)
        if not ready:
            return


def _received(side: socket.socket) -> bytes | None:
    """What has come; None if it was something of TLS's own, such as a session ticket, which no data need follow."""
    side.settimeout(0)
    try:
        return side.recv(65536)
    except (ssl.SSLWantReadError, BlockingIOError):
        return None
    finally:
        side.settimeout(sockets.IDLE)
