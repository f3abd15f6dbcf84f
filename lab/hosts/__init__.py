"""Hosts to visit: real OpenSSH servers and real containers beside the host under test.

Theory. COMMAND runs on the host under test, which is the workstation as well. Every other host here is a process of
sshd with namespaces of its own: a network with a data path through the router and a management path that no fault of
the data path can cut (`nodes`), a host name, and where it says so other files (`special_hosts`). Containers are
podman's (`containers`). All of it dies with the lab.

Rules
* `lab-host` is the host under test itself: what a scenario breaks shows there as it does locally.
* A client configuration of the lab's own lies over /etc/ssh/ssh_config, so `ssh node-1` works as typed and with every
  check switched on: the hosts' keys are known, nothing is accepted blindly.
* Accounts are the machine's, plus some, in files of the lab's own that are mounted over the machine's.
* An Ansible inventory of them lies at `INVENTORY`.
* sshd and podman need real root: without it the lab says so in one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab import mounts, network
from lab.backend import BackendError, Stage
from lab.hosts import containers, nodes, special_hosts
from lab.hosts.ssh import LOOPBACK, Ssh
from lab.world import Machine, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which hosts to start."""

    nodes: int = 0
    """Ordinary hosts, node-1 and so on."""
    cast: tuple[str, ...] = ()
    """Those that are out of the ordinary (`special_hosts.MEMBERS`), by name."""
    containers: bool = False
    """Containers, a root directory, and pods of a stand-in (`containers.MEMBERS`)."""

    def __bool__(self) -> bool:
        return bool(self.nodes or self.cast or self.containers)


NONE = Wanted()
INVENTORY = mounts.DIRECTORY / "inventory.ini"


def start(wanted: Wanted, world: World, stage: Stage) -> None:
    """Start the hosts and wait until they answer. Leaves this process in the host's network."""
    if not wanted:
        return
    if Path("/proc/self/uid_map").read_text().split()[2] == "1":
        raise BackendError("hosts need root: sshd and podman cannot work in a user namespace of a plain user")
    network.enter(Machine.HOST)
    if wanted.nodes or wanted.cast:
        _start_servers(wanted, world, stage)
    if wanted.containers:
        containers.start(stage, world.host.environment)
    INVENTORY.write_text(_inventory(wanted))


def _start_servers(wanted: Wanted, world: World, stage: Stage) -> None:
    ssh = Ssh(stage, world.host.environment)
    ssh.know(LOOPBACK, ssh.serve("lab-host", LOOPBACK))
    ssh.name("lab-host", HostName=LOOPBACK)
    if wanted.cast:
        special_hosts.start(ssh, wanted.cast)
    nodes.start(wanted.nodes, world, ssh)
    network.enter(Machine.HOST)
    ssh.wait()


def _inventory(wanted: Wanted) -> str:
    """Every host that a visit can look from, in groups."""
    lines = ["[nodes]", *(nodes.name(number) for number in range(1, wanted.nodes + 1))]
    if wanted.cast:
        lines += ["[elevated]", "sudo-ok ansible_user=deploy ansible_become=true", "[troubled]", "refused", "new-key"]
    if wanted.containers:
        lines += ["[containers]", "box ansible_connection=containers.podman.podman ansible_host=agent"]
    return "".join(f"{line}\n" for line in lines)
