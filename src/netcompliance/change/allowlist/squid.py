"""The ACL of squid: by name, since a proxy looks names up itself (pure).

The names are those that clients ask the proxy for, and where no proxy was in use, those that they would ask for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network

from netcompliance.change.allowlist.flows import AllowList, Flow, Source
from netcompliance.judge.destinations import Purpose


def acl(allowed: AllowList) -> Iterator[str]:
    """Lines for squid.conf, before `http_access deny all`."""
    yield "# Goes before the line `http_access deny all`."
    if not _proxied(allowed):
        yield "# No proxy was in use when this was seen: these are the names that clients would ask it for."
    yield "acl netcompliance_connect method CONNECT"
    for port, flows in sorted(_by_port(allowed).items()):
        names, sources = f"netcompliance_names_{port}", f"netcompliance_from_{port}"
        clients = [_clients(allowed, source) for source in dict.fromkeys(flow.source for flow in flows)]
        yield f"acl netcompliance_port_{port} port {port}"
        if all(clients):
            for address in sorted({address for each in clients for address in each}):
                yield f"acl {sources} src {address}"
        for name in dict.fromkeys(flow.name for flow in flows):
            yield f"acl {names} dstdomain {name}"
        who = f" {sources}" if all(clients) else ""
        yield f"http_access allow netcompliance_connect netcompliance_port_{port}{who} {names}"


def _proxied(allowed: AllowList) -> bool:
    return any(flow.via for flow in allowed.flows)


def _by_port(allowed: AllowList) -> dict[int, list[Flow]]:
    proxied = _proxied(allowed)
    found: dict[int, list[Flow]] = {}
    for flow in allowed.flows:
        wanted = flow.via if proxied else flow.purpose not in (Purpose.RESOLVER, Purpose.PROXY)
        if wanted and flow.name:
            found.setdefault(flow.port, []).append(flow)
    return found


def _clients(allowed: AllowList, source: Source) -> Sequence[str]:
    """The addresses from which a source comes to the proxy: those of the proxy's own versions of IP."""
    proxies = [flow for flow in allowed.flows if flow.source == source and flow.purpose is Purpose.PROXY]
    versions = {ip_address(address).version for proxy in proxies for address in proxy.addresses} or {4, 6}
    return [address for address in source.addresses if ip_network(address).version in versions]
