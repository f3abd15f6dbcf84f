"""Two runs compared: the table of changes, what is said of drift, and what one word comes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcompliance.change.compare import (
    NOT_PLANNED,
    STANDS,
    TABLE,
    Change,
    Compared,
    Outcome,
    Side,
    Stand,
    State,
    Word,
    compare,
    states,
)
from netcompliance.change.facts import Facts
from netcompliance.model import DriftKind, Result
from tests.unit.change.journals import case, verdict

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
ALL = list(Word)


def side(name: str = "a", facts: Facts | None = None, **words: Word) -> Side:
    """A run with one case per word; the name of the case is the keyword."""
    return sided(name, {(requirement, "t", "local"): State(word=word) for requirement, word in words.items()}, facts)


def sided(name: str, some: dict[Any, State], facts: Facts | None = None) -> Side:
    return Side(
        run=name,
        sha256=name,
        tenant="acme",
        endpoint="https://acme",
        started="2026-11-25T18:00:00Z",
        began=datetime(2026, 11, 25, 18, tzinfo=UTC),
        overall="satisfied",
        path=name,
        states=some,
        facts=facts or Facts(),
    )


def test_every_word_has_a_stand_and_every_pair_of_stands_a_change() -> None:
    assert set(STANDS) == set(Word)
    assert set(TABLE) == {(one, other) for one in Stand for other in Stand}
    assert {str(word) for word in Word} == {*map(str, Result), "no-verdict", "not-planned"}


@pytest.mark.parametrize("before", ALL)
@pytest.mark.parametrize("after", ALL)
def test_the_whole_table(before: Word, after: Word) -> None:
    compared = Compared(key=KEY, before=State(word=before), after=State(word=after))
    assert compared.change == EXPECTED[before][ALL.index(after)]


WORDS = st.sampled_from(ALL[:-1])
RUNS = st.dictionaries(
    st.tuples(st.sampled_from(["DNS-01", "HTTPS-01", "REG-04"]), st.sampled_from("ab"), st.sampled_from("xy")),
    WORDS.map(lambda word: State(word=word)),
    max_size=12,
)
EXAMPLES = settings(max_examples=200, deadline=None, derandomize=True)


@EXAMPLES
@given(RUNS, RUNS)
def test_what_one_way_is_fixed_is_regressed_the_other_way(one: dict[Any, State], other: dict[Any, State]) -> None:
    there, back = compare(sided("1", one), sided("2", other)), compare(sided("2", other), sided("1", one))

    def keys(comparison: Any, change: Change) -> set[Any]:
        return {each.key for each in comparison.of(change)}

    assert keys(there, Change.FIXED) == keys(back, Change.REGRESSED)
    assert keys(there, Change.NEWLY_CHECKED) == keys(back, Change.NO_LONGER_CHECKED)
    assert keys(there, Change.SAME) == keys(back, Change.SAME)


@EXAMPLES
@given(RUNS, RUNS)
def test_every_case_is_in_it_once_and_nothing_that_was_met_is_called_the_same_without_being_met(
    one: dict[Any, State], other: dict[Any, State]
) -> None:
    comparison = compare(sided("1", one), sided("2", other))
    assert sorted(each.key for each in comparison.cases) == sorted({*one, *other})
    assert sum(comparison.counts[change] for change in Change) == len(comparison.cases)
    for each in comparison.of(Change.SAME):
        assert (each.before.word is Word.PASS) == (each.after.word is Word.PASS)
    if comparison.outcome is Outcome.UNHARMED:
        for key, state in one.items():
            if state.word is Word.PASS:
                assert other.get(key, NOT_PLANNED).word not in (Word.FAIL, Word.NOTCHECKED, Word.NO_VERDICT)


@EXAMPLES
@given(RUNS)
def test_a_run_with_the_same_words_is_the_same(words: dict[Any, State]) -> None:
    comparison = compare(sided("1", words), sided("2", dict(words)))
    assert {each.change for each in comparison.cases} <= {Change.SAME}
    assert comparison.outcome is (Outcome.UNHARMED if words else Outcome.UNDETERMINED)


@pytest.mark.parametrize("level", ["must", "should"])
def test_a_regression_is_one_whatever_its_level(level: str) -> None:
    now = State(word=Word.FAIL, level=level)
    comparison = compare(sided("1", {KEY: State(word=Word.PASS, level=level)}), sided("2", {KEY: now}))
    assert comparison.outcome is Outcome.REGRESSED


def test_a_waived_regression_is_told_and_does_not_fail() -> None:
    comparison = compare(side("1", A=Word.PASS), side("2", A=Word.WAIVED))
    assert [each.accepted for each in comparison.of(Change.REGRESSED)] == [True]
    assert comparison.regressions == []
    assert comparison.outcome is Outcome.UNHARMED


@pytest.mark.parametrize("now", [Word.NOTCHECKED, Word.NO_VERDICT])
def test_what_was_met_and_was_left_without_an_answer_leaves_it_undetermined(now: Word) -> None:
    comparison = compare(side("1", A=Word.PASS, B=Word.PASS), side("2", A=now, B=Word.PASS))
    assert comparison.outcome is Outcome.UNDETERMINED


def test_a_regression_weighs_more_than_what_it_left_unanswered() -> None:
    comparison = compare(side("1", A=Word.PASS, B=Word.PASS), side("2", A=Word.FAIL, B=Word.NOTCHECKED))
    assert comparison.outcome is Outcome.REGRESSED


@pytest.mark.parametrize("now", [Word.NOTAPPLICABLE, None])
def test_what_is_not_asked_any_more_is_said_and_fails_nothing(now: Word | None) -> None:
    after = {"B": Word.PASS} | ({"A": now} if now else {})
    comparison = compare(side("1", A=Word.PASS, B=Word.PASS), side("2", **after))
    assert [each.key[0] for each in comparison.of(Change.NO_LONGER_CHECKED)] == ["A"]
    assert comparison.outcome is Outcome.UNHARMED


def test_a_vantage_from_which_nobody_looks_any_more_leaves_it_undetermined() -> None:
    both = {("A", "t", "local"): State(word=Word.PASS), ("A", "t", "ssh://node-1"): State(word=Word.PASS)}
    one = {("A", "t", "local"): State(word=Word.PASS)}
    comparison = compare(sided("1", both), sided("2", one))
    assert comparison.lost_vantages == ["ssh://node-1"]
    assert comparison.outcome is Outcome.UNDETERMINED
    assert compare(sided("1", one), sided("2", both)).outcome is Outcome.UNHARMED


def test_two_runs_without_a_case_in_common_prove_nothing() -> None:
    assert compare(side("1", A=Word.FAIL), side("2", B=Word.PASS)).outcome is Outcome.UNDETERMINED


def test_a_requirement_that_did_not_exist_before_is_newly_checked() -> None:
    comparison = compare(side("1", A=Word.PASS), side("2", A=Word.PASS, NEW=Word.FAIL, OTHER=Word.PASS))
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
    comparison = compare(side("1", TWO, A=Word.PASS), side("2", THREE, A=Word.PASS), forbidden)
    assert [each.new for each in comparison.drifts] == [("192.0.2.2",)]
    assert comparison.outcome is outcome


def test_unmet_for_another_reason_is_drift() -> None:
    before = State(word=Word.FAIL, codes=("tcp.filtered 192.0.2.1",))
    after = replace(before, codes=("tls.intercepted 192.0.2.1",))
    (drift,) = compare(sided("1", {KEY: before}), sided("2", {KEY: after})).drifts
    assert (drift.kind, drift.before, drift.after) == (DriftKind.CAUSE, before.codes, after.codes)
    assert compare(sided("1", {KEY: before}), sided("2", {KEY: before})).drifts == ()


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
    was, now = (State(word=word, host="a.example") for word in (Word.PASS, Word.FAIL))
    comparison = compare(sided("1", {KEY: was}, facts[0]), sided("2", {KEY: now}, facts[1]))
    found = comparison.underneath(comparison.regressions[0])
    assert [(each.kind, each.subject) for each in found] == [
        (DriftKind.RESOLVERS, "nameservers"),
        (DriftKind.ISSUER, "a.example"),
    ]


def test_what_was_asked_differently_is_said() -> None:
    one = replace(side("1", A=Word.PASS), made_with={"catalogue": "1", "strict": "False"})
    two = replace(side("2", A=Word.PASS), made_with={"catalogue": "2", "strict": "False", "proxy": "http://p:3128"})
    assert compare(one, two).asked == {"catalogue": ("1", "2"), "proxy": ("", "http://p:3128")}


def test_states_of_a_journal_are_its_planned_cases() -> None:
    found = {"code": "tcp.filtered", "subject": "192.0.2.1", "detail": "no answer"}
    planned = [case("HTTPS-01"), case("HTTPS-02"), case("REG-01", level="should")]
    given_ = [verdict("HTTPS-01", "fail", findings=[found, found, "rubbish"]), verdict("REG-01", "excellent")]
    read = {key[0]: state for key, state in states(planned, [*given_, verdict("UNPLANNED", "pass")]).items()}
    assert {name: state.word for name, state in read.items()} == {
        "HTTPS-01": Word.FAIL,
        "HTTPS-02": Word.NO_VERDICT,
        "REG-01": Word.NO_VERDICT,
    }
    assert read["HTTPS-01"].codes == ("tcp.filtered 192.0.2.1",)
    assert read["REG-01"].level == "should"
