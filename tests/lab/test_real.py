"""The real backend where it is pure: what it can play, and what it writes into the daemons' configurations."""

from __future__ import annotations

import base64
import fnmatch
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from lab import changes, real
from lab.healthy import CORP_REGISTRY_SITE, IMAGES, QUAY_SITE, RESOLVERS, RIGHT, TENANT
from lab.real import answers, globs, layout, named, storage, tokens
from lab.scenario import Change
from lab.servers import Registry, Reply, ResponseFault, Rule
from lab.world import DnsFault, DnsManner, Hello, Machine


def test_the_healthy_world_can_be_played() -> None:
    assert list(real.unplayable(RIGHT)) == []


UNPLAYABLE: dict[str, tuple[Change, str]] = {
    "wrong id": (changes.fault("wrong-id"), "manner wrong-id"),
    "UDP only": (changes.fault("truncate", transports=("udp",)), "some types or transports"),
    "slow resolver": (
        changes.corporate_dns(faults=(DnsFault(manner=DnsManner.ANSWER, delay=1.0),)),
        "manner answer",
    ),
    "endless body": (
        changes.rules("tenant", Rule(reply=Reply(manner=ResponseFault.ENDLESS_BODY))),
        "manner endless-body",
    ),
    "binary body": (changes.rules("tenant", Rule(reply=Reply(body=b"\xff"))), "do not fit"),
    "long body": (changes.rules("tenant", Rule(reply=Reply(body=b"x" * 5000))), "do not fit"),
    "server's name": (changes.rules("tenant", Rule(reply=Reply(headers=(("Server", "Acme"),)))), "do not fit"),
    "banner": (changes.tls("tenant", hello=Hello.BANNER), "ends with banner"),
    "large hello closed": (changes.tls("tenant", hello_limit=9, large_hello=Hello.CLOSE), "ends with close"),
    "clock": (changes.clock(300), "clock"),
    "TLS in TLS": (changes.app("tls-proxy", bumps=("*",)), "TLS inside TLS"),
}


@pytest.mark.parametrize("what", UNPLAYABLE)
def test_what_no_daemon_does_is_named(what: str) -> None:
    change, reason = UNPLAYABLE[what]
    found = list(real.unplayable(change(RIGHT)))
    assert found
    assert all(reason in each for each in found)


@pytest.mark.parametrize("pattern", ["*", "quay.io:*", "cdn0?.quay.io:443", "/v2/*/blobs/*", "a-b_c+(d)"])
@pytest.mark.parametrize(
    "text", ["quay.io:443", "xquay.io:443", "cdn01.quay.io:443", "cdn012.quay.io:443", "/v2/a/b/blobs/c", "a-b_c+(d)"]
)
def test_patterns_match_the_same_as_regular_expressions(pattern: str, text: str) -> None:
    assert bool(re.fullmatch(globs.regex(pattern), text)) is fnmatch.fnmatchcase(text, pattern)


def test_nothing_in_an_answer_is_taken_for_configuration() -> None:
    written = answers.reply(Reply(status=403, headers=(("X-Note", 'a"b'),), body=b'$host "; } \\ evil'))
    assert 'add_header X-Note "a\\"b" always;' in written
    assert 'return 403 "${lab_dollar}host \\"; } \\\\ evil";' in written


def test_a_redirect_has_one_location() -> None:
    location = ("Location", "https://portal.example/?to={host}{path}")
    written = answers.reply(Reply(status=302, headers=(location,)))
    assert written == 'return 302 "https://portal.example/?to=$http_host$http_x_lab_path";'


def test_a_token_grants_the_scope_and_bears_the_servers_signature() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    token = tokens.make_token(key, "quay.io", ["repository:stackstate/promtail:pull"])
    header, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    assert json.loads(claims)["aud"] == "quay.io"
    assert json.loads(claims)["access"] == [{"type": "repository", "name": "stackstate/promtail", "actions": ["pull"]}]
    assert len(json.loads(header)["kid"].split(":")) == 12
    numbers = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    signed = token.rpartition(".")[0].encode()
    key.public_key().verify(utils.encode_dss_signature(*numbers), signed, ec.ECDSA(hashes.SHA256()))


def pushed(tmp_path: Path, app: Registry) -> list[str]:
    layouts = layout.write(RIGHT, [app], tmp_path)
    return [" ".join(arguments) for arguments in layouts.pushes(app, "mirror/", "127.0.0.1:5000")]


def test_all_platforms_of_every_image_are_pushed(tmp_path: Path) -> None:
    commands = pushed(tmp_path, Registry(service="r"))
    assert len(commands) == len(IMAGES)
    assert all(command.startswith("copy --all ") for command in commands)
    assert "docker://127.0.0.1:5000/mirror/stackstate/promtail:3.6.11-so13" in " ".join(commands)


def test_what_is_missing_is_not_pushed_and_one_platform_is_pushed_alone(tmp_path: Path) -> None:
    commands = pushed(tmp_path, Registry(service="r", missing=("stackstate/promtail:*",), platforms=("linux/arm64",)))
    assert len(commands) == len(IMAGES) - 1
    assert all(command.startswith("--override-os linux --override-arch arm64 copy oci:") for command in commands)


def test_a_cache_stands_before_quay_as_long_as_it_holds_the_same(tmp_path: Path) -> None:
    healthy = storage.plan(RIGHT, tmp_path)
    assert healthy.of(CORP_REGISTRY_SITE).source == QUAY_SITE
    assert healthy.of(CORP_REGISTRY_SITE).copies == ("mirror/",)
    world = changes.app("corp-registry", missing=("stackstate/promtail:*",))(RIGHT)
    lacking = storage.plan(world, tmp_path)
    corporate = next(store for store in lacking.stores if store.site.machine is Machine.CORP)
    assert corporate.source is None
    assert corporate.copies == ("quay/", "mirror/")


def policies(change: Change) -> list[str]:
    world = change(RIGHT)
    resolver = next(resolver for resolver in world.resolvers if RESOLVERS[0] in resolver.addresses)
    return list(named.policy(world, resolver))


def test_overridden_names_keep_their_other_types() -> None:
    lines = policies(changes.corporate_dns(overrides=(replace(RIGHT.records[0], values=("0.0.0.0",)),)))
    assert f"{TENANT} 60 A 0.0.0.0" in lines
    assert f"{TENANT} 60 AAAA 2a05:d018:11::21" in lines
    assert not any("34.250" in line for line in lines)


def test_a_name_has_one_policy() -> None:
    lines = policies(changes.fault("nxdomain"))
    assert f"{TENANT} CNAME ." in lines
    assert len(lines) == len({line.split()[0] for line in lines})
