"""Charts: the chart repository as Helm sees it, a Go program on the workstation."""

from __future__ import annotations

from lab.changes import environment, file, host, rules, tls
from lab.scenario import Scenario, both, finds
from lab.scenarios import pages
from lab.servers import Rule
from lab.world import Authority

_TRUSTING = host(trusts=(Authority.PUBLIC, Authority.CORPORATE, Authority.DEVICE))

SCENARIOS = (
    Scenario(
        name="helm-intercepted",
        broken="a firewall opens TLS to the chart repository with a CA that the host does not know",
        change=tls("helm", authority=Authority.DEVICE),
        find=finds(HELM_01="tls.intercepted"),
    ),
    Scenario(
        name="helm-large-hello-dropped",
        broken="a device in front of the chart repository swallows ClientHellos that do not fit one segment",
        change=tls("helm", hello_limit=1300),
        find=finds(HELM_01="tls.large-hello-dropped"),
    ),
    Scenario(
        name="helm-interception-declared",
        broken="nothing: TLS to the tenant and the chart repository is opened by a device that the profile declares",
        change=both(
            tls("tenant", authority=Authority.DEVICE),
            tls("helm", authority=Authority.DEVICE),
            _TRUSTING,
            file("profile.toml", '[interception]\nca_file = "pki/device-root.pem"\n'),
        ),
        options=("--profile={lab}/profile.toml",),
    ),
    Scenario(
        name="helm-interception-trusted-by-the-host",
        broken="nothing: TLS to the chart repository is opened by a device that the host trusts, and so does Helm",
        change=both(tls("helm", authority=Authority.DEVICE), _TRUSTING),
    ),
    Scenario(
        name="helm-ignores-all-proxy",
        broken="ALL_PROXY names a proxy that is not there, and nothing in Go reads it",
        change=environment(ALL_PROXY="http://proxy.old.corp.example:3128"),
        find=finds(PRX_03="proxy.overlooked"),
    ),
    Scenario(
        name="helm-client-blocked",
        broken="a web filter blocks the User-Agent of Helm at the chart repository",
        change=rules("helm", Rule(header="user-agent: Helm/*", reply=pages.BLOCK_PAGE)),
        find=finds(HELM_01="helm.not-a-repository"),
    ),
)
