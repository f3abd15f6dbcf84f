"""What a container runtime's ClientHello meets at the registry, its token server and the hosts of layers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.judge.records import Record, b64, error, server_hello, tls
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.test_by_shell import by_shell
from tests.unit.judge.world import altered, changed, exchange, healthy, proxied, verdict_of, without

QUAY, ITS, LAYERS_FROM = "quay.io", "3.216.1.10", "cdn01.quay.io"
ELSEWHERE, THERE = "auth.quay.io", "3.216.7.7"
TOKEN, MANIFEST = {"kind": "registry", "step": "token"}, {"kind": "registry", "step": "manifest"}
ANSWERED = b64(server_hello())
SILENT = {"received": "", "error": error("TIMEOUT", "tls")}
RESET = {"received": "", "error": error("ECONNRESET", "tls")}
ALERT = {"received": b64(b"\x15\x03\x01\x00\x02\x02\x28"), "error": None}
DROPPED, REFUSED = "tls.large-hello-dropped", "tls.hello-refused"


def sent(purpose: str, host: str = QUAY, task: str = "registry", address: str = ITS, **fields: Any) -> list[Record]:
    """A ClientHello of that kind, and what came back."""
    return exchange([tls(address, purpose, task, host, **{"verified": False, **fields})])


def lost(end: dict[str, Any], *passing: str, **where: str) -> list[Record]:
    """The runtime's got no answer twice; those that pass differ from it in one thing."""
    return [
        *sent("agent-hello", **where, **end),
        *sent("agent-hello-again", **where, **end),
        *(record for purpose in passing for record in sent(purpose, **where)),
    ]


def world(*sent_and_got: Record, of: list[Record] | None = None) -> list[Record]:
    """The right world, but for what was sent to these peers in it."""
    asked = {(each["task"], each["host"]) for each in sent_and_got}
    kept = [
        each
        for each in of or healthy()
        if (each.get("task"), each.get("host")) not in asked or "hello" not in each.get("purpose", "")
    ]
    return [*kept, *sent_and_got]


AT_CDN = {"host": LAYERS_FROM, "task": "cdn", "address": "13.32.9.1"}
AT_STORE = {"host": LAYERS_FROM, "task": "registry", "address": "13.32.9.1"}
AT_TOKENS = {"host": ELSEWHERE, "address": THERE}
TOKENS_ELSEWHERE = changed(TOKEN, url=f"https://{ELSEWHERE}/token")
MANIFESTS_ELSEWHERE = changed(MANIFEST, url=f"https://{ELSEWHERE}/v2/manifest")

ROWS = {
    "answered": row(healthy()),
    "silence, and a small one passes": row(world(*lost(SILENT, "classic-hello")), {"REG-01": DROPPED}),
    "reset, and a small one passes": row(world(*lost(RESET, "classic-hello")), {"REG-01": DROPPED}),
    "an alert, and a small one passes": row(world(*lost(ALERT, "classic-hello")), {"REG-01": REFUSED}),
    "one with protocols passes": row(world(*lost(RESET, "named-hello", "classic-hello")), {"REG-01": REFUSED}),
    "only OpenSSL's passes": row(world(*lost(RESET)), {"REG-01": REFUSED}),
    "small segments pass": row(world(*lost(SILENT, "agent-hello-small-mss")), {"REG-01": "path.mtu"}),
    "lost once": row(world(*sent("agent-hello", **SILENT), *sent("agent-hello-again", received=ANSWERED))),
    "a suite that Go lacks": row(
        world(*sent("agent-hello", received=b64(server_hello(suite=0xC028)))),
        {"REG-01": "tls.no-common-cipher"},
    ),
    "silence where all is slow": row(
        world(
            *sent("agent-hello", seconds=10.0, **SILENT),
            of=altered(healthy(), {"kind": "tls", "host": QUAY}, seconds=8.0),
        ),
        unchecked="REG-01",
    ),
    "its connection did not open": row(
        world(*sent("agent-hello", received="", error=error("TIMEOUT", "tcp"))), unchecked="REG-01"
    ),
    "a documented host of layers": row(
        world(*lost(RESET, "classic-hello", **AT_CDN)), {"REG-04": DROPPED, "REG-05": DROPPED}
    ),
    "a host of layers that a redirect led to": row(
        world(*lost(SILENT, "classic-hello", **AT_STORE)), {"REG-04": DROPPED}
    ),
    "the token server": row([*TOKENS_ELSEWHERE, *lost(SILENT, "classic-hello", **AT_TOKENS)], {"REG-02": DROPPED}),
    "a host of manifests": row(
        [*MANIFESTS_ELSEWHERE, *lost(SILENT, "classic-hello", **AT_TOKENS)], {"REG-03": DROPPED}
    ),
    "a host that served nothing": row(world(*lost(SILENT, "classic-hello", **AT_TOKENS))),
}


