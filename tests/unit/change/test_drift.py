"""What changed underneath: which facts are read from observations, and how they are told apart from noise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcompliance.change import record
from netcompliance.change.drift import FLOOR, LEAST, SAYS, between, folded, noise
from netcompliance.change.facts import MOST_SAMPLES, MOST_VALUES, Facts, Gathering
from netcompliance.journal.writer import LINE_LIMIT, VALUES_LIMIT, values_in
from netcompliance.model import DriftKind
from tests.unit.change.journals import HOST, Record, header, leaf, resolved, shown


def facts(*seen: Record, vantages: tuple[Record, ...] = ()) -> Facts:
    gathering = Gathering()
    for each in seen:
        gathering.observe(header(), each)
    return gathering.facts(vantages)


def told(before: Facts, after: Facts) -> list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    return [(each.kind, each.subject, each.gone, each.new) for each in between(before, after)]


def seen(kind: str, **fields: Any) -> Record:
    return {"type": "observation", "vantage": "local", "kind": kind, "error": None, **fields}


def test_every_kind_has_a_name() -> None:
    assert set(SAYS) == set(DriftKind)


def test_addresses_that_appear_and_disappear() -> None:
    before, after = facts(resolved("192.0.2.1", "192.0.2.2")), facts(resolved("192.0.2.2", "192.0.2.3"))
    assert told(before, after) == [("addresses", HOST, ("192.0.2.1",), ("192.0.2.3",))]


def test_the_order_of_addresses_is_no_drift() -> None:
    assert told(facts(resolved("192.0.2.1", "192.0.2.2")), facts(resolved("192.0.2.2", "192.0.2.1"))) == []


def test_a_name_that_did_not_resolve_is_no_drift_but_a_matter_of_its_verdict() -> None:
    assert told(facts(resolved("192.0.2.1")), facts(resolved())) == []


@pytest.mark.parametrize("other", [{"host": "quay.io"}, {"purpose": "search"}, {"purpose": "control"}])
def test_only_the_tenants_own_name_counts(other: Record) -> None:
    assert told(facts({**resolved("192.0.2.1"), **other}), facts({**resolved("192.0.2.9"), **other})) == []


def test_an_alias() -> None:
    moved = {**resolved("192.0.2.1"), "canonical": "lb.example"}
    assert told(facts(resolved("192.0.2.1")), facts(moved)) == [("alias", HOST, (HOST,), ("lb.example",))]


def test_another_issuer_has_another_key_or_none() -> None:
    before = facts(shown(leaf("Public CA", "one")))
    assert [each[0] for each in told(before, facts(shown(leaf("Firewall CA", "two"))))] == ["issuer", "key"]
    assert [each[0] for each in told(before, facts(shown(leaf("Firewall CA", "one", 2))))] == ["issuer", "certificate"]


def test_a_renewal_with_the_same_key_and_one_with_a_new_key() -> None:
    before = facts(shown(leaf(serial=1)))
    assert [each[0] for each in told(before, facts(shown(leaf(serial=2))))] == ["certificate"]
    assert [each[0] for each in told(before, facts(shown(leaf(key_name="two", serial=2))))] == ["key"]
    assert told(before, facts(shown(leaf(serial=1)))) == []


def test_one_address_that_shows_another_certificate() -> None:
    before = facts(shown(leaf()), shown(leaf()))
    after = facts(shown(leaf()), shown(leaf("Firewall CA", "two")))
    assert told(before, after)[0] == ("issuer", HOST, (), ("CN=Firewall CA",))


@pytest.mark.parametrize("chain", [["bm8gY2VydGlmaWNhdGU="], ["%%%"], [7], [], None, "x"])
def test_a_chain_that_cannot_be_read_is_no_fact(chain: Any) -> None:
    assert not {key[0] for key in facts(shown("", chain=chain)).known} & {"issuer", "key", "certificate"}


def test_the_tls_version() -> None:
    assert told(facts(shown(leaf())), facts(shown(leaf(), version="TLSv1.2"))) == [
        ("tls-version", HOST, ("TLSv1.3",), ("TLSv1.2",))
    ]


def test_the_way_through_a_proxy() -> None:
    def route(proxy: str | None) -> Facts:
        return facts(seen("route", host=HOST, proxy=proxy))

    assert told(route(None), route("http://proxy:3128")) == [("way", HOST, ("direct",), ("http://proxy:3128",))]


def test_redirect_hosts_of_images() -> None:
    def sent_to(*hosts: str) -> Facts:
        return facts(
            *(
                seen("registry", step="layer", host="quay.io", redirected_to=f"https://{host}/x?sig=***", hop=0)
                for host in hosts
            )
        )

    before, after = sent_to("cdn01.quay.io", "cdn02.quay.io"), sent_to("cdn02.quay.io", "s3.amazonaws.com")
    assert told(before, after) == [("redirects", "quay.io", ("cdn01.quay.io",), ("s3.amazonaws.com",))]
    assert facts(seen("registry", step="layer", host="quay.io", redirected_to="https://[bad/")).known == {}


@pytest.mark.parametrize("fields", [{"status": 404}, {"complete": False}, {"sha256": None}])
def test_image_digests_of_manifests_that_were_read_whole(fields: Record) -> None:
    def manifest(digest: str, **other: Any) -> Facts:
        base = {"step": "manifest", "image": "quay.io/a:1", "status": 200, "complete": True, "sha256": digest}
        return facts(seen("registry", host="quay.io", hop=0, **{**base, **other}))

    assert told(manifest("a" * 64), manifest("b" * 64)) == [
        ("digest", "quay.io/a:1", ("sha256:" + "a" * 64,), ("sha256:" + "b" * 64,))
    ]
    assert told(manifest("a" * 64), manifest("b" * 64, **fields)) == []


def test_who_looked_and_through_which_resolvers() -> None:
    one = {"type": "vantage", "id": "local", "source_address": "10.0.0.4", "nameservers": ["10.0.0.1"]}
    two = one | {"source_address": "10.0.9.4", "nameservers": ["10.0.0.2", "10.0.0.1"]}
    assert told(facts(vantages=(one,)), facts(vantages=(two,))) == [
        ("resolvers", "nameservers", ("10.0.0.1",), ("10.0.0.2 10.0.0.1",)),
        ("vantage", "source address", ("10.0.0.4",), ("10.0.9.4",)),
    ]


def timed(*seconds: float, **fields: Any) -> Facts:
    return facts(*(seen("tcp", **{"host": HOST, "task": "tenant", "seconds": each, **fields}) for each in seconds))


FAST = (0.010, 0.011, 0.012, 0.010, 0.011)


@pytest.mark.parametrize(
    ("after", "slower"),
    [
        (FAST, False),
        ((0.20, 0.21, 0.20, 0.22), True),
        ((0.01, 0.011, 3.0, 0.01, 0.012), False),  # one repeated SYN
        ((0.04, 0.05, 0.05, 0.06), False),  # below the floor
        ((0.07, 0.08, 0.08, 0.09), True),
        ((0.01, 0.5, 0.01, 0.4, 0.3), False),  # as noisy as it is slow
        ((0.5, 0.5), False),  # too few
    ],
)
def test_slower_by_more_than_noise(after: tuple[float, ...], slower: bool) -> None:
    assert [each.kind for each in between(timed(*FAST), timed(*after))] == (["slower"] if slower else [])


def test_a_long_path_may_vary_more() -> None:
    assert list(between(timed(*[0.300] * 5), timed(*[0.440] * 5))) == []
    assert len(list(between(timed(*[0.300] * 5), timed(*[0.460] * 5)))) == 1


def test_faster_is_no_drift() -> None:
    assert list(between(timed(*[0.5] * 5), timed(*FAST))) == []


@pytest.mark.parametrize("fields", [{"error": {"name": "TIMEOUT"}}, {"task": "control"}])
def test_only_answered_exchanges_of_the_path_itself_are_timed(fields: Record) -> None:
    assert timed(*[0.5] * 5, **fields).seconds == {}


TIMES = st.lists(st.floats(min_value=0.0001, max_value=10), min_size=LEAST, max_size=20)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(TIMES, TIMES)
def test_noise_is_never_less_than_the_floor_and_a_path_is_never_slower_both_ways(
    one: list[float], other: list[float]
) -> None:
    assert noise(one, other) >= FLOOR
    assert not (list(between(timed(*one), timed(*other))) and list(between(timed(*other), timed(*one))))
    assert list(between(timed(*one), timed(*one))) == []


def test_what_is_kept_is_bounded() -> None:
    many = facts(*(resolved(f"198.51.100.{n % 250}", f"2001:db8::{n:x}") for n in range(5000)))
    (addresses,) = (values for key, values in many.known.items() if key[0] == "addresses")
    assert len(addresses) == MOST_VALUES
    assert {len(times) for times in timed(*[0.1] * (MOST_SAMPLES + 50)).seconds.values()} == {MOST_SAMPLES}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [
    *("vantage", "host", "task", "purpose", "addresses", "canonical", "seconds", "first_byte", "error", "chain"),
    *("version", "proxy", "step", "hop", "image", "redirected_to", "status", "sha256", "complete", "server"),
]
KINDS = st.sampled_from(["resolve", "dns", "route", "tcp", "tls", "http", "registry", "probe", "nonsense"])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(KINDS, st.dictionaries(st.sampled_from(FIELDS), ANYTHING), st.dictionaries(st.text(max_size=8), ANYTHING))
def test_observations_of_any_shape_are_survived(kind: str, fields: Record, vantage: Record) -> None:
    facts({"kind": kind, **fields}, {"kind": [], **fields}, vantages=(vantage,))


def test_the_same_change_from_many_vantages_is_one() -> None:
    places = [f"ssh://node-{n}" for n in range(50)]
    before = facts(*(resolved("192.0.2.1", vantage=place) for place in places))
    after = facts(*(resolved("192.0.2.2", vantage=place) for place in places))
    groups = folded(between(before, after))
    assert {key[:2]: len(vantages) for key, vantages in groups.items()} == {("addresses", HOST): 50}


def test_whatever_a_host_says_its_drift_has_room_in_a_line() -> None:
    """Who cannot write the comparison down is without a footer."""

    def run(letter: str) -> Facts:
        routes = [seen("route", host=f"{number}.example", proxy=f"{letter}{',' * 400}") for number in range(2000)]
        long = resolved(*(f"{letter}{number}{',' * 100_000}" for number in range(20)))
        return facts(*routes, long)

    drifts = list(between(run("a"), run("b")))
    listed = record.that_fit(drifts)
    line = json.dumps(listed)
    assert len(line) < LINE_LIMIT / 4
    assert values_in(line.encode()) < VALUES_LIMIT
    assert {each["kind"] for each in listed} == {each.kind for each in drifts}
    assert record.that_fit(drifts[:3]) == [record.drifted(each) for each in drifts[:3]]
