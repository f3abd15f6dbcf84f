"""A comparison for terminals: coloured spans, readable at 80 columns and without colours (pure)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from netcompliance.change import wording
from netcompliance.change.compare import Comparison
from netcompliance.change.wording import Item, Tone
from netcompliance.journal.redact import Redactor
from netcompliance.report.terminal import MIN_WIDTH, Line

LABEL = 10
"""Columns of labels at least; longer ones, such as names of hosts, widen their item up to `WIDEST`."""
WIDEST = 30
_PLAIN: Mapping[str, bool] = {}
_COLOURS: Mapping[Tone, Mapping[str, bool]] = {
    Tone.BAD: {"red": True, "bold": True},
    Tone.WARN: {"yellow": True, "bold": True},
    Tone.GOOD: {"green": True, "bold": True},
    Tone.PLAIN: {"bold": True},
}


def lines(comparison: Comparison, redactor: Redactor, width: int) -> Iterator[Line]:
    """All of it, the conclusion last."""
    width = max(width, MIN_WIDTH)
    for section in wording.sections(comparison):
        yield ((section.title, _COLOURS[section.tone]),)
        for item in section.items:
            yield from _item(item, redactor, width)
        yield ()
    for part in textwrap.wrap(redactor.text(wording.conclusion(comparison)), width, subsequent_indent="  "):
        yield ((part, _COLOURS[wording.TONES[comparison.outcome]]),)
    for label, text in (
        ("cases", wording.counted(comparison)),
        ("before", wording.side(comparison.before)),
        ("after", wording.side(comparison.after)),
    ):
        for part in _wrapped(redactor.text(text), width, f"{label:<9}", 9):
            yield ((part, _PLAIN),)


def paragraph(item: Item, width: int = 100) -> str:
    """One item as text."""
    return "\n".join(text for line in _item(item, Redactor(), width) for text, _ in line)


def _item(item: Item, redactor: Redactor, width: int) -> Iterator[Line]:
    indent = "" if item.rows else "  "
    for part in textwrap.wrap(
        redactor.text(item.head), width, initial_indent=indent, subsequent_indent="    ", break_on_hyphens=False
    ):
        yield ((part, _PLAIN),)
    columns = max(LABEL, min(WIDEST, max((len(label) for label, _ in item.rows), default=0)))
    for label, text in item.rows:
        start = f"  {redactor.text(label):<{columns}}  "
        if label == "reproduce":
            yield ((start + redactor.text(text), _PLAIN),)
            continue
        for part in _wrapped(redactor.text(text), width, start, columns + 4):
            yield ((part, _PLAIN),)


def _wrapped(text: str, width: int, start: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=start,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
