"""The checks as a plain pytest-testinfra file: its `addr` module, and curl where it has no module of its own.

`PEERS_NAMES` holds the names to check, separated by spaces, and `PEERS_PATH` the path to ask for.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

each_name = pytest.mark.parametrize("name", os.environ["PEERS_NAMES"].split())


@each_name
def test_dns(host: Any, name: str) -> None:
    assert host.addr(name).is_resolvable


@each_name
def test_tcp(host: Any, name: str) -> None:
    assert host.addr(name).port(443).is_reachable


@each_name
def test_http(host: Any, name: str) -> None:
    url = f"https://{name}{os.environ['PEERS_PATH']}"
    asked = host.run("curl -sS -m 10 -o /dev/null -w '%%{http_code} %%{content_type}' %s", url)
    assert asked.rc == 0, asked.stderr
    status, _, kind = asked.stdout.partition(" ")
    assert status in ("401", "403"), f"status code {status}"
    assert kind.startswith("application/json"), f"content-type {kind}"
