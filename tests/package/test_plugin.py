"""The pytest surface, on a scripted network: what is told, what is written, and how the process ends."""

from __future__ import annotations

import hashlib
import json
import re
import signal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from netcompliance import catalogue
from netcompliance.cli.main import main
from tests.support.schema import published, strict

FAIL = {"result": "fail", "codes": ["tcp.filtered"], "saw": "no answer to 3 SYNs in 5.0 s"}
SHOULD = {"result": "fail", "codes": ["dns.nameserver-dead"], "saw": "no answer from 10.30.0.53"}
NOT_EVALUATED = {"result": "notchecked", "reason": "not evaluated: HTTPS-01 failed"}
HEALTHY: dict[str, Any] = {}
BROKEN = {"verdicts": {"HTTPS-01": FAIL, "HTTPS-02": NOT_EVALUATED, "HTTPS-03": NOT_EVALUATED}}


def verdicts(records: list[dict[str, Any]]) -> dict[str, str]:
    return {r["requirement"]: r["verdict"] for r in records if r["type"] == "verdict"}


def overall(records: list[dict[str, Any]]) -> str:
    assert records[-1]["type"] == "footer"
    word: str = records[-1]["overall"]
    return word


def table(path: Path) -> list[str]:
    """The ids of the tests in pytest-html's table."""
    blob = re.findall(r'data-jsonblob="([^"]*)"', path.read_text(encoding="utf-8"))[0]
    return [each["testId"] for rows in json.loads(unescape(blob))["tests"].values() for each in rows]


def tail(out: str) -> str:
    """Pytest's last line: how many of what."""
    return out.strip().splitlines()[-1]


def test_a_healthy_network_is_satisfied(run_suites):
    ended = run_suites(script=HEALTHY)
    assert (ended.code, ended.err) == (0, "")
    assert "acme: satisfied" in ended.out
    assert overall(ended.journal()) == "satisfied"
    assert set(verdicts(ended.journal()).values()) == {"pass"}
    assert str(ended.directory() / "report.html") in ended.out
    assert str(ended.directory() / "journal.jsonl") in ended.out
    assert re.fullmatch(r"\d{8}T\d{6}Z", ended.directory().name)
    assert sorted(path.name for path in ended.directory().iterdir()) == ["SHA256SUMS", "journal.jsonl", "report.html"]


def test_one_unmet_must_is_told_once_as_a_paragraph(run_suites):
    ended = run_suites(script=BROKEN)
    assert ended.code == 1
    assert "acme: not satisfied" in ended.out
    assert ended.out.count("HTTPS-01 acme.app.stackstate.io from local — tcp.filtered") == 1
    for label in ("required", "saw", "means", "fix", "ask", "source"):
        assert re.search(rf"^  {label} ", ended.out, re.MULTILINE), label
    for word in ("FAILURES", "Traceback", "Unmet", "short test summary", "FAILED suites"):
        assert word not in ended.out
    assert "HTTPS-01 failed: HTTPS-02, HTTPS-03" in ended.out
    assert "1 failed" in tail(ended.out)
    assert overall(ended.journal()) == "not-satisfied"


def test_the_terminal_stays_within_80_columns_and_without_colours(run_suites):
    script = {"verdicts": {**BROKEN["verdicts"], "DNS-03": SHOULD, "RCV-01": {**FAIL, "saw": "a long story " * 40}}}
    ended = run_suites(script=script)
    ours = ended.out[ended.out.index("= https://acme") :]
    assert max(len(line) for line in ours.splitlines() if str(ended.reports) not in line) <= 80
    assert "\x1b" not in ended.out


def test_cases_that_fail_alike_are_told_once_with_all_their_targets(run_suites):
    denied = {"result": "fail", "codes": ["registry.token-denied"], "saw": "no token"}
    out = run_suites(script={"verdicts": {"REG-02": denied}}).out
    assert out.count("required   the registry authorises pulling the image") == 1
    for image in (
        "promtail:3.6.11-so13",
        "stackstate-k8s-agent:9516cb41",
        "kubernetes-rbac-agent:23f4b80a-1030-release",
    ):
        assert f"quay.io/stackstate/{image}" in out
    assert len(re.findall(r"^  also ", out, re.MULTILINE)) == 1


def test_colours_on_request(run_suites):
    out = run_suites("--color=yes", script=BROKEN).out
    assert "\x1b[31m\x1b[1m  FAIL" in out
    assert "\x1b[32m  pass" in out


