"""Unmet cases by what is to be done about them: one cause is told once, with all its names."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from netcompliance.report.actions import actions
from netcompliance.report.export.run import Row

Cause = tuple[Sequence[Row], Sequence[str]]
"""Cases of one requirement, and what is to be done, once for each vantage for which it is another thing."""


def causes(rows: Iterable[Row]) -> Iterator[Cause]:
    """The causes behind unmet cases, in their order: targets stand together if their remedy does from every vantage."""
    for alike in grouped(rows, lambda row: (row.requirement.id, row.status, row.codes)):
        yield from _causes(alike)


def _causes(alike: Sequence[Row]) -> Iterator[Cause]:
    remedies: dict[tuple[str, str], str] = {}
    places: dict[str, list[tuple[str, int]]] = {}
    for rows in grouped(alike, lambda row: row.case.vantage):
        vantage = rows[0].case.vantage
        for number, action in enumerate(actions([row.entry.verdict for row in rows if row.entry.verdict])):
            for verdict in action.verdicts:
                remedies[vantage, verdict.case.target] = action.text
                places.setdefault(verdict.case.target, []).append((vantage, number))
    for rows in grouped(alike, lambda row: tuple(places[row.case.target])):
        yield rows, list(dict.fromkeys(remedies[row.case.vantage, row.case.target] for row in rows))


def grouped(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> list[list[Row]]:
    """Rows with the same key, in the order of the first of each."""
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.values())
