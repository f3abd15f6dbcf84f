"""From samples to outages and criteria: what is told is never shorter, and never surer, than the samples allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from netcompliance import outages
from netcompliance.model import Criteria, Watch
from netcompliance.outages import Criterion, Held, Path, Stretch

EVERY = 0.1


def sampled(
    down: Sequence[tuple[float, float]], until: float = 20.0, every: float = EVERY, skip: int = 0
) -> list[Stretch]:
    """What a prober sees of a path that is down in these intervals. `skip`: of so many probes one is missed."""
    found: list[Stretch] = []
    for number in range(int(until / every)):
        at = number * every
        if skip and number % skip == 1:
            continue
        how = "drop" if any(since <= at < end for since, end in down) else ""
        if found and found[-1].how == how:
            last = found.pop()
            found.append(
                Stretch(first=last.first, last=at, samples=last.samples + 1, failed=last.failed + bool(how), how=how)
            )
        else:
            found.append(Stretch(first=at, last=at, samples=1, failed=int(bool(how)), how=how))
    return found


def seen(down: Sequence[tuple[float, float]], **more: float) -> Path:
    return outages.path("tcp", "192.0.2.1:443", EVERY, sampled(down, **more))  # type: ignore[arg-type]


def good(first: float, last: float, samples: int = 10) -> Stretch:
    return Stretch(first=first, last=last, samples=samples, failed=0)


def bad(first: float, last: float, how: str = "drop", samples: int = 5, failed: int = 5) -> Stretch:
    return Stretch(first=first, last=last, samples=samples, failed=failed, how=how)


inside = st.floats(min_value=1.0, max_value=15.0)
lengths = st.floats(min_value=0.0, max_value=4.0)


@given(inside, lengths, st.integers(min_value=0, max_value=4))
def test_an_outage_is_told_within_its_own_uncertainty(since: float, length: float, skip: int) -> None:
    assume(skip != 1)
    path = seen([(since, since + length)], skip=skip)
    if length > 2 * EVERY + 0.001:
        assert path.outages
    for outage in path.outages:
        assert outage.least <= length + 1e-6
        assert outage.most >= length - 1e-6
        assert outage.begin.after <= since + 1e-6
        assert outage.begin.before >= since - 1e-6
        assert outage.end.after <= since + length + 1e-6
        assert outage.end.before >= since + length - 1e-6
        assert abs(outage.length - length) <= outage.plus_minus + 1e-6


@given(inside, lengths)
def test_no_outage_is_told_shorter_than_the_samples_can_tell(since: float, length: float) -> None:
    for outage in seen([(since, since + length)]).outages:
        assert outage.length >= EVERY - 1e-6
        assert outage.plus_minus >= EVERY / 2


stretches = st.lists(
    st.tuples(
        st.floats(min_value=0.01, max_value=30.0),
        st.floats(min_value=0.0, max_value=100.0),
        st.sampled_from(["", "drop", "reset", outages.FLAPPING]),
        st.integers(min_value=1, max_value=1000),
    ),
    max_size=12,
)


def built(parts: Sequence[tuple[float, float, str, int]]) -> list[Stretch]:
    found, at = [], 1000.0
    for pause, length, how, samples in parts:
        at += pause
        found.append(Stretch(first=at, last=at + length, samples=samples, failed=samples if how else 0, how=how))
        at += length
    return found


@given(stretches)
def test_what_failed_is_never_fully_available(parts: Sequence[tuple[float, float, str, int]]) -> None:
    path = outages.path("tcp", "x", EVERY, built(parts))
    assert 0.0 <= path.availability <= 1.0
    if any(how for _, _, how, _ in parts):
        assert path.availability < 1
        assert outages.percent(path.availability) != "100 %"
    elif parts:
        assert path.availability == 1


@given(stretches, st.floats(min_value=0.0, max_value=200.0))
def test_lengths_are_in_order_and_criteria_never_say_both(
    parts: Sequence[tuple[float, float, str, int]], limit: float
) -> None:
    path = outages.path("tcp", "x", EVERY, built(parts))
    for outage in path.outages:
        assert 0 <= outage.least <= outage.length <= outage.most
        assert outages.duration_text(outage)
    criteria = Criteria(layer="tcp", max_outage=limit, max_total=limit)
    each, together = outages.judged(path, criteria, cut=False)
    if each.held is Held.NO:
        assert together.held is Held.NO
    if together.held is Held.YES:
        assert each.held is Held.YES


@given(stretches)
def test_order_does_not_matter(parts: Sequence[tuple[float, float, str, int]]) -> None:
    there = built(parts)
    assert outages.path("tcp", "x", EVERY, there[::-1]) == outages.path("tcp", "x", EVERY, there)


def test_one_bad_sample_is_an_outage() -> None:
    (outage,) = outages.path("tcp", "x", EVERY, [good(0, 5), bad(5.1, 5.1, samples=1, failed=1), good(5.2, 9)]).outages
    assert (outage.least, round(outage.most, 6), round(outage.length, 6)) == (0, 0.2, 0.1)
    assert outages.duration_text(outage) == "0.10 s ± 0.10 s (drop)"


def test_different_ends_without_a_good_sample_between_are_one_outage() -> None:
    (outage,) = outages.path(
        "tcp", "x", EVERY, [good(0, 5), bad(5.1, 6), bad(6.1, 9, "reset", 30, 30), good(9.1, 20)]
    ).outages
    assert outage.how == ("reset", "drop")
    assert outage.length == pytest.approx(4.0)


def test_what_was_down_at_the_ends_says_so() -> None:
    first, last = outages.path("tcp", "x", EVERY, [bad(0, 2), good(2.1, 8), bad(8.1, 10)]).outages
    assert (first.before, first.goes_on, last.before, last.goes_on) == (True, False, False, True)
    assert outages.duration_text(first).startswith("at least ")
    assert "from before the watch" in outages.duration_text(first)
    assert "until after the watch" in outages.duration_text(last)


def test_time_without_samples_is_unknown_and_widens_what_it_touches() -> None:
    path = outages.path("tcp", "x", EVERY, [good(0, 5), good(15, 20)], 40.0)
    assert path.unknown == ((5, 15), (20, 40.0))
    assert path.watched == 10
    (outage,) = outages.path("tcp", "x", EVERY, [good(0, 5), bad(15, 16), good(16.1, 20)]).outages
    assert (outage.least, outage.most) == pytest.approx((1, 11.1))


def test_a_bad_sample_without_a_length_is_not_available_either() -> None:
    assert outages.path("tcp", "x", EVERY, [bad(5, 5, samples=1, failed=1)], 6.0).availability == 0.0


def test_a_path_nobody_sampled_is_not_available() -> None:
    assert outages.path("tcp", "x", EVERY, [], 10.0).availability == 0.0


HOLDS = [good(0, 5), bad(5.1, 6), good(6.1, 20)]
"""An outage of 0.9 to 1.1 s."""


@pytest.mark.parametrize(
    ("criteria", "held"),
    [
        (Criteria(layer="tcp", max_outage=1.2), Held.YES),
        (Criteria(layer="tcp", max_outage=1.0), Held.UNKNOWN),
        (Criteria(layer="tcp", max_outage=0.8), Held.NO),
        (Criteria(layer="tcp", max_outage=0.0), Held.NO),
        (Criteria(layer="tcp", max_total=1.2), Held.YES),
        (Criteria(layer="tcp", max_total=1.0), Held.UNKNOWN),
        (Criteria(layer="tcp", max_total=0.5), Held.NO),
        (Criteria(layer="tcp", quiet_after=13.8), Held.YES),
        (Criteria(layer="tcp", quiet_after=13.95), Held.UNKNOWN),
        (Criteria(layer="tcp", quiet_after=14.5), Held.NO),
    ],
)
def test_a_criterion_holds_is_broken_or_nobody_can_tell(criteria: Criteria, held: Held) -> None:
    (found,) = outages.judged(outages.path("tcp", "x", EVERY, HOLDS), criteria, cut=False)
    assert found.held is held


def test_one_failed_sample_breaks_a_limit_of_nothing() -> None:
    path = outages.path("tcp", "x", EVERY, [good(0, 5), bad(5.1, 5.1, samples=1, failed=1), good(5.2, 9)])
    (found,) = outages.judged(path, Criteria(layer="tcp", max_outage=0.0), cut=False)
    assert found.held is Held.NO


def test_a_quiet_time_that_was_cut_is_not_known() -> None:
    (found,) = outages.judged(
        outages.path("tcp", "x", EVERY, [good(0, 5)]), Criteria(layer="tcp", quiet_after=1), cut=True
    )
    assert (found.criterion, found.held) == (Criterion.QUIET_AFTER, Held.UNKNOWN)


def test_unknown_time_may_hide_what_is_not_accepted() -> None:
    path = outages.path("tcp", "x", EVERY, [good(0, 5), good(9, 20)])
    by = {
        each.criterion: each.held
        for each in outages.judged(path, Criteria(layer="tcp", max_outage=3, max_total=5), cut=False)
    }
    assert by == {Criterion.MAX_OUTAGE: Held.UNKNOWN, Criterion.MAX_TOTAL: Held.YES}


@pytest.mark.parametrize(
    ("availability", "told"), [(1.0, "100 %"), (0.9999999, "99.99 %"), (0.81527, "81.52 %"), (0.0, "0.00 %")]
)
def test_percentages_are_rounded_down(availability: float, told: str) -> None:
    assert outages.percent(availability) == told


# --- what could have gone unseen -------------------------------------------------------------------------------------

LAST = 30.0
moments = st.lists(st.floats(min_value=0.0, max_value=LAST), min_size=2, max_size=150, unique=True).map(sorted)
intervals = st.lists(
    st.tuples(st.floats(min_value=0.0, max_value=LAST), st.floats(min_value=0.0, max_value=6.0)), max_size=4
)


def met(times: Sequence[float], down: Sequence[tuple[float, float]]) -> list[Stretch]:
    """What samples at these moments meet, as the watcher tells it. Each is answered at once."""
    found: list[Stretch] = []
    for at in times:
        how = "drop" if any(since <= at < end for since, end in down) else ""
        last = found[-1] if found else None
        if last is not None and last.how == how:
            found[-1] = replace(
                last, last=at, samples=last.samples + 1, failed=last.failed + bool(how),
                gap=max(last.gap or 0.0, at - last.last),
            )  # fmt: skip
        else:
            found.append(Stretch(first=at, last=at, samples=1, failed=int(bool(how)), how=how, gap=0.0))
    return found


def merged(down: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same time in intervals that do not touch, as far as it lies within the watch."""
    found: list[tuple[float, float]] = []
    for since, length in sorted(down):
        end = min(since + length, LAST)
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((since, end))
    return found


