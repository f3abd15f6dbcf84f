"""The catalogue of requirements: loaded, checked, and expanded to the cases of a run (pure once loaded).

Rules
* `catalogue.toml` is the normative data. It cannot be loaded wrong: a mistake is a `CatalogueError` naming the culprit.
* A requirement is asked of the peers that its `targets` names in `TARGETS`, from every vantage; what does not depend on
  the host (helm, the agent's configuration) is asked once, from this machine.
* A requirement whose condition does not hold is planned all the same and judged `notapplicable` with the reason, so
  that a reader of the report sees that it was thought of.
* The same settings give the same cases in the same order, at every hour and without a network.
* What an earlier catalogue asked for must still be known, or the evidence of its day proves less. So a catalogue that
  was in use is kept in `catalogues/` as it was, byte for byte, and found by its digest.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from netcompliance.model import (
    DEFAULT_REGISTRY,
    DOCUMENTED_PATH,
    HERE,
    LAYERS,
    RECEIVER_PATHS,
    AskedFrom,
    Basis,
    Case,
    Level,
    RegistryMode,
    Requirement,
    Settings,
    Waiver,
)

QUAY_CDN = ("cdn.quay.io", *(f"cdn{number:02}.quay.io" for number in range(1, 7)))
"""The hosts that quay.io's operator publishes for allow-lists."""

Target = tuple[str, str]
"""(what is asked, the peer it concerns)."""


