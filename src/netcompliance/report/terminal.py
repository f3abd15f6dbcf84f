"""The summary in the terminal: table, failures, warnings, what was not evaluated, where the report is.

Rules
* Pure: `lines` gives lines of coloured spans for a width; who has a terminal writes them.
* Readable at 80 columns, and without colours. Cases that fail alike are one paragraph with all their targets.
* Nothing a peer sent is obeyed by the terminal: every text goes through `explain.printable` and the redactor.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from netcompliance import explain
from netcompliance.conclusion import Entry, Overall, Standing, overall
from netcompliance.model import Settings, Verdict
from netcompliance.report import summary
from netcompliance.report.redact import Redactor

Span = tuple[str, Mapping[str, bool]]
Line = tuple[Span, ...]

MIN_WIDTH = 60
_PLAIN: Mapping[str, bool] = {}
_BOLD = {"bold": True}
_COLOURS: Mapping[Standing | None, Mapping[str, bool]] = {
    Standing.FAIL: {"red": True, "bold": True},
    Standing.ERROR: {"red": True, "bold": True},
    Standing.NO_VERDICT: {"yellow": True, "bold": True},
    Standing.UNMET_SHOULD: {"yellow": True, "bold": True},
    Standing.NOTCHECKED: {"yellow": True},
    Standing.WAIVED: {"yellow": True},
    Standing.PASS: {"green": True},
    Standing.NOTAPPLICABLE: {"light": True},
    None: _PLAIN,
}
_OVERALL_COLOURS = {
    Overall.SATISFIED: {"green": True, "bold": True},
    Overall.NOT_SATISFIED: {"red": True, "bold": True},
    Overall.UNDETERMINED: {"yellow": True, "bold": True},
}
_LABEL = 9


def lines(
    settings: Settings,
    entries: Sequence[Entry],
    files: Mapping[str, Path],
    redactor: Redactor,
    width: int,
) -> Iterator[Line]:
    """The whole summary. `files` are what the run left, by what they are."""
    width = max(width, MIN_WIDTH)
    yield from _table(entries, width)
    yield from _paragraphs("not satisfied", Standing.FAIL, entries, redactor, width)
    yield from _paragraphs("unmet, but only a should: a warning", Standing.UNMET_SHOULD, entries, redactor, width)
    yield from _grouped("waived", Standing.WAIVED, entries, redactor, width)
    yield from _grouped("not evaluated, so not satisfied", Standing.NOTCHECKED, entries, redactor, width)
    yield from _grouped("could not look", Standing.ERROR, entries, redactor, width)
    yield from _grouped("planned, without a verdict", Standing.NO_VERDICT, entries, redactor, width)
    yield from _grouped("not applicable", Standing.NOTAPPLICABLE, entries, redactor, width)
    yield from _conclusion(settings, entries, width)
    for name, path in files.items():
        yield ((f"{name:<{_LABEL}}{explain.printable(path)}", _PLAIN),)


def _table(entries: Sequence[Entry], width: int) -> Iterator[Line]:
    rows = summary.rows(entries)
    places = summary.vantages(entries)
    cells = {(name, place): summary.cell(found.get(place, [])) for name, (_, found) in rows.items() for place in places}
    name_width = max(map(len, rows), default=0) + 2
    place_widths = {place: max([len(place), *(len(cells[name, place][0]) for name in rows)]) + 2 for place in places}
    says_width = width - name_width - 8 - sum(place_widths.values())
    head = f"{'':<{name_width + 8}}{'':<{max(says_width, 0)}}"
    yield ((head + "".join(f"  {explain.printable(place):<{place_widths[place] - 2}}" for place in places), _BOLD),)
    for name, (requirement, _) in rows.items():
        says = _shortened(requirement.says, says_width)
        yield (
            (f"{name:<{name_width}}{requirement.level:<8}{says:<{max(says_width, 0)}}", _PLAIN),
            *(
                (f"  {cells[name, place][0]:<{place_widths[place] - 2}}", _COLOURS[cells[name, place][1]])
                for place in places
            ),
        )


def _paragraphs(
    title: str, standing: Standing, entries: Sequence[Entry], redactor: Redactor, width: int
) -> Iterator[Line]:
    concerned = [entry for entry in entries if entry.standing is standing]
    if concerned:
        yield from _title(title)
    for number, alike in enumerate(_alike(concerned)):
        if number:
            yield ()
        first, *others = alike
        text = redactor.text(explain.paragraph(first[1], first[0].requirement, width))
        head, *rest = text.splitlines()
        for part in textwrap.wrap(head, width, subsequent_indent="  ", break_on_hyphens=False):
            yield ((part, _COLOURS[standing]),)
        if first[0].case.target not in head:
            rest.insert(0, f"  {'target':<{explain.LABEL}}{explain.printable(first[0].case.target)}")
        for line in (*rest, *_also(first[1], [verdict for _, verdict in others], redactor, width)):
            yield ((line, _PLAIN),)


def _alike(entries: Sequence[Entry]) -> list[list[tuple[Entry, Verdict]]]:
    """Cases of one requirement and vantage with the same findings: one cause, told once."""
    groups: dict[tuple[object, ...], list[tuple[Entry, Verdict]]] = {}
    for entry in entries:
        if entry.verdict:
            codes = tuple(explain.grouped(entry.verdict))
            key = (entry.case.requirement, entry.case.vantage, codes, entry.verdict.reason)
            groups.setdefault(key, []).append((entry, entry.verdict))
    return list(groups.values())


def _also(first: Verdict, others: Sequence[Verdict], redactor: Redactor, width: int) -> Iterator[str]:
    """The other targets of a cause, with what must be done for them where that differs."""
    differing: dict[str, list[Verdict]] = {}
    for verdict in others:
        differing.setdefault(_fix_of_any(verdict), []).append(verdict)
    start = f"  {'also':<{explain.LABEL}}"
    for fix, verdicts in differing.items():
        targets = ", ".join(explain.printable(verdict.case.target) for verdict in verdicts)
        told = targets if fix == _fix_of_any(first) else f"{targets}: {explain.fix(verdicts[0])}"
        yield from textwrap.wrap(
            redactor.text(told),
            width,
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_on_hyphens=False,
            break_long_words=False,
        )


def _fix_of_any(verdict: Verdict) -> str:
    """The fix with the target's name taken out, so that what differs only in the name counts as the same."""
    return explain.fix(verdict).replace(explain.printable(verdict.case.target), "")


