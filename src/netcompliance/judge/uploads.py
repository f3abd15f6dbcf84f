"""HTTPS-06: does every size of payload that the agent sends get through, at every address, in time?

Theory. A payload is judged against the smallest one of the same kind to the same path: what that one gets as well is
not about size, and is judged as the path's (RCV-02). The smallest size that fails is told, since it tells the device.

Rules
* A standstill is one only if every try in full segments came to it. It is the path's MTU only if each try in small
  segments passed and each in full ones did not, two of each: one lost packet explains no more than one.
* Beside uploads that moved, a standstill proves nothing: they may have had all that the way carries.
* A refusal that came before the body had arrived proves nothing of its size, for the agent's is read to its end. Nor
  does it prove anything that the peer then reads no more.
* A shell does not see whether an upload stood still or was slow.
* An upload that was still moving when we ran out of time is a matter of rate. What it would have taken decides, but
  where that is about as long as the agent waits.
"""

from __future__ import annotations

from dataclasses import dataclass

from netcompliance.findings import Code
from netcompliance.judge.answers import answers_of, form
from netcompliance.judge.commands import curl
from netcompliance.judge.evidence import (
    AGENT_WAITS,
    TENANT,
    Evidence,
    Outcome,
    decided,
    error_name,
    error_of,
    error_text,
    finding,
    listed,
    notchecked,
    seconds,
)
from netcompliance.judge.http_responder import alike, author, transport_trouble
from netcompliance.judge.transport import BEFORE_TLS, TIMEOUTS, path_name, paths_to, unfinished
from netcompliance.model import DOCUMENTED_PATH, Case, Finding, Settings
from netcompliance.observations import Http

LARGEST = 2_500_000
"""Bytes: the largest payload that agents send."""
MOVING = 2.0
"""Seconds without an acknowledgement up to which an upload was still moving."""
DOUBT = 0.1
"""Share by which a rate that was measured for some seconds may be off."""
TRIES = 2
"""So many times, a size must pass in small segments and not in full ones."""
SMALL_PATH = f"{DOCUMENTED_PATH}/intake"


@dataclass(frozen=True, slots=True, kw_only=True)
class _At:
    """The payloads of one address."""

    host: str
    address: str | None
    small: Http | None
    uploads: tuple[Http, ...]
    in_small_segments: tuple[Http, ...]
    known: tuple[Http, ...]
    """Answers that are not about size: the small payload's, and the receiver's refusals."""

    @property
    def subject(self) -> str:
        return path_name(self.address, self.host)

    def sizes(self) -> list[int]:
        return sorted({_bytes(seen) for seen in self.uploads})

    def of(self, size: int) -> list[Http]:
        return [seen for seen in self.uploads if _bytes(seen) == size]

    def ran_out(self) -> list[Http]:
        """The last tries of what was never answered, if we ran out of time in them."""
        unanswered = [tries for size in self.sizes() if _answered(tries := self.of(size)) is None]
        return [tries[-1] for tries in unanswered if _ran_out(tries[-1])]


