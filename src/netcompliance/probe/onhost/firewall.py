"""The host's own firewall rules, where they may be read. Reading changes nothing and loads nothing.

A kernel may hold rules of nftables and of the older iptables at once, and each tool shows one kind alone. So the kernel
itself is asked which tables there are: what no tool shows is known to be missing.
"""

import os
import socket
import struct
import subprocess
import time
from typing import Any, Dict, Iterator, List, Optional

from netcompliance.probe.onhost.failures import Failure, failure_from, timed_out
from netcompliance.probe.onhost.visit import Visit

TOOLS = {
    "nft": ["nft", "-j", "list", "ruleset"],
    "iptables": ["iptables-save"],
    "ip6tables": ["ip6tables-save"],
    "iptables-legacy": ["iptables-legacy-save"],
    "ip6tables-legacy": ["ip6tables-legacy-save"],
    "iptables-nft": ["iptables-nft-save"],
    "ip6tables-nft": ["ip6tables-nft-save"],
    "ipset": ["ipset", "save"],
}
BYTES = 1 << 20
PLACES = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin"


KERNEL = "kernel"
LEGACY_TABLES = {"iptables": "/proc/net/ip_tables_names", "ip6tables": "/proc/net/ip6_tables_names"}
NETLINK_NETFILTER = 12
GET_TABLE, NEW_TABLE = 0x0A01, 0x0A00
"""Subsystem 10 (nftables), messages 1 and 0."""
DUMP = 0x301
DONE, ERROR = 3, 2
TABLE_NAME = 1
FAMILIES = {1: "inet", 2: "ip", 10: "ip6"}
"""Those in which connections to a host pass. Others are of bridges and devices."""


def start(visit: Visit, _: Dict[str, Any]) -> None:
    """Read with every tool that is there. One program may go by several names."""
    visit.spawn("outbound", report, visit, KERNEL)
    programs = set()
    for tool, command in TOOLS.items():
        path = _path(command[0])
        program = (os.path.realpath(path), "6" in command[0]) if path else (tool, False)
        if program not in programs:
            programs.add(program)
            visit.spawn("outbound", report, visit, tool)


def report(visit: Visit, tool: str) -> None:
    """The `firewall` observation of one tool."""
    at = time.time()
    rules, error = None, None
    try:
        rules = _tables(visit.limits["run"]) if tool == KERNEL else _run(tool, visit.limits["run"])
    except Exception as problem:
        error = failure_from(problem, "run").record()
    visit.emit("firewall", "outbound", tool=tool, rules=rules, at=at, error=error)


def _run(tool: str, seconds: float) -> str:
    command = TOOLS[tool]
    path = _path(command[0])
    if path is None:
        raise Failure("run", "UNSUPPORTED", command[0] + " is not installed")
    environment = {"PATH": PLACES, "LC_ALL": "C"}
    running = subprocess.Popen(
        [path] + command[1:], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        output, errors = running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        running.kill()
        raise timed_out("run", command[0] + " did not end") from None
    if running.returncode:
        text = errors.decode("utf-8", "replace").strip()
        raise Failure("run", "UNSUPPORTED", text or "exit code %d" % running.returncode, code=running.returncode)
    if len(output) > BYTES:
        raise Failure("run", "LIMIT", "more than %d bytes of rules" % BYTES)
    return output.decode("utf-8", "replace")


def _path(name: str) -> Optional[str]:
    paths = (os.path.join(place, name) for place in PLACES.split(":"))
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def _tables(seconds: float) -> str:
    """The tables that the kernel has, one a line: `nft inet NAME`, `iptables NAME`, `ip6tables NAME`."""
    found = ["nft " + table for table in _nft_tables(seconds)]
    for kind, path in LEGACY_TABLES.items():
        if os.path.exists(path):
            with open(path, encoding="ascii", errors="replace") as file:
                found += ["%s %s" % (kind, name) for name in file.read(4096).split()]
    return "\n".join(sorted(found))


def _nft_tables(seconds: float) -> List[str]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as asking:
        asking.settimeout(seconds)
        asking.send(struct.pack("=IHHIIBBH", 20, GET_TABLE, DUMP, 1, 0, 0, 0, 0))
        found: List[str] = []
        while True:
            for kind, body in _messages(asking.recv(1 << 16)):
                if kind == ERROR:
                    code = -struct.unpack_from("=i", body)[0]
                    raise OSError(code, os.strerror(code))
                if kind == DONE:
                    return found
                if kind == NEW_TABLE and body[0] in FAMILIES:
                    found.append("%s %s" % (FAMILIES[body[0]], _name(body[4:])))


def _messages(data: bytes) -> Iterator[Any]:
    """Type and body of each netlink message."""
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        yield kind, data[16:length]
        data = data[max(16, (length + 3) & ~3) :]


def _name(attributes: bytes) -> str:
    while len(attributes) >= 4:
        length, kind = struct.unpack_from("=HH", attributes)
        if kind == TABLE_NAME:
            return attributes[4:length].rstrip(b"\0").decode("utf-8", "replace")
        attributes = attributes[max(4, (length + 3) & ~3) :]
    return ""
