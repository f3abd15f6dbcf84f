"""Terraform: an Azure network security group and a Google Cloud network firewall policy (pure).

After the providers' documentation of `azurerm_network_security_rule` (a rule is of one version of IP, priorities from
100 to 4096, names of 80 characters, descriptions of 140) and of `google_compute_network_firewall_policy_rule` (its
ranges are of one version of IP; names are looked up by Cloud DNS). What a file of Terraform leaves out is taken away,
so it holds everything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.rows import Row, identifier, networks, of_version, prefix, rows

Attributes = Sequence[tuple[str, str]]
"""Name → expression."""
FIRST_PRIORITY, LAST_PRIORITY = 100, 4096
_VERSIONS = (4, 6)


def azurerm(allowed: AllowList) -> Iterator[str]:
    """Addresses. The last rule shuts out the rest of the Internet, which Azure lets out unless told otherwise."""
    yield from _variables("resource_group_name", "location")
    group = [
        ("name", _text("stackstate-agent-egress")),
        ("location", "var.location"),
        ("resource_group_name", "var.resource_group_name"),
    ]
    yield from _resource("azurerm_network_security_group", "stackstate_agent", group)
    priority = FIRST_PRIORITY
    for row in rows(allowed.direct()):
        for version in _VERSIONS:
            nets = [net for each in row.destinations for net in each.addresses]
            found = [str(net) for net in networks(of_version(nets, version))]
            for protocol in row.protocols if found else ():
                name = identifier([prefix(allowed), row.rule, protocol, f"ipv{version}"], 80)
                sources = [str(net) for net in networks(of_version(row.networks, version))]
                yield from _azure_rule(name, priority, _azure_match(row, protocol, sources, found))
                priority += 1
    yield from _azure_rule("everything-else-to-the-internet", LAST_PRIORITY, _AZURE_DENY)


def _azure_match(row: Row, protocol: str, sources: list[str], found: list[str]) -> Attributes:
    return [
        ("description", _text(row.remark[:140])),
        ("access", _text("Allow")),
        ("protocol", _text(protocol.capitalize())),
        ("source_address_prefixes", _list(sources)) if sources else ("source_address_prefix", _text("*")),
        ("destination_address_prefixes", _list(found)),
        ("destination_port_range", _text(str(row.port))),
    ]


def _azure_rule(name: str, priority: int, match: Attributes) -> Iterator[str]:
    common = [
        ("name", _text(name)),
        ("resource_group_name", "var.resource_group_name"),
        ("network_security_group_name", "azurerm_network_security_group.stackstate_agent.name"),
        ("priority", str(priority)),
        ("direction", _text("Outbound")),
        ("source_port_range", _text("*")),
    ]
    yield from _resource("azurerm_network_security_rule", _label(name), [*common, *match])


def gcp(allowed: AllowList) -> Iterator[str]:
    """Names where there are any, else addresses. Names are a feature of the standard tier of Cloud NGFW."""
    yield "# Google Cloud lets out what no rule denies: associate the policy with the network, and deny the rest there."
    yield from _resource(
        "google_compute_network_firewall_policy",
        "stackstate_agent",
        [("name", _text("stackstate-agent-egress")), ("description", _text("What the StackState Agent has to reach"))],
    )
    priority = FIRST_PRIORITY
    for row in rows(allowed.direct()):
        for version in _VERSIONS:
            match = _gcp_match(row, version)
            if match:
                yield from _gcp_rule(identifier([prefix(allowed), row.rule, f"ipv{version}"], 63), priority, row, match)
                priority += 1


def _gcp_match(row: Row, version: int) -> Attributes:
    """Empty where the row has nothing in this version of IP. A name without an address is asked for in IPv4."""
    named = [each for each in row.destinations if each.name]
    names = [
        each.name for each in named if of_version(each.addresses, version) or (not each.addresses and version == 4)
    ]
    nets = [net for each in row.destinations if not each.name for net in each.addresses]
    ranges = [str(net) for net in networks(of_version(nets, version))]
    sources = [str(net) for net in networks(of_version(row.networks, version))]
    everybody = "0.0.0.0/0" if version == 4 else "::/0"
    if not names and not ranges:
        return ()
    return [
        ("src_ip_ranges", _list(sources or [everybody])),
        *([("dest_fqdns", _list(names))] if names else []),
        *([("dest_ip_ranges", _list(ranges))] if ranges else []),
    ]


def _gcp_rule(name: str, priority: int, row: Row, match: Attributes) -> Iterator[str]:
    attributes = [
        ("firewall_policy", "google_compute_network_firewall_policy.stackstate_agent.name"),
        ("rule_name", _text(name)),
        ("description", _text(row.remark)),
        ("priority", str(priority)),
        ("direction", _text("EGRESS")),
        ("action", _text("allow")),
    ]
    block = ["  match {", *_aligned(match, "    ")]
    for protocol in row.protocols:
        ports = [("ip_protocol", _text(protocol)), ("ports", _list([str(row.port)]))]
        block += ["    layer4_configs {", *_aligned(ports, "      "), "    }"]
    yield from _resource("google_compute_network_firewall_policy_rule", _label(name), attributes, [*block, "  }"])


def _variables(*names: str) -> Iterator[str]:
    for name in names:
        yield from ("", f'variable "{name}" {{', "  type = string", "}")


def _resource(kind: str, label: str, attributes: Attributes, block: Sequence[str] = ()) -> Iterator[str]:
    yield ""
    yield f'resource "{kind}" "{label}" {{'
    yield from _aligned(attributes, "  ")
    yield from block
    yield "}"


def _aligned(attributes: Attributes, indent: str) -> list[str]:
    """As `terraform fmt` has it."""
    width = max(len(key) for key, _ in attributes)
    return [f"{indent}{key:<{width}} = {value}" for key, value in attributes]


def _label(name: str) -> str:
    """A name of HCL, which has no dots and begins with a letter, as every name here does."""
    return name.replace(".", "_")


def _text(text: str) -> str:
    return json.dumps(text)


def _list(items: Sequence[str]) -> str:
    return json.dumps(list(items))


_AZURE_DENY: Attributes = [
    ("description", _text("Azure lets out what no rule denies")),
    ("access", _text("Deny")),
    ("protocol", _text("*")),
    ("source_address_prefix", _text("*")),
    ("destination_address_prefix", _text("Internet")),
    ("destination_port_range", _text("*")),
]
