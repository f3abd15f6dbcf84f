"""What a backend is given to play a world with, and what it must do.

A backend is a callable `(world, stage) -> None` that runs as PID 1 of the lab, after namespaces, firewalls and trust
stores are there and before COMMAND starts. It writes its configuration under `stage.directory`, starts children in the
machines' network namespaces, and returns when all of them answer. It need not end its children: they die with PID 1.
It raises `BackendError`, in one line, when the world cannot be played.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab import network
from lab.pki import Pki
from lab.world import Machine, World


class BackendError(Exception):
    """This machine cannot play the world."""


Ready = Callable[[], None]
"""Called by a forked server as soon as its sockets listen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The lab's directory, its certificates, and ways to start servers in a machine."""

    directory: Path
    pki: Pki
    children: dict[int, str] = field(default_factory=dict)
    """Process id to name, of everything a backend started."""
    _waiting: list[tuple[str, int]] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """JSON lines of what the servers saw."""
        return self.directory / "log.jsonl"

    def fork(self, machine: Machine, name: str, serve: Callable[[Ready], None]) -> None:
        """Run `serve(ready)` in a child inside `machine`; `wait` waits for its `ready()`."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._serve(machine, name, serve, writing)
        os.close(writing)
        self.children[pid] = name
        self._waiting.append((name, reading))

    def start(
        self, machine: Machine, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a daemon (which must stay in the foreground) inside `machine`. Its output goes to NAME.out."""
        with (self.directory / f"{name}.out").open("wb") as output:
            process = subprocess.Popen(
                ["ip", "netns", "exec", machine, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                start_new_session=True,
            )
        self.children[process.pid] = name

    def wait(self, seconds: float = 10.0) -> None:
        """Wait until every forked server said that it is ready."""
        deadline = time.monotonic() + seconds
        while self._waiting:
            name, reading = self._waiting.pop()
            poll = select.poll()
            poll.register(reading, select.POLLIN)
            ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000) and os.read(reading, 1)
            os.close(reading)
            if not ready:
                raise BackendError(f"the {name} servers did not start; see the messages above")

    def _serve(self, machine: Machine, name: str, serve: Callable[[Ready], None], writing: int) -> None:
        def ready() -> None:
            os.write(writing, b"+")
            os.close(writing)

        code = 1
        try:
            for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(signum, signal.SIG_IGN)
            network.enter(machine)
            serve(ready)
            code = 0
        except BaseException:  # noqa: BLE001 - said on stderr, and the exit code says it again
            traceback.print_exc()
            print(f"lab: the {name} servers ended", file=sys.stderr, flush=True)
        finally:
            os._exit(code)


Backend = Callable[[World, Stage], None]
