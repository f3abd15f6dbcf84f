"""A host that has no network: one cause, the host's own, and nothing of a firewall or a DNS team."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.lab

ACME, QUAY = "acme.app.stackstate.io", "quay.io"
HOSTS = f"127.0.0.1 localhost\n34.250.11.21 {ACME}\n34.250.11.30 {QUAY}\n"
RESOLV = "nameserver 10.255.255.53\noptions timeout:1 attempts:1\n"
WITH_LO = "ip link set lo up"
LINK = f"{WITH_LO}; ip link add wire type veth peer far; ip link set wire up; ip link set far up"
NETWORKS = {
    "no interface": "true",
    "loopback alone": WITH_LO,
    "a link-local address alone": f"{LINK}; ip address add 169.254.7.7/16 dev wire",
    "a dead gateway": f"{LINK}; ip address add 10.9.9.9/24 dev wire; ip route add default via 10.9.9.1",
    "IPv6 alone, without a route": f"{LINK}; ip address add 2001:db8::9/64 dev wire nodad",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Network → the verdicts of a run in it, all side by side."""
    at = tmp_path_factory.mktemp("networks")
    (at / "hosts").write_text(HOSTS)
    (at / "resolv.conf").write_text(RESOLV)

    def run(number: int, prepare: str) -> list[dict[str, Any]]:
        reports = at / str(number)
        suite = f"{sys.executable} -m pytest --tenant=acme --report-dir={reports}"
        bind = "; ".join(f"mount --bind {at}/{name} /etc/{name}" for name in ("hosts", "resolv.conf"))
        command = ("unshare", "-nm", "sh", "-ec", f"{bind}; {prepare}; exec {suite}")
        done = subprocess.run(command, check=False, cwd=checkout, capture_output=True, text=True, timeout=90)
        assert done.returncode == 1, done.stdout + done.stderr
        (journal,) = reports.glob("acme/*/journal.jsonl")
        return [
            record for line in journal.read_text().splitlines() if (record := json.loads(line)).get("type") == "verdict"
        ]

    with ThreadPoolExecutor(3) as pool:
        pending = {name: pool.submit(run, number, NETWORKS[name]) for number, name in enumerate(NETWORKS)}
        yield {name: each.result() for name, each in pending.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_host_is_the_one_cause(runs: dict[str, list[dict[str, Any]]], name: str) -> None:
    failed = {
        (verdict["requirement"], found["code"])
        for verdict in runs[name]
        if verdict["verdict"] == "fail"
        for found in verdict["findings"]
    }
    assert failed == {("DNS-01", "host.no-route")}
