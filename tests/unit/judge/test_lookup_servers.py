"""Go takes three nameservers, however many a host names."""

from __future__ import annotations

from netcompliance.judge.evidence import Evidence
from netcompliance.judge.golookup import agents_lookup
from tests.unit.judge.records import HOST

SERVERS = [f"10.0.{n >> 8}.{n & 255}" for n in range(1000)]


def test_go_takes_three_nameservers_however_many_are_named() -> None:
    lost = [
        {"name": f"{HOST}.", "rdtype": rdtype, "server": server, "attempt": 0, "error": {"name": "TIMEOUT"}}
        for server in SERVERS
        for rdtype in ("A", "AAAA")
    ]
    resolver = {"servers": SERVERS, "attempts": 2, "timeout": 5, "rotate": True}
    seen = {"kind": "go-resolve", "host": HOST, "names": [f"{HOST}."], "resolver": resolver, "queries": lost}
    lookup = agents_lookup(Evidence([seen]), HOST)
    assert lookup is not None
    assert lookup.servers == tuple(SERVERS[:3])
