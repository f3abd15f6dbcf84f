"""What an approved list lacks, and what of it can go."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from netcompliance.change.allowlist.against import NOT_COMPARED, UNSURE, missing
from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.formats import FORMATS, text
from netcompliance.config.allow_list import reading
from netcompliance.config.validation import BadInput
from netcompliance.judge.destinations import Purpose
from tests.unit.change.allowlist.seen import allowed, behind_a_proxy, everybody, from_a_pod, looked
from tests.unit.judge.records import ADDRESS6, ADDRESSES, HOST, PROXY
from tests.unit.judge.world import altered, healthy, without


def against(tmp_path: Path, approved: str, given: AllowList | None = None) -> AllowList:
    file = tmp_path / "approved"
    file.write_text(approved)
    return missing(given or allowed(), reading.read(file), str(file))


@pytest.mark.parametrize("form", ["plain", "nftables", "iptables-save"])
@pytest.mark.parametrize("given", [allowed(), everybody(), behind_a_proxy()], ids=["one", "several", "proxied"])
def test_what_was_written_lacks_nothing_and_nothing_can_go(tmp_path: Path, form: str, given: AllowList) -> None:
    rest = against(tmp_path, text(form, given), given)
    assert (rest.flows, rest.surplus) == ((), ())


def test_a_policy_of_pods_is_held_against_what_pods_need(tmp_path: Path) -> None:
    rest = against(tmp_path, text("networkpolicy", from_a_pod()), from_a_pod())
    assert (rest.flows, rest.surplus) == ((), ())
    assert NOT_COMPARED.format("what nodes and workstations need") in rest.notes


@pytest.mark.parametrize("form", ["plain", "nftables", "iptables-save"])
def test_without_a_line_just_that_is_missing(tmp_path: Path, form: str) -> None:
    lines = text(form, allowed()).splitlines()
    kept = [line for line in lines if ADDRESSES[1] not in line and line != HOST]
    rest = against(tmp_path, "\n".join(kept) + "\n")
    assert [(flow.name, list(flow.addresses), flow.protocols) for flow in rest.flows] == [
        (HOST, [ADDRESSES[1]], ("tcp",))
    ]
    assert rest.surplus == ()


def test_of_two_protocols_only_the_missing_one_is_asked_for(tmp_path: Path) -> None:
    rules = text("nftables", allowed()).replace("meta l4proto { tcp, udp } th dport 53", "udp dport 53")
    rest = against(tmp_path, rules)
    assert {(flow.purpose, flow.protocols) for flow in rest.flows} == {(Purpose.RESOLVER, ("tcp",))}


def test_a_name_on_the_list_approves_every_address_of_it(tmp_path: Path) -> None:
    rest = against(tmp_path, f"{HOST}\n")
    assert HOST not in {flow.name for flow in rest.flows}


def test_what_nobody_uses_can_go_with_its_line(tmp_path: Path) -> None:
    approved = text("plain", allowed()) + "192.0.2.0/24\nold.example.com\n"
    last = approved.count("\n")
    rest = against(tmp_path, approved)
    file = tmp_path / "approved"
    assert rest.surplus == (f"192.0.2.0/24 ({file}:{last - 1})", f"old.example.com ({file}:{last})")
    told = text("markdown", rest)
    assert "Nothing." in told.partition("## Firewall: allow")[2]
    assert "* 192.0.2.0/24" in told.partition("## Can go")[2]
    assert "remove,,,192.0.2.0/24" in text("csv", rest)
    assert f"# Can go: 192.0.2.0/24 ({file}:{last - 1})" in text("nftables", rest)


def test_while_something_was_not_seen_nothing_can_go(tmp_path: Path) -> None:
    unsure = allowed(looked(without(healthy(), kind="registry", step="layer")))
    rest = against(tmp_path, text("plain", unsure) + "192.0.2.1\n", unsure)
    assert rest.surplus == ()
    assert UNSURE in rest.notes


def test_an_entry_for_other_hosts_neither_approves_nor_can_go(tmp_path: Path) -> None:
    rules = text("nftables", allowed()).replace("10.20.0.4", "10.99.0.4").replace("13.32.9.9", "192.0.2.1")
    rest = against(tmp_path, rules)
    assert {address for flow in rest.flows for address in flow.addresses} >= set(ADDRESSES)
    assert ADDRESS6 not in {address for flow in rest.flows for address in flow.addresses}, "IPv6 has its own source"
    assert rest.surplus == ()


def test_of_two_hosts_only_the_one_that_lacks_it_is_asked_for(tmp_path: Path) -> None:
    other = looked(altered(healthy(), {"kind": "host"}, source_address="10.20.0.9"), "ssh://node-9")
    rest = against(tmp_path, text("nftables", allowed()), allowed(looked(healthy()), other))
    assert {flow.source.name for flow in rest.flows} == {"node-9"}


@pytest.mark.parametrize("networks", [("10.20.0.0/24", "fd20::4"), ("10.20.0.4", "10.99.0.0/24", "fd20::4")])
def test_some_of_the_networks_are_not_all_of_them(tmp_path: Path, networks: tuple[str, ...]) -> None:
    """The host's network is wider than the source that was approved, or one of several."""
    given = allowed()
    wide = replace(
        given,
        flows=tuple(replace(flow, source=replace(flow.source, addresses=networks)) for flow in given.flows),
    )
    rest = against(tmp_path, text("nftables", given), wide)
    assert {address for flow in rest.flows for address in flow.addresses} >= set(ADDRESSES)


