"""Peers that mean harm: little memory, clean output. What must be found is in the scenarios' own test."""

from __future__ import annotations

import re

import pytest
from lab_runs import LabRun, LabRuns, of_scenario

from lab.scenarios import hostile

pytestmark = pytest.mark.lab

PLAYS = [pytest.param(of_scenario(scenario.name), id=scenario.name) for scenario in hostile.SCENARIOS]
MOST_KIB = 200 * 1024
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
MARKUP = re.compile(r"<script>alert|<img src=x", re.IGNORECASE)


@pytest.mark.parametrize("play", PLAYS)
def test_memory_is_bounded(plays: LabRuns, play: LabRun) -> None:
    assert 0 < plays[play].peak_kib < MOST_KIB


@pytest.mark.parametrize("play", PLAYS)
def test_what_peers_send_reaches_the_terminal_clean(plays: LabRuns, play: LabRun) -> None:
    outcome = plays[play]
    assert "RCV" in outcome.output or "REG" in outcome.output
    assert CONTROL.findall(outcome.output) == []


@pytest.mark.parametrize("play", PLAYS)
def test_what_peers_send_reaches_the_report_escaped(plays: LabRuns, play: LabRun) -> None:
    outcome = plays[play]
    assert "<table" in outcome.report
    assert MARKUP.findall(outcome.report) == []
