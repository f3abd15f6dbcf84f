"""The change window: what comes and goes while a watch looks (`--watch`)."""

from __future__ import annotations

from dataclasses import replace

from lab.changes import add_site, corporate_answer, file, instead, interruption, to
from lab.right import PROXY_V4, QUAY_V4, RESOLVERS, TENANT, TENANT_SITE, TENANT_V4, TENANT_V6
from lab.roles import Fixed, Reply
from lab.scenario import Change, Scenario, both, finds, unchanged
from lab.scenarios.pages import BLOCK_PAGE, DEVICE_403
from lab.scenarios.surroundings import HTTP_PROXY, through
from lab.world import Authority, Machine, Resolver, Site, Tls, World

DEVICE_PORT = 9444
DEVICE = Site(
    name="device",
    machine=Machine.ROUTER,
    hosts=("acme.app.stackstate.io",),
    addresses=("10.20.0.1", "fd20::1"),
    port=DEVICE_PORT,
    tls=Tls(authority=Authority.DEVICE),
    app=Fixed(reply=BLOCK_PAGE),
)
BALANCER_PORT = 9446
BALANCER = Site(
    name="balancer",
    machine=Machine.ROUTER,
    hosts=("acme.app.stackstate.io",),
    addresses=("10.20.0.1", "fd20::1"),
    port=BALANCER_PORT,
    app=Fixed(
        reply=Reply(status=503, headers=(("Content-Type", "application/json"),), body=b'{"error":"unavailable"}')
    ),
)
INSPECTOR_PORT = 9447
INSPECTOR = Site(
    name="inspector",
    machine=Machine.ROUTER,
    hosts=("acme.app.stackstate.io",),
    addresses=("10.20.0.1", "fd20::1"),
    port=INSPECTOR_PORT,
    tls=Tls(authority=Authority.CORPORATE),
    app=Fixed(reply=DEVICE_403),
)
_ALL = TENANT_V4 + TENANT_V6
_DATA = "tcp flags & (syn | rst) == 0 meta length > {} drop"
"""Segments that carry something; without the options of a SYN, the bare ones are of 52 bytes, or 72."""


def _leg(of: int) -> tuple[str, ...]:
    """One of so many equal routes drops what it gets: always the same connections, by their ports."""
    return to(TENANT_V4[:1], f"jhash ip saddr . tcp sport mod {of} seed 0x1 == 0 drop")


_NEW_ADDRESS, _NOBODYS = "34.250.11.98", "52.58.10.11"
_OTHER_RESOLVER = "10.30.0.55"


def _resolved_to(*addresses: str) -> Change:
    """During the watch, queries are answered by a resolver that gives these addresses, for three seconds."""

    def change(world: World) -> World:
        new = Resolver(addresses=(_OTHER_RESOLVER,), overrides=instead(TENANT, addresses))
        return replace(world, resolvers=(*world.resolvers, new))

    queries = f"ip daddr {{ {', '.join(RESOLVERS)} }} meta l4proto {{ tcp, udp }} th dport 53"
    return both(change, interruption(1.5, 3.0, prerouting=(f"{queries} dnat ip to {_OTHER_RESOLVER}",)))


def _tenant_at(address: str, name: str, machine: Machine) -> Change:
    """The tenant's own service, at one more address."""
    return add_site(replace(TENANT_SITE, name=name, machine=machine, hosts=(TENANT,), addresses=(address,)))


_OFTEN = "[watch]\nrarely = '1s'\n"
_STRICT = "[watch.tls]\nmax_outage = '0s'\n[watch.http]\nmax_outage = '5s'\n"

