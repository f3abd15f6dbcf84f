"""Where DNS security products send names that they block: as data, each with its source and the day it was read.

An address or an alias of this list is an answer of a product's and never the name's own. A resolver may also say so
itself, by an extended DNS error (RFC 8914).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network

from netcompliance.judge.evidence import parsed_address


@dataclass(frozen=True, slots=True, kw_only=True)
class Sinkhole:
    """One product's."""

    product: str
    source: str
    read: str
    """The day on which the source said so."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    aliases: tuple[str, ...] = ()
    """Names to which blocked names are aliases; those below them count too."""


def _nets(*texts: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in texts)


SINKHOLES = (
    Sinkhole(
        product="a block list",
        source="RFC 1122, RFC 4291: nobody's addresses, and the host's own; Pi-hole, AdGuard Home, NextDNS",
        read="2026-11-28",
        networks=_nets("0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128"),
    ),
    Sinkhole(
        product="Palo Alto Networks DNS Security",
        source="docs.paloaltonetworks.com, DNS Security, Enable DNS Security: the default sinkhole",
        read="2026-11-28",
        networks=_nets("198.135.184.22/32", "72.5.65.111/32"),
        aliases=("sinkhole.paloaltonetworks.com",),
    ),
    Sinkhole(
        product="Cisco Umbrella",
        source=(
            "docs.umbrella.com, Block page IP addresses: hit-*.opendns.com; cisco.com, document 224799: "
            "146.112.61.104 to .110, for AAAA the same addresses mapped to IPv6"
        ),
        read="2026-11-28",
        networks=_nets("146.112.61.104/29", "146.112.255.155/32", "146.112.255.152/29"),
        aliases=("hit-block.opendns.com", "block.opendns.com"),
    ),
    Sinkhole(
        product="OpenDNS (for names that it says do not exist)",
        source="reverse name hit-nxdomain.opendns.com; OpenWrt's example of a false answer (dnsmasq, bogus-nxdomain)",
        read="2026-11-28",
        networks=_nets("67.215.65.132/32"),
        aliases=("hit-nxdomain.opendns.com",),
    ),
    Sinkhole(
        product="Cloudflare Gateway",
        source="developers.cloudflare.com, Cloudflare One, Split Tunnels (2026-05-01): addresses of the block page",
        read="2026-11-28",
        networks=_nets("162.159.36.12/32", "162.159.46.12/32"),
    ),
    Sinkhole(
        product="AdGuard",
        source="AdGuardHome, internal/home/config.go: safebrowsing_block_host and parental_block_host by default",
        read="2026-11-28",
        aliases=("standard-block.dns.adguard.com", "family-block.dns.adguard.com"),
    ),
    Sinkhole(
        product="Fortinet FortiGuard DNS filter",
        source="community.fortinet.com, articles 421739 and 260790: the block portal",
        read="2026-11-28",
        networks=_nets("208.91.112.55/32", "208.91.112.53/32", "2001:cdba::3257:9652/128"),
    ),
)
"""Products whose blocking has an address or a name of its own. Others answer with no such name, or say why (below)."""

QUAD9 = frozenset(
    {
        "9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9", "9.9.9.11", "149.112.112.11", "2620:fe::11",
        "2620:fe::fe:11",
    }
)  # fmt: skip
"""Quad9's servers that block. Where they do, they say NXDOMAIN without "recursion available", otherwise offered
(Quad9's word in github.com/0xERR0R/blocky, discussion 1863; read 2026-11-28)."""

BLOCK_LABELS = frozenset({"blockpage", "block-page", "blocked", "sinkhole", "walledgarden", "rpz"})
"""Labels of an alias that say what it is, whoever runs it (response policy zones, block pages of one's own)."""

BLOCKED = {15: "blocked", 16: "censored", 17: "filtered"}
"""Info codes of extended DNS errors by which a resolver says that a list blocks the name (RFC 8914). 18, Prohibited, is
none: so it refuses a client that it does not serve."""


def product_of(address: str) -> str | None:
    """The product whose sinkhole an address is, `None` if it is of none."""
    ip = parsed_address(address)
    if ip is None:
        return None
    ip = (ip.ipv4_mapped if isinstance(ip, IPv6Address) else None) or ip
    hits = (s.product for s in SINKHOLES if any(ip.version == net.version and ip in net for net in s.networks))
    return next(hits, None)


def product_of_alias(names: Iterable[str]) -> tuple[str, str] | None:
    """The alias that leads to a sinkhole, and whose it is; `None` if there is none."""
    for name in names:
        plain = name.rstrip(".").lower()
        for sinkhole in SINKHOLES:
            if any(plain == alias or plain.endswith(f".{alias}") for alias in sinkhole.aliases):
                return plain, sinkhole.product
        if BLOCK_LABELS.intersection(plain.split(".")):
            return plain, "a DNS filter"
    return None
