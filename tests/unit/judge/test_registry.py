"""REG-01 … REG-04: the walk of a pull, step by step."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from netcompliance.judge.hops import host_of
from netcompliance.model import RegistryMode, Result
from netcompliance.observations import Registry
from tests.unit.judge.records import (
    IMAGE,
    LAYER,
    Record,
    b64,
    blob,
    error,
    registry_step,
    sha,
    tcp,
    tls,
    tunnel,
)
from tests.unit.judge.records import MANIFEST as MANIFEST_BYTES
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import (
    altered,
    changed,
    exchange,
    healthy,
    own_registry,
    proxied,
    verdict_of,
    verdicts,
    without,
)

PING = {"kind": "registry", "step": "ping"}
TOKEN, MANIFEST = {"kind": "registry", "step": "token"}, {"kind": "registry", "step": "manifest"}
PLATFORM, CONFIG = {"kind": "registry", "step": "platform"}, {"kind": "registry", "step": "config"}
LAYERS = {"kind": "registry", "step": "layer"}
LAST = {**LAYERS, "hop": 1}
CDNS_NAME = {"kind": "resolve", "host": "cdn01.quay.io"}
PAGE = {"headers": [["Content-Type", "text/html"]], "body": b64(b"<html>No</html>")}
BEARER = ["WWW-Authenticate", "Bearer realm=x"]
MARK = ["Docker-Distribution-Api-Version", "registry/2.0"]
UNAUTHORIZED = b64(b'{"errors":[{"code":"UNAUTHORIZED"}]}')
QUOTA = b'{"errors":[{"code":"DENIED","message":"pull quota exceeded"}]}'
MANIFEST_V2 = "application/vnd.docker.distribution.manifest.v2+json"


def ping(status: int | None, *headers: list[str], body: bytes = b"", **fields: Any) -> list[Record]:
    return changed(PING, status=status, headers=list(headers), body=b64(body), **fields)


def fails(name: str, phase: str = "head", code: int | None = None, **fields: Any) -> dict[str, Any]:
    lost = error(name, phase) if code is None else error(name, phase, code=code)
    return {"status": None, "headers": [], "error": lost, **fields}


NO_REGISTRY = {"REG-01": "registry.not-a-registry"}

PINGS = {
    "wants a bearer token": row(ping(401, BEARER)),
    "wants a password": row(ping(401, ["www-authenticate", "Basic realm=x"])),
    "wants nothing": row(ping(200, body=b"{}")),
    "wants nothing and says so": row(ping(200, MARK, body=b'{"a":1}')),
    "says true": row(ping(200, body=b" true\n")),
    "says nothing": row(ping(200)),
    "refuses, and is a registry": row(ping(403, MARK)),
    "refuses in a registry's words": row(ping(403, body=b'{"errors":[{"code":"DENIED"}]}')),
    "refuses in other words": row(ping(403, body=b'{"error":"no"}'), NO_REGISTRY),
    "refuses in no words": row(ping(403, body=b'{"errors":[]}'), NO_REGISTRY),
    "unauthorized without a challenge": row(ping(401), NO_REGISTRY),
    "unauthorized with another challenge": row(ping(401, ["WWW-Authenticate", "Negotiate"]), NO_REGISTRY),
    "a page with a challenge": row(ping(401, BEARER, ["Content-Type", "text/html"]), NO_REGISTRY),
    "a page": row(ping(200, body=b"<html>"), NO_REGISTRY),
    "another service's JSON": row(ping(200, ["Content-Type", "application/json"], body=b'{"a":1}'), NO_REGISTRY),
    "no such path": row(ping(404, MARK), NO_REGISTRY),
    "a redirect": row(ping(302), NO_REGISTRY),
    "throttled": row(ping(429), {"REG-01": "registry.throttled"}),
    "a proxy's login": row(ping(407), {"REG-01": "http.proxy-auth"}),
    "a server's fault": row(ping(500), {"REG-01": "registry.unavailable"}),
    "a gateway's fault, as a page": row(ping(502, body=b"<html>"), {"REG-01": "registry.unavailable"}),
    "no answer": row(changed(PING, **fails("TIMEOUT")), {"REG-01": "http.stalled"}),
    "no answer for the system": row(changed(PING, **fails("ETIMEDOUT")), {"REG-01": "http.stalled"}),
    "cut": row(changed(PING, **fails("ECONNRESET")), {"REG-01": "http.closed"}),
    "Go refuses the answer": row(ping(401, BEARER, error=error("MALFORMED", "head")), {"REG-01": "http.malformed"}),
    "nothing at all": row(changed(PING, status=None), {"REG-01": "http.closed"}),
    "known by its head, though the body stalls": row(ping(401, BEARER, error=error("TIMEOUT", "body"))),
    "not asked": row(without(healthy(), **PING), because={"REG-01": "no request to the registry came to an end"}),
}

TO_QUAY = {"host": "quay.io", "task": "registry"}
WAYS = {
    "no address": row(
        without(changed({"kind": "resolve", "host": "quay.io"}, addresses=[], error=error("GAI", code=-2)), **PING),
        {"REG-01": "dns.nxdomain"},
    ),
    "no address, by whoever asked for it": row(
        without(
            changed({"kind": "resolve", "host": "quay.io"}, addresses=[], task="tenant", error=error("GAI", code=-2)),
            **PING,
        ),
        {"REG-01": "dns.nxdomain"},
    ),
    "refused": row(changed({**TO_QUAY, "kind": "tcp"}, error=error("ECONNREFUSED")), {"REG-01": "tcp.refused"}),
    "dropped": row(changed({**TO_QUAY, "kind": "tcp"}, error=error("TIMEOUT")), {"REG-01": "tcp.filtered"}),
    "one of two dropped": row(
        [*healthy(), *exchange([tcp("3.216.1.11", "registry", "quay.io", error=error("TIMEOUT"))])],
        {"REG-01": "tcp.partly-filtered"},
    ),
    "filtered by name": row(
        changed({**TO_QUAY, "kind": "tls"}, verified=False, error=error("ECONNRESET", "tls")), {"REG-01": "tls.reset"}
    ),
    "a proxy denies it": row(
        altered(proxied(), {"kind": "proxy", "host": "quay.io"}, status=403),
        {"PRX-01": "proxy.denied"},
        unchecked="REG-01",
    ),
    "a proxy denies it once": row(
        [*proxied(), *exchange([tunnel("registry", "quay.io", status=403)])],
        {"PRX-01": "proxy.partly-denied"},
        unchecked="REG-01",
    ),
}


def untrusted(records: list[Record], host: str) -> list[Record]:
    """The registry's certificate is by an authority that nobody knows."""
    failed = altered(records, {"kind": "tls", "host": host}, verified=False, error=error("VERIFY", "tls", code=20))
    return altered(failed, {"kind": "chain", "host": host}, anchor=None, anchor_name=None, public_issuer=False)


