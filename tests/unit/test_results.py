"""One word over a run: green only if everything that was planned came to a verdict and every must is met."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcompliance.model import Basis, Case, Level, Requirement, Result, Verdict
from netcompliance.report import summary
from netcompliance.results import CaseStatus, Entry, Overall, counts, overall


def entry(
    result: Result | None, level: Level = Level.MUST, *, trouble: str | None = None, strict: bool = False
) -> Entry:
    case = Case(requirement="A-01", target="t", vantage="local", host="t")
    return Entry(
        case=case,
        requirement=Requirement(id="A-01", says="s", level=level, basis=Basis.DERIVED, source="x"),
        verdict=Verdict(case=case, result=result) if result else None,
        trouble=trouble,
        strict=strict,
    )


PASS = entry(Result.PASS)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], Overall.UNDETERMINED),
        ([PASS], Overall.SATISFIED),
        ([PASS, entry(Result.NOTAPPLICABLE), entry(Result.WAIVED)], Overall.SATISFIED),
        ([PASS, entry(Result.FAIL)], Overall.NOT_SATISFIED),
        ([PASS, entry(Result.FAIL, Level.SHOULD)], Overall.SATISFIED),
        ([PASS, entry(Result.FAIL, Level.SHOULD, strict=True)], Overall.NOT_SATISFIED),
        ([PASS, entry(Result.NOTCHECKED, Level.SHOULD)], Overall.SATISFIED),
        ([PASS, entry(Result.NOTCHECKED)], Overall.UNDETERMINED),
        ([entry(Result.FAIL), entry(Result.NOTCHECKED)], Overall.NOT_SATISFIED),
        ([PASS, entry(None)], Overall.UNDETERMINED),
        ([PASS, entry(None, Level.SHOULD)], Overall.UNDETERMINED),
        ([PASS, entry(None, trouble="x")], Overall.UNDETERMINED),
        ([entry(Result.FAIL), entry(None)], Overall.NOT_SATISFIED),
        ([entry(Result.FAIL), entry(None, trouble="x")], Overall.NOT_SATISFIED),
    ],
)
def test_overall(entries: list[Entry], expected: Overall):
    assert overall(entries) is expected


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (PASS, CaseStatus.PASS),
        (entry(Result.FAIL), CaseStatus.FAIL),
        (entry(Result.FAIL, Level.SHOULD), CaseStatus.UNMET_SHOULD),
        (entry(Result.FAIL, Level.SHOULD, strict=True), CaseStatus.FAIL),
        (entry(Result.WAIVED), CaseStatus.WAIVED),
        (entry(Result.NOTAPPLICABLE), CaseStatus.NOTAPPLICABLE),
        (entry(Result.NOTCHECKED), CaseStatus.NOTCHECKED),
        (entry(None), CaseStatus.NO_VERDICT),
        (entry(None, trouble="x"), CaseStatus.ERROR),
    ],
)
def test_statuses(one: Entry, status: CaseStatus):
    assert one.status is status
    assert status.result is (one.verdict and one.verdict.result)


def test_counts_forget_nothing():
    found = counts([PASS, entry(Result.FAIL), entry(Result.FAIL, Level.SHOULD), entry(None), entry(None, trouble="x")])
    assert found == {
        "pass": 1,
        "fail": 2,
        "notapplicable": 0,
        "notchecked": 0,
        "waived": 0,
        "error": 2,
        "unmet-should": 1,
    }


ENTRIES = st.lists(
    st.builds(
        entry,
        st.sampled_from([*Result, None]),
        st.sampled_from(Level),
        trouble=st.sampled_from([None, "x"]),
        strict=st.just(value=False),
    )
)


@given(ENTRIES)
def test_satisfied_means_that_every_must_was_seen_to_hold(entries: list[Entry]):
    if overall(entries) is Overall.SATISFIED:
        good = {Result.PASS, Result.WAIVED, Result.NOTAPPLICABLE}
        assert all(e.verdict for e in entries)
        assert all(e.verdict and e.verdict.result in good for e in entries if e.requirement.level is Level.MUST)


@given(ENTRIES)
def test_one_more_failure_never_makes_it_better(entries: list[Entry]):
    assert overall([*entries, entry(Result.FAIL)]) is not Overall.SATISFIED
    assert overall([*entries, entry(None)]) is not Overall.SATISFIED


def test_under_version_1_what_was_not_looked_at_outweighs_a_failure():
    assert overall([entry(Result.FAIL), entry(None)], 1) is Overall.UNDETERMINED
    assert overall([entry(Result.FAIL), PASS], 1) is Overall.NOT_SATISFIED


@given(ENTRIES)
def test_every_case_is_counted_once(entries: list[Entry]):
    found = counts(entries)
    assert sum(number for word, number in found.items() if word != "unmet-should") == len(entries)


def test_satisfied_never_stands_alone_above_warnings():
    entries = [PASS, entry(Result.FAIL, Level.SHOULD)]
    assert summary.concluded(overall(entries), summary.warnings(entries)) == "satisfied, 1 warning"
    assert summary.concluded(Overall.SATISFIED, 2) == "satisfied, 2 warnings"
    assert summary.concluded(Overall.SATISFIED, 0) == "satisfied"
    assert summary.concluded(Overall.NOT_SATISFIED, 2) == "not satisfied"
