"""HTTPS-08, and what is lost of many short connections: a share, some packets, or what exceeds a limit.

Theory
* A port that leads nowhere however often its SYN is repeated, while other ports open, is on a way of several that
  swallows its share. Loss does that too, but rarely: with a share `p` of SYNs lost, a port stays silent for `n` SYNs
  with a chance of `p ** n`. What is more than that explains is a share.
* Connections that are held back while many are tried at once, and open when they are tried slowly, met a limit on
  bursts, which no agent notices. Where even single ones do not open any more, the agent's will not either.
* A connection that opens only with its second SYN costs the agent a second. If all do, the way is slow; if some, lossy.
* The slow tries are short. Where nothing opens within their time, neither at first nor then, the way may be slower than
  they are patient, and they tell neither a share nor a limit: a limit lets the first ones through at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp

from netcompliance.findings import Code
from netcompliance.judge.commands import curl
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    decided,
    duration,
    error_name,
    error_of,
    finding,
    listed,
    notapplicable,
    notchecked,
    seconds,
)
from netcompliance.judge.judges import judges, observed
from netcompliance.model import Case, Finding, Settings
from netcompliance.observations import Proxy, ProxyAddress, Shares, Tcp, Tried

CHANCE = 0.001
"""What is likelier than this to come from loss alone is not called a share."""
SLOW = 0.9
"""Seconds. A way with an ordinary delay opens sooner; the kernel repeats a SYN after one second."""
OURS = ("EADDRINUSE", "EADDRNOTAVAIL")
"""The port was not free for another try: nothing was sent."""
CONNECTED = 200
UNREACHED = (("resolve", "tcp"), ("TIMEOUT", "ETIMEDOUT"))
"""Phases and errors of an address of the proxy's that does not answer."""
SLOW_CONNECT = 2.5
"""Seconds. A proxy that has to look up the name, and loses a packet, is quicker."""
LOSSY = 0.05
"""The share of SYNs without an answer from which on it is felt."""
FEW = 4
"""So many lost packets, or fewer, say nothing."""
MANY = 8
"""Where a way of several drops its share, what opens and what does not is mixed: at least one of so many opens."""
PROXIED = "the host reaches the service through an explicit proxy, not directly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The share of connections that leads nowhere."""

    count: int
    tries: int
    ports: tuple[int, ...]
    """Some of the source ports."""
    name: str
    """How they ended: an error's name."""


def shares_of(evidence: Evidence, host: str) -> Mapping[str, Shares]:
    """Address → what became of many short connections to it."""
    return {str(seen.address): seen for seen in evidence.all(Shares, task=TENANT, host=host)}


def opens(seen: Shares | None) -> bool:
    """Did any of them open?"""
    return seen is not None and bool(_count(seen.opened) or any(not name for _, name, _ in seen.again))


def lost_share(seen: Shares) -> Lost | None:
    """The share that is lost, `None` if all is well, or if loss or a limit explains it."""
    again = [one for one in seen.again if one[1] not in OURS]
    dead = [(port, name, syns) for port, name, syns in again if name]
    if not dead or not (_opened_at_once(seen) or _opened_slowly_tried(seen)) or limited(seen):
        return None
    silent = [syns for _, name, syns in dead if name == "TIMEOUT"]
    if len(silent) == len(dead) and not beyond_chance(seen, silent):
        return None
    unopened = seen.unopened
    return Lost(
        count=round(len(unopened) * len(dead) / len(again)),
        tries=_count(seen.tries),
        ports=tuple(sorted(port for port, _, _ in dead)),
        name=dead[0][1],
    )


def beyond_chance(seen: Shares, silent: list[int]) -> bool:
    """Is it less than likely that loss alone kept so many ports silent for so many SYNs?"""
    repeated, sent = _loss([seen])
    first = {port: syns for port, _, syns in seen.unopened}
    for port, name, syns in seen.again:
        if not name:  # what it lost before it opened is loss, too
            repeated, sent = repeated + first.get(port, 0) + syns - 1, sent + first.get(port, 0) + syns
    expected = _count(seen.tries) * ((repeated + 1) / (sent + 2)) ** (max(0, min(silent)) + 2)
    at_most, term = 0.0, exp(-expected)
    for number in range(len(silent)):
        at_most += term
        term *= expected / (number + 1)
    return 1 - at_most < CHANCE


def _opened_at_once(seen: Shares) -> bool:
    return bool(_count(seen.opened)) and float(seen.median or 0.0) < SLOW


