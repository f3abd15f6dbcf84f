"""Why a host could not be visited, from what its connection said: cause and remedy (pure).

Trouble on the way to a host is told apart from trouble of the host. Each `ErrorPattern` is a message of the real
programs (OpenSSH, sudo, Docker, Podman, kubectl, …), in English because the carrier runs under LC_ALL=C. The first
of `PATTERNS` that fits counts, so particular ones come first. Exit codes decide only where no message does: containers'
tools use the same ones as the commands they run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from netcompliance.vantage.errors import CouldNotLook
from netcompliance.vantage.hosts import Host
from netcompliance.vantage.probe_process import SPEAK, Ending

SSH, CONTAINERS, PODS = ("ssh",), ("docker", "podman", "lxc", "chroot"), ("kubectl", "openshift")
ANY = (*SSH, *CONTAINERS, *PODS, "local")
DEBUG_OR_NODE = (
    "look from an ephemeral container beside it (kubectl debug POD --image=IMAGE --target=CONTAINER, then visit that "
    "container), or visit the node it runs on"
)
LONGEST = 300
"""Characters of a message that are told."""
FEWER = "let fewer visits begin at once (--visits 8), or raise MaxStartups on the server"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPattern:
    """A message, and what it means."""

    of: tuple[str, ...]
    """Kinds of connection that say so."""
    pattern: re.Pattern[str]
    cause: str
    remedy: str
    """`{what}` is what the pattern's first group found."""


def _pattern(of: Iterable[str], pattern: str, cause: str, remedy: str) -> ErrorPattern:
    return ErrorPattern(of=tuple(of), pattern=re.compile(pattern, re.IGNORECASE), cause=cause, remedy=remedy)


