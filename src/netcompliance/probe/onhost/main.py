"""A visit from beginning to end: read the plan, start every task, wait, say that it is over.

Standard output begins with the sentinel and ends with the `probe` record. When the visit's deadline passes, what is
still running is named there and left behind.
"""

import gc
import os
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from netcompliance.probe.onhost import endpoint, firewall, hostfacts, names, nameservers, registry, sniffer, sockets
from netcompliance.probe.onhost.dial import dial
from netcompliance.probe.onhost.limits import allow_many_files
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import Output, Visit, to_stdout

LAST_WORDS = 0.5
"""Seconds kept back for the observations that close a visit."""
SLOWER = 3
"""A control is given so many times as long as the slowest real connection took."""

Task = Dict[str, Any]


def start_control(visit: Visit, task: Task) -> None:
    """Addresses that nobody has: what opens there opens anywhere."""
    for address in task["addresses"]:
        visit.spawn("control", _control, visit, address, task["port"])


def _control(visit: Visit, address: str, port: int) -> None:
    stream, facts = dial(address, port, visit.limits["control"])
    if stream is None and visit.limits["control"] < visit.slowest * SLOWER:
        stream, facts = dial(address, port, min(visit.slowest * SLOWER, visit.limits["connect"]))
    if stream is not None:
        stream.close()
    visit.emit("tcp", "control", host=address, via=None, **facts)


def start_hosts(visit: Visit, task: Task) -> None:
    """Hosts whose certificate is looked at, and nothing else."""
    for host in task["hosts"]:
        endpoint.start(visit, {"id": task["id"], "host": host, "port": task["port"]})


STARTERS: Dict[str, Callable[[Visit, Task], None]] = {
    "host": hostfacts.start,
    "resolve": names.start_resolving,
    "nameservers": nameservers.start,
    "control": start_control,
    "endpoint": endpoint.start,
    "hosts": start_hosts,
    "registry": registry.start,
    "outbound": firewall.start,
}


def main(plan: Task, key: Optional[str] = None) -> None:
    """Run the plan and end the process, which is too short for garbage to matter.

    `key` is an API key that came with the plan, but never in it. A plan with `watch` or `collect` is not a visit, and a
    visit does not load what only those need.
    """
    if "watch" in plan:
        from netcompliance.probe.onhost import watch

        watch.main(plan)
    if "collect" in plan:
        from netcompliance.probe.onhost import spool_reader

        spool_reader.main(plan)
    os.umask(0o077)
    gc.disable()
    allow_many_files()
    output = Output(to_stdout)
    output.begin()
    run(Visit(plan, output, find_key(plan.get("key") or {}, key), Trust(plan.get("trust"))))
    os._exit(0)


def run(visit: Visit) -> None:
    """Start every task, wait for their end, and say so."""
    clock = time.monotonic()
    watchers: List[Any] = []
    for task in visit.plan["tasks"]:
        if task["kind"] == "outbound":
            watchers = [sniffer.start(visit, task), sockets.start(visit, task)]
    for task in visit.plan["tasks"]:
        STARTERS[task["kind"]](visit, task)
    unfinished = visit.pool.wait(max(0.0, visit.deadline.left() - LAST_WORDS))
    if watchers:
        time.sleep(max(0.0, clock + visit.limits["watch"] - time.monotonic()))
    for watcher in watchers:
        watcher.finish()
    visit.end(finished=not unfinished, unfinished=unfinished, seconds=time.monotonic() - clock)


def find_key(where: Task, given: Optional[str]) -> Tuple[Optional[str], Optional[str]]:
    """The API key and where it was found: standard input, a file, the environment; in this order."""
    if given:
        return given, "standard input"
    if where.get("file"):
        key = names.read_text(where["file"]).strip()
        if key:
            return key, "file " + where["file"]
    if where.get("env") and os.environ.get(where["env"], "").strip():
        return os.environ[where["env"]].strip(), "environment variable " + where["env"]
    return None, None
