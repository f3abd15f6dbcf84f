"""What nameservers said: the host's own, each asked itself, and public ones, asked by the workstation.

Theory. A nameserver is asked over UDP, and over TCP where UDP was truncated or brought nothing. A stub resolver gets no
further than that, so a server that answers over TCP alone, or truncates and is silent over TCP, is as good as silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    Evidence,
    error_field,
    error_name,
    error_text,
    finding,
    parsed_address,
    raw,
    seconds,
)
from netcompliance.model import Finding, Observation

RCODES = {
    dns.rcode.NXDOMAIN: Code.DNS_NXDOMAIN,
    dns.rcode.SERVFAIL: Code.DNS_SERVFAIL,
    dns.rcode.REFUSED: Code.DNS_REFUSED,
}
"""Every other failure counts as SERVFAIL."""
WORDS = {dns.rcode.to_text(rcode): code for rcode, code in RCODES.items()}

# What a stub resolver ends with when its nameservers differ: a definite answer beats a failure, any answer beats none.
PRECEDENCE = (Code.DNS_NXDOMAIN, Code.DNS_NO_DATA, Code.DNS_SERVFAIL, Code.DNS_REFUSED, Code.DNS_TIMEOUT)

EAI_CODES = {-2: Code.DNS_NXDOMAIN, -5: Code.DNS_NO_DATA, 8: Code.DNS_NXDOMAIN}
"""getaddrinfo's codes with one meaning (glibc and musl negative, BSD positive); the others mean "try again"."""

AT_ONCE = 1.0
"""Seconds. A resolver that gives up sooner was answered; one that waited longer was not."""

