"""Break every line of the judge, one at a time, and see which breakage no test notices.

    python tests/mutation [MODULE ...]        # judge modules, such as tls or registry; all of them by default

mutmut makes the mutants; each is run in a process of its own, forked where the tests are collected already, until the
first test of the module's own table fails. What survives is shown as a difference. Exit code 1 if anything did.
"""

from __future__ import annotations

import difflib
import importlib.abc
import importlib.machinery
import inspect
import os
import signal
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation.file_mutation import mutate_file_contents

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "src" / "netcompliance"
TABLES = CHECKOUT / "tests" / "unit" / "judge"

TESTS = {
    "__init__": ["test_engine", "test_proxy"],
    "chart": ["test_chart"],
    "dns": ["test_dns"],
    "endpoint": ["test_endpoint"],
    "evidence": ["test_shape", "test_engine", "test_dns"],
    "firewall": ["test_firewall"],
    "https": ["test_https", "test_transport", "test_tls"],
    "mirror": ["test_mirror"],
    "nameservers": ["test_dns", "test_outbound"],
    "outbound": ["test_outbound"],
    "proxy": ["test_proxy"],
    "receiver": ["test_receiver"],
    "recognise": ["test_recognise"],
    "registry": ["test_registry"],
    "shape": ["test_shape"],
    "tls": ["test_tls", "test_https"],
    "transport": ["test_transport"],
    "way": ["test_registry", "test_mirror", "test_chart"],
}
"""Module of the judge → where its tests are. `marks` holds data only."""

PATIENCE = 10.0
"""A mutant that takes so many times as long as the module as it is will never end."""


class Mutated(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Imports one module as mutmut rewrote it: all mutants in it, each asleep until the environment names it."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name, str(path))
        self.mutated = mutate_file_contents(str(path), path.read_text(encoding="utf-8"))

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        inner = [self.path.removesuffix("/__init__.py")] if self.path.endswith("/__init__.py") else None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=self.path, is_package=inner is not None)
        spec.submodule_search_locations = inner
        spec.has_location = True
        return spec

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.mutated.code, self.path, "exec", dont_inherit=True)


class Breaker:
    """Runs the collected tests once for each mutant, in place of pytest's own loop."""

    def __init__(self, module: Mutated) -> None:
        self._module = module
        self.killed = 0
        self.survivors: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        began = time.monotonic()
        if not self._survives(session.items, "none", 600):
            raise pytest.UsageError(f"the tests of {self._module.name} fail without any mutant")
        limit = max(5.0, (time.monotonic() - began) * PATIENCE)
        for name in self._module.mutated.mutant_names:
            if self._survives(session.items, name, limit):
                self.survivors.append(name)
            else:
                self.killed += 1
        return True

    def _survives(self, items: list[pytest.Item], mutant: str, limit: float) -> bool:
        child = os.fork()
        if not child:
            os.environ["MUTANT_UNDER_TEST"] = f"{self._module.name}.{mutant}"
            os._exit(any(_fails(item) for item in items))
        end = time.monotonic() + limit
        while time.monotonic() < end:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status == 0
            time.sleep(0.005)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False


def _fails(item: pytest.Item) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def difference(name: str, mutant: str) -> Iterator[str]:
    """What the mutant changes."""
    functions = {key: value for key, value in _functions(sys.modules[name]) if key == mutant or key.endswith("_orig")}
    changed = functions[mutant]
    original = functions[f"{mutant.rpartition('__mutmut_')[0]}__mutmut_orig"]
    texts = [textwrap.dedent(inspect.getsource(f)).replace("  # type: ignore # mutmut generated", "") for f in (original, changed)]
    lines = [[line.partition(" # type: ignore # mutmut")[0] for line in text.splitlines()[1:]] for text in texts]
    return (line for line in difflib.unified_diff(*lines, n=0, lineterm="") if line[:3] not in ("---", "+++"))


def _functions(holder: object) -> Iterator[tuple[str, object]]:
    for name, value in vars(holder).items():
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value) and value.__module__ == getattr(holder, "__name__", None):
            yield from _functions(value)


def break_module(short: str) -> tuple[int, int]:
    """(killed, survived) of one module, in a process of its own so that it is imported afresh."""
    name = "netcompliance.judge" if short == "__init__" else f"netcompliance.judge.{short}"
    module = Mutated(name, PACKAGE / "judge" / f"{short}.py")
    sys.meta_path.insert(0, module)
    breaker = Breaker(module)
    tests = [str(TABLES / f"{test}.py") for test in TESTS[short]]
    options = ["-c", str(CHECKOUT / "tests" / "pytest.toml"), "-p", "no:cacheprovider", "-p", "no:terminal", *tests]
    pytest.main(options, plugins=[breaker])
    for mutant in breaker.survivors:
        print(f"--- {short}: {mutant}", *difference(name, mutant), sep="\n", flush=True)
    print(f"{short}: {breaker.killed} killed, {len(breaker.survivors)} survived", flush=True)
    return breaker.killed, len(breaker.survivors)


def main(modules: list[str]) -> int:
    survived = 0
    for module in modules or TESTS:
        child = os.fork()
        if not child:
            os._exit(min(break_module(module)[1], 255))
        survived += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
