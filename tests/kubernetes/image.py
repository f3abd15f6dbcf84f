"""Packs a root file system as a container image: `image.py ROOT ARCHIVE COMMAND ...`.

The archive is what `docker save` writes and containerd imports: one layer, its configuration with the command that the
container runs, and a manifest that names it `test/NAME:1` after ROOT's last part. Where ROOT has busybox, /bin gets a
link for each applet that no package brought, /bin/sh among them.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
USERS = {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n"}
ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]


def pack(root: Path, target: Path, command: Sequence[str]) -> None:
    """Write the image."""
    content = layer(root)
    config = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Env": ENVIRONMENT, "Cmd": list(command)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [f"test/{root.name}:1"], "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w") as archive:
        _add_file(archive, "config.json", json.dumps(config).encode())
        _add_file(archive, "layer.tar", content)
        _add_file(archive, "manifest.json", json.dumps(manifest).encode())


def layer(root: Path) -> bytes:
    """All of `root` and what it lacks, as an uncompressed archive, owned by root."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(root.rglob("*")):
            archive.add(path, str(path.relative_to(root)), recursive=False, filter=_owned_by_root)
        for name, text in USERS.items():
            if not (root / name).exists():
                _add_file(archive, name, text.encode())
        for applet in _applets(root):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return packed.getvalue()


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _applets(root: Path) -> list[str]:
    busybox = root / "bin" / "busybox"
    if not busybox.exists():
        return []
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    return [name for name in listed if not any((root / folder / name).exists() for folder in ("bin", "usr/bin"))]


def _add_file(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    archive.addfile(member, io.BytesIO(data))


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
