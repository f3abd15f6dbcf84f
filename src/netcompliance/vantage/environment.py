"""The environment of the programs that are started here: what they need of ours, and never an API key.

A carrier needs much of what is here: an agent's socket, a cluster's configuration, a cloud's credentials for `kubectl`.
It does not need an API key, which travels over standard input, nor what steers this Python. Keys of other tenants are
nobody's: only the probe on this machine, which reads its key itself, is given the variable of its own tenant's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping

_KEY = "STS_API_KEY"
"""Beginning of the names of variables that hold an API key, whatever a profile says."""
_OURS = ("PYTHON", "PYTEST_", "COVERAGE_", "COV_")
"""Beginnings of the names of variables that are only for this process."""


def of_carrier(keys: Collection[str], more: Mapping[str, str]) -> dict[str, str]:
    """For the program that reaches a host; `keys` are variables that hold a key, `more` is what this host needs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS) and not _is_key(name, keys)}
    return {**kept, "LC_ALL": "C", **more}


def of_probe(keys: Collection[str], own: str | None = None) -> dict[str, str]:
    """For the probe on this machine: all of ours, and of the keys the one that is in the variable `own`."""
    return {name: value for name, value in os.environ.items() if name == own or not _is_key(name, keys)}


@contextlib.contextmanager
def without(keys: Collection[str]) -> Iterator[None]:
    """Let programs that others start from here (an inventory's) find no key."""
    taken = {name: os.environ.pop(name) for name in list(os.environ) if _is_key(name, keys)}
    try:
        yield
    finally:
        os.environ.update(taken)


def _is_key(name: str, keys: Collection[str]) -> bool:
    return name in keys or name.startswith(_KEY)
