"""Which share of queries a nameserver answers: a series of datagrams, each from a source port of its own.

Where not all are answered well, a second series follows that is slow enough for any limit of a resolver's: what only
the first one lost was lost to our own haste.
"""

import base64
import os
import select
import socket
import time
from typing import Any, Dict, List, Tuple

from netcompliance.probe.onhost import dnsmessage
from netcompliance.probe.onhost.dial import socket_address
from netcompliance.probe.onhost.failures import failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.visit import Visit

DATAGRAM = 65535
PATIENCE = 1.5
"""Seconds after the last query in which answers still count."""
SPARE = 3.0
"""Seconds of the visit that a second series leaves to others."""
ID_BYTES = 2


def measure(visit: Visit, server: str, query: Dict[str, Any], port: int, turns: Any, *, doubtful: bool = False) -> None:
    """The `dns-share` observations of one nameserver. `doubtful`: it may be one that answers none of them."""
    wire = base64.b64decode(query["wire"])
    limits = visit.limits
    for again, pace in enumerate((limits["dns_pace"], limits["dns_calm"])):
        series = Series(server, port, wire, int(limits["dns_share"]), pace)
        facts = series.run()
        visit.emit(
            "dns-share", "dns", server=server, name=query["name"], rdtype=query["rdtype"],
            addresses=sorted(series.addresses), **facts
        )  # fmt: skip
        turns.add_answer(server, series.addresses, over=not again)
        lasts = limits["dns_share"] * limits["dns_calm"] + PATIENCE + SPARE
        if (
            facts["error"]
            or facts["answered"] == facts["sent"]
            or (doubtful and not facts["answered"])
            or visit.deadline.left() < lasts
        ):
            return


class Series:
    """Queries of one pace."""

    def __init__(self, server: str, port: int, wire: bytes, count: int, pace: float) -> None:
        self._family, self._target = socket_address(server, port)
        self._wire = wire
        self._count = count
        self._pace = pace
        self._poller = select.poll()
        self._open: Dict[int, Tuple[socket.socket, bytes, float]] = {}
        self._results: Dict[str, int] = {}
        self._answered = 0
        self._empty = 0
        self._slowest = 0.0
        self.addresses: List[str] = []
        self._newest = 0
        """How many answers had come when one last held a new address."""

    def run(self) -> Dict[str, Any]:
        """Send them all, wait for the answers, and count."""
        at, sent, error = time.time(), 0, None
        try:
            begun = time.monotonic()
            for number in range(self._count):
                self._send()
                sent += 1
                self._receive(Deadline(begun + (number + 1) * self._pace - time.monotonic()))
            self._receive(Deadline(PATIENCE), until_all=True)
        except Exception as failed:
            error = failure_from(failed, "udp").record()
        lost = len(self._open)
        for opened, _, _ in self._open.values():
            opened.close()
        return {
            "sent": sent, "lost": lost, "answered": self._answered, "empty": self._empty,
            "results": sorted(self._results.items()), "pace": self._pace, "slowest": self._slowest,
            "newest": self._newest, "at": at,
            "error": error,
        }  # fmt: skip

    def _send(self) -> None:
        asking = socket.socket(self._family, socket.SOCK_DGRAM)
        wire = os.urandom(ID_BYTES) + self._wire[ID_BYTES:]
        try:
            asking.connect(self._target)
            asking.send(wire)
        except BaseException:
            asking.close()
            raise
        self._open[asking.fileno()] = (asking, wire, time.monotonic())
        self._poller.register(asking, select.POLLIN)

    def _receive(self, deadline: Deadline, *, until_all: bool = False) -> None:
        while True:
            if until_all and not self._open:
                return
            left = deadline.left()
            for number, _ in self._poller.poll(left * 1000):
                self._take(number)
            if left <= 0:
                return

    def _take(self, number: int) -> None:
        asking, wire, sent = self._open[number]
        try:
            message = asking.recv(DATAGRAM)
        except OSError:
            self._count_result("refused")
            message = b""
        if message and not dnsmessage.answers(wire, message):
            return
        self._poller.unregister(number)
        asking.close()
        del self._open[number]
        if not message:
            return
        self._slowest = max(self._slowest, time.monotonic() - sent)
        addresses = dnsmessage.addresses(message)
        new = [address for address in addresses if address not in self.addresses]
        self.addresses += new
        if addresses or dnsmessage.truncated(message):
            self._answered += 1
            self._newest = self._answered if new else self._newest
        elif dnsmessage.result(message):
            self._count_result(str(dnsmessage.result(message)))
        else:
            self._empty += 1

    def _count_result(self, what: str) -> None:
        self._results[what] = self._results.get(what, 0) + 1