@given(moments, intervals, st.floats(min_value=0.05, max_value=5.0))
def test_never_go_if_an_interruption_was_longer_than_is_accepted(
    times: Sequence[float], parts: Sequence[tuple[float, float]], limit: float
) -> None:
    down = merged(parts)
    path = outages.path("tcp", "x", EVERY, met(times, down), LAST, since=0.0, strict=True)
    longest = max((end - since for since, end in down), default=0.0)
    each, together = outages.judged(path, Criteria(layer="tcp", max_outage=limit, max_total=limit), cut=False)
    if longest > limit + 1e-6:
        assert each.held is not Held.YES
        assert together.held is not Held.YES


@given(moments, intervals, st.floats(min_value=0.05, max_value=5.0))
def test_never_quiet_if_an_interruption_that_counts_was_there(
    times: Sequence[float], parts: Sequence[tuple[float, float]], limit: float
) -> None:
    down, quiet = merged(parts), 10.0
    path = outages.path("tcp", "x", EVERY, met(times, down), LAST, since=0.0, strict=True)
    (found,) = [
        each
        for each in outages.judged(path, Criteria(layer="tcp", max_outage=limit, quiet_after=quiet), cut=False)
        if each.criterion is Criterion.QUIET_AFTER
    ]
    if any(end - max(since, LAST - quiet) > limit + 1e-6 for since, end in down):
        assert found.held is not Held.YES