PATTERNS = (
    # the way: ssh
    _pattern(
        SSH,
        r"could not resolve hostname ([^:\s]+)",
        "the workstation cannot resolve the host's name {what}",
        "check the spelling, this machine's resolver, and HostName in the ssh configuration",
    ),
    _pattern(
        SSH,
        r"remote host identification has changed",
        "the host showed another key than the one that is known",
        "find out whether the host was set up anew or somebody is in between; then ssh-keygen -R HOST",
    ),
    _pattern(
        SSH,
        r"host key verification failed|host key is known for",
        "the host's key is not known on this machine, and nobody is there to confirm it",
        "connect once by hand (ssh HOST), or add the key to known_hosts",
    ),
    _pattern(
        SSH,
        r"too many authentication failures",
        "the host refused the login after too many keys",
        "name the right key: --ssh-identity-file FILE, or IdentitiesOnly in the ssh configuration",
    ),
    _pattern(
        SSH,
        r"permission denied \(|permission denied, please try again",
        "the host refused the login",
        "check user and key (ssh -v HOST); name the key with --ssh-identity-file or load it into the agent",
    ),
    _pattern(
        SSH,
        r"unprotected private key|bad permissions|identity file (\S+) not accessible",
        "the private key cannot be used",
        "check the file that is named as the key and its permissions (chmod 600)",
    ),
    _pattern(
        SSH,
        r"bad configuration option|bad owner or permissions on|can't open user config file (\S+)",
        "ssh refuses its own configuration",
        "look at the line that ssh names; --ssh-config FILE must exist",
    ),
    _pattern(
        SSH,
        r"connection (?:timed out during banner exchange|to \S+ port \d+ timed out)|banner exchange: .*timed out",
        "the host accepts connections but never speaks ssh",
        "look at the host's load and its sshd, and for a middlebox that answers in the host's place",
    ),
    _pattern(
        SSH,
        r"kex_exchange_identification|ssh_exchange_identification|banner exchange: .*(?:invalid format|reset|closed)",
        "the host closed the connection before the login",
        f"look at sshd's log and access lists there; {FEWER}",
    ),
    _pattern(
        SSH,
        r"connect to host \S+ port (\d+): connection refused",
        "the host refuses connections to its ssh port {what}",
        "check that sshd runs there and on which port",
    ),
    _pattern(
        SSH,
        r"connect to host \S+ port (\d+): (?:connection|operation) timed out",
        "nothing answers at the host's ssh port {what}: dropped on the way, or the host is off",
        "check the address, that the host is up, and the firewall between this machine and the host",
    ),
    _pattern(
        SSH,
        r"connect to host \S+ port (\d+): (no route to host|network is unreachable|permission denied)",
        "there is no way to the host's ssh port {what}",
        "check the address, routes, and firewalls between this machine and the host",
    ),
    _pattern(
        SSH,
        r"timeout, server .* not responding|connection to \S+ closed by remote host|client_loop: send disconnect"
        r"|(?:write failed|packet_write_\w+|ssh_dispatch_\w+): .*(?:broken pipe|reset)|connection reset by \S+ port"
        r"|read from remote host",
        "the connection to the host was cut during the visit",
        "run again; if it stays, look for a firewall or a VPN that ends long connections, and at the host's sshd",
    ),
    _pattern(ANY, r"sshpass: not found", "sshpass is not installed here", "install it, or use a key"),
    # becoming another user
    _pattern(
        ANY,
        r"sudo: .*(?:password is required|terminal is required|no tty present|must have a tty)",
        "sudo asks for a password there",
        "allow this user to run /bin/sh without one (NOPASSWD), or leave --sudo out",
    ),
    _pattern(
        ANY,
        r"(?:is )?not in the sudoers file|may not run sudo|is not allowed to (?:execute|run)|sudo: unknown user",
        "sudo does not let this user do it",
        "allow it in sudoers, or leave --sudo out",
    ),
    _pattern(ANY, r"sudo: (?:command )?not found", "there is no sudo there", "log in as the user that is meant"),
    _pattern(
        ANY,
        r"account is (?:currently )?not available|nologin",
        "the account has no shell there (nologin)",
        "log in as a user who has one",
    ),
    # pods
    _pattern(
        PODS,
        r"\(notfound\): (\S+ \"[^\"]+\") not found|doesn't have a resource type (\S+)",
        "the cluster knows no such name: {what}",
        "check the pod's name, its namespace (kubectl://POD?namespace=NS) and the context",
    ),
    _pattern(
        PODS,
        r"container (\S+) is not valid for pod|container not found \(\"?([^\")]+)",
        "the pod has no such running container ({what})",
        "name one that it has: kubectl://POD?container=NAME",
    ),
    _pattern(
        PODS,
        r"cannot get resource \"pods\"",
        "the cluster does not let this user see the pod",
        "ask for the verbs get on pods and create on pods/exec in that namespace",
    ),
    _pattern(
        PODS,
        r"\(forbidden\)|cannot create resource \"pods/exec\"",
        "the cluster does not let this user run commands in the pod",
        "ask for the verb create on pods/exec in that namespace",
    ),
    _pattern(
        PODS,
        r"you must be logged in|\(unauthorized\)|token has expired|getting credentials",
        "the cluster did not accept this user's credentials",
        "log in to the cluster again (kubectl auth whoami)",
    ),
    _pattern(
        PODS,
        r"context \"?([^\"\s]+)\"? does not exist|no configuration has been provided|error loading config file"
        r"|error: stat (\S+): no such file|unable to read (?:certificate-authority|client-cert|client-key)"
        r"|connection to the server localhost:8080",
        "kubectl does not know which cluster is meant",
        "check KUBECONFIG, ?kubeconfig=FILE and ?context=NAME",
    ),
    _pattern(
        PODS,
        r"unable to upgrade connection|error dialing backend|error sending request|websocket: close|lost connection"
        r"|stream error|unexpected eof",
        "the cluster could not carry the connection to the pod",
        "run again; look at the API server, the kubelet of the pod's node, and proxies that cannot upgrade connections",
    ),
    _pattern(
        PODS,
        r"x509: certificate",
        "the API server's certificate is not trusted here",
        "check certificate-authority in the kubeconfig, and for an interception on the way to the cluster",
    ),
    _pattern(
        PODS,
        r"command terminated with exit code 137",
        "the command in the pod was killed: the pod was deleted, or out of memory",
        "look at the pod (kubectl describe pod) and visit one that stays",
    ),
    _pattern(
        PODS,
        r"connection to the server (\S+) was refused|unable to connect to the server|no such host|i/o timeout"
        r"|tls handshake timeout|the server rejected our request",
        "the cluster's API server cannot be reached from here",
        "check with kubectl get pods; look at VPN and proxy",
    ),
    _pattern(
        PODS,
        r"cannot exec (?:into|in) a (?:container in a )?(?:completed|deleted|stopped)|current phase is (\w+)"
        r"|does not have a host assigned|container is not (?:created or )?running",
        "the pod does not run",
        "visit one that does (kubectl get pods)",
    ),
    # containers
    _pattern(
        (*CONTAINERS, *PODS),
        r"(?:exec(?:utable)?|stat|run command|starting container process).{0,80}/bin/sh.{0,80}"
        r"(?:no such file|not found)|/bin/sh.{0,20}no such file",
        "there is no shell in it",
        DEBUG_OR_NODE,
    ),
    _pattern(
        CONTAINERS,
        r"no such container|no container with name or id|instance not found|error: not found",
        "there is no container of that name here",
        "check the name (podman ps, docker ps, lxc list) and on which machine and as which user it runs",
    ),
    _pattern(
        CONTAINERS,
        r"is not running|container state improper|is paused|can only create exec sessions on running",
        "the container does not run",
        "start it, or visit one that runs",
    ),
    _pattern(
        CONTAINERS,
        r"cannot connect to the docker daemon|docker.sock|unix socket|podman.sock|is the docker daemon running",
        "the container engine cannot be reached from here",
        "check that it runs and that this user may use it",
    ),
    _pattern(
        CONTAINERS,
        r"cannot change root directory|chroot: .*not permitted",
        "this user may not change its root directory to there, or it does not exist",
        "check the path and run as root, or with --sudo",
    ),
    # the host itself
    _pattern(
        ANY,
        r"no space left on device|read-only file system",
        "the host cannot write where its shell has to",
        "free space there; the probe itself writes nothing",
    ),
    _pattern(
        ANY,
        r"cannot fork|resource temporarily unavailable|cannot allocate memory|out of memory|memoryerror"
        r"|can't start new thread",
        "the host has no room for another process",
        "look at its load, memory and process limits",
    ),
)

