"""OUT-01 and OUT-02: who opens connections between host and tenant, and what does the host's firewall let in?

Theory. The opener of a connection is the side whose port is ephemeral: a connection of the host to port 443 was
opened by the host, one to a port on which the host listens was opened by the peer. A SYN that was never answered
shows only to a listener on the wire. A claim that nothing was seen needs proof that something would have been seen:
our own connections in the same samples.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    decided,
    error_name,
    finding,
    listed,
    notapplicable,
    notchecked,
)
from netcompliance.judge.firewall import names, openings
from netcompliance.judge.nameservers import addresses_told, public_addresses
from netcompliance.model import Case, Finding, Observation, Settings

PROXIED = "the host reaches the service through an explicit proxy, not directly"
UNREAD = "neither incoming packets nor the host's firewall could be read"
UNKNOWN = "no address of the tenant is known here"
PROXIED_UNKNOWN = "the host uses an explicit proxy, and the tenant's addresses are not known here"


def tenants_addresses(case: Case, evidence: Evidence) -> set[str]:
    """Every address that somebody gave for the tenant, or at which it was looked for."""
    return {
        *(seen.get("address", "") for seen in evidence.all("tcp", task=TENANT, host=case.host)),
        *evidence.resolved(case.host, "bare", "rooted"),
        *addresses_told(evidence, case.host),
        *public_addresses(evidence, case.host),
    } - {""}


def opened_by_the_host(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """OUT-01."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    seen = evidence.one("sockets")
    if seen is None or error_name(seen):
        return notchecked("the host's table of connections could not be read")
    found: list[Finding] = []
    right = 0
    tenants = tenants_addresses(case, evidence)
    listening = {port for _, port in seen.get("listening", ())}
    own = seen.get("own", ())
    for local, local_port, remote, remote_port in seen.get("connections", ()):
        if remote not in tenants:
            continue
        if local_port in listening and local_port not in own:
            detail = f"{remote} opened a connection from port {remote_port} to {local} port {local_port}"
            found.append(finding(Code.OUTBOUND_INBOUND_SEEN, remote, detail))
        elif remote_port != 443:
            subject = f"{remote}:{remote_port}"
            detail = f"{local} has a connection to {remote} port {remote_port}"
            found.append(finding(Code.OUTBOUND_OTHER_PORT, subject, detail))
        else:
            right += 1
    return decided(
        found,
        f"{right} connections in {seen.get('samples')} samples, all opened by the host to port 443",
        f"ss -tn dst {next(iter(sorted(tenants)), case.host)}",
        missing=""
        if right and own
        else "not even our own connections were seen in the host's table, so it proves nothing",
    )


def nothing_comes_in(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """OUT-02. A connection that was accepted is OUT-01's finding; here it is attempts, and openings for them."""
    tenants = tenants_addresses(case, evidence)
    if not tenants:
        return notapplicable(PROXIED_UNKNOWN) if evidence.proxy_for(case.host) else notchecked(UNKNOWN)
    wire = [seen for seen in evidence.all("syn") if not error_name(seen)]
    rules = [seen for seen in evidence.all("firewall") if not error_name(seen)]
    table = evidence.one("sockets")
    table_read = table is not None and not error_name(table) and bool(table.get("own") or table.get("listening"))
    watched = any(seen.get("own") for seen in wire)
    saw = [
        "no SYN came from the tenant's addresses"
        if watched
        else "incoming SYNs could not be watched with these rights",
        *(["of the host's table of connections OUT-01 speaks"] if table_read and not watched else []),
        f"no rule of {listed(seen.get('tool', '') for seen in rules)} lets them in"
        if rules
        else "the host's firewall could not be read",
    ]
    looked = watched if evidence.by_shell else watched or rules or table_read
    return decided(
        [*_attempts(evidence, wire, tenants), *_openings(rules, tenants)],
        "; ".join(saw),
        "nft list ruleset",
        missing="" if looked else "; ".join(saw[:1]) if evidence.by_shell else UNREAD,
    )


def _attempts(evidence: Evidence, wire: list[Observation], tenants: set[str]) -> Iterator[Finding]:
    accepted = {
        (remote, local_port)
        for seen in evidence.all("sockets")
        for _, local_port, remote, _ in seen.get("connections", ())
    }
    for seen in wire:
        for source, _, destination, port, count in seen.get("seen", ()):
            if source in tenants and (source, port) not in accepted:
                detail = f"{count} SYNs came from {source} to {destination} port {port}"
                yield finding(Code.OUTBOUND_INBOUND_SEEN, source, detail)


def _openings(rules: list[Observation], tenants: set[str]) -> Iterator[Finding]:
    """Rules that let the tenant's addresses in, each once, whichever tool shows it."""
    shown = set()
    for seen in rules:
        tool = seen.get("tool", "")
        for opening in openings(tool, seen.get("rules", "")):
            named = sorted(a for a in tenants if any(names(source, a) for source in opening.sources))
            if named and opening.rule not in shown:
                shown.add(opening.rule)
                detail = f"{tool} accepts incoming packets from {listed(named)}: {opening.rule}"
                yield finding(Code.OUTBOUND_INBOUND_ALLOWED, named[0], detail, rule=opening.rule)
