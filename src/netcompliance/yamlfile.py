"""YAML of somebody else, with the lines on which its values stand (pure).

A file may be a small tree that its aliases make endless: lines are kept for as many values as a sane file has, and
beyond that nobody knows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from netcompliance.inputs import BadInput, printable

Path = tuple[str | int, ...]
MOST_LINES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a file."""

    value: Any
    lines: Mapping[Path, int] = field(default_factory=dict)
    """Way to a value → its line."""

    def line(self, *path: str | int) -> int | None:
        """The line of a value, or of the nearest one above it that is there."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def documents(text: str, origin: str) -> list[Document]:
    """Every document that says something. Raises `BadInput` with the line of what is no YAML."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        values = list(yaml.load_all(text, Loader=loader))
        nodes = list(yaml.compose_all(text, Loader=loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise BadInput(f"{origin}{line}: {problem}") from None
    except (RecursionError, ValueError) as error:
        raise BadInput(f"{origin}: {printable(str(error))}") from None
    return [
        Document(value=value, lines=_lines(node))
        for value, node in zip(values, nodes, strict=False)
        if value is not None
    ]


def _lines(root: Any) -> dict[Path, int]:
    found: dict[Path, int] = {}
    waiting: list[tuple[Path, Any]] = [((), root)]
    while waiting and len(found) < MOST_LINES:
        path, node = waiting.pop()
        for key, below in _members(node):
            found[*path, key] = below.start_mark.line + 1
            waiting.append(((*path, key), below))
    return found


def _members(node: Any) -> Iterator[tuple[str | int, Any]]:
    kind = getattr(node, "id", "")
    if kind == "mapping":
        yield from ((str(key.value), value) for key, value in node.value if getattr(key, "id", "") == "scalar")
    elif kind == "sequence":
        yield from enumerate(node.value)
