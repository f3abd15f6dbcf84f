"""The names that a new connection of the agent needs, asked for over and over, as Go asks for them.

Theory. Go asks for A and AAAA side by side and waits for both, with EDNS0, and before the name that it finds, for those
of the search list that stand before it. So each nameserver has up to three paths: the name's A (an address must come),
its AAAA, and the names before it, in turn (an answer must come, of whatever kind). What an answer leads to must be the
one who is looked for (`proofs`); a truncated one is worth what comes over TCP.
"""

import base64
import contextlib
import itertools
import socket
from typing import Any, Callable, Dict, List, Optional

from netcompliance.probe.onhost import dnsmessage, gofiles, golookup
from netcompliance.probe.onhost.connect_sampler import DnsPath, Tell
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.names import HOSTS_FILE, NSSWITCH, RESOLV_CONF, read_text, text_or_none
from netcompliance.probe.onhost.proofs import PATIENCE, Proofs

Record = Dict[str, Any]
IsThere = Callable[[str], Optional[bool]]
A, AAAA = 1, 28
OVER_TCP_AGAIN = 0.5
"""Seconds, at least, between two answers over TCP from one nameserver to one question."""
UNASKED = b"\0\0"
FIRST_LOOK = 2.0
"""Seconds in which it is found out which of the names it is that has addresses, half of them for one answer at most."""


class WatchedName:
    """One name at all nameservers. `is_known` says which addresses are watched, `is_there` proves others."""

    def __init__(self, host: str, port: int, is_known: Callable[[str], bool], is_there: IsThere, again: float) -> None:
        self._host = host
        self._port = port
        self._is_known = is_known
        self._is_there = is_there
        self._proofs = Proofs(is_known, is_there, again)
        self._over_tcp = Proofs(lambda _: False, self._holds_over_tcp, OVER_TCP_AGAIN)
        self._resolver = gofiles.resolver(text_or_none(RESOLV_CONF), socket.gethostname())

    @property
    def needed(self) -> bool:
        """Is it looked up at all? Not if it is an address, or if the hosts file has it."""
        if not self._host or gofiles.is_address(self._host):
            return False
        listed = gofiles.hosts(read_text(HOSTS_FILE, 1 << 20), self._host)
        return not (listed and gofiles.order(read_text(NSSWITCH)).startswith("files"))

    def paths(self, servers: List[str], runs: Callable[[str], Tell]) -> List[DnsPath]:
        """What is asked of each nameserver; `runs` gives the samples of a path to the one who keeps them."""
        names = gofiles.names_to_ask(self._host, self._resolver)
        found = self._found(names, servers) if len(names) > 1 else names[0]
        before = [_query(name, kind) for name in names[: names.index(found)] for kind in (A, AAAA)]
        paths = []
        for server in servers:
            tell = runs(server)
            paths.append(self._path(server, [_query(found, A)], tell, needs_address=True))
            paths.append(self._path(server, [_query(found, AAAA)], runs(server + " AAAA"), needs_address=False))
            if before:
                paths.append(self._path(server, before, runs(server + " search list"), needs_address=False))
        return paths

    def _found(self, names: List[str], servers: List[str]) -> str:
        """The first of the names that has addresses; where none has, the one that is asked for as it is written."""
        deadline, settled = Deadline(FIRST_LOOK), set()
        for name, server in itertools.product(names, servers):
            if name in settled or deadline.left() <= 0:
                continue
            record = golookup.query_record(name, "A", server, 0)
            message = b""
            with contextlib.suppress(Exception):
                seconds = deadline.within(FIRST_LOOK / 2).left()
                message = golookup.over_udp(record, self._port, _query(name, A), seconds)
            if not message:
                continue
            if dnsmessage.addresses(message) or dnsmessage.truncated(message):
                return name
            settled.add(name)
        return next(name for name in names if name.rstrip(".") == self._host.rstrip("."))

    def _path(self, server: str, wires: List[bytes], tell: Tell, *, needs_address: bool) -> DnsPath:
        def whole(wire: bytes) -> Optional[bool]:
            return self._over_tcp.hold([server + " " + base64.b64encode(wire).decode("ascii")])

        return DnsPath(server, self._port, wires, tell, self._proofs.hold, whole, needs_address=needs_address)

    def _holds_over_tcp(self, question: str) -> Optional[bool]:
        """Does this nameserver give, over TCP, addresses at which the one who is looked for is?"""
        server, _, wire = question.partition(" ")
        try:
            message = golookup.over_tcp(server, self._port, base64.b64decode(wire), PATIENCE)
        except Exception:
            return False
        found = dnsmessage.addresses(message)
        return bool(found) and all(self._is_known(address) or self._is_there(address) is not False for address in found)


def _query(name: str, kind: int) -> bytes:
    return dnsmessage.query(name, kind, UNASKED, edns=golookup.DATAGRAM)
