"""Why a shell could not see what a requirement needs, and what to install so that it can.

The shell probe says of each kind of thing that it left out why (`unseen` observations). A requirement that could not be
checked is told those that it is judged by.
"""

from __future__ import annotations

from collections.abc import Collection

from netcompliance.judge.evidence import Evidence, listed
from netcompliance.observations import Unseen

BY_SHELL = "this host was looked at with its shell"
PYTHON = "install python3 (3.6 or later) there to have this checked"


def by_shell(needed: Collection[str], evidence: Evidence) -> str:
    """The reason and the way out, for a vantage that a shell looked from: what is needed, and was left out there."""
    left_out = [seen for seen in evidence.all(Unseen) if seen.what in needed]
    why = listed(str(seen.reason or "") for seen in left_out)
    remedies = listed(str(seen.remedy or "") for seen in left_out if "python3" not in str(seen.remedy))
    return f"{BY_SHELL}{f', and {why}' if why else ''}: {f'{remedies}, or ' if remedies else ''}{PYTHON}"
