"""Hosts of every kind in one run: what is looked at is judged as locally, and trouble on the way is told apart."""

from __future__ import annotations

import re

import pytest
from lab_runs import LabRun, LabRuns, Outcome

from lab.hosts import special_hosts
from netcompliance import catalogue
from netcompliance.model import AskedFrom

pytestmark = [pytest.mark.lab, pytest.mark.daemons]

ASKED_HERE = {r.id for r in catalogue.load().requirements if r.asked_from is AskedFrom.WORKSTATION}
MEMBERS = {member.hosts.partition("?")[0]: member for member in special_hosts.MEMBERS}
NODES = ("ssh://node-1", "ssh://node-2", "ssh://lab-host")
EVERYBODY = LabRun(
    hosts=("local", *NODES, *(member.hosts for member in special_hosts.MEMBERS)),
    nodes=2,
    cast=special_hosts.names(),
    options=("--visits=4",),
)
IN_TROUBLE = {
    "ssh://sudo-password": "sudo asks for a password",
    "ssh://nologin": "no shell there",
    "ssh://no-auth": "refused the login",
    "ssh://changed-key": "another key than the one that is known",
    "ssh://new-key": "key is not known on this machine",
    "ssh://refused": "refuses connections to its ssh port 1",
    "ssh://filtered": "nothing answers at the host's ssh port 22",
    "ssh://unknown-name": "cannot resolve the host's name unknown-name",
    "ssh://silent": "accepts connections but never speaks ssh",
    "ssh://mute": "the login came to no answer within 20 s",
    "ssh://truncated": "the probe's output arrived cut or damaged",
    "ssh://cut": "the connection to the host was cut during the visit",
}
LIMITED = ("ssh://bare", "ssh://busybox")
FINE = tuple(name for name in (*NODES, *MEMBERS) if name not in (*IN_TROUBLE, *LIMITED))

everybody = pytest.mark.parametrize("play", [pytest.param(EVERYBODY, id="everybody")])


@pytest.fixture
def outcome(plays: LabRuns, play: LabRun) -> Outcome:
    return plays[play]


def test_every_member_is_expected_to_come_to_something() -> None:
    assert set(IN_TROUBLE) | set(LIMITED) | set(FINE) == {*MEMBERS, *NODES}


@everybody
def test_one_hosts_trouble_leaves_the_run_undetermined_and_is_nobody_elses(outcome: Outcome) -> None:
    assert (outcome.code, outcome.overall) == (1, "undetermined"), outcome.output
    assert outcome.failing() == {}
    assert outcome.trouble("local") == ""


@everybody
@pytest.mark.parametrize("vantage", FINE)
def test_a_host_that_can_be_looked_at_is_judged_as_this_machine_is(outcome: Outcome, vantage: str) -> None:
    assert outcome.trouble(vantage) == ""
    here, there = outcome.verdicts("local"), outcome.verdicts(vantage)
    assert there == {case: verdict for case, verdict in here.items() if case in there}
    assert {requirement for requirement, _ in here.keys() - there.keys()} == ASKED_HERE


@everybody
@pytest.mark.parametrize("vantage", IN_TROUBLE)
def test_trouble_has_its_cause_and_a_remedy_and_no_verdict(outcome: Outcome, vantage: str) -> None:
    told = outcome.trouble(vantage)
    assert IN_TROUBLE[vantage] in told
    assert len(told.split("; ")) > 1, "no remedy"
    assert outcome.verdicts(vantage) == {}


@everybody
@pytest.mark.parametrize("vantage", LIMITED)
def test_a_host_without_python_passes_what_it_can_show_and_fails_nothing(outcome: Outcome, vantage: str) -> None:
    assert outcome.trouble(vantage) == ""
    assert set(outcome.verdicts(vantage).values()) <= {"pass", "notapplicable", "notchecked"}
    assert outcome.verdicts(vantage)["DNS-01", "acme.app.stackstate.io"] == "pass"
    unseen = [r for r in outcome.journal if r["type"] == "verdict" and r["vantage"] == vantage]
    assert any("install python3" in record["reason"] for record in unseen if record["verdict"] == "notchecked")


@everybody
def test_names_that_are_no_utf_8_spoil_nothing(outcome: Outcome) -> None:
    (weird,) = [r for r in outcome.journal if r["type"] == "vantage" and r["id"] == "ssh://weird"]
    assert weird["hostname"].startswith("n")
    assert weird["vantage_kind"] == "node"


@everybody
def test_each_host_is_visited_by_one_connection(outcome: Outcome) -> None:
    ends = [r["vantage"] for r in outcome.journal if r["type"] == "observation" and r["kind"] == "probe"]
    assert sorted(ends) == sorted({*FINE, *LIMITED, "local"})


BROKEN = LabRun(scenario="one-address-dropped", hosts=("ssh://node-1", "ssh://node-2"), nodes=2, options=("-q",))


@pytest.mark.parametrize("play", [pytest.param(BROKEN, id="one-address-dropped")])
def test_the_same_cause_on_two_hosts_is_one_paragraph_that_names_both(outcome: Outcome) -> None:
    assert outcome.failing("ssh://node-1") == outcome.failing("ssh://node-2") != {}
    assert outcome.output.count("required   TCP port 443 opens") == 1
    assert "ssh://node-1" in outcome.output
    assert "ssh://node-2" in outcome.output


@pytest.mark.parametrize("play", [pytest.param(BROKEN, id="one-address-dropped")])
def test_without_a_terminal_each_host_has_a_line_of_its_own_when_it_ends(outcome: Outcome) -> None:
    lines = re.findall(r"(?m)^(local|ssh://node-\d)  done in \d+\.\d s$", outcome.output)
    assert sorted(lines) == ["local", "ssh://node-1", "ssh://node-2"], outcome.output
