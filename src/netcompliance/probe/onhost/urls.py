"""URLs that a peer hands out, and which of them may be followed.

Rules
* https only. No loopback, link-local, unspecified or multicast address, neither written out nor found by resolving,
  unless the peer that sends us there is at such an address itself.
* Query values may be signatures: a URL is shown with its parameter names alone.
"""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from netcompliance.probe.onhost.failures import Failure

HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\.?$|[0-9A-Fa-f:.]+$")
AUTHORITY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")
A_HOST = re.compile(r"(?:[\w-]+\.)+[\w-]+(?:[/?#]|\Z)")
"""A host, by its dots, without a port. Whatever else stands in front of an `@` may be a part of a login."""
VISIBLE = re.compile(r"[!-~]*\Z")
URL_LIMIT = 8192


class Url(NamedTuple):
    """An https URL, taken apart."""

    host: str
    port: int
    target: str
    """Path and query, as they go on the wire."""

    @property
    def text(self) -> str:
        """The whole URL."""
        return self._place + self.target

    @property
    def shown(self) -> str:
        """The same without the values of its query."""
        return self._place + _without_values(self.target)

    @property
    def _place(self) -> str:
        host = "[%s]" % self.host if ":" in self.host else self.host
        return "https://" + host + ("" if self.port == 443 else ":%d" % self.port)


def absolute(base: Url, location: str) -> str:
    """A Location header's value against the URL it came from."""
    try:
        return urljoin(base.text, location.strip())
    except ValueError:
        return location


def parse(text: str, *, local: bool) -> Url:
    """A URL that may be followed; else a failure that says why not. `local`: loopback and the like are allowed."""
    if len(text) > URL_LIMIT or not VISIBLE.match(text):
        raise _refused("a URL with blanks, control or foreign characters, or too long a one")
    try:
        parts = urlsplit(text)
        port = parts.port or 443
    except ValueError:
        raise _refused("not a valid URL") from None
    if parts.scheme != "https":
        raise _refused("a URL of scheme %s" % (parts.scheme or "none"))
    if not parts.hostname or not HOST.match(parts.hostname):
        raise _refused("a URL without a valid host")
    if not local and (parts.hostname.rstrip(".") == "localhost" or forbidden(parts.hostname)):
        raise _refused("%s is no address to be sent to" % parts.hostname)
    return Url(parts.hostname, port, (parts.path or "/") + ("?" + parts.query if parts.query else ""))


def shown(text: str) -> str:
    """Any URL without the values of its query and without user information, whatever stands in that.

    A password may hold what should have been encoded. So what follows the scheme is cut at the last `@`, unless it is
    one of the path, behind a host that stands for itself.
    """
    begun = AUTHORITY.match(text)
    scheme, rest = (begun.group(0), text[begun.end() : URL_LIMIT]) if begun else ("", text[:URL_LIMIT])
    if (begun or not rest.startswith("/")) and not A_HOST.match(rest):
        rest = rest.rpartition("@")[2]
    return scheme + _without_values(rest)


def _without_values(text: str) -> str:
    base, mark, query = text.partition("?")
    return base + mark + "&".join(part.split("=", 1)[0] + ("=..." if "=" in part else "") for part in query.split("&"))


def forbidden(address: str) -> bool:
    """Is this an address that no peer may send us to?"""
    try:
        literal = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    literal = getattr(literal, "ipv4_mapped", None) or literal
    return literal.is_loopback or literal.is_link_local or literal.is_unspecified or literal.is_multicast


def _refused(text: str) -> Failure:
    return Failure("redirect", "REDIRECT", text)