NO_COMMAND = {127: "there is no /bin/sh", 126: "/bin/sh cannot be run"}


def not_started(host: Host, error: OSError) -> CouldNotLook:
    """The carrier itself could not be started on this machine."""
    program = host.carrier[0] if host.carrier else "Python"
    if isinstance(error, FileNotFoundError):
        return CouldNotLook(
            f"{program} is not installed on this machine", f"install {program}, or visit in another way"
        )
    return CouldNotLook(f"{program} does not start here: {error.strerror}", "look at this machine's limits and load")


def diagnosed(host: Host, ending: Ending) -> CouldNotLook:
    """Why this visit was none."""
    said = f"{ending.errors}\n{ending.noise}" if not ending.begun else ending.errors
    for sign in PATTERNS:
        if host.backend in sign.of and (found := sign.pattern.search(said)):
            what = next((group for group in found.groups() if group), "")
            return CouldNotLook(sign.cause.format(what=what), sign.remedy)
    return _by_its_end(host, ending)


def _by_its_end(host: Host, ending: Ending) -> CouldNotLook:
    last = _last_line(ending.errors) or _last_line(ending.noise) or "no message"
    by_hand = f"try it by hand: {_by_hand(host)}"
    if ending.why == "late":
        return CouldNotLook(
            f"the login came to no answer within {SPEAK:.0f} s: {last}", f"look at the host's load; {by_hand}"
        )
    if ending.why == "overdue":
        return CouldNotLook("the probe did not end in time and was killed", "run again; look at the load of the host")
    if ending.why == "flood":
        return CouldNotLook("the host wrote endless output instead of the probe's", by_hand)
    if ending.why in ("not-admitted", "too-much"):
        return CouldNotLook(
            f"the host sent what no probe sends: {ending.detail}",
            "find out what answers there instead of the probe; nothing that it sent was used",
        )
    if ending.why == "damaged" or (ending.begun and ending.code == 0):
        return CouldNotLook(
            "the probe's output arrived cut or damaged", "run again; look for what writes to the session's output there"
        )
    if ending.code == 96:
        return CouldNotLook("what carries the visit does not pass on standard input", by_hand)
    if not ending.begun and ending.code in NO_COMMAND and host.backend in CONTAINERS:
        return CouldNotLook(f"{NO_COMMAND[ending.code]} in it: {last}", DEBUG_OR_NODE)
    return CouldNotLook(f"the {_part(ending)} {_exit_phrase(ending.code)}: {last}", by_hand)


def _part(ending: Ending) -> str:
    return "probe" if ending.begun else "visit"


def _exit_phrase(code: int | None) -> str:
    if code is None:
        return "broke off"
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _by_hand(host: Host) -> str:
    """The carrier with the smallest of commands."""
    if host.backend == "ssh":
        return shlex.join(("ssh", host.vantage.partition("://")[2].partition("?")[0], "true"))
    shell = host.carrier.index("/bin/sh") if "/bin/sh" in host.carrier else 0
    return shlex.join((*host.carrier[:shell], "/bin/sh", "-c", "true"))


def _last_line(text: str) -> str:
    """Where some of it is left out, that is shown: what was cut there may be a secret."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" \t…")]
    line = lines[-1] if lines else ""
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
