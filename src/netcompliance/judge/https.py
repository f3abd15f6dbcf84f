"""HTTPS-01 … HTTPS-09: does port 443 lead to the service, at every address, for every size of packet?"""

from __future__ import annotations

from collections.abc import Mapping

from netcompliance.findings import Code
from netcompliance.judge import uploads
from netcompliance.judge.certificates import (
    certificates_of,
    issuer_of,
    may_be_public,
    only_for_the_agent,
    taken_by_go_only,
)
from netcompliance.judge.commands import curl, s_client
from netcompliance.judge.evidence import (
    TENANT,
    Evidence,
    Outcome,
    decided,
    decoded,
    duration,
    error_name,
    error_of,
    error_text,
    finding,
    listed,
    notapplicable,
    notchecked,
    seconds,
)
from netcompliance.judge.hangs import (
    UNVERIFIED,
    certificate_share,
    hello_trouble,
    hellos_are_doubtful,
    missing_answers,
    missing_certificates,
)
from netcompliance.judge.hello import (
    NOTHING_PROVED,
    agents_hello_is_answered,
    padded_hello,
    padded_trouble,
    size_of,
    unexplained,
)
from netcompliance.judge.http_responder import author, described
from netcompliance.judge.judges import CHAIN, HANDSHAKES, judges, observed
from netcompliance.judge.nameservers import given_addresses
from netcompliance.judge.shares import held_back, missing_shares, opens, share_trouble, shares_of
from netcompliance.judge.tls import refused_by_openssl, shook_hands, tls_trouble
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
from netcompliance.model import Case, Finding, Result, Settings
from netcompliance.observations import DnsShare, Http, Shares, Tcp, Tls, Trust

IMPOSTORS = "addresses that cannot exist open too"
PROXIED = "the host reaches the service through an explicit proxy, not directly"

HANGING = (Code.TLS_STALLED, Code.TLS_RESET, Code.PATH_MTU)
"""What a single handshake shows of a share that hangs."""
SERIES = 30
"""Answers, of which new addresses in the last sixth say that there are more."""
SLOW_HANDSHAKE = 2.5
"""Seconds. More than distance and a lost packet cost."""
AT_ONCE = 2.0
"""Seconds. A failure that takes longer stalls a caller; a reject may take one second, since TCP asks twice."""
HELLOS = (
    *("agent-hello", "agent-hello-again", "agent-hello-small-mss", "classic-hello", "http1-hello"),
    "plain-hello",
    *("large-hello", "large-hello-small-mss", "small-mss"),
)


def _known_addresses(evidence: Evidence, host: str, version: int) -> list[str]:
    """Every address of the tenant of this version of IP, whoever told it."""
    told = [*evidence.resolved(host, "bare", "rooted"), *given_addresses(evidence, host)]
    return [address for address in dict.fromkeys(told) if version_of(address) == version]


