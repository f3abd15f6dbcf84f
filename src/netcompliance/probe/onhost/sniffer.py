"""Connection attempts on the wire: SYN without ACK, in both directions, from a packet socket.

This sees what no table shows: attempts that the host's firewall refused. It needs the right to open a packet socket;
without it the observation says so. A filter in the kernel lets nothing but such SYNs through.
"""

import ctypes
import socket
import struct
import time
from typing import Any, Dict, List, Optional, Tuple

from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.visit import Visit

ALL_PROTOCOLS = 0x0003
ATTACH_FILTER = 26
SNAP = 128
SYN, ACK = 0x02, 0x10
TCP = 6
ATTEMPTS = 4096
"""Distinct attempts that are remembered, at most."""

FILTER = (
    (0x30, 0, 0, 0), (0x54, 0, 0, 0xF0), (0x15, 0, 8, 0x40),  # IPv4?
    (0x30, 0, 0, 9), (0x15, 0, 12, TCP), (0x28, 0, 0, 6), (0x45, 10, 0, 0x1FFF),  # TCP, first fragment
    (0xB1, 0, 0, 0), (0x50, 0, 0, 13), (0x54, 0, 0, SYN | ACK), (0x15, 7, 6, SYN),
    (0x15, 0, 5, 0x60), (0x30, 0, 0, 6), (0x15, 0, 3, TCP),  # IPv6 with TCP next
    (0x30, 0, 0, 53), (0x54, 0, 0, SYN | ACK), (0x15, 1, 0, SYN),
    (0x06, 0, 0, 0), (0x06, 0, 0, SNAP),
)  # fmt: skip
"""Classic BPF: code, jump if true, jump if false, constant. IPv6 extension headers are not followed."""

Attempt = Tuple[str, int, str, int]


class Sniffer:
    """Counts attempts from its making to `finish`."""

    def __init__(self, visit: Visit, hosts: List[str]) -> None:
        self._visit = visit
        self._hosts = hosts
        self._seen: Dict[Attempt, int] = {}
        self._failure: Optional[Failure] = None
        self._since = time.monotonic()
        self._socket: Optional[socket.socket] = None
        try:
            self._socket = _listening()
        except (AttributeError, OSError) as error:
            self._failure = Failure("run", "UNSUPPORTED", str(error))

    def run(self) -> None:
        """Count for ever."""
        while self._socket is not None:
            attempt = parse(self._socket.recv(SNAP))
            if attempt is not None and (attempt in self._seen or len(self._seen) < ATTEMPTS):
                self._seen[attempt] = self._seen.get(attempt, 0) + 1

    def finish(self) -> None:
        """The observation."""
        tenant = self._visit.others(self._hosts)
        own = self._visit.own_ports
        seen = [each for each in list(self._seen.items()) if each[0][1] not in self._visit.mere_tries]
        between = sorted((attempt, count) for attempt, count in seen if tenant & {attempt[0], attempt[2]})
        self._visit.emit(
            "syn", "outbound", seen=[list(attempt) + [count] for attempt, count in between],
            own=any(attempt[1] in own for attempt, _ in between), at=time.time(),
            seconds=time.monotonic() - self._since, error=self._failure.record() if self._failure else None,
        )  # fmt: skip


def start(visit: Visit, task: Dict[str, Any]) -> Sniffer:
    """Begin to listen; the caller ends it with `finish`."""
    sniffer = Sniffer(visit, task["hosts"])
    visit.background(sniffer.run)
    return sniffer


def parse(packet: bytes) -> Optional[Attempt]:
    """Source, port, destination and port of a SYN without ACK."""
    try:
        if packet[0] >> 4 == 4:
            start, family, places = (packet[0] & 15) * 4, socket.AF_INET, (12, 16, 20)
            protocol = packet[9]
        else:
            start, family, places = 40, socket.AF_INET6, (8, 24, 40)
            protocol = packet[6]
        if protocol != TCP or packet[start + 13] & (SYN | ACK) != SYN:
            return None
        ports = struct.unpack_from("!HH", packet, start)
        source = socket.inet_ntop(family, packet[places[0] : places[1]])
        destination = socket.inet_ntop(family, packet[places[1] : places[2]])
    except (IndexError, struct.error, ValueError):
        return None
    return source, ports[0], destination, ports[1]


def _listening() -> socket.socket:
    listening = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in FILTER)
    held = ctypes.create_string_buffer(code)
    program = struct.pack("HP", len(FILTER), ctypes.addressof(held))
    listening.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, program)
    return listening
