"""A comparison as a section of the HTML report of the later run (pure). Everything is escaped and needs no script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from netcompliance.change import told
from netcompliance.change.compare import Comparison
from netcompliance.change.told import Item, Tone
from netcompliance.report.redact import Redactor

_CLASSES = {Tone.BAD: "nc-bad", Tone.WARN: "nc-warn", Tone.GOOD: "nc-good", Tone.PLAIN: "nc-none"}
_SHOWN = 20
"""Items of a section that are open; the rest is folded."""


def parts(comparison: Comparison, redactor: Redactor) -> Iterator[str]:
    """The pieces of HTML, in order."""

    def safe(text: str) -> str:
        return escape(redactor.text(text))

    facts = (
        ("cases", told.counted(comparison)),
        ("before", told.side(comparison.before, path=False)),
        ("its journal", f"sha256 {comparison.before.sha256}"),
        ("now", told.side(comparison.after, path=False)),
    )
    mark = _CLASSES[told.TONES[comparison.outcome]]
    yield '<section class="nc nc-comparison">'
    yield f'<h2>Compared with the baseline: <span class="{mark}">{safe(told.conclusion(comparison))}</span></h2>'
    yield f"<dl>{''.join(f'<dt>{name}</dt><dd>{safe(text)}</dd>' for name, text in facts)}</dl>"
    for section in told.sections(comparison):
        rows = [_row(item, safe) for item in section.items]
        yield f'<h3 class="{_CLASSES[section.tone]}">{safe(section.title)}</h3>'
        yield f"<ul>{''.join(rows[:_SHOWN])}</ul>"
        if rows[_SHOWN:]:
            yield f"<details><summary>{len(rows) - _SHOWN} more</summary><ul>{''.join(rows[_SHOWN:])}</ul></details>"
    yield "</section>"


def _row(item: Item, safe: Callable[[str], str]) -> str:
    rows = "".join(
        f"<dt>{safe(label)}</dt><dd>{f'<code>{safe(text)}</code>' if label == 'reproduce' else safe(text)}</dd>"
        for label, text in item.rows
    )
    return f"<li>{safe(item.head)}{f'<dl>{rows}</dl>' if rows else ''}</li>"
