"""OUT-01 and OUT-02: who opens connections between host and tenant, and what does the host's firewall let in?

Theory. The opener of a connection is the side whose port is ephemeral: a connection of the host to port 443 was
opened by the host, one to a port on which the host listens was opened by the peer. A SYN that was never answered
shows only to a listener on the wire. A claim that nothing was seen needs proof that something would have been seen:
our own connections in the same samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from netcompliance.findings import Code
from netcompliance.firewall_rules.ingress import Budget, Reading, read
from netcompliance.firewall_rules.iptables_save import chains_in, ipsets_in
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    decided,
    error_name,
    error_text,
    finding,
    listed,
    notapplicable,
    notchecked,
)
from netcompliance.judge.judges import judges, observed
from netcompliance.judge.nameservers import given_addresses, public_addresses
from netcompliance.model import Case, Finding, Settings
from netcompliance.observations import Firewall, Sockets, Syn, Tcp

PROXIED = "the host reaches the service through an explicit proxy, not directly"
Sets: TypeAlias = dict[str, tuple[str, ...]]
"""The contents of ipsets by name."""
MOST_HELD = 1 << 22
"""So many times an address is held against a block."""
BEYOND = "there are more rules by source than can be held against the {} addresses of the tenant"
NO_RULES = ("ipset", "kernel")
"""What is read beside the rules."""
UNREAD = "neither incoming packets nor the host's firewall could be read"
HIDDEN = "inconclusive: the host's connection table did not show even our own open connection (/proc/net/tcp hidden?)"
UNKNOWN = "no address of the tenant is known here"
PROXIED_UNKNOWN = "the host uses an explicit proxy, and the tenant's addresses are not known here"
SEEN_OUTSIDE = (observed("syn", about=()), observed("sockets", about=()))


def tenants_addresses(case: Case, evidence: Evidence) -> set[str]:
    """Every address that somebody gave for the tenant, or at which it was looked for."""
    return {
        *(seen.address or "" for seen in evidence.all(Tcp, task=TENANT, host=case.host)),
        *evidence.resolved(case.host, "bare", "rooted"),
        *given_addresses(evidence, case.host),
        *public_addresses(evidence, case.host),
    } - {""}


@judges("OUT-01", observes=SEEN_OUTSIDE, unseen=["sockets"])
def opened_by_the_host(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """OUT-01."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    seen = evidence.one(Sockets)
    if seen is None or error_name(seen):
        why = f" ({error_text(seen)})" if error_text(seen) else ""
        return notchecked(f"the host's connection table could not be read{why}")
    found: list[Finding] = []
    right = 0
    tenants = tenants_addresses(case, evidence)
    listening = {port for _, port in seen.listening}
    own = seen.own
    for local, local_port, remote, remote_port in seen.connections:
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
        f"{right} connections in {seen.samples} samples, all opened by the host to port 443",
        f"ss -tn dst {next(iter(sorted(tenants)), case.host)}",
        missing="" if right and own else HIDDEN,
    )


