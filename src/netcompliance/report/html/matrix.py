"""Requirement × vantage at a glance.

Rules
* Up to `NAMED` vantages have a column each. More are put together where every cell is the same, under a letter that is
  explained below; the columns of each vantage by itself are behind a fold, in tables narrow enough to be printed.
* A cell has a sign, a colour and, for those who see neither, a word.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from netcompliance.model import Requirement
from netcompliance.report import summary
from netcompliance.report.html.markup import KEYS, LEGEND, MARKS, Markup, many, scrolling, worst
from netcompliance.report.html.view_model import Account
from netcompliance.results import RANK, CaseStatus, Entry

NAMED = 8
"""Vantages that have a column each."""
WORDS = 4
"""Columns whose cells have room for words."""
WIDE = 25
"""Columns of one table, at most."""

Rows = dict[str, tuple[Requirement, dict[str, list[Entry]]]]
Column = tuple[str, str, Sequence[str]]
"""(head, class of the head, vantages that are alike)."""


def parts(account: Account, markup: Markup) -> Iterator[str]:
    """The matrix, its legend, and each vantage by itself where they were put together."""
    rows = summary.rows(account.entries)
    yield _legend(account.entries, markup)
    if len(account.vantages) <= NAMED:
        yield from _tables(rows, [(v, _slant(account.vantages), [v]) for v in account.vantages], "Verdicts", markup)
        return
    alike = _alike(rows, account.vantages)
    columns = [(f"{_letter(n)} ({len(vantages)})", "", vantages) for n, vantages in enumerate(alike)]
    yield from _tables(rows, columns, "Verdicts", markup)
    keys = ((_letter(n), markup.text(summary.folded(vantages, most=60))) for n, vantages in enumerate(alike))
    yield markup.pairs(keys, "columns")
    yield f"<details><summary>Each of the {many(len(account.vantages), 'vantage')} by itself</summary>"
    yield from _tables(rows, [(v, "slant", [v]) for v in account.vantages], "Verdicts of each vantage", markup)
    yield "</details>"


def _slant(vantages: Sequence[str]) -> str:
    """Heads stand upright where they would not fit side by side."""
    return "slant" if len(vantages) > WORDS else ""


def _tables(rows: Rows, columns: Sequence[Column], title: str, markup: Markup) -> Iterator[str]:
    width = math.ceil(len(columns) / math.ceil(len(columns) / WIDE))
    for start in range(0, len(columns), width):
        shown = columns[start : start + width]
        label = title if len(columns) <= width else f"{title}, {start + 1} to {start + len(shown)}"
        yield from scrolling(label, _table(rows, shown, label, markup))


def _table(rows: Rows, columns: Sequence[Column], label: str, markup: Markup) -> Iterator[str]:
    words = len(columns) <= WORDS
    yield f'<table class="matrix{"" if words else " signs"}"><caption class="vh">{label}</caption><thead><tr>'
    yield '<th scope="col">requirement</th><th scope="col" class="level">level</th>'
    for head, kind, _ in columns:
        yield f'<th scope="col" class="{kind}"><span>{markup.text(head)}</span></th>'
    yield '</tr></thead><tbody class="list">'
    for number, (name, (requirement, found)) in enumerate(rows.items()):
        yield _row(number, name, requirement, found, columns, words=words, markup=markup)
    yield "</tbody></table>"


def _row(
    number: int,
    name: str,
    requirement: Requirement,
    found: dict[str, list[Entry]],
    columns: Sequence[Column],
    *,
    words: bool,
    markup: Markup,
) -> str:
    entries = [entry for _, _, vantages in columns for vantage in vantages for entry in found.get(vantage, ())]
    standings = {entry.status for entry in entries}
    rank = min((RANK[standing] for standing in standings), default=99)
    cells = "".join(_cell(found.get(vantages[0], []), words=words) for _, _, vantages in columns)
    known = " ".join(sorted(KEYS[standing] for standing in standings))
    return (
        f'<tr class="item" data-order="{number}" data-rank="{rank}" data-count="{len(entries)}" '
        f'data-standing="{known}"><th scope="row"><a href="#{markup.anchor(name)}">{markup.text(name)}</a> '
        f'<span class="says">{markup.text(requirement.says)}</span></th>'
        f'<td class="level">{requirement.level}</td>{cells}</tr>'
    )


def _cell(entries: Sequence[Entry], *, words: bool) -> str:
    text, standing = summary.cell(entries)
    if standing is None:
        return "<td></td>"
    kind, sign = MARKS[standing]
    told = text if words else f'<span class="vh">{text}</span>'
    return f'<td class="cell {kind}"><span aria-hidden="true">{sign}</span> {told}</td>'


def _legend(entries: Sequence[Entry], markup: Markup) -> str:
    there = sorted({entry.status for entry in entries}, key=RANK.__getitem__)
    items = "".join(f"<li>{markup.status_mark(standing)} <span>{LEGEND[standing]}</span></li>" for standing in there)
    return f'<ul class="legend">{items}</ul>'


def _alike(rows: Rows, vantages: Sequence[str]) -> list[list[str]]:
    """The vantages, those together of which every cell is the same; the worst first, then the many."""
    columns: dict[tuple[tuple[str, CaseStatus | None], ...], list[str]] = {}
    for vantage in vantages:
        cells = tuple(summary.cell(found.get(vantage, [])) for _, found in rows.values())
        columns.setdefault(cells, []).append(vantage)

    def rank(cells: tuple[tuple[str, CaseStatus | None], ...]) -> tuple[int, int]:
        return RANK[worst(standing for _, standing in cells if standing)], -len(columns[cells])

    return [columns[cells] for cells in sorted(columns, key=rank)]


def _letter(number: int) -> str:
    """A … Z, AA, AB …"""
    name = chr(ord("A") + number % 26)
    return name if number < 26 else _letter(number // 26 - 1) + name
