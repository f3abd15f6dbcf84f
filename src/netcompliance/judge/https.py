"""HTTPS-01 … HTTPS-07: does port 443 lead to the service, at every address, for every size of packet?"""

from __future__ import annotations

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    decided,
    duration,
    error_field,
    error_name,
    error_text,
    finding,
    listed,
    notapplicable,
    notchecked,
    raw,
    seconds,
)
from netcompliance.judge.nameservers import addresses_told
from netcompliance.judge.recognise import author, described
from netcompliance.judge.tls import certificates_of, issuer_of, may_be_public, shook_hands, tls_trouble
from netcompliance.judge.transport import (
    BEFORE_TLS,
    TIMEOUTS,
    path_name,
    paths_to,
    tcp_troubles,
    unfinished,
    usable,
    version_in_use,
    version_of,
)
from netcompliance.model import Case, Finding, Observation, Settings

IMPOSTORS = "addresses that cannot exist open too"
PROXIED = "the host reaches the service through an explicit proxy, not directly"
NOTHING_PROVED = {*TIMEOUTS, "ECONNRESET", "EPIPE", "EOF"}
"""Ends of a handshake that show nobody behind an accepted connection."""

AT_ONCE = 2.0
"""Seconds. A failure that takes longer stalls a caller; a reject may take one second, since TCP asks twice."""


def _known_addresses(evidence: Evidence, host: str, version: int) -> list[str]:
    """Every address of the tenant of this version of IP, whoever told it."""
    told = [*evidence.resolved(host, "bare", "rooted"), *addresses_told(evidence, host)]
    return [address for address in dict.fromkeys(told) if version_of(address) == version]


