"""A journal that was written, read back: the same nouns as while it ran.

Rules
* A journal is hostile until it is checked. Lines, values in them, and what is kept of all lines are bounded, so a
  journal of any size is read in bounded memory; nothing in it is executed; whatever does not fit is `BadJournal`, one
  line that names file and line.
* Observations are by far the most of it, so they are not kept: `observations` reads them again, one at a time.
* Reading checks the chain. A journal in which a byte was changed is not read; `walk` goes on behind such a line, for
  those who want to name them all.
* A journal without its footer can be read, and is no evidence: `SavedRun.footer` is None then. With it, its digest is
  that of all lines before it, and nothing follows.
* A vantage is visited once: it has one record, and behind that (since schema 2) no observation but those of a watch.
"""

from __future__ import annotations

import hashlib
import json
import math
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from sys import getsizeof
from typing import Any, TypeVar

from netcompliance.catalogue import Catalogue
from netcompliance.journal import decode, hash_chain
from netcompliance.journal.decode import DecodeError, Record
from netcompliance.journal.shared import Shared
from netcompliance.journal.writer import LINE_LIMIT, SCHEMA, VALUES_LIMIT, values_in
from netcompliance.model import DEFAULT_DOMAIN, AskedFrom, Case, Requirement, Settings
from netcompliance.results import Entry, Overall, overall

Noun = TypeVar("Noun")
Observe = Callable[[Record, Record], None]
"""Is given the header and an observation."""

KEPT_LIMIT = 1 << 28
"""What is kept of a journal, in bytes of memory: the cases and verdicts of 2,000 hosts."""

KEPT = ("header", "case", "vantage", "verdict", "comparison", "footer")
_NEEDED: Mapping[str, Mapping[str, type]] = {
    "header": {"tenant": str, "endpoint": str, "started": str, "settings": dict, "tool": dict, "catalogue_sha256": str},
    "case": dict.fromkeys(("requirement", "target", "vantage", "host", "level", "basis", "says", "source"), str),
    "vantage": {"id": str},
    "observation": {"vantage": str, "kind": str},
    "verdict": {**dict.fromkeys(("requirement", "target", "vantage", "verdict"), str), "findings": list},
    "footer": {"overall": str, "counts": dict, "finished": str, "sha256": str},
}
"""Record → field → type: without these it is none."""
_AFTERWARDS = "watch"
"""The kind of observations that come when the visits are over."""


class BadJournal(Exception):
    """This is no journal that can be used. The text says why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a journal: its record, or what is wrong with it."""

    number: int
    record: Record | None
    problem: str | None = None
    cut: bool = False
    """The file ends within this line: the run was cut off while it wrote it."""
    begin: int = 0
    """The byte of the file at which it begins."""

    @property
    def weight(self) -> int:
        """Bytes that keeping the record costs, roughly."""
        return _weight(self.record)


