"""What a person may hand in, checked before anything is asked or written (pure, but for reading the named file).

Rules
* Whatever is wrong with an input is one `BadInput` whose text is one line and names the culprit: option, file and line.
* A name that passed here is safe in a DNS query, a URL, a path and a command line.
* Secrets are refused where they would be seen: in options, and in files that are not meant for them.
"""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

Word = TypeVar("Word", bound=StrEnum)

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PREFIX_PART = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*")
_LOGIN = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{0,20}:/{1,2})[^\s/@:]*:\S*@")
"""A URL with a password, also where it was taken for a path."""
AT, COLON = "@|%40|\uff20", ":|%3[Aa]|\uff1a"
"""What people and their keyboards write for these two, as patterns."""
_PLACE = re.compile(r"(?ai)([a-z][a-z0-9+.-]*://)?(?:\*{3}@)?(?:\[[0-9a-f:.]*\]|[\w.-]*)(?::[0-9]*)?(?:/[\w./-]*)?")
"""A URL, its login hidden, in which no other can stand."""
_FILE_LIMIT = 10 * 1024 * 1024


class BadInput(Exception):
    """The user's input cannot be used. The text is one line for that user."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(_LOGIN.sub(r"\1***@", text)))


def printable(text: str, limit: int = 300) -> str:
    """The text on one line, without characters that a terminal would obey."""
    flat = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def one_of(words: type[Word], text: str, what: str) -> Word:
    """One word of a closed list."""
    if text not in list(words):
        raise BadInput(f"{what} {hide_login(text)!r}: it is one of {', '.join(words)}")
    return words(text)


_SCHEME = re.compile(r"[a-z][a-z-]*://")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_SECONDS = (3600.0, 60.0, 1.0, 0.001)
LONGEST = 7 * 24 * 3600.0
"""Seconds of the longest duration that anybody means."""


def duration(text: str, what: str, least: float = 0.0, most: float = LONGEST) -> float:
    """Seconds of a duration such as `30m`, `200ms` or `1h30m`, within bounds."""
    found = _DURATION.fullmatch(text.strip()) if text.isascii() and len(text) < 40 else None
    if found is None or not any(found.groups()):
        raise BadInput(f"{what} {text!r}: a duration such as 30m, 200ms or 1h30m")
    value = sum(float(number) * unit for number, unit in zip(found.groups(), _SECONDS, strict=True) if number)
    if not least <= value <= most:
        raise BadInput(f"{what} {text!r}: from {duration_text(least)} to {duration_text(most)}")
    return value


def duration_text(seconds: float) -> str:
    """A duration as `duration` reads it: `1h30m`, `200ms`, `0s`."""
    left = round(seconds * 1000)
    parts = []
    for unit, name in ((3600000, "h"), (60000, "m"), (1000, "s"), (1, "ms")):
        number, left = divmod(left, unit)
        if number:
            parts.append(f"{number}{name}")
    return "".join(parts) or "0s"


def tenant_name(text: str) -> str:
    """A tenant: one DNS label, folded to lower case."""
    folded = text.lower() if text.isascii() else text
    if not _LABEL.fullmatch(folded):
        raise BadInput(
            f"--tenant {hide_login(text)!r}: a tenant is one DNS label: 1 to 63 letters, digits and hyphens, "
            "as in https://<tenant>.app.stackstate.io"
        )
    return folded


def host_name(text: str, what: str) -> str:
    """A DNS host name or an IPv4 address, in lower case and without a final dot."""
    name = text.lower().removesuffix(".") if text.isascii() else text
    labels = name.split(".")
    well_formed = len(name) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
    if not well_formed or (labels[-1].isdigit() and not _is_ipv4(name)):
        raise BadInput(f"{what} {hide_login(text)!r}: not a host name")
    return name


def registry_prefix(text: str, what: str) -> tuple[str, str]:
    """`host[:port][/path]` of a registry, taken apart into host and path."""
    rest = text.strip()
    scheme, separator, tail = rest.partition("://")
    if separator:
        if scheme.lower() != "https":
            raise BadInput(f"{what} {hide_login(text)!r}: a registry is reached by https only; leave the scheme out")
        rest = tail
    if "@" in rest:
        raise BadInput(f"{what} {hide_login(text)!r}: no user names or passwords here")
    host, _, path = rest.partition("/")
    name, colon, port = host.partition(":")
    name = host_name(name, what)
    if "." not in name and not colon and name != "localhost":
        raise BadInput(f"{what} {text!r}: a registry's host name has a dot or a port")
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise BadInput(f"{what} {text!r}: {port!r} is no port")
    path = path.strip("/")
    if path and not all(_PREFIX_PART.fullmatch(part) for part in path.split("/")):
        raise BadInput(f"{what} {text!r}: {path!r} is no repository prefix (lower-case words with / between)")
    return (name if port in ("", "443") else f"{name}:{int(port)}"), path


def proxy_url(text: str, what: str) -> str:
    """An explicit proxy's URL, without a path and with its port. User information is refused: it would be seen."""
    parts = _split(text, what, hide_proxy(text))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"{what} {hide_proxy(text)!r}: a proxy is http://HOST:PORT or https://HOST:PORT")
    if parts.username is not None or parts.password is not None:
        raise BadInput(
            f"{what} {hide_proxy(text)!r}: no user names or passwords here; "
            "put them into HTTPS_PROXY in the environment"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise BadInput(f"{what} {hide_proxy(text)!r}: a proxy's URL ends with its port")
    host = host_name(parts.hostname, what)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{host}:{port}"


def web_url(text: str, what: str) -> str:
    """An https URL without user information, as it was written."""
    parts = _split(text, what, hide_login(text))
    if parts.scheme != "https" or not parts.hostname:
        raise BadInput(f"{what} {hide_login(text)!r}: not an https:// URL")
    if parts.username is not None:
        raise BadInput(f"{what} {hide_login(text)!r}: no user names or passwords here")
    if "?" in text or "#" in text:
        raise BadInput(f"{what} {hide_query(text)!r}: a repository's URL ends with its path; no keys here")
    host_name(parts.hostname, what)
    return text.rstrip("/")


def approved(text: str, where: str) -> str:
    """One entry of an allow-list: an address, a CIDR block or a host name."""
    entry = text.strip()
    if "/" in entry:
        try:
            return str(ipaddress.ip_network(entry))
        except ValueError as error:
            raise BadInput(f"{where}: {error}") from None
    try:
        return str(ipaddress.ip_address(entry))
    except ValueError:
        pass
    if "*" in entry:
        raise BadInput(f"{where}: {entry!r}: a wildcard says nothing about addresses; list names and addresses")
    return host_name(entry, f"{where}:")


def read_text(path: Path, what: str) -> str:
    """A text file of bounded size."""
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_LIMIT + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{what} {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{what} {path}: not a text file (UTF-8)") from None
    if len(data) > _FILE_LIMIT:
        raise BadInput(f"{what} {path}: larger than {_FILE_LIMIT >> 20} MiB")
    return text


def entries(text: str) -> list[tuple[int, str]]:
    """(line number, entry) of a list with one entry per line and `#` comments."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if entry:
            found.append((number, entry))
    return found


def hide_user(url: str) -> str:
    """A text with the user information of the URLs in it replaced. A password may hold what should be encoded."""
    return re.sub(r"^[^/@\s]*@", "***@", re.sub(r"//\S*@", "//***@", url))


def hide_login(url: str) -> str:
    """One URL with everything in front of its last `@`, however it is written, replaced, whatever stands there."""
    found = list(re.finditer(AT, url))
    if not found:
        return url
    at = found[-1]
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://", url[: at.start()])
    return f"{scheme[0] if scheme else ''}***@{url[at.end() :]}"


def hide_query(url: str) -> str:
    """One URL without what follows its path."""
    return re.sub(r"[?#].*", lambda found: f"{found[0][0]}***", url, count=1, flags=re.DOTALL)


def hide_keys(url: str) -> str:
    """One URL without its login and without what follows its path, where a key may stand; without either, where nobody
    can tell which of them an `@` ends."""
    scheme = _SCHEME.match(url)
    is_either = re.search(rf"[?#].*?(?:{AT})", url, flags=re.DOTALL)
    return f"{scheme[0] if scheme else ''}***" if is_either else hide_query(hide_login(url))


def hide_proxy(url: str) -> str:
    """A proxy's URL with its login hidden, and all but the scheme where one may stand in it without an `@`."""
    hidden = hide_login(url)
    place = _PLACE.match(hidden)
    assert place
    return hidden if place.end() == len(hidden) else f"{place[1] or ''}***"


def hide_password(spec: str) -> str:
    """`ssh://user:password@host` without the password, whatever stands in it, for messages and names."""
    scheme = _SCHEME.match(spec)
    rest = spec[scheme.end() :] if scheme else spec
    hidden = re.sub(rf"^((?:(?!{COLON}|{AT})[^/?#])*)(?:{COLON})(?!\d+\?\w+=).*(?:{AT})", r"\1@", rest)
    return (scheme[0] if scheme else "") + hidden


def has_encoded_login(name: str) -> bool:
    """Whether user or host of `user:password@host` hold an `@` or a colon in another writing, which nobody can mean."""
    login, _, host = name.rpartition("@")
    odd = f"(?!@)(?:{AT})|(?!:)(?:{COLON})"
    return bool(re.search(odd, login.partition(":")[0]) or re.search(odd, host))


def login_cut_off(spec: str) -> str:
    """The character that ends the login of a URL-like name too early, as it is not encoded; empty if there is none.

    Behind a host, a query is `name=value`, in which an `@` is nobody's login.
    """
    scheme = _SCHEME.match(spec)
    login, at, _ = spec[scheme.end() if scheme else 0 :].rpartition("@")
    found = re.search(r"[#/?]", login) if at else None
    if found is None:
        return ""
    is_query = found[0] == "?" and re.match(r"\w+=", login[found.end() :])
    name, colon, port = login[: found.start()].rpartition("@")[2].rpartition(":")
    is_host = not colon or (name and port.isdigit())
    return "" if is_query and is_host else found[0]


def _split(text: str, what: str, shown: str) -> SplitResult:
    """The parts of a URL. Where a login is cut off otherwise than it is meant, neither error nor parts may be told."""
    login = text.partition("://")[2].rpartition("@")[0]
    if any(each in login for each in "#/?") or re.search("%(?![0-9A-Fa-f]{2})", login):
        odd = next((each for each in "#/?%" if each in login), "%")
        raise BadInput(f"{what} {shown!r}: {odd} in a user name or password has to be written as %{ord(odd):02X}")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise BadInput(f"{what} {shown!r}: not a valid URL") from None
    return parts


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
