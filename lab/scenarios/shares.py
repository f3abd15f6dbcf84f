"""Shares of connections, loss, and the time that connections take."""

from __future__ import annotations

from lab.changes import fault, forward, record, set_of, site, to
from lab.healthy import TENANT, TENANT_V4, TENANT_V6
from lab.scenario import Scenario, both, finds

_ALL = TENANT_V4 + TENANT_V6
_MANY = tuple(f"34.250.12.{number}" for number in range(1, 41))
_MANY_ADDRESSES = both(site("tenant", addresses=_MANY), record(TENANT, "A", *_MANY), record(TENANT, "AAAA"))
_SYN = "tcp flags & (syn | ack) == syn"


def _leg(of: int, verdict: str = "drop", addresses: tuple[str, ...] = TENANT_V4) -> tuple[str, ...]:
    """One of so many ways of equal cost gives what it carries this verdict."""
    v4 = [each for each in addresses if ":" not in each]
    hashed = "jhash ip saddr . ip daddr . tcp sport . tcp dport"
    return (f"ip daddr {set_of(v4)} tcp dport 443 {hashed} mod {of} seed 0x2a == 1 {verdict}",)


def _few_new_connections() -> tuple[str, ...]:
    """Each address by itself."""
    limit = "limit rate over 6/minute burst 20 packets"
    return tuple(
        f"{rule} {_SYN} meter few{family} {{ {family} daddr {limit} }} drop"
        for rule, family in zip(to(_ALL, ""), ("ip", "ip6"), strict=True)
    )


def _loses(percent: int, what: str = "") -> tuple[str, ...]:
    """So many of a hundred packets to the tenant get lost."""
    return to(_ALL, f"{what} numgen random mod 100 < {percent} drop")


def _first_syns_dropped(number: int) -> tuple[str, ...]:
    """A quota that so many SYNs from a port to an address just fit into: each is 60 bytes long, with IPv6 80."""
    return tuple(
        rule.removesuffix(" drop")
        + f" meter first-{ip} {{ {ip} daddr . tcp sport quota until {number * size + 1} bytes }} drop"
        for rule, ip, size in zip(to(_ALL, f"{_SYN} drop"), ("ip", "ip6"), (60, 80), strict=True)
    )


SCENARIOS = (
    Scenario(
        name="forty-addresses",
        broken="nothing: the tenant has forty addresses",
        change=_MANY_ADDRESSES,
    ),
    Scenario(
        name="one-of-forty-addresses-dropped",
        broken="the tenant has forty addresses, and the firewall drops one of them",
        change=both(_MANY_ADDRESSES, forward(*to(_MANY[-1:], "drop"))),
        find=finds(HTTPS_01="tcp.partly-filtered"),
    ),
    Scenario(
        name="one-of-eight-rotating-addresses-dropped",
        broken="each look-up gives another one of the tenant's eight addresses, and the firewall drops one of them",
        change=both(
            site("tenant", addresses=_MANY[:8]),
            record(TENANT, "A", *_MANY[:8]),
            record(TENANT, "AAAA"),
            fault("single"),
            forward(*to(_MANY[4:5], "drop")),
        ),
        find=finds(HTTPS_01="tcp.partly-filtered"),
    ),
    Scenario(
        name="one-way-of-two-drops",
        broken="one of two ways of equal cost to the tenant drops what it gets",
        change=forward(*_leg(2)),
        find=finds(HTTPS_01="tcp.share-dropped"),
    ),
    Scenario(
        name="one-way-of-four-drops",
        broken="one of four ways of equal cost to the tenant drops what it gets",
        change=forward(*_leg(4)),
        find=finds(HTTPS_01="tcp.share-dropped"),
    ),
    Scenario(
        name="one-way-of-sixteen-drops",
        broken="one of sixteen ways of equal cost to the tenant drops what it gets",
        change=forward(*_leg(16)),
        find=finds(HTTPS_01="tcp.share-dropped"),
    ),
    Scenario(
        name="one-way-of-eight-refuses",
        broken="one of eight firewalls of a cluster refuses connections to one of the tenant's addresses",
        change=forward(*_leg(8, "reject with tcp reset", TENANT_V4[:1])),
        find=finds(HTTPS_01="tcp.share-dropped"),
    ),
    Scenario(
        name="every-fourth-source-port-drops",
        broken="connections to the tenant from every fourth source port are dropped",
        change=forward(*to(_ALL, "tcp sport & 6 == 2 drop")),
        find=finds(HTTPS_01="tcp.share-dropped", HTTPS_07="tcp.share-dropped"),
    ),
    Scenario(
        name="every-second-syn-lost",
        broken="half of all SYNs to the tenant get lost",
        change=forward(*_loses(50, _SYN)),
        find=finds(HTTPS_08="path.lossy"),
    ),
    Scenario(
        name="first-syns-dropped",
        broken="a device drops the first SYN of each connection to the tenant, to see whether it comes again",
        change=forward(*_first_syns_dropped(1)),
        find=finds(HTTPS_08="path.slow"),
    ),
    Scenario(
        name="first-two-syns-dropped",
        broken="a device drops the first two SYNs of each connection to the tenant, which opens after three seconds",
        change=forward(*_first_syns_dropped(2)),
        find=finds(HTTPS_08="path.slow"),
    ),
    Scenario(
        name="new-connections-limited",
        broken="twenty new connections to each address are let through at once, then six a minute",
        change=forward(*_few_new_connections()),
        find=finds(HTTPS_01="tcp.rate-limited", HTTPS_07="tcp.rate-limited"),
    ),
    Scenario(
        name="bursts-limited",
        broken="nothing: a firewall lets through 150 new connections a second, which is plenty",
        change=forward(*to(_ALL, f"{_SYN} limit rate over 150/second burst 60 packets drop")),
    ),
    Scenario(
        name="one-packet-of-hundred-lost",
        broken="nothing: one of a hundred packets to the tenant gets lost, as on many a way",
        change=forward(*_loses(1)),
    ),
)