OWN, OWN_SETTINGS = own_registry()

OWN_HOUSE = {
    "one's own registry by one's own authority": row(
        untrusted(OWN, "registry.corp.example"), {"REG-01": "tls.untrusted"}, settings=OWN_SETTINGS
    ),
    "quay.io by somebody's authority": row(untrusted(healthy(), "quay.io"), {"REG-01": "tls.intercepted"}),
    "a pull-through cache by one's own authority": row(
        untrusted(OWN, "registry.corp.example"),
        {"REG-01": "tls.untrusted"},
        settings=replace(OWN_SETTINGS, registry_mode=RegistryMode.PROXY),
    ),
}

TOKENS = {
    "denied": row(changed(TOKEN, status=401, token=False), {"REG-02": "registry.token-denied"}),
    "Go refuses the answer": row(changed(TOKEN, error=error("MALFORMED", "head")), {"REG-02": "http.malformed"}),
    "no token in it": row(changed(TOKEN, token=False), {"REG-02": "registry.token-denied"}),
    "a token with another status": row(changed(TOKEN, status=201), {"REG-02": "registry.token-denied"}),
    "a page": row(changed(TOKEN, token=False, **PAGE), {"REG-02": "registry.token-denied"}),
    "the token server does not answer": row(changed(TOKEN, **fails("TIMEOUT")), {"REG-02": "http.stalled"}),
    "the token server is dropped": row(changed(TOKEN, **fails("TIMEOUT", "tcp")), {"REG-02": "tcp.filtered"}),
    "the token server is unknown": row(changed(TOKEN, **fails("GAI", "resolve", -2)), {"REG-02": "dns.nxdomain"}),
    "a quota": row(changed(TOKEN, status=403, token=False, body=b64(QUOTA)), {"REG-02": "registry.policy"}),
    "throttled": row(changed(TOKEN, status=429, token=False), {"REG-02": "registry.throttled"}),
    "a server's fault": row(changed(TOKEN, status=503, token=False), {"REG-02": "registry.unavailable"}),
    "granted at the second try": row([*exchange([registry_step("token", status=401, token=False)]), *healthy()]),
    "a redirect that was not waited for": row(
        changed(TOKEN, status=307, token=None),
        because={"REG-02": "the redirect to the token server did not come to an end"},
    ),
    "a redirect that was refused": row(
        changed(TOKEN, status=307, token=None, error=error("REDIRECT", "redirect")), {"REG-02": "registry.token-denied"}
    ),
    "none needed": row(without(healthy(), **TOKEN)),
    "none needed, and a login all the same": row(
        without(changed(MANIFEST, status=401, headers=[BEARER]), **TOKEN), {"REG-02": "registry.credentials"}
    ),
    "forbidden with a token": row(changed(MANIFEST, status=403, body=UNAUTHORIZED), {"REG-02": "registry.credentials"}),
    "forbidden by a policy": row(changed(MANIFEST, status=403, body=b64(QUOTA)), {"REG-02": "registry.policy"}),
    "forbidden by a condition": row(changed(MANIFEST, status=412, body=b64(QUOTA)), {"REG-02": "registry.policy"}),
    "forbidden, and no reason given": row(
        changed(MANIFEST, status=403, body=b64(QUOTA.replace(b"pull quota exceeded", b"Denied."))),
        {"REG-02": "registry.credentials"},
    ),
    "forbidden by a page": row(changed(MANIFEST, status=403, **PAGE), {"REG-03": "registry.not-a-registry"}),
    "nothing was asked": row(
        without(without(healthy(), **TOKEN), **MANIFEST),
        because={"REG-02": "the walk to this image did not come to an end"},
    ),
}


