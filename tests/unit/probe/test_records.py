"""What probes write is declared: each kind, and each field where it is written, also where no test comes by.

That what a probe in fact writes has the declared types is held where one is run (`decoded` in the tests of each).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from netcompliance.observations import SENT, VISIT, Record

PROBE = Path(__file__).resolve().parents[3] / "src" / "netcompliance" / "probe"
SHELL = sorted(path for path in (PROBE / "shell").iterdir() if path.suffix in (".sh", ".bash", ".awk"))
FUNCTION = re.compile(r"^(\w+)\(\) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
WRITTEN = re.compile(r'\\?"([a-z][a-z_0-9]*)\\?":')
KIND = re.compile(r'\\?"kind\\?":\\?"([a-z0-9-]+)\\?"')


def names(of: type[Record]) -> set[str]:
    """Of its fields, and of those in them."""
    inner = (names(field.type.of) for field in of.FIELDS.values() if field.type.of is not None)
    return set(of.FIELDS).union(*inner)


EVERY = {"kind", *(name for its in (*VISIT.values(), *SENT.values()) for name in names(its))}
OTHERS = {"netcompliance", "schema", "deadline", "namespace", "node"}
"""Of the line that says that a probe speaks, and of what a pod is."""
SAID = re.compile(r"^ *say_word (\w+) (.*)$", re.MULTILINE)


def emitted() -> Iterator[tuple[str, str, set[str]]]:
    """(where, kind, fields that are named there) of each record that the probe in Python emits."""
    for path in sorted((PROBE / "onhost").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "emit":
                kind = node.args[0]
                if isinstance(kind, ast.Constant):
                    yield (
                        f"{path.name}:{node.lineno}",
                        str(kind.value),
                        {each.arg for each in node.keywords if each.arg},
                    )


def test_what_the_probe_in_python_emits_is_declared() -> None:
    assert {kind for _, kind, _ in emitted()} <= VISIT.keys()
    undeclared = {where: more for where, kind, fields in emitted() if (more := fields - VISIT[kind].FIELDS.keys())}
    assert undeclared == {}
    assert len(list(emitted())) > 15


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_what_the_probe_in_shell_writes_is_declared(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert set(WRITTEN.findall(text)) - OTHERS <= EVERY
    for function, body in FUNCTION.findall(text):
        kinds = set(KIND.findall(body)) - {"watch"}
        assert kinds <= VISIT.keys(), function
        if kinds:
            known = {"kind"}.union(*(names(VISIT[kind]) for kind in kinds))
            assert set(WRITTEN.findall(body)) - OTHERS <= known, function


def test_the_words_of_the_shells_watch_are_declared() -> None:
    said = [each for path in SHELL for each in SAID.findall(path.read_text(encoding="utf-8"))]
    assert {"begin", "run", "unwatched", "end"} <= {word for word, _ in said} <= SENT.keys()
    for word, fields in said:
        assert set(WRITTEN.findall(fields)) <= names(SENT[word]), word
