"""What the agent sends: requests that are blocked for what they are, and payloads that do not arrive."""

from __future__ import annotations

from lab.changes import environment, forward, rules, site, to
from lab.healthy import LAB_KEY, TENANT_V4, TENANT_V6
from lab.scenario import Change, Scenario, both, finds
from lab.scenarios import pages
from lab.servers import Receiver, Reply, ResponseFault, Rule

_ALL = TENANT_V4 + TENANT_V6
_BASE = "/receiver/stsAgent"
_ONE = TENANT_V4[1:2]
_JSON = ("Content-Type", "application/json")
_TAKEN = Reply(headers=(_JSON,), body=b'{"status":"ok"}')
_UNSUPPORTED = Reply(status=415, headers=(_JSON,), body=b'{"error":"unsupported media type"}')
_GATEWAY = Reply(status=401, headers=(_JSON,), body=b'{"error":"login required"}')
_RESET = Reply(manner=ResponseFault.RESET)
_STALL = Reply(manner=ResponseFault.STALL)
_LATE = "ct original bytes > 200000"


def _posts(reply: Reply, path: str = "*", *, only: tuple[str, ...] = (), larger_than: int = -1) -> Change:
    return rules("tenant", Rule(methods=("POST",), path=path, reply=reply, larger_than=larger_than), only=only)


def _with_header(pattern: str, reply: Reply) -> Change:
    return rules("tenant", Rule(header=pattern, reply=reply))


def _uplink(kilobytes: int, burst: int) -> Change:
    """A policer on the way to the tenant: so many kB a second, more are dropped."""
    limit = f"limit rate over {kilobytes} kbytes/second burst {burst} kbytes drop"
    return forward(*(f"{rule} {limit}" for rule in to(_ALL, "")))