class CatalogueError(Exception):
    """The catalogue is wrong: the fault of whoever edited it, never of the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """When a requirement is asked at all."""

    holds: Callable[[Settings], bool]
    otherwise: str
    """Why it is not asked, for a reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All requirements, in the order in which a report shows them."""

    requirements: tuple[Requirement, ...]
    version: int
    page: str
    sha256: str

    def __getitem__(self, requirement_id: str) -> Requirement:
        for requirement in self.requirements:
            if requirement.id == requirement_id:
                return requirement
        raise KeyError(requirement_id)

    def __contains__(self, requirement_id: object) -> bool:
        return any(requirement.id == requirement_id for requirement in self.requirements)


def _registry_name(settings: Settings) -> str:
    return "/".join(part for part in (settings.registry, settings.registry_prefix) if part)


def _hosts(settings: Settings) -> list[Target]:
    return [(host, host) for host in dict.fromkeys((settings.host, settings.registry))]


def _chart(settings: Settings) -> list[Target]:
    return [(f"{settings.chart_repository}/{settings.chart}", urlsplit(settings.chart_repository).netloc)]


def _watched(settings: Settings) -> list[Target]:
    """Each layer, where there is a watch; the registry's paths are the registry's."""
    if settings.watch is None:
        return [(settings.host, settings.host)]
    hosts = dict.fromkeys(LAYERS, settings.host) | {"registry": settings.registry}
    return [(f"{layer}:{host}", host) for layer, host in hosts.items()]


TARGETS: Mapping[str, Callable[[Settings], Sequence[Target]]] = {
    "tenant": lambda s: [(s.host, s.host)],
    "paths": lambda s: [(f"{s.host}{DOCUMENTED_PATH}{path}", s.host) for path in RECEIVER_PATHS],
    "registry": lambda s: [(_registry_name(s), s.registry)],
    "images": lambda s: [(str(image), image.registry) for image in s.images],
    "cdn": lambda _: [(host, host) for host in QUAY_CDN],
    "chart": _chart,
    "hosts": _hosts,
    "watch": _watched,
}

CONDITIONS: Mapping[str, Condition] = {
    "always": Condition(holds=lambda _: True, otherwise=""),
    "allow-list": Condition(
        holds=lambda s: s.allow_list is not None, otherwise="no allow-list was handed in (--allow-list)"
    ),
    "allow-list-of-rules": Condition(
        holds=lambda s: any(entry.services is not None and not entry.for_pods for entry in s.approved),
        otherwise="no allow-list of a firewall's rules was handed in (--allow-list)",
    ),
    "agent-url": Condition(
        holds=lambda s: s.agent_url is not None,
        otherwise="the URL that the agent is configured with is not known (profile, or --values with Helm values)",
    ),
    "key": Condition(holds=lambda s: s.key_declared, otherwise="no API key was found (STS_API_KEY, or the profile)"),
    "direct-quay": Condition(
        holds=lambda s: s.registry_mode is RegistryMode.DIRECT and s.registry == DEFAULT_REGISTRY,
        otherwise="images are not pulled from quay.io",
    ),
    "own-registry": Condition(
        holds=lambda s: s.registry_mode is not RegistryMode.DIRECT,
        otherwise="images are pulled from the source itself, not from one's own registry",
    ),
    "values-proxy": Condition(
        holds=lambda s: s.values is not None and bool(s.values.proxy or s.values.more_proxies),
        otherwise="no Helm values and no manifest that name a proxy were handed in (--values, --images)",
    ),
    "values": Condition(
        holds=lambda s: s.values is not None,
        otherwise="no Helm values and no manifest were handed in (--values, --images)",
    ),
    "watch": Condition(holds=lambda s: s.watch is not None, otherwise="no watch was asked for (--watch)"),
}

_FIELDS = {"says", "level", "basis", "source", "requires", "targets", "when", "from"}


def load(text: str | None = None) -> Catalogue:
    """The packaged catalogue, or the given text, checked."""
    if text is None:
        text = resources.files("netcompliance").joinpath("catalogue.toml").read_text(encoding="utf-8")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"catalogue: {error}") from None
    head = {name: data.pop(name, None) for name in ("version", "page")}
    if not isinstance(head["version"], int) or not isinstance(head["page"], str):
        raise CatalogueError("catalogue: needs a version (number) and a page (text)")
    requirements = tuple(_requirement(name, fields) for name, fields in data.items())
    _check_requires(requirements)
    return Catalogue(
        requirements=requirements,
        version=head["version"],
        page=head["page"],
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def every() -> tuple[Catalogue, ...]:
    """The catalogues that are known, the oldest first: those that are kept, and the packaged one."""
    kept = sorted(resources.files("netcompliance").joinpath("catalogues").iterdir(), key=lambda file: file.name)
    return (*(load(file.read_text(encoding="utf-8")) for file in kept), load())


def of_digest(sha256: str) -> Catalogue | None:
    """The one with this digest; `None` if it is not known."""
    return next((catalogue for catalogue in every() if catalogue.sha256 == sha256), None)


def expand(catalogue: Catalogue, settings: Settings, vantages: Iterable[str] = (HERE,)) -> tuple[Case, ...]:
    """Every case of a run: requirement, then vantage, then target.

    A level that was chosen leaves the other one out, but for what its requirements rest on: a failure there is theirs.
    """
    everywhere = tuple(sorted(set(vantages)))
    asked = _asked(catalogue, settings.level)
    return tuple(
        Case(requirement=requirement.id, target=target, vantage=vantage, host=host)
        for requirement in catalogue.requirements
        if requirement.id in asked
        for vantage in ((HERE,) if requirement.asked_from is AskedFrom.WORKSTATION else everywhere)
        for target, host in sorted(set(TARGETS[requirement.targets](settings)))
    )


def covers(waiver: Waiver, case: Case) -> bool:
    """Whether the waiver is meant for this case. Its fields may be patterns as in a shell."""
    return (
        fnmatchcase(case.requirement, waiver.requirement)
        and fnmatchcase(case.target, waiver.target)
        and fnmatchcase(case.vantage, waiver.vantage)
    )


def _asked(catalogue: Catalogue, level: Level | None) -> set[str]:
    """The requirements of the level, and all that they require."""
    asked: set[str] = set()
    wanted = [each.id for each in catalogue.requirements if level in (None, each.level)]
    while wanted:
        name = wanted.pop()
        if name not in asked:
            asked.add(name)
            wanted.extend(catalogue[name].requires)
    return asked


def _requirement(name: str, fields: Any) -> Requirement:
    if not isinstance(fields, dict):
        raise CatalogueError(f"catalogue: {name} is not a requirement")
    for unknown in sorted(fields.keys() - _FIELDS):
        raise CatalogueError(f"catalogue: {name} has an unknown field {unknown!r}")
    for missing in sorted({"says", "level", "basis", "source"} - fields.keys()):
        raise CatalogueError(f"catalogue: {name} has no {missing!r}")
    for key in sorted(fields.keys() - {"requires"}):
        if not isinstance(fields[key], str):
            raise CatalogueError(f"catalogue: {name}: {key} is no text")
    needed = fields.get("requires", [])
    if not isinstance(needed, list) or not all(isinstance(other, str) for other in needed):
        raise CatalogueError(f"catalogue: {name}: requires is no list of requirements")
    for key, known in (("level", Level), ("basis", Basis), ("from", AskedFrom)):
        if fields.get(key, AskedFrom.ANYWHERE) not in list(known):
            raise CatalogueError(f"catalogue: {name} has an unknown {key} {fields[key]!r}")
    requirement = Requirement(
        id=name,
        says=fields["says"],
        level=Level(fields["level"]),
        basis=Basis(fields["basis"]),
        source=fields["source"],
        requires=tuple(needed),
        targets=fields.get("targets", "tenant"),
        when=fields.get("when", "always"),
        asked_from=AskedFrom(fields.get("from", AskedFrom.ANYWHERE)),
    )
    if requirement.targets not in TARGETS:
        raise CatalogueError(f"catalogue: {name} has unknown targets {requirement.targets!r}")
    if requirement.when not in CONDITIONS:
        raise CatalogueError(f"catalogue: {name} has an unknown condition {requirement.when!r}")
    return requirement


def _check_requires(requirements: Sequence[Requirement]) -> None:
    requires = {requirement.id: requirement.requires for requirement in requirements}
    for name, needed in requires.items():
        for other in needed:
            if other not in requires:
                raise CatalogueError(f"catalogue: {name} requires {other}, which does not exist")
    for name in requires:
        _walk(name, requires, ())


def _walk(name: str, requires: Mapping[str, Sequence[str]], path: tuple[str, ...]) -> None:
    if name in path:
        circle = " -> ".join((*path[path.index(name) :], name))
        raise CatalogueError(f"catalogue: requirements go round in a circle: {circle}")
    for other in requires[name]:
        _walk(other, requires, (*path, name))
