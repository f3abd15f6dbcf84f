"""The judge: observations in, verdicts out. Pure, so that verdicts can be had again from a saved journal.

Rules
* One judge per requirement, in the table JUDGES. A judge sees what one vantage saw, and decides about one case.
* One cause, one failure: a case whose prerequisite failed is not judged. Prerequisites are cases of the same
  vantage and the same target, else of the same host. One that is not applicable does not stand in the way.
* A waiver turns a failure into `waived` until it expires; one that nothing needs any more is a failure itself.
* A vantage that was never visited gets no verdicts at all: that is an error of the run, not of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from netcompliance.catalogue import CONDITIONS, HERE, covers
from netcompliance.judge import chart, dns, https, outbound, proxy, receiver, registry
from netcompliance.judge.evidence import Evidence, Outcome, notapplicable, notchecked
from netcompliance.model import Case, Observation, Requirement, Result, Settings, Verdict, Waiver

Judge = Callable[[Case, Evidence, Settings], Outcome]

JUDGES: Mapping[str, Judge] = {
    "DNS-01": dns.resolves,
    "DNS-02": dns.is_the_tenants,
    "DNS-03": dns.nameservers_answer,
    "DNS-04": dns.agrees_with_the_public,
    "DNS-05": dns.allow_listed,
    "DNS-06": dns.allow_list_is_current,
    "HTTPS-01": https.ports_open,
    "HTTPS-02": https.verifies,
    "HTTPS-03": https.ends_at_the_service,
    "HTTPS-04": https.url_is_the_documented,
    "HTTPS-05": https.large_hello_passes,
    "HTTPS-06": https.large_requests_pass,
    "HTTPS-07": https.ipv6_is_no_trap,
    "RCV-01": receiver.answers,
    "RCV-02": receiver.path_answers,
    "RCV-03": receiver.accepts_the_key,
    "RCV-04": receiver.answers_in_time,
    "OUT-01": outbound.opened_by_the_host,
    "OUT-02": outbound.nothing_comes_in,
    "REG-01": registry.answers,
    "REG-02": registry.can_be_asked_for,
    "REG-03": registry.manifest_is_there,
    "REG-04": registry.layers_arrive,
    "REG-05": registry.cdn_opens,
    "REG-06": registry.same_as_the_source,
    "REG-07": registry.values_point_there,
    "HELM-01": chart.is_served,
    "PRX-01": proxy.grants_connect,
    "CLK-01": receiver.clock_is_right,
}

OPEN_DOORS = (Result.PASS, Result.NOTAPPLICABLE, Result.WAIVED)
"""Verdicts of a prerequisite behind which one can go on."""


def judge(
    requirements: Iterable[Requirement],
    cases: Sequence[Case],
    observations: Iterable[Observation],
    settings: Settings,
    today: date,
) -> list[Verdict]:
    """Verdicts for every case whose vantage was visited, in the order of the cases.

    `today` is the UTC date by which waivers expire. Never raises for anything in the observations.
    """
    by_id = {requirement.id: requirement for requirement in requirements}
    seen: dict[str, list[Observation]] = {}
    for observation in observations:
        seen.setdefault(str(observation.get("vantage")), []).append(observation)
    evidence = {vantage: Evidence(those) for vantage, those in seen.items() if _was_visited(those)}
    verdicts: dict[Case, Verdict] = {}

    def decide(case: Case) -> Verdict:
        if case not in verdicts:
            verdicts[case] = _waive(judge_one(case), settings.waivers, today)
        return verdicts[case]

    def judge_one(case: Case) -> Verdict:
        requirement = by_id[case.requirement]
        condition = CONDITIONS[requirement.when]
        if not condition.holds(settings):
            return _verdict(case, notapplicable(condition.otherwise))
        for needed in requirement.requires:
            for prerequisite in _prerequisites(case, needed, cases):
                if decide(prerequisite).result not in OPEN_DOORS:
                    return _verdict(case, notchecked(f"not evaluated: {_root(decide(prerequisite))}"))
        here = evidence[case.vantage]
        return _verdict(case, JUDGES[case.requirement](case, here, settings), _whereabouts(case, here))

    judged = [decide(case) for case in cases if case.vantage in evidence]
    return [_unneeded_waiver(verdict, judged, settings.waivers, today) for verdict in judged]


def _was_visited(observations: Iterable[Observation]) -> bool:
    return any(seen.get("kind") == "probe" for seen in observations)


def _prerequisites(case: Case, needed: str, cases: Iterable[Case]) -> list[Case]:
    near = [c for c in cases if c.requirement == needed and c.vantage == case.vantage and c.host == case.host]
    return [c for c in near if c.target == case.target] or near


def _root(blocking: Verdict) -> str:
    """The failure at the beginning of a row of cases that were not evaluated."""
    if blocking.reason.startswith("not evaluated: "):
        return blocking.reason.removeprefix("not evaluated: ")
    return f"{blocking.case.requirement} {'failed' if blocking.result is Result.FAIL else 'was not checked'}"


def _whereabouts(case: Case, evidence: Evidence) -> dict[str, str]:
    """Words for the remedy that every judge would otherwise have to say: who asks, from which address, for whom."""
    name = str(evidence.vantage.get("hostname") or "this host") if case.vantage == HERE else case.vantage
    address = evidence.vantage.get("source_address") or evidence.vantage.get("source_address6")
    return {"host": case.host, "vantage": name, "source": f"{name} ({address})" if address else name}


def _verdict(case: Case, outcome: Outcome, words: Mapping[str, str] | None = None) -> Verdict:
    return Verdict(
        case=case,
        result=outcome.result,
        findings=tuple(replace(f, values={**(words or {}), **f.values}) for f in outcome.findings),
        saw=outcome.saw,
        reason=outcome.reason,
        reproduce=outcome.reproduce,
    )


def _expired(waiver: Waiver, today: date) -> bool:
    return date.fromisoformat(waiver.expires) < today


def _waive(verdict: Verdict, waivers: Iterable[Waiver], today: date) -> Verdict:
    """A failure that somebody accepted; one whose acceptance ran out stays a failure and says so."""
    if verdict.result is not Result.FAIL:
        return verdict
    fitting = [waiver for waiver in waivers if covers(waiver, verdict.case)]
    for waiver in fitting:
        if not _expired(waiver, today):
            why = f"{waiver.owner} accepts this until {waiver.expires}: {waiver.reason}"
            return replace(verdict, result=Result.WAIVED, reason=why)
    if fitting:
        return replace(verdict, reason=f"the waiver of {fitting[0].owner} expired on {fitting[0].expires}")
    return verdict


def _unneeded_waiver(verdict: Verdict, judged: Sequence[Verdict], waivers: Iterable[Waiver], today: date) -> Verdict:
    """A case that passes although all that its waiver names pass: the waiver must go, or it will hide the next
    failure."""
    if verdict.result is not Result.PASS:
        return verdict
    for waiver in waivers:
        meant = [v.result for v in judged if covers(waiver, v.case)]
        if covers(waiver, verdict.case) and not {Result.FAIL, Result.WAIVED, Result.NOTCHECKED} & set(meant):
            why = (
                f"the waiver of {waiver.owner} (until {waiver.expires}) is no longer needed: remove it from the profile"
            )
            return replace(verdict, result=Result.FAIL, reason=why)
    return verdict
