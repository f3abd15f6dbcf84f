"""Nothing is wrong, although it looks so: no finding at all may appear."""

from __future__ import annotations

from lab.changes import (
    add_site,
    app,
    clock,
    corporate_dns,
    environment,
    fault,
    file,
    firewall,
    forward,
    host,
    record,
    resolver,
    rules,
    set_of,
    site,
    tls,
    to,
    visitor,
)
from lab.healthy import (
    CDN,
    CLOUDFLARE_DNS,
    CORP_DOMAIN,
    GOOGLE_DNS,
    HELM_V4,
    HOST_ADDRESSES,
    LAB_KEY,
    QUAY,
    QUAY_V4,
    RESOLVERS,
    TENANT,
    TENANT_V4,
    TENANT_V6,
)
from lab.scenario import Scenario, both
from lab.scenarios import pages
from lab.scenarios.connections import CATCH_ALL, CATCH_ALL_PORT, TEST_NETS
from lab.scenarios.registries import COPY, PULL_THROUGH
from lab.scenarios.surroundings import HTTP_PROXY, TLS_PROXY, through
from lab.servers import Blobs, Cdn, Proxy, Reply, Rule, Tokens
from lab.world import Authority, DnsFault, DnsManner, Machine, Site, Visitor

_MIRROR = f"mirror.{QUAY}"
_TO_THE_MIRROR = Reply(status=307, headers=(("Location", f"https://{_MIRROR}{{path}}"),))
_S3 = "quay-registry.s3.us-east-1.amazonaws.com"
_S3_ADDRESS = "52.217.10.10"
_SYSTEM_STORE = "/etc/ssl/certs/ca-certificates.crt"
"""The proxy's certificate is the company's, which certifi does not know."""
_LOGIN = Proxy().login
_NO_OUTSIDE_NAMES = tuple(
    DnsFault(manner=DnsManner.NXDOMAIN, names=pattern) for pattern in ("*.io", "*.com", "dns.google")
)

_NFTABLES = f"""\
table inet filter {{
    set tenant {{
        type ipv4_addr
        elements = {set_of(TENANT_V4)}
    }}
    chain agents {{
        ip daddr @tenant tcp dport https counter accept comment "agreed with the network team"
        ip6 daddr {TENANT_V6[0]} tcp dport 443 accept
        ip daddr {set_of((*QUAY_V4, *CDN.values(), *HELM_V4))} tcp dport 443 accept
        ip daddr {set_of(RESOLVERS)} meta l4proto {{ tcp, udp }} th dport 53 accept
    }}
    chain forward {{
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ip saddr {HOST_ADDRESSES[0]} jump agents
        ip6 saddr {HOST_ADDRESSES[1]} jump agents
    }}
}}
"""
_NETWORK_POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: agent}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
      ports: [{port: 53, protocol: UDP}]
    - to:
        - ipBlock: {cidr: 34.250.11.20/30, except: [34.250.11.20/32]}
        - ipBlock: {cidr: "2a05:d018:11::21/128"}
      ports: [{port: 443}]
