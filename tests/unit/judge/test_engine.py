"""The engine: prerequisites, one cause once, waivers, vantages, and the words that it adds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from types import ModuleType
from typing import Any

import pytest

from netcompliance.catalogue import expand
from netcompliance.findings import Code
from netcompliance.journal.writer import LINE_LIMIT, VALUES_LIMIT, values_in, verdict_record
from netcompliance.judge import JUDGES, judge
from netcompliance.judge.evidence import Outcome, finding
from netcompliance.judge.judges import judges, table
from netcompliance.model import Approved, Result, Settings, Verdict, Waiver
from tests.unit.judge.records import ADDRESSES, HOST, IMAGE, NOW, Record, dns_answer, error
from tests.unit.judge.world import (
    CATALOGUE,
    SETTINGS,
    TODAY,
    altered,
    changed,
    exchange,
    found,
    healthy,
    settings,
    standing,
    unresolved,
    verdict_of,
    verdicts,
    without,
)

DROPPED = changed({"kind": "tcp", "task": "tenant"}, error=error("TIMEOUT"))


def results(records: list[Record], with_settings: Settings = SETTINGS, today: date = TODAY) -> dict[str, Result]:
    return {str(v.case): v.result for v in verdicts(records, with_settings, today)}


def test_every_requirement_has_a_judge() -> None:
    assert set(JUDGES) == {requirement.id for requirement in CATALOGUE.requirements}


def test_a_requirement_has_one_judge() -> None:
    twice = ModuleType("twice")
    for name in ("one", "other"):
        setattr(twice, name, judges("DNS-01", observes=[])(JUDGES["DNS-01"].decide))
    with pytest.raises(ValueError, match="twice: a second judge of DNS-01"):
        table([twice])


def test_every_requirement_says_what_it_observes_but_those_about_files() -> None:
    assert {name for name, each in JUDGES.items() if not each.observes} == {"HTTPS-04", "PRX-02", "REG-07"}


def test_verdicts_come_in_the_order_of_the_cases() -> None:
    assert [v.case for v in verdicts(healthy())] == list(expand(CATALOGUE, SETTINGS))


# --- prerequisites ---------------------------------------------------------------------------------------------------


def test_a_failure_is_told_once_and_named_by_what_needs_it() -> None:
    given = verdicts(DROPPED)
    reasons = {v.case.requirement: v.reason for v in given if v.result is Result.NOTCHECKED}
    behind = {
        "HTTPS-02",
        "HTTPS-09",
        "HTTPS-03",
        "HTTPS-05",
        "HTTPS-06",
        "HTTPS-08",
        "RCV-01",
        "RCV-02",
        "RCV-04",
        "OUT-01",
        "CLK-01",
    }
    assert reasons == dict.fromkeys(behind, "not evaluated: HTTPS-01 failed")


def test_what_was_not_checked_stands_in_the_way_too() -> None:
    given = verdicts(without(healthy(), kind="tcp", address=ADDRESSES[0]))
    reasons = {v.case.requirement: v.reason for v in given if v.result is Result.NOTCHECKED}
    assert reasons["RCV-02"] == "not evaluated: HTTPS-01 was not checked"
    assert reasons["HTTPS-01"] == f"the attempt to connect at {ADDRESSES[0]} did not come to an end"


def test_a_prerequisite_that_is_not_asked_is_not_in_the_way() -> None:
    """At level `should` nobody plans the musts that these need."""
    cases = [case for case in expand(CATALOGUE, SETTINGS) if case.requirement == "RCV-04"]
    (verdict,) = judge(CATALOGUE.requirements, cases, DROPPED, SETTINGS, TODAY)
    assert verdict.result is Result.PASS


def test_a_prerequisite_of_the_same_image_counts_and_no_other() -> None:
    other = replace(IMAGE, repository="stackstate/other")
    both = settings(images=(IMAGE, other), source_images=(IMAGE, other))
    given = {(v.case.requirement, v.case.target): v for v in verdicts(healthy(), both)}
    assert given["REG-03", str(IMAGE)].result is Result.PASS
    assert given["REG-03", str(other)].reason == "not evaluated: REG-02 was not checked"


def test_a_prerequisite_of_another_host_does_not_count() -> None:
    given = {v.case.requirement: v for v in verdicts(DROPPED)}
    assert given["REG-01"].result is Result.PASS


def test_what_only_pods_were_asked_for_was_asked_of_nobody() -> None:
    pod, node = "kubectl://agent-0", "ssh://node-1"
    as_pod = [{**record, "vantage": pod} for record in healthy()]
    as_node = [{**record, "vantage": node} for record in healthy()]
    images = ("REG-01", "REG-02", "REG-03", "REG-04", "REG-05")

    def results(vantages: list[str], records: list[Record]) -> dict[str, set[Result]]:
        cases = expand(CATALOGUE, SETTINGS, vantages)
        given = judge(CATALOGUE.requirements, cases, records, SETTINGS, TODAY)
        return {name: {v.result for v in given if v.case.requirement == name} for name in images}

    assert results([pod], as_pod) == {name: {Result.NOTCHECKED} for name in images}
    both = results([pod, node], [*as_pod, *as_node])
    assert both == {name: {Result.NOTAPPLICABLE, Result.PASS} for name in images}


def test_very_many_findings_are_folded_with_their_number_and_a_digest() -> None:
    """Evidence that its own reader refuses would be none."""
    approved = tuple(Approved(text=a, blocks=(f"{a}/32",)) for a in (f"100.64.{n >> 8}.{n & 255}" for n in range(1500)))
    listed = settings(approved=approved, allow_list=tuple(entry.text for entry in approved))
    stale = verdict_of("DNS-06", healthy(), listed)
    assert len(stale.findings) == 1001
    assert stale.findings[-1].subject == "and 500 more"
    assert "SHA-256" in stale.findings[-1].detail
    assert stale == verdict_of("DNS-06", healthy(), listed)


@pytest.mark.parametrize("text", ["A", ",", "\x01", "\U0001f600"], ids=["letter", "comma", "control", "wide"])
@pytest.mark.parametrize("many", [1, 5000])
def test_whatever_was_seen_a_verdict_can_be_written_down(text: str, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is too long would end the evidence of all vantages."""
    long = text * (4_000_000 // many)
    detail = finding(Code.DNS_TIMEOUT, long, long, server=long, names=long)
    outcome = Outcome(result=Result.FAIL, findings=(detail,) * many, saw=long, reason=long, reproduce=long)
    name = "DNS-01"
    monkeypatch.setitem(JUDGES, name, replace(JUDGES[name], decide=lambda *_: outcome))  # type: ignore[arg-type]
    verdict = verdict_of(name, healthy())
    line = json.dumps(verdict_record(verdict, CATALOGUE[name]), ensure_ascii=False).encode()
    assert len(line) < LINE_LIMIT * 3 / 4
    assert values_in(line) < VALUES_LIMIT
    assert verdict.findings[0].subject.startswith(text)
    assert len(verdict.findings) == 1 or verdict.findings[-1].subject == f"and {many + 1 - len(verdict.findings)} more"


# --- one cause -------------------------------------------------------------------------------------------------------


def nobody_resolves(code: str, number: int = -3, seconds: float = 0.1) -> list[Record]:
    """The resolver serves nobody: neither the tenant's name nor the registry's, the CDN's or the chart repository's."""
    records = without(unresolved(number, seconds), kind="dns")
    lost = {"addresses": [], "error": error("GAI", "resolve", code=number), "seconds": seconds}
    records = [{**r, **lost} if r["kind"] == "resolve" else r for r in records]
    peers = ("tcp", "tls", "registry")
    records = [r for r in records if r["kind"] not in peers or r.get("task") == "control"]
    records = altered(
        records, {"kind": "chart", "step": "index"}, status=None, versions=[], error=error("ECONNABORTED")
    )
    said = [dns_answer(s, "A", **({"lost": "TIMEOUT"} if code == "TIMEOUT" else {"rcode": code})) for s in ("1", "2")]
    return [*without(records, kind="chart", step="archive"), *exchange(said)]


@pytest.mark.parametrize("code", ["TIMEOUT", "SERVFAIL", "REFUSED"])
def test_a_resolver_that_serves_nobody_is_one_failure(code: str) -> None:
    """getaddrinfo cannot tell these apart for the other hosts, so any of them is the same cause."""
    given = verdicts(nobody_resolves(code))
    assert standing(Result.FAIL, given) == {"DNS-01"}
    reasons = {v.reason for v in given if v.case.requirement in ("REG-01", "REG-05", "HELM-01")}
    assert reasons == {"not evaluated: DNS-01 failed"}


def test_a_wrong_clock_is_one_failure() -> None:
    """All certificates seem to be over; what the peers' dates say explains it."""
    late = {"verified": False, "error": error("VERIFY", "tls", code=10), "at": NOW + 200 * 86400}
    records = [{**r, **late} if r["kind"] == "tls" else r for r in healthy()]
    records = [{**r, "at": NOW + 200 * 86400} if r["kind"] in ("http", "registry") else r for r in records]
    given = verdicts(records)
    assert standing(Result.FAIL, given) == {"HTTPS-02"}
    assert {v.reason for v in given if v.case.requirement in ("REG-01", "REG-05")} == {"not evaluated: HTTPS-02 failed"}


def test_a_resolver_that_knows_no_name_outside_is_one_failure() -> None:
    """It serves the inside alone: one cause, whichever names were asked for."""
    assert standing(Result.FAIL, verdicts(nobody_resolves("NXDOMAIN", -2))) == {"DNS-01"}


def test_another_hosts_trouble_is_told_beside_the_resolvers() -> None:
    records = altered(nobody_resolves("SERVFAIL"), {"kind": "resolve", "host": "cdn.quay.io"}, addresses=["13.32.9.1"])
    records += exchange([{"kind": "tcp", "task": "cdn", "host": "cdn.quay.io", "address": "13.32.9.1"}])
    records = altered(records, {"kind": "tcp", "task": "cdn"}, error=error("ECONNREFUSED"))
    assert standing(Result.FAIL, verdicts(records)) == {"DNS-01", "REG-05"}


def test_a_registry_that_has_no_answer_is_its_own_cause_while_the_tenant_resolves() -> None:
    records = changed({"kind": "resolve", "host": "quay.io"}, addresses=[], error=error("GAI", code=-3), seconds=9.0)
    (found,) = verdict_of("REG-01", without(records, kind="registry", step="ping")).findings
    assert str(found.code) == "dns.timeout"


def test_a_registry_that_has_no_answer_is_its_own_cause_while_the_tenants_name_does_not_exist() -> None:
    records = [
        {**r, "addresses": [], "error": error("GAI", code=-3), "seconds": 9.0} if r.get("host") == "quay.io" else r
        for r in unresolved()
        if r["kind"] not in ("dns", "registry")
    ]
    assert found(verdicts(records)) == {"DNS-01": {"dns.nxdomain"}, "REG-01": {"dns.timeout"}}


# --- waivers ---------------------------------------------------------------------------------------------------------

TOMORROW, YESTERDAY = "2026-09-22", "2026-09-20"


def waiver(requirement: str = "HTTPS-01", expires: str = TOMORROW, **fields: Any) -> Waiver:
    return Waiver(requirement=requirement, owner="Jo", reason="a change is planned", expires=expires, **fields)


def waived(*waivers: Waiver) -> Settings:
    return settings(waivers=waivers)


def of(requirement: str, records: list[Record], *waivers: Waiver) -> Verdict:
    return verdict_of(requirement, records, waived(*waivers))


def test_a_waiver_accepts_a_failure_and_keeps_what_was_found() -> None:
    verdict = of("HTTPS-01", DROPPED, waiver())
    assert verdict.result is Result.WAIVED
    assert verdict.reason == "Jo accepts this until 2026-09-22: a change is planned"
    assert [str(found.code) for found in verdict.findings] == ["tcp.filtered"] * 2


def test_a_waiver_holds_on_its_last_day() -> None:
    assert of("HTTPS-01", DROPPED, waiver(expires=TODAY.isoformat())).result is Result.WAIVED


def test_a_waiver_that_expired_accepts_nothing_and_says_so() -> None:
    verdict = of("HTTPS-01", DROPPED, waiver(expires=YESTERDAY))
    assert (verdict.result, verdict.reason) == (Result.FAIL, "the waiver of Jo expired on 2026-09-20")


def test_one_of_two_waivers_is_enough() -> None:
    assert of("HTTPS-01", DROPPED, waiver(expires=YESTERDAY), waiver()).result is Result.WAIVED


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"requirement": "HTTPS-*"}, Result.WAIVED),
        ({"target": f"*.{HOST.partition('.')[2]}"}, Result.WAIVED),
        ({"target": "other.*"}, Result.FAIL),
        ({"vantage": "loc*"}, Result.WAIVED),
        ({"vantage": "ssh://*"}, Result.FAIL),
        ({"requirement": "https-01"}, Result.FAIL),
    ],
)
def test_a_waiver_is_for_what_its_patterns_fit(fields: dict[str, str], result: Result) -> None:
    assert of("HTTPS-01", DROPPED, waiver(**fields)).result is result


