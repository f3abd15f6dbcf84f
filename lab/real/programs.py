"""The daemons' binaries: which there must be, and how they are started inside the lab.

Distributions confine some daemons by path (AppArmor): named may not read a configuration outside /etc/bind there. A
copy in the lab's directory has no such profile and is gone with the lab.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from lab.backend import BackendError, Stage

_PATH = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin:/usr/local/bin:/bin"
_NEEDED = ("named", "nginx", "docker-registry", "skopeo", "squid")
_SQUID_HELPERS = "/usr/lib/squid:/usr/lib64/squid:/usr/libexec/squid"


def missing() -> Iterator[str]:
    """Names of daemons that are not installed."""
    for name in _NEEDED:
        if shutil.which(name, path=_PATH) is None:
            yield name


def path(name: str) -> str:
    """Where the program lies."""
    found = shutil.which(name, path=_PATH)
    assert found is not None, name
    return found


def copy(stage: Stage, name: str) -> str:
    """A copy of the program that no path-based profile confines."""
    target = stage.directory / "bin" / name
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path(name), target)
    return str(target)


def squid_helper(name: str) -> str:
    """Where one of squid's helper programs lies."""
    found = shutil.which(name, path=_SQUID_HELPERS)
    if found is None:
        raise BackendError(f"squid has no {name}: the package must be squid-openssl")
    return found
