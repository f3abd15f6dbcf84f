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
PORTS = 3
"""From so many ports an address is tried, before it is said not to open."""
NEXT_PORT = 1.2
"""Seconds without an answer until the next port is tried; an ICMP error needs one second to be seen."""
REFUSALS = (errno.ECONNREFUSED, errno.ECONNRESET)
STAGGER = 0.25
"""Seconds between attempts when any of several addresses will do."""


def socket_address(address: str, port: int) -> Tuple[int, Any]:
    """Family and socket address of a literal address (with a zone, if it has one)."""
    found = socket.getaddrinfo(address, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    return int(found[0][0]), found[0][4]


def dial(
    address: str, port: int, seconds: float, mss: Optional[int] = None
) -> Tuple[Optional[TcpStream], Dict[str, Any]]:
    """Connect. The facts are the fields of a `tcp` observation; without a stream, `error` says why.

    A SYN that is repeated comes from the same port and takes the same way. So where there is no answer, or a refusal,
    it is tried from another port too, beside the first.
    """
    started = time.time()
    clock = time.monotonic()
    facts: Dict[str, Any] = {
        "address": address, "port": port, "source": None, "syns": None, "ports": 0,
        "family": 6 if ":" in address else 4, "at": started, "error": None,
    }  # fmt: skip
    tried: List[socket.socket] = []
    stream = None
    try:
        opened = _first_to_open(address, port, mss, Deadline(seconds), tried)
        facts["source"] = list(opened.getsockname()[:2])
        stream = TcpStream(opened)
    except Exception as error:
        facts["error"] = failure_from(error, "tcp").record()
    facts["seconds"] = time.monotonic() - clock
    facts["ports"] = len(tried)
    sent = [syns_sent(each) for each in tried]
    facts["syns"] = sum(each or 0 for each in sent) if None not in sent and sent else None
    for each in tried:
        if stream is None or each is not opened:
            each.close()
    return stream, facts


def _first_to_open(
    address: str, port: int, mss: Optional[int], deadline: Deadline, tried: List[socket.socket]
) -> socket.socket:
    """Connect from one port, and from others while that leads to nothing. `tried` gets all sockets.

    A machine may be too busy to let us look before the deadline: what has come by then is looked at once more.
    """
    poller = select.poll()
    waiting: Dict[int, socket.socket] = {}
    failure: Optional[Failure] = None
    due, most = time.monotonic(), PORTS
    while True:
        left = deadline.left()
        if not tried or (left > 0 and len(tried) < most and due <= time.monotonic()):
            opening, under_way = begin(address, port, mss)
            tried.append(opening)
            if not under_way:
                return opening
            due += NEXT_PORT
            waiting[opening.fileno()] = opening
            poller.register(opening, select.POLLOUT)
        patience = max(0.0, min(left, due - time.monotonic())) if len(tried) < most else left
        answered = poller.poll(patience * 1000 + 0.5)
        for number, _ in answered:
            one = waiting.pop(number)
            poller.unregister(one)
            code = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                return one
            name = errno.errorcode.get(code, "E%d" % code)
            failure = failure or Failure("tcp", name, os.strerror(code), icmp=icmp_error(one))
            due, most = time.monotonic(), most if code in REFUSALS else len(tried)
        if failure is not None and not waiting and len(tried) >= most:
            raise failure
        if not answered and left <= 0:
            raise _silence(tried[0], failure)


def _silence(first: socket.socket, failure: Optional[Failure]) -> Failure:
    """The deadline has passed. An ICMP error that did not end the attempt is told."""
    if failure is None:
        failure = timed_out("tcp", "no answer to the SYN")
        failure.icmp = icmp_error(first)
    return failure


def begin(address: str, port: int, mss: Optional[int] = None, source_port: int = 0) -> Tuple[socket.socket, bool]:
    """Start to connect, from a given port if there is one; the flag says whether it is still under way."""
    family, target = socket_address(address, port)
    opening = socket.socket(family, socket.SOCK_STREAM)
    try:
        opening.settimeout(0)
        opening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listen_for_icmp(opening)
        if mss is not None:
            opening.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        if source_port:
            opening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opening.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", source_port))  # noqa: S104 - a client's
        outcome = opening.connect_ex(target)
    except BaseException:
        opening.close()
        raise
    if outcome not in (0, errno.EINPROGRESS):
        opening.close()
        raise OSError(outcome, os.strerror(outcome))
    return opening, outcome != 0


def free_at_close(opened: socket.socket) -> None:
    """Let a connection that hangs end with a reset, so that its port can be used again at once."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def dial_any(addresses: List[str], port: int, seconds: float) -> Tuple[TcpStream, str]:
    """Connect to whichever address answers first, as a client does that only wants the service."""
    deadline = Deadline(seconds)
    waiting = list(addresses)
    running: Dict[int, Tuple[socket.socket, str]] = {}
    poller = select.poll()
    last = Failure("tcp", "TIMEOUT", "no address to connect to")
    try:
        while waiting or running:
            left = deadline.left()
            if waiting and (left > 0 or not running):
                address = waiting.pop(0)
                try:
                    opening, _ = begin(address, port)
                    running[opening.fileno()] = (opening, address)
                    poller.register(opening, select.POLLOUT)
                except OSError as error:
                    last = failure_from(error, "tcp")
                    continue
            answered = poller.poll((min(STAGGER, left) if waiting else left) * 1000)
            for number, _ in answered:
                opened, address = running.pop(number)
                poller.unregister(number)
                code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code == 0:
                    return TcpStream(opened), address
                last = Failure("tcp", errno.errorcode.get(code, str(code)), os.strerror(code), icmp=icmp_error(opened))
                opened.close()
            if not answered and left <= 0:
                raise timed_out("tcp")
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
    """The ICMP error that a socket received: type, code, who sent it, and whether that is this host itself.

    The kernel says so that no neighbour has the address of the next hop, or that a rule of the host's own refuses.
    """
    try:
        _, ancillary, _, _ = opened.recvmsg(1, 512, getattr(socket, "MSG_ERRQUEUE", 0x2000) | socket.MSG_DONTWAIT)
    except OSError:
        return None
    for level, kind, data in ancillary:
        if (level, kind) != ERROR_QUEUES[opened.family] or len(data) < 16:
            continue
        origin, icmp_type, icmp_code = data[4], data[5], data[6]
        if origin in FROM_ICMP:
            offender = _offender(data[16:])
            return {"type": icmp_type, "code": icmp_code, "from": offender, "own": _is_own(offender)}
    return None


def _is_own(address: Optional[str]) -> bool:
    """Does the address belong to this machine? It does if the machine can bind it."""
    if address is None:
        return False
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as binding:
        try:
            binding.bind((address, 0))
        except OSError:
            return False
    return True


def _offender(data: bytes) -> Optional[str]:
    """The sockaddr behind a struct sock_extended_err."""
    if len(data) >= 24 and struct.unpack("=H", data[:2])[0] == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, data[8:24])
    if len(data) >= 8 and struct.unpack("=H", data[:2])[0] == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, data[4:8])
    return None


def syns_sent(opened: socket.socket) -> Optional[int]:
    """How many SYNs the kernel has sent for this connection, where it says so."""
    try:
        info = opened.getsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_INFO", 11), 192)
    except OSError:
        return None
    if len(info) < TOTAL_RETRANSMITS + 4:
        return None
    return 1 + int(struct.unpack_from("=I", info, TOTAL_RETRANSMITS)[0])
