"""Is what was seen at a vantage what its visit told, all of it, and nobody else's? (pure)

Theory. A probe ends with the number of records that came before it, and the controller takes the visit for damaged if
not all of them arrived. So in the journal there are as many: whoever takes one out leaves the number. A moment is known
to less than a millionth of a second, and so is how long something took: no two exchanges have both in common.

Rules
* The controller's own observations are not counted, and neither are those of a watch, which comes later.
* Of a vantage that could not be visited to the end nothing is expected.
* A shell knows moments to a hundredth of a second: those prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from netcompliance.journal.decode import Record
from netcompliance.judge.watch import KIND
from netcompliance.model import HERE
from netcompliance.vantage.records import BY_SHELL, LAST_WORD, never_by_shell

OF_THE_CONTROLLER = frozenset({"chain", "public-dns", "chart", KIND})
"""Kinds of observations that no visit tells."""
MOST = 1 << 14
"""Vantages that are counted."""
MOST_MOMENTS = 1 << 18
"""Moments that are remembered of all."""
DOUBLES = 3
"""So many exchanges that two vantages have in common are no chance."""


@dataclass(slots=True)
class Visit:
    """What was seen of one visit."""

    told: int = 0
    """Records before the last word."""
    ends: int = 0
    """Last words."""
    counted: object = None
    """What the last word says of their number."""
    by_shell: bool = False
    kinds: set[str] = field(default_factory=set)
    """What a shell does not see."""


class Visits:
    """All visits of a journal, as their observations go by."""

    def __init__(self) -> None:
        self._visits: dict[str, Visit] = {}
        self._moments: dict[int, str] = {}
        self._doubles: dict[tuple[str, str], int] = {}

    def add(self, record: Record) -> None:
        """One observation."""
        vantage, kind = record["vantage"], record["kind"]
        if vantage not in self._visits and len(self._visits) >= MOST:
            return
        visit = self._visits.setdefault(vantage, Visit())
        self._compare(vantage, record)
        if kind == LAST_WORD:
            visit.ends += 1
            visit.counted, visit.by_shell = record.get("records"), record.get("with") == BY_SHELL
        elif kind not in OF_THE_CONTROLLER:
            visit.told += 1
            visit.kinds.update({never_by_shell(record)} - {""})

    def problems(self, vantages: Mapping[str, Record], *, counts: bool) -> Iterator[str]:
        """What does not fit, by what the records of the vantages say. `counts`: every last word has a number."""
        for vantage, visit in sorted(self._visits.items()):
            if vantages.get(vantage, {"error": "no record"}).get("error") or (vantage == HERE and not visit.ends):
                continue
            if visit.ends > 1:
                yield f"{vantage}: its visit ended {visit.ends} times"
            elif visit.counted is None and (counts and visit.ends):
                yield f"{vantage}: its visit does not say how many records there were"
            elif visit.counted not in (None, visit.told):
                yield f"{vantage}: its visit told {visit.counted} records, and {visit.told} are there"
            if visit.by_shell and vantage == HERE:
                yield f"{vantage}: a shell looked, and Python is what looks there"
            if visit.by_shell and visit.kinds:
                yield f"{vantage}: a shell looked, which sees nothing of {', '.join(sorted(visit.kinds))}"
        for (one, other), number in sorted(self._doubles.items()):
            if number >= DOUBLES:
                yield f"{one} and {other} have {number} exchanges in common, to the same moment"

    def _compare(self, vantage: str, record: Record) -> None:
        moments = _moments(record)
        if moments is None or len(self._moments) >= MOST_MOMENTS:
            return
        first = self._moments.setdefault(hash((record["kind"], *moments)), vantage)
        if first != vantage and len(self._doubles) < MOST:
            pair = (min(first, vantage), max(first, vantage))
            self._doubles[pair] = self._doubles.get(pair, 0) + 1


def _moments(record: Record) -> tuple[float, float] | None:
    """When the exchange began, and how long it took, or when it ended; `None` if that is not finely known."""
    begin = record.get("at", record.get("from"))
    took = record.get("seconds", record.get("to"))
    if not (isinstance(begin, float) and isinstance(took, float)):
        return None
    return None if begin == round(begin, 3) or took == round(took, 3) else (begin, took)
