"""A run of pytest's held against its baseline: found before the run, compared when all verdicts are given.

Rules
* Loaded only where a baseline was asked for.
* What is compared is the journal as it lies on disk, by the same code that compares two saved ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from netcompliance import explain
from netcompliance.change import baseline, compare, page, record, text, told
from netcompliance.change.baseline import Found
from netcompliance.change.compare import Comparison, Outcome
from netcompliance.inputs import BadInput
from netcompliance.model import Case, Settings
from netcompliance.report import saved
from netcompliance.report.html import Section
from netcompliance.report.redact import Redactor
from netcompliance.report.terminal import Line


class Worse(pytest.fail.Exception):  # type: ignore[name-defined,misc]
    """The run is worse than its baseline."""

    def __init__(self, items: Sequence[told.Item]) -> None:
        super().__init__("\n\n".join(text.paragraph(item) for item in items), pytrace=False)


class Against:
    """One run's baseline, and what the run comes to against it."""

    def __init__(self, found: Found, settings: Settings) -> None:
        self._found = found
        self._settings = settings
        self._compared: tuple[int, Comparison] | None = None

    def comparison(self, journal: Path) -> Comparison:
        """What the run's journal holds until now, held against the baseline."""
        size = journal.stat().st_size
        if self._compared is None or self._compared[0] != size:
            this = baseline.unfinished(saved.read(journal))
            self._compared = size, compare.compare(self._found.side, this, self._settings.fail_on_drift)
        return self._compared[1]

    def unharmed(self, journal: Path) -> bool:
        """Whether nothing got worse."""
        return self.comparison(journal).outcome is Outcome.UNHARMED

    def record(self, journal: Path) -> Mapping[str, Any]:
        """What the journal keeps of it."""
        return record.in_journal(self.comparison(journal))

    def header(self) -> list[str]:
        """With what the run is going to be compared, for pytest's own header."""
        return [
            *(f"passed over as a baseline: {explain.printable(each)}" for each in self._found.passed_over),
            f"baseline: {told.side(self._found.side)}",
        ]

    def lines(self, journal: Path, redactor: Redactor, width: int) -> Iterator[Line]:
        """For the terminal."""
        return text.lines(self.comparison(journal), redactor, width)

    def section(self, journal: Path) -> Section:
        """For the page."""
        return page.section(self.comparison(journal))


class Held:
    """What a suite's test of change holds."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def shows_no_regression(self) -> None:
        """Pass if what was met before is met now; skip if that could not be answered; else raise `Worse`."""
        if self.comparison.regressions:
            raise Worse(told.regressions(self.comparison))
        if self.comparison.outcome is Outcome.UNDETERMINED:
            pytest.skip(f"notchecked: {told.conclusion(self.comparison)}")

    def shows_no_drift(self) -> None:
        """Pass if nothing changed underneath that was asked not to; else raise `Worse`."""
        if not self.comparison.forbidden:
            pytest.skip("notapplicable: drift fails with --fail-on-drift, or as the profile's [comparison] says")
        if self.comparison.forbidden_drifts:
            raise Worse(told.drifts(self.comparison, self.comparison.forbidden_drifts))


def find(asked: str, reports: Path, settings: Settings, cases: Sequence[Case], started: datetime) -> Against:
    """The baseline that was asked for. Raises `BadInput`."""
    vantages = {case.vantage for case in cases}
    try:
        found = baseline.find(asked, reports, settings.tenant, settings.endpoint, started, vantages)
    except BadInput as error:
        raise BadInput(f"--baseline {asked}: {error}") from None
    return Against(found, settings)
