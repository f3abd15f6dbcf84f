"""What a visited host may say: so many records of a probe's own kinds, and each of them about that host alone.

Theory. A host that is looked from is as much a stranger as any peer. Its records end up in a journal beside those of
all other hosts, so they are taken over field by field (`records`), and bounded in number, bytes and memory. Whatever
goes beyond is that host's error, and nobody else's. A shell is let off looks that a Python owes: on this machine no
shell looked, and elsewhere none that saw what no shell sees. A visit is written down and read back when it is judged,
one at a time, and so is a watch. What is held until then (chains, runs that have not ended, a line that has not) is
divided evenly among the hosts that are listened to at once, so that none can take another's. Each bound is four times
what the largest honest visit needs; the figures are in docs/journal.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from sys import getsizeof
from typing import Any

from netcompliance.observations.values import PATHS, FieldError
from netcompliance.vantage import records

ONCE = frozenset({"host", "sockets", "probe"})
"""Kinds of which a probe says one."""
WHO = frozenset({"host", "route", "probe"})
"""Kinds that say who looked, and which way connections take: they are kept until the end of a run,"""
WHO_MOST = 1 << 19
"""in so many bytes of memory, of one host: twenty times what an honest one takes."""
HELD = "chain"
"""The field that is held: the certificates in it are read when the visit is over."""
VISITS = 96 << 20
"""Bytes of memory that all visits that are under way at once may hold,"""
VISIT_MOST = 12 << 20
"""and one of them, however few there are."""
VISIT_BYTES = 12 << 20
"""Bytes that one visit may write,"""
VISIT_WEIGHT = 18 << 20
"""and bytes of memory that it takes when it is judged."""
WATCHES = 128 << 20
"""Bytes of memory that all watches of a run take when they are judged,"""
WATCH_MOST = 32 << 20
"""and one of them."""
WATCH_HELD = 2
"""One part of so many may be runs that have not ended, and a line,"""
WATCH_LINE = 1 << 18
"""which has at most so many bytes: ten times what a run shows of its first sample."""
VISIT_LINE = 1 << 21
"""Bytes of a line of a visit: a host's rules may be long."""
OF_A_RUN = 1 << 12
"""Bytes that a run takes beside its record when it is judged and shown."""
MARKS = 1 << 19
"""Commas and brackets of a line, also those in its texts: a journal holds a line with twice as many."""
MORE = "more than a probe says"
WRITTEN = 4
"""A watch may have so many times as much written down as is judged: the last record of a run replaces those before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much may come from one host."""

    records: int
    of_a_kind: int
    bytes: int
    weight: int
    """Bytes of memory,"""
    held: int
    """of which so many are held while it is listened to."""
    line: int
    """Bytes of a line."""


def of_visit(at_once: int) -> Bounds:
    """The bounds of one of so many visits."""
    held = min(VISITS // max(at_once, 1), VISIT_MOST)
    return Bounds(records=8192, of_a_kind=4096, bytes=VISIT_BYTES, weight=VISIT_WEIGHT, held=held, line=VISIT_LINE)


def of_watch(hosts: int) -> Bounds:
    """The bounds of one of so many watches."""
    weight = min(WATCHES // max(hosts, 1), WATCH_MOST)
    most, held = weight >> 7, weight // WATCH_HELD
    return Bounds(records=most, of_a_kind=most, bytes=WRITTEN * weight, weight=weight, held=held, line=WATCH_LINE)


class NotAdmitted(Exception):
    """The host said what no probe says."""


class TooMuch(NotAdmitted):
    """It said more than a probe says."""


class Admission:
    """What one host has said so far."""

    def __init__(self, bounds: Bounds | None = None, *, of_watch: bool = False, by_shell: bool = True) -> None:
        """`by_shell`: may it be a shell that looks there?"""
        self._bounds = bounds or of_visit(1)
        self._of_watch = of_watch
        self._by_shell = by_shell
        self._by_python = ""
        """What only a Python can have seen."""
        self._kinds: dict[str, int] = {}
        self._runs: dict[int, int] = {}
        """The weight of each run of a watch,"""
        self._open: dict[int, int] = {}
        """and of those that have not ended."""
        self._paths: set[tuple[str, str]] = set()
        self._records = 0
        self._bytes = 0
        self._weight = 0
        """Bytes of memory."""
        self._held = 0
        self._of_who = 0

    @property
    def left(self) -> int:
        """Bytes that a line that has not ended may have: it takes room, too."""
        return min(self._bounds.held - self._held, self._bounds.line)

    def read(self, line: bytes, record: dict[str, Any]) -> dict[str, Any]:
        """The record without what is not the host's to say. Raises `NotAdmitted`."""
        if line.count(b",") + line.count(b"[") + line.count(b"{") > MARKS:
            raise TooMuch(MORE)
        try:
            return records.decoded(record, of_watch=self._of_watch)
        except FieldError as wrong:
            raise NotAdmitted(str(wrong)) from None

    def admit(self, line: bytes, record: dict[str, Any]) -> dict[str, Any]:
        """The same, and it counts. Raises `NotAdmitted`."""
        taken = self.read(line, record)
        kind = taken["kind"]
        self._records += 1
        self._bytes += len(line)
        self._weigh(taken)
        known = self._kinds[kind] = self._kinds.get(kind, 0) + 1
        bounds = self._bounds
        if self._records > bounds.records or self._bytes > bounds.bytes or self._weight > bounds.weight:
            raise TooMuch(MORE)
        if self._held > bounds.held:
            raise TooMuch(MORE)
        if not self._of_watch:
            self._by_python = self._by_python or records.never_by_shell(taken)
            self._check_who(taken)
        if known > (1 if kind in ONCE else bounds.of_a_kind):
            raise TooMuch(f"more records of the kind {kind!r} than a probe says")
        return taken

    def _check_who(self, taken: dict[str, Any]) -> None:
        """What looked is what was sent there, and could see what it told of."""
        if taken["kind"] != records.LAST_WORD or taken.get("with") is None:
            return
        if taken["with"] != records.BY_SHELL or not self._by_shell:
            raise NotAdmitted("a visit by another probe than the one that was started")
        if self._by_python:
            raise NotAdmitted(f"a visit by a shell, which never sees {self._by_python}")

    def _weigh(self, taken: dict[str, Any]) -> None:
        weight = of_line = weight_of(taken)
        if taken["kind"] in WHO:
            self._of_who += weight
            if self._of_who > WHO_MOST:
                raise TooMuch("more on who looked than a probe says")
        run = taken.get("run")
        if run is not None:
            before = self._runs.get(run, 0)
            self._runs[run] = max(weight + OF_A_RUN, before)
            weight = self._runs[run] - before
            self._paths.add((taken["layer"], taken["path"]))
            if len(self._paths) > PATHS:
                raise TooMuch("more paths than a watch has")
            self._held -= self._open.pop(run, 0)
            if taken.get("open"):
                self._open[run] = of_line
                self._held += of_line
        self._weight += weight
        if taken.get(HELD):
            self._held += weight


def weight_of(value: Any) -> int:
    """Bytes of memory that a value of JSON takes. Names of ours are there once for all."""
    weight = getsizeof(value)
    if isinstance(value, dict):
        weight += sum(weight_of(each) for each in value.values())
        weight += sum(getsizeof(name) for name in value if name not in records.NAMES)
    elif isinstance(value, list):
        weight += sum(weight_of(each) for each in value)
    return weight
