"""A comparison as a section of the HTML report of the later run, from that run's journal (pure).

Everything is escaped and needs no script.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcompliance.change import baseline, record, wording
from netcompliance.change.compare import Change, Comparison
from netcompliance.change.wording import Item, Tone
from netcompliance.journal.reader import BadJournal
from netcompliance.report.html.markup import Markup, many
from netcompliance.report.html.view_model import Account

_CLASSES = {Tone.BAD: "bad", Tone.WARN: "warn", Tone.GOOD: "good", Tone.PLAIN: "none"}
_SHOWN = 20
"""Items of a group that are open; the rest is folded."""


def parts(account: Account, markup: Markup) -> Iterator[str]:
    """What the run's journal keeps of its comparison with a baseline; nothing if there was none."""
    run = account.run
    for kept in run.comparisons[:1]:
        try:
            after = baseline.side_of(run)
            yield from html_pieces(record.recalled(kept, after, run.settings.fail_on_drift), markup)
        except BadJournal as error:
            yield f'<p class="note">{markup.text(error)}</p>'


def html_pieces(comparison: Comparison, markup: Markup) -> Iterator[str]:
    """The pieces of HTML, in order."""
    facts = (
        ("cases", wording.counted(comparison)),
        ("before", wording.side(comparison.before, path=False)),
        ("its journal", f"sha256 {comparison.before.sha256}"),
        ("now", wording.side(comparison.after, path=False)),
    )
    tone = _CLASSES[wording.TONES[comparison.outcome]]
    yield '<div class="changes">'
    yield f'<p class="overall {tone}">{markup.text(wording.conclusion(comparison))}</p>'
    yield markup.pairs((name, markup.text(text)) for name, text in facts)
    for group in wording.sections(comparison):
        rows = [_row(item, markup) for item in group.items]
        yield f'<h4>{markup.text(group.title)}</h4><div class="{_CLASSES[group.tone]}">'
        yield f"<ul>{''.join(rows[:_SHOWN])}</ul>"
        if rows[_SHOWN:]:
            yield f"<details><summary>{len(rows) - _SHOWN} more</summary><ul>{''.join(rows[_SHOWN:])}</ul></details>"
        yield "</div>"
    changed = sum(comparison.counts[change] for change in Change if change is not Change.SAME)
    listed = sum(each.change is not Change.SAME for each in comparison.cases)
    if changed > listed:
        yield f'<p class="note">{many(changed - listed, "more case")} changed: see netcompliance compare.</p>'
    yield "</div>"


def _row(item: Item, markup: Markup) -> str:
    rows = markup.pairs(
        (markup.text(label), markup.code(text) if label == "reproduce" else markup.text(text))
        for label, text in item.rows
    )
    return f"<li>{markup.text(item.head)}{rows if item.rows else ''}</li>"
