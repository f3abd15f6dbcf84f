"""Names as the agent asks for them: what a Go program's own resolver makes of a network, beside the system's."""

from __future__ import annotations

from lab.changes import corporate_dns, fault, forward, host, instead, resolver
from lab.healthy import GOOGLE_DNS, QUAY, RESOLVERS, TENANT, TENANT_V4
from lab.scenario import Scenario, both, finds
from lab.servers import Record
from lab.world import DnsFault, DnsManner

_DEFAULTS: tuple[str, ...] = ()
"""Five seconds, two rounds."""


def _sinkhole(name: str) -> tuple[Record, ...]:
    return (
        Record(name=name, type="CNAME", values=("sinkhole.paloaltonetworks.com",)),
        Record(name="sinkhole.paloaltonetworks.com", type="A", values=("198.135.184.22",)),
    )


def _refuses_edns(manner: str) -> Scenario:
    return Scenario(
        name=f"dns-edns-{manner}",
        broken=f"the resolvers do {manner} to queries with EDNS0 and answer all others",
        change=fault(manner, names="*", edns=True),
        find=finds(DNS_01="dns.edns-refused"),
    )


SCENARIOS = (
    Scenario(
        name="host-without-a-route",
        broken="the host has an address and no default route",
        change=host(routes=False),
        find=finds(DNS_01="host.no-route"),
    ),
    Scenario(
        name="nameservers-with-ports",
        broken="resolv.conf names the resolvers with their port, which neither glibc nor Go takes for an address",
        change=host(nameservers=tuple(f"{address}:53" for address in RESOLVERS)),
        find=finds(DNS_01="dns.resolver-config"),
    ),
    _refuses_edns("formerr"),
    _refuses_edns("badvers"),
    _refuses_edns("servfail"),
    _refuses_edns("header"),
    _refuses_edns("silent"),
    Scenario(
        name="dns-aaaa-unanswered",
        broken="queries for AAAA get no answer; lookups with default options",
        change=both(fault("silent", types=("AAAA",)), host(resolver_options=_DEFAULTS)),
        find=finds(DNS_01="dns.slow"),
    ),
    Scenario(
        name="dns-aaaa-unanswered-short-timeout",
        broken="queries for AAAA get no answer; lookups with timeout:2",
        change=fault("silent", types=("AAAA",)),
        find=finds(DNS_09="dns.slow"),
    ),
    Scenario(
        name="dns-hosts-file-only",
        broken="the hosts file has the tenant's addresses, and the resolvers say that there is no such name",
        change=both(fault("nxdomain"), host(etc_hosts=tuple(f"{address} {TENANT}" for address in TENANT_V4))),
        find=finds(DNS_01="dns.hosts-file-only"),
    ),
    Scenario(
        name="dns-first-nameserver-drops-edns",
        broken="the first nameserver does not answer queries with EDNS0; the second does",
        change=resolver(RESOLVERS[0], faults=(DnsFault(manner=DnsManner.SILENT, edns=True),)),
        find=finds(DNS_03="dns.edns-refused"),
    ),
    Scenario(
        name="dns-lame-first-nameserver",
        broken="the first nameserver refers elsewhere without an answer, and the second answers",
        change=resolver(RESOLVERS[0], faults=(DnsFault(manner=DnsManner.LAME, names=TENANT),)),
        find=finds(DNS_03="dns.no-data"),
    ),
    Scenario(
        name="dns-first-nameserver-slow",
        broken="the first nameserver takes four seconds for every answer; lookups with default options",
        change=both(
            resolver(RESOLVERS[0], faults=(DnsFault(manner=DnsManner.ANSWER, delay=4.0),)),
            host(resolver_options=_DEFAULTS),
        ),
        find=finds(DNS_09="dns.slow"),
    ),
    Scenario(
        name="dns-nameservers-slower-than-the-agent",
        broken="the nameservers take four seconds for every answer; lookups with timeout:2",
        change=corporate_dns(faults=(DnsFault(manner=DnsManner.ANSWER, delay=4.0),)),
        find=finds(DNS_01="dns.slow"),
    ),
    Scenario(
        name="dns-every-third-query-servfail",
        broken="the resolvers answer every third query for the tenant with SERVFAIL",
        change=fault("servfail", names=TENANT, every=3),
        find=finds(DNS_09="dns.lossy"),
    ),
    Scenario(
        name="dns-every-third-query-lost",
        broken="every third query for the tenant to the first nameserver gets no answer",
        change=resolver(RESOLVERS[0], faults=(DnsFault(manner=DnsManner.SILENT, names=TENANT, every=3),)),
        find=finds(DNS_09="dns.lossy"),
    ),
    Scenario(
        name="dns-every-sixteenth-query-lost",
        broken="every sixteenth query for the tenant to the second nameserver gets no answer",
        change=resolver(RESOLVERS[1], faults=(DnsFault(manner=DnsManner.SILENT, names=TENANT, every=16),)),
        find=finds(DNS_09="dns.lossy"),
    ),
    Scenario(
        name="dns-burst-limited",
        broken="nothing: the firewall lets 40 queries a second through to each nameserver and drops the rest",
        change=forward(
            *(
                f'iifname "to-host" ip daddr {server} udp dport 53 limit rate over 40/second burst 30 packets drop'
                for server in RESOLVERS
            )
        ),
    ),
    Scenario(
        name="dns-second-nameserver-astray",
        broken="the second nameserver gives an address that nobody has",
        change=resolver(RESOLVERS[1], overrides=instead(TENANT, ["34.250.11.99"])),
        find=finds(DNS_03="dns.nameservers-differ"),
    ),
    Scenario(
        name="dns-sinkhole-of-a-firewall",
        broken="the resolvers make the tenant an alias of the sinkhole of Palo Alto Networks' DNS Security",
        change=corporate_dns(overrides=_sinkhole(TENANT)),
        find=finds(DNS_02="dns.sinkhole"),
    ),
    Scenario(
        name="dns-sinkhole-for-the-registry",
        broken="the resolvers make quay.io an alias of that sinkhole",
        change=corporate_dns(overrides=_sinkhole(QUAY)),
        find=finds(REG_01="dns.sinkhole"),
    ),
    Scenario(
        name="dns-blocked-with-a-reason",
        broken="the resolvers refuse the tenant's name with the extended DNS error Filtered",
        change=fault("nxdomain", names=TENANT, extended=(17, "category: newly seen")),
        find=finds(DNS_01="dns.sinkhole"),
    ),
    Scenario(
        name="dns-knows-nothing-outside",
        broken="the resolvers say of every name of the Internet that it does not exist",
        change=corporate_dns(
            faults=tuple(DnsFault(manner=DnsManner.NXDOMAIN, names=names) for names in ("*.io", "*.com", "*.google"))
        ),
        find=finds(DNS_01="dns.no-outside"),
    ),
    Scenario(
        name="dns-oversized-datagrams",
        broken="the resolvers send answers of more than 1,232 bytes in one datagram, whatever was offered",
        change=fault("oversized", names=TENANT, types=("A", "AAAA")),
        find=finds(DNS_01="dns.agent-cannot-resolve"),
    ),
    Scenario(
        name="dns-four-nameservers",
        broken="nothing: a fourth nameserver is configured and dead, and nobody asks it",
        change=both(
            host(nameservers=(*RESOLVERS, GOOGLE_DNS, "10.30.0.57")),
        ),
    ),
    Scenario(
        name="dns-only-the-fourth-nameserver",
        broken="three nameservers are dead and the fourth answers, which neither the C library nor the agent asks",
        change=host(nameservers=("10.30.0.57", "10.30.0.58", "10.30.0.59", RESOLVERS[0])),
        find=finds(DNS_01="dns.timeout"),
    ),
    Scenario(
        name="dns-over-tcp-only-by-use-vc",
        broken="nothing: the resolver configuration says use-vc, and UDP to the nameservers is dropped",
        change=both(
            host(resolver_options=("use-vc", "timeout:2")),
            forward('iifname "to-host" oifname "to-corp" udp dport 53 drop'),
        ),
    ),
    Scenario(
        name="dns-ndots-and-search",
        broken="nothing: five dots are needed, and two search domains are asked first",
        change=host(
            search=("agents.svc.cluster.local", "svc.cluster.local"),
            resolver_options=("ndots:5", "timeout:2", "attempts:2"),
        ),
    ),
)
