"""The plain list: names, addresses and networks, one a line, as `--allow-list` reads it (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from netcompliance.change.allowlist.flows import AllowList
from netcompliance.change.allowlist.rows import folded, rows


def listed(allowed: AllowList) -> Iterator[str]:
    """By purpose; ports and sources are comments."""
    for row in rows(allowed.direct()):
        yield ""
        yield f"# {row.remark}: {'+'.join(row.protocols)} {row.port}, from {', '.join(row.networks) or 'anywhere'}"
        yield from (each.name for each in row.destinations if each.name)
        yield from folded(address for each in row.destinations for address in each.addresses)
