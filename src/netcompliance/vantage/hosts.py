"""Where to look from: hosts as pytest-testinfra names them, each with the command that carries a visit there.

testinfra knows how to reach a host (ssh, kubectl, docker, podman, lxc, chroot, Ansible inventories) and every backend
of it ends in `run_local(command, *arguments)`. Replaced on a copy of the backend, that method hands us the command line
instead of running it without limits of time. Nothing is reached here, so all of it can happen before anything is
written.

Rules
* A vantage is named as it was typed, without a password: `ssh://user@node-1:2222`, `kubectl://pod?namespace=monitoring`.
* Nothing may ask a question: ssh gets BatchMode and keep-alives, sudo gets -n, containers get their standard input.
* What the user configured wins: options of `--ssh-extra-args` come first, and ssh obeys the first it is given.
* A password never stands in an argument: it goes to sshpass through its environment.
"""

from __future__ import annotations

import contextlib
import copy
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from netcompliance.config import validation
from netcompliance.config.validation import BadInput
from netcompliance.model import HERE, HostOptions
from netcompliance.vantage.environment import without

if TYPE_CHECKING:
    from testinfra.backend.ansible import AnsibleBackend
    from testinfra.backend.base import BaseBackend

SSH_OPTIONS = (
    "-T -o BatchMode={batch} -o NumberOfPasswordPrompts=1 -o ServerAliveInterval=5 -o ServerAliveCountMax=3 "
    "-o RemoteCommand=none -o LogLevel=INFO"
)
BACKENDS = ("ssh", "local", "docker", "podman", "kubectl", "openshift", "lxc", "chroot", "ansible")
ALIASES = {"safe-ssh": "ssh"}
PATHS = ("chroot", "kubectl", "openshift")
"""Where a name may hold slashes (`chroot:///srv/root`, `kubectl://deployment/agent`), which testinfra would cut off."""
IN_A_VANTAGE = ("namespace", "container", "context", "kubeconfig")
"""What tells two pods of the same name apart."""
OF_INVENTORIES = {"podman": "podman", "containers.podman.podman": "podman"}
"""Ansible's connections that testinfra has a backend for and does not resolve itself."""
STDIN = {
    "docker": ("docker exec ", "docker exec -i "),
    "podman": ("podman exec ", "podman exec -i "),
    "kubectl": ("exec %s -- ", "exec -i %s -- "),
    "openshift": ("exec %s -- ", "exec -i %s -- "),
}
"""Where each command line learns to pass on its standard input."""
MISQUOTED = '="%s"'
"""testinfra quotes twice here, so a path with a blank would not be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A vantage and the way to it."""

    vantage: str
    backend: str = HERE
    """testinfra's name of the kind of connection; for hosts of an inventory, of the one that it resolves to."""
    carrier: tuple[str, ...] = ()
    """The command line that runs the probe's `COMMAND` there; empty: this machine, without anything in between."""
    environment: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)
    """Variables for the carrier. May hold a password."""
    keys: frozenset[str] = frozenset()
    """Variables of this process that hold an API key of any tenant, and are not for the carrier."""

    @property
    def is_here(self) -> bool:
        """This machine, as the user who is running this."""
        return not self.carrier


def read(asked: HostOptions, command: str, keys: frozenset[str] = frozenset()) -> tuple[Host, ...]:
    """Every host that is named, once, in order of name. Raises `BadInput`.

    `command` is what shall run there, a line for a shell; `keys` are the variables here that hold a tenant's API key.
    """
    _check_files(asked)
    found: dict[str, Host] = {}
    with without(keys), _own_programs():
        for spec in _specs(asked):
            for host in _resolved(spec, asked, command):
                if found.setdefault(host.vantage, host) != host:
                    raise BadInput(f"--hosts: {host.vantage} is named twice, with different settings")
    return tuple(replace(found[vantage], keys=keys) for vantage in sorted(found))


def _check_files(asked: HostOptions) -> None:
    """ssh itself would pass over a key that is not there, and Ansible over an inventory."""
    inventory = asked.ansible_inventory
    named = {
        "--ssh-config": asked.ssh_config,
        "--ssh-identity-file": asked.ssh_identity_file,
        "--ansible-inventory": None if inventory is None or "," in inventory else inventory,
    }
    for option, path in named.items():
        if path is not None and not os.path.exists(_home(path) or ""):  # noqa: PTH110 - as the programs read it
            raise BadInput(f"{option} {validation.printable(path)}: no such file")


def _specs(asked: HostOptions) -> list[str]:
    named = [spec.strip() for spec in (asked.hosts or "").split(",") if spec.strip()]
    if not named and asked.hosts is not None:
        raise BadInput("--hosts names no host; write --hosts=ssh://node-1,ssh://node-2")
    if not named:
        named = ["all"] if asked.connection == "ansible" else [HERE]
    _check_logins(named)
    return named


