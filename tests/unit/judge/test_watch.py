"""WATCH-01: what each path came to, and what is said where nobody can know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netcompliance import outages
from netcompliance.judge.watch import how, watched
from netcompliance.model import LAYERS, Criteria, Result, Settings, Watch
from netcompliance.observations import Run
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
    samples = max(1, round((end - begin) * 16))
    failed = samples if fields.get("error") else 0
    return {
        "kind": "watch", "what": "run", "task": "watch", "run": number, "layer": layer, "path": path, "every": 0.0625,
        "open": False, "from": NOW + begin, "to": NOW + end, "samples": samples, "failed": failed, "mixed": False,
        "error": None, "answer": None, "showed": None, "since": NOW, "took": 0.01, "gap": 0.12, **fields,
    }  # fmt: skip


def good(number: int, layer: str, path: str, begin: float, end: float) -> Record:
    return run(number, layer, path, begin, end, **ANSWERED.get(layer, {}))


def a_watch(*instead: Record, end: Record | None = None, at: str = "tcp") -> list[Record]:
    """A quiet minute, in which the path of one layer is other than right."""
    runs = [
        good(n, layer, path, 0, 60) for n, (layer, path) in enumerate(PATHS, start=1) if not (instead and layer == at)
    ]
    ended = {"kind": "watch", "what": "end", "at": NOW + 60, "why": "planned", "seconds": 60.0} if end is None else end
    begin = {
        "kind": "watch",
        "what": "begin",
        "at": NOW,
        "id": "x",
        "planned": 60.0,
        "every": 0.1,
        "rarely": 0.5,
        "seldom": 0.5,
    }
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

UNAVAILABLE = {
    "answer": {"status": 503, "type": "application/json", "location": ""},
    "showed": {**ANSWERED["http"]["showed"], "status": 503},
}


def _without(record: Record, field: str) -> Record:
    return {name: value for name, value in record.items() if name != field}


def a_share(begin: float, end: float) -> tuple[Record, ...]:
    """Each third connection fails in this time, with ten of them a second."""
    path = dict(PATHS)["tcp"]
    found = [good(11, "tcp", path, 0, begin - 0.1)]
    at, number = begin, 12
    while at < end:
        found += [run(number, "tcp", path, at, at, **DROP), good(number + 1, "tcp", path, at + 0.1, at + 0.2)]
        at, number = at + 0.3, number + 2
    return (*found, good(number, "tcp", path, at, 60))


CDN = "cdn02.quay.io:443"
CHALLENGED = (good(11, "registry", "quay.io", 0, 60),)
MANIFEST = {"status": 200, "type": "application/vnd.oci.image.index.v1+json", "location": "", "issuer": "Amazon"}
REFUSED_503 = {**error("STATUS", "head"), "text": "503 to POST /x"}
SHOWN = {"answer": {"version": "TLSv1.3", "issuer": "Amazon"}}
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
    "sampled more rarely than is accepted": row(
        [*healthy(), *a_watch({**good(11, "http", f"{ADDRESSES[0]}:443", 0, 60), "gap": 5.2}, at="http")],
        unchecked="WATCH-01",
        settings=asked(),
    ),
    "without a word on how often it was sampled": row(
        [*healthy(), *a_watch(_without(good(11, "http", f"{ADDRESSES[0]}:443", 0, 60), "gap"), at="http")],
        unchecked="WATCH-01",
        settings=asked(),
    ),
    "sampled finely enough for what is accepted": row(
        [*healthy(), *a_watch({**good(11, "http", f"{ADDRESSES[0]}:443", 0, 60), "gap": 5.2}, at="http")],
        settings=asked(max_outage=6.0),
    ),
    "begun too late to tell": row(
        [*healthy(), *a_watch(good(11, "http", f"{ADDRESSES[0]}:443", 3, 60), at="http")],
        unchecked="WATCH-01",
        settings=asked(),
    ),
    "ended too early to tell": row(
        [*healthy(), *a_watch(good(11, "http", f"{ADDRESSES[0]}:443", 0, 58.5), at="http")],
        unchecked="WATCH-01",
        settings=asked(),
    ),
    "hosts of layers": row(
        [*healthy(), *a_watch(*CHALLENGED, run(12, "registry", CDN, 0, 60, **SHOWN), at="registry")], settings=asked()
    ),
    "a host of layers was interrupted": row(
        [
            *healthy(),
            *a_watch(
                *CHALLENGED,
                run(12, "registry", CDN, 0, 20, **SHOWN),
                run(13, "registry", CDN, 20.1, 28, **DROP),
                run(14, "registry", CDN, 28.1, 60, **SHOWN),
                at="registry",
            ),
        ],
        {"WATCH-01": "watch.outage"},
        settings=asked(),
    ),
    "not available": row(
        [*healthy(), *a_watch(*broken("http", 20, 30, **UNAVAILABLE), at="http")],
        {"WATCH-01": "watch.outage"},
        settings=asked(),
    ),
    "a share of connections": row(
        [*healthy(), *a_watch(*a_share(20, 24))], {"WATCH-01": "watch.outage"}, settings=asked()
    ),
    "two lost packets": row(
        [
            *healthy(),
            *a_watch(
                *broken("tcp", 20, 20.001, **DROP)[:2],
                good(13, "tcp", PATHS[1][1], 20.1, 23.9),
                *(run(14, "tcp", PATHS[1][1], 24, 24.001, **DROP), good(15, "tcp", PATHS[1][1], 24.1, 60)),
            ),
        ],
        settings=asked(),
    ),
    "interrupted when it ended": row(
        [*healthy(), *a_watch(*broken("tcp", 59.5, 59.9, **DROP)[:2])], unchecked="WATCH-01", settings=asked()
    ),
    "interrupted when it ended, for longer than is accepted": row(
        [*healthy(), *a_watch(*broken("tcp", 58, 61, **DROP)[:2])], {"WATCH-01": "watch.outage"}, settings=asked()
    ),
    "interrupted when it began": row(
        [*healthy(), *a_watch(*broken("tcp", -0.1, 0.3, **DROP)[1:])], unchecked="WATCH-01", settings=asked()
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


def test_what_no_sample_would_meet_is_said() -> None:
    given = verdicts([*healthy(), *a_watch()], asked())
    saw = {v.case.target.partition(":")[0]: v.saw for v in given if v.case.requirement == "WATCH-01"}
    assert "not watched: requests of more than 2 kB" in saw["http"]
    assert "not watched: whether image layers arrive whole" in saw["registry"]
    assert "not watched: one connection in four that opens and then hangs for less than" in saw["tls"]
    assert "not watched" not in saw["tcp"]


def test_a_control_gap_is_no_outage() -> None:
    gap = exchange([{"kind": "watch", "what": "control", "lost": NOW + 10, "back": NOW + 40, "text": "cut"}])
    seen = watched([*a_watch(), *gap], HOST)
    assert seen.gaps == ((NOW + 10, NOW + 40),)
    assert [path for path in seen.paths if path.outages or path.unknown] == []
    given = verdicts([*healthy(), *a_watch(), *gap], asked())
    assert {verdict.result for verdict in given if verdict.case.requirement == "WATCH-01"} == {Result.PASS}


def test_an_older_watch_is_judged_as_it_was() -> None:
    """It does not say how finely it sampled, and five seconds passed between two requests."""
    older = [_without(_without(_without(record, "gap"), "took"), "since") for record in a_watch()]
    for record in older:
        record.pop("seldom", None)
    assert not watched(older, HOST).strict
    assert {path.hidden() for path in watched(older, HOST).paths} == {0.0}


def test_a_share_of_connections_is_told_as_one() -> None:
    (path,) = [path for path in watched(a_watch(*a_share(20, 24)), HOST).paths if path.layer == "tcp"]
    (outage,) = path.outages
    assert outages.duration_text(outage).startswith("a share of connections, 14 of 40, for ")
    assert outage.least <= 4.0 <= outage.most


def shown(issuers: str) -> Record:
    return {"answer": {"version": "TLSv1.3", "issuer": issuers}}


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ((("a", 0, 60),), "pass"),
        ((("a", 0, 20), ("b", 20.1, 24), ("a", 24.1, 60)), "fail"),
        ((("a", 0, 20), ("b", 20.1, 60)), "notchecked"),
        ((("a", 0, 20), ("b", 20.1, 24), ("c", 24.1, 60)), "notchecked"),
    ],
)
def test_who_answers_in_between_with_a_trusted_certificate_is_a_stranger(
    parts: tuple[tuple[str, float, float], ...], verdict: str
) -> None:
    path = f"{ADDRESSES[0]}:443"
    runs = [run(50 + n, "tls", path, begin, end, **shown(who)) for n, (who, begin, end) in enumerate(parts)]
    given = verdicts([*healthy(), *a_watch(*runs, at="tls")], asked())
    by = {v.case.target.partition(":")[0]: v for v in given if v.case.requirement == "WATCH-01"}
    assert by["tls"].result == verdict
    assert {code for finding in by["tls"].findings for code in [finding.code]} <= {"watch.wrong-peer"}


def test_a_layer_that_could_not_be_sampled_is_not_checked_and_says_why() -> None:
    """Whatever samples of it there are."""
    why = {"kind": "watch", "what": "unwatched", "layer": "http", "reason": "no such tool", "remedy": "install python3"}
    given = verdicts([*healthy(), *a_watch(), *exchange([why])], asked())
    by_layer = {each.case.target.partition(":")[0]: each for each in given if each.case.requirement == "WATCH-01"}
    assert by_layer["http"].result is Result.NOTCHECKED
    assert "no such tool: install python3" in by_layer["http"].reason
    assert {by_layer[layer].result for layer in LAYERS if layer != "http"} == {Result.PASS}


def test_a_watch_that_says_it_is_over_before_its_time_was_cut() -> None:
    early = {"kind": "watch", "what": "end", "at": NOW + 20, "why": "planned", "seconds": 20.0}
    runs = [good(n, layer, path, 0, 20) for n, (layer, path) in enumerate(PATHS, start=1)]
    begin = next(record for record in a_watch() if record.get("what") == "begin")
    given = verdicts([*healthy(), *exchange([begin, *runs, early])], asked())
    assert {each.result for each in given if each.case.requirement == "WATCH-01"} == {Result.NOTCHECKED}


def test_a_path_without_a_sample_is_no_go() -> None:
    records = [r for r in a_watch() if r.get("layer") != "http"]
    other = good(90, "http", f"{ADDRESSES[1]}:443", 0, 60)
    given = verdicts([*healthy(), *records, *exchange([other])], asked())
    by = {v.case.target.partition(":")[0]: v for v in given if v.case.requirement == "WATCH-01"}
    assert by["http"].result == "notchecked"
    assert f"http {ADDRESSES[0]}:443: nothing was sampled" in by["http"].reason
    assert by["tls"].result == "pass"


def test_what_is_missing_above_an_interrupted_layer_is_not_unknown() -> None:
    """No handshake is tried while no connection opens: the interruption counts once, by what is accepted below."""
    address = f"{ADDRESSES[0]}:443"
    parts = [
        record
        for layer in ("tls", "http")
        for record in (good(20 + len(layer), layer, address, 0, 19.9), good(30 + len(layer), layer, address, 23.5, 60))
    ]
    records = [*healthy(), *a_watch(*broken("tcp", 20, 23, **DROP))]
    records = [r for r in records if r.get("layer") not in ("tls", "http")]
    given = verdicts([*records, *exchange(parts)], asked())
    by = {v.case.target.partition(":")[0]: v.result for v in given if v.case.requirement == "WATCH-01"}
    assert by == {"dns": "pass", "tcp": "fail", "tls": "pass", "http": "pass", "registry": "pass"}


def of_layer(layer: str, records: list[Record]) -> tuple[str, set[str]]:
    given = verdicts([*healthy(), *records], asked())
    (verdict,) = [v for v in given if v.case.requirement == "WATCH-01" and v.case.target.startswith(layer)]
    return verdict.result, {finding.code.value for finding in verdict.findings}


POSTS = f"{ADDRESSES[0]}:443 POST"


def posts(error_between: Record | None, *, to_the_end: bool = False) -> list[Record]:
    """A watch of the agent's POSTs, in which they fail like this for three seconds, or from then on."""
    parts = [run(21, "http", POSTS, 0, 60)]
    if error_between is not None:
        fields = {"error": error_between, "errors": {error_between["name"]: 9}}
        parts = [run(21, "http", POSTS, 0, 20), run(22, "http", POSTS, 20.1, 60 if to_the_end else 23, **fields)]
        parts += [] if to_the_end else [run(23, "http", POSTS, 23.1, 60)]
    records = a_watch()
    return [{**records[0], "calls": 6, "calls_at_once": 1}, *records[1:], *exchange(parts)]


