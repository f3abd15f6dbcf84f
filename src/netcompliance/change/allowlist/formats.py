"""Every format in which an allow-list can be had, and how it is known that it is right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from netcompliance.change.allowlist import (
    checkpoint,
    cisco,
    clouds,
    cluster,
    filters,
    fortigate,
    kubernetes,
    paloalto,
    plain,
    request,
    squid,
    terraform,
)
from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.head import Checked, head
from netcompliance.change.allowlist.kubernetes import for_pods
from netcompliance.change.allowlist.request import Ticket
from netcompliance.config.validation import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How an allow-list is written down."""

    about: str
    write: Callable[[AllowList], Iterable[str]]
    """The lines, without what every format says first."""
    checked: Checked
    mark: str = "# "
    """How a comment begins; empty: the format has none, and says itself what it has to."""
    by_name: bool = False
    for_pods: bool = False
    isolates: bool = False
    """It shuts off all that no policy allows, so what is missing is added to policies and to nothing else."""
    is_whole: bool = False
    """It holds everything: what it leaves out is taken away, so what is missing cannot be had in it alone."""


LOADED, PARSED, GRAMMAR = Checked
FORMATS: Mapping[str, Format] = {
    "markdown": Format(
        about="a ticket", write=lambda allowed: request.markdown(allowed, Ticket()), checked=PARSED, mark=""
    ),
    "csv": Format(about="a table", write=request.table, checked=PARSED, mark=""),
    "plain": Format(about="names and addresses, one a line, for --allow-list", write=plain.listed, checked=LOADED),
    "paloalto": Format(
        about="Palo Alto: set commands, by name", write=paloalto.commands, checked=GRAMMAR, by_name=True
    ),
    "paloalto-edl": Format(
        about="Palo Alto: external dynamic list of addresses",
        write=paloalto.dynamic_list,
        checked=GRAMMAR,
        mark="",
        is_whole=True,
    ),
    "fortigate": Format(
        about="FortiGate: CLI script, by name", write=fortigate.commands, checked=GRAMMAR, by_name=True
    ),
    "checkpoint": Format(
        about="Check Point: mgmt_cli script, by name", write=checkpoint.script, checked=GRAMMAR, by_name=True
    ),
    "cisco-asa": Format(
        about="Cisco ASA: object groups, by name", write=cisco.commands, checked=GRAMMAR, mark="! ", by_name=True
    ),
    "nftables": Format(about="nftables: a chain of addresses", write=filters.nftables, checked=LOADED),
    "iptables-save": Format(about="iptables: a chain of addresses", write=filters.iptables_save, checked=LOADED),
    "squid": Format(about="squid: ACLs, by name", write=squid.acl, checked=LOADED, by_name=True),
    "aws": Format(about="AWS security group: Terraform, addresses", write=clouds.aws, checked=PARSED, is_whole=True),
    "azure": Format(
        about="Azure network security group: ARM template, addresses",
        write=clouds.azure,
        checked=GRAMMAR,
        mark="",
        is_whole=True,
    ),
    "azurerm": Format(
        about="Azure network security group: Terraform, addresses",
        write=terraform.azurerm,
        checked=PARSED,
        is_whole=True,
    ),
    "gcp": Format(
        about="Google Cloud firewall policy: Terraform, by name",
        write=terraform.gcp,
        checked=PARSED,
        by_name=True,
        is_whole=True,
    ),
    "networkpolicy": Format(
        about="NetworkPolicy, addresses",
        write=kubernetes.network_policy,
        checked=PARSED,
        for_pods=True,
        isolates=True,
    ),
    "adminnetworkpolicy": Format(
        about="AdminNetworkPolicy, addresses", write=cluster.admin_network_policy, checked=GRAMMAR, for_pods=True
    ),
    "egressfirewall": Format(
        about="OpenShift EgressFirewall, by name",
        write=cluster.egress_firewall,
        checked=GRAMMAR,
        by_name=True,
        for_pods=True,
        is_whole=True,
    ),
    "cilium": Format(
        about="CiliumNetworkPolicy, by name",
        write=kubernetes.cilium,
        checked=GRAMMAR,
        by_name=True,
        for_pods=True,
        isolates=True,
    ),
    "calico": Format(
        about="Calico NetworkPolicy, addresses",
        write=kubernetes.calico,
        checked=GRAMMAR,
        for_pods=True,
        isolates=True,
    ),
}
"""As `--format` names them."""


def text(name: str, allowed: AllowList, ticket: Ticket | None = None) -> str:
    """The allow-list in this format, with a newline at its end. Raises `BadInput`."""
    form = FORMATS[name]
    if allowed.against and form.is_whole:
        others = ", ".join(each for each, other in FORMATS.items() if not other.is_whole)
        raise BadInput(f"--against: {name} always holds the whole list; what is missing can be had as {others}")
    if allowed.against and form.isolates and not allowed.against_pods:
        raise BadInput(
            f"--against: {name} would shut pods off from all else that {allowed.against} lets out; write it whole"
        )
    lines = list(request.markdown(allowed, ticket) if name == "markdown" and ticket else _body(form, allowed))
    if form.mark:
        first = head(allowed, form.checked, by_name=form.by_name, for_pods=form.for_pods)
        lines = [*(f"{form.mark}{line}" for line in first), *lines]
    return "\n".join(lines) + "\n"


def _body(form: Format, allowed: AllowList) -> Iterable[str]:
    """No rules at all where nothing is missing: an empty policy would shut everything."""
    flows = for_pods(allowed) if form.for_pods else allowed.flows
    return form.write(allowed) if flows or not form.mark else ()
