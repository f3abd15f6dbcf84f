"""The agent's reading of a host's resolv.conf and nsswitch.conf: what keeps it from an address, or is not glibc's.

Theory. Go reads these files itself (`probe/onhost/gofiles.py`), glibc by other rules: each ignores what the other may
take. Where nothing is left for the agent, it asks this host itself, or nobody, and no DNS team can repair that.
"""

from __future__ import annotations

from netcompliance.findings import Code
from netcompliance.judge.evidence import Evidence, finding, listed
from netcompliance.judge.golookup import Lookup
from netcompliance.model import Finding
from netcompliance.observations import GoResolve, Resolver

BY_DEFAULT = ["127.0.0.1", "::1"]
"""Whom Go asks where no nameserver is configured."""
LIBC_DEFAULT = ["127.0.0.1"]
MOST = 3
"""Nameservers that are asked."""
LIBC_TIMEOUT, LIBC_ATTEMPTS = 30, 5
"""Larger values count as these to glibc, and as they are to the agent."""


def config_trouble(evidence: Evidence, host: str, lookup: Lookup) -> Finding | None:
    """What in these files leaves the agent without an address; `None` if they are not the cause."""
    seen = evidence.one(GoResolve, host=host) or GoResolve()
    resolver, ignored = (seen.resolver or Resolver()), seen.ignored or ()
    if lookup.addresses or lookup.hosts:
        return None
    if "dns" not in ("dns" if seen.order is None else seen.order):
        what = "the hosts line of nsswitch.conf does not name dns, so only the hosts file is read"
        return _finding("nsswitch.conf", what, "add dns to the hosts line of /etc/nsswitch.conf")
    if list(resolver.servers) != BY_DEFAULT:
        return None
    asks = f"so {' and '.join(BY_DEFAULT)} are asked"
    if resolver.readable is False:
        return _finding("resolv.conf", f"resolv.conf cannot be read, {asks}", "make /etc/resolv.conf readable for all")
    if ignored:
        what = f"{listed(ignored)} in resolv.conf {'is not an IP address' if len(ignored) == 1 else 'are no addresses'}"
        return _finding("resolv.conf", f"{what}, {asks}", "write each nameserver as an IP address alone on its line")
    if not evidence.vantage.nameservers:
        return _finding("resolv.conf", f"resolv.conf names no nameserver, {asks}", "name one in /etc/resolv.conf")
    return None


def no_nameserver(evidence: Evidence) -> Finding | None:
    """The same of a shell, which does not say what is ignored."""
    if not evidence.by_shell or evidence.vantage.nameservers != ():
        return None
    what = f"resolv.conf names no nameserver by its IP address, so {' and '.join(BY_DEFAULT)} are asked"
    return _finding("resolv.conf", what, "write each nameserver as an IP address alone on its line")


def _finding(subject: str, what: str, how: str) -> Finding:
    return finding(Code.DNS_RESOLVER_CONFIG, subject, what, what=what, how=how)


def remarks(evidence: Evidence, host: str) -> str:
    """What the agent reads otherwise than glibc, or ignores; empty if nothing."""
    seen = evidence.one(GoResolve, host=host)
    if seen is None or seen.ignored is None:
        return ""
    resolver, ignored = (seen.resolver or Resolver()), list(seen.ignored)
    agents, libcs = list(resolver.servers), list(evidence.vantage.nameservers or ())[:MOST]
    said = []
    if agents != (libcs or LIBC_DEFAULT) and not (not libcs and agents == BY_DEFAULT):
        said.append(f"the agent asks {listed(agents)}, curl asks {listed(libcs or LIBC_DEFAULT)}")
    elif ignored:
        said.append(f"{listed(ignored)} in resolv.conf is never asked")
    domains = [domain.rstrip(".") for domain in resolver.search]
    of_libc = [domain.rstrip(".") for domain in evidence.vantage.search]
    if of_libc and domains[: len(of_libc)] != of_libc:
        said.append(f"the agent searches {listed(domains)}, curl searches {listed(map(repr, of_libc))}")
    timeout, attempts = resolver.timeout or 0, resolver.attempts or 0
    if timeout > LIBC_TIMEOUT:
        said.append(f"the agent waits {timeout} s for a nameserver, curl {LIBC_TIMEOUT} s")
    if attempts > LIBC_ATTEMPTS:
        said.append(f"the agent asks each nameserver {attempts} times, curl {LIBC_ATTEMPTS} times")
    return "".join(f"; {each}" for each in said)
