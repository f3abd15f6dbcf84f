"""One row of a table of tests: a world, all that must be found in it, and what must be left open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pytest

from netcompliance import explain
from netcompliance.model import Result, Settings, Verdict
from tests.unit.judge.records import Record
from tests.unit.judge.world import SETTINGS, Found, as_often, found, standing, verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`finds` is compared with the failures of the whole catalogue, so what is not in it must not be found. Where it is
    empty, nothing else may be left open either."""

    records: list[Record]
    finds: Found
    unchecked: frozenset[str]
    """Requirements that are not checked."""
    inapplicable: frozenset[str]
    because: Mapping[str, str]
    """Requirement → the reason that is given for either."""
    settings: Settings

    def check(self) -> None:
        given = verdicts(self.records, self.settings)
        assert found(given) == self.finds
        assert standing(Result.NOTCHECKED, given) >= self.unchecked
        assert standing(Result.NOTAPPLICABLE, given) >= self.inapplicable
        if not self.finds:
            assert left_open(given) <= self.unchecked | self.because.keys()
        for requirement, reason in self.because.items():
            assert {verdict.reason for verdict in given if verdict.case.requirement == requirement} == {reason}
        for text in (told for verdict in given for told in (explain.means(verdict), explain.fix(verdict))):
            assert not set("{}") & set(text)
            assert explain.UNTOLD not in text, "it is filled by the judge's own values"


def left_open(given: Iterable[Verdict]) -> set[str]:
    """Requirements that are not checked for another reason than what they require."""
    unchecked = [verdict for verdict in given if verdict.result is Result.NOTCHECKED]
    return {v.case.requirement for v in unchecked if not v.reason.startswith("not evaluated")}


def row(
    records: list[Record],
    finds: Mapping[str, str] | None = None,
    *,
    unchecked: str = "",
    inapplicable: str = "",
    because: Mapping[str, str] | None = None,
    settings: Settings = SETTINGS,
) -> Row:
    """A row; codes and requirements are separated by spaces."""
    return Row(
        records=as_often(records),
        finds={requirement: set(codes.split()) for requirement, codes in (finds or {}).items()},
        unchecked=frozenset(unchecked.split()),
        inapplicable=frozenset(inapplicable.split()),
        because=because or {},
        settings=settings,
    )


def each(*tables: Mapping[str, Row]) -> pytest.MarkDecorator:
    """The decorator that runs a test for each row of the tables. Rows of two tables may have the same name."""
    rows = [(name, row) for table in tables for name, row in table.items()]
    used = Counter[str]()
    ids = []
    for name, _ in rows:
        used[name] += 1
        ids.append(f"{name} ({used[name]})" if used[name] > 1 else name)
    return pytest.mark.parametrize("case", [row for _, row in rows], ids=ids)
