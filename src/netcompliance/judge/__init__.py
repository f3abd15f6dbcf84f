"""The judge: observations in, verdicts out. Pure, so that verdicts can be had again from a saved journal.

Rules
* One judge per requirement, in the table JUDGES. A judge sees what one vantage saw, and decides about one case.
* One cause, one failure: a case whose prerequisite failed is not judged. Prerequisites are cases of the same
  vantage and the same target, else of the same host. One that is not applicable does not stand in the way.
* A resolver or proxy that serves nobody, or a wrong clock, is one cause too. It is found where it is asked for
  (FOUNDATIONS), and cases of other hosts that show nothing else are not evaluated.
* A waiver turns a failure into `waived` until it expires; one that nothing needs any more is a failure itself.
* What only a node does (pulling images) is not asked of a pod or a container (`identity` says what a vantage is).
* A vantage that was never visited gets no verdicts at all: that is an error of the run, not of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from netcompliance.catalogue import CONDITIONS, covers
from netcompliance.findings import Code
from netcompliance.judge import (
    approval,
    chart,
    dns,
    endpoint,
    https,
    mirror,
    outbound,
    proxy,
    receiver,
    registry,
    watch,
)
from netcompliance.judge.evidence import Evidence, Outcome, notapplicable, notchecked
from netcompliance.judge.identity import identity, kind_of
from netcompliance.judge.unseen import by_shell
from netcompliance.model import HERE, AskedFrom, Case, Kind, Observation, Requirement, Result, Settings, Verdict, Waiver

__all__ = ["SHARED", "identity", "judge", "judge_vantage", "settle_waivers"]

Judge = Callable[[Case, Evidence, Settings], Outcome]

JUDGES: Mapping[str, Judge] = {
    "DNS-01": dns.resolves,
    "DNS-02": dns.is_the_tenants,
    "DNS-03": dns.nameservers_answer,
    "DNS-04": dns.agrees_with_the_public,
    "DNS-05": approval.allow_listed,
    "DNS-06": approval.allow_list_is_current,
    "DNS-07": approval.allow_list_is_narrow,
    "DNS-08": approval.others_allow_listed,
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
    "PRX-02": endpoint.proxy_reaches_every_part,
    "CLK-01": receiver.clock_is_right,
    "WATCH-01": watch.keeps_to_the_criteria,
}

SHARED = ("public-dns", "chart")
"""The kinds of observations that the workstation makes for every vantage."""

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
    needed = {requirement.id: requirement for requirement in requirements}
    seen: dict[str, list[Observation]] = {}
    for observation in observations:
        if isinstance(observation, Mapping):
            seen.setdefault(str(observation.get("vantage")), []).append(observation)
    public = [observation for observation in seen.get(HERE, ()) if observation.get("kind") in SHARED]
    judged: dict[Case, Verdict] = {}
    for vantage, those in seen.items():
        here = [case for case in cases if case.vantage == vantage]
        judged |= judge_vantage(needed, here, those, public, settings, today)
    return settle_waivers([judged[case] for case in cases if case in judged], cases, settings.waivers)


def judge_vantage(
    requirements: Mapping[str, Requirement],
    cases: Sequence[Case],
    observations: Sequence[Observation],
    public: Sequence[Observation],
    settings: Settings,
    today: date,
) -> dict[Case, Verdict]:
    """Verdicts for the cases of one vantage; none if it was not visited.

    `public` is what the workstation saw for everybody. `settle_waivers` has to follow once all vantages are judged.
    """
    if not any(seen.get("kind") == "probe" for seen in observations if isinstance(seen, Mapping)):
        return {}
    elsewhere = [seen for seen in public if seen not in observations]
    at_vantage = _Vantage(requirements, cases, Evidence([*observations, *elsewhere]), settings, today)
    return {case: at_vantage.decide(case) for case in cases}


def settle_waivers(verdicts: Sequence[Verdict], cases: Iterable[Case], waivers: Iterable[Waiver]) -> list[Verdict]:
    """The same verdicts, in which cases fail that pass although a waiver is there for them."""
    by_case = {verdict.case: verdict for verdict in verdicts} if waivers else {}
    unneeded = [waiver for waiver in waivers if _is_unneeded(waiver, cases, by_case)]
    return [_refuse_unneeded(verdict, unneeded) for verdict in verdicts]


class _Vantage:
    """The cases of one vantage, decided one after the other, prerequisites first."""

    def __init__(
        self,
        requirements: Mapping[str, Requirement],
        cases: Sequence[Case],
        evidence: Evidence,
        settings: Settings,
        today: date,
    ) -> None:
        self._requirements = requirements
        self._cases = cases
        self._evidence = evidence
        self._settings = settings
        self._today = today
        self._verdicts: dict[Case, Verdict] = {}

    def decide(self, case: Case) -> Verdict:
        """The verdict on a case, made once."""
        if case not in self._verdicts:
            self._verdicts[case] = _waive(self._judge(case), self._settings.waivers, self._today)
        return self._verdicts[case]

    def _judge(self, case: Case) -> Verdict:
        requirement = self._requirements[case.requirement]
        condition = CONDITIONS[requirement.when]
        if not condition.holds(self._settings):
            return _verdict(case, notapplicable(condition.otherwise))
        kind = kind_of(case.vantage, self._evidence.vantage, self._settings.vantage_kinds)
        if requirement.asked_from is AskedFrom.NODE and kind in (Kind.POD, Kind.CONTAINER):
            return _verdict(case, notapplicable(f"images are pulled by the node, and this is a {kind}: ask the node"))
        for needed in requirement.requires:
            for prerequisite in self._prerequisites(case, needed):
                if self.decide(prerequisite).result not in OPEN_DOORS:
                    return _verdict(case, notchecked(f"not evaluated: {_root(self.decide(prerequisite))}"))
        outcome = JUDGES[case.requirement](case, self._evidence, self._settings)
        foundation = self._foundation(case, outcome)
        if foundation:
            return _verdict(case, notchecked(f"not evaluated: {foundation} failed"))
        if outcome.result is Result.NOTCHECKED and self._evidence.by_shell:
            outcome = replace(outcome, reason=f"{outcome.reason}; {by_shell(case.requirement, self._evidence)}")
        return _verdict(case, outcome, _whereabouts(case, self._evidence))

    def _prerequisites(self, case: Case, needed: str) -> list[Case]:
        near = [c for c in self._cases if c.requirement == needed and c.host == case.host]
        return [c for c in near if c.target == case.target] or near

    def _foundation(self, case: Case, outcome: Outcome) -> str | None:
        """The requirement whose failure explains all of this one's."""
        codes = {found.code for found in outcome.findings}
        for foundation, shared in FOUNDATIONS.items():
            if case.requirement in FOUNDATIONS or not codes or not codes <= shared:
                continue
            for other in self._cases:
                is_foundation = other.requirement == foundation
                if is_foundation and shared & {found.code for found in self.decide(other).findings}:
                    return foundation
        return None


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
