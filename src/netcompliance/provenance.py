"""With what a run is made, and by whom."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import certifi

CHECKOUT = Path(__file__).resolve().parents[2]
_DECIDING = ("judge", "explain")
"""What decides on verdicts, and on their words. What it imports decides with it."""
_IMPORT = re.compile(rb"^ *from netcompliance(?:\.(\w+)[\w.]* import | import ([\w, ]+))", re.MULTILINE)


@cache
def version() -> str:
    """Of this package; a checkout that is not installed has none."""
    try:
        return metadata.version("netcompliance")
    except metadata.PackageNotFoundError:
        return "checkout"


@cache
def commit() -> str | None:
    """The commit that this was made from, with `+changes` where files differ from it; `None` if nobody knows."""
    if (CHECKOUT / ".git").exists() and (CHECKOUT / "pyproject.toml").exists():
        head = _git("rev-parse", "--verify", "HEAD")
        return f"{head}+changes" if head and _git("status", "--porcelain", "--untracked-files=no") else head
    try:
        origin = metadata.distribution("netcompliance").read_text("direct_url.json")
        known = json.loads(origin or "{}").get("vcs_info", {}).get("commit_id")
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return None
    return str(known) if known else None


@cache
def tool() -> Mapping[str, str | None]:
    """What made a verdict. `judge` is a digest of the code that decides: where it is the same, so is every verdict.
    `roots` is one of the public root certificates that it knows: where it is the same, so is every anchor."""
    digest = hashlib.sha256(b"".join(text for _, text in sorted(judging().items())))
    return {
        "name": "netcompliance",
        "version": version(),
        "commit": commit(),
        "python": platform.python_version(),
        "judge": digest.hexdigest(),
        "roots": roots(),
    }


def roots() -> str | None:
    """SHA-256 of the list of public roots; `None` if it is not there."""
    try:
        return hashlib.sha256(Path(certifi.where()).read_bytes()).hexdigest()
    except OSError:
        return None


def judging() -> Mapping[Path, bytes]:
    """The code that decides: every source of the judge, and of all parts of this package that it imports."""
    package = Path(__file__).resolve().parent
    read: dict[Path, bytes] = {}
    wanted, known = list(_DECIDING), set(_DECIDING)
    while wanted:
        part = wanted.pop()
        for path in (package / part).rglob("*.py") if (package / part).is_dir() else [package / f"{part}.py"]:
            read[path] = path.read_bytes()
            for named, several in _IMPORT.findall(read[path]):
                found = {named.decode()} if named else set(several.decode().replace(",", " ").split())
                wanted += found - known
                known |= found
    return read


def by() -> Mapping[str, str]:
    """Who runs this, and on which machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "unknown"
    return {"user": user, "host": platform.node() or "unknown"}


def _git(*arguments: str) -> str | None:
    """The output of git; `None` where there is none, or where it may not look."""
    try:
        done = subprocess.run(
            ["git", "-C", str(CHECKOUT), *arguments],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
