"""The receiver told from portals, block pages, web UIs and everything else that answers."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from netcompliance.judge import connect
from netcompliance.judge.http_responder import author, described, is_json_object, is_page, same_answer, trouble
from netcompliance.observations import Error, Http, Proxy
from tests.unit.judge.records import ADDRESSES, BASE, HOST, REFUSAL, UI, error, http

FIRST = ADDRESSES[0]
FEATURES = f"{BASE}/features"
RANDOM = "/netcompliance-0a1b"
PORTAL = b"<html><body>Please log in to the network</body></html>"
BLOCKED = b"<html><h1>Web page blocked</h1>Category: newly seen</html>"
FORTINET = b"<html><title>Notice</title>FortiGuard Intrusion Prevention</html>"
UNKNOWN = b"<html><h1>It works</h1></html>"
SOME_APP = b"<!doctype html><title>App</title><div id=root></div><script type=module src=/x.js></script>"
BLOCKING_APP = b"<!doctype html><div id=root></div><p>Access denied by policy</p>"


def answer(status: int | None, body: bytes = b"", kind: str | None = None, **fields: Any) -> Http:
    """What the documented path gets."""
    page = body.lstrip().startswith(b"<")
    kind = kind if kind is not None else ("text/html" if page else "application/json")
    headers = [[name.replace("_", "-"), value] for name, value in fields.pop("headers", {}).items()]
    path = fields.pop("path", FEATURES)
    seen = Http.decode(http(FIRST, "receiver", path, status, body, kind_of_body=kind, more_headers=headers, **fields))
    assert seen is not None
    return seen


UI_SIBLING = answer(200, UI, path=RANDOM)


def refused_alike(body: bytes, other: bytes, status: int = 403, kind: str = "application/json") -> tuple[Http, Http]:
    return answer(status, body, kind), answer(status, other, kind, path=RANDOM)


RECEIVER = {
    "401": (answer(401, REFUSAL), UI_SIBLING),
    "403": (answer(403, REFUSAL), UI_SIBLING),
    "403 without a body": (answer(403, b"", ""), UI_SIBLING),
    "403 in plain words": (answer(403, b"Access denied", "text/plain"), UI_SIBLING),
    "403 that speaks of blocking": (answer(403, b'{"error":"API key blocked"}'), UI_SIBLING),
    "403 passed on by a proxy": (answer(403, REFUSAL, headers={"X_Cache_Lookup": "MISS"}), UI_SIBLING),
    "403 with another challenge": (answer(401, REFUSAL, headers={"WWW_Authenticate": "ApiKey"}), UI_SIBLING),
    "403, and another refusal elsewhere": refused_alike(REFUSAL, b'{"message":"not found"}'),
    "403, and the same words as another type elsewhere": (
        answer(403, REFUSAL),
        answer(403, REFUSAL, "text/plain", path=RANDOM),
    ),
    "403, and 401 elsewhere": (answer(403, REFUSAL), answer(401, REFUSAL, path=RANDOM)),
    "403, nothing to compare with": (answer(403, REFUSAL), None),
    "200 with features": (answer(200, b'{"features":{}}'), UI_SIBLING),
    "200 with features, cut": (answer(200, b'{"features":', body_complete=False), UI_SIBLING),
    "202 with an object": (answer(202, b"{}"), UI_SIBLING),
    **{
        f"{status} to a POST": (answer(status, b"{}", method="POST"), UI_SIBLING)
        for status in (400, 405, 406, 411, 415, 422)
    },
}


@pytest.mark.parametrize(("seen", "sibling"), RECEIVER.values(), ids=RECEIVER)
def test_the_receiver(seen: Http, sibling: Http | None) -> None:
    assert author(seen, sibling, HOST).code is None


STRANGERS = {
    "nothing": ("http.not-receiver", answer(None), UI_SIBLING),
    "the web UI": ("http.web-ui", answer(200, UI), UI_SIBLING),
    "the old web UI": ("http.web-ui", answer(200, b"<html><title>StackState</title>"), UI_SIBLING),
    "a web application": ("http.web-ui", answer(200, SOME_APP), UI_SIBLING),
    "a web application that blocks": ("http.block-page", answer(200, BLOCKING_APP), UI_SIBLING),
    "the web UI through a proxy": ("http.web-ui", answer(200, UI, headers={"X_Cache_Lookup": "HIT"}), None),
    "a web application of a device": ("http.block-page", answer(200, SOME_APP, headers={"X_Zscaler": "1"}), None),
    "an error page of the web UI": ("http.block-page", answer(403, UI), None),
    "a portal's page": ("http.captive-portal", answer(200, PORTAL), None),
    "a portal's page that refuses": ("http.captive-portal", answer(403, PORTAL), None),
    "a portal by its status": ("http.captive-portal", answer(511, b"{}"), UI_SIBLING),
    "a block page": ("http.block-page", answer(200, BLOCKED), None),
    "a block page that refuses": ("http.block-page", answer(403, BLOCKED), UI_SIBLING),
    "a block page in unknown words": ("http.block-page", answer(403, UNKNOWN), UI_SIBLING),
    "a block page for law's sake": ("http.block-page", answer(451, UNKNOWN), UI_SIBLING),
    "blocked for law's sake, without a page": ("http.block-page", answer(451, b"{}"), UI_SIBLING),
    "a page of a device by name": ("http.block-page", answer(200, FORTINET), None),
    "a page of a device by its header": ("http.block-page", answer(200, UNKNOWN, headers={"X_Squid_Error": "E"}), None),
    "a page of nobody known": ("http.not-receiver", answer(200, UNKNOWN), UI_SIBLING),
    "a page by its body alone": ("http.block-page", answer(403, UNKNOWN, "application/json"), UI_SIBLING),
    "a page by its type alone": ("http.block-page", answer(403, b"no", "text/html; charset=x"), UI_SIBLING),
    "no such page": ("http.not-found", answer(404, UNKNOWN), UI_SIBLING),
    "a page that is gone": ("http.not-found", answer(410, UNKNOWN), UI_SIBLING),
    "an error page": ("http.server-error", answer(502, UNKNOWN), UI_SIBLING),
    "an error page of a device": ("http.server-error", answer(503, BLOCKED), UI_SIBLING),
    "a page about too many requests": ("http.throttled", answer(429, UNKNOWN), UI_SIBLING),
    "a page that asks for patience": ("http.throttled", answer(503, UNKNOWN, headers={"Retry_After": "5"}), None),
    "too many requests": ("http.throttled", answer(429, b"{}"), UI_SIBLING),
    "patience": ("http.throttled", answer(503, b"{}", headers={"Retry_After": "5"}), UI_SIBLING),
    "a server's fault": ("http.server-error", answer(500, b"{}"), UI_SIBLING),
    "unavailable": ("http.server-error", answer(503, b"{}"), UI_SIBLING),
    "a proxy's login": ("http.proxy-auth", answer(407, b"{}"), UI_SIBLING),
    "a proxy's login by its header": ("http.proxy-auth", answer(401, b"", headers={"Proxy_Authenticate": "x"}), None),
    "no such path": ("http.not-found", answer(404, b"{}"), UI_SIBLING),
    "gone": ("http.not-found", answer(410, b"{}"), UI_SIBLING),
    "the same refusal everywhere": ("http.block-page", *refused_alike(REFUSAL, REFUSAL)),
    "the same refusal but for an id": (
        "http.block-page",
        *refused_alike(b'{"error":"denied","id":"aB3-9x"}', b'{"error":"denied","id":"Zq8-1y"}'),
    ),
    "the same refusal but for letters of a hash": (
        "http.block-page",
        *refused_alike(b"denied (deadbeef)", b"denied (cafebabe)", kind="text/plain"),
    ),
    "the same refusal but for the path": (
        "http.block-page",
        *refused_alike(f"no {FEATURES}".encode(), f"no {RANDOM}".encode(), 401, "text/plain"),
    ),
    "the same refusal but for the path without its slash": (
        "http.block-page",
        *refused_alike(f"no {FEATURES[1:]} here".encode(), f"no {RANDOM[1:]} here".encode(), kind="text/plain"),
    ),
    "a refusal signed by a device": ("http.block-page", answer(403, b'{"by":"Zscaler"}'), UI_SIBLING),
    "a refusal written by squid": ("http.block-page", answer(403, b"{}", headers={"X_Squid_Error": "E 0"}), UI_SIBLING),
    "a user name": ("http.not-receiver", answer(401, b"{}", headers={"WWW_Authenticate": "Basic realm=x"}), UI_SIBLING),
    "the same yes everywhere": ("http.not-receiver", answer(200, b"{}"), answer(200, b"{}", path=RANDOM)),
    "words": ("http.not-receiver", answer(200, b"ok", "text/plain"), UI_SIBLING),
    "a list": ("http.not-receiver", answer(200, b"[]"), UI_SIBLING),
    "an object that is cut and no JSON": (
        "http.not-receiver",
        answer(200, b"{", "text/plain", body_complete=False),
        None,
    ),
    "JSON that is cut and no object": ("http.not-receiver", answer(200, b"[1,", body_complete=False), None),
    "nested beyond reason": ("http.not-receiver", answer(200, b"[" * 100_000), UI_SIBLING),
    "a complaint about a GET": ("http.not-receiver", answer(400, b"{}"), UI_SIBLING),
    "an unlikely complaint": ("http.not-receiver", answer(418, b"{}", method="POST"), UI_SIBLING),
    "not modified": ("http.not-receiver", answer(304), UI_SIBLING),
    "several choices": ("http.not-receiver", answer(300, b"{}"), UI_SIBLING),
    "switching": ("http.not-receiver", answer(101, b""), UI_SIBLING),
}


@pytest.mark.parametrize(("code", "seen", "sibling"), STRANGERS.values(), ids=STRANGERS)
def test_strangers(code: str, seen: Http, sibling: Http | None) -> None:
    assert str(author(seen, sibling, HOST).code) == code


def redirect(location: str, status: int = 302, sibling_status: int | None = 302) -> tuple[Http, Http | None]:
    seen = answer(status, b"", "", headers={"Location": location})
    return seen, None if sibling_status is None else answer(sibling_status, UI, path=RANDOM)


REDIRECTS = {
    "everything to somewhere else": ("http.captive-portal", *redirect("http://10.0.0.1/login?u=x")),
    "everything, as far as one knows": ("http.captive-portal", *redirect("https://x.example/", sibling_status=None)),
    "this path alone to somewhere else": ("http.redirected", *redirect("https://x.example/", sibling_status=200)),
    "to the same host": ("http.redirected", *redirect(f"https://{HOST}/login")),
    "to the same host in capitals": ("http.redirected", *redirect(f"https://{HOST.upper()}/login")),
    "to a relative place": ("http.redirected", *redirect("/login")),
    "to nowhere": ("http.redirected", *redirect("")),
    "to the service's other names": ("http.redirected", *redirect("https://eu.stackstate.io/")),
    "to a name that only ends like the service's": ("http.captive-portal", *redirect("https://evilstackstate.io/")),
    "to no URL": ("http.captive-portal", *redirect("https://[::1/")),
    "to a block page": ("http.block-page", *redirect("https://block.corp.example/?u=x")),
    "to a device's page": ("http.block-page", *redirect("https://gateway.zscaler.net/denied")),
    "to a portal's page with a device's name": ("http.captive-portal", *redirect("https://hotspot.fortigate.example/")),
    "to a page of its own host that blocks": ("http.redirected", *redirect(f"https://{HOST}/blocked")),
    **{
        f"by {status}": ("http.captive-portal", *redirect("http://p.example/", status))
        for status in (301, 303, 307, 308)
    },
}


@pytest.mark.parametrize(("code", "seen", "sibling"), REDIRECTS.values(), ids=REDIRECTS)
def test_redirects(code: str, seen: Http, sibling: Http | None) -> None:
    assert str(author(seen, sibling, HOST).code) == code


@pytest.mark.parametrize(
    "page",
    [
        b'<a href="http://x/?WISPAccessGatewayParam">',
        b"<h1>Captive-Portal</h1>",
        b"<h1>HotSpot</h1>",
        b"<h1>Guest WiFi</h1>",
        b"<h1>Guest network</h1>",
        b"<h1>Login to Internet</h1>",
        b"<h1>Network Authentication</h1>",
        b"<h1>Accept the terms</h1>",
        b"<h1>Walled garden</h1>",
    ],
)
def test_portals_are_known_by_their_words(page: bytes) -> None:
    assert str(author(answer(200, page), None, HOST).code) == "http.captive-portal"


@pytest.mark.parametrize(
    "page",
    [
        b"<h1>Blocked</h1>",
        b"<a href=/blockpage.cgi>",
        b"<h1>Access has been denied</h1>",
        b"<h1>URL filtering</h1>",
        b"<h1>Security policy</h1>",
        b"<h1>Acceptable Use</h1>",
        b"<h1>violates</h1>",
        b"<h1>URL category</h1>",
        b"<h1>Support ID: 1</h1>",
        b"<h1>Palo Alto</h1>",
        b"<h1>Netskope</h1>",
        b"<h1>Cisco Umbrella</h1>",
        b"<i>Generated by squid</i>",
    ],
)
def test_block_pages_are_known_by_their_words(page: bytes) -> None:
    assert str(author(answer(200, page), None, HOST).code) == "http.block-page"


AGENT = "; the agent waits 20 s"
LOST = {
    "a time-out": ("http.stalled", answer(None, error=error("TIMEOUT", "head")), f"got no answer in 50 ms{AGENT}"),
    "the system's": ("http.stalled", answer(None, error=error("ETIMEDOUT", "head")), f"got no answer in 50 ms{AGENT}"),
    "half an answer": (
        "http.stalled",
        answer(403, error=error("TIMEOUT", "head")),
        f"got no complete answer in 50 ms{AGENT}",
    ),
    "cut": ("http.closed", answer(None, error=error("ECONNRESET", "head")), "(error) ([ECONNRESET])"),
    "cut in the body": ("http.closed", answer(403, error=error("EOF", "head")), "(error) ([EOF])"),
    "no HTTP": ("http.closed", answer(None, error={"name": "PROTOCOL"}), "(error) (PROTOCOL)"),
    "a head without end": ("http.closed", answer(None, error=error("LIMIT", "head")), "(error) ([LIMIT])"),
    "no connection": (
        "http.stalled",
        answer(None, error=error("TIMEOUT", "tcp")),
        "got no connection, though others opened ([TIMEOUT])",
    ),
    "no handshake": (
        "http.closed",
        answer(None, error=error("ECONNRESET", "tls")),
        "got no connection, though others opened ([ECONNRESET])",
    ),
}


@pytest.mark.parametrize(("code", "seen", "words"), LOST.values(), ids=LOST)
def test_answers_that_did_not_arrive(code: str, seen: Http, words: str) -> None:
    found = trouble(seen, UI_SIBLING, HOST)
    assert found is not None
    words = words.replace("(error)", "ended at once without a usable answer")
    assert (str(found.code), found.detail) == (code, f"{FIRST}: GET {FEATURES} {words}")


def test_a_body_without_end_is_judged_by_its_beginning() -> None:
    page = trouble(answer(200, BLOCKED, error=error("LIMIT")), UI_SIBLING, HOST)
    assert page is not None
    assert str(page.code) == "http.block-page"


def test_who_did_not_answer_is_the_subject() -> None:
    for seen in (answer(None, error=error("TIMEOUT")), answer(None, error=error("EOF", "tls"))):
        found = trouble(seen, UI_SIBLING, HOST)
        assert found is not None
        assert found.subject == FIRST
    through = trouble(Http(error=Error(name="EOF")), UI_SIBLING, HOST)
    assert through is not None
    assert through.subject == f"{HOST} through the proxy"


def test_a_title_in_any_bytes() -> None:
    assert described(answer(200, b"<title>\xff</title>")) == "status 200 text/html titled '\ufffd'"


def test_a_block_page_elsewhere_is_named() -> None:
    found = trouble(*redirect("https://block.corp.example/?u=x"), HOST)
    assert found is not None
    assert found.values["location"] == "https://block.corp.example/"


def test_what_gave_it_away_is_told() -> None:
    alike = trouble(*refused_alike(REFUSAL, REFUSAL), HOST)
    assert alike is not None
    request = f"{FIRST}: GET {FEATURES} got status 403 application/json"
    assert alike.detail == f"{request}; a random path gets the same refusal"
    basic = trouble(STRANGERS["a user name"][1], UI_SIBLING, HOST)
    assert basic is not None
    assert basic.detail == f"{FIRST}: GET {FEATURES} got status 401 application/json, asking for a user name"
    same = trouble(STRANGERS["the same yes everywhere"][1], STRANGERS["the same yes everywhere"][2], HOST)
    assert same is not None
    assert same.detail.endswith("; a random path gets the same")
    assert trouble(answer(403, REFUSAL), UI_SIBLING, HOST) is None


def test_where_a_redirect_leads_is_told_without_its_query() -> None:
    found = trouble(*redirect("http://10.0.0.1/login?mac=00:11"), HOST)
    assert found is not None
    assert found.values["location"] == "http://10.0.0.1/login"
    assert found.detail == f"{FIRST}: GET {FEATURES} got status 302 without a type to http://10.0.0.1/login"
    nowhere = trouble(*redirect(""), HOST)
    assert nowhere is not None
    assert nowhere.values["location"] == "nowhere"
    page = trouble(answer(200, PORTAL), None, HOST)
    assert page is not None
    assert page.values["location"] == FIRST


def test_an_answer_in_words() -> None:
    assert described(answer(200, UI)) == "status 200 text/html titled 'SUSE Observability'"
    assert described(answer(200, b"", "Text/Plain; x=y")) == "status 200 Text/Plain"
    assert described(answer(204, b"", "")) == "status 204 without a type"
    assert described(answer(200, b"<TITLE a=b>\n Hi <b>")) == "status 200 text/html titled 'Hi'"


@pytest.mark.parametrize(
    ("body", "page"),
    [
        (b"  <!DOCTYPE html>", True),
        (b"<HTML>", True),
        (b"<!-- by us -->\n<body>", True),
        (b"<p>no</p>", True),
        (b"<script>", True),
        (b"<?xml version='1.0'?><Error/>", False),
        (b'{"a":"<html>"}', False),
        (b"<paragraph>", False),
        (b"", False),
    ],
)
def test_pages_by_their_body(body: bytes, page: bool) -> None:
    assert is_page(answer(403, body, "")) is page


def test_json_objects() -> None:
    assert is_json_object(answer(200, b' {"a": 1}', "text/plain"))
    assert not is_json_object(answer(200, b'{"a": ', "application/json"))
    assert not is_json_object(answer(200, b"", "application/json"))
    assert not is_json_object(answer(200, b"\xff", "application/json"))


def test_the_same_answer() -> None:
    assert same_answer(answer(403, b"No. 12 at 10:11", "a/b"), answer(403, b"No. 13 at 10:12", "a/b"))
    assert not same_answer(answer(403, b"no", "a/b"), answer(403, b"yes", "a/b"))


@pytest.mark.parametrize("piece", ["<", "<style", "<title", "<title>", "<!--"])
def test_a_page_of_beginnings_costs_no_time(piece: str) -> None:
    body = base64.b64encode((piece * (1_000_000 // len(piece))).encode()).decode()
    page = Http(body=body, status=403)
    begun = time.thread_time()
    assert described(page).startswith("status 403")
    assert isinstance(connect._said(Proxy(body=body, status=403)), str)
    assert time.thread_time() - begun < 10
