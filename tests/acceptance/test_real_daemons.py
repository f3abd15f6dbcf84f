"""Real servers in the lab's roles (named, nginx, docker-registry, squid): the suite is not tuned to our own ones."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_runs import LabRun, LabRuns, images

from lab import real
from lab.healthy import RIGHT
from lab.scenario import Scenario
from lab.scenarios import SCENARIOS

pytestmark = [pytest.mark.lab, pytest.mark.daemons]

NOT_PLAYED = {
    "dns-sinkhole-for-the-registry": "named does not answer with an alias into a zone that it has not",
    "header-without-a-colon": "nginx sends no line that is no header",
    "token-server-large-hello-dropped": "docker-registry takes no token that another registry's server has signed",
}
"""Scenario → what no daemon does of it."""
DAEMONS = {"named", "nginx", "docker-registry", "squid"}


def parts_of_servers(scenario: Scenario) -> frozenset[str]:
    """What servers do in another way than in the healthy world. What firewalls and options do is tried elsewhere."""
    world = scenario.change(RIGHT)
    parts = {site.name for site in set(world.sites) ^ set(RIGHT.sites)}
    parts |= {"resolvers"} if world.resolvers != RIGHT.resolvers else set()
    parts |= {"records"} if world.records != RIGHT.records else set()
    parts |= {"own registry" for option in scenario.options if option.startswith("--registry=")}
    parts |= {name for name, _ in world.host.environment if "PROXY" in name}
    return frozenset(parts)


def share() -> Iterator[Scenario]:
    """The scenarios that real servers can play: those in which nothing is wrong, and one for each way of all others."""
    seen = set()
    for scenario in SCENARIOS:
        parts = parts_of_servers(scenario)
        way = (parts, frozenset(scenario.find.items()))
        if scenario.name in NOT_PLAYED:
            continue
        if parts and not list(real.unplayable(scenario.change(RIGHT))) and (not scenario.find or way not in seen):
            seen.add(way)
            yield scenario


CASES = [
    pytest.param(
        LabRun(scenario=scenario.name, servers="real", options=images(scenario.name)), scenario, id=scenario.name
    )
    for scenario in share()
]


@pytest.mark.parametrize("play", [LabRun(servers="real")], ids=["healthy"])
def test_the_healthy_world_is_satisfied(plays: LabRuns, play: LabRun) -> None:
    outcome = plays[play]
    assert outcome.overall == "satisfied", outcome.output
    assert outcome.code == 0
    assert outcome.failing() == {}


@pytest.mark.parametrize(("play", "scenario"), CASES)
def test_the_row_and_nothing_else_is_found(plays: LabRuns, play: LabRun, scenario: Scenario) -> None:
    outcome = plays[play]
    assert outcome.overall is not None, outcome.output
    assert outcome.failing() == scenario.find, outcome.output


def test_real_servers_play_a_good_share() -> None:
    """Of those that are about servers at all."""
    assert len(CASES) > len([each for each in SCENARIOS if not each.name.startswith("window-")]) / 3


def test_what_no_real_server_does_is_refused_in_one_line(checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", *LabRun(scenario="endless-headers", servers="real").lab_arguments(), "true"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.splitlines() == [
        "lab: --servers real cannot play this world, which has an answer in the manner endless-headers"
    ]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_daemons_end_with_the_lab_and_leave_nothing(checkout: Path, signum: signal.Signals) -> None:
    lab = [sys.executable, "-m", "lab", *LabRun(servers="real").lab_arguments()]
    command = [*lab, "sh", "-c", "echo up; exec sleep 600"]
    shared = sorted(Path("/dev/shm").iterdir())
    process = subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == "up\n"
        running = {
            pid: name for pid, name in _names_of_processes().items() if name in DAEMONS and _is_below(pid, process.pid)
        }
        assert set(running.values()) == DAEMONS
        watched = [os.pidfd_open(pid) for pid in running]
        process.send_signal(signum)
        process.wait(20)
    for descriptor in watched:
        assert select.select([descriptor], [], [], 20)[0], "a daemon lives on"
        os.close(descriptor)
    assert sorted(Path("/dev/shm").iterdir()) == shared


def _names_of_processes() -> dict[int, str]:
    names = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            names[int(entry.name)] = (entry / "comm").read_text().strip()
        except OSError:
            continue
    return names


def _is_below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False
