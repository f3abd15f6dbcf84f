"""What a watcher counts is a stranger's word."""

from __future__ import annotations

from netcompliance.judge.watch import watched
from tests.unit.judge.records import HOST


def test_more_failures_than_samples_are_as_many() -> None:
    run = {"kind": "watch", "what": "run", "layer": "tcp", "path": "a", "every": 0.1, "gap": 0.1, "mixed": True}
    runs = [{**run, "run": n, "from": 1000.0 + n, "to": 1000.5 + n, "samples": 3, "failed": 900} for n in range(3)]
    begin = {"kind": "watch", "what": "begin", "at": 999.0, "planned": 60.0, "seldom": 5.0}
    (path,) = watched([begin, *runs], HOST).paths
    assert path.failed <= path.samples


def test_so_few_samples_do_not_lie_closer_together() -> None:
    run = {"kind": "watch", "what": "run", "run": 1, "layer": "tcp", "path": "a", "every": 0.1, "gap": 0.1}
    begin = {"kind": "watch", "what": "begin", "at": 1000.0, "planned": 60.0, "seldom": 5.0}
    (path,) = watched([begin, {**run, "from": 1000.0, "to": 1050.0, "samples": 3, "since": 1000.0}], HOST).paths
    assert path.hidden() >= 25.0
