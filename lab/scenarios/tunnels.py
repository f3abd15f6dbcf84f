"""Explicit proxies that grant some CONNECTs, or take their time."""

from __future__ import annotations

from lab.changes import app, fault
from lab.healthy import TENANT
from lab.scenario import Scenario, both, finds
from lab.scenarios.surroundings import HTTP_PROXY, through

SCENARIOS = (
    Scenario(
        name="proxy-ignores-one-in-sixteen",
        broken="the proxy leaves every sixteenth CONNECT to the tenant unanswered",
        change=both(through(HTTP_PROXY), app("proxy", sometimes=(f"{TENANT}:*",), every=16, silent=True)),
        find=finds(PRX_01="proxy.partly-denied"),
    ),
    Scenario(
        name="proxy-name-without-edns",
        broken="the resolvers refuse queries with EDNS0: the system finds the proxy, and the agent does not",
        change=both(through(HTTP_PROXY), fault("formerr", names="*", edns=True)),
        find=finds(PRX_01="dns.agent-cannot-resolve", HELM_01="dns.agent-cannot-resolve"),
    ),
    Scenario(
        name="proxy-refuses-go-client",
        broken="the proxy refuses a CONNECT that comes with the User-Agent Go-http-client",
        change=both(through(HTTP_PROXY), app("proxy", refuses_agents=("Go-http-client/*",))),
        find=finds(PRX_01="proxy.denied", REG_05="proxy.denied", HELM_01="proxy.denied"),
    ),
    Scenario(
        name="proxy-slow",
        broken="the proxy takes 3 s for each CONNECT",
        change=both(through(HTTP_PROXY), app("proxy", delay=3.0)),
        find=finds(HTTPS_08="proxy.slow"),
    ),
    Scenario(
        name="proxy-silent",
        broken="the proxy accepts connections and answers no CONNECT: its own way out is dropped, and it waits",
        change=both(through(HTTP_PROXY), app("proxy", delay=60.0)),
        find=finds(PRX_01="proxy.slow"),
    ),
)
