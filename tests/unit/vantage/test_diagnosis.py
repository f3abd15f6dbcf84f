"""Trouble on the way to a host, told apart by what the real programs say. The messages are theirs, word for word."""

from __future__ import annotations

import shlex

import pytest

from netcompliance.journal.redact import Redactor
from netcompliance.vantage import diagnosis
from netcompliance.vantage.hosts import Host
from netcompliance.vantage.probe_process import Ending

SSH_BANNER = "Authorized users only. Unauthorized access is prohibited; sudo is logged. Broken pipe fitters welcome.\n"
OCI = (
    'Error: runc: runc create failed: unable to start container process: exec: "/bin/sh": stat /bin/sh: no such '
    "file or directory: OCI runtime attempted to invoke a command that was not found\n"
)


def cause(backend: str, errors: str = "", noise: str = "", *, begun: bool = False, code: int | None = 1) -> str:
    ending = Ending(code=code, begun=begun, errors=errors, noise=noise, why="ended")
    found = diagnosis.diagnosed(Host(vantage=f"{backend}://x", backend=backend, carrier=("x",)), ending)
    assert found.remedy
    return found.cause


@pytest.mark.parametrize(
    ("backend", "errors", "expected"),
    [
        ("ssh", "ssh: Could not resolve hostname x: Name or service not known", "cannot resolve the host's name x"),
        ("ssh", "ssh: connect to host x port 22: Connection refused", "refuses connections to its ssh port 22"),
        ("ssh", "ssh: connect to host x port 22: Connection timed out", "nothing answers at the host's ssh port 22"),
        ("ssh", "ssh: connect to host x port 2222: No route to host", "no way to the host's ssh port 2222"),
        ("ssh", "op@x: Permission denied (publickey,password).", "refused the login"),
        (
            "ssh",
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
            "showed another key than the one that is known",
        ),
        ("ssh", "Host key verification failed.", "key is not known on this machine"),
        (
            "ssh",
            "Connection timed out during banner exchange\nConnection to 10.0.0.1 port 22 timed out",
            "never speaks",
        ),
        (
            "ssh",
            "kex_exchange_identification: Connection closed by remote host",
            "closed the connection before the login",
        ),
        ("ssh", "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures", "after too many keys"),
        ("ssh", "command-line: line 0: Bad configuration option: nonsense", "refuses its own configuration"),
        ("ssh", "Timeout, server x not responding.", "cut during the visit"),
        ("ssh", "Connection to x closed by remote host.", "cut during the visit"),
        ("ssh", "client_loop: send disconnect: Broken pipe", "cut during the visit"),
        ("ssh", "packet_write_wait: Connection to 10.0.0.1 port 22: Broken pipe", "cut during the visit"),
        ("ssh", "Connection reset by 10.0.0.1 port 22", "cut during the visit"),
        ("ssh", "sudo: a password is required", "sudo asks for a password"),
        (
            "ssh",
            "sudo: a terminal is required to read the password; either use the -S option",
            "sudo asks for a password",
        ),
        ("ssh", "op is not in the sudoers file.", "sudo does not let this user"),
        ("docker", "Error response from daemon: No such container: x", "no container of that name"),
        ("docker", "Error response from daemon: container 0a is not running", "the container does not run"),
        ("docker", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "engine cannot be reached"),
        ("podman", 'Error: no container with name or ID "x" found: no such container', "no container of that name"),
        (
            "podman",
            "Error: can only create exec sessions on running containers: container state improper",
            "does not run",
        ),
        ("podman", OCI, "there is no shell in it"),
        (
            "docker",
            'OCI runtime exec failed: exec failed: exec: "/bin/sh": stat /bin/sh: no such file or directory',
            "no shell",
        ),
        ("kubectl", 'Error from server (NotFound): pods "x" not found', 'no such name: pods "x"'),
        (
            "kubectl",
            "Error from server (BadRequest): container c is not valid for pod x",
            "no such running container (c)",
        ),
        ("kubectl", 'error: unable to upgrade connection: container not found ("c")', "no such running container (c)"),
        (
            "kubectl",
            'Error from server (Forbidden): pods "x" is forbidden: User "u" cannot create resource "pods/exec"',
            "does not let this user run commands",
        ),
        (
            "kubectl",
            "error: You must be logged in to the server (Unauthorized)",
            "did not accept this user's credentials",
        ),
        (
            "kubectl",
            'Error from server (Forbidden): User "u" cannot get resource "pods" in API group ""',
            "see the pod",
        ),
        (
            "kubectl",
            "Unable to connect to the server: x509: certificate signed by unknown authority",
            "is not trusted here",
        ),
        ("kubectl", "command terminated with exit code 137", "was killed"),
        ("kubectl", "Error from server: error dialing backend: dial tcp: lookup n: no such host", "could not carry"),
        ("kubectl", 'error: context "x" does not exist', "which cluster is meant"),
        ("kubectl", "The connection to the server 10.0.0.1:6443 was refused", "API server cannot be reached"),
        (
            "kubectl",
            "Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout",
            "API server cannot be reached",
        ),
        (
            "kubectl",
            "error: cannot exec into a container in a completed pod; current phase is Succeeded",
            "does not run",
        ),
        ("kubectl", "error: error sending request: Post ... unexpected EOF", "could not carry the connection"),
        (
            "chroot",
            "chroot: cannot change root directory to '/x': No such file or directory",
            "may not change its root",
        ),
        ("ssh", "bash: fork: retry: Resource temporarily unavailable", "no room for another process"),
        ("ssh", "sh: cannot create temp file for here-document: No space left on device", "cannot write"),
    ],
)
def test_a_message_is_known(backend: str, errors: str, expected: str) -> None:
    assert expected in cause(backend, errors)


