"""One tenant's run: plan, look once, judge, and write each step to the journal as it happens.

Rules
* The planned population is in the journal before anything is looked at.
* Looking happens at most once, when the first verdict is asked for (`looking`). That nobody could look from a vantage
  is an error (`CouldNotLook`, for each of its cases that asks), never a verdict; other vantages do not suffer from it.
* A verdict is written when its test asks for it, so what was deselected or interrupted stays without one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import filterfalse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netcompliance import pages, provenance, results
from netcompliance.catalogue import Catalogue
from netcompliance.journal import JOURNAL
from netcompliance.journal.redact import Redactor
from netcompliance.journal.writer import Journal, JournalWriteError
from netcompliance.judge.watch import REQUIREMENT, Watched
from netcompliance.model import AskedFrom, Case, Settings, Verdict
from netcompliance.results import Entry, Overall
from netcompliance.session.visit_collector import Display, Look, Looking, Who, unwritten
from netcompliance.session.watch_collector import Screen, Watching
from netcompliance.vantage.errors import CouldNotLook

if TYPE_CHECKING:
    from netcompliance.session.baseline_check import BaselineCheck
    from netcompliance.vantage.hosts import Host

Watch = Callable[[Settings, Mapping[str, Who], Watching], None]
"""Watches from these vantages (with what each has seen), and tells whoever listens."""
ERROR = 500
"""Characters of an error that the footer keeps: there may be one for each of many vantages, and it is one line."""


class Run:
    """What was planned for one tenant, and what became of it."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        cases: Sequence[Case],
        *,
        look: Look,
        hosts: Sequence[Host] = (),
        key: str | None = None,
        watch: Watch | None = None,
        redactor: Redactor,
        at: datetime,
        signer: str | None = None,
    ) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.cases = tuple(cases)
        self.redactor = redactor
        self.started = at
        self.signer = signer
        """Fingerprint of the key that will sign what this run leaves."""
        self.directory: Path | None = None
        self.display: Display | None = None
        """Who is shown how the visits go on."""
        self.against: BaselineCheck | None = None
        """The baseline that it is held against."""
        self.screen: Screen | None = None
        """Who is shown how the watch goes on."""
        self.watched: dict[str, Watched] = {}
        """What each vantage saw in the watch."""
        self.beside: Sequence[Run] = ()
        """Runs that are looked for together with this one, itself among them."""
        self._requirements = {requirement.id: requirement for requirement in catalogue.requirements}
        self._look = look
        self._hosts = hosts
        self._key = key
        self._watch = watch
        self._journal: Journal | None = None
        self._verdicts: dict[Case, Verdict] | None = None
        self._given: dict[Case, Verdict] = {}
        self._troubles: dict[str, CouldNotLook] = {}
        self._defect: CouldNotLook | None = None
        self._unwatched: dict[str, CouldNotLook] = {}
        self._watched = False
        self._who: dict[str, Who] = {}

    @property
    def report_path(self) -> Path | None:
        """Where the HTML report belongs."""
        return self.directory / pages.NAME if self.directory else None

    @property
    def is_whole(self) -> bool:
        """Whether the journal came to its end."""
        return self._journal is not None and self._journal.ended

    @property
    def journal_path(self) -> Path | None:
        """Where the journal is."""
        return self._journal.path if self._journal else None

    def open(self, directory: Path) -> None:
        """Begin the journal in a new directory: header and every planned case."""
        self.directory = directory
        self._journal = Journal(directory / JOURNAL, self.redactor)
        self._journal.header(
            secrets.token_hex(8), self.started, self.settings, {**self.head(), "vantages": self._everywhere()}
        )
        for case in self.cases:
            self._journal.case(case, self.catalogue[case.requirement])
        self._journal.planned()

    def head(self) -> Mapping[str, Any]:
        """With what the run was made."""
        return {
            "tool": provenance.tool(),
            "by": provenance.by(),
            "catalogue": self.catalogue.version,
            "catalogue_sha256": self.catalogue.sha256,
            **({"signer": self.signer} if self.signer else {}),
        }

    def _everywhere(self) -> list[str]:
        """The vantages from which all is asked that is asked anywhere: those that were named."""
        asked = (c.vantage for c in self.cases if self.catalogue[c.requirement].asked_from is not AskedFrom.WORKSTATION)
        return sorted(set(asked))

    @property
    def is_to_look(self) -> bool:
        """Nobody has looked yet."""
        return self._verdicts is None and not self._defect

    def verdict(self, case: Case) -> Verdict:
        """The case's verdict. Raises `CouldNotLook` where there can be none."""
        if self.is_to_look:
            together(self._look, [run for run in self.beside or (self,) if run.is_to_look])
        if self.is_watched(case) and not self._watched and not self._defect:
            self._watch_out()
        problem = self._trouble_of(case)
        if problem:
            raise CouldNotLook(problem.cause, problem.remedy)
        verdict = (self._verdicts or {}).get(case)
        if verdict is None:
            raise CouldNotLook(f"the visit of {case.vantage} did not end", "run again, and look at the journal's end")
        if case not in self._given and self._journal:
            try:
                self._journal.verdict(verdict, self.catalogue[case.requirement])
            except JournalWriteError as lost:
                self._defect = unwritten(lost)
                raise self._defect from None
        self._given[case] = verdict
        return verdict

    def given(self, case: Case) -> Verdict | None:
        """The case's verdict, if it was asked for and there is one."""
        return self._given.get(case)

    def entries(self) -> list[Entry]:
        """Every planned case and what became of it, in the order of the plan."""
        return [
            Entry(
                case=case,
                requirement=self.catalogue[case.requirement],
                verdict=self._given.get(case),
                trouble=_in_words(problem) if (problem := self._trouble_of(case)) else None,
                strict=self.settings.strict,
            )
            for case in self.cases
        ]

    def watch_entries(self) -> list[Entry]:
        """Those of the watch."""
        return [entry for entry in self.entries() if self.is_watched(entry.case)]

    @property
    def overall(self) -> Overall:
        """One word. A run whose journal has no end is none that was completed."""
        return Overall.UNDETERMINED if self._defect else results.overall(self.entries())

    def close(self, at: datetime) -> None:
        """Write the footer. The run is over, however it ended."""
        if self._journal:
            try:
                if self.against and (compared := self.against.record(self._journal.path)):
                    self._journal.comparison(compared)
                self._journal.footer(self.entries(), at, list(self._errors()))
            except JournalWriteError as problem:
                self._defect = self._defect or unwritten(problem)
            self._journal.close()

    def _errors(self) -> Iterator[dict[str, str]]:
        """Why there are cases without a verdict, where no vantage's record says it."""
        if self._defect:
            yield {"error": self._told(self._defect)}
        for vantage, problem in self._unwatched.items():
            yield {"requirement": REQUIREMENT, "vantage": vantage, "error": self._told(problem)}

    def _told(self, problem: CouldNotLook) -> str:
        return self.redactor.text(_in_words(problem))[:ERROR]

    def _trouble_of(self, case: Case) -> CouldNotLook | None:
        trouble = self._defect or self._troubles.get(case.vantage)
        return trouble or (self._unwatched.get(case.vantage) if self.is_watched(case) else None)

    def is_watched(self, case: Case) -> bool:
        """Is it a case of the watch, which comes after everything else?"""
        return case.requirement == REQUIREMENT and self.settings.watch is not None

    def _watch_out(self) -> None:
        """The watch, once, after everything else was seen."""
        self._watched = True
        listening = Watching(self.settings, self._journal, self.redactor, self.screen)
        cases = [case for case in self.cases if self.is_watched(case) and case.vantage not in self._troubles]
        vantages = sorted({case.vantage for case in cases} & self._who.keys())
        try:
            if self._watch and vantages:
                self._watch(self.settings, {vantage: self._who[vantage] for vantage in vantages}, listening)
                listening.tick()
        except JournalWriteError as problem:
            self._defect = unwritten(problem)
        finally:
            if self.screen:
                self.screen.over()
            self.watched = listening.seen()
        self._unwatched = listening.troubles
        who = {vantage: each.kept for vantage, each in self._who.items()}
        verdicts = listening.verdicts(self._requirements, cases, who, self.started.date())
        self._verdicts = (self._verdicts or {}) | self._settled(verdicts, cases)

    def begin_looking(self) -> Looking:
        """What is to be seen, and who is told. The cases of the watch come later."""
        return Looking(
            self.settings,
            self.cases,
            filterfalse(self.is_watched, self.cases),
            self._requirements,
            self.started.date(),
            hosts=self._hosts,
            key=self._key,
            redactor=self.redactor,
            journal=self._journal,
            display=self.display,
        )

    def looked(self, looking: Looking, defect: CouldNotLook | None = None) -> None:
        """What came of it, as far as it came. `defect`: it did not come to its end."""
        self._defect = defect
        self._troubles = looking.troubles
        self._who = looking.who
        self._verdicts = self._settled(looking.verdicts, self.cases)
        looking.verdicts.clear()

    def _settled(self, verdicts: Mapping[Case, Verdict], cases: Sequence[Case]) -> dict[Case, Verdict]:
        """The verdicts on these cases, as far as there are any, as they are written."""
        from netcompliance.judge import settle

        given = [verdicts[case] for case in cases if case in verdicts]
        settled = settle(self._requirements, given, cases, self.settings)
        return {verdict.case: self.redactor.verdict(verdict) for verdict in settled}