def test_an_unmet_should_is_a_warning_and_never_a_pass(run_suites):
    ended = run_suites(script={"verdicts": {"DNS-03": SHOULD}})
    assert ended.code == 0
    assert "1 unmet should" in tail(ended.out)
    assert "failed" not in tail(ended.out)
    assert re.search(r"^DNS-03 +should .* unmet *$", ended.out, re.MULTILINE)
    assert "dns.nameserver-dead" in ended.out
    records = ended.journal()
    assert verdicts(records)["DNS-03"] == "fail"
    assert overall(records) == "satisfied"
    assert records[-1]["counts"]["unmet-should"] == records[-1]["counts"]["fail"] == 1


def test_a_strict_run_counts_an_unmet_should_like_a_must(run_suites):
    ended = run_suites("--strict", script={"verdicts": {"DNS-03": SHOULD}})
    assert ended.code == 1
    assert "1 failed" in tail(ended.out)
    assert overall(ended.journal()) == "not-satisfied"
    assert ended.journal()[0]["settings"]["strict"] is True


def test_a_waiver_is_neither_passed_nor_failed(run_suites):
    waived = {"result": "waived", "codes": ["clock.off"], "reason": "Ann accepts this until 2099-01-01: NTP moves"}
    ended = run_suites(script={"verdicts": {"CLK-01": waived}})
    assert ended.code == 0
    assert "1 waived" in tail(ended.out)
    assert "Ann accepts this until 2099-01-01: NTP moves: CLK-01" in ended.out
    assert verdicts(ended.journal())["CLK-01"] == "waived"


def test_neither_unmet_shoulds_nor_waivers_pass_where_xfail_is_switched_off(run_suites):
    script = {"verdicts": {"DNS-03": SHOULD, "CLK-01": {"result": "waived", "reason": "r"}}}
    ended = run_suites("--runxfail", "-k", "nameserver or clock", script=script)
    assert "passed" not in tail(ended.out)


def test_what_does_not_apply_is_skipped_with_its_reason(run_suites):
    ended = run_suites("-rs", script={"verdicts": {"REG-07": {"result": "notapplicable", "reason": "no values"}}})
    assert ended.code == 0
    assert "notapplicable: no values" in ended.out
    assert "no values: REG-07" in ended.out


def test_a_must_that_was_not_checked_leaves_the_run_undetermined(run_suites):
    ended = run_suites(script={"verdicts": {"OUT-01": {"result": "notchecked", "reason": "no right to look"}}})
    assert ended.code == 1
    assert "acme: undetermined" in ended.out
    assert "failed" not in tail(ended.out)
    assert overall(ended.journal()) == "undetermined"


def test_nobody_could_look_is_an_error_with_cause_and_remedy(run_suites):
    ended = run_suites(script={"trouble": ["no python here", "install python3"]})
    assert ended.code == 1
    assert re.search(r"\d+ errors", tail(ended.out))
    assert "failed" not in tail(ended.out)
    assert ended.out.count("no python here") == 1
    assert "install python3" in ended.out
    for word in ("Traceback", "CouldNotLook", "ERROR at setup"):
        assert word not in ended.out
    records = ended.journal()
    assert verdicts(records) == {}
    assert overall(records) == "undetermined"
    (vantage,) = (r for r in records if r["type"] == "vantage")
    assert "no python here" in vantage["error"]
    assert records[-1]["counts"]["error"] == sum(r["type"] == "case" for r in records)


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_defect_of_ours_keeps_its_traceback_once(run_suites, ci: str):
    ended = run_suites(script={"crash": "by design"}, env={"CI": ci})
    assert ended.code == 1
    assert len(re.findall(r"^E +ZeroDivisionError: by design$", ended.out, re.MULTILINE)) == 1
    assert "raise ZeroDivisionError" in ended.out
    assert overall(ended.journal()) == "undetermined"
    told = "a defect in netcompliance (ZeroDivisionError); see the traceback of the first case"
    assert ended.journal()[-1]["errors"] == [{"error": told}]
    strict().validate(ended.journal()[-1])


def test_an_interrupt_leaves_cases_without_a_verdict(run_suites):
    ended = run_suites(script={"interrupt": True})
    assert ended.code == pytest.ExitCode.INTERRUPTED
    assert overall(ended.journal()) == "undetermined"
    assert "undetermined" in ended.out


@pytest.mark.parametrize(
    "arguments", [("-k", "dns"), ("-k", "nothing_at_all"), ("suites/test_clock.py",), ("--deselect=suites",)]
)
def test_deselected_cases_are_not_forgotten(run_suites, arguments: tuple[str, ...]):
    ended = run_suites(*arguments, script=HEALTHY)
    assert ended.code == 1
    records = ended.journal()
    assert overall(records) == "undetermined"
    planned = [r for r in records if r["type"] == "case"]
    assert records[-1]["counts"]["error"] == len(planned) - len([r for r in records if r["type"] == "verdict"]) > 0
    assert "planned cases have no verdict" in " ".join(ended.out.split())


