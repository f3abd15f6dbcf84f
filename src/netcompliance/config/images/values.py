"""The chart's values: which images they lead to, and the settings that do not do what they seem to (pure).

The chart puts an image's name together from `global.imageRegistry`, which is `quay.io` unless set, and the component's
`image.repository` and `image.tag`. From that follow the traps that are looked for here:

* `all.image.registry` counts only where `global.imageRegistry` is set to nothing: by itself it has no effect.
* A scheme in a registry makes every image name invalid.
* A repository that begins with a registry's host has it twice in the end.
* `image.registry` of a component overrides the global one for the process agent and the rbac agent; elsewhere the
  chart's templates do not read it.
* `global.proxy.url` reaches every part but the OpenTelemetry pods.
* The remote kube cache, where it is switched on, is pulled from quay.io whatever the values say.

Keys and passwords that values hold are never kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netcompliance.config.images.default import DefaultImages
from netcompliance.config.images.reference import parse
from netcompliance.config.validation import BadInput, hide_user, printable
from netcompliance.model import DEFAULT_REGISTRY, Image

_SWITCHES = {
    "nodeAgent.containers.processAgent": "nodeAgent.containers.processAgent.enabled",
    "clusterAgent": "clusterAgent.enabled",
    "checksAgent": "checksAgent.enabled",
    "logsAgent": "logsAgent.enabled",
    "kubernetes-rbac-agent.containers.rbacAgent": "kubernetes-rbac-agent.enabled",
}
_WITHOUT_PROXY = {"otel.k8sResourceCollector": True, "otel.prometheusScraping": True, "otel.telemetryGateway": False}
"""The parts that `otel.enabled` switches on, each with whether it is on unless told otherwise. None gets the proxy."""
_OWN_REGISTRY = frozenset({"nodeAgent.containers.processAgent", "kubernetes-rbac-agent.containers.rbacAgent"})
"""The components whose `image.registry` the templates read."""

KNOWN_TOP_LEVEL = frozenset(
    {
        "global",
        "all",
        "stackstate",
        "nodeAgent",
        "processAgent",
        "clusterAgent",
        "checksAgent",
        "logsAgent",
        "kubernetes-rbac-agent",
        "otel",
        "httpHeaderInjectorWebhook",
    }
)
"""What values of this chart begin with: a file with none of them is something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What the values make the cluster pull for one component."""

    where: str
    name: str
    """As the chart would write it: `registry/repository:tag`."""
    below: str
    """`repository:tag`, without the registry."""
    fixed: bool = False
    """No value changes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What Helm values say about the network."""

    url: str | None
    proxy: str | None
    registry: str | None
    """`global.imageRegistry`, where it is set."""
    pulled: tuple[Pulled, ...]
    unproxied: tuple[tuple[str, str], ...]
    """(where, what it is) for parts that are on and get no proxy, where one is set."""
    ineffective: tuple[tuple[str, str], ...]
    """(where, what is wrong) for settings that have no effect or make names invalid."""


def read(values: Mapping[str, Any], default: DefaultImages, where: str) -> Reading:
    """The values' images, endpoint and proxy. `where` names the file in errors."""
    look = _Look(values, where)
    registry = look.text("global.imageRegistry", templated=True)
    ignored = look.text("all.image.registry", templated=True)
    has_global = look.present("global.imageRegistry")
    base = (registry or ignored or "") if has_global else DEFAULT_REGISTRY
    pulled = []
    ineffective = list(_ineffective(registry, ignored, base))
    for component in default.components:
        switch = _SWITCHES.get(component)
        if switch and look.at(switch) is False:
            continue
        own = look.text(f"{component}.image.registry", templated=True)
        if own and component not in _OWN_REGISTRY:
            ineffective.append((f"{component}.image.registry", f"{own} has no effect: the chart does not read it here"))
            own = None
        image = default.of(component)
        repository = look.text(f"{component}.image.repository", templated=True) or image.repository
        tag = look.text(f"{component}.image.tag", templated=True) or image.reference
        below = f"{repository}:{tag}"
        name = "/".join(part for part in (own or base, below) if part)
        pulled.append(Pulled(where=f"{component}.image", name=name, below=below))
    correlation = "processAgent.podCorrelation"
    if look.at(f"{correlation}.enabled") is True and look.at(f"{correlation}.remoteCache") is True:
        cache = default.remote_kube_cache
        below = f"{cache.repository}:{cache.reference}"
        pulled.append(Pulled(where=f"{correlation}.remoteCache", name=str(cache), below=below, fixed=True))
    proxy = look.text("global.proxy.url")
    return Reading(
        url=look.text("stackstate.url"),
        proxy=proxy,
        unproxied=tuple(_unproxied(look)) if proxy else (),
        registry=registry,
        pulled=tuple(pulled),
        ineffective=tuple(ineffective),
    )


