"""What one address answered to what the agent sends, and whose answers these are.

Theory. The probe sends the agent's own requests with a key that no tenant has. The receiver refuses that key in its own
way, and on its own paths only. So a refusal is compared with three others: what a random path next to the receiver's
gets by the same method, what the plain request to the receiver gets, and what the agent's other calls get. A device
that takes offence at one property of the request is found out by the variants, in each of which one is made neutral.

Rules
* Whoever takes data with that key passes nothing on.
* What serves one path may be another service than what serves the next; each may refuse in a way of its own. Calls of
  one family are served together, and refuse alike. Where a path is alone, only a valid key can prove more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from netcompliance.findings import Code
from netcompliance.judge.evidence import TENANT, Evidence, finding, listed
from netcompliance.judge.http_responder import (
    COMPLAINTS,
    REFUSALS,
    THE_RECEIVER,
    Author,
    alike,
    author,
    described,
    is_page,
    names,
    same_answer,
    subject_of,
    transport_trouble,
)
from netcompliance.model import DOCUMENTED_PATH, Finding
from netcompliance.observations import Http

FAMILIES = (("/intake", "/api/v1/series"), ("/api/v1/collector", "/api/v1/connections"))
"""Paths that one back end serves. The first family serves `/features`, too."""
ABOUT_THE_BODY = (400, 422)
"""What a service may say that reads a document before it asks who sent it."""

PROPERTIES: Mapping[str, str] = {
    "user-agent": "the agent's User-Agent",
    "query": "the API key in the URL",
    "key": "the header with the API key",
    "type": "the agent's Content-Type",
    "encoding": "Content-Encoding",
}
SHOWN = 60
"""Characters of the names in an answer that are shown."""
ALL_OF_THEM = "what the agent adds to a plain request (key, encoding, User-Agent)"
POSTS = "the method POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of one request: a finding, or why nothing can be said, or neither."""

    finding: Finding | None = None
    open: bool = False
    """Only a valid key can prove that this is the receiver's answer."""


FINE = Judged()
OPEN = Judged(open=True)


@dataclass(frozen=True)
class Answers:
    """Everything that one address, or the way through the proxy, answered over verified TLS."""

    evidence: Evidence
    host: str
    address: str | None
    seen: tuple[Http, ...] = field(default=())

    @cached_property
    def plain(self) -> Http | None:
        """What the plain request to the receiver got."""
        return self.one("receiver")

    def one(self, purpose: str) -> Http | None:
        """The first answer to a request of that purpose."""
        return next(iter(self.all(purpose)), None)

    def all(self, purpose: str) -> list[Http]:
        """The requests of that purpose."""
        return [seen for seen in self.seen if seen.purpose == purpose]

    def sibling(self, purpose: str, *, inside: bool = False) -> Http | None:
        """What a random path outside of the receiver's own got here, else anywhere; or `inside`, next to its paths."""
        everywhere = self.evidence.all(Http, task=TENANT, host=self.host, purpose=purpose, verified=True)
        found = [
            seen
            for seen in everywhere
            if seen.status is not None and (seen.path or "").startswith(DOCUMENTED_PATH) is inside
        ]
        here = [seen for seen in found if seen.address == self.address]
        return next(iter(here or found), None)

    @cached_property
    def key_accepted(self) -> bool:
        """Did it accept the key, and not just any?"""
        key, wrong = self.one("key"), self.one("wrong-key")
        return key is not None and accepts(key) and not (wrong is not None and accepts(wrong))

    @cached_property
    def refusals(self) -> list[Http]:
        """How the receiver refuses here, by requests that do not write."""
        asked = [self.plain, *self.all("agent"), self.one("wrong-key")]
        sibling = None if self.key_accepted else self.sibling("sibling")
        return [
            seen
            for seen in asked
            if seen is not None and seen.status in REFUSALS and author(seen, sibling, self.host).code is None
        ]

    @cached_property
    def plain_alone_refused(self) -> bool:
        """Does another than the receiver answer the plain request, and the receiver each GET of the agent's own? Then a
        device takes offence at the suite, which is nobody's trouble.

        The agent's own must differ from what the plain request, a random path and a POST to one get: a device that
        refuses everything in one way refuses the agent, too.
        """
        plain, posted, sibling = self.plain, self.sibling("post-sibling"), self.sibling("sibling")
        gets = self.all("agent")
        if plain is None or transport_trouble(plain, self.host) or posted is None or not gets:
            return False
        if author(plain, None if self.key_accepted else sibling, self.host).code is None:
            return False
        return all(
            get.status in REFUSALS
            and transport_trouble(get, self.host) is None
            and not alike(get, plain)
            and author(get, sibling, self.host).code is None
            and author(get, posted, self.host).code is None
            for get in gets
        )

    def culprits(self, seen: Http, *, certain: bool) -> tuple[str, Http | None]:
        """The property without which the request gets another answer, and that answer. Empty if none is known.

        `certain`: the answer is not the receiver's, whatever was asked. Else a request that carries the key in no place
        proves nothing: the receiver may say another thing about a wrong key than about none.
        """
        same = [v for v in self.all("variant") if (v.caller, v.method) == (seen.caller, seen.method)]
        others = {str(v.without): v for v in same}
        helps = {name: v for name, v in others.items() if self._helps(v, seen)}
        named = [name for name in PROPERTIES if name in helps and (certain or name != "key" or "query" in others)]
        single = [name for name in others if name != "plain"]
        if named and (len(named) < len(single) or len(single) == 1):
            return " and ".join(PROPERTIES[name] for name in named), helps[named[0]]
        if certain and not named and "plain" in helps:
            return ALL_OF_THEM, helps["plain"]
        return "", None

    def _helps(self, variant: Http, seen: Http) -> bool:
        if variant.status is None or alike(variant, seen):
            return False
        return any(alike(variant, refusal) for refusal in self.refusals) or (
            self.plain is not None and not self.plain_alone_refused and alike(variant, self.plain)
        )


