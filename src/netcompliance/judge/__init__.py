"""The judge: observations in, verdicts out. Pure, so that verdicts can be had again from a saved journal.

Rules
* One judge per requirement (`judges`). A judge sees what one vantage saw, and decides about one case.
* One cause, one failure: a case whose prerequisite failed is not judged. Prerequisites are cases of the same
  vantage and the same target, else of the same host. One that is not applicable does not stand in the way.
* A resolver or proxy that serves nobody, or a wrong clock, is one cause too. It is found where it is asked for
  (FOUNDATIONS), and cases of other hosts that show nothing else are not evaluated.
* A waiver turns a failure into `waived` until it expires; one that nothing needs any more is a failure itself.
* What only a node does (pulling images) is not asked of a pod or a container (`identity` says what a vantage is).
* What was seen is a stranger's, and a verdict repeats of it: how long its texts are, and all of them together, has a
  bound, so that every verdict can be written down; so have all verdicts on one vantage, since those of many are held.
* A vantage that was never visited gets no verdicts at all: that is an error of the run, not of the network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import accumulate

from netcompliance.catalogue import CONDITIONS, covers
from netcompliance.findings import Code
from netcompliance.judge import (
    allow_list,
    chart,
    dns,
    endpoint,
    https,
    layers,
    lookups,
    mirror,
    outbound,
    proxy,
    proxyvars,
    receiver,
    registry,
    shares,
    watch,
)
from netcompliance.judge.evidence import AGENTS_EYES, CURRENT, Evidence, Outcome, notapplicable, notchecked
from netcompliance.judge.identity import identity, kind_of
from netcompliance.judge.judges import Index, Judge, table
from netcompliance.judge.looks import unlooked
from netcompliance.judge.shell_gaps import by_shell
from netcompliance.model import (
    HERE,
    AskedFrom,
    Case,
    Finding,
    Kind,
    Observation,
    Requirement,
    Result,
    Settings,
    Verdict,
    Waiver,
)

__all__ = ["SHARED", "are_too_large", "belongs", "identity", "index", "judge", "judge_vantage", "settle"]

_MODULES = (
    allow_list, chart, dns, endpoint, https, layers, lookups, mirror, outbound, proxy, proxyvars, receiver, registry,
    shares, watch,
)  # fmt: skip
JUDGES: Mapping[str, Judge] = table(_MODULES)
"""Requirement → its judge, wherever it stands in these modules."""

SHARED = ("public-dns", "chart")
"""The kinds of observations that the workstation makes for every vantage."""

PULLED_BY_THE_NODE = "images are pulled by the node"
NO_NODE = (
    "images are pulled by the node, and no node was asked: name one with --hosts, or this machine with --hosts=local"
)

FINDINGS = 1000
"""Findings of one verdict that are listed,"""
FINDINGS_SIZE = 1 << 19
"""and bytes of JSON that they have at most: a journal holds eight times as much in a line."""
TEXT = 1 << 14
"""Characters of what a verdict says in one text: what was seen, why."""
PART = 1 << 12
"""Characters of each text of a finding."""

OBJECT, WORDS = 64, 400
"""Bytes of memory of a finding, and of an empty text; and of the words of a finding."""
VERDICTS_SIZE = 7 << 18
"""Bytes of memory that the verdicts on one vantage may take: four times what 512 addresses make of them none of which
answers, and none of which is approved."""

HARDLY_SEEN = frozenset({"HTTPS-05"})
"""Requirements that a shell can see to fail and not to hold: what rests on them is judged there all the same."""

OPEN_DOORS = (Result.PASS, Result.NOTAPPLICABLE, Result.WAIVED)
"""Verdicts of a prerequisite behind which one can go on."""

FOUNDATIONS: Mapping[str, frozenset[Code]] = {
    "DNS-01": frozenset(
        {
            Code.DNS_TIMEOUT,
            Code.DNS_SERVFAIL,
            Code.DNS_REFUSED,
            Code.DNS_NO_OUTSIDE,
            Code.DNS_EDNS_REFUSED,
            Code.DNS_AGENT_CANNOT_RESOLVE,
            Code.DNS_RESOLVER_CONFIG,
            Code.DNS_SLOW,
            Code.HOST_NO_ROUTE,
        }
    ),
    "PRX-01": frozenset(
        {
            Code.PROXY_UNREACHABLE,
            Code.PROXY_AUTH,
            Code.PROXY_AUTH_SCHEME,
            Code.PROXY_CREDENTIALS,
            Code.PROXY_MISREAD,
            Code.PROXY_NOT_A_PROXY,
            Code.PROXY_NO_WAY_OUT,
            Code.PROXY_SLOW,
            Code.PROXY_WRONG_SCHEME,
            Code.HTTP_MALFORMED,
            Code.TLS_UNTRUSTED,
            Code.TLS_EXPIRED,
            Code.TLS_NOT_YET_VALID,
            Code.TLS_WRONG_NAME,
            Code.TLS_CERTIFICATE_REFUSED,
        }
    ),
    "HTTPS-01": frozenset({Code.HOST_NO_ROUTE}),
    "HTTPS-02": frozenset({Code.CLOCK_OFF}),
}
"""Requirement → findings that are about the resolver, the proxy, the host's routes or its clock, whichever host was
asked for."""


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
    return settle(needed, [judged[case] for case in cases if case in judged], cases, settings)


def judge_vantage(
    requirements: Mapping[str, Requirement],
    cases: Sequence[Case],
    observations: Sequence[Observation],
    public: Sequence[Observation],
    settings: Settings,
    today: date,
    *,
    version: int = CURRENT,
) -> dict[Case, Verdict]:
    """Verdicts for the cases of one vantage; none if it was not visited.

    `public` is what the workstation saw for everybody, `version` that of the catalogue for which it was looked.
    `settle` has to follow once all vantages are judged.
    """
    if not any(seen.get("kind") == "probe" for seen in observations if isinstance(seen, Mapping)):
        return {}
    elsewhere = [seen for seen in public if seen not in observations]
    at_vantage = _Vantage(requirements, cases, Evidence([*observations, *elsewhere], version), settings, today)
    return {case: at_vantage.verdict(case) for case in cases}


def settle(
    requirements: Mapping[str, Requirement],
    verdicts: Sequence[Verdict],
    cases: Iterable[Case],
    settings: Settings,
    *,
    version: int = CURRENT,
) -> list[Verdict]:
    """The same verdicts, after what only shows once all vantages are judged.

    A case fails that passes although a waiver is there for it. What a node does, and was asked of pods alone, was asked
    of nobody: it is not checked.
    """
    by_case = {verdict.case: verdict for verdict in verdicts} if settings.waivers else {}
    unneeded = [waiver for waiver in settings.waivers if _is_unneeded(waiver, cases, by_case)]
    settled = [_refuse_unneeded(verdict, unneeded) for verdict in verdicts]
    unasked = _asked_of_no_node(requirements, settled) if version >= AGENTS_EYES else set()
    return [
        replace(verdict, result=Result.NOTCHECKED, reason=NO_NODE) if verdict.case.requirement in unasked else verdict
        for verdict in settled
    ]


def are_too_large(verdicts: Iterable[Verdict]) -> bool:
    """Whether these, which are all on one vantage, take more memory than they may."""
    return sum(map(_weight, verdicts)) > VERDICTS_SIZE


def belongs(seen: Observation, case: Case) -> bool:
    """Whether the observation, made at the case's vantage, is one that the case is judged by."""
    judge = JUDGES.get(case.requirement)
    return judge is not None and judge.judges_by(seen, case)


