"""resolv.conf and nsswitch.conf as the agent reads them: what leaves it without an address, and what is a remark."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.judge.records import SERVERS, Record, go_query, go_resolve
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import exchange, healthy, verdict_of, without

LOOPBACK = ["127.0.0.1", "::1"]


def reading(*queries: Record, **fields: Any) -> list[Record]:
    """The right world, but for the agent's own reading of the files."""
    ignored = fields.pop("ignored", [])
    own = {**go_resolve(*queries, **fields), "ignored": ignored}
    return [*without(healthy(), kind="go-resolve"), *exchange([own])]


REFUSED = [go_query(server, kind, lost="ECONNREFUSED") for server in LOOPBACK for kind in ("A", "AAAA")]
UNKNOWN = [go_query(server, kind, rcode="NXDOMAIN") for server in SERVERS for kind in ("A", "AAAA")]
CONFIG = {"DNS-01": "dns.resolver-config"}

FILES = {
    "no nameserver is an address": row(reading(*REFUSED, servers=LOOPBACK, ignored=["10.0.0.1:53"]), CONFIG),
    "it cannot be read": row(reading(*REFUSED, servers=LOOPBACK, readable=False), CONFIG),
    "nsswitch.conf names no DNS": row(reading(order="files"), CONFIG),
    "nsswitch.conf names no DNS, and the hosts file has the name": row(
        reading(order="files", hosts=["34.250.11.21"]), {"DNS-01": "dns.hosts-file-only"}
    ),
    "nsswitch.conf names DNS alone, and only the hosts file has the name": row(
        reading(*UNKNOWN, order="dns", hosts=["34.250.11.21"]), {"DNS-01": "dns.agent-cannot-resolve"}
    ),
    "one of several is no address": row(reading(ignored=["10.0.0.9:53"])),
}


@each(FILES)
def test_files(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("fields", "host", "remark"),
    [
        ({}, {}, ""),
        ({"ignored": ["10.0.0.9"]}, {}, "; 10.0.0.9 in resolv.conf is never asked"),
        ({"servers": [SERVERS[0]]}, {}, f"; the agent asks {SERVERS[0]}, curl asks {', '.join(SERVERS)}"),
        ({"timeout": 99}, {}, "; the agent waits 99 s for a nameserver, curl 30 s"),
        ({"attempts": 9}, {}, "; the agent asks each nameserver 9 times, curl 5 times"),
        (
            {"search": ["a.example."]},
            {"search": ["a.example\r"]},
            "; the agent searches a.example, curl searches 'a.example\\r'",
        ),
    ],
)
def test_what_is_read_otherwise_is_a_remark(fields: Record, host: Record, remark: str) -> None:
    records = [{**r, **host} if r["kind"] == "host" else r for r in reading(**fields)]
    saw = verdict_of("DNS-01", records).saw
    assert saw.partition(";")[1] + saw.partition(";")[2] == remark
