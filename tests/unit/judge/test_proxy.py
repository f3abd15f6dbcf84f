"""PRX-01: the explicit proxy; and that its failure is told once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.judge.records import CDN, HOST, PROXY, Record, error, tunnel
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import altered, exchange, own_registry, proxied, verdict_of, verdicts, without

ANY = {"kind": "proxy"}
OURS = {"kind": "proxy", "host": HOST}


def every(**fields: Any) -> list[Record]:
    """The proxy answers everybody so, and what needs it did not happen."""
    gone = ("tls", "http", "registry", "chain")
    return altered([r for r in proxied() if r["kind"] not in gone], ANY, **fields)


def dead(name: str, phase: str, **fields: Any) -> list[Record]:
    return every(status=None, error=error(name, phase), **fields)


def fails(code: str) -> dict[str, str]:
    return {"PRX-01": code}


OTHERS = "REG-05 HTTPS-02 REG-01"

PROXIES = {
    "has no address": row(dead("GAI", "resolve"), fails("proxy.unreachable"), unchecked=OTHERS),
    "is dropped": row(dead("TIMEOUT", "tcp"), fails("proxy.unreachable"), unchecked=OTHERS),
    "refuses the connection": row(dead("ECONNREFUSED", "tcp"), fails("proxy.unreachable"), unchecked=OTHERS),
    "resets the connection attempt": row(dead("ECONNRESET", "tcp"), fails("proxy.unreachable"), unchecked=OTHERS),
    "is of a kind that cannot be looked through": row(
        altered(dead("UNSUPPORTED", "proxy"), {"kind": "route"}, proxy="socks5://10.30.0.80:1080"),
        unchecked=f"PRX-01 {OTHERS}",
    ),
    "says nothing": row(dead("TIMEOUT", "proxy"), fails("proxy.unreachable"), unchecked=OTHERS),
    "says nothing that is HTTP": row(dead("PROTOCOL", "proxy"), fails("proxy.unreachable"), unchecked=OTHERS),
    "wants a login": row(every(status=407), fails("proxy.auth"), unchecked=OTHERS),
    "speaks plain HTTP": row(
        dead("SSL", "tls", declared="https", other_scheme=True), fails("proxy.wrong-scheme"), unchecked=OTHERS
    ),
    "speaks TLS": row(
        every(status=400, declared="http", other_scheme=True), fails("proxy.wrong-scheme"), unchecked=OTHERS
    ),
    "does not speak the other scheme either": row(
        every(status=400, other_scheme=False), fails("proxy.denied") | {"REG-05": "proxy.denied"}
    ),
    "has a certificate that nobody trusts": row(dead("VERIFY", "tls"), fails("tls.untrusted"), unchecked=OTHERS),
    "denies the tenant alone": row(
        altered(proxied(), OURS, status=403, error=error("STATUS", "proxy")),
        fails("proxy.denied"),
        unchecked="HTTPS-02",
    ),
    "denies it with another status": row(altered(proxied(), OURS, status=405), fails("proxy.denied")),
    "cuts the connection at the tenant's name": row(
        altered(proxied(), OURS, status=None, error=error("EOF", "proxy")), fails("proxy.denied")
    ),
    "resets the connection at the tenant's name": row(
        altered(proxied(), OURS, status=None, error=error("ECONNRESET", "proxy")), fails("proxy.denied")
    ),
    "does not get through itself": row(altered(proxied(), OURS, status=503), fails("http.server-error")),
    "fails": row(altered(proxied(), OURS, status=500), fails("http.server-error")),
    "is asked too often": row(altered(proxied(), OURS, status=429), fails("http.throttled")),
    "grants with another 2xx": row(altered(proxied(), OURS, status=299)),
    "answers with a redirect": row(altered(proxied(), OURS, status=300), fails("proxy.denied")),
    "answers without end": row(altered(proxied(), OURS, status=199), fails("proxy.denied")),
    "grants once of twice": row([*proxied(), *exchange([tunnel(status=403)])]),
    "was not asked": row(without(proxied(), **OURS), unchecked="PRX-01"),
    "nobody was asked": row(without(proxied(), **ANY), because={"PRX-01": "no exchange with the proxy came to an end"}),
    "it is not known whether there is one": row(
        without(proxied(), kind="route", host=HOST), unchecked="PRX-01 DNS-01 DNS-03"
    ),
}


@each(PROXIES)
def test_proxy(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("records", "saw"),
    [
        (proxied(), f"{PROXY} granted CONNECT {HOST}:443"),
        (every(status=407), f"{PROXY} answered CONNECT {HOST}:443 with status 407"),
        (dead("TIMEOUT", "tcp"), f"{PROXY} cannot be reached ([TIMEOUT])"),
        (dead("TIMEOUT", "proxy"), f"{PROXY} did not answer CONNECT ([TIMEOUT])"),
        (
            every(status=None, error={"phase": "proxy", "name": "EOF"}),
            f"{PROXY} cut the connection at CONNECT {HOST}:443 (EOF)",
        ),
        (every(status=None), f"{PROXY} did not answer CONNECT (no answer)"),
        (dead("VERIFY", "tls"), f"{PROXY}: the authority of the proxy's own certificate: [VERIFY]"),
        (PROXIES["speaks plain HTTP"].records, f"{PROXY}: it says https, and the proxy speaks plain HTTP"),
        (PROXIES["speaks TLS"].records, f"{PROXY}: it says http, and the proxy speaks TLS"),
        (
            altered(PROXIES["speaks TLS"].records, OURS, declared=None),
            f"{PROXY}: it says http, and the proxy speaks TLS",
        ),
        (
            altered(proxied(), {"kind": "route", "host": HOST}, readings={"go": True, "python": False, "curl": False}),
            f"{PROXY} granted CONNECT {HOST}:443; but curl, python would go past it by this NO_PROXY",
        ),
    ],
)
def test_what_the_proxy_did_is_told(records: list[Record], saw: str) -> None:
    verdict = verdict_of("PRX-01", records)
    assert verdict.saw == saw
    assert verdict.reproduce == f"curl -sSv -x {PROXY} https://{HOST}/ -o /dev/null"


def test_the_right_declaration_is_told() -> None:
    plain = verdict_of("PRX-01", PROXIES["speaks plain HTTP"].records).findings[0].values
    assert plain["right"] == "http://proxy.corp.example:3128"
    secure = verdict_of("PRX-01", PROXIES["speaks TLS"].records).findings[0].values
    assert secure["right"] == "https://proxy.corp.example:3128"


def test_why_there_is_no_proxy_is_told() -> None:
    route = {"kind": "route", "host": HOST}
    plain = altered(proxied(), route, proxy=None, source=None)
    assert verdict_of("PRX-01", plain).reason == f"the host uses no explicit proxy for {HOST}"
    excepted = altered(proxied(), route, proxy=None, source="HTTPS_PROXY", no_proxy=f".{HOST}")
    assert verdict_of("PRX-01", excepted).reason.endswith(f"; NO_PROXY excepts {HOST}")
    unrelated = altered(proxied(), route, proxy=None, source=None, no_proxy="x")
    assert verdict_of("PRX-01", unrelated).reason.endswith(f"for {HOST}")


def test_a_registry_with_a_port_is_looked_up_without_it() -> None:
    records, settings = own_registry()
    there = replace(settings, registry="registry.corp.example:5000")
    route = {"kind": "route", "host": "registry.corp.example"}
    through = [
        *altered(records, route, proxy=PROXY),
        *exchange([tunnel("registry", "registry.corp.example", status=403)]),
    ]
    given = [v for v in verdicts(through, there) if v.case.requirement == "PRX-01" and "corp" in v.case.host]
    assert [v.saw for v in given] == [f"{PROXY} answered CONNECT registry.corp.example:5000 with status 403"]


def test_only_the_proxy_is_to_blame_and_it_is_said_once() -> None:
    reasons = {v.case.host: v.reason for v in verdicts(every(status=407)) if v.case.requirement == "REG-05"}
    assert reasons == dict.fromkeys(CDN, "not evaluated: PRX-01 failed")
