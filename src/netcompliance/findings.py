"""The closed list of findings: what an observation can mean, what to do about it, and whom to ask.

Rules
* A verdict is never a bare true or false: what is wrong has a code from this list, and one code has one remedy.
* `means` says what the code means for the agent; `fix` is an instruction; `ask` is the team that can carry it out.
* Texts may hold `{subject}`, `{host}`, `{vantage}`, `{source}` (the address the host sends from) and the names that the
  judge puts into `Finding.values`; `explain` fills them in. A name that is missing is left out with a neutral word.
* Where the owner depends on what was seen, `Finding.values` names the team as `ask`.
* Every code has a scenario in the lab that produces it; a test counts them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Team(StrEnum):
    """Who can repair it."""

    DNS = "DNS team"
    FIREWALL = "firewall team"
    PROXY = "proxy team"
    PLATFORM = "platform team"
    REGISTRY = "registry team"
    VENDOR = "StackState support"
    HOST = "host team"
    NETWORK = "network team"


class Code(StrEnum):
    """A finding's code. The value is what the journal holds."""

    means: str
    fix: str
    ask: Team

    def __new__(cls, code: str, means: str, fix: str, ask: Team) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.means = means
        member.fix = fix
        member.ask = ask
        return member

    # --- names ------------------------------------------------------------------------------------------------------
    DNS_NXDOMAIN = (
        "dns.nxdomain",
        "the resolver says that the name does not exist: a typo, or a zone of its own that hides the public one",
        "check the spelling of {host}; if it is right, let the resolver {server} forward it to the public DNS",
        Team.DNS,
    )
    DNS_SERVFAIL = (
        "dns.servfail",
        "the resolver tried and failed: its own way out, its forwarder or DNSSEC validation is broken",
        "repair the forwarding of {host} on {server}",
        Team.DNS,
    )
    DNS_REFUSED = (
        "dns.refused",
        "the resolver does not serve this host: an access list or a policy refuses the query",
        "allow queries for {host} from {source} on {server}",
        Team.DNS,
    )
    DNS_TIMEOUT = (
        "dns.timeout",
        "no answer to DNS queries: port 53 is dropped on the way, or the resolver is down",
        "allow UDP and TCP port 53 from {source} to {server}, or correct the nameservers of {vantage}",
        Team.DNS,
    )
    DNS_NO_DATA = (
        "dns.no-data",
        "the name exists but has no address: the zone was emptied or only partly copied",
        "let {server} answer {host} from the public DNS instead of a zone of its own",
        Team.DNS,
    )
    DNS_SINKHOLE = (
        "dns.sinkhole",
        "the resolver blocks the name: a DNS filter answers in its place, and the answer leads nowhere",
        "take {host} off the block list of the resolver {server}",
        Team.DNS,
    )
    DNS_PRIVATE_ADDRESS = (
        "dns.private-address",
        "the resolver answers with a private address, and what is behind it is not the service",
        "let {server} answer {host} with the public addresses",
        Team.DNS,
    )
    DNS_REWRITTEN = (
        "dns.rewritten",
        "the resolver answers names that do not exist with an address of its own, and gives the same for the tenant",
        "switch off the rewriting of negative answers on {server}, then find out why it has no answer for {host}",
        Team.DNS,
    )
    DNS_SEARCH_DOMAIN = (
        "dns.search-domain",
        "a search domain with a wildcard answers first: the name without a final dot leads somewhere else",
        "remove the wildcard record that answers {wildcard}, or lower ndots / remove that search domain on {vantage}",
        Team.DNS,
    )
    DNS_HOSTS_FILE = (
        "dns.hosts-file",
        "the host's own hosts file gives the name an address that neither the DNS nor the service knows",
        "remove this line from the hosts file of {vantage}: {line}",
        Team.HOST,
    )
    DNS_NAMESERVER_DEAD = (
        "dns.nameserver-dead",
        "one configured nameserver does not answer: lookups wait for it, five seconds each with the usual settings",
        "repair {subject}, open port 53 to it, or take it out of the resolver configuration of {vantage}",
        Team.DNS,
    )
    DNS_DISAGREES = (
        "dns.disagrees",
        "this network's DNS and the public DNS give different addresses for the tenant",
        "find out which zone or view answers {host} here; forward the name to the public DNS",
        Team.DNS,
    )
    DNS_NOT_ALLOW_LISTED = (
        "dns.not-allow-listed",
        "the tenant has an address that the approved list does not cover: connections to it will be dropped",
        "add {subject} to the allow-list for outbound tcp/443",
        Team.FIREWALL,
    )
    DNS_PEER_NOT_ALLOW_LISTED = (
        "dns.peer-not-allow-listed",
        "the approved rules do not cover something else that is needed: names, images or charts will not arrive",
        "add {subject} to the approved rules",
        Team.FIREWALL,
    )
    DNS_STALE_ALLOW_LIST = (
        "dns.stale-allow-list",
        "an approved entry is no longer an address of the tenant: the opening now belongs to somebody else",
        "remove {subject} from the allow-list, after seeing on several days that the tenant no longer uses it",
        Team.FIREWALL,
    )

    DNS_WIDE_ALLOW_LIST = (
        "dns.wide-allow-list",
        "an approved entry opens more than is needed: whatever else is behind it can be reached too",
        "narrow {subject} to what is needed of it; `netcompliance allowlist` writes that down",
        Team.FIREWALL,
    )

    DNS_EDNS_REFUSED = (
        "dns.edns-refused",
        (
            "works with curl, fails in the agent: the nameserver does not answer queries with EDNS0, "
            "and the agent (a Go program) sends it with every query and does not ask again without"
        ),
        (
            "let {server}, or the firewall or DNS proxy in front of it, answer queries with an EDNS0 (OPT) record: "
            "update it, or switch off its filter for them"
        ),
        Team.DNS,
    )
    DNS_AGENT_CANNOT_RESOLVE = (
        "dns.agent-cannot-resolve",
        (
            "works with curl, fails in the agent: the system's resolver finds an address, and the agent's own, "
            "which asks by other rules, does not"
        ),
        "correct {server} so that it answers A and AAAA queries for {host} over UDP and TCP within {timeout}",
        Team.DNS,
    )
    DNS_RESOLVER_CONFIG = (
        "dns.resolver-config",
        "the agent finds no address with this host's own resolver configuration: {what}",
        "on {vantage}, {how}",
        Team.HOST,
    )
    DNS_HOSTS_FILE_ONLY = (
        "dns.hosts-file-only",
        (
            "only this host's own hosts file knows the name: pods do not read it, so the parts of the agent that run "
            "outside of the host's network find no address"
        ),
        "let {server} answer {host}; or give the agent's pods the same entry by hostAliases",
        Team.DNS,
    )
    DNS_NAMESERVERS_DIFFER = (
        "dns.nameservers-differ",
        "a nameserver behind the first gives addresses that do not lead to the tenant: calls fail whenever it is asked",
        "let {server} give the tenant's addresses for {host}, as the first nameserver does",
        Team.DNS,
    )
    DNS_LOSSY = (
        "dns.lossy",
        "the nameserver leaves a share of queries without a good answer: each of those lookups waits for the next try",
        "find out what loses or refuses a share of the queries to {server}: an overloaded or half-dead server of it",
        Team.DNS,
    )
    DNS_SLOW = (
        "dns.slow",
        "looking up the name takes so long that each new connection of the agent waits for it",
        "find out why {server} answers late or not at all, and repair it; `dig` shows how long each query takes",
        Team.DNS,
    )
    DNS_NO_OUTSIDE = (
        "dns.no-outside",
        "the resolver knows no name of the Internet: it serves the inside alone, as in networks with a mandatory proxy",
        (
            "if this network has a proxy, configure it (--proxy, HTTPS_PROXY) for {vantage} and the agent; "
            "else let {server} forward names that it does not know"
        ),
        Team.DNS,
    )
    HOST_NO_ROUTE = (
        "host.no-route",
        (
            "this host itself does not send there: no interface, address or route of it leads there, or a rule of its "
            "own forbids it"
        ),
        (
            "give {vantage} an interface that is up, an address and a default route, and let its own firewall send; "
            "`ip route get {destination}` there shows what is missing"
        ),
        Team.HOST,
    )

    # --- connections ------------------------------------------------------------------------------------------------
    TCP_REFUSED = (
        "tcp.refused",
        "the connection is refused: a firewall rejects it, or nothing listens at this address",
        "allow outbound tcp/443 from {source} to {subject}; if it is allowed, check that the address is the tenant's",
        Team.FIREWALL,
    )
    TCP_FILTERED = (
        "tcp.filtered",
        "packets to this address are dropped without an answer",
        "allow outbound tcp/443 from {source} to {subject}{otherwise}",
        Team.FIREWALL,
    )
    TCP_UNREACHABLE = (
        "tcp.unreachable",
        "there is no way to this address: no route, or a router or firewall says it is unreachable or prohibited",
        "repair the route from {source} to {subject}, or allow outbound tcp/443 to it where the answer came from",
        Team.FIREWALL,
    )
    TCP_LOOP = (
        "tcp.loop",
        "a router gave the packets up for too many hops: they go in circles, and never arrive",
        "find the routing loop towards {subject} where the answer came from; the firewall is not what stops them",
        Team.NETWORK,
    )
    TCP_PARTLY_FILTERED = (
        "tcp.partly-filtered",
        "some of the tenant's addresses are dropped and others open: a share of all connections will hang",
        "allow outbound tcp/443 from {source} to {subject} too: every address of the name must be open",
        Team.FIREWALL,
    )
    TCP_ACCEPTS_ANYTHING = (
        "tcp.accepts-anything",
        "something on the way accepts every connection, even to addresses that do not exist, and nothing is behind it",
        "let outbound tcp/443 from {source} to {subject} pass the transparent proxy or SYN proxy unbroken",
        Team.FIREWALL,
    )

    TCP_SHARE_DROPPED = (
        "tcp.share-dropped",
        (
            "a share of all connections leads nowhere, depending on the source port: one of several paths, links or "
            "firewalls drops what it gets"
        ),
        (
            "find the path, cluster member or firewall that carries connections from {source} to {subject} port 443 "
            "from the source ports {ports}, and allow or repair it there"
        ),
        Team.FIREWALL,
    )
    TCP_RATE_LIMITED = (
        "tcp.rate-limited",
        "new connections are limited to so few that the agent's own will not open either",
        "raise the limit on new connections from {source} to {subject} port 443, or exempt {host} from it",
        Team.FIREWALL,
    )
    PATH_SLOW = (
        "path.slow",
        "every connection takes a second or more to open, and each part of the agent waits for it",
        (
            "find what delays the TCP handshake between {source} and {subject}: a device that drops first SYNs, or an "
            "overloaded link or tunnel"
        ),
        Team.FIREWALL,
    )
    PATH_LOSSY = (
        "path.lossy",
        "packets get lost on the way: a share of connections opens one, three or seven seconds late, uploads are slow",
        "find the link, tunnel or device between {source} and {host} that loses packets",
        Team.FIREWALL,
    )

    # --- TLS --------------------------------------------------------------------------------------------------------
    TLS_UNTRUSTED = (
        "tls.untrusted",
        "the certificate chain does not lead to an authority that this host trusts",
        "install the authority {issuer} in the trust store of {vantage}, or let the server send its whole chain",
        Team.PLATFORM,
    )
    TLS_EXPIRED = (
        "tls.expired",
        "the certificate's time is over",
        "renew the certificate of {subject}; if a device on the way made it, renew that device's certificate",
        Team.VENDOR,
    )
    TLS_NOT_YET_VALID = (
        "tls.not-yet-valid",
        "the certificate's time has not begun",
        "replace the certificate of {subject}, and check the clock of whoever issued it",
        Team.VENDOR,
    )
    TLS_WRONG_NAME = (
        "tls.wrong-name",
        "somebody else answers: the certificate is for {names}",
        "find out who answers at {subject}: a wrong address, a wrong route, or a proxy or load balancer in between",
        Team.FIREWALL,
    )
    TLS_SELF_SIGNED = (
        "tls.self-signed",
        "the certificate is signed by itself: an appliance or a server in its default state answers",
        "find out who answers at {subject} with {issuer}, and let the connection pass to the service",
        Team.FIREWALL,
    )
    TLS_INTERCEPTED = (
        "tls.intercepted",
        "TLS is opened on the way by {issuer}: the agent's containers do not trust that authority",
        (
            "exempt {host} from TLS inspection; or give the agent the authority with global.customCertificates "
            "in the chart, and declare it in the profile"
        ),
        Team.PROXY,
    )
    TLS_RESET = (
        "tls.reset",
        "the connection is cut as soon as the name is seen in the TLS ClientHello: a filter by server name",
        "allow the server name {host} on the firewall's URL or application filter",
        Team.FIREWALL,
    )
    TLS_STALLED = (
        "tls.stalled",
        "the connection opens but the TLS handshake gets no answer: an inspecting device swallows it",
        "allow TLS to {host} at {subject} on the inspecting firewall or proxy",
        Team.FIREWALL,
    )
    TLS_SHARE_STALLED = (
        "tls.share-stalled",
        (
            "a share of all connections opens and then hangs at the TLS ClientHello, depending on the source port: one "
            "of several inspecting devices, cluster members or links swallows what is sent"
        ),
        (
            "find the device, cluster member or link that carries connections from {source} to {subject} port 443 from "
            "the source ports {ports}, and repair it or take it out"
        ),
        Team.FIREWALL,
    )
    TLS_NOT_TLS = (
        "tls.not-tls",
        "what answers on port 443 does not speak TLS: {speaks}",
        "find out who answers at {subject}: a portal, a proxy or a plain server stands there instead of the service",
        Team.FIREWALL,
    )
    TLS_VERSION = (
        "tls.version",
        "the peer does not offer TLS 1.2 or later",
        "enable TLS 1.2 and 1.3 on whatever answers at {subject}",
        Team.PROXY,
    )
    TLS_SLOW = (
        "tls.slow",
        "TLS handshakes take seconds: each new connection of the agent waits as long, and above 10 s it gives up",
        "look for an overloaded inspecting device or load balancer in front of {host} at {subject}",
        Team.PROXY,
    )
    TLS_NO_COMMON_CIPHER = (
        "tls.no-common-cipher",
        "the peer accepts no cipher suite or key exchange that the agent has: curl may work, the agent cannot connect",
        "enable TLS 1.3, or ECDHE with AES-GCM, on whatever answers at {subject}; it offers {offers}",
        Team.PROXY,
    )
    TLS_CLIENT_CERTIFICATE = (
        "tls.client-certificate",
        "the peer requires a client certificate, and the agent has none",
        (
            "switch off the request for client certificates for {host} on whatever answers at {subject}, or exempt "
            "{host} from TLS inspection"
        ),
        Team.PROXY,
    )
    TLS_NAME_NOT_SERVED = (
        "tls.name-not-served",
        "what answers does not serve this name: a wrong address, a wrong backend, or a filter by server name",
        "check that {host} belongs at {subject}, and allow the server name {host} on filters on the way",
        Team.FIREWALL,
    )
    TLS_PEER_FAULT = (
        "tls.peer-fault",
        "the peer fails in the handshake and says so ({alert}): a device or a server with a fault of its own",
        "look for {alert} in the log of whatever answers at {subject}, update it, or exempt {host} from inspection",
        Team.FIREWALL,
    )
    TLS_HELLO_REFUSED = (
        "tls.hello-refused",
        (
            "works with curl, fails in Go programs (the agent, Helm, container runtimes): the peer refuses {part} in "
            "their ClientHello"
        ),
        "update whatever answers at {subject} so that it accepts {part}, or exempt {host} from inspection",
        Team.FIREWALL,
    )
    TLS_GO_REFUSES = (
        "tls.go-refuses",
        "works with curl, fails in the agent: what the peer does after the TLS handshake ends it for the agent ({why})",
        (
            "configure whatever answers at {subject} to send few session tickets and not to renegotiate, update it, or "
            "exempt {host} from TLS inspection"
        ),
        Team.PROXY,
    )
    TLS_OWN_SELF_SIGNED = (
        "tls.own-self-signed",
        "the server's certificate is signed by itself, and this host does not trust it",
        (
            "install the certificate of {subject} in the trust store of {vantage} and of the container runtime, or "
            "replace it with one of an authority that is installed there"
        ),
        Team.REGISTRY,
    )
    TLS_CHAIN_INCOMPLETE = (
        "tls.chain-incomplete",
        "the server does not send the intermediate certificate that leads from its own to an authority",
        "configure whatever answers at {subject} to send the certificate of {issuer} behind its own",
        Team.VENDOR,
    )
    TLS_ROOTS_OUTDATED = (
        "tls.roots-outdated",
        (
            "the server's certificate chain is right, and this host lacks the public authority it leads to, or has "
            "only an expired one"
        ),
        "update the package ca-certificates on {vantage}",
        Team.HOST,
    )
    TLS_CERTIFICATE_REFUSED = (
        "tls.certificate-refused",
        "{effect}: the certificate breaks a rule ({fault})",
        "{remedy}",
        Team.VENDOR,
    )
    TLS_TRUST_STORE_EMPTY = (
        "tls.trust-store-empty",
        "the trust store holds no certificate: no TLS server verifies, for the agent or anything else on this host",
        "install ca-certificates on {vantage}, or correct SSL_CERT_FILE and SSL_CERT_DIR",
        Team.PLATFORM,
    )
    TLS_LARGE_HELLO_DROPPED = (
        "tls.large-hello-dropped",
        (
            "a ClientHello of one segment passes and a larger one does not: current Go programs (the agent, Helm, "
            "container runtimes), which send post-quantum keys, cannot connect"
        ),
        "update the inspecting device in front of {subject}, or exempt {host} from inspection",
        Team.FIREWALL,
    )

    # --- HTTP and the receiver --------------------------------------------------------------------------------------
    HTTP_MALFORMED = (
        "http.malformed",
        "the answer works with curl and fails in the agent, whose HTTP client is strict: {why}",
        "repair the device or proxy that writes or changes this answer: {why}",
        Team.PROXY,
    )
    HTTP_NO_HTTP2 = (
        "http.no-http2",
        (
            "works over HTTP/1.1, fails in parts of the agent: the peer agrees to HTTP/2 in the handshake and does not "
            "speak it, so those that offer it (logs agent, RBAC agent) get no answer"
        ),
        "let whatever answers at {subject} speak HTTP/2 towards its clients, or not agree to it (ALPN h2)",
        Team.PROXY,
    )
    HTTP_CAPTIVE_PORTAL = (
        "http.captive-portal",
        "a captive portal answers: it wants somebody to log in before anything may pass",
        "exempt {vantage} or {host} from the portal at {location}",
        Team.FIREWALL,
    )
    HTTP_BLOCK_PAGE = (
        "http.block-page",
        "a security device answers with its block page instead of the service",
        "allow the URL category or the name {host} on the device that shows this page",
        Team.PROXY,
    )
    HTTP_WEB_UI = (
        "http.web-ui",
        "the web UI answers instead of the receiver: the path is wrong or is rewritten on the way",
        "use the documented path, and let proxies pass it on unchanged",
        Team.PLATFORM,
    )
    HTTP_NOT_RECEIVER = (
        "http.not-receiver",
        "something that is not the receiver answers",
        "find out what answers at {subject} for {host}; the receiver is told by its answers on its own paths only",
        Team.FIREWALL,
    )
    HTTP_PROXY_AUTH = (
        "http.proxy-auth",
        "a proxy on the way asks for a login that the agent was not told of",
        "exempt {host} from proxy authentication, or configure the agent to use that proxy with its credentials",
        Team.PROXY,
    )
    HTTP_REDIRECTED = (
        "http.redirected",
        "the path is redirected to {location}; the agent does not deliver data to redirects",
        "let the documented path be answered where it is; remove the redirect",
        Team.PROXY,
    )
    HTTP_NOT_FOUND = (
        "http.not-found",
        "the peer does not know the path: another backend answers, or the path is rewritten on the way",
        "check that {host} leads to the tenant and that the path arrives unchanged",
        Team.VENDOR,
    )
    HTTP_SERVER_ERROR = (
        "http.server-error",
        "the peer answers with an error of its own: the service, or a proxy that cannot reach it",
        "look at the status page and ask support; if a proxy made the answer, repair its way to {host}",
        Team.VENDOR,
    )
    HTTP_THROTTLED = (
        "http.throttled",
        "the peer limits the rate of requests: this is not a block",
        "try again later; if it stays, ask which limit applies to {source}",
        Team.VENDOR,
    )
    HTTP_SHARE_STALLED = (
        "http.share-stalled",
        (
            "a share of all connections hangs at the first request, after the TLS handshake, depending on the source "
            "port: one of several inspecting devices, cluster members or links swallows what is sent"
        ),
        (
            "find the device, cluster member or link that carries connections from {source} to {subject} port 443 from "
            "the source ports {ports}, and repair it or take it out"
        ),
        Team.FIREWALL,
    )
    HTTP_SHARE_DIFFERS = (
        "http.share-differs",
        (
            "a share of all connections is answered by something else than the rest: one of several servers behind the "
            "address is broken or another, or one of several devices on the way makes an answer of its own"
        ),
        (
            "find the server, device or cluster member that answers connections from {source} to {subject} port 443 "
            "from {ports} with {answer}, and repair it or take it out"
        ),
        Team.VENDOR,
    )
    HTTP_STALLED = (
        "http.stalled",
        "the request is sent and the answer does not arrive in time",
        "look for a device that holds back requests or answers between {source} and {subject}",
        Team.FIREWALL,
    )
    HTTP_CLOSED = (
        "http.closed",
        "the connection is cut, or its bytes are not HTTP, before an answer is complete",
        "look for a device that cuts connections between {source} and {subject}",
        Team.FIREWALL,
    )
    HTTP_REQUEST_BLOCKED = (
        "http.request-blocked",
        "a device refuses what the agent sends and lets plain requests pass: it takes offence at {blocked}",
        "allow {blocked} in requests to {host} on the WAF, DLP or web filter in between",
        Team.PROXY,
    )
    HTTP_BODY_LIMIT = (
        "http.body-limit",
        "requests above a limit are refused: data of larger payloads is lost",
        "raise the request body limit to at least 5 MB on the proxy in front of {host}",
        Team.PROXY,
    )
    HTTP_TOO_SLOW = (
        "http.too-slow",
        "the way to the service carries too little: the agent gives up on large payloads, and their data is lost",
        "give {source} at least 2 Mbit/s towards {host}, or lift the rate limit on the way",
        Team.FIREWALL,
    )
    HTTP_SLOW = (
        "http.slow",
        "it works, but every call takes long: under load the agent falls behind and drops data",
        "look for an overloaded proxy or inspecting device between {source} and {subject}",
        Team.PROXY,
    )
    RECEIVER_KEY_REFUSED = (
        "receiver.key-refused",
        "the receiver does not know this API key: every payload will be refused",
        "take the key from the tenant's StackPack or service token page, and check that it belongs to {host}",
        Team.PLATFORM,
    )

    # --- registry and chart -----------------------------------------------------------------------------------------
    REGISTRY_NOT_A_REGISTRY = (
        "registry.not-a-registry",
        "what answers at {host} is not a container registry",
        "check registry host and prefix; if they are right, a portal or block page answers: allow {host}",
        Team.REGISTRY,
    )
    REGISTRY_TOKEN_DENIED = (
        "registry.token-denied",
        "the registry's token server gives no token for the image, so it cannot be pulled",
        "allow anonymous or authenticated pull of {subject}, and allow access to the token server",
        Team.REGISTRY,
    )
    REGISTRY_IMAGE_MISSING = (
        "registry.image-missing",
        "the registry does not hold this image under this name and tag",
        "copy or proxy {subject}; check the repository prefix (with or without stackstate/)",
        Team.REGISTRY,
    )
    REGISTRY_PLATFORM_MISSING = (
        "registry.platform-missing",
        "the image is there, but not for {platform}: a copy made on another platform holds one platform only",
        "copy all platforms of {subject} (for instance skopeo copy --all)",
        Team.REGISTRY,
    )
    REGISTRY_POLICY = (
        "registry.policy",
        "the registry refuses the image by a rule of its own, and gives a reason: “{message}”",
        "have the registry's rule lifted for {subject}, or do what its message asks for",
        Team.REGISTRY,
    )
    REGISTRY_UNAVAILABLE = (
        "registry.unavailable",
        "the server itself has a fault, and still had it when it was asked again: nothing on the way blocks it",
        "run again later; if it stays, ask the operator of {cdn}, or repair the proxy whose name the answer bears",
        Team.REGISTRY,
    )
    REGISTRY_BAD_REDIRECT = (
        "registry.bad-redirect",
        "the registry sends clients for image layers to a place to which none may go",
        "correct where the registry's storage or CDN redirects to: {subject}",
        Team.REGISTRY,
    )
    REGISTRY_BLOB_UNREACHABLE = (
        "registry.blob-unreachable",
        "the registry's API answers but the host that serves image layers cannot be connected to: pulls hang or fail",
        "allow outbound tcp/443 from {source} to {cdn}, where the registry sends clients for layers",
        Team.FIREWALL,
    )
    REGISTRY_HEAD_REFUSED = (
        "registry.head-refused",
        "the registry gives a manifest by GET and refuses HEAD ({said}), with which containerd begins: pulls fail",
        "allow the method HEAD on the gateway or filter in front of {subject}",
        Team.REGISTRY,
    )
    REGISTRY_LAYER_REFUSED = (
        "registry.layer-refused",
        "the host that serves image layers refuses the address that the registry has signed for it",
        (
            "ask the operator of {cdn} why: the signature may have expired, the region may be shut out, or a proxy "
            "may have changed the address"
        ),
        Team.VENDOR,
    )
    REGISTRY_LAYER_INTERRUPTED = (
        "registry.layer-interrupted",
        "image layers begin to arrive and stop: a device that inspects downloads holds them back or cuts them",
        "exempt {cdn} from the inspection of downloads, or raise its limits for size and time",
        Team.PROXY,
    )
    REGISTRY_SLOW = (
        "registry.slow",
        "image layers arrive so slowly that the installation takes longer than Helm waits (5 minutes)",
        "look for a bandwidth limit or an inspecting device between {source} and {cdn}, or pull through a cache",
        Team.PROXY,
    )
    REGISTRY_BLOB_CORRUPT = (
        "registry.blob-corrupt",
        "bytes arrive that are not the image's: a device or a cache replaces content",
        "exempt {cdn} from content inspection, and empty the cache of the registry or proxy",
        Team.PROXY,
    )
    REGISTRY_DIGEST_DIFFERS = (
        "registry.digest-differs",
        "one's own registry holds another image under this tag than the source",
        "copy {subject} again from the source, with all platforms and unchanged manifests",
        Team.REGISTRY,
    )
    REGISTRY_THROTTLED = (
        "registry.throttled",
        "the registry limits the rate of requests from this address: it is not blocked",
        "wait and run again; for many nodes, use a pull-through cache or authenticated pulls",
        Team.REGISTRY,
    )
    REGISTRY_CREDENTIALS = (
        "registry.credentials",
        "the registry wants a login for this image",
        "allow anonymous pulls, or give the cluster an image pull secret for {host}",
        Team.REGISTRY,
    )
    REGISTRY_WRONG_VALUES = (
        "registry.wrong-values",
        "the chart's values do not make the cluster pull from the declared registry",
        "{remedy}",
        Team.PLATFORM,
    )
    HELM_NOT_A_REPOSITORY = (
        "helm.not-a-repository",
        "what answers is not a Helm chart repository",
        "allow {host} for the workstation that runs helm; check the repository URL",
        Team.PROXY,
    )
    HELM_CHART_MISSING = (
        "helm.chart-missing",
        "the repository answers but does not serve the chart",
        "check the chart's name; a mirror of the repository must hold it: {subject}",
        Team.PLATFORM,
    )
    HELM_HOST_UNREACHABLE = (
        "helm.host-unreachable",
        "the repository answers, but the host to which it sends helm for the chart cannot be connected to",
        "allow outbound tcp/443 from {source} to {cdn}, where the repository keeps the chart",
        Team.FIREWALL,
    )
    HELM_REFUSED = (
        "helm.refused",
        "the chart repository wants a login, or refuses by a rule of its own: “{message}”",
        "give helm a login for {cdn} (helm repo add --username), or have the repository's rule lifted",
        Team.REGISTRY,
    )

    # --- explicit proxy ---------------------------------------------------------------------------------------------
    PROXY_UNREACHABLE = (
        "proxy.unreachable",
        "the proxy that this host must use cannot be reached",
        "open the way from {source} to the proxy {proxy}, or correct its name and port",
        Team.PROXY,
    )
    PROXY_AUTH = (
        "proxy.auth",
        "the proxy asks for a login",
        "exempt {host} from proxy authentication, or put credentials for {proxy} into the agent's proxy URL",
        Team.PROXY,
    )
    PROXY_CREDENTIALS = (
        "proxy.credentials",
        "the proxy refuses the user name and password in the agent's proxy URL",
        "correct user name and password in the proxy URL (encode special characters: # is %23), or unlock the account",
        Team.PLATFORM,
    )
    PROXY_AUTH_SCHEME = (
        "proxy.auth-scheme",
        "the proxy offers {schemes} only, and the agent speaks Basic only: credentials in the URL cannot help",
        "exempt {source} or {host} from proxy authentication on {proxy}, or offer Basic there",
        Team.PROXY,
    )
    PROXY_NOT_A_PROXY = (
        "proxy.not-a-proxy",
        "the proxy URL leads to {instead}, not to a proxy",
        "set HTTPS_PROXY to the proxy's own host and port, as the proxy team or the PAC file names them",
        Team.PLATFORM,
    )
    PROXY_NO_WAY_OUT = (
        "proxy.no-way-out",
        "the proxy accepts this host and cannot reach {host} itself: {why}",
        "repair the way from the proxy {proxy} to {host}:443: its DNS, its firewall, its parent proxy",
        Team.PROXY,
    )
    PROXY_PARTLY_DENIED = (
        "proxy.partly-denied",
        "the proxy does not grant or carry a share of the connections ({share}): a quota or a bad node; data is lost",
        "raise the limit of connections for {source} on {proxy}, or repair the node that refuses or carries nothing",
        Team.PROXY,
    )
    PROXY_ADDRESS_DEAD = (
        "proxy.address-dead",
        (
            "one of the addresses of the proxy's name does not answer: the agent takes them one after the other, and "
            "waits up to 15 s for it"
        ),
        "take {dead} out of the name of {proxy}, or let {source} reach it",
        Team.PROXY,
    )
    PROXY_SLOW = (
        "proxy.slow",
        "the proxy takes seconds to answer CONNECT, or longer than we wait, and each new connection of the agent waits",
        "find what delays CONNECT on {proxy}: its resolver, its own way out, a scanner, or load",
        Team.PROXY,
    )
    PROXY_MISREAD = (
        "proxy.misread",
        "the proxy setting works with other tools and not in the agent, which {reads}",
        "{encode}, in {variable}",
        Team.PLATFORM,
    )
    PROXY_OVERLOOKED = (
        "proxy.overlooked",
        "curl and the agent do not use the same proxy: the agent reads HTTPS_PROXY, then https_proxy, never ALL_PROXY",
        "set HTTPS_PROXY and https_proxy to the same URL of the proxy that the agent has to use",
        Team.PLATFORM,
    )
    PROXY_DENIED = (
        "proxy.denied",
        "the proxy is there but does not let this host connect to {host}",
        "allow CONNECT {host}:443 from {source} on {proxy}",
        Team.PROXY,
    )
    PROXY_IGNORED = (
        "proxy.ignored",
        "a part of the agent is given no proxy while the others are: behind a mandatory proxy its data never arrives",
        "switch {subject} off, give its pods HTTPS_PROXY={proxy} by other means, or let them out directly",
        Team.PLATFORM,
    )
    PROXY_WRONG_SCHEME = (
        "proxy.wrong-scheme",
        "the proxy's URL names the wrong scheme: {speaks}",
        "declare the proxy as {right}",
        Team.PLATFORM,
    )

    # --- path, direction, clock, configuration ----------------------------------------------------------------------
    PATH_MTU = (
        "path.mtu",
        "full-size packets disappear and smaller ones pass: a path MTU black hole; large payloads hang for ever",
        "let ICMP fragmentation-needed / packet-too-big pass, or clamp TCP MSS where the tunnel or link begins",
        Team.FIREWALL,
    )
    PATH_IPV6_DEAD = (
        "path.ipv6-dead",
        "the name has an IPv6 address and this host tries it, but nothing comes back: each call of the agent stalls",
        "repair IPv6 to {subject} or let it fail at once (reject instead of drop, or no IPv6 route)",
        Team.FIREWALL,
    )
    OUTBOUND_INBOUND_SEEN = (
        "outbound.inbound-seen",
        "something at the tenant's address opens connections to this host; the service never does that",
        "find out what sends from {subject}, and do not allow it: only connections that the host opens are needed",
        Team.FIREWALL,
    )
    OUTBOUND_INBOUND_ALLOWED = (
        "outbound.inbound-allowed",
        "the host's firewall lets the tenant's addresses open connections to it, which is never needed",
        "remove the rule: {rule}",
        Team.HOST,
    )
    OUTBOUND_OTHER_PORT = (
        "outbound.other-port",
        "this host has a connection to the tenant on another port than 443",
        "find out which program connects to {subject}; the agent needs port 443 only",
        Team.HOST,
    )
    CLOCK_OFF = (
        "clock.off",
        "the host's clock is wrong: certificates seem expired or not yet valid, and data carries wrong times",
        "set the clock of {vantage} and let NTP keep it",
        Team.HOST,
    )
    ENDPOINT_WRONG_URL = (
        "endpoint.wrong-url",
        "the agent is configured with another URL than the documented one: {difference}",
        "configure the agent with exactly {documented}",
        Team.PLATFORM,
    )

    # --- the watch through a change window --------------------------------------------------------------------------
    WATCH_OUTAGE = (
        "watch.outage",
        "the path was interrupted for longer than is accepted: roll back ({accepted})",
        "find out what was changed at that time on the way from {source} to {subject}: connections ended by {how}",
        Team.FIREWALL,
    )
    WATCH_TOTAL = (
        "watch.total",
        "the interruptions of the path are together longer than is accepted: roll back ({accepted})",
        "find out what keeps changing on the way from {source} to {subject}: connections ended by {how}",
        Team.FIREWALL,
    )
    WATCH_NOT_QUIET = (
        "watch.not-quiet",
        "the path was interrupted in the time that should have been quiet: the change is not over ({accepted})",
        "find out what still changes on the way from {source} to {subject}: connections ended by {how}",
        Team.FIREWALL,
    )
    WATCH_WRONG_PEER = (
        "watch.wrong-peer",
        "for a time somebody else answered in the service's place: roll back ({accepted})",
        "find out which device took connections to {subject} at that time ({how}), and exempt {host}",
        Team.PROXY,
    )