def _grouped(
    title: str, standing: Standing, entries: Sequence[Entry], redactor: Redactor, width: int
) -> Iterator[Line]:
    groups = summary.by_reason(entries, standing)
    if not groups:
        return
    yield from _title(title)
    for reason, concerned in groups.items():
        which = "all cases" if len(concerned) == len(entries) else summary.names(concerned)
        told = f"{redactor.text(explain.printable(reason))}: {which}"
        for part in textwrap.wrap(told, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False):
            yield ((part, _PLAIN),)


def _conclusion(settings: Settings, entries: Sequence[Entry], width: int) -> Iterator[Line]:
    word = overall(entries)
    told = f" (exit 1): {summary.why_undetermined(entries)}" if word is Overall.UNDETERMINED else ""
    text = f"{settings.tenant}: {summary.OVERALL_TEXT[word]}{told}"
    yield ()
    for part in textwrap.wrap(text, width, subsequent_indent="  "):
        yield ((part, _OVERALL_COLOURS[word]),)
    for part in textwrap.wrap(
        f"{'cases':<{_LABEL}}{len(entries)} planned: {summary.counted(entries)}", width, subsequent_indent=" " * _LABEL
    ):
        yield ((part, _PLAIN),)


def _title(title: str) -> Iterator[Line]:
    yield ()
    yield ((title, _BOLD),)


def _shortened(text: str, width: int) -> str:
    if width < 1:
        return ""
    return text if len(text) <= width else text[: width - 1] + "…"
