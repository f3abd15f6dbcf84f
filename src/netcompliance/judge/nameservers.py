"""What nameservers said: the host's own, each asked itself, and public ones, asked by the workstation.

Theory. A nameserver is asked over UDP, and over TCP where UDP was truncated or brought nothing. A stub resolver gets no
further than that, so a server that answers over TCP alone, or truncates and is silent over TCP, is as good as silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    Evidence,
    by_address,
    decoded,
    error_name,
    error_of,
    error_text,
    finding,
    listed,
    parsed_address,
    seconds,
    unsent,
)
from netcompliance.judge.sinkholes import BLOCKED, QUAD9, product_of, product_of_alias
from netcompliance.model import Finding
from netcompliance.observations import Dns, DnsShare, GoResolve, PublicDns, Resolve, Seen

RCODES = {
    dns.rcode.NXDOMAIN: Code.DNS_NXDOMAIN,
    dns.rcode.SERVFAIL: Code.DNS_SERVFAIL,
    dns.rcode.REFUSED: Code.DNS_REFUSED,
}
"""Every other failure counts as SERVFAIL."""
WORDS = {dns.rcode.to_text(rcode): code for rcode, code in RCODES.items()}

# What a stub resolver ends with when its nameservers differ: a definite answer beats a failure, any answer beats none.
PRECEDENCE = (
    Code.DNS_SINKHOLE,
    Code.DNS_NXDOMAIN,
    Code.DNS_NO_DATA,
    Code.DNS_EDNS_REFUSED,
    Code.DNS_SERVFAIL,
    Code.DNS_REFUSED,
    Code.DNS_TIMEOUT,
    Code.HOST_NO_ROUTE,
)
SILENCE = frozenset({Code.DNS_TIMEOUT, Code.HOST_NO_ROUTE})
"""What is no answer at all."""

EAI_CODES = {-2: Code.DNS_NXDOMAIN, -5: Code.DNS_NO_DATA, 8: Code.DNS_NXDOMAIN}
"""getaddrinfo's codes with one meaning (glibc and musl negative, BSD positive); the others mean "try again"."""

MOST_NAMES = 20
AT_ONCE = 1.0
"""Seconds. A resolver that gives up sooner was answered; one that waited longer was not."""

BY_QUAD9 = "blocked (Quad9 says that it does not exist and takes “recursion available” back)"

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
    aliases: tuple[str, ...] = ()
    """The names that the name is an alias of, one after the other."""
    policy: str = ""
    """What an extended DNS error says of a policy that forbids the name; empty if it says nothing."""
    edns: bool = True
    took: float = 0.0
    """Seconds from the datagram that it answers."""

    @property
    def usable(self) -> bool:
        """Did it bring an answer that a stub resolver can go by, good or bad?"""
        return self.code not in SILENCE and not self.truncated


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How one nameserver serves the name."""

    server: str
    code: Code | None
    """What is wrong with it; `None` if it gives addresses."""
    says: str
    dead: bool = False
    addresses: tuple[str, ...] = ()
    took: float = 0.0
    """Seconds until it answered for IPv4 addresses."""


def read(seen: Dns | PublicDns) -> Answer:
    """A `dns` or `public-dns` observation, parsed."""
    wire = decoded(seen.response)
    told = _parsed(wire) if wire else _in_words(seen)
    return Answer(
        server=seen.server or "",
        rdtype=seen.rdtype or "",
        transport=(seen.transport or "") if isinstance(seen, Dns) else "https",
        code=told.code,
        addresses=told.addresses,
        truncated=told.truncated,
        text=told.text,
        aliases=told.aliases,
        policy=told.policy or (BY_QUAD9 if told.withdrawn and seen.server in QUAD9 else ""),
        edns=not (isinstance(seen, Dns) and seen.edns is False),
        took=seconds(seen) if isinstance(seen, PublicDns) or seen.took is None else seen.took,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a message says, whoever it is from."""

    code: Code | None
    text: str
    addresses: tuple[str, ...] = ()
    truncated: bool = False
    aliases: tuple[str, ...] = ()
    policy: str = ""
    withdrawn: bool = False
    """The name does not exist, and recursion is not available."""


