"""Journals of real runs keep the published schema, and say the same as the report beside them."""

from __future__ import annotations

from html import escape

import pytest
from jsonschema import Draft202012Validator
from lab_runs import LabRun, LabRuns

from netcompliance.cli.main import main
from tests.support.schema import strict

pytestmark = pytest.mark.lab

SCENARIOS = (
    None,
    "dns-timeout",
    "tcp-prohibited",
    "mtu-black-hole",
    "interception",
    "ssh-on-443",
    "mandatory-tls-proxy",
    "proxy-declared-https",
    "proxy-one-address-dead",
    "own-registry-copy",
    "layers-redirect-to-a-file",
    "values-trap",
    "inbound-attempted",
    "html-everywhere",
    "window-flaky",
)
"""Every kind of observation, and every phase in which an exchange can end, is in one of these."""


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    """For one record; what it writes beyond the schema is an error."""
    return strict()


@pytest.mark.parametrize(
    "play", [LabRun(scenario=name) for name in SCENARIOS], ids=[name or "healthy" for name in SCENARIOS]
)
def test_a_real_journal_keeps_the_schema(plays: LabRuns, play: LabRun, validator: Draft202012Validator) -> None:
    outcome = plays[play]
    assert outcome.journal
    for record in outcome.journal:
        errors = [f"{record.get('kind')} {error.json_path}: {error.message}" for error in validator.iter_errors(record)]
        assert not errors
    for record in outcome.journal:
        if record["type"] == "verdict":
            assert escape(record["target"]) in outcome.report


@pytest.mark.parametrize(
    "play", [LabRun(scenario=name) for name in SCENARIOS], ids=[name or "healthy" for name in SCENARIOS]
)
def test_what_a_real_run_leaves_is_good_evidence(
    plays: LabRuns, play: LabRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every verdict of every world follows from its observations, as they were written."""
    outcome = plays[play]
    directory = str(outcome.directory)
    assert (main(["verify", directory]), capsys.readouterr().out.splitlines()[-1]) == (0, "the evidence is good")
    assert main(["judge", directory]) == 0
    assert f"overall: {outcome.overall} then, {outcome.overall} now" in capsys.readouterr().out
    assert main(["show", directory]) == (0 if outcome.overall == "satisfied" else 1)
    shown = capsys.readouterr().out
    for requirement in outcome.failing():
        assert requirement in shown


def test_every_kind_of_the_schema_is_seen_in_some_real_journal(plays: LabRuns, validator: Draft202012Validator) -> None:
    kinds = set(validator.schema["$defs"]["observation"]["properties"]["kind"]["enum"])
    all_plays = (*(LabRun(scenario=name) for name in SCENARIOS), LabRun(hosts=("ssh://bare",), cast=("bare",)))
    seen = {record.get("kind") for play in all_plays for record in plays[play].journal}
    assert kinds - seen == {"fault"}, "a fault is a defect of the probe itself, which no world brings about"
