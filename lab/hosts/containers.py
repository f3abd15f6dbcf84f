"""Containers to visit: real ones of podman and crun, one root directory, and pods behind a kubectl that is a stand-in.

Theory. An image is nothing but files, so no registry and no download is needed: the roots are skeletons into which the
machine's own /usr, or busybox alone, is mounted (`podman run --rootfs`). Each container has namespaces of its own but
for the network, which is that of the host under test (`--network=ns:`), so what a scenario breaks shows there too.

Rules
* podman's settings, storage and state are the lab's own, in files that are mounted over /etc/containers: `podman ps` in
  the lab lists the lab's containers and no other, and all is gone with the lab.
* No control group is made, for those would outlive the lab. Of Debian's runtimes crun can do without, if what lies at
  /sys/fs/cgroup looks like control groups: an empty tmpfs does.
* The limits are those the lab has: podman's defaults are higher than what a machine may allow.
* `kubectl` is not Kubernetes': it is `pods/kubectl`, first on COMMAND's PATH, and carries into the containers here.
"""

from __future__ import annotations

import json
import resource
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import linux, mounts, network
from lab.backend import BackendError, Stage
from lab.hosts.special_hosts import Member, busybox_programs
from lab.world import Machine

PROGRAMS = mounts.DIRECTORY / "bin"
"""Belongs in front of COMMAND's PATH."""
CHROOT = mounts.DIRECTORY / "root"
MEMBERS = (
    Member(
        hosts="podman://agent",
        what="a container with Python",
        comes_of_it="the same verdicts as locally; images are no business of a container",
    ),
    Member(hosts="podman://daemon@agent", what="the same as an ordinary user", comes_of_it="the same verdicts"),
    Member(
        hosts="podman://busybox",
        what="a container with busybox and nothing else",
        comes_of_it="little can be seen; the rest is not checked",
    ),
    Member(hosts="podman://shell-less", what="a container without a shell", comes_of_it="Error: no shell"),
    Member(hosts="podman://stopped", what="a container that has ended", comes_of_it="Error: does not run"),
    Member(hosts="podman://unknown", what="no container is called so", comes_of_it="Error: no container of that name"),
    Member(hosts=f"chroot://{CHROOT}", what="a root directory with Python", comes_of_it="as from any host"),
    Member(
        hosts="kubectl://agent?namespace=monitoring",
        what="a pod, by a stand-in for kubectl",
        comes_of_it="the same verdicts as locally; images are no business of a pod",
    ),
    Member(
        hosts="kubectl://shellless?namespace=monitoring",
        what="a pod without a shell, by the same",
        comes_of_it="Error: no shell",
    ),
)
_CONFIGURATION = Path("/etc/containers")
_DIRECTORIES = ("dev", "etc/ssl/certs", "proc", "root", "run", "sys", "tmp", "usr", "var/tmp")
_ETC = ("ca-certificates.conf", "group", "ld.so.cache", "ld.so.conf", "nsswitch.conf", "passwd", "services")
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_TRUST = ("/etc/ssl/certs",)
_WITH_PYTHON = ("/usr", *_TRUST)
_ACCOUNT = "var/run/secrets/kubernetes.io/serviceaccount"
_SLEEP = ("/bin/sleep", "infinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Container:
    name: str
    root: Path
    command: Sequence[str] = _SLEEP
    volumes: Sequence[str] = ()
    """Directories of the machine that lie at the same place there, read-only."""
    environment: Mapping[str, str]


def start(stage: Stage, environment: Iterable[tuple[str, str]]) -> None:
    """Start the containers, and wait until they run."""
    podman, crun = (shutil.which(name) for name in ("podman", "crun"))
    if podman is None or crun is None or not _CONFIGURATION.is_dir():
        raise BackendError("--containers needs podman and crun: lab/install-daemons installs what is missing")
    network.enter(Machine.HOST)
    directory = stage.directory / "containers"
    directory.mkdir(mode=0o755)
    _configure(directory, crun)
    given = {name: value.replace("{lab}", str(stage.directory)) for name, value in environment}
    for container in _containers(directory, given):
        _run(podman, container)
    _change_root(CHROOT)
    PROGRAMS.mkdir()
    stand_in = PROGRAMS / "kubectl"
    shutil.copyfile(Path(__file__).with_name("pods") / "kubectl", stand_in)
    stand_in.chmod(0o755)


def _containers(directory: Path, given: Mapping[str, str]) -> Iterable[_Container]:
    def root(name: str) -> Path:
        return _skeleton(directory / "roots" / name)

    yield _Container(name="agent", root=root("agent"), volumes=_WITH_PYTHON, environment=given)
    yield _Container(name="stopped", root=root("stopped"), command=("/bin/true",), volumes=("/usr",), environment={})
    yield _Container(name="busybox", root=busybox_programs(root("busybox")), volumes=_TRUST, environment=given)
    yield _Container(name="shell-less", root=_one_program(root("shell-less")), command=("/sleep", "9d"), environment={})
    pod = root("pod-agent")
    (pod / _ACCOUNT).mkdir(parents=True)
    (pod / _ACCOUNT / "namespace").write_text("monitoring")
    in_a_pod = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "POD_NAME": "agent", "NODE_NAME": "node"}
    yield _Container(name="pod-agent", root=pod, volumes=_WITH_PYTHON, environment={**given, **in_a_pod})


