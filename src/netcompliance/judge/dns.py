"""DNS-01 … DNS-06: does the name lead to the tenant, by the resolver that the host really uses?

Theory. getaddrinfo says what programs on the host get, but only in three words (addresses, "no such name", "try
again"). The configured nameservers, asked directly in the same visit, say why. An address is the tenant's own
beyond doubt if TLS at it verified for the tenant's name up to a public root: then no oddity of the DNS matters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    decided,
    error_field,
    error_name,
    error_text,
    finding,
    listed,
    notapplicable,
    notchecked,
    parsed_address,
    passed,
    raw,
)
from netcompliance.model import Case, Finding, Observation, Settings

SINKHOLES = (
    *(ip_network(net) for net in ("0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128")),
    ip_network("146.112.61.104/29"),  # Cisco Umbrella's block pages
    ip_network("146.112.255.155/32"),
)

RCODES = {
    dns.rcode.NXDOMAIN: Code.DNS_NXDOMAIN,
    dns.rcode.SERVFAIL: Code.DNS_SERVFAIL,
    dns.rcode.REFUSED: Code.DNS_REFUSED,
}

# What a stub resolver ends with when its nameservers differ: a definite answer beats a failure, any answer beats none.
PRECEDENCE = (Code.DNS_NXDOMAIN, Code.DNS_NO_DATA, Code.DNS_SERVFAIL, Code.DNS_REFUSED, Code.DNS_TIMEOUT)

EAI_CODES = {-2: Code.DNS_NXDOMAIN, -5: Code.DNS_NO_DATA, 8: Code.DNS_NXDOMAIN}
"""getaddrinfo's codes with one meaning (glibc and musl negative, BSD positive); the others mean "try again"."""

PROXIED = "the host uses an explicit proxy, which resolves the name itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one nameserver said to one query."""

    server: str
    rdtype: str
    transport: str
    code: Code | None
    """What was wrong; `None` for an answer with or without addresses that is in order."""
    addresses: tuple[str, ...] = ()
    truncated: bool = False
    text: str = ""


def read(seen: Observation) -> Answer:
    """A `dns` or `public-dns` observation, parsed."""
    server, rdtype = str(seen.get("server")), str(seen.get("rdtype"))
    transport = str(seen.get("transport", "https"))
    wire = raw(seen, "response")
    if not wire:
        text = error_text(seen) or "no answer"
        return Answer(server=server, rdtype=rdtype, transport=transport, code=Code.DNS_TIMEOUT, text=text)
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=False)
    except (dns.exception.DNSException, ValueError):
        return Answer(
            server=server,
            rdtype=rdtype,
            transport=transport,
            code=Code.DNS_SERVFAIL,
            text="bytes that are no DNS message",
        )
    rcode = message.rcode()
    addresses = tuple(
        record.address
        for rrset in message.answer
        if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
        for record in rrset
    )
    code = None if rcode == dns.rcode.NOERROR else RCODES.get(rcode, Code.DNS_SERVFAIL)
    return Answer(
        server=server,
        rdtype=rdtype,
        transport=transport,
        code=code,
        addresses=addresses,
        truncated=bool(message.flags & dns.flags.TC),
        text=dns.rcode.to_text(rcode),
    )


def answers(evidence: Evidence, name: str) -> list[Answer]:
    """What the configured nameservers said about a name, in the order in which they were asked."""
    return [read(seen) for seen in evidence.all("dns") if str(seen.get("name", "")).rstrip(".") == name]


def settled(given: Iterable[Answer]) -> dict[str, Answer]:
    """Per nameserver, the answer for IPv4 addresses that counts: over TCP if there was one without trouble."""
    by_server: dict[str, Answer] = {}
    for answer in given:
        if answer.rdtype == "A" and (answer.server not in by_server or answer.code is None):
            by_server[answer.server] = answer
    return by_server


