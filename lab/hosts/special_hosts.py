"""Hosts that are out of the ordinary, one of each kind, all in the network of the host under test.

They are reached over loopback.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab import linux, mounts
from lab.backend import BackendError
from lab.hosts.ssh import LOOPBACK, Ssh

NOBODY = "192.0.2.77"
"""Nobody has this address, and the router drops what is sent there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A line of `python -m lab hosts`."""

    hosts: str
    """As it is written in --hosts."""
    what: str
    comes_of_it: str


ORDINARY = (
    Member(
        hosts="ssh://lab-host",
        what="this machine itself, over ssh (with --nodes or --cast)",
        comes_of_it="the same verdicts as locally",
    ),
    Member(
        hosts="ssh://node-1 … ssh://node-N",
        what="ordinary hosts with networks of their own (--nodes N)",
        comes_of_it="the same verdicts as from this machine",
    ),
)
MEMBERS = (
    Member(
        hosts="ssh://bare",
        what="bash, curl and openssl, and no Python",
        comes_of_it="the same verdicts, or not checked: install python3",
    ),
    Member(
        hosts="ssh://busybox",
        what="busybox and nothing else",
        comes_of_it="little can be seen; the rest is not checked",
    ),
    Member(
        hosts="ssh://noisy", what="banner and start files that talk, in no encoding", comes_of_it="as from any host"
    ),
    Member(hosts="ssh://loaded", what="a host that is busy", comes_of_it="as from any host, later"),
    Member(hosts="ssh://full", what="no space left on any disk", comes_of_it="as from any host"),
    Member(hosts="ssh://read-only", what="every file system is read-only", comes_of_it="as from any host"),
    Member(hosts="ssh://weird", what="host name and environment are no UTF-8", comes_of_it="as from any host"),
    Member(hosts="ssh://sudo-ok?sudo=true", what="sudo without a password", comes_of_it="as from any host"),
    Member(hosts="ssh://sudo-password?sudo=true", what="sudo that asks", comes_of_it="Error: sudo asks for a password"),
    Member(hosts="ssh://nologin", what="an account without a shell", comes_of_it="Error: no shell"),
    Member(hosts="ssh://no-auth", what="does not accept our key", comes_of_it="Error: refused the login"),
    Member(hosts="ssh://changed-key", what="shows another key than is known", comes_of_it="Error: another key"),
    Member(hosts="ssh://new-key", what="shows a key that is not known", comes_of_it="Error: key is not known"),
    Member(hosts="ssh://refused", what="nothing listens", comes_of_it="Error: refuses connections"),
    Member(hosts="ssh://filtered", what="packets to it are dropped", comes_of_it="Error: nothing answers"),
    Member(hosts="ssh://unknown-name", what="a name that does not resolve", comes_of_it="Error: cannot resolve"),
    Member(hosts="ssh://silent", what="accepts and never speaks", comes_of_it="Error: never speaks ssh"),
    Member(hosts="ssh://mute", what="logs in, and the command never speaks", comes_of_it="Error: came to no answer"),
    Member(
        hosts="ssh://cut", what="the connection breaks during the visit", comes_of_it="Error: the connection was cut"
    ),
    Member(
        hosts="ssh://truncated",
        what="the output ends in the middle",
        comes_of_it="Error: arrived cut",
    ),
)
_ORIGINAL = 'exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
_PROGRAMS = ("/usr/bin", "/usr/local/bin", "/usr/libexec", "/bin", "/usr/sbin", "/opt/bin")


def names() -> tuple[str, ...]:
    """The members by name."""
    return tuple(member.hosts.removeprefix("ssh://").partition("?")[0] for member in MEMBERS)


def start(ssh: Ssh, wanted: Collection[str]) -> None:
    """Start the servers of these members, and tell the client about those that nobody serves."""
    (ssh.directory / "banner").write_bytes(b"Authorised use only. Unauthorized access is prohib\xefted.\n")
    (ssh.directory / "noise").write_bytes(b"Welcome to lab-host\n{not json}\n\xff\xfe\xe4\xf6\xfc\nlast login: never")
    serve = _Server(ssh, wanted)
    serve("bare", enter=_without_python)
    if "busybox" in wanted:
        serve("busybox", f"ChrootDirectory {_busybox_root(ssh.directory / 'busybox')}", user="box")
    serve("noisy", f"Banner {ssh.directory}/banner", f"ForceCommand cat {ssh.directory}/noise; {_ORIGINAL}")
    serve("loaded", f"ForceCommand for n in 1 2 3 4; do timeout 8 yes >/dev/null & done; nice -n 19 {_shell()}")
    serve("full", enter=_with_full_disks)
    serve("read-only", enter=_all_read_only)
    serve("weird", environment=b'"LC_NAME=caf\xe9"', enter=_with_a_weird_name)
    serve("mute", "ForceCommand exec sleep 600")
    serve("truncated", f"ForceCommand {_shell()} | head -c 5000")
    serve("cut", f"ForceCommand {_shell()} | head -c 5000; kill -9 $PPID")
    for name, user in (("sudo-ok", "deploy"), ("sudo-password", "operator"), ("nologin", "nologin")):
        ssh.name(name, HostName=LOOPBACK, User=user)
    ssh.know("changed-key", ssh.stranger)
    ssh.name("no-auth", HostName=LOOPBACK, IdentityFile=ssh.stranger.path, IdentitiesOnly="yes")
    for name in ("changed-key", "new-key"):
        ssh.name(name, HostName=LOOPBACK, HostKeyAlias=name)
    ssh.name("refused", HostName=LOOPBACK, Port=1)
    ssh.name("filtered", HostName=NOBODY)
    ssh.name("silent", HostName=LOOPBACK, Port=_listen_without_a_word())


class _Server:
    """Starts the servers that are wanted, on one port after the other, each known under its name."""

    def __init__(self, ssh: Ssh, wanted: Collection[str]) -> None:
        self._ssh = ssh
        self._wanted = wanted
        self._port = 2200

    def __call__(
        self,
        name: str,
        *options: str,
        user: str = "root",
        environment: bytes = b"",
        enter: Callable[[], None] = lambda: None,
    ) -> None:
        if name not in self._wanted:
            return
        self._port += 1
        key = self._ssh.serve(
            name, LOOPBACK, port=self._port, options=options, environment=environment, enter=partial(_own_mounts, enter)
        )
        self._ssh.know(name, key)
        self._ssh.name(name, HostName=LOOPBACK, Port=self._port, User=user, HostKeyAlias=name)


def _shell() -> str:
    return '/bin/sh -c "$SSH_ORIGINAL_COMMAND"'


def _own_mounts(then: Callable[[], None]) -> None:
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS)
    then()


def _without_python() -> None:
    """Nothing that is called python can be run any more."""
    directories = [Path(name) for name in dict.fromkeys((*_PROGRAMS, *os.environ.get("PATH", "").split(":"))) if name]
    nothing = mounts.DIRECTORY / "no-program"
    nothing.touch(mode=0o000)
    for path in {path.resolve() for directory in directories for path in directory.glob("*python*")}:
        if path.is_file():
            mounts.bind(nothing, path)


def _with_full_disks() -> None:
    for name in ("/tmp", "/var/tmp", "/dev/shm", "/home", "/root"):  # noqa: S108 - the point is that they are full
        if Path(name).is_dir():
            linux.mount("tmpfs", name, "tmpfs", 0, "size=4k,mode=1777")
            with suppress(OSError):
                Path(name, "full").write_bytes(bytes(1 << 16))


def _all_read_only() -> None:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in dict.fromkeys(points):
        if not point.startswith(("/proc", "/dev", "/sys")):
            with suppress(OSError):
                linux.mount("none", point, flags=linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY)


def _with_a_weird_name() -> None:
    linux.set_host_name(b"n\xf6de-\xff")


def _busybox_root(root: Path) -> Path:
    """A root directory with busybox alone, and what belongs to the host rather than to its programs."""
    root.mkdir()
    busybox_programs(root)
    for name in ("etc/ssl/certs", "dev", "proc", "tmp", "run"):
        (root / name).mkdir(parents=True)
    for name in ("etc/resolv.conf", "etc/hosts", "etc/nsswitch.conf", "etc/passwd"):
        if Path("/", name).exists():
            (root / name).touch()
            mounts.bind(Path("/", name), root / name)
    for name in ("dev", "proc", "etc/ssl/certs"):
        linux.mount(f"/{name}", str(root / name), flags=linux.MS_BIND | linux.MS_REC)
    return root


def busybox_programs(root: Path) -> Path:
    """Put busybox, under all of its names, into the /bin of a root directory."""
    found = shutil.which("busybox", path="/bin:/usr/bin")
    if found is None:
        raise BackendError("a host with busybox needs busybox: lab/install-daemons installs what is missing")
    directory = root / "bin"
    if directory.is_symlink():
        directory.unlink()
    directory.mkdir()
    program = directory / "busybox"
    shutil.copy(found, program)
    listed = subprocess.run([program, "--list"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise BackendError(f"{found} needs libraries: install busybox-static, as lab/install-daemons does")
    for applet in listed.stdout.split():
        if applet != "busybox":
            (directory / applet).symlink_to("busybox")
    return root


def _listen_without_a_word() -> int:
    """A socket that accepts, as long as this process lives, and that nobody serves."""
    listening = socket.create_server((LOOPBACK, 0), backlog=100)
    _KEPT.append(listening)
    port: int = listening.getsockname()[1]
    return port


_KEPT: list[socket.socket] = []
