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
from pathlib import Path
from typing import Any, TypeVar

from netcompliance.change.history import PastRun
from netcompliance.journal import reader
from netcompliance.journal.reader import BadJournal, tenants_host
from netcompliance.results import RANK, CaseStatus

Shared = TypeVar("Shared", bound=Hashable)
MOST = 200
"""Addresses and issuers of one run that are kept."""


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

    def runs(self) -> Iterator[PastRun]:
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

    def _read(self, path: Path) -> PastRun:
        seen = _Seen()
        run = reader.read(path, observe=seen.observe)
        if run.footer is None:
            raise BadJournal(f"{path}: no footer: the run was cut off")
        worst: dict[str, CaseStatus] = {}
        for entry in run.entries_as_written:
            name, status = entry.case.requirement[:40], _unmet_or(entry.status)
            worst[name] = min(worst.get(name, status), status, key=RANK.__getitem__)
        return PastRun(
            path=str(path.relative_to(self._below)),
            run=str(run.header.get("run", "")),
            tenant=self._shared(run.header["tenant"]),
            endpoint=self._shared(run.header["endpoint"]),
            started=run.started,
            overall=self._shared(run.footer["overall"]),
            addresses=self._shared(frozenset(seen.addresses)),
            issuers=self._shared(frozenset(seen.issuers)),
            statuses=self._shared(tuple(sorted(worst.items()))),
            vantages=self._shared(frozenset(record["vantage"][:200] for record in run.cases)),
        )

    def _shared(self, value: Shared) -> Shared:
        """The equal value that is kept already."""
        kept: Shared = self._known.setdefault(value, value)
        return kept


def _unmet_or(status: CaseStatus) -> CaseStatus:
    """The status; what is unmet is so whatever its level, as in a comparison."""
    return CaseStatus.FAIL if status is CaseStatus.UNMET_SHOULD else status


class _Seen:
    """What was seen of the tenant's name, as a journal's lines go by."""

    def __init__(self) -> None:
        self.addresses: set[str] = set()
        self.issuers: set[str] = set()

    def observe(self, header: Mapping[str, Any], record: Mapping[str, Any]) -> None:
        if record.get("host") != tenants_host(header):
            return
        if record["kind"] == "resolve" and record.get("purpose") == "bare":
            found = record.get("addresses")
            told = [each[:60] for each in found if isinstance(each, str)] if isinstance(found, list) else []
            self.addresses.update(told[: MOST - len(self.addresses)])
        elif record["kind"] == "chain" and len(self.issuers) < MOST:
            listed = record.get("certificates")
            if isinstance(listed, list) and listed and isinstance(listed[0], dict):
                self.issuers.add(str(listed[0].get("issuer"))[:200])
