"""Why a shell could not see what a requirement needs, and what to install so that it can.

The shell probe says of each kind of thing that it left out why (`unseen` observations). A requirement that could not be
checked is told those that it is judged by.
"""

from __future__ import annotations

from collections.abc import Mapping

from netcompliance.judge.evidence import Evidence, listed

BY_SHELL = "this host was looked at with its shell"
PYTHON = "install python3 (3.6 or later) there to have this checked"

JUDGED_BY: Mapping[str, tuple[str, ...]] = {
    "DNS-01": ("resolve",),
    "DNS-02": ("resolve", "tls", "chain"),
    "DNS-03": ("dns",),
    "HTTPS-01": ("tcp", "tls"),
    "HTTPS-02": ("tcp", "tls"),
    "HTTPS-03": ("tls", "chain"),
    "HTTPS-05": ("tls", "large-hello", "small-segments"),
    "HTTPS-07": ("tcp",),
    "OUT-01": ("sockets",),
    "OUT-02": ("syn", "sockets"),
    "PRX-01": ("proxy",),
    "REG-05": ("tcp", "tls"),
}
"""Requirement → what it is judged by, as the probe calls it."""
FAMILIES: Mapping[str, tuple[str, ...]] = {"HTTPS": ("http",), "RCV": ("http",), "CLK": ("http",), "REG": ("registry",)}
"""The same for all other requirements of a family."""


def by_shell(requirement: str, evidence: Evidence) -> str:
    """The reason and the way out, for a vantage that a shell looked from."""
    needed = JUDGED_BY.get(requirement) or FAMILIES.get(requirement.partition("-")[0], ())
    left_out = [seen for seen in evidence.all("unseen") if seen.get("what") in needed]
    why = listed(str(seen.get("reason", "")) for seen in left_out)
    remedies = listed(str(seen.get("remedy", "")) for seen in left_out if "python3" not in str(seen.get("remedy")))
    return f"{BY_SHELL}{f', and {why}' if why else ''}: {f'{remedies}, or ' if remedies else ''}{PYTHON}"
