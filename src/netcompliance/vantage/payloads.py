"""What the agent sends, as data of the plan: each call of each of its parts, as it looks on the wire.

Theory. Devices decide by method, path, query, header, encoding, client and size. A request that differs from the
agent's in one of these says nothing about the agent's. So the probe makes the agent's own calls, with a key that no
tenant can have, to which the receiver answers by a refusal. `docs/agent.md` says where each shape was taken from.

Rules
* Pure and constant: the same requests in every run, none depends on what was answered.
* `WRONG_KEY` is not a valid key by construction. A valid key is never part of a request that could write.
* Bodies are the smallest documents that each call takes. What larger ones meet is the uploads' business.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from netcompliance.model import DOCUMENTED_PATH, RECEIVER_PATHS

Request = dict[str, Any]

WRONG_KEY = "netcompliance-not-a-valid-key"
GO = "Go-http-client/1.1"
KEY_HEADER = "Sts-Api-Key"
"""As Go writes it: in canonical form, whatever the agent's source says."""
JSON = "application/json"
PROTOBUF = "application/x-protobuf"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
UPLOADS = (1_000, 10_000, 150_000, 2_500_000)
"""Bytes. The last is the largest payload that agents send; the one before is larger than any socket buffer in the way
of a path MTU black hole."""
MOST_VARIANTS = 24
"""Requests of the second round at one address, where the answers to the first are not alike."""

PROPERTIES = ("user-agent", "query", "key", "type", "encoding", "plain")
"""What can be made neutral in an agent's request, to find out what a device takes offence at; and all of it."""


def _zstd(data: bytes) -> bytes:
    """A frame with one block that is not compressed."""
    header = bytes([0x20, len(data)])
    block = (len(data) << 3 | 1).to_bytes(3, "little")
    return ZSTD_MAGIC + header + block + data


def _snappy(data: bytes) -> bytes:
    """A block with one literal."""
    return bytes([len(data)]) + (bytes([(len(data) - 1) << 2]) + data if data else b"")


def _message(kind: int) -> bytes:
    """The header of a process agent's message (version, encoding, type, rest), and an empty document."""
    return bytes([3, 0, kind]).ljust(16, b"\0")


def _main(path: str, method: str = "POST", *, encoding: str = "", body: bytes = b"", plain: bytes = b"") -> Request:
    headers = {"User-Agent": GO, KEY_HEADER: WRONG_KEY}
    if method == "POST":
        headers |= {"Content-Type": JSON, "Content-Encoding": encoding}
    return _request("main", method, path, headers, body, plain, query=f"api_key={WRONG_KEY}")


def _request(
    caller: str, method: str, path: str, headers: dict[str, str], body: bytes, plain: bytes = b"", query: str = ""
) -> Request:
    bodies = {"content": _encoded(body), "plain": _encoded(plain or body)} if method == "POST" else {}
    optional = {"query": query} if query else {}
    return {
        "purpose": "path" if method == "POST" else "agent",
        "method": method,
        "path": path,
        "at": "each",
        "caller": caller,
        "headers": headers,
        **optional,
        **bodies,
    }


def _encoded(body: bytes) -> str:
    return base64.b64encode(body).decode()


_EMPTY = b"{}"
_SERIES = json.dumps({"series": []}).encode()
_PROCESS = {"User-Agent": GO, KEY_HEADER: WRONG_KEY, "Content-Type": PROTOBUF}
_LOGS = {
    "User-Agent": "promtail/3.6.11",
    KEY_HEADER: WRONG_KEY,
    "Content-Type": PROTOBUF,
}
_RBAC = {"User-Agent": GO, "Authorization": f"ApiKey {WRONG_KEY}"}


def _intake(path: str) -> Request:
    return _main(path, encoding="deflate", body=zlib.compress(_EMPTY), plain=_EMPTY)


_POSTS: Mapping[str, Callable[[str], Request]] = {
    "/intake": _intake,
    "/api/v1/series": lambda path: _main(path, encoding="zstd", body=_zstd(_SERIES), plain=_SERIES),
    "/api/v1/collector": lambda path: _request("process", "POST", path, _PROCESS, _message(12)),
    "/api/v1/connections": lambda path: _request("process", "POST", path, _PROCESS, _message(22)),
    "/logs/k8s": lambda path: _request("logs", "POST", path, _LOGS, _snappy(b"")),
    "/rbac/scope": lambda path: _request("rbac", "POST", path, {**_RBAC, "Content-Type": JSON}, _EMPTY),
}
"""How each of `RECEIVER_PATHS` is called."""


def calls(nonce: str) -> Iterator[Request]:
    """Every call of the agent, and the same POST to paths next to the receiver's that nobody has."""
    for path in RECEIVER_PATHS:
        yield _POSTS[path](DOCUMENTED_PATH + path)
    yield _main(f"{DOCUMENTED_PATH}/features", "GET")
    yield _request("rbac", "GET", f"{DOCUMENTED_PATH}/features", _RBAC, b"")
    for place in (f"/netcompliance-{nonce}", f"{DOCUMENTED_PATH}/netcompliance-{nonce}"):
        yield {**_intake(place), "purpose": "post-sibling"}


def wrong_key() -> Request:
    """The validation of a key, with one that is not valid: what the receiver says to that."""
    headers = {"User-Agent": GO, KEY_HEADER: WRONG_KEY}
    return {**_request("main", "GET", f"{DOCUMENTED_PATH}/api/v1/validate", headers, b""), "purpose": "wrong-key"}


def key() -> Request:
    """The same with the key that the host has, which the plan does not know."""
    request = _request("main", "GET", f"{DOCUMENTED_PATH}/api/v1/validate", {"User-Agent": GO}, b"")
    return {**request, "purpose": "key", "key": True}


def upload() -> Request:
    """The growing payloads: what is sent, and how large."""
    request = _intake(f"{DOCUMENTED_PATH}/intake")
    kept = {name: value for name, value in request.items() if name not in ("purpose", "at", "content", "plain")}
    return {**kept, "sizes": list(UPLOADS)}
