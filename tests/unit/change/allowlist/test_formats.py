"""Each format against the field's own reader or schema, and what it must and must not hold."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from html.parser import HTMLParser
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import cmarkgfm
import hcl2
import jsonschema
import kubernetes_validate
import pytest
import yaml

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.formats import FORMATS, Checked, text
from netcompliance.change.allowlist.head import UNREAD
from netcompliance.change.allowlist.request import Ticket
from netcompliance.config.allow_list import reading
from netcompliance.judge.destinations import Purpose
from tests.unit.change.allowlist.seen import allowed, behind_a_proxy, everybody, from_a_pod, looked
from tests.unit.judge.records import ADDRESS6, ADDRESSES, HOST, SERVERS
from tests.unit.judge.world import altered, healthy, settings

DATE = "2026-11-25"
HOSTILE = 'ssh://a"b\n| `x` # ${y} =cmd|'


def written(form: str, given: AllowList | None = None) -> str:
    return text(form, given or allowed())


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_that_addresses_drift_and_ends_its_last_line(form: str) -> None:
    told = written(form)
    assert told.endswith("\n")
    if form not in ("csv", "squid", "cilium", "egressfirewall"):
        assert DATE in told
    if form not in ("csv", "paloalto-edl"):
        assert "no stable addresses" in told


@pytest.mark.parametrize("form", FORMATS)
def test_what_no_tool_has_read_says_so(form: str) -> None:
    assert (UNREAD.partition(":")[0] in written(form)) == (FORMATS[form].checked is Checked.GRAMMAR)


@pytest.mark.parametrize("form", FORMATS)
def test_the_documentation_says_how_each_was_checked(checkout: Path, form: str) -> None:
    rows = [line for line in (checkout / "docs/allow-list.md").read_text().splitlines() if line.count("|") == 6]
    (row,) = [line for line in rows if f"`{form}`" in line.split("|")[1]]
    words = {Checked.GRAMMAR: "grammar only"}.get(FORMATS[form].checked, FORMATS[form].checked)
    assert row.split("|")[3].strip() == words


@pytest.mark.parametrize("form", FORMATS)
def test_a_strange_vantage_stays_within_its_place(form: str) -> None:
    """No line of any format begins with what somebody called a host."""
    hostile = written(form, allowed(looked(healthy(), HOSTILE)))
    usual = written(form, allowed(looked(healthy(), "ssh://node-1")))
    assert len(hostile.splitlines()) == len(usual.splitlines())


# --- tickets ---------------------------------------------------------------------------------------------------------


def test_markdown_has_a_row_for_each_purpose_with_all_names() -> None:
    told = written("markdown").splitlines()
    row = f"| receiver | 10.20.0.4, fd20::4 | {HOST} | tcp 443 | data to the receiver | HTTPS-01 (documented) |"
    assert row in told
    assert f"| receiver | {HOST} | {', '.join((*ADDRESSES, ADDRESS6))} | {DATE} |" in told
    assert f"| dns | 10.20.0.4 | {', '.join(SERVERS)} | udp+tcp 53 | names | DNS-03, DNS-01 (derived) |" in told
    (cdn,) = [line for line in told if line.startswith("| layers |") and "REG-05" in line]
    assert all(f"cdn0{number}.quay.io" in cdn for number in range(1, 7))


def test_a_ticket_says_who_asks_why_until_when_and_how_to_test_and_to_go_back() -> None:
    ticket = Ticket(requester="Jane | Doe", justification="Monitoring of *all*", expires="2027-06-30")
    told = text("markdown", allowed(), ticket)
    assert "| Requester | Jane \\| Doe |" in told
    assert "| Justification | Monitoring of \\*all\\* |" in told
    assert "| Needed until | 2027-06-30 |" in told
    assert f"https://{HOST}:443/" in told.partition("## Test")[2]
    assert "stackstate-acme-" in told.partition("## Rollback")[2]
    assert "--requester" in written("markdown"), "what nobody said is asked for"


class Cells(HTMLParser):
    """The tables of a page: rows of cells, each a text."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown))

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_data(self, data: str) -> None:
        if self.tables and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data


@pytest.mark.parametrize("vantage", ["ssh://node-1", HOSTILE, "ssh://<b>x</b>|*y*"])
def test_a_ticket_is_read_as_tables_whatever_a_host_is_called(vantage: str) -> None:
    told = text("markdown", allowed(looked(healthy(), vantage)), Ticket(requester="a|b`c`<i>"))
    tables = Cells(told).tables
    assert [len(rows[0]) for rows in tables] == [2, 6, 4, 2]
    assert all(len(row) == len(rows[0]) for rows in tables for row in rows)
    assert ["Requester", "a|b`c`<i>"] in [[cell.strip() for cell in row] for row in tables[0]]