def answers_of(evidence: Evidence, host: str, address: str | None) -> Answers:
    """What this address answered."""
    every = evidence.all(Http, task=TENANT, host=host, verified=True)
    return Answers(evidence, host, address, tuple(seen for seen in every if seen.address == address))


def accepts(seen: Http) -> bool:
    """Is it a yes, not a page?"""
    return 200 <= (seen.status or 0) < 300 and not is_page(seen)


def judged_get(seen: Http, answers: Answers) -> Judged:
    """A request of the agent's that does not write, to a path at which the plain one found the receiver."""
    lost = transport_trouble(seen, answers.host)
    if lost is not None:
        return _certain(seen, lost, answers)
    plain = answers.plain
    if plain is not None and alike(seen, plain):
        return FINE
    by = author(seen, None if answers.key_accepted else answers.sibling("sibling"), answers.host)
    if by.code is None and accepts(seen):
        by = Author(code=Code.HTTP_NOT_RECEIVER, note="; no such key exists")
    if by.code is not None:
        return _certain(seen, _finding(seen, by, answers), answers)
    blocked, _ = answers.culprits(seen, certain=False)
    if blocked:
        return Judged(finding=_blocked(seen, blocked, answers, certain=False))
    return OPEN if answers.evidence.by_shell else FINE


def judged_post(seen: Http, answers: Answers) -> Judged:
    """A payload of the agent's with a key that is not valid."""
    lost = transport_trouble(seen, answers.host)
    if lost is not None:
        return _certain(seen, lost, answers)
    status = seen.status
    sibling = None if answers.key_accepted else answers.sibling("post-sibling")
    by = _author_of_post(seen, sibling, answers.host)
    if by.code is not None:
        return _certain(seen, _finding(seen, by, answers), answers)
    if sibling is not None and same_answer(seen, sibling):
        return Judged(finding=_refused(seen, POSTS, "a POST to a random path gets the same", answers))
    if status in REFUSALS and any(alike(seen, refusal) for refusal in answers.refusals):
        return FINE
    blocked, _ = answers.culprits(seen, certain=False)
    if blocked:
        return Judged(finding=_blocked(seen, blocked, answers, certain=False))
    return _by_family(seen, answers)


