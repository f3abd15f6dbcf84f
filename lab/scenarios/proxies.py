"""Explicit proxies: what the agent makes of their URLs, and what they answer to CONNECT."""

from __future__ import annotations

from lab.changes import app, environment, rules, tls
from lab.healthy import PROXY, TENANT
from lab.scenario import Change, Scenario, both, finds
from lab.scenarios.surroundings import HTTP_PROXY, NO_WAY_OUT, TLS_PROXY, through
from lab.servers import Reply, ResponseFault, Rule


def _with_password(password: str) -> str:
    return f"http://agent:{password}@{PROXY}:3128"


def _answers(status: int, *headers: tuple[str, str], body: bytes = b"") -> Change:
    """The proxy answers every CONNECT so."""
    reply = Reply(status=status, headers=(("Content-Type", "text/html"), *headers), body=body)
    return both(through(HTTP_PROXY), app("proxy", reply=reply))


def _offers(*schemes: str, url: str = HTTP_PROXY) -> Change:
    """The proxy wants a login of these kinds."""
    headers = (("Via", "1.1 proxy"), *(("Proxy-Authenticate", scheme) for scheme in schemes))
    return both(through(url), app("proxy", reply=Reply(status=407, headers=headers)))


_REFUSAL = Reply(
    status=403,
    headers=(("Content-Type", "application/json"),),
    body=b'{"message": "no key"}',
    lines=("X-Device inspected",),
)
SCENARIOS = (
    Scenario(
        name="header-without-a-colon",
        broken="a device adds a header line without a colon to every answer of the receiver",
        change=rules("tenant", Rule(path="/receiver/stsAgent*", reply=_REFUSAL)),
        find=finds(RCV_01="http.malformed"),
    ),
    Scenario(
        name="proxy-password-with-hash",
        broken="the password in the proxy's URL holds a # that is not encoded, and nothing gets out directly",
        change=through(_with_password("Summer2024#x")),
        find=finds(PRX_01="proxy.misread"),
    ),
    Scenario(
        name="proxy-password-with-slash",
        broken="the password in the proxy's URL holds a / that is not encoded, and the direct way is open",
        change=environment(HTTPS_PROXY=_with_password("Sum/mer2024")),
        find=finds(PRX_01="proxy.misread"),
    ),
    Scenario(
        name="proxy-setting-dropped",
        broken="a % in the proxy's password makes the agent drop the setting; the direct way is open",
        change=environment(HTTPS_PROXY=_with_password("Summer%ss")),
        find=finds(PRX_03="proxy.misread"),
    ),
    Scenario(
        name="proxy-setting-dropped-and-closed",
        broken="a % in the proxy's password makes the agent drop the setting, and nothing gets out directly",
        change=through(_with_password("Summer%ss")),
        find=finds(
            PRX_03="proxy.misread",
            HTTPS_01="tcp.filtered",
            HTTPS_07="path.ipv6-dead",
            REG_01="tcp.filtered",
            REG_05="tcp.filtered",
            HELM_01="tcp.filtered",
        ),
    ),
    Scenario(
        name="proxy-for-http-only",
        broken="HTTP_PROXY alone is set, and nothing gets out directly",
        change=both(environment(HTTP_PROXY=HTTP_PROXY), NO_WAY_OUT),
        find=finds(
            HTTPS_01="tcp.filtered",
            HTTPS_07="path.ipv6-dead",
            REG_01="tcp.filtered",
            REG_05="tcp.filtered",
            HELM_01="tcp.filtered",
        ),
    ),
    Scenario(
        name="proxy-for-all-only",
        broken="ALL_PROXY alone is set, which the agent does not know; the direct way is open",
        change=environment(ALL_PROXY=HTTP_PROXY),
        find=finds(PRX_03="proxy.overlooked"),
    ),
    Scenario(
        name="proxy-offers-ntlm-only",
        broken="the proxy offers Negotiate and NTLM only, and the URL holds credentials",
        change=_offers("Negotiate", "NTLM", url=_with_password("right")),
        find=finds(PRX_01="proxy.auth-scheme"),
    ),
    Scenario(
        name="proxy-refuses-credentials",
        broken="the password in the proxy's URL is wrong",
        change=both(through(_with_password("wrong")), app("proxy", needs_login=True)),
        find=finds(PRX_01="proxy.credentials"),
    ),
    Scenario(
        name="proxy-is-a-web-server",
        broken="the proxy's URL leads to a web server, which knows no CONNECT",
        change=_answers(405, ("Server", "nginx"), ("Allow", "GET, HEAD"), body=b"<h1>405 Not Allowed</h1>"),
        find=finds(PRX_01="proxy.not-a-proxy"),
    ),
    Scenario(
        name="proxy-has-no-dns",
        broken="the proxy cannot resolve any outside name",
        change=_answers(
            503,
            ("Via", "1.1 proxy (squid)"),
            ("X-Squid-Error", "ERR_DNS_FAIL 0"),
            body=b"<p>Unable to determine IP</p>",
        ),
        find=finds(PRX_01="proxy.no-way-out"),
    ),
    Scenario(
        name="proxy-refuses-a-third",
        broken="the proxy refuses every third CONNECT to the tenant",
        change=both(through(HTTP_PROXY), app("proxy", sometimes=(f"{TENANT}:*",))),
        find=finds(PRX_01="proxy.partly-denied"),
    ),
    Scenario(
        name="proxy-grants-and-closes",
        broken="the proxy grants CONNECT, has no way out itself, and closes",
        change=both(through(HTTP_PROXY), app("proxy", tunnel=ResponseFault.CLOSE)),
        find=finds(PRX_01="proxy.no-way-out"),
    ),
    Scenario(
        name="proxy-grants-and-is-silent",
        broken="the proxy grants CONNECT and passes nothing on",
        change=both(through(HTTP_PROXY), app("proxy", tunnel=ResponseFault.STALL)),
        find=finds(PRX_01="proxy.no-way-out"),
    ),
    Scenario(
        name="proxy-certificate-expired",
        broken="the certificate of a proxy that is spoken to over TLS is out of date",
        change=both(through(TLS_PROXY), tls("tls-proxy", valid_days=(-90, -1))),
        find=finds(PRX_01="tls.expired"),
    ),
    Scenario(
        name="proxy-certificate-of-another-name",
        broken="the certificate of a proxy that is spoken to over TLS names another host",
        change=both(through(TLS_PROXY), tls("tls-proxy", names=("old-proxy.corp.example",))),
        find=finds(PRX_01="tls.wrong-name"),
    ),
    Scenario(
        name="proxy-grants-with-204",
        broken="the proxy grants CONNECT with status 204, which curl takes and Go does not",
        change=_answers(204),
        find=finds(PRX_01="http.malformed"),
    ),
)
