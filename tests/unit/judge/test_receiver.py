"""RCV-01 … RCV-04 and CLK-01."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest

from netcompliance.model import Verdict
from tests.unit.judge.records import ADDRESS6, ADDRESSES, BASE, EVERY, HOST, NOW, REFUSAL, UI, Record, b64, error, http
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import altered, changed, exchange, healthy, proxied, settings, verdict_of, verdicts, without

FIRST, SECOND = ADDRESSES
RECEIVER = {"kind": "http", "purpose": "receiver"}
AT_FIRST = {**RECEIVER, "address": FIRST}
FEATURES = {"kind": "http", "path": f"{BASE}/features"}
SIBLING = {"kind": "http", "purpose": "sibling"}
ROOT_SIBLING = {**SIBLING, "path": "/netcompliance-x"}
ROOT_POST = {"purpose": "post-sibling", "path": "/netcompliance-x"}
INSIDE_POST = {"purpose": "post-sibling", "path": f"{BASE}/netcompliance-x"}
INTAKE = {"purpose": "path", "path": f"{BASE}/intake"}
LOGS = {"purpose": "path", "path": f"{BASE}/logs/k8s"}
POSTS = {"purpose": "path"}
A_TYPE = ["Content-Type", "application/json"]
PAGE = {"headers": [["Content-Type", "text/html"]], "body": b64(UI)}
ELSEWHERE = {"status": 302, "headers": [["Location", "http://10.0.0.1/login"]], "body": ""}
JSON = {"headers": [A_TYPE], "body": b64(REFUSAL)}

OLD = altered(
    altered(changed(RECEIVER, status=404), {"purpose": "agent"}, status=404),
    INSIDE_POST,
    status=404,
)

FIRST_ANSWERS = {
    "the web UI at one address": row(
        changed({**FEATURES, "address": FIRST}, status=200, **PAGE), {"RCV-01": "http.web-ui"}
    ),
    "no answer at one address": row(
        changed(AT_FIRST, status=None, error=error("TIMEOUT", "head")), {"RCV-01": "http.stalled"}
    ),
    "Go refuses the answer": row(changed(AT_FIRST, go_refuses="bad"), {"RCV-01": "http.malformed"}),
    "Go refuses the answer to the agent's request": row(
        altered(healthy(), {"purpose": "agent"}, go_refuses="bad"), {"RCV-01": "http.malformed"}
    ),
    "cut at one address": row(changed(AT_FIRST, status=None, error=error("EOF", "head")), {"RCV-01": "http.closed"}),
    "the web UI through the proxy": row(altered(proxied(), FEATURES, status=200, **PAGE), {"RCV-01": "http.web-ui"}),
    "a portal": row(
        altered(changed(FEATURES, **ELSEWHERE), ROOT_SIBLING, **ELSEWHERE), {"RCV-01": "http.captive-portal"}
    ),
    "a redirect of this path alone": row(changed(FEATURES, **ELSEWHERE), {"RCV-01": "http.redirected"}),
    "the same refusal for a random path": row(
        altered(healthy(), ROOT_SIBLING, status=403, **JSON), {"RCV-01": "http.block-page"}
    ),
    "the same refusal at one address": row(
        altered(healthy(), {**ROOT_SIBLING, "address": FIRST}, status=403, **JSON), {"RCV-01": "http.block-page"}
    ),
    "the same refusal at another address": row(
        altered(healthy(), {**ROOT_SIBLING, "address": SECOND}, status=403, **JSON), {"RCV-01": "http.block-page"}
    ),
    "the same refusal at an address whose own random path is unknown": row(
        altered(without(healthy(), **ROOT_SIBLING, address=FIRST), ROOT_SIBLING, status=403, **JSON),
        {"RCV-01": "http.block-page"},
    ),
    "a random path got no answer at one address": row(
        changed({**ROOT_SIBLING, "address": FIRST}, status=None, error=error("EOF", "head"))
    ),
    "no random path anywhere": row(without(healthy(), **ROOT_SIBLING), unchecked="RCV-01"),
    "not asked at one address": row(without(healthy(), **AT_FIRST), unchecked="RCV-01"),
    "not asked at all": row(
        without(healthy(), **RECEIVER), because={"RCV-01": "no request to the receiver came to an end"}
    ),
    "asked over unverified TLS alone": row(changed(RECEIVER, verified=False), unchecked="RCV-01"),
    "an old receiver": row(OLD),
    "an old receiver, and nothing else is one either": row(
        altered(OLD, {"purpose": "path"}, status=404), {"RCV-01": "http.not-found"}
    ),
    "no such page, though other paths answer": row(changed(FEATURES, status=404, **PAGE), {"RCV-01": "http.not-found"}),
    "an old receiver whose other paths refuse as everything does": row(
        altered(altered(OLD, ROOT_SIBLING, status=403, **JSON), ROOT_POST, status=403, **JSON),
        {"RCV-01": "http.not-found"},
    ),
    "an old receiver, and nothing to compare with": row(
        without(without(OLD, **ROOT_SIBLING), purpose="post-sibling"),
        {"RCV-01": "http.not-found"},
    ),
}

BLOCKED_PAGE = {**PAGE, "status": 403}
PLAIN_BLOCKED = altered(changed(RECEIVER, **BLOCKED_PAGE), SIBLING, **BLOCKED_PAGE)
POLICY = {"status": 403, "headers": [A_TYPE], "body": b64(b'{"policy":"egress-17"}')}
ALONE = {
    "a page for the plain request alone": row(PLAIN_BLOCKED, unchecked="CLK-01"),
    "a page for the plain request alone, through the proxy": row(
        altered(altered(proxied(), RECEIVER, **BLOCKED_PAGE), SIBLING, **BLOCKED_PAGE), unchecked="CLK-01"
    ),
    "a device's refusal of the plain requests alone": row(
        altered(changed(RECEIVER, **POLICY), SIBLING, **POLICY), unchecked="CLK-01"
    ),
    "of the agent's own, one gets the page, too": row(
        altered(PLAIN_BLOCKED, {"purpose": "agent", "caller": "rbac"}, **BLOCKED_PAGE), {"RCV-01": "http.block-page"}
    ),
    "of the agent's own, each gets what a POST to a random path gets": row(
        altered(PLAIN_BLOCKED, ROOT_POST, status=403, **JSON), {"RCV-01": "http.block-page"}
    ),
    "of the agent's own, each gets what the plain one gets": row(
        altered(altered(changed(RECEIVER, **POLICY), SIBLING, **POLICY), {"purpose": "agent"}, **POLICY),
        {"RCV-01": "http.block-page"},
    ),
    "the agent's own were not asked": row(without(PLAIN_BLOCKED, purpose="agent"), {"RCV-01": "http.block-page"}),
    "no random path was posted to": row(without(PLAIN_BLOCKED, **ROOT_POST), {"RCV-01": "http.block-page"}),
    "no answer to the plain request alone": row(
        changed(RECEIVER, status=None, error=error("EOF", "head")), {"RCV-01": "http.closed"}
    ),
}

COLLECTOR = {"kind": "http", "purpose": "path", "path": f"{BASE}/api/v1/collector"}
PATHS = {
    "one path is another's": row(changed(COLLECTOR, status=200, **PAGE), {"RCV-02": "http.web-ui"}),
    "one path is unknown": row(changed(COLLECTOR, status=404), {"RCV-02": "http.not-found"}),
    "one path was not asked for": row(without(healthy(), **COLLECTOR), unchecked="RCV-02"),
    "no path was asked for": row(
        without(healthy(), kind="http", purpose="path"), because={"RCV-02": "the request did not come to an end"}
    ),
    "one path stalls": row(changed(COLLECTOR, status=None, error=error("TIMEOUT", "head")), {"RCV-02": "http.stalled"}),
    "a complaint about the empty document, at one of two": row(changed(COLLECTOR, status=400), unchecked="RCV-02"),
    "through the proxy": row(altered(proxied(), COLLECTOR, status=502), {"RCV-02": "http.server-error"}),
}

DEVICES = {"headers": [A_TYPE], "body": b64(b'{"policy":"egress-17"}')}
TAKEN = {"status": 200, "headers": [A_TYPE], "body": b64(b"{}")}
AGENT = {"purpose": "agent", "caller": "main"}


def variant(without: str, address: str | None = FIRST, **fields: Any) -> Record:
    """A second look at one address: what the receiver says once a property is made neutral."""
    same = {"caller": "main", "method": "POST", "without": without}
    return {**http(address, "variant", f"{BASE}/intake", 403, REFUSAL), **same, **fields}


def looked_closer(records: list[Record], *helping: str, status: int = 403, **fields: Any) -> list[Record]:
    """The second round at the first address, in which these properties help and the others do not."""
    names = ("user-agent", "query", "key", "encoding", "plain")
    odd = {"status": status, **DEVICES}
    every = [{**variant(name, **fields), **({} if name in helping else odd)} for name in names]
    return [*records, *exchange(every)]


BLOCKED = "http.request-blocked"
SENT = {
    "every POST is refused alike, elsewhere too": row(
        altered(
            altered(changed(POSTS, **DEVICES), ROOT_POST, status=403, **DEVICES), INSIDE_POST, status=403, **DEVICES
        ),
        {"RCV-02": BLOCKED},
    ),
    "every POST is taken": row(changed(POSTS, **TAKEN), {"RCV-02": "http.not-receiver"}),
    "every POST is refused as the receiver's own paths are, elsewhere too": row(
        altered(healthy(), ROOT_POST, status=403, **JSON), {"RCV-02": BLOCKED}
    ),
    "one call of a family is refused in another way": row(changed(INTAKE, **DEVICES), {"RCV-02": BLOCKED}),
    "at one address": row(changed({**INTAKE, "address": SECOND}, **DEVICES), {"RCV-02": BLOCKED}),
    "Go refuses the answers to POST": row(changed(POSTS, go_refuses="bad"), {"RCV-02": "http.malformed"}),
    "one call of a family is met by a complaint": row(changed(INTAKE, status=400), {"RCV-02": BLOCKED}),
    "the method is not allowed": row(changed(INTAKE, status=405), {"RCV-02": "http.not-receiver"}),
    "a path of its own is refused in another way": row(
        changed(LOGS, **DEVICES),
        unchecked="RCV-02",
    ),
    "a family of its own is refused in another way": row(
        altered(changed(COLLECTOR, **DEVICES), {"path": f"{BASE}/api/v1/connections"}, **DEVICES), unchecked="RCV-02"
    ),
    "a path of its own, refused by a device that signs": row(
        changed(LOGS, headers=[A_TYPE], body=b64(b'{"by":"Zscaler"}')), {"RCV-02": "http.block-page"}
    ),
    "the agent's request is refused in another way than the plain one": row(changed(AGENT, **DEVICES)),
    "and without one property it is not": row(
        looked_closer(
            changed({**AGENT, "address": FIRST}, **DEVICES), "query", "plain", method="GET", path=f"{BASE}/features"
        ),
        {"RCV-01": BLOCKED},
    ),
    "and only without the key it is not": row(
        looked_closer(changed({**AGENT, "address": FIRST}, **DEVICES), "plain", method="GET", path=f"{BASE}/features")
    ),
    "the agent's request gets a page": row(changed(AGENT, **PAGE, status=200), {"RCV-01": "http.web-ui"}),
    "the agent's request gets a yes": row(changed(AGENT, **TAKEN), {"RCV-01": "http.not-receiver"}),
    "the agent's request is cut": row(
        changed(AGENT, status=None, error=error("ECONNRESET", "head")), {"RCV-01": "http.closed"}
    ),
    "the agent's request was not made": row(without(healthy(), purpose="agent", address=FIRST), unchecked="RCV-01"),
    "not sent to one address": row(without(healthy(), **{**INTAKE, "address": FIRST}), unchecked="RCV-02"),
}

WITH_KEY = settings(key_declared=True)


def key(status: int | None, body: bytes = b"", **fields: Any) -> list[Record]:
    """The key is asked for at every address, and so is one that no tenant has."""
    path = f"{BASE}/api/v1/validate"
    asked = [http(a, "key", path, status, body, **fields) for a in EVERY]
    return [*healthy(), *exchange([*asked, *(http(a, "wrong-key", path, 403, REFUSAL, caller="main") for a in EVERY)])]


KEYS = {
    "accepted": row(key(200, b"{}"), settings=WITH_KEY),
    "accepted without a word": row(key(204), settings=WITH_KEY),
    "refused": row(key(403, REFUSAL), {"RCV-03": "receiver.key-refused"}, settings=WITH_KEY),
    "refused with 401": row(
        altered(key(401, REFUSAL), {"purpose": "wrong-key"}, status=401),
        {"RCV-03": "receiver.key-refused"},
        settings=WITH_KEY,
    ),
    "refused in another way than a wrong key": row(key(401), {"RCV-03": "http.block-page"}, settings=WITH_KEY),
    "accepted, as any key is": row(
        altered(key(200, b"{}"), {"purpose": "wrong-key"}, status=200, body=b64(b"{}")),
        {"RCV-03": "http.not-receiver"},
        settings=WITH_KEY,
    ),
    "refused at one address": row(
        altered(key(200, b"{}"), {"purpose": "key", "address": FIRST}, status=403, body=b64(REFUSAL)),
        {"RCV-03": "http.not-receiver"},
        settings=WITH_KEY,
    ),
    "not tried at one address": row(
        without(key(200, b"{}"), purpose="key", address=FIRST),
        because={"RCV-03": f"the request with the key at {FIRST} did not come to an end"},
        settings=WITH_KEY,
    ),
    "refused by a page": row(key(403, UI, kind_of_body="text/html"), {"RCV-03": "http.block-page"}, settings=WITH_KEY),
    "a page": row(key(200, UI, kind_of_body="text/html"), {"RCV-03": "http.web-ui"}, settings=WITH_KEY),
    "a server's fault": row(key(500), {"RCV-03": "http.server-error"}, settings=WITH_KEY),
    "throttled": row(key(429), {"RCV-03": "http.throttled"}, settings=WITH_KEY),
    "lost": row(key(None, error=error("EOF", "head")), {"RCV-03": "http.closed"}, settings=WITH_KEY),
    "nothing at all": row(key(None), {"RCV-03": "http.not-receiver"}, settings=WITH_KEY),
    "switching": row(key(199), {"RCV-03": "http.not-receiver"}, settings=WITH_KEY),
    "three hundred": row(key(300), {"RCV-03": "http.not-receiver"}, settings=WITH_KEY),
    "a complaint to a POST, which the receiver may make": row(
        key(400, method="POST"), {"RCV-03": "http.not-receiver"}, settings=WITH_KEY
    ),
    "the receiver has no such call": row(key(404), unchecked="RCV-03", settings=WITH_KEY),
    "the receiver has no such call any more": row(key(410), unchecked="RCV-03", settings=WITH_KEY),
    "no such page": row(key(404, UI, kind_of_body="text/html"), {"RCV-03": "http.not-found"}, settings=WITH_KEY),
    "not asked": row(
        healthy(),
        because={
            "RCV-03": "the request with the key was not made: no verified connection, or no key was found on the host"
        },
        settings=WITH_KEY,
    ),
    "asked over unverified TLS": row(key(403, verified=False), unchecked="RCV-03", settings=WITH_KEY),
    "none": row(key(403), inapplicable="RCV-03"),
}


def slow(first_byte: float, **where: Any) -> list[Record]:
    return changed({"kind": "http", "verified": True, **where}, first_byte=first_byte)


TIMES = {
    "two seconds": row(slow(2.0)),
    "more than two seconds": row(slow(2.1), {"RCV-04": "http.slow"}),
    "slow at one address": row(slow(4.0, address=SECOND), {"RCV-04": "http.slow"}),
    "slow once": row(slow(4.0, purpose="receiver")),
    "slow the other time": row(slow(4.0, purpose="sibling")),
    "slow with large requests": row(slow(9.0, purpose="upload")),
    "not timed at one address": row(
        [{k: v for k, v in r.items() if k != "first_byte" or r.get("address") != FIRST} for r in healthy()],
        unchecked="RCV-04",
    ),
    "not timed": row(
        [{k: v for k, v in r.items() if k != "first_byte"} for r in healthy()],
        because={"RCV-04": "no answer was timed"},
    ),
    "slow through the proxy": row(altered(proxied(), {"kind": "http"}, first_byte=3.0), {"RCV-04": "http.slow"}),
}


def clock(ahead: float, **where: Any) -> list[Record]:
    headers = [["date", formatdate(NOW - ahead, usegmt=True)], A_TYPE]
    return changed({**RECEIVER, **where}, headers=headers, seconds=0.0)


CLOCKS = {
    "a minute ahead": row(clock(60)),
    "more than a minute ahead": row(clock(61), {"CLK-01": "clock.off"}),
    "a minute behind": row(clock(-60)),
    "more than a minute behind": row(clock(-61), {"CLK-01": "clock.off"}),
    "one address is off": row(clock(3600, address=FIRST)),
    "no date": row(altered(healthy(), RECEIVER, headers=[A_TYPE]), unchecked="CLK-01"),
    "a date that is none": row(
        altered(healthy(), RECEIVER, headers=[["Date", "soon"], A_TYPE]),
        unchecked="CLK-01",
    ),
    "a stored answer is old, and says so": row(
        altered(
            clock(3600),
            RECEIVER,
            headers=[
                ["Date", formatdate(NOW - 3600, usegmt=True)],
                ["Age", "3600"],
                ["Content-Type", "application/json"],
            ],
        )
    ),
}


@each(FIRST_ANSWERS, ALONE, PATHS, SENT, KEYS, TIMES, CLOCKS)
def test_receiver(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("requirement", "records", "saw"),
    [
        ("RCV-01", healthy(), f"status 403 application/json at {', '.join(EVERY)}"),
        ("RCV-01", PLAIN_BLOCKED, f"status 403 application/json at {', '.join(EVERY)}"),
        ("RCV-02", healthy(), "status 403 application/json"),
        ("RCV-04", healthy(), "answers began within 50 ms"),
        ("RCV-04", slow(1.5, address=ADDRESS6), "answers began within 1.5 s"),
        ("RCV-04", slow(4.0, address=SECOND), f"{SECOND} took 4.0 s to begin its answer"),
        ("CLK-01", clock(0), "the host's clock is 0 s behind the service's"),
        ("CLK-01", clock(10), "the host's clock is 10 s ahead of the service's"),
        ("CLK-01", clock(-120), "the host's clock is 120 s behind the service's"),
    ],
)
def test_what_was_seen_is_told(requirement: str, records: list[Record], saw: str) -> None:
    assert verdict_of(requirement, records).saw == saw


def test_the_key_in_words() -> None:
    accepted = verdict_of("RCV-03", key(200, b"{}"), WITH_KEY)
    assert accepted.saw == "status 200 application/json with the key"
    refused = verdict_of("RCV-03", key(403, REFUSAL), WITH_KEY)
    assert refused.saw == f"{', '.join(EVERY)}: {BASE}/api/v1/validate answers 403 to this key"
    unknown = verdict_of("RCV-03", key(404), WITH_KEY)
    assert unknown.reason == "this receiver has no call that checks a key without writing data"
    strange = verdict_of("RCV-03", key(300), WITH_KEY).saw
    assert strange == f"{', '.join(EVERY)}: GET {BASE}/api/v1/validate got status 300 application/json"
    odd = verdict_of("RCV-03", key(400, method="POST"), WITH_KEY).saw
    assert odd == f"{', '.join(EVERY)}: {BASE}/api/v1/validate got status 400 application/json"


def test_what_a_device_takes_offence_at_is_named() -> None:
    where = {**INTAKE, "address": FIRST}
    for names, words in (
        (("user-agent", "plain"), "the agent's User-Agent"),
        (("encoding", "plain"), "Content-Encoding"),
        (("query", "key", "plain"), "the API key in the URL and the header with the API key"),
    ):
        verdict = of_the_intake(looked_closer(changed(where, **DEVICES), *names))
        assert verdict.findings[0].values["blocked"] == words
    page = looked_closer(changed(where, status=200, **PAGE), "plain")
    verdict = of_the_intake(page)
    assert verdict.findings[0].values["blocked"].startswith("what the agent adds")


def of_the_intake(records: list[Record]) -> Verdict:
    return next(v for v in verdicts(records) if v.case.target.endswith("/intake"))


def test_commands() -> None:
    assert verdict_of("RCV-01", healthy()).reproduce == f"curl -sSi https://{HOST}{BASE}/features"
    path = verdict_of("RCV-02", healthy())
    assert path.reproduce == f"curl -sSi -X POST -d '{{}}' https://{path.case.target}"


def test_the_address_that_refuses_everything_is_the_subject() -> None:
    for address in (FIRST, SECOND):
        alike = altered(healthy(), {**ROOT_SIBLING, "address": address}, status=403, **JSON)
        assert [found.subject for found in verdict_of("RCV-01", alike).findings] == [address]


def test_the_way_through_the_proxy_is_named() -> None:
    through = f"{HOST} through the proxy"
    assert verdict_of("RCV-01", proxied()).saw == f"status 403 application/json at {through}"
    slow_proxy = altered(proxied(), {"kind": "http"}, first_byte=3.0)
    assert verdict_of("RCV-04", slow_proxy).saw == f"{through} took 3.0 s to begin its answer"
    page = altered(proxied(), COLLECTOR, status=200, **PAGE)
    path = next(v for v in verdicts(page) if v.case.target.endswith("/collector"))
    assert path.findings[0].subject == through


def test_reasons() -> None:
    unasked = verdict_of("RCV-01", without(healthy(), **AT_FIRST))
    assert unasked.reason == f"the request at {FIRST} did not come to an end"
    alone = verdict_of("RCV-01", without(healthy(), **ROOT_SIBLING))
    untimed = [{k: v for k, v in r.items() if k != "first_byte" or r.get("address") != FIRST} for r in healthy()]
    assert verdict_of("RCV-04", untimed).reason == f"the answer at {FIRST} did not come to an end"
    undated = altered(healthy(), RECEIVER, headers=[A_TYPE])
    assert verdict_of("CLK-01", undated).reason == "the receiver's answers carry no date"
    assert alone.reason == f"the request for a random path at {', '.join(EVERY)} did not come to an end"