def test_a_waived_prerequisite_is_not_in_the_way() -> None:
    given = {v.case.requirement: v for v in verdicts(DROPPED, waived(waiver()))}
    assert given["HTTPS-02"].result is not Result.NOTAPPLICABLE
    assert "not evaluated" not in given["HTTPS-02"].reason
    assert "HTTPS-01" not in given["RCV-01"].reason


def test_a_waiver_that_nothing_needs_fails_the_case_that_it_names() -> None:
    verdict = of("HTTPS-01", healthy(), waiver())
    assert verdict.result is Result.FAIL
    assert verdict.reason == "the waiver of Jo (until 2026-09-22) is no longer needed: remove it from the profile"
    assert verdict.findings == ()


def test_an_unneeded_waiver_fails_nothing_else() -> None:
    given = verdicts(healthy(), waived(waiver()))
    assert standing(Result.FAIL, given) == {"HTTPS-01"}
    assert standing(Result.NOTCHECKED, given) == set()


def test_a_waiver_for_several_cases_is_needed_as_long_as_one_is() -> None:
    given = verdicts(DROPPED, waived(waiver(requirement="HTTPS-0[127]")))
    assert standing(Result.FAIL, given) == set()
    assert standing(Result.WAIVED, given) == {"HTTPS-01", "HTTPS-07"}


