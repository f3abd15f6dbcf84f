"""HTTPS-01 … HTTPS-07: does port 443 lead to the service, at every address, for every size of packet?"""

from __future__ import annotations

from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    decided,
    duration,
    error_name,
    error_text,
    finding,
    listed,
    notapplicable,
    notchecked,
    parsed_address,
    passed,
    raw,
    seconds,
)
from netcompliance.judge.transport import (
    first_certificate,
    issuer_of,
    paths_to,
    tcp_troubles,
    tls_trouble,
    usable,
)
from netcompliance.model import Case, Finding, Observation, Settings

PROXIED = "the host reaches the service through an explicit proxy, not directly"
NOTHING_PROVED = {"TIMEOUT", "ETIMEDOUT", "ECONNRESET", "EPIPE", "EOF"}
"""Ends of a handshake that show nobody behind an accepted connection."""


def ports_open(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-01. That an address opens proves something only where addresses that do not exist stay closed."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    attempts = usable(evidence.all("tcp", task=TENANT, host=case.host))
    if not attempts:
        return notchecked("no connection to any address came to an end")
    found, opened = tcp_troubles(evidence, TENANT, case.host)
    impostors = [str(seen.get("address")) for seen in evidence.all("tcp", task="control") if error_name(seen) is None]
    if impostors:
        found += [
            finding(
                Code.TCP_ACCEPTS_ANYTHING,
                address,
                f"{listed(impostors)}, which cannot exist, opened too, and at {address} nobody answered TLS",
                host=case.host,
            )
            for address in opened
            if _nobody_behind(evidence, case.host, address)
        ]
    took = [seconds(seen) for seen in attempts if error_name(seen) is None]
    control = "a TEST-NET address opened too, so only TLS proves these" if impostors else "a TEST-NET address did not"
    subject = found[0].subject if found else opened[0]
    return decided(
        found,
        f"{listed(opened)} opened in {duration(max(took, default=0))}; {control}",
        f"nc -vz -w 5 {subject} 443",
    )


def _nobody_behind(evidence: Evidence, host: str, address: str) -> bool:
    tls = evidence.handshake(host, address, "verify")
    return error_name(tls) in NOTHING_PROVED and not raw(tls, "received")


def verifies(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-02."""
    paths = [p for p in paths_to(evidence, TENANT, case.host) if evidence.handshake(case.host, p, "verify")]
    if not paths:
        return notchecked("no TLS handshake came to an end")
    found = [f for path in paths if (f := tls_trouble(evidence, TENANT, case.host, path))]
    versions = [str((evidence.handshake(case.host, p, "verify") or {}).get("version")) for p in paths]
    trust = (evidence.vantage.get("trust") or {}).get("source", "the trust store")
    saw = f"{listed(versions)} verified at {listed(p or 'the proxy' for p in paths)} with {trust}"
    return decided(found, saw, _s_client(case.host, found[0].subject if found else paths[0]))


def _s_client(host: str, subject: str | None) -> str:
    peer = subject if parsed_address(subject) else host
    peer = f"[{peer}]" if peer and ":" in peer else peer
    return f"openssl s_client -connect {peer}:443 -servername {host} -verify_hostname {host} </dev/null"


def ends_at_the_service(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-03. A host may trust an interception that the agent's containers do not."""
    found: list[Finding] = []
    anchors: list[str] = []
    for path in paths_to(evidence, TENANT, case.host):
        tls = evidence.handshake(case.host, path, "verify")
        chain = evidence.chain(tls, case.host)
        if tls is None or not tls.get("verified"):
            continue
        if chain is None:
            return notchecked("the peer's certificate chain could not be read with this interpreter")
        anchor, issuer = chain.get("anchor"), issuer_of(chain)
        subject = path or f"{case.host} through the proxy"
        if anchor:
            anchors.append(f"{issuer} (declared interception)" if anchor == "declared" else issuer)
        elif chain.get("public_issuer") and len(chain.get("certificates") or ()) == 1:
            return notchecked(
                f"only the leaf of the chain was seen, issued by {first_certificate(chain).get('issuer')}"
            )
        else:
            detail = f"{subject} shows a certificate for {case.host} issued by {issuer}, which is no public authority"
            found.append(finding(Code.TLS_INTERCEPTED, subject, detail, issuer=issuer, host=case.host))
    if not anchors and not found:
        return notchecked("no verified TLS handshake was seen")
    return decided(
        found,
        f"the chain reaches {listed(anchors)}",
        _s_client(case.host, found[0].subject if found else None),
    )


def url_is_the_documented(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-04. A pure comparison of text."""
    given, documented = settings.agent_url or "", settings.endpoint
    if given == documented:
        return passed(f"the agent is given {given}")
    difference = _difference(given, documented)
    shown = _without_secrets(given)
    found = finding(
        Code.ENDPOINT_WRONG_URL,
        shown,
        f"{shown}: {difference}",
        difference=difference,
        documented=documented,
        host=case.host,
    )
    return decided([found], "", "")


def _without_secrets(url: str) -> str:
    """The URL without user information and query, which may hold a key."""
    head, _, tail = url.partition("://")
    return f"{head}://{tail.rpartition('@')[2]}".partition("?")[0] if tail else url.partition("?")[0]


def _difference(given: str, documented: str) -> str:
    """The first thing that is wrong, in words."""
    want = urlsplit(documented)
    try:
        got = urlsplit(given)
        port = got.port
    except ValueError:
        return "it is no URL"
    if got.scheme != want.scheme:
        return f"the scheme is {got.scheme or 'missing'}, not https"
    if (got.hostname or "") != want.hostname:
        return f"the host is {got.hostname or 'missing'}, not {want.hostname}"
    if got.username or got.password:
        return "it has user information"
    if port not in (None, 443):
        return f"the port is {port}, not 443"
    if got.path == f"{want.path}/":
        return "it ends with a slash"
    if got.path != want.path:
        return f"the path is {got.path or 'missing'}, not {want.path}"
    if got.query or got.fragment:
        return "something follows the path"
    return "it is spelled differently"


def large_hello_passes(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-05. Whatever comes back, even an alert, shows that the ClientHello arrived."""
    found: list[Finding] = []
    sizes: list[str] = []
    for tls in evidence.all("tls", task=TENANT, host=case.host, purpose="large-hello"):
        address = tls.get("address")
        subject = str(address or f"{case.host} through the proxy")
        size = tls.get("hello_bytes")
        sizes.append(f"{size} bytes")
        if error_name(tls) not in NOTHING_PROVED or raw(tls, "received"):
            continue
        small = evidence.handshake(case.host, address, "large-hello-small-mss")
        if small is not None and (error_name(small) is None or raw(small, "received")):
            detail = f"{subject}: a ClientHello of {size} bytes passes in segments of 536 bytes and not in full ones"
            found.append(finding(Code.PATH_MTU, subject, detail, host=case.host))
        else:
            detail = (
                f"{subject}: no answer to a ClientHello of {size} bytes ({error_text(tls)}); a small one was answered"
            )
            found.append(finding(Code.TLS_LARGE_HELLO_DROPPED, subject, detail, host=case.host))
    if not sizes:
        return notchecked("no handshake with a large ClientHello came to an end")
    return decided(found, f"a ClientHello of {listed(sizes)} was answered", "")


UPLOAD_STATUSES = {413: Code.HTTP_BODY_LIMIT, 414: Code.HTTP_BODY_LIMIT}


def large_requests_pass(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-06. Judged against a small upload of the same kind: what that one gets is not about size."""
    small = evidence.one("http", task=TENANT, host=case.host, purpose="small-upload")
    uploads = evidence.all("http", task=TENANT, host=case.host, purpose="upload")
    if not uploads or small is None:
        return notchecked("no large request came to an end")
    if small.get("status") is None:
        return notchecked(f"a small upload got no answer either ({error_text(small)})")
    found = [f for upload in uploads if (f := _upload_trouble(upload, small, evidence, case.host))][:1]
    sizes = listed(f"{int(u.get('sent_bytes') or 0) // 1000} kB" for u in uploads)
    return decided(found, f"uploads of {sizes} were answered", "")


def _upload_trouble(upload: Observation, small: Observation, evidence: Evidence, host: str) -> Finding | None:
    subject = str(upload.get("address") or f"{host} through the proxy")
    size = f"{int(upload.get('sent_bytes') or 0) // 1000} kB"
    status, name = upload.get("status"), error_name(upload)
    if isinstance(status, int):
        code = UPLOAD_STATUSES.get(status)
        if code is None and status >= 500 and status != small.get("status"):
            code = Code.HTTP_SERVER_ERROR
        detail = f"{subject}: status {status} after {size}; a small upload gets {small.get('status')}"
        return finding(code, subject, detail, host=host) if code else None
    if name in ("TIMEOUT", "ETIMEDOUT"):
        with_small_segments = evidence.one("http", task=TENANT, host=host, purpose="upload-small-mss")
        if with_small_segments is not None and with_small_segments.get("status") is not None:
            detail = f"{subject}: an upload stalls after {size}; the same in segments of 536 bytes is answered"
            return finding(Code.PATH_MTU, subject, detail, host=host)
        return finding(Code.HTTP_STALLED, subject, f"{subject}: an upload stalls after {size}", host=host)
    detail = f"{subject}: the connection is cut after {size} ({error_text(upload) or name}); a small upload is answered"
    return finding(Code.HTTP_CLOSED, subject, detail, host=host)


def ipv6_is_no_trap(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-07."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    attempts = [
        seen
        for seen in evidence.all("tcp", task=TENANT, host=case.host)
        if (ip := parsed_address(seen.get("address"))) and ip.version == 6
    ]
    if not attempts:
        return notapplicable("the tenant's name has no IPv6 address")
    found = [
        finding(
            Code.PATH_IPV6_DEAD,
            str(seen.get("address")),
            f"no answer from {seen.get('address')} in {duration(seconds(seen))}",
            host=case.host,
        )
        for seen in attempts
        if error_name(seen) in ("TIMEOUT", "ETIMEDOUT")
    ]
    how = [f"{a.get('address')} {'opened' if error_name(a) is None else 'failed at once'}" for a in attempts]
    return decided(found, listed(how), f"nc -6 -vz -w 5 {attempts[0].get('address')} 443")
