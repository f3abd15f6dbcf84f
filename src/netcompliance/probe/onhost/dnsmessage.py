"""Just enough of the DNS to go on: is this an answer to that question, and which addresses does it hold?

Everything else about a message is for the controller, which gets its bytes.
"""

import socket
import struct
from typing import List, Optional

HEADER = struct.Struct("!HHHHHH")
RESPONSE = 0x8000
TRUNCATED = 0x0200
RCODE = 0x000F
NXDOMAIN = 3
RECURSION_DESIRED = 0x0100
RECURSION_AVAILABLE = 0x0080
AUTHORITATIVE = 0x0400
AUTHENTIC = 0x0020
OPT = 41
ADDRESS_TYPES = {1: (socket.AF_INET, 4), 28: (socket.AF_INET6, 16)}
INTERNET = 1


def answers(query: bytes, message: bytes) -> bool:
    """Is this a response under the query's id?"""
    return len(message) >= HEADER.size and message[:2] == query[:2] and bool(_flags(message) & RESPONSE)


def query(name: str, kind: int, identity: bytes, *, edns: Optional[int], ad: bool = False) -> bytes:
    """A query for a name, with an EDNS0 record that offers so many bytes, if any."""
    labels = b"".join(bytes([len(label)]) + label for label in name.rstrip(".").encode("ascii").split(b".") if label)
    question = labels + b"\0" + struct.pack("!HH", kind, INTERNET)
    counts = struct.pack("!HHHHH", RECURSION_DESIRED | (AUTHENTIC if ad else 0), 1, 0, 0, 0 if edns is None else 1)
    return identity + counts + question + (b"" if edns is None else struct.pack("!BHHIH", 0, OPT, edns, 0, 0))


def repeats(asked: bytes, message: bytes) -> bool:
    """Is this a response under the query's id that repeats its question?"""
    if not answers(asked, message) or HEADER.unpack_from(message)[2] < 1:
        return False
    end = _after_name(asked, HEADER.size) + 4
    return asked[HEADER.size : end].lower() == message[HEADER.size : end].lower()


def settles(message: bytes) -> bool:
    """Does it end the search for the name: an answer, or "no such name", from a server that can be asked for it?"""
    _, flags, _, records, _, additional = HEADER.unpack_from(message)
    if flags & RCODE == NXDOMAIN:
        return True
    lame = not flags & (AUTHORITATIVE | RECURSION_AVAILABLE) and not records and not additional
    return not flags & RCODE and not lame and not _extended_rcode(message)


def no_such_name(message: bytes) -> bool:
    """Does it say that the name does not exist?"""
    return _flags(message) & RCODE == NXDOMAIN


def result(message: bytes) -> int:
    """The result code."""
    return _flags(message) & RCODE | _extended_rcode(message) << 4


def _extended_rcode(message: bytes) -> int:
    """The upper bits of the result, which an EDNS0 record at the end of a short message carries."""
    end = message[-11:]
    return end[5] if len(end) == 11 and end[0] == 0 and end[1:3] == b"\0\x29" else 0


def truncated(message: bytes) -> bool:
    """Does it say that the rest must be asked for over TCP?"""
    return bool(_flags(message) & TRUNCATED)


def addresses(message: bytes) -> List[str]:
    """The A and AAAA records of the answer section; none from a message that is broken or reports an error."""
    found: List[str] = []
    try:
        _, flags, questions, records, _, _ = HEADER.unpack_from(message)
        if flags & RCODE:
            return found
        place = HEADER.size
        for _ in range(questions):
            place = _after_name(message, place) + 4
        for _ in range(records):
            place = _after_name(message, place)
            kind, group, _, length = struct.unpack_from("!HHIH", message, place)
            place += 10
            family, size = ADDRESS_TYPES.get(kind, (None, -1))
            if family is not None and group == INTERNET and length == size:
                found.append(socket.inet_ntop(family, message[place : place + length]))
            place += length
    except (struct.error, IndexError, ValueError):
        return found
    return found


def _flags(message: bytes) -> int:
    return int(HEADER.unpack_from(message)[1])


def _after_name(message: bytes, place: int) -> int:
    while message[place]:
        if message[place] & 0xC0:
            return place + 2
        place += message[place] + 1
    return place + 1
