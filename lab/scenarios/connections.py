"""Connections: TCP to port 443, the size of packets, IPv6."""

from __future__ import annotations

from lab.changes import add_site, firewall, forward, set_of, site, to
from lab.healthy import TENANT_V4, TENANT_V6
from lab.scenario import Scenario, both, finds
from lab.scenarios.pages import BLOCK_PAGE
from lab.servers import Fixed
from lab.world import Hello, Machine, Site, Tls

_ALL = TENANT_V4 + TENANT_V6
CATCH_ALL_PORT = 9443
CATCH_ALL = Site(
    name="catch-all",
    machine=Machine.ROUTER,
    hosts=("gateway",),
    addresses=("10.20.0.1", "fd20::1"),
    port=CATCH_ALL_PORT,
    tls=Tls(hello=Hello.STALL),
    app=Fixed(reply=BLOCK_PAGE),
)
TEST_NETS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
_LATE = "ct original bytes > 100000"


SCENARIOS = (
    Scenario(
        name="tcp-refused",
        broken="the firewall answers connections to the tenant with RST",
        change=forward(*to(_ALL, "reject with tcp reset")),
        find=finds(HTTPS_01="tcp.refused"),
    ),
    Scenario(
        name="tcp-dropped",
        broken="the firewall drops connections to the tenant",
        change=forward(*to(_ALL, "drop")),
        find=finds(HTTPS_01="tcp.filtered", HTTPS_07="path.ipv6-dead"),
    ),
    Scenario(
        name="tcp-prohibited",
        broken="the firewall answers connections to the tenant with ICMP administratively prohibited",
        change=forward(*to(_ALL, "reject with icmpx admin-prohibited")),
        find=finds(HTTPS_01="tcp.unreachable"),
    ),
    Scenario(
        name="tcp-no-route",
        broken="a router on the way has no route to the tenant",
        change=forward(*to(_ALL, "reject with icmpx no-route")),
        find=finds(HTTPS_01="tcp.unreachable"),
    ),
    Scenario(
        name="tcp-loop",
        broken="packets to the tenant go in circles until a router gives them up",
        change=firewall(
            prerouting=(
                f"ip daddr {set_of(TENANT_V4)} ip ttl set 1",
                f"ip6 daddr {set_of(TENANT_V6)} ip6 hoplimit set 1",
            )
        ),
        find=finds(HTTPS_01="tcp.loop"),
    ),
    Scenario(
        name="one-address-dropped",
        broken="the firewall allows two of the tenant's three addresses and drops the other",
        change=forward(*to(TENANT_V4[:1], "drop")),
        find=finds(HTTPS_01="tcp.partly-filtered"),
    ),
    Scenario(
        name="one-address-allowed",
        broken="the firewall allows one of the tenant's three addresses and drops the others",
        change=forward(*to(TENANT_V4[1:], "drop")),
        find=finds(HTTPS_01="tcp.partly-filtered"),
    ),
    Scenario(
        name="one-address-refused",
        broken="nothing listens at one of the tenant's addresses",
        change=site("tenant", only=TENANT_V4[2:], listens=False),
        find=finds(HTTPS_01="tcp.refused"),
    ),
    Scenario(
        name="addresses-fail-differently",
        broken="one of the tenant's addresses is dropped, one refused, one prohibited",
        change=forward(
            *to(TENANT_V4[:1], "drop"),
            *to(TENANT_V4[1:2], "reject with tcp reset"),
            *to(TENANT_V4[2:], "reject with icmpx admin-prohibited"),
        ),
        find=finds(HTTPS_01="tcp.filtered tcp.refused tcp.unreachable"),
    ),
    Scenario(
        name="everything-opens",
        broken="something accepts every connection to the tenant and to addresses that do not exist, and is silent",
        change=both(
            firewall(prerouting=to((*_ALL, *TEST_NETS), f"redirect to :{CATCH_ALL_PORT}")),
            add_site(CATCH_ALL),
        ),
        find=finds(HTTPS_01="tcp.accepts-anything"),
    ),
    Scenario(
        name="ipv6-dropped",
        broken="the tenant has an IPv6 address, the host has IPv6, and the firewall drops it",
        change=forward(*to(TENANT_V6, "drop")),
        find=finds(HTTPS_07="path.ipv6-dead"),
    ),
    Scenario(
        name="mtu-black-hole",
        broken="packets above 1400 bytes and the ICMP errors about them disappear",
        change=firewall(
            internet_mtu=1400,
            output=("icmp type destination-unreachable drop", "icmpv6 type packet-too-big drop"),
        ),
        find=finds(HTTPS_05="path.mtu", HELM_01="path.mtu", REG_01="path.mtu", REG_05="path.mtu"),
    ),
    Scenario(
        name="uploads-stall",
        broken="a device swallows whatever a connection sends after the first 100 kB",
        change=forward(*(f"{rule} {_LATE} drop" for rule in to(_ALL, ""))),
        find=finds(HTTPS_06="http.stalled"),
    ),
    Scenario(
        name="uploads-cut",
        broken="a device resets connections that have sent 100 kB",
        change=forward(*(f"{rule} {_LATE} reject with tcp reset" for rule in to(_ALL, ""))),
        find=finds(HTTPS_06="http.closed"),
    ),
)
