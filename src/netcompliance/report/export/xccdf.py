"""XCCDF 1.2 (NISTIR 7275 r4): a benchmark of the requirements that were planned, with one TestResult for the run.

Rules
* What is tested is the network between the vantages and the tenant. So a rule is checked several times, and each
  planned case is a rule-result: its check is named by target and vantage, and so are its instances.
* Verdicts are XCCDF's own words, but for `waived`, which is a `fail`. What nobody could look at is `error`, what has no
  verdict is `unknown`.
* What is waived is told once more, in a TestResult of its own before the complete one, with an override from fail to
  fail that names who accepts it and why. It is apart because the schematron rules of XCCDF want either all or none of
  a TestResult's results overridden. Its profile selects the rules that are in it.
* The score is the specification's flat model, every rule-result with weight 1.
* A TestResult must say when it ended, so a run without a footer is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree

from netcompliance.journal import JOURNAL
from netcompliance.journal.writer import rfc3339
from netcompliance.model import Level
from netcompliance.report.export.markup import child, document
from netcompliance.report.export.run import ExportedRun, NotRepresentable, Row
from netcompliance.results import CaseStatus

NAMESPACE = "http://checklists.nist.gov/xccdf/1.2"
DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
TITLE = "Network configuration for the StackState Agent"
WAIVED = "waived"
CHECKED_BY = "urn:netcompliance:journal"
"""The checking system: a rule's check is in the journal."""

_NOT_SCORED = ("notapplicable", "notchecked")
_SEVERITY: Mapping[Level, str] = {Level.MUST: "high", Level.SHOULD: "low"}
_MESSAGE: Mapping[CaseStatus, str] = {
    CaseStatus.FAIL: "error",
    CaseStatus.ERROR: "error",
    CaseStatus.NO_VERDICT: "error",
    CaseStatus.UNMET_SHOULD: "warning",
    CaseStatus.WAIVED: "warning",
    CaseStatus.NOTCHECKED: "warning",
}
_SAID_BY_THE_RULE = ("required", "source")


def render(run: ExportedRun) -> str:
    """The run as a benchmark with its results."""
    if run.finished is None:
        raise NotRepresentable("a run without an end: the journal has no footer")
    if not run.rows:
        raise NotRepresentable("a run in which nothing was planned")
    root = ElementTree.Element(
        "Benchmark", {"xmlns": NAMESPACE, "xmlns:dc": DUBLIN_CORE, "id": _id("benchmark", "network-configuration")}
    )
    child(root, "status", "accepted")
    child(root, "title", TITLE)
    child(root, "description", "What the StackState Agent's network documentation requires of a network.")
    child(root, "version", run.catalogue)
    metadata = child(root, "metadata")
    child(metadata, "dc:title", TITLE)
    child(metadata, "dc:creator", "netcompliance")
    waived = [row for row in run.rows if row.status is CaseStatus.WAIVED]
    if waived:
        _profile(root, run.rows, waived)
    for row in {row.requirement.id: row for row in run.rows}.values():
        _rule(root, row)
    if waived:
        _test_result(root, run, rfc3339(run.finished), waived, WAIVED)
    _test_result(root, run, rfc3339(run.finished), run.rows)
    return document(root)


def _profile(root: ElementTree.Element, rows: Sequence[Row], chosen: Sequence[Row]) -> None:
    profile = child(root, "Profile", attributes={"id": _id("profile", WAIVED)})
    child(profile, "title", "Requirements of which a failure is waived")
    selected = {row.requirement.id for row in chosen}
    for name in dict.fromkeys(row.requirement.id for row in rows):
        child(
            profile,
            "select",
            attributes={"idref": _id("rule", name), "selected": "true" if name in selected else "false"},
        )