@pytest.mark.parametrize("form", ["markdown", "csv", "paloalto", "fortigate", "checkpoint", "cisco-asa", "plain"])
def test_no_firewall_team_is_told_how_this_suite_called_a_host(form: str) -> None:
    pod = looked(healthy(), "podman://me@agent?timeout=5")
    told = written(form, allowed(pod))
    assert "://" not in told.replace("https://", "")
    assert "me@" not in told


def test_markdown_tells_firewall_and_proxy_apart() -> None:
    told = written("markdown", behind_a_proxy())
    firewall, proxy = told.split("## Proxy ")
    assert HOST not in firewall.partition("## Firewall")[2]
    assert HOST in proxy.partition("## Addresses")[0]


def test_markdown_shows_what_it_would_obey() -> None:
    told = written("markdown", allowed(looked(healthy(), HOSTILE)))
    assert "\\|" in told
    assert "\\`x\\`" in told
    (row,) = [line for line in told.splitlines() if "\\`x\\`" in line]
    assert row.count("|") - row.count("\\|") == 3


def test_csv_has_a_row_for_each_source_and_address_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(written("csv", allowed(looked(healthy(), "=cmd|x"))))))
    tenants = [row for row in rows if row["destination"] == HOST]
    assert {row["address"] for row in tenants} == {*ADDRESSES, ADDRESS6}
    assert {row["hosts"] for row in rows} == {"'=cmd|x (node)"}
    assert {(row["sources"], ":" in row["address"]) for row in rows} == {("10.20.0.4", False), ("fd20::4", True)}
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
@pytest.mark.parametrize("given", [allowed(), everybody()], ids=["one", "several"])
def test_the_real_tools_take_the_rules(tmp_path: Path, form: str, load: str, given: AllowList) -> None:
    file = tmp_path / "rules"
    file.write_text(written(form, given))
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", load.format(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(f"{ADDRESSES[0]}") == written(form, given).count(ADDRESSES[0]), "twice replaces it"


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
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
ADMIN = custom(
    "policy.networking.k8s.io/v1alpha1",
    "AdminNetworkPolicy",
    closed(
        ["priority", "subject", "egress"],
        priority={"type": "integer", "minimum": 0, "maximum": 99},
        subject=closed(["namespaces"], namespaces=closed(["matchLabels"], matchLabels={"type": "object"})),
        egress={
            "type": "array",
            "maxItems": 100,
            "items": closed(
                ["name", "action", "to", "ports"],
                name={"type": "string", "maxLength": 100},
                action={"const": "Allow"},
                to={
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 100,
                    "items": closed(["networks"], networks={**STRINGS, "maxItems": 25, "uniqueItems": True}),
                },
                ports={
                    "type": "array",
                    "items": closed(
                        ["portNumber"],
                        portNumber=closed(["port", "protocol"], port=PORT, protocol={"enum": ["TCP", "UDP"]}),
                    ),
                },
            ),
        },
    ),
)
"""From the API's published schema: no package carries it."""
EGRESS_FIREWALL = custom(
    "k8s.ovn.org/v1",
    "EgressFirewall",
    closed(
        ["egress"],
        egress={
            "type": "array",
            "items": closed(
                ["type", "to"],
                type={"enum": ["Allow", "Deny"]},
                to={
                    **closed(
                        [],
                        dnsName={"type": "string", "pattern": r"^([A-Za-z0-9-]+\.)*[A-Za-z0-9-]+\.?$"},
                        cidrSelector={"type": "string"},
                        nodeSelector={"type": "object"},
                    ),
                    "minProperties": 1,
                    "maxProperties": 1,
                },
                ports={
                    "type": "array",
                    "items": closed(["port", "protocol"], port=PORT, protocol={"enum": ["TCP", "UDP"]}),
                },
            ),
        },
    ),
)
"""From the API's published schema: no package carries it."""


@pytest.mark.parametrize("given", [allowed(), behind_a_proxy(), from_a_pod()], ids=["direct", "proxied", "pod"])
def test_policies_keep_their_schemas(given: AllowList) -> None:
    kubernetes_validate.validate(
        yaml.safe_load(written("networkpolicy", given)), kubernetes_validate.latest_version(), strict=True
    )
    jsonschema.validate(yaml.safe_load(written("cilium", given)), CILIUM)
    jsonschema.validate(yaml.safe_load(written("calico", given)), CALICO)
    jsonschema.validate(yaml.safe_load(written("adminnetworkpolicy", given)), ADMIN)
    jsonschema.validate(yaml.safe_load(written("egressfirewall", given)), EGRESS_FIREWALL)


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


