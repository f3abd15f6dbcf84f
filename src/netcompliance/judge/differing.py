"""Connections that get another answer than the rest: a share of them, by the source port or by nobody knows what.

Theory. Behind an address there may be several servers, and before it several devices; one that is broken answers its
share of all connections. A single request may miss it. So many are made, and what most of them get is the usual. What
gets another answer is tried again after a pause: an error that was momentary is over then, a broken server is not.
Where it was the port that decided, the same ports get another answer again. Where it is another thing, new ports get
one, too, and as often; then both tries together must show `LEAST` of all.

Rules
* Where the usual is nobody's good answer, all of it is told by what single requests get.
* Where our own series met a limit of requests (429), that is no other answer, and the rest of it was not tried.
* An answer is known by status and type. That is enough to tell an error or a page from the receiver's refusal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netcompliance.findings import Code, Team
from netcompliance.judge.evidence import Evidence, finding, header, listed
from netcompliance.judge.shares import MANY, OURS
from netcompliance.model import Finding
from netcompliance.observations import Exchanges, Http

SOUND = frozenset({"200", "401", "403", "404"})
"""What a receiver may say to a request without a key, also an old one."""
PAGE = "html"
LEAST = 16
"""One of so many, at least."""
THROTTLED = "429"
SERVERS_OWN = "5"
"""How the status of an error begins that a server, or what stands before it, makes of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """The share of connections that get another answer."""

    finding: Finding
    kinds: frozenset[str]
    """The other answers, by status and type."""


def kind_of(seen: Http) -> str:
    """Status and type of an answer, as the exchanges tell them; empty without one."""
    if seen.status is None:
        return ""
    return f"{seen.status} {header(seen, 'content-type').partition(';')[0].strip().lower()}".strip()


def is_sound(kind: str) -> bool:
    """May this be the receiver's answer?"""
    return kind[:3] in SOUND and PAGE not in kind


def differing(evidence: Evidence, host: str, address: str | None) -> Differing | None:
    """The share of connections to this address that are answered by something else; `None` if there is none such."""
    seen = evidence.one(Exchanges, host=host, address=address)
    usual, odd = ((seen and seen.usual) or ""), _unlimited(seen.odd if seen else ())
    if seen is None or not odd or not is_sound(usual):
        return None
    again = [one for one in _unlimited(seen.odd_again) if one[1] not in OURS]
    still = [(port, kind) for port, kind in again if kind not in ("", usual)]
    new, (tried, answered) = _unlimited(seen.beside_odd), (0, 0) if seen.beside is None else seen.beside
    if (answered - len(new)) * MANY <= tried:
        return None
    tries, every = int(seen.tries or 0), [*odd, *still, *new]
    by_port = len(still) * 2 > len(again)
    if by_port:
        count = round(len(odd) * len(still) / len(again))
        ports = f"source ports {listed((str(port) for port, _ in still), 4)}"
        where = f"always from the same {ports}"
    else:
        count, tries, ports = len(every), tries + len(again) + tried, "any source port"
        where = f"from {ports}"
        if len(every) == len(odd) or count * LEAST < tries:
            return None
    answer = listed(sorted({kind for _, kind in (still if by_port else every)}))
    detail = f"{count} of {tries} connections to {address} were answered with {answer} and not with {usual}, {where}"
    ask = Team.VENDOR if answer.startswith(SERVERS_OWN) else Team.FIREWALL
    return Differing(
        finding=finding(Code.HTTP_SHARE_DIFFERS, str(address), detail, ports=ports, answer=answer, ask=ask),
        kinds=frozenset(kind for _, kind in every),
    )


def _unlimited(answers: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Ports and kinds of answer, without those that met a limit of requests."""
    return [one for one in answers if not one[1].startswith(THROTTLED)]


def _met_a_limit(evidence: Evidence, host: str) -> str:
    """Why it is not known where our own series met a limit of requests; empty if it did not."""
    limited = [
        str(seen.address)
        for seen in evidence.all(Exchanges, host=host)
        if (seen.usual or "").startswith(THROTTLED)
        or any(len(_unlimited(those)) < len(those) for those in (seen.odd, seen.odd_again, seen.beside_odd))
    ]
    told = f"our own series of requests to {listed(sorted(limited))} met a limit of requests (429) and was ended"
    return f"{told}: whether a share of connections is answered otherwise is not known" if limited else ""


def missing_repetition(evidence: Evidence, host: str) -> str:
    """Why it is not known whether a share gets another answer; empty if it is known."""
    doubtful = [
        f"{len(seen.odd)} of {seen.tries} connections to {seen.address} were answered otherwise"
        for seen in sorted(evidence.all(Exchanges, host=host), key=lambda seen: str(seen.address))
        if seen.odd and is_sound(seen.usual or "")
        if not any(name not in OURS for _, name in seen.odd_again)
    ]
    limited = _met_a_limit(evidence, host)
    if limited or not doubtful:
        return limited
    return f"{listed(doubtful)}, and they were not tried again from the same ports"
