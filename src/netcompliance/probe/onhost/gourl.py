"""Proxy settings as Go reads them: golang.org/x/net/http/httpproxy, net/url and net/http's transport, step by step.

Go cuts a fragment at the first `#` and the authority at the next `/`, before it looks for an `@`. So a password in
which these are not encoded makes another host of the user's name. What does not parse is tried once more with
`http://` in front; then a URL with a scheme has the host `http`. What does not parse then either is dropped without a
word, and the connection goes directly.

`tests/unit/probe/go-proxies.json` was produced by a Go program; a test holds this module to it.
"""

import re
from typing import NamedTuple, Optional, Tuple
from urllib.parse import unquote_to_bytes

DEFAULT_PORTS = {"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}
SOCKS = ("socks5", "socks5h")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_USER = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*\Z")
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:\[\]<>\"%\x80-\xff-]*\Z")
_HOST_ESCAPE = re.compile(r"%(?!25)[0-7]")
_PORT = re.compile(r"(?::[0-9]*)?\Z")
_V6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\Z")


class Unparsable(Exception):
    """Go refuses the URL. The text names no part of it."""


class GoUrl(NamedTuple):
    """What Go takes from a URL."""

    scheme: str
    host: str
    """With the port, if there is one; empty if Go sees no authority."""
    login: Optional[str]

    def __repr__(self) -> str:
        return "GoUrl(%s://%s)" % (self.scheme, self.host)

    @property
    def hostname(self) -> str:
        """The host without port and brackets, in the letters that DNS has."""
        name = self._split()[0]
        return in_ascii(name)

    @property
    def port(self) -> str:
        """The port that is dialled, as text; empty if there is none."""
        return self._split()[1] or DEFAULT_PORTS.get(self.scheme, "")

    def _split(self) -> Tuple[str, str]:
        name, colon, port = self.host.rpartition(":")
        if not colon or not _PORT.match(":" + port):
            name, port = self.host, ""
        if name.startswith("[") and name.endswith("]"):
            name = name[1:-1]
        return name, port


def proxy(value: str) -> Optional[GoUrl]:
    """The proxy that Go makes of a variable's value; None if it drops it."""
    first: Optional[GoUrl] = None
    try:
        first = parse(value)
    except Unparsable:
        pass
    if first is None or not first.scheme or not first.host:
        try:
            return parse("http://" + value)
        except Unparsable:
            pass
    return first


def parse(text: str) -> GoUrl:
    """net/url.Parse, as far as scheme, user information and host go."""
    raw = text.encode("utf-8", "surrogateescape").decode("latin-1")
    raw, _, fragment = raw.partition("#")
    if _CONTROL.search(raw):
        raise Unparsable("a control character")
    if raw == "*":
        return GoUrl("", "", None)
    if raw.startswith(":"):
        raise Unparsable("no scheme")
    scheme = _SCHEME.match(raw)
    rest = raw[scheme.end() :] if scheme else raw
    name = scheme.group(0)[:-1].lower() if scheme else ""
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if name:
            return _ended(GoUrl(name, "", None), fragment)
        if ":" in rest.partition("/")[0]:
            raise Unparsable("a colon in the first segment")
    host, login = "", None
    if rest.startswith("//") and (name or not rest.startswith("///")):
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        user, at, place = authority.rpartition("@")
        host = _host(place)
        if at:
            login = _login(user)
    if _BAD_ESCAPE.search(rest):
        raise Unparsable("a % that encodes nothing")
    return _ended(GoUrl(name, host, login), fragment)


def _ended(url: GoUrl, fragment: str) -> GoUrl:
    if _BAD_ESCAPE.search(fragment):
        raise Unparsable("a % that encodes nothing")
    return url


def _login(user: str) -> str:
    if not _USER.match(user):
        raise Unparsable("a character that has to be encoded in user information")
    if _BAD_ESCAPE.search(user):
        raise Unparsable("a % that encodes nothing")
    name, _, password = user.partition(":")
    return _decoded(name) + ":" + _decoded(password)


def _host(host: str) -> str:
    bracket = host.rfind("[")
    if bracket > 0:
        raise Unparsable("a bracket within the host")
    if bracket == 0:
        inside, closed, port = host[1:].rpartition("]")
        if not closed or not _PORT.match(port):
            raise Unparsable("no address in brackets")
        address, percent, zone = inside.partition("%25")
        if not _V6.match(address) or (percent and not zone):
            raise Unparsable("no address in brackets")
        _check_host(address)
        return "[" + address + ("%" + _decoded(zone) if percent else "") + "]" + port
    if ":" in host and not _PORT.match(host[host.rfind(":") :]):
        raise Unparsable("no port behind the colon")
    _check_host(host)
    return unquote_to_bytes(host.encode("latin-1")).decode("utf-8", "surrogateescape")


def _check_host(host: str) -> None:
    if not _HOST.match(host) or _BAD_ESCAPE.search(host) or _HOST_ESCAPE.search(host):
        raise Unparsable("a character that no host has")


def in_ascii(name: str) -> str:
    """A host in the letters that DNS has; as it is, if it has no such form."""
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.encode("latin-1")).decode("utf-8", "surrogateescape")
