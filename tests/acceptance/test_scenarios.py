"""Every scenario in the lab, with the suite as it is: exactly the findings of its row, and nothing else.

Each is looked at locally, some over ssh too (see `shells`); what the shell probe finds is `test_shell`'s.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from lab_runs import OVER_SSH, LabRun, LabRuns, Stage, of_scenario

from lab.scenario import Scenario
from lab.scenarios import SCENARIOS
from netcompliance import catalogue
from netcompliance.model import AskedFrom

pytestmark = pytest.mark.lab

CASES = [pytest.param(of_scenario(scenario.name), scenario, id=scenario.name) for scenario in SCENARIOS]
ASKED_HERE = {r.id for r in catalogue.load().requirements if r.asked_from is AskedFrom.WORKSTATION}


@pytest.mark.parametrize(("play", "scenario"), CASES)
def test_the_row_and_nothing_else_is_found(plays: LabRuns, play: LabRun, scenario: Scenario) -> None:
    outcome = plays[play]
    assert outcome.overall is not None, outcome.output
    assert outcome.failing() == scenario.find, outcome.output
    if OVER_SSH not in play.hosts:
        return
    from_a_host = {name: codes for name, codes in scenario.find.items() if name not in ASKED_HERE}
    assert outcome.failing(OVER_SSH) == from_a_host, outcome.output


def test_the_healthy_world_is_satisfied(plays: LabRuns) -> None:
    outcome = plays[LabRun()]
    assert outcome.overall == "satisfied", outcome.output
    assert outcome.code == 0
    assert outcome.failing() == {}


@pytest.mark.parametrize("play", [LabRun(scenario="mandatory-tls-proxy")], ids=["mandatory-tls-proxy"])
def test_a_play_that_is_forked_is_what_a_command_does(plays: LabRuns, stage: Stage, play: LabRun) -> None:
    """With its world's variables, trust store and options, none of which the fork server has."""
    forked, typed = plays[play], replace(stage, forks=None).run(play)
    assert typed.overall == "satisfied", typed.output
    assert (forked.code, forked.verdicts("local")) == (typed.code, typed.verdicts("local"))
