"""What one vantage saw, indexed, and the questions that more than one judge asks of it.

Rules
* Pure: no socket, no clock, no subprocess, no pytest. "Now" is when the observation was made.
* Everything in an observation came from a network and may be missing or absurd; nothing here raises for it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from netcompliance.findings import Code
from netcompliance.model import Finding, Observation, Result

TENANT = "tenant"


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


def decided(findings: Iterable[Finding], saw: str, reproduce: str = "") -> Outcome:
    """Fail if there is any finding, else pass."""
    found = tuple(findings)
    return Outcome(
        result=Result.FAIL if found else Result.PASS,
        findings=found,
        saw="; ".join(dict.fromkeys(f.detail for f in found)) or saw,
        reproduce=reproduce,
    )


def notapplicable(reason: str) -> Outcome:
    """The requirement is not asked in this setting."""
    return Outcome(result=Result.NOTAPPLICABLE, reason=reason)


def notchecked(reason: str) -> Outcome:
    """The requirement is asked, but there is nothing to judge it by."""
    return Outcome(result=Result.NOTCHECKED, reason=reason)


def finding(code: Code, subject: str, detail: str, **values: str) -> Finding:
    """A finding; `values` fill the placeholders of the code's texts."""
    return Finding(code=code, subject=subject, detail=detail, values=values)


def error_name(seen: Observation | None) -> str | None:
    """The `name` of an observation's error, `None` if it has none."""
    error = (seen or {}).get("error")
    return str(error.get("name", "EXCEPTION")) if isinstance(error, Mapping) else None


def error_text(seen: Observation | None) -> str:
    """The raw error text, for the detail of a finding."""
    error = (seen or {}).get("error")
    return str(error.get("text", "")) if isinstance(error, Mapping) else ""


def error_field(seen: Observation | None, key: str) -> Any:
    """One field of an observation's error, `None` if there is no error or no such field."""
    error = (seen or {}).get("error")
    return error.get(key) if isinstance(error, Mapping) else None


def raw(seen: Observation | None, key: str) -> bytes:
    """A base64 field as bytes; empty if it is missing or damaged."""
    return decoded((seen or {}).get(key))


def decoded(text: Any) -> bytes:
    """Base64 as bytes; empty if it is missing or damaged."""
    try:
        return base64.b64decode(text or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        return b""


def seconds(seen: Observation, key: str = "seconds") -> float:
    """A duration of an observation, 0.0 if it is missing."""
    value = seen.get(key)
    return float(value) if isinstance(value, (int, float)) else 0.0


def duration(value: float) -> str:
    """A duration for people: milliseconds below one second."""
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def listed(items: Iterable[str], most: int = 6) -> str:
    """Items in prose; the rest is counted."""
    every = list(dict.fromkeys(items))
    shown = ", ".join(every[:most])
    return f"{shown} and {len(every) - most} more" if len(every) > most else shown


def header(seen: Observation | None, name: str) -> str:
    """The first header of that name, empty if there is none."""
    for pair in (seen or {}).get("headers") or ():
        if isinstance(pair, (list, tuple)) and len(pair) == 2 and str(pair[0]).lower() == name.lower():
            return str(pair[1])
    return ""


def parsed_address(text: object) -> IPv4Address | IPv6Address | None:
    """An IP address without its zone, `None` if the text is none."""
    try:
        return ip_address(str(text).partition("%")[0])
    except ValueError:
        return None


def without_port(host: str) -> str:
    """A registry's name without its port."""
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host


def clock_offset(seen: Observation) -> float | None:
    """Seconds by which the vantage's clock is ahead of the peer's `Date`; `None` if the answer has no usable one."""
    try:
        theirs = parsedate_to_datetime(header(seen, "date")).timestamp()
        return float(seen["at"]) + seconds(seen) - theirs
    except (KeyError, TypeError, ValueError, OverflowError, IndexError):
        return None


class Evidence:
    """The observations of one vantage."""

    def __init__(self, observations: Iterable[Observation]) -> None:
        self._by_kind: dict[str, list[Observation]] = {}
        for seen in observations:
            self._by_kind.setdefault(str(seen.get("kind")), []).append(seen)

    def all(self, kind: str, **fields: object) -> list[Observation]:
        """Every observation of the kind whose fields have these values."""
        return [o for o in self._by_kind.get(kind, ()) if all(o.get(k) == v for k, v in fields.items())]

    def one(self, kind: str, **fields: object) -> Observation | None:
        """The first such observation, `None` if there is none."""
        return next(iter(self.all(kind, **fields)), None)

    @cached_property
    def vantage(self) -> Observation:
        """What the vantage says about itself."""
        return self.one("host") or {}

    @property
    def finished(self) -> bool:
        """Did the visit come to its own end?"""
        return bool((self.one("probe") or {}).get("finished"))

    def proxy_for(self, host: str) -> str | None:
        """The explicit proxy that connections to this host take, `None` if they go directly."""
        proxy = (self.one("route", host=without_port(host)) or {}).get("proxy")
        return str(proxy) if proxy else None

    def resolved(self, host: str, *purposes: str) -> list[str]:
        """Addresses that the host's own resolver gave for the name, in order, without repetition."""
        wanted = purposes or ("bare", "rooted", "host")
        return list(
            dict.fromkeys(
                str(address)
                for seen in self.all("resolve", host=host)
                if seen.get("purpose") in wanted
                for address in seen.get("addresses") or ()
            )
        )

    def chain(self, tls: Observation | None, host: str) -> Observation | None:
        """What the controller read in the chain that this handshake showed."""
        certificates = (tls or {}).get("chain") or ()
        if not certificates:
            return None
        leaf = hashlib.sha256(decoded(certificates[0])).hexdigest()
        return self.one("chain", sha256=leaf, host=host)

    def handshake(self, host: str, address: str | None, purpose: str, task: str = TENANT) -> Observation | None:
        """The handshake of that purpose with that address."""
        return self.one("tls", task=task, host=host, address=address, purpose=purpose)

    def is_service(self, host: str, address: str | None, task: str = TENANT) -> bool:
        """Did this address prove, by a chain to a public root or a declared one, that it is the name's?"""
        tls = self.handshake(host, address, "verify", task)
        chain = self.chain(tls, host)
        return bool(tls and tls.get("verified") and chain and chain.get("covers") and chain.get("anchor"))
