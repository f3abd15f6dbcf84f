"""A watch as a picture: one row for each path, time from left to right, as inline SVG (pure).

Green is up, red is down, grey is unknown; a band beside the vantage's name is a time without a control connection.
Every outage is at least `LEAST` wide, or nobody would see half a second in an hour; its exact length is in its title.
Nothing in it is a script, a link or a style from elsewhere; every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from netcompliance import explain, outages
from netcompliance.outages import Path

LABEL = 250
"""Width of the names."""
WIDTH = 700
"""Width of the time."""
ROW = 18
LEAST = 2.0
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800)
"""Seconds between two marks of the axis."""
MARKS = 10
"""Marks of it at most."""

Gap = tuple[float, float | None]


def svg(title: str, paths: Sequence[Path], begin: float, end: float, gaps: Sequence[Gap] = ()) -> str:
    """The picture of one vantage, from `begin` to `end` (seconds since the epoch, as all times in it)."""
    height = ROW * (len(paths) + 3)
    return (
        f'<svg class="nc-timeline" role="img" viewBox="0 0 {LABEL + WIDTH + 10} {height}" width="100%" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="11" fill="currentColor">'
        f"<title>{_safe(title)}</title>"
        f"{''.join(_drawing(title, paths, begin, max(end, begin + 0.001), gaps))}</svg>"
    )


def _drawing(title: str, paths: Sequence[Path], begin: float, end: float, gaps: Sequence[Gap]) -> Iterator[str]:
    def x(at: float) -> float:
        return LABEL + WIDTH * min(1.0, max(0.0, (at - begin) / (end - begin)))

    yield _text(0, ROW - 5, title, weight="bold")
    for since, until in gaps:
        left, right = x(since), x(end if until is None else until)
        lasted = "from here on" if until is None else f"for {outages.seconds(until - since)}"
        told = f"no control connection {lasted}"
        yield _bar(left, 4, max(LEAST, right - left), ROW - 8, "#7a6fb0", told)
    for number, path in enumerate(paths, start=1):
        top = ROW * number
        yield _text(0, top + ROW - 5, f"{path.layer} {path.name}")
        yield _bar(x(path.begin), top + 3, x(path.end) - x(path.begin), ROW - 6, "#3f8f4a", _whole(path))
        for since, until in path.unknown:
            yield _bar(x(since), top + 3, max(LEAST, x(until) - x(since)), ROW - 6, "#b5b5b5", "unknown")
        for outage in path.outages:
            left = x(outage.begin.at)
            width = max(LEAST, x(outage.end.at) - left)
            yield _bar(
                left, top + 1, width, ROW - 2, "#c4161c", f"{clock(outage.begin.at)}: {outages.duration_text(outage)}"
            )
    yield from _axis(ROW * (len(paths) + 1), begin, end, x)


def _axis(top: float, begin: float, end: float, x: object) -> Iterator[str]:
    assert callable(x)
    step = next((step for step in STEPS if (end - begin) / step <= MARKS), (end - begin) / MARKS)
    yield f'<line x1="{LABEL}" y1="{top + 3}" x2="{LABEL + WIDTH}" y2="{top + 3}" stroke="currentColor"/>'
    mark = begin - begin % step + step
    while mark <= end:
        yield f'<line x1="{x(mark):.1f}" y1="{top + 3}" x2="{x(mark):.1f}" y2="{top + 7}" stroke="currentColor"/>'
        if x(mark) < LABEL + WIDTH - 20:
            yield _text(x(mark), top + ROW, clock(mark), anchor="middle")
        mark += step
    yield _text(LABEL + WIDTH, top + 2 * ROW - 4, "UTC, by the host's clock", anchor="end")


def _whole(path: Path) -> str:
    return f"{outages.percent(path.availability)} in {path.samples} samples"


def _bar(x: float, y: float, width: float, height: float, colour: str, told: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height}" fill="{colour}">'
        f"<title>{_safe(told)}</title></rect>"
    )


def _text(x: float, y: float, told: str, *, anchor: str = "start", weight: str = "normal") -> str:
    shown = told if len(told) <= 44 else told[:43] + "…"
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{_safe(shown)}</text>'


def _safe(told: str) -> str:
    return escape(explain.printable(told))


def clock(at: float, form: str = "%H:%M:%S") -> str:
    """A host's time for people; what no calendar has is said so."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime(form)
    except (OverflowError, OSError, ValueError):
        return "at no time of a calendar"
