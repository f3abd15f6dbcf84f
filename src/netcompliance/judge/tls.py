"""What a TLS handshake means, whoever the peer is.

Theory of TLS trouble, in the order in which it is decided:

1. Were there bytes at all? None before a time-out is a stall, none before a cut is a filter.
2. Were they TLS? Plain HTTP, SSH or noise on port 443 is somebody else.
3. Was it an alert? It says why (`alerts`); where an older version is accepted, all of them are about versions.
4. Whose certificate is it, and who does not take it? (`certificates`)
"""

from __future__ import annotations

import re

from netcompliance.findings import Code
from netcompliance.judge import alerts
from netcompliance.judge.certificates import certificate_trouble, refused_by_go, taken_by_go_only
from netcompliance.judge.evidence import (
    Evidence,
    Fields,
    decoded,
    duration,
    error_name,
    error_of,
    error_text,
    finding,
    seconds,
)
from netcompliance.judge.transport import TIMEOUTS, path_name
from netcompliance.model import Finding
from netcompliance.observations import Http, Registry, Tls

GO_ENDS_IT = "tls: "
"""How Go begins what it says of TLS."""
OLD_VERSIONS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
ABOUT_VERSIONS = re.compile(
    r"unsupported[_ ]protocol|alert[_ ]protocol[_ ]version|no[_ ]protocols[_ ]available|version[_ ]too[_ ]low",
    re.IGNORECASE,
)
"""What OpenSSL says, in its reason or in its words, where the two have no version in common."""


def speaks(received: bytes) -> str:
    """What a peer that is no TLS server seems to speak."""
    start = received[:64].lstrip().lower()
    if start.startswith((b"http/", b"<!doctype", b"<html")):
        return "it speaks plain HTTP"
    if start.startswith(b"ssh-"):
        return "it is an SSH server"
    if start[:3].isdigit():
        return "it speaks a text protocol such as SMTP or FTP"
    return "its first bytes are of no known protocol"


def is_tls_record(received: bytes) -> bool:
    """Do the bytes begin like a TLS record (change of cipher, alert, handshake or data; version 3.x)?"""
    return received[:1] in (b"\x14", b"\x15", b"\x16", b"\x17") and received[1:2] in (b"", b"\x03")


def _bytes_trouble(verify: Tls, identify: Tls | None, subject: str) -> Finding | None:
    """Trouble that ended the handshake before a certificate could be judged; `None` if it may be about that."""
    name, received = error_name(verify), decoded(verify.received)
    reason, alert = error_of(verify).reason or "", alerts.alert_in(verify)
    took = duration(seconds(verify))
    if name == "VERIFY":
        return None
    if received and not is_tls_record(received):
        shown = received[:40].decode("ascii", "replace")
        detail = f"{subject} answered the TLS ClientHello with {shown!r}"
        return finding(Code.TLS_NOT_TLS, subject, detail, speaks=speaks(received))
    old = (identify.version if identify else None) in OLD_VERSIONS
    if old or ABOUT_VERSIONS.search(f"{reason} {error_text(verify)}") or alert in alerts.VERSION:
        spoken = f"; it speaks {(identify.version if identify else None)}" if old else ""
        detail = f"{subject} refuses TLS 1.2 and 1.3 ({reason or error_text(verify)}){spoken}"
        return finding(Code.TLS_VERSION, subject, detail)
    if alert is not None:
        return refusal(verify, identify, alert, subject)
    if name in TIMEOUTS:
        detail = f"{subject} opened and did not finish the TLS handshake in {took}"
        return finding(Code.TLS_STALLED, subject, detail)
    if name == "SSL" and received:
        return None
    detail = f"{subject} cut the connection {took} after the ClientHello ({error_text(verify) or name})"
    return finding(Code.TLS_RESET, subject, detail)


def refusal(verify: Tls, identify: Tls | None, alert: int, subject: str) -> Finding:
    """What an alert means."""
    said = f"answered the ClientHello with the TLS alert {alerts.named(alert)}"
    if alerts.wants_a_certificate(verify):
        return finding(Code.TLS_CLIENT_CERTIFICATE, subject, f"{subject} ended the handshake: {alerts.named(alert)}")
    if alert in alerts.NOTHING_IN_COMMON:
        accepts = identify.cipher if identify else None
        other = f"; it accepts {accepts}, which the agent lacks" if accepts else "; nothing else was accepted either"
        offers = str(accepts or "none that is known")
        return finding(Code.TLS_NO_COMMON_CIPHER, subject, f"{subject} {said}{other}", offers=offers)
    code = Code.TLS_PEER_FAULT
    if alert == alerts.NAME:
        code = Code.TLS_NAME_NOT_SERVED
    elif alert in alerts.POLICY:
        code = Code.TLS_RESET
    elif alert == alerts.PROTOCOL:
        code = Code.TLS_HELLO_REFUSED
    return finding(code, subject, f"{subject} {said}", alert=alerts.named(alert), part="the protocol names (ALPN)")


