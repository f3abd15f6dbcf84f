"""What the probe once saw in the lab, judged again without a network: `tests/recorded` made these files."""

from __future__ import annotations

import json
import lzma
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lab.scenarios import SCENARIOS
from netcompliance.catalogue import expand
from netcompliance.judge import judge
from netcompliance.model import ChartValues, Image, RegistryMode, Settings
from tests.unit.judge.world import CATALOGUE, found

RECORDED = Path(__file__).resolve().parents[2] / "recorded"
FILES = sorted(RECORDED.glob("*.json.xz"))
THEN = date(2026, 11, 22)


def read(path: Path) -> tuple[Settings, list[dict[str, Any]]]:
    """Settings and observations of a recorded visit."""
    recorded = json.loads(lzma.decompress(path.read_bytes()))
    return settings_from(recorded["settings"]), recorded["observations"]


def settings_from(fields: dict[str, Any]) -> Settings:
    """Settings as a journal's header holds them."""
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    images = {name: tuple(Image(**image) for image in given[name]) for name in ("images", "source_images")}
    values = given["values"] and ChartValues(**{**given["values"], "problems": tuple(given["values"]["problems"])})
    return Settings(**{**given, **images, "values": values, "registry_mode": RegistryMode(given["registry_mode"])})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.partition(".")[0])
def test_what_was_seen_then_is_judged_as_the_scenario_says(path: Path) -> None:
    scenario = next(row for row in SCENARIOS if row.name == path.name.partition(".")[0])
    settings, observations = read(path)
    given = judge(CATALOGUE.requirements, expand(CATALOGUE, settings), observations, settings, THEN)
    assert found(given) == {requirement: set(codes) for requirement, codes in scenario.find.items()}


def test_there_are_some() -> None:
    assert len(FILES) >= 20
