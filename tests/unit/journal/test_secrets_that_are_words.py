"""A password that is a word hides that word nowhere but where passwords stand: it changes no verdict."""

from __future__ import annotations

import random

import pytest

from netcompliance.journal.known import is_distinct
from netcompliance.journal.redact import Redactor
from netcompliance.session.build import _words
from tests.unit.judge.test_properties import BROKEN
from tests.unit.judge.world import CATALOGUE, SETTINGS, healthy, proxied, verdicts

WORDS = _words(CATALOGUE, [SETTINGS], ["local"])
COMMON = """
acme local stackstate quay.io 2026 443 a / app.stackstate.io acme.app.stackstate.io tenant receiver TIMEOUT tls
10.20.0.4 34.250.11.21 sha256 registry https://x ssh://node-1 é pass fail kind host { %41 *** null true http
application/json text/html authorization Bearer stackstate-k8s-agent /receiver/stsAgent amd64 GET POST getaddrinfo
Go-Resolve dns-share Proxy-Address source_address6 Public-DNS received-Hello AGENT_only
"""
LETTERS = "abcdeXYZ019 /@#%\"'<&é"
GENERATED = ("".join(random.Random(number).choices(LETTERS, k=1 + number % 24)) for number in range(160))
LONGER = {f"{word}-Zq7!" for word in COMMON.split()}
"""What begins like a word: where a text ends, that is one."""
PASSWORDS = sorted({*COMMON.split(), *GENERATED, *LONGER})
WORLDS = {"proxied": proxied(), "healthy": healthy(), **BROKEN}


def test_there_are_enough() -> None:
    assert len(PASSWORDS) >= 190


@pytest.mark.parametrize("world", ["healthy", "proxied", "intercepted", "a page at one address"])
def test_no_verdict_changes(world: str) -> None:
    """Of records that are as they were, verdicts are as they were: `test_the_same_evidence_gives_the_same_verdicts`."""
    records = WORLDS[world]
    given = verdicts(records)
    plain = [(v.case, v.result, [f.code for f in v.findings]) for v in given]
    for password in PASSWORDS:
        redactor = Redactor([password], WORDS)
        seen = [redactor.value(record) for record in records]
        redacted = verdicts(seen) if seen != records else given
        assert [(v.case, v.result, [f.code for f in v.findings]) for v in redacted] == plain, password


@pytest.mark.parametrize("number", range(len(PASSWORDS)))
def test_where_secrets_stand_it_is_hidden(number: int) -> None:
    password = PASSWORDS[number]
    redactor = Redactor([password], WORDS)
    if not any(c in password for c in "/@\"'<> #"):
        assert redactor.text(f"http://user:{password}@proxy:3128") == "http://***@proxy:3128"
        assert redactor.text(f"Proxy-Authorization: {password}").endswith(": ***")
    if not any(c in password for c in "&\"'<> ;,"):
        assert redactor.text(f"x?api_key={password}").startswith("x?api_key=***")


def test_what_is_distinct_is_removed_wherever_it_stands() -> None:
    assert is_distinct("s3cr3t-Key")
    assert not is_distinct("password")
    assert not is_distinct("20261128")
    redactor = Redactor(["s3cr3t-Key", "acme"], WORDS)
    assert redactor.text("the page says s3cr3t-Key to acme") == "the page says *** to acme"
    assert redactor.weak == 1
