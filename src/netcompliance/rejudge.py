"""A journal judged again: verdicts from its own observations, offline, by the judge of this version.

Rules
* The population is the journal's: its cases, its settings, its observations. What was not planned then is not judged.
* With `pinned` the requirements are those that the journal states; else those of the catalogue, and a case of which it
  no longer has the requirement is left out.
* The date by which waivers expire is the run's own, unless another is named.
* As while the run went on, a vantage is judged when its record comes, by what is then read of it again: one is held at
  a time, and bounded. In schema 1 that record says nothing of the end, so that is done at the file's.
* A watch comes after the visits: its cases are judged by what was watched, and by who looked.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from netcompliance.catalogue import CONDITIONS, Catalogue
from netcompliance.journal import decode
from netcompliance.journal.reader import BadJournal, Line, SavedRun, Walker, records_at
from netcompliance.journal.redact import Redactor
from netcompliance.journal.writer import verdict_record
from netcompliance.judge import JUDGES, SHARED, identity, judge_vantage, settle, watch
from netcompliance.judge.identity import DERIVED, IDENTITY
from netcompliance.model import Case, Observation, Requirement, Settings, Verdict
from netcompliance.results import Entry, Overall, overall

HELD_LIMIT = 3 << 27
"""What is held of observations at once, in bytes of memory: more than one visit and all watches of a run may say
(`vantage.admission`), so that no host makes the evidence of others unreadable."""

Visited = Callable[[str, Sequence[Observation]], None]
"""Is given a vantage and what was seen there."""
_NOTHING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A case that comes out in another way than the journal says."""

    case: Case
    before: Mapping[str, Any]
    """The journal's record."""
    after: Mapping[str, Any] | None
    """The record as it would be written now; None if there is no judge for it here."""
    fields: tuple[str, ...]
    """What differs."""

    @property
    def is_decisive(self) -> bool:
        """Another verdict, or other findings: not only other words for them."""
        if self.after is None or bool({"verdict", "level"} & {*self.fields}):
            return True
        return "findings" in self.fields and _codes(self.before) != _codes(self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """What judging again came to."""

    entries: tuple[Entry, ...]
    """As they are judged now, in the order of the plan; a case that had no verdict then has none now."""
    changes: tuple[Change, ...]
    unjudged: tuple[str, ...]
    """Requirements of the journal for which there is no judge here."""
    dropped: tuple[str, ...]
    """Requirements of the journal that this catalogue no longer has: nothing is asked of them now."""
    renamed: Mapping[str, tuple[str, ...]]
    """Vantage → fields of its record that are not what was seen of it."""
    unasked: tuple[str, ...]
    """Requirements of this catalogue that were not planned then."""
    version: int
    """Of the catalogue for which it was looked."""

    @property
    def overall(self) -> Overall:
        """One word, as of now."""
        return overall(self.entries, self.version)


def run_date(read: SavedRun) -> date:
    """The UTC date on which the run began. Raises `BadJournal`."""
    try:
        return datetime.fromisoformat(read.header["started"]).date()
    except ValueError:
        raise BadJournal(f"{read.path}: started is no time") from None


def rejudge(
    read: SavedRun, catalogue: Catalogue, today: date, *, pinned: bool, visited: Visited | None = None
) -> Rejudged:
    """Judge the journal's cases; of a watch, those that had a verdict then. Raises `BadJournal`.

    `visited` is given what was seen from each vantage that was visited to its end.
    """
    plan = [(case, _current(stated, catalogue, pinned=pinned)) for case, stated in read.planned(catalogue)]
    able = {case: required for case, required in plan if required and _is_able(required)}
    renamed: dict[str, tuple[str, ...]] = {}
    verdicts = _verdicts(read, able, today, renamed, visited)
    before = {decode.key(record): record for record in read.verdicts}
    entries: list[Entry] = []
    changes: list[Change] = []
    for then, (case, required) in zip(read.entries, plan, strict=True):
        if required is None:
            continue
        verdict = verdicts.get(case) if then.verdict else None
        entries.append(replace(then, verdict=verdict, requirement=required))
        if then.verdict:
            told = before[case.requirement, case.target, case.vantage]
            changes += _changes(case, told, verdict, required, read.schema)
    planned = dict.fromkeys(case.requirement for case, _ in plan)
    kept = {required.id for _, required in plan if required}
    return Rejudged(
        entries=tuple(entries),
        changes=tuple(changes),
        unjudged=tuple(name for name in planned if name in kept and name not in {c.requirement for c in able}),
        dropped=tuple(name for name in planned if name not in kept),
        renamed=renamed,
        unasked=tuple(each.id for each in catalogue.requirements if each.id not in planned),
        version=read.catalogue,
    )


def _current(stated: Requirement, catalogue: Catalogue, *, pinned: bool) -> Requirement | None:
    if pinned:
        return stated
    return next((required for required in catalogue.requirements if required.id == stated.id), None)


def _is_able(required: Requirement) -> bool:
    return required.id in JUDGES and required.when in CONDITIONS


def _verdicts(
    read: SavedRun,
    able: Mapping[Case, Requirement],
    today: date,
    renamed: dict[str, tuple[str, ...]],
    visited: Visited | None,
) -> dict[Case, Verdict]:
    """The verdicts. Whose record says something else of a vantage than was seen there is put into `renamed`."""
    records = {record["id"]: record for record in read.vantages}
    version = read.catalogue
    requirements = {required.id: required for required in able.values()}
    cases: dict[str, list[Case]] = {}
    for case in able:
        cases.setdefault(case.vantage, []).append(case)
    given = {entry.case for entry in read.entries if entry.verdict}
    judged: dict[Case, Verdict] = {}
    public: list[Observation] = []
    watched: dict[str, list[Observation]] = {}
    for vantage, seen in _visits(read, public, watched):
        if visited:
            visited(vantage, seen)
        judged |= judge_vantage(
            requirements, cases.get(vantage, ()), seen, public, read.settings, today, version=version
        )
        if seen and vantage in records and (others := _renamed(records[vantage], seen, read.settings)):
            renamed[vantage] = others
    for vantage, seen in watched.items():
        of_watch = [case for case in cases.get(vantage, ()) if case.requirement == watch.REQUIREMENT and case in given]
        judged |= judge_vantage(requirements, of_watch, seen, (), read.settings, today, version=version)
    every = [judged[case] for case in able if case in judged]
    return {
        verdict.case: verdict for verdict in settle(requirements, every, tuple(able), read.settings, version=version)
    }


def _visits(
    read: SavedRun, public: list[Observation], watched: dict[str, list[Observation]]
) -> Iterator[tuple[str, list[Observation]]]:
    """Vantage and what was seen there, for each that was visited to its end.

    What all may use is put into `public`; who looked and what was seen in a watch after it, into `watched`.
    """
    unvisited = {record["id"] for record in read.vantages if record.get("error")}
    noted = _Noted(read, public, watched)
    for line in Walker(read.path):
        record = line.record
        if line.problem and not line.cut:
            raise BadJournal(f"{read.path}: line {line.number}: {line.problem}")
        if record is None:
            continue
        if record["type"] == "observation":
            if record["vantage"] not in unvisited or record["kind"] in SHARED:
                noted.note(line, record)
        elif record["type"] == "vantage" and read.schema > 1:
            seen = noted.again(record["id"])
            if record["id"] not in unvisited:
                yield record["id"], seen
                if read.settings.watch is not None:
                    watched[record["id"]] = [each for each in seen if each.get("kind") in watch.IDENTITY]
    if read.schema == 1:
        yield from ((vantage, noted.again(vantage)) for vantage in noted.vantages if vantage not in unvisited)


class _Noted:
    """Where a journal has what was seen of each vantage whose visit has not ended; and what is held."""

    def __init__(self, read: SavedRun, public: list[Observation], watched: Mapping[str, list[Observation]]) -> None:
        self._read = read
        self._public = public
        self._watched = watched
        self._places: dict[str, array[int]] = {}
        self._weights: dict[str, int] = {}
        self._runs: dict[str, dict[int, tuple[int, int]]] = {}
        self._held = 0

    @property
    def vantages(self) -> list[str]:
        """Those of which something was seen."""
        return list(self._places)

    def note(self, line: Line, record: Observation) -> None:
        """One observation. Raises `BadJournal` where there are too many to be held."""
        vantage = record["vantage"]
        if vantage in self._watched and record["kind"] == watch.KIND:
            self._held += _hold(self._watched[vantage], record, line.weight, self._runs.setdefault(vantage, {}))
        else:
            self._places.setdefault(vantage, array("Q")).append(line.begin)
            self._weights[vantage] = self._weights.get(vantage, 0) + line.weight
        if record["kind"] in SHARED:
            self._public.append(record)
            self._held += line.weight
        if self._held + self._weights.get(vantage, 0) > HELD_LIMIT:
            raise BadJournal(f"{self._read.path}: line {line.number}: more observations than one run makes")

    def again(self, vantage: str) -> list[Observation]:
        """What was seen of this one, read again. Raises `BadJournal`."""
        self._weights.pop(vantage, None)
        return list(records_at(self._read.path, self._places.pop(vantage, ())))


def _hold(some: list[Observation], record: Observation, weight: int, places: dict[int, tuple[int, int]]) -> int:
    """Hold the record, of a run of a watch in the place of the last one; by how much that is heavier. `places`: where
    each run is held, and its weight."""
    run = record.get("run")
    place, before = places.get(run, (len(some), 0)) if isinstance(run, int) else (len(some), 0)
    some[place : place + 1] = [record]
    if isinstance(run, int):
        places[run] = (place, weight)
    return weight - before


def _renamed(record: Mapping[str, Any], seen: Sequence[Observation], settings: Settings) -> tuple[str, ...]:
    """The fields in which a vantage's record says something else of it than its observations."""
    known = Redactor().value(identity(record["id"], seen, settings))
    names = dict.fromkeys((*IDENTITY, *DERIVED))
    return tuple(name for name in names if name in record and record[name] != known.get(name, _NOTHING))


def _changes(
    case: Case, before: Mapping[str, Any], verdict: Verdict | None, required: Requirement, schema: int
) -> Iterator[Change]:
    if verdict is None:
        yield Change(case=case, before=before, after=None, fields=())
        return
    redactor = Redactor()
    after = redactor.value(verdict_record(redactor.verdict(verdict), required))
    old = schema == 1
    names = (name for name in after if name in before or not old)
    fields = tuple(
        name for name in names if _comparable_field(before, name, old=old) != _comparable_field(after, name, old=old)
    )
    if fields:
        yield Change(case=case, before=before, after=after, fields=fields)


def _codes(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was found, and of whom: all of the findings but their words and their order."""
    return sorted((str(found.get("code")), str(found.get("subject"))) for found in record["findings"])


def _comparable_field(record: Mapping[str, Any], name: str, *, old: bool) -> Any:
    """A field; of an old journal, without what only one of schema 2 has in it."""
    if name != "findings" or not old:
        return record.get(name)
    return [(found.get("code"), found.get("subject"), found.get("detail")) for found in record[name]]
