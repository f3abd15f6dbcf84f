"""HTTPS-08, and what HTTPS-01 makes of a share of connections that is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.judge.records import ADDRESS6, ADDRESSES, HOST, Record, error, shares
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import added, altered, changed, healthy, proxied, verdict_of, without

FIRST = ADDRESSES[0]
AT_FIRST = {"kind": "shares", "address": FIRST}
GONE = {"kind": "tcp", "address": FIRST}
ALL_CALM = {"tries": 8, "opened": 8, "repeated": 0}


def lost(count: int = 5, syns: int = 2, name: str = "TIMEOUT", **more: Any) -> dict[str, Any]:
    """So many of 72 ports led nowhere, also when tried again."""
    ports = range(40000, 40000 + count)
    return {
        "opened": 72 - count,
        "late": 40,
        "opened_late": 40 - count,
        "unopened": [[port, name, 2] for port in ports],
        "again": [[port, name, syns] for port in ports],
        "calm": ALL_CALM,
        **more,
    }


def found_again(count: int = 9, **more: Any) -> dict[str, Any]:
    """So many did not open in a row, and all of them did when tried again."""
    return {**lost(count), "again": [[port, "", 1] for port in range(40000, 40000 + count)], **more}


LIMITED = lost(
    48,
    late=40,
    opened_late=0,
    calm={"tries": 8, "opened": 0},
    single={"tries": 3, "opened": 0},
    again=[[1, "TIMEOUT", 2]],
)
SLOWER_THAN_SHORT_TRIES = lost(
    19,
    tries=19,
    opened=0,
    late=18,
    opened_late=0,
    fastest=None,
    median=None,
    calm={"tries": 8, "opened": 0},
    single={"tries": 3, "opened": 0},
)
"""What is seen where a connection opens with its third or fourth SYN."""
REPEATED = {"repeated": 20, "calm": {"tries": 8, "opened": 8, "repeated": 3}}

SHARES = {
    "a share leads nowhere": row(changed(AT_FIRST, **lost()), {"HTTPS-01": "tcp.share-dropped"}),
    "one port of 72": row(changed(AT_FIRST, **lost(1)), {"HTTPS-01": "tcp.share-dropped"}),
    "a share is refused": row(changed(AT_FIRST, **lost(name="ECONNREFUSED")), {"HTTPS-01": "tcp.share-dropped"}),
    "most are lost, and what opens is mixed": row(
        changed(AT_FIRST, **lost(48, calm={"tries": 8, "opened": 1}, single={"tries": 3, "opened": 0}, opened_late=12)),
        {"HTTPS-01": "tcp.share-dropped"},
    ),
    "the first look met the lost share": row(
        altered(changed(GONE, error=error("TIMEOUT")), AT_FIRST, **lost()), {"HTTPS-01": "tcp.share-dropped"}
    ),
    "the first look was lost, by chance": row(
        altered(changed(GONE, error=error("TIMEOUT")), AT_FIRST, **found_again()),
    ),
    "IPv6 loses a share": row(
        changed({"kind": "shares", "address": ADDRESS6}, **lost()), {"HTTPS-07": "tcp.share-dropped"}
    ),
    "loss alone explains a silent port": row(changed(AT_FIRST, **lost(1, syns=4, repeated=60, calm=ALL_CALM))),
    "loss alone explains silent ports, by what the others lost before they opened": row(
        changed(
            AT_FIRST,
            **lost(
                8,
                repeated=20,
                again=[[port, "TIMEOUT" if port < 40002 else "", 4] for port in range(40000, 40008)],
            ),
        ),
    ),
    "loss does not explain many": row(
        changed(AT_FIRST, **lost(9, syns=6, repeated=30, calm=ALL_CALM)), {"HTTPS-01": "tcp.share-dropped"}
    ),
    "ports that were taken meanwhile": row(
        changed(AT_FIRST, **found_again(3, again=[[40000, "", 1], [40001, "EADDRINUSE", 5], [40002, "EADDRINUSE", 5]]))
    ),
    "a limit on bursts": row(changed(AT_FIRST, **found_again(30))),
    "a limit that stays": row(changed(AT_FIRST, **LIMITED), {"HTTPS-01": "tcp.rate-limited"}),
    "a limit that is over soon": row(changed(AT_FIRST, **{**found_again(48), "single": {"tries": 3, "opened": 3}})),
}
TIMES = {
    "lossy": row(changed({"kind": "shares"}, **REPEATED), {"HTTPS-08": "path.lossy"}),
    "lossy at one address": row(changed(AT_FIRST, **REPEATED), {"HTTPS-08": "path.lossy"}),
    "lost in a row only": row(changed({"kind": "shares"}, repeated=20, calm=ALL_CALM)),
    "one lost packet": row(changed(AT_FIRST, repeated=1)),
    "slow": row(changed(AT_FIRST, fastest=1.01, median=1.02, repeated=72), {"HTTPS-08": "path.slow"}),
    "slower than a try in a row is patient": row(
        altered(changed(GONE, seconds=3.1, syns=4), AT_FIRST, **SLOWER_THAN_SHORT_TRIES), {"HTTPS-08": "path.slow"}
    ),
    "the first one opened at once, and no other did": row(
        altered(healthy(), AT_FIRST, **SLOWER_THAN_SHORT_TRIES), unchecked="HTTPS-01"
    ),
    "slower than the slow tries are patient": row(
        changed(
            AT_FIRST,
            **{**SLOWER_THAN_SHORT_TRIES, "tries": 72, "opened": 53, "fastest": 2.0, "median": 2.1, "repeated": 106},
        ),
        {"HTTPS-08": "path.slow"},
    ),
    "slower than a single try is patient, but for a port that was used before": row(
        changed(
            AT_FIRST,
            **{**SLOWER_THAN_SHORT_TRIES, "tries": 72, "opened": 53, "fastest": 0.01, "median": 2.1, "repeated": 104},
        ),
        {"HTTPS-08": "path.lossy"},
    ),
    "far away": row(changed({"kind": "shares"}, fastest=0.4, median=0.41)),
    "nobody measured": row(without(healthy(), kind="shares"), unchecked="HTTPS-01 HTTPS-07 HTTPS-08"),
    "through a proxy": row(
        without(proxied(), kind="shares"),
        unchecked="PRX-01",
        because={"HTTPS-08": "the host reaches the service through an explicit proxy, not directly"},
    ),
}


@each(SHARES, TIMES)
def test_shares(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("fields", "saw"),
    [
        (
            lost(2),
            f"2 of 72 connections to {FIRST} got no answer, always from the same source ports (40000, 40001)",
        ),
        (
            lost(2, name="ECONNREFUSED"),
            f"2 of 72 connections to {FIRST} failed (ECONNREFUSED), always from the same source ports (40000, 40001)",
        ),
        (
            LIMITED,
            f"{FIRST}: 24 new connections opened, then hardly any of 12, not even one at a time, for 700 ms",
        ),
    ],
)
def test_what_is_lost_is_told_with_its_number(fields: Record, saw: str) -> None:
    assert verdict_of("HTTPS-01", changed(AT_FIRST, **fields)).saw == saw


def test_what_our_own_haste_met_is_a_note() -> None:
    verdict = verdict_of("HTTPS-01", changed(AT_FIRST, **found_again(9)))
    assert verdict.saw.endswith("; 9 quick connections in a row opened only when tried again slowly")


def test_addresses_beyond_the_limit_are_only_connected_to_and_said_so() -> None:
    more = {"kind": "tcp", "task": "tenant", "host": HOST, "address": "34.250.11.99", "full": False, "error": None}
    records = added(more)
    assert "TLS and requests were checked at 3 of 4" in verdict_of("HTTPS-01", records).saw
    assert "34.250.11.99" not in verdict_of("HTTPS-02", records).saw
    assert shares(FIRST)["tries"] == 72