def _rule(root: ElementTree.Element, row: Row) -> None:
    requirement = row.requirement
    severity = _SEVERITY[requirement.level]
    rule = child(root, "Rule", attributes={"id": _id("rule", requirement.id), "severity": severity, "multiple": "true"})
    child(rule, "title", f"{requirement.id}: {requirement.says}")
    child(rule, "description", f"Level {requirement.level}, {requirement.basis}.")
    child(rule, "reference", requirement.source, {"href": ""})
    check = child(rule, "check", attributes={"system": CHECKED_BY, "multi-check": "true"})
    child(check, "check-content-ref", attributes={"href": JOURNAL})


def _test_result(
    root: ElementTree.Element, run: ExportedRun, finished: str, rows: Sequence[Row], profile: str | None = None
) -> None:
    result = child(
        root,
        "TestResult",
        attributes={
            "id": _id("testresult", f"{run.id}-{profile}" if profile else run.id),
            "start-time": rfc3339(run.started),
            "end-time": finished,
            "version": run.catalogue,
            "test-system": f"{run.tool} {run.version}".strip(),
        },
    )
    child(result, "title", f"{run.tenant}: {run.overall}{f', what is {profile}' if profile else ''}")
    if profile:
        child(result, "profile", attributes={"idref": _id("profile", profile)})
    child(result, "target", f"network of {run.domain_name}")
    for address in dict.fromkeys(place.facts.get("source_address", "") for place in run.places):
        if address:
            child(result, "target-address", address)
    facts = child(result, "target-facts")
    for name, text in _facts(run):
        child(facts, "fact", text, {"name": f"urn:netcompliance:fact:{name}", "type": "string"})
    for row in rows:
        _rule_result(result, row, _override(row, finished) if profile else None)
    results = [_result_word(row) for row in rows]
    scored = [each for each in results if each not in _NOT_SCORED]
    child(
        result,
        "score",
        str(scored.count("pass")),
        {"system": "urn:xccdf:scoring:flat", "maximum": str(len(scored))},
    )


def _facts(run: ExportedRun) -> Iterator[tuple[str, str]]:
    yield "endpoint", run.endpoint
    yield "overall", run.overall
    yield "catalogue_sha256", run.catalogue_sha256
    yield "settings_sha256", run.settings_sha256
    yield "journal_sha256", run.journal_sha256
    for number, place in enumerate(run.places, 1):
        known = [f"{name} {text}" for name, text in place.facts.items()]
        yield f"vantage:{number}", "; ".join([place.id, *known, *([f"error {place.error}"] if place.error else [])])


def _result_word(row: Row) -> str:
    return "fail" if row.status is CaseStatus.WAIVED else row.word


def _rule_result(result: ElementTree.Element, row: Row, override: ElementTree.Element | None) -> None:
    told = child(
        result,
        "rule-result",
        attributes={
            "idref": _id("rule", row.requirement.id),
            "severity": _SEVERITY[row.requirement.level],
            "weight": "1.0",
        },
    )
    child(told, "result", _result_word(row))
    if override is not None:
        told.append(override)
    severity = _MESSAGE.get(row.status, "info")
    for label, text in (("codes", ", ".join(row.codes)), *row.paragraph):
        if text and label not in _SAID_BY_THE_RULE:
            said = "waived" if label == "because" and row.status is CaseStatus.WAIVED else label
            child(told, "message", f"{said}: {text}", {"severity": severity})
    child(told, "instance", row.case.target, {"context": "target"})
    child(told, "instance", row.case.vantage, {"context": "vantage"})
    check = child(told, "check", attributes={"system": CHECKED_BY, "multi-check": "true"})
    name = f"{row.case.target} from {row.case.vantage}"
    child(check, "check-content-ref", attributes={"href": JOURNAL, "name": name})


def _override(row: Row, at: str) -> ElementTree.Element:
    authority = row.waiver.owner if row.waiver else "unknown"
    override = ElementTree.Element("override", {"time": at, "authority": authority})
    child(override, "old-result", "fail")
    child(override, "new-result", "fail")
    child(override, "remark", row.reason)
    return override


def _id(kind: str, name: str) -> str:
    return f"xccdf_netcompliance_{kind}_{name}"