def images(reading: Reading, registry: str, prefix: str, where: str) -> tuple[Image, ...]:
    """The images of the reading: as they are named under the declared registry, else as the source calls them."""
    declared = "/".join(part for part in (registry, prefix) if part)
    found = {}
    for pulled in reading.pulled:
        name = pulled.name if pulled.name.startswith(f"{declared}/") else f"{DEFAULT_REGISTRY}/{pulled.below}"
        found[name] = parse(name, f"{where}: {pulled.where}")
    return tuple(found.values())


def problems(reading: Reading, registry: str, prefix: str) -> tuple[tuple[str, str], ...]:
    """(where, what is wrong) for every setting with which an image would not come from the declared registry."""
    declared = "/".join(part for part in (registry, prefix) if part)
    found = list(reading.ineffective)
    for pulled in reading.pulled:
        if pulled.name.startswith(f"{declared}/") and "://" not in pulled.name:
            if _has_host_twice(pulled.name):
                found.append((pulled.where, f"the repository begins with a registry: the image is {pulled.name}"))
            continue
        why = "its name is fixed in the chart" if pulled.fixed else f"declared is {declared}"
        found.append((pulled.where, f"pulled from {pulled.name}; {why}"))
    return tuple((where, printable(hide_user(what))) for where, what in found)


def _unproxied(look: _Look) -> Iterator[tuple[str, str]]:
    if look.at("otel.enabled") is True:
        for part, default in _WITHOUT_PROXY.items():
            switch = look.at(f"{part}.enabled")
            if default if switch is None else switch is True:
                yield part, "OpenTelemetry pods, which the chart gives no proxy: they connect to the service directly"


def _ineffective(registry: str | None, ignored: str | None, base: str) -> Iterator[tuple[str, str]]:
    if ignored and ignored != base:
        effective = registry or DEFAULT_REGISTRY
        yield "all.image.registry", f"{ignored} has no effect: global.imageRegistry ({effective}) wins; set that one"
    if registry and "://" in registry:
        yield "global.imageRegistry", f"{registry}: a registry in an image name has no scheme"


def _has_host_twice(name: str) -> bool:
    first = name.split("/", 1)[1].split("/", 1)[0]
    return "." in first and first.rsplit(".", 1)[-1].isalpha() and "/" in name.split("/", 1)[1]


class _Look:
    """Dotted look-ups in values that somebody else wrote."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values = values
        self._where = where

    def present(self, path: str) -> bool:
        parent, _, name = path.rpartition(".")
        holder = self.at(parent)
        return isinstance(holder, Mapping) and name in holder

    def at(self, path: str) -> Any:
        found: Any = self._values
        for name in path.split("."):
            if found is None:
                return None
            if not isinstance(found, Mapping):
                raise BadInput(f"{self._where}: {path}: expected a mapping on the way to {name!r}")
            found = found.get(name)
        return found

    def text(self, path: str, *, templated: bool = False) -> str | None:
        """A text value; empty and Helm's own templates count as not set where they cannot be followed."""
        found = self.at(path)
        if found is None or found == "":
            return None
        if isinstance(found, bool) or not isinstance(found, (str, int, float)):
            raise BadInput(f"{self._where}: {path}: expected a text")
        text = found if isinstance(found, str) else str(found)
        if "{{" in text:
            if templated:
                raise BadInput(f"{self._where}: {path}: a template; render the chart and hand in its manifests")
            return None
        return text
