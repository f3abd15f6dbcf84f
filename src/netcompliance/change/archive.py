"""All journals below a directory, each read once and reduced to what its history needs.

Rules
* One journal at a time, line by line; runs that are alike share what they know, so thousands of them fit.
* A journal that is broken, cut off or was edited is left out and named; it never ends the reading.
* Copies of one run count once.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from netcompliance.change import baseline
from netcompliance.change.compare import Word
from netcompliance.change.history import Past
from netcompliance.model import Result
from netcompliance.report import saved
from netcompliance.report.journal import SCHEMA
from netcompliance.report.saved import BadJournal

Shared = TypeVar("Shared", bound=Hashable)
MOST = 200
"""Addresses and issuers of one run that are kept."""
_WORST = (Word.FAIL, Word.NO_VERDICT, Word.NOTCHECKED, Word.WAIVED, Word.PASS, Word.NOTAPPLICABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A journal that is no part of the history."""

    path: str
    why: str


class Archive:
    """The journals below a directory."""

    def __init__(self, below: Path) -> None:
        self._below = below
        self._known: dict[Hashable, Any] = {}
        self.left_out: list[LeftOut] = []

    def runs(self) -> Iterator[Past]:
        """Every run, in no order. What is left out is listed as it is found."""
        seen: dict[str, str] = {}
        for path in self._journals():
            try:
                past = self._read(path)
            except (BadJournal, OSError) as error:
                self._leave_out(path, str(error).removeprefix(f"{path}: "))
                continue
            if past.run in seen:
                self._leave_out(path, f"the same run as {seen[past.run]}")
                continue
            seen[past.run or past.path] = past.path
            yield past

    def _journals(self) -> Iterator[Path]:
        for folder, folders, files in os.walk(self._below):
            folders.sort()
            for name in sorted(files):
                path = Path(folder, name)
                if name.endswith(".jsonl") and path.is_file():
                    yield path

    def _leave_out(self, path: Path, why: str) -> None:
        self.left_out.append(LeftOut(path=str(path.relative_to(self._below)), why=why))

    def _read(self, path: Path) -> Past:
        reading = _Reading()
        for number, record in enumerate(saved.records(path)):
            if number == 0 and (record["type"] != "header" or record.get("schema") not in range(1, SCHEMA + 1)):
                raise BadJournal(f"{path}: no journal of a schema that is known here")
            reading.record(record)
        if reading.footer is None:
            raise BadJournal(f"{path}: no footer: the run was cut off")
        if not baseline.intact(path):
            raise BadJournal(f"{path}: changed after it was written")
        try:
            started = datetime.fromisoformat(str(reading.header.get("started")))
        except ValueError:
            started = None
        if started is None or started.tzinfo is None:
            raise BadJournal(f"{path}: its header does not say when the run began")
        return Past(
            path=str(path.relative_to(self._below)),
            run=str(reading.header.get("run", "")),
            tenant=self._shared(str(reading.header.get("tenant", ""))),
            endpoint=self._shared(str(reading.header.get("endpoint", ""))),
            started=started,
            overall=self._shared(str(reading.footer.get("overall", ""))),
            addresses=self._shared(frozenset(reading.addresses)),
            issuers=self._shared(frozenset(reading.issuers)),
            words=self._shared(tuple(sorted(reading.words.items()))),
            vantages=self._shared(frozenset(reading.vantages)),
        )

    def _shared(self, value: Shared) -> Shared:
        """The equal value that is kept already."""
        kept: Shared = self._known.setdefault(value, value)
        return kept


class _Reading:
    """What one journal says, as its lines go by."""

    def __init__(self) -> None:
        self.header: Mapping[str, Any] = {}
        self.footer: Mapping[str, Any] | None = None
        self.addresses: set[str] = set()
        self.issuers: set[str] = set()
        self.words: dict[str, Word] = {}
        self.vantages: set[str] = set()
        self._tenant = ""
        self._open: dict[tuple[str, str, str], None] = {}

    def record(self, record: Mapping[str, Any]) -> None:
        match record["type"]:
            case "header":
                self.header = record
                settings = record.get("settings")
                if isinstance(settings, dict):
                    self._tenant = f"{settings.get('tenant')}.{settings.get('domain')}"
            case "case":
                self._open[_key(record)] = None
                self.vantages.add(str(record.get("vantage"))[:200])
            case "verdict":
                self._open.pop(_key(record), None)
                word = record.get("verdict")
                self._worst(record, Word(word) if word in list(Result) else Word.NO_VERDICT)
            case "observation" if record.get("host") == self._tenant:
                self._seen(record)
            case "footer":
                self.footer = record
                for requirement, _, _ in self._open:
                    self._worst({"requirement": requirement}, Word.NO_VERDICT)

    def _worst(self, record: Mapping[str, Any], word: Word) -> None:
        requirement = str(record.get("requirement"))[:40]
        known = self.words.get(requirement, word)
        self.words[requirement] = min(known, word, key=_WORST.index)

    def _seen(self, record: Mapping[str, Any]) -> None:
        if record.get("kind") == "resolve" and record.get("purpose") == "bare":
            found = record.get("addresses")
            told = [each[:60] for each in found if isinstance(each, str)] if isinstance(found, list) else []
            self.addresses.update(told[: MOST - len(self.addresses)])
        elif record.get("kind") == "chain" and len(self.issuers) < MOST:
            listed = record.get("certificates")
            if isinstance(listed, list) and listed and isinstance(listed[0], dict):
                self.issuers.add(str(listed[0].get("issuer"))[:200])


def _key(record: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(record.get("requirement")), str(record.get("target")), str(record.get("vantage"))
