"""All runs of one pytest session (one for each tenant), and how pytest's objects are told about them."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator, MutableMapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from netcompliance import explain, exports, pages
from netcompliance.config.validation import BadInput
from netcompliance.exports import Wanted
from netcompliance.journal import checksums, reader, signature
from netcompliance.journal.reader import BadJournal
from netcompliance.journal.signature import Key, SigningError
from netcompliance.journal.writer import JournalWriteError
from netcompliance.model import Case, Result, Verdict
from netcompliance.report import terminal, watched
from netcompliance.report.progress import Progress
from netcompliance.report.watching import Screen
from netcompliance.results import CaseStatus, Entry, Overall
from netcompliance.session.run import Run, new_directory
from netcompliance.vantage.errors import CouldNotLook

if TYPE_CHECKING:
    from netcompliance.session.baseline_check import BaselineCheck, BaselineComparison

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
    """The runs of a session, in the order of the command line."""

    def __init__(
        self, runs: Sequence[Run], report_dir: Path, key: Key | None = None, wanted: Sequence[Wanted] = ()
    ) -> None:
        self._runs = tuple(runs)
        self._wanted = tuple(wanted)
        self._report_dir = report_dir
        self._key = key
        self._shortcomings: dict[Run, list[str]] = {run: [] for run in runs}
        self._by_case = {(run.settings.tenant, case): run for run in runs for case in run.cases}
        self._redactor = runs[0].redactor

    @property
    def satisfied(self) -> bool:
        """Whether every run is, left all the evidence that it was to leave, and none is worse than its baseline."""
        return all(run.overall is Overall.SATISFIED and not self._shortcomings[run] for run in self._runs) and all(
            against.unharmed(journal) for _, against, journal in self._compared()
        )

    def open(self) -> None:
        """Make the directories and begin the journals."""
        made: list[Path] = []
        try:
            for run in self._runs:
                made.append(new_directory(self._report_dir, run.settings.tenant, run.started))
                run.open(made[-1])
        except (OSError, JournalWriteError) as error:
            for directory in made:
                shutil.rmtree(directory, ignore_errors=True)
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise BadInput(f"--report-dir {self._report_dir}: {reason}") from None

    def clean(self, metadata: MutableMapping[str, Any]) -> None:
        """Take secrets out of what a report says about its environment: in CI there are URLs with credentials."""
        metadata.update(self._redactor.value(metadata))

    def redacted(self, text: str) -> str:
        """The text without the secrets of any run."""
        return self._redactor.text(text)

    def header(self) -> list[str]:
        """Lines for pytest's own header."""
        lines = []
        for run in self._runs:
            vantages = _counted(sorted({case.vantage for case in run.cases}))
            lines.append(f"network of {run.settings.endpoint}: {len(run.cases)} cases from {vantages}")
            lines += [self._redactor.text(each) for each in (run.against.header() if run.against else ())]
            lines += [f"then a watch: {watched.rates(run.settings)}", watched.unwatched()] if run.settings.watch else []
            lines += [*watched.unprovable(run.settings), *watched.shares(run.settings)]
        if self._redactor.weak:
            lines.append(
                "note: a key or password is short, or a common word: it is hidden where secrets stand (URLs, headers), "
                "and cannot be recognised elsewhere"
            )
        return lines

    def select(self, tenants: Collection[str]) -> None:
        """Tests of these are to be run: they are looked for together, and nobody looks for the others."""
        chosen = [run for run in self._runs if run.settings.tenant in tenants]
        for run in chosen:
            run.beside = chosen

    def show(self, reporter: pytest.TerminalReporter, capture: Any) -> None:
        """Show on the terminal how the visits go on. pytest's capture, if there is one, is held off for that."""
        looking = [run for run in self._runs if run.beside]
        display = Progress(
            self._writer(reporter, capture),
            time.monotonic,
            hosts=sum(len({case.vantage for case in run.cases}) for run in looking),
            terminal=bool(reporter.isatty) and reporter.hasmarkup,
            width=reporter._tw.fullwidth,  # noqa: SLF001 - what pytest's own sections are as wide as
        )
        for run in looking:
            run.display = display.of(run.settings.tenant) if len(self._runs) > 1 else display
            if run.settings.watch is not None:
                run.screen = Screen(
                    self._writer(reporter, capture),
                    time.monotonic,
                    duration=run.settings.watch.duration,
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
        catalogue = self._runs[0].catalogue
        says = catalogue[requirement].says if requirement in catalogue else requirement
        return f"{says[0].upper()}{says[1:]}."

    def cases(self, requirement: str) -> list[tuple[str, Case]]:
        """The planned cases of a requirement, with their tenants."""
        return [
            (run.settings.tenant, case) for run in self._runs for case in run.cases if case.requirement == requirement
        ]

    def ids(self, cases: Sequence[tuple[str, Case]]) -> list[str]:
        """Ids for pytest, of letters that its reports can carry unescaped."""
        several = len(self._runs) > 1
        return [
            _UNFIT_FOR_IDS.sub("-", f"{tenant + ':' if several else ''}{case.target}@{case.vantage}")
            for tenant, case in cases
        ]

    def ask(self, asked: tuple[str, Case]) -> Asked:
        """The verdict on a case. Raises `NotLooked`."""
        tenant, case = asked
        run = self._by_case[tenant, case]
        try:
            verdict = run.verdict(case)
        except CouldNotLook as problem:
            raise NotLooked(problem) from None
        entry = Entry(
            case=case,
            requirement=run.catalogue[case.requirement],
            verdict=verdict,
            strict=run.settings.strict,
        )
        return Asked(entry, verdict)

    def held(self) -> list[Run]:
        """The runs that are held against a baseline."""
        return [run for run in self._runs if run.against]

    def hold(self, run: Run) -> BaselineComparison:
        """What one of them comes to until now."""
        from netcompliance.session.baseline_check import BaselineComparison

        assert run.against
        assert run.journal_path
        return BaselineComparison(run.against.comparison(run.journal_path))

    def properties(self, asked: tuple[str, Case]) -> list[tuple[str, str]]:
        """What reports of pytest's own (`--junitxml`) say about a case beside its outcome."""
        tenant, case = asked
        run = self._by_case[tenant, case]
        verdict = run.given(case)
        codes = dict.fromkeys(str(found.code) for found in verdict.findings) if verdict else ()
        told = {
            "tenant": tenant,
            "requirement": case.requirement,
            "level": run.catalogue[case.requirement].level,
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
        tenants = [run.settings.tenant for run in self._runs]
        if {"tenant", "requirement"} <= said.keys() and said["tenant"] in tenants:
            told["netcompliance_anchor"] = pages.anchor(tenants.index(said["tenant"]), said["requirement"])
        told.update(netcompliance=True, sections=[(name, self._redactor.text(text)) for name, text in report.sections])
        if isinstance(error, NotLooked):
            told.update(longrepr=self._safe(str(error)), netcompliance_told=True)
        elif self.held() and _is_worse(error):
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

    def close(self) -> None:
        """End every journal with its footer, then export them."""
        for run in self._runs:
            run.close(datetime.now(UTC))
        for run in self._runs:
            if run.journal_path and self._wanted:
                problems = exports.export(run.journal_path, self._wanted)
                self._shortcomings[run] += [f"not exported: {problem}" for problem in problems]

    def summarise(self, reporter: pytest.TerminalReporter) -> None:
        """Write the summaries to the terminal."""
        for run in self._runs:
            reporter.write_sep("=", run.settings.endpoint)
            files = {"report": run.report_path, "journal": run.journal_path, "sums": self._in(run, checksums.NAME)}
            shown = {name: _from_here(path) for name, path in files.items() if path and path.exists()}
            width = min(reporter._tw.fullwidth, 120)  # noqa: SLF001 - what pytest's own sections are as wide as
            for told in watched.lines(run.settings, run.watch_entries(), run.watched):
                reporter.write_line(self._redactor.text(told))
            for line in terminal.lines(run.settings, run.entries(), shown, run.redactor, width, whole=run.is_whole):
                _write(reporter, line)
            for each in self._wanted:
                path = exports.place(each, run.journal_path) if run.journal_path else None
                if path and path.exists():
                    reporter.write_line(f"export   {explain.printable(_from_here(path))}")
            if self._in(run, checksums.SIGNATURE).exists() and run.signer:
                reporter.write_line(f"signed   with the key {run.signer}")
            for shortcoming in self._shortcomings[run]:
                reporter.write_line(self._safe(f"evidence {shortcoming}"), red=True, bold=True)
        for run, against, journal in self._compared():
            reporter.write_sep("-", f"{run.settings.tenant}: compared with the baseline")
            for line in against.lines(journal, run.redactor, min(reporter._tw.fullwidth, 120)):  # noqa: SLF001 - likewise
                _write(reporter, line)

    def html(self) -> str:
        """What pytest-html's own page is to tell besides its own: every run, from its journal."""
        try:
            return pages.within_another([reader.read(run.journal_path) for run in self._runs if run.journal_path])
        except BadJournal as problem:
            return f"<p>{escape(self._safe(str(problem)))}</p>"

    def report(self) -> None:
        """Write every run's page, from its journal. A run is told to lack one that could not be written."""
        for run in self._runs:
            if run.report_path and run.journal_path:
                try:
                    exports.write(run.report_path, pages.page(reader.read(run.journal_path)))
                except (BadJournal, OSError) as error:
                    self._lack(run, error)

    def unreported(self, error: OSError, page: str | None) -> None:
        """Another report could not be written. Of pytest-html's, half is taken away."""
        if page:
            with contextlib.suppress(OSError):
                Path(page).unlink(missing_ok=True)
        for run in self._runs:
            self._lack(run, error)

    def _lack(self, run: Run, error: BadJournal | OSError) -> None:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        self._shortcomings[run].append(f"without a report: {reason}")

    def seal(self) -> None:
        """Sum up what each run left, and sign it. Whatever cannot be done is told, and the run is not green."""
        for run in self._runs:
            if run.directory is None or not run.is_whole:
                continue
            try:
                path = checksums.write(run.directory)
                if self._key:
                    (run.directory / checksums.SIGNATURE).write_bytes(signature.sign(path.read_bytes(), self._key))
            except SigningError as problem:
                self._shortcomings[run].append(f"not signed: {problem}")
            except OSError as error:
                self._shortcomings[run].append(f"not sealed: {error.strerror or error}")

    def _in(self, run: Run, name: str) -> Path:
        return (run.directory or self._report_dir) / name

    def _compared(self) -> Iterator[tuple[Run, BaselineCheck, Path]]:
        for run in self._runs:
            if run.against and run.journal_path:
                yield run, run.against, run.journal_path

    def _safe(self, text: str) -> str:
        return explain.printable(self._redactor.text(text))


def _is_worse(error: BaseException | None) -> bool:
    from netcompliance.session.baseline_check import Worse

    return isinstance(error, Worse)


def _write(reporter: pytest.TerminalReporter, line: terminal.Line) -> None:
    for text, markup in line:
        reporter.write(text, **markup)
    reporter.write_line("")


def _counted(vantages: Sequence[str]) -> str:
    return vantages[0] if len(vantages) == 1 else f"{len(vantages)} vantages"


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
