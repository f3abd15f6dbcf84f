"""Prometheus text format, for the textfile collector of node_exporter.

Rules
* A series for each planned case names its verdict in a label and has the value 1. It keeps its other labels from run to
  run; findings have series of their own.
* Times are values in seconds, never time stamps of samples: the collector refuses those.
* A run without a footer has `netcompliance_run_complete` 0 and no time at which it finished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from netcompliance.report.export.causes import causes
from netcompliance.report.export.run import WORDS, ExportedRun, Row
from netcompliance.results import CaseStatus, Overall

Sample = tuple[Mapping[str, str], float]
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def render(run: ExportedRun) -> str:
    """The run as gauges."""
    return "".join(
        line for name, text, samples in _families(run) for line in _family(f"netcompliance_{name}", text, samples)
    )


def _families(run: ExportedRun) -> Iterator[tuple[str, str, list[Sample]]]:
    tenant = {"tenant": run.tenant}
    about = {
        "run": run.id,
        "endpoint": run.endpoint,
        "version": run.version,
        "catalogue": run.catalogue,
        "catalogue_sha256": run.catalogue_sha256,
        "journal_sha256": run.journal_sha256,
    }
    yield "run_info", "With what the last run was made. Always 1.", [(tenant | about, 1)]
    yield (
        "run_overall",
        "1 for what the last run came to, 0 for the other words.",
        [(tenant | {"overall": str(word)}, word is run.overall) for word in Overall],
    )
    complete = run.finished is not None
    yield "run_complete", "1 if the last run came to its end, 0 if it was cut off.", [(tenant, complete)]
    yield "run_started_timestamp_seconds", "When the last run began.", [(tenant, _seconds(run.started))]
    if run.finished:
        yield "run_finished_timestamp_seconds", "When the last run ended.", [(tenant, _seconds(run.finished))]
    words = Counter(row.word for row in run.rows)
    yield (
        "cases",
        "Planned cases by verdict; error: nobody could look, unknown: without a verdict.",
        [(tenant | {"verdict": word}, words[word]) for word in WORDS],
    )
    yield (
        "case_verdict",
        "1 for the verdict on a planned case.",
        [(tenant | _labels(row) | {"verdict": row.word}, 1) for row in run.rows],
    )
    unmet = [row for row in run.rows if row.status in (CaseStatus.FAIL, CaseStatus.UNMET_SHOULD)]
    asked = Counter(rows[0].requirement.id for rows, _ in causes(unmet))
    yield (
        "actions",
        "What is to be done about unmet cases: one for each cause, however many cases it has.",
        [(tenant | {"requirement": name}, number) for name, number in asked.items()],
    )
    yield "case_findings", "Findings of a case by code.", [*_findings(run.rows, tenant)]
    yield (
        "waiver_expires_timestamp_seconds",
        "When the waiver of a waived case ends.",
        [(tenant | _labels(row), _seconds(row.waived_until)) for row in run.rows if row.waived_until],
    )
    yield (
        "vantage_visited",
        "1 if a vantage was visited to its end.",
        [(tenant | {"vantage": place.id}, place.visited) for place in run.places],
    )
    yield (
        "vantage_clock_offset_seconds",
        "How far the clock of a vantage is ahead of the service's.",
        [
            (tenant | {"vantage": place.id}, place.clock_offset)
            for place in run.places
            if place.clock_offset is not None
        ],
    )


def _findings(rows: Iterable[Row], tenant: Mapping[str, str]) -> Iterator[Sample]:
    for row in rows:
        for code, number in Counter(found.code for found in row.findings).items():
            yield {**tenant, **_labels(row), "code": code}, number


def _labels(row: Row) -> dict[str, str]:
    return {
        "requirement": row.requirement.id,
        "level": str(row.requirement.level),
        "target": row.case.target,
        "vantage": row.case.vantage,
    }


def _family(name: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    for number, (labels, value) in enumerate(samples):
        if not number:
            yield f"# HELP {name} {text}\n# TYPE {name} gauge\n"
        told = ",".join(f'{label}="{each.translate(_ESCAPED)}"' for label, each in labels.items())
        yield f"{name}{{{told}}} {float(value):.15g}\n"


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
