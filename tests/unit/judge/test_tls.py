"""TLS: silence, noise, alerts, and whose certificate it is."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import pytest

from netcompliance.judge.alerts import alert_of
from netcompliance.judge.commands import GROUPS, SUITES
from netcompliance.judge.tls import is_tls_record, speaks
from tests.unit.judge.records import (
    ADDRESSES,
    BASE,
    EVERY,
    HOST,
    NOW,
    Record,
    b64,
    certificate,
    chain,
    error,
    http,
    registry_step,
    tls,
)
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import altered, changed, exchange, healthy, proxied, untrusted, verdict_of, without

FIRST = ADDRESSES[0]
AT_FIRST = {"kind": "tls", "address": FIRST, "purpose": "verify", "task": "tenant"}


def alert(description: int) -> str:
    return b64(bytes([0x15, 3, 3, 0, 2, 2, description]))


def ended(name: str, received: bytes | str = b"", **more: Any) -> list[Record]:
    """The first address's handshake ends so; the others are fine."""
    shown = received if isinstance(received, str) else b64(received)
    return changed(AT_FIRST, verified=False, chain=[], received=shown, error={**error(name, "tls"), **more})


def identified(version: str, records: list[Record]) -> list[Record]:
    return [*records, *exchange([tls(FIRST, "identify", verified=False, version=version)])]


HELLO = b"\x16\x03\x03\x00\x50"

