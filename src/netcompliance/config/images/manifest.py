"""Rendered manifests: the images of every container in them, wherever it stands (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_AGENTS_PROXY = "STS_PROXY_HTTPS"
_PROXIES = frozenset({_AGENTS_PROXY, "HTTPS_PROXY", "https_proxy"})
_ENDPOINTS = frozenset({"STS_STS_URL", "STS_URL"})
_COLLECTOR = "opentelemetry-collector"
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def is_manifest(document: Any) -> bool:
    """Whether a YAML document is a Kubernetes object."""
    return isinstance(document, Mapping) and "apiVersion" in document and "kind" in document


def pulled(documents: list[Any]) -> list[tuple[str, str]]:
    """(where, image name) of each container, in the order of the documents."""
    return [
        (f"{_title(found)}: {container.get('name', '?')}", container["image"])
        for found in _objects(documents)
        for holder in _mappings(found)
        for key in _CONTAINERS
        for container in _members(holder, key)
        if isinstance(container.get("image"), str)
    ]


def agent_urls(documents: list[Any]) -> tuple[str, ...]:
    """Receiver URLs, each once, that the containers' environment names."""
    seen = [
        (str(entry.get("name")), entry["value"])
        for found in _objects(documents)
        for holder in _mappings(found)
        for entry in _members(holder, "env")
        if isinstance(entry.get("value"), str)
    ]
    return tuple(dict.fromkeys(value for name in sorted(_ENDPOINTS) for its, value in seen if its == name))


def proxies(documents: list[Any]) -> list[tuple[str, Any]]:
    """(where, URL) of each proxy that a part of the agent is given, those by the agent's own variable first. Where the
    environment takes it from elsewhere, it is no text."""
    found = [
        (f"{where}: {entry['name']}", entry.get("value"), entry["name"] != _AGENTS_PROXY)
        for where, container, variables in _containers(documents)
        for entry in _members(container, "env")
        if entry.get("name") in _PROXIES and entry.get("value") != "" and ("value" in entry or "valueFrom" in entry)
        if entry["name"] == _AGENTS_PROXY or _connects(container, variables)
    ]
    return [(where, value) for where, value, _ in sorted(found, key=lambda each: each[2])]


def unproxied(documents: list[Any]) -> list[tuple[str, str, Any]]:
    """(where, what it is, its image) of containers that connect to the service without the proxy that others have."""
    containers = _containers(documents)
    if not any(variables & _PROXIES for _, _, variables in containers):
        return []
    return [
        (where, "it connects to the service and has no proxy, which others have", container.get("image"))
        for where, container, variables in containers
        if not variables & _PROXIES and _connects(container, variables)
    ]


def _containers(documents: list[Any]) -> list[tuple[str, Mapping[str, Any], set[str]]]:
    """(where, container, names of its variables)."""
    return [
        (f"{_title(found)}: {container.get('name', '?')}", container, _variables(container))
        for found in _objects(documents)
        for holder in _mappings(found)
        for key in _CONTAINERS
        for container in _members(holder, key)
    ]


def _connects(container: Mapping[str, Any], variables: set[str]) -> bool:
    """Does it connect to the service?"""
    return bool(variables & _ENDPOINTS) or _COLLECTOR in str(container.get("image"))


def _variables(container: Mapping[str, Any]) -> set[str]:
    return {str(entry.get("name")) for entry in _members(container, "env") if entry.get("value") != ""}


def _title(found: Mapping[str, Any]) -> str:
    metadata = found.get("metadata")
    name = metadata.get("name", "") if isinstance(metadata, Mapping) else ""
    return f"{found['kind']}/{name}"


def _objects(documents: list[Any]) -> Iterator[Mapping[str, Any]]:
    for document in documents:
        if not is_manifest(document):
            continue
        if str(document["kind"]).endswith("List") and isinstance(document.get("items"), list):
            yield from (item for item in document["items"] if is_manifest(item))
        else:
            yield document


def _members(holder: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    members = holder.get(key)
    return [member for member in members if isinstance(member, Mapping)] if isinstance(members, list) else []


def _mappings(root: Any) -> Iterator[Mapping[str, Any]]:
    """Every mapping below, each once: YAML's aliases can make a small file a tree without end."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Mapping):
            yield node
            waiting.extend(reversed(list(node.values())))
        elif isinstance(node, list):
            waiting.extend(reversed(node))
