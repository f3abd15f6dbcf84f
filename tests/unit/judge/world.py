"""A right world as observations, the means to change one thing in it, and what the judge says of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from netcompliance.catalogue import expand, load
from netcompliance.judge import judge
from netcompliance.model import Image, RegistryMode, Result, Settings, Verdict
from tests.unit.judge.records import (
    ADDRESS6,
    ADDRESSES,
    BASE,
    CDN,
    CHARTS,
    DOMAIN,
    EVERY,
    HOST,
    IMAGE,
    PATHS,
    PROXY,
    REFUSAL,
    REPOSITORY,
    SERVERS,
    UI,
    Record,
    chain,
    chart_step,
    dns_answer,
    dns_share,
    error,
    exchanges,
    go_query,
    go_resolve,
    http,
    http2,
    peer,
    public_answer,
    registry_step,
    resolve_nothing,
    shares,
    tcp,
    tls,
    tunnel,
    walk,
)

TODAY = date(2026, 9, 21)
SETTINGS = Settings(tenant="acme", images=(IMAGE,), source_images=(IMAGE,), images_from="test")
CATALOGUE = load()

SIZES = (1_000, 10_000, 150_000, 2_500_000)
CALLERS = dict(zip(PATHS, ("main", "main", "process", "process", "logs", "rbac"), strict=True))
TYPES = ("A", "AAAA")

Found = dict[str, set[str]]
FIREWALL: list[Record] = [
    {"kind": "firewall", "tool": "nft", "rules": '{"nftables": []}', "error": None},
    *(
        {"kind": "firewall", "tool": tool, "error": error("UNSUPPORTED", "run", text=f"{tool} is not installed")}
        for tool in ("iptables", "ip6tables")
    ),
    {"kind": "firewall", "tool": "kernel", "rules": "", "error": None},
]
"""No rules, read with what is there."""
UNSET: Record = {"names": [], "agent": None}
SET: Record = {
    "names": ["HTTPS_PROXY"],
    "agent": "dials",
    "agent_takes": "HTTPS_PROXY",
    "agent_place": "proxy.corp.example:3128",
    "curl_takes": "HTTPS_PROXY",
    "curl_place": "proxy.corp.example:3128",
    "meant": "http://proxy.corp.example:3128",
}
"""What a host says of its proxy variables."""


def exchange(records: list[Record], vantage: str = "local") -> list[Record]:
    return [{"type": "observation", "vantage": vantage, **record} for record in records]


def healthy() -> list[Record]:
    """Everything that a visit to a right world records."""
    challenge = ["WWW-Authenticate", 'Bearer realm="https://quay.io/v2/auth",service="quay.io"']
    records: list[Record] = [
        {
            "kind": "host",
            "hostname": "node-1",
            "platform": "linux/amd64",
            "nameservers": list(SERVERS),
            "search": [],
            "source_address": "10.20.0.4",
            "source_address6": "fd20::4",
            "trust": {"source": "/etc/ssl/certs/ca-certificates.crt", "certificates": 3},
        },
        *(
            {"kind": "route", "host": h, "proxy": None, "readings": {}, "setting": UNSET}
            for h in (HOST, "quay.io", *CDN, CHARTS)
        ),
        {"kind": "resolve", "host": HOST, "name": HOST, "purpose": "bare", "addresses": list(EVERY)},
        {"kind": "resolve", "host": HOST, "name": f"{HOST}.", "purpose": "rooted", "addresses": list(EVERY)},
        go_resolve(),
        *(resolve_nothing("control", name) for name in (f"nc-x.{DOMAIN}.", "nc-x.invalid.")),
        *(dns_answer(s, t, *a) for s in SERVERS for t, a in (("A", ADDRESSES), ("AAAA", (ADDRESS6,)))),
        *(dns_share(s) for s in SERVERS),
        *(public_answer(t, *a) for t, a in (("A", ADDRESSES), ("AAAA", (ADDRESS6,)))),
        *(tcp(a) for a in EVERY),
        *(shares(a) for a in EVERY),
        *(exchanges(a) for a in EVERY),
        tcp("192.0.2.1", "control", "control", error=error("TIMEOUT"), seconds=5.0),
        *(tls(a) for a in EVERY),
        *(tls(a, purpose) for a in EVERY for purpose in ("agent-hello", "plain-hello")),
        *(http2(a) for a in EVERY),
        chain(b"leaf"),
        *requests(EVERY, ADDRESSES[0]),
        {
            "kind": "sockets",
            "samples": 3,
            "listening": [["0.0.0.0", 8126]],
            "connections": [["10.20.0.4", 40000, ADDRESSES[0], 443, "ESTABLISHED"]],
            "own": [40000],
            "error": None,
        },
        {"kind": "syn", "seen": [["10.20.0.4", 40000, ADDRESSES[0], 443, 1]], "own": True, "error": None},
        *FIREWALL,
        *peer("registry", "quay.io", "3.216.1.10"),
        registry_step("ping", image="", status=401, headers=[challenge]),
        *walk(),
        *(record for host in CDN for record in peer("cdn", host, "13.32.9.1")),
        *peer("chart", CHARTS, "13.32.9.9"),
        chart_step("index", versions=["1.5.44", "1.5.43"]),
        chart_step("archive"),
        {"kind": "probe", "finished": True, "unfinished": []},
    ]
    return exchange(records)


def requests(paths: Iterable[str | None], one: str | None) -> list[Record]:
    """Every HTTP request that is made of the tenant, and what the receiver and the router answer."""
    return [
        *(record for a in paths for record in requests_at(a)),
        http(one, "sibling", f"{BASE}/netcompliance-x", 403, REFUSAL),
    ]


def requests_at(a: str | None) -> list[Record]:
    """Those that are made of one address."""
    return [
        http(a, "receiver", f"{BASE}/features", 403, REFUSAL),
        http(a, "sibling", "/netcompliance-x", 200, UI, kind_of_body="text/html"),
        *(http(a, "agent", f"{BASE}/features", 403, REFUSAL, caller=caller) for caller in ("main", "rbac")),
        *(
            http(a, "path", f"{BASE}{path}", 403, REFUSAL, method="POST", caller=CALLERS[path], request_bytes=10)
            for path in PATHS
        ),
        http(a, "post-sibling", "/netcompliance-x", 200, UI, kind_of_body="text/html", method="POST", caller="main"),
        http(a, "post-sibling", f"{BASE}/netcompliance-x", 403, REFUSAL, method="POST", caller="main"),
        *(
            http(
                a, "upload", f"{BASE}/intake", 403, REFUSAL, method="POST", caller="main", request_bytes=s, sent_bytes=s
            )
            for s in SIZES
        ),
    ]


def proxied() -> list[Record]:
    """The right world behind an explicit proxy: the host resolves and reaches nothing itself."""
    hosts = (("tenant", HOST), ("registry", "quay.io"), *(("cdn", host) for host in CDN), ("chart", CHARTS))
    kept = ("host", "chain", "registry", "chart", "firewall", "probe", "public-dns")
    records = [
        *(r for r in healthy() if r["kind"] in kept),
        *(
            {
                "kind": "route",
                "host": h,
                "proxy": PROXY,
                "source": "HTTPS_PROXY",
                "readings": {"go": True, "curl": True},
                "setting": SET,
            }
            for _, h in hosts
        ),
        *(tunnel(task, host) for task, host in hosts),
        *(tls(None, "verify", task, host, via=PROXY) for task, host in hosts),
        *(tls(None, "agent-hello", task, host, via=PROXY) for task, host in hosts),
        tls(None, "plain-hello", via=PROXY),
        shares(None, via=PROXY, carried=72),
        http2(None, via=PROXY),
        *requests([None], None),
        {
            "kind": "resolve",
            "host": HOST,
            "name": HOST,
            "purpose": "bare",
            "addresses": [],
            "error": error("GAI", code=-2),
        },
        *(dns_answer(s, t, rcode="NXDOMAIN") for s in SERVERS for t in ("A", "AAAA")),
        {"kind": "sockets", "samples": 3, "listening": [["0.0.0.0", 22]], "connections": [], "own": []},
        {"kind": "syn", "seen": [], "own": False, "error": None},
    ]
    return exchange(records)


def own_registry() -> tuple[list[Record], Settings]:
    """The right world with a copy of the images in one's own registry, and quay.io blocked but for the comparison."""
    own = Image(registry="registry.corp.example", repository=f"mirror/{REPOSITORY}", reference="9516cb41")
    challenge = ["WWW-Authenticate", 'Bearer realm="https://registry.corp.example/token"']
    records = [
        *(r for r in healthy() if r.get("task") not in ("registry", "cdn") and r.get("host") != "quay.io"),
        {"kind": "route", "host": "registry.corp.example", "proxy": None, "readings": {}, "setting": UNSET},
        *peer("registry", "registry.corp.example", "10.40.0.5"),
        registry_step("ping", image="", status=401, headers=[challenge]),
        *walk(image=str(own)),
        *walk("source")[:2],
        walk("source")[3],
    ]
    return exchange(records), settings(
        registry="registry.corp.example",
        registry_prefix="mirror",
        registry_mode=RegistryMode.COPY,
        images=(own,),
        source_images=(IMAGE,),
    )


