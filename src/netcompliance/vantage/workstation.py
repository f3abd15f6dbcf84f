"""What only the workstation asks: public DNS over HTTPS, and the chart repository that Helm reads.

Public DNS is asked as a person's own tools ask: with certifi's roots or those that REQUESTS_CA_BUNDLE names. The chart
repository is asked as Helm asks, which is a Go program: what the host trusts is trusted, and the proxy is the one that
Go finds in the environment, if none is declared. Reads are bounded in bytes, and every question in time, whatever the
peer does; a redirect leads to https or nowhere. Nobody's stored credentials are sent along.
"""

from __future__ import annotations

import base64
import os
import re
import ssl
import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests
import requests.adapters
import requests.utils
import yaml
from dns.message import make_query

from netcompliance.model import Settings
from netcompliance.probe.onhost import trust
from netcompliance.probe.onhost.route import route_to
from netcompliance.vantage.payloads import GO

CONNECT, READ, WHOLE = 5.0, 8.0, 9.0
"""Seconds to connect, between two reads, and for a question with all its redirects. A CONNECT may take as a read."""
REDIRECTS = 5
INDEX_BYTES = 30 << 20
YAML_BYTES = 2 << 20
INDEX_MARK = re.compile(rb"^entries:", re.MULTILINE)
ARCHIVE_BYTES = 1 << 16
SAID_BYTES = 4096
DNS_BYTES = 1 << 16
VERSIONS = 50
DNS_MESSAGE = "application/dns-message"
MAGIC = b"\x1f\x8b"
"""How a chart's archive begins."""

HELM_AGENT = "Helm/4.3.1"
"""The User-Agent of Helm, by which devices know it."""

Emit = Callable[[dict[str, Any]], None]


class _AsHelm(requests.adapters.HTTPAdapter):
    """Connections that are verified by what the host trusts, as Go finds it, whatever requests would take instead."""

    def __init__(self) -> None:
        self._context = trust.verifying_context(trust.find_store(os.environ, None))
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Give direct connections the context."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Give connections through a proxy the context, and those to the proxy."""
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context, proxy_ssl_context=self._context)

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """What goes with a CONNECT: there Go says its own User-Agent, not Helm's."""
        return {"User-Agent": GO, **super().proxy_headers(proxy)}

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Send without a bundle that requests found in the environment."""
        return super().send(request, *args, **{**kwargs, "verify": True})

    def cert_verify(self, conn: Any, *_: Any) -> None:
        """Demand a certificate, and add no authority to the context's own."""
        conn.cert_reqs = ssl.CERT_REQUIRED


class Refused(Exception):
    """An answer that is not followed or not read further."""

    def __init__(self, phase: str, name: str, text: str) -> None:
        super().__init__(text)
        self.phase = phase
        self.name = name


def jobs(settings: Settings, wanted: Collection[str], agent: str) -> list[Callable[[Emit], None]]:
    """Independent pieces of work for these requirements, to be done side by side."""
    found: list[Callable[[Emit], None]] = []
    if "HELM-01" in wanted:
        found.append(partial(charts, settings))
    if any(requirement.startswith("DNS-") for requirement in wanted):
        found += [
            partial(public_dns, settings, agent, server, rdtype)
            for server in settings.public_dns
            for rdtype in ("A", "AAAA")
        ]
    return found


def public_dns(settings: Settings, agent: str, server: str, rdtype: str, emit: Emit) -> None:
    """One question to one public resolver (RFC 8484)."""
    wire = make_query(f"{settings.host}.", rdtype, id=0).to_wire()

    def ask(seen: dict[str, Any]) -> None:
        headers = {"Accept": DNS_MESSAGE, "Content-Type": DNS_MESSAGE}
        answer, body, _, address = _fetch(settings, agent, server, DNS_BYTES, data=wire, headers=headers)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        seen.update(status=answer.status_code, address=address)
        if answer.status_code != requests.codes.ok or kind != DNS_MESSAGE:
            raise Refused("head", "PROTOCOL", f"status {answer.status_code}, type {kind or 'none'}")
        seen["response"] = base64.b64encode(body).decode()

    emit(
        _answer_of(
            ask, kind="public-dns", server=server, name=settings.host, rdtype=rdtype, address=None, response=None
        )
    )


