"""Who wrote this HTTP answer: the receiver, or somebody else?

Theory. A status proves nothing: firewalls answer 401 and 403, portals and the web UI answer 200, and the agent
takes every status below 400 for success. What only the receiver does is to answer *its own paths* in its own way:
without a key it says 401 or 403 in something that is not a web page, while a random sibling path, which it does not
own, is answered differently (usually by the web UI). Whoever gives both paths the same refusal is not looking at
paths, so it is a device on the way.

The tables of marks (`page_signatures`) name the usual devices; they refine a finding and are hardly ever needed to
see that something is wrong. What a device adds to answers that it passes on is no mark: the answer is still the
receiver's.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    Answered,
    decoded,
    duration,
    error_name,
    error_of,
    error_text,
    finding,
    header,
    seconds,
    waited,
)
from netcompliance.judge.page_signatures import BLOCK_WORDS, DEVICES, OWN_UI, PORTALS, SOME_UI
from netcompliance.judge.transport import BEFORE_TLS, TIMEOUTS, path_name
from netcompliance.model import Finding
from netcompliance.observations import Http

AT_ONCE = 0.5
"""Seconds. What takes less is not told in milliseconds, which differ from run to run."""
REFUSALS = (401, 403)
REDIRECTS = (301, 302, 303, 307, 308)
COMPLAINTS = (400, 405, 406, 411, 415, 422)
"""What a service may say to an empty document that it was sent. To a plain GET of its own path it would not."""
SERVICE_DOMAINS = (".stackstate.io", ".stackstate.com", ".suse.com", ".suse.io")

DEVICE_HEADERS = ("x-squid-error", "proxy-status", "x-zscaler", "x-bluecoat-via", "x-cache-lookup")
"""They say that a web page is a device's. Answers that are passed through may have them too, so they prove no more."""
MADE_BY_A_PROXY = "x-squid-error"
"""Only on answers that the proxy wrote itself."""

HTML = re.compile(
    rb"^\s*(?:<!--.*?-->\s*)?<(?:!doctype|html|head|body|title|h1|script|meta|center|div|p)\b",
    re.IGNORECASE | re.DOTALL,
)
WORD = re.compile(rb"/[\w./%-]*|[\w+=-]+")
VOLATILE = re.compile(rb"^/|\d|^[a-f]{6,}$", re.IGNORECASE)
"""Words of a refusal that differ from request to request: paths, times, ids and hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who answered, as a finding's code; none for the receiver."""

    code: Code | None
    note: str = ""
    """What gave it away, behind what was seen."""
    location: str = ""
    """Where a portal or redirect leads."""


THE_RECEIVER = Author(code=None)


def is_page(seen: Answered) -> bool:
    """Is the answer a web page, by its type or by its body?"""
    return "html" in header(seen, "content-type").lower() or bool(HTML.match(decoded(seen.body)))


def is_json_object(seen: Http) -> bool:
    """Is the answer a JSON object? A body that was cut is taken by its type and first character."""
    body = decoded(seen.body).strip()
    if not seen.body_complete:
        return body.startswith(b"{") and "json" in header(seen, "content-type").lower()
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def same_answer(one: Http, other: Http) -> bool:
    """Do two paths get the same answer, but for ids, times and the path itself?"""
    if one.status != other.status or header(one, "content-type") != header(other, "content-type"):
        return False
    return _lasting(one) == _lasting(other)


def alike(one: Http, other: Http) -> bool:
    """Are two answers of the same make: status, type, and the names in a JSON object or else the words?

    What a service says to one path and to another differs in words; who wrote it shows in the form.
    """
    if one.status != other.status or _media_type(one) != _media_type(other):
        return False
    ours, theirs = names(one), names(other)
    return _lasting(one) == _lasting(other) if ours is None or theirs is None else ours == theirs


def _media_type(seen: Answered) -> str:
    return header(seen, "content-type").partition(";")[0].strip().lower()


def names(seen: Http) -> list[str] | None:
    """The names in a JSON object, `None` if it is not one."""
    try:
        document = json.loads(decoded(seen.body))
    except (ValueError, RecursionError):
        return None
    return sorted(document) if isinstance(document, dict) else None


def _lasting(seen: Http) -> bytes:
    """The body without what differs from request to request."""
    body, path = decoded(seen.body), (seen.path or "").strip("/").encode()
    body = body.replace(path, b"") if path else body
    return WORD.sub(lambda word: b"" if VOLATILE.search(word[0]) else word[0], body)


def described(seen: Answered) -> str:
    """Status and type of an answer, in words."""
    kind = header(seen, "content-type").partition(";")[0].strip()
    title = re.search(rb"<title[^<>]{0,200}>\s{0,200}([^<]{1,80})", decoded(seen.body), re.IGNORECASE)
    what = f" titled {title.group(1).decode('utf-8', 'replace').strip()!r}" if title else ""
    where = f" to {_plain(header(seen, 'location'))}" if seen.status in REDIRECTS else ""
    return f"status {seen.status} {kind or 'without a type'}{what}{where}"


def _plain(location: str) -> str:
    """A redirect's target without its query, which may hold anything."""
    return location.partition("?")[0][:120] or "nowhere"


