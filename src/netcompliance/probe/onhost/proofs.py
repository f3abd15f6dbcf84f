"""Is the tenant at an address that a nameserver gives? A watch samples the addresses that it knows; others are proved.

Theory. Where a name leads elsewhere for a time, every address that is watched works on, and the agent, which looks the
name up for each connection, does not. So an address that is not watched has to prove itself, by a handshake that
verifies for the name with a certificate of the same organisation as ever, and by an answer. Large services rotate among
many addresses: each is proved when it is given, and again from time to time while it is.
"""

import contextlib
import threading
import time
from typing import Any, Callable, Container, Dict, List, Optional

from netcompliance.probe.onhost import http1, tls, tunnel
from netcompliance.probe.onhost.dial import dial
from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.https_sampler import BODY, issuer_of
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.requests import head_of
from netcompliance.probe.onhost.route import Proxy
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.tls import TlsStream
from netcompliance.probe.onhost.visit import Visit

PATIENCE = 0.8
"""Seconds that a connection may take to open, and as many for its handshake."""
OWN_FAULTS = ("EXCEPTION", "UNSUPPORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL")
OUT_OF_ORDER = 500
AT_ONCE = 8
"""Proofs under way."""
MOST_OF_AN_ANSWER = 16
MOST = 1024
"""Addresses that are remembered. Whoever gives more has no tenant there."""


class Proof:
    """What is known of one address."""

    def __init__(self) -> None:
        self.begun = float("-inf")
        self.busy = False
        self.holds: Optional[bool] = None
        """`None`: it is not known yet."""


class Proofs:
    """The proofs of all addresses that are not watched."""

    def __init__(self, is_watched: Callable[[str], bool], prove: Callable[[str], Optional[bool]], again: float) -> None:
        """`again`: seconds from one proof of an address to the next."""
        self._is_watched = is_watched
        self._prove = prove
        self._again = again
        self._known: Dict[str, Proof] = {}
        self._under_way = threading.Semaphore(AT_ONCE)

    def hold(self, addresses: List[str]) -> Optional[bool]:
        """Is the tenant at all of these? `None`: it is not known yet. Of a long answer the beginning is looked at."""
        found = [self._holds(address) for address in addresses[:MOST_OF_AN_ANSWER] if not self._is_watched(address)]
        return False if False in found else None if None in found else True

    def _holds(self, address: str) -> Optional[bool]:
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= MOST:
                return False
            known = self._known[address] = Proof()
        due = time.monotonic() - known.begun >= self._again
        if due and not known.busy and self._under_way.acquire(blocking=False):
            known.begun, known.busy = time.monotonic(), True
            threading.Thread(target=self._look, args=(address, known), daemon=True).start()
        return known.holds

    def _look(self, address: str, known: Proof) -> None:
        try:
            holds = self._prove(address)
            known.holds = known.holds is not False if holds is None else holds
        finally:
            known.busy = False
            self._under_way.release()


Request = Optional[Dict[str, Any]]


def is_tenant(
    visit: Visit, host: str, port: int, address: str, request: Request = None, issuers: Container[str] = ()
) -> Optional[bool]:
    """Does a handshake with the address verify for the name, by a certificate of one of these issuers (if it is known
    who they are), and is the request served? `None` where this host itself could not try."""

    def opened() -> Stream:
        stream, facts = dial(address, port, PATIENCE)
        if stream is None:
            raise Failure(facts["error"]["phase"], facts["error"]["name"], facts["error"]["text"])
        return stream

    return _verifies(visit, host, opened, _serving(visit, host, port, request, issuers))


def leads_on(
    visit: Visit, proxy: Proxy, host: str, port: int, address: str, request: Request = None,
    issuers: Container[str] = (),
) -> Optional[bool]:  # fmt: skip
    """The same of what the proxy, at this address, leads to."""

    def opened() -> Stream:
        stream, facts = tunnel.connect(visit, "watch", proxy, host, port, PATIENCE, address)
        if stream is None:
            raise Failure("proxy", facts["error"]["name"], facts["error"]["text"])
        return stream

    return _verifies(visit, host, opened, _serving(visit, host, port, request, issuers))


def _serving(
    visit: Visit, host: str, port: int, request: Request, issuers: Container[str]
) -> Callable[[TlsStream], bool]:
    """Whether whoever is at the other end of a verified stream is of these issuers, and serves the request."""

    def serves(stream: TlsStream) -> bool:
        if issuers and issuer_of(stream) not in issuers:
            return False
        if request is None:
            return True
        answer = http1.Answer(BODY, BODY)
        with contextlib.suppress(Exception):
            head = head_of(visit, host, port, request, 0, None)
            http1.exchange(stream, head, b"", answer, visit.limits, Deadline(PATIENCE))
        return answer.status is not None and answer.status < OUT_OF_ORDER

    return serves


def _verifies(
    visit: Visit, host: str, opened: Callable[[], Stream], serves: Callable[[TlsStream], bool]
) -> Optional[bool]:
    stream, facts = tls.secure(opened, visit.trust.verifying, host, PATIENCE)
    if stream is not None:
        try:
            return serves(stream)
        finally:
            stream.close()
    return None if facts["error"]["name"] in OWN_FAULTS else False