"""

SCENARIOS = (
    Scenario(
        name="rotating-addresses",
        broken="nothing: every answer holds another choice of the tenant's addresses",
        change=fault("subset"),
    ),
    Scenario(
        name="alias",
        broken="nothing: the tenant's name is an alias of a load balancer's",
        change=both(
            record(TENANT, "CNAME", "lb-7.eu-west-1.elb.amazonaws.com"),
            record("lb-7.eu-west-1.elb.amazonaws.com", "A", *TENANT_V4),
            record("lb-7.eu-west-1.elb.amazonaws.com", "AAAA", *TENANT_V6),
        ),
    ),
    Scenario(
        name="slow-first-nameserver",
        broken="nothing: the first nameserver takes a second for every answer",
        change=resolver(RESOLVERS[0], faults=(DnsFault(manner=DnsManner.ANSWER, delay=1.0),)),
    ),
    Scenario(
        name="truncated-answers",
        broken="nothing: answers come truncated over UDP and whole over TCP",
        change=fault("truncate", transports=("udp",)),
    ),
    Scenario(
        name="resolver-rewrites-other-names",
        broken="nothing: the resolvers rewrite names that do not exist, and the tenant's does",
        change=corporate_dns(rewrites_to=("92.242.140.21",)),
    ),
    Scenario(
        name="wildcard-that-is-not-asked",
        broken="nothing: the search domain has a wildcard, and names with dots are asked as they are",
        change=record(f"*.{CORP_DOMAIN}", "A", "10.30.0.99"),
    ),
    Scenario(
        name="public-resolver",
        broken="nothing: the host uses public resolvers",
        change=host(nameservers=(GOOGLE_DNS, CLOUDFLARE_DNS), search=()),
    ),
    Scenario(
        name="public-dns-blocked",
        broken="nothing: public resolvers cannot be asked from here",
        change=forward(*to((GOOGLE_DNS, CLOUDFLARE_DNS), "reject with tcp reset")),
    ),
    Scenario(
        name="name-in-hosts-file",
        broken="nothing: the hosts file holds one of the tenant's own addresses",
        change=host(etc_hosts=(f"{TENANT_V4[0]} {TENANT}",)),
    ),
    Scenario(
        name="allow-list-nftables",
        broken="nothing: the approved rules of the firewall let out to what is needed, and no further",
        change=file("approved.nft", _NFTABLES),
        options=("--allow-list={lab}/approved.nft",),
    ),
    Scenario(
        name="allow-list-networkpolicy",
        broken="nothing: the approved NetworkPolicy lets out to the tenant, and no further",
        change=file("approved.yaml", _NETWORK_POLICY),
        options=("--allow-list={lab}/approved.yaml",),
    ),
    Scenario(
        name="syn-proxy",
        broken="nothing: a SYN proxy accepts connections to addresses that do not exist, and passes on the real ones",
        change=both(firewall(prerouting=to(TEST_NETS, f"redirect to :{CATCH_ALL_PORT}")), add_site(CATCH_ALL)),
    ),
    Scenario(
        name="no-ipv6-on-the-host",
        broken="nothing: the tenant has an IPv6 address and the host has none",
        change=host(ipv6=False),
    ),
    Scenario(
        name="no-ipv6-at-the-tenant",
        broken="nothing: the tenant has no IPv6 address",
        change=both(record(TENANT, "AAAA"), site("tenant", addresses=TENANT_V4)),
    ),
    Scenario(
        name="ipv6-refused",
        broken="nothing: IPv6 to the tenant is refused at once",
        change=forward(*to(TENANT_V6, "reject with icmpx admin-prohibited")),
    ),
    Scenario(
        name="only-443-allowed",
        broken="nothing: the firewall allows port 443 to the tenant, registry, CDN, charts and DNS, and drops all else",
        change=forward('iifname "to-host" oifname "to-internet" tcp dport != 443 drop'),
    ),
    Scenario(
        name="interception-declared",
        broken="nothing: TLS to the tenant is opened by a device that the profile declares",
        change=both(
            tls("tenant", authority=Authority.DEVICE),
            host(trusts=(Authority.PUBLIC, Authority.CORPORATE, Authority.DEVICE)),
            file("profile.toml", '[interception]\nca_file = "pki/device-root.pem"\n'),
        ),
        options=("--profile={lab}/profile.toml",),
    ),
    Scenario(
        name="tls-1-2-only",
        broken="nothing: the tenant speaks TLS 1.2 only",
        change=tls("tenant", versions=("TLSv1_2", "TLSv1_2")),
    ),
    Scenario(
        name="receiver-says-401",
        broken="nothing: the receiver refuses requests without a key with 401 instead of 403",
        change=app("tenant", refuses_with=401),
    ),
    Scenario(
        name="unknown-clients-blocked",
        broken="nothing: a web filter blocks the User-Agent of this suite, and no client of the agent's",
        change=both(
            rules("tenant", Rule(header="user-agent: netcompliance*", reply=pages.BLOCK_PAGE)),
            environment(STS_API_KEY=LAB_KEY),
        ),
    ),
    Scenario(
        name="old-receiver",
        broken="nothing: the receiver is too old to know /features",
        change=rules("tenant", Rule(path="/receiver/stsAgent/features", reply=pages.PLAIN_404)),
    ),
    Scenario(
        name="no-keep-alive",
        broken="nothing: the tenant closes the connection after every answer",
        change=site("tenant", closes_connections=True),
    ),
    Scenario(
        name="leave-is-taken-with-408",
        broken="nothing: tenant and registry say 408 on a connection that has waited, and close it, as HAProxy does",
        change=both(site("tenant", takes_leave=True), site("quay", takes_leave=True)),
    ),
    Scenario(
        name="key-accepted",
        broken="nothing: the host has the tenant's API key",
        change=environment(STS_API_KEY=LAB_KEY),
    ),
    Scenario(
        name="one-slow-answer",
        broken="nothing: answers take one second",
        change=rules("tenant", Rule(delay=1.0)),
    ),
    Scenario(
        name="clock-30-s-off",
        broken="nothing: the host's clock is half a minute behind",
        change=clock(30),
    ),
    Scenario(
        name="registry-without-tokens",
        broken="nothing: the registry needs no token",
        change=app("quay", tokens=Tokens.NONE),
    ),
    Scenario(
        name="registry-access-token",
        broken="nothing: the token server calls the token access_token",
        change=app("quay", token_field="access_token"),  # noqa: S106 - the name of a JSON field
    ),
    Scenario(
        name="registry-relative-redirects",
        broken="nothing: the registry redirects layers with a relative Location",
        change=app("quay", blobs=Blobs.RELATIVE),
    ),
    Scenario(
        name="registry-without-redirects",
        broken="nothing: the registry gives layers itself",
        change=app("quay", blobs=Blobs.ITSELF),
    ),
    Scenario(
        name="registry-redirects-manifests",
        broken="nothing: the registry redirects manifests to a subdomain of its own, which wants the token",
        change=both(
            site("quay", hosts=(QUAY, _MIRROR)),
            record(_MIRROR, "A", *QUAY_V4),
            rules("quay", Rule(path="*/manifests/*", header=f"host: {QUAY}", reply=_TO_THE_MIRROR)),
        ),
    ),
    Scenario(
        name="layers-on-s3",
        broken="nothing: layers are redirected to S3, which refuses requests that carry Authorization",
        change=both(
            app("quay", cdn=(_S3,)),
            record(_S3, "A", _S3_ADDRESS),
            add_site(Site(name="s3", hosts=(_S3,), addresses=(_S3_ADDRESS,), app=Cdn(refuses_authorization=True))),
        ),
    ),
    Scenario(
        name="own-registry-pull-through",
        broken="nothing: images come through one's own registry",
        change=host(),
        options=PULL_THROUGH,
    ),
    Scenario(
        name="own-registry-copy",
        broken="nothing: images are copied into one's own registry",
        change=host(),
        options=COPY,
    ),
    Scenario(
        name="quay-blocked-own-registry",
        broken="nothing: quay.io and its CDN are dropped, and images come from one's own registry",
        change=both(
            forward(*to((*QUAY_V4, *CDN.values()), "drop")),
            file(
                "profile.toml",
                '[registry]\nhost = "registry.corp.example"\nprefix = "mirror"\nmode = "copy"\n'
                "source_visible = false\n",
            ),
        ),
        options=("--profile={lab}/profile.toml",),
    ),
    Scenario(
        name="mandatory-proxy",
        broken="nothing: there is no way out but the proxy, and outside names are not resolved inside",
        change=both(through(HTTP_PROXY), corporate_dns(faults=_NO_OUTSIDE_NAMES)),
    ),
    Scenario(
        name="mandatory-tls-proxy",
        broken="nothing: there is no way out but a proxy that is spoken to over TLS",
        change=both(
            through(TLS_PROXY), environment(REQUESTS_CA_BUNDLE=_SYSTEM_STORE), corporate_dns(faults=_NO_OUTSIDE_NAMES)
        ),
    ),
    Scenario(
        name="proxy-with-login",
        broken="nothing: the proxy wants a login, and the host has it",
        change=both(through(HTTP_PROXY.replace("//", f"//{_LOGIN}@")), app("proxy", needs_login=True)),
    ),
    Scenario(
        name="proxy-refuses-other-clients",
        broken="nothing: the proxy refuses every CONNECT whose User-Agent is not Go's",
        change=both(through(HTTP_PROXY), app("proxy", refuses_agents=("[!G]*",))),
    ),
    Scenario(
        name="proxy-grants-with-a-body",
        broken="nothing: the proxy grants CONNECT with a small body, which Go throws away",
        change=both(through(HTTP_PROXY), app("proxy", grants_with=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),
    ),
    Scenario(
        name="proxy-not-for-tenant",
        broken="nothing: NO_PROXY excepts the tenant, which is reached directly",
        change=environment(HTTPS_PROXY=HTTP_PROXY, NO_PROXY=f".{CORP_DOMAIN},{TENANT}"),
    ),
    Scenario(
        name="agent-running",
        broken="nothing: an agent on the host holds connections to the tenant",
        change=visitor(Visitor(machine=Machine.HOST, source=HOST_ADDRESSES[0], to=TENANT_V4[1], port=443, stays=True)),
    ),
    Scenario(
        name="somebody-else-comes-in",
        broken="nothing: a machine that is not the tenant connects to the host",
        change=both(
            visitor(Visitor(machine=Machine.CORP, source="10.30.0.80", to=HOST_ADDRESSES[0], port=8126)),
            host(listens=(8126,), firewall=("ip saddr 10.30.0.0/24 tcp dport 8126 accept",)),
        ),
    ),
    Scenario(
        name="no-host-firewall",
        broken="nothing: the host has no firewall of its own",
        change=host(has_firewall=False),
    ),
)