def test_posts_are_a_path_of_their_own() -> None:
    assert of_layer("http", posts(None)) == ("pass", set())
    assert of_layer("http", posts(REFUSED_503)) == ("fail", {"watch.outage"})
    assert of_layer("http", posts(error("OTHER", "head"))) == ("fail", {"watch.wrong-peer"})
    assert of_layer("http", posts(error("OTHER", "head"), to_the_end=True)) == ("notchecked", set())


def test_where_posts_are_watched_and_none_was_sampled_nobody_knows() -> None:
    records = [record for record in posts(None) if record.get("path") != POSTS]
    assert of_layer("http", records) == ("notchecked", set())


def test_who_answers_for_the_registry_with_another_certificate_is_a_stranger() -> None:
    stranger = {**MANIFEST, "issuer": "Example Corp"}
    usual, name = {"answer": MANIFEST, "showed": {"status": 200, "headers": []}}, "quay.io"
    device = run(22, "registry", name, 20.1, 23, answer=stranger, showed={"status": 200, "headers": []})
    parts = (run(21, "registry", name, 0, 20, **usual), device, run(23, "registry", name, 23.1, 60, **usual))
    assert of_layer("registry", a_watch(*parts, at="registry")) == ("fail", {"watch.wrong-peer"})


def test_a_manifest_that_could_be_had_and_wants_a_login_for_a_time_is_interrupted() -> None:
    usual, name = {"answer": MANIFEST, "showed": {"status": 200, "headers": []}}, "quay.io"
    login = {"answer": {**MANIFEST, "status": 401, "type": ""}, "showed": ANSWERED["registry"]["showed"]}
    parts = (run(21, "registry", name, 0, 3, **login), run(22, "registry", name, 3.1, 60, **usual))
    result, _ = of_layer("registry", a_watch(*parts, at="registry"))
    assert result == "fail"
    assert of_layer("registry", a_watch(run(21, "registry", name, 0, 60, **login), at="registry"))[0] == "pass"