SCENARIOS = (
    Scenario(
        name="posts-refused-as-json",
        broken="a device lets GET pass and refuses every POST with a 403 in JSON",
        change=_posts(pages.DEVICE_403),
        find=finds(RCV_02="http.request-blocked"),
    ),
    Scenario(
        name="posts-refused-as-json-keyed",
        broken="a device refuses every POST with a 403 in JSON, and the host has the tenant's API key",
        change=both(_posts(pages.DEVICE_403), environment(STS_API_KEY=LAB_KEY)),
        find=finds(RCV_02="http.request-blocked"),
    ),
    Scenario(
        name="posts-taken",
        broken="something takes every POST with 200 and JSON, and passes nothing on",
        change=_posts(_TAKEN),
        find=finds(RCV_02="http.not-receiver"),
    ),
    Scenario(
        name="posts-taken-keyed",
        broken="something takes every POST with 200 and JSON, and the host has the tenant's API key",
        change=both(_posts(_TAKEN), environment(STS_API_KEY=LAB_KEY)),
        find=finds(RCV_02="http.not-receiver"),
    ),
    Scenario(
        name="posts-stall",
        broken="a device swallows every POST",
        change=_posts(_STALL),
        find=finds(RCV_02="http.stalled", HTTPS_06="http.stalled"),
    ),
    Scenario(
        name="posts-reset",
        broken="a device resets every POST",
        change=_posts(_RESET),
        find=finds(RCV_02="http.closed", HTTPS_06="http.closed"),
    ),
    Scenario(
        name="encoding-blocked",
        broken="a WAF refuses requests with Content-Encoding",
        change=_with_header("content-encoding: *", _UNSUPPORTED),
        find=finds(RCV_02="http.request-blocked"),
    ),
    Scenario(
        name="deflate-reset",
        broken="a device that cannot look into deflate cuts such requests off",
        change=_with_header("content-encoding: deflate", _RESET),
        find=finds(RCV_02="http.request-blocked", HTTPS_06="http.closed"),
    ),
    Scenario(
        name="go-client-blocked",
        broken="a category filter blocks the User-Agent Go-http-client",
        change=_with_header("user-agent: Go-http-client*", pages.BLOCK_PAGE),
        find=finds(RCV_01="http.request-blocked"),
    ),
    Scenario(
        name="promtail-blocked",
        broken="a web filter blocks the User-Agent promtail with a 403 in JSON",
        change=_with_header("user-agent: promtail*", pages.DEVICE_403),
        find=finds(RCV_02="http.request-blocked"),
    ),
    Scenario(
        name="key-in-url-blocked",
        broken="DLP refuses URLs with ?api_key=",
        change=rules("tenant", Rule(query="*api_key=*", reply=pages.DEVICE_403)),
        find=finds(RCV_01="http.request-blocked"),
    ),
    Scenario(
        name="key-header-blocked",
        broken="DLP refuses requests with a header that looks like a key",
        change=_with_header("sts-api-key: *", pages.DEVICE_403),
        find=finds(RCV_01="http.request-blocked"),
    ),
    Scenario(
        name="key-header-blocked-keyed",
        broken="DLP refuses requests with a header that looks like a key, and the host has the tenant's",
        change=both(_with_header("sts-api-key: *", pages.DEVICE_403), environment(STS_API_KEY=LAB_KEY)),
        find=finds(RCV_01="http.request-blocked"),
    ),
    Scenario(
        name="key-header-blocked-as-go-writes-it",
        broken="DLP that minds capital letters refuses requests with the header Sts-Api-Key",
        change=_with_header("Sts-Api-Key: *", pages.DEVICE_403),
        find=finds(RCV_01="http.request-blocked"),
    ),
    Scenario(
        name="real-keys-blocked",
        broken="DLP refuses requests with the tenant's API key, and the host has it",
        change=both(_with_header(f"sts-api-key: {LAB_KEY}", pages.DEVICE_403), environment(STS_API_KEY=LAB_KEY)),
        find=finds(RCV_03="http.block-page"),
    ),
    Scenario(
        name="protobuf-blocked",
        broken="an API firewall refuses the content type of the process agent and of logs",
        change=_with_header("content-type: application/x-protobuf", _UNSUPPORTED),
        find=finds(RCV_02="http.request-blocked"),
    ),
    Scenario(
        name="intake-blocked",
        broken="a device refuses POST to the intake alone, with a 403 in JSON",
        change=_posts(pages.DEVICE_403, f"{_BASE}/intake"),
        find=finds(RCV_02="http.request-blocked"),
    ),
    Scenario(
        name="another-backend-for-all",
        broken="another back end answers GET with 404 and POST with 403, both in JSON",
        change=rules(
            "tenant",
            Rule(methods=("POST",), reply=pages.DEVICE_403),
            Rule(reply=Reply(status=404, headers=(_JSON,), body=b'{"error":"not found"}')),
        ),
        find=finds(RCV_01="http.not-found"),
    ),
    Scenario(
        name="large-bodies-refused",
        broken="an API gateway refuses bodies over 8 kB with a 403 in JSON",
        change=_posts(pages.DEVICE_403, larger_than=8_000),
        find=finds(HTTPS_06="http.body-limit"),
    ),
    Scenario(
        name="bodies-reset",
        broken="a device resets requests with bodies over 500 bytes",
        change=_posts(_RESET, larger_than=500),
        find=finds(HTTPS_06="http.closed"),
    ),
    Scenario(
        name="posts-refused-at-one-address",
        broken="at one of the tenant's addresses a device refuses POST with a 403 in JSON",
        change=_posts(pages.DEVICE_403, only=_ONE),
        find=finds(RCV_02="http.request-blocked"),
    ),
    Scenario(
        name="uploads-cut-at-one-address",
        broken="at one of the tenant's addresses a device resets connections that have sent 200 kB",
        change=forward(*(f"{rule} {_LATE} reject with tcp reset" for rule in to(_ONE, ""))),
        find=finds(HTTPS_06="http.closed"),
    ),
    Scenario(
        name="uploads-stall-at-one-address",
        broken="at one of the tenant's addresses a device swallows what a connection sends after 200 kB",
        change=forward(*(f"{rule} {_LATE} drop" for rule in to(_ONE, ""))),
        find=finds(HTTPS_06="http.stalled"),
    ),
    Scenario(
        name="another-tenant-at-one-address",
        broken="behind one of the tenant's addresses stands another tenant's receiver, and the host has the key",
        change=both(
            site("tenant", only=_ONE, app=Receiver(key="another-tenants-key")), environment(STS_API_KEY=LAB_KEY)
        ),
        find=finds(RCV_03="http.not-receiver"),
    ),
    Scenario(
        name="uplink-half-a-megabit",
        broken="the way to the tenant carries half a megabit per second",
        change=_uplink(62, 30),
        find=finds(HTTPS_06="http.too-slow"),
    ),
    Scenario(
        name="uplink-one-and-a-half-megabits",
        broken="nothing: the way to the tenant carries 1.6 Mbit/s, just enough for the largest payload",
        change=_uplink(200, 40),
    ),
    Scenario(
        name="uplink-four-megabits",
        broken="nothing: the way to the tenant carries four megabits per second, enough for the largest payload",
        change=_uplink(500, 60),
    ),
    Scenario(
        name="gateway-lets-keys-pass",
        broken="nothing: a gateway refuses everything without the tenant's API key, which the host has",
        change=both(rules("tenant", Rule(without_key=LAB_KEY, reply=_GATEWAY)), environment(STS_API_KEY=LAB_KEY)),
    ),
    Scenario(
        name="early-hints",
        broken="nothing: a 103 goes before every answer",
        change=rules("tenant", Rule(interim=True)),
    ),
    Scenario(
        name="closes-after-posts",
        broken="nothing: the receiver closes the connection after every answer, and the host has the key",
        change=both(site("tenant", closes_connections=True), environment(STS_API_KEY=LAB_KEY)),
    ),
)
