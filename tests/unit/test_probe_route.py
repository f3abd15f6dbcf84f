"""How Go, curl and Python read the proxy variables of the same environment."""

from __future__ import annotations

import pytest

from netcompliance.probe.onhost.route import curl_exempts, go_exempts, parse_proxy, python_exempts, route_to, shown

TENANT = "acme.app.stackstate.io"

# no_proxy, host: is the host exempted by (Go, curl, Python)?
EXEMPTIONS = [
    ("stackstate.io", TENANT, (True, True, True)),
    (".stackstate.io", TENANT, (True, True, True)),
    (".stackstate.io", "stackstate.io", (False, True, True)),
    ("*.stackstate.io", TENANT, (True, False, False)),
    ("ackstate.io", TENANT, (False, False, False)),
    ("*", TENANT, (True, True, True)),
    ("example.com,*", TENANT, (True, False, False)),
    ("a.example b.example stackstate.io", TENANT, (False, True, False)),
    ("a.example, stackstate.io", TENANT, (True, True, True)),
    (f"{TENANT}:443", TENANT, (True, False, True)),
    (f"{TENANT}:8443", TENANT, (False, False, False)),
    ("STACKSTATE.IO", TENANT, (True, True, True)),
    ("", TENANT, (False, False, False)),
    (",,", TENANT, (False, False, False)),
    ("10.0.0.0/8", "10.1.2.3", (True, True, True)),
    ("10.0.0.0/8", TENANT, (False, False, False)),
    ("10.1.2.3", "10.1.2.3", (True, True, True)),
    ("", "localhost", (True, False, False)),
    ("", "127.0.0.1", (True, False, False)),
]


@pytest.mark.parametrize(("no_proxy", "host", "expected"), EXEMPTIONS)
def test_each_client_reads_no_proxy_in_its_own_way(no_proxy: str, host: str, expected: tuple[bool, ...]) -> None:
    read = (
        go_exempts(host, 443, no_proxy),
        curl_exempts(host, no_proxy),
        python_exempts(host, 443, no_proxy),
    )
    assert read == expected


# Variables, the one that Go takes, the proxy, and whether (Go, curl, Python) use one.
ENVIRONMENTS = [
    ({}, None, None, (False, False, False)),
    ({"HTTPS_PROXY": "http://p:1"}, "HTTPS_PROXY", "http://p:1", (True, True, True)),
    ({"https_proxy": "http://p:1"}, "https_proxy", "http://p:1", (True, True, True)),
    ({"HTTPS_PROXY": "http://up:1", "https_proxy": "http://low:2"}, "HTTPS_PROXY", "http://up:1", (True, True, True)),
    ({"HTTP_PROXY": "http://p:1"}, None, None, (False, False, False)),
    ({"ALL_PROXY": "http://p:1"}, None, None, (False, True, True)),
    ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": TENANT}, "HTTPS_PROXY", None, (False, False, False)),
    ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x.example", "no_proxy": TENANT}, "HTTPS_PROXY", "http://p:1",
     (True, False, False)),
    ({"HTTPS_PROXY": "p.example:3128"}, "HTTPS_PROXY", "http://p.example:3128", (True, True, True)),
]  # fmt: skip


@pytest.mark.parametrize(("environment", "source", "proxy", "readings"), ENVIRONMENTS)
def test_the_route_is_the_one_that_go_takes(
    environment: dict[str, str], source: str | None, proxy: str | None, readings: tuple[bool, ...]
) -> None:
    route = route_to(TENANT, 443, None, environment)
    assert (route.source, route.proxy.url if route.proxy else None) == (source, proxy)
    assert tuple(route.readings[client] for client in ("go", "curl", "python")) == readings


def test_a_declared_proxy_goes_before_the_environment() -> None:
    route = route_to(TENANT, 443, {"url": "https://declared:3129", "no_proxy": None}, {"NO_PROXY": TENANT})
    assert route.source == "plan"
    assert route.proxy is not None
    assert route.proxy.url == "https://declared:3129"


def test_a_login_is_kept_for_the_wire_and_never_shown() -> None:
    proxy = parse_proxy("http://agent:p%40ss@proxy.example:3128/")
    assert proxy is not None
    assert proxy.login == "agent:p@ss"
    assert proxy.url == "http://proxy.example:3128"
    assert shown("http://agent:p@ss@proxy.example:3128/x") == "http://proxy.example:3128/x"
    assert shown("agent:secret@proxy.example:3128") == "proxy.example:3128"


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://p:port"])
def test_a_proxy_that_is_no_url_is_none(url: str) -> None:
    assert parse_proxy(url) is None
