"""HELM-01: does the chart repository serve the chart to the workstation?"""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.judge.certificates import refused_by_go
from netcompliance.judge.commands import for_go
from netcompliance.judge.evidence import (
    Evidence,
    Outcome,
    decided,
    error_name,
    error_of,
    error_text,
    finding,
    listed,
    notchecked,
    without_port,
)
from netcompliance.judge.golookup import agents_lookup
from netcompliance.judge.hello import hello_trouble
from netcompliance.judge.hops import message
from netcompliance.judge.http_responder import is_page
from netcompliance.judge.judges import WAY, judges, observed
from netcompliance.judge.lookups import agents_trouble
from netcompliance.judge.nameservers import unresolved
from netcompliance.judge.reachability import way_to
from netcompliance.judge.transport import TIMEOUTS, path_name, paths_to
from netcompliance.model import Case, Finding, Settings
from netcompliance.observations import Chart

CHART = "chart"
REFUSING = (401, 402, 403, 451)
STATUS_CODES = {407: Code.HTTP_PROXY_AUTH, 429: Code.HTTP_THROTTLED}


@judges("HELM-01", observes=[observed("chart", about=()), *WAY])
def is_served(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HELM-01."""
    index = evidence.one(Chart, step="index")
    archive = evidence.one(Chart, step="archive")
    way = for_go(evidence, without_port(case.host))
    reproduce = f"{way}helm show chart {shlex.quote(settings.chart)} --repo {shlex.quote(settings.chart_repository)}"
    if index is None:
        return notchecked("the chart repository was not asked")
    found = _index_troubles(index, case, evidence, settings)
    if not found and archive is not None:
        found = _archive_troubles(archive, case, evidence, settings)
    host = without_port(case.host)
    found = found or _name_troubles(host, evidence) or _tls_troubles(host, evidence)
    return decided(
        found,
        f"{settings.chart} {listed(index.versions, 1)} is served",
        reproduce,
        missing="the chart's archive was not asked for" if archive is None else "",
    )


def _index_troubles(index: Chart, case: Case, evidence: Evidence, settings: Settings) -> list[Finding]:
    """What is wrong with the repository's index; if nothing came at all, what is wrong on the way."""
    url, status, name = f"{settings.chart_repository}/index.yaml", index.status, error_name(index)
    why = error_text(index) or name or "no answer"
    if status is None or name in TIMEOUTS:
        code = Code.HTTP_STALLED if name in TIMEOUTS else Code.HTTP_CLOSED
        lost = finding(code, case.host, f"{url} got no whole answer ({why})")
        on_the_way = way_to(evidence, CHART, without_port(case.host))
        if not on_the_way and _host(index) not in ("", without_port(case.host)):
            return [_lost(index, evidence, settings, "the index")]
        return on_the_way or [lost]
    if _is_refusal(index):
        return [_refused(index, "the index")]
    if name or status != 200:
        otherwise = Code.HTTP_SERVER_ERROR if status >= 500 else Code.HELM_NOT_A_REPOSITORY
        detail = f"{url} got status {status} ({why if name else 'no index of charts'})"
        return [finding(STATUS_CODES.get(status, otherwise), case.host, detail)]
    if not index.versions:
        return [finding(Code.HELM_CHART_MISSING, settings.chart, f"{url} does not list {settings.chart}")]
    return []


def _name_troubles(host: str, evidence: Evidence) -> list[Finding]:
    """What Helm, a Go program, meets when it looks the name up, or the proxy's, which then looks up the rest."""
    name = evidence.proxy_name(host) if evidence.proxy_for(host) else host
    lookup = agents_lookup(evidence, name) if name else None
    trouble = name and lookup and agents_trouble(evidence, name, lookup, own_hosts_file=True)
    return [trouble] if trouble else []


def _tls_troubles(host: str, evidence: Evidence) -> list[Finding]:
    """What Helm, a Go program, does not take where OpenSSL does: a certificate, or an answer to its ClientHello."""
    verified = ((path, evidence.handshake(host, path, "verify", CHART)) for path in paths_to(evidence, CHART, host))
    certificates = [
        found
        for path, seen in verified
        if seen and seen.verified
        if (found := refused_by_go(evidence, seen, host, path_name(path, host)))
    ]
    return certificates or [
        found for path in paths_to(evidence, CHART, host) if (found := hello_trouble(evidence, CHART, host, path))
    ]


def _archive_troubles(archive: Chart, case: Case, evidence: Evidence, settings: Settings) -> list[Finding]:
    """What is wrong with the archive, which may be at another host."""
    status, name, host = archive.status, error_name(archive), _host(archive)
    elsewhere = host not in ("", without_port(case.host))
    if status == 200 and not name:
        return []
    if elsewhere and (status is None or name in TIMEOUTS):
        return [_lost(archive, evidence, settings, "the archive")]
    if _is_refusal(archive):
        return [_refused(archive, "the archive")]
    why = error_text(archive) or name or f"status {status}"
    detail = f"{'the archive' if archive.url is None else archive.url} did not arrive ({why})"
    if status in STATUS_CODES or (status is not None and status >= 500):
        return [finding(STATUS_CODES.get(status, Code.HTTP_SERVER_ERROR), host or case.host, detail)]
    if elsewhere and status == 200:
        return [finding(Code.HELM_NOT_A_REPOSITORY, host, detail, host=host)]
    return [finding(Code.HELM_CHART_MISSING, settings.chart, detail)]


def _host(seen: Chart) -> str:
    """The host that was asked last, redirects included."""
    try:
        return urlsplit(str(seen.asked or seen.url or "")).hostname or ""
    except ValueError:
        return ""


def _is_refusal(seen: Chart) -> bool:
    """Is it the repository that refuses, and not a web page in its place?"""
    return seen.status in REFUSING and seen.body is not None and not is_page(seen)


def _refused(seen: Chart, what: str) -> Finding:
    said, host = message(seen) or f"status {seen.status}", _host(seen)
    detail = f"{host} refuses {what} with status {seen.status}: “{said}”"
    return finding(Code.HELM_REFUSED, host, detail, message=said, cdn=host)


def _lost(seen: Chart, evidence: Evidence, settings: Settings, what: str) -> Finding:
    """Why another host than the repository's was not reached, or did not answer."""
    host, phase, name = _host(seen), error_of(seen).phase, error_name(seen)
    detail = f"{what} is at {host}, and did not arrive ({error_text(seen) or name})"
    if phase == "resolve":
        found = unresolved(evidence, host, seen)
        return finding(found.code, found.subject, detail, **{**found.values, "host": host})
    if phase == "proxy":
        proxy = settings.proxy or evidence.proxy_for(host) or "the proxy"
        return finding(Code.PROXY_DENIED, host, detail, host=host, proxy=proxy)
    if phase == "tls":
        untrusted = "CERTIFICATE_VERIFY_FAILED" in error_text(seen)
        code = Code.TLS_UNTRUSTED if untrusted else Code.TLS_RESET
        return finding(code, host, detail, host=host, issuer="of its certificate")
    if phase in ("head", "body"):
        return finding(Code.HTTP_STALLED if name in TIMEOUTS else Code.HTTP_CLOSED, host, detail, host=host)
    return finding(Code.HELM_HOST_UNREACHABLE, host, detail, cdn=host)
