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
_FILE_LIMIT = 10 * 1024 * 1024


class BadInput(Exception):
    """The user's input cannot be used. The text is one line for that user."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


def printable(text: str, limit: int = 300) -> str:
    """The text on one line, without characters that a terminal would obey."""
    flat = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def one_of(words: type[Word], text: str, what: str) -> Word:
    """One word of a closed list."""
    if text not in list(words):
        raise BadInput(f"{what} {text!r}: it is one of {', '.join(words)}")
    return words(text)


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
            f"--tenant {text!r}: a tenant is one DNS label: 1 to 63 letters, digits and hyphens, "
            "as in https://<tenant>.app.stackstate.io"
        )
    return folded


def host_name(text: str, what: str) -> str:
    """A DNS host name or an IPv4 address, in lower case and without a final dot."""
    name = text.lower().removesuffix(".") if text.isascii() else text
    labels = name.split(".")
    well_formed = len(name) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
    if not well_formed or (labels[-1].isdigit() and not _is_ipv4(name)):
        raise BadInput(f"{what} {text!r}: not a host name")
    return name


def registry_prefix(text: str, what: str) -> tuple[str, str]:
    """`host[:port][/path]` of a registry, taken apart into host and path."""
    rest = text.strip()
    scheme, separator, tail = rest.partition("://")
    if separator:
        if scheme.lower() != "https":
            raise BadInput(f"{what} {text!r}: a registry is reached by https only; leave the scheme out")
        rest = tail
    if "@" in rest:
        raise BadInput(f"{what} {hide_user(text)!r}: no user names or passwords here")
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
    parts = _split(text, what)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"{what} {hide_user(text)!r}: a proxy is http://HOST:PORT or https://HOST:PORT")
    if parts.username is not None or parts.password is not None:
        raise BadInput(
            f"{what} {hide_user(text)!r}: no user names or passwords here; put them into HTTPS_PROXY in the environment"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise BadInput(f"{what} {text!r}: a proxy's URL ends with its port")
    host = host_name(parts.hostname, what)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{host}:{port}"


def web_url(text: str, what: str) -> str:
    """An https URL without user information, as it was written."""
    parts = _split(text, what)
    if parts.scheme != "https" or not parts.hostname:
        raise BadInput(f"{what} {hide_user(text)!r}: not an https:// URL")
    if parts.username is not None:
        raise BadInput(f"{what} {hide_user(text)!r}: no user names or passwords here")
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
    """The URL with its user information replaced."""
    return re.sub(r"(//|^)[^/@\s]*@", r"\1***@", url)


def hide_password(spec: str) -> str:
    """`ssh://user:password@host` without the password, for messages and names."""
    return re.sub(r"^([^/@]*//)?([^/@:]*):[^@]*@", r"\1\2@", spec)


def _split(text: str, what: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise BadInput(f"{what} {hide_user(text)!r}: {error}") from None
    return parts


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
