"""Whose certificate a peer shows, and why it is not taken: by the agent, by OpenSSL, or by both.

Theory. OpenSSL's first complaint is not the cause, and its verdict is not the agent's. So the chain itself is looked
at, as the controller read it: whose is it, what does it lead to, and which rule does a Go client say it breaks?
Only where nothing of that is known do OpenSSL's numbers decide. Each cause has an owner: a chain that lacks its
intermediate is the server's, a root that this host lacks is the host's, a malformed certificate is its issuer's.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from statistics import median

from netcompliance.findings import Code, Team
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    as_utc,
    clock_offset,
    error_name,
    error_of,
    error_text,
    finding,
    listed,
    seconds,
)
from netcompliance.judge.http_responder import described
from netcompliance.model import Finding
from netcompliance.observations import Certificate, Chain, ChainJudged, Http, Proxy, Registry, Tls

CLOCK_TOLERANCE = 60.0
"""Seconds. Certificates and metrics stand this much."""

REMEDIES = {
    "malformed": "issue the certificate {certificate} again with software that follows RFC 5280",
    "negative-serial": "issue the certificate {certificate} again with a positive serial number",
    "duplicate-extension": "issue the certificate {certificate} again with each extension once",
    "weak-signature": "issue the certificate {certificate} again with a SHA-256 signature",
    "unsupported-signature": "issue the certificate {certificate} again, signed with RSA or ECDSA and SHA-256",
    "key-too-small": "issue the certificate {certificate} again with an RSA key of 2048 bits or more",
    "key-too-large": "issue the certificate {certificate} again with an RSA key of 8192 bits or less",
    "unsupported-key": "issue the certificate {certificate} again with an RSA, P-256 or P-384 key",
    "no-alt-name": "issue the certificate {certificate} again with {host} among its subject alternative names",
    "critical-extension": "issue the certificate {certificate} again without that critical extension",
    "name-constraints": "extend the name constraints of the authority to {host}, or use another authority",
    "usage": "issue the certificate {certificate} again with the extended key usage serverAuth, or without any",
    "not-an-authority": "issue the certificate {certificate} again as an authority (CA:TRUE, keyCertSign)",
    "path-length": "use an authority whose path length allows for those below it, or issue from it directly",
    "policies": "issue the certificate {certificate} again with the policies that its authority demands",
    "bad-signature": "find out what damages or forges the certificate on the way from {subject}",
    "issuer-mismatch": "configure the server at {subject} with the certificate of the authority that signed its own",
}
"""What to do about each rule that a certificate breaks, if its authority is known."""

BY_NUMBER = {
    **dict.fromkeys((4, 5, 6, 8, 11, 12, 13, 14, 15, 16, 41, 42, 46, *range(83, 94)), "malformed"),
    7: "bad-signature",
    9: "not-yet-valid",
    10: "expired",
    18: "self-signed",
    **dict.fromkeys((22, 25, 38, 80, 81), "path-length"),
    **dict.fromkeys((24, 32, 37, 79, 82), "not-an-authority"),
    **dict.fromkeys((26, 28, 39, 40), "usage"),
    **dict.fromkeys((29, 30, 31), "issuer-mismatch"),
    34: "critical-extension",
    43: "policies",
    **dict.fromkeys(range(47, 54), "name-constraints"),
    **dict.fromkeys((62, 64), "wrong-name"),
    **dict.fromkeys((66, 67), "key-too-small"),
    68: "weak-signature",
    94: "unsupported-key",
}
"""The rules behind OpenSSL's verify errors (x509_vfy.h); any other is an authority that is missing."""
UNREADABLE = re.compile(r"asn1|cert[_ ]length[_ ]mismatch|bad[_ ]ecc[_ ]cert|invalid[_ ]certificate", re.IGNORECASE)
"""What OpenSSL says where it cannot read a certificate, which is no verify error to it."""
CODES = {
    "not-yet-valid": Code.TLS_NOT_YET_VALID,
    "expired": Code.TLS_EXPIRED,
    "self-signed": Code.TLS_SELF_SIGNED,
    "wrong-name": Code.TLS_WRONG_NAME,
}
"""Rules with a code of their own; one that has a remedy is a certificate that is refused."""
BOTH, AGENT_ONLY = "the agent cannot connect", "works with curl, fails in the agent"


