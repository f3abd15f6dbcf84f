"""Connections that open and then hang: a share of them, by the source port, at the ClientHello or at the first request.

Theory. A device that opens connections itself, or looks at what is sent, may have one bad leg: TCP opens on all of
them, and what is sent on some leads nowhere. What is lost on the way is sent again from the same port within the time
that is waited for. So a port that stays silent twice, while others are answered at once, is on such a leg. Where
answers take long, silence within that time may be slowness; but slowness does not know ports. So the ports that were
silent are tried again in turn with new ones: where hardly any of the former and most of the latter get an answer, it
is the ports (Fisher's exact test).

A port whose handshake does not verify twice, while others' do, leads to a server with another certificate: that is a
matter of the certificate, and of a share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import Any

from netcompliance.findings import Code
from netcompliance.judge.certificates import certificate_trouble, taken_by_go_only
from netcompliance.judge.evidence import Evidence, error_name, finding, listed
from netcompliance.judge.shares import MANY, OURS, beyond_chance, shares_of
from netcompliance.judge.uploads import runs_out_of_time
from netcompliance.model import Finding
from netcompliance.observations import Answers, Exchanges, Shares

QUICK = 1.0
"""Seconds within which all answers to a ClientHello come where slowness explains no silence,"""
QUICKLY = 2.0
"""and those to a first request."""
UNLIKELY = 0.02
"""What is likelier than this to come from slowness alone is not called a share."""
AT_MOST = 100
"""No probe tries so many again."""
UNVERIFIED = "VERIFY"
SENDS = 8
"""Times that the kernel sends what gets no answer, in both tries together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hanging:
    """The share of connections that open and get no answer."""

    count: int
    tries: int
    ports: tuple[int, ...]
    """Some of the source ports."""
    name: str
    """How they ended: an error's name."""


def hanging_at_hello(seen: Shares | None) -> Hanging | None:
    """The share that hangs at the ClientHello; `None` if all is well, or if loss, slowness or our haste explains it."""
    hung, again = (seen.hung if seen else ()), (seen.hung_again if seen else ())
    tried = [one for one in again if one[1] not in OURS]
    dead = [(port, name) for port, name in tried if name]
    if seen is None or not dead or not _mostly_answered(seen) or _may_be_slowness(seen):
        return None
    silent = [port for port, name in dead if name == "TIMEOUT"]
    if len(silent) == len(dead) and not beyond_chance(seen, [SENDS for _ in silent]):
        return None
    return Hanging(
        count=round(len(hung) * len(dead) / len(tried)),
        tries=int(seen.opened or 0),
        ports=tuple(sorted(port for port, _ in dead)),
        name=dead[0][1],
    )


def _mostly_answered(seen: Shares) -> bool:
    answers = seen.answers or Answers()
    opened, answered = (0, 0) if answers.calm is None else answers.calm
    return bool(answers.got) and answered * MANY > opened


def _may_be_slowness(seen: Shares) -> bool:
    """Do answers to a ClientHello take long, and do new ports fare no better than those that were silent?"""
    answers = seen.answers or Answers()
    slow = float(answers.slowest or 0.0) >= QUICK
    return slow and not _knows_ports(seen.hung_again, (0, 0) if answers.calm is None else answers.calm)


def _knows_ports(again: Iterable[Sequence[Any]], beside: tuple[int, int]) -> bool:
    """Is it less than likely that so many silent ones are among the ports of before, and so few among new ones?

    `again` are the ports of before, each with the name of an error or an empty one at its end.
    """
    tried = [bool(one[-1]) for one in again if one[-1] not in OURS]
    new, answered = beside
    if answered > new or len(tried) + new > AT_MOST:
        return False
    silent = sum(tried) + new - answered
    most = min(len(tried), silent)
    ways = sum(comb(len(tried), number) * comb(new, silent - number) for number in range(sum(tried), most + 1))
    return ways < UNLIKELY * comb(len(tried) + new, silent)


def hello_trouble(evidence: Evidence, host: str, address: str | None) -> Finding | None:
    """A share of the connections to this address that hangs at the ClientHello, and not for want of bandwidth."""
    hanging = hanging_at_hello(shares_of(evidence, host).get(str(address)))
    if hanging is None or runs_out_of_time(evidence, host):
        return None
    how = "open and get no answer to the ClientHello"
    if hanging.name != "TIMEOUT":
        how = f"open and are cut at the ClientHello ({hanging.name})"
    ports = listed((str(port) for port in hanging.ports), 4)
    detail = (
        f"{hanging.count} of {hanging.tries} connections to {address} {how}, "
        f"always from the same source ports ({ports})"
    )
    return finding(Code.TLS_SHARE_STALLED, str(address), detail, ports=ports)


def _may_be_slow_service(seen: Exchanges) -> bool:
    """The same, of first requests."""
    slow = float(seen.slowest or 0.0) >= QUICKLY
    return slow and not _knows_ports(seen.stuck_again, (0, 0) if seen.beside is None else seen.beside)


