"""With what a run is made, and by whom."""

from __future__ import annotations

import getpass
import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
_JUDGING = ("judge", "explain.py", "findings.py", "catalogue.py", "model.py")
"""What decides on verdicts and their words."""


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
    """What made a verdict. `judge` is a digest of the code that decides: where it is the same, so is every verdict."""
    package = Path(__file__).parent
    sources = [path for name in _JUDGING for path in sorted((package / name).rglob("*.py")) or [package / name]]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources if path.is_file()))
    return {
        "name": "netcompliance",
        "version": version(),
        "commit": commit(),
        "python": platform.python_version(),
        "judge": digest.hexdigest(),
    }


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
            ["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
