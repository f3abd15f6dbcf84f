"""The sections of a page, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from netcompliance.report import summary
from netcompliance.report.html import facts, matrix, unjudged, verdicts
from netcompliance.report.html.account import Account
from netcompliance.report.html.document import BEGIN, END
from netcompliance.report.html.markup import KEYS, OVERALL, Markup, many
from netcompliance.report.html.material import Material
from netcompliance.report.html.path import pictures
from netcompliance.report.html.picture import svg
from netcompliance.results import CaseStatus, Overall, overall

PICTURES = 12
"""Pictures of paths that are drawn, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the page. `parts` yields its HTML, below its heading; nothing where there is nothing to tell."""

    name: str
    title: str
    parts: Callable[[Account, Markup], Iterable[str]]


def _paths(account: Account, markup: Markup) -> Iterator[str]:
    drawn = pictures(account)
    for picture, vantages in drawn[:PICTURES]:
        more = f"; {picture.left_out} more not drawn" if picture.left_out else ""
        count = f" ({len(vantages)} vantages)" if len(vantages) > 1 else ""
        where = markup.text(summary.folded(vantages))
        yield (
            f'<figure class="way"><figcaption><b>{markup.text(picture.title)}</b> from {where}{count}{more}'
            f"</figcaption>{svg(picture, markup)}</figure>"
        )
    if drawn[PICTURES:]:
        rest = sorted({vantage for _, vantages in drawn[PICTURES:] for vantage in vantages})
        yield f'<p class="note">Not drawn, but told below: {markup.text(summary.folded(rest))}</p>'


SECTIONS: tuple[Section, ...] = (
    Section(name="facts", title="The run", parts=facts.facts),
    Section(name="matrix", title="Verdicts at a glance", parts=matrix.parts),
    Section(name="causes", title="Failures and warnings", parts=verdicts.causes),
    Section(name="paths", title="The path, and where it stopped", parts=_paths),
    Section(name="unjudged", title="What was not checked, and why", parts=unjudged.parts),
    Section(name="waivers", title="Waivers", parts=unjudged.waivers),
    Section(name="requirements", title="Requirements and evidence", parts=verdicts.requirements),
    Section(name="vantages", title="Vantages", parts=facts.vantages),
    Section(name="settings", title="Settings in effect", parts=facts.settings),
)


def parts(
    materials: Sequence[Material], sections: Sequence[Section] = SECTIONS, more: Sequence[Sequence[Section]] = ()
) -> Iterator[str]:
    """The pieces of HTML of all tenants' runs, for pytest-html's summary; `finished` makes a document of it.

    `more` is for each run what it alone has to tell; it comes behind the run's facts.
    """
    yield BEGIN
    for number, (material, own) in enumerate(zip(materials, more or [()] * len(materials), strict=True)):
        told = (*sections[:1], *own, *sections[1:])
        yield from _tenant(Account(material), Markup(material.redactor, f"t{number}"), told)
    yield END


def _tenant(account: Account, markup: Markup, sections: Sequence[Section]) -> Iterator[str]:
    tenant = markup.text(account.material.settings.tenant)
    word = overall(account.entries)
    kind, sign = OVERALL[word]
    told = [(section, html) for section in sections if (html := "".join(section.parts(account, markup)))]
    links = "".join(f'<li><a href="#{markup.anchor(s.name)}">{s.title}</a></li>' for s, _ in told)
    yield (
        f'<section class="nc" id="{markup.anchor("top")}" aria-label="Tenant {tenant}">'
        f'<div class="title"><h2>{tenant}</h2><p class="overall {kind}"><span aria-hidden="true">{sign}</span> '
        f"{summary.concluded(word, summary.warnings(account.entries))}</p></div>"
        f'<p class="lead">{markup.text(_lead(account))}</p>'
        f'<nav aria-label="Contents, {tenant}"><ul>{links}</ul></nav>{_tools(account, markup)}'
    )
    for section, html in told:
        name = markup.anchor(section.name)
        yield (
            f'<section class="part {section.name}" id="{name}" aria-labelledby="{name}-title">'
            f'<h3 id="{name}-title">{section.title}</h3>{html}</section>'
        )
    yield "</section>"


def _lead(account: Account) -> str:
    """The run in one sentence."""
    undetermined = overall(account.entries) is Overall.UNDETERMINED
    why = f" Undetermined: {summary.why_undetermined(account.entries)}." if undetermined else ""
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
    tenant = markup.text(account.material.settings.tenant)
    return (
        f'<form class="tools" hidden role="search" aria-label="Filter verdicts, {tenant}">'
        f'<label>search <input type="search" name="words" autocomplete="off"></label>{vantage}'
        '<label>sort <select name="sort"><option value="order">as planned</option><option value="rank">worst first'
        '</option><option value="count">most cases first</option></select></label>'
        f'<fieldset><legend class="vh">verdicts shown</legend>{boxes}</fieldset>'
        '<button type="button" name="open">Unfold all</button><button type="button" name="close">Fold all</button>'
        '<output aria-live="polite"></output></form>'
    )
