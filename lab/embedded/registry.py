"""An OCI registry and its CDN, as quay.io does it.

Without a token every request meets 401 with a Bearer challenge; the token server wants a scope; blobs are redirected to
a CDN host with a signed query. HEAD of a blob is answered by the registry itself, so it proves nothing about the CDN.
"""

from __future__ import annotations

import base64
import fnmatch
import re
from collections.abc import Mapping
from dataclasses import replace

from lab import images
from lab.embedded.apps import json_reply, text_reply
from lab.embedded.http import Request
from lab.servers import Blobs, Cdn, Registry, Reply, Tokens
from lab.world import Image, World

_ROUTE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|tags)/(?P<reference>[^/]+)")
_SIGNED = re.compile(r"/(?:_blobs/)?sha256/[0-9a-f]{2}/(?P<hex>[0-9a-f]{64})")
_VERSION = ("Docker-Distribution-API-Version", "registry/2.0")
_TOKEN_PATH = "/v2/auth"  # noqa: S105 - a path
_LARGE = 1_000_000
_SIGNATURE = "X-Lab-Expires=600&sig=3f9a1c"


class Store:
    """Every blob of the world's images, in all editions, by digest. Without a world: nothing."""

    def __init__(self, world: World | None) -> None:
        self._built: dict[tuple[Image, str], images.Built] = {}
        self.blobs: dict[str, bytes] = {}
        if world is None:
            return
        rebuilt = {pattern for site in world.sites if isinstance(site.app, Registry) for pattern in site.app.rebuilt}
        for image in world.images:
            editions = ["", "-rebuilt"] if _matches(image.repository, rebuilt) else [""]
            for edition in editions:
                built = images.build(image, edition)
                self._built[image, edition] = built
                self.blobs |= built.blobs

    def image(self, image: Image, edition: str) -> images.Built:
        """One image."""
        return self._built[image, edition]


class RegistryApp:
    """A registry."""

    def __init__(self, app: Registry, world: World, store: Store) -> None:
        self._app = app
        self._store = store
        self._by_repository: dict[str, list[Image]] = {}
        for image in world.images:
            for prefix in app.prefixes:
                self._by_repository.setdefault(prefix + image.repository, []).append(image)

    def __call__(self, request: Request, _body: bytes) -> Reply:
        """Answer one request of the distribution API."""
        signed = _SIGNED.fullmatch(request.path)
        if signed and self._app.blobs is Blobs.RELATIVE:
            return _bytes(request, self._store.blobs[f"sha256:{signed['hex']}"])
        if request.path == _TOKEN_PATH and self._app.tokens is not Tokens.NONE:
            return self._token(request)
        route = _ROUTE.fullmatch(request.path)
        if request.path not in ("/v2/", "/v2") and not route:
            return text_reply(404, "404 page not found")
        if not self._allowed(request, route["name"] if route else None):
            return self._challenge(route["name"] if route else None)
        if not route:
            return json_reply(200, {}, _VERSION)
        if route["name"] not in self._by_repository:
            return _error(404, "NAME_UNKNOWN")
        if route["kind"] == "manifests":
            return self._manifest(route["name"], route["reference"])
        if route["kind"] == "tags":
            tags = [image.tag for image in self._by_repository[route["name"]]]
            return json_reply(200, {"name": route["name"], "tags": tags}, _VERSION)
        return self._blob(request, route["name"], route["reference"])

    def _token(self, request: Request) -> Reply:
        scopes = request.query.get("scope", [])
        if not scopes or self._app.tokens is Tokens.DENIED:
            return json_reply(401, {"error": "unauthorized"})
        repository = scopes[0].split(":")[1] if scopes[0].count(":") == 2 else ""
        granted = repository if self._app.tokens is not Tokens.WRONG_SCOPE else ""
        token = base64.urlsafe_b64encode(f"lab {granted}".encode()).decode()
        return json_reply(200, {self._app.token_field: token, "expires_in": 300})

    def _allowed(self, request: Request, repository: str | None) -> bool:
        if self._app.tokens is Tokens.NONE:
            return True
        scheme, _, token = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or self._app.tokens is Tokens.BASIC:
            return False
        try:
            granted = base64.urlsafe_b64decode(token).decode().removeprefix("lab ")
        except ValueError:
            return False
        return repository is None or granted == repository

    def _challenge(self, repository: str | None) -> Reply:
        if self._app.tokens is Tokens.BASIC:
            challenge = f'Basic realm="{self._app.service}"'
        else:
            scope = f',scope="repository:{repository}:pull"' if repository else ""
            challenge = f'Bearer realm="https://{self._app.service}{_TOKEN_PATH}",service="{self._app.service}"{scope}'
        return _error(401, "UNAUTHORIZED", ("WWW-Authenticate", challenge))

    def _manifest(self, repository: str, reference: str) -> Reply:
        for image in self._by_repository[repository]:
            if _matches(f"{image.repository}:{image.tag}", self._app.missing):
                continue
            tagged, all_manifests = self._contents(image)
            for content, media_type in all_manifests:
                if reference == images.digest_of(content) or (reference == image.tag and content == tagged):
                    digest = ("Docker-Content-Digest", images.digest_of(content))
                    return Reply(headers=(("Content-Type", media_type), digest, _VERSION), body=content)
        return _error(404, "MANIFEST_UNKNOWN")

    def _contents(self, image: Image) -> tuple[bytes, list[tuple[bytes, str]]]:
        """What the tag names, and all manifests held with their types."""
        built = self._store.image(image, "-rebuilt" if _matches(image.repository, self._app.rebuilt) else "")
        held = [built.manifests[platform] for platform in self._app.platforms]
        singles = [(content, images.MANIFEST_TYPE) for content in held]
        if len(held) < len(built.manifests):
            return held[0], singles
        return built.index, [(built.index, images.INDEX_TYPE), *singles]

    def _blob(self, request: Request, repository: str, digest: str) -> Reply:
        content = self._held(repository).get(digest)
        if content is None:
            return _error(404, "BLOB_UNKNOWN")
        if _matches(self._by_repository[repository][0].repository, self._app.corrupt):
            content = _flip(content)
        if self._app.blobs is Blobs.ITSELF or (not self._app.cdn and self._app.blobs is Blobs.REDIRECT):
            return _bytes(request, content, ("Docker-Content-Digest", digest), _VERSION)
        if request.method == "HEAD":
            return _bytes(request, content, ("Docker-Content-Digest", digest), _VERSION)
        hexadecimal = digest.removeprefix("sha256:")
        path = f"/sha256/{hexadecimal[:2]}/{hexadecimal}?{_SIGNATURE}"
        if self._app.blobs is Blobs.RELATIVE:
            location = f"/_blobs{path}"
        else:
            location = f"https://{self._app.cdn[int(hexadecimal, 16) % len(self._app.cdn)]}{path}"
        return Reply(status=302, headers=(("Location", location), _VERSION))

    def _held(self, repository: str) -> Mapping[str, bytes]:
        held: dict[str, bytes] = {}
        for image in self._by_repository[repository]:
            held |= self._store.image(image, "").blobs
            if _matches(image.repository, self._app.rebuilt):
                held |= self._store.image(image, "-rebuilt").blobs
        return held


