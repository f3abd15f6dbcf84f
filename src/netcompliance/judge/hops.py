"""What one hop of a pull means: which host was asked, how far the exchange came, and who can repair it.

Theory. A pull asks several hosts: the registry, its token server, and those that it redirects to for layers. What ends
badly is the business of the host at which it did and of the phase in which it did: a name that is not resolved, a
connection that is dropped, a certificate, a refusal in the peer's own words, an error of the peer's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.judge import proxy
from netcompliance.judge.evidence import Answered, Evidence, decoded, error_name, error_of, error_text, finding, header
from netcompliance.judge.hello import AGENT, PADDED, hello_trouble, unexplained
from netcompliance.judge.http_responder import described, is_page
from netcompliance.judge.nameservers import sinkholed, unresolved
from netcompliance.judge.page_signatures import BLOCK_WORDS, DEVICES
from netcompliance.judge.tls import tls_trouble
from netcompliance.judge.transport import TCP_CODES, TIMEOUTS, never_left, paths_to
from netcompliance.model import Finding
from netcompliance.observations import Proxy, Registry, Resolve, Tls

REGISTRY, CDN = "registry", "cdn"
CUT = ("EOF", "ECONNRESET", "ECONNABORTED", "EPIPE")
MALFORMED = "MALFORMED"
"""The end of an exchange whose answer Go refuses."""
MESSAGE = 300
"""Characters of a peer's message that are repeated."""

POLICY_WORDS = re.compile(
    r"polic|vulnerab|xray|scan|quarantin|quota|block|violat|severit|licen[cs]e|malware|prohibit|not allowed|exceed|"
    r"disabled|suspend|expired subscription|firewall",
    re.IGNORECASE,
)
LOGIN_WORDS = re.compile(
    r"authenticat|unauthori[sz]ed|not authori[sz]ed|credential|log ?in|token|anonymous|"
    r"access to the (?:requested )?resource",
    re.IGNORECASE,
)
"""What a registry says to somebody who would have to log in. It has no policy against the image then."""
S3_ERROR = re.compile(rb"<Code>\s*([A-Za-z0-9.]{1,60})\s*</Code>(?:\s*<Message>\s*([^<]{1,200})</Message>)?")


def steps(evidence: Evidence, image: str, *names: str, task: str = REGISTRY) -> list[Registry]:
    """The steps of an image's walk by name, in the order in which they were taken."""
    return [s for s in evidence.all(Registry, task=task, image=image) if s.step in names]


def host_of(seen: Registry) -> str:
    """The host that was asked."""
    try:
        return urlsplit(seen.url or "").hostname or "the registry"
    except ValueError:
        return "the registry"


def tries(seen: Registry) -> str:
    """How often it was tried, if more than once."""
    attempt = seen.attempt or 0
    return f" in {attempt + 1} tries" if attempt > 0 else ""


def after_retries(last: Iterable[Registry]) -> str:
    """A remark where something came right only when it was asked for again."""
    most = max((seen.attempt or 0 for seen in last), default=0)
    return f", after {most} {'retry' if most == 1 else 'retries'}" if most > 0 else ""


