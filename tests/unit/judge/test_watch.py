"""WATCH-01: what each path came to, and what is said where nobody can know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netcompliance.judge.watch import how, watched
from netcompliance.model import LAYERS, Criteria, Result, Settings, Watch
from tests.unit.judge.records import ADDRESSES, HOST, NOW, SERVERS, Record, b64, error
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import SETTINGS, exchange, healthy, proxied, verdicts

CHALLENGE = ["WWW-Authenticate", 'Bearer realm="https://quay.io/v2/auth",service="quay.io"']
ANSWERED: dict[str, Record] = {
    "dns": {"answer": {"rcode": 0, "addresses": True, "private": False}},
    "http": {
        "answer": {"status": 403, "type": "application/json", "location": ""},
        "showed": {
            "status": 403,
            "headers": [["Content-Type", "application/json"]],
            "body": b64(b'{"_type":"Unauthorized"}'),
            "body_complete": True,
        },
    },
    "registry": {"showed": {"status": 401, "headers": [CHALLENGE], "body": "", "body_complete": True}},
}
PATHS = (
    ("dns", SERVERS[0]),
    *((layer, f"{ADDRESSES[0]}:443") for layer in ("tcp", "tls", "http")),
    ("registry", "quay.io"),
)


def asked(**limits: float | None) -> Settings:
    criteria = tuple(Criteria(layer=layer, **{"max_outage": 1.0, **limits}) for layer in LAYERS)
    return replace(SETTINGS, watch=Watch(duration=60.0, every=0.1, rarely=5.0, criteria=criteria))


def run(number: int, layer: str, path: str, begin: float, end: float, **fields: Any) -> Record:
    samples = max(1, round((end - begin) * 10))
    failed = samples if fields.get("error") else 0
    return {
        "kind": "watch", "what": "run", "task": "watch", "run": number, "layer": layer, "path": path, "every": 0.1,
        "open": False, "from": NOW + begin, "to": NOW + end, "samples": samples, "failed": failed, "mixed": False,
        "error": None, "answer": None, "showed": None, **fields,
    }  # fmt: skip


def good(number: int, layer: str, path: str, begin: float, end: float) -> Record:
    return run(number, layer, path, begin, end, **ANSWERED.get(layer, {}))


def a_watch(*instead: Record, end: Record | None = None, at: str = "tcp") -> list[Record]:
    """A quiet minute, in which the path of one layer is other than right."""
    runs = [
        good(n, layer, path, 0, 60) for n, (layer, path) in enumerate(PATHS, start=1) if not (instead and layer == at)
    ]
    ended = {"kind": "watch", "what": "end", "at": NOW + 60, "why": "planned", "seconds": 60.0} if end is None else end
    begin = {"kind": "watch", "what": "begin", "at": NOW, "id": "x", "planned": 60.0, "every": 0.1, "rarely": 5.0}
    return exchange([begin, *runs, *instead, *([ended] if ended else [])])


def broken(layer: str, begin: float, end: float, **fields: Any) -> tuple[Record, ...]:
    path = dict(PATHS)[layer]
    return (
        good(11, layer, path, 0, begin),
        run(12, layer, path, begin + 0.1, end, **fields),
        good(13, layer, path, end + 0.1, 60),
    )


DROP = {"error": error("TIMEOUT")}
PORTAL = {
    "answer": {"status": 200, "type": "text/html", "location": ""},
    "showed": {
        "status": 200,
        "headers": [["Content-Type", "text/html"]],
        "body": b64(b"<html><title>Login</title>"),
        "body_complete": True,
    },
}

WATCHES: dict[str, Row] = {
    "nothing happened": row([*healthy(), *a_watch()], settings=asked()),
    "a path was interrupted": row(
        [*healthy(), *a_watch(*broken("tcp", 20, 23, **DROP))], {"WATCH-01": "watch.outage"}, settings=asked()
    ),
    "shorter than is accepted": row([*healthy(), *a_watch(*broken("tcp", 20, 20.5, **DROP))], settings=asked()),
    "together longer than is accepted": row(
        [*healthy(), *a_watch(*broken("tcp", 20, 23, **DROP))],
        {"WATCH-01": "watch.total"},
        settings=asked(max_outage=None, max_total=2.0),
    ),
    "not quiet at the end": row(
        [*healthy(), *a_watch(*broken("tcp", 50, 50.5, **DROP))],
        {"WATCH-01": "watch.not-quiet"},
        settings=asked(quiet_after=20.0),
    ),
    "somebody else's certificate": row(
        [*healthy(), *a_watch(*broken("tls", 20, 30, error=error("VERIFY", "tls")), at="tls")],
        {"WATCH-01": "watch.wrong-peer"},
        settings=asked(),
    ),
    "somebody else's answer": row(
        [*healthy(), *a_watch(*broken("http", 20, 30, **PORTAL), at="http")],
        {"WATCH-01": "watch.wrong-peer"},
        settings=asked(),
    ),
    "too near to tell": row(
        [*healthy(), *a_watch(*broken("tcp", 20, 21.05, **DROP))], unchecked="WATCH-01", settings=asked()
    ),
    "cut short": row(
        [*healthy(), *a_watch(end={"kind": "watch", "what": "end", "at": NOW + 60, "why": "stopped", "seconds": 60.0})],
        unchecked="WATCH-01",
        settings=asked(),
    ),
    "cut short, and broken already": row(
        [*healthy(), *a_watch(*broken("tcp", 20, 23, **DROP), end={})], {"WATCH-01": "watch.outage"}, settings=asked()
    ),
    "never heard of again": row([*healthy(), *a_watch(end={})], unchecked="WATCH-01", settings=asked()),
    "never begun": row(healthy(), unchecked="WATCH-01", settings=asked()),
    "never asked for": row(healthy(), inapplicable="WATCH-01"),
}


@each(WATCHES)
def test_watch(case: Row) -> None:
    case.check()


def test_the_last_word_on_a_run_counts() -> None:
    early = run(1, "tcp", "x", 0, 5, open=True)
    (path,) = watched(exchange([early, run(1, "tcp", "x", 0, 60)]), HOST).paths
    assert path.end == NOW + 60


def test_a_control_gap_is_no_outage() -> None:
    gap = exchange([{"kind": "watch", "what": "control", "lost": NOW + 10, "back": NOW + 40, "text": "cut"}])
    seen = watched([*a_watch(), *gap], HOST)
    assert seen.gaps == ((NOW + 10, NOW + 40),)
    assert [path for path in seen.paths if path.outages or path.unknown] == []
    given = verdicts([*healthy(), *a_watch(), *gap], asked())
    assert {verdict.result for verdict in given if verdict.case.requirement == "WATCH-01"} == {Result.PASS}


def test_behind_a_proxy_the_resolver_is_not_asked() -> None:
    given = verdicts([*proxied(), *a_watch()], asked())
    assert {v.case.target: v.result for v in given if v.case.requirement == "WATCH-01"}[
        f"dns:{HOST}"
    ] == "notapplicable"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"layer": "tcp", "error": error("TIMEOUT")}, "drop"),
        ({"layer": "tcp", "error": error("ECONNREFUSED")}, "reset"),
        ({"layer": "tcp", "error": error("ECONNREFUSED", icmp={"type": 3, "code": 3, "from": "10.0.0.1"})}, "reject"),
        ({"layer": "tcp", "error": error("TIMEOUT"), "errors": ["TIMEOUT", "EACCES"]}, "reject"),
        ({"layer": "tls", "error": error("TIMEOUT", "tls")}, "no answer"),
        ({"layer": "tls", "error": error("VERIFY", "tls")}, "wrong certificate"),
        ({"layer": "tls", "error": error("EOF", "tls")}, "closed"),
        ({"layer": "dns", "answer": {"rcode": 2, "addresses": False}}, "SERVFAIL"),
        ({"layer": "dns", "answer": {"rcode": 3, "addresses": False}}, "NXDOMAIN"),
        ({"layer": "dns", "answer": {"rcode": 0, "addresses": False}}, "no address"),
        ({"layer": "dns", "answer": {"rcode": 0, "addresses": True, "private": True}}, "wrong answer"),
        ({"layer": "http", **PORTAL}, "wrong answer"),
        ({"layer": "http"}, "wrong answer"),
        ({"layer": "registry", **PORTAL}, "wrong answer"),
        ({"layer": "tcp", "mixed": True}, "flapping"),
        *(({"layer": layer, **fields}, "") for layer, fields in ANSWERED.items()),
    ],
)
def test_what_was_wrong_has_a_word(fields: Record, word: str) -> None:
    assert how(fields, HOST) == word
