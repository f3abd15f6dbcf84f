"""Forks a process for each lab run that has loaded already what one needs: `forkserver.py SOCKET`.

Theory. Half of what a healthy lab run costs is loading the lab, pytest and the suite. This process does it once and is
forked for each of them; from then on the fork does what `python -m lab run … -- python inside.py … python -m pytest …`
would do, with that environment, that standard output and no standard input.

Rules
* The server says a line when it listens. A client sends a job as one line of JSON: the `arguments` of `python -m lab`,
  the `environment`, the working `directory`, and the file that gets the `output`. It is told the number of the process,
  with which the lab ends, and its exit code, each as a line; without a code it was killed.
* Plugins and suites are loaded as pytest loads them, by collecting once. Nothing is loaded that reads on the way what
  differs from world to world, as `requests` may do with a trust store.
* The server ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import inside
import pytest

from lab import images
from lab.cli import main
from lab.healthy import RIGHT
from netcompliance.probe import bundle

BACKLOG = 64
GARBAGE = 100_000
"""Objects that a fork makes before it looks for garbage: it ends long before that would matter."""
NO_PLAN = {"agent": "", "shell_deadline": 0, "tasks": ()}
LOADED = (
    "lab.embedded",
    "lab.real",
    "netcompliance.session.visit_collector",
    "netcompliance.report.html",
    "netcompliance.vantage.goverify",
    "netcompliance.vantage.workstation",
    "netcompliance.config.yaml_lines",
    "dns.rdtypes.IN.A",
    "dns.rdtypes.IN.AAAA",
    "charset_normalizer",
    "yaml",
)
"""What a lab run loads beyond what collecting does, or loads too often by itself."""


def serve(listening: socket.socket) -> None:
    """Fork for each job, until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        readable, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in readable:
            return
        connection, _ = listening.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listening.close()
            play(connection)
        connection.close()


def play(connection: socket.socket) -> None:
    """Do one job and end."""
    code = 1
    try:
        job = json.loads(connection.makefile().readline())
        connection.sendall(b"%d\n" % os.getpid())
        for descriptor, path, flags in ((0, os.devnull, os.O_RDONLY), (1, job["output"], os.O_WRONLY)):
            opened = os.open(path, flags)
            os.dup2(opened, descriptor)
            os.close(opened)
        os.dup2(1, 2)
        os.chdir(job["directory"])
        become(job["environment"])
        code = main(job["arguments"], execute)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(b"%d\n" % code)
        os._exit(code)


def become(environment: Mapping[str, str]) -> None:
    """Take this environment, and no other."""
    os.environ.clear()
    os.environ.update(environment)


def execute(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Do what `python inside.py DIRECTORY python -m pytest …` does."""
    become(environment)
    _, _, directory, *suite = command
    return inside.main(Path(directory), suite, call)


def call(command: Sequence[str]) -> int:
    """Do what `python -m pytest …` does, in a process of its own."""
    _, _, _, *options = command
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            sys.argv = ["pytest", *options]
            code = int(pytest.main())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def load() -> None:
    """Load what lab runs need, and make what they have in common; the collector of garbage never looks at it again."""
    for module in LOADED:
        importlib.import_module(module)
    for image in RIGHT.images:
        images.build(image, "")
    bundle.parcel(NO_PLAN)
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["--tenant=acme", "--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"])
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(sys.argv[1])
        listening.listen(BACKLOG)
        load()
        print("ready", flush=True)
        serve(listening)
