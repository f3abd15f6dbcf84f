"""The way of a connection as stations, and where it stopped (pure).

Two ways are drawn for each vantage: to the receiver (resolver, address, TCP, TLS, HTTP, receiver; with an explicit
proxy in place of address and TCP) and to the images (registry, token, manifest, CDN).

Rules
* A station's mark is a verdict's: nothing here judges. A verdict with findings about some addresses marks only those;
  one that fails without any (its waiver must go) marks none.
* What was seen at a station stands beside it as a note, also where nothing was judged because something before failed.
* Pictures that are equal are told once, for all their vantages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from netcompliance.findings import Code
from netcompliance.report.html.path_facts import PathFacts
from netcompliance.report.html.view_model import Account
from netcompliance.results import CaseStatus, Entry

LANES = 8
"""Addresses or images that are drawn; the rest is counted."""


class Mark(StrEnum):
    """What is said of a station. The worst first."""

    BAD = "stopped here"
    WARN = "warning"
    OPEN = "not evaluated"
    GOOD = "passed"
    NONE = "not on this way"


_MARKS = {
    CaseStatus.FAIL: Mark.BAD,
    CaseStatus.ERROR: Mark.OPEN,
    CaseStatus.NO_VERDICT: Mark.OPEN,
    CaseStatus.UNMET_SHOULD: Mark.WARN,
    CaseStatus.NOTCHECKED: Mark.OPEN,
    CaseStatus.WAIVED: Mark.WARN,
    CaseStatus.PASS: Mark.GOOD,
    CaseStatus.NOTAPPLICABLE: Mark.NONE,
}
_RANK = {mark: rank for rank, mark in enumerate(Mark)}
_AT_HTTP = frozenset(
    {Code.HTTP_STALLED, Code.HTTP_CLOSED, Code.HTTP_PROXY_AUTH, Code.HTTP_THROTTLED, Code.HTTP_SERVER_ERROR}
)
"""Findings of the receiver's requirement that say: no answer that could be the receiver's came back at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One step of the way."""

    label: str
    mark: Mark
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What goes on for one address or image."""

    name: str
    stations: tuple[Station, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A way: what all connections share, and then a lane for each."""

    title: str
    trunk: Station
    lanes: tuple[Lane, ...]
    left_out: int = 0
    """Lanes that are not drawn."""

    @property
    def worst(self) -> Mark:
        """The worst mark in it."""
        marks = [self.trunk.mark, *(station.mark for lane in self.lanes for station in lane.stations)]
        return min(marks, key=_RANK.__getitem__)

    @property
    def description(self) -> str:
        """The picture in words."""
        lanes = "; ".join(
            f"{lane.name}: {', '.join(f'{s.label} {s.mark}{_noted(s.note)}' for s in lane.stations)}"
            for lane in self.lanes
        )
        return f"{self.title}. {self.trunk.label} {self.trunk.mark}{_noted(self.trunk.note)}; {lanes}"


def pictures(account: Account) -> list[tuple[Picture, list[str]]]:
    """Every picture with its vantages, the worst first."""
    by_vantage: dict[str, dict[str, list[Entry]]] = {}
    for entry in account.entries:
        by_vantage.setdefault(entry.case.vantage, {}).setdefault(entry.case.requirement, []).append(entry)
    host, registry = account.run.settings.host, account.run.settings.registry
    alike: dict[Picture, list[str]] = {}
    for vantage, asked in by_vantage.items():
        known = account.identities.get(vantage) or {}
        servers = _few(known.get("nameservers"))
        for picture in (_receiver(asked, account.glimpses[vantage], host, servers), _images(asked, registry)):
            if picture and picture.worst is not Mark.NONE:
                alike.setdefault(picture, []).append(vantage)
    return sorted(alike.items(), key=lambda pair: (_RANK[pair[0].worst], -len(pair[1])))


def _receiver(asked: dict[str, list[Entry]], seen: PathFacts, host: str, servers: str) -> Picture | None:
    if "HTTPS-01" not in asked:
        return None
    direct = [entry for entry in asked["HTTPS-01"] if entry.case.host == host]
    proxied = bool(seen.proxy) or any(entry.status is CaseStatus.NOTAPPLICABLE for entry in direct)
    title = f"To the receiver, {host}"
    asked = {name: [entry for entry in entries if entry.case.host == host] for name, entries in asked.items()}
    if proxied:
        trunk = _station("proxy", asked.get("PRX-01", ()), "", seen.proxy)
        way = seen.proxy
        lane = _lane("through the proxy", way, asked, (), _first(seen.tls), _first(seen.http), ())
        return Picture(title=title, trunk=trunk, lanes=(lane,))
    names = seen.addresses or list(seen.tcp) or [""]
    lanes = []
    for name in names[:LANES]:
        before = (
            _station("address", asked.get("DNS-02", ()), name, "", names),
            _opened(_station("TCP 443", asked.get(_opens(name), ()), name, seen.tcp.get(name, ""), names)),
        )
        lanes.append(
            _lane(name or "no address", name, asked, before, seen.tls.get(name, ""), seen.http.get(name, ""), names)
        )
    trunk = _station("resolver", asked.get("DNS-01", ()), "", servers)
    return Picture(title=title, trunk=trunk, lanes=tuple(lanes), left_out=max(len(names) - LANES, 0))


def _lane(
    label: str,
    name: str,
    asked: dict[str, list[Entry]],
    before: tuple[Station, ...],
    tls: str,
    http: str,
    names: Sequence[str],
) -> Lane:
    answers = asked.get("RCV-01", ())
    at_http = [entry for entry in answers if entry.verdict and any(f.code in _AT_HTTP for f in entry.verdict.findings)]
    beyond = [entry for entry in answers if entry not in at_http]
    answered = [Station(label="HTTP", mark=Mark.GOOD, note=http)] if beyond and _judged(beyond) else []
    stations = (
        *before,
        _station("TLS", [*asked.get("HTTPS-02", ()), *asked.get("HTTPS-03", ())], name, tls, names),
        *(answered or [_station("HTTP", answers, name, http, names)]),
        _station("receiver", beyond, name, "", names)
        if beyond
        else Station(label="receiver", mark=Mark.OPEN if answers else Mark.NONE),
    )
    return Lane(name=label, stations=_stopped(stations))


def _stopped(stations: Iterable[Station]) -> tuple[Station, ...]:
    """Nothing passed behind a station at which the way ended."""
    ended, through = False, []
    for station in stations:
        mark = Mark.OPEN if ended and station.mark is Mark.GOOD and not station.note else station.mark
        through.append(replace(station, mark=mark))
        ended = ended or station.mark is Mark.BAD or _is_shut(station)
    return tuple(through)


def _opens(address: str) -> str:
    """The requirement that asks whether this address opens: IPv6 may also fail at once."""
    return "HTTPS-07" if ":" in address else "HTTPS-01"


def _opened(station: Station) -> Station:
    """An address that may be closed and is, is no part of the way."""
    return (
        replace(station, mark=Mark.NONE) if station.mark is Mark.GOOD and station.note not in ("", "open") else station
    )


def _is_shut(station: Station) -> bool:
    return station.label == "TCP 443" and station.mark is Mark.NONE


def _images(asked: dict[str, list[Entry]], registry: str) -> Picture | None:
    names = list(dict.fromkeys(entry.case.target for entry in asked.get("REG-02", ())))
    if not names:
        return None
    steps = (("token", "REG-02"), ("manifest", "REG-03"), ("layers, CDN", "REG-04"))
    lanes = [
        Lane(
            name=name.rpartition("/")[2],
            stations=_stopped(
                _station(label, [e for e in asked.get(requirement, ()) if e.case.target == name], "", "")
                for label, requirement in steps
            ),
        )
        for name in names[:LANES]
    ]
    trunk = _station("registry", asked.get("REG-01", ()), "", registry)
    left_out = max(len(names) - LANES, 0)
    return Picture(title=f"To the images, {registry}", trunk=trunk, lanes=tuple(lanes), left_out=left_out)


def _station(label: str, entries: Iterable[Entry], name: str, note: str, names: Sequence[str] = ()) -> Station:
    """What the verdicts say of a station, for one of several addresses."""
    marks, codes = [], []
    for entry in entries:
        mark = _MARKS[entry.status]
        if mark in (Mark.BAD, Mark.WARN) and entry.verdict:
            mine = [f for f in entry.verdict.findings if _names(f.subject, name) or not _any(f.subject, names)]
            if not mine:
                mark = Mark.GOOD
            codes += [str(found.code) for found in mine]
        marks.append(mark)
    mark = min(marks, key=_RANK.__getitem__, default=Mark.NONE)
    told = note if mark not in (Mark.BAD, Mark.WARN) or not codes else codes[0]
    return Station(label=label, mark=mark, note=told)


def _judged(entries: Iterable[Entry]) -> bool:
    return all(_MARKS[entry.status] in (Mark.GOOD, Mark.BAD, Mark.WARN) for entry in entries)


def _names(subject: str, name: str) -> bool:
    """Whether a finding is about this address."""
    there = bool(name) and name in subject  # of thousands of findings hardly one is about this address
    return there and re.search(rf"(?<![\w.:]){re.escape(name)}(?![\w.])", subject) is not None


def _any(subject: str, names: Iterable[str]) -> bool:
    return any(_names(subject, name) for name in names)


def _first(values: dict[str, str]) -> str:
    return next(iter(values.values()), "")


def _few(values: object) -> str:
    if not isinstance(values, (list, tuple)) or not values:
        return ""
    return str(values[0]) + (f" +{len(values) - 1}" if len(values) > 1 else "")


def _noted(note: str) -> str:
    return f" ({note})" if note else ""
