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
    error_field,
    error_name,
    finding,
    listed,
    notapplicable,
    notchecked,
    seconds,
)
from netcompliance.judge.judges import judges, observed
from netcompliance.model import Case, Finding, Observation, Settings

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


def shares_of(evidence: Evidence, host: str) -> Mapping[str, Observation]:
    """Address → what became of many short connections to it."""
    return {str(seen.get("address")): seen for seen in evidence.all("shares", task=TENANT, host=host)}


def opens(seen: Observation | None) -> bool:
    """Did any of them open?"""
    return bool(seen) and bool(_number(seen, "opened") or any(not name for _, name, _ in (seen or {}).get("again", ())))


def lost_share(seen: Observation) -> Lost | None:
    """The share that is lost, `None` if all is well, or if loss or a limit explains it."""
    again = [one for one in seen.get("again", ()) if one[1] not in OURS]
    dead = [(port, name, syns) for port, name, syns in again if name]
    if not dead or not (_opened_at_once(seen) or _opened_slowly_tried(seen)) or limited(seen):
        return None
    silent = [syns for _, name, syns in dead if name == "TIMEOUT"]
    if len(silent) == len(dead) and not beyond_chance(seen, silent):
        return None
    unopened = seen.get("unopened", ())
    return Lost(
        count=round(len(unopened) * len(dead) / len(again)),
        tries=_number(seen, "tries"),
        ports=tuple(sorted(port for port, _, _ in dead)),
        name=dead[0][1],
    )


def beyond_chance(seen: Observation, silent: list[int]) -> bool:
    """Is it less than likely that loss alone kept so many ports silent for so many SYNs?"""
    repeated, sent = _loss([seen])
    first = {port: syns for port, _, syns in seen.get("unopened", ())}
    for port, name, syns in seen.get("again", ()):
        if not name:  # what it lost before it opened is loss, too
            repeated, sent = repeated + first.get(port, 0) + syns - 1, sent + first.get(port, 0) + syns
    expected = _number(seen, "tries") * ((repeated + 1) / (sent + 2)) ** (max(0, min(silent)) + 2)
    at_most, term = 0.0, exp(-expected)
    for number in range(len(silent)):
        at_most += term
        term *= expected / (number + 1)
    return 1 - at_most < CHANCE


def _opened_at_once(seen: Observation) -> bool:
    return bool(_number(seen, "opened")) and float(seen.get("median") or 0.0) < SLOW


def _any_opened(seen: Observation) -> bool:
    return bool(_number(seen, "opened")) or _opened_slowly_tried(seen)


def _opened_slowly_tried(seen: Observation) -> bool:
    """Did any open of those that were tried slowly, which are given about a second?"""
    calmly = any(_number(seen.get(part), "opened") for part in ("calm", "single"))
    return calmly or any(not name for _, name, _ in seen.get("again", ()))


def limited(seen: Observation) -> bool:
    """Some opened, and then hardly any did any more, not even slowly or one by one."""
    calm, single = seen.get("calm") or {}, seen.get("single") or {}
    return (
        bool(single)
        and _opened_at_once(seen)
        and _number(seen, "opened_late") * MANY <= _number(seen, "late")
        and _number(calm, "opened") * 4 <= _number(calm, "tries")
        and _number(single, "opened") * 2 <= _number(single, "tries")
    )


