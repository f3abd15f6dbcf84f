"""The shell probe as a text, from a plan: the parts, then what the plan asks for as calls of their functions.

Rules
* Everything of the plan that goes into the script is quoted by `shlex`, or is a number.
* The API key is no part of it: the parcel sets a variable in front of the script.
* What a shell has no tool for (the bytes of a DNS query with its length in front) is worked out here.
"""

from __future__ import annotations

import base64
import functools
import json
import math
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import resources
from shlex import quote
from typing import Any

WATCH_PARTS = ("base", "tools", "route", "host", "names", "tls", "watch")
PARTS = ("base", "tools", "route", "host", "names", "tcp", "tls", "http", "endpoint", "sockets", "registry", "main")
PROGRAMS = {"DNS_AWK": "dns.awk", "JSON_AWK": "json.awk"}
"""Variables that hold programs for awk."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESPONSE = 0x80
"""The first bit of the flags: set in every answer."""
DNS_HEADER = 12
"""Bytes of a query before its name."""
DNS_PORT = 53

Plan = Mapping[str, Any]
Task = Mapping[str, Any]


def parcel(plan: Plan) -> str:
    """A POSIX shell script that carries out the plan, with the API key in NETCOMPLIANCE_KEY, which may be empty."""
    return "\n".join([_parts(), *_settings(plan), *_functions(plan), "start_visit", ""])


def watch_parcel(plan: Plan) -> str:
    """A POSIX shell script that watches, and speaks with the other side over standard input and output."""
    return "\n".join([*_parts_of(WATCH_PARTS, {"WATCH_BASH": "watch.bash"}), *_watch(plan), "watch_out", ""])


@functools.cache
def _parts() -> str:
    """The parts without what only readers need."""
    return "\n".join(_parts_of(PARTS, PROGRAMS))


def _parts_of(parts: Iterable[str], programs: Mapping[str, str]) -> Iterator[str]:
    yield from (_stripped(_read(f"{part}.sh")) for part in parts)
    yield from (f"{name}={quote(_stripped(_read(file)))}" for name, file in programs.items())


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _stripped(text: str) -> str:
    """Without comments, empty lines and indentation."""
    lines = (line.lstrip(" ") for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def _settings(plan: Plan) -> Iterator[str]:
    proxy = plan.get("proxy") or {}
    yield f"AGENT={quote(plan['agent'])}"
    yield f"DEADLINE={int(plan['shell_deadline'])}"
    large = any(task.get("large_hello") for task in plan["tasks"])
    yield f"LARGE_HELLO={'yes' if large else ''}"
    yield f"PLAN_PROXY={quote(proxy.get('url') or '')}"
    yield f"PLAN_NO_PROXY={quote(proxy.get('no_proxy') or '')}"
    yield from _key(plan.get("key") or {})


def _watch(plan: Plan) -> Iterator[str]:
    """What the watch is asked. A query goes out with an id of its own, as escapes that printf knows."""
    asked, proxy = plan["watch"], plan.get("proxy") or {}
    paces = ",".join(f'"{name}":{json.dumps(asked[name])}' for name in ("every", "rarely", "seldom"))
    wire = base64.b64decode(asked["query"])
    kind = wire.index(b"\0", DNS_HEADER) + 2
    queries = [_escaped(wire[2:kind] + each + wire[kind + 1 :]) for each in (b"\x01", b"\x1c")]
    yield f"WATCH_SECONDS={math.ceil(asked['seconds'])} BEYOND={round(asked.get('beyond', 0.0) * 100)}"
    yield f"EVERY={_hundredths(asked['every'])} RARELY={_hundredths(asked['rarely'])}"
    yield f"WATCH_ID={quote(asked['id'])} WATCH_PACES={quote(paces)} QUERY={quote(queries[0])}"
    yield f"QUERY_AAAA={quote(queries[1])}"
    yield f"HOST={quote(asked['host'])} PORT={int(asked['port'])} DNS_PORT={int(asked.get('dns_port', DNS_PORT))}"
    yield f"WATCH_ADDRESSES={quote(' '.join(asked['addresses']))} MOST_ADDRESSES={int(plan['limits']['addresses'])}"
    yield f"PLAN_PROXY={quote(proxy.get('url') or '')} PLAN_NO_PROXY={quote(proxy.get('no_proxy') or '')}"


def _escaped(wire: bytes) -> str:
    return "".join(f"\\{byte:03o}" for byte in wire)


def _hundredths(seconds: float) -> int:
    return max(1, round(seconds * 100))


def _key(where: Task) -> Iterator[str]:
    """The key that came with the plan; else one that is found on the host."""
    yield "KEY=$NETCOMPLIANCE_KEY KEY_FROM='standard input'"
    yield "unset NETCOMPLIANCE_KEY"
    name, file = where.get("env"), where.get("file")
    if file:
        yield (
            f'if [ -z "$KEY" ] && [ -r {quote(file)} ]; then IFS= read -r KEY <{quote(file)}; '
            f"KEY_FROM={quote(f'file {file}')}; fi"
        )
    if name and VARIABLE.fullmatch(name):
        yield f'[ -n "$KEY" ] || {{ KEY=${{{name}-}} KEY_FROM={quote(f"environment variable {name}")}; }}'


def _functions(plan: Plan) -> Iterator[str]:
    tasks = plan["tasks"]
    yield _function("plan_tasks", _tasks(tasks))
    tenants = [task for task in tasks if task["kind"] == "endpoint" and task.get("requests")]
    for at in ("each", "one"):
        calls = [_request(request) for task in tenants for request in task["requests"] if request["at"] == at]
        yield _function(f"plan_requests_{at}", calls)
    yield 'plan_requests() { "plan_requests_$1"; }'
    uploads = [task["upload"] for task in tenants if task.get("upload")]
    yield _function("plan_uploads", (_call("uploads", each["path"], *each["sizes"]) for each in uploads))
    walks = (_walk(task) for task in tasks if task["kind"] == "registry")
    yield _function("plan_walks", (f'case "$1 $2" in {where}) {call} ;; esac' for where, call in walks))


def _function(name: str, lines: Iterable[str]) -> str:
    return f"{name}() {{\n{_body(lines)}\n}}"


def _body(lines: Iterable[str]) -> str:
    return "\n".join(lines) or ":"


def _call(name: str, *words: object) -> str:
    return " ".join([name, *(quote(str(word)) for word in words)])


def _request(request: Task) -> str:
    words = request["purpose"], request["method"], request["path"], request.get("body", "")
    shape = request.get("caller", ""), request.get("query", ""), request.get("content", "")
    headers = (f"{name}: {value}" for name, value in request.get("headers", {}).items())
    return _call("request", *words, "key" if request.get("key") else "no", *shape, *headers)


def _tasks(tasks: list[Task]) -> Iterator[str]:
    resolved = {name["name"] for task in tasks if task["kind"] == "resolve" for name in task["names"]}
    for task in sorted(tasks, key=lambda task: task["kind"] not in ("host", "outbound")):
        yield from _CALLS[task["kind"]](task, resolved)


def _names(task: Task, _: set[str]) -> Iterator[str]:
    for name in task["names"]:
        yield _call("name_task", name["name"], name["purpose"], name["host"], "search" if name.get("search") else "")


def _queries(task: Task, _: set[str]) -> Iterator[str]:
    for query in task["queries"]:
        wire = base64.b64decode(query["wire"])
        prefixed = base64.b64encode(struct.pack("!H", len(wire)) + wire).decode()
        answer = base64.b64encode(wire[:2] + bytes([RESPONSE])).decode()[:3]
        plain = query.get("plain", "")
        words = query["name"], query["rdtype"], task.get("port", DNS_PORT), query["wire"], prefixed, answer, plain
        yield _call("query_task", *words)


def _endpoint(task: Task, resolved: set[str]) -> Iterator[str]:
    host = task["host"]
    yield _call("endpoint_task", task["id"], host, task["port"], "resolved" if host in resolved else "")


def _hosts(task: Task, resolved: set[str]) -> Iterator[str]:
    for host in task["hosts"]:
        yield from _endpoint({**task, "host": host}, resolved)


def _registry(task: Task, resolved: set[str]) -> Iterator[str]:
    host, port = _place(task)
    yield from _endpoint({"id": task["id"], "host": host, "port": port}, resolved)


def _place(task: Task) -> tuple[str, int]:
    host, _, port = task["registry"].partition(":")
    return host, int(port or 443)


def _walk(task: Task) -> tuple[str, str]:
    """On which way, and the call."""
    images = [
        word
        for image in task["images"]
        for word in (image["name"], image["repository"], image["reference"], image["digest"] or "")
    ]
    host, port = _place(task)
    return quote(f"{task['id']} {host}:{port}"), _call("walk", task.get("depth", "layers"), *images)


def _host(task: Task, _: set[str]) -> Iterator[str]:
    yield _call("host_task", *task["names"])


def _control(task: Task, _: set[str]) -> Iterator[str]:
    yield _call("control_task", task["port"], *task["addresses"])


def _outbound(task: Task, _: set[str]) -> Iterator[str]:
    for host in task["hosts"]:
        yield _call("outbound_task", host)


_CALLS: Mapping[str, Callable[[Task, set[str]], Iterator[str]]] = {
    "host": _host,
    "resolve": _names,
    "nameservers": _queries,
    "control": _control,
    "endpoint": _endpoint,
    "hosts": _hosts,
    "registry": _registry,
    "outbound": _outbound,
}