def large_requests_pass(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-06."""
    found: list[Finding] = []
    slow: list[str] = []
    close: list[str] = []
    missing: list[str | None] = []
    early: list[str | None] = []
    sizes: set[int] = set()
    for path in paths_to(evidence, TENANT, case.host):
        here = _payloads(evidence, case.host, path)
        failed = _smallest_failure(here)
        stalled = failed is not None and failed.code is Code.HTTP_STALLED and bool(here.uploads)
        if stalled and evidence.by_shell and here.small is not None and here.small.status is not None:
            missing.append(path)
            continue
        ran_out = here.ran_out()
        if failed is not None:
            found.append(failed)
        elif ran_out:
            rate = _rate(evidence, case.host)
            took = LARGEST * 8 / rate if rate else 0.0
            told = f"{here.subject}: {_bits(rate)}, so a body of {_kilo(LARGEST)} takes {took:.0f} s"
            if took > AGENT_WAITS * (1 + DOUBT):
                why = f"{told}, and the agent gives up after {AGENT_WAITS:.0f} s"
                found.append(finding(Code.HTTP_TOO_SLOW, here.subject, why))
            elif took > AGENT_WAITS * (1 - DOUBT):
                close.append(f"{told}, about as long as the agent waits")
            elif rate and _was_moving(ran_out[-1]):
                slow.append(told)
            else:
                missing.append(path)
        elif not any(seen.status is not None and _is_whole(seen) for seen in here.of(LARGEST)):
            (early if _answered(here.of(LARGEST)) else missing).append(path)
        sizes.update(here.sizes())
    if not sizes and not found:
        return notchecked("no large request came to an end")
    body, too_close = f"a request body of {_kilo(LARGEST)}", "; ".join(sorted(close))
    answered = f"request bodies of {listed(_kilo(size) for size in sorted(sizes))} were answered"
    return decided(
        found,
        "; ".join([answered, *sorted(slow)]),
        f"head -c {LARGEST} /dev/zero | {curl(evidence, case.host)} -sSi -X POST --data-binary @- https://{case.host}{SMALL_PATH}",
        missing=unfinished(missing, body) or _unread(early, body) or too_close,
    )


def runs_out_of_time(evidence: Evidence, host: str) -> bool:
    """Was an upload to this host still moving when its time was over?"""
    return any(_was_moving(seen) for seen in evidence.all(Http, task=TENANT, host=host, purpose="upload"))


def _payloads(evidence: Evidence, host: str, address: str | None) -> _At:
    asked = evidence.all(Http, task=TENANT, host=host, address=address, verified=True)
    uploads = [seen for seen in asked if seen.purpose == "upload" and error_of(seen).phase not in (*BEFORE_TLS, "tls")]
    small = next((seen for seen in asked if seen.purpose == "path" and seen.path == SMALL_PATH), None)
    refusals = answers_of(evidence, host, address).refusals
    return _At(
        host=host,
        address=address,
        small=small,
        known=(*((small,) if small else ()), *refusals),
        uploads=tuple(uploads),
        in_small_segments=tuple(seen for seen in asked if seen.purpose == "upload-small-mss"),
    )


def _bytes(seen: Http) -> int:
    return int(seen.sent_bytes or 0 if seen.request_bytes is None else seen.request_bytes)


def _bits(rate: float) -> str:
    return f"{rate / 1e6:.1f} Mbit/s" if rate >= 1e6 else f"{rate / 1e3:.0f} kbit/s"


def _kilo(size: int) -> str:
    """A size for people."""
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1_000_000:g} MB" if size >= 1_000_000 else f"{size / 1000:g} kB"


def _answered(tries: list[Http]) -> Http | None:
    return next((seen for seen in tries if seen.status is not None), None)


def _was_moving(seen: Http) -> bool:
    return _ran_out(seen) and (MOVING if seen.idle is None else seen.idle) < MOVING


def _stood_still(seen: Http) -> bool:
    return _ran_out(seen) and not _was_moving(seen) and not seen.shared_way


def _ran_out(seen: Http) -> bool:
    return seen.status is None and error_name(seen) in TIMEOUTS


def _smallest_failure(here: _At) -> Finding | None:
    if here.small is not None and here.small.status is None:
        lost = transport_trouble(here.small, here.host)
        if lost is None:
            return None
        detail = f"{here.subject}: not even a request body of {_kilo(_bytes(here.small))} was answered"
        return finding(lost.code, here.subject, f"{detail} ({error_text(here.small)})")
    before = _bytes(here.small) if here.small else 0
    for size in here.sizes():
        failed = _failure(here, size, before)
        if failed is not None:
            return failed
        before = size
    return None


def _failure(here: _At, size: int, before: int) -> Finding | None:
    """What is wrong with this size, if anything is. `before`: the largest that was answered."""
    tries = here.of(size)
    answered = _answered(tries)
    if answered is not None:
        return _other_answer(answered, here, before)
    last = tries[-1]
    if _ran_out(last) and (any(map(_was_moving, tries)) or not any(map(_stood_still, tries))):
        return None
    than = f"; one of {_kilo(before)} is answered" if before else ""
    subject, body = here.subject, f"a request body of {_kilo(size)}"
    if error_name(last) not in TIMEOUTS:
        why = error_text(last) or error_name(last) or "no answer"
        return finding(Code.HTTP_CLOSED, subject, f"{subject}: the connection is cut in {body} ({why}){than}")
    small = [seen for seen in here.in_small_segments if _bytes(seen) == size]
    if len(tries) >= TRIES <= len(small) and all(seen.status is not None for seen in small):
        detail = f"{subject}: {body} stalls {len(tries)} times; the same in segments of 536 bytes is answered each time"
        return finding(Code.PATH_MTU, subject, detail)
    return finding(Code.HTTP_STALLED, subject, f"{subject}: {body} stalls{than}")


def _unread(paths: list[str | None], body: str) -> str:
    """Why it is not known whether so much arrives; empty if nothing was refused early."""
    where = listed(path or "the proxy" for path in paths)
    key = "with an API key (STS_API_KEY) it is read to its end"
    return f"{body} was refused at {where} before it had arrived; {key}" if where else ""


def _is_whole(seen: Http) -> bool:
    """Has all of the body arrived?"""
    return error_of(seen).phase != "send" and _bytes(seen) <= _arrived(seen, _bytes(seen))


def _other_answer(seen: Http, here: _At, before: int) -> Finding | None:
    """An answer that neither a small request nor one of the receiver's gets. An early answer is an answer."""
    status = seen.status
    if any(alike(seen, other) for other in here.known):
        return None
    by = author(seen, None, here.host)
    code = Code.HTTP_BODY_LIMIT if status in (413, 414) or by.code is None else by.code
    if here.small is None and by.code is None and status not in (413, 414):
        return None
    of_small = f"; one of {_kilo(before)} gets {form(here.small)}" if here.small is not None else ""
    detail = f"{here.subject}: a request body of {_kilo(_bytes(seen))} got {form(seen)}{of_small}"
    return finding(code, here.subject, detail, location=here.subject)


def _rate(evidence: Evidence, host: str) -> float:
    """Bits per second: measured while nothing else was sent to the host, else of all that was under way together."""
    every = evidence.all(Http, task=TENANT, host=host, purpose="upload", verified=True)
    alone = [(each.alone_bytes or 0) * 8 / each.alone_seconds for each in every if each.alone_seconds]
    if alone:
        return max(alone)
    began = min((_began(each) for each in every if _ran_out(each)), default=0.0)
    together = [each for each in every if _ended(each) > began]
    span = max(map(_ended, together), default=0.0) - min(map(_began, together), default=0.0)
    return sum(map(_arrived, together)) * 8 / max(span, 0.1)


def _began(seen: Http) -> float:
    return seen.at or 0.0


def _ended(seen: Http) -> float:
    return _began(seen) + seconds(seen)


def _arrived(seen: Http, sent: int = 0) -> int:
    return max(0, int(sent if seen.sent_bytes is None else seen.sent_bytes) - int(seen.unacknowledged_bytes or 0))
