"""Who wrote this HTTP answer: the receiver, or somebody else?

Theory. A status proves nothing: firewalls answer 401 and 403, portals and the web UI answer 200, and the agent
takes every status below 400 for success. What only the receiver does is to answer *its own paths* in its own way:
without a key it says 401 or 403 in something that is not a web page, while a random sibling path, which it does not
own, is answered differently (usually by the web UI). Whoever gives both paths the same refusal is not looking at
paths, so it is a device on the way.

The tables of marks name the usual devices; they refine the finding and are never needed to see that something is wrong.
"""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.judge.evidence import duration, error_name, error_text, finding, header, raw, seconds
from netcompliance.model import Finding, Observation

REFUSALS = (401, 403)
REDIRECTS = (301, 302, 303, 307, 308)
SERVICE_DOMAINS = ("stackstate.io", "stackstate.com", "suse.com", "suse.io")


def _any_of(*patterns: str) -> re.Pattern[bytes]:
    return re.compile("|".join(patterns).encode(), re.IGNORECASE)


PORTAL_MARKS = _any_of(
    "wispaccessgatewayparam",
    "captive[ -]?portal",
    "hotspot",
    "guest (?:wi-?fi|network|access)",
    "log ?in to (?:the )?(?:network|internet|wi-?fi)",
    "network (?:login|authentication|access agreement)",
    "accept (?:the )?terms",
    "walled garden",
)
BLOCK_MARKS = _any_of(
    "block(?:ed|page)",
    "access (?:has been |was |is )?(?:denied|blocked|restricted)",
    "(?:web|url|content) ?filter",
    "(?:security|company|corporate) polic",
    "acceptable use",
    "violat",
    "(?:web|url|site) categor|category:",
    "(?:incident|support) id",
    "zscaler|forti(?:guard|net|gate)|palo ?alto|globalprotect|blue ?coat|symantec|forcepoint|websense|mcafee|skyhigh",
    "trellix|netskope|umbrella|opendns|sophos|check ?point|barracuda|squid|watchguard|sonicwall|cisco|proxysg|iboss",
)
UI_MARKS = _any_of(
    "<title>[^<]{0,80}(?:stackstate|suse observability)",
    "<div id=[\"']?(?:root|app)[\"']?",
    "<app-root",
    "/static/js/",
    "type=[\"']module[\"']",
)
PROXY_HEADERS = (
    "x-squid-error",
    "proxy-status",
    "x-zscaler",
    "x-bluecoat-via",
    "x-cache-lookup",
    "proxy-authenticate",
)
HTML = re.compile(
    rb"^\s*(?:<!--.*?-->\s*)?<(?:!doctype|html|head|body|title|h1|script|meta|center|div|p)\b",
    re.IGNORECASE | re.DOTALL,
)
VOLATILE = re.compile(rb"[0-9a-f]{6,}|\d+|/[\w./%-]*", re.IGNORECASE)
"""Parts of a refusal that differ from request to request: ids, times, the path itself."""


def is_page(seen: Observation) -> bool:
    """Is the answer a web page, by its type or by its body?"""
    return "html" in header(seen, "content-type").lower() or bool(HTML.match(raw(seen, "body")))


def is_json_object(seen: Observation) -> bool:
    """Is the answer a JSON object? A body that was cut is taken by its type and first character."""
    body = raw(seen, "body").strip()
    if not seen.get("body_complete"):
        return body.startswith(b"{") and "json" in header(seen, "content-type").lower()
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def same_answer(one: Observation, other: Observation | None) -> bool:
    """Do two paths get the same answer, but for ids, times and the path itself?"""
    if other is None or one.get("status") != other.get("status"):
        return False
    if header(one, "content-type") != header(other, "content-type"):
        return False
    return VOLATILE.sub(b"", raw(one, "body")) == VOLATILE.sub(b"", raw(other, "body"))


def described(seen: Observation) -> str:
    """Status and type of an answer, in words."""
    kind = header(seen, "content-type").partition(";")[0].strip()
    body = raw(seen, "body")
    title = re.search(rb"<title[^>]*>\s*([^<]{1,80})", body, re.IGNORECASE)
    what = f" titled {title.group(1).decode('utf-8', 'replace').strip()!r}" if title else ""
    return f"status {seen.get('status')} {kind or 'without a type'}{what}"


def transport_trouble(seen: Observation, host: str) -> Finding | None:
    """A request that got no whole answer; `None` if it did."""
    name = error_name(seen)
    if name is None or (seen.get("status") is not None and name == "LIMIT"):
        return None
    subject = subject_of(seen, host)
    took, text = duration(seconds(seen)), error_text(seen) or str(name)
    request = f"{subject}: {seen.get('method')} {seen.get('path')}"
    if name in ("TIMEOUT", "ETIMEDOUT"):
        part = "no complete answer" if seen.get("status") or seen.get("received_bytes") else "no answer"
        return finding(Code.HTTP_STALLED, subject, f"{request} got {part} in {took}", host=host)
    return finding(
        Code.HTTP_CLOSED, subject, f"{request} ended after {took} without a usable answer ({text})", host=host
    )


