"""Every way in which the lab's world can be broken by name: one table per theme.

`resolution` (names), `connections` (TCP, path), `handshakes` (TLS), `receiver` (HTTP), `registries` (images, charts),
`surroundings` (proxy, direction, clock, configuration), `harmless` (nothing is wrong, although it looks so), `hostile`
(peers that mean harm), `windows` (what comes and goes while a watch looks).
"""

from __future__ import annotations

from lab.scenario import Scenario
from lab.scenarios import (
    connections,
    handshakes,
    harmless,
    hostile,
    receiver,
    registries,
    resolution,
    surroundings,
    windows,
)

SCENARIOS: tuple[Scenario, ...] = (
    *resolution.SCENARIOS,
    *connections.SCENARIOS,
    *handshakes.SCENARIOS,
    *receiver.SCENARIOS,
    *registries.SCENARIOS,
    *surroundings.SCENARIOS,
    *harmless.SCENARIOS,
    *hostile.SCENARIOS,
    *windows.SCENARIOS,
)
