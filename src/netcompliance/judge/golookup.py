"""What the agent's own resolver makes of the host's DNS: Go's look-up, put together from single exchanges (pure).

Theory. Every exchange of a look-up is independent of the others, so what Go ends with, and after how long, follows from
what each came to, taken in Go's order: round by round, nameserver by nameserver, until one answers or says that there
is no such name. One that does not answer costs its whole timeout. A and AAAA run side by side, and the slower counts.
An exchange that was not made ends as the last one with that server did.

Where there is no such look-up, as from a shell, what each nameserver was asked by itself serves: those queries carry
EDNS0 as Go's do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from netcompliance.judge.evidence import Evidence, decoded, error_name, error_text, parsed_address
from netcompliance.judge.transport import TIMEOUTS
from netcompliance.observations import Dns, GoResolve, Query, Resolver

REQUEST_LIMIT = 19.5
"""Seconds that the agent gives a whole request, its look-up included, less what the rest of it takes: 20 s in all."""
TRUNCATED = "an answer that was cut short"
MOST_SERVERS = 3
"""Nameservers that Go takes from resolv.conf."""
MOST_ROUNDS = 30
DATAGRAM = 1232
TYPES = ("A", "AAAA")
LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a message comes to for Go."""

    settles: bool
    """It is an answer, or says that there is no such name: no other server is asked."""
    text: str
    addresses: tuple[str, ...] = ()
    exists: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One question to one server."""

    name: str
    rdtype: str
    server: str
    attempt: int
    again: bool
    """It was made once more beside one that stayed without an answer."""
    seconds: float
    said: Said | None
    """`None` if nothing came that counts."""
    why: str
    """The name of the error, empty if there is none."""
    text: str

    @property
    def timed_out(self) -> bool:
        """Was it waited for to no avail?"""
        return self.said is None and self.why in TIMEOUTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What Go would end with."""

    addresses: tuple[str, ...]
    seconds: float
    """How long it would take, at worst."""
    exchanges: tuple[Exchange, ...]
    servers: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    """The addresses that the hosts file gives the name; with them, the DNS is not asked."""
    timeout: float = 5.0
    files_first: bool = True

    def of(self, server: str) -> list[Exchange]:
        """The exchanges with a server."""
        return [each for each in self.exchanges if each.server == server]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How Go goes about it."""

    servers: tuple[str, ...]
    names: tuple[str, ...]
    timeout: float
    attempts: int
    rotate: bool
    single: bool
    found: Mapping[tuple[str, str, str], Mapping[int, Exchange]] = field(default_factory=dict)
    uncounted: Sequence[str] = ()
    """Servers whose time is left out."""


def agents_lookup(evidence: Evidence, host: str, uncounted: Sequence[str] = ()) -> Lookup | None:
    """The agent's look-up of a name; `None` if not enough was asked to say how it ends.

    The time that `uncounted` servers take is left out.
    """
    seen = evidence.one(GoResolve, host=host)
    if seen is None:
        return _by_plan(evidence, host, uncounted)
    given = seen.resolver or Resolver()
    ended = [query for query in seen.queries if query.response or error_name(query)]
    exchanges = tuple(_exchange(query) for query in ended)
    plan = _Plan(
        servers=tuple(given.servers)[:MOST_SERVERS],
        names=tuple(seen.names),
        timeout=float(5 if given.timeout is None else given.timeout),
        attempts=2 if given.attempts is None else given.attempts,
        rotate=bool(given.rotate),
        single=bool(given.single_request),
        found=_by_place(exchanges),
        uncounted=uncounted,
    )
    order = "files,dns" if seen.order is None else seen.order
    hosts = tuple(seen.hosts) if "files" in order else ()
    made = _worst_case(plan, exchanges, hosts, files_first=order.startswith("files"))
    return made if made is None or "dns" in order else replace(made, addresses=(), seconds=0.0)


def _exchange(query: Query | Dns, name: str | None = None) -> Exchange:
    wire = decoded(query.response)
    return Exchange(
        name=(query.name or "") if name is None else name,
        rdtype=query.rdtype or "",
        server=query.server or "",
        attempt=(query.attempt or 0) if isinstance(query, Query) else 0,
        again=isinstance(query, Query) and bool(query.again),
        seconds=float(query.seconds or 0.0),
        said=_of_message(query, wire) if wire else None,
        why=error_name(query) or "",
        text=error_text(query),
    )


def _of_message(query: Query | Dns, wire: bytes) -> Said:
    """Go reads no more of a datagram than it offers to."""
    if query.transport != "tcp" and len(wire) >= DATAGRAM:
        return Said(settles=False, text="an answer of more than 1,232 bytes in one datagram")
    return said(wire, query.rdtype or "")


def _by_plan(evidence: Evidence, host: str, uncounted: Sequence[str]) -> Lookup | None:
    """From what each nameserver was asked by itself, as far as the bytes are known."""
    vantage = evidence.vantage
    rows = [seen for seen in evidence.all(Dns) if (seen.name or "").rstrip(".") == host]
    if not rows or not all(seen.response or error_name(seen) for seen in rows):
        return None
    options = dict(option.partition(":")[::2] for option in vantage.options)
    exchanges = tuple(
        _exchange(seen, name=f"{host}.")
        for seen in rows
        if seen.edns is not False and seen.transport == ("tcp" if "use-vc" in options else "udp")
    )
    plan = _Plan(
        servers=tuple(vantage.nameservers or ())[:MOST_SERVERS],
        names=(f"{host}.",),
        timeout=float(_number(options.get("timeout", ""), 5)),
        attempts=_number(options.get("attempts", ""), 2),
        rotate="rotate" in options,
        single="single-request" in options,
        found=_by_place(exchanges),
        uncounted=uncounted,
    )
    lines = [line.split() for line in vantage.hosts_entries]
    hosts = tuple(words[0] for words in lines if host in words[1:] and parsed_address(words[0]))
    return _worst_case(plan, exchanges, hosts, files_first=True)


def _number(text: str, otherwise: int) -> int:
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else otherwise


def _by_place(exchanges: Iterable[Exchange]) -> dict[tuple[str, str, str], dict[int, Exchange]]:
    """Name, type and server → round → exchange.

    One that was made again ends as the better of both: what is lost once, or late once, says little of a server.
    """
    places: dict[tuple[str, str, str], dict[int, Exchange]] = {}
    for each in exchanges:
        made = places.setdefault((each.name, each.rdtype, each.server), {})
        before = made.get(each.attempt)
        if before is None or _better(each, before):
            made[each.attempt] = each
    return places


def _better(again: Exchange, before: Exchange) -> bool:
    if before.said is None or again.said is None:
        return before.timed_out and again.said is not None
    return again.said.settles == before.said.settles and again.seconds < before.seconds


def _worst_case(
    plan: _Plan, exchanges: tuple[Exchange, ...], hosts: tuple[str, ...], *, files_first: bool
) -> Lookup | None:
    """The worst of all ways that it can go: with `rotate`, each server is the first one sooner or later."""
    if not plan.servers:
        return None
    ways = [_one_way(plan, offset) for offset in range(len(plan.servers) if plan.rotate else 1)]
    known = [way for way in ways if way is not None]
    if not known or len(known) < len(ways):
        return None
    addresses, seconds = min(known, key=lambda way: (bool(way[0]), -way[1]))
    return Lookup(
        addresses=addresses,
        seconds=seconds,
        exchanges=exchanges,
        servers=plan.servers,
        hosts=hosts,
        timeout=plan.timeout,
        files_first=files_first,
    )


def _one_way(plan: _Plan, offset: int) -> tuple[tuple[str, ...], float] | None:
    total = 0.0
    for name in plan.names:
        lanes = [_lane(plan, name, rdtype, offset) for rdtype in TYPES]
        took = [lane[1] for lane in lanes if lane is not None]
        if len(took) < len(lanes):
            return None
        total += sum(took) if plan.single else max(took)
        addresses = tuple(dict.fromkeys(a for lane in lanes if lane for a in (lane[0].addresses if lane[0] else ())))
        if addresses:
            return addresses, total
    return (), total


def _lane(plan: _Plan, name: str, rdtype: str, offset: int) -> tuple[Said | None, float] | None:
    """What one name and type come to, and after how long; `None` if a server that matters was never asked."""
    total = 0.0
    for attempt in range(min(plan.attempts, MOST_ROUNDS)):
        for place in range(len(plan.servers)):
            server = plan.servers[(offset + place) % len(plan.servers)]
            made = plan.found.get((name, rdtype, server)) or _of_another_name(plan, rdtype, server)
            if not made:
                return None
            each = made.get(attempt, made[max(made)])
            if each.said is not None and each.said.text == TRUNCATED:
                return None  # Go asks again over TCP, and nobody did
            if server not in plan.uncounted:
                total += plan.timeout if each.timed_out else each.seconds
            if each.said is not None and each.said.settles:
                return each.said, total
    return None, total


def _of_another_name(plan: _Plan, rdtype: str, server: str) -> Mapping[int, Exchange]:
    """What came of another name, where nothing was ever answered: silence is not about names."""
    for (_, kind, asked), made in plan.found.items():
        if (kind, asked) == (rdtype, server) and all(each.timed_out for each in made.values()):
            return made
    return {}


@lru_cache(maxsize=512)
def said(wire: bytes, rdtype: str) -> Said:
    """A message as Go takes it (`checkHeader`, `skipToAnswer`)."""
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
    except (dns.exception.DNSException, ValueError, IndexError, KeyError):
        return Said(settles=False, text="bytes that are no DNS message")
    if message.flags & dns.flags.TC:
        return Said(settles=False, text=TRUNCATED)
    rcode = message.rcode()
    if rcode == dns.rcode.NXDOMAIN:
        return Said(settles=True, text="NXDOMAIN", exists=False)
    flags = message.flags & (dns.flags.AA | dns.flags.RA)
    if rcode == dns.rcode.NOERROR and not flags and not message.answer and not message.additional and message.edns < 0:
        return Said(settles=False, text="a referral without an answer")
    if rcode != dns.rcode.NOERROR:
        return Said(settles=False, text=dns.rcode.to_text(rcode))
    addresses = tuple(
        record.address
        for rrset in message.answer
        if rrset.rdclass == dns.rdataclass.IN and rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
        for record in rrset
    )
    wanted = any(dns.rdatatype.to_text(rrset.rdtype) == rdtype for rrset in message.answer)
    return Said(settles=True, text="NOERROR", addresses=addresses if wanted else ())


def delays(lookup: Lookup, without: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Servers that a look-up waits for, each with what it does; not those that are named."""
    found = []
    best = _by_place(lookup.exchanges)
    for server in lookup.servers:
        if server in without:
            continue
        for rdtype in TYPES:
            made = [
                each for place, by_round in best.items() if place[1:] == (rdtype, server) for each in by_round.values()
            ]
            late = [each for each in made if each.said is not None and each.seconds >= NOTICEABLE]
            if made and all(each.timed_out for each in made):
                found.append((server, f"does not answer {rdtype} queries within {lookup.timeout:.0f} s"))
            elif late:
                found.append((server, f"answers {rdtype} queries after {about(max(e.seconds for e in late))}"))
    return found


NOTICEABLE = 0.4
"""Seconds from which an answer is called late."""


def about(seconds: float) -> str:
    """A duration that is the same in each run: whole seconds from two on."""
    return f"{seconds:.0f} s" if seconds >= 1.95 else f"{seconds:.1f} s"