def test_stopping_at_the_first_failure_is_not_green_either(run_suites):
    ended = run_suites("-x", script={"verdicts": {"DNS-01": FAIL}})
    assert ended.code == 1
    assert overall(ended.journal()) == "not-satisfied"


def test_a_level_is_planned_alone(run_suites):
    ended = run_suites("--level=should", script=HEALTHY)
    assert ended.code == 0
    planned = {r["requirement"]: r for r in ended.journal() if r["type"] == "case"}
    resting = {name for case in planned.values() for name in case["requires"]}
    assert all(case["level"] == "should" or name in resting for name, case in planned.items())
    assert "OUT-01" not in planned


def test_a_level_does_not_pass_over_what_it_rests_on(run_suites):
    ended = run_suites("--level=should", script={"verdicts": {"HTTPS-01": FAIL}})
    assert (ended.code, overall(ended.journal())) == (1, "not-satisfied")


def test_collecting_looks_at_nothing_and_writes_nothing(run_suites):
    ended = run_suites("--collect-only", "-q", script={"crash": "looked"})
    assert ended.code == 0
    assert "test_the_name_resolves_through_the_hosts_own_resolver[acme.app.stackstate.io@local]" in ended.out
    assert not ended.reports.exists()


@pytest.mark.parametrize("argument", ["--help", "--markers", "--fixtures", "--version"])
def test_asking_pytest_about_itself_writes_nothing(run_suites, argument: str):
    ended = run_suites(argument, script={"crash": "looked"})
    assert ended.code == 0
    assert not ended.reports.exists()


def test_nobody_looks_for_a_tenant_of_which_no_test_is_left(run_suites):
    ended = run_suites("-k", "beta", script=HEALTHY, tenant=("acme", "beta"))
    seen = {
        tenant: {record["type"] for record in ended.journal(tenant)} & {"observation", "verdict"}
        for tenant in ("acme", "beta")
    }
    assert seen == {"acme": set(), "beta": {"observation", "verdict"}}
    assert "acme: undetermined" in ended.out


def test_a_tests_sentence_is_the_catalogues(run_suites):
    out = run_suites("--collect-only", "-v", script=HEALTHY).out
    for requirement in catalogue.load().requirements:
        assert f"{requirement.says[1:]}.\n" in out


def test_several_tenants_have_a_directory_each(run_suites):
    ended = run_suites(script=BROKEN, tenant=("acme", "Beta", "ACME"))
    assert sorted(path.name for path in ended.reports.iterdir()) == ["acme", "beta"]
    for tenant in ("acme", "beta"):
        assert ended.journal(tenant)[0]["tenant"] == tenant
        assert f"{tenant}: not satisfied" in ended.out
        assert f"{tenant}.app.stackstate.io" in ended.page(tenant)
    assert "beta" not in ended.page("acme")
    assert "acme" not in ended.page("beta")
    assert "2 failed" in tail(ended.out)


def test_a_page_of_ones_own_holds_all_tenants(run_suites, tmp_path: Path):
    ended = run_suites(f"--html={tmp_path / 'mine.html'}", script=BROKEN, tenant=("acme", "beta"))
    page = (tmp_path / "mine.html").read_text(encoding="utf-8")
    for tenant in ("acme", "beta"):
        assert f'aria-label="Tenant {tenant}"' in page
        assert (
            page.count(f'aria-label="Tenant {tenant}"')
            == ended.page(tenant).count(f'aria-label="Tenant {tenant}"')
            == 1
        )


def test_ids_keep_to_letters_that_reports_carry_unescaped(run_suites):
    out = run_suites("--collect-only", "-q", script=HEALTHY, tenant=("acme", "beta")).out
    ids = re.findall(r"::\w+\[(.*)\]$", out, re.MULTILINE)
    assert len(ids) == len(set(out.split())) - len(set(out.split()) - {w for w in out.split() if "::" in w})
    for each in ids:
        assert re.fullmatch(r"[A-Za-z0-9._:/@-]+", each)


# --- the journal ------------------------------------------------------------------------------------------------------