@dataclass(frozen=True, kw_only=True)
class SavedRun:
    """A journal without its observations."""

    path: Path
    header: Record
    cases: tuple[Record, ...]
    vantages: tuple[Record, ...]
    verdicts: tuple[Record, ...]
    footer: Record | None
    """None: the run was cut off, and the journal is no evidence."""
    sha256: str
    """Of all bytes of the file."""
    counted: Mapping[str, int] = field(default_factory=dict)
    """Records by type."""
    comparisons: tuple[Record, ...] = ()

    def observations(self) -> Iterator[Record]:
        """What was seen, read again from the file."""
        return observations(self.path)

    @property
    def schema(self) -> int:
        """Which version of the journal's format this is."""
        number: int = self.header["schema"]
        return number

    @cached_property
    def started(self) -> datetime:
        """When the run began. Raises `BadJournal`."""
        at = moment(self.header["started"])
        if at is None:
            raise BadJournal(f"{self.path}: its header does not say when the run began")
        return at

    @cached_property
    def settings(self) -> Settings:
        """What the run was told. Raises `BadJournal`."""
        return self.fitting(lambda: decode.settings(self.header["settings"]))

    @cached_property
    def plan(self) -> tuple[tuple[Case, Requirement], ...]:
        """Every planned case with its requirement, as this journal states it. Raises `BadJournal`."""
        return self.planned(None)

    def planned(self, catalogue: Catalogue | None) -> tuple[tuple[Case, Requirement], ...]:
        """Likewise; what a journal of schema 1 does not state is taken from the catalogue. Raises `BadJournal`."""
        return self.fitting(
            lambda: tuple((decode.case(record), decode.requirement(record, catalogue)) for record in self.cases)
        )

    @cached_property
    def entries_as_written(self) -> tuple[Entry, ...]:
        """Every planned case and what became of it, in the order of the plan. Raises `BadJournal`.

        For who tells what the journal says: a later version may have written it, with settings and findings of its own.
        """
        strict = self.header["settings"].get("strict") is True
        return self.fitting(lambda: tuple(decode.entries(self.plan, self.verdicts, self.vantages, strict=strict)))

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Likewise, for who explains or judges: all settings and findings are known here. Raises `BadJournal`."""
        self.fitting(lambda: (self.settings, decode.known(self.entries_as_written)))
        return self.entries_as_written

    @property
    def overall(self) -> Overall:
        """One word over all that is in the journal; undetermined if it was cut off."""
        return overall(self.entries, self.catalogue) if self.footer else Overall.UNDETERMINED

    @cached_property
    def everywhere(self) -> tuple[str, ...]:
        """The vantages from which it was to be asked; as the plan has it, where an older header does not name them."""
        named = self.header.get("vantages")
        if isinstance(named, list) and all(isinstance(each, str) for each in named):
            return tuple(named)
        return self.planned_from

    @cached_property
    def planned_from(self) -> tuple[str, ...]:
        """The vantages of the plan, but for what the workstation is asked for all of them. Raises `BadJournal`."""
        asked = (case.vantage for case, required in self.plan if required.asked_from is not AskedFrom.WORKSTATION)
        return tuple(sorted(set(asked)))

    @property
    def catalogue(self) -> int:
        """The version of the catalogue under which it was made."""
        version = self.header.get("catalogue")
        return version if isinstance(version, int) else 1

    def fitting(self, decoded: Callable[[], Noun]) -> Noun:
        """What comes of decoding records of this journal. Raises `BadJournal` where they do not fit."""
        try:
            return decoded()
        except DecodeError as misfit:
            raise BadJournal(f"{self.path}: {misfit}") from None


def observations(path: Path) -> Iterator[Record]:
    """What a journal says was seen. Raises `BadJournal`."""
    return (record for record in records(path) if record["type"] == "observation")


def moment(text: object) -> datetime | None:
    """A time with a zone, as a journal has it; None if it is none, or so far off that no other zone has it."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at if at and at.tzinfo and 1970 <= at.year < 9999 else None


def tenants_host(header: Record) -> str:
    """The name at which the tenant's service is."""
    return f"{header['settings'].get('tenant')}.{header['settings'].get('domain')}"


def read(path: Path, *, complete: bool = False, observe: Observe | None = None) -> SavedRun:
    """A journal; also one that was cut off, unless it must be `complete`. Raises `BadJournal`.

    What was seen is not kept; `observe` is given it as it goes by.
    """
    walker, reading = Walker(path), Reading(path, observe)
    for line in walker:
        reading.add(line)
    run = reading.run(walker.sha256)
    if complete and not run.footer:
        raise BadJournal(f"{path}: the journal is cut off: it has no footer, so it is no evidence")
    return run


