"""The world in which every requirement is met.

The addresses are global ones (`ipaddress.is_global`), or a check for private and reserved addresses could never be
honest here; nothing of it leaves the machine, since the lab's router ends in a black hole.
"""

from __future__ import annotations

from lab.servers import Cdn, Charts, Doh, Proxy, Receiver, Record, Registry, Tokens
from lab.world import Authority, Chart, Host, Image, Machine, Resolver, Site, Tls, World

HOST_ADDRESSES = ("10.20.0.4", "fd20::4")
LAB_KEY = "lab-key-0123456789abcdef0123456789abcdef"

TENANT = "acme.app.stackstate.io"
TENANT_V4 = ("34.250.11.21", "34.250.11.22", "34.250.11.23")
TENANT_V6 = ("2a05:d018:11::21",)
QUAY = "quay.io"
QUAY_V4 = ("34.225.41.113", "44.193.101.5")
CDN = {
    "cdn.quay.io": "18.66.102.10",
    "cdn01.quay.io": "18.66.102.11",
    "cdn02.quay.io": "18.66.102.12",
    "cdn03.quay.io": "18.66.102.13",
    "cdn04.quay.io": "18.66.102.14",
    "cdn05.quay.io": "18.66.102.15",
    "cdn06.quay.io": "18.66.102.16",
}
HELM = "helm.stackstate.io"
HELM_V4 = ("52.222.236.10",)
GOOGLE_DNS = "8.8.8.8"
CLOUDFLARE_DNS = "1.1.1.1"
CORP_DOMAIN = "corp.example"
RESOLVERS = ("10.30.0.53", "10.30.0.54")
PROXY = "proxy.corp.example"
PROXY_V4 = "10.30.0.80"
CORP_REGISTRY = "registry.corp.example"
CORP_REGISTRY_V4 = "10.30.0.90"

IMAGES = (
    Image(repository="stackstate/stackstate-k8s-agent", tag="9516cb41"),
    Image(repository="stackstate/stackstate-k8s-process-agent", tag="7d7d6c99"),
    Image(repository="stackstate/stackstate-k8s-cluster-agent", tag="9516cb41"),
    Image(repository="stackstate/promtail", tag="3.6.11-so13"),
    Image(repository="stackstate/kubernetes-rbac-agent", tag="23f4b80a-1030-release"),
    Image(repository="stackstate/process-agent-remote-kube-cache", tag="75fc7860"),
)

TENANT_SITE = Site(
    name="tenant",
    hosts=(TENANT, f"otlp-{TENANT}", f"otlp-http-{TENANT}"),
    addresses=TENANT_V4 + TENANT_V6,
    app=Receiver(key=LAB_KEY),
)
QUAY_SITE = Site(
    name="quay",
    hosts=(QUAY,),
    addresses=QUAY_V4,
    app=Registry(service=QUAY, cdn=("cdn01.quay.io", "cdn02.quay.io", "cdn03.quay.io")),
)
CDN_SITES = tuple(
    Site(name=name.removesuffix(".quay.io"), hosts=(name,), addresses=(address,), app=Cdn())
    for name, address in CDN.items()
)
HELM_SITE = Site(name="helm", hosts=(HELM,), addresses=HELM_V4, app=Charts())
GOOGLE_SITE = Site(name="google-doh", hosts=("dns.google", GOOGLE_DNS), addresses=(GOOGLE_DNS,), app=Doh())
CLOUDFLARE_SITE = Site(
    name="cloudflare-doh",
    hosts=("cloudflare-dns.com", "one.one.one.one", CLOUDFLARE_DNS),
    addresses=(CLOUDFLARE_DNS,),
    app=Doh(),
)
PROXY_SITE = Site(
    name="proxy",
    machine=Machine.CORP,
    hosts=(PROXY,),
    addresses=(PROXY_V4,),
    port=3128,
    tls=None,
    app=Proxy(),
)
TLS_PROXY_SITE = Site(
    name="tls-proxy",
    machine=Machine.CORP,
    hosts=(PROXY,),
    addresses=(PROXY_V4,),
    port=3129,
    tls=Tls(authority=Authority.CORPORATE),
    app=Proxy(),
)
CORP_REGISTRY_SITE = Site(
    name="corp-registry",
    machine=Machine.CORP,
    hosts=(CORP_REGISTRY,),
    addresses=(CORP_REGISTRY_V4,),
    tls=Tls(authority=Authority.CORPORATE),
    app=Registry(service=CORP_REGISTRY, prefixes=("quay/", "mirror/"), tokens=Tokens.NONE),
)


def _a(name: str, *addresses: str) -> Record:
    return Record(name=name, type="A", values=addresses)


RIGHT = World(
    host=Host(nameservers=RESOLVERS, search=(CORP_DOMAIN,)),
    sites=(
        TENANT_SITE,
        QUAY_SITE,
        *CDN_SITES,
        HELM_SITE,
        GOOGLE_SITE,
        CLOUDFLARE_SITE,
        PROXY_SITE,
        TLS_PROXY_SITE,
        CORP_REGISTRY_SITE,
    ),
    records=(
        _a(TENANT, *TENANT_V4),
        Record(name=TENANT, type="AAAA", values=TENANT_V6),
        Record(name=f"otlp-{TENANT}", type="CNAME", values=(TENANT,)),
        Record(name=f"otlp-http-{TENANT}", type="CNAME", values=(TENANT,)),
        _a(QUAY, *QUAY_V4),
        *(_a(name, address) for name, address in CDN.items()),
        _a(HELM, *HELM_V4),
        _a("dns.google", GOOGLE_DNS),
        _a("cloudflare-dns.com", CLOUDFLARE_DNS),
        _a("one.one.one.one", CLOUDFLARE_DNS),
        _a(PROXY, PROXY_V4),
        _a(CORP_REGISTRY, CORP_REGISTRY_V4),
    ),
    resolvers=(
        *(Resolver(addresses=(address,)) for address in RESOLVERS),
        Resolver(addresses=(GOOGLE_DNS,), machine=Machine.INTERNET),
        Resolver(addresses=(CLOUDFLARE_DNS,), machine=Machine.INTERNET),
    ),
    images=IMAGES,
    charts=(
        Chart(name="suse-observability-agent", version="1.5.44"),
        Chart(name="stackstate-k8s-agent", version="1.0.100"),
    ),
)
