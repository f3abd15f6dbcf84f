"""`--source`: what the firewall sees a host come from."""

from __future__ import annotations

import pytest

from netcompliance.change.allowlist import sources
from netcompliance.change.allowlist.flows import LEFT_OUT, TRANSLATED, AllowList, derive
from netcompliance.change.allowlist.formats import FORMATS, text
from netcompliance.change.allowlist.rows import rows
from netcompliance.config.validation import BadInput
from tests.unit.change.allowlist.seen import CATALOGUE, looked
from tests.unit.judge.records import ADDRESS6
from tests.unit.judge.world import healthy


def seen_from(*options: str) -> AllowList:
    """A workstation and a container, with these options."""
    given = sources.parsed(options)
    looks = [looked(healthy()), looked(healthy(), "podman://agent")]
    return derive(looks, CATALOGUE, sources=lambda vantage: sources.of(given, vantage))


def test_one_network_is_for_every_host() -> None:
    assert {row.networks for row in rows(seen_from("10.9.0.0/24").flows)} == {("10.9.0.0/24",)}


@pytest.mark.parametrize("pattern", ["agent", "podman://agent", "ag*", "podman://*"])
def test_a_host_has_its_own(pattern: str) -> None:
    found = {source.vantage: source.addresses for source in seen_from("10.9.0.1/32", f"{pattern}=10.8.0.0/24").sources}
    assert found == {"local": ("10.9.0.1",), "podman://agent": ("10.8.0.0/24",)}


def test_several_networks_are_all_said_and_folded_where_that_is_exact() -> None:
    receiver, *others = rows(seen_from("10.0.0.0/25,10.0.0.128/25", "fd00::/64").flows)
    assert receiver.networks == ("10.0.0.0/24", "fd00::/64")
    assert {row.networks for row in others} == {("10.0.0.0/24",)}, "of the others no IPv6 address is known"


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_asked_for_from_anybody_in_the_version_of_ip_that_was_not_given(form: str) -> None:
    given = seen_from("10.9.0.0/24")
    assert any(LEFT_OUT in note and "IPv6" in note for note in given.notes)
    assert ADDRESS6 not in text(form, given)
    assert not any(LEFT_OUT in note for note in seen_from("10.9.0.0/24", "fd99::/64").notes)


@pytest.mark.parametrize("form", FORMATS)
def test_the_host_s_own_address_is_then_nowhere(form: str) -> None:
    told = text(form, seen_from("10.9.0.0/24", "fd99::/64"))
    assert "10.20.0.4" not in told
    assert "fd20::4" not in told
    if form not in ("paloalto-edl", "networkpolicy", "adminnetworkpolicy", "egressfirewall", "cilium", "calico", "aws"):
        assert "10.9.0.0" in told


def test_what_is_hidden_behind_a_node_is_noted_until_it_is_given() -> None:
    assert any(TRANSLATED in note for note in seen_from().notes)
    assert not any(TRANSLATED in note for note in seen_from("agent=10.9.0.0/24").notes)


@pytest.mark.parametrize(
    ("option", "cause"),
    [
        ("10.0.0.1/8", "not a network such as"),
        ("node-1", "not a network such as"),
        ("=10.0.0.0/8", "no host before"),
        ("10.0.0.0/8,", "not a network such as"),
        ("0.0.0.0/0", "is everybody"),
        ("node=::/0", "is everybody"),
        ("", "not a network such as"),
        ("10.0.0.0/8\n# x", "not a network such as"),
    ],
)
def test_what_is_no_network_is_refused(option: str, cause: str) -> None:
    with pytest.raises(BadInput, match=cause):
        sources.parsed([option])


def test_a_host_that_was_not_visited_is_refused() -> None:
    with pytest.raises(BadInput, match="fits no host that was visited: local, node-1"):
        sources.check(sources.parsed(["node-2=10.0.0.0/8"]), ["ssh://node-1", "local"])