def unresolved(error_code: int = -2, seconds: float = 0.1) -> list[Record]:
    """The right world in which the name has no address for programs on this host; the nameservers still have it."""
    lost = {"addresses": [], "error": error("GAI", "resolve", code=error_code), "seconds": seconds}
    gone = ("tcp", "shares", "exchanges", "tls", "http", "http2")
    kept = [r for r in healthy() if not (r["kind"] in gone and r.get("task", "tenant") == "tenant")]
    kept = altered(altered(kept, {"kind": "sockets"}, connections=[], own=[]), {"kind": "syn"}, seen=[], own=False)
    kept = altered(
        kept, {"kind": "go-resolve"}, queries=[go_query(s, t, lost="TIMEOUT") for s in SERVERS for t in TYPES]
    )
    return [{**r, **lost} if r["kind"] == "resolve" and r["host"] == HOST else r for r in kept]


def untrusted(code: str = "VERIFY", **fields: Any) -> list[Record]:
    """The right world in which no handshake with the tenant verifies; `fields` are those of each handshake."""
    failed = {"verified": False, "error": error(code, "tls"), **fields}
    kept = [r for r in healthy() if not (r["kind"] == "http" or r.get("purpose") == "agent-hello")]
    return [{**r, **failed} if r["kind"] == "tls" and r["host"] == HOST else r for r in kept]


