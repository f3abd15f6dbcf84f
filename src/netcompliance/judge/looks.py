"""Looks that a probe in Python makes in every visit: without one of them, what it would have shown is not known (pure).

Theory. Many a finding stands in an observation of its own: a share of connections that hangs, a firewall that lets
in, a peer that does not speak what it agreed to. Where nobody reports that look the finding is not there either, and
the requirement seems to be met. A visit that was cut short leaves looks out, and so may a host that wants to hide what
they show. So what passes passes only with all looks that are always made, and is else not checked.

Rules
* What rests on such a case is judged all the same: it did not fail, and no other is to be blamed.
* A shell looks at less and says so (`unseen`), and before `AGENTS_EYES` nobody looked for these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from netcompliance.judge.chart import CHART
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    error_name,
    listed,
    without_port,
)
from netcompliance.judge.hello import AGENT, unsure_of_plain_hello
from netcompliance.judge.hops import CDN, REGISTRY, host_of, steps
from netcompliance.judge.http2 import http2_unfinished
from netcompliance.judge.lookups import FEW
from netcompliance.judge.nameservers import answers
from netcompliance.judge.proxy import tried_often
from netcompliance.judge.transport import paths_to, unfinished
from netcompliance.model import Case, Settings
from netcompliance.observations import (
    DnsShare,
    Exchanges,
    Firewall,
    GoResolve,
    Proxy,
    ProxyAddress,
    Seen,
    Shares,
    Sockets,
    Syn,
    Tls,
)

Look = Callable[[Case, Evidence, Settings], str]
"""Why it is not known what this look would have shown; empty if it was made."""

RULES_OF = ("kernel", "nft", "iptables", "ip6tables")
"""What is asked for the host's firewall rules, whether it is there or not."""
PROMPT = 0.5
"""Seconds. The share of queries is measured where one was answered so soon."""
ADDRESSES_OF_A_PROXY = 8
"""So many are asked for a tunnel, at most."""


def unlooked(case: Case, evidence: Evidence, settings: Settings) -> str:
    """Why the case is not checked, although nothing was seen that is wrong; empty if all looks were made."""
    if evidence.by_shell or not evidence.agents_eyes:
        return ""
    return next((why for look in LOOKS.get(case.requirement, ()) if (why := look(case, evidence, settings))), "")


def _agents_lookup(case: Case, evidence: Evidence, _: Settings) -> str:
    made = evidence.one(GoResolve, host=case.host)
    return "" if made else "the look-up by the agent's own rules did not come to an end"


def _share_of_queries(case: Case, evidence: Evidence, _: Settings) -> str:
    """Where a nameserver answers at once, it is asked often; and slowly again, where not all is answered."""
    prompt = {
        answer.server
        for answer in answers(evidence, case.host)
        if answer.rdtype == "A" and answer.transport == "udp" and answer.edns and answer.took < PROMPT
        if answer.addresses and not answer.truncated
    }
    series: dict[str, list[DnsShare]] = {}
    for seen in evidence.all(DnsShare):
        if (seen.name or "").rstrip(".") == case.host:
            series.setdefault(seen.server or "", []).append(seen)
    once = [
        server
        for server, (first, *others) in series.items()
        if server in prompt and not others and error_name(first) is None
        if (first.sent or 0) - (first.answered or 0) >= FEW
    ]
    return unfinished(sorted({*prompt - series.keys(), *once}), "the series of queries")


def _shares(case: Case, evidence: Evidence, _: Settings) -> str:
    addresses = [path for path in paths_to(evidence, TENANT, case.host) if path is not None]
    made = {seen.address for seen in evidence.all(Shares, task=TENANT, host=case.host)}
    return unfinished([each for each in addresses if each not in made], "the series of connections")


def _exchanges(case: Case, evidence: Evidence, _: Settings) -> str:
    verified = [path for path in _verified(evidence, TENANT, case.host) if path is not None]
    made = {seen.address for seen in evidence.all(Exchanges, host=case.host)}
    return unfinished([each for each in verified if each not in made], "the series of small requests")


def _http2(case: Case, evidence: Evidence, _: Settings) -> str:
    paths = list(_verified(evidence, TENANT, case.host))
    return unfinished(http2_unfinished(evidence, TENANT, case.host, paths), "the look for HTTP/2")


def _plain_hello(case: Case, evidence: Evidence, _: Settings) -> str:
    unsure = [
        path
        for path in paths_to(evidence, TENANT, case.host)
        if unsure_of_plain_hello(evidence, TENANT, case.host, path)
    ]
    return unfinished(unsure, "the handshake without protocol names (ALPN)")


