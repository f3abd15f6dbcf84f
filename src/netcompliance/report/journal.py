"""The journal's writer: one JSON object per line, each on disk as soon as it is known (docs/journal.md).

Rules
* Everything goes through the redactor.
* Each line is linked to the one before it (`chain`).
* The footer is written once and last; its digest covers every byte before it. Without it the journal is no evidence.
* A line is written whole or not at all. Where one cannot be written (`Unwritten`), the journal ends before it.
* Only the process that began it writes to it: a fork that did would break the chain.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from netcompliance import explain
from netcompliance.conclusion import Entry, counts, overall
from netcompliance.model import Case, Observation, Requirement, Settings, Verdict
from netcompliance.report import chain
from netcompliance.report.redact import Redactor

SCHEMA = 2
"""What is written. 2: each line is linked to the one before it; 1: it was not."""


def rfc3339(moment: datetime) -> str:
    """UTC with `Z`, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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


class Unwritten(Exception):
    """A line could not be written, and none will be after it. The text says why."""


class Journal:
    """An open journal. Every method that writes raises `Unwritten`."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self.path = path
        self._redactor = redactor
        self._digest = hashlib.sha256()
        self._link = chain.START
        self._written = 0
        self._failure: str | None = None
        self.ended = False
        """Whether it has its footer."""
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    @property
    def sha256(self) -> str:
        """Of all that is written."""
        return self._digest.hexdigest()

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
                "settings": dataclasses.asdict(settings),
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

    def observation(self, observation: Observation) -> Observation:
        """What a probe saw, as it said it. Returned is what was written: that is what may be judged."""
        return self._write({"type": "observation", **{k: v for k, v in observation.items() if k != "type"}})

    def verdict(self, verdict: Verdict, requirement: Requirement) -> None:
        """What was decided."""
        self._write(verdict_record(verdict, requirement))

    def comparison(self, fields: Mapping[str, Any]) -> None:
        """With which baseline the run was compared, and what came of it."""
        self._write({"type": "comparison", **fields})

    def footer(self, entries: Iterable[Entry], finished: datetime) -> None:
        """The last line; the journal is closed."""
        listed = list(entries)
        self._write(
            {
                "type": "footer",
                "overall": overall(listed),
                "counts": counts(listed),
                "finished": rfc3339(finished),
                "sha256": self._digest.hexdigest(),
            }
        )
        self._sync()
        self.ended = True
        self.close()

    def close(self) -> None:
        """No more lines. Without a footer this leaves an incomplete run."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._failure = self._failure or "it is closed"

    def _write(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        cleaned = {name: value for name, value in self._redactor.value(record).items() if name != chain.MEMBER}
        text = json.dumps(cleaned, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        body = text.encode("utf-8", "replace")
        with self._lock:
            own = chain.link(self._link, body)
            line = chain.linked(body, own)
            self._append(line)
            self._link = own
            self._digest.update(line)
        return cleaned

    def _append(self, line: bytes) -> None:
        if os.getpid() != self._process:
            raise Unwritten("another process than the one that began it writes to it")
        if self._failure:
            raise Unwritten(self._failure)
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            self._give_up(error)
        self._written += len(line)

    def _sync(self) -> None:
        try:
            os.fsync(self._file)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> NoReturn:
        """Cut off what was begun of a line, and write no other."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, self._written)
        self._failure = error.strerror or str(error)
        raise Unwritten(self._failure) from None
