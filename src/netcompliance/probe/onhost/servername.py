"""The server name in a ClientHello (RFC 6066, 3), and a ClientHello made for one host, turned into that for another."""

import struct

from netcompliance.probe.onhost.gofiles import is_address

NOBODY = "host.invalid"
"""For whom a ClientHello is made whose host is not known yet."""
RECORD_LENGTH, MESSAGE_LENGTH = (3, 2), (6, 3)
"""Where these stand, and in how many bytes."""


def server_name(host: str) -> bytes:
    """The extension. Of an address there is none, and of a rooted name the last dot is left out, as Go does."""
    if is_address(host):
        return b""
    name = host.rstrip(".").encode("ascii")
    size = len(name)
    return struct.pack(">HHHBH", 0, size + 5, size + 3, 0, size) + name


def for_host(hello: bytes, host: str) -> bytes:
    """A ClientHello that was made for `NOBODY`, whose first extension is the name, for this host."""
    old, new = server_name(NOBODY), server_name(host)
    at = hello.index(old)
    made = bytearray(hello[:at] + new + hello[at + len(old) :])
    for offset, width in (RECORD_LENGTH, MESSAGE_LENGTH, (at - 2, 2)):
        length = int.from_bytes(made[offset : offset + width], "big") + len(new) - len(old)
        made[offset : offset + width] = length.to_bytes(width, "big")
    return bytes(made)
