"""HTTPS-04, PRX-02: is what the agent is configured with right? A comparison of texts; nothing is looked at.

Upper and lower case of scheme and host, and a port 443 that is written out, make no difference to any client.
Everything behind the host does: the agent appends its paths to the URL as it stands.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.judge.evidence import Evidence, Outcome, decided, finding, listed, notapplicable, passed
from netcompliance.judge.judges import judges
from netcompliance.judge.proxyvars import misread
from netcompliance.model import Case, ChartValues, GivenProxy, Settings, plain_url
from netcompliance.observations import Proxy, Route, Setting

URL, PROXY = "stackstate.url", "global.proxy.url"
"""The settings of the chart."""
A_HOST = re.compile(r"(?:[\w-]+\.)+[\w-]+[/?#]")
"""A host without a port. Anything else in front of an `@` may be a part of a login that was not encoded."""
PLAIN_PORTS = (80, 3128, 8000, 8080, 8118, 8888)
TLS_PORTS = (443, 8443)


@judges("HTTPS-04", observes=[], unseen=["http"])
def url_is_the_documented(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-04."""
    given, documented = settings.agent_url or "", settings.endpoint
    if plain_url(given) == documented:
        return passed(f"the agent is given {documented}")
    shown, difference = _without_secrets(given), _difference(given, documented)
    words = {"difference": difference, "documented": documented}
    place = f" ({settings.values.place(URL)})" if settings.values and settings.values.url == given else ""
    return decided([finding(Code.ENDPOINT_WRONG_URL, shown, f"{shown}: {difference}{place}", **words)], "")


@judges("PRX-02", observes=[])
def proxy_reaches_every_part(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """PRX-02. What the scheme is worth is only guessed where nobody tried it: then PRX-01 knows."""
    values = settings.values
    given = _given(values) if values else ()
    if values is None or not given:
        return notapplicable("the agent's configuration names no proxy")
    urls = [each.url for each in given if each.url]
    unread = listed(each.where for each in given if not each.url)
    found = [
        misread(
            Route(setting=Setting.decode(asdict(each.reading))), f"{values.place(each.where)}, {each.where}", each.where
        )
        for each in given
        if each.reading is not None
    ]
    if given[0].reading is None:
        found += [
            finding(Code.PROXY_IGNORED, where, f"{values.place(where)}, {where}: {what}", proxy=next(iter(urls), ""))
            for where, what in values.unproxied
        ]
    tried = {seen.via for seen in evidence.all(Proxy)}
    for each in given:
        guess = _doubtful_scheme(each.url) if each.url and not each.reading and each.url not in tried else None
        if guess and each.url:
            speaks, right = guess
            detail = f"{values.place(each.where)}, {each.where}: {each.url}: {speaks}"
            words = {"speaks": speaks, "right": right, "proxy": each.url}
            found.append(finding(Code.PROXY_WRONG_SCHEME, each.url, detail, **words))
    missing = f"the proxy of {unread} is not in {values.file}, so it cannot be read" if unread else ""
    saw = f"{listed(urls)} {'is' if len(urls) == 1 else 'are'} given to every part of the agent"
    return decided(found, saw, missing=missing)


def _given(values: ChartValues) -> tuple[GivenProxy, ...]:
    """Every proxy that the agent's parts are given, the first of the configuration first."""
    first = GivenProxy(where=PROXY, url=values.proxy, reading=values.proxy_reading)
    return (*([first] if values.proxy else []), *values.more_proxies)


def _doubtful_scheme(proxy: str) -> tuple[str, str] | None:
    """(what is odd, how it should probably be) about a proxy's URL."""
    scheme, mark, place = proxy.partition("://")
    try:
        port = urlsplit(proxy).port
    except ValueError:
        return "it has no port that is one", proxy
    if not mark or scheme not in ("http", "https"):
        return "it is neither http:// nor https://", f"http://{place or scheme}"
    if scheme == "https" and port in PLAIN_PORTS:
        return f"https means TLS to the proxy itself, and on port {port} proxies speak plain HTTP", f"http://{place}"
    if scheme == "http" and port in TLS_PORTS:
        return f"http means plain HTTP to the proxy, and on port {port} TLS is spoken", f"https://{place}"
    return None


def _without_secrets(url: str) -> str:
    """The URL without user information, query and fragment, which may hold a key."""
    scheme, mark, rest = url.partition("://") if "://" in url else ("", "", url)
    if "@" in rest and not A_HOST.match(rest):
        rest = rest.rpartition("@")[2]
    return f"{scheme}{mark}{rest.partition('?')[0].partition('#')[0]}"


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
    if got.username is not None:
        return "it has user information"
    if port not in (None, 443):
        return f"the port is {port}, not 443"
    if got.path == f"{want.path}/":
        return "it ends with a slash"
    if got.path != want.path:
        return f"the path is {got.path or 'missing'}, not {want.path}"
    if "?" in given or "#" in given:
        return "something follows the path"
    return "it is spelled differently"
