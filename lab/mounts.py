"""Files of the machine that look different inside the lab.

Everything is a mount in a private mount namespace: not a byte outside changes, and all of it is gone with the last
process. /run is a fresh tmpfs. That hides the sockets through which name lookups would escape (nscd, systemd-resolved)
and gives the lab a directory of its own, `DIRECTORY`, which not even SIGKILL leaves behind.

The system trust store is replaced wherever distributions keep it, as bundle and as OpenSSL's hashed directory. Each
certifi that COMMAND may use holds the public root alone, as the real one would.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab import linux
from lab.pki import Pki, subject_hash
from lab.world import Authority, Host

DIRECTORY = Path("/run/netcompliance-lab")

_BUNDLES = (
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_HASHED = ("/etc/ssl/certs", "/etc/pki/tls/certs")


def private_root() -> None:
    """Make all mounts private, then give this PID namespace its own /proc, /sys (if it may) and /run."""
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    targets = [_link_target(Path(name)) for name in ("/etc/resolv.conf", "/etc/hosts")]
    linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    linux.mount("tmpfs", "/run", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
    DIRECTORY.mkdir(mode=0o755)
    for target in targets:
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()


def own_sysfs() -> None:
    """Show this network namespace's interfaces in /sys, where the kernel allows it."""
    with contextlib.suppress(OSError):
        linux.mount("sysfs", "/sys", "sysfs", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)


def resolver_files(host: Host) -> None:
    """Mount resolv.conf, hosts, and an nsswitch.conf that asks files and DNS only."""
    lines = [f"nameserver {address}" for address in host.nameservers]
    if host.search:
        lines.append(f"search {' '.join(host.search)}")
    if host.resolver_options:
        lines.append(f"options {' '.join(host.resolver_options)}")
    _cover(Path("/etc/resolv.conf"), "resolv.conf", lines)
    local = ["127.0.0.1 localhost", "::1 localhost ip6-localhost", f"127.0.1.1 {os.uname().nodename}"]
    _cover(Path("/etc/hosts"), "hosts", [*local, *host.etc_hosts])
    switch = Path("/etc/nsswitch.conf")
    if switch.exists():
        text = re.sub(r"(?m)^hosts:.*$", "hosts: files dns", switch.read_text())
        _cover(switch, "nsswitch.conf", text.splitlines())


def trust_stores(pki: Pki, trusts: Iterable[Authority], certifis: Iterable[Path]) -> None:
    """Replace the system's trust stores by `trusts`, and each certifi bundle by the public root."""
    authorities = tuple(trusts)
    system = DIRECTORY / "trust"
    system.mkdir()
    bundle = system / "ca-certificates.crt"
    bundle.write_text(pki.root_pem(authorities))
    for certificate, authority in zip(pki.roots(authorities), authorities, strict=True):
        (system / f"{authority}.pem").write_text(pki.root_pem([authority]))
        (system / f"{subject_hash(certificate)}.0").symlink_to(f"{authority}.pem")
    for name in ("ca-bundle.crt", "ca-bundle.trust.crt"):
        (system / name).symlink_to(bundle.name)
    public = DIRECTORY / "certifi.pem"
    public.write_text(pki.root_pem([Authority.PUBLIC]))
    hashed = [Path(name).resolve() for name in _HASHED]
    for certifi in certifis:
        if certifi.resolve().parent not in hashed:
            bind(public, certifi.resolve())
    defaults = ssl.get_default_verify_paths()
    for name in dict.fromkeys([*_BUNDLES, defaults.openssl_cafile]):
        path = Path(name)
        if path.is_file() and path.resolve().parent not in hashed:
            bind(bundle, path.resolve())
    for name in dict.fromkeys([*_HASHED, defaults.openssl_capath]):
        if Path(name).is_dir():
            bind(system, Path(name).resolve())


def certifi_bundles(command: Sequence[str]) -> list[Path]:
    """The certifi bundles that COMMAND may read: this interpreter's and the one of COMMAND's own interpreter."""
    bundles = []
    spec = importlib.util.find_spec("certifi")
    if spec and spec.origin:
        bundles.append(Path(spec.origin).parent / "cacert.pem")
    interpreter = _interpreter(command[0])
    if interpreter and Path(interpreter).absolute() != Path(sys.executable).absolute():
        asked = subprocess.run(
            [interpreter, "-c", "import certifi; print(certifi.where())"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            bundles.append(Path(asked.stdout.strip()))
    return [bundle for bundle in dict.fromkeys(bundles) if bundle.is_file()]


def _interpreter(program: str) -> str | None:
    """The Python that runs `program`: itself, or what its first line names."""
    path = shutil.which(program)
    if path is None:
        return None
    if re.fullmatch(r"python[\d.]*", Path(path).name):
        return path
    with Path(path).open("rb") as file:
        first = file.readline(512).decode(errors="replace").strip()
    if not first.startswith("#!") or "python" not in first:
        return None
    words = first.removeprefix("#!").split()
    if Path(words[0]).name == "env":
        return shutil.which(words[-1])
    return words[0] if os.access(words[0], os.X_OK) else None


def _link_target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _cover(path: Path, name: str, lines: Sequence[str]) -> None:
    own = DIRECTORY / name
    own.write_text("\n".join(lines) + "\n")
    bind(own, _link_target(path))


def bind(source: Path, target: Path) -> None:
    """Let a file or directory lie over another."""
    linux.mount(str(source), str(target), flags=linux.MS_BIND)
