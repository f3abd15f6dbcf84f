"""What the servers saw: what the suite may never do, told by those to whom it would be done."""

from __future__ import annotations

import pytest
from lab_runs import LabRun, LabRuns

from lab.healthy import CDN_SITES, RIGHT
from lab.servers import Cdn, Registry
from lab.world import Machine, Site

pytestmark = pytest.mark.lab

EVERY_SITE = tuple(site.name for site in RIGHT.sites)
CDN_NAMES = tuple(site.name for site in CDN_SITES)
SERVERS = [
    pytest.param(LabRun(), id="embedded"),
    pytest.param(LabRun(servers="real"), id="real", marks=pytest.mark.daemons),
]


def is_elsewhere(site: Site) -> bool:
    """Whether it is neither registry nor CDN."""
    return not isinstance(site.app, Registry | Cdn)


@pytest.mark.parametrize("play", SERVERS)
def test_a_registrys_token_goes_to_the_registry_and_its_subdomains_only(plays: LabRuns, play: LabRun) -> None:
    outcome = plays[play]
    assert any(request["authorization"] for request in outcome.requests("quay")), "a token was used"
    assert outcome.requests(*CDN_NAMES), "the CDN was asked"
    others = outcome.requests(*(site.name for site in RIGHT.sites if is_elsewhere(site)))
    assert [request for request in others if request["authorization"]] == []


@pytest.mark.parametrize("play", SERVERS)
def test_layers_are_asked_for_with_get(plays: LabRuns, play: LabRun) -> None:
    asked = [(request["method"], request["path"]) for request in plays[play].requests("quay", *CDN_NAMES)]
    assert {method for method, path in asked if "/manifests/" not in path} == {"GET"}
    assert [method for method, _ in asked].count("HEAD") == 1


@pytest.mark.parametrize("play", [LabRun(scenario="key-accepted")], ids=["key-accepted"])
def test_a_valid_key_is_shown_to_the_validation_only(plays: LabRuns, play: LabRun) -> None:
    outcome = plays[play]
    shown = {(request["method"], request["path"]) for request in outcome.requests(*EVERY_SITE) if request["key"]}
    assert shown == {("GET", "/receiver/stsAgent/api/v1/validate")}


@pytest.mark.parametrize("play", [LabRun(scenario="key-accepted")], ids=["key-accepted"])
def test_a_key_is_written_nowhere(plays: LabRuns, play: LabRun) -> None:
    key = next(site.app.key for site in RIGHT.sites if site.name == "tenant")
    outcome = plays[play]
    assert outcome.journal
    assert key not in outcome.output + outcome.report + repr(outcome.journal)


@pytest.mark.parametrize("play", [LabRun(options=("--collect-only", "-q"))], ids=["collect-only"])
def test_collecting_touches_no_network(plays: LabRuns, play: LabRun) -> None:
    outcome = plays[play]
    assert "test_dns.py" in outcome.output
    assert outcome.code == 0
    assert outcome.log == ()
    assert outcome.journal == ()


def test_nothing_is_asked_of_machines_that_have_no_part_in_it(plays: LabRuns) -> None:
    """With quay.io as registry, the company's own registry and proxy hear nothing."""
    names = [site.name for site in RIGHT.sites if site.machine is Machine.CORP]
    assert [record for record in plays[LabRun()].log if record.get("site") in names] == []
