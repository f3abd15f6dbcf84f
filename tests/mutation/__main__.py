"""Break every line of the judge, one at a time, and see which breakage no test notices.

    python tests/mutation [--every N] [MODULE ...]        # such as tls, of the judge; all of them by default

mutmut makes the mutants; each is run in a process of its own, forked where the tests are collected already, until the
first test of the module's own table fails. What survives is shown as a difference. Exit code 1 if anything did. The
test that killed the last mutant is tried first, since neighbours die of the same.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import importlib
import importlib.abc
import importlib.machinery
import io
import os
import select
import signal
import sys
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

RULES = ["../firewall_rules/test_egress", "../firewall_rules/test_ingress"]
TESTS = {
    "__init__": ["test_engine", "test_proxy"],
    "certificates": ["test_certificates", "test_tls", "test_https"],
    "chart": ["test_chart"],
    "dns": ["test_dns"],
    "endpoint": ["test_endpoint"],
    "evidence": ["test_evidence", "test_engine", "test_dns"],
    "firewall_rules.blocks": [*RULES, "test_outbound"],
    "firewall_rules.egress": RULES,
    "firewall_rules.ingress": [*RULES, "test_outbound"],
    "firewall_rules.iptables_save": [*RULES, "test_outbound"],
    "firewall_rules.nft_json": [*RULES, "test_outbound"],
    "firewall_rules.nft_text": RULES,
    "firewall_rules.rules": RULES,
    "firewall_rules.vocabulary": RULES,
    "hangs": ["test_hangs"],
    "https": ["test_https", "test_transport", "test_tls"],
    "mirror": ["test_mirror"],
    "nameservers": ["test_dns", "test_outbound"],
    "outbound": ["test_outbound"],
    "proxy": ["test_proxy"],
    "receiver": ["test_receiver"],
    "http_responder": ["test_http_responder"],
    "registry": ["test_registry"],
    "resolvconf": ["test_resolvconf"],
    "tls": ["test_tls", "test_https"],
    "transport": ["test_transport"],
    "page_signatures": ["test_http_responder"],
    "reachability": ["test_registry", "test_mirror", "test_chart"],
}
"""Module of the judge, or with its package one that the judge is made of → where its tests are."""

BUILT_AT_IMPORT = ("page_signatures",)
"""Their functions do their work while they are imported, so they are imported again with each mutant."""

PATIENCE = 10.0
"""A mutant that takes so many times as long as the module as it is will never end."""


class Mutated(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Imports one module as mutmut rewrote it: all mutants in it, each asleep until the environment names it."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name, str(path))
        self.mutated = mutate_file_contents(str(path), undecorated(path.read_text(encoding="utf-8")))

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

    def __init__(self, module: Mutated, step: int, *, built_at_import: bool) -> None:
        self._module = module
        self._step = step
        self._built_at_import = built_at_import
        self.killed = 0
        self.survivors: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        began = time.monotonic()
        if self._killer(session.items, "none", 600) is not None:
            raise pytest.UsageError(f"the tests of {self._module.name} fail without any mutant")
        limit = max(5.0, (time.monotonic() - began) * PATIENCE)
        likely = list(session.items)
        for name in self._module.mutated.mutant_names[:: self._step]:
            killer = self._killer(likely, name, limit)
            if killer is None:
                self.survivors.append(name)
                continue
            self.killed += 1
            likely.insert(0, likely.pop(killer))
        return True

    def _killer(self, items: list[pytest.Item], mutant: str, limit: float) -> int | None:
        """The first test that fails, and is first to be asked about the next mutant; `None` if none does."""
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.environ["MUTANT_UNDER_TEST"] = f"{self._module.name}.{mutant}"
            if self._built_at_import:
                import_again(self._module.name)
            killer = next((number for number, item in enumerate(items) if _fails(item)), None)
            os.write(writing, str(killer).encode())
            os._exit(0)
        os.close(writing)
        ready, _, _ = select.select([reading], [], [], limit)
        said = os.read(reading, 16).decode() if ready else ""
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None if said == "None" else int(said or 0)


def _fails(item: pytest.Item) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def difference(module: Mutated, mutant: str) -> Iterator[str]:
    """What the mutant changes."""
    code = module.mutated.code.splitlines()
    lines = []
    for name in (f"{mutant.rpartition('__mutmut_')[0]}__mutmut_orig", mutant):
        span = module.mutated.line_span_by_function_name[name]
        lines.append([line.partition(" # type: ignore")[0] for line in code[span.start : span.end]])
    return (
        line for line in difflib.unified_diff(*lines, n=0, lineterm="") if not line.startswith(("---", "+++", "@@"))
    )


def undecorated(source: str) -> str:
    """The same module with its judges made after their functions: mutmut leaves what is decorated as it is."""
    lines, after = source.splitlines(), []
    for node in ast.parse(source).body:
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "judges":
                after.append(f"{node.name} = {ast.unparse(decorator)}({node.name})")
                lines[decorator.lineno - 1 : decorator.end_lineno] = [""] * (
                    decorator.end_lineno - decorator.lineno + 1
                )
    return "\n".join([*lines, *after, ""])


def import_again(name: str) -> None:
    """Import the module with the mutant awake, and give it to all that hold parts of it."""
    asleep = vars(sys.modules.pop(name))
    awake = vars(importlib.import_module(name))
    for holder in [m for m in sys.modules.values() if str(getattr(m, "__file__", "")).startswith(str(CHECKOUT))]:
        for attribute, value in list(vars(holder).items()):
            if attribute in awake and value is asleep.get(attribute):
                setattr(holder, attribute, awake[attribute])


def break_module(short: str, step: int) -> int:
    """How many mutants of one module survive. In a process of its own, so that the module is imported afresh."""
    inner = short if "." in short else f"judge.{short}"
    module = Mutated(f"netcompliance.{inner.removesuffix('.__init__')}", PACKAGE / f"{inner.replace('.', '/')}.py")
    sys.meta_path.insert(0, module)
    breaker = Breaker(module, step, built_at_import=short in BUILT_AT_IMPORT)
    tests = [str(TABLES / f"{test}.py") for test in TESTS[short]]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(
            ["-c", str(CHECKOUT / "tests" / "pytest.toml"), "-p", "no:cacheprovider", "--assert=plain", *tests],
            plugins=[breaker],
        )
    for mutant in breaker.survivors:
        print(f"--- {short}: {mutant}", *difference(module, mutant), sep="\n", flush=True)
    print(f"{short}: {breaker.killed} killed, {len(breaker.survivors)} survived", flush=True)
    return len(breaker.survivors)


def main() -> int:
    parser = argparse.ArgumentParser(description="Break the judge and see which breakage no test notices.")
    parser.add_argument("modules", nargs="*", default=list(TESTS), metavar="MODULE")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth mutant")
    arguments = parser.parse_args()
    survived = 0
    for module in arguments.modules:
        child = os.fork()
        if not child:
            os._exit(min(break_module(module, arguments.every), 255))
        survived += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