VERSIONS = {"A": 4, "AAAA": 6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one nameserver said to one query."""

    server: str
    rdtype: str
    transport: str
    code: Code | None
    """What was wrong; `None` for an answer with or without addresses that is in order."""
    addresses: tuple[str, ...] = ()
    truncated: bool = False
    text: str = ""

    @property
    def usable(self) -> bool:
        """Did it bring an answer that a stub resolver can go by, good or bad?"""
        return self.code is not Code.DNS_TIMEOUT and not self.truncated


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How one nameserver serves the name."""

    server: str
    code: Code | None
    """What is wrong with it; `None` if it gives addresses."""
    says: str
    dead: bool = False
    addresses: tuple[str, ...] = ()


def read(seen: Observation) -> Answer:
    """A `dns` or `public-dns` observation, parsed."""
    wire = raw(seen, "response")
    told = _parsed(wire) if wire else _in_words(seen)
    return Answer(
        server=seen.get("server", ""),
        rdtype=seen.get("rdtype", ""),
        transport=seen.get("transport", "https"),
        code=told.code,
        addresses=told.addresses,
        truncated=told.truncated,
        text=told.text,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a message says, whoever it is from."""

    code: Code | None
    text: str
    addresses: tuple[str, ...] = ()
    truncated: bool = False


def _in_words(seen: Observation) -> _Told:
    """An answer of which only the words of the host's own tool are known, or none."""
    rcode = seen.get("rcode")
    if rcode is None:
        return _Told(code=Code.DNS_TIMEOUT, text=error_text(seen) or "no answer")
    code = None if rcode == "NOERROR" else WORDS.get(rcode, Code.DNS_SERVFAIL)
    return _Told(code=code, text=rcode, addresses=tuple(a for a in seen.get("addresses", ()) if parsed_address(a)))


@lru_cache(maxsize=256)
def _parsed(wire: bytes) -> _Told:
    """A message, parsed once however many judges ask."""
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
    except (dns.exception.DNSException, ValueError, IndexError, KeyError):
        return _Told(code=Code.DNS_SERVFAIL, text="bytes that are no DNS message")
    rcode = message.rcode()
    return _Told(
        code=None if rcode == dns.rcode.NOERROR else RCODES.get(rcode, Code.DNS_SERVFAIL),
        text=dns.rcode.to_text(rcode),
        addresses=tuple(
            record.address
            for rrset in message.answer
            if rrset.rdclass == dns.rdataclass.IN and rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
            for record in rrset
        ),
        truncated=bool(message.flags & dns.flags.TC),
    )


def answers(evidence: Evidence, name: str) -> list[Answer]:
    """What the configured nameservers said about a name, in the order in which they were asked."""
    return [read(seen) for seen in evidence.all("dns") if seen.get("name", "").rstrip(".") == name]


def services(evidence: Evidence, name: str) -> list[Service]:
    """How each configured nameserver that was asked serves the name."""
    by_server: dict[str, list[Answer]] = {}
    for answer in answers(evidence, name):
        by_server.setdefault(answer.server, []).append(answer)
    return [found for server, given in by_server.items() if (found := _service(server, given))]


def _service(server: str, given: list[Answer]) -> Service | None:
    """`None` if the server was not asked for IPv4 addresses."""
    asked = [answer for answer in given if answer.rdtype == "A"]
    if not asked:
        return None
    usable = next((answer for answer in asked if answer.usable), None)
    first = usable or asked[0]
    addresses = tuple(dict.fromkeys(address for answer in given for address in answer.addresses))
    over_udp = next((answer for answer in asked if answer.transport == "udp"), first)
    if usable is None and over_udp.truncated:
        says = f"{server} truncates its answer over UDP and does not answer over TCP"
        return Service(server=server, code=Code.DNS_TIMEOUT, says=says)
    if usable is None:
        says = f"{server} does not answer ({first.text})"
        return Service(server=server, code=Code.DNS_TIMEOUT, says=says, dead=True)
    if over_udp.code is Code.DNS_TIMEOUT:
        says = f"{server} answers over TCP but not over UDP"
        return Service(server=server, code=Code.DNS_TIMEOUT, says=says, addresses=addresses)
    if usable.code is not None:
        return Service(server=server, code=usable.code, says=f"{server} says {usable.text}")
    if not addresses:
        return Service(server=server, code=Code.DNS_NO_DATA, says=f"{server} answers without any address")
    return Service(server=server, code=None, says=f"{server} answers", addresses=addresses)


def addresses_told(evidence: Evidence, name: str) -> dict[str, str]:
    """Address → the first configured nameserver that gave it for the name."""
    told: dict[str, str] = {}
    for answer in answers(evidence, name):
        for address in answer.addresses:
            told.setdefault(address, answer.server)
    return told


def unresolved(evidence: Evidence, host: str, looked_up: Observation) -> Finding:
    """Why a name has no address here, by the nameservers' own answers, else by getaddrinfo's code."""
    served = services(evidence, host)
    for code in PRECEDENCE:
        those = [service for service in served if service.code is code]
        if those:
            servers = ", ".join(service.server for service in those)
            return finding(code, those[0].server, "; ".join(service.says for service in those), server=servers)
    code = EAI_CODES.get(error_field(looked_up, "code"), Code.DNS_TIMEOUT)
    if code is Code.DNS_TIMEOUT and error_name(looked_up) == "GAI" and seconds(looked_up) < AT_ONCE:
        code = Code.DNS_SERVFAIL
    return finding(code, host, f"getaddrinfo: {error_text(looked_up) or 'no address'}", server=evidence.resolver)


def public_answers(evidence: Evidence, host: str) -> list[Answer]:
    """What public resolvers answered to the workstation, as far as it settles the question."""
    replies = (read(seen) for seen in evidence.all("public-dns") if seen.get("name", "").rstrip(".") == host)
    return [reply for reply in replies if reply.code in (None, Code.DNS_NXDOMAIN)]


def public_addresses(evidence: Evidence, host: str) -> list[str]:
    """The name's addresses in the public view."""
    return list(dict.fromkeys(a for reply in public_answers(evidence, host) for a in reply.addresses))


def public_versions(replies: Iterable[Answer]) -> set[int]:
    """The versions of IP about which the public view says something."""
    return {VERSIONS[reply.rdtype] for reply in replies if reply.rdtype in VERSIONS}
