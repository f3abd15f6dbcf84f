"""Every scenario in the lab, with the suite as it is: exactly the findings of its row, and nothing else."""

from __future__ import annotations

import pytest
from plays import Play, Plays

from lab.scenario import Scenario
from lab.scenarios import SCENARIOS

pytestmark = pytest.mark.lab

CASES = [pytest.param(Play(scenario=scenario.name), scenario, id=scenario.name) for scenario in SCENARIOS]


@pytest.mark.parametrize(("play", "scenario"), CASES)
def test_the_row_and_nothing_else_is_found(plays: Plays, play: Play, scenario: Scenario) -> None:
    outcome = plays[play]
    assert outcome.overall is not None, outcome.output
    assert outcome.failing() == scenario.find, outcome.output


def test_the_healthy_world_is_satisfied(plays: Plays) -> None:
    outcome = plays[Play()]
    assert outcome.overall == "satisfied", outcome.output
    assert outcome.code == 0
    assert outcome.failing() == {}
