"""A run as a part of the page: its heading, its tools, and its sections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from netcompliance.report import summary
from netcompliance.report.html.markup import KEYS, OVERALL, Markup, many
from netcompliance.report.html.view_model import Account
from netcompliance.results import CaseStatus, Overall

PICTURES = 12
"""Pictures of paths that are drawn, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the page. `parts` yields its HTML, below its heading; nothing where there is nothing to tell."""

    name: str
    title: str
    parts: Callable[[Account, Markup], Iterable[str]]
    word: Callable[[Account], str] | None = None
    """Gives a word that is told with the title."""

    def heading(self, account: Account) -> str:
        """Its title, as text."""
        return f"{self.title}: {self.word(account)}" if self.word else self.title


def tenant(account: Account, markup: Markup, sections: Sequence[Section]) -> Iterator[str]:
    """One tenant's run as HTML, in pieces: of each section only the first is there before it is its turn."""
    name = markup.text(account.run.settings.tenant)
    kind, sign = OVERALL[account.overall]
    told = [
        (section.name, markup.text(section.heading(account)), begin, rest)
        for section in sections
        if (begin := next(filter(None, rest := iter(section.parts(account, markup))), ""))
    ]
    links = "".join(f'<li><a href="#{markup.anchor(section)}">{heading}</a></li>' for section, heading, *_ in told)
    yield (
        f'<section class="nc" id="{markup.anchor("top")}" aria-label="Tenant {name}">'
        f'<div class="title"><h2>{name}</h2><p class="overall {kind}"><span aria-hidden="true">{sign}</span> '
        f"{account.word}</p></div>"
        f'<p class="lead">{markup.text(_lead(account))}</p>'
        f'<nav aria-label="Contents, {name}"><ul>{links}</ul></nav>{_tools(account, markup)}'
    )
    for section, heading, begin, rest in told:
        anchor = markup.anchor(section)
        yield (
            f'<section class="part {section}" id="{anchor}" aria-labelledby="{anchor}-title">'
            f'<h3 id="{anchor}-title">{heading}</h3>{begin}'
        )
        yield from rest
        yield "</section>"
    yield "</section>"


def _lead(account: Account) -> str:
    """The run in one sentence."""
    why = ""
    if account.run.footer is None:
        why = " Undetermined: the journal has no footer, so the run did not come to its end and is no evidence."
    elif account.overall is Overall.UNDETERMINED:
        why = f" Undetermined: {summary.why_undetermined(account.entries)}."
    return (
        f"{many(len(account.entries), 'case')} of {many(len(account.rows), 'requirement')} from "
        f"{many(len(account.vantages), 'vantage')}: {summary.counted(account.entries)}.{why}"
    )


def _tools(account: Account, markup: Markup) -> str:
    """Filter, search, sort, unfold. Hidden until a script can do it."""
    there = {entry.status for entry in account.entries}
    boxes = "".join(
        f'<label><input type="checkbox" name="standing" value="{KEYS[s]}" checked> {s}</label>'
        for s in CaseStatus
        if s in there
    )
    places = "".join(f'<option value="{n}">{markup.text(v)}</option>' for n, v in enumerate(account.vantages))
    vantage = (
        f'<label>vantage <select name="vantage"><option value="">all</option>{places}</select></label>'
        if len(account.vantages) > 1
        else ""
    )
    name = markup.text(account.run.settings.tenant)
    return (
        f'<form class="tools" hidden role="search" aria-label="Filter verdicts, {name}">'
        f'<label>search <input type="search" name="words" autocomplete="off"></label>{vantage}'
        '<label>sort <select name="sort"><option value="order">as planned</option><option value="rank">worst first'
        '</option><option value="count">most cases first</option></select></label>'
        f'<fieldset><legend class="vh">verdicts shown</legend>{boxes}</fieldset>'
        '<button type="button" name="open">Unfold all</button><button type="button" name="close">Fold all</button>'
        '<output aria-live="polite"></output></form>'
    )
