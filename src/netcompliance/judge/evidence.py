"""What one vantage saw, indexed, and the questions that more than one judge asks of it.

Rules
* Pure: no socket, no clock, no subprocess, no pytest. "Now" is when the observation was made.
* Everything in an observation came from a network and may be missing; what is absurd is missing (`observations`).
* An exchange that ended by a fault of our own, or of this machine's resources, says nothing about the network: it was
  not looked at. Only what was looked at can pass or fail.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Protocol, TypeAlias, TypedDict, TypeVar, Unpack
from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.model import Finding, Observation, Result
from netcompliance.observations import (
    Chain,
    ChainJudged,
    Chart,
    Dns,
    Error,
    Exchanges,
    Firewall,
    GoResolve,
    Host,
    Http,
    Http2,
    Probe,
    Proxy,
    ProxyAddress,
    PublicDns,
    Registry,
    Resolve,
    Route,
    Seen,
    Shares,
    Showed,
    Tcp,
    Tls,
    Watch,
    decode,
)

S = TypeVar("S", bound=Seen)
Answered: TypeAlias = Http | Registry | Chart | Proxy
"""What has the head of an answer, and what was read of its body."""

TENANT = "tenant"
CURRENT = 2
"""The version of the catalogue for which hosts are looked at today."""
AGENTS_EYES = 2
"""The version since which they are looked at as the agent looks, too."""

AGENT_WAITS = 20.0
"""Seconds after which the agent gives up on a request."""

EXCHANGES: frozenset[type[Seen]] = frozenset(
    {Resolve, Dns, Tcp, Proxy, ProxyAddress, Tls, Http2, Http, Registry, Chart, Shares, Exchanges}
)
PEER: Mapping[type[Seen], str] = {
    **dict.fromkeys((Tcp, Shares, Tls, Exchanges, Http2, Http), "address"),
    ProxyAddress: "proxy_address",
    Registry: "image",
    PublicDns: "server",
    Firewall: "tool",
}
"""Kind → what it is sorted by: several are looked at side by side, and the same network gives the same text. What was
asked of one peer stays in its order."""
OWN_FAULTS = frozenset({"EXCEPTION", "UNSUPPORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"})
"""Ends of an exchange that are nobody else's doing."""
EXHAUSTED = {
    "EMFILE": "its limit of open files",
    "ENFILE": "the system's limit of open files",
    "ENOBUFS": "buffers for packets",
    "ENOMEM": "memory",
}
"""Those that say what this host ran out of."""


class Ended(Protocol):
    """What may have ended by an error."""

    @property
    def error(self) -> Error | None:
        """Why it ended before its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a judge decided about one case."""

    result: Result
    findings: tuple[Finding, ...] = ()
    saw: str = ""
    reason: str = ""
    reproduce: str = ""


def passed(saw: str, reproduce: str = "") -> Outcome:
    """The requirement is met; `saw` says by what."""
    return Outcome(result=Result.PASS, saw=saw, reproduce=reproduce)


def decided(findings: Iterable[Finding], saw: str = "", reproduce: str = "", *, missing: str = "") -> Outcome:
    """Fail if there is any finding; not checked if something is missing without which it cannot pass; else pass."""
    found = tuple(findings)
    if missing and not found:
        return notchecked(missing)
    return Outcome(
        result=Result.FAIL if found else Result.PASS,
        findings=found,
        saw=_combined_details(found) or saw,
        reproduce=reproduce,
    )


def _combined_details(found: Iterable[Finding]) -> str:
    """What was seen, once: subjects of which the same is to be said stand together."""
    subjects: dict[str, list[str]] = {}
    for each in found:
        same = each.detail.startswith(each.subject)
        rest = each.detail.removeprefix(each.subject) if same else each.detail
        subjects.setdefault(rest, []).extend([each.subject] if same else [])
    return "; ".join(f"{listed(names)}{rest}" for rest, names in subjects.items())


def notapplicable(reason: str) -> Outcome:
    """The requirement is not asked in this setting."""
    return Outcome(result=Result.NOTAPPLICABLE, reason=reason)


def notchecked(reason: str) -> Outcome:
    """The requirement is asked, but there is nothing to judge it by."""
    return Outcome(result=Result.NOTCHECKED, reason=reason)


