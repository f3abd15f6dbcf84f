"""The generated rules are sufficient and minimal.

Behind a router or a proxy that grants them and nothing else, every requirement passes; without any one of them,
something does not.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from lab_runs import LabRun, Outcome, Stage

pytestmark = [pytest.mark.lab, pytest.mark.daemons]

Write = Callable[[LabRun, str], str]
Behind = Callable[[LabRun, str, str], Outcome]

DIRECT = LabRun()
TRUNCATED = LabRun(scenario="truncated-answers")
PROXIED = LabRun(scenario="mandatory-proxy", servers="real")
AT_ONCE = 4
"""Most of such a lab run is waiting for packets that are dropped."""
ROUTER, PROXY = "router_rules", "proxy_rules"


@pytest.fixture(scope="module")
def written(stage: Stage) -> Write:
    """The allow-list, in a format, of what a lab run saw where nothing was in its way."""
    journals: dict[LabRun, Path] = {}

    def written(play: LabRun, form: str) -> str:
        if play not in journals:
            journals[play] = stage.run(play).directory
        asked = ["allowlist", str(journals[play]), "--with-checks", f"--format={form}"]
        main = "import sys; from netcompliance.cli.main import main; sys.exit(main())"
        done = subprocess.run([sys.executable, "-c", main, *asked], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return written


@pytest.fixture
def behind(stage: Stage, tmp_path: Path) -> Behind:
    """What comes of a lab run behind a router, or a proxy, with these rules."""

    def behind(play: LabRun, rules: str, at: str) -> Outcome:
        file = tmp_path / f"{at}-{abs(hash(rules))}"
        file.write_text(rules)
        return stage.run(replace(play, **{at: file}))

    return behind


def unmet(outcome: Outcome) -> set[str]:
    """The requirements that apply and do not pass."""
    return {
        record["requirement"]
        for record in outcome.journal
        if record["type"] == "verdict" and record["verdict"] not in ("pass", "notapplicable")
    }


@pytest.mark.parametrize(
    ("play", "form", "at"),
    [
        pytest.param(DIRECT, "nftables", ROUTER, id="nftables"),
        pytest.param(DIRECT, "iptables-save", ROUTER, id="iptables"),
        pytest.param(TRUNCATED, "nftables", ROUTER, id="nftables-dns-over-tcp"),
        pytest.param(PROXIED, "nftables", ROUTER, id="nftables-to-the-proxy"),
        pytest.param(PROXIED, "squid", PROXY, id="squid"),
    ],
)
def test_with_the_rules_everything_passes(written: Write, behind: Behind, play: LabRun, form: str, at: str) -> None:
    outcome = behind(play, written(play, form), at)
    assert (outcome.code, outcome.overall) == (0, "satisfied"), outcome.output
    assert unmet(outcome) == set()


@pytest.mark.parametrize("form", ["plain", "nftables", "iptables-save", "networkpolicy"])
def test_what_was_generated_is_approved_without_a_finding(
    written: Write, stage: Stage, tmp_path: Path, form: str
) -> None:
    """The way round: nothing missing, nothing stale, nothing wider than needed."""
    file = tmp_path / "approved"
    file.write_text(written(DIRECT, form))
    outcome = stage.run(replace(DIRECT, options=(f"--allow-list={file}",)))
    assert (outcome.code, outcome.failing()) == (0, {}), outcome.output
    asked = {requirement: verdict for (requirement, _), verdict in outcome.verdicts("local").items()}
    others = "notapplicable" if form in ("plain", "networkpolicy") else "pass"
    assert [asked[each] for each in ("DNS-05", "DNS-06", "DNS-07", "DNS-08")] == ["pass", "pass", "pass", others]


def test_the_router_lets_nothing_else_out(behind: Behind) -> None:
    """The control: with a rule for somebody else, hardly anything passes."""
    rules = "table inet filter { chain netcompliance { ip daddr 34.250.11.99 tcp dport 443 accept; }; }"
    assert {"DNS-01", "HELM-01"} <= unmet(behind(DIRECT, rules, ROUTER))


@pytest.mark.parametrize(
    ("play", "form", "at", "is_rule"),
    [
        pytest.param(DIRECT, "nftables", ROUTER, lambda line: " accept comment " in line, id="nftables"),
        pytest.param(PROXIED, "squid", PROXY, lambda line: line and not line.startswith("#"), id="squid"),
    ],
)
def test_without_any_one_rule_something_fails(
    written: Write, behind: Behind, play: LabRun, form: str, at: str, is_rule: Callable[[str], bool]
) -> None:
    lines = written(play, form).splitlines(keepends=True)
    rules = [number for number, line in enumerate(lines) if is_rule(line)]
    assert len(rules) > 10

    def is_needed(number: int) -> bool:
        outcome = behind(play, "".join(lines[:number] + lines[number + 1 :]), at)
        if at == PROXY and "Terminated abnormally" in outcome.output:
            return True
        assert outcome.overall is not None, outcome.output
        return bool(unmet(outcome))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        needed = dict(zip(rules, pool.map(is_needed, rules), strict=True))
    assert [lines[number] for number, is_it in needed.items() if not is_it] == []


def test_without_tcp_answers_that_do_not_fit_udp_are_lost(written: Write, behind: Behind) -> None:
    rules = written(TRUNCATED, "nftables")
    assert "{ tcp, udp }" in rules
    assert "DNS-01" in unmet(behind(TRUNCATED, rules.replace("meta l4proto { tcp, udp }", "meta l4proto udp"), ROUTER))
