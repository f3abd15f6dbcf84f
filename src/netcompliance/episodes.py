"""From the samples of one path to its outages, and to the times in which one could have hidden (pure).

Theory. A sample shows what the path was at some moment between its begin and its end. Between two good samples an
outage may hide that lasted from just after the first began until the second was answered: the longest such time is
what the sampling could not see (`Blank`). A bad sample is an outage, from somewhere behind the last good sample before
it to somewhere before the end of the first good one after it.

Where only a share of connections fails (one of several equal routes, one of several backends), good samples between bad
ones prove nothing: with a share `p` lost, `n` good ones in a row come with the probability (1-p)^n. Bad samples belong
together, as an outage of a share, while so many good ones between them may still be luck; and such an outage may have
begun or ended so many good samples before or after the bad ones that were met.

Rules
* What stands alone stays alone: a share that is lost is at least `LEAST_SHARE` of the samples, or it is the loss of
  single packets.
* Two bad samples make an outage of a share possible, `SURE` of them make it certain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

UP = ""
"""How a good sample ends."""
FLAPPING = "flapping"
CHANCE = 0.01
"""What is less probable than this is no luck."""
SOUGHT = 1 / 8
"""The smallest share for which good samples in a row are still taken for luck,"""
LEAST_SHARE = 1 / 16
"""and the smallest of which it is said that it was lost."""
SURE = 3
NORMAL = 2.33
"""The quantile of the normal distribution that belongs to `CHANCE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Samples that ended alike, one after the other. Moments are seconds since the epoch."""

    first: float
    last: float
    samples: int
    failed: int
    how: str = UP
    """What was wrong, in a word or two; empty if nothing was."""
    took: float = 0.0
    """Seconds within which the first sample met what it met."""
    gap: float | None = None
    """The longest time from the begin of a sample to the end of the next, in seconds; `None`: not known."""
    pace: float | None = None
    """Seconds between two samples where they came most rarely, over many in a row; `None`: not known."""
    exact: bool = False
    """A flapping stretch begins and ends with a sample that failed."""


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
    """A time in which every sample was bad, or some of them all along."""

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
    of: int | None = None
    """Samples in its time, good ones among them, where only a share failed."""

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
class Blank:
    """A time between good samples, and the longest outage that could have been there unseen."""

    since: float
    until: float
    longest: float


def surely_lost(failed: int, samples: int) -> float:
    """The share that is lost at least, when so many samples of so many failed (Wilson's lower bound)."""
    n, z = float(samples), NORMAL**2
    centre = failed + z / 2
    spread = NORMAL * math.sqrt(failed * (n - failed) / n + z / 4)
    return max(0.0, (centre - spread) / (n + z))


def luck(share: float) -> int:
    """Good samples in a row that may be luck while so much is lost."""
    return math.floor(math.log(CHANCE) / math.log1p(-min(share, 0.999)))


def bad_samples(stretch: Stretch) -> int:
    """Samples that count as failed: also answers that are whole, but somebody else's."""
    return 0 if not stretch.how else stretch.failed if stretch.how == FLAPPING and stretch.failed else stretch.samples


@dataclass(slots=True)
class _Group:
    """Stretches of one outage: from index to index of all, good ones between them."""

    begin: int
    end: int
    failed: int
    samples: int


def outages_of(ordered: Sequence[Stretch], blind: float, *, shares: bool) -> Iterator[Outage]:
    """The outages in these stretches. `shares`: also tell what only a share of the samples met."""
    groups = list(_groups(ordered))
    while shares and _joined(ordered, groups) != len(groups):
        continue
    for group in groups:
        bad = [stretch for stretch in ordered[group.begin : group.end + 1] if stretch.how]
        good = ordered[group.begin - 1] if group.begin else None
        after = ordered[group.end + 1] if group.end + 1 < len(ordered) else None
        known = all(stretch.exact or stretch.how != FLAPPING for stretch in bad)
        if shares and known and group.failed < group.samples:
            yield _of_a_share(group, good, bad, after, final=group.end + 2 >= len(ordered))
        else:
            yield _whole(good, bad, after, blind)


def _groups(ordered: Sequence[Stretch]) -> Iterator[_Group]:
    group: _Group | None = None
    for index, stretch in enumerate(ordered):
        if not stretch.how:
            if group:
                yield group
            group = None
            continue
        group = group or _Group(begin=index, end=index, failed=0, samples=0)
        group.end = index
        group.failed += bad_samples(stretch)
        group.samples += stretch.samples
    if group:
        yield group


def _joined(ordered: Sequence[Stretch], groups: list[_Group]) -> int:
    """Join groups in place, as far as the good samples between them may be luck. How many there were before."""
    before, index = len(groups), 0
    while index + 1 < len(groups):
        one, other = groups[index], groups[index + 1]
        between = sum(stretch.samples for stretch in ordered[one.end + 1 : other.begin])
        failed, samples = one.failed + other.failed, one.samples + other.samples
        lost = max(SOUGHT, surely_lost(failed, samples))
        if between <= luck(lost) and failed >= LEAST_SHARE * (samples + between):
            groups[index : index + 2] = [
                _Group(begin=one.begin, end=other.end, failed=failed, samples=samples + between)
            ]
        else:
            index += 1
    return before


def _of_a_share(
    group: _Group, good: Stretch | None, bad: Sequence[Stretch], after: Stretch | None, *, final: bool
) -> Outage:
    """An outage may be as much longer than its bad samples as good ones before and after them may be luck.

    `final`: nothing comes behind `after`, so where that may be luck no end was seen.
    """
    first, last = bad[0].first, max(stretch.last for stretch in bad)
    row = luck(max(SOUGHT, surely_lost(group.failed, group.samples)))
    begun = first if good is None else _steps(good, good.last, -row)
    ended = last if after is None else _steps(after, after.first, row) + after.took
    sure = max(0.0, last - first - bad[0].took) if group.failed >= SURE else 0.0
    return Outage(
        begin=Moment(after=min(begun, first), before=first),
        end=Moment(after=last, before=max(ended, last)),
        least=sure,
        samples=group.failed,
        how=_commonest(stretch for stretch in bad if stretch.how != FLAPPING) or (FLAPPING,),
        before=good is None,
        goes_on=after is None or (final and after.samples < row),
        of=group.samples,
    )


def _steps(good: Stretch, at: float, samples: int) -> float:
    """So many samples from one end of a good stretch on into it."""
    distance = (good.last - good.first) / max(1, good.samples - 1)
    return min(max(at + samples * distance, good.first), good.last)


def _whole(good: Stretch | None, bad: Sequence[Stretch], after: Stretch | None, blind: float) -> Outage:
    first, last = bad[0].first, max(stretch.last for stretch in bad)
    unsure = sum(stretch.last - stretch.first for stretch in bad if stretch.how == FLAPPING) + sum(
        max(0.0, other.first - one.last)
        for one, other in pairwise(bad)
        if other.first - one.last > blind or FLAPPING in (one.how, other.how)
    )
    return Outage(
        begin=Moment(after=good.last if good else first, before=first),
        end=Moment(after=last, before=after.first + after.took if after else last),
        least=max(0.0, last - first - bad[0].took - unsure),
        samples=sum(bad_samples(stretch) for stretch in bad),
        how=_commonest(bad),
        before=good is None,
        goes_on=after is None,
    )


def _commonest(bad: Iterable[Stretch]) -> tuple[str, ...]:
    weights: dict[str, int] = {}
    for stretch in bad:
        weights[stretch.how] = weights.get(stretch.how, 0) + bad_samples(stretch)
    return tuple(sorted(weights, key=lambda how: -weights[how]))


def blanks_of(ordered: Sequence[Stretch], since: float | None, until: float | None) -> Iterator[Blank]:
    """Where an outage could have hidden, from the begin of the watch to its end (as far as they are known)."""
    for stretch in ordered:
        if not stretch.how and stretch.samples > 1:
            whole = stretch.last - stretch.first
            gap = whole + stretch.took if stretch.gap is None else stretch.gap
            yield Blank(since=stretch.first, until=stretch.last, longest=gap)
    for one, other in pairwise(ordered):
        if not one.how and not other.how:
            end = other.first + other.took
            yield Blank(since=one.last, until=end, longest=end - one.last)
    if ordered and since is not None and not ordered[0].how:
        end = ordered[0].first + ordered[0].took
        yield Blank(since=since, until=end, longest=end - since)
    if ordered and until is not None and not ordered[-1].how and until > ordered[-1].last:
        yield Blank(since=ordered[-1].last, until=until, longest=until - ordered[-1].last)


def uncovered(blank: Blank, known: Sequence[Outage]) -> Blank:
    """The blank, without what another layer knows of it: for that time its samples are missing for a reason."""
    longest, at = 0.0, blank.since
    inside = [outage for outage in known if outage.end.before > blank.since and outage.begin.after < blank.until]
    if not inside:
        return blank
    for outage in sorted(inside, key=lambda each: each.begin.after):
        longest = max(longest, outage.begin.before - at)
        at = max(at, outage.end.after)
    return Blank(since=blank.since, until=blank.until, longest=min(blank.longest, max(longest, blank.until - at)))
