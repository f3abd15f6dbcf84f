"""What a host sends is taken over field by field, or not at all; and it costs no more than it was weighed."""

from __future__ import annotations

import itertools
import json
import lzma
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from netcompliance.judge.watch import IDENTITY
from netcompliance.observations import OURS, VISIT, values
from netcompliance.observations.values import FieldError, Type
from netcompliance.probe.onhost.limits import DEFAULTS
from netcompliance.vantage.admission import (
    MARKS,
    VISIT_BYTES,
    VISIT_MOST,
    VISIT_WEIGHT,
    VISITS,
    WATCHES,
    WHO,
    WHO_MOST,
    Admission,
    NotAdmitted,
    TooMuch,
    of_visit,
    of_watch,
    weight_of,
)
from netcompliance.vantage.records import decoded
from tests.unit.judge.records import ADDRESSES, error
from tests.unit.judge.records import tcp as tcp_of
from tests.unit.judge.world import healthy

Record = dict[str, Any]
FRAMES = 8
"""Deep enough for a trace to reach this file."""
CONTROLLERS = OURS.keys()
"""Kinds that only the controller makes."""
GOLDEN = sorted((Path(__file__).parents[2] / "recorded").glob("*.json.xz"))
RUN = {
    "kind": "watch", "what": "run", "seq": 2, "run": 1, "layer": "tcp", "path": "192.0.2.1:443", "every": 0.1,
    "open": True, "from": 1e9, "to": 1e9, "samples": 1, "failed": 0, "mixed": False,
}  # fmt: skip


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.name.partition(".")[0])
def test_what_a_probe_said_is_taken_over_as_it_is(file: Path) -> None:
    for record in json.loads(lzma.decompress(file.read_bytes()))["observations"]:
        if record["kind"] not in CONTROLLERS:
            said = {name: value for name, value in record.items() if name not in ("vantage", "connection")}
            assert decoded(said, of_watch=False) == said


WRONG = (7.5, -1, 1 << 60, "text", True, [1], {"a": 1}, [["a"]], [{"a": 1}])


def test_no_field_takes_every_type() -> None:
    """Whatever stands in a field, it is taken over as it is, or nothing is; and some of it is not."""
    for kind, its in VISIT.items():
        for field in its.ADMIT:
            refused = 0
            for value in WRONG:
                try:
                    assert decoded({"kind": kind, field: value}, of_watch=False).get(field) in (value, {}, [{}])
                except FieldError:
                    refused += 1
            assert refused >= 5, (kind, field)


@pytest.mark.parametrize(
    "fields",
    [
        {"run": None},
        {"run": [1]},
        {"run": "1"},
        {"run": True},
        {"run": 10**13},
        {"every": None},
        {"layer": "smtp"},
        {"path": 7},
        {"samples": -1},
        {"from": "1e9"},
        {"to": 1e300},
        {"took": -5},
        {"errors": {"TIMEOUT": "many"}},
        {"showed": {"headers": [["one"]]}},
        {"answer": {"rcode": "0"}},
        {"what": "control"},
        {"what": ["run"]},
        {"kind": "tcp"},
    ],
)
def test_a_word_of_a_watch_that_no_watcher_says_is_refused(fields: Record) -> None:
    assert decoded(RUN, of_watch=True) == RUN
    with pytest.raises(FieldError):
        decoded({**RUN, **fields}, of_watch=True)


@pytest.mark.parametrize("row", [[[1], 1e9, 1, 0, 0.1], [1, "now", 1, 0, 0.1], [1, 1e9, 1], "open", {"run": 1}, None])
def test_how_far_runs_are_is_read_like_everything_else(row: Any) -> None:
    word = {"kind": "watch", "what": "alive", "at": 1e9, "open": [[1, 1e9, 1, 0, 0.1]]}
    assert decoded(word, of_watch=True) == word
    with pytest.raises(FieldError):
        decoded({**word, "open": [row]}, of_watch=True)


