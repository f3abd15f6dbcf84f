"""The journal's writer: one JSON object per line, each on disk as soon as it is known (docs/journal.md).

Rules
* Everything goes through the redactor.
* Each line is linked to the one before it (`hash_chain`).
* The footer is written once and last; its digest covers every byte before it. Without it the journal is no evidence.
* A line is written whole or not at all. Where one cannot be written (`JournalWriteError`), the journal ends before it.
* A signal may end a call at any point, and the journal goes on. So what is in the file decides whether a line that was
  begun counts, before anything else is done.
* Only the process that began it writes to it: a fork that did would break the chain.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from netcompliance import explain
from netcompliance.journal import hash_chain
from netcompliance.journal.redact import Redactor
from netcompliance.model import Approved, Case, Observation, Requirement, Settings, Verdict
from netcompliance.results import Entry, counts, overall

SCHEMA = 2
"""What is written. 2: each line is linked to the one before it; 1: it was not."""
LINE_LIMIT = 1 << 22
"""Bytes of one line: nothing longer is written, and none is read. What a probe may say in one is half of it."""
VALUES_LIMIT = 1 << 20
"""Values in one line, roughly: brackets and commas are counted, also those in texts."""


def rfc3339(moment: datetime) -> str:
    """UTC with `Z`, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def values_in(line: bytes) -> int:
    """About how many values a line has."""
    return line.count(b",") + line.count(b"[") + line.count(b"{")


def _settings(settings: Settings) -> dict[str, Any]:
    """As they are recalled: of the entries of a list, which may be long, without what every entry has by default."""
    plain = {each.name: each.default for each in dataclasses.fields(Approved)}
    approved = [
        {name: value for name, value in dataclasses.asdict(entry).items() if value != plain[name]}
        for entry in settings.approved
    ]
    return {**dataclasses.asdict(dataclasses.replace(settings, approved=())), "approved": approved}


def verdict_record(verdict: Verdict, requirement: Requirement) -> dict[str, Any]:
    """A verdict as a journal tells it."""
    return {
        "type": "verdict",
        "requirement": requirement.id,
        "level": requirement.level,
        "basis": requirement.basis,
        "target": verdict.case.target,
        "vantage": verdict.case.vantage,
        "verdict": verdict.result,
        "findings": [
            {"code": found.code, "subject": found.subject, "detail": found.detail, "values": found.values}
            for found in verdict.findings
        ],
        "saw": verdict.saw,
        "means": explain.means(verdict),
        "fix": explain.fix(verdict),
        "ask": explain.ask(verdict),
        "reason": verdict.reason,
        "reproduce": verdict.reproduce,
    }


class _End(NamedTuple):
    """Where the journal ends."""

    size: int
    digest: Any
    """SHA-256 of all bytes until there; not to be updated."""
    link: str
    """Of the last line."""


class _Begun(NamedTuple):
    """A line that is being written, and where the journal ends behind it."""

    line: bytes
    link: str
    is_footer: bool


class JournalWriteError(Exception):
    """A line could not be written, and none will be after it. The text says why."""


