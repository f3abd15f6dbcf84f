"""Where the records of a watch go: to standard output while somebody listens, to a private file after that.

Theory. A watch outlives the connection that started it. Each record has a number, and the other side says on standard
input which ones it has (`ack N`); those it has not are kept. When standard input ends, standard output breaks, or
nobody acknowledges anything for `SILENCE` seconds, the connection is lost: what is kept goes into a spool, and so does
all that follows. The other side comes back with another command (`spool_reader`), which finds the spool by the watch's
random name and reads on.

Rules
* Nothing is written to the host's disk while the connection holds.
* The spool is a directory that only this user can enter (0700), new, with files that only this user can read (0600),
  and holds at most `MOST` bytes; what is beyond is counted.
* Whoever removes the directory ends the watch. It is removed by the collector, or by the watcher itself.
"""

import errno
import json
import os
import tempfile
import time
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Tuple

Record = Dict[str, Any]

SILENCE = 15.0
"""Seconds without an acknowledgement after which nobody listens any more."""
MOST = 4 << 20
"""Bytes of a spool."""
KEPT = 4096
"""Records that are kept until they are acknowledged."""
BACKLOG = 1 << 20
"""Bytes that may wait for standard output."""
COMMON = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - what is made there is a new directory of our own
PREFIX = "netcompliance-watch-"
SPOOL, STATE, STOP = "spool", "state", "stop"


def places() -> List[str]:
    """Directories in which a spool may be, the best first."""
    found = [os.environ.get("TMPDIR") or "", tempfile.gettempdir(), *COMMON]
    return list(dict.fromkeys(place for place in found if place and os.path.isabs(place)))


def directory_of(identity: str) -> Optional[str]:
    """The spool of this watch, if there is one and it is ours alone."""
    for place in places():
        path = os.path.join(place, PREFIX + identity)
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if (
            os.path.isdir(path)
            and not os.path.islink(path)
            and status.st_uid == os.geteuid()
            and not status.st_mode & 0o077
        ):
            return path
    return None


def remove(directory: str) -> None:
    """Remove a spool, and nothing else."""
    for name in (SPOOL, STATE, STATE + ".new", STOP):
        try:
            os.unlink(os.path.join(directory, name))
        except OSError:
            continue
    try:
        os.rmdir(directory)
    except OSError:
        return


def encoded(record: Record) -> bytes:
    """A record as a line."""
    return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


class Spool:
    """Says records, one way or the other. `output` is a descriptor that does not block."""

    def __init__(self, identity: str, output: int) -> None:
        self.directory: Optional[str] = None
        self.lost = False
        self.nowhere = False
        """There is nobody to listen and no place to write: going on is of no use."""
        self._identity = identity
        self._output = output
        self._waiting = b""
        self._sent = 0
        self._pending: Deque[Tuple[int, bytes]] = deque(maxlen=KEPT)
        self._heard = time.monotonic()
        self._spool = -1
        self._spooled = 0
        self._dropped = 0

    @property
    def done(self) -> bool:
        """Has the other side everything?"""
        return not self.lost and not self._pending and not self._waiting

    def greet(self, record: Record) -> None:
        """The first line, on a line of its own and without a number."""
        self._write(b"\n" + encoded(record))

    def say(self, record: Record) -> None:
        """A record that must arrive."""
        self._sent += 1
        record["seq"] = self._sent
        line = encoded(record)
        if self.lost:
            self._keep(line)
            return
        self._pending.append((self._sent, line))
        self._write(line)

    def mention(self, record: Record) -> None:
        """A record that the next of its kind replaces."""
        if not self.lost:
            self._write(encoded(record))
        elif self.directory is not None:
            record["dropped"] = self._dropped
            self._put(STATE + ".new", encoded(record))
            try:
                os.rename(os.path.join(self.directory, STATE + ".new"), os.path.join(self.directory, STATE))
            except OSError:
                return

    def acknowledged(self, number: int) -> None:
        """The other side has everything up to this record."""
        self._heard = time.monotonic()
        while self._pending and self._pending[0][0] <= number:
            self._pending.popleft()

    def look(self) -> None:
        """Send what waits, and see whether anybody still listens."""
        if self.lost:
            self.nowhere = self.directory is None or not os.path.isdir(self.directory)
        elif time.monotonic() - self._heard > SILENCE:
            self.lose()
        else:
            self._write(b"")

    def lose(self) -> None:
        """Nobody listens: from now on everything goes into the spool."""
        if self.lost:
            return
        self.lost = True
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in {0, 2, self._output}:
            os.dup2(null, descriptor)
        os.close(null)
        self._open()
        for _, line in self._pending:
            self._keep(line)
        self._pending.clear()
        self._waiting = b""

    def asked_to_stop(self) -> bool:
        """Has the collector left word to stop?"""
        return self.directory is not None and os.path.exists(os.path.join(self.directory, STOP))

    def clean(self) -> None:
        """Remove the spool."""
        if self.directory is not None:
            remove(self.directory)

    def _write(self, line: bytes) -> None:
        self._waiting += line
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._output, self._waiting) :]
        except BlockingIOError:
            if len(self._waiting) > BACKLOG:
                self.lose()
        except OSError:
            self.lose()

    def _open(self) -> None:
        for place in places():
            path = os.path.join(place, PREFIX + self._identity)
            try:
                os.mkdir(path, 0o700)
                self.directory = path
                self._spool = os.open(os.path.join(path, SPOOL), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except OSError as error:
                if error.errno == errno.EEXIST:
                    break
                continue
            return
        self.nowhere = True

    def _keep(self, line: bytes) -> None:
        if self._spool < 0:
            return
        if self._spooled + len(line) > MOST:
            self._dropped += 1
            return
        try:
            os.write(self._spool, line)
            self._spooled += len(line)
        except OSError:
            self._dropped += 1

    def _put(self, name: str, data: bytes) -> None:
        try:
            descriptor = os.open(os.path.join(self.directory or "", name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError:
            return
        try:
            os.write(descriptor, data)
        except OSError:
            return
        finally:
            os.close(descriptor)
