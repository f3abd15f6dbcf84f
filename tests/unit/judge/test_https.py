"""HTTPS-03, -05 and -06: who ends TLS, and what becomes of large packets."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance.model import Result, Waiver
from tests.unit.judge.records import (
    ADDRESS6,
    ADDRESSES,
    BASE,
    HOST,
    NOW,
    REFUSAL,
    Record,
    b64,
    certificate,
    chain,
    error,
    http,
    http2,
    server_hello,
    tls,
)
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import (
    altered,
    changed,
    exchange,
    healthy,
    proxied,
    settings,
    untrusted,
    verdict_of,
    verdicts,
    without,
)

FIRST = ADDRESSES[0]
CORP = certificate(issuer="CN=Corp Proxy CA,O=Corp")
CHAIN = {"kind": "chain", "host": HOST}
FOREIGN: dict[str, Any] = {"anchor": None, "anchor_name": None, "public_issuer": False, "certificates": [CORP]}


def another_chain_at(address: str | None, records: list[Record], **fields: Any) -> list[Record]:
    """One address shows another chain than the rest, and the host trusts it."""
    other = altered(records, {"kind": "tls", "address": address, "purpose": "verify", "host": HOST}, chain=["b3RoZXI="])
    return [*other, *exchange([chain(b"other", **fields)])]


ENDS = {
    "an authority that the host trusts and nobody else": row(
        changed(CHAIN, **FOREIGN), {"HTTPS-03": "tls.intercepted"}
    ),
    "at one address only": row(another_chain_at(FIRST, healthy(), **FOREIGN), {"HTTPS-03": "tls.intercepted"}),
    "through the proxy": row(another_chain_at(None, proxied(), **FOREIGN), {"HTTPS-03": "tls.intercepted"}),
    "an interception that was declared": row(changed(CHAIN, **{**FOREIGN, "anchor": "declared"})),
    "the leaf alone was seen, and it may be public": row(
        changed(CHAIN, **{**FOREIGN, "public_issuer": True, "certificates": [certificate()]}), unchecked="HTTPS-03"
    ),
    "at one address the leaf alone was seen": row(
        another_chain_at(FIRST, healthy(), **{**FOREIGN, "public_issuer": True, "certificates": [certificate()]}),
        unchecked="HTTPS-03",
    ),
    "a root of its own in a public name": row(
        changed(CHAIN, **{**FOREIGN, "public_issuer": True, "certificates": [CORP, certificate(self_signed=True)]}),
        {"HTTPS-03": "tls.intercepted"},
    ),
    "the chain could not be read": row(without(healthy(), **CHAIN), unchecked="HTTPS-03"),
    "the chain holds nothing": row(changed(CHAIN, certificates=[]), unchecked="HTTPS-03"),
    "unread at one address, foreign at another": row(
        altered(
            another_chain_at(FIRST, healthy(), **FOREIGN),
            {"kind": "tls", "address": ADDRESSES[1], "purpose": "verify"},
            chain=[],
        ),
        {"HTTPS-03": "tls.intercepted"},
    ),
}

AGENTS = {"kind": "tls", "task": "tenant", "purpose": "agent-hello"}
AT_FIRST = {**AGENTS, "address": FIRST}
LOST: dict[str, Any] = {"received": "", "error": error("TIMEOUT", "tls")}
REFUSED: dict[str, Any] = {"received": b64(b"\x15\x03\x03\x00\x02\x02\x28")}
CLASSIC, HTTP1, SMALL, AGAIN = "classic-hello", "http1-hello", "agent-hello-small-mss", "agent-hello-again"
OTHERS = (CLASSIC, HTTP1, SMALL, AGAIN)


def others(*answered: str) -> list[Record]:
    """The ClientHellos that are tried beside one that failed, and which of them are answered."""
    return exchange([tls(FIRST, name, **({} if name in answered else LOST)) for name in OTHERS])


AGREED = {"kind": "http2", "address": FIRST}
SPOKEN: dict[str, Any] = {"alpn": "h2", "settings": True, "replied": True, "status": 403}
IN_HTTP1: dict[str, Any] = {"alpn": "h2", "error": error("PROTOCOL", "http2", text="b'HTTP/1.1 400'")}
LATE: dict[str, Any] = {"alpn": "h2", "error": error("TIMEOUT", "http2")}


def posted(name: str | None, **fields: Any) -> list[Record]:
    """What a POST over HTTP/2 at the first address got."""
    said = {**SPOKEN, "method": "POST", "replied": False, "status": None}
    return exchange([http2(FIRST, **{**said, "error": name and error(name, "http2"), **fields})])


HTTP2 = {
    "agreed and spoken": row([*changed(AGREED, **SPOKEN), *posted(None, replied=True)]),
    "agreed and spoken, and nobody posted": row(
        changed(AGREED, **SPOKEN), because={"HTTPS-05": f"the look for HTTP/2 at {FIRST} did not come to an end"}
    ),
    "agreed, in an answer that nobody can read": row(
        [*changed(AGREED, **{**SPOKEN, "status": None}), *posted(None, replied=True)]
    ),
    "agreed and answered in HTTP/1.1": row(changed(AGREED, **IN_HTTP1), {"HTTPS-05": "http.no-http2"}),
    "the same twice": row(
        [*changed(AGREED, **IN_HTTP1), *exchange([http2(FIRST, **IN_HTTP1)])], {"HTTPS-05": "http.no-http2"}
    ),
    "failed once": row(
        [*changed(AGREED, **IN_HTTP1), *exchange([http2(FIRST, **SPOKEN)]), *posted(None, replied=True)]
    ),
    "agreed and silent": row(changed(AGREED, **LATE), {"HTTPS-05": "http.no-http2"}),
    "begun, and late": row(changed(AGREED, **LATE, settings=True)),
    "begun and closed": row(
        changed(AGREED, **{**SPOKEN, "replied": False, "error": error("EOF", "http2")}), {"HTTPS-05": "http.no-http2"}
    ),
    "misdirected": row(changed(AGREED, **{**SPOKEN, "status": 421}), {"HTTPS-05": "http.no-http2"}),
    "a GET is answered, a POST is not": row(
        [*changed(AGREED, **SPOKEN), *posted("RESET"), *posted("RESET")], {"HTTPS-05": "http.no-http2"}
    ),
    "a POST is answered the second time": row(
        [*changed(AGREED, **SPOKEN), *posted("RESET"), *posted(None, replied=True, status=403)]
    ),
    "a POST is late": row([*changed(AGREED, **SPOKEN), *posted("TIMEOUT"), *posted("TIMEOUT")]),
    "a POST has no window": row(
        [*changed(AGREED, **SPOKEN), *posted("WINDOW"), *posted("WINDOW")], {"HTTPS-05": "http.no-http2"}
    ),
    "a POST is misdirected": row(
        [*changed(AGREED, **SPOKEN), *posted(None, replied=True, status=421)], {"HTTPS-05": "http.no-http2"}
    ),
    "no connection for it": row(changed(AGREED, error=error("TIMEOUT", "tls"))),
    "through the proxy": row(
        altered(proxied(), {"kind": "http2"}, **IN_HTTP1), {"HTTPS-05": "http.no-http2"}, unchecked="HTTPS-06"
    ),
    "not tried at one address": row(
        without(healthy(), **AGREED),
        because={"HTTPS-05": f"the look for HTTP/2 at {FIRST} did not come to an end"},
    ),
    "never tried": row(without(healthy(), kind="http2"), unchecked="HTTPS-05"),
}


def plain(count: int, **fields: Any) -> list[Record]:
    """A ClientHello without protocol names, at the first address, so often."""
    return exchange([tls(FIRST, "plain-hello", verified=False, chain=[], **fields)] * count)


UNASKED = without(healthy(), purpose="plain-hello", address=FIRST)
NO_PLAIN = f"the handshake without protocol names (ALPN) at {FIRST} did not come to an end"
HELLOS = {
    "without protocol names it is reset": row(
        [*UNASKED, *plain(4, received="", error=error("ECONNRESET", "tls"))], {"HTTPS-05": "tls.hello-refused"}
    ),
    "without protocol names it is reset, and then answered": row(
        [*UNASKED, *plain(3, received="", error=error("ECONNRESET", "tls")), *plain(1, received=b64(server_hello()))]
    ),
    "without protocol names it is answered": row([*UNASKED, *plain(1, received=b64(server_hello()))]),
    "without protocol names it is reset, and not often tried": row(
        [*UNASKED, *plain(2, received="", error=error("ECONNRESET", "tls"))], because={"HTTPS-05": NO_PLAIN}
    ),
    "without protocol names it is not tried": row(UNASKED, because={"HTTPS-05": NO_PLAIN}),
    "no answer, a small one is answered": row(
        [*changed(AT_FIRST, **LOST), *others(CLASSIC)], {"HTTPS-05": "tls.large-hello-dropped"}
    ),
    "cut, a small one is answered": row(
        [*changed(AT_FIRST, **{**LOST, "error": error("ECONNRESET", "tls")}), *others(CLASSIC)],
        {"HTTPS-05": "tls.large-hello-dropped"},
    ),
    "lost once": row([*changed(AT_FIRST, **LOST), *others(*OTHERS)]),
    "small segments pass": row([*changed(AT_FIRST, **LOST), *others(SMALL, CLASSIC)], {"HTTPS-05": "path.mtu"}),
    "without h2 it passes": row([*changed(AT_FIRST, **LOST), *others(HTTP1)], {"HTTPS-05": "tls.hello-refused"}),
    "only OpenSSL's passes": row([*changed(AT_FIRST, **LOST), *others()], {"HTTPS-05": "tls.hello-refused"}),
    "an alert, not without the key": row(
        [*changed(AT_FIRST, **REFUSED), *others(CLASSIC)], {"HTTPS-05": "tls.hello-refused"}
    ),
    "an alert whatever is left out, and OpenSSL finds a suite of Go's": row(
        [*changed(AT_FIRST, **REFUSED), *others()], {"HTTPS-05": "tls.hello-refused"}
    ),
    "a suite that Go lacks": row(
        changed(AT_FIRST, received=b64(server_hello(suite=0xC028))), {"HTTPS-05": "tls.no-common-cipher"}
    ),
    "a group that Go lacks": row(
        changed(AT_FIRST, received=b64(server_hello(group=0x1E))), {"HTTPS-05": "tls.no-common-cipher"}
    ),
    "silence where all is slow": row(
        altered(
            [*changed(AT_FIRST, **LOST, seconds=10.0), *others()],
            {"kind": "tls", "purpose": "verify", "address": FIRST, "task": "tenant"},
            seconds=8.0,
        ),
        {"HTTPS-09": "tls.slow"},
        unchecked="HTTPS-05",
    ),
    "another connection did not open": row(
        changed(AT_FIRST, received="", error=error("TIMEOUT", "tcp")), unchecked="HTTPS-05"
    ),
    "not tried at one address": row(
        without(healthy(), **AT_FIRST),
        unchecked="HTTPS-06",
        because={"HTTPS-05": f"the handshake with the agent's ClientHello at {FIRST} did not come to an end"},
    ),
    "not tried at all": row(
        without(healthy(), **AGENTS),
        because={"HTTPS-05": "no handshake with a large ClientHello came to an end"},
    ),
    "lost through the proxy": row(
        altered(proxied(), AGENTS, **LOST), {"HTTPS-05": "tls.hello-refused"}, unchecked="HTTPS-06"
    ),
}

UPLOAD = {"kind": "http", "purpose": "upload", "address": FIRST}
LARGEST = {**UPLOAD, "request_bytes": 2_500_000}
OF_ALL = {"purpose": "upload", "request_bytes": 2_500_000}
SECOND = {**LARGEST, "address": ADDRESSES[1]}
MIDDLE = {**UPLOAD, "request_bytes": 150_000}
SMALLEST = {"purpose": "path", "address": FIRST, "path": f"{BASE}/intake"}
STILL = {"idle": 2.6, "status": None, "headers": [], "body": "", "error": error("TIMEOUT", "send")}
NO_ANSWER = {"status": None, "headers": [], "body": ""}
MOVING = {**STILL, "idle": 0.2, "sent_bytes": 400_000, "unacknowledged_bytes": 25_000, "seconds": 6.0}
PAGE = {"headers": [["Content-Type", "text/html"]]}


def post(purpose: str, size: int, status: int | None, **fields: Any) -> Record:
    same = {"method": "POST", "request_bytes": size, "sent_bytes": size, "caller": "main"}
    return http(FIRST, purpose, f"{BASE}/intake", status, REFUSAL, **{**same, **fields})


def uploads_get(status: int, **fields: Any) -> list[Record]:
    return changed(LARGEST, status=status, **fields)


def still(*more: Record) -> list[Record]:
    """150 kB came to a standstill at one address, and what was tried then."""
    kept = without(healthy(), **LARGEST)
    return [*altered(kept, MIDDLE, **STILL), *exchange(list(more))]


def moving(alone: tuple[int, float] | None) -> list[Record]:
    """The largest was under way at all addresses when time was up; at the first one, alone for a while."""
    known = {"alone_bytes": alone[0], "alone_seconds": alone[1]} if alone else {}
    every = changed(OF_ALL, **MOVING)
    return altered(every, LARGEST, **known) if known else every


def crawling() -> list[Record]:
    """The same, at a rate at which none comes to its end."""
    return altered(moving(None), OF_ALL, sent_bytes=60_000)


SMALL_PASSES = post("upload-small-mss", 150_000, 403)
SMALL_STANDS_STILL = {**SMALL_PASSES, **NO_ANSWER, "error": error("TIMEOUT", "send")}
FULL_AGAIN = {**post("upload", 150_000, 403), **STILL}
LARGEST_AGAIN = post("upload", 2_500_000, None, sent_bytes=0)

UPLOADS = {
    "too large": row(uploads_get(413), {"HTTPS-06": "http.body-limit"}),
    "too long": row(uploads_get(414), {"HTTPS-06": "http.body-limit"}),
    "too large, as a web page": row(uploads_get(413, **PAGE), {"HTTPS-06": "http.body-limit"}),
    "too large for a device, which cut off the rest": row(
        uploads_get(413, error=error("EPIPE", "send")), {"HTTPS-06": "http.body-limit"}
    ),
    "refused in another way from some size on": row(uploads_get(403, body="e30="), {"HTTPS-06": "http.body-limit"}),
    "a server's fault": row(uploads_get(502), {"HTTPS-06": "http.server-error"}),
    "a block page": row(
        uploads_get(200, body="PGh0bWw+PGgxPlVwbG9hZCBibG9ja2VkPC9oMT4="), {"HTTPS-06": "http.block-page"}
    ),
    "refused like small ones": row(uploads_get(403)),
    "refused before it had arrived, and then a standstill": row(
        uploads_get(403, sent_bytes=500_000, unacknowledged_bytes=60_000, error=error("TIMEOUT", "send")),
        because={
            "HTTPS-06": f"a request body of 2.5 MB was refused at {FIRST} before it had arrived; "
            "with an API key (STS_API_KEY) it is read to its end"
        },
    ),
    "refused before it had arrived, and then cut": row(
        uploads_get(403, sent_bytes=500_000, error=error("ECONNRESET", "send")), unchecked="HTTPS-06"
    ),
    "refused, and cut when all was sent and not all had arrived": row(
        uploads_get(403, unacknowledged_bytes=60_000), unchecked="HTTPS-06"
    ),
    "a complaint that small ones do not get": row(uploads_get(400), {"HTTPS-06": "http.body-limit"}),
    "throttled": row(uploads_get(429), {"HTTPS-06": "http.throttled"}),
    "what small ones get is not about size": row(
        altered(altered(healthy(), UPLOAD, status=502), SMALLEST, status=502), {"RCV-02": "http.server-error"}
    ),
    "not even a small one was answered": row(
        altered(without(healthy(), **UPLOAD), SMALLEST, **NO_ANSWER, error=error("TIMEOUT", "head")),
        {"RCV-02": "http.stalled", "HTTPS-06": "http.stalled"},
    ),
    "a standstill": row(still(), {"HTTPS-06": "http.stalled"}),
    "a standstill, for the system": row(
        altered(still(), MIDDLE, error=error("ETIMEDOUT", "send")), {"HTTPS-06": "http.stalled"}
    ),
    "a standstill of small segments too": row(still(SMALL_STANDS_STILL), {"HTTPS-06": "http.stalled"}),
    "small segments pass once": row(still(SMALL_PASSES), {"HTTPS-06": "http.stalled"}),
    "small segments pass, and full ones at the second try": row(
        [*changed(MIDDLE, **STILL), *exchange([SMALL_PASSES, post("upload", 150_000, 403)])]
    ),
    "small segments pass and full ones do not, twice": row(
        still(SMALL_PASSES, FULL_AGAIN, SMALL_PASSES), {"HTTPS-06": "path.mtu"}
    ),
    "small segments pass only once of two times": row(
        still(SMALL_PASSES, FULL_AGAIN, SMALL_STANDS_STILL), {"HTTPS-06": "http.stalled"}
    ),
    "small segments pass, and full ones went on at the second try": row(
        still(SMALL_PASSES, {**FULL_AGAIN, **MOVING, "alone_bytes": 441_000, "alone_seconds": 3.0}, SMALL_PASSES)
    ),
    "another size passes in small segments": row(
        still(post("upload-small-mss", 10_000, 403), FULL_AGAIN, post("upload-small-mss", 10_000, 403)),
        {"HTTPS-06": "http.stalled"},
    ),
    "cut": row(changed(LARGEST, **NO_ANSWER, error=error("ECONNRESET", "send")), {"HTTPS-06": "http.closed"}),
    "no error and no answer": row(changed(LARGEST, **NO_ANSWER), {"HTTPS-06": "http.closed"}),
    "half a megabit": row(moving((187_500, 3.0)), {"HTTPS-06": "http.too-slow"}),
    "twenty-three seconds": row(moving((326_000, 3.0)), {"HTTPS-06": "http.too-slow"}),
    "twenty-one seconds": row(moving((357_000, 3.0)), unchecked="HTTPS-06"),
    "nineteen seconds": row(moving((395_000, 3.0)), unchecked="HTTPS-06"),
    "seventeen seconds": row(moving((441_000, 3.0))),
    "slow, shared by all": row(moving(None)),
    "too slow for all together, of which the last ones began late": row(
        altered(
            altered(moving(None), OF_ALL, at=NOW + 6, seconds=4.0, sent_bytes=350_000),
            LARGEST,
            at=NOW + 1,
            seconds=9.0,
        ),
        {"HTTPS-06": "http.too-slow"},
    ),
    "too slow for the first one, beside which another stood still": row(
        altered(moving((187_500, 3.0)), SECOND, **STILL, shared_way=True), {"HTTPS-06": "http.too-slow"}
    ),
    "too slow for the others, beside which the first one stood still": row(
        altered(crawling(), LARGEST, **STILL, shared_way=True), {"HTTPS-06": "http.too-slow"}
    ),
    "too slow for the others, and the first one stood still alone, too": row(
        [*altered(crawling(), LARGEST, **STILL, shared_way=True), *exchange([{**LARGEST_AGAIN, **STILL}])],
        {"HTTPS-06": "http.too-slow http.stalled"},
    ),
    "one stood still beside others that are quick enough, and was not tried alone": row(
        altered(moving((441_000, 3.0)), SECOND, **STILL, shared_way=True),
        because={"HTTPS-06": f"a request body of 2.5 MB at {ADDRESSES[1]} did not come to an end"},
    ),
    "one stood still beside others that are quick enough, and went on alone": row(
        [
            *altered(moving(None), LARGEST, **STILL, shared_way=True),
            *exchange([{**LARGEST_AGAIN, **MOVING, "alone_bytes": 441_000, "alone_seconds": 3.0}]),
        ],
    ),
    "one stood still beside others, and was answered alone": row(
        [*changed(LARGEST, **STILL, shared_way=True), *exchange([post("upload", 2_500_000, 403)])]
    ),
    "not tried at one address": row(
        without(healthy(), **LARGEST),
        because={"HTTPS-06": f"a request body of 2.5 MB at {FIRST} did not come to an end"},
    ),
    "not tried": row(
        without(healthy(), kind="http", purpose="upload"), because={"HTTPS-06": "no large request came to an end"}
    ),
    "no connection for them": row(changed(UPLOAD, **NO_ANSWER, error=error("TIMEOUT", "tcp")), unchecked="HTTPS-06"),
    "no handshake for them": row(changed(UPLOAD, **NO_ANSWER, error=error("EOF", "tls")), unchecked="HTTPS-06"),
    "no tunnel for them": row(changed(UPLOAD, **NO_ANSWER, error=error("EOF", "proxy")), unchecked="HTTPS-06"),
    "tried over unverified TLS alone": row(changed(UPLOAD, verified=False), unchecked="HTTPS-06"),
}


@each(ENDS, HELLOS, HTTP2, UPLOADS)
def test_https(case: Row) -> None:
    case.check()


def test_the_smallest_size_that_fails_is_told() -> None:
    verdict = verdict_of("HTTPS-06", altered(without(healthy(), **LARGEST), MIDDLE, **STILL))
    assert [found.subject for found in verdict.findings] == [FIRST]
    assert verdict.saw == f"{FIRST}: a request body of 150 kB stalls; one of 10 kB is answered"


@pytest.mark.parametrize(
    ("records", "saw"),
    [
        (healthy(), "request bodies of 1 kB, 10 kB, 150 kB, 2.5 MB were answered"),
        (
            uploads_get(413),
            (
                f"{FIRST}: a request body of 2.5 MB got status 413 application/json with error; "
                "one of 150 kB gets status 403 application/json with error"
            ),
        ),
        (
            UPLOADS["small segments pass and full ones do not, twice"].records,
            (
                f"{FIRST}: a request body of 150 kB stalls 2 times; "
                "the same in segments of 536 bytes is answered each time"
            ),
        ),
        (
            UPLOADS["cut"].records,
            f"{FIRST}: the connection is cut in a request body of 2.5 MB ([ECONNRESET]); one of 150 kB is answered",
        ),
        (
            UPLOADS["not even a small one was answered"].records,
            f"{FIRST}: not even a request body of 10 bytes was answered ([TIMEOUT])",
        ),
        (
            UPLOADS["half a megabit"].records,
            (
                f"{', '.join((*ADDRESSES, ADDRESS6))}: 500 kbit/s, so a body of 2.5 MB takes 40 s, "
                "and the agent gives up after 20 s"
            ),
        ),
    ],
)
def test_what_became_of_uploads_is_told(records: list[Record], saw: str) -> None:
    verdict = next(v for v in verdicts(records) if v.case.requirement == "HTTPS-06")
    assert (verdict.saw or verdict.reason) == saw


def test_what_passes_is_told() -> None:
    assert verdict_of("HTTPS-03", healthy()).saw == "the chain reaches CN=Public Root,O=Public Trust"
    declared = changed(CHAIN, anchor="declared", anchor_name="CN=Corp")
    assert verdict_of("HTTPS-03", declared).saw == "the chain reaches CN=Corp (declared interception)"
    assert verdict_of("HTTPS-05", healthy()).saw == (
        "the ClientHello of a Go program was answered: TLSv1.3 with X25519MLKEM768"
    )


def test_the_interception_is_named() -> None:
    verdict = verdict_of("HTTPS-03", another_chain_at(ADDRESS6, healthy(), **FOREIGN))
    (found,) = verdict.findings
    assert (found.subject, found.values["issuer"]) == (ADDRESS6, "CN=Corp Proxy CA,O=Corp")
    assert verdict.reproduce.startswith(f"openssl s_client -connect [{ADDRESS6}]:443 ")
    through = verdict_of("HTTPS-03", another_chain_at(None, proxied(), **FOREIGN))
    assert through.findings[0].subject == f"{HOST} through the proxy"
    assert through.reproduce.startswith(f"openssl s_client -proxy proxy.corp.example:3128 -connect {HOST}:443 ")


def test_what_did_not_verify_is_not_judged_twice() -> None:
    """Where HTTPS-02 is waived, HTTPS-03 has nothing to go by, and says so."""
    accepted = settings(waivers=(Waiver(requirement="HTTPS-02", owner="o", reason="r", expires="2030-01-01"),))
    foreign = altered(untrusted(), CHAIN, **FOREIGN)
    verdict = verdict_of("HTTPS-03", foreign, accepted)
    assert verdict.result is Result.NOTCHECKED


def test_hellos_are_told_apart() -> None:
    dropped = verdict_of("HTTPS-05", HELLOS["no answer, a small one is answered"].records).saw
    assert dropped == f"{FIRST}: no answer to a ClientHello of 1532 bytes ([TIMEOUT]); a small one was answered"
    mtu = verdict_of("HTTPS-05", HELLOS["small segments pass"].records).saw
    assert mtu == f"{FIRST}: a ClientHello of 1532 bytes passes in segments of 536 bytes and not in full ones"


def test_a_command_is_told_only_where_it_shows_the_same() -> None:
    """OpenSSL can offer h2 and Go's suites, and does not look like Go."""
    looks = HELLOS["an alert whatever is left out, and OpenSSL finds a suite of Go's"].records
    verdict = verdict_of("HTTPS-05", looks)
    assert verdict.reproduce == ""
    assert "OpenSSL's was answered, with the same cipher suites" in verdict.saw
    lacking = verdict_of("HTTPS-05", HELLOS["a suite that Go lacks"].records)
    assert " -cipher " in lacking.reproduce


def test_an_unread_chain_is_told() -> None:
    verdict = verdict_of("HTTPS-03", ENDS["at one address the leaf alone was seen"].records)
    assert verdict.result is Result.NOTCHECKED
    assert verdict.reason == f"reading the whole certificate chain at {FIRST} did not come to an end"
