"""DNS-05 … DNS-08 with entries that speak of ports and sources: what decides, what is stale, how wide is too wide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcompliance.judge.destinations import Purpose, needs
from netcompliance.judge.evidence import Evidence
from netcompliance.model import HERE, Approved, Result, Service, Settings
from tests.unit.judge.records import ADDRESS6, ADDRESSES, CHARTS, EVERY, HOST, SERVERS
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import altered, healthy, settings, verdict_of, without

HTTPS = (Service(protocol="tcp", first=443, last=443),)
HTTP = (Service(protocol="tcp", first=80, last=80),)
DNS = (Service(protocol="udp", first=53, last=53), Service(protocol="tcp", first=53, last=53))
ANY = (Service(protocol="any"),)


def entry(block: str, services: tuple[Service, ...] | None = HTTPS, **fields: object) -> Approved:
    text = block.partition("/")[0] if block.endswith(("/32", "/128")) else block
    block = block if "/" in block else f"{block}/{128 if ':' in block else 32}"
    return Approved(text=text, blocks=(block,), services=services, **fields)  # type: ignore[arg-type]


def given(*entries: Approved) -> Settings:
    return settings(allow_list=tuple(each.text for each in entries), approved=entries)


OTHERS = tuple(
    entry(address, tuple(Service(protocol=protocol, first=need.port, last=need.port) for protocol in need.protocols))
    for need in needs(HERE, Evidence(healthy()), settings())
    for address in need.addresses
    if need.purpose is not Purpose.TENANT
)
"""Everything that is needed besides the tenant."""
EXACT = (*(entry(address) for address in EVERY), *OTHERS)
LISTS = {
    "exactly": row(healthy(), settings=given(*EXACT)),
    "the tenant only": row(healthy(), {"DNS-08": "dns.peer-not-allow-listed"}, settings=given(*map(entry, EVERY))),
    "the tenant only, in a list that says nothing of ports": row(
        healthy(), settings=given(*(entry(address, None) for address in EVERY))
    ),
    "the tenant only, in a policy of pods": row(
        healthy(), settings=given(*(entry(address, for_pods=True) for address in EVERY))
    ),
    "resolvers over UDP only": row(
        healthy(),
        {"DNS-08": "dns.peer-not-allow-listed"},
        settings=given(
            *(each for each in EXACT if each.text not in SERVERS), *(entry(server, DNS[:1]) for server in SERVERS)
        ),
    ),
    "the name, for port 443": row(healthy(), settings=given(Approved(text=HOST, services=HTTPS), *OTHERS)),
    "the name, for port 80": row(
        healthy(), {"DNS-05": "dns.not-allow-listed"}, settings=given(Approved(text=HOST, services=HTTP), *OTHERS)
    ),
    "port 80": row(
        healthy(),
        {"DNS-05": "dns.not-allow-listed", "DNS-07": "dns.wide-allow-list"},
        settings=given(*(entry(address, HTTP) for address in EVERY), *OTHERS),
    ),
    "UDP": row(
        healthy(),
        {"DNS-05": "dns.not-allow-listed", "DNS-07": "dns.wide-allow-list"},
        settings=given(*(entry(a, (Service(protocol="udp", first=443, last=443),)) for a in EVERY), *OTHERS),
    ),
    "port 80 first, then 443": row(
        healthy(), {"DNS-07": "dns.wide-allow-list"}, settings=given(entry(ADDRESSES[0], HTTP), *EXACT)
    ),
    "every port": row(
        healthy(),
        {"DNS-07": "dns.wide-allow-list"},
        settings=given(*(entry(address, ANY) for address in EVERY), *OTHERS),
    ),
    "everything": row(
        healthy(),
        {"DNS-07": "dns.wide-allow-list"},
        settings=given(Approved(text="any address", blocks=("0.0.0.0/0", "::/0"), services=ANY)),
    ),
    "dropped first": row(
        healthy(),
        {"DNS-05": "dns.not-allow-listed"},
        settings=given(entry(ADDRESSES[0], ANY, allows=False), *EXACT),
    ),
    "dropped last": row(healthy(), settings=given(*EXACT, entry("0.0.0.0/0", ANY, allows=False))),
    "dropped on another port": row(healthy(), settings=given(entry(ADDRESSES[0], HTTP, allows=False), *EXACT)),
    "for this host": row(
        healthy(), settings=given(*(entry(a, sources=("10.20.0.0/24", "fd20::/64")) for a in EVERY), *OTHERS)
    ),
    "for another host": row(
        healthy(),
        {"DNS-05": "dns.not-allow-listed"},
        settings=given(*(entry(address, sources=("10.99.0.0/24",)) for address in EVERY), *OTHERS),
    ),
    "stale for another host": row(healthy(), settings=given(*EXACT, entry("198.18.0.1", sources=("10.99.0.0/24",)))),
    "stale": row(healthy(), {"DNS-06": "dns.stale-allow-list"}, settings=given(*EXACT, entry("198.18.0.1"))),
    "no rule, and stale": row(healthy(), settings=given(*EXACT, entry("198.18.0.1", allows=False))),
}


@each(LISTS)
def test_lists(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("wide", "excess"),
    [
        (entry("34.250.11.0/24"), "opens 254 addresses more than needed"),
        (entry("34.250.11.22/31"), "opens 1 address more than needed"),
        (entry(ADDRESSES[0], (Service(protocol="tcp", first=440, last=449),)), "opens 9 ports more than needed"),
        (entry(ADDRESSES[0], (*HTTP, *HTTPS)), "opens 1 port more than needed"),
        (entry(ADDRESSES[0], ANY), "opens every port of every protocol (65535 of TCP) more than needed"),
        (entry("34.250.11.0/24", ANY), "opens 254 addresses and every port of every protocol"),
        (entry("34.250.11.0/24", None), "opens 254 addresses more than needed"),
        (entry("2a05:d018:11::/48"), "opens about 2^79 addresses more than needed"),
        (entry(SERVERS[0], HTTPS), "opens 1 port more than needed"),
    ],
)
def test_the_excess_is_counted(wide: Approved, excess: str) -> None:
    assert excess in verdict_of("DNS-07", healthy(), given(wide)).saw


def test_findings_say_where_the_entry_is() -> None:
    placed = [entry(a, HTTP, where=f"rules.v4:{number}") for number, a in enumerate(EVERY, 1)]
    saw = verdict_of("DNS-05", healthy(), given(*placed, entry("198.18.0.1", where="rules.v4:9"))).saw
    assert f"{ADDRESSES[0]} is not in the allow-list for tcp/443, only for tcp/80 (rules.v4:1)" in saw
    assert (
        "(rules.v4:9)" in verdict_of("DNS-06", healthy(), given(*placed, entry("198.18.0.1", where="rules.v4:9"))).saw
    )
    assert "(rules.v4:2)" in verdict_of("DNS-07", healthy(), given(*placed)).saw


def test_a_block_is_told_with_what_of_it_is_in_use() -> None:
    saw = verdict_of("DNS-07", healthy(), given(entry("34.250.11.0/24", where="x:3"))).saw
    assert f"(x:3); {', '.join(ADDRESSES)} is in use" in saw
    assert ADDRESS6 not in saw


def test_while_a_peers_address_is_not_known_no_entry_is_called_stale() -> None:
    records = altered(without(healthy(), kind="tcp", host=CHARTS), {"kind": "resolve", "host": CHARTS}, addresses=[])
    verdict = verdict_of("DNS-06", records, given(*EXACT, entry("198.18.0.1")))
    assert verdict.result is Result.NOTCHECKED
    assert CHARTS in verdict.reason


@pytest.mark.parametrize("requirement", ["DNS-05", "DNS-08"])
@pytest.mark.parametrize(
    ("only", "kept", "result"),
    [
        (None, True, Result.PASS),
        (6, True, Result.NOTCHECKED),
        (4, True, {"DNS-05": Result.NOTCHECKED, "DNS-08": Result.PASS}),
        (4, False, Result.FAIL),
        (None, False, Result.FAIL),
    ],
)
def test_rules_of_one_version_of_ip_say_nothing_of_the_other(
    requirement: str, only: int | None, kept: bool, result: Result | dict[str, Result]
) -> None:
    entries = [replace(each, only=only) for each in EXACT if (":" in each.text) == (only == 6) or only is None]
    if not kept:
        entries = [entry("198.18.0.1", only=only)]
    verdict = verdict_of(requirement, healthy(), given(*entries))
    assert verdict.result is (result[requirement] if isinstance(result, dict) else result), verdict.saw
    assert verdict.result is not Result.NOTCHECKED or "of another version of IP" in verdict.reason
