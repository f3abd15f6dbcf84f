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
    REFUSAL,
    Record,
    certificate,
    chain,
    error,
    http,
    tls,
)
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import (
    added,
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

LARGE = {"kind": "tls", "purpose": "large-hello"}
AT_FIRST = {**LARGE, "address": FIRST}
LOST = {"verified": False, "chain": [], "error": error("TIMEOUT", "tls")}


def small(**fields: Any) -> list[Record]:
    return exchange([tls(FIRST, "large-hello-small-mss", mss=536, **fields)])


HELLOS = {
    "no answer": row(changed(AT_FIRST, **LOST), {"HTTPS-05": "tls.large-hello-dropped"}),
    "cut": row(
        changed(AT_FIRST, **{**LOST, "error": error("ECONNRESET", "tls")}), {"HTTPS-05": "tls.large-hello-dropped"}
    ),
    "closed": row(changed(AT_FIRST, **{**LOST, "error": error("EOF", "tls")}), {"HTTPS-05": "tls.large-hello-dropped"}),
    "the system gave up": row(
        changed(AT_FIRST, **{**LOST, "error": error("ETIMEDOUT", "tls")}), {"HTTPS-05": "tls.large-hello-dropped"}
    ),
    "the pipe broke": row(
        changed(AT_FIRST, **{**LOST, "error": error("EPIPE", "tls")}), {"HTTPS-05": "tls.large-hello-dropped"}
    ),
    "another connection did not open": row(
        changed(AT_FIRST, **{**LOST, "error": error("TIMEOUT", "tcp")}), unchecked="HTTPS-05"
    ),
    "an alert shows that it arrived": row(changed(AT_FIRST, **{**LOST, "error": error("SSL", "tls")})),
    "a byte shows that it arrived": row(changed(AT_FIRST, **LOST, received="FQMD")),
    "small segments pass": row([*changed(AT_FIRST, **LOST), *small()], {"HTTPS-05": "path.mtu"}),
    "small segments bring an answer": row(
        [*changed(AT_FIRST, **LOST), *small(error=error("SSL", "tls"), received="FQMD")], {"HTTPS-05": "path.mtu"}
    ),
    "small segments do not pass either": row(
        [*changed(AT_FIRST, **LOST), *small(error=error("TIMEOUT", "tls"))], {"HTTPS-05": "tls.large-hello-dropped"}
    ),
    "not tried at one address": row(
        without(healthy(), **AT_FIRST),
        unchecked="HTTPS-06",
        because={"HTTPS-05": f"the handshake with a large ClientHello at {FIRST} did not come to an end"},
    ),
    "not tried at all": row(
        without(healthy(), **LARGE),
        because={"HTTPS-05": "no handshake with a large ClientHello came to an end"},
    ),
    "lost through the proxy": row(
        altered(proxied(), LARGE, **LOST), {"HTTPS-05": "tls.large-hello-dropped"}, unchecked="HTTPS-06"
    ),
}

UPLOAD = {"kind": "http", "purpose": "upload"}
LARGEST = {**UPLOAD, "request_bytes": 2_500_000}
NO_ANSWER = {"status": None, "headers": [], "body": "", "error": error("TIMEOUT", "send"), "sent_bytes": 65_000}


def post(purpose: str, status: int | None, **fields: Any) -> Record:
    return http(FIRST, purpose, f"{BASE}/intake", status, REFUSAL, method="POST", **fields)


def uploads_get(status: int, **fields: Any) -> list[Record]:
    return changed(LARGEST, status=status, **fields)


UPLOADS = {
    "too large": row(uploads_get(413), {"HTTPS-06": "http.body-limit"}),
    "too long": row(uploads_get(414), {"HTTPS-06": "http.body-limit"}),
    "too large, as a web page": row(
        uploads_get(413, headers=[["Content-Type", "text/html"]]), {"HTTPS-06": "http.body-limit"}
    ),
    "too large for a device, which cut off the rest": row(
        uploads_get(413, error=error("EPIPE", "send")), {"HTTPS-06": "http.body-limit"}
    ),
    "a small one is too large too, so it is not about size": row(
        [*uploads_get(413), *exchange([post("small-upload", 413)])]
    ),
    "a server's fault": row(uploads_get(502), {"HTTPS-06": "http.server-error"}),
    "a small one is a server's fault too": row([*uploads_get(502), *exchange([post("small-upload", 502)])]),
    "a small one is another fault": row(
        [*uploads_get(502), *exchange([post("small-upload", 500)])], {"HTTPS-06": "http.server-error"}
    ),
    "a block page": row(
        uploads_get(200, body="PGh0bWw+PGgxPlVwbG9hZCBibG9ja2VkPC9oMT4="), {"HTTPS-06": "http.block-page"}
    ),
    "refused like small ones": row(uploads_get(403)),
    "another answer of a receiver": row(uploads_get(400)),
    "throttled": row(uploads_get(429), {"HTTPS-06": "http.throttled"}),
    "stalled": row(changed(LARGEST, **NO_ANSWER), {"HTTPS-06": "http.stalled"}),
    "stalled, for the system too": row(
        changed(LARGEST, **{**NO_ANSWER, "error": error("ETIMEDOUT", "send")}), {"HTTPS-06": "http.stalled"}
    ),
    "stalled, and small segments pass": row(
        [*changed(LARGEST, **NO_ANSWER), *exchange([post("upload-small-mss", 403)])], {"HTTPS-06": "path.mtu"}
    ),
    "stalled, small segments too": row(
        [*changed(LARGEST, **NO_ANSWER), *exchange([post("upload-small-mss", None)])], {"HTTPS-06": "http.stalled"}
    ),
    "stalled, and a small one passes": row(
        [*changed(UPLOAD, **NO_ANSWER), *exchange([post("small-upload", 403)])], {"HTTPS-06": "http.stalled"}
    ),
    "stalled, and so is a small one": row(
        [*changed(UPLOAD, **NO_ANSWER), *exchange([post("small-upload", None, error=error("TIMEOUT", "head"))])],
        because={"HTTPS-06": "a small upload got no answer either ([TIMEOUT])"},
    ),
    "cut": row(changed(LARGEST, **{**NO_ANSWER, "error": error("ECONNRESET", "send")}), {"HTTPS-06": "http.closed"}),
    "no error and no answer": row(changed(LARGEST, **{**NO_ANSWER, "error": None}), {"HTTPS-06": "http.closed"}),
    "not tried": row(without(healthy(), **UPLOAD), because={"HTTPS-06": "no large request came to an end"}),
    "no connection for them": row(
        changed(UPLOAD, **{**NO_ANSWER, "error": error("TIMEOUT", "tcp")}), unchecked="HTTPS-06"
    ),
    "no handshake for them": row(changed(UPLOAD, **{**NO_ANSWER, "error": error("EOF", "tls")}), unchecked="HTTPS-06"),
    "no tunnel for them": row(changed(UPLOAD, **{**NO_ANSWER, "error": error("EOF", "proxy")}), unchecked="HTTPS-06"),
    "tried over unverified TLS alone": row(changed(UPLOAD, verified=False), unchecked="HTTPS-06"),
    "fine, whatever a small one gets": row(added(post("small-upload", None, error=error("TIMEOUT", "head")))),
}


@each(ENDS, HELLOS, UPLOADS)
def test_https(case: Row) -> None:
    case.check()


def test_every_size_that_fails_is_one_finding() -> None:
    verdict = verdict_of("HTTPS-06", changed(UPLOAD, **NO_ANSWER))
    assert [found.subject for found in verdict.findings] == [FIRST]
    assert verdict.saw == f"{FIRST}: an upload of 300 kB stalls"


@pytest.mark.parametrize(
    ("records", "saw"),
    [
        (healthy(), "uploads of 300 kB, 2500 kB were answered"),
        (
            uploads_get(413),
            (
                f"{FIRST}: an upload of 2500 kB got status 413 application/json; "
                "a small one gets status 403 application/json"
            ),
        ),
        (
            [r for r in uploads_get(413) if r.get("purpose") != "path"],
            f"{FIRST}: an upload of 2500 kB got status 413 application/json",
        ),
        (
            UPLOADS["stalled, and small segments pass"].records,
            f"{FIRST}: an upload of 2500 kB stalls; the same in segments of 536 bytes is answered",
        ),
        (UPLOADS["cut"].records, f"{FIRST}: the connection is cut in an upload of 2500 kB ([ECONNRESET])"),
        (
            [{k: v for k, v in r.items() if k != "request_bytes"} for r in UPLOADS["no error and no answer"].records],
            f"{FIRST}: the connection is cut in an upload of 65 kB (no answer)",
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
    assert verdict_of("HTTPS-05", healthy()).saw == "a ClientHello of 1800 bytes was answered"


def test_the_interception_is_named() -> None:
    verdict = verdict_of("HTTPS-03", another_chain_at(ADDRESS6, healthy(), **FOREIGN))
    (found,) = verdict.findings
    assert (found.subject, found.values["issuer"]) == (ADDRESS6, "CN=Corp Proxy CA,O=Corp")
    assert verdict.reproduce.startswith(f"openssl s_client -connect [{ADDRESS6}]:443 ")
    through = verdict_of("HTTPS-03", another_chain_at(None, proxied(), **FOREIGN))
    assert through.findings[0].subject == f"{HOST} through the proxy"
    assert through.reproduce.startswith(f"openssl s_client -connect {HOST}:443 ")


def test_what_did_not_verify_is_not_judged_twice() -> None:
    """Where HTTPS-02 is waived, HTTPS-03 has nothing to go by, and says so."""
    accepted = settings(waivers=(Waiver(requirement="HTTPS-02", owner="o", reason="r", expires="2030-01-01"),))
    foreign = altered(untrusted(), CHAIN, **FOREIGN)
    verdict = verdict_of("HTTPS-03", foreign, accepted)
    assert verdict.result is Result.NOTCHECKED


def test_hellos_are_told_apart() -> None:
    dropped = verdict_of("HTTPS-05", HELLOS["no answer"].records).saw
    assert dropped == f"{FIRST}: no answer to a ClientHello of 1800 bytes ([TIMEOUT]); a small one was answered"
    mtu = verdict_of("HTTPS-05", HELLOS["small segments pass"].records).saw
    assert mtu == f"{FIRST}: a ClientHello of 1800 bytes passes in segments of 536 bytes and not in full ones"


def test_an_unread_chain_is_told() -> None:
    verdict = verdict_of("HTTPS-03", ENDS["at one address the leaf alone was seen"].records)
    assert verdict.result is Result.NOTCHECKED
    assert verdict.reason == f"reading the whole certificate chain at {FIRST} did not come to an end"
