"""Is this evidence whole, is it what the run left, who signed it, and do its verdicts follow from what was seen?

Rules
* Each check says what it found. One that is `bad` makes the evidence unusable as such; a `note` limits what it proves;
  where one is `open`, this program cannot tell, and the evidence is neither called good nor blamed.
* Nothing is looked up anywhere: what is known is in the directory, in this program, and in the list of allowed signers.
* A check whose ground is gone (a journal whose chain is broken) is not made, and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

from netcompliance.catalogue import Catalogue, expand, of_digest
from netcompliance.contradictions import Seen, contradictions
from netcompliance.contradictions.chains import Certificates
from netcompliance.journal import JOURNAL, checksums, decode, signature
from netcompliance.journal.checksums import BadSums
from netcompliance.journal.reader import Line, Reading, SavedRun, Walker
from netcompliance.journal.signature import SigningError
from netcompliance.judge.evidence import AGENTS_EYES, listed
from netcompliance.judge.identity import IDENTITY
from netcompliance.model import Requirement
from netcompliance.rejudge import Rejudged, rejudge, run_date
from netcompliance.report import summary
from netcompliance.results import CaseStatus, counts

REPORT = "report.html"
MOST = 10
"""Problems of one kind that are told; the rest is counted."""


class Outcome(StrEnum):
    """How a check came out."""

    OK = "ok"
    NOTE = "note"
    OPEN = "open"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question to the evidence, and its answer."""

    name: str
    """`run`, `chain`, `consistent`, `plan`, `verdicts`, `files`, `report`, `signature`."""
    outcome: Outcome
    text: str


def verify(
    journal: Path,
    catalogue: Catalogue,
    tool: Mapping[str, str | None],
    *,
    directory: Path | None = None,
    allowed: Path | None = None,
    identity: str | None = None,
) -> list[Check]:
    """Every check, in the order in which one builds on another. Raises `BadJournal` where there is no journal."""
    seen, chain, walker = Seen(), _Chain(), Walker(journal)
    reading = Reading(journal, seen)
    for line in walker:
        chain.add(line)
        if not chain.problems:
            reading.add(line)
    checks = list(chain.checks())
    saved: SavedRun | None = None
    if not chain.problems:
        saved = reading.run(walker.sha256)
        own = of_digest(saved.header["catalogue_sha256"])
        same_roots = tool.get("roots") is not None and saved.header["tool"].get("roots") == tool["roots"]
        certificates = Certificates(saved.settings.interception, same_roots=same_roots)
        visited = certificates.add if saved.catalogue >= AGENTS_EYES else None
        again = rejudge(saved, own or catalogue, run_date(saved), pinned=True, visited=visited)
        checks.insert(0, _run(saved))
        checks += _consistent(saved, seen, certificates, own)
        checks += _plan(saved)
        checks += _population(saved, own)
        checks += _verdicts(saved, again, own or catalogue, tool)
    else:
        checks.append(_bad("verdicts", "not judged again: the journal is not what was written"))
    if directory is None:
        checks.append(_note("files", "a journal alone was named: report and signature were not looked at"))
        return checks
    checks += _files(directory, saved)
    checks += _report(directory, journal, chain.schema)
    checks += _signature(directory, saved, allowed, identity)
    return checks


def _ok(name: str, text: str) -> Check:
    return Check(name=name, outcome=Outcome.OK, text=text)


def _note(name: str, text: str) -> Check:
    return Check(name=name, outcome=Outcome.NOTE, text=text)


def _open(name: str, text: str) -> Check:
    return Check(name=name, outcome=Outcome.OPEN, text=text)


def _bad(name: str, text: str) -> Check:
    return Check(name=name, outcome=Outcome.BAD, text=text)


def _some(name: str, problems: list[str]) -> Iterator[Check]:
    yield from (_bad(name, problem) for problem in problems[:MOST])
    if problems[MOST:]:
        yield _bad(name, f"and {len(problems) - MOST} more")


def _run(saved: SavedRun) -> Check:
    """Which run it is: evidence of another tenant, day or host is good evidence too, and not what was asked for."""
    settings = saved.settings
    level = f", only requirements of level {settings.level}" if settings.level else ""
    end = saved.footer["finished"] if saved.footer else "its end"
    vantages = summary.folded(saved.everywhere)
    text = f"{settings.host} from {vantages or 'nowhere'}, {saved.header['started']} to {end}{level}: "
    waived = sorted({entry.case.requirement for entry in saved.entries if entry.status is CaseStatus.WAIVED})
    without = f", {', '.join(waived)} waived" if waived else ""
    return _ok("run", text + summary.concluded(saved.overall, summary.warnings(saved.entries)) + without)


