"""Which proxy a host is reached through, as each client reads the environment.

Go (the agent, container runtimes), curl and Python differ: in which spelling of a variable comes first, and in how an
entry of NO_PROXY matches. The probe goes the way Go goes; the other readings are reported, since a check with curl on
the same host may see another network.
"""

import ipaddress
from typing import Any, Dict, List, Mapping, NamedTuple, Optional
from urllib.parse import unquote, urlsplit

VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


class Proxy(NamedTuple):
    """An explicit proxy. The login is for the wire only."""

    scheme: str
    host: str
    port: int
    login: Optional[str]

    @property
    def url(self) -> str:
        """Without user information: what may be shown."""
        host = "[%s]" % self.host if ":" in self.host else self.host
        return "%s://%s:%d" % (self.scheme, host, self.port)


class Route(NamedTuple):
    """The way to one host and port."""

    proxy: Optional[Proxy]
    source: Optional[str]
    no_proxy: Optional[str]
    readings: Dict[str, bool]


def shown(url: str) -> str:
    """A proxy's URL without its user information."""
    scheme, separator, rest = url.rpartition("://")
    authority, slash, path = rest.partition("/")
    return scheme + separator + authority.rpartition("@")[2] + slash + path


def parse_proxy(url: str) -> Optional[Proxy]:
    """A proxy from its URL; without a scheme it is http, as Go has it. None if it is no URL."""
    try:
        parts = urlsplit(url if "://" in url else "http://" + url)
        scheme = parts.scheme.lower()
        port = parts.port or (80 if scheme == "http" else 443)
    except ValueError:
        return None
    if not parts.hostname:
        return None
    login = None
    if parts.username is not None:
        login = unquote(parts.username) + ":" + unquote(parts.password or "")
    return Proxy(scheme, parts.hostname, port, login)


def route_to(host: str, port: int, declared: Optional[Mapping[str, Any]], environment: Mapping[str, str]) -> Route:
    """The route to a host: by the declared proxy if there is one, else by the environment."""
    if declared is not None:
        variables: Dict[str, str] = {"HTTPS_PROXY": declared["url"], "https_proxy": declared["url"]}
        if declared.get("no_proxy"):
            variables.update(NO_PROXY=declared["no_proxy"], no_proxy=declared["no_proxy"])
    else:
        variables = {name: environment[name] for name in VARIABLES if environment.get(name)}
    source = _first(variables, "HTTPS_PROXY", "https_proxy")
    exceptions = _first(variables, "NO_PROXY", "no_proxy")
    no_proxy = variables.get(exceptions or "")
    readings = {
        "go": source is not None and not go_exempts(host, port, no_proxy or ""),
        "curl": _curl_uses(host, variables),
        "python": _python_uses(host, port, variables),
    }
    proxy = parse_proxy(variables[source]) if source is not None and readings["go"] else None
    return Route(proxy, None if source is None else "plan" if declared is not None else source, no_proxy, readings)


def go_exempts(host: str, port: int, no_proxy: str) -> bool:
    """golang.org/x/net/http/httpproxy: ports, CIDR blocks, `.suffix` for subdomains alone, loopback always."""
    host = host.lower().rstrip(".")
    literal = _literal(host)
    if host == "localhost" or (literal is not None and literal.is_loopback):
        return True
    for entry in filter(None, (item.strip().lower() for item in no_proxy.split(","))):
        if entry == "*":
            return True
        if literal is not None and _in_block(literal, entry):
            return True
        name, wanted_port = _split_port(entry)
        if wanted_port is not None and wanted_port != port:
            continue
        if literal is not None:
            if _literal(name) == literal:
                return True
            continue
        if name.startswith("*."):
            name = name[1:]
        if name.startswith("."):
            if host.endswith(name):
                return True
        elif name and (host == name or host.endswith("." + name)):
            return True
    return False


def curl_exempts(host: str, no_proxy: str) -> bool:
    """curl: commas or blanks, leading dots mean nothing, no ports, a lone asterisk, CIDR blocks."""
    if no_proxy.strip() == "*":
        return True
    literal = _literal(host)
    for entry in no_proxy.lower().replace(",", " ").split():
        if literal is not None:
            if _in_block(literal, entry) or _literal(entry.strip("[]")) == literal:
                return True
            continue
        name = entry.strip(".")
        if name and (host == name or host.endswith("." + name)):
            return True
    return False


def python_exempts(host: str, port: int, no_proxy: str) -> bool:
    """urllib and requests: leading dots mean nothing, ports count, a lone asterisk; requests knows CIDR blocks."""
    if no_proxy.strip() == "*":
        return True
    literal = _literal(host)
    for entry in (item.strip().lower() for item in no_proxy.split(",")):
        if literal is not None and _in_block(literal, entry):
            return True
        name = entry.lstrip(".")
        for candidate in (host, "%s:%d" % (host, port)):
            if name and (candidate == name or candidate.endswith("." + name)):
                return True
    return False


def _curl_uses(host: str, variables: Mapping[str, str]) -> bool:
    proxy = _first(variables, "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    exceptions = _first(variables, "no_proxy", "NO_PROXY")
    return proxy is not None and not curl_exempts(host.lower(), variables.get(exceptions or "", ""))


def _python_uses(host: str, port: int, variables: Mapping[str, str]) -> bool:
    proxy = _first(variables, "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    exceptions = _first(variables, "no_proxy", "NO_PROXY")
    return proxy is not None and not python_exempts(host.lower(), port, variables.get(exceptions or "", ""))


def _first(variables: Mapping[str, str], *names: str) -> Optional[str]:
    for name in names:
        if variables.get(name):
            return name
    return None


def _literal(text: str) -> Any:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _in_block(literal: Any, entry: str) -> bool:
    if "/" not in entry:
        return False
    try:
        return literal in ipaddress.ip_network(entry, strict=False)
    except (ValueError, TypeError):
        return False


def _split_port(entry: str) -> Any:
    name, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and (":" not in name or name.endswith("]")):
        return name.strip("[]"), int(port)
    return entry.strip("[]"), None


def names_set(environment: Mapping[str, str]) -> List[str]:
    """The proxy variables that are set, in a fixed order."""
    return [name for name in VARIABLES if environment.get(name)]
