"""HELM-01: does the chart repository serve the chart to the workstation?"""

from __future__ import annotations

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    Evidence,
    Outcome,
    decided,
    error_name,
    error_text,
    finding,
    listed,
    notchecked,
    without_port,
)
from netcompliance.judge.transport import TIMEOUTS
from netcompliance.judge.way import way_to
from netcompliance.model import Case, Finding, Observation, Settings

CHART = "chart"
STATUS_CODES = {407: Code.HTTP_PROXY_AUTH, 429: Code.HTTP_THROTTLED}


def is_served(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HELM-01."""
    index = evidence.one("chart", step="index")
    archive = evidence.one("chart", step="archive")
    reproduce = f"helm show chart {settings.chart} --repo {settings.chart_repository}"
    if index is None:
        return notchecked("the chart repository was not asked")
    found = _index_troubles(index, case, evidence, settings)
    if not found and archive is not None:
        found = _archive_troubles(archive, settings)
    return decided(
        found,
        f"{settings.chart} {listed(index.get('versions', ()), 1)} is served",
        reproduce,
        missing="the chart's archive was not asked for" if archive is None else "",
    )


def _index_troubles(index: Observation, case: Case, evidence: Evidence, settings: Settings) -> list[Finding]:
    """What is wrong with the repository's index; if nothing came at all, what is wrong on the way."""
    url, status, name = f"{settings.chart_repository}/index.yaml", index.get("status"), error_name(index)
    why = error_text(index) or name or "no answer"
    if status is None or name in TIMEOUTS:
        code = Code.HTTP_STALLED if name in TIMEOUTS else Code.HTTP_CLOSED
        lost = finding(code, case.host, f"{url} got no whole answer ({why})")
        return way_to(evidence, CHART, without_port(case.host)) or [lost]
    if name or status != 200:
        otherwise = Code.HTTP_SERVER_ERROR if status >= 500 else Code.HELM_NOT_A_REPOSITORY
        detail = f"{url} got status {status} ({why if name else 'no index of charts'})"
        return [finding(STATUS_CODES.get(status, otherwise), case.host, detail)]
    if not index.get("versions"):
        return [finding(Code.HELM_CHART_MISSING, settings.chart, f"{url} does not list {settings.chart}")]
    return []


def _archive_troubles(archive: Observation, settings: Settings) -> list[Finding]:
    if archive.get("status") == 200 and not error_name(archive):
        return []
    why = error_text(archive) or error_name(archive) or f"status {archive.get('status')}"
    detail = f"{archive.get('url', 'the archive')} did not arrive ({why})"
    return [finding(Code.HELM_CHART_MISSING, settings.chart, detail)]
