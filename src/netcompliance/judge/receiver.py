"""RCV-01 … RCV-04 and CLK-01: is it the receiver that answers, on all its paths, with this key, in time, at which
time?"""

from __future__ import annotations

from statistics import median

from netcompliance.findings import Code
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
    seconds,
)
from netcompliance.judge.recognise import REFUSALS, described, is_page, subject_of, trouble
from netcompliance.judge.tls import CLOCK_TOLERANCE
from netcompliance.judge.transport import path_name, paths_to, unfinished
from netcompliance.model import DOCUMENTED_PATH, Case, Finding, Observation, Settings

SLOW = 2.0
"""Seconds until the first byte of a small answer."""


def _asked(evidence: Evidence, host: str, purpose: str) -> list[Observation]:
    """Requests of that purpose over verified TLS."""
    return [o for o in evidence.all("http", task=TENANT, host=host, purpose=purpose) if o.get("verified")]


def _sibling(evidence: Evidence, host: str, seen: Observation) -> Observation | None:
    """What a random path got from the same address, else from any. Not one under the receiver's own path: there the
    receiver refuses whatever it is asked."""
    siblings = [
        o
        for o in _asked(evidence, host, "sibling")
        if o.get("status") is not None and not o.get("path", "").startswith(DOCUMENTED_PATH)
    ]
    here = [o for o in siblings if o.get("address") == seen.get("address")]
    return next(iter(here or siblings), None)


def answers(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """RCV-01. A receiver too old to know `/features` answers 404 there, and must be known by its other paths."""
    asked = _asked(evidence, case.host, "receiver")
    if not asked:
        return notchecked("no request to the receiver came to an end")
    others_answer = _some_path_is_the_receivers(evidence, case.host)
    found: list[Finding] = []
    uncompared: list[str] = []
    for seen in asked:
        sibling = _sibling(evidence, case.host, seen)
        wrong = trouble(seen, sibling, case.host)
        old_receiver = wrong and wrong.code is Code.HTTP_NOT_FOUND and not is_page(seen) and others_answer
        if wrong and not old_receiver:
            found.append(wrong)
        elif sibling is None:
            uncompared.append(subject_of(seen, case.host))
    where = [seen.get("address") for seen in asked]
    unasked = [path for path in paths_to(evidence, TENANT, case.host) if path not in where]
    return decided(
        found,
        f"{listed(described(seen) for seen in asked)} at {listed(subject_of(seen, case.host) for seen in asked)}",
        f"curl -sSi https://{case.host}{DOCUMENTED_PATH}/features",
        missing=unfinished(unasked, "the request") or unfinished(uncompared, "the request for a random path"),
    )


def _some_path_is_the_receivers(evidence: Evidence, host: str) -> bool:
    """Does another documented path refuse a request without a key as the receiver does?"""
    return any(
        seen.get("status") in REFUSALS
        and (sibling := _sibling(evidence, host, seen)) is not None
        and trouble(seen, sibling, host) is None
        for seen in _asked(evidence, host, "path")
    )


def path_answers(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """RCV-02."""
    path = f"/{case.target.partition('/')[2]}"
    asked = [seen for seen in _asked(evidence, case.host, "path") if seen.get("path") == path]
    if not asked:
        return notchecked("the request did not come to an end")
    found = [f for seen in asked if (f := trouble(seen, _sibling(evidence, case.host, seen), case.host))]
    reproduce = f"curl -sSi -X POST -d '{{}}' https://{case.target}"
    return decided(found, listed(described(seen) for seen in asked), reproduce)


def accepts_the_key(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """RCV-03."""
    asked = _asked(evidence, case.host, "key")
    if not asked:
        return notchecked(
            "the request with the key was not made: no verified connection, or no key was found on the host"
        )
    found: list[Finding] = []
    unknown = [seen for seen in asked if seen.get("status") in (404, 410) and not is_page(seen)]
    for seen in [seen for seen in asked if seen not in unknown]:
        subject, status = subject_of(seen, case.host), seen.get("status")
        if status in REFUSALS and not is_page(seen):
            detail = f"{subject}: {seen.get('path')} answers {status} to this key"
            found.append(finding(Code.RECEIVER_KEY_REFUSED, subject, detail))
        elif status is None or not 200 <= status < 300 or is_page(seen):
            wrong = trouble(seen, _sibling(evidence, case.host, seen), case.host)
            detail = f"{subject}: {seen.get('path')} got {described(seen)}"
            found.append(wrong or finding(Code.HTTP_NOT_RECEIVER, subject, detail))
    return decided(
        found,
        f"{listed(described(seen) for seen in asked)} with the key",
        missing="this receiver has no call that checks a key without writing data" if unknown else "",
    )


def answers_in_time(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """RCV-04. The quickest of the requests to an address counts, so that one hiccup is no finding."""
    took: dict[str | None, list[float]] = {}
    for purpose in ("receiver", "sibling"):
        for seen in _asked(evidence, case.host, purpose):
            if "first_byte" in seen:
                took.setdefault(seen.get("address"), []).append(seconds(seen, "first_byte"))
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


def clock_is_right(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """CLK-01. By the `Date` of the receiver's answers, which have a resolution of one second."""
    offsets = [o for seen in _asked(evidence, case.host, "receiver") if (o := clock_offset(seen)) is not None]
    if not offsets:
        return notchecked("the receiver's answers carry no date")
    offset = median(offsets)
    side = "ahead of" if offset > 0 else "behind"
    saw = f"the host's clock is {abs(offset):.0f} s {side} the service's"
    found = [finding(Code.CLOCK_OFF, case.vantage, saw)] if abs(offset) > CLOCK_TOLERANCE else []
    return decided(found, saw, f"date -u; curl -sSI https://{case.host}/ | grep -i ^date")
