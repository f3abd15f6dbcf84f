"""Byte streams with deadlines: TCP here, TLS over any of them in `tls`.

A stream has four primitives; reading, sending and listening while sending are built on them:

    arrived()  bytes that are there already; None if there are none yet; b"" at the end
    wait()     until more may be there
    push()     send some; returns 0 instead when the peer has something to say
    close()

What was heard while sending is kept and comes first: whoever reads asks `take` or `recv`, never `arrived`.

A peer may answer before it has read everything (a body limit, a block page), and then close. Whoever sends must
therefore listen, or the answer is lost to EPIPE.
"""

import contextlib
import select
import socket
from typing import List, Optional

from netcompliance.probe.onhost.failures import timed_out
from netcompliance.probe.onhost.limits import Deadline

CHUNK = 65536


class Stream:
    """What all streams can do."""

    def __init__(self) -> None:
        self._ahead: List[bytes] = []

    def listen_no_more(self) -> None:
        """From now on send whatever the peer says, also when it has closed its side."""
        raise NotImplementedError

    @property
    def refused(self) -> Optional[str]:
        """Why a Go program would have ended this connection before now, in its words."""
        return None

    def arrived(self) -> Optional[bytes]:
        """Bytes that have arrived, None if none have, b"" if there will be no more."""
        raise NotImplementedError

    def wait(self, deadline: Deadline, phase: str) -> None:
        """Block until something may have arrived."""
        raise NotImplementedError

    def push(self, data: bytes, deadline: Deadline, phase: str) -> int:
        """Send some of the data; 0 if the peer spoke or closed instead."""
        raise NotImplementedError

    def unacknowledged(self) -> Optional[int]:
        """Bytes that were sent and not acknowledged, where the system tells."""
        raise NotImplementedError

    def close(self) -> None:
        """Close at once, without ceremony."""
        raise NotImplementedError

    def give_up(self) -> None:
        """End the connection from another thread: whoever waits on it wakes up, and reads its end."""
        raise NotImplementedError

    def take(self) -> Optional[bytes]:
        """The next bytes, in order, if they are there already."""
        return self._ahead.pop(0) if self._ahead else self.arrived()

    def recv(self, deadline: Deadline, phase: str) -> bytes:
        """The next bytes; b"" at the end."""
        while True:
            data = self.take()
            if data is not None:
                return data
            self.wait(deadline, phase)

    def heard(self) -> bool:
        """Has the peer said something that nobody has read, or closed?"""
        if not self._ahead:
            data = self.arrived()
            if data is None:
                return False
            self._ahead.append(data)
        return True

    def unread(self, data: bytes) -> None:
        """Put bytes back in front."""
        if data:
            self._ahead.insert(0, data)

    def send(self, data: bytes, deadline: Deadline, phase: str) -> None:
        """Send all, whatever the peer says meanwhile."""
        while data:
            sent = self.push(data, deadline, phase)
            if not sent and self.heard():
                return
            data = data[sent:]


class TcpStream(Stream):
    """A connected TCP socket."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__()
        connected.settimeout(0)
        self._socket = connected
        self._deaf = False

    def listen_no_more(self) -> None:
        self._deaf = True

    def arrived(self) -> Optional[bytes]:
        try:
            return self._socket.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return None

    def wait(self, deadline: Deadline, phase: str) -> None:
        if not self._poll(select.POLLIN, deadline.check(phase)):
            raise timed_out(phase)

    def push(self, data: bytes, deadline: Deadline, phase: str) -> int:
        events = self._poll(select.POLLOUT if self._deaf else select.POLLIN | select.POLLOUT, deadline.check(phase))
        if not events:
            raise timed_out(phase)
        if not self._deaf and events & (select.POLLIN | select.POLLHUP | select.POLLERR):
            return 0
        try:
            return self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            return self.push(data, deadline, phase)
        except OSError:
            if not self._deaf and self._last_words():
                return 0
            raise

    def unacknowledged(self) -> Optional[int]:
        return unacknowledged(self._socket)

    def duplicate(self) -> socket.socket:
        """The same connection once more: it stays open until both are closed."""
        return self._socket.dup()

    def close(self) -> None:
        self._socket.close()

    def give_up(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _last_words(self) -> bool:
        """A peer that has reset the connection may have spoken before, and that can still be read."""
        try:
            said = self._socket.recv(CHUNK)
        except OSError:
            return False
        if said:
            self._ahead.append(said)
        return bool(said)

    def _poll(self, events: int, seconds: float) -> int:
        poller = select.poll()
        poller.register(self._socket, events)
        for _, happened in poller.poll(seconds * 1000):
            return happened
        return 0


def unacknowledged(connected: socket.socket) -> Optional[int]:
    """The socket's send queue: bytes that were handed over and not acknowledged."""
    try:
        import fcntl
        import struct
        import termios

        return int(struct.unpack("i", fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0])
    except (ImportError, OSError, ValueError):
        return None
