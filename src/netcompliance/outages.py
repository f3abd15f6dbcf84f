"""What a watch saw: runs of equal samples to outages, and outages against what is accepted (pure).

Theory. A sample is a probe that began at a known moment and ended well or not. Between a good and a bad sample the
path broke; when exactly, nobody saw. So both ends of an outage are moments with an uncertainty, its length lies between
`least` (from the first bad sample to the last) and `most` (from the last good sample before to the first good one
after), and the length that is told is the middle.

Rules
* A single bad sample is an outage: of at least nothing, and at most the distance of its two neighbours.
* Availability is 100 % only if no sample failed and nothing is unknown.
* Time without samples is unknown, neither up nor down.
* A criterion holds only if it holds for the longest lengths that fit the samples, and is broken only if it is broken
  for the shortest; in between nobody can tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from netcompliance.model import Criteria

BLIND = 5
"""Samples that may be missing in a row before the time between is unknown,"""
BLIND_LEAST = 1.0
"""but not less than so many seconds."""
TAIL = 2.0
"""Seconds before the end of a watch in which samples may be under way."""
UP = ""
"""How a good sample ends."""
FLAPPING = "flapping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Samples that ended alike, one after the other. Moments are seconds since the epoch."""

    first: float
    last: float
    samples: int
    failed: int
    how: str = UP
    """What was wrong, in a word or two; empty if nothing was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A moment between two samples."""

    after: float
    before: float

    @property
    def at(self) -> float:
        """The middle."""
        return (self.after + self.before) / 2

    @property
    def plus_minus(self) -> float:
        """Seconds to either side."""
        return (self.before - self.after) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time in which every sample was bad."""

    begin: Moment
    end: Moment
    least: float
    """Seconds that it surely lasted."""
    samples: int
    how: tuple[str, ...]
    """What was wrong, the commonest first."""
    before: bool = False
    """It was there when the watch began."""
    goes_on: bool = False
    """It was there when the watch ended."""

    @property
    def most(self) -> float:
        """Seconds that it may have lasted."""
        return self.end.before - self.begin.after

    @property
    def length(self) -> float:
        """Seconds, as well as they are known."""
        return (self.least + self.most) / 2

    @property
    def plus_minus(self) -> float:
        """Uncertainty of the length."""
        return (self.most - self.least) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One path of one layer over the whole watch."""

    layer: str
    name: str
    every: float
    begin: float
    end: float
    samples: int
    failed: int
    outages: tuple[Outage, ...]
    unknown: tuple[tuple[float, float], ...]
    """Times without samples."""

    @property
    def watched(self) -> float:
        """Seconds of which something is known."""
        return max(0.0, self.end - self.begin - sum(until - since for since, until in self.unknown))

    @property
    def total(self) -> float:
        """Seconds of all outages."""
        return sum(outage.length for outage in self.outages)

    @property
    def longest(self) -> Outage | None:
        """The longest outage."""
        return max(self.outages, key=lambda outage: outage.length, default=None)

    @property
    def availability(self) -> float:
        """The share of the time that is known in which the path worked. 1.0 only if no sample failed."""
        if not self.outages:
            return 1.0 if self.samples else 0.0
        by_samples = 1 - self.failed / self.samples if self.samples else 0.0
        if self.watched <= 0:
            return min(by_samples, 1.0)
        by_time = max(0.0, 1 - self.total / self.watched)
        return by_time if by_time < 1 else min(by_samples, math.nextafter(1.0, 0.0))


def path(layer: str, name: str, every: float, stretches: Iterable[Stretch], end: float | None = None) -> Path:
    """What the stretches of one path come to. `end` is when the watch ended, if that is known."""
    ordered = sorted(stretches, key=lambda stretch: (stretch.first, stretch.last))
    begin = ordered[0].first if ordered else end or 0.0
    last = max([stretch.last for stretch in ordered] or [begin])
    blind = max(BLIND_LEAST, BLIND * every)
    holes = [
        (one.last, other.first)
        for one, other in pairwise(ordered)
        if other.first - one.last > blind and bool(one.how) == bool(other.how)
    ]
    if end is not None and end - last > blind + TAIL:
        holes.append((last, end))
    return Path(
        layer=layer,
        name=name,
        every=every,
        begin=begin,
        end=max(last, end or last),
        samples=sum(stretch.samples for stretch in ordered),
        failed=sum(_bad(stretch) for stretch in ordered),
        outages=tuple(_outages(ordered, blind)),
        unknown=tuple(holes),
    )


def _bad(stretch: Stretch) -> int:
    """Samples that count as failed: also answers that are whole, but somebody else's."""
    return 0 if not stretch.how else stretch.failed if stretch.how == FLAPPING and stretch.failed else stretch.samples


def _outages(ordered: Sequence[Stretch], blind: float) -> Iterable[Outage]:
    good: Stretch | None = None
    bad: list[Stretch] = []
    for stretch in ordered:
        if stretch.how:
            bad.append(stretch)
            continue
        if bad:
            yield _outage(good, bad, stretch, blind)
            bad = []
        good = stretch
    if bad:
        yield _outage(good, bad, None, blind)


