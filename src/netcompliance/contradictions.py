"""Does a journal contradict itself? What its lines say of each other (pure).

Rules
* Each rule stands here once, and says in one line what does not fit. What one line or its place shows is the reader's
  to say (`journal.reader`), and what follows from observations is for judging again (`again`).
* Whoever writes a journal anew can make all of it fit. These rules find what was changed in one place alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netcompliance.catalogue import Catalogue
from netcompliance.journal.decode import Record
from netcompliance.journal.reader import SavedRun
from netcompliance.judge import SHARED
from netcompliance.judge.evidence import AGENTS_EYES
from netcompliance.model import HERE

MOST = 8
"""Names that are told of many."""
MOST_VANTAGES = 1 << 14
"""Vantages of which it is remembered that something was seen there."""
_NEW_KINDS = frozenset({"go-resolve", "dns-share", "shares", "exchanges", "proxy-address", "http2"})
_NEW_PURPOSES: Mapping[str, tuple[str, ...]] = {
    "tls": ("agent-hello", "agent-hello-again", "agent-hello-small-mss", "classic-hello", "http1-hello"),
    "http": ("agent", "post-sibling", "variant", "wrong-key"),
}
"""What nobody asked for before version `AGENTS_EYES` of the catalogue: kinds, and purposes of older kinds."""


class Seen:
    """What is seen in a journal that goes by (`reader.Observe`), as far as it can contradict the rest."""

    def __init__(self) -> None:
        self.newer: set[str] = set()
        """Kinds and purposes that the first catalogue does not know."""
        self.vantages: set[str] = set()
        """From where something was seen, but for what the workstation sees for all of them."""
        self.posing: set[str] = set()
        """Who else says to have seen that."""

    def __call__(self, _: Record, record: Record) -> None:
        """One observation."""
        kind, purpose = record["kind"], record.get("purpose")
        if len(self.vantages) < MOST_VANTAGES and (kind not in SHARED or record["vantage"] != HERE):
            self.vantages.add(record["vantage"])
        if kind in SHARED and record["vantage"] != HERE:
            self.posing.add(record["vantage"])
        if kind in _NEW_KINDS:
            self.newer.add(kind)
        elif purpose in _NEW_PURPOSES.get(kind, ()):
            self.newer.add(f"{kind} {purpose}")


def contradictions(saved: SavedRun, seen: Seen, catalogue: Catalogue) -> Iterator[str]:
    """What does not fit, one line each. Raises `BadJournal`."""
    yield from _version(saved, seen, catalogue)
    yield from _vantages(saved, seen)


def _version(saved: SavedRun, seen: Seen, catalogue: Catalogue) -> Iterator[str]:
    """By which version is it judged? The catalogue's digest and what was asked for say so, too."""
    said = f"the header says version {saved.catalogue} of the catalogue"
    if saved.header["catalogue_sha256"] == catalogue.sha256 and saved.header.get("catalogue") != catalogue.version:
        yield f"{said}, and its digest is that of version {catalogue.version}"
    elif saved.catalogue < AGENTS_EYES and seen.newer:
        yield f"{said}, which asked for nothing of what was seen here: {_some(seen.newer)}"


def _vantages(saved: SavedRun, seen: Seen) -> Iterator[str]:
    """Was looked from where it was to be looked, and from nowhere else?"""
    planned = {case.vantage for case, _ in saved.plan}
    visited = seen.vantages | {record["id"] for record in saved.vantages}
    yield from (f"{vantage} was looked from, and nothing was planned there" for vantage in sorted(visited - planned))
    if seen.posing:
        yield f"what only the workstation asks was seen from {_some(seen.posing)}"


def _some(names: set[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:MOST]) + (f" and {len(listed) - MOST} more" if listed[MOST:] else "")