@pytest.mark.parametrize(
    ("kind", "field", "most"),
    [
        ("registry", "step", values.WORD_MOST),
        ("registry", "wanted", values.NAME_MOST),
        ("registry", "url", values.LINE_MOST),
        ("registry", "platforms", values.LINE_MOST),
        ("tls", "version", values.NAME_MOST),
        ("tcp", "host", values.NAME_MOST),
        ("tcp", "via", values.LINE_MOST),
        ("firewall", "tool", values.WORD_MOST),
        ("unseen", "reason", values.SENTENCE_MOST),
        ("http", "reason", values.LINE_MOST),
        ("host", "platform", values.NAME_MOST),
    ],
)
def test_a_text_is_no_longer_than_one_of_its_kind_can_be(kind: str, field: str, most: int) -> None:
    for length in (most, most + 1):
        text: Any = "x" * length
        record = {"kind": kind, field: [text] if field == "platforms" else text}
        if length == most:
            assert decoded(record, of_watch=False) == record
        else:
            with pytest.raises(FieldError, match=field):
                decoded(record, of_watch=False)


def test_only_contents_are_as_long_as_a_record_may_be() -> None:
    longest = "x" * (values.LINE_MOST + 1)
    free = {name for its in VISIT.values() for name, field in its.FIELDS.items() if _takes(field.type, longest)}
    assert free == {"body", "received", "response", "query", "rules", "resolv_conf", *CHAINS}


CHAINS = {"chain", "anchors", "agent_only", "system_only"}


def _takes(its: Type[Any], text: str) -> bool:
    for value in (text, [text], [[text, text]], {"a": text}):
        try:
            if its.admit(value):
                return True
        except FieldError:
            continue
    return False


def test_a_name_has_no_more_addresses_than_an_answer_holds() -> None:
    record = {"kind": "resolve", "host": "a.example", "addresses": ["192.0.2.1"] * 4096}
    assert decoded(record, of_watch=False) == record
    with pytest.raises(FieldError, match="addresses"):
        decoded({**record, "addresses": ["192.0.2.1"] * 4097}, of_watch=False)


def test_a_watch_is_no_visit_and_a_visit_no_watch() -> None:
    for record in healthy():
        if record["kind"] not in (*CONTROLLERS, "watch"):
            with pytest.raises(NotAdmitted):
                Admission(of_watch=True).admit(b"", record)
    with pytest.raises(NotAdmitted):
        Admission().admit(b"", RUN)


def test_what_is_not_kept_has_no_more_marks_in_it_than_what_is() -> None:
    for read in (Admission(of_watch=True).read, Admission(of_watch=True).admit):
        with pytest.raises(TooMuch):
            read(b"," * (MARKS + 1), {**RUN, "kind": "watch"})


def test_who_looked_is_kept_to_the_end_of_a_run_and_takes_little() -> None:
    assert frozenset(IDENTITY) == WHO
    route = {"kind": "route", "host": "a.example", "no_proxy": "x" * 10_000}
    admission = Admission(of_visit(32))
    taken = _taken(admission, route, "who looked")
    assert (taken - 1) * weight_of(route) < WHO_MOST <= (taken + 1) * weight_of(route)
    for file in GOLDEN:
        assert sum(weight_of(record) for record in _recorded(file) if record["kind"] in WHO) < WHO_MOST / 10


@pytest.mark.parametrize(
    ("seen", "who", "here"),
    [
        ({"kind": "go-resolve", "host": "a.example"}, "sh", False),
        ({"kind": "proxy-address", "host": "a.example"}, "sh", False),
        ({"kind": "tls", "purpose": "agent-hello"}, "sh", False),
        ({"kind": "host", "python": "3.11.2"}, "sh", False),
        ({"kind": "tcp"}, "sh", True),
        ({"kind": "tcp"}, "bash", False),
    ],
)
def test_who_looked_is_not_the_hosts_to_choose(seen: dict[str, Any], who: str, here: bool) -> None:
    """A shell is let off looks that a Python owes."""
    admission = Admission(of_visit(32), by_shell=not here)
    admission.admit(b"", seen)
    with pytest.raises(NotAdmitted, match="a visit by"):
        admission.admit(b"", {"kind": "probe", "with": who})


