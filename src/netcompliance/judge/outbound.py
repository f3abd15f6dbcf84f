"""OUT-01 and OUT-02: who opens connections between host and tenant, and what does the host's firewall let in?

Theory. The opener of a connection is the side whose port is ephemeral: a connection of the host to port 443 was
opened by the host, one to a port on which the host listens was opened by the peer. A SYN that was never answered
shows only to a listener on the wire. A claim that nothing was seen needs proof that something would have been seen:
our own connections in the same samples.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Any

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
    parsed_address,
)
from netcompliance.model import Case, Finding, Settings

WIDEST = {4: 8, 6: 16}
"""A rule for a block this wide or wider names no tenant; it is a rule for everybody."""


def tenants_addresses(case: Case, evidence: Evidence) -> set[str]:
    """Every address at which the tenant was looked for."""
    connected = {str(s.get("address")) for s in evidence.all("tcp", task=TENANT, host=case.host) if s.get("address")}
    return connected | set(evidence.resolved(case.host, "bare", "rooted"))


def opened_by_the_host(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """OUT-01."""
    if evidence.proxy_for(case.host):
        return notapplicable("the host reaches the service through an explicit proxy, not directly")
    seen = evidence.one("sockets")
    if seen is None or error_name(seen):
        return notchecked("the host's table of connections could not be read")
    if not seen.get("own"):
        return notchecked("not even our own connections were seen in the host's table, so it proves nothing")
    found: list[Finding] = []
    right = 0
    tenants = tenants_addresses(case, evidence)
    listening = {port for _, port in _pairs(seen.get("listening"))}
    for local, local_port, remote, remote_port in _connections(seen.get("connections")):
        if remote not in tenants:
            continue
        if local_port in listening:
            detail = f"{remote} opened a connection from port {remote_port} to {local} port {local_port}"
            found.append(finding(Code.OUTBOUND_INBOUND_SEEN, remote, detail, host=case.host))
        elif remote_port != 443:
            subject = f"{remote}:{remote_port}"
            detail = f"{local} has a connection to {remote} port {remote_port}"
            found.append(finding(Code.OUTBOUND_OTHER_PORT, subject, detail, host=case.host))
        else:
            right += 1
    saw = f"{right} connections in {seen.get('samples')} samples, all opened by the host to port 443"
    return decided(found, saw, f"ss -tn dst {next(iter(sorted(tenants)), case.host)}")


def _pairs(items: object) -> Iterator[tuple[str, int]]:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, (list, tuple)) and len(item) >= 2 and isinstance(item[1], int):
            yield str(item[0]), item[1]


def _connections(items: object) -> Iterator[tuple[str, int, str, int]]:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, (list, tuple)) and len(item) >= 4:
            local, local_port, remote, remote_port = item[:4]
            if isinstance(local_port, int) and isinstance(remote_port, int):
                yield str(local), local_port, str(remote), remote_port


def nothing_comes_in(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """OUT-02. A connection that was accepted is OUT-01's finding; here it is attempts, and openings for them."""
    tenants = tenants_addresses(case, evidence)
    if not tenants:
        return notchecked("no address of the tenant is known here")
    found = [*_attempts(case, evidence, tenants), *_openings(case, evidence, tenants)]
    listened = evidence.one("syn")
    looked = [str(f.get("tool")) for f in evidence.all("firewall") if not error_name(f)]
    saw = [
        "no SYN came from the tenant's addresses"
        if listened and listened.get("own") and not error_name(listened)
        else "incoming SYNs could not be watched with these rights",
        f"{listed(looked)} opens nothing to them" if looked else "the host's firewall could not be read",
    ]
    nobody_could_look = not looked and not (listened and listened.get("own"))
    if not found and nobody_could_look and evidence.one("sockets") is None:
        return notchecked("neither incoming packets nor the host's firewall could be read")
    return decided(found, "; ".join(saw), "nft list ruleset")


def _attempts(case: Case, evidence: Evidence, tenants: set[str]) -> Iterator[Finding]:
    accepted = {
        (remote, local_port)
        for seen in evidence.all("sockets")
        for _, local_port, remote, _ in _connections(seen.get("connections"))
    }
    for seen in evidence.all("syn"):
        for item in seen.get("seen") or ():
            if not (isinstance(item, (list, tuple)) and len(item) >= 5):
                continue
            source, _, destination, port, count = item[:5]
            if source in tenants and (source, port) not in accepted:
                detail = f"{count} SYNs came from {source} to {destination} port {port}"
                yield finding(Code.OUTBOUND_INBOUND_SEEN, str(source), detail, host=case.host)


def _openings(case: Case, evidence: Evidence, tenants: set[str]) -> Iterator[Finding]:
    """Rules that let the tenant's addresses in, each once, whichever tool shows it."""
    shown = set()
    for seen in evidence.all("firewall"):
        text = str(seen.get("rules") or "")
        rules = _nft_openings(text) if seen.get("tool") == "nft" else _iptables_openings(text)
        for rule, sources in rules:
            named = sorted(a for a in tenants if any(_names(source, a) for source in sources))
            if named and rule not in shown:
                shown.add(rule)
                detail = f"{seen.get('tool')} accepts incoming packets from {listed(named)}: {rule}"
                yield finding(Code.OUTBOUND_INBOUND_ALLOWED, named[0], detail, rule=rule, host=case.host)


