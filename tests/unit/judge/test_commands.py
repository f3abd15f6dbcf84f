"""Commands that show what was seen go the way that the host went, and hold no password."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.judge.records import HOST, IMAGE, PROXY, Record
from tests.unit.judge.world import altered, healthy, proxied, verdict_of

ROUTES = {"kind": "route"}
BY_CURL = ("PRX-01", "HTTPS-06", "HTTPS-09", "RCV-01", "RCV-02", "CLK-01", "REG-01")
BY_OPENSSL = ("HTTPS-02", "HTTPS-03", "REG-05")
BY_GO = ("REG-02", "REG-03", "REG-04", "HELM-01")


def command(requirement: str, records: list[Record]) -> str:
    found = verdict_of(requirement, records).reproduce
    assert found
    return found


def logged_in(source: str, **fields: Any) -> list[Record]:
    return altered(altered(proxied(), {"kind": "proxy"}, login=True), ROUTES, source=source, **fields)


@pytest.mark.parametrize("requirement", BY_CURL)
def test_curl_goes_through_the_proxy(requirement: str) -> None:
    assert f"curl -x {PROXY} -s" in command(requirement, proxied())
    assert requirement == "PRX-01" or "curl -s" in command(requirement, healthy())


@pytest.mark.parametrize("requirement", BY_CURL)
def test_a_login_is_named_by_the_variable_that_holds_it(requirement: str) -> None:
    assert 'curl -x "$https_proxy" -s' in command(requirement, logged_in("https_proxy"))
    assert f"curl -x {PROXY} -s" in command(requirement, logged_in("plan"))


@pytest.mark.parametrize("requirement", [each for each in BY_CURL if each != "PRX-01"])
def test_curl_goes_past_a_proxy_that_only_curl_takes(requirement: str) -> None:
    records = altered(healthy(), ROUTES, readings={"go": False, "curl": True})
    assert "curl --noproxy '*' -s" in command(requirement, records)


def test_curl_goes_through_a_proxy_that_it_would_not_take() -> None:
    records = altered(proxied(), ROUTES, readings={"go": True, "curl": False})
    assert f"curl -x {PROXY} --noproxy '' -sSi https://{HOST}/" in command("RCV-01", records)


@pytest.mark.parametrize("requirement", BY_OPENSSL)
def test_handshakes_go_through_the_proxy_by_whatever_can(requirement: str) -> None:
    assert "openssl s_client -proxy proxy.corp.example:3128 -connect " in command(requirement, proxied())
    secure = altered(proxied(), ROUTES, proxy="https://proxy.corp.example:3129")
    assert "curl -x https://proxy.corp.example:3129 -s" in command(requirement, secure)
    assert 'curl -x "$HTTPS_PROXY" -s' in command(requirement, logged_in("HTTPS_PROXY"))


@pytest.mark.parametrize("requirement", BY_GO)
def test_go_programs_are_given_a_proxy_that_is_declared(requirement: str) -> None:
    declared = altered(proxied(), ROUTES, source="plan", no_proxy="a.example, b c")
    way = f"HTTPS_PROXY={PROXY} NO_PROXY='a.example, b c' "
    assert command(requirement, declared).startswith((f"{way}skopeo ", f"{way}helm "))
    assert command(requirement, proxied()).startswith(("skopeo ", "helm "))
    assert command(requirement, healthy()).startswith(("skopeo ", "helm "))


@pytest.mark.parametrize("place", ["http://[fd00::1]:3128", "http://[a-z]x%7e:1"])
def test_the_proxy_is_quoted_for_the_shell(place: str) -> None:
    assert f"curl -x '{place}' -s" in command("RCV-01", altered(proxied(), ROUTES, proxy=place))
    assert f"-proxy '{place.removeprefix('http://')}' -connect" in command(
        "HTTPS-02", altered(proxied(), ROUTES, proxy=place)
    )


def test_the_images_registry_decides_about_its_way() -> None:
    here = {**ROUTES, "host": "quay.io"}
    records = altered(proxied(), here, source="plan")
    assert command("REG-02", records).startswith(f"HTTPS_PROXY={PROXY} NO_PROXY= skopeo ")
    assert command("REG-02", records).endswith(f"docker://{IMAGE}")
