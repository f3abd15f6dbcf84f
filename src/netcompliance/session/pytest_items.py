"""What pytest's items need of a session's runs, one for each tenant: cases, verdicts, and words for both."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Collection, MutableMapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from netcompliance import explain, pages
from netcompliance.config.validation import BadInput
from netcompliance.exports import Wanted
from netcompliance.journal.signature import Key
from netcompliance.journal.writer import JournalWriteError
from netcompliance.model import Case, Result, Verdict
from netcompliance.report import watched
from netcompliance.report.progress import Progress
from netcompliance.report.watching import Screen
from netcompliance.results import CaseStatus, Entry
from netcompliance.session.artifacts import Artifacts
from netcompliance.session.phases import Opened
from netcompliance.session.plan import Plan
from netcompliance.session.run import Run, new_directory, visit_all
from netcompliance.session.visit_collector import Look
from netcompliance.vantage.errors import CouldNotLook

if TYPE_CHECKING:
    from netcompliance.session.baseline_check import BaselineComparison

_UNFIT_FOR_IDS = re.compile(r"[^A-Za-z0-9._:/@-]+")


class Unmet(pytest.fail.Exception):  # type: ignore[name-defined,misc]
    """The requirement is not met, or met only because somebody accepts that it is not.

    Like `NotLooked` it has no traceback: pytest would take ten times as long for one as for all else of a test.
    """

    def __init__(self, entry: Entry) -> None:
        super().__init__(str(entry.case), pytrace=False)
        self.entry = entry


class NotLooked(pytest.fail.Exception):  # type: ignore[name-defined,misc]
    """Nobody could look from the case's vantage."""

    def __init__(self, problem: CouldNotLook) -> None:
        super().__init__(str(problem), pytrace=False)


class Asked:
    """What a suite's test holds: the verdict on its case."""

    def __init__(self, entry: Entry, verdict: Verdict) -> None:
        self._entry = entry
        self.verdict = verdict

    def is_satisfied(self) -> None:
        """Pass if it is; skip what does not apply or could not be evaluated; else raise `Unmet`."""
        result = self.verdict.result
        if result in (Result.NOTAPPLICABLE, Result.NOTCHECKED):
            pytest.skip(explain.printable(f"{result}: {self.verdict.reason}"))
        if result is not Result.PASS:
            raise Unmet(self._entry)


class _Traceback:
    """A redacted traceback, printed as pytest prints its own: the summary gets the last line alone, in CI too."""

    def __init__(self, text: str, original: object, redacted: Callable[[str], str]) -> None:
        self._text = text
        if crash := getattr(original, "reprcrash", None):
            self.reprcrash = SimpleNamespace(message=redacted(str(crash.message)))

    def __str__(self) -> str:
        return self._text

    def toterminal(self, out: Any) -> None:
        """pytest's protocol."""
        out.line(self._text)


def without_values(excinfo: pytest.ExceptionInfo[BaseException], redacted: Callable[[str], str]) -> Any:
    """What pytest tells of an exception, by its lines of source alone, as Python itself does.

    pytest would show arguments and local variables, and shorten them: of a key in them a part could be left that nobody
    can recognise.
    """
    told: Any = excinfo.getrepr(style="native")
    text = redacted(str(told))
    vars(told)["toterminal"] = lambda out: out.line(text)
    if told.reprcrash:
        told.reprcrash.message = redacted(told.reprcrash.message)
    return told