def test_a_shell_may_have_looked_elsewhere_and_python_everywhere() -> None:
    for here, who in ((False, "sh"), (False, None), (True, None)):
        admission = Admission(of_visit(32), by_shell=not here)
        admission.admit(b"", {"kind": "tcp"})
        admission.admit(b"", {"kind": "probe", "with": who})


def test_the_last_word_on_a_run_takes_the_place_of_those_before() -> None:
    bounds = of_watch(50)
    admission = Admission(bounds, of_watch=True)
    for number in range(bounds.records):
        admission.admit(b"", {**RUN, "seq": number, "path": "p" * 400})


def test_of_a_watch_nothing_is_held_but_runs_that_have_not_ended() -> None:
    bounds = of_watch(50)
    admission = Admission(bounds, of_watch=True)
    room = admission.left
    assert room == bounds.line
    shown: Record = {**RUN, "open": True, "showed": {"body": "x" * 100_000}}
    for number in range(bounds.held // weight_of(shown)):
        admission.admit(b"", {**shown, "run": number, "seq": number})
    assert admission.left < weight_of(shown)
    with pytest.raises(TooMuch):
        admission.admit(b"", {**shown, "run": 99})
    for number in range(bounds.held // weight_of(shown)):
        admission.admit(b"", {**shown, "run": number, "open": False})
    assert admission.left == room


def test_what_all_hosts_hold_together_has_a_bound() -> None:
    for hosts in (1, 2, 13, 32, 50, 250):
        assert hosts * of_visit(hosts).held <= VISITS
        assert hosts * of_watch(hosts).held <= WATCHES // 2
        assert of_visit(hosts).weight == VISIT_WEIGHT
        assert hosts * of_watch(hosts).weight <= WATCHES
    assert of_visit(1).held == VISIT_MOST
    assert 50 * of_watch(50).line < WATCHES // 10


def test_what_a_run_may_take_of_a_disk_is_so_much_for_each_host_whatever_others_send() -> None:
    assert {of_visit(at_once).bytes for at_once in (1, 32, 250)} == {VISIT_BYTES}
    assert max(hosts * of_watch(hosts).bytes for hosts in (1, 2, 13, 32, 50, 250)) <= 512 << 20
    admission, most = Admission(of_visit(32)), VISIT_BYTES // 100_000
    for _ in range(most):
        admission.admit(b"x" * 100_000, {"kind": "tcp"})
    with pytest.raises(TooMuch):
        admission.admit(b"x" * 100_000, {"kind": "tcp"})


def test_of_a_visit_nothing_is_held_but_chains() -> None:
    admission = Admission(of_visit(32))
    room = admission.left
    for _ in range(20):
        admission.admit(b"", {"kind": "http", "body": "x" * 100_000})
        admission.admit(b"", {"kind": "tls", "received": "x" * 100_000, "chain": []})
    assert admission.left == room
    shown: Record = {"kind": "tls", "chain": ["x" * 100_000]}
    assert _taken(admission, shown, "more than a probe says") == of_visit(32).held // weight_of(shown)


def test_the_largest_honest_visit_needs_a_quarter_of_what_it_may_say() -> None:
    """As many addresses as a probe looks at, those that it knows besides, and the most that was seen of one."""
    bounds = of_visit(32)
    for said in (_largest(file) for file in GOLDEN):
        kinds = Counter(record["kind"] for record in said)
        assert 4 * len(said) <= bounds.records
        assert 4 * max(kinds.values()) <= bounds.of_a_kind
        assert 4 * sum(len(json.dumps(record, separators=(",", ":"))) for record in said) <= bounds.bytes
        assert 4 * sum(map(weight_of, said)) <= bounds.weight
        assert 4 * sum(weight_of(record) for record in said if record.get("chain")) <= bounds.held
        admission = Admission(bounds)
        for record in said:
            admission.admit(json.dumps(record, separators=(",", ":")).encode(), record)


def _recorded(file: Path) -> list[Record]:
    """What the probe said."""
    told = json.loads(lzma.decompress(file.read_bytes()))["observations"]
    return [
        {name: value for name, value in record.items() if name not in ("type", "vantage", "connection")}
        for record in told
        if record["kind"] not in CONTROLLERS
    ]


def _largest(file: Path) -> list[Record]:
    """The same visit, if the tenant had as many addresses as a probe knows: all of them listed and connected to, and
    those that are looked at like the one of which most was recorded, with the looks that came later."""
    said = _recorded(file)
    seen = Counter(record.get("address") for record in said if _is_of_an_address(record))
    most = next((address for address, _ in seen.most_common(1)), "")
    mine = [record for record in said if _is_of_an_address(record) and record.get("address") == most]
    new = {"shares", "exchanges", "http2"} - {record["kind"] for record in mine}
    mine += [record for record in healthy() if record["kind"] in new and record["address"] == ADDRESSES[0]]
    full, known = int(DEFAULTS["addresses"]), int(DEFAULTS["addresses_known"])
    names = [f"198.51.{number // 256 + 100}.{number % 256}" for number in range(known)]
    told = [_with(record, names) for record in said if record not in mine]
    told += [{**record, "address": name} for name in names[:full] for record in mine]
    tcp = {**tcp_of(ADDRESSES[0]), "syns": 3, "ports": 1, "error": {**error("TIMEOUT"), "code": None, "icmp": None}}
    return [*told, *({**tcp, "address": name, "full": False} for name in names[full:])]


def _is_of_an_address(record: Record) -> bool:
    return record.get("task") == "tenant" and record["kind"] in ("tcp", "shares", "exchanges", "tls", "http", "http2")


def _with(record: Record, names: list[str]) -> Record:
    """What tells of addresses tells of all these: 16 bytes of an answer each."""
    answer = "A" * (len(names) * 64 // 3)
    if record["kind"] in ("resolve", "dns-share"):
        return {**record, "addresses": names}
    if record["kind"] == "dns" and record["rdtype"] == "A" and record["response"]:
        return {**record, "response": answer}
    if record["kind"] == "go-resolve":
        queries = [{**each, "response": answer} if each["rdtype"] == "A" else each for each in record["queries"]]
        return {**record, "queries": queries}
    return record


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "http", "body": "x" * 100_000},
        {"kind": "http", "body": "x" * 100_000 + "\U0001f600"},
        {"kind": "http", "headers": [["a", "b"]] * 10_000},
        {"kind": "host", "proxies": {f"name-{number}": "" for number in range(10_000)}},
        {"kind": "registry", "platforms": [f"{number}" for number in range(10_000)]},
        {"kind": "shares", "unopened": [[1000, "TIMEOUT", 1000]] * 10_000},
    ],
    ids=["text", "wide text", "pairs", "names", "texts", "rows"],
)
def test_a_record_weighs_what_it_takes(record: Record) -> None:
    line = json.dumps(record).encode()
    tracemalloc.start(FRAMES)
    try:
        taken = decoded(json.loads(line), of_watch=False)
        held = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    # Other threads of this process allocate meanwhile.
    held = held.filter_traces([tracemalloc.Filter(True, __file__, all_frames=True)])
    takes = sum(trace.size for trace in held.traces)
    assert 0 < takes <= 1.1 * weight_of(taken) + 1000
    admission = Admission(of_visit(32))
    with pytest.raises(TooMuch):
        _flood(admission, line, record)


def _taken(admission: Admission, record: Record, why: str) -> int:
    """How often it is taken, until that is too much."""
    counted = itertools.count()

    def flood() -> None:
        while next(counted) < 10_000:
            admission.admit(b"", record)

    with pytest.raises(TooMuch, match=why):
        flood()
    return next(counted) - 1


def _flood(admission: Admission, line: bytes, record: Record) -> None:
    while True:
        admission.admit(line, record)


def test_what_cannot_be_written_down_makes_no_two_names_alike() -> None:
    """A journal with a name twice in an object is read by nobody."""
    said = json.loads('{"kind": "host", "hostname": "n\\udcff", "proxies": {"\\ud800": "a", "\\ud801": "b"}}')
    taken = decoded(said, of_watch=False)
    assert taken == {"kind": "host", "hostname": "n?", "proxies": {"?": "b"}}
    assert json.loads(json.dumps(taken, ensure_ascii=False).encode("utf-8")) == taken
