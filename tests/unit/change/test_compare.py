"""Two runs compared: the table of changes, what is said of drift, and what one word comes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcompliance.change.compare import (
    ANSWERS,
    TABLE,
    Answer,
    Change,
    Compared,
    Outcome,
    Side,
    compare,
    word,
)
from netcompliance.change.facts import Facts
from netcompliance.findings import Code
from netcompliance.model import Basis, Case, DriftKind, Finding, Level, Requirement, Result, Verdict
from netcompliance.results import CaseStatus, Entry

KEY = ("HTTPS-01", "acme.app.stackstate.io", "local")

EXPECTED = {
    #                  pass                 fail                waived              n/a    notchecked no-v.  not planned
    "pass":          ("same",              "regressed",        "regressed",        *["no-longer-checked"] * 4),
    "fail":          ("fixed",             "same",             "same",             *["no-longer-checked"] * 4),
    "waived":        ("fixed",             "same",             "same",             *["no-longer-checked"] * 4),
    "notapplicable": ("newly-checked",     "newly-checked",    "newly-checked",    *["same"] * 4),
    "notchecked":    ("newly-checked",     "newly-checked",    "newly-checked",    *["same"] * 4),
    "no-verdict":    ("newly-checked",     "newly-checked",    "newly-checked",    *["same"] * 4),
    "not-planned":   ("newly-checked",     "newly-checked",    "newly-checked",    *["same"] * 4),
}  # fmt: skip
ALL = list(EXPECTED)


def ended(how: str, *codes: Code, level: Level = Level.MUST, host: str = "h") -> Entry:
    """A case that ended like this: with a verdict and findings, or with none."""
    case = Case(requirement="A", target="t", vantage="local", host=host)
    findings = tuple(Finding(code=code, subject="192.0.2.1", detail="") for code in codes)
    return Entry(
        case=case,
        requirement=Requirement(id="A", says="s", level=level, basis=Basis.DERIVED, source=""),
        verdict=None if how == "no-verdict" else Verdict(case=case, result=Result(how), findings=findings),
    )


def side(name: str = "a", facts: Facts | None = None, **words: str) -> Side:
    """A run with one case per word; the name of the case is the keyword."""
    return sided(name, {(requirement, "t", "local"): ended(how) for requirement, how in words.items()}, facts)


def sided(name: str, some: dict[Any, Entry], facts: Facts | None = None) -> Side:
    return Side(
        run=name,
        sha256=name,
        tenant="acme",
        endpoint="https://acme",
        started="2026-11-25T18:00:00Z",
        began=datetime(2026, 11, 25, 18, tzinfo=UTC),
        overall="satisfied",
        path=name,
        entries=some,
        facts=facts or Facts(),
    )


def test_every_verdict_is_an_answer_and_every_pair_of_answers_a_change() -> None:
    assert set(ANSWERS) == {*Result, None}
    assert set(TABLE) == {(one, other) for one in Answer for other in Answer}
    assert {word(status) for status in (*CaseStatus, None)} == set(ALL)


@pytest.mark.parametrize("before", ALL)
@pytest.mark.parametrize("after", ALL)
def test_the_whole_table(before: str, after: str) -> None:
    one, other = (None if how == "not-planned" else ended(how) for how in (before, after))
    assert Compared(key=KEY, before=one, after=other).change == EXPECTED[before][ALL.index(after)]


WORDS = st.sampled_from(ALL[:-1])
RUNS = st.dictionaries(
    st.tuples(st.sampled_from(["DNS-01", "HTTPS-01", "REG-04"]), st.sampled_from("ab"), st.sampled_from("xy")),
    WORDS.map(ended),
    max_size=12,
)


def is_met(entry: Entry | None) -> bool:
    return entry is not None and entry.status is CaseStatus.PASS


EXAMPLES = settings(max_examples=200, deadline=None, derandomize=True)


@EXAMPLES
@given(RUNS, RUNS)
def test_what_one_way_is_fixed_is_regressed_the_other_way(one: dict[Any, Entry], other: dict[Any, Entry]) -> None:
    there, back = compare(sided("1", one), sided("2", other)), compare(sided("2", other), sided("1", one))

    def keys(comparison: Any, change: Change) -> set[Any]:
        return {each.key for each in comparison.of(change)}

    assert keys(there, Change.FIXED) == keys(back, Change.REGRESSED)
    assert keys(there, Change.NEWLY_CHECKED) == keys(back, Change.NO_LONGER_CHECKED)
    assert keys(there, Change.SAME) == keys(back, Change.SAME)


@EXAMPLES
@given(RUNS, RUNS)
def test_every_case_is_in_it_once_and_nothing_that_was_met_is_called_the_same_without_being_met(
    one: dict[Any, Entry], other: dict[Any, Entry]
) -> None:
    comparison = compare(sided("1", one), sided("2", other))
    assert sorted(each.key for each in comparison.cases) == sorted({*one, *other})
    assert sum(comparison.counts[change] for change in Change) == len(comparison.cases)
    for each in comparison.of(Change.SAME):
        assert is_met(each.before) == is_met(each.after)
    if comparison.outcome is Outcome.UNHARMED:
        for key, entry in one.items():
            if is_met(entry) and key in other:
                assert other[key].status.result in (Result.PASS, Result.WAIVED, Result.NOTAPPLICABLE)


@EXAMPLES
@given(RUNS)
def test_a_run_with_the_same_words_is_the_same(words: dict[Any, Entry]) -> None:
    comparison = compare(sided("1", words), sided("2", dict(words)))
    assert {each.change for each in comparison.cases} <= {Change.SAME}
    assert comparison.outcome is (Outcome.UNHARMED if words else Outcome.UNDETERMINED)


@pytest.mark.parametrize("level", Level)
def test_a_regression_is_one_whatever_its_level(level: Level) -> None:
    now = ended("fail", level=level)
    comparison = compare(sided("1", {KEY: ended("pass", level=level)}), sided("2", {KEY: now}))
    assert comparison.outcome is Outcome.REGRESSED


def test_a_waived_regression_is_told_and_does_not_fail() -> None:
    comparison = compare(side("1", A="pass"), side("2", A="waived"))
    assert [each.accepted for each in comparison.of(Change.REGRESSED)] == [True]
    assert comparison.regressions == []
    assert comparison.outcome is Outcome.UNHARMED


@pytest.mark.parametrize("now", ["notchecked", "no-verdict"])
def test_what_was_met_and_was_left_without_an_answer_leaves_it_undetermined(now: str) -> None:
    comparison = compare(side("1", A="pass", B="pass"), side("2", A=now, B="pass"))
    assert comparison.outcome is Outcome.UNDETERMINED


def test_a_regression_weighs_more_than_what_it_left_unanswered() -> None:
    comparison = compare(side("1", A="pass", B="pass"), side("2", A="fail", B="notchecked"))
    assert comparison.outcome is Outcome.REGRESSED


@pytest.mark.parametrize("now", ["notapplicable", None])
def test_what_is_not_asked_any_more_is_said_and_fails_nothing(now: str | None) -> None:
    after = {"B": "pass"} | ({"A": now} if now else {})
    comparison = compare(side("1", A="pass", B="pass"), side("2", **after))
    assert [each.key[0] for each in comparison.of(Change.NO_LONGER_CHECKED)] == ["A"]
    assert comparison.outcome is Outcome.UNHARMED


def test_a_vantage_from_which_nobody_looks_any_more_leaves_it_undetermined() -> None:
    both = {("A", "t", "local"): ended("pass"), ("A", "t", "ssh://node-1"): ended("pass")}
    one = {("A", "t", "local"): ended("pass")}
    comparison = compare(sided("1", both), sided("2", one))
    assert comparison.lost_vantages == ("ssh://node-1",)
    assert comparison.outcome is Outcome.UNDETERMINED
    assert compare(sided("1", one), sided("2", both)).outcome is Outcome.UNHARMED


def test_two_runs_without_a_case_in_common_prove_nothing() -> None:
    assert compare(side("1", A="fail"), side("2", B="pass")).outcome is Outcome.UNDETERMINED


def test_a_requirement_that_did_not_exist_before_is_newly_checked() -> None:
    comparison = compare(side("1", A="pass"), side("2", A="pass", NEW="fail", OTHER="pass"))
    newly = {each.key[0]: each.newly_unmet for each in comparison.of(Change.NEWLY_CHECKED)}
    assert newly == {"NEW": True, "OTHER": False}
    assert comparison.outcome is Outcome.UNHARMED


ADDRESSES = (DriftKind.ADDRESSES, "local", "acme.app.stackstate.io")
TWO, THREE = (Facts(known={ADDRESSES: frozenset(some)}) for some in (["192.0.2.1"], ["192.0.2.1", "192.0.2.2"]))


@pytest.mark.parametrize(
    ("forbidden", "outcome"),
    [
        ((), Outcome.UNHARMED),
        ((DriftKind.ISSUER,), Outcome.UNHARMED),
        ((DriftKind.ADDRESSES,), Outcome.DRIFTED),
        (tuple(DriftKind), Outcome.DRIFTED),
    ],
)
def test_drift_fails_where_it_was_asked_to(forbidden: tuple[DriftKind, ...], outcome: Outcome) -> None:
    comparison = compare(side("1", TWO, A="pass"), side("2", THREE, A="pass"), forbidden)
    assert [each.new for each in comparison.drifts] == [("192.0.2.2",)]
    assert comparison.outcome is outcome


def test_unmet_for_another_reason_is_drift() -> None:
    before, after = ended("fail", Code.TCP_FILTERED), ended("fail", Code.TLS_INTERCEPTED)
    (drift,) = compare(sided("1", {KEY: before}), sided("2", {KEY: after})).drifts
    assert (drift.kind, drift.before, drift.after) == (
        DriftKind.CAUSE,
        ("tcp.filtered 192.0.2.1",),
        ("tls.intercepted 192.0.2.1",),
    )
    assert compare(sided("1", {KEY: before}), sided("2", {KEY: before})).drifts == ()


@pytest.mark.parametrize(("one", "other"), [("waived", "waived"), ("fail", "waived"), ("waived", "fail")])
def test_what_somebody_accepts_and_is_now_unmet_for_another_reason_is_drift(one: str, other: str) -> None:
    before, after = ended(one, Code.TCP_FILTERED), ended(other, Code.TCP_FILTERED, Code.TLS_INTERCEPTED)
    comparison = compare(sided("1", {KEY: before}), sided("2", {KEY: after}), tuple(DriftKind))
    assert [(drift.before, drift.after) for drift in comparison.drifts] == [
        (("tcp.filtered 192.0.2.1",), ("tcp.filtered 192.0.2.1", "tls.intercepted 192.0.2.1"))
    ]
    assert comparison.outcome is Outcome.DRIFTED


def test_a_regression_names_what_changed_for_its_own_host_and_vantage() -> None:
    facts = [
        Facts(
            known={
                (DriftKind.ISSUER, "local", "a.example"): frozenset([issuer]),
                (DriftKind.ISSUER, "local", "b.example"): frozenset([issuer]),
                (DriftKind.ISSUER, "node", "a.example"): frozenset([issuer]),
                (DriftKind.RESOLVERS, "local", "nameservers"): frozenset([issuer]),
            }
        )
        for issuer in ("one", "two")
    ]
    was, now = (ended(how, host="a.example") for how in ("pass", "fail"))
    comparison = compare(sided("1", {KEY: was}, facts[0]), sided("2", {KEY: now}, facts[1]))
    found = comparison.drift_of(comparison.regressions[0])
    assert [(each.kind, each.subject) for each in found] == [
        (DriftKind.RESOLVERS, "nameservers"),
        (DriftKind.ISSUER, "a.example"),
    ]


def test_what_was_asked_differently_is_said() -> None:
    one = replace(side("1", A="pass"), made_with={"catalogue": "1", "strict": "False"})
    two = replace(side("2", A="pass"), made_with={"catalogue": "2", "strict": "False", "proxy": "http://p:3128"})
    assert compare(one, two).asked == {"catalogue": ("1", "2"), "proxy": ("", "http://p:3128")}
