"""What a page is made of. Nothing else goes in, so that the same material always gives the same page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from netcompliance.journal.redact import Redactor
from netcompliance.model import Observation, Settings
from netcompliance.results import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One tenant's run, while it is in memory or as a journal gives it back."""

    settings: Settings
    entries: Sequence[Entry]
    """Every planned case, in the order of the plan."""
    identities: Mapping[str, Observation]
    """Vantage → what it said of itself, and `error` where nobody could look."""
    head: Mapping[str, Any]
    """As in the journal's header: `tool`, `catalogue`, `catalogue_sha256`, `by`."""
    started: datetime
    finished: datetime
    redactor: Redactor
    observations: Callable[[], Iterable[Observation]] = tuple
    """What was seen, read anew at each call: by far too much to be kept."""
    journal: str = "journal.jsonl"
    """The file in which all observations are."""
    journal_sha256: str = ""
