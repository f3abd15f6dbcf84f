"""Hosts without Python, held to the same scenarios: what they find is true, and what they cannot see never passes.

A host with bash, curl and openssl finds what Python finds, but for the rows of LESS. One with busybox alone finds what
there is to say about names and ports.
"""

from __future__ import annotations

import pytest
from lab_runs import BARE, BUSYBOX, LabRun, LabRuns, of_busybox, of_scenario
from shells import BY_BUSYBOX, BY_CHANCE, BY_SHELL, NOT_BY_BUSYBOX, row, seen_by_a_shell

from lab.scenario import Scenario
from lab.scenarios import SCENARIOS

pytestmark = pytest.mark.lab

CASES = [
    pytest.param(of_scenario(scenario.name), scenario, id=scenario.name)
    for scenario in SCENARIOS
    if scenario.name in BY_SHELL
]


@pytest.mark.parametrize(("play", "scenario"), [case for case in CASES if case.id not in BY_CHANCE])
def test_bash_curl_and_openssl_find_the_row(plays: LabRuns, play: LabRun, scenario: Scenario) -> None:
    outcome = plays[play]
    assert outcome.trouble(BARE) == "", outcome.output
    assert outcome.failing(BARE) == seen_by_a_shell(scenario)


@pytest.mark.parametrize(("play", "scenario"), CASES)
def test_nothing_passes_there_that_fails_here(plays: LabRuns, play: LabRun, scenario: Scenario) -> None:
    outcome = plays[play]
    failing = {case for case, verdict in outcome.verdicts("local").items() if verdict == "fail"}
    passing = {case for case, verdict in outcome.verdicts(BARE).items() if verdict == "pass"}
    assert scenario.name in BY_CHANCE or not failing & passing


def test_of_many_addresses_some_are_looked_at_whole(plays: LabRuns) -> None:
    outcome = plays[of_scenario("forty-addresses")]
    (saw,) = (
        r["saw"]
        for r in outcome.journal
        if (r.get("vantage"), r.get("requirement")) == (BARE, "HTTPS-01") and "saw" in r
    )
    assert "TLS and requests were checked at 12 of 40" in saw


BUSYBOXES = [
    pytest.param(of_busybox(scenario.name), scenario, id=f"busybox-{scenario.name}")
    for scenario in SCENARIOS
    if scenario.name in (*BY_BUSYBOX, *NOT_BY_BUSYBOX)
]


@pytest.mark.parametrize(("play", "scenario"), BUSYBOXES)
def test_busybox_finds_what_names_and_ports_show_and_says_nothing_else(
    plays: LabRuns, play: LabRun, scenario: Scenario
) -> None:
    outcome = plays[play]
    assert outcome.trouble(BUSYBOX) == "", outcome.output
    assert outcome.failing(BUSYBOX) == (row(scenario) if scenario.name in BY_BUSYBOX else {})
    failing = {case for case, verdict in outcome.verdicts("local").items() if verdict == "fail"}
    assert not failing & {case for case, verdict in outcome.verdicts(BUSYBOX).items() if verdict == "pass"}


def test_what_was_not_checked_says_what_to_install(plays: LabRuns) -> None:
    outcome = plays[LabRun(hosts=(BARE, BUSYBOX), cast=("bare", "busybox"))]
    reasons = {
        (record["vantage"], record["requirement"]): record["reason"]
        for record in outcome.journal
        if record["type"] == "verdict" and record["verdict"] == "notchecked"
    }
    assert "install python3" in reasons[BUSYBOX, "HTTPS-01"]
    assert "install curl" in reasons[BUSYBOX, "REG-01"]
    assert "a shell cannot watch packets" in reasons[BARE, "OUT-02"]
    assert all("install python3" in reason or reason.startswith("not evaluated: ") for reason in reasons.values())
