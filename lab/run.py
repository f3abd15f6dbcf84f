"""Entering the lab: three processes between the caller and COMMAND.

* The *keeper* is the process that was started. It makes the PID namespace (and, without root, the user namespace),
  passes signals on, and ends with COMMAND's exit code.
* *PID 1* of the lab makes the rest: mounts, network, certificates, servers. It reaps. When it ends, however it ends,
  the kernel kills every process in the lab and with the last one all mounts and networks are gone. It asks the kernel
  to be killed with the keeper, so a SIGKILL there cleans up too.
* COMMAND has a process group of its own and the terminal, if the keeper had it; so Ctrl-C reaches COMMAND once.

Exit codes: COMMAND's own; 128 + n when signal n ended it; `LAB_FAILED` when the lab itself could not be built.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import select
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from lab import hosts, interruptions, linux, mounts, network
from lab.backend import Backend, BackendError, Stage
from lab.pki import Pki
from lab.world import World

LAB_FAILED = 3
HOST_NAME = "lab-host"
LAB_VARIABLE = "NETCOMPLIANCE_LAB"
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_UNSET = frozenset(
    {
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "ftp_proxy",
        "ssl_cert_file",
        "ssl_cert_dir",
        "requests_ca_bundle",
        "curl_ca_bundle",
        "pip_cert",
        "res_options",
        "localdomain",
        "hostaliases",
        "sts_api_key",
    }
)


Execute = Callable[[Sequence[str], Mapping[str, str]], int]
"""What becomes of a process that has been forked for a command, with its environment: the exit code, if it returns."""


def execute(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Become the command; the exit code where that cannot be."""
    try:
        os.execvpe(command[0], list(command), dict(environment))  # noqa: S606 - COMMAND is what the user typed
    except OSError as error:
        print(f"lab: {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return 126


def run(
    world: World,
    backend: Backend,
    command: Sequence[str],
    environment: Mapping[str, str],
    wanted: hosts.Wanted = hosts.NONE,
    execute: Execute = execute,
) -> int:
    """Play `world`, run `command` in it as the host, and give its exit code. `wanted` are hosts beside it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        enter_namespaces()
    except OSError as error:
        print(f"lab: {error}; python -m lab doctor says what this machine lacks", file=sys.stderr)
        return LAB_FAILED
    alive_reading, alive_writing = os.pipe()
    had_terminal = _has_terminal()
    pid = os.fork()
    if pid == 0:
        os.close(alive_writing)
        code = LAB_FAILED
        try:
            code = _first_process(
                world, backend, command, environment, alive_reading, wanted, execute, had_terminal=had_terminal
            )
        except (BackendError, OSError, RuntimeError) as error:
            print(f"lab: {error}", file=sys.stderr)
        except Exception:  # noqa: BLE001 - os._exit would swallow it
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(alive_reading)
    _pass_on(lambda number: os.kill(pid, number))
    _, status = os.waitpid(pid, 0)
    if had_terminal:
        _take_terminal(os.getpgrp())
    return _exit_code(status)


def enter_namespaces() -> None:
    """Make a PID namespace for this process's children; without the right to, a user namespace first."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        with contextlib.suppress(PermissionError):
            linux.unshare(linux.CLONE_NEWPID)
            return
    linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWPID)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def command_environment(outer: Mapping[str, str], world: World) -> dict[str, str]:
    """What COMMAND inherits: everything but proxy, TLS and resolver variables, plus what the world says."""
    kept = {name: value for name, value in outer.items() if name.lower() not in _UNSET}
    own = {name: value.replace("{lab}", str(mounts.DIRECTORY)) for name, value in world.host.environment}
    return kept | {LAB_VARIABLE: str(mounts.DIRECTORY)} | own


def _first_process(
    world: World,
    backend: Backend,
    command: Sequence[str],
    environment: Mapping[str, str],
    alive: int,
    wanted: hosts.Wanted,
    execute: Execute,
    *,
    had_terminal: bool,
) -> int:
    linux.die_with_parent(signal.SIGKILL)
    if select.select([alive], [], [], 0)[0]:
        return LAB_FAILED
    certifis = mounts.certifi_bundles(command)
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS)
    linux.set_host_name(HOST_NAME)
    mounts.private_root()
    network.build(world)
    mounts.own_sysfs()
    mounts.resolver_files(world.host)
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=world.clock_offset)
    pki = Pki(mounts.DIRECTORY / "pki", now)
    mounts.trust_stores(pki, world.host.trusts, certifis)
    for file in world.files:
        (mounts.DIRECTORY / file.name).write_text(file.text)
    stage = Stage(directory=mounts.DIRECTORY, pki=pki)
    backend(world, stage)
    interruptions.start(world, stage)
    hosts.start(wanted, world, stage)
    return _run_command(command, environment, stage, execute, had_terminal=had_terminal)


def _run_command(
    command: Sequence[str], environment: Mapping[str, str], stage: Stage, execute: Execute, *, had_terminal: bool
) -> int:
    if shutil.which(command[0], path=environment.get("PATH")) is None:
        print(f"lab: {command[0]}: command not found", file=sys.stderr)
        return 127
    with _blocked(_PASSED_ON):
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            if had_terminal:
                _take_terminal(os.getpgrp())
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
            code = LAB_FAILED
            try:
                code = execute(command, environment)
            except BaseException:  # noqa: BLE001 - os._exit would swallow it
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpgid(pid, pid)
        _pass_on(lambda number: _signal_group(pid, number))
    return _reap_until(pid, stage)


def _reap_until(command: int, stage: Stage) -> int:
    """Wait for COMMAND, reaping all else. A stopped COMMAND goes on: nobody here could bring it back."""
    while True:
        pid, status = os.waitpid(-1, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            if pid == command:
                _signal_group(command, signal.SIGCONT)
        elif pid == command:
            return _exit_code(status)
        elif pid in stage.children:
            print(f"lab: the {stage.children[pid]} servers ended too early", file=sys.stderr)


def _pass_on(send: Callable[[int], None]) -> None:
    """Hand signals to `send`; those that the caller ignores (nohup, background jobs) stay ignored."""
    for signum in _PASSED_ON:
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, lambda number, _frame: send(number))


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _signal_group(pid: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signum)


def _has_terminal() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _take_terminal(group: int) -> None:
    """Make `group` the terminal's foreground group; asking from the background must not stop us."""
    with _blocked((signal.SIGTTOU,)), contextlib.suppress(OSError):
        os.tcsetpgrp(0, group)


@contextlib.contextmanager
def _blocked(signals: Sequence[signal.Signals]) -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
