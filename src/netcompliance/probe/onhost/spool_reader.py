"""Collecting what a watch spooled after its connection was lost: read on from the last record, then follow it.

It says the spool's records as they are, from number `after` on, and the state that the watcher leaves once a second;
until the watch has ended and the other side has everything (`done`), or wants it to end (`stop`).

Rules
* Only a directory that is this user's own and closed to all others is read.
* The spool is removed when the other side has all of it: then nothing of the watch is left on the host.
* A watcher that is no more (it was killed) is told as `gone`, after what it left.
"""

import json
import os
import sys
import threading
import time
from typing import Any, Dict, Optional

from netcompliance.probe.onhost.spool import SPOOL, STATE, STOP, directory_of, encoded, remove
from netcompliance.probe.onhost.visit import SENTINEL

Record = Dict[str, Any]

APPEARS = 25.0
"""Seconds within which a watcher has noticed that its connection is lost, and spools."""
PAUSE = 0.2
CHUNK = 1 << 16
LINE = 1 << 20


def main(plan: Record) -> None:
    """Collect, and end the process."""
    os.umask(0o077)
    _write(b"\n" + encoded(SENTINEL))
    Collector(plan["collect"]["id"], plan["collect"]["after"]).run()
    os._exit(0)


class Collector:
    """Reads one spool."""

    def __init__(self, identity: str, after: int) -> None:
        self._identity = identity
        self._after = after
        self._rest = b""
        self._last = b""
        self._ended = False
        self._done = threading.Event()

    def run(self) -> None:
        """Until there is no more to come."""
        directory = self._find()
        if directory is None:
            self._gone("nothing of it was found")
            return
        threading.Thread(target=self._listen, args=(directory,), daemon=True).start()
        with open(os.path.join(directory, SPOOL), "rb") as spool:
            while not self._done.is_set():
                alive = self._follow(directory)
                moved = self._read(spool)
                if not moved and not alive and not self._ended:
                    self._gone("it was killed")
                    self._ended = True
                self._done.wait(PAUSE)
        remove(directory)

    def _find(self) -> Optional[str]:
        end = time.monotonic() + APPEARS
        while time.monotonic() < end:
            directory = directory_of(self._identity)
            if directory is not None and os.path.exists(os.path.join(directory, SPOOL)):
                return directory
            time.sleep(PAUSE)
        return None

    def _read(self, spool: Any) -> bool:
        """Hand on whole lines; is there more?"""
        data = spool.read(CHUNK)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-LINE:]
        for line in lines:
            record = _record(line)
            if record is not None and record.get("seq", 0) > self._after:
                self._after = record["seq"]
                self._ended = self._ended or record.get("what") == "end"
                _write(line + b"\n")
        return bool(data)

    def _follow(self, directory: str) -> bool:
        """Hand on the watcher's last state if it is new; does the watcher live?"""
        try:
            with open(os.path.join(directory, STATE), "rb") as file:
                state = file.read(LINE)
        except OSError:
            return os.path.isdir(directory)
        record = _record(state)
        if record is None:
            return True
        if state != self._last:
            self._last = state
            _write(state if state.endswith(b"\n") else state + b"\n")
        try:
            os.kill(int(record["pid"]), 0)
        except ProcessLookupError:
            return False
        except (OSError, KeyError, ValueError):
            return True
        return True

    def _gone(self, why: str) -> None:
        _write(encoded({"kind": "watch", "what": "gone", "task": "watch", "at": time.time(), "text": why}))

    def _listen(self, directory: str) -> None:
        for line in sys.stdin.buffer:
            if line.strip() == b"stop":
                os.close(os.open(os.path.join(directory, STOP), os.O_WRONLY | os.O_CREAT, 0o600))
            elif line.strip() == b"done":
                self._done.set()
        os._exit(0) if not self._done.is_set() else None


def _record(line: bytes) -> Optional[Record]:
    try:
        record = json.loads(line.decode("utf-8"))
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _write(line: bytes) -> None:
    """All of it, or the end: nobody listens to a collector that cannot speak."""
    try:
        while line:
            line = line[os.write(1, line) :]
    except OSError:
        os._exit(0)
