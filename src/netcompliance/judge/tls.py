"""What a TLS handshake means, whoever the peer is.

Theory of TLS trouble, in the order in which it is decided:

1. Were there bytes at all? None before a time-out is a stall, none before a cut is a filter.
2. Were they TLS? Plain HTTP, SSH or noise on port 443 is somebody else.
3. Was it an alert? A version alert is about versions, and so is any other where an older version is accepted; else it
   refuses the name.
4. Whose certificate is it? Read from the chain itself, not from the first thing OpenSSL complained about: signed by
   itself, for another name, by an authority that is not public (somebody on the way), or out of its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from statistics import median
from typing import Any

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    as_utc,
    clock_offset,
    duration,
    error_field,
    error_name,
    error_text,
    finding,
    listed,
    raw,
    seconds,
)
from netcompliance.judge.recognise import described
from netcompliance.judge.transport import TIMEOUTS, path_name
from netcompliance.model import Finding, Observation

CLOCK_TOLERANCE = 60.0
"""Seconds. Certificates and metrics stand this much."""

OLD_VERSIONS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
VERSION_REASONS = (
    "UNSUPPORTED_PROTOCOL",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "NO_PROTOCOLS_AVAILABLE",
    "VERSION_TOO_LOW",
)
ALERT_PROTOCOL_VERSION = 70
ALERT_NAMES = {
    40: "handshake_failure",
    49: "access_denied",
    80: "internal_error",
    90: "user_canceled",
    112: "unrecognized_name",
}
VERIFY_CODES = {
    9: Code.TLS_NOT_YET_VALID,
    10: Code.TLS_EXPIRED,
    18: Code.TLS_SELF_SIGNED,
    62: Code.TLS_WRONG_NAME,
}
"""OpenSSL's numbers, for where the chain itself could not be read; any other is an untrusted chain."""

Certificate = Mapping[str, Any]


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


def alert_of(received: bytes) -> int | None:
    """The description of the TLS alert that the bytes begin with."""
    return received[6] if len(received) >= 7 and received[:2] == b"\x15\x03" else None


def certificates_of(chain: Observation | None) -> list[Certificate]:
    """The certificates as the controller read them, leaf first."""
    return list((chain or {}).get("certificates", ()))


def issuer_of(chain: Observation | None) -> str:
    """Who signed: the topmost authority that is known, which is the name that people know."""
    certificates = certificates_of(chain)
    top = certificates[-1].get("issuer") if certificates else None
    return str((chain or {}).get("anchor_name") or top or "an unknown issuer")


def may_be_public(chain: Observation) -> bool:
    """Is it a public authority's chain, or may it be? A server that leaves certificates out shows no own root."""
    certificates = certificates_of(chain)
    if chain.get("anchor") == "public":
        return True
    return bool(chain.get("public_issuer") and certificates and not certificates[-1].get("self_signed"))


def _moment(certificate: Certificate, key: str) -> float | None:
    try:
        return as_utc(datetime.fromisoformat(certificate.get(key, ""))).timestamp()
    except (ValueError, OverflowError):
        return None


def service_clock_offset(evidence: Evidence) -> float | None:
    """Seconds by which the host's clock is ahead, by the median of all dated answers; `None` without any."""
    offsets = [
        offset
        for kind in ("http", "registry")
        for seen in evidence.all(kind)
        if (offset := clock_offset(seen)) is not None
    ]
    return median(offsets) if offsets else None


def _out_of_time(chain: Observation, at: float, subject: str, evidence: Evidence) -> Finding | None:
    """A certificate of the chain that is out of its time; the host's clock if that explains it."""
    offset = service_clock_offset(evidence)
    for certificate in certificates_of(chain):
        begin, end = _moment(certificate, "not_before"), _moment(certificate, "not_after")
        if begin is None or end is None or begin <= at <= end:
            continue
        past = at > end
        when = f"ended {certificate['not_after']}" if past else f"begins {certificate['not_before']}"
        detail = f"{subject} shows a certificate of {certificate.get('subject')} whose time {when}"
        if offset is not None and abs(offset) > CLOCK_TOLERANCE and begin <= at - offset <= end:
            side = "ahead of" if offset > 0 else "behind"
            detail = f"the host's clock is {abs(offset):.0f} s {side} its peers'; {detail}"
            return finding(Code.CLOCK_OFF, subject, detail)
        return finding(Code.TLS_EXPIRED if past else Code.TLS_NOT_YET_VALID, subject, detail)
    return None


