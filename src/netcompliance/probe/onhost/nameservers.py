"""Each configured nameserver, asked itself: UDP, then TCP where UDP was truncated or brought nothing.

Only a datagram from the server that was asked, under the id of the query, is an answer; others are counted and waiting
goes on. The bytes are kept as they came.
"""

import base64
import socket
import struct
import time
from typing import Any, Dict, Optional

from netcompliance.probe.onhost import dnsmessage
from netcompliance.probe.onhost.dial import dial, icmp_error, listen_for_icmp, socket_address
from netcompliance.probe.onhost.failures import Failure, failure_from, timed_out
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.names import RESOLV_CONF, read_text, resolver_settings
from netcompliance.probe.onhost.visit import Visit

PORT = 53
DATAGRAM = 65535


def start(visit: Visit, task: Dict[str, Any]) -> None:
    """Ask every nameserver every question, all at once."""
    servers = resolver_settings(read_text(RESOLV_CONF))["nameservers"] or ["127.0.0.1"]
    for server in list(dict.fromkeys(servers))[: visit.limits["nameservers"]]:
        for query in task["queries"]:
            visit.spawn("dns", ask, visit, server, query, task.get("port", PORT))


def ask(visit: Visit, server: str, query: Dict[str, Any], port: int) -> None:
    """One question to one server."""
    wire = base64.b64decode(query["wire"])
    message = _exchange(visit, server, query, port, "udp", wire)
    if message is None or dnsmessage.truncated(message):
        message = _exchange(visit, server, query, port, "tcp", wire)
    if message is not None:
        visit.answering.set()
        visit.book.announce(query["name"], dnsmessage.addresses(message))


def _exchange(
    visit: Visit, server: str, query: Dict[str, Any], port: int, transport: str, wire: bytes
) -> Optional[bytes]:
    facts: Dict[str, Any] = {"attempts": 0, "strays": 0, "at": time.time(), "error": None}
    clock = time.monotonic()
    message = None
    try:
        message = (over_udp if transport == "udp" else over_tcp)(server, port, wire, visit.limits, facts)
    except Exception as error:
        facts["error"] = failure_from(error, transport).record()
    visit.emit(
        "dns", "dns", server=server, transport=transport, name=query["name"], rdtype=query["rdtype"],
        query=query["wire"], response=None if message is None else base64.b64encode(message).decode("ascii"),
        seconds=time.monotonic() - clock, **facts
    )  # fmt: skip
    return message


def over_udp(server: str, port: int, wire: bytes, limits: Dict[str, Any], facts: Dict[str, Any]) -> bytes:
    """The answer to a datagram, sent again if none comes."""
    family, target = socket_address(server, port)
    asking = socket.socket(family, socket.SOCK_DGRAM)
    try:
        listen_for_icmp(asking)
        asking.connect(target)
        while facts["attempts"] < limits["dns_attempts"]:
            facts["attempts"] += 1
            asking.send(wire)
            message = _answer(asking, wire, Deadline(limits["dns"]), facts)
            if message is not None:
                return message
        raise timed_out("udp", "no answer to %d queries" % facts["attempts"])
    except OSError as error:
        failure = failure_from(error, "udp")
        failure.icmp = icmp_error(asking)
        raise failure from error
    finally:
        asking.close()


def _answer(asking: socket.socket, wire: bytes, deadline: Deadline, facts: Dict[str, Any]) -> Optional[bytes]:
    while deadline.left() > 0:
        asking.settimeout(max(deadline.left(), 0.001))
        try:
            message = asking.recv(DATAGRAM)
        except socket.timeout:
            return None
        if dnsmessage.answers(wire, message):
            return message
        facts["strays"] += 1
    return None


def over_tcp(server: str, port: int, wire: bytes, limits: Dict[str, Any], facts: Dict[str, Any]) -> bytes:
    """The answer over TCP."""
    facts["attempts"] = 1
    deadline = Deadline(limits["dns"] * 2)
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
