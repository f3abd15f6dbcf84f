"""What the probe once saw in the lab, judged again without a network: `tests/recorded` made these files."""

from __future__ import annotations

import json
import lzma
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from shells import TELLING, seen_by_a_shell

from lab.scenarios import SCENARIOS
from netcompliance.catalogue import expand
from netcompliance.journal import decode
from netcompliance.judge import judge
from netcompliance.model import ChartValues, Image, RegistryMode, Result, Settings
from tests.recorded import visits
from tests.unit.judge.world import CATALOGUE, found

RECORDED = Path(__file__).resolve().parents[2] / "recorded"
FILES = sorted(RECORDED.glob("*.json.xz"))
THEN = date(2026, 11, 22)
BARE = "ssh://bare"
BY_SHELL = visits.recorded()


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


@pytest.mark.parametrize("name", BY_SHELL)
def test_what_a_shell_saw_then_is_judged_as_it_is_to_be_found_from_there(name: str) -> None:
    """And nothing passes that did not pass when the suite looked."""
    scenario = next(row for row in SCENARIOS if row.name == name)
    recorded = BY_SHELL[name]
    settings = decode.settings(recorded["settings"])
    cases = expand(CATALOGUE, settings, [BARE])
    given = [
        verdict
        for verdict in judge(CATALOGUE.requirements, cases, recorded["observations"], settings, THEN)
        if verdict.case.vantage == BARE
    ]
    assert found(given) == {requirement: set(codes) for requirement, codes in seen_by_a_shell(scenario).items()}
    passing = {(verdict.case.requirement, verdict.case.target) for verdict in given if verdict.result is Result.PASS}
    assert passing or scenario.find
    assert passing <= {(requirement, target) for requirement, target in recorded["passing"]}


def test_there_are_some() -> None:
    assert len(FILES) >= 20


def test_no_visit_is_recorded_that_would_not_be_played() -> None:
    assert BY_SHELL.keys() < TELLING


def test_a_visit_that_alone_shows_something_is_played_and_so_is_one_that_was_named() -> None:
    def visit(*kinds: str) -> frozenset[visits.ErrorPattern]:
        return visits.signs({"kind": kind, "error": None} for kind in kinds)

    shown = {"alone": visit("tcp", "tls"), "same": visit("tcp"), "named": visit("tcp"), "other": visit("tcp", "dns")}
    assert visits.needed(shown, ["named"]) == {"alone", "named", "other"}


@pytest.mark.parametrize(
    "other",
    [
        {"error": {"phase": "tcp", "name": "TIMEOUT"}},
        {"status": 503},
        {"headers": [["Retry-After", "1"]]},
        {"chain": []},
    ],
    ids=str,
)
def test_what_is_no_name_address_or_time_of_a_visit_is_a_sign(other: dict[str, Any]) -> None:
    seen = {"kind": "tls", "host": "a", "address": "1.2.3.4", "at": 1.5, "status": 200, "error": None, "chain": ["MII"]}
    elsewhere = {"host": "b", "address": "::1", "at": 7.5, "chain": ["AAA"]}
    assert visits.signs([seen]) == visits.signs([{**seen, **elsewhere}])
    assert visits.signs([seen]) != visits.signs([{**seen, **other}])
