"""YAML whose texts know their lines."""

from __future__ import annotations

import pytest

from netcompliance.config import yaml_lines
from netcompliance.config.validation import BadInput

TEXT = """\
a:
  b: one
  c:
    - x
    - d: two
on: true
---
second: 3
"""


@pytest.mark.parametrize(
    ("way", "line"),
    [
        (("a", "b"), 2),
        (("a", "c", 0), 4),
        (("a", "c", 1, "d"), 5),
        (("on",), None),
        (("a", "gone"), 1),
        (("a", "c", 7), 3),
        (("gone",), None),
        ((), None),
    ],
)
def test_lines_of_values_and_of_what_is_above_them(way: yaml_lines.Transport, line: int | None) -> None:
    first, _ = yaml_lines.documents(TEXT, "f")
    assert yaml_lines.line(first, way) == line


def test_values_are_what_they_would_be_without_lines() -> None:
    first, second = yaml_lines.documents(TEXT, "f")
    assert first["a"] == {"b": "one", "c": ["x", {"d": "two"}]}
    assert yaml_lines.line(second, ("second",)) == 8


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [\n", "f:2: "),
        ("a: b: c\n", "f:1: "),
        ("a: !!python/object/apply:os.system [x]\n", "f:1: "),
        ("a: 2024-13-99\n", "f: "),
        ("[" * 50_000, "f"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(text: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        yaml_lines.documents(text, "f")
    assert str(caught.value).startswith(told)


def test_aliases_without_end_cost_nothing() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    (document,) = yaml_lines.documents(bomb, "f")
    assert yaml_lines.line(document, ("a59", 0, 0)) is not None
