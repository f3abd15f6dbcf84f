"""JUnit XML in the schema that pytest writes: one test case per planned case, with properties.

Rules
* `fail` is a failure. What nobody could look at or never came to a verdict is an error. An unmet *should*, `waived`,
  `notchecked` and `notapplicable` are skipped, each with its reason: as pytest's own `--junitxml` has them.
* A viewer calls a file green that has neither failure nor error. Where the run is not satisfied all the same, a last
  case `overall` is an error and says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from xml.etree import ElementTree

from netcompliance.journal.writer import rfc3339
from netcompliance.report import summary
from netcompliance.report.export.markup import child, document
from netcompliance.report.export.run import ExportedRun, Row
from netcompliance.results import CaseStatus, Overall

_MARK: Mapping[CaseStatus, str] = {
    CaseStatus.FAIL: "failure",
    CaseStatus.ERROR: "error",
    CaseStatus.NO_VERDICT: "error",
    CaseStatus.UNMET_SHOULD: "skipped",
    CaseStatus.WAIVED: "skipped",
    CaseStatus.NOTCHECKED: "skipped",
    CaseStatus.NOTAPPLICABLE: "skipped",
}


def render(run: ExportedRun) -> str:
    """The run as one test suite."""
    marks = Counter(_MARK.get(row.status, "pass") for row in run.rows)
    looks_green = not marks["failure"] and not marks["error"]
    contradicts = looks_green and run.overall is not Overall.SATISFIED
    name = f"netcompliance.{run.tenant}"
    root = ElementTree.Element("testsuites", {"name": "netcompliance"})
    suite = child(
        root,
        "testsuite",
        attributes={
            "name": name,
            "tests": str(len(run.rows) + contradicts),
            "failures": str(marks["failure"]),
            "errors": str(marks["error"] + contradicts),
            "skipped": str(marks["skipped"]),
            "timestamp": rfc3339(run.started),
            **_duration(run),
        },
    )
    _properties(
        suite,
        {
            "run": run.id,
            "endpoint": run.endpoint,
            "overall": run.overall,
            "complete": "no" if run.finished is None else "yes",
            "version": run.version,
            "catalogue": run.catalogue,
            "catalogue_sha256": run.catalogue_sha256,
            "journal_sha256": run.journal_sha256,
        },
    )
    for row in run.rows:
        _case(suite, f"{name}.{row.requirement.id}", row)
    if contradicts:
        why = summary.why_undetermined([row.entry for row in run.rows])
        case = child(suite, "testcase", attributes={"classname": name, "name": "overall"})
        child(case, "error", attributes={"type": "overall", "message": f"{run.overall}: {why}"})
    return document(root)


def _case(suite: ElementTree.Element, classname: str, row: Row) -> None:
    case = child(suite, "testcase", attributes={"classname": classname, "name": row.name})
    _properties(
        case,
        {
            "requirement": row.requirement.id,
            "level": row.requirement.level,
            "basis": row.requirement.basis,
            "target": row.case.target,
            "vantage": row.case.vantage,
            "verdict": row.word,
            "codes": " ".join(row.codes),
        },
    )
    mark = _MARK.get(row.status)
    if mark:
        text = "\n".join(f"{label}: {text}" for label, text in row.paragraph)
        child(case, mark, text, {"type": row.status, "message": row.reason or ", ".join(row.codes) or row.word})


def _properties(parent: ElementTree.Element, told: Mapping[str, str]) -> None:
    properties = child(parent, "properties")
    for name, value in told.items():
        child(properties, "property", attributes={"name": name, "value": value})


def _duration(run: ExportedRun) -> Mapping[str, str]:
    if run.finished is None:
        return {}
    return {"time": f"{max(0.0, (run.finished - run.started).total_seconds()):.3f}"}
