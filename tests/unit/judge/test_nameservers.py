"""What nameservers say, of as many addresses as a name may have."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance.judge import nameservers
from netcompliance.judge.evidence import Evidence

HOST = "acme.app.stackstate.io"
ADDRESSES = [f"34.1.{number // 256}.{number % 256}" for number in range(4096)]


def resolved(canonical: str, *addresses: str) -> dict[str, Any]:
    return {"kind": "resolve", "host": HOST, "purpose": "bare", "canonical": canonical, "addresses": [*addresses]}


def said(evidence: Evidence, address: str) -> str:
    found = nameservers.sinkholed(evidence, HOST, address)
    return found.detail if found else ""


def test_what_names_say_is_looked_at_once_however_many_addresses_are_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(nameservers, "product_of_alias", asked.extend)
    evidence = Evidence([resolved("a.example", *ADDRESSES), resolved("b.example", *ADDRESSES)])
    assert not any(nameservers.sinkholed(evidence, HOST, address) for address in ADDRESSES)
    assert asked == ["a.example", "b.example"]


def test_an_alias_is_told_of_the_addresses_that_were_given_with_it_alone() -> None:
    evidence = Evidence([resolved("blocked.example", "34.1.0.1"), resolved("a.example", "34.1.0.1", "34.1.0.2")])
    assert said(evidence, "34.1.0.1").startswith(f"{HOST} is an alias of blocked.example (34.1.0.1)")
    assert said(evidence, "34.1.0.2") == ""
    assert said(Evidence([resolved("a.example", "34.1.0.1")]), "34.1.0.1") == "", "each vantage has its own"
