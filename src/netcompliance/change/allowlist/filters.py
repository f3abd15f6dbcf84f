"""Rules of packet filters on Linux: nftables and iptables-save (pure).

Both are a chain of accepts and no more: it is added to a firewall that is there and drops what nobody accepts, and
leaves everything else in it alone. Loading it again replaces it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from netcompliance.change.allowlist.flows import DRIFT, AllowList
from netcompliance.change.allowlist.lines import Line, lines, nameless

CHAIN = "netcompliance"
_TABLE = "inet filter"


def nftables(allowed: AllowList) -> str:
    """A chain for `nft -f`."""
    return "\n".join(_nftables(allowed)) + "\n"


def _nftables(allowed: AllowList) -> Iterator[str]:
    yield from _head(allowed)
    yield f"# nft -f FILE, once: nft insert rule {_TABLE} forward jump {CHAIN} (on the host itself: output)."
    yield "# Answers are let back in by the rule that a stateful firewall has: ct state established,related accept"
    yield f"add table {_TABLE}"
    yield f"add chain {_TABLE} {CHAIN}"
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


def iptables_save(allowed: AllowList) -> str:
    """A chain for `iptables-restore --noflush` and `ip6tables-restore --noflush`: each takes its own lines."""
    return "\n".join(_iptables(allowed)) + "\n"


def _iptables(allowed: AllowList) -> Iterator[str]:
    yield from _head(allowed)
    yield "# iptables-restore --noflush FILE, ip6tables-restore --noflush FILE: each skips the other's lines. Once, for"
    yield f"# both: iptables -I FORWARD -j {CHAIN} (on the host itself: OUTPUT)."
    yield "# Answers are let back in by the rule that a stateful firewall has: --ctstate ESTABLISHED,RELATED"
    yield "*filter"
    yield f":{CHAIN} - [0:0]"
    for line in lines(allowed):
        bits = ipaddress.ip_address(line.address).max_prefixlen
        for source in line.sources or ("",):
            for protocol in line.protocols:
                start = f"-{line.version} -A {CHAIN}"
                origin = f" -s {source}/{bits}" if source else ""
                match = f"-p {protocol} -m {protocol} --dport {line.port}"
                remark = f'-m comment --comment "{line.remark[:255]}"'
                yield f"{start}{origin} -d {line.address}/{bits} {match} {remark} -j ACCEPT"
    yield "COMMIT"


def _head(allowed: AllowList) -> Iterator[str]:
    yield f"# Allow-list for the StackState Agent: {', '.join(allowed.tenants)}"
    yield f"# {DRIFT}"
    for note in allowed.notes:
        yield f"# Note: {note}"
    for name in nameless(allowed):
        yield f"# Missing: {name}: no address was seen"
