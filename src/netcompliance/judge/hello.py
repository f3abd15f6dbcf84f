"""What the agent's own ClientHello gets, where another handshake comes to its end.

Theory. The real handshake is OpenSSL's. What it gets and the agent's ClientHello does not is about what differs: the
size (it no longer fits one segment), the post-quantum key share, h2 among the protocols, groups and signatures. So
beside a ClientHello that failed the same is sent again, in small segments, and without each of these; whichever is
answered names the cause. What fails once and is answered the second time is chance. The real handshake offers Go's
suites, so where it comes to its end, "nothing in common" is about the looks of the ClientHello, or about its groups.
The main agent and the process agent name no protocol (ALPN), so their ClientHello is sent as well. Those who fetch
images and charts name none either: to the hosts of these theirs goes in place of the agent's.
"""

from __future__ import annotations

from collections.abc import Iterable

from netcompliance.findings import Code
from netcompliance.judge.alerts import NOTHING_IN_COMMON, alert_in, named
from netcompliance.judge.commands import over_http2, s_client
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    decided,
    decoded,
    error_name,
    error_of,
    error_text,
    finding,
    listed,
    seconds,
)
from netcompliance.judge.http2 import http2_trouble
from netcompliance.judge.serverhello import ServerHello, server_hello
from netcompliance.judge.tls import refusal
from netcompliance.judge.transport import BEFORE_TLS, TIMEOUTS, path_name, paths_to, unfinished
from netcompliance.model import Case, Finding
from netcompliance.observations import Tls

AGENT = "agent-hello"
TRIES_WITHOUT = 3
"""Times that it was sent, if it is never answered: a share of all connections may be lost."""
PATIENCE = 5.0
"""Seconds. Where the real handshake takes longer, silence within the limit proves nothing."""
KEY_SHARE = "the post-quantum key share (X25519MLKEM768)"
PROTOCOLS = "the protocol h2 (ALPN)"
PADDED = "large-hello"
"""What a shell sends, which cannot send the agent's own: OpenSSL's, made as large by protocol names."""
NOTHING_PROVED = {*TIMEOUTS, "ECONNRESET", "EPIPE", "EOF"}
"""Ends of a handshake that show nobody behind an accepted connection."""
PLAIN = "plain-hello"
NO_PROTOCOLS = "the lack of protocol names (ALPN)"
FINGERPRINT = "the ClientHello of Go programs"
WITHOUT = {"http1-hello": PROTOCOLS, "named-hello": NO_PROTOCOLS, "classic-hello": KEY_SHARE}
"""Purposes of those that differ in one thing, and in which; the first that passes names the cause."""


def agents_hello_is_answered(case: Case, evidence: Evidence) -> Outcome:
    """HTTPS-05."""
    found: list[Finding] = []
    missing: list[str | None] = []
    choices: list[str] = []
    for path in paths_to(evidence, TENANT, case.host):
        choice = _last_choice(evidence, TENANT, case.host, path)
        if choice is not None and choice.serves_the_agent:
            choices.append(str(choice))
            for look in (plain_trouble, http2_trouble):
                wrong = look(evidence, TENANT, case.host, path)
                found += [wrong] if wrong else []
            continue
        trouble = hello_trouble(evidence, TENANT, case.host, path)
        if trouble is None:
            missing.append(path)
        else:
            found.append(trouble)
    return decided(
        found,
        f"the ClientHello of a Go program was answered: {listed(sorted(choices))}",
        _command(evidence, case.host, found[0]) if found else "",
        missing=unfinished(missing, "the handshake with the agent's ClientHello"),
    )


def _command(evidence: Evidence, host: str, found: Finding) -> str:
    """What shows it. OpenSSL can offer Go's suites and h2; it does not look like Go, nor has it every key share."""
    if found.code is Code.HTTP_NO_HTTP2:
        return over_http2(evidence, host, found.subject)
    return (
        ""
        if found.values.get("part") in (FINGERPRINT, KEY_SHARE, NO_PROTOCOLS)
        else s_client(evidence, host, found.subject, found)
    )


