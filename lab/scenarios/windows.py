"""The change window: what comes and goes while a watch looks (`--watch`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.changes import add_site, corporate_answer, file, host, instead, interruption, to
from lab.healthy import CDN, LAB_KEY, PROXY_V4, QUAY, QUAY_V4, RESOLVERS, TENANT, TENANT_SITE, TENANT_V4, TENANT_V6
from lab.scenario import Change, Scenario, both, finds, unchanged
from lab.scenarios.pages import BLOCK_PAGE, DEVICE_403
from lab.scenarios.surroundings import HTTP_PROXY, through
from lab.servers import Fixed, Receiver, Registry, Reply, Rule
from lab.world import Authority, DnsFault, DnsManner, Machine, Resolver, Site, Tls, World

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
_DOWN = Reply(status=503, headers=(("Content-Type", "application/json"),), body=b'{"error":"unavailable"}')


def _resolved_by(seconds: float = 3.0, forward: tuple[str, ...] = (), **resolver: Any) -> Change:
    """During the watch, queries are answered by another resolver, for so long, and these rules hold."""

    def change(world: World) -> World:
        return replace(world, resolvers=(*world.resolvers, Resolver(addresses=(_OTHER_RESOLVER,), **resolver)))

    queries = f"ip daddr {{ {', '.join(RESOLVERS)} }} meta l4proto {{ tcp, udp }} th dport 53"
    return both(
        change, interruption(1.5, seconds, prerouting=(f"{queries} dnat ip to {_OTHER_RESOLVER}",), forward=forward)
    )


def _resolved_to(*addresses: str) -> Change:
    """During the watch, queries are answered by a resolver that gives these addresses, for three seconds."""
    return _resolved_by(overrides=instead(TENANT, addresses))


def _tenant_at(address: str, name: str, machine: Machine) -> Change:
    """The tenant's own service, at one more address."""
    return add_site(replace(TENANT_SITE, name=name, machine=machine, hosts=(TENANT,), addresses=(address,)))


_ROUTER = ("10.20.0.1", "fd20::1")
_LOGIN = Reply(
    status=401,
    headers=(("WWW-Authenticate", 'Basic realm="Corporate gateway"'), ("Content-Type", "text/html")),
    body=b"<html>login</html>",
)


def _instead(port: int, targets: tuple[str, ...], **site: Any) -> Change:
    """During the watch, this answers in the place of those, for two seconds and a half."""
    stranger = Site(name=f"instead-{port}", machine=Machine.ROUTER, addresses=_ROUTER, port=port, **site)
    return both(add_site(stranger), interruption(1.5, 2.5, prerouting=to(targets, f"redirect to :{port}")))


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
        name="window-no-aaaa",
        broken="during the watch, queries for AAAA are dropped for two seconds and a half, those for A are answered",
        change=interruption(1.5, 2.5, forward=("meta l4proto udp th dport 53 @th,352,16 0x001c drop",)),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-truncated",
        broken="during the watch, answers about the name are cut short for three seconds, and DNS over TCP is dropped",
        change=_resolved_by(
            forward=("tcp dport 53 drop",),
            faults=(DnsFault(manner=DnsManner.TRUNCATE, names=TENANT, transports=("udp",)),),
        ),
        find=finds(WATCH_01="watch.wrong-peer"),
        options=("--watch=7s",),
    ),
    Scenario(
        name="window-search-list-silent",
        broken="the search list comes first; during the watch, its domain is not answered for for 2.5 seconds",
        change=both(
            host(resolver_options=("ndots:5", "timeout:2", "attempts:2")),
            _resolved_by(faults=(DnsFault(manner=DnsManner.SILENT, names=f"{TENANT}.corp.example"),), seconds=2.5),
        ),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-proxy-without-name",
        broken="during the watch, DNS queries are dropped for 2.5 seconds, and the proxy is known by its name alone",
        change=both(
            through(HTTP_PROXY), interruption(1.5, 2.5, forward=("meta l4proto { tcp, udp } th dport 53 drop",))
        ),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
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
        name="window-name-leads-to-one-that-is-down",
        broken="during the watch, the name leads for three seconds to a machine of the tenant's that answers 503",
        change=both(
            add_site(
                replace(TENANT_SITE, name="down", hosts=(TENANT,), addresses=(_NEW_ADDRESS,), app=Fixed(reply=_DOWN))
            ),
            _resolved_to(_NEW_ADDRESS),
        ),
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
        name="window-posts-unavailable",
        broken="during the watch, every POST to the tenant is answered by a 503 for 2.5 seconds, and GETs are served",
        change=_instead(
            9501, _ALL, hosts=(TENANT,), app=Receiver(key=LAB_KEY), rules=(Rule(methods=("POST",), reply=_DOWN),)
        ),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-some-paths-unavailable",
        broken="during the watch, four of the six paths to which an agent posts answer 503 for 2.5 seconds",
        change=_instead(
            9501,
            _ALL,
            hosts=(TENANT,),
            app=Receiver(key=LAB_KEY),
            rules=(Rule(path="*intake*", reply=_DOWN), Rule(path="*/api/*", reply=_DOWN)),
        ),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-large-hello",
        broken="during the watch, a large ClientHello as the agent's is swallowed for 2.5 seconds, small ones pass",
        change=_instead(9502, _ALL, hosts=(TENANT,), app=Receiver(key=LAB_KEY), tls=Tls(hello_limit=1000)),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-registry-stranger",
        broken="during the watch, a device whose CA is trusted wants a login in the registry's place for 2.5 seconds",
        change=_instead(9503, QUAY_V4, hosts=(QUAY,), app=Fixed(reply=_LOGIN), tls=Tls(authority=Authority.CORPORATE)),
        find=finds(WATCH_01="watch.wrong-peer"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-token-server",
        broken="during the watch, the registry's token server answers 503 for two seconds and a half",
        change=_instead(
            9504,
            QUAY_V4,
            hosts=(QUAY,),
            app=Registry(service=QUAY, cdn=("cdn01.quay.io",)),
            rules=(Rule(path="/v2/auth*", reply=_DOWN),),
        ),
        find=finds(WATCH_01="watch.outage"),
        options=("--watch=6s",),
    ),
    Scenario(
        name="window-layers-unavailable",
        broken="during the watch, the hosts of image layers answer 503 to everything for two seconds and a half",
        change=_instead(9505, tuple(CDN.values()), hosts=tuple(CDN), app=Fixed(reply=_DOWN)),
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
