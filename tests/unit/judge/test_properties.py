"""What holds for every journal, right, broken, cut short or hostile."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcompliance.model import ChartValues, Level, Result, Settings, Waiver
from netcompliance.observations import KINDS, WORDS
from netcompliance.results import Entry, Overall, overall
from tests.unit.judge.records import (
    ADDRESSES,
    BASE,
    EVERY,
    HOST,
    LAYER,
    SERVERS,
    Record,
    chain,
    dns_response,
    error,
    go_query,
    public_answer,
    sha,
)
from tests.unit.judge.world import (
    CATALOGUE,
    SETTINGS,
    TODAY,
    changed,
    healthy,
    own_registry,
    proxied,
    untrusted,
    verdicts,
)
from tests.unit.judge.world import settings as given_settings

EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

FIELDS = sorted({name for its in (*KINDS.values(), *WORDS.values()) for name in its.FIELDS})
RIGHT, PROXIED, (OWN, OWN_SETTINGS) = healthy(), proxied(), own_registry()
EVERYTHING = given_settings(
    allow_list=EVERY,
    agent_url="https://x",
    key_declared=True,
    values=ChartValues(file="v.yaml", problems=(("a", "b"),)),
    waivers=(Waiver(requirement="*", owner="o", reason="r", expires="2026-01-01"),),
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=8)
    | st.sampled_from([10**400, "\ud800", "AAAA", "1.2.3.4", "::", HOST, "http://[", "200", "<html>"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def broken(where: dict[str, Any], **fields: Any) -> list[Record]:
    return changed(where, **fields)


BROKEN = {
    "one of two dropped": broken({"kind": "tcp", "address": ADDRESSES[1]}, error=error("TIMEOUT")),
    "no name": [
        {**r, "addresses": [], "error": error("GAI", code=-2)}
        if r.get("purpose") == "bare"
        else {**r, "response": dns_response(r["rdtype"], rcode="NXDOMAIN")}
        if r["kind"] == "dns"
        else {**r, "queries": [go_query(server, t, rcode="NXDOMAIN") for server in SERVERS for t in ("A", "AAAA")]}
        if r["kind"] == "go-resolve"
        else r
        for r in RIGHT
    ],
    "untrusted": untrusted(),
    "intercepted": [
        *(r for r in RIGHT if r["kind"] != "chain"),
        {**chain(b"leaf", anchor=None, public_issuer=False), "vantage": "local"},
    ],
    "a page at one address": broken(
        {"kind": "http", "path": f"{BASE}/features", "address": ADDRESSES[0]}, status=200, body="PGh0bWw+"
    ),
    "no registry": broken({"kind": "registry", "step": "ping"}, status=404),
    "no token": [
        {**r, "status": 401, "token": False} if r.get("step") == "token" else r
        for r in RIGHT
        if r["kind"] != "registry" or r["step"] in ("ping", "token")
    ],
    "no image": broken({"kind": "registry", "step": "manifest"}, status=404),
    "another platform": broken({"kind": "registry", "step": "platform"}, platforms=["linux/s390x"]),
    "a layer is lost": broken({"kind": "registry", "digest": f"sha256:{sha(LAYER)}"}, status=None, error=error("EOF")),
    "the tenant connects": broken(
        {"kind": "sockets"}, connections=[["10.20.0.4", 40000, ADDRESSES[0], 443], ["10.20.0.4", 8126, ADDRESSES[0], 5]]
    ),
}
"""Worlds in which a `must` fails."""


def conclusion(records: list[Record], with_settings: Settings = SETTINGS) -> Overall:
    return overall(
        [
            Entry(case=verdict.case, requirement=CATALOGUE[verdict.case.requirement], verdict=verdict)
            for verdict in verdicts(records, with_settings)
        ]
    )


SOME = st.sets(st.integers(0, 127))
"""Which records of a world are not there."""


def part_of(records: list[Record], gone: set[int]) -> list[Record]:
    """The records without some of them. That the visit took place is always known."""
    return [r for number, r in enumerate(records) if number not in gone or r["kind"] == "probe"]


@st.composite
def spoilt(draw: st.DrawFn, records: list[Record]) -> list[Record]:
    """The records with fields dropped, or replaced by anything that JSON can say."""
    spoiled = [dict(record) for record in records]
    for _ in range(draw(st.integers(1, 12))):
        record = spoiled[draw(st.integers(0, len(spoiled) - 1))]
        field = draw(st.sampled_from(sorted(record)) | st.sampled_from(FIELDS))
        if draw(st.booleans()):
            record.pop(field, None)
        else:
            record[field] = draw(JSON)
    return spoiled


@EXAMPLES
@given(st.sampled_from([RIGHT, PROXIED, OWN]).flatmap(spoilt), st.sampled_from([SETTINGS, EVERYTHING, OWN_SETTINGS]))
def test_never_raises(records: list[Record], with_settings: Settings) -> None:
    for verdict in verdicts(records, with_settings, date(2026, 9, 21)):
        assert isinstance(verdict.result, Result)


@EXAMPLES
@given(SOME, st.sampled_from([SETTINGS, EVERYTHING]))
def test_never_raises_for_parts(gone: set[int], with_settings: Settings) -> None:
    verdicts(part_of(RIGHT, gone), with_settings)
    verdicts(part_of(PROXIED, gone), with_settings)


@EXAMPLES
@given(st.lists(st.dictionaries(st.sampled_from(["kind", "vantage", *FIELDS]), JSON), max_size=6))
def test_never_raises_for_anything(records: list[Record]) -> None:
    verdicts([*records, {"vantage": "local", "kind": "probe"}], EVERYTHING)


@EXAMPLES
@given(st.sampled_from(sorted(BROKEN)).flatmap(lambda name: spoilt(BROKEN[name])))
def test_the_same_evidence_gives_the_same_verdicts(records: list[Record]) -> None:
    assert verdicts(records) == verdicts([dict(record) for record in records])


@EXAMPLES
@given(st.permutations(sorted({r["kind"] for r in RIGHT})), st.sampled_from([RIGHT, *BROKEN.values()]))
def test_the_order_of_kinds_says_nothing(kinds: list[str], records: list[Record]) -> None:
    kinds = [*kinds, "proxy"]
    shuffled = sorted(records, key=lambda record: kinds.index(record["kind"]))
    assert verdicts(shuffled) == verdicts(records)


WHOM = ("kind", "host", "server", "address", "proxy_address", "name", "image", "tool")
"""What tells one peer from another."""
SEVERAL = [
    *RIGHT,
    *({**r, "tool": tool} for r in RIGHT if r["kind"] == "firewall" for tool in ("nft-too", "nft-as-well")),
    {
        **public_answer("A", *reversed(ADDRESSES)),
        "type": "observation",
        "vantage": "local",
        "server": "https://a.example/q",
    },
]
"""What several tools and several public resolvers say."""


@EXAMPLES
@given(st.randoms(use_true_random=False), st.sampled_from([RIGHT, SEVERAL, *BROKEN.values()]))
def test_whoever_answers_first_the_text_is_the_same(random: Any, records: list[Record]) -> None:
    """What was asked of one peer stays in its order, and a nameserver gives addresses in any."""
    peers: dict[tuple[object, ...], list[Record]] = {}
    for record in records:
        peers.setdefault(tuple(str(record.get(name)) for name in WHOM), []).append(record)
    shuffled = [each for peer in random.sample(list(peers.values()), len(peers)) for each in peer]
    turned = [
        {**each, "addresses": random.sample(a, len(a))} if (a := each.get("addresses")) else each for each in shuffled
    ]
    assert [(v.case, v.result, v.saw, v.reason) for v in verdicts(turned)] == [
        (v.case, v.result, v.saw, v.reason) for v in verdicts(records)
    ]


@EXAMPLES
@given(st.randoms(use_true_random=False))
def test_a_right_world_in_any_order_has_no_failure(random: Any) -> None:
    """Exchanges end in any order."""
    for records, with_settings in ((RIGHT, SETTINGS), (PROXIED, SETTINGS), (OWN, OWN_SETTINGS)):
        shuffled = random.sample(records, len(records))
        assert conclusion(shuffled, with_settings) is Overall.SATISFIED


@pytest.mark.parametrize(
    ("records", "with_settings"),
    [(RIGHT, SETTINGS), (PROXIED, SETTINGS), (OWN, OWN_SETTINGS)],
    ids=["direct", "proxied", "own registry"],
)
def test_a_right_world_of_which_a_part_was_not_seen_has_no_failure(
    records: list[Record], with_settings: Settings
) -> None:
    @EXAMPLES
    @given(SOME)
    def holds(gone: set[int]) -> None:
        given_verdicts = verdicts(part_of(records, gone), with_settings)
        assert [str(v.case) for v in given_verdicts if v.result is Result.FAIL] == []

    holds()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_world_of_which_a_part_was_not_seen_is_never_satisfied(name: str) -> None:
    @EXAMPLES
    @given(SOME)
    def holds(gone: set[int]) -> None:
        assert conclusion(part_of(BROKEN[name], gone)) is not Overall.SATISFIED

    assert conclusion(BROKEN[name]) is Overall.NOT_SATISFIED
    holds()


NEEDED_BY: dict[str, set[str]] = {
    "route": {"DNS-01", "PRX-01"},
    "resolve": {"DNS-01", "HTTPS-01"},
    "tcp": {"HTTPS-01", "HTTPS-02", "REG-05"},
    "tls": {"HTTPS-02", "HTTPS-03", "HTTPS-05", "REG-05"},
    "chain": {"HTTPS-03"},
    "http": {"RCV-01", "RCV-02", "RCV-04", "HTTPS-06", "CLK-01"},
    "sockets": {"OUT-01"},
    "registry": {"REG-01", "REG-02", "REG-03", "REG-04"},
    "dns": {"DNS-03"},
    "public-dns": {"DNS-04"},
    "chart": {"HELM-01"},
}


@pytest.mark.parametrize("kind", NEEDED_BY)
def test_nothing_passes_without_its_own_evidence(kind: str) -> None:
    part = [record for record in RIGHT if record["kind"] != kind]
    passed = {v.case.requirement for v in verdicts(part) if v.result is Result.PASS}
    assert passed & NEEDED_BY[kind] == set()


def test_every_must_rests_on_some_evidence() -> None:
    bare = [record for record in RIGHT if record["kind"] in ("probe", "host")]
    musts = {r.id for r in CATALOGUE.requirements if r.level is Level.MUST}
    assert {v.case.requirement for v in verdicts(bare, SETTINGS, TODAY) if v.result is Result.PASS} & musts == set()


def _other_way_round(records: list[Record]) -> list[Record]:
    """The same looks, in the order in which other peers happened to answer first."""
    return sorted(records, key=lambda seen: str(seen.get("address") or seen.get("image") or ""), reverse=True)


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_who_answered_first_changes_no_word(name: str) -> None:
    one, other = (verdicts(records, SETTINGS) for records in (BROKEN[name], _other_way_round(BROKEN[name])))
    assert one == other


HOSTILE = ("$(id)", "`id`", ";id", "|id", "\nid", "'id'", " -oid", "&id", ">id")


def _poisoned(value: Any, what: str, field: str = "") -> Any:
    """Every text of a record with something at its end that a shell would read, but for what only labels it."""
    if isinstance(value, str) and field not in ("kind", "task", "purpose", "step", "vantage", "type"):
        return value + what
    if isinstance(value, dict):
        return {name: _poisoned(each, what, name) for name, each in value.items()}
    return [_poisoned(each, what, field) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("field", ["address", "addresses", "proxy", "via", "server", "nameservers", "host", "url", ""])
def test_nothing_that_a_host_says_stands_unquoted_in_a_command(field: str) -> None:
    """`reproduce` is for pasting. `field` alone is poisoned, or all of them."""
    for what in HOSTILE:
        for records in (RIGHT, PROXIED, OWN, *BROKEN.values()):
            seen = [
                {name: _poisoned(value, what, name) if field in ("", name) else value for name, value in record.items()}
                for record in records
            ]
            assert not [v.reproduce for v in verdicts(seen, SETTINGS) if what in v.reproduce]
