"""HTTPS-04: the agent's URL against the documented one. PRX-02: the proxy it is configured with."""

from __future__ import annotations

import pytest

from netcompliance.model import ChartValues, GivenProxy, ProxyReading, Result, Settings
from tests.unit.judge.records import HOST, PROXY
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import altered, healthy, proxied, settings, verdict_of

RIGHT = f"https://{HOST}/receiver/stsAgent"


def given(url: str) -> Row:
    return row(healthy(), settings=settings(agent_url=url))


def wrong(url: str) -> Row:
    return row(healthy(), {"HTTPS-04": "endpoint.wrong-url"}, settings=settings(agent_url=url))


URLS = {
    "documented": given(RIGHT),
    "port 443 written out": given(f"https://{HOST}:443/receiver/stsAgent"),
    "upper case": given(f"HTTPS://{HOST.upper()}/receiver/stsAgent"),
    "upper-case path": wrong(f"https://{HOST}/receiver/stsagent"),
    "slash": wrong(f"{RIGHT}/"),
    "empty": wrong(""),
    "question mark": wrong(f"{RIGHT}?"),
}


@each(URLS)
def test_url(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("url", "shown", "difference"),
    [
        (f"http://{HOST}/receiver/stsAgent", None, "the scheme is http, not https"),
        (HOST, None, "the scheme is missing, not https"),
        ("https://acme.stackstate.io/receiver/stsAgent", None, f"the host is acme.stackstate.io, not {HOST}"),
        ("https:///receiver/stsAgent", None, f"the host is missing, not {HOST}"),
        (f"https://{HOST}:8443/receiver/stsAgent", None, "the port is 8443, not 443"),
        (f"{RIGHT}/", None, "it ends with a slash"),
        (f"https://{HOST}/reciever/stsAgent", None, "the path is /reciever/stsAgent, not /receiver/stsAgent"),
        (f"https://{HOST}", None, "the path is missing, not /receiver/stsAgent"),
        (f"{RIGHT}?api_key=s3cret@x", RIGHT, "something follows the path"),
        (f"{RIGHT}#x", RIGHT, "something follows the path"),
        (f"{RIGHT}?", RIGHT, "something follows the path"),
        (f"https://user:s3cret@{HOST}/receiver/stsAgent", RIGHT, "it has user information"),
        (f"https://{HOST}/a@b", None, "the path is /a@b, not /receiver/stsAgent"),
        ("user:s3cret@host/x", "host/x", "the scheme is user, not https"),
        ("https://[::1/receiver", None, "it is no URL"),
        (f"https://{HOST}:port/receiver/stsAgent", None, "it is no URL"),
        (f" {RIGHT}", None, "it is spelled differently"),
    ],
)
def test_the_difference_is_told_and_no_secret(url: str, shown: str | None, difference: str) -> None:
    verdict = verdict_of("HTTPS-04", healthy(), settings(agent_url=url))
    (found,) = verdict.findings
    assert (found.subject, found.values["difference"]) == (shown or url, difference)
    assert found.values["documented"] == RIGHT
    assert "s3cret" not in verdict.saw


def test_what_passes_is_told() -> None:
    verdict = verdict_of("HTTPS-04", healthy(), settings(agent_url=RIGHT))
    assert (verdict.result, verdict.saw) == (Result.PASS, f"the agent is given {RIGHT}")


# --- PRX-02 ----------------------------------------------------------------------------------------------------------


def configured(proxy: str | None, unproxied: tuple[tuple[str, str], ...] = ()) -> Settings:
    lines = (("global.proxy.url", 7), ("otel.k8sResourceCollector", 12))
    return settings(values=ChartValues(file="values.yaml", proxy=proxy, unproxied=unproxied, lines=lines))


MISREAD = ProxyReading(agent="misreads", trouble="another host", character="#", meant=PROXY)
DROPPED = ProxyReading(agent="drops", character="%", meant=PROXY)


def misread(reading: ProxyReading) -> Settings:
    values = ChartValues(file="values.yaml", proxy=PROXY, proxy_reading=reading, lines=(("global.proxy.url", 7),))
    return settings(values=values)


def doubtful(proxy: str) -> Row:
    return row(healthy(), {"PRX-02": "proxy.wrong-scheme"}, settings=configured(proxy))


