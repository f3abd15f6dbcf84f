"""Containers, a root directory, pods of a stand-in for kubectl, and an Ansible inventory of hosts of several kinds."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from lab_runs import LabRun, LabRuns, Outcome

from lab.hosts import INVENTORY, containers

pytestmark = [pytest.mark.lab, pytest.mark.daemons]

NORMAL, ORDINARY_USER = "podman://agent", "podman://daemon@agent"
ROOT = f"chroot://{containers.CHROOT}"
POD = "kubectl://agent?namespace=monitoring"
BUSYBOX = ("podman://busybox", "kubectl://busybox")
IN_TROUBLE = {
    "podman://shell-less": "there is no shell in it",
    "podman://stopped": "the container does not run",
    "podman://unknown": "there is no container of that name here",
}
PODS_IN_TROUBLE = tomllib.loads(
    (Path(__file__).parents[1] / "kubernetes" / "troubles.toml").read_text(encoding="utf-8")
)
"""The same table is played with a real API server: see tests/kubernetes."""
HOSTS = ("local", NORMAL, ORDINARY_USER, ROOT, POD, *BUSYBOX, *IN_TROUBLE)
FEW = ("--visits=4",)
"""At once: what is judged by its time must not suffer from the others, on a machine that is busy with other tests."""
EVERYBODY = LabRun(containers=True, hosts=(*HOSTS, *(row["host"] for row in PODS_IN_TROUBLE.values())), options=FEW)
BROKEN = LabRun(containers=True, scenario="one-address-dropped", hosts=("local", NORMAL, POD, ROOT), options=FEW)
LISTED = LabRun(
    containers=True,
    nodes=2,
    cast=("sudo-ok",),
    hosts=("local", "ansible://nodes", "ansible://elevated", "ansible://containers", "ansible://troubled"),
    options=(f"--ansible-inventory={INVENTORY}", *FEW),
)

everybody = pytest.mark.parametrize("play", [pytest.param(EVERYBODY, id="everybody")])
broken = pytest.mark.parametrize("play", [pytest.param(BROKEN, id=BROKEN.scenario)])
listed = pytest.mark.parametrize("play", [pytest.param(LISTED, id="inventory")])


@pytest.fixture
def outcome(plays: LabRuns, play: LabRun) -> Outcome:
    return plays[play]


def told_of(outcome: Outcome, vantage: str) -> dict[str, Any]:
    (record,) = [r for r in outcome.journal if r["type"] == "vantage" and r["id"] == vantage]
    return dict(record)


def assert_same_where_asked(outcome: Outcome, vantage: str, *, images: str) -> None:
    """Every verdict is the local one, and those on images are as they must be for this kind of vantage."""
    assert outcome.trouble(vantage) == "", outcome.output
    here, there = outcome.verdicts("local"), outcome.verdicts(vantage)
    of_images = {case for case in there if case[0] in ("REG-01", "REG-02", "REG-03", "REG-04", "REG-05", "REG-08")}
    assert {there[case] for case in of_images} == {images}
    unseen = {case for case in there if case[0] == "OUT-02" and there[case] == "notchecked"}
    """Without rights, nobody sees what comes in, or reads the host's rules."""
    rest = there.keys() - of_images - unseen
    assert {case: there[case] for case in rest} == {case: here[case] for case in rest}
    assert len(rest) > 20


def test_every_member_of_the_lab_is_expected_to_come_to_something() -> None:
    shellless = {row["host"] for row in PODS_IN_TROUBLE.values()}
    assert {member.hosts for member in containers.MEMBERS} <= {*HOSTS, *shellless}


@everybody
@pytest.mark.parametrize("vantage", [NORMAL, ORDINARY_USER, POD])
def test_a_container_is_judged_as_this_machine_is_and_not_asked_for_images(outcome: Outcome, vantage: str) -> None:
    assert_same_where_asked(outcome, vantage, images="notapplicable")


@everybody
def test_a_root_directory_is_a_host_like_any_other(outcome: Outcome) -> None:
    assert_same_where_asked(outcome, ROOT, images="pass")