class Reading:
    """What is kept of a journal, as its lines go by."""

    def __init__(self, path: Path, observe: Observe | None = None) -> None:
        self._path = path
        self._observe = observe
        self._kept: dict[str, list[Record]] = {name: [] for name in KEPT}
        self._counted: dict[str, int] = {}
        self._shared = Shared()

    def add(self, line: Line) -> None:
        """The next line. Raises `BadJournal`."""
        record = _sound(self._path, line)
        if record is None:
            return
        kind = record["type"]
        self._counted[kind] = self._counted.get(kind, 0) + 1
        if self._observe and kind == "observation":
            self._observe(self._kept["header"][0], record)
        if kind in self._kept:
            said = {name: value for name, value in record.items() if name != hash_chain.MEMBER}
            self._kept[kind].append(self._shared.value(said))
        if self._shared.weight > KEPT_LIMIT:
            raise BadJournal(
                f"{self._path}: line {line.number}: more cases and verdicts than are read here: look from fewer hosts "
                "in one run"
            )

    def run(self, sha256: str) -> SavedRun:
        """The run, when all lines have gone by; they have this digest."""
        return SavedRun(
            path=self._path,
            header=self._kept["header"][0],
            cases=tuple(self._kept["case"]),
            vantages=tuple(self._kept["vantage"]),
            verdicts=tuple(self._kept["verdict"]),
            footer=next(iter(self._kept["footer"]), None),
            sha256=sha256,
            counted=self._counted,
            comparisons=tuple(self._kept["comparison"]),
        )


def records(path: Path) -> Iterator[Record]:
    """Every record of a journal, one at a time. Raises `BadJournal`."""
    return (record for line in Walker(path) if (record := _sound(path, line)) is not None)


def records_at(path: Path, places: Iterable[int]) -> Iterator[Record]:
    """The records whose lines begin there, which were read before. Raises `BadJournal`."""
    try:
        with path.open("rb") as file:
            for place in places:
                file.seek(place)
                record, problem = _parsed(file.readline(LINE_LIMIT + 1))
                if record is None:
                    raise BadJournal(f"{path}: changed while it was read: {problem}")
                yield record
    except OSError as error:
        raise BadJournal(f"{path}: {error.strerror or error}") from None


class Walker:
    """Every line of a journal, good or bad. Raises `BadJournal` only where it cannot go on, or this is no journal."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self._schema = SCHEMA
        self._before: str | None = hash_chain.START
        self._footer = 0
        self._ended: set[str] = set()
        self._ended_weight = 0

    @property
    def sha256(self) -> str:
        """Of all bytes so far."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[Line]:
        number = begin = 0
        for number, raw in enumerate(_lines(self._path), 1):
            yield replace(self._line(number, raw), begin=begin)
            self._digest.update(raw)
            begin += len(raw)
        if not number:
            raise BadJournal(f"{self._path}: an empty file is no journal")

    def _line(self, number: int, raw: bytes) -> Line:
        record, problem = _parsed(raw)
        if number == 1:
            self._schema = self._known_schema(record if raw.endswith(b"\n") else None)
        broken = self._broken_link(raw) if self._schema > 1 else None
        if self._schema == 1 and record and hash_chain.MEMBER in record:
            broken = "a link, which no journal of schema 1 has"
        behind = f"there is more behind the footer in line {self._footer}" if self._footer else None
        if not raw.endswith(b"\n"):
            cut = "the file ends in the middle of this line"
            return Line(number=number, record=None, problem=behind or cut, cut=behind is None)
        if record is not None:
            problem = behind or self._misplaced(number, record)
        return Line(number=number, record=record, problem=broken or problem)

    def _known_schema(self, record: Record | None) -> int:
        if record is None or record["type"] != "header":
            raise BadJournal(f"{self._path}: no journal: its first line is no whole header")
        schema = record.get("schema")
        if type(schema) is not int or schema < 1:
            raise BadJournal(f"{self._path}: no journal: its header names no schema")
        if schema > SCHEMA:
            raise BadJournal(
                f"{self._path}: a newer netcompliance wrote this (schema {schema}; up to {SCHEMA} is read here)"
            )
        return schema

    def _broken_link(self, raw: bytes) -> str | None:
        """What is wrong with the chain at this line. A line without a link leaves the next one without a check."""
        parted, before = hash_chain.parted(raw), self._before
        self._before = parted[1] if parted else None
        if parted is None:
            return "no link to the line before it: the line was changed or added"
        if before is not None and hash_chain.link(before, parted[0]) != parted[1]:
            return "does not follow the line before it: it was changed, or lines were added, removed or moved here"
        return None

    def _misplaced(self, number: int, record: Record) -> str | None:
        """What is wrong with a record, or with where it stands."""
        kind = record["type"]
        if kind == "footer":
            self._footer = number
            if record.get("sha256") != self.sha256:
                return "the footer's digest is not that of the lines before it"
        if kind == "header" and number > 1:
            return "a second header"
        for name, wanted in _NEEDED.get(kind, {}).items():
            if type(record.get(name)) is not wanted:
                return f"a {kind} without a usable {name!r}"
        if kind == "header":
            return _of_another_tenant(record)
        if kind == "vantage":
            return self._visited_again(number, record["id"])
        behind = kind == "observation" and self._schema > 1 and record["vantage"] in self._ended
        if behind and record["kind"] != _AFTERWARDS:
            return f"an observation of {record['vantage']}, whose visit had ended"
        return None

    def _visited_again(self, number: int, vantage: str) -> str | None:
        if vantage in self._ended:
            return f"a second record of the vantage {vantage}"
        self._ended.add(vantage)
        self._ended_weight += getsizeof(vantage)
        if self._ended_weight > KEPT_LIMIT:
            raise BadJournal(f"{self._path}: line {number}: more vantages than are read here")
        return None


