"""What the runs of a session leave: exports, reports, checksums and signatures, and the summary on the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from netcompliance import explain, exports, pages
from netcompliance.exports import Wanted
from netcompliance.journal import checksums, reader, signature
from netcompliance.journal.reader import BadJournal
from netcompliance.journal.signature import Key, SigningError
from netcompliance.report import terminal, watched
from netcompliance.results import Overall
from netcompliance.session.run import Closed

if TYPE_CHECKING:
    from netcompliance.session.baseline_check import BaselineCheck


class Artifacts:
    """Of runs that are over. Whatever cannot be left is told in the summary, and its run is not green."""

    def __init__(self, runs: Sequence[Closed], key: Key | None = None, wanted: Sequence[Wanted] = ()) -> None:
        self._runs = tuple(runs)
        self._key = key
        self._wanted = tuple(wanted)
        self._redactor = runs[0].plan.redactor
        self._shortcomings: dict[Closed, list[str]] = {run: [] for run in runs}

    def export(self) -> None:
        """Write every journal in the formats that were asked for."""
        for run in self._runs if self._wanted else ():
            problems = exports.export(run.journal, self._wanted)
            self._shortcomings[run] += [f"not exported: {problem}" for problem in problems]

    @property
    def satisfied(self) -> bool:
        """Whether every run is, left all the evidence that it was to leave, and none is worse than its baseline."""
        return all(run.overall is Overall.SATISFIED and not self._shortcomings[run] for run in self._runs) and all(
            baseline.unharmed(run.journal) for run, baseline in self._compared()
        )

    def html(self) -> str:
        """What pytest-html's own page is to tell besides its own: every run, from its journal."""
        try:
            return pages.within_another([reader.read(run.journal) for run in self._runs])
        except BadJournal as problem:
            return f"<p>{escape(self._safe(str(problem)))}</p>"

    def report(self) -> None:
        """Write every run's page, from its journal."""
        for run in self._runs:
            try:
                exports.write(run.directory / pages.NAME, pages.page(reader.read(run.journal)))
            except (BadJournal, OSError) as error:
                self._lack(run, error)

    def unreported(self, error: OSError, page: str | None) -> None:
        """Another report could not be written. Of pytest-html's, half is taken away."""
        if page:
            with contextlib.suppress(OSError):
                Path(page).unlink(missing_ok=True)
        for run in self._runs:
            self._lack(run, error)

    def seal(self) -> None:
        """Sum up what each run left, and sign it."""
        for run in self._runs:
            if not run.is_whole:
                continue
            try:
                path = checksums.write(run.directory)
                if self._key:
                    (run.directory / checksums.SIGNATURE).write_bytes(signature.sign(path.read_bytes(), self._key))
            except SigningError as problem:
                self._shortcomings[run].append(f"not signed: {problem}")
            except OSError as error:
                self._shortcomings[run].append(f"not sealed: {error.strerror or error}")

    def summarise(self, reporter: pytest.TerminalReporter) -> None:
        """Write the summaries to the terminal."""
        width = min(reporter._tw.fullwidth, 120)  # noqa: SLF001 - what pytest's own sections are as wide as
        for run in self._runs:
            settings, redactor = run.plan.settings, run.plan.redactor
            reporter.write_sep("=", settings.endpoint)
            files = {
                "report": run.directory / pages.NAME,
                "journal": run.journal,
                "sums": run.directory / checksums.NAME,
            }
            shown = {name: _from_here(path) for name, path in files.items() if path.exists()}
            for line in watched.lines(settings, run.watch_entries, run.watched):
                reporter.write_line(redactor.text(line))
            for told in terminal.lines(settings, run.entries, shown, redactor, width, whole=run.is_whole):
                _write(reporter, told)
            for each in self._wanted:
                path = exports.place(each, run.journal)
                if path.exists():
                    reporter.write_line(f"export   {explain.printable(_from_here(path))}")
            if (run.directory / checksums.SIGNATURE).exists() and run.plan.signer:
                reporter.write_line(f"signed   with the key {run.plan.signer}")
            for shortcoming in self._shortcomings[run]:
                reporter.write_line(self._safe(f"evidence {shortcoming}"), red=True, bold=True)
        for run, baseline in self._compared():
            reporter.write_sep("-", f"{run.plan.tenant}: compared with the baseline")
            for told in baseline.lines(run.journal, run.plan.redactor, width):
                _write(reporter, told)

    def _lack(self, run: Closed, error: BadJournal | OSError) -> None:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        self._shortcomings[run].append(f"without a report: {reason}")

    def _compared(self) -> Iterator[tuple[Closed, BaselineCheck]]:
        for run in self._runs:
            if run.plan.baseline:
                yield run, run.plan.baseline

    def _safe(self, text: str) -> str:
        return explain.printable(self._redactor.text(text))


def _write(reporter: pytest.TerminalReporter, line: terminal.Line) -> None:
    for text, markup in line:
        reporter.write(text, **markup)
    reporter.write_line("")


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
