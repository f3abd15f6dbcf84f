"""resolv.conf, hosts and nsswitch.conf as a Go program reads them that was built without cgo, as the agent is.

Where these differ from the C library: a nameserver must be an address to the letter, lines may be indented and end in a
carriage return, options have no upper bounds, RES_OPTIONS and LOCALDOMAIN do not count, without any nameserver both
loopback addresses are asked, and of nsswitch.conf only the order of "files" and "dns" is taken (net/dnsconfig_unix.go,
net/hosts.go, net/conf.go of Go 1.24 to 1.27).
"""

import re
import socket
from typing import Any, Dict, List, Optional

MOST_SERVERS = 3
BIG = 0xFFFFFF
DATAGRAM = 1232
"""Bytes of a datagram that a query offers to take."""
MOST_NDOTS = 15
LOOPBACK = ("127.0.0.1", "::1")
WORDS = re.compile(r"[^ \t\r\n]+")
FLAGS = {
    "rotate": "rotate", "single-request": "single_request", "single-request-reopen": "single_request",
    "use-vc": "use_tcp", "usevc": "use_tcp", "tcp": "use_tcp", "trust-ad": "trust_ad",
}  # fmt: skip
LONGEST = 254
"""Characters of a name with its final dot."""


def is_address(text: str) -> bool:
    """A literal address, with a zone only if it is one of IPv6."""
    address, mark, zone = text.partition("%")
    if mark and (not zone or ":" not in address):
        return False
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    except (OSError, ValueError):
        return False
    return True


def resolver(text: Optional[str], hostname: str) -> Dict[str, Any]:
    """What a resolv.conf says; `None` for a file that cannot be opened."""
    found: Dict[str, Any] = {
        "servers": [], "search": [], "ndots": 1, "timeout": 5, "attempts": 2, "rotate": False,
        "single_request": False, "use_tcp": False, "trust_ad": False, "readable": text is not None,
    }  # fmt: skip
    for line in (text or "").split("\n"):
        words = WORDS.findall(line)
        if not words or line[0] in "#;":
            continue
        keyword, values = words[0], words[1:]
        if keyword == "nameserver" and values and len(found["servers"]) < MOST_SERVERS and is_address(values[0]):
            found["servers"].append(values[0])
        elif keyword == "domain" and values:
            found["search"] = [_rooted(values[0])]
        elif keyword == "search":
            found["search"] = [name for name in map(_rooted, values) if name != "."]
        elif keyword == "options":
            for option in values:
                _take(found, option)
    found["servers"] = found["servers"] or list(LOOPBACK)
    _, dot, domain = hostname.partition(".")
    if not found["search"] and dot and domain:
        found["search"] = [_rooted(domain)]
    return found


def ignored(text: str) -> List[str]:
    """What stands as a nameserver in a resolv.conf and is none to Go: no address, or the fourth and more."""
    words = [WORDS.findall(line) for line in text.split("\n") if line[:1] not in ("#", ";")]
    named = [line[1] for line in words if line[:1] == ["nameserver"] and len(line) > 1]
    valid = [name for name in named if is_address(name)]
    return [name for name in named if not is_address(name)] + valid[MOST_SERVERS:]


def _take(found: Dict[str, Any], option: str) -> None:
    name, colon, value = option.partition(":")
    if colon and name == "ndots":
        found["ndots"] = min(_number(value), MOST_NDOTS)
    elif colon and name in ("timeout", "attempts"):
        found[name] = max(_number(value), 1)
    elif option in FLAGS:
        found[FLAGS[option]] = True


def _number(text: str) -> int:
    digits = re.match(r"[0-9]{0,9}", text)
    return min(int(digits.group() or 0) if digits else 0, BIG)


def _rooted(name: str) -> str:
    return name if name.endswith(".") else name + "."


def names_to_ask(host: str, found: Dict[str, Any]) -> List[str]:
    """The names that are asked for one after the other, each with its final dot, until one has addresses."""
    if host.endswith("."):
        return [host]
    bare = host + "."
    longer = [bare + suffix for suffix in found["search"] if len(bare + suffix) <= LONGEST]
    return [bare] + longer if host.count(".") >= found["ndots"] else longer + [bare]


def hosts(text: str, host: str) -> List[str]:
    """The addresses that a hosts file gives a name, in its order."""
    wanted = host.lower().rstrip(".")
    found = []
    for line in text.split("\n"):
        words = WORDS.findall(line.split("#", 1)[0])
        if len(words) > 1 and is_address(words[0]) and wanted in (word.lower().rstrip(".") for word in words[1:]):
            found.append(words[0])
    return found


def order(text: str) -> str:
    """In which order files and DNS are asked, by an nsswitch.conf. Another source counts as DNS if none is."""
    sources: List[str] = []
    for line in text.split("\n"):
        database, colon, listed = line.split("#", 1)[0].strip().partition(":")
        if colon and database.strip() == "hosts":
            sources += [word for word in re.sub(r"\[[^\]]*\]", " ", listed).strip().split(" ") if word.strip()]
    has_dns = "dns" in sources
    known = ["dns" if source != "files" and not has_dns else source for source in sources]
    chosen = list(dict.fromkeys(source for source in known if source in ("files", "dns")))
    return ",".join(chosen) or "files,dns"
