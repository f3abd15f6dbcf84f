"""Does a journal contradict itself? What its lines say of each other (pure).

Rules
* Each rule stands here once, and says in one line what does not fit. What one line or its place shows is the reader's
  to say (`journal.reader`), and what follows from observations is for judging again (`rejudge`).
* Whoever writes a journal anew can make all of it fit. These rules find what was changed in one place alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from netcompliance.catalogue import Catalogue
from netcompliance.contradictions.chains import Certificates, has_another_digest
from netcompliance.contradictions.places import Places
from netcompliance.contradictions.visits import Visits
from netcompliance.contradictions.watches import Watches
from netcompliance.journal import decode
from netcompliance.journal.decode import Key, Record
from netcompliance.journal.reader import SavedRun, moment
from netcompliance.judge import SHARED
from netcompliance.judge.evidence import AGENTS_EYES
from netcompliance.judge.watch import KIND, REQUIREMENT
from netcompliance.model import HERE, Result, Settings

CLOCK = 86400.0
"""Seconds by which this machine's clock may have been set while the run went on."""
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
_NEW_FIELDS: Mapping[str, tuple[str, ...]] = {
    "route": ("setting",),
    "dns": ("edns", "took"),
    "tcp": ("ports",),
    "tls": ("anchors",),
    "http": ("caller", "without", "alone_bytes"),
    "registry": ("attempt", "range", "opening"),
    "chain": ("judged", "unreadable"),
}
"""Kind → what is told of it since then."""
_NEW_OF_CASES = ("targets", "when", "from")
"""What a case says since schema 2,"""
_NEW_OF_THE_HEADER = ("vantages", "by")
_NEW_OF_VANTAGES = ("vantage_kind", "clock_offset", "interpreter", "runtime")
_NEW_OF_OTHERS: Mapping[str, tuple[str, ...]] = {
    "host": ("interpreter", "kubernetes", "runtime"),
    "probe": ("records",),
    KIND: ("what",),
}
"""and what header, vantages and observations of older kinds do."""


class Seen:
    """What is seen in a journal that goes by (`reader.Observe`), as far as it can contradict the rest."""

    def __init__(self) -> None:
        self.newer: set[str] = set()
        """Kinds, purposes and fields that the first catalogue does not know,"""
        self.newest: set[str] = set()
        """and fields that schema 1 does not know either."""
        self.places = Places()
        self.vantages: set[str] = set()
        """From where something was seen, but for what the workstation sees for all of them."""
        self.posing: set[str] = set()
        """Who else says to have seen that."""
        self.moments: tuple[float, float] | None = None
        """The first and the last at which this machine saw something, by its own clock."""
        self.visits = Visits()
        self.watches = Watches()
        self.corrupt: set[str] = set()
        """Whose registry answers are not what their digests say."""

    def __call__(self, header: Record, record: Record) -> None:
        """One observation."""
        kind, purpose = record["kind"], record.get("purpose")
        self.visits.add(record)
        self.watches.add(header, record)
        if kind == "registry" and has_another_digest(record) and len(self.corrupt) < MOST_VANTAGES:
            self.corrupt.add(record["vantage"])
        if len(self.vantages) < MOST_VANTAGES and (kind not in SHARED or record["vantage"] != HERE):
            self.vantages.add(record["vantage"])
        if kind in SHARED and record["vantage"] != HERE:
            self.posing.add(record["vantage"])
        at = record.get("at")
        if record["vantage"] == HERE and kind != KIND and isinstance(at, (int, float)):
            earliest, latest = self.moments or (at, at)
            self.moments = min(at, earliest), max(at, latest)
        if kind in _NEW_KINDS:
            self.newer.add(kind)
        elif purpose in _NEW_PURPOSES.get(kind, ()):
            self.newer.add(f"{kind} {purpose}")
        self.newer.update(f"{kind}.{name}" for name in _NEW_FIELDS.get(kind, ()) if name in record)
        self.newest.update(f"{kind}.{name}" for name in _NEW_OF_OTHERS.get(kind, ()) if name in record)
        self.places.add(header, record)