def _of_another_tenant(header: Record) -> str | None:
    """Whose run it is says the header twice: in words for people, and in the settings that it was made with."""
    told = header["settings"]
    tenant, domain = told.get("tenant"), told.get("domain", DEFAULT_DOMAIN)
    if not isinstance(tenant, str) or not isinstance(domain, str):
        return None  # they do not fit, whoever reads them says so
    settings = Settings(tenant=tenant, domain=domain)
    for name in ("tenant", "endpoint"):
        if header[name] != getattr(settings, name):
            return f"the header's {name} is {header[name]}, and {getattr(settings, name)} by its settings"
    return None


def _sound(path: Path, line: Line) -> Record | None:
    """The line's record, None if it is the beginning of one. Raises `BadJournal`."""
    if line.problem and not line.cut:
        raise BadJournal(f"{path}: line {line.number}: {line.problem}")
    return line.record


def _lines(path: Path) -> Iterator[bytes]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadJournal(f"{path}: {'a directory' if path.is_dir() else 'no regular file'}, and not a journal")
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LINE_LIMIT + 1):
                number += 1
                if len(line) > LINE_LIMIT:
                    raise BadJournal(
                        f"{path}: line {number} is longer than {LINE_LIMIT >> 20} MiB: no journal has such"
                    )
                yield line
    except OSError as error:
        raise BadJournal(f"{path}: {error.strerror or error}") from None


def _parsed(raw: bytes) -> tuple[Record | None, str | None]:
    """A line's record, or why it is none."""
    if values_in(raw) > VALUES_LIMIT:
        return None, "more values than a record has"
    try:
        text = raw.decode("utf-8")
        record = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(record, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None, "no JSON of a record"
    if not isinstance(record, dict) or not isinstance(record.get("type"), str):
        return None, "no record of a journal"
    return record, None


def _weight(value: Any) -> int:
    """What a value of JSON costs in memory."""
    weight = getsizeof(value)
    if isinstance(value, dict):
        weight += sum(_weight(name) + _weight(each) for name, each in value.items())
    elif isinstance(value, list):
        weight += sum(map(_weight, value))
    return weight


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one in which a name stands twice says two things, so it says nothing."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else _repeated()


def _repeated() -> dict[str, Any]:
    raise ValueError("a name twice")


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_each_once)
"""JSON as RFC 8259 has it, and nothing that two readers could read in two ways."""