@pytest.mark.parametrize(
    ("records", "saw"),
    [
        (healthy(), "a token was granted"),
        (without(healthy(), **TOKEN), "no token is needed"),
        (TOKENS["denied"].records, f"{IMAGE}: token got status 401 without a type from quay.io"),
        (
            TOKENS["the token server does not answer"].records,
            "quay.io: the token did not arrive ([TIMEOUT])",
        ),
        (
            TOKENS["forbidden with a token"].records,
            f"{IMAGE}: the manifest is refused even with a token (403, UNAUTHORIZED): it is private or missing",
        ),
        (
            TOKENS["none needed, and a login all the same"].records,
            f"{IMAGE}: the manifest is refused without a login (401, Bearer): it is private or missing",
        ),
        (
            changed(MANIFEST, status=403),
            f"{IMAGE}: the manifest is refused even with a token (403, no reason): it is private or missing",
        ),
    ],
)
def test_what_became_of_the_token_is_told(records: list[Record], saw: str) -> None:
    assert verdict_of("REG-02", records).saw == saw


NOT_ONE = {"REG-03": "registry.not-a-registry"}


def single(**fields: Any) -> list[Record]:
    """The image is a single manifest; its config says for which platform."""
    records = changed(MANIFEST, media_type=MANIFEST_V2)
    known = {"status": None, "media_type": None, "complete": None, "sha256": None, "digest": None}
    return altered(records, PLATFORM, **{**known, "platforms": ["linux/amd64"], **fields})