def _population(saved: SavedRun, catalogue: Catalogue | None) -> Iterator[Check]:
    """Was everything planned that the catalogue of the run asks for, as it asks for it?"""
    if catalogue is None:
        yield _open("plan", _unknown(saved))
        return
    stated = dict(saved.planned(catalogue))
    expected = dict.fromkeys(expand(catalogue, saved.settings, saved.everywhere))
    problems = [f"{case} was never planned" for case in expected if case not in stated]
    problems += [f"{case} is not asked for by the catalogue" for case in stated if case not in expected]
    for case in expected:
        differs = _differences(stated[case], catalogue[case.requirement]) if case in stated else ""
        problems += [f"{case}: {differs}"] if differs else []
    yield from _some("plan", problems)
    if not problems:
        yield _ok("plan", f"what catalogue {catalogue.version} asks for with these settings, at its levels")


def _unknown(saved: SavedRun) -> str:
    return (
        f"this program does not have the catalogue of this run (version {saved.catalogue}, SHA-256 "
        f"{saved.header['catalogue_sha256']}): it cannot prove that all of its requirements were planned, and at their "
        f"level; ask the program that made the run, netcompliance {saved.header['tool'].get('version')}"
    )


def _differences(stated: Requirement, required: Requirement) -> str:
    return "; ".join(
        f"{each.name} is {getattr(stated, each.name)}, and {getattr(required, each.name)} in the catalogue"
        for each in fields(required)
        if getattr(stated, each.name) != getattr(required, each.name)
    )


class _Chain:
    """Is each line the one that was written, where it was written?"""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.schema = 0
        self._number, self._last, self._looked = 0, "", False

    def add(self, line: Line) -> None:
        """The next line."""
        self._number = line.number
        if line.number == 1 and line.record:
            self.schema = line.record["schema"]
        if line.problem and len(self.problems) <= 2 * MOST:
            self.problems.append(f"line {line.number}: {line.problem}")
        self._last = line.record["type"] if line.record else ""
        if self._last == "case" and self._looked:
            self.problems.append(f"line {line.number}: a case that was planned after somebody had looked")
        self._looked = self._looked or self._last == "observation"

    def checks(self) -> Iterator[Check]:
        """What came of it, when all lines have gone by."""
        if self._last != "footer" and not self.problems:
            self.problems.append(
                f"line {self._number}: the journal ends without a footer: the run was cut off, and this is no evidence"
            )
        yield from _some("chain", self.problems)
        if self.schema == 1:
            yield _note(
                "chain", "schema 1: lines are not linked; the footer's digest says whether one was changed, not which"
            )
        if not self.problems:
            yield _ok("chain", f"{self._number} lines, as they were written")


def _consistent(
    saved: SavedRun, seen: Seen, certificates: Certificates, catalogue: Catalogue | None
) -> Iterator[Check]:
    """Do header, vantages, observations and verdicts say the same of each other?"""
    problems = list(contradictions(saved, seen, certificates, catalogue))
    yield from _some("consistent", problems)
    if certificates.other_roots:
        yield _note(
            "consistent",
            "no public root that the run knew is known here: that the certificates of "
            f"{listed(certificates.unproved)} lead to one is said there, and cannot be proved",
        )
    if not problems:
        yield _ok("consistent", "header, vantages, observations and verdicts fit together")


def _plan(saved: SavedRun) -> Iterator[Check]:
    """Is there at most one verdict for each planned case, and does the footer count them right?"""
    problems = [f"{name} is planned twice" for name in _twice(decode.key(record) for record in saved.cases)]
    problems += [f"{name} has two verdicts" for name in _twice(decode.key(record) for record in saved.verdicts)]
    planned = {decode.key(record) for record in saved.cases}
    problems += [
        f"{_named(decode.key(record))} has a verdict and was not planned"
        for record in saved.verdicts
        if decode.key(record) not in planned
    ]
    if saved.footer and not problems:
        if saved.footer["overall"] != saved.overall:
            problems.append(f"the footer says {saved.footer['overall']!r}, the verdicts say {saved.overall}")
        if saved.footer["counts"] != counts(saved.entries):
            problems.append("the footer's counts are not those of the verdicts")
    yield from _some("plan", problems)
    if problems:
        return
    missing = Counter(entry.status for entry in saved.entries if entry.verdict is None)
    if missing:
        yield _note(
            "plan",
            f"{sum(missing.values())} of {len(saved.cases)} planned cases have no verdict "
            f"(could not look: {missing[CaseStatus.ERROR]}, not run: {missing[CaseStatus.NO_VERDICT]}); "
            f"the run was {saved.overall}",
        )
    else:
        yield _ok("plan", f"{len(saved.cases)} planned cases, each with its verdict; the run was {saved.overall}")