def index(cases: Iterable[Case]) -> Index:
    """These cases, found by the observations that belong to them."""
    return Index(JUDGES, cases)


def _asked_of_no_node(requirements: Mapping[str, Requirement], verdicts: Iterable[Verdict]) -> set[str]:
    """The requirements of nodes that no verdict of a node stands behind."""
    asked: dict[str, bool] = {}
    for verdict in verdicts:
        if requirements[verdict.case.requirement].asked_from is AskedFrom.NODE:
            of_pod = verdict.result is Result.NOTAPPLICABLE and verdict.reason.startswith(PULLED_BY_THE_NODE)
            asked[verdict.case.requirement] = asked.get(verdict.case.requirement, False) or not of_pod
    return {requirement for requirement, by_a_node in asked.items() if not by_a_node}


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

    def verdict(self, case: Case) -> Verdict:
        """The verdict on a case. What passed, and was not looked at as it always is, is not checked."""
        decided = self.decide(case)
        missing = unlooked(case, self._evidence, self._settings) if decided.result is Result.PASS else ""
        return _verdict(case, self._with_exhaustion(notchecked(missing))) if missing else decided

    def decide(self, case: Case) -> Verdict:
        """What was decided by what there is, once."""
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
            return _verdict(case, notapplicable(f"{PULLED_BY_THE_NODE}, and this is a {kind}: ask the node"))
        for needed in requirement.requires:
            for prerequisite in self._prerequisites(case, needed):
                if needed in HARDLY_SEEN and self._evidence.by_shell and self._unseen(prerequisite):
                    continue
                if self.decide(prerequisite).result not in OPEN_DOORS:
                    return _verdict(case, notchecked(f"not evaluated: {_root(self.decide(prerequisite))}"))
        judge = JUDGES[case.requirement]
        outcome = judge(case, self._evidence, self._settings)
        foundation = self._foundation(case, outcome)
        if foundation:
            return _verdict(case, notchecked(f"not evaluated: {foundation} failed"))
        if outcome.result is Result.NOTCHECKED and self._evidence.by_shell:
            outcome = replace(outcome, reason=f"{outcome.reason}; {by_shell(judge.unseen, self._evidence)}")
        return _verdict(case, self._with_exhaustion(outcome), _whereabouts(case, self._evidence))

    def _with_exhaustion(self, outcome: Outcome) -> Outcome:
        """The outcome, with the reason that this host itself gave for it."""
        if outcome.result is Result.NOTCHECKED and self._evidence.exhausted and self._evidence.agents_eyes:
            return replace(outcome, reason=f"{outcome.reason}; this host ran out of {self._evidence.exhausted}")
        return outcome

    def _unseen(self, prerequisite: Case) -> bool:
        return self.decide(prerequisite).result is Result.NOTCHECKED and not self.decide(
            prerequisite
        ).reason.startswith("not evaluated: ")

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
    name = evidence.vantage.hostname or "this host" if case.vantage == HERE else case.vantage
    address = evidence.vantage.source_address or evidence.vantage.source_address6
    return {
        "host": case.host,
        "vantage": name,
        "source": f"{name} ({address})" if address else name,
        "otherwise": proxyvars.remedy(evidence.route(case.host)),
    }


