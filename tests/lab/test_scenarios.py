"""The lab's tables: every row makes sense, and every finding has a row."""

from __future__ import annotations

import ipaddress
import tomllib
from collections import Counter
from collections.abc import Callable

import pytest

from lab.healthy import IMAGES, RIGHT, TENANT, TENANT_V4, TENANT_V6
from lab.names import Names
from lab.scenario import Scenario, both, finds
from lab.scenarios import SCENARIOS
from lab.world import Machine, World
from netcompliance import catalogue
from netcompliance.config.images.default import load as default_images
from netcompliance.findings import Code

PEERS_SITUATIONS = {
    "NXDOMAIN": "dns-nxdomain",
    "SERVFAIL": "dns-servfail",
    "no DNS answer": "dns-timeout",
    "TCP refused": "tcp-refused",
    "TCP dropped": "tcp-dropped",
    "unknown CA (interception)": "interception",
    "expired": "expired",
    "wrong name": "wrong-name",
    "RST after ClientHello": "hello-reset",
    "hang after ClientHello": "hello-swallowed",
    "block page with a valid chain": "block-page",
    "captive portal 302": "captive-portal",
    "1 of 3 addresses dead": "one-address-dropped",
    "wrong backend 404": "wrong-backend",
    "plain HTTP on 443": "plain-http",
    "answers after 4 s": "answers-after-4-s",
}

BEFORE = repr(RIGHT)
WORLDS = {scenario.name: scenario.change(RIGHT) for scenario in SCENARIOS}


def test_there_are_enough_and_their_names_differ() -> None:
    names = Counter(scenario.name for scenario in SCENARIOS)
    assert [name for name, count in names.items() if count > 1] == []
    assert len(names) >= 60


@pytest.mark.parametrize("code", list(Code))
def test_every_finding_has_a_scenario(code: Code) -> None:
    assert [scenario.name for scenario in SCENARIOS if any(code in codes for codes in scenario.find.values())]


def culprits(is_right: Callable[[Scenario, World], bool]) -> list[str]:
    """The names of the rows that are not right."""
    return [scenario.name for scenario in SCENARIOS if not is_right(scenario, WORLDS[scenario.name])]


def test_rows_speak_of_known_requirements_and_codes() -> None:
    known = {requirement.id for requirement in catalogue.load().requirements}
    assert culprits(lambda scenario, _: set(scenario.find) <= known) == []
    assert culprits(lambda scenario, _: all(codes and codes <= set(Code) for codes in scenario.find.values())) == []


def test_rows_break_something_and_leave_the_healthy_world_alone() -> None:
    assert culprits(lambda scenario, world: world != RIGHT or bool(scenario.options)) == []
    assert repr(RIGHT) == BEFORE


def test_files_that_rows_name_are_written() -> None:
    def is_right(scenario: Scenario, world: World) -> bool:
        named = {option.partition("{lab}/")[2] for option in scenario.options if "{lab}/" in option}
        return named <= {file.name for file in world.files}

    assert culprits(is_right) == []


def test_profiles_of_rows_are_toml() -> None:
    for world in WORLDS.values():
        for file in world.files:
            if file.name.endswith(".toml"):
                assert tomllib.loads(file.text)


def test_no_two_servers_share_a_socket() -> None:
    def is_right(_: Scenario, world: World) -> bool:
        sockets = Counter(
            (site.machine, address, site.port) for site in world.sites if site.listens for address in site.addresses
        )
        return max(sockets.values()) == 1

    assert culprits(is_right) == []


def test_harmless_rows_say_so() -> None:
    assert culprits(lambda scenario, _: scenario.broken.startswith("nothing: ") is not bool(scenario.find)) == []


@pytest.mark.parametrize("situation", PEERS_SITUATIONS)
def test_situations_that_other_checkers_were_measured_with(situation: str) -> None:
    assert PEERS_SITUATIONS[situation] in {scenario.name for scenario in SCENARIOS}


def test_addresses_of_the_internet_are_global() -> None:
    addresses = [address for site in RIGHT.sites if site.machine is Machine.INTERNET for address in site.addresses]
    assert [address for address in addresses if not ipaddress.ip_address(address).is_global] == []


def test_every_name_of_the_right_world_leads_to_its_server() -> None:
    names = Names(RIGHT.records)
    for site in RIGHT.sites:
        for host in site.hosts:
            if host.replace(".", "").isdigit():
                continue
            found = {
                address
                for kind in ("A", "AAAA")
                if (answer := names.look_up(host, kind)).positive
                for address in answer.records[-1].values
            }
            assert found == set(site.addresses), host


def test_the_tenant_has_several_addresses_of_both_kinds() -> None:
    assert len(TENANT_V4) == 3
    assert len(TENANT_V6) == 1
    assert TENANT == "acme.app.stackstate.io"


def test_the_registry_holds_the_images_that_are_checked_by_default() -> None:
    held = {(image.repository, image.tag) for image in IMAGES}
    assert {(image.repository, image.reference) for image in default_images().images} <= held


def test_finds_reads_requirement_names_and_codes() -> None:
    assert finds(DNS_01="dns.nxdomain dns.timeout") == {"DNS-01": frozenset({"dns.nxdomain", "dns.timeout"})}


def test_both_applies_in_order() -> None:
    first = Scenario(name="x", broken="x", change=lambda world: world)
    order: list[str] = []

    def note(name: str) -> Scenario:
        def change(world):  # type: ignore[no-untyped-def]
            order.append(name)
            return world

        return Scenario(name=name, broken=name, change=change)

    both(first.change, note("a").change, note("b").change)(RIGHT)
    assert order == ["a", "b"]
