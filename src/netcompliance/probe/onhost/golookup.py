"""A name looked up as the agent does it: as Go's own resolver asks, not as the C library does.

Theory. Go asks for A and AAAA side by side and waits for both. Each query carries an EDNS0 record and is never repeated
without one. One nameserver is asked after the other, in so many rounds as `attempts` says; a datagram counts if it is
under the query's id and repeats its question; a truncated answer is asked for again over TCP; whatever is neither an
answer nor "no such name" leads to the next nameserver (net/dnsclient_unix.go).

How long a look-up takes follows from what each exchange came to. So the exchanges are made in Go's order, but the next
one begins after `PATIENCE` where Go would wait for its timeout: what would take Go 20 s is known after 7 s. The one
observation holds every exchange; what Go makes of them is for the judge.

One lost datagram decides nothing: what stays without an answer for `PATIENCE` is asked again, beside it (`again`).
"""

import base64
import os
import select
import socket
import struct
import threading
import time
from typing import Any, Dict, List, Optional

from netcompliance.probe.onhost import dnsmessage, gofiles
from netcompliance.probe.onhost.dial import dial, icmp_error, listen_for_icmp, socket_address
from netcompliance.probe.onhost.failures import Failure, failure_from, timed_out
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.names import HOSTS_FILE, NSSWITCH, RESOLV_CONF, read_text, text_or_none
from netcompliance.probe.onhost.pool import start_thread
from netcompliance.probe.onhost.visit import Visit

PORT = 53
PATIENCE = 0.5
"""Seconds after which the next exchange begins, while the one before goes on."""
LONGEST = 7.0
"""Seconds for which an answer is waited for, also where Go's timeout is longer."""
LAUNCHING = 4.0
"""Seconds in which new exchanges begin."""
NEXT_NAME = 1.5
"""Seconds after which the next name of the search list is asked for, while the one before is still waited for."""
MOST = 64
"""Exchanges of one look-up."""
AGAIN = 4
DATAGRAM = 1232
TYPES = (("A", 1), ("AAAA", 28))

Record = Dict[str, Any]


def start(visit: Visit, host: str, port: int) -> None:
    """Look up one name beside everything else."""
    visit.spawn("dns", Lookup(visit, host, port).run)


class Lookup:
    """One look-up: its exchanges, and who waits for them."""

    def __init__(self, visit: Visit, host: str, port: int) -> None:
        self._visit = visit
        self._host = host
        self._port = port
        self._settings = gofiles.resolver(text_or_none(RESOLV_CONF), socket.gethostname())
        self._wait = min(float(self._settings["timeout"]), LONGEST)
        self._queries: List[Record] = []
        self._change = threading.Condition()
        self._running = 0

    def run(self) -> None:
        """The `go-resolve` observation."""
        at, clock = time.time(), time.monotonic()
        self._launching = Deadline(LAUNCHING)
        names = gofiles.names_to_ask(self._host, self._settings)
        for name in names:
            if self._launching.left() <= 0 or self._found(name):
                break
        with self._change:
            self._change.wait_for(lambda: not self._running, LONGEST * 2 + 1)
            queries = [dict(query) for query in self._queries]
        self._visit.emit(
            "go-resolve", "dns", host=self._host, order=gofiles.order(read_text(NSSWITCH)),
            hosts=gofiles.hosts(read_text(HOSTS_FILE, 1 << 20), self._host), names=names, resolver=self._settings,
            ignored=gofiles.ignored(read_text(RESOLV_CONF)),
            queries=queries, at=at, seconds=time.monotonic() - clock, error=None,
        )  # fmt: skip

    def _found(self, name: str) -> bool:
        """Ask for one name, both types at once. Has it addresses? False if nobody knows after `NEXT_NAME`."""
        lanes = [Lane(self, name, *kind) for kind in TYPES]
        for lane in lanes:
            start_thread(lane.run)
        with self._change:
            self._change.wait_for(lambda: all(lane.done for lane in lanes), NEXT_NAME)
        return any(lane.addresses for lane in lanes)

    def exchange(self, record: Record, kind: int, done: threading.Event) -> None:
        """One exchange, beside the others; `done` when it is over."""
        with self._change:
            if len(self._queries) >= MOST:
                done.set()
                return
            self._queries.append(record)
            self._running += 1
        start_thread(self._exchange, record, kind, done)

    def _exchange(self, record: Record, kind: int, done: threading.Event) -> None:
        wire = dnsmessage.query(
            record["name"],
            kind,
            os.urandom(2),
            edns=DATAGRAM,
            ad=self._settings["trust_ad"],
        )
        clock = time.monotonic()
        message: Optional[bytes] = None
        try:
            if not self._settings["use_tcp"]:
                message = over_udp(record, self._port, wire, self._wait)
                record["truncated"] = dnsmessage.truncated(message)
            if message is None or record["truncated"]:
                record["transport"] = "tcp"
                message = over_tcp(record["server"], self._port, wire, self._wait)
        except Exception as error:
            message, record["error"] = None, failure_from(error, record["transport"]).record()
        record["seconds"] = time.monotonic() - clock
        if message is not None:
            record["response"] = base64.b64encode(message).decode("ascii")
            self._visit.answering.set()
        done.set()
        with self._change:
            self._running -= 1
            self._change.notify_all()

    def wake(self) -> None:
        """A lane has something to say to whoever waits."""
        with self._change:
            self._change.notify_all()

    def places(self) -> List[Any]:
        """Round and server of each exchange, in Go's order."""
        return [(number, server) for number in range(min(self._settings["attempts"], MOST)) for server in self.servers]

    @property
    def servers(self) -> List[str]:
        """Those that are asked."""
        servers: List[str] = self._settings["servers"]
        return servers

    @property
    def in_turn(self) -> bool:
        """Is the first server always asked first? Else each is, sooner or later."""
        return not self._settings["rotate"]

    @property
    def launches(self) -> bool:
        """May exchanges still begin?"""
        return self._launching.left() > 0