def certificates_of(chain: Chain | None) -> list[Certificate]:
    """The certificates as the controller read them, leaf first."""
    return list(chain.certificates if chain else ())


def issuer_of(chain: Chain | None) -> str:
    """Who signed: the topmost authority that is known, which is the name that people know."""
    certificates = certificates_of(chain)
    top = certificates[-1].issuer if certificates else None
    return str((chain.anchor_name if chain else None) or top or "an unknown issuer")


def may_be_public(chain: Chain) -> bool:
    """Is it a public authority's chain, or may it be? A server that leaves certificates out shows no own root."""
    certificates = certificates_of(chain)
    if chain.anchor == "public":
        return True
    return bool(chain.public_issuer and certificates and not certificates[-1].self_signed)


def refused_by_go(evidence: Evidence, tls: Tls, host: str, subject: str, *, own_server: bool = False) -> Finding | None:
    """What a Go client does not take in a chain that OpenSSL verified; `None` if it takes it, or that is not known."""
    verdict = evidence.judged(tls, host)
    rule = str(verdict.rule or "")
    chain = evidence.chain(tls, host)
    if verdict.takes is not False or chain is None or rule in ("expired", "not-yet-valid"):
        return None
    if rule in REMEDIES:
        return _refused(chain, verdict, rule, host, subject, AGENT_ONLY, own_server=own_server)
    names = _names_of(chain)
    if rule == "wrong-name":
        detail = f"{subject} shows a certificate for {names}; {AGENT_ONLY}"
        return finding(Code.TLS_WRONG_NAME, subject, detail, names=names)
    detail = f"{subject}: {AGENT_ONLY}: {verdict.why}; issued by {issuer_of(chain)}"
    return finding(Code.TLS_UNTRUSTED, subject, detail, issuer=issuer_of(chain))


def taken_by_go_only(evidence: Evidence, host: str, verify: Tls | None, identify: Tls | None) -> bool:
    """Would a Go client take the chain that OpenSSL refused? In TLS 1.3 that chain is hidden, and another handshake may
    have met another server: its chain counts only if it explains what OpenSSL said."""
    if error_name(verify) != "VERIFY":
        return False
    shown = verify.chain if verify else ()
    verdict = evidence.judged(verify if shown else identify, host)
    explained = shown or error_of(verify).code in verdict.minds
    return bool(verdict.takes is True and explained)


def certificate_trouble(
    evidence: Evidence,
    verify: Tls,
    identify: Tls | None,
    host: str,
    subject: str,
    *,
    own_server: bool,
) -> Finding | None:
    """Whose certificate it is that did not verify, and why; `None` where OpenSSL complains of nothing in it."""
    shown = verify if evidence.chain(verify, host) else identify
    chain = evidence.chain(shown, host)
    verdict = evidence.judged(shown, host)
    why = error_text(verify)
    note = _said_all_the_same(evidence, host, verify.address) + _only_for_curl(evidence, verdict)
    certificates = certificates_of(chain)
    rule = str(verdict.rule or _rule_of(verify))
    if chain is None or not certificates:
        if error_name(verify) == "SSL" and rule not in REMEDIES:
            return None
        known = ChainJudged(subject=verdict.subject, why=verdict.why or why)
        return _by_rule(chain or Chain(), known, rule, host, subject, note, own_server=own_server)
    if verdict.takes is True and error_name(verify) == "VERIFY":
        note = "; a second handshake there showed a certificate that is right"
        known = ChainJudged(subject=verdict.subject, why=why)
        return _by_rule(chain, known, rule, host, subject, note, own_server=own_server)
    leaf = certificates[0]
    declared = chain.anchor == "declared"
    if leaf.self_signed and not declared and not (own_server and chain.covers):
        detail = f"{subject} shows a certificate of {leaf.subject} that is signed by itself{note}"
        return finding(Code.TLS_SELF_SIGNED, subject, detail, issuer=str(leaf.subject))
    if rule == "no-alt-name" and _is_named(leaf, host):
        return _refused(chain, verdict, rule, host, subject, BOTH, own_server=own_server)
    if not chain.covers:
        detail = f"{subject} shows a certificate for {_names_of(chain)}{note}"
        return finding(Code.TLS_WRONG_NAME, subject, detail, names=_names_of(chain))
    if not (may_be_public(chain) or own_server or declared):
        issuer = issuer_of(chain)
        detail = f"{subject} shows a certificate for {host} issued by {issuer}{note}"
        return finding(Code.TLS_INTERCEPTED, subject, detail, issuer=issuer)
    late = _out_of_time(chain, verify, subject, evidence, own_server=own_server)
    if late is not None:
        return late
    if rule in REMEDIES:
        known = ChainJudged(subject=verdict.subject, why=verdict.why or why)
        return _refused(chain, known, rule, host, subject, BOTH, own_server=own_server)
    if error_name(verify) == "SSL":
        return None
    return _without_authority(evidence, chain, verdict, subject, why, own_server=own_server)


