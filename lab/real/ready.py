"""Waiting for daemons, which have no way to say that they are ready.

Each wait is for a condition that a client would see, asked every few milliseconds, with a deadline. A daemon that ended
meanwhile ends the wait at once, with the last lines of what it said.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

from lab import network
from lab.backend import BackendError, Stage
from lab.world import Machine

_EVERY = 0.004
_LAST_LINES = 6


def until(stage: Stage, daemon: str, condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until `condition` holds for the daemon of this name."""
    deadline = time.monotonic() + seconds
    while not condition():
        if _ended(stage, daemon):
            raise BackendError(f"{daemon} ended at once; it said:\n{_said(stage, daemon)}")
        if time.monotonic() > deadline:
            raise BackendError(f"{daemon} is not ready after {seconds:.0f} s; it said:\n{_said(stage, daemon)}")
        time.sleep(_EVERY)


def until_said(stage: Stage, daemon: str, phrase: str, times: int = 1) -> None:
    """Wait until `phrase` is so many times in the daemon's output."""
    output = stage.directory / f"{daemon}.out"
    until(stage, daemon, lambda: output.read_text(errors="replace").count(phrase) >= times)


def until_open(stage: Stage, daemon: str, machine: Machine, address: str, port: int) -> None:
    """Wait until a TCP connection to the daemon opens from inside its own machine."""
    until(stage, daemon, lambda: _opens(machine, address, port))


def open_or_ended(stage: Stage, daemon: str, machine: Machine, address: str, port: int, seconds: float = 2.0) -> None:
    """As `until_open`, for a daemon that may give up or take its time where the world is broken; its end is no news."""
    deadline = time.monotonic() + seconds
    while not _opens(machine, address, port) and not _ended(stage, daemon) and time.monotonic() < deadline:
        time.sleep(_EVERY)
    for pid in [pid for pid, name in stage.children.items() if name == daemon]:
        del stage.children[pid]


def _opens(machine: Machine, address: str, port: int) -> bool:
    network.enter(machine)
    try:
        with socket.create_connection((address, port), timeout=1.0):
            return True
    except OSError:
        return False
    finally:
        network.enter(Machine.HOST)


def _ended(stage: Stage, daemon: str) -> bool:
    """Whether the daemon's process is over; `subprocess` may have reaped it already."""
    pids = [pid for pid, name in stage.children.items() if name == daemon]
    try:
        return any(os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None for pid in pids)
    except ChildProcessError:
        return True


def _said(stage: Stage, daemon: str) -> str:
    lines = (stage.directory / f"{daemon}.out").read_text(errors="replace").splitlines()
    return "\n".join(lines[-_LAST_LINES:])
