"""What a Kubernetes node would leave on this machine, kept away from it.

Rules
* Mounts are made in the lab's own mount namespace and end with it.
* What the node writes to paths of its own choice (/var/lib, /var/log, kernel settings) is covered first.
* Control groups are the machine's, whoever looks: those of the node lie below one of our own, which is removed at the
  end, and at the next start where the end was a kill.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
GROUP = "netcompliance-kubernetes"
CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd")
KERNEL_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""What kubelet sets for the whole machine."""
PATIENCE = 10.0
"""Seconds for processes that were killed to be gone."""


class Unsuitable(Exception):
    """This machine cannot be a node."""


def cover(state: Path) -> None:
    """Let what is written to the machine's directories and settings go to `state`, or nowhere."""
    _mount("-t", "tmpfs", "logs", "/var/log")
    for part in ("upper", "work"):
        (state / "var-lib" / part).mkdir(parents=True)
    layers = f"lowerdir=/var/lib,upperdir={state}/var-lib/upper,workdir={state}/var-lib/work"
    _mount("-t", "overlay", "-o", layers, "var-lib", "/var/lib")
    for name in KERNEL_SETTINGS:
        setting = Path("/proc/sys") / name
        copied = state / "settings" / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_text(setting.read_text())
        _mount("--bind", str(copied), str(setting))


@contextlib.contextmanager
def control_groups() -> Iterator[None]:
    """The machine's control groups where programs look for them, with `GROUP` in each. Raises `Unsuitable`."""
    if not any(":memory:" in line for line in Path("/proc/self/cgroup").read_text().splitlines()):
        raise Unsuitable("this needs control groups of version 1 (systemd.unified_cgroup_hierarchy=0 at boot)")
    _mount("-t", "tmpfs", "cgroup", str(GROUPS))
    for controller in CONTROLLERS:
        (GROUPS / controller).mkdir()
        options = "none,name=systemd" if controller == "systemd" else controller
        _mount("-t", "cgroup", "-o", options, "cgroup", str(GROUPS / controller))
    _remove_groups()
    for controller in CONTROLLERS:
        (GROUPS / controller / GROUP).mkdir()
    try:
        yield
    finally:
        _remove_groups()


def _remove_groups() -> None:
    for controller in CONTROLLERS:
        own = GROUPS / controller / GROUP
        for folder in sorted((path for path in (own, *own.rglob("*")) if path.is_dir()), reverse=True):
            _end_processes(folder)
            _remove(folder)


def _end_processes(folder: Path) -> None:
    for pid in (folder / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _remove(folder: Path) -> None:
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)
        else:
            return


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unsuitable(done.stderr.strip())
