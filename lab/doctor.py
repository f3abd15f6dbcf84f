"""What this machine allows and lacks: every step that the lab takes is tried once, in a child process.

Nothing is changed: what a check makes is gone when its child ends.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import linux, mounts, network, run
from lab.embedded import play
from lab.healthy import RIGHT
from lab.real import programs


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing the lab needs. `look` returns normally, or raises with what is wrong."""

    needs: str
    look: Callable[[], None]
    remedy: str
    optional: bool = False
    """Without it the lab runs, and something can't be used."""


def report() -> int:
    """Print one line per check; 0 when the lab can run."""
    missing = 0
    for check in CHECKS:
        problem = _problem(check)
        print(f"{'ok  ' if problem is None else 'note' if check.optional else 'LACK'}  {check.needs}")
        if problem is not None:
            print(f"      {problem}\n      {check.remedy}")
            missing += not check.optional
            if check.look in _FOUNDATIONS:
                break
    print("the lab can run here" if not missing else "the lab cannot run here yet")
    return 1 if missing else 0


def _problem(check: Check) -> str | None:
    """Run a check in a child and give its error message, if any."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        code = 1
        try:
            check.look()
            code = 0
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent reports it
            os.write(writing, str(error).encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        message = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    return None if status == 0 else message or f"ended with status {status}"


def _module(name: str) -> Callable[[], None]:
    def look() -> None:
        if importlib.util.find_spec(name) is None:
            raise RuntimeError(f"no module {name}")

    return look


def _program(name: str) -> Callable[[], None]:
    def look() -> None:
        if shutil.which(name) is None:
            raise RuntimeError(f"{name} is not on PATH")

    return look


def _make_namespaces() -> None:
    run.enter_namespaces()
    _in_child(lambda: linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWUTS))


def _make_mounts() -> None:
    _inside(lambda: None)


def _make_network() -> None:
    _inside(lambda: network.build(RIGHT))


def _resolver_exists() -> None:
    if not Path("/etc/resolv.conf").is_file():
        raise RuntimeError("there is no /etc/resolv.conf to mount over")


def _trust_exists() -> None:
    if not Path("/etc/ssl/certs").is_dir() and not Path("/etc/pki/tls/certs").is_dir():
        raise RuntimeError("there is no directory of certificates to mount over")


def _real_servers() -> None:
    if absent := ", ".join(programs.missing()):
        raise RuntimeError(f"not installed: {absent}")


def _hosts() -> None:
    wanted = ("sshd", "ssh", "sudo", "busybox", "podman", "crun")
    if absent := ", ".join(name for name in wanted if shutil.which(name) is None):
        raise RuntimeError(f"not installed: {absent}")
    if os.geteuid():
        raise RuntimeError("this is not root")


def _whole_lab() -> None:
    started = time.monotonic()
    code = run.run(RIGHT, play, ["true"], os.environ)
    if code:
        raise RuntimeError(f"an empty run ended with {code}")
    if time.monotonic() - started > 3.0:
        raise RuntimeError("an empty run took more than 3 s")


def _inside(action: Callable[[], None]) -> None:
    def steps() -> None:
        linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS)
        mounts.private_root()
        action()

    run.enter_namespaces()
    _in_child(steps)


def _in_child(action: Callable[[], None]) -> None:
    """Run `action` as PID 1 of the namespace just made, and pass its exception on as text."""
    problem = _problem(Check(needs="", look=lambda: _dying(action), remedy=""))
    if problem is not None:
        raise RuntimeError(problem)


def _dying(action: Callable[[], None]) -> None:
    linux.die_with_parent(signal.SIGKILL)
    action()


_FOUNDATIONS = (_make_namespaces, _make_mounts)
"""Checks without which the later ones can only fail."""

CHECKS = (
    Check(needs="dnspython", look=_module("dns"), remedy="pip install dnspython"),
    Check(needs="cryptography", look=_module("cryptography"), remedy="pip install cryptography"),
    Check(needs="ip (iproute2)", look=_program("ip"), remedy="apt install iproute2, and /usr/sbin on PATH"),
    Check(needs="nft (nftables)", look=_program("nft"), remedy="apt install nftables, and /usr/sbin on PATH"),
    Check(needs="/etc/resolv.conf", look=_resolver_exists, remedy="create it, even empty"),
    Check(needs="a system trust store", look=_trust_exists, remedy="apt install ca-certificates"),
    Check(
        needs="user, PID, mount and network namespaces",
        look=_make_namespaces,
        remedy="run as root, or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, "
        "kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces",
    ),
    Check(
        needs="its own /proc and /run",
        look=_make_mounts,
        remedy="containers that mask /proc forbid this: run with --security-opt unmask=ALL, or privileged",
    ),
    Check(
        needs="veth links, routes, IPv6 and nftables in namespaces",
        look=_make_network,
        remedy="the kernel needs veth, nf_tables, nf_conntrack and IPv6: modprobe veth nf_tables nf_conntrack",
    ),
    Check(
        needs="real servers (--servers real)",
        look=_real_servers,
        remedy="lab/install-daemons installs them; without them the embedded servers play everything",
        optional=True,
    ),
    Check(
        needs="hosts to visit (--nodes, --cast, --containers)",
        look=_hosts,
        remedy="run as root; lab/install-daemons installs them; without them the suite looks from this machine alone",
        optional=True,
    ),
    Check(needs="a whole lab in less than 3 s", look=_whole_lab, remedy="see the message above"),
)
