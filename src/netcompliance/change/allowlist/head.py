"""What every format says first: whose list it is, how it was checked, what is missing and what can go (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from netcompliance.change.allowlist.flows import DRIFT, AllowList
from netcompliance.judge.destinations import Purpose

PODS = frozenset({Purpose.TENANT, Purpose.PROXY, Purpose.RESOLVER})
"""What pods need of a network; all else is pulled by nodes or asked for by a workstation."""


class Checked(StrEnum):
    """How it is known that the device takes what is written."""

    LOADED = "loaded by the real tool"
    PARSED = "read by a public parser"
    GRAMMAR = "written after the vendor's published grammar only"


UNREAD = f"This format is {Checked.GRAMMAR}: no device has read it. Review it before you commit it."

BY_NAME = (
    "Names are looked up by the device itself; the documentation promises no stable addresses. Audit the list with "
    "--allow-list before and after every change."
)


def head(allowed: AllowList, checked: Checked, *, by_name: bool = False, for_pods: bool = False) -> Iterator[str]:
    """Sentences. `by_name`: the format holds names, so a name without an address is not missing."""
    yield f"Allow-list for the StackState Agent: {', '.join(allowed.tenants)}"
    if checked is Checked.GRAMMAR:
        yield UNREAD
    yield BY_NAME if by_name else DRIFT
    yield from (f"Note: {note}" for note in allowed.notes)
    if not by_name:
        yield from (f"Missing: {each}: no address was seen" for each in nameless(allowed, for_pods=for_pods))
    yield from delta(allowed)


def delta(allowed: AllowList) -> Iterator[str]:
    """What became of the comparison with an approved list; nothing where there was none."""
    if allowed.against:
        yield f"Only what {allowed.against} lacks{'' if allowed.flows else ': nothing'}"
        yield from (f"Can go: {entry}" for entry in allowed.surplus)


def nameless(allowed: AllowList, *, for_pods: bool = False) -> list[str]:
    """Destinations of which no address was seen: a format that knows no names cannot hold them."""
    unseen = {
        f"{flow.name} {'/'.join(flow.protocols)} {flow.port}"
        for flow in allowed.direct()
        if flow.name and not flow.addresses and (not for_pods or flow.purpose in PODS)
    }
    return sorted(unseen)
