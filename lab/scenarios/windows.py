"""The change window: what comes and goes while a watch looks (`--watch`)."""

from __future__ import annotations

from lab.changes import add_site, file, interruption, to
from lab.right import TENANT_V4, TENANT_V6
from lab.roles import Fixed
from lab.scenario import Scenario, both, finds
from lab.scenarios.pages import BLOCK_PAGE
from lab.world import Authority, Machine, Site, Tls

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
_ALL = TENANT_V4 + TENANT_V6
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
)