def _wanted_afterwards(evidence: Evidence, task: str, host: str, address: str | None, subject: str) -> Finding | None:
    """TLS 1.3 asks for a client certificate and says only to the first request that it got none."""
    same: Fields = {"task": task, "host": host, "address": address}
    answers: list[Http | Registry] = [*evidence.all(Http, **same), *evidence.all(Registry, **same)]
    for seen in answers:
        if seen.status is None and alerts.wants_a_certificate(seen):
            detail = f"{subject} ended the first request with the TLS alert {alerts.named(alerts.alert_in(seen) or 0)}"
            return finding(Code.TLS_CLIENT_CERTIFICATE, subject, detail)
    return None


def _refused_afterwards(evidence: Evidence, task: str, host: str, address: str | None, subject: str) -> Finding | None:
    """What Go ends a connection for after the handshake, in its words; OpenSSL goes on."""
    same: Fields = {"task": task, "host": host, "address": address}
    answers: list[Http | Registry] = [*evidence.all(Http, **same), *evidence.all(Registry, **same)]
    for seen in answers:
        said = (seen.go_refuses if isinstance(seen, Http) else None) or error_text(seen)
        if said.startswith(GO_ENDS_IT):
            detail = f"{subject} shakes hands, and then Go ends the connection: “{said}”"
            return finding(Code.TLS_GO_REFUSES, subject, detail, why=said)
    return None


def shook_hands(verify: Tls | None) -> bool:
    """Did this handshake come to an end, and does it say something: verified, or refused with a reason?"""
    if verify is None or refused_by_openssl(verify):
        return False
    return error_name(verify) is not None or bool(verify.verified)


def refused_by_openssl(verify: Tls | None) -> bool:
    """Did OpenSSL end it for a reason of its own? Where it is no finding (`tls_trouble`), nobody knows what Go does."""
    return error_name(verify) == "SSL"


def tls_trouble(
    evidence: Evidence, task: str, host: str, address: str | None, *, own_server: bool = False
) -> Finding | None:
    """What the handshake at one address means; `None` if the agent verifies it with the host's trust store.

    `own_server` is for peers of one's own house: a private authority that the host lacks is then not an interception.
    """
    verify = evidence.handshake(host, address, "verify", task)
    subject = path_name(address, host)
    if verify is None:
        return None
    if error_name(verify) is None:
        if verify.version not in OLD_VERSIONS:
            wanted = _wanted_afterwards(evidence, task, host, address, subject)
            wanted = wanted or _refused_afterwards(evidence, task, host, address, subject)
            return wanted or refused_by_go(evidence, verify, host, subject, own_server=own_server)
        return finding(Code.TLS_VERSION, subject, f"{subject} speaks {verify.version} at most")
    identify = evidence.handshake(host, address, "identify", task)
    trouble = _bytes_trouble(verify, identify, subject)
    if trouble is None and _store_is_empty(evidence):
        trust = evidence.vantage.trust
        detail = f"no certificate in {trust.source if trust and trust.source is not None else 'the trust store'}"
        return finding(Code.TLS_TRUST_STORE_EMPTY, "the trust store", detail)
    if trouble is None:
        if taken_by_go_only(evidence, host, verify, identify):
            return None
        return certificate_trouble(evidence, verify, identify, host, subject, own_server=own_server)
    if trouble.code is Code.TLS_STALLED and _small_segments_pass(evidence, task, host, address):
        detail = f"{subject} finishes the TLS handshake with segments of 536 bytes and stalls with full ones"
        return finding(Code.PATH_MTU, subject, detail)
    return trouble


def _store_is_empty(evidence: Evidence) -> bool:
    return evidence.agents_eyes and (evidence.vantage.trust.certificates if evidence.vantage.trust else None) == 0


def _small_segments_pass(evidence: Evidence, task: str, host: str, address: str | None) -> bool:
    """With small segments the peer's certificate arrives, whatever it is worth."""
    small = evidence.handshake(host, address, "small-mss", task)
    return small is not None and error_name(small) in (None, "VERIFY")
