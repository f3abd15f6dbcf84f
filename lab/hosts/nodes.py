"""Ordinary hosts: a network namespace each, on one bridge to the router and on another to the host under test."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial

from lab import linux, network
from lab.hosts.ssh import Ssh
from lab.world import Machine, World

DATA, MANAGEMENT = "10.21", "10.99"
DATA6 = "fd21::"
MOST = 250


def name(number: int) -> str:
    """What the n-th node is called, counted from one."""
    return f"node-{number}"


def management(number: int) -> str:
    """Where the n-th node is reached by ssh."""
    return f"{MANAGEMENT}.0.{number + 1}"


def start(count: int, world: World, ssh: Ssh) -> None:
    """Make the nodes' networks and start their servers."""
    if not count:
        return
    numbers = range(1, count + 1)
    for number in numbers:
        network.new_namespace(name(number))
    network.batch(Machine.ROUTER, _router_commands(numbers))
    network.batch(Machine.HOST, _host_commands(numbers))
    for number in numbers:
        network.batch(name(number), _node_commands(number, ipv6=world.host.ipv6))
        if world.host.has_firewall:
            network.load_rules(name(number), network.host_rules(world, 'iifname "mgmt" accept'))
        key = ssh.serve(name(number), management(number), enter=partial(_enter, number))
        ssh.know(management(number), key)
        ssh.name(name(number), HostName=management(number))


def _enter(number: int) -> None:
    linux.setns(str(network.NETNS / name(number)))
    linux.unshare(linux.CLONE_NEWUTS)
    linux.set_host_name(name(number))
    os.chdir("/")


def _router_commands(numbers: Iterable[int]) -> Iterable[str]:
    yield "link add to-nodes type bridge"
    yield f"address add {DATA}.0.1/16 dev to-nodes"
    yield f"address add {DATA6}1/64 dev to-nodes"
    yield "link set to-nodes up"
    for number in numbers:
        yield f"link add data-{number} type veth peer name eth0 netns {name(number)}"
        yield f"link set data-{number} master to-nodes up"


def _host_commands(numbers: Iterable[int]) -> Iterable[str]:
    yield "link add mgmt type bridge"
    yield f"address add {MANAGEMENT}.0.1/16 dev mgmt"
    yield "link set mgmt up"
    for number in numbers:
        yield f"link add mgmt-{number} type veth peer name mgmt netns {name(number)}"
        yield f"link set mgmt-{number} master mgmt up"


def _node_commands(number: int, *, ipv6: bool) -> Iterable[str]:
    for device in ("lo", "eth0", "mgmt"):
        yield f"link set {device} up"
    yield f"address add {DATA}.0.{number + 1}/16 dev eth0"
    yield f"address add {management(number)}/16 dev mgmt"
    yield f"route add 0.0.0.0/0 via {DATA}.0.1"
    if ipv6:
        yield f"address add {DATA6}{number + 1:x}/64 dev eth0"
        yield f"route add ::/0 via {DATA6}1"
