"""Each configured nameserver, asked itself: UDP, then TCP where UDP was truncated or brought nothing.

Rules
* Only a datagram from the server that was asked, under the id of the query, is an answer; others are counted and
  waiting goes on. The bytes are kept as they came.
* Nothing is decided by one datagram: what brings no answer is sent again from other source ports, while the answer to
  the first may still come; what brings an error is asked again.
* Whoever gives no address is asked once without EDNS0, which shows whether that is why. Who is silent over UDP and
  answers that, or over TCP, may have lost three datagrams: a series of them tells.
* The tenant's addresses are those of the first nameserver that has any, as for every resolver. What only a later one
  gives is connected to, but apart from them.
"""

import base64
import functools
import os
import select
import socket
import struct
import threading
import time
from typing import Any, Dict, List, Optional, Tuple

from netcompliance.probe.onhost import dnsmessage, dnsshare, endpoint, gofiles, golookup
from netcompliance.probe.onhost.dial import dial, icmp_error, listen_for_icmp, socket_address
from netcompliance.probe.onhost.failures import Failure, failure_from, timed_out
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.names import RESOLV_CONF, read_text, resolver_settings
from netcompliance.probe.onhost.visit import Visit

HTTPS = 443
DATAGRAM = 65535
PROMPT = 0.5
"""Seconds. The share of queries is measured where the first was answered so soon; what is slower is slow."""
AGAIN = (0.05, 0.3)
"""Seconds before an answer that is an error is asked for again."""


def start(visit: Visit, task: Dict[str, Any]) -> None:
    """Ask every nameserver every question, all at once."""
    text = read_text(RESOLV_CONF)
    by_libc = resolver_settings(text)["nameservers"] or ["127.0.0.1"]
    most = visit.limits["nameservers"]
    settings = gofiles.resolver(text, "")
    servers = list(dict.fromkeys(by_libc[:most] + (settings["servers"] if by_libc != ["127.0.0.1"] else [])))
    port = task.get("port", golookup.PORT)
    turns = {
        query["name"]: Turns(visit, query["name"], servers, rotate=settings["rotate"]) for query in task["queries"]
    }
    for server in servers:
        for query in task["queries"]:
            visit.spawn("dns", ask, visit, server, query, port, turns[query["name"]])
    for host in task.get("lookups", ()):
        golookup.start(visit, host, port)


def ask_why(visit: Visit, name: str) -> None:
    """A name has no address here: what does each nameserver say to that?"""
    wire = dnsmessage.query(name, 1, os.urandom(2), edns=gofiles.DATAGRAM)
    query = {"name": name.rstrip("."), "rdtype": "A", "wire": base64.b64encode(wire).decode("ascii")}
    servers = resolver_settings(read_text(RESOLV_CONF))["nameservers"] or ["127.0.0.1"]
    for server in servers[: visit.limits["nameservers"]]:
        visit.spawn("dns", _exchange, visit, server, query, golookup.PORT, "udp", wire)


class Turns:
    """Whose addresses count: those of the first server that has any."""

    def __init__(self, visit: Visit, name: str, servers: List[str], *, rotate: bool) -> None:
        self._visit = visit
        self._name = name
        self._servers = servers
        self._rotate = rotate
        self._lock = threading.Lock()
        self._waiting = dict.fromkeys(servers, 3)
        self._addresses: Dict[str, List[str]] = {server: [] for server in servers}

    def add_answer(self, server: str, addresses: List[str], *, over: bool = False) -> None:
        """A server gave these addresses; `over`: one of its two questions, or its series, has come to an end."""
        with self._lock:
            self._addresses[server] += addresses
            self._waiting[server] -= over
            used, others = self._used_and_fallback()
        self._visit.book.announce(self._name, used)
        for address in others:
            if address not in self._visit.book.known(self._name) and self._visit.first("failover", address):
                endpoint.look_at(self._visit, "failover", self._name, HTTPS, address)

    def _used_and_fallback(self) -> Tuple[List[str], List[str]]:
        """The addresses in use, and those that only servers behind them give."""
        if self._rotate:
            return [address for server in self._servers for address in self._addresses[server]], []
        for place, server in enumerate(self._servers):
            if self._addresses[server]:
                used = self._addresses[server]
                later = [address for other in self._servers[place + 1 :] for address in self._addresses[other]]
                return used, [] if self._waiting[server] > 0 else [a for a in later if a not in used]
            if self._waiting[server] > 0:
                break
        return [], []


def ask(visit: Visit, server: str, query: Dict[str, Any], port: int, turns: Turns) -> None:
    """One question to one server, until it is answered well or was asked often enough."""
    wire = base64.b64decode(query["wire"])
    addresses: List[str] = []
    message, series = None, False
    for pause in (0.0,) + AGAIN:
        time.sleep(pause)
        message, took = _asked(visit, server, query, port, wire)
        addresses = [] if message is None else dnsmessage.addresses(message)
        if addresses and query.get("plain") and (took is None or took < PROMPT):
            series = True
            measure = functools.partial(dnsshare.measure, doubtful=took is None)
            visit.spawn("dns", measure, visit, server, query, port, turns)
        if message is None or dnsmessage.settles(message):
            break
    turns.add_answer(server, addresses, over=True)
    if query["rdtype"] == "A" and not series:
        turns.add_answer(server, [], over=True)
    if query.get("plain") and not addresses and not (message is not None and dnsmessage.no_such_name(message)):
        plain, took = _exchange(
            visit, server, dict(query, wire=query["plain"]), port, "udp", base64.b64decode(query["plain"]), edns=False
        )
        if message is None and plain is not None and dnsmessage.addresses(plain) and took < PROMPT:
            visit.spawn("dns", functools.partial(dnsshare.measure, doubtful=True), visit, server, query, port, turns)