OTEL = (("otel.k8sResourceCollector", "OpenTelemetry pods"),)
PROXIES = {
    "plain HTTP": row(healthy(), settings=configured(PROXY)),
    "TLS on a port of its own": row(healthy(), settings=configured("https://proxy.corp.example:3129")),
    "TLS on squid's port": doubtful("https://proxy.corp.example:3128"),
    "TLS on port 8080": doubtful("https://proxy.corp.example:8080"),
    "plain HTTP on port 443": doubtful("http://proxy.corp.example:443"),
    "no scheme": doubtful("proxy.corp.example:3128"),
    "SOCKS": doubtful("socks5://proxy.corp.example:1080"),
    "Go takes another host": row(healthy(), {"PRX-02": "proxy.misread"}, settings=misread(MISREAD)),
    "Go drops it": row(healthy(), {"PRX-02": "proxy.misread"}, settings=misread(DROPPED)),
    "no port": doubtful("http://proxy.corp.example:port"),
    "none": row(healthy(), settings=configured(None)),
    "OpenTelemetry": row(healthy(), {"PRX-02": "proxy.ignored"}, settings=configured(PROXY, OTEL)),
    "TLS on squid's port, and it was tried": row(
        altered(proxied(), {"kind": "proxy"}, via="https://proxy.corp.example:3128"),
        settings=configured("https://proxy.corp.example:3128"),
    ),
}


@each(PROXIES)
def test_proxy_of_the_configuration(case: Row) -> None:
    case.check()


WHERE = "DaemonSet/agent: forgotten: HTTPS_PROXY"


@pytest.mark.parametrize(
    ("first", "other", "code"),
    [
        (PROXY, GivenProxy(where=WHERE, url="https://other.corp.example:3128"), "proxy.wrong-scheme"),
        (PROXY, GivenProxy(where=WHERE, url=PROXY, reading=DROPPED), "proxy.misread"),
        (None, GivenProxy(where=WHERE, url="other.corp.example:3128"), "proxy.wrong-scheme"),
        (PROXY, GivenProxy(where=WHERE), None),
        (None, GivenProxy(where=WHERE), None),
    ],
)
def test_each_proxy_of_the_configuration_is_judged(first: str | None, other: GivenProxy, code: str | None) -> None:
    values = ChartValues(file="agent.yaml", proxy=first, more_proxies=(other,), lines=((WHERE, 9),))
    verdict = verdict_of("PRX-02", healthy(), settings(values=values))
    assert [found.code for found in verdict.findings] == ([code] if code else [])
    assert verdict.result is (Result.FAIL if code else Result.NOTCHECKED)
    assert WHERE in (verdict.saw if code else verdict.reason)


def test_what_is_wrong_with_the_configuration_is_told_with_its_line() -> None:
    verdict = verdict_of("PRX-02", healthy(), configured("https://proxy.corp.example:3128", OTEL))
    assert "values.yaml:12, otel.k8sResourceCollector: OpenTelemetry pods" in verdict.saw
    assert "values.yaml:7, global.proxy.url: https://proxy.corp.example:3128: https means TLS" in verdict.saw
    assert verdict.findings[1].values["right"] == "http://proxy.corp.example:3128"


@pytest.mark.parametrize(
    ("reading", "saw"),
    [
        (MISREAD, "the agent takes another host for the proxy, out of its user information"),
        (DROPPED, "the agent drops it and connects directly"),
    ],
)
def test_what_go_makes_of_the_proxy_is_told_with_its_line(reading: ProxyReading, saw: str) -> None:
    verdict = verdict_of("PRX-02", healthy(), misread(reading))
    assert verdict.saw == f"values.yaml:7, global.proxy.url (meant: {PROXY}): {saw}"


def test_a_wrong_url_of_the_configuration_is_told_with_its_line() -> None:
    url = f"{RIGHT}/"
    values = ChartValues(file="values.yaml", url=url, lines=(("stackstate.url", 3),))
    assert "(values.yaml:3)" in verdict_of("HTTPS-04", healthy(), settings(agent_url=url, values=values)).saw
    elsewhere = settings(agent_url=f"{RIGHT}?", values=values)
    assert "values.yaml" not in verdict_of("HTTPS-04", healthy(), elsewhere).saw
