"""PRX-01: does the explicit proxy do what everything behind it needs?

Theory. A proxy's first answer proves little: it may grant some connections and refuse others (a quota, one bad node of
several), or say 200 before it has a way out and then carry nothing. So every CONNECT of the visit counts, and what the
tunnel carried. Where many were tried for this, they alone say which share is not granted: of what many CONNECTs in a
row were refused, that counts which slow ones are refused, too. Go waits for an answer, so slow is not refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.judge.commands import curl
from netcompliance.judge.connect import CUT, WAY_TO_THE_PROXY, authority, trouble
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    decided,
    decoded,
    duration,
    error_name,
    error_of,
    finding,
    listed,
    notapplicable,
    notchecked,
    parsed_address,
    seconds,
    without_port,
)
from netcompliance.judge.golookup import agents_lookup, said
from netcompliance.judge.identity import kind_of
from netcompliance.judge.judges import judges, observed
from netcompliance.judge.lookups import agents_trouble
from netcompliance.judge.proxyvars import misread
from netcompliance.judge.transport import BEFORE_TLS, TIMEOUTS
from netcompliance.model import Case, Finding, Kind, Settings
from netcompliance.observations import Dns, Proxy, ProxyAddress, Readings, Route, Shares, Tls, Tried

__all__ = ["grants_connect", "trouble", "troubles"]

GRANTED = re.compile(rb"(?:HTTP/1\.[01] 200[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n)?")
"""What arrived is nothing, or the proxy's own answer, which some tools give with the rest."""
MISREAD = "misread://proxy"
"""Stands for the URL of a proxy that the agent takes for another one."""


