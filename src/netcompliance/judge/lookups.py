"""What stops or slows the agent's own look-ups of a name: part of DNS-01, and DNS-09.

Theory. The agent looks a name up anew for each connection, so what a look-up costs is paid every time. Seconds that a
dead nameserver costs are told where that nameserver is (DNS-03), and not again.
"""

from __future__ import annotations

from netcompliance.findings import Code
from netcompliance.judge.allow_list import PROXIED
from netcompliance.judge.evidence import (
    Evidence,
    Outcome,
    decided,
    error_name,
    finding,
    listed,
    notapplicable,
    notchecked,
)
from netcompliance.judge.golookup import REQUEST_LIMIT, Lookup, about, agents_lookup, delays
from netcompliance.judge.judges import NAMES, judges, observed
from netcompliance.judge.nameservers import SILENCE, services, unresolved
from netcompliance.model import Case, Finding, Settings
from netcompliance.observations import DnsShare, Resolve

QUICK = 1.5
"""Seconds that a look-up may take."""
FEW = 4
"""So many of the 180 queries of two series show a share of some percent; fewer may be chance."""
RESULTS = {
    "1": "got FORMERR",
    "2": "got SERVFAIL",
    "3": "got NXDOMAIN",
    "4": "got NOTIMP",
    "5": "got REFUSED",
    "16": "got BADVERS",
    "refused": "were refused by ICMP",
}


def agents_trouble(evidence: Evidence, host: str, lookup: Lookup, *, own_hosts_file: bool) -> Finding | None:
    """Why the agent does not get an address in time, if it does not. `own_hosts_file`: what it reads is this file."""
    if lookup.hosts and (own_hosts_file or lookup.addresses):
        return None
    if lookup.hosts and _all_silent(evidence, host, lookup):
        return unresolved(evidence, host, Resolve())
    if lookup.hosts:
        detail = (
            f"{host} is {listed(lookup.hosts)} in this host's hosts file, and {listed(lookup.servers)} "
            f"{'has' if len(lookup.servers) == 1 else 'have'} no address of it"
        )
        return finding(Code.DNS_HOSTS_FILE_ONLY, lookup.servers[0], detail, server=listed(lookup.servers))
    if lookup.addresses and lookup.seconds < REQUEST_LIMIT:
        return None
    if lookup.addresses:
        detail = f"a look-up takes {about(lookup.seconds)}, and the agent gives a whole request 20 s"
        return _lookup_finding(Code.DNS_SLOW, lookup, detail, [what for _, what in delays(lookup)])
    served = [service for service in services(evidence, host) if service.server in lookup.servers]
    refusing = [service for service in served if service.code is Code.DNS_EDNS_REFUSED]
    if refusing:
        servers = listed(service.server for service in refusing)
        what = "; ".join(service.says for service in refusing)
        return finding(Code.DNS_EDNS_REFUSED, refusing[0].server, what, server=servers)
    late = [service for service in served if service.addresses and service.took > lookup.timeout]
    if late:
        how = [f"{service.server} answers after {about(service.took)}" for service in late]
        return _lookup_finding(Code.DNS_SLOW, lookup, f"the agent waits {about(lookup.timeout)} for each answer", how)
    return _lookup_finding(
        Code.DNS_AGENT_CANNOT_RESOLVE, lookup, "the agent's look-up ends without an address", _ends(lookup, host)
    )


def _all_silent(evidence: Evidence, host: str, lookup: Lookup) -> bool:
    """Did no nameserver say anything? Then it is not known whether they know the name."""
    codes = [service.code for service in services(evidence, host) if service.server in lookup.servers]
    return bool(codes) and SILENCE.issuperset(code for code in codes if code) and None not in codes


def _ends(lookup: Lookup, host: str) -> list[str]:
    """How each server ended, for people."""
    ends = []
    for server in lookup.servers:
        made = [each for each in lookup.of(server) if each.name == f"{host}."] or lookup.of(server)
        how = sorted({each.said.text if each.said else (each.text or "no answer") for each in made})
        ends.append(f"{server}: {listed(how) or 'not asked'}")
    return ends


