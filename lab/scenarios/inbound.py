"""What the host's own firewall lets in."""

from __future__ import annotations

from lab.changes import host, set_of
from lab.healthy import TENANT_V4
from lab.scenario import Scenario, finds

SCENARIOS = (
    Scenario(
        name="inbound-allowed-by-map",
        broken="a verdict map of the host's firewall accepts what comes from one of the tenant's addresses",
        change=host(firewall=(f"ip saddr vmap {{ {TENANT_V4[0]} : accept, 192.0.2.7 : drop }}",)),
        find=finds(OUT_02="outbound.inbound-allowed"),
    ),
    Scenario(
        name="inbound-replies-by-map",
        broken="nothing: the host's firewall lets in the tenant's replies, by a verdict map of states and by a rule",
        change=host(
            firewall=(
                "ct state vmap { established : accept, related : accept }",
                f"ip saddr {set_of(TENANT_V4)} tcp sport 443 ct state established accept",
            )
        ),
    ),
)