HANDSHAKES = {
    "no bytes in time": row(ended("TIMEOUT"), {"HTTPS-02": "tls.stalled"}),
    "no bytes, by the system's time limit": row(ended("ETIMEDOUT"), {"HTTPS-02": "tls.stalled"}),
    "TLS, but not to its end": row(ended("TIMEOUT", HELLO), {"HTTPS-02": "tls.stalled"}),
    "stalled, and small segments pass": row(
        [*ended("TIMEOUT"), *exchange([tls(FIRST, "small-mss", mss=536)])], {"HTTPS-02": "path.mtu"}
    ),
    "stalled, and small segments bring a certificate": row(
        [*ended("TIMEOUT"), *exchange([tls(FIRST, "small-mss", error=error("VERIFY", "tls"))])],
        {"HTTPS-02": "path.mtu"},
    ),
    "stalled, small segments too": row(
        [*ended("TIMEOUT"), *exchange([tls(FIRST, "small-mss", error=error("TIMEOUT", "tls"))])],
        {"HTTPS-02": "tls.stalled"},
    ),
    "cut": row(ended("ECONNRESET"), {"HTTPS-02": "tls.reset"}),
    "cut, and small segments pass by chance": row(
        [*ended("ECONNRESET"), *exchange([tls(FIRST, "small-mss")])], {"HTTPS-02": "tls.reset"}
    ),
    "closed": row(ended("EOF"), {"HTTPS-02": "tls.reset"}),
    "closed in the middle of TLS": row(ended("EOF", HELLO), {"HTTPS-02": "tls.reset"}),
    "plain HTTP": row(ended("SSL", b"HTTP/1.1 400 Bad"), {"HTTPS-02": "tls.not-tls"}),
    "a banner, then silence": row(ended("TIMEOUT", b"SSH-2.0-x"), {"HTTPS-02": "tls.not-tls"}),
    "noise": row(ended("SSL", b"\xff\xfe\x00"), {"HTTPS-02": "tls.not-tls"}),
    "nothing through the proxy": row(
        altered(
            proxied(),
            {"kind": "tls", "task": "tenant"},
            verified=False,
            chain=[],
            received=None,
            error=error("EOF", "tls"),
        ),
        {"PRX-01": "proxy.no-way-out"},
        unchecked="HTTPS-02",
    ),
    "alert for the version": row(ended("SSL", alert(70)), {"HTTPS-02": "tls.version"}),
    "alert for the name": row(ended("SSL", alert(112)), {"HTTPS-02": "tls.name-not-served"}),
    "a warning about the name, then nothing in common": row(
        ended("SSL", b"\x15\x03\x03\x00\x02\x01\x70\x15\x03\x03\x00\x02\x02\x28"),
        {"HTTPS-02": "tls.no-common-cipher"},
    ),
    "alert for a policy": row(ended("SSL", alert(49)), {"HTTPS-02": "tls.reset"}),
    "alert of a fault": row(ended("SSL", alert(80)), {"HTTPS-02": "tls.peer-fault"}),
    "alert that nobody knows": row(ended("SSL", alert(99)), {"HTTPS-02": "tls.peer-fault"}),
    "alert for the protocols": row(ended("SSL", alert(120)), {"HTTPS-02": "tls.hello-refused"}),
    "alert behind the peer's own flight": row(
        ended("SSL", HELLO, reason="SSLV3_ALERT_HANDSHAKE_FAILURE"), {"HTTPS-02": "tls.client-certificate"}
    ),
    "alert by OpenSSL's words": row(
        ended("SSL", HELLO, text="[SSL: UNKNOWN] tlsv13 alert certificate required (_ssl.c:2580)"),
        {"HTTPS-02": "tls.client-certificate"},
    ),
    "alert, and an old version is accepted": row(
        identified("TLSv1.1", ended("SSL", alert(40))), {"HTTPS-02": "tls.version"}
    ),
    "alert, and nothing is accepted": row(ended("SSL", alert(40)), {"HTTPS-02": "tls.no-common-cipher"}),
    "alert, and another suite is accepted": row(
        identified("TLSv1.2", ended("SSL", alert(40))), {"HTTPS-02": "tls.no-common-cipher"}
    ),
    "no client certificate, said to the first request": row(
        changed(
            {"kind": "http", "address": FIRST, "purpose": "receiver"},
            status=None,
            error={**error("SSL", "head"), "reason": "TLSV13_ALERT_CERTIFICATE_REQUIRED"},
        ),
        {"HTTPS-02": "tls.client-certificate"},
    ),
    "what Go ends after the handshake": row(
        changed(
            {"kind": "http", "address": FIRST, "purpose": "path"}, go_refuses="tls: too many non-advancing records"
        ),
        {"HTTPS-02": "tls.go-refuses"},
    ),
    "an empty trust store": row(
        altered(untrusted(), {"kind": "host"}, trust={"source": "/x", "certificates": 0}),
        {"HTTPS-02": "tls.trust-store-empty"},
    ),
    "old version by OpenSSL's word": row(
        ended("SSL", HELLO, reason="UNSUPPORTED_PROTOCOL"), {"HTTPS-02": "tls.version"}
    ),
    "weak parameters": row(
        identified("TLSv1.2", ended("SSL", HELLO, reason="DH_KEY_TOO_SMALL")),
        because={"HTTPS-02": f"OpenSSL ends the handshake, and the agent may not: {FIRST} ([SSL])"},
    ),
    "weak parameters of nobody known": row(ended("SSL", HELLO, reason="DH_KEY_TOO_SMALL"), unchecked="HTTPS-02"),
    "old version by OpenSSL's words alone": row(
        ended("SSL", HELLO, text="error:0A000102:SSL routines::unsupported protocol"), {"HTTPS-02": "tls.version"}
    ),
    "OpenSSL's own rules": row(
        ended("SSL", HELLO, reason="UNSAFE_LEGACY_RENEGOTIATION_DISABLED"), unchecked="HTTPS-02"
    ),
    "an SSL error without a byte": row(ended("SSL"), {"HTTPS-02": "tls.reset"}),
    "verified in an old version": row(changed(AT_FIRST, version="TLSv1.1"), {"HTTPS-02": "tls.version"}),
    "verified after four seconds": row(
        altered(changed(AT_FIRST, seconds=4.0), {"purpose": "agent-hello", "address": FIRST}, seconds=4.0),
        {"HTTPS-09": "tls.slow"},
    ),
    "slow once": row(changed(AT_FIRST, seconds=4.0)),
    "neither verified nor failed": row(changed(AT_FIRST, verified=False), unchecked="HTTPS-02"),
    "not tried at one address": row(without(healthy(), **AT_FIRST), unchecked="HTTPS-02"),
    "not tried at one, failed at another": row(
        altered(
            without(healthy(), **AT_FIRST),
            {"purpose": "verify", "address": ADDRESSES[1]},
            verified=False,
            error=error("EOF", "tls"),
        ),
        {"HTTPS-02": "tls.reset"},
    ),
    "broke here": row(ended("EXCEPTION"), unchecked="HTTPS-02"),
}

