"""The real backend: the daemons that companies run, in the roles of the embedded servers.

`named` plays the Internet's DNS and the company's resolvers, `nginx` everything that speaks HTTP, `storage` (with
`layout` and `tokens`) the registries: docker-registry holding images that skopeo pushed, one of them as a pull-through
cache. `squid` is the company's proxy. `wire` is the device that meddles with handshakes. Only what comes and knocks by
itself is left to the embedded backend. `play` is the backend (see `lab.backend`).

A real daemon cannot do everything that a scenario asks for: `unplayable` says what of a world is beyond them, and such
a world is refused in one line instead of being played half.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lab import embedded
from lab.backend import BackendError, Stage
from lab.real import named, nginx, programs, squid, storage, wire
from lab.world import World


def play(world: World, stage: Stage) -> None:
    """Start the daemons of every machine and wait until they answer."""
    if absent := ", ".join(programs.missing()):
        raise BackendError(f"--servers real needs {absent}: lab/install-daemons installs what is missing")
    if reason := next(unplayable(world), None):
        raise BackendError(f"--servers real cannot play this world, which has {reason}")
    registries = storage.plan(world, stage.directory)
    named.start(world, stage)
    squid.start(world, stage)
    storage.start(registries, stage)
    nginx.start(world, stage, registries)
    wire.load(world)
    named.wait(world, stage)
    nginx.wait(world, stage)
    storage.start_caches(registries, stage)
    storage.wait(registries, stage)
    squid.wait(world, stage)
    embedded.play(replace(world, sites=(), resolvers=()), stage)


def unplayable(world: World) -> Iterator[str]:
    """What of a world the daemons cannot do; nothing if they can play it."""
    for part in (named, nginx, squid, storage, wire):
        yield from part.unplayable(world)
