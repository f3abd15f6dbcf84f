"""The summary in the terminal: table, failures, warnings, what was not evaluated, where the report is.

Rules
* Pure: `lines` gives lines of coloured spans for a width; who has a terminal writes them.
* Readable at 80 columns, and without colours. Cases that fail alike are one paragraph with all
  their targets and vantages, and vantages that are alike one column.
* Nothing a peer sent is obeyed by the terminal: every text goes through `explain.printable` and the redactor.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netcompliance import explain
from netcompliance.journal.redact import Redactor
from netcompliance.model import Settings, Verdict
from netcompliance.report import summary
from netcompliance.report.actions import Action, actions
from netcompliance.results import RANK, CaseStatus, Entry, Overall, overall

Span = tuple[str, Mapping[str, bool]]
Line = tuple[Span, ...]

MIN_WIDTH = 60
WARNINGS = "Warnings (recommended, not required)"
NOT_CHECKED = "Not checked"
_PLAIN: Mapping[str, bool] = {}
_BOLD = {"bold": True}
_COLOURS: Mapping[CaseStatus | None, Mapping[str, bool]] = {
    CaseStatus.FAIL: {"red": True, "bold": True},
    CaseStatus.ERROR: {"red": True, "bold": True},
    CaseStatus.NO_VERDICT: {"yellow": True, "bold": True},
    CaseStatus.UNMET_SHOULD: {"yellow": True, "bold": True},
    CaseStatus.NOTCHECKED: {"yellow": True},
    CaseStatus.WAIVED: {"yellow": True},
    CaseStatus.PASS: {"green": True},
    CaseStatus.NOTAPPLICABLE: {"light": True},
    None: _PLAIN,
}
_OVERALL_COLOURS = {
    Overall.SATISFIED: {"green": True, "bold": True},
    Overall.NOT_SATISFIED: {"red": True, "bold": True},
    Overall.UNDETERMINED: {"yellow": True, "bold": True},
}
_LABEL = 9
_NAMED = 3
"""So many vantages have a column each; more are put together where they are alike."""
WITHOUT_KEY = "only an API key proves that data is accepted: set STS_API_KEY"
_LEAST_SAYS = 12
"""Columns that are left for what a requirement says, at least."""


def lines(
    settings: Settings,
    entries: Sequence[Entry],
    files: Mapping[str, Path],
    redactor: Redactor,
    width: int,
    *,
    whole: bool = True,
) -> Iterator[Line]:
    """The whole summary. `files` are what the run left, by what they are; `whole`: the journal came to its end."""
    width = max(width, MIN_WIDTH)
    yield from _table(entries, width)
    yield from _paragraphs("not satisfied", CaseStatus.FAIL, entries, redactor, width)
    yield from _paragraphs(WARNINGS, CaseStatus.UNMET_SHOULD, entries, redactor, width)
    yield from _grouped("waived", CaseStatus.WAIVED, entries, redactor, width)
    yield from _grouped(NOT_CHECKED, CaseStatus.NOTCHECKED, entries, redactor, width)
    yield from _grouped("could not look", CaseStatus.ERROR, entries, redactor, width)
    yield from _grouped("planned, without a verdict", CaseStatus.NO_VERDICT, entries, redactor, width)
    yield from _grouped("not applicable", CaseStatus.NOTAPPLICABLE, entries, redactor, width)
    yield from _conclusion(settings, entries, width, whole=whole)
    yield from _without_key(entries, width)
    for name, path in files.items():
        yield ((f"{name:<{_LABEL}}{explain.printable(path)}", _PLAIN),)


def _table(entries: Sequence[Entry], width: int) -> Iterator[Line]:
    rows = summary.rows(entries)
    groups = _columns(rows, summary.vantages(entries))
    name_width = max(map(len, rows), default=0) + 2
    heads = [explain.printable(group.vantages[0]) for group in groups]
    room = width - name_width - 8 - _LEAST_SAYS
    named = sum(max(len(head), group.widest) + 2 for head, group in zip(heads, groups, strict=True)) <= room
    if not named or any(len(group.vantages) > 1 for group in groups):
        heads = [f"{_letter(number)} ({len(group.vantages)})" for number, group in enumerate(groups)]
    while (
        sum(max(len(head), group.widest) + 2 for head, group in zip(heads, groups, strict=False)) > room and heads[1:]
    ):
        heads.pop()
    shown = list(zip(heads, groups, strict=False))
    says_width = width - name_width - 8 - sum(max(len(head), group.widest) + 2 for head, group in shown)
    start = f"{'':<{name_width + 8}}{'':<{max(says_width, 0)}}"
    yield ((start + "".join(f"  {head:<{max(len(head), group.widest)}}" for head, group in shown), _BOLD),)
    for number, (name, (requirement, _)) in enumerate(rows.items()):
        says = _shortened(requirement.says, says_width)
        yield (
            (f"{name:<{name_width}}{requirement.level:<8}{says:<{max(says_width, 0)}}", _PLAIN),
            *(
                (f"  {group.cells[number][0]:<{max(len(head), group.widest)}}", _COLOURS[group.cells[number][1]])
                for head, group in shown
            ),
        )
    if len(groups) > 1 and heads[0].startswith("A ("):
        yield ()
        for head, group in shown:
            yield from _wrapped(f"{head:<{_LABEL}}{explain.printable(summary.folded(group.vantages))}", width)
        if groups[len(shown) :]:
            rest = [vantage for group in groups[len(shown) :] for vantage in group.vantages]
            yield from _wrapped(f"{'others':<{_LABEL}}{explain.printable(summary.folded(rest))}: see the report", width)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """Vantages of which every cell is the same."""

    vantages: tuple[str, ...]
    cells: tuple[tuple[str, CaseStatus | None], ...]

    @property
    def widest(self) -> int:
        return max((len(text) for text, _ in self.cells), default=0)

    @property
    def rank(self) -> tuple[int, int, str]:
        """The worst first, then the many."""
        worst = min((RANK[status] for _, status in self.cells if status), default=len(RANK))
        return worst, -len(self.vantages), self.vantages[0]


def _columns(rows: Mapping[str, tuple[object, Mapping[str, list[Entry]]]], places: Sequence[str]) -> list[_Column]:
    alike: dict[tuple[tuple[str, CaseStatus | None], ...], list[str]] = {}
    for place in places:
        cells = tuple(summary.cell(found.get(place, [])) for _, found in rows.values())
        alike.setdefault(cells, []).append(place)
    columns = [_Column(vantages=tuple(vantages), cells=cells) for cells, vantages in alike.items()]
    if len(places) <= _NAMED:
        return [_Column(vantages=(place,), cells=c.cells) for place in places for c in columns if place in c.vantages]
    return sorted(columns, key=lambda column: column.rank)


def _letter(number: int) -> str:
    return chr(ord("A") + number % 26)


def _wrapped(text: str, width: int, indent: int = _LABEL) -> Iterator[Line]:
    for part in textwrap.wrap(text, width, subsequent_indent=" " * indent, break_on_hyphens=False):
        yield ((part, _PLAIN),)


def _paragraphs(
    title: str, status: CaseStatus, entries: Sequence[Entry], redactor: Redactor, width: int
) -> Iterator[Line]:
    concerned = [entry for entry in entries if entry.status is status]
    if concerned:
        yield from _title(title)
    for number, alike in enumerate(_alike(concerned)):
        if number:
            yield ()
        first = alike[0]
        asked = actions([verdict for _, verdict in alike])
        text = redactor.text(explain.paragraph(first[1], first[0].requirement, width, asked[0].text))
        head, *rest = text.splitlines()
        for part in textwrap.wrap(head, width, subsequent_indent="  ", break_on_hyphens=False):
            yield ((part, _COLOURS[status]),)
        if first[0].case.target not in head:
            rest.insert(0, f"  {'target':<{explain.LABEL}}{explain.printable(first[0].case.target)}")
        for line in (*rest, *_also(first[1], asked, redactor, width)):
            yield ((line, _PLAIN),)


def _alike(entries: Sequence[Entry]) -> list[list[tuple[Entry, Verdict]]]:
    """Cases of one requirement with the same findings, from wherever: one cause, told once."""
    groups: dict[tuple[object, ...], list[tuple[Entry, Verdict]]] = {}
    for entry in entries:
        if entry.verdict:
            key = (entry.case.requirement, tuple(explain.grouped(entry.verdict)), entry.verdict.reason)
            groups.setdefault(key, []).append((entry, entry.verdict))
    return list(groups.values())


def _also(first: Verdict, asked: Sequence[Action], redactor: Redactor, width: int) -> Iterator[str]:
    """The other targets and vantages of a cause, with what must be done for them where that differs."""
    start = f"  {'also':<{explain.LABEL}}"
    for number, action in enumerate(asked):
        verdicts = [verdict for verdict in action.verdicts if verdict is not first]
        which = "; ".join(_which(first, verdicts, {} if number else _sources(verdicts)))
        told = f"{which}: {action.text}" if number else which
        if not verdicts:
            continue
        yield from textwrap.wrap(
            redactor.text(told),
            width,
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_on_hyphens=False,
            break_long_words=False,
        )


def _which(first: Verdict, verdicts: Sequence[Verdict], sources: Mapping[str, str]) -> Iterator[str]:
    """Targets, vantages, or targets from vantages: what differs from the first. `sources` are addresses."""
    targets: dict[str, list[str]] = {}
    for verdict in verdicts:
        targets.setdefault(verdict.case.vantage, []).append(explain.printable(verdict.case.target))
    told = [explain.printable(first.case.target), *targets.pop(first.case.vantage, ())]
    if told[1:]:
        yield ", ".join(told[1:])
    places: dict[str, list[str]] = {}
    for vantage, asked in targets.items():
        what = "" if sorted(asked) == sorted(told) else f"{', '.join(asked)} "
        places.setdefault(what, []).append(vantage)
    for what, vantages in places.items():
        known = summary.folded(sources[vantage] for vantage in vantages if vantage in sources)
        yield (
            f"{what or ('all of these ' if told[1:] else '')}from {summary.folded(map(explain.printable, vantages))}"
            f"{f' ({known})' if known else ''}"
        )


def _sources(verdicts: Iterable[Verdict]) -> Mapping[str, str]:
    """The vantages' own addresses, where the fix names one: a firewall team needs those of all hosts."""
    return {verdict.case.vantage: address for verdict in verdicts if (address := _source(verdict))}