class CdnApp:
    """The host behind the redirect."""

    def __init__(self, app: Cdn, store: Store) -> None:
        self._app = app
        self._store = store

    def __call__(self, request: Request, _body: bytes) -> Reply:
        """Serve a blob to a signed URL."""
        if self._app.refuses_authorization and request.header("authorization") is not None:
            return text_reply(400, "Only one auth mechanism allowed")
        signed = _SIGNED.fullmatch(request.path)
        if signed is None or "sig" not in request.query or request.method != "GET":
            return text_reply(403, "AccessDenied")
        content = self._store.blobs.get(f"sha256:{signed['hex']}")
        if content is None:
            return text_reply(404, "NoSuchKey")
        if request.header("range") and self._app.ranges != 206:
            if self._app.ranges != 200:
                return text_reply(self._app.ranges, "InvalidRange")
            request = replace(request, headers=[each for each in request.headers if each[0].lower() != "range"])
        return _bytes(request, self._changed(content))

    def _changed(self, content: bytes) -> bytes:
        if self._app.corrupt_middle and len(content) > _LARGE:
            return _flip(content[: len(content) // 2 + 200_000]) + content[len(content) // 2 + 200_000 :]
        return _flip(content) if self._app.corrupt else content


def _bytes(request: Request, content: bytes, *headers: tuple[str, str]) -> Reply:
    kind = ("Content-Type", "application/octet-stream")
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.header("range") or "")
    if asked is None:
        sized = (("Content-Length", str(len(content))),) if request.method == "HEAD" else ()
        return Reply(headers=(kind, ("Accept-Ranges", "bytes"), *sized, *headers), body=content)
    first = int(asked[1])
    last = min(int(asked[2] or len(content)), len(content) - 1)
    if first > last:
        return Reply(status=416, headers=(kind, ("Content-Range", f"bytes */{len(content)}"), *headers))
    span = ("Content-Range", f"bytes {first}-{last}/{len(content)}")
    return Reply(status=206, headers=(kind, span, *headers), body=content[first : last + 1])


def _error(status: int, code: str, *headers: tuple[str, str]) -> Reply:
    return json_reply(
        status, {"errors": [{"code": code, "message": code.replace("_", " ").lower()}]}, _VERSION, *headers
    )


def _flip(content: bytes) -> bytes:
    return content[:-1] + bytes((content[-1] ^ 1,))


def _matches(name: str, patterns: tuple[str, ...] | set[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
