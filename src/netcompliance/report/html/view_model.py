"""Everything that a page tells, put in order before any HTML is made.

Rules
* One cause is told once: verdicts of a requirement with the same findings and the same remedy are one group, with all
  the targets and vantages that it concerns.
* Observations are read once, in the order of the journal, and only what will be shown is kept: the first cases of each
  group, the worst groups first, so that a page of a thousand hosts is no larger than one of fifty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from netcompliance import explain
from netcompliance.journal.reader import BadJournal, SavedRun, moment
from netcompliance.judge import index
from netcompliance.model import Case, Observation
from netcompliance.report import summary
from netcompliance.report.actions import actions
from netcompliance.report.html.excerpt import Excerpt, excerpt
from netcompliance.report.html.path_facts import PathFacts
from netcompliance.results import RANK, CaseStatus, Entry

UNSATISFIED = (CaseStatus.FAIL, CaseStatus.UNMET_SHOULD, CaseStatus.WAIVED)
"""What has a paragraph: found to be so, whoever accepts it."""
CASES = 400
"""Cases whose observations are shown, at most."""
PER_CASE = 30
"""Observations of one case, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Cases of one requirement of which the same is to be said."""

    number: int
    entries: tuple[Entry, ...]
    remedy: str = ""
    """What is to be done about all of them, where something is."""

    @property
    def first(self) -> Entry:
        """The one that is told in full."""
        return self.entries[0]

    @property
    def status(self) -> CaseStatus:
        """How all of them stand."""
        return self.first.status

    @property
    def vantages(self) -> list[str]:
        """Where they were looked at from."""
        return summary.vantages(self.entries)

    @property
    def targets(self) -> list[str]:
        """What they ask about."""
        return list(dict.fromkeys(entry.case.target for entry in self.entries))


@dataclass(slots=True, kw_only=True)
class Extract:
    """What was seen for one case, as far as it is shown."""

    shown: list[Excerpt] = field(default_factory=list)
    number: int = 0
    """How many there are."""


class Account:
    """One tenant's run, ready to be told, as its journal gives it back. Raises `BadJournal`."""

    def __init__(self, run: SavedRun) -> None:
        self.run = run
        self.entries = _entries(run)
        self.overall = run.overall
        self.finished = moment(run.footer["finished"]) if run.footer else None
        """When the run came to its end; None if it did not."""
        self.identities: Mapping[str, Observation] = {record["id"]: record for record in run.vantages}
        """Vantage → what it said of itself, and `error` where nobody could look."""
        self.vantages = summary.vantages(self.entries)
        self.groups = tuple(groups(self.entries))
        self.extracts: dict[Case, Extract] = {case: Extract() for case in _chosen(self.groups)}
        self.glimpses: dict[str, PathFacts] = {vantage: PathFacts() for vantage in self.vantages}
        self.unread = ""
        """Why the observations could not be read, if that is so."""
        self._read()

    @property
    def word(self) -> str:
        """The word over all, and how many warnings stand below it."""
        return summary.concluded(self.overall, summary.warnings(self.entries))

    @cached_property
    def rows(self) -> dict[str, list[Group]]:
        """Requirement → its groups, the worst first."""
        table: dict[str, list[Group]] = {}
        for group in self.groups:
            table.setdefault(group.first.requirement.id, []).append(group)
        for listed in table.values():
            listed.sort(key=lambda group: RANK[group.status])
        return table

    @cached_property
    def causes(self) -> list[Group]:
        """What is not satisfied and was looked at, the worst first."""
        found = [group for group in self.groups if group.status in UNSATISFIED]
        return sorted(found, key=lambda group: RANK[group.status])

    def _read(self) -> None:
        wanted = index(self.extracts)
        host = self.run.settings.host
        try:
            for seen in self.run.observations():
                vantage = str(seen.get("vantage"))
                if vantage in self.glimpses:
                    self.glimpses[vantage].look(seen, host)
                for case in wanted.cases(seen):
                    extract = self.extracts[case]
                    extract.number += 1
                    if len(extract.shown) < PER_CASE:
                        extract.shown.append(excerpt(seen))
        except (BadJournal, OSError) as error:
            self.unread = str(error)


def _entries(run: SavedRun) -> list[Entry]:
    """Every planned case and what became of it; where it has no verdict, why, also where only the footer says so."""
    errors = (run.footer or {}).get("errors")
    listed = [each for each in errors if isinstance(each, Mapping)] if isinstance(errors, list) else []

    def error_of(case: Case) -> str | None:
        for each in listed:
            if (
                each.get("vantage", case.vantage) == case.vantage
                and each.get("requirement", case.requirement) == case.requirement
            ):
                return str(each.get("error"))
        return None

    return [
        entry if entry.verdict or entry.trouble else replace(entry, trouble=error_of(entry.case))
        for entry in run.entries
    ]


def groups(entries: Iterable[Entry]) -> Iterator[Group]:
    """The entries, those together of which the same is to be said, in the order of the plan."""
    alike: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        alike.setdefault(_sameness(entry), []).append(entry)
    found = [group for listed in alike.values() for group in _by_action(listed)]
    for number, (listed, remedy) in enumerate(found, 1):
        yield Group(number=number, entries=tuple(listed), remedy=remedy)


def _by_action(entries: Sequence[Entry]) -> Iterator[tuple[Sequence[Entry], str]]:
    if entries[0].verdict is None or entries[0].status not in UNSATISFIED:
        yield entries, ""
        return
    of = {id(entry.verdict): entry for entry in entries}
    for action in actions([entry.verdict for entry in entries if entry.verdict]):
        yield [of[id(verdict)] for verdict in action.verdicts], action.text


def _sameness(entry: Entry) -> tuple[object, ...]:
    verdict = entry.verdict
    if verdict is None:
        return entry.requirement.id, entry.status, entry.trouble
    return entry.requirement.id, entry.status, tuple(explain.grouped(verdict)), verdict.reason


def _chosen(groups: Sequence[Group]) -> Iterator[Case]:
    """The cases whose observations are shown: one of each group first, then as many as there is room for."""
    ordered = sorted((group for group in groups if group.first.verdict), key=lambda group: RANK[group.status])
    cases = [group.first.case for group in ordered]
    cases += [entry.case for group in ordered for entry in group.entries[1:]]
    yield from cases[:CASES]
