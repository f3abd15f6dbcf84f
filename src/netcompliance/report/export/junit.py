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
from netcompliance.report.export.population import Population, Row
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


def render(population: Population) -> str:
    """The run as one test suite."""
    marks = Counter(_MARK.get(row.status, "pass") for row in population.rows)
    looks_green = not marks["failure"] and not marks["error"]
    contradicts = looks_green and population.overall is not Overall.SATISFIED
    name = f"netcompliance.{population.tenant}"
    root = ElementTree.Element("testsuites", {"name": "netcompliance"})
    suite = child(
        root,
        "testsuite",
        attributes={
            "name": name,
            "tests": str(len(population.rows) + contradicts),
            "failures": str(marks["failure"]),
            "errors": str(marks["error"] + contradicts),
            "skipped": str(marks["skipped"]),
            "timestamp": rfc3339(population.started),
            **_duration(population),
        },
    )
    _properties(
        suite,
        {
            "run": population.run,
            "endpoint": population.endpoint,
            "overall": population.overall,
            "complete": "no" if population.finished is None else "yes",
            "version": population.version,
            "catalogue": population.catalogue,
            "catalogue_sha256": population.catalogue_sha256,
            "journal_sha256": population.journal_sha256,
        },
    )
    for row in population.rows:
        _case(suite, f"{name}.{row.requirement.id}", row)
    if contradicts:
        why = summary.why_undetermined([row.entry for row in population.rows])
        case = child(suite, "testcase", attributes={"classname": name, "name": "overall"})
        child(case, "error", attributes={"type": "overall", "message": f"{population.overall}: {why}"})
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
            "verdict": row.outcome,
            "codes": " ".join(row.codes),
        },
    )
    mark = _MARK.get(row.status)
    if mark:
        text = "\n".join(f"{label}: {text}" for label, text in row.paragraph)
        child(case, mark, text, {"type": row.status, "message": row.reason or ", ".join(row.codes) or row.outcome})


def _properties(parent: ElementTree.Element, told: Mapping[str, str]) -> None:
    properties = child(parent, "properties")
    for name, value in told.items():
        child(properties, "property", attributes={"name": name, "value": value})


def _duration(population: Population) -> Mapping[str, str]:
    if population.finished is None:
        return {}
    return {"time": f"{max(0.0, (population.finished - population.started).total_seconds()):.3f}"}