def transport_trouble(seen: Http, host: str) -> Finding | None:
    """A request that got no whole answer, or one that Go refuses; `None` if it got one."""
    name, why = error_name(seen), seen.go_refuses
    if why:
        subject = subject_of(seen, host)
        detail = f"{subject}: {seen.method} {seen.path} got {described(seen)}, which Go refuses: {why}"
        return finding(Code.HTTP_MALFORMED, subject, detail, why=why)
    if name is None or (seen.status is not None and name == "LIMIT"):
        return None
    subject = subject_of(seen, host)
    request = f"{subject}: {seen.method} {seen.path}"
    if error_of(seen).phase in (*BEFORE_TLS, "tls"):
        detail = f"{request} got no connection, though others opened ({error_text(seen) or name})"
        return finding(Code.HTTP_STALLED if name in TIMEOUTS else Code.HTTP_CLOSED, subject, detail)
    if name in TIMEOUTS:
        part = "no complete answer" if seen.status is not None else "no answer"
        return finding(Code.HTTP_STALLED, subject, f"{request} got {part} in {waited(seen)}")
    when = "at once" if seconds(seen) < AT_ONCE else f"after {duration(seconds(seen))}"
    ended = f"ended {when} without a usable answer ({error_text(seen) or name})"
    return finding(Code.HTTP_CLOSED, subject, f"{request} {ended}")


def subject_of(seen: Http, host: str) -> str:
    """The address that answered, or the way through the proxy."""
    return path_name(seen.address, host)


def trouble(seen: Http, sibling: Http | None, host: str) -> Finding | None:
    """Why this answer is not the receiver's; `None` if it is."""
    lost = transport_trouble(seen, host)
    if lost is not None:
        return lost
    by = author(seen, sibling, host)
    if by.code is None:
        return None
    subject = subject_of(seen, host)
    detail = f"{subject}: {seen.method} {seen.path} got {described(seen)}{by.note}"
    return finding(by.code, subject, detail, location=by.location or subject)


def author(seen: Http, sibling: Http | None, host: str) -> Author:
    """Who wrote the answer. Without a sibling to compare with, a refusal has the benefit of the doubt."""
    status = seen.status
    if status is None:
        return Author(code=Code.HTTP_NOT_RECEIVER)
    if status == 407 or header(seen, "proxy-authenticate"):
        return Author(code=Code.HTTP_PROXY_AUTH)
    if status == 511:
        return Author(code=Code.HTTP_CAPTIVE_PORTAL)
    if status in REDIRECTS:
        return _redirecting(seen, sibling, host)
    if is_page(seen):
        return _of_page(seen)
    if status == 429 or (status == 503 and header(seen, "retry-after")):
        return Author(code=Code.HTTP_THROTTLED)
    if status >= 500:
        return Author(code=Code.HTTP_SERVER_ERROR)
    if status == 451:
        return Author(code=Code.HTTP_BLOCK_PAGE)
    if status in REFUSALS:
        return _refusing(seen, sibling)
    if status in (404, 410):
        return Author(code=Code.HTTP_NOT_FOUND)
    if sibling is not None and same_answer(seen, sibling):
        return Author(code=Code.HTTP_NOT_RECEIVER, note="; a random path gets the same")
    if (status < 300 and is_json_object(seen)) or (status in COMPLAINTS and seen.method == "POST"):
        return THE_RECEIVER
    return Author(code=Code.HTTP_NOT_RECEIVER)


def _redirecting(seen: Http, sibling: Http | None, host: str) -> Author:
    """A portal sends everybody everywhere to its own place; a block list shows it in the place's name."""
    location = _plain(header(seen, "location"))
    try:
        target = (urlsplit(location).hostname or host).lower()
    except ValueError:
        target = ""
    own = target == host or target.endswith(SERVICE_DOMAINS)
    place = location.encode()
    if not own and not PORTALS.search(place) and (BLOCK_WORDS.search(place) or DEVICES.search(place)):
        return Author(code=Code.HTTP_BLOCK_PAGE, location=location)
    everywhere = sibling is None or sibling.status in REDIRECTS
    code = Code.HTTP_CAPTIVE_PORTAL if everywhere and not own else Code.HTTP_REDIRECTED
    return Author(code=code, location=location)


def _of_page(seen: Http) -> Author:
    """A web page is never the receiver's; its words say whose it is."""
    status, body = seen.status, decoded(seen.body)
    if PORTALS.search(body):
        return Author(code=Code.HTTP_CAPTIVE_PORTAL)
    if status == 429 or (status == 503 and header(seen, "retry-after")):
        return Author(code=Code.HTTP_THROTTLED)
    if (status or 0) >= 500:
        return Author(code=Code.HTTP_SERVER_ERROR)
    if status == 200 and OWN_UI.search(body):
        return Author(code=Code.HTTP_WEB_UI)
    device = any(header(seen, name) for name in DEVICE_HEADERS) or BLOCK_WORDS.search(body) or DEVICES.search(body)
    if device or status in REFUSALS or status == 451:
        return Author(code=Code.HTTP_BLOCK_PAGE)
    if status == 200 and SOME_UI.search(body):
        return Author(code=Code.HTTP_WEB_UI)
    return Author(code=Code.HTTP_NOT_FOUND if status in (404, 410) else Code.HTTP_NOT_RECEIVER)


def _refusing(seen: Http, sibling: Http | None) -> Author:
    """401 or 403 without a page: the receiver's, unless everything is refused alike or a device signs it.

    Words such as "access denied" convict nobody here: the receiver may use them.
    """
    if header(seen, MADE_BY_A_PROXY) or DEVICES.search(decoded(seen.body)):
        return Author(code=Code.HTTP_BLOCK_PAGE)
    if header(seen, "www-authenticate").lower().startswith("basic"):
        return Author(code=Code.HTTP_NOT_RECEIVER, note=", asking for a user name")
    if sibling is not None and same_answer(seen, sibling):
        return Author(code=Code.HTTP_BLOCK_PAGE, note="; a random path gets the same refusal")
    return THE_RECEIVER
