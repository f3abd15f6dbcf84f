"""Pulls of images as networks break them: what comes right when it is asked for again, refusals with a reason, large
layers, and who is to be asked where the CDN, the token server or the chart's archive is the one that fails.
"""

from __future__ import annotations

from lab.changes import add_site, app, fault, forward, record, rules, to
from lab.healthy import CDN
from lab.scenario import Change, Scenario, both, finds
from lab.scenarios import pages
from lab.scenarios.registries import COPY, cdn_rule
from lab.servers import Charts, Reply, ResponseFault, Rule
from lab.world import Site

LARGE = 1_000_000
ARCHIVES, AT = "charts-archive.stackstate.io", ("52.222.236.77",)
ARCHIVES_SITE = Site(name="archives", hosts=(ARCHIVES,), addresses=AT, app=Charts())


def _json(status: int, body: bytes, *headers: tuple[str, str]) -> Reply:
    return Reply(status=status, headers=(("Content-Type", "application/json"), *headers), body=body)


ONE_MOMENT = _json(429, b'{"errors":[{"code":"TOOMANYREQUESTS"}]}', ("Retry-After", "1"))
XRAY = _json(
    403,
    b'{"errors":[{"code":"DENIED","message":"Artifact download request rejected: stackstate/promtail was not '
    b'downloaded due to the download blocking policy configured in Xray for docker-local."}]}',
)
HARBOR = _json(
    412,
    b'{"errors":[{"code":"PROJECTPOLICYVIOLATION","message":"current image with 12 vulnerabilities cannot be pulled '
    b'due to configured policy in \'Prevent images with vulnerability severity of \\"High\\" or higher from '
    b"running.'\"}]}",
)


def _cdn(**fields: object) -> Change:
    return both(*(app(name.removesuffix(".quay.io"), **fields) for name in CDN))