@everybody
@pytest.mark.parametrize("vantage", BUSYBOX)
def test_a_container_with_busybox_alone_passes_what_it_can_show_and_fails_nothing(
    outcome: Outcome, vantage: str
) -> None:
    assert outcome.trouble(vantage) == ""
    assert set(outcome.verdicts(vantage).values()) <= {"pass", "notapplicable", "notchecked"}
    assert outcome.verdicts(vantage)["DNS-01", "acme.app.stackstate.io"] == "pass"


@everybody
@pytest.mark.parametrize("vantage", IN_TROUBLE)
def test_a_container_that_cannot_be_visited_has_a_cause_and_a_remedy(outcome: Outcome, vantage: str) -> None:
    told = outcome.trouble(vantage)
    assert IN_TROUBLE[vantage] in told
    assert len(told.split("; ")) > 1, "no remedy"
    assert outcome.verdicts(vantage) == {}


@everybody
def test_without_a_shell_there_are_two_ways_out(outcome: Outcome) -> None:
    for vantage in ("podman://shell-less", "kubectl://shellless?namespace=monitoring"):
        told = outcome.trouble(vantage)
        assert "an ephemeral container beside it" in told
        assert "visit the node it runs on" in told


@everybody
@pytest.mark.parametrize("row", PODS_IN_TROUBLE.values(), ids=PODS_IN_TROUBLE)
def test_a_pod_that_cannot_be_visited_has_its_cause(outcome: Outcome, row: dict[str, str]) -> None:
    assert row["cause"] in outcome.trouble(row["host"])
    assert outcome.verdicts(row["host"]) == {}


@everybody
def test_each_says_who_it_is(outcome: Outcome) -> None:
    container, pod, root = (told_of(outcome, vantage) for vantage in (NORMAL, POD, ROOT))
    assert (container["vantage_kind"], container["hostname"], container["connection"]) == (
        "container",
        "agent",
        "podman",
    )
    assert (pod["vantage_kind"], pod["pod"]) == ("pod", {"pod": "agent", "namespace": "monitoring", "node": "node"})
    assert (root["vantage_kind"], root["connection"]) == ("node", "chroot")
    assert told_of(outcome, ORDINARY_USER)["user"] == "daemon"
    for told in (container, pod, root):
        assert told["source_address"] == "10.20.0.4"
        assert told["nameservers"] == ["10.30.0.53", "10.30.0.54"]
        assert abs(told["clock_offset"]) < 60
        assert told["trust"]["certificates"] > 0


@everybody
def test_others_finish_and_the_run_is_undetermined(outcome: Outcome) -> None:
    assert (outcome.code, outcome.overall) == (1, "undetermined"), outcome.output
    assert outcome.trouble("local") == ""


@broken
@pytest.mark.parametrize("vantage", [NORMAL, POD, ROOT])
def test_what_is_broken_is_found_from_a_container_too(outcome: Outcome, vantage: str) -> None:
    assert outcome.failing(vantage) == outcome.failing() != {}


@listed
@pytest.mark.parametrize("host", ["node-1", "node-2", "sudo-ok"])
def test_an_inventorys_hosts_are_judged_as_this_machine_is(outcome: Outcome, host: str) -> None:
    assert_same_where_asked(outcome, f"ansible://{host}", images="pass")


@listed
def test_an_inventorys_container_is_a_container(outcome: Outcome) -> None:
    assert_same_where_asked(outcome, "ansible://box", images="notapplicable")
    assert told_of(outcome, "ansible://box")["hostname"] == "agent"


@listed
def test_what_the_inventory_says_of_a_host_is_obeyed(outcome: Outcome) -> None:
    assert told_of(outcome, "ansible://sudo-ok")["user"] == "root"


@listed
def test_an_inventorys_hosts_in_trouble_are_told_apart(outcome: Outcome) -> None:
    assert "refuses connections" in outcome.trouble("ansible://refused")
    assert "key is not known" in outcome.trouble("ansible://new-key")