def share_trouble(seen: Observation | None, address: str) -> Finding | None:
    """What is wrong with the way to an address at which some connections open."""
    if not seen:
        return None
    if limited(seen):
        tried = sum(_number(seen.get(part), "tries") for part in ("calm", "single")) + len(seen.get("again", ()))
        detail = (
            f"{address}: {_number(seen, 'opened')} new connections opened, then hardly any of {tried}, "
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


def unexplained(seen: Observation | None) -> str:
    """What did not open and was not tried again, so that nobody knows why; empty if there is none such."""
    unopened, again = (seen or {}).get("unopened", ()), (seen or {}).get("again", ())
    if not seen or not unopened or again or not opens(seen):
        return ""
    return f"{len(unopened)} of {_number(seen, 'tries')} connections to {seen.get('address')} did not open"


def missing_shares(evidence: Evidence, host: str, opened: Iterable[str]) -> str:
    """Why it is not known whether a share of the connections to addresses that open is lost; empty if it is known."""
    shares = shares_of(evidence, host)
    doubtful = listed(text for address in opened if (text := unexplained(shares.get(address))))
    if doubtful:
        return f"{doubtful}, and they were not tried again from the same ports"
    late = _opened_late(evidence, host, shares)
    alone = [a for a in opened if a not in late and _number(shares.get(a), "tries") and not _any_opened(shares[a])]
    if alone:
        return f"a connection to {listed(sorted(alone))} opened, and no other one did after it"
    untried = [address for address in opened if address not in shares]
    if evidence.agents_eyes and untried:
        return f"only single connections to {listed(sorted(untried))} were tried, which do not show a lost share"
    return ""


def held_back(every: Iterable[Observation]) -> str:
    """What a limit on bursts did to our own connections; empty if it did nothing."""
    late = sum(len(seen.get("unopened", ())) for seen in every if seen.get("again") and not share_trouble(seen, ""))
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
    shares = {address: seen for address, seen in every.items() if seen.get("opened") and "fastest" in seen}
    late = _opened_late(evidence, case.host, [address for address, seen in every.items() if not seen.get("opened")])
    if not shares and not late:
        return notchecked("the time that connections take was not measured")
    fastest = {address: float(seen.get("fastest", 0.0)) for address, seen in shares.items()}
    slow = {
        **{a: f"no connection opened in less than {duration(took)}" for a, took in fastest.items() if took >= SLOW},
        **{a: f"a connection opened after {duration(took)}, and no quick one did" for a, took in late.items()},
    }
    found = [finding(Code.PATH_SLOW, address, f"{address}: {how}") for address, how in sorted(slow.items())]
    others = {address: seen for address, seen in shares.items() if address not in slow and not limited(seen)}
    found += _lossy(others, case.host)
    median = sorted([*(float(seen.get("median", 0.0)) for seen in shares.values()), *late.values()])
    measured = sorted({*shares, *late})
    return decided(
        found,
        f"connections to {listed(measured)} open in {duration(median[0])} to {duration(median[-1])}",
        f"for i in $(seq 20); do nc -vz -w 10 {measured[0]} 443; done",
    )


def _opened_late(evidence: Evidence, host: str, addresses: Iterable[str]) -> Mapping[str, float]:
    """Of addresses at which no quick try opened, those at which a patient one did; and after how many seconds."""
    attempts = {address: evidence.one("tcp", task=TENANT, host=host, address=address) for address in addresses}
    return {
        address: seconds(seen)
        for address, seen in attempts.items()
        if seen is not None and error_name(seen) is None and seconds(seen) >= SLOW
    }


def _connect_is_quick(proxy: str, evidence: Evidence, host: str) -> Outcome:
    """Through a proxy, the agent waits for the answer to CONNECT before anything else, and for a long time."""
    series = evidence.one("shares", task=TENANT, host=host, address=None)
    granted = [seconds(seen) for seen in evidence.all("proxy", host=host) if seen.get("status") == CONNECTED]
    if series is None or not (series.get("opened") or granted):
        return notapplicable(PROXIED)
    fastest = float(series.get("fastest", min(granted, default=0.0)))
    median = float(series.get("median", fastest))
    detail = f"{proxy} takes {fastest:.0f} s or more for a CONNECT to {host}:443"
    found = [finding(Code.PROXY_SLOW, proxy, detail, proxy=proxy)] if fastest >= SLOW_CONNECT else []
    dead = _dead_addresses(evidence, host)
    if dead:
        detail = f"{proxy}: no answer from {listed(dead)}, to which its name leads, too"
        found.append(finding(Code.PROXY_ADDRESS_DEAD, proxy, detail, proxy=proxy, dead=listed(dead)))
    saw = f"{proxy} granted CONNECT in {duration(fastest)} to {duration(median)}"
    return decided(found, saw, f"{curl(evidence, host)} -so /dev/null -w '%{{time_appconnect}}\\n' https://{host}/")


def _lossy(shares: Mapping[str, Observation], host: str) -> Iterable[Finding]:
    """A finding about all addresses with loss, if there is loss also where we do not send much at once."""
    calm_repeated, calm_sent = 0, 0
    for seen in shares.values():
        calm = seen.get("calm") or {}
        unopened = 0 if lost_share(seen) else max(0, _number(calm, "tries") - _number(calm, "opened"))
        calm_repeated += _number(calm, "repeated") + 2 * unopened
        calm_sent += _number(calm, "opened") + _number(calm, "repeated") + 2 * unopened
    if calm_repeated < 2 or calm_repeated < LOSSY * calm_sent:
        return
    lossy = [address for address, seen in sorted(shares.items()) if _is_lossy(seen)]
    if lossy:
        repeated, sent = _loss(shares[address] for address in lossy)
        detail = (
            f"{repeated} of {sent} SYNs to {listed(lossy)} got no answer and were sent again a second or more later"
        )
        yield finding(Code.PATH_LOSSY, host, detail)


def _is_lossy(seen: Observation) -> bool:
    repeated, sent = _loss([seen])
    return repeated > FEW and repeated >= LOSSY * sent


def _loss(every: Iterable[Observation]) -> tuple[int, int]:
    """SYNs that were sent in vain by connections that opened, and all that these sent."""
    parts = [part for seen in every for part in (seen, seen.get("calm") or {})]
    repeated = sum(_number(part, "repeated") for part in parts)
    return repeated, repeated + sum(_number(part, "opened") for part in parts)


def _number(seen: Observation | None, key: str) -> int:
    return max(0, int((seen or {}).get(key) or 0))


def _dead_addresses(evidence: Evidence, host: str) -> list[str]:
    """Addresses of the proxy's name that do not answer where another one grants CONNECT, sorted."""
    phases, errors = UNREACHED
    looks = evidence.all("proxy-address", host=host)
    if not any(seen.get("status") == CONNECTED for seen in looks):
        return []
    silent = [seen for seen in looks if error_field(seen, "phase") in phases and error_name(seen) in errors]
    return sorted(str(seen.get("proxy_address")) for seen in silent)
