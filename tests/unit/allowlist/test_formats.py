"""Each format against the field's own reader or schema, and what it must and must not hold."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import jsonschema
import kubernetes_validate
import pytest
import yaml

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.formats import FORMATS
from netcompliance.config.allow_list import reading
from netcompliance.judge.needs import Purpose
from tests.unit.allowlist.seen import allowed, behind_a_proxy, from_a_pod, looked
from tests.unit.judge.records import ADDRESS6, ADDRESSES, HOST, SERVERS
from tests.unit.judge.world import healthy

DATE = "2026-11-25"
HOSTILE = 'ssh://a"b\n| `x` # ${y} =cmd|'


def written(form: str, given: AllowList | None = None) -> str:
    return FORMATS[form](given or allowed())


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_that_addresses_drift_and_ends_its_last_line(form: str) -> None:
    text = written(form)
    assert text.endswith("\n")
    if form not in ("csv", "squid", "cilium"):
        assert DATE in text
        assert "no stable addresses" in text


@pytest.mark.parametrize("form", FORMATS)
def test_a_strange_vantage_stays_within_its_place(form: str) -> None:
    """No line of any format begins with what somebody called a host."""
    hostile = written(form, allowed(looked(healthy(), HOSTILE)))
    usual = written(form, allowed(looked(healthy(), "ssh://node-1")))
    assert len(hostile.splitlines()) == len(usual.splitlines())


# --- tickets ---------------------------------------------------------------------------------------------------------


def test_markdown_has_a_row_for_each_destination() -> None:
    text = written("markdown")
    (row,) = [line for line in text.splitlines() if f"| {HOST} |" in line]
    assert all(f"{address} ({DATE})" in row for address in (*ADDRESSES, ADDRESS6))
    assert "| tcp 443 | outbound | data to the receiver | HTTPS-01 (documented) |" in row
    assert f"| resolver | {SERVERS[0]} ({DATE}) | udp+tcp 53 |" in text


def test_markdown_tells_firewall_and_proxy_apart() -> None:
    text = written("markdown", behind_a_proxy())
    firewall, proxy = text.split("## Proxy ")
    assert HOST not in firewall.partition("## Firewall")[2]
    assert HOST in proxy


def test_markdown_shows_what_it_would_obey() -> None:
    text = written("markdown", allowed(looked(healthy(), HOSTILE)))
    assert "\\|" in text
    assert "\\`x\\`" in text
    assert len({line.count("|") - line.count("\\|") for line in text.splitlines() if line.startswith("| ssh")}) == 2


def test_csv_has_a_row_for_each_source_and_address_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(written("csv", allowed(looked(healthy(), "=cmd|x"))))))
    tenants = [row for row in rows if row["destination"] == HOST]
    assert {row["address"] for row in tenants} == {*ADDRESSES, ADDRESS6}
    assert {row["source"] for row in rows} == {"'=cmd|x"}
    assert {row["seen"] for row in tenants} == {"2026-11-25T18:01:06Z"}
    assert {(row["port"], row["protocol"], row["direction"], row["basis"]) for row in tenants} == {
        ("443", "tcp", "outbound", "documented")
    }


# --- packet filters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["nftables", "iptables-save"])
def test_rules_are_read_back_as_what_was_asked_for(tmp_path: Path, form: str) -> None:
    file = tmp_path / "rules"
    file.write_text(written(form))
    read = {
        (block, service.protocol, service.first, entry.sources)
        for entry in reading.read(file)
        for block in entry.blocks
        for service in entry.services or ()
    }
    asked = {
        (f"{a}/{128 if ':' in a else 32}", p, flow.port, ("fd20::4/128",) if ":" in a else ("10.20.0.4/32",))
        for flow in allowed().flows
        for a in flow.addresses
        for p in flow.protocols
    }
    assert read == asked


@pytest.mark.lab
@pytest.mark.parametrize(
    ("form", "load"),
    [
        ("nftables", "nft -f {0} && nft -f {0} && nft list ruleset"),
        (
            "iptables-save",
            "iptables-nft-restore --noflush {0} && ip6tables-nft-restore --noflush {0} && iptables-nft-save",
        ),
    ],
)
def test_the_real_tools_take_the_rules(tmp_path: Path, form: str, load: str) -> None:
    file = tmp_path / "rules"
    file.write_text(written(form))
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", load.format(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(f"{ADDRESSES[0]}") == 1, "loading it twice replaces it"


# --- Kubernetes ------------------------------------------------------------------------------------------------------

PORTS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["port", "protocol"],
        "additionalProperties": False,
        "properties": {"port": {"type": "string"}, "protocol": {"enum": ["TCP", "UDP"]}},
    },
}
STRINGS = {"type": "array", "minItems": 1, "items": {"type": "string"}}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def custom(api: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = closed(["name"], name={"type": "string", "pattern": "^[a-z0-9-]+$"})
    return closed(
        ["apiVersion", "kind", "metadata", "spec"],
        apiVersion={"const": api},
        kind={"const": kind},
        metadata=metadata,
        spec=spec,
    )


CILIUM = custom(
    "cilium.io/v2",
    "CiliumNetworkPolicy",
    closed(
        ["endpointSelector", "egress"],
        endpointSelector={"type": "object"},
        egress={
            "type": "array",
            "items": {
                **closed(
                    ["toPorts"],
                    toEndpoints={"type": "array", "items": closed(["matchLabels"], matchLabels={"type": "object"})},
                    toCIDR=STRINGS,
                    toFQDNs={"type": "array", "items": closed(["matchName"], matchName={"type": "string"})},
                    toPorts={
                        "type": "array",
                        "items": closed(
                            ["ports"],
                            ports=PORTS,
                            rules=closed(
                                ["dns"],
                                dns={
                                    "type": "array",
                                    "items": closed(["matchPattern"], matchPattern={"type": "string"}),
                                },
                            ),
                        ),
                    },
                ),
                "minProperties": 2,
                "maxProperties": 2,
            },
        },
    ),
)
"""From Cilium's documentation of its API: no package carries its schema. One kind of peer in each rule."""
CALICO = custom(
    "projectcalico.org/v3",
    "NetworkPolicy",
    closed(
        ["selector", "types", "egress"],
        selector={"type": "string"},
        types={"const": ["Egress"]},
        egress={
            "type": "array",
            "items": closed(
                ["action", "protocol", "destination"],
                action={"enum": ["Allow"]},
                protocol={"enum": ["TCP", "UDP"]},
                ipVersion={"enum": [4, 6]},
                destination=closed(
                    ["ports"],
                    nets=STRINGS,
                    selector={"type": "string"},
                    namespaceSelector={"type": "string"},
                    ports={"type": "array", "items": {"type": "integer"}},
                ),
            ),
        },
    ),
)
"""From Calico's documentation of its API: no package carries its schema."""