def trouble_at_the_proxy(seen: Proxy, host: str, subject: str) -> Finding:
    """Why a proxy's own certificate did not verify, by OpenSSL's number: its chain is not kept. Only an authority that
    this host lacks is the host's business."""
    rule, why = _rule_of(seen), error_text(seen)
    if rule in REMEDIES or (rule in CODES and rule != "self-signed"):
        found = _by_rule(
            Chain(), ChainJudged(why=f"the proxy's own certificate: {why}"), rule, host, subject, "", own_server=False
        )
        return replace(found, values={**found.values, "ask": Team.PROXY})
    whose = "of the proxy's own certificate"
    return finding(Code.TLS_UNTRUSTED, subject, f"{subject}: the authority {whose}: {why}", issuer=whose)


def _rule_of(verify: Tls | Proxy) -> str:
    """The rule behind OpenSSL's complaint."""
    if error_name(verify) == "SSL":
        said = f"{error_of(verify).reason or ''} {error_text(verify)}"
        return "malformed" if UNREADABLE.search(said) else ""
    return BY_NUMBER.get(error_of(verify).code or 0, "")


def _by_rule(
    chain: Chain, verdict: ChainJudged, rule: str, host: str, subject: str, note: str, *, own_server: bool
) -> Finding:
    """What is known without a readable certificate."""
    if rule in REMEDIES:
        return _refused(chain, verdict, rule, host, subject, BOTH, own_server=own_server)
    code = Code.TLS_OWN_SELF_SIGNED if rule == "self-signed" and own_server else CODES.get(rule, Code.TLS_UNTRUSTED)
    detail = f"{subject}: {verdict.why}{note}"
    return finding(code, subject, detail, issuer=issuer_of(chain), names="another name")


def _refused(
    chain: Chain,
    verdict: ChainJudged,
    rule: str,
    host: str,
    subject: str,
    effect: str,
    *,
    own_server: bool,
) -> Finding:
    """A certificate that breaks a rule."""
    certificates = certificates_of(chain)
    meant = str(verdict.subject or (certificates[0].subject if certificates else "") or host)
    fault = str(verdict.why or rule)
    remedy = REMEDIES[rule].format(certificate=meant, host=host, subject=subject)
    detail = f"{subject}: {effect}: the certificate {meant}: {fault}; issued by {issuer_of(chain)}"
    ask = _owner(chain, own_server=own_server)
    return finding(Code.TLS_CERTIFICATE_REFUSED, subject, detail, effect=effect, fault=fault, remedy=remedy, ask=ask)


def _owner(chain: Chain, *, own_server: bool) -> Team:
    """Who is responsible for what the peer shows."""
    if own_server:
        return Team.REGISTRY
    return Team.VENDOR if may_be_public(chain) else Team.PROXY


def _without_authority(
    evidence: Evidence,
    chain: Chain,
    verdict: ChainJudged,
    subject: str,
    why: str,
    *,
    own_server: bool,
) -> Finding:
    """The right certificate, and this host does not get from it to an authority that it trusts."""
    certificates, issuer = certificates_of(chain), issuer_of(chain)
    leaf, top = certificates[0], certificates[-1]
    detail = f"{subject}: {why}; issued by {leaf.issuer}{_only_for_curl(evidence, verdict)}"
    if leaf.self_signed and own_server:
        own = str(leaf.subject)
        detail = f"{subject} shows a certificate of {own} that is signed by itself"
        return finding(Code.TLS_OWN_SELF_SIGNED, subject, detail, issuer=own)
    if not evidence.agents_eyes:
        return finding(Code.TLS_UNTRUSTED, subject, detail, issuer=issuer)
    anchor = verdict.anchor if verdict.anchor is not None else chain.anchor if verdict.sent is None else None
    if anchor == "public":
        more = _only_for_curl(evidence, verdict)
        detail = f"{subject}: {why}; the chain leads to {issuer}, a public authority{more}"
        return finding(Code.TLS_ROOTS_OUTDATED, subject, detail, issuer=issuer)
    links = chain.anchor or chain.public_issuer or top.aia
    another_key = verdict.rule == "another-key"
    if anchor is None and links and not another_key and not top.self_signed:
        missing = str(top.issuer)
        detail = f"{subject}: {why}; it does not send the certificate of {missing}"
        ask = _owner(chain, own_server=own_server)
        return finding(Code.TLS_CHAIN_INCOMPLETE, subject, detail, issuer=missing, ask=ask)
    if another_key:
        detail += f"; {verdict.why} in the trust store of this host"
    return finding(Code.TLS_UNTRUSTED, subject, detail, issuer=issuer)


