"""Addresses, ranges and ports as rules write them, brought down to blocks and numbers (pure)."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from netcompliance.inputs import BadInput
from netcompliance.model import Service

ANYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
ALL_PORTS = (0, 65535)
_NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "ipv6-icmp": "icmpv6", "132": "sctp", "0": "any"}
_PORTS = {"domain": 53, "http": 80, "https": 443}


def blocks(text: str, where: str) -> tuple[str, ...]:
    """`address`, `address/length`, `address/mask` or `first-last` as blocks."""
    first, dash, last = text.partition("-")
    try:
        if dash:
            ends = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
            return tuple(str(net) for net in ipaddress.summarize_address_range(*ends))
        return (str(ipaddress.ip_network(text, strict=False)),)
    except (ValueError, TypeError):
        raise BadInput(f"{where}: {text!r} is no address, block or range") from None


def ports(text: str, where: str) -> tuple[int, int]:
    """`443`, `https`, `1000-2000` or `1000:2000`."""
    first, _, last = text.replace(":", "-").partition("-")
    ends = _port(first.strip(), where), _port((last or first).strip(), where)
    if not 0 <= ends[0] <= ends[1] <= 65535:
        raise BadInput(f"{where}: {text!r} are no ports")
    return ends


def protocol(text: str) -> str:
    """A protocol by its usual name."""
    return _NUMBERS.get(text.lower(), "any" if text.lower() == "all" else text.lower())


def services(protocols: Iterable[str], some: Iterable[tuple[int, int]] | None) -> tuple[Service, ...]:
    """Every protocol with every range of ports; all of them where nothing limits them."""
    return tuple(
        Service(protocol=each, first=first, last=last)
        for each in protocols
        for first, last in (some if some is not None else [ALL_PORTS])
    )


def _port(text: str, where: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 6:
        return int(text)
    try:
        return _PORTS.get(text) or socket.getservbyname(text)
    except OSError:
        raise BadInput(f"{where}: {text!r} is no port") from None
