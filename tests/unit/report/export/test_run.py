"""What formats are given to tell: every planned case, and never more good than the journal proves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from netcompliance.journal.reader import BadJournal
from netcompliance.report.export.run import ExportedRun, exported
from netcompliance.results import Overall
from tests.unit.report.export.journals import (
    FOOTER,
    GONE,
    HEADER,
    OUTCOMES,
    WAIVER,
    Json,
    alone,
    case,
    mixed,
    place,
    saved,
    verdict,
)

Tell = Callable[[list[Json]], ExportedRun]


@pytest.fixture
def tell() -> Tell:
    return lambda records: exported(saved(records))


def test_every_planned_case_is_told_in_the_order_of_the_plan(tell: Tell) -> None:
    told = tell(mixed())
    assert {row.requirement.id: row.word for row in told.rows} == OUTCOMES
    assert [row.requirement.id for row in told.rows] == list(OUTCOMES)


def test_why_there_is_no_verdict_is_told(tell: Tell) -> None:
    reasons = {row.requirement.id: row.reason for row in tell(mixed()).rows}
    assert reasons["REG-01"] == "the host refuses connections"
    assert reasons["OUT-01"] == "deselected or interrupted"


def test_without_a_footer_only_a_failure_stays_what_it_is(tell: Tell) -> None:
    told = tell(mixed()[:-1])
    assert told.finished is None
    assert told.overall is Overall.UNDETERMINED
    assert {row.requirement.id: row.word for row in told.rows} == {
        name: word if word in ("fail", "error") else "unknown" for name, word in OUTCOMES.items()
    }
    assert all("cut off" in row.reason for row in told.rows if row.word == "unknown")


@pytest.mark.parametrize(
    ("records", "overall"),
    [
        (alone("pass", "satisfied"), Overall.SATISFIED),
        (alone("pass", "not-satisfied"), Overall.NOT_SATISFIED),
        (alone("pass", "undetermined"), Overall.UNDETERMINED),
        (alone("fail", "satisfied"), Overall.NOT_SATISFIED),
        (alone("fail", "satisfied", "HTTPS-06"), Overall.SATISFIED),
        (alone("notchecked", "satisfied"), Overall.UNDETERMINED),
        ([HEADER, case("DNS-01"), {**FOOTER, "overall": "satisfied"}], Overall.UNDETERMINED),
        ([HEADER, {**FOOTER, "overall": "satisfied"}], Overall.UNDETERMINED),
    ],
)
def test_the_run_is_the_worse_of_what_its_footer_and_its_cases_say(
    tell: Tell, records: list[Json], overall: Overall
) -> None:
    assert tell(records).overall is overall


def test_an_unmet_should_weighs_in_a_strict_run(tell: Tell) -> None:
    header = {**HEADER, "settings": {"strict": True}}
    assert tell([header, *alone("fail", "satisfied", "HTTPS-06")[1:]]).overall is Overall.NOT_SATISFIED


def test_the_waiver_that_was_in_force_is_found(tell: Tell) -> None:
    expired = {**WAIVER, "owner": "Bob", "expires": "2026-11-24"}
    elsewhere = {**WAIVER, "owner": "Eve", "vantage": "ssh://*"}
    settings = {"waivers": [expired, elsewhere, WAIVER]}
    (row,) = tell([{**HEADER, "settings": settings}, *alone("waived", "satisfied", "CLK-01")[1:]]).rows
    assert row.waiver
    assert row.waiver.owner == "Ann"
    assert row.waived_until
    assert row.waived_until.isoformat() == "2027-02-01T00:00:00+00:00"


def test_a_waiver_of_a_case_that_is_not_waived_is_not_told(tell: Tell) -> None:
    (row,) = tell(alone("fail", "satisfied", "CLK-01")).rows
    assert row.waiver is None


def test_vantages_are_told_with_what_is_known_of_them(tell: Tell) -> None:
    here, gone = tell(mixed()).places
    assert (here.visited, here.clock_offset, here.facts["hostname"]) == (True, 0.4, "lab-host")
    assert (gone.id, gone.visited, gone.error) == (GONE, False, "the host refuses connections")


@pytest.mark.parametrize("offset", [True, "0.4", [0.4], None, float("nan"), float("inf"), 10**400])
def test_a_clock_that_is_no_number_is_not_known(tell: Tell, offset: Any) -> None:
    assert tell([HEADER, case("DNS-01"), place("local", clock_offset=offset)]).places[0].clock_offset is None


def test_what_an_editor_or_a_terminal_would_obey_is_gone(tell: Tell) -> None:
    hostile = "a\x1b[31m\x00\u202eb\nc\ud800\ufffe\u2028d"
    (row,) = tell([HEADER, case("DNS-01"), verdict("DNS-01", "fail", saw=hostile), FOOTER]).rows
    assert row.saw.isprintable()
    assert (row.saw[0], row.saw[-1]) == ("a", "d")


def test_the_journals_own_place_is_not_told() -> None:
    one, other = (exported(saved(mixed(), f"{name}/journal.jsonl")) for name in "ab")
    assert one == other


BAD: dict[str, tuple[list[Json], str]] = {
    "two verdicts": ([HEADER, case("DNS-01"), *[verdict("DNS-01", "pass")] * 2], "two verdicts on DNS-01"),
    "planned twice": ([HEADER, case("DNS-01"), case("DNS-01")], "planned twice: DNS-01"),
    "alike once cleaned": ([HEADER, case("DNS-01", "a\x01"), case("DNS-01", "a\x02")], "planned twice"),
    "not planned": ([HEADER, case("DNS-01"), verdict("DNS-02", "pass")], "not planned: DNS-02"),
    "no target": ([HEADER, case("DNS-01", "")], "a case without target"),
    "a list for a target": ([HEADER, {**case("DNS-01"), "target": ["a"]}], "case.target is of the wrong type"),
    "a requirement that is a path": ([HEADER, case("../x")], "requirement of a case cannot be '../x'"),
    "an end that is no time": ([HEADER, {**FOOTER, "finished": "late"}], "finished of a footer is no time"),
    "an unknown level": ([HEADER, case("DNS-01", level="may")], "case.level is 'may'"),
    "an unknown verdict": (
        [HEADER, case("DNS-01"), verdict("DNS-01", "ok")],
        "verdict.verdict is 'ok'",
    ),
    "findings that are none": ([HEADER, case("DNS-01"), verdict("DNS-01", "fail", findings={})], "findings is no list"),
    "a finding that is none": (
        [HEADER, case("DNS-01"), verdict("DNS-01", "fail", findings=[1])],
        "[0] is no object",
    ),
    "an unknown word over all": ([HEADER, {**FOOTER, "overall": "fine"}], "footer.overall is 'fine'"),
    "no time": ([{**HEADER, "started": "yesterday"}], "when the run began"),
    "a time without a zone": ([{**HEADER, "started": "2026-11-25T18:00:00"}], "when the run began"),
    "a time at the end of all": (
        [{**HEADER, "started": "9999-12-31T23:59:59-12:00"}],
        "when the run began",
    ),
    "a digest that is none": ([{**HEADER, "catalogue_sha256": "c5"}], "catalogue_sha256 of a header cannot be 'c5'"),
    "a run that is markup": ([{**HEADER, "run": '"/>'}], "run of a header cannot be"),
    "a waiver without an owner": ([{**HEADER, "settings": {"waivers": [{**WAIVER, "owner": ""}]}}], "without owner"),
    "a waiver without end": ([{**HEADER, "settings": {"waivers": [{**WAIVER, "expires": "never"}]}}], "'never'"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_journal_that_is_none_is_refused_in_one_line(tell: Tell, bad: str) -> None:
    records, words = BAD[bad]
    with pytest.raises(BadJournal) as refused:
        tell(records)
    assert words in str(refused.value)
    assert str(refused.value).isprintable()


def test_nothing_of_it_can_be_changed(tell: Tell) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        tell(mixed()).rows[0].saw = "else"  # type: ignore[misc]
