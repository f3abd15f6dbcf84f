"""Just enough of the DNS to go on: is this an answer to that question, and which addresses does it hold?

Everything else about a message is for the controller, which gets its bytes.
"""

import socket
import struct
from typing import List

HEADER = struct.Struct("!HHHHHH")
RESPONSE = 0x8000
TRUNCATED = 0x0200
RCODE = 0x000F
ADDRESS_TYPES = {1: (socket.AF_INET, 4), 28: (socket.AF_INET6, 16)}
INTERNET = 1


def answers(query: bytes, message: bytes) -> bool:
    """Is this a response under the query's id?"""
    return len(message) >= HEADER.size and message[:2] == query[:2] and bool(_flags(message) & RESPONSE)


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
