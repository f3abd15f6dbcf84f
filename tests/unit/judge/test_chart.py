"""HELM-01: the chart repository, as the workstation sees it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.judge.records import CHARTS, SERVERS, Record, error, go_query, go_resolve, tls
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import TYPES, added, altered, changed, exchange, healthy, settings, verdict_of, without

INDEX, ARCHIVE = {"kind": "chart", "step": "index"}, {"kind": "chart", "step": "archive"}


def lost(name: str, **fields: Any) -> list[Record]:
    return without(changed(INDEX, status=None, versions=[], error=error(name), **fields), **ARCHIVE)


def fails(code: str) -> dict[str, str]:
    return {"HELM-01": code}


def hello(purpose: str = "large-hello", **fields: Any) -> Record:
    """A handshake with the repository's first address. Helm's own ClientHello is a large one."""
    at = next(r["address"] for r in healthy() if r["kind"] == "tls" and r.get("host") == CHARTS)
    return tls(at, purpose, "chart", CHARTS, **{"error": error("TIMEOUT", "tls"), **fields})


def instead(*hellos: Record) -> list[Record]:
    """These in place of Helm's own."""
    return [*without(healthy(), kind="tls", task="chart", purpose="agent-hello"), *exchange(list(hellos))]


def looked_up(*queries: Record, **fields: Any) -> Record:
    """Helm's look-up of the repository."""
    return {**go_resolve(*queries, names=[f"{CHARTS}."], **fields), "host": CHARTS}


def helms(rdtype: str, *addresses: str, **fields: Any) -> Record:
    return go_query(SERVERS[0], rdtype, *addresses, name=f"{CHARTS}.", **fields)


UNRESOLVED = looked_up(*(helms(t, lost="PROTOCOL") for t in TYPES), servers=SERVERS[:1])
CHART_TABLE = {
    "Helm looks it up": row(added(looked_up(helms("A", "13.32.9.9"), helms("AAAA"))), {}),
    "Helm cannot look it up": row(added(UNRESOLVED), fails("dns.agent-cannot-resolve")),
    "a proxy looks it up": row(
        altered(added(UNRESOLVED), {"kind": "route", "host": CHARTS}, proxy="http://proxy:3128"), {}
    ),
    "Helm reads the hosts file": row(added({**UNRESOLVED, "hosts": ["13.32.9.9"]}), {}),
    "the tenant alone cannot be looked up": row(
        altered(
            healthy(), {"kind": "go-resolve"}, queries=[go_query(s, t, lost="PROTOCOL") for s in SERVERS for t in TYPES]
        ),
        {"DNS-01": "dns.agent-cannot-resolve"},
    ),
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
    "a large hello is answered": row(added(hello(error=None)), {}),
    "a large hello is lost": row(instead(hello()), fails("tls.large-hello-dropped")),
    "a large hello is reset": row(instead(hello(error=error("ECONNRESET", "tls"))), fails("tls.large-hello-dropped")),
    "an alert is an answer": row(added(hello(error=error("ALERT", "tls"))), {}),
    "not sent": row(added(hello(error=error("TIMEOUT", "tcp"))), {}),
    "a large hello passes in small pieces": row(
        instead(hello(), hello("large-hello-small-mss", error=None)), fails("path.mtu")
    ),
    "the archive is missing": row(changed(ARCHIVE, status=404), fails("helm.chart-missing")),
    "the archive is none": row(changed(ARCHIVE, error=error("PROTOCOL", "body")), fails("helm.chart-missing")),
    "the archive does not arrive": row(
        changed(ARCHIVE, status=None, error=error("TIMEOUT")), fails("helm.chart-missing")
    ),
    "an archive elsewhere that is dropped": row(
        changed(ARCHIVE, status=None, asked="https://a.example/c.tgz", error=error("TIMEOUT")),
        fails("helm.host-unreachable"),
    ),
    "an archive elsewhere that no resolver knows": row(
        changed(ARCHIVE, status=None, asked="https://a.example/c.tgz", error=error("GAI", "resolve", code=-2)),
        fails("dns.nxdomain"),
    ),
    "an archive elsewhere that stalls": row(
        changed(ARCHIVE, status=None, asked="https://a.example/c.tgz", error=error("TIMEOUT", "head")),
        fails("http.stalled"),
    ),
    "an archive elsewhere, by somebody's authority": row(
        changed(ARCHIVE, status=None, asked="https://a.example/c.tgz", error=error("SSL", "tls")), fails("tls.reset")
    ),
    "an archive elsewhere that the proxy denies": row(
        changed(ARCHIVE, status=None, asked="https://a.example/c.tgz", error=error("STATUS", "proxy")),
        fails("proxy.denied"),
    ),
    "an archive elsewhere that is a page": row(
        changed(ARCHIVE, asked="https://a.example/c.tgz", error=error("PROTOCOL", "body")),
        fails("helm.not-a-repository"),
    ),
    "the archive's server has a fault": row(changed(ARCHIVE, status=503), fails("http.server-error")),
    "the index wants a login": row(changed(INDEX, status=401, body=""), fails("helm.refused")),
    "the archive wants a login": row(changed(ARCHIVE, status=403, body=""), fails("helm.refused")),
    "the index is redirected to what is dropped": row(
        lost("TIMEOUT", asked="https://a.example/index.yaml"), fails("helm.host-unreachable")
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
