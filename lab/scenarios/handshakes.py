"""TLS: who answers, with which certificate, in which version, to which ClientHello."""

from __future__ import annotations

from lab.changes import host, site, tls
from lab.healthy import TENANT_V4
from lab.scenario import Scenario, both, finds
from lab.scenarios.pages import html
from lab.servers import Fixed
from lab.world import Authority, Hello

_TRUSTING_DEVICE = host(trusts=(Authority.PUBLIC, Authority.CORPORATE, Authority.DEVICE))
_SMALL_HELLO = 1300

SCENARIOS = (
    Scenario(
        name="interception",
        broken="a firewall opens TLS to the tenant with a CA that the host does not know",
        change=tls("tenant", authority=Authority.DEVICE),
        find=finds(HTTPS_02="tls.intercepted"),
    ),
    Scenario(
        name="interception-trusted-by-the-host",
        broken="a firewall opens TLS to the tenant with a CA that the host trusts and the agent's containers do not",
        change=both(tls("tenant", authority=Authority.DEVICE), _TRUSTING_DEVICE),
        find=finds(HTTPS_03="tls.intercepted"),
    ),
    Scenario(
        name="interception-at-one-address",
        broken="TLS is opened on the way to one of the tenant's addresses only",
        change=both(tls("tenant", only=TENANT_V4[:1], authority=Authority.DEVICE), _TRUSTING_DEVICE),
        find=finds(HTTPS_03="tls.intercepted"),
    ),
    Scenario(
        name="interception-of-everything",
        broken="a firewall opens TLS to the tenant and to the registry with a CA that the host does not know",
        change=both(tls("tenant", authority=Authority.DEVICE), tls("quay", authority=Authority.DEVICE)),
        find=finds(HTTPS_02="tls.intercepted", REG_01="tls.intercepted"),
    ),
    Scenario(
        name="private-ca",
        broken="the tenant's certificate is issued by a private CA that nobody knows",
        change=tls("tenant", authority=Authority.UNKNOWN),
        find=finds(HTTPS_02="tls.intercepted"),
    ),
    Scenario(
        name="incomplete-chain",
        broken="the tenant's certificate comes without its intermediate",
        change=tls("tenant", full_chain=False),
        find=finds(HTTPS_02="tls.chain-incomplete"),
    ),
    Scenario(
        name="public-roots-missing",
        broken="the host's trust store has lost the public roots",
        change=host(trusts=(Authority.CORPORATE,)),
        find=finds(
            HTTPS_02="tls.roots-outdated",
            REG_01="tls.roots-outdated",
            REG_05="tls.roots-outdated",
            HELM_01="tls.roots-outdated",
        ),
    ),
    Scenario(
        name="expired",
        broken="the tenant's certificate expired yesterday",
        change=tls("tenant", valid_days=(-91, -1)),
        find=finds(HTTPS_02="tls.expired"),
    ),
    Scenario(
        name="expired-at-one-address",
        broken="one of the tenant's addresses still serves last quarter's certificate",
        change=tls("tenant", only=TENANT_V4[1:2], valid_days=(-91, -1)),
        find=finds(HTTPS_02="tls.expired"),
    ),
    Scenario(
        name="not-yet-valid",
        broken="the tenant's certificate begins tomorrow",
        change=tls("tenant", valid_days=(1, 91)),
        find=finds(HTTPS_02="tls.not-yet-valid"),
    ),
    Scenario(
        name="wrong-name",
        broken="the tenant's addresses serve a certificate for another name",
        change=tls("tenant", names=("www.somebody.example", "somebody.example")),
        find=finds(HTTPS_02="tls.wrong-name"),
    ),
    Scenario(
        name="self-signed",
        broken="the tenant's addresses serve a certificate that is signed by itself",
        change=tls("tenant", authority=Authority.ITSELF, names=("localhost.localdomain",)),
        find=finds(HTTPS_02="tls.self-signed"),
    ),
    Scenario(
        name="hello-reset",
        broken="the firewall resets connections when it sees the tenant's name in the ClientHello",
        change=tls("tenant", hello=Hello.RESET),
        find=finds(HTTPS_02="tls.reset"),
    ),
    Scenario(
        name="hello-closed",
        broken="a load balancer closes connections after the ClientHello",
        change=tls("tenant", hello=Hello.CLOSE),
        find=finds(HTTPS_02="tls.reset"),
    ),
    Scenario(
        name="hello-swallowed",
        broken="an inspecting device swallows the ClientHello",
        change=tls("tenant", hello=Hello.STALL),
        find=finds(HTTPS_02="tls.stalled"),
    ),
    Scenario(
        name="plain-http",
        broken="plain HTTP is spoken on the tenant's port 443",
        change=site("tenant", tls=None, app=Fixed(reply=html(b"<html><body>It works!</body></html>"))),
        find=finds(HTTPS_02="tls.not-tls"),
    ),
    Scenario(
        name="ssh-on-443",
        broken="an SSH server answers on the tenant's port 443",
        change=tls("tenant", hello=Hello.BANNER),
        find=finds(HTTPS_02="tls.not-tls"),
    ),
    Scenario(
        name="old-tls",
        broken="what answers for the tenant speaks TLS 1.0 and 1.1 only",
        change=tls("tenant", versions=("TLSv1", "TLSv1_1")),
        find=finds(HTTPS_02="tls.version"),
    ),
    Scenario(
        name="large-hello-dropped",
        broken="an inspecting device swallows ClientHellos that do not fit one segment",
        change=tls("tenant", hello_limit=_SMALL_HELLO, large_hello=Hello.STALL),
        find=finds(HTTPS_05="tls.large-hello-dropped"),
    ),
    Scenario(
        name="large-hello-reset",
        broken="an inspecting device resets connections whose ClientHello does not fit one segment",
        change=tls("tenant", hello_limit=_SMALL_HELLO, large_hello=Hello.RESET),
        find=finds(HTTPS_05="tls.large-hello-dropped"),
    ),
)