def test_a_nologin_account_says_so_on_standard_output() -> None:
    assert "no shell there" in cause("ssh", noise="This account is currently not available.\n")


def test_a_banner_is_no_message() -> None:
    said = cause("ssh", SSH_BANNER + "ssh: connect to host x port 22: Connection refused")
    assert "refuses connections" in said
    assert "Unauthorized" in cause("ssh", SSH_BANNER.replace(" Broken pipe fitters welcome.", ""))


def test_what_the_probe_itself_writes_is_no_login_message() -> None:
    said = cause("ssh", "Traceback\nRuntimeError: Host is bad", begun=True)
    assert said == "the probe ended with exit code 1: RuntimeError: Host is bad"


def test_a_pipe_that_broke_on_the_host_is_no_broken_connection() -> None:
    lost = Ending(code=0, begun=True, errors="BrokenPipeError: [Errno 32] Broken pipe", noise="", why="ended")
    assert "arrived cut" in diagnosis.diagnosed(Host(vantage="ssh://x", backend="ssh", carrier=("ssh",)), lost).cause


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ({"code": None, "why": "late", "begun": False}, "the login came to no answer within 20 s: no message"),
        ({"code": None, "why": "overdue", "begun": True}, "did not end in time"),
        ({"code": 0, "why": "damaged", "begun": True}, "arrived cut or damaged"),
        ({"code": None, "why": "flood", "begun": False}, "endless output"),
        ({"code": 96, "why": "ended", "begun": False}, "does not pass on standard input"),
        ({"code": 127, "why": "ended", "begun": False}, "there is no /bin/sh in it"),
        ({"code": -9, "why": "ended", "begun": True}, "was ended by signal 9"),
        ({"code": 3, "why": "ended", "begun": False}, "the visit ended with exit code 3: no message"),
    ],
)
def test_without_a_known_message_the_end_tells(ending: dict[str, object], expected: str) -> None:
    found = diagnosis.diagnosed(
        Host(vantage="podman://x", backend="podman", carrier=("podman",)),
        Ending(**{"errors": "", "noise": "", **ending}),  # type: ignore[arg-type]
    )
    assert expected in found.cause
    assert found.remedy


def test_a_carrier_that_is_not_installed_is_this_machines_lack() -> None:
    host = Host(vantage="podman://x", backend="podman", carrier=("podman", "exec"))
    assert diagnosis.not_started(host, FileNotFoundError()).cause == "podman is not installed on this machine"
    assert "does not start here" in diagnosis.not_started(host, OSError(11, "Try again")).cause


@pytest.mark.parametrize("name", ["x;reboot", "$(reboot)", "a b", "`reboot`"])
def test_what_is_to_be_tried_by_hand_is_quoted_for_a_shell(name: str) -> None:
    """The name of a host may come from an inventory that somebody else wrote."""
    ending = Ending(code=3, begun=False, errors="", noise="", why="ended")
    found = diagnosis.diagnosed(Host(vantage=f"ansible://{name}", backend="ssh", carrier=("ssh", name)), ending)
    assert found.remedy == f"try it by hand: ssh {shlex.quote(name)} true"


def test_what_is_left_out_of_a_message_is_shown_since_a_secret_may_have_been_cut_there() -> None:
    secret = "Zq7kPv93LmXw20TdBr5sYy81"
    long = cause("ssh", "x" * 280 + secret + "y" * 100)
    assert long.endswith("Zq7kPv93LmXw20TdBr5…")
    for told in (long, cause("ssh", f"…{secret[5:]} is no command")):
        assert "***" in Redactor([secret]).text(told)
        assert not any(secret[at : at + 8] in Redactor([secret]).text(told) for at in range(len(secret) - 7))
