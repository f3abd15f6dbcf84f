"""`--baseline`, on a scripted network: what is compared, what is told, and how the process ends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.schema import strict

FAIL = {"result": "fail", "codes": ["tcp.filtered"], "saw": "no answer to 3 SYNs in 5.0 s"}
SHOULD = {"result": "fail", "codes": ["dns.nameserver-dead"], "saw": "no answer from 10.30.0.53"}
LEFT = {"result": "notchecked", "reason": "not evaluated: HTTPS-01 failed"}
HEALTHY: dict[str, Any] = {}
BROKEN = {"verdicts": {"HTTPS-01": FAIL, "HTTPS-02": LEFT}}


def resolving(*addresses: str) -> dict[str, Any]:
    name = "acme.app.stackstate.io"
    seen = {"kind": "resolve", "host": name, "name": name, "purpose": "bare", "addresses": list(addresses)}
    return {"observations": [seen]}


@pytest.fixture
def before_and_after(run_suites):
    """Runs the suites twice, the second time with the first as its baseline; gives the second and its comparison."""

    def run(before: dict[str, Any], after: dict[str, Any], *arguments: str) -> tuple[Any, dict[str, Any]]:
        first = run_suites(script=before)
        known = set((first.reports / "acme").iterdir())
        ended = run_suites(f"--baseline={next(iter(known))}", *arguments, script=after)
        (directory,) = set((ended.reports / "acme").iterdir()) - known
        records = [json.loads(line) for line in (directory / "journal.jsonl").read_text().splitlines()]
        page = (directory / "report.html").read_text()
        (comparison,) = (record for record in records if record["type"] == "comparison")
        assert records.index(comparison) == len(records) - 2
        return ended, {"page": page, **comparison}

    return run


def test_worse_than_the_baseline_fails_in_a_test_of_its_own(before_and_after):
    ended, comparison = before_and_after(HEALTHY, BROKEN)
    assert ended.code == 1
    assert "2 failed" in ended.out
    told = ended.out.partition("acme: compared with the baseline")[2]
    assert "regressed: met before, unmet now" in told
    assert "before      pass: it as it should be" in told
    assert "now         fail: no answer to 3 SYNs in 5.0 s" in told
    assert "acme: 1 case was met before and is unmet now" in told
    assert "Traceback" not in ended.out
    assert comparison["outcome"] == "regressed"
    assert [each["requirement"] for each in comparison["regressed"]] == ["HTTPS-01"]
    assert comparison["counts"]["no-longer-checked"] == 1
    assert "Compared with the baseline" in comparison["page"]
    assert comparison["baseline"]["sha256"] in comparison["page"]
    del comparison["page"]
    strict().validate(comparison)


def test_the_same_as_the_baseline_is_satisfied(before_and_after):
    ended, comparison = before_and_after(HEALTHY, HEALTHY)
    assert (ended.code, comparison["outcome"]) == (0, "unharmed")
    assert "acme: nothing that was met before is unmet now" in ended.out


def test_what_was_unmet_before_fails_on_its_own_account_only(before_and_after):
    ended, comparison = before_and_after(BROKEN, BROKEN)
    assert (ended.code, comparison["outcome"]) == (1, "unharmed")
    assert "1 failed" in ended.out


def test_a_should_that_was_met_before_fails_the_comparison(before_and_after):
    ended, comparison = before_and_after(HEALTHY, {"verdicts": {"DNS-03": SHOULD}})
    assert (ended.code, comparison["outcome"]) == (1, "regressed")
    assert "1 failed" in ended.out


def test_what_was_met_and_is_not_answered_now_is_not_green(before_and_after):
    ended, comparison = before_and_after(HEALTHY, {"verdicts": {"DNS-03": {"result": "notchecked", "reason": "why"}}})
    assert (ended.code, comparison["outcome"]) == (1, "undetermined")
    assert "failed" not in ended.out.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "arguments", [["-k", "nameserver"], ["--deselect", "suites/test_change.py"], ["-x"]], ids=["-k", "--deselect", "-x"]
)
def test_the_comparison_is_in_the_journal_whatever_was_selected(before_and_after, arguments: list[str]):
    ended, comparison = before_and_after(HEALTHY, BROKEN, *arguments)
    assert ended.code == 1
    assert comparison["outcome"] == ("undetermined" if "-k" in arguments else "regressed")


def test_drift_is_told(before_and_after):
    ended, comparison = before_and_after(resolving("192.0.2.1"), resolving("192.0.2.9"))
    assert (ended.code, comparison["outcome"]) == (0, "unharmed")
    assert "192.0.2.1 became 192.0.2.9" in ended.out
    assert [each["kind"] for each in comparison["drift"]] == ["addresses"]


def test_drift_fails_with_the_option(before_and_after):
    ended, comparison = before_and_after(resolving("192.0.2.1"), resolving("192.0.2.9"), "--fail-on-drift")
    assert (ended.code, comparison["outcome"]) == (1, "drifted")
    assert "1 failed" in ended.out


@pytest.mark.parametrize(("kinds", "outcome"), [('["addresses"]', "drifted"), ('["issuer"]', "unharmed")])
def test_drift_fails_as_the_profile_says(before_and_after, tmp_path: Path, kinds: str, outcome: str):
    profile = tmp_path / "acme.toml"
    profile.write_text(f"[comparison]\nfail_on_drift = {kinds}\n")
    _, comparison = before_and_after(resolving("192.0.2.1"), resolving("192.0.2.9"), f"--profile={profile}")
    assert comparison["outcome"] == outcome


def test_without_a_baseline_nothing_is_compared_and_nothing_skipped(run_suites):
    ended = run_suites(script=HEALTHY)
    assert "compared" not in ended.out
    assert "test_change" not in ended.out
    assert not any(record["type"] == "comparison" for record in ended.journal())


def test_latest_is_found_and_told_in_the_header(run_suites):
    began = run_suites(script=HEALTHY).journal()[0]["started"]
    ended = run_suites("--baseline=latest", script=HEALTHY)
    assert ended.code == 0
    assert f"baseline: {began} (run " in ended.out


def test_an_undetermined_latest_is_passed_over_with_a_word(run_suites):
    run_suites(script=HEALTHY)
    run_suites("-k", "nameserver", script=HEALTHY)
    ended = run_suites("--baseline=latest", script=HEALTHY)
    assert ended.code == 0
    assert re.search(r"^passed over as a baseline: \d{8}T\d{6}Z(-2)?: undetermined$", ended.out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--baseline=latest"], "no run of acme"),
        (["--baseline=nowhere"], "No such file"),
        (["--baseline=suites"], "no journal.jsonl in it"),
        (["--fail-on-drift"], "--baseline PATH|latest"),
    ],
)
def test_what_cannot_be_a_baseline_is_refused_before_the_run(run_suites, arguments: list[str], word: str):
    ended = run_suites(*arguments, script=HEALTHY)
    assert (ended.code, ended.out.strip()) == (4, "")
    (line,) = ended.err.strip().splitlines()
    assert word in line
    assert not ended.reports.exists()


def test_another_tenants_run_is_refused_before_the_run(run_suites):
    other = run_suites(script=HEALTHY, tenant=("other",))
    ended = run_suites(f"--baseline={other.directory('other')}", script=HEALTHY)
    assert ended.code == 4
    assert "tenant other, not of acme" in ended.err
    assert not (ended.reports / "acme").exists()


def test_two_tenants_have_a_baseline_each(run_suites):
    run_suites(script=HEALTHY, tenant=("acme", "other"))
    ended = run_suites("--baseline=latest", script=BROKEN, tenant=("acme", "other"))
    assert ended.code == 1
    assert "acme: 1 case was met before and is unmet now" in ended.out
    assert "other: 1 case was met before and is unmet now" in ended.out


def test_a_journal_that_cannot_be_read_back_ends_in_order_and_is_not_green(run_suites, tmp_path: Path):
    """As on a full disk: here the journal is gone before the end."""
    first = run_suites(script=HEALTHY)
    moved = f"{first.reports}/acme/*/journal.jsonl"
    hook = tmp_path / "moving.py"
    hook.write_text(
        "import glob, os, pytest\n"
        "@pytest.hookimpl(wrapper=True)\n"
        "def pytest_runtestloop():\n"
        "    result = yield\n"
        f"    os.unlink(max(glob.glob({moved!r}), key=os.path.getmtime))\n"
        "    return result\n"
    )
    baseline = f"--baseline={first.directory()}"
    ended = run_suites(baseline, "-p", "moving", script=HEALTHY, env={"PYTHONPATH": f"{tmp_path}:src:tests/support"})
    assert ended.code == 1
    assert "not compared with the baseline" in ended.out
    assert "INTERNALERROR" not in ended.out + ended.err