class Session:
    """The runs of a session, in the order of the command line: planned first, and begun by `open`."""

    def __init__(
        self,
        plans: Sequence[Plan],
        report_dir: Path,
        *,
        look: Look,
        key: Key | None = None,
        wanted: Sequence[Wanted] = (),
    ) -> None:
        self.plans = tuple(plans)
        self._report_dir = report_dir
        self._look = look
        self._key = key
        self._wanted = tuple(wanted)
        self._redactor = plans[0].redactor
        self._by_tenant = {plan.tenant: plan for plan in self.plans}
        self._runs: dict[str, Run] = {}
        """By tenant, those that are open."""
        self._chosen: tuple[Run, ...] = ()
        """Those that are looked for together."""

    def open(self) -> None:
        """Make the directories and begin the journals. Raises `BadInput`."""
        made: list[Path] = []
        try:
            for plan in self.plans:
                made.append(new_directory(self._report_dir, plan.tenant, plan.started))
                self._runs[plan.tenant] = Run(plan, made[-1])
        except (OSError, JournalWriteError) as error:
            for directory in made:
                shutil.rmtree(directory, ignore_errors=True)
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise BadInput(f"--report-dir {self._report_dir}: {reason}") from None

    def close(self) -> Artifacts:
        """End every journal with its footer, and export it. Nothing is asked any more."""
        closed = [run.close(datetime.now(UTC)) for run in self._runs.values()]
        artifacts = Artifacts(closed, self._key, self._wanted)
        artifacts.export()
        return artifacts

    def clean(self, metadata: MutableMapping[str, Any]) -> None:
        """Take secrets out of what a report says about its environment: in CI there are URLs with credentials."""
        metadata.update(self._redactor.value(metadata))

    def redacted(self, text: str) -> str:
        """The text without the secrets of any run."""
        return self._redactor.text(text)

    def header(self) -> list[str]:
        """Lines for pytest's own header."""
        lines = []
        for plan in self.plans:
            vantages = _counted(sorted({case.vantage for case in plan.cases}))
            lines.append(f"network of {plan.settings.endpoint}: {len(plan.cases)} cases from {vantages}")
            lines += [self._redactor.text(each) for each in (plan.baseline.header() if plan.baseline else ())]
            if plan.settings.watch:
                lines += [f"then a watch: {watched.rates(plan.settings)}", watched.unwatched(plan.settings.watch)]
            lines += [*watched.unprovable(plan.settings), *watched.shares(plan.settings)]
        if self._redactor.weak:
            lines.append(
                "note: a key or password is short, or a common word: it is hidden where secrets stand (URLs, headers), "
                "and cannot be recognised elsewhere"
            )
        return lines

    def select(self, tenants: Collection[str]) -> None:
        """Tests of these are to be run: they are looked for together, and nobody looks for the others."""
        self._chosen = tuple(run for tenant, run in self._runs.items() if tenant in tenants)

    def show(self, reporter: pytest.TerminalReporter, capture: Any) -> None:
        """Show on the terminal how the visits go on. pytest's capture, if there is one, is held off for that."""
        display = Progress(
            self._writer(reporter, capture),
            time.monotonic,
            hosts=sum(len({case.vantage for case in run.plan.cases}) for run in self._chosen),
            terminal=bool(reporter.isatty) and reporter.hasmarkup,
            width=reporter._tw.fullwidth,  # noqa: SLF001 - what pytest's own sections are as wide as
        )
        for run in self._chosen:
            run.display = display.of(run.plan.tenant) if len(self._runs) > 1 else display
            if run.plan.settings.watch is not None:
                run.screen = Screen(
                    self._writer(reporter, capture),
                    time.monotonic,
                    duration=run.plan.settings.watch.duration,
                    terminal=bool(reporter.isatty) and reporter.hasmarkup,
                    width=reporter._tw.fullwidth,  # noqa: SLF001 - likewise
                )

    def _writer(self, reporter: pytest.TerminalReporter, capture: Any) -> Callable[[str], None]:
        begun = False

        def write(text: str) -> None:
            nonlocal begun
            with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
                reporter.ensure_newline()
                if not begun and reporter._tw.width_of_current_line:  # noqa: SLF001 - dots of -q: no newline is ensured
                    reporter.write("\n")
                begun = True
                reporter.write(self._redactor.text(text), flush=True)

        return write

    def sentence(self, requirement: str) -> str:
        """What the requirement says, for the docstring of its test."""
        catalogue = self.plans[0].catalogue
        says = catalogue[requirement].says if requirement in catalogue else requirement
        return f"{says[0].upper()}{says[1:]}."

    def cases(self, requirement: str) -> list[tuple[str, Case]]:
        """The planned cases of a requirement, with their tenants."""
        return [(plan.tenant, case) for plan in self.plans for case in plan.cases if case.requirement == requirement]

    def ids(self, cases: Sequence[tuple[str, Case]]) -> list[str]:
        """Ids for pytest, of letters that its reports can carry unescaped."""
        several = len(self.plans) > 1
        return [
            _UNFIT_FOR_IDS.sub("-", f"{tenant + ':' if several else ''}{case.target}@{case.vantage}")
            for tenant, case in cases
        ]

    def ask(self, asked: tuple[str, Case]) -> Asked:
        """The verdict on a case. The first one that is asked for makes the visit, for all. Raises `NotLooked`."""
        tenant, case = asked
        run = self._runs[tenant]
        if isinstance(run.phase, Opened):
            together = self._chosen if run in self._chosen else (run,)
            visit_all(self._look, [each for each in together if isinstance(each.phase, Opened)])
        try:
            verdict = run.verdict(case)
        except CouldNotLook as problem:
            raise NotLooked(problem) from None
        requirement, strict = run.plan.catalogue[case.requirement], run.plan.settings.strict
        return Asked(Entry(case=case, requirement=requirement, verdict=verdict, strict=strict), verdict)

    def compared(self) -> list[Plan]:
        """The runs that are held against a baseline."""
        return [plan for plan in self.plans if plan.baseline]

    def compare(self, plan: Plan) -> BaselineComparison:
        """What one of them comes to until now, against its baseline."""
        from netcompliance.session.baseline_check import BaselineComparison

        assert plan.baseline
        return BaselineComparison(plan.baseline.comparison(self._runs[plan.tenant].journal.path))

    def properties(self, asked: tuple[str, Case]) -> list[tuple[str, str]]:
        """What reports of pytest's own (`--junitxml`) say about a case beside its outcome."""
        tenant, case = asked
        verdict = self._runs[tenant].given(case)
        codes = dict.fromkeys(str(found.code) for found in verdict.findings) if verdict else ()
        told = {
            "tenant": tenant,
            "requirement": case.requirement,
            "level": self._by_tenant[tenant].catalogue[case.requirement].level,
            "target": case.target,
            "vantage": case.vantage,
            "verdict": verdict.result if verdict else "error",
            "codes": " ".join(codes),
        }
        return [(name, self._safe(text)) for name, text in told.items()]

    def explain(self, report: pytest.TestReport, error: BaseException | None) -> None:
        """Turn a report of ours into words: what is unmet, or why nobody could look."""
        told = vars(report)
        said = {name: str(value) for name, value in report.user_properties}
        tenants = list(self._by_tenant)
        if {"tenant", "requirement"} <= said.keys() and said["tenant"] in tenants:
            told["netcompliance_anchor"] = pages.anchor(tenants.index(said["tenant"]), said["requirement"])
        told.update(netcompliance=True, sections=[(name, self._redactor.text(text)) for name, text in report.sections])
        if isinstance(error, NotLooked):
            told.update(longrepr=self._safe(str(error)), netcompliance_told=True)
        elif self.compared() and _is_worse(error):
            told.update(longrepr=self._redactor.text(str(error)), netcompliance_told=True)
        elif isinstance(error, Unmet) and error.entry.verdict:
            entry = error.entry
            text = self._redactor.text(explain.paragraph(error.entry.verdict, entry.requirement))
            told.update(longrepr=text, netcompliance_told=True)
            if entry.status is not CaseStatus.FAIL:
                word = "waived" if entry.status is CaseStatus.WAIVED else "unmet should"
                told.update(outcome="skipped", wasxfail=text, netcompliance_word=word)
        elif isinstance(report.longrepr, tuple):
            told.update(longrepr=(*report.longrepr[:2], self._redactor.text(report.longrepr[2])))
        elif report.longrepr and self._redactor.text(text := str(report.longrepr)) != text:
            told.update(longrepr=_Traceback(self._redactor.text(text), report.longrepr, self._redactor.text))

    def _safe(self, text: str) -> str:
        return explain.printable(self._redactor.text(text))


def _is_worse(error: BaseException | None) -> bool:
    from netcompliance.session.baseline_check import Worse

    return isinstance(error, Worse)


def _counted(vantages: Sequence[str]) -> str:
    return vantages[0] if len(vantages) == 1 else f"{len(vantages)} vantages"
