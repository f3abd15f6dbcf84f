"""Runs of the lab compared: the healthy world before, a broken one after, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from lab_runs import LabRun, LabRuns

from netcompliance.catalogue import QUAY_CDN
from netcompliance.change import baseline
from netcompliance.change.compare import Change, Comparison, Outcome, compare
from netcompliance.model import DriftKind

pytestmark = pytest.mark.lab

HEALTHY = LabRun()
TENANT = "acme.app.stackstate.io"
PER_LAB = {DriftKind.KEY, DriftKind.CERTIFICATE, DriftKind.SLOWER}
"""Every lab has certificates of its own, and a machine that is busy in its own way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a scenario does to a network that was healthy."""

    scenario: str
    regressed: frozenset[str] = frozenset()
    drift: Mapping[DriftKind, frozenset[str]] = field(default_factory=dict)
    """Kind → subjects, beside those that every lab has anew."""

    @property
    def play(self) -> LabRun:
        """The run after."""
        return LabRun(scenario=self.scenario)


def row(scenario: str, regressed: str = "", drift: Mapping[DriftKind, set[str]] | None = None) -> Row:
    found = {kind: frozenset(subjects) for kind, subjects in (drift or {}).items()}
    return Row(scenario=scenario, regressed=frozenset(regressed.split()), drift=found)


ROWS = (
    row("one-address-dropped", "HTTPS-01"),
    row("tcp-dropped", "HTTPS-01 HTTPS-07"),
    row("rotating-addresses", drift={DriftKind.ADDRESSES: {TENANT}}),
    row("alias", drift={DriftKind.ALIAS: {TENANT}}),
    row("public-resolver", drift={DriftKind.RESOLVERS: {"nameservers"}}),
    row("dns-second-nameserver-dead", "DNS-03"),
    row(
        "interception-trusted-by-the-host",
        "HTTPS-03",
        {DriftKind.ISSUER: {TENANT}, DriftKind.VANTAGE: {"trust store"}},
    ),
    row("mandatory-proxy", drift={DriftKind.WAY: {TENANT, "quay.io", "helm.stackstate.io", *QUAY_CDN}}),
    row("tls-1-2-only", drift={DriftKind.TLS_VERSION: {TENANT}}),
    row("layers-on-s3", drift={DriftKind.REDIRECTS: {"quay.io"}}),
    row("copied-one-platform"),
)


def held(plays: LabRuns, before: LabRun, after: LabRun) -> Comparison:
    """The sides of two lab runs compared. Runs in separate labs begin in no order, so that is not asked."""
    return compare(
        baseline.side(plays[before].directory / "journal.jsonl"),
        baseline.side(plays[after].directory / "journal.jsonl"),
    )


@pytest.mark.parametrize("play", [pytest.param(each.play, id=each.scenario) for each in ROWS])
def test_what_a_change_of_the_network_comes_to(plays: LabRuns, play: LabRun) -> None:
    expected = next(each for each in ROWS if each.scenario == play.scenario)
    there = held(plays, HEALTHY, play)
    assert {each.key[0] for each in there.of(Change.REGRESSED)} == expected.regressed
    assert there.outcome is (Outcome.REGRESSED if expected.regressed else Outcome.UNHARMED)
    drifts = {kind: {d.subject for d in there.drifts if d.kind is kind} for kind in DriftKind if kind not in PER_LAB}
    assert {kind: subjects for kind, subjects in drifts.items() if subjects} == dict(expected.drift)
    back = held(plays, play, HEALTHY)
    assert [each.key for each in back.of(Change.FIXED)] == [each.key for each in there.of(Change.REGRESSED)]
    for each in there.of(Change.SAME):
        assert not each.lost


@pytest.mark.parametrize("play", [LabRun(scenario="answers-after-4-s")], ids=["answers-after-4-s"])
def test_a_path_that_became_slow_is_told(plays: LabRuns, play: LabRun) -> None:
    comparison = held(plays, HEALTHY, play)
    assert f"HTTP {TENANT}" in {d.subject for d in comparison.drifts if d.kind is DriftKind.SLOWER}
    assert "RCV-04" in {each.key[0] for each in comparison.regressions}


@pytest.mark.parametrize("play", [LabRun(scenario="copied-one-platform")], ids=["copied-one-platform"])
def test_another_registry_is_asked_for_anew(plays: LabRuns, play: LabRun) -> None:
    comparison = held(plays, HEALTHY, play)
    assert comparison.asked["registry"] == ("quay.io", "registry.corp.example")
    assert {each.key[0] for each in comparison.cases if each.newly_unmet} == {"REG-06"}
    assert {each.key[0] for each in comparison.of(Change.NO_LONGER_CHECKED)} >= {"REG-01", "REG-04", "REG-05"}


@pytest.mark.parametrize("play", [LabRun(scenario="copy-differs")], ids=["copy-differs"])
def test_other_images_under_the_same_tags_are_told_by_their_digests(plays: LabRuns, play: LabRun) -> None:
    comparison = held(plays, LabRun(scenario="own-registry-pull-through"), play)
    assert {d.subject for d in comparison.drifts if d.kind is DriftKind.DIGEST}
