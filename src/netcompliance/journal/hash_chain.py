"""The chain through a journal: each line ends with a link, a digest over the line and the link of the line before it.

    {"type":"case", …, "link":"<64 hexadecimal digits>"}

Rules
* `link` is the last member of its line. Without it the line's *body* is left: the same object, without a newline.
* link = SHA-256(link of the line before, as written · newline · body); the first line follows START.
* So whoever changes, adds, removes or moves a byte breaks the chain at a line that can be named, unless all links
  behind it are made anew. Against that only a digest helps that is kept or signed elsewhere (`checksums`, `signature`).
"""

from __future__ import annotations

import hashlib
import re

START = "0" * 64
"""What the first line follows."""
MEMBER = "link"

LENGTH = 80
"""Bytes by which a link makes a line longer, at most."""

_TAIL = re.compile(rb',"link":"([0-9a-f]{64})"\}\n\Z')


def link(before: str, body: bytes) -> str:
    """The link of a line with this body."""
    return hashlib.sha256(before.encode("ascii") + b"\n" + body).hexdigest()


def linked(body: bytes, own: str) -> bytes:
    """The whole line."""
    return body[:-1] + f',"{MEMBER}":"{own}"}}\n'.encode("ascii")


def parted(line: bytes) -> tuple[bytes, str] | None:
    """Body and link of a whole line; None if it ends with no link."""
    found = _TAIL.search(line, max(0, len(line) - LENGTH))
    return (line[: found.start()] + b"}", found[1].decode("ascii")) if found else None