def changed(where: Mapping[str, Any], **fields: Any) -> list[Record]:
    """The right world in which all records that have the values `where` get these fields. There must be one."""
    return altered(healthy(), where, **fields)


def altered(records: list[Record], where: Mapping[str, Any], **fields: Any) -> list[Record]:
    hits = [r for r in records if all(r.get(k) == v for k, v in where.items())]
    assert hits, f"no record has {where}"
    return as_often([{**r, **fields} if r in hits else r for r in records])


def as_often(records: list[Record]) -> list[Record]:
    """Where the first connection to an address opened or not, so did the many others, unless the world says else."""
    first = {r["address"]: r for r in records if r["kind"] == "tcp" and r.get("task") == "tenant" and r.get("address")}
    often = {r["address"] for r in records if r["kind"] == "shares"}
    if not often:
        return records
    dead = [a for a, r in first.items() if r.get("error") is not None]
    unopened = {"opened": 0, "unopened": [[p, "TIMEOUT", 2] for p in range(50000, 50024)], "tries": 24}
    kept = [
        {**r, **unopened} if r["kind"] == "shares" and r["address"] in dead and r["opened"] == r["tries"] else r
        for r in records
    ]
    new = [shares(a, **(unopened if a in dead else {})) for a in first if a not in often]
    return [*kept, *exchange(new, next(iter(records))["vantage"])]


def without(records: list[Record], **where: Any) -> list[Record]:
    kept = [r for r in records if not all(r.get(k) == v for k, v in where.items())]
    assert len(kept) < len(records), f"no record has {where}"
    return kept


def added(*records: Record) -> list[Record]:
    return as_often([*healthy(), *exchange(list(records))])


def verdicts(records: list[Record], settings: Settings = SETTINGS, today: date = TODAY) -> list[Verdict]:
    return judge(CATALOGUE.requirements, expand(CATALOGUE, settings), records, settings, today)


def found(given: Iterable[Verdict]) -> Found:
    """Requirement → codes, of the failing verdicts."""
    result: Found = {}
    for verdict in given:
        if verdict.result is Result.FAIL:
            result.setdefault(verdict.case.requirement, set()).update(str(f.code) for f in verdict.findings)
    return result


def standing(result: Result, given: Iterable[Verdict]) -> set[str]:
    """The requirements with this verdict on any of their cases."""
    return {v.case.requirement for v in given if v.result is result}


def verdict_of(requirement: str, records: list[Record], settings: Settings = SETTINGS) -> Verdict:
    return next(v for v in verdicts(records, settings) if v.case.requirement == requirement)


def settings(**fields: Any) -> Settings:
    return replace(SETTINGS, **fields)


def firewall_rules(*rules: Record, sets: list[Record] | None = None) -> str:
    chain_of_input = {"chain": {"family": "inet", "table": "f", "name": "in", "hook": "input", "policy": "drop"}}
    named = [{"set": {"family": "inet", "table": "f", **s}} for s in sets or []]
    ours = [{"rule": {"family": "inet", "table": "f", "chain": "in", **rule}} for rule in rules]
    return json.dumps({"nftables": [chain_of_input, *named, *ours]})