def _outage(good: Stretch | None, bad: Sequence[Stretch], next_good: Stretch | None, blind: float) -> Outage:
    first, last = bad[0].first, max(stretch.last for stretch in bad)
    weights: dict[str, int] = {}
    for stretch in bad:
        weights[stretch.how] = weights.get(stretch.how, 0) + stretch.samples
    unsure = sum(stretch.last - stretch.first for stretch in bad if stretch.how == FLAPPING) + sum(
        max(0.0, other.first - one.last)
        for one, other in pairwise(bad)
        if other.first - one.last > blind or FLAPPING in (one.how, other.how)
    )
    return Outage(
        begin=Moment(after=good.last if good else first, before=first),
        end=Moment(after=last, before=next_good.first if next_good else last),
        least=max(0.0, last - first - unsure),
        samples=sum(_bad(stretch) for stretch in bad),
        how=tuple(sorted(weights, key=lambda how: -weights[how])),
        before=good is None,
        goes_on=next_good is None,
    )


class Criterion(StrEnum):
    """What is accepted of a path, as it is called in options and profile."""

    MAX_OUTAGE = "max-outage"
    MAX_TOTAL = "max-total"
    QUIET_AFTER = "quiet-after"


class Held(StrEnum):
    """Whether a criterion held."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One criterion, applied to one path."""

    criterion: Criterion
    held: Held
    outages: tuple[Outage, ...] = ()
    """Those that break it, or may."""
    why: str = ""
    """Why it is not known."""


def judged(seen: Path, criteria: Criteria, *, cut: bool) -> list[Judged]:
    """Every criterion that is asked for, on one path. `cut`: the watch ended before its time, or its end is unknown."""
    found = []
    if criteria.max_outage is not None:
        found.append(_each(seen, criteria.max_outage))
    if criteria.max_total is not None:
        found.append(_all_together(seen, criteria.max_total))
    if criteria.quiet_after is not None:
        found.append(_quiet(seen, criteria.quiet_after, cut=cut))
    return found


def _each(seen: Path, limit: float) -> Judged:
    surely = tuple(outage for outage in seen.outages if _longer(outage.least, limit))
    maybe = tuple(outage for outage in seen.outages if outage.most > limit)
    blind = [until - since for since, until in seen.unknown if until - since > limit]
    why = f"nothing is known of {max(blind):.1f} s" if blind else "it may have been longer than is accepted"
    return _decided(Criterion.MAX_OUTAGE, surely, maybe, why, also_unknown=bool(blind))


def _all_together(seen: Path, limit: float) -> Judged:
    least, most = sum(outage.least for outage in seen.outages), sum(outage.most for outage in seen.outages)
    blind = sum(until - since for since, until in seen.unknown)
    surely = seen.outages if seen.outages and _longer(least, limit) else ()
    maybe = seen.outages if most > limit else ()
    why = f"nothing is known of {blind:.1f} s" if blind else "together they may have been longer than is accepted"
    return _decided(Criterion.MAX_TOTAL, surely, maybe, why, also_unknown=most + blind > limit and bool(blind))


def _quiet(seen: Path, quiet: float, *, cut: bool) -> Judged:
    since = seen.end - quiet
    if cut:
        return Judged(criterion=Criterion.QUIET_AFTER, held=Held.UNKNOWN, why="the watch ended before its time")
    surely = tuple(outage for outage in seen.outages if outage.end.after >= since)
    maybe = tuple(outage for outage in seen.outages if outage.end.before > since)
    blind = any(until > since for _, until in seen.unknown)
    why = "nothing is known of a part of it" if blind else "an interruption may have reached into it"
    return _decided(Criterion.QUIET_AFTER, surely, maybe, why, also_unknown=blind)


def _longer(least: float, limit: float) -> bool:
    """Any outage is longer than none, however short it may have been."""
    return least > limit or limit == 0


def _decided(
    criterion: Criterion, surely: tuple[Outage, ...], maybe: tuple[Outage, ...], why: str, *, also_unknown: bool
) -> Judged:
    if surely:
        return Judged(criterion=criterion, held=Held.NO, outages=surely)
    if maybe or also_unknown:
        return Judged(criterion=criterion, held=Held.UNKNOWN, outages=maybe, why=why)
    return Judged(criterion=criterion, held=Held.YES)


def percent(availability: float) -> str:
    """For people, rounded down: 100 % is only said of 1.0."""
    return f"{math.floor(availability * 10000) / 100:.2f} %" if availability < 1 else "100 %"


def seconds(value: float, plus_minus: float | None = None) -> str:
    """A duration for people: `3.0 s`, `3.00 s ± 0.05 s`."""
    if plus_minus is None:
        return f"{value:.1f} s"
    digits = 2 if plus_minus < 0.5 else 1
    return f"{value:.{digits}f} s ± {max(plus_minus, 0.5 * 10**-digits):.{digits}f} s"


def told(outage: Outage) -> str:
    """`3.00 s ± 0.05 s (drop)`, and whether it was cut by an end of the watch."""
    open_end = "at least " if outage.before or outage.goes_on else ""
    when = {
        (True, True): ", all through the watch",
        (True, False): ", from before the watch",
        (False, True): ", until after the watch",
    }.get((outage.before, outage.goes_on), "")
    length = seconds(outage.length, outage.plus_minus)
    return f"{open_end}{length} ({', '.join(outage.how)}{when})"


def worst_first(paths: Iterable[Path]) -> list[Path]:
    """The paths, those with the longest outages first, then by layer and name."""
    return sorted(paths, key=lambda seen: (-(seen.longest.length if seen.longest else 0.0), seen.layer, seen.name))


def criteria_text(criteria: Criteria) -> str:
    """What is accepted, in words."""
    limits: Mapping[str, float | None] = {
        "no interruption longer than {}": criteria.max_outage,
        "no more than {} together": criteria.max_total,
        "none in the last {}": criteria.quiet_after,
    }
    return ", ".join(text.format(seconds(value)) for text, value in limits.items() if value is not None)
