"""A plain list: an address, a CIDR block or a name on each line. It says nothing of ports (pure)."""

from __future__ import annotations

from netcompliance.config.validation import BadInput, approved, entries
from netcompliance.firewall_rules.blocks import blocks
from netcompliance.model import Approved


def read(text: str, origin: str) -> tuple[Approved, ...]:
    """The entries, in the order of the file."""
    return tuple(entry(line, f"{origin}:{number}") for number, line in entries(text))


def entry(text: str, where: str) -> Approved:
    """One line."""
    target = approved(text, where)
    is_name = not (":" in target or "/" in target or target.replace(".", "").isdigit())
    return Approved(text=target, blocks=() if is_name else blocks_of(target, where), where=where)


def blocks_of(text: str, where: str) -> tuple[str, ...]:
    """`address`, `address/length`, `address/mask` or `first-last` as CIDR blocks. Raises `BadInput`."""
    try:
        return blocks(text)
    except ValueError as error:
        raise BadInput(f"{where}: {error}") from None
