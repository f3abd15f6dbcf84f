"""Secrets are planted in every place they can come from, and looked for in everything that a run leaves or says."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from netcompliance.cli.main import main

API_KEY = "s3cr3t-Api/Key+with=odd&chars"
KNOWN = {
    "api key": API_KEY,
    "proxy password": "Pr0xy p@ss/wörd",
    "password of a proxy without a scheme": "b4reProxyPassw0rd",
}
"""These are known: they may be anywhere, in any spelling."""
RECOGNISED = {
    name: f"Zq{number}x7Kw{number}vT9mB{number}"
    for number, name in enumerate(
        (
            "authorization", "basic", "cookie", "set-cookie", "signature", "credential", "token in a redirect",
            "fragment", "user information", "json token", "refresh token", "password field", "client secret",
            "ci url", "ci query", "metadata",
        )
    )
}  # fmt: skip
"""These are not: they are recognised by where they stand."""
R = RECOGNISED
ENVIRONMENT = {
    "STS_API_KEY": f" {API_KEY}\n",
    "HTTPS_PROXY": f"http://svc:{quote(KNOWN['proxy password'], safe='')}@proxy.corp.example:3128",
    "all_proxy": f"svc:{KNOWN['password of a proxy without a scheme']}@proxy.corp.example:3128",
    "JENKINS_URL": "https://ci.corp.example/",
    "GIT_URL": f"https://bot:{R['ci url']}@git.corp.example/x.git",
    "BUILD_URL": f"https://ci.corp.example/1?token={R['ci query']}",
}
ECHOED = (
    f"Authorization: Bearer {R['authorization']}\r\n"
    f"Proxy-Authorization: Basic {base64.b64encode(('u:' + R['basic']).encode()).decode()}\r\n"
    f"Cookie: id={R['cookie']}; a=b\r\nSet-Cookie: session={R['set-cookie']}; Path=/\r\n"
    f"Location: https://cdn.example/x?X-Amz-Signature={R['signature']}&X-Amz-Credential={R['credential']}"
    f"&token={R['token in a redirect']}#access_token={R['fragment']}\r\n"
    f"http://user:{R['user information']}@proxy.corp.example:3128\r\n"
    f'{{"token": "{R["json token"]}", "refresh_token":"{R["refresh token"]}"}}\r\n'
    f'{{"password" : "{R["password field"]}"}}\r\n'
    f"client_secret={R['client secret']}&x=1\r\n"
)


def spellings(secret: str) -> dict[str, str]:
    """How a secret may look where it must not be."""
    data = secret.encode()
    return {
        "plain": secret,
        "quoted": quote(secret, safe=""),
        "quoted, lower case": re.sub(r"%..", lambda found: found[0].lower(), quote(secret, safe="")),
        "form": quote_plus(secret),
        "html": escape(secret),
        "json": json.dumps(secret)[1:-1],
        "base64": base64.b64encode(data).decode(),
        "base64 with a user": base64.b64encode(b"svc:" + data).decode(),
        "base64 with another": base64.b64encode(b"user:" + data + b"\n").decode(),
        "base64 in front": base64.b64encode(data + b":x").decode(),
        "small letters": secret.lower(),
        "every letter quoted": "".join(f"%{byte:02x}" for byte in data),
        "quoted twice": quote(quote(secret, safe=""), safe=""),
        "hexadecimal": data.hex(),
        "base64url": base64.urlsafe_b64encode(b"svc:" + data).decode(),
    }


def all_texts(told: str) -> Iterator[str]:
    """The text, and whatever in it is base64, as text."""
    yield told
    for word in set(re.findall(r"[A-Za-z0-9+/=]{8,}", told)):
        try:
            yield base64.b64decode(word, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            continue


def leaks(told: str) -> set[str]:
    """Which secrets are in it, and how."""
    found = {
        f"{name}, {how}"
        for text in all_texts(told)
        for name, s in KNOWN.items()
        for how, form in spellings(s).items()
        if form in text
    }
    return found | {name for text in all_texts(told) for name, value in RECOGNISED.items() if value in text}


def everything(secret_forms: Mapping[str, str]) -> str:
    return " ".join(f"<{form}>" for form in secret_forms.values())


EVERYWHERE = ECHOED + " ".join(everything(spellings(secret)) for secret in KNOWN.values())


def observation() -> dict[str, Any]:
    """An answer that echoes all it can."""
    return {
        "kind": "http",
        "purpose": "receiver",
        "headers": [line.split(": ", 1) for line in ECHOED.splitlines()[:5]] + [["X-Echo", EVERYWHERE]],
        "body": base64.b64encode(EVERYWHERE.encode()).decode(),
        "received": base64.b64encode(EVERYWHERE.encode()).decode(),
        "url": EVERYWHERE,
        "redirected_to": EVERYWHERE,
        "error": {"phase": "proxy", "name": "STATUS", "text": EVERYWHERE},
        "password": R["password field"],
        "via": f"http://user:{R['user information']}@proxy.corp.example:3128",
    }


SCRIPTS: dict[str, dict[str, Any]] = {
    "seen": {
        "observations": [observation()],
        "verdicts": {
            "RCV-01": {
                "result": "fail",
                "codes": ["http.not-receiver"],
                "saw": EVERYWHERE,
                "subject": EVERYWHERE,
                "reason": EVERYWHERE,
                "reproduce": EVERYWHERE,
            },
            "DNS-03": {"result": "fail", "codes": ["dns.nameserver-dead"], "saw": EVERYWHERE},
            "CLK-01": {"result": "waived", "codes": ["clock.off"], "saw": EVERYWHERE, "reason": EVERYWHERE},
            "REG-07": {"result": "notapplicable", "reason": EVERYWHERE},
            "OUT-01": {"result": "notchecked", "reason": EVERYWHERE},
        },
    },
    "not visited": {"trouble": [EVERYWHERE, EVERYWHERE]},
    "defect": {"crash": EVERYWHERE},
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_nothing_of_a_run_holds_a_secret(run_suites, script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    junit, theirs = tmp_path / "junit.xml", tmp_path / "pytest-html.html"
    ended = run_suites(
        "-rA", "-vv", "--showlocals", f"--junit-xml={junit}", f"--html={theirs}", "--metadata", "token", R["metadata"],
        script=SCRIPTS[script],
        env=ENVIRONMENT,
    )  # fmt: skip
    assert ended.code == 1
    outputs = {path.name: path.read_text(encoding="utf-8") for path in (*ended.directory().iterdir(), junit, theirs)}
    outputs |= {"terminal": ended.out, "standard error": ended.err}
    for action in ("show", "judge", "verify"):
        for options in ([], ["--json"]):
            main([action, *options, str(ended.directory())])
            told = capsys.readouterr()
            outputs[f"{action} {options}"] = told.out + told.err
    assert outputs.keys() >= {"journal.jsonl", "report.html", "junit.xml", "pytest-html.html", "SHA256SUMS"}
    assert {name: found for name, told in outputs.items() if (found := leaks(told))} == {}
    assert "***" in outputs["pytest-html.html"]
    for name in ("journal.jsonl", "report.html"):
        assert ("***" in outputs[name]) is (script != "defect")


@pytest.mark.parametrize("script", [{"interrupt": True}, {"defect of pytest": EVERYWHERE}])
@pytest.mark.parametrize("options", [(), ("-vv",), ("--tb=short",)])
def test_what_ends_a_session_is_told_without_values(
    run_suites, script: dict[str, Any], options: tuple[str, ...], tmp_path: Path
):
    junit = tmp_path / "junit.xml"
    ended = run_suites("--full-trace", "--showlocals", f"--junit-xml={junit}", *options, script=script, env=ENVIRONMENT)
    told = ended.out + ended.err + junit.read_text(encoding="utf-8")
    assert "_holding(" in told
    assert leaks(told) == set()
    assert "s3cr3t" not in told


def test_the_search_finds_what_is_there():
    assert {found.partition(",")[0] for found in leaks(EVERYWHERE)} == {*KNOWN, *RECOGNISED} - {
        "ci url", "ci query", "metadata",
    }  # fmt: skip
    assert leaks(base64.b64encode(EVERYWHERE.encode()).decode())


@pytest.mark.parametrize(
    ("name", "content", "option"),
    [
        ("values.yaml", f"stackstate:\n  apiKey: {API_KEY}\n  broken: [\n", "--images"),
        ("values.yaml", f"stackstate: {{apiKey: '{API_KEY}', x\n", "--images"),
        ("values.yaml", f"global:\n  proxy:\n    url: http://svc:{R['user information']}@proxy:3128\n", "--images"),
        ("p.toml", f'[proxy]\nurl = "http://svc:{R["user information"]}@proxy.corp.example:3128"\n', "--profile"),
        ("p.toml", f'[registry]\nhost = "svc:{R["user information"]}@registry.corp.example"\n', "--profile"),
        ("p.toml", f'[chart]\nrepository = "https://svc:{R["user information"]}@helm.corp.example"\n', "--profile"),
        ("p.toml", f'[key]\nkey = "{API_KEY}"\n', "--profile"),
    ],
)
def test_bad_input_is_refused_without_telling_the_secret(
    run_suites, tmp_path: Path, name: str, content: str, option: str
):
    path = tmp_path / name
    path.write_text(content)
    ended = run_suites(f"{option}={path}", script={}, env={"STS_API_KEY": API_KEY})
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert leaks(ended.out + ended.err) == set()


@pytest.mark.parametrize(
    "argument",
    [
        f"--proxy=http://svc:{R['user information']}@proxy.corp.example:3128",
        f"--registry=svc:{R['user information']}@registry.corp.example",
        f"--hosts=paramiko://svc:{R['user information']}@node-1",
        f"--hosts=bogus://svc:{R['user information']}@node-1",
    ],
)
def test_options_are_refused_without_telling_the_secret(run_suites, argument: str):
    ended = run_suites(argument, script={})
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert leaks(ended.out + ended.err) == set()


def test_an_agents_url_with_a_key_and_a_key_file_are_told_without_it(run_suites, tmp_path: Path):
    (tmp_path / "key").write_text(f"{API_KEY}\n")
    profile = tmp_path / "p.toml"
    profile.write_text(
        f'[agent]\nurl = "https://svc:{R["user information"]}@acme.app.stackstate.io/x?api_key={R["ci url"]}"\n'
        '[key]\nfile = "key"\n'
    )
    ended = run_suites(f"--profile={profile}", script=SCRIPTS["seen"], env={**ENVIRONMENT, "STS_API_KEY": ""})
    assert ended.code == 1
    for path in ended.directory().iterdir():
        assert leaks(path.read_text(encoding="utf-8")) == set(), path
    assert leaks(ended.out + ended.err) == set()


@pytest.mark.parametrize("odd", ["#", "/", "@", "%", "?", "'", '"', " ", "ö", "%ss", "://"])
@pytest.mark.parametrize(
    "option", ["--proxy=http://svc:{}@proxy.corp.example:3128", "--registry=svc:{}@registry.corp.example"]
)
def test_an_odd_password_in_an_option_is_not_told(run_suites, option: str, odd: str):
    ended = run_suites(option.format(f"Summer2024{odd}Winter77"), script={})
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert not [part for part in ("Summer", "Winter", "2024", "er77") if part in ended.out + ended.err]


@pytest.mark.parametrize("odd", ["#", "/", "@", "%", "'", " ", "ö"])
def test_an_odd_password_in_the_agents_url_is_not_told(run_suites, tmp_path: Path, odd: str):
    profile = tmp_path / "p.toml"
    profile.write_text(f'[agent]\nurl = "https://svc:Summer2024{odd}Winter77@acme.app.stackstate.io/x"\n')
    ended = run_suites(f"--profile={profile}", script=SCRIPTS["seen"], env={})
    texts = [ended.out, ended.err, *(path.read_text(encoding="utf-8") for path in ended.directory().iterdir())]
    assert not [part for part in ("Summer", "Winter", "er77") for text in texts if part in text]


PLACES = ("values proxy", "values url", "manifest proxy", "manifest url", "HTTPS_PROXY", "http_proxy", "ALL_PROXY")


def _odd_password(place: str, odd: str) -> str:
    number = PLACES.index(place)
    return f"Zq{number}Head{odd}Zq{number}Tail"


@pytest.mark.parametrize(
    ("kind", "odd"),
    [
        *(("values", odd) for odd in ("#", "/@", "%ss", "ö\\ ")),
        *(("manifest", odd) for odd in ("?x=y&", "@:80/", "'\" ", "://")),
    ],
)
def test_an_odd_password_is_told_nowhere_wherever_it_was_written(run_suites, tmp_path: Path, kind: str, odd: str):
    proxy = f"http://svc:{_odd_password(f'{kind} proxy', odd)}@proxy.corp.example:3128"
    url = f"https://svc:{_odd_password(f'{kind} url', odd)}@acme.app.stackstate.io/receiver/stsAgent"
    variables = [("STS_PROXY_HTTPS", proxy), ("STS_PROXY_HTTP", proxy), ("STS_STS_URL", url)]
    container = {
        "name": "c",
        "image": "quay.io/stackstate/a:1",
        "env": [{"name": name, "value": value} for name, value in variables],
    }
    document = {
        "values": {"global": {"proxy": {"url": proxy}}, "stackstate": {"url": url}},
        "manifest": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}},
    }[kind]
    (tmp_path / "given.yaml").write_text(json.dumps(document))
    ended = run_suites(
        f"--values={tmp_path / 'given.yaml'}",
        "--proxy=http://proxy.corp.example:3128",
        script=SCRIPTS["seen"],
        env={
            "HTTPS_PROXY": f"http://svc:{_odd_password('HTTPS_PROXY', odd)}@proxy.corp.example:3128",
            "http_proxy": f"svc:{_odd_password('http_proxy', odd)}@proxy.corp.example:3128",
            "ALL_PROXY": f"socks5://svc:{_odd_password('ALL_PROXY', odd)}@proxy.corp.example:1080",
        },
    )
    assert ended.code == 1
    texts = [ended.out, ended.err, *(path.read_text(encoding="utf-8") for path in ended.directory().iterdir())]
    assert not re.findall("Zq[0-9](?:Head|Tail)", "".join(texts))
    assert "PRX-02" in texts[0]


@pytest.mark.parametrize("odd", ["#", "/", "@:80/", ","])
@pytest.mark.parametrize(
    "option", ["--hosts=bogus://svc:{}@node-1", "--hosts=svc:{}@node-1", "--tenant=https://svc:{}@x"]
)
def test_an_odd_password_in_the_name_of_a_host_is_not_told(run_suites, option: str, odd: str):
    ended = run_suites(option.format(f"Summer2024{odd}Winter77"), script={})
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert not [part for part in ("Summer", "Winter", "2024", "er77") if part in ended.out + ended.err]
