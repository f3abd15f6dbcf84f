"""DNS-01 … DNS-04: does the name lead to the tenant, by the resolver that the host really uses?

Theory. getaddrinfo says what programs on the host get, but only in three words (addresses, "no such name", "try
again"). The configured nameservers, asked directly in the same visit, say why. An address is the tenant's own
beyond doubt if TLS at it verified for the tenant's name up to a public root: then no oddity of the DNS matters.
Where TLS proves nothing, the address has the benefit of the doubt only if names that nobody has were looked up too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netcompliance.findings import Code
from netcompliance.judge.allow_list import PROXIED
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    decided,
    decoded,
    error_name,
    error_of,
    finding,
    listed,
    notapplicable,
    notchecked,
    parsed_address,
    passed,
)
from netcompliance.judge.golookup import agents_lookup
from netcompliance.judge.identity import kind_of
from netcompliance.judge.judges import DNS, NAMES, judges, observed
from netcompliance.judge.lookups import agents_trouble
from netcompliance.judge.nameservers import (
    SILENCE,
    fallback_addresses,
    given_addresses,
    public_addresses,
    public_answers,
    public_versions,
    services,
    sinkholed,
    unresolved,
)
from netcompliance.judge.resolvconf import config_trouble, no_nameserver, remarks
from netcompliance.judge.transport import connected_addresses
from netcompliance.model import Case, Finding, Kind, Settings
from netcompliance.observations import GoResolve, Resolve, Tcp

FAILOVER = "failover"
"""The task in which addresses are connected to that only a later nameserver gives."""
MOST_SERVERS = 3
THE_HOSTS_OWN = (Code.DNS_HOSTS_FILE_ONLY, Code.DNS_RESOLVER_CONFIG)
"""What is told of files of the host, whoever else finds an address."""
UNSURE = (Code.DNS_SLOW, Code.DNS_AGENT_CANNOT_RESOLVE)
"""What only a clock tells."""

NO_ROUTE = "it is not known whether the host uses a proxy for this name"


@judges("DNS-01", observes=NAMES, unseen=["resolve"])
def resolves(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-01."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    looked_up = evidence.one(Resolve, host=case.host, purpose="bare")
    if looked_up is None or evidence.route(case.host) is None:
        return notchecked("the look-up did not come to an end" if looked_up is None else NO_ROUTE)
    addresses = evidence.resolved(case.host, "bare")
    agents = agents_lookup(evidence, case.host)
    if agents is None and evidence.agents_eyes and not evidence.by_shell:
        return notchecked("the look-up by the agent's own rules did not come to an end")
    if agents is not None:
        kind = kind_of(case.vantage, evidence.vantage, settings.vantage_kinds)
        trouble = config_trouble(evidence, case.host, agents) or agents_trouble(
            evidence, case.host, agents, own_hosts_file=kind in (Kind.POD, Kind.CONTAINER)
        )
        silent = any(each.timed_out for each in agents.exchanges)
        if trouble and evidence.by_shell and addresses and silent and trouble.code in UNSURE:
            return notchecked("not every nameserver answered in time, and a shell is too slow itself to tell")
        if trouble and (addresses or agents.addresses or trouble.code in THE_HOSTS_OWN):
            asking = f"dig +short +edns=0 @{trouble.subject} {case.host}"
            return decided([trouble], "", asking if parsed_address(trouble.subject) else f"cat /etc/{trouble.subject}")
        addresses = addresses or list(agents.addresses)
    if addresses:
        saw = f"{case.host} is {listed(addresses)}{remarks(evidence, case.host)}"
        return passed(saw, f"getent ahosts {case.host}")
    unexplained = error_name(looked_up) == "GAI" and error_of(looked_up).code is None
    if unexplained and evidence.by_shell and not any(service.code for service in services(evidence, case.host)):
        return notchecked("no address was found, and nothing there says why")
    trouble = no_nameserver(evidence) or unresolved(evidence, case.host, looked_up)
    server = trouble.subject if parsed_address(trouble.subject) else ""
    return decided([trouble], "", f"dig +short {f'@{server} ' if server else ''}{case.host}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """Where the addresses of one name come from."""

    host: str
    rooted: tuple[str, ...]
    """By the name with its final dot, and by the nameservers themselves."""
    searched: Mapping[str, str]
    """Address → the name under a search domain that has it."""
    invented: Mapping[str, str]
    """Address → the name that does not exist and has it."""
    known: tuple[str, ...]
    """By this network's nameservers and by public ones."""
    public: tuple[str, ...]
    hosts_file: tuple[str, ...]
    """The lines of the host's own file about the name."""
    resolver: str