MANIFESTS = {
    "missing": row(changed(MANIFEST, status=404), {"REG-03": "registry.image-missing"}),
    "gone": row(changed(MANIFEST, status=410), {"REG-03": "registry.image-missing"}),
    "missing, by a page": row(changed(MANIFEST, status=404, **PAGE), NOT_ONE),
    "throttled": row(changed(MANIFEST, status=429), {"REG-03": "registry.throttled"}),
    "a server's fault": row(changed(MANIFEST, status=500), {"REG-03": "registry.unavailable"}),
    "an odd status": row(changed(MANIFEST, status=206), NOT_ONE),
    "stalled": row(changed(MANIFEST, **fails("TIMEOUT")), {"REG-03": "http.stalled"}),
    "cut": row(changed(MANIFEST, **fails("EOF")), {"REG-03": "http.closed"}),
    "cut in the body": row(changed(MANIFEST, error=error("EOF", "body")), {"REG-03": "http.closed"}),
    "stalled in the body": row(changed(MANIFEST, error=error("TIMEOUT", "body")), {"REG-03": "http.stalled"}),
    "refused, then cut": row(
        changed(MANIFEST, status=500, error=error("EOF", "body")), {"REG-03": "registry.unavailable"}
    ),
    "a page": row(changed(MANIFEST, **PAGE), NOT_ONE),
    "another type": row(changed(MANIFEST, media_type="application/json"), NOT_ONE),
    "no type": row(changed(MANIFEST, media_type=None), NOT_ONE),
    "other bytes than the tag's digest": row(
        changed(MANIFEST, headers=[["Docker-Content-Digest", f"sha256:{sha(b'x')}"]]),
        {"REG-03": "registry.blob-corrupt"},
    ),
    "other bytes than the pinned digest": row(
        changed(MANIFEST, digest=f"sha256:{sha(b'x')}"), {"REG-03": "registry.blob-corrupt"}
    ),
    "other bytes, but not all of them": row(changed(MANIFEST, digest=f"sha256:{sha(b'x')}", complete=False)),
    "a digest of another kind": row(changed(MANIFEST, digest="sha512:00")),
    "a redirect that was not waited for": row(
        changed(MANIFEST, status=307), because={"REG-03": "the walk to this image did not come to an end"}
    ),
    "a redirect that was refused": row(changed(MANIFEST, status=307, error=error("REDIRECT", "redirect")), NOT_ONE),
    "nothing was asked": row(
        without(healthy(), **MANIFEST), because={"REG-02": "the walk to this image did not come to an end"}
    ),
    "Go refuses the answer": row(changed(MANIFEST, error=error("MALFORMED", "head")), {"REG-03": "http.malformed"}),
    "Go refuses the refusal": row(
        changed(MANIFEST, status=401, error=error("MALFORMED", "head")), {"REG-03": "http.malformed"}
    ),
    "Go refuses the platform's": row(
        changed(PLATFORM, status=404, error=error("MALFORMED", "head")), {"REG-03": "http.malformed"}
    ),
    "not for this platform": row(
        changed(PLATFORM, status=None, platforms=["linux/arm64"]), {"REG-03": "registry.platform-missing"}
    ),
    "for a variant of this platform": row(changed(PLATFORM, wanted="linux/arm64", platforms=["linux/arm64/v8"])),
    "for the platform of this variant": row(changed(PLATFORM, wanted="linux/arm64/v8", platforms=["linux/arm64"])),
    "for a platform that only begins like it": row(
        changed(PLATFORM, wanted="linux/arm", platforms=["linux/arm64"]), {"REG-03": "registry.platform-missing"}
    ),
    "the platform's manifest is missing": row(changed(PLATFORM, status=404), {"REG-03": "registry.image-missing"}),
    "the platform's manifest stalls": row(changed(PLATFORM, **fails("TIMEOUT")), {"REG-03": "http.stalled"}),
    "the platform's manifest is changed": row(changed(PLATFORM, sha256=sha(b"x")), {"REG-03": "registry.blob-corrupt"}),
    "the platform's manifest is elsewhere": row(changed(PLATFORM, status=302), unchecked="REG-03"),
    "nobody asked for the platform's, in a list by Docker": row(
        altered(
            changed(PLATFORM, status=None),
            MANIFEST,
            media_type="application/vnd.docker.distribution.manifest.list.v2+json",
        ),
        unchecked="REG-03",
    ),
    "nobody asked for the platform's": row(
        changed(PLATFORM, status=None), because={"REG-03": "the manifest for linux/amd64 was not asked for"}
    ),
    "the index names no platform, and its manifest is there": row(changed(PLATFORM, platforms=[])),
    "the platform is not known": row(without(healthy(), **PLATFORM), unchecked="REG-03"),
    "single": row(single()),
    "single, for another platform": row(single(platforms=["linux/arm64"]), {"REG-03": "registry.platform-missing"}),
    "single, for a platform that its config does not name": row(single(platforms=[]), unchecked="REG-03"),
    "single, and its config does not arrive": row(
        altered(without(single(), **PLATFORM), CONFIG, **fails("TIMEOUT")), {"REG-03": "http.stalled"}
    ),
    "single, and its config is elsewhere": row(
        altered(without(single(), **PLATFORM), CONFIG, status=307), unchecked="REG-03"
    ),
}


