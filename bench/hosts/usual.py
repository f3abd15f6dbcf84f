"""The same questions as a usual pytest-testinfra suite: its `addr` module, and curl and openssl through `host.run`.

One test per thing to check, one command or a few per test, as the documentation of pytest-testinfra shows. It asks for
what the catalogue asks for and a command line can answer; it recognises nothing and explains nothing.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

TENANT = "acme.app.stackstate.io"
RECEIVER = f"https://{TENANT}/receiver/stsAgent"
PATHS = ("/intake", "/api/v1/series", "/api/v1/collector", "/api/v1/connections", "/logs/k8s", "/rbac/scope")
CDN = ("cdn.quay.io", *(f"cdn{number:02}.quay.io" for number in range(1, 7)))
IMAGES = (
    "stackstate/stackstate-k8s-agent:9516cb41",
    "stackstate/stackstate-k8s-process-agent:7d7d6c99",
    "stackstate/stackstate-k8s-cluster-agent:9516cb41",
    "stackstate/kubernetes-rbac-agent:23f4b80a-1030-release",
    "stackstate/process-agent-remote-kube-cache:75fc7860",
)
TYPES = "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"


def output(host: Any, command: str) -> str:
    """What a command printed; it must have succeeded."""
    ran = host.run(command)
    assert ran.rc == 0, ran.stderr
    return str(ran.stdout).strip()


def test_name_resolves(host: Any) -> None:
    assert host.addr(TENANT).is_resolvable


@pytest.mark.parametrize("server", ["10.30.0.53", "10.30.0.54"])
def test_nameserver_answers(host: Any, server: str) -> None:
    assert host.addr(server).port(53).is_reachable


def test_every_address_is_reachable(host: Any) -> None:
    for address in host.addr(TENANT).ip_addresses:
        assert host.addr(address).port(443).is_reachable


def test_certificate_verifies_at_every_address(host: Any) -> None:
    for address in host.addr(TENANT).ipv4_addresses:
        output(
            host,
            f"openssl s_client -connect {address}:443 -servername {TENANT} -verify_hostname {TENANT} "
            "-verify_return_error </dev/null",
        )


@pytest.mark.parametrize("path", PATHS)
def test_path_is_answered(host: Any, path: str) -> None:
    assert output(host, f"curl -sS -m 10 -o /dev/null -w %{{http_code}} -d {{}} {RECEIVER}{path}") in ("401", "403")


def test_large_request_passes(host: Any) -> None:
    send = (
        f"head -c 2500000 /dev/zero | curl -sS -m 20 -o /dev/null -w %{{http_code}} --data-binary @- {RECEIVER}/intake"
    )
    assert output(host, send) in ("401", "403")


def test_nothing_else_talks_to_the_tenant(host: Any) -> None:
    for address in host.addr(TENANT).ipv4_addresses:
        assert f"{address}:22" not in output(host, "ss -Htn")


def test_registry_answers(host: Any) -> None:
    assert output(host, "curl -sS -m 10 -o /dev/null -w %{http_code} https://quay.io/v2/") in ("200", "401")


@pytest.mark.parametrize("image", IMAGES)
def test_image_can_be_pulled(host: Any, image: str) -> None:
    repository, _, tag = image.partition(":")
    registry = f"https://quay.io/v2/{repository}"
    answer = output(host, f"curl -sSI -m 10 {registry}/manifests/{tag}")
    challenge = dict(re.findall(r'(realm|service)="([^"]*)"', answer))
    granted = f"{challenge['realm']}?service={challenge['service']}&scope=repository:{repository}:pull"
    token = json.loads(output(host, f"curl -sS -m 10 {shlex.quote(granted)}"))["token"]
    get = f"curl -sSL -m 10 -H {shlex.quote(f'Authorization: Bearer {token}')} -H {shlex.quote(TYPES)} {registry}"
    index = json.loads(output(host, f"{get}/manifests/{tag}"))
    digest = next(each["digest"] for each in index["manifests"] if each["platform"]["architecture"] == "amd64")
    manifest = json.loads(output(host, f"{get}/manifests/{digest}"))
    for blob in (manifest["config"], *manifest["layers"]):
        assert output(host, f"{get}/blobs/{blob['digest']} | sha256sum").startswith(blob["digest"][7:])


@pytest.mark.parametrize("name", CDN)
def test_cdn_is_reachable(host: Any, name: str) -> None:
    assert host.addr(name).port(443).is_reachable


def test_clock_is_right(host: Any) -> None:
    theirs = output(host, f"date -d \"$(curl -sSI -m 10 {RECEIVER} | grep -i ^date: | cut -d' ' -f2-)\" +%s")
    assert abs(int(theirs) - int(output(host, "date +%s"))) < 60