def error_code(seen: Registry) -> str | None:
    """The code of a registry's error document, `None` if the body is none."""
    try:
        return str(json.loads(decoded(seen.body))["errors"][0]["code"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None


def message(seen: Answered) -> str:
    """Why the peer refuses, in its own words; empty if it says nothing. For people, and short."""
    body = decoded(seen.body)
    s3 = S3_ERROR.search(body)
    if s3:
        return _clean(b": ".join(part for part in s3.groups() if part).decode("utf-8", "replace"))
    if is_page(seen):
        return ""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        plain = "text/plain" in header(seen, "content-type").lower()
        return _clean(body.decode("utf-8", "replace")) if plain else ""
    return _clean("; ".join(dict.fromkeys(_texts(document))))


def _texts(document: Any) -> Iterable[str]:
    """The messages of an error document, as registries, token servers and package managers write them."""
    if not isinstance(document, dict):
        return
    errors = document.get("errors")
    for error in errors[:2] if isinstance(errors, list) else [document]:
        if isinstance(error, dict):
            named = (error.get(name) for name in ("message", "detail", "details", "error_description", "error"))
            yield from (text for text in named if isinstance(text, str) and text.strip())


def _clean(text: str) -> str:
    words = " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())
    return words if len(words) <= MESSAGE else f"{words[:MESSAGE]}…"


def is_policy(seen: Registry) -> bool:
    """Does the registry refuse the image for a reason of its own, and not for want of a login?"""
    said = message(seen)
    if not said or seen.status == 401:
        return False
    return bool(POLICY_WORDS.search(said)) or not (LOGIN_WORDS.search(said) or said.lower().strip(". ") in _BARE)


_BARE = ("denied", "forbidden", "access denied", "requested access to the resource is denied", "name unknown")
"""Messages that give no reason."""


def refused_by_policy(seen: Registry, subject: str, what: str) -> Finding:
    """The registry gives a reason of its own."""
    said, host = message(seen), host_of(seen)
    detail = f"{subject}: {host} refuses {what} with status {seen.status}: “{said}”"
    return finding(Code.REGISTRY_POLICY, subject, detail, message=said)


def unavailable(seen: Registry, subject: str, what: str) -> Finding:
    """The peer itself has a fault, and kept it."""
    host = host_of(seen)
    detail = f"{_speaker(host, subject)} answered {what} with {described(seen)}{tries(seen)}"
    return finding(Code.REGISTRY_UNAVAILABLE, subject, detail, cdn=host)


def throttled(seen: Registry, subject: str, what: str) -> Finding:
    """The peer wants to be left alone, for how long it may say."""
    asked = header(seen, "retry-after")[:40]
    wait = f", and asks to wait {asked}{' s' if asked.isdigit() else ''}" if asked else ""
    detail = f"{_speaker(host_of(seen), subject)} answered {what} with 429{tries(seen)}{wait}"
    return finding(Code.REGISTRY_THROTTLED, subject, detail)


def _speaker(host: str, subject: str) -> str:
    return host if subject == host else f"{subject}: {host}"


def is_block_page(seen: Registry) -> bool:
    """Is it a web page that a security device shows instead of the answer?"""
    body = decoded(seen.body)
    return is_page(seen) and bool(DEVICES.search(body) or BLOCK_WORDS.search(body))


def on_the_way(evidence: Evidence, seen: Registry, what: str, *, layers: bool = True) -> Finding | None:
    """Why a host was not reached, or not spoken to; `None` if the exchange came to an answer. `layers`: it has some."""
    name, phase, host = error_name(seen), error_of(seen).phase, host_of(seen)
    why = f"{error_text(seen) or name}{tries(seen)}"
    detail = f"{host}: {what} did not arrive ({why})"
    if name is None:
        return None
    if phase == "resolve":
        lookups = [lookup for lookup in evidence.all(Resolve, host=host) if not lookup.addresses]
        return at(host, unresolved(evidence, host, lookups[0] if lookups else seen), what)
    if phase == "proxy":
        return at(host, _by_proxy(seen, host), what)
    given = () if evidence.proxy_for(host) else evidence.resolved(host, "host", "bare")
    blocked = next((found for address in given if (found := sinkholed(evidence, host, address))), None)
    if blocked is not None:
        return at(host, blocked, what)
    if phase == "tcp":
        if never_left(seen):
            return finding(Code.HOST_NO_ROUTE, host, detail, destination=str(seen.address or host))
        code = Code.REGISTRY_BLOB_UNREACHABLE if layers else TCP_CODES.get(name, Code.TCP_UNREACHABLE)
        return finding(code, host, detail, cdn=host)
    if phase == "tls":
        return _by_tls(evidence, seen, host, what)
    if name == MALFORMED:
        why = error_text(seen)
        detail = f"{host}: {what} got {described(seen)}, which Go refuses: {why}"
        return finding(Code.HTTP_MALFORMED, host, detail, why=why)
    if name == "REDIRECT":
        target = f", redirected to {seen.redirected_to}" if seen.redirected_to else ""
        return finding(Code.REGISTRY_BAD_REDIRECT, host, f"{host}: {what} did not arrive ({why}{target})")
    if seen.status is None:
        code = Code.HTTP_STALLED if name in TIMEOUTS else Code.HTTP_CLOSED
        return finding(code, host, detail, host=host)
    return None


def at(host: str, found: Finding, what: str) -> Finding:
    """The same, said of a host that is not the one of the case."""
    values = {"host": host, **found.values}
    return finding(found.code, found.subject, f"{what} is at {host}: {found.detail}", **values)


def hello_troubles(evidence: Evidence, hosts: Iterable[str], what: str) -> list[Finding]:
    """What keeps a container runtime, a Go program, from an answer where OpenSSL gets one, at hosts that serve this."""
    return [
        at(host, found, what)
        for task, host, path in _greeted(evidence, hosts)
        if (found := hello_trouble(evidence, task, host, path))
    ]


def unexplained_hellos(evidence: Evidence, hosts: Iterable[str]) -> str:
    """Why a case that these hosts serve cannot pass, where a shell's large ClientHello met silence; else empty."""
    texts = (unexplained(evidence, task, host, [path]) for task, host, path in _greeted(evidence, hosts))
    return next(filter(None, texts), "")


def _greeted(evidence: Evidence, hosts: Iterable[str]) -> Iterator[tuple[str, str, str | None]]:
    for host in hosts:
        for task in (CDN, REGISTRY):
            for seen in evidence.all(Tls, task=task, host=host):
                if seen.purpose in (AGENT, PADDED):
                    yield task, host, seen.address


def _by_proxy(seen: Registry, host: str) -> Finding:
    status = error_text(seen).partition(" ")[0] if error_name(seen) == "STATUS" else ""
    via = str(seen.via or "the proxy")
    answered = Proxy(
        status=int(status) if status.isdigit() else None,
        error=seen.error,
        headers=seen.headers,
        body=seen.body,
        seconds=seen.seconds,
    )
    found = proxy.trouble(answered, via, host)
    return found or finding(Code.PROXY_DENIED, via, f"{via} did not connect to {host}", proxy=via)


def _by_tls(evidence: Evidence, seen: Registry, host: str, what: str) -> Finding:
    """By what was found out about the host beside this, with its chain; else by how this handshake ended."""
    for looked in (CDN, REGISTRY):
        for path in paths_to(evidence, looked, host):
            found = tls_trouble(evidence, looked, host, path)
            if found is not None:
                return at(host, found, what)
    name = error_name(seen)
    code = Code.TLS_UNTRUSTED if name == "VERIFY" else Code.TLS_STALLED if name in TIMEOUTS else Code.TLS_RESET
    detail = f"{host}: {what} did not arrive (TLS: {error_text(seen) or name}{tries(seen)})"
    return finding(code, host, detail, host=host, issuer="an unknown issuer")
