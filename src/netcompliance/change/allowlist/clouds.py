"""Cloud firewalls: an AWS security group as Terraform, an Azure network security group as an ARM template (pure).

Both hold addresses. A security group is attached to its sources, so it names none; a network security group does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from netcompliance.change.allowlist.flows import AllowList, day
from netcompliance.change.allowlist.head import Checked, head
from netcompliance.change.allowlist.lines import by_name, lines, slug
from netcompliance.change.allowlist.rows import identifier

NAME = "stackstate-agent-egress"
MOST_AWS_RULES = 60
"""What a security group holds unless its quota was raised."""
_UNFIT_FOR_AWS = re.compile(r"[^A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]")
_FIRST_PRIORITY, _LAST_PRIORITY = 100, 4096


def aws(allowed: AllowList) -> Iterator[str]:
    """Terraform: a security group for the nodes, and a rule for each address."""
    rules = [(line, protocol) for line in lines(allowed) for protocol in sorted(line.protocols)]
    if len(rules) > MOST_AWS_RULES:
        yield f"# {len(rules)} rules: a security group holds {MOST_AWS_RULES} unless its quota is raised"
    yield 'variable "vpc_id" {'
    yield "  type = string"
    yield "}"
    yield ""
    yield 'resource "aws_security_group" "stackstate_agent" {'
    yield f'  name        = "{NAME}"'
    yield '  description = "What the StackState Agent has to reach"'
    yield "  vpc_id      = var.vpc_id"
    yield "}"
    for line, protocol in rules:
        block, bits = ("cidr_ipv4", 32) if line.version == 4 else ("cidr_ipv6", 128)
        name = slug(f"to_{line.name or 'resolver'}_{line.address}_{protocol}_{line.port}")
        yield ""
        yield f'resource "aws_vpc_security_group_egress_rule" "{name}" {{'
        yield "  security_group_id = aws_security_group.stackstate_agent.id"
        yield f'  description       = "{_UNFIT_FOR_AWS.sub(" ", line.remark)[:255]}"'
        yield f'  {block}         = "{line.address}/{bits}"'
        yield f'  ip_protocol       = "{protocol}"'
        yield f"  from_port         = {line.port}"
        yield f"  to_port           = {line.port}"
        yield "}"


def azure(allowed: AllowList) -> Iterator[str]:
    """An ARM template. Its last rule shuts out the rest of the Internet, which Azure lets out unless told otherwise."""
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "metadata": {"description": " ".join(f"{each.rstrip('.')}." for each in head(allowed, Checked.GRAMMAR))},
        "resources": [
            {
                "type": "Microsoft.Network/networkSecurityGroups",
                "apiVersion": "2023-11-01",
                "name": NAME,
                "location": "[resourceGroup().location]",
                "properties": {"securityRules": list(_azure_rules(allowed))},
            }
        ],
    }
    yield from json.dumps(template, indent=2).splitlines()


def _azure_rules(allowed: AllowList) -> Iterator[dict[str, Any]]:
    priority = _FIRST_PRIORITY
    for (name, version, port, protocols, sources), same in by_name(lines(allowed)).items():
        for protocol in sorted(protocols):
            seen = day(max(line.seen for line in same))
            asked = ",".join(dict.fromkeys(r for line in same for r in line.requirements))
            yield {
                "name": identifier(["to", name or same[0].address, protocol, str(port), f"ipv{version}"], 80),
                "properties": {
                    "description": f"{name or 'resolver'} {asked} seen {seen}"[:140],
                    "priority": priority,
                    "direction": "Outbound",
                    "access": "Allow",
                    "protocol": protocol.capitalize(),
                    "sourcePortRange": "*",
                    **({"sourceAddressPrefixes": list(sources)} if sources else {"sourceAddressPrefix": "*"}),
                    "destinationAddressPrefixes": [line.address for line in same],
                    "destinationPortRange": str(port),
                },
            }
            priority += 1
    yield {
        "name": "everything_else_to_the_internet",
        "properties": {
            "description": "Azure lets out what no rule denies",
            "priority": _LAST_PRIORITY,
            "direction": "Outbound",
            "access": "Deny",
            "protocol": "*",
            "sourcePortRange": "*",
            "sourceAddressPrefix": "*",
            "destinationAddressPrefix": "Internet",
            "destinationPortRange": "*",
        },
    }