def contradictions(
    saved: SavedRun, seen: Seen, certificates: Certificates, catalogue: Catalogue | None
) -> Iterator[str]:
    """What does not fit, one line each. `certificates` are of all visits, `catalogue` is the one with the header's
    digest. Raises `BadJournal`.
    """
    yield from _version(saved, seen, catalogue)
    yield from _vantages(saved, seen)
    yield from seen.visits.problems(
        {record["id"]: record for record in saved.vantages}, counts=saved.schema > 1 and saved.catalogue >= AGENTS_EYES
    )
    refused = {record["id"] for record in saved.vantages if record.get("error")}
    unjudged = {case.vantage for case, _ in saved.plan if case.requirement == REQUIREMENT}
    unjudged -= {verdict["vantage"] for verdict in saved.verdicts if verdict["requirement"] == REQUIREMENT}
    if saved.catalogue >= AGENTS_EYES:
        yield from certificates.problems()
        yield from seen.watches.problems(saved.settings, unjudged)
    if corrupt := seen.corrupt - refused:
        yield f"a registry's answer is not what its digest says, seen from {_some(corrupt)}"
    yield from seen.places.problems(saved.settings, {case.host for case, _ in saved.plan}, refused)
    yield from _times(saved, seen)
    yield from _first_schema(saved, seen)
    yield from _comparisons(saved)


def of_a_visit(settings: Settings, hosts: set[str], observations: Iterable[Record]) -> str:
    """What one visited host said that contradicts itself, or that nobody asked; empty if there is nothing. `hosts` are
    those of the cases. The journal of everybody would contradict itself, so it is that host's error."""
    places, header = Places(), header_of(settings)
    for record in observations:
        if record["kind"] == "registry" and has_another_digest(record):
            return "a registry's answer is not what its digest says"
        places.add(header, record)
    return next(places.problems(settings, hosts), "")


def header_of(settings: Settings) -> Record:
    """What is asked of a header while observations go by."""
    return {"settings": {"tenant": settings.tenant, "domain": settings.domain}}


def _version(saved: SavedRun, seen: Seen, catalogue: Catalogue | None) -> Iterator[str]:
    """By which version is it judged? The catalogue's digest and what was asked for say so, too."""
    said = f"the header says version {saved.catalogue} of the catalogue"
    if catalogue and saved.header.get("catalogue") != catalogue.version:
        yield f"{said}, and its digest is that of version {catalogue.version}"
    elif saved.catalogue < AGENTS_EYES and seen.newer:
        yield f"{said}, which asked for nothing of what was seen here: {_some(seen.newer)}"


def _vantages(saved: SavedRun, seen: Seen) -> Iterator[str]:
    """Was looked from where it was to be looked, and from nowhere else?"""
    planned = {case.vantage for case, _ in saved.plan}
    named, asked = set(saved.everywhere), set(saved.planned_from)
    yield from (f"{vantage} is named in the header, and nothing was planned there" for vantage in sorted(named - asked))
    yield from (f"{vantage} is planned, and not named in the header" for vantage in sorted(asked - named))
    ended = {record["id"] for record in saved.vantages}
    if saved.verdicts:  # the first is given when all visits have ended
        yield from (f"{vantage} is planned, and has no record of its visit" for vantage in sorted(planned - ended))
    visited = seen.vantages | ended
    yield from (f"{vantage} was looked from, and nothing was planned there" for vantage in sorted(visited - planned))
    if seen.posing:
        yield f"what only the workstation asks was seen from {_some(seen.posing)}"


