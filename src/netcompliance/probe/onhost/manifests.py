"""OCI and Docker manifests, read without trust: kinds, platforms, layers, challenges of the token protocol."""

import json
import re
from typing import Any, Dict, List, NamedTuple, Optional

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
SINGLES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = ", ".join(INDEXES + SINGLES)
DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9A-Fa-f]{32,128}$")
PARAMETER = re.compile(r'\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*,?')
ENTRIES = 256


class Descriptor(NamedTuple):
    """A blob or manifest that a manifest points to."""

    digest: str
    size: Optional[int]
    platform: Optional[str]


class Challenge(NamedTuple):
    """What a registry asks for."""

    scheme: str
    parameters: Dict[str, str]


def document(body: bytes) -> Dict[str, Any]:
    """A JSON object; an empty one from anything else."""
    try:
        read = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def is_index(read: Dict[str, Any], media_type: str) -> bool:
    """Does it list platforms instead of layers?"""
    return media_type in INDEXES or read.get("mediaType") in INDEXES or isinstance(read.get("manifests"), list)


def descriptors(entries: Any) -> List[Descriptor]:
    """The well-formed descriptors of a list."""
    found = []
    for entry in entries[:ENTRIES] if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("digest"), str) or not DIGEST.match(entry["digest"]):
            continue
        size = entry.get("size")
        known = size if isinstance(size, int) and size >= 0 else None
        found.append(Descriptor(entry["digest"], known, platform_of(entry.get("platform"))))
    return found


def platform_of(entry: Any) -> Optional[str]:
    """`os/architecture` or `os/architecture/variant`; None where it does not say."""
    if not isinstance(entry, dict):
        return None
    named = (entry.get(name) for name in ("os", "architecture", "variant"))
    words = [str(word)[:64] for word in named if word]
    return "/".join(words) if len(words) >= 2 else None


def serves(platform: Optional[str], wanted: str) -> bool:
    """Is an image for `platform` one for `wanted`? A variant counts only where both name one."""
    have, want = (platform or "").split("/"), wanted.split("/")
    return have[:2] == want[:2] and (len(have) < 3 or len(want) < 3 or have[2] == want[2])


def challenges(headers: List[Any]) -> List[Challenge]:
    """The challenges in WWW-Authenticate headers, one a header, which is how registries send them."""
    found = []
    for name, value in headers:
        if name.lower() == "www-authenticate":
            scheme, _, rest = value.strip().partition(" ")
            pairs = [match.groups() for match in PARAMETER.finditer(rest)]
            found.append(
                Challenge(scheme.lower(), {name.lower(): quoted or bare or "" for name, quoted, bare in pairs})
            )
    return found


def bearer(headers: List[Any]) -> Optional[Challenge]:
    """The challenge that a token answers."""
    for challenge in challenges(headers):
        if challenge.scheme == "bearer" and "realm" in challenge.parameters:
            return challenge
    return None