def test_the_journal_keeps_its_contract(run_suites):
    script = {"verdicts": {**BROKEN["verdicts"], "DNS-03": SHOULD}}
    ended = run_suites(script=script)
    validator = strict()
    records = ended.journal()
    for record in records:
        validator.validate(record)
    kinds = [record["type"] for record in records]
    assert kinds[0] == "header"
    assert kinds[-1] == "footer"
    first_look = kinds.index("observation")
    assert set(kinds[1:first_look]) == {"case"}
    assert "case" not in kinds[first_look:]
    assert kinds.index("verdict") > kinds.index("vantage") > first_look
    assert {(r["requirement"], r["target"]) for r in records if r["type"] == "case"} == {
        (r["requirement"], r["target"]) for r in records if r["type"] == "verdict"
    }
    lines = (ended.directory() / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert hashlib.sha256(b"".join(lines[:-1])).hexdigest() == records[-1]["sha256"]


def test_a_vantage_that_does_not_say_who_it_is_has_a_record_too(run_suites):
    (record,) = (r for r in run_suites(script={"nobody": True}).journal() if r["type"] == "vantage")
    assert record.pop("link")
    assert record == {"type": "vantage", "id": "local", "vantage_kind": "workstation", "clock_offset": None}


def test_the_schema_can_refuse():
    validator = published()
    Draft202012Validator.check_schema(validator.schema)
    for wrong in (
        {"type": "gossip"},
        {"type": "footer", "overall": "fine"},
        {"type": "observation", "vantage": "local", "kind": "hunch"},
        {"type": "observation", "vantage": "local", "kind": "tls"},
        {"type": "verdict", "requirement": "DNS-01"},
    ):
        assert not validator.is_valid(wrong), wrong


def test_a_killed_run_leaves_what_it_saw_and_no_footer(run_suites):
    ended = run_suites(script={"observations": [{"kind": "resolve", "name": "marker.example"}], "signal": "SIGKILL"})
    assert ended.code == -signal.SIGKILL
    records = ended.journal()
    assert records[-1]["name"] == "marker.example"
    assert "footer" not in {record["type"] for record in records}


def test_secrets_reach_neither_terminal_nor_journal_nor_page(run_suites):
    key = "lab-key-0123456789"
    echo = {"kind": "http", "purpose": "receiver", "headers": [["X-Echo", key]], "url": f"https://x/?api_key={key}"}
    script = {
        "observations": [echo],
        "verdicts": {
            "RCV-01": {
                **FAIL,
                "saw": f"it said {key} and https://u:hunter2@host/",
                "reproduce": f"curl -H 'sts-api-key: {key}'",
            }
        },
    }
    ended = run_suites(script=script, env={"STS_API_KEY": key})
    assert ended.journal()[0]["settings"]["key_declared"] is True
    for told in (ended.out, ended.err, ended.page(), json.dumps(ended.journal())):
        assert key not in told
        assert "hunter2" not in told


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_tells_its_verdicts_without_a_script(run_suites):
    ended = run_suites(script={"verdicts": {**BROKEN["verdicts"], "DNS-03": NOT_EVALUATED}})
    static = ended.page().partition("<script>")[0]
    assert "<title>acme: not satisfied · Network compliance</title>" in static
    assert re.search(r">HTTPS-01</a>.*?</th><td class=\"level\">must</td><td class=\"cell bad\">.*?FAIL</td>", static)
    assert "no answer to 3 SYNs in 5.0 s" in static
    assert "it as it should be" in static
    for told in ("node-1", "10.20.0.4", "linux/amd64", "10.30.0.53"):
        assert f"<td>{told}</td>" in static
    assert re.search(r"<dt>finished</dt><dd>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(", static)
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?http", ended.page())


def test_the_page_says_who_ran_what_with_what_and_which_journal_it_is_of(run_suites):
    ended = run_suites(script=HEALTHY)
    header, page = ended.journal()[0], ended.page()
    journal = (ended.directory() / "journal.jsonl").read_bytes()
    assert hashlib.sha256(journal).hexdigest() in page
    assert header["catalogue_sha256"] in page
    assert f"{header['by']['user']} on {header['by']['host']}" in page
    assert header["tool"]["commit"] is None or header["tool"]["commit"] in page


def test_a_sites_own_test_is_in_pytest_htmls_page_and_not_in_ours(run_suites, tmp_path: Path):
    (tmp_path / "test_own.py").write_text("def test_of_the_site(): assert 1 == 2, 'theirs'")
    ended = run_suites("suites", str(tmp_path / "test_own.py"), f"--html={tmp_path / 'mine.html'}", script=HEALTHY)
    rows = table(tmp_path / "mine.html")
    assert [each.rpartition("::")[2] for each in rows if "suites/" not in each] == ["test_of_the_site"]
    assert len([each for each in rows if "suites/test_dns.py::" in each]) > 5
    assert "test_of_the_site" not in ended.page()


def test_markup_and_terminal_escapes_from_the_network_are_harmless(run_suites, tmp_path: Path):
    hostile = "\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>\u202e</td>\r\n\x9b31m"
    wrong = {**FAIL, "saw": hostile, "subject": hostile, "reproduce": hostile}
    script = {"verdicts": {"RCV-01": wrong, "DNS-03": {**SHOULD, "saw": hostile}}}
    ended = run_suites(f"--html={tmp_path / 'mine.html'}", script=script)
    assert not set(ended.out) & {"\x1b", "\x07", "\x9b", "\u202e"}
    for page in (ended.page(), (tmp_path / "mine.html").read_text(encoding="utf-8")):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
        assert not set(page) & {"\x1b", "\x07", "\x9b", "\u202e"}


def test_pytest_htmls_page_tells_all_that_ours_tells(run_suites, tmp_path: Path):
    ended = run_suites(f"--html={tmp_path / 'mine.html'}", script=BROKEN)
    told = ended.page().partition('<main class="netcompliance">')[2].partition("</main>")[0]
    mine = (tmp_path / "mine.html").read_text(encoding="utf-8")
    assert len(told) > 10_000
    assert told in mine
    assert mine.index(told) < mine.index('id="results-table"')
    assert '<title id="head-title">Network compliance</title>' in mine


def test_each_row_of_pytest_htmls_table_leads_to_its_requirement(run_suites, tmp_path: Path):
    run_suites(f"--html={tmp_path / 'mine.html'}", script=BROKEN, tenant=("acme", "beta"))
    page = (tmp_path / "mine.html").read_text(encoding="utf-8")
    blob = unescape(re.findall(r'data-jsonblob="([^"]*)"', page)[0])
    links = re.findall(r'<a href=\\"#([^\\]*)\\">([^<]*)</a></td>', blob)
    assert len(links) == len(table(tmp_path / "mine.html"))
    assert {name for _, name in links} == {each.id for each in catalogue.load().requirements}
    for anchor, name in set(links):
        assert anchor in (f"t0-{name}", f"t1-{name}")
        assert page.count(f'id="{anchor}"') == 1


@pytest.mark.parametrize("script", [BROKEN, {"crash": "by design"}, {"interrupt": True}, {"trouble": ["a", "b"]}])
def test_the_page_is_made_again_from_the_journal_the_same_to_the_byte(run_suites, script, tmp_path: Path, capsys):
    ended = run_suites(script=script)
    page = ended.directory() / "report.html"
    written = page.read_bytes()
    assert main(["report", str(ended.directory())]) == 0
    page.unlink()
    assert main(["report", str(ended.directory())]) == 0
    assert page.read_bytes() == written
    assert main(["report", f"--output={tmp_path / 'x.html'}", str(ended.directory() / "journal.jsonl")]) == 0
    assert (tmp_path / "x.html").read_bytes() == written
    assert main(["verify", str(ended.directory())]) in (0, 1)
    assert "bad" not in [line.split()[0] for line in capsys.readouterr().out.splitlines() if " files " in line]


def test_our_page_needs_no_pytest_html(run_suites):
    ended = run_suites("-p", "no:html", script=HEALTHY)
    assert (ended.code, ended.err) == (0, "")
    assert "<title>acme: satisfied · Network compliance</title>" in ended.page()


def test_the_page_says_why_there_is_no_verdict(run_suites):
    ended = run_suites(script={"crash": "by design"})
    assert "a defect in netcompliance (ZeroDivisionError); see the traceback of the first case" in ended.page()


def test_a_page_that_cannot_be_written_leaves_the_other(run_suites, tmp_path: Path):
    ended = run_suites(f"--html={tmp_path}", script=HEALTHY)
    assert "evidence without a report: Is a directory" in ended.out
    assert ended.code == 1
    assert "acme: satisfied" in ended.out
    assert ended.page()


def test_other_peoples_pages_stay_as_they_are(pytester: pytest.Pytester):
    pytester.makepyfile("def test_one(): pass")
    result = pytester.runpytest_inprocess("-p", "netcompliance.plugin", "--html=page.html")
    assert result.ret == 0
    page = (pytester.path / "page.html").read_text(encoding="utf-8")
    assert "page.html</title>" in page
    assert "etwork compliance" not in page
    assert " UTC by " not in page


def test_junit_tells_failures_errors_and_skips_apart(run_suites, tmp_path: Path):
    path = tmp_path / "junit.xml"
    run_suites(f"--junit-xml={path}", script=BROKEN)
    text = path.read_text(encoding="utf-8")
    assert 'failures="1"' in text
    assert 'errors="0"' in text
    assert "tcp.filtered" in text
