"""Without root: the same lab, the same verdicts. Run as root, these tests give root away first."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from plays import Play, Stage

pytestmark = pytest.mark.lab

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")


@functools.cache
def plain_python(checkout: Path) -> tuple[str, ...]:
    """A command that runs Python as somebody who is not root and may read the checkout; empty if there is none."""
    if os.geteuid() != 0:
        return (sys.executable,)
    packages = os.pathsep.join([str(checkout / "src"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    for candidate in ((sys.executable,), ("env", f"PYTHONPATH={packages}", "/usr/bin/python3")):
        command = (*NOBODY, "env", "HOME=/nonexistent", "PYTHONDONTWRITEBYTECODE=1", *candidate)
        if _runs([*command, "-c", "import lab.cli, cryptography, pytest_html"], checkout):
            return command
    return ()


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
    checkout: Path, scenario: str | None, servers: str, found: dict[str, frozenset[str]]
) -> None:
    python = plain_python(checkout)
    if not python:
        pytest.skip("this checkout, or every Python with its packages, is readable by root only")
    if not has_namespaces(python, checkout):
        pytest.skip("this system gives no namespaces to plain users")
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        outcome = Stage(checkout=checkout, directory=Path(directory)).run(
            Play(scenario=scenario, servers=servers), python
        )
    assert outcome.failing() == found, outcome.output
    assert outcome.overall == ("not-satisfied" if found else "satisfied"), outcome.output