def _check_logins(named: Sequence[str]) -> None:
    """Raises `BadInput` where a comma may have cut a password in two: `anything@host` behind `name:anything`, and no
    scheme says that another host begins there. Neither part is repeated, as each may be half of a password."""
    is_open = False
    for spec in named:
        _, scheme, rest = spec.rpartition("://")
        if is_open and not scheme and "@" in rest:
            raise BadInput(
                "--hosts: a comma in a password has to be written as %2C; where another host begins, write its scheme, "
                "as in --hosts=ssh://node-1:22,ssh://admin@node-2"
            )
        is_open = ":" in rest or (is_open and not scheme)


def _resolved(spec: str, asked: HostOptions, command: str) -> Iterable[Host]:
    shown = validation.printable(validation.hide_password(spec))
    if not spec.isprintable():
        raise BadInput(f"--hosts {shown}: a character that cannot be printed")
    connection, name, given = _parts(spec, asked, shown)
    if connection == HERE:
        yield _here(asked, given, command)
        return
    try:
        backends = [host.backend for host in _testinfra_hosts(spec, connection, name, given, asked)]
    except BadInput:
        raise
    except Exception as error:  # noqa: BLE001 - whatever testinfra or Ansible finds wrong with what was typed
        named = connection != "ansible" or asked.ansible_inventory
        raise BadInput(
            f"--hosts {shown}: {_first_line(error)}{'' if named else '; --ansible-inventory=FILE names it'}"
        ) from None
    if not backends:
        raise BadInput(f"--hosts {shown}: no host of the inventory is called so")
    for backend in backends:
        if connection == "ansible":
            vantage, inner = f"ansible://{backend.hostname}", _inner(cast("AnsibleBackend", backend), asked, shown)
        else:
            vantage, inner = _vantage(connection, name, given), backend
        yield _host(vantage, inner, asked, command)


def _parts(spec: str, asked: HostOptions, shown: str) -> tuple[str, str, dict[str, str]]:
    """Connection, the name it is given, and the settings behind the question mark."""
    scheme, mark, _ = spec.partition("://")
    odd = validation.login_cut_off(spec)
    is_path = scheme in PATHS and odd == "/" and ":" not in spec.partition("://")[2].partition("/")[0]
    if odd and not is_path:
        raise BadInput(
            f"--hosts {validation.printable(validation.hide_login(spec))}: {odd} in a user name or password has to "
            f"be written as %{ord(odd):02X}"
        )
    if not mark:
        is_this_machine = spec in (HERE, "localhost") and asked.connection in (None, HERE)
        connection, name, query = asked.connection or (HERE if is_this_machine else "paramiko"), spec, ""
    else:
        try:
            parts = urlsplit(spec)
            _ = parts.port if scheme not in PATHS else None
        except ValueError:
            raise BadInput(f"--hosts {shown}: not a name like ssh://user@host:22") from None
        connection, name, query = scheme, parts.netloc + (parts.path if scheme in PATHS else ""), parts.query
    connection = ALIASES.get(connection, connection)
    if connection not in BACKENDS:
        bare = "" if mark else f"; write ssh://{shown}"
        raise BadInput(f"--hosts {shown}: {connection!r} is not supported here, only {', '.join(BACKENDS)}{bare}")
    if connection not in PATHS and validation.has_encoded_login(name):
        raise BadInput(
            f"--hosts {validation.printable(validation.hide_login(spec))}: @ and : are written as they are in a name"
        )
    if not name and connection != HERE:
        raise BadInput(f"--hosts {shown}: names no host; write {connection}://NAME")
    if unquote(name).rpartition("@")[2].startswith("-"):
        raise BadInput(f"--hosts {shown}: a host's name does not begin with a dash")
    return connection, name, dict(parse_qsl(query))


def _vantage(connection: str, name: str, given: Mapping[str, str]) -> str:
    kept = "&".join(f"{key}={given[key]}" for key in IN_A_VANTAGE if key in given)
    user, at, host = name.rpartition("@")
    return f"{connection}://{user.partition(':')[0]}{at}{host}{'?' if kept else ''}{kept}"


def _testinfra_hosts(spec: str, connection: str, name: str, given: Mapping[str, str], asked: HostOptions) -> list[Any]:
    import testinfra

    settings: dict[str, Any] = {
        "ssh_config": _home(asked.ssh_config),
        "ssh_identity_file": _home(asked.ssh_identity_file),
        "sudo": asked.sudo or given.get("sudo", "").lower() == "true",
        "sudo_user": asked.sudo_user,
        "ansible_inventory": _home(asked.ansible_inventory),
        "controlpersist": 0,
    }
    if asked.force_ansible or given.get("force_ansible", "").lower() == "true":
        raise BadInput("--force-ansible: a module run by Ansible says nothing before it has ended; leave it out")
    if connection == "ansible" and not shutil.which("ansible-inventory"):
        raise BadInput("an inventory needs Ansible's program ansible-inventory: pip install ansible-core")
    if connection in PATHS:
        settings |= {key: given[key] for key in (*IN_A_VANTAGE, "sudo_user") if key in given}
        return list(testinfra.get_hosts([unquote(name)], connection=connection, **settings))
    if "://" not in spec:
        settings["connection"] = connection
    return list(testinfra.get_hosts([spec], **settings))


