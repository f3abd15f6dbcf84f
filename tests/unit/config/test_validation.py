"""Whatever a person hands in is either safe afterwards or refused in one line."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcompliance.config import validation
from netcompliance.config.validation import BadInput
from tests.unit.probe.test_route import WITHOUT_AN_AT


@pytest.mark.parametrize("text", ["acme", "ACME", "a", "a-b", "9", "a" * 63])
def test_a_tenant_is_one_label_folded_to_lower_case(text: str):
    assert validation.tenant_name(text) == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a.b",
        "a b",
        " a",
        "a\n",
        "-a",
        "a-",
        "a" * 64,
        "../x",
        "/etc/passwd",
        "$(id)",
        "a;b",
        "a'b",
        "ä",
        "\u212a",
        "*",
    ],
)
def test_what_is_no_label_is_no_tenant(text: str):
    with pytest.raises(BadInput):
        validation.tenant_name(text)


@given(st.text())
def test_a_tenant_that_passes_can_be_used_anywhere(text: str):
    with contextlib.suppress(BadInput):
        name = validation.tenant_name(text)
        assert name.isascii()
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert 1 <= len(name) <= 63


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quay.io", ("quay.io", "")),
        ("Registry.Corp.Example/quay/", ("registry.corp.example", "quay")),
        ("https://registry.corp.example/a/b", ("registry.corp.example", "a/b")),
        ("registry.corp.example:443/a", ("registry.corp.example", "a")),
        ("registry:5000", ("registry:5000", "")),
        ("10.0.0.5:5000/x", ("10.0.0.5:5000", "x")),
        ("localhost/x", ("localhost", "x")),
    ],
)
def test_registries(text: str, expected: tuple[str, str]):
    assert validation.registry_prefix(text, "--registry") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "registry",
        "not a host/x",
        "http://registry.corp.example",
        "ftp://registry.corp.example",
        "file:///etc/passwd",
        "-x.example",
        "under_score.example",
        "999.1.1.1",
        "registry.corp.example:0",
        "registry.corp.example:99999",
        "registry.corp.example:http",
        "registry.corp.example/../x",
        "registry.corp.example/UPPER",
        "registry.corp.example/x?y",
        "registry.corp.example;id/x",
    ],
)
def test_what_is_no_registry(text: str):
    with pytest.raises(BadInput, match="--registry"):
        validation.registry_prefix(text, "--registry")


ODD = ["#", "/", "@", "%", "?", "\\", "'", '"', " ", "ö", "%ss", "://", "/@", ":", "[", "@:80/", "?x=y&", "%0a"]
"""What stands in passwords and was not encoded."""


@pytest.mark.parametrize("url", WITHOUT_AN_AT)
def test_of_a_proxys_login_nothing_is_told_however_it_is_written(url: str):
    assert "Winter" not in validation.hide_proxy(url)
    if "Winter" in url:
        with pytest.raises(BadInput, match="--proxy") as refused:
            validation.proxy_url(url, "--proxy")
        assert "Winter" not in str(refused.value)


@pytest.mark.parametrize("at", ["@", "%40", "\uff20"])
@pytest.mark.parametrize("colon", [":", "%3A", "%3a", "\uff1a"])
def test_of_a_hosts_password_nothing_is_told_however_it_is_written(at: str, colon: str):
    spec = f"ssh://joe{colon}Winter{at}node-1"
    assert validation.hide_password(spec) == "ssh://joe@node-1"
    assert validation.hide_login(spec) == "ssh://***@node-1"


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("text", ["ssh://svc:{}@node-1", "svc:{}@node-1", "ssh://svc:{}@node-1?sudo=true"])
def test_of_a_hosts_name_no_part_of_a_password_is_shown(text: str, odd: str):
    shown = validation.hide_password(text.format(f"Summer2024{odd}Winter77"))
    assert not [part for part in ("Summer", "2024", "Winter", "77") if part in shown]
    assert "node-1" in shown


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("ssh://svc:a#b@node", "#"),
        ("svc:a#b@node", "#"),
        ("ssh://svc:2024?x@node", "?"),
        ("ssh://svc:2024/x@node", "/"),
        ("ssh://svc:@:80/x@node", "/"),
        ("ssh://svc:a@b@node", ""),
        ("ssh://user@host:22?sudo=true", ""),
        ("ssh://host:22?sudo_user=a@b", ""),
        ("ssh://user:word@host?sudo_user=a@b", ""),
        ("kubectl://pod?context=kubernetes-admin@kubernetes", ""),
        ("podman://op@agent", ""),
    ],
)
def test_a_login_that_is_cut_off_is_recognised(name: str, odd: str):
    assert validation.login_cut_off(name) == odd


def test_a_query_of_a_hosts_name_is_no_login():
    for name in ("kubectl://pod?context=kubernetes-admin@kubernetes", "ssh://host:22?sudo_user=a@b"):
        assert validation.hide_password(name) == name


def test_passwords_in_urls_are_refused_and_not_repeated():
    for check, url in (
        (validation.registry_prefix, "user:hunter2@registry.corp.example"),
        (validation.registry_prefix, "https://user:hunter2@registry.corp.example"),
        (validation.proxy_url, "http://user:hunter2@proxy.corp.example:3128"),
        (validation.proxy_url, "ftp://user:hunter2@proxy.corp.example:3128"),
        (validation.web_url, "https://user:hunter2@helm.corp.example"),
    ):
        with pytest.raises(BadInput) as caught:
            check(url, "--x")
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://proxy.corp.example:3128", "http://proxy.corp.example:3128"),
        ("http://Proxy.corp.example/", "http://proxy.corp.example:80"),
        ("https://proxy.corp.example", "https://proxy.corp.example:443"),
        ("http://10.30.0.80:3128", "http://10.30.0.80:3128"),
    ],
)
def test_proxies(text: str, expected: str):
    assert validation.proxy_url(text, "--proxy") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "proxy.corp.example:3128",
        "socks5://p:1",
        "http://",
        "http://p:99999",
        "http://p:x",
        "http://p/path",
        "http://a b:1",
    ],
)
def test_what_is_no_proxy(text: str):
    with pytest.raises(BadInput, match="--proxy"):
        validation.proxy_url(text, "--proxy")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("34.250.11.21", "34.250.11.21"), ("2A05::1", "2a05::1"), ("10.0.0.0/8", "10.0.0.0/8"), ("Quay.io", "quay.io")],
)
def test_allow_list_entries(text: str, expected: str):
    assert validation.approved(text, "f:1") == expected


@pytest.mark.parametrize(
    "text", ["10.0.0.1/8", "10.0.0.0/40", "*.quay.io", "300.1.1.1", "a b", "https://quay.io", "::g"]
)
def test_what_no_firewall_could_approve(text: str):
    with pytest.raises(BadInput, match=r"^f:1"):
        validation.approved(text, "f:1")


def test_files_that_cannot_be_read(tmp_path: Path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(BadInput, match="profile"):
            validation.read_text(path, "profile")


def test_a_file_without_end_is_not_read_to_its_end():
    with pytest.raises(BadInput, match="larger than"):
        validation.read_text(Path("/dev/zero"), "profile")


@given(st.text())
def test_messages_are_one_printable_line(text: str):
    assert str(BadInput(text)).isprintable()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("200ms", 0.2), ("1h30m", 5400), ("1.5s", 1.5), ("0s", 0), ("1m30s250ms", 90.25), (" 5m ", 300)],
)
def test_durations(text: str, seconds: float) -> None:
    assert validation.duration(text, "--watch") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "30", "m", "-1s", "1m1h", "1.5m", "30 m", "1e3s", "9999h", "٣s", "s" * 50])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(validation.BadInput, match="--watch"):
        validation.duration(text, "--watch")


@given(st.integers(min_value=0, max_value=7 * 24 * 3600 * 1000))
def test_a_duration_is_written_as_it_is_read(milliseconds: int) -> None:
    text = validation.duration_text(milliseconds / 1000)
    assert validation.duration(text, "x") == pytest.approx(milliseconds / 1000)


@pytest.mark.parametrize(
    "text",
    [
        "--values https:/op:hunter2@files/values.yaml: No such file or directory",
        "--every 'http://op:hunter2@x': a duration such as 30m",
        "--export 'junit=https://op:hunt/hunter2@x/y.xml': not a file",
    ],
)
def test_no_line_tells_the_login_of_a_url_whatever_it_was_taken_for(text: str) -> None:
    assert "hunter2" not in str(BadInput(text))
    assert "***@" in str(BadInput(text))


def test_what_is_no_login_is_told() -> None:
    for text in ("quay.io:443/a@sha256:0: no", "ssh://op@node-1: no", "https://q.io/a@b: no"):
        assert str(BadInput(text)) == text
