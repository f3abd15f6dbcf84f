"""What a journal keeps of a comparison gives the same words as the comparison itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netcompliance.change import baseline, record, wording
from netcompliance.change.compare import Change, Comparison, compare
from netcompliance.journal.reader import BadJournal
from netcompliance.model import DriftKind
from tests.support.schema import strict
from tests.unit.change.journals import case, header, records, resolved, verdict, write
from tests.unit.change.test_compare import ended, sided

LOST = "ssh://node-9"
WAS = {"HTTPS-01": "pass", "HTTPS-02": "pass", "REG-01": "pass", "CLK-01": "fail", "DNS-03": "none", "RCV-01": "fail"}
NOW = {"HTTPS-01": "fail", "HTTPS-02": "waived", "REG-01": "notchecked", "CLK-01": "pass", "DNS-03": "fail"}


@pytest.fixture
def compared(tmp_path: Path) -> Comparison:
    """A comparison with something of every kind."""
    first = records(WAS, [resolved("192.0.2.1")], run="a1")
    first[1:1] = [case("HTTPS-01", vantage=LOST), verdict("HTTPS-01", "pass", vantage=LOST)]
    second = records(NOW, [resolved("192.0.2.9")], run="b2", started="2026-11-25T19:00:00.000Z")
    second[0] |= {"settings": {**header()["settings"], "registry": "mirror.corp.example"}}
    before = baseline.side(write(tmp_path / "before" / "journal.jsonl", first))
    after = baseline.side(write(tmp_path / "after" / "journal.jsonl", second))
    return compare(before, after, [DriftKind.ADDRESSES])


def kept(comparison: Comparison) -> dict[str, Any]:
    """As it is in the journal."""
    found: dict[str, Any] = json.loads(json.dumps(record.in_journal(comparison)))
    return found


def test_all_that_is_told_is_told_again(compared: Comparison) -> None:
    again = record.recalled(kept(compared), compared.after, compared.forbidden)
    assert len(wording.sections(compared)) == 7
    assert wording.sections(again) == wording.sections(compared)
    assert wording.conclusion(again) == wording.conclusion(compared)
    assert wording.counted(again) == wording.counted(compared)
    assert wording.side(again.before, path=False) == wording.side(compared.before, path=False)
    assert again.outcome is compared.outcome


@pytest.mark.parametrize(
    "cases",
    [
        {"A": ("pass", "notchecked")},
        {"A": ("pass", "pass")},
        {"A": ("fail", "fail")},
    ],
)
def test_every_outcome_is_told_again(cases: dict[str, tuple[str, str]]) -> None:
    sides = [
        sided(run, {(name, "t", "local"): ended(words[number]) for name, words in cases.items()})
        for number, run in enumerate(("1", "2"))
    ]
    comparison = compare(*sides)
    again = record.recalled(kept(comparison), comparison.after, ())
    assert (again.outcome, wording.conclusion(again)) == (comparison.outcome, wording.conclusion(comparison))


def test_the_record_keeps_the_schema(compared: Comparison) -> None:
    strict().validate({"type": "comparison", "link": "0" * 64, **kept(compared)})


def test_older_journals_say_what_regressed(compared: Comparison) -> None:
    older = {name: kept(compared)[name] for name in ("baseline", "outcome", "counts", "regressed", "drift")}
    again = record.recalled(older, compared.after, ())
    assert [each.key for each in again.of(Change.REGRESSED)] == [each.key for each in compared.of(Change.REGRESSED)]
    assert wording.conclusion(again) == "acme: 1 case was met before and is unmet now"


def test_there_is_room_in_a_line_for_the_worst(compared: Comparison) -> None:
    plain = ended("pass")
    assert plain.verdict
    passed = replace(plain, verdict=replace(plain.verdict, saw="x" * 1000))
    many = {("A", f"{number}", "local"): passed for number in range(3000)}
    lost = {("B", f"{number}", "local"): ended("pass") for number in range(3000)}
    now = {key: ended("fail") for key in many} | {key: ended("notchecked") for key in lost}
    told_of = kept(compare(sided("1", lost | many), sided("2", now)))
    assert len(json.dumps(told_of["changed"])) <= record.CHANGED_SIZE * 1.1
    assert {each["requirement"] for each in told_of["changed"]} == {"A"}
    assert told_of["counts"]["no-longer-checked"] == 3000


@pytest.mark.parametrize(
    "wrong",
    [
        {"baseline": None},
        {"baseline": {}},
        {"outcome": "fine"},
        {"counts": []},
        {"counts": {"same": "x"}},
        {"regressed": [{}]},
        {"regressed": 7},
        {"changed": [{"requirement": "A", "target": "t", "vantage": "v", "before": {"verdict": "good"}}]},
        {"changed": [{"requirement": "A", "target": "t", "vantage": "v", "before": []}]},
        {"drift": [{"kind": "weather", "vantage": "v", "subject": "s", "before": [], "after": []}]},
        {"asked": {"registry": "x"}},
        {"lost_vantages": None},
    ],
)
def test_a_record_of_another_shape_is_refused(compared: Comparison, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadJournal, match="does not say what came of it"):
        record.recalled({**kept(compared), **wrong}, compared.after, ())