def test_a_waiver_may_yet_be_needed_where_one_case_was_not_checked() -> None:
    records = without(healthy(), kind="registry", step="ping")
    assert standing(Result.FAIL, verdicts(records, waived(waiver(requirement="*-01")))) == set()


def test_a_waiver_may_yet_be_needed_at_a_vantage_that_was_not_visited() -> None:
    cases = expand(CATALOGUE, SETTINGS, ("local", "ssh://node-2"))
    given = judge(CATALOGUE.requirements, cases, healthy(), waived(waiver()), TODAY)
    assert standing(Result.FAIL, given) == set()


def test_a_waiver_for_what_is_not_applicable_is_left_alone() -> None:
    assert of("DNS-05", healthy(), waiver(requirement="DNS-05")).result is Result.NOTAPPLICABLE


def test_a_waiver_for_what_passes_and_what_is_not_applicable_is_not_needed() -> None:
    assert of("DNS-01", healthy(), waiver(requirement="DNS-0[15]")).result is Result.FAIL


def test_an_expired_waiver_that_nothing_needs_must_go_too() -> None:
    assert of("HTTPS-01", healthy(), waiver(expires=YESTERDAY)).result is Result.FAIL


# --- vantages --------------------------------------------------------------------------------------------------------


def test_a_vantage_that_was_never_visited_has_no_verdicts() -> None:
    assert verdicts([]) == []
    assert verdicts(without(healthy(), kind="probe")) == []