def _in_words(problem: CouldNotLook) -> str:
    return f"{problem.cause}; {problem.remedy}"


def together(look: Look, runs: Sequence[Run]) -> None:
    """Look for all of these, once, and leave with each what came of it. Raises what is a defect of ours."""
    lookings = [run.begin_looking() for run in runs]
    defect: CouldNotLook | None = None
    try:
        look([looking.errand for looking in lookings])
        for looking in lookings:
            looking.tick()
    except JournalWriteError as problem:
        defect = unwritten(problem)
    except Exception as error:
        remedy = "see the traceback of the first case"
        defect = CouldNotLook(f"a defect in netcompliance ({type(error).__name__})", remedy)
        raise
    finally:
        for run, looking in zip(runs, lookings, strict=True):
            looking.over()
            run.looked(looking, defect)


def new_directory(root: Path, tenant: str, at: datetime) -> Path:
    """`root/<tenant>/<UTC>`, made. A second run within the second gets a number."""
    base = root / tenant
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    base.mkdir(parents=True, exist_ok=True)
    for name in (stamp, *(f"{stamp}-{number}" for number in range(2, 100))):
        try:
            (base / name).mkdir()
        except FileExistsError:
            continue
        return base / name
    raise FileExistsError(f"{base / stamp}: a hundred runs in one second")