@pytest.mark.parametrize(
    ("records", "saw"),
    [
        (healthy(), "the manifest for linux/amd64 is there"),
        (MANIFESTS["missing"].records, f"{IMAGE}: status 404 (no reason)"),
        (changed(MANIFEST, status=404, body=UNAUTHORIZED), f"{IMAGE}: status 404 (UNAUTHORIZED)"),
        (MANIFESTS["stalled"].records, f"{IMAGE}: manifest got no whole answer ([TIMEOUT])"),
        (MANIFESTS["no type"].records, f"{IMAGE}: the manifest is of type unknown"),
        (MANIFESTS["not for this platform"].records, f"{IMAGE} is there for linux/arm64, not for linux/amd64"),
        (
            MANIFESTS["other bytes than the pinned digest"].records,
            (
                f"{IMAGE}: the manifest is promised as sha256:{sha(b'x')[:12]}… "
                f"and its bytes are sha256:{sha(MANIFEST_BYTES)[:12]}…"
            ),
        ),
    ],
)
def test_what_became_of_the_manifest_is_told(records: list[Record], saw: str) -> None:
    assert verdict_of("REG-03", records).saw == saw


def test_the_platform_in_words() -> None:
    missing = verdict_of("REG-03", MANIFESTS["not for this platform"].records).findings[0]
    assert missing.values["platform"] == "linux/amd64"
    nameless = altered(MANIFESTS["not for this platform"].records, PLATFORM, wanted=None)
    assert verdict_of("REG-03", nameless).findings[0].values["platform"] == "linux/amd64"
    unknown = altered(without(nameless, **PLATFORM), {"kind": "host"}, platform=None)
    assert verdict_of("REG-03", unknown).reason == "no manifest for the host's platform was seen"


def listed(*layers: str, config: str = f"sha256:{sha(b'config')}") -> str:
    return b64(json.dumps({"config": {"digest": config}, "layers": [{"digest": d} for d in layers]}).encode())


DIGEST = f"sha256:{sha(LAYER)}"
CDN_URL = "https://cdn01.quay.io/blob"
CORRUPT, UNREACHABLE = {"REG-04": "registry.blob-corrupt"}, {"REG-04": "registry.blob-unreachable"}
REFUSED, INTERRUPTED = {"REG-04": "registry.layer-refused"}, {"REG-04": "registry.layer-interrupted"}


def again() -> list[Record]:
    """The right world, in which the layer came at the second try."""
    return changed(LAST, attempt=1)


def head(status: int | None, **fields: Any) -> list[Record]:
    """The manifest was asked for by HEAD, too."""
    return [*healthy(), *exchange([registry_step("head", status=status, **fields)])]


HEADS = {
    "given": row(head(200)),
    "not implemented, said with 405": row(head(405)),
    "refused": row(head(403), {"REG-03": "registry.head-refused"}),
    "not implemented, said with 501": row(head(501), {"REG-03": "registry.head-refused"}),
    "a fault of a moment": row(head(502)),
    "too many requests": row(head(429)),
    "no answer": row(head(None, error=error("TIMEOUT", "head"))),
}


def at_another_edge(name: str, number: int = 1) -> list[Record]:
    """A second address of a CDN's name, at which the handshake ends like this."""
    place = {"task": "cdn", "host": f"cdn0{number}.quay.io"}
    lost = tls("13.32.9.2", **place, verified=False, chain=[], error=error(name, "tls"))
    both = altered(healthy(), {"kind": "resolve", **place}, addresses=["13.32.9.1", "13.32.9.2"])
    return [*both, *exchange([tcp("13.32.9.2", **place), lost])]


