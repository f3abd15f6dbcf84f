"""PRX-01: the explicit proxy; and that its failure is told once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netcompliance.explain import ask
from netcompliance.model import Result
from tests.unit.judge.records import (
    CDN,
    HOST,
    PROXY,
    SERVERS,
    Record,
    dns_response,
    error,
    go_query,
    go_resolve,
    shares,
    tunnel,
)
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import SET, altered, exchange, healthy, own_registry, proxied, verdict_of, verdicts, without

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


def unverified(code: int) -> list[Record]:
    """The proxy's own certificate does not verify, as OpenSSL says by this number."""
    return altered(dead("VERIFY", "tls"), {"kind": "proxy"}, error=error("VERIFY", "tls", code=code))


def often(
    *failed: str, calm: tuple[int, int] | dict[str, int] | None = None, status: int | None = None, **fields: Any
) -> list[Record]:
    """Ninety CONNECTs were tried, and these failures met; `calm`: how many of how many slow ones were granted."""
    series = {
        "via": PROXY,
        "tries": 90,
        "opened": 90 - len(failed),
        "fastest": 0.01,
        "median": 0.02,
        "unopened": [[status or 0, name, 1] for name in failed],
        "calm": {"opened": calm[0], "tries": calm[1]} if isinstance(calm, tuple) else calm,
        **fields,
    }
    shown = [tunnel(status=status, series=True, error=error(name, "proxy")) for name in failed[:1]]
    return [*without(proxied(), kind="shares"), *exchange([{**shares(None), **series}, *shown])]


def at(address: str, status: int | None = 200, **fields: Any) -> Record:
    """A CONNECT at one of several addresses of the proxy."""
    seen = {"kind": "proxy-address", "proxy_address": address, "via": PROXY, "status": status}
    return {**tunnel(), **seen, **fields}


def at_two(status: int | None, **fields: Any) -> list[Record]:
    """The second address of the proxy answers like this."""
    return [*proxied(), *exchange([at("10.30.0.80"), at("10.30.0.81", status, **fields)])]


ADDRESSES = {
    "both grant": row(at_two(200)),
    "one does not answer": row(
        [*often(), *exchange([at("10.30.0.80"), at("10.30.0.81", None, error=error("TIMEOUT", "tcp"))])],
        {"HTTPS-08": "proxy.address-dead"},
    ),
    "none answers, and another was found since": row(
        [*often(), *exchange([at("10.30.0.81", None, error=error("TIMEOUT", "tcp"))])]
    ),
    "one refuses": row(at_two(403, error=error("STATUS", "proxy")), {"PRX-01": "proxy.partly-denied"}),
    "one closes": row(at_two(None, error=error("EOF", "proxy")), {"PRX-01": "proxy.partly-denied"}),
    "one refuses the connection": row(at_two(None, error=error("ECONNREFUSED", "tcp"))),
    "one has no way to it": row(at_two(None, error=error("ENETUNREACH", "tcp"))),
}


NAME = "proxy.corp.example"


def looked_up(*queries: Record, **resolver: Any) -> list[Record]:
    """The agent's look-up of the proxy's own name."""
    asked = [{**query, "name": f"{NAME}."} for query in queries]
    found = go_resolve(*asked, names=[f"{NAME}."], **resolver)
    return [*proxied(), *exchange([{**found, "host": NAME}])]


FINE = go_query(SERVERS[0], "A", "10.30.0.80")

MISREAD = {"names": ["HTTPS_PROXY"], "agent": "misreads", "agent_takes": "HTTPS_PROXY", "character": "#"}
OTHERS = "PRX-03 REG-05 HTTPS-02 REG-01"