@given(inside, st.floats(min_value=1.5, max_value=4.0), st.integers(min_value=2, max_value=4), st.randoms())
def test_a_share_that_is_lost_is_one_interruption(since: float, length: float, of: int, chance: Random) -> None:
    """One of so many legs drops; samples come ten times a second, and after a failed one fifty times."""
    found: list[Stretch] = []
    at = volley = 0.0
    while at < 20.0:
        bad = since <= at < since + length and chance.random() < 1 / of
        found = (
            [*found, *met([at], [(at, at + 1)] if bad else [])]
            if not found or bool(found[-1].how) != bad
            else [
                *found[:-1],
                replace(found[-1], last=at, samples=found[-1].samples + 1, failed=found[-1].failed + bad),
            ]
        )
        volley = 40 if bad else max(0, volley - 1)
        at += 0.02 if volley else 0.1
    path = outages.path("tcp", "x", EVERY, [replace(each, gap=0.1) for each in found], 20.0, since=0.0, strict=True)
    assume(sum(each.failed for each in found) > 12)
    (held,) = outages.judged(path, Criteria(layer="tcp", max_outage=length - 1.4), cut=False)
    assert held.held is not Held.YES


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([good(0, 19.6, 392), bad(19.65, 19.95)], "when the watch ended"),
        ([bad(0, 0.3), good(0.35, 20, 300)], "when the watch began"),
        ([good(0, 19.7, 300), bad(19.75, 19.75, samples=1, failed=1), good(19.8, 19.8, 1),
          bad(19.85, 19.85, samples=1, failed=1), good(19.9, 20, 3)], "when the watch ended"),
    ],
)  # fmt: skip
def test_what_has_no_end_in_the_watch_may_be_of_any_length(parts: Sequence[Stretch], why: str) -> None:
    """Also a share of connections: a few good ones at the end may be luck."""
    parts = [replace(part, gap=0.06, exact=True) for part in parts]
    path = outages.path("tcp", "x", 0.05, parts, 20.0, since=0.0, strict=True)
    (outage,) = path.outages
    assert outage.most < 5.0
    for found in outages.judged(path, Criteria(layer="tcp", max_outage=5.0, max_total=5.0), cut=False):
        assert found.held is Held.UNKNOWN
        assert why in found.why