def _author_of_post(seen: Http, sibling: Http | None, host: str) -> Author:
    status = seen.status
    if accepts(seen):
        return Author(code=Code.HTTP_NOT_RECEIVER, note=", for a key that no tenant has: it passes nothing on")
    if status in COMPLAINTS and status not in ABOUT_THE_BODY and not is_page(seen):
        return Author(code=Code.HTTP_NOT_RECEIVER, note="; the receiver takes this request")
    if status in REFUSALS and not is_page(seen) and sibling is not None and same_answer(seen, sibling):
        return THE_RECEIVER
    return author(seen, sibling if status not in ABOUT_THE_BODY else None, host)


def _by_family(seen: Http, answers: Answers) -> Judged:
    """An answer unlike the receiver's other refusals, by the company that it is in."""
    path = (seen.path or "").removeprefix(DOCUMENTED_PATH)
    family = next((each for each in FAMILIES if path in each), ())
    main = path in FAMILIES[0]
    inside = answers.sibling("post-sibling", inside=True)
    as_any_path = inside is not None and same_answer(seen, inside)
    asked = {other.path: other for other in reversed(answers.all("path"))}
    relatives = [asked.get(DOCUMENTED_PATH + other) for other in family if other != path]
    agreed = bool(relatives) and all(other is not None and alike(seen, other) for other in relatives)
    if as_any_path:
        return Judged(finding=_refused(seen, POSTS, "a POST to a random path next to it gets the same", answers))
    if seen.status in ABOUT_THE_BODY:
        return FINE if agreed else _unlike_relatives(seen, answers) if main else OPEN
    if answers.sibling("post-sibling") is None:
        return OPEN
    if not answers.refusals:
        others = [other for other in answers.all("path") if other.path != seen.path]
        return FINE if any(alike(seen, other) for other in others) else OPEN
    if not main and (agreed or not family):
        return OPEN
    return _unlike_relatives(seen, answers)


def _unlike_relatives(seen: Http, answers: Answers) -> Judged:
    why = f"to other calls the receiver says {form(answers.refusals[0])}" if answers.refusals else ""
    return Judged(finding=_refused(seen, f"POST {seen.path}", why, answers))


def _certain(seen: Http, found: Finding, answers: Answers) -> Judged:
    """An answer that is not the receiver's: is it so because of one property?"""
    blocked, _ = answers.culprits(seen, certain=True)
    return Judged(finding=_blocked(seen, blocked, answers, certain=True) if blocked else found)


def _blocked(seen: Http, blocked: str, answers: Answers, *, certain: bool) -> Finding:
    _, other = answers.culprits(seen, certain=certain)
    instead = f"it gets {form(other)}" if other else "it passes"
    what = _described(seen)
    subject = subject_of(seen, answers.host)
    request = f"{seen.method} {seen.path}"
    detail = f"{subject}: {request} as the agent sends it {what}; without {blocked} {instead}"
    return finding(Code.HTTP_REQUEST_BLOCKED, subject, detail, blocked=blocked)


def _described(seen: Http) -> str:
    return f"got {form(seen)}" if seen.status is not None else "got no answer"


def form(seen: Http) -> str:
    """An answer by what tells it from another of the same status: the names in its JSON object."""
    inside = names(seen)
    return described(seen) + (f" with {listed(inside, 3)[:SHOWN]}" if inside else "")


def _refused(seen: Http, blocked: str, why: str, answers: Answers) -> Finding:
    subject = subject_of(seen, answers.host)
    detail = f"{subject}: {seen.method} {seen.path} got {form(seen)}{f'; {why}' if why else ''}"
    return finding(Code.HTTP_REQUEST_BLOCKED, subject, detail, blocked=blocked)


def _finding(seen: Http, by: Author, answers: Answers) -> Finding:
    subject = subject_of(seen, answers.host)
    detail = f"{subject}: {seen.method} {seen.path} got {described(seen)}{by.note}"
    assert by.code is not None
    return finding(by.code, subject, detail, location=by.location or subject)
