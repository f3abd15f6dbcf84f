"""A container registry, walked as a node does to pull an image: ping, token, manifest, platform, config, layers.

How much of the layers is read says `layers`.
"""

import re
from typing import Any, Callable, Dict, List, Optional
from urllib.parse import quote, urlencode

from netcompliance.probe.onhost import endpoint, manifests, urls
from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.fetch import Describe, Fetcher, FetchSpec, nothing_more
from netcompliance.probe.onhost.hostfacts import platform
from netcompliance.probe.onhost.http1 import Answer
from netcompliance.probe.onhost.layers import Layers
from netcompliance.probe.onhost.manifests import Challenge, Descriptor
from netcompliance.probe.onhost.tls import TlsStream
from netcompliance.probe.onhost.transports import Transport
from netcompliance.probe.onhost.urls import Url
from netcompliance.probe.onhost.visit import Visit

TOKEN_BYTES = 65536
TOKEN = re.compile(r"[!-~]{1,16384}$")

Image = Dict[str, Any]
Document = Dict[str, Any]


def start(visit: Visit, task: Dict[str, Any]) -> None:
    """Look at the registry's host as at any other; walk on the first way that verifies."""
    host, _, port = task["registry"].partition(":")
    peer = {"id": task["id"], "host": host, "port": int(port or 443)}

    def walk(way: Transport, stream: TlsStream, took: float) -> None:
        fetcher = Fetcher(visit, task["id"], (host, peer["port"]), way)
        fetcher.add(stream, took)
        visit.spawn(task["id"], Walk(visit, task, fetcher, peer).run)

    endpoint.start(visit, peer, walk)


