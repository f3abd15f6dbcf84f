"""Markdown (GitHub's) for a ticket: what the run came to, a paragraph for each unmet requirement, and short tables.

Rules
* A ticket has to stay short with many hosts. Cases that differ in the vantage alone share a paragraph, which has what
  was seen and what to do for each of them, and so do targets for which the same is to be done; cases without an answer
  share a line for each reason; all requirements are in a table with the number of their cases.
* Whatever the journal says stands in code: in a span, or in a fenced block none of whose lines can be a fence, since
  each begins with a requirement or a label. In code nothing is markup, a link, a mention of somebody or a reference to
  another ticket.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from netcompliance.journal.writer import rfc3339
from netcompliance.report import summary
from netcompliance.report.export.causes import causes, grouped
from netcompliance.report.export.run import ExportedRun, Row
from netcompliance.results import RANK, CaseStatus, Overall

LABEL = 11
"""Columns of a paragraph's labels."""
WIDTH = 100
_IN_FULL = (CaseStatus.FAIL, CaseStatus.UNMET_SHOULD, CaseStatus.WAIVED)
_WITHOUT_ANSWER = (CaseStatus.ERROR, CaseStatus.NO_VERDICT, CaseStatus.NOTCHECKED)


def render(run: ExportedRun) -> str:
    """The run as a ticket."""
    return "\n".join([*_head(run), *_body(run), ""])


def _head(run: ExportedRun) -> Iterator[str]:
    entries = [row.entry for row in run.rows]
    word = summary.concluded(run.overall, summary.warnings(entries))
    yield f"# Network of {_code(run.domain_name)}: {word}"
    yield ""
    if run.finished is None:
        yield "**The run was cut off. It is no evidence of anything that works.**"
        yield ""
    yield f"* {len(entries)} cases planned: {summary.counted(entries) or 'none'}"
    if run.overall is Overall.UNDETERMINED:
        yield f"* undetermined: {summary.why_undetermined(entries)}"
    yield f"* endpoint {_code(run.endpoint)}"
    ended = rfc3339(run.finished) if run.finished else "no end"
    yield f"* {rfc3339(run.started)} to {ended}, run {_code(run.id)}"
    yield f"* {_code(f'{run.tool} {run.version}'.strip())}, catalogue {_code(run.catalogue)}"
    yield f"* journal sha256 {_code(run.journal_sha256)}"


def _body(run: ExportedRun) -> Iterator[str]:
    ranked = sorted(run.rows, key=lambda row: RANK[row.status])
    unmet = [row for row in ranked if row.status in _IN_FULL]
    for rows, remedies in causes(unmet):
        yield from _paragraph(rows, remedies)
    unanswered = grouped([row for row in ranked if row.status in _WITHOUT_ANSWER], lambda row: row.reason)
    yield from _table(
        "Without an answer",
        ("because", "cases", "requirements", "from"),
        (
            (
                alike[0].reason,
                str(len(alike)),
                summary.names(row.entry for row in alike),
                summary.folded(row.case.vantage for row in alike),
            )
            for alike in unanswered
        ),
    )
    yield from _table(
        "Vantages",
        ("from", "host name", "source address", "could not look"),
        (
            (place.id, place.facts.get("hostname", ""), place.facts.get("source_address", ""), place.error)
            for place in run.places
        ),
    )
    yield from _table(
        "Requirements",
        ("requirement", "level", "says", "cases"),
        (
            (alike[0].requirement.id, alike[0].requirement.level, alike[0].requirement.says, _tally(alike))
            for alike in grouped(run.rows, lambda row: row.requirement.id)
        ),
    )


def _tally(rows: Iterable[Row]) -> str:
    """`1 FAIL, 4 pass`, the worst first."""
    tally = Counter(row.status for row in rows)
    return ", ".join(f"{tally[status]} {status}" for status in sorted(tally, key=RANK.__getitem__))


def _paragraph(alike: Sequence[Row], remedies: Sequence[str]) -> Iterator[str]:
    """What was said from several vantages stands once, what differs stands for each."""
    row = alike[0]
    places = summary.folded(dict.fromkeys(each.case.vantage for each in alike))
    targets = list(dict.fromkeys(each.case.target for each in alike))
    more = f" and {len(targets) - 1} more" if targets[1:] else ""
    said: dict[str, dict[str, None]] = {"targets": {", ".join(targets): None}} if targets[1:] else {}
    for each in alike:
        for label, text in each.paragraph:
            said.setdefault(label, {})[text] = None
    if "fix" in said:
        said["fix"] = dict.fromkeys(remedies)
    if targets[1:] and "reproduce" in said:
        said["reproduce"] = dict.fromkeys(list(said["reproduce"])[:1])
    told = [
        f"{row.requirement.id} {row.case.target}{more} from {places} — {', '.join(row.codes) or row.word}",
        *(line for label, texts in said.items() for text in texts for line in _labelled(label, text)),
    ]
    yield from ("", f"## {_code(row.requirement.id)} {row.status}", "", "```text", *told, "```")


def _labelled(label: str, text: str) -> list[str]:
    """Wrapped, except for the command, which must stay in one piece to be copied."""
    start = f"  {label:<{LABEL}}"
    if label == "reproduce":
        return [start + text]
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
        break_long_words=False,
    )


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    if lines:
        yield from ("", f"## {title}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *lines)


def _cell(text: str) -> str:
    """In a table a bar ends the cell, in code too."""
    return _code(text).replace("|", r"\|")


def _code(text: str) -> str:
    if not text:
        return ""
    fence = "`" * (1 + _longest_run(text))
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
