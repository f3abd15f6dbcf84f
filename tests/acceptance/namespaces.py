"""Two network namespaces with a cable between them, and who can connect through it."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from lab.linux import setns

LONG, SHORT = 4.0, 0.1
"""Seconds that a connection may take to open: on a machine with other work, and usually."""


def run(*command: str, text: str = "") -> str:
    done = subprocess.run(command, check=False, input=text, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Place:
    """A network namespace."""

    name: str

    def run(self, *command: str, text: str = "") -> str:
        return run("ip", "netns", "exec", self.name, *command, text=text)


@contextmanager
def cabled(here: Sequence[str], there: Sequence[str], ports: Sequence[int], *, listens: int) -> Iterator[list[Place]]:
    """Two places with these addresses; one of them (0 or 1) listens on these ports, by IPv4 and IPv6."""
    places = [Place(f"nc-{os.getpid()}-{number}") for number in range(2)]
    with ExitStack() as cleanup:
        for place in places:
            run("ip", "netns", "add", place.name)
            cleanup.callback(run, "ip", "netns", "delete", place.name)
        run(
            "ip",
            "link",
            "add",
            "cable",
            "netns",
            places[0].name,
            "type",
            "veth",
            "peer",
            "cable",
            "netns",
            places[1].name,
        )
        for number, (place, addresses) in enumerate(zip(places, (here, there), strict=True)):
            place.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.cable.accept_dad=0")
            for address in addresses:
                place.run("ip", "address", "add", f"{address}/{64 if ':' in address else 32}", "dev", "cable")
            for device in ("lo", "cable"):
                place.run("ip", "link", "set", device, "up")
            for family in ("-4", "-6"):
                place.run("ip", family, "route", "add", "default", "dev", "cable")
            place.run("ip", "link", "set", "cable", "address", f"02:00:00:00:00:0{2 - number}")
        with inside(places[listens]):
            for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                for port in ports:
                    listening = socket.create_server((address, port), family=family, backlog=4096)
                    cleanup.callback(listening.close)
        yield places


@contextmanager
def inside(place: Place) -> Iterator[None]:
    """What this thread begins, it begins there."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    setns(f"/run/netns/{place.name}")
    try:
        yield
    finally:
        setns(f"/proc/self/fd/{here}")
        os.close(here)


def connected(place: Place, tries: Sequence[tuple[str, str, int]], wanted: Sequence[bool] | None) -> tuple[bool, ...]:
    """Which connections from there open, each from a source to an address and port.

    Where that is not what is wanted, a busy machine gets more time.
    """
    found = _connected(place, tries, SHORT)
    return found if wanted is None or found == tuple(wanted) else _connected(place, tries, LONG)


def _connected(place: Place, tries: Sequence[tuple[str, str, int]], seconds: float) -> tuple[bool, ...]:
    poller = select.poll()
    sockets = []
    with ExitStack() as cleanup:
        with inside(place):
            for source, _, _ in tries:
                family = socket.AF_INET6 if ":" in source else socket.AF_INET
                one = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                cleanup.callback(one.close)
                sockets.append(one)
        for one, (source, target, port) in zip(sockets, tries, strict=True):
            one.bind((source, 0))
            one.connect_ex((target, port))
            poller.register(one, select.POLLOUT)
        opened, ended, end = set(), set(), time.monotonic() + seconds
        while len(ended) < len(tries) and time.monotonic() < end:
            for number, event in poller.poll((end - time.monotonic()) * 1000):
                poller.unregister(number)
                ended.add(number)
                opened |= {number} if event == select.POLLOUT else set()
        return tuple(one.fileno() in opened for one in sockets)