PROXIES = {
    "has no address": row(dead("GAI", "resolve"), fails("proxy.unreachable"), unchecked=OTHERS),
    "is dropped": row(dead("TIMEOUT", "tcp"), fails("proxy.unreachable"), unchecked=OTHERS),
    "refuses the connection": row(dead("ECONNREFUSED", "tcp"), fails("proxy.unreachable"), unchecked=OTHERS),
    "resets the connection attempt": row(dead("ECONNRESET", "tcp"), fails("proxy.unreachable"), unchecked=OTHERS),
    "is of a kind that cannot be looked through": row(
        altered(dead("UNSUPPORTED", "proxy"), {"kind": "route"}, proxy="socks5://10.30.0.80:1080"),
        unchecked=f"PRX-01 {OTHERS}",
    ),
    "says nothing": row(dead("TIMEOUT", "head"), fails("proxy.slow"), unchecked=OTHERS),
    "says nothing to TLS": row(dead("TIMEOUT", "tls", declared="https"), fails("proxy.slow"), unchecked=OTHERS),
    "says nothing that is HTTP": row(dead("PROTOCOL", "proxy"), fails("proxy.not-a-proxy"), unchecked=OTHERS),
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
    "has a certificate whose time is over": row(unverified(10), fails("tls.expired"), unchecked=OTHERS),
    "has a certificate whose time has not begun": row(unverified(9), fails("tls.not-yet-valid"), unchecked=OTHERS),
    "has a certificate of another name": row(unverified(62), fails("tls.wrong-name"), unchecked=OTHERS),
    "has a certificate that breaks a rule": row(unverified(66), fails("tls.certificate-refused"), unchecked=OTHERS),
    "has a certificate of an unknown authority": row(unverified(20), fails("tls.untrusted"), unchecked=OTHERS),
    "has a certificate that is signed by itself": row(unverified(18), fails("tls.untrusted"), unchecked=OTHERS),
    "denies the tenant alone": row(
        altered(proxied(), OURS, status=403, error=error("STATUS", "proxy")),
        fails("proxy.denied"),
        unchecked="HTTPS-02",
    ),
    "denies it with another status": row(altered(proxied(), OURS, status=405), fails("proxy.not-a-proxy")),
    "cuts the connection at the tenant's name": row(
        altered(proxied(), OURS, status=None, error=error("EOF", "proxy")), fails("proxy.denied")
    ),
    "resets the connection at the tenant's name": row(
        altered(proxied(), OURS, status=None, error=error("ECONNRESET", "proxy")), fails("proxy.denied")
    ),
    "does not get through itself": row(altered(proxied(), OURS, status=503), fails("proxy.no-way-out")),
    "fails": row(altered(proxied(), OURS, status=500), fails("proxy.no-way-out")),
    "is asked too often": row(altered(proxied(), OURS, status=429), fails("http.throttled")),
    "grants with another 2xx": row(altered(proxied(), OURS, status=299), fails("http.malformed")),
    "answers with a redirect": row(altered(proxied(), OURS, status=300), fails("proxy.denied")),
    "answers without end": row(altered(proxied(), OURS, status=199), fails("http.malformed")),
    "offers what Go does not speak": row(
        every(status=407, login=True, headers=[["Proxy-Authenticate", "Negotiate"], ["Proxy-Authenticate", "NTLM"]]),
        fails("proxy.auth-scheme"),
        unchecked=OTHERS,
    ),
    "offers Basic among others": row(
        every(status=407, headers=[["Proxy-Authenticate", 'Digest realm="x, y", Basic realm="z"']]),
        fails("proxy.auth"),
        unchecked=OTHERS,
    ),
    "refuses the credentials": row(
        every(status=407, login=True, headers=[["Proxy-Authenticate", 'Basic realm="x"']]),
        fails("proxy.credentials"),
        unchecked=OTHERS,
    ),
    "is a web server": row(
        every(status=405, headers=[["Server", "nginx"]]), fails("proxy.not-a-proxy"), unchecked=OTHERS
    ),
    "is a PAC file": row(
        every(status=400, headers=[["Content-Type", "application/x-ns-proxy-autoconfig"]]),
        fails("proxy.not-a-proxy"),
        unchecked=OTHERS,
    ),
    "signs a refusal of the method": row(
        altered(proxied(), OURS, status=405, headers=[["Via", "1.1 proxy"]]), fails("proxy.denied")
    ),
    "knows no outside name": row(
        every(status=503, headers=[["X-Squid-Error", "ERR_DNS_FAIL 0"]]), fails("proxy.no-way-out"), unchecked=OTHERS
    ),
    "says by RFC 9209 that its resolver fails": row(
        every(status=502, headers=[["Proxy-Status", "gw; error=dns_timeout"]]),
        fails("proxy.no-way-out"),
        unchecked=OTHERS,
    ),
    "denies with 503 and a mark": row(
        altered(proxied(), OURS, status=503, headers=[["X-Squid-Error", "ERR_ACCESS_DENIED 0"]]), fails("proxy.denied")
    ),
    "is read as another host": row(
        altered(dead("MISREAD", "proxy"), {"kind": "route"}, proxy="misread://proxy", setting=MISREAD),
        fails("proxy.misread"),
        unchecked=OTHERS,
    ),
    "is dropped by the agent": row(
        altered(healthy(), {"kind": "route"}, source="HTTPS_PROXY", setting={**MISREAD, "agent": "drops"}),
        {"PRX-03": "proxy.misread"},
    ),
    "is set for curl alone": row(
        altered(
            healthy(), {"kind": "route"}, setting={"names": ["ALL_PROXY"], "agent": None, "curl_takes": "ALL_PROXY"}
        ),
        {"PRX-03": "proxy.overlooked"},
    ),
    "is another one for curl": row(
        altered(proxied(), {"kind": "route"}, setting={**SET, "curl_takes": "https_proxy", "curl_place": "b:1"}),
        {"PRX-03": "proxy.overlooked"},
    ),
    "is known in half": row(altered(healthy(), {"kind": "route"}, setting=None), unchecked="PRX-03"),
    "grants once of twice": row(
        [*without(proxied(), kind="shares"), *exchange([tunnel(status=403)])], fails("proxy.partly-denied")
    ),
    "is asked for single tunnels only": row(without(proxied(), kind="shares"), unchecked="PRX-01"),
    "is slow to answer once": row([*proxied(), *exchange([tunnel(status=None, error=error("TIMEOUT", "proxy"))])]),
    "grants all of many": row(often()),
    "refuses one of many, and slow ones": row(often("STATUS", calm=(79, 83), status=403), fails("proxy.partly-denied")),
    "cuts some of many, and slow ones": row(often(*["EOF"] * 6, calm=(78, 83)), fails("proxy.partly-denied")),
    "leaves some of many unanswered, and slow ones": row(
        often(*["TIMEOUT"] * 6, calm=(80, 83)), fails("proxy.partly-denied")
    ),
    "refuses some of many in a row, and no slow one": row(often(*["STATUS"] * 50, calm=(8, 8), status=429)),
    "refuses most, and all slow ones": row(
        often(*["STATUS"] * 88, calm=(0, 8), status=403), fails("proxy.partly-denied")
    ),
    "carries all of many": row(often(carried=90)),
    "carries nothing in some of many, and of slow ones": row(
        often(carried=85, calm={"tries": 83, "opened": 83, "carried": 78}), fails("proxy.partly-denied")
    ),
    "carries nothing in some of many, and in all slow ones": row(
        often(carried=85, calm={"tries": 83, "opened": 83, "carried": 83})
    ),
    "is slow, and leaves some of a few unanswered": row(often("TIMEOUT", tries=6, opened=5)),
    "is slow, and refuses some of a few": row(
        often("STATUS", tries=6, opened=5, status=403), fails("proxy.partly-denied")
    ),
    "takes seconds for each": row(often(fastest=2.6, median=3.0), {"HTTPS-08": "proxy.slow"}),
    "takes a while for each": row(often(fastest=2.4, median=2.4)),
    "takes seconds for some": row(often(fastest=0.1, median=3.0)),
    "takes longer than many were given": row(
        altered(often(*["TIMEOUT"] * 6, tries=6, opened=0, fastest=None, median=None), OURS, seconds=9.0),
        {"HTTPS-08": "proxy.slow"},
    ),
    "is found by the agent at once": row(looked_up(FINE, go_query(SERVERS[0], "AAAA", "fd00::80"))),
    "is found by the agent after some seconds": row(
        looked_up(FINE, go_query(SERVERS[0], "AAAA", "fd00::80", seconds=3.0)), {"DNS-09": "dns.slow"}
    ),
    "is not found by the agent": row(
        looked_up(
            *(go_query(server, kind, rcode="FORMERR") for server in SERVERS for kind in ("A", "AAAA")), attempts=1
        ),
        fails("dns.agent-cannot-resolve") | {"HELM-01": "dns.agent-cannot-resolve"},
        unchecked="HTTPS-02 REG-01",
    ),
    "was not asked": row(without(proxied(), **OURS), unchecked="PRX-01"),
    "nobody was asked": row(without(proxied(), **ANY), because={"PRX-01": "no exchange with the proxy came to an end"}),
    "it is not known whether there is one": row(
        without(proxied(), kind="route", host=HOST), unchecked="PRX-01 DNS-01 DNS-03"
    ),
}