_Alike = dict[tuple[tuple[str, str], ...], Mapping[str, str]]


def _verdict(case: Case, outcome: Outcome, words: Mapping[str, str] | None = None) -> Verdict:
    alike: _Alike = {}
    return Verdict(
        case=case,
        result=outcome.result,
        findings=_folded([_cut(found, words or {}, alike) for found in outcome.findings]),
        saw=_shortened(outcome.saw, TEXT),
        reason=_shortened(outcome.reason, TEXT),
        reproduce=outcome.reproduce if len(outcome.reproduce) <= TEXT else "",
    )


def _folded(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """The first so many findings, and one for all others, with their number and a digest of them."""
    sizes = accumulate(_size(each) for each in found[:FINDINGS])
    listed = sum(size <= FINDINGS_SIZE for size in sizes)
    rest = found[listed:]
    if not rest:
        return tuple(found)
    digest = hashlib.sha256("\n".join(f"{f.code} {f.subject}" for f in rest).encode()).hexdigest()
    more = f"and {len(rest)} more"
    return (*found[:listed], replace(rest[0], subject=more, detail=f"{more} (SHA-256 of their list {digest})"))


def _cut(found: Finding, words: Mapping[str, str], alike: _Alike) -> Finding:
    """The finding with the words that every remedy has, and without what is too long of its texts. Findings with the
    same words share them: `alike`."""
    given = {name: _shortened(value, PART) for name, value in {**words, **found.values}.items()}
    values = alike.setdefault(tuple(given.items()), given)
    return replace(found, subject=_shortened(found.subject, PART), detail=_shortened(found.detail, PART), values=values)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _size(found: Finding) -> int:
    """Bytes of its texts, as they are written."""
    return len(json.dumps([found.subject, found.detail, found.values], ensure_ascii=False).encode("utf-8", "replace"))


def _weight(verdict: Verdict) -> int:
    """Bytes of memory, roughly and at most. Words that findings share are there once."""
    words = {id(found.values): found.values for found in verdict.findings}.values()
    texts = [verdict.saw, verdict.reason, verdict.reproduce, *(text for each in words for text in each.values())]
    texts += [text for found in verdict.findings for text in (found.subject, found.detail)]
    held = sum(len(text) * _width(text) for text in texts)
    return held + OBJECT * (len(texts) + len(verdict.findings)) + WORDS * len(words)


def _width(text: str) -> int:
    """Bytes of memory of a character: the widest decides."""
    widest = ord(max(text, default="a"))
    return 1 if widest < 1 << 8 else 2 if widest < 1 << 16 else 4


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