def hello_trouble(evidence: Evidence, task: str, host: str, path: str | None) -> Finding | None:
    """What keeps the agent's ClientHello from its answer on this way, or that of whoever fetches from there; `None` if
    nothing does, or nothing is known."""
    hello, choice = _hello(evidence, task, host, path, AGENT), _last_choice(evidence, task, host, path)
    if hello is None:
        return padded_trouble(evidence, task, host, path)
    if choice is not None and choice.serves_the_agent:
        return None
    return _trouble(evidence, task, host, path, hello, choice)


def padded_hello(evidence: Evidence, task: str, host: str, path: str | None) -> Tls | None:
    """The handshake with a large ClientHello of OpenSSL's, if it was begun."""
    return _hello(evidence, task, host, path, PADDED)


def padded_trouble(evidence: Evidence, task: str, host: str, path: str | None) -> Finding | None:
    """Why nothing came back to it: full segments are lost, or a device takes offence at its size; `None` if anything
    did, or if one cannot tell which (`unexplained`)."""
    tls, small = padded_hello(evidence, task, host, path), _hello(evidence, task, host, path, f"{PADDED}-small-mss")
    if tls is None or not _is_lost(tls):
        return None
    if small is None and path is not None and evidence.by_shell and error_name(tls) in TIMEOUTS:
        return None
    subject = path_name(path, host)
    if small is not None and (error_name(small) is None or decoded(small.received)):
        detail = f"{subject}: a ClientHello of {size_of(tls)} passes in segments of 536 bytes and not in full ones"
        return finding(Code.PATH_MTU, subject, detail)
    detail = f"{subject}: no answer to a ClientHello of {size_of(tls)} ({error_text(tls)}); a small one was answered"
    return finding(Code.TLS_LARGE_HELLO_DROPPED, subject, detail)


def unexplained(evidence: Evidence, task: str, host: str, paths: Iterable[str | None]) -> str:
    """Why a case cannot pass: a ClientHello was sent and not answered, and nobody knows why. Empty if there was none.

    The silence that a shell meets has two causes, a device or the path's MTU, which small segments would tell apart.
    """
    silent, unanswered = [], []
    for path in paths:
        agents, tls = evidence.handshake(host, path, AGENT, task), padded_hello(evidence, task, host, path)
        if agents is not None:
            if _last_choice(evidence, task, host, path) is None and hello_trouble(evidence, task, host, path) is None:
                unanswered.append(path)
        elif tls is not None and _is_lost(tls) and padded_trouble(evidence, task, host, path) is None:
            silent.append(path)
    if silent:
        where = listed(path_name(path, host) for path in silent)
        return f"a large ClientHello got no answer at {where}, and it was not tried in small segments"
    return unfinished(unanswered, "the handshake with a Go program's ClientHello")


def _is_lost(tls: Tls) -> bool:
    return error_name(tls) in NOTHING_PROVED and not decoded(tls.received)


def size_of(hello: Tls) -> str:
    """The size of a ClientHello, for people."""
    return f"{'many' if hello.hello_bytes is None else hello.hello_bytes} bytes"


def plain_trouble(evidence: Evidence, task: str, host: str, path: str | None) -> Finding | None:
    """What keeps a ClientHello without protocol names from its answer, where one with them is answered.

    `None` if nothing does, or if it was not tried often enough to say.
    """
    tried = _plain(evidence, task, host, path)
    if len(tried) < TRIES_WITHOUT or any(_choice(seen) is not None for seen in tried):
        return None
    subject, last, verify = path_name(path, host), tried[0], evidence.handshake(host, path, "verify", task)
    if error_name(last) in TIMEOUTS and (verify is None or seconds(verify) > PATIENCE):
        return None
    alert = alert_in(last)
    said = f"the TLS alert {named(alert)}" if alert is not None else (error_text(last) or "an answer that is no TLS")
    detail = (
        f"{subject}: a ClientHello without protocol names (ALPN) got {said}, {len(tried)} times; with them it passes"
    )
    return finding(Code.TLS_HELLO_REFUSED, subject, detail, part=NO_PROTOCOLS)