@pytest.mark.parametrize("given", [allowed(), behind_a_proxy(), from_a_pod()], ids=["direct", "proxied", "pod"])
def test_policies_keep_their_schemas(given: AllowList) -> None:
    kubernetes_validate.validate(
        yaml.safe_load(written("networkpolicy", given)), kubernetes_validate.latest_version(), strict=True
    )
    jsonschema.validate(yaml.safe_load(written("cilium", given)), CILIUM)
    jsonschema.validate(yaml.safe_load(written("calico", given)), CALICO)


def test_a_network_policy_holds_what_pods_need_and_no_more() -> None:
    policy = yaml.safe_load(written("networkpolicy", from_a_pod()))
    dns, tenant = policy["spec"]["egress"]
    blocks = {peer["ipBlock"]["cidr"] for peer in tenant["to"]}
    assert blocks == {*(f"{address}/32" for address in ADDRESSES), f"{ADDRESS6}/128"}
    assert tenant["ports"] == [{"port": 443, "protocol": "TCP"}]
    assert {peer["ipBlock"]["cidr"] for peer in dns["to"] if "ipBlock" in peer} == {"10.43.0.10/32"}
    assert dns["ports"] == [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]


def test_cilium_is_told_names_and_asks_for_them_through_its_own_proxy() -> None:
    policy = yaml.safe_load(written("cilium"))
    names = [rule["toFQDNs"] for rule in policy["spec"]["egress"] if "toFQDNs" in rule]
    assert names == [[{"matchName": HOST}]]
    assert ADDRESSES[0] not in written("cilium")
    assert policy["spec"]["egress"][0]["toPorts"][0]["rules"] == {"dns": [{"matchPattern": "*"}]}