def ports_open(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-01. That an address opens proves something only where addresses that do not exist stay closed."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    every = evidence.all("tcp", task=TENANT, host=case.host)
    attempts = usable(every)
    if not attempts:
        return notchecked("no connection to any address came to an end")
    found, opened = tcp_troubles(evidence, TENANT, case.host)
    controls = evidence.all("tcp", task="control")
    impostors = [str(seen.get("address")) for seen in controls if error_name(seen) is None]
    unproved = [address for address in opened if _nobody_behind(evidence, case.host, address)]
    if impostors:
        what = f"{listed(impostors)}, which cannot exist, opened too"
        found += [finding(Code.TCP_ACCEPTS_ANYTHING, a, f"{what}, and at {a} nobody answered TLS") for a in unproved]
    tried = [seen.get("address") for seen in every]
    versions = dict.fromkeys((4, version_in_use(every)))
    untried = [a for version in versions for a in _known_addresses(evidence, case.host, version) if a not in tried]
    missing = unfinished(untried, "the attempt to connect")
    if impostors and evidence.by_shell and not missing:
        unshaken = [address for address in opened if evidence.handshake(case.host, address, "verify") is None]
        missing = f"{unfinished(unshaken, 'the TLS handshake')}, and {IMPOSTORS}" if unshaken else ""
    if unproved and not controls:
        missing = missing or "no address that cannot exist was tried, and nobody answered TLS"
    took = max((seconds(seen) for seen in attempts), default=0)
    control = "a TEST-NET address opened too, so only TLS proves these" if impostors else "a TEST-NET address did not"
    return decided(
        found,
        f"{listed(opened)} opened in {duration(took)}; {control if controls else 'no other address was tried'}",
        f"nc -vz -w 5 {found[0].subject if found else opened[0]} 443",
        missing=missing,
    )


def _nobody_behind(evidence: Evidence, host: str, address: str) -> bool:
    tls = evidence.handshake(host, address, "verify")
    return error_name(tls) in NOTHING_PROVED and not raw(tls, "received")


def verifies(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-02."""
    paths = paths_to(evidence, TENANT, case.host)
    if not paths:
        return notchecked("no connection to any address came to an end")
    handshakes = {path: evidence.handshake(case.host, path, "verify") for path in paths}
    found = [f for path in paths if (f := tls_trouble(evidence, TENANT, case.host, path))]
    versions = [str((seen or {}).get("version")) for seen in handshakes.values()]
    trust = evidence.vantage.get("trust", {}).get("source", "the trust store")
    return decided(
        found,
        f"{listed(versions)} verified at {listed(p or 'the proxy' for p in paths)} with {trust}",
        _s_client(case.host, found[0].subject if found else paths[0]),
        missing=unfinished([p for p, seen in handshakes.items() if not shook_hands(seen)], "the TLS handshake"),
    )


def _s_client(host: str, subject: str | None) -> str:
    version = version_of(subject)
    peer = f"[{subject}]" if version == 6 else subject if version else host
    return f"openssl s_client -connect {peer}:443 -servername {host} -verify_hostname {host} </dev/null"


def ends_at_the_service(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-03. A host may trust an interception that the agent's containers do not."""
    found: list[Finding] = []
    anchors: list[str] = []
    unread: list[str | None] = []
    for path in paths_to(evidence, TENANT, case.host):
        tls = evidence.handshake(case.host, path, "verify")
        chain = evidence.chain(tls, case.host) if tls and tls.get("verified") else None
        anchor, issuer = (chain or {}).get("anchor"), issuer_of(chain)
        subject = path_name(path, case.host)
        if chain is None or not certificates_of(chain):
            unread.append(path)
        elif anchor:
            anchors.append(f"{issuer} (declared interception)" if anchor == "declared" else issuer)
        elif may_be_public(chain):
            unread.append(path)
        else:
            detail = f"{subject} shows a certificate for {case.host} issued by {issuer}, which is no public authority"
            found.append(finding(Code.TLS_INTERCEPTED, subject, detail, issuer=issuer))
    missing = unfinished(unread, "reading the whole certificate chain")
    return decided(
        found,
        f"the chain reaches {listed(anchors)}",
        _s_client(case.host, found[0].subject if found else None),
        missing=missing or ("" if anchors else "no verified TLS handshake was seen"),
    )


def large_hello_passes(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-05. Whatever comes back, even an alert, shows that the ClientHello arrived."""
    found: list[Finding] = []
    sizes: list[str] = []
    missing: list[str | None] = []
    unexplained: list[str] = []
    for path in paths_to(evidence, TENANT, case.host):
        tls = evidence.handshake(case.host, path, "large-hello")
        if tls is None or error_field(tls, "phase") in BEFORE_TLS:
            missing.append(path)
            continue
        subject, size = path_name(path, case.host), f"{tls.get('hello_bytes', 'many')} bytes"
        sizes.append(size)
        if error_name(tls) not in NOTHING_PROVED or raw(tls, "received"):
            continue
        small = evidence.handshake(case.host, path, "large-hello-small-mss")
        if small is None and path is not None and evidence.by_shell and error_name(tls) in TIMEOUTS:
            unexplained.append(path)
        elif small is not None and (error_name(small) is None or raw(small, "received")):
            detail = f"{subject}: a ClientHello of {size} passes in segments of 536 bytes and not in full ones"
            found.append(finding(Code.PATH_MTU, subject, detail))
        else:
            detail = f"{subject}: no answer to a ClientHello of {size} ({error_text(tls)}); a small one was answered"
            found.append(finding(Code.TLS_LARGE_HELLO_DROPPED, subject, detail))
    if not sizes:
        return notchecked("no handshake with a large ClientHello came to an end")
    return decided(
        found,
        f"a ClientHello of {listed(sizes)} was answered",
        missing=unfinished(missing, "the handshake with a large ClientHello") or _unexplained(unexplained),
    )


def _unexplained(paths: list[str]) -> str:
    """Silence has two causes, a device or the path's MTU, which small segments would tell apart."""
    if not paths:
        return ""
    return f"a large ClientHello got no answer at {listed(paths)}, and it was not tried in small segments"


def large_requests_pass(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-06. Judged against a small request of the same kind: what that one gets is not about size."""
    every = evidence.all("http", task=TENANT, host=case.host, purpose="upload", verified=True)
    uploads = [upload for upload in every if error_field(upload, "phase") not in (*BEFORE_TLS, "tls")]
    if not uploads:
        return notchecked("no large request came to an end")
    found = [f for upload in uploads if (f := _upload_trouble(upload, evidence, case.host))][:1]
    small = _small_upload(evidence, case.host, uploads[0])
    lost = small is not None and small.get("status") is None
    return decided(
        [] if lost else found,
        f"uploads of {listed(_size(upload) for upload in uploads)} were answered",
        missing=f"a small upload got no answer either ({error_text(small)})" if lost and found else "",
    )


def _small_upload(evidence: Evidence, host: str, upload: Observation) -> Observation | None:
    """A small request by the same method to the same path, made for this or for its own sake."""
    same = {"task": TENANT, "host": host, "path": upload.get("path"), "verified": True}
    return evidence.one("http", purpose="small-upload", **same) or evidence.one("http", purpose="path", **same)


def _size(upload: Observation) -> str:
    return f"{upload.get('request_bytes', upload.get('sent_bytes', 0)) // 1000} kB"


def _upload_trouble(upload: Observation, evidence: Evidence, host: str) -> Finding | None:
    """What is wrong with the answer, if a small request does not get the same. An early answer is an answer."""
    subject, size = path_name(upload.get("address"), host), _size(upload)
    small = _small_upload(evidence, host, upload)
    status, name = upload.get("status"), error_name(upload)
    if status is not None:
        if small is not None and small.get("status") == status:
            return None
        code = Code.HTTP_BODY_LIMIT if status in (413, 414) else author(upload, None, host).code
        of_small = f"; a small one gets {described(small)}" if small else ""
        detail = f"{subject}: an upload of {size} got {described(upload)}{of_small}"
        return finding(code, subject, detail, location=subject) if code else None
    if name in TIMEOUTS:
        in_small_segments = evidence.one("http", task=TENANT, host=host, purpose="upload-small-mss")
        if in_small_segments is not None and in_small_segments.get("status") is not None:
            detail = f"{subject}: an upload of {size} stalls; the same in segments of 536 bytes is answered"
            return finding(Code.PATH_MTU, subject, detail)
        return finding(Code.HTTP_STALLED, subject, f"{subject}: an upload of {size} stalls")
    why = error_text(upload) or name or "no answer"
    return finding(Code.HTTP_CLOSED, subject, f"{subject}: the connection is cut in an upload of {size} ({why})")


def ipv6_is_no_trap(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-07. Where IPv6 is the only way, it is HTTPS-01's."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    every = evidence.all("tcp", task=TENANT, host=case.host)
    attempts = [seen for seen in every if version_of(seen.get("address")) == 6]
    tried = [str(seen.get("address")) for seen in attempts]
    known = list(dict.fromkeys([*tried, *_known_addresses(evidence, case.host, 6)]))
    if not known:
        return notapplicable("the tenant's name has no IPv6 address")
    if version_in_use(every) == 6:
        return notapplicable("IPv6 is the only way to the tenant from here: HTTPS-01 judges it")
    found = [
        finding(
            Code.PATH_IPV6_DEAD,
            str(seen.get("address")),
            f"no connection to {seen.get('address')} in {duration(seconds(seen))} ({error_name(seen)})",
        )
        for seen in attempts
        if error_name(seen) in TIMEOUTS or (error_name(seen) is not None and seconds(seen) > AT_ONCE)
    ]
    how = [f"{seen.get('address')} {'failed at once' if error_name(seen) else 'opened'}" for seen in attempts]
    return decided(
        found,
        listed(how),
        f"nc -6 -vz -w 5 {found[0].subject if found else known[0]} 443",
        missing=unfinished([a for a in known if a not in tried], "the attempt to connect"),
    )
