"""`pytest --tenant=acme --hosts=kubectl://...`: the suites look from pods of a real cluster, over a real kubectl."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CONFIG = os.environ["KUBECONFIG_UNDER_TEST"]
AGENT = "kubectl://agent?namespace=monitoring"
BUSYBOX = "kubectl://busybox"
PODS = "10.88.0."
DROP_AT_THE_NODE = f"""table ip cut {{
  chain forward {{
    type filter hook forward priority 0
    ip saddr {PODS}0/24 ip daddr 34.250.11.0/24 drop
  }}
}}"""
NEW_FILES = ("find", "/", "-xdev", "-newer", "/proc/1", "-type", "f")
"""Files that were written since the container started."""
COMPILED = ("find", "/usr/lib", "-name", "*.pyc", "-exec", "rm", "{}", ";")
PROCESSES = ("ps", "-o", "args")


def test_a_pod_sees_what_this_machine_sees(run_suites) -> None:
    ended = run_suites(f"--hosts=local,{AGENT}")
    assert (ended.code, "acme: satisfied" in ended.out) == (0, True), ended.out
    here, there = (verdicts(ended.journal(), vantage) for vantage in ("local", AGENT))
    asked = {case: verdict for case, verdict in there.items() if verdict != "notapplicable"}
    assert len(asked) > 20
    assert asked == {case: here[case] for case in asked}


def test_a_pod_says_who_it_is(run_suites) -> None:
    journal = run_suites(f"--hosts={AGENT}").journal()
    (pod,) = (record for record in journal if record["type"] == "vantage" and record["id"] == AGENT)
    assert pod["vantage_kind"] == "pod"
    assert pod["pod"] == {"pod": "agent", "namespace": "monitoring", "node": "node"}
    assert pod["source_address"].startswith(PODS)


def test_image_pulls_are_the_nodes_business(run_suites) -> None:
    there = verdicts(run_suites(f"--hosts={AGENT}").journal(), AGENT)
    assert of("REG-01", there) == {"notapplicable"}


def test_what_stops_only_pods_is_found_only_there(run_suites, receiver_cut_off_from_pods) -> None:
    ended = run_suites(f"--hosts=local,{AGENT}")
    here, there = (verdicts(ended.journal(), vantage) for vantage in ("local", AGENT))
    assert ended.code == 1
    assert of("HTTPS-01", here) == {"pass"}
    assert of("HTTPS-01", there) == {"fail"}
    assert "tcp.filtered" in ended.out


def test_options_of_the_pod_reach_kubectl(run_suites, tmp_path: Path) -> None:
    host = f"{AGENT}&container=agent&context=admin&kubeconfig={CONFIG}"
    ended = run_suites(f"--hosts={host}", env={"KUBECONFIG": str(tmp_path / "none")})
    assert ended.code == 0, ended.out


def test_nothing_stays_in_the_pod(run_suites) -> None:
    in_the_agent(*COMPILED)
    before = in_the_agent(*NEW_FILES), in_the_agent(*PROCESSES)
    assert run_suites(f"--hosts={AGENT}").code == 0
    assert (in_the_agent(*NEW_FILES), in_the_agent(*PROCESSES)) == before


def test_a_pod_without_python_is_judged_alike_where_it_is_judged(run_suites) -> None:
    ended = run_suites(f"--hosts={AGENT},{BUSYBOX}")
    full, bare = (verdicts(ended.journal(), vantage) for vantage in (AGENT, BUSYBOX))
    assert of("HTTPS-01", bare) == {"pass"}, ended.out
    assert {case: verdict for case, verdict in bare.items() if verdict not in (full[case], "notchecked")} == {}


def test_trouble_is_an_error_with_its_cause(run_suites, trouble) -> None:
    ended = run_suites(f"--hosts={trouble.host}")
    assert (ended.code, "acme: undetermined" in ended.out) == (1, True)
    assert trouble.cause in " ".join(ended.out.split())
    assert verdicts(ended.journal(), trouble.host) == {}


def test_trouble_of_one_pod_is_not_anothers(run_suites) -> None:
    ended = run_suites(f"--hosts=kubectl://nobody?namespace=monitoring,{AGENT}")
    assert ended.code == 1
    assert set(verdicts(ended.journal(), AGENT).values()) == {"pass", "notapplicable"}


def test_a_connection_cut_during_the_visit_is_no_verdict(run_suites, cutting_relay, tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(Path(CONFIG).read_text().replace(":6443", f":{cutting_relay.port}"))
    host = f"{AGENT}&kubeconfig={config}"
    ended = run_suites(f"--hosts={host}")
    assert cutting_relay.was_cut.is_set()
    assert any(record["type"] == "observation" and record["vantage"] == host for record in ended.journal())
    assert (ended.code, "acme: undetermined" in ended.out) == (1, True), ended.out
    assert verdicts(ended.journal(), host) == {}


def verdicts(journal: list[dict[str, Any]], vantage: str) -> dict[tuple[str, str], str]:
    """The verdict on each requirement and target, from one vantage."""
    return {
        (record["requirement"], record["target"]): record["verdict"]
        for record in journal
        if record["type"] == "verdict" and record["vantage"] == vantage
    }


def of(requirement: str, found: dict[tuple[str, str], str]) -> set[str]:
    """The verdicts on one requirement."""
    return {verdict for (asked, _), verdict in found.items() if asked == requirement}


def in_the_agent(*command: str) -> str:
    """What a command prints in the agent's container."""
    line = ["kubectl", "exec", "-n", "monitoring", "-c", "agent", "agent", "--", *command]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.fixture
def receiver_cut_off_from_pods() -> Iterator[None]:
    """The node drops what pods send to the tenant."""
    subprocess.run(["nft", DROP_AT_THE_NODE], check=True)
    yield
    subprocess.run(["nft", "delete", "table", "ip", "cut"], check=True)
