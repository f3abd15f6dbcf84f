"""What a proxy's answer to CONNECT means: who has to do what.

Theory. Go takes status 200 alone for a tunnel. Everything else has one of six causes, each with an owner of its own:
the login (none, refused, of a kind that Go does not speak), a rule of the proxy, the proxy's own way out, too many
requests, an answer that is no HTTP for Go, or something that is no proxy at all. Proxies say which in `X-Squid-Error`
and `Proxy-Status` (RFC 9209); where neither is there, status and page decide.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.judge.certificates import trouble_at_the_proxy
from netcompliance.judge.evidence import (
    decoded,
    error_name,
    error_of,
    error_text,
    finding,
    header,
    waited,
    without_port,
)
from netcompliance.judge.page_signatures import BLOCK_WORDS, DEVICES, PORTALS
from netcompliance.judge.transport import TIMEOUTS
from netcompliance.model import Finding
from netcompliance.observations import Proxy

WAY_TO_THE_PROXY = ("resolve", "tcp")
"""Phases of an exchange that end before the proxy could say anything."""
CUT = ("EOF", "ECONNRESET", "EPIPE", "ECONNABORTED")
GRANTED = 200
"""Go's net/http refuses every other status, also of 2xx."""
NO_PROXYS = (401, 404, 405, 501)
"""What a web server says to CONNECT. A proxy asks for a login with 407."""
OUTSIDE = (500, 502, 503, 504)
MADE_BY_A_PROXY = ("x-squid-error", "proxy-status", "via", "x-zscaler", "x-bluecoat-via", "proxy-authenticate")
RESOLVER = re.compile(r"ERR_DNS|dns_(?:error|timeout)", re.IGNORECASE)
RULE = re.compile(r"ERR_(?:CACHE_)?ACCESS_DENIED|ERR_FORWARDING_DENIED|ERR_BLOCKED|http_request_denied", re.IGNORECASE)
NO_WAY_OUT = re.compile(
    r"ERR_(?:CONNECT_FAIL|CANNOT_FORWARD|READ_(?:TIMEOUT|ERROR)|SECURE_CONNECT|ZERO_SIZE)|destination_|connection_|"
    r"tls_|proxy_internal",
    re.IGNORECASE,
)
PAC = re.compile(rb"FindProxyForURL|x-ns-proxy-autoconfig")
TAG = re.compile(r"(?is)<(?:style|script|title|head)\b.*?(?:</(?:style|script|title|head)\s*>|\Z)|<[^<>]*>|&nbsp;")
SHOWN = 160
"""Characters of a page that are shown."""


def authority(host: str) -> str:
    """The target of a CONNECT."""
    return host if without_port(host) != host else f"{host}:443"


def trouble(seen: Proxy, proxy: str, host: str) -> Finding | None:
    """Why a CONNECT was not granted; `None` if it was."""
    status = seen.status
    if error_name(seen) == "MISREAD":
        return finding(Code.PROXY_MISREAD, "HTTPS_PROXY", f"HTTPS_PROXY: {error_text(seen)}", reads=error_text(seen))
    refused = seen.go_refuses
    if status == GRANTED and not refused:
        return None
    if seen.other_scheme:
        return _wrong_scheme(seen, proxy)
    if status is None:
        return _unanswered(seen, proxy, host)
    said = f"{proxy} answered CONNECT {authority(host)} with status {status}"
    if refused or 100 <= status < 300:
        why = refused or f"Go takes status 200 alone for granted, not {status}"
        return finding(Code.HTTP_MALFORMED, proxy, f"{said}: {why}", why=why)
    code, note, words = _meaning(seen, status, host)
    return finding(code, proxy, f"{said}{note}", proxy=proxy, **words)


def _wrong_scheme(seen: Proxy, proxy: str) -> Finding:
    declared, _, place = proxy.partition("://")
    declared = declared if seen.declared is None else seen.declared
    other, spoken = ("http", "plain HTTP") if declared == "https" else ("https", "TLS")
    speaks = f"it says {declared}, and the proxy speaks {spoken}"
    values = {"speaks": speaks, "right": f"{other}://{place}", "proxy": proxy}
    return finding(Code.PROXY_WRONG_SCHEME, proxy, f"{proxy}: {speaks}", **values)