def charts(settings: Settings, emit: Emit) -> None:
    """The repository's index, and the start of the chart's newest archive."""

    helm = _AsHelm()

    def ask_index(seen: dict[str, Any]) -> None:
        answer, body, whole, address = _fetch(settings, HELM_AGENT, seen["url"], INDEX_BYTES, helm=helm, seen=seen)
        seen.update(status=answer.status_code, address=address, body_bytes=len(body), **_said(answer, body))
        if answer.status_code != requests.codes.ok:
            return
        if not whole:
            raise Refused("body", "LIMIT", f"more than {INDEX_BYTES} bytes")
        versions = _versions(body, settings.chart)
        location = next((url for _, url in versions if url), None)
        seen["versions"] = [version for version, _ in versions][:VERSIONS]
        seen["archive"] = urljoin(f"{answer.url.rpartition('/')[0]}/", location) if location else None

    def ask_archive(seen: dict[str, Any]) -> None:
        answer, body, _, address = _fetch(settings, HELM_AGENT, seen["url"], ARCHIVE_BYTES, helm=helm, seen=seen)
        seen.update(status=answer.status_code, address=address, body_bytes=len(body), **_said(answer, body))
        if answer.status_code == requests.codes.ok and not body.startswith(MAGIC):
            raise Refused("body", "PROTOCOL", "no gzip archive")

    url = f"{settings.chart_repository.rstrip('/')}/index.yaml"
    index = _answer_of(
        ask_index,
        kind="chart",
        step="index",
        url=url,
        status=None,
        address=None,
        versions=[],
        archive=None,
        body_bytes=0,
    )
    emit(index)
    if index["archive"]:
        emit(_answer_of(ask_archive, kind="chart", step="archive", url=index["archive"], status=None, address=None))


def _versions(body: bytes, chart: str) -> list[tuple[str, str | None]]:
    """Versions of the chart in a repository's index, newest first, each with its archive's location."""
    found = []
    listed = _entries_of(body, chart)
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and entry.get("version"):
            urls = entry.get("urls")
            found.append((str(entry["version"])[:64], str(urls[0]) if isinstance(urls, list) and urls else None))
    return found


def _entries_of(body: bytes, chart: str) -> Any:
    """What the index lists for the chart.

    An index has many charts and megabytes, and reading all of it as YAML takes seconds and hundreds of megabytes of
    memory. As Helm writes it, a chart's part can be cut out by its indentation. Only a small index is read whole.
    """
    name = re.escape(chart.encode())
    part = re.search(rb"^( +)" + name + rb":[ \t]*\r?\n((?:\1[ -].*(?:\n|\Z)|[ \t]*\r?\n)+)", body, re.MULTILINE)
    if INDEX_MARK.search(body) and part and len(part[2]) <= YAML_BYTES:
        return _yaml(part[2])
    if len(body) > YAML_BYTES:
        if INDEX_MARK.search(body):
            return None
        raise Refused("body", "PROTOCOL", "no index of a chart repository")
    index = _yaml(body)
    if not isinstance(index, dict) or not isinstance(index.get("entries"), dict):
        raise Refused("body", "PROTOCOL", f"no index of a chart repository, but {type(index).__name__}")
    return index["entries"].get(chart)


def _yaml(text: bytes) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, in C where there is one
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Refused("body", "PROTOCOL", f"no index of a chart repository ({type(error).__name__})") from None


def _fetch(
    settings: Settings,
    agent: str,
    url: str,
    most: int,
    *,
    helm: _AsHelm | None = None,
    data: bytes | None = None,
    headers: dict[str, str] | None = None,
    seen: dict[str, Any] | None = None,
) -> tuple[requests.Response, bytes, bool, str | None]:
    """The answer, its first bytes as they came over the wire, whether these are all, and the address that gave it.

    `seen` is told what is `asked`, redirects included, without its query.
    """
    with requests.Session() as session:
        session.auth = _nobody
        if helm:
            session.trust_env = False
            session.mount("https://", helm)
        for _ in range(REDIRECTS + 1):
            if urlsplit(url).scheme != "https":
                raise Refused("redirect", "REDIRECT", f"a URL of scheme {urlsplit(url).scheme or 'none'}")
            if seen is not None:
                seen["asked"] = f"https://{urlsplit(url).netloc.rpartition('@')[2]}{urlsplit(url).path}"
            proxies = _proxies_as_helm(settings, url) if helm else _proxies(settings, url)
            answer = session.request(
                "GET" if data is None else "POST",
                url,
                data=data,
                headers={"User-Agent": agent, "Accept-Encoding": "identity", **(headers or {})},
                timeout=(READ if proxies else CONNECT, READ),
                proxies=proxies,
                stream=True,
                allow_redirects=False,
            )
            with answer:
                if not answer.is_redirect:
                    address = _peer(answer)
                    return (answer, *_body(answer, most), address)
                url = urljoin(answer.url, answer.headers["Location"])
    raise Refused("redirect", "REDIRECT", f"more than {REDIRECTS} redirects")


