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
* A criterion holds only if an outage as long as it does not accept would have been met by a sample, everywhere.
* What was there before the first sample, or still is at the last, may be of any length: nothing holds for its longest.
* An outage that began after the end of the watch is not of the watch: what is sampled then is how others end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from netcompliance.episodes import (
    FLAPPING,
    UP,
    Blank,
    Moment,
    Outage,
    Stretch,
    bad_samples,
    blanks_of,
    outages_of,
    uncovered,
)
from netcompliance.model import LAYERS, TRIES, Criteria, Watch

__all__ = ["FLAPPING", "UP", "Blank", "Criterion", "Held", "Judged", "Moment", "Outage", "Path", "Stretch"]

BLIND = 5
"""Samples that may be missing in a row before the time between is unknown,"""
BLIND_LEAST = 1.0
"""but not less than so many seconds."""
TAIL = 2.0
"""Seconds before the end of a watch in which samples may be under way."""
SHARED = "tcp"
"""The layer whose interruptions may concern a share of connections alone."""
CLOSE = 1.02
"""A pace is rounded."""
FORGIVEN = 1.25
"""A host that is busy samples so many times as rarely, which makes little difference."""
NOT_WATCHED = {
    "http": "requests of more than 2 kB (an agent's uploads), HTTP/2",
    "registry": "whether image layers arrive whole, images but the first, what takes a login",
}
"""Layer → what no sample of it would meet, whatever becomes of it."""
SPARE = 1.3
"""A path is sampled so many times within the shortest interruption that must be seen: an answer takes its time, too."""


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
    blanks: tuple[Blank, ...] = ()
    """Where an outage could have hidden between good samples; empty where that is not asked."""
    strict: bool = False
    """What was there before it, or still is, may be of any length."""
    pace: float = 0.0
    """Seconds from one sample to the next, where they came most rarely as far as that is known."""

    def most(self, outage: Outage) -> float:
        """Seconds that an outage of this path may have lasted, whatever the watch saw of it."""
        return math.inf if self.strict and (outage.before or outage.goes_on) else outage.most

    def hidden(self, since: float = -math.inf) -> float:
        """Seconds of the longest outage that could have been there unseen, after this moment."""
        return max((blank.longest for blank in self.blanks if blank.until > since), default=0.0)

    @property
    def rare(self) -> float:
        """Seconds of the longest interruption of one connection in four that may have met no sample, with 1 %."""
        if self.layer != SHARED or not self.blanks:
            return 0.0
        return TRIES * (self.pace if self.pace > self.every * FORGIVEN else self.every)

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
        lost = sum(outage.length * outage.samples / (outage.of or outage.samples or 1) for outage in self.outages)
        by_time = max(0.0, 1 - lost / self.watched)
        return by_time if by_time < 1 else min(by_samples, math.nextafter(1.0, 0.0))


def path(
    layer: str,
    name: str,
    every: float,
    stretches: Iterable[Stretch],
    end: float | None = None,
    *,
    since: float | None = None,
    strict: bool = False,
) -> Path:
    """What the stretches of one path come to. `since` and `end` are when its watch began and ended, if that is known.

    `strict`: say where an outage could have hidden, which outages only a share of the samples met, and of which no end
    was seen.
    """
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
    found = outages_of(ordered, blind, shares=strict)
    if strict and end is not None:
        found = (outage for outage in found if outage.begin.before <= end)
        last = min(last, end)
    return Path(
        layer=layer,
        name=name,
        every=every,
        begin=begin,
        end=max(last, end or last),
        samples=sum(stretch.samples for stretch in ordered),
        failed=sum(bad_samples(stretch) for stretch in ordered),
        outages=tuple(found),
        unknown=tuple(holes),
        blanks=tuple(blanks_of(ordered, since, end)) if strict else (),
        strict=strict,
        pace=_pace(ordered),
    )


def _pace(stretches: Iterable[Stretch]) -> float:
    """Seconds from one sample to the next: of each stretch as it was told, else of all together."""
    known = [stretch for stretch in stretches if stretch.samples > 1]
    steps = sum(stretch.samples - 1 for stretch in known)
    mean = sum(stretch.last - stretch.first for stretch in known) / steps if steps else 0.0
    return max([mean, *(stretch.pace for stretch in known if stretch.pace is not None)])


