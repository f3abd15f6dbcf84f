"""Answers of things that are not the service: what such devices really send, shortened."""

from __future__ import annotations

from lab.embedded.apps import WEB_UI
from lab.servers import Reply

_HTML = ("Content-Type", "text/html; charset=utf-8")


def html(body: bytes, status: int = 200, *headers: tuple[str, str]) -> Reply:
    """A web page."""
    return Reply(status=status, headers=(_HTML, *headers), body=body)


WEB_UI_PAGE = html(WEB_UI)
BLOCK_PAGE = html(
    b"<html><head><title>Web Page Blocked</title></head><body><h1>Web Page Blocked</h1><p>Access to the web page "
    b"you were trying to visit has been blocked in accordance with company policy.</p>"
    b"<p>Category: unknown</p></body></html>",
    403,
)
DEVICE_403 = Reply(
    status=403, headers=(("Content-Type", "application/json"),), body=b'{"error":"forbidden","policy":"egress-17"}'
)
PORTAL_REDIRECT = html(b"", 302, ("Location", "http://portal.guest.example/login?url=https://{host}{path}"))
PORTAL_PAGE = html(
    b"<html><head><title>Guest network</title></head><body>Please accept the terms of use to log in to the network"
    b"<form action=/login></form></body></html>"
)
PORTAL_511 = html(b"<html><body>Network authentication required</body></html>", 511)
NGINX_404 = html(
    b"<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center></body></html>", 404
)
NGINX_502 = html(
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>",
    502,
)
NGINX_413 = html(b"<html><head><title>413 Request Entity Too Large</title></head><body></body></html>", 413)
PROXY_LOGIN = html(
    b"<html><head><title>Authentication required</title></head><body></body></html>",
    407,
    ("Proxy-Authenticate", 'Basic realm="gateway"'),
)
BASIC_401 = Reply(
    status=401,
    headers=(("Content-Type", "text/plain"), ("WWW-Authenticate", 'Basic realm="gateway"')),
    body=b"Unauthorized",
)
PLAIN_404 = Reply(status=404, headers=(("Content-Type", "text/plain"),), body=b"The resource could not be found.")
UNAVAILABLE = Reply(status=503, headers=(("Content-Type", "text/plain"),), body=b"no healthy upstream")
THROTTLED = Reply(
    status=429,
    headers=(("Content-Type", "application/json"), ("Retry-After", "60")),
    body=b'{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}',
)
