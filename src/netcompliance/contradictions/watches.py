"""Does what a watch tells fit itself, what was asked for, and the visit before it? (pure)

Theory. Each path is sampled from the beginning to the end, and its runs say how often and how far apart at most. A
visit tells which addresses, nameservers and hosts of image layers there are: these are watched from the beginning.

Rules
* A host's clock may be wrong, but it is one clock: moments are held against the beginning that it tells.
* Where the watch was cut short, or a layer cannot be sampled, nothing is missed.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from netcompliance.journal.decode import Record
from netcompliance.judge.watch import KIND
from netcompliance.model import Settings, Watch

ROUNDED = 0.011
"""Seconds: the moments of a shell are rounded."""
PACE = 0.9
"""So is the pace."""
SLACK = 1.0
"""Seconds between a moment and the word that tells of it."""
BEGINNING = 5.0
"""Seconds in which a watch has begun with all paths that it knows,"""
SHORT = 5.0
"""unless it is over sooner."""
PORT = 443
MOST = 1 << 16
"""Paths, addresses and hosts that are remembered of all vantages."""
NAMESERVERS, ADDRESSES, LAYER_HOSTS = 3, 64, 8
"""So many are watched of each, at most (`vantage.plan`)."""

Path = tuple[str, str]
"""Layer and name."""


@dataclass(slots=True)
class _Vantage:
    """What was told of one vantage."""

    begins: list[Record] = field(default_factory=list)
    end: Record | None = None
    problems: set[str] = field(default_factory=set)
    since: dict[Path, float] = field(default_factory=dict)
    """When each path was first watched."""
    paces: dict[str, float] = field(default_factory=dict)
    """Layer → the shortest time between two samples that a run tells."""
    earliest: float | None = None
    latest: float | None = None
    """The first and the last sample."""
    lost: float | None = None
    """When the connection was lost that never came back, by this machine's clock."""
    unable: set[str] = field(default_factory=set)
    nameservers: list[str] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)
    layers: set[tuple[str, int]] = field(default_factory=set)
    proxied: bool = False

    @property
    def size(self) -> int:
        """What is remembered of it."""
        return len(self.since) + len(self.addresses) + len(self.layers)


class Watches:
    """All watches of a journal, as their observations go by, and what the visits said of their paths."""

    def __init__(self) -> None:
        self._vantages: dict[str, _Vantage] = {}
        self._left = MOST

    def add(self, header: Record, record: Record) -> None:
        """One observation."""
        kind = record["kind"]
        if kind not in (KIND, "host", "route", "tcp", "registry") or self._left <= 0:
            return
        of = self._vantages.setdefault(record["vantage"], _Vantage())
        before = of.size
        if kind == KIND:
            _word(of, record)
        else:
            _named(of, record, _host(header))
        self._left -= of.size - before

    def problems(self, settings: Settings, unused: Container[str]) -> Iterator[str]:
        """What does not fit, but for watches of vantages that are `unused`."""
        for vantage in sorted(self._vantages):
            if vantage not in unused:
                yield from (f"the watch of {vantage}: {problem}" for problem in self.problems_of(vantage, settings))

    def problems_of(self, vantage: str, settings: Settings) -> Iterator[str]:
        """What does not fit of one of them."""
        of = self._vantages.get(vantage)
        if of and of.begins:
            yield from _problems(of, settings)


def _word(of: _Vantage, record: Record) -> None:
    """What the watch says."""
    what = record.get("what")
    if what == "begin":
        of.begins = [*of.begins[:1], record]
    elif what == "run":
        _run(of, record)
    elif what == "unwatched":
        of.unable.add(str(record.get("layer")))
    elif what == "end":
        of.end = record
        if of.lost is not None:
            of.problems.add("its end was told over a connection that never came back")
    elif what == "control" and record.get("back") is None:
        of.lost = _number(record.get("lost")) or 0.0


def _host(header: Record) -> str:
    settings = header["settings"]
    return f"{settings.get('tenant')}.{settings.get('domain')}"