def _said(answer: requests.Response, body: bytes) -> dict[str, Any]:
    """What a peer says that refuses."""
    if answer.status_code < requests.codes.bad_request:
        return {}
    kind = answer.headers.get("Content-Type", "")[:200]
    return {"body": base64.b64encode(body[:SAID_BYTES]).decode(), "headers": [["Content-Type", kind]]}


def _peer(answer: requests.Response) -> str | None:
    """The peer's address; None behind a proxy, which alone knows it. Asked before the body: afterwards it is gone."""
    connection = answer.raw.connection
    if connection is None or getattr(connection, "proxy", None) or connection.sock is None:
        return None
    return str(connection.sock.getpeername()[0])


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authentication by nobody, which keeps requests from looking into ~/.netrc."""
    return request


def _proxies(settings: Settings, url: str) -> dict[str, str]:
    """The declared proxy; without one, requests asks the environment."""
    if settings.proxy is None or requests.utils.should_bypass_proxies(url, settings.no_proxy):
        return {}
    return {"https": settings.proxy}


def _proxies_as_helm(settings: Settings, url: str) -> dict[str, str]:
    """The proxy that Go takes, from what is declared or else from the environment."""
    declared = {"url": settings.proxy, "no_proxy": settings.no_proxy} if settings.proxy else None
    parts = urlsplit(url)
    proxy = route_to(parts.hostname or "", parts.port or 443, declared, os.environ).proxy
    if proxy is None:
        return {}
    user, _, password = (proxy.login or "").partition(":")
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if proxy.login is not None else ""
    return {"https": proxy.url.replace("://", f"://{login}", 1)}


def _body(answer: requests.Response, most: int) -> tuple[bytes, bool]:
    body = bytearray()
    while len(body) <= most:
        piece = answer.raw.read(min(1 << 16, most + 1 - len(body)), decode_content=False)
        if not piece:
            return bytes(body), True
        body += piece
    return bytes(body[:most]), False


def _answer_of(ask: Callable[[dict[str, Any]], None], **fields: Any) -> dict[str, Any]:
    """What came of it. A question that is not answered in time is left behind in its thread."""
    seen: dict[str, Any] = {**fields, "error": None}
    at, clock = time.time(), time.monotonic()

    def guarded() -> None:
        try:
            ask(seen)
        except Refused as error:
            seen["error"] = {"phase": error.phase, "name": error.name, "text": str(error)}
        except (requests.RequestException, OSError, ValueError) as error:
            seen["error"] = _error(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(WHOLE)
    told = {**seen, "at": at, "seconds": time.monotonic() - clock}
    if thread.is_alive():
        told["error"] = {"phase": "body", "name": "TIMEOUT", "text": f"no complete answer in {WHOLE:.0f} s"}
    return told


def _error(error: Exception) -> dict[str, Any]:
    text = str(error)
    through_proxy = isinstance(error, requests.exceptions.ProxyError)
    lookup = None if through_proxy else re.search(r"NameResolutionError.*\[Errno (-?\d{1,4})\]", text)
    if lookup:
        return {"phase": "resolve", "name": "GAI", "text": text[:300], "code": int(lookup[1])}
    if isinstance(error, ValueError):
        # Its text quotes what it could not parse, which may be a part of a proxy's password.
        text = "a URL, the peer's or the proxy's, is not valid"
    elif through_proxy:
        refused = re.search(r"Tunnel connection failed: [^'\")]*", text)
        text = refused[0] if refused else "no connection to the proxy"
    return {"phase": _phase(error), "name": _name(error), "text": text[:300]}


def _phase(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "tls"
    if isinstance(error, requests.exceptions.ProxyError):
        return "proxy"
    return "head" if isinstance(error, requests.exceptions.ReadTimeout) else "tcp"


def _name(error: Exception) -> str:
    for kind, name in (
        (requests.exceptions.SSLError, "SSL"),
        (requests.exceptions.Timeout, "TIMEOUT"),
        (requests.exceptions.ProxyError, "STATUS"),
        (requests.exceptions.ConnectionError, "ECONNABORTED"),
    ):
        if isinstance(error, kind):
            return name
    return "EXCEPTION"
