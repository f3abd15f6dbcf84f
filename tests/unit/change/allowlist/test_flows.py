"""From what was seen to flows: merged over looks, nothing that is not true, and notes of what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcompliance.config.validation import BadInput
from netcompliance.judge.destinations import Purpose
from netcompliance.model import Basis, Kind
from tests.unit.change.allowlist.seen import allowed, behind_a_proxy, from_a_pod, looked
from tests.unit.judge.records import ADDRESS6, ADDRESSES, HOST, PROXY, SERVERS, public_answer
from tests.unit.judge.world import altered, healthy, settings, without


def test_a_flow_says_everything_that_a_firewall_team_asks_for() -> None:
    (flow,) = [flow for flow in allowed().flows if flow.purpose is Purpose.TENANT]
    assert (flow.source.vantage, flow.source.kind, flow.name) == ("local", Kind.WORKSTATION, HOST)
    assert set(flow.addresses) == {*ADDRESSES, ADDRESS6}
    assert {moment.isoformat() for moment in flow.addresses.values()} == {"2026-11-25T18:01:06+00:00"}
    assert (flow.port, flow.protocols, flow.requirements, flow.basis) == (
        443,
        ("tcp",),
        ("HTTPS-01",),
        Basis.DOCUMENTED,
    )
    resolvers = [flow for flow in allowed().flows if flow.purpose is Purpose.RESOLVER]
    assert [flow.destination for flow in resolvers] == list(SERVERS)
    assert {flow.basis for flow in resolvers} == {Basis.DERIVED}


def test_what_only_the_suite_needs_is_asked_for_on_demand() -> None:
    assert Purpose.PUBLIC_DNS not in {flow.purpose for flow in allowed().flows}
    public = [public_answer("A", *ADDRESSES) | {"server": url, "address": "8.8.8.8"} for url in settings().public_dns]
    flows = allowed(looked([*healthy(), *public]), checks=True).flows
    (flow,) = [flow for flow in flows if flow.purpose is Purpose.PUBLIC_DNS]
    assert (flow.name, list(flow.addresses)) == ("dns.google", ["8.8.8.8"]), "one is enough"


def test_tenants_and_vantages_are_merged() -> None:
    other = looked(healthy(), settings=settings(tenant="other"))
    node = looked(altered(healthy(), {"kind": "host"}, source_address="10.20.0.9"), "ssh://node-1")
    merged = allowed(looked(healthy()), other, node)
    registry = [flow for flow in merged.flows if flow.purpose is Purpose.REGISTRY]
    assert [(flow.source.vantage, flow.tenants) for flow in registry] == [
        ("local", (HOST, "other.app.stackstate.io")),
        ("ssh://node-1", (HOST,)),
    ]
    assert merged.tenants == (HOST, "other.app.stackstate.io")
    assert {source.vantage for source in merged.sources} == {"local", "ssh://node-1"}


def test_of_two_sightings_the_later_counts() -> None:
    late = looked(healthy())
    early = replace(late, observations=[{**record, "at": 1.0} for record in late.observations])
    for looks in ((late, early), (early, late)):
        (flow,) = [flow for flow in allowed(*looks).flows if flow.purpose is Purpose.TENANT]
        assert {moment.year for moment in flow.addresses.values()} == {2026}


def test_what_a_wrong_resolver_says_is_not_asked_for() -> None:
    lied = looked(healthy(), failed=frozenset({"DNS-02"}))
    result = allowed(lied)
    (flow,) = [flow for flow in result.flows if flow.purpose is Purpose.TENANT]
    assert dict(flow.addresses) == {}
    assert result.incomplete
    assert any("DNS-02 failed" in note for note in result.notes)


def test_behind_a_proxy_the_packet_filter_sees_the_proxy_only() -> None:
    result = behind_a_proxy()
    assert {flow.purpose for flow in result.direct()} == {Purpose.PROXY, Purpose.RESOLVER}
    (proxy,) = [flow for flow in result.direct() if flow.purpose is Purpose.PROXY]
    assert (list(proxy.addresses), proxy.port) == (["10.20.0.5"], 3128)
    assert {flow.via for flow in result.flows if flow.name == HOST} == {PROXY}


def test_where_no_layer_arrived_a_note_says_that_hosts_may_be_missing() -> None:
    records = without(healthy(), kind="registry", step="layer")
    assert any("no image layer" in note for note in allowed(looked(records)).notes)
    assert not any("no image layer" in note for note in allowed().notes)


def test_a_resolver_on_the_host_is_noted() -> None:
    records = altered(healthy(), {"kind": "host"}, nameservers=["127.0.0.53"])
    assert any("127.0.0.53 on itself" in note for note in allowed(looked(records)).notes)


def test_a_resolver_that_only_pods_ask_is_noted() -> None:
    assert any(note.startswith("10.43.0.10 is asked by pods only") for note in from_a_pod().notes)
    assert not any("by pods only" in note for note in allowed().notes)


def test_pods_are_told_from_nodes() -> None:
    kinds = {source.vantage: source.kind for source in from_a_pod().sources}
    assert kinds == {"local": Kind.WORKSTATION, "kubectl://agent-0": Kind.POD}


@pytest.mark.parametrize("name", ["evil\nname.example", "a b", "*.example", "$(id)", "x;y", ""])
def test_names_that_are_none_never_reach_a_rule(name: str) -> None:
    records = [
        {**record, "url": f"https://{name}/blob"} if record.get("step") == "layer" else record for record in healthy()
    ]
    told = {flow.name for flow in allowed(looked(records)).flows}
    assert all(set(each) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-") for each in told)


def test_a_tenant_that_is_no_name_is_refused() -> None:
    with pytest.raises(BadInput, match="the tenant of a journal"):
        allowed(looked(healthy(), settings=settings(tenant="acme\n# evil")))


@pytest.mark.parametrize("zone", ["%eth0", "%a\nb", '%"; reboot'])
def test_zones_of_addresses_never_reach_a_rule(zone: str) -> None:
    records = altered(healthy(), {"kind": "host"}, source_address6=f"fe80::1{zone}")
    records = altered(records, {"kind": "resolve", "purpose": "bare"}, addresses=[f"fe80::2{zone}"])
    given = allowed(looked(records))
    known = {"fe80::1"} if zone == "%eth0" else set()
    assert {address for source in given.sources for address in source.addresses} == {"10.20.0.4", *known}
    assert ("fe80::2" in {address for flow in given.flows for address in flow.addresses}) == bool(known)


@pytest.mark.parametrize("at", [1e300, -1e300, 1e18])
def test_times_that_no_calendar_has_do_no_harm(at: float) -> None:
    look = looked(healthy())
    records = [{**record, "at": at} for record in look.observations]
    assert allowed(replace(look, observations=records)).flows
