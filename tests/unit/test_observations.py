"""Observations of any type become observations of the right ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from netcompliance.observations import KINDS, WORDS, Error, Http, Icmp, Record, Tcp, Watch, decode

LONE = "\ud800"

VALUES: list[tuple[str, str, Any, Any]] = [
    ("tcp", "address", "1.2.3.4", "1.2.3.4"),
    ("tcp", "address", 1, None),
    ("tcp", "address", None, None),
    ("tcp", "address", LONE, None),
    ("tcp", "address", "-o", None),
    ("tcp", "address", "$(id)", None),
    ("tcp", "via", "", ""),
    ("tcp", "via", "http://proxy.example:3128", "http://proxy.example:3128"),
    ("tcp", "via", "http://$(id)", None),
    ("dns", "server", "10.0.0.53", "10.0.0.53"),
    ("dns", "server", "https://dns.example/q", "https://dns.example/q"),
    ("dns", "server", "-x", None),
    ("http", "status", 200, 200),
    ("http", "status", 99, None),
    ("http", "status", 100, 100),
    ("http", "status", 999, 999),
    ("http", "status", 1000, None),
    ("http", "status", True, None),
    ("http", "status", "200", None),
    ("http", "status", 200.0, None),
    ("tcp", "at", 1.5, 1.5),
    ("tcp", "at", 2, 2.0),
    ("tcp", "at", float("nan"), None),
    ("tcp", "at", float("inf"), None),
    ("tcp", "at", 10**400, None),
    ("tcp", "at", 1e13, None),
    ("tcp", "at", False, None),
    ("registry", "size", 3, 3),
    ("registry", "size", 10**13, None),
    ("registry", "size", -(10**13), None),
    ("registry", "size", True, None),
    ("tls", "verified", True, True),
    ("tls", "verified", False, False),
    ("tls", "verified", 1, None),
    ("resolve", "addresses", ["a", 1, None, "b"], ("a", "b")),
    ("resolve", "addresses", "ab", ()),
    ("resolve", "addresses", {"a": 1}, ()),
    ("host", "nameservers", None, None),
    ("host", "nameservers", [], ()),
    ("http", "headers", [["a", "b"], ("c", "d", "e"), ["x"], "ab", [1, "x"], None], (("a", "b"), ("c", "d"))),
    ("tcp", "error", {"name": "EOF", "code": "x", "phase": "tcp", "more": 1}, Error(name="EOF", phase="tcp")),
    ("tcp", "error", {"icmp": {"type": 3, "from": "x"}}, Error(icmp=Icmp(type=3, from_="x"))),
    ("tcp", "error", {"icmp": 3}, Error()),
    ("tcp", "error", "EOF", Error()),
    ("tcp", "error", None, None),
    ("tcp", "error", False, Error()),
    ("sockets", "connections", [["a", 1, "b", 2, "S"], ["a", "1", "b", 2], ["a", 1]], (("a", 1, "b", 2),)),
    ("sockets", "listening", [["a", 1], ["a", True]], (("a", 1),)),
    ("sockets", "own", [1, "x", 2], (1, 2)),
    ("sockets", "own", True, ()),
    ("syn", "own", True, True),
    ("syn", "own", [1], None),
    ("syn", "seen", [["a", 1, "b", 2, 3], ["a", 1, "b", 2]], (("a", 1, "b", 2, 3),)),
    ("host", "trust", [], None),
    ("probe", "with", "sh", "sh"),
]


@pytest.mark.parametrize(("kind", "field", "value", "right"), VALUES)
def test_a_field_has_its_type_or_is_missing(kind: str, field: str, value: Any, right: Any) -> None:
    its = KINDS[kind]
    assert getattr(decode({"kind": kind, field: value}), its.DECODE[field][0]) == right


def test_what_a_kind_does_not_declare_is_left_behind() -> None:
    assert vars(decode({"kind": "tcp", "nobody_reads_this": 1, "headers": [["a", "b"]]})) == {}
    assert [decode(each) for each in ({"kind": []}, {"kind": "smell"}, {}, {"kind": "watch", "what": []})] == [None] * 4


def test_a_word_of_a_watch_is_of_its_own_type() -> None:
    for word, its in WORDS.items():
        assert type(decode({"kind": "watch", "what": word})) is its
    assert issubclass(its, Watch)


def test_a_record_stays_as_it_was_seen() -> None:
    with pytest.raises(AttributeError):
        Tcp(port=1).port = 2  # type: ignore[misc]
    assert repr(Http(status=200)) == "Http(status=200)"
    assert Tcp(port=1) == Tcp(port=1) != Tcp(port=2)
    assert Tcp() != Http()


def each_part() -> Iterator[type[Record]]:
    """Every type of a record, the parts too."""
    waiting: list[type[Record]] = [*KINDS.values(), *WORDS.values()]
    while waiting:
        its = waiting.pop()
        waiting += [field.type.of for field in its.FIELDS.values() if field.type.of]
        yield its


def test_what_is_declared_is_complete() -> None:
    """Each says what it is; what is needed is there; each annotation is what a missing field is."""
    annotations: Mapping[str, Any]
    for its in each_part():
        assert its.__doc__, its
        assert {*its.NEEDS} <= {*its.FIELDS, "type", "vantage", "kind"}, its
        annotations = vars(its).get("__annotations__", {})
        assert {name.rstrip("_") for name in annotations if not annotations[name].startswith("ClassVar")} <= {
            *its.FIELDS
        }
        for name, field in its.FIELDS.items():
            assert getattr(its, its.DECODE[name][0]) == field.default