class Lane:
    """One name and type."""

    def __init__(self, lookup: Lookup, name: str, rdtype: str, kind: int) -> None:
        self._lookup = lookup
        self._name = name
        self._rdtype = rdtype
        self._kind = kind
        self.done = False
        self.addresses: List[str] = []

    def run(self) -> None:
        """Exchange after exchange, until one settles the question."""
        under_way: List[Any] = []
        for number, server in self._lookup.places():
            if not self._lookup.launches:
                break
            record, event = query_record(self._name, self._rdtype, server, number), threading.Event()
            under_way.append((record, event))
            self._lookup.exchange(record, self._kind, event)
            if not event.wait(PATIENCE):
                start_thread(self._ask_again, record, event)
            if any(self._settles(each) for each, _ in under_way):
                if self._lookup.in_turn or len(under_way) >= len(self._lookup.servers):
                    break
                continue
        self.done = True
        self._lookup.wake()

    def _ask_again(self, record: Record, event: threading.Event) -> None:
        """Is it silence, or was a datagram lost? Tried until something comes."""
        for _ in range(AGAIN):
            other, came = query_record(self._name, self._rdtype, record["server"], record["attempt"]), threading.Event()
            other["again"] = True
            self._lookup.exchange(other, self._kind, came)
            if came.wait(PATIENCE) or event.is_set():
                return

    def _settles(self, record: Record) -> bool:
        if not record["response"]:
            return False
        message = base64.b64decode(record["response"])
        self.addresses = self.addresses or dnsmessage.addresses(message)
        return dnsmessage.settles(message) and (record["transport"] == "tcp" or len(message) < DATAGRAM)


def query_record(name: str, rdtype: str, server: str, number: int) -> Record:
    """An exchange that has not come to anything yet."""
    return {
        "name": name, "rdtype": rdtype, "server": server, "attempt": number, "again": False, "transport": "udp",
        "truncated": False, "strays": 0, "seconds": None, "response": None, "error": None,
    }  # fmt: skip


def over_udp(record: Record, port: int, wire: bytes, seconds: float) -> bytes:
    """The answer in a datagram; strays are counted in the record. Raises what stopped it."""
    family, target = socket_address(record["server"], port)
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            listen_for_icmp(asking)
            asking.connect(target)
            asking.send(wire)
            deadline = Deadline(seconds)
            poller = select.poll()
            poller.register(asking, select.POLLIN)
            while poller.poll(deadline.left() * 1000):
                message = asking.recv(DATAGRAM)
                if dnsmessage.repeats(wire, message):
                    return message
                record["strays"] += 1
        except OSError as error:
            failure = failure_from(error, "udp")
            failure.icmp = icmp_error(asking)
            raise failure from error
    raise timed_out("udp")


def over_tcp(server: str, port: int, wire: bytes, seconds: float) -> bytes:
    """The answer over a connection. Raises what stopped it."""
    deadline = Deadline(seconds)
    stream, opened = dial(server, port, deadline.left())
    if stream is None:
        error = opened["error"]
        raise Failure("tcp", error["name"], error["text"], icmp=error.get("icmp"))
    try:
        stream.send(struct.pack("!H", len(wire)) + wire, deadline, "send")
        data = b""
        while len(data) < 2 or len(data) < 2 + struct.unpack_from("!H", data)[0]:
            received = stream.recv(deadline, "body")
            if not received:
                raise Failure("body", "EOF", "closed by the nameserver after %d bytes" % len(data))
            data += received
        message = data[2 : 2 + struct.unpack_from("!H", data)[0]]
        if not dnsmessage.repeats(wire, message):
            raise Failure("body", "PROTOCOL", "no answer to our query: " + repr(message[:40]))
        return message
    finally:
        stream.close()
