"""RCV-01 … RCV-04 and CLK-01: is it the receiver that answers, on all its paths, with this key, in time, at which
time?"""

from __future__ import annotations

from statistics import median

from netcompliance.findings import Code
from netcompliance.judge.answers import FINE, Answers, accepts, answers_of, form, judged_get, judged_post
from netcompliance.judge.certificates import CLOCK_TOLERANCE
from netcompliance.judge.commands import curl
from netcompliance.judge.differing import differing, kind_of, missing_repetition
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    clock_offset,
    decided,
    duration,
    finding,
    listed,
    notchecked,
)
from netcompliance.judge.hangs import missing_exchanges, request_trouble
from netcompliance.judge.http_responder import REFUSALS, alike, described, is_page, subject_of, trouble
from netcompliance.judge.judges import HANDSHAKES, judges, observed
from netcompliance.judge.transport import path_name, paths_to, unfinished
from netcompliance.model import DOCUMENTED_PATH, Case, Finding, Settings
from netcompliance.observations import Http

HANGING = (Code.HTTP_STALLED, Code.HTTP_CLOSED)
"""What a single request shows of a share that hangs."""
SLOW = 2.0
"""Seconds until the first byte of a small answer."""


def _asked(evidence: Evidence, host: str, purpose: str) -> list[Http]:
    """Requests of that purpose over verified TLS."""
    return [o for o in evidence.all(Http, task=TENANT, host=host, purpose=purpose) if o.verified]


def _sibling(evidence: Evidence, host: str, seen: Http) -> Http | None:
    """What a random path got from the same address, else from any. Not one under the receiver's own path: there the
    receiver refuses whatever it is asked."""
    siblings = [
        o
        for o in _asked(evidence, host, "sibling")
        if o.status is not None and not (o.path or "").startswith(DOCUMENTED_PATH)
    ]
    here = [o for o in siblings if o.address == seen.address]
    return next(iter(here or siblings), None)