@each(ADDRESSES, PROXIES)
def test_proxy(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("records", "saw"),
    [
        (proxied(), f"{PROXY} granted CONNECT {HOST}:443, 72 of 72 times"),
        (every(status=407), f"{PROXY} answered CONNECT {HOST}:443 with status 407"),
        (dead("TIMEOUT", "tcp"), f"{PROXY} cannot be reached ([TIMEOUT])"),
        (
            dead("TIMEOUT", "head", seconds=11.0),
            f"{PROXY} accepted the connection, and did not answer CONNECT {HOST}:443 in 11.0 s; the agent waits 20 s",
        ),
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
            f"{PROXY} granted CONNECT {HOST}:443, 72 of 72 times; but curl, python would go past it by this NO_PROXY",
        ),
    ],
)
def test_what_the_proxy_did_is_told(records: list[Record], saw: str) -> None:
    verdict = verdict_of("PRX-01", records)
    assert verdict.saw == saw
    command = f"curl -x {PROXY} -sSv https://{HOST}/ -o /dev/null"
    assert verdict.reproduce.replace(" --noproxy ''", "") == command


@pytest.mark.parametrize(
    ("records", "saw"),
    [
        (often(), f"{PROXY} granted CONNECT {HOST}:443, 90 of 90 times"),
        (
            often(*["STATUS"] * 5, calm=(78, 83), status=403),
            (
                f"{PROXY}: 5 of 90 CONNECTs to {HOST}:443 were refused, and 5 of 83 when asked slowly; "
                f"{PROXY} answered CONNECT {HOST}:443 with status 403"
            ),
        ),
        (
            often(*["TIMEOUT"] * 5, calm=(78, 83)),
            (
                f"{PROXY}: 5 of 90 CONNECTs to {HOST}:443 were left unanswered, and 5 of 83 when asked slowly; "
                f"{PROXY} accepted the connection, and did not answer CONNECT {HOST}:443 in 0 ms; the agent waits 20 s"
            ),
        ),
        (
            often(carried=85, calm={"tries": 83, "opened": 83, "carried": 78}),
            f"{PROXY}: 5 of 90 tunnels to {HOST}:443 carried nothing back, and 5 of 83 when asked slowly",
        ),
        (
            often(*["STATUS"] * 50, calm=(8, 8), status=429),
            f"{PROXY} granted CONNECT {HOST}:443; 50 of 90 in a row were not, and all slow ones were",
        ),
    ],
)
def test_the_share_is_told_with_its_number(records: list[Record], saw: str) -> None:
    assert verdict_of("PRX-01", records).saw == saw


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


@pytest.mark.parametrize(("rcode", "passes"), [("NXDOMAIN", True), ("FORMERR", False)])
def test_a_shell_does_not_know_whether_the_agent_finds_the_proxy(rcode: str, passes: bool) -> None:
    by_shell = altered(proxied(), {"kind": "dns"}, response=dns_response("A", rcode=rcode))
    by_shell = altered(by_shell, {"kind": "probe"}, **{"with": "sh"})
    assert (verdict_of("PRX-01", by_shell).result is Result.PASS) is passes
    by_address = altered(by_shell, {"kind": "route"}, proxy="http://10.30.0.80:3128")
    assert verdict_of("PRX-01", by_address).result is Result.PASS


def test_helm_needs_the_proxys_name_too() -> None:
    records = PROXIES["is not found by the agent"].records
    assert [found.code for found in verdict_of("HELM-01", records).findings] == ["dns.agent-cannot-resolve"]


@pytest.mark.parametrize(
    ("code", "team"), [(10, "proxy team"), (62, "proxy team"), (66, "proxy team"), (20, "platform team")]
)
def test_the_proxys_certificate_is_its_owners_business(code: int, team: str) -> None:
    assert ask(verdict_of("PRX-01", unverified(code))) == team
