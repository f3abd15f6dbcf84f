"""Ways to a peer: straight to one of its addresses, or through an explicit proxy.

A way opens streams. Whoever opens the first stream on a way reports it (`tcp`, `proxy`); later ones on the same way are
silent unless the exchange that wanted them fails.
"""

from typing import Any, Dict, List, Optional, Tuple

from netcompliance.probe.onhost import tunnel
from netcompliance.probe.onhost.dial import dial, dial_any
from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.route import Proxy
from netcompliance.probe.onhost.streams import Stream, TcpStream
from netcompliance.probe.onhost.visit import Visit

SMALL_MSS = 536
"""Bytes: what every path carries."""


class Way:
    """A way to one host and port. `address` and `via` are the fields of its observations."""

    address: Optional[str] = None
    via: Optional[str] = None

    def open(self) -> Stream:
        """A new stream, or the failure."""
        raise NotImplementedError

    def open_small(self) -> Stream:
        """A new stream of small segments. Only a direct way has a segment size of its own."""
        raise Failure("tcp", "UNSUPPORTED", "the segments to the peer are not ours")

    def open_reported(self) -> Optional[Stream]:
        """A new stream, with an observation of how it went; None if it did not open."""
        raise NotImplementedError


class Direct(Way):
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
        return stream, facts


class Nearest(Way):
    """To whichever address answers first. For peers that are not judged address by address."""

    def __init__(self, visit: Visit, port: int, addresses: List[str]) -> None:
        self._visit = visit
        self._port = port
        self._addresses = addresses
        self.address = addresses[0] if addresses else None

    def open(self) -> Stream:
        stream, self.address = dial_any(self._addresses, self._port, self._visit.limits["connect"])
        return stream


class Tunnelled(Way):
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
        if stream is None:
            raise Failure("proxy", facts["error"]["name"], facts["error"]["text"])
        return stream

    def open_reported(self) -> Optional[Stream]:
        stream, facts = self._connect()
        if stream is None:
            facts["other_scheme"] = tunnel.speaks_other_scheme(self._visit, self._task, self._proxy, facts)
        self._visit.emit("proxy", self._task, host=self._host, port=self._port, address=None, via=self.via, **facts)
        return stream

    def _connect(self) -> Tuple[Optional[Stream], Dict[str, Any]]:
        return tunnel.connect(self._visit, self._task, self._proxy, self._host, self._port)


def _from_record(error: Dict[str, Any]) -> Failure:
    return Failure(
        error["phase"], error["name"], error["text"], error.get("code"), error.get("reason"), error.get("icmp")
    )
