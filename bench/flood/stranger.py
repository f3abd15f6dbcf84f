"""A host that sends what no probe sends, or far more of it: the program that stands in for `ssh` in `bench/flood`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping

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
}


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


def main(flood: str, when: str) -> None:
    """Be a host: read what it is sent, and flood in the `visit` or the `watch`."""
    plan = json.loads(sys.stdin.buffer.readline())["plan"]
    watching = "watch" in plan or "collect" in plan
    write = sys.stdout.buffer.write
    write(b"\n" + _record(**SENTINEL))
    if not watching:
        write(_record(kind="host", hostname="stranger", platform="linux/amd64", nameservers=[]))
    elif "watch" in plan:
        write(_record(kind="watch", what="begin", seq=1, at=time.time(), id=plan["watch"]["id"], planned=10, every=0.1))
    if (when == "watch") == watching:
        for piece in FLOODS[flood](watching=watching):
            write(piece)
    sys.stdout.buffer.flush()
    write(_record(kind="probe", finished=True))
