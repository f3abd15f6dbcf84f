"""The stand-in for kubectl says what a real one said: the same table is played with a real API server."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import shlex
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from lab.hosts import containers

STAND_IN = Path(containers.__file__).with_name("pods") / "kubectl"
TROUBLES = tomllib.loads((Path(__file__).parents[1] / "kubernetes" / "troubles.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def kubectl() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("kubectl_stand_in", str(STAND_IN))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("row", [row for name, row in TROUBLES.items() if name != "no-shell"], ids=lambda r: r["host"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_it_refuses_in_the_words_of_the_real_one(kubectl: ModuleType, row: dict[str, str], order: str) -> None:
    options = shlex.split(row["kubectl"])
    words = ["exec", "-i", *options] if order == "after" else [*options[:-1], "exec", "-i", options[-1]]
    assert row["says"] in kubectl.refusal(kubectl.parsed(words))


def test_it_has_the_real_ones_words_for_a_missing_shell(kubectl: ModuleType) -> None:
    assert TROUBLES["no-shell"]["says"] in kubectl.NO_SHELL.format(program="/bin/sh")


@pytest.mark.parametrize("words", ["-n monitoring agent", "-n monitoring -c helper agent", "busybox", "pod/busybox"])
def test_it_lets_in_where_a_container_runs(kubectl: ModuleType, words: str) -> None:
    asked = kubectl.parsed(["exec", "-i", *shlex.split(words)])
    assert kubectl.refusal(asked) == ""


def test_it_says_what_it_is() -> None:
    assert "STAND-IN" in STAND_IN.read_text(encoding="utf-8").splitlines()[1]