FOREIGN: dict[str, Any] = {"anchor": None, "anchor_name": None, "public_issuer": False}
CORP = certificate(issuer="CN=Corp Proxy CA,O=Corp")
CORP_ROOT = certificate(subject="CN=Corp Proxy CA,O=Corp", issuer="CN=Corp Proxy CA,O=Corp", self_signed=True)
PUBLIC_TOP = certificate(subject="CN=Public Issuing CA", issuer="CN=Public Root")


def shown(*certificates: Record, records: list[Record] | None = None, **fields: Any) -> list[Record]:
    """The tenant's chain is this one, and does not verify."""
    base = records or untrusted(code="VERIFY")
    return [
        *without(base, kind="chain", host=HOST),
        *exchange([chain(b"leaf", certificates=list(certificates), **fields)]),
    ]


def dated(begin: str, end: str, subject: str = f"CN={HOST}") -> Record:
    return certificate(subject=subject, not_before=begin, not_after=end)


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


OVER = dated("2026-01-01T00:00:00Z", "2026-09-20T00:00:00Z")
TO_COME = dated("2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z")
IN_TIME = certificate()


def clock(ahead: float, records: list[Record], number: int = 3) -> list[Record]:
    """The peers' dates say that the host's clock is so many seconds ahead."""
    date = [["Date", formatdate(NOW - ahead, usegmt=True)]]
    kept = [r for r in records if r["kind"] != "registry"]
    return [*kept, *exchange([registry_step("ping", headers=date, at=NOW, seconds=0.0) for _ in range(number)])]


