"""Who may import whom. Read from the source, so that nothing need be importable, and the culprit is named."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Container, Iterator
from pathlib import Path

import pytest

from netcompliance import provenance

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "src" / "netcompliance"
MODULES = sorted(PACKAGE.rglob("*.py"))

VALIDATION = "config.validation"
"""What says that input is bad: a part of its own, since more than what reads the input knows it."""
WITH_PARTS = ("netcompliance", "netcompliance.config")
MAY_IMPORT: dict[str, set[str]] = {
    "findings": set(),
    "model": {"findings"},
    "observations": set(),
    "results": {"model", "findings"},
    "catalogue": {"model", "findings"},
    "explain": {"model", "findings"},
    "episodes": set(),
    "outages": {"episodes", "model", "findings"},
    "firewall_rules": {"model"},
    "judge": {"catalogue", "firewall_rules", "observations", "outages", "model", "findings"},
    VALIDATION: set(),
    "config": {VALIDATION, "catalogue", "firewall_rules", "probe", "model", "findings"},
    "probe": set(),
    "vantage": {"probe", "observations", "model", "findings", VALIDATION},
    "change": {
        "catalogue",
        "results",
        "explain",
        VALIDATION,
        "journal",
        "judge",
        "observations",
        "model",
        "findings",
        "report",
    },
    "journal": {"catalogue", "results", "explain", "model", "findings"},
    "report": {"catalogue", "journal", "judge", "observations", "outages", "results", "explain", "model", "findings"},
    "exports": {VALIDATION, "journal", "report"},
    "pages": {"change", "journal", "report"},
}
"""Part → parts of ours that it may import. Itself always; `plugin` and what it is made of, everything."""

NOT_FOR_THE_JUDGE = {
    "socket", "ssl", "subprocess", "threading", "asyncio", "select", "os", "sys", "pathlib", "io", "time", "random",
    "secrets", "pytest", "requests", "urllib3", "http", "logging",
}  # fmt: skip
PURE = {"episodes", "observations", "outages", "firewall_rules", "judge", "explain", "findings", "model", "results"}


def part_of(path: Path) -> str:
    return part_named(".".join(path.relative_to(PACKAGE).with_suffix("").parts))


def part_named(below: str) -> str:
    """The part that a module belongs to, named without the package."""
    return VALIDATION if below == VALIDATION else below.partition(".")[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import in the file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: say which module it is"
            module = str(node.module)
            yield from (
                (node.lineno, f"{module}.{alias.name}" if module in WITH_PARTS else module) for alias in node.names
            )


def modules_of(package: Path) -> dict[str, Path]:
    """Dotted name → file."""
    files = {".".join(path.relative_to(package.parent).with_suffix("").parts): path for path in package.rglob("*.py")}
    return {module.removesuffix(".__init__"): path for module, path in files.items()}


def heads(path: Path, known: Container[str]) -> Iterator[str]:
    """The modules that are imported at a file's head, also where only types need them."""
    statements = list(ast.parse(path.read_text(encoding="utf-8")).body)
    for node in statements:
        if isinstance(node, ast.If):
            statements += node.body
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            named = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (each if each in known else str(node.module) for each in named)


def ours(module: str) -> str | None:
    """The part of ours that a module belongs to."""
    first, _, rest = module.partition(".")
    return part_named(rest) or "__init__" if first == "netcompliance" else None


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
        "session",
        "rejudge",
        "contradictions",
        "verification",
        "cli",
        "provenance",
        "__init__",
    }
    assert {part_of(path) for path in MODULES} - MAY_IMPORT.keys() == together | {"__init__"}


def test_the_digest_of_what_decides_covers_all_that_the_judge_imports() -> None:
    """An edit to anything else leaves verdicts as they are; one of these is another judge."""
    modules = modules_of(PACKAGE)
    wanted = [
        path for name, path in modules.items() if name.startswith(("netcompliance.judge", "netcompliance.explain"))
    ]
    deciding: set[Path] = set()
    while wanted:
        path = wanted.pop()
        if path not in deciding:
            deciding.add(path)
            wanted += [modules[module] for _, module in imports(path) if module in modules]
    assert PACKAGE / "outages.py" in deciding
    assert deciding <= provenance.judging().keys()
    assert {part_of(path) for path in provenance.judging()} == {part_of(path) for path in deciding}


@pytest.mark.parametrize(
    "part", ["change", "config", "firewall_rules", "journal", "probe", "report", "session", "vantage"]
)
def test_a_packages_docstring_names_modules_that_are_there(part: str) -> None:
    here = PACKAGE / part
    named = re.findall(r"`(\w+)`", ast.get_docstring(ast.parse((here / "__init__.py").read_text())) or "")
    assert named
    assert [name for name in named if not (here / f"{name}.py").is_file() and not (here / name).is_dir()] == []


@pytest.mark.parametrize("package", [PACKAGE, CHECKOUT / "lab"], ids=lambda path: path.name)
def test_no_module_imports_itself_by_way_of_others(package: Path) -> None:
    """At the head of the file, for types too: what is imported in a function is a matter of when, not of what."""
    files = modules_of(package)
    graph = {module: set(heads(path, files)) for module, path in files.items()}
    while free := {module for module, wanted in graph.items() if not wanted & graph.keys() - {module}}:
        graph = {module: wanted for module, wanted in graph.items() if module not in free}
    assert {module: sorted(wanted & graph.keys()) for module, wanted in graph.items()} == {}
