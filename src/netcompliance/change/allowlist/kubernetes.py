"""Policies for pods: NetworkPolicy, CiliumNetworkPolicy and Calico's NetworkPolicy (pure).

Rules
* A policy holds what leaves from pods: the way to the receiver, or to the proxy, and DNS. Images are pulled by nodes
  and charts by a workstation, which no policy of pods sees; nor does it see pods in the node's own network.
* Pods ask the cluster's DNS. A resolver that a pod was seen to ask is allowed by its address besides.
* A pod that any policy selects for egress may do only what policies allow. What it does inside the cluster (API server,
  kubelet, other parts of the agent) is the cluster's own business and stays in policies of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from netcompliance.change.allowlist.flows import AllowList, Flow
from netcompliance.change.allowlist.lines import Line, lines
from netcompliance.change.allowlist.rows import addition
from netcompliance.judge.destinations import Purpose
from netcompliance.model import Kind

NAME = "stackstate-agent-egress"
_NAME, _CHARTS = "app.kubernetes.io/name", ("suse-observability-agent", "stackstate-k8s-agent")
"""The label of the agent's pods, which is the name of its chart."""
_AGENT = f"{{matchExpressions: [{{key: {_NAME}, operator: In, values: [{', '.join(_CHARTS)}]}}]}}"
_CLUSTER_DNS = {"kubernetes.io/metadata.name": "kube-system", "k8s-app": "kube-dns"}


def network_policy(allowed: AllowList) -> Iterator[str]:
    """networking.k8s.io/v1: addresses."""
    yield from _opening(allowed, "networking.k8s.io/v1", "NetworkPolicy")
    yield f"  podSelector: {_AGENT}"
    yield "  policyTypes: [Egress]"
    yield "  egress:"
    yield "    - to:"
    yield "        - namespaceSelector:"
    yield f"            matchLabels: {{kubernetes.io/metadata.name: {_CLUSTER_DNS['kubernetes.io/metadata.name']}}}"
    yield f"          podSelector: {{matchLabels: {{k8s-app: {_CLUSTER_DNS['k8s-app']}}}}}"
    for line in _resolvers(allowed):
        yield f"        - ipBlock: {{cidr: {_cidr(line)}}} # {line.remark}"
    yield "      ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]"
    for port, some in _by_port(allowed).items():
        yield "    - to:"
        for line in some:
            yield f"        - ipBlock: {{cidr: {_cidr(line)}}} # {line.remark}"
        yield f"      ports: [{{port: {port}, protocol: TCP}}]"


def cilium(allowed: AllowList) -> Iterator[str]:
    """cilium.io/v2: names. The agent's look-ups pass Cilium's DNS proxy, or it would know no address of a name."""
    yield from _opening(allowed, "cilium.io/v2", "CiliumNetworkPolicy")
    yield f"  endpointSelector: {_AGENT}"
    yield "  egress:"
    yield "    - toEndpoints:"
    yield "        - matchLabels:"
    yield f"            k8s:io.kubernetes.pod.namespace: {_CLUSTER_DNS['kubernetes.io/metadata.name']}"
    yield f"            k8s:k8s-app: {_CLUSTER_DNS['k8s-app']}"
    yield from _cilium_dns()
    resolvers = _resolvers(allowed)
    if resolvers:
        yield "    - toCIDR:"
        for line in resolvers:
            yield f"        - {_cidr(line)} # {line.remark}"
        yield from _cilium_dns()
    for flow in _peers(allowed):
        if flow.name:
            yield "    - toFQDNs:"
            yield f"        - matchName: {flow.name} # {', '.join(flow.requirements)}"
        else:
            yield "    - toCIDR:"
            yield from (f"        - {_host_cidr(address)}" for address in flow.addresses)
        yield "      toPorts:"
        yield f'        - ports: [{{port: "{flow.port}", protocol: TCP}}]'


def _cilium_dns() -> Iterator[str]:
    yield "      toPorts:"
    yield '        - ports: [{port: "53", protocol: UDP}, {port: "53", protocol: TCP}]'
    yield '          rules: {dns: [{matchPattern: "*"}]}'


def calico(allowed: AllowList) -> Iterator[str]:
    """projectcalico.org/v3: addresses; names are a feature of its commercial edition."""
    yield from _opening(allowed, "projectcalico.org/v3", "NetworkPolicy")
    charts = ", ".join(f"'{chart}'" for chart in _CHARTS)
    yield f"  selector: {_NAME} in {{{charts}}}"
    yield "  types: [Egress]"
    yield "  egress:"
    for protocol in ("UDP", "TCP"):
        yield "    - action: Allow"
        yield f"      protocol: {protocol}"
        yield "      destination:"
        space = _CLUSTER_DNS["kubernetes.io/metadata.name"]
        yield f"        namespaceSelector: projectcalico.org/name == '{space}'"
        yield f"        selector: k8s-app == '{_CLUSTER_DNS['k8s-app']}'"
        yield "        ports: [53]"
        resolvers = _resolvers(allowed)
        if resolvers:
            yield from _calico_nets(protocol, 53, resolvers)
    for port, some in _by_port(allowed).items():
        yield from _calico_nets("TCP", port, some)


def _calico_nets(protocol: str, port: int, some: list[Line]) -> Iterator[str]:
    for version in (4, 6):
        fitting = [line for line in some if line.version == version]
        if fitting:
            yield "    - action: Allow"
            yield f"      ipVersion: {version}"
            yield f"      protocol: {protocol}"
            yield "      destination:"
            yield "        nets:"
            yield from (f"          - {_cidr(line)} # {line.remark}" for line in fitting)
            yield f"        ports: [{port}]"


def _opening(allowed: AllowList, api: str, kind: str) -> Iterator[str]:
    yield f"# Apply it in the agent's namespace. It isolates the agent's pods for egress, by the label {_NAME}"
    yield "# that its chart gives them (another one with nameOverride). What they need inside the cluster (API server,"
    yield "# kubelets, each other) belongs into policies of its own. Images are pulled by nodes, not by pods."
    yield f"apiVersion: {api}"
    yield f"kind: {kind}"
    yield "metadata:"
    yield f"  name: {NAME}{addition(allowed)}"
    yield "spec:"


def for_pods(allowed: AllowList) -> list[Flow]:
    """Flows to receivers and proxies, of all sources, since whatever a node reaches pods have to reach too; and to the
    resolvers that pods themselves ask."""
    return [
        flow
        for flow in allowed.direct()
        if flow.purpose in (Purpose.TENANT, Purpose.PROXY)
        or (flow.purpose is Purpose.RESOLVER and flow.source.kind is Kind.POD)
    ]


def _peers(allowed: AllowList) -> list[Flow]:
    """Receivers and proxies, each once."""
    found: dict[tuple[str, int], Flow] = {}
    for flow in for_pods(allowed):
        if flow.purpose is not Purpose.RESOLVER:
            found.setdefault((flow.destination, flow.port), flow)
    return list(found.values())


def _by_port(allowed: AllowList) -> dict[int, list[Line]]:
    found: dict[int, list[Line]] = {}
    for line in lines(allowed):
        if line.purpose in (Purpose.TENANT, Purpose.PROXY):
            found.setdefault(line.port, []).append(line)
    return found


def _resolvers(allowed: AllowList) -> list[Line]:
    return [line for line in lines(allowed, Kind.POD) if line.purpose == Purpose.RESOLVER]


def _cidr(line: Line) -> str:
    return json.dumps(_host_cidr(line.address))


def _host_cidr(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"