@judges(
    "RCV-01",
    observes=[observed("http", purpose=("receiver", "sibling"), task="tenant"), observed("exchanges")],
    unseen=["http"],
)
def answers(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """RCV-01. A receiver too old to know `/features` answers 404 there, and must be known by its other paths. Where a
    device refuses the plain request alone, the agent's own count. What a single request got of a share that is answered
    by something else is told as that share."""
    asked = _asked(evidence, case.host, "receiver")
    if not asked:
        return notchecked("no request to the receiver came to an end")
    found: list[Finding] = []
    uncompared: list[str] = []
    unasked_for: list[str | None] = []
    for seen in asked:
        sibling = _sibling(evidence, case.host, seen)
        answers = answers_of(evidence, case.host, seen.address)
        guarded = answers.key_accepted and seen.status in REFUSALS
        wrong = trouble(seen, None if guarded else sibling, case.host)
        if wrong and wrong.code is Code.HTTP_NOT_FOUND and not is_page(seen) and _is_old_receiver(evidence, answers):
            wrong = None
        other = differing(evidence, case.host, seen.address)
        if other and kind_of(seen) in other.kinds:
            wrong = None
        theirs = [get for get in answers.all("agent") if not (other and kind_of(get) in other.kinds)]
        if answers.plain_alone_refused:
            wrong = None
            judged = [FINE]
        else:
            judged = [judged_get(get, answers) for get in theirs] if not wrong else []
        unknown = not judged or any(each.open for each in judged)
        unasked_for += [seen.address] if not wrong and evidence.agents_eyes and unknown else []
        wrong = wrong or next((each.finding for each in judged if each.finding), None)
        wrong = wrong or (other.finding if other else None)
        share = request_trouble(evidence, case.host, seen.address)
        if share and (wrong is None or wrong.code in HANGING):
            wrong = share
        if wrong:
            found.append(wrong)
        elif sibling is None and not guarded and not answers.plain_alone_refused:
            uncompared.append(subject_of(seen, case.host))
    where = [seen.address for seen in asked]
    unasked = [path for path in paths_to(evidence, TENANT, case.host) if path not in where]
    shown = [get for seen in asked for get in _telling(seen, answers_of(evidence, case.host, seen.address))]
    return decided(
        found,
        f"{listed(described(seen) for seen in shown)} at {listed(subject_of(seen, case.host) for seen in asked)}",
        f"{curl(evidence, case.host)} -sSi https://{case.host}{DOCUMENTED_PATH}/features",
        missing=unfinished(unasked, "the request")
        or unfinished(uncompared, "the request for a random path")
        or unfinished(unasked_for, "a look at the agent's own request")
        or missing_exchanges(evidence, case.host)
        or missing_repetition(evidence, case.host),
    )


def _telling(plain: Http, answers: Answers) -> list[Http]:
    """What is worth being told: the plain request's answer, unless a device refuses that one alone."""
    return answers.all("agent") if answers.plain_alone_refused else [plain]


def _is_old_receiver(evidence: Evidence, answers: Answers) -> bool:
    """Does another documented path refuse what is sent there as the receiver does, and not what is sent anywhere?"""
    if evidence.agents_eyes:
        return any(seen.status in REFUSALS and judged_post(seen, answers) == FINE for seen in answers.all("path"))
    host = answers.host
    return any(
        seen.status in REFUSALS
        and (sibling := _sibling(evidence, host, seen)) is not None
        and trouble(seen, sibling, host) is None
        for seen in _asked(evidence, host, "path")
    )


@judges(
    "RCV-02",
    observes=[observed("http", about=("host", "path"), purpose="path"), observed("http", purpose="sibling")],
    unseen=["http"],
)
def path_answers(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """RCV-02. At every address, by what the agent sends there."""
    path = f"/{case.target.partition('/')[2]}"
    asked = [seen for seen in _asked(evidence, case.host, "path") if seen.path == path]
    if not asked:
        return notchecked("the request did not come to an end")
    reproduce = f"{curl(evidence, case.host)} -sSi -X POST -d '{{}}' https://{case.target}"
    saw = listed(described(seen) for seen in asked)
    if not evidence.agents_eyes:
        found = [f for seen in asked if (f := trouble(seen, _sibling(evidence, case.host, seen), case.host))]
        return decided(found, saw, reproduce)
    judged = [judged_post(seen, answers_of(evidence, case.host, seen.address)) for seen in asked]
    where = [seen.address for seen in asked]
    unasked = [each for each in paths_to(evidence, TENANT, case.host) if each not in where]
    unproved = [subject_of(seen, case.host) for seen, each in zip(asked, judged, strict=True) if each.open]
    why = f"refused in another way than other calls at {listed(sorted(unproved))}: only a valid API key can prove whose"
    return decided(
        [each.finding for each in judged if each.finding],
        saw,
        reproduce,
        missing=unfinished(unasked, "the request") or (f"{why} answer this is" if unproved else ""),
    )


@judges("RCV-03", observes=[observed("http", purpose="key")], unseen=["http"])
def accepts_the_key(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """RCV-03. At every address: one of them may be another tenant's, or stand behind a device."""
    asked = _asked(evidence, case.host, "key")
    if not asked:
        return notchecked(
            "the request with the key was not made: no verified connection, or no key was found on the host"
        )
    found: list[Finding] = []
    unknown = [seen for seen in asked if seen.status in (404, 410) and not is_page(seen)]
    accepted = [
        subject_of(seen, case.host) for seen in asked if answers_of(evidence, case.host, seen.address).key_accepted
    ]
    for seen in [seen for seen in asked if seen not in unknown]:
        answers = answers_of(evidence, case.host, seen.address)
        subject, status = subject_of(seen, case.host), seen.status
        if answers.key_accepted:
            continue
        wrong = trouble(seen, _sibling(evidence, case.host, seen), case.host)
        if wrong is None and status in REFUSALS:
            wrong = _refused_key(seen, answers, accepted)
        detail = f"{subject}: {seen.path} got {described(seen)}"
        if wrong is None and accepts(seen):
            detail += ", and so does a key that no tenant has"
        found.append(wrong or finding(Code.HTTP_NOT_RECEIVER, subject, detail))
    where = [seen.address for seen in asked]
    every = paths_to(evidence, TENANT, case.host) if evidence.agents_eyes else []
    unasked = unfinished([each for each in every if each not in where], "the request with the key")
    return decided(
        found,
        f"{listed(described(seen) for seen in asked)} with the key",
        missing="this receiver has no call that checks a key without writing data" if unknown else unasked,
    )


def _refused_key(seen: Http, answers: Answers, accepted: list[str]) -> Finding:
    """The key is wrong only if the receiver says so, in its own way, and says nothing else elsewhere."""
    subject, status = subject_of(seen, answers.host), seen.status
    answered = f"{subject}: {seen.path} answers {status} to this key"
    wrong = answers.one("wrong-key")
    if wrong is not None and wrong in answers.refusals and not alike(seen, wrong):
        detail = f"{answered} with {form(seen)}, and to a key that no tenant has with {form(wrong)}"
        return finding(Code.HTTP_BLOCK_PAGE, subject, f"{detail}: this is not the receiver's refusal")
    if accepted:
        detail = f"{answered}, which {listed(sorted(accepted))} accepted: another tenant's receiver"
        return finding(Code.HTTP_NOT_RECEIVER, subject, detail)
    return finding(Code.RECEIVER_KEY_REFUSED, subject, answered)


@judges("RCV-04", observes=[observed("http", purpose="receiver")], unseen=["http"])
def answers_in_time(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """RCV-04. The quickest of the requests to an address counts, so that one hiccup is no finding."""
    took: dict[str | None, list[float]] = {}
    for purpose in ("receiver", "sibling"):
        for seen in _asked(evidence, case.host, purpose):
            if seen.first_byte is not None:
                took.setdefault(seen.address, []).append(seen.first_byte or 0.0)
    if not took:
        return notchecked("no answer was timed")
    quickest = {path_name(address, case.host): min(times) for address, times in took.items()}
    found = [
        finding(Code.HTTP_SLOW, subject, f"{subject} took {duration(time)} to begin its answer")
        for subject, time in quickest.items()
        if time > SLOW
    ]
    untimed = [path for path in paths_to(evidence, TENANT, case.host) if path not in took]
    return decided(
        found,
        f"answers began within {duration(max(quickest.values()))}",
        missing=unfinished(untimed, "the answer"),
    )


@judges("CLK-01", observes=[observed("http", purpose="receiver"), HANDSHAKES], unseen=["http"])
def clock_is_right(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """CLK-01. By the `Date` of the receiver's answers, which have a resolution of one second."""
    offsets = [o for seen in _asked(evidence, case.host, "receiver") if (o := clock_offset(seen)) is not None]
    if not offsets:
        return notchecked("the receiver's answers carry no date")
    offset = median(offsets)
    side = "ahead of" if offset > 0 else "behind"
    saw = f"the host's clock is {abs(offset):.0f} s {side} the service's"
    found = [finding(Code.CLOCK_OFF, case.vantage, saw)] if abs(offset) > CLOCK_TOLERANCE else []
    return decided(found, saw, f"date -u; {curl(evidence, case.host)} -sSI https://{case.host}/ | grep -i ^date")
