"""Network namespaces, links, routes and firewalls of the lab, from a `World`.

One namespace per machine, each joined to the router by a veth (`eth0` there, `to-NAME` in the router). Dual stack.
Every address of the Internet is routed by name; all others end in a black hole in the router, so nothing leaves the
machine and an unknown address is silent, as dropped packets are. Duplicate address detection is off: it would cost the
first IPv6 packet a second. Namespaces are bound to /run/netns, which is a private tmpfs, so that `ip netns exec router
nft ...` works inside the lab.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab import delay, linux
from lab.world import Firewall, Machine, World

NETNS = Path("/run/netns")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """The router's link to one machine: prefixes, and the machine's own address in each."""

    v4: str
    v6: str
    machine_v4: str
    machine_v6: str

    def router(self) -> tuple[str, str]:
        return self.v4.replace("0/", "1/"), self.v6.replace("::/", "::1/")


_LINKS = {
    Machine.HOST: _Link(v4="10.20.0.0/24", v6="fd20::/64", machine_v4="10.20.0.4/24", machine_v6="fd20::4/64"),
    Machine.CORP: _Link(v4="10.30.0.0/24", v6="fd30::/64", machine_v4="10.30.0.2/24", machine_v6="fd30::2/64"),
    Machine.INTERNET: _Link(v4="100.64.0.0/24", v6="fd64::/64", machine_v4="100.64.0.2/24", machine_v6="fd64::2/64"),
}
_SYSCTLS = {
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv4/ping_group_range": "0 0",
}
_TABLE = ("net/ipv4/tcp_child_ehash_entries", "4096")
"""Each machine has a table of connections of its own, where the kernel can (6.1 and later). One that all share is as
large as the memory of the machine asks for, and takes as long to read."""
_ROUTER_SYSCTLS = {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}


def build(world: World) -> None:
    """Make the namespaces and leave this process in the host's."""
    NETNS.mkdir(exist_ok=True)
    for machine in (*(each for each in Machine if each is not Machine.HOST), Machine.HOST):
        new_namespace(machine)
        if machine is Machine.ROUTER:
            _write_sysctls(_ROUTER_SYSCTLS)
    if world.firewall.round_trip:
        ends = (Machine.ROUTER, f"to-{Machine.INTERNET}"), (Machine.INTERNET, "eth0")
        near, far = ((name, functools.partial(enter, machine)) for machine, name in ends)
        delay.start(near, far, world.firewall.round_trip / 2)
    batch(Machine.ROUTER, _router_commands(world))
    for machine in _LINKS:
        batch(machine, _machine_commands(machine, world))
    load_rules(Machine.ROUTER, router_rules(world))
    allow_only(world.firewall.allowed)
    if world.host.has_firewall:
        load_rules(Machine.HOST, host_rules(world))


def new_namespace(name: str) -> None:
    """Make a network namespace, give it a name, and leave this process in it."""
    linux.unshare(linux.CLONE_NEWNET)
    (NETNS / name).touch()
    linux.mount("/proc/self/ns/net", str(NETNS / name), flags=linux.MS_BIND)
    _write_sysctls(_SYSCTLS)
    with contextlib.suppress(FileNotFoundError):
        _write_sysctls(dict([_TABLE]))


def enter(machine: Machine) -> None:
    """Move this process into the network namespace of `machine`."""
    linux.setns(str(NETNS / machine))


def addresses_of(machine: Machine, world: World) -> tuple[str, ...]:
    """Every address that a server, a resolver or a visitor of `machine` uses, once each."""
    owners: list[tuple[Machine, Iterable[str]]] = [
        *((site.machine, site.addresses) for site in world.sites),
        *((resolver.machine, resolver.addresses) for resolver in world.resolvers),
        *((visitor.machine, (visitor.source,)) for visitor in world.visitors),
    ]
    return tuple(dict.fromkeys(address for owner, some in owners if owner is machine for address in some))


def load_rules(machine: str, rules: str) -> None:
    """Load an nft ruleset in a machine."""
    _pipe(["ip", "netns", "exec", machine, "nft", "-f", "-"], rules)


