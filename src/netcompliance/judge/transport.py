"""What went wrong with a connection or a handshake, whoever the peer is.

Theory of TLS trouble, in the order in which it is decided:

1. Were there bytes at all? None before a time-out is a stall, none before a cut is a filter.
2. Were they TLS? Plain HTTP, SSH or noise on port 443 is somebody else.
3. Was it an alert? A version alert is about versions; any other refuses the name.
4. Whose certificate is it? Read from the chain itself, not from the first thing OpenSSL complained about: signed by
   itself, for another name, by an authority that is not public (somebody on the way), or out of its time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from statistics import median

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    Evidence,
    clock_offset,
    duration,
    error_field,
    error_name,
    error_text,
    finding,
    listed,
    parsed_address,
    raw,
    seconds,
)
from netcompliance.model import Finding, Observation

CLOCK_TOLERANCE = 60.0
"""Seconds. Certificates and metrics stand this much."""

TCP_CODES = {
    "ECONNREFUSED": Code.TCP_REFUSED,
    "ECONNRESET": Code.TCP_REFUSED,
    "ECONNABORTED": Code.TCP_REFUSED,
    "TIMEOUT": Code.TCP_FILTERED,
    "ETIMEDOUT": Code.TCP_FILTERED,
}
"""Every other error of connect() means that there is no way."""

NO_IPV6_ROUTE = ("ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT")
"""The host itself has no way to send there: nothing left it."""

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


def tcp_trouble(seen: Observation, host: str, others_open: Iterable[str] = ()) -> Finding | None:
    """What an attempt to connect means; `None` if it opened."""
    name = error_name(seen)
    if name is None:
        return None
    address = str(seen.get("address"))
    code = TCP_CODES.get(name, Code.TCP_UNREACHABLE)
    open_elsewhere = listed(others_open)
    if code is Code.TCP_FILTERED and open_elsewhere:
        code = Code.TCP_PARTLY_FILTERED
    if code in (Code.TCP_FILTERED, Code.TCP_PARTLY_FILTERED):
        syns = seen.get("syns")
        sent = f"{syns} SYNs" if isinstance(syns, int) and syns > 1 else "SYN"
        detail = f"no answer to {sent} in {duration(seconds(seen))} from {address}"
        detail += f"; {open_elsewhere} opened" if open_elsewhere else ""
    else:
        how = "refused" if code is Code.TCP_REFUSED else (error_text(seen) or name)
        detail = f"{address} {how} after {duration(seconds(seen))}{_icmp(seen)}"
    return finding(code, address, detail, host=host)


def _icmp(seen: Observation) -> str:
    icmp = error_field(seen, "icmp")
    if not isinstance(icmp, dict):
        return ""
    return f", by ICMP type {icmp.get('type')} code {icmp.get('code')} from {icmp.get('from')}"


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
    """Do the bytes begin like a TLS record (handshake or alert, version 3.x)?"""
    return len(received) >= 2 and received[0] in (0x14, 0x15, 0x16, 0x17) and received[1] == 0x03


def alert_of(received: bytes) -> int | None:
    """The description of the TLS alert that the bytes begin with."""
    return received[6] if len(received) >= 7 and received[0] == 0x15 and received[1] == 0x03 else None


def first_certificate(chain: Observation | None) -> dict[str, object]:
    """The leaf as the controller read it; empty if there is none."""
    certificates = (chain or {}).get("certificates") or ()
    return dict(certificates[0]) if certificates and isinstance(certificates[0], dict) else {}


def issuer_of(chain: Observation | None) -> str:
    """Who signed: the topmost authority that was shown, which is the name that people know."""
    certificates = [c for c in (chain or {}).get("certificates") or () if isinstance(c, dict)]
    if not certificates:
        return "an unknown issuer"
    anchor = (chain or {}).get("anchor_name")
    return str(anchor or certificates[-1].get("issuer") or "an unknown issuer")


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
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


def _out_of_time(chain: Observation | None, at: float, host: str, subject: str, evidence: Evidence) -> Finding | None:
    """A certificate of the chain that is out of its time; the host's clock if that explains it."""
    offset = service_clock_offset(evidence)
    for certificate in (chain or {}).get("certificates") or ():
        begin, end = _moment(certificate.get("not_before")), _moment(certificate.get("not_after"))
        if begin is None or end is None or begin.timestamp() <= at <= end.timestamp():
            continue
        past = at > end.timestamp()
        when = f"ended {end:%Y-%m-%d %H:%M}Z" if past else f"begins {begin:%Y-%m-%d %H:%M}Z"
        detail = f"{subject} shows a certificate of {certificate.get('subject')} whose time {when}"
        if offset is not None and abs(offset) > CLOCK_TOLERANCE and begin.timestamp() <= at - offset <= end.timestamp():
            side = "ahead of" if offset > 0 else "behind"
            detail = f"the host's clock is {abs(offset):.0f} s {side} its peers'; {detail}"
            return finding(Code.CLOCK_OFF, subject, detail, host=host)
        return finding(Code.TLS_EXPIRED if past else Code.TLS_NOT_YET_VALID, subject, detail, host=host)
    return None


