"""A link that takes time: two TAP devices, and a process that carries frames from one to the other, late.

Not every kernel has `tc netem`; a TAP device is all that this needs. Nothing is lost, and the order stays.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import time
from collections import deque
from collections.abc import Callable

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
FRAME = 65536
AT_ONCE = 64
"""Frames read from one end before the other end has its turn."""

Enter = Callable[[], None]
"""Moves the process into a network namespace."""


def start(near: tuple[str, Enter], far: tuple[str, Enter], seconds: float) -> None:
    """Make a device of this name in each namespace, joined by a child that holds each frame for so long."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            ends = [_tap(name, enter) for name, enter in (near, far)]
            os.write(writing, b"+")
            os.close(writing)
            _carry(ends[0], ends[1], seconds)
        finally:
            os._exit(1)
    os.close(writing)
    ready = os.read(reading, 1)
    os.close(reading)
    if not ready:
        raise RuntimeError("a link with a delay needs /dev/net/tun")


def _tap(name: str, enter: Enter) -> int:
    enter()
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


def _carry(one: int, other: int, seconds: float) -> None:
    """For ever."""
    poller = select.poll()
    poller.register(one, select.POLLIN)
    poller.register(other, select.POLLIN)
    under_way: deque[tuple[float, int, bytes]] = deque()
    while True:
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, device, frame = under_way.popleft()
            _write(device, frame)
        patience = max(0.0, under_way[0][0] - time.monotonic()) * 1000 if under_way else None
        for device, _ in poller.poll(patience):
            for _ in range(AT_ONCE):
                try:
                    frame = os.read(device, FRAME)
                except OSError:
                    break
                under_way.append((time.monotonic() + seconds, other if device == one else one, frame))


def _write(device: int, frame: bytes) -> None:
    try:
        os.write(device, frame)
    except OSError:
        return
