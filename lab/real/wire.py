"""What is done to a ClientHello before any server sees it: nft rules on the server's machine, as a device would.

A TLS record that holds a handshake begins with 22, and its length stands in bytes 3 and 4 of the TCP payload. So a
hello can be dropped or answered with RST by its kind and by its size.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab import network
from lab.world import Hello, Machine, Site, World

_VERDICTS = {Hello.STALL: "drop", Hello.RESET: "reject with tcp reset"}
_HANDSHAKE = "@ih,0,8 22"
_RECORD_HEADER = 5
_TABLE = """
table inet wire {{
    chain input {{
        type filter hook input priority filter; policy accept;
        {rules}
    }}
}}
"""


def unplayable(world: World) -> Iterator[str]:
    """What nobody does to a hello here."""
    for site in world.sites:
        for hello in _fates(site):
            if hello not in _VERDICTS:
                yield f"a TLS handshake that ends with {hello}"


def load(world: World) -> None:
    """Load the rules of every machine that has some."""
    for machine in Machine:
        rules = [rule for site in world.sites if site.machine is machine for rule in _rules(site)]
        if rules:
            network.load_rules(machine, _TABLE.format(rules="\n".join(rules)))


def _fates(site: Site) -> Iterator[Hello]:
    if site.tls and site.tls.hello is not Hello.ANSWER:
        yield site.tls.hello
    if site.tls and site.tls.hello_limit:
        yield site.tls.large_hello


def _rules(site: Site) -> Iterator[str]:
    for address in site.addresses:
        destination = f"{'ip6' if ':' in address else 'ip'} daddr {address} tcp dport {site.port} {_HANDSHAKE}"
        if site.tls and site.tls.hello is not Hello.ANSWER:
            yield f"{destination} {_VERDICTS[site.tls.hello]}"
        if site.tls and site.tls.hello_limit:
            size = f"@ih,24,16 > {site.tls.hello_limit - _RECORD_HEADER}"
            yield f"{destination} {size} {_VERDICTS[site.tls.large_hello]}"