def _chains(case: Case, evidence: Evidence, _: Settings) -> str:
    unread = [
        path
        for path in _verified(evidence, CDN, case.host)
        if evidence.chain(evidence.handshake(case.host, path, "verify", CDN), case.host) is None
    ]
    return unfinished(unread, "reading the whole certificate chain")


def _tunnels(case: Case, evidence: Evidence, settings: Settings) -> str:
    """Many tunnels to the tenant, and one from each address of the proxy's name."""
    proxy, host = evidence.proxy_for(case.host), without_port(case.host)
    granted = any(error_name(seen) is None for seen in evidence.all(Proxy, task=TENANT, host=host))
    if host != settings.host or not proxy or not granted:
        return ""
    known = evidence.resolved(evidence.proxy_name(host) or "", "host")
    asked = {seen.proxy_address for seen in evidence.all(ProxyAddress, host=host)}
    if len(known) > 1 and len(asked) < min(len(known), ADDRESSES_OF_A_PROXY):
        return f"not each address of {proxy} was asked for a tunnel"
    return "" if tried_often(evidence, host) else f"only single tunnels through {proxy} were tried"


def _fetchers_hello(task: str) -> Look:
    """What whoever fetches from there sends first, on each way to the host."""

    def look(case: Case, evidence: Evidence, _: Settings) -> str:
        host = without_port(case.host)
        unsent = [path for path in _verified(evidence, task, host) if not evidence.handshake(host, path, AGENT, task)]
        return unfinished(unsent, "the handshake with a Go program's ClientHello")

    return look


def _fetchers_hello_for(*names: str) -> Look:
    """The same at each host that answered these steps of an image's walk."""

    def look(case: Case, evidence: Evidence, _: Settings) -> str:
        served = {host_of(seen) for seen in steps(evidence, case.target, *names) if seen.status is not None}
        hellos = [seen for task in (REGISTRY, CDN) for seen in evidence.all(Tls, task=task, purpose=AGENT)]
        return unfinished(
            sorted(served - {seen.host for seen in hellos}), "the handshake with a Go program's ClientHello"
        )

    return look


def _head(case: Case, evidence: Evidence, settings: Settings) -> str:
    """The first image is asked for by HEAD, too."""
    first = next((str(image) for image in settings.images if image.registry == settings.registry), None)
    there = any(seen.status == 200 for seen in steps(evidence, case.target, "manifest"))
    missing = case.target == first and there and not steps(evidence, case.target, "head")
    return "the manifest was not asked for by HEAD, with which containerd begins" if missing else ""


def _on_the_wire(_case: Case, evidence: Evidence, _: Settings) -> str:
    missing = [what for kind, what in WATCHERS.items() if evidence.one(kind) is None]
    return f"{listed(missing)} did not come to an end" if missing else ""


def _firewall(_case: Case, evidence: Evidence, _: Settings) -> str:
    asked = {seen.tool for seen in evidence.all(Firewall)}
    missing = [tool for tool in RULES_OF if tool not in asked]
    return f"the host's firewall was not read with {listed(missing)}" if missing else ""


WATCHERS: Mapping[type[Seen], str] = {
    Syn: "the look for incoming SYNs",
    Sockets: "the look at the table of connections",
}
LOOKS: Mapping[str, tuple[Look, ...]] = {
    "DNS-01": (_agents_lookup,),
    "DNS-09": (_share_of_queries,),
    "HTTPS-02": (_shares, _exchanges),
    "HTTPS-05": (_http2, _plain_hello),
    "RCV-01": (_exchanges,),
    "OUT-02": (_firewall, _on_the_wire),
    "REG-01": (_fetchers_hello(REGISTRY),),
    "REG-02": (_fetchers_hello_for("token"),),
    "REG-03": (_head, _fetchers_hello_for("manifest", "platform")),
    "REG-04": (_fetchers_hello_for("config", "layer"),),
    "REG-05": (_chains, _fetchers_hello(CDN)),
    "HELM-01": (_fetchers_hello(CHART),),
    "PRX-01": (_tunnels,),
}
"""Requirement → the looks without which it does not pass. What its judge misses by itself is not among them."""


def _verified(evidence: Evidence, task: str, host: str) -> Iterator[str | None]:
    """The ways on which the peer's certificate verified, at once or when it was tried again."""
    for path in paths_to(evidence, task, host):
        tried = (evidence.handshake(host, path, purpose, task) for purpose in ("verify", "verify-again"))
        if any(seen and seen.verified for seen in tried):
            yield path
