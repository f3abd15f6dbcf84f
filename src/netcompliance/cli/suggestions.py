"""Names of a closed list, and what was probably meant by one that is not in it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from netcompliance.config.validation import BadInput


def chosen(asked: Iterable[str], known: Iterable[str], what: str, where: str) -> list[str]:
    """The names that were asked for, spelled as the list spells them; all if none was. Raises `BadInput`."""
    spelled = {name.casefold(): name for name in known}
    for name in asked:
        if name.casefold() not in spelled:
            near = [spelled[each] for each in get_close_matches(name.casefold(), spelled, n=3, cutoff=0.5)]
            hint = f"did you mean {', '.join(near)}?" if near else f"{where} lists them"
            raise BadInput(f"there is no {what} {name!r}: {hint}")
    return [spelled[name.casefold()] for name in asked] or list(spelled.values())