def _any_opened(seen: Shares) -> bool:
    return bool(_count(seen.opened)) or _opened_slowly_tried(seen)


def _opened_slowly_tried(seen: Shares) -> bool:
    """Did any open of those that were tried slowly, which are given about a second?"""
    calmly = any(_count(part.opened) for part in (seen.calm, seen.single) if part)
    return calmly or any(not name for _, name, _ in seen.again)


def limited(seen: Shares) -> bool:
    """Some opened, and then hardly any did any more, not even slowly or one by one."""
    calm, single = seen.calm or Tried(), seen.single or Tried()
    return (
        seen.single is not None
        and _opened_at_once(seen)
        and _count(seen.opened_late) * MANY <= _count(seen.late)
        and _count(calm.opened) * 4 <= _count(calm.tries)
        and _count(single.opened) * 2 <= _count(single.tries)
    )


def share_trouble(seen: Shares | None, address: str) -> Finding | None:
    """What is wrong with the way to an address at which some connections open."""
    if not seen:
        return None
    if limited(seen):
        tried = sum(_count(part.tries) for part in (seen.calm, seen.single) if part) + len(seen.again)
        detail = (
            f"{address}: {_count(seen.opened)} new connections opened, then hardly any of {tried}, "
            f"not even one at a time, for {duration(seconds(seen))}"
        )
        return finding(Code.TCP_RATE_LIMITED, address, detail)
    lost = lost_share(seen)
    if not lost:
        return None
    how = "got no answer" if lost.name == "TIMEOUT" else f"failed ({lost.name})"
    ports = listed((str(port) for port in lost.ports), 4)
    detail = f"{lost.count} of {lost.tries} connections to {address} {how}, always from the same source ports ({ports})"
    return finding(Code.TCP_SHARE_DROPPED, address, detail, ports=ports)


def unexplained(seen: Shares | None) -> str:
    """What did not open and was not tried again, so that nobody knows why; empty if there is none such."""
    unopened, again = (seen.unopened if seen else ()), (seen.again if seen else ())
    if not seen or not unopened or again or not opens(seen):
        return ""
    return f"{len(unopened)} of {_count(seen.tries)} connections to {seen.address} did not open"


def missing_shares(evidence: Evidence, host: str, opened: Iterable[str]) -> str:
    """Why it is not known whether a share of the connections to addresses that open is lost; empty if it is known."""
    shares = shares_of(evidence, host)
    doubtful = listed(text for address in opened if (text := unexplained(shares.get(address))))
    if doubtful:
        return f"{doubtful}, and they were not tried again from the same ports"
    late = _opened_late(evidence, host, shares)
    alone = [a for a in opened if a not in late and shares.get(a, Shares()).tries and not _any_opened(shares[a])]
    if alone:
        return f"a connection to {listed(sorted(alone))} opened, and no other one did after it"
    untried = [address for address in opened if address not in shares]
    if evidence.agents_eyes and untried:
        return f"only single connections to {listed(sorted(untried))} were tried, which do not show a lost share"
    return ""


def held_back(every: Iterable[Shares]) -> str:
    """What a limit on bursts did to our own connections; empty if it did nothing."""
    late = sum(len(seen.unopened) for seen in every if seen.again and not share_trouble(seen, ""))
    return f"; {late} quick connections in a row opened only when tried again slowly" if late else ""


