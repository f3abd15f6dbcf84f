"""What a host is sent: does it run under every Python and through every shell, does it keep to the standard library?"""

from __future__ import annotations

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netcompliance.probe import bundle

ONHOST = Path(bundle.__file__).parent / "onhost"
MODULES = sorted(ONHOST.glob("*.py"))
PINNED = Path.home() / ".pyenv" / "versions"


def interpreters() -> dict[str, str]:
    """Every Python from 3.6 on that this machine has, by version."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}
    for minor in range(6, 20):
        name = f"3.{minor}"
        pinned = next(iter(sorted(PINNED.glob(f"{name}.*/bin/python"))), None)
        path = str(pinned) if pinned else shutil.which(f"python{name}")
        if path:
            found.setdefault(name, path)
    return found


def plan(*tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "agent": "test/1",
        "deadline": 10.0,
        "shell_deadline": 10,
        "limits": {"hedge": 0.1, "watch": 0.1},
        "tasks": list(tasks),
        **more,
    }


def start(
    python: str | list[str], asked: dict[str, Any], given: str | None = None, **environment: str
) -> list[dict[str, Any]]:
    """What a run writes, with nothing of ours to import from. `python` may be a whole command."""
    ended = send([python, *bundle.arguments()] if isinstance(python, str) else python, asked, given, **environment)
    assert (ended.returncode, ended.stderr) == (0, b"")
    return [json.loads(line) for line in ended.stdout.splitlines() if line]


def send(
    command: list[str], asked: dict[str, Any], given: str | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command,
        input=bundle.parcel(asked, given),
        capture_output=True,
        timeout=60,
        check=False,
        cwd="/",
        env={"PATH": os.environ["PATH"], **environment},
    )


@pytest.mark.parametrize("version", interpreters())
def test_it_runs_under_this_python_with_nothing_installed(version: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closed = listening.getsockname()[1]
    tasks = (
        {"kind": "outbound", "hosts": ["localhost"]},
        {"kind": "host", "names": ["localhost"]},
        {"kind": "resolve", "names": [{"name": "localhost", "purpose": "bare", "host": "localhost"}]},
        {"kind": "control", "addresses": ["127.0.0.1"], "port": closed},
        {"kind": "endpoint", "id": "tenant", "host": "localhost", "port": closed, "requests": []},
    )
    first, *seen, last = start(interpreters()[version], plan(*tasks), PYTHONPATH="/nonexistent", PYTHONSTARTUP="/x")
    assert first["netcompliance"] == "probe"
    assert (last["kind"], last["finished"]) == ("probe", True)
    kinds = {record["kind"] for record in seen}
    assert {"host", "resolve", "route", "tcp", "firewall", "syn", "sockets"} <= kinds
    assert "fault" not in kinds
    (host,) = [record for record in seen if record["kind"] == "host"]
    assert host["python"].startswith(version)
    refused = [record["error"]["name"] for record in seen if record["kind"] == "tcp" and record["task"] == "control"]
    assert refused == ["ECONNREFUSED"]


NOTHING = {"kind": "host", "names": ["localhost"]}


@pytest.mark.parametrize("shell", ["sh", "bash", "busybox ash", "zsh", "ksh", "fish", "tcsh"])
def test_the_command_passes_through_this_login_shell(shell: str) -> None:
    program, *applet = shell.split()
    if shutil.which(program) is None:
        assert program not in ("sh", "bash"), f"{program} is missing"
        pytest.skip(f"{program} is not installed")
    first, *_, last = start([program, *applet, "-c", bundle.COMMAND], plan(NOTHING))
    assert (first["netcompliance"], last["kind"]) == ("probe", "probe")


def test_the_command_is_short_and_of_one_line() -> None:
    assert len(bundle.COMMAND) < 1000
    assert not set(bundle.COMMAND) & set("\n!")


def interpreters_in(directory: Path, **programs: str) -> dict[str, str]:
    """A PATH in which only these programs are, each a shell script."""
    for name, text in programs.items():
        (directory / name).write_text(f"#!/bin/sh\n{text}\n")
        (directory / name).chmod(0o755)
    return {"PATH": str(directory)}


def searching(directory: Path) -> list[str]:
    """The command, with the Pythons of the machine out of its sight."""
    hidden = bundle.COMMAND
    for path in ("/usr/bin/", "/usr/libexec/", "/usr/local/bin/"):
        hidden = hidden.replace(f" {path}", f" {directory}{path}")
    return ["/bin/sh", "-c", hidden]


@pytest.mark.parametrize("unfit", ["exit 97", "echo 'Unknown option: -I' >&2; exit 2", "exit 127"])
def test_an_interpreter_that_is_unfit_leaves_the_parcel_to_the_next(tmp_path: Path, unfit: str) -> None:
    path = interpreters_in(tmp_path, python3=unfit, python=f'exec {sys.executable} "$@"')
    ended = send(searching(tmp_path), plan(NOTHING), **path)
    assert b'{"netcompliance":"probe"' in ended.stdout
    assert b'"kind":"probe"' in ended.stdout


@pytest.mark.parametrize("sh", ["sh", "bash", "busybox sh"])
def test_where_every_interpreter_is_unfit_a_shell_looks(tmp_path: Path, sh: str) -> None:
    names = [name for name in bundle.PYTHONS.split() if "/" not in name]
    path = interpreters_in(tmp_path, **dict.fromkeys(names, f"exit {bundle.UNFIT}"))
    searched = [*sh.split(), *searching(tmp_path)[1:]]
    searched[-1] = searched[-1].replace("/bin/sh -c", f"{sh} -c", 1)
    first, *_, last = start(searched, plan(NOTHING), **{**path, "PATH": f"{path['PATH']}:{os.environ['PATH']}"})
    assert (first["netcompliance"], last["with"], last["finished"]) == ("probe", "sh", True)


def test_an_interpreter_that_fails_half_way_is_not_followed_by_another(tmp_path: Path) -> None:
    path = interpreters_in(tmp_path, python3="exit 1", python=f'exec {sys.executable} "$@"')
    ended = send(searching(tmp_path), plan(NOTHING), **path)
    assert (ended.returncode, ended.stdout) == (1, b"")


def test_what_does_not_pass_on_standard_input_is_told_by_its_exit_code(tmp_path: Path) -> None:
    for command in ([sys.executable, *bundle.arguments()], ["/bin/sh", "-c", bundle.COMMAND], searching(tmp_path)):
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        assert ended.returncode == bundle.NO_INPUT


def test_another_version_compiles_the_sources_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle.importlib.util, "MAGIC_NUMBER", b"no such")
    *_, last = start(sys.executable, plan(NOTHING))
    assert last["kind"] == "probe"


WHERE = {"file": "{file}", "env": "A_KEY"}


@pytest.mark.parametrize(
    ("where", "source"),
    [
        (("given", "file", "env"), "standard input"),
        (("file", "env"), "file {file}"),
        (("env",), "environment variable A_KEY"),
        ((), None),
    ],
)
def test_the_key_is_found_on_the_host_and_only_its_place_is_told(
    tmp_path: Path, where: tuple[str, ...], source: str | None
) -> None:
    secret = "a-secret-key"
    file = tmp_path / "key"
    file.write_text(secret + "\n", encoding="utf-8")
    told: dict[str, Any] = {name: file if name == "file" else WHERE[name] for name in where if name != "given"}
    asked = plan({"kind": "host", "names": ["localhost"]}, key=json.loads(json.dumps(told, default=str)))
    assert secret not in bundle.COMMAND
    seen = start(sys.executable, asked, secret if "given" in where else None, A_KEY=secret)
    (host,) = [record for record in seen if record.get("kind") == "host"]
    assert host["key"] == (None if source is None else {"from": source.format(file=file)})
    assert secret not in json.dumps(seen)


def test_the_trust_store_of_the_environment_counts_although_its_python_variables_do_not(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    store = {"SSL_CERT_FILE": str(empty), "SSL_CERT_DIR": str(tmp_path)}
    seen = start(sys.executable, plan({"kind": "host", "names": ["localhost"]}), **store)
    (host,) = [record for record in seen if record.get("kind") == "host"]
    assert host["trust"] == {"source": f"SSL_CERT_FILE={empty} SSL_CERT_DIR={tmp_path}", "certificates": 0}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_module_imports_the_standard_library_and_its_siblings_alone(module: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module or "")
    foreign = {
        name
        for name in imported
        if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith(bundle.PACKAGE)
    }
    assert not foreign


def test_the_syntax_and_library_of_python_3_6_are_enough() -> None:
    vermin = shutil.which("vermin", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if vermin is None:
        pytest.skip("vermin is not installed")
    ended = subprocess.run([vermin, "-t=3.6-", "--no-tips", str(ONHOST)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
