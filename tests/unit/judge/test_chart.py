"""HELM-01: the chart repository, as the workstation sees it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.judge.records import CHARTS, Record, error
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import altered, changed, healthy, settings, verdict_of, without

INDEX, ARCHIVE = {"kind": "chart", "step": "index"}, {"kind": "chart", "step": "archive"}


def lost(name: str, **fields: Any) -> list[Record]:
    return without(changed(INDEX, status=None, versions=[], error=error(name), **fields), **ARCHIVE)


def fails(code: str) -> dict[str, str]:
    return {"HELM-01": code}


CHART_TABLE = {
    "not asked": row(without(healthy(), **INDEX), because={"HELM-01": "the chart repository was not asked"}),
    "could not be asked": row(lost("EXCEPTION"), unchecked="HELM-01"),
    "no answer": row(lost("TIMEOUT"), fails("http.stalled")),
    "cut": row(lost("ECONNABORTED"), fails("http.closed")),
    "nothing": row(without(changed(INDEX, status=None), **ARCHIVE), fails("http.closed")),
    "stalled in the body": row(changed(INDEX, error=error("TIMEOUT", "body")), fails("http.stalled")),
    "dropped, as the host sees it too": row(
        altered(lost("TIMEOUT"), {"kind": "tcp", "host": CHARTS}, error=error("TIMEOUT")), fails("tcp.filtered")
    ),
    "no address": row(
        altered(lost("ECONNABORTED"), {"kind": "resolve", "host": CHARTS}, addresses=[], error=error("GAI", code=-2)),
        fails("dns.nxdomain"),
    ),
    "filtered by name": row(
        altered(lost("SSL"), {"kind": "tls", "host": CHARTS}, verified=False, error=error("EOF", "tls")),
        fails("tls.reset"),
    ),
    "a page": row(changed(INDEX, error=error("PROTOCOL", "body")), fails("helm.not-a-repository")),
    "no such path": row(changed(INDEX, status=404), fails("helm.not-a-repository")),
    "a redirect": row(changed(INDEX, status=302), fails("helm.not-a-repository")),
    "a server's fault": row(changed(INDEX, status=500), fails("http.server-error")),
    "a proxy's login": row(changed(INDEX, status=407), fails("http.proxy-auth")),
    "throttled": row(changed(INDEX, status=429), fails("http.throttled")),
    "without the chart": row(changed(INDEX, versions=[]), fails("helm.chart-missing")),
    "the archive is missing": row(changed(ARCHIVE, status=404), fails("helm.chart-missing")),
    "the archive is none": row(changed(ARCHIVE, error=error("PROTOCOL", "body")), fails("helm.chart-missing")),
    "the archive does not arrive": row(
        changed(ARCHIVE, status=None, error=error("TIMEOUT")), fails("helm.chart-missing")
    ),
    "the archive was not asked for": row(
        without(healthy(), **ARCHIVE), because={"HELM-01": "the chart's archive was not asked for"}
    ),
}


@each(CHART_TABLE)
def test_chart(case: Row) -> None:
    case.check()


URL = f"https://{CHARTS}/index.yaml"


@pytest.mark.parametrize(
    ("records", "saw"),
    [
        (healthy(), "suse-observability-agent 1.5.44 and 1 more is served"),
        (lost("TIMEOUT"), f"{URL} got no whole answer ([TIMEOUT])"),
        (CHART_TABLE["nothing"].records, f"{URL} got no whole answer (no answer)"),
        (changed(INDEX, status=404), f"{URL} got status 404 (no index of charts)"),
        (CHART_TABLE["a page"].records, f"{URL} got status 200 ([PROTOCOL])"),
        (changed(INDEX, versions=[]), f"{URL} does not list suse-observability-agent"),
        (changed(ARCHIVE, status=404), f"https://{CHARTS}/archive did not arrive (status 404)"),
        (changed(ARCHIVE, error={"name": "EOF"}), f"https://{CHARTS}/archive did not arrive (EOF)"),
        (changed(ARCHIVE, url=None, error=error("EOF")), "the archive did not arrive ([EOF])"),
    ],
)
def test_what_was_seen_is_told(records: list[Record], saw: str) -> None:
    assert verdict_of("HELM-01", records).saw == saw


def test_the_command_and_the_subjects() -> None:
    verdict = verdict_of("HELM-01", healthy())
    assert verdict.reproduce == f"helm show chart suse-observability-agent --repo https://{CHARTS}"
    assert verdict_of("HELM-01", changed(INDEX, versions=[])).findings[0].subject == "suse-observability-agent"
    assert verdict_of("HELM-01", changed(INDEX, status=404)).findings[0].subject == CHARTS


def test_a_repository_with_a_port() -> None:
    records = altered(lost("ECONNABORTED"), {"kind": "tcp", "host": CHARTS}, error=error("ECONNREFUSED"))
    there = settings(chart_repository=f"https://{CHARTS}:8443/charts")
    assert [str(f.code) for f in verdict_of("HELM-01", records, there).findings] == ["tcp.refused"]