def _named(of: _Vantage, record: Record, host: str) -> None:
    """Paths that the visit names."""
    kind = record["kind"]
    if kind == "host" and isinstance(record.get("nameservers"), list):
        of.nameservers = [str(each) for each in record["nameservers"][:NAMESERVERS]]
    elif kind == "route" and record.get("host") == host:
        of.proxied = bool(record.get("proxy"))
    elif kind == "tcp" and record.get("task") == "tenant" and record.get("host") == host:
        of.addresses.add(str(record.get("address")))
    elif kind == "registry" == record.get("task") and record.get("step") in ("config", "layer"):
        port = record.get("port")
        if str(record.get("url")).startswith("https://") and "host" in record and isinstance(port, int):
            of.layers.add((str(record["host"]), port))


def _run(of: _Vantage, run: Record) -> None:
    """A run, as far as it was told."""
    layer, path = str(run.get("layer")), str(run.get("path"))
    begin, end, gap, samples = (_number(run.get(name)) for name in ("from", "to", "gap", "samples"))
    since, every = _number(run.get("since")), _number(run.get("every"))
    if begin is None or end is None or samples is None:
        return
    if since is not None:
        of.since[layer, path] = min(since, of.since.get((layer, path), since))
    if every is not None:
        of.paces[layer] = min(every, of.paces.get(layer, every))
    of.earliest = begin if of.earliest is None else min(begin, of.earliest)
    of.latest = end if of.latest is None else max(end, of.latest)
    if len(of.problems) >= NAMESERVERS + LAYER_HOSTS:
        return
    if end < begin - ROUNDED or (since is not None and begin < since - SLACK):
        of.problems.add(f"{layer} {path} ended before it began")
    elif gap is not None and (samples - 1) * (gap + ROUNDED) + ROUNDED < end - begin:
        of.problems.add(f"{layer} {path} was sampled {samples:.0f} times in {end - begin:.1f} s, and no gap was longer")


def _problems(of: _Vantage, settings: Settings) -> Iterator[str]:
    asked, first = settings.watch, of.begins[0]
    yield from sorted(of.problems)
    if len(of.begins) > 1:
        yield "it began twice"
    if asked is None:
        yield "none was asked for"
        return
    if first.get("planned") != asked.duration:
        yield f"{asked.duration:g} s were asked for, and {first.get('planned')} were planned"
    yield from (
        f"{layer} was sampled every {pace:g} s, and every {asked.pace(layer):g} were asked for"
        for layer, pace in sorted(of.paces.items())
        if pace < asked.pace(layer) * PACE
    )
    at, ended = _number(first.get("at")), _number((of.end or {}).get("at"))
    if at is None:
        yield "it does not say when it began"
        return
    if of.earliest is not None and of.earliest < at - SLACK:
        yield "something was sampled before it began"
    if ended is not None and of.latest is not None and of.latest > ended + SLACK:
        yield "something was sampled after it had ended"
    ahead = at - (_number(first.get("heard")) or at)
    if ended is not None and of.lost is not None and not of.problems and of.lost + ahead < ended - BEGINNING:
        yield "its end was told over a connection that never came back"
    yield from _paths(of, settings, asked, at)


def _paths(of: _Vantage, settings: Settings, asked: Watch, at: float) -> Iterator[str]:
    """Paths that the visit names, and that were not watched, or not from the beginning."""
    if (of.end or {}).get("why") != "planned" or asked.duration < SHORT:
        return
    for path in _expected(of, settings):
        layer, name = path
        if layer in of.unable:
            continue
        if path not in of.since:
            yield f"{layer} {name} was not watched, and the visit before it names it"
        elif of.since[path] > at + BEGINNING and not of.unable:
            yield f"{layer} {name} was watched {of.since[path] - at:.0f} s later than the others"


def _expected(of: _Vantage, settings: Settings) -> Iterator[Path]:
    registry, _, port = settings.registry.partition(":")
    own = (registry, int(port) if port.isdigit() else PORT)
    if not of.proxied:
        yield from (("dns", server) for server in of.nameservers)
        addresses = sorted(of.addresses)[:ADDRESSES]
        yield from (("tcp", f"[{each}]:{PORT}" if ":" in each else f"{each}:{PORT}") for each in addresses)
    yield from (("registry", f"{host}:{at}") for host, at in sorted(of.layers - {own})[:LAYER_HOSTS])


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