def allow_only(allowed: str) -> None:
    """Let the hosts open what the chain `netcompliance` of these rules accepts, and drop everything else of theirs."""
    if "*filter" in allowed:
        for restore in ("iptables-nft-restore", "ip6tables-nft-restore"):
            _pipe(["ip", "netns", "exec", Machine.ROUTER, restore, "--noflush"], allowed)
            _pipe(["ip", "netns", "exec", Machine.ROUTER, restore, "--noflush"], _DENY_IPTABLES)
    elif allowed:
        load_rules(Machine.ROUTER, allowed)
        load_rules(Machine.ROUTER, _DENY_NFTABLES)


_DENY_NFTABLES = """
    table inet filter {
        chain forward {
            type filter hook forward priority filter + 1; policy drop;
            ct state established,related accept
            iifname != { "to-host", "to-nodes" } accept
            jump netcompliance
        }
    }
"""
_DENY_IPTABLES = """\
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -i to-corp -j ACCEPT
-A FORWARD -i to-internet -j ACCEPT
-A FORWARD -j netcompliance
COMMIT
"""


def router_rules(world: World) -> str:
    """The router's ruleset: the world's own rules in front of the healthy ones."""
    return _router_rules(world.firewall)


def instead(firewall: Firewall) -> str:
    """The ruleset that replaces the router's, in one step."""
    return f"delete table inet lab\n{_router_rules(firewall)}"


def _router_rules(firewall: Firewall) -> str:
    return f"""
        table inet lab {{
            chain prerouting {{
                type nat hook prerouting priority dstnat; policy accept;
                {_lines(firewall.prerouting)}
            }}
            chain forward {{
                type filter hook forward priority filter; policy drop;
                {_lines(firewall.forward)}
                ct state established,related accept
                iifname "to-host" accept
                iifname "to-corp" accept
                iifname "to-nodes" accept
            }}
            chain output {{
                type filter hook output priority filter; policy accept;
                {_lines(firewall.output)}
            }}
        }}
    """


def host_rules(world: World, *more: str) -> str:
    """The host's ruleset: nothing comes in that it did not ask for. `more` rules come before the world's own."""
    return f"""
        table inet filter {{
            chain input {{
                type filter hook input priority filter; policy drop;
                {_lines((*more, *world.host.firewall))}
                ct state established,related accept
                iifname "lo" accept
                meta l4proto {{ icmp, ipv6-icmp }} accept
            }}
        }}
    """


def _lines(rules: Iterable[str]) -> str:
    return "\n".join(rules)


def _router_commands(world: World) -> Iterable[str]:
    yield "link set lo up"
    for machine, link in _LINKS.items():
        if machine is not Machine.INTERNET or not world.firewall.round_trip:
            yield f"link add to-{machine} type veth peer name eth0 netns {machine}"
        for address in link.router():
            yield f"address add {address} dev to-{machine}"
        yield f"link set to-{machine} up"
    link = _LINKS[Machine.INTERNET]
    for address in addresses_of(Machine.INTERNET, world):
        gateway = link.machine_v4 if ipaddress.ip_address(address).version == 4 else link.machine_v6
        yield f"route add {address} via {gateway.split('/')[0]} mtu lock {world.firewall.internet_mtu}"
    yield "route add blackhole 0.0.0.0/0"
    yield "route add blackhole ::/0"


def _machine_commands(machine: Machine, world: World) -> Iterable[str]:
    link = _LINKS[machine]
    stacks = 2 if machine is not Machine.HOST or world.host.ipv6 else 1
    yield "link set lo up"
    yield "link set eth0 up"
    for address in (link.machine_v4, link.machine_v6)[:stacks]:
        yield f"address add {address} dev eth0"
    routed = stacks if machine is not Machine.HOST or world.host.routes else 0
    for destination, gateway in list(zip(("0.0.0.0/0", "::/0"), link.router(), strict=True))[:routed]:
        yield f"route add {destination} via {gateway.split('/')[0]}"
    for address in addresses_of(machine, world):
        bits = 32 if ipaddress.ip_address(address).version == 4 else 128
        yield f"address add {address}/{bits} dev {'eth0' if machine is Machine.CORP else 'lo'}"


def _write_sysctls(values: dict[str, str]) -> None:
    for name, value in values.items():
        Path("/proc/sys", name).write_text(value)


def batch(machine: str, commands: Iterable[str]) -> None:
    """Carry out commands of `ip` in a machine."""
    _pipe(["ip", "-n", machine, "-batch", "-"], "\n".join(commands))


def _pipe(command: list[str], text: str) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