def unresolved(evidence: Evidence, host: str, looked_up: Observation) -> Finding:
    """Why a name has no address here, by the nameservers' own answers, else by getaddrinfo's code."""
    given = answers(evidence, host)
    by_server = settled(given)
    addressless = {
        server: Code.DNS_NO_DATA
        for server, answer in by_server.items()
        if answer.code is None and not any(a.addresses for a in given if a.server == server)
    }
    codes = {server: answer.code or addressless.get(server) for server, answer in by_server.items()}
    for code in PRECEDENCE:
        servers = [server for server, found in codes.items() if found == code]
        if servers:
            detail = "; ".join(f"{server} says {by_server[server].text}" for server in servers)
            if code is Code.DNS_NO_DATA:
                detail = f"{listed(servers)} answered without any address"
            elif code is Code.DNS_TIMEOUT:
                detail = f"no DNS answer from {listed(servers)} ({by_server[servers[0]].text})"
            return finding(code, servers[0], detail, server=listed(servers))
    number = error_field(looked_up, "code")
    code = EAI_CODES.get(number, Code.DNS_TIMEOUT) if isinstance(number, int) else Code.DNS_TIMEOUT
    if code is Code.DNS_TIMEOUT and error_name(looked_up) == "GAI" and float(looked_up.get("seconds") or 0) < 1:
        code = Code.DNS_SERVFAIL
    servers_text = listed(map(str, evidence.vantage.get("nameservers") or ())) or "the host's resolver"
    return finding(code, host, f"getaddrinfo: {error_text(looked_up) or 'no address'}", server=servers_text)


