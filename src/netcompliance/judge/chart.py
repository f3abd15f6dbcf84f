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
)
from netcompliance.judge.registry import way_to
from netcompliance.model import Case, Settings

CHART = "chart"


def is_served(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HELM-01."""
    index = evidence.one("chart", step="index")
    archive = evidence.one("chart", step="archive")
    reproduce = f"helm show chart {settings.chart} --repo {settings.chart_repository}"
    url = f"{settings.chart_repository}/index.yaml"
    if index is None:
        return notchecked("the chart repository was not asked")
    if index.get("status") is None:
        found = way_to(evidence, CHART, case.host)
        why = f"{url} got no answer ({error_text(index) or error_name(index)})"
        return decided(found or [finding(Code.HTTP_CLOSED, case.host, why, host=case.host)], "", reproduce)
    versions = [str(v) for v in index.get("versions") or ()]
    if index.get("status") == 429:
        return decided(
            [finding(Code.HTTP_THROTTLED, case.host, f"{url} got status 429", host=case.host)], "", reproduce
        )
    if error_name(index) or index.get("status") != 200:
        why = f"{url} got status {index.get('status')} ({error_text(index) or 'no index of charts'})"
        return decided([finding(Code.HELM_NOT_A_REPOSITORY, case.host, why, host=case.host)], "", reproduce)
    if not versions:
        why = f"{url} does not list {settings.chart}"
        return decided([finding(Code.HELM_CHART_MISSING, settings.chart, why, host=case.host)], "", reproduce)
    if archive is None or error_name(archive) or archive.get("status") != 200:
        url, status = (archive or {}).get("url") or "the archive", (archive or {}).get("status")
        why = f"{url} did not arrive ({error_text(archive) or f'status {status}'})"
        return decided([finding(Code.HELM_CHART_MISSING, settings.chart, why, host=case.host)], "", reproduce)
    return decided([], f"{settings.chart} {listed(versions, 1)} is served", reproduce)
