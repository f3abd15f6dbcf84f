"""The host's own firewall rules, where they may be read. Reading changes nothing and loads nothing."""

import os
import subprocess
import time
from typing import Any, Dict

from netcompliance.probe.onhost.failures import Failure, failure_from, timed_out
from netcompliance.probe.onhost.visit import Visit

TOOLS = {
    "nft": ["nft", "-j", "list", "ruleset"],
    "iptables": ["iptables-save"],
    "ip6tables": ["ip6tables-save"],
}
BYTES = 1 << 20
PLACES = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin"


def start(visit: Visit, _: Dict[str, Any]) -> None:
    """Read with every tool that is there."""
    for tool in TOOLS:
        visit.spawn("outbound", report, visit, tool)


def report(visit: Visit, tool: str) -> None:
    """The `firewall` observation of one tool."""
    at = time.time()
    rules, error = None, None
    try:
        rules = _run(tool, visit.limits["run"])
    except Exception as problem:
        error = failure_from(problem, "run").record()
    visit.emit("firewall", "outbound", tool=tool, rules=rules, at=at, error=error)


def _run(tool: str, seconds: float) -> str:
    command = TOOLS[tool]
    path = next((os.path.join(place, command[0]) for place in PLACES.split(":") if _is_there(place, command[0])), None)
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


def _is_there(place: str, name: str) -> bool:
    return os.access(os.path.join(place, name), os.X_OK)