def above(seen: Path, below: Path, *, counts: bool) -> Path:
    """A path whose samples are missing while the path below it is interrupted: the time is not unknown.

    `counts`: less is accepted of this one, so the other's outages are its own.
    """
    return replace(
        seen,
        blanks=tuple(uncovered(blank, below.outages) for blank in seen.blanks),
        unknown=tuple(
            (since, until)
            for since, until in seen.unknown
            if uncovered(Blank(since=since, until=until, longest=until - since), below.outages).longest == until - since
        ),
        outages=(*seen.outages, *below.outages) if counts else seen.outages,
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
        found.append(_judged_in_total(seen, criteria.max_total))
    if criteria.quiet_after is not None:
        found.append(_quiet(seen, criteria.quiet_after, cut=cut, limit=criteria.visible))
    return found


def _each(seen: Path, limit: float) -> Judged:
    surely = tuple(outage for outage in seen.outages if _longer(outage.least, limit))
    maybe = tuple(outage for outage in seen.outages if seen.most(outage) > limit)
    blind = [until - since for since, until in seen.unknown if until - since > limit]
    unseen = _unseen(seen, limit)
    if blind:
        why = f"nothing is known of {max(blind):.1f} s"
    elif maybe:
        why = (seen.strict and _open_end(maybe)) or "it may have been longer than is accepted"
    else:
        why = unseen
    return _decided(Criterion.MAX_OUTAGE, surely, maybe, why, also_unknown=bool(blind) or bool(unseen))


def _judged_in_total(seen: Path, limit: float) -> Judged:
    least, most = sum(outage.least for outage in seen.outages), sum(seen.most(outage) for outage in seen.outages)
    blind = sum(until - since for since, until in seen.unknown)
    unseen = _unseen(seen, limit)
    surely = seen.outages if seen.outages and _longer(least, limit) else ()
    maybe = seen.outages if most > limit else ()
    if blind:
        why = f"nothing is known of {blind:.1f} s"
    elif maybe:
        why = (seen.strict and _open_end(maybe)) or "together they may have been longer than is accepted"
    else:
        why = unseen
    unknown = (most + blind > limit and bool(blind)) or bool(unseen)
    return _decided(Criterion.MAX_TOTAL, surely, maybe, why, also_unknown=unknown)


def _quiet(seen: Path, quiet: float, *, cut: bool, limit: float) -> Judged:
    since = seen.end - quiet
    if cut:
        return Judged(criterion=Criterion.QUIET_AFTER, held=Held.UNKNOWN, why="the watch ended before its time")
    surely = tuple(outage for outage in seen.outages if outage.end.after >= since)
    maybe = tuple(outage for outage in seen.outages if outage.end.before > since)
    blind = any(until > since for _, until in seen.unknown)
    unseen = _unseen(seen, limit, since)
    why = "an interruption may have reached into it" if maybe else unseen
    why = "nothing is known of a part of it" if blind else why
    return _decided(Criterion.QUIET_AFTER, surely, maybe, why, also_unknown=blind or bool(unseen))


def _open_end(found: Iterable[Outage]) -> str:
    """Why nobody knows how long one of them was; empty if the watch saw both ends of all."""
    ends = {(outage.before, outage.goes_on) for outage in found}
    if any(goes_on for _, goes_on in ends):
        return "it was still interrupted when the watch ended, so nobody knows for how long: watch longer"
    if any(before for before, _ in ends):
        return "it was interrupted when the watch began, so nobody knows for how long: watch again"
    return ""


def _unseen(seen: Path, limit: float, since: float = -math.inf) -> str:
    """What as long as is not accepted could have met no sample; empty if nothing could."""
    hidden = seen.hidden(since)
    if hidden > limit:
        return f"it was sampled so rarely that one of {seconds(hidden)} could have gone unseen"
    if seen.rare > limit * CLOSE:
        share = f"one of {seconds(seen.rare)} of one connection in four"
        return f"it was sampled so rarely that {share} could have gone unseen"
    return ""


def not_watched(asked: Watch, layer: str) -> str:
    """What no sample of this layer, or none in time, would meet; empty if there is nothing."""
    told = [NOT_WATCHED[layer]] if layer in NOT_WATCHED else []
    criteria = asked.criteria_of(layer)
    need = criteria.needed if criteria else None
    if layer == "http" and need is not None and asked.turn * SPARE > need:
        told.append(f"a single one of the agent's POST paths for less than {seconds(asked.turn * SPARE)}")
    surely = TRIES * asked.pace(layer)
    if layer == "tls" and need is not None and surely > need:
        told.append(f"one connection in four that opens and then hangs for less than {seconds(surely)}")
    return ", ".join(told)


def unprovable(asked: Watch) -> Iterator[tuple[tuple[str, ...], float, float]]:
    """Layers of which no *go* can come, since they are sampled too rarely; how often, and how short is not accepted."""
    found: dict[tuple[float, float], list[str]] = {}
    for layer in LAYERS:
        criteria = asked.criteria_of(layer)
        need = criteria.needed if criteria else None
        if need is not None and asked.pace(layer) * SPARE > need:
            found.setdefault((asked.pace(layer), need), []).append(layer)
    for (pace, need), layers in found.items():
        yield tuple(layers), pace, need


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


def duration_text(outage: Outage) -> str:
    """`3.00 s ± 0.05 s (drop)`, and whether it was cut by an end of the watch."""
    open_end = "at least " if outage.before or outage.goes_on else ""
    when = {
        (True, True): ", all through the watch",
        (True, False): ", from before the watch",
        (False, True): ", until after the watch",
    }.get((outage.before, outage.goes_on), "")
    length = seconds(outage.length, outage.plus_minus)
    share = f"a share of connections, {outage.samples} of {outage.of}, for " if outage.of is not None else ""
    return f"{share}{open_end}{length} ({', '.join(outage.how)}{when})"


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