def resolves(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-01."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    looked_up = evidence.one("resolve", host=case.host, purpose="bare")
    if looked_up is None:
        return notchecked("the look-up did not come to an end")
    addresses = evidence.resolved(case.host, "bare")
    reproduce = f"getent ahosts {case.host}"
    if addresses:
        return passed(f"{case.host} is {listed(addresses)}", reproduce)
    trouble = unresolved(evidence, case.host, looked_up)
    server = trouble.subject if parsed_address(trouble.subject) else ""
    return decided([trouble], "", f"dig +short {f'@{server} ' if server else ''}{case.host}")


def is_the_tenants(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-02."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    from_servers = {a: f"@{answer.server}" for answer in answers(evidence, case.host) for a in answer.addresses}
    addresses = dict.fromkeys([*evidence.resolved(case.host, "bare", "rooted"), *from_servers])
    rooted = set(evidence.resolved(case.host, "rooted")) | set(from_servers)
    public = public_addresses(evidence, case.host)
    server = listed(map(str, evidence.vantage.get("nameservers") or ())) or "the host's resolver"
    invented = _addresses_by_name(evidence, case.host, "control")
    searched = _addresses_by_name(evidence, case.host, "search")
    found = []
    for address in addresses:
        if evidence.is_service(case.host, address):
            continue
        ip = parsed_address(address)
        if ip is None or any(ip in net for net in SINKHOLES if net.version == ip.version):
            found.append(
                finding(
                    Code.DNS_SINKHOLE,
                    address,
                    f"{case.host} is {address}, which leads nowhere",
                    server=server,
                )
            )
        elif address in searched and address not in rooted:
            name = searched[address]
            detail = (
                f"{case.host} is {address}, the address of {name}; with a final dot it is {listed(rooted) or 'unknown'}"
            )
            found.append(finding(Code.DNS_SEARCH_DOMAIN, address, detail, wildcard=name, server=server))
        elif address in invented:
            detail = f"{case.host} is {address}, and so is {invented[address]}, a name that does not exist"
            found.append(finding(Code.DNS_REWRITTEN, address, detail, server=server))
        elif not ip.is_global:
            detail = f"{case.host} is {address}, a private address, and the service is not behind it"
            found.append(finding(Code.DNS_PRIVATE_ADDRESS, address, detail, server=server))
        elif public and address not in public and _somebody_else_answers(evidence, case.host, address):
            detail = (
                f"{case.host} is {address} here and {listed(public)} in the public DNS; somebody else answers there"
            )
            found.append(finding(Code.DNS_DISAGREES, address, detail, server=server))
    return decided(found, f"{case.host} is {listed(addresses)}, bare and rooted", f"getent ahosts {case.host}.")


def _addresses_by_name(evidence: Evidence, host: str, purpose: str) -> dict[str, str]:
    """Address → the name that it was given for."""
    return {
        str(address): str(seen.get("name"))
        for seen in evidence.all("resolve", host=host, purpose=purpose)
        for address in seen.get("addresses") or ()
    }


def _somebody_else_answers(evidence: Evidence, host: str, address: str) -> bool:
    """Something speaks at this address, and not as the name's server."""
    tls = evidence.handshake(host, address, "verify")
    chain = evidence.chain(evidence.handshake(host, address, "identify"), host)
    return bool(raw(tls, "received") and not chain) or bool(chain and not chain.get("covers"))


def nameservers_answer(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-03. An answer without addresses counts if all agree: then it is DNS-01's trouble."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    given = answers(evidence, case.host)
    if not given:
        return notchecked("no nameserver is configured where it can be read")
    by_server = settled(given)
    resolved = bool(evidence.resolved(case.host, "bare"))
    dead_over_udp = {a.server for a in given if a.transport == "udp" and a.code is Code.DNS_TIMEOUT and a.rdtype == "A"}
    found = []
    for server, answer in by_server.items():
        if answer.code is Code.DNS_TIMEOUT:
            detail = f"{server} does not answer ({answer.text})"
            found.append(finding(Code.DNS_NAMESERVER_DEAD, server, detail, server=server))
        elif server in dead_over_udp:
            detail = f"{server} answers over TCP but not over UDP"
            found.append(finding(Code.DNS_TIMEOUT, server, detail, server=server))
        elif answer.truncated:
            detail = f"{server} truncates its answer over UDP and does not answer over TCP"
            found.append(finding(Code.DNS_TIMEOUT, server, detail, server=server))
        elif answer.code and resolved:
            found.append(finding(answer.code, server, f"{server} says {answer.text}", server=server))
    if not resolved and len(found) == len(by_server):
        return notchecked("no nameserver answers: see DNS-01")
    return decided(found, f"{listed(by_server)} answered", f"dig @{next(iter(by_server))} {case.host}")


def public_addresses(evidence: Evidence, host: str) -> list[str]:
    """What public resolvers answered to the workstation."""
    replies = [read(seen) for seen in evidence.all("public-dns") if str(seen.get("name", "")).rstrip(".") == host]
    return list(dict.fromkeys(a for reply in replies for a in reply.addresses))


def agrees_with_the_public(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-04. Addresses may rotate, so one that proved to be the service's own agrees, listed or not."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    if not any(raw(seen, "response") for seen in evidence.all("public-dns")):
        return notchecked("no public resolver could be asked over HTTPS from here")
    public = public_addresses(evidence, case.host)
    found = []
    for address in evidence.resolved(case.host, "bare", "rooted"):
        ip = parsed_address(address)
        rotates = ip is not None and ip.is_global and evidence.is_service(case.host, address)
        if address not in public and not rotates:
            detail = f"{address} here; {listed(public) or 'no address'} in the public DNS"
            found.append(finding(Code.DNS_DISAGREES, address, detail, server="the host's resolver"))
    return decided(found, f"the public DNS says {listed(public)}", f"dig +short @8.8.8.8 {case.host}")


def _covers(entry: str, address: str) -> bool:
    ip = parsed_address(address)
    try:
        return ip is not None and ip in ip_network(entry, strict=False)
    except ValueError:
        return False


def _is_network(entry: str) -> bool:
    try:
        return bool(ip_network(entry, strict=False))
    except ValueError:
        return False


def allow_listed(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-05. An IPv6 address counts only where the host has IPv6."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    entries = settings.allow_list or ()
    if case.host in (entry.lower().rstrip(".") for entry in entries):
        return passed(f"the allow-list names {case.host}")
    addresses = _tenants_addresses(case, evidence)
    found = [
        finding(Code.DNS_NOT_ALLOW_LISTED, a, f"{a} is not in the allow-list")
        for a in addresses
        if not any(_covers(entry, a) for entry in entries)
    ]
    return decided(found, f"{listed(addresses)} in the allow-list", f"dig +short {case.host}")


def allow_list_is_current(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-06. Entries for peers other than the tenant are theirs: whatever was connected to is in use."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    in_use = {
        *_tenants_addresses(case, evidence),
        *public_addresses(evidence, case.host),
        *(str(seen.get("address")) for seen in evidence.all("tcp") if seen.get("task") not in (TENANT, "control")),
        *(str(seen.get("address")) for seen in evidence.all("registry")),
    }
    stale = [e for e in settings.allow_list or () if _is_network(e) and not any(_covers(e, a) for a in in_use)]
    found = [finding(Code.DNS_STALE_ALLOW_LIST, e, f"{e} is no address of {case.host}") for e in stale]
    return decided(found, "every entry is in use", f"dig +short {case.host}")


def _tenants_addresses(case: Case, evidence: Evidence) -> list[str]:
    seen = [
        *evidence.resolved(case.host, "bare", "rooted"),
        *(a for answer in answers(evidence, case.host) for a in answer.addresses),
    ]
    has_ipv6 = bool(evidence.vantage.get("source_address6"))
    return [a for a in dict.fromkeys(seen) if (ip := parsed_address(a)) and (ip.version == 4 or has_ipv6)]
