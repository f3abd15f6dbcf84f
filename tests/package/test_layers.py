"""Who may import whom."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MAY_IMPORT = {
    "findings": set(),
    "model": {"findings"},
    "inputs": set(),
    "catalogue": {"model"},
    "conclusion": {"model"},
    "explain": {"model", "findings"},
    "images": {"model", "inputs", "images"},
    "profile": {"model", "inputs"},
    "settle": {"model", "inputs", "catalogue", "images", "profile"},
    "judge": {"model", "findings", "catalogue", "judge"},
    "probe": {"probe"},
    "vantage": {"model", "catalogue", "probe", "vantage"},
    "report": {"model", "findings", "explain", "conclusion", "report"},
    "run": {"model", "catalogue", "conclusion", "judge", "report", "vantage"},
    "session": {"model", "inputs", "catalogue", "conclusion", "explain", "settle", "report", "run", "vantage"},
    "options": {"settle"},
    "plugin": {"options", "session", "inputs"},
}
"""Part of the package → the parts that it may import."""

PURE = ("judge", "explain", "conclusion", "catalogue", "findings", "model")
"""No socket, clock, subprocess or pytest in these."""


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(checkout: Path, part: str) -> list[Path]:
    root = checkout / "src" / "netcompliance"
    return [root / f"{part}.py"] if (root / f"{part}.py").exists() else sorted((root / part).rglob("*.py"))


def parts(checkout: Path) -> set[str]:
    root = checkout / "src" / "netcompliance"
    return {path.stem for path in root.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()} - {
        "__init__"
    }


def test_every_part_has_its_place(checkout: Path):
    assert parts(checkout) == set(MAY_IMPORT)


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_imports_go_one_way(checkout: Path, part: str):
    known = parts(checkout)
    for path in files(checkout, part):
        for name in imports(path):
            first, _, rest = name.partition(".")
            if first == "netcompliance" and rest:
                ours = rest.split(".")[0]
                assert ours not in known or ours in MAY_IMPORT[part], f"{path.name} imports {name}"
            assert first not in ("lab", "tests"), f"{path.name} imports {name}"


@pytest.mark.parametrize("part", PURE)
def test_what_decides_does_not_look(checkout: Path, part: str):
    for path in files(checkout, part):
        for name in imports(path):
            first = name.split(".")[0]
            assert first not in ("socket", "ssl", "subprocess", "time", "pytest", "requests", "os"), (
                f"{path.name}: {name}"
            )


def test_the_probe_needs_nothing_but_the_standard_library(checkout: Path):
    for path in files(checkout, "probe"):
        for name in imports(path):
            first = name.split(".")[0]
            assert first == "netcompliance" or first in sys.stdlib_module_names, f"{path.name} imports {name}"


def test_the_suites_import_pytest_only(checkout: Path):
    for path in sorted((checkout / "suites").glob("*.py")):
        assert set(imports(path)) == {"pytest"}, path.name
