"""Changes break one thing and leave the rest, and the firewall that follows from them."""

from __future__ import annotations

import pytest

from lab import changes, network
from lab.healthy import PROXY_V4, RESOLVERS, RIGHT, TENANT, TENANT_V4, TENANT_V6
from lab.servers import Receiver, Rule
from lab.world import Authority, DnsManner, Machine, Site, Visitor, World


def sites(world: World, name: str) -> list[Site]:
    return [site for site in world.sites if site.name == name]


def test_a_change_of_some_addresses_splits_the_site() -> None:
    world = changes.tls("tenant", only=TENANT_V4[:1], authority=Authority.DEVICE)(RIGHT)
    broken, whole = sites(world, "tenant")
    assert (broken.addresses, whole.addresses) == (TENANT_V4[:1], TENANT_V4[1:] + TENANT_V6)
    assert broken.tls
    assert broken.tls.authority is Authority.DEVICE
    assert sites(RIGHT, "tenant")[0].tls == whole.tls


def test_a_change_of_all_addresses_leaves_one_site() -> None:
    (site,) = sites(changes.app("tenant", refuses_with=401)(RIGHT), "tenant")
    assert isinstance(site.app, Receiver)
    assert site.app.refuses_with == 401


def test_rules_stand_before_older_ones() -> None:
    world = changes.rules("tenant", Rule(path="/new"))(changes.rules("tenant", Rule(path="/old"))(RIGHT))
    assert [rule.path for rule in sites(world, "tenant")[0].rules] == ["/new", "/old"]


def test_a_site_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match="tennant"):
        changes.site("tennant", listens=False)(RIGHT)


def test_a_fault_is_the_corporate_resolvers_and_the_tenants() -> None:
    world = changes.fault("servfail")(RIGHT)
    faulty = [resolver for resolver in world.resolvers if resolver.faults]
    assert [resolver.addresses for resolver in faulty] == [(address,) for address in RESOLVERS]
    assert faulty[0].faults[0].manner is DnsManner.SERVFAIL
    assert TENANT in faulty[0].faults[0].names


def test_a_record_replaces_the_one_of_its_name_and_type() -> None:
    world = changes.record(TENANT, "A", "1.2.3.4")(RIGHT)
    assert [record.values for record in world.records if record.name == TENANT] == [TENANT_V6, ("1.2.3.4",)]


def test_rules_for_addresses_are_written_per_ip_version() -> None:
    assert changes.to(("192.0.2.1", "2001:db8::1"), "drop") == (
        "ip daddr { 192.0.2.1 } tcp dport 443 drop",
        "ip6 daddr { 2001:db8::1 } tcp dport 443 drop",
    )
    assert changes.to(("192.0.2.1",), "accept", port=53) == ("ip daddr { 192.0.2.1 } tcp dport 53 accept",)


def test_own_rules_come_before_the_routers_healthy_ones() -> None:
    rules = network.router_rules(changes.forward("ip daddr 192.0.2.1 drop")(RIGHT))
    assert rules.index("192.0.2.1 drop") < rules.index("ct state established")
    assert "policy drop" in rules


def test_addresses_of_a_machine_are_those_of_all_who_use_it() -> None:
    visitor = Visitor(machine=Machine.CORP, source="10.30.0.77", to="10.20.0.4", port=1)
    world = changes.visitor(visitor)(RIGHT)
    found = network.addresses_of(Machine.CORP, world)
    assert set(RESOLVERS) | {PROXY_V4, "10.30.0.77"} <= set(found)
    assert len(found) == len(set(found))