def _in_words(seen: Dns | PublicDns) -> _Told:
    """An answer of which only the words of the host's own tool are known, or none."""
    rcode = seen.rcode if isinstance(seen, Dns) else None
    if rcode is None and unsent(seen):
        return _Told(code=Code.HOST_NO_ROUTE, text=error_text(seen) or "no way to send")
    if rcode is None:
        return _Told(code=Code.DNS_TIMEOUT, text=error_text(seen) or "no answer")
    code = None if rcode == "NOERROR" else WORDS.get(rcode, Code.DNS_SERVFAIL)
    return _Told(
        code=code,
        text=rcode,
        addresses=tuple(a for a in seen.addresses if parsed_address(a)) if isinstance(seen, Dns) else (),
    )


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
        aliases=tuple(
            record.target.to_text(omit_final_dot=True)
            for rrset in message.answer
            if rrset.rdtype == dns.rdatatype.CNAME
            for record in rrset
        ),
        policy=_policy(message),
        withdrawn=rcode == dns.rcode.NXDOMAIN and not message.flags & dns.flags.RA,
    )


def _policy(message: dns.message.Message) -> str:
    for option in message.options:
        if isinstance(option, dns.edns.EDEOption) and int(option.code) in BLOCKED:
            said = f": {option.text}" if option.text else ""
            return f"{BLOCKED[int(option.code)]} (extended DNS error {int(option.code)}{said})"
    return ""


def answers(evidence: Evidence, name: str) -> list[Answer]:
    """What the configured nameservers said about a name, in the order in which they were asked."""
    return [read(seen) for seen in evidence.all(Dns) if (seen.name or "").rstrip(".") == name]


def services(evidence: Evidence, name: str) -> list[Service]:
    """How each configured nameserver that was asked serves the name, in the order in which they are configured."""
    by_server: dict[str, list[Answer]] = {server: [] for server in (evidence.vantage.nameservers or ())}
    stream_only = "use-vc" in evidence.vantage.options
    for answer in answers(evidence, name):
        if not (stream_only and answer.transport == "udp"):
            by_server.setdefault(answer.server, []).append(answer)
    shares = _answered_at_times(evidence, name)
    return [found for server, given in by_server.items() if (found := _service(server, given, shares.get(server)))]


def _answered_at_times(evidence: Evidence, name: str) -> dict[str, tuple[str, ...]]:
    """Nameserver → the addresses that it gave in a series of queries with EDNS0, of which it answered some."""
    return {
        seen.server: tuple(a for a in seen.addresses if parsed_address(a))
        for seen in evidence.all(DnsShare)
        if (seen.name or "").rstrip(".") == name and seen.server and (seen.answered or 0) > 0
    }


