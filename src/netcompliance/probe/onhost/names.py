"""Names as the host itself resolves them, and the files that say how."""

import re
import socket
import threading
import time
from typing import Any, Dict, List, Optional

from netcompliance.probe.onhost.failures import Failure, failure_from, timed_out
from netcompliance.probe.onhost.pool import start_thread
from netcompliance.probe.onhost.visit import Visit

RESOLV_CONF = "/etc/resolv.conf"
HOSTS_FILE = "/etc/hosts"
NSSWITCH = "/etc/nsswitch.conf"
TEXT_LIMIT = 16384
LINE = re.compile(r"(nameserver|search|domain|options)[ \t](.*)", re.DOTALL)
BLANK = re.compile(r"[ \t]+")
MOST_DOMAINS = 6
"""Of a search list."""


def read_text(path: str, limit: int = TEXT_LIMIT) -> str:
    """The start of a file; empty if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(limit)
    except OSError:
        return ""


def text_or_none(path: str, limit: int = TEXT_LIMIT) -> Optional[str]:
    """The start of a file; `None` if it cannot be opened."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(limit)
    except OSError:
        return None


def resolver_settings(text: str) -> Dict[str, List[str]]:
    """Nameservers, search list and options of a resolv.conf as glibc reads it.

    A keyword stands at the beginning of its line, before a blank or a tab. Nothing is a comment but a whole line. Of a
    nameserver the first word counts if it is an address, also in the older ways of writing one (`10.1`); a carriage
    return belongs to it. The last search or domain line counts.
    """
    settings: Dict[str, List[str]] = {"nameservers": [], "search": [], "options": []}
    for line in text.split("\n"):
        found = LINE.match(line)
        words = BLANK.split(found.group(2).strip(" \t")) if found else [""]
        if found is None or not words[0]:
            continue
        if found.group(1) == "nameserver":
            settings["nameservers"] += libc_address(words[0])
        elif found.group(1) == "options":
            settings["options"] += words
        else:
            settings["search"] = words[:MOST_DOMAINS] if found.group(1) == "search" else words[:1]
    return settings


def libc_address(word: str) -> List[str]:
    """The address that glibc takes a word for; none if it is no address."""
    try:
        if ":" not in word:
            return [] if word.split() != [word] else [socket.inet_ntoa(socket.inet_aton(word))]
        socket.inet_pton(socket.AF_INET6, word.partition("%")[0])
    except (OSError, ValueError):
        return []
    return [word]


def hosts_entries(text: str, names: List[str]) -> List[str]:
    """The lines of a hosts file that name one of these names."""
    wanted = {name.lower().rstrip(".") for name in names}
    entries = []
    for line in text.splitlines():
        words = line.split("#", 1)[0].lower().split()
        if wanted.intersection(word.rstrip(".") for word in words[1:]):
            entries.append(line.strip())
    return entries


def resolve(visit: Visit, task: str, name: str, purpose: str, host: Optional[str] = None) -> "Lookup":
    """Ask the system's resolver, once per visit and name; report it once per task; tell the address book.

    `host` is the host that the name is asked for, where that is not the name itself (under a search domain, say).
    """
    at = time.time()
    clock = time.monotonic()
    lookup: Lookup = visit.shared(("lookup", name), lambda: Lookup(name))
    lookup.wait(visit)
    if visit.first("resolve", task, name):
        visit.emit(
            "resolve", task, host=host or name.rstrip("."), name=name, purpose=purpose, addresses=lookup.addresses,
            canonical=lookup.canonical, at=at, seconds=time.monotonic() - clock,
            error=lookup.failure.record() if lookup.failure else None,
        )  # fmt: skip
        if lookup.failure and purpose == "host":
            from netcompliance.probe.onhost import nameservers

            nameservers.ask_why(visit, name)
    visit.book.announce(name, lookup.addresses)
    return lookup


def addresses_of(visit: Visit, task: str, host: str) -> List[str]:
    """The addresses of a host, waited for; or the failure to find any."""
    known = visit.book.known(host)
    if known:
        return known
    lookup = resolve(visit, task, host, "host")
    if lookup.failure is not None:
        raise lookup.failure
    return lookup.addresses


class Lookup:
    """getaddrinfo in a thread of its own, which is left behind if it does not come back."""

    def __init__(self, name: str) -> None:
        self.addresses: List[str] = []
        self.canonical: Optional[str] = None
        self.failure: Optional[Failure] = None
        self._name = name
        self._done = threading.Event()
        start_thread(self._look)

    def wait(self, visit: Visit) -> None:
        """Wait for the answer: longer where it is known that a nameserver answers, since then it can still come."""
        deadline = visit.deadline.within(visit.limits["resolve_most"])
        if self._done.wait(deadline.within(visit.limits["resolve"]).left()):
            return
        if not (visit.answering.is_set() and self._done.wait(deadline.left())):
            self.failure = timed_out("resolve", "getaddrinfo did not come back")

    def _look(self) -> None:
        try:
            found: List[Any] = socket.getaddrinfo(
                self._name.encode("ascii"), None, 0, socket.SOCK_STREAM, 0, socket.AI_CANONNAME
            )
            self.canonical = next((entry[3] for entry in found if entry[3]), None)
            self.addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        except Exception as error:
            self.failure = failure_from(error, "resolve")
        self._done.set()


def start_resolving(visit: Visit, task: Dict[str, Any]) -> None:
    """The `resolve` task: names, each for its purpose; where it says so, under the host's search domains too."""
    search = resolver_settings(read_text(RESOLV_CONF))["search"]
    for entry in task["names"]:
        name = entry["name"]
        visit.spawn("dns", resolve, visit, "dns", name, entry["purpose"], entry["host"])
        for domain in search if entry.get("search") else []:
            longer = "%s.%s." % (name.rstrip("."), domain.strip("."))
            visit.spawn("dns", resolve, visit, "dns", longer, "search", entry["host"])
