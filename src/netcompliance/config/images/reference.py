"""Names of images: `registry/repository:tag@sha256:…`, read and rewritten to one's own registry (pure)."""

from __future__ import annotations

import re

from netcompliance.config.validation import BadInput, hide_login, host_name
from netcompliance.model import DEFAULT_REGISTRY, Image

_REFERENCE = re.compile(
    r"""
    (?P<name> [A-Za-z0-9] [A-Za-z0-9._:/-]* )
    (?: @ (?P<digest> sha256:[0-9a-f]{64} ) )?
    """,
    re.VERBOSE,
)
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def parse(text: str, where: str) -> Image:
    """An image from its full name. A name without a registry, tag or digest says too little to be asked for."""
    match = _REFERENCE.fullmatch(text)
    if not match:
        raise BadInput(f"{where}: {hide_login(text)!r} is not the name of an image")
    name, digest = match["name"], match["digest"]
    head, _, rest = name.partition("/")
    if not rest or not ("." in head or ":" in head or head == "localhost"):
        raise BadInput(f"{where}: {text!r} names no registry; write {DEFAULT_REGISTRY}/{text}")
    host, _, port = head.partition(":")
    registry = host_name(host, f"{where}: registry") + (f":{port}" if port and port != "443" else "")
    repository, colon, tag = rest.partition(":")
    if port and not port.isdigit():
        raise BadInput(f"{where}: {text!r}: {port!r} is no port")
    if not _REPOSITORY.fullmatch(repository) or (colon and not _TAG.fullmatch(tag)):
        raise BadInput(f"{where}: {hide_login(text)!r} is not the name of an image")
    if not tag and not digest:
        raise BadInput(f"{where}: {text!r} has neither tag nor digest")
    return Image(registry=registry, repository=repository, reference=tag or digest, digest=digest)


def at_source(image: Image, registry: str, prefix: str) -> Image:
    """The same image at its source, if this one is named in one's own registry."""
    if image.registry != registry:
        return image
    inside = f"{prefix}/" if prefix else ""
    return _moved(image, DEFAULT_REGISTRY, image.repository.removeprefix(inside))


def in_own(image: Image, registry: str, prefix: str) -> Image:
    """The same image in one's own registry, if it is quay.io's: what is before the repository changes, no more."""
    if image.registry != DEFAULT_REGISTRY or registry == DEFAULT_REGISTRY:
        return image
    return _moved(image, registry, f"{prefix}/{image.repository}" if prefix else image.repository)


def _moved(image: Image, registry: str, repository: str) -> Image:
    return Image(registry=registry, repository=repository, reference=image.reference, digest=image.digest)
