"""The healthy small internet with many tenants more.

Every tenant has a name of its own with three IPv4 addresses and one IPv6 address; one server with a wildcard
certificate stands behind all of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

from lab.changes import tls
from lab.healthy import RIGHT, TENANT_V4, TENANT_V6
from lab.run import command_environment, run
from lab.servers import Record

ZONE = "app.stackstate.io"


def names(count: int) -> list[str]:
    """The tenants' names."""
    return [f"t{number:04}.{ZONE}" for number in range(count)]


def enter(count: int, servers: str, command: Sequence[str]) -> int:
    """Run a command in it, and give its exit code."""
    addresses = (("A", TENANT_V4), ("AAAA", TENANT_V6))
    records = (Record(name=name, type=kind, values=some) for name in names(count) for kind, some in addresses)
    world = tls("tenant", names=(f"*.{ZONE}",))(replace(RIGHT, records=(*RIGHT.records, *records)))
    return run(world, import_module(f"lab.{servers}").play, command, command_environment(os.environ, world))