def _names(block: str, address: str) -> bool:
    """Does a rule's source name this address, as one of few and not as one of all?"""
    ip = parsed_address(address)
    try:
        first, _, last = block.partition("-")
        if last:
            low, high = parsed_address(first), parsed_address(last)
            return bool(
                ip and low and high and low.version == high.version == ip.version and int(low) <= int(ip) <= int(high)
            )
        net = ip_network(block, strict=False)
    except ValueError:
        return False
    return ip is not None and net.version == ip.version and net.prefixlen > WIDEST[net.version] and ip in net


# --- nftables, as `nft -j list ruleset` prints it --------------------------------------------------------------------


def _nft_openings(text: str) -> Iterator[tuple[str, list[str]]]:
    """(rule in words, source blocks) of each rule in an input chain that accepts new connections by source."""
    try:
        items = json.loads(text).get("nftables") or []
    except (ValueError, AttributeError, RecursionError):
        return
    objects = [
        (kind, body)
        for item in items
        if isinstance(item, dict)
        for kind, body in item.items()
        if isinstance(body, dict)
    ]
    sets = {
        (b.get("family"), b.get("table"), b.get("name")): b.get("elem") or []
        for kind, b in objects
        if kind in ("set", "map")
    }
    inputs = {
        (b.get("family"), b.get("table"), b.get("name"))
        for kind, b in objects
        if kind == "chain" and b.get("hook") == "input"
    }
    rules = [b for kind, b in objects if kind == "rule"]
    reached = _reached(inputs, rules)
    for rule in rules:
        where = (rule.get("family"), rule.get("table"), rule.get("chain"))
        expressions = [e for e in rule.get("expr") or () if isinstance(e, dict)]
        if where not in reached or not any("accept" in e for e in expressions) or _replies_only(expressions):
            continue
        sources = [s for e in expressions for s in _nft_sources(e, sets, where)]
        if sources:
            yield f"{where[2]}: source {listed(sources, 3)} accept", sources


def _reached(inputs: set[Any], rules: list[dict[str, Any]]) -> set[Any]:
    """The input chains, and the chains that they jump to."""
    reached = set(inputs)
    grew = True
    while grew:
        grew = False
        for rule in rules:
            if (rule.get("family"), rule.get("table"), rule.get("chain")) not in reached:
                continue
            for expression in rule.get("expr") or ():
                for verb in ("jump", "goto"):
                    target = (expression.get(verb) or {}).get("target") if isinstance(expression, dict) else None
                    where = (rule.get("family"), rule.get("table"), target)
                    if target and where not in reached:
                        reached.add(where)
                        grew = True
    return reached


def _replies_only(expressions: Iterable[dict[str, Any]]) -> bool:
    """Is the rule limited to packets of connections that exist already?"""
    for expression in expressions:
        match = expression.get("match") or {}
        left = match.get("left") or {}
        if isinstance(left, dict) and (left.get("ct") or {}).get("key") == "state":
            states = match.get("right")
            return "new" not in (states if isinstance(states, list) else [states]) and match.get("op") != "!="
    return False


def _nft_sources(expression: dict[str, Any], sets: dict[Any, Any], where: tuple[Any, Any, Any]) -> Iterator[str]:
    match = expression.get("match") or {}
    left = match.get("left") or {}
    payload = left.get("payload") if isinstance(left, dict) else None
    if match.get("op") in ("==", "in") and isinstance(payload, dict) and payload.get("field") == "saddr":
        yield from _nft_blocks(match.get("right"), sets, where)


def _nft_blocks(value: Any, sets: dict[Any, Any], where: tuple[Any, Any, Any]) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("@"):
        yield from _nft_blocks(sets.get((where[0], where[1], value[1:])), sets, where)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _nft_blocks(item, sets, where)
    elif isinstance(value, dict) and "prefix" in value:
        yield f"{value['prefix'].get('addr')}/{value['prefix'].get('len')}"
    elif isinstance(value, dict) and "range" in value:
        yield "-".join(map(str, value["range"]))
    elif isinstance(value, dict):
        for key in ("set", "elem", "val"):
            yield from _nft_blocks(value.get(key), sets, where)


# --- iptables, as iptables-save prints it ----------------------------------------------------------------------------

IPTABLES_RULE = re.compile(r"^-A (?P<chain>\S+) (?P<rest>.*)$", re.MULTILINE)


def _iptables_openings(text: str) -> Iterator[tuple[str, list[str]]]:
    rules = [(m["chain"], m["rest"]) for m in IPTABLES_RULE.finditer(text)]
    reached = {"INPUT"}
    for _ in rules:
        reached |= {m[1] for chain, rest in rules if chain in reached and (m := re.search(r"-[jg] (\S+)", rest))}
    for chain, rest in rules:
        source = re.search(r"(?<!! )-s (\S+)", rest)
        state = re.search(r"--(?:ct)?state (\S+)", rest)
        if chain in reached and source and re.search(r"-j ACCEPT\b", rest) and not (state and "NEW" not in state[1]):
            yield f"-A {chain} {rest}", [source[1]]
