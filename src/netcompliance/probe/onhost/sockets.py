"""Which connections there are between host and tenant, and who listens: samples of /proc/net/tcp and tcp6.

A sample sees a moment, and our own connections in it are the positive control: without them, having seen no other says
nothing. So the first connection to each address is held open until the last sample is taken, and where the peer has
ended all of those, one more is opened for that sample. The kernel walks through all its connections for each sample,
and a busy host has many thousands: so samples are few, the last one alone is of both tables, and they are read at the
end.
"""

import binascii
import os
import socket
import struct
import sys
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from netcompliance.probe.onhost.dial import dial
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.visit import Visit

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
BYTES = 1 << 24
CHUNK = 1 << 16
PAGE = 4096
"""The smallest page there is."""
LONGEST_ROW = 256
SAMPLES = 2
PAUSE = 0.12
LISTEN = "LISTEN"
STATES = {
    "01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT",
    "07": "CLOSE", "08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": LISTEN, "0B": "CLOSING", "0C": "NEW_SYN_RECV",
}  # fmt: skip

Entry = Tuple[str, int, str, int, str]
Row = Tuple[str, str, str]
"""Local end, remote end and state as the kernel prints them."""


class Sampler:
    """Takes some samples, and a last one when it is told to stop."""

    def __init__(self, visit: Visit, hosts: List[str]) -> None:
        self._visit = visit
        self._hosts = hosts
        self._rows: Set[Row] = set()
        self._samples = 0
        self._error: Optional[Failure] = None

    def run(self) -> None:
        """Sample each time a connection of ours has opened, not too often and not too many times."""
        while self._samples < SAMPLES and self._error is None:
            self._visit.opened.wait()
            self._visit.opened.clear()
            self._sample()
            time.sleep(PAUSE)

    def finish(self) -> None:
        """One last sample, and the observation."""
        self._sample(TABLES)
        tenant = self._visit.others(self._hosts)
        seen = self._read_all()
        if self._error is None and not self._shows_ours(seen, tenant):
            seen |= self._with_another(tenant)
        self._visit.release()
        listening = sorted({entry[:2] for entry in seen if entry[4] == LISTEN})
        tries = self._visit.mere_tries
        between = sorted(e for e in seen if e[4] != LISTEN and e[2] in tenant and e[1] not in tries)
        local = {entry[1] for entry in between}
        self._visit.emit(
            "sockets", "outbound", samples=self._samples, listening=[list(entry) for entry in listening],
            connections=[list(entry) for entry in between], own=sorted(local & self._visit.own_ports), at=time.time(),
            error=self._error.record() if self._error else None,
        )  # fmt: skip

    def _shows_ours(self, seen: Set[Entry], tenant: Set[str]) -> bool:
        return any(entry[2] in tenant and entry[1] in self._visit.own_ports for entry in seen)

    def _with_another(self, tenant: Set[str]) -> Set[Entry]:
        """A sample while a connection is open that was made for it."""
        for address, port in self._visit.held_connections:
            stream, facts = dial(address, port, self._visit.limits["connect"]) if address in tenant else (None, {})
            if stream is not None:
                self._visit.owns(facts["source"][1], facts["seconds"])
                self._sample(TABLES)
                stream.close()
                seen = self._read_all()
                if self._shows_ours(seen, tenant):
                    return seen
        return set()

    def _read_all(self) -> Set[Entry]:
        try:
            return {read(row) for row in self._rows}
        except Exception as error:
            self._error = failure_from(error, "file")
            return set()

    def _sample(self, tables: Sequence[str] = TABLES[:1]) -> None:
        try:
            for table in tables:
                if table == TABLES[0] or os.path.exists(table):
                    self._rows.update(rows(table))
            self._samples += 1
        except Exception as error:
            self._error = failure_from(error, "file")


def rows(path: str) -> Set[Row]:
    """The rows of one table."""
    with open(path, "rb", buffering=0) as file:
        text = b"".join(_pages(file)).decode("ascii", "replace")
    words = (line.split(None, 4) for line in text.splitlines()[1:])
    return {(word[1], word[2], word[3]) for word in words if len(word) > 3 and ":" in word[1]}


def _pages(file: Any) -> Iterator[bytes]:
    """What the kernel hands out at a time: rows, as many as fit into a page. Asked once more, it would walk again."""
    left = BYTES
    while left > 0:
        page = file.read(min(left, CHUNK))
        yield page
        left -= len(page) if len(page) > PAGE - LONGEST_ROW else left


def read(row: Row) -> Entry:
    """Local address and port, remote address and port, state."""
    local, remote = _endpoint(row[0]), _endpoint(row[1])
    return local[0], local[1], remote[0], remote[1], STATES.get(row[2], row[2])


def _endpoint(text: str) -> Tuple[str, int]:
    """An address as the kernel prints it: 32-bit words in its own byte order. Mapped IPv4 is given as IPv4."""
    digits, _, port = text.partition(":")
    raw = binascii.unhexlify(digits)
    if sys.byteorder == "little":
        raw = struct.pack(">%dI" % (len(raw) // 4), *struct.unpack("<%dI" % (len(raw) // 4), raw))
    if len(raw) == 16 and raw[:12] == b"\0" * 10 + b"\xff\xff":
        raw = raw[12:]
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw), int(port, 16)


def start(visit: Visit, task: Dict[str, Any]) -> Sampler:
    """Begin to sample; the caller ends it with `finish`."""
    visit.hold_first(task["hosts"])
    sampler = Sampler(visit, task["hosts"])
    visit.background(sampler.run)
    return sampler