@judges("OUT-02", observes=[*SEEN_OUTSIDE, observed("firewall", about=())], unseen=["syn", "sockets"])
def nothing_comes_in(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """OUT-02. A connection that was accepted is OUT-01's finding; here it is attempts, and openings for them."""
    tenants = tenants_addresses(case, evidence)
    if not tenants:
        return notapplicable(PROXIED_UNKNOWN) if evidence.proxy_for(case.host) else notchecked(UNKNOWN)
    wire = [seen for seen in evidence.all(Syn) if not error_name(seen)]
    rules = [seen for seen in evidence.all(Firewall) if not error_name(seen) and seen.tool not in NO_RULES]
    readings = _readings(evidence, rules)
    beyond = sum(reading.size for _, reading in readings) * len(tenants) > MOST_HELD
    found = [*_attempts(evidence, wire, tenants), *([] if beyond else _openings(readings, tenants))]
    doubts = BEYOND.format(len(tenants)) if beyond else _doubts(readings, tenants)
    table = evidence.one(Sockets)
    table_read = table is not None and not error_name(table) and bool(table.own or table.listening)
    watched = any(seen.own for seen in wire)
    saw = [
        "no SYN came from the tenant's addresses"
        if watched
        else "incoming SYNs could not be watched with these rights",
        *(["of the host's table of connections OUT-01 speaks"] if table_read and not watched else []),
        f"no rule of {listed(('' if seen.tool is None else seen.tool) for seen in rules)} lets them in"
        if rules
        else "the host's firewall could not be read",
    ]
    looked = watched if evidence.by_shell else watched or rules or (table_read and not evidence.agents_eyes)
    unread = (_unread(evidence) or _unshown(evidence, rules)) if evidence.agents_eyes else ""
    return decided(
        found,
        "; ".join(saw),
        "nft list ruleset",
        missing=(doubts or unread) if looked else "; ".join(saw[:1]) if evidence.by_shell else UNREAD,
    )


def _attempts(evidence: Evidence, wire: list[Syn], tenants: set[str]) -> Iterator[Finding]:
    accepted = {(remote, local_port) for seen in evidence.all(Sockets) for _, local_port, remote, _ in seen.connections}
    for seen in wire:
        for source, _, destination, port, count in seen.seen:
            if source in tenants and (source, port) not in accepted:
                detail = f"{count} SYNs came from {source} to {destination} port {port}"
                yield finding(Code.OUTBOUND_INBOUND_SEEN, source, detail)


def _openings(readings: list[tuple[str, Reading]], tenants: set[str]) -> Iterator[Finding]:
    """Rules that let the tenant's addresses in, each once, whichever tool shows it."""
    shown = set()
    for tool, reading in readings:
        for opening in reading.openings:
            named = sorted(a for a in tenants if opening.is_for(a))
            if named and opening.rule not in shown:
                shown.add(opening.rule)
                detail = f"{tool} accepts incoming packets from {listed(named)}: {opening.rule}"
                yield finding(Code.OUTBOUND_INBOUND_ALLOWED, named[0], detail, rule=opening.rule)


def _doubts(readings: list[tuple[str, Reading]], tenants: set[str]) -> str:
    """A rule that may let the tenant's addresses in, and whose meaning is not known; empty if there is none."""
    found = {
        f"{tool}: {doubt.rule}"
        for tool, reading in readings
        for doubt in reading.doubts
        if any(doubt.may_be_for(address) for address in tenants)
    }
    return f"what this rule lets in is not known: {min(found)}" if found else ""


def _readings(evidence: Evidence, rules: list[Firewall]) -> list[tuple[str, Reading]]:
    """What each tool shows. iptables' own rules in nftables are read as iptables-save prints them, if it does."""
    ipsets, budget = _ipsets(evidence), Budget()
    shown = frozenset(
        f"{'ip6' if str(seen.tool).startswith('ip6') else 'ip'} {chain}"
        for seen in rules
        if "(nf_tables)" in (seen.rules or "")
        for chain in chains_in(seen.rules or "")
    )
    return [(tool, read(tool, seen.rules or "", ipsets, shown, budget)) for seen in rules for tool in [str(seen.tool)]]


def _ipsets(evidence: Evidence) -> Sets:
    return next((ipsets_in(seen.rules) for seen in evidence.all(Firewall, tool="ipset") if seen.rules is not None), {})


def _unread(evidence: Evidence) -> str:
    """The tools that are there and could not read the rules; empty if there are none such."""
    failed = [str(seen.tool) for seen in evidence.all(Firewall) if error_name(seen) and not _is_missing(seen)]
    return f"the host's firewall rules could not be read with {listed(sorted(failed))}" if failed else ""


def _is_missing(seen: Firewall) -> bool:
    """The tool is not installed, or has nothing to read."""
    return "not installed" in error_text(seen) or seen.tool in NO_RULES


def _unshown(evidence: Evidence, rules: list[Firewall]) -> str:
    """Tables that the kernel has and no tool shows; empty if there are none such, or if the kernel does not say."""
    shown = {"nft"} if any(seen.tool == "nft" for seen in rules) else set()
    for seen in rules:
        family, text = str(seen.tool).partition("-")[0], seen.rules or ""
        names = {line[1:].strip() for line in text.splitlines() if line.startswith("*")}
        of_nft = "ip6" if family == "ip6tables" else "ip"
        shown |= {f"nft {of_nft} {name}" if "(nf_tables)" in text else f"{family} {name}" for name in names}
    kernel = evidence.one(Firewall, tool="kernel") or Firewall()
    missing = [
        table
        for table in (kernel.rules or "").splitlines()
        if table not in shown and not ("nft" in shown and table.startswith("nft "))
    ]
    return f"no tool here shows rules that the kernel has: {listed(sorted(missing))}" if missing else ""
