"""The other side's view: JSON lines of who came, to which address and port, and what was asked.

Header *names* are written, values only of a few that hold no secret, query *names* only, and of credentials only
whether they were there. One `write` per line to a file opened for appending, so processes and threads never mix lines.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

_VALUES = frozenset(
    {"host", "user-agent", "accept", "content-type", "content-length", "transfer-encoding", "connection", "range"}
)

NO_KEY = "netcompliance-not-a-valid-key"
"""What the suite sends in a key's place: it is not one."""


class Log:
    """Appends to one file."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def write(self, event: str, **fields: Any) -> None:
        """Write one event."""
        line = json.dumps({"at": round(time.time(), 6), "event": event, **fields})
        os.write(self._descriptor, line.encode() + b"\n")


def header_fields(headers: list[tuple[str, str]]) -> dict[str, Any]:
    """What a log line may say of request headers."""
    lower = [(name.lower(), value) for name, value in headers]
    return {
        "headers": [name for name, _ in lower],
        "values": {name: value for name, value in lower if name in _VALUES},
        "authorization": any(name == "authorization" and value != f"ApiKey {NO_KEY}" for name, value in lower),
        "key": any(name == "sts-api-key" and value != NO_KEY for name, value in lower),
    }