def _service(server: str, given: list[Answer], at_times: tuple[str, ...] | None) -> Service | None:
    """`None` if the server was not asked for IPv4 addresses. `at_times`: what it gave in a series of queries."""
    asked = [answer for answer in given if answer.rdtype == "A" and answer.edns]
    if not asked:
        return None
    usable = min(
        (answer for answer in asked if answer.usable), key=lambda a: (not a.addresses, bool(a.code)), default=None
    )
    first = usable or asked[0]
    addresses = tuple(dict.fromkeys(address for answer in given if answer.edns for address in answer.addresses))
    if usable is None and at_times:
        return Service(server=server, code=None, says=f"{server} answers at times", addresses=at_times)
    if (usable is None or not usable.addresses) and any(answer.addresses for answer in given if not answer.edns):
        if usable is not None and not _refuses_for_sure(given):
            return None
        how = "does not answer" if usable is None else f"answers {usable.text or 'nothing'} to"
        says = f"{server} {how} queries with EDNS0, and answers the same without"
        return Service(server=server, code=Code.DNS_EDNS_REFUSED, says=says)
    over_udp = next((answer for answer in asked if answer.transport == "udp"), first)
    if usable is None and over_udp.truncated:
        says = f"{server} truncates its answer over UDP and does not answer over TCP"
        return Service(server=server, code=Code.DNS_TIMEOUT, says=says)
    unsent = [answer for answer in asked if answer.code is Code.HOST_NO_ROUTE]
    if usable is None and unsent:
        says = f"no query leaves this host for {server} ({unsent[0].text})"
        return Service(server=server, code=Code.HOST_NO_ROUTE, says=says)
    if usable is None:
        says = f"{server} does not answer ({first.text})"
        return Service(server=server, code=Code.DNS_TIMEOUT, says=says, dead=True)
    if over_udp.code in SILENCE and not at_times:
        says = f"{server} answers over TCP but not over UDP"
        return Service(server=server, code=Code.DNS_TIMEOUT, says=says, addresses=addresses)
    if usable.policy and not usable.addresses:
        says = f"{server} says that the name is {usable.policy}"
        return Service(server=server, code=Code.DNS_SINKHOLE, says=says)
    if usable.code is not None:
        return Service(server=server, code=usable.code, says=f"{server} says {usable.text}")
    if not addresses:
        return Service(server=server, code=Code.DNS_NO_DATA, says=f"{server} answers without any address")
    return Service(server=server, code=None, says=f"{server} answers", addresses=addresses, took=usable.took)


def _refuses_for_sure(given: list[Answer]) -> bool:
    """Is it EDNS0 that the server does not take? Its own words for that say so; of other failures one may be chance."""
    failed = [answer for answer in given if answer.edns and answer.usable and not answer.addresses]
    return len(failed) > 1 or any(answer.text in ("FORMERR", "NOTIMP", "BADVERS") for answer in failed)


def given_addresses(evidence: Evidence, name: str) -> dict[str, str]:
    """Address → the configured nameserver that gave it for the name, of those that are in use.

    A resolver goes by the first nameserver that answers; what only a later one says counts when the first is gone, or
    where the host asks them by turns.
    """
    told: dict[str, str] = {}
    for server, addresses in _given(evidence, name):
        for address in addresses:
            told.setdefault(address, server)
        if told and evidence.agents_eyes and not _by_turns(evidence, name):
            break
    return told


def fallback_addresses(evidence: Evidence, name: str) -> dict[str, str]:
    """The same for addresses that are not in use: only a nameserver behind the first gives them."""
    used = given_addresses(evidence, name)
    told: dict[str, str] = {}
    for server, addresses in _given(evidence, name) if evidence.agents_eyes else ():
        for address in addresses:
            if address not in used:
                told.setdefault(address, server)
    return told


def _given(evidence: Evidence, name: str) -> list[tuple[str, list[str]]]:
    """Each nameserver in its order, with all addresses that it ever gave for the name."""
    given: dict[str, list[str]] = {server: [] for server in (evidence.vantage.nameservers or ())}
    for answer in answers(evidence, name):
        given.setdefault(answer.server, []).extend(answer.addresses)
    for seen in evidence.all(DnsShare):
        if (seen.name or "").rstrip(".") == name and seen.server:
            given.setdefault(seen.server, []).extend(a for a in seen.addresses if parsed_address(a))
    return list(given.items())


def _by_turns(evidence: Evidence, name: str) -> bool:
    seen = evidence.one(GoResolve, host=name)
    return bool(seen and seen.resolver and seen.resolver.rotate)


