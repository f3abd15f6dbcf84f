"""The environment of programs that carry a visit: what they need of ours, and never the API key.

A carrier needs much of what is here: an agent's socket, a cluster's configuration, a cloud's credentials for `kubectl`.
It does not need the API key, which travels over standard input, nor what steers this Python.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from netcompliance.model import Settings

_OURS = ("STS_API_KEY", "PYTHON", "PYTEST_", "COVERAGE_", "COV_")
"""Beginnings of the names of variables that are only for this process."""


def of_carrier(settings: Settings, more: Mapping[str, str]) -> dict[str, str]:
    """For the program that reaches a host; `more` is what this host needs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*_OURS, settings.key_env))}
    return {**kept, "LC_ALL": "C", **more}
