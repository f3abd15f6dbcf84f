"""Hosts to visit: real OpenSSH servers beside the host under test, reached from it as `ssh NAME`.

Theory. COMMAND runs on the host under test, which is the workstation as well. Every other host here is a process of
sshd with namespaces of its own: a network with a data path through the router and a management path that no fault of
the data path can cut (`nodes`), a host name, and where it says so other files (`cast`). All of it dies with the lab.

Rules
* `lab-host` is the host under test itself: what a scenario breaks shows there as it does locally.
* A client configuration of the lab's own lies over /etc/ssh/ssh_config, so `ssh node-1` works as typed and with every
  check switched on: the hosts' keys are known, nothing is accepted blindly.
* Accounts are the machine's, plus some, in files of the lab's own that are mounted over the machine's.
* sshd needs real root: without it the lab says so in one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab import network
from lab.hosts import cast, nodes
from lab.hosts.ssh import LOOPBACK, Ssh
from lab.stage import BackendError, Stage
from lab.world import Machine, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which hosts to start."""

    nodes: int = 0
    """Ordinary hosts, node-1 and so on."""
    cast: bool = False
    """One of each kind that is out of the ordinary (`cast.MEMBERS`)."""

    def __bool__(self) -> bool:
        return bool(self.nodes or self.cast)


NONE = Wanted()


def start(wanted: Wanted, world: World, stage: Stage) -> None:
    """Start the hosts and wait until they answer. Leaves this process in the host's network."""
    if not wanted:
        return
    if Path("/proc/self/uid_map").read_text().split()[2] == "1":
        raise BackendError("ssh hosts need root: sshd cannot change users in a user namespace of a plain user")
    ssh = Ssh(stage, world.host.environment)
    network.enter(Machine.HOST)
    ssh.know(LOOPBACK, ssh.serve("lab-host", LOOPBACK))
    ssh.name("lab-host", HostName=LOOPBACK)
    if wanted.cast:
        cast.start(ssh)
    nodes.start(wanted.nodes, world, ssh)
    network.enter(Machine.HOST)
    ssh.wait()