@judges(
    "HTTPS-01",
    observes=[observed("tcp", task="tenant"), observed("shares"), observed("tcp", about=(), task="control")],
    unseen=["tcp", "shares", "tls"],
)
def ports_open(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-01. That an address opens proves something only where addresses that do not exist stay closed."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    every = evidence.all(Tcp, task=TENANT, host=case.host)
    attempts = usable(every)
    if not attempts:
        return notchecked("no connection to any address came to an end")
    found, opened = tcp_troubles(evidence, TENANT, case.host)
    controls = evidence.all(Tcp, task="control")
    impostors = [str(seen.address) for seen in controls if error_name(seen) is None]
    unproved = [address for address in opened if _nobody_behind(evidence, case.host, address)]
    if impostors:
        what = f"{listed(impostors)}, which cannot exist, opened too"
        found += [finding(Code.TCP_ACCEPTS_ANYTHING, a, f"{what}, and at {a} nobody answered TLS") for a in unproved]
    tried = {seen.address for seen in every}
    versions = dict.fromkeys((4, version_in_use(every)))
    untried = [a for version in versions for a in _known_addresses(evidence, case.host, version) if a not in tried]
    missing = unfinished(untried, "the attempt to connect") or missing_shares(evidence, case.host, opened)
    if impostors and evidence.by_shell and not missing:
        unshaken = [address for address in opened if evidence.handshake(case.host, address, "verify") is None]
        missing = f"{unfinished(unshaken, 'the TLS handshake')}, and {IMPOSTORS}" if unshaken else ""
    missing = missing or _still_coming(evidence, case.host)
    if unproved and not controls:
        missing = missing or "no address that cannot exist was tried, and nobody answered TLS"
    shares = shares_of(evidence, case.host)
    beyond = [seen for seen in every if seen.full is False]
    sampled = f"; TLS and requests were checked at {len(every) - len(beyond)} of {len(every)}" if beyond else ""
    took = max((seconds(seen) for seen in attempts), default=0)
    control = "a TEST-NET address opened too, so only TLS proves these" if impostors else "a TEST-NET address did not"
    return decided(
        found,
        f"{listed(opened)} opened in {duration(took)}; {control if controls else 'no other address was tried'}"
        f"{sampled}{held_back(shares.values())}",
        f"nc -vz -w 5 {found[0].subject if found else opened[0]} 443",
        missing=missing,
    )


def _still_coming(evidence: Evidence, host: str) -> str:
    """Why not all addresses were tried, where look-ups went on to give new ones; empty if they did not."""
    for seen in evidence.all(DnsShare):
        answered, newest = int(seen.answered or 0), int(seen.newest or 0)
        if (seen.name or "").rstrip(".") == host and answered > SERIES and newest * 6 > answered * 5:
            known = len(set(seen.addresses))
            return f"{seen.server} gave {known} addresses in {answered} answers, and new ones to the last"
    return ""


def _nobody_behind(evidence: Evidence, host: str, address: str) -> bool:
    tls = evidence.handshake(host, address, "verify")
    return error_name(tls) in NOTHING_PROVED and not decoded(tls.received if tls else None)


@judges(
    "HTTPS-02",
    observes=[
        HANDSHAKES,
        observed("tls", purpose=("verify-again", "share", "share-identify")),
        CHAIN,
        observed("shares"),
        observed("exchanges"),
    ],
    unseen=["tcp", "tls"],
)
def verifies(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-02."""
    paths = paths_to(evidence, TENANT, case.host)
    if not paths:
        return notchecked("no connection to any address came to an end")
    handshakes = {path: evidence.handshake(case.host, path, "verify") for path in paths}
    found = [f for path in paths for f in _handshake_troubles(evidence, case.host, path)]
    versions = [str(seen.version if seen else None) for seen in handshakes.values()]
    store = evidence.vantage.trust or Trust()
    trust = "the trust store" if store.source is None else store.source
    return decided(
        found,
        f"{listed(versions)} verified at {listed(p or 'the proxy' for p in paths)} with {trust}"
        f"{_refused_by_openssl(evidence, case.host, handshakes)}"
        f"{only_for_the_agent(evidence, case.host, *handshakes.values())}",
        s_client(evidence, case.host, found[0].subject if found else paths[0], found[0] if found else None),
        missing=_of_openssl_alone(case.host, handshakes)
        or unfinished([p for p, seen in handshakes.items() if not shook_hands(seen)], "the TLS handshake")
        or missing_answers(evidence, case.host)
        or missing_certificates(evidence, case.host, paths),
    )


def _refused_by_openssl(evidence: Evidence, host: str, handshakes: Mapping[str | None, Tls | None]) -> str:
    """A remark where OpenSSL does not take what the agent takes."""
    refused = [
        f"{path_name(path, host)} ({error_text(seen)})"
        for path, seen in handshakes.items()
        if taken_by_go_only(evidence, host, seen, evidence.handshake(host, path, "identify"))
    ]
    return f"; works in the agent, fails with curl: {listed(refused)}" if refused else ""


def _of_openssl_alone(host: str, handshakes: Mapping[str | None, Tls | None]) -> str:
    """Why nothing is known of the agent's handshake, where OpenSSL ended this one for a reason of its own."""
    refused = [
        f"{path_name(p, host)} ({error_text(seen)})" for p, seen in handshakes.items() if refused_by_openssl(seen)
    ]
    return f"OpenSSL ends the handshake, and the agent may not: {listed(refused)}" if refused else ""


def _handshake_troubles(evidence: Evidence, host: str, path: str | None) -> list[Finding]:
    """What is wrong on one way. Where a share of all handshakes hangs, one that hung is one of these; likewise where a
    share is shown another certificate."""
    trouble, share = tls_trouble(evidence, TENANT, host, path), hello_trouble(evidence, host, path)
    other = certificate_share(evidence, host, path)
    if other and trouble and error_name(evidence.handshake(host, path, "verify")) == UNVERIFIED:
        trouble = None
    some_hang = share is not None or hellos_are_doubtful(shares_of(evidence, host).get(str(path)))
    if trouble is not None and trouble.code in HANGING and some_hang:
        trouble = None
    return [each for each in (trouble, share, other) if each]


@judges("HTTPS-03", observes=[HANDSHAKES, CHAIN], unseen=["tls", "chain"])
def ends_at_the_service(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-03. A host may trust an interception that the agent's containers do not."""
    found: list[Finding] = []
    anchors: list[str] = []
    unread: list[str | None] = []
    for path in paths_to(evidence, TENANT, case.host):
        tls = evidence.handshake(case.host, path, "verify")
        chain = evidence.chain(tls, case.host) if tls and tls.verified else None
        anchor, issuer = (chain.anchor if chain else None), issuer_of(chain)
        subject = path_name(path, case.host)
        if chain is None or not certificates_of(chain):
            unread.append(path)
        elif anchor:
            anchors.append(f"{issuer} (declared interception)" if anchor == "declared" else issuer)
        elif may_be_public(chain) or chain.unreadable:
            unread.append(path)
        else:
            detail = f"{subject} shows a certificate for {case.host} issued by {issuer}, which is no public authority"
            found.append(finding(Code.TLS_INTERCEPTED, subject, detail, issuer=issuer))
    missing = unfinished(unread, "reading the whole certificate chain")
    return decided(
        found,
        f"the chain reaches {listed(anchors)}",
        s_client(evidence, case.host, found[0].subject if found else None),
        missing=missing or ("" if anchors else "no verified TLS handshake was seen"),
    )


@judges("HTTPS-09", observes=[HANDSHAKES], unseen=["tcp", "tls"])
def shakes_hands_quickly(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-09. Two handshakes side by side must agree that it is slow; a shell has one, and is slow itself."""
    if evidence.by_shell:
        return notchecked("a shell's own time cannot be told from that of a handshake")
    paths = paths_to(evidence, TENANT, case.host)
    handshakes = {path: evidence.handshake(case.host, path, "verify") for path in paths}
    took = {
        path: min(seconds(seen), seconds(evidence.handshake(case.host, path, "agent-hello") or seen))
        for path, seen in handshakes.items()
        if seen and seen.verified
    }
    found = [
        finding(Code.TLS_SLOW, name, f"{name}: the TLS handshake takes {value:.0f} s")
        for path, value in took.items()
        for name in [path_name(path, case.host)]
        if value >= SLOW_HANDSHAKE
    ]
    return decided(
        found,
        f"the slowest handshake took {duration(max(took.values(), default=0.0))}",
        f"{curl(evidence, case.host)} -so /dev/null -w '%{{time_connect}} %{{time_appconnect}}\\n' https://{case.host}/",
        missing="" if took else "no verified TLS handshake was seen",
    )


@judges(
    "HTTPS-05",
    observes=[observed("tls", purpose=HELLOS), observed("http2")],
    unseen=["tls", "large-hello", "small-segments"],
)
def large_hello_passes(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-05. A shell has a large ClientHello and not the agent's: it may find that it is dropped, no more."""
    if evidence.all(Tls, task=TENANT, host=case.host, purpose="agent-hello"):
        return agents_hello_is_answered(case, evidence)
    outcome = _padded_hello_passes(case, evidence)
    if evidence.agents_eyes and outcome.result is Result.PASS:
        return notchecked("a shell cannot send the agent's own ClientHello")
    return outcome


def _padded_hello_passes(case: Case, evidence: Evidence) -> Outcome:
    """As it was judged before the agent's own was sent. Whatever comes back, even an alert, shows that it arrived."""
    sent: dict[str | None, Tls] = {}
    missing: list[str | None] = []
    paths = paths_to(evidence, TENANT, case.host)
    for path in paths:
        tls = padded_hello(evidence, TENANT, case.host, path)
        if tls is None:
            missing.append(path)
        else:
            sent[path] = tls
    if not sent:
        return notchecked("no handshake with a large ClientHello came to an end")
    return decided(
        [trouble for path in sent if (trouble := padded_trouble(evidence, TENANT, case.host, path))],
        f"a ClientHello of {listed(size_of(tls) for tls in sent.values())} was answered",
        missing=unfinished(missing, "the handshake with a large ClientHello")
        or unexplained(evidence, TENANT, case.host, paths),
    )


@judges(
    "HTTPS-06", observes=[observed("http", purpose=("small-upload", "upload", "upload-small-mss"))], unseen=["http"]
)
def large_requests_pass(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-06 (`uploads`). Of journals of version 1, one address is known, and the control is another size's."""
    if evidence.agents_eyes:
        return uploads.large_requests_pass(case, evidence, settings)
    every = evidence.all(Http, task=TENANT, host=case.host, purpose="upload", verified=True)
    asked = [upload for upload in every if error_of(upload).phase not in (*BEFORE_TLS, "tls")]
    if not asked:
        return notchecked("no large request came to an end")
    found = [f for upload in asked if (f := _upload_trouble(upload, evidence, case.host))][:1]
    small = _small_upload(evidence, case.host, asked[0])
    lost = small is not None and small.status is None
    return decided(
        [] if lost else found,
        f"uploads of {listed(_size(upload) for upload in asked)} were answered",
        missing=f"a small upload got no answer either ({error_text(small)})" if lost and found else "",
    )


def _small_upload(evidence: Evidence, host: str, upload: Http) -> Http | None:
    """A small request by the same method to the same path, made for this or for its own sake."""
    asked = evidence.all(Http, task=TENANT, host=host, path=upload.path, verified=True)
    return next((seen for purpose in ("small-upload", "path") for seen in asked if seen.purpose == purpose), None)


def _size(upload: Http) -> str:
    return f"{(upload.sent_bytes or 0 if upload.request_bytes is None else upload.request_bytes) // 1000} kB"


def _upload_trouble(upload: Http, evidence: Evidence, host: str) -> Finding | None:
    """What is wrong with the answer, if a small request does not get the same. An early answer is an answer."""
    subject, size = path_name(upload.address, host), _size(upload)
    small = _small_upload(evidence, host, upload)
    status, name = upload.status, error_name(upload)
    if status is not None:
        if small is not None and small.status == status:
            return None
        code = Code.HTTP_BODY_LIMIT if status in (413, 414) else author(upload, None, host).code
        of_small = f"; a small one gets {described(small)}" if small else ""
        detail = f"{subject}: an upload of {size} got {described(upload)}{of_small}"
        return finding(code, subject, detail, location=subject) if code else None
    if name in TIMEOUTS:
        in_small_segments = evidence.one(Http, task=TENANT, host=host, purpose="upload-small-mss")
        if in_small_segments is not None and in_small_segments.status is not None:
            detail = f"{subject}: an upload of {size} stalls; the same in segments of 536 bytes is answered"
            return finding(Code.PATH_MTU, subject, detail)
        return finding(Code.HTTP_STALLED, subject, f"{subject}: an upload of {size} stalls")
    why = error_text(upload) or name or "no answer"
    return finding(Code.HTTP_CLOSED, subject, f"{subject}: the connection is cut in an upload of {size} ({why})")


def _open(attempts: list[Tcp], shares: Mapping[str, Shares]) -> list[str]:
    by_address = {str(seen.address): seen for seen in attempts}
    return [a for a, seen in by_address.items() if error_name(seen) is None or opens(shares.get(a))]


@judges("HTTPS-07", observes=[observed("tcp", family=6, task="tenant"), observed("resolve")], unseen=["tcp", "shares"])
def ipv6_is_no_trap(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-07. Where IPv6 is the only way, it is HTTPS-01's."""
    if evidence.proxy_for(case.host):
        return notapplicable(PROXIED)
    every = evidence.all(Tcp, task=TENANT, host=case.host)
    attempts = [seen for seen in every if version_of(seen.address) == 6]
    tried = [str(seen.address) for seen in attempts]
    shares = shares_of(evidence, case.host)
    known = list(dict.fromkeys([*tried, *_known_addresses(evidence, case.host, 6)]))
    if not known:
        return notapplicable("the tenant's name has no IPv6 address")
    if version_in_use(every) == 6:
        return notapplicable("IPv6 is the only way to the tenant from here: HTTPS-01 judges it")
    found = [
        finding(
            Code.PATH_IPV6_DEAD,
            str(seen.address),
            f"no connection to {seen.address} in {duration(seconds(seen))} ({error_name(seen)})",
        )
        for seen in attempts
        if not opens(shares.get(str(seen.address)))
        if error_name(seen) in TIMEOUTS or (error_name(seen) is not None and seconds(seen) > AT_ONCE)
    ]
    found += [f for address in tried if opens(seen := shares.get(address)) and (f := share_trouble(seen, address))]
    how = [f"{seen.address} {'failed at once' if error_name(seen) else 'opened'}" for seen in attempts]
    return decided(
        found,
        listed(how),
        f"nc -6 -vz -w 5 {found[0].subject if found else known[0]} 443",
        missing=unfinished([a for a in known if a not in tried], "the attempt to connect")
        or missing_shares(evidence, case.host, _open(attempts, shares)),
    )