SCENARIOS = (
    Scenario(
        name="window-interrupted",
        broken="during the watch, one of the tenant's addresses is dropped for two and a half seconds",
        change=interruption(2.0, 2.5, forward=to(TENANT_V4[:1], "drop")),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=8s",),
    ),
    Scenario(
        name="window-resolver-silent",
        broken="during the watch, DNS queries are dropped for two seconds and a half",
        change=interruption(2.0, 2.5, forward=("meta l4proto { tcp, udp } th dport 53 drop",)),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=8s",),
    ),
    Scenario(
        name="window-name-leads-elsewhere",
        broken="during the watch, the name leads for three seconds to an address at which nobody is",
        change=_resolved_to(_NOBODYS),
        find=finds(WATCH_01="watch.wrong-peer"),
        options=("--watch=7s",),
    ),
    Scenario(
        name="window-one-address-more",
        broken="during the watch, an address at which nobody is comes with the right ones for three seconds",
        change=_resolved_to(*TENANT_V4, _NOBODYS),
        find=finds(WATCH_01="watch.wrong-peer"),
        options=("--watch=7s",),
    ),
    Scenario(
        name="window-another-address",
        broken="nothing: during the watch, the name leads for three seconds to another address of the tenant's",
        change=both(_tenant_at(_NEW_ADDRESS, "moved", Machine.INTERNET), _resolved_to(_NEW_ADDRESS)),
        options=("--watch=7s",),
    ),
    Scenario(
        name="window-private-endpoint",
        broken="a watch where the tenant is reached through a private address: no interruption",
        change=both(
            corporate_answer(TENANT, ["10.30.0.98"]), _tenant_at("10.30.0.98", "private-endpoint", Machine.CORP)
        ),
        find=finds(DNS_04="dns.disagrees"),
        options=("--watch=3s",),
    ),
    Scenario(
        name="window-flaky",
        broken="during the watch, the tenant resets connections twice, each time shorter than is accepted",
        change=both(
            interruption(2.0, 0.8, forward=to(_ALL, "reject with tcp reset")),
            interruption(4.0, 0.8, forward=to(_ALL, "reject with tcp reset")),
        ),
        find=finds(WATCH_01="watch.total"),
        options=("--watch=8s", "--max-outage=3s", "--max-total=1s"),
    ),
    Scenario(
        name="window-not-quiet",
        broken="during the watch, the tenant is prohibited once more when the window should be quiet",
        change=interruption(4.0, 0.8, forward=to(_ALL, "reject with icmpx admin-prohibited")),
        find=finds(WATCH_01="watch.not-quiet"),
        options=("--watch=8s", "--max-outage=3s", "--quiet-after=6s"),
    ),
    Scenario(
        name="window-somebody-else",
        broken="during the watch, a device answers in the tenant's place for three seconds",
        change=both(
            add_site(DEVICE),
            interruption(2.0, 3.0, prerouting=to(_ALL, f"redirect to :{DEVICE_PORT}")),
            file("watch.toml", _OFTEN + _STRICT),
        ),
        find=finds(WATCH_01="watch.wrong-peer"),
        options=("--watch=8s", "--profile={lab}/watch.toml"),
    ),
    Scenario(
        name="window-accepted",
        broken="nothing: during the watch, one address is dropped for half a second, which is accepted",
        change=interruption(2.0, 0.5, forward=to(TENANT_V4[:1], "drop")),
        options=("--watch=6s", "--max-outage=2s"),
    ),
    Scenario(
        name="window-unavailable",
        broken="during the watch, the tenant's load balancer answers 503 for two seconds and a half",
        change=both(add_site(BALANCER), interruption(1.5, 2.5, prerouting=to(_ALL, f"redirect to :{BALANCER_PORT}"))),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-inspected",
        broken="during the watch, a device whose CA is trusted answers in the tenant's place, as JSON, for 2.5 seconds",
        change=both(add_site(INSPECTOR), interruption(1.5, 2.5, prerouting=to(_ALL, f"redirect to :{INSPECTOR_PORT}"))),
        find=finds(WATCH_01="watch.wrong-peer"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-tunnel-swallows",
        broken="during the watch, the proxy opens connections, and for three seconds what is sent on them vanishes",
        change=both(through(HTTP_PROXY), interruption(1.5, 3.0, forward=to((PROXY_V4,), _DATA.format(100), 3128))),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-large-packets",
        broken="during the watch, large packets to the tenant vanish for two seconds and a half, small ones pass",
        change=interruption(1.5, 2.5, forward=to(_ALL, _DATA.format(1000))),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-handshakes-swallowed",
        broken="during the watch, connections to the tenant open, and for 2.5 seconds what is sent on them vanishes",
        change=interruption(1.5, 2.5, forward=to(_ALL, _DATA.format(120))),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-registry-gone",
        broken="during the watch, the registry is dropped for two seconds and a half",
        change=interruption(1.5, 2.5, forward=to(QUAY_V4, "drop")),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-one-leg-of-two",
        broken="during the watch, one of two equal routes to one address drops what it gets for 2.5 seconds",
        change=interruption(1.5, 2.5, forward=_leg(2)),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-one-leg-of-four",
        broken="during the watch, one of four equal routes to one address drops what it gets for 2.5 seconds",
        change=interruption(1.5, 2.5, forward=_leg(4)),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-finer-than-is-sampled",
        broken="nothing: no interruption of a tenth of a second is accepted, and requests would not see one",
        change=unchanged,
        options=("--watch=3s", "--max-outage=100ms"),
    ),
)
