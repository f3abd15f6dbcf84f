"""Which proxy a host is reached through, as each client reads the environment.

Go (the agent, container runtimes), curl and Python differ: in which spelling of a variable comes first, and in how an
entry of NO_PROXY matches. The probe goes the way Go goes; the other readings are reported, since a check with curl on
the same host may see another network.
"""

import ipaddress
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from netcompliance.probe.onhost import gourl

VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
CURLS = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
"""The variables that curl takes for https, in its order."""
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
PLACE = re.compile(r"(\[[0-9A-Fa-f:.]+(?:%25[\w.-]+)?\]|[^\s:@/?#\[\]]+)(?::([0-9]{1,6})?)?\Z")
PAC = re.compile(r"(?i)\.(?:pac|dat)(?:[?#]|\Z)")
NO_LOGIN = re.compile(r"(?:\[[0-9A-Fa-f:.]*\]|[A-Za-z0-9._-]*)(?::[0-9]*)?(?:/[A-Za-z0-9._/-]*)?\Z")
"""Host, port and path of a URL in which nobody can have meant a login."""
MISREAD = "misread://proxy"
"""Stands for the URL of a proxy that Go takes for another one."""


class Proxy(NamedTuple):
    """An explicit proxy, as Go dials it. The login is for the wire only."""

    scheme: str
    host: str
    port: int
    login: Optional[str]
    trouble: Optional[str] = None
    """Why there is nothing to dial that anybody means, in words that hold nothing of the setting."""

    def __repr__(self) -> str:
        return "Proxy(%s)" % self.url

    @property
    def url(self) -> str:
        """Without user information: what may be shown. What was misread may be a part of the password."""
        return MISREAD if self.trouble is not None else "%s://%s" % (self.scheme, self.place)

    @property
    def place(self) -> str:
        """Host and port."""
        return "%s:%d" % ("[%s]" % self.host if ":" in self.host else self.host, self.port)


class Route(NamedTuple):
    """The way to one host and port."""

    proxy: Optional[Proxy]
    source: Optional[str]
    no_proxy: Optional[str]
    readings: Dict[str, bool]
    setting: Optional[Dict[str, Any]] = None
    """What the variable means to each client; None where the plan declares the proxy."""


def shown(url: str) -> str:
    """A proxy's URL without its user information, and with nothing but `***` where that may stand in it all the same:
    with an `@` that is encoded or left out."""
    scheme, separator, rest = without_login(url).rpartition("://")
    if separator and not SCHEME.match(scheme):
        return "***"
    return scheme + separator + (rest if NO_LOGIN.match(rest) else "***")


def without_login(url: str) -> str:
    """A proxy's URL without its user information, as far as anybody can mean it: cut at the last `@`."""
    scheme, separator, rest = url.rpartition("://")
    if "@" in url:
        scheme, separator, rest = url.partition("://")
        scheme, rest = (scheme, rest) if separator and SCHEME.match(scheme) else ("", url)
        separator, rest = "://" if scheme else "", rest.rpartition("@")[2]
    return scheme + separator + rest


def meant(value: str) -> Optional[Tuple[str, str, Optional[int]]]:
    """Scheme, host and port that a person means by a value, however it is encoded; None if nobody can tell."""
    scheme, _, place = without_login(value.strip()).rpartition("://")
    scheme = scheme.rpartition("://")[2]
    found = PLACE.match(re.split("[/?#]", place, maxsplit=1)[0])
    if found is None:
        return None
    return (
        (scheme or "http").lower(),
        found.group(1).strip("[]").lower(),
        int(found.group(2)) if found.group(2) else None,
    )


def parse_proxy(value: str) -> Optional[Proxy]:
    """The proxy that Go dials for a value; None if it drops it, and goes directly."""
    read = gourl.proxy(value)
    if read is None:
        return None
    port = int(read.port) if read.port.isdigit() and len(read.port) < 9 else 0
    trouble = None
    person = meant(value)
    if not read.hostname or person is None or (read.hostname.lower().split("%")[0], port) != _dialled(person, read):
        trouble = "the agent takes another host for the proxy"
    elif not 0 < port < 65536:
        trouble = "there is no such port"
    return Proxy(read.scheme, read.hostname.lower(), port, read.login, trouble)


