"""What the DNS says: a pure look-up over a world's records.

Overrides come first, per name and type. `*.` names are wildcards (RFC 4592, one level of them is enough here). A name
that is only an ancestor of others exists and has no data. Negative answers carry the SOA of the closest zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lab.servers import Record

_MAX_CHAIN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The records found, in answer order; `exists` is false for NXDOMAIN."""

    exists: bool
    records: tuple[Record, ...] = ()

    @property
    def positive(self) -> bool:
        """Whether the chain ends in data."""
        return bool(self.records) and self.records[-1].type != "CNAME"


class Names:
    """The records of a world as one resolver sees them."""

    def __init__(self, records: Iterable[Record], overrides: Iterable[Record] = ()) -> None:
        self._records: dict[tuple[str, str], Record] = {}
        given = tuple(overrides)
        aliases = {record.name for record in given if record.type == "CNAME"}
        for record in (*(record for record in records if record.name not in aliases), *given):
            self._records[record.name.lower(), record.type] = record
        self._names = {name for name, _ in self._records}

    def look_up(self, name: str, rdtype: str) -> Answer:
        """Answer a question; `name` without the final dot."""
        chain: list[Record] = []
        current = name.lower()
        while len(chain) < _MAX_CHAIN:
            owner = self._owner(current)
            if owner is None:
                return Answer(exists=self._is_ancestor(current) or bool(chain), records=tuple(chain))
            found = self._records.get((owner, rdtype))
            if found is None and rdtype != "CNAME":
                found = self._records.get((owner, "CNAME"))
            if found is None or not found.values:
                return Answer(exists=True, records=tuple(chain))
            chain.append(Record(name=current, type=found.type, values=found.values, ttl=found.ttl))
            if found.type == rdtype:
                break
            current = found.values[0].lower()
        return Answer(exists=True, records=tuple(chain))

    def zone(self, name: str) -> str:
        """The zone whose SOA a negative answer about `name` carries; empty for the root."""
        apex = ".".join(name.lower().split(".")[-2:])
        return apex if self._is_ancestor(apex) or apex in self._names else ""

    def _owner(self, name: str) -> str | None:
        if name in self._names:
            return name
        labels = name.split(".")
        for cut in range(1, len(labels)):
            parent = ".".join(labels[cut:])
            if f"*.{parent}" in self._names:
                return f"*.{parent}"
            if parent in self._names:
                return None
        return None

    def _is_ancestor(self, name: str) -> bool:
        return any(other.endswith(f".{name}") for other in self._names)