def test_a_host_of_unknown_address_is_approved_by_no_entry_that_speaks_of_sources(tmp_path: Path) -> None:
    nowhere = allowed(
        looked(altered(healthy(), {"kind": "host"}, source_address=None, source_address6=None), "ssh://n")
    )
    rest = against(tmp_path, text("nftables", allowed()), nowhere)
    assert {flow.name for flow in rest.flows} >= {HOST}


def test_the_first_entry_that_fits_decides(tmp_path: Path) -> None:
    drop = f"        ip daddr {ADDRESSES[0]} tcp dport 443 drop\n"
    before, chain, after = text("nftables", allowed()).partition("    chain netcompliance {\n")
    assert [list(flow.addresses) for flow in against(tmp_path, before + chain + drop + after).flows] == [[ADDRESSES[0]]]


def test_what_a_proxy_grants_is_compared_by_name_or_not_at_all(tmp_path: Path) -> None:
    approved = text("plain", behind_a_proxy())
    rest = against(tmp_path, approved, behind_a_proxy())
    assert NOT_COMPARED.format("what proxies have to grant") in rest.notes
    rest = against(tmp_path, f"{approved}{HOST}\n", behind_a_proxy())
    assert (rest.flows, rest.surplus) == ((), ())
    assert any(PROXY in (flow.via or "") for flow in behind_a_proxy().flows)


PARTS = [name for name, form in FORMATS.items() if not (form.is_whole or form.isolates)]
POLICIES = [name for name, form in FORMATS.items() if form.isolates]


@pytest.mark.parametrize("form", POLICIES)
def test_a_policy_is_added_to_policies_only(tmp_path: Path, form: str) -> None:
    """Beside a firewall's rules it would shut pods off from everything that those let out."""
    with pytest.raises(BadInput, match=f"--against: {form} would shut pods off"):
        text(form, against(tmp_path, f"{ADDRESSES[0]}\n"))
    some = text("networkpolicy", from_a_pod()).replace(ADDRESSES[1], "192.0.2.1")
    rest = against(tmp_path, some, from_a_pod())
    assert re.search("name: stackstate-agent-egress-add-[0-9a-f]{4}\n", text(form, rest))
    (line,) = [number for number, line in enumerate(some.splitlines(), 1) if "192.0.2.1" in line]
    assert rest.surplus == (f"192.0.2.1/32 ({tmp_path / 'approved'}:{line})",)


@pytest.mark.parametrize("form", ["adminnetworkpolicy", *POLICIES])
def test_where_pods_need_nothing_no_policy_is_written(form: str) -> None:
    charts = tuple(flow for flow in allowed().flows if flow.purpose is Purpose.CHART)
    told = text(form, replace(allowed(), flows=charts, against="approved", against_pods=True))
    assert all(line.startswith("#") for line in told.splitlines())


@pytest.mark.parametrize("form", PARTS)
def test_what_is_added_replaces_nothing_that_is_approved(tmp_path: Path, form: str) -> None:
    """Another name, no flush: loading it leaves the approved rules in place."""
    rest = against(tmp_path, f"{ADDRESSES[0]}\n", everybody())
    told, whole = text(form, rest), text(form, everybody())
    assert "flush chain" not in told
    assert ":netcompliance -" not in told
    if form in ("paloalto", "fortigate", "checkpoint", "cisco-asa"):
        assert re.search(r"stackstate-acme-add-[0-9a-f]{4}-receiver", told)
        assert "stackstate-acme-receiver" not in told
    if form == "adminnetworkpolicy":
        assert "name: stackstate-agent-egress-add-" in told
        assert "name: stackstate-agent-egress\n" in whole


@pytest.mark.parametrize("form", [name for name, form in FORMATS.items() if form.is_whole])
def test_a_format_that_holds_everything_has_no_part(tmp_path: Path, form: str) -> None:
    with pytest.raises(BadInput, match=f"--against: {form} always holds the whole list"):
        text(form, against(tmp_path, f"{ADDRESSES[0]}\n"))


@pytest.mark.parametrize("form", PARTS)
def test_where_nothing_is_missing_there_are_no_rules(tmp_path: Path, form: str) -> None:
    told = text(form, against(tmp_path, text("plain", allowed())))
    if FORMATS[form].mark:
        assert all(line.startswith(FORMATS[form].mark) for line in told.splitlines())
        assert ": nothing" in told


@pytest.mark.lab
@pytest.mark.parametrize(
    ("form", "load", "show"),
    [
        ("nftables", "nft -f {0}", "nft list ruleset"),
        (
            "iptables-save",
            "iptables-nft-restore --noflush {0} && ip6tables-nft-restore --noflush {0}",
            "iptables-nft-save; ip6tables-nft-save",
        ),
    ],
)
def test_the_approved_rules_and_what_is_missing_are_everything(tmp_path: Path, form: str, load: str, show: str) -> None:
    def loaded(*files: Path) -> list[str]:
        command = " && ".join([*(load.format(file) for file in files), f"({show})"])
        done = subprocess.run(["unshare", "-rn", "sh", "-c", command], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return sorted(line for line in done.stdout.splitlines() if "daddr" in line or " -d " in line)

    whole, old, new = tmp_path / "whole", tmp_path / "old", tmp_path / "new"
    whole.write_text(text(form, allowed()))
    old.write_text(text(form, replace(allowed(), flows=allowed().flows[::2])))
    new.write_text(text(form, missing(allowed(), reading.read(old), "old")))
    assert loaded(old, new) == loaded(whole)
    assert loaded(old) != loaded(whole)
