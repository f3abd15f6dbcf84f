"""A profile is read to the last key; whatever is wrong is named with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from netcompliance.config import profile
from netcompliance.config.validation import BadInput
from netcompliance.model import Approved, RegistryMode, Waiver

FULL = """\
domain = "app.example.com"
images = "images.txt"
allow_list = ["34.250.11.21", "10.0.0.0/8"]

[agent]
url = "https://acme.app.example.com/receiver/stsAgent"

[registry]
host = "registry.corp.example"
prefix = "quay"
mode = "proxy"
source_visible = false

[proxy]
url = "http://proxy.corp.example:3128"
no_proxy = "corp.example"

[interception]
ca_file = "ca.pem"

[key]
env = "MY_KEY"
file = "key.txt"

[chart]
repository = "https://charts.corp.example/x/"
name = "agent"

[[waiver]]
requirement = "CLK-01"
owner = "Ann"
reason = "NTP is being moved"
expires = 2027-01-31

[[waiver]]
requirement = "REG-*"
target = "quay.io/*"
vantage = "local"
owner = "Bob"
reason = "copies come next week"
expires = "2027-02-01"
"""


@pytest.fixture
def write(tmp_path: Path):
    for name in ("images.txt", "ca.pem", "key.txt"):
        (tmp_path / name).write_text("x", encoding="utf-8")

    def written(text: str) -> Path:
        path = tmp_path / "acme.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_every_key_is_read(write):
    path = write(FULL)
    read = profile.load(path)
    assert read == profile.Profile(
        path=path,
        domain="app.example.com",
        agent_url="https://acme.app.example.com/receiver/stsAgent",
        registry=("registry.corp.example", "quay"),
        registry_mode=RegistryMode.PROXY,
        source_visible=False,
        images=path.parent / "images.txt",
        allow_list=(
            Approved(text="34.250.11.21", blocks=("34.250.11.21/32",), where=f"profile {path}:3: allow_list"),
            Approved(text="10.0.0.0/8", blocks=("10.0.0.0/8",), where=f"profile {path}:3: allow_list"),
        ),
        proxy="http://proxy.corp.example:3128",
        no_proxy="corp.example",
        ca_files=(path.parent / "ca.pem",),
        key_env="MY_KEY",
        key_file=path.parent / "key.txt",
        chart_repository="https://charts.corp.example/x",
        chart="agent",
        waivers=(
            Waiver(requirement="CLK-01", owner="Ann", reason="NTP is being moved", expires="2027-01-31"),
            Waiver(
                requirement="REG-*",
                target="quay.io/*",
                vantage="local",
                owner="Bob",
                reason="copies come next week",
                expires="2027-02-01",
            ),
        ),
    )


def test_an_empty_profile_says_nothing(write):
    path = write("")
    assert profile.load(path) == profile.Profile(path=path)


def test_an_allow_list_may_be_a_file_beside_the_profile(write, tmp_path: Path):
    (tmp_path / "allow.txt").write_text("34.250.11.21\n", encoding="utf-8")
    assert profile.load(write('allow_list = "allow.txt"\n')).allow_list == (
        Approved(text="34.250.11.21", blocks=("34.250.11.21/32",), where=f"{tmp_path}/allow.txt:1"),
    )


def changed(old: str, new: str) -> str:
    assert old in FULL
    return FULL.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (changed('prefix = "quay"', "prefix = quay"), 10, "Invalid value"),
        (changed("[proxy]", "[proxy"), 14, ""),
        ("x = ", 1, ""),
        ("a = 1\n\ny = [1,\n2", 4, ""),
        (changed("domain", "domian"), 1, "unknown key 'domian'"),
        (changed("no_proxy", "noproxy"), 16, "unknown key 'noproxy' in [proxy]"),
        (changed("[agent]", "[agents]"), 5, "unknown key 'agents'"),
        (changed("source_visible = false", 'source_visible = "no"'), 12, "true or false"),
        (changed('mode = "proxy"', 'mode = "cache"'), 11, "unknown mode 'cache'"),
        (changed('mode = "proxy"', "mode = true"), 11, "mode must be text"),
        (changed('host = "registry.corp.example"\n', ""), 9, "prefix and no host"),
        (changed('host = "registry.corp.example"', 'host = "no host"'), 9, "not a host name"),
        (changed("http://proxy", "socks5://proxy"), 15, "a proxy is"),
        (changed('"ca.pem"', '"gone.pem"'), 19, "no such file"),
        (changed('"key.txt"', '"gone.txt"'), 23, "no such file"),
        (changed('"images.txt"', '"gone.txt"'), 2, "no such file"),
        (changed('"10.0.0.0/8"', '"10.0.0.1/8"'), 3, "host bits"),
        (changed('"10.0.0.0/8"', "8"), 3, "allow_list"),
        (changed("2027-01-31", "2027-01-31T00:00:00Z"), 33, "without a time"),
        (changed('"2027-02-01"', '"soon"'), 41, "no date"),
        (changed('owner = "Bob"\n', ""), 35, "no owner"),
        (changed('owner = "Ann"', 'owner = " "'), 29, "no owner"),
        *(
            (changed('requirement = "REG-*"', f'requirement = "{every}"'), 36, f"requirement {every!r}: name what")
            for every in ("*", "*-0*", "?*", "[A-Z]*", "[!x]*", "????-01", " *")
        ),
        (changed('target = "quay.io/*"\n', ""), 36, "requirement 'REG-*' is a pattern: say the target"),
        (changed("expires = 2027-01-31", "expire = 2027-01-31"), 33, "unknown key 'expire' in [waiver]"),
        (changed("[[waiver]]", "[waivers]"), 29, ""),
        ('waiver = "none"\n', 1, "[[waiver]]"),
        ('agent = "x"\n', 1, "[agent]"),
        ('domain = "a"\nkey.file = 5\n', 2, "file must be text"),
    ],
)
def test_a_wrong_profile_names_file_and_line(write, text: str, line: int, words: str):
    path = write(text)
    with pytest.raises(BadInput) as caught:
        profile.load(path)
    assert f"{path}:{line}:" in str(caught.value)
    assert words in str(caught.value)


def test_a_missing_profile(tmp_path: Path):
    with pytest.raises(BadInput, match="No such file"):
        profile.load(tmp_path / "gone.toml")


def test_kinds_of_drift_that_fail(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    path.write_text('[comparison]\nfail_on_drift = ["issuer", "addresses"]\n')
    assert profile.load(path).fail_on_drift == ("addresses", "issuer")
    assert profile.Profile().fail_on_drift == ()


@pytest.mark.parametrize("kinds", ['["weather"]', "[7]", '[["issuer"]]'])
def test_an_unknown_kind_of_drift_is_refused_with_its_line(tmp_path: Path, kinds: str) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(f"[comparison]\nfail_on_drift = {kinds}\n")
    with pytest.raises(BadInput, match=r"acme\.toml:2: fail_on_drift .* it is one of addresses, "):
        profile.load(path)
