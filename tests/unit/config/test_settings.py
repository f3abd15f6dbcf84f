"""An option wins over the profile, the profile over what Helm values say, and those over the defaults."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from netcompliance.config import settings as resolution
from netcompliance.config.options import Options
from netcompliance.config.profile import Profile, load
from netcompliance.config.settings import resolve
from netcompliance.config.validation import BadInput
from netcompliance.model import Level, RegistryMode, Service, Settings

Settle = Callable[..., Settings]
VALUES = """
global: {imageRegistry: values.corp.example/v, proxy: {url: "http://values.corp.example:1"}}
stackstate: {url: "https://values.example/receiver/stsAgent"}
"""
PROFILE = """
domain = "profile.example"
allow_list = ["10.0.0.1"]
images = "values.yaml"
[agent]
url = "https://profile.example/receiver/stsAgent"
[registry]
host = "profile.corp.example"
prefix = "p"
mode = "copy"
[proxy]
url = "http://profile.corp.example:2"
no_proxy = "corp.example"
"""


@pytest.fixture
def settled(tmp_path: Path) -> Settle:
    """Settings for options, with a profile and values that stand in files."""
    (tmp_path / "values.yaml").write_text(VALUES, encoding="utf-8")

    def settings(
        text: str | None = None, environ: dict[str, str] | None = None, hosts: int = 1, **options: Any
    ) -> Settings:
        if text is not None:
            (tmp_path / "acme.toml").write_text(text, encoding="utf-8")
        typed = Options(tenants=("acme",), **options)
        profile = resolution.profile_of("acme", typed, [tmp_path / "none", tmp_path])
        return resolve("acme", typed, profile, hosts, environ or {}).settings

    return settings


def test_without_anything_the_defaults_hold(settled: Settle):
    found = settled()
    assert (found.host, found.registry, found.registry_mode) == (
        "acme.app.stackstate.io",
        "quay.io",
        RegistryMode.DIRECT,
    )
    assert (found.allow_list, found.proxy, found.agent_url, found.values, found.waivers) == (None, None, None, None, ())
    assert not found.key_declared
    assert not found.strict
    assert len(found.images) == 5


def test_values_come_before_the_defaults(settled: Settle, tmp_path: Path):
    found = settled(images=str(tmp_path / "values.yaml"))
    assert (found.registry, found.registry_prefix, found.registry_mode) == (
        "values.corp.example",
        "v",
        RegistryMode.PROXY,
    )
    assert found.proxy == "http://values.corp.example:1"
    assert found.agent_url == "https://values.example/receiver/stsAgent"


def test_the_profile_comes_before_the_values(settled: Settle):
    found = settled(PROFILE)
    assert (found.registry, found.registry_prefix, found.registry_mode) == (
        "profile.corp.example",
        "p",
        RegistryMode.COPY,
    )
    assert (found.domain, found.allow_list) == ("profile.example", ("10.0.0.1",))
    assert (found.proxy, found.no_proxy) == ("http://profile.corp.example:2", "corp.example")
    assert found.agent_url == "https://profile.example/receiver/stsAgent"
    assert found.values
    assert found.values.problems


def test_options_come_before_the_profile(settled: Settle, tmp_path: Path):
    (tmp_path / "list").write_text("10.0.0.2\n", encoding="utf-8")
    (tmp_path / "images").write_text("quay.io/a:1\n", encoding="utf-8")
    found = settled(
        PROFILE,
        domain="Option.Example",
        registry="option.corp.example/o",
        registry_mode="proxy",
        images=str(tmp_path / "images"),
        allow_list=str(tmp_path / "list"),
        proxy="http://option.corp.example:3",
        strict=True,
    )
    assert (found.registry, found.registry_prefix, found.registry_mode) == (
        "option.corp.example",
        "o",
        RegistryMode.PROXY,
    )
    assert (found.domain, found.allow_list, found.proxy) == (
        "option.example",
        ("10.0.0.2",),
        "http://option.corp.example:3",
    )
    assert [str(image) for image in found.images] == ["option.corp.example/o/a:1"]
    assert [str(image) for image in found.source_images] == ["quay.io/a:1"]
    assert found.strict


CONTAINER = """\
- name: {name}
  image: quay.io/a/{name}:1
  env: [{{name: {variable}, value: "{url}"}}]
