"""Journals of real runs keep the published schema, and say the same as the report beside them."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from plays import Play, Plays

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
    "own-registry-copy",
    "layers-redirect-to-a-file",
    "values-trap",
    "inbound-attempted",
    "html-everywhere",
)
"""Every kind of observation, and every phase in which an exchange can end, is in one of these."""


@pytest.fixture(scope="module")
def validator(checkout: Path) -> Draft202012Validator:
    """For one record."""
    return Draft202012Validator(json.loads((checkout / "docs" / "journal.schema.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "play", [Play(scenario=name) for name in SCENARIOS], ids=[name or "healthy" for name in SCENARIOS]
)
def test_a_real_journal_keeps_the_schema(plays: Plays, play: Play, validator: Draft202012Validator) -> None:
    outcome = plays[play]
    assert outcome.journal
    for record in outcome.journal:
        errors = [f"{record.get('kind')} {error.json_path}: {error.message}" for error in validator.iter_errors(record)]
        assert not errors
    for record in outcome.journal:
        if record["type"] == "verdict":
            assert escape(record["target"]) in outcome.report


def test_every_kind_of_the_schema_is_seen_in_some_real_journal(plays: Plays, validator: Draft202012Validator) -> None:
    kinds = set(validator.schema["$defs"]["observation"]["properties"]["kind"]["enum"])
    seen = {record.get("kind") for name in SCENARIOS for record in plays[Play(scenario=name)].journal}
    assert kinds - seen == {"fault"}, "a fault is a defect of the probe itself, which no world brings about"
