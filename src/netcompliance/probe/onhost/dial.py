"""Opening a TCP connection to one address, and knowing why it did not open.

With IP_RECVERR the kernel keeps the ICMP message that ended an attempt, so that "administratively prohibited by this
router" is told from "no route". TCP_INFO says how many SYNs were sent. Both are Linux; elsewhere the fields are null.
"""

import errno
import os
import select
import socket
import struct
import time
from typing import Any, Dict, List, Optional, Tuple

from netcompliance.probe.onhost.failures import Failure, failure_from, timed_out
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import TcpStream

ERROR_QUEUES = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""Level and option of IP_RECVERR and IPV6_RECVERR, which the socket module does not name."""
FROM_ICMP = (2, 3)
"""SO_EE_ORIGIN_ICMP and SO_EE_ORIGIN_ICMP6."""
TOTAL_RETRANSMITS = 100
"""Offset of tcpi_total_retrans in struct tcp_info."""
STAGGER = 0.25
"""Seconds between attempts when any of several addresses will do."""


def socket_address(address: str, port: int) -> Tuple[int, Any]:
    """Family and socket address of a literal address (with a zone, if it has one)."""
    found = socket.getaddrinfo(address, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    return int(found[0][0]), found[0][4]


def dial(
    address: str, port: int, seconds: float, mss: Optional[int] = None
) -> Tuple[Optional[TcpStream], Dict[str, Any]]:
    """Connect. The facts are the fields of a `tcp` observation; without a stream, `error` says why."""
    started = time.time()
    clock = time.monotonic()
    facts: Dict[str, Any] = {
        "address": address, "port": port, "source": None, "syns": None, "family": None, "at": started, "error": None,
    }  # fmt: skip
    opened: Optional[socket.socket] = None
    stream = None
    try:
        opened, waiting = begin(address, port, mss)
        facts["family"] = 6 if opened.family == socket.AF_INET6 else 4
        if waiting:
            _await(opened, Deadline(seconds))
        facts["source"] = list(opened.getsockname()[:2])
        stream = TcpStream(opened)
    except Exception as error:
        failure = failure_from(error, "tcp")
        if opened is not None:
            failure.icmp = icmp_error(opened)
        facts["error"] = failure.record()
    facts["seconds"] = time.monotonic() - clock
    if opened is not None:
        facts["syns"] = _syns(opened)
        if stream is None:
            opened.close()
    return stream, facts


def begin(address: str, port: int, mss: Optional[int] = None) -> Tuple[socket.socket, bool]:
    """Start to connect; the flag says whether it is still under way."""
    family, target = socket_address(address, port)
    opening = socket.socket(family, socket.SOCK_STREAM)
    try:
        opening.settimeout(0)
        opening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listen_for_icmp(opening)
        if mss is not None:
            opening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        outcome = opening.connect_ex(target)
    except BaseException:
        opening.close()
        raise
    if outcome not in (0, errno.EINPROGRESS):
        opening.close()
        raise OSError(outcome, os.strerror(outcome))
    return opening, outcome != 0


def dial_any(addresses: List[str], port: int, seconds: float) -> Tuple[TcpStream, str]:
    """Connect to whichever address answers first, as a client does that only wants the service."""
    deadline = Deadline(seconds)
    waiting = list(addresses)
    running: Dict[int, Tuple[socket.socket, str]] = {}
    poller = select.poll()
    last = Failure("tcp", "TIMEOUT", "no address to connect to")
    try:
        while waiting or running:
            deadline.check("tcp")
            if waiting:
                address = waiting.pop(0)
                try:
                    opening, _ = begin(address, port)
                    running[opening.fileno()] = (opening, address)
                    poller.register(opening, select.POLLOUT)
                except OSError as error:
                    last = failure_from(error, "tcp")
                    continue
            patience = STAGGER if waiting else deadline.left()
            for number, _ in poller.poll(min(patience, deadline.left()) * 1000):
                opened, address = running.pop(number)
                poller.unregister(number)
                code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code == 0:
                    return TcpStream(opened), address
                last = Failure("tcp", errno.errorcode.get(code, str(code)), os.strerror(code), icmp=icmp_error(opened))
                opened.close()
        raise last
    finally:
        for opened, _ in running.values():
            opened.close()


def listen_for_icmp(opened: socket.socket) -> None:
    """Ask the kernel to keep ICMP errors, where it can."""
    level, option = ERROR_QUEUES[opened.family]
    try:
        opened.setsockopt(level, option, 1)
    except OSError:
        return


def icmp_error(opened: socket.socket) -> Optional[Dict[str, Any]]:
    """The ICMP error that a socket received: type, code, and who sent it."""
    try:
        _, ancillary, _, _ = opened.recvmsg(1, 512, getattr(socket, "MSG_ERRQUEUE", 0x2000) | socket.MSG_DONTWAIT)
    except OSError:
        return None
    for level, kind, data in ancillary:
        if (level, kind) != ERROR_QUEUES[opened.family] or len(data) < 16:
            continue
        origin, icmp_type, icmp_code = data[4], data[5], data[6]
        if origin in FROM_ICMP:
            return {"type": icmp_type, "code": icmp_code, "from": _offender(data[16:])}
    return None


def _offender(data: bytes) -> Optional[str]:
    """The sockaddr behind a struct sock_extended_err."""
    if len(data) >= 24 and struct.unpack("=H", data[:2])[0] == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, data[8:24])
    if len(data) >= 8 and struct.unpack("=H", data[:2])[0] == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, data[4:8])
    return None


def _await(opening: socket.socket, deadline: Deadline) -> None:
    poller = select.poll()
    poller.register(opening, select.POLLOUT)
    if not poller.poll(deadline.left() * 1000):
        raise timed_out("tcp", "no answer to the SYN")
    code = opening.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _syns(opened: socket.socket) -> Optional[int]:
    try:
        info = opened.getsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_INFO", 11), 192)
    except OSError:
        return None
    if len(info) < TOTAL_RETRANSMITS + 4:
        return None
    return 1 + int(struct.unpack_from("=I", info, TOTAL_RETRANSMITS)[0])
