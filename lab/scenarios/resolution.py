"""Names: what the resolver says, and what it ought to say."""

from __future__ import annotations

from lab.changes import (
    add_site,
    corporate_answer,
    corporate_dns,
    fault,
    file,
    forward,
    host,
    instead,
    record,
    resolver,
)
from lab.healthy import CORP_DOMAIN, RESOLVERS, TENANT, TENANT_SITE, TENANT_V4, TENANT_V6
from lab.scenario import Scenario, both, finds
from lab.scenarios.pages import BLOCK_PAGE
from lab.servers import Fixed
from lab.world import Authority, DnsFault, DnsManner, Machine, Site, Tls

_INTRANET = "10.30.0.99"
_SEARCH_PAGE = "92.242.140.21"
_FORMER = "34.250.11.99"
_ELSEWHERE = "52.58.10.10"

_INTRANET_SITE = Site(
    name="intranet",
    machine=Machine.CORP,
    hosts=(f"www.{CORP_DOMAIN}",),
    addresses=(_INTRANET,),
    tls=Tls(authority=Authority.CORPORATE),
    app=Fixed(reply=BLOCK_PAGE),
)
_OTHER_SITE = Site(
    name="somebody-else", hosts=("www.somebody.example",), addresses=(_ELSEWHERE,), app=Fixed(reply=BLOCK_PAGE)
)
_SEARCH_SITE = Site(
    name="search-page", hosts=("search.isp.example",), addresses=(_SEARCH_PAGE,), app=Fixed(reply=BLOCK_PAGE)
)


def _iptables(what: str) -> str:
    """Rules that let out to the tenant's addresses."""
    rules = [f"-A FORWARD -d {address} {what} -j ACCEPT" for address in (*TENANT_V4, *TENANT_V6)]
    return "\n".join(["*filter", ":FORWARD DROP [0:0]", *rules, "COMMIT", ""])


