"""No verdict that a real client contradicts: a Go client beside the suite, in every scenario (see `tests/oracle`).

Where the client delivers everything within the agent's limits, no *must* that concerns the tenant fails; where it does
not, one fails or could not be checked. Helm is asked likewise: HELM-01 passes where it can fetch the
chart, and nowhere else.
"""

from __future__ import annotations

import subprocess

import helm
import pytest
import verdicts
from lab_runs import LabRun, LabRuns, of_scenario

from lab.scenarios import SCENARIOS
from netcompliance.vantage.workstation import HELM_AGENT

pytestmark = pytest.mark.lab

HEALTHY = LabRun(oracle="beside")
_CONTAINER = "the host trusts the device's authority, and the agent's containers do not: the client ran on the host"
_ON_PAPER = "a list on paper stops no packet"
_URL = "the client uses the documented URL, not the one that the profile declares"
EXCEPTIONS = {
    "interception-trusted-by-the-host": _CONTAINER,
    "interception-at-one-address": _CONTAINER,
    "proxy-opens-tls": _CONTAINER,
    "allow-list-incomplete": _ON_PAPER,
    "allow-list-of-another-port": _ON_PAPER,
    "allow-list-of-yesterday": _ON_PAPER,
    "dns-hosts-file-only": "the client ran on the host, whose hosts file pods do not read",
    "url-with-slash": _URL,
    "url-misspelt": _URL,
    "url-plain-http": _URL,
}
"""Scenario → why client and suite do not say the same."""

_LUCK = "some fifty connections may all miss a share as small as this; the suite makes more"
LUCKY = {
    "one-way-of-sixteen-drops": _LUCK,
    "one-way-of-eight-refuses": _LUCK,
    "one-way-of-eight-hangs-at-the-hello": _LUCK,
    "one-way-of-eight-answers-503": _LUCK,
    "one-way-of-eight-blocks": _LUCK,
    "one-way-of-eight-shows-another-certificate": _LUCK,
    "one-of-eight-rotating-addresses-dropped": "look-ups may not give the client that address",
    "proxy-ignores-one-in-sixteen": _LUCK,
}
"""Scenario → why the client may meet no fault there, though there is one."""

CASES = [pytest.param(of_scenario(scenario.name), scenario.name, id=scenario.name) for scenario in SCENARIOS]


@pytest.mark.parametrize(("play", "name"), [pytest.param(HEALTHY, "healthy", id="healthy"), *CASES])
def test_the_suite_says_what_the_client_met(plays: LabRuns, play: LabRun, name: str) -> None:
    outcome = plays[play]
    assert outcome.overall is not None, outcome.output
    assert outcome.oracle is not None, f"no Go toolchain? see tests/oracle\n{outcome.output}"
    if name in LUCKY and outcome.oracle.works:
        return
    disagreement = verdicts.disagreement(outcome.oracle, outcome.journal)
    if name in EXCEPTIONS:
        assert disagreement, f"they agree: {name} is no exception any more"
    else:
        assert not disagreement, "\n".join(outcome.oracle.failures())
        assert outcome.oracle.works or outcome.overall != "satisfied"


@pytest.mark.parametrize(("play", "name"), [pytest.param(HEALTHY, "healthy", id="healthy"), *CASES])
def test_the_chart_is_said_to_be_served_where_helm_can_fetch_it(plays: LabRuns, play: LabRun, name: str) -> None:
    outcome = plays[play]
    assert outcome.helm is not None, f"no Helm? see tests/oracle\n{outcome.output}"
    assert (verdicts.of_chart(outcome.journal) == "pass") is not bool(outcome.helm), outcome.helm


def test_the_chart_is_asked_for_as_this_helm_asks() -> None:
    program = helm.binary()
    assert program is not None
    said = subprocess.run([program, "version", "--template={{.Version}}"], capture_output=True, text=True, check=True)
    assert f"Helm/{said.stdout.strip().removeprefix('v')}" == HELM_AGENT


def test_exceptions_are_scenarios() -> None:
    assert {*EXCEPTIONS, *LUCKY} <= {scenario.name for scenario in SCENARIOS}
