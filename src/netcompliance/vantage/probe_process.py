"""One probe under way: a child process that is fed a parcel and says observations, never waited for without a limit.

Rules
* A visit counts if it began with the sentinel, ended with the `probe` record, and every record that this one counts
  arrived. Else nobody looked: an error with cause and remedy, never a verdict.
* What is said before the sentinel (banners, shell start files) is not ours and only kept for the diagnosis; so is what
  is no record among records, as long as none is missing.
* Two limits: `SPEAK` until the sentinel, then the probe's own deadline and a little `GRACE`.
* The child has a session of its own: no terminal to ask questions at, and a signal reaches all of its helpers.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from netcompliance.vantage.admission import MORE, Admission, NotAdmitted, TooMuch

SPEAK = 20.0
"""Seconds within which a host must have begun to speak: login, interpreter, sentinel."""
GRACE = 3.0
"""Seconds after its own deadline in which the probe must have ended."""
LONGEST = 60.0
"""Seconds that a probe may say it takes at most, in its first word: a shell's takes longer than Python's."""
LINE_LIMIT = 1 << 21
NOISE_LIMIT = 1 << 20
KEPT = 8192
CHUNK = 1 << 16

OnRecord = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a child that did not make a visit ended."""

    code: int | None
    """Exit code, negative for a signal, `None` if it had to be killed."""
    begun: bool
    """Whether the probe had begun to speak."""
    errors: str
    """What it wrote to standard error, the last of it, behind an `…` if that is not all."""
    noise: str
    """What it wrote to standard output that was not ours, the first of it, with an `…` if that is not all."""
    why: str
    """`late` (no sentinel in time), `overdue` (no end in time), `damaged` (records missing), `flood`, `not-admitted`
    (records that no probe makes), `too-much` (more of them than a probe makes) or `ended`."""
    detail: str = ""
    """What was not admitted."""