def _bytes_trouble(verify: Observation, identify: Observation | None, subject: str) -> Finding | None:
    """Trouble that ended the handshake before a certificate could be judged; `None` if it may be about that."""
    name, received = error_name(verify), raw(verify, "received")
    reason, alert = error_field(verify, "reason") or "", alert_of(received)
    took = duration(seconds(verify))
    if name == "VERIFY":
        return None
    if received and not is_tls_record(received):
        shown = received[:40].decode("ascii", "replace")
        detail = f"{subject} answered the TLS ClientHello with {shown!r}"
        return finding(Code.TLS_NOT_TLS, subject, detail, speaks=speaks(received))
    old = (identify or {}).get("version") in OLD_VERSIONS
    if old or reason in VERSION_REASONS or alert == ALERT_PROTOCOL_VERSION:
        spoken = f"; it speaks {(identify or {}).get('version')}" if old else ""
        detail = f"{subject} refuses TLS 1.2 and 1.3 ({reason or error_text(verify)}){spoken}"
        return finding(Code.TLS_VERSION, subject, detail)
    if alert is not None:
        detail = f"{subject} answered the ClientHello with the TLS alert {ALERT_NAMES.get(alert, alert)}"
        return finding(Code.TLS_RESET, subject, detail)
    if name in TIMEOUTS:
        detail = f"{subject} opened and did not finish the TLS handshake in {took}"
        return finding(Code.TLS_STALLED, subject, detail)
    if name == "SSL" and received:
        return None
    detail = f"{subject} cut the connection {took} after the ClientHello ({error_text(verify) or name})"
    return finding(Code.TLS_RESET, subject, detail)


def shook_hands(verify: Observation | None) -> bool:
    """Did this handshake come to an end, and does it say something: verified, or refused with a reason?"""
    return verify is not None and (error_name(verify) is not None or bool(verify.get("verified")))


def tls_trouble(
    evidence: Evidence, task: str, host: str, address: str | None, *, own_server: bool = False
) -> Finding | None:
    """What the handshake at one address means; `None` if it verified with the host's trust store.

    `own_server` is for peers of one's own house: a private authority that the host lacks is then not an interception.
    """
    verify = evidence.handshake(host, address, "verify", task)
    subject = path_name(address, host)
    if verify is None:
        return None
    if error_name(verify) is None:
        if verify.get("version") not in OLD_VERSIONS:
            return None
        return finding(Code.TLS_VERSION, subject, f"{subject} speaks {verify['version']} at most")
    identify = evidence.handshake(host, address, "identify", task)
    trouble = _bytes_trouble(verify, identify, subject)
    if trouble is None:
        chain = evidence.chain(verify, host) or evidence.chain(identify, host)
        return _certificate_trouble(evidence, verify, chain, host, subject, own_server=own_server)
    if trouble.code is Code.TLS_STALLED and _small_segments_pass(evidence, task, host, address):
        detail = f"{subject} finishes the TLS handshake with segments of 536 bytes and stalls with full ones"
        return finding(Code.PATH_MTU, subject, detail)
    return trouble


def _certificate_trouble(
    evidence: Evidence, verify: Observation, chain: Observation | None, host: str, subject: str, *, own_server: bool
) -> Finding:
    """Whose certificate it is that did not verify."""
    issuer, why = issuer_of(chain), error_text(verify)
    note = _said_all_the_same(evidence, host, verify.get("address"))
    leaf = certificates_of(chain)[0] if certificates_of(chain) else None
    unspoken = f"{subject} and this host do not agree on how to speak TLS 1.2 or later ({why})"
    if chain is None or leaf is None:
        if error_name(verify) == "SSL":
            return finding(Code.TLS_VERSION, subject, unspoken)
        code = VERIFY_CODES.get(error_field(verify, "code"), Code.TLS_UNTRUSTED)
        return finding(code, subject, f"{subject}: {why}{note}", issuer=issuer, names="another name")
    if leaf.get("self_signed"):
        detail = f"{subject} shows a certificate of {leaf.get('subject')} that is signed by itself{note}"
        return finding(Code.TLS_SELF_SIGNED, subject, detail, issuer=str(leaf.get("subject")))
    if not chain.get("covers"):
        names = listed(leaf.get("names", ())) or str(leaf.get("subject"))
        detail = f"{subject} shows a certificate for {names}{note}"
        return finding(Code.TLS_WRONG_NAME, subject, detail, names=names)
    if not (may_be_public(chain) or own_server or chain.get("anchor") == "declared"):
        detail = f"{subject} shows a certificate for {host} issued by {issuer}{note}"
        return finding(Code.TLS_INTERCEPTED, subject, detail, issuer=issuer)
    late = _out_of_time(chain, verify["at"], subject, evidence) if "at" in verify else None
    if late is not None:
        return late
    if error_name(verify) == "SSL":
        return finding(Code.TLS_VERSION, subject, unspoken)
    return finding(Code.TLS_UNTRUSTED, subject, f"{subject}: {why}; issued by {leaf.get('issuer')}", issuer=issuer)


def _said_all_the_same(evidence: Evidence, host: str, address: str | None) -> str:
    """What a peer with a wrong certificate answers: a portal or a block page shows itself."""
    asked = evidence.all("http", task=TENANT, host=host, address=address, purpose="receiver", verified=False)
    said = next((seen for seen in asked if seen.get("status") is not None), None)
    return f"; it answers {described(said)}" if said else ""


def _small_segments_pass(evidence: Evidence, task: str, host: str, address: str | None) -> bool:
    """With small segments the peer's certificate arrives, whatever it is worth."""
    small = evidence.handshake(host, address, "small-mss", task)
    return small is not None and error_name(small) in (None, "VERIFY")
