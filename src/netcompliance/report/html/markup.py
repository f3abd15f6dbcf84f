"""HTML that cannot be broken out of: whatever is not ours goes through `Markup.text`.

Rules
* Text is made printable (no control, bidi or invisible character survives), redacted, and escaped, in that order.
* Names become anchors by a digest where they hold anything but letters, digits and hyphens.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape

from netcompliance import explain
from netcompliance.journal.redact import Redactor
from netcompliance.results import RANK, CaseStatus, Overall

MARKS = {
    CaseStatus.FAIL: ("bad", "✕"),
    CaseStatus.ERROR: ("bad", "E"),
    CaseStatus.NO_VERDICT: ("warn", "∅"),
    CaseStatus.UNMET_SHOULD: ("warn", "!"),
    CaseStatus.NOTCHECKED: ("warn", "?"),
    CaseStatus.WAIVED: ("warn", "w"),
    CaseStatus.PASS: ("good", "✓"),
    CaseStatus.NOTAPPLICABLE: ("none", "–"),
}
"""CaseStatus → (class, sign). A sign beside each colour, for those who see none and for printers without."""
LEGEND = {
    CaseStatus.FAIL: "not met",
    CaseStatus.ERROR: "could not look",
    CaseStatus.NO_VERDICT: "never came to a verdict",
    CaseStatus.UNMET_SHOULD: "a should that is not met",
    CaseStatus.NOTCHECKED: "not checked",
    CaseStatus.WAIVED: "not met, and accepted",
    CaseStatus.PASS: "met",
    CaseStatus.NOTAPPLICABLE: "not asked here",
}
KEYS = {standing: standing.name.lower().replace("_", "-") for standing in CaseStatus}
"""CaseStatus → the word by which a page's filter knows it."""
OVERALL = {
    Overall.SATISFIED: ("good", "✓"),
    Overall.NOT_SATISFIED: ("bad", "✕"),
    Overall.UNDETERMINED: ("warn", "?"),
}
_PLAIN = re.compile(r"[A-Za-z0-9-]{1,64}")


class Markup:
    """Makes HTML of the texts of one run."""

    def __init__(self, redactor: Redactor, prefix: str) -> None:
        self._redactor = redactor
        self._prefix = prefix

    def text(self, text: object, most: int = 2000) -> str:
        """Text, safe between tags and in quoted attributes."""
        return escape(self._redactor.text(explain.printable(text, most)))

    def code(self, text: object) -> str:
        """The same, set as code."""
        return f"<code>{self.text(text)}</code>"

    def anchor(self, *names: str) -> str:
        """An id for these names that no other run of the page has."""
        return "-".join((self._prefix, *map(_plain, names)))

    def pairs(self, rows: Iterable[tuple[str, str]], kind: str = "") -> str:
        """A list of labels and what they stand for; the latter is HTML already."""
        items = "".join(f"<dt>{name}</dt><dd>{html}</dd>" for name, html in rows if html)
        return f'<dl class="{kind}">{items}</dl>' if kind else f"<dl>{items}</dl>"

    def status_mark(self, standing: CaseStatus) -> str:
        """A status in words, with its sign and colour."""
        kind, sign = MARKS[standing]
        return f'<span class="mark {kind}"><span aria-hidden="true">{sign}</span> {standing}</span>'


def table(head: Iterable[str], rows: Iterable[Iterable[str]], kind: str = "") -> Iterator[str]:
    """A table of HTML cells, a row at a time; the first cell of each row heads it."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    yield f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>'
    for first, *rest in rows:
        yield f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
    yield "</tbody></table>"


def scrolling(label: str, html: Iterable[str]) -> Iterator[str]:
    """Wide content in a region of its own that may scroll, also by keyboard."""
    yield f'<div class="wide" role="region" aria-label="{escape(label)}" tabindex="0">'
    yield from html
    yield "</div>"


def worst(standings: Iterable[CaseStatus]) -> CaseStatus:
    """The worst of some statuses; there is at least one."""
    return min(standings, key=RANK.__getitem__)


def moment(at: datetime) -> str:
    """A time for people: UTC, to the second, and said so."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def many(number: int, word: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}".replace(",", "\u202f")


def _plain(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:12]