class Journal:
    """An open journal. Every method that writes raises `JournalWriteError`."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self.path = path
        self._redactor = redactor
        self._end = _End(0, hashlib.sha256(), hash_chain.START)
        self._begun: _Begun | None = None
        self._failure: str | None = None
        self.ended = False
        """Whether it has its footer."""
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    @property
    def sha256(self) -> str:
        """Of all that is written."""
        with self._lock:
            self._count_begun()
            digest: str = self._end.digest.hexdigest()
        return digest

    def header(self, run: str, started: datetime, settings: Settings, head: Mapping[str, Any]) -> None:
        """The first line."""
        self._write(
            {
                "type": "header",
                "schema": SCHEMA,
                "run": run,
                "tenant": settings.tenant,
                "endpoint": settings.endpoint,
                "started": rfc3339(started),
                **head,
                "settings": _settings(settings),
            }
        )

    def case(self, case: Case, requirement: Requirement) -> None:
        """A planned case."""
        self._write(
            {
                "type": "case",
                "requirement": case.requirement,
                "target": case.target,
                "vantage": case.vantage,
                "host": case.host,
                "level": requirement.level,
                "basis": requirement.basis,
                "says": requirement.says,
                "source": requirement.source,
                "requires": requirement.requires,
                "targets": requirement.targets,
                "when": requirement.when,
                "from": requirement.asked_from,
            }
        )

    def planned(self) -> None:
        """All cases are written: from now on they outlast a crash of this machine."""
        self._sync()

    def vantage(self, vantage: str, identity: Mapping[str, Any] | None = None, error: str | None = None) -> None:
        """Who looked, or why nobody could."""
        self._write({"type": "vantage", "id": vantage, **(identity or {}), **({"error": error} if error else {})})

    def observation(self, observation: Observation) -> tuple[Observation, int]:
        """What a probe saw, as it said it. Returned is what was written, and at which byte its line begins."""
        return self._write({"type": "observation", **{k: v for k, v in observation.items() if k != "type"}})

    def read(self, places: Iterable[int]) -> Iterator[Observation]:
        """The observations whose lines begin there. Raises `JournalWriteError` where they cannot be read back."""
        try:
            with self.path.open("rb") as file:
                for place in places:
                    file.seek(place)
                    record: dict[str, Any] = json.loads(file.readline())
                    record.pop(hash_chain.MEMBER)
                    yield record
        except (OSError, ValueError, KeyError) as error:
            raise JournalWriteError(f"it cannot be read back ({error})") from None

    def verdict(self, verdict: Verdict, requirement: Requirement) -> None:
        """What was decided."""
        self._write(verdict_record(verdict, requirement))

    def comparison(self, fields: Mapping[str, Any]) -> None:
        """With which baseline the run was compared, and what came of it."""
        self._write({"type": "comparison", **fields})

    def footer(self, entries: Iterable[Entry], finished: datetime, errors: Sequence[Mapping[str, str]] = ()) -> None:
        """The last line; the journal is closed. Where a signal came in between, what is missing of that is done.

        `errors`: why there are cases without a verdict, where no vantage's record says it.
        """
        with self._lock:
            self._count_begun()
        if self.ended and self._file >= 0:
            self._sync()
            self.close()
            return
        listed = list(entries)
        self._write(
            {
                "type": "footer",
                "overall": overall(listed),
                "counts": counts(listed),
                "finished": rfc3339(finished),
                **({"errors": errors} if errors else {}),
                "sha256": self.sha256,
            }
        )
        self._sync()
        self.close()

    def close(self) -> None:
        """No more lines. Without a footer this leaves an incomplete run."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._failure = self._failure or "it is closed"

    def _write(self, record: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
        """What was written, and where it begins."""
        cleaned = {name: value for name, value in self._redactor.value(record).items() if name != hash_chain.MEMBER}
        text = json.dumps(cleaned, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        body = text.encode("utf-8", "replace")
        if len(body) > LINE_LIMIT - hash_chain.LENGTH or values_in(body) > VALUES_LIMIT:
            raise JournalWriteError(f"a line of {len(body)} bytes is more than a journal can hold")
        with self._lock:
            self._count_begun()
            self._check()
            link = hash_chain.link(self._end.link, body)
            line, place = hash_chain.linked(body, link), self._end.size
            self._begun = _Begun(line, link, is_footer=record["type"] == "footer")
            self._append(line)
            self._count_begun()
        return cleaned, place

    def _check(self) -> None:
        if os.getpid() != self._process:
            raise JournalWriteError("another process than the one that began it writes to it")
        if self._failure:
            raise JournalWriteError(self._failure)

    def _count_begun(self) -> None:
        """A line that was begun counts if it is in the file whole; what there is of it is cut off if it is not."""
        begun = self._begun
        if begun is None or self._file < 0 or os.getpid() != self._process:
            return
        size = self._end.size + len(begun.line)
        if os.fstat(self._file).st_size == size:
            digest = self._end.digest.copy()
            digest.update(begun.line)
            self.ended = begun.is_footer
            self._end = _End(size, digest, begun.link)
        else:
            try:
                self._cut()
            except OSError as error:
                self._failure = self._failure or error.strerror or str(error)
        self._begun = None

    def _cut(self) -> None:
        os.ftruncate(self._file, self._end.size)
        os.lseek(self._file, self._end.size, os.SEEK_SET)

    def _append(self, line: bytes) -> None:
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            self._give_up(error)

    def _sync(self) -> None:
        try:
            os.fsync(self._file)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> NoReturn:
        """Cut off what was begun of a line, and write no other."""
        with contextlib.suppress(OSError):
            self._cut()
        self._failure = error.strerror or str(error)
        raise JournalWriteError(self._failure) from None
