"""A host that sends what no probe sends, or far more of it: the program that stands in for `ssh` in `bench/flood`.

There are two sorts. Those of `FLOODS` send without end, and are cut off. Those of `CLAIMS` send a whole visit, as large
as it may be, and end in order: that is judged, written down and reported.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

LINE = (1 << 21) - (1 << 12)
"""Bytes of the longest line that is read."""
SENTINEL = {"netcompliance": "probe", "schema": 1}
HELD = 20.0
"""Seconds for which a host holds on to what it was let send."""
NOISE = bytes(range(33, 91)) * 1024


def _record(**fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _largest(*, watching: bool) -> Iterator[bytes]:
    """Records that are right, each as large as a line may be."""
    body, number = "x" * (LINE - 4096), 0
    while True:
        number += 1
        yield _run(number, showed={"status": 200, "body": body}) if watching else _record(kind="http", body=body)


def _values(*, watching: bool) -> Iterator[bytes]:
    """Records of very many small values."""
    many, number = [["a", "b"]] * (LINE // 12), 0
    while True:
        number += 1
        yield _run(number, showed={"headers": many}) if watching else _record(kind="http", headers=many)


def _small(*, watching: bool) -> Iterator[bytes]:
    """Small records without end."""
    number = 0
    while True:
        number += 1
        yield _run(number) if watching else _record(kind="tcp", port=443, address=f"192.0.2.{number % 250}")


def _opened(**_: bool) -> Iterator[bytes]:
    """Runs that never end, and a word on how far they are after each."""
    number = 0
    while True:
        number += 1
        rows = [[known, 1e9, 1, 0, 0.1] for known in range(max(1, number - 500), number + 1)]
        yield _run(number, open=True) + _record(kind="watch", what="alive", open=rows)


def _deep(*, watching: bool) -> Iterator[bytes]:
    """JSON as deep as a line is long, and JSON as wide."""
    kind = b"watch" if watching else b"tcp"
    while True:
        yield b'{"kind":"%s","what":"run","error":' % kind + b"[" * (LINE // 2 - 64) + b"]" * (LINE // 2 - 64) + b"}\n"
        yield b'{"kind":"%s","what":"run","error":[' % kind + b"{}," * (LINE // 3 - 64) + b"{}]}\n"
        yield b'{"kind":"%s","what":"run","names":[' % kind + b'{"":0},' * (LINE // 7 - 64) + b"{}]}\n"


def _endless(**_: bool) -> Iterator[bytes]:
    """One line without an end."""
    while True:
        yield NOISE


def _lines(**_: bool) -> Iterator[bytes]:
    """Lines that are no records."""
    while True:
        yield NOISE + b"\n"


def _chains(*, watching: bool) -> Iterator[bytes]:
    """Certificates that are none, as large as a line may be."""
    chain = ["x" * (LINE // 8)] * 7
    number = 0
    while True:
        number += 1
        yield _run(number, showed={"chain": chain}) if watching else _record(kind="tls", chain=chain, verified=True)


def _wide(*, watching: bool) -> Iterator[bytes]:
    """Text that takes four times as much memory as it has letters."""
    body, number = ("x" * 400_000 + "\U0001f600").encode().decode(), 0
    while True:
        number += 1
        line = _run(number, showed={"body": body}) if watching else _record(kind="http", body=body)
        yield line


def _held(*, watching: bool) -> Iterator[bytes]:
    """As much as is let in, to the byte or so, and then nothing for a while: everything is held at once."""
    size = 48 << 10
    fields = {"body": "x" * size}
    each = len(_record(kind="http", **fields)) + 600
    number = 0
    while True:
        number += 1
        record = _run(number, showed=fields) if watching else _record(kind="http", **fields)
        if number * each > ((2 if watching else 4) << 20):
            break
        yield record
    time.sleep(HELD if not watching else 12)


def _drip(**_: bool) -> Iterator[bytes]:
    """A byte now and then, of a line that does not end."""
    while True:
        yield b"{"
        sys.stdout.buffer.flush()
        time.sleep(0.2)


FLOODS: Mapping[str, Callable[..., Iterator[bytes]]] = {
    "largest": _largest,
    "values": _values,
    "small": _small,
    "opened": _opened,
    "deep": _deep,
    "endless": _endless,
    "lines": _lines,
    "chains": _chains,
    "wide": _wide,
    "held": _held,
    "drip": _drip,
}

# --- whole visits -----------------------------------------------------------------------------------------------------

Record = dict[str, Any]
ADDRESSES = 4096
AT_ONCE = 32
"""Visits at a time (`--at-once`)."""
HOST = "acme.app.stackstate.io"
WIDE = "\U0001f600"
"""A character with which a text takes four times as much memory."""
MARKUP = "\"'&<>"
"""Characters of which HTML makes six."""


def _addresses() -> list[str]:
    """As many as a name may have, other ones on each host."""
    own = os.getpid() % 200
    return [f"34.{own}.{number // 256}.{number % 256}" for number in range(ADDRESSES)]


def _with_names(world: Iterable[Record], addresses: list[str]) -> Iterator[Record]:
    """The world in which the name has these addresses, whoever is asked."""
    for seen in world:
        given = seen["kind"] == "dns-share" or seen.get("purpose") in ("bare", "rooted")
        yield {**seen, "addresses": addresses} if given else seen


def _error(text: str, name: str = "TIMEOUT", phase: str = "tcp") -> Record:
    return {"phase": phase, "name": name, "text": text}


def _tcp(address: str, error: Record | None) -> Record:
    return {
        "kind": "tcp", "task": "tenant", "host": HOST, "address": address, "port": 443, "via": None, "syns": 3,
        "seconds": 5.0, "at": 1.79e9, "error": error,
    }  # fmt: skip


def _text(number: int, length: int, filling: str) -> str:
    """A text of this length that no other record has."""
    return f"{os.getpid()} {number} {filling * (length // len(filling))}"[:length]


def _many(world: list[Record]) -> Iterator[Record]:
    """Addresses to the limit, none of which answers."""
    addresses = _addresses()
    kept = [seen for seen in world if seen["kind"] not in ("tcp", "shares", "tls", "exchanges", "http", "http2")]
    yield from _with_names(kept, addresses)
    yield from (_tcp(address, _error("timed out")) for address in addresses)


def _unreached(world: list[Record]) -> Iterator[Record]:
    """The same, each with a long reason of its own."""
    kept = [seen for seen in world if seen["kind"] not in ("tcp", "shares", "tls", "exchanges", "http", "http2")]
    yield from _with_names(kept, _addresses())
    for number, address in enumerate(_addresses()):
        yield _tcp(address, _error(_text(number, 4000, WIDE), "ENOTCONN"))


def _unshaken(world: list[Record]) -> Iterator[Record]:
    """Addresses that open, at each of which every layer fails with a long reason of its own."""
    addresses, number = _addresses(), itertools.count()
    mine = [seen for seen in world if seen.get("task") == "tenant" and seen.get("address") == "34.250.11.21"]
    yield from _with_names([seen for seen in world if seen not in mine], addresses)
    for address in addresses:
        for seen in mine:
            text = _text(next(number), 2000, MARKUP)
            error = None if seen["kind"] in ("tcp", "shares") else _error(text, "SSL", "tls")
            yield {**seen, "address": address, "error": error}


def _told(world: list[Record]) -> Iterator[Record]:
    """The usual visit, in which everything has failed, with as long a reason as there may be, of each look its own."""
    for number, seen in enumerate(world):
        filling = MARKUP if number % 2 else WIDE
        told = {**seen, "error": _error(_text(number, 4000, filling), "EIO", seen["kind"])}
        if "headers" in seen:
            told["headers"] = [["Location", _text(number, 8000, filling)], ["Server", _text(number, 8000, filling)]]
        if isinstance(seen.get("body"), str):
            told["body"] = base64.b64encode(_text(number, 9000, filling).encode()).decode()
        yield seen if seen["kind"] in ("host", "route") else told


def _seen(world: list[Record]) -> Iterator[Record]:
    """The usual visit, with lists as long as a line: connections, SYNs, rules."""
    rows = [[f"198.51.{n // 250}.{n % 250}", n % 60000, "10.20.0.4", 8126, "ESTABLISHED"] for n in range(12_000)]
    for seen in world:
        if seen["kind"] == "sockets":
            yield {**seen, "connections": [[a[2], a[3], a[0], a[1], a[4]] for a in rows]}
        elif seen["kind"] == "syn":
            yield {**seen, "seen": [[*row[:4], 1] for row in rows]}
        elif seen["kind"] == "firewall":
            yield {**seen, "error": None, "rules": "-A INPUT -j ACCEPT\n" * 20_000}
        else:
            yield seen


def _who(world: list[Record]) -> Iterator[Record]:
    """The usual visit, by somebody who tells much of himself."""
    for seen in world:
        told = {f"{name}_PROXY": MARKUP * 50 for name in range(400)}
        yield {**seen, "proxies": told, "user": _text(0, 1000, MARKUP)} if seen["kind"] == "host" else seen


CLAIMS: Mapping[str, Callable[[list[Record]], Iterator[Record]]] = {
    "many": _many,
    "unreached": _unreached,
    "unshaken": _unshaken,
    "told": _told,
    "seen": _seen,
    "who": _who,
}


def _claimed(flood: str, world: Path, hosts: int) -> Iterator[bytes]:
    """As much of the visit as is let in, weighed as it will be."""
    from netcompliance.vantage.admission import Admission, NotAdmitted, of_visit

    admission = Admission(of_visit(min(hosts, AT_ONCE)))
    admission.admit(b"", {"kind": "probe"})
    for record in CLAIMS[flood](json.loads(world.read_text())):
        line = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        with contextlib.suppress(NotAdmitted):
            admission.admit(line, record)
            yield line


def _run(number: int, **more: object) -> bytes:
    moment, failed = 1e9 + number / 10, number // 500 % 2
    fields = {
        "every": 0.1, "open": False, "from": moment, "to": moment, "samples": 1, "failed": failed, "mixed": False,
        "error": {"phase": "tcp", "name": "TIMEOUT", "text": ""} if failed else None, "took": 0.01, "gap": 0.1,
    }  # fmt: skip
    return _record(
        kind="watch",
        what="run",
        seq=number + 1,
        run=number,
        layer="tcp",
        path=f"192.0.2.1:{number % 500}",
        **{**fields, **more},
    )


def main(flood: str, when: str, world: str, hosts: int) -> None:
    """Be one of so many hosts: read what it is sent, and flood in the `visit` or the `watch`. `world`: a right one."""
    plan = json.loads(sys.stdin.buffer.readline())["plan"]
    watching = "watch" in plan or "collect" in plan
    write = sys.stdout.buffer.write
    write(b"\n" + _record(**SENTINEL))
    if flood in CLAIMS:
        for line in _claimed(flood, Path(world), hosts):
            write(line)
    elif not watching:
        write(_record(kind="host", hostname="stranger", platform="linux/amd64", nameservers=[]))
    elif "watch" in plan:
        write(_record(kind="watch", what="begin", seq=1, at=time.time(), id=plan["watch"]["id"], planned=10, every=0.1))
    if flood in FLOODS and (when == "watch") == watching:
        for piece in FLOODS[flood](watching=watching):
            write(piece)
    write(_record(kind="probe", finished=True, unfinished=[]))
    sys.stdout.buffer.flush()