SCENARIOS = (
    Scenario(
        name="dns-nxdomain",
        broken="the resolvers say that the tenant's name does not exist",
        change=fault("nxdomain"),
        find=finds(DNS_01="dns.nxdomain"),
    ),
    Scenario(
        name="dns-servfail",
        broken="the resolvers fail for the tenant's name",
        change=fault("servfail"),
        find=finds(DNS_01="dns.servfail"),
    ),
    Scenario(
        name="dns-refused",
        broken="the resolvers refuse the tenant's name",
        change=fault("refused"),
        find=finds(DNS_01="dns.refused"),
    ),
    Scenario(
        name="dns-timeout",
        broken="the resolvers do not answer questions about the tenant",
        change=fault("silent"),
        find=finds(DNS_01="dns.timeout"),
    ),
    Scenario(
        name="dns-garbage",
        broken="the resolvers answer questions about the tenant under another message id",
        change=fault("wrong-id"),
        find=finds(DNS_01="dns.timeout"),
    ),
    Scenario(
        name="dns-port-53-dropped",
        broken="the firewall drops DNS between the host and its resolvers",
        change=forward('iifname "to-host" oifname "to-corp" meta l4proto { tcp, udp } th dport 53 drop'),
        find=finds(DNS_01="dns.timeout"),
    ),
    Scenario(
        name="dns-truncated-and-tcp-dropped",
        broken="answers about the tenant are truncated, and TCP port 53 is dropped",
        change=both(
            fault("truncate", transports=("udp",)),
            forward('iifname "to-host" oifname "to-corp" tcp dport 53 drop'),
        ),
        find=finds(DNS_01="dns.timeout"),
    ),
    Scenario(
        name="dns-no-data",
        broken="the resolvers know the tenant's name but no address of it",
        change=fault("nodata"),
        find=finds(DNS_01="dns.no-data"),
    ),
    Scenario(
        name="dns-sinkhole",
        broken="the resolvers block the tenant with 0.0.0.0",
        change=corporate_answer(TENANT, ["0.0.0.0"]),
        find=finds(DNS_02="dns.sinkhole"),
    ),
    Scenario(
        name="dns-sinkhole-loopback",
        broken="the resolvers block the tenant with 127.0.0.1 and ::1",
        change=corporate_answer(TENANT, ["127.0.0.1"], ["::1"]),
        find=finds(DNS_02="dns.sinkhole"),
    ),
    Scenario(
        name="dns-hosts-file-sinkhole",
        broken="the host's own hosts file sends the tenant to 127.0.0.1",
        change=host(etc_hosts=(f"127.0.0.1 {TENANT}",)),
        find=finds(DNS_02="dns.hosts-file"),
    ),
    Scenario(
        name="dns-hosts-file-of-last-year",
        broken="the host's own hosts file pins the tenant to an address that it had once",
        change=host(etc_hosts=(f"{_ELSEWHERE} {TENANT}",)),
        find=finds(DNS_02="dns.hosts-file"),
    ),
    Scenario(
        name="dns-private-address",
        broken="the resolvers send the tenant to a private address that serves block pages",
        change=both(corporate_answer(TENANT, [_INTRANET]), add_site(_INTRANET_SITE)),
        find=finds(DNS_02="dns.private-address"),
    ),
    Scenario(
        name="dns-rewritten",
        broken="the resolvers answer every name that they do not know, the tenant's too, with a search page's address",
        change=both(
            corporate_dns(rewrites_to=(_SEARCH_PAGE,), overrides=instead(TENANT, [_SEARCH_PAGE])),
            add_site(_SEARCH_SITE),
        ),
        find=finds(DNS_02="dns.rewritten"),
    ),
    Scenario(
        name="dns-search-domain",
        broken="a wildcard under the search domain answers for the tenant first (ndots:5)",
        change=both(
            host(resolver_options=("ndots:5", "timeout:2", "attempts:2")),
            record(f"*.app.stackstate.io.{CORP_DOMAIN}", "A", _INTRANET),
            add_site(_INTRANET_SITE),
        ),
        find=finds(DNS_02="dns.search-domain"),
    ),
    Scenario(
        name="dns-second-nameserver-dead",
        broken="the second nameserver does not answer",
        change=resolver(RESOLVERS[1], faults=(DnsFault(manner=DnsManner.SILENT),)),
        find=finds(DNS_03="dns.nameserver-dead"),
    ),
    Scenario(
        name="dns-first-nameserver-dead",
        broken="nothing listens on the first nameserver, so every look-up goes to the second",
        change=resolver(RESOLVERS[0], listens=False),
        find=finds(DNS_03="dns.nameserver-dead"),
    ),
    Scenario(
        name="dns-one-nameserver-refuses",
        broken="the second nameserver refuses the tenant's name",
        change=resolver(RESOLVERS[1], faults=(DnsFault(manner=DnsManner.REFUSED, names=TENANT),)),
        find=finds(DNS_03="dns.refused"),
    ),
    Scenario(
        name="dns-nameservers-disagree",
        broken="the second nameserver says that the tenant does not exist",
        change=resolver(RESOLVERS[1], faults=(DnsFault(manner=DnsManner.NXDOMAIN, names=TENANT),)),
        find=finds(DNS_03="dns.nxdomain"),
    ),
    Scenario(
        name="dns-answers-over-tcp-only",
        broken="the second nameserver answers over TCP only",
        change=resolver(RESOLVERS[1], faults=(DnsFault(manner=DnsManner.SILENT, transports=("udp",)),)),
        find=finds(DNS_03="dns.timeout"),
    ),
    Scenario(
        name="dns-somebody-elses-address",
        broken="the resolvers send the tenant to a public address where somebody else answers",
        change=both(corporate_answer(TENANT, [_ELSEWHERE]), add_site(_OTHER_SITE)),
        find=finds(DNS_02="dns.disagrees"),
    ),
    Scenario(
        name="dns-former-address",
        broken="the resolvers still give an address that the tenant no longer has",
        change=corporate_answer(TENANT, [_FORMER]),
        find=finds(DNS_04="dns.disagrees", HTTPS_01="tcp.filtered"),
    ),
    Scenario(
        name="dns-private-endpoint",
        broken="the tenant is reached through a private address, where the service itself answers",
        change=both(
            corporate_answer(TENANT, ["10.30.0.98"]),
            add_site(
                Site(
                    name="private-endpoint",
                    machine=Machine.CORP,
                    hosts=(TENANT,),
                    addresses=("10.30.0.98",),
                    app=TENANT_SITE.app,
                )
            ),
        ),
        find=finds(DNS_04="dns.disagrees"),
    ),
    Scenario(
        name="allow-list-incomplete",
        broken="one of the tenant's addresses is not in the approved list",
        change=file("approved.txt", "\n".join([*TENANT_V4[:2], *TENANT_V6, ""])),
        options=("--allow-list={lab}/approved.txt",),
        find=finds(DNS_05="dns.not-allow-listed"),
    ),
    Scenario(
        name="allow-list-stale",
        broken="the approved list still holds an address that is not the tenant's any more",
        change=file("approved.txt", "\n".join([*TENANT_V4, *TENANT_V6, _FORMER, ""])),
        options=("--allow-list={lab}/approved.txt",),
        find=finds(DNS_06="dns.stale-allow-list"),
    ),
    Scenario(
        name="allow-list-in-blocks",
        broken="the approved list covers the tenant with blocks that hold others too",
        change=file("approved.txt", "# agreed with the network team\n34.250.11.16/28  # tenant\n2a05:d018:11::/64\n"),
        options=("--allow-list={lab}/approved.txt",),
        find=finds(DNS_07="dns.wide-allow-list"),
    ),
    Scenario(
        name="allow-list-of-every-port",
        broken="the firewall's rules let out to the tenant's addresses on every port",
        change=file("approved.v4", _iptables("")),
        options=("--allow-list={lab}/approved.v4",),
        find=finds(DNS_07="dns.wide-allow-list", DNS_08="dns.peer-not-allow-listed"),
    ),
    Scenario(
        name="allow-list-of-another-port",
        broken="the firewall's rules let out to the tenant's addresses on port 80",
        change=file("approved.v4", _iptables("-p tcp -m tcp --dport 80")),
        options=("--allow-list={lab}/approved.v4",),
        find=finds(DNS_05="dns.not-allow-listed", DNS_07="dns.wide-allow-list", DNS_08="dns.peer-not-allow-listed"),
    ),
    Scenario(
        name="allow-list-without-the-registry",
        broken="the firewall's rules let out to the tenant only, and neither to resolvers nor to the registry",
        change=file("approved.v4", _iptables("-p tcp -m tcp --dport 443")),
        options=("--allow-list={lab}/approved.v4",),
        find=finds(DNS_08="dns.peer-not-allow-listed"),
    ),
    Scenario(
        name="allow-list-of-yesterday",
        broken="the approved list holds one of today's addresses and two of yesterday's",
        change=file("approved.txt", "\n".join([TENANT_V4[0], *TENANT_V6, _FORMER, "34.250.11.98", ""])),
        options=("--allow-list={lab}/approved.txt",),
        find=finds(DNS_05="dns.not-allow-listed", DNS_06="dns.stale-allow-list"),
    ),
)