UNSENT = [
    ("REG-01", healthy(), {"host": QUAY}, ITS),
    ("REG-01", proxied(), {"host": QUAY}, "the proxy"),
    ("REG-02", TOKENS_ELSEWHERE, {}, ELSEWHERE),
    ("REG-03", MANIFESTS_ELSEWHERE, {}, ELSEWHERE),
    ("REG-04", healthy(), {"host": LAYERS_FROM}, LAYERS_FROM),
    ("REG-05", healthy(), {"host": "cdn.quay.io"}, "13.32.9.1"),
    ("HELM-01", healthy(), {"task": "chart"}, "13.32.9.9"),
]


@pytest.mark.parametrize(("requirement", "records", "where", "named"), UNSENT)
def test_without_it_nothing_passes(requirement: str, records: list[Record], where: dict[str, str], named: str) -> None:
    kept = without(records, kind="tls", purpose="agent-hello", **where) if where else records
    verdict = verdict_of(requirement, kept)
    assert (verdict.result, verdict.reason) == (
        "notchecked",
        f"the handshake with a Go program's ClientHello at {named} did not come to an end",
    )


@each(ROWS)
def test_fetchers_hello(case: Row) -> None:
    case.check()


SHELLS: list[tuple[str, list[Record], dict[str, str]]] = [
    ("REG-01", healthy(), {}),
    ("REG-02", TOKENS_ELSEWHERE, AT_TOKENS),
    ("REG-03", MANIFESTS_ELSEWHERE, AT_TOKENS),
    ("REG-04", healthy(), AT_STORE),
    ("REG-04", healthy(), AT_CDN),
    ("REG-05", healthy(), {**AT_CDN, "host": "cdn.quay.io"}),
]


@pytest.mark.parametrize(("requirement", "records", "where"), SHELLS)
def test_a_shell_tells_a_reset_from_a_silence_it_cannot_explain(
    requirement: str, records: list[Record], where: dict[str, str]
) -> None:
    answered = verdict_of(requirement, by_shell(world(*sent("large-hello", **where), of=records)))
    assert answered.result == "pass"
    cut = verdict_of(requirement, by_shell(world(*sent("large-hello", **where, **RESET), of=records)))
    assert [found.code for found in cut.findings] == [DROPPED]
    silent = verdict_of(requirement, by_shell(world(*sent("large-hello", **where, **SILENT), of=records)))
    assert (silent.result, "not tried in small segments" in silent.reason) == ("notchecked", True)


@pytest.mark.parametrize(
    ("records", "saw"),
    [
        (
            lost(RESET, "named-hello"),
            f"{ITS}: a Go program's ClientHello got [ECONNRESET]; with protocol names (ALPN) it is answered",
        ),
        (
            sent("agent-hello", received=b64(server_hello(suite=0xC028))),
            f"{ITS} chose TLSv1.3 with X25519MLKEM768 and suite 0xc028, which a Go program lacks",
        ),
        (
            lost(SILENT, "classic-hello"),
            f"{ITS}: no answer to a ClientHello of 1532 bytes ([TIMEOUT]); a small one was answered",
        ),
    ],
)
def test_what_was_lost_in_words(records: list[Record], saw: str) -> None:
    assert verdict_of("REG-01", world(*records)).findings[0].detail == saw
