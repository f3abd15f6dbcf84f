"""What the exchanges of one visit share: plan, output, threads, and addresses as they become known.

An address is worked on as soon as anybody has heard of it, whether from the system's resolver or from a nameserver, so
that a slow resolver delays nothing that could be looked at already.
"""

import ipaddress
import json
import os
import socket
import sys
import threading
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from netcompliance.probe.onhost.anchors import Anchors
from netcompliance.probe.onhost.failures import failure_from
from netcompliance.probe.onhost.limits import Deadline, with_defaults
from netcompliance.probe.onhost.pool import Pool, start_thread
from netcompliance.probe.onhost.route import Route, route_to
from netcompliance.probe.onhost.systemstore import SystemStore
from netcompliance.probe.onhost.trust import Trust

Record = Dict[str, Any]

SENTINEL: Record = {"netcompliance": "probe", "schema": 1}
"""The first line on standard output: what comes before it is not ours, and without it nobody looked."""


def is_local(address: str) -> bool:
    """Does the address belong to this machine? It does if the machine can bind it."""
    if ipaddress.ip_address(address).is_unspecified:
        return True
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as binding:
        try:
            binding.bind((address, 0))
        except OSError:
            return False
    return True


class Output:
    """JSON lines, each written whole and at once, and counted: a reader can tell whether all of them arrived."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._records = 0

    def begin(self) -> None:
        """Say that the probe speaks from here on, on a line of its own."""
        with self._lock:
            self._write("\n" + json.dumps(SENTINEL, separators=(",", ":")) + "\n")

    def line(self, record: Record) -> None:
        """Write one record now."""
        text = json.dumps(record, separators=(",", ":")) + "\n"
        with self._lock:
            self._records += 1
            self._write(text)

    def last(self, record: Record) -> None:
        """Write the last record, with the number of those before it, and nothing after it."""
        with self._lock:
            record["records"] = self._records
            self._write(json.dumps(record, separators=(",", ":")) + "\n")
            self._write = _nowhere


def _nowhere(_: str) -> None:
    """What a thread says that is late."""


def to_stdout(text: str) -> None:
    """Write and flush."""
    sys.stdout.write(text)
    sys.stdout.flush()


class AddressBook:
    """Addresses of names, told to whoever asked for them, once each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Condition()
        self._known: Dict[str, List[str]] = {}
        self._watchers: Dict[str, List[Callable[[str], None]]] = {}

    def announce(self, name: str, addresses: List[str]) -> None:
        """Somebody says that the name has these addresses."""
        name = name.lower().rstrip(".")
        with self._lock:
            known = self._known.setdefault(name, [])
            new = sorted({address for address in addresses if address not in known})[: self._most - len(known)]
            known.extend(new)
            self._lock.notify_all()
            watchers = list(self._watchers.get(name, ()))
        for watcher in watchers:
            for address in new:
                watcher(address)

    def watch(self, name: str, watcher: Callable[[str], None]) -> None:
        """Tell the watcher each address of the name, now and later."""
        with self._lock:
            self._watchers.setdefault(name, []).append(watcher)
            known = list(self._known.get(name, ()))
        for address in known:
            watcher(address)

    def known(self, name: str) -> List[str]:
        """The addresses known so far."""
        with self._lock:
            return list(self._known.get(name, ()))

    def wait_for(self, name: str, seconds: float) -> List[str]:
        """The addresses known as soon as there are any, or after so long."""
        with self._lock:
            self._lock.wait_for(lambda: name in self._known, seconds)
            return list(self._known.get(name, ()))


