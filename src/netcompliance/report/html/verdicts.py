"""Verdicts as paragraphs: what is not satisfied, and each requirement with all that became of it.

Rules
* A cause is one paragraph (required, saw, means, fix, ask, because, source, reproduce) and names all that it concerns.
* Below its requirement every case is named, with what was seen in it: nothing planned is missing from the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from netcompliance import explain
from netcompliance.journal import JOURNAL
from netcompliance.model import Basis, Requirement
from netcompliance.report import summary
from netcompliance.report.html import raw
from netcompliance.report.html.markup import KEYS, MARKS, Markup, many, table
from netcompliance.report.html.view_model import UNSATISFIED, Account, Group
from netcompliance.results import RANK, Entry

EACH = 500
"""Cases of a group that are listed one by one."""
NAMES = 60
"""Vantages, or runs of them, that are named in a line."""


def causes(account: Account, markup: Markup) -> Iterator[str]:
    """What was found not to be satisfied: one paragraph each."""
    if not account.causes:
        return
    yield '<div class="list">'
    for order, group in enumerate(account.causes):
        yield from _cause(account, group, order, markup)
    yield "</div>"


def _cause(account: Account, group: Group, order: int, markup: Markup) -> Iterator[str]:
    entry, kind = group.first, MARKS[group.status][0]
    verdict = entry.verdict
    assert verdict
    codes = dict.fromkeys(str(found.code) for found in verdict.findings)
    said = " ".join(markup.code(code) for code in codes)
    yield (
        f'<article class="item cause {kind}" id="{markup.anchor("cause", str(group.number))}" '
        f"{_filtered(account, [group], order)}>"
        f"<h4>{markup.status_mark(group.status)} <span>{markup.text(entry.requirement.id)} "
        f"{markup.text(entry.case.target)}</span> {said}</h4>{_where(group, markup)}"
    )
    told = explain.rows(verdict, entry.requirement, group.remedy)
    yield markup.pairs((label, _value(label, text, markup)) for label, text in told)
    if len(group.entries) > 1:
        yield from _each(group.entries, "what is to be done", markup)
    yield from raw.parts(account, group, markup)
    yield "</article>"


def _value(label: str, text: str, markup: Markup) -> str:
    return markup.code(text) if label == "reproduce" else markup.text(text)


def _where(group: Group, markup: Markup) -> str:
    """The other targets, and the vantages."""
    others = [markup.text(target) for target in group.targets[1:]]
    also = f"also {', '.join(others[:12])}{f' and {len(others) - 12} more' if others[12:] else ''}; " if others else ""
    count = f" ({len(group.vantages)} vantages)" if len(group.vantages) > 1 else ""
    return f'<p class="where">{also}from <b>{markup.text(summary.folded(group.vantages))}</b>{count}</p>'


def requirements(account: Account, markup: Markup) -> Iterator[str]:
    """Each requirement as it is documented, and each of its cases."""
    yield (
        '<p class="note printed">Printed without what is folded behind verdicts that are satisfied: unfold it first, '
        f"or read {JOURNAL}.</p>"
    )
    yield '<div class="list">'
    for order, groups in enumerate(account.rows.values()):
        requirement = groups[0].first.requirement
        name = requirement.id
        total = sum(len(group.entries) for group in groups)
        yield (
            f'<article class="item requirement" id="{markup.anchor(name)}" {_filtered(account, groups, order)}>'
            f'<h4><span class="id">{markup.text(name)}</span> <span>{markup.text(requirement.says)}</span></h4>'
            f'<p class="about">{_about(requirement, markup)} <span>{many(total, "case")}</span></p>'
        )
        for group in groups:
            yield from _group(account, group, markup)
        yield "</article>"
    yield "</div>"


def _about(requirement: Requirement, markup: Markup) -> str:
    page = "Network configuration, " if requirement.basis is Basis.DOCUMENTED else ""
    source = requirement.source if requirement.source.startswith("Network") else f"{page}{requirement.source}"
    how = "asked by the page" if requirement.basis is Basis.DOCUMENTED else "follows from"
    needs = "".join(
        f' <span>after {", ".join(f"""<a href="#{markup.anchor(name)}">{name}</a>""" for name in requirement.requires)}'
        "</span>"
        if requirement.requires
        else ""
    )
    return (
        f'<span class="tag">{requirement.level}</span> <span class="tag">{requirement.basis}</span> '
        f"<span>{how}: {markup.text(source)}</span>{needs}"
    )


def _group(account: Account, group: Group, markup: Markup) -> Iterator[str]:
    entry = group.first
    where = markup.text(summary.folded(group.vantages, most=NAMES))
    targets = len(group.targets)
    what = markup.text(group.targets[0]) if targets == 1 else many(targets, "target")
    yield f'<div class="group"><p>{markup.status_mark(group.status)} <span>{what} from {where}</span></p>'
    if group.status in UNSATISFIED:
        cause = markup.anchor("cause", str(group.number))
        yield f'<p><a href="#{cause}">What it means and what to do</a></p></div>'
        return
    if targets > 1:
        yield f'<ul class="targets">{"".join(f"<li>{markup.text(name)}</li>" for name in group.targets[:EACH])}</ul>'
    if entry.verdict is None:
        yield f"{markup.pairs([('because', markup.text(entry.trouble or 'deselected or interrupted'))])}</div>"
        return
    verdict = entry.verdict
    alone = len(group.entries) == 1
    example = "" if alone or not verdict.saw else f" (from {verdict.case.vantage})"
    yield markup.pairs(
        [
            ("saw", markup.text(f"{verdict.saw}{example}")),
            ("because", markup.text(verdict.reason)),
            ("reproduce", markup.code(verdict.reproduce) if verdict.reproduce else ""),
        ]
    )
    if not alone and any(e.verdict and e.verdict.saw for e in group.entries):
        yield from _each(group.entries, "what was seen", markup)
    yield from raw.parts(account, group, markup)
    yield "</div>"


def _each(entries: Sequence[Entry], title: str, markup: Markup) -> Iterator[str]:
    """Every case of a group, with what was seen and, if it is not the same for all, what to do."""
    fixes = {explain.fix(entry.verdict) for entry in entries if entry.verdict}
    targets = {entry.case.target for entry in entries}
    ordered = sorted(entries, key=lambda entry: summary.by_number(entry.case.vantage))
    head = ["vantage", *(["target"] if len(targets) > 1 else []), "saw", *(["fix"] if len(fixes) > 1 else [])]

    def cells(entry: Entry) -> Iterable[str]:
        verdict = entry.verdict
        yield markup.text(entry.case.vantage)
        if len(targets) > 1:
            yield markup.text(entry.case.target)
        yield markup.text(verdict.saw if verdict else "")
        if len(fixes) > 1:
            yield markup.text(explain.fix(verdict) if verdict else "")

    yield f'<details class="each"><summary>Each of the {many(len(entries), "case")}: {title}</summary>'
    yield from table(head, (cells(entry) for entry in ordered[:EACH]), "each")
    if len(entries) > EACH:
        yield f'<p class="note">and {many(len(entries) - EACH, "case")} more</p>'
    yield "</details>"


def _filtered(account: Account, groups: Sequence[Group], order: int) -> str:
    """What a script filters and sorts by."""
    standings = {group.status for group in groups}
    numbers = {vantage: str(number) for number, vantage in enumerate(account.vantages)}
    places = {numbers[vantage] for group in groups for vantage in group.vantages}
    count = sum(len(group.entries) for group in groups)
    return (
        f'data-order="{order}" data-rank="{min(RANK[standing] for standing in standings)}" data-count="{count}" '
        f'data-standing="{" ".join(sorted(KEYS[standing] for standing in standings))}" '
        f'data-vantage="{" ".join(sorted(places, key=int))}"'
    )
