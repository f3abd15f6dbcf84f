"""From samples to outages and criteria: what is told is never shorter, and never surer, than the samples allow."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from netcompliance import outages
from netcompliance.model import Criteria
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
        assert outages.told(outage)
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
    assert outages.told(outage) == "0.10 s ± 0.10 s (drop)"


def test_different_ends_without_a_good_sample_between_are_one_outage() -> None:
    (outage,) = outages.path(
        "tcp", "x", EVERY, [good(0, 5), bad(5.1, 6), bad(6.1, 9, "reset", 30, 30), good(9.1, 20)]
    ).outages
    assert outage.how == ("reset", "drop")
    assert outage.length == pytest.approx(4.0)


def test_what_was_down_at_the_ends_says_so() -> None:
    first, last = outages.path("tcp", "x", EVERY, [bad(0, 2), good(2.1, 8), bad(8.1, 10)]).outages
    assert (first.before, first.goes_on, last.before, last.goes_on) == (True, False, False, True)
    assert outages.told(first).startswith("at least ")
    assert "from before the watch" in outages.told(first)
    assert "until after the watch" in outages.told(last)


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