def unresolved(evidence: Evidence, host: str, looked_up: Seen) -> Finding:
    """Why a name has no address here, by the nameservers' own answers, else by getaddrinfo's code."""
    served = services(evidence, host)
    outside = _names_outside(evidence)
    if len(outside) > 1 and host in outside and not any(s.code is Code.DNS_SINKHOLE for s in served):
        servers = evidence.resolver
        detail = f"{servers} {'says' if ',' not in servers else 'say'} that {listed(outside, MOST_NAMES)} do not exist"
        return finding(Code.DNS_NO_OUTSIDE, servers, detail, server=servers, names=listed(outside))
    for code in PRECEDENCE:
        those = [service for service in served if service.code is code]
        if those:
            servers = ", ".join(service.server for service in those)
            return finding(
                code, those[0].server, "; ".join(service.says for service in those), server=servers,
                destination=those[0].server,
            )  # fmt: skip
    code = EAI_CODES.get(error_of(looked_up).code or 0, Code.DNS_TIMEOUT)
    if code is Code.DNS_TIMEOUT and error_name(looked_up) == "GAI" and seconds(looked_up) < AT_ONCE:
        code = Code.DNS_SERVFAIL
    return finding(code, host, f"getaddrinfo: {error_text(looked_up) or 'no address'}", server=evidence.resolver)


def _names_outside(evidence: Evidence) -> list[str]:
    """The hosts that the resolver says do not exist, if it knows not one name with a global address; else none."""
    unknown = []
    for seen in evidence.all(Resolve):
        if seen.purpose not in ("bare", "host"):
            continue
        if any((ip := parsed_address(address)) and ip.is_global for address in seen.addresses):
            return []
        if EAI_CODES.get(error_of(seen).code or 0) is Code.DNS_NXDOMAIN:
            unknown.append(str(seen.host))
    return sorted(set(unknown))


def sinkholed(evidence: Evidence, host: str, address: str) -> Finding | None:
    """A DNS filter's answer: its address, its alias, or its own word; `None` if nothing says so."""
    known = _FILTERED.setdefault(evidence, {})
    if host not in known:
        known[host] = _filtered(evidence, host)
    (alias, policy), product = known[host].get(address, _NOTHING), product_of(address)
    if alias:
        detail = f"{host} is an alias of {alias[0]} ({address}), where {alias[1]} sends what it blocks"
    elif product:
        detail = f"{host} is {address}, where {product} sends what it blocks"
    elif policy:
        detail = f"{host} is {address}, and its name is {policy}"
    else:
        return None
    return finding(Code.DNS_SINKHOLE, address, detail, server=evidence.resolver)


_Filter = tuple[tuple[str, str] | None, str]
"""The alias that leads to a sinkhole, and whose that is; what was said of a policy."""
_NOTHING: _Filter = (None, "")
_FILTERED: WeakKeyDictionary[Evidence, dict[str, dict[str, _Filter]]] = WeakKeyDictionary()
"""Host → address → what was said beside it. A name may have thousands of addresses, each of which is asked about."""


def _filtered(evidence: Evidence, host: str) -> dict[str, _Filter]:
    told: list[tuple[Iterable[str], Iterable[str], str]] = [
        (seen.addresses, (seen.canonical or "",), "") for seen in evidence.all(Resolve, host=host)
    ]
    told += [(answer.addresses, answer.aliases, answer.policy) for answer in answers(evidence, host)]
    found: dict[str, _Filter] = {}
    for addresses, names, policy in told:
        alias = product_of_alias(names)
        for address in addresses if alias or policy else ():
            before = found.get(address, _NOTHING)
            found[address] = before[0] or alias, before[1] or policy
    return found


def public_answers(evidence: Evidence, host: str) -> list[Answer]:
    """What public resolvers answered to the workstation, as far as it settles the question."""
    replies = (read(seen) for seen in evidence.all(PublicDns) if (seen.name or "").rstrip(".") == host)
    return [reply for reply in replies if reply.code in (None, Code.DNS_NXDOMAIN)]


def public_addresses(evidence: Evidence, host: str) -> list[str]:
    """The name's addresses in the public view, sorted, without repetition."""
    return sorted({a for reply in public_answers(evidence, host) for a in reply.addresses}, key=by_address)


def public_versions(replies: Iterable[Answer]) -> set[int]:
    """The versions of IP about which the public view says something."""
    return {VERSIONS[reply.rdtype] for reply in replies if reply.rdtype in VERSIONS}