@judges("DNS-02", observes=NAMES, unseen=["resolve", "tls", "chain"])
def is_the_tenants(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-02."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    told = given_addresses(evidence, case.host)
    addresses = dict.fromkeys([*evidence.resolved(case.host, "bare", "rooted"), *told])
    doubtful = [address for address in addresses if not evidence.is_service(case.host, address)]
    public = tuple(public_addresses(evidence, case.host))
    origin = _Origin(
        host=case.host,
        rooted=tuple(dict.fromkeys([*evidence.resolved(case.host, "rooted"), *told])),
        searched=_addresses_by_name(evidence, case.host, "search"),
        invented=_addresses_by_name(evidence, case.host, "control"),
        known=(*told, *public),
        public=public,
        hosts_file=tuple(evidence.vantage.hosts_entries),
        resolver=evidence.resolver,
    )
    odd = {address: f for address in doubtful if (f := _oddity(origin, address, evidence))}
    unknown = [address for address in doubtful if _tls_is_unknown(evidence, case.host, address)]
    undecided = [address for address in unknown if address in odd or (public and address not in public)]
    return decided(
        [found for address, found in odd.items() if address not in unknown],
        f"{case.host} is {listed(addresses)}, bare and rooted",
        f"getent ahosts {case.host}.",
        missing=_undecided(undecided) or (_unasked(evidence, case.host) if doubtful else ""),
    )


def _tls_is_unknown(evidence: Evidence, host: str, address: str) -> bool:
    """Did nobody look who is there, though the port opened? A shell without the tools for TLS does not."""
    if not evidence.by_shell or address not in connected_addresses(evidence, TENANT, host):
        return False
    tls = evidence.handshake(host, address, "verify")
    return tls is None or bool(tls.verified and evidence.chain(tls, host) is None)


def _undecided(addresses: list[str]) -> str:
    """Why an odd address may be right all the same."""
    return (
        f"only TLS would tell whether the tenant is at {listed(addresses)}, and it was not tried" if addresses else ""
    )


def _unasked(evidence: Evidence, host: str) -> str:
    """The look-ups without which an address that TLS did not prove cannot be called the tenant's."""
    wanted = ["rooted", "control", *(["search"] if evidence.vantage.search else ())]
    asked = {seen.purpose for seen in evidence.all(Resolve, host=host)}
    missing = [purpose for purpose in wanted if purpose not in asked]
    return f"no {listed(missing)} look-up came to an end, and TLS proved nothing" if missing else ""


def _oddity(origin: _Origin, address: str, evidence: Evidence) -> Finding | None:
    """What is wrong with an address that TLS did not prove to be the tenant's; `None` if nothing is known."""
    host, ip = origin.host, parsed_address(address)
    server = origin.resolver
    line = next((line for line in origin.hosts_file if address in line.split()), "")
    if line and origin.known and address not in origin.known:
        detail = f"{host} is {address} in this host's hosts file and {listed(origin.known)} in the DNS"
        return finding(Code.DNS_HOSTS_FILE, address, detail, line=line)
    blocked = sinkholed(evidence, host, address)
    if blocked is not None:
        return blocked
    if ip is None:
        return finding(Code.DNS_SINKHOLE, address, f"{host} is {address}, which leads nowhere", server=server)
    if address in origin.searched and address not in origin.rooted:
        name = origin.searched[address]
        rooted = listed(origin.rooted) or "unknown"
        detail = f"{host} is {address}, the address of {name}; with a final dot it is {rooted}"
        return finding(Code.DNS_SEARCH_DOMAIN, address, detail, wildcard=name, server=server)
    if address in origin.invented and address not in origin.public:
        detail = f"{host} is {address}, and so is {origin.invented[address]}, a name that does not exist"
        return finding(Code.DNS_REWRITTEN, address, detail, server=server)
    if not ip.is_global:
        detail = f"{host} is {address}, a private address, and the service is not behind it"
        return finding(Code.DNS_PRIVATE_ADDRESS, address, detail, server=server)
    if origin.public and address not in origin.public and _somebody_else_answers(evidence, host, address):
        detail = f"{host} is {address} here and {listed(origin.public)} in the public DNS; somebody else answers there"
        return finding(Code.DNS_DISAGREES, address, detail, server=server)
    return None


def _addresses_by_name(evidence: Evidence, host: str, purpose: str) -> dict[str, str]:
    """Address → the name that it was given for."""
    return {
        address: seen.name or ""
        for seen in evidence.all(Resolve, host=host, purpose=purpose)
        for address in seen.addresses
    }


def _somebody_else_answers(evidence: Evidence, host: str, address: str) -> bool:
    """Something speaks at this address, and not as the name's server."""
    tls = evidence.handshake(host, address, "verify")
    chain = evidence.chain(evidence.handshake(host, address, "identify"), host)
    return not chain.covers if chain and chain.certificates else bool(decoded(tls.received if tls else None))


@judges("DNS-03", observes=[DNS], unseen=["dns"])
def nameservers_answer(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-03. An answer without addresses counts if all agree: then it is DNS-01's trouble."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    served = services(evidence, case.host)
    if not served or evidence.route(case.host) is None:
        return notchecked(NO_ROUTE if served else "no nameserver is configured where it can be read")
    one_knows = any(service.addresses for service in served)
    always = SILENCE | {Code.DNS_EDNS_REFUSED}
    bad = [service for service in served if service.code in always or (service.code and one_knows)]
    refusing = all(service.code is Code.DNS_EDNS_REFUSED for service in served)
    if len(bad) == len(served) and (refusing or not evidence.resolved(case.host, "bare")):
        return notchecked("no nameserver answers: see DNS-01")
    found = [
        finding(Code.DNS_NAMESERVER_DEAD if s.dead else s.code, s.server, s.says, server=s.server, destination=s.server)
        for s in bad
        if s.code
    ]
    astray, untried = _astray(case.host, evidence)
    found += astray
    names = [service.server for service in served]
    agents = evidence.one(GoResolve, host=case.host)
    configured = evidence.vantage.nameservers or ()
    counted = [server for server in configured if server in names or server in _read(configured, agents)]
    unasked = [server for server in counted if server not in names]
    remarks = _read_otherwise(configured, agents)
    return decided(
        found,
        f"{listed(names)} answered{remarks}",
        f"dig @{found[0].subject if found else names[0]} {case.host}",
        missing=f"{listed(unasked)} was not asked" if unasked else untried,
    )


def _read_otherwise(configured: Sequence[str], agents: GoResolve | None) -> str:
    """Lines of resolv.conf that have no effect, or another one for the agent than for the C library; empty if none."""
    if not agents:
        return ""
    servers = agents.resolver.servers if agents.resolver else ()
    spare = [server for server in configured[MOST_SERVERS:] if server not in servers]
    unread = [server for server in configured[:MOST_SERVERS] if server not in servers]
    added = [server for server in servers if server not in configured[:MOST_SERVERS]]
    remarks = [f"{listed(spare)} {'is' if len(spare) == 1 else 'are'} never asked: only three count"] if spare else []
    if unread:
        remarks.append(f"the agent ignores {listed(unread)} in resolv.conf: not a valid address")
    if added:
        remarks.append(f"the agent asks {listed(added)} too, which the C library does not")
    return "".join(f"; {remark}" for remark in remarks)


def _read(configured: Sequence[str], agents: GoResolve | None) -> list[str]:
    """The nameservers that the C library or the agent read out of those that are configured."""
    if not agents:
        return list(configured)
    return [*configured[:MOST_SERVERS], *(agents.resolver.servers if agents.resolver else ())]


def _astray(host: str, evidence: Evidence) -> tuple[list[Finding], str]:
    """Nameservers behind the first whose addresses do not lead to the tenant; and which addresses nobody tried."""
    found, untried = [], []
    used = listed(sorted(given_addresses(evidence, host)))
    by_server: dict[str, list[str]] = {}
    for address, server in fallback_addresses(evidence, host).items():
        tried = evidence.one(Tcp, task=FAILOVER, host=host, address=address)
        if address in public_addresses(evidence, host) or any(
            evidence.is_service(host, address, task) for task in (FAILOVER, TENANT)
        ):
            continue
        if tried is None:
            untried.append(address)
            continue
        by_server.setdefault(server, []).append(address)
    for server, addresses in by_server.items():
        detail = f"{server} gives {listed(sorted(addresses))}, where the tenant does not answer; in use is {used}"
        found.append(finding(Code.DNS_NAMESERVERS_DIFFER, server, detail, server=server, addresses=listed(addresses)))
    where = listed(sorted(untried))
    return found, f"{where}, which only a nameserver behind the first gives, was not connected to" if where else ""


@judges("DNS-04", observes=[*NAMES, observed("public-dns", about=("name",))])
def agrees_with_the_public(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """DNS-04. Addresses may rotate, so one that proved to be the service's own agrees, listed or not."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    versions = public_versions(public_answers(evidence, case.host))
    known = [(a, ip) for a in evidence.resolved(case.host, "bare", "rooted") if (ip := parsed_address(a))]
    compared = [(address, ip) for address, ip in known if ip.version in versions]
    if not compared:
        return notchecked("no public resolver could be asked over HTTPS from here")
    public = public_addresses(evidence, case.host)
    found = []
    for address, ip in compared:
        rotates = ip.is_global and evidence.is_service(case.host, address)
        if address not in public and not rotates:
            detail = f"{address} here; {listed(public) or 'no address'} in the public DNS"
            found.append(finding(Code.DNS_DISAGREES, address, detail, server=evidence.resolver))
    return decided(found, f"the public DNS says {listed(public)}", f"dig +short @8.8.8.8 {case.host}")