@judges(
    "PRX-01",
    observes=[
        observed("route"),
        observed("proxy"),
        observed("proxy-address"),
        observed("shares"),
        observed("go-resolve", about=()),
    ],
    unseen=["proxy"],
)
def grants_connect(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """PRX-01."""
    route = evidence.route(case.host)
    if route is None:
        return notchecked("it is not known whether the host uses a proxy for this name")
    proxy = evidence.proxy_for(case.host)
    if proxy is None:
        excepted = f"; NO_PROXY excepts {case.host}" if route.no_proxy and route.source else ""
        return notapplicable(f"the host uses no explicit proxy for {case.host}{excepted}")
    if proxy == MISREAD:
        return decided([misread(route)], reproduce="env | cut -d= -f1 | grep -i _proxy")
    if not proxy.startswith(("http://", "https://")):
        return notchecked(f"{proxy} is neither an http nor an https proxy, and no other kind can be judged")
    tunnels = evidence.all(Proxy, host=without_port(case.host))
    if not tunnels:
        return notchecked("no exchange with the proxy came to an end")
    saw = f"{proxy} granted CONNECT {authority(case.host)}{_often(evidence, case.host)}{_disagreement(route)}"
    found = (
        troubles(evidence, proxy, case.host, tunnels)
        or _bad_address(evidence, proxy, case.host)
        or _name_trouble(case, evidence, settings)
    )
    missing = _not_looked_up(evidence, proxy)
    return decided(found, saw, f"{curl(evidence, case.host)} -sSv https://{case.host}/ -o /dev/null", missing=missing)


def _not_looked_up(evidence: Evidence, proxy: str) -> str:
    """A shell does not look up the proxy's name as the agent does; it knows nameservers that never serve the agent."""
    if not evidence.by_shell or parsed_address(urlsplit(proxy).hostname):
        return ""
    asked = [seen for seen in evidence.all(Dns) if seen.edns is not False and seen.response]
    if not asked or any(said(decoded(seen.response), str(seen.rdtype)).settles for seen in asked):
        return ""
    return "no nameserver answers the agent's kind of query, and a shell does not ask for the proxy's name by it"


def _name_trouble(case: Case, evidence: Evidence, settings: Settings) -> list[Finding]:
    """Why the agent does not find the proxy, which we found by the system's resolver."""
    name = evidence.proxy_name(case.host)
    lookup = agents_lookup(evidence, name) if name else None
    if name is None or lookup is None:
        return []
    kind = kind_of(case.vantage, evidence.vantage, settings.vantage_kinds)
    trouble = agents_trouble(evidence, name, lookup, own_hosts_file=kind in (Kind.POD, Kind.CONTAINER))
    if trouble is None:
        return []
    return [
        replace(trouble, detail=f"the proxy's name, {name}: {trouble.detail}", values={**trouble.values, "host": name})
    ]


def troubles(evidence: Evidence, proxy: str, host: str, tunnels: Sequence[Proxy]) -> list[Finding]:
    """What is wrong with the tunnels to a host: one finding, or none."""
    single = [seen for seen in tunnels if not seen.series] or tunnels
    refused = [f for seen in single if (f := trouble(seen, proxy, host))]
    if len(refused) == len(single):
        return refused[:1]
    series = tried_often(evidence, host)
    if series is not None:
        return _share(series, tunnels, proxy, host) or _carries_nothing(evidence, proxy, host)
    answered = [f for seen in tunnels if _is_answer(seen) and (f := trouble(seen, proxy, host))]
    if answered:
        share = f"{proxy} refused {len(answered)} of {len(tunnels)} CONNECTs to {authority(host)}"
        values = {"proxy": proxy, "share": f"{len(answered)} of {len(tunnels)}"}
        return [finding(Code.PROXY_PARTLY_DENIED, proxy, f"{share}; {answered[0].detail}", **values)]
    return _carries_nothing(evidence, proxy, host)


def _bad_address(evidence: Evidence, proxy: str, host: str) -> list[Finding]:
    """Of several addresses of the proxy's name, one opens and does not grant what another grants: a client that takes
    it first does not try the next."""
    looks = [
        (seen, trouble(_tunnel(seen), proxy, host)) for seen in evidence.all(ProxyAddress, host=without_port(host))
    ]
    granted = [seen for seen, found in looks if found is None]
    bad = [
        (str(seen.proxy_address), found)
        for seen, found in looks
        if error_of(seen).phase not in WAY_TO_THE_PROXY and found
    ]
    if not granted or not bad:
        return []
    share = f"{len(bad)} of {len(looks)} addresses"
    detail = f"{proxy} at {listed(sorted(address for address, _ in bad))}: {min(bad)[1].detail}; others grant it"
    return [finding(Code.PROXY_PARTLY_DENIED, proxy, detail, proxy=proxy, share=share)]


def _tunnel(seen: ProxyAddress) -> Proxy:
    """What came of a CONNECT at one of the proxy's addresses, as of any other."""
    return Proxy(
        declared=seen.declared,
        status=seen.status,
        reason=seen.reason,
        go_refuses=seen.go_refuses,
        error=seen.error,
        seconds=seen.seconds,
    )


def tried_often(evidence: Evidence, host: str) -> Shares | None:
    """What became of many CONNECTs to this host; `None` if they were not tried."""
    series = evidence.one(Shares, task=TENANT, host=without_port(host), address=None)
    return series if series and series.via and series.tries else None


def _share(series: Shares, tunnels: Sequence[Proxy], proxy: str, host: str) -> list[Finding]:
    """The share of CONNECTs that is not granted, however slowly they come."""
    tries, failed = series.tries or 0, _not_granted(series)
    calm = series.calm
    again = _not_granted(calm) if calm else 0
    mute, mute_again = _not_carried(series), _not_carried(calm) if calm else 0
    if calm and mute and mute_again and series.carried and not again:
        share = f"{mute} of {series.opened}"
        slowly = f"{mute_again} of {calm.opened} when asked slowly"
        detail = f"{proxy}: {share} tunnels to {authority(host)} carried nothing back, and {slowly}"
        return [finding(Code.PROXY_PARTLY_DENIED, proxy, detail, proxy=proxy, share=share)]
    silent = sum(name in TIMEOUTS for _, name, _ in series.unopened)
    if not failed or (calm and not again) or (not calm and silent >= failed):
        return []
    how = "left unanswered" if silent >= failed else "refused or left unanswered" if silent else "refused"
    slowly = f", and {again} of {calm.tries} when asked slowly" if calm else ""
    details = [f.detail for seen in tunnels if seen.series and (f := trouble(seen, proxy, host))]
    share = f"{failed} of {tries}"
    detail = f"{proxy}: {share} CONNECTs to {authority(host)} were {how}{slowly}{f'; {details[0]}' if details else ''}"
    return [finding(Code.PROXY_PARTLY_DENIED, proxy, detail, proxy=proxy, share=share)]


def _not_granted(series: Shares | Tried) -> int:
    return max(0, int(series.tries or 0) - int(series.opened or 0))


def _not_carried(series: Shares | Tried) -> int:
    """Tunnels that were granted and in which nothing came back, as far as it was tried."""
    granted = int(series.opened or 0)
    return max(0, granted - int(granted if series.carried is None else series.carried))


def _often(evidence: Evidence, host: str) -> str:
    """How many CONNECTs were tried, and what a limit on bursts did to ours."""
    series = tried_often(evidence, host)
    if series is None:
        return ""
    failed, tries = _not_granted(series), series.tries
    if not failed:
        return f", {tries} of {tries} times"
    return f"; {failed} of {tries} in a row were not, and all slow ones were"


def _is_answer(seen: Proxy) -> bool:
    """Did the proxy itself say no? What was only not answered in time may be our own burst."""
    return seen.status is not None or error_name(seen) in CUT


def _carries_nothing(evidence: Evidence, proxy: str, host: str) -> list[Finding]:
    """A tunnel that was granted and in which not a byte came back, whatever was tried."""
    shaken = [
        seen
        for seen in evidence.all(Tls, host=without_port(host))
        if seen.via and error_of(seen).phase not in BEFORE_TLS
    ]
    mute = [
        seen for seen in shaken if error_name(seen) in (*CUT, *TIMEOUTS) and GRANTED.fullmatch(decoded(seen.received))
    ]
    if not shaken or len(mute) < len(shaken):
        return []
    last = mute[0]
    how = "closed the connection" if error_name(last) in CUT else f"carried nothing in {duration(seconds(last))}"
    why = "nothing comes back through its tunnel"
    detail = f"{proxy} granted CONNECT {authority(host)} and then {how}"
    return [finding(Code.PROXY_NO_WAY_OUT, proxy, detail, proxy=proxy, why=why)]


def _disagreement(route: Route) -> str:
    """A remark where clients read NO_PROXY differently, since the agent is only one of them."""
    reads = route.readings or Readings()
    clients = {"curl": reads.curl, "go": reads.go, "python": reads.python}
    direct = [client for client, through in clients.items() if through is False]
    return f"; but {', '.join(direct)} would go past it by this NO_PROXY" if direct else ""