def _verdicts(
    saved: SavedRun, again: Rejudged, catalogue: Catalogue, tool: Mapping[str, str | None]
) -> Iterator[Check]:
    """Do the verdicts follow from the observations? Another judge than the run's may use other words for them."""
    wrote = saved.header["tool"]
    exact = wrote.get("judge") == tool["judge"] and saved.header["catalogue_sha256"] == catalogue.sha256
    changes = [change for change in again.changes if exact or change.is_decisive]
    renamed = {name: [each for each in others if exact or each in IDENTITY] for name, others in again.renamed.items()}
    yield from _some(
        "consistent",
        [
            f"{vantage}: its record says something else than was seen there ({', '.join(others)} differ)"
            for vantage, others in renamed.items()
            if others
        ],
    )
    yield from _some(
        "verdicts",
        [
            f"{change.case}: the journal says {change.before['verdict']}, judged again it is "
            f"{change.after['verdict'] if change.after else 'not judged'}"
            + (f" ({', '.join(change.fields)} differ)" if change.fields else "")
            for change in changes
        ],
    )
    if not exact:
        which = f"netcompliance {wrote.get('version')}, catalogue {saved.header.get('catalogue')}"
        yield _note(
            "verdicts",
            f"written by {which}; judged here by the judge of {tool['version']}, by the requirements that the journal "
            "states: verdicts and findings are compared, not their words",
        )
    if not changes:
        yield _ok(
            "verdicts", f"{len(saved.verdicts)} verdicts, the same when they are judged again from the observations"
        )


def _files(directory: Path, saved: SavedRun | None) -> Iterator[Check]:
    """Is each file the one that was summed up at the end of the run?"""
    try:
        listed = checksums.read(directory)
    except FileNotFoundError:
        if saved and saved.schema == 1:
            yield _note("files", f"schema 1: there was no {checksums.NAME}")
        else:
            yield _bad("files", f"no {checksums.NAME}: the run did not come to its end, or it was taken away")
        return
    except (BadSums, OSError) as error:
        yield _bad("files", _text(error))
        return
    if checksums.total_size(directory, listed) > checksums.LARGEST:
        yield _bad("files", f"they are larger than {checksums.LARGEST >> 30} GiB together: no run leaves so much")
        return
    problems = [f"{checksums.NAME} does not name {name}" for name in (JOURNAL, REPORT) if name not in listed]
    for name, digest in listed.items():
        try:
            if checksums.sha256(directory / name) != digest:
                problems.append(f"{name} was changed after the run")
        except (BadSums, OSError) as error:
            problems.append(f"{name}: {_text(error)}")
    yield from _some("files", problems)
    more = checksums.unlisted(directory, listed)
    if more:
        yield _note("files", f"not part of the evidence: {', '.join(more[:MOST])}{' …' if more[MOST:] else ''}")
    if not problems:
        yield _ok("files", f"{', '.join(listed)}: as they were at the end of the run")


def _report(directory: Path, journal: Path, schema: int) -> Iterator[Check]:
    """Was the report made from this journal?"""
    try:
        if checksums.holds(directory / REPORT, checksums.sha256(journal)):
            yield _ok("report", "carries this journal's digest")
        elif schema == 1:
            yield _note("report", "schema 1: the report carried no digest of its journal")
        else:
            yield _bad("report", f"{REPORT} does not carry this journal's digest: it was made from another one")
    except (BadSums, OSError) as error:
        yield _bad("report", f"{REPORT}: {_text(error)}")


def _signature(directory: Path, saved: SavedRun | None, allowed: Path | None, identity: str | None) -> Iterator[Check]:
    """Who vouches for it?"""
    promised = saved.header.get("signer") if saved else None
    path = directory / checksums.SIGNATURE
    if not path.exists():
        if promised:
            yield _bad("signature", f"the run was to be signed with the key {promised}, and there is no signature")
        elif allowed:
            yield _bad("signature", "not signed")
        else:
            yield _note("signature", "not signed: nothing says who made this, nor that it was not made anew as a whole")
        return
    try:
        signed = signature.check(checksums.bytes_of(directory), path, allowed, identity)
    except (SigningError, BadSums, OSError) as error:
        yield _bad("signature", _text(error))
        return
    if promised and promised != signed.fingerprint:
        yield _bad("signature", f"the run was to be signed with the key {promised}, and is with {signed.fingerprint}")
    elif signed.identity:
        yield _ok("signature", f"by {signed.identity}, key {signed.fingerprint}")
    else:
        yield _note("signature", f"by the key {signed.fingerprint}; whose it is was not checked (--allowed-signers)")


def _twice(keys: Iterator[decode.Key]) -> list[str]:
    return [_named(key) for key, number in Counter(keys).items() if number > 1]


def _named(key: decode.Key) -> str:
    requirement, target, vantage = key
    return f"{requirement} {target} from {vantage}"


def _text(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
