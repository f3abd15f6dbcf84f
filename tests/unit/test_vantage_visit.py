"""Looking: what is told, by whom, and that nothing is told after its end."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from typing import Any

import pytest

from netcompliance import catalogue
from netcompliance.model import Settings
from netcompliance.vantage import local, visit, workstation
from netcompliance.vantage.errors import CouldNotLook
from tests.fakes.peers import authority, leaf

SETTINGS = Settings(tenant="acme")
CASES = catalogue.expand(catalogue.load(), SETTINGS)
ROOT = authority("Root")
CHAIN = [base64.b64encode(leaf(ROOT, SETTINGS.host).der).decode()]


class Probe:
    """A visit that tells these records and may then fail."""

    def __init__(self, *records: dict[str, Any], trouble: Exception | None = None) -> None:
        self._records = records
        self._trouble = trouble

    def follow(self, on_record: Callable[[dict[str, Any]], None]) -> None:
        for record in self._records:
            on_record(record)
        if self._trouble:
            raise self._trouble


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Look with a scripted probe and workstation."""

    def look(probe: Probe, *jobs: Callable[[Any], None], told: list[dict[str, Any]] | None = None) -> Any:
        seen: list[Any] = [] if told is None else told
        monkeypatch.setattr(local, "start", lambda plan, secrets: probe)
        monkeypatch.setattr(workstation, "jobs", lambda settings, wanted, agent: jobs)
        visit.look(SETTINGS, CASES, seen.append)
        return seen

    return look


def test_everything_is_told_under_this_machines_name_and_chains_come_last(look: Any) -> None:
    probe = Probe({"kind": "tls", "host": SETTINGS.host, "chain": CHAIN}, {"kind": "probe"})
    seen = look(probe, lambda tell: tell({"kind": "chart"}))
    assert {record["vantage"] for record in seen} == {"local"}
    assert sorted(record["kind"] for record in seen) == ["chain", "chart", "probe", "tls"]
    assert seen[-1]["kind"] == "chain"


def test_the_workstation_is_waited_for(look: Any) -> None:
    probe_is_over = threading.Event()

    class Quick(Probe):
        def follow(self, on_record: Callable[[dict[str, Any]], None]) -> None:
            super().follow(on_record)
            probe_is_over.set()

    def late(tell: Any) -> None:
        probe_is_over.wait(5)
        tell({"kind": "public-dns"})

    assert [record["kind"] for record in look(Quick({"kind": "probe"}), late)] == ["probe", "public-dns"]


def test_after_a_failure_nothing_is_told_any_more(look: Any) -> None:
    told: list[dict[str, Any]] = []
    go, gone = threading.Event(), threading.Event()

    def late(tell: Any) -> None:
        go.wait(5)
        tell({"kind": "chart"})
        gone.set()

    with pytest.raises(CouldNotLook):
        look(Probe({"kind": "host"}, trouble=CouldNotLook("cause", "remedy")), late, told=told)
    go.set()
    assert gone.wait(5)
    assert [record["kind"] for record in told] == ["host"]


def test_a_defect_of_the_workstations_side_is_raised(look: Any) -> None:
    def broken(tell: Any) -> None:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError, match="a defect"):
        look(Probe({"kind": "probe"}), broken)