def unsure_of_plain_hello(evidence: Evidence, task: str, host: str, path: str | None) -> bool:
    """Was a ClientHello without protocol names not tried, or not answered and not tried often enough?"""
    tried = _plain(evidence, task, host, path)
    return len(tried) < TRIES_WITHOUT and not any(_choice(seen) is not None for seen in tried)


def _plain(evidence: Evidence, task: str, host: str, path: str | None) -> list[Tls]:
    """The handshakes without protocol names that were begun."""
    return [
        seen
        for seen in evidence.all(Tls, task=task, host=host, address=path, purpose=PLAIN)
        if error_of(seen).phase not in BEFORE_TLS
    ]


def _last_choice(evidence: Evidence, task: str, host: str, path: str | None) -> ServerHello | None:
    """What it got in the end."""
    first = _choice(_hello(evidence, task, host, path, AGENT))
    return first or _choice(_hello(evidence, task, host, path, f"{AGENT}-again"))


def _hello(evidence: Evidence, task: str, host: str, path: str | None, purpose: str) -> Tls | None:
    """A handshake that was begun: the connection was open."""
    seen = evidence.handshake(host, path, purpose, task)
    return None if seen is None or error_of(seen).phase in BEFORE_TLS else seen


def _choice(seen: Tls | None) -> ServerHello | None:
    return server_hello(decoded(seen.received if seen else None))


def _trouble(
    evidence: Evidence, task: str, host: str, path: str | None, hello: Tls, choice: ServerHello | None
) -> Finding | None:
    """Why it was not answered as it should be; `None` if that is not known."""
    subject, size = path_name(path, host), size_of(hello)
    who = "the agent" if task == TENANT else "a Go program"
    if choice is not None:
        detail = f"{subject} chose {choice} and suite {choice.cipher:#06x}, which {who} lacks"
        return finding(Code.TLS_NO_COMMON_CIPHER, subject, detail, offers=str(choice))

    def passes(purpose: str) -> bool:
        return _choice(_hello(evidence, task, host, path, purpose)) is not None

    alert, verify = alert_in(hello), evidence.handshake(host, path, "verify", task)
    said = f"the TLS alert {named(alert)}" if alert is not None else (error_text(hello) or "an answer that is no TLS")
    if alert is None and passes("agent-hello-small-mss"):
        detail = f"{subject}: a ClientHello of {size} passes in segments of 536 bytes and not in full ones"
        return finding(Code.PATH_MTU, subject, detail)
    part = next((part for purpose, part in WITHOUT.items() if passes(purpose)), "")
    if part == KEY_SHARE and alert is None:
        detail = f"{subject}: no answer to a ClientHello of {size} ({said}); a small one was answered"
        return finding(Code.TLS_LARGE_HELLO_DROPPED, subject, detail)
    if part:
        change = "with protocol names (ALPN)" if part == NO_PROTOCOLS else f"without {part}"
        detail = f"{subject}: {who}'s ClientHello got {said}; {change} it is answered"
        return finding(Code.TLS_HELLO_REFUSED, subject, detail, part=part)
    if alert is not None and not (alert in NOTHING_IN_COMMON and verify is not None and verify.verified):
        return refusal(hello, verify, alert, subject)
    if error_name(hello) in TIMEOUTS and (verify is None or seconds(verify) > PATIENCE):
        return None
    got = f"got {said}; OpenSSL's was answered, with the same cipher suites"
    if alert is None:
        got = f"got no answer ({said}); OpenSSL's was answered"
    detail = f"{subject}: {who}'s ClientHello {got}"
    return finding(Code.TLS_HELLO_REFUSED, subject, detail, part=FINGERPRINT)
