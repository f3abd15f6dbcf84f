"""The order of bytes in a stream, whoever asks for them and when."""

from __future__ import annotations

import select
import socket
import struct

import pytest

from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import Stream, TcpStream


class Pieces(Stream):
    """A peer that has said so much already."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__()
        self._pieces = list(pieces)

    def arrived(self) -> bytes | None:
        return self._pieces.pop(0) if self._pieces else None


def test_what_was_heard_while_sending_comes_first() -> None:
    stream = Pieces(b"one", b"two")
    assert stream.heard()
    assert stream.heard(), "hearing takes nothing away"
    assert stream.take() == b"one"
    assert stream.take() == b"two"
    assert stream.take() is None


def test_what_was_put_back_comes_first_too() -> None:
    stream = Pieces(b"three")
    stream.unread(b"two")
    assert stream.recv(Deadline(1.0), "head") == b"two"
    assert stream.recv(Deadline(1.0), "head") == b"three"


def test_silence_is_not_heard() -> None:
    assert not Pieces().heard()


def test_whoever_listens_no_more_sends_on_to_a_peer_that_has_closed_its_side() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
    stream = TcpStream(ours)
    theirs.shutdown(socket.SHUT_WR)
    assert stream.push(b"more", Deadline(5.0), "send") == 0
    stream.listen_no_more()
    assert stream.push(b"more", Deadline(5.0), "send") == 4
    assert theirs.recv(10) == b"more"
    theirs.close()
    stream.close()


@pytest.mark.parametrize("last_words", [b"no", b""])
def test_what_a_peer_said_before_it_reset_the_connection_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, last_words: bytes
) -> None:
    # As if the reset came right after the stream was seen to be ready, and before it was written to.
    monkeypatch.setattr(TcpStream, "_poll", lambda *_: select.POLLOUT)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
    stream = TcpStream(ours)
    theirs.sendall(last_words)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    if last_words:
        assert stream.push(b"more", Deadline(1.0), "send") == 0
        assert stream.take() == b"no"
    else:
        with pytest.raises(ConnectionResetError):
            stream.push(b"more", Deadline(1.0), "send")
    stream.close()
