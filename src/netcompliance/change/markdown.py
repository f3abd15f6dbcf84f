"""A comparison as Markdown, to be pasted into a ticket (pure). What a peer sent stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netcompliance.change import wording
from netcompliance.change.compare import Comparison
from netcompliance.change.wording import Item

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")


def lines(comparison: Comparison) -> Iterator[str]:
    """All of it, the conclusion first."""
    yield f"## {_safe(wording.conclusion(comparison))}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| cases | {_safe(wording.counted(comparison))} |"
    yield f"| before | {_safe(wording.side(comparison.before, path=False))} |"
    yield f"| after | {_safe(wording.side(comparison.after, path=False))} |"
    for section in wording.sections(comparison):
        yield ""
        yield f"### {_safe(section.title)}"
        yield ""
        for item in section.items:
            yield from _item(item)


def _item(item: Item) -> Iterator[str]:
    yield f"* {_safe(item.head)}"
    for label, text in item.rows:
        yield f"  * **{_safe(label)}**: {_code(text) if label == 'reproduce' else _safe(text)}"


def _safe(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _code(text: str) -> str:
    """A code span that its text cannot end."""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"
