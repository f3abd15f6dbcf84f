"""What stands around: explicit proxies, who opens connections, clocks, configuration."""

from __future__ import annotations

from lab.changes import add_site, app, clock, environment, file, forward, host, visitor
from lab.healthy import CDN, HOST_ADDRESSES, PROXY, TENANT, TENANT_SITE, TENANT_V4
from lab.scenario import Change, Scenario, both, finds
from lab.world import Authority, Machine, Site, Visitor

_HOST_V4 = HOST_ADDRESSES[0]
_AGENT_PORT = 8126
HTTP_PROXY = f"http://{PROXY}:3128"
TLS_PROXY = f"https://{PROXY}:3129"
NO_WAY_OUT = forward('iifname "to-host" oifname "to-internet" drop')
"""Nothing gets out but through the proxy."""


def through(url: str, no_proxy: str = "") -> Change:
    """An explicit proxy in the host's environment, and no other way out."""
    return both(environment(HTTPS_PROXY=url, HTTP_PROXY=url, NO_PROXY=no_proxy), NO_WAY_OUT)


def _agent_url(url: str) -> Change:
    return file("profile.toml", f'[agent]\nurl = "{url}"\n')


_PROFILE = ("--profile={lab}/profile.toml",)
_TENANT_KNOCKS = visitor(
    Visitor(machine=Machine.INTERNET, source=TENANT_V4[0], to=_HOST_V4, port=_AGENT_PORT, stays=True)
)
_ROUTER_LETS_IN = forward(f'iifname "to-internet" ip daddr {_HOST_V4} tcp dport {_AGENT_PORT} accept')
_ODD_PORT = 8443
_VALUES_WITH_PROXY = f"""\
stackstate:
  url: https://{TENANT}/receiver/stsAgent
global:
  proxy:
    url: {{proxy}}
otel:
  enabled: true
"""