def _lookup_finding(code: Code, lookup: Lookup, what: str, details: list[str]) -> Finding:
    rest = f" ({'; '.join(dict.fromkeys(details))})" if details else ""
    timeout = f"{lookup.timeout:.0f} s"
    return finding(code, lookup.servers[0], f"{what}{rest}", server=listed(lookup.servers), timeout=timeout)


@judges("DNS-09", observes=[*NAMES, observed("dns-share", about=("name",))], unseen=["dns"])
def quick_and_steady(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-09. Behind a proxy the agent looks up the proxy's name."""
    name = evidence.proxy_name(case.host) if evidence.proxy_for(case.host) else case.host
    if name is None:
        return notapplicable(PROXIED)
    lookup = agents_lookup(evidence, name)
    if evidence.by_shell:
        return notchecked("a shell is too slow itself to tell how long a look-up takes")
    if lookup is None:
        return notchecked("the look-up by the agent's own rules did not come to an end")
    lossy = _lossy(evidence, name)
    slow = _slow(evidence, name, lookup, [found.subject for found in lossy])
    found = [*([slow] if slow else []), *lossy]
    return decided(
        found,
        f"a look-up{f' of {name}' if name != case.host else ''} takes the agent less than {about(QUICK)}",
        f"dig @{found[0].subject if found else lookup.servers[0]} {name} AAAA",
    )


def _lossy(evidence: Evidence, host: str) -> list[Finding]:
    """Nameservers that leave a share of queries without a good answer, whatever the pace."""
    series: dict[str, list[DnsShare]] = {}
    for seen in evidence.all(DnsShare):
        if (seen.name or "").rstrip(".") == host and error_name(seen) is None:
            series.setdefault(seen.server or "", []).append(seen)
    found = []
    for server, given in sorted(series.items()):
        bad = [(seen.sent or 0) - (seen.answered or 0) for seen in given]
        sent = sum(seen.sent or 0 for seen in given)
        if len(given) > 1 and min(bad) > 0 and sum(bad) >= FEW:
            detail = f"{sum(bad)} of {sent} queries to {server} {_result_counts(given)}"
            found.append(finding(Code.DNS_LOSSY, server, detail, server=server))
    return found


def _result_counts(given: list[DnsShare]) -> str:
    """What the queries got that were not answered well."""
    counts: dict[str, int] = {}
    for seen in given:
        for result, count in seen.results:
            word = RESULTS.get(result, f"result {result}")
            counts[word] = counts.get(word, 0) + count
        counts["got an answer without addresses"] = counts.get("got an answer without addresses", 0) + (seen.empty or 0)
        counts["got no answer"] = counts.get("got no answer", 0) + (seen.lost or 0)
    some = sorted((word for word, count in counts.items() if count), key=lambda word: -counts[word])
    return some[0] if len(some) == 1 else ", ".join(f"{word} ({counts[word]})" for word in some)


def _slow(evidence: Evidence, host: str, lookup: Lookup, lossy: list[str]) -> Finding | None:
    if lookup.seconds <= QUICK or lookup.hosts:
        return None
    told_elsewhere = [s.server for s in services(evidence, host) if s.dead or s.code is Code.DNS_EDNS_REFUSED] + lossy
    rest = agents_lookup(evidence, host, uncounted=told_elsewhere)
    waited = delays(lookup, told_elsewhere)
    if not waited or rest is None or rest.seconds <= QUICK:
        return None
    servers = list(dict.fromkeys(server for server, _ in waited))
    told = "; ".join(f"{server} {what}" for server, what in waited)
    detail = f"a look-up takes the agent {about(lookup.seconds)}: {told}"
    return finding(Code.DNS_SLOW, servers[0], detail, server=listed(servers))
