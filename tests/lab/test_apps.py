"""What the lab's sites answer."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import dns.message
import pytest

from lab import images
from lab.embedded.apps import ChartsApp, DohApp, ReceiverApp
from lab.embedded.http import Request
from lab.embedded.registry import CdnApp, RegistryApp, Store
from lab.healthy import LAB_KEY, QUAY_SITE, RIGHT
from lab.names import Names
from lab.servers import Blobs, Cdn, Charts, Receiver, Registry, Reply, Tokens

BASE = "/receiver/stsAgent"
REPOSITORY = "stackstate/promtail"
TAG = "3.6.11-so13"


def request(target: str, method: str = "GET", **headers: str) -> Request:
    return Request(method=method, target=target, headers=[(k.replace("_", "-"), v) for k, v in headers.items()])


def header(reply: Reply, name: str) -> str | None:
    return next((value for key, value in reply.headers if key == name), None)


receiver = ReceiverApp(app=Receiver(key=LAB_KEY))


@pytest.mark.parametrize(
    ("asked", "status", "kind"),
    [
        (request(f"{BASE}/features"), 403, "application/json"),
        (request(f"{BASE}/features", sts_api_key="wrong"), 403, "application/json"),
        (request(f"{BASE}/features", sts_api_key=LAB_KEY), 200, "application/json"),
        (request(f"{BASE}/features?api_key={LAB_KEY}"), 200, "application/json"),
        (request(f"{BASE}/features", authorization=f"ApiKey {LAB_KEY}"), 200, "application/json"),
        (request(f"{BASE}/api/v1/validate", sts_api_key=LAB_KEY), 200, "application/json"),
        (request(f"{BASE}/intake", "POST"), 403, "application/json"),
        (request(f"{BASE}/intake"), 405, "text/plain; charset=UTF-8"),
        (request(f"{BASE}/no-such-path"), 404, "text/plain; charset=UTF-8"),
        (request("/otel/v1/traces", "POST"), 401, "text/plain; charset=UTF-8"),
        (request("/"), 200, "text/html; charset=utf-8"),
        (request("/receiver"), 200, "text/html; charset=utf-8"),
        (request("/reciever/stsAgent/features"), 200, "text/html; charset=utf-8"),
    ],
)
def test_the_tenant(asked: Request, status: int, kind: str) -> None:
    reply = receiver(asked, b"")
    assert (reply.status, header(reply, "Content-Type")) == (status, kind)


def registry(**changes: Any) -> RegistryApp:
    app = QUAY_SITE.app
    assert isinstance(app, Registry)
    return RegistryApp(replace(app, **changes), RIGHT, STORE)


STORE = Store(RIGHT)


def token_for(app: RegistryApp, repository: str) -> str:
    reply = app(request(f"/v2/auth?service=quay.io&scope=repository:{repository}:pull"), b"")
    assert reply.status == 200
    return f"Bearer {json.loads(reply.body)['token']}"


def test_without_a_token_a_registry_challenges() -> None:
    reply = registry()(request("/v2/"), b"")
    assert reply.status == 401
    assert header(reply, "WWW-Authenticate") == 'Bearer realm="https://quay.io/v2/auth",service="quay.io"'
    assert header(reply, "Docker-Distribution-API-Version") == "registry/2.0"


def test_a_token_is_for_the_scope_that_was_asked() -> None:
    app = registry()
    assert app(request("/v2/auth?service=quay.io"), b"").status == 401
    path = f"/v2/{REPOSITORY}/manifests/{TAG}"
    assert app(request(path, authorization=token_for(app, "stackstate/other")), b"").status == 401
    assert app(request(path, authorization=token_for(app, REPOSITORY)), b"").status == 200


@pytest.mark.parametrize(
    ("tokens", "status"), [(Tokens.NONE, 200), (Tokens.BASIC, 401), (Tokens.DENIED, 401), (Tokens.WRONG_SCOPE, 401)]
)
def test_kinds_of_tokens(tokens: Tokens, status: int) -> None:
    app = registry(tokens=tokens)
    granted = app(request(f"/v2/auth?scope=repository:{REPOSITORY}:pull"), b"")
    bearer = f"Bearer {json.loads(granted.body).get('token')}" if granted.status == 200 else "Bearer none"
    assert app(request(f"/v2/{REPOSITORY}/manifests/{TAG}", authorization=bearer), b"").status == status


def manifest_of(app: RegistryApp, reference: str) -> Reply:
    return app(request(f"/v2/{REPOSITORY}/manifests/{reference}"), b"")


def test_the_walk_from_tag_to_layer_bytes() -> None:
    app = registry(tokens=Tokens.NONE)
    index = manifest_of(app, TAG)
    assert header(index, "Content-Type") == images.INDEX_TYPE
    assert header(index, "Docker-Content-Digest") == images.digest_of(index.body)
    manifest = manifest_of(app, json.loads(index.body)["manifests"][0]["digest"])
    layer = json.loads(manifest.body)["layers"][1]
    path = f"/v2/{REPOSITORY}/blobs/{layer['digest']}"
    assert app(request(path, "HEAD"), b"").status == 200
    redirect = app(request(path), b"")
    location = header(redirect, "Location") or ""
    assert redirect.status == 302
    host, _, rest = location.removeprefix("https://").partition("/")
    assert host in ("cdn01.quay.io", "cdn02.quay.io", "cdn03.quay.io")
    blob = CdnApp(Cdn(), STORE)(request(f"/{rest}"), b"")
    assert images.digest_of(blob.body) == layer["digest"]


def test_a_registry_with_one_platform_has_no_index() -> None:
    reply = manifest_of(registry(tokens=Tokens.NONE, platforms=("linux/arm64",)), TAG)
    assert header(reply, "Content-Type") == images.MANIFEST_TYPE


def test_missing_unknown_and_prefixed_images() -> None:
    assert manifest_of(registry(tokens=Tokens.NONE, missing=("*:*-so13",)), TAG).status == 404
    assert registry(tokens=Tokens.NONE)(request("/v2/nobody/nothing/manifests/1"), b"").status == 404
    own = registry(tokens=Tokens.NONE, prefixes=("mirror/",))
    assert own(request(f"/v2/mirror/{REPOSITORY}/manifests/{TAG}"), b"").status == 200
    assert manifest_of(own, TAG).status == 404


def blob_path() -> tuple[str, str]:
    digest = next(iter(STORE.image(RIGHT.images[3], "").blobs))
    hexadecimal = digest.removeprefix("sha256:")
    return digest, f"/sha256/{hexadecimal[:2]}/{hexadecimal}"


def test_a_relative_redirect_leads_to_the_registry_itself() -> None:
    digest, _ = blob_path()
    app = registry(tokens=Tokens.NONE, blobs=Blobs.RELATIVE)
    location = header(app(request(f"/v2/{REPOSITORY}/blobs/{digest}"), b""), "Location") or ""
    assert location.startswith("/_blobs/")
    assert images.digest_of(app(request(location), b"").body) == digest


def test_the_cdn_serves_signed_urls_and_ranges() -> None:
    digest, path = blob_path()
    cdn = CdnApp(Cdn(), STORE)
    assert cdn(request(path), b"").status == 403
    assert cdn(request(f"{path}?sig=1", "HEAD"), b"").status == 403
    part = cdn(request(f"{path}?sig=1", range="bytes=0-9"), b"")
    assert (part.status, part.body) == (206, STORE.blobs[digest][:10])
    assert header(part, "Content-Range") == f"bytes 0-9/{len(STORE.blobs[digest])}"
    assert cdn(request(f"{path}?sig=1", range="bytes=99999999-"), b"").status == 416


def test_s3_refuses_two_ways_of_authorization() -> None:
    _, path = blob_path()
    asked = request(f"{path}?sig=1", authorization="Bearer x")
    assert CdnApp(Cdn(refuses_authorization=True), STORE)(asked, b"").status == 400
    assert CdnApp(Cdn(), STORE)(asked, b"").status == 200


def test_a_corrupting_cdn_changes_a_byte_and_not_the_length() -> None:
    digest, path = blob_path()
    body = CdnApp(Cdn(corrupt=True), STORE)(request(f"{path}?sig=1"), b"").body
    assert len(body) == len(STORE.blobs[digest])
    assert images.digest_of(body) != digest


def test_the_chart_repository() -> None:
    app = ChartsApp(app=Charts(), world=RIGHT)
    assert b"suse-observability-agent-1.5.44.tgz" in app(request("/index.yaml"), b"").body
    assert app(request("/suse-observability-agent-1.5.44.tgz"), b"").status == 200
    assert app(request("/other-1.0.0.tgz"), b"").status == 404


def test_doh_answers_get_and_post_alike() -> None:
    app = DohApp(names=Names(RIGHT.records))
    wire = dns.message.make_query("quay.io", "A").to_wire()
    encoded = base64.urlsafe_b64encode(wire).decode().rstrip("=")
    replies = [app(request("/dns-query", "POST"), wire), app(request(f"/dns-query?dns={encoded}"), b"")]
    for reply in replies:
        assert {item.address for item in dns.message.from_wire(reply.body).answer[0]} == {
            "34.225.41.113",
            "44.193.101.5",
        }
    assert app(request("/dns-query?dns=AAAA"), b"").status == 400