def _only_for_curl(evidence: Evidence, verdict: ChainJudged) -> str:
    """A remark where the system's tools trust what the agent does not."""
    if verdict.curl is not True:
        return ""
    return f"; {AGENT_ONLY}: the authority is in {_system(evidence)}, and Go programs do not read it there"


def only_for_the_agent(evidence: Evidence, host: str, *handshakes: Tls | None) -> str:
    """A remark where the agent trusts what the system's tools do not."""
    if not any(evidence.judged(seen, host).curl is False for seen in handshakes):
        return ""
    return f"; works in the agent, fails with curl: the authority is not in {_system(evidence)}"


def _system(evidence: Evidence) -> str:
    return str(evidence.vantage.system_trust or "the store of OpenSSL and curl")


def _names_of(chain: Chain) -> str:
    certificates = certificates_of(chain)
    leaf = certificates[0] if certificates else Certificate()
    return listed(leaf.names) or str(leaf.subject)


def _is_named(leaf: Certificate, host: str) -> bool:
    """Does its common name name the host, or a wildcard for it?"""
    wanted = {host.lower(), f"*.{host.lower().partition('.')[2]}"}
    parts = str(leaf.subject or "").split(",")
    return any(part[:3].upper() == "CN=" and part[3:].lower() in wanted for part in parts)


def _said_all_the_same(evidence: Evidence, host: str, address: str | None) -> str:
    """What a peer with a wrong certificate answers: a portal or a block page shows itself."""
    asked = evidence.all(Http, task=TENANT, host=host, address=address, purpose="receiver", verified=False)
    said = next((seen for seen in asked if seen.status is not None), None)
    return f"; it answers {described(said)}" if said else ""


def _moment(text: str | None) -> float | None:
    try:
        return as_utc(datetime.fromisoformat(text or "")).timestamp()
    except (ValueError, OverflowError):
        return None


def service_clock_offset(evidence: Evidence) -> float | None:
    """Seconds by which the host's clock is ahead, by the median of all dated answers; `None` without any."""
    answers: list[Http | Registry] = [*evidence.all(Http), *evidence.all(Registry)]
    offsets = [offset for seen in answers if (offset := clock_offset(seen)) is not None]
    return median(offsets) if offsets else None


def _out_of_time(chain: Chain, verify: Tls, subject: str, evidence: Evidence, *, own_server: bool) -> Finding | None:
    """A certificate of the chain that was out of its time at the end of the handshake; the host's clock if that
    explains it."""
    if verify.at is None:
        return None
    at, offset = verify.at + seconds(verify), service_clock_offset(evidence)
    for certificate in certificates_of(chain):
        begin, end = _moment(certificate.not_before), _moment(certificate.not_after)
        if begin is None or end is None or begin <= at <= end or certificate.on_path is False:
            continue
        past = at > end
        when = f"ended {certificate.not_after}" if past else f"begins {certificate.not_before}"
        detail = f"{subject} shows a certificate of {certificate.subject} whose time {when}"
        if offset is not None and abs(offset) > CLOCK_TOLERANCE and begin <= at - offset <= end:
            side = "ahead of" if offset > 0 else "behind"
            detail = f"the host's clock is {abs(offset):.0f} s {side} its peers'; {detail}"
            return finding(Code.CLOCK_OFF, subject, detail)
        code = Code.TLS_EXPIRED if past else Code.TLS_NOT_YET_VALID
        return finding(code, subject, detail, ask=_owner(chain, own_server=own_server))
    return None
