"""Without `--tenant` the plugin is a guest in somebody else's pytest: it brings nothing heavy along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = {"dns", "cryptography", "requests", "yaml", "certifi", "ssl", "tomllib", "sqlite3", "asyncio", "jinja2"}
PROGRAM = """
import pytest, sys
before = set(sys.modules)
import netcompliance.plugin
print(*sorted(set(sys.modules) - before))
"""


def test_importing_the_plugin_loads_nothing_heavy(checkout: Path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": str(checkout / "src")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.split(".")[0] == "netcompliance"} == {
        "netcompliance",
        "netcompliance.config",
        "netcompliance.config.options",
        "netcompliance.plugin",
    }
    assert not {name.split(".")[0] for name in loaded} & HEAVY
