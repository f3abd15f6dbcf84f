"""Connections that open and then hang: a share of them, by the source port."""

from __future__ import annotations

from lab.changes import forward, set_of
from lab.right import TENANT_V4
from lab.scenario import Scenario, finds

_BY_PORT = "jhash ip saddr . ip daddr . tcp sport . tcp dport"


def _leg(of: int, what: str) -> str:
    """One of so many ways of equal cost swallows such packets to the tenant."""
    return f"ip daddr {set_of(TENANT_V4)} tcp dport 443 {what} {_BY_PORT} mod {of} seed 0x2a == 1 drop"


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
)
