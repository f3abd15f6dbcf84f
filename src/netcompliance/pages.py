"""The HTML report of runs, from their journals alone: which sections it has, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from netcompliance.change import page as comparison
from netcompliance.journal.reader import SavedRun
from netcompliance.journal.redact import Redactor
from netcompliance.report import watched
from netcompliance.report.html import facts, matrix, not_judged, picture, verdicts
from netcompliance.report.html.document import document, part
from netcompliance.report.html.markup import Markup
from netcompliance.report.html.sections import Section, tenant
from netcompliance.report.html.view_model import Account

NAME = "report.html"
"""The file beside a run's journal."""
SECTIONS: tuple[Section, ...] = (
    Section(name="facts", title="The run", parts=facts.facts),
    Section(name="watch", title="Watch", parts=watched.parts, word=watched.word),
    Section(name="comparison", title="Compared with the baseline", parts=comparison.parts),
    Section(name="matrix", title="Verdicts at a glance", parts=matrix.parts),
    Section(name="causes", title="Failures and warnings", parts=verdicts.causes),
    Section(name="paths", title="The path, and where it stopped", parts=picture.parts),
    Section(name="unjudged", title="What was not checked, and why", parts=not_judged.parts),
    Section(name="waivers", title="Waivers", parts=not_judged.waivers),
    Section(name="requirements", title="Requirements and evidence", parts=verdicts.requirements),
    Section(name="vantages", title="Vantages", parts=facts.vantages),
    Section(name="settings", title="Settings in effect", parts=facts.settings),
)


def page(run: SavedRun) -> Iterator[bytes]:
    """`report.html` in pieces, the same for the same journal. Raises `BadJournal`, and that before the first piece."""
    account = Account(run)
    title = f"{run.settings.tenant}: {account.word} · Network compliance"
    return (piece.encode() for piece in document(title, html_pieces([account])))


def within_another(runs: Sequence[SavedRun]) -> str:
    """What is told of all these runs, as a part of another program's page. Raises `BadJournal`."""
    return "".join(part(html_pieces(map(Account, runs))))


def html_pieces(accounts: Iterable[Account], sections: Sequence[Section] = SECTIONS) -> Iterator[str]:
    """The pieces of HTML, one run after the other."""
    for number, account in enumerate(accounts):
        yield from tenant(account, _markup(number), sections)


@cache
def anchor(number: int, requirement: str) -> str:
    """Where it is told of a requirement, of the run with this number."""
    return _markup(number).anchor(requirement)


def _markup(number: int) -> Markup:
    return Markup(Redactor(), f"t{number}")
