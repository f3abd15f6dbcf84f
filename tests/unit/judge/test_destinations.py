"""What a vantage needs, by what it saw: destinations, their addresses, and the proxy instead of them."""

from __future__ import annotations

from typing import Any

from netcompliance.judge.destinations import Purpose, asked_on_itself, needs
from netcompliance.judge.evidence import Evidence
from netcompliance.model import HERE, Settings
from tests.unit.judge.records import ADDRESS6, ADDRESSES, HOST, PROXY, SERVERS, public_answer
from tests.unit.judge.world import SETTINGS, altered, exchange, healthy, own_registry, proxied, settings

Found = dict[tuple[Purpose, str], Any]


def needed(records: list[Any], given: Settings = SETTINGS, vantage: str = HERE) -> Found:
    found = needs(vantage, Evidence(records), given)
    return {(need.purpose, need.name or next(iter(need.addresses))): need for need in found}


def test_a_host_needs_the_tenant_its_resolvers_the_registry_and_what_it_redirects_to() -> None:
    found = needed(healthy())
    tenant = found[Purpose.TENANT, HOST]
    assert set(tenant.addresses) == {*ADDRESSES, ADDRESS6}
    assert (tenant.port, tenant.protocols, tenant.via) == (443, ("tcp",), None)
    resolver = found[Purpose.RESOLVER, SERVERS[0]]
    assert (resolver.port, resolver.protocols) == (53, ("udp", "tcp"))
    assert found[Purpose.REGISTRY, "quay.io"].addresses
    assert [name for purpose, name in found if purpose is Purpose.LAYERS]
    assert [name for purpose, name in found if purpose is Purpose.CHART]


def test_without_ipv6_on_the_host_ipv6_is_not_needed() -> None:
    assert set(
        needed(altered(healthy(), {"kind": "host"}, source_address6=None))[Purpose.TENANT, HOST].addresses
    ) == set(ADDRESSES)


def test_the_public_view_adds_what_rotates_and_nothing_of_another_view() -> None:
    rotating = [*healthy(), *exchange([public_answer("A", ADDRESSES[0], "34.250.11.99")])]
    assert "34.250.11.99" in needed(rotating)[Purpose.TENANT, HOST].addresses
    private = altered(rotating, {"kind": "resolve", "host": HOST, "purpose": "bare"}, addresses=["10.1.1.1"])
    private = [r for r in private if r["kind"] not in ("dns", "public-dns") and r.get("purpose") != "rooted"]
    private += exchange([public_answer("A", ADDRESSES[0])])
    assert set(needed(private)[Purpose.TENANT, HOST].addresses) == {"10.1.1.1"}


def test_behind_a_proxy_the_proxy_is_needed_and_the_rest_of_it() -> None:
    found = needed(altered(proxied(), {"kind": "proxy"}, proxy_address="10.20.0.5", via=PROXY))
    proxy = found[Purpose.PROXY, "proxy.corp.example"]
    assert (proxy.port, proxy.via) == (3128, None)
    assert set(proxy.addresses) == {"10.20.0.5"}
    tenant = found[Purpose.TENANT, HOST]
    assert (tenant.via, tenant.addresses) == (PROXY, {})
    assert [name for purpose, name in found if purpose is Purpose.RESOLVER], "the proxy's name has to be resolved"


def test_a_proxy_by_address_needs_no_resolver() -> None:
    records = [{**r, "via": "http://10.20.0.5:3128"} if r.get("via") else r for r in proxied()]
    records = [{**r, "proxy": "http://10.20.0.5:3128"} if r.get("proxy") else r for r in records]
    found = needed(records)
    assert (Purpose.PROXY, "10.20.0.5") in found
    assert [name for purpose, name in found if purpose is Purpose.RESOLVER] == []


def test_pods_pull_no_images() -> None:
    found = needed(healthy(), vantage="kubectl://agent-0")
    assert {purpose for purpose, _ in found} & {Purpose.REGISTRY, Purpose.LAYERS, Purpose.CDN} == set()
    assert (Purpose.TENANT, HOST) in found


def test_ones_own_registry_is_needed_instead_of_quay() -> None:
    records, given = own_registry()
    found = needed(records, given)
    assert (
        found[Purpose.REGISTRY, "registry.corp.example"].addresses == {"10.40.0.5": 0.0}
        or found[Purpose.REGISTRY, "registry.corp.example"].addresses
    )
    assert [name for purpose, name in found if purpose is Purpose.CDN] == []


def test_a_registrys_port_is_its_own() -> None:
    records, given = own_registry()
    found = needed(records, settings(**{**vars_of(given), "registry": "registry.corp.example:5000"}))
    assert found[Purpose.REGISTRY, "registry.corp.example"].port == 5000


def test_a_resolver_on_the_host_is_no_flow_and_is_told() -> None:
    records = altered(healthy(), {"kind": "host"}, nameservers=["127.0.0.53"])
    records = [r for r in records if r["kind"] != "dns"]
    assert [name for purpose, name in needed(records) if purpose is Purpose.RESOLVER] == []
    assert asked_on_itself(Evidence(records)) == ["127.0.0.53"]


def vars_of(given: Settings) -> dict[str, Any]:
    return {name: getattr(given, name) for name in ("registry", "registry_mode", "images", "source_images")}
