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
from netcompliance.change import baseline, compare, record, text, wording
from netcompliance.change.baseline import Found
from netcompliance.change.compare import Comparison, Outcome
from netcompliance.config.validation import BadInput
from netcompliance.journal.reader import BadJournal
from netcompliance.journal.redact import Redactor
from netcompliance.model import Case, Settings
from netcompliance.report.terminal import Line

_UNREADABLE = "not compared with the baseline: this run's own journal cannot be read back"


class Worse(pytest.fail.Exception):  # type: ignore[name-defined,misc]
    """The run is worse than its baseline."""

    def __init__(self, items: Sequence[wording.Item]) -> None:
        super().__init__("\n\n".join(text.paragraph(item) for item in items), pytrace=False)


class BaselineCheck:
    """One run's baseline, and what the run comes to against it."""

    def __init__(self, found: Found, settings: Settings) -> None:
        self._found = found
        self._settings = settings
        self._compared: tuple[int, Comparison] | None = None

    def comparison(self, journal: Path) -> Comparison:
        """What the run's journal holds until now, held against the baseline."""
        size = journal.stat().st_size
        if self._compared is None or self._compared[0] != size:
            this = baseline.unfinished(journal)
            self._compared = size, compare.compare(self._found.side, this, self._settings.fail_on_drift)
        return self._compared[1]

    def unharmed(self, journal: Path) -> bool:
        """Whether nothing got worse. What could not be compared may have."""
        comparison = self._readable(journal)
        return comparison is not None and comparison.outcome is Outcome.UNHARMED

    def record(self, journal: Path) -> Mapping[str, Any] | None:
        """What the journal keeps of it."""
        comparison = self._readable(journal)
        return record.in_journal(comparison) if comparison else None

    def header(self) -> list[str]:
        """With what the run is going to be compared, for pytest's own header."""
        return [
            *(f"passed over as a baseline: {explain.printable(each)}" for each in self._found.passed_over),
            f"baseline: {wording.side(self._found.side)}",
        ]

    def lines(self, journal: Path, redactor: Redactor, width: int) -> Iterator[Line]:
        """For the terminal."""
        comparison = self._readable(journal)
        return text.lines(comparison, redactor, width) if comparison else iter([((_UNREADABLE, {"red": True}),)])

    def _readable(self, journal: Path) -> Comparison | None:
        """None if the run's own journal cannot be read back, as on a disk that is full: the run still ends in order."""
        try:
            return self.comparison(journal)
        except (BadJournal, OSError):
            return None


class BaselineComparison:
    """A run compared with its baseline, as a suite's test of change asks it."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def shows_no_regression(self) -> None:
        """Pass if what was met before is met now; skip if that could not be answered; else raise `Worse`."""
        if self.comparison.regressions:
            raise Worse(wording.regressions(self.comparison))
        if self.comparison.outcome is Outcome.UNDETERMINED:
            pytest.skip(f"notchecked: {wording.conclusion(self.comparison)}")

    def shows_no_drift(self) -> None:
        """Pass if nothing changed underneath that was asked not to; else raise `Worse`."""
        if not self.comparison.forbidden:
            pytest.skip("notapplicable: drift fails with --fail-on-drift, or as the profile's [comparison] says")
        if self.comparison.forbidden_drifts:
            raise Worse(wording.drifts(self.comparison, self.comparison.forbidden_drifts))


def find(asked: str, reports: Path, settings: Settings, cases: Sequence[Case], started: datetime) -> BaselineCheck:
    """The baseline that was asked for. Raises `BadInput`."""
    vantages = {case.vantage for case in cases}
    try:
        found = baseline.find(asked, reports, settings.tenant, settings.endpoint, started, vantages)
    except BadInput as error:
        raise BadInput(f"--baseline {asked}: {error}") from None
    return BaselineCheck(found, settings)
