"""How to watch: as often as what is accepted demands, and no more often than the service can be asked to bear."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from netcompliance.config import validation
from netcompliance.config.options import DECLARED, Options, default
from netcompliance.config.profile import EVERY, Profile
from netcompliance.config.validation import BadInput
from netcompliance.model import LAYERS, SELDOM, TRIES, Criteria, Watch

SHORTEST_WATCH, LONGEST_WATCH = 1.0, 24 * 3600.0
DEFAULT_EVERY = validation.duration(default("every"), "--every")
"""Both ends of an outage are known to the half of it, and its length to the whole."""
DEFAULT_RARELY = 5.0
DEFAULT_MAX_OUTAGE = validation.duration(default("max_outage"), "--max-outage")
"""What is shorter no client is told of: a lost SYN is sent again after a second."""
BUDGET = 120
"""Probes a minute (`docs/watch.md`) of one host on one path: what it takes to see one second."""
MOST_REQUESTS = 50
"""Probes a second of each address of the service, from all hosts together."""
MOST_PROBES = 250
"""New connections a second to one address of the service, from all hosts together."""
_HOW = ("every", "max_outage", "max_total", "quiet_after")
"""The options that say how to watch."""


def watch(options: Options, chosen: Profile, hosts: int) -> Watch | None:
    """The watch from so many hosts, `None` without one. Raises `BadInput`.

    The command line's limits are for every layer; the profile may have others for one of them.
    """
    typed = {name: text for name in _HOW if (text := getattr(options, name)) is not None}
    if options.watch is None:
        for name, text in typed.items():
            option = DECLARED[name].name
            raise BadInput(f"{option} {text!r} says how to watch, and there is no watch: add --watch DURATION")
        return None
    length = validation.duration(options.watch, "--watch", SHORTEST_WATCH, LONGEST_WATCH)
    bounds = {"every": EVERY}
    limits = {
        name: validation.duration(text, DECLARED[name].name, *bounds.get(name, ())) for name, text in typed.items()
    }
    criteria = {layer: _criteria(layer, limits, chosen, length) for layer in LAYERS}

    def pace(usual: float, floor: float, *layers: str, tries: int = 2) -> float:
        """As often as what is accepted of these layers demands, within the budget, but not more rarely than usual."""
        needs = [need / tries for layer in layers if (need := criteria[layer].needed) is not None]
        return min(usual, max(floor, min(needs))) if needs else usual

    least = 60 / BUDGET
    rarely = chosen.watch.get("rarely", pace(DEFAULT_RARELY, least, "tls", "http"))
    asked = Watch(
        duration=length,
        every=limits.get("every")
        or chosen.watch.get("every", pace(DEFAULT_EVERY, EVERY[0], "dns", "tcp", tries=TRIES)),
        rarely=rarely,
        seldom=pace(SELDOM * DEFAULT_RARELY, max(least, chosen.watch.get("rarely", least)), "registry"),
        criteria=tuple(criteria.values()),
    )
    return _bearable(asked, hosts)


def _criteria(layer: str, typed: Mapping[str, float], chosen: Profile, length: float) -> Criteria:
    def limit(name: str, default: float | None = None) -> float | None:
        everywhere = typed.get(name, chosen.watch.get(name, default))
        return chosen.watch.get(f"{layer}.{name}", everywhere)

    quiet = limit("quiet_after")
    if quiet is not None and quiet > length:
        raise BadInput(
            f"quiet-after {validation.duration_text(quiet)}: longer than the watch, {validation.duration_text(length)}"
        )
    return Criteria(
        layer=layer,
        max_outage=limit("max_outage", DEFAULT_MAX_OUTAGE),
        max_total=limit("max_total"),
        quiet_after=quiet,
    )


def _bearable(asked: Watch, hosts: int) -> Watch:
    """With requests no more often than the service can be asked to bear, from so many hosts.

    Each connection is one for the service, too: what would be too many is refused.
    """
    least = hosts / MOST_REQUESTS
    watch = replace(
        asked,
        every=max(asked.every, min(DEFAULT_EVERY, hosts / MOST_PROBES)),
        rarely=max(least, asked.rarely),
        seldom=max(least, asked.pace("registry")),
    )
    if hosts / watch.every > MOST_PROBES:
        rate = validation.duration_text(math.ceil(hosts / MOST_PROBES * 10) / 10)
        raise BadInput(
            f"--watch from {hosts} hosts every {validation.duration_text(watch.every)} is more than "
            f"{MOST_PROBES} new connections a second to each address of the service: write --every {rate}"
        )
    return watch