def _source(verdict: Verdict) -> str:
    values = verdict.findings[0].values if verdict.findings else {}
    name, source = values.get("vantage", ""), values.get("source", "")
    if source == name or explain.printable(source) not in explain.fix(verdict):
        return ""
    return explain.printable(source.removeprefix(f"{name} (").removesuffix(")"))


def _grouped(
    title: str, status: CaseStatus, entries: Sequence[Entry], redactor: Redactor, width: int
) -> Iterator[Line]:
    groups = summary.by_reason(entries, status)
    if not groups:
        return
    yield from _title(title)
    places = summary.Places(entries)
    for reason, concerned in groups.items():
        told = f"{redactor.text(explain.printable(reason))}: {explain.printable(places.of(concerned))}"
        for part in textwrap.wrap(told, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False):
            yield ((part, _PLAIN),)


def _conclusion(settings: Settings, entries: Sequence[Entry], width: int, *, whole: bool) -> Iterator[Line]:
    word = overall(entries) if whole else Overall.UNDETERMINED
    why = summary.why_undetermined(entries) if whole else "the journal has no footer, so it is no evidence"
    told = f" (exit 1): {why}" if word is Overall.UNDETERMINED else ""
    text = f"{settings.tenant}: {summary.concluded(word, summary.warnings(entries))}{told}"
    yield ()
    for part in textwrap.wrap(text, width, subsequent_indent="  "):
        yield ((part, _OVERALL_COLOURS[word]),)
    for part in textwrap.wrap(
        f"{'cases':<{_LABEL}}{len(entries)} planned: {summary.counted(entries)}", width, subsequent_indent=" " * _LABEL
    ):
        yield ((part, _PLAIN),)
    for number, waiver in enumerate(settings.waivers):
        where = f"{waiver.requirement} {waiver.target} from {waiver.vantage}"
        told = f"{where}: {waiver.owner}, until {waiver.expires}: {waiver.reason}"
        yield from _wrapped(f"{'' if number else 'waivers':<{_LABEL}}{explain.printable(told)}", width)


def _without_key(entries: Sequence[Entry], width: int) -> Iterator[Line]:
    """A note, not a warning: what only a valid API key can prove, and how to give one."""
    if any(e.requirement.id == "RCV-03" and e.status is CaseStatus.NOTAPPLICABLE for e in entries):
        yield from _wrapped(f"{'note':<{_LABEL}}{WITHOUT_KEY}", width)


def _title(title: str) -> Iterator[Line]:
    yield ()
    yield ((title, _BOLD),)


def _shortened(text: str, width: int) -> str:
    if width < 1:
        return ""
    return text if len(text) <= width else text[: width - 1] + "…"
