"""Images and charts: the registry, its CDN, one's own registry, the chart repository."""

from __future__ import annotations

import platform
from dataclasses import replace

from lab.changes import app, fault, file, forward, rules, site, tls, to
from lab.healthy import CDN, CORP_REGISTRY, HELM, HELM_V4, QUAY, QUAY_V4
from lab.scenario import Change, Scenario, both, finds
from lab.scenarios import pages
from lab.servers import Fixed, Reply, ResponseFault, Rule, Tokens
from lab.world import Authority, World

COPY = (f"--registry={CORP_REGISTRY}/mirror", "--registry-mode=copy")
PULL_THROUGH = (f"--registry={CORP_REGISTRY}/quay", "--registry-mode=proxy")

_HOST_PLATFORM = "linux/arm64" if platform.machine() == "aarch64" else "linux/amd64"
_OTHER_PLATFORM = "linux/amd64" if _HOST_PLATFORM == "linux/arm64" else "linux/arm64"
_VALUES = f"""\
stackstate:
  apiKey: not-a-key
  cluster:
    name: lab
  url: https://acme.app.stackstate.io/receiver/stsAgent
all:
  image:
    registry: {CORP_REGISTRY}
"""


def cdn_rule(rule: Rule) -> Change:
    """A rule in front of every host of the CDN."""
    return both(*(rules(name.removesuffix(".quay.io"), rule) for name in CDN))


def _no_charts(world: World) -> World:
    return replace(world, charts=tuple(chart for chart in world.charts if chart.name != "suse-observability-agent"))