def _skeleton(root: Path) -> Path:
    """Directories and the few files that no package would have; programs come by mounts."""
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True)
    for name in _ETC:
        if Path("/etc", name).is_file():
            shutil.copyfile(Path("/etc", name), root / "etc" / name)
    for name in _MERGED:
        if Path("/", name).is_symlink():
            (root / name).symlink_to(Path("/", name).readlink())
    return root


def _one_program(root: Path) -> Path:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise BackendError("--containers needs busybox: lab/install-daemons installs what is missing")
    shutil.copyfile(busybox, root / "sleep")
    (root / "sleep").chmod(0o755)
    return root


def _configure(directory: Path, crun: str) -> None:
    """Settings, mounted over the machine's, and what crun takes for control groups."""
    limits = [
        f"{name}={resource.getrlimit(kind)[1]}:{resource.getrlimit(kind)[1]}"
        for name, kind in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC))
    ]
    settings = directory / "settings"
    settings.mkdir()
    (settings / "containers.conf").write_text(
        f'[containers]\ncgroups = "disabled"\ndefault_ulimits = {json.dumps(limits)}\nlog_driver = "k8s-file"\n'
        f'[engine]\nruntime = "crun"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
        f'tmp_dir = "{directory}/state"\nstatic_dir = "{directory}/static"\nvolume_path = "{directory}/volumes"\n'
        f'[engine.runtimes]\ncrun = ["{crun}"]\n'
        f'[network]\nnetwork_config_dir = "{directory}/networks"\n'
    )
    (settings / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{directory}/storage"\nrunroot = "{directory}/running"\n'
    )
    (settings / "policy.json").write_text(json.dumps({"default": [{"type": "reject"}]}))
    mounts.bind(settings, _CONFIGURATION)
    linux.mount("tmpfs", "/sys/fs/cgroup", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV)


def _run(podman: str, container: _Container) -> None:
    options = [f"--volume={path}:{path}:ro" for path in container.volumes]
    options += [f"--env={name}={value}" for name, value in container.environment.items()]
    own = ["--name", container.name, "--hostname", container.name, f"--network=ns:{network.NETNS / Machine.HOST}"]
    command = [podman, "run", "--detach", *own, *options, "--rootfs", str(container.root), *container.command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackendError(f"{shlex.join(command)}: {done.stderr.strip()}")


def _change_root(root: Path) -> None:
    _skeleton(root)
    for name in ("etc/resolv.conf", "etc/hosts"):
        (root / name).touch()
        mounts.bind(Path("/", name), root / name)
    for path in (*_WITH_PYTHON, "/dev", "/proc"):
        linux.mount(path, f"{root}{path}", flags=linux.MS_BIND | linux.MS_REC)