def _inner(backend: AnsibleBackend, asked: HostOptions, shown: str) -> BaseBackend:
    """The backend that the inventory resolves a host to."""
    host = backend.ansible_runner.get_host(
        backend.host, ssh_config=_home(asked.ssh_config), ssh_identity_file=_home(asked.ssh_identity_file)
    )
    if host is not None and host.backend.NAME in BACKENDS:
        return host.backend
    known = backend.get_variables()
    kind = str(known.get("ansible_connection", "")) if host is None else host.backend.NAME
    if kind in OF_INVENTORIES:
        return _contained(OF_INVENTORIES[kind], str(known.get("ansible_host", backend.host)), known.get("ansible_user"))
    raise BadInput(
        f"--hosts {shown}: the inventory reaches {backend.host} by {validation.printable(kind) or 'another connection'}"
        f", which is not supported here; name it directly ({', '.join(BACKENDS[:4])}, …)"
    )


def _contained(connection: str, name: str, user: str | None) -> BaseBackend:
    import testinfra

    backend: BaseBackend = testinfra.get_host(f"{connection}://{f'{user}@' if user else ''}{name}").backend
    return backend


@contextlib.contextmanager
def _own_programs() -> Iterator[None]:
    """Let what is installed beside this interpreter be found: `.venv/bin/pytest` is typed without activating .venv."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = f"{before}{os.pathsep}{os.path.dirname(sys.executable)}"  # noqa: PTH120 - not resolved
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _here(asked: HostOptions, given: Mapping[str, str], command: str) -> Host:
    from testinfra.backend.local import LocalBackend

    sudo = asked.sudo or given.get("sudo", "").lower() == "true"
    if not sudo:
        return Host(vantage=HERE)
    user = given.get("sudo_user", asked.sudo_user)
    carrier = ("/bin/sh", "-c", _quietly(LocalBackend(sudo=True, sudo_user=user)).get_command(command))
    return Host(vantage=HERE, carrier=carrier)


def _host(vantage: str, backend: BaseBackend, asked: HostOptions, command: str) -> Host:
    backend = _quietly(backend)
    _refuse_options(vantage, backend)
    environment: dict[str, str] = {}
    kind = ALIASES.get(backend.NAME, backend.NAME)
    if kind == "ssh":
        _prepare_ssh(backend, asked, environment)
    template, arguments = _borrowed(backend, command)
    if template.startswith("sshpass -p %s "):
        template, arguments = template.replace("-p %s", "-e", 1), arguments[1:]
    template = template.replace(*STDIN.get(kind, ("", ""))).replace(MISQUOTED, "=%s")
    line = backend.quote(template, *arguments)
    carrier = ("/bin/sh", "-c", line) if kind == HERE else tuple(shlex.split(line))
    return Host(vantage=vantage, backend=kind, carrier=carrier, environment=environment)


def _refuse_options(vantage: str, backend: Any) -> None:
    """No name reaches a command where it would be read as an option."""
    host = getattr(backend, "host", None)
    names = [getattr(backend, name, None) for name in ("name", "user", "namespace", "container", "context")]
    names += [getattr(host, name, None) for name in ("name", "user", "port")]
    for name in names:
        if str(name or "").startswith("-"):
            raise BadInput(
                f"--hosts {validation.printable(vantage)}: {validation.printable(str(name))!r} begins with a dash, "
                "which commands read as an option; a name begins with a letter or a digit"
            )


def _prepare_ssh(backend: Any, asked: HostOptions, environment: dict[str, str]) -> None:
    password = backend.host.password
    if password:
        environment["SSHPASS"] = password
    inventory = backend.ssh_extra_args or ""
    ours = SSH_OPTIONS.format(batch="no" if password else "yes")
    path = f"-o ControlPath={shlex.quote(backend.controlpath)}" if backend.controlpath else ""
    backend.ssh_extra_args = " ".join(part for part in (asked.ssh_extra_args, inventory, path, ours) if part)


def _quietly(backend: BaseBackend) -> Any:
    """A copy of the backend whose sudo asks no question."""
    copied = copy.copy(backend)

    def get_sudo_command(command: str, sudo_user: str | None) -> str:
        user = f"-u {shlex.quote(sudo_user)} " if sudo_user else ""
        return f"sudo -n {user}/bin/sh -c {shlex.quote(command)}"

    vars(copied)["get_sudo_command"] = get_sudo_command
    return copied


def _borrowed(backend: Any, command: str) -> tuple[str, Sequence[str]]:
    """The command line that would run `command` on the host: a template and its arguments."""
    from testinfra.backend.ssh import SshBackend

    captured: list[tuple[str, Sequence[str]]] = []

    def run_local(template: str, *arguments: str) -> Any:
        captured.append((template, arguments))
        return backend.result(0, b"", b"", b"")

    vars(backend)["run_local"] = run_local
    if isinstance(backend, SshBackend):
        SshBackend.run(backend, command)
    else:
        backend.run(command)
    return captured[-1]


def _home(path: str | None) -> str | None:
    return None if path is None else os.path.expanduser(path)  # noqa: PTH111 - what follows wants a text


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    lines = [line for line in text.splitlines() if line.strip()]
    return validation.printable(lines[0][:300])
