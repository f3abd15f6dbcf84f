"""Rules of packet filters on Linux: nftables and iptables-save (pure).

Both are a chain of accepts and no more: it is added to a firewall that is there and drops what nobody accepts, and
leaves everything else in it alone. Loading it again replaces it; what is only missing is added to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.lines import Line, lines

CHAIN = "netcompliance"
_TABLE = "inet filter"


def nftables(allowed: AllowList) -> Iterator[str]:
    """A chain for `nft -f`."""
    yield f"# nft -f FILE, once: nft insert rule {_TABLE} forward jump {CHAIN} (on the host itself: output)."
    yield "# Answers are let back in by the rule that a stateful firewall has: ct state established,related accept"
    yield f"add table {_TABLE}"
    yield f"add chain {_TABLE} {CHAIN}"
    if not allowed.against:
        yield f"flush chain {_TABLE} {CHAIN}"
    yield f"table {_TABLE} {{"
    yield f"    chain {CHAIN} {{"
    for line in lines(allowed):
        yield f"        {_nft_rule(line)}"
    yield "    }"
    yield "}"


def _nft_rule(line: Line) -> str:
    family = "ip" if line.version == 4 else "ip6"
    source = f"{family} saddr {_one_or_set(line.sources)} " if line.sources else ""
    ports = (
        f"{line.protocols[0]} dport {line.port}"
        if len(line.protocols) == 1
        else f"meta l4proto {_one_or_set(sorted(line.protocols))} th dport {line.port}"
    )
    return f'{source}{family} daddr {line.address} {ports} accept comment "{line.remark[:127]}"'


def _one_or_set(items: tuple[str, ...] | list[str]) -> str:
    return items[0] if len(items) == 1 else f"{{ {', '.join(items)} }}"


def iptables_save(allowed: AllowList) -> Iterator[str]:
    """A chain for `iptables-restore --noflush` and `ip6tables-restore --noflush`: each takes its own lines."""
    yield "# iptables-restore --noflush FILE, ip6tables-restore --noflush FILE: each skips the other's lines. Once, for"
    yield f"# both: iptables -I FORWARD -j {CHAIN} (on the host itself: OUTPUT)."
    yield "# Answers are let back in by the rule that a stateful firewall has: --ctstate ESTABLISHED,RELATED"
    yield "*filter"
    if not allowed.against:
        yield f":{CHAIN} - [0:0]"
    for line in lines(allowed):
        for source in line.sources or ("",):
            for protocol in line.protocols:
                start = f"-{line.version} -A {CHAIN}"
                origin = f" -s {ip_network(source)}" if source else ""
                match = f"-p {protocol} -m {protocol} --dport {line.port}"
                remark = f'-m comment --comment "{line.remark[:255]}"'
                yield f"{start}{origin} -d {ip_network(line.address)} {match} {remark} -j ACCEPT"
    yield "COMMIT"
