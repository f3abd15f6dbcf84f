"""This machine as a vantage: the on-host program as a child process, exactly as it would run elsewhere.

Rules
* A visit counts if it began with the sentinel and ended with the `probe` record; else nobody looked, and that is an
  error with cause and remedy, never a verdict.
* The child has its own deadline; here is a second one, a little later, after which it is killed.
* Secrets go over standard input.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from netcompliance.probe import bundle
from netcompliance.vantage.errors import CouldNotLook

GRACE = 3.0
"""Seconds after its own deadline in which the program must have ended."""
LINE_LIMIT = 1 << 21
STDERR_LIMIT = 8192

OnRecord = Callable[[dict[str, Any]], None]


class Visit:
    """A running probe. Made first, so that it works while the controller is still importing what it needs later."""

    def __init__(self, command: Sequence[str], deadline: float, secrets: Mapping[str, str]) -> None:
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError as error:
            cause = f"{command[0]} does not start: {error.strerror}"
            raise CouldNotLook(cause, "check the Python installation") from None
        self._errors = b""
        self._late = threading.Event()
        self._timer = threading.Timer(deadline + GRACE, self._kill)
        self._timer.daemon = True
        self._timer.start()
        self._reader = threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        assert self._process.stdin
        with contextlib.suppress(OSError), self._process.stdin as stdin:
            stdin.write(json.dumps(dict(secrets)).encode() + b"\n")

    def follow(self, on_record: OnRecord) -> None:
        """Hand on every record until the last one. Raises `CouldNotLook` if the visit does not come to its end."""
        try:
            ended = self._follow(on_record)
        finally:
            self.stop()
        if not ended:
            raise CouldNotLook(*self._why())

    def stop(self) -> None:
        """End the program, however far it is."""
        self._timer.cancel()
        self._process.kill()
        self._process.wait()
        self._reader.join(1.0)
        for stream in (self._process.stdout, self._process.stderr):
            if stream:
                stream.close()

    def _follow(self, on_record: OnRecord) -> bool:
        assert self._process.stdout
        begun = False
        while line := self._process.stdout.readline(LINE_LIMIT):
            record = _record(line)
            if not begun:
                begun = record is not None and record.get("netcompliance") == "probe"
                continue
            if record is None:
                return False
            on_record(record)
            if record.get("kind") == "probe":
                return True
        return False

    def _why(self) -> tuple[str, str]:
        if self._late.is_set():
            return "the probe did not end in time and was killed", "run again; look at the load of the machine"
        last = self._errors.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
        code = self._process.returncode
        what = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"the probe {what}: {last[0][:300]}", f"try {sys.executable} -m netcompliance.probe with a plan by hand"

    def _read_errors(self, stream: IO[bytes] | None) -> None:
        with contextlib.suppress(OSError, ValueError):
            while stream and (data := stream.read1(4096)):  # type: ignore[attr-defined]
                self._errors = (self._errors + data)[-STDERR_LIMIT:]

    def _kill(self) -> None:
        self._late.set()
        self._process.kill()


def start(plan: Mapping[str, Any], secrets: Mapping[str, str]) -> Visit:
    """Begin a visit of this machine with this interpreter."""
    return Visit([sys.executable, *bundle.command(plan)], float(plan["deadline"]), secrets)


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