SCENARIOS = (
    Scenario(
        name="registry-nxdomain",
        broken="the resolvers do not know quay.io",
        change=fault("nxdomain", names=QUAY),
        find=finds(REG_01="dns.nxdomain"),
    ),
    Scenario(
        name="registry-dropped",
        broken="the firewall drops connections to quay.io",
        change=forward(*to(QUAY_V4, "drop")),
        find=finds(REG_01="tcp.filtered"),
    ),
    Scenario(
        name="registry-block-page",
        broken="a proxy answers quay.io with its block page",
        change=site("quay", app=Fixed(reply=pages.BLOCK_PAGE)),
        find=finds(REG_01="registry.not-a-registry"),
    ),
    Scenario(
        name="registry-portal",
        broken="a captive portal answers for quay.io",
        change=site("quay", app=Fixed(reply=pages.PORTAL_REDIRECT)),
        find=finds(REG_01="registry.not-a-registry"),
    ),
    Scenario(
        name="registry-401-of-a-middlebox",
        broken="a middlebox answers quay.io with a 401 that is no registry's",
        change=site(
            "quay", app=Fixed(reply=Reply(status=401, headers=(("Content-Type", "text/plain"),), body=b"denied"))
        ),
        find=finds(REG_01="registry.not-a-registry"),
    ),
    Scenario(
        name="registry-throttles",
        broken="quay.io limits the rate of requests",
        change=site("quay", app=Fixed(reply=pages.THROTTLED)),
        find=finds(REG_01="registry.throttled"),
    ),
    Scenario(
        name="registry-throttles-manifests",
        broken="quay.io limits the rate of manifest requests",
        change=rules("quay", Rule(path="/v2/*/manifests/*", reply=pages.THROTTLED)),
        find=finds(REG_03="registry.throttled"),
    ),
    Scenario(
        name="registry-token-denied",
        broken="the token server refuses every scope",
        change=app("quay", tokens=Tokens.DENIED),
        find=finds(REG_02="registry.token-denied"),
    ),
    Scenario(
        name="registry-token-without-access",
        broken="the token server gives tokens that allow nothing",
        change=app("quay", tokens=Tokens.WRONG_SCOPE),
        find=finds(REG_02="registry.credentials"),
    ),
    Scenario(
        name="own-registry-wants-login",
        broken="one's own registry asks for a user name and password",
        change=app("corp-registry", tokens=Tokens.BASIC),
        options=COPY,
        find=finds(REG_02="registry.credentials"),
    ),
    Scenario(
        name="image-missing",
        broken="one image is not in one's own registry",
        change=app("corp-registry", missing=("stackstate/promtail:*",)),
        options=COPY,
        find=finds(REG_03="registry.image-missing"),
    ),
    Scenario(
        name="image-prefix-dropped",
        broken="the images lie in one's own registry under another prefix than declared",
        change=app("corp-registry", prefixes=("elsewhere/",)),
        options=COPY,
        find=finds(REG_03="registry.image-missing"),
    ),
    Scenario(
        name="platform-missing",
        broken="the copies in one's own registry were made on another platform and hold that one only",
        change=app("corp-registry", platforms=(_OTHER_PLATFORM,)),
        options=COPY,
        find=finds(REG_03="registry.platform-missing"),
    ),
    Scenario(
        name="copied-one-platform",
        broken="the copies in one's own registry hold the host's platform only",
        change=app("corp-registry", platforms=(_HOST_PLATFORM,)),
        options=COPY,
        find=finds(REG_06="registry.platform-missing"),
    ),
    Scenario(
        name="copy-differs",
        broken="one's own registry holds other images under the same tags",
        change=app("corp-registry", rebuilt=("*",)),
        options=PULL_THROUGH,
        find=finds(REG_06="registry.digest-differs"),
    ),
    Scenario(
        name="cdn-dropped",
        broken="the firewall allows quay.io and drops its CDN",
        change=forward(*to(tuple(CDN.values()), "drop")),
        find=finds(REG_04="registry.blob-unreachable", REG_05="tcp.filtered"),
    ),
    Scenario(
        name="cdn-new-hosts-forgotten",
        broken="the firewall knows the CDN hosts of last year and drops the new ones",
        change=forward(*to(tuple(CDN.values())[4:], "drop")),
        find=finds(REG_05="tcp.filtered"),
    ),
    Scenario(
        name="cdn-intercepted",
        broken="a firewall opens TLS to the CDN with a CA that the host does not know",
        change=both(*(tls(name.removesuffix(".quay.io"), authority=Authority.DEVICE) for name in CDN)),
        find=finds(REG_04="tls.intercepted", REG_05="tls.intercepted"),
    ),
    Scenario(
        name="layers-changed",
        broken="a device changes the bytes of image layers",
        change=both(*(app(name.removesuffix(".quay.io"), corrupt=True) for name in CDN)),
        find=finds(REG_04="registry.blob-corrupt"),
    ),
    Scenario(
        name="layers-replaced-by-a-page",
        broken="a device gives a page with status 200 instead of image layers",
        change=cdn_rule(Rule(reply=pages.html(pages.BLOCK_PAGE.body))),
        find=finds(REG_04="registry.blob-corrupt"),
    ),
    Scenario(
        name="layers-cut",
        broken="a device cuts the transfer of image layers",
        change=cdn_rule(Rule(reply=Reply(body=b"x" * 1000, manner=ResponseFault.CUT))),
        find=finds(REG_04="registry.layer-interrupted"),
    ),
    Scenario(
        name="layers-refused",
        broken="the CDN refuses the signed URL",
        change=cdn_rule(Rule(reply=pages.html(b"<Error><Code>AccessDenied</Code></Error>", 403))),
        find=finds(REG_04="registry.layer-refused"),
    ),
    Scenario(
        name="layers-never-come",
        broken="the CDN takes requests for layers and never answers",
        change=cdn_rule(Rule(reply=Reply(manner=ResponseFault.STALL))),
        find=finds(REG_04="http.stalled"),
    ),
    Scenario(
        name="values-trap",
        broken="the chart's values set all.image.registry only, which has no effect",
        change=file("values.yaml", _VALUES),
        options=(*COPY, "--images={lab}/values.yaml"),
        find=finds(REG_07="registry.wrong-values"),
    ),
    Scenario(
        name="helm-block-page",
        broken="a proxy answers the chart repository with its block page",
        change=site("helm", app=Fixed(reply=pages.html(pages.BLOCK_PAGE.body))),
        find=finds(HELM_01="helm.not-a-repository"),
    ),
    Scenario(
        name="helm-chart-missing",
        broken="the chart repository does not list the chart",
        change=_no_charts,
        find=finds(HELM_01="helm.chart-missing"),
    ),
    Scenario(
        name="helm-archive-missing",
        broken="the chart repository lists the chart and does not have its archive",
        change=rules("helm", Rule(path="*.tgz", reply=pages.NGINX_404)),
        find=finds(HELM_01="helm.chart-missing"),
    ),
    Scenario(
        name="helm-dropped",
        broken="the firewall drops connections to the chart repository",
        change=forward(*to(HELM_V4, "drop")),
        find=finds(HELM_01="tcp.filtered"),
    ),
    Scenario(
        name="helm-nxdomain",
        broken="the resolvers do not know the chart repository",
        change=fault("nxdomain", names=HELM),
        find=finds(HELM_01="dns.nxdomain"),
    ),
)
