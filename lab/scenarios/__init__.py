"""Every way in which the lab's world can be broken by name: one table per theme.

`resolution` (names), `agent_names` (names as the agent asks for them), `connections` (TCP, path), `handshakes` (TLS),
`agent_tls` (TLS as the agent does it), `fetchers_tls` (TLS as container runtimes do it), `certificates` (whose they
are, who takes them), `receiver` (HTTP), `payloads` (what the agent sends), `registries` (images, charts), `pulls` (what
happens on the way), `charts` (as Helm sees them), `surroundings` (proxy, direction, clock, configuration), `proxies`
(explicit ones), `harmless` (nothing is wrong, although it looks so), `hostile` (peers that mean harm), `inbound` (the
host's firewall), `shares` (shares of connections, loss, time), `hangs` (those that open and get no answer), `odd` (what
breaks few clients), `tunnels` (CONNECTs), `windows` (what comes and goes in a watch).
"""

from __future__ import annotations

from lab.scenario import Scenario
from lab.scenarios import (
    agent_names,
    agent_tls,
    certificates,
    charts,
    connections,
    fetchers_tls,
    handshakes,
    hangs,
    harmless,
    hostile,
    inbound,
    odd,
    payloads,
    proxies,
    pulls,
    receiver,
    registries,
    resolution,
    shares,
    surroundings,
    tunnels,
    windows,
)

SCENARIOS: tuple[Scenario, ...] = (
    *resolution.SCENARIOS,
    *agent_names.SCENARIOS,
    *connections.SCENARIOS,
    *handshakes.SCENARIOS,
    *agent_tls.SCENARIOS,
    *fetchers_tls.SCENARIOS,
    *certificates.SCENARIOS,
    *receiver.SCENARIOS,
    *payloads.SCENARIOS,
    *registries.SCENARIOS,
    *pulls.SCENARIOS,
    *charts.SCENARIOS,
    *surroundings.SCENARIOS,
    *proxies.SCENARIOS,
    *harmless.SCENARIOS,
    *hostile.SCENARIOS,
    *inbound.SCENARIOS,
    *shares.SCENARIOS,
    *hangs.SCENARIOS,
    *odd.SCENARIOS,
    *tunnels.SCENARIOS,
    *windows.SCENARIOS,
)
