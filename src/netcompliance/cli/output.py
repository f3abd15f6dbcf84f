"""How actions speak: JSON for programs, lines with or without colours for people.

Rules
* JSON is one document on standard output, and nothing else is there.
* Colours only where a terminal reads them; `NO_COLOR` switches them off.
* Nothing that came from a network is obeyed by the terminal: `explain.printable` goes over every text.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from netcompliance.explain import printable
from netcompliance.report.terminal import Line

_CODES = {"bold": "1", "light": "2", "red": "31", "green": "32", "yellow": "33"}
_WIDEST = 120


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare `--json`."""
    parser.add_argument("--json", action="store_true", help="write one JSON document")


def write_json(document: Any) -> None:
    """The document, for programs."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def width() -> int:
    """Columns to use."""
    return min(shutil.get_terminal_size((100, 24)).columns, _WIDEST)


def write_lines(lines: Iterable[Line]) -> None:
    """Lines of spans. All of it is cleaned: a run has its own catalogue, a journal may have a stranger's."""
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    for line in lines:
        print("".join(_span(printable(text), markup, coloured=coloured) for text, markup in line).rstrip())


def labelled(label: str, text: object, *, room: int = 11, indent: int = 2) -> Iterator[str]:
    """`  label      text`, wrapped."""
    start = f"{'':{indent}}{label:<{room}}"
    yield from textwrap.wrap(
        printable(text),
        max(width(), 40),
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
        break_long_words=False,
    )


def _span(text: str, markup: Any, *, coloured: bool) -> str:
    codes = ";".join(_CODES[name] for name, on in markup.items() if on and name in _CODES)
    return f"\x1b[{codes}m{text}\x1b[0m" if coloured and codes else text
