"""The judge: observations in, verdicts out. Pure, so that verdicts can be had again from a saved journal.

Rules
* One judge per requirement, in the table JUDGES. A judge sees what one vantage saw, and decides about one case.
* One cause, one failure: a case whose prerequisite failed is not judged. Prerequisites are cases of the same
  vantage and the same target, else of the same host. One that is not applicable does not stand in the way.
* A resolver or proxy that serves nobody, or a wrong clock, is one cause too. It is found where it is asked for
  (FOUNDATIONS), and cases of other hosts that show nothing else are not evaluated.
* A waiver turns a failure into `waived` until it expires; one that nothing needs any more is a failure itself.
* A vantage that was never visited gets no verdicts at all: that is an error of the run, not of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from netcompliance.catalogue import CONDITIONS, HERE, covers
from netcompliance.findings import Code
from netcompliance.judge import chart, dns, endpoint, https, mirror, outbound, proxy, receiver, registry
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
    "HTTPS-04": endpoint.url_is_the_documented,
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
    "REG-05": mirror.cdn_opens,
    "REG-06": mirror.same_as_the_source,
    "REG-07": mirror.values_point_there,
    "HELM-01": chart.is_served,
    "PRX-01": proxy.grants_connect,
    "CLK-01": receiver.clock_is_right,
}

OPEN_DOORS = (Result.PASS, Result.NOTAPPLICABLE, Result.WAIVED)
"""Verdicts of a prerequisite behind which one can go on."""

FOUNDATIONS: Mapping[str, frozenset[Code]] = {
    "DNS-01": frozenset({Code.DNS_TIMEOUT, Code.DNS_SERVFAIL, Code.DNS_REFUSED}),
    "PRX-01": frozenset({Code.PROXY_UNREACHABLE, Code.PROXY_AUTH, Code.PROXY_WRONG_SCHEME, Code.TLS_UNTRUSTED}),
    "HTTPS-02": frozenset({Code.CLOCK_OFF}),
}
"""Requirement → findings that are about the resolver, the proxy or the host's clock, whichever host was asked for."""


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
        if isinstance(observation, Mapping):
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
        outcome = JUDGES[case.requirement](case, here, settings)
        foundation = _foundation(case, outcome)
        if foundation:
            return _verdict(case, notchecked(f"not evaluated: {foundation} failed"))
        return _verdict(case, outcome, _whereabouts(case, here))

    def _foundation(case: Case, outcome: Outcome) -> str | None:
        """The requirement whose failure explains all of this one's."""
        codes = {found.code for found in outcome.findings}
        for foundation, shared in FOUNDATIONS.items():
            if case.requirement in FOUNDATIONS or not codes or not codes <= shared:
                continue
            for other in cases:
                at_this_vantage = (other.requirement, other.vantage) == (foundation, case.vantage)
                if at_this_vantage and shared & {found.code for found in decide(other).findings}:
                    return foundation
        return None

    judged = [decide(case) for case in cases if case.vantage in evidence]
    unneeded = [waiver for waiver in settings.waivers if _is_unneeded(waiver, cases, verdicts)]
    return [_refuse_unneeded(verdict, unneeded) for verdict in judged]


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
    name = evidence.vantage.get("hostname") or "this host" if case.vantage == HERE else case.vantage
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


def _is_unneeded(waiver: Waiver, cases: Iterable[Case], verdicts: Mapping[Case, Verdict]) -> bool:
    """Does everything pass that the waiver is meant for? What was not looked at or not applicable may need it yet."""
    results = {verdicts[case].result if case in verdicts else None for case in cases if covers(waiver, case)}
    return Result.PASS in results and results <= {Result.PASS, Result.NOTAPPLICABLE}


def _refuse_unneeded(verdict: Verdict, unneeded: Iterable[Waiver]) -> Verdict:
    """An unneeded waiver must go, or it will hide the next failure. Until then the case that it names fails."""
    for waiver in unneeded:
        if verdict.result is Result.PASS and covers(waiver, verdict.case):
            why = (
                f"the waiver of {waiver.owner} (until {waiver.expires}) is no longer needed: remove it from the profile"
            )
            return replace(verdict, result=Result.FAIL, reason=why)
    return verdict
