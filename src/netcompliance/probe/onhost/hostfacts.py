"""What the host is: its system, resolver, proxy variables, trust store and address."""

import getpass
import os
import re
import socket
import ssl
import sys
import time
from typing import Any, Dict, List, Optional

from netcompliance.probe.onhost.names import HOSTS_FILE, RESOLV_CONF, hosts_entries, read_text, resolver_settings
from netcompliance.probe.onhost.route import names_set, shown, without_login
from netcompliance.probe.onhost.visit import Visit

ARCHITECTURES = {
    "x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv7l": "arm/v7", "armv6l": "arm/v6",
    "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64", "i686": "386", "i386": "386",
}  # fmt: skip
DISCARD = 9
"""A UDP "connection" sends nothing: it only makes the kernel choose a source address."""
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
POD_NAMES = {
    "pod": ("POD_NAME", "MY_POD_NAME", "K8S_POD_NAME", "KUBERNETES_POD_NAME"),
    "namespace": ("POD_NAMESPACE", "MY_POD_NAMESPACE", "NAMESPACE"),
    "node": ("NODE_NAME", "MY_NODE_NAME", "K8S_NODE_NAME", "KUBERNETES_NODE_NAME", "KUBERNETES_KUBELET_HOST"),
}
"""Variables by which pods are commonly told who they are: no file says so."""
RUNTIMES = ("/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/docker.sock", "/var/lib/kubelet")
OS_NAME = re.compile(r"^PRETTY_NAME=[\"']?([^\"'\n]{1,80})", re.MULTILINE)
CONTAINER_GROUPS = re.compile(r"docker|kubepods|containerd|libpod|lxc")


def platform() -> str:
    """The host's platform in the words of image indexes."""
    machine = os.uname().machine.lower()
    return "linux/" + ARCHITECTURES.get(machine, machine)


def start(visit: Visit, task: Dict[str, Any]) -> None:
    """Report the host once an address of the tenant is known, which decides which of its own addresses it uses."""
    visit.spawn("host", report, visit, task)


def report(visit: Visit, task: Dict[str, Any]) -> None:
    """The `host` observation."""
    resolver = read_text(RESOLV_CONF)
    settings = resolver_settings(resolver)
    towards = _towards(visit, task)
    visit.emit(
        "host", "host", at=time.time(), hostname=socket.gethostname(), system=_system(), machine=os.uname().machine,
        platform=platform(), python=".".join(str(number) for number in sys.version_info[:3]),
        openssl=ssl.OPENSSL_VERSION, user=_user(), uid=os.getuid(),
        resolv_conf=resolver, nameservers=settings["nameservers"], search=settings["search"],
        options=settings["options"], hosts_entries=hosts_entries(read_text(HOSTS_FILE, 1 << 20), task["names"]),
        proxies={name: _without_login(name) for name in names_set(os.environ)}, trust=visit.trust.summary(),
        system_trust=visit.system.source,
        source_address=source_address(socket.AF_INET, towards),
        source_address6=source_address(socket.AF_INET6, towards),
        container=_in_container(), kubernetes=_in_pod(), runtime=_has_runtime(), pod=_pod(), interpreter=sys.executable,
        key={"from": visit.key_from} if visit.key is not None else None, error=None,
    )  # fmt: skip


def source_address(family: int, towards: List[str]) -> Optional[str]:
    """The address the host would send from; None where it has no way."""
    fitting = [address for address in towards if (":" in address) == (family == socket.AF_INET6)]
    with socket.socket(family, socket.SOCK_DGRAM) as choosing:
        try:
            choosing.connect((fitting[0], DISCARD))
            return str(choosing.getsockname()[0])
        except (OSError, IndexError):
            return None


def _towards(visit: Visit, task: Dict[str, Any]) -> List[str]:
    """Addresses of the tenant; where there are none, ones that any default route serves."""
    known = [address for name in task["names"][:1] for address in visit.book.wait_for(name, visit.limits["hedge"])]
    return known + ["192.0.2.1", "2001:db8::1"]


def _without_login(name: str) -> str:
    """A proxy variable's value; NO_PROXY is a list, and no URL."""
    return (without_login if name.lower() == "no_proxy" else shown)(os.environ[name])


def _system() -> str:
    """Distribution and kernel."""
    named = OS_NAME.search(read_text("/etc/os-release") or read_text("/usr/lib/os-release"))
    kernel = "{0.sysname} {0.release}".format(os.uname())
    return named.group(1) + ", " + kernel if named else kernel


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return str(os.getuid())


def _in_pod() -> bool:
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) or os.path.exists(SERVICE_ACCOUNT)


def _pod() -> Optional[Dict[str, str]]:
    """Name, namespace and node of the pod, as far as it knows."""
    if not _in_pod():
        return None
    told = {
        what: value
        for what, variables in POD_NAMES.items()
        for value in [next((os.environ[each] for each in variables if os.environ.get(each)), "")]
        if value
    }
    told.setdefault("pod", socket.gethostname())
    namespace = read_text(SERVICE_ACCOUNT).strip()
    return {**told, "namespace": namespace} if namespace else told


def _has_runtime() -> bool:
    """Does it run containers itself?"""
    return any(os.path.exists(path) for path in RUNTIMES)


def _in_container() -> bool:
    return any(os.path.exists(path) for path in CONTAINER_MARKS) or bool(
        CONTAINER_GROUPS.search(read_text("/proc/self/cgroup"))
    )