def test_behind_a_proxy_policies_let_out_to_the_proxy() -> None:
    (_, proxy) = yaml.safe_load(written("networkpolicy", behind_a_proxy()))["spec"]["egress"]
    assert proxy == {
        "to": [{"ipBlock": {"cidr": "10.20.0.5/32"}}],
        "ports": [{"port": 3128, "protocol": "TCP"}],
    }
    assert "matchName: proxy.corp.example" in written("cilium", behind_a_proxy())


# --- clouds ----------------------------------------------------------------------------------------------------------


def test_aws_is_terraform_with_a_rule_for_each_address() -> None:
    read = hcl2.loads(written("aws"))
    rules = [
        {name: str(value).strip('"') for name, value in body.items()}
        for resource in read["resource"]
        for kind, named in resource.items()
        if kind.strip('"') == "aws_vpc_security_group_egress_rule"
        for body in named.values()
    ]
    asked = {(a, p, flow.port) for flow in allowed().flows for a in flow.addresses for p in flow.protocols}
    told = {
        (rule.get("cidr_ipv4", rule.get("cidr_ipv6", "")).partition("/")[0], rule["ip_protocol"], int(rule["to_port"]))
        for rule in rules
    }
    assert told == asked
    assert all(rule["from_port"] == rule["to_port"] for rule in rules)
    assert all(re.fullmatch(r"[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}", rule["description"]) for rule in rules)
    names = re.findall(r'^resource "\w+" "(\w+)"', written("aws"), re.MULTILINE)
    assert len(names) == len(set(names)) == len(rules) + 1
    assert all(re.fullmatch(r"[a-z_]\w*", name) for name in names)


def test_azure_keeps_the_limits_of_a_network_security_group() -> None:
    template = json.loads(written("azure"))
    (group,) = template["resources"]
    assert group["type"] == "Microsoft.Network/networkSecurityGroups"
    rules = [rule["properties"] | {"name": rule["name"]} for rule in group["properties"]["securityRules"]]
    priorities = [rule["priority"] for rule in rules]
    assert len(set(priorities)) == len(priorities)
    assert all(100 <= priority <= 4096 for priority in priorities)
    assert len({rule["name"] for rule in rules}) == len(rules)
    for rule in rules:
        assert re.fullmatch(r"[A-Za-z0-9]([\w.-]{0,78}\w)?", rule["name"])
        assert len(rule["description"]) <= 140
        assert rule["protocol"] in ("Tcp", "Udp", "*")
        assert rule["direction"] == "Outbound"
        families = {
            ":" in address
            for key in ("sourceAddressPrefixes", "destinationAddressPrefixes")
            for address in rule.get(key, ())
        }
        assert len(families) <= 1, "a rule is of one version of IP"
    told = {
        (address, rule["protocol"].lower(), int(rule["destinationPortRange"]))
        for rule in rules
        if rule["access"] == "Allow"
        for address in rule["destinationAddressPrefixes"]
    }
    assert told == {(a, p, flow.port) for flow in allowed().flows for a in flow.addresses for p in flow.protocols}
    assert (rules[-1]["access"], rules[-1]["destinationAddressPrefix"]) == ("Deny", "Internet")


# --- squid -----------------------------------------------------------------------------------------------------------


def test_squid_is_told_names_and_the_addresses_that_clients_come_from() -> None:
    lines = written("squid", behind_a_proxy()).splitlines()
    names = {line.split()[-1] for line in lines if " dstdomain " in line}
    assert names == {flow.name for flow in behind_a_proxy().flows if flow.via}
    assert "acl netcompliance_from_443 src 10.20.0.4" in lines
    assert not any("fd20::4" in line for line in lines), "the proxy has IPv4 only"
    assert lines[-1].startswith("http_access allow netcompliance_connect ")


def test_without_a_proxy_squid_is_told_what_clients_would_ask_for() -> None:
    text = written("squid")
    assert "No proxy was in use" in text
    assert {line.split()[-1] for line in text.splitlines() if " dstdomain " in line} == {
        flow.name for flow in allowed().flows if flow.purpose is not Purpose.RESOLVER
    }
