"""The embedded backend: small Python servers that can misbehave precisely.

One process per machine, one thread per connection. `play` is the backend (see `lab.backend`).

Modules: `sockets` (listening, closing in all ways), `tls` (ClientHello, handshake), `http` (requests, replies and
their faults), `dns` (resolvers), `apps` and `registry` (what sites answer), `proxy` (CONNECT), `sites` (puts those
together), `visitors` (what happens by itself), `log` (what the other side saw).
"""

from __future__ import annotations

import functools

from lab.backend import BackendError, Ready, Stage
from lab.embedded import sockets, visitors
from lab.embedded.dns import Server as Resolver
from lab.embedded.log import Log
from lab.embedded.registry import Store
from lab.embedded.sites import SiteServer
from lab.names import Names
from lab.servers import Cdn, Proxy, Registry
from lab.world import Machine, World


def play(world: World, stage: Stage) -> None:
    """Start the servers of every machine and wait until they listen."""
    for site in world.sites:
        if isinstance(site.app, Proxy) and site.app.rules:
            raise BackendError("rules of a proxy are squid's: --servers real")
        if site.tls:
            stage.pki.leaf(site)
    store = Store(world if any(isinstance(site.app, Registry | Cdn) for site in world.sites) else None)
    for machine in Machine:
        if _is_busy(machine, world):
            stage.fork(machine, f"embedded {machine}", functools.partial(_serve, machine, world, store, stage))
    stage.wait()


def _is_busy(machine: Machine, world: World) -> bool:
    machines = {actor.machine for actors in (world.sites, world.resolvers, world.visitors) for actor in actors}
    return machine in machines or (machine is Machine.HOST and bool(world.host.listens))


def _serve(machine: Machine, world: World, store: Store, stage: Stage, ready: Ready) -> None:
    log = Log(stage.log)
    acceptor = sockets.Acceptor()
    for site in world.sites:
        if site.machine is machine:
            SiteServer(site, world, store, stage.pki, log).start(acceptor)
    for resolver in world.resolvers:
        if resolver.machine is machine and resolver.listens:
            names = Names(world.records, resolver.overrides)
            for address in resolver.addresses:
                Resolver(resolver, names, address, log).start(acceptor)
    if machine is Machine.HOST:
        for port in world.host.listens:
            visitors.listen_on_host(port, acceptor)
    ready()
    for visitor in world.visitors:
        if visitor.machine is machine:
            visitors.visit(visitor)
    acceptor.run()
