"""PRX-01: does the explicit proxy do what everything behind it needs?"""

from __future__ import annotations

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    Evidence,
    Outcome,
    decided,
    error_field,
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

STATUS_CODES = {407: Code.PROXY_AUTH, 429: Code.HTTP_THROTTLED}
"""Other refusals are the proxy's rules; 5xx says that it tried and did not get through itself."""

CUT = ("EOF", "ECONNRESET", "EPIPE", "ECONNABORTED")


def grants_connect(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """PRX-01."""
    route = evidence.route(case.host)
    if route is None:
        return notchecked("it is not known whether the host uses a proxy for this name")
    proxy = evidence.proxy_for(case.host)
    if proxy is None:
        excepted = f"; NO_PROXY excepts {case.host}" if route.get("no_proxy") and route.get("source") else ""
        return notapplicable(f"the host uses no explicit proxy for {case.host}{excepted}")
    if not proxy.startswith(("http://", "https://")):
        return notchecked(f"{proxy} is neither an http nor an https proxy, and no other kind can be judged")
    tunnels = evidence.all("proxy", host=without_port(case.host))
    if not tunnels:
        return notchecked("no exchange with the proxy came to an end")
    troubles = [f for seen in tunnels if (f := trouble(seen, proxy, case.host))]
    granted = len(troubles) < len(tunnels)
    saw = f"{proxy} granted CONNECT {_authority(case.host)}{_disagreement(route)}"
    return decided([] if granted else troubles[:1], saw, f"curl -sSv -x {proxy} https://{case.host}/ -o /dev/null")


def _authority(host: str) -> str:
    return host if without_port(host) != host else f"{host}:443"


def _disagreement(route: Observation) -> str:
    """A remark where clients read NO_PROXY differently, since the agent is only one of them."""
    direct = sorted(client for client, through in route.get("readings", {}).items() if not through)
    return f"; but {', '.join(direct)} would go past it by this NO_PROXY" if direct else ""


def trouble(seen: Observation, proxy: str, host: str) -> Finding | None:
    """Why a CONNECT was not granted; `None` if it was."""
    status, name = seen.get("status"), error_name(seen)
    declared, _, place = proxy.partition("://")
    declared = seen.get("declared", declared)
    if status is not None and 200 <= status < 300:
        return None
    if seen.get("other_scheme"):
        other, spoken = ("http", "plain HTTP") if declared == "https" else ("https", "TLS")
        speaks = f"it says {declared}, and the proxy speaks {spoken}"
        values = {"speaks": speaks, "right": f"{other}://{place}", "proxy": proxy}
        return finding(Code.PROXY_WRONG_SCHEME, proxy, f"{proxy}: {speaks}", **values)
    if status is not None:
        code = STATUS_CODES.get(status, Code.HTTP_SERVER_ERROR if status >= 500 else Code.PROXY_DENIED)
        detail = f"{proxy} answered CONNECT {_authority(host)} with status {status}"
        return finding(code, proxy, detail, proxy=proxy)
    why = error_text(seen) or name or "no answer"
    if name == "VERIFY":
        whose = "of the proxy's own certificate"
        return finding(Code.TLS_UNTRUSTED, proxy, f"{proxy}: the authority {whose}: {why}", issuer=whose)
    phase = error_field(seen, "phase")
    if name in CUT and phase not in WAY_TO_THE_PROXY:
        detail = f"{proxy} cut the connection at CONNECT {_authority(host)} ({why})"
        return finding(Code.PROXY_DENIED, proxy, detail, proxy=proxy)
    what = "cannot be reached" if phase in WAY_TO_THE_PROXY else "did not answer CONNECT"
    return finding(Code.PROXY_UNREACHABLE, proxy, f"{proxy} {what} ({why})", proxy=proxy)