def request_trouble(evidence: Evidence, host: str, address: str | None) -> Finding | None:
    """A share of the connections to this address that hangs at the first request, and not for want of bandwidth."""
    if runs_out_of_time(evidence, host):
        return None
    seen = evidence.one(Exchanges, host=host, address=address)
    stuck, again = (seen.stuck if seen else ()), (seen.stuck_again if seen else ())
    dead = [one for one in again if one[2] and one[2] not in (*OURS, UNVERIFIED)]
    opened, answered = (seen and seen.beside) or (0, 0)
    if seen is None or not dead or answered * MANY <= opened or _may_be_slow_service(seen):
        return None
    silent = [port for port, _, name in dead if name == "TIMEOUT"]
    connections = shares_of(evidence, host).get(str(address))
    if len(silent) == len(dead) and connections and not beyond_chance(connections, [SENDS for _ in silent]):
        return None
    count = round(len(stuck) * len(dead) / len(again))
    ports = listed((str(port) for port, _, _ in sorted(dead)), 4)
    step = "TLS handshake" if {phase for _, phase, _ in dead} == {"tls"} else "first request"
    name = dead[0][2]
    how = "get no answer to" if name == "TIMEOUT" else f"are cut ({name}) at"
    detail = (
        f"{count} of {seen.tries} connections to {address} {how} the {step}, "
        f"always from the same source ports ({ports})"
    )
    return finding(Code.HTTP_SHARE_STALLED, str(address), detail, ports=ports)


def certificate_share(evidence: Evidence, host: str, address: str | None) -> Finding | None:
    """What is wrong with the certificate that a share of the connections to this address is shown."""
    seen, dead = _unverified(evidence, host, address)
    shown = evidence.handshake(host, address, "share")
    identify = evidence.handshake(host, address, "share-identify")
    if seen is None or not dead or shown is None or error_name(shown) != UNVERIFIED:
        return None
    if taken_by_go_only(evidence, host, shown, identify):
        return None
    wrong = certificate_trouble(evidence, shown, identify, host, str(address), own_server=False)
    if wrong is None:
        return None
    stuck, again = seen.stuck, seen.stuck_again
    count = round(len(stuck) * len(dead) / len(again))
    ports = listed((str(port) for port in sorted(dead)), 4)
    share = f"{count} of {seen.tries} connections get it, always from the same source ports ({ports})"
    return replace(wrong, detail=f"{wrong.detail}; {share}, and the others one that verifies")


def _unverified(evidence: Evidence, host: str, address: str | None) -> tuple[Exchanges | None, list[int]]:
    """What became of the exchanges with this address, and the source ports whose handshakes did not verify twice."""
    seen = evidence.one(Exchanges, host=host, address=address)
    return seen, [port for port, _, name in (seen.stuck_again if seen else ()) if name == UNVERIFIED]


def missing_certificates(evidence: Evidence, host: str, addresses: Iterable[str | None]) -> str:
    """Why it is not known what certificate a share is shown; empty if it is known, or if there is no such share."""
    unknown = [
        f"{len(dead)} source ports at {address} are shown a certificate that does not verify, and which is not known"
        for address in addresses
        if (dead := _unverified(evidence, host, address)[1])
        and error_name(evidence.handshake(host, address, "share")) != UNVERIFIED
    ]
    return listed(unknown)


def hellos_are_doubtful(seen: Shares | None) -> bool:
    """Did some ClientHellos to this address get an answer and others none, and is it not known why?"""
    return (
        seen is not None
        and bool(seen.answers.got if seen.answers else None)
        and _unexplained(seen.hung, seen.hung_again, slow=_may_be_slowness(seen))
    )


def missing_answers(evidence: Evidence, host: str) -> str:
    """Why it is not known whether a share hangs, where some connections did; empty if it is known.

    Where an upload was under way when its time was over, the way is too slow for so many ClientHellos at once, as
    HTTPS-06 says.
    """
    if runs_out_of_time(evidence, host):
        return ""
    doubtful = [
        f"{len(seen.hung)} of {seen.opened} connections to {address} got no answer to a ClientHello"
        for address, seen in sorted(shares_of(evidence, host).items())
        if hellos_are_doubtful(seen)
    ]
    return f"{listed(doubtful)}, and why is not known" if doubtful else ""


def missing_exchanges(evidence: Evidence, host: str) -> str:
    """The same, of first requests."""
    if runs_out_of_time(evidence, host):
        return ""
    doubtful = [
        f"{len(seen.stuck)} of {seen.tries} first requests to {seen.address} got no answer"
        for seen in sorted(evidence.all(Exchanges, host=host), key=lambda seen: str(seen.address))
        if seen.answered and _unexplained(seen.stuck, seen.stuck_again, slow=_may_be_slow_service(seen))
    ]
    return f"{listed(doubtful)}, and why is not known" if doubtful else ""


def _unexplained(hung: object, again: object, *, slow: bool) -> bool:
    """Did some hang, and was none of their ports tried again, or did one hang again where all answers are slow?"""
    tried = [one for one in again if one[-1] not in OURS] if isinstance(again, (list, tuple)) else []
    return bool(hung) and (not tried or (slow and any(one[-1] for one in tried)))