def _unanswered(seen: Proxy, proxy: str, host: str) -> Finding:
    name, phase = error_name(seen), error_of(seen).phase
    why = error_text(seen) or name or "no answer"
    if name == "VERIFY":
        return trouble_at_the_proxy(seen, urlsplit(proxy).hostname or proxy, proxy)
    if name in CUT and phase not in WAY_TO_THE_PROXY:
        detail = f"{proxy} cut the connection at CONNECT {authority(host)} ({why})"
        return finding(Code.PROXY_DENIED, proxy, detail, proxy=proxy)
    if name == "PROTOCOL":
        instead = "a server of another protocol"
        detail = f"{proxy} answered CONNECT {authority(host)} with what is not HTTP ({why})"
        return finding(Code.PROXY_NOT_A_PROXY, proxy, detail, instead=instead)
    if name in TIMEOUTS and phase not in WAY_TO_THE_PROXY:
        detail = f"{proxy} accepted the connection, and did not answer CONNECT {authority(host)} in {waited(seen)}"
        return finding(Code.PROXY_SLOW, proxy, detail, proxy=proxy)
    what = "cannot be reached" if phase in WAY_TO_THE_PROXY else "did not answer CONNECT"
    return finding(Code.PROXY_UNREACHABLE, proxy, f"{proxy} {what} ({why})", proxy=proxy)


def _meaning(seen: Proxy, status: int, host: str) -> tuple[Code, str, dict[str, str]]:
    """Code, what stands behind the status, and words for the remedy."""
    body, says = decoded(seen.body), _said(seen)
    reason = f"{header(seen, 'x-squid-error')} {header(seen, 'proxy-status')}"
    if status == 407:
        return _login(seen)
    if status == 429:
        return Code.HTTP_THROTTLED, says, {}
    if PAC.search(body) or "proxy-autoconfig" in header(seen, "content-type").lower():
        return Code.PROXY_NOT_A_PROXY, ": a PAC file", {"instead": "a PAC file, which the agent does not read"}
    if RULE.search(reason):
        return Code.PROXY_DENIED, says, {}
    if RESOLVER.search(reason):
        why = f"its resolver does not know {without_port(host)}"
        return Code.PROXY_NO_WAY_OUT, f"; {why}{says}", {"why": why}
    if NO_WAY_OUT.search(reason):
        why = "its own connection to the target fails"
        return Code.PROXY_NO_WAY_OUT, f"; {why}{says}", {"why": why}
    if PORTALS.search(body):
        return Code.HTTP_CAPTIVE_PORTAL, says, {}
    page = header(seen, "x-squid-error") or BLOCK_WORDS.search(body) or DEVICES.search(body)
    if status in OUTSIDE and not (BLOCK_WORDS.search(body) or DEVICES.search(body)):
        why = "its own connection to the target fails" if status != 500 else "it fails itself"
        return Code.PROXY_NO_WAY_OUT, f"; {why}{says}", {"why": why}
    if 300 <= status < 400:
        return Code.PROXY_DENIED, f", a redirect to {_plain(header(seen, 'location'))}", {}
    signed = any(header(seen, name) for name in MADE_BY_A_PROXY)
    if not page and not signed and (status in NO_PROXYS or (status == 400 and _is_web_server(seen))):
        server = header(seen, "server")[:60]
        return Code.PROXY_NOT_A_PROXY, f"{f', {server}' if server else ''}{says}", {"instead": "a web server"}
    return Code.PROXY_DENIED, says, {}


def _is_web_server(seen: Proxy) -> bool:
    return (
        re.match(r"(?i)nginx|openresty|apache|microsoft-(?:iis|httpapi)|caddy|lighttpd", header(seen, "server"))
        is not None
    )


def _login(seen: Proxy) -> tuple[Code, str, dict[str, str]]:
    """By what the proxy offers and what it was given. Go sends Basic, from the proxy's URL, and nothing else."""
    offers = [value for name, value in seen.headers if name.lower() == "proxy-authenticate"]
    schemes = sorted({s for value in offers for s in re.findall(r"(?:^|,)\s*([A-Za-z][\w-]*)(?=\s|,|$)", value)})
    offered = f", offering {' and '.join(schemes)}" if schemes else ""
    if schemes and "basic" not in [scheme.lower() for scheme in schemes]:
        return Code.PROXY_AUTH_SCHEME, offered, {"schemes": " and ".join(schemes)}
    if seen.login:
        return Code.PROXY_CREDENTIALS, f"{offered}, though a user name and password were sent", {}
    return Code.PROXY_AUTH, offered, {}


def _said(seen: Proxy) -> str:
    """The words of the page, for whoever has to find the rule."""
    error = header(seen, "x-squid-error")[:60]
    marks = [f"X-Squid-Error {error}"] if error else []
    text = decoded(seen.body).decode("utf-8", "replace")
    title = re.search(r"(?is)<title[^<>]{0,200}>(.{0,300}?)</title", text)
    words = " ".join(f"{title.group(1) if title else ''} {TAG.sub(' ', text)}".split())
    words = "".join(letter if letter.isprintable() else "?" for letter in words)
    marks += [f'"{words[:SHOWN]}{"…" if len(words) > SHOWN else ""}"'] if words else []
    return f": {', '.join(marks)}" if marks else ""


def _plain(location: str) -> str:
    return location.partition("?")[0][:120] or "nowhere"
