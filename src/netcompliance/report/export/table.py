"""CSV (RFC 4180) with a header line, one row per planned case, every cell quoted.

A spreadsheet takes a cell for a formula by its first character, quotes or not. Such a cell gets an apostrophe in front,
which spreadsheets read as "this is text".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from netcompliance.journal.writer import rfc3339
from netcompliance.report.export.run import ExportedRun, Row

_FORMULA = tuple("=+-@|%\t\r\n＝＋－＠")
"""First characters of formulas and of commands to other programs, full-width forms too."""


def render(run: ExportedRun) -> str:
    """The run as a table."""
    about = {
        "tenant": run.tenant,
        "run": run.id,
        "started": rfc3339(run.started),
        "finished": rfc3339(run.finished) if run.finished else "",
        "overall": run.overall,
    }
    proof = {"journal_sha256": run.journal_sha256}
    lines = [{**about, **_cells(row), **proof} for row in run.rows]
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([_harmless(line[column]) for column in COLUMNS] for line in lines)
    return out.getvalue()


COLUMNS = (
    *("tenant", "run", "started", "finished", "overall"),
    *("requirement", "level", "basis", "target", "vantage", "verdict", "standing", "codes", "subjects"),
    *("says", "saw", "means", "fix", "ask", "reason", "reproduce", "source", "journal_sha256"),
)
"""In this order. New ones come last."""


def _cells(row: Row) -> Mapping[str, str]:
    return {
        "requirement": row.requirement.id,
        "level": row.requirement.level,
        "basis": row.requirement.basis,
        "target": row.case.target,
        "vantage": row.case.vantage,
        "verdict": row.word,
        "standing": row.status,
        "codes": " ".join(row.codes),
        "subjects": " ".join(dict.fromkeys(found.subject for found in row.findings)),
        "says": row.requirement.says,
        "saw": row.saw,
        "means": row.means,
        "fix": row.fix,
        "ask": row.ask,
        "reason": row.reason,
        "reproduce": row.reproduce,
        "source": row.requirement.source,
    }


def _harmless(text: str) -> str:
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
