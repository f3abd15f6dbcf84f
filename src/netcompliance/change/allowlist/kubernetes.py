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

from netcompliance.change.allowlist.flows import DRIFT, AllowList, Flow
from netcompliance.change.allowlist.lines import Line, lines
from netcompliance.judge.needs import Purpose
from netcompliance.model import Kind

NAME = "stackstate-agent-egress"
_FROM_PODS = frozenset({Purpose.TENANT, Purpose.PROXY, Purpose.RESOLVER})
_CLUSTER_DNS = {"kubernetes.io/metadata.name": "kube-system", "k8s-app": "kube-dns"}


def network_policy(allowed: AllowList) -> str:
    """networking.k8s.io/v1: addresses."""
    return _document(_network_policy(allowed), allowed)


def _network_policy(allowed: AllowList) -> Iterator[str]:
    yield from _opening("networking.k8s.io/v1", "NetworkPolicy")
    yield "  podSelector: {}"
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


def cilium(allowed: AllowList) -> str:
    """cilium.io/v2: names. The agent's look-ups pass Cilium's DNS proxy, or it would know no address of a name."""
    return _document(_cilium(allowed), allowed)


def _cilium(allowed: AllowList) -> Iterator[str]:
    yield from _opening("cilium.io/v2", "CiliumNetworkPolicy")
    yield "  endpointSelector: {}"
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


def calico(allowed: AllowList) -> str:
    """projectcalico.org/v3: addresses; names are a feature of its commercial edition."""
    return _document(_calico(allowed), allowed)


def _calico(allowed: AllowList) -> Iterator[str]:
    yield from _opening("projectcalico.org/v3", "NetworkPolicy")
    yield "  selector: all()"
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


def _opening(api: str, kind: str) -> Iterator[str]:
    yield f"apiVersion: {api}"
    yield f"kind: {kind}"
    yield "metadata:"
    yield f"  name: {NAME}"
    yield "spec:"


def _document(body: Iterator[str], allowed: AllowList) -> str:
    head = [
        f"Allow-list for the StackState Agent: {', '.join(allowed.tenants)}",
        "Apply it in the agent's namespace. It isolates all pods there for egress: what they need inside the cluster",
        "(API server, kubelets, each other) belongs into policies of its own. Images are pulled by nodes, not by pods.",
        DRIFT,
        *(f"Note: {note}" for note in allowed.notes),
        *(f"Missing: {flow.name}: no address was seen" for flow in _peers(allowed) if not flow.addresses),
    ]
    return "".join(f"# {line}\n" for line in head) + "\n".join(body) + "\n"


def _peers(allowed: AllowList) -> list[Flow]:
    """Receivers and proxies, each once, of all sources: whatever a node reaches, pods have to reach too."""
    found: dict[tuple[str, int], Flow] = {}
    for flow in allowed.direct():
        if flow.purpose in (Purpose.TENANT, Purpose.PROXY):
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
