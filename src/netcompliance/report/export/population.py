"""What every format is given to tell: a run, its planned cases and what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from netcompliance.model import Basis, Case, Requirement, Result, Verdict, Waiver
from netcompliance.report.export.fields import midnight_after
from netcompliance.results import CaseStatus, Entry, Overall


class NotRepresentable(Exception):
    """The format has no word for this run. The text says for what, in one line."""


class Outcome(StrEnum):
    """What became of a planned case: a verdict, or none."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    NOTAPPLICABLE = "notapplicable"
    NOTCHECKED = "notchecked"
    WAIVED = "waived"
    ERROR = "error"
    """Nobody could look."""
    UNKNOWN = "unknown"
    """Planned and without a verdict, or with one that is no evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A finding."""

    code: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A planned case and what became of it."""

    case: Case
    requirement: Requirement
    outcome: Outcome
    strict: bool
    findings: tuple[Told, ...] = ()
    saw: str = ""
    means: str = ""
    fix: str = ""
    ask: str = ""
    reason: str = ""
    """Why it was not applicable, not checked or waived, or why there is no verdict."""
    reproduce: str = ""
    waiver: Waiver | None = None
    """Only with the outcome `waived`."""
    decided: Verdict | None = None
    """The verdict itself, if all its findings are known here."""

    @property
    def name(self) -> str:
        """Requirement, target and vantage: the same in every run, and of one case only."""
        return str(self.case)

    @property
    def waived_until(self) -> datetime | None:
        """When its waiver ends: with its last day, which is UTC's."""
        return midnight_after(self.waiver.expires) if self.waiver else None

    @property
    def codes(self) -> tuple[str, ...]:
        """The findings' codes, each once."""
        return tuple(dict.fromkeys(found.code for found in self.findings))

    @property
    def status(self) -> CaseStatus:
        """How it stands, for a reader."""
        return self.entry.status

    @property
    def entry(self) -> Entry:
        """The same as the noun that conclusions are drawn from."""
        judged = self.outcome not in (Outcome.ERROR, Outcome.UNKNOWN)
        return Entry(
            case=self.case,
            requirement=self.requirement,
            verdict=Verdict(case=self.case, result=Result(self.outcome)) if judged else None,
            trouble=self.reason if self.outcome is Outcome.ERROR else None,
            strict=self.strict,
        )

    @property
    def paragraph(self) -> tuple[tuple[str, str], ...]:
        """(label, text) as a person reads it, without what is empty."""
        unmet = self.outcome in (Outcome.FAIL, Outcome.WAIVED)
        derived = self.requirement.basis is Basis.DERIVED
        origin = (
            f"{self.requirement.source} (derived)" if derived else f"Network configuration, {self.requirement.source}"
        )
        told = (
            ("required", self.requirement.says),
            ("saw", self.saw),
            ("means", self.means if unmet else ""),
            ("fix", self.fix if unmet else ""),
            ("ask", self.ask if unmet else ""),
            ("because", self.reason),
            ("source", origin),
            ("reproduce", self.reproduce),
        )
        return tuple((label, text) for label, text in told if text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A vantage, with what is known of it."""

    id: str
    error: str
    """Why it could not be visited to its end; empty if it was, or if the run ended before."""
    visited: bool
    clock_offset: float | None
    """Seconds ahead of the service's clock."""
    facts: Mapping[str, str]
    """Host name, kind, source address and platform, as far as they are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A run, told."""

    run: str
    tenant: str
    endpoint: str
    domain_name: str
    """The tenant's host name."""
    started: datetime
    finished: datetime | None
    """None: the journal has no footer."""
    tool: str
    version: str
    catalogue: str
    catalogue_sha256: str
    settings_sha256: str
    """Of the settings as JSON with sorted keys and no white space."""
    journal_sha256: str
    overall: Overall
    rows: tuple[Row, ...]
    """In the order of the plan."""
    places: tuple[Place, ...]
    """Sorted; every vantage of a planned case."""

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How often each outcome came."""
        tally = Counter(row.outcome for row in self.rows)
        return {outcome: tally[outcome] for outcome in Outcome}
