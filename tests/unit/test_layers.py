"""Who may import whom. Read from the source, so that nothing need be importable, and the culprit is named."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "src" / "netcompliance"
MODULES = sorted(PACKAGE.rglob("*.py"))

EVERYTHING = "*"
PLUMBING = {
    "approved",
    "yamlfile",
    "inputs",
    "options",
    "settle",
    "images",
    "profile",
    "catalogue",
    "model",
    "findings",
}
MAY_IMPORT: dict[str, set[str]] = {
    "findings": set(),
    "model": {"findings"},
    "conclusion": {"model", "findings"},
    "catalogue": {"model", "findings"},
    "explain": {"model", "findings"},
    "outages": {"model", "findings"},
    "judge": {"catalogue", "outages", "model", "findings"},
    "approved": PLUMBING,
    "inputs": PLUMBING,
    "images": PLUMBING,
    "profile": PLUMBING,
    "settle": PLUMBING,
    "yamlfile": PLUMBING,
    "options": PLUMBING,
    "probe": set(),
    "vantage": {"probe", "model", "findings", "inputs"},
    "change": {"catalogue", "conclusion", "explain", "inputs", "judge", "model", "findings", "report"},
    "report": {"catalogue", "outages", "conclusion", "explain", "model", "findings"},
    "exports": {"inputs", "report"},
}
"""Part → parts of ours that it may import. Itself always; `plugin` and what it is made of, everything."""

NOT_FOR_THE_JUDGE = {
    "socket", "ssl", "subprocess", "threading", "asyncio", "select", "os", "sys", "pathlib", "io", "time", "random",
    "secrets", "pytest", "requests", "urllib3", "http", "logging",
}  # fmt: skip
PURE = {"outages", "judge", "explain", "findings", "model", "conclusion"}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import in the file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: say which module it is"
            module = str(node.module)
            yield from (
                (node.lineno, f"{module}.{alias.name}" if module == "netcompliance" else module) for alias in node.names
            )


def ours(module: str) -> str | None:
    """The part of ours that a module belongs to."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] or "__init__" if first == "netcompliance" else None


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(CHECKOUT)}:{line}"


def test_there_is_something_to_read() -> None:
    assert {part_of(path) for path in MODULES} >= MAY_IMPORT.keys()


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_who_may_import_whom(part: str) -> None:
    allowed = MAY_IMPORT[part] | {part, "__init__"}
    culprits = [
        f"{where(path, line)}: {part} imports {other}"
        for path in MODULES
        if part_of(path) == part
        for line, module in imports(path)
        if (other := ours(module)) and other not in allowed
    ]
    assert culprits == []


def test_nothing_imports_the_plugin() -> None:
    """Not even what the plugin is made of: it is the top."""
    culprits = [
        where(path, line)
        for path in MODULES
        if part_of(path) != "plugin"
        for line, module in imports(path)
        if ours(module) == "plugin"
    ]
    assert culprits == []


def test_the_package_never_imports_the_lab_or_tests() -> None:
    culprits = [
        f"{where(path, line)}: {module}"
        for path in MODULES
        for line, module in imports(path)
        if module.partition(".")[0] in ("lab", "tests", "suites")
    ]
    assert culprits == []


@pytest.mark.parametrize("part", sorted(PURE))
def test_what_is_pure_knows_no_network_no_clock_and_no_pytest(part: str) -> None:
    culprits = [
        f"{where(path, line)}: {part} imports {module}"
        for path in MODULES
        if part_of(path) == part
        for line, module in imports(path)
        if module.partition(".")[0] in NOT_FOR_THE_JUDGE
    ]
    assert culprits == []


def test_what_is_pure_asks_for_no_time() -> None:
    """`datetime` is for reading dates; the date of today is handed in."""
    culprits = [
        where(path, node.lineno)
        for path in MODULES
        if part_of(path) in PURE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("now", "today", "utcnow", "localtime", "monotonic")
    ]
    assert culprits == []


def test_the_probe_imports_the_standard_library_only() -> None:
    culprits = [
        f"{where(path, line)}: {module}"
        for path in MODULES
        if part_of(path) == "probe"
        for line, module in imports(path)
        if module.partition(".")[0] not in {*sys.stdlib_module_names, "netcompliance"}
    ]
    assert culprits == []


def test_what_runs_on_the_host_imports_nothing_else_of_the_probe() -> None:
    on_host = PACKAGE / "probe" / "onhost"
    culprits = [
        f"{where(path, line)}: {module}"
        for path in sorted(on_host.rglob("*.py"))
        for line, module in imports(path)
        if module.startswith("netcompliance") and not module.startswith("netcompliance.probe.onhost")
    ]
    assert culprits == []


def test_suites_import_pytest_only() -> None:
    culprits = [
        f"{where(path, line)}: {module}"
        for path in sorted((CHECKOUT / "suites").rglob("*.py"))
        for line, module in imports(path)
        if module.partition(".")[0] not in ("pytest", "__future__")
    ]
    assert culprits == []


def test_every_part_has_a_place() -> None:
    """A new part of the package says here what it may import, or is one of those that put everything together."""
    together = {
        "plugin",
        "planning",
        "against",
        "run",
        "looking",
        "session",
        "again",
        "verification",
        "watching",
        "cli",
        "made",
        "__init__",
    }
    assert {part_of(path) for path in MODULES} - MAY_IMPORT.keys() == together | {"__init__"}
