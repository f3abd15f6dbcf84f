"""Without root: the same lab, the same verdicts. Run as root, these tests give root away first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab_runs import LabRun, Stage

pytestmark = pytest.mark.lab

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")
SYSTEM = "/usr/bin/python3"


LEFT_OUT = shutil.ignore_patterns(".*", "reports", "__pycache__", "mutants")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A checkout, and a command that runs Python on it without root."""

    checkout: Path
    python: tuple[str, ...]


@pytest.fixture(scope="module")
def plain(checkout: Path) -> Iterator[Plain]:
    """As root, a copy that everybody may read, with the packages that these tests run on, for the system's Python."""
    if os.geteuid() != 0:
        yield Plain(checkout=checkout, python=(sys.executable,))
        return
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        copy, packages = Path(directory, "checkout"), Path(directory, "packages")
        shutil.copytree(checkout, copy, ignore=LEFT_OUT)
        shutil.copytree(sysconfig.get_path("purelib"), packages, ignore=LEFT_OUT)
        paths = os.pathsep.join([str(copy / "src"), str(packages)])
        python = (*NOBODY, "env", "HOME=/nonexistent", f"PYTHONPATH={paths}", "PYTHONDONTWRITEBYTECODE=1", SYSTEM)
        if not _runs([*python, "-c", "import lab.cli, cryptography, pytest_html"], copy):
            pytest.skip(f"{SYSTEM} cannot use the packages of {sys.executable}")
        yield Plain(checkout=copy, python=python)


def has_namespaces(python: Sequence[str], checkout: Path) -> bool:
    """Whether the system gives namespaces to those who are not root; some do not, and a chroot never does."""
    return _runs([*python, "-c", "from lab import run; run.enter_namespaces()"], checkout)


def _runs(command: Sequence[str], checkout: Path) -> bool:
    return subprocess.run(command, cwd=checkout, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("scenario", "servers", "found"),
    [
        (None, "embedded", {}),
        ("one-address-dropped", "embedded", {"HTTPS-01": frozenset({"tcp.partly-filtered"})}),
        pytest.param(None, "real", {}, marks=pytest.mark.daemons),
    ],
)
def test_a_plain_user_gets_the_same_verdicts(
    plain: Plain, scenario: str | None, servers: str, found: dict[str, frozenset[str]]
) -> None:
    if not has_namespaces(plain.python, plain.checkout):
        pytest.skip("this system gives no namespaces to plain users")
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        outcome = Stage(checkout=plain.checkout, directory=Path(directory)).run(
            LabRun(scenario=scenario, servers=servers), plain.python
        )
        assert outcome.failing() == found, outcome.output
        assert outcome.overall == ("not-satisfied" if found else "satisfied"), outcome.output