def _bytes_trouble(verify: Observation, host: str, subject: str) -> Finding | None:
    """Trouble that ended the handshake before a certificate could be judged; `None` if it is about the certificate."""
    name, received = error_name(verify), raw(verify, "received")
    reason = str(error_field(verify, "reason") or "")
    took = duration(seconds(verify))
    alert = alert_of(received)
    if name in (None, "VERIFY"):
        return None
    if received and not is_tls_record(received):
        shown = received[:40].decode("ascii", "replace")
        detail = f"{subject} answered the TLS ClientHello with {shown!r}"
        return finding(Code.TLS_NOT_TLS, subject, detail, speaks=speaks(received), host=host)
    if reason in VERSION_REASONS or alert == ALERT_PROTOCOL_VERSION:
        return finding(
            Code.TLS_VERSION,
            subject,
            f"{subject} refuses TLS 1.2 and 1.3 ({reason or error_text(verify)})",
            host=host,
        )
    if alert is not None:
        detail = f"{subject} answered the ClientHello with the TLS alert {ALERT_NAMES.get(alert, alert)}"
        return finding(Code.TLS_RESET, subject, detail, host=host)
    if name in ("TIMEOUT", "ETIMEDOUT"):
        return finding(
            Code.TLS_STALLED,
            subject,
            f"{subject} opened and did not finish the TLS handshake in {took}",
            host=host,
        )
    detail = f"{subject} cut the connection {took} after the ClientHello ({error_text(verify) or name})"
    return finding(Code.TLS_RESET, subject, detail, host=host)


def tls_trouble(
    evidence: Evidence, task: str, host: str, address: str | None, *, own_server: bool = False
) -> Finding | None:
    """What the handshake at one address means; `None` if it verified with the host's trust store.

    `own_server` is for peers of one's own house: a private authority that the host lacks is then not an interception.
    """
    verify = evidence.handshake(host, address, "verify", task)
    if verify is None or error_name(verify) is None:
        return None
    subject = address or f"{host} through the proxy"
    trouble = _bytes_trouble(verify, host, subject)
    if trouble is not None:
        if trouble.code is Code.TLS_STALLED and _small_segments_pass(evidence, task, host, address):
            detail = f"{subject} finishes the TLS handshake with segments of 536 bytes and stalls with full ones"
            return finding(Code.PATH_MTU, subject, detail, host=host)
        return trouble
    identify = evidence.handshake(host, address, "identify", task)
    chain = evidence.chain(verify, host) or evidence.chain(identify, host)
    leaf, issuer = first_certificate(chain), issuer_of(chain)
    raw_text = error_text(verify)
    if chain is None:
        return finding(Code.TLS_UNTRUSTED, subject, f"{subject}: {raw_text}", issuer=issuer, host=host)
    if leaf.get("self_signed"):
        detail = f"{subject} shows a certificate of {leaf.get('subject')} that is signed by itself"
        return finding(Code.TLS_SELF_SIGNED, subject, detail, issuer=str(leaf.get("subject")), host=host)
    if not chain.get("covers"):
        names = listed(map(str, _names(leaf))) or str(leaf.get("subject"))
        return finding(
            Code.TLS_WRONG_NAME, subject, f"{subject} shows a certificate for {names}", names=names, host=host
        )
    late = _out_of_time(chain, float(verify.get("at") or 0), host, subject, evidence)
    public = chain.get("anchor") == "public" or (
        chain.get("public_issuer") and len(chain.get("certificates") or ()) == 1
    )
    if not public and not own_server and chain.get("anchor") != "declared":
        detail = f"{subject} shows a certificate for {host} issued by {issuer}"
        return finding(Code.TLS_INTERCEPTED, subject, detail, issuer=issuer, host=host)
    if late is not None:
        return late
    detail = f"{subject}: {raw_text}; issued by {leaf.get('issuer')}"
    return finding(Code.TLS_UNTRUSTED, subject, detail, issuer=issuer, host=host)


def _names(leaf: dict[str, object]) -> list[object]:
    names = leaf.get("names")
    return list(names) if isinstance(names, (list, tuple)) else []


def _small_segments_pass(evidence: Evidence, task: str, host: str, address: str | None) -> bool:
    """With small segments the peer's certificate arrives, whatever it is worth."""
    small = evidence.handshake(host, address, "small-mss", task)
    return small is not None and error_name(small) in (None, "VERIFY")


def connected_addresses(evidence: Evidence, task: str, host: str) -> list[str]:
    """Addresses of the name at which TCP opened, in the order in which they were tried."""
    return [
        str(seen.get("address"))
        for seen in evidence.all("tcp", task=task, host=host)
        if error_name(seen) is None and seen.get("address")
    ]


def paths_to(evidence: Evidence, task: str, host: str) -> list[str | None]:
    """What TLS was tried over: each address that opened, or the way through the proxy (`None`)."""
    return [None] if evidence.proxy_for(host) else list(dict.fromkeys(connected_addresses(evidence, task, host)))


def usable(attempts: Iterable[Observation]) -> list[Observation]:
    """The attempts by which a name is judged: IPv4, or IPv6 where IPv4 has no address or no way out of the host at
    all."""
    every = list(attempts)
    by_version: dict[int, list[Observation]] = {4: [], 6: []}
    for seen in every:
        ip = parsed_address(seen.get("address"))
        if ip is not None:
            by_version[ip.version].append(seen)
    stuck = all(error_name(seen) in NO_IPV6_ROUTE for seen in by_version[4])
    return by_version[6] if stuck and by_version[6] else by_version[4]


def tcp_troubles(evidence: Evidence, task: str, host: str) -> tuple[list[Finding], list[str]]:
    """Findings for a name's addresses, and the addresses that opened."""
    attempts = usable(evidence.all("tcp", task=task, host=host))
    opened = [str(seen.get("address")) for seen in attempts if error_name(seen) is None]
    return [f for seen in attempts if (f := tcp_trouble(seen, host, opened))], opened
