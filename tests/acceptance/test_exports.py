"""Journals of real runs, exported while they ran, are what the field's own tools take them for."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab_runs import LabRun, LabRuns, Outcome

from netcompliance.journal.reader import read
from netcompliance.report.export import FORMATS, render
from tests.unit.report.export.tools import TOOLS
from tests.unit.report.export.words import WORDS

pytestmark = [pytest.mark.lab, pytest.mark.daemons]

EXPORTS = tuple(f"--export={name}" for name in FORMATS)
PROFILE = f"--profile={Path(__file__).resolve().parent / 'data' / 'waiver.toml'}"
PLAYS = {
    "healthy": LabRun(options=EXPORTS),
    "one-address-dropped": LabRun(scenario="one-address-dropped", options=EXPORTS),
    "waived": LabRun(scenario="one-address-dropped", options=(*EXPORTS, PROFILE)),
    "captive-portal": LabRun(scenario="captive-portal", options=EXPORTS),
    "unmet-should": LabRun(scenario="clock-5-minutes-behind", options=EXPORTS),
    "one-host-gone": LabRun(
        hosts=("local", "ssh://node-1", "ssh://refused"), nodes=1, cast=("refused",), options=EXPORTS
    ),
    "deselected": LabRun(options=(*EXPORTS, "-k", "resolves")),
}
SEEN = {
    "healthy": {"pass", "notapplicable"},
    "one-address-dropped": {"pass", "notapplicable", "fail", "notchecked"},
    "waived": {"pass", "notapplicable", "waived"},
    "captive-portal": {"pass", "notapplicable", "fail", "notchecked"},
    "unmet-should": {"pass", "notapplicable", "unmet"},
    "one-host-gone": {"pass", "notapplicable", "error"},
    "deselected": {"pass", "unknown"},
}
"""What becomes of cases in each lab run. Together, everything that can."""


def outcomes(outcome: Outcome) -> dict[str, str]:
    """Case → what became of it, read from the journal without the help of what is tested."""
    records = outcome.journal
    verdicts = {(r["requirement"], r["target"], r["vantage"]): r for r in records if r["type"] == "verdict"}
    gone = {record["id"] for record in records if record["type"] == "vantage" and "error" in record}
    told = {}
    for case in (record for record in records if record["type"] == "case"):
        verdict = verdicts.get((case["requirement"], case["target"], case["vantage"]))
        word = verdict["verdict"] if verdict else "error" if case["vantage"] in gone else "unknown"
        unmet = word == "fail" and case["level"] == "should"
        told[f"{case['requirement']} {case['target']} from {case['vantage']}"] = "unmet" if unmet else word
    return told


@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_every_format_tells_every_case(plays: LabRuns, play: LabRun) -> None:
    outcome = plays[play]
    became = outcomes(outcome)
    assert set(became.values()) == SEEN[next(name for name, each in PLAYS.items() if each == play)], outcome.output
    for name, each in FORMATS.items():
        content = (outcome.directory / each.file).read_bytes()
        assert content == render(name, read(outcome.directory / "journal.jsonl"))
        read_back = TOOLS[name](content)
        if name == "markdown":
            assert read_back.keys() == {case.partition(" ")[0] for case in became}
        else:
            assert read_back == {case: WORDS[name][word] for case, word in became.items()}, name


def test_together_the_plays_have_every_outcome() -> None:
    assert set().union(*SEEN.values()) == set(WORDS["csv"])