def subject_of(seen: Observation, host: str) -> str:
    """The address that answered, or the way through the proxy."""
    return str(seen.get("address") or f"{host} through the proxy")


def trouble(seen: Observation, sibling: Observation | None, host: str) -> Finding | None:
    """Why this answer is not the receiver's; `None` if it is."""
    lost = transport_trouble(seen, host)
    if lost is not None:
        return lost
    subject = subject_of(seen, host)
    detail = f"{subject}: {seen.get('method')} {seen.get('path')} got {described(seen)}"
    code, values = _who(seen, sibling, host)
    return finding(code, subject, detail + values.pop("note", ""), host=host, **values) if code else None


def _who(seen: Observation, sibling: Observation | None, host: str) -> tuple[Code | None, dict[str, str]]:
    status = seen.get("status")
    if not isinstance(status, int):
        return Code.HTTP_NOT_RECEIVER, {}
    if status == 407 or header(seen, "proxy-authenticate"):
        return Code.HTTP_PROXY_AUTH, {}
    if status == 511:
        return Code.HTTP_CAPTIVE_PORTAL, {"location": subject_of(seen, host)}
    if status in REDIRECTS:
        return _redirect(seen, sibling, host)
    if is_page(seen):
        return _page(seen, sibling, host)
    if status == 429 or (status == 503 and header(seen, "retry-after")):
        return Code.HTTP_THROTTLED, {}
    if status >= 500:
        return Code.HTTP_SERVER_ERROR, {}
    if status in REFUSALS:
        return _refusal(seen, sibling)
    if status in (404, 410):
        return Code.HTTP_NOT_FOUND, {}
    if same_answer(seen, sibling):
        return Code.HTTP_NOT_RECEIVER, {"note": "; a random path gets the same"}
    if status < 300 and not is_json_object(seen):
        return Code.HTTP_NOT_RECEIVER, {}
    return None, {}


def _redirect(seen: Observation, sibling: Observation | None, host: str) -> tuple[Code, dict[str, str]]:
    location = header(seen, "location")
    values = {
        "location": location.partition("?")[0] or "nowhere",
        "note": f" to {location.partition('?')[0][:120]}",
    }
    try:
        target = (urlsplit(location).hostname or host).lower()
    except ValueError:
        target = ""
    own = target == host or target.endswith(tuple(f".{domain}" for domain in SERVICE_DOMAINS))
    everywhere = sibling is None or sibling.get("status") in REDIRECTS
    return (Code.HTTP_CAPTIVE_PORTAL if everywhere and not own else Code.HTTP_REDIRECTED), values


def _page(seen: Observation, sibling: Observation | None, host: str) -> tuple[Code, dict[str, str]]:
    """A web page is never the receiver's; its words say whose it is."""
    status, body = int(seen["status"]), raw(seen, "body")
    device = any(header(seen, name) for name in PROXY_HEADERS)
    if PORTAL_MARKS.search(body):
        return Code.HTTP_CAPTIVE_PORTAL, {"location": subject_of(seen, host)}
    if status == 429 or (status == 503 and header(seen, "retry-after")):
        return Code.HTTP_THROTTLED, {}
    if status >= 500:
        return Code.HTTP_SERVER_ERROR, {}
    if status == 200 and UI_MARKS.search(body) and not device:
        return Code.HTTP_WEB_UI, {}
    if status in REFUSALS or status == 451 or device or BLOCK_MARKS.search(body):
        return Code.HTTP_BLOCK_PAGE, {}
    if status in (404, 410):
        return Code.HTTP_NOT_FOUND, {}
    return Code.HTTP_NOT_RECEIVER, {}


def _refusal(seen: Observation, sibling: Observation | None) -> tuple[Code | None, dict[str, str]]:
    """401 or 403 without a page: the receiver's, unless everything is refused alike or a device signs it."""
    if any(header(seen, name) for name in PROXY_HEADERS) or BLOCK_MARKS.search(raw(seen, "body")):
        return Code.HTTP_BLOCK_PAGE, {}
    if "basic" in header(seen, "www-authenticate").lower():
        return Code.HTTP_NOT_RECEIVER, {"note": ", asking for a user name"}
    if same_answer(seen, sibling):
        return Code.HTTP_BLOCK_PAGE, {"note": "; a random path gets the same refusal"}
    return None, {}
