"""TLS as those meet it who fetch images: container runtimes, whose ClientHello is large and names no protocol."""

from __future__ import annotations

from lab.changes import add_site, app, record, tls
from lab.healthy import CDN
from lab.scenario import Scenario, both, finds
from lab.scenarios.registries import COPY
from lab.servers import Blobs, Cdn, Registry
from lab.world import Hello, Site, Tls

AUTH, AUTH_V4 = "auth.quay.io", ("3.216.77.7",)
STORE, STORE_V4 = "store.example-storage.com", ("52.218.1.10",)
_DROPS = Tls(hello_limit=1300, large_hello=Hello.STALL)
"""What drops ClientHellos over 1,300 bytes does to a site."""

SCENARIOS = (
    Scenario(
        name="registry-hello-without-protocols-refused",
        broken="in front of the registry, a device resets ClientHellos without protocol names (ALPN)",
        change=tls("quay", needs="08687474702f312e31"),
        find=finds(REG_01="tls.hello-refused"),
    ),
    Scenario(
        name="registry-large-hello-dropped",
        broken="on the way to the registry, a device drops ClientHellos over 1,300 bytes",
        change=tls("quay", hello_limit=1300, large_hello=Hello.STALL),
        find=finds(REG_01="tls.large-hello-dropped"),
    ),
    Scenario(
        name="token-server-large-hello-dropped",
        broken="the token server is at another host, and a device drops ClientHellos over 1,300 bytes on the way there",
        change=both(
            app("quay", service=AUTH),
            add_site(Site(name="auth", hosts=(AUTH,), addresses=AUTH_V4, app=Registry(service=AUTH), tls=_DROPS)),
            record(AUTH, "A", *AUTH_V4),
        ),
        find=finds(REG_02="tls.large-hello-dropped"),
    ),
    Scenario(
        name="cdn-large-hello-reset",
        broken="on the way to the CDN, a device resets ClientHellos over 1,300 bytes",
        change=both(*(tls(name.removesuffix(".quay.io"), hello_limit=1300, large_hello=Hello.RESET) for name in CDN)),
        find=finds(REG_04="tls.large-hello-dropped", REG_05="tls.large-hello-dropped"),
    ),
    Scenario(
        name="own-storage-large-hello-dropped",
        broken="a device drops ClientHellos over 1,300 bytes on the way to the store behind one's own registry",
        change=both(
            app("corp-registry", blobs=Blobs.REDIRECT, cdn=(STORE,)),
            add_site(Site(name="store", hosts=(STORE,), addresses=STORE_V4, app=Cdn(), tls=_DROPS)),
            record(STORE, "A", *STORE_V4),
        ),
        options=COPY,
        find=finds(REG_04="tls.large-hello-dropped"),
    ),
)
