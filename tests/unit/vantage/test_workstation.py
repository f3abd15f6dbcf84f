"""The workstation's questions against peers on loopback."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.message
import pytest

from netcompliance.model import Settings
from netcompliance.vantage import workstation
from tests.support.peers import Issued, answer, authority, leaf, serving, silent

Seen = list[dict[str, Any]]

INDEX = b"""
apiVersion: v1
entries:
  suse-observability-agent:
  - version: 1.5.44
    urls: [charts/agent-1.5.44.tgz]
  - version: 1.5.43
    urls: [https://elsewhere.example/agent-1.5.43.tgz]
  other: []
"""


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Issued:
    root = authority("Root")
    store = tmp_path / "roots.pem"
    store.write_bytes(root.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(store))
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return root


@pytest.fixture
def asked(ca: Issued, tmp_path: Path) -> Callable[..., tuple[Seen, list[str]]]:
    """Ask the chart repository that this handler plays."""

    def asked(handle: Any, chart: str = "suse-observability-agent") -> tuple[Seen, list[str]]:
        seen: Seen = []
        with serving(handle, tmp_path, (leaf(ca, "localhost"),)) as peer:
            settings = Settings(tenant="acme", chart_repository=f"https://localhost:{peer.port}/helm", chart=chart)
            workstation.charts(settings, seen.append)
        return seen, peer.heads

    return asked


def repository(index: bytes, archive: bytes) -> Any:
    def handle(head: bytes, connection: socket.socket) -> None:
        answer("200 OK", index if b"index.yaml" in head.split()[1] else archive)(head, connection)

    return handle


def test_the_index_is_read_and_the_newest_archive_begun(asked: Any) -> None:
    (index, archive), heads = asked(repository(INDEX, gzip.compress(b"chart")))
    assert (index["step"], index["status"], index["versions"], index["error"]) == (
        "index",
        200,
        ["1.5.44", "1.5.43"],
        None,
    )
    assert archive["url"].endswith("/helm/charts/agent-1.5.44.tgz")
    assert (archive["status"], archive["error"]) == (200, None)
    assert [head.split()[1] for head in heads] == ["/helm/index.yaml", "/helm/charts/agent-1.5.44.tgz"]
    assert all("User-Agent: Helm/4.3.1" in head.splitlines() for head in heads)


def test_a_large_index_is_read_where_the_chart_is(asked: Any) -> None:
    others = b"".join(b"  chart-%d:\n  - version: 1.0.0\n    urls: [x.tgz]\n" % number for number in range(100_000))
    large = INDEX.replace(b"  suse", others + b"  suse").replace(b"  other: []\n", others)
    assert len(large) > 2 * workstation.YAML_BYTES
    (index, _), _ = asked(repository(large, b""))
    assert (index["versions"], index["error"]) == (["1.5.44", "1.5.43"], None)
    (index,), _ = asked(repository(large, b""), chart="chart-x")
    assert (index["versions"], index["error"]) == ([], None)


def test_an_index_in_another_layout_is_read_too(asked: Any) -> None:
    layout = b'{"entries": {"suse-observability-agent": [{"version": "2.0.0", "urls": ["a.tgz"]}]}}'
    (index, archive), _ = asked(repository(layout, gzip.compress(b"chart")))
    assert (index["versions"], archive["error"]) == (["2.0.0"], None)


def test_a_chart_that_is_not_listed_has_no_versions(asked: Any) -> None:
    (index,), _ = asked(repository(INDEX, b""), chart="missing")
    assert (index["status"], index["versions"], index["archive"], index["error"]) == (200, [], None, None)


@pytest.mark.parametrize(
    "page", [b"<html><body>blocked</body></html>", b"[1, 2]", b"", b"a: [", b"entries: 5\n- x", b"!!python/object:x {}"]
)
def test_what_is_no_index_is_said_to_be_none(asked: Any, page: bytes) -> None:
    (index,), _ = asked(repository(page, b""))
    assert (index["status"], index["error"]["name"]) == (200, "PROTOCOL")


def test_an_archive_that_is_a_page_is_none(asked: Any) -> None:
    (_, archive), _ = asked(repository(INDEX, b"<html>"))
    assert archive["error"]["name"] == "PROTOCOL"


@pytest.mark.parametrize("location", ["http://localhost/x", "file:///etc/passwd", "/helm/index.yaml"])
def test_redirects_lead_to_https_and_not_in_circles(asked: Any, location: str) -> None:
    (index,), heads = asked(answer("302 Found", b"", f"Location: {location}"))
    assert (index["status"], index["error"]["name"]) == (None, "REDIRECT")
    assert len(heads) <= 6


def test_an_index_without_end_is_read_up_to_the_bound(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workstation, "INDEX_BYTES", 1000)
    (index,), _ = asked(answer("200 OK", b"#" * 5_000_000))
    assert (index["error"]["name"], index["body_bytes"]) == ("LIMIT", 1000)


def test_a_compressed_body_is_not_unpacked(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b"\0" * 3_000_000)
    (index,), _ = asked(answer("200 OK", bomb, "Content-Encoding: gzip"))
    assert index["body_bytes"] == len(bomb)


def test_silence_ends(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workstation, "READ", 0.3)
    (index,), _ = asked(silent)
    assert (index["status"], index["error"]["name"], index["error"]["phase"]) == (None, "TIMEOUT", "head")


def test_one_byte_at_a_time_ends_too(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(_: bytes, connection: socket.socket) -> None:
        pause = threading.Event()
        for byte in b"HTTP/1.1 200 OK":
            connection.sendall(bytes([byte]))
            pause.wait(0.05)

    monkeypatch.setattr(workstation, "WHOLE", 0.2)
    (index,), _ = asked(drip)
    assert (index["status"], index["error"]["name"]) == (None, "TIMEOUT")


def test_stored_credentials_stay_where_they_are(asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password secret\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    _, heads = asked(repository(INDEX, gzip.compress(b"chart")))
    assert heads
    assert not [head for head in heads if "authorization" in head.lower()]


@pytest.mark.parametrize(
    ("host", "no_proxy", "through"),
    [("charts.example", None, True), ("localhost", "localhost", False), ("localhost", None, False)],
)
def test_a_declared_proxy_is_used_unless_the_host_is_excepted(
    ca: Issued, tmp_path: Path, host: str, no_proxy: str | None, through: bool
) -> None:
    """Go goes to localhost directly in any case."""
    seen: Seen = []
    with (
        serving(repository(INDEX, b""), tmp_path, (leaf(ca, "localhost"),)) as peer,
        serving(answer("407 Proxy Authentication Required")) as proxy,
    ):
        settings = Settings(
            tenant="acme",
            chart_repository=f"https://{host}:{peer.port}",
            proxy=f"http://127.0.0.1:{proxy.port}",
            no_proxy=no_proxy,
        )
        workstation.charts(settings, seen.append)
    assert bool(proxy.heads) is through
    assert (seen[0]["status"] is None) is through


def test_an_unknown_authority_is_a_failure_of_tls(tmp_path: Path, ca: Issued) -> None:
    seen: Seen = []
    with serving(answer("200 OK", INDEX), tmp_path, (leaf(authority("Stranger"), "localhost"),)) as peer:
        settings = Settings(tenant="acme", chart_repository=f"https://localhost:{peer.port}")
        workstation.charts(settings, seen.append)
    assert (seen[0]["error"]["phase"], seen[0]["error"]["name"]) == ("tls", "SSL")


def test_the_chart_repository_is_believed_as_go_believes_it(
    tmp_path: Path, ca: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the host trusts counts; what REQUESTS_CA_BUNDLE or certifi hold does not."""
    device = authority("Device")
    bundle = tmp_path / "device.pem"
    bundle.write_bytes(device.pem)
    seen: Seen = []
    for variable in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(variable, str(bundle))
        with serving(repository(INDEX, b""), tmp_path, (leaf(device, "localhost"),)) as peer:
            settings = Settings(tenant="acme", chart_repository=f"https://localhost:{peer.port}")
            workstation.charts(settings, seen.append)
    assert [record["status"] for record in seen if record["step"] == "index"] == [None, 200]


def test_the_proxy_of_the_chart_repository_is_the_one_that_go_takes(
    ca: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not ALL_PROXY; and a login reaches the proxy as it is."""
    seen: Seen = []
    settings = Settings(tenant="acme", chart_repository="https://charts.example")
    with serving(answer("407 Proxy Authentication Required")) as proxy, serving(answer("200 OK")) as other:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{other.port}")
        monkeypatch.setenv("https_proxy", f"http://us%40er:p%3Aw@127.0.0.1:{proxy.port}")
        workstation.charts(settings, seen.append)
    assert other.heads == []
    assert f"Basic {base64.b64encode(b'us@er:p:w').decode()}" in proxy.heads[0]
    assert "User-Agent: Go-http-client/1.1" in proxy.heads[0].splitlines()


@pytest.mark.parametrize("odd", ["#", "/", "?", "@:80/", "[", " ", "%", "\\"])
def test_of_a_proxy_that_is_no_url_nothing_is_told(monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    seen: Seen = []
    monkeypatch.setenv("https_proxy", f"http://svc:2024{odd}Winter77@127.0.0.1:9")
    monkeypatch.setattr(workstation, "CONNECT", 0.5)
    settings = Settings(tenant="acme", public_dns=("https://127.0.0.2/dns-query",))
    workstation.public_dns(settings, "test/1", "https://127.0.0.2/dns-query", "A", seen.append)
    told = str(seen[0]["error"])
    assert seen[0]["error"]
    assert not [part for part in ("svc", "2024", "Winter", "77") if part in told]


def test_public_dns_is_asked_by_message(ca: Issued, tmp_path: Path) -> None:
    reply = dns.message.make_response(dns.message.make_query("acme.example.", "A", id=0)).to_wire()
    seen: Seen = []
    kind = "Content-Type: application/dns-message"
    with serving(answer("200 OK", reply, kind), tmp_path, (leaf(ca, "localhost"),)) as peer:
        url = f"https://localhost:{peer.port}/dns-query"
        workstation.public_dns(Settings(tenant="acme"), "test/1", url, "A", seen.append)
    assert base64.b64decode(seen[0]["response"]) == reply
    assert peer.heads[0].startswith("POST /dns-query")
    assert "application/dns-message" in peer.heads[0]


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden"])
def test_a_page_is_no_dns_answer(ca: Issued, tmp_path: Path, status: str) -> None:
    seen: Seen = []
    with serving(answer(status, b"<html>"), tmp_path, (leaf(ca, "localhost"),)) as peer:
        workstation.public_dns(Settings(tenant="acme"), "test/1", f"https://localhost:{peer.port}/", "A", seen.append)
    assert (seen[0]["response"], seen[0]["error"]["name"]) == (None, "PROTOCOL")


def test_only_what_the_cases_need_is_asked() -> None:
    settings = Settings(tenant="acme")
    assert len(workstation.jobs(settings, {"HELM-01"}, "t")) == 1
    assert len(workstation.jobs(settings, {"DNS-04"}, "t")) == 2 * len(settings.public_dns)
    assert workstation.jobs(settings, {"REG-01"}, "t") == []
