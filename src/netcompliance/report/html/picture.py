"""A path as inline SVG: trunk on the left, a lane for each address or image, a sign at every station."""

from __future__ import annotations

from collections.abc import Iterator

from netcompliance.report import summary
from netcompliance.report.html.markup import Markup
from netcompliance.report.html.path import Lane, Mark, Picture, Station, pictures
from netcompliance.report.html.view_model import Account

PICTURES = 12
"""Pictures of paths that are drawn, at most."""

WIDTH = 1000
NAME = 290
"""Room for a lane's name."""
NAME_OF_FEW = 370
FEW = 3
"""So few stations leave more room for it."""
TRUNK = 66
TOP = 44
LANE = 50
RADIUS = 9
LETTER = 7.2
"""Room for a letter of it."""
MARGIN = 84
"""Right of the last station, for its note."""
NOTE = 26
"""Letters of a note."""

_KINDS = {Mark.BAD: "bad", Mark.WARN: "warn", Mark.OPEN: "open", Mark.GOOD: "good", Mark.NONE: "none"}
_SIGNS = {
    Mark.BAD: '<path d="M-4 -4L4 4M4 -4L-4 4"/>',
    Mark.WARN: '<path d="M0 -5V1M0 4V5"/>',
    Mark.OPEN: "",
    Mark.GOOD: '<path d="M-4 0L-1 3.5L4.5 -3.5"/>',
    Mark.NONE: '<path d="M-4 0H4"/>',
}


def parts(account: Account, markup: Markup) -> Iterator[str]:
    """Every picture, for all vantages of which it is the same."""
    drawn = pictures(account)
    for picture, vantages in drawn[:PICTURES]:
        more = f"; {picture.left_out} more not drawn" if picture.left_out else ""
        count = f" ({len(vantages)} vantages)" if len(vantages) > 1 else ""
        where = markup.text(summary.folded(vantages))
        yield (
            f'<figure class="way"><figcaption><b>{markup.text(picture.title)}</b> from {where}{count}{more}'
            f"</figcaption>{svg(picture, markup)}</figure>"
        )
    if drawn[PICTURES:]:
        rest = sorted({vantage for _, vantages in drawn[PICTURES:] for vantage in vantages})
        yield f'<p class="note">Not drawn, but told below: {markup.text(summary.folded(rest))}</p>'


def svg(picture: Picture, markup: Markup) -> str:
    """The picture, with the same in words for those who do not see it."""
    return "".join(_parts(picture, markup))


def _parts(picture: Picture, markup: Markup) -> Iterator[str]:
    lanes = picture.lanes
    height = TOP + LANE * len(lanes) + 6
    middle = TOP + LANE * (len(lanes) - 1) / 2 + 18
    columns = len(lanes[0].stations)
    name = NAME if columns > FEW else NAME_OF_FEW
    step = (WIDTH - TRUNK - name - MARGIN) / max(columns - 1, 1)
    at = [TRUNK + name + step * number for number in range(columns)]
    label = markup.text(picture.description)
    yield f'<svg class="path" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'
    heads = [(TRUNK, picture.trunk.label), *zip(at, (s.label for s in lanes[0].stations), strict=True)]
    for x, label in heads:
        yield f'<text class="head" x="{x:.0f}" y="14" text-anchor="middle">{markup.text(label)}</text>'
    kind, note = _KINDS[picture.trunk.mark], markup.text(_middle(picture.trunk.note, NOTE))
    yield f'<g class="{kind}"><text class="note" x="{TRUNK}" y="29" text-anchor="middle">{note}</text></g>'
    for number, lane in enumerate(lanes):
        yield from _lane(picture.trunk, lane, at, middle, TOP + LANE * number + 18, markup)
    yield _node(Station(label=picture.trunk.label, mark=picture.trunk.mark), TRUNK, middle, markup)
    yield "</svg>"


def _lane(trunk: Station, lane: Lane, at: list[float], middle: float, y: float, markup: Markup) -> Iterator[str]:
    bend = TRUNK + 34
    kind = _line(trunk, lane.stations[0])
    curve = f"M{TRUNK} {middle:.0f}C{bend} {middle:.0f} {bend - 14} {y:.0f} {bend + 22} {y:.0f}H{at[0]:.0f}"
    yield f'<path class="line {kind}" d="{curve}"/>'
    for one, two, x, to in zip(lane.stations, lane.stations[1:], at, at[1:], strict=False):
        yield f'<path class="line {_line(one, two)}" d="M{x:.0f} {y:.0f}H{to:.0f}"/>'
    name = _middle(lane.name, int((at[0] - bend - 40) / LETTER))
    yield f'<text class="name" x="{bend + 26}" y="{y - 6:.0f}">{markup.text(name)}</text>'
    for station, x in zip(lane.stations, at, strict=True):
        yield _node(station, x, y, markup)


def _node(station: Station, x: float, y: float, markup: Markup) -> str:
    kind = _KINDS[station.mark]
    note = f'<text class="note" y="24" text-anchor="middle">{markup.text(_middle(station.note, NOTE))}</text>'
    return (
        f'<g class="node {kind}" transform="translate({x:.0f} {y:.0f})"><circle r="{RADIUS}"/>{_SIGNS[station.mark]}'
        f"{note if station.note else ''}</g>"
    )


def _line(one: Station, two: Station) -> str:
    """Whole as far as the way was gone."""
    return "gone" if one.mark in (Mark.GOOD, Mark.WARN) and two.mark not in (Mark.OPEN, Mark.NONE) else "ahead"


def _middle(text: str, most: int) -> str:
    """Shortened in the middle: both ends of a name tell it from others."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"
