"""What is asked of the observations of one vantage."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance.judge import evidence as module
from netcompliance.judge.evidence import Evidence


def seen(number: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "tcp",
        "task": "tenant",
        "host": "a.example",
        "address": f"10.0.{number >> 8}.{number & 255}",
        **more,
    }


def test_what_is_asked_of_an_address_is_all_that_was_seen_there_in_its_order() -> None:
    those = [seen(2), seen(1, port=443), seen(1, port=80), seen(1, task="control"), {"kind": "tcp", "port": 5}]
    evidence = Evidence(those)
    assert [each["port"] for each in evidence.all("tcp", address="10.0.0.1", task="tenant")] == [443, 80]
    assert evidence.one("tcp", address=None) == {"kind": "tcp", "port": 5}
    assert evidence.all("tls", address="10.0.0.1") == evidence.all("tcp", address="10.0.0.3") == []
    assert len(evidence.all("tcp")) == 5


def test_asking_of_each_address_looks_at_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    class Counted(dict[str, Any]):
        def get(self, name: str, otherwise: Any = None) -> Any:
            looked.append(name)
            return super().get(name, otherwise)

    shaped = module.shaped
    monkeypatch.setattr(module, "shaped", lambda each: Counted(shaped(each)))
    evidence = Evidence([seen(number) for number in range(500)])
    looked.clear()
    for number in range(500):
        assert evidence.one("tcp", task="tenant", host="a.example", address=seen(number)["address"])
    assert len(looked) <= 500 * 3
