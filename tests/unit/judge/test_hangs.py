"""A share of connections that opens and hangs: HTTPS-02 at the ClientHello, RCV-01 at the first request; or that gets
another certificate or another answer than the rest."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance.findings import Team
from tests.unit.judge.records import ADDRESSES, Record, b64, certificate, chain, error, tls
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import altered, changed, exchange, healthy, verdict_of, without

FIRST = ADDRESSES[0]
AT_FIRST = {"kind": "shares", "address": FIRST}
ASKED = {"kind": "exchanges", "address": FIRST}
SHAKEN = {"kind": "tls", "purpose": "verify", "address": FIRST}
GOT = {"kind": "http", "purpose": "receiver", "address": FIRST}
ALL_CALM = {"tries": 8, "opened": 8, "repeated": 0}


def hung(count: int = 9, name: str = "TIMEOUT", again: str | None = None, **more: Any) -> Record:
    """So many of 72 connections got no answer to the ClientHello, nor when tried again."""
    ports = range(40000, 40000 + count)
    return {
        "calm": ALL_CALM,
        "answers": {"got": 72 - count, "calm": [8, 7], "slowest": 0.02},
        "hung": [[port, name] for port in ports],
        "hung_again": [[port, name if again is None else again] for port in ports],
        **more,
    }


def stuck(count: int = 4, name: str = "TIMEOUT", again: str | None = None, **more: Any) -> Record:
    """So many of 18 first requests got no answer, nor when made again."""
    ports = range(50000, 50000 + count)
    name_again = name if again is None else again
    return {
        "answered": 18 - count,
        "stuck": [[port, "head", name] for port in ports],
        "stuck_again": [[port, "head" if name_again else "", name_again] for port in ports],
        "beside": [count, count - 1],
        **more,
    }


def odd(count: int = 3, kind: str = "503 text/html", again: str | None = None, **more: Any) -> Record:
    """So many of 24 connections got another answer, and when tried again."""
    ports = range(50000, 50000 + count)
    return {
        "tries": 24,
        "answered": 24,
        "odd": [[port, kind] for port in ports],
        "odd_again": [[port, kind if again is None else again] for port in ports],
        "beside": [32, 32],
        "beside_odd": [[51000, kind], [51001, kind]],
        **more,
    }


def unverified(**more: Any) -> list[Record]:
    """The right world in which three of 24 connections to the first address are shown a certificate that expired."""
    past = certificate(not_after="2026-01-01T00:00:00+00:00")
    refused = error("VERIFY", "tls", code=10, text="certificate has expired")
    dead = [[port, "tls", "VERIFY"] for port in range(50000, 50003)]
    fields = {"tries": 24, "answered": 21, "stuck": dead, "stuck_again": dead, "beside": [8, 7], **more}
    shown = [
        tls(FIRST, "share", verified=False, chain=[], error=refused),
        tls(FIRST, "share-identify", chain=[b64(b"old")]),
    ]
    return changed(ASKED, **fields) + exchange([*shown, chain(b"old", certificates=[past])])


SLOW = {"got": 63, "calm": [8, 7], "slowest": 1.5}
SLOWER = {"got": 63, "calm": [8, 2], "slowest": 1.5}
LOSS = {"repeated": 40, "calm": {"tries": 8, "opened": 8, "repeated": 6}}
HELLO, REQUEST = {"HTTPS-02": "tls.share-stalled"}, {"RCV-01": "http.share-stalled"}

MOVING = {"idle": 0.2, "sent_bytes": 60_000, "unacknowledged_bytes": 25_000, "seconds": 6.0}
UNDER_WAY = {**MOVING, "status": None, "headers": [], "body": "", "error": error("TIMEOUT", "send")}
UPLOADS = {"kind": "http", "purpose": "upload", "request_bytes": 2_500_000}

AT_THE_HELLO = {
    "a share, on a way that is slow": row(
        altered(changed(AT_FIRST, **hung()), UPLOADS, **UNDER_WAY), {"HTTPS-06": "http.too-slow"}
    ),
    "answers are slow on a way that is": row(
        altered(changed(AT_FIRST, **hung(answers={"got": 63, "calm": [8, 7], "slowest": 1.5})), UPLOADS, **UNDER_WAY),
        {"HTTPS-06": "http.too-slow"},
    ),
    "a share": row(changed(AT_FIRST, **hung()), HELLO),
    "one port": row(changed(AT_FIRST, **hung(1)), HELLO),
    "half of all": row(changed(AT_FIRST, **hung(36, answers={"got": 36, "calm": [8, 4], "slowest": 0.02})), HELLO),
    "a share that is cut": row(changed(AT_FIRST, **hung(name="ECONNRESET")), HELLO),
    "the first handshake was one of them": row(
        altered(changed(SHAKEN, verified=False, error=error("TIMEOUT", "tls")), AT_FIRST, **hung()), HELLO
    ),
    "answered the second time": row(changed(AT_FIRST, **hung(again=""))),
    "all of them, which a single handshake shows too": row(
        changed(AT_FIRST, **hung(72, again="", answers={"got": 0, "calm": [0, 0], "slowest": 0.0}, hung_again=[]))
    ),
    "nobody answers any more": row(changed(AT_FIRST, **hung(answers={"got": 63, "calm": [8, 0], "slowest": 0.02}))),
    "one port where much is lost": row(changed(AT_FIRST, **{**hung(1), **LOSS}), {"HTTPS-08": "path.lossy"}),
    "answers are slow, and new ports get them": row(changed(AT_FIRST, **hung(answers=SLOW)), HELLO),
    "answers are slow, from new ports too": row(changed(AT_FIRST, **hung(answers=SLOWER)), unchecked="HTTPS-02"),
    "answers are slow, and one port gets none": row(changed(AT_FIRST, **hung(1, answers=SLOW)), unchecked="HTTPS-02"),
    "answers are slow, and a handshake gets one in small segments": row(
        altered(
            changed(SHAKEN, verified=False, error=error("TIMEOUT", "tls"))
            + exchange([tls(FIRST, "small-mss", mss=536)]),
            AT_FIRST,
            **hung(answers=SLOWER),
        ),
        unchecked="HTTPS-02",
    ),
    "more are said to be answered than were tried": row(
        changed(AT_FIRST, **hung(answers={**SLOW, "calm": [1, 10_000_000]})), unchecked="HTTPS-02"
    ),
    "no probe tries so many again": row(
        changed(AT_FIRST, **hung(answers={**SLOW, "calm": [2_000_000_000, 1_000_000_000]})), unchecked="HTTPS-02"
    ),
    "not tried again": row(changed(AT_FIRST, **hung(hung_again=[])), unchecked="HTTPS-02"),
    "ports that were taken meanwhile": row(changed(AT_FIRST, **hung(again="EADDRNOTAVAIL")), unchecked="HTTPS-02"),
    "of an older journal": row(changed({"kind": "shares"}, answers=None, hung=None, hung_again=None)),
}
AT_THE_REQUEST = {
    "a share, on a way that is slow": row(
        altered(changed(ASKED, **stuck()), UPLOADS, **UNDER_WAY), {"HTTPS-06": "http.too-slow"}
    ),
    "answers are slow on a way that is": row(
        altered(changed(ASKED, **stuck(slowest=2.2)), UPLOADS, **UNDER_WAY), {"HTTPS-06": "http.too-slow"}
    ),
    "a share": row(changed(ASKED, **stuck()), REQUEST),
    "a share that is cut": row(changed(ASKED, **stuck(name="EOF")), REQUEST),
    "the first request was one of them": row(
        altered(changed(GOT, status=None, error=error("TIMEOUT", "head")), ASKED, **stuck()), REQUEST
    ),
    "answered the second time": row(changed(ASKED, **stuck(again=""))),
    "nobody answers any more": row(changed(ASKED, **stuck(beside=[4, 0]))),
    "answers are slow": row(changed(ASKED, **stuck(slowest=2.2)), unchecked="RCV-01"),
    "not made again": row(changed(ASKED, **stuck(stuck_again=[])), unchecked="RCV-01"),
    "not made at all": row(without(healthy(), kind="exchanges"), unchecked="HTTPS-02 RCV-01"),
}

DIFFERS, EXPIRED = {"RCV-01": "http.share-differs"}, {"HTTPS-02": "tls.expired"}
USUAL = "403 application/json"
ANSWERED_503 = {"status": 503, "headers": [["Content-Type", "text/html"]], "body": b64(b"<html></html>")}
OTHERWISE = {
    "a share": row(changed(ASKED, **odd()), DIFFERS),
    "a share that gets a block page": row(changed(ASKED, **odd(kind="403 text/html")), DIFFERS),
    "one port": row(changed(ASKED, **odd(1)), DIFFERS),
    "the first request was one of them": row(altered(changed(GOT, **ANSWERED_503), ASKED, **odd()), DIFFERS),
    "one of the agent's requests was one of them": row(
        altered(changed({"purpose": "agent", "address": FIRST, "caller": "rbac"}, **ANSWERED_503), ASKED, **odd()),
        DIFFERS,
    ),
    "the first request failed otherwise": row(
        altered(changed(GOT, **{**ANSWERED_503, "status": 500}), ASKED, **odd()), DIFFERS
    ),
    "momentary": row(changed(ASKED, **odd(again=USUAL, beside_odd=[]))),
    "whatever the port": row(
        changed(ASKED, **odd(4, odd_again=[[50000, "503 text/html"], [50001, USUAL], [50002, USUAL]])), DIFFERS
    ),
    "whatever the port, and no new one": row(
        changed(ASKED, **odd(4, odd_again=[[50000, "503 text/html"], [50001, USUAL], [50002, USUAL]], beside_odd=[])),
        DIFFERS,
    ),
    "its head was not whole the second time": row(changed(ASKED, **odd(again="", beside_odd=[]))),
    "rarely, whatever the port": row(changed(ASKED, **odd(1, again=USUAL, beside_odd=[[51000, "503 text/html"]]))),
    "a limit of requests that our own met": row(
        changed(ASKED, **odd(kind="429 text/html", odd_again=[], beside=[0, 0], beside_odd=[])), unchecked="RCV-01"
    ),
    "a limit of requests that our own met at once": row(changed(ASKED, usual="429"), unchecked="RCV-01"),
    "a limit of requests, met when others were tried again": row(
        changed(ASKED, **odd(again=USUAL, beside_odd=[[51000, "429 text/html"]])), unchecked="RCV-01"
    ),
    "most others are wrong, too": row(changed(ASKED, **odd(usual="502 text/html"))),
    "nobody gets the usual any more": row(
        changed(ASKED, **odd(beside_odd=[[port, "503 text/html"] for port in range(51000, 51032)]))
    ),
    "not tried again": row(changed(ASKED, **odd(odd_again=[], beside=[0, 0])), unchecked="RCV-01"),
    "ports that were taken meanwhile": row(
        changed(ASKED, **odd(again="EADDRNOTAVAIL", beside_odd=[])), unchecked="RCV-01"
    ),
}
UNVERIFIED = {
    "a share": row(unverified(), EXPIRED),
    "the first handshake was one of them": row(
        altered(unverified(), SHAKEN, verified=False, chain=[], error=error("VERIFY", "tls", code=10)), EXPIRED
    ),
    "verified the second time": row(unverified(stuck_again=[[50000, "", ""]])),
    "its port was taken meanwhile": row(
        altered(unverified(), {"purpose": "share"}, error=error("EADDRNOTAVAIL", "tcp")), unchecked="HTTPS-02"
    ),
}


@each(AT_THE_HELLO, AT_THE_REQUEST, OTHERWISE, UNVERIFIED)
def test_hangs(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("requirement", "where", "fields", "saw"),
    [
        (
            "HTTPS-02",
            AT_FIRST,
            hung(2),
            (
                f"2 of 72 connections to {FIRST} open and get no answer to the ClientHello, "
                "always from the same source ports (40000, 40001)"
            ),
        ),
        (
            "RCV-01",
            ASKED,
            stuck(2, name="EOF"),
            (
                f"2 of 18 connections to {FIRST} are cut (EOF) at the first request, "
                "always from the same source ports (50000, 50001)"
            ),
        ),
    ],
)
def test_a_share_is_told_with_its_number(requirement: str, where: Record, fields: Record, saw: str) -> None:
    assert verdict_of(requirement, changed(where, **fields)).saw == saw


@pytest.mark.parametrize(
    ("fields", "saw"),
    [
        (odd(2), "2 of 24 connections to {} were answered with 503 text/html and not with {}, always from the same"),
        (odd(4, again=USUAL), "6 of 60 connections to {} were answered with 503 text/html and not with {}, from any"),
    ],
)
def test_a_share_of_answers_is_told_with_its_number(fields: Record, saw: str) -> None:
    verdict = verdict_of("RCV-01", changed(ASKED, **fields))
    assert verdict.saw.startswith(saw.format(FIRST, USUAL))
    assert verdict.findings[0].values["ask"] is Team.VENDOR
    blocked = verdict_of("RCV-01", changed(ASKED, **odd(kind="403 text/html")))
    assert blocked.findings[0].values["ask"] is Team.FIREWALL


def test_a_share_of_certificates_is_told_with_its_number() -> None:
    verdict = verdict_of("HTTPS-02", unverified())
    assert verdict.saw.startswith(f"{FIRST} shows a certificate of ")
    assert verdict.saw.endswith(
        "; 3 of 24 connections get it, always from the same source ports (50000, 50001, 50002), "
        "and the others one that verifies"
    )
