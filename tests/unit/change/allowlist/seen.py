"""Allow-lists of worlds as the judges' tests have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netcompliance import catalogue
from netcompliance.change.allowlist.flows import AllowList, Looked, derive
from netcompliance.model import Settings
from tests.unit.judge.records import PROXY
from tests.unit.judge.world import SETTINGS, altered, healthy, proxied

CATALOGUE = catalogue.load()
AT = 1_795_629_666.0
"""2026-11-25T18:01:06Z"""


def looked(records: Sequence[Any], vantage: str = "local", settings: Settings = SETTINGS, **fields: Any) -> Looked:
    """One look, at one time."""
    stamped = [{**record, "vantage": vantage, "at": AT} for record in records]
    return Looked(vantage=vantage, settings=settings, observations=stamped, **fields)


def allowed(*looks: Looked, checks: bool = False) -> AllowList:
    return derive(looks or [looked(healthy())], CATALOGUE, checks=checks)


def behind_a_proxy() -> AllowList:
    return allowed(looked(altered(proxied(), {"kind": "proxy"}, via=PROXY, proxy_address="10.20.0.5")))


def from_a_pod() -> AllowList:
    """A node and a pod, which asks the cluster's own resolver."""
    pod = altered(healthy(), {"kind": "host"}, nameservers=["10.43.0.10"], kubernetes=True, source_address="10.42.0.7")
    pod = [record for record in pod if record["kind"] != "dns"]
    return allowed(looked(healthy()), looked(pod, "kubectl://agent-0"))


def everybody() -> AllowList:
    """A workstation, two nodes whose addresses are one network, and a pod that asks the cluster's own resolver."""
    nodes = [
        looked(altered(healthy(), {"kind": "host"}, source_address=f"10.20.0.{last}"), f"ssh://node-{last}")
        for last in (8, 9)
    ]
    pod = altered(healthy(), {"kind": "host"}, nameservers=["10.43.0.10"], kubernetes=True, source_address="10.42.0.7")
    pod = [record for record in pod if record["kind"] != "dns"]
    return allowed(looked(healthy()), *nodes, looked(pod, "kubectl://agent-0"))