class Visit:
    """One run of a plan on one machine."""

    def __init__(self, plan: Record, output: Output, key: Tuple[Optional[str], Optional[str]], trust: Trust) -> None:
        self.plan = plan
        self.limits = with_defaults(plan.get("limits") or {})
        self.deadline = Deadline(plan["deadline"])
        self.trust = trust
        self.system = SystemStore(os.environ)
        self.anchors = Anchors(trust.store, self.system)
        self.key, self.key_from = key
        self.book = AddressBook(self.limits["addresses_known"])
        self.pool = Pool(self.limits["threads"], self._broken)
        self.resolved_by_plan: Set[str] = {
            entry["name"] for task in plan["tasks"] if task["kind"] == "resolve" for entry in task["names"]
        }
        self.answering = threading.Event()
        """A configured nameserver has answered."""
        self.opened = threading.Event()
        """A connection of ours has opened."""
        self.slowest = 0.0
        """Seconds that the slowest of our connections took to open."""
        self._output = output
        self._lock = threading.Lock()
        self._said: Set[Any] = set()
        self._shared: Dict[Any, Any] = {}
        self._ports: Set[int] = set()
        self._tries: Set[int] = set()
        self._counts: Dict[Any, int] = {}
        self._holds: List[str] = []
        self._held: Dict[Tuple[str, int], Any] = {}

    def emit(self, kind: str, task: str, **fields: Any) -> None:
        """Write an observation."""
        record: Record = {"kind": kind, "task": task}
        record.update(fields)
        self._output.line(record)

    def end(self, **fields: Any) -> None:
        """Write the record that closes a visit."""
        record: Record = {"kind": "probe", "task": "probe"}
        record.update(fields)
        self._output.last(record)

    def first(self, *what: Any) -> bool:
        """True for the first who says these words, False for all later ones."""
        with self._lock:
            if what in self._said:
                return False
            self._said.add(what)
            return True

    def count(self, *what: Any) -> int:
        """How many times these words have been said, this one included."""
        with self._lock:
            self._counts[what] = self._counts.get(what, 0) + 1
            return self._counts[what]

    def shared(self, what: Any, make: Callable[[], Any]) -> Any:
        """The one thing of this description, made by whoever asks first."""
        with self._lock:
            if what not in self._shared:
                self._shared[what] = make()
            return self._shared[what]

    def owns(self, port: int, seconds: float) -> None:
        """A connection of ours has opened from this port, after so long."""
        with self._lock:
            self._ports.add(port)
            self.slowest = max(self.slowest, seconds)
        self.opened.set()

    def hold_first(self, hosts: List[str]) -> None:
        """From now on, the first connection to each address of these hosts stays open until `release`."""
        self._holds = hosts

    def hold(self, host: str, address: str, port: int, duplicate: Callable[[], Any]) -> None:
        """A connection to this address of the host has opened; `duplicate` gives it once more."""
        with self._lock:
            if host in self._holds and (address, port) not in self._held:
                self._held[address, port] = duplicate()

    @property
    def held_connections(self) -> List[Tuple[str, int]]:
        """Addresses and ports to which a connection is held, sorted."""
        with self._lock:
            return sorted(self._held)

    def release(self) -> None:
        """Close what was held, and hold nothing more."""
        with self._lock:
            held, self._held, self._holds = self._held, {}, []
        for connection in held.values():
            connection.close()

    def has_reached(self, address: str, port: int) -> bool:
        """Has a connection to this address opened, of those that are held?"""
        with self._lock:
            return (address, port) in self._held

    def tries_from(self, port: int) -> None:
        """From this port a connection was tried that nothing else was done with."""
        with self._lock:
            self._tries.add(port)

    @property
    def mere_tries(self) -> Set[int]:
        """The ports of connections that were tried and closed at once."""
        with self._lock:
            return self._tries - self._ports

    @property
    def own_ports(self) -> Set[int]:
        """The ports our connections were opened from."""
        with self._lock:
            return set(self._ports)

    def spawn(self, task: str, work: Callable[..., object], *arguments: Any) -> None:
        """Do some work of a task beside everything else."""
        self.pool.spawn(task, work, *arguments)

    def others(self, hosts: List[str]) -> Set[str]:
        """The addresses of these hosts that are not this machine itself: what it sends to itself is no traffic."""
        known = (address.split("%")[0] for host in hosts for address in self.book.known(host))
        return {address for address in known if not is_local(address)}

    def background(self, work: Callable[[], None]) -> None:
        """Do something that nobody waits for."""
        start_thread(work)

    def route(self, task: str, host: str, port: int) -> Route:
        """The way to a host, reported once."""
        route = route_to(host, port, self.plan.get("proxy"), os.environ)
        if self.first("route", host, port):
            self.emit(
                "route", task, host=host, port=port, proxy=route.proxy.url if route.proxy else None,
                source=route.source, no_proxy=route.no_proxy, readings=route.readings, setting=route.setting,
            )  # fmt: skip
        return route

    def _broken(self, task: str, error: Exception) -> None:
        self.emit("fault", task, error=failure_from(error, "run").record())
