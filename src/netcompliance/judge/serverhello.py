"""What a peer answered to a ClientHello, read from its first bytes (RFC 8446, section 4.1.3)."""

from __future__ import annotations

from dataclasses import dataclass

VERSIONS = {0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
NEWEST = (0x0303, 0x0304)
AGENTS_SUITES = frozenset(
    (0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC009, 0xC013, 0xC00A, 0xC014, 0x1301, 0x1302, 0x1303)
)
GROUPS = {0x11EC: "X25519MLKEM768", 0x1D: "X25519", 0x17: "P-256", 0x18: "P-384", 0x19: "P-521"}
SUPPORTED_VERSIONS, KEY_SHARE = 43, 51


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHello:
    """The choice of a server."""

    version: int
    cipher: int
    group: int | None

    @property
    def serves_the_agent(self) -> bool:
        """Is it a choice that Go goes on with?"""
        return self.version in NEWEST and self.cipher in AGENTS_SUITES and (self.group is None or self.group in GROUPS)

    def __str__(self) -> str:
        """For people."""
        version = VERSIONS.get(self.version, hex(self.version))
        group = "" if self.group is None else f" with {GROUPS.get(self.group, hex(self.group))}"
        return f"{version}{group}"


def server_hello(received: bytes) -> ServerHello | None:
    """The ServerHello that these bytes begin with; extensions that are cut off are taken as missing."""
    if len(received) < 46 or received[0] != 22 or received[5] != 2:
        return None
    message = received[9 : 9 + int.from_bytes(received[6:9], "big")]
    version, position = int.from_bytes(message[:2], "big"), 35 + (message[34] if len(message) > 34 else 0)
    if len(message) < position + 3:
        return None
    cipher, group = int.from_bytes(message[position : position + 2], "big"), None
    rest = message[position + 5 :]
    while len(rest) >= 4:
        number, length = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
        if number == SUPPORTED_VERSIONS and len(rest) >= 6:
            version = int.from_bytes(rest[4:6], "big")
        elif number == KEY_SHARE and len(rest) >= 6:
            group = int.from_bytes(rest[4:6], "big")
        rest = rest[4 + length :]
    return ServerHello(version=version, cipher=cipher, group=group)
