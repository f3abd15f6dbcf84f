"""Histories as one self-contained page: a picture with a lane for whatever changed, and the same as tables (pure).

Rules
* A column is a run, whenever it was: changes stay visible where runs come in bursts. Dates stand under the columns.
* What stays as it is in one lane is one rectangle, so thousands of runs are no larger than their changes.
* Colour is never all that tells: unmet is hatched, each rectangle has a title, and tables say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from netcompliance.change.archive import LeftOut
from netcompliance.change.history import FACTS, UNANSWERED, History, PastRun, when
from netcompliance.explain import printable
from netcompliance.results import CaseStatus

MOST_LANES = 40
"""Addresses, and likewise issuers, that have a lane."""
MOST_ROWS = 500
"""Runs that are listed with what they changed: the latest."""
_LABELS, _PLOT, _HEIGHT, _GAP, _TICKS = 250, 900, 14, 4, 6

_CLASSES = {
    CaseStatus.PASS: "met",
    CaseStatus.FAIL: "unmet",
    CaseStatus.WAIVED: "waived",
    **dict.fromkeys(UNANSWERED, "open"),
    CaseStatus.NOTAPPLICABLE: "none",
}
_OVERALL = {"satisfied": "met", "not-satisfied": "unmet", "undetermined": "open"}

STYLE = """
:root { color-scheme: light dark; --ink: #222; --soft: #666; --line: #ccc; --paper: #fff;
  --met: #2c7a3f; --unmet: #b00020; --waived: #8a5a00; --open: #8a8a8a; --seen: #1f5fa8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --soft: #a8a8a8; --line: #555; --paper: #16181b;
  --met: #58b06c; --unmet: #ff6b7a; --waived: #d9a441; --open: #9a9a9a; --seen: #6fa8e8; } }
body { font: 15px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2em auto;
  max-width: 75em; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0 2em; width: 100%; }
th, td { border: 1px solid var(--line); padding: .25em .5em; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
td:first-child, td:nth-child(2) { overflow-wrap: normal; }
.picture { overflow-x: auto; } svg { max-width: 100%; height: auto; min-width: 45em; }
svg text { font-size: 11px; fill: var(--ink); } svg .soft { fill: var(--soft); } svg line { stroke: var(--line); }
.met { fill: var(--met); } .waived { fill: var(--waived); } .open { fill: var(--open); } .seen { fill: var(--seen); }
.unmet { fill: url(#hatched); } .hatch { stroke: var(--unmet); stroke-width: 5; } .ground { fill: var(--unmet);
  opacity: .45; }
ul.legend { list-style: none; padding: 0; display: flex; gap: 1.2em; flex-wrap: wrap; }
.legend svg { min-width: 0; width: 1em; height: 1em; vertical-align: -.1em; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One line of the picture: a class per run, None where there is nothing to draw."""

    label: str
    classes: tuple[str | None, ...]


def page(histories: Sequence[History], left_out: Sequence[LeftOut]) -> Iterator[str]:
    """The whole file, in pieces."""
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width"><title>History of network compliance</title>'
    yield f"<style>{STYLE}</style></head><body><main><h1>History of network compliance</h1>"
    yield _legend()
    for number, history in enumerate(histories):
        yield from _history(history, number)
    if left_out:
        yield "<h2>Journals that are not in it</h2>"
        yield from _table(("journal", "why"), ((each.path, each.why) for each in left_out))
    yield "</main></body></html>\n"


def lanes(history: History) -> list[Lane]:
    """Overall, every address and issuer, and the requirements that were not met in every run."""
    runs = history.runs
    found = [Lane(label="overall", classes=tuple(_OVERALL.get(run.overall, "open") for run in runs))]
    for of in FACTS.values():
        for span in history.spans(of)[:MOST_LANES]:
            classes = tuple("seen" if span.value in of(run) else None for run in runs)
            found.append(Lane(label=span.value, classes=classes))
    ended = [dict(run.statuses) for run in runs]
    for name in history.requirements():
        classes = tuple(_CLASSES[each[name]] if name in each else None for each in ended)
        if set(classes) - {"met", "none", None}:
            drawn = tuple(None if each == "none" else each for each in classes)
            found.append(Lane(label=name, classes=drawn))
    return found


def _history(history: History, number: int) -> Iterator[str]:
    runs = history.runs
    yield f"<section><h2>{_safe(history.endpoint)}</h2>"
    counted = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    yield f"<p>{counted}, {when(runs[0].started)} to {when(runs[-1].started)} UTC. {_steady(history)}</p>"
    yield f'<div class="picture" tabindex="0" role="region" aria-label="picture {number + 1}">'
    yield from _svg(history, lanes(history))
    yield "</div>"
    for title, of in FACTS.items():
        spans = history.spans(of)
        if spans:
            yield from _table(
                (title, "first seen (UTC)", "last seen", "runs", "not seen since"),
                (
                    (
                        span.value,
                        when(span.first),
                        when(span.last),
                        f"{span.runs} of {len(runs)}",
                        when(span.gone_since) if span.gone_since else "",
                    )
                    for span in spans
                ),
            )
    changed = [(run, told) for run, told in history.changes() if told]
    yield from _table(
        ("when (UTC)", "overall", "changed since the run before", "journal"),
        ((when(run.started), run.overall, "; ".join(told), run.path) for run, told in changed[-MOST_ROWS:]),
    )
    yield "</section>"


def _steady(history: History) -> str:
    ended = [dict(run.statuses) for run in history.runs]
    steady = [
        name
        for name in history.requirements()
        if {_CLASSES[each[name]] for each in ended if name in each} <= {"met", "none"}
    ]
    return f"Never unmet, so without a lane: {_safe(', '.join(steady))}." if steady else ""


def _svg(history: History, drawn: Sequence[Lane]) -> Iterator[str]:
    runs = history.runs
    width = _PLOT / len(runs)
    height = len(drawn) * (_HEIGHT + _GAP) + 24
    yield (
        f'<svg viewBox="0 0 {_LABELS + _PLOT + 10} {height}" role="img" '
        f'aria-label="{_safe(f"addresses, issuers and verdicts of {history.endpoint} over {len(runs)} runs")}">'
        '<defs><pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect class="ground" width="6" height="6"/>'
        '<line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>'
    )
    yield from _ticks(runs, width, height)
    for row, lane in enumerate(drawn):
        top = row * (_HEIGHT + _GAP)
        label = f"{_safe(_shortened(lane.label))}<title>{_safe(lane.label)}</title>"
        yield f'<text x="0" y="{top + _HEIGHT - 3}">{label}</text>'
        for first, last, name in _segments(lane.classes):
            until = f" to {when(runs[last].started)}" if last > first else ""
            told = _safe(f"{lane.label}: {name}, {when(runs[first].started)}{until}")
            wide = max((last - first + 1) * width - min(width * 0.15, 1), 0.5)
            yield (
                f'<rect class="{name}" x="{_LABELS + first * width:.2f}" y="{top}" width="{wide:.2f}" '
                f'height="{_HEIGHT}"><title>{told}</title></rect>'
            )
    yield "</svg>"


def _ticks(runs: Sequence[PastRun], width: float, height: int) -> Iterator[str]:
    """Dates under the first column and at most `_TICKS` others, evenly."""
    step = max(1, -(-len(runs) // _TICKS))
    for number in range(0, len(runs), step):
        x = _LABELS + number * width
        yield f'<line x1="{x:.2f}" y1="0" x2="{x:.2f}" y2="{height - 18}" opacity=".5"/>'
        yield f'<text class="soft" x="{x:.2f}" y="{height - 5}">{when(runs[number].started)[:16]}</text>'


def _segments(classes: Sequence[str | None]) -> Iterator[tuple[int, int, str]]:
    """(first, last, class) of each stretch that is alike."""
    first = 0
    for number in range(1, len(classes) + 1):
        if number == len(classes) or classes[number] != classes[first]:
            name = classes[first]
            if name is not None:
                yield first, number - 1, name
            first = number


_LEGEND = {"met": "met, satisfied", "unmet": "unmet", "waived": "waived", "open": "no answer", "seen": "seen"}


def _legend() -> str:
    marks = (
        f'<li><svg viewBox="0 0 9 9" aria-hidden="true"><rect class="{name}" width="9" height="9"/></svg> {text}</li>'
        for name, text in _LEGEND.items()
    )
    return f'<ul class="legend">{"".join(marks)}</ul>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"<table><thead><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr></thead><tbody>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>"
    yield "</tbody></table>"


def _shortened(text: str, most: int = 38) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _safe(text: str) -> str:
    return escape(printable(text))
