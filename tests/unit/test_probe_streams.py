"""The order of bytes in a stream, whoever asks for them and when."""

from __future__ import annotations

from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.streams import Stream


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
