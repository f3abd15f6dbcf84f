"""One tenant's run: plan, look once, judge, and write each step to the journal as it happens.

Rules
* The planned population is in the journal before anything is looked at.
* Looking happens at most once, when the first verdict is asked for. That nobody could look is an error of the run
  (`CouldNotLook`, for each case that asks), never a verdict.
* A verdict is written when its test asks for it, so what was deselected or interrupted stays without one.
"""

from __future__ import annotations

import platform
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from netcompliance import conclusion
from netcompliance.catalogue import HERE, Catalogue
from netcompliance.conclusion import Entry
from netcompliance.model import Case, Observation, Settings, Verdict
from netcompliance.report.journal import Journal
from netcompliance.report.redact import Redactor
from netcompliance.vantage.errors import CouldNotLook

Look = Callable[[Settings, Sequence[Case], Callable[[Observation], None]], None]


def version() -> str:
    """Of this package; a checkout that is not installed has none."""
    try:
        return metadata.version("netcompliance")
    except metadata.PackageNotFoundError:
        return "checkout"


class Run:
    """What was planned for one tenant, and what became of it."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        cases: Sequence[Case],
        *,
        look: Look,
        redactor: Redactor,
        at: datetime,
    ) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.cases = tuple(cases)
        self.redactor = redactor
        self.started = at
        self.finished = at
        self.directory: Path | None = None
        self._look = look
        self._journal: Journal | None = None
        self._lock = threading.Lock()
        self.identities: dict[str, Observation | None] = {}
        self._verdicts: dict[Case, Verdict] | None = None
        self._given: dict[Case, Verdict] = {}
        self._trouble: CouldNotLook | None = None

    @property
    def report_path(self) -> Path | None:
        """Where the HTML report belongs."""
        return self.directory / "report.html" if self.directory else None

    @property
    def journal_path(self) -> Path | None:
        """Where the journal is."""
        return self._journal.path if self._journal else None

    def open(self, directory: Path) -> None:
        """Begin the journal in a new directory: header and every planned case."""
        self.directory = directory
        self._journal = Journal(directory / "journal.jsonl", self.redactor)
        self._journal.header(secrets.token_hex(8), self.started, self.settings, self.head())
        for case in self.cases:
            self._journal.case(case, self.catalogue[case.requirement])

    def head(self) -> Mapping[str, Any]:
        """With what the run was made."""
        return {
            "tool": {"name": "netcompliance", "version": version(), "python": platform.python_version()},
            "catalogue": self.catalogue.version,
            "catalogue_sha256": self.catalogue.sha256,
        }

    def verdict(self, case: Case) -> Verdict:
        """The case's verdict. Raises `CouldNotLook` where there can be none."""
        if self._trouble:
            raise CouldNotLook(self._trouble.cause, self._trouble.remedy)
        if self._verdicts is None:
            self._verdicts = self._find_out()
        if case not in self._verdicts:
            raise CouldNotLook(f"the visit of {case.vantage} did not end", "run again, and look at the journal's end")
        verdict = self._verdicts[case]
        if case not in self._given and self._journal:
            self._journal.verdict(verdict, self.catalogue[case.requirement])
        self._given[case] = verdict
        return verdict

    def entries(self) -> list[Entry]:
        """Every planned case and what became of it, in the order of the plan."""
        trouble = f"{self._trouble.cause}; {self._trouble.remedy}" if self._trouble else None
        return [
            Entry(
                case=case,
                requirement=self.catalogue[case.requirement],
                verdict=self._given.get(case),
                trouble=trouble,
                strict=self.settings.strict,
            )
            for case in self.cases
        ]

    @property
    def overall(self) -> conclusion.Overall:
        """One word."""
        return conclusion.overall(self.entries())

    def close(self, at: datetime) -> None:
        """Write the footer. The run is over, however it ended."""
        self.finished = at
        if self._journal:
            self._journal.footer(self.entries(), at)

    def _find_out(self) -> dict[Case, Verdict]:
        seen: list[Observation] = []

        def on_observation(observation: Observation) -> None:
            with self._lock:
                self._record(observation)
                seen.append(observation)

        try:
            self._look(self.settings, self.cases, on_observation)
            self._introduce({str(observation.get("vantage", HERE)) for observation in seen})
            verdicts = decide(self.catalogue, self.cases, seen, self.settings)
        except CouldNotLook as trouble:
            self._trouble = trouble
            if self._journal:
                self._journal.vantage(HERE, error=f"{trouble.cause}; {trouble.remedy}")
            raise
        except Exception as defect:
            self._trouble = CouldNotLook(
                f"a defect in netcompliance ({type(defect).__name__})", "see the traceback of the first case"
            )
            raise
        return {verdict.case: verdict for verdict in verdicts}

    def _record(self, observation: Observation) -> None:
        if self._journal is None:
            return
        if observation.get("kind") == "host":
            self._introduce({str(observation.get("vantage", HERE))}, observation)
        self._journal.observation(observation)

    def _introduce(self, vantages: Iterable[str], identity: Observation | None = None) -> None:
        """One record for each vantage; without an identity for one that did not say who it is."""
        for vantage in sorted(set(vantages) - self.identities.keys()):
            self.identities[vantage] = identity
            if self._journal:
                self._journal.vantage(vantage, identity=identity)


def decide(
    catalogue: Catalogue, cases: Sequence[Case], seen: Sequence[Observation], settings: Settings
) -> list[Verdict]:
    """The judge's verdicts, as of today. Its libraries are loaded late: collecting tests needs none of them."""
    from netcompliance.judge import judge

    return judge(catalogue.requirements, cases, seen, settings, datetime.now(UTC).date())


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