def test_policies_select_the_agent_s_pods_only() -> None:
    """Others of the namespace are not isolated by a policy that is meant for the agent."""
    charts = ["suse-observability-agent", "stackstate-k8s-agent"]
    selected = {"matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "In", "values": charts}]}
    assert yaml.safe_load(written("networkpolicy"))["spec"]["podSelector"] == selected
    assert yaml.safe_load(written("cilium"))["spec"]["endpointSelector"] == selected
    assert yaml.safe_load(written("calico"))["spec"]["selector"].startswith("app.kubernetes.io/name in {")


def test_an_egress_firewall_allows_before_it_denies() -> None:
    policy = yaml.safe_load(written("egressfirewall", from_a_pod()))
    assert policy["metadata"]["name"] == "default", "there is one for each namespace"
    rules = [(rule["type"], *rule["to"].items()) for rule in policy["spec"]["egress"]]
    assert rules == [
        ("Allow", ("dnsName", HOST)),
        ("Allow", ("cidrSelector", "10.43.0.10/32")),
        ("Allow", ("nodeSelector", {})),
        ("Deny", ("cidrSelector", "0.0.0.0/0")),
        ("Deny", ("cidrSelector", "::/0")),
    ]


def test_an_admin_network_policy_has_no_more_networks_in_a_peer_than_it_may() -> None:
    many = [f"198.51.100.{last}" for last in range(1, 100, 2)]
    records = altered(healthy(), {"kind": "resolve", "host": HOST}, addresses=many)
    policy = yaml.safe_load(written("adminnetworkpolicy", allowed(looked(records))))
    jsonschema.validate(policy, ADMIN)
    (receiver,) = [rule for rule in policy["spec"]["egress"] if rule["name"] == "receiver"]
    assert {net for peer in receiver["to"] for net in peer["networks"]} >= {f"{address}/32" for address in many}


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


def test_terraform_s_names_begin_with_a_letter() -> None:
    records = json.loads(json.dumps(healthy()).replace(HOST, "1acme.app.stackstate.io"))
    given = allowed(looked(records, settings=settings(tenant="1acme")))
    for form in ("aws", "azurerm", "gcp"):
        names = re.findall(r'^resource "\w+" "([^"]+)"', written(form, given), re.MULTILINE)
        assert len(names) == len(set(names)) > 5
        assert all(re.fullmatch(r"[A-Za-z_][\w-]*", name) for name in names)


def resources(form: str, kind: str, given: AllowList | None = None) -> list[dict[str, Any]]:
    """The resources of a kind, their values without quotes."""
    read = hcl2.loads(written(form, given))
    return [
        json.loads(json.dumps(body).replace('\\"', ""))
        for resource in read["resource"]
        for name, named in resource.items()
        if name.strip('"') == kind
        for body in named.values()
    ]


@pytest.mark.parametrize("given", [allowed(), everybody(), behind_a_proxy()], ids=["one", "several", "proxied"])
def test_azurerm_is_terraform_with_the_limits_of_a_network_security_group(given: AllowList) -> None:
    rules = resources("azurerm", "azurerm_network_security_rule", given)
    priorities = [int(rule["priority"]) for rule in rules]
    assert len(set(priorities)) == len(priorities)
    assert all(100 <= priority <= 4096 for priority in priorities)
    assert len({rule["name"] for rule in rules}) == len(rules)
    for rule in rules:
        assert re.fullmatch(r"[A-Za-z0-9]([\w.-]{0,78}\w)?", rule["name"])
        assert len(rule["description"]) <= 140
        families = {
            ":" in net
            for key in ("source_address_prefixes", "destination_address_prefixes")
            for net in rule.get(key, ())
        }
        assert len(families) <= 1, "a rule is of one version of IP"
    told = {
        (net, rule["protocol"].lower(), int(rule["destination_port_range"]))
        for rule in rules
        if rule["access"] == "Allow"
        for block in rule["destination_address_prefixes"]
        for net in map(str, ip_network(block))
    }
    assert told == {(a, p, flow.port) for flow in given.direct() for a in flow.addresses for p in flow.protocols}
    assert (rules[-1]["access"], rules[-1]["destination_address_prefix"]) == ("Deny", "Internet")


def test_gcp_is_told_names_and_of_one_version_of_ip_in_each_rule() -> None:
    rules = resources("gcp", "google_compute_network_firewall_policy_rule", everybody())
    assert len({rule["priority"] for rule in rules}) == len({rule["rule_name"] for rule in rules}) == len(rules)
    matches = [rule["match"][0] for rule in rules]
    for match in matches:
        assert len({":" in net for net in [*match["src_ip_ranges"], *match.get("dest_ip_ranges", ())]}) == 1
    assert {name for match in matches for name in match.get("dest_fqdns", ())} == {
        flow.name for flow in everybody().flows if flow.name
    }
    ports = {(each["ip_protocol"], *each["ports"]) for match in matches for each in match["layer4_configs"]}
    assert ports == {("tcp", "443"), ("tcp", "53"), ("udp", "53")}
    assert all(len(rule["rule_name"]) <= 63 for rule in rules)


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
    told = written("squid")
    assert "No proxy was in use" in told
    assert {line.split()[-1] for line in told.splitlines() if " dstdomain " in line} == {
        flow.name for flow in allowed().flows if flow.purpose is not Purpose.RESOLVER
    }