def _times(saved: SavedRun, seen: Seen) -> Iterator[str]:
    """Was everything seen while the run went on? Other hosts have clocks of their own, which may be wrong."""
    began, finished = saved.started, moment(saved.footer["finished"]) if saved.footer else None
    if saved.footer and finished is None:
        yield "the footer does not say when the run ended"
        return
    if finished and finished < began:
        yield f"the run ended at {finished:%Y-%m-%d %H:%M:%S} UTC, before it began at {began:%Y-%m-%d %H:%M:%S} UTC"
    earliest, latest = seen.moments or (began.timestamp(), began.timestamp())
    if earliest < began.timestamp() - CLOCK or (finished and latest > finished.timestamp() + CLOCK):
        yield "this machine saw something more than a day before the run began, or after it had ended"


def _first_schema(saved: SavedRun, seen: Seen) -> Iterator[str]:
    """Schema 1 has no links, and whoever wrote it knew nothing of what came later."""
    if saved.schema > 1:
        return
    later = seen.newer | seen.newest | {f"header.{name}" for name in _NEW_OF_THE_HEADER if name in saved.header}
    later |= {f"vantage.{name}" for record in saved.vantages for name in _NEW_OF_VANTAGES if name in record}
    later |= {f"case.{name}" for record in saved.cases for name in _NEW_OF_CASES if name in record}
    found = [each for record in saved.verdicts for each in record["findings"]]
    later |= {"finding.values" for each in found if isinstance(each, dict) and "values" in each}
    later |= {f"version {saved.catalogue} of the catalogue"} if saved.catalogue >= AGENTS_EYES else set()
    if later:
        yield f"the header says schema 1, which knows nothing of {_some(later)}"


def _comparisons(saved: SavedRun) -> Iterator[str]:
    """Does what the journal keeps of a comparison fit its verdicts and itself?"""
    if len(saved.comparisons) > 1:
        yield "it was compared with two baselines"
    words = {decode.key(record): record["verdict"] for record in saved.verdicts}
    for record in saved.comparisons:
        try:
            problem = _unfit(Told.of(record), words, saved)
        except (KeyError, TypeError, AttributeError):
            problem = "it does not say what came of it"
        if problem:
            yield f"the comparison with a baseline: {problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a journal keeps of a comparison."""

    outcome: str
    cases: Mapping[str, int]
    drift: int
    regressed: Sequence[Key]
    kinds: set[str]
    """Of the drift."""
    before: datetime | None
    """When the baseline began."""

    @classmethod
    def of(cls, record: Record) -> Told:
        """Raises what a record of another shape leads to."""
        counts = dict(record["counts"])
        return cls(
            outcome=record["outcome"],
            drift=counts.pop("drift"),
            cases=counts,
            regressed=[decode.key(each) for each in record["regressed"]],
            kinds={each["kind"] for each in record["drift"]},
            before=moment(record["baseline"]["started"]),
        )


def _unfit(told: Told, words: Mapping[Key, str], saved: SavedRun) -> str:
    """Why it does not fit; empty if it does."""
    met = [key for key in told.regressed if words.get(key) not in (Result.FAIL, Result.WAIVED)]
    if met:
        return f"{' '.join(met[0])} is said to have regressed, and its verdict is {words.get(met[0], 'none')}"
    if told.cases["regressed"] != len(told.regressed) or sum(told.cases.values()) < len(saved.cases):
        return "its counts are not those of its cases"
    regressed = any(words[key] == Result.FAIL for key in told.regressed)
    forbidden = bool(told.kinds & {*saved.settings.fail_on_drift})
    fits = {
        "regressed": regressed,
        "undetermined": not regressed,
        "drifted": not regressed and forbidden,
        "unharmed": not regressed and not forbidden,
    }
    if not fits.get(told.outcome):
        return f"its outcome is {told.outcome}, which does not follow from what it lists"
    if told.before is None or told.before >= saved.started:
        return "its baseline did not begin before this run"
    return ""


def _some(names: set[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:MOST]) + (f" and {len(listed) - MOST} more" if listed[MOST:] else "")
