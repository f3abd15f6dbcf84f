"""What only the workstation asks: public DNS over HTTPS, and the chart repository that Helm reads.

With requests, so that it goes the way a person's own tools go: through the environment's proxy, with certifi's roots or
those that REQUESTS_CA_BUNDLE names. Reads are bounded in bytes and time; a redirect leads to https or nowhere.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import yaml
from dns.message import make_query

from netcompliance.model import Settings

CONNECT, READ, WHOLE = 5.0, 8.0, 12.0
REDIRECTS = 5
INDEX_BYTES = 30 << 20
ARCHIVE_BYTES = 1 << 16
DNS_BYTES = 1 << 16
VERSIONS = 50
DNS_MESSAGE = "application/dns-message"
MAGIC = b"\x1f\x8b"
"""How a chart's archive begins."""

Emit = Callable[[dict[str, Any]], None]


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
        found.append(partial(charts, settings, agent))
    if any(requirement.startswith("DNS-") for requirement in wanted):
        found += [
            partial(public_dns, server, settings.host, rdtype, agent)
            for server in settings.public_dns
            for rdtype in ("A", "AAAA")
        ]
    return found


def public_dns(server: str, name: str, rdtype: str, agent: str, emit: Emit) -> None:
    """One question to one public resolver (RFC 8484)."""
    seen: dict[str, Any] = {"kind": "public-dns", "server": server, "name": name, "rdtype": rdtype, "response": None}
    wire = make_query(f"{name}.", rdtype, id=0).to_wire()

    def ask() -> None:
        headers = {"Accept": DNS_MESSAGE, "Content-Type": DNS_MESSAGE}
        answer, body, _ = _fetch("POST", server, agent, DNS_BYTES, data=wire, headers=headers)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        seen["status"] = answer.status_code
        if answer.status_code != 200 or kind != DNS_MESSAGE:
            raise Refused("head", "PROTOCOL", f"status {answer.status_code}, type {kind or 'none'}")
        seen["response"] = base64.b64encode(body).decode()

    _told(ask, seen, emit)


def charts(settings: Settings, agent: str, emit: Emit) -> None:
    """The repository's index, and the start of the chart's newest archive."""
    base = settings.chart_repository.rstrip("/")
    index: dict[str, Any] = {"kind": "chart", "url": f"{base}/index.yaml", "step": "index", "status": None}
    index.update(versions=[], archive=None, body_bytes=0)

    def ask_index() -> None:
        answer, body, whole = _fetch("GET", index["url"], agent, INDEX_BYTES)
        index.update(status=answer.status_code, body_bytes=len(body))
        if answer.status_code != 200:
            return
        if not whole:
            raise Refused("body", "LIMIT", f"more than {INDEX_BYTES} bytes")
        versions = _versions(body, settings.chart)
        index["versions"] = [version for version, _ in versions][:VERSIONS]
        location = next((url for _, url in versions if url), None)
        index["archive"] = urljoin(f"{answer.url.rpartition('/')[0]}/", location) if location else None

    _told(ask_index, index, emit)
    if not index["archive"]:
        return
    archive: dict[str, Any] = {"kind": "chart", "url": index["archive"], "step": "archive", "status": None}

    def ask_archive() -> None:
        answer, body, _ = _fetch("GET", archive["url"], agent, ARCHIVE_BYTES)
        archive.update(status=answer.status_code, body_bytes=len(body))
        if answer.status_code == 200 and not body.startswith(MAGIC):
            raise Refused("body", "PROTOCOL", "no gzip archive")

    _told(ask_archive, archive, emit)


def _versions(body: bytes, chart: str) -> list[tuple[str, str | None]]:
    """Versions of the chart in a repository's index, newest first, each with its archive's location."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        index = yaml.load(body, Loader=loader)  # noqa: S506 - a safe loader, in C where there is one
        entries = index["entries"]
    except (yaml.YAMLError, TypeError, KeyError, ValueError, RecursionError) as error:
        raise Refused("body", "PROTOCOL", f"no index of a chart repository ({type(error).__name__})") from None
    listed = entries.get(chart) if isinstance(entries, dict) else None
    found = []
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and entry.get("version"):
            urls = entry.get("urls")
            found.append((str(entry["version"])[:64], str(urls[0]) if isinstance(urls, list) and urls else None))
    return found


def _fetch(
    method: str, url: str, agent: str, most: int, *, data: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[requests.Response, bytes, bool]:
    """The answer, its first bytes as they came over the wire, and whether these are all."""
    end = time.monotonic() + WHOLE
    with requests.Session() as session:
        for _ in range(REDIRECTS + 1):
            if urlsplit(url).scheme != "https":
                raise Refused("redirect", "REDIRECT", f"a URL of scheme {urlsplit(url).scheme or 'none'}")
            answer = session.request(
                method,
                url,
                data=data,
                headers={"User-Agent": agent, "Accept-Encoding": "identity", **(headers or {})},
                timeout=(CONNECT, READ),
                stream=True,
                allow_redirects=False,
            )
            if not answer.is_redirect:
                return (answer, *_body(answer, most, end))
            url = urljoin(answer.url, answer.headers["Location"])
            answer.close()
    raise Refused("redirect", "REDIRECT", f"more than {REDIRECTS} redirects")


def _body(answer: requests.Response, most: int, end: float) -> tuple[bytes, bool]:
    body = bytearray()
    while len(body) <= most:
        if time.monotonic() > end:
            raise Refused("body", "TIMEOUT", f"{len(body)} bytes in {WHOLE} s")
        piece = answer.raw.read(min(1 << 16, most + 1 - len(body)), decode_content=False)
        if not piece:
            return bytes(body), True
        body += piece
    return bytes(body[:most]), False


def _told(ask: Callable[[], None], seen: dict[str, Any], emit: Emit) -> None:
    """Do it and write down what came of it."""
    seen.update(at=time.time(), error=None)
    clock = time.monotonic()
    try:
        ask()
    except Refused as error:
        seen["error"] = {"phase": error.phase, "name": error.name, "text": str(error)}
    except (requests.RequestException, OSError, ValueError) as error:
        seen["error"] = {"phase": _phase(error), "name": _name(error), "text": str(error)[:300]}
    seen["seconds"] = time.monotonic() - clock
    emit(seen)


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