def finding(code: Code, subject: str, detail: str, **values: str) -> Finding:
    """A finding; `values` fill the placeholders of the code's texts."""
    return Finding(code=code, subject=subject, detail=detail, values=values)


def error_name(seen: Ended | None) -> str | None:
    """The `name` of an observation's error, `None` if it has none."""
    error = seen.error if seen else None
    return None if error is None else "EXCEPTION" if error.name is None else error.name


def error_text(seen: Ended | None) -> str:
    """The raw error text, for the detail of a finding."""
    return error_of(seen).text or ""


UNSENT = frozenset({"ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EHOSTDOWN", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EPERM"})
"""The kernel's words for "nothing can be sent there", unless an ICMP message of somebody else made it say so."""


def unsent(seen: Ended | None) -> bool:
    """Did the host itself refuse to send: no interface, no route, or a rule of its own?"""
    icmp = error_of(seen).icmp
    return error_name(seen) in UNSENT and (icmp is None or bool(icmp.own))


def error_of(seen: Ended | None) -> Error:
    """An observation's error, one without any field if there is none."""
    return seen.error if seen and seen.error else Error()


def decoded(text: str | None) -> bytes:
    """Base64 as bytes; empty if it is missing or damaged."""
    try:
        return base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError):
        return b""


def seconds(seen: Seen) -> float:
    """How long an observation took, 0.0 if that is missing."""
    return seen.seconds or 0.0


def duration(value: float) -> str:
    """A duration for people: milliseconds below one second."""
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def waited(seen: Seen) -> str:
    """How long there was silence, and how long the agent would have waited, if that is longer than we did."""
    took = seconds(seen)
    longer = f"; the agent waits {AGENT_WAITS:.0f} s" if took < AGENT_WAITS else ""
    return f"{duration(took)}{longer}"


def listed(items: Iterable[str], most: int = 6) -> str:
    """Items in prose; the rest is counted."""
    every = list(dict.fromkeys(items))
    shown = ", ".join(every[:most])
    return f"{shown} and {len(every) - most} more" if len(every) > most else shown


def header(seen: Answered | Showed | None, name: str) -> str:
    """The first header of that name, empty if there is none."""
    return next((value for key, value in (seen.headers if seen else ()) if key.lower() == name.lower()), "")


def parsed_address(text: object) -> IPv4Address | IPv6Address | None:
    """An IP address without its zone, `None` if the text is none."""
    return _parsed_address(str(text))


@lru_cache(maxsize=1 << 13)
def _parsed_address(text: str) -> IPv4Address | IPv6Address | None:
    """Judges ask for the same thousands again and again."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def without_port(host: str) -> str:
    """A registry's name without its port."""
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host


def as_utc(moment: datetime) -> datetime:
    """A moment that does not name its zone is meant in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def clock_offset(seen: Http | Registry) -> float | None:
    """Seconds by which the vantage's clock is ahead of the peer's `Date`; `None` if the answer has no usable one.

    A cache keeps the date of what it stores, and says in `Age` how old that is.
    """
    age = header(seen, "age")
    if seen.at is None:
        return None
    try:
        theirs = as_utc(parsedate_to_datetime(header(seen, "date"))).timestamp()
        return seen.at + seconds(seen) - theirs - (int(age[:9]) if age.isascii() and age.isdigit() else 0)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def by_address(text: str) -> tuple[int, int, str]:
    """A key that sorts addresses as people count, IPv4 before IPv6, names last."""
    ip = parsed_address(text)
    return (ip.version, int(ip), text) if ip else (9, 0, text)


def _by_peer(those: list[Any], peer: str) -> list[Any]:
    return sorted(those, key=lambda seen: by_address(str(getattr(seen, peer) or "")))


class Fields(TypedDict, total=False):
    """What can be asked of observations: the values of these fields."""

    task: str
    host: str | None
    address: str | None
    purpose: str
    step: str
    image: str
    server: str
    tool: str
    caller: str | None
    method: str | None
    path: str | None
    verified: bool
    sha256: str


class Evidence:
    """The observations of one vantage."""

    def __init__(self, observations: Iterable[Observation], version: int = CURRENT) -> None:
        """`version` is that of the catalogue for which it was looked: what nobody asked for then is not missing."""
        self.version = version
        self._by_kind: dict[type[Seen], list[Any]] = {}
        exhausted = set()
        for seen in filter(None, map(decode, observations)):
            kind, name = Watch if isinstance(seen, Watch) else type(seen), error_name(seen)
            if not (kind in EXCHANGES and name in OWN_FAULTS):
                self._by_kind.setdefault(kind, []).append(seen)
            elif name in EXHAUSTED:
                exhausted.add(f"{EXHAUSTED[name]} ({name})")
        self.exhausted = listed(sorted(exhausted))
        """What this host ran out of while it was looked, for people; empty if nothing."""
        for kind in PEER.keys() & self._by_kind.keys():
            self._by_kind[kind] = _by_peer(self._by_kind[kind], PEER[kind])
        self._by_address: dict[tuple[type[Seen], object], list[Any]] = {}
        """What is asked for each of thousands of addresses."""
        for kind, those in self._by_kind.items():
            for each in those:
                self._by_address.setdefault((kind, each.address), []).append(each)

    def all(self, kind: type[S], **fields: Unpack[Fields]) -> list[S]:
        """Every observation of the kind whose fields have these values."""
        found: list[S] = self._by_kind.get(kind, [])
        if "address" in fields:
            found = self._by_address.get((kind, fields["address"]), [])
        for name, value in fields.items():
            found = [seen for seen in found if getattr(seen, name) == value]
        return list(found)

    def one(self, kind: type[S], **fields: Unpack[Fields]) -> S | None:
        """The first such observation, `None` if there is none."""
        return next(iter(self.all(kind, **fields)), None)

    @cached_property
    def vantage(self) -> Host:
        """What the vantage says about itself."""
        return self.one(Host) or Host()

    @property
    def agents_eyes(self) -> bool:
        """Whether it was looked as the agent looks, too. If so, a look of that kind that is not there is missing."""
        return self.version >= AGENTS_EYES

    @property
    def by_shell(self) -> bool:
        """Whether a shell did the looking, which sees less than Python."""
        return (self.one(Probe) or Probe()).with_ == "sh"

    def route(self, host: str) -> Route | None:
        """Which way connections to this host take; `None` if that is not known."""
        return self.one(Route, host=without_port(host))

    def proxy_for(self, host: str) -> str | None:
        """The explicit proxy that connections to this host take, `None` if they go directly."""
        return (self.route(host) or Route()).proxy or None

    def proxy_name(self, host: str) -> str | None:
        """The name of that proxy, if it has one that was looked up as the agent does it; `None` for an address."""
        try:
            name = urlsplit(self.proxy_for(host) or "").hostname
        except ValueError:
            return None
        return name if name and self.one(GoResolve, host=name) else None

    @property
    def resolver(self) -> str:
        """The host's nameservers, for people."""
        return listed(self.vantage.nameservers or ()) or "the host's resolver"

    def resolved(self, host: str, *purposes: str) -> list[str]:
        """Addresses that the host's own resolver gave for the name, sorted, without repetition."""
        given = {
            address
            for seen in self.all(Resolve, host=host)
            if seen.purpose in purposes
            for address in seen.addresses
            if parsed_address(address)
        }
        return sorted(given, key=by_address)

    def chain(self, tls: Tls | None, host: str) -> Chain | None:
        """What the controller read in the chain that this handshake showed."""
        if not tls or not tls.chain:
            return None
        leaf = hashlib.sha256(decoded(tls.chain[0])).hexdigest()
        return self.one(Chain, sha256=leaf, host=host)

    def judged(self, tls: Tls | None, host: str) -> ChainJudged:
        """What a Go client makes of the chain that this handshake showed; without any field if that is not known."""
        sent = hashlib.sha256(b"".join(map(decoded, tls.chain if tls else ()))).hexdigest()
        chain = self.chain(tls, host)
        return next((each for each in (chain.judged if chain else ()) if each.sent == sent), ChainJudged())

    def handshake(self, host: str, address: str | None, purpose: str, task: str = TENANT) -> Tls | None:
        """The handshake of that purpose with that address."""
        return self.one(Tls, task=task, host=host, address=address, purpose=purpose)

    def is_service(self, host: str, address: str | None, task: str = TENANT) -> bool:
        """Did this address prove, by a chain to a public root or a declared one, that it is the name's?"""
        tls = self.handshake(host, address, "verify", task)
        chain = self.chain(tls, host)
        return bool(tls and tls.verified and chain and chain.covers and chain.anchor)