def _dialled(person: Tuple[str, str, Optional[int]], read: gourl.GoUrl) -> Tuple[str, int]:
    host, port = gourl.in_ascii(person[1]), person[2]
    if port is None:
        port = int(gourl.DEFAULT_PORTS.get(read.scheme, "0"))
    return host.split("%")[0], port


def curl_proxy(value: str) -> Optional[str]:
    """Host and port that curl takes from a value; None if it refuses it. Its port is 1080 where none is given."""
    scheme, mark, rest = value.rpartition("://")
    if mark and not SCHEME.match(scheme):
        return None
    found = PLACE.match(re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2])
    port = int(found.group(2) or (443 if scheme.lower() == "https" else 1080)) if found else 0
    return "%s:%d" % (found.group(1).lower(), port) if found and 0 <= port < 65536 else None


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
    proxy = parse_proxy(variables[source]) if source is not None else None
    through = proxy is not None and not go_exempts(host, port, no_proxy or "")
    readings = {
        "go": through,
        "curl": _curl_uses(host, variables),
        "python": _python_uses(host, port, variables),
    }
    name = None if source is None else "plan" if declared is not None else source
    return Route(
        proxy if through else None, name, no_proxy, readings,
        None if declared is not None else _setting(variables, source, proxy),
    )  # fmt: skip


def setting_of(value: str) -> Dict[str, Any]:
    """What a single setting means to the agent, wherever it stands."""
    return _setting({"HTTPS_PROXY": value}, "HTTPS_PROXY", parse_proxy(value))


def _setting(variables: Mapping[str, str], source: Optional[str], proxy: Optional[Proxy]) -> Dict[str, Any]:
    """What is set, and what the agent and curl make of it. Nothing here holds a part of a login."""
    agent, trouble = None, None
    if source is not None:
        trouble = proxy.trouble if proxy is not None else None
        agent = "drops" if proxy is None else "misreads" if trouble is not None else "dials"
    other = _first(variables, *CURLS)
    return {
        "names": names_set(variables), "agent": agent, "trouble": trouble,
        "agent_takes": source, "agent_place": _harmless(proxy.place if proxy else None, variables.get(source or "")),
        "curl_takes": other,
        "curl_place": _harmless(curl_proxy(variables[other]), variables[other]) if other is not None else None,
        "meant": _person(variables[source or other or ""]) if source or other else None,
        "pac": PAC.search(variables[source or other or ""]) is not None if source or other else False,
        "character": _culprit(variables[source]) if source is not None and agent != "dials" else None,
    }  # fmt: skip


def _person(value: str) -> Optional[str]:
    person = meant(value)
    if person is None:
        return None
    host = "[%s]" % person[1] if ":" in person[1] else person[1]
    return "%s://%s%s" % (person[0], host, "" if person[2] is None else ":%d" % person[2])


def _harmless(place: Optional[str], value: Optional[str]) -> Optional[str]:
    """A host and port that a client takes from the value, unless they stand where the login does."""
    person = meant(value or "")
    if place is None or "@" not in (value or ""):
        return place
    return place if person and place.rpartition(":")[0].strip("[]") == gourl.in_ascii(person[1]) else None


def _culprit(value: str) -> Optional[str]:
    """The kind of character that has to be encoded, without its neighbours."""
    user = value.rpartition("@")[0]
    user = user.partition("://")[2] or user
    for character in "#/?":
        if character in user:
            return character
    if re.search("%(?![0-9A-Fa-f]{2})", user):
        return "%"
    if re.search(r"[\x00-\x20\x7f]", value):
        return "a blank or a control character"
    strange = re.search(r"[^A-Za-z0-9._:~!$&'()*+,;=%@-]", user)
    return strange.group(0) if strange else None


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