def test_behind_a_proxy_only_its_own_name_is_looked_up() -> None:
    def of_dns(records: list[dict[str, Any]]) -> str:
        given = verdicts([*proxied(), *records], asked())
        return {v.case.target: v.result for v in given if v.case.requirement == "WATCH-01"}[f"dns:{HOST}"]

    watched = a_watch()
    without = [record for record in watched if record.get("layer") != "dns"]
    unable = {**watched[0], "what": "unwatched", "layer": "dns", "reason": "a shell looks up no proxy"}
    assert of_dns(without) == "notapplicable"
    assert of_dns(watched) == "pass"
    assert of_dns([*without, unable]) == "notchecked"


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
        ({"layer": "dns", "answer": {"private": True}}, "wrong answer"),
        ({"layer": "dns", "answer": {"private": False}}, ""),
        ({"layer": "tls", "error": error("ALERT", "tls")}, "handshake refused"),
        ({"layer": "http", "path": "x POST"}, ""),
        ({"layer": "http", "path": "x POST", "error": REFUSED_503}, "status 503"),
        ({"layer": "tls", "error": {**error("STATUS", "proxy"), "text": "407 Auth"}}, "status 407"),
        ({"layer": "tls", "error": {**error("STATUS", "proxy"), "text": "no tunnel"}}, "refused by the proxy"),
        ({"layer": "http", "path": "x POST", "error": error("OTHER", "head")}, "other answer"),
        ({"layer": "registry", "answer": {"status": 503, "issuer": "Amazon"}}, "status 503"),
        ({"layer": "registry", "answer": {"status": 429, "issuer": "Amazon"}}, "status 429"),
        ({"layer": "registry", "answer": {"status": 403, "issuer": "Amazon"}}, ""),
        ({"layer": "registry", "answer": MANIFEST, "showed": {"status": 200, "headers": []}}, ""),
        ({"layer": "registry", "answer": {**MANIFEST, "type": "text/html"}}, "wrong answer"),
        ({"layer": "tcp", "mixed": True}, "flapping"),
        *(({"layer": layer, **fields}, "") for layer, fields in ANSWERED.items()),
    ],
)
def test_what_was_wrong_has_a_word(fields: Record, word: str) -> None:
    run = Run.decode(fields)
    assert run is not None
    assert how(run, HOST) == word
