"""The parts of a Kubernetes node as child processes.

Everything is the real thing: etcd, kube-apiserver, containerd with runc and CNI plugins, kubelet, kubectl. Left out is
what one node with pods bound to it does not need: scheduler, controllers, proxy. node/ holds their settings, in which
$STATE, $BUILT and the like are filled in, and the pods.

Pods have a network of their own, masqueraded behind the lab's host.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import string
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import machine

HERE = Path(__file__).resolve().parent / "node"
PROGRAMS = ("bin", "programs/usr/bin", "programs/usr/sbin")
NODE = "node"
ADDRESS = "10.20.0.4"
"""The lab's host."""
PODS = "10.88.0.0/24"
API, NOBODY = "https://127.0.0.1:6443", "https://127.0.0.1:6444"
GROUPS_OF = {"admin": "system:masters", "viewer": "", "outsider": ""}
"""Users and their groups; pods.yaml says what else they may do."""
CONTEXTS = {name: (API, name) for name in (*GROUPS_OF, "stranger")} | {"gone": (NOBODY, "admin")}
PATIENCE = 90.0
"""Seconds for each part to answer, on a busy machine."""


class NoCluster(Exception):
    """A part did not come up."""


class Cluster:
    """The node built under `built`, with its state under `state`."""

    def __init__(self, *, built: Path, state: Path) -> None:
        self._built = built
        self._state = state
        self._config = str(state / "kubeconfig")
        self._children: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.environment = dict(os.environ) | {
            "PATH": ":".join([*(str(built / folder) for folder in PROGRAMS), os.environ["PATH"]]),
            "HOME": str(state / "home"),
            "KUBECONFIG": self._config,
            "KUBECONFIG_UNDER_TEST": self._config,
        }

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """A node that runs the pods. Raises `NoCluster`."""
        self._state.mkdir()
        machine.cover(self._state)
        self._fill_in()
        with machine.control_groups():
            try:
                self._start_control_plane()
                self._start_node()
                self._start_pods()
                yield
            finally:
                for _, child in reversed(self._children):
                    child.kill()
                    child.wait()

    def _fill_in(self) -> None:
        known = {
            "STATE": str(self._state),
            "BUILT": str(self._built),
            "ADDRESS": ADDRESS,
            "PODS": PODS,
            "GROUP": machine.GROUP,
        }
        for file in (path for path in HERE.rglob("*") if path.is_file()):
            filled = self._state / file.relative_to(HERE)
            filled.parent.mkdir(exist_ok=True)
            filled.write_text(string.Template(file.read_text(encoding="utf-8")).substitute(known))

    def _start_control_plane(self) -> None:
        own = self._state / "control"
        own.mkdir()
        tokens = {name: secrets.token_hex(16) for name in GROUPS_OF}
        users = [f'{token},{name},{name},"{GROUPS_OF[name]}"\n' for name, token in tokens.items()]
        (own / "users.csv").write_text("".join(users))
        self._run("openssl", "genrsa", "-out", f"{own}/accounts.key", "2048")
        self._start("etcd", f"--data-dir={own}/etcd", "--unsafe-no-fsync", "--logger=zap")
        self._start(
            "kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            "--bind-address=127.0.0.1",
            f"--advertise-address={ADDRESS}",
            "--endpoint-reconciler-type=none",
            "--kubelet-preferred-address-types=InternalIP",
            f"--cert-dir={own}",
            f"--token-auth-file={own}/users.csv",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={own}/accounts.key",
            f"--service-account-signing-key-file={own}/accounts.key",
            "--disable-admission-plugins=ServiceAccount",
        )
        authority = own / "apiserver.crt"
        self._until("kube-apiserver made no certificate", authority.exists)
        Path(self._config).write_text(json.dumps(_kubeconfig(authority, tokens)))
        self._until("kube-apiserver is not ready", lambda: self._works("kubectl", "get", "--raw=/readyz"))

    def _start_node(self) -> None:
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        self._run("nft", "-f", f"{self._state}/masquerade.nft")
        socket = f"{self._state}/containerd.sock"
        self._start("containerd", f"--config={self._state}/containerd.toml")
        self._until("containerd does not answer", lambda: self._works("ctr", "--address", socket, "version"))
        for image in sorted((self._built / "images").glob("*.tar")):
            self._run("ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", str(image))
        self._start(
            "kubelet",
            f"--config={self._state}/kubelet.yaml",
            f"--kubeconfig={self._config}",
            f"--root-dir={self._state}/kubelet",
            f"--cert-dir={self._state}/kubelet/pki",
            f"--volume-plugin-dir={self._state}/kubelet/plugins",
            f"--hostname-override={NODE}",
            f"--node-ip={ADDRESS}",
            "--container-runtime=remote",
            f"--container-runtime-endpoint=unix://{socket}",
        )
        self._until("kubelet did not register its node", lambda: self._works("kubectl", "get", "node", NODE))

    def _start_pods(self) -> None:
        self._run("kubectl", "apply", "-f", f"{self._state}/pods.yaml")
        waited = f"--timeout={PATIENCE:.0f}s"
        try:
            self._run("kubectl", "wait", "pods", "-l", "wait", "--all-namespaces", "--for=condition=Ready", waited)
        except NoCluster as error:
            events = self._called("kubectl", "get", "events", "--all-namespaces").stdout
            raise NoCluster(f"{error}\n{events}") from None

    def _start(self, program: str, *arguments: str) -> None:
        with (self._state / f"{program}.log").open("wb") as log:
            child = subprocess.Popen(
                [program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
            )
        self._children.append((program, child))

    def _until(self, what_if_not: str, there: Callable[[], bool]) -> None:
        limit = time.monotonic() + PATIENCE
        while not there():
            for program, child in self._children:
                if child.poll() is not None:
                    raise NoCluster(f"{program} ended with {child.returncode}\n{self._last_words(program)}")
            if time.monotonic() > limit:
                raise NoCluster(f"{what_if_not}\n{self._last_words(self._children[-1][0])}")
            time.sleep(0.1)

    def _last_words(self, program: str) -> str:
        log = (self._state / f"{program}.log").read_text(errors="replace")
        return "\n".join(log.splitlines()[-20:])

    def _run(self, *command: str) -> None:
        done = self._called(*command)
        if done.returncode != 0:
            raise NoCluster(f"{' '.join(command)}: {done.stderr.strip()}")

    def _works(self, *command: str) -> bool:
        return self._called(*command).returncode == 0

    def _called(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=4 * PATIENCE
        )


def _kubeconfig(authority: Path, tokens: Mapping[str, str]) -> dict[str, object]:
    """With a context for each way to come to the cluster, or not to."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "admin",
        "clusters": [
            {"name": server, "cluster": {"server": server, "certificate-authority": str(authority)}}
            for server in (API, NOBODY)
        ],
        "users": [
            {"name": name, "user": {"token": token}} for name, token in {**tokens, "stranger": "unknown"}.items()
        ],
        "contexts": [
            {"name": name, "context": {"cluster": server, "user": user}} for name, (server, user) in CONTEXTS.items()
        ],
    }