def _asked(
    visit: Visit, server: str, query: Dict[str, Any], port: int, wire: bytes
) -> Tuple[Optional[bytes], Optional[float]]:
    """The answer, over UDP or else over TCP; and the seconds that UDP took for all of it, None if it brought none."""
    told: List[Optional[bytes]] = []
    begun, asked = threading.Event(), threading.Event()

    def by_tcp() -> None:
        begun.set()
        told.append(_exchange(visit, server, query, port, "tcp", wire)[0])
        asked.set()

    with visit.pool.unless_done("dns", visit.limits["hedge"], by_tcp):
        message, took = _exchange(visit, server, query, port, "udp", wire)
    if message is not None and not dnsmessage.truncated(message):
        return message, took
    if begun.is_set():
        asked.wait(visit.limits["dns_late"] + 1)
    else:
        by_tcp()
    return (told[0] if told else None), None if message is None else float("inf")


def _exchange(
    visit: Visit, server: str, query: Dict[str, Any], port: int, transport: str, wire: bytes, *, edns: bool = True
) -> Tuple[Optional[bytes], float]:
    """One exchange, reported; and the seconds that the answer took."""
    facts: Dict[str, Any] = {"attempts": 0, "strays": 0, "at": time.time(), "error": None}
    clock = time.monotonic()
    message = None
    try:
        message = (over_udp if transport == "udp" else over_tcp)(server, port, wire, visit.limits, facts)
        visit.answering.set()
    except Exception as error:
        facts["error"] = failure_from(error, transport).record()
    visit.emit(
        "dns", "dns", server=server, transport=transport, name=query["name"], rdtype=query["rdtype"],
        query=query["wire"], response=None if message is None else base64.b64encode(message).decode("ascii"),
        seconds=time.monotonic() - clock, edns=edns, **facts
    )  # fmt: skip
    return message, facts.get("took", 0.0)


def over_udp(server: str, port: int, wire: bytes, limits: Dict[str, Any], facts: Dict[str, Any]) -> bytes:
    """The answer to a datagram, sent again from another port if none comes. `took`: since the one that it answers."""
    family, target = socket_address(server, port)
    poller = select.poll()
    asking: Dict[int, Tuple[socket.socket, float]] = {}
    last: Optional[socket.socket] = None
    try:
        while facts["attempts"] < limits["dns_attempts"]:
            facts["attempts"] += 1
            last = socket.socket(family, socket.SOCK_DGRAM)
            asking[last.fileno()] = (last, time.monotonic())
            listen_for_icmp(last)
            last.connect(target)
            last.send(wire)
            poller.register(last, select.POLLIN)
            more = facts["attempts"] < limits["dns_attempts"]
            message = _answer(poller, asking, wire, Deadline(limits["dns" if more else "dns_late"]), facts)
            if message is not None:
                return message
        raise timed_out("udp", "no answer to %d queries" % facts["attempts"])
    except OSError as error:
        failure = failure_from(error, "udp")
        failure.icmp = icmp_error(last) if last is not None else None
        raise failure from error
    finally:
        for each, _ in asking.values():
            each.close()


def _answer(
    poller: Any, asking: Dict[int, Tuple[socket.socket, float]], wire: bytes, deadline: Deadline, facts: Dict[str, Any]
) -> Optional[bytes]:
    while deadline.left() > 0:
        for number, _ in poller.poll(max(deadline.left() * 1000, 1)):
            opened, sent = asking[number]
            message = opened.recv(DATAGRAM)
            if dnsmessage.answers(wire, message):
                facts["took"] = time.monotonic() - sent
                return message
            facts["strays"] += 1
    return None


def over_tcp(server: str, port: int, wire: bytes, limits: Dict[str, Any], facts: Dict[str, Any]) -> bytes:
    """The answer over TCP."""
    facts["attempts"] = 1
    deadline = Deadline(limits["dns_late"])
    stream, opened = dial(server, port, deadline.left())
    if stream is None:
        error = opened["error"]
        raise Failure("tcp", error["name"], error["text"], icmp=error.get("icmp"))
    try:
        stream.send(struct.pack("!H", len(wire)) + wire, deadline, "send")
        data = b""
        while len(data) < 2 or len(data) < 2 + _length(data):
            received = stream.recv(deadline, "body")
            if not received:
                raise Failure("body", "EOF", "closed by the nameserver after %d bytes" % len(data))
            data += received
        message = data[2 : 2 + _length(data)]
        if not dnsmessage.answers(wire, message):
            raise Failure("body", "PROTOCOL", "no answer to our query: " + repr(message[:40]))
        return message
    finally:
        stream.close()


def _length(data: bytes) -> int:
    return int(struct.unpack_from("!H", data)[0])
