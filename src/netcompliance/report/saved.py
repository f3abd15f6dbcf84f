"""A journal that was written, read back: the same nouns as while it ran.

Rules
* A journal is hostile until it is checked: lines, records and their number are bounded, nothing in it is executed, and
  whatever does not fit is `BadJournal`, one line that names file and line.
* Observations are by far the most of it, so they are not kept: `observations` reads them again, one at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netcompliance.report.journal import SCHEMA

LINE_LIMIT = 1 << 22
"""Bytes of one line."""
Record = Mapping[str, Any]


class BadJournal(Exception):
    """This is no journal that can be used. The text says why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
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

    def observations(self) -> Iterator[Record]:
        """What was seen, read again from the file."""
        return (record for record in records(self.path) if record["type"] == "observation")


def records(path: Path) -> Iterator[Record]:
    """Every record of a journal. Raises `BadJournal`."""
    for number, line in enumerate(_lines(path), 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise BadJournal(f"{path}: line {number} is no JSON") from None
        if not isinstance(record, dict) or not isinstance(record.get("type"), str):
            raise BadJournal(f"{path}: line {number} is no record of a journal")
        yield record


def read(path: Path) -> Saved:
    """A journal, also one that was cut off. Raises `BadJournal`."""
    kept: dict[str, list[Record]] = {name: [] for name in ("header", "case", "vantage", "verdict", "footer")}
    counted: dict[str, int] = {}
    for record in records(path):
        counted[record["type"]] = counted.get(record["type"], 0) + 1
        if record["type"] in kept:
            kept[record["type"]].append(record)
    if len(kept["header"]) != 1 or kept["header"][0].get("schema") != SCHEMA:
        raise BadJournal(f"{path}: no journal of a schema that is known here")
    return Saved(
        path=path,
        header=kept["header"][0],
        cases=tuple(kept["case"]),
        vantages=tuple(kept["vantage"]),
        verdicts=tuple(kept["verdict"]),
        footer=kept["footer"][-1] if kept["footer"] else None,
        sha256=_sha256(path),
        counted=counted,
    )


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(LINE_LIMIT):
                if not line.endswith(b"\n") and len(line) == LINE_LIMIT:
                    raise BadJournal(f"{path}: a line of more than {LINE_LIMIT} bytes")
                yield line
    except OSError as error:
        raise BadJournal(f"{path}: {error.strerror or error}") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
