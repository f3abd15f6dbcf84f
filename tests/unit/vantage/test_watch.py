"""Watchers that say what no watcher says: their own error, at once, and nobody else's."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from netcompliance.model import LAYERS, Criteria, Watch
from netcompliance.observations.values import PATHS
from netcompliance.vantage import watch as watching
from netcompliance.vantage.errors import CouldNotLook
from netcompliance.vantage.hosts import Host
from tests.unit.judge.world import SETTINGS

Record = dict[str, Any]
SENTINEL = {"netcompliance": "probe", "schema": 1}
BEGIN = {"kind": "watch", "what": "begin", "seq": 1, "at": 1e9, "id": "x", "planned": 1.0}
RUN = {
    "kind": "watch", "what": "run", "seq": 2, "run": 1, "layer": "tcp", "path": "192.0.2.1:443", "every": 0.1,
    "open": True, "from": 1e9, "to": 1e9, "samples": 1, "failed": 0, "mixed": False,
}  # fmt: skip
END = {"kind": "watch", "what": "end", "seq": 9, "at": 1e9, "why": "planned", "seconds": 1.0}
SETTINGS_OF_A_WATCH = replace(
    SETTINGS,
    watch=Watch(
        duration=1.0,
        every=0.1,
        rarely=1.0,
        criteria=tuple(Criteria(layer=layer, max_outage=1.0) for layer in LAYERS),
    ),
)


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.records: list[tuple[str, Record]] = []
        self.problems: dict[str, CouldNotLook] = {}
        self.shown: list[Sequence[Record]] = []

    def record(self, vantage: str, record: Record) -> None:
        self.records.append((vantage, record))

    def alive(self, vantage: str, runs: Sequence[Record]) -> None:
        self.shown.append([dict(run) for run in runs])

    def connection(self, vantage: str, text: str) -> None:
        pass

    def unwatched(self, vantage: str, problem: CouldNotLook) -> None:
        self.problems[vantage] = problem

    def tick(self) -> None:
        pass

    def words(self, vantage: str) -> list[str]:
        return [record["what"] for whose, record in self.records if whose == vantage]


def scripted(vantage: str, *said: Record, after: str = "import time; time.sleep(600)") -> Host:
    """A host whose watcher says these records, and then does something else."""
    lines = [json.dumps(record) for record in said]
    program = f"print({chr(10).join(['', *lines, ''])!r}, flush=True)\n{after}"
    carrier = (sys.executable, "-I", "-S", "-c", program)
    return Host(vantage=vantage, backend=vantage.partition("://")[0], carrier=carrier)


FINE = (SENTINEL, BEGIN, {**RUN, "open": False}, END)


def watched(*hosts: Host) -> tuple[Told, float]:
    """What was told, and how long it took."""
    told, begin = Told(), time.monotonic()
    watching.watch(SETTINGS_OF_A_WATCH, {host.vantage: host for host in hosts}, {}, told, "test/1")
    return told, time.monotonic() - begin


@pytest.mark.parametrize(
    ("word", "detail"),
    [
        ({"kind": "tcp"}, "a record of the kind 'tcp' in a watch"),
        ({**RUN, "what": "control", "lost": 1.0}, "a record of the kind 'watch' in a watch"),
        ({**RUN, "run": [1]}, "a 'watch run' record whose 'run' is not valid"),
        ({**RUN, "seq": "2"}, "a 'watch run' record whose 'seq' is not valid"),
        ({"kind": "watch", "what": "alive", "open": [[[1], 1e9, 1, 0, 0.1]]}, "whose 'open' is not valid"),
        ({"kind": "watch", "what": "alive", "open": [[1, "now", 1, 0, 0.1]]}, "whose 'open' is not valid"),
    ],
)
def test_a_watcher_that_says_what_none_says_has_erred_at_once_and_alone(word: Record, detail: str) -> None:
    told, took = watched(scripted("ssh://evil", SENTINEL, BEGIN, RUN, word), scripted("ssh://fine", *FINE, after=""))
    assert told.problems.keys() == {"ssh://evil"}
    assert detail in told.problems["ssh://evil"].cause
    assert told.words("ssh://fine") == ["begin", "run", "end"]
    assert took < watching.PATIENCE / 4


@pytest.mark.parametrize("told_of", ["record", "alive", "connection"])
def test_what_a_listener_cannot_take_of_one_host_is_its_trouble_alone(
    told_of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def falls(told: Told, vantage: str, *_: object) -> None:
        if vantage == "ssh://evil":
            raise TypeError
        known(told, vantage, *_)

    known = getattr(Told, told_of)
    monkeypatch.setattr(Told, told_of, falls)
    alive = {"kind": "watch", "what": "alive", "at": 1e9, "open": []}
    told, took = watched(scripted("ssh://evil", SENTINEL, BEGIN, RUN, alive), scripted("ssh://fine", *FINE, after=""))
    assert told.problems.keys() == {"ssh://evil"}
    assert "a defect in netcompliance (TypeError in test_watch.py" in told.problems["ssh://evil"].cause
    assert told.words("ssh://fine") == ["begin", "run", "end"]
    assert took < watching.PATIENCE / 4


def test_how_long_a_watch_was_to_last_is_not_the_hosts_to_say() -> None:
    told, _ = watched(scripted("ssh://a", SENTINEL, {**BEGIN, "planned": 0.1}, END, after=""))
    (begin,) = [record for _, record in told.records if record["what"] == "begin"]
    assert begin["planned"] == SETTINGS_OF_A_WATCH.watch.duration  # type: ignore[union-attr]


def test_a_watch_begins_once() -> None:
    told, _ = watched(scripted("ssh://evil", SENTINEL, BEGIN, RUN, {**BEGIN, "seq": 3, "at": 2e9}, END, after=""))
    assert told.words("ssh://evil") == ["begin", "run", "end", "run"]


def test_of_a_watcher_that_says_too_much_counts_what_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netcompliance.vantage.admission.WATCHES", 1 << 16)
    flood = "".join(f"{json.dumps({**RUN, 'seq': number, 'run': number})}\n" for number in range(2, 400))
    evil = scripted("ssh://evil", SENTINEL, BEGIN, after=f"print({flood!r}, flush=True); import time; time.sleep(600)")
    told, took = watched(evil, scripted("ssh://fine", *FINE, after=""))
    assert told.problems == {}
    assert told.words("ssh://evil")[:2] == ["begin", "run"]
    (control,) = [record for whose, record in told.records if record["what"] == "control"]
    assert (control["back"], "more than a probe says" in control["text"]) == (None, True)
    assert told.words("ssh://fine") == ["begin", "run", "end"]
    assert took < watching.PATIENCE / 4


def test_a_shells_watch_is_over_when_its_connection_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told, took = watched(
        scripted("ssh://bare", SENTINEL, {**BEGIN, "with": "sh"}, RUN, after="import os; os._exit(255)")
    )
    assert told.words("ssh://bare") == ["begin", "run", "control", "run"]
    assert took < watching.PATIENCE / 4


def test_words_on_how_far_runs_are_have_an_end_too() -> None:
    alive = json.dumps({"kind": "watch", "what": "alive", "at": 1e9, "open": []})
    evil = scripted("ssh://evil", SENTINEL, BEGIN, after=f"while True: print({alive!r})")
    told, took = watched(evil, scripted("ssh://fine", *FINE, after=""))
    assert told.words("ssh://evil") == ["begin", "control"]
    assert told.words("ssh://fine") == ["begin", "run", "end"]
    assert took < watching.PATIENCE / 4


def test_a_word_on_how_far_runs_are_is_no_longer_than_one_of_all_paths() -> None:
    row, least = [1, 1795950000.123456, 86400, 86400, 86400.123456], [1, 1, 1, 0, 0]
    honest = {"kind": "watch", "what": "alive", "at": 1e9, "open": [row] * PATHS}
    told, _ = watched(scripted("ssh://a", SENTINEL, BEGIN, RUN, honest, END, after=""))
    assert len(told.shown) == 1
    for more, why in (
        ({"open": [least] * (PATHS + 1)}, "not valid"),
        ({"pad": "x" * (1 << 16)}, "more words on how far"),
    ):
        evil = scripted("ssh://evil", SENTINEL, BEGIN, RUN, {**honest, **more})
        told, took = watched(evil, scripted("ssh://fine", *FINE, after=""))
        said = [record.get("text", "") for _, record in told.records] + [p.cause for p in told.problems.values()]
        assert any(why in text for text in said), said
        assert told.words("ssh://fine") == ["begin", "run", "end"]
        assert took < watching.PATIENCE / 4


def test_how_far_runs_are_is_shown_no_more_often_than_it_may_be() -> None:
    alive = {"kind": "watch", "what": "alive", "at": 1e9, "open": [[1, 1e9, 5, 0, 0.1]]}
    told, _ = watched(scripted("ssh://a", SENTINEL, BEGIN, RUN, *[alive] * 1000, END, after=""))
    assert [[run["samples"] for run in runs] for runs in told.shown] == [[5]]
