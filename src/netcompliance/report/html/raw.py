"""Raw observations, as they stand in the journal, bounded.

Rules
* An observation is shown as JSON, under a line that says what it is of. Long values are cut and say how long they are;
  a body that is text is shown as text too.
* What is left out is counted, and the file that has all of it is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcompliance.journal import JOURNAL
from netcompliance.report.html.excerpt import BODY, HEADLINE, LARGEST, Excerpt
from netcompliance.report.html.markup import Markup, many
from netcompliance.report.html.view_model import Account, Extract, Group


def parts(account: Account, group: Group, markup: Markup) -> Iterator[str]:
    """What was seen for the cases of a group, behind a fold."""
    if account.unread:
        yield f'<p class="note">The observations could not be read back: {markup.text(account.unread)}</p>'
        return
    told = [(entry, account.extracts[entry.case]) for entry in group.entries if entry.case in account.extracts]
    seen = [(entry, extract) for entry, extract in told if extract.number]
    if not seen:
        return
    shown = sum(len(extract.shown) for _, extract in seen)
    several = len(group.entries) > 1
    yield f'<details class="raw"><summary>{many(shown, "raw observation")}</summary>'
    if len(seen) > 1:
        yield f'<p class="note printed">Printed: those of the first case. {JOURNAL} has all.</p>'
    for entry, extract in seen:
        if several:
            yield f'<p class="of">{markup.text(f"{entry.case.target} from {entry.case.vantage}")}</p>'
        yield "<ol>"
        for each in extract.shown:
            yield f"<li>{_excerpt_html(each, markup)}</li>"
        yield "</ol>"
    yield f"{_rest(group, seen)}</details>"


def _rest(group: Group, seen: Sequence[tuple[object, Extract]]) -> str:
    """How much is not shown, and where it is."""
    told = []
    hidden = sum(extract.number - len(extract.shown) for _, extract in seen)
    if hidden:
        told.append(f"{many(hidden, 'more observation')} of these")
    if len(group.entries) > len(seen):
        told.append(f"those of {many(len(group.entries) - len(seen), 'more case')}")
    if not told:
        return ""
    return f'<p class="note">Not shown: {" and ".join(told)}. {JOURNAL} has all.</p>'


def _excerpt_html(seen: Excerpt, markup: Markup) -> str:
    body = f'<code class="body">{markup.text(seen.body, BODY)}</code>' if seen.body else ""
    return f"<b>{markup.text(seen.headline, HEADLINE)}</b> <code>{markup.text(seen.fields, LARGEST)}</code>{body}"