CERTIFICATES = {
    "self-signed": row(shown(certificate(self_signed=True), **FOREIGN), {"HTTPS-02": "tls.self-signed"}),
    "self-signed for another name": row(
        shown(certificate(self_signed=True, names=["x"]), covers=False, **FOREIGN), {"HTTPS-02": "tls.self-signed"}
    ),
    "for another name": row(shown(certificate(names=["x.example"]), covers=False), {"HTTPS-02": "tls.wrong-name"}),
    "for another name, and over": row(shown(OVER, covers=False), {"HTTPS-02": "tls.wrong-name"}),
    "intercepted, leaf alone": row(shown(CORP, **FOREIGN), {"HTTPS-02": "tls.intercepted"}),
    "intercepted, with its root": row(shown(CORP, CORP_ROOT, **FOREIGN), {"HTTPS-02": "tls.intercepted"}),
    "intercepted and over": row(shown({**CORP, **OVER}, **FOREIGN), {"HTTPS-02": "tls.intercepted"}),
    "intercepted in a public authority's name": row(
        shown(CORP, CORP_ROOT, **{**FOREIGN, "public_issuer": True}), {"HTTPS-02": "tls.intercepted"}
    ),
    "declared, and the host lacks it": row(
        shown(CORP, CORP_ROOT, **{**FOREIGN, "anchor": "declared"}), {"HTTPS-02": "tls.untrusted"}
    ),
    "public by signatures, whatever its names, and the host lacks it": row(
        shown(IN_TIME, CORP_ROOT, public_issuer=False), {"HTTPS-02": "tls.roots-outdated"}
    ),
    "public, and the host lacks it": row(shown(IN_TIME, PUBLIC_TOP), {"HTTPS-02": "tls.roots-outdated"}),
    "the server leaves out an intermediate": row(
        shown(IN_TIME, anchor=None, anchor_name=None, public_issuer=True), {"HTTPS-02": "tls.chain-incomplete"}
    ),
    "the server sends a wrong intermediate": row(
        shown(IN_TIME, PUBLIC_TOP, anchor=None, anchor_name=None, public_issuer=True),
        {"HTTPS-02": "tls.chain-incomplete"},
    ),
    "over": row(shown(OVER, PUBLIC_TOP), {"HTTPS-02": "tls.expired"}),
    "an intermediate is over": row(
        shown(IN_TIME, dated("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "CN=I")), {"HTTPS-02": "tls.expired"}
    ),
    "not yet": row(shown(TO_COME), {"HTTPS-02": "tls.not-yet-valid"}),
    "a time without a zone is UTC": row(
        shown(dated("2026-01-01T00:00:00", "2026-09-20T00:00:00")), {"HTTPS-02": "tls.expired"}
    ),
    "over, and nobody knows when it was seen": row(
        shown(OVER, records=[{k: v for k, v in r.items() if k != "at" or r["kind"] != "tls"} for r in untrusted()]),
        {"HTTPS-02": "tls.roots-outdated"},
    ),
    "times that are none": row(shown(dated("soon", "later")), {"HTTPS-02": "tls.roots-outdated"}),
    "over, and the host's clock is 40 days ahead": row(
        clock(40 * 86400, shown(OVER)), {"HTTPS-02": "clock.off"}, unchecked="CLK-01"
    ),
    "not yet, and the host's clock is 40 days behind": row(
        clock(-40 * 86400, shown(TO_COME)), {"HTTPS-02": "clock.off"}
    ),
    "over, and the clock is not off enough to explain it": row(clock(3600, shown(OVER)), {"HTTPS-02": "tls.expired"}),
    "over by the right clock too": row(clock(86400 * 300, shown(OVER)), {"HTTPS-02": "tls.expired"}),
    "over since half a minute, and the clock is a minute ahead": row(
        clock(60, shown(dated("2026-01-01T00:00:00Z", moment(NOW - 30)))), {"HTTPS-02": "tls.expired"}
    ),
    "over since half a minute, and the clock is more than a minute ahead": row(
        clock(61, shown(dated("2026-01-01T00:00:00Z", moment(NOW - 30)))), {"HTTPS-02": "clock.off"}
    ),
    "over during the handshake": row(shown(dated("2026-01-01T00:00:00Z", moment(NOW))), {"HTTPS-02": "tls.expired"}),
    "over right after it": row(
        shown(dated("2026-01-01T00:00:00Z", moment(NOW + 1))), {"HTTPS-02": "tls.roots-outdated"}
    ),
    "begins this second": row(shown(dated(moment(NOW), "2027-01-01T00:00:00Z")), {"HTTPS-02": "tls.roots-outdated"}),
    "no chain: expired by OpenSSL's number": row(
        untrusted(chain=[], error=error("VERIFY", "tls", code=10)), {"HTTPS-02": "tls.expired"}
    ),
    "no chain: not yet": row(
        untrusted(chain=[], error=error("VERIFY", "tls", code=9)), {"HTTPS-02": "tls.not-yet-valid"}
    ),
    "no chain: self-signed": row(
        untrusted(chain=[], error=error("VERIFY", "tls", code=18)), {"HTTPS-02": "tls.self-signed"}
    ),
    "no chain: another name": row(
        untrusted(chain=[], error=error("VERIFY", "tls", code=62)), {"HTTPS-02": "tls.wrong-name"}
    ),
    "no chain: anything else": row(
        untrusted(chain=[], error=error("VERIFY", "tls", code=20)), {"HTTPS-02": "tls.untrusted"}
    ),
    "no certificate in the chain": row(
        [{**r, "certificates": []} if r["kind"] == "chain" and r["host"] == HOST else r for r in untrusted()],
        {"HTTPS-02": "tls.untrusted"},
    ),
}


@each(HANDSHAKES, CERTIFICATES)
def test_handshakes(case: Row) -> None:
    case.check()


EVERYWHERE = ", ".join(EVERY)


@pytest.mark.parametrize(
    ("records", "detail"),
    [
        (ended("SSL", b"HTTP/1.1 400 Bad"), f"{FIRST} answered the TLS ClientHello with 'HTTP/1.1 400 Bad'"),
        (ended("SSL", alert(70)), f"{FIRST} refuses TLS 1.2 and 1.3 ([SSL])"),
        (
            identified("TLSv1.1", ended("SSL", alert(40), reason="X")),
            f"{FIRST} refuses TLS 1.2 and 1.3 (X); it speaks TLSv1.1",
        ),
        (ended("SSL", alert(112)), f"{FIRST} answered the ClientHello with the TLS alert unrecognized_name"),
        (ended("SSL", alert(99)), f"{FIRST} answered the ClientHello with the TLS alert 99"),
        (ended("TIMEOUT"), f"{FIRST} opened and did not finish the TLS handshake in 20 ms"),
        (ended("EOF"), f"{FIRST} cut the connection 20 ms after the ClientHello ([EOF])"),
        (ended("EOF", text=""), f"{FIRST} cut the connection 20 ms after the ClientHello (EOF)"),
        (
            shown(certificate(self_signed=True), **FOREIGN),
            f"{EVERYWHERE} shows a certificate of CN={HOST} that is signed by itself",
        ),
        (
            shown(IN_TIME, PUBLIC_TOP),
            f"{EVERYWHERE}: [VERIFY]; the chain leads to CN=Public Root,O=Public Trust, a public authority",
        ),
        (changed(AT_FIRST, version="TLSv1"), f"{FIRST} speaks TLSv1 at most"),
    ],
)
def test_how_a_handshake_failed_is_told(records: list[Record], detail: str) -> None:
    assert verdict_of("HTTPS-02", records).saw == detail


@pytest.mark.parametrize(
    ("records", "values"),
    [
        (CERTIFICATES["intercepted, leaf alone"].records, {"issuer": "CN=Corp Proxy CA,O=Corp"}),
        (CERTIFICATES["public, and the host lacks it"].records, {"issuer": "CN=Public Root,O=Public Trust"}),
        (CERTIFICATES["self-signed"].records, {"issuer": f"CN={HOST}"}),
        (CERTIFICATES["for another name"].records, {"names": "x.example"}),
        (shown(certificate(names=[]), covers=False), {"names": f"CN={HOST}"}),
        (CERTIFICATES["no certificate in the chain"].records, {"issuer": "CN=Public Root,O=Public Trust"}),
        (CERTIFICATES["no chain: anything else"].records, {"issuer": "an unknown issuer"}),
        (CERTIFICATES["no chain: another name"].records, {"names": "another name"}),
        (ended("SSL", b"HTTP/1.1 400 Bad"), {"speaks": "it speaks plain HTTP"}),
    ],
)
def test_words_for_the_remedy(records: list[Record], values: dict[str, str]) -> None:
    given = verdict_of("HTTPS-02", records).findings[0].values
    assert {name: given.get(name) for name in values} == values


def test_the_clock_and_the_dates_are_told() -> None:
    over = verdict_of("HTTPS-02", CERTIFICATES["over"].records).findings[0].detail
    assert over == f"{FIRST} shows a certificate of CN={HOST} whose time ended 2026-09-20T00:00:00Z"
    begins = verdict_of("HTTPS-02", CERTIFICATES["not yet"].records).findings[0].detail
    assert begins == f"{FIRST} shows a certificate of CN={HOST} whose time begins 2026-10-01T00:00:00Z"
    ahead = verdict_of("HTTPS-02", clock(40 * 86400, shown(OVER))).findings[0].detail
    assert ahead.startswith("the host's clock is 3456000 s ahead of its peers'; ")
    behind = verdict_of("HTTPS-02", clock(-40 * 86400, shown(TO_COME))).findings[0].detail
    assert behind.startswith("the host's clock is 3456000 s behind its peers'; ")


def test_what_a_stranger_answers_is_told() -> None:
    """A portal with a certificate of its own is known by its page."""
    page = http(FIRST, "receiver", f"{BASE}/features", 200, b"<title>Guest</title>", verified=False)
    detail = (
        verdict_of("HTTPS-02", [*CERTIFICATES["intercepted, leaf alone"].records, *exchange([page])]).findings[0].detail
    )
    assert detail.endswith("; it answers status 200 application/json titled 'Guest'")
    cut = {"verified": False, "chain": [], "error": error("EOF", "tls"), "received": b64(b"\x16\x03\x03")}
    through = altered(proxied(), {"kind": "tls", "task": "tenant"}, **cut)
    assert verdict_of("HTTPS-02", through).findings[0].subject == f"{HOST} through the proxy"
    other = {**page, "verified": True}
    detail = verdict_of("HTTPS-02", [*CERTIFICATES["self-signed"].records, *exchange([other])]).findings[0].detail
    assert detail.endswith("that is signed by itself")
    silent = {**page, "status": None}
    detail = verdict_of("HTTPS-02", [*CERTIFICATES["self-signed"].records, *exchange([silent])]).findings[0].detail
    assert detail.endswith("that is signed by itself")


def test_what_is_missing_is_told() -> None:
    reason = verdict_of("HTTPS-02", without(healthy(), **AT_FIRST)).reason
    assert reason == f"the TLS handshake at {FIRST} did not come to an end"


def test_the_failing_address_is_in_the_command() -> None:
    second = changed({"kind": "tls", "address": ADDRESSES[1], "purpose": "verify"}, error=error("EOF", "tls"))
    assert f"-connect {ADDRESSES[1]}:443 " in verdict_of("HTTPS-02", second).reproduce


def test_what_verified_is_told() -> None:
    through = verdict_of("HTTPS-02", proxied())
    assert through.saw.startswith("TLSv1.3 verified at the proxy with ")
    assert f"-connect {HOST}:443 " in through.reproduce
    verdict = verdict_of("HTTPS-02", healthy())
    assert verdict.saw == f"TLSv1.3 verified at {', '.join(EVERY)} with /etc/ssl/certs/ca-certificates.crt"
    assert (
        verdict.reproduce
        == f"openssl s_client -connect {FIRST}:443 -servername {HOST} -verify_hostname {HOST} </dev/null"
    )
    without_trust = verdict_of("HTTPS-02", changed({"kind": "host"}, trust=None))
    assert without_trust.saw.endswith("with the trust store")


@pytest.mark.parametrize(
    ("received", "words"),
    [
        (b"HTTP/1.1 400", "it speaks plain HTTP"),
        (b"\r\n<!DOCTYPE html>", "it speaks plain HTTP"),
        (b"<html>", "it speaks plain HTTP"),
        (b"SSH-2.0-OpenSSH", "it is an SSH server"),
        (b"220 mail", "it speaks a text protocol such as SMTP or FTP"),
        (b"\0\1\2", "its first bytes are of no known protocol"),
    ],
)
def test_what_it_speaks(received: bytes, words: str) -> None:
    assert speaks(received) == words


def test_records_and_alerts() -> None:
    assert all(is_tls_record(bytes([kind, 3])) for kind in (0x14, 0x15, 0x16, 0x17))
    assert is_tls_record(b"\x16")
    assert not any(is_tls_record(data) for data in (b"", b"\x18\x03", b"\x13\x03", b"\x16\x02", b"HTTP"))
    assert alert_of(bytes([0x15, 3, 1, 0, 2, 2, 40])) == 40
    assert alert_of(bytes([0x15, 3, 1, 0, 2, 2])) is None
    assert alert_of(bytes([0x16, 3, 1, 0, 2, 2, 40])) is None
    assert alert_of(bytes([0x15, 2, 1, 0, 2, 2, 40])) is None


@pytest.mark.parametrize(
    ("records", "as_the_agent"),
    [
        (HANDSHAKES["alert, and another suite is accepted"].records, True),
        (HANDSHAKES["alert for the protocols"].records, True),
        (HANDSHAKES["cut"].records, False),
    ],
)
def test_what_the_agents_offer_meets_is_shown_with_it(records: list[Record], *, as_the_agent: bool) -> None:
    command = verdict_of("HTTPS-02", records).reproduce
    assert (f" -cipher '{SUITES}:@SECLEVEL=1' -groups {GROUPS} " in command) is as_the_agent
    assert command.endswith(" </dev/null")
