"""sshd and ssh of the lab: keys, configurations, and one server process per host."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from lab import linux, mounts
from lab.backend import BackendError, Stage

LOOPBACK = "127.0.0.1"
PATIENCE = 20.0
"""Seconds within which all servers must answer."""
CLIENT_CONFIGURATION = Path("/etc/ssh/ssh_config")
ACCOUNTS = (
    # name, user id, home, shell
    ("box", 0, "/", "/bin/sh"),
    ("nologin", 7001, "/", "/usr/sbin/nologin"),
    ("deploy", 7002, "{home}", "/bin/bash"),
    ("operator", 7003, "{home}", "/bin/bash"),
)
SUDOERS = "Defaults !lecture\nroot ALL=(ALL) ALL\ndeploy ALL=(ALL) NOPASSWD: ALL\noperator ALL=(ALL) ALL\n"


class Key:
    """An ed25519 key in the files that OpenSSH wants."""

    def __init__(self, path: Path) -> None:
        key = Ed25519PrivateKey.generate()
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        path.chmod(0o600)
        self.path = path
        self.public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


class Ssh:
    """The hosts' servers, and the client configuration that knows them."""

    def __init__(self, stage: Stage, environment: Iterable[tuple[str, str]]) -> None:
        self._sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")
        if self._sshd is None or not CLIENT_CONFIGURATION.exists():
            raise BackendError("ssh hosts need sshd and ssh: lab/install-daemons installs what is missing")
        self._stage = stage
        self.directory = stage.directory / "ssh"
        self.directory.mkdir(mode=0o755)
        Path("/run/sshd").mkdir(exist_ok=True)
        self.user = Key(self.directory / "id")
        self.stranger = Key(self.directory / "stranger")
        (self.directory / "authorized_keys").write_text(self.user.public + "\n")
        self._environment = {name: value.replace("{lab}", str(stage.directory)) for name, value in environment}
        self._known: list[str] = []
        self._hosts: list[str] = []
        self._waiting: list[tuple[str, str, int]] = []
        self._accounts()

    def serve(
        self,
        name: str,
        address: str,
        *,
        port: int = 22,
        options: Sequence[str] = (),
        environment: bytes = b"",
        enter: Callable[[], None] = lambda: None,
    ) -> Key:
        """Start a server as host `name`. `enter` runs in its process first, to change namespaces."""
        key = Key(self.directory / f"{name}.key")
        variables = b" ".join(f'"{variable}={value}"'.encode() for variable, value in self._environment.items())
        configuration = self.directory / f"{name}.conf"
        lines = (
            f"ListenAddress {address}:{port}",
            f"HostKey {key.path}",
            f"AuthorizedKeysFile {self.directory}/authorized_keys",
            "StrictModes no",
            "UsePAM no",
            "PermitRootLogin prohibit-password",
            "PidFile none",
            "PrintMotd no",
            "UseDNS no",
            "MaxStartups 500",
            *options,
        )
        set_environment = b" ".join(part for part in (variables, environment) if part)
        configuration.write_bytes(
            "\n".join(lines).encode() + b"\n" + (b"SetEnv " + set_environment + b"\n" if set_environment else b"")
        )
        self._fork(name, [str(self._sshd), "-D", "-e", "-f", str(configuration)], enter)
        self._waiting.append((name, address, port))
        return key

    def know(self, address: str, key: Key, port: int = 22) -> None:
        """Enter a server's key into the client's known hosts."""
        self._known.append(f"{address if port == 22 else f'[{address}]:{port}'} {key.public}")

    def name(self, name: str, **options: object) -> None:
        """Let the client know a host under this name."""
        self._hosts.append("\n".join([f"Host {name}", *(f"  {key} {value}" for key, value in options.items())]))

    def wait(self) -> None:
        """Write the client's configuration, and wait until every server answers."""
        known = self.directory / "known_hosts"
        known.write_text("".join(f"{line}\n" for line in self._known))
        everywhere = f"Host *\n  UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n  User root"
        login = f"Host * !no-auth\n  IdentityFile {self.user.path}\n  IdentitiesOnly yes"
        configuration = self.directory / "ssh_config"
        configuration.write_text("\n".join([*self._hosts, everywhere, login]) + "\n")
        linux.mount(str(configuration), str(CLIENT_CONFIGURATION), flags=linux.MS_BIND)
        deadline = time.monotonic() + PATIENCE
        for name, address, port in self._waiting:
            while not _answers(address, port):
                if time.monotonic() > deadline:
                    raise BackendError(f"the ssh server of {name} did not start; see {self.directory / name}.out")
                time.sleep(0.01)

    def _fork(self, name: str, command: Sequence[str], enter: Callable[[], None]) -> None:
        pid = os.fork()
        if pid == 0:
            code = 127
            try:
                for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(signum, signal.SIG_IGN)
                os.setsid()
                output = os.open(self.directory / f"{name}.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                enter()
                for descriptor in (1, 2):
                    os.dup2(output, descriptor)
                os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
                for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(signum, signal.SIG_DFL)
                os.execv(command[0], list(command))  # noqa: S606 - sshd, by its path
            except OSError as error:
                print(f"lab: {name}: {error}", flush=True)
            finally:
                os._exit(code)
        self._stage.children[pid] = name

    def _accounts(self) -> None:
        """The machine's accounts, plus the lab's, whose home is empty; root's is, too."""
        home = self.directory / "home"
        home.mkdir()
        home.chmod(0o777)
        users = []
        for line in Path("/etc/passwd").read_text().splitlines():
            fields = line.split(":")
            users.append(":".join([*fields[:5], str(home), "/bin/bash"]) if fields[0] == "root" else line)
        added = [(name, number, where.replace("{home}", str(home)), shell) for name, number, where, shell in ACCOUNTS]
        users += [f"{name}:x:{number}:{number}::{where}:{shell}" for name, number, where, shell in added]
        groups = [f"{name}:x:{number}:" for name, number, *_ in added if number]
        shadow = [f"{name}:*:20000::::::" for name in ("root", *(name for name, *_ in added))]
        self._cover("/etc/passwd", users, 0o644)
        self._cover("/etc/group", [*Path("/etc/group").read_text().splitlines(), *groups], 0o644)
        self._cover("/etc/shadow", shadow, 0o600)
        self._cover("/etc/sudoers", SUDOERS.splitlines(), 0o440)

    def _cover(self, path: str, lines: Iterable[str], mode: int) -> None:
        if Path(path).exists():
            own = self.directory / Path(path).name
            own.write_text("".join(f"{line}\n" for line in lines))
            own.chmod(mode)
            mounts.bind(own, Path(path))


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def run(command: Sequence[str], text: str) -> None:
    """Run a tool of iproute2 or nftables on this input."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackendError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
