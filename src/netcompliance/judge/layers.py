"""REG-04, REG-08: do the bytes of image layers arrive, all of them, and fast enough to install in minutes?

Theory. A layer is named by its digest, so what arrives whole and has it is right. How far layers are read is the
probe's rule: small ones whole, of each image the largest at its beginning, middle and end, and at each host that serves
layers the largest whole, for some seconds at most. What was not read is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from netcompliance.findings import Code
from netcompliance.judge.blobs import bytes_read, is_whole, parts, rate_of, share, troubles, unfollowed, volume
from netcompliance.judge.certificates import refused_by_go
from netcompliance.judge.commands import for_go
from netcompliance.judge.evidence import (
    Evidence,
    Outcome,
    decided,
    decoded,
    duration,
    finding,
    listed,
    notchecked,
    without_port,
)
from netcompliance.judge.hops import (
    CDN,
    REGISTRY,
    after_retries,
    at,
    hello_troubles,
    host_of,
    steps,
    unexplained_hellos,
)
from netcompliance.judge.judges import judges, observed
from netcompliance.judge.tls import tls_trouble
from netcompliance.judge.transport import paths_to
from netcompliance.model import Case, Finding, Settings
from netcompliance.observations import Registry, Tls

SLOW = 500_000.0
"""Bytes per second. The agent's images are several hundred megabytes, and Helm waits five minutes."""


@judges("REG-04", observes=[observed("registry", about=("image",), step=("config", "layer"))], unseen=["registry"])
def layers_arrive(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-04."""
    image = case.target
    read = parts(evidence, image, "config", "layer")
    arrived = {digest: those for digest, those in read.items() if not all(map(unfollowed, those))}
    every = [seen for those in arrived.values() for seen in those if not unfollowed(seen)]
    missing = _missing(evidence, image, every, waited_for=arrived.keys() == read.keys(), digests=read.keys())
    found = [f for digest, those in arrived.items() for f in troubles(evidence, those, digest, image)]
    hosts = sorted({host_of(seen) for seen in every})
    found = found or _untaken(evidence, hosts) or _broken_addresses(evidence, hosts)
    found = found or hello_troubles(evidence, hosts, "a layer")
    return decided(
        _once(found),
        f"{_summary(arrived)}{after_retries(every)}",
        f"{for_go(evidence, without_port(image.partition('/')[0]))}skopeo copy docker://{image} dir:$(mktemp -d)",
        missing=missing or unexplained_hellos(evidence, hosts),
    )


def _untaken(evidence: Evidence, hosts: Iterable[str]) -> list[Finding]:
    """Certificates of hosts that serve layers which the container runtime, a Go program, does not take."""
    verified = [
        (host, seen)
        for host in hosts
        for task in (CDN, REGISTRY)
        for seen in evidence.all(Tls, task=task, host=host, purpose="verify")
        if seen.verified
    ]
    return [refused for host, seen in verified if (refused := refused_by_go(evidence, seen, host, host))]


def _broken_addresses(evidence: Evidence, hosts: Iterable[str]) -> list[Finding]:
    """Where layers came from, and another address of the same host opens and spoils the handshake: whoever meets it
    next time gets no layer. For an address that does not open, Go takes the next one."""
    if not evidence.agents_eyes:
        return []
    ways = [(host, path) for host in hosts for path in paths_to(evidence, CDN, host)]
    return [at(host, found, "a layer") for host, path in ways if (found := tls_trouble(evidence, CDN, host, path))]


def _missing(evidence: Evidence, image: str, every: list[Registry], *, waited_for: bool, digests: Iterable[str]) -> str:
    if not any(seen.step == "layer" for seen in every):
        return "no layer was asked for"
    if not waited_for or _promised_blobs(evidence, image) - set(digests):
        return "not every layer was waited for"
    return "" if any(map(is_whole, every)) else "no layer was read whole"


def _promised_blobs(evidence: Evidence, image: str) -> set[str]:
    """The digests that the image's manifest lists, if its text was kept."""
    for seen in reversed(steps(evidence, image, "manifest", "platform")):
        try:
            manifest = json.loads(decoded(seen.body))
            return {str(blob["digest"]) for blob in [manifest["config"], *manifest["layers"]]}
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return set()


def _summary(arrived: dict[str, list[Registry]]) -> str:
    hosts = listed(sorted({host_of(seen) for those in arrived.values() for seen in those if not unfollowed(seen)}))
    whole = sum(any(map(is_whole, those)) for those in arrived.values())
    size = {digest: max((seen.size or 0 for seen in those), default=0) for digest, those in arrived.items()}
    came = {digest: min(bytes_read(those), size[digest] or bytes_read(those)) for digest, those in arrived.items()}
    amount = f"; {share(sum(came.values()), sum(size.values()))} read" if sum(size.values()) else ""
    return f"{len(arrived)} blobs arrive from {hosts}; {whole} read whole, digests right{amount}"


def _once(found: list[Finding]) -> list[Finding]:
    """Each cause once, in an order that does not depend on which blob came first."""
    by_cause = {(f.code, f.subject, f.detail): f for f in found}
    return [by_cause[key] for key in sorted(by_cause)]


@judges("REG-08", observes=[observed("registry", about=(), step="layer", task="registry")], unseen=["registry"])
def arrive_fast_enough(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-08."""
    layers = [s for s in evidence.all(Registry, task=REGISTRY, step="layer") if s.status in (200, 206)]
    if not layers:
        return notchecked("no layer was read")
    if evidence.by_shell:
        return notchecked("a shell's own time cannot be told from that of a layer")
    slowest: dict[str, Registry] = {}
    for seen in layers:
        host, rate = host_of(seen), rate_of(seen)
        if rate is not None and (host not in slowest or rate < (rate_of(slowest[host]) or 0.0)):
            slowest[host] = seen
    found = [
        finding(
            Code.REGISTRY_SLOW,
            host,
            f"{host}: a layer arrives at {volume(rate)}/s ({volume(seen.body_bytes or 0)} in "
            f"{duration(seen.seconds or 0.0)})",
            cdn=host,
        )
        for host, seen in sorted(slowest.items())
        if (rate := rate_of(seen) or 0.0) < SLOW
    ]
    hosts = listed(sorted({host_of(seen) for seen in layers}))
    return decided(found, f"layers arrive from {hosts} at {volume(SLOW)}/s or more")