def test_what_came_to_its_end_after_the_watch_is_as_long_as_it_was() -> None:
    parts = [good(0, 19.6, 392), bad(19.65, 20.15), replace(good(20.2, 22.0, 40), took=0.01)]
    path = outages.path("tcp", "x", 0.05, [replace(part, gap=0.06) for part in parts], 20.0, since=0.0, strict=True)
    for limit, held in ((1.0, Held.YES), (0.4, Held.NO)):
        (found,) = outages.judged(path, Criteria(layer="tcp", max_outage=limit), cut=False)
        assert found.held is held
    assert path.end == 20.0


def test_what_began_after_the_watch_is_not_of_it() -> None:
    parts = [good(0, 20.5, 410), bad(20.55, 22)]
    path = outages.path("tcp", "x", 0.05, [replace(part, gap=0.06) for part in parts], 20.0, since=0.0, strict=True)
    assert path.outages == ()


def test_single_losses_far_from_each_other_are_no_share() -> None:
    parts = [good(0, 5), bad(5.1, 5.1, samples=1, failed=1), good(5.12, 9, 60), bad(9.1, 9.1, samples=1, failed=1)]
    path = outages.path("tcp", "x", EVERY, [*parts, good(9.12, 20, 100)], 20.0, strict=True)
    assert [outage.of for outage in path.outages] == [None, None]


def test_two_interruptions_with_rest_between_are_two() -> None:
    parts = [
        good(0, 2),
        bad(2.05, 2.85, samples=16, failed=16),
        good(2.9, 4, 12),
        bad(4.05, 4.85, samples=16, failed=16),
    ]
    path = outages.path("tcp", "x", EVERY, [*parts, good(4.9, 8)], 8.0, strict=True)
    assert [outage.of for outage in path.outages] == [None, None]


@pytest.mark.parametrize(
    ("layer", "every", "limit", "held"),
    [
        ("tcp", 0.0625, 1.0, Held.YES),
        ("tcp", 0.1, 1.0, Held.UNKNOWN),
        ("tcp", 0.05, 0.5, Held.UNKNOWN),
        ("tcp", 0.05, 0.8, Held.YES),
        ("dns", 0.1, 1.0, Held.YES),
    ],
)
def test_a_share_of_connections_must_have_met_a_sample(layer: str, every: float, limit: float, held: Held) -> None:
    """One of four routes is lost: sixteen samples meet it with 99 %."""
    for strict in (True, False):
        stretches = [replace(each, gap=every, exact=True) for each in sampled([], every=every)]
        quiet = outages.path(layer, "a", every, stretches, 20.0, since=0.0, strict=strict)
        (found,) = outages.judged(quiet, Criteria(layer=layer, max_outage=limit), cut=False)
        assert found.held is (held if strict else Held.YES)
        assert ("one connection in four" in found.why) is (found.held is Held.UNKNOWN)


@pytest.mark.parametrize(
    ("samples", "pace", "held"),
    [
        (320, None, Held.YES),
        (280, None, Held.YES),
        (200, None, Held.UNKNOWN),
        (320, 0.07, Held.YES),
        (320, 0.09, Held.UNKNOWN),
        (10, None, Held.UNKNOWN),
    ],
)
def test_a_share_needs_as_many_samples_as_were_planned(samples: int, pace: float | None, held: Held) -> None:
    part = Stretch(first=0.0, last=20.0, samples=samples, failed=0, gap=0.3, pace=pace)
    path = outages.path("tcp", "x", 0.0625, [part], 20.0, since=0.0, strict=True)
    (found,) = outages.judged(path, Criteria(layer="tcp", max_outage=1.0), cut=False)
    assert found.held is held
    assert ("one connection in four" in found.why) is (held is Held.UNKNOWN)
    other = outages.path("tls", "x", 0.0625, [part], 20.0, since=0.0, strict=True)
    assert outages.judged(other, Criteria(layer="tls", max_outage=1.0), cut=False)[0].held is Held.YES


def test_a_share_of_handshakes_is_not_watched_where_less_is_accepted_than_it_takes_to_meet_one() -> None:
    every, enough = 0.5, Criteria(layer="tls", max_outage=9.0)
    asked = Watch(duration=60.0, every=0.05, rarely=every, criteria=(enough,))
    assert outages.not_watched(asked, "tls") == ""
    soon = replace(asked, criteria=(replace(enough, max_outage=1.0),))
    assert outages.not_watched(soon, "tls").endswith("opens and then hangs for less than 8.0 s")
    assert outages.not_watched(replace(asked, criteria=()), "tls") == ""