"""
RIGHT_URL = "https://acme.app.stackstate.io/receiver/stsAgent"


def rendered(*containers: tuple[str, str]) -> str:
    """A manifest of containers that are given a URL by this variable, each four lines from the next."""
    parts = [CONTAINER.format(name=f"c{n}", variable=v, url=url) for n, (v, url) in enumerate(containers)]
    head = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n"
    return head + "".join(f"  {line}\n" for line in "".join(parts).splitlines())


@pytest.mark.parametrize("wrong", [0, 1, 2])
@pytest.mark.parametrize("variable", ["STS_STS_URL", "STS_URL"])
def test_of_several_urls_the_one_counts_that_is_wrong(
    settled: Settle, tmp_path: Path, wrong: int, variable: str
) -> None:
    """Each part of the agent is given its own."""
    same = "HTTPS://acme.app.stackstate.io:443/receiver/stsAgent"
    urls = [("STS_STS_URL", RIGHT_URL), ("STS_STS_URL", same), ("STS_URL", RIGHT_URL)]
    urls[wrong] = (variable, "https://acme.app.stackstate.io/receiver")
    path = tmp_path / "manifests.yaml"
    path.write_text(rendered(*urls), encoding="utf-8")
    found = settled(values=str(path))
    assert found.agent_url == "https://acme.app.stackstate.io/receiver"
    assert found.values
    assert found.values.url == found.agent_url
    assert found.values.place("stackstate.url") == f"{path}:{8 + 3 * wrong}"


def test_a_right_profile_does_not_hide_wrong_values(settled: Settle, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("stackstate: {url: 'https://acme.app.stackstate.io/x'}\n", encoding="utf-8")
    found = settled(f"[agent]\nurl = '{RIGHT_URL}'\n", values=str(values))
    assert found.agent_url == "https://acme.app.stackstate.io/x"


@pytest.mark.parametrize("behind", ["#s3cret", "?key=s3cret", "?a@b#s3cret", "#s3@cret"])
def test_of_what_follows_the_urls_path_only_that_it_is_there_is_kept(settled: Settle, tmp_path: Path, behind: str):
    values = tmp_path / "values.yaml"
    values.write_text(f"stackstate: {{url: '{RIGHT_URL}{behind}'}}\n", encoding="utf-8")
    for found in (settled(values=str(values)), settled(f"[agent]\nurl = '{RIGHT_URL}{behind}'\n")):
        assert found.agent_url != RIGHT_URL
        assert "cret" not in repr(found)


def test_values_say_what_the_agent_is_configured_with_and_images_what_is_pulled(settled: Settle, tmp_path: Path):
    values = tmp_path / "values.yaml"
    values.write_text(
        "stackstate: {url: 'https://acme.app.stackstate.io/x'}\nglobal: {imageRegistry: registry.corp.example}\n",
        encoding="utf-8",
    )
    images = tmp_path / "images"
    images.write_text("registry.corp.example/a:1\n", encoding="utf-8")
    alone = settled(values=str(values))
    assert (alone.agent_url, alone.registry) == ("https://acme.app.stackstate.io/x", "registry.corp.example")
    assert len(alone.images) > 1
    both = settled(values=str(values), images=str(images))
    assert [str(image) for image in both.images] == ["registry.corp.example/a:1"]
    assert both.values == alone.values
    assert both.values
    assert both.values.place("stackstate.url") == f"{values}:1"
    with pytest.raises(BadInput, match=r"--values .*images: a list of images"):
        settled(values=str(images))


@pytest.mark.parametrize(
    ("password", "agent", "character"),
    [
        ("a#b", "misreads", "#"),
        ("2024#b", "misreads", "#"),
        ("a/b", "misreads", "/"),
        ("a?b", "misreads", "?"),
        ("a%ss", "drops", "%"),
    ],
)
def test_a_proxy_of_the_values_that_go_misreads_is_for_the_judge(
    settled: Settle, tmp_path: Path, password: str, agent: str, character: str
):
    values = tmp_path / "values.yaml"
    values.write_text(
        f'global: {{proxy: {{url: "http://svc:{password}@proxy.corp.example:3128"}}}}\n', encoding="utf-8"
    )
    found = settled(values=str(values))
    assert found.proxy is None
    assert found.values is not None
    assert found.values.proxy == "http://***@proxy.corp.example:3128"
    reading = found.values.proxy_reading
    assert reading is not None
    assert (reading.agent, reading.character, reading.meant) == (agent, character, "http://proxy.corp.example:3128")
    assert not [part for part in ("svc", password) if part in str(found)]


@pytest.mark.parametrize("url", ["http://proxy.corp.example:3128", "proxy.corp.example:3128", "http://u:p%23@proxy:1"])
def test_a_proxy_of_the_values_that_go_takes_as_it_is_meant_has_no_reading(settled: Settle, tmp_path: Path, url: str):
    values = tmp_path / "values.yaml"
    values.write_text(f'global: {{proxy: {{url: "{url}"}}}}\n', encoding="utf-8")
    found = settled(values=str(values), proxy="http://proxy.corp.example:3128").values
    assert found is not None
    assert found.proxy_reading is None


def test_a_proxy_of_the_values_that_is_none_is_told_with_its_line(settled: Settle, tmp_path: Path):
    values = tmp_path / "values.yaml"
    values.write_text("global:\n  proxy:\n    url: socks5://proxy.corp.example:1080\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"values\.yaml:3: global\.proxy\.url .*a proxy is http"):
        settled(values=str(values))
    assert settled(values=str(values), proxy="http://proxy.corp.example:3128").proxy == "http://proxy.corp.example:3128"


def test_rules_are_approved_with_their_ports(settled: Settle, tmp_path: Path):
    rules = tmp_path / "rules"
    rules.write_text("*filter\n:FORWARD DROP [0:0]\n-A FORWARD -d 10.0.0.2/32 -p tcp --dport 443 -j ACCEPT\nCOMMIT\n")
    found = settled(allow_list=str(rules))
    assert found.allow_list == ("10.0.0.2/32",)
    (entry,) = found.approved
    assert (entry.where, entry.services) == (f"{rules}:3", (Service(protocol="tcp", first=443, last=443),))


def test_a_registry_that_is_the_source_itself(settled: Settle, tmp_path: Path):
    (tmp_path / "images").write_text("registry.rancher.com/suse/a:1\n", encoding="utf-8")
    found = settled(images=str(tmp_path / "images"), registry_mode="direct")
    assert (found.registry, found.registry_mode) == ("registry.rancher.com", RegistryMode.DIRECT)


def test_a_profile_named_by_option_is_the_one_that_counts(settled: Settle, tmp_path: Path):
    other = tmp_path / "other.toml"
    other.write_text('domain = "other.example"\n', encoding="utf-8")
    assert settled(PROFILE, profile=str(other)).domain == "other.example"


def test_a_key_is_declared_by_the_environment_or_the_profile_and_is_not_in_the_settings(
    settled: Settle, tmp_path: Path
):
    (tmp_path / "key").write_text("hunter2-in-a-file\n", encoding="utf-8")
    for profile, environ, env, file in (
        ("", {"STS_API_KEY": "hunter2"}, "STS_API_KEY", None),
        ('[key]\nenv = "MINE"\n', {"MINE": "hunter2"}, "MINE", None),
        ('[key]\nfile = "key"\n', {}, "STS_API_KEY", str(tmp_path / "key")),
    ):
        found = settled(profile, environ)
        assert (found.key_declared, found.key_env, found.key_file) == (True, env, file)
        assert "hunter2" not in repr(found)


def secrets(profile: Profile, environ: dict[str, str]) -> tuple[str, ...]:
    return resolve("acme", Options(), profile, 1, environ).secrets


def test_what_must_never_be_written_is_known(tmp_path: Path):
    (tmp_path / "key").write_text("key-in-a-file\n", encoding="utf-8")
    (tmp_path / "acme.toml").write_text('[key]\nenv = "MINE"\nfile = "key"\n', encoding="utf-8")
    environ = {
        "STS_API_KEY": "key-in-the-environment",
        "MINE": "my-own-key",
        "HTTPS_PROXY": "http://user:pass%20word@proxy:3128",
        "http_proxy": "http://proxy:3128",
        "ALL_PROXY": "user:bare/pass@proxy:3128",
        "OTHER": "harmless@thing",
    }
    found = secrets(load(tmp_path / "acme.toml"), environ)
    assert set(found) == {
        "key-in-the-environment",
        "my-own-key",
        "key-in-a-file",
        "pass%20word",
        "user:pass%20word",
        "pass word",
        "user:pass word",
        "bare/pass",
        "user:bare/pass",
    }


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://user:s3cret%40proxy:3128", "s3cret"),
        ("http://user%3As3cret%40proxy:3128", "s3cret"),
        ("http://user:s3cret\uff20proxy:3128", "s3cret"),
        ("http://proxy:3128:user:s3cret", "3128:user:s3cret"),
    ],
)
def test_a_proxys_password_is_known_however_its_login_is_written(tmp_path: Path, url: str, secret: str):
    (tmp_path / "acme.toml").write_text("", encoding="utf-8")
    found = secrets(load(tmp_path / "acme.toml"), {"HTTPS_PROXY": url, "NO_PROXY": "fd00::1,.svc"})
    assert secret in found
    assert not any("fd00" in each for each in found)


def test_declared_authorities_are_known_by_their_fingerprints(settled: Settle, tmp_path: Path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Inspection")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM) * 2)
    found = settled('[interception]\nca_file = "ca.pem"\n')
    assert found.interception == (certificate.fingerprint(hashes.SHA256()).hex(),) * 2
    assert found.interception_files == (str(tmp_path / "ca.pem"),)


@pytest.mark.parametrize(("typed", "expected"), [(None, 32), ("1", 1), ("500", 500)])
def test_so_many_hosts_are_visited_at_once(typed: str | None, expected: int):
    assert resolution.visits(Options(tenants=("acme",), visits=typed)) == expected


@pytest.mark.parametrize("typed", ["0", "-1", "many", "501", "3.5", "٣"])
def test_a_number_of_visits_that_is_none(typed: str):
    with pytest.raises(BadInput, match="a number from 1 to 500"):
        resolution.visits(Options(tenants=("acme",), visits=typed))


def test_the_key_for_hosts_elsewhere_is_found_here(tmp_path: Path):
    profile = tmp_path / "acme.toml"
    (tmp_path / "key").write_text("from-the-file\n")
    environment = {"STS_API_KEY": " by-default ", "MINE": "mine"}

    def key(text: str, environ: dict[str, str]) -> str | None:
        profile.write_text(text)
        return resolve("acme", Options(), load(profile), 1, environ).key

    assert key("", environment) == "by-default"
    assert key("", {}) is None
    assert key('[key]\nenv = "MINE"', environment) == "mine"
    assert key('[key]\nfile = "key"', environment) == "from-the-file"


def test_tenants_are_folded_and_each_once():
    assert resolution.tenants(Options(tenants=("b", "A", "a"))) == ("b", "a")


def test_levels():
    assert resolve("acme", Options(), Profile(), 1, {}).settings.level is None
    assert resolve("acme", Options(level="should"), Profile(), 1, {}).settings.level is Level.SHOULD


WINDOW = """
[watch]
max_outage = "2s"
every = "200ms"
[watch.dns]
max_outage = "30s"
[watch.http]
quiet_after = "10s"
"""


def criteria(settings: Settings, layer: str) -> tuple[float | None, float | None, float | None]:
    assert settings.watch
    found = settings.watch.criteria_of(layer)
    assert found
    return found.max_outage, found.max_total, found.quiet_after


def test_without_a_watch_the_profiles_limits_wait(settled: Settle):
    assert settled(WINDOW).watch is None


def test_limits_of_a_layer_come_before_options_and_those_before_the_profiles(settled: Settle):
    settings = settled(WINDOW, watch="1m", max_outage="5s", max_total="9s")
    assert settings.watch
    assert (settings.watch.duration, settings.watch.every, settings.watch.rarely) == (60.0, 0.2, 2.5)
    assert criteria(settings, "tcp") == (5.0, 9.0, None)
    assert criteria(settings, "dns") == (30.0, 9.0, None)
    assert criteria(settings, "http") == (5.0, 9.0, 10.0)
    assert criteria(settled(WINDOW, watch="1m"), "tcp") == (2.0, None, None)
    assert criteria(settled("", watch="1m"), "tcp") == (1.0, None, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"watch": "soon"}, "--watch 'soon'"),
        ({"watch": "10ms"}, "--watch '10ms'"),
        ({"watch": "25h"}, "--watch '25h'"),
        ({"watch": "1m", "every": "1ms"}, "--every '1ms'"),
        ({"watch": "1m", "max_outage": "3"}, "--max-outage '3'"),
        ({"watch": "1m", "quiet_after": "2m"}, "longer than the watch"),
        ({"every": "1s"}, "add --watch"),
        ({"max_total": "1s"}, "add --watch"),
    ],
)
def test_what_cannot_be_watched_is_refused(settled: Settle, options: dict[str, str], words: str):
    with pytest.raises(BadInput, match=words):
        settled("", **options)


def test_a_watch_from_many_hosts_is_polite(settled: Settle):
    watch = settled("", watch="1m", hosts=25).watch
    assert watch
    assert watch.every == 0.1
    with pytest.raises(BadInput, match="--every 200ms"):
        settled("", watch="1m", hosts=50)
    assert settled("", watch="1m", every="200ms", hosts=50).watch


@pytest.mark.parametrize(
    ("profile", "options", "paces"),
    [
        ("", {}, (0.0625, 0.5, 0.5)),
        ("", {"max_outage": "3s"}, (0.1, 1.5, 1.5)),
        ("", {"max_outage": "30s"}, (0.1, 5.0, 15.0)),
        ("", {"max_outage": "30s", "max_total": "4s"}, (0.1, 2.0, 2.0)),
        ("", {"max_outage": "200ms"}, (0.05, 0.5, 0.5)),
        ("", {"max_outage": "100ms"}, (0.05, 0.5, 0.5)),
        ("", {"every": "200ms"}, (0.2, 0.5, 0.5)),
        ("[watch]\nrarely = '5s'\n", {}, (0.0625, 5.0, 5.0)),
        ("[watch.registry]\nmax_outage = '20s'\n", {}, (0.0625, 0.5, 10.0)),
    ],
)
def test_what_carries_a_criterion_is_sampled_for_it_within_a_budget(
    settled: Settle, profile: str, options: dict[str, str], paces: tuple[float, ...]
):
    watch = settled(profile, watch="1m", **options).watch
    assert watch
    assert tuple(watch.pace(layer) for layer in ("tcp", "http", "registry")) == paces


def test_many_hosts_ask_less_often(settled: Settle):
    watch = settled("", watch="1m", every="1s", hosts=100).watch
    assert watch
    assert (watch.pace("http"), watch.pace("registry")) == (2.0, 2.0)


def test_a_list_that_no_evidence_can_hold_is_refused(tmp_path: Path):
    many = tmp_path / "many"
    many.write_text("".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(resolution.ENTRIES + 1)))
    with pytest.raises(BadInput, match=r"20001 entries, of at most 20000: put neighbours together"):
        resolve("acme", Options(allow_list=str(many)), Profile(), 1, {})
