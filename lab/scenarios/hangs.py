"""Connections that open and then hang, or lead to another server: a share of them, by the source port."""

from __future__ import annotations

from lab.changes import add_site, firewall, forward, set_of
from lab.healthy import TENANT_SITE, TENANT_V4
from lab.scenario import Change, Scenario, both, finds
from lab.scenarios import pages
from lab.servers import App, Fixed
from lab.world import Site, Tls

_OTHER = "34.250.11.99"
_BY_PORT = "jhash ip saddr . ip daddr . tcp sport . tcp dport"


def _leg(of: int, what: str) -> str:
    """One of so many ways of equal cost swallows such packets to the tenant."""
    return f"ip daddr {set_of(TENANT_V4)} tcp dport 443 {what} {_BY_PORT} mod {of} seed 0x2a == 1 drop"


def _one_back_end(of: int, app: App = TENANT_SITE.app, tls: Tls | None = TENANT_SITE.tls) -> Change:
    """One of so many servers behind the tenant's IPv4 addresses is this one."""
    chosen = f"ip daddr {set_of(TENANT_V4)} tcp dport 443 {_BY_PORT} mod {of} seed 0x2a == 1"
    other = Site(name="other", hosts=TENANT_SITE.hosts, addresses=(_OTHER,), app=app, tls=tls)
    return both(add_site(other), firewall(prerouting=(f"{chosen} dnat ip to {_OTHER}",)))


SCENARIOS = (
    Scenario(
        name="one-way-of-eight-hangs-at-the-hello",
        broken="one of eight inspecting devices lets connections to the tenant open and swallows what is sent",
        change=forward(_leg(8, "meta length > 100")),
        find=finds(HTTPS_02="tls.share-stalled"),
    ),
    Scenario(
        name="one-way-of-four-hangs-at-the-request",
        broken="one of four inspecting devices lets TLS to the tenant pass and swallows the requests",
        change=forward(_leg(4, "meta length > 180 ct original packets > 4")),
        find=finds(RCV_01="http.share-stalled"),
    ),
    Scenario(
        name="one-way-of-eight-answers-503",
        broken="one of eight servers behind the tenant's addresses answers everything with 503",
        change=_one_back_end(8, app=Fixed(reply=pages.UNAVAILABLE)),
        find=finds(RCV_01="http.share-differs"),
    ),
    Scenario(
        name="one-way-of-eight-blocks",
        broken="one of eight firewalls before the tenant answers everything with its block page",
        change=_one_back_end(8, app=Fixed(reply=pages.BLOCK_PAGE)),
        find=finds(RCV_01="http.share-differs"),
    ),
    Scenario(
        name="one-way-of-eight-shows-another-certificate",
        broken="one of eight servers behind the tenant's addresses shows a certificate that has expired",
        change=_one_back_end(8, tls=Tls(valid_days=(-90, -1))),
        find=finds(HTTPS_02="tls.expired"),
    ),
)
