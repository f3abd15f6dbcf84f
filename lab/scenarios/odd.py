"""What breaks one kind of client and no other, in ways that few have seen."""

from __future__ import annotations

from lab.changes import forward, record, rules, site, tls, to
from lab.healthy import HELM, HELM_V4, PROXY, PROXY_V4
from lab.scenario import Scenario, both, finds
from lab.scenarios.surroundings import HTTP_PROXY, through
from lab.servers import Reply, Rule
from lab.world import Http2

_SECOND_PROXY, _DEAD_PROXY = "10.30.0.82", "10.30.0.81"

SCENARIOS = (
    Scenario(
        name="registry-refuses-head",
        broken="a filter in front of the registry lets GET pass, and no HEAD",
        change=rules("quay", Rule(methods=("HEAD",), reply=Reply(status=403))),
        find=finds(REG_03="registry.head-refused"),
    ),
    Scenario(
        name="proxy-one-address-dead",
        broken="the proxy's name has three addresses, and one of them does not answer",
        change=both(
            through(HTTP_PROXY, no_proxy=HELM),
            record(PROXY, "A", PROXY_V4, _SECOND_PROXY, _DEAD_PROXY),
            site("proxy", addresses=(PROXY_V4, _SECOND_PROXY)),
            forward(f"ip daddr {_DEAD_PROXY} drop", *to(HELM_V4, "accept")),
        ),
        find=finds(HTTPS_08="proxy.address-dead"),
    ),
    Scenario(
        name="http2-agreed-and-not-spoken",
        broken="a device in front of the tenant agrees to HTTP/2, which parts of the agent offer, and speaks HTTP/1.1",
        change=tls("tenant", protocols=("h2", "http/1.1")),
        find=finds(HTTPS_05="http.no-http2"),
    ),
    *(
        Scenario(
            name=f"http2-{manner}",
            broken=f"a device in front of the tenant agrees to HTTP/2, answers a GET over it, and {what}",
            change=tls("tenant", protocols=("h2", "http/1.1"), http2=manner),
            find=finds(HTTPS_05="http.no-http2"),
        )
        for manner, what in (
            (Http2.NO_WINDOW, "never opens the window for the body of a POST"),
            (Http2.RESETS_POSTS, "resets a POST with HTTP_1_1_REQUIRED"),
        )
    ),
)
