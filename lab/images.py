"""The bytes of the lab's container images and charts: real digests, the same in every run.

Each image has three layers per platform: a small one, one of about 200 kB, and one of 3 MB that all images share, as
they share a base; neither of these compresses. The blobs are all that a registry serves; `index` is the manifest that
the tag names when all platforms are held.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from lab.world import Chart, Image

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
PLATFORMS = ("linux/amd64", "linux/arm64")
_LARGE_LAYER = 200_000
_BASE_LAYER = 3_000_000
_EPOCH = "2026-01-01T00:00:00Z"


def digest_of(content: bytes) -> str:
    """`sha256:…` of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An image: the manifest bytes the tag may name, and everything those point at."""

    index: bytes
    manifests: Mapping[str, bytes]
    """Platform to manifest."""
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    """Digest to config or layer."""


@cache
def build(image: Image, edition: str = "") -> Built:
    """Build an image, once. Another `edition` has other content, and so other digests."""
    manifests: dict[str, bytes] = {}
    blobs: dict[str, bytes] = {}
    entries = []
    for platform in PLATFORMS:
        manifest, parts = _manifest(f"{image.repository}:{image.tag}{edition}", platform)
        manifests[platform] = manifest
        blobs |= parts
        system, architecture = platform.split("/")
        entries.append(
            _descriptor(MANIFEST_TYPE, manifest) | {"platform": {"architecture": architecture, "os": system}}
        )
    index = _json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries})
    return Built(index=index, manifests=manifests, blobs=blobs)


def _manifest(seed: str, platform: str) -> tuple[bytes, dict[str, bytes]]:
    base, base_tar_digest = _base(platform)
    tars = [
        _tar({"etc/os-release": f"ID=lab\nNAME={seed}\n".encode()}),
        _tar({"opt/agent": hashlib.shake_128(f"{seed} {platform}".encode()).digest(_LARGE_LAYER)}),
    ]
    layers = [base, *(gzip.compress(tar, compresslevel=1, mtime=0) for tar in tars)]
    system, architecture = platform.split("/")
    config = _json(
        {
            "architecture": architecture,
            "os": system,
            "created": _EPOCH,
            "config": {"Cmd": ["/opt/agent"]},
            "rootfs": {"type": "layers", "diff_ids": [base_tar_digest, *(digest_of(tar) for tar in tars)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(CONFIG_TYPE, config),
            "layers": [_descriptor(LAYER_TYPE, layer) for layer in layers],
        }
    )
    return manifest, {digest_of(blob): blob for blob in (config, *layers)}


@cache
def _base(platform: str) -> tuple[bytes, str]:
    """The layer that all images of a platform begin with, and the digest of what it unpacks to."""
    tar = _tar({"usr/lib/base": hashlib.shake_128(platform.encode()).digest(_BASE_LAYER)})
    return gzip.compress(tar, compresslevel=0, mtime=0), digest_of(tar)


def chart_archive(chart: Chart) -> bytes:
    """The .tgz of a chart."""
    files = {
        f"{chart.name}/Chart.yaml": f"apiVersion: v2\nname: {chart.name}\nversion: {chart.version}\n".encode(),
        f"{chart.name}/values.yaml": b"global:\n  imageRegistry: quay.io\n",
    }
    return gzip.compress(_tar(files), compresslevel=1, mtime=0)


def chart_index(charts: tuple[Chart, ...], archives: str = "") -> bytes:
    """index.yaml of a repository that holds `charts`, their archives under the URL `archives` or beside it."""
    lines = ["apiVersion: v1", "entries:"]
    for chart in charts:
        lines += [
            f"  {chart.name}:",
            "  - apiVersion: v2",
            f"    name: {chart.name}",
            f"    version: {chart.version}",
            f'    created: "{_EPOCH}"',
            f"    digest: {digest_of(chart_archive(chart)).removeprefix('sha256:')}",
            "    urls:",
            f"    - {archives}{archive_name(chart)}",
        ]
    return "\n".join([*lines, f'generated: "{_EPOCH}"', ""]).encode()


def archive_name(chart: Chart) -> str:
    """File name of a chart's archive."""
    return f"{chart.name}-{chart.version}.tgz"


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