def test_each_vantage_is_judged_by_what_was_seen_there() -> None:
    elsewhere = [{**record, "vantage": "ssh://node-2"} for record in DROPPED]
    cases = expand(CATALOGUE, SETTINGS, ("local", "ssh://node-2"))
    given = judge(CATALOGUE.requirements, cases, [*healthy(), *elsewhere], SETTINGS, TODAY)
    failed = {(v.case.requirement, v.case.vantage) for v in given if v.result is Result.FAIL}
    assert failed == {("HTTPS-01", "ssh://node-2"), ("HTTPS-07", "ssh://node-2")}
    assert len(given) == len(cases)


def test_what_is_no_observation_is_passed_over() -> None:
    odd: list[Any] = [None, 1, "x", [], {"kind": "probe"}, {"vantage": [], "kind": {}}]
    assert results([*healthy(), *odd]) == results(healthy())


# --- words -----------------------------------------------------------------------------------------------------------


def test_who_asks_and_from_where_is_told_to_the_remedy() -> None:
    values = verdict_of("HTTPS-01", DROPPED).findings[0].values
    assert {name: values[name] for name in ("host", "vantage", "source")} == {
        "host": HOST,
        "vantage": "node-1",
        "source": "node-1 (10.20.0.4)",
    }


@pytest.mark.parametrize(
    ("fields", "vantage", "source"),
    [
        ({"source_address": None}, "node-1", "node-1 (fd20::4)"),
        ({"source_address": None, "source_address6": None}, "node-1", "node-1"),
        ({"hostname": None}, "this host", "this host (10.20.0.4)"),
        ({"hostname": ""}, "this host", "this host (10.20.0.4)"),
    ],
)
def test_a_host_that_does_not_know_itself(fields: dict[str, Any], vantage: str, source: str) -> None:
    records = altered(DROPPED, {"kind": "host"}, **fields)
    records = [r for r in records if ":" not in str(r.get("address"))]
    values = next(v for v in verdicts(records) if v.case.requirement == "HTTPS-01").findings[0].values
    assert (values["vantage"], values["source"]) == (vantage, source)


def test_a_remote_host_is_called_as_the_user_calls_it() -> None:
    elsewhere = [{**record, "vantage": "ssh://node-2"} for record in DROPPED]
    cases = expand(CATALOGUE, SETTINGS, ("ssh://node-2",))
    given = judge(CATALOGUE.requirements, cases, elsewhere, SETTINGS, TODAY)
    values = next(v for v in given if v.case.requirement == "HTTPS-01").findings[0].values
    assert (values["vantage"], values["source"]) == ("ssh://node-2", "ssh://node-2 (10.20.0.4)")


def test_conditions_come_before_evidence() -> None:
    verdict = verdict_of("DNS-05", healthy())
    assert (verdict.result, verdict.reason) == (
        Result.NOTAPPLICABLE,
        "no allow-list was handed in (--allow-list)",
    )
