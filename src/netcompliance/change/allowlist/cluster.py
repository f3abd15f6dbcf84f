"""Policies of cluster administrators: OpenShift's EgressFirewall and AdminNetworkPolicy (pure).

After the APIs' published schemas: an EgressFirewall is one for each namespace, is called `default`, and its rules count
in their order; an AdminNetworkPolicy has 100 rules, 25 networks for each peer, and is asked before every NetworkPolicy.
Both see pods only, and none in the network of its node.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.kubernetes import NAME, for_pods
from netcompliance.change.allowlist.rows import Row, addition, networks, rows

_MOST_NETWORKS = 25


def egress_firewall(allowed: AllowList) -> Iterator[str]:
    """k8s.ovn.org/v1: names, and addresses where there are none. What it does not allow is denied."""
    yield "# oc apply -n NAMESPACE -f FILE, for the agent's namespace. The cluster's own DNS is not asked of it."
    yield "apiVersion: k8s.ovn.org/v1"
    yield "kind: EgressFirewall"
    yield "metadata:"
    yield "  name: default"
    yield "spec:"
    yield "  egress:"
    for row in _rows(allowed):
        ports = ", ".join(f"{{port: {row.port}, protocol: {protocol.upper()}}}" for protocol in row.protocols)
        for peer in _peers(row):
            yield f"    - {{type: Allow, to: {peer}, ports: [{ports}]}} # {row.remark}"
    yield "    - {type: Allow, to: {nodeSelector: {}}} # API server and kubelets, which the agent asks"
    yield '    - {type: Deny, to: {cidrSelector: "0.0.0.0/0"}}'
    yield '    - {type: Deny, to: {cidrSelector: "::/0"}}'


def _peers(row: Row) -> Iterator[str]:
    for each in row.destinations:
        if each.name:
            yield f"{{dnsName: {each.name}}}"
        else:
            yield from (f"{{cidrSelector: {json.dumps(str(net))}}}" for net in networks(each.addresses))


def admin_network_policy(allowed: AllowList) -> Iterator[str]:
    """policy.networking.k8s.io/v1alpha1: addresses. It allows, whatever a NetworkPolicy denies, and denies nothing."""
    some = [row for row in _rows(allowed) if any(each.addresses for each in row.destinations)]
    yield "# For the namespace `stackstate`: write the agent's own. It only allows; deny the rest in a policy of yours."
    yield "apiVersion: policy.networking.k8s.io/v1alpha1"
    yield "kind: AdminNetworkPolicy"
    yield "metadata:"
    yield f"  name: {NAME}{addition(allowed)}"
    yield "spec:"
    yield "  priority: 50"
    yield "  subject:"
    yield "    namespaces:"
    yield "      matchLabels: {kubernetes.io/metadata.name: stackstate}"
    yield "  egress:" if some else "  egress: []"
    for row in some:
        yield from _rule(row)


def _rule(row: Row) -> Iterator[str]:
    nets = [str(net) for net in networks(address for each in row.destinations for address in each.addresses)]
    yield f"    - name: {row.rule}"
    yield "      action: Allow"
    yield f"      to: # {row.remark}"
    for some in _slices(nets):
        yield f"        - networks: {json.dumps(some)}"
    yield "      ports:"
    for protocol in row.protocols:
        yield f"        - portNumber: {{protocol: {protocol.upper()}, port: {row.port}}}"


def _slices(nets: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(nets), _MOST_NETWORKS):
        yield nets[first : first + _MOST_NETWORKS]


def _rows(allowed: AllowList) -> list[Row]:
    return rows(for_pods(allowed))
