"""Real servers in the lab's roles (named, nginx, docker-registry, squid): the suite is not tuned to our own ones."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from plays import Play, Plays

from lab import real
from lab.right import RIGHT
from lab.scenario import Scenario
from lab.scenarios import SCENARIOS

pytestmark = [pytest.mark.lab, pytest.mark.daemons]

DAEMONS = {"named", "nginx", "docker-registry", "squid"}


def has_a_part_for_servers(scenario: Scenario) -> bool:
    """Whether servers do something else than in the healthy world. What firewalls and options do is tried elsewhere."""
    world = scenario.change(RIGHT)
    return (
        (world.sites, world.resolvers, world.records) != (RIGHT.sites, RIGHT.resolvers, RIGHT.records)
        or any("registry" in option for option in scenario.options)
        or any("PROXY" in name for name, _ in world.host.environment)
    )


CASES = [
    pytest.param(Play(scenario=scenario.name, servers="real"), scenario, id=scenario.name)
    for scenario in SCENARIOS
    if has_a_part_for_servers(scenario) and not list(real.unplayable(scenario.change(RIGHT)))
]


@pytest.mark.parametrize("play", [Play(servers="real")], ids=["healthy"])
def test_the_healthy_world_is_satisfied(plays: Plays, play: Play) -> None:
    outcome = plays[play]
    assert outcome.overall == "satisfied", outcome.output
    assert outcome.code == 0
    assert outcome.failing() == {}


@pytest.mark.parametrize(("play", "scenario"), CASES)
def test_the_row_and_nothing_else_is_found(plays: Plays, play: Play, scenario: Scenario) -> None:
    outcome = plays[play]
    assert outcome.overall is not None, outcome.output
    assert outcome.failing() == scenario.find, outcome.output


def test_real_servers_play_a_good_share() -> None:
    assert len(CASES) >= 100


def test_what_no_real_server_does_is_refused_in_one_line(checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, *Play(scenario="endless-headers", servers="real").lab_arguments(), "true"],
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
    command = [sys.executable, *Play(servers="real").lab_arguments(), "sh", "-c", "echo up; exec sleep 600"]
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
