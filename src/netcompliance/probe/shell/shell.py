"""The shell probe as a text, from a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def parcel(plan: Mapping[str, Any]) -> str:  # noqa: ARG001 - until a shell can look
    """A POSIX shell script."""
    return "exit 95\n"
