"""How Go, curl and Python read the proxy variables of the same environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netcompliance.probe.onhost import gohttp, gourl
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
    assert repr(proxy) == "Proxy(http://proxy.example:3128)"
    assert "p@ss" not in repr(gourl.parse("http://agent:p%40ss@proxy.example:3128/"))
    assert shown("http://agent:p@ss@proxy.example:3128/x") == "http://proxy.example:3128/x"
    assert shown("agent:secret@proxy.example:3128") == "proxy.example:3128"
    assert shown("http://agent:se/cr@et#x@proxy.example:3128") == "http://proxy.example:3128"
    assert shown("agent:se://cret@proxy.example:3128") == "proxy.example:3128"


WITHOUT_AN_AT = {
    "http://joe:Winter%40proxy:3128": "http://***",
    "http://joe%3AWinter%40proxy:3128": "http://***",
    "http://joe:Winter\uff20proxy:3128": "http://***",
    "http://proxy:3128:joe:Winter": "http://***",
    "http://joe:Winter": "http://***",
    "joe:Winter%40proxy": "***",
    "joe:http://Winter%40proxy": "***",
    "http://proxy:3128?password=Winter": "http://***",
    "http://proxy:3128/#Winter@": "http://",
    "http://[Winter]": "http://***",
    "http://proxy:3128/": "http://proxy:3128/",
    "proxy.example:3128": "proxy.example:3128",
    "http://[fd00::1]:3128": "http://[fd00::1]:3128",
    "http://": "http://",
}
"""A proxy's URL, with a login that is none to a parser → what may be shown of it."""


@pytest.mark.parametrize(("url", "expected"), WITHOUT_AN_AT.items())
def test_where_a_login_may_stand_without_an_at_nothing_is_shown(url: str, expected: str) -> None:
    assert shown(url) == expected


GO = json.loads((Path(__file__).parent / "go-proxies.json").read_text(encoding="utf-8"))
"""What Go 1.26 does (net/http, with the settings of Go 1.24) with HTTPS_PROXY set to each value."""


def test_proxy_settings_are_read_as_go_reads_them() -> None:
    differing = {row["value"]: (row, read) for row in GO if (read := _read(row["value"])) != _told(row)}
    assert differing == {}


def _read(value: str) -> tuple[str, str | None, str | None]:
    read = gourl.proxy(value)
    if read is None:
        return "direct", None, None
    host = f"[{read.hostname}]" if ":" in read.hostname else read.hostname
    return "dials", f"{host}:{read.port}", None if read.scheme in ("https", *gourl.SOCKS) else read.login


def _told(row: dict[str, str]) -> tuple[str, str | None, str | None]:
    return row["does"], row.get("dials"), row.get("login")


# Value, what the agent does, the place where it does, what is meant, the character that is to blame.
SETTINGS = [
    ("http://u:pa#ss@proxy:3128", "misreads", None, "http://proxy:3128", "#"),
    ("http://u:pa/ss@proxy:3128", "misreads", None, "http://proxy:3128", "/"),
    ("http://user:1234#x@proxy:3128", "misreads", None, "http://proxy:3128", "#"),
    ("http://u:pa%ss@proxy:3128", "drops", None, "http://proxy:3128", "%"),
    ("http://u:pä@proxy:3128", "misreads", None, "http://proxy:3128", "ä"),
    ("http://u:p@ss@proxy:3128", "dials", "proxy:3128", "http://proxy:3128", None),
    ("http://proxy:3128 ", "misreads", "http:80", "http://proxy:3128", "a blank or a control character"),
    ("http://proxy:3128\r", "drops", None, "http://proxy:3128", "a blank or a control character"),
    ("http://proxy:99999", "misreads", "proxy:99999", "http://proxy:99999", None),
    ("http://proxy:0", "misreads", "proxy:0", "http://proxy:0", None),
    ("http://http://proxy:3128", "misreads", "http:80", "http://proxy:3128", None),
    ("http://[fd00::1]:3128", "dials", "[fd00::1]:3128", "http://[fd00::1]:3128", None),
    ("http://PROXY", "dials", "proxy:80", "http://proxy", None),
    ("http://pröxy:3128", "dials", "xn--prxy-6qa:3128", "http://pröxy:3128", None),
    ("socks5://proxy", "dials", "proxy:1080", "socks5://proxy", None),
]


@pytest.mark.parametrize(("value", "agent", "place", "meant", "character"), SETTINGS)
def test_what_a_setting_means_is_told_without_its_login(
    value: str, agent: str, place: str | None, meant: str | None, character: str | None
) -> None:
    route = route_to(TENANT, 443, None, {"HTTPS_PROXY": value})
    assert route.setting is not None
    told = tuple(route.setting[name] for name in ("agent", "agent_place", "meant", "character"))
    assert told == (agent, place, meant, character)
    assert route.readings["go"] is (agent != "drops")
    assert (route.proxy is not None and route.proxy.trouble is None) is (agent == "dials")


def test_another_proxy_of_curls_is_told() -> None:
    route = route_to(TENANT, 443, None, {"HTTPS_PROXY": "http://a:1", "https_proxy": "http://u:p@b", "HTTP_PROXY": "x"})
    assert route.setting is not None
    assert [route.setting[name] for name in ("agent_takes", "agent_place", "curl_takes", "curl_place")] == [
        "HTTPS_PROXY", "a:1", "https_proxy", "b:1080",
    ]  # fmt: skip
    assert route.setting["names"] == ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY"]


HEADS = json.loads((Path(__file__).parent / "go-heads.json").read_text(encoding="utf-8"))
"""Heads of answers, and what Go's client says of them: nothing, where it takes them."""


def test_heads_are_refused_that_go_refuses() -> None:
    differing = [(head, said) for head, said in HEADS if bool(gohttp.refusal(head.encode("latin-1"))) is not bool(said)]
    assert differing == []
