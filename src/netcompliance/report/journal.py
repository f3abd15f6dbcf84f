"""The journal's writer: one JSON object per line, each on disk as soon as it is known (docs/journal.md).

Rules
* Everything goes through the redactor.
* The footer is written once and last; its digest covers every byte before it. Without it the journal is no evidence.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from netcompliance import explain
from netcompliance.conclusion import Entry, counts, overall
from netcompliance.model import Case, Observation, Requirement, Settings, Verdict
from netcompliance.report.redact import Redactor

SCHEMA = 1


def rfc3339(moment: datetime) -> str:
    """UTC with `Z`, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """An open journal."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self.path = path
        self._redactor = redactor
        self._digest = hashlib.sha256()
        self._file: BinaryIO = path.open("xb")

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
            }
        )

    def vantage(self, vantage: str, identity: Mapping[str, Any] | None = None, error: str | None = None) -> None:
        """Who looked, or why nobody could."""
        self._write({"type": "vantage", "id": vantage, **(identity or {}), **({"error": error} if error else {})})

    def observation(self, observation: Observation) -> None:
        """What a probe saw, as it said it."""
        self._write({"type": "observation", **{k: v for k, v in observation.items() if k != "type"}})

    def verdict(self, verdict: Verdict, requirement: Requirement) -> None:
        """What was decided."""
        self._write(
            {
                "type": "verdict",
                "requirement": requirement.id,
                "level": requirement.level,
                "basis": requirement.basis,
                "target": verdict.case.target,
                "vantage": verdict.case.vantage,
                "verdict": verdict.result,
                "findings": [
                    {"code": found.code, "subject": found.subject, "detail": found.detail} for found in verdict.findings
                ],
                "saw": verdict.saw,
                "means": explain.means(verdict),
                "fix": explain.fix(verdict),
                "ask": explain.ask(verdict),
                "reason": verdict.reason,
                "reproduce": verdict.reproduce,
            }
        )

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
        self.close()

    def close(self) -> None:
        """No more lines. Without a footer this leaves an incomplete run."""
        self._file.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        text = json.dumps(self._redactor.value(record), ensure_ascii=False, separators=(",", ":"))
        line = text.encode("utf-8", "replace") + b"\n"
        self._file.write(line)
        self._file.flush()
        self._digest.update(line)
