"""Heads of HTTP answers as Go's net/http reads them, line by line: what curl takes and Go refuses.

Theory. net/textproto reads lines up to a line feed, with or without a carriage return before it. A line that begins
with a blank belongs to the header before it. Every header needs a colon, a name of token characters (and blanks), and
a value without control characters. Transfer-Encoding counts from HTTP/1.1 on, once, as `chunked`. Content-Length has
to be a number, also where it does not count, and always the same one.

`tests/unit/probe/go-heads.json` was produced by a Go program; a test holds this module to it.
"""

import re
from typing import List, Optional, Tuple

MOST = 10485760
"""Bytes of heads that Go reads for one answer, those of 1xx answers with them."""
SHOWN = 60
KEPT = 262144
"""Characters of headers that are kept. Of more, only those that say what follows."""
MATTER = frozenset(("content-length", "transfer-encoding", "connection", "location", "content-type"))

_NAME = re.compile(rb"[!#$%&'*+.^_`|~ 0-9A-Za-z-]+\Z")
_VERSION = re.compile(rb"HTTP/(\d)\.(\d)\Z")
_CODE = re.compile(rb"\+?[0-9]+\Z")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(rb"0*([0-9]{1,19})\Z")
_MOST_LENGTH = 2**63 - 1
_LENIENT = re.compile(rb"HTTP/(\d(?:\.\d)?)[ \t]+(\d{3})(?:[ \t]+(.*)|[ \t]*)\Z", re.DOTALL)


class Head:
    """The head of one answer, as it comes in."""

    def __init__(self) -> None:
        self.version: Optional[str] = None
        self.status: Optional[int] = None
        self.reason = ""
        self.headers: List[Tuple[str, str]] = []
        self.refused: Optional[str] = None
        """Why Go refuses it, in words."""
        self._begun = False
        self._pending: Optional[bytes] = None
        self._room = KEPT
        self._lengths: List[bytes] = []
        self._codings: List[bytes] = []

    @property
    def chunked(self) -> bool:
        """Does the body come in chunks?"""
        return bool(self._codings) and self._speaks_1_1

    @property
    def _speaks_1_1(self) -> bool:
        return self.version is not None and self.version >= "1.1"

    def begin(self, line: bytes) -> bool:
        """Take the status line, without its end. False if it is none, even to the lenient."""
        proto, _, rest = line.partition(b" ")
        rest = rest.lstrip(b" ")
        code = rest.partition(b" ")[0]
        version = _VERSION.match(proto)
        if version is not None and len(code) == 3 and _CODE.match(code):
            self.version = (version.group(1) + b"." + version.group(2)).decode("ascii")
            self.status = int(code)
            self.reason = rest[4:].decode("latin-1").strip()
            return True
        lenient = _LENIENT.match(line)
        if lenient is None:
            return False
        self.version, self.status = lenient.group(1).decode("ascii"), int(lenient.group(2))
        self.reason = (lenient.group(3) or b"").decode("latin-1").strip()
        self._refuse("malformed HTTP status line")
        return True

    def take(self, line: bytes) -> bool:
        """Take the next line, without its end. True if the head ends with it."""
        if not line:
            self._close_header()
            self._check_framing()
            return True
        if line[:1] in (b" ", b"\t"):
            if not self._begun:
                self._refuse("malformed MIME header: a continuation at its beginning")
            elif self._pending is not None:
                self._pending += b" " + line.strip(b" \t")
            self._begun = True
            return False
        self._close_header()
        self._begun = True
        if b":" not in line:
            self._refuse("malformed MIME header: missing colon: " + _printable(line))
            return False
        self._pending = line.strip(b" \t")
        return False

    @property
    def length(self) -> Optional[bytes]:
        """What Content-Length says; None if there is none, or it does not count."""
        return self._lengths[0] if self._lengths and not self.chunked else None

    def too_long(self, length: int) -> None:
        """It does not end within what Go reads, or had not ended after so many bytes when no more were read."""
        beyond = length > MOST
        self._refuse(
            "server response headers exceeded %d bytes" % MOST if beyond else "server response headers do not end"
        )

    def _close_header(self) -> None:
        line, self._pending = self._pending, None
        if line is None:
            return
        name, _, value = line.partition(b":")
        if not _NAME.match(name):
            self._refuse("malformed MIME header line: " + _printable(line))
        elif _CONTROL.search(value):
            self._refuse("invalid character in header " + _printable(name))
        key = name.decode("latin-1").lower()
        if key == "content-length":
            self._lengths.append(value.strip(b" \t\r\n"))
        elif key == "transfer-encoding":
            self._codings.append(value.lstrip(b" \t"))
        self._room -= len(line)
        if self._room > 0 or key in MATTER:
            self.headers.append((name.decode("latin-1").strip(), value.decode("latin-1").strip()))

    def _check_framing(self) -> None:
        if self._speaks_1_1 and len(self._codings) > 1:
            self._refuse("too many transfer encodings")
        elif self.chunked and self._codings[0].lower() != b"chunked":
            self._refuse("unsupported transfer encoding: " + _printable(self._codings[0]))
        elif len(set(self._lengths)) > 1:
            self._refuse("http: message cannot contain multiple Content-Length headers")
        elif self._lengths:
            number = _LENGTH.match(self._lengths[0])
            if number is None or int(number.group(1)) > _MOST_LENGTH:
                self._refuse("bad Content-Length " + _printable(self._lengths[0]))

    def _refuse(self, why: str) -> None:
        self.refused = self.refused or why


def refusal(head: bytes) -> Optional[str]:
    """Why Go refuses this head, in words; None if it takes it."""
    reading = Head()
    lines = [line[:-1] if line.endswith(b"\r") else line for line in head.split(b"\n")[:-1]]
    if not lines or not reading.begin(lines[0]):
        return "malformed HTTP response"
    if not any(reading.take(line) for line in lines[1:]):
        return "unexpected EOF"
    return reading.refused


def _printable(line: bytes) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in line[:SHOWN].decode("latin-1"))
