"""The world's images as OCI layouts on disk, and the skopeo commands that push them.

One layout per edition; an image's reference in it is its number in the world.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import images
from lab.images import Built
from lab.servers import Registry
from lab.world import Image, World

_REBUILT = "-rebuilt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layouts:
    """All editions of all images, built and written."""

    world: World
    directory: Path
    built: dict[tuple[Image, str], Built]

    def of(self, app: Registry, image: Image) -> Built:
        """The edition of an image that a registry holds."""
        return self.built[image, edition(app, image)]

    def pushes(self, app: Registry, prefix: str, destination: str) -> Iterator[list[str]]:
        """skopeo's arguments, one list for each image that the registry holds under `prefix`."""
        for number, image in enumerate(self.world.images):
            if not matches(f"{image.repository}:{image.tag}", app.missing):
                source = f"oci:{self.directory}/oci{edition(app, image)}:{number}"
                target = f"docker://{destination}/{prefix}{image.repository}:{image.tag}"
                yield [*_selection(app), source, target, "--quiet", "--dest-tls-verify=false"]


def write(world: World, apps: list[Registry], directory: Path) -> Layouts:
    """Build the editions that some registry holds, and write them."""
    built: dict[tuple[Image, str], Built] = {}
    for each in ("", _REBUILT):
        layout = directory / f"oci{each}"
        blobs = layout / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        entries = []
        for number, image in enumerate(world.images):
            if any(edition(app, image) == each for app in apps):
                built[image, each] = images.build(image, each)
                entries.append(_write(built[image, each], number, blobs))
        (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return Layouts(world=world, directory=directory, built=built)


def edition(app: Registry, image: Image) -> str:
    """Which edition of an image a registry holds."""
    return _REBUILT if matches(image.repository, app.rebuilt) else ""


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a name matches one of the world's patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _write(built: Built, number: int, blobs: Path) -> dict[str, object]:
    for content in (built.index, *built.manifests.values(), *built.blobs.values()):
        (blobs / _hexadecimal(images.digest_of(content))).write_bytes(content)
    return {
        "mediaType": images.INDEX_TYPE,
        "digest": images.digest_of(built.index),
        "size": len(built.index),
        "annotations": {"org.opencontainers.image.ref.name": str(number)},
    }


def _selection(app: Registry) -> list[str]:
    """All platforms with their index, or one as a single manifest, as `docker save` and `load` leave it."""
    if len(app.platforms) > 1:
        return ["copy", "--all"]
    system, architecture = app.platforms[0].split("/")
    return ["--override-os", system, "--override-arch", architecture, "copy"]


def _hexadecimal(digest: str) -> str:
    return digest.removeprefix("sha256:")