SCENARIOS = (
    Scenario(
        name="registry-throttles-for-a-moment",
        broken="nothing: quay.io answers the first two requests for each manifest with 429 and Retry-After: 1",
        change=rules("quay", Rule(path="/v2/*/manifests/*", reply=ONE_MOMENT, times=2)),
    ),
    Scenario(
        name="registry-ping-throttled-once",
        broken="nothing: quay.io answers the first request of all with 429",
        change=rules("quay", Rule(path="/v2/", reply=ONE_MOMENT, times=1)),
    ),
    Scenario(
        name="token-server-fails-once",
        broken="nothing: the token server answers 503 once",
        change=rules("quay", Rule(path="/v2/auth", reply=pages.UNAVAILABLE, times=1)),
    ),
    Scenario(
        name="cdn-fails-once",
        broken="nothing: the CDN answers the first request for each layer with 502",
        change=cdn_rule(Rule(reply=pages.NGINX_502, times=1)),
    ),
    Scenario(
        name="cdn-cuts-once",
        broken="nothing: the CDN closes the connection at the first request for each layer",
        change=cdn_rule(Rule(reply=Reply(manner=ResponseFault.CLOSE), times=1)),
    ),
    Scenario(
        name="cdn-without-ranges",
        broken="nothing: the CDN gives whole layers only",
        change=_cdn(ranges=200),
    ),
    Scenario(
        name="cdn-refuses-ranges",
        broken="nothing: the CDN answers 416 to requests for parts of a layer",
        change=_cdn(ranges=416),
    ),
    Scenario(
        name="cdn-unavailable",
        broken="the CDN answers 503 to everything",
        change=cdn_rule(Rule(reply=pages.UNAVAILABLE)),
        find=finds(REG_04="registry.unavailable"),
    ),
    Scenario(
        name="cdn-bad-gateway",
        broken="the CDN answers 502 to everything",
        change=cdn_rule(Rule(reply=pages.NGINX_502)),
        find=finds(REG_04="registry.unavailable"),
    ),
    Scenario(
        name="registry-policy",
        broken="one's own registry blocks images by a policy, and says so",
        change=rules("corp-registry", Rule(path="/v2/*/manifests/*", reply=XRAY)),
        options=COPY,
        find=finds(REG_02="registry.policy"),
    ),
    Scenario(
        name="registry-vulnerability-policy",
        broken="one's own registry does not give images with vulnerabilities",
        change=rules("corp-registry", Rule(path="/v2/*/manifests/*", reply=HARBOR)),
        options=COPY,
        find=finds(REG_02="registry.policy"),
    ),
    Scenario(
        name="registry-policy-for-layers",
        broken="one's own registry gives manifests and blocks layers by a policy",
        change=rules("corp-registry", Rule(path="/v2/*/blobs/*", reply=XRAY)),
        options=COPY,
        find=finds(REG_04="registry.policy"),
    ),
    Scenario(
        name="token-server-policy",
        broken="the token server refuses by a quota, and says so",
        change=rules("quay", Rule(path="/v2/auth", reply=_json(403, b'{"details":"pull quota of the team exceeded"}'))),
        find=finds(REG_02="registry.policy"),
    ),
    Scenario(
        name="token-server-dropped",
        broken="the token server is at another host, and the firewall drops connections to it",
        change=both(app("quay", service="auth.quay.io"), record("auth.quay.io", "A", "3.216.77.7")),
        find=finds(REG_02="tcp.filtered"),
    ),
    Scenario(
        name="layers-held-back",
        broken="a device that inspects downloads lets 100 kB of each through and no more",
        change=cdn_rule(Rule(manner=ResponseFault.HOLD, limit=100_000)),
        find=finds(REG_04="registry.layer-interrupted"),
    ),
    Scenario(
        name="layers-held-back-late",
        broken="a device that inspects downloads lets 1 MB of each through and no more",
        change=cdn_rule(Rule(manner=ResponseFault.HOLD, limit=LARGE)),
        find=finds(REG_04="registry.layer-interrupted"),
    ),
    Scenario(
        name="large-layers-cut",
        broken="a device cuts downloads after 1 MB",
        change=cdn_rule(Rule(manner=ResponseFault.CUT, limit=LARGE)),
        find=finds(REG_04="registry.layer-interrupted"),
    ),
    Scenario(
        name="layers-changed-in-the-middle",
        broken="a device changes the bytes in the middle of large layers",
        change=_cdn(corrupt_middle=True),
        find=finds(REG_04="registry.blob-corrupt"),
    ),
    Scenario(
        name="cdn-slow",
        broken="layers arrive at 200 kB/s",
        change=cdn_rule(Rule(manner=ResponseFault.SLOW, limit=200_000)),
        find=finds(REG_08="registry.slow"),
    ),
    Scenario(
        name="cdn-drips",
        broken="layers arrive at ten bytes a second",
        change=cdn_rule(Rule(manner=ResponseFault.SLOW, limit=10)),
        find=finds(REG_04="registry.layer-interrupted"),
    ),
    Scenario(
        name="cdn-name-unknown",
        broken="the resolvers do not know the names of the CDN",
        change=fault("nxdomain", names="cdn*.quay.io"),
        find=finds(REG_04="dns.nxdomain", REG_05="dns.nxdomain"),
    ),
    Scenario(
        name="cdn-block-page",
        broken="a proxy answers requests for layers with its block page",
        change=cdn_rule(Rule(reply=pages.BLOCK_PAGE)),
        find=finds(REG_04="http.block-page"),
    ),
    Scenario(
        name="helm-archives-elsewhere",
        broken="nothing: the chart's archives are at another host",
        change=both(app("helm", archives=f"https://{ARCHIVES}/"), add_site(ARCHIVES_SITE), record(ARCHIVES, "A", *AT)),
    ),
    Scenario(
        name="helm-archives-dropped",
        broken="the chart's archives are at another host, and the firewall drops connections to it",
        change=both(
            app("helm", archives=f"https://{ARCHIVES}/"),
            add_site(ARCHIVES_SITE),
            record(ARCHIVES, "A", *AT),
            forward(*to(AT, "drop")),
        ),
        find=finds(HELM_01="helm.host-unreachable"),
    ),
    Scenario(
        name="helm-archives-unknown",
        broken="the chart's archives are at a host that the resolvers do not know",
        change=app("helm", archives=f"https://{ARCHIVES}/"),
        find=finds(HELM_01="dns.nxdomain"),
    ),
    Scenario(
        name="helm-wants-login",
        broken="the chart repository answers 401 with a message",
        change=rules("helm", Rule(reply=_json(401, b'{"errors":[{"status":401,"message":"Bad credentials"}]}'))),
        find=finds(HELM_01="helm.refused"),
    ),
)
