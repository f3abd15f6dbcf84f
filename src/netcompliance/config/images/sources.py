"""The images of a run, from whatever file was handed in, in the names under which they are pulled here.

Rules
* The file says itself what it is: one image per line, Kubernetes objects, or Helm values of the chart.
* The registry is what was declared; else what values or manifests name; else quay.io. It is never assumed.
* An image from quay.io is looked for in one's own registry under the declared prefix. An image that does not come from
  the declared registry is a problem of the values (REG-07) in values and manifests, and bad input in a plain list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netcompliance.config import yaml_lines
from netcompliance.config.images import default, manifest, reference, values
from netcompliance.config.validation import (
    BadInput,
    entries,
    hide_keys,
    hide_proxy,
    printable,
    read_text,
    registry_prefix,
)
from netcompliance.model import DEFAULT_REGISTRY, ChartValues, GivenProxy, Image, ProxyReading
from netcompliance.probe.onhost.route import setting_of

_MAX_IMAGES = 200
URL, PROXY = "stackstate.url", "global.proxy.url"
"""What the chart calls the endpoint and the proxy; manifests hold them too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Images and what else their file says about the network."""

    registry: str
    prefix: str
    images: tuple[Image, ...]
    """As they are pulled here."""
    source_images: tuple[Image, ...]
    """The same, in the same order, at their source."""
    origin: str
    values: ChartValues | None = None
    proxy: str | None = None
    urls: tuple[tuple[str, int | None], ...] = ()
    """The receiver's URLs that the parts of the agent are given, each once, without logins, with its line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What one file names, before it is known which registry counts."""

    origin: str
    images: tuple[Image, ...]
    registry: str | None = None
    """`host[/prefix]` that the file itself points at."""
    urls: tuple[str, ...] = ()
    """The receiver's, as the parts of the agent are given it."""
    proxy: str | None = None
    more_proxies: tuple[tuple[str, str | None], ...] = ()
    """(where, URL) of others than the first, each once; None where it is not in the file."""
    reading: values.Reading | None = None
    containers: tuple[tuple[str, str], ...] = ()
    unproxied: tuple[tuple[str, str], ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where something is set → its line."""
    plain: bool = False


def gather(
    path: Path | None, declared: tuple[str, str] | None, *, direct: bool = False, option: str = "--images"
) -> Gathered:
    """The images of `path`, or of the dated list, for the declared registry (host, prefix), if one is declared.

    `option` is what the file was named with.
    """
    known = default.load()
    read = _read(path, known, option) if path else _Read(origin=known.title, images=known.images)
    registry, prefix = declared or _derived(read)
    named = values.images(read.reading, registry, prefix, read.origin) if read.reading else read.images
    kept, foreign = _placed(named, registry, prefix, direct=direct)
    origin = read.origin
    if foreign and read.plain:
        raise BadInput(f"{read.origin}: {foreign[0]} is not in the registry {registry} (--registry)")
    if not kept:
        kept, _ = _placed(known.images, registry, prefix, direct=direct)
        origin = f"{known.title}, since no image of {read.origin} comes from {registry}"
    if len(kept) > _MAX_IMAGES:
        raise BadInput(f"{read.origin}: {len(kept)} images; at most {_MAX_IMAGES} are looked at in one run")
    return Gathered(
        registry=registry,
        prefix=prefix,
        images=tuple(kept),
        source_images=tuple(kept.values()),
        origin=origin,
        values=_chart_values(read, registry, prefix),
        proxy=read.proxy,
        urls=tuple((printable(hide_keys(url)), getattr(url, "line", None)) for url in read.urls),
    )


def _placed(
    named: Iterable[Image], registry: str, prefix: str, *, direct: bool
) -> tuple[dict[Image, Image], list[Image]]:
    """(image as it is pulled here → the same at its source, images that are not in the registry)."""
    kept: dict[Image, Image] = {}
    foreign = []
    for image in named:
        source = reference.at_source(image, registry, prefix)
        here = reference.in_own(source, registry, prefix)
        if here.registry == registry:
            kept[here] = here if direct else source
        else:
            foreign.append(here)
    return kept, foreign


def _read(path: Path, known: default.DefaultImages, option: str) -> _Read:
    text = read_text(path, option)
    origin = f"{option} {path}"
    listed = entries(text)
    if not listed:
        raise BadInput(f"{origin}: empty")
    if all(" " not in entry and not entry.endswith(":") and "/" in entry for _, entry in listed):
        images = tuple(reference.parse(entry, f"{origin}:{number}") for number, entry in listed)
        return _Read(origin=origin, images=images, plain=True, registry=_common(images))
    documents = yaml_lines.documents(text, origin)
    if any(manifest.is_manifest(document) for document in documents):
        return _read_manifests(documents, origin)
    if len(documents) == 1 and isinstance(documents[0], Mapping):
        return _read_values(documents[0], origin, known)
    raise BadInput(f"{origin}: neither Helm values, nor Kubernetes manifests, nor a list of images")


def _read_manifests(documents: list[Any], origin: str) -> _Read:
    containers = manifest.pulled(documents)
    if not containers:
        raise BadInput(f"{origin}: no container in these manifests")
    images = tuple(reference.parse(name, f"{origin}: {where}") for where, name in containers)
    urls = manifest.agent_urls(documents)
    proxies = manifest.proxies(documents)
    texts = {value: where for where, value in reversed(proxies) if isinstance(value, str)}
    proxy = next((value for _, value in proxies if isinstance(value, str)), None)
    more = [(where, value) for where, value in proxies if isinstance(value, str) and texts[value] == where]
    elsewhere = [(where, None) for where, value in proxies if not isinstance(value, str)]
    unproxied = manifest.unproxied(documents)
    return _Read(
        origin=origin,
        images=images,
        registry=_common(images),
        urls=urls,
        proxy=proxy,
        more_proxies=(*more[1:], *elsewhere),
        containers=tuple(containers),
        unproxied=tuple((where, what) for where, what, _ in unproxied),
        lines=_known(
            {
                URL: getattr(next(iter(urls), None), "line", None),
                PROXY: getattr(proxy, "line", None),
                **{where: getattr(value, "line", None) for where, value in more},
                **{where: getattr(name, "line", None) for where, name in containers},
                **{where: getattr(image, "line", None) for where, _, image in unproxied},
            }
        ),
    )


def _read_values(document: Mapping[str, Any], origin: str, known: default.DefaultImages) -> _Read:
    if not values.KNOWN_TOP_LEVEL & {str(key) for key in document}:
        raise BadInput(f"{origin}: no key of the chart's values in it (global, stackstate, nodeAgent, …)")
    reading = values.read(document, known, origin)
    return _Read(
        origin=origin,
        images=(),
        registry=reading.registry,
        urls=(reading.url,) if reading.url else (),
        proxy=reading.proxy,
        reading=reading,
        unproxied=reading.unproxied,
        lines=_known({where: _line(document, where) for where in _named(reading)}),
    )


def _line(document: Mapping[str, Any], where: str) -> int | None:
    """The line of a setting; of the registry that decides, for images that are not set."""
    return yaml_lines.line(document, tuple(where.split("."))) or (
        yaml_lines.line(document, ("global", "imageRegistry")) if where.endswith(".image") else None
    )


def _named(reading: values.Reading) -> list[str]:
    """Every place of the values about which something may be said."""
    said = [*reading.ineffective, *reading.unproxied]
    return [URL, PROXY, *(where for where, _ in said), *(pulled.where for pulled in reading.pulled)]


def _known(lines: Mapping[str, int | None]) -> dict[str, int]:
    return {where: line for where, line in lines.items() if line is not None}


def _common(images: Iterable[Image]) -> str | None:
    """The one registry of all images, if it is one; quay.io's images may stand beside another's."""
    registries = {image.registry for image in images} - {DEFAULT_REGISTRY}
    return registries.pop() if len(registries) == 1 else None


def _derived(read: _Read) -> tuple[str, str]:
    if not read.registry:
        return DEFAULT_REGISTRY, ""
    return registry_prefix(read.registry.removeprefix("https://"), f"{read.origin}: registry")


def _chart_values(read: _Read, registry: str, prefix: str) -> ChartValues | None:
    if read.reading:
        problems = values.problems(read.reading, registry, prefix)
    elif read.containers:
        declared = "/".join(part for part in (registry, prefix) if part)
        problems = tuple(
            (where, f"pulled from {printable(name)}; declared is {declared}")
            for where, name in read.containers
            if not name.startswith(f"{declared}/")
        )
    else:
        return None
    told = {where for where, _ in (*problems, *read.unproxied, *read.more_proxies)} | {URL, PROXY}
    return ChartValues(
        file=read.origin.partition(" ")[2],
        url=printable(hide_keys(read.urls[0])) if read.urls else None,
        proxy=printable(hide_proxy(read.proxy)) if read.proxy else None,
        proxy_reading=_misread(read.proxy),
        more_proxies=tuple(
            GivenProxy(where=where, url=url and printable(hide_proxy(url)), reading=_misread(url))
            for where, url in read.more_proxies
        ),
        problems=problems,
        unproxied=read.unproxied,
        lines=tuple((where, line) for where, line in read.lines.items() if where in told),
    )


def _misread(proxy: str | None) -> ProxyReading | None:
    """What Go makes of the URL, where that is not what is meant."""
    if not proxy:
        return None
    setting = setting_of(proxy)
    if setting["agent"] == "dials":
        return None
    return ProxyReading(
        agent=setting["agent"],
        agent_place=setting["agent_place"],
        trouble=setting["trouble"] or "",
        character=setting["character"],
        meant=setting["meant"] and printable(setting["meant"]),
    )
