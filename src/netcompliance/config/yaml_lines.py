"""YAML of somebody else, in which every text knows its line (pure).

Texts are `Text`, a `str` like any other; keys are texts too, and so is what a value that is no text is found by.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from netcompliance.config.validation import BadInput, printable

Way = tuple[str | int, ...]
"""Keys and places in lists, from the top to a value."""


class Text(str):
    """A text of a file."""

    __slots__ = ("line",)
    line: int


def documents(text: str, origin: str) -> list[Any]:
    """Every document that says something. Raises `BadInput` with the line of what is no YAML, and none of its words:
    a password may begin like a tag."""
    import yaml

    try:
        return [document for document in yaml.load_all(text, Loader=_loader()) if document is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = re.sub(r" '!.*'", "", getattr(error, "problem", None) or "not YAML")
        raise BadInput(f"{origin}{line}: {problem}") from None
    except (RecursionError, ValueError) as error:
        raise BadInput(f"{origin}: {printable(str(error))}") from None


def line(document: Any, way: Way) -> int | None:
    """The line of a value, or of the nearest one above it that is there."""
    found: int | None = None
    for step in way:
        if isinstance(document, Mapping) and step in document:
            key = next(key for key in document if key == step)
            found, document = getattr(key, "line", found), document[step]
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
            first = next(iter(document), None) if isinstance(document, Mapping) else document
            found = getattr(first, "line", found)
        else:
            return found
    return getattr(document, "line", found)


@cache
def _loader() -> Any:
    """A safe loader, in C where there is one."""
    import yaml

    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc,valid-type]
        pass

    def construct(loader: Any, node: Any) -> Text:
        text = Text(loader.construct_scalar(node))
        text.line = node.start_mark.line + 1
        return text

    Loader.add_constructor("tag:yaml.org,2002:str", construct)
    return Loader
