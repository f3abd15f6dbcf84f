"""Faults that come and go while a watch looks: the router's firewall is another one for a while.

The watch is recognised by the User-Agent of its requests in the servers' log, so a fault comes so many seconds after a
watch has begun, whenever that is.
"""

from __future__ import annotations

import json
import time

from lab import network
from lab.backend import Ready, Stage
from lab.world import Machine, World

LOOK = 0.05
AGENT = " watch"


def start(world: World, stage: Stage) -> None:
    """Begin to wait for the watch, in a child in the router; nothing where nothing is to come."""
    if world.interruptions:
        stage.fork(Machine.ROUTER, "interruptions", lambda ready: _serve(world, stage, ready))
        stage.wait()


def _serve(world: World, stage: Stage, ready: Ready) -> None:
    ready()
    while not _is_watched(stage):
        time.sleep(LOOK)
    begun = time.monotonic()
    for interruption in world.interruptions:
        time.sleep(max(0.0, begun + interruption.after - time.monotonic()))
        network.load_rules(Machine.ROUTER, network.instead(interruption.firewall))
        time.sleep(interruption.seconds)
        network.load_rules(Machine.ROUTER, network.instead(world.firewall))


def _is_watched(stage: Stage) -> bool:
    try:
        lines = stage.log.read_text().splitlines(keepends=True)
    except OSError:
        return False
    return any(
        str(json.loads(line).get("values", {}).get("user-agent", "")).endswith(AGENT)
        for line in lines
        if AGENT in line and line.endswith("\n")
    )