class Walk:
    """One registry and its images."""

    def __init__(self, visit: Visit, task: Dict[str, Any], fetcher: Fetcher, peer: Dict[str, Any]) -> None:
        self._visit = visit
        self._task: str = task["id"]
        self._images: List[Image] = task["images"]
        self._deep: bool = task.get("depth", "layers") == "layers"
        self._wanted: str = task.get("platform") or platform()
        self._fetcher = fetcher
        self._layers = Layers(visit, self._task, fetcher)
        self._host: str = peer["host"]
        self._port: int = peer["port"]
        self._challenge: Optional[Challenge] = None

    def run(self) -> None:
        """Ping; if a registry seems to answer, all images at once."""
        limits = self._visit.limits
        ping = self._fetcher.get(self._url("/v2/"), FetchSpec("ping", None, int(limits["body_kept"]), whole=False))
        if ping is None or not (ping.status == 200 or manifests.challenges(ping.headers)):
            return
        self._challenge = manifests.bearer(ping.headers)
        self._layers.begin(len(self._images))
        for image in self._images:
            self._visit.spawn(self._task, self._image, image)

    def _image(self, image: Image) -> None:
        try:
            self._pull(image)
        finally:
            self._layers.end()

    def _pull(self, image: Image) -> None:
        token = None
        if self._challenge is not None:
            token = self._token(image, self._challenge)
            if token is None:
                return
        answer = self._manifest(image, "manifest", image["reference"], image.get("digest"), token)
        if answer is not None and answer.status == 401 and token is None:
            challenge = manifests.bearer(answer.headers)
            token = self._token(image, challenge) if challenge is not None else None
            if token is None:
                return
            answer = self._manifest(image, "manifest", image["reference"], image.get("digest"), token)
        if answer is None or answer.status != 200:
            return
        if image is self._images[0]:
            self._visit.spawn(self._task, self._head, image, token)
        read = manifests.document(answer.body)
        if manifests.is_index(read, answer.header("content-type") or ""):
            answer = self._platform(image, read, token)
            read = manifests.document(answer.body) if answer is not None and answer.status == 200 else {}
            self._configs(image, read, token, self._config)
        else:
            self._configs(image, read, token, self._platform_by_config)
        if self._deep:
            entries = manifests.descriptors(read.get("layers"))
            self._layers.read(image, entries, token, lambda digest: self._of(image, "blobs", digest))

    def _token(self, image: Image, challenge: Challenge) -> Optional[str]:
        """A token for pulling this image, kept in memory and sent to the registry alone."""
        realm = challenge.parameters["realm"]
        query = {"scope": "repository:%s:pull" % image["repository"]}
        if "service" in challenge.parameters:
            query["service"] = challenge.parameters["service"]
        try:
            url = self._fetcher.realm(realm + ("&" if "?" in realm else "?") + urlencode(query, safe=":/"))
        except Failure as failure:
            self._visit.emit(
                "registry", self._task, step="token", image=image["name"], hop=0, url=urls.shown(realm[:512]),
                status=None, token=False, error=failure.record(),
            )  # fmt: skip
            return None
        answer = self._fetcher.get(
            url,
            FetchSpec("token", image["name"], TOKEN_BYTES, secret=True),
            lambda seen: {"token": token_in(seen) is not None},
        )
        return None if answer is None else token_in(answer)

    def _manifest(
        self, image: Image, step: str, reference: str, digest: Optional[str], token: Optional[str],
        describe: Describe = nothing_more,
    ) -> Optional[Answer]:  # fmt: skip
        size = int(self._visit.limits["manifest_bytes"])
        wish = FetchSpec(step, image["name"], size, size, digest=digest, accept=manifests.ACCEPT, token=token)
        return self._fetcher.get(self._of(image, "manifests", reference), wish, describe)

    def _head(self, image: Image, token: Optional[str]) -> None:
        """The manifest by HEAD, with which containerd begins. Whether that may pass is the same for all images."""
        size = int(self._visit.limits["body_kept"])
        wish = FetchSpec("head", image["name"], size, accept=manifests.ACCEPT, token=token, method="HEAD")
        self._fetcher.get(self._of(image, "manifests", image["reference"]), wish)

    def _platform(self, image: Image, index: Document, token: Optional[str]) -> Optional[Answer]:
        """The manifest for the host's platform, out of an index."""
        listed = manifests.descriptors(index.get("manifests"))
        offered = [entry.platform for entry in listed if entry.platform]
        for entry in listed:
            if manifests.serves(entry.platform, self._wanted):
                if not self._deep:
                    break
                return self._manifest(
                    image, "platform", entry.digest, entry.digest, token,
                    lambda _: {"wanted": self._wanted, "platforms": offered},
                )  # fmt: skip
        self._report_platforms(image, offered)
        return None

    def _configs(self, image: Image, manifest: Document, token: Optional[str], work: Callable[..., object]) -> None:
        for entry in manifests.descriptors([manifest.get("config")]):
            self._visit.spawn(self._task, work, image, entry, token)

    def _config(self, image: Image, entry: Descriptor, token: Optional[str]) -> Optional[Answer]:
        size = int(self._visit.limits["config_bytes"])
        wish = FetchSpec("config", image["name"], size, digest=entry.digest, size=entry.size, token=token)
        return self._fetcher.get(self._of(image, "blobs", entry.digest), wish)

    def _platform_by_config(self, image: Image, entry: Descriptor, token: Optional[str]) -> None:
        """A single manifest does not name its platform; its config does."""
        answer = self._config(image, entry, token)
        if answer is not None and answer.status == 200:
            platform = manifests.platform_of(manifests.document(answer.body))
            self._report_platforms(image, [platform] if platform else [])

    def _report_platforms(self, image: Image, platforms: List[str]) -> None:
        """What is there, where no manifest of a platform was asked for."""
        self._visit.emit(
            "registry", self._task, step="platform", image=image["name"], host=self._host, status=None,
            wanted=self._wanted, platforms=platforms, error=None,
        )  # fmt: skip

    def _of(self, image: Image, what: str, reference: str) -> Url:
        return self._url("/v2/%s/%s/%s" % (quote(image["repository"], safe="/"), what, quote(reference, safe=":")))

    def _url(self, path: str) -> Url:
        return Url(self._host, self._port, path)


def token_in(answer: Answer) -> Optional[str]:
    """The token of a token server's answer, under either of its two names, if it is one that can go into a header."""
    read = manifests.document(answer.body) if answer.status == 200 else {}
    token = read.get("token") or read.get("access_token")
    return token if isinstance(token, str) and TOKEN.match(token) else None
