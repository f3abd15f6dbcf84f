"""What a site answers to HTTP requests: one function per kind of app, from request to reply.

A function gets the request (its body is read and gone) and gives a `Reply`; it knows nothing of sockets.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

import dns.exception
import dns.message

from lab import images
from lab.embedded.dns import respond
from lab.embedded.http import Request
from lab.names import Names
from lab.servers import Charts, Fixed, Receiver, Reply
from lab.world import World

Answer = Callable[[Request, bytes], Reply]

_BASE = "/receiver/stsAgent"
_WRITE_PATHS = ("/intake", "/api/v1/series", "/api/v1/collector", "/api/v1/connections", "/logs/k8s", "/rbac/scope")
_OTLP_PATHS = ("/otel/v1/traces", "/otel/v1/metrics", "/otel/v1/logs")
_READ_PATHS = ("/features", "/api/v1/validate")
_FEATURES = {"upgrade-to-multi-metrics": True, "expose-kubernetes-status": True, "max-connections-per-message": 1000}
WEB_UI = (
    b'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>SUSE Observability</title>'
    b'<script defer src="/static/js/main.js"></script></head><body><div id="root"></div></body></html>'
)


def json_reply(status: int, value: object, *headers: tuple[str, str]) -> Reply:
    """A JSON answer."""
    return Reply(
        status=status, headers=(("Content-Type", "application/json"), *headers), body=json.dumps(value).encode()
    )


def text_reply(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    """A plain-text answer."""
    return Reply(status=status, headers=(("Content-Type", "text/plain; charset=UTF-8"), *headers), body=text.encode())


def key_of(request: Request) -> str | None:
    """The API key, in whichever way it travels."""
    authorization = request.header("authorization") or ""
    query = request.query.get("api_key", [None])[0]
    return request.header("sts-api-key") or query or authorization.removeprefix("ApiKey ") or None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverApp:
    """The tenant. Paths outside the receiver's are the web UI's, which answers 200 to everything."""

    app: Receiver

    def __call__(self, request: Request, _body: bytes) -> Reply:
        """Answer as the router in front of the tenant's back ends does."""
        if request.path.startswith("/otel/v1/") or request.path.startswith(f"{_BASE}/otel/v1/"):
            known = request.path.removeprefix(_BASE) in _OTLP_PATHS
            return text_reply(401, "Unauthorized") if known else text_reply(404, "Not Found")
        if request.path == _BASE or request.path.startswith(f"{_BASE}/"):
            return self._receiver(request, request.path.removeprefix(_BASE))
        return Reply(headers=(("Content-Type", "text/html; charset=utf-8"),), body=WEB_UI)

    def _receiver(self, request: Request, path: str) -> Reply:
        wanted = "POST" if path in _WRITE_PATHS else "GET"
        if path not in _WRITE_PATHS + _READ_PATHS:
            return text_reply(404, "The requested resource could not be found.")
        if request.method not in (wanted, "HEAD" if wanted == "GET" else wanted):
            return text_reply(405, f"HTTP method not allowed, supported methods: {wanted}", ("Allow", wanted))
        if key_of(request) != self.app.key:
            return json_reply(
                self.app.refuses_with, {"_type": "Unauthorized", "message": "API key is missing or invalid"}
            )
        return json_reply(200, _FEATURES if path == "/features" else {"valid": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartsApp:
    """The chart repository: an index and archives."""

    app: Charts
    world: World

    def __call__(self, request: Request, _body: bytes) -> Reply:
        """Serve a file."""
        if request.path == "/index.yaml":
            return Reply(
                headers=(("Content-Type", "application/yaml"),),
                body=images.chart_index(self.world.charts, self.app.archives),
            )
        for chart in self.world.charts:
            if request.path == f"/{images.archive_name(chart)}":
                return Reply(headers=(("Content-Type", "application/gzip"),), body=images.chart_archive(chart))
        return text_reply(404, "not found")


@dataclass(frozen=True, slots=True, kw_only=True)
class DohApp:
    """DNS over HTTPS (RFC 8484)."""

    names: Names

    def __call__(self, request: Request, body: bytes) -> Reply:
        """Answer the DNS message in the body or in `?dns=`."""
        if request.path != "/dns-query":
            return text_reply(404, "not found")
        encoded = request.query.get("dns", [""])[0]
        try:
            wire = body if request.method == "POST" else base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
            answer = respond(dns.message.from_wire(wire), self.names).to_wire()
        except (dns.exception.DNSException, ValueError):
            return text_reply(400, "bad request")
        return Reply(
            headers=(("Content-Type", "application/dns-message"), ("Cache-Control", "max-age=60")), body=answer
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedApp:
    """The same to everyone."""

    app: Fixed

    def __call__(self, _request: Request, _body: bytes) -> Reply:
        """Give the reply."""
        return self.app.reply
