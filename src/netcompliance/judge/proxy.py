"""PRX-01: does the explicit proxy do what everything behind it needs?"""

from __future__ import annotations

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    Evidence,
    Outcome,
    decided,
    error_name,
    error_text,
    finding,
    notapplicable,
    notchecked,
    without_port,
)
from netcompliance.model import Case, Finding, Observation, Settings

WAY_TO_THE_PROXY = ("resolve", "tcp")
"""Phases of an exchange that end before the proxy could say anything."""


def grants_connect(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """PRX-01."""
    route = evidence.one("route", host=without_port(case.host)) or {}
    proxy = evidence.proxy_for(case.host)
    if proxy is None:
        excepted = f"; NO_PROXY excepts {case.host}" if route.get("no_proxy") and route.get("source") else ""
        return notapplicable(f"the host uses no explicit proxy for {case.host}{excepted}")
    tunnels = evidence.all("proxy", host=without_port(case.host))
    if not tunnels:
        return notchecked("no exchange with the proxy came to an end")
    troubles = [f for seen in tunnels if (f := trouble(seen, proxy, case.host))]
    granted = len(troubles) < len(tunnels)
    saw = f"{proxy} granted CONNECT {case.host}:443{_disagreement(route)}"
    return decided([] if granted else troubles[:1], saw, f"curl -sSv -x {proxy} https://{case.host}/ -o /dev/null")


def _disagreement(route: Observation) -> str:
    """A remark where clients read NO_PROXY differently, since the agent is only one of them."""
    readings = route.get("readings") or {}
    direct = sorted(client for client, through in readings.items() if not through)
    return f"; but {', '.join(direct)} would go past it by this NO_PROXY" if direct else ""


def trouble(seen: Observation, proxy: str, host: str) -> Finding | None:
    """Why a CONNECT was not granted; `None` if it was."""
    name, status = error_name(seen), seen.get("status")
    declared = str(seen.get("declared") or proxy.partition("://")[0])
    if isinstance(status, int) and 200 <= status < 300:
        return None
    if seen.get("other_scheme"):
        other = "http" if declared == "https" else "https"
        speaks = f"it says {declared}, and the proxy speaks {'plain HTTP' if other == 'http' else 'TLS'}"
        right = f"{other}://{proxy.partition('://')[2]}"
        return finding(
            Code.PROXY_WRONG_SCHEME,
            proxy,
            f"{proxy}: {speaks}",
            speaks=speaks,
            right=right,
            proxy=proxy,
            host=host,
        )
    if isinstance(status, int):
        code = Code.PROXY_AUTH if status == 407 else Code.PROXY_DENIED
        return finding(code, proxy, f"{proxy} answered CONNECT {host}:443 with status {status}", proxy=proxy, host=host)
    phase = (seen.get("error") or {}).get("phase")
    what = "cannot be reached" if phase in WAY_TO_THE_PROXY else "did not answer CONNECT"
    detail = f"{proxy} {what} ({error_text(seen) or name})"
    return finding(Code.PROXY_UNREACHABLE, proxy, detail, proxy=proxy, host=host)