BLOBS = {
    "dropped at the CDN": row(changed(LAST, **fails("TIMEOUT", "tcp")), UNREACHABLE),
    "refused at the CDN": row(changed(LAST, **fails("ECONNREFUSED", "tcp")), UNREACHABLE),
    "no way to the CDN": row(changed(LAST, **fails("ENETUNREACH", "tcp")), {"REG-04": "host.no-route"}),
    "the CDN's name is blocked": row(
        altered(changed(LAST, **fails("REDIRECT", "redirect")), CDNS_NAME, addresses=["0.0.0.0"]),
        {"REG-04": "dns.sinkhole", "REG-05": "dns.sinkhole"},
    ),
    "Go refuses the CDN's answer": row(changed(LAST, error=error("MALFORMED", "head")), {"REG-04": "http.malformed"}),
    "no such CDN": row(changed(LAST, **fails("GAI", "resolve", -2)), {"REG-04": "dns.nxdomain"}),
    "no answer at the CDN": row(changed(LAST, **fails("TIMEOUT")), {"REG-04": "http.stalled"}),
    "no TLS at the CDN": row(changed(LAST, **fails("TIMEOUT", "tls")), {"REG-04": "tls.stalled"}),
    "cut in TLS at the CDN": row(changed(LAST, **fails("ECONNRESET", "tls")), {"REG-04": "tls.reset"}),
    "an unknown authority at the CDN": row(changed(LAST, **fails("VERIFY", "tls")), {"REG-04": "tls.untrusted"}),
    "an intercepted CDN": row(
        altered(
            altered(untrusted(healthy(), "cdn01.quay.io"), LAST, **fails("VERIFY", "tls")),
            {"kind": "tls", "host": "cdn01.quay.io"},
        ),
        {"REG-04": "tls.intercepted", "REG-05": "tls.intercepted"},
    ),
    "another edge of the CDN cuts TLS": row(
        at_another_edge("ECONNRESET"), {"REG-04": "tls.reset", "REG-05": "tls.reset"}
    ),
    "another edge of a CDN that no layer came from": row(at_another_edge("ECONNRESET", 2), {"REG-05": "tls.reset"}),
    "denied by a proxy": row(changed(LAST, **fails("STATUS", "proxy")), {"REG-04": "proxy.unreachable"}),
    "a fault at the CDN": row(changed(LAST, status=503), {"REG-04": "registry.unavailable"}),
    "forbidden at the CDN": row(changed(LAST, status=403), REFUSED),
    "missing at the CDN": row(changed(LAST, status=404), REFUSED),
    "a login at the CDN": row(changed(LAST, status=407), {"REG-04": "http.proxy-auth"}),
    "a block page at the CDN": row(
        changed(LAST, status=403, body=b64(b"<html>Web page blocked"), headers=[["Content-Type", "text/html"]]),
        {"REG-04": "http.block-page"},
    ),
    "cut on the way": row(changed(LAST, error=error("EOF", "body")), INTERRUPTED),
    "stopped on the way": row(changed(LAST, error=error("TIMEOUT", "body"), complete=False), INTERRUPTED),
    "more than was promised": row(changed(LAST, error=error("LIMIT", "body"), complete=False), CORRUPT),
    "right when it was asked for again": row(
        [*exchange([{**blob("layer", LAYER, hop=1, url="https://cdn01.quay.io/blob"), "status": 502}]), *again()]
    ),
    "a part that was refused, and the whole": row(
        [*healthy(), *exchange([{**blob("layer", LAYER), "status": 416, "complete": False, "range": [0, 3]}])]
    ),
    "another part than was asked for": row(
        changed(LAST, status=206, range=[0, 3], complete=False, headers=[["Content-Range", "bytes 4-7/11"]]), CORRUPT
    ),
    "a part without its place": row(changed(LAST, status=206, range=[0, 3], complete=False), CORRUPT),
    "a part that is not as long as it says": row(
        changed(LAST, status=206, range=[0, 3], body_bytes=3, headers=[["Content-Range", "bytes 0-3/11"]]), CORRUPT
    ),
    "so slow that it never arrives": row(
        changed(LAST, size=10_000_000, body_bytes=10, seconds=6.0, complete=False, sha256=None), INTERRUPTED
    ),
    "slow": row(
        changed(LAST, size=10_000_000, body_bytes=1_000_000, seconds=6.0, complete=False, sha256=None),
        {"REG-08": "registry.slow"},
    ),
    "quick, and not read whole": row(
        changed(LAST, size=90_000_000, body_bytes=30_000_000, seconds=6.0, complete=False, sha256=None)
    ),
    "of another image's walk, and stopped": row(
        altered(
            [*healthy(), *exchange([blob("layer", LAYER, image="quay.io/other:1", hop=1, url=CDN_URL)])],
            {**LAST, "image": "quay.io/other:1"},
            error=error("TIMEOUT", "body"),
            complete=False,
        )
    ),
    "a part here, the whole in another image's walk, and stopped": row(
        [
            *changed(LAST, status=206, range=[0, 3], complete=False, headers=[["Content-Range", "bytes 0-3/11"]]),
            *exchange(
                [
                    {
                        **blob("layer", LAYER, image="quay.io/other:1", hop=1, url=CDN_URL),
                        "error": error("TIMEOUT", "body"),
                        "complete": False,
                    }
                ]
            ),
        ],
        INTERRUPTED,
    ),
    "throttled at the CDN": row(changed(LAST, status=429), {"REG-04": "registry.throttled"}),
    "redirected to somewhere forbidden": row(
        without(changed({**LAYERS, "hop": 0}, error=error("REDIRECT", "redirect")), **LAST),
        {"REG-04": "registry.bad-redirect"},
    ),
    "redirected, and not waited for": row(without(healthy(), **LAST), because={"REG-04": "no layer was asked for"}),
    "the config is lost": row(changed(CONFIG, **fails("ECONNRESET")), {"REG-04": "http.closed"}),
    "the config is changed": row(changed(CONFIG, sha256=sha(b"x")), CORRUPT),
    "other bytes": row(changed(LAST, sha256=sha(b"x")), CORRUPT),
    "other bytes by a digest that cannot be checked": row(
        [*without(healthy(), **LAYERS), *exchange([{**blob("layer", LAYER), "digest": "sha512:00"}])]
    ),
    "fewer bytes": row(changed(LAST, body_bytes=3), CORRUPT),
    "the beginning of more bytes": row(
        changed(LAST, complete=False, headers=[["Content-Length", "12"]], sha256=None), CORRUPT
    ),
    "the beginning of the right bytes": row(
        changed(LAST, complete=False, headers=[["Content-Length", str(len(LAYER))]], sha256=None)
    ),
    "the beginning of nobody knows how many": row(changed(LAST, complete=False, headers=[], sha256=None)),
    "a length that is none": row(changed(LAST, complete=False, headers=[["Content-Length", "²"]], sha256=None)),
    "a part": row(
        changed(LAST, status=206, complete=False, headers=[["Content-Range", f"bytes 0-3/{len(LAYER)}"]], sha256=None)
    ),
    "a part of more": row(
        changed(LAST, status=206, complete=False, headers=[["Content-Range", "bytes 0-3/99"]], sha256=None), CORRUPT
    ),
    "no size was promised": row(changed(LAST, size=None, body_bytes=3)),
    "no layer": row(without(healthy(), **LAYERS), because={"REG-04": "no layer was asked for"}),
    "no config, and its manifest's text was not kept": row(without(healthy(), **CONFIG)),
    "nothing read whole": row(
        altered(changed(CONFIG, complete=False, sha256=None), LAST, complete=False, sha256=None),
        because={"REG-04": "no layer was read whole"},
    ),
    "all that the manifest lists": row(changed(PLATFORM, body=listed(DIGEST))),
    "one that the manifest lists is not there": row(
        changed(PLATFORM, body=listed(DIGEST, "sha256:00")), because={"REG-04": "not every layer was waited for"}
    ),
    "the config that the manifest lists is not there": row(
        without(changed(PLATFORM, body=listed(DIGEST)), **CONFIG), unchecked="REG-04"
    ),
    "one that a single manifest lists is not there": row(
        altered(single(), MANIFEST, body=listed(DIGEST, "sha256:00")), unchecked="REG-04"
    ),
    "hops out of order": row(list(reversed(healthy()))),
    "one lost, another not waited for": row(
        [*changed(CONFIG, **fails("EOF")), *exchange([registry_step("layer", digest="sha256:01", status=302)])],
        {"REG-04": "http.closed"},
    ),
}