SCENARIOS = (
    Scenario(
        name="proxy-unreachable",
        broken="the proxy's URL names a port on which nothing listens",
        change=through(f"http://{PROXY}:8080"),
        find=finds(PRX_01="proxy.unreachable"),
    ),
    Scenario(
        name="proxy-name-unknown",
        broken="the proxy's URL names a host that does not exist",
        change=through("http://proxy.old.corp.example:3128"),
        find=finds(PRX_01="proxy.unreachable"),
    ),
    Scenario(
        name="proxy-wants-login",
        broken="the proxy wants a login that the host does not have",
        change=both(through(HTTP_PROXY), app("proxy", needs_login=True)),
        find=finds(PRX_01="proxy.auth"),
    ),
    Scenario(
        name="proxy-denies-tenant",
        broken="the proxy does not let this host connect to the tenant",
        change=both(through(HTTP_PROXY), app("proxy", denies=(f"{TENANT}:*",))),
        find=finds(PRX_01="proxy.denied"),
    ),
    Scenario(
        name="proxy-denies-cdn",
        broken="the proxy allows quay.io and denies its CDN",
        change=both(through(HTTP_PROXY), app("proxy", denies=tuple(f"{name}:*" for name in CDN))),
        find=finds(REG_04="proxy.denied", REG_05="proxy.denied"),
    ),
    Scenario(
        name="proxy-declared-https",
        broken="the proxy is declared with https:// and speaks plain HTTP",
        change=through(f"https://{PROXY}:3128"),
        find=finds(PRX_01="proxy.wrong-scheme"),
    ),
    Scenario(
        name="proxy-declared-http",
        broken="the proxy is declared with http:// and speaks TLS",
        change=through(f"http://{PROXY}:3129"),
        find=finds(PRX_01="proxy.wrong-scheme"),
    ),
    Scenario(
        name="proxy-opens-tls",
        broken="the proxy opens TLS to the tenant with a CA that the host trusts and the agent's containers do not",
        change=both(
            through(HTTP_PROXY),
            app("proxy", bumps=(f"{TENANT}:*",)),
            host(trusts=(Authority.PUBLIC, Authority.CORPORATE, Authority.DEVICE)),
        ),
        find=finds(HTTPS_03="tls.intercepted"),
    ),
    Scenario(
        name="proxy-opens-tls-unknown-ca",
        broken="the proxy opens TLS to the tenant with a CA that the host does not know",
        change=both(through(HTTP_PROXY), app("proxy", bumps=(f"{TENANT}:*",))),
        find=finds(HTTPS_02="tls.intercepted"),
    ),
    Scenario(
        name="no-proxy-excepts-tenant",
        broken="NO_PROXY excepts the tenant, and there is no way to it but the proxy",
        change=through(HTTP_PROXY, no_proxy=f"localhost,{TENANT}"),
        find=finds(HTTPS_01="tcp.filtered", HTTPS_07="path.ipv6-dead"),
    ),
    Scenario(
        name="inbound-accepted",
        broken="something at the tenant's address connects to a port of the host and is let in",
        change=both(
            _TENANT_KNOCKS,
            _ROUTER_LETS_IN,
            host(listens=(_AGENT_PORT,), firewall=(f"tcp dport {_AGENT_PORT} accept",)),
        ),
        find=finds(OUT_01="outbound.inbound-seen"),
    ),
    Scenario(
        name="inbound-attempted",
        broken="something at the tenant's address tries to connect to the host, whose firewall drops it",
        change=both(_TENANT_KNOCKS, _ROUTER_LETS_IN),
        find=finds(OUT_02="outbound.inbound-seen"),
    ),
    Scenario(
        name="inbound-allowed",
        broken="the host's firewall opens a port to the tenant's addresses",
        change=host(firewall=(f"ip saddr {TENANT_V4[0]} tcp dport {_AGENT_PORT} accept",)),
        find=finds(OUT_02="outbound.inbound-allowed"),
    ),
    Scenario(
        name="outbound-other-port",
        broken="a program on the host has a connection to the tenant on port 8443",
        change=both(
            add_site(
                Site(
                    name="tenant-8443",
                    hosts=TENANT_SITE.hosts,
                    addresses=TENANT_V4,
                    port=_ODD_PORT,
                    app=TENANT_SITE.app,
                )
            ),
            visitor(Visitor(machine=Machine.HOST, source=_HOST_V4, to=TENANT_V4[1], port=_ODD_PORT, stays=True)),
        ),
        find=finds(OUT_01="outbound.other-port"),
    ),
    Scenario(
        name="clock-5-minutes-behind",
        broken="the host's clock is five minutes behind",
        change=clock(300),
        find=finds(CLK_01="clock.off"),
    ),
    Scenario(
        name="clock-2-minutes-ahead",
        broken="the host's clock is two minutes ahead",
        change=clock(-120),
        find=finds(CLK_01="clock.off"),
    ),
    Scenario(
        name="clock-40-days-behind",
        broken="the host's clock is forty days behind, so no certificate has begun yet",
        change=clock(40 * 86400),
        find=finds(HTTPS_02="clock.off"),
    ),
    Scenario(
        name="values-otel-without-proxy",
        broken="the chart's values switch OpenTelemetry on, whose pods the chart gives no proxy",
        change=both(through(HTTP_PROXY), file("values.yaml", _VALUES_WITH_PROXY.format(proxy=HTTP_PROXY))),
        options=("--values={lab}/values.yaml",),
        find=finds(PRX_02="proxy.ignored"),
    ),
    Scenario(
        name="values-proxy-scheme",
        broken="the chart's values give the proxy with https://, which it does not speak; the host's own is right",
        change=both(through(HTTP_PROXY), file("values.yaml", _VALUES_WITH_PROXY.format(proxy=f"https://{PROXY}:3128"))),
        options=("--values={lab}/values.yaml", f"--proxy={HTTP_PROXY}"),
        find=finds(PRX_02="proxy.ignored proxy.wrong-scheme"),
    ),
    Scenario(
        name="url-with-slash",
        broken="the agent's URL ends with a slash",
        change=_agent_url(f"https://{TENANT}/receiver/stsAgent/"),
        options=_PROFILE,
        find=finds(HTTPS_04="endpoint.wrong-url"),
    ),
    Scenario(
        name="url-misspelt",
        broken="the path in the agent's URL is misspelt",
        change=_agent_url(f"https://{TENANT}/reciever/stsAgent"),
        options=_PROFILE,
        find=finds(HTTPS_04="endpoint.wrong-url"),
    ),
    Scenario(
        name="url-plain-http",
        broken="the agent's URL is http",
        change=_agent_url(f"http://{TENANT}/receiver/stsAgent"),
        options=_PROFILE,
        find=finds(HTTPS_04="endpoint.wrong-url"),
    ),
)
