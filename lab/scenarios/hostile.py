"""Peers that mean harm: the suite must end in time, in little memory, with the right finding and clean output."""

from __future__ import annotations

import gzip

from lab.changes import rules, site
from lab.scenario import Change, Scenario, both, finds
from lab.servers import Fixed, Reply, ResponseFault, Rule
from lab.world import World

_ESCAPES = b"\x1b]0;owned\x07\x1b[2J\x1b[31mIGNORE\r\nX-Injected: yes\x00\x9b5m"
_HTML = b"<script>alert(1)</script><img src=x onerror=alert(2)>\"'><!--"


def _tenant(reply: Reply) -> Change:
    return site("tenant", app=Fixed(reply=reply))


def _json(body: bytes, *headers: tuple[str, str], manner: ResponseFault = ResponseFault.PLAIN) -> Reply:
    return Reply(headers=(("Content-Type", "application/json"), *headers), body=body, manner=manner)


def _bomb(world: World) -> World:
    """Made when it is needed: ten members of 10 MB each."""
    body = gzip.compress(bytes(10_000_000), mtime=0) * 10
    return _tenant(_json(body, ("Content-Encoding", "gzip")))(world)


def _redirects(location: str) -> Change:
    return _tenant(Reply(status=302, headers=(("Location", location),)))


def _realm(realm: str) -> Change:
    challenge = ("WWW-Authenticate", f'Bearer realm="{realm}",service="quay.io"')
    version = ("Docker-Distribution-API-Version", "registry/2.0")
    return rules("quay", Rule(reply=Reply(status=401, headers=(challenge, version), body=b"{}")))


def _blobs_at(location: str) -> Change:
    return rules("quay", Rule(path="/v2/*/blobs/*", reply=Reply(status=302, headers=(("Location", location),))))


SCENARIOS = (
    Scenario(
        name="endless-headers",
        broken="the tenant sends header lines for ever",
        change=_tenant(_json(b"", manner=ResponseFault.ENDLESS_HEADERS)),
        find=finds(RCV_01="http.malformed"),
    ),
    Scenario(
        name="endless-body",
        broken="the tenant sends a body for ever",
        change=_tenant(_json(b"", manner=ResponseFault.ENDLESS_BODY)),
        find=finds(RCV_01="http.not-receiver"),
    ),
    Scenario(
        name="one-byte-a-second",
        broken="the tenant sends its answers one byte a second",
        change=_tenant(_json(b'{"a": 1}', manner=ResponseFault.DRIP)),
        find=finds(RCV_01="http.stalled"),
    ),
    Scenario(
        name="huge-json",
        broken="the tenant answers with 100 MB of JSON",
        change=_tenant(_json(b"", manner=ResponseFault.HUGE_JSON)),
        find=finds(RCV_01="http.not-receiver"),
    ),
    Scenario(
        name="compressed-bomb",
        broken="the tenant answers with a compressed body that unpacks to 100 MB",
        change=_bomb,
        find=finds(RCV_01="http.not-receiver"),
    ),
    Scenario(
        name="terminal-escapes",
        broken="the tenant's answers hold terminal control sequences",
        change=_tenant(
            Reply(
                status=403,
                headers=(("Content-Type", "text/plain"), ("Server", _ESCAPES.decode("latin-1").replace("\r\n", " "))),
                body=_ESCAPES,
            )
        ),
        find=finds(RCV_01="http.malformed"),
    ),
    Scenario(
        name="html-everywhere",
        broken="the tenant's answers hold HTML in every field",
        change=_tenant(
            Reply(
                status=404,
                headers=(("Content-Type", _HTML.decode()), ("Server", _HTML.decode()), ("Location", _HTML.decode())),
                body=b"<html><title>" + _HTML + b"</title></html>",
            )
        ),
        find=finds(RCV_01="http.not-found"),
    ),
    Scenario(
        name="redirects-in-circles",
        broken="the tenant redirects every path to itself",
        change=_redirects("https://{host}{path}"),
        find=finds(RCV_01="http.redirected"),
    ),
    Scenario(
        name="redirects-to-loopback",
        broken="the tenant redirects to a service on the host itself",
        change=_redirects("http://127.0.0.1:8126/"),
        find=finds(RCV_01="http.captive-portal"),
    ),
    Scenario(
        name="redirects-to-a-file",
        broken="the tenant redirects to a file",
        change=_redirects("file:///etc/passwd"),
        find=finds(RCV_01="http.redirected"),
    ),
    Scenario(
        name="registry-token-server-is-a-file",
        broken="the registry's challenge points to a file",
        change=_realm("file:///etc/passwd"),
        find=finds(REG_02="registry.token-denied"),
    ),
    Scenario(
        name="registry-token-server-on-loopback",
        broken="the registry's challenge points to a service on the host itself",
        change=_realm("http://127.0.0.1:8126/token"),
        find=finds(REG_02="registry.token-denied"),
    ),
    Scenario(
        name="layers-redirect-in-circles",
        broken="the registry redirects layers in circles",
        change=_blobs_at("https://quay.io{path}"),
        find=finds(REG_04="registry.bad-redirect"),
    ),
    Scenario(
        name="layers-redirect-to-loopback",
        broken="the registry redirects layers to a service on the host itself",
        change=_blobs_at("http://127.0.0.1:8126/blob"),
        find=finds(REG_04="registry.bad-redirect"),
    ),
    Scenario(
        name="layers-redirect-to-a-file",
        broken="the registry redirects layers to a file",
        change=_blobs_at("file:///etc/passwd"),
        find=finds(REG_04="registry.bad-redirect"),
    ),
    Scenario(
        name="registry-endless-manifest",
        broken="the registry sends manifests that never end",
        change=rules("quay", Rule(path="/v2/*/manifests/*", reply=_json(b"", manner=ResponseFault.ENDLESS_BODY))),
        find=finds(REG_03="http.closed"),
    ),
    Scenario(
        name="layers-never-end",
        broken="the CDN sends layers that never end",
        change=both(
            _blobs_at("https://cdn.quay.io/endless"),
            rules("cdn", Rule(path="/endless", reply=Reply(manner=ResponseFault.ENDLESS_BODY))),
        ),
        find=finds(REG_04="registry.blob-corrupt"),
    ),
    Scenario(
        name="chart-index-bomb",
        broken="the chart repository's index is a YAML document that grows without end",
        change=rules("helm", Rule(path="/index.yaml", reply=_json(b"", manner=ResponseFault.ENDLESS_BODY))),
        find=finds(HELM_01="helm.not-a-repository"),
    ),
)