@each(PINGS, WAYS, OWN_HOUSE, TOKENS, MANIFESTS, BLOBS, HEADS)
def test_registry(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("records", "saw"),
    [
        (healthy(), "2 blobs arrive from cdn01.quay.io, quay.io; 2 read whole, digests right; 17 of 17 bytes read"),
        (
            again(),
            (
                "2 blobs arrive from cdn01.quay.io, quay.io; 2 read whole, digests right; 17 of 17 bytes read, "
                "after 1 retry"
            ),
        ),
        (BLOBS["dropped at the CDN"].records, "cdn01.quay.io: a layer did not arrive ([TIMEOUT])"),
        (BLOBS["forbidden at the CDN"].records, "cdn01.quay.io: a layer got status 403 without a type"),
        (
            changed(LAST, **fails("REDIRECT", redirected_to="http://x/")),
            "cdn01.quay.io: a layer did not arrive ([REDIRECT], redirected to http://x/)",
        ),
        (changed(LAST, status=None, error={"name": "EOF"}), "cdn01.quay.io: a layer did not arrive (EOF)"),
        (
            changed(LAST, status=403, body=b64(b"<Error><Code>AccessDenied</Code><Message>Expired</Message></Error>")),
            "cdn01.quay.io: a layer got status 403 without a type “AccessDenied: Expired”",
        ),
        (
            BLOBS["stopped on the way"].records,
            "cdn01.quay.io: a layer stopped after 11 of 11 bytes (no further byte came)",
        ),
        (
            changed(LAST, status=502, attempt=2),
            "cdn01.quay.io answered a layer with status 502 without a type in 3 tries",
        ),
        (BLOBS["throttled at the CDN"].records, "cdn01.quay.io answered a layer with 429"),
        (
            BLOBS["other bytes"].records,
            "cdn01.quay.io: a layer arrived changed (its digest is another, type unknown)",
        ),
        (
            changed(LAST, body_bytes=3, headers=[["Content-Type", "text/html"]]),
            "cdn01.quay.io: a layer arrived changed (3 bytes instead of 11, type text/html)",
        ),
    ],
)
def test_what_became_of_the_blobs_is_told(records: list[Record], saw: str) -> None:
    assert verdict_of("REG-04", records).saw == saw


