"""The way to a peer other than the tenant (registry, CDN, chart repository): up to a verified TLS connection, and up to
an answer to the ClientHello of whoever fetches from there.

One cause, one finding: the first thing that is wrong on the way hides what would come after it.
"""

from __future__ import annotations

from netcompliance.judge.evidence import Evidence
from netcompliance.judge.hello import hello_trouble
from netcompliance.judge.nameservers import sinkholed, unresolved
from netcompliance.judge.proxy import troubles as proxy_troubles
from netcompliance.judge.tls import tls_trouble
from netcompliance.judge.transport import paths_to, tcp_troubles
from netcompliance.model import Finding
from netcompliance.observations import Proxy, Resolve


def way_to(evidence: Evidence, task: str, host: str, *, own_server: bool = False) -> list[Finding]:
    """What is wrong on the way to a host (without its port); empty if it is open, or if nobody went it."""
    proxy = evidence.proxy_for(host)
    if proxy:
        tunnels = evidence.all(Proxy, host=host, task=task)
        found = proxy_troubles(evidence, proxy, host, tunnels) if tunnels else []
        if found:
            return found
    else:
        looked_up = evidence.one(Resolve, host=host)
        if looked_up is not None and not looked_up.addresses:
            return [unresolved(evidence, host, looked_up)]
        addresses = looked_up.addresses if looked_up is not None else ()
        unproved = [address for address in addresses if not evidence.is_service(host, address, task)]
        blocked = [filtered for address in unproved if (filtered := sinkholed(evidence, host, address))]
        if blocked:
            return blocked[:1]
        found, _ = tcp_troubles(evidence, task, host)
        if found:
            return found
    paths = paths_to(evidence, task, host)
    found = [f for path in paths if (f := tls_trouble(evidence, task, host, path, own_server=own_server))]
    return found or [f for path in paths if (f := hello_trouble(evidence, task, host, path))]
