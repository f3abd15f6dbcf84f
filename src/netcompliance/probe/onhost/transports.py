"""Transports, by which a peer is reached: straight at one of its addresses, or through an explicit proxy.

A transport opens streams. Whoever opens the first stream of a direct one reports it (`tcp`); later ones of the same are
silent unless the exchange that wanted them fails. Each CONNECT is reported, since a proxy may grant some of them only.
"""

from typing import Any, Dict, List, Optional, Tuple

from netcompliance.probe.onhost import tunnel, tunnels
from netcompliance.probe.onhost.dial import dial, dial_any
from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.names import addresses_of
from netcompliance.probe.onhost.route import Proxy
from netcompliance.probe.onhost.streams import Stream, TcpStream
from netcompliance.probe.onhost.visit import Visit

TRIES = 3
REFUSALS = (403, 429, 500, 502, 503, 504)
"""Answers to CONNECT that may be others the next time."""
MOST_ADDRESSES = 8
AT_AN_ADDRESS = ("declared", "phase", "status", "reason", "go_refuses", "at", "seconds", "error")
"""What is said of a CONNECT at one of several addresses."""
SMALL_MSS = 536
"""Bytes: what every path carries."""


class Transport:
    """What reaches one host and port. `address` and `via` are the fields of its observations."""

    address: Optional[str] = None
    via: Optional[str] = None

    def open(self) -> Stream:
        """A new stream, or the failure."""
        raise NotImplementedError

    def open_small(self) -> Stream:
        """A new stream of small segments. Only a direct transport has a segment size of its own."""
        raise Failure("tcp", "UNSUPPORTED", "the segments to the peer are not ours")

    def open_reported(self) -> Optional[Stream]:
        """A new stream, with an observation of how it went; None if it did not open."""
        raise NotImplementedError


class Direct(Transport):
    """To one address."""

    def __init__(self, visit: Visit, task: str, host: str, port: int, address: str) -> None:
        self._visit = visit
        self._task = task
        self._host = host
        self._port = port
        self.address = address

    def open(self) -> Stream:
        return self._opened(None)

    def open_small(self) -> Stream:
        return self._opened(SMALL_MSS)

    def open_reported(self) -> Optional[Stream]:
        stream, facts = self._dial(None)
        self._visit.emit("tcp", self._task, host=self._host, via=None, **facts)
        return stream

    def _opened(self, mss: Optional[int]) -> Stream:
        stream, facts = self._dial(mss)
        if stream is None:
            raise _from_record(facts["error"])
        return stream

    def _dial(self, mss: Optional[int]) -> Tuple[Optional[TcpStream], Dict[str, Any]]:
        stream, facts = dial(str(self.address), self._port, self._visit.limits["connect"], mss)
        if stream is not None:
            self._visit.owns(facts["source"][1], facts["seconds"])
            self._visit.hold(self._host, str(self.address), self._port, stream.duplicate)
        return stream, facts


class Nearest(Transport):
    """To whichever address answers first. For peers that are not judged address by address."""

    def __init__(self, visit: Visit, port: int, addresses: List[str]) -> None:
        self._visit = visit
        self._port = port
        self._addresses = addresses
        self.address = addresses[0] if addresses else None

    def open(self) -> Stream:
        stream, self.address = dial_any(self._addresses, self._port, self._visit.limits["connect"])
        return stream


class Tunnelled(Transport):
    """Through CONNECT."""

    def __init__(self, visit: Visit, task: str, host: str, port: int, proxy: Proxy) -> None:
        self._visit = visit
        self._task = task
        self._host = host
        self._port = port
        self._proxy = proxy
        self.via = proxy.url

    def open(self) -> Stream:
        stream, facts = self._connect()
        self._report(facts)
        if stream is None:
            raise Failure("proxy", facts["error"]["name"], facts["error"]["text"])
        return stream

    def open_reported(self) -> Optional[Stream]:
        """A refusal is asked again: some proxies refuse a share of the connections only."""
        for _ in range(TRIES):
            stream, facts = self._connect()
            if stream is None:
                facts["other_scheme"] = tunnel.speaks_other_scheme(self._visit, self._task, self._proxy, facts)
            self._report(facts)
            if stream is not None or facts["status"] not in REFUSALS:
                break
        return stream

    def ask_often(self, took: float, hello: bytes) -> None:
        """Ask for many tunnels, the first of which took so many seconds: is a share refused, or leads nowhere?"""
        tunnels.look(self._visit, self._task, self._proxy, self._host, self._port, took, hello)

    def ask_at_each(self) -> None:
        """Where the proxy's name has several addresses, ask at each: a client takes any of them first."""
        addresses = addresses_of(self._visit, self._task, self._proxy.host)
        if len(addresses) > 1:
            for address in addresses[:MOST_ADDRESSES]:
                self._visit.spawn(self._task, self._ask_at, address)

    def _ask_at(self, address: str) -> None:
        where = (self._visit, self._task, self._proxy, self._host, self._port)
        for _ in range(TRIES):
            stream, facts = tunnel.connect(*where, address=address)
            if stream is not None or facts["status"] not in REFUSALS:
                break
        if stream is not None:
            stream.close()
        seen = {name: facts[name] for name in AT_AN_ADDRESS}
        self._visit.emit(
            "proxy-address", self._task, host=self._host, port=self._port, address=None, via=self.via,
            **dict(seen, proxy_address=address)
        )  # fmt: skip

    def _report(self, facts: Dict[str, Any]) -> None:
        self._visit.emit("proxy", self._task, host=self._host, port=self._port, address=None, via=self.via, **facts)

    def _connect(self) -> Tuple[Optional[Stream], Dict[str, Any]]:
        return tunnel.connect(self._visit, self._task, self._proxy, self._host, self._port)


def _from_record(error: Dict[str, Any]) -> Failure:
    return Failure(
        error["phase"], error["name"], error["text"], error.get("code"), error.get("reason"), error.get("icmp")
    )