def test_every_failure_of_an_image_has_its_command() -> None:
    tables = (TOKENS, MANIFESTS, BLOBS)
    given = [v for table in tables for case in table.values() for v in verdicts(case.records, case.settings)]
    failed = [v for v in given if v.result is Result.FAIL and v.case.requirement in ("REG-02", "REG-03", "REG-04")]
    assert len(failed) > 40
    for verdict in failed:
        whole = verdict.case.requirement == "REG-04"
        command = (
            f"skopeo copy docker://{IMAGE} dir:$(mktemp -d)" if whole else f"skopeo inspect --raw docker://{IMAGE}"
        )
        assert verdict.reproduce == command


def test_every_failure_of_the_registry_has_its_command() -> None:
    for case in [*PINGS.values(), *WAYS.values()]:
        for verdict in verdicts(case.records, case.settings):
            if verdict.case.requirement == "REG-01" and verdict.result is Result.FAIL:
                assert verdict.reproduce == "curl -sSi https://quay.io/v2/"
                assert verdict.saw


def test_a_config_that_did_not_arrive_is_named() -> None:
    (found,) = verdict_of("REG-03", MANIFESTS["single, and its config does not arrive"].records).findings
    assert (found.subject, found.values["host"]) == ("quay.io", "quay.io")


def test_a_replaced_blob_names_its_host() -> None:
    for name in ("other bytes", "fewer bytes", "dropped at the CDN"):
        assert verdict_of("REG-04", BLOBS[name].records).findings[0].values["cdn"] == "cdn01.quay.io"


def test_a_host_that_serves_layers_is_named() -> None:
    found = verdict_of("REG-04", BLOBS["dropped at the CDN"].records).findings[0]
    assert (found.subject, found.values["cdn"]) == ("cdn01.quay.io", "cdn01.quay.io")


@pytest.mark.parametrize(
    ("requirement", "records", "saw"),
    [
        ("REG-01", healthy(), "/v2/ got status 401 without a type with a Bearer challenge"),
        ("REG-01", ping(200, body=b"{}"), "/v2/ got status 200 without a type"),
        ("REG-01", changed(PING, **fails("TIMEOUT")), "/v2/ got no whole answer ([TIMEOUT])"),
        ("REG-01", changed(PING, status=None), "/v2/ got no whole answer (nothing)"),
    ],
)
def test_what_the_registry_said_is_told(requirement: str, records: list[Record], saw: str) -> None:
    assert verdict_of(requirement, records).saw == saw


def test_commands() -> None:
    commands = {name: verdict_of(name, healthy()).reproduce for name in ("REG-01", "REG-02", "REG-03", "REG-04")}
    assert commands == {
        "REG-01": "curl -sSi https://quay.io/v2/",
        "REG-02": f"skopeo inspect --raw docker://{IMAGE}",
        "REG-03": f"skopeo inspect --raw docker://{IMAGE}",
        "REG-04": f"skopeo copy docker://{IMAGE} dir:$(mktemp -d)",
    }


def test_the_host_that_was_asked() -> None:
    assert host_of(Registry(url="https://cdn01.quay.io:444/x")) == "cdn01.quay.io"
    assert [host_of(seen) for seen in (Registry(), Registry(url="x"), Registry(url="https://[::1/"))] == [
        "the registry"
    ] * 3
