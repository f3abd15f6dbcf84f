"""The dated list in the package: what the chart pulls when nobody handed in anything better."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from netcompliance.config.images.reference import parse
from netcompliance.model import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultImages:
    """A chart's images at a date."""

    chart: str
    version: str
    date: str
    images: tuple[Image, ...]
    remote_kube_cache: Image
    components: Mapping[str, str]
    """Path in the chart's values (without `.image`) → repository of the image there."""

    @property
    def title(self) -> str:
        """Where the list comes from, for a report."""
        return f"default list of {self.date}: chart {self.chart} {self.version}"

    def of(self, component: str) -> Image:
        """The image of a part of the chart."""
        repository = self.components[component]
        return next(image for image in self.images if image.repository == repository)


def load() -> DefaultImages:
    """The packaged list."""
    text = resources.files("netcompliance.config.images").joinpath("default.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    return DefaultImages(
        chart=data["chart"],
        version=data["version"],
        date=data["date"].isoformat(),
        images=tuple(parse(name, "default.toml") for name in data["images"]),
        remote_kube_cache=parse(data["remote_kube_cache"], "default.toml"),
        components=data["components"],
    )
