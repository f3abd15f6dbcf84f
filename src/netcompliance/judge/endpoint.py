"""HTTPS-04: is the URL that the agent is given the documented one? A comparison of text; nothing is looked at.

Upper and lower case of scheme and host, and a port 443 that is written out, make no difference to any client.
Everything behind the host does: the agent appends its paths to the URL as it stands.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.judge.evidence import Evidence, Outcome, decided, finding, passed
from netcompliance.model import Case, Settings


def url_is_the_documented(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """HTTPS-04."""
    given, documented = settings.agent_url or "", settings.endpoint
    if _plain(given) == documented:
        return passed(f"the agent is given {documented}")
    shown, difference = _without_secrets(given), _difference(given, documented)
    values = {"difference": difference, "documented": documented}
    return decided([finding(Code.ENDPOINT_WRONG_URL, shown, f"{shown}: {difference}", **values)], "")


def _plain(url: str) -> str:
    """The URL without differences that make none."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{authority.lower().removesuffix(':443')}{slash}{path}"


def _without_secrets(url: str) -> str:
    """The URL without user information, query and fragment, which may hold a key."""
    scheme, mark, rest = url.partition("?")[0].partition("#")[0].partition("://")
    if not mark:
        return scheme.rpartition("@")[2]
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"


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
