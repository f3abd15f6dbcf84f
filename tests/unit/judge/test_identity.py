"""Who a vantage is: what kind, and how far its clock is off."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance.judge.identity import identity, kind_of
from netcompliance.model import HERE, Kind, Settings
from netcompliance.observations import Host
from tests.unit.judge.records import NOW, http

DECLARED = (("ssh://pod-*", Kind.POD),)


@pytest.mark.parametrize(
    ("vantage", "said", "kind"),
    [
        (HERE, {}, Kind.WORKSTATION),
        (HERE, {"kubernetes": True}, Kind.POD),
        (HERE, {"container": True}, Kind.WORKSTATION),
        ("ssh://n", {}, Kind.NODE),
        ("ssh://n", {"container": True}, Kind.NODE),
        ("ssh://pod-1", {}, Kind.POD),
        ("kubectl://p", {}, Kind.POD),
        ("openshift://p", {}, Kind.POD),
        ("docker://c", {}, Kind.CONTAINER),
        ("podman://c", {"runtime": False}, Kind.CONTAINER),
        ("podman://kind-worker", {"runtime": True}, Kind.NODE),
        ("ansible://n", {"connection": "ssh"}, Kind.NODE),
        ("ansible://c", {"connection": "podman"}, Kind.CONTAINER),
        ("ansible://c", {"connection": "docker", "runtime": True}, Kind.NODE),
        ("ansible://n", {"connection": 7}, Kind.NODE),
    ],
)
def test_a_vantage_is_what_is_declared_else_what_reaches_it_and_what_it_says(
    vantage: str, said: dict[str, Any], kind: Kind
) -> None:
    told = identity(vantage, [{"kind": "host", **said}], Settings(tenant="acme", vantage_kinds=DECLARED))
    assert told["vantage_kind"] == kind


def test_a_kind_can_be_told_without_any_observation() -> None:
    assert kind_of("kubectl://p", Host(), ()) is Kind.POD


def test_the_clock_is_compared_with_the_receivers_answers() -> None:
    settings = Settings(tenant="acme")
    seen = [http(f"203.0.113.{n}", "receiver", "/", 403, at=NOW + 90.0 + n) for n in range(3)]
    assert identity("ssh://n", seen, settings)["clock_offset"] == pytest.approx(91.0, abs=1)
    assert identity("ssh://n", [], settings)["clock_offset"] is None
