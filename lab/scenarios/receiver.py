"""HTTP: who writes the answers, and do they come."""

from __future__ import annotations

from lab.changes import environment, rules, site
from lab.healthy import TENANT_V4
from lab.scenario import Change, Scenario, finds
from lab.scenarios import pages
from lab.servers import Fixed, Reply, ResponseFault, Rule

_BASE = "/receiver/stsAgent"


def _answers(reply: Reply) -> Change:
    """Whatever is asked, the tenant's addresses give this answer."""
    return site("tenant", app=Fixed(reply=reply))


def _at(path: str, reply: Reply, *methods: str) -> Change:
    return rules("tenant", Rule(path=path, methods=methods, reply=reply))


SCENARIOS = (
    Scenario(
        name="block-page",
        broken="a proxy with a valid chain answers everything with its block page (403)",
        change=_answers(pages.BLOCK_PAGE),
        find=finds(RCV_01="http.block-page"),
    ),
    Scenario(
        name="block-page-200",
        broken="a device answers everything with its block page and status 200",
        change=_answers(pages.html(pages.BLOCK_PAGE.body)),
        find=finds(RCV_01="http.block-page"),
    ),
    Scenario(
        name="firewalls-own-403",
        broken="a device refuses every path with a 403 in JSON that looks like the receiver's",
        change=_answers(pages.DEVICE_403),
        find=finds(RCV_01="http.block-page"),
    ),
    Scenario(
        name="gateways-own-401",
        broken="a gateway in front of the tenant asks for a user name and password",
        change=_answers(pages.BASIC_401),
        find=finds(RCV_01="http.not-receiver"),
    ),
    Scenario(
        name="captive-portal",
        broken="a captive portal redirects everything to its login page",
        change=_answers(pages.PORTAL_REDIRECT),
        find=finds(RCV_01="http.captive-portal"),
    ),
    Scenario(
        name="captive-portal-page",
        broken="a captive portal answers everything with its login page",
        change=_answers(pages.PORTAL_PAGE),
        find=finds(RCV_01="http.captive-portal"),
    ),
    Scenario(
        name="captive-portal-511",
        broken="a captive portal answers with status 511",
        change=_answers(pages.PORTAL_511),
        find=finds(RCV_01="http.captive-portal"),
    ),
    Scenario(
        name="web-ui-on-the-path",
        broken="the web UI answers the receiver's path",
        change=_at("*", pages.WEB_UI_PAGE),
        find=finds(RCV_01="http.web-ui"),
    ),
    Scenario(
        name="wrong-backend",
        broken="another backend answers 404 for every path",
        change=_answers(pages.NGINX_404),
        find=finds(RCV_01="http.not-found"),
    ),
    Scenario(
        name="wrong-backend-at-one-address",
        broken="behind one of the tenant's addresses stands another backend",
        change=site("tenant", only=TENANT_V4[:1], app=Fixed(reply=pages.NGINX_404)),
        find=finds(RCV_01="http.not-found"),
    ),
    Scenario(
        name="json-200-for-everything",
        broken="something answers every path with 200 and JSON",
        change=_answers(Reply(headers=(("Content-Type", "application/json"),), body=b'{"status":"ok"}')),
        find=finds(RCV_01="http.not-receiver"),
    ),
    Scenario(
        name="redirected-path",
        broken="the receiver's path is redirected to another one",
        change=_at(f"{_BASE}*", pages.html(b"", 301, ("Location", "https://{host}/api{path}"))),
        find=finds(RCV_01="http.redirected"),
    ),
    Scenario(
        name="transparent-proxy-wants-login",
        broken="a transparent proxy answers 407",
        change=_answers(pages.PROXY_LOGIN),
        find=finds(RCV_01="http.proxy-auth"),
    ),
    Scenario(
        name="receiver-unavailable",
        broken="the receiver's load balancer answers 503",
        change=_at(f"{_BASE}*", pages.UNAVAILABLE),
        find=finds(RCV_01="http.server-error"),
    ),
    Scenario(
        name="receiver-throttles",
        broken="the receiver answers 429",
        change=_at(f"{_BASE}*", pages.THROTTLED),
        find=finds(RCV_01="http.throttled"),
    ),
    Scenario(
        name="answers-never",
        broken="requests are read and never answered",
        change=_answers(Reply(manner=ResponseFault.STALL)),
        find=finds(RCV_01="http.stalled"),
    ),
    Scenario(
        name="closes-without-answer",
        broken="connections are closed instead of answered",
        change=_answers(Reply(manner=ResponseFault.CLOSE)),
        find=finds(RCV_01="http.closed"),
    ),
    Scenario(
        name="resets-without-answer",
        broken="connections are reset instead of answered",
        change=_answers(Reply(manner=ResponseFault.RESET)),
        find=finds(RCV_01="http.closed"),
    ),
    Scenario(
        name="no-http-inside-tls",
        broken="inside TLS something else than HTTP is spoken",
        change=_answers(Reply(manner=ResponseFault.GARBAGE)),
        find=finds(RCV_01="http.closed"),
    ),
    Scenario(
        name="answers-after-4-s",
        broken="an overloaded proxy takes four seconds for every answer",
        change=rules("tenant", Rule(delay=4.0)),
        find=finds(RCV_04="http.slow"),
    ),
    Scenario(
        name="answers-after-8-s",
        broken="an overloaded proxy takes eight seconds for every answer",
        change=rules("tenant", Rule(delay=8.0)),
        find=finds(RCV_04="http.slow"),
    ),
    Scenario(
        name="body-limit",
        broken="a proxy refuses requests above 1 MB",
        change=rules("tenant", Rule(methods=("POST",), larger_than=1_000_000, reply=pages.NGINX_413)),
        find=finds(HTTPS_06="http.body-limit"),
    ),
    Scenario(
        name="logs-backend-missing",
        broken="the path of the logs leads to the web UI",
        change=_at(f"{_BASE}/logs/k8s", pages.WEB_UI_PAGE),
        find=finds(RCV_02="http.web-ui"),
    ),
    Scenario(
        name="process-backend-down",
        broken="the back end of the process agent answers 502",
        change=_at(f"{_BASE}/api/v1/co*", pages.NGINX_502),
        find=finds(RCV_02="http.server-error"),
    ),
    Scenario(
        name="posts-blocked",
        broken="a device lets GET pass and answers POST with its block page",
        change=_at("*", pages.BLOCK_PAGE, "POST"),
        find=finds(RCV_02="http.block-page"),
    ),
    Scenario(
        name="key-refused",
        broken="the host has an API key of another tenant",
        change=environment(STS_API_KEY="lab-key-of-another-tenant"),
        find=finds(RCV_03="receiver.key-refused"),
    ),
)
