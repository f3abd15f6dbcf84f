"""The TLS ClientHello of a Go program (crypto/tls of Go 1.24 and later, default transport), as bytes.

Theory. What a device makes of a ClientHello depends on its size and on what is in it. So the agent's own is sent beside
the real handshake, and what comes back first is enough to judge. Field by field it is what a client built with Go
1.26.6 sends (captured); only names, random values and key shares differ. The post-quantum key is made up, but a valid
encoding: its coefficients are below ML-KEM's modulus, which servers check.

Those who pull images (containerd, CRI-O, Docker) and Helm are Go programs with a transport of their own, which names no
protocol (ALPN); theirs is the same without it.

Pure: random values come from the seed.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator

from netcompliance.probe.onhost.servername import NOBODY, server_name

SUITES = (
    *(0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC009, 0xC013, 0xC00A, 0xC014),
    *(0x1301, 0x1302, 0x1303),
)
X25519_MLKEM768, X25519 = 0x11EC, 0x001D
CLASSIC = (X25519, 0x0017, 0x0018, 0x0019)
GROUPS = (X25519_MLKEM768, *CLASSIC)
SIGNATURES = (
    *(0x0804, 0x0403, 0x0807, 0x0805, 0x0806, 0x0401, 0x0501),
    *(0x0601, 0x0503, 0x0603, 0x0201, 0x0203),
)
PROTOCOLS = ("h2", "http/1.1")
VERSIONS = (0x0304, 0x0303)
PADDING, PADDING_HEAD = 21, 4
MODULUS, COEFFICIENTS = 3329, 768


def hellos(host: str, seed: str) -> dict[str, bytes]:
    """The agent's ClientHello for this host, and two that lack one thing: the post-quantum key, and h2.

    The main agent and the process agent name no protocol at all: theirs is the same without ALPN. One more is as large
    as the agent's and has no key at all: it is answered with the wish for one (RFC 8446, 4.1.4), which costs the
    service no signature.
    """
    agents = client_hello(host, seed)
    return {
        "agent-hello": agents,
        "plain-hello": client_hello(host, seed, protocols=()),
        "keyless-hello": client_hello(host, seed, keys=False, size=len(agents)),
        "classic-hello": client_hello(host, seed, groups=CLASSIC),
        "http1-hello": client_hello(host, seed, protocols=PROTOCOLS[1:]),
    }


def fetchers_hellos(seed: str) -> dict[str, bytes]:
    """The ClientHello of what fetches images and charts; one that lacks the post-quantum key, and one with protocols.

    They are for a host that the probe puts in (`servername.for_host`): where a registry redirects to is not known yet.
    """
    return {
        "agent-hello": client_hello(NOBODY, seed, protocols=()),
        "classic-hello": client_hello(NOBODY, seed, groups=CLASSIC, protocols=()),
        "named-hello": client_hello(NOBODY, seed),
    }


def client_hello(
    host: str,
    seed: str,
    *,
    groups: Iterable[int] = GROUPS,
    protocols: Iterable[str] = PROTOCOLS,
    keys: bool = True,
    size: int = 0,
) -> bytes:
    """One record, of this size at least."""
    offered = tuple(groups)
    values = _Random(seed)
    named = b"".join(_sized(1, name.encode()) for name in protocols)
    extensions = server_name(host) + b"".join(
        _extension(number, body)
        for number, body in (
            (11, b"\x01\x00"),
            (65281, b"\x00"),
            (23, b""),
            (18, b""),
            (5, b"\x01\x00\x00\x00\x00"),
            (10, _sized(2, _words(offered))),
            (13, _sized(2, _words(SIGNATURES))),
            (50, _sized(2, _words(SIGNATURES))),
            *([(16, _sized(2, named))] if named else []),
            (43, _sized(1, _words(VERSIONS))),
            (51, _sized(2, b"".join(_shares(offered, values)) if keys else b"")),
        )
    )
    random, session = values.take(32), values.take(32)
    missing = size - len(_record(random, session, extensions)) - PADDING_HEAD
    if missing >= 0:
        extensions += _extension(PADDING, bytes(missing))
    return _record(random, session, extensions)


def _record(random: bytes, session: bytes, extensions: bytes) -> bytes:
    fixed = b"\x03\x03" + random + _sized(1, session) + _sized(2, _words(SUITES)) + b"\x01\x00"
    return b"\x16\x03\x01" + _sized(2, b"\x01" + _sized(3, fixed + _sized(2, extensions)))


class _Random:
    """Bytes that look random and follow from a seed."""

    def __init__(self, seed: str) -> None:
        self._bytes = hashlib.shake_256(seed.encode()).digest(8192)

    def take(self, count: int) -> bytes:
        taken, self._bytes = self._bytes[:count], self._bytes[count:]
        return taken

    def coefficient(self) -> int:
        """Below the modulus."""
        return int.from_bytes(self.take(2), "big") % MODULUS


def _shares(groups: tuple[int, ...], values: _Random) -> Iterator[bytes]:
    point = values.take(32)
    if X25519_MLKEM768 in groups:
        yield _share(X25519_MLKEM768, _encapsulation_key(values) + point)
    yield _share(X25519, point)


def _share(group: int, key: bytes) -> bytes:
    return struct.pack(">H", group) + _sized(2, key)


def _encapsulation_key(values: _Random) -> bytes:
    """1,184 bytes: coefficients of 12 bits, two in three bytes, and a seed."""
    packed = bytearray()
    for _ in range(COEFFICIENTS // 2):
        one, two = values.coefficient(), values.coefficient()
        packed += bytes((one & 0xFF, one >> 8 | (two & 0xF) << 4, two >> 4))
    return bytes(packed) + values.take(32)


def _extension(number: int, body: bytes) -> bytes:
    return struct.pack(">H", number) + _sized(2, body)


def _sized(width: int, body: bytes) -> bytes:
    return len(body).to_bytes(width, "big") + body


def _words(values: Iterable[int]) -> bytes:
    return b"".join(struct.pack(">H", value) for value in values)