class ProbeProcess:
    """A probe as a process. Whoever owns it calls `feed`, `hear` and `listen` when a descriptor is ready."""

    def __init__(
        self,
        command: Sequence[str],
        parcel: bytes,
        deadline: float,
        environment: Mapping[str, str] | None = None,
        admission: Admission | None = None,
    ) -> None:
        """Start it. Raises `OSError` if the command cannot be started."""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment,
        )
        for stream in self.streams:
            os.set_blocking(stream.fileno(), False)
        self._parcel = memoryview(parcel)
        self._deadline = deadline
        self._limit = time.monotonic() + SPEAK
        self._partial = b""
        self._errors = b""
        self._noise = b""
        self._noisy = 0
        self._records = 0
        self._counted: int | None = None
        self.begun = False
        self.ended = False
        self._why = "ended"
        self._detail = ""
        self._admission = admission or Admission()

    @property
    def stdin(self) -> IO[bytes]:
        """Where the parcel goes."""
        assert self._process.stdin
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """Where observations come from."""
        assert self._process.stdout
        return self._process.stdout

    @property
    def stderr(self) -> IO[bytes]:
        """Where messages come from."""
        assert self._process.stderr
        return self._process.stderr

    @property
    def streams(self) -> tuple[IO[bytes], ...]:
        """All three."""
        return self.stdin, self.stdout, self.stderr

    def feed(self) -> bool:
        """Send some of the parcel; False once there is nothing more to send, and the stream is closed."""
        try:
            self._parcel = self._parcel[os.write(self.stdin.fileno(), self._parcel[:CHUNK]) :]
        except BlockingIOError:
            return True
        except OSError:
            self._parcel = self._parcel[:0]
        if self._parcel:
            return True
        with contextlib.suppress(OSError):
            self.stdin.close()
        return False

    def hear(self) -> bool:
        """Take in some of standard error; False at its end."""
        data = _read(self.stderr)
        if data:
            self._errors = (self._errors + data)[-KEPT:]
        return data != b""

    def listen(self, on_record: OnRecord) -> bool:
        """Hand on the records that have arrived; False when the visit is over, one way or the other."""
        data = _read(self.stdout)
        if data is None:
            return True
        if not data:
            return False
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            if not self._take(line, on_record):
                return False
        if len(self._partial) > LINE_LIMIT:
            self._why = "flood"
            return False
        if len(self._partial) > self._admission.left:
            self._why, self._detail = "too-much", MORE
            return False
        return True

    def seconds_left(self) -> float:
        """Until this child is late."""
        return self._limit - time.monotonic()

    def wait(self, seconds: float) -> None:
        """So much longer, since nobody listened."""
        self._limit += seconds

    def give_up(self) -> None:
        """It is late."""
        self._why = "overdue" if self.begun else "late"

    def stop(self) -> Ending | None:
        """End it however far it is, and all that it started; `None` if the visit was complete."""
        killed = self._why != "ended" or self._complete()
        if not killed:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)
        code = self._process.poll()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        while data := _read(self.stderr):
            self._errors = (self._errors + data)[-KEPT:]
        for stream in self.streams:
            with contextlib.suppress(OSError):
                stream.close()
        if self._complete():
            return None
        return Ending(
            code=code,
            begun=self.begun,
            errors=f"{'…' if len(self._errors) == KEPT else ''}{self._errors.decode('utf-8', 'replace')}",
            noise=f"{self._noise.decode('utf-8', 'replace')}{'…' if len(self._noise) == KEPT else ''}",
            why="damaged" if self.ended else self._why,
            detail=self._detail,
        )

    def _complete(self) -> bool:
        return self.ended and self._counted in (None, self._records)

    def _take(self, line: bytes, on_record: OnRecord) -> bool:
        record = record_of(line)
        if not self.begun:
            if record is not None and record.get("netcompliance") == "probe":
                self.begun = True
                self._limit = time.monotonic() + self._own_deadline(record.get("deadline")) + GRACE
                return True
            return self._ignore(line)
        if record is None:
            return self._ignore(line)
        if record.get("kind") == "probe" and record.get("records") is None:
            record["records"] = self._records  # who reads the journal counts them
        if not self._admit(line, record, on_record):
            return False
        if record.get("kind") == "probe":
            self.ended = True
            self._counted = record.get("records")
        else:
            self._records += 1
        return not self.ended

    def _own_deadline(self, said: object) -> float:
        return max(self._deadline, min(said, LONGEST)) if isinstance(said, (int, float)) else self._deadline

    def _admit(self, line: bytes, record: dict[str, Any], on_record: OnRecord, *, kept: bool = True) -> bool:
        """Hand on what is the host's to say; False if it said what no probe says. What is not `kept` does not count."""
        try:
            admitted = self._admission.admit(line, record) if kept else self._admission.read(line, record)
        except NotAdmitted as refused:
            self._why = "too-much" if isinstance(refused, TooMuch) else "not-admitted"
            self._detail = str(refused)
            return False
        on_record(admitted)
        return True

    def _ignore(self, line: bytes) -> bool:
        self._noise = (self._noise + line + b"\n")[:KEPT]
        self._noisy += len(line) + 1
        if self._noisy > NOISE_LIMIT:
            self._why = "flood"
        return self._noisy <= NOISE_LIMIT


def _read(stream: IO[bytes]) -> bytes | None:
    """What is there; `None` if nothing is yet, b"" at the end."""
    try:
        return os.read(stream.fileno(), CHUNK)
    except BlockingIOError:
        return None
    except (OSError, ValueError):
        return b""


def _refused(constant: str) -> float:
    raise ValueError(constant)


def _finite(text: str) -> float:
    """A number. What is none to everybody (1e999, NaN) could not be written down."""
    number = float(text)
    return number if math.isfinite(number) else _refused(text)


def record_of(line: bytes) -> dict[str, Any] | None:
    """The JSON object on this line, `None` if it is none that can be written down again."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        record = json.loads(line, parse_constant=_refused, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
