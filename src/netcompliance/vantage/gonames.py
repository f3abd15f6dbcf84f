"""Names as Go reads them in certificates: domains, hosts, addresses and mailboxes (crypto/x509, Go 1.24 to 1.26)."""

from __future__ import annotations

import re
from ipaddress import ip_address

MAILBOX = re.compile(
    r'(?:"((?:[\x01-\x08\x0b\x0c\x0e-!#-\[\]-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])*)"'
    r"|((?:[0-9A-Za-z!#$%&'*+/=?^_`{|}~.-]|\\.)+))@(.*)"
)
ESCAPED = re.compile(r"\\(.)")


def domain_is_valid(name: str, *, constraint: bool = False) -> bool:
    """Whether Go takes it for a domain name, in a certificate or in an authority's constraint."""
    if not name:
        return True
    labels = (name[1:] if constraint and name[0] == "." else name).split(".")
    return all(label and all("!" <= ch <= "~" for ch in label) for label in labels)


def is_address(text: str) -> bool:
    """Is it an IP address?"""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def mailbox(text: str) -> tuple[str, str] | None:
    """Local part and domain of an address of mail, `None` if Go does not take it for one."""
    found = MAILBOX.fullmatch(text)
    if found is None:
        return None
    quoted, plain, domain = found.groups()
    local = ESCAPED.sub(r"\1", plain if quoted is None else quoted)
    dots = quoted is None and (not local or local[0] == "." or local[-1] == "." or ".." in local)
    return None if dots or (domain and not domain_is_valid(domain)) else (local, domain.lower())


def same_address(given: bytes, wanted: bytes) -> bool:
    """Is it the same address, if IPv4 may be written as IPv6?"""
    mapped = b"\0" * 10 + b"\xff\xff"
    return given.removeprefix(mapped) == wanted.removeprefix(mapped)


def is_hostname(text: str, *, pattern: bool = False) -> bool:
    """Does Go take it for a host's name? A `pattern` may begin with a wildcard."""
    if not text or text == "*":
        return False
    for number, label in enumerate(text.split(".")):
        if pattern and number == 0 and label == "*":
            continue
        if not label or label[0] == "-" or not all(ch.isascii() and (ch.isalnum() or ch in "-_") for ch in label):
            return False
    return True
