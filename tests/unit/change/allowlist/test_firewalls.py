"""Formats of firewalls that know names: what each holds is what was asked for, in words and lengths that it takes.

No such device is here. Structure is read by hier_config, a shell's words by the shell itself; everything else is held
to what the vendors publish.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import hier_config
import pytest
from hier_config import Platform

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.formats import text
from netcompliance.change.allowlist.rows import folded, identifier
from tests.unit.change.allowlist.seen import allowed, behind_a_proxy, everybody, looked
from tests.unit.judge.records import ADDRESSES, HOST, SERVERS
from tests.unit.judge.world import altered, healthy, settings

LONG = "0" * 63
"""A tenant as long as a label can be, which begins with a digit."""
DEVICES = ("paloalto", "fortigate", "checkpoint", "cisco-asa")
NAMES = {
    HOST, "quay.io", "helm.stackstate.io", "cdn.quay.io", *(f"cdn0{number}.quay.io" for number in range(1, 7)),
}  # fmt: skip


def section(form: str, given: AllowList) -> list[str]:
    """Every line with what it stands in, as hier_config reads it."""
    platform = {"fortigate": Platform.FORTINET_FORTIOS, "cisco-asa": Platform.CISCO_IOS}[form]
    lines = [line for line in text(form, given).splitlines() if not line.startswith("#")]
    config = hier_config.get_hconfig(platform, "\n".join(lines))
    return [" / ".join([*child.path()]) for child in config.all_children()]


def renamed(name: str) -> AllowList:
    """The same world for another tenant."""
    records = json.loads(json.dumps(healthy()).replace(HOST, f"{name}.app.stackstate.io"))
    return allowed(looked(records, settings=settings(tenant=name)))


@pytest.mark.parametrize("form", DEVICES)
@pytest.mark.parametrize("given", [allowed(), everybody()], ids=["one", "several"])
def test_every_name_and_every_nameless_address_is_there(form: str, given: AllowList) -> None:
    told = text(form, given)
    for name in NAMES:
        assert re.search(rf"(?<![\w.-])\.?{re.escape(name)}(?![\w.-])", told), name
    assert all(server in told for server in SERVERS)
    assert not any(address in told for address in ADDRESSES), "a device looks names up itself"


@pytest.mark.parametrize("form", DEVICES)
def test_behind_a_proxy_only_the_proxy_is_asked_for(form: str) -> None:
    told = text(form, behind_a_proxy())
    assert "proxy.corp.example" in told
    assert "3128" in told
    assert HOST not in told.replace(f"Agent: {HOST}", "")


@pytest.mark.parametrize("form", DEVICES)
def test_hosts_of_unknown_address_are_any_and_nobody_s_network_is_made_up(form: str) -> None:
    nowhere = looked(altered(healthy(), {"kind": "host"}, source_address=None, source_address6=None), "ssh://node-1")
    told = text(form, allowed(nowhere))
    assert "10.20.0" not in told
    anybody = {
        "paloalto": "source any",
        "fortigate": 'srcaddr "all"',
        "checkpoint": "source.1 Any",
        "cisco-asa": " any ",
    }
    assert anybody[form] in told


# --- names -----------------------------------------------------------------------------------------------------------


def test_names_begin_with_a_letter_keep_their_length_and_stay_apart() -> None:
    assert identifier(["1acme.app"], 63) == "stackstate-1acme.app"
    assert identifier(["a", "", "b c/d:e"], 63) == "a-b-c-d-e"
    cut = {identifier(["stackstate", f"{'x' * 80}{end}"], 63) for end in "ab"}
    assert len(cut) == 2
    assert {len(each) for each in cut} == {63}
    assert identifier(["x" * 100], 63) == identifier(["x" * 100], 63)


IDS = {
    "paloalto": (r"^set (?:address|service|rulebase security rules) (\S+) ", 63),
    "fortigate": (r'^    edit "(.+)"$', 79),
    "checkpoint": (r"\bname (\S+) ", 255),
    "cisco-asa": (r"^object(?:-group)? (?:network|service) (\S+)$", 64),
}


@pytest.mark.parametrize("form", DEVICES)
@pytest.mark.parametrize("tenant", [LONG, "1", "1acme"])
def test_a_tenant_that_is_long_or_begins_with_a_digit_has_right_names(form: str, tenant: str) -> None:
    told = text(form, renamed(tenant))
    pattern, most = IDS[form]
    found = set(re.findall(pattern, told, re.MULTILINE))
    assert len(found) > 10
    for name in found:
        assert re.fullmatch(r"[A-Za-z.][A-Za-z0-9._-]*", name), name
        assert len(name) <= most, name
    if form == "fortigate":
        policies = re.findall(r'set name "(.+)"', told)
        assert len(set(policies)) == len(policies) == 5
        assert max(map(len, policies)) <= 35
    if form == "cisco-asa":
        assert max(len(remark) for remark in re.findall(r" remark (.+)$", told, re.MULTILINE)) <= 100
    assert told.count(f"{tenant}.app.stackstate.io") > 1, "the name itself is whole"


def test_what_is_folded_holds_the_same_addresses() -> None:
    assert folded(["10.0.0.1", "10.0.0.0", "10.0.0.2"]) == ("10.0.0.0/31", "10.0.0.2")
    assert folded(["fd00::1", "10.0.0.0/24", "10.0.1.0/24", "fd00::"]) == ("10.0.0.0/23", "fd00::/127")
    assert folded(["10.0.0.1", "10.0.0.2"]) == ("10.0.0.1", "10.0.0.2"), "never wider"


# --- Palo Alto -------------------------------------------------------------------------------------------------------


def test_paloalto_uses_only_objects_that_it_makes() -> None:
    lines = [line for line in text("paloalto", everybody()).splitlines() if not line.startswith("#")]
    assert all(re.match(r"set (address|service|rulebase security rules) [A-Za-z][\w.-]* ", line) for line in lines)
    made = {line.split()[2] for line in lines if re.match(r"set (address|service) ", line)}
    used = {word for line in lines for group in re.findall(r"\[ (.*?) \]", line) for word in group.split()}
    assert used == made
    assert "set address stackstate-10.20.0.8_31 ip-netmask 10.20.0.8/31" in lines
    assert sum(f"fqdn {HOST}" in line for line in lines) == 1, "a name is of both versions of IP"


def test_a_dynamic_list_is_addresses_with_a_comment_each_once() -> None:
    lines = text("paloalto-edl", everybody()).splitlines()
    found = [line.split(" ", 1) for line in lines]
    assert [address for address, _ in found] == list(dict.fromkeys(address for address, _ in found))
    assert folded(address for address, _ in found) == tuple(address for address in folded(_every(everybody())))
    assert f"{ADDRESSES[0]} {HOST} tcp 443 seen 2026-11-25" in lines[0]


def test_an_address_that_is_needed_twice_stands_there_once() -> None:
    records = json.loads(json.dumps(healthy()).replace("13.32.9.9", "13.32.9.1"))
    lines = text("paloalto-edl", allowed(looked(records))).splitlines()
    assert sum(line.startswith("13.32.9.1 ") for line in lines) == 1


def _every(given: AllowList) -> Iterable[str]:
    return {address for flow in given.direct() for address in flow.addresses}


# --- FortiGate -------------------------------------------------------------------------------------------------------


def test_fortigate_is_read_as_tables_entries_and_settings_that_name_what_is_there() -> None:
    lines = section("fortigate", everybody())
    tables = {line for line in lines if "/" not in line}
    assert tables == {
        f"config firewall {table}"
        for table in ("address", "address6", "addrgrp", "addrgrp6", "service custom", "policy")
    }
    edits = [line for line in lines if line.count(" / ") == 1 and not line.endswith(" / next")]
    assert all(re.fullmatch(r'config firewall [\w ]+ / edit ("[^"]+"|0)', line) for line in edits)
    made = {line.split('"')[1] for line in edits if '"' in line}
    used = {
        name
        for line in lines
        if re.search(r" / set (member|srcaddr6?|dstaddr6?|service) ", line)
        for name in re.findall(r'"([^"]+)"', line.rpartition(" / ")[2])
    }
    assert used == made
    assert text("fortigate", everybody()).count("    next\n") == text("fortigate", everybody()).count("    edit ")


def test_fortigate_keeps_versions_of_ip_apart() -> None:
    told = text("fortigate", allowed())
    assert 'set dstaddr6 "stackstate-acme-receiver-to6"' in told
    assert told.count("dstaddr6") == 1, "of the other destinations no IPv6 address is known"
    assert "set ip6 fd20::4/128" in told
    assert "set subnet 10.30.0.53 255.255.255.255" in told


# --- Check Point -----------------------------------------------------------------------------------------------------


def commands(tmp_path: Path, told: str) -> list[list[str]]:
    """The words that a shell gives to `mgmt_cli`, of which a stand-in writes them down."""
    stand_in, log = tmp_path / "mgmt_cli", tmp_path / "log"
    stand_in.write_text(f'#!/bin/sh\nfor each; do printf "%s\\0" "$each"; done >>{log}\nprintf "\\n" >>{log}\n')
    stand_in.chmod(0o755)
    script = tmp_path / "script"
    script.write_text(told)
    path = f"{tmp_path}:/usr/bin:/bin"
    subprocess.run(["sh", script], env={"PATH": path, "LAYER": "Net work"}, check=True, capture_output=True)
    return [line.split("\0")[:-1] for line in log.read_text().splitlines()]


def test_checkpoint_is_a_script_that_logs_in_adds_publishes_and_logs_out(tmp_path: Path) -> None:
    said = commands(tmp_path, text("checkpoint", everybody()))
    assert [said[0][0], *(words[0] for words in said[-3:])] == ["login", "publish", "discard", "logout"]
    added = [words for words in said if words[0] == "add"]
    assert {words[1] for words in added} == {
        "host", "network", "dns-domain", "service-tcp", "service-udp", "access-rule",
    }  # fmt: skip
    assert all(words[-2] == "-s" for words in said[1:])
    assert all(len(words) % 2 == 0 for words in added), "each field has one value, however many words it is"
    rules = [words for words in added if words[1] == "access-rule"]
    assert {words[words.index("layer") + 1] for words in rules} == {"Net work"}
    made = {words[words.index("name") + 1] for words in added if words[1] != "access-rule"}
    used = {
        value
        for words in rules
        for field, value in pairwise(words)
        if re.fullmatch(r"(source|destination|service)\.\d+", field)
    }
    assert used == made
    assert {name for name in made if name.startswith(".")} == {f".{name}" for name in NAMES}


def test_a_failure_publishes_nothing(tmp_path: Path) -> None:
    told = text("checkpoint", allowed()).replace("mgmt_cli add service-tcp", "false")
    with pytest.raises(subprocess.CalledProcessError):
        commands(tmp_path, told)
    said = [line.split("\0")[0] for line in (tmp_path / "log").read_text().splitlines()]
    assert "publish" not in said
    assert said[-2:] == ["discard", "logout"]


# --- Cisco ASA -------------------------------------------------------------------------------------------------------


def test_cisco_uses_only_objects_and_groups_that_it_makes() -> None:
    lines = section("cisco-asa", everybody())
    top = [line for line in lines if " / " not in line]
    made = {line.split()[2] for line in top if line.startswith("object")}
    used = {line.split()[-1] for line in lines if " / network-object object " in line}
    used |= {name for line in top if " extended " in line for name in re.findall(r"object-group (\S+)", line)}
    assert used == made
    assert f"object network stackstate-{HOST}_6 / fqdn v6 {HOST}" in lines
    assert "object network stackstate-10.20.0.8_31 / subnet 10.20.0.8 255.255.255.254" in lines
    assert all(len(line) <= 200 for line in top if "description" in line or "remark" in line)


def test_cisco_permits_what_was_asked_for() -> None:
    lines = section("cisco-asa", allowed())
    services = {line.split(" / ")[1] for line in lines if " / service-object " in line}
    assert services == {f"service-object {each}" for each in (
        "tcp destination eq 443", "udp destination eq 53", "tcp destination eq 53",
    )}  # fmt: skip
    assert sum(" extended permit " in line for line in lines) == 5


# --- plain -----------------------------------------------------------------------------------------------------------


def test_a_plain_list_is_read_back_as_what_was_asked_for(tmp_path: Path) -> None:
    from netcompliance.config.allow_list import reading

    file = tmp_path / "approved"
    file.write_text(text("plain", everybody()))
    entries = reading.read(file)
    assert {entry.text for entry in entries if not entry.blocks} == NAMES
    assert folded(block for entry in entries for block in entry.blocks) == folded(_every(everybody()))