@judges(
    "HTTPS-08",
    observes=[observed("shares"), observed("tcp", task="tenant"), observed("proxy"), observed("proxy-address")],
    unseen=["connect-times"],
)
def set_up_quickly(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-08."""
    proxy = evidence.proxy_for(case.host)
    if proxy:
        return _connect_is_quick(proxy, evidence, case.host)
    every = shares_of(evidence, case.host)
    shares = {address: seen for address, seen in every.items() if seen.opened and seen.fastest is not None}
    late = _opened_late(evidence, case.host, [address for address, seen in every.items() if not seen.opened])
    if not shares and not late:
        return notchecked("the time that connections take was not measured")
    fastest = {address: float(seen.fastest or 0.0) for address, seen in shares.items()}
    slow = {
        **{a: f"no connection opened in less than {duration(took)}" for a, took in fastest.items() if took >= SLOW},
        **{a: f"a connection opened after {duration(took)}, and no quick one did" for a, took in late.items()},
    }
    found = [finding(Code.PATH_SLOW, address, f"{address}: {how}") for address, how in sorted(slow.items())]
    others = {address: seen for address, seen in shares.items() if address not in slow and not limited(seen)}
    found += _lossy(others, case.host)
    median = sorted([*(float(seen.median or 0.0) for seen in shares.values()), *late.values()])
    measured = sorted({*shares, *late})
    return decided(
        found,
        f"connections to {listed(measured)} open in {duration(median[0])} to {duration(median[-1])}",
        f"for i in $(seq 20); do nc -vz -w 10 {measured[0]} 443; done",
    )


def _opened_late(evidence: Evidence, host: str, addresses: Iterable[str]) -> Mapping[str, float]:
    """Of addresses at which no quick try opened, those at which a patient one did; and after how many seconds."""
    attempts = {address: evidence.one(Tcp, task=TENANT, host=host, address=address) for address in addresses}
    return {
        address: seconds(seen)
        for address, seen in attempts.items()
        if seen is not None and error_name(seen) is None and seconds(seen) >= SLOW
    }


def _connect_is_quick(proxy: str, evidence: Evidence, host: str) -> Outcome:
    """Through a proxy, the agent waits for the answer to CONNECT before anything else, and for a long time."""
    series = evidence.one(Shares, task=TENANT, host=host, address=None)
    granted = [seconds(seen) for seen in evidence.all(Proxy, host=host) if seen.status == CONNECTED]
    if series is None or not (series.opened or granted):
        return notapplicable(PROXIED)
    fastest = float(min(granted, default=0.0) if series.fastest is None else series.fastest)
    median = float(fastest if series.median is None else series.median)
    detail = f"{proxy} takes {fastest:.0f} s or more for a CONNECT to {host}:443"
    found = [finding(Code.PROXY_SLOW, proxy, detail, proxy=proxy)] if fastest >= SLOW_CONNECT else []
    dead = _dead_addresses(evidence, host)
    if dead:
        detail = f"{proxy}: no answer from {listed(dead)}, to which its name leads, too"
        found.append(finding(Code.PROXY_ADDRESS_DEAD, proxy, detail, proxy=proxy, dead=listed(dead)))
    saw = f"{proxy} granted CONNECT in {duration(fastest)} to {duration(median)}"
    return decided(found, saw, f"{curl(evidence, host)} -so /dev/null -w '%{{time_appconnect}}\\n' https://{host}/")


def _lossy(shares: Mapping[str, Shares], host: str) -> Iterable[Finding]:
    """A finding about all addresses with loss, if there is loss also where we do not send much at once."""
    calm_repeated, calm_sent = 0, 0
    for seen in shares.values():
        calm = seen.calm or Tried()
        unopened = 0 if lost_share(seen) else max(0, _count(calm.tries) - _count(calm.opened))
        calm_repeated += _count(calm.repeated) + 2 * unopened
        calm_sent += _count(calm.opened) + _count(calm.repeated) + 2 * unopened
    if calm_repeated < 2 or calm_repeated < LOSSY * calm_sent:
        return
    lossy = [address for address, seen in sorted(shares.items()) if _is_lossy(seen)]
    if lossy:
        repeated, sent = _loss(shares[address] for address in lossy)
        detail = (
            f"{repeated} of {sent} SYNs to {listed(lossy)} got no answer and were sent again a second or more later"
        )
        yield finding(Code.PATH_LOSSY, host, detail)


def _is_lossy(seen: Shares) -> bool:
    repeated, sent = _loss([seen])
    return repeated > FEW and repeated >= LOSSY * sent


def _loss(every: Iterable[Shares]) -> tuple[int, int]:
    """SYNs that were sent in vain by connections that opened, and all that these sent."""
    parts = [part for seen in every for part in (seen, seen.calm or Tried())]
    repeated = sum(_count(part.repeated) for part in parts)
    return repeated, repeated + sum(_count(part.opened) for part in parts)


def _count(number: int | None) -> int:
    return max(0, number or 0)


def _dead_addresses(evidence: Evidence, host: str) -> list[str]:
    """Addresses of the proxy's name that do not answer where another one grants CONNECT, sorted."""
    phases, errors = UNREACHED
    looks = evidence.all(ProxyAddress, host=host)
    if not any(seen.status == CONNECTED for seen in looks):
        return []
    silent = [seen for seen in looks if error_of(seen).phase in phases and error_name(seen) in errors]
    return sorted(str(seen.proxy_address) for seen in silent)
